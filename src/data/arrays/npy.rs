//! numpy's .npy format (NEP 1): a header that says type and shape, then the numbers.

use super::read_full;
use std::io::Read;

/// A longer header describes no array of numbers.
const HEADER_BYTES: usize = 64 << 10;
const MOST_DIMENSIONS: usize = 5;

/// What an array's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    Unsigned,
    Signed,
    Float,
    /// UTF-32, as many characters as the size over 4.
    Text,
    Bytes,
}

/// An array's header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub element: Element,
    /// Bytes of one element.
    pub size: usize,
    pub big_endian: bool,
    pub shape: Vec<u64>,
}

impl Header {
    /// Reads the header and leaves the stream at the first element; the error is a reason without the array's name.
    pub fn read(mut content: impl Read) -> Result<Header, String> {
        let mut fill = |buffer: &mut [u8]| match read_full(&mut content, buffer) {
            Ok(read) if read == buffer.len() => Ok(()),
            Ok(_) => Err("cut short within its header".to_owned()),
            Err(error) => Err(format!("damaged: {error}")),
        };
        let mut magic = [0; 8];
        fill(&mut magic)?;
        if !magic.starts_with(b"\x93NUMPY") {
            return Err("its first bytes are no numpy array's".to_owned());
        }
        let length = match magic[6] {
            1 => {
                let mut length = [0; 2];
                fill(&mut length)?;
                usize::from(u16::from_le_bytes(length))
            }
            2 | 3 => {
                let mut length = [0; 4];
                fill(&mut length)?;
                u32::from_le_bytes(length) as usize
            }
            version => return Err(format!("version {version} of the format is not read")),
        };
        if length > HEADER_BYTES {
            return Err(format!("its header says that it has {length} bytes"));
        }
        let mut text = vec![0; length];
        fill(&mut text)?;
        let text = std::str::from_utf8(&text).map_err(|_| "its header is no text".to_owned())?;
        Header::parse(text)
    }

    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }`.
    fn parse(text: &str) -> Result<Header, String> {
        let value = |key: &str| {
            let (_, rest) = text
                .split_once(&format!("'{key}':"))
                .ok_or_else(|| format!("its header has no {key}"))?;
            Ok::<&str, String>(rest.trim_start())
        };
        let descr = value("descr")?
            .strip_prefix('\'')
            .and_then(|rest| rest.split_once('\''))
            .map(|(descr, _)| descr)
            .ok_or("it has fields of several types: save plain numbers")?;
        if !value("fortran_order")?.starts_with("False") {
            return Err("its order is Fortran's: save numpy.ascontiguousarray of it".to_owned());
        }
        let (sizes, _) = value("shape")?
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .ok_or("its header has no shape")?;
        let shape: Vec<u64> = sizes
            .split(',')
            .map(str::trim)
            .filter(|size| !size.is_empty())
            .map(|size| {
                size.parse()
                    .map_err(|_| format!("its shape ({sizes}) is no shape"))
            })
            .collect::<Result<_, String>>()?;
        if shape.len() > MOST_DIMENSIONS {
            return Err(format!(
                "{} dimensions: at most {MOST_DIMENSIONS} are read",
                shape.len()
            ));
        }
        let mut letters = descr.chars();
        let order = letters.next().unwrap_or_default();
        let kind = letters.next().unwrap_or_default();
        let count: usize = letters
            .as_str()
            .parse()
            .map_err(|_| format!("its type '{descr}' is not read"))?;
        let (element, size) = match (kind, count) {
            ('b', 1) => (Element::Bool, 1),
            ('u', 1 | 2 | 4 | 8) => (Element::Unsigned, count),
            ('i', 1 | 2 | 4 | 8) => (Element::Signed, count),
            ('f', 4 | 8) => (Element::Float, count),
            ('U', 1..=256) => (Element::Text, 4 * count),
            ('S', 1..=1024) => (Element::Bytes, count),
            ('O', _) => return Err(
                "it holds Python objects, which are never read: save numbers or fixed-width text"
                    .to_owned(),
            ),
            _ => {
                return Err(format!(
                    "its type '{descr}' is not read: save it as uint8 or float32"
                ));
            }
        };
        Ok(Header {
            element,
            size,
            big_endian: order == '>',
            shape,
        })
    }

    /// "(60000, 28, 28)"
    pub fn shown(&self) -> String {
        let sizes: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        format!("({})", sizes.join(", "))
    }

    /// One number of `size` bytes.
    pub fn number(&self, bytes: &[u8]) -> f64 {
        let mut wide = [0; 8];
        // In little-endian order, filled up at the high end.
        for (place, byte) in bytes.iter().enumerate() {
            let at = if self.big_endian {
                bytes.len() - 1 - place
            } else {
                place
            };
            wide[at] = *byte;
        }
        let raw = u64::from_le_bytes(wide);
        match (self.element, self.size) {
            (Element::Float, 4) => f64::from(f32::from_bits(raw as u32)),
            (Element::Float, _) => f64::from_bits(raw),
            (Element::Signed, size) => {
                let unused = 64 - 8 * size as u32;
                (((raw << unused) as i64) >> unused) as f64
            }
            _ => raw as f64,
        }
    }

    /// One text of `size` bytes, without the zeros at its end; None where it is no text.
    pub fn text(&self, bytes: &[u8]) -> Option<String> {
        let text = match self.element {
            Element::Text => bytes
                .chunks_exact(4)
                .map(|c| {
                    let c = [c[0], c[1], c[2], c[3]];
                    char::from_u32(if self.big_endian {
                        u32::from_be_bytes(c)
                    } else {
                        u32::from_le_bytes(c)
                    })
                })
                .collect::<Option<String>>()?,
            _ => String::from_utf8(bytes.to_vec()).ok()?,
        };
        Some(text.trim_end_matches('\0').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(descr: &str, shape: &str) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.bytes());
        bytes
    }

    #[test]
    fn headers_say_type_and_shape() {
        let read = |descr, shape| Header::read(header(descr, shape).as_slice());
        let found = read("<f4", "(3, 28, 28)").unwrap();
        assert_eq!((found.element, found.size), (Element::Float, 4));
        assert_eq!(found.shape, [3, 28, 28]);
        assert_eq!(read("|u1", "(5,)").unwrap().shape, [5]);
        for (descr, shape, says) in [
            ("|O", "(5,)", "type"),
            ("|O8", "(5,)", "Python objects"),
            ("<c8", "(5,)", "not read"),
            ("<f4", "(1,1,1,1,1,1)", "6 dimensions"),
            ("<f4", "(99999999999999999999999,)", "no shape"),
        ] {
            let said = read(descr, shape).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn numbers_are_read_in_either_order() {
        for (descr, bytes, number) in [
            ("<i2", &[0xfe, 0xff][..], -2.0),
            (">i2", &[0xff, 0xfe], -2.0),
            (">f4", &1.5f32.to_be_bytes(), 1.5),
            ("<f8", &(-0.25f64).to_le_bytes(), -0.25),
            ("<u4", &[1, 0, 0, 1], 16_777_217.0),
            ("|b1", &[1], 1.0),
        ] {
            let header = Header::read(header(descr, "(1,)").as_slice()).unwrap();
            assert_eq!(header.number(bytes), number, "{descr}");
        }
        let text = Header::read(header("<U3", "(1,)").as_slice()).unwrap();
        assert_eq!(text.text(b"c\0\0\0a\0\0\0\0\0\0\0").unwrap(), "ca");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::data::fuzz_cases(256)))]

        /// Any header is read or refused, and what is read has no more than its five sizes.
        #[test]
        fn any_header_is_read_or_refused(
            text in r"\{?('descr': ?'[<>|]?[a-zA-Z][0-9]{0,3}',? ?)?('fortran_order': (True|False), )?('shape': \([0-9, ]{0,30}\)?)?.{0,20}",
            version in 0u8..5,
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = b"\x93NUMPY".to_vec();
            bytes.extend([version, 0]);
            bytes.extend((text.len() as u16).to_le_bytes());
            bytes.extend(text.bytes());
            bytes.truncate(1 + cut.index(bytes.len()));
            if let Ok(header) = Header::read(bytes.as_slice()) {
                prop_assert!(header.shape.len() <= MOST_DIMENSIONS && header.size > 0);
            }
        }
    }
}
