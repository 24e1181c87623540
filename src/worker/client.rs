//! The worker's side of the producer protocol: plain HTTP with the run's token.

use super::assignment::Assignment;
use crate::run::{Attempt, ProducerEvent, RunId};
use crate::store::Home;
use crate::train::Wish;
use serde::Deserialize;
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

/// How long the start waits for a server that is not there yet.
const START_WAIT: Duration = Duration::from_secs(60);
/// How long a heartbeat is kept open by the server.
const HEARTBEAT_WAIT_S: u32 = 10;

/// How the server is found.
#[derive(Clone)]
pub enum Server {
    /// By `server.json` in the home folder, read anew whenever the server does not answer.
    Home(Home),
    /// At a fixed address.
    Url(String),
}

/// Why a call did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server does not answer; it may later.
    #[error("the server does not answer: {0}")]
    Absent(String),
    /// Another attempt has the run, or nobody wants it any more.
    #[error("the server does not want this worker: {0}")]
    Dismissed(String),
    /// The server does not take what was sent.
    #[error("the server refused a call: {0}")]
    Refused(String),
}

/// What the server answers to a report or a heartbeat.
#[derive(Deserialize)]
struct Answer {
    wish: Wish,
}

/// Calls the server for one attempt at a run. Copies share their connections.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    server: Server,
    run: RunId,
    attempt: Attempt,
    token: String,
}

impl Client {
    pub fn new(run: RunId, attempt: Attempt, server: Server, token: String) -> Client {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .timeout_per_write(Some(Duration::from_secs(60)));
        let config = match server {
            // A server on this machine is not behind a proxy, whatever the environment says.
            Server::Home(_) => config.proxy(None),
            Server::Url(_) => config,
        };
        Client {
            agent: config.build().into(),
            server,
            run,
            attempt,
            token,
        }
    }

    /// What is to be trained; waits a while for a server that is just starting.
    pub fn assignment(&self) -> Result<Assignment, ClientError> {
        let deadline = Instant::now() + START_WAIT;
        loop {
            match self.get("") {
                Err(ClientError::Absent(_)) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(300));
                }
                Err(error) => return Err(error),
                Ok(answer) => return read(answer),
            }
        }
    }

    /// Delivers events; gives what the user wants of the run.
    pub fn report(&self, events: &[ProducerEvent]) -> Result<Wish, ClientError> {
        let body = json!({"attempt": self.attempt, "events": events});
        self.post("/events", &body, Duration::from_secs(60))
    }

    /// Says that the worker is there; answers when something else than `known` is wanted, or after a while.
    pub fn heartbeat(&self, known: Wish) -> Result<Wish, ClientError> {
        let body = json!({"attempt": self.attempt, "wish": known, "wait_s": HEARTBEAT_WAIT_S});
        let wait = Duration::from_secs(u64::from(HEARTBEAT_WAIT_S) + 20);
        self.post("/heartbeat", &body, wait)
    }

    /// A file of the run, to be read; `None` where the run has none of that name.
    pub fn file(&self, path: &str) -> Result<Option<impl Read + use<>>, ClientError> {
        match self.get(path) {
            Ok(answer) => Ok(Some(answer.into_body().into_reader())),
            Err(ClientError::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Uploads a complete checkpoint file.
    pub fn put_checkpoint(&self, path: &Path, name: &str) -> Result<(), ClientError> {
        let file = File::open(path)
            .map_err(|error| ClientError::Refused(format!("{}: {error}", path.display())))?;
        let url = self.url(&format!("/checkpoints/{name}?attempt={}", self.attempt))?;
        let sent = self
            .agent
            .put(url)
            .header("authorization", &self.authorization())
            .header("content-type", "application/octet-stream")
            .send(file);
        checked(sent).map(drop)
    }

    fn get(&self, path: &str) -> Result<Response<Body>, ClientError> {
        let url = self.url(path)?;
        let request = self.agent.get(url);
        checked(
            request
                .header("authorization", &self.authorization())
                .call(),
        )
    }

    fn post(
        &self,
        path: &str,
        body: &serde_json::Value,
        most: Duration,
    ) -> Result<Wish, ClientError> {
        let url = self.url(path)?;
        let sent = self
            .agent
            .post(url)
            .header("authorization", &self.authorization())
            .config()
            .timeout_global(Some(most))
            .build()
            .send_json(body);
        let answer: Answer = read(checked(sent)?)?;
        Ok(answer.wish)
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn url(&self, path: &str) -> Result<String, ClientError> {
        #[derive(Deserialize)]
        struct ServerFile {
            url: String,
        }
        let base = match &self.server {
            Server::Url(url) => url.clone(),
            Server::Home(home) => {
                let text = std::fs::read(home.server_file())
                    .map_err(|error| ClientError::Absent(error.to_string()))?;
                let file: ServerFile = serde_json::from_slice(&text)
                    .map_err(|error| ClientError::Absent(error.to_string()))?;
                file.url
            }
        };
        let base = base.trim_end_matches('/');
        Ok(format!("{base}/api/v1/runs/{}{path}", self.run))
    }
}

fn checked(answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, ClientError> {
    let mut answer = answer.map_err(|error| ClientError::Absent(error.to_string()))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let said = answer
        .body_mut()
        .with_config()
        .limit(64 << 10)
        .read_to_string()
        .unwrap_or_default();
    let said = format!("{status}: {said}");
    let missing_run = status == StatusCode::NOT_FOUND && said.contains("there is no run");
    Err(match status {
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::CONFLICT
        | StatusCode::GONE => ClientError::Dismissed(said),
        _ if missing_run => ClientError::Dismissed(said),
        _ if status.is_server_error() => ClientError::Absent(said),
        _ => ClientError::Refused(said),
    })
}

fn read<T: serde::de::DeserializeOwned>(mut answer: Response<Body>) -> Result<T, ClientError> {
    answer
        .body_mut()
        .read_json()
        .map_err(|error| ClientError::Absent(error.to_string()))
}
