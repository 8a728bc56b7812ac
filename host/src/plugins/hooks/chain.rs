//! Runs chains of calls on a guest thread: prepares the components, then calls them one after the other, with one
//! log line for each call. The chains of several hooks about one change take one hop.
//!
//! Invariant: all calls of a request share its plugin time, which grows with the largest input among them.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use serde_json::Value;

use crate::app::App;
use crate::journal::record::RunRecord;
use crate::model::event::{Hook, HookEvent};
use crate::model::ids::{InputId, OrgId, RunId};
use crate::model::limits::Limits;
use crate::model::run::{Purpose, RunMode};
use crate::model::time::Time;
use crate::plugins::active::Active;
use crate::plugins::compile::prepare;
use crate::request_id;
use crate::runtime::{
    Busy, Call, CallError, CompilePriority, CompileRequest, Lane, Prepared, Share, Used,
};

use super::answered::{Answered, Failure, Outcome, failure, nodes_fault};
use super::budget::{Budget, TimeLeft};
use super::call_log::{About, log_call};
use super::failure::{Broken, Subject};
use super::recording::{Inputs, record, seed};

/// About the bytes of an event whose plugin was not asked.
const TYPICAL_BYTES: u64 = 8 << 10;

/// How long a request waits for a component that this node has not compiled yet.
const PREPARE_WAIT: Duration = Duration::from_secs(5);

pub struct Chain {
    app: App,
    org: OrgId,
    actives: Vec<Arc<Active>>,
    purpose: Purpose,
}

/// The calls of one hook, ready for a guest thread.
pub struct Calls<T> {
    pub hook: Hook,
    chain: Chain,
    subject: Option<Subject>,
    job: Job<T>,
    unasked: Unasked<T>,
}

/// What is recorded if the queue has no room for the calls.
type Unasked<T> = Box<dyn FnOnce(&Busy) -> Finished<T> + Send>;

type Job<T> = Box<dyn FnOnce(&mut TimeLeft, &mut Used) -> Finished<T> + Send>;

/// The calls of one hook when they are over.
struct Finished<T> {
    answers: Vec<Answered<T>>,
    runs: Vec<RunRecord>,
}

impl<T> Default for Finished<T> {
    fn default() -> Self {
        Finished { answers: Vec::new(), runs: Vec::new() }
    }
}

/// A call to make, or the reason why it cannot be made.
struct Step {
    run: RunId,
    /// For the input, if this call is the first to have it.
    input: InputId,
    active: Arc<Active>,
    ready: Result<Arc<Prepared>, Failure>,
}

impl Chain {
    pub fn new(app: &App, org: OrgId, actives: Vec<Arc<Active>>, purpose: Purpose) -> Chain {
        Chain { app: app.clone(), org, actives, purpose }
    }

    /// The calls of each plugin with the event, with the plugin's clock at the time of the event. `check` gets each
    /// answer; it may change the event for later plugins, and may end the chain through its last argument.
    pub async fn calls<E, T, F>(self, event: E, check: F) -> Calls<T>
    where
        E: HookEvent,
        T: Outcome + Send + 'static,
        F: Fn(E::Answer, &mut Arc<E>, &mut bool) -> Result<T, CallError> + Send + 'static,
    {
        let steps = self.prepare_steps().await;
        let (subject, now) = (Subject::of(&event), moment(event.now()));
        let ticket_id = event.ticket().map(|ticket| ticket.id.clone()).unwrap_or_default();
        let about = About { org: self.org, ticket_id, request_id: request_id::current() };
        let (metrics, ceiling) = (self.app.metrics.clone(), self.app.config.limits_max);
        let (purpose, clock) = (self.purpose, self.app.clock.clone());
        let recorded = self.recorded();
        let event = Arc::new(event);
        let unasked = self.unasked(&steps, &event, about.clone());
        let job = move |time: &mut TimeLeft, used: &mut Used| {
            let mut event = event;
            let mut stop = false;
            let mut inputs = Inputs::new(about.org);
            let mut finished = Finished::default();
            for step in steps {
                // Drops the instance of the previous call: a chain uses one slot of the engine's pool at a time.
                drop(mem::take(used));
                let (input_id, at) = (step.input, clock.now());
                let asked = event.clone();
                let bytes = input_bytes(&step, event.as_ref());
                let about_call = (purpose, recorded.is_some(), now);
                let ran =
                    run_step(step, about_call, &ceiling, time, &mut event, |answer, event| {
                        check(answer, event, &mut stop)
                    });
                let (answered, decision, instance) = ran;
                *used = instance;
                log_call(&metrics, purpose, E::HOOK, &about, &answered);
                if let Some(mode) = recorded {
                    let input = inputs.of(input_id, at, asked, bytes);
                    let run = record(&answered, E::HOOK, mode, decision, input, (&about, at));
                    finished.runs.push(run);
                }
                finished.answers.push(answered);
                if stop {
                    break;
                }
            }
            finished
        };
        Calls { hook: E::HOOK, chain: self, subject, job: Box::new(job), unasked }
    }

