//! `DELETE /v1/customers/{id}`: personal data is erased, wherever a copy of it lies.

mod copies;
mod journal;
mod requests;

use repairops::App;
use repairops::db::Db;
use repairops::erasure::{due, erase};
use repairops::journal::body;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::databases::dump;

/// Erases a customer; the answer is what was changed.
async fn erase(t: &Client, customer: &str) -> Value {
    t.delete(&format!("/v1/customers/{customer}")).await.ok()
}

/// The second pass, when it is due.
async fn finish(t: &TestApp) {
    t.app.clock.advance(erase::SECOND_PASS_AFTER);
    let finished = due::finish(&t.app, &CancellationToken::new()).await.expect("a second pass");
    assert_eq!(finished, 1);
}

async fn customer_of(t: &Client, ticket: &str) -> String {
    t.ticket(ticket).await["customer"]["id"].as_str().expect("an id").to_owned()
}

async fn written(t: &TestApp) {
    assert!(repairops::journal::write::write(&t.app).await, "the journal is written");
}

/// The tables whose rows have the text, in any case; the bodies of the journal are decompressed.
async fn holders(t: &TestApp, text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let mut rows = dump(&t.app).await;
    rows.insert("plugin_inputs".to_owned(), bodies(&t.app, "plugin_inputs").await);
    rows.insert("plugin_runs".to_owned(), bodies(&t.app, "plugin_runs").await);
    let has = |rows: &[String]| rows.iter().any(|row| row.to_lowercase().contains(&text));
    rows.into_iter().filter(|(_, rows)| has(rows)).map(|(table, _)| table).collect()
}

async fn bodies(app: &App, table: &str) -> Vec<String> {
    let mut conn = app.journal.db.read().await.expect("a connection");
    let sql = match table {
        "plugin_inputs" => "select body from plugin_inputs",
        _ => "select body from plugin_runs",
    };
    let rows: Vec<(Vec<u8>,)> =
        repairops::fetch_all!(conn, (Vec<u8>,), sql).expect("the bodies of the journal");
    let text = |body: &[u8]| body::decompress(body).expect("a body").to_string();
    rows.iter().map(|row| text(&row.0)).collect()
}

/// The bytes of both files of SQLite, without what was deleted.
async fn files(t: &TestApp) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (db, suffix) in [(&t.app.db, ""), (&t.app.journal.db, ".runs")] {
        let Db::Sqlite { writer, .. } = db else { continue };
        for sql in ["vacuum", "pragma wal_checkpoint(truncate)"] {
            sqlx::query(sql).execute(writer).await.expect("a clean file");
        }
        let path = t.database_url().trim_start_matches("sqlite:").to_owned() + suffix;
        bytes.extend(std::fs::read(path).expect("the file of the database"));
    }
    bytes
}
