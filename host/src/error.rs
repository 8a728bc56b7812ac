//! The only owner of HTTP status codes and of the error envelope: `{"error": {"code", "message", "details",
//! "request_id"}}`.
//!
//! Invariant: the body of a 500 or 503 never shows its cause, which is logged here once, with its chain. Each
//! feature's `errors` maps its own errors with these constructors only.

mod database;
mod operation;

use std::fmt;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::model::bound::LimitReached;
use crate::model::excerpt;
use crate::model::invalid::Invalid;
use crate::request_id;

pub use operation::OperationError;

#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub details: Value,
    retry_after_s: Option<u32>,
    /// Logged, never sent.
    cause: Option<anyhow::Error>,
}

impl ApiError {
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        details: Value,
    ) -> Self {
        ApiError {
            status,
            code,
            message: message.into(),
            details,
            retry_after_s: None,
            cause: None,
        }
    }

    /// Cuts a long message. Use [`Invalid`] for errors that name a field and a value.
    pub fn invalid(message: impl Into<String>, details: Value) -> Self {
        let mut message = message.into();
        excerpt::shorten(&mut message, excerpt::MESSAGE_BYTES_MAX);
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message, details)
    }

    pub fn field(field: &str, value: impl Serialize, message: impl Into<String>) -> Self {
        Invalid::new(field, value, message).into()
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("{what} not found"), Value::Null)
    }

    pub fn conflict(message: impl Into<String>, details: Value) -> Self {
        Self::new(StatusCode::CONFLICT, "CONFLICT", message, details)
    }

    /// `If-Match` does not list the present version.
    pub fn other_version(message: impl Into<String>, current: i64) -> Self {
        let details = json!({ "current_version": current });
        Self::new(StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", message, details)
    }

    /// A plugin that installations still name cannot be deleted.
    pub fn plugin_in_use(message: impl Into<String>, details: Value) -> Self {
        Self::new(StatusCode::CONFLICT, "PLUGIN_IN_USE", message, details)
    }

    pub fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message, Value::Null)
    }

    pub fn forbidden(message: impl Into<String>, details: Value) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message, details)
    }

    pub fn method_not_allowed() -> Self {
        let message = "This route does not support this method; the Allow header lists the methods that it supports";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message, Value::Null)
    }

    /// A body with a `Content-Encoding`.
    pub fn encoded_body(coding: &str) -> Self {
        let coding = excerpt::text(coding, excerpt::NAME_BYTES_MAX);
        let message = format!(
            "The body has Content-Encoding: {coding}, which is not supported; send it as it is, without the header"
        );
        let details = json!({ "field": "Content-Encoding", "value": coding });
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message, details)
    }

    pub fn unsupported_media_type(wanted: &str, found: Option<&str>) -> Self {
        let message = format!("The body must be sent with Content-Type: {wanted}");
        let details = json!({ "expected": wanted, "found": excerpt::value(found) });
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message, details)
    }

    pub fn too_large(limit_bytes: usize) -> Self {
        let message = format!("The body is larger than {limit_bytes} bytes");
        let details = json!({ "limit_bytes": limit_bytes });
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message, details)
    }

    pub fn unavailable(code: &'static str, message: impl Into<String>, details: Value) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message, details).retry_after(1)
    }

    pub fn too_many_requests(
        message: impl Into<String>,
        details: Value,
        retry_after_s: u32,
    ) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_EXCEEDED", message, details)
            .retry_after(retry_after_s)
    }

    /// Adds the header `Retry-After`.
    pub fn retry_after(self, seconds: u32) -> Self {
        ApiError { retry_after_s: Some(seconds), ..self }
    }

    /// A failure that the client did not cause. A database error in its chain decides the response.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let cause = cause.into();
        let of_database = cause.chain().find_map(|error| error.downcast_ref::<sqlx::Error>());
        let answer = of_database.and_then(database::answer).unwrap_or_else(|| {
            let message = "Internal server error; contact support with the request id";
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "SERVER_ERROR", message, Value::Null)
        });
        ApiError { cause: Some(cause), ..answer }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            let request_id = request_id::current();
            if self.status == StatusCode::INTERNAL_SERVER_ERROR {
                tracing::error!(%request_id, error = ?cause, "request failed");
            } else {
                tracing::warn!(%request_id, code = self.code, error = ?cause, "request failed");
            }
        }
        let details = if self.details.is_null() { json!({}) } else { self.details };
        let body = json!({ "error": {
            "code": self.code,
            "message": self.message,
            "details": details,
            "request_id": request_id::current(),
        }});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::REQUEST_TIMEOUT {
            // Otherwise the rest of the body would be parsed as the next request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<LimitReached> for ApiError {
    fn from(reached: LimitReached) -> Self {
        let LimitReached { bound, maximum, current } = reached;
        let details = json!({ "limit": bound.as_str(), "maximum": maximum, "current": current });
        Self::new(StatusCode::CONFLICT, "LIMIT_REACHED", reached.to_string(), details)
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        let details = json!({ "field": invalid.field, "value": invalid.value });
        ApiError::invalid(invalid.message, details)
    }
}
