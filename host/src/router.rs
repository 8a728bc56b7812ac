//! All routes, and the layers in the order in which a request meets them, from the last one up.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::BODY_MAX_BYTES;
use crate::webhooks::wake;
use crate::{
    access_log, compression, cors, customers, feedback, health, idempotency, inventory, keys, kpis,
    metrics, openapi, panics, payments, plugins, rate_limits, request_id, shops, tickets, timeouts,
    users, webhooks,
};

/// All routes. Tests call this, `repairops serve` listens with it.
pub fn router(app: App) -> Router {
    let (routes, document) = v1(app.config.component_max_bytes).split_for_parts();
    // Shared: axum clones a handler, and all that it holds, for each request.
    let document = Arc::new(document);
    let metrics = match app.config.metrics_listen {
        Some(_) => Router::new(),
        None => Router::new().route("/metrics", get(metrics::http::show)),
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

/// The layers that every request passes, around any routes: tests put routes of their own inside.
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

/// The API, each route with its method and path in the annotation of its handler.
fn v1(component_max_bytes: usize) -> OpenApiRouter<App> {
    let upload_max = DefaultBodyLimit::max(component_max_bytes);
    let v1 = OpenApiRouter::new()
        .routes(routes!(tickets::http::list, tickets::http::create))
        .routes(routes!(tickets::http::show, tickets::http::update))
        .routes(routes!(tickets::http::transition))
        .routes(routes!(tickets::transitions::http::list))
        .routes(routes!(payments::http::list, payments::http::create))
        .routes(routes!(payments::http::show))
        .routes(routes!(feedback::http::show, feedback::http::create))
        .routes(routes!(customers::http::list))
        .routes(routes!(customers::http::show, customers::http::update))
        .routes(routes!(customers::http::merge))
        .routes(routes!(inventory::http::list, inventory::http::create))
        .routes(routes!(inventory::http::show, inventory::http::update))
        .routes(routes!(inventory::movements::list))
        .routes(routes!(kpis::http::show))
        .routes(routes!(shops::http::list, shops::http::create))
        .routes(routes!(shops::http::show, shops::http::update))
        .routes(routes!(users::http::list, users::http::create))
        .routes(routes!(users::http::show, users::http::update))
        .routes(routes!(keys::http::list, keys::http::create))
        .routes(routes!(keys::http::show, keys::http::revoke))
        .routes(routes!(keys::http::rotate))
        .routes(routes!(plugins::http::list))
        .routes(routes!(plugins::http::upload).layer(upload_max))
        .routes(routes!(plugins::http::show))
        .routes(routes!(plugins::http::list_installations, plugins::http::install))
        .routes(routes!(
            plugins::http::show_installation,
            plugins::http::update_installation,
            plugins::http::uninstall
        ))
        .routes(routes!(webhooks::http::list, webhooks::http::create))
        .routes(routes!(webhooks::http::show, webhooks::http::update, webhooks::http::delete))
        .routes(routes!(webhooks::http::show_secret))
        .routes(routes!(webhooks::http::rotate_secret))
        .routes(routes!(webhooks::http::send_test))
        .routes(routes!(webhooks::http::deliveries::replay_since))
        .routes(routes!(webhooks::http::deliveries::list))
        .routes(routes!(webhooks::http::deliveries::show))
        .routes(routes!(webhooks::http::deliveries::replay_one));
    OpenApiRouter::with_openapi(openapi::Frame::openapi()).nest("/v1", v1)
}
