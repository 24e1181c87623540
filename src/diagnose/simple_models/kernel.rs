//! Two models whose answers are sums over the images that they were fitted on, so that shuffled labels cost nothing anew.

use rayon::prelude::*;
use std::ops::{Add, Mul};

/// Neighbours that are asked.
const NEIGHBOURS: usize = 5;

/// How much each fitted image (columns) speaks for its label at each scored image (rows).
pub(super) struct Scores {
    columns: usize,
    influence: Vec<f32>,
}

impl Scores {
    /// The label that the most influence speaks for; of a class without images nothing is ever said.
    pub fn classify(&self, labels: &[u32], classes: usize) -> Vec<u32> {
        let mut count = vec![0.0f32; classes];
        for label in labels {
            count[*label as usize] += 1.0;
        }
        let mut sums = vec![0.0f32; classes];
        self.influence
            .chunks_exact(self.columns.max(1))
            .map(|row| {
                sums.fill(0.0);
                for (influence, label) in row.iter().zip(labels) {
                    sums[*label as usize] += influence;
                }
                let best = (0..classes)
                    .filter(|class| count[*class] > 0.0)
                    .max_by(|a, b| sums[*a].total_cmp(&sums[*b]));
                best.unwrap_or(0) as u32
            })
            .collect()
    }

    /// The summed influence of images with a weight: a score.
    pub fn weigh(&self, weights: &[f64]) -> Vec<f64> {
        self.influence
            .chunks_exact(self.columns.max(1))
            .map(|row| {
                row.iter()
                    .zip(weights)
                    .map(|(i, w)| f64::from(*i) * w)
                    .sum()
            })
            .collect()
    }
}

/// The sum of products, in eight sums side by side: one alone would wait for each addition.
fn dot<T>(a: &[T], b: &[T]) -> T
where
    T: Copy + Default + Add<Output = T> + Mul<Output = T>,
{
    let mut lanes = [T::default(); 8];
    let (a_lanes, b_lanes) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a_lanes.remainder().iter().zip(b_lanes.remainder());
    for (x, y) in a_lanes.zip(b_lanes) {
        for lane in 0..8 {
            lanes[lane] = lanes[lane] + x[lane] * y[lane];
        }
    }
    let sum = lanes.into_iter().fold(T::default(), |sum, x| sum + x);
    rest.fold(sum, |sum, (x, y)| sum + *x * *y)
}

/// Least squares with a ridge, in its dual form: k(x, X) · (K + λ I)⁻¹ with K = X Xᵀ + 1 (the one for a constant), λ half the
/// mean of K's diagonal (Saunders et al. 1998).
pub(super) fn ridge(fitted: &[&[f32]], scored: &[&[f32]]) -> Scores {
    let n = fitted.len();
    let kernel = |a: &[f32], b: &[f32]| f64::from(dot(a, b)) + 1.0;
    let mut system: Vec<Vec<f64>> = fitted
        .par_iter()
        .enumerate()
        .map(|(i, a)| fitted[..=i].iter().map(|b| kernel(a, b)).collect())
        .collect();
    let trace: f64 = (0..n).map(|i| system[i][i]).sum();
    let lambda = (0.5 * trace / n.max(1) as f64).max(1e-6);
    for (i, row) in system.iter_mut().enumerate() {
        row[i] += lambda;
    }
    cholesky(&mut system);
    let influence = scored
        .par_iter()
        .flat_map_iter(|x| {
            let mut k: Vec<f64> = fitted.iter().map(|a| kernel(a, x)).collect();
            solve(&system, &mut k);
            k.into_iter().map(|v| v as f32)
        })
        .collect();
    Scores {
        columns: n,
        influence,
    }
}

/// One for each of the five nearest fitted images, a little more for nearer ones so that no vote is tied.
pub(super) fn nearest(fitted: &[&[f32]], scored: &[&[f32]]) -> Scores {
    let n = fitted.len();
    let squares: Vec<f32> = fitted.iter().map(|a| dot(a, a)).collect();
    let influence = scored
        .par_iter()
        .flat_map_iter(|x| {
            let mut order: Vec<(f32, usize)> = fitted
                .iter()
                .zip(&squares)
                .enumerate()
                .map(|(i, (a, square))| (square - 2.0 * dot(a, x), i))
                .collect();
            let asked = NEIGHBOURS.min(n);
            if asked < n {
                order.select_nth_unstable_by(asked, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            }
            order.truncate(asked);
            order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let mut row = vec![0.0; n];
            for (rank, (_, at)) in order.into_iter().enumerate() {
                row[at] = 1.0 - 0.01 * rank as f32;
            }
            row
        })
        .collect();
    Scores {
        columns: n,
        influence,
    }
}

/// Turns the lower triangle of a positive definite matrix into its Cholesky factor.
fn cholesky(rows: &mut [Vec<f64>]) {
    for i in 0..rows.len() {
        let (done, rest) = rows.split_at_mut(i);
        let row = &mut rest[0];
        for (j, of_column) in done.iter().enumerate() {
            row[j] = (row[j] - dot(&row[..j], &of_column[..j])) / of_column[j];
        }
        let sum = dot(&row[..i], &row[..i]);
        // The ridge keeps this far from zero; rounding must not make a NaN of it.
        row[i] = (row[i] - sum).max(1e-12).sqrt();
    }
}

/// Solves L Lᵀ x = b in place.
fn solve(factor: &[Vec<f64>], b: &mut [f64]) {
    for i in 0..factor.len() {
        b[i] = (b[i] - dot(&factor[i][..i], &b[..i])) / factor[i][i];
    }
    for i in (0..factor.len()).rev() {
        b[i] /= factor[i][i];
        let x = b[i];
        for (j, l) in factor[i][..i].iter().enumerate() {
            b[j] -= l * x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let matrix = [[4.0, 2.0, 0.6], [2.0, 5.0, 1.0], [0.6, 1.0, 3.0]];
        let mut factor: Vec<Vec<f64>> = (0..3).map(|i| matrix[i][..=i].to_vec()).collect();
        cholesky(&mut factor);
        let mut x = vec![1.0, -2.0, 3.0];
        solve(&factor, &mut x);
        for (row, wanted) in matrix.iter().zip([1.0, -2.0, 3.0]) {
            let found: f64 = row.iter().zip(&x).map(|(a, b)| a * b).sum();
            assert!((found - wanted).abs() < 1e-12, "{x:?}");
        }
    }

    #[test]
    fn a_product_of_any_length_is_summed_whole() {
        for n in [0, 1, 7, 8, 9, 23] {
            let row: Vec<f64> = (1..=n).map(f64::from).collect();
            let n = f64::from(n);
            assert_eq!(dot(&row, &row), n * (n + 1.0) * (2.0 * n + 1.0) / 6.0);
        }
    }

    #[test]
    fn both_models_tell_two_clouds_apart() {
        let rows: Vec<Vec<f32>> = (0..40)
            .map(|i| vec![if i % 2 == 0 { 1.0 } else { -1.0 } + 0.01 * i as f32, 0.3])
            .collect();
        let rows: Vec<&[f32]> = rows.iter().map(|r| &r[..]).collect();
        let labels: Vec<u32> = (0..40).map(|i| i % 2).collect();
        for scores in [
            ridge(&rows[..30], &rows[30..]),
            nearest(&rows[..30], &rows[30..]),
        ] {
            assert_eq!(scores.classify(&labels[..30], 3), labels[30..]);
        }
    }
}
