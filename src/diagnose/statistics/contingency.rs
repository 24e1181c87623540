//! Tables of counts: the association of two divisions, and its exact test by permutation.

use super::factorial::ln_factorial;
use super::permutation_p;
use crate::data::Random;
use rayon::prelude::*;

/// Items are drawn at most this often in one test, so that huge tables take no longer than small ones.
const MOST_DRAWN: usize = 40_000_000;
/// Random arrangements a test draws, and the least for tables of many items.
const DRAWS: usize = 9_999;
const LEAST_DRAWS: usize = 199;

/// Whether rows and columns of a table go together.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Independence {
    /// Monte-Carlo p-value of Fisher's exact test.
    pub p: f64,
    /// Random tables it is told from: p cannot be below 1 / (draws + 1).
    pub draws: usize,
}

/// Cramér's V with Bergsma's bias correction (2013), 0 to 1; rows and columns without counts are left out. None where
/// fewer than two of either remain.
pub fn cramers_v(table: &[Vec<u32>]) -> Option<f64> {
    let rows: Vec<f64> = table
        .iter()
        .map(|row| row.iter().map(|x| f64::from(*x)).sum())
        .collect();
    let width = table.iter().map(Vec::len).max()?;
    let columns: Vec<f64> = (0..width)
        .map(|c| {
            table
                .iter()
                .map(|row| row.get(c).map_or(0.0, |x| f64::from(*x)))
                .sum()
        })
        .collect();
    let n: f64 = rows.iter().sum();
    let (r, k) = (
        rows.iter().filter(|x| **x > 0.0).count() as f64,
        columns.iter().filter(|x| **x > 0.0).count() as f64,
    );
    if r < 2.0 || k < 2.0 {
        return None;
    }
    let mut chi2 = 0.0;
    for (row, of_row) in table.iter().zip(&rows) {
        for (c, of_column) in columns.iter().enumerate() {
            let expected = of_row * of_column / n;
            if expected > 0.0 {
                let found = row.get(c).map_or(0.0, |x| f64::from(*x));
                chi2 += (found - expected).powi(2) / expected;
            }
        }
    }
    let phi2 = (chi2 / n - (k - 1.0) * (r - 1.0) / (n - 1.0)).max(0.0);
    let (r, k) = (
        r - (r - 1.0).powi(2) / (n - 1.0),
        k - (k - 1.0).powi(2) / (n - 1.0),
    );
    let least = (r - 1.0).min(k - 1.0);
    Some(if least > 0.0 {
        (phi2 / least).sqrt().min(1.0)
    } else {
        0.0
    })
}

