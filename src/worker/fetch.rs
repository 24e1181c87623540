//! What a worker on another machine fetches before it trains.

use super::client::Client;
use crate::data::Dataset;
use crate::store::CHECKPOINT_NAMES;
use anyhow::Context;
use std::fs::File;
use std::io;
use std::path::Path;

/// The run's images into the folder `into`, which is made.
pub fn dataset(client: &Client, into: &Path) -> anyhow::Result<Dataset> {
    std::fs::create_dir(into).with_context(|| into.display().to_string())?;
    let archive = client
        .file("/dataset.tar")?
        .context("the server has no images for this run")?;
    // `unpack` keeps every path below the folder.
    tar::Archive::new(archive)
        .unpack(into)
        .context("unpacking the dataset")?;
    Ok(Dataset::reopen(into)?)
}

/// The checkpoints that an earlier attempt left, so that this one goes on from them.
pub fn checkpoints(client: &Client, folder: &Path) -> anyhow::Result<()> {
    for name in CHECKPOINT_NAMES {
        if let Some(mut from) = client.file(&format!("/checkpoints/{name}"))? {
            let path = folder.join(name);
            let mut to = File::create(&path).with_context(|| path.display().to_string())?;
            io::copy(&mut from, &mut to).with_context(|| format!("fetching {name}"))?;
        }
    }
    Ok(())
}
