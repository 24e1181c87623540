//! Histories from elsewhere: sent, judged, answered, and gone.

use crate::common::TestServer;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

const API: &str = "/api/v1/diagnoses";

/// Keras' CSVLogger on the question's run: training to 98 %, validation at a sixth of 90 images.
fn keras() -> String {
    let mut csv = "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss\n".to_owned();
    for e in 0..50 {
        let t = f64::from(e) / 50.0;
        let _ = writeln!(
            csv,
            "{e},{},0.009999999776482582,{},{},{}",
            0.984 - 0.87 * (-5.0 * t).exp(),
            2.2 * (-4.0 * t).exp(),
            f64::from(13 + e % 3) / 90.0,
            2.2 + 2.0 * t
        );
    }
    csv
}

/// The same epochs as Lightning's CSVLogger writes them: steps, then validation, then the epoch's means, in rows of their own.
fn lightning() -> String {
    let keras = keras();
    let mut csv =
        "epoch,lr-SGD,step,train_acc_epoch,train_loss_epoch,train_loss_step,val_acc,val_loss\n"
            .to_owned();
    for line in keras.lines().skip(1) {
        let [e, acc, lr, loss, val_acc, val_loss] =
            line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let step = 20 * e.parse::<u32>().unwrap();
        let _ = writeln!(csv, ",{lr},{step},,,,,");
        let _ = writeln!(csv, "{e},,{},,,{loss},,", step + 9);
        let _ = writeln!(csv, "{e},,{},,,,{val_acc},{val_loss}", step + 19);
        let _ = writeln!(csv, "{e},,{},{acc},{loss},,,", step + 19);
    }
    csv
}

fn judged(server: &TestServer, name: &str, content: &[u8]) -> Value {
    let (status, answer) = send(server, name, content);
    assert_eq!(status, 200, "{name}: {answer}");
    answer
}

fn send(server: &TestServer, name: &str, content: &[u8]) -> (u16, Value) {
    let parts: [(&str, &str, &[u8]); 4] = [
        ("history", name, content),
        ("n_train", "", b"630"),
        ("n_val", "", b"90"),
        ("classes", "", b"9"),
    ];
    server.post_form(API, &parts)
}

#[test]
fn kerass_and_lightnings_files_of_one_run_get_one_verdict() {
    let server = TestServer::start();
    let of_keras = judged(&server, "history.csv", keras().as_bytes());
    assert_eq!(of_keras["verdict"], "memorising", "{of_keras}");
    assert_eq!(of_keras["gates"]["gap"]["answer"], "yes");
    assert_eq!(of_keras["epochs"], 50);
    let of_lightning = judged(&server, "metrics.csv", lightning().as_bytes());
    for what in ["verdict", "summary", "gates", "onset_epoch", "best_epoch"] {
        assert_eq!(of_keras[what], of_lightning[what], "{what}");
    }
}

#[test]
fn predictions_beside_a_history_name_the_labels_that_are_mixed_up() {
    let server = TestServer::start();
    let mut csv = "split,label,prediction\n".to_owned();
    for i in 0..90 {
        let _ = writeln!(csv, "val,class{},class{}", i % 9, (i + 1) % 9);
    }
    let history = b"epoch,loss,val_loss\n1,2.0,2.2\n2,0.1,3.0\n";
    let parts: [(&str, &str, &[u8]); 2] = [
        ("history", "history.csv", history),
        ("predictions", "predictions.csv", csv.as_bytes()),
    ];
    let (status, answer) = server.post_form(API, &parts);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["verdict"], "broken-evaluation");
    assert!(
        answer["findings"][0]["measured"]
            .as_str()
            .unwrap()
            .contains("class0 → class1"),
        "{answer}"
    );
}

