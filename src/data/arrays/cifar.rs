//! CIFAR-10's and CIFAR-100's binary files (Krizhevsky 2009): a label byte, or a coarse and a fine one, then 3 × 32 × 32 bytes.

use super::super::DataError;
use super::picture::{PictureShape, Pictures};
use super::{number_name, read_full};
use crate::run::Split;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

const SHAPE: PictureShape = PictureShape {
    height: 32,
    width: 32,
    channels: 3,
};
const PLANE: usize = 32 * 32;
/// Names of classes, for people: no more bytes than that are read.
const NAMES_BYTES: u64 = 64 << 10;

/// One of the two datasets.
struct Kind {
    /// The label columns, the usual one first.
    labels: &'static [&'static str],
    /// For each column: where its byte is, how many classes there are, the file with their names.
    bytes: &'static [(usize, u8, &'static str)],
}

const CIFAR_10: Kind = Kind {
    labels: &["label"],
    bytes: &[(0, 10, "batches.meta.txt")],
};
const CIFAR_100: Kind = Kind {
    labels: &["fine_label", "coarse_label"],
    bytes: &[
        (1, 100, "fine_label_names.txt"),
        (0, 20, "coarse_label_names.txt"),
    ],
};

/// Reads `data_batch_*.bin` and `test_batch.bin`, or `train.bin` and `test.bin`.
pub(super) fn expand(
    root: &Path,
    files: &[String],
    names: &[String],
    pictures: &mut Pictures,
) -> Result<(), DataError> {
    let base = |path: &str| path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let tens = files
        .iter()
        .filter(|path| base(path).contains("_batch") || base(path).starts_with("data_batch"));
    let kind = match tens.count() {
        0 => CIFAR_100,
        all if all == files.len() => CIFAR_10,
        _ => {
            return DataError::refused(
                "files of CIFAR-10 (data_batch_1.bin) and of CIFAR-100 (train.bin) lie together: keep one dataset",
            );
        }
    };
    pictures.of("CIFAR", &files[0], kind.labels);
    let names: Vec<Vec<String>> = kind
        .bytes
        .iter()
        .map(|(_, classes, file)| class_names(root, names, file, *classes))
        .collect::<Result<_, _>>()?;
    let header = kind.bytes.len();
    for path in files {
        let split = if base(path).starts_with("test") {
            Split::Test
        } else {
            Split::Train
        };
        let record = header + SHAPE.len();
        let file = root.join(path);
        let size = fs::metadata(&file).map_err(DataError::at(&file))?.len();
        let count = size / record as u64;
        if size == 0 || size % record as u64 != 0 {
            return DataError::refused(format!(
                "{path}: {size} bytes are no whole number of images of {record} bytes: cut short within image {}, or no CIFAR file",
                count + 1
            ));
        }
        pictures.announce(path, count, SHAPE)?;
        let mut content = BufReader::new(File::open(&file).map_err(DataError::at(&file))?);
        let mut bytes = vec![0; record];
        for image in 1..=count {
            let read = read_full(&mut content, &mut bytes).map_err(DataError::at(&file))?;
            if read < record {
                return DataError::refused(format!("{path}: became shorter while it was read"));
            }
            let mut labels = Vec::with_capacity(header);
            for ((place, classes, _), names) in kind.bytes.iter().zip(&names) {
                let label = bytes[*place];
                let name = names.get(usize::from(label)).ok_or_else(|| {
                    DataError::Refused(format!(
                        "{path}, image {image}: label {label}, where there are {classes} classes: is it another dataset's file?"
                    ))
                })?;
                labels.push(name.as_str());
            }
            pictures.add(Some(split), SHAPE, interleaved(&bytes[header..]), &labels)?;
        }
    }
    Ok(())
}

/// Red, green and blue planes as pixels.
fn interleaved(planes: &[u8]) -> Vec<u8> {
    (0..PLANE)
        .flat_map(|i| [planes[i], planes[PLANE + i], planes[2 * PLANE + i]])
        .collect()
}

/// The names of the classes in their order; their numbers where the file of names is missing.
fn class_names(
    root: &Path,
    files: &[String],
    wanted: &str,
    classes: u8,
) -> Result<Vec<String>, DataError> {
    let found = files
        .iter()
        .find(|path| path.to_ascii_lowercase().ends_with(wanted));
    let Some(path) = found else {
        let most = u64::from(classes) - 1;
        return Ok((0..=most).map(|number| number_name(number, most)).collect());
    };
    let file = root.join(path);
    let mut text = String::new();
    File::open(&file)
        .and_then(|open| open.take(NAMES_BYTES).read_to_string(&mut text))
        .map_err(DataError::at(&file))?;
    let names: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if names.len() != usize::from(classes) {
        return DataError::refused(format!(
            "{path}: {} names, where there are {classes} classes: bring the dataset's own file, or leave it out",
            names.len()
        ));
    }
    Ok(names)
}
