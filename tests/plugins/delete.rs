//! `DELETE /v1/plugins/{plugin_id}`, and the sweep of components that no plugin names.

use std::time::Duration;

use repairops::plugins::store::{
    component_bytes, delete_component, insert_component, lock_released,
};
use repairops::plugins::sweep::{GRACE, forget_compiled, sweep};
use serde_json::Value;

use crate::support::components::{component, from_text};
use crate::support::{TestApp, all_at_once, both_databases, json, on_one_database};

both_databases![
    a_plugin_that_is_not_installed_is_deleted,
    an_installed_plugin_stays,
    deleting_and_installing_at_once_leaves_no_installation_without_a_plugin,
    the_bytes_go_after_the_grace_period,
    bytes_that_another_organization_names_stay,
    an_upload_during_sweeps_never_loses_its_bytes,
    what_was_compiled_is_forgotten,
];

on_one_database!(postgres Postgres: an_upload_waits_for_the_sweep, a_sweep_skips_an_upload_in_progress);

fn path(plugin: &str) -> String {
    format!("/v1/plugins/{plugin}")
}

/// A component that no other test has: it fails to compile, which is fast and does not matter here.
fn by_hand(version: u32) -> Vec<u8> {
    from_text(&format!(
        r#"(instance $i) (export "repairops:plugin/post-create@0.1.0" (instance $i))
           (core module (@custom "repairops:name" "to-be-deleted") (@custom "repairops:version" "{version}.0.0"))"#
    ))
}

async fn upload(t: &TestApp, bytes: &[u8]) -> (String, String) {
    let plugin = t.upload_bytes(bytes).await.expect_status(201);
    let text = |name: &str| plugin[name].as_str().expect("a text").to_owned();
    (text("id"), text("digest"))
}

async fn is_stored(t: &TestApp, digest: &str) -> bool {
    component_bytes(&mut t.connection().await, digest).await.expect("a look").is_some()
}

async fn sweep_now(t: &TestApp) -> u64 {
    sweep(&t.app).await.expect("a sweep")
}

fn after_the_grace_period(t: &TestApp) {
    t.app.clock.advance(GRACE + Duration::from_secs(1));
}

async fn a_plugin_that_is_not_installed_is_deleted(t: &TestApp) {
    let id = t.upload("guest-trap").await.id();
    for client in [&t.reader, &t.writer] {
        client.delete(&path(&id)).await.error(403, "FORBIDDEN");
    }
    t.stranger().await.delete(&path(&id)).await.not_found();
    let reply = t.delete(&path(&id)).await.expect_status(204);
    assert_eq!(reply.body, Value::Null);
    t.get(&path(&id)).await.not_found();
    t.delete(&path(&id)).await.not_found();
    t.delete("/v1/plugins/12").await.invalid("plugin_id");
    assert_eq!(t.get("/v1/plugins").await["pagination"]["total"], 0);
    t.post("/v1/installations", json!({ "plugin_id": id })).await.invalid("plugin_id");
    // Uploaded again it is a new plugin, ready at once: its component is still there.
    let again = t.upload("guest-trap").await.expect_status(201);
    assert_eq!(again["state"], "ready");
    assert_ne!(again["id"], id.as_str());
}

async fn an_installed_plugin_stays(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    let first = t.install_with("guest-trap", json!({ "shop_ids": [t.shop] })).await;
    let second = t.install_with("guest-trap", json!({ "shop_ids": [elm] })).await;
    let plugin = t.get("/v1/plugins").await.ok()["data"][0]["id"].clone();
    let plugin = plugin.as_str().expect("an id");
    let error = t.delete(&path(plugin)).await.error(409, "PLUGIN_IN_USE");
    assert_eq!(error["details"], json!({ "installations": [first, second] }));
    assert!(error["message"].as_str().is_some_and(|text| text.contains("guest-trap")));
    for installation in [first, second] {
        t.get(&format!("/v1/installations/{installation}")).await.ok();
        t.delete(&format!("/v1/installations/{installation}")).await.expect_status(200);
    }
    t.delete(&path(plugin)).await.expect_status(204);
}

async fn deleting_and_installing_at_once_leaves_no_installation_without_a_plugin(t: &TestApp) {
    for _ in 0..5 {
        let id = t.upload("guest-trap").await.id();
        let installing = t.post("/v1/installations", json!({ "plugin_id": id }));
        let (installed, deleted) = tokio::join!(tokio::spawn(installing), t.delete(&path(&id)));
        let installed = installed.expect("no panic");
        match installed.status {
            201 => {
                deleted.error(409, "PLUGIN_IN_USE");
                let installation = installed.id();
                t.delete(&format!("/v1/installations/{installation}")).await.expect_status(200);
                t.delete(&path(&id)).await.expect_status(204);
            }
            _ => {
                installed.invalid("plugin_id");
                deleted.expect_status(204);
            }
        }
    }
}

async fn the_bytes_go_after_the_grace_period(t: &TestApp) {
    let mut digests = Vec::new();
    // More than one transaction of the sweep.
    for version in 0..10 {
        let (id, digest) = upload(t, &by_hand(version)).await;
        t.delete(&path(&id)).await.expect_status(204);
        digests.push(digest);
    }
    assert_eq!(sweep_now(t).await, 0);
    assert!(is_stored(t, &digests[0]).await);
    after_the_grace_period(t);
    // One is wanted again.
    upload(t, &by_hand(3)).await;
    assert_eq!(sweep_now(t).await, 9);
    for (version, digest) in digests.iter().enumerate() {
        assert_eq!(is_stored(t, digest).await, version == 3, "{version}");
    }
    assert_eq!(sweep_now(t).await, 0);
    // What was swept can be uploaded again.
    upload(t, &by_hand(0)).await;
    assert!(is_stored(t, &digests[0]).await);
}

