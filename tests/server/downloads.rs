//! What a run can be taken away as.

use crate::common::TestServer;
use crate::producer::{epoch, external, report};
use std::io::{Cursor, Read};
use zip::ZipArchive;

fn finished(server: &TestServer) -> u64 {
    let (run, token) = external(server);
    report(server, run, &token, &[epoch(1), epoch(2)]);
    run
}

#[test]
fn a_history_is_a_table_and_a_document() {
    let server = TestServer::start();
    let run = finished(&server);
    let csv = server.get(&format!("/api/v1/runs/{run}/history.csv")).1;
    let rows: Vec<&str> = csv.as_str().unwrap().lines().collect();
    assert!(
        rows[0].starts_with("epoch,lr,seconds,train_loss,train_acc"),
        "{}",
        rows[0]
    );
    assert!(rows[2].starts_with("2,0.01,2.5,1.5,0.952"), "{}", rows[2]);
    let history = server.get(&format!("/api/v1/runs/{run}/history.json")).1;
    assert_eq!(history["run"]["id"], run);
    assert_eq!(history["epochs"][1]["epoch"], 2);
    let diagnosis = server.get(&format!("/api/v1/runs/{run}/diagnosis")).1;
    assert!(
        diagnosis["verdict"].is_string() && diagnosis["summary"].is_string(),
        "{diagnosis}"
    );
    let both = server.get(&format!("/api/v1/compare?runs={run},{run}")).1;
    assert_eq!(both["runs"][1], history);
    assert_eq!(server.get("/api/v1/compare?runs=1,x").0, 400);
}

#[test]
fn charts_are_pictures_in_two_formats() {
    let server = TestServer::start();
    let run = finished(&server);
    for kind in ["accuracy", "loss", "gap", "confusion"] {
        let path = format!("/api/v1/runs/{run}/charts/{kind}");
        let (status, svg) = server.get(&format!("{path}.svg"));
        assert_eq!(status, 200, "{svg}");
        assert!(svg.as_str().unwrap().starts_with("<svg"), "{kind}");
        let url = format!("{}{path}.png", server.url());
        let mut answer = server.agent().get(url).call().unwrap();
        let picture = image::load_from_memory(&answer.body_mut().read_to_vec().unwrap()).unwrap();
        assert!(picture.width() > 300, "{kind}");
    }
    assert_eq!(
        server
            .get(&format!("/api/v1/runs/{run}/charts/accuracy.gif"))
            .0,
        404
    );
    assert_eq!(
        server
            .get(&format!("/api/v1/runs/{run}/charts/mystery.svg"))
            .0,
        404
    );
}

#[test]
fn a_checkpoint_has_length_tag_name_and_ranges() {
    let server = TestServer::start();
    let run = finished(&server);
    let path = format!("/api/v1/runs/{run}/checkpoints/best.safetensors");
    assert_eq!(server.get(&path).0, 404);
    std::fs::create_dir_all(server.run_folder(run)).unwrap();
    std::fs::write(server.run_folder(run).join("best.safetensors"), [5; 1000]).unwrap();
    let url = format!("{}{path}", server.url());
    let answer = server.agent().get(&url).call().unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-length"), "1000");
    assert_eq!(header("content-type"), "application/octet-stream");
    let named = format!("attachment; filename=\"run-{run}-best.safetensors\"");
    assert_eq!(header("content-disposition"), named);
    let again = server
        .agent()
        .get(&url)
        .header("if-none-match", header("etag"));
    assert_eq!(again.call().unwrap().status(), 304);
    let part = server.agent().get(&url).header("range", "bytes=990-");
    let mut part = part.call().unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.body_mut().read_to_vec().unwrap(), [5; 10]);
}

#[test]
fn a_bundle_holds_history_diagnosis_spec_and_charts() {
    let server = TestServer::start();
    let run = finished(&server);
    let url = format!("{}/api/v1/runs/{run}/bundle.zip", server.url());
    let mut answer = server.agent().get(url).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "application/zip");
    assert!(answer.headers().contains_key("content-length"));
    let bytes = answer.body_mut().read_to_vec().unwrap();
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = |name: &str| {
        let mut text = String::new();
        zip.by_name(name)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    };
    let served = server.get(&format!("/api/v1/runs/{run}/history.csv")).1;
    assert_eq!(text("history.csv"), served.as_str().unwrap());
    assert!(text("spec.toml").contains("external = true"));
    assert!(text("diagnosis.json").contains("\"verdict\""));
    assert!(text("charts/gap.svg").starts_with("<svg"));
    let report = text("report.html");
    assert!(report.contains("What to do next") && report.ends_with("</html>"));
    let uploads = std::fs::read_dir(server.home().join("uploads")).unwrap();
    assert_eq!(uploads.count(), 0, "the archive is removed once it is sent");
}
