//! Maps the errors of tickets to HTTP responses.

use axum::http::StatusCode;
use serde_json::json;

use crate::error::ApiError;
use crate::tickets::create::CreateTicketError;
use crate::tickets::outcome::ChangeError;

impl From<CreateTicketError> for ApiError {
    fn from(error: CreateTicketError) -> Self {
        match error {
            CreateTicketError::Invalid(invalid) => invalid.into(),
            CreateTicketError::Refused(error) => error.into(),
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
            ChangeError::PluginFailed { failure, ran } => {
                ApiError::plugin_failed(message, &failure, &ran)
            }
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
                ApiError::conflict(message, json!({ "attempts": attempts })).retry_after(1)
            }
            ChangeError::OtherVersion { current } => ApiError::other_version(message, current),
            ChangeError::Database(error) => error.into(),
        }
    }
}