    /// The mode in the journal, if it is on and the calls are recorded.
    fn recorded(&self) -> Option<RunMode> {
        self.purpose.recorded().filter(|_| self.app.journal.is_on)
    }

    /// Each call as one that found the queue full.
    fn unasked<E: HookEvent, T: Outcome + Send + 'static>(
        &self,
        steps: &[Step],
        event: &Arc<E>,
        about: About,
    ) -> Unasked<T> {
        let (purpose, recorded) = (self.purpose, self.recorded());
        let (clock, metrics) = (self.app.clock.clone(), self.app.metrics.clone());
        let (event, steps) = (event.clone(), steps.iter());
        let steps: Vec<_> = steps.map(|step| (step.run, step.input, step.active.clone())).collect();
        Box::new(move |busy| {
            let (mut finished, mut inputs) = (Finished::default(), Inputs::new(about.org));
            for (run, input, active) in steps {
                let failure = nodes_fault("busy", busy.to_string());
                let answered = unanswered(run, purpose, active, failure);
                log_call(&metrics, purpose, E::HOOK, &about, &answered);
                if let Some(mode) = recorded {
                    let at = clock.now();
                    let input = inputs.of(input, at, event.clone(), TYPICAL_BYTES);
                    let run = record(&answered, E::HOOK, mode, None, input, (&about, at));
                    finished.runs.push(run);
                }
                finished.answers.push(answered);
            }
            finished
        })
    }

    /// Runs the calls of one hook.
    pub async fn run<E, T, F>(self, budget: &mut Budget, event: E, check: F) -> Vec<Answered<T>>
    where
        E: HookEvent,
        T: Outcome + Send + 'static,
        F: Fn(E::Answer, &mut Arc<E>, &mut bool) -> Result<T, CallError> + Send + 'static,
    {
        if self.actives.is_empty() {
            return Vec::new();
        }
        let calls = self.calls(event, check).await;
        run_all(vec![calls], budget).await.into_iter().flat_map(|(_, answers)| answers).collect()
    }

    fn note_failure<T>(&self, hook: Hook, subject: Option<&Subject>, answered: &Answered<T>) {
        let (Err(failure), Some(subject)) = (&answered.result, subject) else { return };
        if failure.is_nodes_fault || self.purpose != Purpose::Enforce {
            return; // the plugin did not fail, or nobody relied on it
        }
        let broken = Broken {
            subject,
            hook,
            run: answered.run,
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
            let ready = match self.app.runtime.loaded(&active.digest) {
                Some(prepared) => Ok(prepared),
                None => self.prepare_until(deadline, active).await,
            };
            let clock = &self.app.clock;
            let (run, input) = (clock.new_id(), clock.new_id());
            steps.push(Step { run, input, active: active.clone(), ready });
        }
        steps
    }

    async fn prepare_until(
        &self,
        deadline: tokio::time::Instant,
        active: &Active,
    ) -> Result<Arc<Prepared>, Failure> {
        let request = CompileRequest {
            priority: match self.purpose {
                Purpose::Monitor => CompilePriority::Background,
                Purpose::Enforce | Purpose::Preview => CompilePriority::Live,
            },
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
pub async fn run_all<T: Outcome + Send + 'static>(
    calls: Vec<Calls<T>>,
    budget: &mut Budget,
) -> Vec<(Hook, Vec<Answered<T>>)> {
    run_groups(vec![(calls, budget)]).await.into_iter().flatten().collect()
}

/// Runs several groups of calls in one hop, each with the time of its own budget. All are for the same purpose.
pub async fn run_groups<T: Outcome + Send + 'static>(
    groups: Vec<(Vec<Calls<T>>, &mut Budget)>,
) -> Vec<Vec<(Hook, Vec<Answered<T>>)>> {
    let Some((app, purpose, share)) = common(&groups) else {
        return groups.iter().map(|_| Vec::new()).collect();
    };
    let (mut asked, mut jobs, mut budgets) = (Vec::new(), Vec::new(), Vec::new());
    for (calls, budget) in groups {
        let (about, work): (Vec<_>, Vec<_>) = calls
            .into_iter()
            .map(|calls| ((calls.hook, calls.chain, calls.subject, calls.unasked), calls.job))
            .unzip();
        asked.push(about);
        jobs.push((work, budget.time));
        budgets.push(budget);
    }
    let job = move || {
        let mut used = Used::default();
        let mut finished = Vec::with_capacity(jobs.len());
        for (work, mut time) in jobs {
            let group: Vec<_> = work.into_iter().map(|job| job(&mut time, &mut used)).collect();
            finished.push((group, Some(time)));
        }
        (finished, used)
    };
    let lane = match purpose {
        Purpose::Monitor => Lane::Background,
        Purpose::Enforce | Purpose::Preview => Lane::Live,
    };
    let mut finished = app.runtime.run_in(lane, share, job).await.map(Vec::into_iter);
    let mut results = Vec::with_capacity(asked.len());
    for (about, budget) in asked.into_iter().zip(budgets) {
        let mut group = finished.as_mut().map(|groups| {
            let (group, time) = groups.next().unwrap_or_default();
            budget.time = time.unwrap_or(budget.time);
            group.into_iter()
        });
        let mut answers = Vec::with_capacity(about.len());
        for (hook, chain, subject, unasked) in about {
            let finished = match &mut group {
                Ok(group) => group.next().unwrap_or_default(),
                Err(busy) => unasked(busy),
            };
            for answered in &finished.answers {
                chain.note_failure(hook, subject.as_ref(), answered);
            }
            budget.recorder.add(finished.runs);
            answers.push((hook, finished.answers));
        }
        results.push(answers);
    }
    results
}

