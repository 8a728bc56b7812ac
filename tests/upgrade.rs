//! Versions that share a database: what a newer one wrote is no error for an older one; and the start of a server ends
//! when it is asked to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use repairops::db::Conn;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::components::node_folder;
use crate::support::{TestApp, both_databases, json};

both_databases![
    an_older_version_works_on_a_newer_schema,
    a_later_migration_may_demand_a_newer_version,
    a_database_of_another_line_is_refused,
    only_a_server_and_admin_migrate_change_an_existing_schema,
    what_a_newer_version_stored_is_read,
    a_server_that_waits_for_a_migration_ends_when_it_is_asked,
];

async fn execute(conn: &mut Conn, sql: &'static str) {
    repairops::execute!(conn, sql).expect("a statement");
}

/// As after the start of a newer version, which added a column.
async fn add_later_migration(t: &TestApp) {
    t.spoil_schema();
    let mut conn = t.app.db.begin().await.expect("a transaction");
    execute(&mut conn, "alter table shops add column of_a_later_version text").await;
    execute(
        &mut conn,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         select 9999, 'later', success, checksum, 0 from _sqlx_migrations where version = 1",
    )
    .await;
    conn.commit().await.expect("a commit");
}

fn admin(t: &TestApp, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_repairops"))
        .arg("admin")
        .args(arguments)
        .args(["--database", t.database_url()])
        .env_remove("RUST_LOG")
        .output()
        .expect("the program runs")
}

async fn an_older_version_works_on_a_newer_schema(t: &TestApp) {
    add_later_migration(t).await;
    let org = t.org.to_string();
    let made = admin(t, &["key", "create", "--org", &org, "--scope", "admin", "--name", "Owner"]);
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(
        said.contains("1 migration of a newer version") && said.contains("newest_there=9999"),
        "{said}"
    );
    assert!(admin(t, &["doctor"]).status.success());
    let node = t.node(|_| {}).await;
    node.admin.create_shop("Elm Street").await;
    node.admin.create_ticket(&t.shop).await;
    node.admin.get("/readyz").await.expect_status(200);
    node.app.db.close().await;
}

async fn a_later_migration_may_demand_a_newer_version(t: &TestApp) {
    add_later_migration(t).await;
    let node = t.node(|_| {}).await;
    let mut conn = t.app.db.begin().await.expect("a transaction");
    let (known,): (i64,) = repairops::fetch_one!(
        conn,
        (i64,),
        "select max(version) from _sqlx_migrations where version < 9999"
    )
    .expect("a version");
    // What the program knows is no demand.
    let demand =
        "insert into schema_requirements (migration, known_migration, reason) values ($1, $2, $3)";
    repairops::execute!(conn, demand, 9998_i64, known, "of before").expect("a demand");
    conn.commit().await.expect("a commit");
    node.admin.get("/readyz").await.expect_status(200);
    assert!(admin(t, &["doctor"]).status.success());

    let mut conn = t.app.db.begin().await.expect("a transaction");
    repairops::execute!(conn, demand, 9999_i64, 9999_i64, "column tickets.status was split")
        .expect("a demand");
    conn.commit().await.expect("a commit");
    let said = "migration 9999 of a newer version changed the database such that a program must know migration 9999 \
                (column tickets.status was split)";
    let ready = node.admin.get("/readyz").await.expect_status(503);
    let shown = ready["checks"]["database"].as_str().expect("a text").to_owned();
    assert!(shown.starts_with(said) && shown.ends_with(&format!("up to {known}")), "{shown}");
    for command in [&["doctor"][..], &["migrate"][..]] {
        let refused = admin(t, command);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && error.contains(said), "{error}");
    }
    node.app.db.close().await;
}

