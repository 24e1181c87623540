//! Where the parts of a chart of curves stand, for a desktop and for a phone.

/// Measures in pixels of a chart for one width.
pub(super) struct Layout {
    pub size: (u32, u32),
    /// Left of everything that stands above the plot.
    pub indent: u32,
    /// Baselines' places: of the title, and of the first line of the legend.
    pub title: u32,
    pub legend: u32,
    /// Entries of the legend stand below one another, this far apart; beside one another where none.
    pub stacked: Option<u32>,
    /// Sizes of the fonts.
    pub heading: u32,
    pub text: u32,
    pub ticks: u32,
    /// Room for the labels below and to the left.
    pub below: u32,
    pub left: u32,
    pub margins: (u32, u32),
    pub x_labels: usize,
}

pub(super) const WIDE: Layout = Layout {
    size: (960, 540),
    indent: 24,
    title: 14,
    legend: 50,
    stacked: None,
    heading: 20,
    text: 16,
    ticks: 15,
    below: 46,
    left: 66,
    margins: (14, 24),
    x_labels: 12,
};

/// For a phone: shown at its own size, its letters can be read.
pub(super) const NARROW: Layout = Layout {
    size: (340, 330),
    indent: 8,
    title: 4,
    legend: 30,
    stacked: Some(18),
    heading: 14,
    text: 12,
    ticks: 11,
    below: 34,
    left: 48,
    margins: (2, 10),
    x_labels: 5,
};
