//! `GET /v1/tickets/{ticket_id}/transitions`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Next, NextPlugin, Reason, Transitions, transitions};
use crate::app::App;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::extract::PathId;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, TicketId};
use crate::model::people::Scope;
use crate::model::stock::ShortLine;
use crate::model::workflow::Status;

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
    /// True if `reasons` is empty. Plugins do not run for this response and may still deny the transition.
    allowed: bool,
    /// What prevents the transition now.
    reasons: Vec<ReasonView>,
    /// Problems that do not prevent the transition: stock that could be held only in part, or that a plugin has to
    /// find.
    warnings: Vec<ReasonView>,
    /// The plugins that would run, in this order.
    plugins: Vec<NextPluginView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TransitionReason)]
struct ReasonView {
    /// `SCOPE` or `INSUFFICIENT_STOCK`.
    code: &'static str,
    message: String,
    /// For `SCOPE`: the scope that the key needs.
    required_scope: Option<Scope>,
    /// For `INSUFFICIENT_STOCK`: the lines that stock does not cover, by the built-in plan.
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
/// prevents it. The plugins that would run are named, but do not run.
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
        warnings: next.warnings.into_iter().map(view_reason).collect(),
        plugins: next.plugins.into_iter().map(plugin).collect(),
    }
}

fn view_reason(reason: Reason) -> ReasonView {
    match reason {
        Reason::Scope { required, scope } => ReasonView {
            code: "SCOPE",
            message: format!(
                "This request needs an API key of scope {}; this key has scope {}",
                required.as_str(),
                scope.as_str()
            ),
            required_scope: Some(required),
            lines: Vec::new(),
        },
        Reason::InsufficientStock { lines, plugins_may_find_more } => {
            let short: Vec<_> =
                lines.iter().map(|line| format!("{} of {}", line.missing, line.name)).collect();
            let more =
                if plugins_may_find_more { "; a plugin may find stock elsewhere" } else { "" };
            ReasonView {
                code: "INSUFFICIENT_STOCK",
                message: format!("There is not enough stock for {}{more}", short.join(", ")),
                required_scope: None,
                lines,
            }
        }
    }
}
