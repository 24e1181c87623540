//! What a card was asked for and has not done yet.

use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex};

/// A piece of work: an error is its number in the driver's list.
type Work = Box<dyn FnOnce() -> Result<(), i32> + Send>;

struct Queue {
    waiting: VecDeque<Work>,
    /// The first error: as on a card, all that comes after it fails too.
    failed: Option<i32>,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    waiting: VecDeque::new(),
    failed: None,
});

/// How much a card lets wait before it makes the host wait.
const MOST: usize = 1024;

/// Whether nothing is done and all memory is zero, so that only the host's own time is left.
pub static IDLE: LazyLock<bool> = LazyLock::new(|| std::env::var_os("CARD_IDLE").is_some());

/// Asks for a piece of work: all cards do theirs in the order in which it was asked for.
pub fn later(work: impl FnOnce() -> Result<(), i32> + Send + 'static) -> i32 {
    if *IDLE {
        return 0;
    }
    let mut queue = QUEUE.lock().unwrap();
    queue.waiting.push_back(Box::new(work));
    if queue.waiting.len() > MOST {
        do_all(&mut queue);
    }
    queue.failed.unwrap_or(0)
}

/// Waits until everything is done: 0, or the number of the first error.
pub fn wait() -> i32 {
    let mut queue = QUEUE.lock().unwrap();
    do_all(&mut queue);
    queue.failed.unwrap_or(0)
}

fn do_all(queue: &mut Queue) {
    while let Some(work) = queue.waiting.pop_front() {
        if queue.failed.is_none() {
            queue.failed = work().err();
        }
    }
}
