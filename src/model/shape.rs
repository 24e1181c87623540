//! What one layer makes of a shape, or why it does not fit.

use crate::run::{AdaptivePool, BatchNorm, Conv2d, Layer, Lstm, MaxPool, Pair, SequenceOf};

/// The largest window and stride, in pixels.
const MOST_KERNEL: usize = 64;
/// The most channels, features or hidden units of one layer.
const MOST_FEATURES: usize = 65_536;
const MOST_LSTM_LAYERS: usize = 16;

/// The output's shape for an input [C, H, W], \[F\] or [T, F] (no batch axis), or a sentence that says what to change.
pub(super) fn output(layer: &Layer, input: &[usize]) -> Result<Vec<usize>, String> {
    match layer {
        Layer::Conv2d(conv) => conv2d(conv, image(input)?),
        Layer::BatchNorm(norm) => batch_norm(norm, input),
        Layer::Relu => Ok(input.to_vec()),
        Layer::MaxPool(pool) => max_pool(pool, image(input)?),
        Layer::AdaptiveAvgPool(pool) | Layer::AdaptiveMaxPool(pool) => {
            adaptive_pool(pool, image(input)?)
        }
        Layer::Dropout(dropout) => {
            if (0.0..1.0).contains(&dropout.p) {
                Ok(input.to_vec())
            } else {
                Err(format!(
                    "p = {} is no probability of dropping: from 0 up to, not including, 1",
                    dropout.p
                ))
            }
        }
        Layer::Flatten => Ok(vec![input.iter().product()]),
        Layer::Linear(linear) => {
            // `out` has been filled in with the number of classes where the spec leaves it out.
            let out = linear.out.unwrap_or_default();
            features("out", out)?;
            match input {
                [_] => Ok(vec![out]),
                [steps, _] => Ok(vec![*steps, out]),
                _ => Err(format!(
                    "gets {}; put {{ flatten = {{}} }} before it",
                    words(input)
                )),
            }
        }
        Layer::Sequence(sequence) => match (sequence.of, input) {
            (SequenceOf::One, [f]) => Ok(vec![1, *f]),
            (SequenceOf::Columns, [c, h, w]) => Ok(vec![*w, c * h]),
            (SequenceOf::One, _) => Err(format!(
                "makes a sequence of length one from a row of numbers, and gets {}: put {{ flatten = {{}} }} before it",
                words(input)
            )),
            (SequenceOf::Columns, _) => Err(format!(
                "makes a sequence of an image's columns, and gets {}: put it before anything that flattens",
                words(input)
            )),
        },
        Layer::Lstm(lstm) => lstm_output(lstm, input),
        Layer::LastStep => match input {
            [_, f] => Ok(vec![*f]),
            _ => Err(format!(
                "takes the last step of a sequence, and gets {}: it belongs after an lstm",
                words(input)
            )),
        },
    }
}

/// A shape for people: "8 channels of 16 × 32", "4096 numbers", "a sequence of 32 steps of 64 numbers".
pub(super) fn words(shape: &[usize]) -> String {
    match shape {
        [c, h, w] => format!("{c} channels of {h} × {w}"),
        [t, f] => format!("a sequence of {t} steps of {f} numbers"),
        _ => format!("{} numbers", shape.iter().product::<usize>()),
    }
}

fn image(input: &[usize]) -> Result<[usize; 3], String> {
    input.try_into().map_err(|_| {
        format!(
            "works on images (channels, height, width), and gets {}: put it before anything that flattens",
            words(input)
        )
    })
}

fn features(name: &str, n: usize) -> Result<(), String> {
    if (1..=MOST_FEATURES).contains(&n) {
        Ok(())
    } else {
        Err(format!("{name} = {n} is outside 1 to {MOST_FEATURES}"))
    }
}

fn conv2d(conv: &Conv2d, [_, h, w]: [usize; 3]) -> Result<Vec<usize>, String> {
    features("out", conv.out)?;
    let [h, w] = windows([h, w], conv.kernel, conv.stride, conv.padding)?;
    Ok(vec![conv.out, h, w])
}

fn max_pool(pool: &MaxPool, [c, h, w]: [usize; 3]) -> Result<Vec<usize>, String> {
    let Pair { height, width } = pool.padding;
    // PyTorch's rule: with more padding a window could lie wholly outside the image and have no maximum.
    if height > pool.kernel.height / 2 || width > pool.kernel.width / 2 {
        return Err(format!(
            "a padding of {height} × {width} is more than half the kernel of {} × {}",
            pool.kernel.height, pool.kernel.width
        ));
    }
    let stride = pool.stride.unwrap_or(pool.kernel);
    let [h, w] = windows([h, w], pool.kernel, stride, pool.padding)?;
    Ok(vec![c, h, w])
}

