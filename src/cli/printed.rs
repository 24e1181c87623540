//! Verdicts, findings, causes and probes as text.

use crate::diagnose::finding::Finding;
use crate::diagnose::{Answer, Diagnosis, duration};
use anyhow::Result;
use std::io::Write;

/// Verdict, answer, gates and findings.
pub(super) fn print_diagnosis(out: &mut impl Write, diagnosis: &Diagnosis) -> Result<()> {
    writeln!(
        out,
        "{}\n\n{}\n\n{}",
        diagnosis.verdict.name(),
        diagnosis.answer.sentence,
        diagnosis.summary
    )?;
    if let Some(gates) = &diagnosis.gates {
        writeln!(out)?;
        for gate in [
            &gates.training_above_chance,
            &gates.fitted,
            &gates.above_chance,
            &gates.gap,
            &gates.val_vs_test,
            &gates.enough_images,
        ] {
            writeln!(out, "  {}", gate.statement)?;
        }
    }
    for finding in &diagnosis.findings {
        writeln!(out)?;
        print_finding(out, finding)?;
    }
    Ok(())
}

/// A finding in the order in which it is read: what, how much, why, what to do, when it is none.
pub(super) fn print_finding(out: &mut impl Write, finding: &Finding) -> Result<()> {
    writeln!(out, "{}: {}", finding.severity.name(), finding.title)?;
    for (word, text) in [
        ("Measured", &finding.measured),
        ("Why it matters", &finding.why),
        ("What to do", &finding.remedy),
        ("Ignore this if", &finding.false_alarm),
    ] {
        if !text.is_empty() {
            writeln!(out, "  {word}: {text}")?;
        }
    }
    for pictures in &finding.pictures {
        writeln!(out, "  {}: {}", pictures.caption, pictures.paths.join(", "))?;
    }
    Ok(())
}

/// An answer to a probe's question.
pub(super) fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "Yes",
        Answer::Weak => "Perhaps",
        Answer::No => "No",
        Answer::Unknown => "Not known",
    }
}

/// The causes with what speaks for each, the probes, and the one that would go on.
pub(super) fn print_causes(out: &mut impl Write, diagnosis: &Diagnosis) -> Result<()> {
    if !diagnosis.causes.is_empty() {
        writeln!(out, "\nLikely causes, the most probable first:")?;
    }
    for (place, suspect) in diagnosis.causes.iter().enumerate() {
        let probability = suspect
            .probability()
            .map_or(String::new(), |p| format!(", probability {p}"));
        writeln!(out, "  {}. {}{probability}", place + 1, suspect.id.name())?;
        for evidence in &suspect.evidence {
            writeln!(out, "     {}", evidence.statement)?;
        }
        if !suspect.remedies.is_empty() {
            let words: Vec<&str> = suspect.remedies.iter().map(|r| r.words).collect();
            writeln!(out, "     To try: {}", words.join("; "))?;
        }
    }
    for probe in &diagnosis.probes {
        writeln!(
            out,
            "\nProbe {} ({} trainings, {}): {}\n  {}. {}",
            probe.id.name(),
            probe.trainings,
            duration(probe.cost_s),
            probe.question,
            word(probe.answer),
            probe.result
        )?;
    }
    if let Some(next) = &diagnosis.next_probe {
        writeln!(
            out,
            "\nNot made: {} (about {}). {}",
            next.id.name(),
            duration(next.cost_s),
            next.question
        )?;
    }
    Ok(())
}
