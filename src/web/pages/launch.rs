//! `/runs/new`: the form of a new run, checked as it is typed, and the launch.

use super::App;
use super::error::rendered;
use super::finding::{FindingView, no_pictures};
use super::form::{OWN, RunForm, field_of};
use super::form_augment::{self, Preview};
use super::form_schedule;
use super::inspection::audit_link;
use super::layers::{settings, shape};
use super::wording::{counted, thousands};
use crate::device::Devices;
use crate::diagnose::network_findings;
use crate::model::{Plan, Preset, Sweep, preset, presets, resolve, sweep};
use crate::run::sweep::{Axis, label};
use crate::run::{FieldError, RunId, RunSpec, SpecError, Split, merge};
use crate::store::{DataFacts, DatasetRow, DatasetState, TestLooks};
use crate::web::extract::Query;
use crate::web::{HttpError, Made, check_device, check_on, launch};
use askama::Template;
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/new", get(show).post(submit))
        .route("/runs/new/check", post(check))
}

/// The form with what it means.
pub struct Prepared {
    form: RunForm,
    /// What is to be launched, where every field can be read.
    asked: Option<Value>,
    plan: Option<Plan>,
    /// The lists among the fields; empty for one run.
    axes: Vec<Axis>,
    /// What it means, of a sweep its first run, where every field can be read.
    pub spec: Option<RunSpec>,
    pub errors: Vec<FieldError>,
    datasets: Vec<DatasetRow>,
    looks: Option<TestLooks>,
    devices: Devices,
}

#[derive(Template)]
#[template(path = "launch.html")]
struct LaunchPage {
    form: RunForm,
    plan: Option<Plan>,
    /// What the plan's layers tell.
    findings: Vec<FindingView>,
    axes: Vec<Axis>,
    /// The learning rate over the run, as SVG, and in words.
    schedule_plot: Option<String>,
    schedule_words: String,
    augmented: Option<Preview>,
    errors: Vec<FieldError>,
    datasets: Vec<DatasetRow>,
    /// At the test images of the chosen dataset.
    looks: Option<TestLooks>,
    devices: Devices,
    /// True where every field was sent, and none is to follow a preset's settings.
    posted: bool,
}

