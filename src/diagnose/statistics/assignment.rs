//! The pairing of rows with columns that counts most: the Hungarian method.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

/// More classes than this are not matched: the time grows with their third power.
pub const MOST_CLASSES: usize = 512;

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Assignment {
    /// The column of each row.
    pub columns: Vec<usize>,
    /// Summed counts of the pairs.
    pub total: i64,
}

/// Pairs each row of a square table of counts with a column of its own so that the sum is largest (Kuhn 1955). None for an
/// empty table, one that is not square, or one of more than 512 rows.
pub fn assign(counts: &[Vec<u32>]) -> Option<Assignment> {
    if counts.is_empty() || counts.len() > MOST_CLASSES {
        return None;
    }
    let rows = counts
        .iter()
        .map(|row| row.iter().map(|x| i64::from(*x)).collect::<Vec<_>>());
    let weights = Matrix::from_rows(rows).ok().filter(Matrix::is_square)?;
    let (total, columns) = kuhn_munkres(&weights);
    Some(Assignment { columns, total })
}

#[cfg(test)]
mod tests {
    use super::super::samples::lcg;
    use super::*;

    /// scipy.optimize.linear_sum_assignment(maximize=True), SciPy 1.17.1.
    #[test]
    fn pairs_are_those_of_scipy() {
        let table: Vec<Vec<u32>> = lcg(81, 7, 100)
            .chunks(9)
            .map(|row| row.iter().map(|x| *x as u32).collect())
            .collect();
        let ours = assign(&table).unwrap();
        assert_eq!(ours.total, 765);
        assert_eq!(ours.columns, [4, 3, 5, 1, 2, 7, 6, 8, 0]);
    }

    #[test]
    fn one_class_is_paired_with_itself_and_nothing_with_nothing() {
        assert_eq!(assign(&[vec![3]]).unwrap().columns, [0]);
        assert_eq!(assign(&[vec![1, 5], vec![5, 1]]).unwrap().columns, [1, 0]);
        assert_eq!(assign(&vec![vec![0; 9]; 9]).unwrap().total, 0);
        assert_eq!(assign(&[]), None);
        assert_eq!(assign(&[vec![1, 2]]), None);
        assert_eq!(assign(&vec![vec![0; 513]; 513]), None);
    }
}
