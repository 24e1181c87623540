//! Image formats and their kinds: the pixels that are read, which way up, and what is refused.

use super::images::{as_is, colourful, encoded, input};
use super::{folder, left_out, open, write};
use gapwatch::data::{Format, Limits, prepare, thumbnail};
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage};
use std::path::Path;

const LOSSLESS: [(ImageFormat, Format); 5] = [
    (ImageFormat::Png, Format::Png),
    (ImageFormat::Bmp, Format::Bmp),
    (ImageFormat::Gif, Format::Gif),
    (ImageFormat::WebP, Format::WebP),
    (ImageFormat::Tiff, Format::Tiff),
];

/// The colours of a file as a network of three channels gets them.
fn pixels(path: &Path, height: usize, width: usize) -> Vec<[u8; 3]> {
    let planes = prepare(path, &input(height, width, 3), &as_is(3), &Limits::DEFAULT).unwrap();
    let area = height * width;
    let byte = |i: usize| (planes[i] * 255.0).round() as u8;
    (0..area)
        .map(|i| [byte(i), byte(area + i), byte(2 * area + i)])
        .collect()
}

fn colours(image: &RgbImage) -> Vec<[u8; 3]> {
    image.pixels().map(|pixel| pixel.0).collect()
}

#[test]
fn every_format_gives_the_pixels_it_shows_whatever_its_name() {
    let home = folder(&["a", "b"], 4);
    for (place, (format, _)) in LOSSLESS.iter().enumerate() {
        let file = home.path().join(format!("a/{place}.dat"));
        // A GIF is written with alpha.
        let image = DynamicImage::from(DynamicImage::from(colourful()).to_rgba8());
        write(&file, &encoded(&image, *format));
        assert_eq!(pixels(&file, 4, 5), colours(&colourful()), "{format:?}");
    }
    let dataset = open(&home).unwrap();
    for (place, (_, format)) in LOSSLESS.iter().enumerate() {
        let path = format!("a/{place}.dat");
        let entry = dataset.index.entries.iter().find(|e| e.path == path);
        assert_eq!(entry.unwrap().format, *format);
    }
    assert_eq!(dataset.index.summary().formats["webp"], 1);
    assert!(left_out(&dataset).is_empty());
}

#[test]
fn sixteen_bits_keep_their_high_byte_in_every_format_that_has_them() {
    let home = tempfile::tempdir().unwrap();
    let deep = DynamicImage::from(colourful()).to_rgb16();
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let file = home.path().join("deep");
        write(&file, &encoded(&DynamicImage::from(deep.clone()), format));
        assert_eq!(pixels(&file, 4, 5), colours(&colourful()), "{format:?}");
    }
}

#[test]
fn transparent_pixels_show_the_colour_stored_below_and_it_is_said() {
    let home = folder(&["a", "b"], 4);
    let mut image = DynamicImage::from(colourful()).to_rgba8();
    image
        .pixels_mut()
        .step_by(3)
        .for_each(|pixel| pixel.0[3] = 0);
    let file = home.path().join("b/clear.png");
    write(
        &file,
        &encoded(&DynamicImage::from(image), ImageFormat::Png),
    );
    assert_eq!(pixels(&file, 4, 5), colours(&colourful()));
    let notes = open(&home).unwrap().index.notes;
    assert!(
        notes
            .iter()
            .any(|n| n.starts_with("1 images have transparent pixels")),
        "{notes:?}"
    );
}

/// An Exif block with one tag: the orientation.
fn exif(tag: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend([tag, 0, 0, 0, 0, 0, 0, 0]);
    block
}

/// The same pixels in each format that has an orientation tag.
fn tagged(image: &RgbImage, tag: u8) -> Vec<(&'static str, Vec<u8>)> {
    fn write(mut encoder: impl ImageEncoder, image: &RgbImage, tag: u8) {
        encoder.set_exif_metadata(exif(tag)).unwrap();
        let (width, height) = image.dimensions();
        encoder
            .write_image(image, width, height, image::ExtendedColorType::Rgb8)
            .unwrap();
    }
    let (mut png, mut webp, mut jpeg) = (Vec::new(), Vec::new(), Vec::new());
    write(PngEncoder::new(&mut png), image, tag);
    write(WebPEncoder::new_lossless(&mut webp), image, tag);
    write(JpegEncoder::new_with_quality(&mut jpeg, 100), image, tag);
    vec![("png", png), ("webp", webp), ("jpeg", jpeg)]
}

