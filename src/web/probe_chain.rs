//! Starting a probe of a run, and chains of them: when one is over the next is chosen by what it would tell for its seconds,
//! until the answer is clear, the budget is spent, or its user cancels.

use super::gathered::choose;
use super::probes::{Choice, Wanted};
use super::{App, HttpError};
use crate::diagnose::probes::NextProbe;
use crate::run::{FieldError, RunId, SpecError};
use crate::store::{ChainEnd, Group, ProbeChain, StoreError};
use axum::http::StatusCode;
use tokio::sync::broadcast::error::RecvError;

/// Seconds that a chain of probes may be given: a second to a day.
const LEAST_S: f64 = 1.0;
const MOST_S: f64 = 86_400.0;

/// A probe that was started.
pub struct Started {
    pub probe: NextProbe,
    pub group: Group,
}

/// Starts a probe of a run.
pub async fn start_probe(app: &App, run: RunId, wanted: Wanted) -> Result<Started, HttpError> {
    match choose(app, run, wanted).await?.map_err(conflict)? {
        Choice::Make(probe, group) => {
            let group = app.store.start_probe(run, group, None).await?;
            Ok(Started { probe, group })
        }
        Choice::TooDear(_) | Choice::Clear => Err(conflict(
            "no probe would tell more of this run than is known: name one to make it all the same",
        )),
    }
}

/// Starts a chain of probes with its first, which is chosen as the others will be. `field` is what the user calls the budget.
pub async fn start_chain(
    app: &App,
    run: RunId,
    budget_s: f64,
    field: &str,
) -> Result<Started, HttpError> {
    if !(LEAST_S..=MOST_S).contains(&budget_s) {
        let field = field.to_owned();
        let message = "from one second to 24 hours".to_owned();
        return Err(SpecError(vec![FieldError { field, message }]).into());
    }
    let wanted = Wanted::Best { left_s: budget_s };
    match choose(app, run, wanted).await?.map_err(conflict)? {
        Choice::Make(probe, group) => {
            let group = app.store.start_probe(run, group, Some(budget_s)).await?;
            Ok(Started { probe, group })
        }
        Choice::TooDear(probe) => Err(conflict(format!(
            "{field}: the next probe, {}, takes about {:.0} s, more than the budget of {budget_s:.0} s",
            probe.id.name(),
            probe.cost_s.ceil()
        ))),
        Choice::Clear => Err(conflict(
            "no probe would tell more of this run than is known: there is nothing to spend a budget on",
        )),
    }
}

/// Moves chains on whenever something changes, until the server ends. What is due is read from the database, so a chain
/// goes on after a restart as if nothing had been.
pub async fn go_on(app: App) {
    let mut changes = app.store.feed().watch_changes();
    let mut shutdown = app.shutdown.clone();
    loop {
        match app.store.due_chains().await {
            Ok(due) => {
                for chain in due {
                    let run = chain.run;
                    if let Err(error) = next(&app, chain).await {
                        tracing::error!("the chain of probes of run {run}: {}", error.detail);
                    }
                }
            }
            Err(error) => tracing::error!("chains of probes: {error}"),
        }
        tokio::select! {
            biased;
            // An error means that the sender is gone, which is the end too.
            _ = shutdown.wait_for(|ending| *ending) => return,
            heard = changes.recv() => if let Err(RecvError::Closed) = heard { return },
        }
        // What came meanwhile is looked at together.
        while changes.try_recv().is_ok() {}
    }
}

/// Queues the next probe of a chain, or ends it.
async fn next(app: &App, chain: ProbeChain) -> Result<(), HttpError> {
    let left_s = chain.left_s();
    let choice = match choose(app, chain.run, Wanted::Best { left_s }).await? {
        Ok(choice) => choice,
        Err(_) => return Ok(app.store.end_chain(chain, ChainEnd::Impossible).await?),
    };
    match choice {
        Choice::Make(_, group) => match app.store.go_on(chain, group).await {
            // An older probe was resumed: the chain is due again when that is over.
            Err(StoreError::Conflict(_)) => {}
            done => done?,
        },
        Choice::TooDear(_) => app.store.end_chain(chain, ChainEnd::Spent).await?,
        Choice::Clear => app.store.end_chain(chain, ChainEnd::Clear).await?,
    }
    Ok(())
}

fn conflict(why: impl Into<String>) -> HttpError {
    HttpError::new(StatusCode::CONFLICT, why)
}
