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
use crate::runtime::{
    Call, CallError, CallReport, CompilePriority, CompileRequest, LogLine, Prepared, Share, Used,
};

use super::failure::{Broken, FailureView, Subject};

/// How long a request waits for a component that this node has not compiled yet.
const PREPARE_WAIT: Duration = Duration::from_secs(5);

/// The plugin time left to a request: processor time, and time by the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    processor: Part,
    wall: Part,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    left: Duration,
    total_ms: u32,
}

impl Part {
    fn new(total_ms: u32) -> Part {
        Part { left: Duration::from_millis(total_ms.into()), total_ms }
    }

    fn left_ms(&self) -> u32 {
        u32::try_from(self.left.as_millis()).unwrap_or(u32::MAX)
    }

    fn spend(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }
}

impl Budget {
    pub fn new(app: &App) -> Budget {
        Budget {
            processor: Part::new(app.config.request_budget_ms),
            wall: Part::new(app.config.request_wall_ms),
        }
    }

    /// Lowers the limits of a call to what is left. `None` if nothing is.
    fn lower(&self, limits: &Limits) -> Option<Limits> {
        let lowered = Limits {
            deadline_ms: limits.deadline_ms.min(self.processor.left_ms()),
            wall_ms: limits.wall_ms.min(self.wall.left_ms()),
            ..*limits
        };
        (lowered.deadline_ms > 0 && lowered.wall_ms > 0).then_some(lowered)
    }

    /// The failure of a call that ended for want of what the calls before it used.
    fn used_up(&self) -> Failure {
        let message = format!(
            "the plugins of this request used up its {} ms of processor time or its {} ms in all",
            self.processor.total_ms, self.wall.total_ms
        );
        let view = FailureView { message, limit: None, used: None };
        Failure { outcome: "budget", view, is_nodes_fault: true }
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
    /// The node did not give the call what it may use, so that a retry may succeed; the plugin is not to blame.
    pub is_nodes_fault: bool,
}

pub struct Chain {
    app: App,
    org: OrgId,
    actives: Vec<Arc<Active>>,
}

/// A call to make, or the reason why it cannot be made.
struct Step {
    active: Arc<Active>,
    ready: Result<(Arc<Prepared>, u64), Failure>,
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
                .map(|active| unanswered(active.clone(), nodes_fault("busy", busy.to_string())))
                .collect(),
        };
        for answered in &answers {
            self.note_failure(E::HOOK, &subject, answered);
        }
        answers
    }

    fn note_failure<T>(&self, hook: Hook, subject: &Subject, answered: &Answered<T>) {
        let Err(failure) = &answered.result else { return };
        if failure.is_nodes_fault {
            return; // the plugin did not fail
        }
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
                None => self.prepare_until(deadline, active).await,
            };
            let ready = prepared.and_then(|prepared| {
                let seed = random_seed().map_err(|reason| nodes_fault("unavailable", reason))?;
                Ok((prepared, seed))
            });
            steps.push(Step { active: active.clone(), ready });
        }
        steps
    }

    async fn prepare_until(
        &self,
        deadline: tokio::time::Instant,
        active: &Active,
    ) -> Result<Arc<Prepared>, Failure> {
        let request = CompileRequest {
            priority: CompilePriority::Live,
            organization: self.org.0,
            component_bytes: u64::try_from(active.component_bytes).unwrap_or(0),
        };
        let preparing = prepare(&self.app, &active.digest, request);
        match tokio::time::timeout_at(deadline, preparing).await {
            Ok(prepared) => prepared.map_err(|error| Failure {
                is_nodes_fault: !error.is_components_fault(),
                ..nodes_fault("unavailable", error.to_string())
            }),
            Err(_) => {
                let reason = "the plugin is still being compiled on this node".to_owned();
                Err(nodes_fault("unavailable", reason))
            }
        }
    }
}

/// The event's `now` as the guest's clocks return it, equal to the millisecond.
fn moment(now_ms: i64) -> Time {
    DateTime::from_timestamp_millis(now_ms).unwrap_or_default().into()
}

fn nodes_fault(outcome: &'static str, message: String) -> Failure {
    let view = FailureView { message, limit: None, used: None };
    Failure { outcome, view, is_nodes_fault: true }
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
        Err(failure) => {
            return (unanswered(step.active, failure), Vec::new(), Used::default());
        }
    };
    let own = step.active.limits.under(ceiling);
    let Some(limits) = budget.lower(&own) else {
        return (unanswered(step.active, budget.used_up()), Vec::new(), Used::default());
    };
    let started = Instant::now();
    let report = call(
        &prepared,
        &Call { settings: &step.active.settings, limits: &limits, now: *now, seed },
    );
    let is_lowered = |error: &CallError| match error {
        CallError::Deadline { limit_ms, .. } => *limit_ms < own.deadline_ms,
        CallError::Wall { limit_ms, .. } | CallError::Sleep { limit_ms, .. } => {
            *limit_ms < own.wall_ms
        }
        _ => false,
    };
    let result = report.result.map_err(|error| {
        if is_lowered(&error) { budget.used_up() } else { failure(&error, report.fuel) }
    });
    budget.processor.spend(report.processor);
    budget.wall.spend(started.elapsed());
    let answered =
        Answered { active: step.active, result, fuel: report.fuel, duration: report.duration };
    (answered, report.log, report.used)
}

fn unanswered<T>(active: Arc<Active>, failure: Failure) -> Answered<T> {
    Answered { active, result: Err(failure), fuel: 0, duration: Duration::ZERO }
}

fn failure(error: &CallError, fuel: u64) -> Failure {
    if !error.detail().is_empty() {
        tracing::debug!(target: "repairops::plugin", detail = error.detail(), "how the plugin broke");
    }
    let (limit, used) = figures(error, fuel);
    let view = FailureView { message: error.to_string(), limit, used };
    Failure { outcome: error.kind(), view, is_nodes_fault: error.is_nodes_fault() }
}

/// The limit that was exceeded, and the amount that was reached.
fn figures(error: &CallError, fuel: u64) -> (Option<u64>, Option<u64>) {
    match error {
        CallError::Fuel { limit, .. } => (Some(*limit), Some(fuel)),
        CallError::Deadline { limit_ms, used_ms, .. } => (Some((*limit_ms).into()), Some(*used_ms)),
        CallError::Wall { limit_ms, elapsed_ms, .. } => {
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
