//! All routes and the layers around them.
//!
//! Invariant: a request passes the layers from the last one up, the request id first.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::config::MetricsListen;
use crate::error::ApiError;
use crate::extract::BODY_MAX_BYTES;
use crate::unaccepted::{self, Unaccepted};
use crate::webhooks::wake;
use crate::{
    access_log, compression, cors, customers, feedback, health, idempotency, installations,
    inventory, journal, keys, kpis, metrics, openapi, panics, payments, plugins, rate_limits,
    request_id, shops, tickets, timeouts, users, webhooks,
};

/// All routes, for tests and for `repairops serve`.
pub fn router(app: App) -> Router {
    let (routes, document) = v1(app.config.component_max_bytes).split_for_parts();
    let routes = routes.route_layer(axum::middleware::from_fn_with_state(
        Unaccepted::of(&document),
        unaccepted::reject,
    ));
    // Shared, because axum clones a handler and its captures for each request.
    let document = Arc::new(document);
    let metrics = match app.config.metrics_listen {
        MetricsListen::Public => Router::new().route("/metrics", get(metrics::http::show)),
        MetricsListen::Address(_) | MetricsListen::Off => Router::new(),
    };
    let routes = routes
        .merge(metrics)
        .route("/v1/openapi.json", get(async move || openapi::serve(&document)))
        .route("/docs", get(openapi::page))
        .route("/docs/{file}", get(openapi::page_file))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(|| async { ApiError::not_found("Route") })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() });
    layers(routes, app)
}

/// The layers of every request. Tests wrap routes of their own with them.
pub fn layers(routes: Router<App>, app: App) -> Router {
    let routes = routes
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(axum::middleware::from_fn_with_state(app.clone(), wake::after_request))
        .layer(axum::middleware::from_fn_with_state(app.clone(), idempotency::http::keep))
        .layer(axum::middleware::from_fn_with_state(app.clone(), timeouts::limit))
        .layer(CatchPanicLayer::custom(panics::answer))
        .layer(axum::middleware::from_fn(rate_limits::headers::show))
        .layer(compression::layer());
    let routes = match cors::layer(&app.config.cors_origins) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes
        .layer(axum::middleware::from_fn_with_state(app.clone(), metrics::http::count_request))
        .layer(axum::middleware::from_fn(access_log::log))
        .layer(axum::middleware::from_fn(request_id::assign))
        .with_state(app)
}

/// The OpenAPI document, without a server.
pub fn document() -> serde_json::Value {
    openapi::complete(&v1(0).into_openapi())
}

/// The API: each feature lists its own routes.
fn v1(component_max_bytes: usize) -> OpenApiRouter<App> {
    let v1 = OpenApiRouter::new()
        .merge(tickets::http::routes())
        .merge(payments::http::routes())
        .merge(feedback::http::routes())
        .merge(customers::http::routes())
        .merge(inventory::http::routes())
        .merge(kpis::http::routes())
        .merge(shops::http::routes())
        .merge(users::http::routes())
        .merge(keys::http::routes())
        .merge(plugins::http::routes(component_max_bytes))
        .merge(installations::http::routes())
        .merge(journal::http::routes())
        .merge(webhooks::http::routes());
    OpenApiRouter::with_openapi(openapi::Frame::openapi()).nest("/v1", v1)
}
