//! Bytes that become numbers; the compiler takes each set's registers for it.

/// See [`crate::nn::scale_bytes`].
#[inline(always)]
pub(super) fn scale(bytes: &[u8], factor: f32, summand: f32, out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(bytes) {
        *out = f32::from(x) * factor + summand;
    }
}
