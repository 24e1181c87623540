//! Products of few long rows with few long rows: for small results of long sums.
//!
//! A result is sixteen sums, each of every sixteenth product in order, that are added up at the end. So it has the same
//! bits whatever other rows are there and however many of them are worked on at once.

use super::lanes::Register;

/// Rows of both matrices side by side, `stride` numbers from one row to the next; a part of `length` from each start.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub numbers: &'a [f32],
    pub count: usize,
    pub stride: usize,
}

impl<'a> Rows<'a> {
    fn row(self, row: usize, length: usize) -> &'a [f32] {
        &self.numbers[row * self.stride..][..length]
    }
}

/// Rows that are packed at once: a part of so many rows lies in the second cache.
const PACKED: usize = 32;

/// Numbers of a row before it is the next rows' turn: pieces of a few rows lie in the first cache, of which narrow registers
/// take one part after the other.
const fn piece<V: Register>() -> usize {
    128 * V::WIDTH
}

/// out[i · b.count + j] = Σ aᵢₖ · bⱼₖ over k below `length`, `R` rows of the one by `C` of the other at once.
///
/// Long rows often begin a multiple of a page apart and then share few places of a cache, where they drive each other
/// out. So those of the smaller matrix are packed, and of the larger one, which may be large weights, only `C` are read
/// at a time. `packed` is memory for them, whatever is in it.
///
/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
pub unsafe fn dots<V: Register, const R: usize, const C: usize>(
    a: Rows,
    b: Rows,
    length: usize,
    packed: &mut Vec<f32>,
    out: &mut [f32],
) {
    assert_eq!(out.len(), a.count * b.count);
    let (few, many) = if a.count <= b.count { (a, b) } else { (b, a) };
    let mut sums = Vec::new();
    let room = PACKED.min(few.count).next_multiple_of(R) * length;
    if packed.len() < room {
        packed.resize(room, 0.0);
    }
    for first in (0..few.count).step_by(PACKED) {
        let few: Vec<&[f32]> = (first..few.count.min(first + PACKED))
            .map(|i| few.row(i, length))
            .collect();
        let mut put = |i: usize, j: usize, result: f32| {
            let (i, j) = if a.count <= b.count {
                (first + i, j)
            } else {
                (j, first + i)
            };
            out[i * b.count + j] = result;
        };
        // SAFETY: every row has `length` numbers, `packed` has room for all, and the caller answers for the set.
        unsafe {
            pack::<V, R>(&few, packed);
            if many.count < C {
                for j in 0..many.count {
                    let row = [many.row(j, length)];
                    columns::<V, R, 1>(&few, packed, row, row, &mut sums, |i, _, x| put(i, j, x));
                }
            } else {
                for j in (0..many.count).step_by(C) {
                    // The last ones may be there already: they come out the same.
                    let j = j.min(many.count - C);
                    let [rows, next] = [j, (j + C).min(many.count - C)]
                        .map(|j| std::array::from_fn(|c| many.row(j + c, length)));
                    columns::<V, R, C>(&few, packed, rows, next, &mut sums, |i, c, x| {
                        put(i, j + c, x)
                    });
                }
            }
        }
    }
}

/// Copies rows in the order in which [`columns`] reads them. Where `R` does not divide their number, the last is repeated.
///
/// # Safety
/// As [`dots`]; the rows must be of one length and fit into `packed`.
#[inline(always)]
unsafe fn pack<V: Register, const R: usize>(rows: &[&[f32]], packed: &mut [f32]) {
    let whole = rows[0].len() / 16 * 16;
    let mut to = packed.as_mut_ptr();
    for from in (0..whole).step_by(piece::<V>()) {
        for group in rows.chunks(R) {
            for lane in (0..16).step_by(V::WIDTH) {
                for k in (from..whole.min(from + piece::<V>())).step_by(16) {
                    for r in 0..R {
                        let row = group[r.min(group.len() - 1)];
                        // SAFETY: k + 16 numbers are there, and the caller answers for the room.
                        unsafe {
                            V::load(row.as_ptr().add(k + lane)).store(to);
                            to = to.add(V::WIDTH);
                        }
                    }
                }
            }
        }
    }
}

/// Calls `put` with the result of each packed row i and each of `C` other rows c, as (i, c, result); `next` are the rows that
/// come after those.
///
/// Rows that lie far apart in memory are read slowly, for no processor foresees where the next one begins. So while a piece is
/// worked on, the one after it is fetched into the second cache, a row with each group of packed rows.
///
/// # Safety
/// As [`dots`]; all rows must be of one length, and `packed` what [`pack`] makes of `few`.
#[inline(always)]
unsafe fn columns<V: Register, const R: usize, const C: usize>(
    few: &[&[f32]],
    packed: &[f32],
    others: [&[f32]; C],
    next: [&[f32]; C],
    sums: &mut Vec<[f32; 16]>,
    mut put: impl FnMut(usize, usize, f32),
) {
    let whole = others[0].len() / 16 * 16;
    sums.clear();
    sums.resize(few.len().next_multiple_of(R) * C, [0.0; 16]);
    let mut packed = packed.as_ptr();
    for from in (0..whole).step_by(piece::<V>()) {
        let steps = piece::<V>().min(whole - from) / 16;
        let ahead = match from + piece::<V>() < whole {
            true => others.map(|row| row[from + piece::<V>()..].as_ptr()),
            false => next.map(<[f32]>::as_ptr),
        };
        for (group, sums) in sums.chunks_exact_mut(R * C).enumerate() {
            let ahead = ahead[group % C];
            for lane in (0..16).step_by(V::WIDTH) {
                // SAFETY: the rows go on for 16 · `steps` numbers from `from`, and so does what is packed.
                unsafe {
                    let others = others.map(|row| row.as_ptr().add(from + lane));
                    block::<V, R, C>(
                        packed,
                        others,
                        ahead.wrapping_add(lane),
                        steps,
                        sums.as_mut_ptr().cast::<f32>().add(lane),
                    );
                    packed = packed.add(steps * R * V::WIDTH);
                }
            }
        }
    }
    for (i, (row, sums)) in few.iter().zip(sums.chunks_exact(C)).enumerate() {
        for (c, (other, sums)) in others.iter().zip(sums).enumerate() {
            let rest = row[whole..].iter().zip(&other[whole..]).map(|(x, y)| x * y);
            put(i, c, sums.iter().sum::<f32>() + rest.sum::<f32>());
        }
    }
}

