//! Uploads that are looked at before they are taken: previews, corrections, and nothing left behind.

use crate::common::{TestServer, read, tiny_archive};
use image::{GrayImage, ImageFormat, Luma};
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A zip with 40 images and a table: digit and speaker could both be the label.
fn with_a_table() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |name: String, content: &[u8]| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    };
    let mut table = "file,digit,who\n".to_owned();
    for i in 0..40_u32 {
        let image = GrayImage::from_fn(8, 6, |x, y| Luma([(x * 7 + y * 13 + i * 5) as u8]));
        let mut png = Cursor::new(Vec::new());
        image.write_to(&mut png, ImageFormat::Png).unwrap();
        put(format!("img/{i}.png"), png.get_ref());
        table += &format!("img/{i}.png,{},s{}\n", i % 2, i / 2 % 5);
    }
    put("labels.csv".to_owned(), table.as_bytes());
    zip.finish().unwrap().into_inner()
}

/// Sends a form; its fields are the name and the file, and more.
fn send(server: &TestServer, path: &str, more: &[(&str, &str)], archive: &[u8]) -> (u16, Value) {
    let mut form = Vec::new();
    for (name, value) in more.iter().chain(&[("name", "digits")]) {
        let part =
            format!("--x-x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        form.extend_from_slice(part.as_bytes());
    }
    form.extend_from_slice(
        b"--x-x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.zip\"\r\n\r\n",
    );
    form.extend_from_slice(archive);
    form.extend_from_slice(b"\r\n--x-x--\r\n");
    let request = server.agent().post(format!("{}{path}", server.url()));
    read(
        request
            .header("content-type", "multipart/form-data; boundary=x-x")
            .send(&form[..]),
    )
}

/// Stages an archive and waits until it has been looked at.
fn staged(server: &TestServer, archive: &[u8]) -> Value {
    let (status, upload) = send(server, "/api/v1/uploads", &[], archive);
    assert_eq!(status, 201, "{upload}");
    let path = format!("/api/v1/uploads/{}", upload["id"]);
    server.wait(&path, |upload| upload["state"] != "looking")
}

fn left_in_uploads(server: &TestServer) -> usize {
    std::fs::read_dir(server.home().join("uploads"))
        .unwrap()
        .count()
}

#[test]
fn an_upload_is_shown_corrected_and_then_taken() {
    let server = TestServer::with(&["--parallel", "0"]);
    let upload = staged(&server, &tiny_archive());
    assert_eq!(
        upload["preview"]["sentence"],
        "36 images, 2 classes, split as found; labels by folder"
    );
    assert_eq!(server.get("/api/v1/datasets").1, json!([]));

    let upload = staged(&server, &with_a_table());
    let path = format!("/api/v1/uploads/{}", upload["id"]);
    assert!(
        upload["preview"]["sentence"]
            .as_str()
            .unwrap()
            .ends_with("label column: digit"),
        "{upload}"
    );
    assert_eq!(
        upload["preview"]["columns"],
        json!(["file", "digit", "who"])
    );
    let other = server.get(&format!("{path}?label=who&split=2/4")).1;
    assert_eq!(
        other["preview"]["sentence"],
        "40 images, 5 classes, fold 2 of 4 by class; label column: who"
    );
    let wrong = server.get(&format!("{path}?label=what")).1;
    assert!(
        wrong["message"]
            .as_str()
            .unwrap()
            .contains("there is no column 'what'"),
        "{wrong}"
    );
    assert_eq!(server.get(&format!("{path}?split=5/4")).0, 422);
    assert_eq!(server.get(&format!("{path}?sprit=1")).0, 400);

    // Choices that make no dataset leave it waiting.
    let take = format!("{path}/take");
    assert_eq!(
        server.post(&take, &json!({"intake": {"label": "what"}})).0,
        422
    );
    let (status, made) = server.post(
        &take,
        &json!({"name": "speakers", "intake": {"label": "who", "group": "digit"}}),
    );
    assert_eq!(
        (status, &made["id"]),
        (422, &Value::Null),
        "two groups do not make three parts: {made}"
    );
    let (status, made) = server.post(
        &take,
        &json!({"name": "speakers", "intake": {"label": "who"}}),
    );
    assert_eq!((status, &made["id"]), (201, &json!("speakers")));
    let taken = server.wait("/api/v1/datasets/speakers", |dataset| {
        dataset["state"] == "ready"
    });
    assert_eq!(taken["classes"].as_array().unwrap().len(), 5);
    assert_eq!(server.get(&path).0, 404);
    let image = server
        .agent()
        .get(format!(
            "{}/api/v1/datasets/speakers/images/0",
            server.url()
        ))
        .call()
        .unwrap();
    assert_eq!(image.status(), 200);
    assert_eq!(left_in_uploads(&server), 1, "the first one waits on");
}

#[test]
fn what_is_thrown_away_fails_or_outlives_its_server_leaves_nothing() {
    let mut server = TestServer::with(&["--parallel", "0"]);
    let upload = staged(&server, &tiny_archive());
    let path = format!("/api/v1/uploads/{}", upload["id"]);
    assert_eq!(left_in_uploads(&server), 1);
    assert_eq!(server.delete(&path).0, 204);
    assert_eq!(left_in_uploads(&server), 0);
    assert_eq!(server.delete(&path).0, 404);

    let failed = staged(&server, b"this is no archive");
    assert_eq!(failed["state"], "failed");
    assert!(
        failed["message"].as_str().unwrap().contains("neither .zip"),
        "{failed}"
    );
    assert_eq!(left_in_uploads(&server), 0);
    assert_eq!(
        server
            .post(
                &format!("/api/v1/uploads/{}/take", failed["id"]),
                &json!({})
            )
            .0,
        409
    );

    staged(&server, &tiny_archive());
    assert_eq!(left_in_uploads(&server), 1);
    server.kill();
    server.restart();
    assert_eq!(left_in_uploads(&server), 0);
    assert_eq!(server.get("/api/v1/uploads").1, json!([]));
}

#[test]
fn no_more_uploads_wait_than_the_disk_should_hold() {
    let server = TestServer::with(&["--parallel", "0"]);
    for _ in 0..8 {
        staged(&server, &tiny_archive());
    }
    let (status, problem) = send(&server, "/api/v1/uploads", &[], &tiny_archive());
    assert_eq!(status, 409, "{problem}");
    assert_eq!(left_in_uploads(&server), 8, "the refused archive is gone");
}

#[test]
fn one_call_with_choices_takes_a_dataset_too() {
    let server = TestServer::with(&["--parallel", "0"]);
    let choices = [("label", "who"), ("split", "stratified"), ("seed", "3")];
    let (status, made) = send(&server, "/api/v1/datasets", &choices, &with_a_table());
    assert_eq!(status, 201, "{made}");
    let taken = server.wait("/api/v1/datasets/digits", |dataset| {
        dataset["state"] != "importing"
    });
    assert_eq!(taken["classes"].as_array().unwrap().len(), 5, "{taken}");
    let notes = taken["summary"]["notes"].to_string();
    assert!(notes.contains("by seed 3"), "{notes}");
    assert_eq!(
        send(
            &server,
            "/api/v1/datasets",
            &[("split", "nope")],
            &tiny_archive()
        )
        .0,
        422
    );
    assert_eq!(
        send(
            &server,
            "/api/v1/datasets",
            &[("splat", "1")],
            &tiny_archive()
        )
        .0,
        400
    );
    assert_eq!(left_in_uploads(&server), 0);
}

#[test]
fn the_page_takes_an_upload_without_javascript() {
    let server = TestServer::with(&["--parallel", "0"]);
    let page = |path: &str| {
        let url = format!("{}{path}", server.url());
        let mut answer = server
            .agent()
            .get(url)
            .header("accept", "text/html")
            .call()
            .unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    let form = |path: &str, body: &str| {
        let request = server.agent().post(format!("{}{path}", server.url()));
        let request = request
            .header("accept", "text/html")
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send(body).unwrap();
        let location = answer
            .headers()
            .get("location")
            .map(|l| l.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location)
    };
    let id = staged(&server, &with_a_table())["id"].clone();
    assert!(page("/datasets").contains("taken or thrown away"));
    let shown = page(&format!("/uploads/{id}"));
    assert!(shown.contains("label column: digit"), "{shown}");
    assert!(
        shown.contains("<option value=\"who\">column who</option>"),
        "{shown}"
    );
    let other = page(&format!(
        "/uploads/{id}?split=found&seed=1&group=&label=who&labels=auto&folder.img="
    ));
    assert!(
        other.contains("5 classes") && other.contains("<option value=\"who\" selected>"),
        "{other}"
    );
    let wrong = page(&format!("/uploads/{id}?labels=folders"));
    assert!(wrong.contains("So it is no dataset"), "{wrong}");
    let (status, _) = form(&format!("/uploads/{id}/take"), "labels=folders");
    assert_eq!(status, 422);
    let taken = form(
        &format!("/uploads/{id}/take"),
        "split=stratified&seed=2&group=&label=who",
    );
    assert_eq!(taken, (303, Some("/datasets/digits".to_owned())));
    let id = staged(&server, &tiny_archive())["id"].clone();
    assert_eq!(
        form(&format!("/uploads/{id}/delete"), ""),
        (303, Some("/datasets".to_owned()))
    );
    assert_eq!(left_in_uploads(&server), 0);
}
