//! Faults planted in small generated datasets: the audit names each, and is silent where there is none.

use gapwatch::data::Dataset;
use gapwatch::diagnose::audit::{Audit, AuditError, Property, audit};
use gapwatch::diagnose::finding::{Cause, Finding, Severity};
use gapwatch::run::Split;
use image::{Rgb, RgbImage};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// A small generator of its own, so that the pictures stay the same whatever the library does.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn uniform(&mut self) -> f64 {
        self.next() as f64 / (1u64 << 53) as f64
    }
}

const SIDE: u32 = 32;

/// A picture of a class: stripes in its direction over a coarse random, reddish background, with pixel noise.
fn picture(class: usize, seed: u64) -> RgbImage {
    let mut draws = Draws(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..8 {
        draws.next();
    }
    let coarse: Vec<f64> = (0..25).map(|_| draws.uniform()).collect();
    let (sin, cos) = (class as f64 * 1.05).sin_cos();
    let phase = std::f64::consts::TAU * draws.uniform();
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let (u, v) = (f64::from(x) / 8.0, f64::from(y) / 8.0);
        let (i, j, a, b) = (u as usize, v as usize, u.fract(), v.fract());
        let at = |i: usize, j: usize| coarse[5 * j + i];
        let ground = (1.0 - b) * ((1.0 - a) * at(i, j) + a * at(i + 1, j))
            + b * ((1.0 - a) * at(i, j + 1) + a * at(i + 1, j + 1));
        let wave = (0.9 * (f64::from(x) * cos + f64::from(y) * sin) + phase).sin();
        let gray = 20.0 + 120.0 * ground * ground + 25.0 * (1.0 + wave) + 20.0 * draws.uniform();
        Rgb([(gray + 40.0) as u8, (gray + 10.0) as u8, gray as u8])
    })
}

/// One file of a planted dataset.
struct File {
    split: Split,
    class: usize,
    name: String,
    image: RgbImage,
}

/// Four classes, 40 training, 15 validation and 15 test pictures each; running numbers drawn at random over the splits.
fn healthy() -> Vec<File> {
    let mut draws = Draws(77);
    let mut files = Vec::new();
    for class in 0..4 {
        let mut numbers: Vec<usize> = (0..70).collect();
        for i in (1..70).rev() {
            numbers.swap(i, draws.next() as usize % (i + 1));
        }
        for (i, number) in numbers.into_iter().enumerate() {
            let split = match i {
                0..40 => Split::Train,
                40..55 => Split::Val,
                _ => Split::Test,
            };
            files.push(File {
                split,
                class,
                name: format!("{number:03}.png"),
                image: picture(class, (1000 * class + i) as u64),
            });
        }
    }
    files
}

fn write(files: &[File]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = path(folder.path(), file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        file.image.save(path).unwrap();
    }
    folder
}

fn path(root: &Path, file: &File) -> PathBuf {
    root.join(file.split.name())
        .join(format!("class{}", file.class))
        .join(&file.name)
}

fn audited(folder: &TempDir) -> Audit {
    let dataset = Dataset::open(folder.path(), &|_, _| {}).unwrap();
    let audit = audit(&dataset, 1, &|_, _| {}, &AtomicBool::new(false)).unwrap();
    let json = serde_json::to_string(&audit).unwrap();
    assert!(!json.contains("NaN") && !json.contains("null"), "{json}");
    for finding in &audit.findings {
        for text in [
            &finding.title,
            &finding.measured,
            &finding.why,
            &finding.remedy,
            &finding.false_alarm,
        ] {
            assert!(!text.is_empty(), "{finding:?}");
        }
        for path in finding.pictures.iter().flat_map(|p| &p.paths) {
            assert!(folder.path().join(path).is_file(), "{path}");
        }
    }
    audit
}

fn find<'a>(audit: &'a Audit, id: &str) -> &'a Finding {
    audit
        .findings
        .iter()
        .find(|f| f.id == id)
        .unwrap_or_else(|| panic!("no {id} in {:#?}", audit.findings))
}

/// Everything but the note that there are few held-out images.
fn serious(audit: &Audit) -> Vec<&Finding> {
    audit
        .findings
        .iter()
        .filter(|f| f.id != "few-held-out-images")
        .collect()
}

