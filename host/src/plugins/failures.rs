//! Tells the organization that a plugin broke in a request: `plugin.failed`. It is noted in memory and written by a job of
//! its own, so that it costs the request nothing; at most once a minute for each installation on each node. What a node
//! noted in the second before it was killed is not told.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::active::Active;
use super::hooks::{FailureView, Subject};
use crate::app::App;
use crate::db::Fault;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, OrgId};
use crate::model::time::Time;
use crate::{request_id, webhooks};

/// One installation is told of so often.
const QUIET: TimeDelta = TimeDelta::minutes(1);

/// Installations whose last failure is remembered, and failures that wait to be written.
const REMEMBERED_MAX: usize = 10_000;

const WRITE_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Failures {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: HashMap<InstallationId, Time>,
    waiting: Vec<(OrgId, Value, Time)>,
}

/// The call that a plugin broke in.
pub struct Broken<'a> {
    pub org: OrgId,
    pub subject: &'a Subject,
    pub hook: Hook,
    pub active: &'a Active,
    pub outcome: &'static str,
    pub error: &'a FailureView,
}

impl Failures {
    /// Notes a failure, unless the installation's last one was a moment ago.
    pub fn note(&self, now: Time, broken: &Broken<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let id = broken.active.installation_id;
        if state.last.get(&id).is_some_and(|last| now - *last < QUIET) {
            return;
        }
        if state.last.len() >= REMEMBERED_MAX {
            state.last.retain(|_, last| now - *last < QUIET);
        }
        if state.last.len() >= REMEMBERED_MAX || state.waiting.len() >= REMEMBERED_MAX {
            return;
        }
        state.last.insert(id, now);
        state.waiting.push((broken.org, data(broken), now));
    }

    fn take(&self) -> Vec<(OrgId, Value, Time)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.waiting)
    }

    /// For the next time, before what was noted since.
    fn keep(&self, mut unwritten: Vec<(OrgId, Value, Time)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.append(&mut state.waiting);
        unwritten.truncate(REMEMBERED_MAX);
        state.waiting = unwritten;
    }
}

fn data(broken: &Broken<'_>) -> Value {
    let on_failure = broken.active.setup(broken.hook).map(|setup| setup.on_failure);
    json!({
        "installation_id": broken.active.installation_id,
        "plugin": broken.active.plugin,
        "version": broken.active.version,
        "shop_id": broken.subject.shop_id,
        "ticket_id": broken.subject.ticket_id,
        "ticket_number": broken.subject.ticket_number,
        "hook": broken.hook,
        "outcome": broken.outcome,
        "error": broken.error,
        "on_failure": on_failure,
        "request_id": request_id::current(),
    })
}

/// Writes what was noted. What cannot be written now is kept for the next time, unless it would fail again.
pub async fn write(app: &App) {
    let waiting = app.plugin_failures.take();
    if waiting.is_empty() {
        return;
    }
    let written = async {
        let mut tx = app.db.begin().await?;
        for (org, data, at) in &waiting {
            let id = app.clock.new_id();
            webhooks::store::enqueue(&mut tx, *org, id, "plugin.failed", data, *at).await?;
        }
        tx.commit().await
    };
    match written.await {
        Ok(()) => app.webhooks.wake(),
        Err(error) => {
            tracing::error!(?error, "plugin.failed events could not be written");
            if Fault::of(&error) != Fault::Internal {
                app.plugin_failures.keep(waiting);
            }
        }
    }
}

/// Writes every second, until the server is asked to end, and once more then.
pub async fn run_until(app: App, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(WRITE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
        write(&app).await;
    }
    write(&app).await;
}
