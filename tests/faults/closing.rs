//! A connection returns to its pool only outside of any transaction.

use std::time::Duration;

use repairops::db::{Conn, Db, Fault};
use repairops::{execute, fetch_one};

use crate::faults::run;
use crate::support::{TestApp, both_databases, on_one_database};

both_databases![
    a_connection_whose_commit_failed_is_closed,
    after_a_failed_statement_nothing_runs_or_commits,
];

on_one_database!(sqlite Sqlite:
    a_connection_whose_rollback_failed_is_closed,
    a_connection_that_left_its_transaction_by_itself_is_closed,
);

on_one_database!(postgres Postgres: a_session_in_a_transaction_that_nobody_began_is_closed);

/// Which connection it is: PostgreSQL's process, or for SQLite a setting that lives as long as the connection.
async fn identity(conn: &mut Conn) -> i64 {
    let row: (i64,) = if conn.is_postgres() {
        fetch_one!(conn, (i64,), "select pg_backend_pid()::bigint")
    } else {
        fetch_one!(conn, (i64,), "pragma cache_size")
    }
    .expect("a number");
    row.0
}

/// A transaction on a connection that can be told from the next one.
async fn marked(t: &TestApp) -> Conn {
    let mut tx = t.app.db.begin().await.expect("a transaction");
    if !tx.is_postgres() {
        execute!(tx, "pragma cache_size = 1234").expect("a mark");
    }
    tx
}

async fn a_connection_whose_commit_failed_is_closed(t: &TestApp) {
    run(t, "create table parents (id bigint primary key)").await;
    run(t, "create table children (parent bigint references parents (id) deferrable initially deferred)").await;
    let mut tx = marked(t).await;
    let before = identity(&mut tx).await;
    execute!(tx, "insert into children (parent) values (1)").expect("checked at the commit only");
    let error = tx.commit().await.expect_err("there is no such parent");
    assert_eq!(Fault::of(&error), Fault::Internal, "{error:?}");
    expect_closed(t, before).await;
    let mut tx = t.app.db.begin().await.expect("a transaction");
    let (rows,): (i64,) = fetch_one!(tx, (i64,), "select count(*) from children").expect("a count");
    assert_eq!(rows, 0);
    drop(tx);
    run(t, "drop table children").await;
    run(t, "drop table parents").await;
}

async fn after_a_failed_statement_nothing_runs_or_commits(t: &TestApp) {
    run(t, "create table numbers (number bigint primary key)").await;
    let mut tx = t.app.db.begin().await.expect("a transaction");
    execute!(tx, "insert into numbers (number) values (1)").expect("a row");
    execute!(tx, "insert into numbers (number) values (1)").expect_err("it is there already");
    execute!(tx, "insert into numbers (number) values (2)").expect_err("the transaction failed");
    let error = tx.commit().await.expect_err("nothing of it is kept");
    assert_eq!(Fault::of(&error), Fault::Internal, "{error:?}");
    let mut conn = t.connection().await;
    let (rows,): (i64,) =
        fetch_one!(conn, (i64,), "select count(*) from numbers").expect("a count");
    assert_eq!(rows, 0);
    drop(conn);
    run(t, "drop table numbers").await;
}

async fn a_connection_whose_rollback_failed_is_closed(t: &TestApp) {
    let mut tx = marked(t).await;
    execute!(tx, "rollback").expect("as SQLite does by itself when its disk is full");
    tx.rollback().await.expect_err("there is no transaction");
    expect_another(t).await;
}

async fn a_connection_that_left_its_transaction_by_itself_is_closed(t: &TestApp) {
    let mut tx = marked(t).await;
    execute!(tx, "rollback").expect("as SQLite does by itself when its disk is full");
    drop(tx);
    expect_another(t).await;
    let mut tx = marked(t).await;
    execute!(tx, "rollback").expect("as SQLite does by itself when its disk is full");
    tx.commit().await.expect_err("there is no transaction");
    expect_another(t).await;
}

async fn expect_closed(t: &TestApp, identity: i64) {
    let mut tx = t.app.db.begin().await.expect("a transaction");
    if !tx.is_postgres() {
        assert_ne!(self::identity(&mut tx).await, identity);
        return;
    }
    drop(tx);
    for _ in 0..500 {
        // Outside of a transaction, in which all looks at the sessions would show the first one.
        let mut conn = t.connection().await;
        let (there,): (i64,) = fetch_one!(
            conn,
            (i64,),
            "select count(*) from pg_stat_get_activity(null) where pid = $1",
            identity
        )
        .expect("a count");
        if there == 0 {
            return;
        }
        drop(conn);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("session {identity} is still there");
}

async fn expect_another(t: &TestApp) {
    let mut tx = t.app.db.begin().await.expect("a transaction on a new connection");
    assert_ne!(identity(&mut tx).await, 1234);
    tx.commit().await.expect("a commit");
}

async fn a_session_in_a_transaction_that_nobody_began_is_closed(t: &TestApp) {
    let Db::Postgres { pool, .. } = &t.app.db else { panic!("this is about PostgreSQL") };
    // All sessions but one are in use, so that this one is the next.
    let mut conn = t.connection().await;
    let mut others = Vec::new();
    while let Some(other) = pool.try_acquire() {
        others.push(other);
    }
    let before = identity(&mut conn).await;
    execute!(conn, "begin").expect("sqlx does not know of it");
    drop(conn);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for _ in 0..2 {
        let mut conn = t.connection().await;
        assert_ne!(identity(&mut conn).await, before);
    }
}
