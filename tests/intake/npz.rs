//! NPZ of every usual type, and what is said of wrong ones.

use super::archives::{file, on_disk, zip};
use super::arrays::{bytes_of, labels_are_in_the_pixels, npy, npz};
use super::counts;
use super::layouts::{everywhere, open_with, refused_everywhere};
use gapwatch::data::{Dataset, Intake};

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
