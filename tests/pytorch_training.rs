//! The options of training against PyTorch's: `fixtures/training.py` says how the numbers were made.

mod formula;

use candle_core::Var;
use formula::{Entry, numbers};
use gapwatch::nn::{self, Objective, Optimizer};
use gapwatch::run;
use gapwatch::train::LearningRate;
use serde::Deserialize;

#[derive(Deserialize)]
struct Document {
    objectives: Vec<ObjectiveCase>,
    schedules: Vec<ScheduleCase>,
    averages: Vec<AverageCase>,
    walks: Vec<Walk>,
}

#[derive(Deserialize)]
struct ObjectiveCase {
    smoothing: f64,
    weights: Option<Vec<f64>>,
    loss: f64,
    gradient: Entry,
}

#[derive(Deserialize)]
struct ScheduleCase {
    schedule: run::Schedule,
    epochs: u32,
    steps: u64,
    /// Validation images right after each epoch, of 90; the loss is two minus the accuracy.
    correct: Vec<u32>,
    rates: Vec<f64>,
}

#[derive(Deserialize)]
struct AverageCase {
    decay: f64,
    average: Entry,
}

#[derive(Deserialize)]
struct Walk {
    spec: run::Optimizer,
    clip_norm: f64,
    weight: Entry,
    bias: Entry,
}

fn document() -> Document {
    serde_json::from_str(include_str!("fixtures/training.json")).unwrap()
}

#[test]
fn smoothed_and_weighted_losses_and_their_gradients_are_pytorchs() {
    let logits: Vec<f32> = numbers(60, 1).iter().map(|x| 3.0 * x).collect();
    let logits = nn::from_vec(logits, (12, 5)).unwrap();
    let labels: Vec<u32> = (0..12).map(|i| i * 7 % 5).collect();
    for case in document().objectives {
        let objective = Objective {
            smoothing: case.smoothing,
            weights: case.weights,
        };
        let own = objective.of(&logits, &labels).unwrap();
        // Ours are of logits that were rounded to float32.
        let loss = (own.objective - case.loss).abs() / case.loss;
        let gradient = case.gradient.error(&own.gradient, 0.0);
        assert!(
            loss < 1e-6 && gradient < 1e-6,
            "{objective:?}: {loss}, {gradient}"
        );
    }
}

#[test]
fn every_schedule_has_pytorchs_rate_at_every_step() {
    for case in document().schedules {
        let train = run::TrainSpec {
            epochs: case.epochs,
            schedule: case.schedule,
            optimizer: run::Optimizer::Adam {
                lr: 0.1,
                weight_decay: 0.0,
                decay: run::Decay::All,
            },
            ..run::TrainSpec::default()
        };
        let mut rate = LearningRate::new(&train, case.steps);
        for (step, expected) in (0..).zip(&case.rates) {
            let own = rate.at(step);
            assert!(
                (own - expected).abs() < 1e-9 * expected,
                "{:?}, step {step}: {own} and {expected}",
                train.schedule
            );
            if (step + 1) % case.steps == 0 {
                let epoch = (step / case.steps) as u32 + 1;
                assert_eq!(rate.of_epoch(epoch), own);
                let correct = case.correct[epoch as usize - 1];
                rate.take(&run::EpochRecord {
                    epoch,
                    lr: own,
                    seconds: 0.0,
                    train: None,
                    val: Some(run::SplitMetrics::new(
                        f64::from(180 - correct),
                        correct,
                        90,
                    )),
                    test: None,
                    running: None,
                });
            }
        }
        assert_eq!(case.rates.len() as u64, u64::from(case.epochs) * case.steps);
    }
}

#[test]
fn clipped_steps_and_decay_that_leaves_biases_alone_end_where_pytorchs_end() {
    for case in document().walks {
        let var = |count, seed, shape: &[usize]| {
            Var::from_tensor(&nn::from_vec(numbers(count, seed), shape).unwrap()).unwrap()
        };
        let (weight, bias) = (var(64, 1, &[8, 8]), var(8, 2, &[8]));
        let mut optimizer = Optimizer::new(&case.spec, [("weight", &weight), ("bias", &bias)])
            .clipping(case.clip_norm);
        for step in 0..20 {
            let gradients = [
                nn::from_vec(numbers(64, 100 + step), (8, 8)).unwrap(),
                nn::from_vec(numbers(8, 200 + step), 8).unwrap(),
            ];
            optimizer
                .step([&weight, &bias], &gradients, case.spec.lr())
                .unwrap();
        }
        let errors = (case.weight.error(&weight, 0.0), case.bias.error(&bias, 0.0));
        assert!(
            errors.0 < 2e-6 && errors.1 < 2e-6,
            "{:?}, clipped to {}: {errors:?}",
            case.spec,
            case.clip_norm
        );
    }
}

#[test]
fn a_moving_average_is_where_pytorchs_is() {
    for case in document().averages {
        let target = |step: u32| nn::from_vec(numbers(64, 300 + step), 64).unwrap();
        let average = Var::from_tensor(&target(99)).unwrap();
        for step in 0..20 {
            // As training does it: the first step's weights are the first average.
            let share = if step == 0 { 1.0 } else { 1.0 - case.decay };
            nn::follow(&average, &target(step), share).unwrap();
        }
        let error = case.average.error(&average, 0.0);
        assert!(error < 1e-6, "decay {}: {error}", case.decay);
    }
}
