//! Runs one chain of calls on a guest thread: prepares the components, then calls them one after the other, with one
//! log line for each call.
//!
//! Invariant: all calls of a request share its plugin time.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;

use crate::app::App;
use crate::metrics::Metrics;
use crate::model::event::{Hook, HookEvent};
use crate::model::ids::OrgId;
use crate::model::limits::Limits;
use crate::model::time::Time;
use crate::plugins::active::Active;
use crate::plugins::compile::prepare;
use crate::request_id;
use crate::runtime::{Call, CallError, CallReport, LogLine, Prepared, Share, Used};

use super::failure::{Broken, FailureView, Subject};

/// How long a request waits for a component that this node has not compiled yet.
const PREPARE_WAIT: Duration = Duration::from_secs(5);

/// The plugin time left to a request.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: Duration,
    total_ms: u32,
}

impl Budget {
    pub fn new(app: &App) -> Budget {
        let total_ms = app.config.request_budget_ms;
        Budget { left: Duration::from_millis(total_ms.into()), total_ms }
    }

    fn left_ms(&self) -> u32 {
        u32::try_from(self.left.as_millis()).unwrap_or(u32::MAX)
    }
}

/// The outcome of one call.
pub struct Answered<T> {
    pub active: Arc<Active>,
    pub result: Result<T, Failure>,
    pub fuel: u64,
    pub duration: Duration,
}

pub struct Failure {
    pub outcome: &'static str,
    pub view: FailureView,
}

pub struct Chain {
    app: App,
    org: OrgId,
    actives: Vec<Arc<Active>>,
}

/// A call to make, or the reason why it cannot be made.
struct Step {
    active: Arc<Active>,
    ready: Result<(Arc<Prepared>, u64), String>,
}

impl Chain {
    pub fn new(app: &App, org: OrgId, actives: Vec<Arc<Active>>) -> Chain {
        Chain { app: app.clone(), org, actives }
    }

