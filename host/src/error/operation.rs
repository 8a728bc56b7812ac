//! The error of operations that can only fail for invalid input, a missing resource, a bound or the database.
//!
//! Invariant: an operation with any other reason to fail has an error type of its own.

use super::ApiError;
use crate::model::bound::LimitReached;
use crate::model::invalid::Invalid;

#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The resource, as messages to clients name it.
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<OperationError> for ApiError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Invalid(invalid) => invalid.into(),
            OperationError::NotFound(what) => ApiError::not_found(what),
            OperationError::LimitReached(reached) => reached.into(),
            OperationError::Database(error) => error.into(),
        }
    }
}
