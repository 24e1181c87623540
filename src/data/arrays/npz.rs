//! NPZ: a zip of numpy arrays, as Keras' mnist.npz has x_train, y_train, x_test, y_test.

use super::super::archive::Budget;
use super::super::{DataError, Limits};
use super::label::{one_hot, part, whole};
use super::npy::{Element, Header};
use super::picture::{PictureShape, Pictures};
use super::{number_name, read_full};
use crate::run::Split;
use ::zip::ZipArchive;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Arrays in one file.
const MOST_ARRAYS: usize = 64;

/// The arrays of one split, by their names in the file.
#[derive(Default)]
struct Pair {
    images: Option<String>,
    labels: Option<String>,
}

/// A file with its name for messages.
struct Npz<'a> {
    name: &'a str,
    zip: ZipArchive<BufReader<File>>,
    budget: Budget<'a>,
}

/// Reads the arrays that are called like images and labels.
pub(super) fn expand(
    root: &Path,
    files: &[String],
    limits: &Limits,
    pictures: &mut Pictures,
) -> Result<(), DataError> {
    let [name] = files else {
        return DataError::refused(format!(
            "{} files of arrays ({}): keep one",
            files.len(),
            files[..files.len().min(10)].join(", ")
        ));
    };
    let mut npz = Npz::open(&root.join(name), name, limits)?;
    let pairs = npz.pairs()?;
    pictures.of("NPZ", name, &["label"]);
    let mut read = Vec::new();
    for (split, images, labels) in pairs {
        let classes = npz.labels(&labels, limits)?;
        read.push((split, images, labels, classes));
    }
    // All parts are scaled alike: a dark test set must not become bright by itself.
    let mut range = (f64::INFINITY, f64::NEG_INFINITY);
    for (_, images, _, _) in &read {
        let (low, high) = npz.range(images, limits)?;
        range = (range.0.min(low), range.1.max(high));
    }
    let scale = match range {
        (low, high) if low >= 0.0 && high <= 1.0 => 255.0,
        (low, high) if low >= 0.0 && high <= 255.0 => 1.0,
        (low, high) => {
            return DataError::refused(format!(
                "{name}: its pictures hold values from {low} to {high}: bring them as 0 to 255, or as 0 to 1"
            ));
        }
    };
    let most = read
        .iter()
        .flat_map(|(_, _, _, classes)| classes)
        .filter_map(|class| class.parse().ok())
        .max()
        .unwrap_or_default();
    for (split, images, labels, classes) in read {
        let classes: Vec<String> = classes
            .into_iter()
            .map(|class| {
                class
                    .parse()
                    .map_or(class, |number| number_name(number, most))
            })
            .collect();
        npz.pictures(split, &images, &labels, &classes, scale, limits, pictures)?;
    }
    Ok(())
}

