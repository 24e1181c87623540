//! Which probe an inquiry asks for, and what it makes of the answers: on figures that are made up, without training.

use crate::images::dataset;
use crate::recorder::spec;
use gapwatch::data::{Dataset, Index};
use gapwatch::diagnose::finding::Cause;
use gapwatch::diagnose::looks::Looks;
use gapwatch::diagnose::probes::{
    Calibration, FEATURES, HEALTHY, Inquiry, Next, NextProbe, Probe, Ratios, Training,
};
use gapwatch::diagnose::{Answer, Diagnosis, Subject, diagnose};
use gapwatch::run::{
    EpochRecord, ImageResults, ModelSpec, RunSpec, RunStatus, Split, SplitMetrics,
};
use serde_json::json;

/// What a network that got so many of its training images right made of each validation image of a spec's variation: right
/// where `right` says so by its place, else one of the next class, with this confidence.
fn training(
    index: &Index,
    spec: &RunSpec,
    trained: f64,
    right: impl Fn(usize) -> bool,
    confidence: f32,
) -> Training {
    let varied = index.varied(&spec.variation).unwrap();
    let labels: Vec<u32> = varied.of(Split::Val).map(|e| e.label).collect();
    let mut results = ImageResults::default();
    for (at, label) in labels.iter().enumerate() {
        let given = if right(at) { *label } else { (label + 1) % 3 };
        let of_label = if right(at) {
            confidence
        } else {
            (1.0 - confidence) / 2.0
        };
        results.prediction.push(given);
        results.confidence.push(confidence);
        results.loss.push(-of_label.ln());
    }
    let n = labels.len() as u32;
    let correct = (0..labels.len()).filter(|at| right(*at)).count() as u32;
    let images = varied.of(Split::Train).count() as u32;
    let epochs = (1..=spec.train.epochs).map(|epoch| EpochRecord {
        epoch,
        lr: 0.01,
        seconds: 1.0,
        train: Some(SplitMetrics::new(
            0.1,
            (trained * f64::from(images)) as u32,
            images,
        )),
        val: Some(SplitMetrics::new(f64::from(n), correct, n)),
        test: None,
        running: None,
    });
    Training {
        spec: spec.clone(),
        status: RunStatus::Finished,
        epochs: epochs.collect(),
        validation: Training::validated(&varied, &results).unwrap(),
        seconds: 60.0,
    }
}

/// A run that knows its training images and gets a third of validation right, which is chance.
fn memorising(dataset: &Dataset) -> (Training, Diagnosis) {
    let run = training(&dataset.index, &spec(json!({})), 1.0, |at| at % 3 == 0, 0.9);
    let diagnosis = diagnose(&Subject {
        epochs: &run.epochs,
        classes: 3,
        class_counts: &[],
        status: RunStatus::Finished,
        best_epoch: None,
    });
    assert_eq!(diagnosis.verdict.name(), "memorising");
    (run, diagnosis)
}

fn inquiry(dataset: &Dataset) -> Inquiry<'_> {
    let (run, diagnosis) = memorising(dataset);
    let looks = Looks::default().run(&diagnosis);
    Inquiry::new(
        &dataset.index,
        run,
        diagnosis,
        looks,
        Calibration::shipped(),
    )
}

/// Answers a probe with trainings that all get these validation images right.
fn answer(
    inquiry: &mut Inquiry,
    dataset: &Dataset,
    probe: Probe,
    right: impl Fn(usize) -> bool + Copy,
) -> Answer {
    let (_, specs) = inquiry.proposed(probe).unwrap();
    let trainings = specs
        .iter()
        .map(|spec| training(&dataset.index, spec, 1.0, right, 0.9));
    let trainings = trainings.collect();
    inquiry.take(probe, trainings).answer
}

fn found(diagnosis: &Diagnosis) -> Vec<&str> {
    diagnosis
        .findings
        .iter()
        .map(|finding| finding.id)
        .collect()
}

