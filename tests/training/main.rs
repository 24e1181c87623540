//! Training as a user sees it: from the library and from the command line.

mod augmentation;
mod command_line;
mod ending;
mod examination;
mod first_step;
mod from_disk;
mod images;
mod inquiry;
mod interruption;
mod killing;
mod options;
mod probes;
mod recorder;
mod repeatability;
mod sealed;
mod sweeps;
mod variation;
