//! How a finding is drawn: severity, the four paragraphs, its pictures, the numbers behind a fold.
//!
//! A page makes [`FindingView`]s of its findings and writes each into its template with `{{ view|safe }}`.

use super::App;
use super::distribution::distribution;
use super::images::images_of;
use super::matrix_table::MatrixTable;
use crate::data::Index;
use crate::diagnose::audit::Property;
use crate::diagnose::finding::{Finding, MatchedConfusion, Severity};
use crate::diagnose::p_value;
use crate::run::{DatasetId, RunId, Split};
use askama::Template;
use std::collections::HashMap;

/// Pixels of a thumbnail's longer side.
const SIDE: u32 = 160;
/// Pictures that are seen at once where a finding has several rows of them.
const PICTURED: usize = 8;
/// A matrix of more classes stays folded until it is asked for.
const MOST_OPEN: usize = 12;

/// Where a picture of a finding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Address of the small picture, or the picture itself as a data URI.
    pub thumbnail: String,
    /// Address of the file itself, where a click shall open it.
    pub whole: Option<String>,
}

/// Pictures that belong together; none where a path is no longer in the dataset.
struct PictureRow {
    caption: String,
    pictures: Vec<(String, Option<Picture>)>,
}

/// One finding as a page shows it. Its heading is an `h3`.
#[derive(Template)]
#[template(path = "finding.html")]
pub struct FindingView {
    finding: Finding,
    /// The heading's id in the page.
    key: String,
    /// True for a line with what to do, and the rest behind a fold.
    folded: bool,
    /// True if all of it but its title is behind a fold.
    in_fold: bool,
    pictures: Vec<PictureRow>,
    /// Whose images the cells of a matrix open, and after which epoch.
    cells: Option<(RunId, u32)>,
}

impl FindingView {
    /// The views of a list of findings. `list` tells the ids of one page's lists apart; `place` knows where the picture
    /// of a path is: [`thumbnails`] of a dataset, or [`no_pictures`].
    pub fn list(
        list: &str,
        findings: &[Finding],
        place: impl Fn(&str) -> Option<Picture>,
    ) -> Vec<FindingView> {
        let view = |(at, finding): (usize, &Finding)| FindingView {
            key: format!("{list}-{}-{at}", finding.id),
            folded: false,
            in_fold: false,
            cells: None,
            pictures: finding
                .pictures
                .iter()
                .map(|row| PictureRow {
                    caption: row.caption.clone(),
                    pictures: row
                        .paths
                        .iter()
                        .map(|path| (path.clone(), place(path)))
                        .collect(),
                })
                .collect(),
            finding: finding.clone(),
        };
        findings.iter().enumerate().map(view).collect()
    }

    /// The same with pictures of a dataset that may be gone: then their paths are named.
    pub async fn list_of(
        app: &App,
        dataset: Option<&DatasetId>,
        list: &str,
        findings: &[Finding],
    ) -> Vec<FindingView> {
        let illustrated = findings.iter().any(|f| !f.pictures.is_empty());
        if let Some(id) = dataset.filter(|_| illustrated)
            && let Ok(dataset) = app.library.dataset(id).await
        {
            return FindingView::list(list, findings, thumbnails(id, &dataset.index));
        }
        FindingView::list(list, findings, no_pictures)
    }

    /// The same as a line without pictures and numbers, for a place beside what it is about.
    pub fn folded(self) -> FindingView {
        FindingView {
            folded: true,
            ..self
        }
    }

    /// The same in a fold of its own, with everything that it has to show inside.
    pub fn in_fold(self) -> FindingView {
        FindingView {
            in_fold: true,
            ..self
        }
    }

    /// The same where the cells of its matrix open the images of a run after an epoch, if they are here.
    pub fn opening(self, cells: Option<(RunId, u32)>) -> FindingView {
        FindingView { cells, ..self }
    }

    /// As [`FindingView::folded`] where it is only worth knowing and has nothing to show.
    pub fn folded_if_slight(self) -> FindingView {
        let finding = &self.finding;
        let drawn = !finding.histograms.is_empty() || finding.confusion.is_some();
        match finding.severity {
            Severity::Note if self.pictures.is_empty() && !drawn => self.folded(),
            _ => self,
        }
    }

    /// The rows of pictures that are seen at once, about one line of the page, and the others.
    fn pictured(&self) -> (&[PictureRow], &[PictureRow]) {
        let mut pictures = 0;
        let seen = self.pictures.iter().take_while(|row| {
            let fits = pictures == 0 || pictures + row.pictures.len() <= PICTURED;
            pictures += row.pictures.len();
            fits
        });
        self.pictures.split_at(seen.count())
    }

