//! Decoding, and batches of images.

use super::{folder, left_out, open, png, refusal, write};
use gapwatch::data::{
    DataError, Dataset, Format, Images, Limits, Normalization, prepare, thumbnail,
};
use gapwatch::nn::LazyRows;
use gapwatch::run::{InputSpec, Normalize, Split};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use std::io::Cursor;

pub(crate) fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Red, green and blue that are easy to tell apart.
pub(crate) fn colourful() -> RgbImage {
    RgbImage::from_fn(5, 4, |x, y| Rgb([(x * 40) as u8, (y * 50) as u8, 200]))
}

pub(crate) fn input(height: usize, width: usize, channels: usize) -> InputSpec {
    InputSpec {
        height,
        width,
        channels,
        normalize: Normalize::None,
    }
}

pub(crate) fn as_is(channels: usize) -> Normalization {
    Normalization {
        mean: vec![0.0; channels],
        std: vec![1.0; channels],
        per_image: false,
    }
}

#[test]
fn every_kind_of_png_gives_the_pixels_it_shows() {
    let home = tempfile::tempdir().unwrap();
    let colour = colourful();
    let gray = DynamicImage::from(colour.clone()).to_luma8();
    let rgb = DynamicImage::from(colour.clone());
    for (name, image, gray_file) in [
        ("rgb", rgb.clone(), false),
        ("rgba", DynamicImage::from(rgb.to_rgba8()), false),
        ("rgb16", DynamicImage::from(rgb.to_rgb16()), false),
        ("rgba16", DynamicImage::from(rgb.to_rgba16()), false),
        ("gray", DynamicImage::from(gray.clone()), true),
        (
            "graya",
            DynamicImage::from(DynamicImage::from(gray.clone()).to_luma_alpha8()),
            true,
        ),
        (
            "gray16",
            DynamicImage::from(DynamicImage::from(gray.clone()).to_luma16()),
            true,
        ),
    ] {
        let file = home.path().join(name);
        write(&file, &encoded(&image, ImageFormat::Png));
        let prepared = prepare(&file, &input(4, 5, 3), &as_is(3), &Limits::DEFAULT).unwrap();
        for (i, x) in prepared.iter().enumerate() {
            let (c, y, x_at) = (i / 20, i % 20 / 5, i % 5);
            let expected = if gray_file {
                gray.get_pixel(x_at as u32, y as u32).0[0]
            } else {
                colour.get_pixel(x_at as u32, y as u32).0[c]
            };
            assert!((x - f32::from(expected) / 255.0).abs() < 1e-6, "{name}");
        }
    }
}

/// A palette, a palette with a transparent colour, one bit a pixel: files written by Pillow, and what it reads in them.
#[test]
fn palettes_and_single_bits_are_expanded_as_pillow_does() {
    let colours = [
        [255, 0, 0],
        [0, 255, 0],
        [10, 20, 30],
        [7, 8, 9],
        [10, 20, 30],
        [0, 255, 0],
    ];
    let bits = [[255; 3], [0; 3], [255; 3], [0; 3], [0; 3], [255; 3]];
    for (file, pixels) in [
        (
            "89504e470d0a1a0a0000000d4948445200000003000000020203000000e01a8e890000000c504c5445ff000000ff000a141e07080915cc56b40000000c4944415478da639060780200013000fd6830cfdf0000000049454e44ae426082",
            colours,
        ),
        (
            "89504e470d0a1a0a0000000d4948445200000003000000020203000000e01a8e890000000c504c5445ff000000ff000a141e07080915cc56b40000000274524e53ff00e5b7304a0000000c4944415478da639060780200013000fd6830cfdf0000000049454e44ae426082",
            colours,
        ),
        (
            "89504e470d0a1a0a0000000d4948445200000003000000020100000000b50f5bb70000000c4944415478da6358c0a00000020400c10a3efb0f0000000049454e44ae426082",
            bits,
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.png");
        let bytes: Vec<u8> = (0..file.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&file[i..i + 2], 16).unwrap())
            .collect();
        write(&path, &bytes);
        let prepared = prepare(&path, &input(2, 3, 3), &as_is(3), &Limits::DEFAULT).unwrap();
        for (i, x) in prepared.iter().enumerate() {
            let expected: u8 = pixels[i % 6][i / 6];
            assert!(
                (x * 255.0 - f32::from(expected)).abs() < 1e-4,
                "{prepared:?}"
            );
        }
    }
}

