//! Small folders of images that a small network learns in a second.

use gapwatch::data::Dataset;
use image::{GrayImage, Luma};
use std::fs;
use std::path::Path;

pub const CLASSES: [&str; 3] = ["left", "middle", "right"];
const HEIGHT: u32 = 8;
const WIDTH: u32 = 12;

/// Numbers that look random: the upper bits of a linear congruential generator (Knuth's constants).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }
}

/// Writes `each` images of every class: a bright bar at the left, in the middle or at the right, in noise.
pub fn write_split(folder: &Path, each: u32, seed: u64) {
    let mut noise = Noise(seed);
    for (class, name) in (0..).zip(CLASSES) {
        let class_folder = folder.join(name);
        fs::create_dir_all(&class_folder).unwrap();
        for i in 0..each {
            let image = GrayImage::from_fn(WIDTH, HEIGHT, |x, _| {
                let bar = if x / 4 == class { 60 } else { 0 };
                Luma([(bar + noise.next() % 160) as u8])
            });
            image
                .save(class_folder.join(format!("{i:03}.png")))
                .unwrap();
        }
    }
}

/// Writes train, val and test of 17, 6 and 5 images a class.
pub fn write_dataset(root: &Path) {
    write_split(&root.join("train"), 17, 1);
    write_split(&root.join("val"), 6, 2);
    write_split(&root.join("test"), 5, 3);
}

/// The same, opened.
pub fn dataset(root: &Path) -> Dataset {
    write_dataset(root);
    Dataset::open(root, &|_, _| ()).unwrap()
}
