//! Instructions, one statement of C after the other.

use super::arithmetic::arithmetic;
use super::kernel::Kernel;
use super::kind::{B32, B64, Kind, PRED};
use super::{Result, plain};
use std::fmt::Write;

impl Kernel {
    pub fn instruction(&mut self, text: &str) -> Result<()> {
        let (condition, text) = match text.strip_prefix('@') {
            Some(rest) => {
                let (condition, text) = rest.split_once(' ').ok_or("a condition alone")?;
                (Some(condition), text)
            }
            None => (None, text),
        };
        if let Some(condition) = condition {
            let (not, register) = match condition.strip_prefix('!') {
                Some(register) => ("!", register),
                None => ("", condition),
            };
            let register = self.register(register)?;
            writeln!(self.code, "if ({not}{register}) {{").unwrap();
        }
        let (name, operands) = text.split_once(' ').unwrap_or((text, ""));
        let parts: Vec<&str> = name.split('.').collect();
        let operands = split(operands);
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        self.plain_instruction(&parts, &operands)?;
        if condition.is_some() {
            self.code.push_str("}\n");
        }
        Ok(())
    }

    fn plain_instruction(&mut self, parts: &[&str], operands: &[&str]) -> Result<()> {
        let kinds: Vec<Kind> = parts.iter().filter_map(|part| Kind::parse(part)).collect();
        let kind = kinds.last().copied();
        let has = |word: &str| parts.contains(&word);
        match (parts[0], operands) {
            ("bra", [label]) => writeln!(self.code, "goto {};", plain(label)).unwrap(),
            ("ret" | "exit", _) => self.code.push_str("return 0;\n"),
            ("bar" | "barrier", _) => {
                self.points += 1;
                let point = self.points;
                writeln!(self.code, "T->point = {point}; return 1; case {point}: ;").unwrap();
            }
            ("ld", [target, address]) => self.load(parts, target, address)?,
            ("st", [address, source]) => self.store(parts, address, source)?,
            ("cvta", [target, source]) => {
                let base = match (has("to"), has("shared"), has("local")) {
                    (_, false, false) => "0",
                    (false, true, _) => "(uint64_t)S",
                    (false, _, true) => "(uint64_t)T->local",
                    (true, true, _) => "-(uint64_t)S",
                    (true, _, true) => "-(uint64_t)T->local",
                };
                let source = self.bits(source)?;
                self.write(target, B64, &format!("(uint64_t){source} + {base}"))?;
            }
            ("mov", [target, source]) => self.copy(kind.ok_or("no kind")?, target, source)?,
            ("cvt", [target, source]) => match kinds.as_slice() {
                [to, from] => self.convert(parts, *to, *from, target, source)?,
                _ => return Err("a conversion that is not known".to_owned()),
            },
            ("setp", [target, a, b, rest @ ..]) => {
                self.compare(parts, kind.ok_or("no kind")?, target, a, b, rest)?;
            }
            ("selp", [target, a, b, condition]) => {
                let kind = kind.ok_or("no kind")?.raw();
                let (a, b) = (self.read(a, kind)?, self.read(b, kind)?);
                let condition = self.bits(condition)?;
                self.write(target, kind, &format!("{condition} ? {a} : {b}"))?;
            }
            // What a check of candle's calls when it has failed.
            ("call", _) => self.code.push_str("C->fault = 3; return 0;\n"),
            (_, [target, sources @ ..]) => {
                let kind = kind.ok_or("no kind")?;
                let mut values = Vec::new();
                for (place, source) in sources.iter().enumerate() {
                    // The third of a wide product is as wide as the result; how far to shift is always of 32 bits.
                    let of = match (parts[0], place) {
                        ("mad", 2) if has("wide") => kind.wide(),
                        ("shl" | "shr", 1) => B32,
                        _ => kind,
                    };
                    values.push(self.read(source, of)?);
                }
                let result = if has("wide") { kind.wide() } else { kind };
                let value = arithmetic(parts, kind, &values)?;
                self.write(target, result, &value)?;
            }
            _ => return Err("an instruction that is not known".to_owned()),
        }
        Ok(())
    }

