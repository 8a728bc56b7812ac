//! An error of ours that passes through code whose errors are the database's: sqlx has no variant for it.

use std::error::Error as StdError;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

#[derive(Debug)]
struct Refused(Box<dyn StdError + Send + Sync>);

/// The error as one of the database's; [`reason`] finds it again.
pub fn refuse(error: impl StdError + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Database(Box::new(Refused(Box::new(error))))
}

/// Why it was refused, if it was, and for a reason of this type.
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

/// The hook did not let the transaction commit; nothing of it was kept. Carried by `refuse`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CommitRefused {
    /// Of the answer to the client, which may send the request again.
    pub code: &'static str,
    pub message: &'static str,
}
