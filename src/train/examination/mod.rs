//! Forward passes over all images once a run has its weights: what no curve shows.

mod inputs;
mod reach;

use super::TrainError;
use super::input::Input;
use super::passes::{self, Walk};
use crate::model::{Network, Plan};
use crate::run::{Examination, Layer, Pass, Preparation, RunSpec, Split, SplitMetrics, Statistics};

/// The predictions of larger splits are not kept image by image.
const MOST_SINGLE_IMAGES: usize = 200_000;

/// A network with its weights, and what it was trained with and on.
pub(super) struct Examiner<'a> {
    pub plan: &'a Plan,
    pub network: &'a Network,
    pub input: &'a Input,
    pub spec: &'a RunSpec,
    /// The epoch that the weights are of.
    pub epoch: u32,
}

/// Which passes a network needs: without batch norm or dropout some would be the same.
#[derive(Clone, Copy)]
struct Needs {
    norm: bool,
    dropout: bool,
    /// Batch statistics of one image are none.
    two_images: bool,
}

impl Needs {
    fn of(plan: &Plan) -> Needs {
        let places = plan.places();
        let has = |wanted: fn(&Layer) -> bool| places.iter().any(|p| wanted(&p.layer.layer));
        Needs {
            norm: has(|layer| matches!(layer, Layer::BatchNorm(_))),
            dropout: has(|layer| matches!(layer, Layer::Dropout(d) if d.p > 0.0)),
            two_images: plan.needs_two_images(),
        }
    }

    /// True where a split of `n` images can be normalised by its own batches' statistics.
    fn batch_statistics(self, n: usize) -> bool {
        self.norm && n > usize::from(self.two_images)
    }

    /// Images that go through the network for a split of `n`; `recalibrated` where there is such a copy of it.
    fn images(self, split: Split, n: usize, recalibrated: bool) -> usize {
        let batch = usize::from(self.batch_statistics(n));
        n * match split {
            Split::Train => 1 + batch + usize::from(self.dropout),
            Split::Val | Split::Test if recalibrated => 3 + batch,
            Split::Val | Split::Test => 2,
        }
    }
}

/// Images that an examination sends through the network in all its passes.
pub(super) fn images(plan: &Plan, input: &Input) -> usize {
    let needs = Needs::of(plan);
    let n = |split| input.of(split).len();
    let recalibrated = needs.batch_statistics(n(Split::Train));
    Split::ALL
        .into_iter()
        .map(|split| needs.images(split, n(split), recalibrated))
        .sum()
}

impl Examiner<'_> {
    /// Makes all passes. `tick` is called after each batch with the images done in it, and ends the examination by
    /// false: then there is none. The same weights and images give the same examination but for its seconds.
    pub fn examine(
        &self,
        tick: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Examination>, TrainError> {
        let started = std::time::Instant::now();
        let mut found = Examination {
            epoch: self.epoch,
            ..Examination::default()
        };
        let done = self.training(&mut found, tick)?;
        let Some(recalibrated) = done else {
            return Ok(None);
        };
        for split in [Split::Val, Split::Test] {
            if !self.held_out(split, recalibrated.as_ref(), &mut found, tick)? {
                return Ok(None);
            }
        }
        for split in Split::ALL {
            match inputs::statistics(split, self.input.of(split), tick)? {
                Some(statistics) => found.inputs.extend(statistics),
                None => return Ok(None),
            }
        }
        found.parameters = Some(reach::reach(self)?);
        found.seconds = started.elapsed().as_secs_f64();
        Ok(Some(found))
    }

    /// The passes over the training images. Outer None: ended. Inner: a copy of the network whose running statistics
    /// are estimated anew, where it has batch norm.
    fn training(
        &self,
        found: &mut Examination,
        tick: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Option<Network>>, TrainError> {
        let needs = Needs::of(self.plan);
        let walk = self.walk(Split::Train);
        let Some((scores, _)) = walk.evaluate(self.network, tick)? else {
            return Ok(None);
        };
        found.passes.push(Pass {
            metrics: scores,
            ..pass(Split::Train, Statistics::Running, false)
        });
        let mut recalibrated = None;
        if needs.batch_statistics(walk.batches.len()) {
            let copy = passes::without_dropout(self.plan, self.network)?;
            let Some((metrics, estimated)) = walk.recalibrate(&copy, tick)? else {
                return Ok(None);
            };
            found.passes.push(Pass {
                metrics,
                ..pass(Split::Train, Statistics::Batch, false)
            });
            copy.load(&estimated)?;
            recalibrated = Some(copy);
        }
        if needs.dropout {
            let copy = passes::copy(self.plan, self.network, self.spec.train.seed)?;
            let Some((metrics, _)) = walk.train_mode(&copy, tick)? else {
                return Ok(None);
            };
            let statistics = if needs.norm {
                Statistics::Batch
            } else {
                Statistics::Running
            };
            found.passes.push(Pass {
                metrics,
                ..pass(Split::Train, statistics, true)
            });
        }
        Ok(Some(recalibrated))
    }

    /// The passes over validation or test images; false where they were ended.
    fn held_out(
        &self,
        split: Split,
        recalibrated: Option<&Network>,
        found: &mut Examination,
        tick: &mut dyn FnMut(usize) -> bool,
    ) -> Result<bool, TrainError> {
        let walk = self.walk(split);
        let n = walk.batches.len();
        if n == 0 {
            return Ok(true);
        }
        let kept = |prediction: Vec<u32>| {
            if n <= MOST_SINGLE_IMAGES {
                prediction
            } else {
                Vec::new()
            }
        };
        let Some((metrics, first)) = walk.evaluate(self.network, tick)? else {
            return Ok(false);
        };
        let Some((_, second)) = walk.evaluate(self.network, tick)? else {
            return Ok(false);
        };
        found.repeated.push(passes::compare(split, &first, &second));
        if n <= MOST_SINGLE_IMAGES {
            found.labels.push((split, walk.batches.labels().to_vec()));
        }
        found.passes.push(Pass {
            metrics,
            prediction: kept(first.prediction),
            ..pass(split, Statistics::Running, false)
        });
        let Some(recalibrated) = recalibrated else {
            return Ok(true);
        };
        if Needs::of(self.plan).batch_statistics(n) {
            let copy = passes::without_dropout(self.plan, self.network)?;
            let Some((metrics, prediction)) = walk.train_mode(&copy, tick)? else {
                return Ok(false);
            };
            found.passes.push(Pass {
                metrics,
                prediction: kept(prediction),
                ..pass(split, Statistics::Batch, false)
            });
        }
        let Some((metrics, images)) = walk.evaluate(recalibrated, tick)? else {
            return Ok(false);
        };
        found.passes.push(Pass {
            metrics,
            prediction: kept(images.prediction),
            ..pass(split, Statistics::Recalibrated, false)
        });
        Ok(true)
    }

    fn walk(&self, split: Split) -> Walk<'_> {
        Walk {
            batches: self.input.of(split),
            batch_size: self.spec.train.batch_size,
            seed: self.spec.train.seed,
            epoch: self.epoch,
        }
    }
}

/// A pass without its figures.
fn pass(split: Split, statistics: Statistics, dropout: bool) -> Pass {
    Pass {
        split,
        statistics,
        dropout,
        preparation: Preparation::Evaluation,
        metrics: SplitMetrics::new(0.0, 0, 0),
        prediction: Vec::new(),
    }
}
