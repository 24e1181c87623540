//! What is wrong with a producer's event, whatever the run: limits on every size, count and depth.

use crate::run::{
    EpochReport, Examination, ProducerEvent, Progress, Split, SplitMetrics, StillParameter,
};

/// The largest position of a class: labels are kept in sixteen bits.
pub const MAX_LABEL: u32 = u16::MAX as u32;

const MAX_EPOCH: u32 = 100_000;
const MAX_IMAGES: u32 = 10_000_000;
/// Passes of an examination.
const MAX_PASSES: usize = 64;
/// Labels and predictions of an examination's single images, all passes together.
const MAX_EXAMINED_IMAGES: usize = 4_000_000;
/// Channels, and parameter tensors, that an examination lists.
const MAX_LISTED: usize = 10_000;
const MAX_NAME: usize = 300;

/// The first thing that is wrong, by its field.
pub(super) fn check(event: &ProducerEvent) -> Result<(), String> {
    match event {
        ProducerEvent::Start(machine)
            if [&machine.instruction_set, &machine.version, &machine.device]
                .iter()
                .any(|text| text.len() > 100) =>
        {
            Err("instruction_set, device and version: at most 100 characters".to_owned())
        }
        ProducerEvent::Start(_) => Ok(()),
        ProducerEvent::Epoch(report) => check_epoch(report),
        ProducerEvent::Best(best) => check_number("epoch", best.epoch, 1, MAX_EPOCH),
        ProducerEvent::Examination(examination) => check_examination(examination),
        ProducerEvent::Progress(Progress {
            epoch,
            phase,
            left_s,
            ..
        }) => {
            check_number("epoch", *epoch, 1, MAX_EPOCH)?;
            if phase.len() > 40 {
                return Err("phase: at most 40 characters".to_owned());
            }
            match left_s {
                Some(s) if !(0.0..1e10).contains(s) => Err("left_s: seconds from 0".to_owned()),
                _ => Ok(()),
            }
        }
        ProducerEvent::Log { .. } => Ok(()),
        ProducerEvent::End { status, .. } if status.is_over() => Ok(()),
        ProducerEvent::End { status, .. } => Err(format!(
            "a run does not end as {status}: write finished, stopped, cancelled, failed or diverged"
        )),
    }
}

fn check_number(field: &str, value: u32, low: u32, high: u32) -> Result<(), String> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(format!("{field}: {value} is outside {low} to {high}"))
    }
}

fn check_epoch(report: &EpochReport) -> Result<(), String> {
    let record = &report.record;
    check_number("epoch", record.epoch, 1, MAX_EPOCH)?;
    for (field, value) in [("lr", record.lr), ("seconds", record.seconds)] {
        if !(0.0..1e12).contains(&value) {
            return Err(format!("{field}: a number from 0"));
        }
    }
    let whole = |split| record.split(split).map(|metrics| (split, metrics));
    for (split, metrics) in Split::ALL.into_iter().filter_map(whole) {
        check_metrics(split.name(), metrics)?;
    }
    for (split, confusion) in &report.confusion {
        let labels = confusion.0.iter().flat_map(|(t, p, _)| [*t, *p]);
        check_labels(&format!("confusion of {split}"), labels)?;
        if confusion.0.len() > 1_000_000 {
            return Err(format!("confusion of {split}: at most 1,000,000 entries"));
        }
    }
    for (split, results) in &report.images {
        let field = format!("images of {split}");
        let n = results.prediction.len();
        if n > MAX_IMAGES as usize || results.confidence.len() != n || results.loss.len() != n {
            return Err(format!(
                "{field}: prediction, confidence and loss must be equally long, at most {MAX_IMAGES}"
            ));
        }
        check_labels(&field, results.prediction.iter().copied())?;
    }
    Ok(())
}

fn check_metrics(
    field: &str,
    SplitMetrics { correct, n, .. }: &SplitMetrics,
) -> Result<(), String> {
    check_number(&format!("{field}.n"), *n, 1, MAX_IMAGES)?;
    check_number(&format!("{field}.correct"), *correct, 0, *n)
}

fn check_examination(examination: &Examination) -> Result<(), String> {
    check_number("epoch", examination.epoch, 1, MAX_EPOCH)?;
    if !(0.0..1e12).contains(&examination.seconds) {
        return Err("seconds: a number from 0".to_owned());
    }
    let parameters = examination.parameters.as_ref();
    let still = parameters.map_or(&[][..], |reach| &reach.still);
    for (field, length, most) in [
        ("passes", examination.passes.len(), MAX_PASSES),
        ("labels", examination.labels.len(), Split::ALL.len()),
        ("repeated", examination.repeated.len(), Split::ALL.len()),
        ("inputs", examination.inputs.len(), MAX_LISTED),
        ("parameters.still", still.len(), MAX_LISTED),
    ] {
        if length > most {
            return Err(format!("{field}: at most {most} entries"));
        }
    }
    let of_passes = examination.passes.iter().map(|p| p.prediction.len());
    let of_labels = examination.labels.iter().map(|(_, labels)| labels.len());
    if of_passes.chain(of_labels).sum::<usize>() > MAX_EXAMINED_IMAGES {
        return Err(format!(
            "labels and predictions: at most {MAX_EXAMINED_IMAGES} together; leave out those of the largest split"
        ));
    }
    for (split, labels) in &examination.labels {
        check_labels(&format!("labels of {split}"), labels.iter().copied())?;
    }
    for (position, pass) in examination.passes.iter().enumerate() {
        let field = format!("passes[{position}]");
        check_metrics(&field, &pass.metrics)?;
        check_labels(&field, pass.prediction.iter().copied())?;
        let n = pass.prediction.len();
        let labels = examination.labels(pass.split).map_or(0, <[u32]>::len);
        if n > 0 && (n != labels || n != pass.metrics.n as usize) {
            return Err(format!(
                "{field}: a prediction for each of its {} images, and as many labels of {}",
                pass.metrics.n, pass.split
            ));
        }
    }
    for twice in &examination.repeated {
        check_number("repeated.n", twice.n, 1, MAX_IMAGES)?;
        check_number("repeated.classes", twice.classes, 0, twice.n)?;
        check_number("repeated.losses", twice.losses, 0, twice.n)?;
    }
    if let Some(reach) = parameters {
        check_number(
            "parameters.tensors",
            reach.tensors,
            still.len() as u32,
            MAX_IMAGES,
        )?;
        let reason = |s: &StillParameter| s.by_structure.as_ref().map_or(0, String::len);
        if still
            .iter()
            .any(|s| s.name.len() > MAX_NAME || reason(s) > MAX_NAME)
        {
            return Err(format!(
                "parameters.still: names of at most {MAX_NAME} bytes"
            ));
        }
    }
    Ok(())
}

fn check_labels(field: &str, labels: impl IntoIterator<Item = u32>) -> Result<(), String> {
    match labels.into_iter().find(|label| *label > MAX_LABEL) {
        Some(label) => Err(format!("{field}: class {label} is above {MAX_LABEL}")),
        None => Ok(()),
    }
}
