//! The kernels on the processor, for tests: the same text in the system's C compiler, one thread after the other.
//!
//! It is strict where a card is not. What a kernel is to write is NaN before; beside every tensor are bytes that must stay
//! as they are, as must a tensor that is only read; and every kernel runs a second time, its blocks and threads in the
//! opposite order, to the same bits.

use super::launch::{Argument, Launch};
use super::source::{Parameter, SOURCE, kernels, parameters};
use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Result, Shape, Tensor, bail};
use libloading::Library;
use std::cell::Cell;
use std::ffi::c_void;
use std::fmt::Write;
use std::process::Command;
use std::sync::LazyLock;

/// Eight-byte words before and behind every tensor's numbers.
const GUARD: usize = 16;
/// What they hold, and what is not yet written: NaN as float32 and as float64.
const NOTHING: u64 = u64::MAX;

/// `run_<kernel>` (arguments, blocks across and down, whether in the opposite order).
type Run = unsafe extern "C" fn(*mut *mut c_void, i32, i32, i32);

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("k.c"), folder.path().join("k.so"));
    std::fs::write(&source, in_c()).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(compiler)
        .args(["-std=gnu11", "-O2", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-lm")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // SAFETY: the library is the kernels and the functions that call them; loading it runs nothing.
    unsafe { Library::new(&library) }.unwrap()
});

/// The kernels, each with a function that runs it for all blocks of a grid.
fn in_c() -> String {
    let mut text = SOURCE.to_owned();
    for kernel in kernels() {
        let arguments = parameters(kernel).unwrap().iter().enumerate();
        let arguments = arguments.map(|(i, parameter)| {
            let kind = match parameter.unwrap() {
                Parameter::Read(dtype) | Parameter::Write(dtype) => match dtype {
                    DType::F64 => "double*",
                    DType::U32 => "unsigned*",
                    DType::U8 => "unsigned char*",
                    _ => "float*",
                },
                Parameter::Int => "int",
                Parameter::Word => "unsigned",
                Parameter::Float => "float",
                Parameter::Double => "double",
            };
            format!("*({kind}*)a[{i}]")
        });
        let arguments: Vec<String> = arguments.collect();
        writeln!(
            text,
            "void run_{kernel}(void** a, int x, int y, int reverse) {{ EACH_BLOCK(x, y, reverse) {kernel}({}); }}",
            arguments.join(", ")
        )
        .unwrap();
    }
    text
}

/// A tensor whose numbers are nothing yet.
pub fn empty(shape: Shape, dtype: DType, device: &Device) -> Result<Tensor> {
    match dtype {
        DType::F32 => Tensor::full(f32::NAN, shape, device),
        DType::F64 => Tensor::full(f64::NAN, shape, device),
        DType::U32 => Tensor::full(u32::MAX, shape, device),
        DType::U8 => Tensor::full(u8::MAX, shape, device),
        _ => bail!("no kernel writes {dtype:?}"),
    }
}

/// Runs a kernel whose arguments have been checked.
pub fn launch(launch: &Launch) -> Result<()> {
    let forwards = run(launch, false)?;
    let backwards = run(launch, true)?;
    if forwards != backwards {
        bail!("{} depends on the order of its threads", launch.kernel);
    }
    for (argument, words) in launch.arguments.iter().zip(forwards) {
        if let Argument::Write(tensor) = argument {
            let numbers = numbers(&words, tensor);
            tensor.inplace_op1(&Put(Cell::new(Some(numbers))))?;
        }
    }
    Ok(())
}

