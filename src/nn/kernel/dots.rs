//! Products of few long rows with few long rows, straight from memory: for small results of long sums.

use super::lanes::Lanes;

/// Rows of both matrices side by side, `stride` numbers from one row to the next; a part of `length` from each start.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub numbers: &'a [f32],
    pub count: usize,
    pub stride: usize,
}

/// out[i · b.count + j] = Σ aᵢₖ · bⱼₖ over k below `length`, `R` rows of `a` by `C` of `b` at once.
///
/// # Safety
/// The instruction set of `L` must be there.
#[inline(always)]
pub unsafe fn dots<L: Lanes, const R: usize, const C: usize>(
    a: Rows,
    b: Rows,
    length: usize,
    out: &mut [f32],
) {
    assert_eq!(out.len(), a.count * b.count);
    for rows in [a, b] {
        let end = rows
            .count
            .checked_sub(1)
            .map_or(0, |last| last * rows.stride + length);
        assert!(
            end <= rows.numbers.len(),
            "rows that end within their numbers"
        );
    }
    let mut j = 0;
    while j < b.count {
        let columns = if j + C <= b.count { C } else { 1 };
        let mut i = 0;
        while i < a.count {
            let rows = if i + R <= a.count { R } else { 1 };
            // SAFETY: the rows lie within their numbers, as just checked, and the caller answers for the set.
            unsafe {
                match (rows == R, columns == C) {
                    (true, true) => block::<L, R, C>(a, b, (i, j), length, out),
                    (true, false) => block::<L, R, 1>(a, b, (i, j), length, out),
                    (false, true) => block::<L, 1, C>(a, b, (i, j), length, out),
                    (false, false) => block::<L, 1, 1>(a, b, (i, j), length, out),
                }
            }
            i += rows;
        }
        j += columns;
    }
}

/// The `R` × `C` results from (i, j) on.
///
/// # Safety
/// As [`dots`]; rows i to i + R of `a` and j to j + C of `b` must be there.
#[inline(always)]
unsafe fn block<L: Lanes, const R: usize, const C: usize>(
    a: Rows,
    b: Rows,
    (i, j): (usize, usize),
    length: usize,
    out: &mut [f32],
) {
    // SAFETY: the caller has checked that all rows lie within their numbers.
    unsafe {
        let at = |rows: Rows, row: usize| rows.numbers.as_ptr().add(row * rows.stride);
        let mut sums = [[L::zero(); C]; R];
        let whole = length / 16 * 16;
        for k in (0..whole).step_by(16) {
            let mut right = [L::zero(); C];
            for (c, right) in right.iter_mut().enumerate() {
                *right = L::load(at(b, j + c).add(k));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let left = L::load(at(a, i + r).add(k));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = left.mul_add(right, *sum);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (c, sum) in sums.into_iter().enumerate() {
                let mut lanes = [0f32; 16];
                sum.store(lanes.as_mut_ptr());
                let rest = (whole..length).map(|k| *at(a, i + r).add(k) * *at(b, j + c).add(k));
                out[(i + r) * b.count + j + c] = lanes.iter().sum::<f32>() + rest.sum::<f32>();
            }
        }
    }
}
