//! Which kernels this machine runs: the last bits of a run's figures are the same on the same set only.

/// `avx512`, `avx2` or `portable`: what the matrix products and convolutions choose by.
pub fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return "avx2";
        }
    }
    "portable"
}