#[test]
fn images_are_turned_upright_by_their_tag() {
    let home = tempfile::tempdir().unwrap();
    // Large even fields: JPEG keeps them.
    let image = RgbImage::from_fn(32, 16, |x, y| match (x < 16, y < 8) {
        (true, true) => Rgb([250, 0, 0]),
        (false, true) => Rgb([0, 250, 0]),
        (true, false) => Rgb([0, 0, 250]),
        (false, false) => Rgb([250, 250, 250]),
    });
    for tag in 1..=8 {
        let mut upright = DynamicImage::from(image.clone());
        upright.apply_orientation(image::metadata::Orientation::from_exif(tag).unwrap());
        let upright = upright.to_rgb8();
        let (width, height) = (upright.width() as usize, upright.height() as usize);
        for (name, content) in tagged(&image, tag) {
            let file = home.path().join(name);
            write(&file, &content);
            for (ours, expected) in pixels(&file, height, width).iter().zip(upright.pixels()) {
                for (a, b) in ours.iter().zip(expected.0) {
                    assert!(
                        a.abs_diff(b) < 12,
                        "{name}, tag {tag}: {ours:?} {expected:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_index_has_the_size_of_the_image_turned_upright() {
    let home = folder(&["a", "b"], 4);
    let image = RgbImage::from_pixel(6, 4, Rgb([9, 9, 9]));
    for (name, content) in tagged(&image, 6) {
        write(&home.path().join(format!("a/turned-{name}")), &content);
    }
    let dataset = open(&home).unwrap();
    for entry in dataset
        .index
        .entries
        .iter()
        .filter(|e| e.path.contains("turned"))
    {
        assert_eq!((entry.width, entry.height), (4, 6), "{}", entry.path);
    }
}

#[test]
fn files_cut_anywhere_are_refused_or_lack_only_what_says_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("x");
    let image = DynamicImage::from(DynamicImage::from(colourful()).to_rgba8());
    for (format, _) in LOSSLESS {
        let whole = encoded(&image, format);
        write(&file, &whole);
        let expected = pixels(&file, 4, 5);
        for length in 0..whole.len() {
            write(&file, &whole[..length]);
            // What follows the pixels may be missing: a PNG's last chunk, a GIF's trailer, padding.
            if prepare(&file, &input(4, 5, 3), &as_is(3), &Limits::DEFAULT).is_ok() {
                assert_eq!(pixels(&file, 4, 5), expected, "{format:?} {length}");
            } else {
                assert!(thumbnail(&file, 4).is_err());
            }
        }
    }
}

#[test]
fn huge_sizes_are_refused_by_the_header_in_every_format() {
    let home = folder(&["a", "b"], 2);
    let image = DynamicImage::from(DynamicImage::from(colourful()).to_rgba8());
    for (format, at, bytes) in [
        (
            ImageFormat::Bmp,
            18,
            &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0][..],
        ),
        (ImageFormat::Gif, 6, &[0xff, 0xff, 0xff, 0xff]),
        // Lossless WebP: 14 bits for each side, less one.
        (ImageFormat::WebP, 21, &[0xff, 0xff, 0xff, 0x0f]),
    ] {
        let mut content = encoded(&image, format);
        content[at..at + bytes.len()].copy_from_slice(bytes);
        write(&home.path().join(format!("a/huge-{format:?}")), &content);
    }
    let said = left_out(&open(&home).unwrap());
    assert_eq!(said.len(), 3, "{said:?}");
    for said in said {
        assert!(
            ["million", "more memory", "no pixels"]
                .iter()
                .any(|reason| said.contains(reason)),
            "{said}"
        );
    }
}
