//! A tensor that follows another as a moving average.

use super::cuda;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

/// Numbers a task moves.
const CHUNK: usize = 1 << 16;

/// Moves `average` by `share` of the way to `target`, in place: PyTorch's `lerp_`.
pub fn follow(average: &Var, target: &Tensor, share: f64) -> Result<()> {
    if average.device().is_cuda() {
        return cuda::follow(average, target, share as f32);
    }
    average.inplace_op2(target, &Follow(share as f32))
}

struct Follow(f32);

impl InplaceOp2 for Follow {
    fn name(&self) -> &'static str {
        "moving average"
    }

    fn cpu_fwd(
        &self,
        average: &mut CpuStorage,
        layout: &Layout,
        target: &CpuStorage,
        target_layout: &Layout,
    ) -> Result<()> {
        let (Some((start, end)), Some((t_start, t_end)), CpuStorage::F32(average)) = (
            layout.contiguous_offsets(),
            target_layout.contiguous_offsets(),
            average,
        ) else {
            bail!("an average and what it follows are contiguous float32 tensors")
        };
        let average = &mut average[start..end];
        let target = &target.as_slice::<f32>()?[t_start..t_end];
        if average.len() != target.len() {
            bail!(
                "an average of {} numbers cannot follow {}",
                average.len(),
                target.len()
            );
        }
        let share = self.0;
        average
            .par_chunks_mut(CHUNK)
            .zip(target.par_chunks(CHUNK))
            .for_each(|(average, target)| {
                for (a, &t) in average.iter_mut().zip(target) {
                    // From the nearer end, so that a share of one gives the target itself.
                    *a = if share < 0.5 {
                        *a + share * (t - *a)
                    } else {
                        t - (t - *a) * (1.0 - share)
                    };
                }
            });
        Ok(())
    }
}
