//! One split's accuracy by epoch of a run, beside that of the runs that it is compared with: small, for a page.

use super::Ink;
use super::canvas::{FAINT, Figure, GRID, Sheet, TEXT, whole};
use super::thin::thin;
use crate::diagnose::percent;
use crate::run::{EpochRecord, RunId, Split};
use plotters::prelude::*;

/// A curve's width in buckets of thinning: the chart is small.
const BUCKETS: usize = 150;
/// Baseline of the legend's first line, and from one line to the next.
const LEGEND: (u32, u32) = (4, 19);
/// The legend's font, and where its words begin.
const FONT: u32 = 13;
const INDENT: u32 = 46;
/// A phone's.
const WIDTH: u32 = 340;
/// What others are drawn in, in the order in which they are named.
const OTHERS: [Ink; 2] = [Ink::Other, Ink::Further];

/// Epochs with accuracies in percent, in order.
type Line = Vec<(f64, f64)>;

/// The curve of a run and those of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    split: Split,
    run: RunId,
    own: Line,
    others: Vec<Others>,
}

/// Curves that are one entry of the legend.
#[derive(Clone, Debug, PartialEq)]
struct Others {
    /// What they are, in a few words.
    name: String,
    lines: Vec<Line>,
}

impl Beside {
    /// `others`: curves by what they are, in a few words. None where the run, or all of the others, have no accuracy of the
    /// split.
    pub fn of<'a>(
        split: Split,
        (run, own): (RunId, &[EpochRecord]),
        others: impl IntoIterator<Item = (String, Vec<&'a [EpochRecord]>)>,
    ) -> Option<Beside> {
        let line = |epochs: &[EpochRecord]| -> Line {
            let measured = epochs.iter().filter_map(|e| {
                let accuracy = e.split(split)?.accuracy;
                Some((f64::from(e.epoch), 100.0 * accuracy))
            });
            thin(
                measured.filter(|(_, y)| y.is_finite()).collect(),
                BUCKETS,
                None,
            )
        };
        let own = line(own);
        let named = others.into_iter().map(|(name, of)| Others {
            name,
            lines: of
                .into_iter()
                .map(line)
                .filter(|line| !line.is_empty())
                .collect(),
        });
        let others: Vec<Others> = named.filter(|of| !of.lines.is_empty()).collect();
        (!own.is_empty() && !others.is_empty()).then_some(Beside {
            split,
            run,
            own,
            others,
        })
    }

    /// What a screen reader says of it: more than the legend has room for.
    pub(super) fn says(&self) -> String {
        let own = ended(&self.own);
        let others: Vec<String> = self.others.iter().map(Others::says).collect();
        format!(
            "{} accuracy by epoch. run {}: {own}; {}.",
            match self.split {
                Split::Train => "Training",
                Split::Val => "Validation",
                Split::Test => "Test",
            },
            self.run,
            others.join("; ")
        )
    }

    /// The legend's lines: "run 3: 100.0 %"
    fn legend(&self) -> Vec<(Ink, String)> {
        let own = format!(
            "run {}: {}",
            self.run,
            ends(std::slice::from_ref(&self.own))
        );
        let others = OTHERS.into_iter().cycle().zip(&self.others);
        let others = others.map(|(ink, of)| (ink, format!("{}: {}", of.name, ends(&of.lines))));
        std::iter::once((Ink::of(self.split), own))
            .chain(others)
            .collect()
    }

    /// Height of the legend.
    fn head(&self) -> u32 {
        let (first, line) = LEGEND;
        first + (1 + self.others.len() as u32) * line + 4
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.own).chain(self.others.iter().flat_map(|of| &of.lines))
    }

    /// The epochs that the curves span.
    fn epochs(&self) -> std::ops::Range<f64> {
        let (first, last) = self
            .lines()
            .flatten()
            .fold((f64::INFINITY, 0.0), |(first, last), (x, _)| {
                (f64::min(first, *x), f64::max(last, *x))
            });
        first - 0.5..last + 0.5
    }
}

