//! Thinning of long curves: what a reader looks for is kept.

/// At most about `4 · buckets` of the points: of each bucket the first, the lowest, the highest and the last, in order.
pub(super) fn thin(points: Vec<(f64, f64)>, buckets: usize) -> Vec<(f64, f64)> {
    if points.len() <= 4 * buckets {
        return points;
    }
    let size = points.len().div_ceil(buckets);
    let mut kept = Vec::with_capacity(4 * buckets);
    for bucket in points.chunks(size) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let mut chosen: Vec<(f64, f64)> = [
            bucket.first(),
            bucket.iter().min_by(by_value),
            bucket.iter().max_by(by_value),
            bucket.last(),
        ]
        .into_iter()
        .flatten()
        .copied()
        .collect();
        chosen.sort_by(|a, b| a.0.total_cmp(&b.0));
        chosen.dedup();
        kept.extend(chosen);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_extremes_and_ends() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|x| (f64::from(x), 0.5)).collect();
        points[31_415].1 = 9.0;
        points[27_182].1 = -9.0;
        let thinned = thin(points.clone(), 200);
        assert!(thinned.len() <= 800);
        assert!(thinned.is_sorted_by(|a, b| a.0 < b.0));
        for index in [0, 27_182, 31_415, 99_999] {
            assert!(thinned.contains(&points[index]));
        }
    }

    #[test]
    fn a_short_curve_is_left_alone() {
        let points = vec![(1.0, 2.0), (2.0, 3.0)];
        assert_eq!(thin(points.clone(), 1), points);
    }
}
