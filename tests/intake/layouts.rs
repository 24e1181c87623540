//! Layouts as folders and in every archive: what must be the same, what must leave nothing, two together, damaged ones.

use super::archives::{file, forms, on_disk};
use super::arrays::{bytes_of, cifar, mnist, npy, npz};
use super::{left_out, png, write};
use gapwatch::data::{DataError, Dataset, Intake};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The files of a dataset, by name.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

pub(crate) fn laid(files: &Files) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for (name, content) in files {
        write(&home.path().join(name), content);
    }
    home
}

pub(crate) fn open_with(path: &Path, intake: &Intake) -> Result<Dataset, DataError> {
    Dataset::open_with(path, intake, &|_, _| ())
}

/// Opens the files as a folder and in each archive, which must come to the same.
pub(crate) fn everywhere(files: &Files) -> Dataset {
    let entries = files
        .iter()
        .map(|(name, content)| file(name, content))
        .collect();
    let home = laid(files);
    let whole = open_with(home.path(), &Intake::default()).unwrap();
    for archive in forms(&entries) {
        let (home, path) = on_disk(&archive);
        let into = home.path().join("into");
        let taken = Dataset::import(&path, &into, &|_, _| ()).unwrap();
        assert_eq!(taken.index, whole.index);
        let mut there: Vec<_> = fs::read_dir(&into)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        there.sort();
        assert_eq!(there, ["images", "index.json"]);
        let again = Dataset::reopen(&into).unwrap();
        assert!(
            again
                .index
                .entries
                .iter()
                .all(|e| again.root.join(&e.path).is_file())
        );
    }
    whole
}

/// What is said, as a folder and in each archive; nothing may be left behind.
pub(crate) fn refused_everywhere(files: &Files) -> String {
    let entries = files
        .iter()
        .map(|(name, content)| file(name, content))
        .collect();
    let mut said = Vec::new();
    let folder = laid(files);
    let mut sources = vec![folder.path().to_owned()];
    let archives: Vec<_> = forms(&entries)
        .iter()
        .map(|archive| on_disk(archive))
        .collect();
    sources.extend(archives.iter().map(|(_, path)| path.clone()));
    for source in sources {
        let home = tempfile::tempdir().unwrap();
        let into = home.path().join("into");
        match Dataset::import(&source, &into, &|_, _| ()) {
            Ok(dataset) => panic!("taken: {:?}", dataset.index),
            Err(error) => said.push(error.to_string()),
        }
        assert!(!into.exists(), "something is left behind");
    }
    assert!(said.iter().all(|s| s == &said[0]), "{said:?}");
    said.swap_remove(0)
}

/// `rows` images in `img/` and a table over them.
pub(crate) fn table(header: &str, row: impl Fn(usize) -> String, rows: usize) -> Files {
    let mut files: Files = (0..rows)
        .map(|i| (format!("img/{i}.png"), png((4, 6), i as u32)))
        .collect();
    let lines: Vec<String> = (0..rows).map(row).collect();
    files.push((
        "labels.csv".to_owned(),
        format!("{header}\n{}\n", lines.join("\n")).into_bytes(),
    ));
    files
}

#[test]
fn files_of_two_datasets_or_within_archives_are_refused() {
    let mut files = mnist(false);
    files.push((
        "c/data_batch_1.bin".to_owned(),
        cifar(20, |i| vec![(i % 10) as u8]),
    ));
    assert!(refused_everywhere(&files).contains("holds IDX and CIFAR files"));
    let inner = forms(&mnist(false).iter().map(|(n, c)| file(n, c)).collect());
    for (name, content) in ["inner.zip", "inner.tar.gz", "inner.tar"]
        .iter()
        .zip(inner.iter().cloned())
    {
        let said = refused_everywhere(&vec![((*name).to_owned(), content)]);
        assert!(said.contains(&format!("({name}: ")), "{said}");
    }
}

#[test]
fn numbers_beside_a_folder_of_images_are_left_out() {
    let mut files: Files = (0..8)
        .map(|i| {
            (
                format!("d/{}/{i}.png", ["a", "b"][i % 2]),
                png((4, 6), i as u32),
            )
        })
        .collect();
    files.extend(
        mnist(false)
            .into_iter()
            .map(|(name, content)| (format!("d/raw/{name}"), content)),
    );
    let home = laid(&files);
    let dataset = open_with(home.path(), &Intake::default()).unwrap();
    assert_eq!(dataset.index.classes, ["a", "b"]);
    assert_eq!(left_out(&dataset).len(), 4);
}

#[test]
fn a_link_to_a_table_or_an_array_in_an_archive_is_left_out() {
    use super::archives::{Kind, sound, tar};
    let mut entries = sound();
    entries.push((
        b"labels.csv".to_vec(),
        Kind::Special(tar::EntryType::Symlink),
    ));
    let (_home, path) = on_disk(&tar(&entries));
    let dataset = open_with(&path, &Intake::default()).unwrap();
    assert_eq!(
        left_out(&dataset),
        ["labels.csv: a link: pack the file itself"]
    );
}

/// How many damaged files a property test makes: 40, or GAPWATCH_FUZZ_CASES.
pub(crate) fn cases() -> u32 {
    let set = std::env::var("GAPWATCH_FUZZ_CASES").ok();
    set.and_then(|cases| cases.parse().ok()).unwrap_or(40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Whatever bytes of a table, an IDX, a CIFAR or an NPZ are changed or cut off: a dataset or a message, never a panic,
    /// and nothing left behind.
    #[test]
    fn damaged_layouts_are_taken_or_refused_and_leave_nothing(
        layout in 0usize..5,
        place in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut files = match layout {
            0 => table("file,label,split", |i| format!("img/{i}.png,{},train", i % 2), 8),
            1 => mnist(false),
            2 => mnist(true),
            3 => vec![
                ("data_batch_1.bin".to_owned(), cifar(6, |i| vec![(i % 2) as u8])),
                ("test_batch.bin".to_owned(), cifar(2, |i| vec![i as u8])),
            ],
            _ => {
                let gray = |n: usize| npy("|u1", &format!("({n}, 3, 2)"), &bytes_of(n, 6).collect::<Vec<u8>>());
                let labels = |n: usize| npy("|u1", &format!("({n},)"), &(0..n).map(|i| (i % 3) as u8).collect::<Vec<u8>>());
                vec![("x.npz".to_owned(), npz(gray, labels))]
            }
        };
        // Of a table the table, not its images.
        let at = if layout == 0 { files.len() - 1 } else { place.index(files.len()) };
        let content = &mut files[at].1;
        for (position, byte) in damage {
            let position = position.index(content.len());
            content[position] = byte;
        }
        if let Some(cut) = cut {
            content.truncate(cut.index(content.len()));
        }
        let source = laid(&files);
        let home = tempfile::tempdir().unwrap();
        let into = home.path().join("into");
        let taken = Dataset::import(source.path(), &into, &|_, _| ());
        prop_assert_eq!(into.exists(), taken.is_ok());
        match taken {
            Ok(dataset) => {
                prop_assert!(dataset.index.classes.len() >= 2);
                prop_assert!(!into.join("raw").exists());
            }
            Err(error) => prop_assert!(error.to_string().len() > 10, "{}", error),
        }
    }
}