/// How many windows fit: ⌊(n + 2 · padding − kernel) / stride⌋ + 1 on each axis.
fn windows(
    size: [usize; 2],
    kernel: Pair,
    stride: Pair,
    padding: Pair,
) -> Result<[usize; 2], String> {
    for (name, pair) in [("kernel", kernel), ("stride", stride)] {
        if !(1..=MOST_KERNEL).contains(&pair.height) || !(1..=MOST_KERNEL).contains(&pair.width) {
            return Err(format!(
                "{name} {} × {} is outside 1 to {MOST_KERNEL}",
                pair.height, pair.width
            ));
        }
    }
    if padding.height >= kernel.height || padding.width >= kernel.width {
        return Err(format!(
            "a padding of {} × {} with a kernel of {} × {} makes windows that see nothing but zeros: \
             take a padding smaller than the kernel",
            padding.height, padding.width, kernel.height, kernel.width
        ));
    }
    let fit = |n: usize, kernel: usize, stride: usize, padding: usize| {
        (n + 2 * padding)
            .checked_sub(kernel)
            .map(|room| room / stride + 1)
    };
    match (
        fit(size[0], kernel.height, stride.height, padding.height),
        fit(size[1], kernel.width, stride.width, padding.width),
    ) {
        (Some(h), Some(w)) => Ok([h, w]),
        _ => Err(format!(
            "a window of {} × {} does not fit into {} × {}: take larger images, pool less before it, \
             or a smaller kernel",
            kernel.height, kernel.width, size[0], size[1]
        )),
    }
}

fn adaptive_pool(pool: &AdaptivePool, [c, h, w]: [usize; 3]) -> Result<Vec<usize>, String> {
    let Pair { height, width } = pool.out;
    if height == 0 || width == 0 || height > h || width > w {
        return Err(format!(
            "pools to {height} × {width}, which is outside 1 × 1 to the {h} × {w} that it gets"
        ));
    }
    Ok(vec![c, height, width])
}

fn batch_norm(norm: &BatchNorm, input: &[usize]) -> Result<Vec<usize>, String> {
    if !(norm.eps > 0.0 && norm.eps <= 1.0) {
        return Err(format!(
            "eps = {} keeps no division from zero: above 0, at most 1, such as 1e-5",
            norm.eps
        ));
    }
    if !(norm.momentum > 0.0 && norm.momentum <= 1.0) {
        return Err(format!(
            "momentum = {} never takes in a batch's statistics: above 0, at most 1, such as 0.1",
            norm.momentum
        ));
    }
    match input {
        [_] | [_, _, _] => Ok(input.to_vec()),
        _ => Err(format!(
            "works on images or rows of numbers, and gets {}: put it before the sequence or after last_step",
            words(input)
        )),
    }
}

fn lstm_output(lstm: &Lstm, input: &[usize]) -> Result<Vec<usize>, String> {
    features("hidden", lstm.hidden)?;
    if !(1..=MOST_LSTM_LAYERS).contains(&lstm.layers) {
        return Err(format!(
            "layers = {} is outside 1 to {MOST_LSTM_LAYERS}",
            lstm.layers
        ));
    }
    match input {
        [steps, _] => Ok(vec![
            *steps,
            lstm.hidden * if lstm.bidirectional { 2 } else { 1 },
        ]),
        [_] => Err(format!(
            "works on a sequence, and gets {}: put {{ sequence = {{ of = \"one\" }} }} before it",
            words(input)
        )),
        _ => Err(format!(
            "works on a sequence, and gets {}: put {{ sequence = {{ of = \"columns\" }} }} before it",
            words(input)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, input: &[usize]) -> Result<Vec<usize>, String> {
        let spec: crate::run::LayerSpec = serde_json::from_str(text).unwrap();
        output(&spec.layer, input)
    }

    #[test]
    fn windows_are_counted_as_pytorch_does() {
        for (text, input, wanted) in [
            (
                r#"{"conv2d":{"out":8,"kernel":2,"padding":1}}"#,
                [32, 32, 64],
                [8, 33, 65],
            ),
            (
                r#"{"conv2d":{"out":8,"kernel":[3,5],"stride":2}}"#,
                [1, 16, 16],
                [8, 7, 6],
            ),
            (r#"{"max_pool":{"kernel":2}}"#, [8, 33, 65], [8, 16, 32]),
            (
                r#"{"max_pool":{"kernel":3,"stride":2,"padding":1}}"#,
                [8, 33, 65],
                [8, 17, 33],
            ),
            (
                r#"{"adaptive_max_pool":{"out":[2,3]}}"#,
                [8, 33, 65],
                [8, 2, 3],
            ),
        ] {
            assert_eq!(of(text, &input).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn columns_become_steps() {
        let sequence = of(r#"{"sequence":{"of":"columns"}}"#, &[32, 8, 16]).unwrap();
        assert_eq!(sequence, [16, 256]);
        let lstm = r#"{"lstm":{"hidden":64,"bidirectional":true}}"#;
        assert_eq!(of(lstm, &sequence).unwrap(), [16, 128]);
    }
}
