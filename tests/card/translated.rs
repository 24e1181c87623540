//! Kernels that the system's C compiler has made of their PTX.

use super::memory::memory;
use super::{ptx, report};
use libloading::Library;
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Begins and ends a piece of memory.
#[repr(C)]
pub struct Range {
    from: u64,
    to: u64,
}

type Find = extern "C" fn(u64, *mut Range) -> i32;
type Run =
    unsafe extern "C" fn(*mut *mut c_void, *const u32, *const u32, Find, u32, *mut u64) -> i32;

/// Finds the piece of memory that an address is in.
extern "C" fn find(address: u64, range: *mut Range) -> i32 {
    match memory().find(address) {
        Some((from, to)) => {
            // SAFETY: the kernel gives a range of its own.
            unsafe { *range = Range { from, to } };
            1
        }
        None => 0,
    }
}

pub struct Kernel {
    pub name: String,
    /// Bytes of each parameter.
    pub parameters: Vec<usize>,
    run: Run,
}

impl Kernel {
    /// The kernel of this name in a module's text.
    pub fn new(module: &str, name: &str) -> Result<Kernel, String> {
        let in_c = ptx::to_c(module, name)?;
        let library = library(name, &in_c.code)?;
        // SAFETY: the function was generated with this type. The library is never closed.
        let run = unsafe {
            let run = library.get::<Run>(format!("run_{name}").as_bytes());
            *run.map_err(|error| error.to_string())?
        };
        std::mem::forget(library);
        Ok(Kernel {
            name: name.to_owned(),
            parameters: in_c.parameters,
            run,
        })
    }

    /// Runs it for a grid of blocks; an error is the driver's number.
    pub fn run(
        &self,
        values: &[Vec<u8>],
        grid: [u32; 3],
        block: [u32; 3],
        shared: u32,
    ) -> Result<(), i32> {
        let mut pointers: Vec<*mut c_void> = values
            .iter()
            .map(|value| value.as_ptr().cast_mut().cast())
            .collect();
        let mut bytes = 0;
        // SAFETY: the parameters are as many and as long as the kernel declares, and whatever it does with an address goes
        // through `find`.
        let fault = unsafe {
            (self.run)(
                pointers.as_mut_ptr(),
                grid.as_ptr(),
                block.as_ptr(),
                find,
                shared,
                &raw mut bytes,
            )
        };
        report::count(&format!("kernel {}", self.name), bytes);
        let why = match fault {
            0 => return Ok(()),
            1 => "goes to an address that belongs to nothing",
            2 => "has threads that wait in different places",
            _ => "has failed a check of its own",
        };
        eprintln!("card in software: the kernel {} {why}", self.name);
        // CUDA_ERROR_ILLEGAL_ADDRESS, CUDA_ERROR_LAUNCH_FAILED
        Err(if fault == 1 { 700 } else { 719 })
    }
}

/// A kernel's code as a library; it is compiled once for all processes that share a folder.
fn library(name: &str, code: &str) -> Result<Library, String> {
    let folder = std::env::var_os("CARD_CACHE").map_or_else(std::env::temp_dir, PathBuf::from);
    let hash = blake3::hash(code.as_bytes()).to_hex();
    let path = folder.join(format!("{name}-{}.so", &hash[..16]));
    if !path.exists() {
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        compile(&folder, &path, code)?;
    }
    // SAFETY: it was made of the code by the compiler; loading it runs nothing.
    unsafe { Library::new(&path) }.map_err(|error| error.to_string())
}

fn compile(folder: &Path, path: &Path, code: &str) -> Result<(), String> {
    let made = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
    let (source, library) = (made.path().join("kernel.c"), made.path().join("kernel.so"));
    std::fs::write(&source, code).map_err(|error| error.to_string())?;
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(compiler)
        // Sums are those that the instructions say, and integers may overflow.
        .args(["-std=gnu11", "-O2", "-march=native", "-ffp-contract=off"])
        .args(["-fwrapv", "-fno-strict-aliasing", "-w", "-shared", "-fPIC"])
        .arg("-o")
        .args([&library, &source])
        .arg("-lm")
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    std::fs::rename(&library, path).map_err(|error| error.to_string())
}