impl Others {
    /// "shuffled labels: 50.0 % after epoch 4", "label suspects, 3 trainings: 80.0 to 85.0 %"
    fn says(&self) -> String {
        match &self.lines[..] {
            [only] => format!("{}: {}", self.name, ended(only)),
            many => format!("{}, {} trainings: {}", self.name, many.len(), ends(many)),
        }
    }
}

/// "100.0 % after epoch 50"
fn ended(line: &Line) -> String {
    let ended = |(epoch, accuracy): &(f64, f64)| {
        format!("{} after epoch {epoch}", percent(accuracy / 100.0))
    };
    line.last().map_or_else(String::new, ended)
}

/// Where curves end: "100.0 %", "80.0 to 85.0 %"
fn ends(lines: &[Line]) -> String {
    let ends = lines.iter().filter_map(|line| line.last());
    let (low, high) = ends.fold((f64::INFINITY, 0.0), |(low, high), (_, y)| {
        (f64::min(low, *y), f64::max(high, *y))
    });
    let high = percent(high / 100.0);
    match lines {
        [_] => high,
        _ => format!("{low:.1} to {high}"),
    }
}

impl Figure for Beside {
    fn size(&self) -> (u32, u32) {
        (WIDTH, 194 + self.head())
    }

    fn subject(&self) -> &'static str {
        "Accuracy by epoch beside that of other runs"
    }

    fn paint<DB: DrawingBackend>(&self, sheet: &Sheet<DB>) -> DrawResult<(), DB> {
        let (head, plot) = sheet.area.split_vertically(sheet.px(self.head()));
        let head = sheet.part(head);
        let (first, line) = LEGEND;
        for ((ink, label), y) in self
            .legend()
            .into_iter()
            .zip((first..).step_by(line as usize))
        {
            let at = |x: u32, y: u32| (sheet.px(x) as i32, sheet.px(y) as i32);
            head.sample(ink, [at(8, y + 7), at(38, y + 7)], 2)?;
            head.area
                .draw_text(&label, &sheet.font(FONT, &TEXT), at(INDENT, y))?;
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
            .x_label_formatter(&|x| whole(*x))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .label_style(sheet.font(12, &FAINT))
            .axis_desc_style(sheet.font(12, &TEXT))
            .x_desc("epoch")
            .y_desc(format!("{} accuracy (%)", self.split.word()))
            .draw()?;
        let others = OTHERS.into_iter().cycle().zip(&self.others);
        let others = others.flat_map(|(ink, of)| of.lines.iter().map(move |line| (ink, line)));
        // The run's own lies above.
        for (ink, line) in others.chain([(Ink::of(self.split), &self.own)]) {
            let style = ink.rgb().stroke_width(sheet.px(2)).filled();
            // One epoch makes no line.
            if let [only] = line[..] {
                chart.draw_series([Circle::new(only, sheet.px(3), style)])?;
                continue;
            }
            match *ink.dash() {
                [on, off] => {
                    let (on, off) = (sheet.px(on), sheet.px(off));
                    chart.draw_series(DashedLineSeries::new(line.clone(), on, off, style))?;
                }
                _ => {
                    chart.draw_series(LineSeries::new(line.clone(), style))?;
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

    fn beside(split: Split, others: &[(&str, &[&[u32]])]) -> Option<Beside> {
        let named = |(name, of): &(&str, &[&[u32]])| -> (String, Vec<Vec<EpochRecord>>) {
            (name.to_string(), of.iter().map(|of| epochs(of)).collect())
        };
        let others: Vec<_> = others.iter().map(named).collect();
        let lent = others
            .iter()
            .map(|(name, of)| (name.clone(), of.iter().map(Vec::as_slice).collect()));
        Beside::of(split, (RunId(3), &epochs(&[40, 200])), lent)
    }

    /// The right end of what is drawn in a colour below the legend, in the drawing's units.
    fn end(svg: &str, ink: &str, of: &Beside) -> (i32, i32) {
        let stroke = format!("stroke=\"var(--{ink})\"");
        let lines = svg
            .lines()
            .filter(|l| l.starts_with("<polyline") && l.contains(&stroke));
        let points = lines.flat_map(|line| {
            let points = line.split("points=\"").nth(1).unwrap().split('"').next();
            points.unwrap().split_whitespace()
        });
        let points = points.map(|point| {
            let (x, y) = point.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        });
        let below = |(_, y): &(i32, i32)| *y >= 4 * of.head() as i32;
        points.filter(below).max().unwrap()
    }

    /// As `curves.rs` reckons: a character is about 0.6 of the font's size wide.
    fn fits(label: &str) -> bool {
        let width = 6 * FONT * label.chars().count() as u32 / 10;
        INDENT + width <= WIDTH
    }

    #[test]
    fn both_curves_end_where_their_accuracies_are() {
        let both = beside(Split::Train, &[("shuffled labels", &[&[40, 60, 80, 100]])]).unwrap();
        let says = "Training accuracy by epoch. run 3: 100.0 % after epoch 2; shuffled labels: 50.0 % after epoch 4.";
        assert_eq!(both.says(), says);
        let svg = draw_beside(&both).unwrap();
        for part in [
            says,
            "role=\"img\"",
            "epoch",
            "training accuracy (%)",
            "shuffled labels: 50.0 %\n",
        ] {
            assert!(svg.contains(part), "lacks {part}");
        }
        assert!(!svg.contains('#'), "a fixed colour is left: {svg}");
        let (own, other) = (end(&svg, "train", &both), end(&svg, "other", &both));
        // The plot lies between the legend and the axis' labels, and right of an axis at epoch 0.5.
        let (top, ground) = (4 * both.head() as i32, 4 * (194 + both.head() as i32 - 40));
        let near = |a: i32, b: i32| (a - b).abs() <= 20;
        assert!(near(own.1, top), "{own:?} {top}");
        assert!(
            near(other.1, (top + ground) / 2),
            "{other:?} {top} {ground}"
        );
        let (left, right) = (4 * 54, 4 * (WIDTH as i32 - 12));
        let at = |epoch: f64| left + ((epoch - 0.5) / 4.0 * f64::from(right - left)) as i32;
        assert!(
            near(own.0, at(2.0)) && near(other.0, at(4.0)),
            "{own:?} {other:?}"
        );
    }

    #[test]
    fn what_answers_by_its_two_parts_is_drawn_as_two_that_can_be_told_apart() {
        let halves: [(&str, &[&[u32]]); 2] = [
            ("folds by group", &[&[20, 60], &[20, 70]]),
            ("folds by class", &[&[20, 150], &[20, 160]]),
        ];
        let halves = beside(Split::Train, &halves).unwrap();
        let labels: Vec<(Ink, String)> = halves.legend();
        assert_eq!(
            labels[1..],
            [
                (Ink::Other, "folds by group: 30.0 to 35.0 %".to_owned()),
                (Ink::Further, "folds by class: 75.0 to 80.0 %".to_owned()),
            ]
        );
        let svg = draw_beside(&halves).unwrap();
        let (group, class) = (end(&svg, "other", &halves), end(&svg, "further", &halves));
        assert!(class.1 < group.1, "{class:?} {group:?}");
    }

    #[test]
    fn many_trainings_are_one_entry_and_without_figures_nothing_is_drawn() {
        let many = beside(
            Split::Train,
            &[("shuffled labels", &[&[20, 60], &[20, 90], &[]])],
        );
        let many = many.unwrap();
        // How many they are is read out; the legend has no room for it.
        assert!(
            many.says()
                .ends_with("shuffled labels, 2 trainings: 30.0 to 45.0 %.")
        );
        let label = "shuffled labels: 30.0 to 45.0 %";
        assert_eq!(many.legend()[1].1, label);
        assert!(fits(label) && fits("shuffled labels: 100.0 to 100.0 %"));
        assert!(draw_beside(&many).unwrap().contains(label));
        let of = |split, others: &[&[u32]]| beside(split, &[("baseline", others)]);
        assert!(draw_beside(&of(Split::Train, &[&[7]]).unwrap()).is_ok());
        assert_eq!(of(Split::Train, &[&[]]), None);
        assert_eq!(of(Split::Val, &[&[20]]), None);
    }
}
