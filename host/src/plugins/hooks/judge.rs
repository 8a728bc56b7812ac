//! Runs the hooks that judge a request: `pre-create`, `pre-update`, `pre-transition`. Every plugin runs, so that the
//! response lists all violations of all hooks at once.

use std::sync::Arc;

use super::answered::{Answered, Outcome};
use super::budget::Budget;
use super::chain::{Calls, Chain, run_all};
use super::trace::{PluginViolation, Trace, Warning};
use crate::app::App;
use crate::model::event::{DraftEvent, Hook, HookEvent, TransitionEvent, UpdateEvent, Verdict};
use crate::model::ids::OrgId;
use crate::model::run::Purpose;
use crate::plugins::active::Active;

/// A hook's plugins, and what they are asked.
pub type Asked<E> = (Vec<Arc<Active>>, E);

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
    judge(vec![calls(app, org, asked, budget.purpose).await], budget).await
}

/// Asks about the fields and about the status of one change, in this order.
pub async fn pre_change(
    app: &App,
    org: OrgId,
    update: Option<Asked<UpdateEvent>>,
    transition: Option<Asked<TransitionEvent>>,
    budget: &mut Budget,
) -> Judgement {
    let mut all = Vec::with_capacity(2);
    if let Some(asked) = update {
        all.push(calls(app, org, asked, budget.purpose).await);
    }
    if let Some(asked) = transition {
        all.push(calls(app, org, asked, budget.purpose).await);
    }
    judge(all, budget).await
}

async fn calls<E: HookEvent<Answer = Verdict>>(
    app: &App,
    org: OrgId,
    (actives, event): Asked<E>,
    purpose: Purpose,
) -> Calls<Verdict> {
    Chain::new(app, org, actives, purpose)
        .calls(event, |verdict, _: &mut Arc<E>, _| Ok(verdict))
        .await
}

async fn judge(calls: Vec<Calls<Verdict>>, budget: &mut Budget) -> Judgement {
    let mut judgement = Judgement::default();
    for (hook, answers) in run_all(calls, budget).await {
        for answered in answers {
            judgement.add(hook, answered);
        }
    }
    judgement
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
    fn add(&mut self, hook: Hook, answered: Answered<Verdict>) {
        let ran = self.trace.add(hook, &answered);
        let run_id = answered.run;
        let plugin = &answered.active.plugin;
        match answered.result {
            Ok(Verdict::Deny(violations)) => {
                ran.violations.clone_from(&violations);
                self.violations.extend(violations.into_iter().map(|violation| PluginViolation {
                    plugin: plugin.clone(),
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
