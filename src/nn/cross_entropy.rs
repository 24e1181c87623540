//! Cross-entropy of logits and labels, and what training makes of it.

use super::{from_vec, slice};
use candle_core::{Result, Tensor, bail};

/// What a batch's logits are worth.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// −ln of the softmax probability of each image's label, in nats.
    pub loss: Vec<f64>,
    /// The class with the greatest logit, the first of equal ones.
    pub prediction: Vec<u32>,
    /// The softmax probability of that class.
    pub confidence: Vec<f64>,
    /// What the objective makes of the batch.
    pub objective: f64,
    /// The objective's gradient by the logits, (N, classes).
    pub gradient: Tensor,
}

impl CrossEntropy {
    /// The sum over the images.
    pub fn loss_sum(&self) -> f64 {
        self.loss.iter().sum()
    }

    /// Images whose prediction is their label.
    pub fn correct(&self, labels: &[u32]) -> u32 {
        self.prediction
            .iter()
            .zip(labels)
            .map(|(p, l)| u32::from(p == l))
            .sum()
    }
}

/// What training minimises: cross-entropy with class weights and label smoothing (Szegedy et al. 2016, section 7), as
/// PyTorch's `CrossEntropyLoss(weight, label_smoothing=smoothing)` takes its mean over a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objective {
    /// The share of each label that is spread evenly over all classes; 0: none.
    pub smoothing: f64,
    /// What an image of each class counts; none: all the same.
    pub weights: Option<Vec<f64>>,
}

/// Losses, predictions and gradient for logits (N, classes) in float64; a label that is no class is an error.
pub fn cross_entropy(logits: &Tensor, labels: &[u32]) -> Result<CrossEntropy> {
    Objective::default().of(logits, labels)
}

impl Objective {
    /// As [`cross_entropy`], whose losses are always the plain ones, with this objective's value and gradient.
    pub fn of(&self, logits: &Tensor, labels: &[u32]) -> Result<CrossEntropy> {
        let (n, classes) = logits.dims2()?;
        if labels.len() != n {
            bail!("{n} images came with {} labels", labels.len());
        }
        if let Some(label) = labels.iter().find(|&&l| l as usize >= classes) {
            bail!("label {label} is none of the network's {classes} classes");
        }
        if let Some(weights) = &self.weights
            && weights.len() != classes
        {
            bail!("{} class weights for {classes} classes", weights.len());
        }
        let weight = |class: usize| self.weights.as_ref().map_or(1.0, |weights| weights[class]);
        // What every class gets of each label, and the label's own class beside it.
        let spread = |class: usize| self.smoothing / classes as f64 * weight(class);
        let own = |label: u32| (1.0 - self.smoothing) * weight(label as usize);
        let all_spread: f64 = (0..classes).map(spread).sum();
        let all_weights: f64 = labels.iter().map(|&label| weight(label as usize)).sum();

        let mut objective = 0.0;
        let mut loss = Vec::with_capacity(n);
        let mut prediction = Vec::with_capacity(n);
        let mut confidence = Vec::with_capacity(n);
        let mut gradient = Vec::with_capacity(n * classes);
        slice(logits, |logits| {
            for (row, &label) in logits.chunks_exact(classes).zip(labels) {
                let best =
                    (1..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
                let greatest = f64::from(row[best]);
                let sum: f64 = row.iter().map(|&x| (f64::from(x) - greatest).exp()).sum();
                let log_sum = greatest + sum.ln();
                let plain = log_sum - f64::from(row[label as usize]);
                objective += own(label) * plain;
                if self.smoothing > 0.0 {
                    let losses = row.iter().map(|&x| log_sum - f64::from(x));
                    objective += losses.enumerate().map(|(i, l)| spread(i) * l).sum::<f64>();
                }
                loss.push(plain);
                prediction.push(best as u32);
                confidence.push((greatest - log_sum).exp());
                let whole = own(label) + all_spread;
                gradient.extend(row.iter().enumerate().map(|(i, &x)| {
                    let is_own = f64::from(u8::from(i == label as usize));
                    let target = own(label) * is_own + spread(i);
                    ((whole * (f64::from(x) - log_sum).exp() - target) / all_weights) as f32
                }));
            }
            Ok(())
        })?;
        Ok(CrossEntropy {
            loss,
            prediction,
            confidence,
            objective: objective / all_weights,
            gradient: from_vec(gradient, (n, classes))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_classes() {
        let logits = from_vec(vec![1000.0; 9], (1, 9)).unwrap();
        let result = cross_entropy(&logits, &[4]).unwrap();
        assert!((result.loss_sum() - 9f64.ln()).abs() < 1e-12);
        assert_eq!(result.prediction, [0]);
        let gradient = super::super::values(&result.gradient).unwrap();
        assert!((gradient[4] - (1.0 / 9.0 - 1.0)).abs() < 1e-7);
    }

    #[test]
    fn the_plain_losses_stand_beside_whatever_is_minimised() {
        let logits = from_vec(vec![0.0, 2.0, -1.0, 0.5, 0.5, 3.0], (2, 3)).unwrap();
        let plain = cross_entropy(&logits, &[1, 0]).unwrap();
        assert!((plain.objective - plain.loss_sum() / 2.0).abs() < 1e-15);
        let objective = Objective {
            smoothing: 0.1,
            weights: Some(vec![3.0, 1.0, 0.0]),
        };
        let weighted = objective.of(&logits, &[1, 0]).unwrap();
        assert_eq!(weighted.loss, plain.loss);
        assert_ne!(weighted.objective, plain.objective);
        let two = Objective {
            weights: Some(vec![1.0; 2]),
            ..Objective::default()
        };
        assert!(two.of(&logits, &[1, 0]).is_err());
    }

    #[test]
    fn the_loss_of_infinite_logits_is_not_finite_and_a_wrong_label_is_refused() {
        let logits = from_vec(vec![f32::INFINITY, 0.0], (1, 2)).unwrap();
        assert!(!cross_entropy(&logits, &[1]).unwrap().loss_sum().is_finite());
        assert!(cross_entropy(&logits, &[2]).is_err());
        assert!(cross_entropy(&logits, &[0, 1]).is_err());
    }
}
