//! The demonstration's images: Gabor patches at random places, generated from a recipe and a seed.

use super::import::Import;
use super::random::Random;
use super::{DataError, Dataset, Intake, OnProgress};
use crate::run::Split;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;
use serde::Deserialize;
use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The recipes that are shipped: what the first click trains on, and the size of the question's images.
const RECIPES: [&str; 2] = [
    include_str!("../../data/demo-64x128.toml"),
    include_str!("../../data/demo-128x256.toml"),
];

/// How a demonstration's images are made; the files in `data/` say what each number means.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The dataset's id.
    pub id: String,
    pub title: String,
    seed: u64,
    height: usize,
    width: usize,
    images: Counts,
    patch: Patch,
    background: Background,
    pixels: PixelRange,
}

/// Images a class in each split.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    train: usize,
    val: usize,
    test: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    /// Degrees.
    orientations: Vec<u32>,
    /// Cycles a pixel.
    frequencies: Vec<f64>,
    /// Pixels.
    sigma: f64,
    amplitude: f64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Background {
    rows: usize,
    columns: usize,
    amplitude: f64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PixelRange {
    noise: f64,
    zero: f64,
    scale: f64,
}

/// The shipped demonstrations, the first click's first.
pub fn demonstrations() -> Vec<Recipe> {
    RECIPES
        .iter()
        // They are part of the executable, and a test reads them.
        .map(|text| toml::from_str(text).expect("a shipped recipe is right"))
        .collect()
}

/// The shipped demonstration of this dataset id: `demo` (64 × 128) or `demo-large` (128 × 256).
pub fn demonstration(id: &str) -> Option<Recipe> {
    demonstrations().into_iter().find(|recipe| recipe.id == id)
}

/// One image to make: its place in the order of all is its stream of random numbers.
struct Wanted {
    stream: u64,
    split: Split,
    orientation: u32,
    frequency: f64,
    number: usize,
}

impl Recipe {
    /// Writes the images as PNG files and their index into the empty folder `into`, in parallel.
    pub fn generate(&self, into: &Path, progress: OnProgress) -> Result<Dataset, DataError> {
        let import = Import::begin(into)?;
        let wanted = self.wanted();
        let (done, of) = (AtomicU64::new(0), wanted.len() as u64);
        wanted.par_iter().try_for_each(|image| {
            let class = format!("{:03}deg-{:.3}", image.orientation, image.frequency);
            let folder = import.images().join(image.split.name()).join(class);
            fs::create_dir_all(&folder).map_err(DataError::at(&folder))?;
            let file = folder.join(format!("{:02}.png", image.number));
            let png = self.png(&self.pixels_of(image));
            fs::write(&file, png).map_err(DataError::at(&file))?;
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, of);
            Ok(())
        })?;
        let survey = import.survey()?;
        import.finish(&survey, &Intake::default())
    }

    fn wanted(&self) -> Vec<Wanted> {
        let mut all = Vec::new();
        for split in Split::ALL {
            let count = match split {
                Split::Train => self.images.train,
                Split::Val => self.images.val,
                Split::Test => self.images.test,
            };
            for &orientation in &self.patch.orientations {
                for &frequency in &self.patch.frequencies {
                    for number in 0..count {
                        all.push(Wanted {
                            stream: all.len() as u64,
                            split,
                            orientation,
                            frequency,
                            number,
                        });
                    }
                }
            }
        }
        all
    }

    /// The image as gray bytes, (height, width).
    fn pixels_of(&self, image: &Wanted) -> Vec<u8> {
        let mut random = Random::new(self.seed, image.stream);
        let size = (self.height, self.width);
        let patch = self.patch_of(image, &mut random);
        let Background {
            rows,
            columns,
            amplitude,
        } = self.background;
        let mut grid = vec![0.0; rows * columns];
        random.fill_normal(&mut grid);
        let smooth = enlarge(&grid, (rows, columns), size);
        let mut noise = vec![0.0; size.0 * size.1];
        random.fill_normal(&mut noise);
        let sums = patch.iter().zip(&smooth).zip(&noise);
        sums.map(|((patch, smooth), noise)| {
            let value = patch + amplitude * smooth + self.pixels.noise * noise;
            let byte = (self.pixels.zero + self.pixels.scale * value).round();
            byte.clamp(0.0, 255.0) as u8
        })
        .collect()
    }

    /// The Gabor patch, (height, width).
    fn patch_of(&self, image: &Wanted, random: &mut Random) -> Vec<f64> {
        let Patch {
            sigma, amplitude, ..
        } = self.patch;
        let x0 = random.uniform() * self.width as f64;
        let y0 = random.uniform() * self.height as f64;
        let phase = TAU * random.uniform();
        let angle = f64::from(image.orientation).to_radians();
        let (sin, cos) = libm::sincos(angle);
        // Both the envelope and the wave of a sum are products over the two axes.
        let axis = |side: usize, centre: f64, direction: f64, phase: f64| -> Vec<[f64; 3]> {
            (0..side)
                .map(|i| {
                    let d = i as f64 - centre;
                    let (sin, cos) = libm::sincos(TAU * image.frequency * direction * d + phase);
                    [libm::exp(-d * d / (2.0 * sigma * sigma)), sin, cos]
                })
                .collect()
        };
        let columns = axis(self.width, x0, cos, phase);
        let rows = axis(self.height, y0, sin, 0.0);
        let mut patch = Vec::with_capacity(self.height * self.width);
        for [v_envelope, v_sin, v_cos] in rows {
            patch.extend(columns.iter().map(|[u_envelope, u_sin, u_cos]| {
                amplitude * v_envelope * u_envelope * (u_cos * v_cos - u_sin * v_sin)
            }));
        }
        patch
    }

    fn png(&self, bytes: &[u8]) -> Vec<u8> {
        let mut png = Vec::with_capacity(bytes.len());
        PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Sub)
            .write_image(
                bytes,
                self.width as u32,
                self.height as u32,
                ExtendedColorType::L8,
            )
            // Writing to memory does not fail, and the size is the buffer's.
            .expect("an image of its own size");
        png
    }
}

