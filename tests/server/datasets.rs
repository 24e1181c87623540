//! Datasets over the API: uploads, pictures, what is refused.

use crate::common::{TestServer, read, tiny_archive};
use serde_json::json;

#[test]
fn an_uploaded_archive_becomes_a_dataset() {
    let server = TestServer::with(&["--parallel", "0"]);
    let dataset = server.import("Two Shades", &tiny_archive());
    assert_eq!(dataset["state"], "ready", "{dataset}");
    assert_eq!(
        (&dataset["id"], &dataset["title"]),
        (&json!("two-shades"), &json!("Two Shades"))
    );
    assert_eq!(dataset["class_counts"]["train"], json!([10, 10]));
    assert_eq!(dataset["summary"]["images"], 36);

    let image = |query: &str| {
        let url = format!(
            "{}/api/v1/datasets/two-shades/images/0{query}",
            server.url()
        );
        let mut answer = server.agent().get(url).call().unwrap();
        assert_eq!(answer.headers()["content-type"], "image/png");
        image::load_from_memory(&answer.body_mut().read_to_vec().unwrap()).unwrap()
    };
    assert_eq!((image("").width(), image("").height()), (16, 12));
    assert_eq!(image("?side=8").width(), 8);
    assert_eq!(server.get("/api/v1/datasets/two-shades/images/36").0, 404);

    // The same title again is another dataset; the first is deleted without the second.
    let again = server.import("Two Shades", &tiny_archive());
    assert_eq!(again["id"], "two-shades-2");
    assert_eq!(server.delete("/api/v1/datasets/two-shades").0, 204);
    assert_eq!(server.get("/api/v1/datasets/two-shades").0, 404);
    assert_eq!(
        server.get("/api/v1/datasets").1.as_array().unwrap().len(),
        1
    );
    assert!(!server.home().join("datasets/two-shades").exists());
}

#[test]
fn a_dataset_that_a_run_waits_for_is_not_deleted() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let run = server.launch(&json!({"dataset": "tiny"}));
    let (status, problem) = server.delete("/api/v1/datasets/tiny");
    assert_eq!(status, 409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains(&format!("run {run}")),
        "{problem}"
    );
    server.post(&format!("/api/v1/runs/{run}/cancel"), &json!({}));
    assert_eq!(server.delete("/api/v1/datasets/tiny").0, 204);
    // The run keeps what it knew of its data.
    let shown = server.get(&format!("/api/v1/runs/{run}")).1;
    assert_eq!(shown["classes"], json!(["bright", "dark"]));
}

#[test]
fn an_archive_that_cannot_be_used_keeps_its_reason() {
    let server = TestServer::start();
    for (name, archive) in [("text", &b"this is no archive"[..]), ("empty", &[])] {
        let dataset = server.import(name, archive);
        assert_eq!(dataset["state"], "failed", "{dataset}");
        assert!(dataset["message"].as_str().unwrap().len() > 10, "{dataset}");
        assert!(!server.home().join("datasets").join(name).exists());
        let (status, problem) = server.post("/api/v1/runs", &json!({"dataset": name}));
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!("dataset"))
        );
        assert_eq!(server.delete(&format!("/api/v1/datasets/{name}")).0, 204);
    }
    let uploads = std::fs::read_dir(server.home().join("uploads")).unwrap();
    assert_eq!(
        uploads.count(),
        0,
        "uploads are removed when they are imported"
    );
}

#[test]
fn an_upload_that_is_no_form_is_refused() {
    let server = TestServer::start();
    let url = format!("{}/api/v1/datasets", server.url());
    let send = |content_type: &str, body: &str| {
        let request = server
            .agent()
            .post(&url)
            .header("content-type", content_type);
        read(request.send(body)).0
    };
    assert_eq!(send("text/plain", "hello"), 400);
    assert_eq!(
        send("multipart/form-data; boundary=x", "--x\r\nbroken"),
        400
    );
    assert_eq!(send("multipart/form-data; boundary=x", "--x--\r\n"), 400);
    let strange = "--x\r\ncontent-disposition: form-data; name=\"what\"\r\n\r\n1\r\n--x--\r\n";
    assert_eq!(send("multipart/form-data; boundary=x", strange), 400);
    assert_eq!(server.get("/api/v1/datasets").1, json!([]));
}

#[test]
fn a_folder_that_is_named_at_the_start_is_imported_once() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("shades.zip");
    std::fs::write(&archive, tiny_archive()).unwrap();
    let mut server = TestServer::with(&["--data", archive.to_str().unwrap()]);
    server.wait("/api/v1/datasets", |all| all[0]["state"] == "ready");
    server.terminate();
    server.restart();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(
        server.get("/api/v1/datasets").1.as_array().unwrap().len(),
        1
    );
}
