//! The NVIDIA cards that this build can train on.

use super::load;
use crate::device::Card;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError, sys::CUresult};

/// The cards, and what is said of those that are left out. Opens each for a moment. An error says in words why there is none.
pub fn cards() -> Result<(Vec<Card>, String), String> {
    load()?;
    let count = match CudaContext::device_count() {
        Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) | Ok(0) => {
            return Err(
                "the NVIDIA driver finds no card, or CUDA_VISIBLE_DEVICES hides it".to_owned(),
            );
        }
        Err(error) => return Err(format!("the NVIDIA driver cannot list its cards: {error}")),
        Ok(count) => usize::try_from(count).unwrap_or(0),
    };
    let mut cards = Vec::new();
    let mut left_out = Vec::new();
    for index in 0..count {
        match card(index) {
            Ok(card) => cards.push(card),
            Err(reason) => left_out.push(format!("without cuda:{index}: {reason}")),
        }
    }
    match cards.as_slice() {
        [] => Err(left_out.join("; ")),
        _ => Ok((cards, left_out.join("; "))),
    }
}

fn card(index: usize) -> Result<Card, String> {
    let said = |error: DriverError| error.to_string();
    let context = CudaContext::new(index).map_err(said)?;
    let name = context.name().map_err(said)?;
    if let Some(wanted) = compute_capability(candle_kernels::FILL.ptx()) {
        let (major, minor) = context.compute_capability().map_err(said)?;
        if major * 10 + minor < wanted {
            return Err(format!(
                "{name} has compute capability {major}.{minor}, and this build is for {}.{} and newer: build it with \
                 CUDA_COMPUTE_CAP={major}{minor}",
                wanted / 10,
                wanted % 10
            ));
        }
    }
    let (free, total) = context.mem_get_info().map_err(said)?;
    Ok(Card {
        index,
        name,
        total_bytes: total as u64,
        free_bytes: free as u64,
    })
}

/// What candle's kernels were compiled for: 80 where the text has a line `.target sm_80`.
fn compute_capability(ptx: &str) -> Option<i32> {
    let (_, target) = ptx.split_once(".target sm_")?;
    let digits: String = target.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candles_kernels_say_which_cards_they_are_for() {
        let wanted = compute_capability(candle_kernels::FILL.ptx()).unwrap();
        assert!((50..=200).contains(&wanted), "{wanted}");
        assert_eq!(
            compute_capability(".version 9.0\n.target sm_90a\n"),
            Some(90)
        );
        assert_eq!(compute_capability("nothing"), None);
    }
}
