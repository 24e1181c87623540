//! What instructions make of numbers.

use super::Result;
use super::kind::Kind;

/// What an instruction of numbers gives, its sources being C already.
pub fn arithmetic(parts: &[&str], kind: Kind, sources: &[String]) -> Result<String> {
    let has = |word: &str| parts.contains(&word);
    let c = kind.c();
    let double = kind.bits == 64;
    let either =
        |single: &'static str, of_double: &'static str| if double { of_double } else { single };
    let float = kind.is_float();
    Ok(match (parts[0], sources) {
        ("add", [a, b]) if float && has("rz") => {
            format!("({c})towards_zero((double){a}, (double){b})")
        }
        ("add", [a, b]) => format!("{a} + {b}"),
        ("sub", [a, b]) => format!("{a} - {b}"),
        ("mul", [a, b]) if has("wide") => format!("({0}){a} * ({0}){b}", kind.wide().c()),
        ("mul", [a, b]) if has("hi") && kind.bits == 32 => {
            format!("(({0}){a} * ({0}){b}) >> 32", kind.wide().c())
        }
        ("mul", [a, b]) if has("hi") && kind.letter == b'u' => {
            format!("(uint64_t)(((unsigned __int128){a} * {b}) >> 64)")
        }
        ("mul", [a, b]) => format!("{a} * {b}"),
        ("mad", [a, b, d]) if has("wide") => {
            format!("({0}){a} * ({0}){b} + {d}", kind.wide().c())
        }
        ("mad", [a, b, d]) if has("lo") => format!("{a} * {b} + {d}"),
        ("fma", [a, b, d]) if has("rm") && !double => format!("fma_down({a}, {b}, {d})"),
        ("fma", [a, b, d]) if has("rn") => format!("{}({a}, {b}, {d})", either("fmaf", "fma")),
        ("div", [a, b]) if float => format!("{a} / {b}"),
        // Neither a division by zero nor an overflow stops a card.
        ("div", [a, b]) if kind.letter == b's' => {
            format!("({b} == 0 ? -1 : {b} == -1 ? -{a} : {a} / {b})")
        }
        ("div", [a, b]) => format!("({b} == 0 ? -1 : {a} / {b})"),
        ("rem", [a, b]) if kind.letter == b's' => {
            format!("({b} == 0 ? {a} : {b} == -1 ? 0 : {a} % {b})")
        }
        ("rem", [a, b]) => format!("({b} == 0 ? {a} : {a} % {b})"),
        ("neg", [a]) => format!("-{a}"),
        ("abs", [a]) if float => format!("{}({a})", either("fabsf", "fabs")),
        ("abs", [a]) => format!("({a} < 0 ? -{a} : {a})"),
        ("min", [a, b]) if float => format!("{}({a}, {b})", either("fminf", "fmin")),
        ("max", [a, b]) if float => format!("{}({a}, {b})", either("fmaxf", "fmax")),
        ("min", [a, b]) => format!("({a} < {b} ? {a} : {b})"),
        ("max", [a, b]) => format!("({a} > {b} ? {a} : {b})"),
        // The first gives the sign.
        ("copysign", [a, b]) => format!("{}({b}, {a})", either("copysignf", "copysign")),
        ("sqrt", [a]) => format!("{}({a})", either("sqrtf", "sqrt")),
        ("rsqrt", [a]) => format!("({c})(1.0 / sqrt((double){a}))"),
        // The upper half of the bits alone, which the kernels' own code then refines.
        ("rcp", [a]) if double && has("approx") => format!("upper_half(1.0 / {a})"),
        ("rcp", [a]) => format!("({c})1 / {a}"),
        ("ex2", [a]) => format!("exp2f({a})"),
        ("lg2", [a]) => format!("log2f({a})"),
        ("and", [a, b]) => format!("{a} & {b}"),
        ("or", [a, b]) => format!("{a} | {b}"),
        ("xor", [a, b]) => format!("{a} ^ {b}"),
        ("not", [a]) if kind.bits == 1 => format!("!{a}"),
        ("not", [a]) => format!("~{a}"),
        ("shl", [a, by]) => format!(
            "({by} >= {0} ? 0 : {a} << ({by} & {1}))",
            kind.bits,
            kind.bits - 1
        ),
        ("shr", [a, by]) if kind.letter == b's' => {
            format!(
                "{a} >> ({by} >= {0} ? {1} : {by})",
                kind.bits,
                kind.bits - 1
            )
        }
        ("shr", [a, by]) => format!(
            "({by} >= {0} ? 0 : {a} >> ({by} & {1}))",
            kind.bits,
            kind.bits - 1
        ),
        _ => return Err("an instruction that is not known".to_owned()),
    })
}