/// The finding on files that were changed in one split.
fn changed(change: impl Fn(&mut RgbImage), id: &str) -> Finding {
    let mut files = healthy();
    files
        .iter_mut()
        .filter(|f| f.split == Split::Val)
        .for_each(|f| change(&mut f.image));
    let audit = audited(&write(&files));
    let found = find(&audit, id).clone();
    assert!(found.title.starts_with("Validation"), "{}", found.title);
    for other in serious(&audit) {
        assert_eq!(other.id, id, "a second finding: {other:?}");
    }
    found
}

#[test]
fn a_healthy_dataset_has_nothing_to_report() {
    let audit = audited(&write(&healthy()));
    assert!(serious(&audit).is_empty(), "{:#?}", audit.findings);
    assert_eq!(
        (audit.images, audit.classes.len(), audit.classes[3].val),
        (280, 4, 15)
    );
    assert_eq!((audit.properties.len(), audit.comparisons.len()), (24, 16));
    for summary in &audit.properties {
        let images: u32 = summary.distribution.images.iter().sum();
        let split = if summary.split == Split::Train {
            160
        } else {
            60
        };
        assert_eq!(images, split, "{summary:?}");
    }
    assert_eq!(audit.in_order.len(), 11, "{:#?}", audit.in_order);
    let json = serde_json::to_string(&audit).unwrap();
    assert_eq!(serde_json::from_str::<Audit>(&json).unwrap(), audit);
}

#[test]
fn what_is_found_is_not_said_to_be_in_order() {
    let mut files = healthy();
    files[75].image = files[3].image.clone();
    let audit = audited(&write(&files));
    let says = |word: &str| audit.in_order.iter().any(|s| s.contains(word));
    assert!(!says("two labels") && says("two splits") && says("blank"));
}

#[test]
fn permuted_and_scrambled_labels_leave_the_audit_silent_for_it_sees_pictures_and_counts_only() {
    for label in [
        (|class: usize, _: usize| (class + 1) % 4) as fn(usize, usize) -> usize,
        |class, _| [1, 0, 2, 3][class],
        |_, nth| nth % 4,
    ] {
        let mut files = healthy();
        let held_out = files.iter_mut().filter(|f| f.split == Split::Val);
        for (nth, file) in held_out.enumerate() {
            file.class = label(file.class, nth);
            file.name = format!("{:03}.png", 100 + (nth * 37) % 60);
        }
        files.iter_mut().enumerate().for_each(|(nth, file)| {
            if file.split != Split::Val {
                file.name = format!("{:03}.png", 100 + (nth * 91) % 280);
            }
        });
        let audit = audited(&write(&files));
        let blamed = serious(&audit);
        assert!(
            blamed.iter().all(|f| f.severity != Severity::Problem),
            "{blamed:#?}"
        );
    }
}

#[test]
fn pictures_of_one_scene_that_differ_in_their_details_are_no_copies() {
    let mut files = healthy();
    let scene = image::imageops::resize(
        &image::imageops::blur(&files[0].image, 3.0),
        128,
        128,
        image::imageops::FilterType::Triangle,
    );
    let mut draws = Draws(9);
    for file in &mut files {
        file.image = scene.clone();
        for pixel in file.image.pixels_mut() {
            let grain = (6.0 * draws.uniform()) as u8;
            pixel.0 = pixel.0.map(|x| x.saturating_add(grain));
        }
    }
    let audit = audited(&write(&files));
    assert_eq!(
        (audit.duplicates.exact_groups, audit.duplicates.near_groups),
        (0, 0)
    );
}

#[test]
fn no_images_and_one_class_are_refused_with_the_reason() {
    let mut files = healthy();
    files.retain(|f| f.class == 0);
    let said = |folder: &TempDir| {
        Dataset::open(folder.path(), &|_, _| {})
            .unwrap_err()
            .to_string()
    };
    let one = said(&write(&files));
    assert!(one.contains("only one class"), "{one}");
    assert!(said(&write(&[])).len() > 20);
}

