//! Splits anew, by group, into folds, and by what the user says of folders.

use super::layouts::{Files, laid, open_with, table};
use super::{counts, left_out, png};
use gapwatch::data::{Intake, SplitRule};
use gapwatch::run::Split;

fn by(rule: &str) -> Intake {
    Intake {
        split: rule.parse().unwrap(),
        ..Intake::default()
    }
}

#[test]
fn images_are_split_anew_by_class_by_group_and_into_folds() {
    let split = |i: usize| ["train", "train", "train", "test"][i % 4];
    let files = table(
        "file,label,split,patient",
        |i| format!("img/{i}.png,{},{},p{}", i % 2, split(i), i / 10),
        200,
    );
    let home = laid(&files);
    let found = open_with(home.path(), &Intake::default()).unwrap();
    assert_eq!(counts(&found), [127, 23, 50]);
    let anew = open_with(home.path(), &by("stratified")).unwrap();
    assert_eq!(counts(&anew), [140, 30, 30]);
    assert!(
        anew.index
            .notes
            .iter()
            .any(|n| n.contains("split anew, 70 / 15 / 15 %, stratified by class, by seed 1"))
    );

    let grouped = open_with(home.path(), &by("group")).unwrap();
    assert_eq!(counts(&grouped), [140, 30, 30]);
    let patients = |split| {
        let of: std::collections::BTreeSet<_> =
            grouped.index.of(split).map(|e| e.group.clone()).collect();
        of
    };
    assert!(patients(Split::Train).is_disjoint(&patients(Split::Val)));
    assert!(patients(Split::Train).is_disjoint(&patients(Split::Test)));
    assert!(patients(Split::Val).is_disjoint(&patients(Split::Test)));

    let mut validated = Vec::new();
    for fold in 1..=5 {
        let folded = open_with(home.path(), &by(&format!("{fold}/5"))).unwrap();
        assert_eq!(counts(&folded), [120, 30, 50]);
        assert_eq!(
            folded.index.origin.intake.split,
            SplitRule::Fold {
                number: fold,
                of: 5
            }
        );
        validated.extend(folded.index.of(Split::Val).map(|e| e.path.clone()));
    }
    validated.sort();
    validated.dedup();
    assert_eq!(validated.len(), 150, "every image is validated once");
    let again = Intake {
        seed: 2,
        ..by("stratified")
    };
    assert_ne!(
        open_with(home.path(), &again).unwrap().index.fingerprint,
        anew.index.fingerprint
    );
}

#[test]
fn folders_are_what_the_user_says() {
    let files: Files = ["learn", "check", "old"]
        .iter()
        .flat_map(|top| {
            (0..6).map(move |i| {
                (
                    format!("{top}/{}/{i}.png", ["a", "b"][i % 2]),
                    png((4, 6), i as u32),
                )
            })
        })
        .collect();
    let home = laid(&files);
    let mut intake = Intake::default();
    for (folder, role) in [("learn", "train"), ("check", "val"), ("old", "none")] {
        assert!(intake.set(&format!("folder.{folder}"), role).unwrap());
    }
    let dataset = open_with(home.path(), &intake).unwrap();
    assert_eq!(counts(&dataset), [6, 6, 0]);
    assert_eq!(dataset.index.classes, ["a", "b"]);
    assert_eq!(left_out(&dataset).len(), 6);
}

#[test]
fn groups_are_guessed_on_request_and_missing_ones_said() {
    let files: Files = (0..90)
        .map(|i| {
            (
                format!(
                    "{}/{}_{i}.png",
                    ["a", "b"][i % 2],
                    ["theo", "jackson", "lucas", "george", "yweweler"][i / 2 % 5]
                ),
                png((4, 6), i as u32),
            )
        })
        .collect();
    let home = laid(&files);
    let intake = Intake {
        group: Some("guess".to_owned()),
        ..Intake::default()
    };
    let dataset = open_with(home.path(), &intake).unwrap();
    assert!(
        dataset
            .index
            .notes
            .iter()
            .any(|n| n.contains("Groups are guessed: part 1 of the file name")),
        "{:?}",
        dataset.index.notes
    );
    assert!(dataset.index.entries.iter().all(|e| e.group.is_some()));
    let named = Intake {
        group: Some("patient".to_owned()),
        ..Intake::default()
    };
    assert!(
        open_with(home.path(), &named)
            .unwrap_err()
            .to_string()
            .contains("no table with a column 'patient'")
    );
}