/// What all calls have in common; `None` if there are none.
fn common<T>(groups: &[(Vec<Calls<T>>, &mut Budget)]) -> Option<(App, Purpose, Share)> {
    let all = || groups.iter().flat_map(|(calls, _)| calls);
    let first = &all().next()?.chain;
    let mut installations: Vec<_> = all()
        .flat_map(|calls| &calls.chain.actives)
        .map(|active| active.installation_id.0)
        .collect();
    installations.sort_unstable();
    installations.dedup();
    let share = Share { organization: first.org.0, installations };
    Some((first.app.clone(), first.purpose, share))
}

/// The event's `now` as the guest's clocks return it, equal to the millisecond.
fn moment(now_ms: i64) -> Time {
    DateTime::from_timestamp_millis(now_ms).unwrap_or_default().into()
}

/// About how many bytes the event takes in memory; for a plugin that cannot be asked, a typical number.
fn input_bytes<E: HookEvent>(step: &Step, event: &E) -> u64 {
    step.ready.as_ref().map_or(TYPICAL_BYTES, |prepared| prepared.input_bytes(event))
}

/// The answer as the plugin gave it, for the journal, and as it was checked.
fn run_step<E: HookEvent, T>(
    step: Step,
    (purpose, is_recorded, now): (Purpose, bool, Time),
    ceiling: &Limits,
    time: &mut TimeLeft,
    event: &mut Arc<E>,
    check: impl FnOnce(E::Answer, &mut Arc<E>) -> Result<T, CallError>,
) -> (Answered<T>, Option<Value>, Used) {
    let Step { run, active, ready, .. } = step;
    let prepared = match ready {
        Ok(prepared) => prepared,
        Err(failure) => {
            return (unanswered(run, purpose, active, failure), None, Used::default());
        }
    };
    let input_bytes = prepared.input_bytes(event.as_ref());
    time.grow(input_bytes);
    let own = active.limits.under(ceiling).scaled(input_bytes, ceiling);
    let Some(limits) = time.lower(&own) else {
        let failure = nodes_fault("budget", time.used_up());
        return (unanswered(run, purpose, active, failure), None, Used::default());
    };
    let started = Instant::now();
    let given = Call { settings: &active.settings, limits: &limits, now: *now, seed: seed(run) };
    let report = prepared.call(&given, event.as_ref());
    let is_lowered = |error: &CallError| match error {
        CallError::Deadline { limit_ms, .. } => *limit_ms < own.deadline_ms,
        CallError::Wall { limit_ms, .. } | CallError::Sleep { limit_ms, .. } => {
            *limit_ms < own.wall_ms
        }
        _ => false,
    };
    let to_record =
        |answer: &E::Answer| is_recorded.then(|| serde_json::to_value(answer).ok()).flatten();
    let decision = report.result.as_ref().ok().and_then(to_record);
    let result = report.result.and_then(|answer| check(answer, event)).map_err(|error| {
        if is_lowered(&error) {
            nodes_fault("budget", time.used_up())
        } else {
            failure(&error, report.fuel)
        }
    });
    time.spend(report.processor, started.elapsed());
    let answered = Answered {
        run,
        purpose,
        active,
        result,
        fuel: report.fuel,
        duration: report.duration,
        processor: report.processor,
        memory_bytes: report.memory_bytes,
        limits: Some(limits),
        log: report.log,
        log_dropped_bytes: report.log_dropped_bytes,
    };
    (answered, decision, report.used)
}

fn unanswered<T>(
    run: RunId,
    purpose: Purpose,
    active: Arc<Active>,
    failure: Failure,
) -> Answered<T> {
    Answered {
        run,
        purpose,
        active,
        result: Err(failure),
        fuel: 0,
        duration: Duration::ZERO,
        processor: Duration::ZERO,
        memory_bytes: 0,
        limits: None,
        log: Vec::new(),
        log_dropped_bytes: 0,
    }
}
