//! Do all splits enter the network prepared alike? The same images on both ways, and the tensors' statistics by split.

use super::Paired;
use crate::diagnose::finding::{Cause, Evidence, Finding, Found, Severity};
use crate::diagnose::fisher_exact;
use crate::diagnose::gates::{p_value, points, share};
use crate::run::{Examination, InputStatistics, Preparation, Split, Statistics};

/// Training images may lose this much on validation's way.
const DROP: f64 = 0.10;
/// Below this probability of chance a difference counts.
const P: f64 = 0.01;
/// A range more than so many times another is another scale.
const RANGE_RATIO: f64 = 2.0;
/// A mean that lies this many training standard deviations off is another centre.
const MEAN_SHIFT: f64 = 0.5;

pub(super) fn look(examination: &Examination) -> Found {
    let mut found = Found::default();
    found.findings.extend(same_images(examination));
    for split in [Split::Val, Split::Test] {
        found.findings.extend(tensors(examination, split));
    }
    found
}

/// The decisive test: training images through validation's preparation.
fn same_images(examination: &Examination) -> Option<Finding> {
    let as_val = &examination
        .pass(Split::Train, Statistics::Running, false)?
        .metrics;
    let as_train = &examination
        .passes
        .iter()
        .find(|pass| {
            (pass.split, pass.statistics, pass.dropout)
                == (Split::Train, Statistics::Running, false)
                && pass.preparation == Preparation::Training
        })?
        .metrics;
    let drop = as_train.accuracy - as_val.accuracy;
    let p = fisher_exact(as_train.correct, as_train.n, as_val.correct, as_val.n);
    if drop <= DROP || p >= P {
        return None;
    }
    let mut finding = Finding::new(
        "preparation-differs",
        Severity::Problem,
        "Validation images are prepared in another way than training images",
    );
    finding.cause = Some(Cause::PreprocessingMismatch);
    finding.measured = format!(
        "Prepared as in training, {} of the training images are right; the very same images prepared as validation's are, {}.",
        share(as_train),
        share(as_val)
    );
    finding.evidence.push(Evidence {
        statement: format!(
            "The same training images lose {} points on validation's way into the network (p = {}).",
            points(drop),
            p_value(p)
        ),
        statistic: "training accuracy by training's preparation − by validation's; Fisher's exact test",
        value: Some(drop),
        threshold: Some(DROP),
        p: Some(p),
        reference: "Fisher 1934; a loss of more than 10 points",
    });
    finding.why = "The network knows these images and does not recognise them when they come the other way: scale, normalisation, \
                   colour order or size differ. Validation measures that, and not what was learnt."
        .to_owned();
    finding.remedy = "Use one function for both; fit normalisation on training images and apply the same numbers everywhere; only \
                      random augmentation belongs to training alone."
        .to_owned();
    finding.false_alarm =
        "None that we know: it is the same images and the same network.".to_owned();
    Some(finding)
}

/// What lies furthest off in one split: a channel's range or mean.
struct Furthest<'a> {
    train: &'a InputStatistics,
    other: &'a InputStatistics,
    ratio: f64,
    shift: f64,
}

impl Furthest<'_> {
    fn is_far(&self) -> bool {
        self.ratio > RANGE_RATIO || self.shift > MEAN_SHIFT
    }

    /// How far beyond its threshold the worse of both is.
    fn by(&self) -> f64 {
        (self.ratio / RANGE_RATIO).max(self.shift / MEAN_SHIFT)
    }
}

fn furthest(examination: &Examination, split: Split) -> Option<Furthest<'_>> {
    let of = |wanted: Split| examination.inputs.iter().filter(move |i| i.split == wanted);
    of(Split::Train)
        .filter_map(|train| {
            let other = of(split).find(|other| other.channel == train.channel)?;
            let range = |i: &InputStatistics| i.max - i.min;
            let (one, two) = (range(train), range(other));
            let measured = [one, two, train.mean, other.mean, train.std];
            if !measured.iter().all(|x| x.is_finite()) || one <= 0.0 {
                return None;
            }
            Some(Furthest {
                train,
                other,
                ratio: (one / two.max(one * 1e-6)).max(two / one),
                shift: (other.mean - train.mean).abs() / train.std.max(one * 1e-6),
            })
        })
        .max_by(|a, b| a.by().total_cmp(&b.by()))
}

