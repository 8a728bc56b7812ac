//! Carries one of our own errors through code that returns `sqlx::Error`, which has no variant for it.

use std::error::Error as StdError;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

#[derive(Debug)]
struct Refused(Box<dyn StdError + Send + Sync>);

/// Wraps the error; [`reason`] finds it again.
pub fn refuse(error: impl StdError + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Database(Box::new(Refused(Box::new(error))))
}

/// The wrapped error, if there is one of this type.
pub fn reason<E: StdError + 'static>(error: &sqlx::Error) -> Option<&E> {
    let refused = error.as_database_error()?.try_downcast_ref::<Refused>()?;
    refused.0.downcast_ref()
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Refused {}

impl DatabaseError for Refused {
    fn message(&self) -> &str {
        "refused before it reached the database"
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// The commit hook rejected the transaction, which was rolled back. Wrapped by `refuse`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CommitRefused {
    /// The error code of the response; the client may retry.
    pub code: &'static str,
    pub message: &'static str,
}
