//! Augmentation: how training images are changed at random before each look at them.

use super::FieldError;
use serde::{Deserialize, Serialize};

/// One kind of change and its setting.
#[derive(Debug)]
pub struct Operation {
    /// The field of [`Augment`].
    pub name: &'static str,
    /// The field's path in a spec.
    pub path: &'static str,
    /// The field's name in a form.
    pub form: &'static str,
    /// In a word or two.
    pub title: &'static str,
    /// The largest setting; the least is 0, which is off.
    pub most: f64,
    /// What the setting does, in sentences.
    pub help: &'static str,
}

macro_rules! operations {
    ($($field:ident: $most:literal, $title:literal, $help:literal;)*) => {
        /// How strongly training images are changed; 0 is off, and all are off unless they are set.
        ///
        /// Shift, crop, flip, scale and rotation are one resampling, then come blur, contrast and brightness, noise, the
        /// masks and mixup. Scoring never changes an image.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema, utoipa::IntoParams)]
        #[serde(deny_unknown_fields, default)]
        #[into_params(parameter_in = Query)]
        pub struct Augment {
            $(#[doc = $help] #[serde(skip_serializing_if = "is_off")] pub $field: f64,)*
        }

        /// Every operation, in the order of a form.
        pub const OPERATIONS: &[Operation] = &[$(Operation {
            name: stringify!($field),
            path: concat!("augment.", stringify!($field)),
            form: concat!("augment_", stringify!($field)),
            title: $title,
            most: $most,
            help: $help,
        }),*];

        impl Augment {
            /// Every image as it is.
            pub const OFF: Augment = Augment { $($field: 0.0),* };

            /// Makes each operation at least as strong as `other` has it.
            pub fn raise(&mut self, other: &Augment) {
                $(self.$field = self.$field.max(other.$field);)*
            }

            /// The settings in the order of [`OPERATIONS`].
            pub fn settings(&self) -> impl Iterator<Item = (&'static Operation, f64)> {
                OPERATIONS.iter().zip([$(self.$field),*])
            }
        }
    };
}

operations! {
    flip_horizontal: 1.0, "Flip left to right", "Probability, 0 to 1. Mirrors an image. Not for writing, nor for spectrograms. Try 0.5.";
    flip_vertical: 1.0, "Flip upside down", "Probability, 0 to 1. For what has no up and down, such as cells or aerial views. Try 0.5.";
    shift_horizontal: 0.5, "Shift sideways", "Share of the width, 0 to 0.5. Moves an image left or right by up to this much, in whole pixels; the edge is repeated. Try 0.1.";
    shift_vertical: 0.5, "Shift up or down", "Share of the height, 0 to 0.5. As above. Try 0.1; for spectrograms this changes the pitch.";
    crop: 0.5, "Crop", "Share of the sides, 0 to 0.5. Cuts up to this much off both sides, at a random place, and enlarges the rest. Try 0.2.";
    rotate: 180.0, "Rotate (degrees)", "0 to 180. Turns an image by up to this angle either way; the edge is repeated. Try 10.";
    scale: 0.5, "Scale", "0 to 0.5. Enlarges or shrinks about the centre by up to this share. Try 0.1.";
    brightness: 1.0, "Brightness", "Share of the full range, 0 to 1. Adds up to this much to all pixels, or takes it away. Try 0.2.";
    contrast: 1.0, "Contrast", "0 to 1. Stretches or squeezes about the image’s mean by up to this share. Try 0.2.";
    noise: 0.5, "Noise", "Standard deviation as a share of the full range, 0 to 0.5. Normal noise on every pixel. Try 0.05.";
    blur: 4.0, "Blur (pixels)", "0 to 4. A Gaussian blur whose standard deviation is drawn between 0 and this. Try 1.";
    cutout: 0.75, "Cutout", "Share of the shorter side, 0 to 0.75. Covers a square of this size at a random place (DeVries and Taylor 2017). Try 0.25.";
    time_mask: 0.75, "Time mask", "Share of the width, 0 to 0.75. Covers a random run of columns, at most this many (SpecAugment, Park et al. 2019). Try 0.2.";
    frequency_mask: 0.75, "Frequency mask", "Share of the height, 0 to 0.75. Covers a random run of rows, at most this many (SpecAugment). Try 0.2.";
    mixup: 2.0, "Mixup", "0 to 2. Mixes every image and its class with another of the batch, by a share drawn from Beta(a, a) with this a (Zhang et al. 2018). Try 0.2.";
}

/// Settings that suit one kind of picture.
#[derive(Debug)]
pub struct AugmentPreset {
    pub name: &'static str,
    /// For whom it is, and what it does.
    pub help: &'static str,
    pub settings: Augment,
}

/// Presets of augmentation; the last one turns all off.
pub static AUGMENT_PRESETS: [AugmentPreset; 3] = [
    AugmentPreset {
        name: "photographs",
        help: "mirrored, moved, turned a little, lighter or darker",
        settings: Augment {
            flip_horizontal: 0.5,
            shift_horizontal: 0.1,
            shift_vertical: 0.1,
            rotate: 10.0,
            brightness: 0.2,
            contrast: 0.2,
            ..Augment::OFF
        },
    },
    AugmentPreset {
        name: "spectrograms",
        help: "moved in time, bands of time and frequency covered, a little noise",
        settings: Augment {
            shift_horizontal: 0.1,
            noise: 0.03,
            time_mask: 0.2,
            frequency_mask: 0.2,
            ..Augment::OFF
        },
    },
    AugmentPreset {
        name: "none",
        help: "every image as it is",
        settings: Augment::OFF,
    },
];

impl Augment {
    /// True where no image is changed.
    pub fn is_off(&self) -> bool {
        self.settings().all(|(_, setting)| is_off(&setting))
    }

    /// Every setting that is out of its limits.
    pub(super) fn check(&self) -> Vec<FieldError> {
        self.settings()
            .filter(|(operation, setting)| !(0.0..=operation.most).contains(setting))
            .map(|(operation, setting)| FieldError {
                field: operation.path.to_owned(),
                message: format!(
                    "{setting} is outside 0 to {}: choose a number between, 0 for none",
                    operation.most
                ),
            })
            .collect()
    }
}

fn is_off(setting: &f64) -> bool {
    *setting == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{RunSpec, SpecError};
    use serde_json::json;

    #[test]
    fn settings_out_of_their_limits_are_named_by_their_field() {
        for operation in OPERATIONS {
            for wrong in [-0.01, operation.most * 1.01, f64::NAN, f64::INFINITY] {
                let mut table = json!({ operation.name: 0.0 });
                table[operation.name] = json!(wrong);
                let SpecError(errors) = match wrong.is_finite() {
                    true => RunSpec::from_value(json!({ "augment": table })).unwrap_err(),
                    // JSON has no such number; a spec that was made otherwise is refused too.
                    false => SpecError(
                        Augment {
                            rotate: wrong,
                            ..Augment::OFF
                        }
                        .check(),
                    ),
                };
                assert!(errors[0].field.starts_with("augment."), "{errors:?}");
                assert!(!wrong.is_finite() || errors[0].field == operation.path);
            }
            let table = json!({ operation.name: operation.most });
            let spec = RunSpec::from_value(json!({ "augment": table })).unwrap();
            assert!(!spec.augment.is_off());
        }
        let SpecError(errors) = RunSpec::from_value(json!({"augment": {"spin": 1}})).unwrap_err();
        assert_eq!(errors[0].field, "augment.spin");
    }

    #[test]
    fn what_is_off_is_not_written() {
        let spec = RunSpec::from_value(json!({"augment": {"rotate": 0, "blur": 1}})).unwrap();
        assert_eq!(json!(spec.augment), json!({"blur": 1.0}));
        assert!(Augment::default().is_off());
        assert_eq!(json!(RunSpec::default())["augment"], json!({}));
    }

    #[test]
    fn presets_are_within_the_limits() {
        for preset in &AUGMENT_PRESETS {
            assert_eq!(preset.settings.check(), []);
            assert_eq!(preset.settings.is_off(), preset.name == "none");
        }
    }
}
