//! Writes one log line for each request: route, caller, status, duration.
//!
//! Invariant: a line never has a path, a query or a header, which may hold personal data or secrets.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

use crate::model::ids::{KeyId, OrgId};
use crate::request_id;

tokio::task_local! {
    static CALLER: Arc<OnceLock<(OrgId, KeyId)>>;
}

/// Records the caller, once the API key is known.
pub fn note_caller(org: OrgId, key: KeyId) {
    let _ = CALLER.try_with(|caller| caller.set((org, key)));
}

/// Runs work of the request in another task; a caller recorded there appears in this request's line.
pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let caller = CALLER.try_with(Arc::clone).unwrap_or_default();
    CALLER.scope(caller, work)
}

/// Middleware, inside of the one that assigns the request id.
pub async fn log(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    CALLER
        .scope(Arc::default(), async move {
            let response = next.run(request).await;
            let (org, key) = CALLER.with(|caller| caller.get().copied()).unzip();
            let line = Line {
                method: method.as_str(),
                route: route.as_ref().map_or("none", MatchedPath::as_str),
                status: response.status().as_u16(),
                duration_ms: started.elapsed().as_secs_f64() * 1000.0,
                org,
                key,
            };
            line.write();
            response
        })
        .await
}

struct Line<'a> {
    method: &'a str,
    route: &'a str,
    status: u16,
    duration_ms: f64,
    org: Option<OrgId>,
    key: Option<KeyId>,
}

impl Line<'_> {
    /// Successful probes come every second, so they are logged at debug level. A 5xx is a warning; its cause is
    /// logged separately.
    fn write(&self) {
        macro_rules! write_at {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    method = self.method,
                    route = self.route,
                    status = self.status,
                    duration_ms = (self.duration_ms * 1000.0).round() / 1000.0,
                    org = self.org.map(tracing::field::display),
                    key = self.key.map(tracing::field::display),
                    request_id = %request_id::current(),
                    "request"
                )
            };
        }
        match self.status {
            500.. => write_at!(tracing::Level::WARN),
            200 if matches!(self.route, "/healthz" | "/readyz" | "/metrics") => {
                write_at!(tracing::Level::DEBUG)
            }
            _ => write_at!(tracing::Level::INFO),
        }
    }
}
