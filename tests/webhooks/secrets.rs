//! The secrets of webhooks as the database has them: sealed with a key that it does not have.

use std::process::{Command, Output};
use std::time::Duration;

use repairops::secrets::{SecretText, Secrets};
use repairops::webhooks::reseal::{Resealed, at_start, reseal};
use repairops::{Config, doctor};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{create, deliver, log, path};
use crate::support::app::Node;
use crate::support::receiver::Receiver;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_secret_is_sealed_in_the_database,
    a_node_without_the_key_delivers_nothing_and_says_so,
    what_was_stored_before_is_sealed_at_the_start,
    the_command_seals_and_writes_in_clear_again,
];

const KEY: u8 = 1;
const OTHER: u8 = 2;

fn hex(key: u8) -> String {
    format!("{key:02x}").repeat(32)
}

fn keys(keys: &[u8]) -> impl FnOnce(&mut Config) {
    let list = keys.iter().map(|key| hex(*key)).collect::<Vec<_>>().join(",");
    move |config| config.secrets.secret_key = SecretText(list)
}

/// What the database has of the only endpoint.
async fn stored(t: &TestApp) -> String {
    let mut conn = t.connection().await;
    let (secret, previous): (String, sqlx::types::Json<Value>) = repairops::fetch_one!(
        conn,
        (String, sqlx::types::Json<Value>),
        "select secret, previous_secrets from webhook_endpoints where org_id = $1",
        t.org
    )
    .expect("the endpoint");
    format!("{secret} {}", previous.0)
}

async fn secret(node: &Node, webhook: &Value) -> Value {
    node.admin.get(&format!("{}/secret", path(webhook))).await.ok()
}

/// So that the app of the test opens it again, as after a lost key.
async fn rotate_by_the_test(t: &TestApp, webhook: &Value) {
    let rotated =
        t.post(&format!("{}/rotate-secret", path(webhook)), json!({ "overlap_hours": 0 }));
    let rotated = rotated.await.ok();
    let shown = t.get(&format!("{}/secret", path(webhook))).await.ok();
    assert_eq!((&shown["secret"], &shown["previous"]), (&rotated["secret"], &json!([])));
}

async fn a_secret_is_sealed_in_the_database(t: &TestApp) {
    let receiver = Receiver::start().await;
    let node = t.node(keys(&[KEY])).await;
    let wanted = json!({ "events": ["ticket.created"] });
    let webhook = create(&node.admin, &receiver.url, wanted).await;
    let old = webhook["secret"].as_str().expect("a secret");
    assert_eq!(secret(&node, &webhook).await, json!({ "secret": old, "previous": [] }));
    let rotate = format!("{}/rotate-secret", path(&webhook));
    let new = node.admin.post(&rotate, json!({})).await.ok();
    let new = new["secret"].as_str().expect("a secret");
    let shown = secret(&node, &webhook).await;
    assert_eq!((&shown["secret"], &shown["previous"][0]["secret"]), (&json!(new), &json!(old)));

    let stored = stored(t).await;
    assert_eq!(stored.matches("sealed:1:").count(), 2, "{stored}");
    for text in [old, new] {
        assert!(!stored.contains(text.trim_start_matches("whsec_")), "{stored}");
    }
    node.admin.create_ticket(&t.shop).await;
    deliver(&node.app).await;
    let request = receiver.one();
    assert_eq!((request.signatures_by(old), request.signatures_by(new)), (1, 1));
    rotate_by_the_test(t, &webhook).await;
}

