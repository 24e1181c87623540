//! cuBLAS: the one product that candle asks for in float32 and float64.

use super::memory::memory;
use super::{report, work};
use std::ffi::c_void;
use std::ptr::dangling_mut;

const NOT_SUPPORTED: i32 = 15;
const EXECUTION_FAILED: i32 = 13;
const FLOAT32: i32 = 0;
/// CUBLAS_COMPUTE_32F
const FULL: i32 = 68;
/// CUBLAS_COMPUTE_32F_FAST_TF32
const TF32: i32 = 77;

/// # Safety
/// As cuBLAS declares it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasCreate_v2(handle: *mut *mut c_void) -> i32 {
    // SAFETY: the caller gives a place for the handle.
    unsafe { *handle = dangling_mut() };
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn cublasDestroy_v2(_: *mut c_void) -> i32 {
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn cublasSetStream_v2(_: *mut c_void, _: *mut c_void) -> i32 {
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn cublasSetWorkspace_v2(_: *mut c_void, _: *mut c_void, _: usize) -> i32 {
    0
}

/// A matrix in columns, of a batch: where it begins, and how far it is to the next column and to the next matrix.
#[derive(Clone, Copy)]
struct Matrix {
    start: u64,
    transposed: bool,
    column: usize,
    next: usize,
}

impl Matrix {
    /// The bytes that a batch of matrices of this many rows and columns, as they lie, goes over.
    fn bytes(&self, rows: usize, columns: usize, batch: usize) -> usize {
        let (rows, columns) = match self.transposed {
            true => (columns, rows),
            false => (rows, columns),
        };
        let one = (columns.max(1) - 1) * self.column + rows;
        4 * ((batch.max(1) - 1) * self.next + one)
    }

    /// The strides of rows and of columns.
    fn strides(&self) -> (isize, isize) {
        let column = self.column as isize;
        if self.transposed {
            (column, 1)
        } else {
            (1, column)
        }
    }
}

/// # Safety
/// As cuBLAS declares it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasGemmStridedBatchedEx(
    _: *mut c_void,
    transposed_a: i32,
    transposed_b: i32,
    m: i32,
    n: i32,
    k: i32,
    alpha: *const c_void,
    a: *const c_void,
    kind_a: i32,
    lda: i32,
    stride_a: i64,
    b: *const c_void,
    kind_b: i32,
    ldb: i32,
    stride_b: i64,
    beta: *const c_void,
    c: *mut c_void,
    kind_c: i32,
    ldc: i32,
    stride_c: i64,
    batch: i32,
    compute: i32,
    _: i32,
) -> i32 {
    if [kind_a, kind_b, kind_c] != [FLOAT32; 3] || ![FULL, TF32].contains(&compute) {
        return NOT_SUPPORTED;
    }
    let matrix = |start: *const c_void, transposed, column: i32, next: i64| Matrix {
        start: start as u64,
        transposed: transposed != 0,
        column: column as usize,
        next: next as usize,
    };
    let (m, n, k, batch) = (m as usize, n as usize, k as usize, batch as usize);
    // SAFETY: by default they are numbers of the host's, of the kind that is computed in.
    let (alpha, beta) = unsafe { (*alpha.cast::<f32>(), *beta.cast::<f32>()) };
    let product = Product {
        sizes: (m, n, k, batch),
        a: matrix(a, transposed_a, lda, stride_a),
        b: matrix(b, transposed_b, ldb, stride_b),
        c: matrix(c, 0, ldc, stride_c),
        alpha,
        beta,
        rounded: compute == TF32,
    };
    match work::later(move || product.run()) {
        0 => 0,
        _ => EXECUTION_FAILED,
    }
}

struct Product {
    sizes: (usize, usize, usize, usize),
    a: Matrix,
    b: Matrix,
    c: Matrix,
    alpha: f32,
    beta: f32,
    rounded: bool,
}

impl Product {
    fn run(&self) -> Result<(), i32> {
        let (m, n, k, batch) = self.sizes;
        let bytes = [
            (self.a, self.a.bytes(m, k, batch)),
            (self.b, self.b.bytes(k, n, batch)),
            (self.c, self.c.bytes(m, n, batch)),
        ];
        for (matrix, bytes) in bytes {
            if !memory().has(matrix.start, bytes) {
                eprintln!("card in software: a product goes beyond its matrices");
                return Err(700);
            }
        }
        let name = if self.rounded {
            "product in TF32"
        } else {
            "product"
        };
        report::count(name, bytes.iter().map(|(_, bytes)| *bytes as u64).sum());
        let (a, b) = (self.copied(bytes[0]), self.copied(bytes[1]));
        let (a_rows, a_columns) = self.a.strides();
        let (b_rows, b_columns) = self.b.strides();
        for i in 0..batch {
            // SAFETY: the three were just seen to lie within memory of the card, of which the first two are copies.
            unsafe {
                gemm::gemm(
                    m,
                    n,
                    k,
                    (self.c.start as *mut f32).add(i * self.c.next),
                    self.c.column as isize,
                    1,
                    self.beta != 0.0,
                    a.as_ptr().add(i * self.a.next),
                    a_columns,
                    a_rows,
                    b.as_ptr().add(i * self.b.next),
                    b_columns,
                    b_rows,
                    self.beta,
                    self.alpha,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                );
            }
        }
        Ok(())
    }

    /// A matrix's numbers, as the units for products take them.
    fn copied(&self, (matrix, bytes): (Matrix, usize)) -> Vec<f32> {
        // SAFETY: the bytes lie within memory of the card, which is aligned for more than this.
        let numbers = unsafe { std::slice::from_raw_parts(matrix.start as *const f32, bytes / 4) };
        match self.rounded {
            true => numbers.iter().map(|&x| to_tf32(x)).collect(),
            false => numbers.to_vec(),
        }
    }
}

/// The nearest number with ten bits behind the point, halves away from zero; what is not finite stays.
fn to_tf32(x: f32) -> f32 {
    if x.is_finite() {
        f32::from_bits((x.to_bits() + (1 << 12)) & !((1 << 13) - 1))
    } else {
        x
    }
}
