//! Opening the CUDA libraries where a card is first asked for.

#[cfg(target_arch = "x86_64")]
use super::forward;
use candle_core::cuda_backend::cudarc::driver::sys::{CUDA_VERSION, cuDriverGetVersion};
use libloading::Library;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A library that candle calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Driver,
    CublasLt,
    Cublas,
    Curand,
    Nvrtc,
    Cudnn,
}

impl Kind {
    const WITH_A_DRIVER: [Kind; 5] = [
        Kind::Driver,
        // Before cuBLAS, which wants it.
        Kind::CublasLt,
        Kind::Cublas,
        Kind::Curand,
        Kind::Cudnn,
    ];

    /// The file, by the tool-kit that this build was made with.
    fn file(self) -> String {
        let major = CUDA_VERSION / 1000;
        match self {
            Kind::Driver => "libcuda.so.1".to_owned(),
            Kind::CublasLt => format!("libcublasLt.so.{major}"),
            Kind::Cublas => format!("libcublas.so.{major}"),
            Kind::Curand => "libcurand.so.10".to_owned(),
            Kind::Nvrtc => format!("libnvrtc.so.{major}"),
            Kind::Cudnn => "libcudnn.so.9".to_owned(),
        }
    }

    fn is_wanted(self) -> bool {
        self != Kind::Cudnn || cfg!(feature = "cudnn")
    }

    fn open(self) -> Result<Library, String> {
        let file = self.file();
        let mut wrong = Vec::new();
        for path in places(&file) {
            // SAFETY: these are the libraries that a build by the linker would have loaded, with the same initialisers.
            match unsafe { Library::new(&path) } {
                Ok(library) => {
                    if self == Kind::Nvrtc {
                        open_builtins(&path);
                    }
                    return Ok(library);
                }
                // A file that is there and does not load is worth telling before one that is not there.
                Err(error) if path.exists() => wrong.insert(0, why(&error)),
                Err(error) => wrong.push(why(&error)),
            }
        }
        let wrong = wrong.into_iter().next().unwrap_or_default();
        Err(match self {
            Kind::Driver => format!("there is no NVIDIA driver ({wrong})"),
            _ => format!(
                "a library of CUDA {} is missing ({wrong}): install CUDA's libraries, or name their folder in \
                 LD_LIBRARY_PATH",
                version(CUDA_VERSION)
            ),
        })
    }
}

/// Opens what NVRTC opens by its bare name when it compiles: it would not be found in the folder where NVRTC itself was.
fn open_builtins(nvrtc: &Path) {
    let folder = nvrtc
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let Some(entries) = folder.and_then(|folder| folder.read_dir().ok()) else {
        return;
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("libnvrtc-builtins.so.")
        {
            // SAFETY: as in `open`. One that does not load is missed, and told of, when something is compiled.
            if let Ok(library) = unsafe { Library::new(entry.path()) } {
                std::mem::forget(library);
            }
        }
    }
}

/// What the system says of a library that it did not open.
fn why(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Where a library may be: where the system looks, the usual folders of a tool-kit, and beside this program.
fn places(file: &str) -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(file)];
    let named = ["CUDA_HOME", "CUDA_PATH"]
        .into_iter()
        .filter_map(std::env::var_os);
    let usual = std::iter::once("/usr/local/cuda".into());
    for home in named.chain(usual).map(PathBuf::from) {
        places.push(home.join("lib64").join(file));
    }
    let program = std::env::current_exe().ok();
    let folders = program
        .iter()
        .flat_map(|program| program.ancestors().skip(1).take(3));
    for folder in folders {
        places.push(folder.join("cuda").join(file));
        // What `make cuda` leaves in the folder above the executable's.
        places.push(folder.join("cuda-toolkit/lib64").join(file));
    }
    places
}

/// Opens the driver's library and the tool-kit's; what is missing or does not fit, in words. The first call decides.
pub fn load() -> Result<(), String> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(open).clone()
}

#[cfg(target_arch = "x86_64")]
fn open() -> Result<(), String> {
    // It compiles without a driver, and goes on doing so where there is none.
    let compiler = forward_to(Kind::Nvrtc);
    if compiler.is_err() {
        forward::to_nothing(Kind::Nvrtc);
    }
    let opened = Kind::WITH_A_DRIVER
        .into_iter()
        .filter(|kind| kind.is_wanted())
        .try_for_each(forward_to)
        .and(compiler);
    if opened.is_err() {
        Kind::WITH_A_DRIVER
            .into_iter()
            .for_each(forward::to_nothing);
    }
    opened
}

#[cfg(target_arch = "x86_64")]
fn forward_to(kind: Kind) -> Result<(), String> {
    let library = kind.open()?;
    forward::to_library(kind, &library);
    // Its functions are called from now on until the process ends.
    std::mem::forget(library);
    match kind {
        Kind::Driver => new_enough(),
        _ => Ok(()),
    }
}

/// Elsewhere the linker has found the libraries, and the program would not have started without them.
#[cfg(not(target_arch = "x86_64"))]
fn open() -> Result<(), String> {
    new_enough()
}

/// A driver loads only what a tool-kit of its own version or an older one has made.
fn new_enough() -> Result<(), String> {
    let mut driver = 0;
    // SAFETY: it writes one number, and may be called before everything else.
    let status = unsafe { cuDriverGetVersion(&raw mut driver) };
    status
        .result()
        .map_err(|error| format!("the NVIDIA driver does not answer: {error:?}"))?;
    too_old(u32::try_from(driver).unwrap_or(0), CUDA_VERSION).map_or(Ok(()), Err)
}

/// Why a driver cannot load what a tool-kit has made; versions are CUDA's, as 13000 for 13.0.
fn too_old(driver: u32, toolkit: u32) -> Option<String> {
    (driver < toolkit).then(|| {
        let (driver, toolkit) = (version(driver), version(toolkit));
        format!(
            "the NVIDIA driver knows CUDA {driver}, and this build was made with CUDA {toolkit}, which it cannot load: install \
             a newer driver, or build with a tool-kit of {driver} or older (docs/CUDA.md)"
        )
    })
}

/// `13.0` of 13000.
fn version(number: u32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_is_older_than_the_tool_kit_is_told_with_both_versions() {
        assert_eq!(too_old(13000, 13000), None);
        assert_eq!(too_old(13020, 12080), None);
        let told = too_old(12080, 13000).unwrap();
        assert!(
            told.contains("knows CUDA 12.8") && told.contains("made with CUDA 13.0"),
            "{told}"
        );
    }

    #[test]
    fn libraries_are_looked_for_where_the_system_does_first() {
        let places = places("libcublas.so.13");
        assert_eq!(places[0], PathBuf::from("libcublas.so.13"));
        assert!(
            places
                .iter()
                .any(|place| place.ends_with("cuda-toolkit/lib64/libcublas.so.13"))
        );
    }
}
