//! The domain's types as SQLite stores them.

use super::{ChainEnd, DatasetState, EventKind, Inspection, InspectionState, Moment};
use crate::run::{Attempt, DatasetId, GroupId, Metric, RunId, RunStatus, Seq, Split};
use crate::train::Wish;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

macro_rules! as_integer {
    ($type:ident) => {
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                i64::try_from(self.0)
                    .map(ToSqlOutput::from)
                    .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let number = value.as_i64()?;
                number
                    .try_into()
                    .map($type)
                    .map_err(|_| FromSqlError::OutOfRange(number))
            }
        }
    };
}

as_integer!(RunId);
as_integer!(GroupId);
as_integer!(Attempt);
as_integer!(Seq);
as_integer!(Moment);

macro_rules! as_name {
    ($type:ident, $name:expr, $read:expr) => {
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from($name(self)))
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let text = value.as_str()?;
                $read(text).ok_or_else(|| {
                    FromSqlError::Other(format!("'{text}' is no {}", stringify!($type)).into())
                })
            }
        }
    };
}

as_name!(DatasetId, |id: &'_ DatasetId| id.to_string(), |s: &str| s
    .parse()
    .ok());
as_name!(RunStatus, |s: &RunStatus| s.name(), |s: &str| s
    .parse()
    .ok());
as_name!(EventKind, |k: &EventKind| k.name(), EventKind::from_name);
as_name!(Metric, |m: &Metric| m.name(), |s: &str| {
    [Metric::ValLoss, Metric::ValAccuracy]
        .into_iter()
        .find(|m| m.name() == s)
});

as_name!(DatasetState, |s: &DatasetState| s.name(), |s: &str| {
    DatasetState::ALL
        .into_iter()
        .find(|state| state.name() == s)
});
as_name!(ChainEnd, |e: &ChainEnd| e.name(), |s: &str| {
    ChainEnd::ALL.into_iter().find(|end| end.name() == s)
});
as_name!(Inspection, |k: &Inspection| k.name(), |s: &str| s
    .parse()
    .ok());
as_name!(
    InspectionState,
    |s: &InspectionState| s.name(),
    |s: &str| {
        InspectionState::ALL
            .into_iter()
            .find(|state| state.name() == s)
    }
);
as_name!(
    Wish,
    |w: &Wish| match w {
        Wish::Continue => "continue",
        Wish::Stop => "stop",
        Wish::Cancel => "cancel",
        Wish::Pause => "pause",
    },
    |s: &str| match s {
        "continue" => Some(Wish::Continue),
        "stop" => Some(Wish::Stop),
        "cancel" => Some(Wish::Cancel),
        "pause" => Some(Wish::Pause),
        _ => None,
    }
);

/// Splits are small numbers in the tables that grow.
impl ToSql for Split {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Split::Train => 0_i64,
            Split::Val => 1,
            Split::Test => 2,
        }))
    }
}

impl FromSql for Split {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        usize::try_from(number)
            .ok()
            .and_then(|n| Split::ALL.get(n).copied())
            .ok_or(FromSqlError::OutOfRange(number))
    }
}

/// A column of JSON.
pub(super) struct Json<T>(pub T);

impl<T: serde::Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        serde_json::to_string(&self.0)
            .map(ToSqlOutput::from)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
    }
}

impl<T: serde::de::DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Json)
            .map_err(FromSqlError::other)
    }
}
