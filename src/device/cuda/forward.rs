//! The functions of the CUDA libraries, forwarded to libraries that are opened at the first call of one.
//!
//! candle links these libraries, and a program that is linked to a library does not start where it is missing. The functions
//! here take their place in the linker's eyes, so that the same executable starts, and trains on the processor, on a machine
//! without a card. Where a library is missing, every function answers with its kind's error for "no device", and
//! [`super::load`] says why.

use super::libraries::{self, Kind};
use libloading::Library;
use std::arch::naked_asm;
use std::ffi::c_int;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A forwarded function: its name, and where a call of it goes.
type Function = (&'static str, &'static AtomicPtr<()>);

macro_rules! forwarded {
    ($($library:ident = $($name:ident)*;)*) => {
        /// Where a call of each goes.
        #[allow(non_upper_case_globals)]
        mod target {
            use super::{AtomicPtr, first_call};
            $($(pub static $name: AtomicPtr<()> = AtomicPtr::new(first_call as *mut ());)*)*
        }

        /// What the linker finds. Arguments stay where the caller put them.
        #[allow(non_snake_case)]
        mod entry {
            use super::{naked_asm, target};
            $($(
                // SAFETY: it goes on in the target with registers and stack as they are, but for r11, which belongs to no one.
                #[unsafe(naked)]
                #[unsafe(no_mangle)]
                extern "C" fn $name() {
                    naked_asm!("lea r11, [rip + {}]", "jmp [r11]", sym target::$name)
                }
            )*)*
        }

        /// The functions that are wanted of a library.
        fn functions(kind: Kind) -> &'static [Function] {
            match kind {
                $(Kind::$library => {
                    static FUNCTIONS: &[Function] = &[$((stringify!($name), &target::$name)),*];
                    FUNCTIONS
                })*
            }
        }
    };
}

