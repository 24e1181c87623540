//! The kernels' text, and what arguments each kernel takes.

use candle_core::DType;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The kernels of all files behind the words they are written in, and those of further files.
macro_rules! text {
    ($($further:literal)*) => {
        concat!(
            include_str!("kernels/prelude.cu"),
            include_str!("kernels/random.cu"),
            include_str!("kernels/chosen.cu"),
            include_str!("kernels/convolution.cu"),
            include_str!("kernels/norm.cu"),
            include_str!("kernels/tail.cu"),
            include_str!("kernels/group_norm.cu"),
            include_str!("kernels/pooling.cu"),
            include_str!("kernels/pointwise.cu"),
            include_str!("kernels/recurrent.cu"),
            include_str!("kernels/cross_entropy.cu"),
            include_str!("kernels/optimizer.cu"),
            $(include_str!($further)),*
        )
    };
}

/// All kernels: one compilation unit.
#[cfg(not(test))]
pub(super) const SOURCE: &str = text!();
#[cfg(test)]
pub(super) const SOURCE: &str = text!("kernels/faulty.cu");

/// What a kernel takes in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    /// The numbers of a tensor, to be read.
    Read(DType),
    /// The numbers of a tensor, to be written, or read and written.
    Write(DType),
    Int,
    Word,
    Float,
    Double,
}

/// Each kernel's parameters, from its declaration in [`SOURCE`].
static SIGNATURES: LazyLock<HashMap<&str, Vec<Option<Parameter>>>> = LazyLock::new(|| {
    SOURCE
        .split("\nKERNEL(")
        .skip(1)
        .filter_map(|rest| {
            let (name, rest) = rest.split_once(')')?;
            let (_, rest) = rest.split_once('(')?;
            let (parameters, _) = rest.split_once(')')?;
            Some((name, parameters.split(',').map(parameter).collect()))
        })
        .collect()
});

/// The parameter that a declaration such as `const float* x` declares; none where it is not one of ours.
fn parameter(declaration: &str) -> Option<Parameter> {
    let (kind, _) = declaration.trim().rsplit_once(' ')?;
    let number = |kind: &str| match kind {
        "float" => Some(DType::F32),
        "double" => Some(DType::F64),
        "unsigned" => Some(DType::U32),
        "unsigned char" => Some(DType::U8),
        _ => None,
    };
    match kind.strip_suffix('*') {
        Some(kind) => match kind.strip_prefix("const ") {
            Some(kind) => number(kind).map(Parameter::Read),
            None => number(kind).map(Parameter::Write),
        },
        None => match kind {
            "int" => Some(Parameter::Int),
            "unsigned" => Some(Parameter::Word),
            "float" => Some(Parameter::Float),
            "double" => Some(Parameter::Double),
            _ => None,
        },
    }
}

/// The parameters of a kernel in their order; none for a name that no kernel has.
pub(super) fn parameters(kernel: &str) -> Option<&'static [Option<Parameter>]> {
    SIGNATURES.get(kernel).map(Vec::as_slice)
}

/// All kernels' names.
#[cfg(test)]
pub(super) fn kernels() -> Vec<&'static str> {
    let mut names: Vec<&str> = SIGNATURES.keys().copied().collect();
    names.sort_unstable();
    names
}
