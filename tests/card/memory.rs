//! The cards' memory, which is the host's.

use super::work::IDLE;
use std::alloc::{Layout, alloc, dealloc};
use std::collections::BTreeMap;
use std::ops::Bound::{Included, Unbounded};
use std::sync::{LazyLock, Mutex, MutexGuard};

/// What an allocation of CUDA's is aligned to.
const ALIGNMENT: usize = 256;

struct Piece {
    bytes: usize,
    card: usize,
}

pub struct Memory {
    /// All bytes of each card.
    pub cards: Vec<usize>,
    pub used: Vec<usize>,
    pub most: Vec<usize>,
    pieces: BTreeMap<u64, Piece>,
}

static MEMORY: LazyLock<Mutex<Memory>> = LazyLock::new(|| {
    let named = std::env::var("CARD_MEMORY").unwrap_or_default();
    let mut cards: Vec<usize> = named.split(',').filter_map(|x| x.parse().ok()).collect();
    if cards.is_empty() {
        cards.push(2 << 30);
    }
    Mutex::new(Memory {
        used: vec![0; cards.len()],
        most: vec![0; cards.len()],
        cards,
        pieces: BTreeMap::new(),
    })
});

pub fn memory() -> MutexGuard<'static, Memory> {
    MEMORY.lock().unwrap()
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes.max(1), ALIGNMENT).unwrap()
}

impl Memory {
    /// A new piece, full of NaN; none where the card has not as much left.
    pub fn take(&mut self, card: usize, bytes: usize) -> Option<u64> {
        // A card gives out pieces of a certain size at the least.
        let counted = bytes.next_multiple_of(512);
        if self.used[card] + counted > self.cards[card] {
            return None;
        }
        // SAFETY: the layout has at least one byte.
        let start = unsafe { alloc(layout(bytes)) };
        assert!(!start.is_null(), "the host has no memory left");
        // What a card that does nothing is asked back are losses, which are few.
        let (byte, filled) = if *IDLE {
            (0, bytes.min(1 << 16))
        } else {
            (0xFF, bytes)
        };
        // SAFETY: these are the bytes that were just allocated.
        unsafe { start.write_bytes(byte, filled) };
        self.used[card] += counted;
        self.most[card] = self.most[card].max(self.used[card]);
        self.pieces.insert(start as u64, Piece { bytes, card });
        Some(start as u64)
    }

    /// Counts a piece as free: the card gives it out again, in the order of its work. False for an address that is none.
    pub fn count_free(&mut self, start: u64) -> bool {
        let Some(piece) = self.pieces.get(&start) else {
            return false;
        };
        self.used[piece.card] -= piece.bytes.next_multiple_of(512);
        true
    }

    /// Gives a piece back that was counted as free.
    pub fn give_back(&mut self, start: u64) {
        if let Some(piece) = self.pieces.remove(&start) {
            // SAFETY: it was allocated by `take` with this layout, and is forgotten here.
            unsafe { dealloc(start as *mut u8, layout(piece.bytes)) };
        }
    }

    /// From where to where the piece goes that an address is in.
    pub fn find(&self, address: u64) -> Option<(u64, u64)> {
        let (&start, piece) = self
            .pieces
            .range((Unbounded, Included(address)))
            .next_back()?;
        let end = start + piece.bytes as u64;
        (address < end).then_some((start, end))
    }

    /// Whether all these bytes are of one piece; none is always.
    pub fn has(&self, address: u64, bytes: usize) -> bool {
        bytes == 0
            || self
                .find(address)
                .is_some_and(|(_, end)| address + bytes as u64 <= end)
    }
}
