//! Maps the errors of users to HTTP responses.

use serde_json::json;

use crate::error::ApiError;
use crate::users::create::CreateUserError;

impl From<CreateUserError> for ApiError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::Invalid(invalid) => invalid.into(),
            CreateUserError::Duplicate { ref email } => {
                let details = json!({ "field": "email", "value": email });
                ApiError::conflict(error.to_string(), details)
            }
            CreateUserError::LimitReached(reached) => reached.into(),
            CreateUserError::Database(error) => error.into(),
        }
    }
}
