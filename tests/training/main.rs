//! Training as a user sees it: from the library and from the command line.

mod command_line;
mod ending;
mod images;
mod interruption;
mod recorder;
mod repeatability;
