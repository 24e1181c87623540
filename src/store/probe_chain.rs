//! Probes of a run as groups under it, one at a time, and chains of them: a budget of seconds and what of it is spent.

use super::connection::Change;
use super::group::group;
use super::{Group, NewGroup, Store, StoreError, StoreResult};
use crate::run::{GroupId, RunId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

/// How the purpose of a probe's group begins; the probe's name follows.
pub const PROBE: &str = "probe ";

/// Probes that follow one another by themselves. A run has one at most, the newest.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeChain {
    pub run: RunId,
    /// Seconds of training that its probes may take together, as their costs are reckoned before.
    pub budget_s: f64,
    /// What they took: the sum of their epochs, those of a probe that goes on among them.
    pub spent_s: f64,
    /// The probe that goes on; one that is over is followed by the next.
    pub group: Option<GroupId>,
    /// None while it goes on.
    pub end: Option<ChainEnd>,
}

impl ProbeChain {
    /// Seconds that are left, and never less than none.
    pub fn left_s(&self) -> f64 {
        (self.budget_s - self.spent_s).max(0.0)
    }

    /// False where it has ended or gone on since it was read.
    fn is_still_due(&self, db: &Connection) -> StoreResult<bool> {
        let now = chain(db, self.run)?;
        Ok(now.is_some_and(|now| now.end.is_none() && now.group == self.group))
    }
}

/// Why a chain of probes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChainEnd {
    /// The causes are as clear as probes can make them.
    Clear,
    /// The next probe would have cost more than was left.
    Spent,
    /// A run of its probe was cancelled by hand.
    Cancelled,
    /// No probe could be made any more: the run goes on again, or its images are gone.
    Impossible,
}

impl ChainEnd {
    pub(super) const ALL: [ChainEnd; 4] = [
        ChainEnd::Clear,
        ChainEnd::Spent,
        ChainEnd::Cancelled,
        ChainEnd::Impossible,
    ];

    /// As in the API: `clear`.
    pub fn name(self) -> &'static str {
        match self {
            ChainEnd::Clear => "clear",
            ChainEnd::Spent => "spent",
            ChainEnd::Cancelled => "cancelled",
            ChainEnd::Impossible => "impossible",
        }
    }
}

impl Store {
    /// Queues a probe of a run; with a budget it is the first of a chain. Refused while another probe or a chain of the run
    /// goes on.
    pub async fn start_probe(
        &self,
        run: RunId,
        new: NewGroup,
        budget_s: Option<f64>,
    ) -> StoreResult<Group> {
        self.write(move |change| {
            change.no_other_probe(run)?;
            if chain(&change.tx, run)?.is_some_and(|chain| chain.end.is_none()) {
                return Err(StoreError::Conflict(format!(
                    "a chain of probes of run {run} goes on: it chooses the next one itself"
                )));
            }
            let id = change.insert_group(&new)?;
            if let Some(budget_s) = budget_s {
                change.tx.execute(
                    "INSERT OR REPLACE INTO probe_chain (run, budget_s, run_group) VALUES (?1, ?2, ?3)",
                    params![run, budget_s, id],
                )?;
            }
            change.changed(run);
            group(&change.tx, id)
        })
        .await
    }

    /// The newest chain of a run.
    pub async fn probe_chain(&self, run: RunId) -> StoreResult<Option<ProbeChain>> {
        self.read(move |db| chain(db, run)).await
    }

    /// Chains that go on and whose probe is over.
    pub async fn due_chains(&self) -> StoreResult<Vec<ProbeChain>> {
        self.read(|db| {
            let mut statement = db.prepare_cached(&format!(
                "{SELECT} WHERE ended IS NULL AND NOT EXISTS
                 (SELECT 1 FROM run WHERE run_group = probe_chain.run_group AND status IN ('queued', 'running'))"
            ))?;
            let chains = statement.query_map([], read)?;
            Ok(chains.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Queues the probe that follows the one of a due chain; nothing where the chain has ended or gone on meanwhile.
    pub async fn go_on(&self, after: ProbeChain, new: NewGroup) -> StoreResult<()> {
        self.write(move |change| {
            if !after.is_still_due(&change.tx)? {
                return Ok(());
            }
            change.no_other_probe(after.run)?;
            let id = change.insert_group(&new)?;
            change.tx.execute(
                "UPDATE probe_chain SET spent_s = ?2, run_group = ?3 WHERE run = ?1",
                params![after.run, after.spent_s, id],
            )?;
            change.changed(after.run);
            Ok(())
        })
        .await
    }

    /// Ends a due chain; nothing where it has ended or gone on meanwhile.
    pub async fn end_chain(&self, due: ProbeChain, end: ChainEnd) -> StoreResult<()> {
        self.write(move |change| match due.is_still_due(&change.tx)? {
            true => change.end_chain(&due, end),
            false => Ok(()),
        })
        .await
    }
}

impl Change<'_> {
    /// Ends the chain whose probe a run belongs to, where there is one: its user wants no more of it.
    pub(super) fn cancel_chain_of(&mut self, probe: GroupId) -> StoreResult<()> {
        let chain = self
            .tx
            .prepare_cached(&format!("{SELECT} WHERE run_group = ?1 AND ended IS NULL"))?
            .query_row([probe], read)
            .optional()?;
        match chain {
            Some(chain) => self.end_chain(&chain, ChainEnd::Cancelled),
            None => Ok(()),
        }
    }

    fn end_chain(&mut self, chain: &ProbeChain, end: ChainEnd) -> StoreResult<()> {
        self.tx.execute(
            "UPDATE probe_chain SET spent_s = ?2, run_group = NULL, ended = ?3 WHERE run = ?1",
            params![chain.run, chain.spent_s, end],
        )?;
        self.changed(chain.run);
        Ok(())
    }

    /// Refuses a second probe of a run: what the first answers decides what is worth asking next.
    fn no_other_probe(&self, run: RunId) -> StoreResult<()> {
        let other: Option<GroupId> = self
            .tx
            .prepare_cached(
                "SELECT run_group.id FROM run_group JOIN run ON run.run_group = run_group.id
                 WHERE parent = ?1 AND purpose LIKE ?2 || '%' AND status IN ('queued', 'running') LIMIT 1",
            )?
            .query_row(params![run, PROBE], |row| row.get(0))
            .optional()?;
        match other {
            Some(group) => Err(StoreError::Conflict(format!(
                "group {group} still goes on: its answer decides what is worth asking next; wait for it, or cancel it"
            ))),
            None => Ok(()),
        }
    }
}

const SELECT: &str =
    "SELECT *, (SELECT TOTAL(epoch.seconds) FROM epoch JOIN run ON run.id = epoch.run
    WHERE run.run_group = probe_chain.run_group) AS last_s FROM probe_chain";

fn read(row: &Row) -> rusqlite::Result<ProbeChain> {
    Ok(ProbeChain {
        run: row.get("run")?,
        budget_s: row.get("budget_s")?,
        spent_s: row.get::<_, f64>("spent_s")? + row.get::<_, f64>("last_s")?,
        group: row.get("run_group")?,
        end: row.get("ended")?,
    })
}

fn chain(db: &Connection, run: RunId) -> StoreResult<Option<ProbeChain>> {
    let mut statement = db.prepare_cached(&format!("{SELECT} WHERE run = ?1"))?;
    Ok(statement.query_row([run], read).optional()?)
}
