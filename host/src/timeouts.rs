//! Limits how long a request may take: the pauses of its body, its whole body, and its handler.
//!
//! Invariant: every request gets a response within its timeout. After a 503 from here, the request's transaction is
//! rolled back unless it has committed, as if the client had disconnected; a request with an Idempotency-Key runs to
//! its end.
//!
//! tower-http's layers have one duration for all routes, send a response without a body, and limit the pauses of a
//! body but not its end.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use serde_json::json;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::app::App;
use crate::config::ConnectionConfig;
use crate::error::ApiError;
use crate::request_id;

/// The request body did not arrive in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyTimeout {
    #[error(
        "The body of the request paused for {after_ms} ms before its end; send it without pauses"
    )]
    Paused { after_ms: u64 },
    #[error(
        "The body of the request was not complete after {after_ms} ms; send less at once, or over a faster network"
    )]
    Incomplete { after_ms: u64 },
}

/// The server did not finish a request in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "The server did not finish this request within {after_ms} ms. It may or may not have been processed: read the \
     resource to see, or retry the request with the same Idempotency-Key if it had one"
)]
pub struct RequestTimeout {
    pub after_ms: u64,
}

impl BodyTimeout {
    /// Finds it among the causes of axum's error about an unreadable body.
    pub fn find_in(error: &(dyn Error + 'static)) -> Option<BodyTimeout> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(late) = error.downcast_ref() {
                return Some(*late);
            }
            cause = error.source();
        }
        None
    }
}

impl From<BodyTimeout> for ApiError {
    fn from(late: BodyTimeout) -> Self {
        let (BodyTimeout::Paused { after_ms } | BodyTimeout::Incomplete { after_ms }) = late;
        let details = json!({ "timeout_ms": after_ms });
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", late.to_string(), details)
    }
}

impl From<RequestTimeout> for ApiError {
    fn from(late: RequestTimeout) -> Self {
        let details = json!({ "timeout_ms": late.after_ms });
        ApiError::unavailable("SERVER_TIMEOUT", late.to_string(), details)
    }
}

/// Middleware, inside of those that log and count a request.
pub async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let config = &app.config.connections;
    let after_ms = request_timeout_ms(config, &request);
    let end = Instant::now() + Duration::from_millis(after_ms);
    let is_received = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let received = is_received.clone();
    let pause_ms = config.body_timeout_ms;
    let request = request.map(|body| {
        let timed = TimedBody { body, received, end, after_ms, pause_ms, timer: None };
        Body::new(timed)
    });
    match timeout_at(end, next.run(request)).await {
        Ok(response) => response,
        Err(_) if is_received.load(Ordering::Relaxed) => {
            tracing::warn!(request_id = %request_id::current(), after_ms, "a request was not finished in time");
            ApiError::from(RequestTimeout { after_ms }).into_response()
        }
        Err(_) => ApiError::from(BodyTimeout::Incomplete { after_ms }).into_response(),
    }
}

fn request_timeout_ms(config: &ConnectionConfig, request: &Request) -> u64 {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    match (request.method(), path) {
        (&Method::POST, Some("/v1/plugins")) => config.upload_timeout_ms,
        _ => config.request_timeout_ms,
    }
}

/// A body that fails when it pauses for `pause_ms`, and at `end`.
struct TimedBody {
    body: Body,
    received: Arc<AtomicBool>,
    end: Instant,
    after_ms: u64,
    pause_ms: u64,
    /// Runs while no data is available.
    timer: Option<Pin<Box<Sleep>>>,
}

impl TimedBody {
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<BodyTimeout> {
        let pause = Duration::from_millis(self.pause_ms);
        let at = || Box::pin(sleep_until((Instant::now() + pause).min(self.end)));
        ready!(self.timer.get_or_insert_with(at).as_mut().poll(cx));
        Poll::Ready(self.late())
    }

    fn late(&self) -> BodyTimeout {
        if Instant::now() >= self.end {
            BodyTimeout::Incomplete { after_ms: self.after_ms }
        } else {
            BodyTimeout::Paused { after_ms: self.pause_ms }
        }
    }
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Checked first: a body that trickles in may always have data available.
        if Instant::now() >= self.end {
            return Poll::Ready(Some(Err(axum::Error::new(self.late()))));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.poll_pause(cx).map(|late| Some(Err(axum::Error::new(late))));
        };
        self.timer = None;
        if frame.is_none() || self.body.is_end_stream() {
            self.received.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
