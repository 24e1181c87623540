//! Secrets: a run's token for its producer, and comparing them without telling by the time it takes.

use subtle::ConstantTimeEq;

/// A new secret of 256 random bits, in hexadecimal.
///
/// # Panics
///
/// Where the system has no random numbers: nothing can be kept secret then.
pub fn fresh() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system gives random numbers");
    blake3::Hash::from_bytes(bytes).to_hex().to_string()
}

/// What is kept of a secret.
pub fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// True where `given` is the secret that hashes to `hash`.
pub fn matches(given: &str, expected: &[u8; 32]) -> bool {
    hash(given).ct_eq(expected).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_its_hash_alone() {
        let (one, other) = (fresh(), fresh());
        assert_eq!(one.len(), 64);
        assert!(matches(&one, &hash(&one)));
        assert!(!matches(&other, &hash(&one)));
    }
}
