//! Datasets: folders and archives of images, their index, decoding, resizing, batches.
//!
//! Taking one in: an [`archive`] is unpacked or a [`folder`] copied, within [`Limits`]; the [`survey`] [`decode`]s every
//! file, reads the [`layout`] from the paths, and makes the class map and the splits ([`placement`], [`stratify`]); what
//! comes out is the [`Index`]. Using one: [`Images`] holds a split in memory as far as there is room, reads
//! the rest ahead of the step, and makes batches by the one formula of [`mod@prepare`], with [`resize`].

mod archive;
mod arrays;
mod dataset;
mod decode;
mod demonstration;
mod error;
mod folder;
mod guessed_group;
mod images;
mod import;
mod index;
mod intake;
mod layout;
mod limits;
mod listing;
mod memory;
mod manifest;
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

pub use dataset::Dataset;
pub use decode::Format;
pub(crate) use decode::{Decoded, read as read_image};
pub use demonstration::{Recipe, demonstration, demonstrations};
pub use error::DataError;
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
