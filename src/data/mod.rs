//! Datasets: folders and archives of images, tables and arrays; their index, decoding, resizing, batches.
//!
//! Taking one in (`import`): an `archive` is unpacked or a `folder` copied, within [`Limits`], and pictures are made of
//! `arrays`. The `survey` decodes every file (`decode`); a table (`manifest`) or the paths (`layout`) say which image is
//! what, `placement` makes the class map and, with `partition` and `stratify`, the splits, as an [`Intake`] wants them. What
//! comes out is the [`Index`]; a [`Staged`] dataset can be looked at before. Using one: [`Images`] holds a split in memory as
//! far as there is room, reads the rest ahead of the step, and makes batches by the one formula of `prepare`, with `resize`.

mod archive;
mod arrays;
mod dataset;
mod decode;
mod demonstration;
mod error;
mod folder;
mod guessed_group;
mod image_rows;
mod images;
mod import;
mod index;
mod intake;
mod layout;
mod limits;
mod listing;
mod manifest;
mod memory;
pub(crate) mod names;
mod part_kind;
mod partition;
mod placement;
mod prepare;
mod random;
mod read_ahead;
mod resize;
mod seen;
mod staged;
mod stratify;
mod summary;
mod survey;
mod thumbnail;
mod variation;

pub use dataset::Dataset;
pub use decode::Format;
pub(crate) use decode::{Decoded, read as read_image};
pub use demonstration::{Recipe, demonstration, demonstrations};
pub use error::DataError;
pub use image_rows::ImageRows;
pub use images::Images;
pub use index::{ChannelStatistics, Entry, Index, Origin, Unreadable};
pub use intake::{FolderRole, Intake, LabelSource, SplitRule};
pub use limits::Limits;
pub use listing::Listing;
pub(crate) use placement::NO_TRAINING_IMAGE;
pub use prepare::{Normalization, prepare};
pub(crate) use random::Random;
pub use read_ahead::{FromDisk, ReadAhead};
pub use staged::Staged;
pub use summary::{ClassCounts, Size, SplitSummary, Summary};
pub use thumbnail::thumbnail;

/// The cases of a property test of a parser: `usual`, or as many as GAPWATCH_FUZZ_CASES says.
#[cfg(test)]
fn fuzz_cases(usual: u32) -> u32 {
    let set = std::env::var("GAPWATCH_FUZZ_CASES").ok();
    set.and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

/// How far an import or a load has come: files done, of how many (0 while that is not known). Unpacking and decoding
/// each count from the beginning.
pub type OnProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);
