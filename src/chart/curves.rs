//! Accuracy, loss and gap by epoch, drawn by plotters.

use super::canvas::{FAINT, Figure, GRID, Sheet, TEXT, tidy, whole};
use super::layout::{Layout, NARROW, WIDE};
use super::thin::{pieces, thin};
use super::{Best, Ink, Kind, Subject};
use crate::diagnose::{difference, percent, points, wilson};
use crate::run::{EpochRecord, Split};
use plotters::prelude::*;
use std::ops::Range;

/// A curve's width in buckets of thinning: finer than the picture's pixels show.
const BUCKETS: usize = 400;
/// From the left of a line's sample to its words.
const SAMPLE: u32 = 42;
/// Points of a curve that was measured now and then, up to which each is marked.
const MARKED: usize = 120;
/// A loss above this is drawn at the upper edge; the rest stays readable.
const LOSS_LIMIT: f64 = 1e6;

/// One line with its band.
struct Curve {
    ink: Ink,
    /// With the last value: "validation 18.9 %".
    label: String,
    /// (epoch, value) at the epochs at which it was measured; NaN breaks the line.
    points: Vec<(f64, f64)>,
    /// It was not measured at some epochs in between.
    sparse: bool,
    /// (epoch, end of the interval).
    low: Vec<(f64, f64)>,
    high: Vec<(f64, f64)>,
}

/// A chart of curves over epochs.
pub(super) struct Curves {
    kind: Kind,
    layout: &'static Layout,
    title: String,
    curves: Vec<Curve>,
    epochs: Range<f64>,
    values: Range<f64>,
    best: Option<Best>,
}

/// A value with its 95 % interval, if it has one.
type Point = (f64, Option<(f64, f64)>);

impl Curves {
    /// The same for a phone, without the run's name, which stands above it there.
    pub fn narrow(kind: Kind, subject: &Subject) -> Curves {
        let mut curves = Curves::of(kind, subject);
        curves.title = kind.title().to_owned();
        curves.layout = &NARROW;
        curves
    }

    pub fn of(kind: Kind, subject: &Subject) -> Curves {
        let curves: Vec<Curve> = match kind {
            Kind::Gap => [(Ink::GapVal, Split::Val), (Ink::GapTest, Split::Test)]
                .into_iter()
                .filter_map(|(ink, split)| {
                    let name = format!("training − {}", split.word());
                    curve(subject, ink, &name, kind, |e| gap(e, split))
                })
                .collect(),
            _ => [Ink::Train, Ink::Val, Ink::Test]
                .into_iter()
                .zip(Split::ALL)
                .filter_map(|(ink, split)| {
                    curve(subject, ink, split.word(), kind, |e| match kind {
                        Kind::Loss => e
                            .split(split)
                            .map(|m| (m.loss.clamp(f64::MIN, LOSS_LIMIT), None)),
                        _ => accuracy(e, split),
                    })
                })
                .collect(),
        };
        let first = subject.epochs.first().map_or(1, |e| e.epoch);
        let last = subject.epochs.last().map_or(10, |e| e.epoch);
        Curves {
            kind,
            layout: &WIDE,
            title: format!("{} · {}", tidy(subject.name, 80), kind.title()),
            values: range(kind, &curves),
            curves,
            epochs: f64::from(first) - 0.5..f64::from(last) + 0.5,
            best: subject.best,
        }
    }
}

fn accuracy(epoch: &EpochRecord, split: Split) -> Option<Point> {
    let metrics = epoch.split(split)?;
    let interval = (metrics.n > 0).then(|| {
        let i = wilson(metrics.correct.min(metrics.n), metrics.n);
        (100.0 * i.low, 100.0 * i.high)
    });
    Some((100.0 * metrics.accuracy, interval))
}

fn gap(epoch: &EpochRecord, split: Split) -> Option<Point> {
    let (train, other) = (epoch.train.as_ref()?, epoch.split(split)?);
    let interval = (train.n > 0 && other.n > 0).then(|| {
        let i = difference((train.correct, train.n), (other.correct, other.n));
        (100.0 * i.low, 100.0 * i.high)
    });
    Some((100.0 * epoch.gap(split)?, interval))
}

