//! Convolution by cuDNN, in builds with the feature `cudnn`. Outputs lie as (N, out, height, width).
//!
//! Of the algorithms that cuDNN's heuristics propose for a convolution, the first is taken that gives the same bits each time
//! and is content with [`MOST_WORKSPACE`]. It is asked once for each convolution and direction.

use super::convolution::Sizes;
use super::executor::{empty, pointer};
use super::launch::floats;
use candle_core::cuda_backend::DeviceId;
use candle_core::cuda_backend::cudarc::cudnn::sys::{self, cudnnDeterminism_t, cudnnStatus_t};
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result};
use candle_core::{DType, Device, Error, Result, Tensor, bail};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::ptr::{from_mut, from_ref, null_mut};
use std::rc::Rc;

/// Bytes that an algorithm may work in beside its tensors.
const MOST_WORKSPACE: usize = 1 << 28;

/// Algorithms that are asked for.
const ASKED: usize = 8;

/// An algorithm, and the bytes that it works in.
type Choice<Algorithm> = (Algorithm, usize);

/// cuDNN for a card, on the stream of its device.
struct Handle(sys::cudnnHandle_t);

impl Handle {
    fn new(device: &Device) -> Result<Handle> {
        let stream = device.as_cuda_device()?.cuda_stream();
        stream.context().bind_to_thread().map_err(Error::wrap)?;
        let handle = Handle(result::create_handle().map_err(Error::wrap)?);
        // SAFETY: the handle was just created, and the stream lives as long as its device, which tensors of this run hold.
        unsafe { result::set_stream(handle.0, stream.cu_stream().cast()) }.map_err(Error::wrap)?;
        Ok(handle)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it is not used again. An error has nobody left to hear it.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}

/// A convolution as cuDNN describes it, and the algorithms that were chosen for it.
struct Described {
    handle: Rc<Handle>,
    input: sys::cudnnTensorDescriptor_t,
    output: sys::cudnnTensorDescriptor_t,
    weight: sys::cudnnFilterDescriptor_t,
    convolution: sys::cudnnConvolutionDescriptor_t,
    forward: Cell<Option<Choice<sys::cudnnConvolutionFwdAlgo_t>>>,
    by_input: Cell<Option<Choice<sys::cudnnConvolutionBwdDataAlgo_t>>>,
    by_weight: Cell<Option<Choice<sys::cudnnConvolutionBwdFilterAlgo_t>>>,
}

impl Described {
    fn new(sizes: &Sizes, handle: Rc<Handle>, tf32: bool) -> std::result::Result<Self, CudnnError> {
        let described = Described {
            handle,
            input: result::create_tensor_descriptor()?,
            output: result::create_tensor_descriptor()?,
            weight: result::create_filter_descriptor()?,
            convolution: result::create_convolution_descriptor()?,
            forward: Cell::default(),
            by_input: Cell::default(),
            by_weight: Cell::default(),
        };
        // Kernels take no more than 2³¹ numbers a tensor: `Launch` sees to it, and these are its tensors' sizes.
        let int = |number: usize| number as c_int;
        let (format, kind) = (
            sys::cudnnTensorFormat_t::CUDNN_TENSOR_NCHW,
            sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
        );
        let s = sizes;
        let math = match tf32 {
            true => sys::cudnnMathType_t::CUDNN_DEFAULT_MATH,
            false => sys::cudnnMathType_t::CUDNN_FMA_MATH,
        };
        // SAFETY: the descriptors were just created.
        unsafe {
            let input = [s.images, s.c, s.h, s.w].map(int);
            result::set_tensor4d_descriptor(described.input, format, kind, input)?;
            let output = [s.images, s.out, s.oh, s.ow].map(int);
            result::set_tensor4d_descriptor(described.output, format, kind, output)?;
            let weight = [s.out, s.c, s.kernel.0, s.kernel.1].map(int);
            result::set_filter4d_descriptor(described.weight, kind, format, weight)?;
            result::set_convolution2d_descriptor(
                described.convolution,
                int(s.padding.0),
                int(s.padding.1),
                int(s.stride.0),
                int(s.stride.1),
                1,
                1,
                sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION,
                kind,
            )?;
            result::set_convolution_math_type(described.convolution, math)?;
        }
        Ok(described)
    }

