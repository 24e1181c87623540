//! Curves of known kinds: what training and validation of healthy, overfitting, diverging runs look like, with noise.

use gapwatch::diagnose::Verdict;
use gapwatch::diagnose::curves::Curves;
use gapwatch::diagnose::history::RecordedHistory;
use gapwatch::diagnose::report::HistoryReport;
use gapwatch::run::RunStatus;
use std::f64::consts::TAU;

struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (TAU * self.uniform()).cos()
    }

    /// As many right of `n` as images of that chance give, the way they vary from epoch to epoch.
    fn share(&mut self, p: f64, n: u32) -> f64 {
        let p = p.clamp(0.0, 1.0);
        let n = f64::from(n);
        ((p + self.normal() * (p * (1.0 - p) / n).sqrt()) * n)
            .round()
            .clamp(0.0, n)
            / n
    }
}

pub const KINDS: [(&str, Verdict); 11] = [
    ("healthy", Verdict::Healthy),
    ("healthy, noisy", Verdict::Healthy),
    ("late overfitting", Verdict::Overfitting),
    ("early overfitting", Verdict::Overfitting),
    ("gap without a rising loss", Verdict::Overfitting),
    ("double descent", Verdict::Healthy),
    ("unstable", Verdict::Healthy),
    ("diverged", Verdict::Diverged),
    ("not learning", Verdict::NotLearning),
    ("underfitting", Verdict::Underfitting),
    ("memorising", Verdict::Memorising),
];
/// Curves of each kind and length.
const REPEATS: u64 = 8;
/// The length that is reported apart.
pub const SHORT: usize = 20;

/// What a set of curves is drawn from.
pub struct Family {
    pub seed: u64,
    pub lengths: [usize; 5],
    pub classes: [u32; 4],
    pub n_train: [u32; 3],
    pub n_val: [u32; 3],
    /// The way from a start to an end that is left after `t` parts of a pace.
    pub left: fn(f64) -> f64,
    /// How much of an epoch's noise stays for the next: 0 is white noise.
    pub memory: f64,
    pub quiet: (f64, f64),
    pub noisy: (f64, f64),
    pub unstable: (f64, f64),
    pub late: (f64, f64),
    pub early: (f64, f64),
    pub skill: (f64, f64),
    pub rise: (f64, f64),
    pub lost_at: (f64, f64),
}

pub const FIRST: Family = Family {
    seed: 2,
    lengths: [SHORT, 50, 100, 300, 1000],
    classes: [2, 9, 10, 100],
    n_train: [630, 5_000, 50_000],
    n_val: [90, 500, 5_000],
    left: |t| (-3.0 * t).exp(),
    memory: 0.0,
    quiet: (0.01, 0.05),
    noisy: (0.08, 0.2),
    unstable: (0.15, 0.3),
    late: (0.4, 0.65),
    early: (0.05, 0.25),
    skill: (0.7, 0.97),
    rise: (0.25, 1.5),
    lost_at: (0.25, 0.9),
};

/// The same kinds by other means. It was written down before it was first judged, and nothing was changed for it.
pub const HELD_OUT: Family = Family {
    seed: 77,
    lengths: [SHORT, 40, 80, 160, 600],
    classes: [3, 5, 20, 50],
    n_train: [300, 1_200, 20_000],
    n_val: [60, 250, 2_000],
    left: |t| 1.0 / (1.0 + 9.0 * t * t),
    memory: 0.6,
    quiet: (0.02, 0.06),
    noisy: (0.1, 0.22),
    unstable: (0.2, 0.35),
    late: (0.35, 0.6),
    early: (0.08, 0.3),
    skill: (0.6, 0.95),
    rise: (0.3, 2.0),
    lost_at: (0.15, 0.8),
};

pub struct Case {
    pub kind: usize,
    pub epochs: usize,
    pub history: RecordedHistory,
    /// What we say of it, knowing the numbers of images and not.
    pub with_counts: Verdict,
    pub curves_alone: Verdict,
}

