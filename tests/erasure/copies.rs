//! The list of copies, compared with the schemas.

use std::collections::{BTreeMap, BTreeSet};

use repairops::db::Conn;
use repairops::erasure::copies::{How, IDS_AND_TIMES, JOURNAL, MAIN, Table};

use crate::support::{TestApp, both_databases};

both_databases![every_column_that_holds_text_is_listed];

const POSTGRES: &str = "select table_name::text, column_name::text, data_type::text from information_schema.columns
    where table_schema = 'public' and data_type not in
        ('uuid', 'bigint', 'integer', 'smallint', 'boolean', 'timestamp with time zone', 'date', 'numeric',
         'double precision')";
const SQLITE: &str = "select t.name, c.name, c.type from sqlite_schema t join pragma_table_info(t.name) c
    where t.type = 'table' and t.name not like 'sqlite_%' and lower(c.type) not in ('integer', 'boolean')";

type Columns = BTreeMap<String, BTreeSet<String>>;

/// The columns of a schema that may hold text.
async fn columns(mut conn: Conn) -> Columns {
    let sql = if conn.is_postgres() { POSTGRES } else { SQLITE };
    let rows: Vec<(String, String, String)> =
        repairops::fetch_all!(conn, (String, String, String), sql).expect("the columns");
    let mut columns = Columns::new();
    for (table, column, _) in rows {
        let is_id_or_time = column.ends_with("_id")
            || column.ends_with("_at")
            || (IDS_AND_TIMES.contains(&column.as_str())
                && !(table == "api_keys" && column == "scope"));
        if table != "_sqlx_migrations" && !is_id_or_time {
            columns.entry(table).or_default().insert(column);
        }
    }
    columns
}

fn listed(tables: &[&Table]) -> Columns {
    let names = |table: &Table| {
        let names: BTreeSet<String> =
            table.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names.len(), table.columns.len(), "{}: a column is listed once", table.name);
        names
    };
    tables.iter().map(|table| (table.name.to_owned(), names(table))).collect()
}

async fn every_column_that_holds_text_is_listed(t: &TestApp) {
    let (main, journal) = (MAIN.iter().collect::<Vec<_>>(), JOURNAL.iter().collect::<Vec<_>>());
    let mut conn = t.connection().await;
    let is_postgres = conn.is_postgres();
    if is_postgres {
        let all: Vec<&Table> = main.into_iter().chain(journal).collect();
        compare(&columns(conn).await, &listed(&all));
    } else {
        conn.close_on_drop();
        compare(&columns(conn).await, &listed(&main));
        let journal_conn = t.app.journal.db.read().await.expect("a connection");
        compare(&columns(journal_conn).await, &listed(&journal));
    }
    for table in MAIN.iter().chain(JOURNAL) {
        for (column, how) in table.columns {
            if let How::NotPersonal(why) = how {
                assert!(!why.is_empty(), "{}.{column} says why", table.name);
            }
        }
    }
}

#[track_caller]
fn compare(schema: &Columns, listed: &Columns) {
    for (table, columns) in schema {
        let known = listed.get(table).cloned().unwrap_or_default();
        let missing: Vec<_> = columns.difference(&known).collect();
        assert!(
            missing.is_empty(),
            "{table}: {missing:?} are not in host/src/erasure/copies.rs: say what an erasure does with them"
        );
    }
    for (table, columns) in listed {
        let known = schema.get(table).cloned().unwrap_or_default();
        let gone: Vec<_> = columns.difference(&known).collect();
        assert!(gone.is_empty(), "{table}: {gone:?} are listed and not there");
    }
}