#[test]
fn what_cannot_be_judged_is_refused_with_file_row_and_column() {
    let server = TestServer::start();
    let zeros = vec![0; (64 << 20) + 1];
    let noise: Vec<u8> = (0..50_000_u32).map(|i| (i * i % 251) as u8).collect();
    let deep = "[".repeat(100_000);
    let long = format!("epoch,{}\n1,2\n", "loss".repeat(10_000));
    for (name, content, says) in [
        (
            "mine.csv",
            &b"epoch,loss,val_loss\n1,2,2\n2,abc,1\n"[..],
            "mine.csv: row 3, column loss: 'abc' is no number",
        ),
        (
            "units.csv",
            b"epoch;accuracy;val_accuracy\n1;25;0,2\n2;90;0,4\n",
            "units.csv: row 3, column val_accuracy",
        ),
        ("empty.csv", b"", "empty.csv: it is empty"),
        (
            "header.csv",
            b"epoch,loss\n",
            "header.csv: it has a header but no epoch",
        ),
        ("noise.bin", &noise, "noise.bin: it is no text"),
        (
            "picture.csv",
            &zeros[..1_000_000],
            "picture.csv: it is no text",
        ),
        ("huge.csv", &zeros, "huge.csv: larger than 64 MiB"),
        ("deep.json", deep.as_bytes(), "deep.json: not JSON"),
        (
            "long.csv",
            long.as_bytes(),
            "long.csv: a name has more than 1000 bytes",
        ),
        (
            "words.csv",
            b"name,town\na,b\n",
            "words.csv: no column is a loss or an accuracy",
        ),
    ] {
        let (status, problem) = send(&server, name, content);
        assert_eq!(status, 422, "{name}: {problem}");
        let error = &problem["errors"][0];
        assert_eq!(error["field"], "history", "{name}");
        let said = error["message"].as_str().unwrap();
        assert!(said.starts_with(says), "{name}: {said}");
        assert!(said.len() < 400, "{name}: {said}");
    }
    for (field, value) in [
        ("n_val", "ninety"),
        ("n_train", "0"),
        ("classes", "1"),
        ("n_test", "-3"),
    ] {
        let parts: [(&str, &str, &[u8]); 2] = [
            ("history", "h.csv", b"epoch,loss\n1,2\n"),
            (field, "", value.as_bytes()),
        ];
        let (status, problem) = server.post_form(API, &parts);
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &Value::from(field))
        );
        assert!(
            problem["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains(value)
        );
    }
    assert_eq!(
        server.post_form(API, &[]).1["errors"][0]["field"],
        "history"
    );
    assert_eq!(server.post_form(API, &[("surprise", "", b"1")]).0, 400);
}

#[test]
fn gaps_lost_losses_and_a_lone_column_get_an_answer_without_a_nan() {
    let server = TestServer::start();
    for (content, verdict) in [
        (
            "epoch,loss,val_loss\n1,2,2.1\n2,nan,2\n\n5,1,1.9\n9,,1.8\n10,0.5,inf\n",
            "diverged",
        ),
        ("epoch,loss,val_loss\n1,nan,nan\n2,nan,nan\n", "diverged"),
        ("val_loss\n2\n1\n0.5\n", "undetermined"),
        ("epoch,accuracy\n1,0.5\n", "undetermined"),
    ] {
        let (status, answer) = server.post_form(API, &[("pasted", "", content.as_bytes())]);
        assert_eq!(status, 200, "{content}: {answer}");
        assert_eq!(answer["verdict"], verdict, "{content}: {answer}");
        let (status, page) = server.post_form("/diagnose", &[("pasted", "", content.as_bytes())]);
        assert_eq!(status, 200, "{content}");
        assert!(!page.as_str().unwrap().contains("NaN"), "{content}");
    }
}