// What candle and cudarc call. One that is missing here is found by the linker in the library itself, and the executable then
// needs that library to start: `.ci/cuda` looks.
forwarded! {
    Driver =
        cuCtxCreate_v2 cuCtxCreate_v3 cuCtxCreate_v4 cuCtxDestroy_v2 cuCtxGetCacheConfig cuCtxGetCurrent cuCtxGetLimit
        cuCtxGetStreamPriorityRange cuCtxSetCacheConfig cuCtxSetCurrent cuCtxSetFlags cuCtxSetLimit cuCtxSynchronize
        cuDestroyExternalMemory cuDeviceGet cuDeviceGetAttribute cuDeviceGetCount cuDeviceGetDefaultMemPool
        cuDeviceGetMemPool cuDeviceGetName cuDeviceGetUuid cuDeviceGetUuid_v2 cuDevicePrimaryCtxRelease_v2
        cuDevicePrimaryCtxRetain cuDeviceSetMemPool cuDeviceTotalMem_v2 cuDriverGetVersion cuEventCreate
        cuEventDestroy_v2 cuEventElapsedTime cuEventElapsedTime_v2 cuEventQuery cuEventRecord cuEventSynchronize
        cuExternalMemoryGetMappedBuffer cuFuncGetAttribute cuFuncSetAttribute cuFuncSetCacheConfig cuGetErrorName
        cuGetErrorString cuGraphClone cuGraphDestroy cuGraphExecDestroy cuGraphInstantiateWithFlags cuGraphLaunch
        cuGraphUpload cuImportExternalMemory cuInit cuLaunchCooperativeKernel cuLaunchHostFunc cuLaunchKernel
        cuMemAdvise_v2 cuMemAllocAsync cuMemAllocFromPoolAsync cuMemAllocHost_v2 cuMemAllocManaged cuMemAlloc_v2
        cuMemFreeAsync cuMemFreeHost cuMemFree_v2 cuMemGetInfo_v2 cuMemHostAlloc cuMemPoolCreate cuMemPoolDestroy
        cuMemPoolGetAttribute cuMemPoolSetAttribute cuMemPoolTrimTo cuMemPrefetchAsync_v2 cuMemcpyDtoDAsync_v2
        cuMemcpyDtoD_v2 cuMemcpyDtoHAsync_v2 cuMemcpyDtoH_v2 cuMemcpyHtoDAsync_v2 cuMemcpyHtoD_v2 cuMemcpyPeerAsync
        cuMemsetD8Async cuMemsetD8_v2 cuModuleGetFunction cuModuleGetGlobal_v2 cuModuleLoad cuModuleLoadData
        cuModuleLoadDataEx cuModuleUnload cuOccupancyAvailableDynamicSMemPerBlock
        cuOccupancyMaxActiveBlocksPerMultiprocessor cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags
        cuOccupancyMaxActiveClusters cuOccupancyMaxPotentialBlockSize cuOccupancyMaxPotentialBlockSizeWithFlags
        cuOccupancyMaxPotentialClusterSize cuProfilerStart cuProfilerStop cuStreamAttachMemAsync
        cuStreamBeginCapture_v2 cuStreamCreate cuStreamCreateWithPriority cuStreamDestroy_v2 cuStreamEndCapture
        cuStreamIsCapturing cuStreamSynchronize cuStreamWaitEvent;
    CublasLt =
        cublasLtCreate cublasLtDestroy cublasLtLoggerOpenFile cublasLtLoggerSetLevel cublasLtMatmul
        cublasLtMatmulAlgoGetHeuristic cublasLtMatmulDescCreate cublasLtMatmulDescDestroy
        cublasLtMatmulDescSetAttribute cublasLtMatmulPreferenceCreate cublasLtMatmulPreferenceDestroy
        cublasLtMatmulPreferenceSetAttribute cublasLtMatrixLayoutCreate cublasLtMatrixLayoutDestroy
        cublasLtMatrixLayoutSetAttribute;
    Cublas =
        cublasCreate_v2 cublasDasum_v2 cublasDestroy_v2 cublasDgemmStridedBatched cublasDgemm_v2 cublasDgemv_v2
        cublasGemmEx cublasGemmGroupedBatchedEx cublasGemmStridedBatchedEx cublasGetPointerMode_v2 cublasSasum_v2
        cublasSetMathMode cublasSetPointerMode_v2 cublasSetStream_v2 cublasSetWorkspace_v2 cublasSgemmStridedBatched
        cublasSgemm_v2 cublasSgemv_v2;
    Curand =
        curandCreateGenerator curandDestroyGenerator curandGenerate curandGenerateLogNormal
        curandGenerateLogNormalDouble curandGenerateLongLong curandGenerateNormal curandGenerateNormalDouble
        curandGeneratePoisson curandGenerateUniform curandGenerateUniformDouble curandSetGeneratorOffset
        curandSetPseudoRandomGeneratorSeed curandSetStream;
    Nvrtc =
        nvrtcCompileProgram nvrtcCreateProgram nvrtcDestroyProgram nvrtcGetPTX nvrtcGetPTXSize nvrtcGetProgramLog
        nvrtcGetProgramLogSize;
    Cudnn =
        cudnnActivationForward cudnnConvolutionBackwardData cudnnConvolutionBackwardFilter
        cudnnConvolutionBiasActivationForward cudnnConvolutionForward cudnnCreate cudnnCreateActivationDescriptor
        cudnnCreateConvolutionDescriptor cudnnCreateFilterDescriptor cudnnCreatePoolingDescriptor
        cudnnCreateReduceTensorDescriptor cudnnCreateTensorDescriptor cudnnDestroy cudnnDestroyActivationDescriptor
        cudnnDestroyConvolutionDescriptor cudnnDestroyFilterDescriptor cudnnDestroyPoolingDescriptor
        cudnnDestroyReduceTensorDescriptor cudnnDestroyTensorDescriptor
        cudnnGetConvolutionBackwardDataAlgorithm_v7 cudnnGetConvolutionBackwardDataWorkspaceSize
        cudnnGetConvolutionBackwardFilterAlgorithm_v7 cudnnGetConvolutionBackwardFilterWorkspaceSize
        cudnnGetConvolutionForwardAlgorithm_v7 cudnnGetConvolutionForwardWorkspaceSize cudnnGetCudartVersion
        cudnnGetReductionIndicesSize cudnnGetReductionWorkspaceSize cudnnGetVersion cudnnPoolingForward
        cudnnReduceTensor cudnnSetActivationDescriptor cudnnSetConvolution2dDescriptor cudnnSetConvolutionGroupCount
        cudnnSetConvolutionMathType cudnnSetConvolutionNdDescriptor cudnnSetFilter4dDescriptor
        cudnnSetFilterNdDescriptor cudnnSetPoolingNdDescriptor cudnnSetReduceTensorDescriptor cudnnSetStream
        cudnnSetTensor4dDescriptor cudnnSetTensor4dDescriptorEx cudnnSetTensorNdDescriptor cudnnSoftmaxForward;
}

/// Sends the functions of an opened library there; those that it has not (another version has) say so when they are called.
pub(super) fn to_library(kind: Kind, library: &Library) {
    for (name, target) in functions(kind) {
        // SAFETY: the address is only stored. It is called as what the library's header declares under this name, by callers
        // whose declarations are made from that header, and the library is never closed.
        let found = unsafe { library.get::<*mut ()>(name.as_bytes()) };
        let address = found.map_or(no_device(kind), |symbol| *symbol);
        target.store(address, Ordering::Release);
    }
}

