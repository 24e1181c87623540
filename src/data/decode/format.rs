//! The image formats that are read, told by a file's first bytes and never by its name.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Png,
    Jpeg,
    Bmp,
    /// Its first picture.
    Gif,
    WebP,
    /// Its first page.
    Tiff,
}

impl Format {
    /// How many first bytes tell it.
    pub(crate) const START: usize = 16;
    /// All of them, for a sentence.
    pub(crate) const NAMES: &str = "PNG, JPEG, BMP, GIF, WebP and TIFF";

    /// The format that a file's first 16 bytes tell.
    pub fn of(start: &[u8]) -> Option<Format> {
        match start {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Format::WebP),
            // 43 marks files beyond 4 GiB.
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Format::Tiff),
            // Two letters could begin a text: the length of the second header, at byte 14, has few values.
            [b'B', b'M', ..]
                if matches!(
                    start.get(14..16),
                    Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0])
                ) =>
            {
                Some(Format::Bmp)
            }
            _ => None,
        }
    }

    /// How people write it: `PNG`, `JPEG`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
            Format::Bmp => "BMP",
            Format::Gif => "GIF",
            Format::WebP => "WebP",
            Format::Tiff => "TIFF",
        }
    }

    /// As HTTP names it.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Bmp => "image/bmp",
            Format::Gif => "image/gif",
            Format::WebP => "image/webp",
            Format::Tiff => "image/tiff",
        }
    }
}

/// Why a file that is no image by its content is left out.
pub(in crate::data) fn no_image(name: &str, start: &[u8]) -> String {
    let ending = Path::new(name)
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        _ if start.is_empty() => "empty file".to_owned(),
        Some(ending @ ("png" | "jpg" | "jpeg" | "bmp" | "gif" | "webp" | "tif" | "tiff")) => {
            format!(
                "named .{ending}, but its content is none of {}: save it as an image again",
                Format::NAMES
            )
        }
        Some(ending @ ("avif" | "heic" | "heif" | "pgm" | "ppm" | "jp2" | "svg")) => {
            format!("{ending} images are not read: convert it to PNG")
        }
        Some("zip" | "tar" | "gz" | "tgz" | "bz2" | "xz" | "7z" | "rar" | "zst") => {
            "an archive within: unpack it first".to_owned()
        }
        _ => "no image".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_like_a_bitmap_is_none() {
        assert_eq!(Format::of(b"BMW and others, by year"), None);
        assert_eq!(Format::of(b"BM"), None);
        let header = *b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0";
        assert_eq!(Format::of(&header), Some(Format::Bmp));
    }
}
