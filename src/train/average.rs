//! The moving average of a network's weights that is scored and saved in their stead.

use super::TrainError;
use crate::model::Network;
use crate::nn::follow;
use candle_core::{Tensor, Var};
use std::collections::HashMap;

/// The exponential moving average of the parameters after every step (Polyak and Juditsky 1992), as PyTorch's
/// `AveragedModel` with `get_ema_multi_avg_fn(decay)`: the first step's parameters, then decay · average +
/// (1 − decay) · parameters. Batch norm's running statistics are those that training keeps.
pub(super) struct Average {
    decay: f64,
    /// In the order of the network's parameters: the average, or what is trained while the network holds the average.
    kept: Vec<Var>,
    shown: bool,
}

impl Average {
    /// Begins at a network's parameters.
    pub fn new(decay: f64, network: &Network) -> Result<Average, TrainError> {
        let copies = network.parameters().iter().map(|p| copy(&p.var));
        Ok(Average {
            decay,
            kept: copies.collect::<candle_core::Result<_>>()?,
            shown: false,
        })
    }

    /// Goes on from a state: the network holds the average, and `trained` is what is trained, by name.
    pub fn go_on(
        &mut self,
        network: &Network,
        trained: &HashMap<String, Tensor>,
    ) -> Result<(), TrainError> {
        for (parameter, kept) in network.parameters().iter().zip(&self.kept) {
            let name = &parameter.name;
            let tensor = trained.get(name).ok_or_else(|| {
                TrainError::State(format!(
                    "the run's state lacks the trained weights of '{name}': start anew in another folder"
                ))
            })?;
            kept.set(&tensor.to_device(kept.device())?)?;
        }
        self.shown = true;
        Ok(())
    }

    /// Takes in the parameters after a step; `first` for the run's first.
    pub fn take(&self, network: &Network, first: bool) -> Result<(), TrainError> {
        let share = if first { 1.0 } else { 1.0 - self.decay };
        for (parameter, kept) in network.parameters().iter().zip(&self.kept) {
            follow(kept, &parameter.var, share)?;
        }
        Ok(())
    }

    /// Puts the average into the network, to be scored and saved.
    pub fn show(&mut self, network: &Network) -> Result<(), TrainError> {
        self.exchange(network, true)
    }

    /// Puts what is trained into the network, to be trained further.
    pub fn hide(&mut self, network: &Network) -> Result<(), TrainError> {
        self.exchange(network, false)
    }

    fn exchange(&mut self, network: &Network, show: bool) -> Result<(), TrainError> {
        if self.shown != show {
            for (parameter, kept) in network.parameters().iter().zip(&self.kept) {
                let held = copy(&parameter.var)?;
                parameter.var.set(kept)?;
                kept.set(&held)?;
            }
            self.shown = show;
        }
        Ok(())
    }

    /// What is trained, by name, while the average is shown.
    pub fn trained(&self, network: &Network) -> Vec<(String, Tensor)> {
        let names = network.parameters().iter().map(|p| p.name.clone());
        names
            .zip(self.kept.iter().map(|var| var.as_detached_tensor()))
            .collect()
    }
}

fn copy(var: &Var) -> candle_core::Result<Var> {
    Var::from_tensor(&var.as_detached_tensor().copy()?)
}
