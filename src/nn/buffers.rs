//! Large buffers that one step leaves to the next, so that memory is not asked of the system at every step.

use std::sync::Mutex;

/// Buffers of one kind.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<f32>>>);

impl Buffers {
    /// A buffer of this length with any content.
    pub fn take(&self, length: usize) -> Vec<f32> {
        let kept = self.0.lock().ok().and_then(|mut kept| kept.pop());
        match kept {
            Some(buffer) if buffer.len() == length => buffer,
            _ => vec![0.0; length],
        }
    }

    /// Leaves a buffer to the next who takes one.
    pub fn give(&self, buffer: Vec<f32>) {
        if let Ok(mut kept) = self.0.lock() {
            kept.push(buffer);
        }
    }
}
