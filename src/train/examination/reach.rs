//! Which parameters training reaches: the gradients of the first step, made again, and what has moved since.

use super::super::{TrainError, order};
use super::Examiner;
use crate::model::Network;
use crate::nn::values;
use crate::run::{Reach, Split, StillParameter};

/// Builds the network as it was before training, which its seed alone decides, repeats the first step's backward pass, and
/// compares its parameters with today's. Nothing of it need be kept while training goes on, or over a restart.
pub(super) fn reach(of: &Examiner) -> Result<Reach, TrainError> {
    let train = &of.spec.train;
    let fresh = Network::new(of.plan, train.seed, of.network.device())?;
    let batches = of.input.of(Split::Train);
    let order = order::batches(batches.len(), train.batch_size, train.seed, 1);
    let first = order.into_iter().take(1).collect();
    let findings = match batches.in_order(first).next_batch()? {
        Some((images, labels)) => {
            let (_, gradients) = fresh.gradients(images, &labels, 0)?;
            fresh.findings(&gradients)?
        }
        None => Vec::new(),
    };
    let mut still = Vec::new();
    for (before, now) in fresh.parameters().iter().zip(of.network.parameters()) {
        let finding = findings.iter().find(|f| f.parameter == before.name);
        let unmoved = values(&before.var)? == values(&now.var)?;
        if finding.is_some() || unmoved {
            still.push(StillParameter {
                name: before.name.clone(),
                no_gradient: finding.is_some(),
                unmoved,
                by_structure: before.zero_gradient.map(str::to_owned),
            });
        }
    }
    Ok(Reach {
        tensors: of.network.parameters().len() as u32,
        still,
    })
}
