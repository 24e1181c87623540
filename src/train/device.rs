//! The device that a run trains on.

use super::TrainError;
use crate::device::{check_build, missing};
use crate::nn::{cuda, instruction_set};
use crate::run::{Device, RunSpec};

/// Opens the device that a spec asks for, for products as precise as it asks for.
///
/// `auto` is the card with the most free memory where this build can use one and one is there, else the processor. A card
/// that is not there, or a build that can use none, is an error that says what to do.
pub fn open(spec: &RunSpec) -> Result<candle_core::Device, TrainError> {
    cuda::allow_tf32(spec.tf32);
    let device = spec.device;
    match device {
        Device::Cpu => Ok(candle_core::Device::Cpu),
        Device::Auto => match cuda::emptiest() {
            Some(ordinal) => Ok(cuda::open(ordinal)?),
            None => Ok(candle_core::Device::Cpu),
        },
        Device::Cuda(ordinal) => {
            check_build(device).map_err(TrainError::Device)?;
            cuda::open(ordinal).map_err(|error| {
                let error = missing().unwrap_or_else(|| error.to_string());
                TrainError::Device(format!(
                    "the card cuda:{ordinal} cannot be used: {error}. Set device = \"auto\" or \"cpu\"; gapwatch devices \
                     lists the cards that are there"
                ))
            })
        }
    }
}

/// The name of an opened device as a spec writes it: `cpu` or `cuda:0`.
pub fn name(device: &candle_core::Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        _ => "cpu".to_owned(),
    }
}

/// An opened device in words: `cpu`, or `cuda:0 (NVIDIA A100, TF32)`.
pub(super) fn described(device: &candle_core::Device, tf32: bool) -> String {
    let precision = if tf32 { ", TF32" } else { "" };
    match cuda::name(device) {
        Some(card) => format!("{} ({card}{precision})", name(device)),
        None => name(device),
    }
}

/// What the last bits of all figures depend on: the processor's instruction set, or the card's make.
pub(super) fn arithmetic(device: &candle_core::Device) -> String {
    cuda::name(device).unwrap_or_else(|| instruction_set().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_by(device: Device) -> Result<candle_core::Device, TrainError> {
        open(&RunSpec {
            device,
            ..RunSpec::default()
        })
    }

    #[test]
    fn a_build_that_can_use_no_card_says_how_to_get_one_that_can() {
        if cuda::IN_THIS_BUILD {
            // A card of this number is nowhere, and the error names it.
            let error = open_by(Device::Cuda(4096)).unwrap_err().to_string();
            assert!(error.contains("cuda:4096"), "{error}");
        } else {
            let error = open_by(Device::Cuda(0)).unwrap_err().to_string();
            assert!(error.contains("make cuda"), "{error}");
            assert_eq!(name(&open_by(Device::Auto).unwrap()), "cpu");
        }
        assert_eq!(name(&open_by(Device::Cpu).unwrap()), "cpu");
    }
}
