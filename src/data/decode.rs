//! From the bytes of a PNG or JPEG file to 8-bit planes.
//!
//! What is kept is what Pillow's `convert("RGB")` (or `"L"` for gray files) keeps: alpha is dropped, palettes and gray of
//! 1, 2 or 4 bits are expanded, of 16 bits the high byte is taken. Orientation tags are not applied.

use super::Limits;
use image::codecs::{jpeg::JpegDecoder, png::PngDecoder};
use image::{ColorType, ImageDecoder, ImageError};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A file format that is read, told by the file's first bytes and never by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Png,
    Jpeg,
}

impl Format {
    /// The format that a file's first bytes tell.
    pub fn of(start: &[u8]) -> Option<Format> {
        if start.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Format::Png)
        } else if start.starts_with(b"\xff\xd8\xff") {
            Some(Format::Jpeg)
        } else {
            None
        }
    }

    /// How people write it: `PNG`, `JPEG`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
        }
    }
}

/// A decoded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub format: Format,
    pub width: u32,
    pub height: u32,
    /// 1 (gray) or 3 (red, green, blue).
    pub channels: u8,
    /// (channels, height, width), 0 to 255.
    pub planes: Vec<u8>,
}

/// Images of more pixels than this are decoded one at a time, so that memory does not grow with the cores.
const LARGE: u64 = 8_000_000;
static LARGE_IMAGE: Mutex<()> = Mutex::new(());

/// Reads and decodes an image file; the error is a reason for the user, without the path.
pub fn read(path: &Path, limits: &Limits) -> Result<Decoded, String> {
    let content = File::open(path)
        .and_then(|file| read_image(file, &path.to_string_lossy(), limits))
        .map_err(|error| format!("cannot be read: {error}"))??;
    decode(&content, limits)
}

/// The content of a file that is PNG or JPEG by its first bytes, or why it is left out; of others no more is read.
pub(super) fn read_image(
    mut file: impl Read,
    name: &str,
    limits: &Limits,
) -> io::Result<Result<Vec<u8>, String>> {
    let mut content = Vec::with_capacity(16);
    file.by_ref().take(16).read_to_end(&mut content)?;
    if Format::of(&content).is_none() {
        return Ok(Err(no_image(name, &content)));
    }
    file.take(limits.file_bytes).read_to_end(&mut content)?;
    if content.len() as u64 > limits.file_bytes {
        let most = limits.file_bytes >> 20;
        return Ok(Err(format!("larger than {most} MiB")));
    }
    Ok(Ok(content))
}

/// Why a file that is neither PNG nor JPEG is left out.
fn no_image(name: &str, start: &[u8]) -> String {
    let ending = Path::new(name)
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        _ if start.is_empty() => "empty file".to_owned(),
        Some(ending @ ("png" | "jpg" | "jpeg")) => {
            format!("named .{ending}, but its content is neither PNG nor JPEG")
        }
        Some(
            ending @ ("bmp" | "gif" | "webp" | "tif" | "tiff" | "avif" | "heic" | "pgm" | "ppm"),
        ) => format!("{ending} images are not read: convert it to PNG"),
        Some("zip" | "tar" | "gz" | "tgz" | "bz2" | "xz" | "7z" | "rar" | "zst") => {
            "an archive within: unpack it first".to_owned()
        }
        _ => "no image".to_owned(),
    }
}

/// Decodes a PNG or JPEG file's content; its size is checked before memory is taken for its pixels.
pub fn decode(content: &[u8], limits: &Limits) -> Result<Decoded, String> {
    // A decoder's defect on a hostile file must cost that file only.
    catch_unwind(AssertUnwindSafe(|| match Format::of(content) {
        Some(Format::Png) => {
            check_size(png_size(content)?, limits)?;
            let decoder = PngDecoder::with_limits(Cursor::new(content), allocation(limits));
            pixels(decoder.map_err(reason)?, Format::Png, limits)
        }
        Some(Format::Jpeg) => {
            // The decoder would fill what is missing with gray, which would be learnt as if it were the image.
            if !jpeg_is_whole(content) {
                return Err("cut short: its end is missing".to_owned());
            }
            let decoder = JpegDecoder::new(Cursor::new(content)).map_err(reason)?;
            pixels(decoder, Format::Jpeg, limits)
        }
        None => Err("neither PNG nor JPEG".to_owned()),
    }))
    .unwrap_or_else(|_| Err("the decoder failed on it".to_owned()))
}

