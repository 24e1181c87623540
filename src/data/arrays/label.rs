//! What the names of arrays, and the numbers in label arrays, say.

use super::super::manifest::split_named;
use crate::run::Split;

/// The class of a whole number from 0 on.
pub(super) fn whole(value: f64) -> Option<String> {
    ((0.0..1e9).contains(&value) && value.fract() == 0.0).then(|| (value as u64).to_string())
}

/// The class of a row that has one value other than 0: its place.
pub(super) fn one_hot(values: impl Iterator<Item = f64>) -> Option<String> {
    let mut hot = values.enumerate().filter(|(_, value)| *value != 0.0);
    match (hot.next(), hot.next()) {
        (Some((place, _)), None) => Some(place.to_string()),
        _ => None,
    }
}

/// What an array's name says: the split, and whether it holds images.
pub(super) fn part(name: &str) -> Option<(Option<Split>, bool)> {
    let mut split = None;
    let mut role = None;
    for word in name.to_ascii_lowercase().split(['_', '-', '.', ' ']) {
        match word {
            "x" | "images" | "image" | "data" | "imgs" => role = Some(true),
            "y" | "labels" | "label" | "target" | "targets" | "classes" => role = Some(false),
            _ => split = Some(split_named(word)?),
        }
    }
    role.map(|is_images| (split, is_images))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_split_and_role() {
        for (name, expected) in [
            ("x_train", Some((Some(Split::Train), true))),
            ("Y_valid", Some((Some(Split::Val), false))),
            ("test_labels", Some((Some(Split::Test), false))),
            ("images", Some((None, true))),
            ("train", None),
            ("x_extra", None),
        ] {
            assert_eq!(part(name), expected, "{name}");
        }
    }
}