impl LaunchPage {
    fn presets(&self) -> &'static [Preset] {
        presets()
    }

    fn preset(&self) -> Option<&'static Preset> {
        preset(&self.form.model)
    }

    /// What is wrong with a field of the form.
    fn error(&self, field: &str) -> String {
        let said = self
            .errors
            .iter()
            .filter(|e| field_of(&e.field) == Some(field));
        said.map(|e| e.message.as_str())
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// True where one of these fields (names with blanks between) has an error or is not at its default, and so is shown.
    fn unusual(&self, fields: &str) -> bool {
        fields
            .split(' ')
            .any(|field| !self.error(field).is_empty() || self.form.is_changed(field))
    }

    /// True where a folded part is to be open: one of its fields (names with blanks between) has an error, or it changes the
    /// images, which are then to be seen.
    fn is_unfolded(&self, part: &str, fields: &str) -> bool {
        let is_wrong = |field: &str| !self.error(field).is_empty();
        fields.split(' ').any(is_wrong) || (part == "fold-augmentation" && self.augments())
    }

    /// "64 × 128 pixels, gray, by mean and deviation of the training images"
    fn images_said(&self) -> String {
        let colour = match self.form.channels.as_str() {
            "1" => "gray",
            _ => "colour",
        };
        let normalized = match self.form.normalize.as_str() {
            "none" => "not normalized",
            "image" => "each normalized by itself",
            "fixed" => "normalized as in the run this is cloned from",
            _ => "normalized by the training images",
        };
        let (height, width) = (&self.form.height, &self.form.width);
        format!("{height} × {width} pixels, {colour}, {normalized}")
    }

    /// "horizontal flip 0.5, noise 0.05", or "off".
    fn augmentation_said(&self) -> String {
        let on = self.form.augment.rows().filter(|(_, text)| *text != "0");
        let said: Vec<String> = on
            .map(|(operation, text)| format!("{} {text}", operation.title.to_lowercase()))
            .collect();
        match said.is_empty() {
            true => "off".to_owned(),
            false => said.join(", "),
        }
    }

    fn augment_fields(&self) -> String {
        let fields = self
            .form
            .augment
            .rows()
            .map(|(operation, _)| operation.form);
        fields.collect::<Vec<_>>().join(" ")
    }

    fn stopping_said(&self) -> String {
        let better = match self.form.metric.as_str() {
            "val_accuracy" => "higher validation accuracy",
            _ => "lower validation loss",
        };
        match self.form.early_stopping.as_str() {
            "yes" => format!("after {} epochs without a {better}", self.form.patience),
            _ => "off".to_owned(),
        }
    }

    fn test_said(&self) -> String {
        let test = match self.form.test.as_str() {
            "sealed" => "test figures sealed until revealed",
            _ => "test figures shown after each epoch",
        };
        let kept = match self.form.keep.as_str() {
            "best" => "the best epoch is kept",
            "last" => "the last epoch is kept",
            _ => "the best and the last epoch are kept",
        };
        format!("{test}; {kept}")
    }

    fn notes_said(&self) -> &str {
        match (self.form.tags.as_str(), self.form.notes.as_str()) {
            ("", "") => "none",
            ("", _) => "notes",
            (tags, _) => tags,
        }
    }

    /// "3 notes" on single layers; None where there are none.
    fn layer_notes(&self) -> Option<String> {
        let notes = self.findings.iter().filter(|f| f.layer().is_some()).count();
        (notes > 0).then(|| counted(notes, "note", "notes"))
    }

    /// True where an operation of augmentation is on, or has an error.
    fn augments(&self) -> bool {
        let mut rows = self.form.augment.rows();
        rows.any(|(operation, text)| text != "0" || !self.error(operation.form).is_empty())
    }

    /// What is wrong with the whole.
    fn other_errors(&self) -> Vec<String> {
        let other = self.errors.iter().filter(|e| field_of(&e.field).is_none());
        other
            .map(|e| match e.field.as_str() {
                "" => e.message.clone(),
                field => format!("{field}: {}", e.message),
            })
            .collect()
    }

    fn chosen(&self) -> Option<&DatasetRow> {
        self.datasets
            .iter()
            .find(|row| row.id.as_str() == self.form.dataset)
    }

    /// What a run can be trained on, as a value and in words; empty where there is nothing to choose.
    fn device_choices(&self) -> Vec<(String, String)> {
        let asked = self.form.on.device.as_str();
        if self.devices.cuda.is_empty() && matches!(asked, "" | "auto" | "cpu") {
            return Vec::new();
        }
        let mut choices = vec![
            ("auto".to_owned(), "automatic".to_owned()),
            ("cpu".to_owned(), self.devices.cpu.to_string()),
        ];
        let cards = self.devices.cuda.iter();
        choices.extend(cards.map(|card| (format!("cuda:{}", card.index), card.to_string())));
        if !choices.iter().any(|(value, _)| value == asked) {
            choices.push((asked.to_owned(), format!("{asked}, not there")));
        }
        choices
    }

    fn training_images(&self) -> Option<usize> {
        let facts = self.chosen()?.facts.as_ref()?;
        Some(facts.images(Split::Train) as usize)
    }

    /// "15 runs: 3 of lr × 5 of seed", where the fields hold lists.
    fn runs(&self) -> Option<String> {
        let count: usize = self.axes.iter().map(|axis| axis.values.len()).product();
        let each: Vec<String> = self
            .axes
            .iter()
            .map(|axis| format!("{} of {}", axis.values.len(), label(&self.axes, axis)))
            .collect();
        (!self.axes.is_empty()).then(|| format!("{count} runs: {}", each.join(" × ")))
    }

    /// What is told of the network as a whole.
    fn told(&self) -> impl Iterator<Item = &FindingView> {
        self.findings.iter().filter(|f| f.layer().is_none())
    }

    /// What is told of the layer at a position of the list.
    fn told_of(&self, layer: &usize) -> impl Iterator<Item = &FindingView> {
        self.findings.iter().filter(|f| f.layer() == Some(*layer))
    }

    /// "6,791 for each of the 630 training images"
    fn parameters_an_image(&self, plan: &Plan) -> String {
        let images = self.training_images().unwrap_or(0);
        match plan.parameters.checked_div(images) {
            Some(each) => format!(
                "{} for each of the {} training images",
                thousands(each as u64),
                thousands(images)
            ),
            None => String::new(),
        }
    }

    /// The layer with most parameters, where it has most of all.
    fn largest<'a>(&self, plan: &'a Plan) -> Option<(&'a str, String)> {
        let places = plan.places();
        let own = places.iter().map(|place| place.layer);
        // A residual block's parameters are those of the layers inside it.
        let own: Vec<_> = own
            .filter(|l| l.body.is_empty() && l.parameters > 0)
            .collect();
        let layer = own.iter().max_by_key(|layer| layer.parameters)?;
        let share = layer.parameters as f64 / plan.parameters.max(1) as f64;
        (share > 0.5 && own.len() > 1)
            .then(|| (layer.name.as_str(), format!("{:.0} %", 100.0 * share)))
    }
}

