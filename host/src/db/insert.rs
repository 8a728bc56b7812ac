//! `insert_all!`: inserts the rows of a list with few statements instead of one per row.
//!
//! Invariant: a connection keeps few of these statements prepared, although each number of rows has its own text.

/// Rows per statement. PostgreSQL binds at most 65,535 values, SQLite 32,766: so many rows may have 60 columns.
pub const ROWS_MAX: usize = 500;

/// Statements of up to so many rows stay prepared: most lists are short, and preparing costs PostgreSQL a round trip.
pub const ROWS_PREPARED_MAX: usize = 4;

/// `insert_all!(conn, "insert into t (a, b) ", &rows, |row| row.a, row.b)`: returns the number of rows inserted. A text
/// after the values, such as ` on conflict do nothing`, comes last, after a semicolon.
#[macro_export]
macro_rules! insert_all {
    ($conn:expr, $sql:expr, $rows:expr, |$row:ident| $($bind:expr),+ $(,)?) => {
        $crate::insert_all!($conn, $sql, $rows, |$row| $($bind),+; "")
    };
    ($conn:expr, $sql:expr, $rows:expr, |$row:ident| $($bind:expr),+; $after:literal) => {
        async {
            let mut inserted = 0;
            for rows in $rows.chunks($crate::db::ROWS_MAX) {
                let is_short = rows.len() <= $crate::db::ROWS_PREPARED_MAX;
                macro_rules! run {
                    ($database:ty, $backend:expr) => {{
                        let mut query = sqlx::QueryBuilder::<$database>::new($sql);
                        query.push_values(rows, |mut values, $row| {
                            $(values.push_bind($bind);)+
                        });
                        query.push($after);
                        let done = query.build().persistent(is_short).execute($backend).await;
                        done.map(|done| done.rows_affected())
                    }};
                }
                let max = $conn.statement_max();
                let result = match $conn.backend() {
                    Ok($crate::db::Backend::Sqlite(conn)) => run!(sqlx::Sqlite, conn),
                    Ok($crate::db::Backend::Postgres(conn)) => {
                        $crate::db::limited(max, async { run!(sqlx::Postgres, conn) }).await
                    }
                    Err(error) => Err(error),
                };
                inserted += $conn.note(result)?;
            }
            Ok::<u64, sqlx::Error>(inserted)
        }
        .await
    };
}
