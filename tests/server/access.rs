//! Who may use the server: log-in, the Host header, other sites.

use crate::common::{TestServer, read};
use crate::producer::external;
use serde_json::json;
use std::process::Command;

fn header<T>(answer: &ureq::http::Response<T>, name: &str) -> String {
    let value = answer.headers().get(name);
    value.map_or_else(String::new, |v| v.to_str().unwrap().to_owned())
}

#[test]
fn with_a_token_everything_wants_it() {
    let server = TestServer::with(&["--token", "open sesame"]);
    let url = |path: &str| format!("{}{path}", server.url());
    for path in [
        "/api/v1/runs",
        "/api/v1/datasets",
        "/metrics",
        "/api/v1/runs/1/events",
        "/api/v1/runs/events",
    ] {
        let answer = server.agent().get(url(path)).call().unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        assert_eq!(header(&answer, "www-authenticate"), "Bearer");
    }
    assert_eq!(
        server.post("/api/v1/runs", &json!({"external": true})).0,
        401
    );
    assert_eq!(server.get("/healthz").0, 200);

    let with = |token: &str| {
        let request = server.agent().get(url("/api/v1/runs"));
        read(
            request
                .header("authorization", format!("Bearer {token}"))
                .call(),
        )
        .0
    };
    assert_eq!(with("open sesame"), 200);
    assert_eq!(with("open"), 401);
}

#[test]
fn a_browser_logs_in_and_gets_where_it_wanted() {
    let server = TestServer::with(&["--token", "open sesame"]);
    let url = |path: &str| format!("{}{path}", server.url());
    let page = server
        .agent()
        .get(url("/datasets?a=b"))
        .header("accept", "text/html")
        .call()
        .unwrap();
    assert_eq!(page.status(), 303);
    assert_eq!(header(&page, "location"), "/login?next=/datasets%3Fa%3Db");
    assert_eq!(
        server.agent().get(url("/login")).call().unwrap().status(),
        200
    );

    let log_in = |token: &str| {
        let form = [("token", token), ("next", "/datasets?a=b")];
        server.agent().post(url("/login")).send_form(form).unwrap()
    };
    let wrong = log_in("guess");
    assert_eq!(wrong.status(), 401);
    assert_eq!(header(&wrong, "set-cookie"), "");
    let right = log_in("open sesame");
    assert_eq!(right.status(), 303);
    assert_eq!(header(&right, "location"), "/datasets?a=b");
    let cookie = header(&right, "set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let session = cookie.split(';').next().unwrap();
    let request = server
        .agent()
        .get(url("/api/v1/runs"))
        .header("cookie", session);
    assert_eq!(read(request.call()).0, 200);
}

#[test]
fn a_runs_token_opens_that_run_alone() {
    let server = TestServer::with(&["--token", "open sesame"]);
    let url = |path: &str| format!("{}{path}", server.url());
    let make = || {
        let request = server.agent().post(url("/api/v1/runs"));
        let made = read(
            request
                .header("authorization", "Bearer open sesame")
                .send_json(json!({"external": true})),
        )
        .1;
        (
            made["id"].as_u64().unwrap(),
            made["token"].as_str().unwrap().to_owned(),
        )
    };
    let (one, token) = make();
    let (other, _) = make();
    let get = |path: String| {
        let request = server.agent().get(url(&path));
        read(
            request
                .header("authorization", format!("Bearer {token}"))
                .call(),
        )
        .0
    };
    assert_eq!(get(format!("/api/v1/runs/{one}")), 200);
    assert_eq!(get(format!("/api/v1/runs/{one}/checkpoints")), 200);
    assert_eq!(get(format!("/api/v1/runs/{other}")), 401);
    assert_eq!(get("/api/v1/runs".to_owned()), 401);
    let request = server.agent().delete(url(&format!("/api/v1/runs/{one}")));
    assert_eq!(
        read(
            request
                .header("authorization", format!("Bearer {token}"))
                .call()
        )
        .0,
        401
    );
}

#[test]
fn another_name_for_this_machine_is_refused() {
    let server = TestServer::start();
    let with_host = |host: &str| {
        let request = server.agent().get(format!("{}/api/v1/runs", server.url()));
        read(request.header("host", host).call()).0
    };
    assert_eq!(with_host("localhost:7860"), 200);
    assert_eq!(with_host("rebound.example:7860"), 421);
}

#[test]
fn another_site_cannot_change_anything() {
    let server = TestServer::start();
    let (run, _) = external(&server);
    let send = |name: &str, value: &str| {
        let request = server
            .agent()
            .post(format!("{}/api/v1/runs/{run}/cancel", server.url()));
        read(request.header(name, value).send_empty())
    };
    assert_eq!(send("origin", "https://elsewhere.example").0, 403);
    assert_eq!(send("sec-fetch-site", "cross-site").0, 403);
    assert_eq!(
        server.get(&format!("/api/v1/runs/{run}")).1["status"],
        "queued"
    );
    assert_eq!(send("origin", server.url()).0, 200);
}

#[test]
fn every_answer_keeps_foreign_scripts_and_frames_out() {
    let server = TestServer::start();
    for path in ["/", "/api/v1/runs", "/api/v1/nonsense"] {
        let answer = server
            .agent()
            .get(format!("{}{path}", server.url()))
            .call()
            .unwrap();
        let policy = header(&answer, "content-security-policy");
        assert!(
            policy.contains("default-src 'self'; script-src 'self'"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(&answer, "x-frame-options"), "DENY");
    }
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gapwatch"))
        .args(["--addr", "0.0.0.0:0", "--home"])
        .arg(home.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--token"), "{said}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