    pub fn title(&self) -> &str {
        &self.finding.title
    }

    /// Position of the layer that it is about, in the model's list.
    pub fn layer(&self) -> Option<usize> {
        self.finding.layer
    }

    fn severity(&self) -> &'static str {
        match self.finding.severity {
            Severity::Note => "Note",
            Severity::Warning => "Warning",
            Severity::Problem => "Problem",
        }
    }

    /// What is said of it, in the order in which it is read.
    fn paragraphs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let finding = &self.finding;
        [
            ("Measured", &finding.measured),
            ("Why it matters", &finding.why),
            ("What to do", &finding.remedy),
            ("A false alarm if", &finding.false_alarm),
        ]
        .into_iter()
        .map(|(word, text)| (word, text.as_str()))
        .filter(|(_, text)| !text.is_empty())
    }

    /// How the properties that it names are distributed, as SVG elements.
    fn distributions(&self) -> impl Iterator<Item = (Property, String)> {
        let by_property = self
            .finding
            .histograms
            .chunk_by(|a, b| a.property == b.property);
        by_property.map(|of| (of[0].property, distribution(of.iter())))
    }

    /// The splits that those distributions are of.
    fn distributed(&self) -> impl Iterator<Item = Split> {
        let first = self.finding.histograms.first().map(|first| first.property);
        let of_first = self.finding.histograms.iter();
        of_first
            .filter(move |of| Some(of.property) == first)
            .map(|of| of.split)
    }

    fn table(&self, matrix: &MatchedConfusion) -> MatrixTable {
        let known = matrix.classes.len();
        let counts = matrix.images.0.iter();
        let cells = counts.map(|&(truth, predicted, n)| (truth as usize, predicted as usize, n));
        // Which class is true is what the finding disputes.
        let caption = format!(
            "Confusion matrix of {}: images by the class of their label (rows) and by what they are taken for (columns). \
             A cell that is read out as marked is what its label seems to mean.",
            matrix.split.word()
        );
        MatrixTable::of(
            caption,
            &matrix.classes,
            cells.filter(|(truth, predicted, _)| *truth.max(predicted) < known),
            |truth, predicted| matrix.is_moved(truth, predicted),
            |truth, predicted| {
                let (run, epoch) = self.cells?;
                Some(images_of(run, matrix.split, epoch, truth, predicted))
            },
        )
    }

    fn opens(&self, matrix: &MatchedConfusion) -> bool {
        matrix.classes.len() <= MOST_OPEN
    }

    /// A value or a threshold with four digits that say something, or a dash.
    fn number(&self, value: &Option<f64>) -> String {
        match *value {
            Some(v) if v.is_finite() => match v.abs() {
                0.0 => "0".to_owned(),
                a if !(1e-3..1e6).contains(&a) => format!("{v:.2e}"),
                a if a >= 1e3 || v.fract() == 0.0 => format!("{v:.0}"),
                a if a >= 10.0 => format!("{v:.1}"),
                _ => format!("{v:.3}"),
            },
            _ => "–".to_owned(),
        }
    }

    fn p(&self, p: &Option<f64>) -> String {
        p.map_or_else(|| "–".to_owned(), p_value)
    }
}

/// Where the API serves a dataset's pictures. Paths that are not in the index have none.
pub fn thumbnails(id: &DatasetId, index: &Index) -> impl Fn(&str) -> Option<Picture> {
    let positions: HashMap<String, usize> = index
        .entries
        .iter()
        .enumerate()
        .map(|(position, entry)| (entry.path.clone(), position))
        .collect();
    let images = format!("/api/v1/datasets/{id}/images");
    move |path| {
        let whole = format!("{images}/{}", positions.get(path)?);
        Some(Picture {
            thumbnail: format!("{whole}?side={SIDE}"),
            whole: Some(whole),
        })
    }
}

