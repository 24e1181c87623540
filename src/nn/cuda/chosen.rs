//! A batch out of images that are on a card already.

use super::launch::{Launch, floats};
use candle_core::{Result, Tensor, bail};

/// The images `which` of all, (N, C, H, W): those that follow each other are not copied.
pub fn chosen(all: &Tensor, which: &[usize]) -> Result<Tensor> {
    let (n, c, h, w) = all.dims4()?;
    if which.iter().any(|&image| image >= n) {
        bail!("there are {n} images, and another is asked for");
    }
    let follow = which.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    if let (true, Some(&first)) = (follow, which.first()) {
        return all.narrow(0, first, which.len());
    }
    let numbers: Vec<u32> = which.iter().map(|&image| image as u32).collect();
    let numbers = Tensor::from_vec(numbers, which.len(), all.device())?;
    let images = floats((which.len(), c, h, w), all.device())?;
    Launch::each("chosen", images.elem_count())
        .read(all)
        .read(&numbers)
        .write(&images)
        .ints([images.elem_count(), c * h * w])
        .run()?;
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{from_vec, values};

    #[test]
    fn a_batch_holds_the_images_that_were_chosen_in_their_order() {
        let all: Vec<f32> = (0..7 * 30).map(|x| x as f32).collect();
        let tensor = from_vec(all.clone(), (7, 2, 3, 5)).unwrap();
        for which in [&[6, 0, 3, 3][..], &[2, 3, 4], &[5]] {
            let own = chosen(&tensor, which).unwrap();
            let expected: Vec<f32> = which
                .iter()
                .flat_map(|&i| all[i * 30..][..30].to_vec())
                .collect();
            assert_eq!(own.dims(), [which.len(), 2, 3, 5]);
            assert_eq!(values(&own).unwrap(), expected);
        }
        assert!(chosen(&tensor, &[7]).is_err());
    }
}
