//! A small dataset that anybody's network learns: three classes of stripes, as a .zip.

use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

/// `train/`, `val/` and `test/` with 12, 4 and 4 gray PNG images of 16 × 16 pixels a class.
pub fn stripes_zip() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (split, count) in [("train", 12), ("val", 4), ("test", 4)] {
        for (class, name) in ["across", "down", "slanted"].into_iter().enumerate() {
            for i in 0..count {
                let path = format!("{split}/{name}/{i:02}.png");
                archive
                    .start_file(path, SimpleFileOptions::default())
                    .unwrap();
                archive.write_all(&stripes(class, i)).unwrap();
            }
        }
    }
    archive.finish().unwrap().into_inner()
}

/// A picture of a class by its position that is in none of the splits.
pub fn stripe(class: usize) -> Vec<u8> {
    stripes(class, 20)
}

/// Stripes in the class's direction; `variant` moves and dims them.
fn stripes(class: usize, variant: u32) -> Vec<u8> {
    let picture = image::GrayImage::from_fn(16, 16, |x, y| {
        let along = [y, x, x + y][class] + variant;
        let bright = if along % 4 < 2 { 220 } else { 30 };
        image::Luma([bright - (variant % 7) as u8 * 3])
    });
    let mut png = Vec::new();
    picture
        .write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png)
        .unwrap();
    png
}
