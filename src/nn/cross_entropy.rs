//! Cross-entropy of logits and labels.

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
    /// The mean loss's gradient by the logits, (N, classes).
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

/// Losses, predictions and gradient for logits (N, classes) in float64; a label that is no class is an error.
pub fn cross_entropy(logits: &Tensor, labels: &[u32]) -> Result<CrossEntropy> {
    let (n, classes) = logits.dims2()?;
    if labels.len() != n {
        bail!("{n} images came with {} labels", labels.len());
    }
    if let Some(label) = labels.iter().find(|&&l| l as usize >= classes) {
        bail!("label {label} is none of the network's {classes} classes");
    }
    let mut loss = Vec::with_capacity(n);
    let mut prediction = Vec::with_capacity(n);
    let mut confidence = Vec::with_capacity(n);
    let mut gradient = Vec::with_capacity(n * classes);
    slice(logits, |logits| {
        for (row, &label) in logits.chunks_exact(classes).zip(labels) {
            let best = (1..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
            let greatest = f64::from(row[best]);
            let sum: f64 = row.iter().map(|&x| (f64::from(x) - greatest).exp()).sum();
            let log_sum = greatest + sum.ln();
            loss.push(log_sum - f64::from(row[label as usize]));
            prediction.push(best as u32);
            confidence.push((greatest - log_sum).exp());
            gradient.extend(row.iter().enumerate().map(|(i, &x)| {
                let target = f64::from(u8::from(i == label as usize));
                (((f64::from(x) - log_sum).exp() - target) / n as f64) as f32
            }));
        }
        Ok(())
    })?;
    Ok(CrossEntropy {
        loss,
        prediction,
        confidence,
        gradient: from_vec(gradient, (n, classes))?,
    })
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
    fn the_loss_of_infinite_logits_is_not_finite_and_a_wrong_label_is_refused() {
        let logits = from_vec(vec![f32::INFINITY, 0.0], (1, 2)).unwrap();
        assert!(!cross_entropy(&logits, &[1]).unwrap().loss_sum().is_finite());
        assert!(cross_entropy(&logits, &[2]).is_err());
        assert!(cross_entropy(&logits, &[0, 1]).is_err());
    }
}
