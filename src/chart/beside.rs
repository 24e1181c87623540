//! One split's accuracy by epoch of a run, beside that of the runs that it is compared with: small, for a page.

use super::Ink;
use super::canvas::{FAINT, Figure, GRID, Sheet, TEXT};
use super::thin::thin;
use crate::diagnose::percent;
use crate::run::{EpochRecord, RunId, Split};
use plotters::element::DashedPathElement;
use plotters::prelude::*;

/// A curve's width in buckets of thinning: the chart is small.
const BUCKETS: usize = 150;
/// Baseline of the legend's first line, and from one line to the next.
const LEGEND: (u32, u32) = (4, 19);

/// Epochs with accuracies in percent, in order.
type Course = Vec<(f64, f64)>;

/// The curve of a run and those of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    split: Split,
    run: RunId,
    own: Course,
    /// What the others are, in a few words.
    name: String,
    others: Vec<Course>,
}

impl Beside {
    /// None where the run, or all of the others, have no accuracy of the split.
    pub fn of<'a>(
        split: Split,
        (run, own): (RunId, &[EpochRecord]),
        name: &str,
        others: impl IntoIterator<Item = &'a [EpochRecord]>,
    ) -> Option<Beside> {
        let course = |epochs: &[EpochRecord]| -> Course {
            let measured = epochs.iter().filter_map(|e| {
                let accuracy = e.split(split)?.accuracy;
                Some((f64::from(e.epoch), 100.0 * accuracy))
            });
            thin(measured.filter(|(_, y)| y.is_finite()).collect(), BUCKETS)
        };
        let own = course(own);
        let mut others: Vec<Course> = others.into_iter().map(course).collect();
        others.retain(|course| !course.is_empty());
        (!own.is_empty() && !others.is_empty()).then(|| Beside {
            split,
            run,
            own,
            name: match others.len() {
                1 => name.to_owned(),
                n => format!("{name}, {n} trainings"),
            },
            others,
        })
    }

    /// What a screen reader says of it.
    pub(super) fn says(&self) -> String {
        format!(
            "{} accuracy by epoch. {}; {}.",
            match self.split {
                Split::Train => "Training",
                Split::Val => "Validation",
                Split::Test => "Test",
            },
            self.own_label(),
            self.others_label()
        )
    }

    /// "run 3: 100.0 % after epoch 50"
    fn own_label(&self) -> String {
        let end = self.own.last().map_or_else(String::new, ended);
        format!("run {}: {end}", self.run)
    }

    /// The same of the others; of many where they end.
    fn others_label(&self) -> String {
        let ends = || self.others.iter().filter_map(|course| course.last());
        let end = match &self.others[..] {
            [_] => ends().map(ended).collect(),
            _ => {
                let (low, high) = ends().fold((f64::INFINITY, 0.0), |(low, high), (_, y)| {
                    (f64::min(low, *y), f64::max(high, *y))
                });
                format!("{low:.1} to {}", percent(high / 100.0))
            }
        };
        format!("{}: {end}", self.name)
    }

    /// The epochs that the curves span.
    fn epochs(&self) -> std::ops::Range<f64> {
        let all = std::iter::once(&self.own).chain(&self.others).flatten();
        let (first, last) = all.fold((f64::INFINITY, 0.0), |(first, last), (x, _)| {
            (f64::min(first, *x), f64::max(last, *x))
        });
        first - 0.5..last + 0.5
    }
}

/// "100.0 % after epoch 50"
fn ended(&(epoch, accuracy): &(f64, f64)) -> String {
    format!("{} after epoch {epoch}", percent(accuracy / 100.0))
}

impl Figure for Beside {
    fn size(&self) -> (u32, u32) {
        (340, 240)
    }

