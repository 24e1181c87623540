//! `gapwatch predict`: a checkpoint's answer for each image.

use super::BadInput;
use crate::data::{self, Limits, Listing, Unreadable};
use crate::train::Classifier;
use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Images at once.
const BATCH: usize = 32;

#[derive(clap::Args)]
pub(super) struct PredictArguments {
    /// A checkpoint that Gapwatch wrote
    #[arg(long, value_name = "FILE.safetensors")]
    checkpoint: PathBuf,
    /// A folder of images (PNG, JPEG, BMP, GIF, WebP, TIFF), in classes or not, or one image
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// One JSON document on standard output, messages on standard error
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// A table on standard output: path, predicted class, and the probability of each class
    #[arg(long)]
    csv: bool,
}

/// One image's answer.
#[derive(Serialize)]
struct Prediction {
    /// Below the folder, parts joined by `/`.
    path: String,
    class: String,
    /// Of each class, in the document's order.
    probabilities: Vec<f64>,
    /// Scores before softmax.
    logits: Vec<f32>,
}

#[derive(Serialize)]
struct Predictions {
    classes: Vec<String>,
    images: Vec<Prediction>,
    unreadable: Vec<Unreadable>,
}

pub(super) fn run(arguments: PredictArguments) -> Result<ExitCode> {
    let classifier = Classifier::open(&arguments.checkpoint)
        .map_err(|error| BadInput(format!("--checkpoint {error}")))?;
    let refused = |error: &dyn std::fmt::Display| {
        BadInput(format!("--data {}: {error}", arguments.data.display()))
    };
    let (root, listing) = files(&arguments.data).map_err(|e| refused(&e))?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(super::all_cores())
        .build()?;
    let answer = pool.install(|| predict(&classifier, &root, listing))?;
    for file in &answer.unreadable {
        eprintln!("left out {}: {}", file.path, file.reason);
    }
    if answer.images.is_empty() {
        return Err(refused(&"holds no image that can be read").into());
    }
    if arguments.csv {
        std::io::stdout().write_all(&answer.csv()?)?;
    } else if arguments.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        for image in &answer.images {
            let most = image.probabilities.iter().copied().fold(0.0, f64::max);
            println!("{}  {}  {:.1} %", image.path, image.class, 100.0 * most);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder that paths lie below, and the files in it; of a single file its own folder.
fn files(data: &Path) -> Result<(PathBuf, Listing), data::DataError> {
    if data.is_file()
        && let Some(name) = data.file_name().and_then(|n| n.to_str())
    {
        let listing = Listing {
            files: vec![name.to_owned()],
            ..Listing::default()
        };
        return Ok((data.with_file_name(""), listing));
    }
    Ok((data.to_owned(), Listing::of(data, &Limits::DEFAULT)?))
}

/// Classifies every file that can be read.
fn predict(classifier: &Classifier, root: &Path, listing: Listing) -> Result<Predictions> {
    let mut answer = Predictions {
        classes: classifier.classes.clone(),
        images: Vec::new(),
        unreadable: listing.unreadable,
    };
    for paths in listing.files.chunks(BATCH) {
        let prepared: Vec<_> = paths
            .par_iter()
            .map(|path| classifier.prepare(&root.join(path), &Limits::DEFAULT))
            .collect();
        let (mut pixels, mut readable) = (Vec::new(), Vec::new());
        for (path, image) in paths.iter().zip(prepared) {
            match image {
                Ok(image) => {
                    pixels.extend(image);
                    readable.push(path.clone());
                }
                Err(reason) => answer.unreadable.push(Unreadable {
                    path: path.clone(),
                    reason: reason.to_string(),
                }),
            }
        }
        if readable.is_empty() {
            continue;
        }
        let classified = classifier
            .classify(pixels, readable.len())
            .context("the network could not be used")?;
        let images = readable.into_iter().zip(classified);
        answer.images.extend(images.map(|(path, of)| Prediction {
            path,
            class: classifier.classes[of.class].clone(),
            probabilities: of.probabilities,
            logits: of.logits,
        }));
    }
    Ok(answer)
}

impl Predictions {
    /// A row an image: `path`, `predicted`, then `p_CLASS` of each class.
    fn csv(&self) -> Result<Vec<u8>> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let probabilities = self.classes.iter().map(|class| format!("p_{class}"));
        let head = ["path", "predicted"].map(str::to_owned).into_iter();
        table.write_record(head.chain(probabilities))?;
        for image in &self.images {
            let words = [image.path.clone(), image.class.clone()].into_iter();
            let numbers = image.probabilities.iter().map(f64::to_string);
            table.write_record(words.chain(numbers))?;
        }
        Ok(table.into_inner()?)
    }
}
