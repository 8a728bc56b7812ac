//! Maps the errors of users to HTTP responses.

use serde_json::json;

use crate::error::ApiError;
use crate::users::create::CreateUserError;
use crate::users::update::UpdateUserError;

impl From<UpdateUserError> for ApiError {
    fn from(error: UpdateUserError) -> Self {
        match error {
            UpdateUserError::Invalid(invalid) => invalid.into(),
            UpdateUserError::NotFound => ApiError::not_found("User"),
            UpdateUserError::Database(error) => error.into(),
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