#[test]
fn one_channel_is_the_weighted_sum_of_three() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a.png");
    write(
        &file,
        &encoded(&DynamicImage::from(colourful()), ImageFormat::Png),
    );
    let prepared = prepare(&file, &input(4, 5, 1), &as_is(1), &Limits::DEFAULT).unwrap();
    let Rgb([r, g, b]) = *colourful().get_pixel(3, 2);
    let expected = (0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)) / 255.0;
    assert!((prepared[2 * 5 + 3] - expected).abs() < 1e-6);
}

#[test]
fn jpeg_is_read_whatever_its_name() {
    let home = folder(&["a", "b"], 4);
    let image = DynamicImage::from(RgbImage::from_pixel(16, 8, Rgb([90, 90, 90])));
    let jpeg = encoded(&image, ImageFormat::Jpeg);
    write(&home.path().join("a/photo.png"), &jpeg);
    write(
        &home.path().join("b/gray.jpg"),
        &encoded(&image.to_luma8().into(), ImageFormat::Jpeg),
    );
    write(&home.path().join("b/short.jpg"), &jpeg[..jpeg.len() - 40]);
    let dataset = open(&home).unwrap();
    assert_eq!(
        left_out(&dataset),
        ["b/short.jpg: cut short: its end is missing"]
    );
    let entry = |path| {
        dataset
            .index
            .entries
            .iter()
            .find(|e| e.path == path)
            .unwrap()
    };
    assert_eq!(entry("a/photo.png").format, Format::Jpeg);
    assert_eq!(entry("a/photo.png").channels, 3);
    assert_eq!(entry("b/gray.jpg").channels, 1);
    assert_eq!(dataset.index.summary().formats["jpeg"], 2);
    let prepared = prepare(
        &home.path().join("a/photo.png"),
        &input(8, 16, 1),
        &as_is(1),
        &Limits::DEFAULT,
    )
    .unwrap();
    assert!(prepared.iter().all(|x| (x * 255.0 - 90.0).abs() < 2.0));
}

#[test]
fn a_huge_image_is_refused_by_its_header() {
    let home = folder(&["a", "b"], 2);
    let mut huge = png((4, 6), 0);
    huge[16..20].copy_from_slice(&40_000u32.to_be_bytes());
    huge[20..24].copy_from_slice(&40_000u32.to_be_bytes());
    write(&home.path().join("a/huge.png"), &huge);
    let said = left_out(&open(&home).unwrap());
    assert!(said[0].contains("40000 × 40000 pixels"), "{said:?}");
}

#[test]
fn a_decoder_is_given_every_truncation_and_never_panics() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("x");
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let whole = encoded(&DynamicImage::from(colourful()), format);
        for length in 0..whole.len() - 2 {
            write(&file, &whole[..length]);
            // A PNG may lack its very last chunk, which says nothing.
            let read = prepare(&file, &input(4, 5, 3), &as_is(3), &Limits::DEFAULT);
            assert!(
                read.is_err() || length + 12 >= whole.len(),
                "{format:?} {length}"
            );
            assert!(thumbnail(&file, 4).is_err() || read.is_ok());
        }
    }
}

/// A split's images, all kept in memory.
fn load(dataset: &Dataset, split: Split, input: &InputSpec) -> Result<Images, DataError> {
    Images::load(dataset, split, input, &mut u64::MAX.clone(), &|_, _| ())
}

/// The chosen images as one batch.
fn batch(images: &Images, which: &[usize], normalization: &Normalization, size: usize) -> Vec<f32> {
    let read = images.read_ahead(&[which.to_vec()]).next_batch().unwrap();
    let mut batch = vec![0.0; which.len() * size];
    images.batch(which, &read, normalization, &mut batch);
    batch
}

#[test]
fn a_batch_is_normalised_by_training_and_in_the_order_asked() {
    let home = folder(&["train/a", "train/b", "val/a"], 3);
    let dataset = open(&home).unwrap();
    let input = InputSpec {
        normalize: Normalize::Train,
        ..input(4, 6, 3)
    };
    let images = load(&dataset, Split::Train, &input).unwrap();
    assert_eq!(images.labels(), [0, 0, 0, 1, 1, 1]);
    let normalization = images.normalization(&input, &|_, _| ()).unwrap();
    let all = batch(&images, &[0, 1, 2, 3, 4, 5], &normalization, 3 * 24);
    let mean = all.iter().sum::<f32>() / all.len() as f32;
    let variance = all.iter().map(|x| x * x).sum::<f32>() / all.len() as f32;
    assert!(
        mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4,
        "{mean} {variance}"
    );
    let two = batch(&images, &[4, 1], &normalization, 3 * 24);
    assert_eq!(two[..72], all[4 * 72..5 * 72]);
    assert_eq!(two[72..], all[72..2 * 72]);
    let none = load(&dataset, Split::Test, &input).unwrap();
    assert!(none.is_empty());
}

