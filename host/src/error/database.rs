//! Maps errors of the database to HTTP responses: what may succeed a little later is a 503, whatever route it was.

use axum::http::StatusCode;
use serde_json::Value;

use super::ApiError;
use crate::db::{self, CommitRefused, Fault};
use crate::model::secret::CannotOpen;

/// The disk of a database does not become free within a second.
const STORAGE_FULL_RETRY_S: u32 = 10;

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        ApiError::internal(error)
    }
}

/// `None` for a fault of ours.
pub(super) fn answer(error: &sqlx::Error) -> Option<ApiError> {
    if let Some(refused) = db::reason::<CommitRefused>(error) {
        let (code, message) = (refused.code, refused.message);
        let error = ApiError::new(StatusCode::CONFLICT, code, message, Value::Null);
        return Some(error.retry_after(1));
    }
    if db::reason::<CannotOpen>(error).is_some() {
        let message = "This server cannot read the webhook's secret at the moment. Try again later, or create a new \
                       secret with POST /v1/webhooks/{webhook_id}/rotate-secret";
        return Some(ApiError::unavailable("SECRET_UNAVAILABLE", message, Value::Null));
    }
    match Fault::of(error) {
        Fault::StorageFull => {
            let message = "The disk of the database is full, so nothing can be written. Reads still work; try again \
                           later";
            let error = ApiError::unavailable("STORAGE_FULL", message, Value::Null);
            Some(error.retry_after(STORAGE_FULL_RETRY_S))
        }
        Fault::WritesFail | Fault::Transient => {
            let message = "The database is not available at the moment; try again";
            Some(ApiError::unavailable("DATABASE_UNAVAILABLE", message, Value::Null))
        }
        Fault::Internal => None,
    }
}
