//! The kernels on a card: compiled for it by NVRTC when the first is started.
//!
//! All work of an opened card goes through one stream, so that everything happens in the order in which it was asked for.

use super::launch::{Argument, Launch, THREADS};
use super::source::SOURCE;
use candle_core::cuda_backend::cudarc::driver::result::{device::get_default_mem_pool, mem_pool};
use candle_core::cuda_backend::cudarc::driver::sys::CUmemPool_attribute;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, DevicePtr, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::cuda_backend::{CudaStorage, DeviceId, WrapErr};
use candle_core::{CudaDevice, DType, Device, Error, Result, Shape, Storage, Tensor, bail};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

/// The name under which candle keeps the compiled kernels of a card.
const MODULE: &str = "gapwatch";

/// The compute capabilities that the kernels are compiled for, newest first: a card takes the newest it knows.
const ARCHITECTURES: [((i32, i32), &str); 6] = [
    ((12, 0), "compute_120"),
    ((10, 0), "compute_100"),
    ((9, 0), "compute_90"),
    ((8, 9), "compute_89"),
    ((8, 0), "compute_80"),
    ((7, 5), "compute_75"),
];

/// The kernels' PTX for an architecture such as `compute_80`.
fn compile(architecture: &'static str) -> Result<String> {
    let options = CompileOptions {
        arch: Some(architecture),
        name: Some("gapwatch.cu".to_owned()),
        ..CompileOptions::default()
    };
    Ok(compile_ptx_with_opts(SOURCE, options).w()?.to_src())
}

/// The kernels' PTX for a card, compiled once a process.
fn ptx(device: &CudaDevice) -> Result<Arc<str>> {
    static COMPILED: Mutex<Option<HashMap<&str, Arc<str>>>> = Mutex::new(None);
    let capability = device.cuda_stream().context().compute_capability().w()?;
    let known = ARCHITECTURES.iter().find(|(least, _)| capability >= *least);
    let Some((_, architecture)) = known else {
        bail!(
            "this card's compute capability is {}.{}, and training needs 7.5 or more",
            capability.0,
            capability.1
        );
    };
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compiled = compiled.get_or_insert_default();
    if let Some(ptx) = compiled.get(architecture) {
        return Ok(ptx.clone());
    }
    let ptx: Arc<str> = compile(architecture)?.into();
    compiled.insert(architecture, ptx.clone());
    Ok(ptx)
}

/// Opens the card of this number, with a stream of its own.
pub(super) fn open(ordinal: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(ordinal)?;
    // SAFETY: events keep the work of several streams apart, and a tensor of this device never meets another stream.
    unsafe { device.as_cuda_device()?.disable_event_tracking() };
    keep_memory(device.as_cuda_device()?)?;
    Ok(device)
}

/// Lets the card's pool keep what tensors give back until the process ends. By default it returns all of it to the system at
/// every wait, and the next step would ask for it anew.
fn keep_memory(device: &CudaDevice) -> Result<()> {
    let stream = device.cuda_stream();
    let context = stream.context();
    if !context.has_async_alloc() {
        return Ok(());
    }
    let mut most = u64::MAX;
    // SAFETY: the context has opened the device, whose pool lives as long as it does; the attribute is a 64-bit number.
    unsafe {
        let pool = get_default_mem_pool(context.cu_device()).w()?;
        let attribute = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        mem_pool::set_attribute(pool, attribute, (&raw mut most).cast()).w()
    }
}

/// A value that a kernel gets.
enum Value {
    Address(u64),
    Int(i32),
    Word(u32),
    Float(f32),
    Double(f64),
}

/// A card's kernel of this name. The driver is asked once in each thread.
fn function(device: &CudaDevice, kernel: &'static str) -> Result<Rc<CudaFunction>> {
    thread_local! {
        static KNOWN: RefCell<HashMap<(DeviceId, &'static str), Rc<CudaFunction>>> = RefCell::default();
    }
    let key = (device.id(), kernel);
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).cloned()) {
        return Ok(known);
    }
    let function = device.get_or_load_custom_func(kernel, MODULE, &ptx(device)?)?;
    let function = Rc::new(function.into_cuda_function());
    KNOWN.with_borrow_mut(|known| known.insert(key, function.clone()));
    Ok(function)
}

/// Starts a kernel whose arguments have been checked.
pub(super) fn launch(device: &CudaDevice, launch: &Launch) -> Result<()> {
    let function = function(device, launch.kernel)?;
    let values: Vec<Value> = launch
        .arguments
        .iter()
        .map(|argument| value(*argument))
        .collect::<Result<_>>()?;
    let stream = device.cuda_stream();
    let mut builder = stream.launch_builder(&function);
    for value in &values {
        match value {
            Value::Address(address) => builder.arg(address),
            Value::Int(number) => builder.arg(number),
            Value::Word(word) => builder.arg(word),
            Value::Float(number) => builder.arg(number),
            Value::Double(number) => builder.arg(number),
        };
    }
    let blocks = |count: usize| u32::try_from(count).map_err(Error::wrap);
    let config = LaunchConfig {
        grid_dim: (blocks(launch.grid.0)?, blocks(launch.grid.1)?, 1),
        block_dim: (THREADS as u32, 1, 1),
        shared_mem_bytes: 0,
    };
    // SAFETY: the values are of the kinds that the kernel declares, which `Launch::run` has checked; that it stays within
    // its tensors is what the emulator tests. Memory goes back to the card in the order of the one stream, after this.
    unsafe { builder.launch(config) }.w()?;
    Ok(())
}

fn value(argument: Argument) -> Result<Value> {
    Ok(match argument {
        Argument::Read(tensor) | Argument::Write(tensor) => Value::Address(pointer(tensor)?),
        Argument::Int(number) => Value::Int(i32::try_from(number).map_err(Error::wrap)?),
        Argument::Word(word) => Value::Word(word),
        Argument::Float(number) => Value::Float(number),
        Argument::Double(number) => Value::Double(number),
    })
}

/// Where a contiguous tensor's numbers begin on its card.
pub(super) fn pointer(tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        bail!("a tensor of a kernel is not on the card")
    };
    let dtype = tensor.dtype();
    let before = layout.start_offset() * dtype.size_in_bytes();
    Ok(address(storage, dtype)? + before as u64)
}

/// Where a storage's numbers begin on the card.
fn address(storage: &CudaStorage, dtype: DType) -> Result<u64> {
    let stream = storage.device.cuda_stream();
    Ok(match dtype {
        DType::F32 => storage.as_cuda_slice::<f32>()?.device_ptr(&stream).0,
        DType::F64 => storage.as_cuda_slice::<f64>()?.device_ptr(&stream).0,
        DType::U32 => storage.as_cuda_slice::<u32>()?.device_ptr(&stream).0,
        DType::U8 => storage.as_cuda_slice::<u8>()?.device_ptr(&stream).0,
        dtype => bail!("no kernel takes {dtype:?}"),
    })
}

/// A tensor on a card whose numbers are nothing yet.
pub(super) fn empty(shape: Shape, dtype: DType, device: &Device) -> Result<Tensor> {
    // SAFETY: whoever asks has a kernel write all of it, which the emulator tests with NaN in this place.
    unsafe { Tensor::empty(shape, dtype, device) }
}
