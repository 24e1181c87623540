//! One curve with its axes, small, for a page: the learning rate over a run, the loss over learning rates.

use super::Ink;
use super::canvas::{FAINT, Figure, GRID, Sheet, TEXT};
use plotters::prelude::*;

/// A curve and what its axes are.
pub struct Course {
    /// In order of the first coordinate; others than finite ones are left out.
    pub points: Vec<(f64, f64)>,
    pub x_name: &'static str,
    pub y_name: &'static str,
    /// True where the points' first coordinates are powers of ten.
    pub decades: bool,
    /// A place on the first axis to mark.
    pub mark: Option<f64>,
}

impl Course {
    fn finite(&self) -> Vec<(f64, f64)> {
        let finite = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        self.points.iter().copied().filter(finite).collect()
    }
}

/// Least and greatest; a range of its own where there is none.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    if low < high {
        (low, high)
    } else if low.is_finite() {
        (low, low + low.abs().max(1e-9))
    } else {
        (0.0, 1.0)
    }
}

impl Figure for Course {
    fn size(&self) -> (u32, u32) {
        (420, 220)
    }

    fn subject(&self) -> &'static str {
        "A curve"
    }

    fn paint<DB: DrawingBackend>(&self, sheet: &Sheet<DB>) -> DrawResult<(), DB> {
        let points = self.finite();
        let (from, to) = ends(points.iter().map(|p| p.0));
        let (low, high) = ends(points.iter().map(|p| p.1));
        // A rate is seen against zero; a loss between its ends.
        let low = if self.decades { low } else { low.min(0.0) };
        let high = high + 0.06 * (high - low);
        let mut chart = ChartBuilder::on(&sheet.area)
            .margin_left(sheet.px(8))
            .margin_right(sheet.px(16))
            .margin_top(sheet.px(10))
            .margin_bottom(sheet.px(6))
            .x_label_area_size(sheet.px(42))
            .y_label_area_size(sheet.px(72))
            .build_cartesian_2d(from..to, low..high)?;
        let decades = self.decades;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID.stroke_width(sheet.px(1)))
            .light_line_style(TRANSPARENT)
            .axis_style(GRID.stroke_width(sheet.px(1)))
            .x_labels(7)
            .y_labels(5)
            .x_label_formatter(&|x| match decades {
                true => power(*x),
                false => short(*x),
            })
            .y_label_formatter(&|y| short(*y))
            .label_style(sheet.font(14, &FAINT))
            .axis_desc_style(sheet.font(14, &TEXT))
            .x_desc(self.x_name)
            .y_desc(self.y_name)
            .draw()?;
        if let Some(mark) = self.mark.filter(|mark| (from..=to).contains(mark)) {
            let line = [(mark, low), (mark, high)];
            let style = Ink::GapVal.rgb().stroke_width(sheet.px(2));
            let (on, off) = (sheet.px(4), sheet.px(4));
            chart.draw_series(DashedLineSeries::new(line, on, off, style))?;
        }
        let style = Ink::Train.rgb().stroke_width(sheet.px(2));
        chart.draw_series(LineSeries::new(points, style))?;
        Ok(())
    }
}

/// "1e-4" of −4; nothing between two powers.
fn power(x: f64) -> String {
    if (x - x.round()).abs() < 1e-6 {
        format!("1e{x:.0}")
    } else {
        String::new()
    }
}

/// A tick without needless digits: "0.001", "1e-5", "40".
fn short(value: f64) -> String {
    match value.abs() {
        a if a < 1e-12 => "0".to_owned(),
        a if !(1e-3..1e5).contains(&a) => {
            let text = format!("{value:.1e}");
            text.replace(".0e", "e")
        }
        _ => {
            let text = format!("{value:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_is_drawn_in_the_pages_colours_whatever_its_numbers() {
        for (points, decades, mark) in [
            (
                vec![(0.0, 1e-3), (5.0, 1e-3), (5.0, 1e-4), (10.0, 1e-4)],
                false,
                None,
            ),
            (
                vec![(-7.0, 2.2), (-3.0, 1.1), (0.0, f64::NAN)],
                true,
                Some(-4.0),
            ),
            (vec![(1.0, 1.0)], false, Some(9.0)),
            (Vec::new(), true, Some(f64::NAN)),
        ] {
            let course = Course {
                points,
                x_name: "epoch",
                y_name: "learning rate",
                decades,
                mark,
            };
            let svg = super::super::draw_course(&course, "falls").unwrap();
            assert!(svg.contains("aria-label=\"falls\"") && svg.contains("learning rate"));
            assert!(!svg.contains('#') && svg.ends_with("</svg>\n"), "{svg}");
        }
    }
}
