//! `/v1/tickets/{ticket_id}/feedback`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Reader, Writer};
use crate::error::ApiError;
use crate::extract::{Body, PathId};
use crate::feedback::views::FeedbackView;
use crate::feedback::{give, store};
use crate::model::ids::TicketId;
use crate::respond::Created;
use crate::tickets;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show, create))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewFeedback)]
pub struct CreateBody {
    /// The score, from 1 (bad) to 5 (good).
    #[schema(minimum = 1, maximum = 5, example = 5)]
    score: i64,
    #[schema(max_length = 2000)]
    comment: Option<String>,
}

/// Records the customer's feedback on a repair.
///
/// A ticket accepts feedback once, after it was picked up or closed. The feedback counts towards the KPI
/// `customer_satisfaction` and cannot be changed.
#[utoipa::path(
    post, path = "/tickets/{ticket_id}/feedback", tag = "Tickets", operation_id = "createFeedback",
    security(("api_key" = ["write"])),
    request_body = CreateBody,
    responses(
        (status = 201, description = "Recorded", body = FeedbackView),
        (status = 409, description = "CONFLICT: the ticket is not picked up yet, or it already has \
                                      feedback", body = crate::openapi::ErrorBody),
    ),
)]
pub async fn create(
    State(app): State<App>,
    caller: Writer,
    PathId(id): PathId<TicketId>,
    Body(body): Body<CreateBody>,
) -> Result<Created<FeedbackView>, ApiError> {
    let given = give::give(&app, &caller, id, body.score, body.comment.as_deref()).await?;
    Ok(Created { location: format!("/v1/tickets/{id}/feedback"), body: given.into() })
}

/// Returns the customer's feedback on a repair.
#[utoipa::path(
    get, path = "/tickets/{ticket_id}/feedback", tag = "Tickets", operation_id = "getFeedback",
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The feedback; 404 if the ticket has none yet", body = FeedbackView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<TicketId>,
) -> Result<Json<FeedbackView>, ApiError> {
    let mut conn = app.db.read().await?;
    if tickets::store::get(&mut conn, caller.org, id).await?.is_none() {
        return Err(ApiError::not_found("Ticket"));
    }
    let feedback = store::get(&mut conn, caller.org, id).await?;
    feedback.map(|feedback| Json(feedback.into())).ok_or_else(|| ApiError::not_found("Feedback"))
}
