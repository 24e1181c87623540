//! Residual blocks of convolutions by the definition of each part.

use super::tape::Number;
use super::{MODE, Reference, cards, config, draw, tensor, var};
use crate::nn::cuda::On;
use crate::nn::{ConvBlock, Core, Mode, Operation, Residual, Unblock, values};
use crate::run::Pair;
use candle_core::Device;
use proptest::prelude::*;

/// (N, C, P) by a weight for each pair of channels to (N, `out`, P): a convolution of one pixel.
fn mix<'t>(x: &[Number<'t>], weight: &[Number<'t>], out: usize, pixels: usize) -> Vec<Number<'t>> {
    let channels = weight.len() / out;
    let mut result = Vec::new();
    for image in x.chunks(channels * pixels) {
        for row in weight.chunks(channels) {
            result.extend((0..pixels).map(|p| {
                Number::sum(
                    row.iter()
                        .enumerate()
                        .map(|(c, &w)| w * image[c * pixels + p]),
                )
            }));
        }
    }
    result
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn residual_blocks_with_and_without_a_projection_agree_with_the_reference(
        (n, c, other, pixels) in (1..=3usize, 1..=18usize, 1..=18usize, 1..=5usize),
        (middle, layers, projected) in (1..=18usize, 1..=2usize, any::<bool>()),
        relu: bool,
        seed: u64,
    ) {
        let out = if projected { other } else { c };
        let widths = if layers == 1 { vec![(c, out)] } else { vec![(c, middle), (middle, out)] };
        let shortcut = projected.then_some((c, out));
        let mut inputs = vec![draw(seed, "images", n * c * pixels, 0.1, 1.0)];
        for (i, (from, to)) in widths.iter().chain(&shortcut).enumerate() {
            inputs.push(draw(seed, &format!("weight {i}"), from * to, 0.0, 1.0 / (*from as f64).sqrt()));
        }
        let factors = draw(seed, "factors", n * out * pixels, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| {
            let mut y = numbers[0].clone();
            for (weight, (_, to)) in numbers[1..].iter().zip(&widths) {
                y = mix(&y, weight, *to, pixels);
            }
            let kept = match projected {
                true => mix(&numbers[0], &numbers[numbers.len() - 1], out, pixels),
                false => numbers[0].clone(),
            };
            let sum = y.into_iter().zip(kept).map(|(y, x)| y + x);
            sum.map(|sum| if relu { sum.relu() } else { sum }).collect()
        })?;

        let block = |core: Core, device: &Device| {
            let mut weights = inputs[1..].iter();
            let mut operations = |widths: &[(usize, usize)]| -> Vec<Box<dyn Operation>> {
                let mut all: Vec<Box<dyn Operation>> = Vec::new();
                for &(from, to) in widths {
                    let weight = var(weights.next().unwrap(), &[to, from, 1, 1], device);
                    let conv = ConvBlock::new(weight, None, Pair::both(1), Pair::both(0));
                    all.push(match core {
                        Core::Processor => Box::new(conv),
                        Core::Card => Box::new(On(conv)),
                    });
                }
                // The processor's convolutions give blocks of channels, so each side ends with planes.
                if core == Core::Processor && !widths.is_empty() {
                    all.push(Box::new(Unblock { channels: out }));
                }
                all
            };
            Residual {
                body: operations(&widths),
                shortcut: operations(shortcut.as_slice()),
                relu,
            }
        };
        for (name, card) in cards() {
            let input = tensor(&inputs[0], &[n, c, 1, pixels]).to_device(card).unwrap();
            reference.check_operation(name, &On(block(Core::Card, card)), &input, &factors)?;
        }
        let block = block(Core::Processor, &Device::Cpu);
        let input = tensor(&inputs[0], &[n, c, 1, pixels]);
        reference.check_operation("processor", &block, &input, &factors)?;
        let of = |mode| values(&block.forward(&input, mode).unwrap().0).unwrap();
        prop_assert_eq!(of(Mode::Eval), of(MODE));

        // Where nobody wants the gradient by the input, the parameters' are the same.
        let gradients = |input_too: bool| {
            let (y, back) = block.forward(&input, MODE).unwrap();
            let gradient = tensor(&factors, y.dims());
            let gradients = back.unwrap().backward(&gradient, input_too).unwrap();
            assert_eq!(gradients.input.is_some(), input_too);
            gradients.parameters.iter().map(|g| values(g).unwrap()).collect::<Vec<_>>()
        };
        prop_assert_eq!(gradients(true), gradients(false));
    }
}