fn case(family: &Family, kind: usize, epochs: usize, seed: u64) -> Case {
    // A figure that goes from its start to its end and is nearly there after the `pace`-th part of the run.
    let settles =
        |t: f64, from: f64, to: f64, pace: f64| to + (from - to) * (family.left)(t / pace);
    let mut d = Draws(
        (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((kind as u64) << 32) ^ epochs as u64,
    );
    for _ in 0..20 {
        d.uniform();
    }
    let classes = family.classes[(d.uniform() * 4.0) as usize];
    let n_train = family.n_train[(d.uniform() * 3.0) as usize];
    let n_val = family.n_val[(d.uniform() * 3.0) as usize];
    let chance = 1.0 / f64::from(classes);
    let start = -chance.ln();
    let name = KINDS[kind].0;
    let scale = |skill: f64| chance + (1.0 - chance) * skill;

    let pace = d.between(0.15, 0.5);
    let fitted = d.between(0.97, 1.0);
    let skill = d.between(family.skill.0, family.skill.1);
    let turn = match name {
        "late overfitting" => d.between(family.late.0, family.late.1),
        "early overfitting" => d.between(family.early.0, family.early.1),
        "double descent" => d.between(0.15, 0.3),
        "memorising" => 0.0,
        _ => 1.0,
    };
    let rise = d.between(family.rise.0, family.rise.1);
    let lowest = d.between(0.35, 0.7);
    let lost_at = d.between(family.lost_at.0, family.lost_at.1);
    let way = (d.uniform() * 3.0) as usize;
    let (low, high) = match name {
        "healthy, noisy" => family.noisy,
        "unstable" => family.unstable,
        _ => family.quiet,
    };
    let noise = d.between(low, high);
    let mut wobble = 0.0;
    let (mut train_loss, mut val_loss, mut train_acc, mut val_acc) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for e in 0..epochs {
        let t = (e + 1) as f64 / epochs as f64;
        // Losses in units of the start's, ln K; accuracies as skill between chance and 1.
        let (tl, vl, ta, va) = match name {
            "healthy" | "healthy, noisy" | "unstable" => {
                let tl = settles(t, 1.0, 1.0 - skill, pace);
                (
                    tl,
                    tl * 1.1 + 0.01,
                    settles(t, 0.0, skill, pace),
                    settles(t, 0.0, 0.985 * skill, pace),
                )
            }
            "late overfitting" | "early overfitting" => {
                let vl = if t < turn {
                    settles(t / turn, 1.0, lowest, 0.6)
                } else {
                    lowest + rise * lowest * (t - turn) / (1.0 - turn)
                };
                let va = settles(t, 0.0, (1.0 - lowest) * 0.9, turn.max(0.15));
                (
                    settles(t, 1.0, 0.02, pace),
                    vl,
                    settles(t, 0.0, fitted, pace),
                    va,
                )
            }
            "gap without a rising loss" => {
                let vl = settles(t, 1.0, lowest, pace);
                (
                    settles(t, 1.0, 0.03, pace),
                    vl,
                    settles(t, 0.0, fitted, pace),
                    settles(t, 0.0, 0.8 * (1.0 - lowest), pace),
                )
            }
            "double descent" => {
                let bump = 0.5 * rise * (-((t - turn - 0.15) / 0.08).powi(2)).exp();
                let vl = settles(t, 1.0, 1.0 - skill, 0.8) + 0.5 * bump;
                (
                    settles(t, 1.0, 0.9 * (1.0 - skill), 0.7),
                    vl,
                    settles(t, 0.0, skill, 0.7),
                    settles(t, 0.0, 0.97 * skill, 0.8) - 0.2 * bump,
                )
            }
            "diverged" => {
                let lost = t > lost_at;
                let tl = settles(t, 1.0, 0.2, pace);
                match (lost, way) {
                    (true, 0) => (f64::NAN, f64::NAN, 0.0, 0.0),
                    (true, 1) => (1.0, 1.0, 0.0, 0.0),
                    (true, _) => (3.0 + t, 4.0 + t, 0.0, 0.0),
                    _ => (
                        tl,
                        1.1 * tl,
                        settles(t, 0.0, 0.8, pace),
                        settles(t, 0.0, 0.78, pace),
                    ),
                }
            }
            "not learning" => (1.0, 1.001, 0.0, 0.0),
            "underfitting" => {
                let tl = 1.0 - 0.5 * skill * t;
                (tl, 1.02 * tl, 0.5 * skill * t, 0.49 * skill * t)
            }
            "memorising" => (
                settles(t, 1.0, 0.02, pace),
                1.0 + rise * t,
                settles(t, 0.0, fitted, pace),
                0.0,
            ),
            other => unreachable!("{other}"),
        };
        let quiet = if name == "not learning" { 0.002 } else { 1.0 };
        let jolt = if name == "unstable" { noise } else { 0.0 };
        let shake = d.normal();
        let fresh = (1.0 - family.memory.powi(2)).sqrt();
        train_loss
            .push(start * tl * (1.0 + quiet * (0.02 * d.normal() + 0.3 * jolt * shake)).max(0.05));
        wobble = family.memory * wobble + fresh * d.normal();
        val_loss.push(start * vl * (1.0 + quiet * noise * wobble).max(0.05));
        train_acc.push(d.share(scale(ta - 0.3 * jolt * shake.abs()), n_train));
        let dip = 0.5 * jolt * d.uniform() * d.uniform();
        val_acc.push(d.share(scale(va) - dip, n_val));
    }
    let some = |values: Vec<f64>| values.into_iter().map(Some).collect::<Vec<_>>();
    let none = vec![None; epochs];
    let history = RecordedHistory {
        curves: Curves {
            epochs: (1..=epochs as u32).collect(),
            loss: [some(train_loss), some(val_loss), none.clone()],
            accuracy: [some(train_acc), some(val_acc), none],
        },
        images: [Some(n_train), Some(n_val), None],
        classes: classes as usize,
        status: RunStatus::Finished,
        running_averages: false,
        notes: Vec::new(),
    };
    let judge = |history: RecordedHistory| HistoryReport::new(history, None, 1).diagnosis.verdict;
    Case {
        kind,
        epochs,
        with_counts: judge(history.clone()),
        curves_alone: judge(RecordedHistory {
            images: [None; 3],
            classes: 0,
            ..history.clone()
        }),
        history,
    }
}

pub fn cases(family: &Family, seed: u64) -> Vec<Case> {
    let mut all = Vec::new();
    for kind in 0..KINDS.len() {
        for epochs in family.lengths {
            for repeat in 0..REPEATS {
                all.push(case(family, kind, epochs, 1_000 * seed + repeat));
            }
        }
    }
    all
}
