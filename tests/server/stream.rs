//! Event streams: no epoch lost, none twice, whatever happens to the connection.

use crate::common::{Heard, TestServer, Watcher};
use crate::producer::{epoch, external, report};
use serde_json::json;

/// The epochs among what was heard.
fn epochs(heard: &[Heard]) -> Vec<u64> {
    heard
        .iter()
        .filter(|h| h.kind == "epoch")
        .map(|h| h.data["epoch"].as_u64().unwrap())
        .collect()
}

fn end() -> serde_json::Value {
    json!({"kind": "end", "data": {"status": "finished", "message": ""}})
}

#[test]
fn every_event_has_the_next_number_and_an_epoch_is_its_record() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    for number in 1..=3 {
        report(&server, run, &token, &[epoch(number)]);
    }
    report(&server, run, &token, &[end()]);
    let heard: Vec<Heard> = Watcher::open(&server, run, 0, None).collect();
    let ids: Vec<u64> = heard.iter().filter_map(|h| h.id).collect();
    assert_eq!(ids, (1..=heard.len() as u64).collect::<Vec<_>>());
    assert_eq!(epochs(&heard), [1, 2, 3]);
    let record = &heard.iter().find(|h| h.kind == "epoch").unwrap().data;
    assert_eq!(record["val"]["accuracy"], 17.0 / 90.0);
    assert!(record.get("confusion").is_none() && record.get("images").is_none());
    assert_eq!(heard.last().unwrap().kind, "end");
    assert_eq!(heard[heard.len() - 2].kind, "diagnosis");
}

#[test]
fn a_watcher_that_comes_back_gets_exactly_what_it_missed() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let mut heard = Vec::new();
    let mut first = Watcher::open(&server, run, 0, None);
    for number in 1..=2 {
        report(&server, run, &token, &[epoch(number)]);
    }
    while epochs(&heard).len() < 2 {
        heard.push(first.next().unwrap());
    }
    drop(first);
    for number in 3..=5 {
        report(&server, run, &token, &[epoch(number)]);
    }
    // The address is the one that the page began with; the browser says what it has seen since.
    let last = heard.last().unwrap().id;
    let mut second = Watcher::open(&server, run, 0, last);
    report(&server, run, &token, &[epoch(6), end()]);
    heard.extend(second.by_ref());
    assert_eq!(epochs(&heard), [1, 2, 3, 4, 5, 6]);

    let after = heard.last().unwrap().id.unwrap();
    let url = format!("{}/api/v1/runs/{run}/events?after={after}", server.url());
    // Nothing is left to tell, and 204 keeps an EventSource from asking again.
    assert_eq!(server.agent().get(url).call().unwrap().status(), 204);
}

#[test]
fn two_watchers_and_one_who_reads_slowly_hear_the_same() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let slow = Watcher::open(&server, run, 0, None);
    let quick = Watcher::open(&server, run, 0, None);
    let quick = std::thread::spawn(move || quick.collect::<Vec<_>>());
    // More than the server keeps for one who does not read, and more than the sockets hold.
    for hundred in 0..30 {
        let events: Vec<_> = (1..=100).map(|n| epoch(hundred * 100 + n)).collect();
        assert_eq!(report(&server, run, &token, &events).0, 200);
    }
    report(&server, run, &token, &[end()]);
    let all: Vec<u64> = (1..=3000).collect();
    assert_eq!(epochs(&quick.join().unwrap()), all);
    assert_eq!(epochs(&slow.collect::<Vec<_>>()), all);
}

#[test]
fn a_watcher_outlives_a_server_that_is_killed() {
    let mut server = TestServer::start();
    let (run, token) = external(&server);
    let watcher = Watcher::open(&server, run, 0, None);
    for number in 1..=10 {
        report(&server, run, &token, &[epoch(number)]);
    }
    server.kill();
    let mut heard: Vec<Heard> = watcher.collect();
    server.restart();
    let last = heard.last().and_then(|h| h.id);
    let again = Watcher::open(&server, run, 0, last);
    // What was answered with 200 is there; the script repeats what it is not sure of.
    report(&server, run, &token, &[epoch(10), epoch(11), end()]);
    heard.extend(again);
    assert_eq!(epochs(&heard), (1..=11).collect::<Vec<_>>());
}

#[test]
fn a_stream_of_a_run_that_is_deleted_ends() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    report(&server, run, &token, &[epoch(1)]);
    let watcher = Watcher::open(&server, run, 0, None);
    assert_eq!(server.delete(&format!("/api/v1/runs/{run}")).0, 204);
    assert!(watcher.count() >= 2);
    assert_eq!(server.get(&format!("/api/v1/runs/{run}")).0, 404);
    // Its number is not given to another.
    assert_ne!(external(&server).0, run);
}

#[test]
fn a_list_hears_which_runs_have_changed() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let url = format!("{}/api/v1/runs/events", server.url());
    let answer = server.agent().get(url).call().unwrap();
    let mut watcher = Watcher::of(answer);
    report(&server, run, &token, &[epoch(1)]);
    let heard = watcher.next().unwrap();
    assert_eq!(heard.kind, "changed");
    assert_eq!(heard.data["runs"], json!([run]));
}
