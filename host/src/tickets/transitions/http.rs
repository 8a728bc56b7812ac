//! `GET /v1/tickets/{ticket_id}/transitions`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Next, NextPlugin, NextWarning, Reason, Transitions, transitions};
use crate::app::App;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::extract::PathId;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, TicketId};
use crate::model::people::Scope;
use crate::model::stock::ShortLine;
use crate::model::workflow::Status;
use crate::plugins::hooks::{PluginRun, PluginViolation};

#[derive(Serialize, ToSchema)]
#[schema(as = TicketTransitions)]
pub struct TransitionsView {
    ticket_id: TicketId,
    /// The ticket's version. Send it as `If-Match` to make sure that the ticket has not changed since.
    version: i64,
    current_status: Status,
    /// True if the workflow has no transition from this status.
    terminal: bool,
    /// One entry for each status that the workflow allows next.
    transitions: Vec<NextView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = NextTransition)]
struct NextView {
    to_status: Status,
    /// True if `reasons` is empty: the transition would succeed now, with this key.
    allowed: bool,
    /// What prevents the transition now.
    reasons: Vec<ReasonView>,
    /// Problems that do not prevent the transition: warnings of plugins, and stock that could be held only in part.
    warnings: Vec<ReasonView>,
    /// The plugins that were asked, in this order.
    plugins: Vec<NextPluginView>,
    /// What they said. These runs are previews: they are not kept, and count for nothing.
    runs: Vec<PluginRun>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TransitionReason)]
struct ReasonView {
    /// `SCOPE`, `PLUGIN_REJECTED`, `PLUGIN_FAILED`, `PLUGIN_UNAVAILABLE` (a retry may succeed), `INSUFFICIENT_STOCK`, or
    /// the code of a plugin's warning.
    code: String,
    message: String,
    /// The plugin that failed or warns.
    plugin: Option<String>,
    /// For `PLUGIN_REJECTED`: the reasons of all plugins.
    violations: Vec<PluginViolation>,
    /// For `SCOPE`: the scope that the key needs.
    required_scope: Option<Scope>,
    /// For `INSUFFICIENT_STOCK`: the lines that stock does not cover.
    lines: Vec<ShortLine>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AskedPlugin)]
struct NextPluginView {
    plugin: String,
    installation_id: InstallationId,
    hook: Hook,
}

/// Lists the possible next statuses of a ticket.
///
/// Returns each status that the workflow allows next, whether this key can move the ticket there now, and what
/// prevents it. Plugins and stock are asked as by the transition itself, without notes; nothing is written.
#[utoipa::path(
    get, path = "/tickets/{ticket_id}/transitions", tag = "Tickets", operation_id = "listTicketTransitions",
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The next statuses", body = TransitionsView)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<TicketId>,
) -> Result<Json<TransitionsView>, ApiError> {
    Ok(Json(view(transitions(&app, &caller, id).await?)))
}

fn view(found: Transitions) -> TransitionsView {
    TransitionsView {
        ticket_id: found.ticket_id,
        version: found.version,
        current_status: found.current,
        terminal: found.terminal,
        transitions: found.next.into_iter().map(view_next).collect(),
    }
}

fn view_next(next: Next) -> NextView {
    let plugin = |plugin: NextPlugin| NextPluginView {
        plugin: plugin.plugin,
        installation_id: plugin.installation_id,
        hook: plugin.hook,
    };
    NextView {
        to_status: next.to,
        allowed: next.reasons.is_empty(),
        reasons: next.reasons.into_iter().map(view_reason).collect(),
        warnings: next.warnings.into_iter().map(view_warning).collect(),
        plugins: next.plugins.into_iter().map(plugin).collect(),
        runs: next.runs,
    }
}

impl ReasonView {
    fn new(code: &str, message: String) -> ReasonView {
        ReasonView {
            code: code.to_owned(),
            message,
            plugin: None,
            violations: Vec::new(),
            required_scope: None,
            lines: Vec::new(),
        }
    }

    fn of_stock(lines: Vec<ShortLine>) -> ReasonView {
        let short: Vec<_> =
            lines.iter().map(|line| format!("{} of {}", line.missing, line.name)).collect();
        let message = format!("There is not enough stock for {}", short.join(", "));
        ReasonView { lines, ..ReasonView::new("INSUFFICIENT_STOCK", message) }
    }
}

fn view_reason(reason: Reason) -> ReasonView {
    match reason {
        Reason::Scope { required, scope } => {
            let message = format!(
                "This request needs an API key of scope {}; this key has scope {}",
                required.as_str(),
                scope.as_str()
            );
            ReasonView { required_scope: Some(required), ..ReasonView::new("SCOPE", message) }
        }
        Reason::Rejected { violations } => {
            let texts = violations.iter().map(|found| found.violation.message.as_str());
            let message = texts.collect::<Vec<_>>().join(" ");
            ReasonView { violations, ..ReasonView::new("PLUGIN_REJECTED", message) }
        }
        Reason::PluginFailed { failure, message } => {
            let code = if failure.is_nodes_fault { "PLUGIN_UNAVAILABLE" } else { "PLUGIN_FAILED" };
            let message =
                format!("The plugin {} is required and failed: {message}", failure.plugin);
            ReasonView { plugin: Some(failure.plugin), ..ReasonView::new(code, message) }
        }
        Reason::InsufficientStock { lines } => ReasonView::of_stock(lines),
    }
}

fn view_warning(warning: NextWarning) -> ReasonView {
    match warning {
        NextWarning::Stock(lines) => ReasonView::of_stock(lines),
        NextWarning::Plugin(warning) => {
            ReasonView { plugin: warning.plugin, ..ReasonView::new(&warning.code, warning.message) }
        }
    }
}