#[test]
fn a_dataset_without_held_out_images_is_audited_alone() {
    let mut files = healthy();
    files.retain(|f| f.split == Split::Train);
    let audit = audited(&write(&files));
    let held_out: usize = audit.classes.iter().map(|c| c.val + c.test).sum();
    let compared = audit.in_order.iter().any(|s| s.contains("Every split"));
    assert_eq!(compared, held_out > 0, "{:#?}", audit.in_order);
}

#[test]
fn dark_blurred_negative_and_recoloured_validation_is_a_shift_that_says_how() {
    let dark = changed(
        |i| i.pixels_mut().for_each(|p| p.0 = p.0.map(|x| x / 3)),
        "split-shift",
    );
    assert!(dark.measured.contains("darker"), "{}", dark.measured);
    assert_eq!(
        (dark.severity, dark.cause),
        (Severity::Problem, Some(Cause::SplitShift))
    );
    let brightness: Vec<_> = dark
        .histograms
        .iter()
        .filter(|of| of.property == Property::Brightness)
        .collect();
    assert_eq!(
        brightness.iter().map(|of| of.split).collect::<Vec<_>>(),
        Split::ALL
    );
    let [train, val, _] = brightness[..] else {
        panic!("{brightness:#?}")
    };
    let (train, val) = (&train.distribution, &val.distribution);
    assert_eq!((train.from, train.to), (val.from, val.to));
    assert!(train.images.len() <= 20 && train.images.len() == val.images.len());
    let mean_bar = |images: &[u32]| {
        let sum: u32 = (0..).zip(images).map(|(bar, n): (u32, _)| bar * n).sum();
        f64::from(sum) / f64::from(images.iter().sum::<u32>())
    };
    assert_eq!(
        (train.images.iter().sum::<u32>(), val.images.iter().sum()),
        (160, 60)
    );
    assert!(mean_bar(&val.images) + 3.0 < mean_bar(&train.images));
    // Those that it names, and no more.
    let of_one = dark.histograms.chunk_by(|a, b| a.property == b.property);
    let drawn: Vec<&str> = of_one.map(|of| of[0].property.title()).collect();
    let evidence = dark.evidence.iter().take(4);
    let named: Vec<&str> = evidence
        .filter_map(|e| e.statement.split(':').next())
        .collect();
    assert_eq!(drawn, named);
    let blurred = changed(|i| *i = image::imageops::blur(i, 1.5), "split-shift");
    assert!(
        blurred.measured.contains("blurrier"),
        "{}",
        blurred.measured
    );
    let negative = changed(image::imageops::invert, "split-shift");
    assert!(
        negative.measured.contains("negative"),
        "{}",
        negative.measured
    );
    let swapped = changed(
        |i| i.pixels_mut().for_each(|p| p.0.reverse()),
        "split-shift",
    );
    assert!(swapped.measured.contains("bluer"), "{}", swapped.measured);
    assert_eq!(swapped.pictures.len(), 2);
}

#[test]
fn another_size_and_another_format_are_found() {
    let large = changed(
        |i| *i = image::imageops::resize(i, 48, 40, image::imageops::FilterType::Triangle),
        "split-shift",
    );
    assert!(
        large.measured.contains("wider") || large.measured.contains("higher"),
        "{}",
        large.measured
    );
    let mut files = healthy();
    for file in files.iter_mut().filter(|f| f.split == Split::Test) {
        file.name = file.name.replace(".png", ".jpg");
    }
    let audit = audited(&write(&files));
    let stored = find(&audit, "stored-otherwise");
    assert!(
        stored
            .measured
            .contains("100.0 % of the training pictures are colour PNG"),
        "{}",
        stored.measured
    );
}

