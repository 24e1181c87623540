//! What candle's own operations do that ours must not: if a newer candle mends one, this says so.

use candle_core::{Device, Tensor, Var};

fn gradient_of(var: &Var, loss: Tensor) -> Option<Vec<f32>> {
    let gradients = loss.backward().unwrap();
    gradients
        .get(var)
        .map(|g| g.flatten_all().unwrap().to_vec1().unwrap())
}

#[test]
fn candles_max_pool_scales_the_gradient_by_the_share_of_maxima() {
    let var = Var::from_vec(vec![1f32, 2.0, 3.0, 4.0], (1, 1, 2, 2), &Device::Cpu).unwrap();
    let loss = var.max_pool2d(2).unwrap().sum_all().unwrap();
    assert_eq!(gradient_of(&var, loss), Some(vec![0.0, 0.0, 0.0, 0.25]));
}

#[test]
fn candles_relu_has_gradient_one_at_zero() {
    let var = Var::from_vec(vec![-1f32, 0.0, 1.0], 3, &Device::Cpu).unwrap();
    let loss = var.relu().unwrap().sum_all().unwrap();
    assert_eq!(gradient_of(&var, loss), Some(vec![0.0, 1.0, 1.0]));
}

#[test]
fn candles_fast_softmax_gives_no_gradient() {
    let var = Var::from_vec(vec![1f32, 2.0, 3.0], (1, 3), &Device::Cpu).unwrap();
    let softmax = candle_nn::ops::softmax_last_dim(var.as_tensor()).unwrap();
    let backward = softmax.get(0).unwrap().get(0).unwrap().backward();
    let gradient = backward.ok().and_then(|g| g.get(&var).cloned());
    assert!(gradient.is_none());
}
