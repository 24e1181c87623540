//! Two classifiers on the same images: McNemar's exact test, and Holm's correction for several such tests.

use super::upper_tail;

/// Two-sided exact p-value of `only_one` images that only the first classifier gets right against `only_other` that only
/// the second does (McNemar 1947, binomial form): six one way are needed for p < .05.
pub fn mcnemar_exact(only_one: u32, only_other: u32) -> f64 {
    let Some(discordant) = only_one.checked_add(only_other) else {
        return f64::NAN;
    };
    (2.0 * upper_tail(only_one.max(only_other), discordant, 0.5)).min(1.0)
}

/// Holm's adjusted p-values (1979) in the order given: the smallest is multiplied by their number, the next by one less,
/// and none is below one before it.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut floor: f64 = 0.0;
    for (rank, &at) in order.iter().enumerate() {
        floor = floor
            .max((p_values.len() - rank) as f64 * p_values[at])
            .min(1.0);
        adjusted[at] = floor;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.binomtest(b, b + c, 0.5).pvalue, SciPy 1.17.1.
    #[test]
    fn mcnemars_p_values_are_those_of_scipy() {
        for (b, c, expected) in [
            (0, 6, 0.03125),
            (1, 10, 0.01171875),
            (5, 5, 1.0),
            (0, 0, 1.0),
            (0, 1, 1.0),
            (3, 17, 0.0025768280029296875),
            (30, 60, 0.0020602656809630745),
        ] {
            for p in [mcnemar_exact(b, c), mcnemar_exact(c, b)] {
                assert!((p - expected).abs() < 1e-12, "{b} and {c}: {p}");
            }
        }
    }

    /// R's `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")`.
    #[test]
    fn holm_steps_down_from_the_smallest() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (ours, r) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((ours - r).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[]), Vec::<f64>::new());
        assert_eq!(holm(&[0.7, 0.9]), [1.0, 1.0]);
    }
}
