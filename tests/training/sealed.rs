//! `gapwatch train` of a spec whose test figures are sealed.

use crate::images::write_dataset;
use serde_json::Value;
use std::fs;
use std::process::Command;
use tempfile::tempdir;

#[test]
fn sealed_test_figures_are_neither_printed_nor_written() {
    let folder = tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    write_dataset(&data);
    let train = |test: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_gapwatch"))
            .args(["train", "--threads", "1", "--json", "--model", "logistic"])
            .args(["--set", "train.epochs=2", "--set", test])
            .args([std::path::Path::new("--data"), &data])
            .args([std::path::Path::new("--out"), &out.join(test)])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let csv = fs::read_to_string(out.join(test).join("history.csv")).unwrap();
        (document, csv)
    };
    let (shown, csv) = train("test=shown");
    let test = &shown["epochs"][1]["test"];
    assert!(test["n"].as_u64() > Some(0), "{shown}");
    assert!(csv.contains(&test["loss"].to_string()), "{csv}");

    let (sealed, csv) = train("test=sealed");
    assert!(!csv.contains(&test["loss"].to_string()), "{csv}");
    for epoch in sealed["epochs"].as_array().unwrap() {
        assert!(
            epoch["test"].is_null() && epoch["val"].is_object(),
            "{epoch}"
        );
    }
    // Sealing changes nothing else.
    assert_eq!(sealed["epochs"][1]["val"], shown["epochs"][1]["val"]);
    let written = fs::read_to_string(out.join("test=sealed").join("examination.json")).unwrap();
    let examination: Value = serde_json::from_str(&written).unwrap();
    let passes = examination["passes"].as_array().unwrap();
    assert!(
        passes.iter().all(|pass| pass["split"] != "test"),
        "{written}"
    );
}
