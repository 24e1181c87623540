//! A run's settings, and the facts that repeat it, as pairs of a name and a value.

use super::form_augment;
use super::form_options;
use super::form_schedule;
use super::runs::model_name;
use super::wording::{early_stopping, moment, optimizer, setting, thousands};
use crate::run::{Normalize, TestFigures};
use crate::store::Run;

type Pairs = Vec<(&'static str, String)>;

/// What was asked for.
pub fn settings(run: &Run) -> Pairs {
    let (input, train) = (&run.spec.input, &run.spec.train);
    let numbers = |values: &[f64]| values.iter().map(setting).collect::<Vec<_>>().join(", ");
    let normalization = match &input.normalize {
        Normalize::Train => "training images’ mean and deviation".to_owned(),
        Normalize::Image => "each image’s own mean and deviation".to_owned(),
        Normalize::None => "none".to_owned(),
        Normalize::Fixed { mean, std } => {
            format!("mean {}, deviation {}", numbers(mean), numbers(std))
        }
    };
    let mut pairs = vec![
        ("Network", model_name(run)),
        (
            "Images",
            format!("{} × {} × {}", input.channels, input.height, input.width),
        ),
        ("Normalization", normalization),
        ("Epochs", thousands(train.epochs)),
        ("Batch size", thousands(train.batch_size)),
        ("Optimizer", optimizer(&train.optimizer)),
        ("Learning rate", form_schedule::words(&train.schedule)),
        ("Early stopping", early_stopping(&run.spec)),
        ("Seed", train.seed.to_string()),
        ("Device", device(run)),
        (
            "Test figures",
            match (run.spec.test, run.sealed) {
                (TestFigures::Shown, _) => "shown after each epoch",
                (TestFigures::Sealed, true) => "sealed",
                (TestFigures::Sealed, false) => "sealed until they were revealed",
            }
            .to_owned(),
        ),
    ];
    pairs.extend(form_options::changed(train));
    if !run.spec.variation.is_none() {
        pairs.push(("Data varied", run.spec.variation.to_string()));
    }
    let augmentation = form_augment::words(&run.spec.augment);
    if !augmentation.is_empty() {
        pairs.push(("Augmentation", augmentation));
    }
    pairs
}

/// Where it is trained, or what it waits for.
fn device(run: &Run) -> String {
    let machine = run.machine.as_ref();
    let placed = machine.map(|machine| machine.device.clone());
    let device = placed
        .filter(|device| !device.is_empty())
        .unwrap_or_else(|| run.spec.device.into());
    if run.spec.tf32 && !device.starts_with("cpu") {
        return format!("{device}, products in TF32");
    }
    device
}

/// What decides the figures to the last bit, beside the settings.
pub fn facts(run: &Run) -> Pairs {
    let mut facts = vec![("Run", run.id.to_string())];
    if let Some(dataset) = &run.dataset {
        facts.push(("Dataset", dataset.to_string()));
    }
    if let Some(data) = &run.facts {
        facts.push(("Fingerprint of the data", data.fingerprint.clone()));
    }
    match &run.machine {
        Some(machine) => facts.extend([
            ("Version", machine.version.clone()),
            ("Instruction set", machine.instruction_set.clone()),
            ("Threads", machine.threads.to_string()),
        ]),
        None if run.spec.external => facts.push(("Trained by", "a script of its owner".to_owned())),
        None => facts.push(("Trained on", "no machine yet".to_owned())),
    }
    facts.extend(run.started.map(|at| ("Started", moment(at))));
    facts.extend(run.ended.map(|at| ("Ended", moment(at))));
    facts
}
