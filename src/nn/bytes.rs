//! Numbers of bytes, such as an image's pixels.

use super::kernel::Kernels;

/// `out`ᵢ = `bytes`ᵢ · `factor` + `summand`, both rounded, so the same bits on every processor; as many as both have.
pub fn scale_bytes(bytes: &[u8], factor: f32, summand: f32, out: &mut [f32]) {
    Kernels::best().scale_bytes(bytes, factor, summand, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_gives_the_same_bits_at_every_length() {
        let (factor, summand) = (1.0 / (255.0 * 0.229), -0.485 / 0.229);
        for n in [0, 1, 15, 16, 17, 63, 64, 300, 1000] {
            let bytes: Vec<u8> = (0..n).map(|i| (i * 7 % 256) as u8).collect();
            let expected: Vec<f32> = bytes
                .iter()
                .map(|&x| f32::from(x) * factor + summand)
                .collect();
            for kernels in Kernels::all() {
                let mut out = vec![f32::NAN; n];
                kernels.scale_bytes(&bytes, factor, summand, &mut out);
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&out), bits(&expected), "{}, {n}", kernels.name);
            }
        }
    }
}
