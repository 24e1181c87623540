//! A kernel of PTX, the assembly that a driver translates for its card, as a function in C.
//!
//! Registers are numbers of 8 to 64 bits, as in PTX; what an instruction takes them for stands in the instruction. Only what
//! NVCC and NVRTC make of candle's kernels and of ours is known here: anything else is an error with its name.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// What a number is taken for: `s32`, `f64`, `b16` and so on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    letter: u8,
    bits: u32,
}

impl Kind {
    fn parse(word: &str) -> Option<Kind> {
        if word == "pred" {
            return Some(Kind {
                letter: b'b',
                bits: 1,
            });
        }
        let letter = *word.as_bytes().first()?;
        let bits = word.get(1..)?.parse().ok()?;
        (matches!(letter, b'b' | b's' | b'u' | b'f') && matches!(bits, 8 | 16 | 32 | 64))
            .then_some(Kind { letter, bits })
    }

    fn is_float(self) -> bool {
        self.letter == b'f'
    }

    /// The type in C; of float16 there is none.
    fn c(self) -> &'static str {
        match (self.letter, self.bits) {
            (b'f', 32) => "float",
            (b'f', _) => "double",
            (b's', 8) => "int8_t",
            (b's', 16) => "int16_t",
            (b's', 32) => "int32_t",
            (b's', _) => "int64_t",
            (_, 1 | 8) => "uint8_t",
            (_, 16) => "uint16_t",
            (_, 32) => "uint32_t",
            _ => "uint64_t",
        }
    }

    /// The same bits as a number without sign: what a register of this kind is.
    fn raw(self) -> Kind {
        Kind {
            letter: b'b',
            bits: self.bits,
        }
    }

    /// Twice as wide.
    fn wide(self) -> Kind {
        Kind {
            letter: self.letter,
            bits: self.bits * 2,
        }
    }
}

/// A kernel in C: `run_<name>`, of the type that `translated::Run` gives.
pub struct InC {
    pub code: String,
    /// Bytes of each parameter, in order.
    pub parameters: Vec<usize>,
}

type Result<T> = std::result::Result<T, String>;

/// The kernel of this name in a module's text.
pub fn to_c(module: &str, name: &str) -> Result<InC> {
    let text = without_comments(module);
    let start = text
        .find(&format!(".entry {name}("))
        .ok_or_else(|| format!("there is no kernel {name}"))?;
    let text = &text[start..];
    let (_, text) = text.split_once('(').unwrap_or_default();
    let (parameters, text) = text.split_once(')').unwrap_or_default();
    let (_, body) = text.split_once('{').unwrap_or_default();
    let mut kernel = Kernel::default();
    for parameter in parameters.split(',').map(str::trim) {
        if !parameter.is_empty() {
            kernel.parameter(parameter)?;
        }
    }
    let statements = statements(body);
    kernel.waits = statements
        .iter()
        .any(|statement| matches!(statement, Statement::Instruction(text) if text.contains("bar")));
    for statement in &statements {
        match statement {
            Statement::Label(label) => writeln!(kernel.code, "{}: ;", plain(label)).unwrap(),
            Statement::Instruction(text) if text.starts_with('.') => kernel.declare(text)?,
            Statement::Instruction(text) => kernel
                .instruction(text)
                .map_err(|error| format!("{name}: {error}: {text}"))?,
        }
    }
    Ok(InC {
        code: kernel.finished(name),
        parameters: kernel.sizes,
    })
}

fn without_comments(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

enum Statement {
    Label(String),
    Instruction(String),
}

/// The statements up to the brace that closes the body. Inner braces only bound names, which are unlike each other anyway.
fn statements(body: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut depth = 0;
    let mut rest = body.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '{' || first == '}' {
            if first == '}' && depth == 0 {
                break;
            }
            depth += if first == '{' { 1 } else { -1 };
            rest = rest[1..].trim_start();
            continue;
        }
        let end = rest.find(';').unwrap_or(rest.len());
        let label = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
            .unwrap_or(0);
        if label > 0 && rest[label..].starts_with(':') {
            statements.push(Statement::Label(rest[..label].to_owned()));
            rest = rest[label + 1..].trim_start();
            continue;
        }
        let words: Vec<&str> = rest[..end].split_whitespace().collect();
        statements.push(Statement::Instruction(words.join(" ")));
        rest = rest.get(end + 1..).unwrap_or_default().trim_start();
    }
    statements
}

