//! Pooling over windows and to a given size, by definition.

use super::tape::Number;
use super::{MODE, Reference, config, draw, tensor};
use crate::nn::cuda::On;
use crate::nn::{AdaptivePool, AvgPool, MaxPool, Operation, Pooling, values};
use crate::run::Pair;
use candle_core::Device;
use proptest::prelude::*;

/// Height, width.
type Size = (usize, usize);

/// What `take` makes of each window: `cells(o, out, size)` says which rows and columns window `o` of `out` has.
fn pool<'t>(
    x: &[Number<'t>],
    (h, w): Size,
    (oh, ow): Size,
    rows: impl Fn(usize) -> Vec<usize>,
    cols: impl Fn(usize) -> Vec<usize>,
    take: impl Fn(Vec<Number<'t>>) -> Number<'t>,
) -> Vec<Number<'t>> {
    let mut result = Vec::new();
    for plane in x.chunks(h * w) {
        for (oy, ox) in (0..oh).flat_map(|oy| (0..ow).map(move |ox| (oy, ox))) {
            let mut window = Vec::new();
            for row in rows(oy) {
                window.extend(cols(ox).into_iter().map(|col| plane[row * w + col]));
            }
            result.push(take(window));
        }
    }
    result
}

/// How many windows fit, where any does and each holds a pixel.
fn windows(n: usize, kernel: usize, stride: usize, padding: usize) -> Option<usize> {
    Some((n + 2 * padding).checked_sub(kernel)? / stride + 1)
}

/// Pixels of window `o` that are no padding.
fn window(o: usize, n: usize, kernel: usize, stride: usize, padding: usize) -> Vec<usize> {
    (o * stride..o * stride + kernel)
        .filter_map(|i| i.checked_sub(padding))
        .filter(|&i| i < n)
        .collect()
}

/// Padding as PyTorch wants it: at most half the kernel, in the directions that have any.
fn half(kernel: Pair, has: (bool, bool)) -> Pair {
    Pair {
        height: if has.0 { kernel.height / 2 } else { 0 },
        width: if has.1 { kernel.width / 2 } else { 0 },
    }
}

fn pair(most: usize) -> impl Strategy<Value = Pair> {
    (1..=most, 1..=most).prop_map(|(height, width)| Pair { height, width })
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn max_pools_of_any_kernel_stride_and_padding_agree_with_the_reference(
        (n, c, h, w) in (1..=3usize, 1..=3usize, 1..=9usize, 1..=9usize),
        (k, s) in (pair(4), pair(4)),
        share: (bool, bool),
        seed: u64,
    ) {
        let p = half(k, share);
        let out = windows(h, k.height, s.height, p.height).zip(windows(w, k.width, s.width, p.width));
        prop_assume!(out.is_some());
        let out = out.unwrap();
        let inputs = vec![draw(seed, "input", n * c * h * w, 0.0, 1.0)];
        let factors = draw(seed, "factors", n * c * out.0 * out.1, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| {
            pool(
                &numbers[0],
                (h, w),
                out,
                |oy| window(oy, h, k.height, s.height, p.height),
                |ox| window(ox, w, k.width, s.width, p.width),
                |window| Number::maximum(window.into_iter()),
            )
        })?;
        let operation = |_: &Device| MaxPool { kernel: k, stride: s, padding: p };
        reference.check_layer(operation, &tensor(&inputs[0], &[n, c, h, w]), &factors)?;
    }

    #[test]
    fn average_pools_of_any_kernel_stride_and_padding_agree_with_the_reference(
        (n, c, h, w) in (1..=3usize, 1..=3usize, 1..=9usize, 1..=9usize),
        (k, s) in (pair(4), pair(4)),
        share: (bool, bool),
        count_include_pad: bool,
        seed: u64,
    ) {
        let p = half(k, share);
        let out = windows(h, k.height, s.height, p.height).zip(windows(w, k.width, s.width, p.width));
        prop_assume!(out.is_some());
        let out = out.unwrap();
        let inputs = vec![draw(seed, "input", n * c * h * w, 0.2, 1.0)];
        let factors = draw(seed, "factors", n * c * out.0 * out.1, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| {
            pool(
                &numbers[0],
                (h, w),
                out,
                |oy| window(oy, h, k.height, s.height, p.height),
                |ox| window(ox, w, k.width, s.width, p.width),
                |window| {
                    let pixels = if count_include_pad { k.height * k.width } else { window.len() };
                    Number::sum(window.into_iter()) / Number::from(pixels as f64)
                },
            )
        })?;
        let operation = |_: &Device| AvgPool { kernel: k, stride: s, padding: p, count_include_pad };
        reference.check_layer(operation, &tensor(&inputs[0], &[n, c, h, w]), &factors)?;
    }

    #[test]
    fn adaptive_pools_to_any_size_agree_with_the_reference(
        (n, c, h, w) in (1..=3usize, 1..=3usize, 1..=9usize, 1..=9usize),
        out in (1..=11usize, 1..=11usize),
        maximum: bool,
        seed: u64,
    ) {
        let inputs = vec![draw(seed, "input", n * c * h * w, 0.0, 1.0)];
        let factors = draw(seed, "factors", n * c * out.0 * out.1, 0.0, 1.0);
        // From ⌊i·n/out⌋ up to ⌈(i+1)·n/out⌉.
        let cells = |i: usize, n: usize, out: usize| {
            (0..n).filter(|&x| (x + 1) * out > i * n && x * out < (i + 1) * n).collect()
        };
        let reference = Reference::of(&inputs, &factors, |numbers| {
            pool(
                &numbers[0],
                (h, w),
                out,
                |oy| cells(oy, h, out.0),
                |ox| cells(ox, w, out.1),
                |window| {
                    let count = Number::from(window.len() as f64);
                    if maximum {
                        Number::maximum(window.into_iter())
                    } else {
                        Number::sum(window.into_iter()) / count
                    }
                },
            )
        })?;
        let operation = |_: &Device| AdaptivePool {
            pooling: if maximum { Pooling::Maximum } else { Pooling::Average },
            height: out.0,
            width: out.1,
        };
        reference.check_layer(operation, &tensor(&inputs[0], &[n, c, h, w]), &factors)?;
    }
}

#[test]
fn of_equal_maxima_the_first_gets_the_gradient_as_in_pytorch() {
    let input = tensor(&[2.0; 4], &[1, 1, 2, 2]);
    let both = Pair::both;
    let windows = MaxPool {
        kernel: both(2),
        stride: both(2),
        padding: both(0),
    };
    let adaptive = AdaptivePool {
        pooling: Pooling::Maximum,
        height: 1,
        width: 1,
    };
    let on_cards: [&dyn Operation; 2] = [&On(windows), &On(adaptive)];
    for operation in [&windows as &dyn Operation, &adaptive]
        .into_iter()
        .chain(on_cards)
    {
        let (_, back) = operation.forward(&input, MODE).unwrap();
        let gradient = tensor(&[3.0], &[1, 1, 1, 1]);
        let gradients = back.unwrap().backward(&gradient, true).unwrap();
        assert_eq!(
            values(&gradients.input.unwrap()).unwrap(),
            [3.0, 0.0, 0.0, 0.0]
        );
    }
}