/// For findings of something that has no pictures, or whose dataset is gone: their paths are named.
pub fn no_pictures(_path: &str) -> Option<Picture> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::{Evidence, Pictures};
    use crate::run::Confusion;

    fn finding(severity: Severity) -> Finding {
        Finding {
            id: "copies",
            severity,
            cause: None,
            title: "Copies of <one> image".to_owned(),
            measured: "3 of 90".to_owned(),
            why: "They were trained on.".to_owned(),
            remedy: "Leave them out.".to_owned(),
            false_alarm: String::new(),
            evidence: vec![Evidence {
                statement: "shared".to_owned(),
                statistic: "count",
                value: Some(f64::NAN),
                threshold: Some(0.000_25),
                p: None,
                reference: "nobody",
            }],
            pictures: vec![Pictures {
                caption: "the same".to_owned(),
                paths: vec!["a.png".to_owned(), "gone.png".to_owned()],
            }],
            histograms: Vec::new(),
            confusion: None,
            images: Vec::new(),
            class_map: crate::run::ClassMap::default(),
            layer: Some(2),
        }
    }

    fn place(path: &str) -> Option<Picture> {
        (path == "a.png").then(|| Picture {
            thumbnail: "/images/7?side=160".to_owned(),
            whole: Some("/images/7".to_owned()),
        })
    }

    #[test]
    fn a_finding_says_its_severity_in_a_word_and_shows_its_pictures_and_numbers() {
        let views = FindingView::list("found", &[finding(Severity::Problem)], place);
        let html = views[0].to_string();
        for shown in [
            "<span class=\"severity\">Problem</span>",
            "Copies of &#60;one&#62; image",
            "Leave them out.",
            "href=\"/images/7\"",
            "gone.png",
            "2.50e-4",
        ] {
            assert!(html.contains(shown), "{shown}: {html}");
        }
        // What is empty takes no line, and a value that is no number a dash.
        assert!(
            !html.contains("A false alarm if") && !html.contains("NaN"),
            "{html}"
        );
        assert_eq!(html.matches("<img").count(), 1, "{html}");
    }

    #[test]
    fn a_finding_draws_its_histograms_and_marks_the_cells_that_moved() {
        use crate::diagnose::audit::{Distribution, PropertySummary};
        let mut found = finding(Severity::Problem);
        let summary = |property, split, images: [u32; 2]| PropertySummary {
            split,
            property,
            median: 0.5,
            low: 0.25,
            high: 0.75,
            distribution: Distribution {
                from: 0.0,
                to: 1.0,
                images: images.to_vec(),
            },
        };
        for property in [Property::Brightness, Property::Sharpness] {
            found
                .histograms
                .push(summary(property, Split::Train, [3, 1]));
            found
                .histograms
                .push(summary(property, Split::Test, [0, 2]));
        }
        found.confusion = Some(MatchedConfusion {
            split: Split::Val,
            classes: vec!["<cat>".to_owned(), "dog".to_owned()],
            images: Confusion(vec![(0, 1, 9), (1, 1, 2), (7, 0, 1)]),
            matched: vec![1, 0],
        });
        let view = || FindingView::list("found", &[found.clone()], place).remove(0);
        let html = view().to_string();
        assert_eq!(html.matches("<svg").count(), 2, "{html}");
        assert_eq!(html.matches("class=\"key ").count(), 2, "{html}");
        assert!(html.contains("Sharpness by split: training median 0.500"));
        // One that moved and has images; the swap's other cell has none.
        assert_eq!(html.matches("moved\" style").count(), 1, "{html}");
        assert!(html.contains("&#60;cat&#62;") && !html.contains("<cat>"));
        assert!(!html.contains("/runs/3/images"));
        // What is marked for the eye is so in words.
        for told in [
            "Confusion matrix of validation: images by the class of their label",
            "read out as marked is what its label seems to mean",
            "9<span class=\"sr\">, marked</span>",
            "<span class=\"sr\">marked: </span>for what it seems to mean",
        ] {
            assert!(html.contains(told), "{told}: {html}");
        }
        let html = view().opening(Some((RunId(3), 7))).to_string();
        let cell = "/runs/3/images?split=val&#38;epoch=7&#38;class=0&#38;predicted=1";
        assert!(html.contains(cell), "{html}");
        // Folded, it is a line.
        assert!(!view().folded().to_string().contains("<svg"));
    }

    #[test]
    fn only_a_note_without_anything_to_show_is_folded_in_a_report() {
        let mut note = finding(Severity::Note);
        note.pictures.clear();
        let mut with_matrix = note.clone();
        with_matrix.confusion = Some(MatchedConfusion {
            split: Split::Val,
            classes: Vec::new(),
            images: Confusion(Vec::new()),
            matched: Vec::new(),
        });
        let found = [
            note,
            with_matrix,
            finding(Severity::Note),
            finding(Severity::Warning),
        ];
        let folded: Vec<bool> = FindingView::list("found", &found, no_pictures)
            .into_iter()
            .map(|view| {
                view.folded_if_slight()
                    .to_string()
                    .contains("finding folded")
            })
            .collect();
        assert_eq!(folded, [true, false, false, false]);
    }
}
