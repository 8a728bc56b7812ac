//! Records what the plugins of one hook did: runs for the client, warnings, and the failure that stops the request.
//!
//! Invariant: a failed plugin is a warning (`on_failure: open`) or stops the request (`closed`), never neither.

use serde::Serialize;

use super::answered::{Answered, Outcome};
use super::failure::FailureView;
use crate::model::event::{Hook, Violation};
use crate::model::ids::{InstallationId, RunId};
use crate::model::limits::Limits;
use crate::model::plugin::OnFailure;
use crate::model::run::RunMode;
use crate::runtime::CallError;

/// One run of a plugin.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Ran)]
pub struct PluginRun {
    /// For `GET /v1/plugin-runs/{run_id}`, a moment later. A preview has none there.
    pub run_id: RunId,
    pub plugin: String,
    pub version: String,
    pub installation_id: InstallationId,
    pub hook: Hook,
    pub mode: RunMode,
    /// A decision (`allowed`, `warned`, `denied`, `checked`, `enriched`, `unchanged`, `planned`, `passed`), `error` (an error
    /// that the plugin returned), or the kind of failure: of the plugin (`trap`, `fuel`, `deadline`, `memory`, `bad_output`
    /// …) or of the server (`wall`, `busy`, `unavailable`, `budget`).
    pub outcome: &'static str,
    /// Units of fuel that the call used.
    pub fuel: u64,
    pub duration_us: u64,
    /// What the call could use: the installation's limits, more of them for a large event, less of the time if the
    /// plugins before it used up the request's. `null` if the call was not made.
    pub limits: Option<CallLimits>,
    pub violations: Vec<Violation>,
    /// The names of the fields that the plugin set.
    pub set: Vec<String>,
    pub error: Option<FailureView>,
}

/// The limits of one call that grow with its input.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub struct CallLimits {
    pub fuel: u64,
    /// Milliseconds of processor time.
    pub deadline_ms: u32,
    /// Milliseconds of wall-clock time.
    pub wall_ms: u32,
    pub output_bytes: u32,
}

impl From<Limits> for CallLimits {
    fn from(limits: Limits) -> Self {
        let Limits { fuel, deadline_ms, wall_ms, output_bytes, .. } = limits;
        CallLimits { fuel, deadline_ms, wall_ms, output_bytes }
    }
}

/// A reason against a request, with the plugin and the hook that returned it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PluginViolation {
    pub plugin: String,
    pub installation_id: InstallationId,
    pub hook: Hook,
    pub run_id: RunId,
    #[serde(flatten)]
    pub violation: Violation,
}

/// A problem that did not stop the request.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Warning {
    /// `null` if it is not about a plugin.
    pub plugin: Option<String>,
    pub hook: Option<Hook>,
    pub code: String,
    pub message: String,
    pub field: Option<String>,
}

/// The failure of a plugin that stopped the request.
#[derive(Clone, Debug)]
pub struct Failed {
    pub run_id: RunId,
    pub installation_id: InstallationId,
    pub plugin: String,
    pub hook: Hook,
    pub outcome: &'static str,
    pub error: FailureView,
    /// A retry may succeed: 503 instead of 422.
    pub is_nodes_fault: bool,
}

/// The code of the warning that a plugin failed and the request continued without it.
const FAILED_OPEN: &str = "PLUGIN_FAILED_OPEN";

/// The code of the warning that what a plugin returned could not be stored.
const NOT_STORED: &str = "PLUGIN_RESULT_NOT_STORED";

/// The code of the warning that two plugins set one field of a new ticket.
const SET_TWICE: &str = "FIELD_SET_TWICE";

/// The recorded runs of one hook.
#[derive(Debug, Default)]
pub struct Trace {
    pub ran: Vec<PluginRun>,
    pub warnings: Vec<Warning>,
    /// The first failure of a plugin with `on_failure: closed`.
    pub failed: Option<Failed>,
}

impl Trace {
    /// For the timeline: the plugins that failed open, each with the reason.
    pub fn failed_open(&self) -> impl Iterator<Item = (&str, String)> {
        self.warnings.iter().filter(|warning| warning.code == FAILED_OPEN).filter_map(|warning| {
            let note = format!("continued without the plugin: {}", warning.message);
            Some((warning.plugin.as_deref()?, note))
        })
    }