/// A name that C takes.
fn plain(name: &str) -> String {
    let plain = name.trim_start_matches('%').replace(['$', '.'], "_");
    format!("v_{plain}")
}

#[derive(Default)]
struct Kernel {
    code: String,
    parameters: HashMap<String, usize>,
    sizes: Vec<usize>,
    registers: BTreeMap<String, Kind>,
    /// Prefixes of numbered registers: `%r` of `%r<12>`.
    families: HashMap<String, Kind>,
    shared: HashMap<String, usize>,
    shared_bytes: usize,
    local: HashMap<String, usize>,
    local_bytes: usize,
    /// Whether its threads wait for each other.
    waits: bool,
    points: usize,
    sites: usize,
}

impl Kernel {
    /// `.param .u64 name`, `.param .align 8 .b8 name[16]`.
    fn parameter(&mut self, text: &str) -> Result<()> {
        let (name, bytes) = array(text)?;
        self.parameters.insert(name, self.sizes.len());
        self.sizes.push(bytes);
        Ok(())
    }

    fn declare(&mut self, text: &str) -> Result<()> {
        let mut words = text.split(' ');
        match words.next() {
            Some(".reg") => {
                let kind = words
                    .next()
                    .and_then(|word| Kind::parse(word.trim_start_matches('.')));
                let kind = kind.ok_or_else(|| format!("unknown registers: {text}"))?;
                for name in words.flat_map(|names| names.split(',')) {
                    let name = name.trim();
                    match name.split_once('<') {
                        Some((family, _)) => {
                            self.families.insert(family.to_owned(), kind);
                        }
                        None if !name.is_empty() => {
                            self.registers.insert(plain(name), kind);
                        }
                        None => {}
                    }
                }
            }
            Some(".shared") => {
                let (name, bytes) = array(text)?;
                self.shared_bytes = self.shared_bytes.next_multiple_of(16);
                self.shared.insert(name, self.shared_bytes);
                self.shared_bytes += bytes;
            }
            Some(".local") => {
                let (name, bytes) = array(text)?;
                self.local_bytes = self.local_bytes.next_multiple_of(16);
                self.local.insert(name, self.local_bytes);
                self.local_bytes += bytes;
            }
            // The parameters of a call.
            Some(".param" | ".pragma") => {}
            _ => return Err(format!("unknown declaration: {text}")),
        }
        Ok(())
    }