#[test]
fn a_batch_equals_the_images_prepared_one_by_one() {
    let home = folder(&["a", "b"], 3);
    let large = DynamicImage::from(RgbImage::from_fn(60, 50, |x, y| {
        Rgb([(x * 4) as u8, (y * 5) as u8, (x * y % 256) as u8])
    }));
    write(
        &home.path().join("a/large.png"),
        &encoded(&large, ImageFormat::Png),
    );
    let dataset = open(&home).unwrap();
    for (height, width, channels) in [(4, 6, 3), (4, 6, 1), (7, 5, 3), (9, 30, 1), (70, 80, 3)] {
        let input = input(height, width, channels);
        let normalization = Normalization {
            mean: vec![0.3, 0.4, 0.5][..channels].to_vec(),
            std: vec![0.2, 0.3, 0.4][..channels].to_vec(),
            per_image: height == 7,
        };
        for split in Split::ALL {
            let images = load(&dataset, split, &input).unwrap();
            let size = channels * height * width;
            let all: Vec<usize> = (0..images.len()).collect();
            let batch = batch(&images, &all, &normalization, size);
            for (entry, made) in dataset.index.of(split).zip(batch.chunks(size)) {
                let file = dataset.root.join(&entry.path);
                let alone = prepare(&file, &input, &normalization, &Limits::DEFAULT).unwrap();
                for (a, b) in alone.iter().zip(made) {
                    assert!((a - b).abs() < 1e-5, "{a} {b}");
                }
            }
            assert_parts_of_rows(&images, &all, &normalization, &batch);
        }
    }
}

/// Images that are made a part at a time have a batch's bits; those that must be resized first are not made so.
fn assert_parts_of_rows(
    images: &Images,
    which: &[usize],
    normalization: &Normalization,
    batch: &[f32],
) {
    let ready = |which: &[usize]| images.rows(which, normalization);
    let each: Vec<_> = which.iter().map(|&i| ready(&[i])).collect();
    let Some(rows) = ready(which) else {
        return assert!(each.iter().any(Option::is_none));
    };
    assert!(each.iter().all(Option::is_some));
    assert_eq!(rows.count(), which.len());
    for (row, image) in batch.chunks(batch.len() / which.len().max(1)).enumerate() {
        for (from, count) in [(0, image.len()), (1, 5), (image.len() / 3, image.len() / 2)] {
            let mut part = vec![f32::NAN; count];
            rows.write(row, from, &mut part);
            assert_eq!(part, image[from..][..count], "image {row} from {from}");
        }
    }
}

#[test]
fn images_that_are_read_for_each_batch_are_no_rows() {
    let home = folder(&["train/a", "train/b"], 4);
    let dataset = open(&home).unwrap();
    let input = input(4, 6, 3);
    let mut room = 50;
    let images = Images::load(&dataset, Split::Train, &input, &mut room, &|_, _| ()).unwrap();
    let kept = images.len() - images.on_disk();
    assert!(kept > 0 && images.on_disk() > 0);
    assert!(images.rows(&[0, kept - 1], &as_is(3)).is_some());
    assert!(images.rows(&[0, kept], &as_is(3)).is_none());
}

#[test]
fn an_image_that_changed_after_it_was_taken_in_is_named() {
    let home = folder(&["a", "b"], 10);
    let dataset = open(&home).unwrap();
    let path = &dataset.index.of(Split::Train).next().unwrap().path;
    write(&home.path().join(path), &png((5, 6), 0));
    let error = load(&dataset, Split::Train, &input(4, 6, 1)).err().unwrap();
    assert!(error.to_string().contains(path.as_str()), "{error}");
}

#[test]
fn a_folder_of_other_formats_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    write(&home.path().join("a/x.heic"), b"....ftypheic");
    assert!(refusal(&home).contains("convert it to PNG"));
}