async fn bytes_that_another_organization_names_stay(t: &TestApp) {
    let (id, digest) = upload(t, &by_hand(1)).await;
    let stranger = t.stranger().await;
    let theirs = stranger.upload_bytes(&by_hand(1)).await.expect_status(201).id();
    t.delete(&path(&id)).await.expect_status(204);
    after_the_grace_period(t);
    assert_eq!(sweep_now(t).await, 0);
    assert!(is_stored(t, &digest).await);
    stranger.get(&path(&theirs)).await.ok();
    stranger.delete(&path(&theirs)).await.expect_status(204);
    after_the_grace_period(t);
    assert_eq!(sweep_now(t).await, 1);
    assert!(!is_stored(t, &digest).await);
}

async fn an_upload_during_sweeps_never_loses_its_bytes(t: &TestApp) {
    let (mut id, digest) = upload(t, &by_hand(1)).await;
    for _ in 0..10 {
        t.delete(&path(&id)).await.expect_status(204);
        after_the_grace_period(t);
        let app = t.app.clone();
        let sweeping = tokio::spawn(async move { sweep(&app).await });
        let uploads = all_at_once((0..3).map(|_| t.upload_bytes(&by_hand(1)))).await;
        sweeping.await.expect("no panic").expect("a sweep");
        for reply in &uploads {
            assert!([200, 201].contains(&reply.status), "{}: {:#}", reply.status, reply.body);
        }
        id = uploads[0]["id"].as_str().expect("an id").to_owned();
        t.get(&path(&id)).await.ok();
        assert!(is_stored(t, &digest).await);
    }
}

/// The sweep holds the component; the upload waits for it, finds the bytes gone and stores them.
async fn an_upload_waits_for_the_sweep(t: &TestApp) {
    let (id, digest) = upload(t, &by_hand(1)).await;
    t.delete(&path(&id)).await.expect_status(204);
    let mut tx = t.app.db.begin().await.expect("a transaction");
    let now = t.app.clock.now();
    let locked = lock_released(&mut tx, now, 8).await.expect("locked");
    assert_eq!(locked.as_slice(), std::slice::from_ref(&digest));
    let uploading = tokio::spawn(t.upload_bytes(&by_hand(1)));
    wait_for_a_lock(t).await;
    assert!(delete_component(&mut tx, &digest).await.expect("deleted"));
    assert!(!uploading.is_finished());
    tx.commit().await.expect("a commit");
    let uploaded = uploading.await.expect("no panic").expect_status(201);
    t.get(&path(uploaded["id"].as_str().expect("an id"))).await.ok();
    assert!(is_stored(t, &digest).await);
}

async fn a_sweep_skips_an_upload_in_progress(t: &TestApp) {
    let (id, digest) = upload(t, &by_hand(1)).await;
    t.delete(&path(&id)).await.expect_status(204);
    after_the_grace_period(t);
    let mut tx = t.app.db.begin().await.expect("a transaction");
    let now = t.app.clock.now();
    insert_component(&mut tx, &digest, &by_hand(1), t.app.node.id, now).await.expect("stored");
    assert_eq!(sweep_now(t).await, 0);
    tx.rollback().await.expect("a rollback");
    assert_eq!(sweep_now(t).await, 1, "the upload failed, so nothing names it");
}

/// Until another session waits for a row.
async fn wait_for_a_lock(t: &TestApp) {
    let mut conn = t.connection().await;
    let waiting = async {
        loop {
            let row: (i64,) = repairops::fetch_one!(
                conn,
                (i64,),
                "select count(*) from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock'"
            )
            .expect("a look");
            if row.0 > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the upload waits");
}

async fn what_was_compiled_is_forgotten(t: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_owned();
    let node = t.node(|config| config.data = data).await;
    let plugin = node.admin.upload("guest-trap").await.expect_status(201);
    let kept = node.admin.upload("guest-two-hooks").await.expect_status(201);
    let digest = |reply: &Value| reply["digest"].as_str().expect("a digest").to_owned();
    let (gone, kept) = (digest(&plugin.body), digest(&kept.body));
    assert_eq!(hex::encode(<sha2::Sha256 as sha2::Digest>::digest(component("guest-trap"))), gone);
    node.admin.delete(&path(plugin["id"].as_str().expect("an id"))).await.expect_status(204);
    forget_compiled(&node.app, Duration::ZERO).await.expect("a look");
    assert!(node.app.runtime.loaded(&gone).is_some(), "the component is still there");
    node.app.clock.advance(GRACE + Duration::from_secs(1));
    // Another node may be the one that sweeps.
    after_the_grace_period(t);
    assert_eq!(sweep_now(t).await, 1);
    forget_compiled(&node.app, Duration::ZERO).await.expect("a look");
    assert!(node.app.runtime.loaded(&gone).is_none());
    assert!(node.app.runtime.loaded(&kept).is_some());
    assert_eq!(node.app.runtime.compiled(Duration::ZERO).await, [kept]);
    node.app.db.close().await;
}
