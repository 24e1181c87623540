//! Normalization, ReLU, max-pooling and dropout in one pass, as they follow a convolution, and batch norm alone.

use super::On;
use super::launch::{Launch, empty, floats};
use crate::nn::{Backward, BatchNorm, Dropout, Gradients, Mode, Operation, Stream};
use crate::run::Pair;
use candle_core::{DType, Result, Tensor, bail};

/// Numbers that one block adds up; few in tests, for sums of several blocks.
const CHUNK: usize = if cfg!(test) { 1 << 5 } else { 1 << 14 };
/// Parts of a sum; fixed by its length alone, so that every card adds up in the same order.
const MOST_CHUNKS: usize = 128;

/// Blocks that add up `count` numbers together.
pub(super) fn chunks(count: usize) -> usize {
    count.div_ceil(CHUNK).clamp(1, MOST_CHUNKS)
}

/// How the numbers that are normalized lie.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub images: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// (C, N, height, width), as a convolution's product gives them, else (N, C, height, width).
    pub by_channel: bool,
}

impl Planes {
    /// Numbers a channel has.
    pub fn count(&self) -> usize {
        self.images * self.height * self.width
    }

    fn ints(&self) -> [usize; 5] {
        [
            self.images,
            self.channels,
            self.height,
            self.width,
            usize::from(self.by_channel),
        ]
    }
}

/// The steps, each where it is.
pub(super) struct Tail<'a> {
    pub norm: Option<&'a BatchNorm>,
    pub relu: bool,
    /// Windows that do not overlap, 1 × 1 for none, at most 250 numbers each.
    pub window: Pair,
    pub dropout: Option<&'a Dropout>,
}

impl Tail<'_> {
    /// The result, (N, C, H, W), of `x` plus a number a channel, and in training what leads back.
    pub fn forward(
        &self,
        x: &Tensor,
        bias: &Tensor,
        planes: Planes,
        mode: Mode,
    ) -> Result<(Tensor, Option<Back>)> {
        let device = x.device();
        let table = self.table(x, bias, planes, mode)?;
        let (height, width) = (
            planes.height / self.window.height,
            planes.width / self.window.width,
        );
        let shape = (planes.images, planes.channels, height, width);
        let y = floats(shape, device)?;
        let codes = empty(shape, DType::U8, device)?;
        let dropout = match mode {
            Mode::Train { step } => self.dropout.map(|d| (d, d.stream.at(step))),
            Mode::Eval => None,
        };
        let draw = Draw::new(dropout);
        let pooled = [height, width, self.window.height, self.window.width];
        let threads = planes.images * planes.channels * height * width.div_ceil(4);
        let launch = Launch::each("tail", threads)
            .read(x)
            .read(&table)
            .write(&y)
            .write(&codes)
            .ints(planes.ints())
            .ints(pooled)
            .int(usize::from(self.relu))
            .int(usize::from(dropout.is_some()));
        draw.give(launch).run()?;
        let back = matches!(mode, Mode::Train { .. }).then(|| Back {
            x: x.clone(),
            table,
            codes,
            planes,
            pooled,
            keep: draw.keep,
            norm: self.norm.is_some(),
        });
        Ok((y, back))
    }

    /// What normalizes each channel, (4, C); in training the running statistics move.
    fn table(&self, x: &Tensor, bias: &Tensor, planes: Planes, mode: Mode) -> Result<Tensor> {
        let channels = planes.channels;
        let table = floats((4, channels), x.device())?;
        let Some(norm) = self.norm else {
            Launch::each("norm_of_none", channels)
                .read(bias)
                .write(&table)
                .int(channels)
                .run()?;
            return Ok(table);
        };
        if mode == Mode::Eval {
            Launch::each("norm_of_run", channels)
                .read(&norm.running_mean)
                .read(&norm.running_var)
                .read(bias)
                .read(&norm.weight)
                .read(&norm.bias)
                .write(&table)
                .int(channels)
                .double(norm.eps)
                .run()?;
            return Ok(table);
        }
        let count = planes.count();
        BatchNorm::check_count(count)?;
        let parts = moment_parts(x, bias, planes)?;
        Launch::each("norm_of_batch", channels)
            .read(&parts)
            .read(bias)
            .read(&norm.weight)
            .read(&norm.bias)
            .write(&norm.running_mean)
            .write(&norm.running_var)
            .write(&table)
            .ints([channels, chunks(count), count])
            .double(norm.eps)
            .double(norm.momentum)
            .run()?;
        Ok(table)
    }
}

