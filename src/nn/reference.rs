//! A plain convolution block in float64, and the fast one held against it and its finite differences.

use super::kernel::Kernels;
use super::{BatchNorm, ConvBlock, Mode, Operation, Stream, Unblock, from_vec, values};
use crate::run::Pair;
use candle_core::{Device, Tensor, Var};
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

const EPS: f64 = 1e-3;

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

    /// Images, weights, bias, scale, shift, and the factors of the results in the loss.
    fn numbers(&self) -> [Vec<f64>; 6] {
        let (h, w) = self.size().unwrap();
        let patch = self.c * self.kernel.height * self.kernel.width;
        let draw = |name: &str, count: usize, offset: f64, scale: f64| -> Vec<f64> {
            let stream = Stream::new(self.seed, name);
            let unit = |i| f64::from(stream.unit(i)) * 2.0 - 1.0;
            (0..count as u64)
                .map(|i| f64::from((offset + scale * unit(i)) as f32))
                .collect()
        };
        [
            draw("images", self.n * self.c * self.h * self.w, 0.3, 1.0),
            draw("weight", self.out * patch, 0.0, 1.0 / (patch as f64).sqrt()),
            draw("bias", self.out, 0.0, 0.5),
            draw("scale", self.out, 1.0, 0.5),
            draw("shift", self.out, 0.2, 0.5),
            draw("factors", self.n * self.out * h * w, 0.0, 1.0),
        ]
    }

    /// The block's result by the definition of each step.
    fn result(&self, [x, weight, bias, scale, shift, _]: &[Vec<f64>; 6]) -> Vec<f64> {
        let (oh, ow) = self.conv_size().unwrap();
        let (k, s, p) = (self.kernel, self.stride, self.padding);
        let mut y = vec![0f64; self.n * self.out * oh * ow];
        for (i, y) in y.iter_mut().enumerate() {
            let (ox, oy, o, n) = (
                i % ow,
                i / ow % oh,
                i / (ow * oh) % self.out,
                i / (ow * oh * self.out),
            );
            *y = if self.bias { bias[o] } else { 0.0 };
            for (j, weight) in weight[o * self.c * k.height * k.width..]
                .iter()
                .take(self.c * k.height * k.width)
                .enumerate()
            {
                let (kx, ky, c) = (
                    j % k.width,
                    j / k.width % k.height,
                    j / (k.width * k.height),
                );
                let (row, col) = (oy * s.height + ky, ox * s.width + kx);
                if (p.height..self.h + p.height).contains(&row)
                    && (p.width..self.w + p.width).contains(&col)
                {
                    *y += weight
                        * x[((n * self.c + c) * self.h + row - p.height) * self.w + col - p.width];
                }
            }
        }
        let plane = oh * ow;
        let channel = |i: usize| i / plane % self.out;
        if self.norm {
            for o in 0..self.out {
                let own: Vec<f64> = (0..y.len())
                    .filter(|&i| channel(i) == o)
                    .map(|i| y[i])
                    .collect();
                let mean = own.iter().sum::<f64>() / own.len() as f64;
                let var = own.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / own.len() as f64;
                for i in (0..y.len()).filter(|&i| channel(i) == o) {
                    y[i] = (y[i] - mean) / (var + EPS).sqrt() * scale[o] + shift[o];
                }
            }
        }
        if self.relu {
            y.iter_mut().for_each(|y| *y = y.max(0.0));
        }
        let window = self.pool.unwrap_or(Pair::both(1));
        let (h, w) = self.size().unwrap();
        (0..self.n * self.out * h * w)
            .map(|i| {
                let (px, py, image) = (i % w, i / w % h, i / (w * h));
                let cells = (0..window.height * window.width).map(|j| {
                    let (row, col) = (
                        py * window.height + j / window.width,
                        px * window.width + j % window.width,
                    );
                    y[image * plane + row * ow + col]
                });
                cells.fold(f64::NEG_INFINITY, f64::max)
            })
            .collect()
    }

    fn loss(&self, numbers: &[Vec<f64>; 6]) -> f64 {
        self.result(numbers)
            .iter()
            .zip(&numbers[5])
            .map(|(y, f)| y * f)
            .sum()
    }

    /// The fast block's result and gradients by images, weights, bias, scale and shift (empty where there are none).
    fn fast(
        &self,
        kernels: &'static Kernels,
        numbers: &[Vec<f64>; 6],
    ) -> (Vec<f32>, [Vec<f32>; 5]) {
        let tensor = |i: usize, shape: &[usize]| {
            from_vec(numbers[i].iter().map(|&x| x as f32).collect(), shape).unwrap()
        };
        let var = |i: usize| Var::from_tensor(&tensor(i, &[self.out])).unwrap();
        let zeros = || Var::from_tensor(&from_vec(vec![0.0; self.out], self.out).unwrap()).unwrap();
        let weight = tensor(
            1,
            &[self.out, self.c, self.kernel.height, self.kernel.width],
        );
        let weight = Var::from_tensor(&weight).unwrap();
        let mut block =
            ConvBlock::new(weight, self.bias.then(|| var(2)), self.stride, self.padding);
        block.kernels = kernels;
        block.norm = self.norm.then(|| BatchNorm {
            weight: var(3),
            bias: var(4),
            running_mean: zeros(),
            running_var: zeros(),
            eps: EPS,
            momentum: 0.1,
        });
        block.relu = self.relu;
        block.pool = self.pool;

        let (h, w) = self.size().unwrap();
        let unblock = |channels| Unblock { channels };
        let mode = Mode::Train { step: 0 };
        let mut images = tensor(0, &[self.n, self.c, self.h, self.w]);
        if self.blocked {
            let blocks = self.c.div_ceil(16);
            let shape = (self.n, blocks, self.h, self.w, 16);
            let zeros = Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
            let (_, back) = unblock(self.c).forward(&zeros, mode).unwrap();
            images = back
                .unwrap()
                .backward(&images, true)
                .unwrap()
                .input
                .unwrap();
        }
        let (y, back) = block.forward(&images, mode).unwrap();
        let (y, back_plain) = unblock(self.out).forward(&y, mode).unwrap();
        let factors = tensor(5, &[self.n, self.out, h, w]);
        let gradient = back_plain
            .unwrap()
            .backward(&factors, true)
            .unwrap()
            .input
            .unwrap();
        let gradients = back.unwrap().backward(&gradient, true).unwrap();
        let mut dx = gradients.input.unwrap();
        if self.blocked {
            dx = unblock(self.c).forward(&dx, mode).unwrap().0;
        }
        let mut parameters = gradients.parameters.iter().map(|g| values(g).unwrap());
        let dw = parameters.next().unwrap();
        let mut next = |there: bool| {
            if there {
                parameters.next().unwrap()
            } else {
                Vec::new()
            }
        };
        let (bias, scale, shift) = (next(self.bias), next(self.norm), next(self.norm));
        (
            values(&y).unwrap(),
            [values(&dx).unwrap(), dw, bias, scale, shift],
        )
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let numbers = self.numbers();
        let expected = self.result(&numbers);
        let fast: Vec<_> = Kernels::all()
            .into_iter()
            .map(|k| (k.name, self.fast(k, &numbers)))
            .collect();
        for (name, (y, _)) in &fast {
            for (own, expected) in y.iter().zip(&expected) {
                let error = (f64::from(*own) - expected).abs();
                prop_assert!(error < 1e-4, "{name}: {own} and {expected}");
            }
        }
        for which in 0..5 {
            // A few entries of each tensor, spread over it.
            let length = numbers[which].len();
            for i in (0..length).step_by(length.div_ceil(12)) {
                let step = 1e-6;
                let at = |offset: f64| {
                    let mut moved = numbers.clone();
                    moved[which][i] += offset;
                    self.loss(&moved)
                };
                let (above, here, below) = (at(step), at(0.0), at(-step));
                let (right, left) = ((above - here) / step, (here - below) / step);
                if (right - left).abs() > 1e-3 {
                    // A maximum or ReLU changes over within the step: there is no gradient here.
                    continue;
                }
                for (name, (_, gradients)) in &fast {
                    let Some(&own) = gradients[which].get(i) else {
                        continue;
                    };
                    let expected = (right + left) / 2.0;
                    let error = (f64::from(own) - expected).abs();
                    prop_assert!(
                        error < 2e-3 * expected.abs().max(1.0),
                        "{name}, tensor {which}, entry {i}: {own} and {expected}"
                    );
                }
            }
        }
        Ok(())
    }
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
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_agree_with_the_plain_reference_and_its_finite_differences_on_every_instruction_set(case in cases()) {
        case.check()?;
    }
}

#[test]
fn dropout_in_a_block_drops_its_share_and_passes_a_gradient_exactly_where_it_kept() {
    let weight = Var::from_tensor(&from_vec(vec![1.0; 16], (16, 1, 1, 1)).unwrap()).unwrap();
    let mut block = ConvBlock::new(weight, None, Pair::both(1), Pair::both(0));
    block.dropout = Some(super::Dropout {
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