#[test]
fn a_resplit_that_recovers_puts_the_splits_first() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut inquiry = inquiry(&dataset);
    let answered = answer(&mut inquiry, &dataset, Probe::PooledResplit, |at| at > 0);
    assert_eq!(answered, Answer::Yes);
    let (diagnosis, _) = inquiry.conclude(None);
    assert_eq!(diagnosis.causes[0].id, Cause::SplitShift);
    assert!(found(&diagnosis).contains(&"resplit-recovers"));
    let evidence = &diagnosis.causes[0].evidence[0];
    assert!(evidence.p.unwrap() < 0.01 && evidence.value.unwrap() > 0.5);
}

#[test]
fn a_resplit_that_does_not_leaves_memorisation_and_others_add_to_its_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut inquiry = inquiry(&dataset);
    let third = |at: usize| at % 3 == 1;
    assert_eq!(
        answer(&mut inquiry, &dataset, Probe::PooledResplit, third),
        Answer::No
    );
    assert_eq!(
        answer(&mut inquiry, &dataset, Probe::ShuffledLabels, third),
        Answer::Yes
    );
    let (diagnosis, _) = inquiry.conclude(None);
    assert_eq!(diagnosis.causes[0].id, Cause::Memorisation);
    let memorises = diagnosis
        .findings
        .iter()
        .find(|f| f.id == "memorises")
        .unwrap();
    assert_eq!(memorises.evidence.len(), 2);
    assert_eq!(diagnosis.probes.len(), 2);
    assert!(diagnosis.probes[0].differs[0].contains("one pool"));
}

#[test]
fn a_small_network_that_does_better_shows_that_one_which_guesses_has_learnt_by_heart() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut inquiry = inquiry(&dataset);
    assert_eq!(
        answer(&mut inquiry, &dataset, Probe::Baseline, |_| true),
        Answer::Yes
    );
    let (diagnosis, _) = inquiry.conclude(None);
    let ids: Vec<Cause> = diagnosis.causes.iter().map(|suspect| suspect.id).collect();
    assert_eq!(ids, [Cause::Memorisation]);
    let mut findings = diagnosis.findings.iter();
    let small = findings.find(|f| f.id == "small-network-does-better");
    assert_eq!(small.unwrap().cause, Some(Cause::Memorisation));
}

#[test]
fn labels_contradicted_out_of_fold_are_shown_as_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut inquiry = inquiry(&dataset);
    // One of four in each fold is contradicted with confidence.
    let answered = answer(&mut inquiry, &dataset, Probe::LabelSuspects, |at| {
        at % 4 != 0
    });
    assert_eq!(answered, Answer::Yes);
    let (diagnosis, _) = inquiry.conclude(None);
    let noise = diagnosis
        .findings
        .iter()
        .find(|f| f.id == "labels-contradicted")
        .unwrap();
    assert_eq!(noise.cause, Some(Cause::LabelNoise));
    assert_eq!(noise.pictures[0].paths.len(), 12);
    assert!(noise.pictures[0].paths[0].ends_with(".png"));
}

#[test]
fn networks_at_chance_contradict_no_label() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut inquiry = inquiry(&dataset);
    let answered = answer(&mut inquiry, &dataset, Probe::LabelSuspects, |at| {
        at % 3 == 0
    });
    assert_eq!(answered, Answer::Unknown);
    assert!(!found(&inquiry.conclude(None).0).contains(&"labels-contradicted"));
}

#[test]
fn the_next_probe_is_the_one_that_tells_most_for_its_seconds_within_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut inquiry = inquiry(&dataset);
    let proposed = |inquiry: &Inquiry, left_s| -> Option<NextProbe> {
        match inquiry.next(left_s) {
            Next::Train(next, specs) => {
                assert_eq!(next.trainings, specs.len());
                assert!(next.cost_s <= left_s);
                Some(next)
            }
            Next::TooDear(next) => {
                assert!(next.cost_s > left_s);
                None
            }
            Next::Done => panic!("nothing was asked yet"),
        }
    };
    let first = proposed(&inquiry, 1e9).unwrap();
    // A run of six epochs took a minute: a re-split of as many images takes one, too.
    let (resplit, _) = inquiry.proposed(Probe::PooledResplit).unwrap();
    assert!((resplit.cost_s - 60.0).abs() < 1.0, "{resplit:?}");
    let (curve, _) = inquiry.proposed(Probe::LearningCurve).unwrap();
    assert!(curve.cost_s > 120.0 && curve.trainings == 2, "{curve:?}");
    assert!(!first.would_separate.is_empty(), "{first:?}");
    assert_eq!(proposed(&inquiry, 0.01), None);
    answer(&mut inquiry, &dataset, first.id, |at| at % 3 == 1);
    if let Next::Train(next, _) = inquiry.next(1e9) {
        assert_ne!(next.id, first.id);
    }
    assert!(inquiry.proposed(first.id).is_none());
}

