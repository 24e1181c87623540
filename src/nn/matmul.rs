//! Matrix products through `gemm`, split into fixed tiles of the result so that the number of threads changes no bit.

use super::kernel::{Kernels, Rows};
use gemm::Parallelism;
use rayon::prelude::*;

/// A matrix in a slice with any strides.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row by row without gaps.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "a matrix of {rows} × {cols}");
        Matrix {
            data,
            rows,
            cols,
            row_stride: cols,
            col_stride: 1,
        }
    }

    /// Rows and columns exchanged.
    pub fn t(self) -> Self {
        Matrix {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// The rows, where each lies in one piece.
    fn long_rows(self) -> Option<Rows<'a>> {
        (self.col_stride == 1).then_some(Rows {
            numbers: self.data,
            count: self.rows,
            stride: self.row_stride,
        })
    }

    /// Columns `from` up to `to`.
    fn cols(self, from: usize, to: usize) -> Self {
        Matrix {
            data: &self.data[(from * self.col_stride).min(self.data.len())..],
            cols: to - from,
            ..self
        }
    }
}

/// `out` = `a` · `b`, or `out` += `a` · `b` where `add`; `out` is row by row. On the calling thread.
pub fn matmul(out: &mut [f32], a: Matrix, b: Matrix, add: bool) {
    let (rows, cols) = (a.rows, b.cols);
    assert_eq!(out.len(), rows * cols);
    // SAFETY: `out` is exclusively ours and holds rows × cols numbers, as just checked.
    unsafe { tile(out.as_mut_ptr(), cols, (0, rows), (0, cols), a, b, add) }
}

/// Rows or columns of a tile: enough to keep the inner kernel busy, few enough to share out.
const TILE: usize = 128;

/// Fewer tiles than this leave threads idle.
const FEW: usize = 4;

/// Terms of a sum that one task adds up, where results are few and sums are long.
const PART: usize = 2048;

/// As [`matmul`], on rayon's current threads.
pub fn matmul_parallel(out: &mut [f32], a: Matrix, b: Matrix, add: bool) {
    let (rows, cols) = (a.rows, b.cols);
    assert_eq!(out.len(), rows * cols);
    if has_long_sums(rows.max(cols), a.cols) {
        return add_parts(out, a.cols, add, |memory, (from, to), sums| {
            let (a, b) = (a.cols(from, to), b.t().cols(from, to));
            match (a.long_rows(), b.long_rows()) {
                // A large matrix of weights is not packed: it is read from where it is.
                (Some(left), Some(right)) => {
                    Kernels::best().dots(left, right, to - from, &mut memory.packed, sums);
                }
                _ => matmul(sums, a, b.t(), false),
            }
        });
    }
    let by_rows = rows >= cols;
    let tiles = if by_rows { rows } else { cols }.div_ceil(TILE);
    let start = Shared(out.as_mut_ptr());
    (0..tiles).into_par_iter().for_each(|i| {
        let part = |length: usize| (i * TILE, length.min((i + 1) * TILE));
        let (r, c) = if by_rows {
            (part(rows), (0, cols))
        } else {
            ((0, rows), part(cols))
        };
        // SAFETY: `out` is exclusively ours, holds rows × cols numbers, and the tiles do not overlap.
        unsafe { tile(start.get(), cols, r, c, a, b, add) }
    });
}

/// Rows (N, F) whose numbers are made when they are worked on, so that they are never in memory all at once.
pub trait LazyRows: Sync {
    /// N
    fn count(&self) -> usize;

    /// Writes a row's numbers, those from `from` on, as many as fit into `out`.
    fn write(&self, row: usize, from: usize, out: &mut [f32]);
}

/// `out` = `rows` · `weights`ᵀ, or `out` += that where `add`, with weights (out, F) in rows without gaps: the same bits as
/// [`matmul_parallel`] gives of a few rows that were made.
///
/// # Panics
/// Where the weights do not [have long sums](has_long_sums).
pub fn matmul_lazy(out: &mut [f32], rows: &dyn LazyRows, weights: Matrix, add: bool) {
    /// Rows that are made at once: a part of them lies in the second cache.
    const MADE: usize = 32;
    let (n, cols) = (rows.count(), weights.rows);
    assert_eq!(out.len(), n * cols);
    assert!(has_long_sums(cols, weights.cols));
    add_parts(out, weights.cols, add, |memory, (from, to), sums| {
        let length = to - from;
        let of_weights = weights.cols(from, to).long_rows();
        let of_weights = of_weights.expect("weights lie in rows");
        for (group, sums) in sums.chunks_mut(MADE * cols).enumerate() {
            let count = sums.len() / cols;
            memory.made.resize(count * length, 0.0);
            for (i, row) in memory.made.chunks_exact_mut(length).enumerate() {
                rows.write(group * MADE + i, from, row);
            }
            let made = Rows {
                numbers: &memory.made,
                count,
                stride: length,
            };
            Kernels::best().dots(made, of_weights, length, &mut memory.packed, sums);
        }
    });
}

/// True for results of so few rows and columns, and such long sums, that these are shared out among threads.
pub fn has_long_sums(results: usize, terms: usize) -> bool {
    results.div_ceil(TILE) < FEW && terms >= 2 * PART
}

/// Rows that are there already, and the length of one.
#[cfg(test)]
pub(crate) struct Made(pub Vec<f32>, pub usize);

#[cfg(test)]
impl LazyRows for Made {
    fn count(&self) -> usize {
        self.0.len() / self.1
    }

    fn write(&self, row: usize, from: usize, out: &mut [f32]) {
        out.copy_from_slice(&self.0[row * self.1 + from..][..out.len()]);
    }
}