#[test]
fn copies_across_splits_are_counted_at_one_five_and_thirty_percent() {
    for (copies, severity) in [
        (1, Severity::Warning),
        (3, Severity::Warning),
        (18, Severity::Problem),
    ] {
        let mut files = healthy();
        // 60 validation pictures: 1, 3 and 18 are 1.7, 5 and 30 %.
        for nth in 0..copies {
            let (class, nth) = (nth % 4, nth / 4);
            let at = |split| {
                let mut of = files
                    .iter()
                    .enumerate()
                    .filter(move |(_, f)| f.split == split && f.class == class);
                of.nth(nth).unwrap().0
            };
            let (original, copy) = (at(Split::Train), at(Split::Val));
            files[copy].image = files[original].image.clone();
        }
        let audit = audited(&write(&files));
        let found = find(&audit, "duplicates-across-splits");
        assert_eq!(audit.duplicates.exact_in_training, copies, "{found:?}");
        assert_eq!(
            (found.severity, found.cause),
            (severity, Some(Cause::Leakage)),
            "{copies}"
        );
        assert_eq!(found.pictures[0].paths.len(), 2);
        assert!(
            found.pictures[0].paths[0].starts_with("train/")
                && found.pictures[0].paths[1].starts_with("val/")
        );
    }
}

#[test]
fn a_copy_that_is_brighter_and_a_little_noisier_is_found_and_another_picture_of_the_class_is_not() {
    let mut files = healthy();
    let mut copied = files[0].image.clone();
    for (i, pixel) in copied.pixels_mut().enumerate() {
        pixel.0 = pixel.0.map(|x| x.saturating_add(10 + (i % 5) as u8));
    }
    let copy = files
        .iter_mut()
        .find(|f| f.split == Split::Test && f.class == 0)
        .unwrap();
    copy.image = copied;
    let path = format!("test/class0/{}", copy.name);
    let audit = audited(&write(&files));
    assert_eq!(
        (audit.duplicates.exact_groups, audit.duplicates.near_groups),
        (0, 1)
    );
    let found = find(&audit, "near-duplicates-across-splits");
    assert_eq!(found.pictures[0].paths[1], path);
}

#[test]
fn one_picture_with_two_labels_is_a_conflict_and_copies_within_training_are_counted() {
    let mut files = healthy();
    files[75].image = files[3].image.clone();
    files[6].image = files[5].image.clone();
    let audit = audited(&write(&files));
    assert_eq!(
        find(&audit, "conflicting-labels").pictures[0].caption,
        "class0, class1"
    );
    assert_eq!(
        find(&audit, "conflicting-labels").cause,
        Some(Cause::LabelNoise)
    );
    assert!(
        find(&audit, "duplicates-within-split")
            .measured
            .contains("2 copies")
    );
}

#[test]
fn missing_and_foreign_classes_are_named() {
    let mut files = healthy();
    files.retain(|f| !(f.split == Split::Val && f.class == 2));
    files.retain(|f| !(f.split == Split::Train && f.class == 3));
    let audit = audited(&write(&files));
    let missing = find(&audit, "missing-classes");
    assert!(
        missing.measured.contains("class2") && missing.title.starts_with("Validation"),
        "{missing:?}"
    );
    let foreign = find(&audit, "classes-not-in-training");
    assert!(
        foreign.measured.contains("30 images of 1 class") && foreign.measured.contains("class3"),
        "{foreign:?}"
    );
    assert_eq!(foreign.severity, Severity::Problem);
}

#[test]
fn a_split_cut_in_order_of_classes_and_rare_classes_are_found() {
    let mut files = healthy();
    files.retain(|f| f.split == Split::Train || (f.split == Split::Val) == (f.class >= 2));
    let audit = audited(&write(&files));
    assert_eq!(
        find(&audit, "classes-mixed-otherwise").cause,
        Some(Cause::OrderedSplit)
    );
    let mut files = healthy();
    let mut kept = 0;
    files.retain(|f| {
        kept += usize::from(f.class == 1 && f.split == Split::Train);
        f.class != 1 || f.split != Split::Train || kept <= 3
    });
    let audit = audited(&write(&files));
    assert!(
        find(&audit, "class-imbalance")
            .measured
            .contains("class1 has 3 training images")
    );
    assert!(
        find(&audit, "few-training-images")
            .measured
            .contains("class1")
    );
}

#[test]
fn files_split_in_their_order_are_found() {
    let mut files = healthy();
    for class in 0..4 {
        for (number, file) in files.iter_mut().filter(|f| f.class == class).enumerate() {
            file.name = format!("{number:03}.png");
        }
    }
    let audit = audited(&write(&files));
    let ordered: Vec<&&str> = ["split-follows-file-order", "groups-in-one-split"]
        .iter()
        .filter(|id| audit.findings.iter().any(|f| f.id == **id))
        .collect();
    assert_eq!(ordered.len(), 1, "{:#?}", audit.findings);
}