impl From<Prepared> for LaunchPage {
    fn from(prepared: Prepared) -> LaunchPage {
        let mut page = LaunchPage {
            form: prepared.form,
            plan: prepared.plan,
            findings: Vec::new(),
            axes: prepared.axes,
            schedule_plot: None,
            schedule_words: String::new(),
            augmented: None,
            errors: prepared.errors,
            datasets: prepared.datasets,
            looks: prepared.looks,
            devices: prepared.devices,
            posted: false,
        };
        if let Some(spec) = prepared.spec {
            let ready = |row: &DatasetRow| row.state == DatasetState::Ready;
            if page.chosen().is_some_and(ready) {
                page.augmented = form_augment::preview(&spec);
            }
            let train = spec.train;
            let images = page.training_images().unwrap_or(1) as u64;
            let steps = images.div_ceil(train.batch_size as u64);
            page.schedule_plot = form_schedule::plot(&train, steps);
            page.schedule_words = form_schedule::words(&train.schedule);
        }
        if let Some(plan) = &page.plan {
            let found = network_findings(plan, page.training_images());
            page.findings = FindingView::list("layers", &found, no_pictures)
                .into_iter()
                .map(FindingView::folded)
                .collect();
        }
        page
    }
}

async fn show(State(app): State<App>, Query(typed): Query<RunForm>) -> Result<Response, HttpError> {
    let typed = if typed.defaults.is_empty() {
        typed
    } else {
        RunForm {
            dataset: typed.dataset,
            model: typed.model,
            ..RunForm::default()
        }
    };
    Ok(rendered(&LaunchPage::from(prepare(&app, typed).await?)))
}

/// The same page for what is typed so far; scripts take the checked parts from it.
async fn check(State(app): State<App>, Form(typed): Form<RunForm>) -> Result<Response, HttpError> {
    Ok(rendered(&LaunchPage::from(prepare(&app, typed).await?)))
}

async fn submit(State(app): State<App>, Form(typed): Form<RunForm>) -> Result<Response, HttpError> {
    let prepared = prepare(&app, typed).await?;
    let errors = match prepared.asked.clone() {
        Some(asked) if prepared.errors.is_empty() => match launch(&app, asked).await {
            Ok(Made::Run(launched)) => {
                return Ok(Redirect::to(&format!("/runs/{}", launched.run.id)).into_response());
            }
            Ok(Made::Group(group)) => {
                return Ok(Redirect::to(&format!("/groups/{}", group.summary.id)).into_response());
            }
            Err(error) if !error.errors.is_empty() => error.errors,
            Err(error) => return Err(error),
        },
        _ => prepared.errors.clone(),
    };
    Ok(refused(prepared, errors))
}

