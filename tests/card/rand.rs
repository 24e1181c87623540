//! cuRAND: candle opens a generator with each card. Gapwatch draws nothing from it, so there is nothing to draw.

use std::ffi::c_void;
use std::ptr::dangling_mut;

/// # Safety
/// As cuRAND declares it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn curandCreateGenerator(generator: *mut *mut c_void, _: i32) -> i32 {
    // SAFETY: the caller gives a place for the handle.
    unsafe { *generator = dangling_mut() };
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn curandDestroyGenerator(_: *mut c_void) -> i32 {
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn curandSetPseudoRandomGeneratorSeed(_: *mut c_void, _: u64) -> i32 {
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn curandSetGeneratorOffset(_: *mut c_void, _: u64) -> i32 {
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn curandSetStream(_: *mut c_void, _: *mut c_void) -> i32 {
    0
}