    fn subject(&self) -> &'static str {
        "Accuracy by epoch beside that of other runs"
    }

    fn paint<DB: DrawingBackend>(&self, sheet: &Sheet<DB>) -> DrawResult<(), DB> {
        let own = match self.split {
            Split::Train => Ink::Train,
            Split::Val => Ink::Val,
            Split::Test => Ink::Test,
        };
        let (first, line) = LEGEND;
        let (head, plot) = sheet.area.split_vertically(sheet.px(first + 2 * line + 4));
        let labels = [(own, self.own_label()), (Ink::Other, self.others_label())];
        for ((ink, label), y) in labels.into_iter().zip([first, first + line]) {
            let at = |x: u32, y: u32| (sheet.px(x) as i32, sheet.px(y) as i32);
            let style = ink.rgb().stroke_width(sheet.px(2));
            let sample = [at(8, y + 7), at(38, y + 7)];
            match *ink.dash() {
                [on, off] => {
                    let (on, off) = (sheet.px(on), sheet.px(off));
                    head.draw(&DashedPathElement::new(sample, on, off, style))?;
                }
                _ => head.draw(&PathElement::new(sample, style))?,
            }
            head.draw_text(&label, &sheet.font(13, &TEXT), at(46, y))?;
        }
        let mut chart = ChartBuilder::on(&plot)
            .margin_left(sheet.px(2))
            .margin_right(sheet.px(12))
            .margin_bottom(sheet.px(4))
            .x_label_area_size(sheet.px(36))
            .y_label_area_size(sheet.px(52))
            .build_cartesian_2d(self.epochs(), 0.0..100.0)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID.stroke_width(sheet.px(1)))
            .light_line_style(TRANSPARENT)
            .axis_style(GRID.stroke_width(sheet.px(1)))
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|x| match x.fract() {
                0.0 => format!("{x:.0}"),
                _ => String::new(),
            })
            .y_label_formatter(&|y| format!("{y:.0}"))
            .label_style(sheet.font(12, &FAINT))
            .axis_desc_style(sheet.font(12, &TEXT))
            .x_desc("epoch")
            .y_desc(format!("{} accuracy (%)", self.split.word()))
            .draw()?;
        let others = self.others.iter().map(|course| (Ink::Other, course));
        // The run's own lies above.
        for (ink, course) in others.chain([(own, &self.own)]) {
            let style = ink.rgb().stroke_width(sheet.px(2)).filled();
            // One epoch makes no line.
            if let [only] = course[..] {
                chart.draw_series([Circle::new(only, sheet.px(3), style)])?;
                continue;
            }
            match *ink.dash() {
                [on, off] => {
                    let (on, off) = (sheet.px(on), sheet.px(off));
                    chart.draw_series(DashedLineSeries::new(course.clone(), on, off, style))?;
                }
                _ => {
                    chart.draw_series(LineSeries::new(course.clone(), style))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::draw_beside;
    use crate::run::SplitMetrics;

    fn epochs(correct: &[u32]) -> Vec<EpochRecord> {
        let of = |(epoch, correct): (u32, &u32)| EpochRecord {
            epoch,
            lr: 0.1,
            seconds: 1.0,
            train: Some(SplitMetrics::new(1.0, *correct, 200)),
            val: None,
            test: None,
            running: None,
        };
        (1..).zip(correct).map(of).collect()
    }

    fn beside(split: Split, others: &[&[u32]]) -> Option<Beside> {
        let others: Vec<Vec<EpochRecord>> = others.iter().map(|of| epochs(of)).collect();
        let run = (RunId(3), &epochs(&[40, 200])[..]);
        Beside::of(
            split,
            run,
            "shuffled labels",
            others.iter().map(Vec::as_slice),
        )
    }

    /// Left, upper, right and lower end of the longest polyline in a colour.
    fn bounds(svg: &str, ink: &str) -> [i32; 4] {
        let stroke = format!("stroke=\"var(--{ink})\"");
        let lines = svg
            .lines()
            .filter(|l| l.starts_with("<polyline") && l.contains(&stroke));
        let points = lines.flat_map(|line| {
            let points = line.split("points=\"").nth(1).unwrap().split('"').next();
            points.unwrap().split_whitespace()
        });
        points.fold([i32::MAX, i32::MAX, 0, 0], |[l, u, r, d], point| {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            [l.min(x), u.min(y), r.max(x), d.max(y)]
        })
    }

    #[test]
    fn both_curves_end_where_their_accuracies_are() {
        let both = beside(Split::Train, &[&[40, 60, 80, 100]]).unwrap();
        let says = "Training accuracy by epoch. run 3: 100.0 % after epoch 2; shuffled labels: 50.0 % after epoch 4.";
        assert_eq!(both.says(), says);
        let svg = draw_beside(&both).unwrap();
        for part in [
            says,
            "role=\"img\"",
            "epoch",
            "training accuracy (%)",
            "var(--other)",
        ] {
            assert!(svg.contains(part), "lacks {part}");
        }
        assert!(!svg.contains('#'), "a fixed colour is left: {svg}");
        let (own, other) = (bounds(&svg, "train"), bounds(&svg, "other"));
        // Four epochs reach three times as far as two, to half the height; the legend's samples lie above both.
        assert!(own[2] < other[2], "{own:?} {other:?}");
        assert!(own[3] > other[1], "{own:?} {other:?}");
    }

    #[test]
    fn many_trainings_are_one_entry_and_without_figures_nothing_is_drawn() {
        let many = beside(Split::Train, &[&[20, 60], &[20, 90], &[]]).unwrap();
        let label = "shuffled labels, 2 trainings: 30.0 to 45.0 %";
        assert_eq!(many.others_label(), label);
        assert!(draw_beside(&many).unwrap().contains(label));
        assert!(draw_beside(&beside(Split::Train, &[&[7]]).unwrap()).is_ok());
        assert_eq!(beside(Split::Train, &[&[]]), None);
        assert_eq!(beside(Split::Val, &[&[20]]), None);
    }
}
