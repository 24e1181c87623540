//! Newtypes for the numbers and names that could be mixed up.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A run's number in its home folder, from 1.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct RunId(pub i64);

/// The number of a group of runs in its home folder, from 1.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct GroupId(pub i64);

/// Which start of a run's worker this is, from 1; reports of an older attempt are refused.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Attempt(pub u32);

/// The number of an event within its run, from 1 without gaps: the `id` of a server-sent event.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// A dataset's name in addresses and folders: 1 to 64 of `a`–`z`, `0`–`9` and `-`, a letter or digit first.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String)]
pub struct DatasetId(String);

impl DatasetId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that a person's title suggests: lower case, everything else a hyphen.
    pub fn from_title(title: &str) -> Self {
        let mut slug = String::new();
        for c in title.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(56);
        let slug = slug.trim_end_matches('-');
        DatasetId(if slug.is_empty() { "dataset" } else { slug }.to_owned())
    }

    /// The same id with a number behind it, for a second dataset of the same title.
    pub fn numbered(&self, n: u32) -> Self {
        DatasetId(format!("{}-{n}", self.0))
    }
}

impl FromStr for DatasetId {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let right = (1..=64).contains(&s.len())
            && !s.starts_with('-')
            && s.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if right {
            Ok(DatasetId(s.to_owned()))
        } else {
            Err("a dataset's id has 1 to 64 of a-z, 0-9 and -".to_owned())
        }
    }
}

impl TryFrom<String> for DatasetId {
    type Error = String;

    fn try_from(s: String) -> Result<Self, String> {
        s.parse()
    }
}

impl From<DatasetId> for String {
    fn from(id: DatasetId) -> String {
        id.0
    }
}

impl FromStr for RunId {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s.parse() {
            Ok(n) if n > 0 => Ok(RunId(n)),
            _ => Err("a run's id is a whole number from 1".to_owned()),
        }
    }
}

impl FromStr for GroupId {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s.parse() {
            Ok(n) if n > 0 => Ok(GroupId(n)),
            _ => Err("a group's id is a whole number from 1".to_owned()),
        }
    }
}

impl FromStr for Attempt {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s.parse() {
            Ok(n) if n > 0 => Ok(Attempt(n)),
            _ => Err("an attempt is a whole number from 1".to_owned()),
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_an_id_that_parses() {
        for (title, id) in [
            ("Spoken Digits (random)", "spoken-digits-random"),
            ("../../etc", "etc"),
            ("日本", "dataset"),
            ("--", "dataset"),
        ] {
            let made = DatasetId::from_title(title);
            assert_eq!(made.as_str(), id);
            assert_eq!(id.parse(), Ok(made));
        }
        assert!("../x".parse::<DatasetId>().is_err());
    }
}
