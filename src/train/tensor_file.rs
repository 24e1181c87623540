//! Safetensors files, written so that a reader finds the old one or the new one and never a part.

use candle_core::{DType, Device, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

/// No file of ours is larger: weights and two moments of the largest network that is planned, and some.
const MOST_BYTES: u64 = 4 << 30;

/// What a safetensors file holds.
pub(super) struct TensorFile {
    pub metadata: BTreeMap<String, String>,
    pub tensors: HashMap<String, Tensor>,
}

/// Writes tensors (float32, int64) in the order given, then replaces `path` in one step and waits for the disk.
///
/// Header and order are a function of the arguments alone (the safetensors crate's own writer takes a map whose order
/// differs from process to process), so the same run writes the same file.
pub(super) fn write(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    tensors: &[(String, Tensor)],
) -> io::Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!(metadata));
    let mut end = 0;
    for (name, tensor) in tensors {
        let start = end;
        end += tensor.elem_count() * tensor.dtype().size_in_bytes();
        let dtype = match tensor.dtype() {
            DType::F32 => "F32",
            DType::I64 => "I64",
            other => return Err(io::Error::other(format!("{name} is of type {other:?}"))),
        };
        let entry = json!({"dtype": dtype, "shape": tensor.dims(), "data_offsets": [start, end]});
        header.insert(name.clone(), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    // The format wants the numbers aligned to eight bytes and allows blanks for that.
    header.resize(header.len().next_multiple_of(8), b' ');

    replace(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        for (_, tensor) in tensors {
            let flat = tensor.flatten_all().map_err(io::Error::other)?;
            if flat.dtype() == DType::I64 {
                for number in flat.to_vec1::<i64>().map_err(io::Error::other)? {
                    out.write_all(&number.to_le_bytes())?;
                }
            } else {
                for number in flat.to_vec1::<f32>().map_err(io::Error::other)? {
                    out.write_all(&number.to_le_bytes())?;
                }
            }
        }
        Ok(())
    })
}

/// Gives `path` new content: a temporary file beside it, on the disk, renamed, the folder on the disk.
pub fn replace(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&partial)?);
    content(&mut out)?;
    out.into_inner()?.sync_all()?;
    fs::rename(&partial, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Reads a file of float32 and int64 tensors; the error is a reason for the user, without the path.
pub(super) fn read(path: &Path) -> Result<TensorFile, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("is larger than {} GiB", MOST_BYTES >> 30));
    }
    let damaged = |error: safetensors::SafeTensorError| {
        format!("is no safetensors file, or a damaged one ({error})")
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let mut tensors = HashMap::new();
    for (name, view) in SafeTensors::deserialize(&bytes).map_err(damaged)?.iter() {
        let tensor = match view.dtype() {
            Dtype::F32 => {
                let numbers = view.data().as_chunks().0;
                let numbers: Vec<f32> = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
                Tensor::from_vec(numbers, view.shape(), &Device::Cpu)
            }
            Dtype::I64 => {
                let numbers = view.data().as_chunks().0;
                let numbers: Vec<i64> = numbers.iter().map(|b| i64::from_le_bytes(*b)).collect();
                Tensor::from_vec(numbers, view.shape(), &Device::Cpu)
            }
            other => {
                return Err(format!(
                    "its tensor {name} is of type {other:?}, where F32 is wanted"
                ));
            }
        };
        let tensor =
            tensor.map_err(|error| format!("its tensor {name} cannot be used: {error}"))?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(TensorFile {
        metadata: header
            .metadata()
            .iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        tensors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written_and_replaces_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let metadata = BTreeMap::from([("epoch".to_owned(), "3".to_owned())]);
        for numbers in [
            [1.5_f32, -0.0, f32::MIN_POSITIVE, 7.0],
            [2.0, 3.0, 4.0, f32::MAX],
        ] {
            let a = Tensor::new(&numbers, &Device::Cpu).unwrap();
            let b = a.reshape((2, 2)).unwrap().t().unwrap();
            write(
                &path,
                &metadata,
                &[("z.b".to_owned(), b), ("a".to_owned(), a)],
            )
            .unwrap();
            let file = read(&path).unwrap();
            assert_eq!(file.metadata, metadata);
            let read_back = file.tensors["a"].to_vec1::<f32>().unwrap();
            assert_eq!(read_back.map_bits(), numbers.to_vec().map_bits());
            let transposed = file.tensors["z.b"].to_vec2::<f32>().unwrap();
            assert_eq!(transposed[0], [numbers[0], numbers[2]]);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    trait MapBits {
        fn map_bits(&self) -> Vec<u32>;
    }

    impl MapBits for Vec<f32> {
        fn map_bits(&self) -> Vec<u32> {
            self.iter().map(|x| x.to_bits()).collect()
        }
    }

    #[test]
    fn a_damaged_file_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let tensor = Tensor::new(&[1.0_f32, 2.0], &Device::Cpu).unwrap();
        write(&path, &BTreeMap::new(), &[("a".to_owned(), tensor)]).unwrap();
        let whole = fs::read(&path).unwrap();
        for broken in [
            &whole[..whole.len() - 1],
            &whole[..20],
            b"",
            b"\xff\xff\xff\xff\xff\xff\xff\xff{}",
        ] {
            fs::write(&path, broken).unwrap();
            assert!(read(&path).is_err_and(|reason| reason.contains("safetensors")));
        }
        assert!(read(folder.path()).is_err_and(|reason| reason.contains("cannot be read")));
    }
}
