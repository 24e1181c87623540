//! The report of a run: what it answers, what it says where something is missing, and the file that needs nothing else.

use crate::common::{TestServer, permuted_archive, shifted_archive, tiny_archive};
use crate::producer::{epoch, external, report};
use serde_json::{Value, json};

/// Where a text stands in a page, which it must.
fn at(page: &str, text: &str) -> usize {
    page.find(text)
        .unwrap_or_else(|| panic!("no '{text}' in {page}"))
}

#[test]
fn a_report_asks_answers_and_says_what_to_do_in_that_order() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    assert_eq!(report(&server, run, &token, &[epoch(1), epoch(2)]).0, 200);
    let page = server.page(&format!("/runs/{run}/report"));
    let order = [
        "Why does the network get 95.2 % of 630 training images right, but only 18.9 % of 90 validation images?",
        // The answer stands right below its question.
        "id=\"answer\">After epoch 2, training gets 95.2 % (600 of 630) right and validation 18.9 % (17 of 90). The gap (76.3 points) is too large to be chance with 90 validation images.",
        "id=\"verdict-title\"",
        "<svg",
        "generalization gap",
        "Cross-entropy by epoch",
        "Is the gap larger than chance?",
        "What was not looked at",
        "What to do next",
        "Where this comes from",
    ]
    .map(|text| at(&page, text));
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(page.matches("<main").count(), 1);
    assert!(
        page.contains("Gapwatch has not seen its layers"),
        "an external run"
    );
    let run_page = server.page(&format!("/runs/{run}"));
    assert!(run_page.contains(&format!("href=\"/runs/{run}/report\"")));
}

#[test]
fn the_file_of_a_report_needs_nothing_else() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    assert_eq!(report(&server, run, &token, &[epoch(1)]).0, 200);
    let answer = server
        .agent()
        .get(format!("{}/runs/{run}/report.html", server.url()))
        .call()
        .unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        header("content-disposition"),
        format!("attachment; filename=\"run-{run}-report.html\"")
    );
    let file = server.page(&format!("/runs/{run}/report.html"));
    // Names of XML's grammar are no addresses that anything is fetched from.
    let file = file.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http:", "https:", "href=", "src=\"/", "@import", "url(", "<script", "<link",
    ] {
        assert!(!file.contains(outside), "{outside}");
    }
    assert!(file.contains("<svg") && file.contains(".finding") && file.contains("--train:"));
    assert!(file.contains("default-src 'none'"));
}

#[test]
fn a_run_without_epochs_has_a_report_that_says_what_is_missing() {
    let server = TestServer::with(&["--parallel", "0"]);
    let dataset = server.import("tiny", &tiny_archive());
    let run = server.launch(&json!({"dataset": dataset["id"], "model": {"preset": "cnn-bilstm"}}));
    let page = server.page(&format!("/runs/{run}/report"));
    for says in [
        "The run waits for its turn.",
        "there are no curves",
        "There are no figures to ask yet",
        "no machine yet",
        // What the layers tell is known before anything runs.
        "The recurrent layer reads a sequence of length one",
        dataset["id"].as_str().unwrap(),
        "preset = &#34;cnn-bilstm&#34;",
    ] {
        at(&page, says);
    }
    let fingerprint = server.get(&format!("/api/v1/runs/{run}")).1["dataset_fingerprint"].clone();
    at(&page, fingerprint.as_str().unwrap());
}

#[test]
fn a_report_outlives_its_dataset() {
    let server = TestServer::start();
    let dataset = server.import("tiny", &tiny_archive());
    let id = dataset["id"].as_str().unwrap();
    let spec = json!({"dataset": id, "model": {"preset": "logistic"}, "train": {"epochs": 1}});
    let run = server.launch(&spec);
    server.wait_run(run, |run| run["status"] == "finished");
    assert_eq!(server.delete(&format!("/api/v1/datasets/{id}")).0, 204);
    for path in ["report", "report.html"] {
        let page = server.page(&format!("/runs/{run}/{path}"));
        at(&page, "The dataset was deleted");
        at(&page, "Instruction set");
    }
}

#[test]
fn the_form_tells_what_its_layers_do_beside_them() {
    let server = TestServer::with(&["--parallel", "0"]);
    let dataset = server.import("tiny", &tiny_archive());
    let id = dataset["id"].as_str().unwrap();
    let page = server.page(&format!("/runs/new?dataset={id}&model=cnn-bilstm"));
    let lstm = at(&page, "<td>lstm ");
    let told = at(&page, "The recurrent layer reads a sequence of length one");
    let next = at(&page, "<td>last_step");
    assert!(lstm < told && told < next, "{lstm} {told} {next}");
    let capacity = at(&page, "There are far more parameters than images");
    assert!(
        capacity < at(&page, "layers with their shapes"),
        "of the whole network, above the table"
    );
}

#[test]
fn a_report_has_what_the_audit_found_with_its_pictures_inside_the_file() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let audit = server.wait("/api/v1/datasets/tiny/audit", |audit| {
        audit["state"] == "done"
    });
    let findings = audit["document"]["findings"].as_array().unwrap();
    let shown = findings.iter().find(|f| f["pictures"].is_array()).unwrap();
    let run = server.launch(&json!({"dataset": "tiny", "model": {"preset": "logistic"}}));
    let report = server.page(&format!("/runs/{run}/report"));
    at(&report, shown["title"].as_str().unwrap());
    at(&report, "<img src=\"/api/v1/datasets/tiny/images/");
    at(&report, "They were not fitted yet");
    let file = server.page(&format!("/runs/{run}/report.html"));
    at(&file, shown["title"].as_str().unwrap());
    at(&file, "<img src=\"data:image/png;base64,");
    assert!(!file.contains("/api/"));
}

