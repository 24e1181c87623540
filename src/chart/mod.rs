//! Figures: interactive ones for the browser, SVG and PNG by plotters for files.
