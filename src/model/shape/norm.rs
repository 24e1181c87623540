//! Layers that normalise: they keep the shape.

use super::words;
use crate::run::{BatchNorm, GroupNorm};

pub(super) fn batch_norm(norm: &BatchNorm, input: &[usize]) -> Result<Vec<usize>, String> {
    epsilon(norm.eps)?;
    if !(norm.momentum > 0.0 && norm.momentum <= 1.0) {
        return Err(format!(
            "momentum = {} never takes in a batch's statistics: above 0, at most 1, such as 0.1",
            norm.momentum
        ));
    }
    image_or_row(input)
}

pub(super) fn group_norm(norm: &GroupNorm, input: &[usize]) -> Result<Vec<usize>, String> {
    epsilon(norm.eps)?;
    let output = image_or_row(input)?;
    let (channels, groups) = (input[0], norm.groups);
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(format!(
            "{channels} channels cannot be cut into {groups} groups: take a divisor of {channels}"
        ));
    }
    if input.iter().product::<usize>() == groups {
        return Err(format!(
            "a group of one number becomes zero, whatever the number: take fewer than {groups} groups"
        ));
    }
    Ok(output)
}

fn epsilon(eps: f64) -> Result<(), String> {
    if eps > 0.0 && eps <= 1.0 {
        Ok(())
    } else {
        Err(format!(
            "eps = {eps} keeps no division from zero: above 0, at most 1, such as 1e-5"
        ))
    }
}

fn image_or_row(input: &[usize]) -> Result<Vec<usize>, String> {
    match input {
        [_] | [_, _, _] => Ok(input.to_vec()),
        _ => Err(format!(
            "works on images or rows of numbers, and gets {}: put it before the sequence or after last_step",
            words(input)
        )),
    }
}
