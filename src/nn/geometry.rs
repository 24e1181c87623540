//! Sizes of a convolution block, and how its images and weights lie in memory while it works.

use crate::run::Pair;

/// Sizes of a convolution with what follows it, for one image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Geometry {
    /// Input channels.
    pub c: usize,
    pub h: usize,
    pub w: usize,
    /// True where the input is (N, C, H, W), false where it is in blocks of sixteen channels.
    pub plain: bool,
    /// Output channels.
    pub out: usize,
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Pair,
    /// The pooling windows.
    pub window: Pair,
    /// Height and width of the convolution's result.
    pub oh: usize,
    pub ow: usize,
}

impl Geometry {
    /// Channels in a pixel of one input block: all of a plain input's.
    pub fn depth(&self) -> usize {
        if self.plain { self.c } else { 16 }
    }

    pub fn in_blocks(&self) -> usize {
        self.c.div_ceil(self.depth())
    }

    pub fn out_blocks(&self) -> usize {
        self.out.div_ceil(16)
    }

    /// Numbers of an input image as it comes.
    pub fn input_len(&self) -> usize {
        self.in_blocks() * self.h * self.w * self.depth()
    }

    /// Numbers of the convolution's result.
    pub fn conv_len(&self) -> usize {
        self.out_blocks() * self.oh * self.ow * 16
    }

    /// Height and width of the pooled result.
    pub fn pooled(&self) -> (usize, usize) {
        (self.oh / self.window.height, self.ow / self.window.width)
    }

    /// Numbers of the pooled result.
    pub fn pooled_len(&self) -> usize {
        let (h, w) = self.pooled();
        self.out_blocks() * h * w * 16
    }

    fn padded_height(&self) -> usize {
        self.h + 2 * self.padding.height
    }

    fn padded_width(&self) -> usize {
        self.w + 2 * self.padding.width
    }

    /// Numbers of a padded image.
    pub fn padded_len(&self) -> usize {
        self.in_blocks() * self.padded_height() * self.padded_width() * self.depth()
    }

    /// Writes an image with its border of zeros, channels innermost.
    pub fn pad(&self, image: &[f32], padded: &mut [f32]) {
        let (top, side) = (self.padding.height, self.padding.width * self.depth());
        let row = self.padded_width() * self.depth();
        for (b, padded) in padded
            .chunks_exact_mut(self.padded_height() * row)
            .enumerate()
        {
            padded[..top * row].fill(0.0);
            padded[(top + self.h) * row..].fill(0.0);
            for y in 0..self.h {
                let to = &mut padded[(top + y) * row..(top + y + 1) * row];
                to[..side].fill(0.0);
                to[row - side..].fill(0.0);
                let to = &mut to[side..row - side];
                if self.plain {
                    for c in 0..self.c {
                        let from = &image[(c * self.h + y) * self.w..][..self.w];
                        let to = to[c..].iter_mut().step_by(self.depth());
                        to.zip(from).for_each(|(to, from)| *to = *from);
                    }
                } else {
                    let at = (b * self.h + y) * self.w * self.depth();
                    to.copy_from_slice(&image[at..at + to.len()]);
                }
            }
        }
    }

    /// Where the runs that an output pixel sees start in a padded image: one an input block and kernel row.
    pub fn runs(&self) -> Vec<usize> {
        let row = self.padded_width() * self.depth();
        (0..self.in_blocks())
            .flat_map(|b| (0..self.kernel.height).map(move |ky| (b, ky)))
            .map(|(b, ky)| (b * self.padded_height() + ky) * row)
            .collect()
    }

    /// Numbers of such a run.
    pub fn run_len(&self) -> usize {
        self.kernel.width * self.depth()
    }

    /// The first number that output row `oy` sees in a padded image.
    pub fn row_start(&self, oy: usize) -> usize {
        oy * self.stride.height * self.padded_width() * self.depth()
    }

