//! Every operation once more as a plain formula in float64, and the fast operations held against it.
//!
//! The formulas are written in [`tape`]'s numbers, which give their gradients; finite differences check these.

mod batch_norm;
mod conv_block;
mod cross_entropy;
mod group_norm;
mod linear;
mod pointwise;
mod pooling;
mod recurrent;
mod reshape;
mod residual;
mod tape;

use super::cuda::{self, On};
use super::{Mode, Operation, Stream, from_vec, values};
use candle_core::{Device, Tensor, Var};
use proptest::prelude::*;
use std::sync::LazyLock;
use tape::{Number, Tape};

/// Numbers of an operation's input and of its parameters, in the operation's order.
type Inputs = Vec<Vec<f64>>;

/// A result and the gradients of Σ factor · result by each of the inputs.
struct Reference {
    result: Vec<f64>,
    gradients: Inputs,
}

/// `count` numbers in `offset` ± `scale` that float32 holds too.
fn draw(seed: u64, name: &str, count: usize, offset: f64, scale: f64) -> Vec<f64> {
    let stream = Stream::new(seed, name);
    let unit = |i| f64::from(stream.unit(i)) * 2.0 - 1.0;
    (0..count as u64)
        .map(|i| f64::from((offset + scale * unit(i)) as f32))
        .collect()
}

fn tensor(numbers: &[f64], shape: &[usize]) -> Tensor {
    from_vec(numbers.iter().map(|&x| x as f32).collect(), shape).unwrap()
}

fn norm(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum::<f64>().sqrt()
}

impl Reference {
    /// What a formula gives, its gradients checked by finite differences.
    ///
    /// Inputs so close to a kink (of ReLU or a maximum) that rounding can decide are rejected: there is no gradient.
    fn of(
        inputs: &Inputs,
        factors: &[f64],
        formula: impl for<'t> Fn(&[Vec<Number<'t>>]) -> Vec<Number<'t>>,
    ) -> Result<Reference, TestCaseError> {
        let with = |inputs: &Inputs, then: &mut dyn FnMut(&Tape, Vec<Number>, Number)| {
            let tape = Tape::new();
            let variables: Vec<Vec<Number>> = inputs
                .iter()
                .map(|numbers| numbers.iter().map(|&x| tape.variable(x)).collect())
                .collect();
            let result = formula(&variables);
            assert_eq!(result.len(), factors.len());
            let loss = Number::sum(
                result
                    .iter()
                    .zip(factors)
                    .map(|(&y, &factor)| y * Number::from(factor)),
            );
            then(&tape, result, loss);
        };
        let mut reference = Reference {
            result: Vec::new(),
            gradients: Vec::new(),
        };
        let mut margin = 0.0;
        with(inputs, &mut |tape, result, loss| {
            margin = tape.margin();
            reference.result = result.iter().map(|y| y.value).collect();
            let mut all = tape.gradient(loss).into_iter();
            reference.gradients = inputs
                .iter()
                .map(|numbers| all.by_ref().take(numbers.len()).collect())
                .collect();
        });
        prop_assume!(margin > 3e-5);

        for (which, gradient) in reference.gradients.iter().enumerate() {
            // All numbers of a tensor move at once, each its own way.
            let direction = draw(which as u64, "direction", gradient.len(), 0.0, 1.0);
            let loss_at = |step: f64| {
                let mut moved = inputs.clone();
                for (x, d) in moved[which].iter_mut().zip(&direction) {
                    *x += step * d;
                }
                let mut value = 0.0;
                with(&moved, &mut |_, _, loss| value = loss.value);
                value
            };
            let step = 1e-6;
            let slope = (loss_at(step) - loss_at(-step)) / (2.0 * step);
            let expected: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
            let scale = norm(gradient).max(norm(factors));
            prop_assert!(
                (slope - expected).abs() < 1e-6 * scale,
                "tensor {which}: slope {slope}, by the gradient {expected}"
            );
        }
        Ok(reference)
    }

    /// Fails unless a fast operation gives this result and these gradients, by norm to one in a hundred thousand.
    fn check(
        &self,
        name: &str,
        result: &[f32],
        gradients: &[Vec<f32>],
    ) -> Result<(), TestCaseError> {
        let error = |own: &[f32], expected: &[f64]| {
            assert_eq!(own.len(), expected.len());
            let difference: Vec<f64> = own
                .iter()
                .zip(expected)
                .map(|(&own, expected)| f64::from(own) - expected)
                .collect();
            norm(&difference)
        };
        let off = error(result, &self.result);
        // The numbers that go in are about one: results that nearly cancel are measured against a hundredth of that each.
        let least = 0.01 * (self.result.len() as f64).sqrt();
        prop_assert!(
            off <= 1e-5 * norm(&self.result).max(least),
            "{name}: the result is {off} off {}",
            norm(&self.result)
        );
        prop_assert_eq!(gradients.len(), self.gradients.len());
        // A gradient that is nothing but rounding is measured against the largest.
        let largest = self.gradients.iter().map(|g| norm(g)).fold(0.0, f64::max);
        for (which, (own, expected)) in gradients.iter().zip(&self.gradients).enumerate() {
            let off = error(own, expected);
            prop_assert!(
                off <= 1e-5 * norm(expected).max(0.1 * largest),
                "{name}, tensor {which}: {off} off {}",
                norm(expected)
            );
        }
        Ok(())
    }

    /// [`Reference::check`] of a layer on `input` by both cores; `layer` makes it with its parameters on a device.
    fn check_layer<T: Operation>(
        &self,
        layer: impl Fn(&Device) -> T,
        input: &Tensor,
        factors: &[f64],
    ) -> Result<(), TestCaseError>
    where
        On<T>: Operation,
    {
        self.check_operation("processor", &layer(&Device::Cpu), input, factors)?;
        for (name, card) in cards() {
            let input = input.to_device(card).unwrap();
            self.check_operation(name, &On(layer(card)), &input, factors)?;
        }
        Ok(())
    }

    /// [`Reference::check`] of an operation on `input`, which is on the operation's device.
    fn check_operation(
        &self,
        name: &str,
        operation: &dyn Operation,
        input: &Tensor,
        factors: &[f64],
    ) -> Result<(), TestCaseError> {
        let (result, back) = operation.forward(input, MODE).unwrap();
        let gradient = tensor(factors, result.dims());
        let gradient = gradient.to_device(input.device()).unwrap();
        let gradients = back.unwrap().backward(&gradient, true).unwrap();
        let by_input = gradients.input.unwrap();
        prop_assert_eq!(by_input.dims(), input.dims());
        let all: Vec<Vec<f32>> = [by_input]
            .iter()
            .chain(&gradients.parameters)
            .map(|g| values(g).unwrap())
            .collect();
        self.check(name, &values(&result).unwrap(), &all)
    }
}

/// Where the card's operations are done: on the processor by emulation, and on the first card where there is one.
fn cards() -> &'static [(&'static str, Device)] {
    static CARDS: LazyLock<Vec<(&str, Device)>> = LazyLock::new(|| {
        let card = cuda::open(0).ok().map(|card| ("card", card));
        [("emulator", Device::Cpu)]
            .into_iter()
            .chain(card)
            .collect()
    });
    &CARDS
}

/// A parameter on a device.
fn var(numbers: &[f64], shape: &[usize], device: &Device) -> Var {
    let tensor = tensor(numbers, shape).to_device(device).unwrap();
    Var::from_tensor(&tensor).unwrap()
}

/// The step whose dropout masks are drawn.
const STEP: u64 = 3;
const MODE: Mode = Mode::Train { step: STEP };

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
