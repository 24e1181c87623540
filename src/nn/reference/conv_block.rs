//! A convolution with what follows it by the definition of each, and the fused blocks of every instruction set.

use super::batch_norm::{EPS, batch_norm};
use super::tape::Number;
use super::{Inputs, MODE, Reference, cards, config, draw, tensor, var};
use crate::nn::cuda::On;
use crate::nn::kernel::Kernels;
use crate::nn::{
    BatchNorm, ConvBlock, Dropout, Mode, Operation, Stream, Unblock, from_vec, values,
};
use crate::run::Pair;
use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;

/// What is drawn for a case.
#[derive(Clone, Debug)]
struct Case {
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    out: usize,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    bias: bool,
    norm: bool,
    relu: bool,
    pool: Option<Pair>,
    /// True: the input comes in blocks of sixteen channels.
    blocked: bool,
    seed: u64,
}

impl Case {
    fn conv_size(&self) -> Option<(usize, usize)> {
        let size = |n: usize, kernel: usize, stride: usize, padding: usize| {
            Some((n + 2 * padding).checked_sub(kernel)? / stride + 1)
        };
        Some((
            size(
                self.h,
                self.kernel.height,
                self.stride.height,
                self.padding.height,
            )?,
            size(
                self.w,
                self.kernel.width,
                self.stride.width,
                self.padding.width,
            )?,
        ))
    }

    /// Height and width of the result; none where the kernel or a window does not fit.
    fn size(&self) -> Option<(usize, usize)> {
        let (oh, ow) = self.conv_size()?;
        let window = self.pool.unwrap_or(Pair::both(1));
        let (h, w) = (oh / window.height, ow / window.width);
        // A variance of two or three numbers bends too sharply for finite differences.
        let enough = !self.norm || self.n * oh * ow >= 6;
        (h > 0 && w > 0 && enough).then_some((h, w))
    }

    /// Images and weights, then as far as the case has them bias, scale and shift.
    fn inputs(&self) -> Inputs {
        let patch = self.c * self.kernel.height * self.kernel.width;
        let draw = |name, count, offset, scale| draw(self.seed, name, count, offset, scale);
        let bound = 1.0 / (patch as f64).sqrt();
        let mut inputs = vec![
            draw("images", self.n * self.c * self.h * self.w, 0.3, 1.0),
            draw("weight", self.out * patch, 0.0, bound),
        ];
        inputs.extend(self.bias.then(|| draw("bias", self.out, 0.0, 0.5)));
        if self.norm {
            inputs.push(draw("scale", self.out, 1.0, 0.5));
            inputs.push(draw("shift", self.out, 0.2, 0.5));
        }
        inputs
    }

    /// The convolution alone: Σ weight · pixel over the kernel, pixels beyond the image being zero.
    fn convolution<'t>(
        &self,
        x: &[Number<'t>],
        weight: &[Number<'t>],
        bias: Option<&Vec<Number<'t>>>,
    ) -> Vec<Number<'t>> {
        let (oh, ow) = self.conv_size().unwrap();
        let (k, s, p) = (self.kernel, self.stride, self.padding);
        let place = |i: usize, h: usize, w: usize| (i / (h * w), i / w % h, i % w);
        let value = |i: usize| {
            let (image_channel, oy, ox) = place(i, oh, ow);
            let (n, o) = (image_channel / self.out, image_channel % self.out);
            let patch = self.c * k.height * k.width;
            let products = (0..patch).filter_map(|j| {
                let (c, ky, kx) = place(j, k.height, k.width);
                let row = (oy * s.height + ky).checked_sub(p.height)?;
                let col = (ox * s.width + kx).checked_sub(p.width)?;
                let inside = row < self.h && col < self.w;
                let pixel = ((n * self.c + c) * self.h + row) * self.w + col;
                inside.then(|| weight[o * patch + j] * x[pixel])
            });
            let y = Number::sum(products);
            bias.map_or(y, |bias| y + bias[o])
        };
        (0..self.n * self.out * oh * ow).map(value).collect()
    }

