//! Cross-entropy of logits and labels, and what training makes of it.

use super::{Core, Targets, cuda, from_vec, slice};
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
    ///
    /// Of a mixture the loss is that of both classes by their shares (Zhang et al. 2018), and so is everything that
    /// depends on an image's class; with one share for all this is `s * criterion(logits, own) + (1 - s) * criterion(logits,
    /// other)` where no class weights are.
    pub fn of(&self, logits: &Tensor, targets: impl Into<Targets>) -> Result<CrossEntropy> {
        self.by(Core::of(logits.device()), logits, targets.into())
    }

    /// [`Objective::of`] by one of the two cores.
    pub(crate) fn by(&self, core: Core, logits: &Tensor, targets: Targets) -> Result<CrossEntropy> {
        self.ask(core, logits, targets)?.wait()
    }

    /// [`Objective::by`] without waiting for a card.
    pub(crate) fn ask(&self, core: Core, logits: &Tensor, targets: Targets) -> Result<Asked> {
        let (n, classes) = logits.dims2()?;
        let mixed = targets.mixed.as_ref();
        if targets.labels.len() != n
            || mixed.is_some_and(|m| [m.labels.len(), m.shares.len()] != [n; 2])
        {
            bail!("{n} images came with {} labels", targets.labels.len());
        }
        let all = targets
            .labels
            .iter()
            .chain(mixed.iter().flat_map(|m| &m.labels));
        if let Some(label) = all.copied().find(|&l| l as usize >= classes) {
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
        // What holds for a class, of an image that may be of two.
        let both = |i: usize, of: &dyn Fn(u32) -> f64| -> f64 {
            let parts = targets.of(i).into_iter().filter(|(_, share)| *share > 0.0);
            parts.map(|(label, share)| share * of(label)).sum()
        };
        let all_weights: f64 = (0..n)
            .map(|i| both(i, &|label| weight(label as usize)))
            .sum();

        if core == Core::Card {
            return cuda::cross_entropy(self, logits, &targets, all_weights).map(Asked::OnCard);
        }

        let mut objective = 0.0;
        let mut loss = Vec::with_capacity(n);
        let mut prediction = Vec::with_capacity(n);
        let mut confidence = Vec::with_capacity(n);
        let mut gradient = Vec::with_capacity(n * classes);
        slice(logits, |logits| {
            for (image, row) in logits.chunks_exact(classes).enumerate() {
                let best =
                    (1..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
                let greatest = f64::from(row[best]);
                let sum: f64 = row.iter().map(|&x| (f64::from(x) - greatest).exp()).sum();
                let log_sum = greatest + sum.ln();
                let plain = |label: u32| log_sum - f64::from(row[label as usize]);
                objective += both(image, &|label| own(label) * plain(label));
                if self.smoothing > 0.0 {
                    let losses = row.iter().map(|&x| log_sum - f64::from(x));
                    objective += losses.enumerate().map(|(i, l)| spread(i) * l).sum::<f64>();
                }
                loss.push(both(image, &plain));
                prediction.push(best as u32);
                confidence.push((greatest - log_sum).exp());
                let whole = both(image, &own) + all_spread;
                gradient.extend(row.iter().enumerate().map(|(i, &x)| {
                    let is = |label: u32| f64::from(u8::from(i == label as usize));
                    let target = both(image, &|label| own(label) * is(label)) + spread(i);
                    ((whole * (f64::from(x) - log_sum).exp() - target) / all_weights) as f32
                }));
            }
            Ok(())
        })?;
        Ok(Asked::There(CrossEntropy {
            loss,
            prediction,
            confidence,
            objective: objective / all_weights,
            gradient: from_vec(gradient, (n, classes))?,
        }))
    }
}

/// What a batch is worth: the processor has it at once, a card when it is waited for.
pub(crate) enum Asked {
    There(CrossEntropy),
    OnCard(cuda::Losses),
}

impl Asked {
    pub(crate) fn wait(self) -> Result<CrossEntropy> {
        match self {
            Asked::There(result) => Ok(result),
            Asked::OnCard(losses) => losses.wait(),
        }
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

    /// Two images of three classes, each mixed with the other's label.
    fn mixture() -> (Tensor, Targets) {
        let logits = from_vec(vec![0.0, 2.0, -1.0, 0.5, 0.5, 3.0], (2, 3)).unwrap();
        let mixed = super::super::Mixed {
            labels: vec![0, 2],
            shares: vec![0.3; 2],
        };
        let targets = Targets {
            labels: vec![1, 0],
            mixed: Some(mixed),
        };
        (logits, targets)
    }

    /// From PyTorch 2: `0.3 * c(x, a) + 0.7 * c(x, b)` with `c = CrossEntropyLoss(label_smoothing=smoothing)`, and autograd.
    #[test]
    fn the_loss_of_a_mixture_is_pytorchs() {
        let (logits, targets) = mixture();
        for (smoothing, loss, gradient) in [
            (
                0.0,
                1.235_927_343,
                [
                    -0.292_902_4,
                    0.271_897_35,
                    0.021_005_03,
                    -0.114_745_29,
                    0.035_254_72,
                    0.079_490_54,
                ],
            ),
            (
                0.1,
                1.295_093_894,
                [
                    -0.274_569_06,
                    0.270_230_65,
                    0.004_338_36,
                    -0.116_411_95,
                    0.018_588_06,
                    0.097_823_87,
                ],
            ),
        ] {
            let objective = Objective {
                smoothing,
                weights: None,
            };
            let ours = objective.of(&logits, targets.clone()).unwrap();
            assert!((ours.objective - loss).abs() < 1e-6, "{}", ours.objective);
            let found = super::super::values(&ours.gradient).unwrap();
            for (ours, torch) in found.iter().zip(gradient) {
                assert!((ours - torch).abs() < 1e-6, "{found:?}");
            }
        }
    }

    #[test]
    fn the_gradient_of_a_mixture_is_the_slope_of_its_loss_with_weights_and_smoothing_too() {
        let (logits, mut targets) = mixture();
        if let Some(mixed) = &mut targets.mixed {
            mixed.shares = vec![0.25, 0.9];
        }
        let objective = Objective {
            smoothing: 0.2,
            weights: Some(vec![0.5, 2.0, 1.5]),
        };
        let gradient = objective.of(&logits, targets.clone()).unwrap().gradient;
        let gradient = super::super::values(&gradient).unwrap();
        let numbers = super::super::values(&logits).unwrap();
        for i in 0..6 {
            let at = |step: f32| {
                let mut moved = numbers.clone();
                moved[i] += step;
                let logits = from_vec(moved, (2, 3)).unwrap();
                objective.of(&logits, targets.clone()).unwrap().objective
            };
            let slope = (at(0.01) - at(-0.01)) / 0.02;
            assert!(
                (slope - f64::from(gradient[i])).abs() < 1e-4,
                "{i}: {slope}"
            );
        }
    }

    #[test]
    fn a_mixture_that_does_not_fit_its_images_is_refused() {
        let (logits, targets) = mixture();
        let with = |labels: Vec<u32>, shares: Vec<f32>| {
            let mixed = Some(super::super::Mixed { labels, shares });
            let targets = Targets {
                mixed,
                ..targets.clone()
            };
            Objective::default().of(&logits, targets)
        };
        assert!(with(vec![0, 3], vec![0.5; 2]).is_err());
        assert!(with(vec![0], vec![0.5; 2]).is_err());
        assert!(with(vec![0, 1], vec![0.5]).is_err());
    }
}