/// Bicubic enlargement with half-pixel centres and clamped edges (Keys, 1981, a = −0.75, as PyTorch has it).
fn enlarge(grid: &[f64], from: (usize, usize), to: (usize, usize)) -> Vec<f64> {
    let columns = cubic_axis(from.1, to.1);
    let rows = cubic_axis(from.0, to.0);
    let wide: Vec<f64> = grid
        .chunks_exact(from.1)
        .flat_map(|row| {
            columns
                .iter()
                .map(|taps| taps.iter().map(|&(at, w)| row[at] * w).sum::<f64>())
        })
        .collect();
    rows.iter()
        .flat_map(|taps| {
            let wide = &wide;
            (0..to.1).map(move |x| taps.iter().map(|&(at, w)| wide[at * to.1 + x] * w).sum())
        })
        .collect()
}

/// The four positions that each target position is made of, and their weights.
fn cubic_axis(from: usize, to: usize) -> Vec<[(usize, f64); 4]> {
    const A: f64 = -0.75;
    let near = |t: f64| ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0;
    let far = |t: f64| ((A * t - 5.0 * A) * t + 8.0 * A) * t - 4.0 * A;
    (0..to)
        .map(|i| {
            let centre = (i as f64 + 0.5) * from as f64 / to as f64 - 0.5;
            let t = centre - centre.floor();
            let at = |tap: f64| (centre.floor() + tap).clamp(0.0, from as f64 - 1.0) as usize;
            [
                (at(-1.0), far(t + 1.0)),
                (at(0.0), near(t)),
                (at(1.0), near(1.0 - t)),
                (at(2.0), far(2.0 - t)),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_recipes_are_read_and_have_the_promised_sizes() {
        let sizes: Vec<_> = demonstrations()
            .into_iter()
            .map(|r| (r.id.clone(), r.height, r.width, r.wanted().len()))
            .collect();
        assert_eq!(
            sizes,
            [
                ("demo".to_owned(), 64, 128, 810),
                ("demo-large".to_owned(), 128, 256, 810)
            ]
        );
        assert_eq!(demonstration("demo").unwrap(), demonstrations()[0]);
        assert!(demonstration("other").is_none());
    }

    /// From `torch.nn.functional.interpolate(torch.tensor([[[[0., 1, 4], [9, 2, 3]]]]), size=(4, 6), mode="bicubic")`.
    #[test]
    fn enlarging_equals_pytorch() {
        let ours = enlarge(&[0.0, 1.0, 4.0, 9.0, 2.0, 3.0], (2, 3), (4, 6));
        let torch = [
            -1.14368, -0.64438, 0.13815, 1.81647, 3.44281, 4.44412, 2.12476, 1.76544, 1.14203,
            1.71790, 3.16785, 4.04205, 7.50806, 5.73456, 2.79547, 1.55554, 2.71497, 3.37982,
            10.77649, 8.14438, 3.79935, 1.45697, 2.44000, 2.97775,
        ];
        for (ours, torch) in ours.iter().zip(torch) {
            assert!((ours - torch).abs() < 1e-4, "{ours} {torch}");
        }
    }

    #[test]
    fn the_demonstration_is_the_same_on_every_machine() {
        let home = tempfile::tempdir().unwrap();
        let recipe = demonstration("demo").unwrap();
        let dataset = recipe
            .generate(&home.path().join("demo"), &|_, _| ())
            .unwrap();
        assert_eq!(dataset.index.of(Split::Train).count(), 630);
        assert_eq!(dataset.index.of(Split::Val).count(), 90);
        assert_eq!(dataset.index.of(Split::Test).count(), 90);
        assert_eq!(dataset.index.classes[1], "000deg-0.160");
        assert_eq!(dataset.index.unreadable, []);
        assert_eq!(
            dataset.index.fingerprint,
            "6bb6eac1ba16d7796de5e5081f96d63e8ade0ba6f04950360fa7d47a3d54cec5"
        );
    }
}
