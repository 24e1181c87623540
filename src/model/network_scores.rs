//! What a network makes of images in evaluation mode.

use super::Network;
use super::network_layers::FIRST_LINEAR;
use crate::nn::{Asked, LazyRows, Mode, Objective, chain};
use crate::run::ImageResults;
use candle_core::{Result, Tensor, bail};

/// What [`Network::score`] gives for a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    pub images: ImageResults,
    /// Cross-entropy in nats, summed over the batch in float64.
    pub loss_sum: f64,
    pub correct: u32,
}

/// Scores that may not be there yet.
pub struct AskedScores {
    losses: Asked,
    labels: Vec<u32>,
}

impl AskedScores {
    pub fn wait(self) -> Result<Scores> {
        let result = self.losses.wait()?;
        let narrow = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect();
        Ok(Scores {
            loss_sum: result.loss_sum(),
            correct: result.correct(&self.labels),
            images: ImageResults {
                confidence: narrow(&result.confidence),
                loss: narrow(&result.loss),
                prediction: result.prediction,
            },
        })
    }
}

impl Network {
    /// Predictions, confidences and losses in evaluation mode.
    pub fn score(&self, images: &Tensor, labels: &[u32]) -> Result<Scores> {
        self.ask_scores(images, labels.to_vec())?.wait()
    }

    /// Asks for what [`Network::score`] gives: on a card it is made while the caller does something else. The images are
    /// needed no longer than for this call.
    pub fn ask_scores(&self, images: &Tensor, labels: Vec<u32>) -> Result<AskedScores> {
        let logits = self.forward(images, Mode::Eval)?;
        self.ask(&logits, labels)
    }

    /// True where [`Network::logits_of_rows`] can be used: the network begins with a linear layer over all of an image, and works
    /// on the processor.
    pub fn takes_rows(&self) -> bool {
        self.first_linear.is_some()
    }

    /// Logits (N, classes) in evaluation mode, those of [`Network::forward`] to the bit, for images as rows (N, C · H · W): as
    /// numbers they never are in memory all at once, and the weights are read once for all of them.
    pub fn logits_of_rows(&self, images: &dyn LazyRows) -> Result<Tensor> {
        let Some(linear) = &self.first_linear else {
            bail!("this network takes no images as rows")
        };
        let later = self.layers.iter().skip(FIRST_LINEAR);
        let later = later.map(|layer| layer.operation.as_ref());
        Ok(chain::forward(later, &linear.of_rows(images)?, Mode::Eval)?.0)
    }

    /// What [`Network::score`] gives, by logits (N, classes).
    pub fn score_logits(&self, logits: &Tensor, labels: Vec<u32>) -> Result<Scores> {
        self.ask(logits, labels)?.wait()
    }

    fn ask(&self, logits: &Tensor, labels: Vec<u32>) -> Result<AskedScores> {
        Ok(AskedScores {
            losses: Objective::default().ask(self.core, logits, labels.as_slice().into())?,
            labels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::network_fixture::{adam, residual, small};
    use super::*;
    use crate::model::Plan;
    use crate::nn::{Core, Made, Stream, from_vec};
    use crate::run::ModelSpec;
    use candle_core::Device;

    #[test]
    fn images_as_rows_are_scored_as_in_a_tensor_to_the_bit_after_a_step_too() {
        let shape = [3, 40, 41];
        let size = shape.iter().product();
        let layers = serde_json::json!([
            { "flatten": {} }, { "linear": { "out": 20 } }, { "relu": {} }, { "linear": {} },
        ]);
        let model = ModelSpec::Layers(serde_json::from_value(layers).unwrap());
        let plan = Plan::new(&model, shape, 3).unwrap();
        let network = Network::by(Core::Processor, &plan, 7, &Device::Cpu).unwrap();
        assert!(network.takes_rows());
        let stream = Stream::new(1, "images");
        let pixels: Vec<f32> = (0..37 * size as u64)
            .map(|i| stream.unit(i) - 0.5)
            .collect();
        let made = Made(pixels.clone(), size);
        let images = from_vec(pixels, (37, 3, 40, 41)).unwrap();
        let labels: Vec<u32> = (0..37).map(|i| i % 3).collect();
        let mut optimizer = network.optimizer(&adam());
        for step in 0..2 {
            let logits = network.logits_of_rows(&made).unwrap();
            let rows = network.score_logits(&logits, labels.clone());
            assert_eq!(rows.unwrap(), network.score(&images, &labels).unwrap());
            network
                .step(&images, &labels, step, &mut optimizer, 0.01)
                .unwrap();
        }
        for (other, ..) in [
            small(Core::Processor),
            residual(Core::Processor),
            small(Core::Card),
        ] {
            assert!(!other.takes_rows());
            assert!(other.logits_of_rows(&Made(Vec::new(), 240)).is_err());
        }
    }
}
