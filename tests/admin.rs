//! `repairops admin`, run as a process on a database of its own.

use std::process::{Command, Output};

use repairops::model::people::Scope;
use repairops::{App, Config, router};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::builders::ticket_body;
use crate::support::client::Client;
use crate::support::components::node_folder;
use crate::support::json;

struct Cli {
    folder: TempDir,
}

impl Cli {
    fn new() -> Cli {
        Cli { folder: tempfile::tempdir().expect("a folder") }
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("test.db").display())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_repairops"));
        command
            .arg("admin")
            .args(arguments)
            .env_remove("RUST_LOG")
            .env_remove("REPAIROPS_DATABASE");
        command.args(["--database", &self.url()]).output().expect("the program runs")
    }

    /// What a command that succeeds prints.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output:?}"))
    }

    async fn app(&self) -> App {
        let mut config = Config::new(node_folder());
        config.database.url = self.url();
        App::start(config).await.expect("an app")
    }
}

#[test]
fn migrate_may_be_repeated() {
    let cli = Cli::new();
    assert_eq!(cli.json(&["migrate"]), json!({ "ok": true }));
    assert_eq!(cli.json(&["migrate"]), json!({ "ok": true }));
    assert_eq!(cli.json(&["doctor"]), json!({ "ok": true, "problems": [] }));
    assert_eq!(String::from_utf8_lossy(&cli.run(&["doctor"]).stdout), "All is well.\n");
}

#[tokio::test]
async fn a_key_that_it_makes_opens_the_api() {
    let cli = Cli::new();
    let org = cli.json(&["org", "create", "--name", "Main Street Repairs"]);
    assert_eq!((&org["name"], &org["tier"]), (&json!("Main Street Repairs"), &json!("enterprise")));
    let org = org["id"].as_str().expect("an id");
    let key =
        cli.json(&["key", "create", "--org", org, "--scope", "write", "--name", "Front desk"]);
    assert_eq!((&key["scope"], &key["name"]), (&json!(Scope::Write), &json!("Front desk")));
    assert_eq!(key["may_read_runs"], false);
    let right = ["key", "create", "--org", org, "--scope", "read", "--may-read-runs"];
    let right = cli.json(&right);
    assert_eq!((&right["may_read_runs"], &right["may_override"]), (&json!(true), &json!(false)));
    let text = key["key"].as_str().expect("a key");
    assert!(text.len() == 72 && text.starts_with("ro_live_"), "{text}");
    let client = Client::of(router(cli.app().await), text);
    client.get("/v1/tickets").await.ok();
    client.post("/v1/shops", json!({ "name": "Main Street" })).await.error(403, "FORBIDDEN");
    let small = cli.json(&["org", "create", "--name", "Kiosk", "--tier", "starter"]);
    let key = cli.json(&[
        "key",
        "create",
        "--org",
        small["id"].as_str().expect("an id"),
        "--scope",
        "read",
    ]);
    client
        .with_key(key["key"].as_str().expect("a key"))
        .get("/v1/tickets")
        .await
        .error(403, "FORBIDDEN");
}

#[tokio::test]
async fn keys_are_listed_and_revoked_even_the_last_one() {
    let cli = Cli::new();
    let org = cli.json(&["org", "create", "--name", "Main Street Repairs"])["id"].clone();
    let org = org.as_str().expect("an id");
    let end = ["--expires-at", "2200-01-01"];
    let create = ["key", "create", "--org", org, "--scope", "admin", "--name", "Owner"];
    let made = cli.json(&[&create[..], &end[..]].concat());
    assert_eq!(made["expires_at"], "2200-01-01T00:00:00Z");
    let (id, text) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
    let client = Client::of(router(cli.app().await), text);
    client.delete(&format!("/v1/keys/{id}")).await.error(409, "CONFLICT");
    let list = cli.json(&["key", "list", "--org", org]);
    let key = &list["keys"][0];
    assert_eq!(
        (&key["id"], &key["state"], &key["hint"], &key["name"]),
        (&made["id"], &json!("active"), &json!(text[text.len() - 4..]), &json!("Owner"))
    );
    let lines =
        String::from_utf8_lossy(&cli.run(&["key", "list", "--org", org]).stdout).into_owned();
    assert!(lines.contains(id) && lines.contains("Owner") && !lines.contains(text), "{lines}");
    assert_eq!(cli.json(&["key", "revoke", "--org", org, id])["ok"], true);
    assert_eq!(cli.json(&["key", "list", "--org", org])["keys"][0]["state"], "revoked");
    client.get("/v1/tickets").await.error(401, "UNAUTHORIZED");
    let nobody = "00000000-0000-7000-8000-000000000000";
    let output = cli.run(&["key", "revoke", "--org", org, nobody]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("key not found"), "{output:?}");
}