    /// The convolution of these sizes on this device, in this thread.
    fn of(sizes: &Sizes, device: &Device) -> Result<Rc<Described>> {
        type Key = (DeviceId, Sizes, bool);
        thread_local! {
            static HANDLES: RefCell<HashMap<DeviceId, Rc<Handle>>> = RefCell::default();
            static DESCRIBED: RefCell<HashMap<Key, Rc<Described>>> = RefCell::default();
        }
        let id = device.as_cuda_device()?.id();
        let tf32 = candle_core::cuda::gemm_reduced_precision_f32();
        let key = (id, *sizes, tf32);
        if let Some(known) = DESCRIBED.with_borrow(|known| known.get(&key).cloned()) {
            return Ok(known);
        }
        let handle = match HANDLES.with_borrow(|handles| handles.get(&id).cloned()) {
            Some(handle) => handle,
            None => Rc::new(Handle::new(device)?),
        };
        HANDLES.with_borrow_mut(|handles| handles.insert(id, handle.clone()));
        let described = Rc::new(Described::new(sizes, handle, tf32).map_err(Error::wrap)?);
        DESCRIBED.with_borrow_mut(|known| known.insert(key, described.clone()));
        Ok(described)
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        // SAFETY: they are not used again. An error has nobody left to hear it.
        unsafe {
            let _ = result::destroy_tensor_descriptor(self.input);
            let _ = result::destroy_tensor_descriptor(self.output);
            let _ = result::destroy_filter_descriptor(self.weight);
            let _ = result::destroy_convolution_descriptor(self.convolution);
        }
    }
}

/// The first proposal that is usable, of `$ask` for these descriptors; it is asked once.
macro_rules! chosen {
    ($kept:expr, $ask:path, $proposal:ty, $handle:expr, $($descriptor:expr),*) => {{
        match $kept.get() {
            Some(choice) => choice,
            None => {
                let mut proposals: Vec<$proposal> = Vec::with_capacity(ASKED);
                let mut count: c_int = 0;
                // SAFETY: all descriptors are set, and there is room for as many proposals as are asked for, of which the
                // library says how many it has written.
                unsafe {
                    let (most, place) = (ASKED as c_int, proposals.as_mut_ptr());
                    $ask($handle, $($descriptor),*, most, from_mut(&mut count), place).map_err(Error::wrap)?;
                    proposals.set_len(usize::try_from(count).unwrap_or(0).min(ASKED));
                }
                let usable = |proposal: &&$proposal| {
                    proposal.status == cudnnStatus_t::CUDNN_STATUS_SUCCESS
                        && proposal.determinism == cudnnDeterminism_t::CUDNN_DETERMINISTIC
                        && proposal.memory <= MOST_WORKSPACE
                };
                let Some(proposal) = proposals.iter().find(usable) else {
                    bail!("cuDNN has no algorithm for this convolution that repeats to the bit")
                };
                let choice = (proposal.algo, proposal.memory);
                $kept.set(Some(choice));
                choice
            }
        }
    }};
}

/// Where a tensor's numbers begin on the card.
fn start(tensor: &Tensor) -> Result<*mut c_void> {
    Ok(pointer(tensor)? as *mut c_void)
}

/// A tensor of this shape that `work` has written, who is given so many bytes to work in and where the tensor begins. The
/// bytes go back in the order of the one stream, after that.
fn written(
    shape: (usize, usize, usize, usize),
    bytes: usize,
    device: &Device,
    work: impl FnOnce(*mut c_void, *mut c_void) -> std::result::Result<(), CudnnError>,
) -> Result<Tensor> {
    let tensor = floats(shape, device)?;
    let workspace = match bytes {
        0 => None,
        _ => Some(empty(bytes.into(), DType::U8, device)?),
    };
    let workspace = workspace.as_ref().map_or(Ok(null_mut()), start)?;
    work(workspace, start(&tensor)?).map_err(Error::wrap)?;
    Ok(tensor)
}

/// What results are multiplied with.
const ONE: *const c_void = from_ref(&1.0_f32).cast();
/// What of the numbers before them stays.
const NOTHING: *const c_void = from_ref(&0.0_f32).cast();

pub fn forward(sizes: &Sizes, input: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let d = Described::of(sizes, input.device())?;
    let (algorithm, bytes) = chosen!(
        d.forward,
        result::get_convolution_forward_algorithm,
        sys::cudnnConvolutionFwdAlgoPerf_t,
        d.handle.0,
        d.input,
        d.weight,
        d.convolution,
        d.output
    );
    let shape = (sizes.images, sizes.out, sizes.oh, sizes.ow);
    let (x, w) = (start(input)?, start(weight)?);
    written(shape, bytes, input.device(), |space, y| {
        // SAFETY: the tensors are contiguous, of float32 and of the sizes that were described, and the workspace is as large
        // as the algorithm wants it.
        unsafe {
            result::convolution_forward(
                d.handle.0,
                ONE,
                d.input,
                x,
                d.weight,
                w,
                d.convolution,
                algorithm,
                space,
                bytes,
                NOTHING,
                d.output,
                y,
            )
        }
    })
}

pub fn by_input(sizes: &Sizes, by_output: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let d = Described::of(sizes, weight.device())?;
    let (algorithm, bytes) = chosen!(
        d.by_input,
        result::get_convolution_backward_data_algorithm,
        sys::cudnnConvolutionBwdDataAlgoPerf_t,
        d.handle.0,
        d.weight,
        d.output,
        d.convolution,
        d.input
    );
    let shape = (sizes.images, sizes.c, sizes.h, sizes.w);
    let (w, dy) = (start(weight)?, start(by_output)?);
    written(shape, bytes, weight.device(), |space, dx| {
        // SAFETY: as in `forward`.
        unsafe {
            result::convolution_backward_data(
                d.handle.0,
                ONE,
                d.weight,
                w,
                d.output,
                dy,
                d.convolution,
                algorithm,
                space,
                bytes,
                NOTHING,
                d.input,
                dx,
            )
        }
    })
}

pub fn by_weight(sizes: &Sizes, by_output: &Tensor, input: &Tensor) -> Result<Tensor> {
    let d = Described::of(sizes, input.device())?;
    let (algorithm, bytes) = chosen!(
        d.by_weight,
        result::get_convolution_backward_filter_algorithm,
        sys::cudnnConvolutionBwdFilterAlgoPerf_t,
        d.handle.0,
        d.input,
        d.output,
        d.convolution,
        d.weight
    );
    let shape = (sizes.out, sizes.c, sizes.kernel.0, sizes.kernel.1);
    let (x, dy) = (start(input)?, start(by_output)?);
    written(shape, bytes, input.device(), |space, dw| {
        // SAFETY: as in `forward`.
        unsafe {
            result::convolution_backward_filter(
                d.handle.0,
                ONE,
                d.input,
                x,
                d.output,
                dy,
                d.convolution,
                algorithm,
                space,
                bytes,
                NOTHING,
                d.weight,
                dw,
            )
        }
    })
}