/// The form as it was sent, with what is wrong with it.
pub fn refused(prepared: Prepared, errors: Vec<FieldError>) -> Response {
    let page = LaunchPage {
        errors,
        posted: true,
        ..LaunchPage::from(prepared)
    };
    (StatusCode::UNPROCESSABLE_ENTITY, rendered(&page)).into_response()
}

/// Completes what is typed from the run it is cloned from, the preset and the dataset, and checks it.
pub async fn prepare(app: &App, mut typed: RunForm) -> Result<Prepared, HttpError> {
    typed.augment = typed.augment.chosen();
    let base = match typed.from.parse::<RunId>() {
        Ok(id) => Some(app.store.run(id).await?.spec),
        Err(_) => None,
    };
    let datasets = app.store.datasets().await?;
    let wanted = match typed.dataset.as_str() {
        "" => base.as_ref().and_then(|spec| spec.dataset.clone()),
        id => Some(id.to_owned()),
    };
    let ready = |row: &&DatasetRow| row.state == DatasetState::Ready;
    let row = match &wanted {
        Some(wanted) => datasets.iter().find(|row| row.id.as_str() == wanted),
        None => datasets.iter().find(ready),
    };
    let facts = row.filter(ready).and_then(|row| row.facts.as_ref());
    let size = facts.map(|facts| facts.common_size);
    let looks = match facts {
        Some(facts) => Some(app.store.test_looks(&facts.fingerprint).await?),
        None => None,
    };

    let devices = app.devices.now().await;
    let mut errors = Vec::new();
    let below = match &base {
        Some(spec) => serde_json::to_value(RunSpec {
            external: false,
            ..spec.clone()
        })
        .map_err(HttpError::internal)?,
        None => json!({}),
    };
    let model = typed.model().unwrap_or_else(|_| json!({}));
    let mut defaults = resolve(merge(below.clone(), model), size)
        .or_else(|_| resolve(below.clone(), size))
        .unwrap_or_default();
    defaults.dataset = row.map(|row| row.id.to_string());

    let mut asked = None;
    let mut plan = None;
    let mut axes = Vec::new();
    let mut read = None;
    let mut shown = defaults.clone();
    match typed.partial(&defaults) {
        Err(unread) => errors = unread,
        Ok(partial) => {
            let mut value = merge(below, partial);
            value["dataset"] = json!(wanted.clone().or(defaults.dataset.clone()));
            match checked(&value, facts, &devices) {
                Err(SpecError(wrong)) => errors = wrong,
                Ok((spec, fits, made)) => {
                    read = Some(spec.clone());
                    shown = spec;
                    plan = fits;
                    axes = made;
                    asked = Some(value);
                }
            }
        }
    }
    if facts.is_none() {
        errors.push(FieldError {
            field: "dataset".to_owned(),
            message: match (row, &wanted) {
                (Some(row), _) if row.state == DatasetState::Failed => {
                    format!("its import failed: {}", row.message)
                }
                (Some(_), _) => "still being imported: wait until it is ready".to_owned(),
                (None, Some(id)) => format!("there is no dataset '{id}': choose one of the list"),
                (None, None) => "upload a dataset first".to_owned(),
            },
        });
    }
    Ok(Prepared {
        form: typed.filled(&shown),
        asked,
        plan,
        axes,
        spec: read,
        errors,
        looks,
        datasets,
        devices,
    })
}

/// The first run that a spec with lists stands for, its plan where the classes are known, and the lists; every run is
/// checked.
fn checked(
    value: &Value,
    facts: Option<&DataFacts>,
    devices: &Devices,
) -> Result<(RunSpec, Option<Plan>, Vec<Axis>), SpecError> {
    let Sweep { axes, runs } = sweep(value)?;
    let mut first = None;
    for (_, user) in runs {
        let spec = resolve(user, facts.map(|facts| facts.common_size))?;
        check_device(&spec, devices)?;
        let plan = facts.map(|facts| check_on(&spec, facts)).transpose()?;
        first.get_or_insert((spec, plan));
    }
    let (spec, plan) = first.unwrap_or_default();
    Ok((spec, plan, axes))
}