impl<'a> Npz<'a> {
    fn open(file: &Path, name: &'a str, limits: &'a Limits) -> Result<Npz<'a>, DataError> {
        let damaged = |error: ::zip::result::ZipError| {
            DataError::Refused(format!(
                "{name}: damaged or cut short ({error}): save it again"
            ))
        };
        let open = File::open(file).map_err(DataError::at(file))?;
        let packed = open.metadata().map_err(DataError::at(file))?.len();
        let zip = ZipArchive::new(BufReader::new(open)).map_err(damaged)?;
        if zip.len() > MOST_ARRAYS {
            return DataError::refused(format!(
                "{name}: {} arrays, and at most {MOST_ARRAYS} are read",
                zip.len()
            ));
        }
        Ok(Npz {
            name,
            zip,
            // Arrays are read twice: once for their range.
            budget: Budget::new(packed.saturating_mul(2), limits),
        })
    }

    /// The pairs of arrays: training first.
    fn pairs(&self) -> Result<Vec<(Option<Split>, String, String)>, DataError> {
        let mut pairs: BTreeMap<Option<Split>, Pair> = BTreeMap::new();
        // A name that is no text is none of those that are known.
        let names: Vec<String> = self
            .zip
            .file_names()
            .flatten()
            .map(|name| name.into_owned())
            .collect();
        for name in &names {
            let Some((split, is_images)) = part(name.strip_suffix(".npy").unwrap_or(name)) else {
                continue;
            };
            let pair = pairs.entry(split).or_default();
            let place = if is_images {
                &mut pair.images
            } else {
                &mut pair.labels
            };
            if let Some(other) = place.replace(name.clone()) {
                return self.refused(format!("{other} and {name} are the same part: keep one"));
            }
        }
        // A whole beside its parts is one of them again.
        if pairs.len() > 1 {
            pairs.remove(&None);
        }
        let mut complete = Vec::new();
        for (split, pair) in pairs {
            match (pair.images, pair.labels) {
                (Some(images), Some(labels)) => complete.push((split, images, labels)),
                (Some(alone), None) => {
                    return self
                        .refused(format!("{alone} has no labels beside it (such as y_train)"));
                }
                (None, Some(alone)) => {
                    return self
                        .refused(format!("{alone} has no images beside it (such as x_train)"));
                }
                (None, None) => {}
            }
        }
        if complete.is_empty() {
            let shown = &names[..names.len().min(10)];
            return self.refused(format!(
                "no arrays called x_train and y_train (x_val, y_val, x_test, y_test), or x and y, among {}",
                shown.join(", ")
            ));
        }
        Ok(complete)
    }

    fn refused<T>(&self, what: String) -> Result<T, DataError> {
        DataError::refused(format!("{}: {what}", self.name))
    }

    /// Opens an array and gives its header and what follows.
    fn with<T>(
        &mut self,
        array: &str,
        read: impl FnOnce(&Header, &mut dyn Read) -> Result<T, String>,
    ) -> Result<T, DataError> {
        let told = |what: String| DataError::Refused(format!("{}, {array}: {what}", self.name));
        let file = self
            .zip
            .by_name(array)
            .map_err(|error| told(error.to_string()))?;
        let mut content = BufReader::with_capacity(64 << 10, self.budget.metered(file));
        Header::read(&mut content)
            .and_then(|header| read(&header, &mut content))
            .map_err(told)
    }

    /// The class of each row: text, or a whole number, or the place of the one in a one-hot row.
    fn labels(&mut self, array: &str, limits: &Limits) -> Result<Vec<String>, DataError> {
        self.with(array, |header, content| {
            let (count, width) = match header.shape[..] {
                [count] | [count, 1] => (count, 1),
                [count, width] if width <= limits.classes as u64 => (count, width as usize),
                _ => {
                    return Err(format!(
                        "labels of shape {}: (N,), (N, 1) or one-hot (N, classes) are read",
                        header.shown()
                    ));
                }
            };
            if count > limits.files as u64 {
                return Err(format!(
                    "{count} labels, and at most {} are read",
                    limits.files
                ));
            }
            let mut bytes = vec![0; width * header.size];
            let mut labels = Vec::new();
            for row in 1..=count {
                fill(content, &mut bytes, count, row)?;
                let class = match header.element {
                    Element::Text | Element::Bytes if width == 1 => header.text(&bytes),
                    Element::Text | Element::Bytes => None,
                    _ if width == 1 => whole(header.number(&bytes)),
                    _ => one_hot(bytes.chunks_exact(header.size).map(|b| header.number(b))),
                };
                labels.push(class.filter(|class| !class.is_empty()).ok_or_else(|| {
                    let row = row - 1;
                    if width > 1 {
                        format!("row {row} (from 0) is not one-hot: an image has one label")
                    } else {
                        format!("row {row} (from 0) is no label: whole numbers from 0 on, or text")
                    }
                })?);
            }
            ends(content)?;
            Ok(labels)
        })
    }

    /// The least and greatest value; of bytes what they may be, unread.
    fn range(&mut self, array: &str, limits: &Limits) -> Result<(f64, f64), DataError> {
        self.with(array, |header, content| {
            let (count, shape, _) = layout(header, limits)?;
            if header.element == Element::Unsigned && header.size == 1 {
                return Ok((0.0, 255.0));
            }
            let mut bytes = vec![0; shape.values * header.size];
            let mut range = (f64::INFINITY, f64::NEG_INFINITY);
            for row in 1..=count {
                fill(content, &mut bytes, count, row)?;
                for value in bytes.chunks_exact(header.size).map(|b| header.number(b)) {
                    if !value.is_finite() {
                        return Err(format!(
                            "picture {} (from 0) holds a value that is no number",
                            row - 1
                        ));
                    }
                    range = (range.0.min(value), range.1.max(value));
                }
            }
            Ok(range)
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one part of the file with its labels"
    )]
    fn pictures(
        &mut self,
        split: Option<Split>,
        array: &str,
        labels: &str,
        classes: &[String],
        scale: f64,
        limits: &Limits,
        pictures: &mut Pictures,
    ) -> Result<(), DataError> {
        let name = self.name;
        self.with(array, |header, content| {
            let (count, stored, order) = layout(header, limits)?;
            if count != classes.len() as u64 {
                return Err(format!(
                    "{count} images, and {labels} has {} labels",
                    classes.len()
                ));
            }
            let shape = stored.shape;
            let told = |error: DataError| error.to_string();
            pictures.announce(name, count, shape).map_err(told)?;
            let mut bytes = vec![0; stored.values * header.size];
            let area = shape.height * shape.width;
            for (row, class) in (1..).zip(classes) {
                fill(content, &mut bytes, count, row)?;
                let value = |at: usize| {
                    let raw = &bytes[at * header.size..(at + 1) * header.size];
                    (header.number(raw) * scale).round() as u8
                };
                let pixels = (0..area)
                    .flat_map(|i| (0..shape.channels).map(move |c| (i, c)))
                    .map(|(i, c)| match order {
                        Order::ChannelsLast => value(i * (stored.values / area) + c),
                        Order::ChannelsFirst => value(c * area + i),
                    })
                    .collect();
                pictures.add(split, shape, pixels, &[class]).map_err(told)?;
            }
            ends(content)
        })
    }
}

