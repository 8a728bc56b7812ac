//! Builds the `where … order by … limit …` text of lists and its binds.
//!
//! Invariant: an absent filter leaves no trace in the SQL, so the indexes are used; values are always bound.

use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Backend, Conn, limited};
use crate::model::time::Time;

/// A bound value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Uuid(Uuid),
    Text(String),
    Int(i64),
    Time(Time),
}

/// Conditions joined by `and`. Column names come from our own code.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    values: Vec<Value>,
}

/// The order and the range of the rows to read.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The columns to sort by, all in the same direction. None is nullable.
    pub order: Vec<&'static str>,
    pub descending: bool,
    /// Only the rows after these values of `order`.
    pub after: Option<Vec<Value>>,
    pub offset: i64,
    pub limit: i64,
}

/// A finished query.
#[derive(Clone, Debug)]
pub struct Query {
    pub sql: String,
    pub values: Vec<Value>,
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
        let bind = self.bind(value);
        self.and_plain(&condition.replace('?', &bind));
    }

    /// Binds a value and returns its `$1`, for a text that is not a condition.
    pub fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Adds a condition when there is a value for it.
    pub fn and_some(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.and(condition, value);
        }
    }

    /// Binds the values of a list and returns `($2, $3, …)`, for `column in …`: one statement for a whole list.
    /// Returns `None` for an empty list. Repeats the last value up to a power of two, so that a connection prepares
    /// few texts instead of one for each length.
    pub fn list(&mut self, values: impl IntoIterator<Item = Value>) -> Option<String> {
        let first = self.values.len();
        self.values.extend(values);
        let count = self.values.len() - first;
        let last = self.values.last().filter(|_| count > 0)?.clone();
        self.values.resize(first + count.next_power_of_two(), last);
        let binds: Vec<String> =
            (first + 1..=self.values.len()).map(|bind| format!("${bind}")).collect();
        Some(format!("({})", binds.join(", ")))
    }

    /// Adds a condition without binds.
    pub fn and_plain(&mut self, condition: &str) {
        if !self.text.is_empty() {
            self.text.push_str(" and ");
        }
        self.text.push_str(condition);
    }

    /// `select` is everything before `where`.
    pub fn select(&self, select: &str, slice: &Slice) -> Query {
        let mut filter = self.clone();
        if let Some(values) = &slice.after {
            // One row comparison, which both databases answer from an index on these columns.
            let columns = slice.order.join(", ");
            let first = filter.values.len() + 1;
            let binds: Vec<String> =
                (first..first + values.len()).map(|bind| format!("${bind}")).collect();
            let sign = if slice.descending { "<" } else { ">" };
            filter.and_plain(&format!("({columns}) {sign} ({})", binds.join(", ")));
            filter.values.extend(values.iter().cloned());
        }
        let direction = if slice.descending { " desc" } else { "" };
        let order: Vec<String> =
            slice.order.iter().map(|column| format!("{column}{direction}")).collect();
        // Inlined, not bound: a planner that does not know the limit picks another plan.
        let mut sql = format!(
            "{select} where {} order by {} limit {}",
            filter.text,
            order.join(", "),
            slice.limit
        );
        if slice.offset > 0 {
            filter.values.push(Value::Int(slice.offset));
            sql.push_str(&format!(" offset ${}", filter.values.len()));
        }
        Query { sql, values: filter.values }
    }

    /// Counts the matching rows; `from` is the text after `from`.
    pub fn count(&self, from: &str) -> Query {
        self.figure(&format!("select count(*) from {from}"))
    }

    /// Reads one integer; `select` is everything before `where`.
    pub fn figure(&self, select: &str) -> Query {
        Query { sql: format!("{select} where {}", self.text), values: self.values.clone() }
    }
}

impl Query {
    /// For a statement that writes.
    pub fn returning(mut self, columns: &str) -> Query {
        self.sql.push_str(" returning ");
        self.sql.push_str(columns);
        self
    }

    pub async fn fetch_all<T>(self, conn: &mut Conn) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let Query { sql, values } = self;
        // The text is built from our own constants, so the assertion of safety stays here.
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
        let max = conn.statement_max();
        let result = match conn.backend() {
            Ok(Backend::Sqlite(conn)) => bind_all!(Sqlite).fetch_all(conn).await,
            Ok(Backend::Postgres(conn)) => limited(max, bind_all!(Postgres).fetch_all(conn)).await,
            Err(error) => Err(error),
        };
        conn.note(result)
    }

    /// Runs a query for one integer.
    pub async fn fetch_figure(self, conn: &mut Conn) -> Result<i64, sqlx::Error> {
        let rows: Vec<(i64,)> = self.fetch_all(conn).await?;
        Ok(rows.first().map_or(0, |row| row.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_bound_by_few_texts() {
        let mut filter = Filter::for_org("org_id", Uuid::nil());
        assert_eq!(filter.list([]), None);
        assert_eq!(filter.list((0..3).map(Value::Int)).as_deref(), Some("($2, $3, $4, $5)"));
        assert_eq!(filter.values[4], Value::Int(2));
        let texts: std::collections::HashSet<_> =
            (1..=200).map(|count| Filter::default().list((0..count).map(Value::Int))).collect();
        assert_eq!(texts.len(), 9);
    }
}
