//! Remedies in how a run is trained.

use super::remedy::Remediable;
use crate::model::{Place, plan_for};
use crate::run::{ClassWeights, Decay, EarlyStopping, Layer, Optimizer, RunSpec, Sampling, Split};

/// How far from the optimizer's own learning rate another one is in question.
const FAR: f64 = 3.0;
/// A learning rate is lowered to this share.
const LOWER: f64 = 0.1;
/// How much longer a run is trained that did not learn.
const LONGER: u32 = 3;
/// How many times larger a larger batch is.
const LARGER: usize = 4;
/// AdamW's, and SGD's that pulls as much in a step at the learning rates that both take by default.
const ADAMW_DECAY: f64 = 0.05;
const SGD_DECAY: f64 = 0.005;
/// Szegedy et al. 2016.
const SMOOTHING: f64 = 0.1;
const EMA_DECAY: f64 = 0.99;
/// Early stopping waits for a fifth of the epochs, and for so many at least.
const LEAST_PATIENCE: u32 = 5;

pub(super) fn weight_decay(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let optimizer = &mut spec.train.optimizer;
    let wanted = match optimizer {
        Optimizer::Sgd { .. } => SGD_DECAY,
        Optimizer::Adam { .. } | Optimizer::AdamW { .. } => ADAMW_DECAY,
    };
    if optimizer.weight_decay() >= wanted {
        return None;
    }
    match optimizer {
        Optimizer::Sgd { weight_decay, .. } => *weight_decay = wanted,
        // Adam's own is scaled away by its second moments (Loshchilov and Hutter 2019).
        Optimizer::Adam { lr, .. } | Optimizer::AdamW { lr, .. } => {
            *optimizer = Optimizer::AdamW {
                lr: *lr,
                weight_decay: wanted,
                decay: Decay::Weights,
            };
        }
    }
    Some(())
}

pub(super) fn label_smoothing(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let smoothing = &mut spec.train.label_smoothing;
    *smoothing = smoothing.max(SMOOTHING);
    Some(())
}

pub(super) fn early_stopping(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let stopping = &mut spec.train.early_stopping;
    if stopping.is_some() || case.index.of(Split::Val).next().is_none() {
        return None;
    }
    *stopping = Some(EarlyStopping {
        patience: (case.epochs / 5).max(LEAST_PATIENCE),
        ..EarlyStopping::default()
    });
    Some(())
}

pub(super) fn larger_batch(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let images = case.index.of(Split::Train).count();
    let batch = &mut spec.train.batch_size;
    *batch = (*batch * LARGER).min(images).max(*batch);
    Some(())
}

pub(super) fn recalibrate(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let plan = plan_for(spec, case.index.classes.len()).ok()?;
    let is_batch_norm = |place: &Place| matches!(place.layer.layer, Layer::BatchNorm(_));
    if !plan.places().iter().any(is_batch_norm) {
        return None;
    }
    spec.train.recalibrate = true;
    Some(())
}

pub(super) fn balanced_sampling(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.train.sampling = Sampling::Balanced;
    Some(())
}

pub(super) fn class_weights(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.train.class_weights = ClassWeights::Balanced;
    Some(())
}

/// A tenth of the rate, or the optimizer's own where that is lower still.
pub(super) fn lower_learning_rate(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let optimizer = &mut spec.train.optimizer;
    optimizer.set_lr((optimizer.lr() * LOWER).min(optimizer.default_lr()));
    Some(())
}

/// The optimizer's own rate where the run's is far from it, else a tenth.
pub(super) fn default_learning_rate(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let optimizer = &mut spec.train.optimizer;
    let (lr, usual) = (optimizer.lr(), optimizer.default_lr());
    let far = lr > usual * FAR || lr < usual / FAR;
    optimizer.set_lr(if far { usual } else { lr * LOWER });
    Some(())
}

pub(super) fn average_weights(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let decay = &mut spec.train.ema_decay;
    *decay = decay.max(EMA_DECAY);
    Some(())
}

pub(super) fn longer(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.train.epochs = case.epochs.max(1).saturating_mul(LONGER);
    spec.train.early_stopping = None;
    (spec.train.epochs > case.spec.train.epochs).then_some(())
}

pub(super) fn other_initialisation(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let seed = &mut spec.train.seed;
    *seed = (*seed + 1) % (1 << 53);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::*;
    use serde_json::json;

    #[test]
    fn learning_rates_go_to_the_usual_one_where_they_are_far_from_it() {
        let run = |lr: f64| spec(json!({"train": {"optimizer": {"kind": "adam", "lr": lr}}}));
        let rate = |id: &str, lr: f64| by_id(id, &run(lr), &[]).unwrap().train.optimizer.lr();
        let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} {b}");
        near(rate("default-learning-rate", 1e-7), 1e-3);
        near(rate("default-learning-rate", 0.3), 1e-3);
        near(rate("default-learning-rate", 2e-3), 2e-4);
        near(rate("lower-learning-rate", 0.3), 1e-3);
        near(rate("lower-learning-rate", 5e-3), 5e-4);
    }
}
