//! What an instruction takes a number for.

/// What a number is taken for: `s32`, `f64`, `b16` and so on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub letter: u8,
    pub bits: u32,
}

impl Kind {
    pub fn parse(word: &str) -> Option<Kind> {
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

    pub fn is_float(self) -> bool {
        self.letter == b'f'
    }

    /// The type in C; of float16 there is none.
    pub fn c(self) -> &'static str {
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
    pub fn raw(self) -> Kind {
        Kind {
            letter: b'b',
            bits: self.bits,
        }
    }

    /// Twice as wide.
    pub fn wide(self) -> Kind {
        Kind {
            letter: self.letter,
            bits: self.bits * 2,
        }
    }
}

pub const PRED: Kind = Kind {
    letter: b'b',
    bits: 1,
};
pub const B32: Kind = Kind {
    letter: b'b',
    bits: 32,
};
pub const B64: Kind = Kind {
    letter: b'b',
    bits: 64,
};

/// The kind of what is loaded or stored.
pub fn kind_of(parts: &[&str]) -> super::Result<Kind> {
    let kind = parts.last().and_then(|part| Kind::parse(part));
    kind.ok_or_else(|| "no kind".to_owned())
}
