//! Figures of a run for files (SVG, PNG by plotters), and the colours that the page draws the same curves in.

mod beside;
mod best;
mod canvas;
mod confusion;
mod contact_sheet;
mod course;
mod curves;
mod distribution;
mod layout;
mod palette;
mod thin;

pub use beside::Beside;
pub use best::Best;
pub use contact_sheet::contact_sheet;
pub use course::Course;
pub use distribution::Distributions;
pub use palette::{Ink, css};

use crate::run::{Confusion, EpochRecord, Split};
use std::str::FromStr;

/// What a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Accuracy of each split by epoch, with Wilson's 95 % bands.
    Accuracy,
    /// Cross-entropy of each split by epoch.
    Loss,
    /// Training accuracy minus validation's and test's by epoch, with Newcombe's 95 % bands.
    Gap,
    /// Counts of true against predicted class at one epoch.
    Confusion,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Accuracy, Kind::Loss, Kind::Gap, Kind::Confusion];

    /// The name in addresses and of files: `accuracy`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Accuracy => "accuracy",
            Kind::Loss => "loss",
            Kind::Gap => "gap",
            Kind::Confusion => "confusion",
        }
    }
}

impl Kind {
    /// What a chart is of, in words.
    fn title(self) -> &'static str {
        match self {
            Kind::Gap => "generalization gap",
            _ => self.name(),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == s)
            .ok_or_else(|| {
                let names = Kind::ALL.map(Kind::name).join(", ");
                format!("no chart is called '{s}'; there are {names}")
            })
    }
}

/// The file that a chart becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Svg,
    Png,
}

impl Format {
    pub fn extension(self) -> &'static str {
        match self {
            Format::Svg => "svg",
            Format::Png => "png",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Format::Svg => "image/svg+xml",
            Format::Png => "image/png",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "svg" => Ok(Format::Svg),
            "png" => Ok(Format::Png),
            _ => Err(format!("a chart is svg or png, not '{s}'")),
        }
    }
}

/// What a run's charts are drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The run's name, for the title.
    pub name: &'a str,
    /// In order.
    pub epochs: &'a [EpochRecord],
    /// The epoch to mark.
    pub best: Option<Best>,
    pub classes: &'a [String],
    /// What [`Kind::Confusion`] shows; the other charts do without.
    pub confusion: Option<ConfusionAt<'a>>,
}

/// A confusion matrix with where it was counted.
#[derive(Clone, Copy, Debug)]
pub struct ConfusionAt<'a> {
    pub split: Split,
    pub epoch: u32,
    pub counts: &'a Confusion,
}

/// A drawing that failed: a fault of ours or of plotters, never of the numbers.
#[derive(Debug, thiserror::Error)]
#[error("the chart could not be drawn: {0}")]
pub struct ChartError(String);

/// Draws one chart; what has no numbers yet says so in the picture.
pub fn draw(kind: Kind, format: Format, subject: &Subject) -> Result<Vec<u8>, ChartError> {
    match kind {
        Kind::Confusion => canvas::draw(format, &confusion::Matrix::of(subject)),
        _ => canvas::draw(format, &curves::Curves::of(kind, subject)),
    }
}

/// A chart of curves as an SVG element for a page, in the page's colours: for a desktop, and for a phone.
pub fn draw_for_page(kind: Kind, subject: &Subject) -> Result<[String; 2], ChartError> {
    let (wide, narrow) = (
        curves::Curves::of(kind, subject),
        curves::Curves::narrow(kind, subject),
    );
    let says = format!("{} by epoch", kind.title());
    Ok([
        canvas::inline(&wide, &says)?,
        canvas::inline(&narrow, &says)?,
    ])
}

/// Draws distributions as an SVG element for a page, in the page's colours; `says` is what a screen reader says of it.
pub fn draw_inline(distributions: &Distributions, says: &str) -> Result<String, ChartError> {
    canvas::inline(distributions, says)
}

/// The same of a run's curve beside others'.
pub fn draw_beside(beside: &Beside) -> Result<String, ChartError> {
    canvas::inline(beside, &beside.says())
}