#[tokio::test]
async fn a_tier_may_be_changed() {
    let cli = Cli::new();
    let org = cli.json(&["org", "create", "--name", "Kiosk", "--tier", "starter"])["id"].clone();
    let org = org.as_str().expect("an id");
    let key = cli.json(&["key", "create", "--org", org, "--scope", "read"]);
    let client = Client::of(router(cli.app().await), key["key"].as_str().expect("a key"));
    client.get("/v1/tickets").await.error(403, "FORBIDDEN");
    assert_eq!(cli.json(&["org", "set-tier", org, "enterprise"])["tier"], "enterprise");
    client.get("/v1/tickets").await.ok();
    let nobody = "00000000-0000-7000-8000-000000000000";
    assert!(!cli.run(&["org", "set-tier", nobody, "enterprise"]).status.success());
}

#[tokio::test]
async fn an_organization_may_have_customers_without_an_email_address() {
    let cli = Cli::new();
    let org = cli.json(&["org", "create", "--name", "Kiosk"])["id"].clone();
    let org = org.as_str().expect("an id");
    let key = cli.json(&["key", "create", "--org", org, "--scope", "admin"]);
    let client = Client::of(router(cli.app().await), key["key"].as_str().expect("a key"));
    let shop = client.create_shop("Kiosk").await;
    let body = ticket_body(&shop, json!({ "customer": { "name": "Jane Smith" } }));
    client.post("/v1/tickets", body.clone()).await.invalid("customer.email");
    let said = cli.json(&["org", "set-customer-email", org, "optional"]);
    assert_eq!(said, json!({ "id": org, "customer_email": "optional" }));
    client.post("/v1/tickets", body.clone()).await.expect_status(201);
    cli.json(&["org", "set-customer-email", org, "required"]);
    client.post("/v1/tickets", body).await.invalid("customer.email");
    assert_eq!(cli.json(&["doctor"])["ok"], true);
    for wrong in [["00000000-0000-7000-8000-000000000000", "optional"], [org, "maybe"]] {
        let output = cli.run(&["org", "set-customer-email", wrong[0], wrong[1]]);
        assert!(!output.status.success(), "{output:?}");
    }
}

#[test]
fn mistakes_are_explained() {
    let cli = Cli::new();
    let nobody = "00000000-0000-7000-8000-000000000000";
    let output = cli.run(&["key", "create", "--org", nobody, "--scope", "read"]);
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("not found") && words.contains("org create"), "{words}");
    assert!(!cli.run(&["key", "create", "--org", nobody, "--scope", "root"]).status.success());
}

#[tokio::test]
async fn the_doctor_finds_what_is_broken() {
    let cli = Cli::new();
    let org = cli.json(&["org", "create", "--name", "Main Street Repairs"])["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let key = cli.json(&["key", "create", "--org", &org, "--scope", "admin"]);
    let app = cli.app().await;
    let client = Client::of(router(app.clone()), key["key"].as_str().expect("a key"));
    let shop = client.create_shop("Main Street").await;
    let item = client.create_item(&shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    let ticket = client.create_ticket_with_parts(&shop, "IN_REPAIR", parts).await;
    let part = client.ticket(&ticket).await["parts"][0]["id"].as_str().expect("an id").to_owned();
    for (damage, id, words) in [
        (
            "update inventory_items set reserved = 1",
            &item,
            "has 1 reserved, but its reservations add up to 2",
        ),
        (
            "update inventory_items set reserved = 2, on_hand = 9",
            &item,
            "has 9 on hand, but its movements add up to 5",
        ),
        ("update inventory_items set on_hand = 5", &item, ""),
        (
            "update tickets set status = 'VOIDED'",
            &ticket,
            "the ticket has ended, but 2 are still reserved for it",
        ),
        ("update tickets set status = 'IN_REPAIR'", &ticket, ""),
        (
            "update ticket_parts set quantity = 1",
            &part,
            "needs 1, but 2 are reserved or consumed for it",
        ),
        ("delete from ticket_parts", &part, "needs 0, but 2 are reserved or consumed for it"),
    ] {
        let mut tx = app.db.begin().await.expect("a transaction");
        repairops::execute!(tx, damage).expect("damaged");
        tx.commit().await.expect("a commit");
        let output = cli.run(&["doctor", "--json"]);
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        if words.is_empty() {
            assert!(output.status.success(), "{damage}: {found:#}");
            continue;
        }
        assert_eq!((output.status.code(), &found["ok"]), (Some(1), &json!(false)), "{damage}");
        let problem = &found["problems"][0];
        assert_eq!(
            (&problem["organization_id"], &problem["id"]),
            (&json!(org), &json!(id)),
            "{damage}"
        );
        assert!(
            problem["problem"].as_str().is_some_and(|text| text.contains(words)),
            "{damage}: {found:#}"
        );
    }
}
