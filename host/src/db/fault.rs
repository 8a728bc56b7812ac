//! Classifies the errors of both databases by what a caller can do about them.
//!
//! Invariant: no other module reads a SQLSTATE or a result code of SQLite.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteError;

use super::refused::reason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full. Reads continue, and writes succeed again once there is room.
    StorageFull,
    /// Writes fail for another reason: a disk error, or a read-only database. Reads may continue.
    WritesFail,
    /// A retry may succeed: a broken connection, a deadlock, a restart, a pool timeout.
    Transient,
    /// A bug or a configuration error: a retry fails again.
    Internal,
}

/// An earlier statement of the transaction failed, so it cannot commit.
#[derive(Debug, thiserror::Error)]
#[error("an earlier statement of this transaction failed; it is rolled back")]
pub struct BrokenTransaction(pub(super) Fault);

impl Fault {
    pub fn of(error: &sqlx::Error) -> Fault {
        if let Some(broken) = reason::<BrokenTransaction>(error) {
            return broken.0;
        }
        match error {
            sqlx::Error::Database(error) => of_database(error.as_ref()),
            sqlx::Error::Migrate(error) => match error.as_ref() {
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    Fault::of(error)
                }
                _ => Fault::Internal,
            },
            // All of these are connection errors. `Protocol` means that the driver cannot parse what it reads; our
            // own code never returns it.
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
            | sqlx::Error::InvalidSavePointStatement => Fault::Transient,
            _ => Fault::Internal,
        }
    }

    /// Whether the database rejected a write but may still answer reads.
    pub fn concerns_writes(self) -> bool {
        matches!(self, Fault::StorageFull | Fault::WritesFail)
    }
}

fn of_database(error: &dyn DatabaseError) -> Fault {
    let Some(code) = error.code() else { return Fault::Internal };
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return code.parse().map_or(Fault::Internal, of_result_code);
    }
    of_sqlstate(&code)
}

/// <https://sqlite.org/rescode.html>: the low byte of an extended code is its primary code.
fn of_result_code(code: i32) -> Fault {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const NOMEM: i32 = 7;
    const READONLY: i32 = 8;
    const INTERRUPT: i32 = 9;
    const IOERR: i32 = 10;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    const PROTOCOL: i32 = 15;
    match code & 0xff {
        FULL => Fault::StorageFull,
        READONLY | IOERR => Fault::WritesFail,
        BUSY | LOCKED | NOMEM | INTERRUPT | CANTOPEN | PROTOCOL => Fault::Transient,
        _ => Fault::Internal,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>: the first two characters are the class.
fn of_sqlstate(code: &str) -> Fault {
    match code {
        "53100" => Fault::StorageFull,
        // The transaction is read-only, as on a standby.
        "25006" => Fault::WritesFail,
        // An idle session or a long transaction timed out, or a lock was not available.
        "25P03" | "25P04" | "55P03" => Fault::Transient,
        _ => match code.get(..2) {
            // System errors of PostgreSQL: I/O.
            Some("58") => Fault::WritesFail,
            // Connections, rollbacks (serialization, deadlocks), resources, an operator's intervention or a timeout.
            Some("08" | "40" | "53" | "57") => Fault::Transient,
            _ => Fault::Internal,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_connection_are_transient_and_others_are_ours() {
        let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        for error in [
            sqlx::Error::Io(broken),
            sqlx::Error::PoolTimedOut,
            sqlx::Error::PoolClosed,
            sqlx::Error::WorkerCrashed,
            sqlx::Error::BeginFailed,
            sqlx::Error::Migrate(Box::new(MigrateError::Execute(sqlx::Error::PoolTimedOut))),
        ] {
            assert_eq!(Fault::of(&error), Fault::Transient, "{error:?}");
        }
        for error in [sqlx::Error::RowNotFound, sqlx::Error::ColumnNotFound("a".to_owned())] {
            assert_eq!(Fault::of(&error), Fault::Internal, "{error:?}");
        }
    }

    #[test]
    fn extended_result_codes_have_the_class_of_their_primary_code() {
        for (code, fault) in [
            (13, Fault::StorageFull),
            (10, Fault::WritesFail),
            (778, Fault::WritesFail),  // IOERR_WRITE
            (1544, Fault::WritesFail), // READONLY_DBMOVED is 1032, READONLY_DIRECTORY 1544
            (5, Fault::Transient),
            (517, Fault::Transient), // BUSY_SNAPSHOT
            (14, Fault::Transient),
            (2067, Fault::Internal), // CONSTRAINT_UNIQUE
            (11, Fault::Internal),   // CORRUPT
            (1, Fault::Internal),
        ] {
            assert_eq!(of_result_code(code), fault, "{code}");
        }
    }

    #[test]
    fn sqlstates_have_the_fault_of_their_class_unless_they_have_their_own() {
        for (code, fault) in [
            ("53100", Fault::StorageFull),
            ("53200", Fault::Transient),
            ("25006", Fault::WritesFail),
            ("58030", Fault::WritesFail),
            ("25P02", Fault::Internal),
            ("40P01", Fault::Transient),
            ("57014", Fault::Transient),
            ("23505", Fault::Internal),
            ("", Fault::Internal),
        ] {
            assert_eq!(of_sqlstate(code), fault, "{code}");
        }
    }
}
