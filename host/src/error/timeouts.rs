//! What clients read of timeouts.

use axum::http::StatusCode;
use serde_json::json;

use super::ApiError;
use crate::timeouts::{BodyTimeout, RequestTimeout};

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
