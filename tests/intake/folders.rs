//! Folders.

use super::{counts, folder, left_out, open, png, refusal, write};
use gapwatch::data::Dataset;
use gapwatch::run::Split;
use std::fs;
use std::path::Path;

#[test]
fn split_folders_are_taken_as_they_are() {
    for (val, test) in [
        ("val", "test"),
        ("valid", "Test"),
        ("Validation", "testing"),
    ] {
        let parts = [
            "train/b",
            "train/a",
            &format!("{val}/a"),
            &format!("{test}/b"),
        ];
        let dataset = open(&folder(&parts, 3)).unwrap();
        assert_eq!(dataset.index.classes, ["a", "b"]);
        assert_eq!(counts(&dataset), [6, 3, 3]);
        assert!(dataset.index.of(Split::Val).all(|e| e.label == 0));
        assert!(dataset.index.of(Split::Test).all(|e| e.label == 1));
    }
}

#[test]
fn class_folders_are_split_by_class_and_always_in_the_same_way() {
    let home = folder(&["cat", "dog"], 20);
    let dataset = open(&home).unwrap();
    assert_eq!(counts(&dataset), [28, 6, 6]);
    for split in Split::ALL {
        let cats = dataset.index.of(split).filter(|e| e.label == 0).count();
        assert_eq!(2 * cats, dataset.index.of(split).count(), "{split}");
    }
    assert!(dataset.index.notes[0].contains("seed 1"));
    assert_eq!(open(&home).unwrap().index, dataset.index);
}

#[test]
fn a_missing_validation_part_is_split_off_and_a_missing_test_part_is_not() {
    let no_val = open(&folder(&["train/a", "train/b", "test/a"], 20)).unwrap();
    assert_eq!(counts(&no_val), [34, 6, 20]);
    assert!(no_val.index.notes[0].contains("15 %"));
    let no_test = open(&folder(&["train/a", "train/b", "val/a", "val/b"], 5)).unwrap();
    assert_eq!(counts(&no_test), [10, 10, 0]);
    let only_train = open(&folder(&["train/a", "train/b"], 20)).unwrap();
    assert_eq!(counts(&only_train), [28, 6, 6]);
}

#[test]
fn wrapping_folders_are_looked_through_and_what_systems_leave_is_ignored() {
    let parts = [
        "x/data/train/a",
        "x/data/train/b",
        "x/data/val/a",
        "__MACOSX/train/c",
        ".git/d",
    ];
    let home = folder(&parts, 2);
    fs::write(home.path().join(".DS_Store"), "x").unwrap();
    let dataset = open(&home).unwrap();
    assert_eq!(dataset.index.classes, ["a", "b"]);
    assert_eq!(counts(&dataset), [4, 2, 0]);
    assert!(dataset.index.unreadable.is_empty());
}

#[test]
fn a_class_may_be_called_like_a_split() {
    let dataset = open(&folder(&["train", "car", "test"], 10)).unwrap();
    assert_eq!(dataset.index.classes, ["car", "test", "train"]);
}

#[test]
fn a_class_missing_in_training_is_left_out_and_said() {
    let dataset = open(&folder(&["train/a", "train/b", "val/a", "val/c"], 2)).unwrap();
    assert_eq!(counts(&dataset), [4, 2, 0]);
    assert!(
        dataset
            .index
            .notes
            .iter()
            .any(|n| n.contains("Class c has no training image"))
    );
    assert_eq!(dataset.index.unreadable.len(), 2);
}

#[test]
fn a_class_folder_without_a_readable_image_is_said() {
    for (parts, folder_of) in [(&["train/a", "train/b"], "train/c"), (&["a", "b"], "c")] {
        let home = folder(parts, 4);
        write(&home.path().join(folder_of).join("x.bmp"), b"BM......");
        let dataset = open(&home).unwrap();
        assert_eq!(dataset.index.classes, ["a", "b"]);
        let note = format!("{folder_of}/ holds no readable image: it makes no class.");
        assert!(
            dataset.index.notes.contains(&note),
            "{:?}",
            dataset.index.notes
        );
    }
}

