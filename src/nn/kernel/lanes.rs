//! Sixteen float32 numbers side by side, on each instruction set.

/// Sixteen channels of a pixel.
///
/// # Safety
/// Every function may only run where the instruction set is there, and pointers must be good for sixteen numbers
/// (for one in `splat`). All are inlined into functions that enable the set.
pub(super) trait Lanes: Copy {
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// One number in every lane.
    unsafe fn splat(from: *const f32) -> Self;
    unsafe fn zero() -> Self;
    /// `self` · `b` + `c`.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;

    /// A yes or no for each lane.
    type Mask: Copy;
    /// Where `self` > `b`, or `self` is NaN.
    unsafe fn greater_or_nan(self, b: Self) -> Self::Mask;
    /// Where `self` ≤ `b`; never where one is NaN.
    unsafe fn at_most(self, b: Self) -> Self::Mask;
    unsafe fn equal(self, b: Self) -> Self::Mask;
    /// Where a whole number is below `threshold`.
    unsafe fn below(numbers: *const u32, threshold: u32) -> Self::Mask;
    unsafe fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// Sixteen bytes as numbers.
    unsafe fn load_bytes(from: *const u8) -> Self;
    /// Whole numbers from 0 to 255 as bytes.
    unsafe fn store_bytes(self, to: *mut u8);
}

/// As many float32 numbers as one register holds, a divisor of sixteen: for loops that want many sums at hand.
///
/// # Safety
/// As [`Lanes`], the pointers good for `WIDTH` numbers.
pub(super) trait Register: Copy {
    const WIDTH: usize;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn zero() -> Self;
    /// `self` · `b` + `c`.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// Asks for a line of memory to come into the second cache, where the processor can; any address will do.
    fn prefetch(_at: *const f32) {}
}

/// What every processor can.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; 16]);

impl Lanes for Portable {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer is good for sixteen numbers.
        Portable(unsafe { from.cast::<[f32; 16]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[f32; 16]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: the caller's pointer is good for one number.
        Portable([unsafe { *from }; 16])
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        Portable([0.0; 16])
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i] * b.0[i] + c.0[i]))
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i] + b.0[i]))
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i] - b.0[i]))
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i] * b.0[i]))
    }

    type Mask = [bool; 16];

    #[inline(always)]
    unsafe fn greater_or_nan(self, b: Self) -> [bool; 16] {
        std::array::from_fn(|i| self.0[i] > b.0[i] || self.0[i].is_nan())
    }

    #[inline(always)]
    unsafe fn at_most(self, b: Self) -> [bool; 16] {
        std::array::from_fn(|i| self.0[i] <= b.0[i])
    }

    #[inline(always)]
    unsafe fn equal(self, b: Self) -> [bool; 16] {
        std::array::from_fn(|i| self.0[i] == b.0[i])
    }

    #[inline(always)]
    unsafe fn below(numbers: *const u32, threshold: u32) -> [bool; 16] {
        // SAFETY: the caller's pointer is good for sixteen numbers.
        let numbers = unsafe { numbers.cast::<[u32; 16]>().read_unaligned() };
        numbers.map(|number| number < threshold)
    }

    #[inline(always)]
    unsafe fn select(mask: [bool; 16], yes: Self, no: Self) -> Self {
        Portable(std::array::from_fn(|i| {
            if mask[i] { yes.0[i] } else { no.0[i] }
        }))
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        // SAFETY: the caller's pointer is good for sixteen bytes.
        Portable(unsafe { from.cast::<[u8; 16]>().read_unaligned() }.map(f32::from))
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        // SAFETY: as in `load_bytes`.
        unsafe {
            to.cast::<[u8; 16]>()
                .write_unaligned(self.0.map(|x| x as u8))
        }
    }
}

impl Register for [f32; 4] {
    const WIDTH: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer is good for four numbers.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self) }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        [0.0; 4]
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        std::array::from_fn(|i| self[i] * b[i] + c[i])
    }
}
