//! Runs chains of calls on a guest thread: prepares the components, then calls them one after the other, with one
//! log line for each call. The chains of several hooks about one change take one hop.
//!
//! Invariant: all calls of a request share its plugin time, which grows with the largest input among them.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;

use crate::app::App;
use crate::metrics::Metrics;
use crate::model::event::{Hook, HookEvent};
use crate::model::ids::OrgId;
use crate::model::limits::{Limits, scale_quarters};
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
    /// By how many quarters it has grown, see `scale_quarters`.
    quarters: u64,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    left: Duration,
    /// As configured.
    base_ms: u32,
    total_ms: u32,
}

impl Part {
    fn new(total_ms: u32) -> Part {
        Part { left: Duration::from_millis(total_ms.into()), base_ms: total_ms, total_ms }
    }

    fn grow_to(&mut self, quarters: u64) {
        let total = u64::from(self.base_ms).saturating_mul(quarters) / 4;
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        self.left += Duration::from_millis(total.saturating_sub(self.total_ms).into());
        self.total_ms = total;
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
            quarters: scale_quarters(0),
        }
    }

    /// Grows for an input of that size, if it is the largest so far.
    fn grow(&mut self, input_bytes: u64) {
        let quarters = scale_quarters(input_bytes);
        if quarters > self.quarters {
            self.quarters = quarters;
            self.processor.grow_to(quarters);
            self.wall.grow_to(quarters);
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
    /// What the call could use; `None` if it was not made.
    pub limits: Option<Limits>,
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

/// The calls of one hook, ready for a guest thread.
pub struct Calls<T> {
    pub hook: Hook,
    chain: Chain,
    subject: Option<Subject>,
    job: Job<T>,
}

type Job<T> = Box<dyn FnOnce(&mut Budget, &mut Used) -> Vec<Answered<T>> + Send>;

/// A call to make, or the reason why it cannot be made.
struct Step {
    active: Arc<Active>,
    ready: Result<(Arc<Prepared>, u64), Failure>,
}

impl Chain {
    pub fn new(app: &App, org: OrgId, actives: Vec<Arc<Active>>) -> Chain {
        Chain { app: app.clone(), org, actives }
    }

    /// The calls of each plugin with the event, with the plugin's clock at the time of the event. `call` may change
    /// the event for later plugins, and may end the chain through its last argument.
    pub async fn calls<E, T, F>(self, event: E, call: F) -> Calls<T>
    where
        E: HookEvent,
        T: Send + 'static,
        F: Fn(&Prepared, &Call<'_>, &mut E, &mut bool) -> CallReport<T> + Send + 'static,
    {
        let steps = self.prepare_steps().await;
        let (subject, now) = (Subject::of(&event), moment(event.now()));
        let ticket_id = event.ticket().map(|ticket| ticket.id.clone()).unwrap_or_default();
        let about = About { org: self.org, ticket_id, request_id: request_id::current() };
        let (metrics, ceiling) = (self.app.metrics.clone(), self.app.config.limits_max);
        let job = move |budget: &mut Budget, used: &mut Used| {
            let mut event = event;
            let mut stop = false;
            let mut answers = Vec::with_capacity(steps.len());
            for step in steps {
                // Drops the instance of the previous call: a chain uses one slot of the engine's pool at a time.
                drop(mem::take(used));
                let answered =
                    run_step(step, now, &ceiling, budget, &mut event, |prepared, given, event| {
                        call(prepared, given, event, &mut stop)
                    });
                let (answered, log, instance) = answered;
                *used = instance;
                log_call(&metrics, E::HOOK, &about, &answered, &log);
                answers.push(answered);
                if stop {
                    break;
                }
            }
            answers
        };
        Calls { hook: E::HOOK, chain: self, subject, job: Box::new(job) }
    }

    /// Runs the calls of one hook.
    pub async fn run<E, T, F>(self, budget: &mut Budget, event: E, call: F) -> Vec<Answered<T>>
    where
        E: HookEvent,
        T: Send + 'static,
        F: Fn(&Prepared, &Call<'_>, &mut E, &mut bool) -> CallReport<T> + Send + 'static,
    {
        if self.actives.is_empty() {
            return Vec::new();
        }
        let calls = self.calls(event, call).await;
        run_all(vec![calls], budget).await.into_iter().flat_map(|(_, answers)| answers).collect()
    }

    fn note_failure<T>(&self, hook: Hook, subject: Option<&Subject>, answered: &Answered<T>) {
        let (Err(failure), Some(subject)) = (&answered.result, subject) else { return };
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

/// Runs the calls of some hooks one after the other, in one hop to a guest thread.
pub async fn run_all<T: Send + 'static>(
    calls: Vec<Calls<T>>,
    budget: &mut Budget,
) -> Vec<(Hook, Vec<Answered<T>>)> {
    let Some(first) = calls.first() else { return Vec::new() };
    let (app, organization) = (first.chain.app.clone(), first.chain.org.0);
    let actives = calls.iter().flat_map(|calls| &calls.chain.actives);
    let share = Share {
        organization,
        installations: actives.map(|active| active.installation_id.0).collect(),
    };
    let (asked, jobs): (Vec<_>, Vec<_>) = calls
        .into_iter()
        .map(|calls| ((calls.hook, calls.chain, calls.subject), calls.job))
        .unzip();
    let mut spent = *budget;
    let job = move || {
        let mut used = Used::default();
        let answers: Vec<_> = jobs.into_iter().map(|job| job(&mut spent, &mut used)).collect();
        ((answers, spent), used)
    };
    let answers = match app.runtime.run(share, job).await {
        Ok((answers, spent)) => {
            *budget = spent;
            answers
        }
        Err(busy) => {
            let unasked = |chain: &Chain| {
                let busy = |active: &Arc<Active>| {
                    unanswered(active.clone(), nodes_fault("busy", busy.to_string()))
                };
                chain.actives.iter().map(busy).collect()
            };
            asked.iter().map(|(_, chain, _)| unasked(chain)).collect()
        }
    };
    let asked = asked.into_iter().zip(answers);
    asked
        .map(|((hook, chain, subject), answers): (_, Vec<Answered<T>>)| {
            for answered in &answers {
                chain.note_failure(hook, subject.as_ref(), answered);
            }
            (hook, answers)
        })
        .collect()
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

fn run_step<E: HookEvent, T>(
    step: Step,
    now: Time,
    ceiling: &Limits,
    budget: &mut Budget,
    event: &mut E,
    call: impl FnOnce(&Prepared, &Call<'_>, &mut E) -> CallReport<T>,
) -> (Answered<T>, Vec<LogLine>, Used) {
    let (prepared, seed) = match step.ready {
        Ok(ready) => ready,
        Err(failure) => {
            return (unanswered(step.active, failure), Vec::new(), Used::default());
        }
    };
    let input_bytes = prepared.input_bytes(event);
    budget.grow(input_bytes);
    let own = step.active.limits.under(ceiling).scaled(input_bytes, ceiling);
    let Some(limits) = budget.lower(&own) else {
        return (unanswered(step.active, budget.used_up()), Vec::new(), Used::default());
    };
    let started = Instant::now();
    let report = call(
        &prepared,
        &Call { settings: &step.active.settings, limits: &limits, now: *now, seed },
        event,
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
    let answered = Answered {
        active: step.active,
        result,
        fuel: report.fuel,
        duration: report.duration,
        limits: Some(limits),
    };
    (answered, report.log, report.used)
}

fn unanswered<T>(active: Arc<Active>, failure: Failure) -> Answered<T> {
    Answered { active, result: Err(failure), fuel: 0, duration: Duration::ZERO, limits: None }
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
