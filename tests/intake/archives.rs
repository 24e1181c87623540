//! Archives as people make them.

use super::{counts, folder, left_out, open, png};
use flate2::Compression;
use flate2::write::GzEncoder;
use gapwatch::data::Dataset;
use gapwatch::run::Split;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tar::EntryType;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// What one entry of a made archive is.
#[derive(Clone)]
pub(crate) enum Kind {
    File(Vec<u8>),
    Folder,
    Special(EntryType),
}

pub(crate) type Entries = Vec<(Vec<u8>, Kind)>;

/// A sound dataset: two classes with four images each in training, two in validation.
pub(crate) fn sound() -> Entries {
    let mut entries = vec![(b"d/train/".to_vec(), Kind::Folder)];
    for (seed, (part, count)) in [("train/a", 4), ("train/b", 4), ("val/a", 2), ("val/b", 2)]
        .into_iter()
        .enumerate()
    {
        for n in 0..count {
            let content = png((4, 6), seed as u32 * 10 + n);
            entries.push((
                format!("d/{part}/{n}.png").into_bytes(),
                Kind::File(content),
            ));
        }
    }
    entries
}

pub(crate) fn file(name: &str, content: &[u8]) -> (Vec<u8>, Kind) {
    (name.as_bytes().to_vec(), Kind::File(content.to_vec()))
}

