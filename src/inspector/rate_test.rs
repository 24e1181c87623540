//! A learning-rate range test in a process of its own: training never shares the server's memory.

use super::Work;
use crate::run::{RateTest, RateTested, RunSpec};
use crate::store::Inspected;
use serde::Deserialize;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

/// How often it is asked whether somebody has given up on it.
const PAUSE: Duration = Duration::from_millis(100);
/// Of what the process says when it fails.
const MOST_SAID_BYTES: u64 = 4000;

/// A line of the process' output.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Step { done: u64, of: u64 },
    Test(RateTest),
}

/// Tests a spec on the dataset in a folder. None where it was cancelled; the process ends with this call in any case.
pub(super) async fn measured(
    folder: &Path,
    fingerprint: &str,
    spec: &RunSpec,
    threads: usize,
    work: &Work,
) -> Result<Option<Inspected>, String> {
    let failed = |error: std::io::Error| format!("its process did not work: {error}");
    let executable = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(executable)
        .args(["lr-range", "--json", "--job", "--threads"])
        .arg(threads.to_string())
        .arg("--data")
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (Some(mut input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err("its process has no output".to_owned());
    };
    let json = serde_json::to_vec(spec).map_err(|error| error.to_string())?;
    input.write_all(&json).await.map_err(failed)?;
    drop(input);
    let said = tokio::spawn(async move {
        let mut said = Vec::new();
        // What cannot be read is not said; the rest is drained so that the process never waits for it.
        let mut errors = errors.take(MOST_SAID_BYTES);
        let _ = errors.read_to_end(&mut said).await;
        let _ = tokio::io::copy(&mut errors.into_inner(), &mut tokio::io::sink()).await;
        String::from_utf8_lossy(&said).trim().to_owned()
    });

    let mut lines = BufReader::new(output).lines();
    let mut found = None;
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line.map_err(failed)?,
            () = tokio::time::sleep(PAUSE) => {
                if work.cancel.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                continue;
            }
        };
        let Some(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(Line::Step { done, of }) => work.tell(done, of),
            Ok(Line::Test(test)) => found = Some(test),
            Err(error) => return Err(format!("its process said what was not expected: {error}")),
        }
    }
    let status = child.wait().await.map_err(failed)?;
    let said = said.await.unwrap_or_default();
    let Some(test) = found else {
        return Err(match status.code() {
            Some(_) => said.trim_start_matches("gapwatch: ").to_owned(),
            None => "its process was ended from outside, perhaps for want of memory: \
                     take a smaller batch or smaller images"
                .to_owned(),
        });
    };
    let tested = RateTested {
        spec: spec.clone(),
        test,
    };
    Ok(Some(Inspected {
        document: serde_json::to_string(&tested).map_err(|error| error.to_string())?,
        fingerprint: fingerprint.to_owned(),
        problems: 0,
        warnings: 0,
    }))
}
