//! `GET /metrics`, and the layer that counts requests.

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::error::ApiError;

/// The routes of the separate metrics address, if one is configured.
pub fn router(app: App) -> Router {
    Router::new().route("/metrics", get(show)).with_state(app)
}

/// `GET /metrics`.
pub async fn show(State(app): State<App>) -> Result<Response, ApiError> {
    let queue = &app.journal.queue;
    let text = app.metrics.text(app.runtime.load(), (queue.depth(), queue.dropped()));
    let text = text.map_err(ApiError::internal)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Middleware: counts responses by route, not by path.
pub async fn count_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    app.metrics.count_request(method, route, response.status().as_u16(), started.elapsed());
    response
}

/// Clients can invent methods, and each label costs memory.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
