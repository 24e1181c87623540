//! Thinning of long curves: what a reader looks for is kept.

/// At most `6 · buckets` of the points, in order: of each bucket the first, the lowest, the highest and the last number,
/// the point at `marked`, and the first value that is NaN, so that a broken line stays broken. A short curve is left alone.
pub(super) fn thin(
    points: Vec<(f64, f64)>,
    buckets: usize,
    marked: Option<f64>,
) -> Vec<(f64, f64)> {
    if points.len() <= 5 * buckets {
        return points;
    }
    let size = points.len().div_ceil(buckets);
    let mut kept = Vec::with_capacity(6 * buckets);
    for bucket in points.chunks(size) {
        let numbers = || (0..bucket.len()).filter(|i| !bucket[*i].1.is_nan());
        let by_value = |a: &usize, b: &usize| bucket[*a].1.total_cmp(&bucket[*b].1);
        let mut chosen = [
            numbers().next(),
            numbers().min_by(by_value),
            numbers().max_by(by_value),
            numbers().next_back(),
            bucket.iter().position(|(x, _)| Some(*x) == marked),
            bucket.iter().position(|(_, y)| y.is_nan()),
        ];
        chosen.sort();
        for (i, position) in chosen.into_iter().enumerate() {
            if let Some(position) = position
                && !chosen[..i].contains(&Some(position))
            {
                kept.push(bucket[position]);
            }
        }
    }
    kept
}

/// The stretches of a line between breaks.
pub(super) fn pieces(points: &[(f64, f64)]) -> impl Iterator<Item = &[(f64, f64)]> {
    let stretches = points.split(|(_, y)| y.is_nan());
    stretches.filter(|stretch| !stretch.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values by epoch, a share of them missing.
    fn series() -> impl Strategy<Value = Vec<(f64, f64)>> {
        let missing = prop_oneof![Just(1e-9), Just(0.1), Just(0.5), Just(0.9)];
        missing.prop_flat_map(|missing: f64| {
            let value = prop::option::weighted(1.0 - missing, -1.0..1.0_f64);
            prop::collection::vec(value, 1..3000).prop_map(|values| {
                let numbered = (1..).zip(values);
                numbered
                    .map(|(x, y)| (f64::from(x), y.unwrap_or(f64::NAN)))
                    .collect()
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn lowest_highest_first_last_best_and_breaks_survive(
            points in series(),
            buckets in 1_usize..100,
            best in 1_u32..3000,
        ) {
            let best = f64::from(best);
            let thinned = thin(points.clone(), buckets, Some(best));
            let number = |p: &&(f64, f64)| !p.1.is_nan();
            let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
            let numbers = || points.iter().filter(number);
            for (what, point) in [
                ("first", numbers().next()),
                ("last", numbers().next_back()),
                ("lowest", numbers().min_by(by_value)),
                ("highest", numbers().max_by(by_value)),
                ("best", numbers().find(|p| p.0 == best)),
            ] {
                if let Some(point) = point {
                    prop_assert!(thinned.contains(point), "{what} is lost: {point:?}");
                }
            }
            prop_assert!(thinned.is_sorted_by(|a, b| a.0 < b.0), "out of order");
            prop_assert!(thinned.len() <= points.len().min(6 * buckets.max(1)).max(5 * buckets));
            let broken = |points: &[(f64, f64)]| points.iter().any(|p| p.1.is_nan());
            prop_assert_eq!(broken(&thinned), broken(&points), "breaks");
        }
    }

    #[test]
    fn a_short_curve_is_left_alone() {
        let points = vec![(1.0, 2.0), (2.0, 3.0)];
        assert_eq!(thin(points.clone(), 1, None), points);
    }

    #[test]
    fn a_line_ends_at_a_break_and_begins_again_after_it() {
        let points = [(1.0, 1.0), (2.0, f64::NAN), (3.0, f64::NAN), (4.0, 4.0)];
        let pieces: Vec<_> = pieces(&points).collect();
        assert_eq!(pieces, [&points[..1], &points[3..]]);
    }
}
