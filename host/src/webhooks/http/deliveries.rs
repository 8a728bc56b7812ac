//! `/v1/webhooks/{webhook_id}/deliveries`: the delivery log of a webhook, and replays.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::{Body, List, PathId, PathIds};
use crate::model::ids::{DeliveryId, EventId, WebhookId};
use crate::model::invalid::{Invalid, check_filter};
use crate::model::time::Time;
use crate::model::webhook::{Delivery, DeliveryState};
use crate::page::{Page, Window};
use crate::respond::Created;
use crate::webhooks::replay as again;
use crate::webhooks::store::deliveries::ListFilter;
use crate::webhooks::store::{self, Start, deliveries, endpoints};
use crate::webhooks::views::{
    DeliveryDetailView, DeliveryView, ReplayedView, delivery, delivery_detail,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListFilters {
    state: Option<DeliveryState>,
    /// The name of an event, for example `ticket.created`.
    #[param(min_length = 1, max_length = 64, pattern = r"[^\s\x00-\x1f\x7f-\x9f]")]
    event: Option<String>,
    /// The event's id, which is the `webhook-id` of its requests.
    event_id: Option<EventId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookReplay)]
pub struct ReplayBody {
    /// The time of the first event to replay. Events are kept for 30 days. Required without `after`.
    #[schema(value_type = Option<String>, nullable = false, format = DateTime, example = "2026-02-21T10:00:00Z")]
    since: Option<Time>,
    /// Instead of `since`: replays the events after this one, as `next_after` of the call before says.
    #[schema(nullable = false)]
    after: Option<EventId>,
    /// Replays only events that this webhook has not received and that are not pending.
    #[serde(default)]
    missed_only: bool,
}

impl ReplayBody {
    fn start(&self) -> Result<Start, Invalid> {
        match (self.since, self.after) {
            (Some(since), None) => Ok(Start::Since(since)),
            (None, Some(after)) => Ok(Start::After(after)),
            (None, None) => {
                let message = "since is missing; expected a time, or after with the id of an event";
                Err(Invalid::new("since", Value::Null, message))
            }
            (Some(_), Some(after)) => {
                Err(Invalid::new("after", after, "send either since or after, not both"))
            }
        }
    }
}

/// Lists the deliveries of a webhook.
#[utoipa::path(
    get, path = "/webhooks/{webhook_id}/deliveries", tag = "Webhooks", operation_id = "listWebhookDeliveries", security(("api_key" = ["admin"])),
    params(List<Delivery, ListFilters>),
    responses((status = 200, description = "A page of deliveries", body = Page<DeliveryView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<WebhookId>,
    List { filter: params, paging, .. }: List<Delivery, ListFilters>,
) -> Result<Json<Page<DeliveryView>>, ApiError> {
    let event = check_filter("event", params.event, 64)?;
    let wanted = ListFilter { state: params.state, event, event_id: params.event_id };
    let window = Window::new(&deliveries::LISTING, paging, &(id, &wanted))?;
    let mut conn = app.db.read().await?;
    if endpoints::get(&mut conn, caller.org, id).await?.is_none() {
        return Err(ApiError::not_found("Webhook"));
    }
    let rows = deliveries::list(&mut conn, caller.org, id, &wanted, &window).await?;
    Ok(Json(window.page(rows, delivery)))
}

/// Returns a delivery with every attempt and the body that was sent.
#[utoipa::path(
    get, path = "/webhooks/{webhook_id}/deliveries/{delivery_id}", tag = "Webhooks", operation_id = "getWebhookDelivery", security(("api_key" = ["admin"])),
    responses((status = 200, description = "The delivery", body = DeliveryDetailView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Admin,
    PathIds(webhook, id): PathIds<WebhookId, DeliveryId>,
) -> Result<Json<DeliveryDetailView>, ApiError> {
    let mut conn = app.db.read().await?;
    let found = deliveries::get(&mut conn, caller.org, webhook, id).await?;
    let row = found.ok_or_else(|| ApiError::not_found("Delivery"))?;
    let attempts = deliveries::attempts(&mut conn, caller.org, id).await?;
    let event = store::get_event(&mut conn, caller.org, row.event_id).await?;
    let event = event.ok_or_else(|| ApiError::not_found("Delivery"))?;
    Ok(Json(delivery_detail(row, attempts, &event)))
}

/// Replays one event and returns the new delivery. The `webhook-id` stays the same.
#[utoipa::path(
    post, path = "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", tag = "Webhooks", operation_id = "replayWebhookDelivery", security(("api_key" = ["admin"])),
    responses((status = 201, description = "The new delivery", body = DeliveryView)),
)]
pub async fn replay_one(
    State(app): State<App>,
    caller: Admin,
    PathIds(webhook, id): PathIds<WebhookId, DeliveryId>,
) -> Result<Created<DeliveryView>, ApiError> {
    let made = again::one(&app, &caller, webhook, id).await?;
    let location = format!("/v1/webhooks/{webhook}/deliveries/{}", made.id);
    Ok(Created { location, body: delivery(made) })
}

/// Replays all events since a time.
#[utoipa::path(
    post, path = "/webhooks/{webhook_id}/replay", tag = "Webhooks", operation_id = "replayWebhook", security(("api_key" = ["admin"])),
    request_body = ReplayBody,
    responses((status = 202, description = "The deliveries that were scheduled", body = ReplayedView)),
)]
pub async fn replay_since(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<WebhookId>,
    Body(body): Body<ReplayBody>,
) -> Result<(StatusCode, Json<ReplayedView>), ApiError> {
    let start = body.start()?;
    let done = again::since(&app, &caller, id, start, body.missed_only).await?;
    let again::Replayed { events, next_after, next_since } = done;
    let view = ReplayedView { events, next_after, next_since };
    Ok((StatusCode::ACCEPTED, Json(view)))
}
