//! What a run needs to go on as if it had never been interrupted.

use super::checkpoint::{self, BEST, CheckpointFacts, LAST};
use super::learning_rate::PlateauState;
use super::stopping::SelectionState;
use super::tensor_file;
use super::{Checkpoint, TrainError};
use crate::model::{Network, Plan};
use crate::nn::Optimizer;
use crate::run::{RunSpec, TrainSpec};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// The state after the last whole epoch: weights, the optimizer's moments, which epoch was best.
///
/// Its replacement is the one instant at which an epoch becomes part of a run's past. It holds the weights too, so that
/// the files written after it ([`BEST`], [`LAST`]) can be mended from it wherever the process was killed.
pub const STATE: &str = "last.state.safetensors";

const WEIGHT: &str = "model.";
const MOMENT: &str = "optimizer.";
const TRAINED: &str = "trained.";

/// The part of the state that is no tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub selection: SelectionState,
    #[serde(default)]
    pub plateau: PlateauState,
    /// Bits are the same on the same one only.
    pub instruction_set: String,
}

pub(super) struct State {
    pub facts: CheckpointFacts,
    pub standing: Standing,
    pub weights: HashMap<String, Tensor>,
    pub moments: HashMap<String, Tensor>,
    /// What is trained where `weights` is its moving average; else empty.
    pub trained: HashMap<String, Tensor>,
}

impl State {
    /// The state in a run's folder; none where there is no such file.
    pub fn read(folder: &Path) -> Result<Option<State>, TrainError> {
        let path = folder.join(STATE);
        if !path.exists() {
            return Ok(None);
        }
        let refused = |reason: String| {
            TrainError::State(format!(
                "{}: {reason}. Take another folder, or delete this one's checkpoints to start anew",
                path.display()
            ))
        };
        let file = tensor_file::read(&path).map_err(refused)?;
        let facts = checkpoint::facts(&file.metadata).map_err(refused)?;
        let standing = file
            .metadata
            .get("standing")
            .ok_or_else(|| refused("its header has no 'standing'".to_owned()))?;
        let standing = serde_json::from_str(standing)
            .map_err(|e| refused(format!("the 'standing' of its header is damaged: {e}")))?;
        let (mut weights, mut moments, mut trained) =
            (HashMap::new(), HashMap::new(), HashMap::new());
        for (name, tensor) in file.tensors {
            if let Some(name) = name.strip_prefix(WEIGHT) {
                weights.insert(name.to_owned(), tensor);
            } else if let Some(name) = name.strip_prefix(MOMENT) {
                moments.insert(name.to_owned(), tensor);
            } else if let Some(name) = name.strip_prefix(TRAINED) {
                trained.insert(name.to_owned(), tensor);
            }
        }
        Ok(Some(State {
            facts,
            standing,
            weights,
            moments,
            trained,
        }))
    }

    /// Refuses to go on with settings that would have led elsewhere, naming them.
    pub fn check(
        &self,
        spec: &RunSpec,
        classes: &[String],
        fingerprint: &str,
    ) -> Result<(), String> {
        let before = &self.facts;
        let mut differing = differences(&before.spec, spec);
        if before.classes != classes {
            differing.push("the classes");
        }
        if before.dataset_fingerprint != fingerprint {
            differing.push("the images");
        }
        if differing.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the folder holds a run that differs in {}: it stands at epoch {}. \
             Use the same settings and data to go on with it, or take another folder",
            differing.join(", "),
            before.epoch
        ))
    }

    /// Rewrites what was to be written after the state and was not, or was changed since.
    pub fn mend(&self, folder: &Path, plan: &Plan) -> Result<(), TrainError> {
        let epoch_of = |name| {
            Checkpoint::read(&folder.join(name))
                .map(|c| c.facts.epoch)
                .ok()
        };
        // In the order in which the network itself would have written them.
        let weights: Vec<(String, Tensor)> = plan
            .tensors()
            .into_iter()
            .filter_map(|planned| {
                Some((
                    planned.name.clone(),
                    self.weights.get(&planned.name)?.clone(),
                ))
            })
            .collect();
        let now = self.facts.epoch;
        if let Some(best) = &self.standing.selection.best
            && epoch_of(BEST) != Some(best.epoch)
        {
            if best.epoch != now {
                return Err(TrainError::State(format!(
                    "{}: is missing or not of epoch {}, which was the best: put it back, or start anew in another folder",
                    folder.join(BEST).display(),
                    best.epoch
                )));
            }
            checkpoint::write(&folder.join(BEST), &self.facts, &weights)
                .map_err(TrainError::at(folder))?;
        }
        if epoch_of(LAST) != Some(now) {
            checkpoint::write(&folder.join(LAST), &self.facts, &weights)
                .map_err(TrainError::at(folder))?;
        }
        Ok(())
    }
}

