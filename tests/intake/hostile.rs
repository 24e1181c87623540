//! Archives as nobody should make them.

use super::archives::{Kind, file, forms, gz, on_disk, sound, tar, with, zip};
use super::{counts, left_out, open, png, refusal};
use flate2::Compression;
use flate2::write::GzEncoder;
use gapwatch::data::Dataset;
use proptest::prelude::*;
use std::fs;
use std::io::Write;
use tar::EntryType;

fn refusal_of(content: &[u8]) -> String {
    let (home, path) = on_disk(content);
    let into = home.path().join("into");
    assert!(Dataset::import(&path, &into, &|_, _| ()).is_err());
    assert!(!into.exists(), "something is left behind");
    refusal(&path)
}

#[test]
fn a_path_that_leaves_the_folder_refuses_the_archive() {
    for name in [
        "../evil.png",
        "d/../../evil.png",
        "/etc/evil.png",
        "C:/evil.png",
    ] {
        let mut entries = sound();
        entries.push(file(name, &png((4, 6), 1)));
        for archive in forms(&entries) {
            let said = refusal_of(&archive);
            assert!(said.contains("leaves its folder"), "{name}: {said}");
        }
    }
    let mut entries = sound();
    entries.push(file("..\\evil.png", &png((4, 6), 1)));
    assert!(refusal_of(&zip(&entries)).contains("leaves its folder"));
}

#[test]
fn links_and_devices_are_left_out() {
    for special in [EntryType::Symlink, EntryType::Link] {
        let entry = (b"d/train/a/link.png".to_vec(), Kind::Special(special));
        for said in with(entry) {
            assert_eq!(said, ["d/train/a/link.png: a link: pack the file itself"]);
        }
    }
    for special in [
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNUSparse,
    ] {
        let mut entries = sound();
        entries.push((b"d/train/a/x.png".to_vec(), Kind::Special(special)));
        let (_home, path) = on_disk(&tar(&entries));
        assert_eq!(
            left_out(&open(&path).unwrap()),
            ["d/train/a/x.png: not a plain file"]
        );
    }
}

#[test]
fn a_link_made_first_does_not_lead_the_next_file_out() {
    let mut entries = vec![(b"d/train/c".to_vec(), Kind::Special(EntryType::Symlink))];
    entries.extend(sound());
    entries.push(file("d/train/c/0.png", &png((4, 6), 77)));
    for archive in forms(&entries) {
        let (home, path) = on_disk(&archive);
        let into = home.path().join("into");
        let dataset = Dataset::import(&path, &into, &|_, _| ()).unwrap();
        assert_eq!(dataset.index.classes, ["a", "b", "c"]);
        assert!(
            fs::symlink_metadata(into.join("images/d/train/c"))
                .unwrap()
                .is_dir()
        );
        assert!(!home.path().join("outside").exists());
    }
}

#[test]
fn archives_cut_short_are_refused_or_lose_only_their_end() {
    let [zip, tar_gz, tar] = forms(&sound());
    for length in [30, zip.len() / 2, zip.len() - 30] {
        assert!(refusal_of(&zip[..length]).contains("damaged or cut short"));
    }
    for length in [30, tar_gz.len() / 2, tar_gz.len() - 4] {
        assert!(refusal_of(&tar_gz[..length]).contains("damaged or cut short"));
    }
    for length in [700, 5 * 512 + 20] {
        assert!(refusal_of(&tar[..length]).contains("damaged or cut short"));
    }
}

#[test]
fn a_damaged_file_in_a_zip_costs_that_file_only() {
    let entries = sound();
    let mut archive = zip(&entries);
    let Kind::File(content) = &entries[1].1 else {
        unreachable!("the first entry is the folder");
    };
    // PNGs are stored or deflated; either way a byte of the first one's data is changed.
    let start = 30 + entries[0].0.len() + 30 + entries[1].0.len();
    archive[start + content.len() / 2] ^= 0x55;
    let (_home, path) = on_disk(&archive);
    let dataset = open(&path).unwrap();
    assert_eq!(counts(&dataset), [7, 4, 0]);
    assert!(
        left_out(&dataset)[0].starts_with("d/train/a/0.png: damaged"),
        "{:?}",
        left_out(&dataset)
    );
}