async fn a_database_of_another_line_is_refused(t: &TestApp) {
    t.spoil_schema();
    let mut conn = t.app.db.begin().await.expect("a transaction");
    execute(&mut conn, "update _sqlx_migrations set version = -3 where version = 3").await;
    conn.commit().await.expect("a commit");
    let refused = admin(t, &["doctor"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("a migration -3"), "{said}");
    let mut conn = t.app.db.begin().await.expect("a transaction");
    execute(&mut conn, "update _sqlx_migrations set version = 3 where version = -3").await;
    execute(
        &mut conn,
        "update _sqlx_migrations set checksum = (select checksum from _sqlx_migrations where version = 1)
         where version = 2",
    )
    .await;
    conn.commit().await.expect("a commit");
    let refused = admin(t, &["migrate"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("migration 2 of the database"), "{said}");
}

/// Takes the last migration away from the list, as in a database of the version before.
async fn forget_the_last_migration(t: &TestApp) {
    t.spoil_schema();
    let mut conn = t.app.db.begin().await.expect("a transaction");
    execute(
        &mut conn,
        "delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)",
    )
    .await;
    conn.commit().await.expect("a commit");
}

async fn only_a_server_and_admin_migrate_change_an_existing_schema(t: &TestApp) {
    forget_the_last_migration(t).await;
    for command in [&["doctor"][..], &["org", "create", "--name", "Kiosk"][..]] {
        let refused = admin(t, command);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{command:?}");
        assert!(
            said.contains("lacks 1 migration") && said.contains("repairops admin migrate"),
            "{said}"
        );
    }
    let ready = t.get("/readyz").await.expect_status(503);
    assert_eq!(ready["checks"]["database"], "1 migration is missing");
    // It is tried: what it adds is there already in this database.
    let tried = admin(t, &["migrate"]);
    let said = String::from_utf8_lossy(&tried.stderr).into_owned();
    assert!(!tried.status.success() && said.contains("migrating the database"), "{said}");
}

async fn what_a_newer_version_stored_is_read(t: &TestApp) {
    let installation = t.install("qc-gate", json!({})).await;
    let webhook = json!({ "url": "https://shop.example/", "events": ["ticket.created"] });
    let webhook = t.post("/v1/webhooks", webhook).await.expect_status(201).id();
    let known: Value = t.get(&format!("/v1/installations/{installation}")).await.ok();
    let setup = r#"{"order": 1, "mode": "of-a-later-version", "on_failure": "open"}"#;
    let hooks = format!(
        r#"{{"pre-create": {setup}, "pre-transition": {}}}"#,
        known["hooks"]["pre-transition"]
    );
    let hooks: Value = serde_json::from_str(&hooks).expect("JSON");
    let mut limits = known["limits"].clone();
    limits["of_a_later_version"] = json!(7);
    let mut conn = t.app.db.begin().await.expect("a transaction");
    repairops::execute!(
        conn,
        "update installations set hooks = $1, limits = $2",
        sqlx::types::Json(&hooks),
        sqlx::types::Json(&limits)
    )
    .expect("the installation");
    let events = json!(["ticket.created", "ticket.overridden"]);
    repairops::execute!(
        conn,
        "update webhook_endpoints set events = $1",
        sqlx::types::Json(&events)
    )
    .expect("the endpoint");
    conn.commit().await.expect("a commit");

    let path = format!("/v1/installations/{installation}");
    assert_eq!(t.get(&path).await.ok()["hooks"], known["hooks"]);
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    let path_of_webhook = format!("/v1/webhooks/{webhook}");
    assert_eq!(t.get(&path_of_webhook).await.ok()["events"], json!(["ticket.created"]));
    // A change by this version keeps what it does not know.
    t.patch(&path, json!({ "hooks": { "pre-transition": { "order": 5 } } })).await.ok();
    t.patch(&path_of_webhook, json!({ "description": "ours" })).await.ok();
    let mut conn = t.connection().await;
    let (kept,): (sqlx::types::Json<Value>,) = repairops::fetch_one!(
        conn,
        (sqlx::types::Json<Value>,),
        "select hooks from installations where org_id = $1",
        t.org
    )
    .expect("the installation");
    assert_eq!(kept["pre-create"], hooks["pre-create"]);
    assert_eq!(kept["pre-transition"]["order"], 5);
    let (kept,): (sqlx::types::Json<Value>,) = repairops::fetch_one!(
        conn,
        (sqlx::types::Json<Value>,),
        "select events from webhook_endpoints where org_id = $1",
        t.org
    )
    .expect("the endpoint");
    assert_eq!(kept.0, events);
}

fn serve(url: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_repairops"))
        .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"])
        .args(["--database", url, "--data"])
        .arg(node_folder())
        .env("RUST_LOG", "repairops=info")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts")
}

async fn terminate(mut server: Child) {
    let id = server.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
    assert!(asked.success());
    let ended = tokio::task::spawn_blocking(move || server.wait()).await.expect("no panic");
    assert!(ended.expect("an end").success(), "it ends in order");
}

/// On SQLite the wait is for the writer, on PostgreSQL for the lock of whoever migrates.
async fn a_server_that_waits_for_a_migration_ends_when_it_is_asked(t: &TestApp) {
    forget_the_last_migration(t).await;
    let mut other = t.app.db.begin().await.expect("a transaction");
    if other.is_postgres() {
        execute(&mut other, "select pg_advisory_xact_lock(8243118256654778370)").await;
    }
    let mut server = serve(t.database_url());
    let mut lines =
        BufReader::new(server.stderr.take().expect("a log")).lines().map_while(Result::ok);
    if other.is_postgres() {
        lines.find(|line| line.contains("another node is migrating")).expect("a line");
    } else {
        // It has no line for this; its lock beside the database is what it does before.
        let lock = format!("{}.lock", t.database_url().trim_start_matches("sqlite:"));
        while !std::fs::exists(&lock).expect("a folder") {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    terminate(server).await;
    other.rollback().await.expect("a rollback");
}

#[tokio::test]
async fn a_server_that_waits_for_its_database_ends_when_it_is_asked() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    let server = serve(&format!("postgres://nobody@{address}/nothing"));
    let (_socket, _) = silent.accept().await.expect("it connects");
    terminate(server).await;
}