#[test]
fn folds_that_another_probe_has_trained_are_not_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut dataset = dataset(folder.path());
    for (at, entry) in dataset.index.entries.iter_mut().enumerate() {
        entry.group = Some(["ann", "bob", "cai", "dee"][at % 4].to_owned());
    }
    let mut inquiry = inquiry(&dataset);
    assert_eq!(
        inquiry.proposed(Probe::GroupedFolds).unwrap().0.trainings,
        6
    );
    answer(&mut inquiry, &dataset, Probe::LabelSuspects, |at| {
        at % 4 != 0
    });
    let (grouped, specs) = inquiry.proposed(Probe::GroupedFolds).unwrap();
    assert_eq!((grouped.trainings, specs.len()), (3, 3));
    // By group a third is right, by class three of four were.
    let answered = answer(&mut inquiry, &dataset, Probe::GroupedFolds, |at| {
        at % 3 == 0
    });
    assert_eq!(answered, Answer::Yes);
    let (diagnosis, _) = inquiry.conclude(None);
    assert!(found(&diagnosis).contains(&"new-groups-are-harder"));
}

#[test]
fn labels_are_asked_of_the_small_network_where_it_does_better() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut inquiry = inquiry(&dataset);
    let models = |inquiry: &Inquiry| {
        let (_, specs) = inquiry.proposed(Probe::LabelSuspects).unwrap();
        let models = specs.iter().map(|spec| spec.model.clone());
        (models.collect::<Vec<ModelSpec>>(), specs)
    };
    let (before, own) = models(&inquiry);
    assert_eq!(before, vec![spec(json!({})).model; 3]);
    let answered = answer(&mut inquiry, &dataset, Probe::Baseline, |_| true);
    assert_eq!(answered, Answer::Yes);
    let small = ModelSpec::Preset("cnn-gap".to_owned());
    assert_eq!(models(&inquiry).0, vec![small; 3]);
    // Trainings that were asked for before that was known are an answer too.
    let folds = own
        .iter()
        .map(|spec| training(&dataset.index, spec, 1.0, |at| at % 4 > 0, 0.9));
    let record = inquiry.take(Probe::LabelSuspects, folds.collect());
    assert_ne!(record.answer, Answer::Unknown);
    assert!(
        record.result.starts_with("Networks that never saw them"),
        "{}",
        record.result
    );
}

#[test]
fn the_baseline_says_which_network_is_asked_about_labels_so_it_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut ratios = vec![0.0; FEATURES];
    // Suspected labels alone tell something.
    let place = HEALTHY + 8 + 5 * Probe::LabelSuspects as usize;
    (ratios[place], ratios[place + 1]) = (4.0, -4.0);
    let telling = Ratios {
        ratios,
        ..Ratios::default()
    };
    let calibration = Calibration {
        causes: [(Cause::LabelNoise, telling)].into(),
        ..Calibration::default()
    };
    let (run, diagnosis) = memorising(&dataset);
    let looks = Looks::default().run(&diagnosis);
    let mut inquiry = Inquiry::new(&dataset.index, run, diagnosis, looks, &calibration);
    let next = |inquiry: &Inquiry| match inquiry.next(f64::INFINITY) {
        Next::Train(probe, _) => probe.id,
        other => panic!("{other:?}"),
    };
    assert_eq!(next(&inquiry), Probe::Baseline);
    // Where that leaves nothing for the labels, they are asked of the run's own network.
    let (labels, _) = inquiry.proposed(Probe::LabelSuspects).unwrap();
    match inquiry.next(labels.cost_s + 1.0) {
        Next::Train(probe, _) => assert_eq!(probe.id, Probe::LabelSuspects),
        other => panic!("{other:?}"),
    }
    answer(&mut inquiry, &dataset, Probe::Baseline, |at| at % 3 == 0);
    assert_eq!(next(&inquiry), Probe::LabelSuspects);
}
