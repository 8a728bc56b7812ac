//! Several servers on one database: all are equal, and none works with outdated installations.

use repairops::plugins::compile;

use crate::support::{TestApp, both_databases, json};

both_databases![
    a_change_is_seen_by_the_other_node_at_its_next_request,
    a_node_that_has_not_compiled_the_gate_does_not_skip_it,
    a_node_takes_up_a_compilation_that_was_left_unfinished,
];

async fn a_change_is_seen_by_the_other_node_at_its_next_request(t: &TestApp) {
    let node = t.node(|_| {}).await;
    let ticket = t.create_ticket(&t.shop).await;
    // Both nodes know the set of plugins by now.
    t.transition(&ticket, "TRIAGE").await.ok();
    node.admin.transition(&ticket, "DIAGNOSTICS").await.ok();
    let id = t.install("guest-fickle", json!({ "do": "deny" })).await;
    node.admin.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
    t.reconfigure(&id, json!({ "settings": { "do": "warn" } })).await.ok();
    node.admin.transition(&ticket, "TRIAGE").await.ok();
    node.admin.reconfigure(&id, json!({ "settings": { "do": "deny" } })).await.ok();
    t.transition(&ticket, "DIAGNOSTICS").await.error(422, "PLUGIN_REJECTED");
    node.admin.delete(&format!("/v1/installations/{id}")).await.expect_status(200);
    t.transition(&ticket, "DIAGNOSTICS").await.ok();
    node.app.db.close().await;
}

async fn a_node_that_has_not_compiled_the_gate_does_not_skip_it(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "deny" })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let folder = tempfile::tempdir().expect("a folder");
    let node = t.node(|config| config.data = folder.path().to_owned()).await;
    let compiled = folder.path().join("compiled");
    let artifacts = || {
        let entries = std::fs::read_dir(&compiled).expect("the node's folder").flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "cwasm")).count()
    };
    assert_eq!(artifacts(), 0);
    node.admin.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
    assert_eq!(artifacts(), 1, "compiled from the bytes in the database");
    node.app.db.close().await;
}

async fn a_node_takes_up_a_compilation_that_was_left_unfinished(t: &TestApp) {
    let plugin = t.upload("qc-gate").await.id();
    let mut tx = t.app.db.begin().await.expect("a transaction");
    repairops::execute!(tx, "update components set state = 'compiling'").expect("as after a crash");
    tx.commit().await.expect("a commit");
    let reply = t.post("/v1/installations", json!({ "plugin_id": plugin })).await;
    assert_eq!(reply.details(409, "CONFLICT")["state"], "compiling");
    let node = t.node(|_| {}).await;
    compile::retry_unfinished(&node.app, node.app.clock.now()).await;
    t.post("/v1/installations", json!({ "plugin_id": plugin })).await.expect_status(201);
    node.app.db.close().await;
}
