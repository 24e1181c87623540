//! From the bytes of an image file to 8-bit planes.
//!
//! What is kept is what Pillow's `exif_transpose` and then `convert("RGB")` (or `"L"` for gray files) keep: the image is
//! turned upright, alpha is dropped (there is no background: the colour stored below transparent pixels is taken, as
//! PyTorch's ImageFolder does), palettes and gray of 1, 2 or 4 bits are expanded, of 16 bits the high byte is taken.

mod format;
mod orientation;

pub use format::Format;
pub(super) use format::no_image;

use super::Limits;
use image::codecs::{
    bmp::BmpDecoder, gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, tiff::TiffDecoder,
    webp::WebPDecoder,
};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageResult};
use orientation::{turned, turned_size};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

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
    /// There was a pixel that is not opaque.
    pub transparent: bool,
}

/// Images of more pixels than this are decoded one at a time, so that memory does not grow with the cores.
const LARGE: u64 = 8_000_000;
static LARGE_IMAGE: Mutex<()> = Mutex::new(());

/// Reads and decodes an image file; the error is a reason for the user, without the path.
pub fn read(path: &Path, limits: &Limits) -> Result<Decoded, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut start = Vec::with_capacity(Format::START);
    file.by_ref()
        .take(Format::START as u64)
        .read_to_end(&mut start)
        .map_err(unreadable)?;
    if Format::of(&start).is_none() {
        return Err(no_image(&path.to_string_lossy(), &start));
    }
    decode(
        &read_rest(start, file, limits).map_err(unreadable)??,
        limits,
    )
}

/// The whole content of an image file whose first bytes are read, or why it is left out.
pub(super) fn read_rest(
    mut content: Vec<u8>,
    file: impl Read,
    limits: &Limits,
) -> io::Result<Result<Vec<u8>, String>> {
    file.take(limits.file_bytes).read_to_end(&mut content)?;
    if content.len() as u64 > limits.file_bytes {
        let most = limits.file_bytes >> 20;
        return Ok(Err(format!("larger than {most} MiB")));
    }
    Ok(Ok(content))
}

/// Decodes an image file's content; its size is checked before memory is taken for its pixels.
pub fn decode(content: &[u8], limits: &Limits) -> Result<Decoded, String> {
    // A decoder's defect on a hostile file must cost that file only.
    catch_unwind(AssertUnwindSafe(|| {
        let format = Format::of(content).ok_or_else(|| format!("none of {}", Format::NAMES))?;
        let file = Cursor::new(content);
        match format {
            Format::Png => {
                check_size(png_size(content)?, limits)?;
                pixels(
                    PngDecoder::with_limits(file, allocation(limits)),
                    format,
                    limits,
                )
            }
            Format::Jpeg => {
                // The decoder would fill what is missing with gray, which would be learnt as if it were the image.
                if !jpeg_is_whole(content) {
                    return Err(CUT_SHORT.to_owned());
                }
                pixels(JpegDecoder::new(file), format, limits)
            }
            Format::Bmp => pixels(BmpDecoder::new(file), format, limits),
            Format::Gif => pixels(GifDecoder::new(file), format, limits),
            Format::WebP => pixels(WebPDecoder::new(file), format, limits),
            Format::Tiff => pixels(TiffDecoder::new(file), format, limits),
        }
    }))
    .unwrap_or_else(|_| Err("the decoder failed on it".to_owned()))
}

const CUT_SHORT: &str = "cut short: its end is missing";

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

/// Reads the pixels of a file whose decoder has read its header.
fn pixels(
    decoder: ImageResult<impl ImageDecoder>,
    format: Format,
    limits: &Limits,
) -> Result<Decoded, String> {
    let mut decoder = decoder.map_err(reason)?;
    let (width, height) = decoder.dimensions();
    check_size((width, height), limits)?;
    decoder.set_limits(allocation(limits)).map_err(reason)?;
    // A tag that cannot be read turns nothing, in Pillow as well.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let area = width as usize * height as usize;
    let large = area as u64 > LARGE;
    let _alone = large.then(|| LARGE_IMAGE.lock().unwrap_or_else(PoisonError::into_inner));
    let samples = Samples::of(decoder.color_type())?;
    let mut raw = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut raw).map_err(reason)?;
    let transparent = samples.transparent(&raw);
    let mut planes = samples.planes(raw);
    if orientation != Orientation::NoTransforms {
        let size = (width as usize, height as usize);
        planes = planes
            .chunks_exact(area)
            .flat_map(|plane| turned(plane, size, orientation))
            .collect();
    }
    let (width, height) = turned_size((width, height), orientation);
    Ok(Decoded {
        format,
        width,
        height,
        channels: samples.channels as u8,
        planes,
        transparent,
    })
}

/// How a decoder lays a pixel out.
#[derive(Clone, Copy)]
struct Samples {
    /// Channels that are kept.
    channels: usize,
    /// An alpha sample follows them.
    alpha: bool,
    /// Of one sample.
    bytes: usize,
}

impl Samples {
    fn of(color: ColorType) -> Result<Samples, String> {
        let (channels, alpha, bytes) = match color {
            ColorType::L8 => (1, false, 1),
            ColorType::La8 => (1, true, 1),
            ColorType::Rgb8 => (3, false, 1),
            ColorType::Rgba8 => (3, true, 1),
            ColorType::L16 => (1, false, 2),
            ColorType::La16 => (1, true, 2),
            ColorType::Rgb16 => (3, false, 2),
            ColorType::Rgba16 => (3, true, 2),
            _ => {
                return Err(
                    "its pixels are floating-point numbers, whose range nobody states: save it with 8 or 16 bits"
                        .to_owned(),
                );
            }
        };
        Ok(Samples {
            channels,
            alpha,
            bytes,
        })
    }

    /// Bytes of a pixel.
    fn stride(self) -> usize {
        (self.channels + usize::from(self.alpha)) * self.bytes
    }

    fn transparent(self, raw: &[u8]) -> bool {
        self.alpha
            && raw.chunks_exact(self.stride()).any(|pixel| {
                pixel[self.channels * self.bytes..]
                    .iter()
                    .any(|&a| a != 255)
            })
    }

    /// (channels, height, width): the most significant byte of each sample that is kept.
    fn planes(self, raw: Vec<u8>) -> Vec<u8> {
        if self.stride() == 1 {
            return raw;
        }
        // Decoders give samples in the machine's order.
        let high = if cfg!(target_endian = "little") {
            self.bytes - 1
        } else {
            0
        };
        let mut planes = Vec::with_capacity(raw.len() / self.stride() * self.channels);
        for channel in 0..self.channels {
            let at = channel * self.bytes + high;
            planes.extend(raw.chunks_exact(self.stride()).map(|pixel| pixel[at]));
        }
        planes
    }
}

/// A decoder's complaint in a sentence.
fn reason(error: ImageError) -> String {
    match error {
        ImageError::Limits(_) => "it wants more memory than an image may".to_owned(),
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            CUT_SHORT.to_owned()
        }
        ImageError::Unsupported(error) => {
            format!("a kind of image that is not read ({error}): convert it to PNG")
        }
        other => format!("damaged: {}", other.to_string().trim_end()),
    }
}
