//! Images of one's own before a run's network, over HTTP; and whole folders by `gapwatch predict`.

use crate::common::{TestServer, read, tiny_archive};
use crate::producer::external;
use image::{GrayImage, ImageFormat, Luma};
use serde_json::{Value, json};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

fn png(level: u8) -> Vec<u8> {
    let image = GrayImage::from_fn(20, 9, |x, y| Luma([level + (x + y * 2) as u8]));
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

/// A PNG whose header promises more pixels than are read.
fn huge() -> Vec<u8> {
    let mut png = png(9);
    png[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&20_000_u32.to_be_bytes());
    png
}

/// A server with a trained run.
fn trained() -> (TestServer, u64) {
    let server = TestServer::start();
    server.import("tiny", &tiny_archive());
    let spec = json!({"dataset": "tiny", "model": {"preset": "logistic"}, "train": {"epochs": 40, "optimizer": {"kind": "adam", "lr": 0.05}}});
    let run = server.launch(&spec);
    server.wait_run(run, |run| run["status"] == "finished");
    (server, run)
}

fn predict(server: &TestServer, run: u64, folder: &Path, how: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gapwatch"))
        .args(["predict", how, "--checkpoint"])
        .arg(server.run_folder(run).join("best.safetensors"))
        .arg("--data")
        .arg(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn images_get_the_classes_that_predict_gives_them() {
    let (server, run) = trained();
    let (dark, bright) = (png(30), png(170));
    let parts: [(&str, &str, &[u8]); 5] = [
        ("images", "night.png", &dark),
        ("images", "<b>day</b>.png", &bright),
        ("images", "notes.txt", b"no image at all"),
        ("images", "cut.png", &dark[..dark.len() / 2]),
        ("images", "bomb.png", &huge()),
    ];
    let path = format!("/api/v1/runs/{run}/classify");
    let (status, answer) = server.post_form(&path, &parts);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["classes"], json!(["bright", "dark"]));
    let images = answer["images"].as_array().unwrap();
    assert_eq!(images[0]["class"], "dark", "{answer}");
    assert_eq!(images[1]["class"], "bright", "{answer}");
    for (image, says) in [(2, "no image"), (3, "cut short"), (4, "20000 × 20000")] {
        let error = images[image]["error"].as_str().unwrap();
        assert!(
            error.contains(says) && !error.contains("uploads"),
            "{error}"
        );
    }
    // Nothing of them stays.
    let left = fs::read_dir(server.home().join("uploads")).unwrap();
    assert_eq!(left.count(), 0);

    // The same files by the command line, to the bit.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.png"), &dark).unwrap();
    fs::write(folder.path().join("b.png"), &bright).unwrap();
    let document: Value =
        serde_json::from_str(&predict(&server, run, folder.path(), "--json")).unwrap();
    for (one, other) in document["images"].as_array().unwrap().iter().zip(images) {
        assert_eq!(one["probabilities"], other["probabilities"]);
    }
    let table = predict(&server, run, folder.path(), "--csv");
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!(rows[0], ["path", "predicted", "p_bright", "p_dark"]);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1][..2], ["a.png", "dark"]);
    let shares: Vec<f64> = rows[1][2..].iter().map(|p| p.parse().unwrap()).collect();
    assert_eq!(json!(shares), document["images"][0]["probabilities"]);

    // And on the page, with the weights of the last epoch.
    let (status, page) = server.post_form(
        &format!("/runs/{run}/classify"),
        &[parts[0], parts[1], parts[2], ("checkpoint", "", b"last")],
    );
    assert_eq!(status, 200, "{page}");
    let page = page.as_str().unwrap();
    for said in [
        "last.safetensors",
        "night.png: dark",
        "data:image/png;base64,",
        "class=\"error\">no image",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("<b>day"), "{page}");
}

#[test]
fn what_cannot_be_classified_is_said() {
    let (server, run) = trained();
    let path = format!("/api/v1/runs/{run}/classify");
    let image = png(30);
    let many: Vec<(&str, &str, &[u8])> = vec![("images", "a.png", &image); 33];
    for (parts, says) in [
        (many, "more than 32"),
        (vec![], "no 'images'"),
        (vec![("images", "", b"".as_slice())], "no 'images'"),
        (vec![("pictures", "a.png", &image)], "no field 'pictures'"),
        (
            vec![("images", "a.png", &image), ("checkpoint", "", b"worst")],
            "best or last",
        ),
    ] {
        let (status, problem) = server.post_form(&path, &parts);
        assert_eq!(status, 400, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{problem}"
        );
    }
    let large = vec![7; (16 << 20) + 1];
    let (status, answer) = server.post_form(
        &path,
        &[("images", "a.png", &large), ("images", "b.png", &image)],
    );
    assert_eq!(status, 200, "{answer}");
    assert!(
        answer["images"][0]["error"]
            .as_str()
            .unwrap()
            .contains("16 MB"),
        "{answer}"
    );
    assert_eq!(answer["images"][1]["class"], "dark", "{answer}");

    let one = [("images", "a.png", image.as_slice())];
    assert_eq!(server.post_form("/api/v1/runs/77/classify", &one).0, 404);
    let (script, token) = external(&server);
    let path = format!("/api/v1/runs/{script}/classify");
    let (status, problem) = server.post_form(&path, &one);
    assert_eq!(status, 404, "{problem}");
    // A checkpoint of somebody's own script tells nothing of preparation and classes.
    let put = format!(
        "{}/api/v1/runs/{script}/checkpoints/best.safetensors?attempt=1",
        server.url()
    );
    let request = server.agent().put(put);
    let request = request.header("authorization", format!("Bearer {token}"));
    assert_eq!(read(request.send(&b"no tensors"[..])).0, 204);
    let (status, problem) = server.post_form(&path, &one);
    assert_eq!(status, 422, "{problem}");
    let said = problem["detail"].as_str().unwrap();
    assert!(said.contains("no safetensors file"), "{problem}");
}