/// Writes the state of a network after an epoch; `trained` is what is trained where the network holds its average.
pub(super) fn write(
    folder: &Path,
    facts: &CheckpointFacts,
    standing: &Standing,
    network: &Network,
    optimizer: &Optimizer,
    trained: Vec<(String, Tensor)>,
) -> Result<(), TrainError> {
    let mut metadata = checkpoint::metadata(facts).map_err(TrainError::at(folder))?;
    let standing = serde_json::to_string(standing).map_err(io::Error::from);
    metadata.insert(
        "standing".to_owned(),
        standing.map_err(TrainError::at(folder))?,
    );
    let prefixed = |prefix: &'static str| move |(name, tensor)| (format!("{prefix}{name}"), tensor);
    let weights = network.tensors()?.into_iter().map(prefixed(WEIGHT));
    let moments = optimizer.state()?.into_iter().map(prefixed(MOMENT));
    let trained = trained.into_iter().map(prefixed(TRAINED));
    let tensors: Vec<(String, Tensor)> = weights.chain(moments).chain(trained).collect();
    tensor_file::write(&folder.join(STATE), &metadata, &tensors).map_err(TrainError::at(folder))
}

/// Fields of the spec that decide where training leads; a name and notes do not, nor does the number of epochs unless the
/// schedule or a recalibration goes by it.
fn differences(one: &RunSpec, other: &RunSpec) -> Vec<&'static str> {
    let TrainSpec {
        epochs,
        batch_size,
        optimizer,
        schedule,
        clip_norm,
        label_smoothing,
        class_weights,
        sampling,
        ema_decay,
        recalibrate,
        early_stopping,
        seed,
    } = &one.train;
    let train = &other.train;
    [
        ("model", one.model == other.model),
        ("device", one.device == other.device),
        ("tf32", one.tf32 == other.tf32),
        (
            "train.epochs",
            *epochs == train.epochs || !(schedule.spans_the_run() || *recalibrate),
        ),
        ("train.batch_size", *batch_size == train.batch_size),
        ("train.optimizer", *optimizer == train.optimizer),
        ("train.schedule", *schedule == train.schedule),
        ("train.clip_norm", *clip_norm == train.clip_norm),
        (
            "train.label_smoothing",
            *label_smoothing == train.label_smoothing,
        ),
        ("train.class_weights", *class_weights == train.class_weights),
        ("train.sampling", *sampling == train.sampling),
        ("train.ema_decay", *ema_decay == train.ema_decay),
        ("train.recalibrate", *recalibrate == train.recalibrate),
        (
            "train.early_stopping",
            *early_stopping == train.early_stopping,
        ),
        ("train.seed", *seed == train.seed),
        ("input", one.input == other.input),
        ("augment", one.augment == other.augment),
        ("variation", one.variation == other.variation),
    ]
    .into_iter()
    .filter_map(|(name, same)| (!same).then_some(name))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Schedule;

    #[test]
    fn only_what_changes_the_training_keeps_a_run_from_going_on() {
        let one = RunSpec::default();
        let mut other = RunSpec {
            name: "longer".to_owned(),
            notes: "again".to_owned(),
            ..RunSpec::default()
        };
        other.train.epochs += 10;
        assert!(differences(&one, &other).is_empty());
        other.train.seed += 1;
        other.input.width = 8;
        assert_eq!(differences(&one, &other), ["train.seed", "input"]);
    }

    #[test]
    fn a_schedule_over_all_epochs_keeps_a_longer_run_from_going_on() {
        let mut one = RunSpec::default();
        one.train.schedule = Schedule::Cosine {
            eta_min: 0.0,
            warm_up: 0,
        };
        let mut other = one.clone();
        other.train.epochs += 1;
        assert_eq!(differences(&one, &other), ["train.epochs"]);
    }
}
