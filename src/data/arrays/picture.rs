//! Pictures from arrays written as PNG files, with a row of labels each.

use super::super::manifest::{Row, Table};
use super::super::{DataError, Limits, OnProgress};
use crate::run::Split;
use csv::StringRecord;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Bytes of pictures that are encoded at once.
const BATCH_BYTES: usize = 64 << 20;
/// Pictures that are encoded at once.
const BATCH: usize = 1024;

/// The shape of an array's pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PictureShape {
    pub height: usize,
    pub width: usize,
    /// 1 or 3.
    pub channels: usize,
}

impl PictureShape {
    /// Values of one picture.
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Checks sizes that a file states, before anything is made of them.
    pub fn checked(
        height: u64,
        width: u64,
        channels: u64,
        limits: &Limits,
    ) -> Result<PictureShape, String> {
        let area = height
            .checked_mul(width)
            .filter(|area| *area <= limits.pixels);
        let side = u64::from(limits.side);
        if area.is_none_or(|area| area == 0) || height > side || width > side {
            return Err(format!(
                "says its pictures are {height} × {width}: from 1 to {side} a side and {} million pixels are read",
                limits.pixels / 1_000_000
            ));
        }
        Ok(PictureShape {
            height: height as usize,
            width: width as usize,
            channels: channels as usize,
        })
    }
}

/// Takes pictures one by one and writes them in batches.
pub(super) struct Pictures<'a> {
    images: &'a Path,
    limits: &'a Limits,
    progress: OnProgress<'a>,
    columns: Vec<String>,
    source: (&'static str, String),
    rows: Vec<Row>,
    counts: BTreeMap<Option<Split>, usize>,
    bytes: u64,
    waiting: Vec<(String, PictureShape, Vec<u8>)>,
}

impl<'a> Pictures<'a> {
    pub fn new(images: &'a Path, limits: &'a Limits, progress: OnProgress<'a>) -> Self {
        Pictures {
            images,
            limits,
            progress,
            columns: Vec::new(),
            source: ("", String::new()),
            rows: Vec::new(),
            counts: BTreeMap::new(),
            bytes: 0,
            waiting: Vec::new(),
        }
    }

    /// Says what the pictures come from, and what their labels are called; the first is the usual one.
    pub fn of(&mut self, source: &'static str, name: &str, labels: &[&str]) {
        self.source = (source, name.to_owned());
        self.columns = ["image"]
            .iter()
            .chain(labels)
            .map(|c| (*c).to_owned())
            .collect();
        self.columns.push("split".to_owned());
    }

    /// Refuses, before anything is read, what would be too many pictures or take too much room.
    pub fn announce(
        &mut self,
        file: &str,
        count: u64,
        shape: PictureShape,
    ) -> Result<(), DataError> {
        let all = self.rows.len() as u64 + count;
        if all > self.limits.files as u64 {
            return DataError::refused(format!(
                "{file}: {all} pictures, and at most {} are taken",
                self.limits.files
            ));
        }
        self.bytes = self
            .bytes
            .saturating_add(count.saturating_mul(shape.len() as u64));
        if self.bytes > self.limits.unpacked_bytes {
            return Err(super::super::folder::too_large(self.limits));
        }
        Ok(())
    }

    /// Adds a picture: (height, width, channels) interleaved, with its labels.
    pub fn add(
        &mut self,
        split: Option<Split>,
        shape: PictureShape,
        pixels: Vec<u8>,
        labels: &[&str],
    ) -> Result<(), DataError> {
        let count = self.counts.entry(split).or_default();
        let folder = split.map_or("all", Split::name);
        let path = format!("{folder}/{:06}.png", *count);
        *count += 1;
        let mut cells = StringRecord::new();
        cells.push_field(&path);
        labels.iter().for_each(|label| cells.push_field(label));
        cells.push_field(split.map_or("", Split::name));
        self.rows.push(Row {
            line: self.rows.len() as u64 + 1,
            cells,
        });
        self.waiting.push((path, shape, pixels));
        let full = self.waiting.len() >= BATCH || self.waiting.len() * shape.len() >= BATCH_BYTES;
        if full { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), DataError> {
        for split in self.counts.keys() {
            let folder = self.images.join(split.map_or("all", Split::name));
            fs::create_dir_all(&folder).map_err(DataError::at(&folder))?;
        }
        let images = self.images;
        self.waiting
            .par_iter()
            .try_for_each(|(path, shape, pixels)| {
                let file = images.join(path);
                write_png(&file, *shape, pixels).map_err(DataError::at(&file))
            })?;
        self.waiting.clear();
        (self.progress)(self.rows.len() as u64, 0);
        Ok(())
    }

    /// Writes the last ones, and gives the table; a split column that says nothing is left out.
    pub fn finish(mut self) -> Result<Table, DataError> {
        self.write()?;
        if self.counts.keys().all(Option::is_none) {
            self.columns.pop();
            for row in &mut self.rows {
                row.cells.truncate(self.columns.len());
            }
        }
        Ok(Table {
            name: self.source.1,
            source: self.source.0,
            columns: self.columns,
            rows: self.rows,
            split: None,
        })
    }
}

fn write_png(file: &Path, shape: PictureShape, pixels: &[u8]) -> std::io::Result<()> {
    let color = if shape.channels == 1 {
        ExtendedColorType::L8
    } else {
        ExtendedColorType::Rgb8
    };
    let mut open = BufWriter::new(File::create_new(file)?);
    PngEncoder::new_with_quality(&mut open, CompressionType::Fast, FilterType::Adaptive)
        .write_image(pixels, shape.width as u32, shape.height as u32, color)
        .map_err(std::io::Error::other)?;
    open.flush()
}
