//! Reading what is left of a request's body before it is refused.
//!
//! A connection that is closed while the client still sends is reset, and the client may never see why. So a short rest
//! is read; who sends more than that has to live with the reset.

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

const MOST_BYTES: usize = 4 << 20;
const MOST_TIME: Duration = Duration::from_secs(1);

/// Lets a refused client finish its sentence.
pub async fn rest(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let left = Arc::new(Mutex::new(None));
    let request = request.map(|body| {
        Body::from_stream(Lent {
            stream: Some(body.into_data_stream()),
            left: left.clone(),
        })
    });
    let response = next.run(request).await;
    let unread = left.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(mut stream) = unread {
        let read = async {
            let mut bytes = 0;
            while bytes < MOST_BYTES
                && let Some(Ok(chunk)) = stream.next().await
            {
                bytes += chunk.len();
            }
        };
        // What is not there by then will not be read.
        let _ = tokio::time::timeout(MOST_TIME, read).await;
    }
    response
}

/// A body that is given back when the handler lets go of it before its end.
struct Lent {
    stream: Option<BodyDataStream>,
    left: Arc<Mutex<Option<BodyDataStream>>>,
}

impl Stream for Lent {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let polled = stream.poll_next_unpin(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.stream = None;
        }
        polled
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = self.stream.take();
    }
}
