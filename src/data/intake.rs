//! How a dataset is to be taken in, where looking at it is not to decide alone.

use crate::run::Split;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The group that is guessed from file names and folders.
pub(crate) const GUESS: &str = "guess";

/// The choices at an intake; the default looks for everything itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intake {
    /// Where labels come from.
    pub labels: LabelSource,
    /// The table's column that names the images.
    pub image: Option<String>,
    /// The table's column that is the label.
    pub label: Option<String>,
    /// The table's column of groups that no split may divide (a patient, a speaker), or `guess`: from the file names.
    pub group: Option<String>,
    pub split: SplitRule,
    /// Of every split that is made here.
    pub seed: u64,
    /// What a top folder is, by its name, against what its name says.
    pub folders: BTreeMap<String, FolderRole>,
}

impl Default for Intake {
    fn default() -> Intake {
        Intake {
            labels: LabelSource::Auto,
            image: None,
            label: None,
            group: None,
            split: SplitRule::Found,
            seed: 1,
            folders: BTreeMap::new(),
        }
    }
}

/// Where labels come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelSource {
    /// A table that names the images and has a label column, else folders.
    #[default]
    Auto,
    Folders,
    Table,
}

/// What a top folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FolderRole {
    Train,
    Val,
    Test,
    /// Left out.
    None,
}

impl FolderRole {
    pub const ALL: [FolderRole; 4] = [
        FolderRole::Train,
        FolderRole::Val,
        FolderRole::Test,
        FolderRole::None,
    ];

    /// The split, unless it is left out.
    pub(super) fn split(self) -> Option<Split> {
        match self {
            FolderRole::Train => Some(Split::Train),
            FolderRole::Val => Some(Split::Val),
            FolderRole::Test => Some(Split::Test),
            FolderRole::None => None,
        }
    }

    /// `train`, `val`, `test`, `none`
    pub fn name(self) -> &'static str {
        self.split().map_or("none", Split::name)
    }
}

/// How images come to training, validation and test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SplitRule {
    /// As folders or a column say; what is missing is split off, stratified by class: 15 % for validation, and 15 % for
    /// test where nothing is divided yet.
    #[default]
    Found,
    /// All images together divided anew, 70 / 15 / 15 %, class by class.
    Stratified,
    /// As [`SplitRule::Stratified`], and no group lies in two parts.
    Group,
    /// One of `of` equal parts of training and validation becomes validation; a test part stays as found.
    Fold { number: u32, of: u32 },
}

impl SplitRule {
    /// Folds at most.
    pub const MOST_FOLDS: u32 = crate::run::MOST_FOLDS;
}

impl fmt::Display for SplitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SplitRule::Found => f.write_str("found"),
            SplitRule::Stratified => f.write_str("stratified"),
            SplitRule::Group => f.write_str("group"),
            SplitRule::Fold { number, of } => write!(f, "{number}/{of}"),
        }
    }
}

impl FromStr for SplitRule {
    type Err = String;

    fn from_str(text: &str) -> Result<SplitRule, String> {
        match text.trim() {
            "found" | "" => return Ok(SplitRule::Found),
            "stratified" => return Ok(SplitRule::Stratified),
            "group" => return Ok(SplitRule::Group),
            _ => {}
        }
        let fold = text.split_once('/').and_then(|(number, of)| {
            Some((
                number.trim().parse::<u32>().ok()?,
                of.trim().parse::<u32>().ok()?,
            ))
        });
        match fold {
            Some((number, of))
                if (2..=Self::MOST_FOLDS).contains(&of) && (1..=of).contains(&number) =>
            {
                Ok(SplitRule::Fold { number, of })
            }
            _ => Err(format!(
                "'{text}' is none of found, stratified, group, or a fold such as 2/5 (at most {} folds)",
                Self::MOST_FOLDS
            )),
        }
    }
}

impl TryFrom<String> for SplitRule {
    type Error = String;

    fn try_from(text: String) -> Result<SplitRule, String> {
        text.parse()
    }
}

impl From<SplitRule> for String {
    fn from(rule: SplitRule) -> String {
        rule.to_string()
    }
}

impl Intake {
    /// The names that [`Intake::set`] knows, for an error.
    pub const FIELDS: &str = "labels, image, label, group, split, seed, folder.NAME";

    /// Sets a field of a form by its name: `split=2/5`, `folder.holdout=val`. Empty text leaves the default. False where
    /// there is no such field.
    pub fn set(&mut self, field: &str, text: &str) -> Result<bool, String> {
        let text = text.trim();
        let given = || (!text.is_empty()).then(|| text.to_owned());
        match field {
            "labels" => {
                self.labels = match text {
                    "" | "auto" => LabelSource::Auto,
                    "folders" => LabelSource::Folders,
                    "table" => LabelSource::Table,
                    _ => return Err(format!("'{text}' is none of auto, folders, table")),
                }
            }
            "image" => self.image = given(),
            "label" => self.label = given(),
            "group" => self.group = given(),
            "split" => self.split = text.parse()?,
            "seed" if text.is_empty() => {}
            "seed" => {
                self.seed = text
                    .parse()
                    .map_err(|_| format!("'{text}' is no whole number from 0 on"))?;
            }
            _ => {
                let Some(folder) = field.strip_prefix("folder.") else {
                    return Ok(false);
                };
                let role = FolderRole::ALL.into_iter().find(|role| role.name() == text);
                match role {
                    Some(role) => self.folders.insert(folder.to_owned(), role),
                    None if text.is_empty() => None,
                    None => return Err(format!("'{text}' is none of train, val, test, none")),
                };
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        for text in ["found", "stratified", "group", "1/2", "50/50"] {
            assert_eq!(text.parse::<SplitRule>().unwrap().to_string(), text);
        }
        for text in ["0/5", "6/5", "1/1", "1/51", "k", "1/", "-1/5"] {
            assert!(text.parse::<SplitRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn fields_are_set_by_name_and_unknown_ones_told() {
        let mut intake = Intake::default();
        assert!(intake.set("folder.holdout", "val").unwrap());
        assert!(intake.set("seed", "7").unwrap());
        assert!(!intake.set("sede", "7").unwrap());
        assert!(intake.set("seed", "-7").is_err());
        assert_eq!(intake.folders["holdout"], FolderRole::Val);
        let json = serde_json::to_string(&intake).unwrap();
        assert_eq!(serde_json::from_str::<Intake>(&json).unwrap(), intake);
    }
}
