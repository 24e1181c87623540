//! The form of a new run: its fields as typed, as a partial spec, and filled from a spec.

use super::form_augment::{self, AugmentForm};
use super::form_device::{self, DeviceForm};
use super::form_options::{self, OptionsForm};
use super::form_partial::{Partial, typed};
use super::form_schedule::{self, ScheduleForm};
use super::layers;
use super::wording::setting;
use crate::model::{resolve, sweep};
use crate::run::{
    FieldError, Keep, ModelSpec, Normalize, Optimizer, RunSpec, SpecError, TestFigures, TrainSpec,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the model field says for layers of one's own.
pub const OWN: &str = "own";

/// The fields as text; an empty one is not given and takes its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunForm {
    /// The run that this one is cloned from.
    pub from: String,
    pub dataset: String,
    /// A preset's name, or [`OWN`].
    pub model: String,
    /// TOML or JSON, used where the model is [`OWN`].
    pub layers: String,
    pub height: String,
    pub width: String,
    pub channels: String,
    pub normalize: String,
    pub epochs: String,
    pub batch_size: String,
    pub optimizer: String,
    pub lr: String,
    pub momentum: String,
    pub weight_decay: String,
    pub early_stopping: String,
    pub metric: String,
    pub patience: String,
    pub min_delta: String,
    pub restore_best: String,
    pub seed: String,
    #[serde(flatten)]
    pub on: DeviceForm,
    /// `shown` or `sealed`.
    pub test: String,
    #[serde(flatten)]
    pub schedule: ScheduleForm,
    #[serde(flatten)]
    pub options: OptionsForm,
    /// `both`, `best` or `last`.
    pub keep: String,
    #[serde(flatten)]
    pub augment: AugmentForm,
    pub name: String,
    pub notes: String,
    pub tags: String,
    /// Anything: dataset and network are meant to bring their own settings with them.
    pub defaults: String,
}

/// A field's name in the form and its path in a spec.
const PATHS: [(&str, &str); 24] = [
    ("dataset", "dataset"),
    ("layers", "model"),
    ("height", "input.height"),
    ("width", "input.width"),
    ("channels", "input.channels"),
    ("normalize", "input.normalize"),
    ("epochs", "train.epochs"),
    ("batch_size", "train.batch_size"),
    ("lr", "train.optimizer.lr"),
    ("momentum", "train.optimizer.momentum"),
    ("weight_decay", "train.optimizer.weight_decay"),
    ("optimizer", "train.optimizer"),
    ("metric", "train.early_stopping.metric"),
    ("patience", "train.early_stopping.patience"),
    ("min_delta", "train.early_stopping.min_delta"),
    ("restore_best", "train.early_stopping.restore_best"),
    ("early_stopping", "train.early_stopping"),
    ("seed", "train.seed"),
    ("test", "test"),
    ("keep", "keep"),
    ("name", "name"),
    ("notes", "notes"),
    ("tags", "tags"),
    ("model", "model"),
];

