//! A confusion matrix, drawn by plotters: rows are true classes, columns predicted ones, darkness the share of the row.

use super::Subject;
use super::canvas::{FAINT, Figure, GRID, Sheet, TEXT, tidy};
use crate::run::Split;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Above this many classes the cells are too small for counts.
const MOST_COUNTS: usize = 24;
/// Above this many classes the edges are too crowded for names.
const MOST_NAMES: usize = 40;
/// The darkest cell: every image of the row.
const FULL: RGBColor = RGBColor(16, 62, 122);

pub(super) struct Matrix {
    title: String,
    classes: Vec<String>,
    /// (true class, predicted class, images), all below the number of classes.
    cells: Vec<(usize, usize, u32)>,
    /// Images of each true class.
    rows: Vec<u32>,
}

impl Matrix {
    pub fn of(subject: &Subject) -> Matrix {
        let classes: Vec<String> = subject.classes.iter().map(|c| tidy(c, 14)).collect();
        let (split, epoch, counts) = subject.confusion.map_or((Split::Val, None, &[][..]), |c| {
            (c.split, Some(c.epoch), &c.counts.0[..])
        });
        let cells: Vec<(usize, usize, u32)> = counts
            .iter()
            .map(|&(t, p, n)| (t as usize, p as usize, n))
            .filter(|(t, p, _)| *t.max(p) < classes.len())
            .collect();
        let mut rows = vec![0; classes.len()];
        for (t, _, n) in &cells {
            rows[*t] += n;
        }
        let at = epoch.map_or(String::new(), |e| format!(", epoch {e}"));
        Matrix {
            title: format!(
                "{} · confusion, {split}{at}",
                tidy(subject.name, 60),
                split = split.word()
            ),
            classes,
            cells,
            rows,
        }
    }
}

impl Figure for Matrix {
    fn size(&self) -> (u32, u32) {
        (820, 800)
    }

    fn subject(&self) -> &'static str {
        "Confusion matrix"
    }

    fn paint<DB: DrawingBackend>(&self, sheet: &Sheet<DB>) -> DrawResult<(), DB> {
        let px = |length: f64| (length * f64::from(sheet.scale)).round() as i32;
        let area = &sheet.area;
        let (left, top, side) = (150.0, 120.0, 640.0);
        area.draw_text(&self.title, &sheet.font(20, &TEXT), (px(24.0), px(14.0)))?;
        if self.cells.is_empty() {
            let middle = (px(left + 60.0), px(top + side / 2.0));
            return area.draw_text(
                "No predictions are stored yet",
                &sheet.font(18, &FAINT),
                middle,
            );
        }
        let cell = side / self.classes.len() as f64;
        let edge = |index: usize, from: f64| px(from + cell * index as f64);
        for &(t, p, n) in &self.cells {
            let share = f64::from(n) / f64::from(self.rows[t].max(1));
            let corners = [
                (edge(p, left), edge(t, top)),
                (edge(p + 1, left), edge(t + 1, top)),
            ];
            area.draw(&Rectangle::new(
                corners,
                FULL.mix(0.06 + 0.94 * share).filled(),
            ))?;
            if self.classes.len() <= MOST_COUNTS {
                let ink = if share > 0.5 { &WHITE } else { &TEXT };
                let style = sheet
                    .font((cell * 0.36).clamp(9.0, 17.0) as u32, ink)
                    .pos(Pos::new(HPos::Center, VPos::Center));
                let centre = (
                    px(left + cell * (p as f64 + 0.5)),
                    px(top + cell * (t as f64 + 0.5)),
                );
                area.draw_text(&n.to_string(), &style, centre)?;
            }
        }
        let frame = [(px(left), px(top)), (px(left + side), px(top + side))];
        area.draw(&Rectangle::new(frame, GRID.stroke_width(sheet.px(1))))?;
        let heading = sheet.font(16, &TEXT);
        area.draw_text("predicted class →", &heading, (px(left), px(56.0)))?;
        area.draw_text("true class ↓", &heading, (px(24.0), px(top - 28.0)))?;
        if self.classes.len() <= MOST_NAMES {
            let size = (cell * 0.4).clamp(9.0, 14.0) as u32;
            for (index, class) in self.classes.iter().enumerate() {
                let middle = cell * (index as f64 + 0.5);
                let beside = sheet
                    .font(size, &TEXT)
                    .pos(Pos::new(HPos::Right, VPos::Center));
                area.draw_text(class, &beside, (px(left - 8.0), px(top + middle)))?;
                let above = sheet
                    .font(size, &TEXT)
                    .pos(Pos::new(HPos::Center, VPos::Bottom));
                let fits = tidy(class, ((cell / f64::from(size)) * 1.7).max(2.0) as usize);
                area.draw_text(&fits, &above, (px(left + middle), px(top - 6.0)))?;
            }
        }
        Ok(())
    }
}
