//! Plain slices in and out of candle tensors.

use candle_core::{Device, Result, Shape, Storage, Tensor, bail};

/// Calls `f` with the numbers of a contiguous float32 tensor on the CPU; others are an error.
pub fn slice<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(cpu), Some((start, end))) => f(&cpu.as_slice::<f32>()?[start..end]),
        (Storage::Cpu(_), None) => bail!("a contiguous tensor is needed here"),
        _ => bail!("this operation runs on the CPU only"),
    }
}

/// A copy of the numbers, from whatever device they are on.
pub fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor.to_device(&Device::Cpu)?.contiguous()?;
    slice(&tensor, |numbers| Ok(numbers.to_vec()))
}

/// A tensor on the processor that takes the numbers over without a copy.
pub fn from_vec(numbers: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(numbers, shape.into(), &Device::Cpu)
}