    /// Groups of output blocks that are worked on together: (first block, blocks).
    pub fn groups(blocks: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..blocks)
            .step_by(most)
            .map(move |first| (first, most.min(blocks - first)))
    }

    /// Calls `f(index in packed weights, index in PyTorch's (out, C, kh, kw))` for every weight, packed for blocks of
    /// output channels in groups of `most`: by group, run, number of the run, output channel.
    pub fn for_each_weight(&self, most: usize, mut f: impl FnMut(usize, usize)) {
        let (kh, kw) = (self.kernel.height, self.kernel.width);
        let mut at = 0;
        for (first, blocks) in Geometry::groups(self.out_blocks(), most) {
            for b in 0..self.in_blocks() {
                for ky in 0..kh {
                    for kx in 0..kw {
                        for lane in 0..self.depth() {
                            let c = b * self.depth() + lane;
                            for o in first * 16..(first + blocks) * 16 {
                                if c < self.c && o < self.out {
                                    f(at, ((o * self.c + c) * kh + ky) * kw + kx);
                                }
                                at += 1;
                            }
                        }
                    }
                }
            }
        }
    }

    /// Numbers of packed weights.
    pub fn weights_len(&self) -> usize {
        self.out_blocks() * 16 * self.in_blocks() * self.kernel.height * self.run_len()
    }

    /// Weights as the row kernels take them.
    pub fn pack(&self, weights: &[f32], most: usize) -> Vec<f32> {
        let mut packed = vec![0.0; self.weights_len()];
        self.for_each_weight(most, |to, from| packed[to] = weights[from]);
        packed
    }

    /// The convolution that takes the gradient by the result to the gradient by the input: the result's pixels spread
    /// by the stride, the kernel turned by half a turn, channels exchanged.
    pub fn transposed(&self) -> Transposed {
        let border = |kernel: usize, padding: usize| (kernel - 1).saturating_sub(padding);
        let top = border(self.kernel.height, self.padding.height);
        let left = border(self.kernel.width, self.padding.width);
        let height =
            (self.h + self.padding.height + top).max(top + (self.oh - 1) * self.stride.height + 1);
        let width =
            (self.w + self.padding.width + left).max(left + (self.ow - 1) * self.stride.width + 1);
        Transposed {
            top,
            left,
            height,
            width,
            first_row: self.padding.height + top + 1 - self.kernel.height,
            first_col: self.padding.width + left + 1 - self.kernel.width,
            blocks: self.out_blocks(),
        }
    }

    /// Weights for the transposed convolution.
    pub fn pack_transposed(&self, weights: &[f32], most: usize) -> Vec<f32> {
        let (kh, kw) = (self.kernel.height, self.kernel.width);
        let in_blocks = self.c.div_ceil(16);
        let mut packed = Vec::with_capacity(in_blocks * 16 * self.out_blocks() * 16 * kh * kw);
        for (first, blocks) in Geometry::groups(in_blocks, most) {
            for b in 0..self.out_blocks() {
                for ky in (0..kh).rev() {
                    for kx in (0..kw).rev() {
                        for o in b * 16..b * 16 + 16 {
                            packed.extend((first * 16..(first + blocks) * 16).map(|c| {
                                if c < self.c && o < self.out {
                                    weights[((o * self.c + c) * kh + ky) * kw + kx]
                                } else {
                                    0.0
                                }
                            }));
                        }
                    }
                }
            }
        }
        packed
    }
}

/// Where the gradient by a convolution's result lies for the transposed convolution.
#[derive(Clone, Debug)]
pub(super) struct Transposed {
    /// Rows and columns of zeros before the first pixel.
    pub top: usize,
    pub left: usize,
    /// Of the whole, in pixels.
    pub height: usize,
    pub width: usize,
    /// What the input's first pixel sees first.
    first_row: usize,
    first_col: usize,
    /// Of sixteen channels of the result.
    blocks: usize,
}

impl Transposed {
    pub fn len(&self) -> usize {
        self.blocks * self.height * self.width * 16
    }

    /// Where row `oy` of block `b` of the result starts.
    pub fn row_at(&self, b: usize, oy: usize, stride: usize) -> usize {
        ((b * self.height + self.top + oy * stride) * self.width + self.left) * 16
    }

    /// One run a block and kernel row.
    pub fn runs(&self, kernel_height: usize) -> Vec<usize> {
        (0..self.blocks)
            .flat_map(|b| (0..kernel_height).map(move |ky| (b, ky)))
            .map(|(b, ky)| (b * self.height + ky) * self.width * 16)
            .collect()
    }

    /// The first number that input row `y` sees.
    pub fn row_start(&self, y: usize) -> usize {
        ((y + self.first_row) * self.width + self.first_col) * 16
    }
}
