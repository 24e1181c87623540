//! What one layer makes of a shape, or why it does not fit.

mod norm;
mod window;

use crate::run::{Layer, Recurrent, SequenceOf};

/// The most channels, features or hidden units of one layer.
const MOST_FEATURES: usize = 65_536;
const MOST_RECURRENT_LAYERS: usize = 16;

/// The output's shape for an input [C, H, W], \[F\] or [T, F] (no batch axis), or a sentence that says what to change.
pub(super) fn output(layer: &Layer, input: &[usize]) -> Result<Vec<usize>, String> {
    match layer {
        Layer::Conv2d(conv) => window::conv2d(conv, image(input)?),
        Layer::BatchNorm(norm) => norm::batch_norm(norm, input),
        Layer::GroupNorm(norm) => norm::group_norm(norm, input),
        Layer::Relu | Layer::Gelu => Ok(input.to_vec()),
        Layer::MaxPool(pool) => window::pool(pool.kernel, pool.stride, pool.padding, image(input)?),
        Layer::AvgPool(pool) => window::pool(pool.kernel, pool.stride, pool.padding, image(input)?),
        Layer::AdaptiveAvgPool(pool) | Layer::AdaptiveMaxPool(pool) => {
            window::adaptive_pool(pool, image(input)?)
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
        Layer::Lstm(layers) | Layer::Gru(layers) => recurrent(layers, input),
        Layer::Residual(_) => Err("a residual block's shape follows from its layers".to_owned()),
        Layer::LastStep => match input {
            [_, f] => Ok(vec![*f]),
            _ => Err(format!(
                "takes the last step of a sequence, and gets {}: it belongs after an lstm or a gru",
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

fn recurrent(settings: &Recurrent, input: &[usize]) -> Result<Vec<usize>, String> {
    features("hidden", settings.hidden)?;
    if !(1..=MOST_RECURRENT_LAYERS).contains(&settings.layers) {
        return Err(format!(
            "layers = {} is outside 1 to {MOST_RECURRENT_LAYERS}",
            settings.layers
        ));
    }
    match input {
        [steps, _] => Ok(vec![
            *steps,
            settings.hidden * if settings.bidirectional { 2 } else { 1 },
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
                r#"{"avg_pool":{"kernel":3,"stride":2,"padding":1}}"#,
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
        assert_eq!(of(r#"{"gru":{"hidden":64}}"#, &sequence).unwrap(), [16, 64]);
    }
}
