//! The driver: `cuda.h` as far as candle calls it.

use super::memory::memory;
use super::translated::Kernel;
use super::{report, work};
use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Arc, Mutex};

const INVALID_VALUE: i32 = 1;
const OUT_OF_MEMORY: i32 = 2;
const NO_DEVICE: i32 = 101;
const INVALID_PTX: i32 = 218;
const NOT_FOUND: i32 = 500;
const ILLEGAL_ADDRESS: i32 = 700;

/// 13.0.
const VERSION: i32 = 13000;

thread_local! {
    /// The context of this thread: a card's number and one, so that it is no null pointer.
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// The card of this thread's context.
fn card() -> usize {
    CURRENT.get().max(1) - 1
}

/// Puts an answer where the caller wants it.
///
/// # Safety
/// The place is the caller's own, or null.
unsafe fn answer<T>(place: *mut T, value: T) -> i32 {
    if place.is_null() {
        return INVALID_VALUE;
    }
    // SAFETY: see above.
    unsafe { place.write(value) };
    0
}

macro_rules! driver {
    ($(fn $name:ident($($argument:tt: $kind:ty),*) $body:block)*) => {
        $(
            /// # Safety
            /// As `cuda.h` declares it.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $kind),*) -> i32 {
                // SAFETY: every place and text is the caller's own, as `cuda.h` wants it.
                #[allow(unused_unsafe)]
                unsafe { $body }
            }
        )*
    };
}

