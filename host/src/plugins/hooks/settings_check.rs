//! Asks a plugin whether it can work with settings.

use std::sync::Arc;

use super::answered::Outcome;
use super::budget::Budget;
use super::chain::Chain;
use super::trace::{Failed, Trace};
use crate::app::App;
use crate::model::event::{Hook, SettingsEvent, SettingsProblem};
use crate::model::ids::OrgId;
use crate::plugins::active::Active;

impl Outcome for Vec<SettingsProblem> {
    fn outcome(&self) -> &'static str {
        "checked"
    }
}

/// What is wrong with the settings; an error if the plugin or the node failed.
pub async fn settings_check(
    app: &App,
    org: OrgId,
    active: Arc<Active>,
) -> Result<Vec<SettingsProblem>, Box<Failed>> {
    let event = SettingsEvent {
        settings: active.settings.clone(),
        now: app.clock.now().timestamp_millis(),
    };
    let mut budget = Budget::new(app);
    let answers = Chain::new(app, org, vec![active], budget.purpose)
        .run(&mut budget, event, |problems, _, _| Ok(problems))
        .await;
    budget.finish().await;
    let mut trace = Trace::default();
    let mut problems = Vec::new();
    for answered in answers {
        trace.add(Hook::SettingsCheck, &answered);
        problems.extend(answered.result.unwrap_or_default());
    }
    match trace.failed.take() {
        Some(failed) => Err(Box::new(failed)),
        None => Ok(problems),
    }
}