    fn copy(&mut self, kind: Kind, target: &str, source: &str) -> Result<()> {
        let kind = kind.raw();
        let half = Kind {
            letter: b'b',
            bits: kind.bits / 2,
        };
        if target.starts_with('{') {
            let source = self.read(source, kind)?;
            for (place, part) in split(target.trim_matches(['{', '}'])).iter().enumerate() {
                let shift = place as u32 * half.bits;
                self.write(part, half, &format!("{source} >> {shift}"))?;
            }
            return Ok(());
        }
        if source.starts_with('{') {
            let mut value = Vec::new();
            for (place, part) in split(source.trim_matches(['{', '}'])).iter().enumerate() {
                let part = self.read(part, half)?;
                value.push(format!(
                    "(({}){part} << {})",
                    kind.c(),
                    place as u32 * half.bits
                ));
            }
            return self.write(target, kind, &value.join(" | "));
        }
        let value = self.read(source, kind)?;
        self.write(target, kind, &value)
    }

    fn convert(
        &mut self,
        parts: &[&str],
        to: Kind,
        from: Kind,
        target: &str,
        source: &str,
    ) -> Result<()> {
        let value = self.read(source, from)?;
        let rounding = |value: &str| {
            let round = |function: &str| format!("{function}((double){value})");
            match parts {
                _ if parts.contains(&"rni") => round("nearbyint"),
                _ if parts.contains(&"rzi") => round("trunc"),
                _ if parts.contains(&"rmi") => round("floor"),
                _ if parts.contains(&"rpi") => round("ceil"),
                _ => value.to_owned(),
            }
        };
        let value = match (from.is_float(), to.is_float()) {
            (true, true) if parts.contains(&"sat") => format!("saturated({value})"),
            (true, true) => rounding(&value),
            (true, false) => {
                let (least, most) = match (to.letter, to.bits) {
                    (b's', bits) => (-(2f64.powi(bits as i32 - 1)), 2f64.powi(bits as i32 - 1)),
                    (_, bits) => (0.0, 2f64.powi(bits as i32)),
                };
                format!(
                    "({})whole({}, {least:?}, {most:?})",
                    to.c(),
                    rounding(&value)
                )
            }
            (false, _) => format!("({}){value}", to.c()),
        };
        self.write(target, to, &value)
    }

    fn compare(
        &mut self,
        parts: &[&str],
        kind: Kind,
        target: &str,
        a: &str,
        b: &str,
        rest: &[&str],
    ) -> Result<()> {
        let (a, b) = (self.read(a, kind)?, self.read(b, kind)?);
        let test = *parts.get(1).ok_or("no comparison")?;
        let ordered = |test: &str| {
            Some(match test {
                "eq" => "==",
                "ne" => "!=",
                "lt" | "lo" => "<",
                "le" | "ls" => "<=",
                "gt" | "hi" => ">",
                "ge" | "hs" => ">=",
                _ => return None,
            })
        };
        let value = match (test, ordered(test)) {
            ("num", _) => format!("({a} == {a} && {b} == {b})"),
            ("nan", _) => format!("({a} != {a} || {b} != {b})"),
            // Between floats `ne` wants both to be numbers, where C's does not.
            ("ne", _) if kind.is_float() => format!("({a} < {b} || {a} > {b})"),
            (_, Some(sign)) => format!("({a} {sign} {b})"),
            _ => {
                let sign = test.strip_suffix('u').and_then(ordered);
                let sign = sign.ok_or("a comparison that is not known")?;
                format!("({a} != {a} || {b} != {b} || {a} {sign} {b})")
            }
        };
        let value = match rest {
            [] => value,
            [with] => {
                let with = self.bits(with)?;
                let sign = match parts.get(2) {
                    Some(&"and") => "&&",
                    Some(&"or") => "||",
                    _ => return Err("a comparison that is not known".to_owned()),
                };
                format!("({value} {sign} {with})")
            }
            _ => return Err("a comparison that is not known".to_owned()),
        };
        match target.split_once('|') {
            Some((yes, no)) => {
                self.write(yes, PRED, &value)?;
                self.write(no, PRED, &format!("!{value}"))
            }
            None => self.write(target, PRED, &value),
        }
    }
}

/// Operands between commas, a vector in braces being one.
pub fn split(operands: &str) -> Vec<String> {
    let mut all = Vec::new();
    let (mut depth, mut one) = (0, String::new());
    for letter in operands.chars() {
        match letter {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            _ => {}
        }
        match letter {
            ',' if depth == 0 => all.push(std::mem::take(&mut one).trim().to_owned()),
            _ => one.push(letter),
        }
    }
    let last = one.trim();
    if !last.is_empty() {
        all.push(last.to_owned());
    }
    all
}
