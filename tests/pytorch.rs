//! Our networks and optimizers against PyTorch's: `fixtures/pytorch.py` says how the numbers were made.

mod formula;

use candle_core::{Device, Tensor, Var};
use formula::{Entry, numbers};
use gapwatch::model::{Mode, Network, Plan};
use gapwatch::nn::{self, Optimizer};
use gapwatch::run::{self, Layer, LayerSpec, ModelSpec};
use serde::Deserialize;

#[derive(Deserialize)]
struct Document {
    curve: Case,
    networks: Vec<Case>,
    optimizers: Vec<OptimizerCase>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    layers: Vec<LayerSpec>,
    input: [usize; 3],
    batch: usize,
    classes: usize,
    #[serde(default)]
    eval_logits: Entry,
    #[serde(default)]
    train_logits: Entry,
    #[serde(default)]
    loss: f64,
    #[serde(default)]
    gradients: Vec<Entry>,
    #[serde(default)]
    running: Vec<Entry>,
    #[serde(default)]
    losses: Vec<f64>,
}

#[derive(Deserialize)]
struct OptimizerCase {
    spec: run::Optimizer,
    parameters: Entry,
}

fn document() -> Document {
    serde_json::from_str(include_str!("fixtures/pytorch.json")).unwrap()
}

impl Case {
    fn images(&self) -> Tensor {
        let [c, h, w] = self.input;
        let pixels = numbers(self.batch * c * h * w, 1000)
            .iter()
            .map(|x| 1.5 * x)
            .collect();
        nn::from_vec(pixels, (self.batch, c, h, w)).unwrap()
    }

    fn labels(&self) -> Vec<u32> {
        (0..self.batch)
            .map(|i| (i * 7 % self.classes) as u32)
            .collect()
    }

    fn network(&self) -> Network {
        let model = ModelSpec::Layers(self.layers.clone());
        let mut plan = Plan::new(&model, self.input, self.classes).unwrap();
        plan.for_each_layer(|planned| {
            if let Layer::Dropout(dropout) = &mut planned.layer {
                dropout.p = 0.0;
            }
        });
        let network = Network::new(&plan, 1, &Device::Cpu).unwrap();
        let places = plan.places();
        let norms: Vec<&str> = places
            .iter()
            .map(|place| place.layer)
            .filter(|l| matches!(l.kind, "batch_norm" | "group_norm"))
            .map(|l| l.name.as_str())
            .collect();
        let filled =
            network
                .tensors()
                .unwrap()
                .into_iter()
                .enumerate()
                .map(|(seed, (name, tensor))| {
                    let (owner, kind) = name.rsplit_once('.').unwrap();
                    let (offset, scale) = match kind {
                        _ if !norms.contains(&owner) => {
                            let inputs: usize = tensor.dims()[1..].iter().product();
                            let bits = (usize::BITS - inputs.leading_zeros()) / 2;
                            let bits = if tensor.rank() > 1 { bits } else { 3 };
                            (0.0, 0.5f32.powi(1 + bits as i32))
                        }
                        "weight" => (1.0, 0.25),
                        "bias" => (0.0, 0.25),
                        "running_mean" => (0.0, 0.125),
                        _ => (1.0, 0.5),
                    };
                    let new = numbers(tensor.elem_count(), seed as u32)
                        .iter()
                        .map(|u| offset + scale * u)
                        .collect();
                    (name, nn::from_vec(new, tensor.shape()).unwrap())
                });
        network.load(&filled.collect()).unwrap();
        network
    }

    fn check(&self, tolerance: f64) {
        let network = self.network();
        let (images, labels) = (self.images(), self.labels());
        let logits = network.forward(&images, Mode::Eval).unwrap();
        let mut errors = vec![(
            "logits in evaluation".to_owned(),
            self.eval_logits.error(&logits, 0.0),
        )];
        let (loss, gradients) = network.gradients(&images, &labels, 0).unwrap();
        errors.push(("loss".to_owned(), (loss - self.loss).abs() / self.loss));
        // A gradient that the model makes zero is rounding, measured against the largest one.
        let largest = self.gradients.iter().map(|g| g.norm).fold(0.0, f64::max);
        assert_eq!(gradients.len(), self.gradients.len());
        for ((parameter, own), expected) in network
            .parameters()
            .iter()
            .zip(&gradients)
            .zip(&self.gradients)
        {
            let least = match parameter.zero_gradient {
                Some(_) => largest,
                None => 1e-6 * largest,
            };
            errors.push((
                format!("gradient of {}", parameter.name),
                expected.error(own, least),
            ));
        }
        let running: Vec<_> = network
            .tensors()
            .unwrap()
            .into_iter()
            .filter(|(name, _)| name.contains(".running_"))
            .collect();
        assert_eq!(running.len(), self.running.len());
        for ((name, own), expected) in running.iter().zip(&self.running) {
            errors.push((name.clone(), expected.error(own, 0.0)));
        }
        let logits = network.forward(&images, Mode::Train { step: 0 }).unwrap();
        errors.push((
            "logits in training".to_owned(),
            self.train_logits.error(&logits, 0.0),
        ));
        let worst = errors.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        println!("{}: {} {:.1e}", self.name, worst.0, worst.1);
        let wrong: Vec<_> = errors
            .iter()
            .filter(|(_, error)| error.is_nan() || *error >= tolerance)
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", self.name);
    }
}

fn is_preset(case: &Case) -> bool {
    gapwatch::model::preset(&case.name).is_some()
}

#[test]
fn every_layer_gives_pytorchs_results_gradients_and_running_statistics() {
    document()
        .networks
        .iter()
        .filter(|c| !is_preset(c))
        .for_each(|c| c.check(1e-5));
}

#[test]
fn every_preset_gives_pytorchs_logits_and_gradients_at_the_first_step() {
    let cases = document().networks;
    let presets: Vec<_> = cases.iter().filter(|c| is_preset(c)).collect();
    assert_eq!(presets.len(), gapwatch::model::presets().len());
    presets.into_iter().for_each(|c| c.check(1e-4));
}

#[test]
fn five_steps_of_sgd_lose_what_pytorch_loses() {
    let case = document().curve;
    let network = case.network();
    let sgd = run::Optimizer::Sgd {
        lr: 0.01,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 0.0,
        decay: run::Decay::All,
    };
    let mut optimizer = network.optimizer(&sgd);
    for (step, expected) in case.losses.iter().enumerate() {
        let result = network
            .step(
                &case.images(),
                &case.labels(),
                step as u64,
                &mut optimizer,
                0.01,
            )
            .unwrap();
        let loss = result.loss_sum / case.batch as f64;
        assert!(
            (loss - expected).abs() < 1e-3 * expected,
            "step {step}: {loss} and {expected}"
        );
    }
}

#[test]
fn twenty_steps_of_every_optimizer_end_where_pytorchs_end() {
    for case in document().optimizers {
        let var = Var::from_tensor(&nn::from_vec(numbers(64, 1), 64).unwrap()).unwrap();
        let mut optimizer = Optimizer::new(&case.spec, [("parameter", &var)]);
        for step in 0..20 {
            let gradient = nn::from_vec(numbers(64, 100 + step), 64).unwrap();
            optimizer.step([&var], &[gradient], case.spec.lr()).unwrap();
        }
        let error = case.parameters.error(&var, 0.0);
        assert!(error < 1e-6, "{:?}: {error}", case.spec);
    }
}
