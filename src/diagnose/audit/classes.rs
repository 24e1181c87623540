//! Classes and splits: who has how many, what is missing, what is left over.

use super::{ClassImages, Gallery, PICTURES};
use crate::data::{Dataset, NO_TRAINING_IMAGE};
use crate::diagnose::finding::{Cause, Evidence, Finding, Pictures, Severity, counted, some_of};
use crate::diagnose::gates::{p_value, percent};
use crate::diagnose::statistics::{cramers_v, independence, wilson};
use crate::run::Split;

/// Splits and classes go together from this Cramér's V on, or below this p-value with at least the lower V.
const STRONG_V: f64 = 0.15;
const WEAK_V: f64 = 0.05;
const P: f64 = 0.001;
/// A class with less than this share of the commonest one's images, or classes as uneven as this.
const RARE: f64 = 0.1;
const PERPLEXITY: f64 = 0.5;
/// Training images of a class below which hardly anything can be learnt.
const FEW: usize = 10;
/// Held-out images below which a figure is a rough one.
const FEW_HELD_OUT: usize = 100;

/// How many images each class has in each split.
pub(super) fn table(dataset: &Dataset) -> Vec<ClassImages> {
    let mut table: Vec<ClassImages> = dataset
        .index
        .classes
        .iter()
        .map(|name| ClassImages {
            name: name.clone(),
            train: 0,
            val: 0,
            test: 0,
        })
        .collect();
    for entry in &dataset.index.entries {
        let class = &mut table[entry.label as usize];
        match entry.split {
            Split::Train => class.train += 1,
            Split::Val => class.val += 1,
            Split::Test => class.test += 1,
        }
    }
    table
}

impl ClassImages {
    fn of(&self, split: Split) -> usize {
        match split {
            Split::Train => self.train,
            Split::Val => self.val,
            Split::Test => self.test,
        }
    }
}

pub(super) fn findings(gallery: &Gallery) -> Vec<Finding> {
    let table = table(gallery.dataset);
    let mut findings = Vec::new();
    findings.extend(unknown_classes(gallery));
    for split in [Split::Val, Split::Test] {
        findings.extend(missing(&table, split));
        findings.extend(unlike_training(&table, split, gallery.seed));
    }
    findings.extend(uneven(&table));
    findings.extend(few(&table));
    findings.extend(few_held_out(&table));
    findings
}

fn unknown_classes(gallery: &Gallery) -> Option<Finding> {
    let left_out: Vec<(&str, &str)> = gallery
        .dataset
        .index
        .unreadable
        .iter()
        .filter_map(|file| {
            let class = file
                .reason
                .strip_suffix(NO_TRAINING_IMAGE)?
                .strip_prefix("class ")?;
            Some((class.trim(), file.path.as_str()))
        })
        .collect();
    let mut classes: Vec<&str> = left_out.iter().map(|(class, _)| *class).collect();
    classes.sort_unstable();
    classes.dedup();
    if classes.is_empty() {
        return None;
    }
    let mut finding = Finding::new(
        "classes-not-in-training",
        Severity::Problem,
        "Validation or test has classes that training lacks",
    );
    finding.cause = Some(Cause::MissingClasses);
    finding.measured = format!(
        "{} of {} have no training image: {}.",
        counted(left_out.len(), "image"),
        counted(classes.len(), "class"),
        some_of(&classes, 10)
    );
    finding.why = "What was never shown cannot be recognised. And tools that number classes by folder give every later class \
                   another number in that split: its labels are permuted."
        .to_owned();
    finding.remedy = "Split anew, class by class, so that each class is in every split; or take these classes out. They are left \
                      out here."
        .to_owned();
    finding.false_alarm = "The folder is no class (notes, thumbnails).".to_owned();
    finding.pictures.push(Pictures {
        caption: "Left out".to_owned(),
        paths: left_out
            .iter()
            .take(PICTURES)
            .map(|(_, path)| (*path).to_owned())
            .collect(),
    });
    Some(finding)
}

