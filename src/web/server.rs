//! The server's life: from taking its home to the last open stream.

use super::connections::{self, Patience};
use super::probe_chain;
use super::{Access, App, Classifiers, router};
use crate::device::Devices;
use crate::engine::{DeviceList, LocalEngine};
use crate::inspector::Inspector;
use crate::scheduler::Scheduler;
use crate::store::{Disk, Home, HomeError, Library, Store, StoreError};
use serde_json::json;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What open connections and the scheduler get at the end.
const END_GRACE: Duration = Duration::from_millis(1600);

/// How a server is to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Port 0: any free one.
    pub addr: SocketAddr,
    pub home: PathBuf,
    /// Needed where the address is not this machine's alone.
    pub token: Option<String>,
    /// Runs that train at once on the processor.
    pub parallel: usize,
    /// Runs that share a card.
    pub runs_per_gpu: usize,
    /// Bytes of the disk that are to stay free: below, runs pause.
    pub keep_free_bytes: u64,
    /// Folders and archives to import at the start.
    pub data: Vec<PathBuf>,
    /// Make the demonstration datasets where they are missing.
    pub demonstration: bool,
}

/// Why a server did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(
        "{0} is reached from other machines, and nobody would have to log in: add --token SECRET, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "{addr} is in use by another program, perhaps another gapwatch: choose another with --addr, such as --addr 127.0.0.1:0 for any free port"
    )]
    AddressInUse { addr: SocketAddr },
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        addr: SocketAddr,
        source: std::io::Error,
    },
    #[error("{what}: {source}")]
    Io {
        what: &'static str,
        source: std::io::Error,
    },
}

/// Serves until Ctrl-C or SIGTERM; `ready` hears the address once connections are taken.
pub async fn serve(settings: Settings, ready: impl FnOnce(&str)) -> Result<(), ServeError> {
    let loopback = settings.addr.ip().is_loopback();
    if !loopback && settings.token.is_none() {
        return Err(ServeError::Unprotected(settings.addr));
    }
    let home = Home::take(&settings.home)?;
    let listener = listen(settings.addr).await?;
    let disk = Disk::of(&home, settings.keep_free_bytes)?;
    let store = Store::open(&home)?;
    store.fail_interrupted_imports().await?;
    empty(&home.uploads());

    let (end, shutdown) = watch::channel(false);
    let scheduler = Scheduler::new(settings.parallel, settings.runs_per_gpu);
    let devices = DeviceList::of(Devices::ask);
    let app = App {
        devices: devices.clone(),
        library: Library::new(store.clone()),
        inspector: Inspector::default(),
        classifiers: Classifiers::default(),
        store: store.clone(),
        scheduler: scheduler.clone(),
        home: home.clone(),
        disk: disk.clone(),
        access: Access::new(settings.token.as_deref(), loopback),
        started: Instant::now(),
        shutdown: shutdown.clone(),
    };
    let addr = listener.local_addr().map_err(listening)?;
    let url = local_url(addr);
    announce(&home, &url)?;
    let engine = LocalEngine::new(home.clone(), devices).map_err(|source| ServeError::Io {
        what: "finding this program's own file",
        source,
    })?;
    let scheduling = tokio::spawn(scheduler.run(store, engine, disk, shutdown.clone()));

    let inspecting = tokio::spawn(app.inspector.clone().run(
        app.library.clone(),
        app.store.clone(),
        shutdown.clone(),
    ));
    let probing = tokio::spawn(probe_chain::go_on(app.clone()));
    let serving = tokio::spawn(connections::answer(
        listener,
        router(app.clone()),
        Patience::USUAL,
        shutdown,
    ));
    ready(&url);
    tokio::spawn(stock(app.library, settings.data, settings.demonstration));

    signalled().await?;
    // Receivers live in the tasks; without any the end has come already.
    let _ = end.send(true);
    let all = async { tokio::join!(serving, scheduling, inspecting, probing) };
    if tokio::time::timeout(END_GRACE, all).await.is_err() {
        tracing::warn!("connections that would not end are cut");
    }
    // Workers that are still busy must not talk to whoever gets the port next.
    let _ = std::fs::remove_file(home.server_file());
    Ok(())
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(addr)
        .await
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => ServeError::AddressInUse { addr },
            _ => ServeError::Listen { addr, source },
        })
}

fn listening(source: std::io::Error) -> ServeError {
    ServeError::Io {
        what: "asking for the address",
        source,
    }
}

/// How a browser or a worker on this machine reaches the address.
fn local_url(addr: SocketAddr) -> String {
    let mut addr = addr;
    if addr.ip().is_unspecified() {
        addr.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{addr}")
}

/// Writes `server.json`: where workers that lost the server look for it.
fn announce(home: &Home, url: &str) -> Result<(), ServeError> {
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(home.root())?;
        let facts = json!({"url": url, "pid": std::process::id()});
        file.write_all(facts.to_string().as_bytes())?;
        file.persist(home.server_file())?;
        Ok(())
    };
    write().map_err(|source| ServeError::Io {
        what: "writing the server's address into the home folder",
        source,
    })
}

/// Brings in the datasets that were named, unless one of the same title is there, and the demonstrations.
async fn stock(library: Library, data: Vec<PathBuf>, demonstration: bool) {
    for source in data {
        let title = match source.file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => "data".to_owned(),
        };
        if let Err(error) = library.import_once(title, source).await {
            tracing::error!("--data: {error}");
        }
    }
    if demonstration && let Err(error) = library.demonstrate().await {
        tracing::error!("the demonstrations: {error}");
    }
}

/// Removes what an earlier server left in the folder of uploads.
fn empty(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        if let Err(error) = removed {
            tracing::warn!("removing {}: {error}", path.display());
        }
    }
}

/// Returns at Ctrl-C or SIGTERM.
async fn signalled() -> Result<(), ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(|source| ServeError::Io {
        what: "listening for SIGTERM",
        source,
    })?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