    /// The whole block.
    fn formula<'t>(&self, inputs: &[Vec<Number<'t>>]) -> Vec<Number<'t>> {
        let (oh, ow) = self.conv_size().unwrap();
        let bias = self.bias.then(|| &inputs[2]);
        let mut y = self.convolution(&inputs[0], &inputs[1], bias);
        if self.norm {
            let [.., scale, shift] = inputs else {
                panic!("scale and shift")
            };
            y = batch_norm(&y, scale, shift, oh * ow);
        }
        if self.relu {
            y = y.into_iter().map(Number::relu).collect();
        }
        let window = self.pool.unwrap_or(Pair::both(1));
        let (h, w) = self.size().unwrap();
        let pooled = |i: usize| {
            let (plane, py, px) = (i / (h * w), i / w % h, i % w);
            let cells = (0..window.height * window.width).map(|j| {
                let row = py * window.height + j / window.width;
                y[(plane * oh + row) * ow + px * window.width + j % window.width]
            });
            Number::maximum(cells)
        };
        (0..self.n * self.out * h * w).map(pooled).collect()
    }

    /// The block with its parameters on a device.
    fn block(&self, inputs: &Inputs, device: &Device) -> ConvBlock {
        let k = self.kernel;
        let weight = var(&inputs[1], &[self.out, self.c, k.height, k.width], device);
        let mut vectors = inputs[2..]
            .iter()
            .map(|numbers| var(numbers, &[self.out], device));
        let mut next = || vectors.next().unwrap();
        let zeros = || Var::zeros(self.out, DType::F32, device).unwrap();
        let bias = self.bias.then(&mut next);
        let mut block = ConvBlock::new(weight, bias, self.stride, self.padding);
        block.norm = self.norm.then(|| BatchNorm {
            weight: next(),
            bias: next(),
            running_mean: zeros(),
            running_var: zeros(),
            eps: EPS,
            momentum: 0.1,
        });
        block.relu = self.relu;
        block.pool = self.pool;
        block
    }

    /// The processor's result and gradients in the inputs' order.
    fn fast(
        &self,
        kernels: &'static Kernels,
        inputs: &Inputs,
        factors: &[f64],
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let mut block = self.block(inputs, &Device::Cpu);
        block.kernels = kernels;
        let (h, w) = self.size().unwrap();
        let mut images = tensor(&inputs[0], &[self.n, self.c, self.h, self.w]);
        if self.blocked {
            images = to_blocks(&images);
        }
        let (y, back) = block.forward(&images, MODE).unwrap();
        let gradient = to_blocks(&tensor(factors, &[self.n, self.out, h, w]));
        let gradients = back.unwrap().backward(&gradient, true).unwrap();
        let mut by_images = gradients.input.unwrap();
        if self.blocked {
            by_images = to_planes(&by_images, self.c);
        }
        let all = [by_images].into_iter().chain(gradients.parameters);
        (
            values(&to_planes(&y, self.out)).unwrap(),
            all.map(|gradient| values(&gradient).unwrap()).collect(),
        )
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let inputs = self.inputs();
        let (h, w) = self.size().unwrap();
        let factors = draw(self.seed, "factors", self.n * self.out * h * w, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| self.formula(numbers))?;
        for kernels in Kernels::all() {
            let (result, gradients) = self.fast(kernels, &inputs, &factors);
            reference.check(kernels.name, &result, &gradients)?;
        }
        let images = tensor(&inputs[0], &[self.n, self.c, self.h, self.w]);
        for (name, card) in cards() {
            let block = On(self.block(&inputs, card));
            let images = images.to_device(card).unwrap();
            reference.check_operation(name, &block, &images, &factors)?;
        }
        Ok(())
    }
}

/// (N, C, H, W) in blocks of sixteen channels.
fn to_blocks(planes: &Tensor) -> Tensor {
    let (n, channels, h, w) = planes.dims4().unwrap();
    let shape = (n, channels.div_ceil(16), h, w, 16);
    let zeros = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let (_, back) = Unblock { channels }.forward(&zeros, MODE).unwrap();
    back.unwrap().backward(planes, true).unwrap().input.unwrap()
}

/// Blocks of sixteen channels as (N, `channels`, H, W).
fn to_planes(blocks: &Tensor, channels: usize) -> Tensor {
    Unblock { channels }.forward(blocks, MODE).unwrap().0
}