#[test]
fn the_page_keeps_what_was_typed_and_gives_the_answer_to_save() {
    let server = TestServer::start();
    let (status, page) = server.post_form(
        "/diagnose",
        &[
            ("pasted", "", b"epoch,loss\n1,<b>\n"),
            ("n_val", "", b"ninety"),
            ("classes", "", b"9"),
        ],
    );
    let page = page.as_str().unwrap();
    assert_eq!(status, 422, "{page}");
    for kept in [
        "1,&#60;b&#62;",
        "value=\"ninety\"",
        "value=\"9\"",
        "column loss",
    ] {
        assert!(page.contains(kept), "{kept}: {page}");
    }

    let (status, page) = server.post_form(
        "/diagnose",
        &[
            ("history", "<i>mine</i>.csv", keras().as_bytes()),
            ("n_val", "", b"90"),
            ("n_train", "", b"630"),
            ("classes", "", b"9"),
        ],
    );
    let page = page.as_str().unwrap();
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Memorising") && page.contains("<svg") && !page.contains("<i>mine"));
    assert!(page.contains("Nothing is kept"));
    assert!(
        page.contains("download=\"diagnosis.html\"")
            && page.contains("download=\"diagnosis.json\"")
    );
    let json = page
        .split("data:application/json;base64,")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let decoded = decode(json);
    let document: Value = serde_json::from_slice(&decoded).unwrap();
    assert_eq!(document["verdict"], "memorising");

    assert_eq!(
        server.get("/api/v1/runs").1["runs"]
            .as_array()
            .map_or(0, Vec::len),
        0
    );
    let left = std::fs::read_dir(server.home().join("uploads"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "the files are gone with the answer");
}

/// What base64 (RFC 4648) stands for.
/// Every number of percentage points in a page.
fn points(page: &str) -> BTreeSet<&str> {
    let before = page.match_indices(" points").map(|(at, _)| &page[..at]);
    before
        .map(|text| {
            text.rsplit(|c: char| !c.is_ascii_digit() && c != '.')
                .next()
                .unwrap()
        })
        .filter(|number| !number.is_empty())
        .collect()
}

#[test]
fn a_gap_is_one_number_wherever_a_report_says_it() {
    let server = TestServer::start();
    // Validation wobbles: the mean of its last epochs is another number than its last.
    let mut csv = "epoch,train_acc,val_acc\n".to_owned();
    for e in 1..=20 {
        let val = if e % 2 == 0 { 0.745 } else { 0.756 };
        let _ = writeln!(csv, "{e},1.0,{val}");
    }
    let (status, page) = server.post_form("/diagnose", &[("pasted", "", csv.as_bytes())]);
    assert_eq!(status, 200, "{page}");
    let page = page.as_str().unwrap();
    assert!(
        page.contains(
            "Why does the network get 100.0 % of the training images right, but only 74.5 %"
        ),
        "{page}"
    );
    // How exact an accuracy must be for a firm verdict is no gap.
    let page = page.replace("at most ±10 points", "");
    assert_eq!(points(&page), BTreeSet::from(["25.5"]));
}

#[test]
fn a_history_has_an_answer_that_says_what_would_help_and_nothing_of_a_gap_it_cannot_know() {
    let server = TestServer::start();
    let answer = |csv: &str| {
        let answer = judged(&server, "history.csv", csv.as_bytes())["answer"].clone();
        assert!(answer["action"].is_null(), "{answer}");
        answer["sentence"].as_str().unwrap().to_owned()
    };
    let of_keras = answer(&keras());
    assert!(
        of_keras.contains("points) is too large to be chance with 90 validation images"),
        "{of_keras}"
    );
    assert!(
        of_keras.contains("predictions of single images would help most"),
        "{of_keras}"
    );
    let without_training = answer("epoch,val_loss,val_acc\n1,2.0,0.2\n2,1.5,0.4\n3,1.0,0.6\n");
    assert!(
        !without_training.contains("gap is") && !without_training.contains("points"),
        "{without_training}"
    );
    assert!(
        without_training.contains("no training figures, so nothing can be said of a gap"),
        "{without_training}"
    );
}

fn decode(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u32> = text
        .bytes()
        .filter_map(|byte| alphabet.iter().position(|a| *a == byte))
        .map(|digit| digit as u32)
        .collect();
    let group = |four: &[u32]| {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}
