//! `/v1/tickets/{ticket_id}/timeline`: all entries of a ticket's timeline, in pages.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::extract::{List, PathId};
use crate::model::ids::{InstallationId, RunId, TicketId};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::page::Page;
use crate::tickets::store::{self, TimelineItem};
use crate::tickets::views::{self, TimelineView};

/// An entry of the timeline, or a request that a plugin refused.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineItem)]
pub struct TimelineItemView {
    /// For a refusal: `kind` is `refused`, `status` the ticket's status then, `timestamp` the time of the last one, and
    /// `notes` the reason.
    #[serde(flatten)]
    entry: TimelineView,
    /// `null` for an entry.
    refusal: Option<RefusalView>,
}

/// The refusals of one plugin with one code.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
struct RefusalView {
    plugin: String,
    code: String,
    /// The field that the reason is about.
    field: Option<String>,
    hook: String,
    installation_id: Option<InstallationId>,
    /// The last of these runs, for `GET /v1/plugin-runs/{run_id}`.
    run_id: RunId,
    /// The status that the ticket should have got.
    to_status: Option<Status>,
    /// How often it was refused so.
    #[schema(minimum = 1)]
    refusals: i64,
    first_at: Time,
}

/// Lists the timeline of a ticket, oldest first.
///
/// The ticket itself shows all changes of its status and the latest 200 of the other entries. Here are also the requests
/// that plugins refused: the last one of each plugin and code, with their number.
#[utoipa::path(
    get, path = "/tickets/{ticket_id}/timeline", tag = "Tickets", operation_id = "listTicketTimeline", security(("api_key" = ["read"])),
    params(List<TimelineItem>),
    responses((status = 200, description = "A page of entries", body = Page<TimelineItemView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<TicketId>,
    list: List<TimelineItem>,
) -> Result<Json<Page<TimelineItemView>>, ApiError> {
    let window = list.window(&id)?;
    let mut conn = app.db.read().await?;
    if store::get(&mut conn, caller.org, id).await?.is_none() {
        return Err(ApiError::not_found("Ticket"));
    }
    let rows = store::list_timeline(&mut conn, caller.org, id, &window).await?;
    Ok(Json(window.page(rows, view)))
}

fn view(item: TimelineItem) -> TimelineItemView {
    let refused = item.refusal;
    let refusal = refused.plugin.zip(refused.code).zip(refused.run_id).zip(refused.first_at);
    let refusal = refusal.map(|(((plugin, code), run_id), first_at)| RefusalView {
        plugin,
        code,
        field: refused.field,
        hook: refused.hook.unwrap_or_default(),
        installation_id: refused.installation_id,
        run_id,
        to_status: refused.to_status,
        refusals: refused.refusals.unwrap_or(1),
        first_at,
    });
    TimelineItemView { entry: views::timeline_entry(item.entry), refusal }
}