    fn finished(&self, name: &str) -> String {
        let mut code = String::from(PRELUDE);
        let mut fields = String::new();
        for (register, kind) in &self.registers {
            writeln!(fields, "{} {register};", kind.raw().c()).unwrap();
        }
        let (shared, local) = (self.shared_bytes.max(1), self.local_bytes.max(1));
        writeln!(
            code,
            "struct thread {{ int point; _Alignas(16) uint8_t local[{local}];\n{fields}}};"
        )
        .unwrap();
        writeln!(
            code,
            "static int go_on(struct thread* T, const struct place* P, void** A, uint8_t* S, struct sites* C) {{\n\
             switch (T->point) {{ case 0: ;\n{}\n}}\nreturn 0; }}",
            self.code
        )
        .unwrap();
        let all = match self.waits {
            true => "P.threads",
            false => "1",
        };
        writeln!(
            code,
            "int run_{name}(void** A, const unsigned* grid, const unsigned* block, Find find, unsigned more, uint64_t* bytes) {{
                struct sites C = {{ find, 0 }};
                struct range ranges[{sites}];
                C.ranges = ranges;
                memset(ranges, 0, sizeof ranges);
                struct place P;
                memcpy(P.grid, grid, sizeof P.grid);
                memcpy(P.block, block, sizeof P.block);
                P.threads = block[0] * block[1] * block[2];
                struct thread* all = calloc({all}, sizeof *all);
                uint8_t* S = aligned_alloc(64, ({shared} + more + 127) / 64 * 64);
                for (unsigned b = 0; b < grid[0] * grid[1] * grid[2] && !C.fault; b++) {{
                    P.at[0] = b % grid[0]; P.at[1] = b / grid[0] % grid[1]; P.at[2] = b / grid[0] / grid[1];
                    memset(S, 0xFF, {shared} + more);
                    {threads}
                }}
                free(all);
                free(S);
                *bytes = C.bytes;
                return C.fault;
            }}",
            sites = self.sites.max(1),
            threads = match self.waits {
                true => {
                    "for (unsigned t = 0; t < P.threads; t++) all[t].point = 0;
                    for (int waiting = 1; waiting && !C.fault; ) {
                        waiting = 0;
                        int ended = 0;
                        for (unsigned t = 0; t < P.threads; t++) {
                            P.thread[0] = t % block[0]; P.thread[1] = t / block[0] % block[1]; P.thread[2] = t / block[0] / block[1];
                            if (all[t].point < 0) { ended++; continue; }
                            if (go_on(&all[t], &P, A, S, &C)) waiting++;
                            else { all[t].point = -1; ended++; }
                        }
                        for (unsigned t = 1; t < P.threads && waiting; t++)
                            if (all[t].point >= 0 && all[0].point >= 0 && all[t].point != all[0].point) C.fault = 2;
                    }"
                }
                false => {
                    "for (unsigned t = 0; t < P.threads && !C.fault; t++) {
                        P.thread[0] = t % block[0]; P.thread[1] = t / block[0] % block[1]; P.thread[2] = t / block[0] / block[1];
                        go_on(all, &P, A, S, &C);
                    }"
                }
            }
        )
        .unwrap();
        code
    }

    /// A register as C, which is declared with it.
    fn register(&mut self, name: &str) -> Result<String> {
        let c = plain(name);
        if !self.registers.contains_key(&c) {
            let family = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
            let kind = self
                .families
                .get(family)
                .ok_or_else(|| format!("unknown register {name}"))?;
            self.registers.insert(c.clone(), *kind);
        }
        Ok(format!("T->{c}"))
    }

    /// An operand's bits.
    fn bits(&mut self, operand: &str) -> Result<String> {
        if let Some(special) = special(operand) {
            return Ok(special);
        }
        if operand.starts_with('%') {
            return self.register(operand);
        }
        if let Some(bits) = operand.strip_prefix("0f") {
            return Ok(format!("0x{bits}u"));
        }
        if let Some(bits) = operand.strip_prefix("0d") {
            return Ok(format!("0x{bits}ull"));
        }
        if let Some(&offset) = self.shared.get(operand).or_else(|| self.local.get(operand)) {
            return Ok(format!("{offset}ull"));
        }
        let number = operand.strip_suffix('U').unwrap_or(operand);
        let is_number = number
            .trim_start_matches('-')
            .starts_with(|c: char| c.is_ascii_digit());
        // The names of texts and arrays: only calls take them here.
        Ok(match is_number {
            true if number == "-9223372036854775808" => "0x8000000000000000ull".to_owned(),
            true => format!("({number}ll)"),
            false => "0ull".to_owned(),
        })
    }

    /// An operand taken for a kind of number.
    fn read(&mut self, operand: &str, kind: Kind) -> Result<String> {
        let bits = self.bits(operand)?;
        Ok(match (kind.letter, kind.bits) {
            (b'f', 32) => format!("F({bits})"),
            (b'f', 64) => format!("D({bits})"),
            (b'f', _) => return Err("numbers of 16 bits".to_owned()),
            _ => format!("(({})({bits}))", kind.c()),
        })
    }

    /// `register = value`, the value being a number of a kind.
    fn write(&mut self, register: &str, kind: Kind, value: &str) -> Result<()> {
        if register == "_" {
            return Ok(());
        }
        let target = self.register(register)?;
        match (kind.letter, kind.bits) {
            (b'f', 32) => writeln!(self.code, "{target} = UF({value});"),
            (b'f', 64) => writeln!(self.code, "{target} = UD({value});"),
            _ => writeln!(self.code, "{target} = ({})({value});", kind.c()),
        }
        .map_err(|error| error.to_string())
    }

    fn instruction(&mut self, text: &str) -> Result<()> {
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

    /// Where `[register+12]` or `[symbol+12]` is, as a pointer, for some bytes there.
    fn address(&mut self, parts: &[&str], address: &str, bytes: usize) -> Result<String> {
        let inner = address.trim_matches(['[', ']']);
        let (base, offset) = match inner.split_once('+') {
            Some((base, offset)) => (base, offset),
            None => (inner, "0"),
        };
        let at = self.bits(base)?;
        let at = format!("(uint64_t){at} + (int64_t){offset}");
        Ok(match parts {
            _ if parts.contains(&"shared") => format!("(S + ({at}))"),
            _ if parts.contains(&"local") => format!("(T->local + ({at}))"),
            _ if parts.contains(&"global") => {
                self.sites += 1;
                format!("at(C, {}, {at}, {bytes})", self.sites - 1)
            }
            _ => return Err("memory that is not known".to_owned()),
        })
    }

    fn load(&mut self, parts: &[&str], target: &str, address: &str) -> Result<()> {
        let kind = kind_of(parts)?;
        let size = kind.bits as usize / 8;
        let targets = split(target.trim_matches(['{', '}']));
        if parts.contains(&"param") {
            let inner = address.trim_matches(['[', ']']);
            let (name, offset) = inner.split_once('+').unwrap_or((inner, "0"));
            let Some(place) = self.parameters.get(name.trim()).copied() else {
                // What a call has given back.
                return Ok(());
            };
            let from = format!("((uint8_t*)A[{place}] + {offset})");
            return self.load_from(kind, &targets, &from);
        }
        let from = self.address(parts, address, size * targets.len())?;
        self.load_from(kind, &targets, &from)
    }

    fn load_from(&mut self, kind: Kind, targets: &[String], from: &str) -> Result<()> {
        let size = kind.bits / 8;
        writeln!(self.code, "{{ uint8_t* p = {from}; if (!p) return 0;").unwrap();
        for (place, target) in targets.iter().enumerate() {
            let of = if kind.is_float() { kind.raw() } else { kind };
            let c = of.c();
            writeln!(
                self.code,
                "{{ {c} x; memcpy(&x, p + {}, {size});",
                place as u32 * size
            )
            .unwrap();
            self.write(target, of, "x")?;
            self.code.push_str("}\n");
        }
        self.code.push_str("}\n");
        Ok(())
    }

    fn store(&mut self, parts: &[&str], address: &str, source: &str) -> Result<()> {
        // What is given to a call.
        if parts.contains(&"param") {
            return Ok(());
        }
        let kind = kind_of(parts)?.raw();
        let size = kind.bits as usize / 8;
        let sources = split(source.trim_matches(['{', '}']));
        let to = self.address(parts, address, size * sources.len())?;
        writeln!(self.code, "{{ uint8_t* p = {to}; if (!p) return 0;").unwrap();
        for (place, source) in sources.iter().enumerate() {
            let value = self.read(source, kind)?;
            let c = kind.c();
            writeln!(
                self.code,
                "{{ {c} x = {value}; memcpy(p + {}, &x, {size}); }}",
                place * size
            )
            .unwrap();
        }
        self.code.push_str("}\n");
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

const PRED: Kind = Kind {
    letter: b'b',
    bits: 1,
};
const B32: Kind = Kind {
    letter: b'b',
    bits: 32,
};
const B64: Kind = Kind {
    letter: b'b',
    bits: 64,
};

/// The kind of what is loaded or stored.
fn kind_of(parts: &[&str]) -> Result<Kind> {
    let kind = parts.last().and_then(|part| Kind::parse(part));
    kind.ok_or_else(|| "no kind".to_owned())
}

/// What an instruction of numbers gives, its sources being C already.
fn arithmetic(parts: &[&str], kind: Kind, sources: &[String]) -> Result<String> {
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

/// Where a thread stands, which PTX has as registers.
fn special(operand: &str) -> Option<String> {
    let (name, axis) = operand.split_once('.')?;
    let axis = match axis {
        "x" => 0,
        "y" => 1,
        "z" => 2,
        _ => return None,
    };
    let field = match name {
        "%tid" => "thread",
        "%ntid" => "block",
        "%ctaid" => "at",
        "%nctaid" => "grid",
        _ => return None,
    };
    Some(format!("P->{field}[{axis}]"))
}

/// The name and the bytes of `.shared .align 8 .b8 name[16]` or `.param .u64 name`.
fn array(text: &str) -> Result<(String, usize)> {
    let unknown = || format!("unknown declaration: {text}");
    let kind = text
        .split(' ')
        .filter_map(|word| Kind::parse(word.trim_start_matches('.')))
        .next_back();
    let kind = kind.ok_or_else(unknown)?;
    let name = text.rsplit(' ').next().ok_or_else(unknown)?;
    let (name, count) = match name.split_once('[') {
        Some((name, count)) => (
            name,
            count.trim_end_matches(']').parse().map_err(|_| unknown())?,
        ),
        None => (name, 1),
    };
    Ok((name.to_owned(), count * kind.bits as usize / 8))
}

/// Operands between commas, a vector in braces being one.
fn split(operands: &str) -> Vec<String> {
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

const PRELUDE: &str = include_str!("thread.c");