/// The tensors of a split against those of training.
fn tensors(examination: &Examination, split: Split) -> Option<Finding> {
    let far = furthest(examination, split).filter(Furthest::is_far)?;
    let word = split.word();
    let (train, other) = (far.train, far.other);
    let mut finding = Finding::new(
        "inputs-differ",
        Severity::Warning,
        format!("The numbers of {word} images that enter the network are unlike those of training"),
    );
    finding.cause = Some(Cause::PreprocessingMismatch);
    finding.measured = format!(
        "In channel {} training images have a mean of {:.2} (deviation {:.2}, from {:.2} to {:.2}), {word} images {:.2} \
         (deviation {:.2}, from {:.2} to {:.2}).",
        train.channel + 1,
        train.mean,
        train.std,
        train.min,
        train.max,
        other.mean,
        other.std,
        other.min,
        other.max
    );
    if far.shift > MEAN_SHIFT {
        finding.evidence.push(Evidence {
            statement: format!(
                "The mean lies {:.2} training standard deviations off.",
                far.shift
            ),
            statistic: "shift of the mean in training standard deviations",
            value: Some(far.shift),
            threshold: Some(MEAN_SHIFT),
            p: None,
            reference: "a starting point of ours",
        });
    }
    if far.ratio > RANGE_RATIO {
        finding.evidence.push(Evidence {
            statement: format!("The wider range is {:.1} times the other.", far.ratio),
            statistic: "ratio of the ranges",
            value: Some(far.ratio),
            threshold: Some(RANGE_RATIO),
            p: None,
            reference: "a starting point of ours",
        });
    }
    finding.evidence.extend(rescued(examination, split));
    finding.why = format!(
        "A network is at home only in the range that it was trained in. Where {word} images come scaled, shifted or darker, it \
         answers what it has never learnt."
    );
    finding.remedy = "Compare how the files of both splits were made: scale (0 to 1 or 0 to 255), normalisation, inverted or \
                      swapped colours, exposure. Prepare both in one way, or augment training by the property that differs."
        .to_owned();
    finding.false_alarm = "The images themselves may lawfully differ, for instance by daylight: then the splits differ, not their \
                           preparation, and a network that is robust to it scores well all the same."
        .to_owned();
    Some(finding)
}

/// A split that its own batches' statistics rescue is shifted in just what batch norm takes out (Li et al. 2017, AdaBN).
fn rescued(examination: &Examination, split: Split) -> Option<Evidence> {
    let running = examination.pass(split, Statistics::Running, false)?;
    let batch = examination.pass(split, Statistics::Batch, false)?;
    let paired = Paired::of(examination, running, batch)?;
    paired.gains(P).then(|| Evidence {
        statement: format!(
            "Normalised by its own statistics, {} accuracy goes from {} to {} (p = {}).",
            split.word(),
            share(&running.metrics),
            share(&batch.metrics),
            p_value(paired.p)
        ),
        statistic: "McNemar's exact test",
        value: Some(batch.metrics.accuracy - running.metrics.accuracy),
        threshold: Some(0.0),
        p: Some(paired.p),
        reference: "McNemar 1947; Li et al. 2017 (AdaBN)",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Pass, SplitMetrics};

    fn channel(split: Split, mean: f64, min: f64, max: f64) -> InputStatistics {
        InputStatistics {
            split,
            channel: 0,
            mean,
            std: 1.0,
            min,
            max,
        }
    }

    #[test]
    fn another_scale_or_centre_is_found_and_a_likeness_is_not() {
        let with = |val| Examination {
            inputs: vec![channel(Split::Train, 0.0, -2.0, 2.0), val],
            ..Examination::default()
        };
        for val in [
            channel(Split::Val, 0.7, -2.0, 2.0),
            channel(Split::Val, 0.0, -0.5, 0.5),
            channel(Split::Val, 0.0, -255.0, 255.0),
            channel(Split::Val, 0.0, 0.0, 0.0),
        ] {
            let found = look(&with(val)).findings;
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].severity, Severity::Warning);
        }
        for val in [
            channel(Split::Val, 0.2, -1.8, 2.0),
            channel(Split::Val, f64::NAN, -255.0, 255.0),
        ] {
            assert_eq!(look(&with(val)), Found::default());
        }
    }

    #[test]
    fn training_images_that_are_lost_on_validations_way_decide() {
        let pass = |preparation, right| Pass {
            split: Split::Train,
            statistics: Statistics::Running,
            dropout: false,
            preparation,
            metrics: SplitMetrics::new(1.0, right, 630),
            prediction: Vec::new(),
        };
        let with = |right| Examination {
            passes: vec![
                pass(Preparation::Training, 620),
                pass(Preparation::Evaluation, right),
            ],
            ..Examination::default()
        };
        assert_eq!(look(&with(90)).findings[0].severity, Severity::Problem);
        assert_eq!(look(&with(600)), Found::default());
    }
}
