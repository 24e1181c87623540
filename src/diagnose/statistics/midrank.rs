//! Ranks with ties.

/// The rank of each value from 1, equal ones sharing the mean of their places.
pub(super) fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let value = values[order[from]];
        let tied = order[from..]
            .iter()
            .take_while(|at| values[**at] == value)
            .count()
            .max(1);
        for &at in &order[from..from + tied] {
            ranks[at] = from as f64 + (tied + 1) as f64 / 2.0;
        }
        from += tied;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::midranks;

    #[test]
    fn equal_values_share_their_places() {
        assert_eq!(midranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(midranks(&[]), Vec::<f64>::new());
        assert_eq!(midranks(&[f64::NAN, 1.0]), [2.0, 1.0]);
    }
}
