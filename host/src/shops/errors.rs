//! Maps the errors of shops to HTTP responses.

use crate::error::ApiError;
use crate::shops::create::CreateShopError;
use crate::shops::update::UpdateShopError;

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
