//! `/v1/tickets/{ticket_id}/timeline`: all entries of a ticket's timeline, in pages.

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::extract::{List, PathId};
use crate::model::ids::TicketId;
use crate::page::Page;
use crate::tickets::store::{self, TimelineItem};
use crate::tickets::views::{self, TimelineItemView};

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
    Ok(Json(window.page(rows, views::timeline_item)))
}