pub(crate) fn zip(entries: &Entries) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, kind) in entries {
        let name = std::str::from_utf8(name).unwrap();
        match kind {
            Kind::File(content) => {
                writer
                    .start_file(name, SimpleFileOptions::default())
                    .unwrap();
                writer.write_all(content).unwrap();
            }
            Kind::Folder => writer
                .add_directory(name, SimpleFileOptions::default())
                .unwrap(),
            Kind::Special(_) => writer
                .add_symlink(name, "../../outside", SimpleFileOptions::default())
                .unwrap(),
        }
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn tar(entries: &Entries) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind) in entries {
        let mut header = tar::Header::new_gnu();
        // The library refuses to write what it should never read: such names are put in byte by byte.
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        let content: &[u8] = match kind {
            Kind::File(content) => content,
            Kind::Folder | Kind::Special(_) => &[],
        };
        header.set_entry_type(match kind {
            Kind::File(_) => EntryType::Regular,
            Kind::Folder => EntryType::Directory,
            Kind::Special(special) => *special,
        });
        header.set_link_name("../../outside").unwrap();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gz(content: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

/// The three forms of an archive.
pub(crate) fn forms(entries: &Entries) -> [Vec<u8>; 3] {
    let tar = tar(entries);
    [zip(entries), gz(&tar), tar]
}

/// An archive on disk; its name tells nothing.
pub(crate) fn on_disk(content: &[u8]) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("upload");
    fs::write(&path, content).unwrap();
    (home, path)
}

/// A sound dataset with one more entry, in each form: what is said of what was left out.
pub(crate) fn with(entry: (Vec<u8>, Kind)) -> Vec<Vec<String>> {
    let mut entries = sound();
    entries.push(entry);
    forms(&entries)
        .iter()
        .map(|archive| {
            let (_home, path) = on_disk(archive);
            let dataset = open(&path).unwrap();
            assert_eq!(counts(&dataset), [8, 4, 0]);
            left_out(&dataset)
        })
        .collect()
}

#[test]
fn every_form_of_a_dataset_has_the_same_fingerprint() {
    let home = folder(&[], 0);
    for (name, kind) in sound() {
        if let Kind::File(content) = kind {
            let path = home.path().join(std::str::from_utf8(&name).unwrap());
            super::write(&path, &content);
        }
    }
    let expected = open(&home).unwrap().index;
    for archive in forms(&sound()) {
        let (home, path) = on_disk(&archive);
        assert_eq!(open(&path).unwrap().index, expected);
        let imported = Dataset::import(&path, &home.path().join("into"), &|_, _| ()).unwrap();
        assert_eq!(imported.index, expected);
        let again = Dataset::reopen(&home.path().join("into")).unwrap();
        let first = again.index.of(Split::Train).next().unwrap();
        assert!(again.root.join(&first.path).is_file());
    }
}

#[test]
fn an_opened_archive_is_unpacked_only_as_long_as_it_is_used() {
    let (_home, path) = on_disk(&zip(&sound()));
    let dataset = open(&path).unwrap();
    let root = dataset.root.clone();
    assert!(root.is_dir());
    drop(dataset);
    assert!(!root.exists());
}

#[test]
fn names_longer_than_a_header_are_read() {
    let long = "n".repeat(180);
    let mut builder = tar::Builder::new(Vec::new());
    for (i, class) in ["a", "b"].iter().enumerate() {
        for n in 0..4 {
            let content = png((4, 6), (i * 4 + n) as u32);
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            let name = format!("{class}/{long}-{n}.png");
            if n % 2 == 0 {
                builder
                    .append_data(&mut header, name, content.as_slice())
                    .unwrap();
            } else {
                builder
                    .append_pax_extensions([("path", name.as_bytes())])
                    .unwrap();
                header.set_path("short.png").unwrap();
                header.set_cksum();
                builder.append(&header, content.as_slice()).unwrap();
            }
        }
    }
    let (_home, path) = on_disk(&builder.into_inner().unwrap());
    let dataset = open(&path).unwrap();
    assert_eq!(counts(&dataset).iter().sum::<usize>(), 8);
    assert!(dataset.index.entries.iter().all(|e| e.path.contains(&long)));
}

#[test]
fn names_that_meet_are_told_apart_or_left_out() {
    for (name, reason) in [
        (
            "d/train/a/0.png",
            "another file of the archive has the same name",
        ),
        (
            "d/train/a/0.png/1.png",
            "a file stands where this folder should be",
        ),
    ] {
        let mut entries = sound();
        entries.push(file(name, &png((4, 6), 50)));
        let (_home, path) = on_disk(&tar(&entries));
        let dataset = open(&path).unwrap();
        assert_eq!(counts(&dataset), [8, 4, 0]);
        assert!(
            left_out(&dataset).iter().any(|said| said.contains(reason)),
            "{:?}",
            left_out(&dataset)
        );
    }
    let mut entries = sound();
    entries.push(file("d/train/A/0.png", &png((4, 6), 51)));
    entries.push(file("d/train/a/0.PNG", &png((4, 6), 52)));
    for archive in forms(&entries) {
        let (_home, path) = on_disk(&archive);
        let dataset = open(&path).unwrap();
        assert_eq!(dataset.index.classes, ["A", "a", "b"]);
        assert_eq!(counts(&dataset), [10, 4, 0]);
        assert!(
            dataset
                .index
                .notes
                .iter()
                .any(|n| n.contains("A and a differ only in case"))
        );
    }
}

#[test]
fn names_that_are_not_utf_8_are_left_out_of_a_tar_and_decoded_in_a_zip() {
    let mut entries = sound();
    entries.push((
        b"d/train/a/caf\xe9.png".to_vec(),
        Kind::File(png((4, 6), 60)),
    ));
    let (_home, path) = on_disk(&tar(&entries));
    let said = left_out(&open(&path).unwrap());
    assert_eq!(
        said,
        ["d/train/a/caf\u{fffd}.png: its name is not UTF-8: rename it"]
    );
    // In a zip they are code page 437; UTF-8 is known even where the flag for it is missing.
    for bytes in [&b"\x82"[..], b"\xc3\xa9"] {
        let plain = [b"d/train/a/caf", &b"X".repeat(bytes.len())[..], b".png"].concat();
        let mut entries = sound();
        entries.push((plain.clone(), Kind::File(png((4, 6), 60))));
        let mut archive = zip(&entries);
        for at in 0..archive.len() - plain.len() {
            if archive[at..].starts_with(&plain) {
                archive[at + 13..at + 13 + bytes.len()].copy_from_slice(bytes);
            }
        }
        let (_home, path) = on_disk(&archive);
        let dataset = open(&path).unwrap();
        assert!(
            dataset
                .index
                .entries
                .iter()
                .any(|e| e.path == "d/train/a/café.png")
        );
    }
}

#[test]
fn what_is_no_image_is_left_out_with_the_reason() {
    for (name, content, reason) in [
        ("d/train/a/notes.txt", &b"hello"[..], "no image"),
        (
            "d/train/a/x.png",
            b"hello",
            "named .png, but its content is none of PNG, JPEG, BMP, GIF, WebP and TIFF: save it as an image again",
        ),
        (
            "d/more.zip",
            &zip(&sound()),
            "an archive within: unpack it first",
        ),
        (
            "d/train/a/short.png",
            &png((4, 6), 0)[..40],
            "cut short: its end is missing",
        ),
    ] {
        for said in with(file(name, content)) {
            assert_eq!(said, [format!("{name}: {reason}")]);
        }
    }
    for ignored in [
        "__MACOSX/d/train/c/._1.png",
        "d/.DS_Store",
        "d/train/.c/1.png",
    ] {
        for said in with(file(ignored, &png((4, 6), 0))) {
            assert!(said.is_empty(), "{said:?}");
        }
    }
}

#[test]
fn nothing_is_written_beside_the_folder() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("upload");
    fs::write(&path, zip(&sound())).unwrap();
    Dataset::import(&path, &home.path().join("into"), &|_, _| ()).unwrap();
    let mut names: Vec<_> = list(home.path());
    names.sort();
    assert_eq!(names, ["into", "upload"]);
    let mut names = list(&home.path().join("into"));
    names.sort();
    assert_eq!(names, ["images", "index.json"]);
}

fn list(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
