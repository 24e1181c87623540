//! From one spec with lists in numeric fields to the specs of its runs: a grid where several fields have lists.

use super::resolve::complete;
use crate::run::sweep::{Axis, MOST_RUNS, SEED_FIELD, Settings, array, is_list, numbers};
use crate::run::{FieldError, RunSpec, SpecError};
use serde_json::{Number, Value};

/// The tables whose numbers may be lists; a network's layers are one setting.
const TABLES: [&str; 3] = ["train", "input", "augment"];
/// Lists in one spec; which of them a field itself takes is found by trying.
const MOST_LISTS: usize = 8;

/// What a spec with lists asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// In the order of their fields, the seeds last; empty where the spec is that of one run.
    pub axes: Vec<Axis>,
    /// Partial specs without lists, the last axis moving fastest, with what each has of the axes.
    pub runs: Vec<(Settings, Value)>,
}

/// A list that may stand for several runs.
struct List {
    path: Vec<String>,
    values: Vec<Number>,
    /// Text is never what a numeric field takes; an array can be.
    is_text: bool,
}

/// Takes the lists of a partial spec apart. A list is an array of numbers, or text such as `0.1, 0.01` or `1..5`, where the
/// field takes one number; what is wrong with a spec otherwise is for [`super::resolve()`] to say.
pub fn sweep(user: &Value) -> Result<Sweep, SpecError> {
    let mut lists = Vec::new();
    let mut errors = Vec::new();
    for table in TABLES {
        if let Some(value) = user.get(table) {
            find(value, &mut vec![table.to_owned()], &mut lists, &mut errors);
        }
    }
    if !errors.is_empty() {
        return Err(SpecError(errors));
    }
    if lists.len() > MOST_LISTS {
        return Err(wrong(
            "",
            format!("{} fields have lists: at most {MOST_LISTS}", lists.len()),
        ));
    }
    let mut lists = taken_apart(user, lists);
    lists.sort_by_key(|list| list.path.join(".") == SEED_FIELD);
    let count = lists
        .iter()
        .try_fold(1_usize, |count, list| count.checked_mul(list.values.len()));
    let Some(count) = count.filter(|count| *count <= MOST_RUNS) else {
        return Err(wrong(
            &lists
                .last()
                .map_or(String::new(), |list| list.path.join(".")),
            format!("the lists make more than {MOST_RUNS} runs together: shorten one of them"),
        ));
    };
    let varied = |list: &&List| list.values.len() > 1;
    Ok(Sweep {
        axes: lists
            .iter()
            .filter(varied)
            .map(|list| Axis {
                field: list.path.join("."),
                values: list.values.clone(),
            })
            .collect(),
        runs: (0..count)
            .map(|number| {
                let (mut settings, mut spec) = (Settings::new(), user.clone());
                let mut left = number;
                for list in lists.iter().rev() {
                    let value = &list.values[left % list.values.len()];
                    left /= list.values.len();
                    put(&mut spec, &list.path, value.clone().into());
                    if varied(&list) {
                        settings.insert(list.path.join("."), value.clone());
                    }
                }
                (settings, spec)
            })
            .collect(),
    })
}

/// The lists at the leaves of a table.
fn find(
    value: &Value,
    path: &mut Vec<String>,
    lists: &mut Vec<List>,
    errors: &mut Vec<FieldError>,
) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                path.push(name.clone());
                find(value, path, lists, errors);
                path.pop();
            }
        }
        Value::String(text) if is_list(text) => match numbers(text) {
            Ok(values) => lists.push(List {
                path: path.clone(),
                values,
                is_text: true,
            }),
            Err(message) => errors.push(FieldError {
                field: path.join("."),
                message,
            }),
        },
        value => {
            if let Some(mut values) = array(value) {
                let mut seen: Vec<Number> = Vec::new();
                values.retain(|v| {
                    !seen.contains(v) && {
                        seen.push(v.clone());
                        true
                    }
                });
                lists.push(List {
                    path: path.clone(),
                    values,
                    is_text: false,
                });
            }
        }
    }
}

