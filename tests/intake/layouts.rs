//! Tables, IDX, CIFAR and NPZ, as folders and in every archive: what is taken, and what is said of hostile twins.

use super::archives::{file, forms, gz, on_disk, zip};
use super::{counts, left_out, png, write};
use gapwatch::data::{DataError, Dataset, Intake, SplitRule};
use gapwatch::run::Split;
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
fn everywhere(files: &Files) -> Dataset {
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
fn refused_everywhere(files: &Files) -> String {
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
fn a_table_beside_the_images_gives_labels_splits_and_groups() {
    let split = |i: usize| ["train", "train", "Valid", "test"][i % 4];
    let files = table(
        "filename;digit;part;speaker",
        |i| format!("img/{i}.png;{};{};s{}", i / 4 % 2, split(i), i % 3),
        24,
    );
    let dataset = everywhere(&files);
    assert_eq!(counts(&dataset), [12, 6, 6]);
    assert_eq!(dataset.index.classes, ["0", "1"]);
    assert_eq!(dataset.index.origin.layout, "CSV");
    assert_eq!(dataset.index.origin.label.as_deref(), Some("digit"));
    assert_eq!(dataset.index.origin.group.as_deref(), Some("speaker"));
    let entry = &dataset.index.entries[0];
    assert_eq!(
        (entry.path.as_str(), entry.group.as_deref()),
        ("img/0.png", Some("s0"))
    );
    assert!(left_out(&dataset).is_empty(), "{:?}", left_out(&dataset));
    assert!(dataset.index.notes[0].contains("column digit of labels.csv"));
}

#[test]
fn a_table_without_splits_is_split_and_one_a_split_is_taken() {
    let files = table(
        "image,label",
        |i| format!("{i},{}", ["cat", "dog"][i % 2]),
        40,
    );
    assert_eq!(counts(&everywhere(&files)), [28, 6, 6]);
    let mut files = table(
        "image,label",
        |i| format!("{i},{}", ["cat", "dog"][i % 2]),
        20,
    );
    let all = files.pop().unwrap();
    let text = String::from_utf8(all.1).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    for (name, rows) in [
        ("train.csv", &rows[..12]),
        ("val.csv", &rows[12..16]),
        ("test.csv", &rows[16..]),
    ] {
        files.push((
            name.to_owned(),
            format!("image,label\n{}\n", rows.join("\n")).into_bytes(),
        ));
    }
    assert_eq!(counts(&everywhere(&files)), [12, 4, 4]);
}

#[test]
fn rows_and_images_that_do_not_meet_are_listed() {
    let mut files = table("path,label", |i| format!("img/{i}.png,{}", i % 2), 20);
    let csv = files.last_mut().unwrap();
    csv.1
        .extend_from_slice(b"img/gone.png,1\nimg/3.png,1\nimg/4.png,\n");
    files.push(("img/extra.png".to_owned(), png((4, 6), 99)));
    let dataset = everywhere(&files);
    assert_eq!(
        left_out(&dataset),
        [
            "img/extra.png: not in labels.csv",
            "labels.csv, row 22: 'img/gone.png' is no file of the dataset",
            "labels.csv, row 23: named again: labels.csv, row 5 has it",
            "labels.csv, row 24: no label",
        ]
    );
}

#[test]
fn tables_that_are_wrong_are_refused_with_file_and_row() {
    let wide = format!("path,label{}", ",x".repeat(1_000_000));
    for (header, bad, says) in [
        (
            "path,label",
            "img/0.png,1,2",
            "labels.csv, row 22: 3 cells, where the first row has 2",
        ),
        (
            "path,label",
            "img/0.png,other",
            "labels.csv, row 22: 'img/0.png' is labelled 'other', and '0' in labels.csv, row 2",
        ),
        (&wide, "", "labels.csv, row 1: 1000002 columns"),
    ] {
        let mut files = table(header, |i| format!("img/{i}.png,{}", i % 2), 20);
        files
            .last_mut()
            .unwrap()
            .1
            .extend_from_slice(bad.as_bytes());
        let said = refused_everywhere(&files);
        assert!(said.contains(says), "{said}");
    }
    let mut files = table(
        "path,label,split",
        |i| format!("img/{i}.png,{},train", i % 2),
        20,
    );
    files
        .last_mut()
        .unwrap()
        .1
        .extend_from_slice(b"img/1.png,1,trian\n");
    assert!(refused_everywhere(&files).contains("row 22: the split 'trian' (column split)"));
    let mut files = table("path,label", |i| format!("img/{i}.png,{}", i % 2), 20);
    files
        .last_mut()
        .unwrap()
        .1
        .extend_from_slice(b"img/1.png,caf\xe9\n");
    assert!(refused_everywhere(&files).contains("labels.csv, row 22: not UTF-8"));
    let files = table(
        "path,a,b",
        |i| format!("img/{i}.png,{},{}", i % 2, i / 2 % 2),
        20,
    );
    assert!(refused_everywhere(&files).contains("which column is the label? It could be a, b"));
    let chosen = Intake {
        label: Some("b".to_owned()),
        ..Intake::default()
    };
    let dataset = open_with(laid(&files).path(), &chosen).unwrap();
    assert_eq!(dataset.index.origin.label.as_deref(), Some("b"));
}

#[test]
fn a_table_of_something_else_leaves_the_folders_their_word() {
    let mut files: Files = (0..8)
        .map(|i| {
            (
                format!("{}/{i}.png", ["a", "b"][i % 2]),
                png((4, 6), i as u32),
            )
        })
        .collect();
    files.push((
        "sizes.csv".to_owned(),
        b"file,width\n0.png,6\n1.png,6\n2.png,6\n3.png,6\n".to_vec(),
    ));
    files.push(("broken.csv".to_owned(), b"a,b\n1\n".to_vec()));
    let dataset = everywhere(&files);
    assert_eq!(dataset.index.classes, ["a", "b"]);
    assert_eq!(dataset.index.origin.layout, "folders");
    assert_eq!(left_out(&dataset).len(), 2, "{:?}", left_out(&dataset));
}

fn idx(sizes: &[u32], bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut content = vec![0, 0, 8, sizes.len() as u8];
    sizes
        .iter()
        .for_each(|size| content.extend(size.to_be_bytes()));
    content.extend(bytes);
    content
}

/// MNIST's four files: 30 training and 10 test images of 5 × 4, the label in the first pixel.
pub(crate) fn mnist(packed: bool) -> Files {
    let part = |count: u32| {
        let images = idx(
            &[count, 5, 4],
            (0..count).flat_map(|i| {
                (0..20).map(move |p| {
                    if p == 0 {
                        (i % 3) as u8
                    } else {
                        (i * 5 + p) as u8
                    }
                })
            }),
        );
        (images, idx(&[count], (0..count).map(|i| (i % 3) as u8)))
    };
    let mut files = Files::new();
    for (name, count) in [("train", 30), ("t10k", 10)] {
        let (images, labels) = part(count);
        files.push((format!("{name}-images-idx3-ubyte"), images));
        files.push((format!("{name}-labels-idx1-ubyte"), labels));
    }
    if packed {
        for (name, content) in &mut files {
            name.push_str(".gz");
            *content = gz(content);
        }
    }
    files
}

/// The first pixel (of the first channel) of an image is its label, in the arrays made here.
fn labels_are_in_the_pixels(dataset: &Dataset, factor: u8) {
    for entry in &dataset.index.entries {
        let image = image::open(dataset.root.join(&entry.path))
            .unwrap()
            .to_rgb8();
        let class: u8 = dataset.index.classes[entry.label as usize].parse().unwrap();
        assert_eq!(image.get_pixel(0, 0).0[0], class * factor, "{}", entry.path);
    }
}

#[test]
fn idx_files_become_images_plain_and_packed() {
    let plain = everywhere(&mnist(false));
    assert_eq!(
        counts(&plain),
        [24, 6, 10],
        "validation is split off training"
    );
    assert_eq!(plain.index.classes, ["0", "1", "2"]);
    assert_eq!(plain.index.common_size(), (5, 4));
    assert_eq!(plain.index.origin.layout, "IDX");
    labels_are_in_the_pixels(&plain, 1);
    let mut packed = mnist(true);
    packed.push(("logo.png".to_owned(), png((9, 9), 3)));
    packed.push(("README.md".to_owned(), b"hello".to_vec()));
    let packed = everywhere(&packed);
    assert_eq!(packed.index.fingerprint, plain.index.fingerprint);
}

#[test]
fn idx_files_that_are_wrong_are_refused_by_name() {
    let change = |file: usize, with: &dyn Fn(&mut Vec<u8>)| {
        let mut files = mnist(false);
        with(&mut files[file].1);
        refused_everywhere(&files)
    };
    for (said, says) in [
        (
            change(0, &|c| c.truncate(200)),
            "train-images-idx3-ubyte: cut short: says it has 30 images of 5 × 4, and ends within image 10",
        ),
        (
            change(1, &|c| c.truncate(20)),
            "train-labels-idx1-ubyte: cut short: says it has 30 labels, and ends after 12",
        ),
        (
            change(1, &|c| c[7] = 29),
            "train-labels-idx1-ubyte: holds more than its header says",
        ),
        (
            change(3, &|c| {
                c[7] = 9;
                c.pop();
            }),
            "t10k-labels-idx1-ubyte has 9 labels for the 10 images of t10k-images-idx3-ubyte",
        ),
        (change(0, &|c| c[0] = 7), "begins with 07 00 08 03"),
        (change(0, &|c| c[2] = 0x0d), "only unsigned bytes"),
        (
            change(0, &|c| c[8..12].fill(0xff)),
            "says its pictures are 4294967295 × 4",
        ),
        (
            change(0, &|c| c[4..8].fill(0xff)),
            "4294967295 images of train-images",
        ),
        (change(0, &|c| c.push(1)), "holds more than its header says"),
    ] {
        assert!(said.contains(says), "{said}\n{says}");
    }
    let mut files = mnist(false);
    files.remove(1);
    assert!(refused_everywhere(&files).contains("train-images-idx3-ubyte has no labels beside it"));
    // A .gz that unpacks to no IDX, and one cut short.
    let mut files = mnist(true);
    files[0].1 = gz(&[0; 3000]);
    assert!(refused_everywhere(&files).contains("begins with 00 00 00 00"));
    let mut files = mnist(true);
    files[0].1.truncate(60);
    let said = refused_everywhere(&files);
    assert!(said.contains("train-images-idx3-ubyte.gz: "), "{said}");
}

/// A batch of CIFAR: labels of the header, then planes whose first red pixel is the label (the fine one).
fn cifar(count: usize, header: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    (0..count)
        .flat_map(|i| {
            let mut record = header(i);
            let label = *record.last().unwrap();
            record.extend((0..3072).map(|p| {
                if p == 0 {
                    label
                } else {
                    ((i * 31 + p) % 251) as u8
                }
            }));
            record
        })
        .collect()
}

#[test]
fn cifars_binaries_become_images_with_their_names() {
    let ten = |i: usize| vec![(i % 10) as u8];
    let mut files: Files = vec![
        ("c/data_batch_1.bin".to_owned(), cifar(20, ten)),
        ("c/data_batch_2.bin".to_owned(), cifar(20, ten)),
        ("c/test_batch.bin".to_owned(), cifar(10, ten)),
    ];
    let dataset = everywhere(&files);
    assert_eq!(counts(&dataset), [30, 10, 10]);
    assert_eq!(dataset.index.common_size(), (32, 32));
    labels_are_in_the_pixels(&dataset, 1);
    let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    files.push(("c/batches.meta.txt".to_owned(), names.as_bytes().to_vec()));
    assert_eq!(everywhere(&files).index.classes[4], "deer");

    files[0].1.pop();
    assert!(refused_everywhere(&files).contains("c/data_batch_1.bin: 61459 bytes are no whole number of images of 3073 bytes: cut short within image 20"));
    files[0].1 = cifar(20, |i| vec![(i + 5) as u8]);
    assert!(
        refused_everywhere(&files)
            .contains("c/data_batch_1.bin, image 6: label 10, where there are 10 classes")
    );
}

#[test]
fn cifar_100_has_two_labels_to_choose_from() {
    let both = |i: usize| vec![(i % 2) as u8, (i % 4) as u8];
    let files: Files = vec![
        ("train.bin".to_owned(), cifar(40, both)),
        ("test.bin".to_owned(), cifar(8, both)),
    ];
    let fine = everywhere(&files);
    assert_eq!(fine.index.classes, ["00", "01", "02", "03"]);
    labels_are_in_the_pixels(&fine, 1);
    let coarse = Intake {
        label: Some("coarse_label".to_owned()),
        ..Intake::default()
    };
    let coarse = open_with(laid(&files).path(), &coarse).unwrap();
    assert_eq!(coarse.index.classes, ["00", "01"]);
    let pickles: Files = vec![("data_batch_1".to_owned(), b"\x80\x02}q\x01".to_vec())];
    assert!(refused_everywhere(&pickles).contains("a Python pickle, which is never read"));
}

pub(crate) fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut content = b"\x93NUMPY\x01\0".to_vec();
    content.extend((text.len() as u16).to_le_bytes());
    content.extend(text.bytes());
    content.extend(bytes);
    content
}

/// An .npz of 24 training and 9 test images of 3 × 2 whose first value is the label.
fn npz(images: impl Fn(usize) -> Vec<u8>, labels: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let entries = [("x_train", 24), ("x_test", 9)]
        .into_iter()
        .flat_map(|(name, n)| {
            [
                file(&format!("{name}.npy"), &images(n)),
                file(&format!("{}.npy", name.replace('x', "y")), &labels(n)),
            ]
        })
        .collect();
    zip(&entries)
}

fn bytes_of(n: usize, pixels: usize) -> impl Iterator<Item = u8> {
    (0..n).flat_map(move |i| {
        (0..pixels).map(move |p| {
            if p == 0 {
                (i % 3) as u8
            } else {
                (i * 3 + p) as u8
            }
        })
    })
}

#[test]
fn npz_arrays_of_every_usual_type_become_images() {
    let gray = |n: usize| {
        npy(
            "|u1",
            &format!("({n}, 3, 2)"),
            &bytes_of(n, 6).collect::<Vec<u8>>(),
        )
    };
    let bytes = |n: usize| {
        npy(
            "|u1",
            &format!("({n},)"),
            &(0..n).map(|i| (i % 3) as u8).collect::<Vec<u8>>(),
        )
    };
    let longs = |n: usize| {
        let raw: Vec<u8> = (0..n)
            .flat_map(|i| ((i % 3) as i64).to_be_bytes())
            .collect();
        npy(">i8", &format!("({n}, 1)"), &raw)
    };
    let hot = |n: usize| {
        let raw: Vec<u8> = (0..n)
            .flat_map(|i| (0..3).flat_map(move |c| f32::from(u8::from(c == i % 3)).to_le_bytes()))
            .collect();
        npy("<f4", &format!("({n}, 3)"), &raw)
    };
    let expected = everywhere(&vec![("x.npz".to_owned(), npz(gray, bytes))]);
    assert_eq!(counts(&expected), [21, 3, 9]);
    assert_eq!(expected.index.common_size(), (3, 2));
    labels_are_in_the_pixels(&expected, 1);
    for labels in [&longs as &dyn Fn(usize) -> Vec<u8>, &hot] {
        let same = everywhere(&vec![("x.npz".to_owned(), npz(gray, labels))]);
        assert_eq!(same.index.fingerprint, expected.index.fingerprint);
    }
    // The file itself, under any name; and numbers from 0 to 1.
    let floats = |n: usize| {
        let raw: Vec<u8> = bytes_of(n, 6)
            .flat_map(|b| (f32::from(b) / 255.0).to_le_bytes())
            .collect();
        npy("<f4", &format!("({n}, 3, 2)"), &raw)
    };
    let (_home, path) = on_disk(&npz(floats, bytes));
    assert_eq!(
        open_with(&path, &Intake::default())
            .unwrap()
            .index
            .fingerprint,
        expected.index.fingerprint
    );
    // Colours first or last, alpha dropped, labels as text.
    let text = |n: usize| {
        let raw: Vec<u8> = (0..n)
            .flat_map(|i| ["cat", "dog", "emu"][i % 3].chars().chain(['\0']))
            .flat_map(|c| (c as u32).to_le_bytes())
            .collect();
        npy("<U4", &format!("({n},)"), &raw)
    };
    let last = |n: usize| {
        npy(
            "|u1",
            &format!("({n}, 3, 2, 4)"),
            &bytes_of(n, 24).collect::<Vec<u8>>(),
        )
    };
    let first = |n: usize| {
        npy(
            "|u1",
            &format!("({n}, 3, 6, 5)"),
            &bytes_of(n, 90).collect::<Vec<u8>>(),
        )
    };
    for (images, size) in [
        (&last as &dyn Fn(usize) -> Vec<u8>, (3, 2)),
        (&first, (6, 5)),
    ] {
        let dataset = everywhere(&vec![("x.npz".to_owned(), npz(images, text))]);
        assert_eq!(dataset.index.classes, ["cat", "dog", "emu"]);
        assert_eq!(dataset.index.common_size(), size);
        assert!(dataset.index.entries.iter().all(|e| e.channels == 3));
    }
}

#[test]
fn npz_files_that_are_wrong_are_refused_by_array() {
    let gray = |n: usize| {
        npy(
            "|u1",
            &format!("({n}, 3, 2)"),
            &bytes_of(n, 6).collect::<Vec<u8>>(),
        )
    };
    let labels = |n: usize| {
        npy(
            "|u1",
            &format!("({n},)"),
            &(0..n).map(|i| (i % 3) as u8).collect::<Vec<u8>>(),
        )
    };
    let said = |npz: Vec<u8>| refused_everywhere(&vec![("x.npz".to_owned(), npz)]);
    for (npz, says) in [
        (
            npz(
                |n| {
                    let mut a = gray(n);
                    a.truncate(140);
                    a
                },
                labels,
            ),
            "x_train.npy: cut short: its shape says 24 rows, and it ends within row",
        ),
        (
            npz(gray, |n| labels(n - 1)),
            "24 images, and y_train.npy has 23 labels",
        ),
        (
            npz(gray, |n| npy("|O", &format!("({n},)"), b"")),
            "y_train.npy: its type '|O' is not read",
        ),
        (
            npz(
                |n| npy("<f4", &format!("({n}, 3, 2)"), &vec![0xff; n * 24]),
                labels,
            ),
            "picture 0 (from 0) holds a value that is no number",
        ),
        (
            npz(
                |n| npy("<i2", &format!("({n}, 3, 2)"), &vec![7; n * 12]),
                labels,
            ),
            "hold values from 1799 to 1799",
        ),
        (
            npz(
                |n| npy("|u1", &format!("({n}, 99999999, 99999999)"), &[]),
                labels,
            ),
            "says its pictures are 99999999 × 99999999",
        ),
        (
            npz(|_| npy("|u1", "(9999999999, 3, 2)", &[]), labels),
            "9999999999 images",
        ),
        (
            npz(|n| npy("|u1", &format!("({n}, 6)"), &[0; 99]), labels),
            "pictures of shape (24, 6)",
        ),
        (
            npz(gray, |n| npy("|i1", &format!("({n},)"), &vec![0xff; n])),
            "y_train.npy: row 0 (from 0) is no label",
        ),
        (
            npz(gray, |n| npy("|u1", &format!("({n}, 2)"), &vec![1; 2 * n])),
            "row 0 (from 0) is not one-hot",
        ),
        (
            zip(&vec![file("weights.npy", &gray(3))]),
            "no arrays called x_train and y_train",
        ),
    ] {
        let said = said(npz);
        assert!(said.contains(says), "{said}\n{says}");
    }
    let whole = npz(gray, labels);
    assert!(said(whole[..whole.len() / 2].to_vec()).contains("x.npz: damaged or cut short"));
    // A bomb: zeros for an array that says so.
    let zeros = vec![0; 80 << 20];
    let bomb = npz(
        |n| npy("|u1", &format!("({n}, 1024, 3400)"), &zeros),
        labels,
    );
    assert!(bomb.len() < 1 << 20);
    let (home, path) = on_disk(&bomb);
    let into = home.path().join("into");
    let error = Dataset::import(&path, &into, &|_, _| ())
        .unwrap_err()
        .to_string();
    assert!(error.contains("far larger than its file"), "{error}");
    assert!(!into.exists());
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

fn split_of(dataset: &Dataset, rule: &str) -> Intake {
    let _ = dataset;
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
    let anew = open_with(home.path(), &split_of(&found, "stratified")).unwrap();
    assert_eq!(counts(&anew), [140, 30, 30]);
    assert!(
        anew.index
            .notes
            .iter()
            .any(|n| n.contains("split anew, 70 / 15 / 15 %, stratified by class, by seed 1"))
    );

    let grouped = open_with(home.path(), &split_of(&found, "group")).unwrap();
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
        let folded = open_with(home.path(), &split_of(&found, &format!("{fold}/5"))).unwrap();
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
        ..split_of(&found, "stratified")
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
