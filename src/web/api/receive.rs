//! Bodies that go to the disk as they come: limited, and never leaving a part behind.

use crate::store::{StoreError, StoreResult};
use crate::web::App;
use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use std::fmt::Display;
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

/// How many bytes come between two looks at the disk's free space.
const LOOK_EVERY: u64 = 32 << 20;

/// Writes a stream into a new file of the folder of uploads; one that ends early or is larger than `limit` bytes leaves nothing.
pub async fn receive<E: Display>(
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    app: &App,
    limit: u64,
) -> StoreResult<TempPath> {
    let folder = app.home.uploads();
    let failed = |source| StoreError::Io {
        what: format!("writing to {}", folder.display()),
        source,
    };
    let (file, path) = tempfile::Builder::new()
        .prefix("receiving-")
        .tempfile_in(&folder)
        .map_err(failed)?
        .into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let (mut received, mut looked) = (0_u64, None);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            StoreError::Invalid(format!(
                "the upload broke off after {received} bytes: {error}"
            ))
        })?;
        received += chunk.len() as u64;
        if received > limit {
            return Err(StoreError::TooLarge(format!(
                "more than {} MB are not taken",
                limit >> 20
            )));
        }
        if looked != Some(received / LOOK_EVERY) {
            app.disk.room_for(LOOK_EVERY)?;
            looked = Some(received / LOOK_EVERY);
        }
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    file.sync_all().await.map_err(failed)?;
    Ok(path)
}
