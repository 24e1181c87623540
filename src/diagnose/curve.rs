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

/// Epochs in one of Prechelt's strips.
pub const STRIP: usize = 5;

/// Prechelt's training progress over the last strip of each epoch in thousandths: 1000 · (mean / lowest − 1); None before
/// the first whole strip (Prechelt 1998).
pub fn training_progress(losses: &[f64]) -> Vec<Option<f64>> {
    (1..=losses.len())
        .map(|until| {
            let strip = &losses[until.checked_sub(STRIP)?..until];
            let lowest = strip.iter().copied().fold(f64::INFINITY, f64::min);
            let mean = strip.iter().sum::<f64>() / STRIP as f64;
            Some(1000.0 * (mean / lowest.max(f64::MIN_POSITIVE) - 1.0))
        })
        .collect()
}

/// Prechelt's PQ at each epoch: generalisation loss over training progress, large where validation gets worse while
/// training stands still; None before the first strip and where training does not move at all (Prechelt 1998).
pub fn progress_quotient(train: &[f64], val: &[f64]) -> Vec<Option<f64>> {
    generalisation_loss(val)
        .into_iter()
        .zip(training_progress(train))
        .map(|(gl, progress)| progress.filter(|p| *p > 0.0).map(|p| gl / p))
        .collect()
}

/// Prechelt's UP: how many successive strips, counted back from the last, ended with a higher validation loss than the one
/// before (Prechelt 1998).
pub fn rising_strips(val: &[f64]) -> usize {
    let ends: Vec<f64> = val
        .chunks_exact(STRIP)
        .map(|strip| strip[STRIP - 1])
        .collect();
    ends.windows(2)
        .rev()
        .take_while(|pair| pair[1] > pair[0])
        .count()
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
    fn progress_and_strips_are_prechelts() {
        let train = [5.0, 4.0, 3.0, 2.0, 1.0, 1.0];
        let progress = training_progress(&train);
        assert_eq!(progress[3], None);
        assert!((progress[4].unwrap() - 2000.0).abs() < 1e-9);
        // After the sixth epoch the strip is 4, 3, 2, 1, 1: its mean is 2.2.
        assert!((progress[5].unwrap() - 1200.0).abs() < 1e-9);
        let val = [1.0, 1.0, 1.0, 1.0, 1.0, 1.2];
        let quotient = progress_quotient(&train, &val);
        assert!((quotient[5].unwrap() - 20.0 / 1200.0).abs() < 1e-12);
        assert_eq!(progress_quotient(&[1.0; 6], &val)[5], None);

        let rising: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(rising_strips(&rising), 3);
        let mut turns = rising.clone();
        turns[19] = 0.0;
        assert_eq!(rising_strips(&turns), 0);
        assert_eq!(rising_strips(&[1.0; 4]), 0);
        for few in [&[][..], &[1.0]] {
            assert!(progress_quotient(few, few).iter().all(Option::is_none));
            assert_eq!(rising_strips(few), 0);
        }
    }

    #[test]
    fn generalisation_loss_is_percent_above_the_lowest_so_far() {
        let gl = generalisation_loss(&[2.0, 1.0, 1.1, 0.5]);
        assert!((gl[2] - 10.0).abs() < 1e-9);
        assert_eq!(gl[3], 0.0);
    }
}
