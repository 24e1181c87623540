//! The cards of this machine.

use candle_core::{Device, Result};

/// Whether this build can use a card: whether it has the feature `cuda`.
pub const IN_THIS_BUILD: bool = cfg!(feature = "cuda");

/// Lets matrix products on cards round what they multiply to ten bits behind the point (TF32), or not: for all cards that
/// this process opens.
pub fn allow_tf32(allowed: bool) {
    candle_core::cuda::set_gemm_reduced_precision_f32(allowed);
}

/// Opens the card of this number.
#[cfg(feature = "cuda")]
pub fn open(ordinal: usize) -> Result<Device> {
    super::executor::open(ordinal)
}

/// Opens the card of this number: an error in this build.
#[cfg(not(feature = "cuda"))]
pub fn open(ordinal: usize) -> Result<Device> {
    Device::new_cuda(ordinal)
}

/// The number of the card with the most free memory; none where there is no card.
#[cfg(feature = "cuda")]
pub fn emptiest() -> Option<usize> {
    use candle_core::cuda_backend::cudarc::driver::CudaContext;
    let count = usize::try_from(CudaContext::device_count().ok()?).ok()?;
    let free = |ordinal| CudaContext::new(ordinal).ok()?.mem_get_info().ok();
    (0..count)
        .filter_map(|ordinal| Some((free(ordinal)?.0, std::cmp::Reverse(ordinal))))
        .max()
        .map(|(_, std::cmp::Reverse(ordinal))| ordinal)
}

/// The free and all bytes of an opened card's memory; none of a processor's.
#[cfg(feature = "cuda")]
pub fn memory(device: &Device) -> Option<(usize, usize)> {
    let stream = device.as_cuda_device().ok()?.cuda_stream();
    stream.context().mem_get_info().ok()
}

/// The make of an opened card; none of a processor.
#[cfg(feature = "cuda")]
pub fn name(device: &Device) -> Option<String> {
    let stream = device.as_cuda_device().ok()?.cuda_stream();
    stream.context().name().ok()
}

/// The number of the card with the most free memory; none where there is no card.
#[cfg(not(feature = "cuda"))]
pub fn emptiest() -> Option<usize> {
    None
}

/// The free and all bytes of an opened card's memory; none of a processor's.
#[cfg(not(feature = "cuda"))]
pub fn memory(_: &Device) -> Option<(usize, usize)> {
    None
}

/// The make of an opened card; none of a processor.
#[cfg(not(feature = "cuda"))]
pub fn name(_: &Device) -> Option<String> {
    None
}
