//! Datasets: folders and archives of images, their index, decoding, resizing, batches.

mod dataset;
mod decode;
mod error;
mod images;
mod index;
mod layout;
mod limits;
mod listing;
mod random;
mod resize;
mod stratify;
mod survey;

pub use dataset::Dataset;
pub use decode::Format;
pub use error::DataError;
pub use images::{Images, Normalization, prepare};
pub use index::{ChannelStatistics, Entry, Index, Unreadable};
pub use limits::Limits;
pub(crate) use random::Random;

/// How far an import or a load has come: files done, of how many (0 while that is not known).
pub type OnProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);
