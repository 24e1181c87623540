//! The devices, as `gapwatch devices` lists them.

#[cfg(feature = "cuda")]
use super::cuda::cards;
use crate::nn::cuda::IN_THIS_BUILD;
use crate::nn::instruction_set;
use crate::run::{Device, FieldError, SpecError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is said where a build without the feature is asked for a card.
const NOT_IN_THIS_BUILD: &str =
    "this build has no CUDA: make cuda builds one that has (docs/CUDA.md)";

/// What runs can be trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Devices {
    pub cpu: Processor,
    /// By their number, which a spec names as `cuda:0`.
    pub cuda: Vec<Card>,
    /// Why there is no card, or why some are left out; empty where there is nothing to say.
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Processor {
    pub cores: usize,
    /// `avx512`, `avx2` or `portable`.
    pub instruction_set: String,
}

/// An NVIDIA card that this build can train on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Card {
    pub index: usize,
    pub name: String,
    pub total_bytes: u64,
    /// At the time when it was looked at.
    pub free_bytes: u64,
}

impl Devices {
    /// The processor alone, and why.
    pub fn without_cards(note: impl Into<String>) -> Devices {
        Devices {
            cpu: Processor {
                cores: std::thread::available_parallelism().map_or(1, usize::from),
                instruction_set: instruction_set().to_owned(),
            },
            cuda: Vec::new(),
            note: note.into(),
        }
    }

    /// Looks at this machine's cards and opens each for a moment.
    pub fn look() -> Devices {
        match cards() {
            Ok((cuda, note)) => Devices {
                cuda,
                ..Devices::without_cards(note)
            },
            Err(reason) => Devices::without_cards(reason),
        }
    }

    /// An error that lists what there is, where a spec names a card that is not there.
    pub fn check(&self, device: Device) -> Result<(), SpecError> {
        let Device::Cuda(index) = device else {
            return Ok(());
        };
        if self.cuda.iter().any(|card| card.index == index) {
            return Ok(());
        }
        let cards: Vec<String> = self.cuda.iter().map(Card::to_string).collect();
        let message = match cards.as_slice() {
            [] => format!("there is no cuda:{index}: {}. Write auto or cpu", self.note),
            _ => format!(
                "there is no cuda:{index}. There are {}. Write one of them, auto or cpu",
                cards.join("; ")
            ),
        };
        Err(SpecError(vec![FieldError {
            field: "device".to_owned(),
            message,
        }]))
    }

    /// The note as a sentence; empty where there is nothing to say.
    pub fn said(&self) -> String {
        let mut letters = self.note.chars();
        match letters.next() {
            Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
            None => String::new(),
        }
    }

    /// What a run's page says of a device: `cuda:0 (NVIDIA H200)`, or the device as a spec names it.
    pub fn label(&self, device: Device) -> String {
        let named = self
            .cuda
            .iter()
            .find(|card| Device::Cuda(card.index) == device);
        let device = String::from(device);
        named.map_or(device.clone(), |card| format!("{device} ({})", card.name))
    }
}

/// A spec's device that this build cannot use at all, with the way out.
pub fn check_build(device: Device) -> Result<(), String> {
    match device {
        Device::Cuda(_) if !IN_THIS_BUILD => {
            Err(format!("{NOT_IN_THIS_BUILD}. Here write auto or cpu"))
        }
        _ => Ok(()),
    }
}

/// Which of the driver and CUDA's libraries is missing here, in words; none where they are there, or this build wants none.
pub fn missing() -> Option<String> {
    #[cfg(feature = "cuda")]
    return super::cuda::load().err();
    #[cfg(not(feature = "cuda"))]
    None
}

#[cfg(not(feature = "cuda"))]
fn cards() -> Result<(Vec<Card>, String), String> {
    Err(NOT_IN_THIS_BUILD.to_owned())
}

impl fmt::Display for Card {
    /// `cuda:0 NVIDIA H200, 138.6 of 139.8 GiB free`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        write!(
            f,
            "cuda:{} {}, {:.1} of {:.1} GiB free",
            self.index,
            self.name,
            gib(self.free_bytes),
            gib(self.total_bytes)
        )
    }
}

impl fmt::Display for Processor {
    /// `cpu 2 cores, avx512`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let s = if self.cores == 1 { "" } else { "s" };
        write!(f, "cpu {} core{s}, {}", self.cores, self.instruction_set)
    }
}

impl fmt::Display for Devices {
    /// A device a line, and the note.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.cpu)?;
        for card in &self.cuda {
            write!(f, "\n{card}")?;
        }
        if !self.note.is_empty() {
            write!(f, "\n{}", self.said())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_cards() -> Devices {
        let card = |index, name: &str, free| Card {
            index,
            name: name.to_owned(),
            total_bytes: 16 << 30,
            free_bytes: free,
        };
        Devices {
            cuda: vec![
                card(0, "NVIDIA T4", 3 << 29),
                card(2, "NVIDIA L4", 15 << 30),
            ],
            ..Devices::without_cards("without cuda:1: it is broken")
        }
    }

    #[test]
    fn a_card_that_is_not_there_is_refused_with_those_that_are() {
        let devices = two_cards();
        for device in [Device::Auto, Device::Cpu, Device::Cuda(0), Device::Cuda(2)] {
            devices.check(device).unwrap();
        }
        assert_eq!(
            devices.check(Device::Cuda(5)).unwrap_err().to_string(),
            "device: there is no cuda:5. There are cuda:0 NVIDIA T4, 1.5 of 16.0 GiB free; cuda:2 NVIDIA L4, 15.0 of 16.0 GiB \
             free. Write one of them, auto or cpu"
        );
        let none = Devices::without_cards("there is no NVIDIA driver");
        assert_eq!(
            none.check(Device::Cuda(0)).unwrap_err().to_string(),
            "device: there is no cuda:0: there is no NVIDIA driver. Write auto or cpu"
        );
    }

    #[test]
    fn the_list_has_a_device_a_line_and_the_note() {
        let mut devices = two_cards();
        devices.cpu = Processor {
            cores: 8,
            instruction_set: "avx2".to_owned(),
        };
        assert_eq!(
            devices.to_string(),
            "cpu 8 cores, avx2\ncuda:0 NVIDIA T4, 1.5 of 16.0 GiB free\ncuda:2 NVIDIA L4, 15.0 of 16.0 GiB free\n\
             Without cuda:1: it is broken."
        );
        assert_eq!(devices.label(Device::Cuda(2)), "cuda:2 (NVIDIA L4)");
        assert_eq!(devices.label(Device::Cpu), "cpu");
    }

    #[test]
    fn a_build_says_whether_it_can_use_cards_at_all() {
        assert_eq!(check_build(Device::Cuda(0)).is_ok(), IN_THIS_BUILD);
        check_build(Device::Auto).unwrap();
        if !IN_THIS_BUILD {
            assert!(Devices::look().note.contains("this build has no CUDA"));
        }
    }
}
