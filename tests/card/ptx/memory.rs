//! What is read from memory, and written to it.

use super::Result;
use super::instruction::split;
use super::kernel::Kernel;
use super::kind::{Kind, kind_of};
use std::fmt::Write;

impl Kernel {
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

    pub fn load(&mut self, parts: &[&str], target: &str, address: &str) -> Result<()> {
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

    pub fn store(&mut self, parts: &[&str], address: &str, source: &str) -> Result<()> {
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
}
