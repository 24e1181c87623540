//! Small datasets that learn in no time.

use image::{GrayImage, ImageFormat, Luma};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A zip whose images are large, so that looking at them takes some seconds.
pub fn slow_archive() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (split, images) in [("train", 30), ("val", 6), ("test", 6)] {
        for (class, step) in [("fine", 3_u32), ("coarse", 40)] {
            for number in 0..images {
                let image = GrayImage::from_fn(1600, 1600, |x, y| {
                    Luma([((x / step * 7 + y / step * 13 + number * 29) % 200) as u8])
                });
                let mut png = Cursor::new(Vec::new());
                image.write_to(&mut png, ImageFormat::Png).unwrap();
                let name = format!("{split}/{class}/{number}.png");
                let stored =
                    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                zip.start_file(name, stored).unwrap();
                zip.write_all(png.get_ref()).unwrap();
            }
        }
    }
    zip.finish().unwrap().into_inner()
}

/// A zip of `train/val/test/CLASS/` with gray images of 12 × 16 pixels: a class is a brightness with a pattern upon it.
pub fn tiny_archive() -> Vec<u8> {
    archive(4, [("dark", 60), ("bright", 160)])
}

/// As [`tiny_archive`] with 16 validation images a class, which lie in each other's folders.
pub fn permuted_archive() -> Vec<u8> {
    archive(16, [("dark", 160), ("bright", 60)])
}

/// As [`tiny_archive`] with 20 validation images a class.
pub fn many_archive() -> Vec<u8> {
    archive(20, [("dark", 60), ("bright", 160)])
}

/// As [`many_archive`] with validation images that are brighter than all of training.
pub fn shifted_archive() -> Vec<u8> {
    archive(20, [("dark", 200), ("bright", 215)])
}

fn archive(val: u32, val_classes: [(&str, u32); 2]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let classes = [("dark", 60), ("bright", 160)];
    for (split, images, classes) in [
        ("train", 10, classes),
        ("val", val, val_classes),
        ("test", 4, classes),
    ] {
        for (class, level) in classes {
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