/// None where no epoch has a finite value.
fn curve(
    subject: &Subject,
    ink: Ink,
    name: &str,
    kind: Kind,
    value: impl Fn(&EpochRecord) -> Option<Point>,
) -> Option<Curve> {
    let mut measured = Vec::new();
    let (mut low, mut high) = (Vec::new(), Vec::new());
    let mut last = None;
    let mut missed = false;
    let mut sparse = false;
    for epoch in subject.epochs {
        let x = f64::from(epoch.epoch);
        let Some((y, interval)) = value(epoch) else {
            missed = !measured.is_empty();
            continue;
        };
        sparse |= missed;
        if !y.is_finite() {
            measured.push((x, f64::NAN));
            continue;
        }
        measured.push((x, y));
        if let Some((from, to)) = interval {
            low.push((x, from));
            high.push((x, to));
        }
        last = Some(y);
    }
    let last = match kind {
        Kind::Accuracy => percent(last? / 100.0),
        Kind::Gap => format!("{} points", points(last? / 100.0)),
        _ => format!("{:.3}", last?),
    };
    let marked = subject.best.map(|best| f64::from(best.epoch));
    Some(Curve {
        ink,
        label: format!("{name} {last}"),
        points: thin(measured, BUCKETS, marked),
        sparse,
        low: thin(low, BUCKETS, marked),
        high: thin(high, BUCKETS, marked),
    })
}

/// The values that the chart spans: all of 0 to 100 % for accuracy, zero and everything for the others.
fn range(kind: Kind, curves: &[Curve]) -> Range<f64> {
    if kind == Kind::Accuracy {
        return 0.0..100.0;
    }
    let all = curves
        .iter()
        .flat_map(|c| c.points.iter().chain(&c.low).chain(&c.high));
    let (mut low, mut high) = (0.0, 0.0);
    for (_, y) in all {
        low = f64::min(low, *y);
        high = f64::max(high, *y);
    }
    if high - low < 1e-9 {
        return low..low + 1.0;
    }
    let air = 0.05 * (high - low);
    (if low < 0.0 { low - air } else { low })..high + air
}

impl Figure for Curves {
    fn size(&self) -> (u32, u32) {
        self.layout.size
    }

    fn subject(&self) -> &'static str {
        match self.kind {
            Kind::Loss => "Loss by epoch",
            Kind::Gap => "Generalization gap by epoch",
            _ => "Accuracy by epoch",
        }
    }

    fn paint<DB: DrawingBackend>(&self, sheet: &Sheet<DB>) -> DrawResult<(), DB> {
        let layout = self.layout;
        let last = self.legend().last().map_or(layout.legend, |(_, (_, y))| *y);
        let head = last + layout.stacked.unwrap_or(layout.text) + 12;
        let (head, plot) = sheet.area.split_vertically(sheet.px(head));
        self.paint_head(&sheet.part(head))?;
        let mut chart = ChartBuilder::on(&plot)
            .margin_left(sheet.px(layout.margins.0))
            .margin_right(sheet.px(layout.margins.1))
            .margin_bottom(sheet.px(10))
            .x_label_area_size(sheet.px(layout.below))
            .y_label_area_size(sheet.px(layout.left))
            .build_cartesian_2d(self.epochs.clone(), self.values.clone())?;
        let y_name = match self.kind {
            Kind::Loss => "loss (nats)",
            Kind::Gap => "generalization gap (points)",
            _ => "accuracy (%)",
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID.stroke_width(sheet.px(1)))
            .light_line_style(TRANSPARENT)
            .axis_style(GRID.stroke_width(sheet.px(1)))
            .x_labels(layout.x_labels)
            .y_labels(8)
            .x_label_formatter(&|x| whole(*x))
            .y_label_formatter(&|y| short(*y))
            .label_style(sheet.font(layout.ticks, &FAINT))
            .axis_desc_style(sheet.font(layout.text, &TEXT))
            .x_desc("epoch")
            .y_desc(y_name)
            .draw()?;
        for curve in &self.curves {
            let outline: Vec<(f64, f64)> = curve
                .high
                .iter()
                .chain(curve.low.iter().rev())
                .copied()
                .collect();
            if curve.high.len() > 1 {
                let band = Polygon::new(outline, curve.ink.rgb().mix(0.13).filled());
                chart.draw_series([band])?;
            }
        }
        if self.kind == Kind::Gap {
            let zero = [(self.epochs.start, 0.0), (self.epochs.end, 0.0)];
            let line = PathElement::new(zero, TEXT.stroke_width(sheet.px(1)));
            chart.draw_series([line])?;
        }
        if let Some(best) = self
            .best
            .map(|best| f64::from(best.epoch))
            .filter(|b| self.epochs.contains(b))
        {
            let line = [(best, self.values.start), (best, self.values.end)];
            chart.draw_series(DashedLineSeries::new(
                line,
                sheet.px(2),
                sheet.px(4),
                FAINT.stroke_width(sheet.px(1)),
            ))?;
        }
        for curve in &self.curves {
            let style = curve.ink.rgb().stroke_width(sheet.px(2)).filled();
            for piece in pieces(&curve.points) {
                match *curve.ink.dash() {
                    [on, off] => {
                        let (on, off) = (sheet.px(on), sheet.px(off));
                        let line = DashedLineSeries::new(piece.to_vec(), on, off, style);
                        chart.draw_series(line)?;
                    }
                    _ => {
                        chart.draw_series(LineSeries::new(piece.to_vec(), style))?;
                    }
                }
            }
            let few = self.epochs.end - self.epochs.start <= 40.0;
            if few || (curve.sparse && curve.points.len() <= MARKED) {
                let dots = curve.points.iter().filter(|(_, y)| !y.is_nan());
                chart.draw_series(dots.map(|at| Circle::new(*at, sheet.px(3), style)))?;
            }
        }
        if self.curves.is_empty() {
            let (width, height) = plot.dim_in_pixel();
            let centre = (width as i32 / 2, height as i32 / 2);
            plot.draw_text("No epoch is done yet", &sheet.font(18, &FAINT), centre)?;
        }
        Ok(())
    }
}

