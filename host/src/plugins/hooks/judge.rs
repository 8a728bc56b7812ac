//! Runs the hooks that judge a request: `pre-create`, `pre-update`, `pre-transition`. Every plugin runs, so that the
//! response lists all violations of all hooks at once.

use std::sync::Arc;

use super::answered::{Answered, Outcome};
use super::budget::Budget;
use super::chain::{Calls, Chain, run_all, run_groups};
use super::monitor::monitor;
use super::trace::{PluginViolation, Trace, Warning};
use crate::app::App;
use crate::model::event::{DraftEvent, Hook, HookEvent, TransitionEvent, UpdateEvent, Verdict};
use crate::model::ids::OrgId;
use crate::plugins::active::HookPlugins;
use crate::runtime::CallError;

/// A hook's plugins, and what they are asked.
pub type Asked<E> = (HookPlugins, E);

/// What one change is asked about: the fields, then the status.
#[derive(Default)]
pub struct Question {
    pub update: Option<Asked<UpdateEvent>>,
    pub transition: Option<Asked<TransitionEvent>>,
}

/// The verdicts of all plugins.
#[derive(Debug, Default)]
pub struct Judgement {
    pub trace: Trace,
    /// Empty if no plugin denied the request.
    pub violations: Vec<PluginViolation>,
}

pub async fn pre_create(
    app: &App,
    org: OrgId,
    asked: Asked<DraftEvent>,
    budget: &mut Budget,
) -> Judgement {
    let mut all = Vec::with_capacity(1);
    ask(app, org, asked, &mut all, budget).await;
    Judgement::of(run_all(all, budget).await)
}

pub async fn pre_change(
    app: &App,
    org: OrgId,
    question: Question,
    budget: &mut Budget,
) -> Judgement {
    let calls = ask_all(app, org, question, budget).await;
    Judgement::of(run_all(calls, budget).await)
}

/// Several possible changes, in one hop to a guest thread, each with a budget of its own.
pub async fn pre_changes(
    app: &App,
    org: OrgId,
    questions: Vec<Question>,
    budgets: &mut [Budget],
) -> Vec<Judgement> {
    let mut groups = Vec::with_capacity(questions.len());
    for (question, budget) in questions.into_iter().zip(budgets) {
        groups.push((ask_all(app, org, question, budget).await, budget));
    }
    run_groups(groups).await.into_iter().map(Judgement::of).collect()
}

async fn ask_all(
    app: &App,
    org: OrgId,
    question: Question,
    budget: &mut Budget,
) -> Vec<Calls<Verdict>> {
    let mut all = Vec::with_capacity(2);
    if let Some(asked) = question.update {
        ask(app, org, asked, &mut all, budget).await;
    }
    if let Some(asked) = question.transition {
        ask(app, org, asked, &mut all, budget).await;
    }
    all
}

async fn ask<E: HookEvent<Answer = Verdict>>(
    app: &App,
    org: OrgId,
    (plugins, event): Asked<E>,
    all: &mut Vec<Calls<Verdict>>,
    budget: &mut Budget,
) {
    monitor(app, org, plugins.monitored, &event, budget, Ok::<Verdict, CallError>);
    if !plugins.enforced.is_empty() {
        let chain = Chain::new(app, org, plugins.enforced, budget.purpose);
        all.push(chain.calls(event, |verdict, _: &mut Arc<E>, _| Ok(verdict)).await);
    }
}

impl Outcome for Verdict {
    fn outcome(&self) -> &'static str {
        match self {
            Verdict::Allow => "allowed",
            Verdict::AllowWithWarnings(_) => "warned",
            Verdict::Deny(_) => "denied",
        }
    }
}

impl Judgement {
    fn of(answers: Vec<(Hook, Vec<Answered<Verdict>>)>) -> Judgement {
        let mut judgement = Judgement::default();
        for (hook, answers) in answers {
            for answered in answers {
                judgement.add(hook, answered);
            }
        }
        judgement
    }

    fn add(&mut self, hook: Hook, answered: Answered<Verdict>) {
        let ran = self.trace.add(hook, &answered);
        let (run_id, installation_id) = (answered.run, answered.active.installation_id);
        let plugin = &answered.active.plugin;
        match answered.result {
            Ok(Verdict::Deny(violations)) => {
                ran.violations.clone_from(&violations);
                self.violations.extend(violations.into_iter().map(|violation| PluginViolation {
                    plugin: plugin.clone(),
                    installation_id,
                    hook,
                    run_id,
                    violation,
                }));
            }
            Ok(Verdict::AllowWithWarnings(warnings)) => {
                ran.violations.clone_from(&warnings);
                self.trace.warnings.extend(warnings.into_iter().map(|warning| Warning {
                    plugin: Some(plugin.clone()),
                    hook: Some(hook),
                    code: warning.code,
                    message: warning.message,
                    field: warning.field,
                }));
            }
            Ok(Verdict::Allow) | Err(_) => {}
        }
    }
}