async fn a_node_without_the_key_delivers_nothing_and_says_so(t: &TestApp) {
    let receiver = Receiver::start().await;
    let node = t.node(keys(&[KEY])).await;
    let webhook = create(&node.admin, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    let other = t.node(keys(&[OTHER])).await;
    let shown = other.admin.get(&format!("{}/secret", path(&webhook))).await;
    let details = shown.error(503, "SECRET_UNAVAILABLE");
    assert!(details["message"].as_str().is_some_and(|text| text.contains("rotate-secret")));
    let test = other.admin.post(&format!("{}/test", path(&webhook)), json!({})).await;
    test.error(503, "SECRET_UNAVAILABLE");
    t.create_ticket(&t.shop).await;
    deliver(&other.app).await;
    assert_eq!(receiver.received().len(), 0);
    let pending = log(&node.admin, &webhook).await;
    assert_eq!(
        (&pending[0]["state"], &pending[0]["attempt_count"]),
        (&json!("pending"), &json!(0))
    );
    let found = doctor::examine(&t.app.db, &other.app.secrets).await.expect("an examination");
    assert!(found.len() == 1 && found[0].problem.contains("does not have"), "{found:#?}");
    let found = doctor::examine(&t.app.db, &node.app.secrets).await.expect("an examination");
    assert!(found.is_empty(), "{found:#?}");

    // A node with both keys opens it, and its own lease of the endpoint has run out.
    let both = t.node(keys(&[OTHER, KEY])).await;
    assert_eq!(secret(&both, &webhook).await["secret"], webhook["secret"]);
    t.app.clock.advance(Duration::from_secs(120));
    both.app.clock.advance(Duration::from_secs(120));
    deliver(&both.app).await;
    let sent = receiver.one().signatures_by(webhook["secret"].as_str().expect("a secret"));
    assert_eq!(sent, 1);
    rotate_by_the_test(t, &webhook).await;
}

async fn what_was_stored_before_is_sealed_at_the_start(t: &TestApp) {
    let webhook = create(t, "https://shop.example/", json!({})).await;
    let rotate = format!("{}/rotate-secret", path(&webhook));
    let new = t.post(&rotate, json!({})).await.ok()["secret"].clone();
    let (none, stop) = (Secrets::default(), CancellationToken::new());
    reseal(&t.app.db, &t.app.secrets, &none, &stop).await.expect("secrets in clear");
    assert_eq!(stored(t).await.matches("whsec_").count(), 2);

    let node = t.node(keys(&[KEY])).await;
    assert_eq!(secret(&node, &webhook).await["secret"], new, "what is there stays readable");
    at_start(node.app.db.clone(), node.app.secrets.clone(), stop.clone()).await;
    let sealed = stored(t).await;
    assert_eq!(sealed.matches("sealed:1:").count(), 2, "{sealed}");
    assert_eq!(sealed.matches("whsec_").count(), 0, "{sealed}");
    let shown = secret(&node, &webhook).await;
    assert_eq!(shown["secret"], new);
    assert_eq!(shown["previous"][0]["secret"], webhook["secret"]);

    // A newer key: the next start seals with it.
    let newer = t.node(keys(&[OTHER, KEY])).await;
    at_start(newer.app.db.clone(), newer.app.secrets.clone(), stop.clone()).await;
    let alone = t.node(keys(&[OTHER])).await;
    assert_eq!(secret(&alone, &webhook).await["secret"], new);
    let again = reseal(&t.app.db, &newer.app.secrets, &newer.app.secrets, &stop).await;
    assert_eq!(again.expect("a count"), Resealed::default(), "nothing is left to do");
    rotate_by_the_test(t, &webhook).await;
}

fn seal_secrets(t: &TestApp, key: Option<u8>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repairops"));
    command.args(["admin", "seal-secrets", "--data", "no-such-folder", "--json"]);
    command.args(["--database", t.database_url()]).args(arguments);
    command.env_remove("REPAIROPS_SECRET_KEY").env_remove("RUST_LOG");
    if let Some(key) = key {
        command.env("REPAIROPS_SECRET_KEY", hex(key));
    }
    command.output().expect("the program runs")
}

async fn the_command_seals_and_writes_in_clear_again(t: &TestApp) {
    let webhook = create(t, "https://shop.example/", json!({})).await;
    let text = webhook["secret"].as_str().expect("a secret");
    let stop = CancellationToken::new();
    let none = Secrets::default();
    reseal(&t.app.db, &t.app.secrets, &none, &stop).await.expect("secrets in clear");

    let output = seal_secrets(t, None, &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("REPAIROPS_SECRET_KEY"), "{output:?}");
    let output = seal_secrets(t, Some(KEY), &[]);
    assert!(output.status.success(), "{output:?}");
    let done: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(done, json!({ "changed": 1, "not_opened": 0 }));
    assert!(stored(t).await.starts_with("sealed:1:"));
    let output = seal_secrets(t, Some(OTHER), &["--clear"]);
    assert!(!output.status.success(), "{output:?}");
    assert!(stored(t).await.starts_with("sealed:1:"), "what does not open stays as it is");
    let output = seal_secrets(t, Some(KEY), &["--clear"]);
    assert!(output.status.success(), "{output:?}");
    assert!(stored(t).await.starts_with(text));
}
