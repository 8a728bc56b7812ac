//! `fetch_all_postgres!`: statements that SQLite lacks, such as writes inside of `with`, and arrays.
//!
//! Invariant: the text of such a statement is fixed, so that it stays prepared; lists are bound as arrays.

/// `fetch_all_postgres!(conn, Row, "with … select …", bind, …)`: all rows. Call it where `conn.is_postgres()`; a
/// connection to SQLite returns an error.
#[macro_export]
macro_rules! fetch_all_postgres {
    ($conn:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let max = $conn.statement_max();
        let result = match $conn.backend() {
            Ok($crate::db::Backend::Postgres(conn)) => {
                let run = sqlx::query_as::<sqlx::Postgres, $row>($sql)$(.bind($bind))*.fetch_all(conn);
                $crate::db::limited(max, run).await
            }
            Ok($crate::db::Backend::Sqlite(_)) => {
                Err(sqlx::Error::Configuration("this statement needs PostgreSQL".into()))
            }
            Err(error) => Err(error),
        };
        $conn.note(result)
    }};
}
