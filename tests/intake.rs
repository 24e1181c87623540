//! Taking data in: folders as people have them, and what is said about them.

use gapwatch::data::{DataError, Dataset, Images};
use gapwatch::run::{InputSpec, Normalize, Split};
use image::{GrayImage, Luma};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Writes a gray image whose pixels depend on `seed`.
fn write_image(path: &Path, (height, width): (u32, u32), seed: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = GrayImage::from_fn(width, height, |x, y| {
        Luma([((x * 7 + y * 13 + seed * 31) % 256) as u8])
    });
    image.save(path).unwrap();
}

/// A folder with `count` images of 4 × 6 in each of the folders.
fn folder(parts: &[&str], count: u32) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for (i, part) in (0..).zip(parts) {
        for n in 0..count {
            let path = home.path().join(part).join(format!("{n}.png"));
            write_image(&path, (4, 6), i * count + n);
        }
    }
    home
}

fn open(folder: &TempDir) -> Result<Dataset, DataError> {
    Dataset::open(folder.path(), &|_, _| ())
}

fn refusal(folder: &TempDir) -> String {
    match open(folder) {
        Ok(_) => panic!("taken, though it is wrong"),
        Err(error) => error.to_string(),
    }
}

fn counts(dataset: &Dataset) -> [usize; 3] {
    Split::ALL.map(|split| dataset.index.of(split).count())
}

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
    assert!(refusal(&empty).contains("it is empty"));
    let home = folder(&["train/a", "train/b"], 1);
    fs::create_dir(home.path().join("val")).unwrap();
    assert!(refusal(&home).contains("val/ holds no readable image"));
}

#[test]
fn files_that_cannot_be_read_are_listed_with_their_reason() {
    let home = folder(&["a", "b"], 4);
    let write = |name: &str, content: &[u8]| fs::write(home.path().join(name), content).unwrap();
    write("a/text.png", b"hello");
    write("a/notes.txt", b"hello");
    write("b/empty.jpg", b"");
    let whole = fs::read(home.path().join("a/0.png")).unwrap();
    write("b/short.png", &whole[..whole.len() - 20]);
    let dataset = open(&home).unwrap();
    assert_eq!(counts(&dataset).iter().sum::<usize>(), 8);
    let said: Vec<String> = dataset
        .index
        .unreadable
        .iter()
        .map(|u| format!("{}: {}", u.path, u.reason))
        .collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert_eq!(said[0], "a/notes.txt: no image");
    assert!(said[1].contains("neither PNG nor JPEG"));
    assert_eq!(said[2], "b/empty.jpg: empty file");
    assert!(said[3].contains("b/short.png"));
}

#[test]
fn an_imported_dataset_opens_again_and_makes_the_same_batches() {
    let home = folder(&["train/a", "train/b", "val/a"], 3);
    let taken = tempfile::tempdir().unwrap();
    let into = taken.path().join("dataset");
    let imported = Dataset::import(home.path(), &into, &|_, _| ()).unwrap();
    let again = Dataset::reopen(&into).unwrap();
    assert_eq!(again.index, imported.index);
    assert_eq!(
        again.index.fingerprint,
        open(&home).unwrap().index.fingerprint
    );

    let input = InputSpec {
        height: 4,
        width: 6,
        channels: 3,
        normalize: Normalize::Train,
    };
    let images = Images::load(&again, Split::Train, &input, &|_, _| ()).unwrap();
    assert_eq!(images.labels(), [0, 0, 0, 1, 1, 1]);
    let normalization = images.normalization(&input);
    let mut batch = vec![0.0; 6 * 3 * 24];
    images.batch(&[0, 1, 2, 3, 4, 5], &normalization, &mut batch);
    let mean = batch.iter().sum::<f32>() / batch.len() as f32;
    let variance = batch.iter().map(|x| x * x).sum::<f32>() / batch.len() as f32;
    assert!(
        mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4,
        "{mean} {variance}"
    );
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
