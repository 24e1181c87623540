//! Initial weights.

use super::{Stream, from_vec};
use candle_core::{Result, Tensor};

/// Uniform in ±`bound` from a stream.
///
/// PyTorch's default for a convolution or linear layer is `bound` = 1/√fan-in for weight and bias (its
/// `kaiming_uniform_` with a = √5 comes to that; He et al. 2015), for an LSTM 1/√hidden.
pub fn uniform(shape: &[usize], bound: f64, stream: Stream) -> Result<Tensor> {
    let n: usize = shape.iter().product();
    let mut numbers = Vec::with_capacity(n.next_multiple_of(4));
    for block in 0..n.div_ceil(4) as u64 {
        for number in stream.block(block) {
            let unit = f64::from(number >> 8) / 16_777_216.0;
            numbers.push(((2.0 * unit - 1.0) * bound) as f32);
        }
    }
    numbers.truncate(n);
    from_vec(numbers, shape)
}
