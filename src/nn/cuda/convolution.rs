//! Convolution as a matrix product of its weights and the columns that they meet, with what follows it.

use super::On;
use super::launch::{Launch, floats};
use super::tail::{self, Planes, Tail, chunks, moment_parts};
use crate::nn::{Backward, ConvBlock, Gradients, Mode, Operation};
use crate::run::Pair;
use candle_core::{DType, Device, Result, Tensor, bail};

/// Numbers that the columns may take at once, 256 MiB: a larger batch goes through in parts. Few in tests, for these parts.
const MOST_COLUMNS: usize = if cfg!(test) { 1 << 10 } else { 1 << 26 };

/// A convolution's sizes.
#[derive(Clone, Copy)]
struct Sizes {
    images: usize,
    /// Input channels.
    c: usize,
    h: usize,
    w: usize,
    out: usize,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    oh: usize,
    ow: usize,
    /// Images whose columns are made at once.
    at_once: usize,
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
        let oh = (h + 2 * p.height - height) / s.height + 1;
        let ow = (w + 2 * p.width - width) / s.width + 1;
        let at_once = (MOST_COLUMNS / (c * height * width * oh * ow)).clamp(1, images.max(1));
        Ok(Sizes {
            images,
            c,
            h,
            w,
            out,
            kernel: Pair { height, width },
            stride: s,
            padding: p,
            oh,
            ow,
            at_once,
        })
    }

    /// Rows of the columns: weights of one output channel.
    fn depth(&self) -> usize {
        self.c * self.kernel.height * self.kernel.width
    }

    /// Parts of the batch: the first image of each, and how many it has.
    fn parts(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (images, at_once) = (self.images, self.at_once);
        (0..images)
            .step_by(at_once)
            .map(move |first| (first, at_once.min(images - first)))
    }

    fn ints(&self, (first, images): (usize, usize)) -> [usize; 13] {
        let (k, s, p) = (self.kernel, self.stride, self.padding);
        [
            first, images, self.c, self.h, self.w, self.oh, self.ow, k.height, k.width, s.height,
            s.width, p.height, p.width,
        ]
    }

    /// (depth, images · oh · ow) of some images.
    fn columns(&self, input: &Tensor, part: (usize, usize)) -> Result<Tensor> {
        let columns = floats((self.depth(), part.1 * self.oh * self.ow), input.device())?;
        Launch::each("columns", columns.elem_count())
            .read(input)
            .write(&columns)
            .ints(self.ints(part))
            .run()?;
        Ok(columns)
    }

    fn planes(&self) -> Planes {
        Planes {
            images: self.images,
            channels: self.out,
            height: self.oh,
            width: self.ow,
            by_channel: true,
        }
    }

    /// A part's share of numbers that lie as (out, images · oh · ow).
    fn narrow(&self, whole: &Tensor, (first, images): (usize, usize)) -> Result<Tensor> {
        if images == self.images {
            return Ok(whole.clone());
        }
        let pixels = self.oh * self.ow;
        whole
            .narrow(1, first * pixels, images * pixels)?
            .contiguous()
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
        let weight = block
            .weight
            .as_detached_tensor()
            .reshape((sizes.out, sizes.depth()))?;
        let products = sizes
            .parts()
            .map(|part| weight.matmul(&sizes.columns(input, part)?))
            .collect::<Result<Vec<_>>>()?;
        let conv = match products.as_slice() {
            [whole] => whole.clone(),
            parts => Tensor::cat(parts, 1)?,
        };
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
                shape: block.weight.dims().to_vec(),
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
    /// (out, depth).
    weight: Tensor,
    /// The weight's own.
    shape: Vec<usize>,
    bias: bool,
    tail: tail::Back,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let sizes = &self.sizes;
        let device = gradient.device();
        let (by_conv, of_norm) = self.tail.backward(gradient)?;
        let by_conv = by_conv.reshape((sizes.out, sizes.planes().count()))?;
        let by_input = match input {
            true => Some(floats(self.input.shape(), device)?),
            false => None,
        };
        let mut by_weight: Option<Tensor> = None;
        for part in sizes.parts() {
            let by_conv = sizes.narrow(&by_conv, part)?;
            let columns = sizes.columns(&self.input, part)?;
            let of_part = by_conv.matmul(&columns.t()?)?;
            by_weight = Some(match by_weight {
                Some(sum) => (sum + of_part)?,
                None => of_part,
            });
            if let Some(by_input) = &by_input {
                let columns = self.weight.t()?.matmul(&by_conv)?;
                Launch::each("from_columns", part.1 * sizes.c * sizes.h * sizes.w)
                    .read(&columns)
                    .write(by_input)
                    .ints(sizes.ints(part))
                    .run()?;
            }
        }
        let Some(by_weight) = by_weight else {
            bail!("a convolution went back through a batch of no images")
        };
        let mut parameters = vec![by_weight.reshape(self.shape.as_slice())?];
        if self.bias {
            parameters.push(match of_norm.is_empty() {
                true => channel_sums(&by_conv, sizes)?,
                // The mean is subtracted, and any bias with it.
                false => zeros(sizes.out, device)?,
            });
        }
        parameters.extend(of_norm);
        Ok(Gradients {
            input: by_input,
            parameters,
        })
    }
}

/// Each output channel's sum.
fn channel_sums(by_conv: &Tensor, sizes: &Sizes) -> Result<Tensor> {
    let planes = sizes.planes();
    let parts = moment_parts(by_conv, &zeros(sizes.out, by_conv.device())?, planes)?;
    let sums = floats(sizes.out, by_conv.device())?;
    Launch::each("channel_sums", sizes.out)
        .read(&parts)
        .write(&sums)
        .ints([sizes.out, chunks(planes.count())])
        .run()?;
    Ok(sums)
}
