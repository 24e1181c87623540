//! A kernel on its way to C: its parameters, registers and arrays, and the function around its instructions.

use super::kind::Kind;
use super::{Result, plain};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// What every kernel's code begins with.
const PRELUDE: &str = include_str!("thread.c");

#[derive(Default)]
pub struct Kernel {
    pub code: String,
    pub parameters: HashMap<String, usize>,
    pub sizes: Vec<usize>,
    registers: BTreeMap<String, Kind>,
    /// Prefixes of numbered registers: `%r` of `%r<12>`.
    families: HashMap<String, Kind>,
    /// A block's.
    shared: Arrays,
    /// A thread's.
    local: Arrays,
    /// Whether its threads wait for each other.
    pub waits: bool,
    pub points: usize,
    pub sites: usize,
}

/// Arrays in one piece of memory.
#[derive(Default)]
struct Arrays {
    /// Where each begins.
    places: HashMap<String, usize>,
    bytes: usize,
}

impl Arrays {
    fn add(&mut self, declaration: &str) -> Result<()> {
        let (name, bytes) = array(declaration)?;
        let start = self.bytes.next_multiple_of(16);
        self.places.insert(name, start);
        self.bytes = start + bytes;
        Ok(())
    }
}

impl Kernel {
    /// `.param .u64 name`, `.param .align 8 .b8 name[16]`.
    pub fn parameter(&mut self, text: &str) -> Result<()> {
        let (name, bytes) = array(text)?;
        self.parameters.insert(name, self.sizes.len());
        self.sizes.push(bytes);
        Ok(())
    }

    pub fn declare(&mut self, text: &str) -> Result<()> {
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
            Some(".shared") => self.shared.add(text)?,
            Some(".local") => self.local.add(text)?,
            // The parameters of a call.
            Some(".param" | ".pragma") => {}
            _ => return Err(format!("unknown declaration: {text}")),
        }
        Ok(())
    }

    pub fn finished(&self, name: &str) -> String {
        let mut code = String::from(PRELUDE);
        let mut fields = String::new();
        for (register, kind) in &self.registers {
            writeln!(fields, "{} {register};", kind.raw().c()).unwrap();
        }
        let (shared, local) = (self.shared.bytes.max(1), self.local.bytes.max(1));
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
                        for (unsigned t = 0; t < P.threads; t++) {
                            P.thread[0] = t % block[0]; P.thread[1] = t / block[0] % block[1]; P.thread[2] = t / block[0] / block[1];
                            if (all[t].point < 0) continue;
                            if (go_on(&all[t], &P, A, S, &C)) waiting = 1;
                            else all[t].point = -1;
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
    pub fn register(&mut self, name: &str) -> Result<String> {
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
    pub fn bits(&mut self, operand: &str) -> Result<String> {
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
        let arrays = [&self.shared, &self.local];
        let offset = arrays
            .into_iter()
            .find_map(|arrays| arrays.places.get(operand));
        if let Some(offset) = offset {
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
    pub fn read(&mut self, operand: &str, kind: Kind) -> Result<String> {
        let bits = self.bits(operand)?;
        Ok(match (kind.letter, kind.bits) {
            (b'f', 32) => format!("F({bits})"),
            (b'f', 64) => format!("D({bits})"),
            (b'f', _) => return Err("numbers of 16 bits".to_owned()),
            _ => format!("(({})({bits}))", kind.c()),
        })
    }

    /// `register = value`, the value being a number of a kind.
    pub fn write(&mut self, register: &str, kind: Kind, value: &str) -> Result<()> {
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