/// Width and height in a PNG file's first chunk.
fn png_size(content: &[u8]) -> Result<(u32, u32), String> {
    match (content.get(12..16), content.get(16..24)) {
        (Some(b"IHDR"), Some(&[a, b, c, d, e, f, g, h])) => {
            let size = [[a, b, c, d], [e, f, g, h]].map(u32::from_be_bytes);
            Ok((size[0], size[1]))
        }
        _ => Err("cut short, or no PNG after its first bytes".to_owned()),
    }
}

/// True where an end-of-image marker follows the last start of a scan.
fn jpeg_is_whole(content: &[u8]) -> bool {
    let last = |marker: u8| content.windows(2).rposition(|w| w == [0xff, marker]);
    matches!((last(0xda), last(0xd9)), (Some(scan), Some(end)) if end > scan)
}

fn check_size((width, height): (u32, u32), limits: &Limits) -> Result<(), String> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits.pixels || width.max(height) > limits.side {
        let (most, side) = (limits.pixels / 1_000_000, limits.side);
        return Err(format!(
            "{width} × {height} pixels: at most {most} million and {side} a side are read"
        ));
    }
    if pixels == 0 {
        return Err("no pixels".to_owned());
    }
    Ok(())
}

/// What a decoder may take beside the pixels: 8 bytes a pixel and some for tables and metadata.
fn allocation(limits: &Limits) -> image::Limits {
    let mut allocation = image::Limits::no_limits();
    allocation.max_alloc = Some(limits.pixels * 8 + (64 << 20));
    allocation
}

fn pixels(
    mut decoder: impl ImageDecoder,
    format: Format,
    limits: &Limits,
) -> Result<Decoded, String> {
    let (width, height) = decoder.dimensions();
    check_size((width, height), limits)?;
    decoder.set_limits(allocation(limits)).map_err(reason)?;
    let area = u64::from(width) * u64::from(height);
    let _alone = (area > LARGE).then(|| LARGE_IMAGE.lock().unwrap_or_else(PoisonError::into_inner));
    let color = decoder.color_type();
    let mut raw = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut raw).map_err(reason)?;
    // (channels kept, bytes of a pixel, offset of a channel's most significant byte within its sample)
    let high = usize::from(cfg!(target_endian = "little"));
    let (channels, stride, sample, byte) = match color {
        ColorType::L8 => (1, 1, 1, 0),
        ColorType::La8 => (1, 2, 1, 0),
        ColorType::Rgb8 => (3, 3, 1, 0),
        ColorType::Rgba8 => (3, 4, 1, 0),
        ColorType::L16 => (1, 2, 2, high),
        ColorType::La16 => (1, 4, 2, high),
        ColorType::Rgb16 => (3, 6, 2, high),
        ColorType::Rgba16 => (3, 8, 2, high),
        other => return Err(format!("colour type {other:?} is not read")),
    };
    let planes = if stride == 1 {
        raw
    } else {
        let mut planes = Vec::with_capacity(channels * area as usize);
        for channel in 0..channels {
            let at = channel * sample + byte;
            planes.extend(raw.chunks_exact(stride).map(|pixel| pixel[at]));
        }
        planes
    };
    Ok(Decoded {
        format,
        width,
        height,
        channels: channels as u8,
        planes,
    })
}

/// A decoder's complaint in a sentence.
fn reason(error: ImageError) -> String {
    match error {
        ImageError::Limits(_) => "it wants more memory than an image may".to_owned(),
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "cut short: its end is missing".to_owned()
        }
        other => format!("damaged: {}", other.to_string().trim_end()),
    }
}
