//! Uploads are compiled in a process of their own: what is hard on the compiler is refused with the limit that it
//! broke, what a node cannot do now is done later, and what is kept of it is verified.

use std::path::Path;

use repairops::plugins::compile;
use serde_json::Value;

use crate::support::app::Node;
use crate::support::compiler_bombs::{data_segment, hide_in, many_functions, nested_loops};
use crate::support::components::component;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    what_is_hard_on_the_compiler_is_refused_with_its_limit,
    ten_thousand_functions_are_compiled,
    a_component_over_the_size_limit_is_a_413,
    what_a_node_cannot_compile_is_taken_up_by_another,
    one_digest_is_compiled_once_however_many_upload_it,
    a_damaged_cache_file_is_compiled_again,
    a_cache_that_is_too_small_costs_time_only,
];

/// qc-gate with a custom section that makes it another component.
fn variant(name: &str) -> Vec<u8> {
    let name = format!("{name}-{}", std::process::id());
    let length = u8::try_from(name.len()).expect("a short name");
    [component("qc-gate"), &[0, length + 1, length], name.as_bytes()].concat()
}

async fn what_is_hard_on_the_compiler_is_refused_with_its_limit(t: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("node");
    let memory = limited(t, &own, |compile| compile.compile_memory_bytes = 300 << 20).await;
    let timeout = limited(t, &own, |compile| compile.compile_timeout_s = 1).await;
    let cases = [
        (&memory, nested_loops(1, 5_000, 300), "more than 314572800 bytes of memory"),
        (&timeout, nested_loops(1, 3_000, 100), "longer than 1 s to compile"),
    ];
    for (node, bomb, sentence) in cases {
        let bytes = hide_in(component("qc-gate"), &bomb);
        let plugin = node.admin.upload_bytes(&bytes).await.ok();
        assert_eq!(plugin["state"], "failed", "{plugin:#}");
        let error = plugin["error"].as_str().unwrap_or_default();
        assert!(error.contains(sentence), "{error}");
        let body = json!({ "plugin_id": plugin["id"] });
        let reply = node.admin.post("/v1/installations", body).await;
        assert_eq!(reply.details(409, "CONFLICT")["state"], "failed");
        let good = node.admin.upload_bytes(&variant(sentence)).await.ok();
        assert_eq!(good["state"], "ready", "the next upload is served as before: {good:#}");
    }
}

async fn ten_thousand_functions_are_compiled(t: &TestApp) {
    let bytes = hide_in(component("qc-gate"), &many_functions(10_000));
    let plugin = t.upload_bytes(&bytes).await.ok();
    assert_eq!(plugin["state"], "ready", "{plugin:#}");
}

async fn a_component_over_the_size_limit_is_a_413(t: &TestApp) {
    let bytes = hide_in(component("qc-gate"), &data_segment(100 << 20));
    let details = t.upload_bytes(&bytes).await.details(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(details["limit_bytes"], 32 << 20);
}

async fn what_a_node_cannot_compile_is_taken_up_by_another(t: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("node");
    let broken = limited(t, &own, |compile| compile.compiler = Some("/bin/true".into())).await;
    let plugin = broken.admin.upload_bytes(&variant("taken up")).await.ok();
    assert_eq!(plugin["state"], "compiling", "it is not the component's fault: {plugin:#}");
    let body = json!({ "plugin_id": plugin["id"] });
    broken.admin.post("/v1/installations", body.clone()).await.error(409, "CONFLICT");
    compile::retake(&t.app, t.app.clock.now()).await;
    t.post("/v1/installations", body).await.expect_status(201);
}

async fn one_digest_is_compiled_once_however_many_upload_it(t: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let node = limited(t, &folder.path().join("node"), |_| {}).await;
    let bytes = variant("at once");
    let uploads = all_at_once((0..20).map(|_| node.admin.upload_bytes(&bytes))).await;
    let ids: Vec<Value> = uploads.into_iter().map(|reply| reply.body["id"].clone()).collect();
    assert!(ids.iter().all(|id| id.is_string() && *id == ids[0]), "{ids:?}");
    assert_eq!(artifacts(&folder.path().join("node")).len(), 1);
}

async fn a_damaged_cache_file_is_compiled_again(t: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    for damage in [flip as fn(&[u8]) -> Vec<u8>, cut] {
        let own = folder.path().join("node");
        let node = limited(t, &own, |_| {}).await;
        node.admin.transition(&ticket, "QC_REVIEW").await.error(422, "PLUGIN_REJECTED");
        let file = artifacts(&own).pop().expect("an artifact");
        let whole = std::fs::read(&file).expect("the artifact");
        let damaged = damage(&whole);
        std::fs::write(&file, &damaged).expect("it is damaged");
        let next = limited(t, &own, |_| {}).await;
        next.admin.transition(&ticket, "QC_REVIEW").await.error(422, "PLUGIN_REJECTED");
        assert_ne!(std::fs::read(&file).expect("the artifact"), damaged, "it was made anew");
    }
}

fn flip(bytes: &[u8]) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    damaged[bytes.len() / 2] ^= 1;
    damaged
}

fn cut(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

async fn a_cache_that_is_too_small_costs_time_only(t: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    t.install("qc-gate", json!({})).await;
    t.install("intake-triage", json!({ "prices": [{ "price": 10 }] })).await;
    let own = folder.path().join("node");
    for _ in 0..2 {
        let node = limited(t, &own, |compile| compile.cache_max_bytes = 100_000).await;
        let ticket = node.admin.create_ticket(&t.shop).await;
        assert_eq!(node.admin.ticket(&ticket).await["diagnostics"]["estimated_cost"], 10.0);
        let moved = node.admin.transition(&ticket, "TRIAGE").await.ok();
        assert_eq!(moved["plugins"][0]["outcome"], "allowed");
    }
}

/// A node with a folder of its own and other limits of the compiler.
async fn limited(
    t: &TestApp,
    folder: &Path,
    change: impl FnOnce(&mut repairops::config::CompileConfig),
) -> Node {
    t.node(|config| {
        config.data = folder.to_owned();
        change(&mut config.compile);
    })
    .await
}

/// What a node keeps of what it compiled.
fn artifacts(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder.join("compiled")).expect("the node's folder").flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|kind| kind == "cwasm")).collect()
}
