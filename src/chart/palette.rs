//! The colours and dashes of the curves, once for files and pages. Told apart by colour-blind eyes, and by the dash alone.

use crate::run::Split;
use plotters::style::RGBColor;
use std::fmt::Write;

/// What a curve stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Train,
    Val,
    Test,
    /// Training minus validation.
    GapVal,
    /// Training minus test.
    GapTest,
    /// Other runs, beside the one that is looked at.
    Other,
    /// Others than those, beside them.
    Further,
}

impl Ink {
    pub const ALL: [Ink; 7] = [
        Ink::Train,
        Ink::Val,
        Ink::Test,
        Ink::GapVal,
        Ink::GapTest,
        Ink::Other,
        Ink::Further,
    ];

    pub fn of(split: Split) -> Ink {
        match split {
            Split::Train => Ink::Train,
            Split::Val => Ink::Val,
            Split::Test => Ink::Test,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Ink::Train => "train",
            Ink::Val => "val",
            Ink::Test => "test",
            Ink::GapVal => "gap-val",
            Ink::GapTest => "gap-test",
            Ink::Other => "other",
            Ink::Further => "further",
        }
    }

    /// The colour on white paper, as `#rrggbb`.
    pub fn light(self) -> &'static str {
        match self {
            Ink::Train => "#0b5fbf",
            Ink::Val => "#0a8f5b",
            Ink::Test => "#c27400",
            Ink::GapVal => "#8e3a9e",
            Ink::GapTest => "#d4418e",
            Ink::Other => "#5f6673",
            Ink::Further => "#7a3fb8",
        }
    }

    /// The colour on a dark page, as `#rrggbb`.
    pub fn dark(self) -> &'static str {
        match self {
            Ink::Train => "#6cb0ff",
            Ink::Val => "#3fcf94",
            Ink::Test => "#ffb84d",
            Ink::GapVal => "#cf8be0",
            Ink::GapTest => "#ff86bd",
            Ink::Other => "#b3b9c4",
            Ink::Further => "#c39bff",
        }
    }

    /// Pixels drawn and pixels left out in turn; none: solid.
    pub fn dash(self) -> &'static [u32] {
        match self {
            Ink::Train | Ink::GapVal | Ink::Further => &[],
            Ink::Val => &[9, 3],
            Ink::Test | Ink::GapTest => &[3, 3],
            Ink::Other => &[2, 5],
        }
    }

    /// The light colour for plotters.
    pub(super) fn rgb(self) -> RGBColor {
        let [r, g, b] = channels(self.light());
        RGBColor(r, g, b)
    }
}

/// The palette as CSS custom properties: `--train` for light and dark pages, `--train-dash`, and so on.
pub fn css() -> String {
    let mut css = ":root{".to_owned();
    for ink in Ink::ALL {
        let (name, light, dark) = (ink.name(), ink.light(), ink.dark());
        let dash: Vec<String> = ink.dash().iter().map(|n| format!("{n}px")).collect();
        let dash = if dash.is_empty() {
            "solid".to_owned()
        } else {
            dash.join(",")
        };
        // Writing to a String cannot fail.
        let _ = write!(
            css,
            "--{name}:light-dark({light},{dark});--{name}-dash:{dash};"
        );
    }
    css + "}\n"
}

/// Red, green and blue of `#rrggbb`; other text is black.
fn channels(hex: &str) -> [u8; 3] {
    let number = u32::from_str_radix(hex.trim_start_matches('#'), 16).unwrap_or(0);
    let [_, r, g, b] = number.to_be_bytes();
    [r, g, b]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(hex: &str) -> [f64; 3] {
        channels(hex).map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    /// WCAG 2.2's contrast ratio.
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |hex| {
            let [r, g, b] = linear(hex);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// CIE L*a*b* of linear RGB under D65.
    fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
        let f = |t: f64| {
            if t > 0.008856 {
                t.cbrt()
            } else {
                7.787 * t + 16.0 / 116.0
            }
        };
        let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
        let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
        let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn every_colour_stands_out_from_its_page() {
        for ink in Ink::ALL {
            assert!(contrast(ink.light(), "#ffffff") >= 3.0, "{ink:?} light");
            assert!(contrast(ink.dark(), "#14171c") >= 3.0, "{ink:?} dark");
        }
    }

    /// Full protanopia and deuteranopia after Machado, Oliveira and Fernandes 2009, table 1.
    #[test]
    fn the_splits_differ_for_colour_blind_eyes() {
        let eyes = [
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ],
            [
                [0.367322, 0.860646, -0.227968],
                [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881],
            ],
        ];
        let curves = [
            (Ink::Train, Ink::Val),
            (Ink::Train, Ink::Test),
            (Ink::Val, Ink::Test),
            (Ink::GapVal, Ink::GapTest),
            (Ink::Train, Ink::Other),
            (Ink::Val, Ink::Other),
            (Ink::Val, Ink::Further),
            (Ink::Other, Ink::Further),
        ];
        for eye in eyes {
            let seen = |hex: &str| {
                let rgb = linear(hex);
                lab(eye.map(|row: [f64; 3]| {
                    (row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]).clamp(0.0, 1.0)
                }))
            };
            for (one, other) in curves {
                for (a, b) in [(one.light(), other.light()), (one.dark(), other.dark())] {
                    let (x, y) = (seen(a), seen(b));
                    let distance = (0..3).map(|i| (x[i] - y[i]).powi(2)).sum::<f64>().sqrt();
                    assert!(distance > 18.0, "{one:?} {other:?} {a} {b}: {distance}");
                }
            }
        }
    }

    #[test]
    fn the_style_sheet_has_every_ink_for_light_and_dark() {
        let css = css();
        for ink in Ink::ALL {
            let entry = format!(
                "--{}:light-dark({},{});",
                ink.name(),
                ink.light(),
                ink.dark()
            );
            assert!(css.contains(&entry), "{entry}");
        }
        assert!(css.contains("--val-dash:9px,3px;") && css.contains("--train-dash:solid;"));
    }
}
