//! Histories and predictions that something else wrote: what is understood, what is said, what is refused.

use gapwatch::diagnose::history::RecordedHistory;
use gapwatch::diagnose::predictions::Predictions;
use gapwatch::diagnose::report::HistoryReport;
use gapwatch::diagnose::{Verdict, finding::Finding};
use gapwatch::run::Split;
use std::fmt::Write;
use std::process::Command;

fn history(text: &str) -> RecordedHistory {
    RecordedHistory::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn refused(text: &str) -> String {
    match RecordedHistory::read(text.as_bytes()) {
        Err(error) => error.to_string(),
        Ok(found) => panic!("understood as {found:?}"),
    }
}

fn verdict(history: RecordedHistory) -> Verdict {
    let report = HistoryReport::new(history, None, 1);
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("NaN") && !json.contains("inf"), "{json}");
    report.diagnosis.verdict
}

fn has<'a>(findings: &'a [Finding], id: &str) -> Option<&'a Finding> {
    findings.iter().find(|f| f.id == id)
}

/// The question's run: training to 98.4 %, validation at about a sixth, its loss rising.
fn question(rows: usize) -> String {
    let mut csv = String::from("epoch,train_loss,train_acc,val_loss,val_acc\n");
    for e in 1..=rows {
        let t = e as f64 / rows as f64;
        let _ = writeln!(
            csv,
            "{e},{:.4},{:.4},{:.4},{:.4}",
            2.2 * (-4.0 * t).exp(),
            0.984 - 0.87 * (-5.0 * t).exp(),
            2.2 + 2.0 * t,
            (13 + e % 3) as f64 / 90.0
        );
    }
    csv
}

#[test]
fn the_questions_history_is_memorising_where_its_counts_are_known() {
    let known = history(&question(50)).with_images([Some(630), Some(90), None]);
    let with_classes = RecordedHistory {
        classes: 9,
        ..known.clone()
    };
    let report = HistoryReport::new(with_classes, None, 1);
    assert_eq!(
        report.diagnosis.verdict,
        Verdict::Memorising,
        "{}",
        report.diagnosis.summary
    );
    assert!(
        report.diagnosis.summary.contains("of 90"),
        "{}",
        report.diagnosis.summary
    );
    assert_eq!(verdict(known), Verdict::Overfitting);
    assert_eq!(verdict(history(&question(50))), Verdict::Overfitting);
    assert_eq!(verdict(history(&question(20))), Verdict::Overfitting);
}

#[test]
fn keras_lightning_and_json_tell_the_same_as_a_plain_table() {
    let plain = history(
        "epoch,train_loss,train_acc,val_loss,val_acc\n1,2.0,0.25,2.1,0.2\n2,1.0,0.5,1.5,0.4\n",
    );
    let keras = history(
        "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.25,2.0,0.2,2.1\n1,0.5,1.0,0.4,1.5\n",
    );
    let lightning = history(
        "epoch,step,train_acc_epoch,train_loss_epoch,train_loss_step,val_acc,val_loss\n\
         0,9,,,2.3,,\n0,19,,,,0.2,2.1\n0,19,0.25,2.0,,,\n1,29,,,1.1,,\n1,39,,,,0.4,1.5\n1,39,0.5,1.0,,,\n",
    );
    let percent =
        history("epoch;loss;accuracy;val_loss;val_accuracy\n1;2,0;25;2,1;20\n2;1,0;50;1,5;40\n");
    let lists = history(
        r#"{"loss": [2.0, 1.0], "accuracy": [0.25, 0.5], "val_loss": [2.1, 1.5], "val_accuracy": [0.2, 0.4]}"#,
    );
    let rows = history(
        r#"[{"epoch": 1, "loss": 2.0, "acc": 0.25, "val_loss": 2.1, "val_acc": 0.2}, {"epoch": 2, "loss": 1.0, "acc": 0.5, "val_loss": 1.5, "val_acc": 0.4}]"#,
    );
    let own = history(
        r#"{"run": {"status": "finished", "classes": ["a", "b"]}, "epochs": [
            {"epoch": 1, "lr": 0.1, "seconds": 1, "train": {"loss": 2.0, "correct": 25, "n": 100, "accuracy": 0.25}, "val": {"loss": 2.1, "correct": 2, "n": 10, "accuracy": 0.2}},
            {"epoch": 2, "lr": 0.1, "seconds": 1, "train": {"loss": 1.0, "correct": 50, "n": 100, "accuracy": 0.5}, "val": {"loss": 1.5, "correct": 4, "n": 10, "accuracy": 0.4}}]}"#,
    );
    assert_eq!((own.images, own.classes), ([Some(100), Some(10), None], 2));
    for (name, other) in [
        ("keras", keras),
        ("lightning", lightning),
        ("percent", percent),
        ("lists", lists),
        ("rows", rows),
        ("own", own),
    ] {
        for (ours, theirs) in plain
            .curves
            .loss
            .iter()
            .chain(&plain.curves.accuracy)
            .zip(other.curves.loss.iter().chain(&other.curves.accuracy))
        {
            let near = ours.iter().zip(theirs).all(|(a, b)| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-12,
                (a, b) => a == b,
            });
            assert!(
                near && ours.len() == theirs.len(),
                "{name}: {ours:?} {theirs:?}"
            );
        }
        assert_eq!(plain.curves.epochs, other.curves.epochs, "{name}");
    }
}