/// The sum and the sum of squares of each channel's numbers plus its bias, (C, chunks, 2).
pub(super) fn moment_parts(x: &Tensor, bias: &Tensor, planes: Planes) -> Result<Tensor> {
    let chunks = chunks(planes.count());
    let parts = empty((planes.channels, chunks, 2), DType::F64, x.device())?;
    Launch::blocks("moment_parts", chunks, planes.channels)
        .read(x)
        .read(bias)
        .write(&parts)
        .ints([
            planes.images,
            planes.channels,
            planes.height * planes.width,
            usize::from(planes.by_channel),
        ])
        .run()?;
    Ok(parts)
}

/// What dropout draws by.
pub(super) struct Draw {
    threshold: u32,
    pub keep: f32,
    words: [u32; 4],
}

impl Draw {
    /// By a stream at its step; without dropout nothing is dropped and the rest is kept as it is.
    pub fn new(dropout: Option<(&Dropout, Stream)>) -> Draw {
        match dropout {
            Some((dropout, stream)) => Draw {
                threshold: u32::try_from(dropout.threshold()).unwrap_or(u32::MAX),
                keep: dropout.scale(),
                words: stream.words(),
            },
            None => Draw {
                threshold: 0,
                keep: 1.0,
                words: [0; 4],
            },
        }
    }

    /// The launch with the arguments that a kernel with dropout ends with.
    pub fn give<'a>(&self, launch: Launch<'a>) -> Launch<'a> {
        let launch = launch.word(self.threshold).float(self.keep);
        self.words.into_iter().fold(launch, Launch::word)
    }
}

/// The way back through a tail.
pub(super) struct Back {
    x: Tensor,
    table: Tensor,
    codes: Tensor,
    planes: Planes,
    /// Pooled height and width, the window's height and width.
    pooled: [usize; 4],
    keep: f32,
    norm: bool,
}

impl Back {
    /// The gradients by the tail's input, lying as that does, and by batch norm's scale and shift.
    pub fn backward(&self, gradient: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        let (device, channels) = (gradient.device(), self.planes.channels);
        let means = floats((2, channels), device)?;
        let mut parameters = Vec::new();
        if self.norm {
            let [height, width, ..] = self.pooled;
            let chunks = chunks(self.planes.images * height * width);
            let parts = empty((channels, chunks, 2), DType::F64, device)?;
            Launch::blocks("tail_parts", chunks, channels)
                .read(gradient)
                .read(&self.codes)
                .read(&self.x)
                .read(&self.table)
                .write(&parts)
                .ints(self.planes.ints())
                .ints(self.pooled)
                .float(self.keep)
                .run()?;
            let (by_weight, by_shift) = (floats(channels, device)?, floats(channels, device)?);
            Launch::each("tail_sums", channels)
                .read(&parts)
                .write(&by_weight)
                .write(&by_shift)
                .write(&means)
                .ints([channels, chunks, self.planes.count()])
                .run()?;
            parameters = vec![by_weight, by_shift];
        }
        let dx = floats(self.x.shape(), device)?;
        Launch::several("tail_back", dx.elem_count())
            .read(gradient)
            .read(&self.codes)
            .read(&self.x)
            .read(&self.table)
            .read(&means)
            .write(&dx)
            .ints(self.planes.ints())
            .ints(self.pooled)
            .float(self.keep)
            .int(usize::from(self.norm))
            .run()?;
        Ok((dx, parameters))
    }
}

impl Operation for On<BatchNorm> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let (images, channels, height, width) = match *input.dims() {
            [n, c] => (n, c, 1, 1),
            [n, c, h, w] => (n, c, h, w),
            _ => bail!(
                "normalization takes (N, C, H, W) or (N, F), not {:?}",
                input.dims()
            ),
        };
        let tail = Tail {
            norm: Some(&self.0),
            relu: false,
            window: Pair::both(1),
            dropout: None,
        };
        let planes = Planes {
            images,
            channels,
            height,
            width,
            by_channel: false,
        };
        let no_bias = Tensor::zeros(channels, DType::F32, input.device())?;
        let (y, back) = tail.forward(input, &no_bias, planes, mode)?;
        let back = back.map(|back| Box::new(NormBack(back)) as Box<dyn Backward>);
        Ok((y.reshape(input.shape())?, back))
    }
}

struct NormBack(Back);

impl Backward for NormBack {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let (dx, parameters) = self.0.backward(gradient)?;
        Ok(Gradients {
            input: input.then_some(dx),
            parameters,
        })
    }
}
