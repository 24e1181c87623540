//! A real server for tests: the built executable with a home folder of its own, ended with the test.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test takes a part of it, none takes all"
)]

mod images;
mod watcher;

pub use images::{many_archive, permuted_archive, shifted_archive, slow_archive, tiny_archive};
pub use watcher::{Heard, Watcher};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use ureq::{Agent, Body, http::Response};

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; its workers end with it.
pub struct TestServer {
    child: Child,
    home: TempDir,
    arguments: Vec<String>,
    url: String,
    agent: Agent,
}

impl TestServer {
    /// A server on a free port of this machine, without the demonstration datasets.
    pub fn start() -> TestServer {
        TestServer::with(&[])
    }

    /// As [`TestServer::start`], with more arguments.
    pub fn with(arguments: &[&str]) -> TestServer {
        let always = ["--addr", "127.0.0.1:0", "--no-demonstration"];
        TestServer::of(tempfile::tempdir().unwrap(), &[&always, arguments].concat())
    }

    /// As [`TestServer::with`], with this folder for its home.
    pub fn at(home: TempDir, arguments: &[&str]) -> TestServer {
        let always = ["--addr", "127.0.0.1:0", "--no-demonstration"];
        TestServer::of(home, &[&always, arguments].concat())
    }

    /// A server as a new user starts it: it draws the demonstration datasets.
    pub fn with_demonstration() -> TestServer {
        TestServer::of(tempfile::tempdir().unwrap(), &["--addr", "127.0.0.1:0"])
    }

    fn of(home: TempDir, arguments: &[&str]) -> TestServer {
        let arguments = arguments
            .iter()
            .map(|&of| of.to_owned())
            .collect::<Vec<_>>();
        let (child, url) = launch(home.path(), &arguments);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_per_read(Some(PATIENCE))
            .build()
            .into();
        TestServer {
            child,
            home,
            arguments,
            url,
            agent,
        }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Ends the server as a power cut would; its workers live on.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the server to end; gives how long that took.
    pub fn terminate(&mut self) -> Duration {
        let asked = Instant::now();
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        asked.elapsed()
    }

    /// Starts the server again on the same home, at another address.
    pub fn restart(&mut self) {
        (self.child, self.url) = launch(self.home.path(), &self.arguments);
    }

    /// As [`TestServer::restart`], with other arguments beside the address.
    pub fn restart_with(&mut self, arguments: &[&str]) {
        let always = ["--addr", "127.0.0.1:0", "--no-demonstration"];
        let all = always.iter().chain(arguments);
        self.arguments = all.map(|argument| (*argument).to_owned()).collect();
        self.restart();
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        read(self.agent.get(format!("{}{path}", self.url)).call())
    }

    /// A page or another text that is there.
    pub fn page(&self, path: &str) -> String {
        let (status, text) = self.get(path);
        assert_eq!(status, 200, "{path}: {text}");
        text.as_str().unwrap().to_owned()
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(
            self.agent
                .post(format!("{}{path}", self.url))
                .send_json(body),
        )
    }

    pub fn delete(&self, path: &str) -> (u16, Value) {
        read(self.agent.delete(format!("{}{path}", self.url)).call())
    }

    /// As [`TestServer::post`], with a producer's token.
    pub fn produce(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.post(format!("{}{path}", self.url));
        read(
            request
                .header("authorization", format!("Bearer {token}"))
                .send_json(body),
        )
    }

    /// Uploads an archive and waits until its import has ended, well or not.
    pub fn import(&self, name: &str, archive: &[u8]) -> Value {
        let (status, made) = self.upload(name, archive);
        assert_eq!(status, 201, "{made}");
        let path = format!("/api/v1/datasets/{}", made["id"].as_str().unwrap());
        self.wait(&path, |dataset| dataset["state"] != "importing")
    }

    pub fn upload(&self, name: &str, archive: &[u8]) -> (u16, Value) {
        let file = format!("{name}.zip");
        let parts = [("name", "", name.as_bytes()), ("file", &file, archive)];
        self.post_form("/api/v1/datasets", &parts)
    }

    /// Sends a form as a browser does: fields with their file's name, which is empty for text, and content.
    pub fn post_form(&self, path: &str, parts: &[(&str, &str, &[u8])]) -> (u16, Value) {
        let boundary = "a-boundary-that-no-archive-has";
        let mut form = Vec::new();
        for (name, file, content) in parts {
            let file = match *file {
                "" => String::new(),
                file => format!("; filename=\"{file}\""),
            };
            let head = format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
            );
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(content);
            form.extend_from_slice(b"\r\n");
        }
        form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let request = self.agent.post(format!("{}{path}", self.url));
        let content_type = format!("multipart/form-data; boundary={boundary}");
        read(request.header("content-type", content_type).send(&form[..]))
    }

    /// Launches a run; gives its id.
    pub fn launch(&self, spec: &Value) -> u64 {
        let (status, run) = self.post("/api/v1/runs", spec);
        assert_eq!(status, 201, "{run}");
        run["id"].as_u64().unwrap()
    }

    /// Asks again until the answer is as wanted.
    pub fn wait(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, answer) = self.get(path);
            if status == 200 && wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} stays at {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a run is as wanted.
    pub fn wait_run(&self, run: u64, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait(&format!("/api/v1/runs/{run}"), wanted)
    }

    /// The process that trains a run, if any.
    pub fn worker(&self, run: u64) -> Option<Pid> {
        gapwatch::engine::holder(&self.run_folder(run)).unwrap()
    }

    pub fn run_folder(&self, run: u64) -> PathBuf {
        self.home.path().join("runs").join(run.to_string())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // Either may be gone already, as the test wanted it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let Ok(runs) = std::fs::read_dir(self.home.path().join("runs")) else {
            return;
        };
        for run in runs.flatten() {
            if let Ok(Some(worker)) = gapwatch::engine::holder(&run.path()) {
                let _ = killpg(worker, Signal::SIGKILL);
            }
        }
    }
}

/// Starts the executable and waits for the line that gives its address.
fn launch(home: &Path, arguments: &[String]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gapwatch"))
        .args(arguments)
        .arg("--home")
        .arg(home)
        .env("RUST_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap_or_else(|| panic!("the server did not start: {line:?}"))
        .to_owned();
    (child, url)
}

/// Status and JSON of an answer; text that is no JSON as a string, with plain spaces between numbers and units.
pub fn read(answer: Result<Response<Body>, ureq::Error>) -> (u16, Value) {
    let mut answer = answer.unwrap();
    let mut text = String::new();
    answer
        .body_mut()
        .as_reader()
        .read_to_string(&mut text)
        .unwrap();
    let value =
        serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.replace('\u{a0}', " ")));
    (answer.status().as_u16(), value)
}
