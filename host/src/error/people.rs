//! What clients read of the errors of shops and users.

use serde_json::json;

use super::ApiError;
use crate::shops::create::CreateShopError;
use crate::users::create::CreateUserError;

impl From<CreateShopError> for ApiError {
    fn from(error: CreateShopError) -> Self {
        match error {
            CreateShopError::Invalid(invalid) => invalid.into(),
            CreateShopError::Database(error) => error.into(),
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
