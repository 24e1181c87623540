//! Style sheets, scripts and pictures of the pages, carried in the executable; their address changes when they do.

use super::App;
use crate::chart;
use axum::Router;
use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::borrow::Cow;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

struct Asset {
    name: &'static str,
    body: Cow<'static, [u8]>,
    /// Made when it is first asked for.
    gzip: OnceLock<Vec<u8>>,
}

struct Assets {
    all: Vec<Asset>,
    /// A hash of all of them, part of their address.
    version: String,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../../static/", $name)).as_slice())),*]
    };
}

const FILES: &[(&str, &[u8])] = &files![
    "axes.js",
    "chart.js",
    "choices.js",
    "chosen.js",
    "classify.js",
    "compare.js",
    "curves.js",
    "datasets.js",
    "diagnose.js",
    "figure.js",
    "follow.js",
    "form.js",
    "legend.js",
    "live.js",
    "logo.svg",
    "matrix.js",
    "overview.js",
    "probes.js",
    "run.js",
    "runs.js",
    "series.js",
    "statistics.js",
    "stream.js",
    "style.css",
    "theme.js",
    "thin.js",
    "zoom.js",
];

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let made = [
        ("palette.css", Cow::Owned(chart::css().into_bytes())),
        ("plotly.js", Cow::Owned(plotly().into_bytes())),
    ];
    let all: Vec<Asset> = FILES
        .iter()
        .copied()
        .map(|(name, body)| (name, Cow::Borrowed(body)))
        .chain(made)
        .map(|(name, body)| Asset {
            name,
            body,
            gzip: OnceLock::new(),
        })
        .collect();
    let mut hash = blake3::Hasher::new();
    for asset in &all {
        hash.update(asset.name.as_bytes());
        hash.update(&asset.body);
    }
    let version = hash.finalize().to_hex()[..16].to_owned();
    Assets { all, version }
});

/// The content of the first of the script elements that the crate gives: Plotly without MathJax.
fn plotly() -> String {
    let scripts = plotly::Plot::offline_js_sources();
    let first = scripts
        .split_once('>')
        .and_then(|(_, rest)| rest.split_once("</script>"));
    first.map_or_else(String::new, |(script, _)| script.to_owned())
}

/// Where an asset is served, for templates.
pub fn path(name: &str) -> String {
    format!("/assets/{}/{name}", ASSETS.version)
}

/// The text of an asset, for a page that must need no other file; empty where there is none of that name.
pub fn text(name: &str) -> String {
    let asset = ASSETS.all.iter().find(|asset| asset.name == name);
    asset.map_or_else(String::new, |asset| {
        String::from_utf8_lossy(&asset.body).into_owned()
    })
}

pub fn router() -> Router<App> {
    Router::new().route("/assets/{version}/{name}", get(asset))
}

async fn asset(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let assets = &*ASSETS;
    let Some(asset) = assets
        .all
        .iter()
        .find(|asset| asset.name == name && assets.version == version)
    else {
        return (StatusCode::NOT_FOUND, "no such asset: load the page again").into_response();
    };
    let always = [
        (CONTENT_TYPE, media_type(asset.name)),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (VARY, "accept-encoding"),
    ];
    let takes_gzip = headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("gzip"));
    if !takes_gzip {
        return (always, asset.body.as_ref()).into_response();
    }
    // Plotly takes a third of a second to compress, once.
    match tokio::task::spawn_blocking(|| gzip(asset)).await {
        Ok(compressed) => (always, [(CONTENT_ENCODING, "gzip")], compressed).into_response(),
        Err(_) => (always, asset.body.as_ref()).into_response(),
    }
}

fn gzip(asset: &'static Asset) -> &'static [u8] {
    asset.gzip.get_or_init(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory cannot fail.
        let _ = encoder.write_all(&asset.body);
        encoder.finish().unwrap_or_default()
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        _ => "image/svg+xml",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn plotly_is_there_without_mathjax() {
        let script = plotly();
        assert!(script.contains("plotly.js v3"), "{}", &script[..200]);
        assert!(script.len() > 3_000_000 && script.len() < 5_500_000);
        assert!(!script.contains("MathJax.loader"));
    }

    #[test]
    fn an_asset_unpacks_to_itself() {
        for asset in &ASSETS.all {
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(gzip(asset))
                .read_to_end(&mut text)
                .unwrap();
            assert!(text == *asset.body, "{}", asset.name);
        }
    }

    #[test]
    fn every_import_of_a_script_is_an_asset() {
        for (name, body) in FILES {
            let text = std::str::from_utf8(body).unwrap();
            for import in text.split("from \"./").skip(1) {
                let wanted = import.split('"').next().unwrap();
                assert!(
                    FILES.iter().any(|(file, _)| *file == wanted),
                    "{name} imports {wanted}"
                );
            }
        }
    }
}