/// The form's field that an error of a spec's field stands beside; none where it belongs to the whole.
pub fn field_of(path: &str) -> Option<&'static str> {
    form_options::PATHS
        .into_iter()
        .chain(form_schedule::PATHS)
        .chain(form_device::PATHS)
        .chain(PATHS)
        .find(|(_, spec)| {
            path.strip_prefix(spec)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
        .map(|(field, _)| field)
        .or_else(|| form_augment::field_of(path))
}

impl RunForm {
    /// The form that a complete spec fills, what is typed standing above it.
    pub fn filled(&self, spec: &RunSpec) -> RunForm {
        let word = |value: bool| if value { "yes" } else { "no" }.to_owned();
        let stopping = spec.train.early_stopping.clone().unwrap_or_default();
        let momentum = match spec.train.optimizer {
            Optimizer::Sgd { momentum, .. } => momentum,
            _ => 0.9,
        };
        RunForm {
            from: self.from.clone(),
            dataset: typed(&self.dataset, spec.dataset.clone().unwrap_or_default()),
            model: typed(&self.model, model_word(&spec.model)),
            layers: typed(&self.layers, layers::text(&spec.model)),
            height: typed(&self.height, spec.input.height.to_string()),
            width: typed(&self.width, spec.input.width.to_string()),
            channels: typed(&self.channels, spec.input.channels.to_string()),
            normalize: typed(
                &self.normalize,
                match spec.input.normalize {
                    Normalize::Train => "train",
                    Normalize::Image => "image",
                    Normalize::None => "none",
                    Normalize::Fixed { .. } => "fixed",
                }
                .to_owned(),
            ),
            epochs: typed(&self.epochs, spec.train.epochs.to_string()),
            batch_size: typed(&self.batch_size, spec.train.batch_size.to_string()),
            optimizer: typed(&self.optimizer, spec.train.optimizer.kind().to_owned()),
            lr: typed(&self.lr, setting(spec.train.optimizer.lr())),
            momentum: typed(&self.momentum, setting(momentum)),
            weight_decay: typed(
                &self.weight_decay,
                setting(spec.train.optimizer.weight_decay()),
            ),
            early_stopping: typed(
                &self.early_stopping,
                word(spec.train.early_stopping.is_some()),
            ),
            metric: typed(&self.metric, stopping.metric.name().to_owned()),
            patience: typed(&self.patience, stopping.patience.to_string()),
            min_delta: typed(&self.min_delta, setting(stopping.min_delta)),
            restore_best: typed(&self.restore_best, word(stopping.restore_best)),
            seed: typed(&self.seed, spec.train.seed.to_string()),
            on: self.on.filled(spec),
            test: typed(
                &self.test,
                match spec.test {
                    TestFigures::Shown => "shown",
                    TestFigures::Sealed => "sealed",
                }
                .to_owned(),
            ),
            schedule: self.schedule.filled(&spec.train.schedule),
            options: self.options.filled(&spec.train),
            keep: typed(
                &self.keep,
                match spec.keep {
                    Keep::Both => "both",
                    Keep::Best => "best",
                    Keep::Last => "last",
                }
                .to_owned(),
            ),
            augment: self.augment.filled(&spec.augment),
            name: typed(&self.name, spec.name.clone()),
            notes: typed(&self.notes, spec.notes.clone()),
            tags: typed(&self.tags, spec.tags.join(", ")),
            defaults: String::new(),
        }
    }

    /// True where an option's text is not its default's.
    pub fn is_changed(&self, field: &str) -> bool {
        let usual = TrainSpec::default();
        let text = |options: &OptionsForm, schedule: &ScheduleForm| {
            let options = serde_json::to_value(options).ok()?;
            let schedule = serde_json::to_value(schedule).ok()?;
            options.get(field).or(schedule.get(field)).cloned()
        };
        text(&self.options, &self.schedule)
            != text(
                &OptionsForm::default().filled(&usual),
                &ScheduleForm::default().filled(&usual.schedule),
            )
    }

    /// The model alone, as a partial spec: what decides the other fields' defaults.
    pub fn model(&self) -> Result<Value, FieldError> {
        match self.model.as_str() {
            "" => Ok(json!({})),
            OWN if self.layers.trim().is_empty() => {
                layers::read(&layers::text(&ModelSpec::default()))
                    .map(|model| json!({ "model": model }))
            }
            OWN => layers::read(&self.layers).map(|model| json!({ "model": model })),
            preset => Ok(json!({ "model": { "preset": preset } })),
        }
    }

    /// The fields that are filled in, as a partial spec; `base` tells which optimizer and whether early stopping is
    /// meant where that is not filled in. Every field that cannot be read is an error.
    pub fn partial(&self, base: &RunSpec) -> Result<Value, Vec<FieldError>> {
        let mut spec = Partial::default();
        match self.model() {
            Ok(model) => spec.value = model,
            Err(error) => spec.errors.push(error),
        }
        spec.text("dataset", &self.dataset);
        self.on.put(&mut spec);
        spec.text("test", &self.test);
        spec.text("keep", &self.keep);
        spec.text("name", self.name.trim());
        spec.text("notes", self.notes.trim());
        if !self.tags.trim().is_empty() {
            let tags: Vec<&str> = self
                .tags
                .split(',')
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .collect();
            spec.put("tags", json!(tags));
        }
        spec.whole("input.height", &self.height);
        spec.whole("input.width", &self.width);
        spec.whole("input.channels", &self.channels);
        if self.normalize != "fixed" {
            spec.text("input.normalize", &self.normalize);
        }
        spec.whole("train.epochs", &self.epochs);
        spec.whole("train.batch_size", &self.batch_size);
        spec.whole("train.seed", &self.seed);
        let kind = match self.optimizer.as_str() {
            "" => base.train.optimizer.kind(),
            kind => kind,
        };
        spec.put("train.optimizer.kind", json!(kind));
        spec.number("train.optimizer.lr", &self.lr);
        spec.number("train.optimizer.weight_decay", &self.weight_decay);
        if kind == "sgd" {
            spec.number("train.optimizer.momentum", &self.momentum);
        }
        self.options.put(&mut spec, kind);
        self.augment.put(&mut spec);
        self.schedule.put(&mut spec, &base.train.schedule);
        let stops = match self.early_stopping.as_str() {
            "" => base.train.early_stopping.is_some(),
            word => word == "yes",
        };
        if stops {
            spec.put("train.early_stopping", json!({}));
            spec.text("train.early_stopping.metric", &self.metric);
            spec.whole("train.early_stopping.patience", &self.patience);
            spec.number("train.early_stopping.min_delta", &self.min_delta);
            if !self.restore_best.is_empty() {
                spec.put(
                    "train.early_stopping.restore_best",
                    json!(self.restore_best == "yes"),
                );
            }
        } else {
            spec.put("train.early_stopping", json!(false));
        }
        if spec.errors.is_empty() {
            return Ok(spec.value);
        }
        // What can be read is checked as well, so that every wrong field is told at once.
        let first = sweep(&spec.value).and_then(|lists| {
            let run = lists.runs.into_iter().next();
            run.map_or(Ok(RunSpec::default()), |(_, user)| resolve(user, None))
        });
        if let Err(SpecError(others)) = first {
            spec.errors.extend(others);
        }
        Err(spec.errors)
    }
}

fn model_word(model: &ModelSpec) -> String {
    match model {
        ModelSpec::Preset(name) => name.clone(),
        ModelSpec::Layers(_) => OWN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::resolve;
    use crate::run::{ClassWeights, Decay, Device, EarlyStopping, Metric, Sampling, Schedule};

    /// The spec that a form means when nothing but the form decides.
    fn spec(form: &RunForm) -> RunSpec {
        let base = resolve(form.model().unwrap(), None).unwrap();
        resolve(form.partial(&base).unwrap(), None).unwrap()
    }

    #[test]
    fn a_form_filled_from_a_spec_means_that_spec() {
        let mut wanted = resolve(json!({"model": {"preset": "cnn-bilstm"}}), None).unwrap();
        wanted.name = "the question".to_owned();
        wanted.tags = vec!["a".to_owned(), "b c".to_owned()];
        wanted.train.seed = 1 << 40;
        wanted.device = Device::Cuda(1);
        wanted.tf32 = true;
        wanted.train.schedule = Schedule::Plateau {
            metric: Metric::ValAccuracy,
            factor: 0.3,
            patience: 4,
            threshold: 0.01,
            cooldown: 2,
            min_lr: 1e-6,
            warm_up: 3,
        };
        wanted.augment.mixup = 0.2;
        wanted.train.clip_norm = 0.5;
        wanted.train.label_smoothing = 0.1;
        wanted.train.class_weights = ClassWeights::Balanced;
        wanted.train.sampling = Sampling::Balanced;
        wanted.train.ema_decay = 0.99;
        wanted.train.recalibrate = true;
        wanted.input.normalize = Normalize::Image;
        wanted.train.optimizer = Optimizer::Sgd {
            lr: 0.3,
            momentum: 0.8,
            nesterov: true,
            weight_decay: 1e-4,
            decay: Decay::Weights,
        };
        wanted.train.early_stopping = Some(EarlyStopping {
            patience: 3,
            min_delta: 1e-7,
            restore_best: false,
            ..EarlyStopping::default()
        });
        let form = RunForm::default().filled(&wanted);
        assert_eq!(spec(&form), wanted);
    }

    #[test]
    fn an_empty_form_is_the_default_run() {
        assert_eq!(spec(&RunForm::default()), resolve(json!({}), None).unwrap());
    }

    #[test]
    fn a_chosen_optimizer_takes_its_own_defaults_and_leaves_momentum_to_sgd() {
        let form = RunForm {
            model: "cnn-gap".to_owned(),
            optimizer: "sgd".to_owned(),
            ..RunForm::default()
        };
        let Optimizer::Sgd { lr, momentum, .. } = spec(&form).train.optimizer else {
            panic!("not SGD");
        };
        assert_eq!((lr, momentum), (0.01, 0.9));
        let adam = RunForm {
            momentum: "0.5".to_owned(),
            ..form.filled(&spec(&form))
        };
        let adam = RunForm {
            optimizer: "adam".to_owned(),
            ..adam
        };
        assert_eq!(spec(&adam).train.optimizer.kind(), "adam");
    }

    #[test]
    fn fields_that_cannot_be_read_are_errors_of_their_own() {
        let form = RunForm {
            epochs: "many".to_owned(),
            batch_size: "99999999999".to_owned(),
            lr: "NaN".to_owned(),
            seed: "1..3".to_owned(),
            model: OWN.to_owned(),
            layers: "layers = [".to_owned(),
            ..RunForm::default()
        };
        let errors = form.partial(&RunSpec::default()).unwrap_err();
        let fields: Vec<_> = errors.iter().filter_map(|e| field_of(&e.field)).collect();
        assert_eq!(fields, ["layers", "epochs", "batch_size", "lr"]);
    }

    #[test]
    fn an_error_stands_beside_its_field() {
        for (path, field) in [
            ("model.layers[3].conv2d", Some("layers")),
            ("model", Some("layers")),
            ("device", Some("device")),
            ("train.optimizer.lr", Some("lr")),
            ("train.optimizer", Some("optimizer")),
            ("train.optimizer.nesterov", Some("nesterov")),
            ("train.clip_norm", Some("clip_norm")),
            ("train.early_stopping", Some("early_stopping")),
            ("train", None),
            ("", None),
        ] {
            assert_eq!(field_of(path), field, "{path}");
        }
    }
}