/// The tensors' words after the kernel has run, guards included; of arguments that are no tensors nothing.
fn run(launch: &Launch, reverse: bool) -> Result<Vec<Vec<u64>>> {
    let before = launch.arguments.iter().map(words);
    let before: Vec<Vec<u64>> = before.collect::<Result<_>>()?;
    let mut after = before.clone();
    // Each argument's value in eight bytes: an address or a number.
    let mut values: Vec<u64> = Vec::new();
    for (argument, words) in launch.arguments.iter().zip(&mut after) {
        values.push(match *argument {
            Argument::Read(_) | Argument::Write(_) => words[GUARD..].as_mut_ptr() as u64,
            Argument::Int(number) => number as u64,
            Argument::Word(word) => u64::from(word),
            Argument::Float(number) => u64::from(number.to_bits()),
            Argument::Double(number) => number.to_bits(),
        });
    }
    let mut pointers: Vec<*mut c_void> = values
        .iter_mut()
        .map(|value| std::ptr::from_mut(value).cast())
        .collect();
    let name = format!("run_{}", launch.kernel);
    let (across, down) = (launch.grid.0 as i32, launch.grid.1 as i32);
    // SAFETY: the arguments are of the kinds that the kernel declares, `Launch::run` has checked that; the tensors' copies
    // live until it returns.
    unsafe {
        let run = LIBRARY.get::<Run>(name.as_bytes());
        let run = run.map_err(candle_core::Error::wrap)?;
        run(pointers.as_mut_ptr(), across, down, i32::from(reverse));
    }
    for ((argument, before), after) in launch.arguments.iter().zip(&before).zip(&after) {
        let untouched = match argument {
            Argument::Read(_) => before == after,
            Argument::Write(tensor) => {
                let end = GUARD * 8 + tensor.elem_count() * tensor.dtype().size_in_bytes();
                bytes(after)[..GUARD * 8] == bytes(before)[..GUARD * 8]
                    && bytes(after)[end..] == bytes(before)[end..]
            }
            _ => true,
        };
        if !untouched {
            bail!("{} writes where it may not", launch.kernel);
        }
    }
    Ok(after)
}

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// A tensor's numbers between two guards.
fn words(argument: &Argument) -> Result<Vec<u64>> {
    let (Argument::Read(tensor) | Argument::Write(tensor)) = argument else {
        return Ok(Vec::new());
    };
    let flat = tensor.flatten_all()?;
    let mut bytes: Vec<u8> = match tensor.dtype() {
        DType::F32 => flat
            .to_vec1::<f32>()?
            .iter()
            .flat_map(|x| x.to_ne_bytes())
            .collect(),
        DType::F64 => flat
            .to_vec1::<f64>()?
            .iter()
            .flat_map(|x| x.to_ne_bytes())
            .collect(),
        DType::U32 => flat
            .to_vec1::<u32>()?
            .iter()
            .flat_map(|x| x.to_ne_bytes())
            .collect(),
        DType::U8 => flat.to_vec1::<u8>()?,
        dtype => bail!("no kernel takes {dtype:?}"),
    };
    bytes.resize(bytes.len().next_multiple_of(8), u8::MAX);
    let (numbers, _) = bytes.as_chunks::<8>();
    let numbers = numbers.iter().map(|&word| u64::from_ne_bytes(word));
    let guard = || std::iter::repeat_n(NOTHING, GUARD);
    Ok(guard().chain(numbers).chain(guard()).collect())
}

/// The numbers between the guards, as storage of the tensor's kind.
fn numbers(words: &[u64], tensor: &Tensor) -> CpuStorage {
    let bytes = bytes(&words[GUARD..]);
    let bytes = &bytes[..tensor.elem_count() * tensor.dtype().size_in_bytes()];
    let (four, _) = bytes.as_chunks::<4>();
    let (eight, _) = bytes.as_chunks::<8>();
    match tensor.dtype() {
        DType::F32 => CpuStorage::F32(four.iter().map(|&x| f32::from_ne_bytes(x)).collect()),
        DType::U32 => CpuStorage::U32(four.iter().map(|&x| u32::from_ne_bytes(x)).collect()),
        DType::F64 => CpuStorage::F64(eight.iter().map(|&x| f64::from_ne_bytes(x)).collect()),
        _ => CpuStorage::U8(bytes.to_vec()),
    }
}

/// Puts numbers into a tensor that owns its memory whole.
struct Put(Cell<Option<CpuStorage>>);

impl InplaceOp1 for Put {
    fn name(&self) -> &'static str {
        "put"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let new = self.0.take();
        let whole = layout.start_offset() == 0 && layout.shape().elem_count() == length(storage);
        match new {
            Some(new) if whole => *storage = new,
            _ => bail!("a kernel writes whole tensors"),
        }
        Ok(())
    }
}

fn length(storage: &CpuStorage) -> usize {
    match storage {
        CpuStorage::F32(x) => x.len(),
        CpuStorage::F64(x) => x.len(),
        CpuStorage::U32(x) => x.len(),
        CpuStorage::U8(x) => x.len(),
        _ => usize::MAX,
    }
}

mod tests {
    use super::*;

    #[test]
    fn a_kernel_with_a_fault_does_not_pass() {
        let tensor = |n: usize| empty(n.into(), DType::F32, &Device::Cpu).unwrap();
        let (x, y, block) = (tensor(5), tensor(5), tensor(256));
        let launch = |kernel| Launch::each(kernel, 5);
        for (faulty, word) in [
            (
                launch("goes_beyond_the_end").write(&y).int(5),
                "where it may not",
            ),
            (
                launch("writes_what_it_may_only_read").read(&x).int(5),
                "where it may not",
            ),
            (
                Launch::blocks("does_not_wait", 1, 1).write(&block),
                "order of its threads",
            ),
        ] {
            let error = faulty.run().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        launch("leaves_one_out").write(&y).int(5).run().unwrap();
        let numbers = y.to_vec1::<f32>().unwrap();
        assert_eq!(numbers[..4], [1.0; 4]);
        assert!(numbers[4].is_nan());
    }
}
