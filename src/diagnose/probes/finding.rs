//! What a probe's answer says of the run, as findings.

use super::Probe;
use super::reading::Reading;
use crate::diagnose::finding::{Cause, Evidence, Finding, Pictures, Severity};
use crate::diagnose::{Answer, Verdict};

/// Suspected labels whose pictures are shown.
const PICTURES: usize = 12;
/// Causes that a pooled re-split takes away; the first where no finding speaks for one of them.
const OF_THE_SPLIT: [Cause; 6] = [
    Cause::SplitShift,
    Cause::GroupShift,
    Cause::OrderedSplit,
    Cause::ScrambledLabels,
    Cause::LabelMapMismatch,
    Cause::PreprocessingMismatch,
];

/// The finding of a probe that was answered yes of a run with this verdict. `spoken_for`: causes that a finding speaks for, the
/// most probable without its answer first.
pub(super) fn of_answer(
    probe: Probe,
    verdict: Verdict,
    reading: &Reading,
    spoken_for: &[Cause],
) -> Option<Finding> {
    if reading.answer != Answer::Yes {
        return None;
    }
    let causes = causes_of(probe, verdict);
    let suspected = spoken_for.iter().find(|cause| causes.contains(cause));
    let cause = *suspected.or(causes.first())?;
    let (severity, id, title, why, remedy, false_alarm) = match probe {
        Probe::Baseline => (
            Severity::Warning,
            "small-network-does-better",
            "A small network with global pooling does better on the same images",
            "The images hold a signal that carries over; this network does not find it.",
            "Take the preset cnn-gap, or replace flatten and the large linear layer by global pooling.",
            "The small network was trained with its own optimizer: try that with yours as well.",
        ),
        Probe::PooledResplit => (
            Severity::Problem,
            "resplit-recovers",
            "Validation recovers when the splits are drawn from one pool",
            "The gap is in how the images are divided, not in the network: training does not show what validation asks.",
            "Find out what differs between the splits (audit, groups). Keep the split if it asks the right question, and \
             collect what is missing in training; else draw the splits from one pool.",
            "Copies and series of one object lie in both parts of a random split and make it look easier than it is.",
        ),
        Probe::ShuffledLabels => (
            Severity::Note,
            "learns-shuffled-labels",
            "The network can learn its training images by heart",
            "Then perfect training accuracy says nothing of whether something was learnt that carries over.",
            "Judge by validation alone.",
            "Every large network can: this is necessary for memorisation, and no proof of it.",
        ),
        Probe::LearningCurve => (
            Severity::Note,
            "more-images-help",
            "Validation still rises with more training images",
            "With too few images for its capacity a network falls back on learning by heart.",
            "Collect more images, or make more of those there are by augmentation that keeps the class.",
            "A curve of three points says that it rises, not how far.",
        ),
        Probe::GroupedFolds => (
            Severity::Problem,
            "new-groups-are-harder",
            "New groups are much harder than new images of known groups",
            "The network learns how each group's pictures look along with the classes.",
            "If it must work for new groups: split by group, collect more of them, augment. Else split at random.",
            "The groups are guessed from file names and may mean something else.",
        ),
        Probe::LabelSuspects => (
            match reading.is_strong() {
                true => Severity::Problem,
                false => Severity::Warning,
            },
            "labels-contradicted",
            "Many labels are contradicted by networks that never saw them",
            "Wrong labels can only be learnt by heart, and wrong validation labels cannot be got right at all.",
            "Look at the suspects and correct the labels that are wrong; then train without those that stay in doubt.",
            "Where classes are hard to tell apart, confident mistakes of the network look the same.",
        ),
        Probe::LongerTraining => (
            Severity::Warning,
            "longer-training-helps",
            "Training three times as long helps",
            "The run ended before the network had learnt what it can.",
            "Train longer, or raise the learning rate.",
            "",
        ),
        Probe::CoolerTraining => (
            Severity::Warning,
            "smaller-learning-rate-helps",
            "A ten times smaller learning rate helps",
            "The steps were too large: the loss jumped instead of falling.",
            "Take the smaller learning rate, and look for the largest that still learns.",
            "",
        ),
    };
    let mut finding = Finding::new(id, severity, title);
    finding.cause = Some(cause);
    finding.measured = reading.evidence.statement.clone();
    finding.why = why.to_owned();
    finding.remedy = remedy.to_owned();
    finding.false_alarm = false_alarm.to_owned();
    finding.evidence.push(reading.evidence.clone());
    if !reading.images.is_empty() {
        finding.name_images(reading.images.clone());
        finding.pictures.push(Pictures {
            caption: "contradicted with the most confidence".to_owned(),
            paths: reading.images.iter().take(PICTURES).cloned().collect(),
        });
    }
    Some(finding)
}

/// The causes that an answer of yes speaks for.
pub(super) fn causes_of(probe: Probe, verdict: Verdict) -> &'static [Cause] {
    match probe {
        // Where its own validation cannot be told from guessing, a network that a small one beats has learnt nothing but its
        // training images.
        Probe::Baseline if verdict == Verdict::Memorising => &[Cause::Memorisation],
        Probe::Baseline => &[Cause::WeakerThanBaseline],
        Probe::PooledResplit => &OF_THE_SPLIT,
        Probe::ShuffledLabels | Probe::LearningCurve => &[Cause::Memorisation],
        Probe::GroupedFolds => &[Cause::GroupShift],
        Probe::LabelSuspects => &[Cause::LabelNoise],
        Probe::LongerTraining | Probe::CoolerTraining => &[Cause::NotLearning],
    }
}

/// Memorisation by exclusion: the gap is real, and drawing the splits from one pool does not close it.
pub(super) fn memorises(
    verdict: Verdict,
    resplit: &Reading,
    others: Vec<Evidence>,
) -> Option<Finding> {
    let severity = match verdict {
        Verdict::Memorising => Severity::Problem,
        Verdict::Overfitting => Severity::Warning,
        _ => return None,
    };
    if resplit.answer != Answer::No {
        return None;
    }
    let mut finding = Finding::new(
        "memorises",
        severity,
        "The network learns its training images by heart",
    );
    finding.cause = Some(Cause::Memorisation);
    finding.measured = resplit.evidence.statement.clone();
    finding.why = "The splits are not what makes the gap: it stays with any of them. What is learnt of the training images does \
                   not hold for others."
        .to_owned();
    finding.remedy = "Give the network less room to learn by heart: global pooling in place of flatten, fewer channels, weight \
                      decay, augmentation that keeps the class; or more images."
        .to_owned();
    finding.false_alarm =
        "With few validation images a partial recovery is not seen; wrong labels and images without signal look the same."
            .to_owned();
    finding.evidence.push(resplit.evidence.clone());
    finding.evidence.extend(others);
    Some(finding)
}