impl Curves {
    /// The title, and below it a line for each curve with its name and last value.
    fn paint_head<DB: DrawingBackend>(&self, sheet: &Sheet<DB>) -> DrawResult<(), DB> {
        let layout = self.layout;
        let at = |x: u32, y: u32| (sheet.px(x) as i32, sheet.px(y) as i32);
        let text = |colour| sheet.font(layout.text, colour);
        let area = &sheet.area;
        let heading = sheet.font(layout.heading, &TEXT);
        area.draw_text(&self.title, &heading, at(layout.indent, layout.title))?;
        for (entry, (x, y)) in self.legend() {
            match entry {
                Entry::Curve(curve) => {
                    let middle = y + layout.text / 2 - 1;
                    sheet.sample(curve.ink, [at(x, middle), at(x + 34, middle)], 3)?;
                    area.draw_text(&curve.label, &text(&TEXT), at(x + SAMPLE, y))?;
                }
                Entry::Best(label) => {
                    let x = x + layout.stacked.map_or(0, |_| SAMPLE);
                    area.draw_text(&label, &text(&FAINT), at(x, y))?;
                }
            }
        }
        Ok(())
    }

    /// The legend's entries, each with its place: one below the other, or as many in a row as fit.
    fn legend(&self) -> Vec<(Entry<'_>, (u32, u32))> {
        let layout = self.layout;
        let (mut x, mut y) = (layout.indent, layout.legend);
        let best = self.best.map(|best| Entry::Best(best.label()));
        let entries = self.curves.iter().map(Entry::Curve).chain(best);
        let mut placed = Vec::new();
        for entry in entries {
            // A character of the font is about half its size wide.
            let width = layout.text / 2 * entry.characters() + SAMPLE;
            let full = layout.stacked.is_some() || x + width > layout.size.0 - layout.margins.1;
            if full && !placed.is_empty() {
                (x, y) = (layout.indent, y + layout.stacked.unwrap_or(layout.text + 6));
            }
            placed.push((entry, (x, y)));
            x += width + 28;
        }
        placed
    }
}

/// An entry of the legend.
enum Entry<'a> {
    Curve(&'a Curve),
    /// The epoch that is marked.
    Best(String),
}

impl Entry<'_> {
    fn characters(&self) -> u32 {
        let label = match self {
            Entry::Curve(curve) => &curve.label,
            Entry::Best(label) => label,
        };
        label.chars().count() as u32
    }
}

/// A tick's value without needless digits.
fn short(y: f64) -> String {
    if y.abs() >= 1e5 {
        format!("{y:.0e}")
    } else {
        let text = format!("{y:.3}");
        text.trim_end_matches('0')
            .trim_end_matches('.')
            .replace('-', "−")
    }
}
