//! One log line of the server for each call of a plugin.
//!
//! Invariant: nothing that a plugin wrote is in it, since that may name people; it is in the run of the journal.

use super::answered::Answered;
use crate::metrics::Metrics;
use crate::model::event::Hook;
use crate::model::ids::OrgId;
use crate::model::run::Purpose;

/// What the log lines of one chain are about.
#[derive(Clone)]
pub(super) struct About {
    pub org: OrgId,
    pub ticket_id: String,
    pub request_id: String,
}

/// Logs and counts a call that is recorded; a preview is only counted.
pub(super) fn log_call<T>(
    metrics: &Metrics,
    purpose: Purpose,
    hook: Hook,
    about: &About,
    answered: &Answered<T>,
) {
    let Some(mode) = purpose.recorded() else {
        metrics.count_preview();
        return;
    };
    let active = &answered.active;
    let outcome = answered.result.as_ref().map_or_else(|failure| failure.outcome, |_| "ok");
    let duration_us = u64::try_from(answered.duration.as_micros()).unwrap_or(u64::MAX);
    let mode = mode.as_str();
    metrics.count_call(&active.plugin, hook, mode, outcome, answered.fuel, answered.duration);
    tracing::info!(
        target: "repairops::plugin",
        org = %about.org,
        plugin = active.plugin,
        version = active.version,
        installation_id = %active.installation_id,
        run_id = %answered.run,
        hook = hook.as_str(),
        mode,
        ticket_id = about.ticket_id,
        outcome,
        fuel = answered.fuel,
        duration_us,
        request_id = about.request_id,
        "plugin call"
    );
}
