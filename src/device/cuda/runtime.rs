//! The functions of the CUDA runtime (`libcudart`), which only candle's kernels for quantised tensors want.
//!
//! Gapwatch has no such tensors and never launches these kernels, but the linker takes them in, and they announce themselves
//! to the runtime before `main`. So that the executable starts without that library, these functions are here: announcing does
//! nothing, and everything else answers that it is not supported.

use std::ffi::c_int;

/// `cudaErrorNotSupported`
const NOT_SUPPORTED: c_int = 801;

macro_rules! answers {
    ($answer:expr => $($name:ident)*) => {
        $(
            // SAFETY: the name is the runtime library's, which is not linked in. No argument is looked at.
            #[unsafe(no_mangle)]
            #[allow(non_snake_case)]
            extern "C" fn $name() -> isize {
                $answer as isize
            }
        )*
    };
}

// What is called before `main` and at the end; the first gives a handle that the others are given back.
answers! { 0 =>
    __cudaInitModule __cudaRegisterFatBinary __cudaRegisterFatBinaryEnd __cudaRegisterFunction __cudaRegisterVar
    __cudaUnregisterFatBinary
}

answers! { NOT_SUPPORTED =>
    __cudaGetKernel __cudaLaunchKernel __cudaLaunchKernel_ptsz __cudaPopCallConfiguration __cudaPushCallConfiguration
    cudaDeviceGetAttribute cudaDeviceSynchronize cudaFree cudaFreeAsync cudaFuncSetAttribute cudaGetDevice
    cudaGetDeviceCount cudaGetLastError cudaLaunchKernel cudaLaunchKernel_ptsz cudaMalloc
    cudaMallocAsync cudaMemcpy cudaMemcpyAsync cudaMemset cudaMemsetAsync cudaOccupancyMaxActiveBlocksPerMultiprocessor
    cudaPeekAtLastError cudaSetDevice cudaStreamSynchronize
}
