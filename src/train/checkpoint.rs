//! A network's weights in a file, with all that is needed to use them: classes, preprocessing, settings.

use super::tensor_file;
use crate::data::Normalization;
use crate::run::{InputSpec, RunSpec, SplitMetrics};
use candle_core::Tensor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

/// The weights of the epoch that validation chose.
pub const BEST: &str = "best.safetensors";
/// The weights of the last epoch.
pub const LAST: &str = "last.safetensors";

/// How an image becomes a network's input; written so that another program can do the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// `bilinear, half-pixel centres, no antialiasing`.
    pub resize: String,
    /// `0.299 R + 0.587 G + 0.114 B`.
    pub gray: String,
    /// What bytes are multiplied by before normalisation: `1/255`.
    pub scale: String,
    /// True: each channel of each image is then brought to mean 0 and deviation 1 (of its own pixels, divided by their
    /// number; a deviation below 10⁻⁶ counts as 1).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_image: bool,
    /// Then subtracted, a channel.
    pub mean: Vec<f32>,
    /// Then divided by, a channel.
    pub std: Vec<f32>,
}

impl Preprocessing {
    pub fn new(input: &InputSpec, normalization: &Normalization) -> Self {
        Preprocessing {
            channels: input.channels,
            height: input.height,
            width: input.width,
            resize: "bilinear, half-pixel centres, no antialiasing".to_owned(),
            gray: "0.299 R + 0.587 G + 0.114 B".to_owned(),
            scale: "1/255".to_owned(),
            per_image: normalization.per_image,
            mean: normalization.mean.clone(),
            std: normalization.std.clone(),
        }
    }

    pub fn normalization(&self) -> Normalization {
        Normalization {
            mean: self.mean.clone(),
            std: self.std.clone(),
            per_image: self.per_image,
        }
    }
}

/// The figures of the epoch that a checkpoint was written after.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointMetrics {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<SplitMetrics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val: Option<SplitMetrics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<SplitMetrics>,
}

/// What a checkpoint's header says beside the tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointFacts {
    pub spec: RunSpec,
    pub classes: Vec<String>,
    pub preprocessing: Preprocessing,
    /// 0 before any training.
    pub epoch: u32,
    pub metrics: CheckpointMetrics,
    /// BLAKE3 of the dataset, see [`crate::data::Index::fingerprint`].
    pub dataset_fingerprint: String,
    /// Gapwatch's.
    pub version: String,
}

/// A checkpoint read from a file.
pub struct Checkpoint {
    pub facts: CheckpointFacts,
    /// By PyTorch's names.
    pub tensors: HashMap<String, Tensor>,
}

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct CheckpointError {
    pub path: PathBuf,
    pub reason: String,
}

impl Checkpoint {
    pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
        let refused = |reason| CheckpointError {
            path: path.to_owned(),
            reason,
        };
        let file = tensor_file::read(path).map_err(refused)?;
        Ok(Checkpoint {
            facts: facts(&file.metadata).map_err(refused)?,
            tensors: file.tensors,
        })
    }
}

/// Writes a checkpoint; `path` holds the old one or the new one at every instant.
pub(super) fn write(
    path: &Path,
    facts: &CheckpointFacts,
    tensors: &[(String, Tensor)],
) -> io::Result<()> {
    tensor_file::write(path, &metadata(facts)?, tensors)
}

/// The header's entries: JSON but for `format`, which PyTorch's tools look at, and the version.
pub(super) fn metadata(facts: &CheckpointFacts) -> io::Result<BTreeMap<String, String>> {
    let json = [
        ("spec", serde_json::to_string(&facts.spec)?),
        ("classes", serde_json::to_string(&facts.classes)?),
        (
            "preprocessing",
            serde_json::to_string(&facts.preprocessing)?,
        ),
        ("epoch", facts.epoch.to_string()),
        ("metrics", serde_json::to_string(&facts.metrics)?),
        ("dataset_fingerprint", facts.dataset_fingerprint.clone()),
        ("gapwatch_version", facts.version.clone()),
        ("format", "pt".to_owned()),
    ];
    Ok(json.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

/// The inverse of [`metadata`]; the error is a reason for the user.
pub(super) fn facts(metadata: &BTreeMap<String, String>) -> Result<CheckpointFacts, String> {
    let text = |key: &str| {
        metadata.get(key).ok_or_else(|| {
            format!(
                "its header has no '{key}', so Gapwatch did not write it: \
                 without classes and preprocessing its weights cannot be used"
            )
        })
    };
    fn read<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, String> {
        serde_json::from_str(text)
            .map_err(|error| format!("the '{key}' of its header is damaged: {error}"))
    }
    let spec = serde_json::from_str(text("spec")?)
        .map_err(|e| e.to_string())
        .and_then(|value| RunSpec::from_value(value).map_err(|e| e.to_string()))
        .map_err(|error| format!("the 'spec' of its header cannot be used: {error}"))?;
    let facts = CheckpointFacts {
        spec,
        classes: read("classes", text("classes")?)?,
        preprocessing: read("preprocessing", text("preprocessing")?)?,
        epoch: read("epoch", text("epoch")?)?,
        metrics: read("metrics", text("metrics")?)?,
        dataset_fingerprint: text("dataset_fingerprint")?.clone(),
        version: text("gapwatch_version")?.clone(),
    };
    let Preprocessing {
        channels,
        height,
        width,
        ref mean,
        ref std,
        ..
    } = facts.preprocessing;
    let input = &facts.spec.input;
    if (channels, height, width) != (input.channels, input.height, input.width)
        || mean.len() != channels
        || std.len() != channels
    {
        return Err("its header's 'preprocessing' does not agree with its 'spec'".to_owned());
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    pub(crate) fn example() -> CheckpointFacts {
        let spec = RunSpec::default();
        let normalization = Normalization {
            mean: vec![0.25, 0.5, 0.1],
            std: vec![0.3; 3],
            per_image: true,
        };
        CheckpointFacts {
            preprocessing: Preprocessing::new(&spec.input, &normalization),
            spec,
            classes: vec!["a".to_owned(), "ü\"".to_owned()],
            epoch: 7,
            metrics: CheckpointMetrics {
                val: Some(SplitMetrics::new(f64::NAN, 3, 9)),
                ..CheckpointMetrics::default()
            },
            dataset_fingerprint: "ab".to_owned(),
            version: "1.2.3".to_owned(),
        }
    }

    #[test]
    fn a_checkpoint_says_again_what_it_was_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(BEST);
        let weight = Tensor::new(&[[1.0_f32, 2.0]], &Device::Cpu).unwrap();
        write(&path, &example(), &[("fc.weight".to_owned(), weight)]).unwrap();
        let read = Checkpoint::read(&path).unwrap();
        assert_eq!(format!("{:?}", read.facts), format!("{:?}", example()));
        assert_eq!(read.tensors["fc.weight"].dims(), [1, 2]);
        assert_eq!(
            read.facts.preprocessing.normalization().mean,
            [0.25, 0.5, 0.1]
        );
    }

    #[test]
    fn a_file_that_something_else_wrote_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs.safetensors");
        tensor_file::write(&path, &BTreeMap::new(), &[]).unwrap();
        let Err(error) = Checkpoint::read(&path) else {
            panic!("it was read");
        };
        assert!(
            error
                .to_string()
                .contains("theirs.safetensors: its header has no"),
            "{error}"
        );
    }
}
