//! What a file of a dataset is: an image, a table, numbers that hold images, or nothing of use.

use super::decode::{Format, no_image};
use std::path::Path;

/// What a file is worth.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PartKind {
    Image,
    /// A CSV that may name the images.
    Table,
    /// IDX, CIFAR's binaries or an NPZ, or the names of their classes.
    Array(ArrayKind),
    /// With the reason why it is left out.
    Other(String),
}

/// Which numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ArrayKind {
    Idx,
    Cifar,
    CifarNames,
    Npz,
}

impl PartKind {
    /// By the first bytes, and by the name where bytes tell nothing (CSV, CIFAR).
    pub fn of(name: &str, start: &[u8]) -> PartKind {
        if Format::of(start).is_some() {
            return PartKind::Image;
        }
        let base = base_name(name).to_ascii_lowercase();
        let ending = Path::new(&base).extension().and_then(|e| e.to_str());
        if start.is_empty() {
            return PartKind::Other(no_image(name, start));
        }
        match ending {
            Some("csv" | "tsv") => return PartKind::Table,
            Some("npz") if start.starts_with(b"PK") => return PartKind::Array(ArrayKind::Npz),
            Some("gz") if start.starts_with(&[0x1f, 0x8b]) && is_idx_name(&base) => {
                return PartKind::Array(ArrayKind::Idx);
            }
            Some("bin") if base.starts_with("data_batch") => {
                return PartKind::Array(ArrayKind::Cifar);
            }
            Some("npz" | "npy") => {
                return PartKind::Other(
                    "numbers outside an .npz: save x_train and y_train with numpy.savez".to_owned(),
                );
            }
            _ => {}
        }
        match base.as_str() {
            "test_batch.bin" | "train.bin" | "test.bin" => PartKind::Array(ArrayKind::Cifar),
            "batches.meta.txt" | "fine_label_names.txt" | "coarse_label_names.txt" => {
                PartKind::Array(ArrayKind::CifarNames)
            }
            _ if matches!(start, [0, 0, 8..=14, 1..=4, ..]) || is_idx_name(&base) => {
                PartKind::Array(ArrayKind::Idx)
            }
            _ if matches!(start, [0x80, 2..=5, ..]) => PartKind::Other(
                "a Python pickle, which is never read: bring the binary version, or an .npz"
                    .to_owned(),
            ),
            _ => PartKind::Other(no_image(name, start)),
        }
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `train-images-idx3-ubyte`, also with a dot and with `.gz`.
fn is_idx_name(base: &str) -> bool {
    let stem = base.strip_suffix(".gz").unwrap_or(base);
    ["idx1", "idx3", "idx4"]
        .iter()
        .any(|mark| stem.contains(mark))
        && stem.ends_with("ubyte")
        || stem.ends_with(".idx")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_content_and_by_name_where_content_is_silent() {
        use ArrayKind::*;
        for (name, start, kind) in [
            ("a/x.txt", &b"\x89PNG\r\n\x1a\n"[..], PartKind::Image),
            ("labels.CSV", b"path,label", PartKind::Table),
            (
                "train-images.idx3-ubyte",
                b"\0\0\x08\x03",
                PartKind::Array(Idx),
            ),
            (
                "t10k-labels-idx1-ubyte.gz",
                b"\x1f\x8b",
                PartKind::Array(Idx),
            ),
            ("d/data_batch_1.bin", b"\x06...", PartKind::Array(Cifar)),
            ("d/test.bin", b"\x06...", PartKind::Array(Cifar)),
            ("x.npz", b"PK\x03\x04", PartKind::Array(Npz)),
        ] {
            assert_eq!(PartKind::of(name, start), kind, "{name}");
        }
        for (name, start) in [
            ("a.tar.gz", &b"\x1f\x8b"[..]),
            ("data_batch_1", b"\x80\x02"),
            ("notes.txt", b"hello"),
            ("x.csv", b""),
        ] {
            assert!(
                matches!(PartKind::of(name, start), PartKind::Other(_)),
                "{name}"
            );
        }
    }
}