#[test]
fn gaps_repetitions_and_a_lone_column_are_understood_and_said() {
    let gaps = history("epoch,val_loss\n1,2\n2,1.9\n5,1.5\n7,1.4\n");
    assert!(
        gaps.notes.iter().any(|n| n.contains("3 to 4 and 6")),
        "{:?}",
        gaps.notes
    );
    let resumed = history("epoch,train_loss\n1,2\n2,1\n3,0.5\n2,1.1\n3,0.6\n");
    assert_eq!(
        resumed.curves.losses(Split::Train),
        (vec![1, 2, 3], vec![2.0, 1.1, 0.6])
    );
    assert!(
        resumed
            .notes
            .iter()
            .any(|n| n.contains("goes back from 3 to 2")),
        "{:?}",
        resumed.notes
    );
    let bare = history("train_loss\n2\n1\n0.5\n");
    assert_eq!(bare.curves.epochs, [1, 2, 3]);
    let every_other =
        history("epoch,loss,val_loss\n1,2,nan\n2,1.8,2\n3,1.6,nan\n4,1.5,1.8\n5,1.4,nan\n");
    assert_eq!(every_other.curves.losses(Split::Val).0, [2, 4]);
    assert!(!every_other.curves.is_lost(Split::Val));
    for lone in [bare, every_other, gaps] {
        verdict(lone);
    }
    verdict(history("epoch,val_acc\n1,0.5\n"));
    verdict(history("epoch,train_acc\n1,\n2,0.5\n"));
}