#[test]
fn a_property_that_is_shifted_is_drawn_wherever_its_finding_is() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &shifted_archive());
    let audit = server.wait("/api/v1/datasets/tiny/audit", |audit| {
        audit["state"] == "done"
    });
    let findings = audit["document"]["findings"].as_array().unwrap();
    let shift = findings.iter().find(|f| f["id"] == "split-shift").unwrap();
    let brightness = &shift["histograms"][0];
    assert_eq!(brightness["property"], "brightness", "{shift}");
    assert_eq!(
        brightness["distribution"]["images"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
    let run = server.launch(&json!({"dataset": "tiny", "model": {"preset": "logistic"}}));
    for path in [
        "/datasets/tiny".to_owned(),
        format!("/runs/{run}/report"),
        format!("/runs/{run}/report.html"),
    ] {
        let page = server.page(&path);
        let finding = &page[at(&page, "Validation pictures look unlike")..];
        let finding = &finding[..at(finding, "</article>")];
        for part in [
            "How large a share of its images",
            "<span class=\"key val\"></span>validation",
            "role=\"img\" aria-label=\"Brightness by split: training median",
            "var(--val)",
        ] {
            at(finding, part);
        }
    }
}

#[test]
fn permuted_labels_come_with_the_confusion_matrix_and_its_cells_open_their_images() {
    let server = TestServer::start();
    server.import("swapped", &permuted_archive());
    let run = server.launch(&json!({
        "dataset": "swapped", "model": {"preset": "logistic"},
        "train": {"epochs": 12, "early_stopping": false, "optimizer": {"kind": "sgd", "lr": 0.01}}
    }));
    server.wait_run(run, |run| run["status"] == "finished");
    let cell = format!("/runs/{run}/images?split=val&#38;epoch=12&#38;class=0&#38;predicted=1");
    for (path, opens) in [("/why", true), ("/report", true), ("/report.html", false)] {
        let page = server.page(&format!("/runs/{run}{path}"));
        let finding = &page[at(&page, "The validation labels are permuted</h3>")..];
        let matrix = &finding[at(finding, "The confusion matrix of validation")..];
        let table = &matrix[..at(matrix, "</table>")];
        // The two cells of the swap.
        assert_eq!(table.matches("moved\"").count(), 2, "{path}: {table}");
        assert_eq!(table.contains(&cell), opens, "{path}: {table}");
    }
    // Of images that are gone, or that are others under the same name, nothing is opened.
    let opens_none = || {
        for path in ["/why", "/report"] {
            let page = server.page(&format!("/runs/{run}{path}"));
            let finding = &page[at(&page, "The validation labels are permuted</h3>")..];
            let finding = &finding[..at(finding, "</section>")];
            at(finding, "The confusion matrix of validation");
            for link in ["/images?", "a cell opens"] {
                assert!(!finding.contains(link), "{path}: {finding}");
            }
        }
    };
    assert_eq!(server.delete("/api/v1/datasets/swapped").0, 204);
    opens_none();
    server.import("swapped", &tiny_archive());
    opens_none();
}

#[test]
fn a_report_shows_no_images_that_came_under_the_datasets_name_after_the_run() {
    let server = TestServer::start();
    server.import("tiny", &tiny_archive());
    let spec = json!({"dataset": "tiny", "model": {"preset": "logistic"}, "train": {"epochs": 1}});
    let run = server.launch(&spec);
    server.wait_run(run, |run| run["status"] == "finished");
    let reads = |path: &str| server.page(&format!("/runs/{run}/{path}"));
    assert!(!reads("report").contains("Other images have come"));
    assert_eq!(server.delete("/api/v1/datasets/tiny").0, 204);
    at(&reads("report"), "The dataset was deleted");

    let other = server.import("tiny", &permuted_archive());
    assert_eq!(other["id"], "tiny");
    server.wait("/api/v1/datasets/tiny/audit", |audit| {
        audit["state"] == "done"
    });
    for path in ["report", "report.html"] {
        let report = reads(path);
        at(
            &report,
            "Other images have come under the dataset’s name since",
        );
        for picture in ["/api/v1/datasets/tiny/images/", "data:image/"] {
            assert!(!report.contains(picture), "{path}");
        }
    }
}

#[test]
fn a_report_names_the_causes_that_the_dataset_and_the_layers_speak_for() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let audit = server.wait("/api/v1/datasets/tiny/audit", |audit| {
        audit["state"] == "done"
    });
    let run = server.launch(&json!({"dataset": "tiny", "model": {"preset": "cnn-bilstm"}}));
    let document = server.get(&format!("/api/v1/runs/{run}/diagnosis")).1;
    let ids = |of: &Value| -> Vec<String> {
        let list = of.as_array().unwrap().iter();
        list.map(|each| each["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let causes = ids(&document["causes"]);
    assert!(causes.contains(&"memorisation".to_owned()), "{document}");
    let findings = ids(&document["findings"]);
    for id in ids(&audit["document"]["findings"]) {
        assert!(findings.contains(&id), "{id} of the audit in {findings:?}");
    }
    let report = server.page(&format!("/runs/{run}/report"));
    let said = at(&report, "Likely causes");
    let memorisation = at(&report, "The network learns its training images by heart");
    let remedy = at(&report, "global pooling in place of flatten");
    assert!(said < memorisation && memorisation < remedy);
}