    /// Calls each plugin with the event, with the plugin's clock at the time of the event. `call` may change the
    /// event for later plugins, and may end the chain through its last argument.
    pub async fn run<E, T, F>(self, budget: &mut Budget, event: E, call: F) -> Vec<Answered<T>>
    where
        E: HookEvent,
        T: Send + 'static,
        F: Fn(&Prepared, &Call<'_>, &mut E, &mut bool) -> CallReport<T> + Send + 'static,
    {
        if self.actives.is_empty() {
            return Vec::new();
        }
        let steps = self.prepare_steps().await;
        let (subject, now) = (Subject::of(event.ticket()), moment(event.now()));
        let about = About {
            org: self.org,
            ticket_id: subject.ticket_id.clone(),
            request_id: request_id::current(),
        };
        let mut spent = *budget;
        let (metrics, ceiling) = (self.app.metrics.clone(), self.app.config.limits_max);
        let job = move || {
            let mut event = event;
            let mut stop = false;
            let mut answers = Vec::with_capacity(steps.len());
            let mut used = Used::default();
            for step in steps {
                // Drops the instance of the previous call: a chain uses one slot of the engine's pool at a time.
                drop(mem::take(&mut used));
                let answered = run_step(step, now, &ceiling, &mut spent, |prepared, given| {
                    call(prepared, given, &mut event, &mut stop)
                });
                let (answered, log, instance) = answered;
                used = instance;
                log_call(&metrics, E::HOOK, &about, &answered, &log);
                answers.push(answered);
                if stop {
                    break;
                }
            }
            ((answers, spent), used)
        };
        let share = Share {
            organization: self.org.0,
            installations: self.actives.iter().map(|active| active.installation_id.0).collect(),
        };
        let answers = match self.app.runtime.run(share, job).await {
            Ok((answers, spent)) => {
                *budget = spent;
                answers
            }
            Err(busy) => self
                .actives
                .iter()
                .map(|active| unanswered(active.clone(), "busy", busy.to_string()))
                .collect(),
        };
        for answered in &answers {
            self.note_failure(E::HOOK, &subject, answered);
        }
        answers
    }

    fn note_failure<T>(&self, hook: Hook, subject: &Subject, answered: &Answered<T>) {
        let Err(failure) = &answered.result else { return };
        let broken = Broken {
            subject,
            hook,
            active: &answered.active,
            outcome: failure.outcome,
            error: &failure.view,
        };
        let id = answered.active.installation_id;
        let failures = &self.app.plugin_failures;
        failures.record(self.org, id, self.app.clock.now(), || broken.event());
    }

    async fn prepare_steps(&self) -> Vec<Step> {
        let deadline = tokio::time::Instant::now() + PREPARE_WAIT;
        let mut steps = Vec::with_capacity(self.actives.len());
        for active in &self.actives {
            let prepared = match self.app.runtime.loaded(&active.digest) {
                Some(prepared) => Ok(prepared),
                None => prepare_until(deadline, &self.app, &active.digest).await,
            };
            let ready = prepared.and_then(|prepared| Ok((prepared, random_seed()?)));
            steps.push(Step { active: active.clone(), ready });
        }
        steps
    }
}

/// The event's `now` as the guest's clocks return it, equal to the millisecond.
fn moment(now_ms: i64) -> Time {
    DateTime::from_timestamp_millis(now_ms).unwrap_or_default().into()
}

async fn prepare_until(
    deadline: tokio::time::Instant,
    app: &App,
    digest: &str,
) -> Result<Arc<Prepared>, String> {
    match tokio::time::timeout_at(deadline, prepare(app, digest)).await {
        Ok(prepared) => prepared.map_err(|error| error.to_string()),
        Err(_) => Err("the plugin is still being compiled on this node".to_owned()),
    }
}

fn random_seed() -> Result<u64, String> {
    getrandom::u64()
        .map_err(|error| format!("random bytes for the plugin's seed are not available: {error}"))
}

fn run_step<T>(
    step: Step,
    now: Time,
    ceiling: &Limits,
    budget: &mut Budget,
    call: impl FnOnce(&Prepared, &Call<'_>) -> CallReport<T>,
) -> (Answered<T>, Vec<LogLine>, Used) {
    let (prepared, seed) = match step.ready {
        Ok(ready) => ready,
        Err(reason) => {
            return (unanswered(step.active, "unavailable", reason), Vec::new(), Used::default());
        }
    };
    let mut limits = step.active.limits.under(ceiling);
    limits.deadline_ms = limits.deadline_ms.min(budget.left_ms());
    if limits.deadline_ms == 0 {
        let message = format!(
            "the plugins before it used up the {} ms of plugin time of this request",
            budget.total_ms
        );
        return (unanswered(step.active, "budget", message), Vec::new(), Used::default());
    }
    let started = Instant::now();
    let report = call(
        &prepared,
        &Call { settings: &step.active.settings, limits: &limits, now: *now, seed },
    );
    budget.left = budget.left.saturating_sub(started.elapsed());
    let answered = Answered {
        active: step.active,
        result: report.result.map_err(|error| failure(&error, report.fuel)),
        fuel: report.fuel,
        duration: report.duration,
    };
    (answered, report.log, report.used)
}

fn unanswered<T>(active: Arc<Active>, outcome: &'static str, message: String) -> Answered<T> {
    let view = FailureView { message, limit: None, used: None };
    Answered { active, result: Err(Failure { outcome, view }), fuel: 0, duration: Duration::ZERO }
}

fn failure(error: &CallError, fuel: u64) -> Failure {
    if !error.detail().is_empty() {
        tracing::debug!(target: "repairops::plugin", detail = error.detail(), "how the plugin broke");
    }
    let (limit, used) = figures(error, fuel);
    Failure { outcome: error.kind(), view: FailureView { message: error.to_string(), limit, used } }
}

/// The limit that was exceeded, and the amount that was reached.
fn figures(error: &CallError, fuel: u64) -> (Option<u64>, Option<u64>) {
    match error {
        CallError::Fuel { limit, .. } => (Some(*limit), Some(fuel)),
        CallError::Deadline { limit_ms, elapsed_ms, .. } => {
            (Some((*limit_ms).into()), Some(*elapsed_ms))
        }
        CallError::Sleep { limit_ms, asked_ms, .. } => (Some((*limit_ms).into()), Some(*asked_ms)),
        CallError::Memory { limit, asked, .. } | CallError::Table { limit, asked, .. } => {
            (Some(*limit), Some(*asked))
        }
        CallError::Input { limit, size } => (Some((*limit).into()), Some(*size)),
        CallError::Output { limit } | CallError::HostCalls { limit, .. } => {
            (Some((*limit).into()), None)
        }
        CallError::Trap { .. } | CallError::BadOutput { .. } | CallError::Guest(_) => (None, None),
    }
}

/// What the log lines of one chain are about.
struct About {
    org: OrgId,
    ticket_id: String,
    request_id: String,
}

/// Writes one structured log line for the call, and below it the plugin's own log lines.
fn log_call<T>(
    metrics: &Metrics,
    hook: Hook,
    about: &About,
    answered: &Answered<T>,
    lines: &[LogLine],
) {
    let active = &answered.active;
    let outcome = answered.result.as_ref().map_or_else(|failure| failure.outcome, |_| "ok");
    let duration_us = u64::try_from(answered.duration.as_micros()).unwrap_or(u64::MAX);
    metrics.count_call(&active.plugin, hook, outcome, answered.fuel, answered.duration);
    tracing::info!(
        target: "repairops::plugin",
        org = %about.org,
        plugin = active.plugin,
        version = active.version,
        installation_id = %active.installation_id,
        hook = hook.as_str(),
        ticket_id = about.ticket_id,
        outcome,
        error = answered.result.as_ref().err().map(|failure| failure.view.message.as_str()),
        fuel = answered.fuel,
        duration_us,
        request_id = about.request_id,
        "plugin call"
    );
    for line in lines {
        tracing::info!(
            target: "repairops::plugin::log",
            org = %about.org,
            plugin = active.plugin,
            installation_id = %active.installation_id,
            hook = hook.as_str(),
            ticket_id = about.ticket_id,
            level = ?line.level,
            text = line.message,
            request_id = about.request_id,
            "plugin log"
        );
    }
}
