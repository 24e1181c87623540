//! Logarithms of factorials and of binomial coefficients.

/// ln n!
pub fn ln_factorial(n: u32) -> f64 {
    libm::lgamma(f64::from(n) + 1.0)
}

/// ln of n over k; `k` is at most `n`.
pub fn ln_choose(n: u32, k: u32) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}
