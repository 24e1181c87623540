//! Long short-term memory and gated recurrent units by their definitions.

use super::tape::Number;
use super::{Reference, cards, config, draw, tensor, var};
use crate::nn::cuda::On;
use crate::nn::{Direction, Gru, Lstm, Operation, RecurrentStack};
use candle_core::Device;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
struct Size {
    steps: usize,
    features: usize,
    hidden: usize,
    directions: usize,
    /// Gates a unit: four of an LSTM, three of a GRU.
    gates: usize,
}

impl Size {
    /// Shapes of the four parameters of a direction of layer `layer`: by the input, by the state, two biases.
    fn shapes(&self, layer: usize) -> [Vec<usize>; 4] {
        let features = if layer == 0 {
            self.features
        } else {
            self.hidden * self.directions
        };
        let gates = self.gates * self.hidden;
        [
            vec![gates, features],
            vec![gates, self.hidden],
            vec![gates],
            vec![gates],
        ]
    }
}

fn sigmoid(x: Number) -> Number {
    Number::from(1.0) / (Number::from(1.0) + (-x).exp())
}

/// The states of one direction over one sequence of rows, in the rows' order.
fn direction<'t>(
    rows: &[Vec<Number<'t>>],
    parameters: &[Vec<Number<'t>>],
    size: Size,
    reverse: bool,
) -> Vec<Vec<Number<'t>>> {
    let hidden = size.hidden;
    let [by_input, by_state, bias, other_bias] = parameters else {
        panic!("four parameters")
    };
    let dot = |weights: &[Number<'t>], row: &[Number<'t>]| {
        Number::sum(weights.iter().zip(row).map(|(&w, &x)| w * x))
    };
    let one = Number::from(1.0);
    let mut state = vec![Number::from(0.0); hidden];
    let mut cell = state.clone();
    let mut states = vec![Vec::new(); rows.len()];
    for step in 0..rows.len() {
        let t = if reverse { rows.len() - 1 - step } else { step };
        let row = &rows[t];
        let of_input = |i: usize| dot(&by_input[i * row.len()..][..row.len()], row) + bias[i];
        let of_state = |i: usize| dot(&by_state[i * hidden..][..hidden], &state) + other_bias[i];
        let gate = |i: usize| of_input(i) + of_state(i);
        let mut next = Vec::new();
        for (h, cell) in cell.iter_mut().enumerate() {
            next.push(if size.gates == 4 {
                let [i, f, o] = [0, 1, 3].map(|number| sigmoid(gate(number * hidden + h)));
                *cell = f * *cell + i * gate(2 * hidden + h).tanh();
                o * cell.tanh()
            } else {
                let [r, z] = [0, 1].map(|number| sigmoid(gate(number * hidden + h)));
                let n = (of_input(2 * hidden + h) + r * of_state(2 * hidden + h)).tanh();
                (one - z) * n + z * state[h]
            });
        }
        states[t] = next.clone();
        state = next;
    }
    states
}

/// (N, T, F), then four parameters a layer and direction, to (N, T, H · directions).
fn recurrent<'t>(numbers: &[Vec<Number<'t>>], size: Size) -> Vec<Number<'t>> {
    let mut result = Vec::new();
    for image in numbers[0].chunks(size.steps * size.features) {
        let mut rows: Vec<Vec<Number>> = image.chunks(size.features).map(<[_]>::to_vec).collect();
        for layer in numbers[1..].chunks(4 * size.directions) {
            let mut above = vec![Vec::new(); size.steps];
            for (number, parameters) in layer.chunks(4).enumerate() {
                let states = direction(&rows, parameters, size, number == 1);
                for (above, state) in above.iter_mut().zip(states) {
                    above.extend(state);
                }
            }
            rows = above;
        }
        result.extend(rows.concat());
    }
    result
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn lstms_and_grus_of_any_layers_directions_and_lengths_agree_with_the_reference(
        (n, steps, features) in (1..=10usize, prop_oneof![1 => Just(1), 2 => 2..=5usize], 1..=5usize),
        (hidden, layers, directions) in (1..=5usize, 1..=3usize, 1..=2usize),
        gates in 3..=4usize,
        seed: u64,
    ) {
        let size = Size { steps, features, hidden, directions, gates };
        let mut inputs = vec![draw(seed, "input", n * steps * features, 0.3, 1.0)];
        let mut shapes = Vec::new();
        for layer in (0..layers).flat_map(|layer| vec![layer; directions]) {
            for shape in size.shapes(layer) {
                let name = format!("parameter {}", inputs.len());
                inputs.push(draw(seed, &name, shape.iter().product(), 0.0, 0.7));
                shapes.push(shape);
            }
        }
        let factors = draw(seed, "factors", n * steps * hidden * directions, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| recurrent(numbers, size))?;
        let stack = |device: &Device, by: &dyn Fn(Direction) -> Box<dyn Operation>| {
            let vars: Vec<_> = inputs[1..].iter().zip(&shapes).map(|(x, shape)| var(x, shape, device)).collect();
            let mut all = vars.chunks(4).enumerate().map(|(i, vars)| {
                let [weight_ih, weight_hh, bias_ih, bias_hh] = [0, 1, 2, 3].map(|i| vars[i].clone());
                let reverse = i % directions == 1;
                by(Direction { weight_ih, weight_hh, bias_ih, bias_hh, reverse })
            });
            RecurrentStack { layers: (0..layers).map(|_| all.by_ref().take(directions).collect()).collect() }
        };
        let input = tensor(&inputs[0], &[n, steps, features]);
        let processors = stack(&Device::Cpu, &|direction| match gates {
            4 => Box::new(Lstm(direction)),
            _ => Box::new(Gru(direction)),
        });
        reference.check_operation("processor", &processors, &input, &factors)?;
        for (name, card) in cards() {
            let cards = stack(card, &|direction| match gates {
                4 => Box::new(On(Lstm(direction))),
                _ => Box::new(On(Gru(direction))),
            });
            reference.check_operation(name, &cards, &input.to_device(card).unwrap(), &factors)?;
        }
    }
}
