//! A card in software: the driver, cuBLAS, cuDNN and cuRAND that the build for cards calls, done by the processor.
//!
//! It stands in for `libcuda.so.1` and its companions in tests on machines without a card (`make test-card`): everything
//! that the host does for a card happens, and the kernels run as the PTX that NVCC and NVRTC have made of them, translated to
//! C. It says nothing about time. It is strict where a card is not:
//!
//! - new memory is filled with NaN, and so is a block's shared memory;
//! - an address outside of all allocations ends the run, as do threads that wait in different places;
//! - work is done when someone waits for it and no sooner, so that what is read too early is seen.
//!
//! `CARD_MEMORY` gives each card's bytes between commas (a card of 2 GiB), `CARD_CACHE` a folder for translated kernels, and
//! `CARD_REPORT` a file that gets at the end what was asked of the cards. With `CARD_IDLE` nothing is done at all, and what a
//! program takes is the host's own time.

mod blas;
mod cudnn;
mod driver;
mod memory;
mod ptx;
mod rand;
mod report;
mod translated;
mod work;