/// Lets the functions of a library that is missing answer that there is no device.
pub(super) fn to_nothing(kind: Kind) {
    for (_, target) in functions(kind) {
        target.store(no_device(kind), Ordering::Release);
    }
}

/// A function of any arguments that answers with its library's error for "no device" or "not initialised".
fn no_device(kind: Kind) -> *mut () {
    extern "C" fn answer<const STATUS: c_int>() -> c_int {
        STATUS
    }
    match kind {
        // CUDA_ERROR_NO_DEVICE
        Kind::Driver => answer::<100> as *mut (),
        // CUBLAS_STATUS_NOT_INITIALIZED, CUDNN_STATUS_NOT_INITIALIZED
        Kind::CublasLt | Kind::Cublas | Kind::Cudnn => answer::<1> as *mut (),
        // NVRTC_ERROR_INTERNAL_ERROR
        Kind::Nvrtc => answer::<11> as *mut (),
        // CURAND_STATUS_NOT_INITIALIZED
        Kind::Curand => answer::<101> as *mut (),
    }
}

/// Calls a function and goes on with what was called, whose target's address is in r11. Every register that may carry an
/// argument (System V ABI, section 3.2.3) is kept, and the stack is aligned to 16 bytes: it is 8 off at the entry, 8 registers
/// keep that, and 136 bytes mend it.
macro_rules! go_on_after {
    ($first:path) => {
        naked_asm!(
            "push rdi",
            "push rsi",
            "push rdx",
            "push rcx",
            "push r8",
            "push r9",
            "push rax",
            "push r11",
            "sub rsp, 136",
            "movups [rsp], xmm0",
            "movups [rsp + 16], xmm1",
            "movups [rsp + 32], xmm2",
            "movups [rsp + 48], xmm3",
            "movups [rsp + 64], xmm4",
            "movups [rsp + 80], xmm5",
            "movups [rsp + 96], xmm6",
            "movups [rsp + 112], xmm7",
            "call {first}",
            "movups xmm0, [rsp]",
            "movups xmm1, [rsp + 16]",
            "movups xmm2, [rsp + 32]",
            "movups xmm3, [rsp + 48]",
            "movups xmm4, [rsp + 64]",
            "movups xmm5, [rsp + 80]",
            "movups xmm6, [rsp + 96]",
            "movups xmm7, [rsp + 112]",
            "add rsp, 136",
            "pop r11",
            "pop rax",
            "pop r9",
            "pop r8",
            "pop rcx",
            "pop rdx",
            "pop rsi",
            "pop rdi",
            "jmp [r11]",
            first = sym $first,
        )
    };
}

/// Where every function goes until the libraries were opened, or were found missing.
// SAFETY: see `go_on_after`.
#[unsafe(naked)]
extern "C" fn first_call() {
    go_on_after!(load)
}

/// After this no function goes to [`first_call`] again.
extern "C" fn load() {
    // Why something is missing is told to who asks `libraries::load`; this caller gets an error of its own.
    let _ = libraries::load();
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sum = extern "C" fn(u64, f64, u64, f64, u64, u64, u64, u64, u64) -> f64;

    static SUM: AtomicPtr<()> = AtomicPtr::new(first_sum as *mut ());

    extern "C" fn sum(
        a: u64,
        b: f64,
        c: u64,
        d: f64,
        e: u64,
        f: u64,
        g: u64,
        h: u64,
        i: u64,
    ) -> f64 {
        (a + 2 * c + 3 * e + 4 * f + 5 * g + 6 * h + 7 * i) as f64 + b + 10.0 * d
    }

    extern "C" fn open_sum() {
        let _ = libraries::load();
        SUM.store(sum as *mut (), Ordering::Release);
    }

    #[unsafe(naked)]
    extern "C" fn first_sum() {
        go_on_after!(open_sum)
    }

    #[unsafe(naked)]
    extern "C" fn enter_sum() {
        naked_asm!("lea r11, [rip + {}]", "jmp [r11]", sym SUM)
    }

    #[test]
    fn the_first_call_keeps_its_arguments_while_the_libraries_are_opened() {
        // SAFETY: what is entered goes on in `sum`, which is of this type.
        let enter = unsafe { std::mem::transmute::<extern "C" fn(), Sum>(enter_sum) };
        let expected = (1 + 2 * 2 + 3 * 3 + 4 * 4 + 5 * 5 + 6 * 6 + 7 * 7) as f64 + 0.5 + 2.5;
        assert_eq!(enter(1, 0.5, 2, 0.25, 3, 4, 5, 6, 7), expected);
        assert_eq!(enter(1, 0.5, 2, 0.25, 3, 4, 5, 6, 7), expected);
    }
}
