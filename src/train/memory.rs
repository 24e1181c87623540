//! What a batch takes of a card's memory, and what to say when it is too much.

use super::{Job, TrainError, session};
use crate::model::Plan;
use crate::nn::cuda;
use candle_core::Device;

/// What the card's own libraries and a convolution's columns take, bytes.
const FIXED: usize = 1 << 30;

/// Bytes that training with batches of this size takes of a card, by estimate.
///
/// Weights, gradients and two moments are four numbers a parameter. Of the numbers that layers give, the presets take 2.0 to
/// 2.3 bytes each at the most (the card in software, `gapwatch bench --train-only` with batches of 4 and 12): many are never
/// written. Layers that nothing is fused with keep theirs, 4 bytes each, and the largest has a gradient on either side.
fn estimate(plan: &Plan, batch: usize) -> usize {
    FIXED + 16 * plan.parameters + 6 * plan.activations * batch
}

/// The largest half, quarter and so on of a batch that was too large, that should fit into so many bytes; 1 at the least.
fn smaller(plan: &Plan, batch: usize, bytes: usize) -> usize {
    let mut smaller = batch / 2;
    while smaller > 1 && estimate(plan, smaller) > bytes {
        smaller /= 2;
    }
    smaller.max(1)
}

/// An error of a job, in words that help where the card's memory was too small.
pub(super) fn explained(error: TrainError, job: &Job, device: &Device) -> TrainError {
    let told = error.to_string();
    if !["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED"]
        .iter()
        .any(|code| told.contains(code))
    {
        return error;
    }
    let batch = job.spec.train.batch_size;
    // The images themselves may hold a fourth: `Batches::bring_to`.
    let bytes = cuda::memory(device).map_or(usize::MAX, |(_, all)| all / 4 * 3);
    let Ok(plan) = session::check(job.spec, &job.dataset.index) else {
        return error;
    };
    TrainError::Device(match batch {
        0 | 1 => "the card's memory is too small for this network even with one image at a time: take a smaller input, \
                  a smaller network or the processor (device = \"cpu\")"
            .to_owned(),
        _ => format!(
            "the card's memory is too small for batches of {batch} images: set train.batch_size = {}, which by estimate \
             fits",
            smaller(&plan, batch, bytes)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::ModelSpec;

    #[test]
    fn a_batch_is_halved_until_its_estimate_fits() {
        let model = ModelSpec::Preset("cnn-bilstm".to_owned());
        let plan = Plan::new(&model, [3, 128, 256], 9).unwrap();
        assert_eq!(smaller(&plan, 64, usize::MAX), 32);
        let bytes = estimate(&plan, 20);
        assert_eq!(smaller(&plan, 64, bytes), 16);
        assert_eq!(smaller(&plan, 64, 0), 1);
    }
}