fn missing(table: &[ClassImages], split: Split) -> Option<Finding> {
    let names: Vec<&str> = table
        .iter()
        .filter(|c| c.of(split) == 0)
        .map(|c| c.name.as_str())
        .collect();
    if names.is_empty() || names.len() == table.len() {
        return None;
    }
    let mut finding = Finding::new(
        "missing-classes",
        Severity::Warning,
        format!("{} lacks classes", super::duplicates::capital(split.word())),
    );
    finding.cause = Some(Cause::MissingClasses);
    finding.measured = format!(
        "No {} image is of {} ({} of {}).",
        split.word(),
        some_of(&names, 10),
        names.len(),
        counted(table.len(), "class")
    );
    finding.why = "How well these classes are recognised cannot be told; and tools that number classes by folder give the later \
                   ones other numbers than in training."
        .to_owned();
    finding.remedy =
        "Split anew, class by class; and use the training folder's class list for every split."
            .to_owned();
    finding.false_alarm = "A class may be too rare to have images in every split.".to_owned();
    Some(finding)
}

/// Are the classes mixed otherwise than in training?
fn unlike_training(table: &[ClassImages], split: Split, seed: u64) -> Option<Finding> {
    let row = |of: Split| table.iter().map(|c| c.of(of) as u32).collect::<Vec<_>>();
    let both = [row(Split::Train), row(split)];
    if both.iter().any(|r| r.iter().sum::<u32>() < 2) {
        return None;
    }
    let v = cramers_v(&both)?;
    let test = independence(&both, seed)?;
    // One in many draws must not be enough: the effect has to be visible, and more than chance.
    if !((v > STRONG_V && test.p < 0.01) || (v > WEAK_V && test.p <= P)) {
        return None;
    }
    let shares = |r: &[u32]| {
        let n: u32 = r.iter().sum();
        r.iter()
            .map(|c| f64::from(*c) / f64::from(n.max(1)))
            .collect::<Vec<_>>()
    };
    let (train, other) = (shares(&both[0]), shares(&both[1]));
    let most = (0..table.len()).max_by(|a, b| {
        (train[*a] - other[*a])
            .abs()
            .total_cmp(&(train[*b] - other[*b]).abs())
    })?;
    let mut finding = Finding::new(
        "classes-mixed-otherwise",
        if v > STRONG_V {
            Severity::Problem
        } else {
            Severity::Warning
        },
        format!(
            "Classes are mixed otherwise in {} than in training",
            split.word()
        ),
    );
    finding.cause = Some(Cause::OrderedSplit);
    finding.measured = format!(
        "{} is {} of training and {} of {}.",
        table[most].name,
        percent(train[most]),
        percent(other[most]),
        split.word()
    );
    finding.why = "The network learns how common each class is and is scored where they are not: it looks worse than it is, or \
                   better. A split that was cut from files in order of their classes does this."
        .to_owned();
    finding.remedy = "Shuffle before splitting, and split class by class (stratified).".to_owned();
    finding.false_alarm =
        "One split was meant to have other shares, for instance as many of each class.".to_owned();
    finding.evidence.push(Evidence {
        statement: format!(
            "Split and class go together with V = {v:.2} (p = {}).",
            p_value(test.p)
        ),
        statistic: "Cramér's V, bias-corrected",
        value: Some(v),
        threshold: Some(STRONG_V),
        p: Some(test.p),
        reference: "Bergsma 2013; Freeman and Halton 1951 by permutation",
    });
    Some(finding)
}