#[test]
fn empty_and_foreign_files_are_refused() {
    for (content, says) in [
        (Vec::new(), "the file is empty"),
        (zip(&Vec::new()), "it is empty"),
        (tar(&Vec::new()), "it is empty"),
        (gz(&tar(&Vec::new())), "it is empty"),
        (b"hello world".to_vec(), "neither .zip nor .tar nor .tar.gz"),
        (gz(b"hello world"), "damaged or cut short"),
        (
            b"7z\xbc\xaf\x27\x1c".to_vec(),
            "7-Zip archives are not read",
        ),
        (png((4, 6), 0), "neither .zip nor .tar nor .tar.gz"),
        (
            zip(&vec![file("a/1.txt", b"x")]),
            "none of its 1 files is a readable image",
        ),
    ] {
        let said = refusal_of(&content);
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn bombs_are_refused() {
    // A PNG's first bytes and then zeros: as long as it is read at all, it grows.
    let mut bomb = png((4, 6), 0);
    bomb.resize(90 << 20, 0);
    let mut entries = sound();
    entries.push(file("d/train/a/bomb.png", &bomb));
    let [zip, tar_gz, _] = forms(&entries);
    for archive in [zip, tar_gz] {
        assert!(archive.len() < 1 << 20);
        let said = refusal_of(&archive);
        assert!(
            said.contains("unpacks to more than 100 times its size"),
            "{said}"
        );
    }
    // What is no image is not even unpacked from a zip.
    let mut entries = sound();
    entries.push(file("d/zeros.bin", &vec![0; 90 << 20]));
    let (_home, path) = on_disk(&self::zip(&entries));
    assert_eq!(left_out(&open(&path).unwrap()), ["d/zeros.bin: no image"]);
}

/// Repeats a header without end, as a stream: nothing that large is made.
#[test]
fn a_million_tiny_entries_are_too_many() {
    let mut header = tar::Header::new_gnu();
    header.set_path("a/x.png").unwrap();
    header.set_size(0);
    header.set_cksum();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("many.tar.gz");
    let mut writer = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    // Noise between, so that the ratio is not what stops it.
    let block = header.as_bytes().repeat(1000);
    for _ in 0..1001 {
        writer.write_all(&block).unwrap();
    }
    writer.finish().unwrap();
    let said = refusal(&path);
    assert!(said.contains("more than"), "{said}");
}

/// A name that claims gigabytes is not read into memory.
#[test]
fn a_name_without_end_is_refused() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(8 << 30);
    header.set_cksum();
    let (_home, path) = on_disk(header.as_bytes());
    assert!(refusal(&path).contains("a name longer than"));
}

#[test]
fn a_zip_that_declares_more_than_it_holds_is_refused() {
    let mut archive = zip(&sound());
    let end = archive.len() - 22;
    assert_eq!(archive[end..end + 4], *b"PK\x05\x06");
    archive[end + 8..end + 12].copy_from_slice(&[0xfe, 0xff, 0xfe, 0xff]);
    assert!(refusal_of(&archive).contains("damaged"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::layouts::cases()))]

    /// Whatever is damaged: a dataset or a refusal, no panic, and nothing outside the folder.
    #[test]
    fn damaged_archives_are_taken_or_refused_and_leave_nothing(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        form in 0usize..3,
    ) {
        let mut archive = forms(&sound())[form].clone();
        for (at, byte) in damage {
            let at = at.index(archive.len());
            archive[at] = byte;
        }
        let (home, path) = on_disk(&archive);
        let into = home.path().join("into");
        let taken = Dataset::import(&path, &into, &|_, _| ());
        prop_assert_eq!(into.exists(), taken.is_ok());
        prop_assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1 + usize::from(taken.is_ok()));
    }
}