#[test]
fn what_cannot_be_learnt_from_is_refused_with_the_reason() {
    for (parts, says) in [
        (&["a"][..], "only one class has training images (a)"),
        (&["train", "val", "test"], "no image lies in a class folder"),
        (&["train/a", "val/a"], "only one class"),
        (&["val/a", "val/b"], "no training image"),
        (
            &["train/a", "train/b", "val/c"],
            "val/ holds no readable image of a training class",
        ),
        (&["r/train/a", "s/train/a"], "choose one of them"),
        (&["train/a", "train/b", "val/a", "valid/a"], "keep one"),
    ] {
        let said = refusal(&folder(parts, 1));
        assert!(said.contains(says), "{said}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(refusal(empty.path()).contains("it is empty"));
    let home = folder(&["train/a", "train/b"], 1);
    fs::create_dir(home.path().join("val")).unwrap();
    assert!(refusal(&home).contains("val/ holds no readable image"));
}

#[test]
fn files_that_cannot_be_read_are_listed_with_their_reason() {
    let home = folder(&["a", "b"], 4);
    let whole = png((4, 6), 0);
    write(&home.path().join("a/text.png"), b"hello");
    write(&home.path().join("a/notes.txt"), b"hello");
    write(&home.path().join("b/empty.jpg"), b"");
    write(&home.path().join("b/short.png"), &whole[..whole.len() - 20]);
    let dataset = open(&home).unwrap();
    assert_eq!(counts(&dataset).iter().sum::<usize>(), 8);
    assert_eq!(
        left_out(&dataset),
        [
            "a/notes.txt: no image",
            "a/text.png: named .png, but its content is none of PNG, JPEG, BMP, GIF, WebP and TIFF: save it as an image again",
            "b/empty.jpg: empty file",
            "b/short.png: cut short: its end is missing",
        ]
    );
}

#[test]
fn an_imported_folder_opens_again_without_what_was_left_out() {
    let home = folder(&["train/a", "train/b", "val/a"], 3);
    write(&home.path().join("train/b/note.txt"), b"hello");
    write(
        &home.path().join("train/b/broken.png"),
        &png((4, 6), 0)[..30],
    );
    let taken = tempfile::tempdir().unwrap();
    let into = taken.path().join("dataset");
    let imported = Dataset::import(home.path(), &into, &|_, _| ()).unwrap();
    assert_eq!(left_out(&imported).len(), 2);
    assert!(!into.join("images/train/b/note.txt").exists());
    assert!(!into.join("images/train/b/broken.png").exists());
    for again in [Dataset::reopen(&into).unwrap(), open(&into).unwrap()] {
        assert_eq!(again.index, imported.index);
        assert_eq!(again.root, into.join("images"));
    }
    assert_eq!(open(&home).unwrap().index, imported.index);
}

#[test]
fn a_refused_import_leaves_nothing_behind() {
    let taken = tempfile::tempdir().unwrap();
    let one_class = folder(&["train/a"], 2);
    let into = taken.path().join("new");
    assert!(Dataset::import(one_class.path(), &into, &|_, _| ()).is_err());
    assert!(!into.exists());
    let into = taken.path().join("there");
    fs::create_dir(&into).unwrap();
    assert!(Dataset::import(one_class.path(), &into, &|_, _| ()).is_err());
    assert_eq!(fs::read_dir(&into).unwrap().count(), 0);
}

#[test]
fn a_folder_that_holds_something_is_not_imported_into() {
    let home = folder(&["a", "b"], 2);
    let said = Dataset::import(home.path(), home.path(), &|_, _| ())
        .unwrap_err()
        .to_string();
    assert!(said.contains("is not empty"), "{said}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
}

#[test]
fn images_of_training_found_in_validation_are_said() {
    let home = folder(&["train/a", "train/b", "val/a", "val/b"], 5);
    for name in ["0.png", "1.png"] {
        fs::copy(
            home.path().join("train/a").join(name),
            home.path().join("val/b").join(name),
        )
        .unwrap();
    }
    let notes = open(&home).unwrap().index.notes;
    assert!(
        notes[0].starts_with("2 of the validation images are in training too"),
        "{notes:?}"
    );
}

#[test]
fn a_circle_of_links_ends_with_a_message() {
    let home = folder(&["a", "b"], 2);
    std::os::unix::fs::symlink(home.path(), home.path().join("a/up")).unwrap();
    assert!(refusal(&home).contains("a link that leads back"));
}

#[test]
fn the_fingerprint_follows_pixels_and_labels_and_nothing_else() {
    let fingerprint = |home: &tempfile::TempDir| open(home).unwrap().index.fingerprint;
    let home = folder(&["train/a", "train/b", "val/a"], 3);
    let before = fingerprint(&home);
    write(&home.path().join("README"), b"hello");
    assert_eq!(fingerprint(&home), before);
    fs::rename(
        home.path().join("train/a/0.png"),
        home.path().join("train/b/9.png"),
    )
    .unwrap();
    let moved = fingerprint(&home);
    assert_ne!(moved, before);
    write(&home.path().join("val/a/0.png"), &png((4, 6), 99));
    assert_ne!(fingerprint(&home), moved);
}

#[test]
fn the_spoken_digits_are_taken_whole() {
    let home = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/spoken-digits");
    if !Path::new(home).is_dir() {
        eprintln!("skipped: no spoken digits at {home}");
        return;
    }
    let dataset = Dataset::open(&Path::new(home).join("random"), &|_, _| ()).unwrap();
    assert_eq!(counts(&dataset), [630, 90, 90]);
    assert_eq!(dataset.index.common_size(), (128, 256));
    assert_eq!(dataset.index.classes.len(), 9);
    assert_eq!(dataset.index.notes, Vec::<String>::new());
    let said = Dataset::open(Path::new(home), &|_, _| ())
        .unwrap_err()
        .to_string();
    assert!(said.contains("random, speaker"), "{said}");
}