driver! {
    fn cuInit(_: u32) { 0 }

    fn cuDriverGetVersion(version: *mut i32) { answer(version, VERSION) }

    // NVRTC looks for one, and does without.
    fn cuGetExportTable(_: *mut *const c_void, _: *const c_void) { NOT_FOUND }

    fn cuDeviceGetCount(count: *mut i32) { answer(count, memory().cards.len() as i32) }

    fn cuDeviceGet(device: *mut i32, ordinal: i32) {
        match usize::try_from(ordinal).is_ok_and(|card| card < memory().cards.len()) {
            true => answer(device, ordinal),
            false => NO_DEVICE,
        }
    }

    fn cuDeviceGetName(name: *mut u8, length: i32, device: i32) {
        let text = format!("Card in software {device}\0");
        let text = &text.as_bytes()[..text.len().min(length as usize)];
        name.copy_from_nonoverlapping(text.as_ptr(), text.len());
        0
    }

    fn cuDeviceTotalMem_v2(bytes: *mut usize, device: i32) {
        answer(bytes, memory().cards[device as usize])
    }

    fn cuDeviceGetAttribute(value: *mut i32, attribute: i32, _: i32) {
        answer(value, match attribute {
            // Threads a block; then the capability, memory pools, and numbers of no consequence here.
            1 => 1024,
            10 => 32,
            16 => 4,
            75 => 9,
            76 => 0,
            115 => 1,
            _ => 0,
        })
    }

    fn cuDevicePrimaryCtxRetain(context: *mut usize, device: i32) {
        answer(context, device as usize + 1)
    }

    fn cuDevicePrimaryCtxRelease_v2(_: i32) { work::wait() }

    fn cuCtxSetCurrent(context: usize) {
        CURRENT.set(context);
        0
    }

    fn cuCtxGetCurrent(context: *mut usize) { answer(context, CURRENT.get()) }

    fn cuCtxSynchronize() {
        report::count("wait", 0);
        work::wait()
    }

    fn cuStreamCreate(stream: *mut usize, _: u32) { answer(stream, 1) }

    fn cuStreamDestroy_v2(_: usize) { work::wait() }

    fn cuStreamSynchronize(_: usize) {
        report::count("wait", 0);
        work::wait()
    }

    fn cuStreamWaitEvent(_: usize, _: usize, _: u32) { 0 }

    fn cuStreamIsCapturing(_: usize, status: *mut i32) { answer(status, 0) }

    fn cuEventCreate(event: *mut usize, _: u32) { answer(event, 1) }

    fn cuEventRecord(_: usize, _: usize) { 0 }

    fn cuEventSynchronize(_: usize) { work::wait() }

    fn cuEventDestroy_v2(_: usize) { 0 }

    fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) {
        let memory = memory();
        let all = memory.cards[card()];
        answer(free, all - memory.used[card()]);
        answer(total, all)
    }

    fn cuDeviceGetDefaultMemPool(pool: *mut usize, device: i32) { answer(pool, device as usize + 1) }

    fn cuMemPoolSetAttribute(_: usize, attribute: i32, _: *mut c_void) {
        report::count(&format!("attribute {attribute} of the memory pool"), 0);
        0
    }

    fn cuMemAllocAsync(start: *mut u64, bytes: usize, _: usize) { take(start, bytes) }

    fn cuMemAlloc_v2(start: *mut u64, bytes: usize) { take(start, bytes) }

    fn cuMemFreeAsync(start: u64, _: usize) {
        if !memory().count_free(start) {
            return INVALID_VALUE;
        }
        if *work::IDLE {
            memory().give_back(start);
            return 0;
        }
        work::later(move || { memory().give_back(start); Ok(()) })
    }

    fn cuMemFree_v2(start: u64) {
        let failed = work::wait();
        if !memory().count_free(start) {
            return INVALID_VALUE;
        }
        memory().give_back(start);
        failed
    }

    fn cuMemcpyHtoDAsync_v2(to: u64, from: *const u8, bytes: usize, _: usize) {
        report::count("copy to the card", bytes as u64);
        // Pageable memory is read before the call returns.
        let copy = std::slice::from_raw_parts(from, bytes).to_vec();
        work::later(move || {
            owned(to, bytes)?;
            (to as *mut u8).copy_from_nonoverlapping(copy.as_ptr(), bytes);
            Ok(())
        })
    }

    fn cuMemcpyDtoHAsync_v2(to: *mut u8, from: u64, bytes: usize, _: usize) {
        report::count("copy to the host", bytes as u64);
        let failed = work::wait();
        if failed != 0 || !memory().has(from, bytes) {
            return if failed == 0 { ILLEGAL_ADDRESS } else { failed };
        }
        to.copy_from_nonoverlapping(from as *const u8, bytes);
        0
    }

    fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, _: usize) {
        report::count("copy on the card", 2 * bytes as u64);
        work::later(move || {
            owned(to, bytes)?;
            owned(from, bytes)?;
            (to as *mut u8).copy_from(from as *const u8, bytes);
            Ok(())
        })
    }

    fn cuMemsetD8Async(to: u64, byte: u8, bytes: usize, _: usize) {
        report::count("fill", bytes as u64);
        work::later(move || {
            owned(to, bytes)?;
            (to as *mut u8).write_bytes(byte, bytes);
            Ok(())
        })
    }

    fn cuModuleLoadData(module: *mut *mut Module, image: *const c_char) {
        let text = CStr::from_ptr(image).to_string_lossy().into_owned();
        if !text.contains(".target") {
            return INVALID_PTX;
        }
        let kernels = Mutex::default();
        answer(module, Box::into_raw(Box::new(Module { text, kernels })))
    }

    // What a module has given out may still be started: its kernels stay.
    fn cuModuleUnload(_: *mut Module) { 0 }

    fn cuModuleGetFunction(function: *mut *const Kernel, module: *const Module, name: *const c_char) {
        let name = CStr::from_ptr(name).to_string_lossy();
        match (*module).kernel(&name) {
            Ok(kernel) => answer(function, kernel),
            Err(error) => {
                eprintln!("card in software: {error}");
                NOT_FOUND
            }
        }
    }

    fn cuLaunchKernel(
        function: *const Kernel, grid_x: u32, grid_y: u32, grid_z: u32, block_x: u32, block_y: u32, block_z: u32,
        shared: u32, _: usize, values: *mut *mut u8, _: *mut *mut c_void
    ) {
        let kernel: &'static Kernel = &*function;
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        let threads: u32 = block.iter().product();
        if threads == 0 || threads > 1024 || grid.contains(&0) || grid_y > 65_535 || grid_z > 65_535 {
            return INVALID_VALUE;
        }
        // They are read before the call returns.
        let values: Vec<Vec<u8>> = kernel.parameters.iter().enumerate()
            .map(|(place, &bytes)| std::slice::from_raw_parts(*values.add(place), bytes).to_vec())
            .collect();
        work::later(move || kernel.run(&values, grid, block, shared))
    }

    fn cuGetErrorName(_: i32, text: *mut *const c_char) { answer(text, c"CUDA_ERROR".as_ptr()) }

    fn cuGetErrorString(error: i32, text: *mut *const c_char) {
        answer(text, match error {
            OUT_OF_MEMORY => c"out of memory",
            ILLEGAL_ADDRESS => c"an illegal memory access was encountered",
            NO_DEVICE => c"invalid device ordinal",
            _ => c"an error of the card in software",
        }.as_ptr())
    }
}

/// A new piece of the current card's memory.
///
/// # Safety
/// The place is the caller's own.
unsafe fn take(start: *mut u64, bytes: usize) -> i32 {
    report::count("piece of memory", bytes as u64);
    match memory().take(card(), bytes) {
        // SAFETY: see above.
        Some(piece) => unsafe { answer(start, piece) },
        None => OUT_OF_MEMORY,
    }
}

/// Refuses what is not the card's memory.
fn owned(start: u64, bytes: usize) -> Result<(), i32> {
    match memory().has(start, bytes) {
        true => Ok(()),
        false => {
            eprintln!("card in software: a copy goes to an address that belongs to nothing");
            Err(ILLEGAL_ADDRESS)
        }
    }
}

/// A module's text, and the kernels that were asked of it.
pub struct Module {
    text: String,
    kernels: Mutex<HashMap<String, Arc<Kernel>>>,
}

impl Module {
    /// The kernel of this name, which stays until the process ends.
    fn kernel(&self, name: &str) -> Result<*const Kernel, String> {
        let mut kernels = self.kernels.lock().unwrap();
        if let Some(kernel) = kernels.get(name) {
            return Ok(Arc::as_ptr(kernel));
        }
        let kernel = Arc::new(Kernel::new(&self.text, name)?);
        let pointer = Arc::as_ptr(&kernel);
        kernels.insert(name.to_owned(), kernel);
        Ok(pointer)
    }
}