/// The lists that stand for several runs: as few of the arrays as the spec can be read with. Fixed means of channels are an
/// array that their field takes; an array of seeds is not.
fn taken_apart(user: &Value, lists: Vec<List>) -> Vec<List> {
    let arrays: Vec<usize> = (0..lists.len()).filter(|i| !lists[*i].is_text).collect();
    let mut choices: Vec<u32> = (0..1 << arrays.len()).collect();
    choices.sort_by_key(|choice| choice.count_ones());
    let all = choices.len() as u32 - 1;
    let chosen = |choice: u32, i: usize| match arrays.iter().position(|at| *at == i) {
        Some(bit) => choice >> bit & 1 == 1,
        None => true,
    };
    let readable = |choice: &u32| {
        let mut spec = user.clone();
        for (i, list) in lists.iter().enumerate() {
            if chosen(*choice, i) {
                put(&mut spec, &list.path, list.values[0].clone().into());
            }
        }
        complete(spec, None).is_ok_and(|spec| serde_json::from_value::<RunSpec>(spec).is_ok())
    };
    // Where none can be read something else is wrong, and is told of the first run.
    let choice = choices.into_iter().find(readable).unwrap_or(all);
    let keep: Vec<bool> = (0..lists.len()).map(|i| chosen(choice, i)).collect();
    let kept = lists.into_iter().zip(keep).filter(|(_, keep)| *keep);
    kept.map(|(list, _)| list).collect()
}

fn put(spec: &mut Value, path: &[String], value: Value) {
    let place = path
        .iter()
        .try_fold(spec, |place, part| place.get_mut(part.as_str()));
    if let Some(place) = place {
        *place = value;
    }
}

fn wrong(field: &str, message: String) -> SpecError {
    SpecError(vec![FieldError {
        field: field.to_owned(),
        message,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_make_a_grid_with_the_seeds_moving_fastest() {
        let user = json!({"train": {"seed": "1..2", "optimizer": {"kind": "sgd", "lr": [0.1, 0.01]}, "epochs": [3]}});
        let Sweep { axes, runs } = sweep(&user).unwrap();
        let fields: Vec<&str> = axes.iter().map(|axis| axis.field.as_str()).collect();
        assert_eq!(fields, ["train.optimizer.lr", "train.seed"]);
        let made: Vec<Value> = runs.iter().map(|(_, spec)| spec["train"].clone()).collect();
        let run = |lr: f64, seed: u32| json!({"seed": seed, "optimizer": {"kind": "sgd", "lr": lr}, "epochs": 3});
        assert_eq!(made, [run(0.1, 1), run(0.1, 2), run(0.01, 1), run(0.01, 2)]);
        let settings = serde_json::to_value(&runs[2].0).unwrap();
        assert_eq!(
            settings,
            json!({"train.optimizer.lr": 0.01, "train.seed": 1})
        );
    }

    #[test]
    fn an_array_that_its_field_takes_stays_one_setting() {
        let fixed = json!({"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]});
        let user = json!({"input": {"normalize": fixed}, "tags": ["a"], "train": {"batch_size": [8, 16, 8]}});
        let Sweep { axes, runs } = sweep(&user).unwrap();
        assert_eq!(axes.len(), 1);
        assert_eq!(runs.len(), 2);
        assert_eq!(runs[1].1["input"]["normalize"], fixed);
        assert_eq!(runs[1].1["train"]["batch_size"], 16);
    }

    #[test]
    fn a_spec_without_lists_is_one_run_as_it_was() {
        for user in [
            json!({"train": {"epochs": 3}}),
            json!({"train": {"epochz": 3}}),
            json!([]),
        ] {
            let Sweep { axes, runs } = sweep(&user).unwrap();
            assert!(axes.is_empty());
            assert_eq!(runs, [(Settings::new(), user)]);
        }
    }

    #[test]
    fn too_many_runs_and_lists_that_are_none_are_errors_of_their_field() {
        for (user, field) in [
            (
                json!({"train": {"seed": "1..20", "epochs": "1..20"}}),
                "train.seed",
            ),
            (
                json!({"train": {"optimizer": {"lr": "0.1..0.2"}}}),
                "train.optimizer.lr",
            ),
        ] {
            assert_eq!(sweep(&user).unwrap_err().0[0].field, field);
        }
    }
}
