//! IDX and CIFAR files, and what is said of wrong ones; the arrays that the tests of NPZ make.

use super::archives::{file, gz, zip};
use super::layouts::{Files, everywhere, laid, open_with, refused_everywhere};
use super::{counts, png};
use gapwatch::data::{Dataset, Intake};

pub(crate) fn idx(sizes: &[u32], bytes: impl Iterator<Item = u8>) -> Vec<u8> {
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
pub(crate) fn labels_are_in_the_pixels(dataset: &Dataset, factor: u8) {
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
pub(crate) fn cifar(count: usize, header: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
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
pub(crate) fn npz(images: impl Fn(usize) -> Vec<u8>, labels: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
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

pub(crate) fn bytes_of(n: usize, pixels: usize) -> impl Iterator<Item = u8> {
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
