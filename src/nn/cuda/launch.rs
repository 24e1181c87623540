//! The one way to start a kernel: its name, its threads, its arguments in order.

use super::source::{Parameter, parameters};
use candle_core::{DType, Device, Result, Shape, Tensor, bail};

/// Threads a block; the kernels know it as `THREADS`.
pub(super) const THREADS: usize = 256;

/// Numbers that a thread goes through of which one for each would be too short; the kernels know it by this name.
const NUMBERS_A_THREAD: usize = 8;

/// The largest size or place: 2³¹, and some room for the last block's threads and the ends of chunks beyond it.
const MOST: usize = (1 << 31) - (1 << 24);

/// A kernel with its arguments.
///
/// ```text
/// Launch::each("relu", n).read(&x).write(&y).int(n).run()?;
/// ```
pub(super) struct Launch<'a> {
    pub kernel: &'static str,
    /// Blocks of [`THREADS`] threads, across and down.
    pub grid: (usize, usize),
    pub arguments: Vec<Argument<'a>>,
}

/// What a kernel is given in one place.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(any(feature = "cuda", test)),
    expect(dead_code, reason = "only what runs a kernel reads its numbers")
)]
pub(super) enum Argument<'a> {
    Read(&'a Tensor),
    Write(&'a Tensor),
    Int(usize),
    Word(u32),
    Float(f32),
    Double(f64),
}

impl<'a> Launch<'a> {
    /// One thread for each of `n` numbers.
    pub fn each(kernel: &'static str, n: usize) -> Self {
        Self::blocks(kernel, n.div_ceil(THREADS), 1)
    }

    /// One thread for each [`NUMBERS_A_THREAD`] of `n` numbers.
    pub fn several(kernel: &'static str, n: usize) -> Self {
        Self::blocks(kernel, n.div_ceil(NUMBERS_A_THREAD * THREADS), 1)
    }

    /// A grid of blocks whose threads work together.
    pub fn blocks(kernel: &'static str, across: usize, down: usize) -> Self {
        Launch {
            kernel,
            grid: (across, down),
            arguments: Vec::new(),
        }
    }

    fn with(mut self, argument: Argument<'a>) -> Self {
        self.arguments.push(argument);
        self
    }

    /// A tensor that the kernel reads.
    pub fn read(self, tensor: &'a Tensor) -> Self {
        self.with(Argument::Read(tensor))
    }

    /// A tensor that the kernel writes, or changes.
    pub fn write(self, tensor: &'a Tensor) -> Self {
        self.with(Argument::Write(tensor))
    }

    /// A size or a place; one beyond 2³¹ is an error.
    pub fn int(self, number: usize) -> Self {
        self.with(Argument::Int(number))
    }

    /// Sizes or places in their order.
    pub fn ints(self, numbers: impl IntoIterator<Item = usize>) -> Self {
        numbers.into_iter().fold(self, Self::int)
    }

    /// 32 bits.
    pub fn word(self, word: u32) -> Self {
        self.with(Argument::Word(word))
    }

    pub fn float(self, number: f32) -> Self {
        self.with(Argument::Float(number))
    }

    pub fn double(self, number: f64) -> Self {
        self.with(Argument::Double(number))
    }

    /// Starts the kernel on the device that its tensors are on. On a card it is done when something that comes later is.
    pub fn run(self) -> Result<()> {
        self.check()?;
        if self.grid.0 == 0 || self.grid.1 == 0 {
            return Ok(());
        }
        match self.tensors().next().map(Tensor::device) {
            #[cfg(feature = "cuda")]
            Some(Device::Cuda(device)) => super::executor::launch(device, &self),
            #[cfg(test)]
            Some(Device::Cpu) => super::emulator::launch(&self),
            _ => bail!("the kernel {} can run on a card only", self.kernel),
        }
    }

    fn tensors(&self) -> impl Iterator<Item = &'a Tensor> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Read(tensor) | Argument::Write(tensor) => Some(*tensor),
            _ => None,
        })
    }

    /// Refuses arguments that are not those of the kernel's declaration, and sizes that do not fit into 31 bits.
    fn check(&self) -> Result<()> {
        let kernel = self.kernel;
        let Some(parameters) = parameters(kernel) else {
            bail!("there is no kernel {kernel}")
        };
        if parameters.len() != self.arguments.len() {
            bail!(
                "the kernel {kernel} takes {} arguments, not {}",
                parameters.len(),
                self.arguments.len()
            );
        }
        for (place, (argument, parameter)) in self.arguments.iter().zip(parameters).enumerate() {
            let (given, most) = match argument {
                Argument::Read(tensor) => (Parameter::Read(tensor.dtype()), tensor.elem_count()),
                Argument::Write(tensor) => (Parameter::Write(tensor.dtype()), tensor.elem_count()),
                Argument::Int(number) => (Parameter::Int, *number),
                Argument::Word(_) => (Parameter::Word, 0),
                Argument::Float(_) => (Parameter::Float, 0),
                Argument::Double(_) => (Parameter::Double, 0),
            };
            if Some(given) != *parameter {
                bail!(
                    "argument {place} of the kernel {kernel} is {given:?}, and it takes {parameter:?}"
                );
            }
            if most > MOST {
                bail!("a tensor of {most} numbers is too large for a card: lower the batch size");
            }
        }
        let first = self.tensors().next();
        if self
            .tensors()
            .any(|tensor| !tensor.is_contiguous() || !same(tensor, first))
        {
            bail!("the kernel {kernel} takes contiguous tensors of one device");
        }
        if self.grid.0 > MOST || self.grid.1 > 65_535 {
            bail!("the kernel {kernel} cannot have {:?} blocks", self.grid);
        }
        Ok(())
    }
}

/// Whether a tensor is on the device of another.
fn same(tensor: &Tensor, other: Option<&Tensor>) -> bool {
    other.is_none_or(|other| tensor.device().same_device(other.device()))
}

/// A tensor for a kernel to write every number of: what it holds before that is nothing.
pub(super) fn empty(shape: impl Into<Shape>, dtype: DType, device: &Device) -> Result<Tensor> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::executor::empty(shape.into(), dtype, device),
        #[cfg(test)]
        Device::Cpu => super::emulator::empty(shape.into(), dtype, device),
        _ => Tensor::zeros(shape, dtype, device),
    }
}

/// As [`empty`], in float32.
pub(super) fn floats(shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
    empty(shape, DType::F32, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_in_another_order_or_of_another_kind_are_refused() {
        let numbers = |dtype| Tensor::zeros(3, dtype, &Device::Cpu).unwrap();
        let (x, y) = (numbers(DType::F32), numbers(DType::F32));
        let launch = |name| Launch::each(name, 3);
        launch("relu").read(&x).write(&y).int(3).run().unwrap();
        for wrong in [
            launch("relu").write(&x).read(&y).int(3),
            launch("relu").read(&x).write(&y),
            launch("relu").read(&numbers(DType::F64)).write(&y).int(3),
            launch("relu").read(&x).write(&y).float(3.0),
            launch("relu").read(&x).write(&y).int(1 << 31),
            launch("no such kernel").read(&x).write(&y).int(3),
        ] {
            assert!(wrong.run().is_err());
        }
    }
}
