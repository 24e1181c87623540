//! Group normalization.

use super::On;
use super::launch::{Launch, empty, floats};
use crate::nn::batch_norm::extent;
use crate::nn::{Backward, Gradients, GroupNorm, Mode, Operation};
use candle_core::{DType, Result, Tensor};

/// How an input is divided.
#[derive(Clone, Copy)]
struct Sizes {
    /// All numbers.
    n: usize,
    images: usize,
    channels: usize,
    groups: usize,
    /// Numbers of a channel in an image.
    size: usize,
}

impl Sizes {
    /// Channels of a group.
    fn of_group(&self) -> usize {
        self.channels / self.groups
    }

    /// Numbers of a group in an image.
    fn length(&self) -> usize {
        self.of_group() * self.size
    }

    fn ints(&self) -> [usize; 4] {
        [self.n, self.channels, self.size, self.length()]
    }
}

impl Operation for On<GroupNorm> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let norm = &self.0;
        let (images, channels, size) = extent(input)?;
        let sizes = Sizes {
            n: input.elem_count(),
            images,
            channels,
            groups: norm.groups,
            size,
        };
        let statistics = floats((images * norm.groups, 2), input.device())?;
        Launch::blocks("group_statistics", images * norm.groups, 1)
            .read(input)
            .write(&statistics)
            .int(sizes.length())
            .double(norm.eps)
            .run()?;
        let y = floats(input.shape(), input.device())?;
        Launch::each("group_norm", sizes.n)
            .read(input)
            .read(&statistics)
            .read(&norm.weight)
            .read(&norm.bias)
            .write(&y)
            .ints(sizes.ints())
            .run()?;
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                sizes,
                input: input.clone(),
                statistics,
                weight: norm.weight.as_detached_tensor(),
            })),
            Mode::Eval => None,
        };
        Ok((y, back))
    }
}

struct Back {
    sizes: Sizes,
    input: Tensor,
    /// Mean and 1 / deviation of each image's groups.
    statistics: Tensor,
    weight: Tensor,
}

impl Back {
    /// 1/σ · (γ g − mean(γ g) − x̂ · mean(γ g x̂)), from each image's and channel's sums of g and g x̂.
    fn by_input(&self, gradient: &Tensor, parts: &Tensor) -> Result<Tensor> {
        let sizes = &self.sizes;
        let groups = sizes.images * sizes.groups;
        let means = floats((groups, 2), gradient.device())?;
        Launch::each("group_means", groups)
            .read(parts)
            .read(&self.weight)
            .write(&means)
            .ints([groups, sizes.groups, sizes.of_group(), sizes.length()])
            .run()?;
        let dx = floats(self.input.shape(), gradient.device())?;
        Launch::each("group_back", sizes.n)
            .read(&self.input)
            .read(gradient)
            .read(&self.statistics)
            .read(&means)
            .read(&self.weight)
            .write(&dx)
            .ints(sizes.ints())
            .run()?;
        Ok(dx)
    }
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let Sizes {
            images,
            channels,
            size,
            ..
        } = self.sizes;
        let device = gradient.device();
        let parts = empty((images * channels, 2), DType::F64, device)?;
        Launch::blocks("group_parts", images * channels, 1)
            .read(&self.input)
            .read(gradient)
            .read(&self.statistics)
            .write(&parts)
            .ints([size, self.sizes.length()])
            .run()?;
        let (by_weight, by_shift) = (floats(channels, device)?, floats(channels, device)?);
        Launch::each("group_sums", channels)
            .read(&parts)
            .write(&by_weight)
            .write(&by_shift)
            .ints([images, channels])
            .run()?;
        Ok(Gradients {
            input: match input {
                true => Some(self.by_input(gradient, &parts)?),
                false => None,
            },
            parameters: vec![by_weight, by_shift],
        })
    }
}
