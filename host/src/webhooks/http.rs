//! `/v1/webhooks`: the endpoints. `deliveries` has their deliveries.

pub mod deliveries;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::create::NewWebhook;
use super::rotate::OVERLAP_HOURS_DEFAULT;
use super::secret::open;
use super::store::endpoints;
use super::views::{
    DeliveryDetailView, SecretView, WebhookSecretView, WebhookView, delivery_detail, secret,
    webhook, with_secret,
};
use super::{
    create as creation, delete as deletion, rotate, send_test as testing, update as change,
};
use crate::app::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::{Body, List, PathId, nullable};
use crate::model::ids::WebhookId;
use crate::model::webhook::{DisableOn, EventName, Webhook};
use crate::page::Page;
use crate::respond::Created;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
        .routes(routes!(show_secret))
        .routes(routes!(rotate_secret))
        .routes(routes!(send_test))
        .routes(routes!(deliveries::replay_since))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::replay_one))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct CreateBody {
    /// The URL that receives events: `https://` or `http://` with a host, without user name and fragment. Private
    /// addresses are rejected when the server connects.
    #[schema(max_length = 2048, format = "uri", example = "https://shop.example/hooks/repairops")]
    url: String,
    /// The events to deliver. Defaults to `["*"]`, all events.
    #[schema(min_items = 1, example = json!(["ticket.created", "ticket.transitioned"]))]
    events: Option<Vec<EventName>>,
    #[schema(max_length = 200)]
    description: Option<String>,
    /// What disables the webhook. Defaults to `failed_delivery`.
    #[serde(default)]
    disable_on: DisableOn,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange)]
pub struct UpdateBody {
    #[schema(max_length = 2048, format = "uri", example = "https://shop.example/hooks/repairops")]
    url: Option<String>,
    #[schema(min_items = 1)]
    events: Option<Vec<EventName>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 200)]
    description: Option<Option<String>>,
    /// `false` disables the webhook and cancels pending deliveries. `true` enables it again; events of the time in
    /// between are not sent, but can be replayed.
    enabled: Option<bool>,
    /// What disables the webhook: a delivery whose five attempts failed, or only that without any success in between.
    disable_on: Option<DisableOn>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretRotation)]
pub struct RotateBody {
    /// How many hours requests are also signed with the earlier secrets; 0 removes those secrets at once.
    #[schema(minimum = 0, maximum = 168, default = 24)]
    overlap_hours: Option<i64>,
}

/// Creates a webhook. The response contains its secret.
#[utoipa::path(
    post, path = "/webhooks", tag = "Webhooks", operation_id = "createWebhook", security(("api_key" = ["admin"])),
    request_body = CreateBody,
    responses((status = 201, description = "Created", body = WebhookSecretView)),
)]
pub async fn create(
    State(app): State<App>,
    caller: Admin,
    Body(body): Body<CreateBody>,
) -> Result<Created<WebhookSecretView>, ApiError> {
    let CreateBody { url, events, description, disable_on } = body;
    let new = NewWebhook { url, events, description, disable_on };
    let made = creation::create(&app, &caller, new).await?;
    Ok(Created { location: format!("/v1/webhooks/{}", made.0.id), body: with_secret(made) })
}

/// Lists webhooks.
#[utoipa::path(
    get, path = "/webhooks", tag = "Webhooks", operation_id = "listWebhooks", security(("api_key" = ["admin"])),
    params(List<Webhook>),
    responses((status = 200, description = "A page of webhooks", body = Page<WebhookView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Admin,
    list: List<Webhook>,
) -> Result<Json<Page<WebhookView>>, ApiError> {
    let window = list.window(&())?;
    let mut conn = app.db.read().await?;
    let rows = endpoints::list(&mut conn, caller.org, &window).await?;
    Ok(Json(window.page(rows, webhook)))
}

/// Returns a webhook: whether it is enabled, and if not, why.
#[utoipa::path(
    get, path = "/webhooks/{webhook_id}", tag = "Webhooks", operation_id = "getWebhook", security(("api_key" = ["admin"])),
    responses((status = 200, description = "The webhook", body = WebhookView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<WebhookView>, ApiError> {
    let mut conn = app.db.read().await?;
    let found = endpoints::get(&mut conn, caller.org, id).await?;
    found.map(webhook).map(Json).ok_or_else(|| ApiError::not_found("Webhook"))
}

/// Returns the secret of a webhook, and the earlier secrets that are still valid.
#[utoipa::path(
    get, path = "/webhooks/{webhook_id}/secret", tag = "Webhooks", operation_id = "getWebhookSecret", security(("api_key" = ["admin"])),
    responses((status = 200, description = "The secrets", body = SecretView)),
)]
pub async fn show_secret(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<SecretView>, ApiError> {
    let mut conn = app.db.read().await?;
    let found = endpoints::get(&mut conn, caller.org, id).await?;
    let row = found.ok_or_else(|| ApiError::not_found("Webhook"))?;
    Ok(Json(secret(open(&app, caller.org, &row, app.clock.now())?)))
}

/// Changes, disables or enables a webhook.
#[utoipa::path(
    patch, path = "/webhooks/{webhook_id}", tag = "Webhooks", operation_id = "updateWebhook", security(("api_key" = ["admin"])),
    request_body = UpdateBody,
    responses((status = 200, description = "The webhook after the change", body = WebhookView)),
)]
pub async fn update(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<WebhookId>,
    Body(body): Body<UpdateBody>,
) -> Result<Json<WebhookView>, ApiError> {
    let wanted = change::WebhookChange {
        url: body.url,
        events: body.events,
        description: body.description,
        enabled: body.enabled,
        disable_on: body.disable_on,
    };
    Ok(Json(webhook(change::update(&app, &caller, id, wanted).await?)))
}

/// Deletes a webhook with its log. Pending deliveries are not sent.
#[utoipa::path(
    delete, path = "/webhooks/{webhook_id}", tag = "Webhooks", operation_id = "deleteWebhook", security(("api_key" = ["admin"])),
    responses((status = 204, description = "Deleted")),
)]
pub async fn delete(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<WebhookId>,
) -> Result<StatusCode, ApiError> {
    deletion::delete(&app, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Creates a new secret. Until the overlap ends, requests carry a signature for each valid secret.
#[utoipa::path(
    post, path = "/webhooks/{webhook_id}/rotate-secret", tag = "Webhooks", operation_id = "rotateWebhookSecret", security(("api_key" = ["admin"])),
    request_body = RotateBody,
    responses((status = 200, description = "The webhook with its new secret", body = WebhookSecretView)),
)]
pub async fn rotate_secret(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<WebhookId>,
    Body(body): Body<RotateBody>,
) -> Result<Json<WebhookSecretView>, ApiError> {
    let overlap_hours = body.overlap_hours.unwrap_or(OVERLAP_HOURS_DEFAULT);
    Ok(Json(with_secret(rotate::rotate(&app, &caller, id, overlap_hours).await?)))
}

/// Sends one `webhook.test` event immediately and returns the result. Works for disabled webhooks too.
#[utoipa::path(
    post, path = "/webhooks/{webhook_id}/test", tag = "Webhooks", operation_id = "testWebhook", security(("api_key" = ["admin"])),
    responses((status = 200, description = "The delivery: its `state` says whether the receiver accepted \
                                            it", body = DeliveryDetailView)),
)]
pub async fn send_test(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<DeliveryDetailView>, ApiError> {
    let (delivery, attempt, event) = testing::send_test(&app, &caller, id).await?;
    Ok(Json(delivery_detail(delivery, vec![attempt], &event)))
}
