//! What the build for cards does on a machine without one, by the card in software of `tests/card/`; `make test-card` runs it.
//! Where `LD_LIBRARY_PATH` does not lead to that card, the tests end with what is missing.
#![cfg(feature = "cuda")]

mod common;

use common::TestServer;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use std::{fs, thread};
use tempfile::{TempDir, tempdir};

const NETWORK: &str = "cnn-bilstm";

/// A folder of images as `tests/common` makes them.
fn images() -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("images.zip"), common::tiny_archive()).unwrap();
    folder
}

/// `gapwatch train` on two cards of so many bytes, with a report of what they were asked for beside the run.
fn command(images: &TempDir, folder: &Path, bytes: [u64; 2], settings: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gapwatch"));
    command
        .env("CARD_MEMORY", format!("{},{}", bytes[0], bytes[1]))
        .env("CARD_REPORT", folder.with_extension("report"))
        .args(["train", "--model", NETWORK, "--data"])
        .arg(images.path().join("images.zip"))
        .arg("--out")
        .arg(folder);
    let usual = [
        "train.epochs=3",
        "input.width=16",
        "input.height=16",
        "train.batch_size=8",
    ];
    for setting in usual.iter().chain(settings) {
        command.args(["--set", setting]);
    }
    command
}

fn trained(images: &TempDir, folder: &Path, settings: &[&str]) -> Output {
    let output = command(images, folder, [1 << 30; 2], settings)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// Each epoch's losses, training, validation and test.
fn curve(folder: &Path) -> Vec<[f64; 3]> {
    let history: Value =
        serde_json::from_slice(&fs::read(folder.join("history.json")).unwrap()).unwrap();
    let epochs = history["epochs"].as_array().unwrap().iter();
    epochs
        .map(|epoch| ["train", "val", "test"].map(|split| epoch[split]["loss"].as_f64().unwrap()))
        .collect()
}

fn far(one: &[[f64; 3]], other: &[[f64; 3]]) -> f64 {
    assert_eq!(one.len(), other.len());
    let pairs = one.iter().flatten().zip(other.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// How often a card was asked for something.
fn asked(folder: &Path, what: &str) -> u64 {
    let report = fs::read_to_string(folder.with_extension("report")).unwrap();
    let lines = report.lines().map(|line| line.split('\t'));
    let mut times = lines.filter_map(|mut words| (words.next()? == what).then(|| words.next())?);
    times.next().map_or(0, |times| times.parse().unwrap())
}

#[test]
fn a_run_on_a_card_has_the_processors_curve_and_repeats_to_the_bit() {
    let (images, runs) = (images(), tempdir().unwrap());
    let folder = |name: &str| runs.path().join(name);
    trained(&images, &folder("cpu"), &["device=cpu"]);
    for name in ["one", "two"] {
        trained(&images, &folder(name), &["device=cuda:0"]);
    }
    assert!(far(&curve(&folder("cpu")), &curve(&folder("one"))) < 1e-4);
    let weights = |name: &str| fs::read(folder(name).join("last.safetensors")).unwrap();
    assert!(weights("one") == weights("two"));
    assert!(asked(&folder("one"), "product") > 0);
    // Without the feature a convolution is a product of its columns.
    let way = if cfg!(feature = "cudnn") {
        "convolution"
    } else {
        "kernel columns"
    };
    assert!(asked(&folder("one"), way) > 0);
}

#[test]
fn products_are_rounded_to_tf32_where_a_run_asks_for_it() {
    let (images, runs) = (images(), tempdir().unwrap());
    let (full, rounded) = (runs.path().join("full"), runs.path().join("rounded"));
    trained(&images, &full, &["device=cuda:0"]);
    let output = trained(&images, &rounded, &["device=cuda:0", "tf32=true"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("TF32"));
    let far = far(&curve(&full), &curve(&rounded));
    assert!(0.0 < far && far < 0.02, "{far}");
    assert_eq!(asked(&full, "product in TF32"), 0);
    assert!(asked(&rounded, "product in TF32") > 0);
}

#[test]
fn a_step_brings_nothing_to_the_host_but_its_losses() {
    let (images, runs) = (images(), tempdir().unwrap());
    let steps = |epochs: u64| {
        let folder = runs.path().join(epochs.to_string());
        trained(
            &images,
            &folder,
            &["device=cuda:0", &format!("train.epochs={epochs}")],
        );
        (
            asked(&folder, "copy to the host"),
            asked(&folder, "kernel cross_entropy"),
        )
    };
    let ((few, some), (more, others)) = (steps(2), steps(4));
    // Every epoch writes the weights, the averages of batch norm and the optimizer's moments to the disk.
    let written = (more - few) - (others - some);
    let again = steps(6);
    assert_eq!(again.0 - more - (again.1 - others), written);
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_same_bits() {
    let (images, runs) = (images(), tempdir().unwrap());
    let (whole, left) = (runs.path().join("whole"), runs.path().join("left"));
    let settings = ["device=cuda:0", "train.epochs=8"];
    trained(&images, &whole, &settings);
    let mut child = command(&images, &left, [1 << 30; 2], &settings)
        .spawn()
        .unwrap();
    while !left.join("last.state.safetensors").exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it was killed"
        );
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    trained(&images, &left, &settings);
    let weights = |folder: &Path| fs::read(folder.join("last.safetensors")).unwrap();
    assert!(weights(&whole) == weights(&left));
}

#[test]
fn a_card_that_is_too_small_ends_the_run_with_a_batch_that_is_not() {
    let (images, runs) = (images(), tempdir().unwrap());
    let run = |name: &str, batch: &str| {
        let folder = runs.path().join(name);
        let settings = ["train.epochs=1", "device=cuda:0", batch];
        command(&images, &folder, [3 << 20; 2], &settings)
            .output()
            .unwrap()
    };
    let output = run("large", "train.batch_size=20");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let (_, batch) = said.split_once("set train.batch_size = ").unwrap();
    let batch: u32 = batch.split(',').next().unwrap().parse().unwrap();
    assert!(
        said.contains("batches of 20 images") && batch < 20,
        "{said}"
    );
    let output = run("smaller", &format!("train.batch_size={batch}"));
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn automatic_takes_the_emptiest_card_and_a_card_that_is_not_there_is_told() {
    let (images, runs) = (images(), tempdir().unwrap());
    let folder = runs.path().join("auto");
    let output = command(&images, &folder, [1 << 28, 1 << 29], &[])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cuda:1 (Card in software 1)"), "{said}");
    let output = command(
        &images,
        &runs.path().join("none"),
        [1 << 28; 2],
        &["device=cuda:2"],
    )
    .output()
    .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("cuda:2"),
        "{said}"
    );
}

#[test]
fn runs_of_the_dashboard_share_the_cards_out() {
    let server = TestServer::with(&["--parallel", "1"]);
    let (_, devices) = server.get("/api/v1/devices");
    assert_eq!(devices["cuda"].as_array().unwrap().len(), 2, "{devices}");
    let dataset = server.import("tiny", &common::tiny_archive());
    let spec = json!({
        "dataset": dataset["id"], "model": {"preset": NETWORK}, "input": {"width": 16, "height": 16},
        "train": {"epochs": 20, "batch_size": 8}, "tf32": true,
    });
    let runs = [server.launch(&spec), server.launch(&spec)];
    let mut placed = runs.map(|run| {
        server.wait_run(run, |run| run["status"] == "finished");
        let page = server.page(&format!("/runs/{run}/settings"));
        let cards = (0..2).filter(|card| {
            page.contains(&format!(
                "<dd>cuda:{card} (Card in software {card}), products in TF32</dd>"
            ))
        });
        cards.collect::<Vec<_>>()
    });
    placed.sort();
    assert_eq!(placed, [[0], [1]]);
}
