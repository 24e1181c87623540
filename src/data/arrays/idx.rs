//! IDX, as MNIST's files are (LeCun, Cortes and Burges): a magic number with type and dimensions, sizes, bytes.

use super::super::manifest::split_in;
use super::super::{DataError, Limits};
use super::picture::{PictureShape, Pictures};
use super::{number_name, read_full};
use crate::run::Split;
use flate2::read::MultiGzDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// An IDX file whose header has been read.
struct Idx<'a> {
    name: &'a str,
    /// The first is how many there are.
    sizes: Vec<u64>,
    content: Box<dyn Read>,
}

/// The images and the labels of one split.
#[derive(Default)]
struct Pair<'a> {
    images: Option<Idx<'a>>,
    labels: Option<Idx<'a>>,
}

/// Reads pairs of images and labels, told apart by their dimensions and put together by the split in their names.
pub(super) fn expand(
    root: &Path,
    files: &[String],
    limits: &Limits,
    pictures: &mut Pictures,
) -> Result<(), DataError> {
    let mut pairs: BTreeMap<Option<Split>, Pair> = BTreeMap::new();
    for path in files {
        let base = path.rsplit('/').next().unwrap_or(path);
        let idx = Idx::open(&root.join(path), path).map_err(DataError::Refused)?;
        let pair = pairs.entry(split_in(base)).or_default();
        let place = match idx.sizes.len() {
            1 => &mut pair.labels,
            _ => &mut pair.images,
        };
        if let Some(other) = place {
            return DataError::refused(format!(
                "{} and {path} are the same part of a dataset by their names: keep the files of one dataset, \
                 called train-images…, train-labels…, t10k-images…, t10k-labels…",
                other.name
            ));
        }
        *place = Some(idx);
    }
    let mut read = Vec::new();
    for (split, pair) in pairs {
        match pair {
            Pair {
                images: Some(images),
                labels: Some(labels),
            } => {
                let (name, labels) = (labels.name, labels.labels(limits)?);
                if labels.len() as u64 != images.sizes[0] {
                    return DataError::refused(format!(
                        "{name} has {} labels for the {} images of {}",
                        labels.len(),
                        images.sizes[0],
                        images.name
                    ));
                }
                read.push((split, images, labels));
            }
            Pair {
                images: Some(alone),
                ..
            } => {
                return DataError::refused(format!(
                    "{} has no labels beside it (…-labels-idx1-ubyte)",
                    alone.name
                ));
            }
            Pair { labels, .. } => {
                let name = labels.map_or("", |idx| idx.name);
                return DataError::refused(format!(
                    "{name} has no images beside it (…-images-idx3-ubyte)"
                ));
            }
        }
    }
    pictures.of(
        "IDX",
        read.first().map_or("", |(_, images, _)| images.name),
        &["label"],
    );
    let most = read.iter().flat_map(|(_, _, labels)| labels).max().copied();
    let most = u64::from(most.unwrap_or_default());
    for (split, images, labels) in read {
        images.pictures(split, &labels, most, limits, pictures)?;
    }
    Ok(())
}

impl<'a> Idx<'a> {
    fn open(file: &Path, name: &'a str) -> Result<Idx<'a>, String> {
        let open = || {
            File::open(file)
                .map(BufReader::new)
                .map_err(|e| format!("{name}: {e}"))
        };
        let mut start = [0; 2];
        read_full(open()?, &mut start).map_err(|e| format!("{name}: {e}"))?;
        let mut content: Box<dyn Read> = if start == [0x1f, 0x8b] {
            Box::new(BufReader::new(MultiGzDecoder::new(open()?)))
        } else {
            Box::new(open()?)
        };
        let mut magic = [0; 4];
        let read = read_full(&mut content, &mut magic).map_err(|e| format!("{name}: {e}"))?;
        let dimensions = match magic {
            _ if read < 4 => return Err(format!("{name}: cut short: it has no header")),
            [0, 0, 8, dimensions @ (1 | 3 | 4)] => usize::from(dimensions),
            [0, 0, 9..=14, _] => {
                return Err(format!(
                    "{name}: its numbers are no bytes: only unsigned bytes (type 08) are read"
                ));
            }
            [0, 0, 8, dimensions] => {
                return Err(format!(
                    "{name}: {dimensions} dimensions: labels have 1, images 3 (or 4 with colours)"
                ));
            }
            [a, b, c, d] => {
                return Err(format!(
                    "{name}: begins with {a:02x} {b:02x} {c:02x} {d:02x}, and an IDX file with 00 00 08 01 or 00 00 08 03: is it another file, or packed twice?"
                ));
            }
        };
        let mut sizes = Vec::with_capacity(dimensions);
        for _ in 0..dimensions {
            let mut size = [0; 4];
            if read_full(&mut content, &mut size).map_err(|e| format!("{name}: {e}"))? < 4 {
                return Err(format!("{name}: cut short within its header"));
            }
            sizes.push(u64::from(u32::from_be_bytes(size)));
        }
        Ok(Idx {
            name,
            sizes,
            content,
        })
    }

    fn labels(mut self, limits: &Limits) -> Result<Vec<u8>, DataError> {
        let count = self.sizes[0];
        if count > limits.files as u64 {
            return DataError::refused(format!(
                "{}: says it has {count} labels, and at most {} are read",
                self.name, limits.files
            ));
        }
        let mut labels = vec![0; count as usize];
        let read = self.fill(&mut labels)?;
        if read < labels.len() {
            return DataError::refused(format!(
                "{}: cut short: says it has {count} labels, and ends after {read}",
                self.name
            ));
        }
        self.ends()?;
        Ok(labels)
    }

    fn pictures(
        mut self,
        split: Option<Split>,
        labels: &[u8],
        most: u64,
        limits: &Limits,
        pictures: &mut Pictures,
    ) -> Result<(), DataError> {
        let channels = self.sizes.get(3).copied().unwrap_or(1);
        let refused = |name: &str, what: String| DataError::Refused(format!("{name}: {what}"));
        if channels != 1 && channels != 3 {
            return Err(refused(
                self.name,
                format!("{channels} channels: 1 and 3 are read"),
            ));
        }
        let shape = PictureShape::checked(self.sizes[1], self.sizes[2], channels, limits)
            .map_err(|what| refused(self.name, what))?;
        pictures.announce(self.name, self.sizes[0], shape)?;
        for (place, label) in labels.iter().enumerate() {
            let mut pixels = vec![0; shape.len()];
            if self.fill(&mut pixels)? < pixels.len() {
                return Err(refused(
                    self.name,
                    format!(
                        "cut short: says it has {} images of {} × {}, and ends within image {}",
                        self.sizes[0],
                        shape.height,
                        shape.width,
                        place + 1
                    ),
                ));
            }
            let class = number_name(u64::from(*label), most);
            pictures.add(split, shape, pixels, &[&class])?;
        }
        self.ends()
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, DataError> {
        read_full(&mut self.content, buffer)
            .map_err(|error| DataError::Refused(format!("{}: damaged: {error}", self.name)))
    }

    /// Refuses what follows the last number: then the header is not this content's.
    fn ends(&mut self) -> Result<(), DataError> {
        if self.fill(&mut [0])? == 0 {
            return Ok(());
        }
        DataError::refused(format!("{}: holds more than its header says", self.name))
    }
}
