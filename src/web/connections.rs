//! Connections: how many there may be, and how long one that does nothing is kept.
//!
//! A peer that is slow on purpose must not keep others out: it sends its request's head in time, and takes what it asked
//! for, or it is cut. Event streams stay open as long as their watcher reads.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

/// How long to wait where the system gives out no connection, because of too many open files for instance.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// What one connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Connections at once; more wait to be accepted. Below the usual 1,024 open files of a process.
    pub most: usize,
    /// For the whole head of a request, the wait for it included.
    pub head: Duration,
    /// For a peer that takes nothing of what it is sent.
    pub taking: Duration,
}

impl Patience {
    pub const USUAL: Patience = Patience {
        most: 512,
        head: Duration::from_secs(30),
        taking: Duration::from_secs(60),
    };
}

/// Answers connections with `router` until `ending` holds true; then waits for those that are being answered.
pub async fn answer(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    mut ending: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(patience.most));
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, place) = tokio::select! {
            biased;
            // An error means that the sender is gone, which is the end too.
            _ = ending.wait_for(|ending| *ending) => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let io = TokioIo::new(Box::pin(impatient(stream, patience)));
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .serve_connection(io, service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection: {error}");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let place = match places.clone().acquire_owned().await {
            Ok(place) => place,
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) if left_early(error.kind()) => {}
            Err(error) => {
                tracing::error!("no connection can be taken: {error}");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// The peer has left before it was accepted.
fn left_early(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

fn impatient(stream: TcpStream, patience: Patience) -> TimeoutStream<TcpStream> {
    // An epoch's event is small, and must not wait for more to be sent with it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY: {error}");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience.taking));
    stream
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const SHORT: Patience = Patience {
        most: 2,
        head: Duration::from_millis(300),
        taking: Duration::from_millis(300),
    };

    /// Answers `/` with "here" and `/much` with 64 MiB.
    async fn server() -> (SocketAddr, watch::Sender<bool>) {
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/much", get(async || vec![0_u8; 64 << 20]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (end, ending) = watch::channel(false);
        tokio::spawn(answer(listener, router, SHORT, ending));
        (addr, end)
    }

    async fn ask(addr: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn peers_that_never_finish_their_request_make_room_for_others() {
        let (addr, _end) = server().await;
        let mut silent = TcpStream::connect(addr).await.unwrap();
        let mut slow = TcpStream::connect(addr).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
        // Both places are taken, so this one is answered only when the others are cut.
        assert!(ask(addr, "/").await.ends_with("here"));
        let mut rest = Vec::new();
        assert!(silent.read_to_end(&mut rest).await.is_ok());
        let _ = slow.read_to_end(&mut rest).await;
    }

    #[tokio::test]
    async fn peers_that_take_nothing_make_room_for_others() {
        let (addr, _end) = server().await;
        let mut deaf = Vec::new();
        for _ in 0..SHORT.most {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            stream
                .write_all(b"GET /much HTTP/1.1\r\nHost: here\r\n\r\n")
                .await
                .unwrap();
            deaf.push(stream);
        }
        assert!(ask(addr, "/").await.ends_with("here"));
    }
}