#[test]
fn a_loss_that_is_lost_is_diverged_however_it_is_written() {
    for tail in ["nan", "inf", "NaN"] {
        let csv = format!(
            "epoch,loss,accuracy,val_loss\n0,2,0.2,2\n1,1.5,0.3,1.8\n2,{tail},0.1,{tail}\n3,{tail},0.1,{tail}\n"
        );
        assert_eq!(verdict(history(&csv)), Verdict::Diverged, "{tail}");
    }
    let blank = "epoch,train_loss,train_acc\n1,2,0.3\n2,1.5,0.3\n3,,0.1\n";
    assert_eq!(verdict(history(blank)), Verdict::Diverged);
    let json = r#"{"epochs": [{"epoch": 1, "lr": 1, "seconds": 1, "train": {"loss": null, "correct": 1, "n": 9, "accuracy": 0.1111}}]}"#;
    assert_eq!(verdict(history(json)), Verdict::Diverged);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_row() {
    for (text, says) in [
        ("", "empty"),
        ("   \n\n", "empty"),
        ("epoch,train_loss\n", "no epoch"),
        ("epoch,train_loss\n1,\n2,\n", "no loss and no accuracy"),
        ("a,b,c\n1,2,3\n", "no column is a loss"),
        (
            "epoch,train_loss\n1,2\n2,abc\n",
            "row 3, column train_loss: 'abc'",
        ),
        ("epoch,train_loss\n1.5,2\n", "row 2: epoch 1.5"),
        ("epoch,train_loss\n-1,2\n", "row 2: epoch -1"),
        ("epoch,train_loss\n1e300,2\n", "no whole number"),
        ("epoch,train_loss\n1,2,0\n", "row 2 has 3 cells"),
        ("epoch,train_acc,val_acc\n1,98.4,0.17\n", "one unit"),
        (
            "epoch,val_acc\n1,0.2\n2,-0.1\n",
            "row 3, column val_acc: -0.1",
        ),
        ("epoch,val_acc\n1,2\n2,101\n", "row 3, column val_acc: 101"),
        (
            "epoch,val_loss,valid_loss\n1,2,3\n",
            "both mean the validation loss",
        ),
        (
            "epoch,val_loss,val_loss\n1,2,3\n",
            "two columns are called val_loss",
        ),
        ("{", "not JSON"),
        ("[1, 2]", "entry 1"),
        (r#"{"loss": ["a"]}"#, "entry 1, loss"),
        (
            r#"{"epochs": [{"epoch": 1, "train": {"loss": 1, "correct": 5, "n": 2, "accuracy": 0.5}, "lr": 1, "seconds": 1}]}"#,
            "5 of 2",
        ),
        (r#"{"epochs": [{"epoch": -1, "train": {}}]}"#, "epochs[0]"),
    ] {
        let error = refused(text);
        assert!(error.contains(says), "{text:?}: {error}");
    }
    let binary = RecordedHistory::read(b"epoch,train_loss\n1,\xff\xfe\n").unwrap_err();
    assert!(binary.to_string().contains("row 2"), "{binary}");
}

#[test]
fn hostile_files_cost_no_memory_and_no_panic() {
    let wide = format!("epoch,loss{}\n1,2\n", ",x".repeat(200_000));
    assert_eq!(history(&wide).curves.epochs, [1]);
    let names: String = (0..200)
        .map(|i| format!(",train{}loss", "_".repeat(i + 1)))
        .collect();
    assert!(refused(&format!("epoch{names}\n1\n")).contains("64 columns"));
    let far = history("epoch,loss\n1,2\n4294967293,1\n");
    assert_eq!(far.curves.epochs.len(), 2);
    verdict(far);
    let huge = history(
        "epoch,loss,val_loss\n1,1e308,1e308\n2,-1e308,1e308\n3,1e-320,0\n4,0,0\n5,0,0\n6,0,0\n",
    );
    verdict(huge);
    let deep = "[".repeat(100_000);
    assert!(refused(&deep).contains("not JSON"));
}

/// Predictions of a network with 90 % skill on nine classes, labels renamed by `map` in validation.
fn predictions(map: impl Fn(usize) -> usize) -> String {
    let mut csv = String::from("split,label,prediction,id\n");
    for (split, n) in [("train", 180), ("val", 90), ("test", 90)] {
        for i in 0..n {
            let class = i % 9;
            let given = if i % 10 == 3 {
                (class + i / 10 + 1) % 9
            } else {
                class
            };
            let label = if split == "val" { map(class) } else { class };
            let _ = writeln!(csv, "{split},{label},{given},{split}_{i}");
        }
    }
    csv
}

#[test]
fn permuted_labels_are_broken_evaluation_with_the_map_named() {
    let read = Predictions::read(
        predictions(|c| {
            if (4..8).contains(&c) {
                c + 1
            } else if c == 8 {
                4
            } else {
                c
            }
        })
        .as_bytes(),
    )
    .unwrap();
    let (right, n) = read.right(Split::Val);
    let own = history(&format!(
        "epoch,train_acc,val_acc\n1,0.5,0.1\n2,0.9,{}\n",
        f64::from(right) / f64::from(n)
    ));
    let report = HistoryReport::new(own.clone(), Some(&read), 1);
    assert_eq!(
        report.diagnosis.verdict,
        Verdict::BrokenEvaluation,
        "{:?}",
        report.diagnosis.findings
    );
    let found = has(&report.diagnosis.findings, "permuted-labels").unwrap();
    assert!(
        found.measured.contains("5 → 4") && found.title.contains("validation"),
        "{}",
        found.measured
    );
    assert!(has(&report.diagnosis.findings, "accuracy-disagrees").is_none());

    let right_labels = Predictions::read(predictions(|c| c).as_bytes()).unwrap();
    let own = history("epoch,train_acc,val_acc\n1,0.5,0.4\n2,0.9,0.9111\n");
    let report = HistoryReport::new(own, Some(&right_labels), 1);
    assert_eq!(report.diagnosis.findings, [], "nothing is wrong with these");
    assert_eq!(report.classes, 9);
}

#[test]
fn a_history_scored_against_shuffled_labels_disagrees_with_its_predictions() {
    let read = Predictions::read(predictions(|c| c).as_bytes()).unwrap();
    let shuffled = history("epoch,train_acc,val_acc\n1,0.5,0.11\n2,0.9,0.1\n3,0.95,0.1222\n");
    let report = HistoryReport::new(shuffled, Some(&read), 1);
    assert_eq!(report.diagnosis.verdict, Verdict::BrokenEvaluation);
    let found = has(&report.diagnosis.findings, "accuracy-disagrees").unwrap();
    assert!(found.measured.contains("91.1 %"), "{}", found.measured);
    assert!(
        report.diagnosis.summary.contains("contradicts itself"),
        "{}",
        report.diagnosis.summary
    );
}

#[test]
fn collapse_missing_classes_and_contradictions_within_a_file_are_found() {
    let mut csv = String::from("split,label,prediction,id,p_0,p_1,p_2\n");
    for i in 0..60 {
        let _ = writeln!(csv, "train,{},{},t{i},0.5,0.3,0.2", i % 2, 0);
        let _ = writeln!(csv, "val,{},0,v{i},0.1,0.8,0.1", i % 3);
    }
    csv.push_str("val,1,1,v1,0.1,0.8,0.1\ntest,0,0,t0,0.8,0.1,0.1\ntest,1,0,t2,0.8,0.1,0.1\n");
    let read = Predictions::read(csv.as_bytes()).unwrap();
    let findings = read
        .check(&history("epoch,val_acc\n1,0.3443\n"), 1)
        .findings;
    for id in [
        "collapsed-predictions",
        "classes-not-in-training",
        "prediction-not-most-probable",
        "scored-twice-differently",
        "two-labels",
        "same-id-in-two-splits",
    ] {
        let found = has(&findings, id).unwrap_or_else(|| panic!("{id} in {findings:?}"));
        assert!(
            !found.why.is_empty() && !found.remedy.is_empty() && !found.false_alarm.is_empty(),
            "{id}"
        );
    }
}

#[test]
fn predictions_that_cannot_be_read_are_refused_with_their_row() {
    for (text, says) in [
        ("label,prediction\n", "no rows"),
        ("split,label\nval,1\n", "no column 'prediction'"),
        (
            "split,label,prediction\nhold,1,1\n",
            "row 2: 'hold' is no split",
        ),
        ("split,label,prediction\nval,1\n", "row 2"),
        (
            "split,label,prediction\nval,,1\n",
            "row 2: label and prediction",
        ),
        (
            "label,prediction,p_1\n1,1,2.5\n",
            "row 2, column p_1: '2.5'",
        ),
        ("label,prediction\ncat,0\ndog,1\n", "both as names"),
    ] {
        let error = Predictions::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{text:?}: {error}");
    }
    let many: String = (0..10_001).map(|i| format!("{i},{i}\n")).collect();
    let error = Predictions::read(format!("label,prediction\n{many}").as_bytes()).unwrap_err();
    assert!(error.to_string().contains("different classes"), "{error}");
}

#[test]
fn the_command_line_says_it_and_its_exit_status_tells_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.csv");
    std::fs::write(&file, question(50)).unwrap();
    let gapwatch = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gapwatch"))
            .arg("diagnose")
            .args(arguments)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let path = file.to_str().unwrap();
    let counts = ["--n-train", "630", "--n-val", "90", "--classes", "9"];
    let (status, text, _) = gapwatch(&[&["--history", path], &counts[..]].concat());
    assert_eq!(status, Some(0));
    assert!(
        text.starts_with("memorising\n") && text.contains("of 90"),
        "{text}"
    );
    let (status, json, _) = gapwatch(&[&["--history", path, "--json"], &counts[..]].concat());
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (status, document["verdict"].as_str()),
        (Some(0), Some("memorising"))
    );
    assert_eq!(document["gates"]["enough_images"]["answer"], "no");
    std::fs::write(&file, "epoch,train_loss\n1,abc\n").unwrap();
    let (status, _, error) = gapwatch(&["--history", path]);
    assert_eq!(status, Some(2));
    assert!(
        error.contains("row 2") && error.contains("history.csv"),
        "{error}"
    );
    assert_eq!(gapwatch(&["--history", "no/such/file"]).0, Some(2));
    assert_eq!(gapwatch(&[]).0, Some(2));
    assert_eq!(gapwatch(&["--history", path, "--classes", "1"]).0, Some(2));
}
