//! Convolution with what follows it; the convolution itself is done by way of its columns, or by cuDNN where the build has it.

use super::On;
use super::columns;
#[cfg(feature = "cudnn")]
use super::cudnn;
use super::launch::{Launch, floats};
use super::tail::{self, Planes, Tail, chunks, moment_parts};
use crate::nn::{Backward, ConvBlock, Gradients, Mode, Operation};
use crate::run::Pair;
use candle_core::{DType, Device, Result, Tensor, bail};

/// A convolution's sizes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sizes {
    pub images: usize,
    /// Input channels.
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub out: usize,
    pub kernel: (usize, usize),
    pub stride: (usize, usize),
    pub padding: (usize, usize),
    pub oh: usize,
    pub ow: usize,
    /// Whether cuDNN does it; else it goes by way of columns.
    by_cudnn: bool,
}

impl Sizes {
    fn new(block: &ConvBlock, input: &Tensor) -> Result<Sizes> {
        let (out, c, height, width) = block.weight.dims4()?;
        let (images, channels, h, w) = input.dims4()?;
        let (s, p) = (block.stride, block.padding);
        let fits = h + 2 * p.height >= height && w + 2 * p.width >= width;
        if channels != c || !fits || s.height * s.width == 0 {
            bail!(
                "a convolution of {c} channels and {height} × {width} pixels does not fit {:?}",
                input.dims()
            );
        }
        Ok(Sizes {
            images,
            c,
            h,
            w,
            out,
            kernel: (height, width),
            stride: (s.height, s.width),
            padding: (p.height, p.width),
            oh: (h + 2 * p.height - height) / s.height + 1,
            ow: (w + 2 * p.width - width) / s.width + 1,
            by_cudnn: cfg!(feature = "cudnn") && input.device().is_cuda(),
        })
    }

    /// How the output lies, for what follows the convolution.
    fn planes(&self) -> Planes {
        Planes {
            images: self.images,
            channels: self.out,
            height: self.oh,
            width: self.ow,
            by_channel: !self.by_cudnn,
        }
    }

    /// The output, as [`Sizes::planes`] says; the input is (N, C, H, W), the weight (out, C, height, width), and both are
    /// contiguous.
    fn forward(&self, input: &Tensor, weight: &Tensor) -> Result<Tensor> {
        match self.by_cudnn {
            #[cfg(feature = "cudnn")]
            true => cudnn::forward(self, input, weight),
            _ => columns::forward(self, input, weight),
        }
    }

    /// The gradient by the input, (N, C, H, W).
    fn by_input(&self, by_output: &Tensor, weight: &Tensor) -> Result<Tensor> {
        match self.by_cudnn {
            #[cfg(feature = "cudnn")]
            true => cudnn::by_input(self, by_output, weight),
            _ => columns::by_input(self, by_output, weight),
        }
    }

    /// The gradient by the weight, as many numbers as it has.
    fn by_weight(&self, by_output: &Tensor, input: &Tensor) -> Result<Tensor> {
        match self.by_cudnn {
            #[cfg(feature = "cudnn")]
            true => cudnn::by_weight(self, by_output, input),
            _ => columns::by_weight(self, by_output, input),
        }
    }
}

/// As many zeros as there are output channels.
fn zeros(out: usize, device: &Device) -> Result<Tensor> {
    Tensor::zeros(out, DType::F32, device)
}

impl Operation for On<ConvBlock> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let block = &self.0;
        let sizes = Sizes::new(block, input)?;
        let weight = block.weight.as_detached_tensor();
        let conv = sizes.forward(input, &weight)?;
        let bias = match &block.bias {
            Some(bias) => bias.as_detached_tensor(),
            None => zeros(sizes.out, input.device())?,
        };
        let tail = Tail {
            norm: block.norm.as_ref(),
            relu: block.relu,
            window: block.pool.unwrap_or(Pair::both(1)),
            dropout: block.dropout.as_ref(),
        };
        let (y, back) = tail.forward(&conv, &bias, sizes.planes(), mode)?;
        let back = back.map(|tail| {
            Box::new(Back {
                sizes,
                input: input.clone(),
                weight,
                bias: block.bias.is_some(),
                tail,
            }) as Box<dyn Backward>
        });
        Ok((y, back))
    }
}

struct Back {
    sizes: Sizes,
    input: Tensor,
    weight: Tensor,
    bias: bool,
    tail: tail::Back,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let sizes = &self.sizes;
        let (by_output, of_norm) = self.tail.backward(gradient)?;
        let by_weight = sizes.by_weight(&by_output, &self.input)?;
        let mut parameters = vec![by_weight.reshape(self.weight.shape())?];
        if self.bias {
            parameters.push(match of_norm.is_empty() {
                true => channel_sums(&by_output, sizes)?,
                // The mean is subtracted, and any bias with it.
                false => zeros(sizes.out, gradient.device())?,
            });
        }
        parameters.extend(of_norm);
        let input = match input {
            true => Some(sizes.by_input(&by_output, &self.weight)?),
            false => None,
        };
        Ok(Gradients { input, parameters })
    }
}

/// Each output channel's sum.
fn channel_sums(by_output: &Tensor, sizes: &Sizes) -> Result<Tensor> {
    let planes = sizes.planes();
    let parts = moment_parts(by_output, &zeros(sizes.out, by_output.device())?, planes)?;
    let sums = floats(sizes.out, by_output.device())?;
    Launch::each("channel_sums", sizes.out)
        .read(&parts)
        .write(&sums)
        .ints([sizes.out, chunks(planes.count())])
        .run()?;
    Ok(sums)
}
