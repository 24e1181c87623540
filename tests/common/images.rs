//! Small datasets that learn in no time.

use image::{GrayImage, ImageFormat, Luma};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A zip of `train/val/test/CLASS/` with gray images of 12 × 16 pixels: a class is a brightness with a pattern upon it.
pub fn tiny_archive() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (split, images) in [("train", 10), ("val", 4), ("test", 4)] {
        for (class, level) in [("dark", 60_u32), ("bright", 160)] {
            for number in 0..images {
                let image = GrayImage::from_fn(16, 12, |x, y| {
                    Luma([(level + (x * 7 + y * 13 + number * 29) % 40) as u8])
                });
                let mut png = Cursor::new(Vec::new());
                image.write_to(&mut png, ImageFormat::Png).unwrap();
                let name = format!("{split}/{class}/{number}.png");
                zip.start_file(name, SimpleFileOptions::default()).unwrap();
                zip.write_all(png.get_ref()).unwrap();
            }
        }
    }
    zip.finish().unwrap().into_inner()
}