    /// Adds what the plugins of a later hook did.
    pub fn append(&mut self, later: Trace) {
        self.ran.extend(later.ran);
        self.warnings.extend(later.warnings);
        self.failed = self.failed.take().or(later.failed);
    }

    /// Adds a warning that is about no plugin, before the others.
    pub fn warn(&mut self, code: &str, message: String, field: &str) {
        let (plugin, hook) = (None, None);
        let (code, field) = (code.to_owned(), Some(field.to_owned()));
        self.warnings.insert(0, Warning { plugin, hook, code, message, field });
    }

    /// Adds the warning that two plugins set one field.
    pub(super) fn warn_of_field(&mut self, plugin: &str, earlier: &str, field: &str) {
        self.warnings.push(Warning {
            plugin: Some(plugin.to_owned()),
            hook: Some(Hook::PostCreate),
            code: SET_TWICE.to_owned(),
            message: format!(
                "{plugin} set {field} after {earlier} had set it; the later one in the owner's order wins"
            ),
            field: Some(field.to_owned()),
        });
    }

    /// The warnings that two plugins set one field, for the timeline.
    pub fn set_twice(&self) -> impl Iterator<Item = (&str, &str)> {
        let warnings = self.warnings.iter().filter(|warning| warning.code == SET_TWICE);
        warnings.filter_map(|warning| Some((warning.plugin.as_deref()?, warning.message.as_str())))
    }

    /// Adds a warning for each installation whose result could not be stored, which is then none.
    pub fn mark_unwritten(&mut self, installations: &[InstallationId]) {
        let unwritten =
            self.ran.iter_mut().filter(|run| installations.contains(&run.installation_id));
        for run in unwritten {
            run.set.clear();
            self.warnings.push(Warning {
                plugin: Some(run.plugin.clone()),
                hook: Some(run.hook),
                code: NOT_STORED.to_owned(),
                message: "its result could not be stored; it runs again later".to_owned(),
                field: None,
            });
        }
    }

    /// Turns a run into one with an invalid answer, which nobody could see before the database was asked.
    pub fn mark_bad_output(
        &mut self,
        installation: InstallationId,
        reason: &str,
    ) -> Option<(RunId, FailureView)> {
        let run = self.ran.iter_mut().find(|run| run.installation_id == installation)?;
        let message = CallError::BadOutput { reason: reason.to_owned() }.to_string();
        run.outcome = "bad_output";
        run.set.clear();
        let error = FailureView { message: message.clone(), limit: None, used: None };
        run.error = Some(error.clone());
        self.warnings.push(Warning {
            plugin: Some(run.plugin.clone()),
            hook: Some(run.hook),
            code: FAILED_OPEN.to_owned(),
            message,
            field: None,
        });
        Some((run.run_id, error))
    }

    /// Adds one run. A failure becomes a warning (`open`) or stops the request (`closed`).
    pub(super) fn add<T: Outcome>(&mut self, hook: Hook, answered: &Answered<T>) -> &mut PluginRun {
        let active = &answered.active;
        let outcome = answered.outcome();
        let (error, is_nodes_fault) = match &answered.result {
            Ok(_) => (None, false),
            Err(failure) => (Some(failure.view.clone()), failure.is_nodes_fault),
        };
        if let Some(error) = &error {
            match active.setup(hook).map(|setup| setup.on_failure) {
                Some(OnFailure::Open) => self.warnings.push(Warning {
                    plugin: Some(active.plugin.clone()),
                    hook: Some(hook),
                    code: FAILED_OPEN.to_owned(),
                    message: error.message.clone(),
                    field: None,
                }),
                Some(OnFailure::Closed) | None => {
                    self.failed.get_or_insert_with(|| Failed {
                        run_id: answered.run,
                        installation_id: active.installation_id,
                        plugin: active.plugin.clone(),
                        hook,
                        outcome,
                        error: error.clone(),
                        is_nodes_fault,
                    });
                }
            }
        }
        self.ran.push(PluginRun {
            run_id: answered.run,
            mode: answered.purpose.mode(),
            plugin: active.plugin.clone(),
            version: active.version.clone(),
            installation_id: active.installation_id,
            hook,
            outcome,
            fuel: answered.fuel,
            duration_us: u64::try_from(answered.duration.as_micros()).unwrap_or(u64::MAX),
            limits: answered.limits.map(CallLimits::from),
            violations: Vec::new(),
            set: Vec::new(),
            error,
        });
        let last = self.ran.len() - 1;
        &mut self.ran[last]
    }
}
