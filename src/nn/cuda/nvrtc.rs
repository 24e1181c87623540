//! The kernels in NVRTC, CUDA's compiler, for tests: it needs neither a card nor a driver.

use super::source::{SOURCE, kernels};
use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

type Program = *mut c_void;
type Create = unsafe extern "C" fn(
    *mut Program,
    *const c_char,
    *const c_char,
    c_int,
    *const *const c_char,
    *const *const c_char,
) -> c_int;
type Compile = unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int;
type Size = unsafe extern "C" fn(Program, *mut usize) -> c_int;
type Text = unsafe extern "C" fn(Program, *mut c_char) -> c_int;

/// Where the library may be: where the system looks, and the folders of a tool-kit.
fn places() -> Vec<PathBuf> {
    let named = ["CUDA_HOME", "CUDA_PATH"]
        .into_iter()
        .filter_map(std::env::var_os);
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/cuda-toolkit");
    let homes = named
        .map(PathBuf::from)
        .chain(["/usr/local/cuda".into(), made]);
    let folders = homes.flat_map(|home| [home.join("lib64"), home.join("lib")]);
    let folders: Vec<PathBuf> = [PathBuf::new()].into_iter().chain(folders).collect();
    let files = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];
    let all = folders
        .iter()
        .flat_map(|folder| files.map(|file| folder.join(file)));
    all.collect()
}

/// NVRTC, and what it opens by its bare name when it compiles.
fn open() -> Vec<Library> {
    // SAFETY: these are NVIDIA's libraries; loading them runs their own initialisers only.
    let load = |path: &Path| unsafe { Library::new(path) }.ok();
    let mut places = places().into_iter();
    let Some((path, nvrtc)) = places.find_map(|path| Some((path.clone(), load(&path)?))) else {
        panic!("NVRTC is nowhere: name its folder in LD_LIBRARY_PATH, or its tool-kit in CUDA_HOME")
    };
    let entries = path.parent().and_then(|folder| folder.read_dir().ok());
    let files = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let builtins = files.filter(|file| file.to_string_lossy().contains("libnvrtc-builtins.so"));
    [nvrtc]
        .into_iter()
        .chain(builtins.filter_map(|file| load(&file)))
        .collect()
}

/// What the compiler makes of the kernels for an architecture such as `sm_80`, which it assembles too: PTX, or what it says.
fn compile(library: &Library, architecture: &str) -> Result<String, String> {
    let source = CString::new(SOURCE).unwrap();
    let option = CString::new(format!("--gpu-architecture={architecture}")).unwrap();
    let options = [option.as_ptr()];
    let mut program = null_mut();
    // SAFETY: the functions are declared as in nvrtc.h, the texts end with zero and outlive the calls, and a text is written
    // into as many bytes as the compiler has asked for.
    unsafe {
        let text = |size: &[u8], text: &[u8], program: Program| {
            let mut length = 0;
            library.get::<Size>(size).unwrap()(program, &raw mut length);
            let mut bytes = vec![0u8; length + 1];
            library.get::<Text>(text).unwrap()(program, bytes.as_mut_ptr().cast());
            CStr::from_bytes_until_nul(&bytes)
                .unwrap()
                .to_string_lossy()
                .into_owned()
        };
        let create = library.get::<Create>(b"nvrtcCreateProgram").unwrap();
        let made = create(&raw mut program, source.as_ptr(), null(), 0, null(), null());
        assert_eq!(made, 0);
        let status =
            library.get::<Compile>(b"nvrtcCompileProgram").unwrap()(program, 1, options.as_ptr());
        if status != 0 {
            return Err(text(
                b"nvrtcGetProgramLogSize",
                b"nvrtcGetProgramLog",
                program,
            ));
        }
        Ok(text(b"nvrtcGetPTXSize", b"nvrtcGetPTX", program))
    }
}

#[test]
#[cfg_attr(
    not(feature = "cuda"),
    ignore = "needs NVRTC of a CUDA tool-kit, but no card"
)]
fn the_kernels_compile_for_cards_of_compute_capability_8_and_9() {
    let libraries = open();
    for architecture in ["sm_80", "sm_90"] {
        let ptx = compile(&libraries[0], architecture).unwrap();
        for kernel in kernels() {
            assert!(ptx.contains(&format!(".entry {kernel}(")), "{kernel}");
        }
    }
}
