//! A kernel of PTX, the assembly that a driver translates for its card, as a function in C.
//!
//! Registers are numbers of 8 to 64 bits, as in PTX; what an instruction takes them for stands in the instruction. Only what
//! NVCC and NVRTC make of candle's kernels and of ours is known here: anything else is an error with its name.

mod arithmetic;
mod instruction;
mod kernel;
mod kind;
mod memory;

use kernel::Kernel;
use std::fmt::Write;

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
