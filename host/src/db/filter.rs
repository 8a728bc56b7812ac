//! Lists with filters and sorting: builds the `where … order by … limit …` text with its binds, so
//! that an absent filter leaves no trace in the SQL and the indexes are used.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Backend, Conn};

/// A bound value.
#[derive(Clone, Debug)]
pub enum Value {
    Uuid(Uuid),
    Text(String),
    Int(i64),
    Time(DateTime<Utc>),
}

/// Conditions that all must hold. Column names come from our own code, values are always bound.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    values: Vec<Value>,
}

impl Filter {
    /// Starts with the condition that every query has.
    pub fn for_org(column: &str, org: Uuid) -> Filter {
        let mut filter = Filter::default();
        filter.and(&format!("{column} = ?"), Value::Uuid(org));
        filter
    }

    /// Adds a condition; its `?` stands for the value.
    pub fn and(&mut self, condition: &str, value: Value) {
        self.values.push(value);
        let bind = format!("${}", self.values.len());
        self.and_plain(&condition.replace('?', &bind));
    }

    /// Adds a condition when there is a value for it.
    pub fn and_some(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.and(condition, value);
        }
    }

    /// Adds a condition that binds nothing.
    pub fn and_plain(&mut self, condition: &str) {
        if !self.text.is_empty() {
            self.text.push_str(" and ");
        }
        self.text.push_str(condition);
    }

    /// Reads one page: `select` is everything before `where`, `order` everything after `order by`.
    pub async fn fetch_page<T>(
        &self,
        conn: &mut Conn,
        select: &str,
        order: &str,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut values = self.values.clone();
        values.extend([Value::Int(limit), Value::Int(offset)]);
        let sql = format!(
            "{select} where {} order by {order} limit ${} offset ${}",
            self.text,
            values.len() - 1,
            values.len()
        );
        fetch_all(conn, sql, values).await
    }

    /// Counts the rows that the conditions leave; `from` is what follows `select count(*) from`.
    pub async fn count(&self, conn: &mut Conn, from: &str) -> Result<i64, sqlx::Error> {
        let sql = format!("select count(*) from {from} where {}", self.text);
        let rows: Vec<(i64,)> = fetch_all(conn, sql, self.values.clone()).await?;
        Ok(rows.first().map_or(0, |row| row.0))
    }
}

/// Runs a text that was built from our own constants; the assertion of safety stands here alone.
async fn fetch_all<T>(
    conn: &mut Conn,
    sql: String,
    values: Vec<Value>,
) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    macro_rules! bind_all {
        ($database:ty) => {{
            let mut query = sqlx::query_as::<$database, T>(AssertSqlSafe(sql));
            for value in values {
                query = match value {
                    Value::Uuid(value) => query.bind(value),
                    Value::Text(value) => query.bind(value),
                    Value::Int(value) => query.bind(value),
                    Value::Time(value) => query.bind(value),
                };
            }
            query
        }};
    }
    match conn.backend() {
        Backend::Sqlite(conn) => bind_all!(Sqlite).fetch_all(conn).await,
        Backend::Postgres(conn) => bind_all!(Postgres).fetch_all(conn).await,
    }
}
