//! Asks a plugin whether it can work with settings.

use std::sync::Arc;

use super::chain::{Budget, Chain};
use super::trace::{Failed, Trace};
use crate::app::App;
use crate::model::event::{Hook, SettingsEvent, SettingsProblem};
use crate::model::ids::OrgId;
use crate::plugins::active::Active;

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
    let answers = Chain::new(app, org, vec![active])
        .run(&mut Budget::new(app), event, |prepared, call, event, _| prepared.call(call, event))
        .await;
    let mut trace = Trace::default();
    let mut problems = Vec::new();
    for answered in answers {
        trace.add(Hook::SettingsCheck, &answered, "checked");
        problems.extend(answered.result.unwrap_or_default());
    }
    match trace.failed.take() {
        Some(failed) => Err(Box::new(failed)),
        None => Ok(problems),
    }
}
