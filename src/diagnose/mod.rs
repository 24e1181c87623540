//! The causes of a gap: statistics and gates; histories in, findings out.
