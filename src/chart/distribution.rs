//! How one number is distributed over the images of each split, as outlines: small, for a page.

use super::Ink;
use super::canvas::{FAINT, Figure, GRID, Sheet};
use crate::run::Split;
use plotters::prelude::*;

/// A number's distributions, all over the same ends.
pub struct Distributions {
    pub from: f64,
    pub to: f64,
    /// Images in bars of equal width, for each split that has some.
    pub splits: Vec<(Split, Vec<u32>)>,
}

impl Distributions {
    /// A split's outline from bar to bar: (place, share of the split's images).
    fn outline(&self, images: &[u32]) -> Vec<(f64, f64)> {
        let all: u32 = images.iter().sum();
        let width = (self.to - self.from) / images.len().max(1) as f64;
        let mut outline = vec![(self.from, 0.0)];
        for (bar, n) in images.iter().enumerate() {
            let share = f64::from(*n) / f64::from(all.max(1));
            let left = self.from + width * bar as f64;
            outline.extend([(left, share), (left + width, share)]);
        }
        outline.push((self.to, 0.0));
        outline
    }
}

impl Figure for Distributions {
    fn size(&self) -> (u32, u32) {
        (320, 130)
    }

    fn subject(&self) -> &'static str {
        "Distribution by split"
    }

    fn paint<DB: DrawingBackend>(&self, sheet: &Sheet<DB>) -> DrawResult<(), DB> {
        let lines: Vec<(Split, Vec<(f64, f64)>)> = self
            .splits
            .iter()
            .map(|(split, images)| (*split, self.outline(images)))
            .collect();
        let highest = lines
            .iter()
            .flat_map(|(_, line)| line)
            .fold(0.0, |most, (_, share)| f64::max(most, *share));
        // Where all images are alike, the one bar has a width all the same.
        let to = if self.to > self.from {
            self.to
        } else {
            self.from + 1.0
        };
        let (plot, foot) = sheet.area.split_vertically(sheet.px(108));
        let mut chart = ChartBuilder::on(&plot)
            .margin_left(sheet.px(4))
            .margin_right(sheet.px(4))
            .margin_top(sheet.px(4))
            .build_cartesian_2d(self.from..to, 0.0..1.05 * highest.max(1e-9))?;
        let ground = PathElement::new(
            [(self.from, 0.0), (to, 0.0)],
            GRID.stroke_width(sheet.px(1)),
        );
        chart.draw_series([ground])?;
        for (split, line) in lines {
            let ink = Ink::of(split);
            let style = ink.rgb().stroke_width(sheet.px(2));
            match *ink.dash() {
                [on, off] => {
                    let (on, off) = (sheet.px(on), sheet.px(off));
                    chart.draw_series(DashedLineSeries::new(line, on, off, style))?;
                }
                _ => {
                    let area = Polygon::new(line.clone(), ink.rgb().mix(0.13).filled());
                    chart.draw_series([area])?;
                    chart.draw_series(LineSeries::new(line, style))?;
                }
            }
        }
        let label = sheet.font(13, &FAINT);
        let (width, _) = foot.dim_in_pixel();
        let ends = [
            (self.from, 4),
            (self.to, (width / sheet.scale).saturating_sub(60)),
        ];
        for (value, x) in ends {
            foot.draw_text(
                &number(value),
                &label,
                (sheet.px(x) as i32, sheet.px(3) as i32),
            )?;
        }
        Ok(())
    }
}

/// "0.482", "−1.25", "256"
fn number(value: f64) -> String {
    let text = match value.abs() {
        a if a >= 100.0 => format!("{value:.0}"),
        a if a >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    text.replace('-', "−")
}