/// What a task works in, kept from part to part.
#[derive(Default)]
struct Memory {
    made: Vec<f32>,
    packed: Vec<f32>,
}

/// Adds up results of long sums, of which `sum` writes those of the terms `from` up to `to`: parts of the inner axis are shared
/// out, as a layer over an image's pixels has few results of long sums.
fn add_parts(
    out: &mut [f32],
    terms: usize,
    add: bool,
    sum: impl Fn(&mut Memory, (usize, usize), &mut [f32]) + Sync,
) {
    /// Results that one task adds up over the parts.
    const PIECE: usize = 4096;
    let parts: Vec<Vec<f32>> = (0..terms.div_ceil(PART))
        .into_par_iter()
        .map_init(Memory::default, |memory, part| {
            let mut sums = vec![0f32; out.len()];
            sum(
                memory,
                (part * PART, terms.min((part + 1) * PART)),
                &mut sums,
            );
            sums
        })
        .collect();
    if !add {
        out.fill(0.0);
    }
    // In the parts' order, so that the number of threads changes no bit.
    let pieces = out.par_chunks_mut(PIECE).enumerate();
    pieces.for_each(|(i, out)| {
        for part in &parts {
            let part = &part[i * PIECE..];
            out.iter_mut().zip(part).for_each(|(out, x)| *out += x);
        }
    });
}

/// A pointer that tiles share.
struct Shared(*mut f32);

// SAFETY: each tile writes numbers of its own; see `matmul_parallel`.
unsafe impl Sync for Shared {}

impl Shared {
    fn get(&self) -> *mut f32 {
        self.0
    }
}

/// Rows `r` and columns `c` of the product.
///
/// # Safety
/// `out` must be writable by this call alone at those rows and columns, `stride` numbers a row.
unsafe fn tile(
    out: *mut f32,
    stride: usize,
    r: (usize, usize),
    c: (usize, usize),
    a: Matrix,
    b: Matrix,
    add: bool,
) {
    assert_eq!(a.cols, b.rows, "inner sizes of a matrix product");
    assert!(r.1 <= a.rows && c.1 <= b.cols);
    if r.0 >= r.1 || c.0 >= c.1 {
        return;
    }
    let alpha = if add { 1.0 } else { 0.0 };
    if a.cols == 0 {
        if !add {
            for row in r.0..r.1 {
                for col in c.0..c.1 {
                    // SAFETY: within the part that is ours.
                    unsafe { *out.add(row * stride + col) = 0.0 };
                }
            }
        }
        return;
    }
    // SAFETY: `Matrix::new` has checked the operands' sizes, the caller answers for `out`.
    // gemm computes alpha · dst + beta · lhs · rhs.
    unsafe {
        gemm::gemm(
            r.1 - r.0,
            c.1 - c.0,
            a.cols,
            out.add(r.0 * stride + c.0),
            1,
            stride as isize,
            add,
            a.data.as_ptr().add(r.0 * a.row_stride),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr().add(c.0 * b.col_stride),
            b.col_stride as isize,
            b.row_stride as isize,
            alpha,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Stream;

    #[test]
    fn rows_that_are_made_later_give_the_bits_of_those_that_are_there() {
        let numbers = |name, count| -> Vec<f32> {
            let stream = Stream::new(5, name);
            (0..count).map(|i| stream.unit(i as u64) - 0.5).collect()
        };
        for (rows, terms, out) in [
            (1, 2 * PART, 1),
            (31, 2 * PART + 17, 9),
            (70, 3 * PART + 1, 40),
        ] {
            let made = Made(numbers("rows", rows * terms), terms);
            let weights = numbers("weights", out * terms);
            let weights = Matrix::new(&weights, out, terms);
            for add in [false, true] {
                let [mut one, mut other] = [(); 2].map(|()| numbers("before", rows * out));
                matmul_lazy(&mut one, &made, weights, add);
                let a = Matrix::new(&made.0, rows, terms);
                matmul_parallel(&mut other, a, weights.t(), add);
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&one), bits(&other), "{rows}, {terms}, {out}, {add}");
            }
        }
        assert!(!has_long_sums(9, 2 * PART - 1) && !has_long_sums(400, 2 * PART));
    }

    #[test]
    fn products_of_every_orientation_are_right_on_one_thread_and_on_many() {
        let numbers = |n: usize, k: usize| -> Vec<f32> {
            (0..n).map(|i| ((i * k) % 17) as f32 - 8.0).collect()
        };
        for (m, k, n) in [
            (1, 1, 1),
            (3, 5, 200),
            (300, 7, 2),
            (32, 130, 140),
            (3, 9000, 5),
            (40, 4100, 6),
        ] {
            let (a, b) = (numbers(m * k, 5), numbers(k * n, 7));
            let mut expected = vec![1.0; m * n];
            for i in 0..m {
                for j in 0..n {
                    expected[i * n + j] += (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum::<f32>();
                }
            }
            let transposed = |x: &[f32], rows: usize, cols: usize| -> Vec<f32> {
                (0..rows * cols)
                    .map(|i| x[i % rows * cols + i / rows])
                    .collect()
            };
            let (at, bt) = (transposed(&a, m, k), transposed(&b, k, n));
            for left in [Matrix::new(&a, m, k), Matrix::new(&at, k, m).t()] {
                for right in [Matrix::new(&b, k, n), Matrix::new(&bt, n, k).t()] {
                    let mut one = vec![1.0; m * n];
                    matmul(&mut one, left, right, true);
                    assert_eq!(one, expected);
                    let mut many = vec![f32::NAN; m * n];
                    matmul_parallel(&mut many, left, right, false);
                    assert!(many.iter().zip(&expected).all(|(x, e)| x + 1.0 == *e));
                }
            }
        }
    }
}
