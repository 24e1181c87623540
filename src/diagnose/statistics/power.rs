//! How small a difference so many images can show.

/// 97.5th and 80th percentile of the standard normal distribution: p < .05 in four of five such experiments.
const Z_ALPHA: f64 = 1.959_963_984_540_054;
const Z_POWER: f64 = 0.841_621_233_572_914_3;
/// Six images one way are the least for which McNemar's exact test gives p < .05.
const LEAST_DISCORDANT: f64 = 6.0;

/// The least difference of two shares of the same `n` images that is seen with 80 % power, where `discordant` of them are
/// right in one of both only (Connor 1987, solved for the difference); 1 at most.
pub fn least_seen_paired(n: u32, discordant: u32) -> f64 {
    let n = f64::from(n.max(1));
    let least = LEAST_DISCORDANT / n;
    // So few that no difference could be seen at all: as many as are needed.
    let rate = (f64::from(discordant) / n).max(least);
    let enough = |difference: f64| {
        let reach =
            Z_ALPHA * rate.sqrt() + Z_POWER * (rate - difference * difference).max(0.0).sqrt();
        n.sqrt() * difference >= reach
    };
    smallest(enough).max(least).min(1.0)
}

/// The least rise from `correct` of `n` to a share of `m` other images that Fisher's test sees with 80 % power, by the normal
/// approximation (Fleiss 1981); None where all of them right could not be seen either.
pub fn least_seen_unpaired(correct: u32, n: u32, m: u32) -> Option<f64> {
    let (n, m) = (f64::from(n.max(1)), f64::from(m.max(1)));
    let before = f64::from(correct) / n;
    let seen = |difference: f64| {
        let after = before + difference;
        let pooled = (before * n + after * m) / (n + m);
        let spread = |p: f64, n: f64| p * (1.0 - p) / n;
        let reach = Z_ALPHA * (spread(pooled, n) + spread(pooled, m)).sqrt()
            + Z_POWER * (spread(before, n) + spread(after, m)).sqrt();
        difference >= reach
    };
    let room = 1.0 - before;
    seen(room).then(|| room * smallest(|share| seen(room * share)))
}

/// The smallest number from 0 to 1 for which a condition holds that holds for all larger ones; 1 where it never does.
fn smallest(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The design's figures: on 90 images about 19 points, on 180 about 13.
    #[test]
    fn ninety_other_images_show_nineteen_points() {
        for (n, expected) in [(90, 0.19), (180, 0.13)] {
            let least = least_seen_unpaired(n / 6, n, n).unwrap();
            assert!((least - expected).abs() < 0.012, "{n}: {least}");
        }
        assert_eq!(least_seen_unpaired(9, 10, 10), None);
    }

    /// Connor 1987: with a discordant share of .4 a difference of .2 wants n = (1.96·√.4 + .8416·√(.4 − .04))²/.04 = 75.9 pairs.
    #[test]
    fn the_same_images_show_less() {
        let least = least_seen_paired(76, 30);
        assert!((least - 0.2).abs() < 0.003, "{least}");
        assert!(Some(least_seen_paired(90, 10)) < least_seen_unpaired(15, 90, 90));
        let none_differs = least_seen_paired(90, 0);
        assert!((6.0 / 90.0..0.08).contains(&none_differs), "{none_differs}");
        assert_eq!(least_seen_paired(4, 2), 1.0);
    }
}