fn uneven(table: &[ClassImages]) -> Option<Finding> {
    let n: usize = table.iter().map(|c| c.train).sum();
    let most = table.iter().max_by_key(|c| c.train)?;
    let least = table.iter().min_by_key(|c| c.train)?;
    let entropy: f64 = table
        .iter()
        .filter(|c| c.train > 0)
        .map(|c| {
            let p = c.train as f64 / n.max(1) as f64;
            -p * p.ln()
        })
        .sum();
    let perplexity = entropy.exp() / table.len() as f64;
    let ratio = least.train as f64 / most.train.max(1) as f64;
    if ratio >= RARE && perplexity >= PERPLEXITY {
        return None;
    }
    let mut finding = Finding::new(
        "class-imbalance",
        Severity::Warning,
        "Some classes are far rarer than others",
    );
    finding.cause = Some(Cause::ClassImbalance);
    finding.measured = format!(
        "{} has {}, {} has {}.",
        most.name,
        counted(most.train, "training image"),
        least.name,
        counted(least.train, "training image")
    );
    finding.why = format!(
        "Always saying {} gets {} right: accuracy alone flatters a network that ignores the rare classes.",
        most.name,
        percent(most.train as f64 / n.max(1) as f64)
    );
    finding.remedy =
        "Look at the accuracy of each class; weight the classes in the loss, or draw them evenly."
            .to_owned();
    finding.false_alarm =
        "Rare classes are rare in use as well, and only overall accuracy counts.".to_owned();
    finding.evidence.push(Evidence {
        statement: format!("Rarest over commonest {ratio:.3}; perplexity of the labels {perplexity:.2} of its largest."),
        statistic: "rarest class / commonest class",
        value: Some(ratio),
        threshold: Some(RARE),
        p: None,
        reference: "rarest/commonest < .1, or label perplexity < .5",
    });
    Some(finding)
}

fn few(table: &[ClassImages]) -> Option<Finding> {
    let names: Vec<&str> = table
        .iter()
        .filter(|c| c.train < FEW)
        .map(|c| c.name.as_str())
        .collect();
    if names.is_empty() {
        return None;
    }
    let mut finding = Finding::new(
        "few-training-images",
        Severity::Warning,
        "Some classes have hardly any training image",
    );
    finding.cause = Some(Cause::Memorisation);
    finding.measured = format!(
        "{} with fewer than {FEW} training images: {}.",
        counted(names.len(), "class"),
        some_of(&names, 10)
    );
    finding.why =
        "So few pictures are learnt by heart before anything common to them is found.".to_owned();
    finding.remedy =
        "Collect more, join classes, or start from a network that was trained on other pictures."
            .to_owned();
    finding.false_alarm = "The pictures of the class hardly differ.".to_owned();
    Some(finding)
}

fn few_held_out(table: &[ClassImages]) -> Option<Finding> {
    let few: Vec<(Split, usize)> = [Split::Val, Split::Test]
        .into_iter()
        .map(|split| (split, table.iter().map(|c| c.of(split)).sum()))
        .filter(|(_, n)| (1..FEW_HELD_OUT).contains(n))
        .collect();
    if few.is_empty() {
        return None;
    }
    let words: Vec<&str> = few.iter().map(|(split, _)| split.word()).collect();
    let measured: Vec<String> = few
        .iter()
        .map(|(split, n)| {
            // An accuracy of one half is the least certain.
            let half = wilson((n / 2) as u32, *n as u32).half_width();
            format!(
                "{n} {} images fix an accuracy to ±{:.0} points",
                split.word(),
                100.0 * half
            )
        })
        .collect();
    let mut finding = Finding::new(
        "few-held-out-images",
        Severity::Note,
        format!(
            "Few images for {}: their accuracy is a rough figure",
            words.join(" and ")
        ),
    );
    finding.measured = format!("{}, at worst.", measured.join(", "));
    finding.why = "Differences smaller than that between two runs or two epochs are mostly chance."
        .to_owned();
    finding.remedy = "Hold out more images, or cross-validate.".to_owned();
    finding.false_alarm = "Only large differences matter here.".to_owned();
    Some(finding)
}
