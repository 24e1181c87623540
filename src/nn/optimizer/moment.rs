//! A running sum that an optimizer keeps of a parameter.

use crate::nn::{from_vec, values};
use candle_core::{Result, Tensor, bail};

/// As many numbers as the parameter has, in its order.
pub(super) enum Moment {
    /// The optimizer keeps none.
    None,
    OnProcessor(Vec<f32>),
    OnCard(Tensor),
}

impl Moment {
    /// That of a parameter of `length` numbers that was not moved yet, where the optimizer `has` it.
    pub fn zero(has: bool, length: usize) -> Moment {
        if has {
            Moment::OnProcessor(vec![0.0; length])
        } else {
            Moment::None
        }
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Moment::None)
    }

    /// To be changed on the processor; of none nothing.
    pub fn numbers(&mut self) -> Result<&mut [f32]> {
        match self {
            Moment::None => Ok(&mut []),
            Moment::OnProcessor(numbers) => Ok(numbers),
            Moment::OnCard(_) => bail!("the optimizer's state is on a card"),
        }
    }

    /// To be changed on the parameter's device, to which it goes once; of none nothing.
    pub fn on_card(&mut self, parameter: &Tensor) -> Result<Option<&Tensor>> {
        if let Moment::OnProcessor(numbers) = self {
            let numbers = std::mem::take(numbers);
            let tensor = Tensor::from_vec(numbers, parameter.shape(), parameter.device())?;
            *self = Moment::OnCard(tensor);
        }
        Ok(match self {
            Moment::OnCard(tensor) => Some(tensor),
            Moment::None | Moment::OnProcessor(_) => None,
        })
    }

    /// Its numbers on the processor, in the parameter's shape, which training leaves alone.
    pub fn copy(&self, shape: &[usize]) -> Result<Option<Tensor>> {
        Ok(match self {
            Moment::None => None,
            Moment::OnProcessor(numbers) => Some(from_vec(numbers.clone(), shape)?),
            Moment::OnCard(tensor) => Some(from_vec(values(tensor)?, shape)?),
        })
    }

    /// Takes over the next of `loaded`, where it is any.
    pub fn load(&mut self, loaded: &mut impl Iterator<Item = Vec<f32>>) {
        if !self.is_none() {
            *self = Moment::OnProcessor(loaded.next().unwrap_or_default());
        }
    }
}
