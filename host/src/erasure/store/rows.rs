//! Reads and writes the texts of a table of the list in [`copies`](crate::erasure::copies).
//!
//! Invariant: rows of tickets are read and written in one transaction, and locked on PostgreSQL, so that no newer text is
//! overwritten. The others are not changed by anybody else, or only to what is as true.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use crate::db::{Backend, Conn, Filter, Slice, Value, limited};
use crate::erasure::copies::{Column, EVENTS_WITHOUT_TEXT, How, Key, Rows, Table};
use crate::model::ids::{OrgId, TicketId};

/// One row: its key, and its texts in the order of [`Table::texts`].
#[derive(Clone, Debug)]
pub struct TextRow {
    pub key: Vec<Value>,
    pub texts: Vec<Option<String>>,
}

/// The first letter of a column's name in a result says what it is.
impl<'r, R: Row> FromRow<'r, R> for TextRow
where
    usize: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let mut read = TextRow { key: Vec::new(), texts: Vec::new() };
        for (n, column) in row.columns().iter().enumerate() {
            match sqlx::Column::name(column).as_bytes().first() {
                Some(b'u') => read.key.push(Value::Uuid(row.try_get(n)?)),
                Some(b't') => read.key.push(Value::Text(row.try_get(n)?)),
                Some(b'i') => read.key.push(Value::Int(row.try_get(n)?)),
                _ => read.texts.push(row.try_get(n)?),
            }
        }
        Ok(read)
    }
}

/// The rows of a batch after the key `after`; those of `tickets` if the table's rows are of tickets. Names and keys are
/// constants of the list.
pub async fn read(
    conn: &mut Conn,
    org: OrgId,
    table: &'static Table,
    tickets: &[TicketId],
    after: Option<&[Value]>,
    limit: i64,
) -> Result<Vec<TextRow>, sqlx::Error> {
    let mut filter = Filter::for_org("c.org_id", org.0);
    match table.rows {
        Rows::OfTickets(column) => {
            let Some(list) = filter.list(tickets.iter().map(|id| Value::Uuid(id.0))) else {
                return Ok(Vec::new());
            };
            filter.and_plain(&format!("c.{column} in {list}"));
        }
        Rows::Events => {
            let names = EVENTS_WITHOUT_TEXT.iter().map(|name| Value::Text((*name).to_owned()));
            if let Some(list) = filter.list(names) {
                filter.and_plain(&format!("c.event not in {list}"));
            }
        }
        Rows::Receivers => {}
        Rows::Own | Rows::Answers | Rows::Inputs | Rows::Runs | Rows::NoRows(_) => {
            return Ok(Vec::new());
        }
    }
    let present: Vec<String> =
        texts(table).map(|(name, _)| format!("c.{name} is not null")).collect();
    filter.and_plain(&format!("({})", present.join(" or ")));
    let keys = table.key.iter().enumerate().map(|(n, key)| match key {
        Key::Id(name) => format!("c.{name} as u{n}"),
        Key::Text(name) => format!("c.{name} as t{n}"),
        Key::Number(name) => format!("c.{name} as i{n}"),
    });
    let columns = texts(table).enumerate();
    let columns = columns.map(|(n, (name, _))| format!("cast(c.{name} as text) as x{n}"));
    let columns: Vec<String> = keys.chain(columns).collect();
    let select = format!("select {} from {} c", columns.join(", "), table.name);
    let slice = Slice {
        order: order(table),
        descending: false,
        after: after.map(<[Value]>::to_vec),
        offset: 0,
        limit,
    };
    let mut query = filter.select(&select, &slice);
    if conn.is_postgres() && matches!(table.rows, Rows::OfTickets(_)) {
        query.sql.push_str(" for update of c");
    }
    query.fetch_all(conn).await
}

fn texts(table: &'static Table) -> impl Iterator<Item = &'static Column> {
    table.texts()
}

/// The columns of the order. Those of tickets are hidden from the planner: rows of few tickets are found by the index
/// on the ticket and sorted, and no other index is walked through for the order.
fn order(table: &'static Table) -> Vec<&'static str> {
    let is_hidden = matches!(table.rows, Rows::OfTickets(_));
    let column = |key: &Key| match (key.name(), is_hidden) {
        ("id", false) => "c.id",
        ("id", true) => "coalesce(c.id, c.id)",
        ("ticket_id", _) => "coalesce(c.ticket_id, c.ticket_id)",
        ("installation_id", _) => "coalesce(c.installation_id, c.installation_id)",
        ("plugin", _) => "coalesce(c.plugin, c.plugin)",
        ("code", _) => "coalesce(c.code, c.code)",
        ("field", _) => "coalesce(c.field, c.field)",
        ("delivery_id", _) => "c.delivery_id",
        ("number", _) => "c.number",
        (other, _) => other,
    };
    table.key.iter().map(column).collect()
}

/// Writes all texts of these rows. A ticket's version grows, so that nobody who read it before writes its texts again.
pub async fn write(
    conn: &mut Conn,
    org: OrgId,
    table: &'static Table,
    rows: &[TextRow],
) -> Result<u64, sqlx::Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    let keys = table.key.len();
    let is_postgres = conn.is_postgres();
    let set = texts(table).enumerate().map(|(n, (name, how))| {
        let value = format!("v.column{}", keys + n + 1);
        match how {
            How::ScrubbedJson if is_postgres => format!("{name} = cast({value} as jsonb)"),
            _ => format!("{name} = {value}"),
        }
    });
    let mut set: Vec<String> = set.collect();
    if table.name == "tickets" {
        set.push("version = c.version + 1".to_owned());
    }
    let start = format!("update {} as c set {} from (", table.name, set.join(", "));
    let same = table.key.iter().enumerate();
    let same: Vec<String> =
        same.map(|(n, key)| format!(" and c.{} = v.column{}", key.name(), n + 1)).collect();
    macro_rules! run {
        ($database:ty, $backend:expr) => {{
            let mut query = sqlx::QueryBuilder::<$database>::new(&start);
            query.push_values(rows, |mut values, row| {
                for key in &row.key {
                    match key {
                        Value::Uuid(key) => values.push_bind(*key),
                        Value::Text(key) => values.push_bind(key.as_str()),
                        Value::Int(key) => values.push_bind(*key),
                        Value::Time(key) => values.push_bind(*key),
                    };
                }
                for text in &row.texts {
                    values.push_bind(text.as_deref());
                }
            });
            query.push(") as v where c.org_id = ").push_bind(org).push(same.concat());
            let done = query.build().persistent(false).execute($backend).await;
            done.map(|done| done.rows_affected())
        }};
    }
    let max = conn.statement_max();
    let result = match conn.backend()? {
        Backend::Sqlite(conn) => run!(sqlx::Sqlite, conn),
        Backend::Postgres(conn) => limited(max, async { run!(sqlx::Postgres, conn) }).await,
    };
    conn.note(result)
}
