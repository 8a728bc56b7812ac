//! Runs `pre-transition`: every plugin runs, so that the response lists all violations at once.

use super::chain::{Budget, Chain};
use super::trace::{PluginViolation, Trace, Warning};
use crate::app::App;
use crate::model::event::{Hook, TransitionEvent, Verdict};
use crate::model::ids::{OrgId, ShopId};

/// The verdicts of all plugins on a transition.
#[derive(Debug, Default)]
pub struct Judgement {
    pub trace: Trace,
    /// Empty if no plugin denied the transition.
    pub violations: Vec<PluginViolation>,
}

pub async fn pre_transition(
    app: &App,
    org: OrgId,
    revision: i64,
    shop: ShopId,
    event: TransitionEvent,
    budget: &mut Budget,
) -> Result<Judgement, sqlx::Error> {
    let actives = app.active.for_hook(&app.db, org, revision, Hook::PreTransition, shop).await?;
    let answers = Chain::new(app, org, actives)
        .run(budget, event, |prepared, call, event, _| prepared.call(call, event))
        .await;
    let mut judgement = Judgement::default();
    for answered in answers {
        let outcome = match &answered.result {
            Ok(Verdict::AllowWithWarnings(_)) => "warned",
            Ok(Verdict::Deny(_)) => "denied",
            _ => "allowed",
        };
        let ran = judgement.trace.add(Hook::PreTransition, &answered, outcome);
        match answered.result {
            Ok(Verdict::Deny(violations)) => {
                ran.violations.clone_from(&violations);
                let plugin = &answered.active.plugin;
                judgement.violations.extend(
                    violations
                        .into_iter()
                        .map(|violation| PluginViolation { plugin: plugin.clone(), violation }),
                );
            }
            Ok(Verdict::AllowWithWarnings(warnings)) => {
                ran.violations.clone_from(&warnings);
                let plugin = &answered.active.plugin;
                judgement.trace.warnings.extend(warnings.into_iter().map(|warning| Warning {
                    plugin: Some(plugin.clone()),
                    hook: Some(Hook::PreTransition),
                    code: warning.code,
                    message: warning.message,
                    field: warning.field,
                }));
            }
            Ok(Verdict::Allow) | Err(_) => {}
        }
    }
    Ok(judgement)
}
