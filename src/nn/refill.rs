//! One large tensor whose memory each batch takes over from the batch before it.

use super::from_vec;
use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Shape, Tensor, bail};
use std::cell::Cell;

/// A tensor that is written anew for each batch: memory that the system gave once is touched for the first time only once.
///
/// A clone of the tensor shares its memory, and sees the next batch.
#[derive(Default)]
pub struct Refill(Option<Tensor>);

impl Refill {
    /// A float32 tensor of this shape that `fill` has written, who finds any numbers in it.
    pub fn with(
        &mut self,
        shape: impl Into<Shape>,
        fill: impl FnOnce(&mut [f32]),
    ) -> Result<&Tensor> {
        let shape = shape.into();
        let tensor = match self.0.take() {
            Some(kept) if *kept.shape() == shape => kept,
            _ => from_vec(vec![0.0; shape.elem_count()], shape)?,
        };
        tensor.inplace_op1(&Fill(Cell::new(Some(fill))))?;
        Ok(self.0.insert(tensor))
    }
}

struct Fill<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut [f32])> InplaceOp1 for Fill<F> {
    fn name(&self) -> &'static str {
        "fill"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> Result<()> {
        let CpuStorage::F32(numbers) = storage else {
            bail!("only float32 is filled");
        };
        if let Some(fill) = self.0.take() {
            fill(numbers);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_the_same_shape_takes_the_memory_over_and_another_one_does_not() -> Result<()> {
        let mut refill = Refill::default();
        let first = refill.with((2, 3), |x| x.fill(1.0))?.clone();
        let second = refill.with((2, 3), |x| x[0] = 2.0)?;
        assert_eq!(second.to_vec2::<f32>()?, [[2.0, 1.0, 1.0], [1.0; 3]]);
        assert_eq!(
            first.to_vec2::<f32>()?,
            second.to_vec2::<f32>()?,
            "one memory"
        );
        let smaller = refill.with((1, 3), |x| x.fill(3.0))?;
        assert_eq!(smaller.to_vec2::<f32>()?, [[3.0; 3]]);
        assert_eq!(first.to_vec2::<f32>()?[0], [2.0, 1.0, 1.0]);
        Ok(())
    }
}
