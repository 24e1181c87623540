//! Long short-term memory and gated recurrent units, one layer and direction each: one product for what the input gives to
//! the gates of all steps, then a product and a kernel a step.

use super::On;
use super::column_sums::column_sums;
use super::launch::{Launch, floats};
use crate::nn::recurrence::order;
use crate::nn::{Backward, Direction, Gradients, Gru, Lstm, Mode, Operation};
use candle_core::{DType, Result, Tensor};

type Output = Result<(Tensor, Option<Box<dyn Backward>>)>;

/// What a pass through time works with.
#[derive(Clone)]
struct Pass {
    /// (N · T, F).
    x: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    images: usize,
    steps: usize,
    features: usize,
    hidden: usize,
    reverse: bool,
}

impl Pass {
    fn new(direction: &Direction, input: &Tensor) -> Result<Pass> {
        let (images, steps, features) = input.dims3()?;
        Ok(Pass {
            x: input.reshape((images * steps, features))?,
            weight_ih: direction.weight_ih.as_detached_tensor(),
            weight_hh: direction.weight_hh.as_detached_tensor(),
            images,
            steps,
            features,
            hidden: direction.weight_hh.dim(1)?,
            reverse: direction.reverse,
        })
    }

    /// Images, steps, numbers of the state.
    fn sizes(&self) -> [usize; 3] {
        [self.images, self.steps, self.hidden]
    }

    /// A tensor of `wide` numbers a unit for each image.
    fn zeros(&self, wide: usize) -> Result<Tensor> {
        Tensor::zeros(
            (self.images, wide * self.hidden),
            DType::F32,
            self.x.device(),
        )
    }

    /// A tensor of `wide` numbers a unit for each image and step, to be written.
    fn through_time(&self, wide: usize) -> Result<Tensor> {
        floats(
            (self.images, self.steps, wide * self.hidden),
            self.x.device(),
        )
    }

    /// What the input gives to the gates of every step, (N · T, G H).
    fn of_input(&self) -> Result<Tensor> {
        self.x.matmul(&self.weight_ih.t()?)
    }

    fn cells(&self, kernel: &'static str) -> Launch<'_> {
        Launch::each(kernel, self.images * self.hidden)
    }

    /// The state before each step, (N · T, H).
    fn states_before(&self, output: &Tensor) -> Result<Tensor> {
        let states = floats((self.images * self.steps, self.hidden), output.device())?;
        let n = states.elem_count();
        Launch::each("states_before", n)
            .read(output)
            .write(&states)
            .ints([n, self.steps, self.hidden, usize::from(self.reverse)])
            .run()?;
        Ok(states)
    }

    /// The gradients, from those by what the input and what the state give to each gate, (N · T, G H) both.
    fn gradients(
        &self,
        by_input: &Tensor,
        by_state: &Tensor,
        states: &Tensor,
        biases: [Tensor; 2],
        input: bool,
    ) -> Result<Gradients> {
        let mut parameters = vec![
            by_input.t()?.matmul(&self.x)?,
            by_state.t()?.matmul(states)?,
        ];
        parameters.extend(biases);
        let input = match input {
            true => Some(by_input.matmul(&self.weight_ih)?.reshape((
                self.images,
                self.steps,
                self.features,
            ))?),
            false => None,
        };
        Ok(Gradients { input, parameters })
    }
}

impl Operation for On<Lstm> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Output {
        let direction = &self.0.0;
        let pass = Pass::new(direction, input)?;
        let gates = pass.of_input()?;
        let bias = (direction.bias_ih.as_tensor() + direction.bias_hh.as_tensor())?.detach();
        let (cells, output) = (pass.through_time(1)?, pass.through_time(1)?);
        let state = pass.zeros(1)?;
        let mut recurrent = pass.zeros(4)?;
        for (t, before) in order(pass.steps, pass.reverse) {
            if before.is_some() {
                recurrent = state.matmul(&pass.weight_hh.t()?)?;
            }
            pass.cells("lstm_cell")
                .write(&gates)
                .read(&recurrent)
                .read(&bias)
                .write(&cells)
                .write(&output)
                .write(&state)
                .ints(pass.sizes())
                .ints([t, before.unwrap_or(t)])
                .run()?;
        }
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(LstmBack {
                pass,
                gates,
                cells,
                output: output.clone(),
            })),
            Mode::Eval => None,
        };
        Ok((output, back))
    }
}

struct LstmBack {
    pass: Pass,
    /// Activations of i, f, g, o: (N · T, 4 H).
    gates: Tensor,
    /// (N, T, H).
    cells: Tensor,
    output: Tensor,
}

impl Backward for LstmBack {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let (pass, gates) = (&self.pass, &self.gates);
        let (mut d_state, d_cell, d_gates) = (pass.zeros(1)?, pass.zeros(1)?, pass.zeros(4)?);
        for (t, before) in order(pass.steps, pass.reverse).rev() {
            pass.cells("lstm_cell_back")
                .write(gates)
                .read(&self.cells)
                .read(gradient)
                .read(&d_state)
                .write(&d_cell)
                .write(&d_gates)
                .ints(pass.sizes())
                .ints([t, before.unwrap_or(t)])
                .run()?;
            if before.is_some() {
                d_state = d_gates.matmul(&pass.weight_hh)?;
            }
        }
        let bias = column_sums(gates)?;
        let states = pass.states_before(&self.output)?;
        // Each parameter has a gradient of its own, that a step may change in place.
        pass.gradients(gates, gates, &states, [bias.copy()?, bias], input)
    }
}

impl Operation for On<Gru> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Output {
        let direction = &self.0.0;
        let pass = Pass::new(direction, input)?;
        let gates = pass.of_input()?;
        let (shares, output) = (pass.through_time(1)?, pass.through_time(1)?);
        let state = pass.zeros(1)?;
        let mut recurrent = pass.zeros(3)?;
        for (t, before) in order(pass.steps, pass.reverse) {
            if before.is_some() {
                recurrent = state.matmul(&pass.weight_hh.t()?)?;
            }
            pass.cells("gru_cell")
                .write(&gates)
                .read(&recurrent)
                .read(&direction.bias_ih)
                .read(&direction.bias_hh)
                .write(&shares)
                .write(&output)
                .write(&state)
                .ints(pass.sizes())
                .int(t)
                .run()?;
        }
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(GruBack {
                pass,
                gates,
                shares,
                output: output.clone(),
            })),
            Mode::Eval => None,
        };
        Ok((output, back))
    }
}

struct GruBack {
    pass: Pass,
    /// Activations of r, z, n: (N · T, 3 H).
    gates: Tensor,
    /// What the state gives to n before r scales it, (N, T, H).
    shares: Tensor,
    output: Tensor,
}

impl Backward for GruBack {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let (pass, gates) = (&self.pass, &self.gates);
        let states = pass.states_before(&self.output)?;
        let by_state = floats(gates.shape(), gates.device())?;
        let (mut through, d_state, d_gates) = (pass.zeros(1)?, pass.zeros(1)?, pass.zeros(3)?);
        for (t, before) in order(pass.steps, pass.reverse).rev() {
            pass.cells("gru_cell_back")
                .write(gates)
                .write(&by_state)
                .read(&self.shares)
                .read(&states)
                .read(gradient)
                .read(&through)
                .write(&d_state)
                .write(&d_gates)
                .ints(pass.sizes())
                .int(t)
                .run()?;
            if before.is_some() {
                through = d_gates.matmul(&pass.weight_hh)?;
            }
        }
        let biases = [column_sums(gates)?, column_sums(&by_state)?];
        pass.gradients(gates, &by_state, &states, biases, input)
    }
}
