//! Training, validation and test accuracy on one line from 0 to 100 %, the gap between them drawn in: small, for lists.

use crate::diagnose::percent;
use crate::run::{EpochRecord, Split};
use std::fmt::Write;

/// Drawn 140 units wide, with room for the dots at the ends.
const WIDTH: f64 = 140.0;

/// The picture as an SVG element, all of its text our own.
pub fn dumbbell(record: &EpochRecord) -> String {
    let x = |accuracy: f64| 6.0 + (WIDTH - 12.0) * accuracy.clamp(0.0, 1.0);
    let marks: Vec<(Split, f64)> = Split::ALL
        .into_iter()
        .filter_map(|split| Some((split, record.split(split)?.accuracy)))
        .filter(|(_, accuracy)| accuracy.is_finite())
        .collect();
    let says: Vec<String> = marks
        .iter()
        .map(|(split, accuracy)| format!("{} {}", split.word(), percent(*accuracy)))
        .collect();
    let mut svg = format!(
        "<svg class=\"dumbbell\" viewBox=\"0 0 {WIDTH} 20\" role=\"img\" aria-label=\"{}\">\
         <line class=\"axis\" x1=\"2\" y1=\"10\" x2=\"{}\" y2=\"10\"/>",
        says.join(", "),
        WIDTH - 2.0
    );
    // Writing to a String cannot fail.
    if let (Some(train), Some(val)) = (&record.train, &record.val) {
        let (a, b) = (x(train.accuracy), x(val.accuracy));
        let _ = write!(
            svg,
            "<line class=\"span\" x1=\"{a:.1}\" y1=\"10\" x2=\"{b:.1}\" y2=\"10\"/>"
        );
    }
    for (split, accuracy) in marks.into_iter().rev() {
        let x = x(accuracy);
        let shape = match split {
            Split::Train => format!("<circle class=\"train\" cx=\"{x:.1}\" cy=\"10\" r=\"5\"/>"),
            Split::Val => format!(
                "<rect class=\"val\" x=\"{:.1}\" y=\"5.5\" width=\"9\" height=\"9\"/>",
                x - 4.5
            ),
            Split::Test => format!("<path class=\"test\" d=\"M{x:.1} 4l6 11h-12z\"/>"),
        };
        svg += &shape;
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SplitMetrics;

    #[test]
    fn the_three_splits_are_shown_and_said() {
        let record = EpochRecord {
            epoch: 1,
            lr: 0.01,
            seconds: 1.0,
            train: Some(SplitMetrics::new(1.0, 630, 630)),
            val: Some(SplitMetrics::new(1.0, 18, 90)),
            test: None,
            running: None,
        };
        let svg = dumbbell(&record);
        assert!(
            svg.contains("aria-label=\"training 100.0 %, validation 20.0 %\""),
            "{svg}"
        );
        assert!(svg.contains("class=\"span\"") && !svg.contains("class=\"test\""));
    }
}
