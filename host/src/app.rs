//! What all requests share, and the list of all routes.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::plugins::active::ActivePlugins;
use crate::runtime::{Runtime, RuntimeConfig};
use crate::{customers, inventory, metrics, plugins, request_id, shops, tickets, users};

/// The largest body of an ordinary request.
pub const BODY_MAX_BYTES: usize = 1024 * 1024;

#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub runtime: Runtime,
    pub active: Arc<ActivePlugins>,
    pub metrics: Arc<Metrics>,
    pub config: Arc<Config>,
}

impl App {
    /// Opens the database, brings its schema up to date, starts the plugin runtime.
    pub async fn start(config: Config) -> anyhow::Result<App> {
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
        Ok(App {
            db,
            clock: Clock::default(),
            runtime,
            active: Arc::default(),
            metrics: Arc::default(),
            config: Arc::new(config),
        })
    }
}

/// All routes. Tests call this, `repairops serve` listens with it.
pub fn router(app: App) -> Router {
    let upload = post(plugins::http::upload)
        .layer(DefaultBodyLimit::max(app.config.component_max_bytes))
        .get(plugins::http::list);
    let v1 = Router::new()
        .route("/tickets", get(tickets::http::list).post(tickets::http::create))
        .route("/tickets/{ticket_id}", get(tickets::http::show).patch(tickets::http::update))
        .route("/tickets/{ticket_id}/transition", post(tickets::http::transition))
        .route("/customers", get(customers::http::list))
        .route("/customers/{customer_id}", get(customers::http::show))
        .route("/inventory", get(inventory::http::list).post(inventory::http::create))
        .route(
            "/inventory/{inventory_id}",
            get(inventory::http::show).patch(inventory::http::update),
        )
        .route("/shops", get(shops::http::list).post(shops::http::create))
        .route("/shops/{shop_id}", get(shops::http::show))
        .route("/users", get(users::http::list).post(users::http::create))
        .route("/users/{user_id}", get(users::http::show))
        .route("/plugins", upload)
        .route("/plugins/{plugin_id}", get(plugins::http::show))
        .route(
            "/installations",
            get(plugins::http::list_installations).post(plugins::http::install),
        )
        .route(
            "/installations/{installation_id}",
            get(plugins::http::show_installation)
                .patch(plugins::http::update_installation)
                .delete(plugins::http::uninstall),
        );
    Router::new()
        .nest("/v1", v1)
        .route("/healthz", get(|| async { "ok" }))
        .route("/metrics", get(metrics::show))
        .fallback(|| async { ApiError::not_found("Route") })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(axum::middleware::from_fn_with_state(app.clone(), metrics::count_request))
        .layer(axum::middleware::from_fn(request_id::assign))
        .with_state(app)
}
