//! Tables that name images, and what is said of wrong ones.

use super::layouts::{Files, everywhere, laid, open_with, refused_everywhere, table};
use super::{counts, left_out, png};
use gapwatch::data::Intake;

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
