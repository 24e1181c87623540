//! The options that say how a dataset is opened: labels, groups, splits.

use super::BadInput;
use crate::data::{Intake, SplitRule};

#[derive(clap::Args)]
pub(super) struct IntakeArguments {
    /// The table's column that is the label, where looking at it does not tell
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// What no split may divide: a column of the table (patient, speaker), or 'guess' from the file names
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
    /// How images come to training, validation and test: found (as folders or a column say), stratified (anew, class by
    /// class), group (anew, groups whole), or a fold such as 2/5
    #[arg(long, value_name = "RULE", default_value = "found")]
    split: SplitRule,
    /// The seed of every split that is made
    #[arg(long, value_name = "N", default_value_t = 1)]
    split_seed: u64,
    /// What a top folder is, against what its name says: train, val, test or none; may be given more than once
    #[arg(long, value_name = "NAME=SPLIT")]
    folder: Vec<String>,
}

impl IntakeArguments {
    pub fn intake(&self) -> Result<Intake, BadInput> {
        let mut intake = Intake {
            label: self.label.clone(),
            group: self.group.clone(),
            split: self.split,
            seed: self.split_seed,
            ..Intake::default()
        };
        for text in &self.folder {
            let wrong = |why: String| BadInput(format!("--folder {text}: {why}"));
            let (folder, role) = text.split_once('=').ok_or_else(|| {
                wrong("write NAME=train, NAME=val, NAME=test or NAME=none".to_owned())
            })?;
            intake
                .set(&format!("folder.{folder}"), role)
                .map_err(wrong)?;
        }
        Ok(intake)
    }
}
