//! Seeded random streams: number i of a stream is a pure function of the seed, the stream's name, the step, and i.

use super::kernel::Kernels;

/// A counter-based stream: Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3").
///
/// The key is a hash of seed and name; the counter holds the step and the element. So any element can be had at any
/// time, in any order, on any thread, and a resumed run draws what the uninterrupted one would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    step: [u32; 2],
}

impl Stream {
    /// The stream of this name, at step 0.
    pub fn new(seed: u64, name: &str) -> Stream {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(name.as_bytes());
        let hash = *hasher.finalize().as_bytes();
        Stream {
            key: [
                u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]),
                u32::from_le_bytes([hash[4], hash[5], hash[6], hash[7]]),
            ],
            step: [0, 0],
        }
    }

    /// The same stream at a step: independent numbers.
    pub fn at(self, step: u64) -> Stream {
        Stream {
            step: [step as u32, (step >> 32) as u32],
            ..self
        }
    }

    /// What a kernel on a card draws by: the key, then the step.
    pub(super) fn words(&self) -> [u32; 4] {
        let ([a, b], [c, d]) = (self.key, self.step);
        [a, b, c, d]
    }

    /// Numbers 4·`block` to 4·`block` + 3.
    #[inline(always)]
    pub fn block(&self, block: u64) -> [u32; 4] {
        let counter = [
            block as u32,
            (block >> 32) as u32,
            self.step[0],
            self.step[1],
        ];
        philox(counter, self.key)
    }

    /// Sixteen blocks from `block` on (a multiple of 16) side by side, their first words first: for loops over lanes.
    #[inline(always)]
    pub(super) fn sixteen_blocks(&self, block: u64) -> [[u32; 16]; 4] {
        let first: [u32; 16] = std::array::from_fn(|lane| block as u32 + lane as u32);
        let [mut a, mut b, mut c, mut d] = [
            first,
            [(block >> 32) as u32; 16],
            [self.step[0]; 16],
            [self.step[1]; 16],
        ];
        let mut key = self.key;
        for _ in 0..10 {
            for lane in 0..16 {
                [a[lane], b[lane], c[lane], d[lane]] =
                    round([a[lane], b[lane], c[lane], d[lane]], key);
            }
            key = next_key(key);
        }
        [a, b, c, d]
    }

    /// Fills `out` with the numbers of 64-number groups from `group` on: 16 blocks each, their first words first.
    pub fn fill(&self, group: u64, out: &mut [u32]) {
        Kernels::best().random(self, group, out);
    }

    /// Number `i`.
    pub fn number(&self, i: u64) -> u32 {
        self.block(i / 4)[(i % 4) as usize]
    }

    /// Number `i` as a float in [0, 1) with 24 random bits.
    pub fn unit(&self, i: u64) -> f32 {
        (self.number(i) >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A uniformly random order of 0..n (Fisher and Yates).
    pub fn permutation(&self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            let [low, high, ..] = self.block(i as u64);
            order.swap(i, below([low, high], i + 1));
        }
        order
    }
}

/// 64 random bits scaled to 0, …, n − 1: a bias below 2⁻⁴⁰ for any array that fits into memory.
pub fn below([low, high]: [u32; 2], n: usize) -> usize {
    let random = u64::from(low) | u64::from(high) << 32;
    ((u128::from(random) * n as u128) >> 64) as usize
}

#[inline(always)]
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        counter = round(counter, key);
        key = next_key(key);
    }
    counter
}

#[inline(always)]
fn round(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let first = u64::from(counter[0]) * 0xD251_1F53;
    let second = u64::from(counter[2]) * 0xCD9E_8D57;
    [
        (second >> 32) as u32 ^ counter[1] ^ key[0],
        second as u32,
        (first >> 32) as u32 ^ counter[3] ^ key[1],
        first as u32,
    ]
}

#[inline(always)]
fn next_key(key: [u32; 2]) -> [u32; 2] {
    [
        key[0].wrapping_add(0x9E37_79B9),
        key[1].wrapping_add(0xBB67_AE85),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_numbers_of_its_authors() {
        // Known answers of Random123's `kat_vectors` for philox4x32, 10 rounds.
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn streams_of_other_names_seeds_and_steps_differ() {
        let stream = Stream::new(1, "layer1.0.weight");
        for other in [
            Stream::new(2, "layer1.0.weight"),
            Stream::new(1, "layer1.0.bias"),
            stream.at(1),
            stream.at(1 << 32),
        ] {
            assert_ne!(stream.block(0), other.block(0));
        }
        assert_eq!(stream.number(7), stream.block(1)[3]);
        let blocks = stream.at(5).sixteen_blocks(32);
        assert_eq!(
            [0, 1, 2, 3].map(|word| blocks[word][7]),
            stream.at(5).block(39)
        );
    }

    #[test]
    fn uniform_numbers_have_the_mean_and_variance_they_should() {
        let stream = Stream::new(3, "test");
        let n = 100_000;
        let units: Vec<f64> = (0..n).map(|i| f64::from(stream.unit(i))).collect();
        let mean = units.iter().sum::<f64>() / n as f64;
        let variance = units.iter().map(|u| (u - mean).powi(2)).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 5.0 * (1.0f64 / 12.0 / n as f64).sqrt());
        assert!((variance - 1.0 / 12.0).abs() < 0.001);
    }

    #[test]
    fn a_permutation_holds_each_index_once_and_visits_every_order() {
        let mut order = Stream::new(1, "order").permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        let orders: std::collections::BTreeSet<_> = (0..200)
            .map(|step| Stream::new(1, "order").at(step).permutation(3))
            .collect();
        assert_eq!(orders.len(), 6);
    }
}
