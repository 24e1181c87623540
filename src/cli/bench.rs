//! `gapwatch bench`: seconds and memory of training and scoring.

use super::BadInput;
use crate::augment::{Augmenter, Batch, Looks};
use crate::data::{Images, Normalization};
use crate::model::{Plan, plan_for, python, resolve};
use crate::nn::Stream;
use crate::run::{Augment, InputSpec, RunSpec};
use crate::train::{Pace, device};
use anyhow::Result;
use nix::sys::resource::{UsageWho, getrusage};
use serde::Serialize;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// As many as the question has.
const CLASSES: u32 = 9;

#[derive(clap::Args)]
pub(super) struct BenchArguments {
    /// A preset by name
    #[arg(long, value_name = "PRESET", default_value = "cnn-bilstm")]
    model: String,
    /// Random images
    #[arg(long, default_value_t = 630, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    images: u32,
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Pixels of an image, top to bottom
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1024))]
    height: u32,
    /// Pixels of an image, left to right
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1024))]
    width: u32,
    /// Measured epochs, after one that warms up
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    epochs: u32,
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// The processor, or a card such as cuda:0
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Products on a card in TensorFloat-32
    #[arg(long)]
    tf32: bool,
    /// Scores nothing
    #[arg(long)]
    train_only: bool,
    /// Also changes every training image at random, by all operations, and says how long that takes on the same threads
    #[arg(long)]
    augment: bool,
    /// One JSON document a line instead of a table
    #[arg(long)]
    json: bool,
    /// Writes the network as a PyTorch module and measures nothing
    #[arg(long, value_name = "FILE.py")]
    module: Option<PathBuf>,
}

/// What one epoch took.
#[derive(Serialize)]
struct Measurement {
    epoch: u32,
    /// Not to be compared: memory is touched for the first time.
    warm_up: bool,
    train_s: f64,
    eval_s: f64,
    /// Changing the epoch's images, with nothing beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    augment_s: Option<f64>,
    /// The most memory the process has held, in MiB.
    peak_mb: u64,
}

pub(super) fn run(arguments: BenchArguments) -> Result<ExitCode> {
    let (spec, plan) = resolved(&arguments)?;
    if let Some(path) = &arguments.module {
        fs::write(path, python::model_py(&plan))
            .map_err(|error| BadInput(format!("--module {}: {error}", path.display())))?;
        return Ok(ExitCode::SUCCESS);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(arguments.threads))
        .build()?;
    pool.install(|| measure(&arguments, &spec, &plan))?;
    Ok(ExitCode::SUCCESS)
}

fn resolved(arguments: &BenchArguments) -> Result<(RunSpec, Plan)> {
    let spec = json!({
        "model": {"preset": arguments.model},
        "device": arguments.device,
        "tf32": arguments.tf32,
        "train": {"batch_size": arguments.batch, "optimizer": {"kind": "adam"}},
        "input": {"height": arguments.height, "width": arguments.width},
    });
    resolve(spec, None)
        .and_then(|spec| plan_for(&spec, CLASSES as usize).map(|plan| (spec, plan)))
        .map_err(|error| BadInput(error.to_string()).into())
}

/// Random images as bytes, as a run keeps its own, and what makes them of mean 0 and variance 1.
fn images(count: usize, input: &InputSpec) -> (Images, Normalization) {
    let size = input.channels * input.height * input.width;
    let stream = Stream::new(0, "bench labels");
    let labels = (0..count as u64)
        .map(|i| stream.number(i) % CLASSES)
        .collect();
    let stream = Stream::new(0, "bench images");
    let planes = (0..count as u64)
        .map(|image| {
            let mut bytes = Vec::with_capacity(size + 16);
            for block in 0..size.div_ceil(16) as u64 {
                let words = stream.at(image).block(block);
                bytes.extend(words.into_iter().flat_map(u32::to_le_bytes));
            }
            bytes.truncate(size);
            bytes
        })
        .collect();
    // A byte's variance is (256² − 1) / 12.
    let deviation = (65_535.0_f32 / 12.0).sqrt() / 255.0;
    let normalization = Normalization {
        mean: vec![0.5; input.channels],
        std: vec![deviation; input.channels],
        per_image: false,
    };
    (Images::of_planes(input, planes, labels), normalization)
}

/// Every operation as strong as a user would have it.
fn all_operations() -> Augment {
    Augment {
        flip_horizontal: 0.5,
        flip_vertical: 0.5,
        shift_horizontal: 0.1,
        shift_vertical: 0.1,
        crop: 0.2,
        rotate: 10.0,
        scale: 0.1,
        brightness: 0.2,
        contrast: 0.2,
        noise: 0.05,
        blur: 1.0,
        cutout: 0.25,
        time_mask: 0.2,
        frequency_mask: 0.2,
        mixup: 0.2,
    }
}

fn measure(arguments: &BenchArguments, spec: &RunSpec, plan: &Plan) -> Result<()> {
    let n = arguments.images as usize;
    let input = &spec.input;
    let (images, normalization) = images(n, input);
    let in_memory = images.read_ahead(&[]).next_batch()?;
    let all: Vec<usize> = (0..n).collect();
    let device = device::open(spec)?;
    let mut pace = Pace::new(spec, plan, images, normalization.clone(), &device)?;
    if !arguments.json {
        println!("epoch   train s    eval s   peak MiB");
    }
    let mut augmenter = Augmenter::new(&all_operations(), input, normalization, spec.train.seed);
    let mut changed = Vec::new();
    for epoch in 0..=arguments.epochs {
        let start = Instant::now();
        pace.train()?;
        let trained = Instant::now();
        if !arguments.train_only {
            pace.score()?;
        }
        let scored = Instant::now();
        if arguments.augment {
            let mut looks = Looks::new(epoch, n);
            for which in all.chunks(spec.train.batch_size) {
                let batch = Batch {
                    steps: &looks.next(which),
                    places: which,
                    images: pace.images(),
                    read: &in_memory,
                };
                changed.resize(
                    which.len() * input.channels * input.height * input.width,
                    0.0,
                );
                augmenter.batch(&batch, &mut changed);
            }
        }
        let measurement = Measurement {
            epoch,
            warm_up: epoch == 0,
            train_s: (trained - start).as_secs_f64(),
            eval_s: (scored - trained).as_secs_f64(),
            augment_s: arguments.augment.then(|| scored.elapsed().as_secs_f64()),
            peak_mb: u64::try_from(getrusage(UsageWho::RUSAGE_SELF)?.max_rss())? / 1024,
        };
        if arguments.json {
            println!("{}", serde_json::to_string(&measurement)?);
        } else {
            let Measurement {
                train_s,
                eval_s,
                peak_mb,
                augment_s,
                ..
            } = measurement;
            let note = if epoch == 0 { "  warm-up" } else { "" };
            let share = augment_s.map_or(String::new(), |s| {
                format!(
                    "  changed in {s:.3} s, {:.1} % of training",
                    100.0 * s / train_s
                )
            });
            println!("{epoch:>5}  {train_s:>8.3}  {eval_s:>8.3}  {peak_mb:>9}{share}{note}");
        }
    }
    Ok(())
}