/// Fisher's exact test for any table (Freeman and Halton 1951) by random tables with the same margins: the share that is
/// no more probable than the one observed. Seeded; None without counts.
pub fn independence(table: &[Vec<u32>], seed: u64) -> Option<Independence> {
    let width = table.iter().map(Vec::len).max()?;
    let n: usize = table.iter().flatten().map(|x| *x as usize).sum();
    if n == 0 {
        return None;
    }
    let draws = (MOST_DRAWN / n).clamp(LEAST_DRAWS, DRAWS);
    let rows: Vec<usize> = table
        .iter()
        .map(|row| row.iter().map(|x| *x as usize).sum())
        .collect();
    let columns: Vec<u32> = (0..width)
        .flat_map(|c| {
            let count = table
                .iter()
                .map(|row| row.get(c).map_or(0, |x| *x as usize))
                .sum();
            std::iter::repeat_n(c as u32, count)
        })
        .collect();
    // A table's probability falls as the sum of the logarithms of its cells' factorials grows.
    let weight = |cells: &[u32]| cells.iter().map(|x| ln_factorial(*x)).sum::<f64>();
    let observed: f64 = table.iter().map(|row| weight(row)).sum();
    let reached = (0..draws)
        .into_par_iter()
        .map_init(
            || (columns.clone(), vec![0u32; width]),
            |(order, cells), draw| {
                order.copy_from_slice(&columns);
                Random::new(seed, draw as u64).shuffle(order);
                let (mut drawn, mut from) = (0.0, 0);
                for count in &rows {
                    cells.fill(0);
                    for column in &order[from..from + count] {
                        cells[*column as usize] += 1;
                    }
                    from += count;
                    drawn += weight(cells);
                }
                usize::from(drawn >= observed - 1e-7)
            },
        )
        .sum();
    Some(Independence {
        p: permutation_p(reached, draws),
        draws,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNEVEN: [[u32; 9]; 2] = [
        [20, 0, 10, 10, 10, 10, 10, 10, 10],
        [60, 80, 70, 70, 70, 70, 70, 70, 70],
    ];

    fn rows<const N: usize>(table: &[[u32; N]]) -> Vec<Vec<u32>> {
        table.iter().map(|row| row.to_vec()).collect()
    }

    /// Bergsma's formula on the statistic of scipy.stats.chi2_contingency(correction=False), SciPy 1.17.1.
    #[test]
    fn cramers_v_is_bergsmas() {
        for (table, expected) in [
            (rows(&[[10; 9], [70; 9]]), 0.0),
            (rows(&UNEVEN), 0.14369476327823813),
            (rows(&[[30, 60], [60, 30]]), 0.32575658597849494),
            (rows(&[[90, 0], [0, 90]]), 1.0),
            (rows(&[[3, 1], [1, 3]]), 0.3535533905932738),
            (rows(&[[14, 76], [28, 62]]), 0.16848865691521167),
            (rows(&[[10; 9], [17, 3, 10, 10, 10, 10, 10, 10, 10]]), 0.0),
        ] {
            let v = cramers_v(&table).unwrap();
            assert!((v - expected).abs() < 1e-9, "{table:?}: {v}");
        }
        assert_eq!(cramers_v(&rows(&[[5, 0], [7, 0]])), None);
        assert_eq!(cramers_v(&[]), None);
        assert_eq!(cramers_v(&rows(&[[1, 0], [0, 0]])), None, "one image");
        assert_eq!(cramers_v(&rows(&[[1, 0], [0, 1]])), Some(0.0), "two images");
    }

    /// scipy.stats.fisher_exact(method=MonteCarloMethod(200000)), SciPy 1.17.1; here within four standard errors.
    #[test]
    fn fishers_test_for_many_classes_is_that_of_scipy() {
        for (table, expected) in [
            (rows(&[[10, 10, 10], [10, 14, 6]]), 0.4416),
            (rows(&UNEVEN), 0.00052),
            (rows(&[[3, 0, 2], [0, 4, 1]]), 0.0485),
            (rows(&[[10; 9], [22, 4, 14, 6, 10, 10, 8, 8, 8]]), 0.3115),
            (rows(&[[10; 9], [17, 3, 10, 10, 10, 10, 10, 10, 10]]), 0.696),
            // Two classes: the exact p-value of scipy.stats.fisher_exact.
            (rows(&[[14, 76], [28, 62]]), 0.021283463876936935),
            (rows(&[[90, 0], [90, 0]]), 1.0),
            (rows(&[[1, 0], [0, 1]]), 1.0),
        ] {
            let ours = independence(&table, 1).unwrap();
            let error = (expected * (1.0 - expected) / ours.draws as f64).sqrt();
            assert!((ours.p - expected).abs() < 4.0 * error + 1e-4, "{ours:?}");
        }
    }

    #[test]
    fn huge_tables_draw_less_and_empty_ones_say_nothing() {
        let huge = independence(&rows(&[[200_000, 200_000], [200_000, 200_000]]), 1).unwrap();
        assert_eq!(huge.draws, LEAST_DRAWS);
        assert_eq!(independence(&rows(&[[0, 0]]), 1), None);
    }
}
