//! A difference of accuracies with its interval, on a line from −100 to 100 points with zero in the middle: small, for a table.

use crate::diagnose::points;
use crate::diagnose::remedies::Difference;

/// Drawn 180 units wide, with room for the mark at the ends.
const WIDTH: f64 = 180.0;

/// The picture as an SVG element, all of its text our own.
pub fn effect(difference: &Difference) -> String {
    let x = |points: f64| 90.0 + (WIDTH / 2.0 - 8.0) * points.clamp(-1.0, 1.0);
    let (low, high) = (x(difference.interval.low), x(difference.interval.high));
    let at = x(difference.value);
    format!(
        "<svg class=\"effect\" viewBox=\"0 0 {WIDTH} 20\" role=\"img\" aria-label=\"{} points, interval {} to {}\">\
         <line class=\"axis\" x1=\"2\" y1=\"10\" x2=\"{}\" y2=\"10\"/><line class=\"zero\" x1=\"90\" y1=\"1\" x2=\"90\" y2=\"19\"/>\
         <line class=\"span\" x1=\"{low:.1}\" y1=\"10\" x2=\"{high:.1}\" y2=\"10\"/>\
         <rect class=\"val\" x=\"{:.1}\" y=\"5.5\" width=\"9\" height=\"9\"/></svg>",
        points(difference.value),
        points(difference.interval.low),
        points(difference.interval.high),
        WIDTH - 2.0,
        at - 4.5
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Interval;

    #[test]
    fn an_effect_is_drawn_where_it_is_said_to_be() {
        let svg = effect(&Difference {
            value: 0.5,
            interval: Interval {
                low: 0.25,
                high: 0.75,
            },
        });
        assert!(svg.contains("aria-label=\"50.0 points, interval 25.0 to 75.0\""));
        assert!(svg.contains("x1=\"110.5\" y1=\"10\" x2=\"151.5\""), "{svg}");
        assert!(svg.contains("x=\"126.5\""), "{svg}");
    }
}
