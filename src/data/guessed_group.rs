//! A group guessed for each image from its folders and file name: a speaker, a patient, a camera.

use super::names::parts;
use std::collections::{BTreeMap, BTreeSet};

/// Parts of a name that are tried, from its start.
const MOST_PARTS: usize = 6;
/// Groups have this many images on average.
const LEAST_IMAGES: usize = 3;

/// The group of each image (path, class), and where it was found; None where nothing in the names makes groups.
///
/// Tried are the folder within the class folder, then the parts of the file name from its start: the first that every
/// name has, with several images each, that is not the class again.
pub(super) fn guess(images: &[(&str, &str)]) -> Option<(Vec<String>, String)> {
    let folders = images.iter().map(|(path, class)| {
        let mut folders = path.split('/').rev().skip(1);
        folders.next().filter(|folder| folder != class).filter(|_| {
            // The class folder is above it.
            folders.next() == Some(class)
        })
    });
    if let Some(groups) = groups_of(images, folders) {
        return Some((groups, "the folder within the class folder".to_owned()));
    }
    let names: Vec<Vec<&str>> = images.iter().map(|(path, _)| parts(path)).collect();
    // A number that ends every name only counts the files of a folder.
    let counts = |place: usize| {
        names
            .iter()
            .all(|parts| parts.len() == place + 1 && parts[place].parse::<u64>().is_ok())
    };
    (0..MOST_PARTS)
        .filter(|place| !counts(*place))
        .find_map(|place| {
            let groups = groups_of(images, names.iter().map(|parts| parts.get(place).copied()))?;
            Some((groups, format!("part {} of the file name", place + 1)))
        })
}

/// The values as groups, if they make any.
fn groups_of<'a>(
    images: &[(&str, &str)],
    values: impl Iterator<Item = Option<&'a str>>,
) -> Option<Vec<String>> {
    let values: Vec<&str> = values.collect::<Option<_>>()?;
    let groups: BTreeSet<&str> = values.iter().copied().collect();
    if groups.len() < 3 || groups.len() * LEAST_IMAGES > images.len() {
        return None;
    }
    // A value that goes with one class only is the class's name, or a number within it.
    let mut classes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (value, (_, class)) in values.iter().zip(images) {
        classes.entry(value).or_default().insert(class);
    }
    let pure = classes
        .values()
        .filter(|classes| classes.len() == 1)
        .count();
    let all: BTreeSet<&str> = images.iter().map(|(_, class)| *class).collect();
    if pure == groups.len() && groups.len() <= all.len() {
        return None;
    }
    Some(values.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speakers_are_found_in_names_and_patients_in_folders() {
        let digits: Vec<(String, String)> = (0..60)
            .map(|i| {
                let (digit, speaker, take) = (i % 3, ["theo", "jackson", "lucas"][i / 3 % 3], i);
                (
                    format!("train/{digit}/{digit}_{speaker}_{take}.png"),
                    digit.to_string(),
                )
            })
            .collect();
        let images: Vec<(&str, &str)> = digits
            .iter()
            .map(|(p, c)| (p.as_str(), c.as_str()))
            .collect();
        let (groups, from) = guess(&images).unwrap();
        assert_eq!(
            (groups[0].as_str(), from.as_str()),
            ("theo", "part 2 of the file name")
        );

        let scans: Vec<(String, String)> = (0..40)
            .map(|i| {
                let class = ["ill", "well"][i % 2];
                (
                    format!("{class}/patient{}/{i}.png", i / 4),
                    class.to_owned(),
                )
            })
            .collect();
        let images: Vec<(&str, &str)> = scans
            .iter()
            .map(|(p, c)| (p.as_str(), c.as_str()))
            .collect();
        assert_eq!(
            guess(&images).unwrap().1,
            "the folder within the class folder"
        );
        let numbered: Vec<(String, &str)> = (0..40)
            .flat_map(|n| ["a", "b"].map(|class| (format!("{class}/{}.png", n % 5), class)))
            .collect();
        let numbered: Vec<(&str, &str)> = numbered.iter().map(|(p, c)| (p.as_str(), *c)).collect();
        assert_eq!(guess(&numbered), None);
    }
}
