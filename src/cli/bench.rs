//! `gapwatch bench`: seconds and memory of training and scoring.

use super::BadInput;
use crate::model::{Network, plan_for, resolve};
use crate::nn::{Stream, uniform};
use crate::run::Optimizer;
use anyhow::Result;
use candle_core::{Device, Tensor};
use nix::sys::resource::{UsageWho, getrusage};
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;
use std::time::Instant;

/// As many as the question has.
const CLASSES: u32 = 9;
const LR: f64 = 1e-3;

#[derive(clap::Args)]
pub(super) struct BenchArguments {
    /// A preset by name
    #[arg(long, value_name = "PRESET", default_value = "cnn-bilstm")]
    model: String,
    /// Random images, 3 × 128 × 256
    #[arg(long, default_value_t = 630, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    images: u32,
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Measured epochs, after one that warms up
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    epochs: u32,
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// One JSON document a line instead of a table
    #[arg(long)]
    json: bool,
}

/// What one epoch took.
#[derive(Serialize)]
struct Measurement {
    epoch: u32,
    /// Not to be compared: memory is touched for the first time.
    warm_up: bool,
    train_s: f64,
    eval_s: f64,
    /// The most memory the process has held, in MiB.
    peak_mb: u64,
}

pub(super) fn run(arguments: BenchArguments) -> Result<ExitCode> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(arguments.threads))
        .build()?;
    pool.install(|| measure(&arguments))?;
    Ok(ExitCode::SUCCESS)
}

fn measure(arguments: &BenchArguments) -> Result<()> {
    let spec = json!({
        "model": {"preset": arguments.model},
        "train": {"batch_size": arguments.batch},
    });
    let (spec, plan) = resolve(spec, None)
        .and_then(|spec| plan_for(&spec, CLASSES as usize).map(|plan| (spec, plan)))
        .map_err(|error| BadInput(format!("--model {}: {error}", arguments.model)))?;
    let n = arguments.images as usize;
    let input = &spec.input;
    // Of mean 0 and variance 1, as normalised images are.
    let shape = [n, input.channels, input.height, input.width];
    let images = uniform(&shape, 3_f64.sqrt(), Stream::new(0, "bench images"))?;
    let stream = Stream::new(0, "bench labels");
    let labels: Vec<u32> = (0..n as u64).map(|i| stream.number(i) % CLASSES).collect();

    let network = Network::new(&plan, spec.train.seed, &Device::Cpu)?;
    let mut optimizer = network.optimizer(&Optimizer::Adam {
        lr: LR,
        weight_decay: 0.0,
    });
    let batch = spec.train.batch_size;
    let batches: Vec<(Tensor, &[u32])> = labels
        .chunks(batch)
        .enumerate()
        .map(|(i, labels)| Ok((images.narrow(0, i * batch, labels.len())?, labels)))
        .collect::<Result<_>>()?;
    if !arguments.json {
        println!("epoch   train s    eval s   peak MiB");
    }
    let mut step = 0;
    for epoch in 0..=arguments.epochs {
        let start = Instant::now();
        for (images, labels) in &batches {
            network.step(images, labels, step, &mut optimizer, LR)?;
            step += 1;
        }
        let trained = Instant::now();
        for (images, labels) in &batches {
            network.score(images, labels)?;
        }
        let measurement = Measurement {
            epoch,
            warm_up: epoch == 0,
            train_s: (trained - start).as_secs_f64(),
            eval_s: trained.elapsed().as_secs_f64(),
            peak_mb: u64::try_from(getrusage(UsageWho::RUSAGE_SELF)?.max_rss())? / 1024,
        };
        if arguments.json {
            println!("{}", serde_json::to_string(&measurement)?);
        } else {
            let Measurement {
                train_s,
                eval_s,
                peak_mb,
                ..
            } = measurement;
            let note = if epoch == 0 { "  warm-up" } else { "" };
            println!("{epoch:>5}  {train_s:>8.3}  {eval_s:>8.3}  {peak_mb:>9}{note}");
        }
    }
    Ok(())
}