/// The same of a single curve.
pub fn draw_course(course: &Course, says: &str) -> Result<String, ChartError> {
    canvas::inline(course, says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Metric, SplitMetrics};

    fn epochs(n: u32) -> Vec<EpochRecord> {
        (1..=n)
            .map(|epoch| {
                let part = f64::from(epoch) / f64::from(n);
                let metrics = |correct: f64, of: u32, loss: f64| {
                    let correct = (correct * f64::from(of)) as u32;
                    Some(SplitMetrics::new(loss * f64::from(of), correct, of))
                };
                EpochRecord {
                    epoch,
                    lr: 0.01,
                    seconds: 2.0,
                    train: metrics(0.2 + 0.79 * part, 630, 2.2 * (1.0 - part)),
                    val: metrics(0.2 + 0.02 * (7.0 * part).sin(), 90, 2.2 + 2.0 * part),
                    test: metrics(0.18, 90, 2.2 + 2.2 * part),
                    running: None,
                }
            })
            .collect()
    }

    fn subject<'a>(epochs: &'a [EpochRecord], classes: &'a [String]) -> Subject<'a> {
        Subject {
            name: "the question",
            epochs,
            best: Some(Best {
                epoch: 1,
                by: Metric::ValLoss,
            }),
            classes,
            confusion: None,
        }
    }

    fn svg(kind: Kind, subject: &Subject) -> String {
        String::from_utf8(draw(kind, Format::Svg, subject).unwrap()).unwrap()
    }

    /// The share of pixels of a PNG that differ from its first.
    fn inked(png: &[u8]) -> f64 {
        let picture = image::load_from_memory(png).unwrap().to_rgb8();
        let paper = *picture.get_pixel(0, 0);
        let inked = picture.pixels().filter(|p| **p != paper).count();
        inked as f64 / f64::from(picture.width() * picture.height())
    }

    #[test]
    fn a_curve_chart_names_its_series_its_axes_and_the_best_epoch() {
        let epochs = epochs(50);
        let subject = subject(&epochs, &[]);
        for (kind, says) in [
            (
                Kind::Accuracy,
                vec![
                    "accuracy",
                    "training 98.9 %",
                    "validation 21.1 %",
                    "test 17.8 %",
                ],
            ),
            (
                Kind::Loss,
                vec!["loss (nats)", "training 0.000", "validation 4.2"],
            ),
            (
                Kind::Gap,
                vec!["generalization gap", "training − validation 77.8"],
            ),
        ] {
            let svg = svg(kind, &subject);
            for text in says.into_iter().chain([
                "epoch",
                "best: epoch 1 (lowest validation loss)",
                "the question",
            ]) {
                assert!(svg.contains(text), "{kind:?} lacks '{text}'");
            }
        }
        let accuracy = svg(Kind::Accuracy, &subject);
        for ink in [Ink::Train, Ink::Val, Ink::Test] {
            let colour = format!("#{}", ink.light().to_uppercase().trim_start_matches('#'));
            assert!(accuracy.contains(&colour), "{ink:?}");
        }
    }

    #[test]
    fn distributions_are_drawn_in_the_pages_colours_with_their_words() {
        let distributions = Distributions {
            from: 0.1,
            to: 0.9,
            splits: vec![(Split::Train, vec![1, 5, 2]), (Split::Val, vec![0, 0, 3])],
        };
        let svg = draw_inline(&distributions, "median 0.5 & \"more\"").unwrap();
        for part in [
            "var(--train)",
            "var(--val)",
            "var(--soft)",
            "0.10",
            "0.90",
            "&amp; &quot;more",
        ] {
            assert!(svg.contains(part), "lacks {part}");
        }
        assert!(!svg.contains("#"), "a fixed colour is left: {svg}");
        for splits in [
            Vec::new(),
            vec![(Split::Test, vec![9]), (Split::Train, Vec::new())],
        ] {
            let flat = Distributions {
                from: 7.0,
                to: 7.0,
                splits,
            };
            assert!(draw_inline(&flat, "").unwrap().ends_with("</svg>\n"));
        }
    }

    #[test]
    fn a_png_decodes_and_is_not_blank() {
        let epochs = epochs(30);
        let classes: Vec<String> = (0..9).map(|c| format!("class {c}")).collect();
        let counts = Confusion(vec![(0, 0, 8), (0, 3, 2), (8, 8, 10)]);
        let subject = Subject {
            confusion: Some(ConfusionAt {
                split: Split::Val,
                epoch: 30,
                counts: &counts,
            }),
            ..subject(&epochs, &classes)
        };
        for kind in Kind::ALL {
            let share = inked(&draw(kind, Format::Png, &subject).unwrap());
            assert!(share > 0.01, "{kind:?}: {share}");
        }
    }

    #[test]
    fn a_confusion_matrix_has_its_classes_and_counts() {
        let classes = ["cat".to_owned(), "<dog>".to_owned()];
        let counts = Confusion(vec![(0, 0, 17), (0, 1, 28), (1, 1, 45)]);
        let subject = Subject {
            confusion: Some(ConfusionAt {
                split: Split::Val,
                epoch: 6,
                counts: &counts,
            }),
            ..subject(&[], &classes)
        };
        let svg = svg(Kind::Confusion, &subject);
        for text in [
            "cat",
            "&lt;dog&gt;",
            "17",
            "28",
            "45",
            "validation",
            "epoch 6",
            "true class",
        ] {
            assert!(svg.contains(text), "lacks {text}");
        }
    }

    #[test]
    fn a_matrix_of_many_classes_is_drawn_without_words_and_labels_outside_it_are_left_out() {
        let classes: Vec<String> = (0..300).map(|c| format!("c{c}")).collect();
        let counts = Confusion(
            (0..300)
                .map(|c| (c, (c * 7) % 300, 3))
                .chain([(999, 1, 2)])
                .collect(),
        );
        let subject = Subject {
            confusion: Some(ConfusionAt {
                split: Split::Test,
                epoch: 1,
                counts: &counts,
            }),
            ..subject(&[], &classes)
        };
        assert!(inked(&draw(Kind::Confusion, Format::Png, &subject).unwrap()) > 0.001);
    }

    #[test]
    fn no_epoch_one_epoch_and_losses_that_are_no_numbers_are_drawn() {
        let mut lost = epochs(3);
        for epoch in &mut lost[1..] {
            for metrics in [&mut epoch.train, &mut epoch.val, &mut epoch.test] {
                metrics.as_mut().unwrap().loss = f64::NAN;
            }
        }
        let mut huge = epochs(2);
        huge[1].train.as_mut().unwrap().loss = 1e300;
        huge[1].val.as_mut().unwrap().loss = f64::INFINITY;
        let mut bare = epochs(2);
        bare[0].train = None;
        bare[1].val = None;
        for epochs in [Vec::new(), epochs(1), lost, huge, bare] {
            for kind in Kind::ALL {
                let subject = subject(&epochs, &[]);
                assert!(svg(kind, &subject).ends_with("</svg>\n"));
                draw(kind, Format::Png, &subject).unwrap();
            }
        }
        assert!(svg(Kind::Accuracy, &subject(&[], &[])).contains("No epoch is done yet"));
    }

    #[test]
    fn ten_thousand_epochs_make_a_file_of_a_sane_size() {
        let epochs = epochs(10_000);
        let svg = svg(Kind::Accuracy, &subject(&epochs, &[]));
        assert!(svg.len() < 1_000_000, "{} bytes", svg.len());
    }

    #[test]
    fn a_hostile_name_leaves_the_svg_well_formed() {
        let subject = Subject {
            name: "</text><script>alert(1)</script>\u{0}\u{1b}& \u{202e}",
            ..subject(&[], &[])
        };
        let svg = svg(Kind::Accuracy, &subject);
        assert!(!svg.contains("<script") && !svg.contains('\u{0}') && !svg.contains('\u{1b}'));
    }
}
