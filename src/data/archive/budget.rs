//! How much an archive may unpack to.

use super::super::{DataError, Limits, folder::too_large};
use std::cell::Cell;
use std::io::{self, Read};

/// Counts the bytes that come out of an archive, and ends reading where they are too many.
pub(in crate::data) struct Budget<'a> {
    limits: &'a Limits,
    packed: u64,
    unpacked: Cell<u64>,
}

/// Why reading ended, inside the [`io::Error`] that ended it.
#[derive(Clone, Debug, thiserror::Error)]
enum Exceeded {
    #[error("too large")]
    Size,
    #[error("a bomb")]
    Ratio,
}

impl<'a> Budget<'a> {
    /// `packed` is the archive's own size in bytes.
    pub fn new(packed: u64, limits: &'a Limits) -> Self {
        Budget {
            limits,
            packed,
            unpacked: Cell::new(0),
        }
    }

    /// Reads through the budget.
    pub fn metered<R: Read>(&self, inner: R) -> Metered<'_, R> {
        Metered {
            inner,
            budget: self,
        }
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let unpacked = self.unpacked.get() + bytes as u64;
        self.unpacked.set(unpacked);
        if unpacked > self.limits.unpacked_bytes {
            return Err(io::Error::other(Exceeded::Size));
        }
        let suspicious = self.packed.saturating_mul(self.limits.ratio);
        if unpacked > suspicious.max(self.limits.ratio_free_bytes) {
            return Err(io::Error::other(Exceeded::Ratio));
        }
        Ok(())
    }

    /// The refusal if this error came from the budget.
    pub fn refusal(&self, error: &io::Error) -> Option<DataError> {
        match error.get_ref()?.downcast_ref()? {
            Exceeded::Size => Some(too_large(self.limits)),
            Exceeded::Ratio => Some(DataError::Refused(format!(
                "the archive unpacks to more than {} times its size, as no images do: pack the images anew",
                self.limits.ratio
            ))),
        }
    }
}

/// A reader whose bytes are counted.
pub(in crate::data) struct Metered<'a, R> {
    inner: R,
    budget: &'a Budget<'a>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(into)?;
        self.budget.spend(bytes)?;
        Ok(bytes)
    }
}
