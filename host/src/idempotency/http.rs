//! The middleware of `Idempotency-Key`.
//!
//! Invariant: a response is stored before it is sent, and only if a repeat would get the same one.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::claim::KEY_HEADER;
use super::settle;
use super::slot::Slot;
use super::stored::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::{access_log, request_id};

/// The headers stored with a response; all others belong to one request.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// Middleware: for a write with an Idempotency-Key, delays reading the body until the caller is authenticated, and
/// stores the response before it is sent. The request runs to its end even if the client disconnects, because the
/// client may retry.
pub async fn keep(State(app): State<App>, request: Request, next: Next) -> Response {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if reads || is_dry_run(&request) || !request.headers().contains_key(&KEY_HEADER) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let slot = Slot::holding(body);
    let request = Request::from_parts(parts, Body::empty());
    let work = {
        let (app, slot) = (app.clone(), slot.clone());
        async move {
            let response = slot.clone().scope(next.run(request)).await;
            finish(&app, &slot, response).await
        }
    };
    let work = access_log::carry(request_id::scope(request_id::current(), work));
    match tokio::spawn(work).await {
        Ok(response) => response,
        Err(panic) => {
            let response = ApiError::internal(panic).into_response();
            finish(&app, &slot, response).await
        }
    }
}

/// A dry run writes nothing, so it claims no key.
fn is_dry_run(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let pairs: Vec<(String, String)> = serde_html_form::from_str(query).unwrap_or_default();
    pairs.iter().any(|(name, value)| name == "dry_run" && value == "true")
}

async fn finish(app: &App, slot: &Slot, response: Response) -> Response {
    let Some(claim) = slot.lock().claim.take() else { return response };
    if !is_decision(&response) {
        settle::settle(app, claim, None).await;
        return response;
    }
    match read(response).await {
        (response, Ok(answer)) => {
            settle::settle(app, claim, Some(answer)).await;
            response
        }
        (response, Err(error)) => {
            let id = request_id::current();
            tracing::error!(request_id = %id, ?error, "a response could not be read to be stored");
            response
        }
    }
}

/// Whether a repeat would get the same response. Transient ones, with `Retry-After`, may be retried, and so may those
/// that a plugin decided (422): the plugin may be mended meanwhile.
fn is_decision(response: &Response) -> bool {
    const OF_THE_MOMENT: [StatusCode; 6] = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNPROCESSABLE_ENTITY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    let status = response.status();
    !status.is_server_error()
        && !OF_THE_MOMENT.contains(&status)
        && !response.headers().contains_key(header::RETRY_AFTER)
}

/// Returns the response and the part of it to store.
async fn read(response: Response) -> (Response, anyhow::Result<Answer>) {
    let (parts, body) = response.into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return (Response::from_parts(parts, Body::empty()), Err(error.into())),
    };
    let text = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    let answer = Answer {
        status: parts.status.as_u16(),
        headers: KEPT_HEADERS.iter().filter_map(text).collect(),
        body: bytes.to_vec(),
    };
    (Response::from_parts(parts, Body::from(bytes)), Ok(answer))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_may_be_tried_again_is_not_stored() {
        let conflict = || ApiError::conflict("of a test", Value::Null);
        assert!(is_decision(&conflict().into_response()));
        assert!(!is_decision(&conflict().retry_after(1).into_response()));
        let busy = ApiError::unavailable("SERVER_BUSY", "of a test", Value::Null);
        assert!(!is_decision(&busy.into_response()));
    }
}