enum Order {
    ChannelsLast,
    ChannelsFirst,
}

/// A picture as it is stored: with alpha it has more values than are kept.
struct Stored {
    shape: PictureShape,
    values: usize,
}

/// How many pictures an array holds, and how they lie in it.
fn layout(header: &Header, limits: &Limits) -> Result<(u64, Stored, Order), String> {
    if matches!(header.element, Element::Text | Element::Bytes) {
        return Err("text where pictures should be".to_owned());
    }
    let (count, height, width, channels, order) = match header.shape[..] {
        [count, height, width] => (count, height, width, 1, Order::ChannelsLast),
        [count, height, width, channels @ (1 | 3 | 4)] => {
            (count, height, width, channels, Order::ChannelsLast)
        }
        [count, channels @ (1 | 3), height, width] => {
            (count, height, width, channels, Order::ChannelsFirst)
        }
        _ => {
            return Err(format!(
                "pictures of shape {}: (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 channels are read: reshape it",
                header.shown()
            ));
        }
    };
    let shape = PictureShape::checked(height, width, channels.min(3), limits)?;
    let values = shape.height * shape.width * channels as usize;
    Ok((count, Stored { shape, values }, order))
}

fn fill(content: &mut dyn Read, bytes: &mut [u8], count: u64, row: u64) -> Result<(), String> {
    match read_full(content, bytes) {
        Ok(read) if read == bytes.len() => Ok(()),
        Ok(_) => Err(format!(
            "cut short: its shape says {count} rows, and it ends within row {} (from 0)",
            row - 1
        )),
        Err(error) => Err(format!(
            "cannot be read on ({error}): it is damaged, or far larger than its file"
        )),
    }
}

fn ends(content: &mut dyn Read) -> Result<(), String> {
    match read_full(content, &mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err("holds more than its shape says".to_owned()),
        Err(error) => Err(format!("damaged: {error}")),
    }
}