/// Adds a piece's products to one register's lanes of the `R` × `C` results' sums, which lie sixteen numbers apart; fetches as
/// much from `ahead`.
///
/// # Safety
/// As [`dots`]; the pointers must be good for all that is read and written. `ahead` may point anywhere.
#[inline(always)]
unsafe fn block<V: Register, const R: usize, const C: usize>(
    packed: *const f32,
    others: [*const f32; C],
    ahead: *const f32,
    steps: usize,
    sums: *mut f32,
) {
    // SAFETY: the caller answers for the pointers.
    unsafe {
        let mut inner = [[V::zero(); C]; R];
        for (r, inner) in inner.iter_mut().enumerate() {
            for (c, sum) in inner.iter_mut().enumerate() {
                *sum = V::load(sums.add((r * C + c) * 16));
            }
        }
        for step in 0..steps {
            V::prefetch(ahead.wrapping_add(step * 16));
            let right = others.map(|other| V::load(other.add(step * 16)));
            for (r, inner) in inner.iter_mut().enumerate() {
                let left = V::load(packed.add((step * R + r) * V::WIDTH));
                for (sum, right) in inner.iter_mut().zip(right) {
                    *sum = left.mul_add(right, *sum);
                }
            }
        }
        for (r, inner) in inner.into_iter().enumerate() {
            for (c, sum) in inner.into_iter().enumerate() {
                sum.store(sums.add((r * C + c) * 16));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kernels;
    use super::*;
    use crate::nn::Stream;
    use proptest::prelude::*;

    /// The longest piece.
    const PIECE: usize = 2048;

    /// Uniform in −1 to 1.
    fn numbers(seed: u64, name: &str, count: usize) -> Vec<f32> {
        let stream = Stream::new(seed, name);
        (0..count as u64)
            .map(|i| 2.0 * stream.unit(i) - 1.0)
            .collect()
    }

    /// None, few, or more than are worked on at once or packed at once.
    fn count() -> impl Strategy<Value = usize> {
        prop_oneof![8 => 0..=9usize, 1 => 30..=35usize, 1 => 62..=70usize]
    }

    /// Shorter than the sixteen sums, around a piece, or of more pieces.
    fn length() -> impl Strategy<Value = usize> {
        prop_oneof![0..=40usize, PIECE - 20..=PIECE + 20, 2 * PIECE..=3 * PIECE]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn products_agree_with_float64_on_every_instruction_set_and_are_the_same_alone_as_among_others(
            (rows, cols, length, gap) in (count(), count(), length(), 0..20usize),
            seed: u64,
        ) {
            let stride = length + gap;
            let (x, y) = (numbers(seed, "a", rows * stride), numbers(seed, "b", cols * stride));
            let a = Rows { numbers: &x, count: rows, stride };
            let b = Rows { numbers: &y, count: cols, stride };
            for kernels in Kernels::all() {
                let mut out = vec![f32::NAN; rows * cols];
                let mut packed = Vec::new();
                kernels.dots(a, b, length, &mut packed, &mut out);
                for i in 0..rows {
                    for j in 0..cols {
                        let (left, right) = (a.row(i, length), b.row(j, length));
                        let exact: f64 = left.iter().zip(right).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
                        let found = out[i * cols + j];
                        // A sixteenth of the products in a row, then sixteen sums, each addition rounded.
                        let bound = (length / 16 + 18) as f64 * f64::from(f32::EPSILON) / 2.0 * length as f64;
                        prop_assert!((f64::from(found) - exact).abs() <= bound, "{}: {found}, not {exact}", kernels.name);
                        let one = |numbers| Rows { numbers, count: 1, stride };
                        let mut alone = [f32::NAN];
                        kernels.dots(one(left), one(right), length, &mut packed, &mut alone);
                        prop_assert_eq!(alone[0].to_bits(), found.to_bits(), "{}, alone", kernels.name);
                    }
                }
            }
        }
    }

    #[test]
    fn a_product_is_sixteen_sums_of_every_sixteenth_product() {
        let length = 2 * PIECE + 37;
        let (x, y) = (numbers(3, "a", length), numbers(3, "b", length));
        for kernels in Kernels::all() {
            let mut sums = [0f32; 16];
            let whole = length / 16 * 16;
            for k in 0..whole {
                let sum = &mut sums[k % 16];
                *sum = if kernels.name == "portable" {
                    x[k] * y[k] + *sum
                } else {
                    x[k].mul_add(y[k], *sum)
                };
            }
            let rest: f32 = (whole..length).map(|k| x[k] * y[k]).sum();
            let expected = sums.iter().sum::<f32>() + rest;
            let one = |numbers| Rows {
                numbers,
                count: 1,
                stride: length,
            };
            let mut out = [f32::NAN];
            kernels.dots(one(&x), one(&y), length, &mut Vec::new(), &mut out);
            assert_eq!(out[0].to_bits(), expected.to_bits(), "{}", kernels.name);
        }
    }
}