fn cases() -> impl Strategy<Value = Case> {
    let pair =
        |most: usize| (1..=most, 1..=most).prop_map(|(height, width)| Pair { height, width });
    let padding = (0..=3usize, 0..=3usize).prop_map(|(height, width)| Pair { height, width });
    let sizes = (1..=3usize, 1..=18usize, 1..=7usize, 1..=9usize, 1..=34usize);
    let flags = (
        any::<[bool; 4]>(),
        proptest::option::of(pair(3)),
        any::<u64>(),
    );
    (sizes, pair(4), pair(3), padding, flags)
        .prop_map(
            |((n, c, h, w, out), kernel, stride, padding, (flags, pool, seed))| Case {
                n,
                c,
                h,
                w,
                out,
                kernel,
                stride,
                padding,
                bias: flags[0],
                norm: flags[1],
                relu: flags[2],
                blocked: flags[3],
                pool,
                seed,
            },
        )
        .prop_filter("a kernel that fits", |case| case.size().is_some())
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn blocks_agree_with_the_reference_on_every_instruction_set_and_on_cards(case in cases()) {
        case.check()?;
    }
}

#[test]
fn dropout_in_a_block_drops_its_share_and_passes_a_gradient_exactly_where_it_kept() {
    let weight = Var::from_tensor(&from_vec(vec![1.0; 16], (16, 1, 1, 1)).unwrap()).unwrap();
    let mut block = ConvBlock::new(weight, None, Pair::both(1), Pair::both(0));
    block.dropout = Some(Dropout {
        p: 0.25,
        stream: Stream::new(1, "dropout"),
    });
    let images = from_vec(vec![1.0; 2 * 50 * 70], (2, 1, 50, 70)).unwrap();
    let (y, back) = block.forward(&images, Mode::Train { step: 3 }).unwrap();
    let kept = values(&y).unwrap();
    assert!(
        kept.iter()
            .all(|&y| y == 0.0 || (y - 4.0 / 3.0).abs() < 1e-6)
    );
    let share = kept.iter().filter(|&&y| y == 0.0).count() as f64 / kept.len() as f64;
    assert!((share - 0.25).abs() < 0.01, "{share}");
    let gradient = Tensor::ones_like(&y).unwrap();
    let dx = values(
        &back
            .unwrap()
            .backward(&gradient, true)
            .unwrap()
            .input
            .unwrap(),
    )
    .unwrap();
    let expected: f32 = kept[..16].iter().sum();
    assert!((dx[0] - expected).abs() < 1e-4);
    let (other, _) = block.forward(&images, Mode::Train { step: 4 }).unwrap();
    assert_ne!(values(&other).unwrap(), kept);
    let (whole, _) = block.forward(&images, Mode::Eval).unwrap();
    assert!(values(&whole).unwrap().iter().all(|&y| y == 1.0));
}

#[test]
fn dropout_in_a_block_draws_the_same_masks_on_cards() {
    for (channels, h, w, pool) in [(16, 5, 7, 1), (19, 9, 8, 2), (3, 4, 13, 3), (33, 2, 2, 1)] {
        let block = |device: &Device| {
            let weight = var(&vec![1.0; channels], &[channels, 1, 1, 1], device);
            let mut block = ConvBlock::new(weight, None, Pair::both(1), Pair::both(0));
            block.pool = Some(Pair::both(pool));
            block.dropout = Some(Dropout {
                p: 0.4,
                stream: Stream::new(9, "dropout"),
            });
            block
        };
        let images = from_vec(vec![1.0; 3 * h * w], (3, 1, h, w)).unwrap();
        let (blocks, _) = block(&Device::Cpu).forward(&images, MODE).unwrap();
        let kept = values(&to_planes(&blocks, channels)).unwrap();
        assert!(kept.contains(&0.0) && kept.iter().any(|&y| y > 1.0));
        for (_, card) in cards() {
            let images = images.to_device(card).unwrap();
            let (y, _) = On(block(card)).forward(&images, MODE).unwrap();
            assert_eq!(values(&y).unwrap(), kept);
        }
    }
}
