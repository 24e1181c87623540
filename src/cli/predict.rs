//! `gapwatch predict`: a checkpoint's answer for each image.

use super::BadInput;
use crate::data::{self, Limits, Listing, Normalization, Unreadable};
use crate::model::{Mode, Network, plan_for};
use crate::nn::values;
use crate::run::InputSpec;
use crate::train::Checkpoint;
use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::Serialize;
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
    #[arg(long)]
    json: bool,
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
    let classifier = Classifier::open(&arguments.checkpoint)?;
    let refused = |error: &dyn std::fmt::Display| {
        BadInput(format!("--data {}: {error}", arguments.data.display()))
    };
    let (root, listing) = files(&arguments.data).map_err(|e| refused(&e))?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(super::all_cores())
        .build()?;
    let answer = pool.install(|| classifier.predict(&root, listing))?;
    for file in &answer.unreadable {
        eprintln!("left out {}: {}", file.path, file.reason);
    }
    if answer.images.is_empty() {
        return Err(refused(&"holds no image that can be read").into());
    }
    if arguments.json {
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

/// A trained network with what it needs to know of images and classes.
struct Classifier {
    network: Network,
    classes: Vec<String>,
    input: InputSpec,
    normalization: Normalization,
}

impl Classifier {
    fn open(path: &Path) -> Result<Classifier> {
        let Checkpoint { facts, tensors } =
            Checkpoint::read(path).map_err(|error| BadInput(format!("--checkpoint {error}")))?;
        let refused = |error: String| BadInput(format!("--checkpoint {}: {error}", path.display()));
        let plan =
            plan_for(&facts.spec, facts.classes.len()).map_err(|e| refused(e.to_string()))?;
        let network = Network::new(&plan, 0, &Device::Cpu)?;
        network.load(&tensors).map_err(|e| refused(e.to_string()))?;
        Ok(Classifier {
            network,
            normalization: facts.preprocessing.normalization(),
            input: facts.spec.input,
            classes: facts.classes,
        })
    }

    fn predict(&self, root: &Path, listing: Listing) -> Result<Predictions> {
        let mut answer = Predictions {
            classes: self.classes.clone(),
            images: Vec::new(),
            unreadable: listing.unreadable,
        };
        for paths in listing.files.chunks(BATCH) {
            let prepared: Vec<_> = paths
                .par_iter()
                .map(|path| data::prepare(&root.join(path), &self.input, &self.normalization))
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
            if !readable.is_empty() {
                self.score(pixels, readable, &mut answer.images)
                    .context("the network could not be used")?;
            }
        }
        Ok(answer)
    }

    /// Adds the answers for a batch of prepared images.
    fn score(
        &self,
        pixels: Vec<f32>,
        paths: Vec<String>,
        into: &mut Vec<Prediction>,
    ) -> Result<()> {
        let InputSpec {
            channels,
            height,
            width,
            ..
        } = self.input;
        let images =
            Tensor::from_vec(pixels, (paths.len(), channels, height, width), &Device::Cpu)?;
        let logits = values(&self.network.forward(&images, Mode::Eval)?)?;
        for (path, logits) in paths
            .into_iter()
            .zip(logits.chunks_exact(self.classes.len()))
        {
            let best = (1..logits.len())
                .fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
            into.push(Prediction {
                path,
                class: self.classes[best].clone(),
                probabilities: softmax(logits, logits[best]),
                logits: logits.to_vec(),
            });
        }
        Ok(())
    }
}

fn softmax(logits: &[f32], greatest: f32) -> Vec<f64> {
    let powers: Vec<f64> = logits
        .iter()
        .map(|&x| (f64::from(x) - f64::from(greatest)).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}
