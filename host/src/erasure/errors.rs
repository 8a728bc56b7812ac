//! Maps the errors of erasures to HTTP responses.

use serde_json::json;

use crate::erasure::erase::EraseError;
use crate::erasure::pass::PassError;
use crate::error::ApiError;
use crate::model::ticket::number_text;

impl From<EraseError> for ApiError {
    fn from(error: EraseError) -> Self {
        let message = error.to_string();
        match error {
            EraseError::NotFound { merged_into } => ApiError::customer_not_found(merged_into),
            EraseError::OpenTickets { tickets, count } => {
                let tickets = tickets.into_iter().map(|ticket| {
                    json!({
                        "ticket_id": ticket.id,
                        "ticket_number": number_text(ticket.number),
                        "status": ticket.status,
                    })
                });
                let tickets: Vec<_> = tickets.collect();
                let details =
                    json!({ "reason": "open_tickets", "count": count, "tickets": tickets });
                ApiError::conflict(message, details)
            }
            EraseError::Pass(PassError::Database(error)) | EraseError::Database(error) => {
                error.into()
            }
            EraseError::Pass(PassError::Search(error)) => ApiError::internal(error),
        }
    }
}
