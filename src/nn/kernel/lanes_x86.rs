//! The sixteen lanes in AVX2's and AVX-512's registers.

use super::lanes::{Lanes, Register};
use std::arch::x86_64::*;

/// Two registers of eight; needs AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

/// One register; needs AVX-512F.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

// SAFETY of all that follows: the traits' callers answer for the instruction set and for the pointers.

impl Lanes for Avx2 {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { Avx2(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe {
            let all = _mm256_broadcast_ss(&*from);
            Avx2(all, all)
        }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { Avx2(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Avx2(
                _mm256_fmadd_ps(self.0, b.0, c.0),
                _mm256_fmadd_ps(self.1, b.1, c.1),
            )
        }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { Avx2(_mm256_add_ps(self.0, b.0), _mm256_add_ps(self.1, b.1)) }
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { Avx2(_mm256_sub_ps(self.0, b.0), _mm256_sub_ps(self.1, b.1)) }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { Avx2(_mm256_mul_ps(self.0, b.0), _mm256_mul_ps(self.1, b.1)) }
    }

    type Mask = Avx2;

    #[inline(always)]
    unsafe fn greater_or_nan(self, b: Self) -> Avx2 {
        // SAFETY: see above.
        unsafe {
            let half = |x, b| {
                _mm256_or_ps(
                    _mm256_cmp_ps::<_CMP_GT_OQ>(x, b),
                    _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x),
                )
            };
            Avx2(half(self.0, b.0), half(self.1, b.1))
        }
    }

    #[inline(always)]
    unsafe fn at_most(self, b: Self) -> Avx2 {
        // SAFETY: see above.
        unsafe {
            Avx2(
                _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, b.0),
                _mm256_cmp_ps::<_CMP_LE_OQ>(self.1, b.1),
            )
        }
    }

    #[inline(always)]
    unsafe fn equal(self, b: Self) -> Avx2 {
        // SAFETY: see above.
        unsafe {
            Avx2(
                _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, b.0),
                _mm256_cmp_ps::<_CMP_EQ_OQ>(self.1, b.1),
            )
        }
    }

    #[inline(always)]
    unsafe fn below(numbers: *const u32, threshold: u32) -> Avx2 {
        // SAFETY: see above.
        unsafe {
            // There is only a signed comparison: both sides are moved by half the range.
            let half = _mm256_set1_epi32(i32::MIN);
            let threshold = _mm256_xor_si256(_mm256_set1_epi32(threshold as i32), half);
            let below = |at: *const u32| {
                let numbers = _mm256_xor_si256(_mm256_loadu_si256(at.cast()), half);
                _mm256_castsi256_ps(_mm256_cmpgt_epi32(threshold, numbers))
            };
            Avx2(below(numbers), below(numbers.add(8)))
        }
    }

    #[inline(always)]
    unsafe fn select(mask: Avx2, yes: Self, no: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Avx2(
                _mm256_blendv_ps(no.0, yes.0, mask.0),
                _mm256_blendv_ps(no.1, yes.1, mask.1),
            )
        }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        // SAFETY: see above.
        unsafe {
            let bytes = _mm_loadu_si128(from.cast());
            let half = |bytes| _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
            Avx2(half(bytes), half(_mm_srli_si128::<8>(bytes)))
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        // SAFETY: see above.
        unsafe {
            let half = |x| {
                let whole = _mm256_cvtps_epi32(x);
                _mm_packus_epi32(
                    _mm256_castsi256_si128(whole),
                    _mm256_extracti128_si256::<1>(whole),
                )
            };
            _mm_storeu_si128(to.cast(), _mm_packus_epi16(half(self.0), half(self.1)));
        }
    }
}

impl Lanes for Avx512 {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { Avx512(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { Avx512(_mm512_set1_ps(*from)) }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { Avx512(_mm512_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe { Avx512(_mm512_fmadd_ps(self.0, b.0, c.0)) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { Avx512(_mm512_add_ps(self.0, b.0)) }
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { Avx512(_mm512_sub_ps(self.0, b.0)) }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { Avx512(_mm512_mul_ps(self.0, b.0)) }
    }

    type Mask = __mmask16;

    #[inline(always)]
    unsafe fn greater_or_nan(self, b: Self) -> __mmask16 {
        // SAFETY: see above.
        unsafe {
            _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, b.0)
                | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0)
        }
    }

    #[inline(always)]
    unsafe fn at_most(self, b: Self) -> __mmask16 {
        // SAFETY: see above.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, b.0) }
    }

    #[inline(always)]
    unsafe fn equal(self, b: Self) -> __mmask16 {
        // SAFETY: see above.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, b.0) }
    }

    #[inline(always)]
    unsafe fn below(numbers: *const u32, threshold: u32) -> __mmask16 {
        // SAFETY: see above.
        unsafe {
            _mm512_cmplt_epu32_mask(
                _mm512_loadu_si512(numbers.cast()),
                _mm512_set1_epi32(threshold as i32),
            )
        }
    }

    #[inline(always)]
    unsafe fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
        // SAFETY: see above.
        unsafe { Avx512(_mm512_mask_blend_ps(mask, no.0, yes.0)) }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        // SAFETY: see above.
        unsafe {
            Avx512(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(
                from.cast(),
            ))))
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        // SAFETY: see above.
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0))) }
    }
}

#[inline(always)]
fn prefetch(at: *const f32) {
    // SAFETY: a prefetch reads nothing that the program sees, and faults at no address.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
}

impl Register for __m256 {
    const WIDTH: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_fmadd_ps(self, b, c) }
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        prefetch(at);
    }
}

impl Register for __m512 {
    const WIDTH: usize = 16;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(self, b, c) }
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        prefetch(at);
    }
}
