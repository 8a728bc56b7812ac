//! The one owner of HTTP status codes and of the error envelope:
//! `{"error": {"code", "message", "details", "request_id"}}`.
//!
//! What a client reads and what is logged differ: the body of a 500 says nothing of the inside; its
//! cause is logged here, once, with its chain.

use std::fmt;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::inventory::create::CreateItemError;
use crate::inventory::update::UpdateItemError;
use crate::model::invalid::Invalid;
use crate::plugins::install::InstallError;
use crate::plugins::upload::UploadError;
use crate::request_id;
use crate::shops::create::CreateShopError;
use crate::tickets::change::ChangeError;
use crate::tickets::create::CreateTicketError;
use crate::users::create::CreateUserError;

#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub details: Value,
    retry_after_s: Option<u32>,
    /// For the log alone.
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

    pub fn invalid(message: impl Into<String>, details: Value) -> Self {
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

    pub fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message, Value::Null)
    }

    pub fn forbidden(message: impl Into<String>, details: Value) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message, details)
    }

    pub fn method_not_allowed() -> Self {
        let message =
            "This route does not have this method; the Allow header lists those that it has";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message, Value::Null)
    }

    pub fn unsupported_media_type(wanted: &str, found: Option<&str>) -> Self {
        let message = format!("The body must be sent with Content-Type: {wanted}");
        let details = json!({ "expected": wanted, "found": found });
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message, details)
    }

    pub fn too_large(limit_bytes: usize) -> Self {
        let message = format!("The body is larger than {limit_bytes} bytes");
        let details = json!({ "limit_bytes": limit_bytes });
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message, details)
    }

    pub fn from_bytes_rejection(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::too_large(crate::app::BODY_MAX_BYTES);
        }
        Self::invalid("The body could not be read to its end", Value::Null)
    }

    pub fn unavailable(code: &'static str, message: impl Into<String>, details: Value) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message, details);
        error.retry_after_s = Some(1);
        error
    }

    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let message = "Internal server error; contact support with the request id";
        let mut error =
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "SERVER_ERROR", message, Value::Null);
        error.cause = Some(cause.into());
        error
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
            tracing::error!(request_id = %request_id::current(), error = ?cause, "request failed");
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
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        let details = json!({ "field": invalid.field, "value": invalid.value });
        ApiError::invalid(invalid.message, details)
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolTimedOut) {
            tracing::warn!(request_id = %request_id::current(), "no database connection became free in time");
            return ApiError::unavailable(
                "SERVER_BUSY",
                "The database is busy; try again",
                Value::Null,
            );
        }
        ApiError::internal(error)
    }
}

impl From<CreateTicketError> for ApiError {
    fn from(error: CreateTicketError) -> Self {
        match error {
            CreateTicketError::Invalid(invalid) => invalid.into(),
            CreateTicketError::Database(error) => error.into(),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        let message = error.to_string();
        match error {
            ChangeError::Invalid(invalid) => invalid.into(),
            ChangeError::NotFound => ApiError::not_found("Ticket"),
            ChangeError::NoEdge(edge) => ApiError::new(
                StatusCode::CONFLICT,
                "INVALID_TRANSITION",
                message,
                json!({ "from": edge.from, "to": edge.to, "allowed": edge.allowed }),
            ),
            ChangeError::Rejected { violations, ran } => ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "PLUGIN_REJECTED",
                message,
                json!({ "violations": violations, "plugins": ran }),
            ),
            ChangeError::PluginUnavailable { failure, ran } => ApiError::unavailable(
                "PLUGIN_UNAVAILABLE",
                message,
                json!({ "plugin": failure.plugin, "hook": failure.hook, "outcome": failure.outcome,
                        "error": failure.error, "plugins": ran }),
            ),
            ChangeError::InsufficientStock { lines, ran } => ApiError::new(
                StatusCode::CONFLICT,
                "INSUFFICIENT_STOCK",
                message,
                json!({ "lines": lines, "plugins": ran }),
            ),
            ChangeError::PartsFrozen { status } => {
                ApiError::conflict(message, json!({ "field": "parts", "status": status }))
            }
            ChangeError::Consumed { part, consumed } => ApiError::conflict(
                message,
                json!({ "field": "parts", "part": part, "consumed": consumed }),
            ),
            ChangeError::Stale { attempts } => {
                ApiError::conflict(message, json!({ "attempts": attempts }))
            }
            ChangeError::Database(error) => error.into(),
        }
    }
}

impl From<CreateItemError> for ApiError {
    fn from(error: CreateItemError) -> Self {
        match error {
            CreateItemError::Invalid(invalid) => invalid.into(),
            CreateItemError::Duplicate { ref sku, shop_id } => {
                let details = json!({ "field": "sku", "value": sku, "shop_id": shop_id });
                ApiError::conflict(error.to_string(), details)
            }
            CreateItemError::Database(error) => error.into(),
        }
    }
}

impl From<UpdateItemError> for ApiError {
    fn from(error: UpdateItemError) -> Self {
        let message = error.to_string();
        match error {
            UpdateItemError::Invalid(invalid) => invalid.into(),
            UpdateItemError::NotFound => ApiError::not_found("Inventory item"),
            UpdateItemError::BelowReserved { quantity, reserved } => {
                let details =
                    json!({ "field": "quantity", "value": quantity, "reserved": reserved });
                ApiError::conflict(message, details)
            }
            UpdateItemError::Database(error) => error.into(),
        }
    }
}

impl From<CreateUserError> for ApiError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::Invalid(invalid) => invalid.into(),
            CreateUserError::Duplicate { ref email } => {
                let details = json!({ "field": "email", "value": email });
                ApiError::conflict(error.to_string(), details)
            }
            CreateUserError::Database(error) => error.into(),
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NotUsable { ref kind, .. } => {
                let details = json!({ "field": "body", "reason": kind });
                ApiError::invalid(error.to_string(), details)
            }
            UploadError::Inspection(error) => ApiError::internal(error),
            UploadError::Database(error) => error.into(),
        }
    }
}

impl From<InstallError> for ApiError {
    fn from(error: InstallError) -> Self {
        let message = error.to_string();
        match error {
            InstallError::Invalid(invalid) => invalid.into(),
            InstallError::NotFound => ApiError::not_found("Installation"),
            InstallError::NotReady { state, error } => ApiError::conflict(
                message,
                json!({ "field": "plugin_id", "state": state, "error": error }),
            ),
            InstallError::Database(error) => error.into(),
        }
    }
}

impl From<CreateShopError> for ApiError {
    fn from(error: CreateShopError) -> Self {
        match error {
            CreateShopError::Invalid(invalid) => invalid.into(),
            CreateShopError::Database(error) => error.into(),
        }
    }
}
