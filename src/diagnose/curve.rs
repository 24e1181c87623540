//! The shape of a loss curve: Prechelt's generalisation loss and the onset of overfitting.

/// Above this many percent the validation loss counts as risen (Prechelt 1998).
pub const GL_THRESHOLD: f64 = 5.0;

/// Running mean over a window of 5 % of the epochs (at least one), centred, shorter at both ends.
pub fn smoothed(values: &[f64]) -> Vec<f64> {
    let reach = values.len().div_ceil(20) / 2;
    (0..values.len())
        .map(|i| {
            let near = &values[i.saturating_sub(reach)..(i + reach + 1).min(values.len())];
            near.iter().sum::<f64>() / near.len() as f64
        })
        .collect()
}

/// Prechelt's generalisation loss at each epoch in percent: 100 · (E / E_min − 1), E_min the lowest so far (Prechelt 1998).
pub fn generalisation_loss(losses: &[f64]) -> Vec<f64> {
    let mut lowest = f64::INFINITY;
    losses
        .iter()
        .map(|loss| {
            lowest = lowest.min(*loss);
            100.0 * (loss / lowest.max(f64::MIN_POSITIVE) - 1.0)
        })
        .collect()
}

/// Position of the first epoch from which the generalisation loss of the smoothed curve stays above its threshold.
pub fn onset(losses: &[f64]) -> Option<usize> {
    let above: Vec<bool> = generalisation_loss(&smoothed(losses))
        .into_iter()
        .map(|gl| gl > GL_THRESHOLD)
        .collect();
    let after_last_calm = above.iter().rposition(|risen| !risen).map_or(0, |i| i + 1);
    (after_last_calm < above.len()).then_some(after_last_calm)
}

/// True where the mean of the last fifth of the losses is below that of the fifth before by more than 2 %.
pub fn still_falls(losses: &[f64]) -> bool {
    let strip = losses.len() / 5;
    if strip == 0 {
        return false;
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let last = &losses[losses.len() - strip..];
    let before = &losses[losses.len() - 2 * strip..losses.len() - strip];
    mean(last) < 0.98 * mean(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_turns_has_its_onset_where_it_stays_risen() {
        let losses: Vec<f64> = (0..40)
            .map(|e| {
                if e < 10 {
                    2.0 - 0.1 * f64::from(e)
                } else {
                    1.0 + 0.05 * f64::from(e - 10)
                }
            })
            .collect();
        let at = onset(&losses).expect("it rises by more than 5 %");
        assert!((10..=13).contains(&at), "{at}");
    }

    #[test]
    fn a_loss_that_only_falls_or_recovers_has_no_onset() {
        let falling: Vec<f64> = (1..50).map(|e| 1.0 / f64::from(e)).collect();
        assert_eq!(onset(&falling), None);
        let mut bump = falling.clone();
        bump[20] = 3.0;
        assert_eq!(onset(&bump), None);
        assert_eq!(onset(&[]), None);
    }

    #[test]
    fn generalisation_loss_is_percent_above_the_lowest_so_far() {
        let gl = generalisation_loss(&[2.0, 1.0, 1.1, 0.5]);
        assert!((gl[2] - 10.0).abs() < 1e-9);
        assert_eq!(gl[3], 0.0);
    }
}
