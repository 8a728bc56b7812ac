//! What all requests share, and the list of all routes.

use std::sync::Arc;

use anyhow::Context;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::plugins::active::ActivePlugins;
use crate::rate_limits::{self, RateLimits};
use crate::runtime::{Runtime, RuntimeConfig};
use crate::{
    customers, inventory, keys, metrics, openapi, plugins, request_id, shops, tickets, users,
};

/// The largest body of an ordinary request.
pub const BODY_MAX_BYTES: usize = 1024 * 1024;

#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub runtime: Runtime,
    pub active: Arc<ActivePlugins>,
    pub metrics: Arc<Metrics>,
    pub rate_limits: Arc<RateLimits>,
    pub config: Arc<Config>,
}

impl App {
    /// Opens the database, brings its schema up to date, starts the plugin runtime.
    pub async fn start(config: Config) -> anyhow::Result<App> {
        // For this process's HTTPS clients. A second start in one process finds it done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let db = Db::open(&config.database.url).await?;
        db.migrate().await?;
        let runtime = Runtime::new(RuntimeConfig {
            guest_threads: config.guests.threads(),
            caps: config.guests.caps(),
            cache_dir: config.data.join("compiled"),
            cache_max_bytes: config.compile.cache_max_bytes,
            compiler: config.compile.compiler().context("finding this program's file")?,
        })
        .context("starting the plugin runtime")?;
        let rate_limits = RateLimits::new(&config.limits, &db, &config.database.url)?;
        Ok(App {
            db,
            clock: Clock::default(),
            runtime,
            active: Arc::default(),
            metrics: Arc::default(),
            rate_limits: Arc::new(rate_limits),
            config: Arc::new(config),
        })
    }
}

/// All routes, each with its method and path in the annotation of its handler. Tests call this, `repairops
/// serve` listens with it.
pub fn router(app: App) -> Router {
    let upload_max = DefaultBodyLimit::max(app.config.component_max_bytes);
    let v1 = OpenApiRouter::new()
        .routes(routes!(tickets::http::list, tickets::http::create))
        .routes(routes!(tickets::http::show, tickets::http::update))
        .routes(routes!(tickets::http::transition))
        .routes(routes!(customers::http::list))
        .routes(routes!(customers::http::show))
        .routes(routes!(inventory::http::list, inventory::http::create))
        .routes(routes!(inventory::http::show, inventory::http::update))
        .routes(routes!(shops::http::list, shops::http::create))
        .routes(routes!(shops::http::show))
        .routes(routes!(users::http::list, users::http::create))
        .routes(routes!(users::http::show))
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
        ));
    let (routes, document) =
        OpenApiRouter::with_openapi(openapi::Frame::openapi()).nest("/v1", v1).split_for_parts();
    let document = Json(openapi::complete(&document));
    routes
        .route("/v1/openapi.json", get(async || document))
        .route("/healthz", get(|| async { "ok" }))
        .route("/metrics", get(metrics::show))
        .fallback(|| async { ApiError::not_found("Route") })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(axum::middleware::from_fn(rate_limits::headers::show))
        .layer(axum::middleware::from_fn_with_state(app.clone(), metrics::count_request))
        .layer(axum::middleware::from_fn(request_id::assign))
        .with_state(app)
}
