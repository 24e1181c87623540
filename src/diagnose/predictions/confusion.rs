//! Predictions from the confusion matrices that a run reports: counts of pairs, without the images' names.

use super::{Pair, Predictions};
use crate::run::{Confusion, Split};

/// A split with more images is not looked at pair by pair.
const MOST_IMAGES: u64 = 2_000_000;
/// A script may report any class number up to 65,535; more names than this are not made up for them.
const MOST_CLASSES: usize = 10_000;

/// The pairs of each split, in the order of their classes. An error says what is too large to be looked at.
pub(super) fn read(
    names: &[String],
    confusion: &[(Split, Confusion)],
) -> Result<Predictions, String> {
    let highest = confusion
        .iter()
        .flat_map(|(_, counts)| &counts.0)
        .map(|(label, given, _)| *label.max(given) as usize + 1)
        .max()
        .unwrap_or(0);
    if highest.max(names.len()) > MOST_CLASSES {
        return Err(format!(
            "Permuted labels and collapse: more than {MOST_CLASSES} classes are not looked at."
        ));
    }
    let mut classes = names.to_vec();
    classes.extend((names.len()..highest).map(|class| format!("class {class}")));
    let mut pairs: [Vec<Pair>; 3] = Default::default();
    for (split, counts) in confusion {
        let n: u64 = counts.0.iter().map(|(.., count)| u64::from(*count)).sum();
        if n > MOST_IMAGES {
            return Err(format!(
                "Permuted labels and collapse: more than {MOST_IMAGES} {} images are not looked at.",
                split.word()
            ));
        }
        pairs[*split as usize] = counts
            .0
            .iter()
            .flat_map(|&(label, given, count)| std::iter::repeat_n((label, given), count as usize))
            .collect();
    }
    Ok(Predictions {
        classes,
        pairs,
        contradictions: Vec::new(),
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_becomes_its_pairs_and_classes_without_a_name_get_a_number() {
        let counts = Confusion(vec![(0, 2, 2), (1, 1, 1)]);
        let read = read(&["a".to_owned()], &[(Split::Val, counts)]).unwrap();
        assert_eq!(read.classes, ["a", "class 1", "class 2"]);
        assert_eq!(read.of(Split::Val), [(0, 2), (0, 2), (1, 1)]);
        assert_eq!(read.right(Split::Val), (1, 3));
        let many = Confusion(vec![(0, 0, u32::MAX)]);
        assert!(super::read(&[], &[(Split::Test, many)]).is_err());
    }
}