#[test]
fn speakers_that_training_never_heard_are_named() {
    let mut files = healthy();
    for (i, file) in files.iter_mut().enumerate() {
        let speaker = match file.split {
            Split::Train => ["george", "jackson", "lucas"][i % 3],
            Split::Val => "theo",
            Split::Test => "yweweler",
        };
        file.name = format!("{speaker}_{:02}.png", i % 70);
    }
    let audit = audited(&write(&files));
    let found = find(&audit, "groups-in-one-split");
    for part in [
        "60 of 60 validation images",
        "only in validation: theo (60)",
        "only in test: yweweler (60)",
    ] {
        assert!(found.measured.contains(part), "{}", found.measured);
    }
    assert_eq!(
        (found.severity, found.cause),
        (Severity::Problem, Some(Cause::GroupShift))
    );
    assert!(
        audit
            .findings
            .iter()
            .all(|f| f.id != "split-follows-file-order")
    );

    // The same speakers, each in every split.
    let mut files = healthy();
    for (i, file) in files.iter_mut().enumerate() {
        let speaker = ["george", "jackson", "lucas", "theo"][i % 4];
        file.name = format!("{speaker}_{}", file.name);
    }
    let audit = audited(&write(&files));
    assert!(serious(&audit).is_empty(), "{:#?}", audit.findings);
}

#[test]
fn broken_blank_and_odd_files_are_listed() {
    let mut files = healthy();
    files[10].image.pixels_mut().for_each(|p| p.0 = [90; 3]);
    files[20]
        .image
        .pixels_mut()
        .for_each(|p| p.0 = p.0.map(|x| x.saturating_add(150)));
    let folder = write(&files);
    fs::write(
        folder.path().join("train/class0/broken.png"),
        b"\x89PNG\r\n\x1a\nnothing",
    )
    .unwrap();
    let audit = audited(&folder);
    let path = |i: usize| format!("train/class0/{}", files[i].name);
    assert_eq!(find(&audit, "blank-images").pictures[0].paths, [path(10)]);
    assert!(
        find(&audit, "odd-images").pictures[0]
            .paths
            .contains(&path(20))
    );
    assert!(
        find(&audit, "unreadable-files")
            .measured
            .contains("broken.png")
    );
}

#[test]
fn ten_images_and_identical_images_get_a_clear_answer() {
    let few: Vec<File> = healthy().into_iter().step_by(28).collect();
    assert_eq!(few.len(), 10);
    let audit = audited(&write(&few));
    assert!(
        audit.findings.iter().any(|f| f.id == "few-training-images"),
        "{:#?}",
        audit.findings
    );
    let mut same = healthy();
    let one = same[0].image.clone();
    same.iter_mut().for_each(|f| f.image = one.clone());
    let audit = audited(&write(&same));
    assert_eq!(audit.duplicates.exact_in_training, 120);
    assert_eq!(
        find(&audit, "conflicting-labels").severity,
        Severity::Problem
    );
    let mut flat = healthy();
    flat.iter_mut()
        .for_each(|f| f.image.pixels_mut().for_each(|p| p.0 = [7; 3]));
    assert!(
        find(&audited(&write(&flat)), "blank-images")
            .measured
            .contains("280 pictures")
    );
}

#[test]
fn a_cancelled_audit_ends_and_progress_reaches_the_end() {
    let folder = write(&healthy());
    let dataset = Dataset::open(folder.path(), &|_, _| {}).unwrap();
    let cancelled = audit(&dataset, 1, &|_, _| {}, &AtomicBool::new(true));
    assert!(matches!(cancelled, Err(AuditError::Cancelled)));
    let seen = std::sync::atomic::AtomicU64::new(0);
    let progress = |done: u64, of: u64| {
        assert_eq!(of, 280);
        seen.fetch_max(done, std::sync::atomic::Ordering::Relaxed);
    };
    audit(&dataset, 1, &progress, &AtomicBool::new(false)).unwrap();
    assert_eq!(seen.into_inner(), 280);
}
