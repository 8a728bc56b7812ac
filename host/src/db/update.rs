//! `update_all!`: sets each row of a list to values of its own, with few statements.
//!
//! Invariant: it works on both databases, which both name the columns of a list of values `column1`, `column2` and so
//! on.

/// `update_all!(conn, Row, "update t set a = c.column2 from (", &rows, |row| row.id, row.a; [") as c where org_id = "
/// => org], " and id = c.column1 returning id")`: all returned rows. An empty list sends no statement.
#[macro_export]
macro_rules! update_all {
    (
        $conn:expr, $out:ty, $start:literal, $rows:expr, |$row:ident| $($bind:expr),+;
        [$($text:literal => $value:expr),* $(,)?], $end:literal $(,)?
    ) => {
        async {
            let mut returned: Vec<$out> = Vec::new();
            for rows in $rows.chunks($crate::db::ROWS_MAX) {
                let is_short = rows.len() <= $crate::db::ROWS_PREPARED_MAX;
                macro_rules! run {
                    ($database:ty, $backend:expr) => {{
                        let mut query = sqlx::QueryBuilder::<$database>::new($start);
                        query.push_values(rows, |mut values, $row| {
                            $(values.push_bind($bind);)+
                        });
                        $(query.push($text).push_bind($value);)*
                        query.push($end);
                        let query = query.build_query_as::<$out>();
                        query.persistent(is_short).fetch_all($backend).await
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
                returned.extend($conn.note(result)?);
            }
            Ok::<Vec<$out>, sqlx::Error>(returned)
        }
        .await
    };
}
