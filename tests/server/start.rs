//! Starting and ending: addresses, homes, signals.

use crate::common::{TestServer, Watcher};
use crate::producer::{epoch, external, report};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

fn serve(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gapwatch"))
        .args(["serve", "--no-demonstration"])
        .args(arguments)
        .arg("--home")
        .arg(home)
        .output()
        .unwrap()
}

fn refusal(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_signal_ends_the_server_within_two_seconds_with_streams_open() {
    let mut server = TestServer::start();
    let (run, token) = external(&server);
    let mut watcher = Watcher::open(&server, run, 0, None);
    report(&server, run, &token, &[epoch(1)]);
    assert!(watcher.any(|heard| heard.kind == "epoch"));
    let took = server.terminate();
    assert!(took < Duration::from_secs(2), "{took:?}");
    watcher.for_each(drop);
    server.restart();
    let shown = server.get(&format!("/api/v1/runs/{run}")).1;
    assert_eq!(
        (&shown["status"], shown["epoch"].as_u64()),
        (&"running".into(), Some(1))
    );
}

#[test]
fn a_port_in_use_is_said_with_the_way_out() {
    let server = TestServer::start();
    let addr = server.url().trim_start_matches("http://");
    let other = tempfile::tempdir().unwrap();
    let said = refusal(&serve(other.path(), &["--addr", addr]), 1);
    assert!(said.contains(addr) && said.contains("--addr"), "{said}");
}

#[test]
fn a_home_that_another_server_has_is_said_with_the_way_out() {
    let server = TestServer::start();
    let said = refusal(&serve(server.home(), &["--addr", "127.0.0.1:0"]), 1);
    assert!(
        said.contains("another gapwatch") && said.contains("--home"),
        "{said}"
    );
}

#[test]
fn a_home_that_cannot_be_written_is_said_with_the_way_out() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let said = refusal(&serve(&file.join("home"), &["--addr", "127.0.0.1:0"]), 2);
    assert!(said.contains("--home"), "{said}");

    let read_only = parent.path().join("read-only");
    std::fs::create_dir(&read_only).unwrap();
    std::fs::set_permissions(&read_only, PermissionsExt::from_mode(0o555)).unwrap();
    // The administrator may write everywhere: then there is nothing to refuse.
    if std::fs::write(read_only.join("probe"), "").is_err() {
        let said = refusal(&serve(&read_only, &["--addr", "127.0.0.1:0"]), 2);
        assert!(said.contains("--home"), "{said}");
    }
}

#[test]
fn wrong_arguments_are_said_with_what_to_write() {
    let home = tempfile::tempdir().unwrap();
    let said = refusal(&serve(home.path(), &["--addr", "nonsense"]), 2);
    assert!(said.contains("127.0.0.1:7860"), "{said}");
    let said = refusal(&serve(home.path(), &["--data", "/no/such/folder"]), 2);
    assert!(said.contains("/no/such/folder"), "{said}");
}

#[test]
fn metrics_count_the_runs() {
    let server = TestServer::start();
    external(&server);
    let (_, text) = server.get("/metrics");
    let text = text.as_str().unwrap();
    assert!(
        text.contains("gapwatch_runs{status=\"queued\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("# TYPE gapwatch_watchers gauge\ngapwatch_watchers 0\n"),
        "{text}"
    );
}
