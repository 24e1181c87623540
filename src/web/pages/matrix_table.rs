//! A confusion matrix as a table of a page: a row is a true class, a column what its images are taken for.

use super::wording::counted;
use askama::Template;

/// One row: a true class.
struct Row {
    class: String,
    cells: Vec<Cell>,
}

/// The images of a true class that are taken for one class.
struct Cell {
    images: u32,
    /// Of the row.
    share: f64,
    /// Taken for what they are.
    right: bool,
    /// Taken for what their label seems to mean, which is not its own name.
    moved: bool,
    says: String,
    /// Where they are shown, if anywhere.
    href: Option<String>,
}

/// The table.
#[derive(Template)]
#[template(path = "matrix_table.html")]
pub struct MatrixTable {
    /// What a screen reader says of it.
    caption: String,
    classes: Vec<String>,
    rows: Vec<Row>,
}

impl MatrixTable {
    /// From counts by true and predicted class. `caption` is what a screen reader says of it; `moved` knows the cells to be marked, `href` where a cell's images are.
    pub fn of(
        caption: String,
        classes: &[String],
        cells: impl IntoIterator<Item = (usize, usize, u32)>,
        moved: impl Fn(usize, usize) -> bool,
        href: impl Fn(usize, usize) -> Option<String>,
    ) -> MatrixTable {
        let mut counts = vec![vec![0; classes.len()]; classes.len()];
        for (truth, predicted, images) in cells {
            counts[truth][predicted] += images;
        }
        let row = |(truth, counts): (usize, Vec<u32>)| {
            let n: u32 = counts.iter().sum();
            let cell = |(predicted, images): (usize, u32)| Cell {
                images,
                share: f64::from(images) / f64::from(n.max(1)),
                right: truth == predicted,
                moved: images > 0 && moved(truth, predicted),
                says: format!(
                    "{images} of {} of class {} taken for {}",
                    counted(n, "image", "images"),
                    classes[truth],
                    classes[predicted]
                ),
                href: href(truth, predicted),
            };
            Row {
                class: classes[truth].clone(),
                cells: counts.into_iter().enumerate().map(cell).collect(),
            }
        };
        MatrixTable {
            caption,
            rows: counts.into_iter().enumerate().map(row).collect(),
            classes: classes.to_vec(),
        }
    }
}
