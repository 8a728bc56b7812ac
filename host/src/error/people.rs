//! What clients read of the errors of shops and users.

use serde_json::json;

use super::ApiError;
use crate::shops::create::CreateShopError;
use crate::shops::update::UpdateShopError;
use crate::users::create::CreateUserError;
use crate::users::update::UpdateUserError;

impl From<CreateShopError> for ApiError {
    fn from(error: CreateShopError) -> Self {
        match error {
            CreateShopError::Invalid(invalid) => invalid.into(),
            CreateShopError::Database(error) => error.into(),
        }
    }
}

impl From<UpdateShopError> for ApiError {
    fn from(error: UpdateShopError) -> Self {
        match error {
            UpdateShopError::Invalid(invalid) => invalid.into(),
            UpdateShopError::NotFound => ApiError::not_found("Shop"),
            UpdateShopError::Database(error) => error.into(),
        }
    }
}

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
