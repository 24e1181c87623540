//! Where a run is placed: the local engine starts a child process, on the processor or on a card.

mod claim;
mod devices;
mod local;
mod places;

pub use claim::{Claim, holder};
pub use devices::DeviceList;
pub use local::{Assigned, LocalEngine};
pub use places::Places;
