//! What file names are made of.

/// The parts of a file name without ending: at every sign that is neither letter nor digit, and between letters and digits.
/// Words that name a split are left out: `val_theo_03` has the parts of `theo_03`.
pub(crate) fn parts(path: &str) -> Vec<&str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut parts = Vec::new();
    let mut from = 0;
    let mut before: Option<char> = None;
    for (at, c) in stem.char_indices().chain([(stem.len(), '_')]) {
        let turns = before.is_some_and(|b| b.is_ascii_digit() != c.is_ascii_digit());
        if !c.is_alphanumeric() || turns {
            if from < at {
                parts.push(&stem[from..at]);
            }
            from = if c.is_alphanumeric() {
                at
            } else {
                at + c.len_utf8()
            };
        }
        before = c.is_alphanumeric().then_some(c);
    }
    parts.retain(|part| {
        let lower = part.to_ascii_lowercase();
        ![
            "train",
            "training",
            "val",
            "valid",
            "validation",
            "test",
            "testing",
        ]
        .contains(&lower.as_str())
    });
    parts
}

/// Where names stand in natural order: digits by their value, the rest by its letters.
pub(crate) fn natural(path: &str) -> Vec<(u64, String)> {
    parts(path)
        .into_iter()
        .map(|part| match part.parse() {
            Ok(number) => (number, String::new()),
            Err(_) => (u64::MAX, part.to_lowercase()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart_into_words_and_numbers() {
        for (path, expected) in [
            ("val/3/theo_03.png", vec!["theo", "03"]),
            ("a/val-george12 (2).jpeg", vec!["george", "12", "2"]),
            ("IMG_0001", vec!["IMG", "0001"]),
            ("x/été.b.png", vec!["été", "b"]),
            ("x/.png", vec![]),
        ] {
            assert_eq!(parts(path), expected, "{path}");
        }
        assert!(natural("a_9") < natural("a_10") && natural("a_10") < natural("b_1"));
    }
}
