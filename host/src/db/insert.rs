//! `insert_all!`: the rows of a list with a few statements, not one for each row.

/// Rows of one statement. PostgreSQL binds 65,535 values at most, SQLite 32,766: so many rows may have 60 columns.
pub const ROWS_MAX: usize = 500;

/// `insert_all!(conn, "insert into t (a, b) ", &rows, |row| row.a, row.b)`: returns the number of rows inserted.
#[macro_export]
macro_rules! insert_all {
    ($conn:expr, $sql:expr, $rows:expr, |$row:ident| $($bind:expr),+ $(,)?) => {
        async {
            let mut inserted = 0;
            for rows in $rows.chunks($crate::db::ROWS_MAX) {
                // Each length is a text of its own, so none is kept prepared.
                macro_rules! run {
                    ($database:ty, $backend:expr) => {{
                        let mut query = sqlx::QueryBuilder::<$database>::new($sql);
                        query.push_values(rows, |mut values, $row| {
                            $(values.push_bind($bind);)+
                        });
                        let done = query.build().persistent(false).execute($backend).await;
                        done.map(|done| done.rows_affected())
                    }};
                }
                let result = match $conn.backend() {
                    Ok($crate::db::Backend::Sqlite(conn)) => run!(sqlx::Sqlite, conn),
                    Ok($crate::db::Backend::Postgres(conn)) => run!(sqlx::Postgres, conn),
                    Err(error) => Err(error),
                };
                inserted += $conn.note(result)?;
            }
            Ok::<u64, sqlx::Error>(inserted)
        }
        .await
    };
}
