//! Compilation of uploads: its limits, which node does it, its retries, and its cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use repairops::Config;
use repairops::plugins::compile;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::app::Node;
use crate::support::client::Client;
use crate::support::compiler_bombs::{data_segment, hide_in, many_functions, nested_loops};
use crate::support::components::{component, program};
use crate::support::reply::Reply;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    what_a_node_cannot_compile_another_one_does,
    uploads_at_once_are_one_plugin_and_one_compilation,
];

/// What has nothing to do with the database needs one only.
macro_rules! one_database {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            #[test]
            fn sqlite() {
                crate::support::run(crate::support::Backend::Sqlite, super::$test);
            }
        }
    )+};
}

one_database![
    too_much_memory_is_named,
    too_much_processor_time_is_named,
    too_long_a_time_is_named,
    many_functions_are_no_fault_and_too_many_bytes_are_not_read,
    a_damaged_artifact_is_not_run_but_made_again,
    a_cache_that_is_too_small_costs_only_time,
    metrics_tell_of_calls_compilations_and_requests,
];

const MIB: u64 = 1 << 20;

async fn too_much_memory_is_named(t: &TestApp) {
    let folder = folder();
    let node = node_in(t, &folder, |config| config.compile.compile_memory_bytes = 64 * MIB).await;
    let why = "the component needs more than 67108864 bytes of memory to compile";
    for bomb in [data_segment(24 << 20), nested_loops(1, 1_000, 1_000)] {
        assert_fails(&node, &bomb, why).await;
    }
    assert_compiles(&node, &other_gate("after too much memory")).await;
    node.app.db.close().await;
}

async fn too_much_processor_time_is_named(t: &TestApp) {
    let folder = folder();
    let node = node_in(t, &folder, |config| config.compile.compile_cpu_s = 1).await;
    let why = "the component needs more than 1 s of processor time to compile";
    assert_fails(&node, &nested_loops(1, 20_000, 20), why).await;
    assert_compiles(&node, &other_gate("after too much processor time")).await;
    node.app.db.close().await;
}

async fn too_long_a_time_is_named(t: &TestApp) {
    let folder = folder();
    // Enough for what is good, however busy the test's computer is.
    let node = node_in(t, &folder, |config| config.compile.compile_timeout_s = 2).await;
    let why = "the component took longer than 2 s to compile";
    assert_fails(&node, &nested_loops(1, 30_000, 20), why).await;
    assert_compiles(&node, &other_gate("after too long a time")).await;
    node.app.db.close().await;
}

async fn many_functions_are_no_fault_and_too_many_bytes_are_not_read(t: &TestApp) {
    let folder = folder();
    let node = node_in(t, &folder, |_| {}).await;
    assert_compiles(&node, &hide_in(component("qc-gate"), &many_functions(10_000))).await;
    let large = hide_in(component("qc-gate"), &data_segment(100 << 20));
    let details = node.admin.upload_bytes(&large).await.details(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(details, json!({ "limit_bytes": 32 * MIB }));
    assert_eq!(t.get("/v1/plugins").await["pagination"]["total"], 1, "nothing of it is kept");
    node.app.db.close().await;
}

async fn what_a_node_cannot_compile_another_one_does(t: &TestApp) {
    let folder = folder();
    let compiler = script(folder.path(), "exit 0");
    let broken = node_in(t, &folder, |config| config.compile.compiler = Some(compiler)).await;
    let asked = Instant::now();
    let uploaded = broken.admin.upload_bytes(&other_gate("for another node")).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "there is nothing to wait for");
    let uploaded = uploaded.expect_status(201);
    assert_eq!((&uploaded["state"], &uploaded["error"]), (&json!("compiling"), &json!(null)));
    // It is not the component's fault, however often the node tries.
    compile::retry_unfinished(&broken.app, broken.app.clock.now()).await;
    let body = json!({ "plugin_id": uploaded["id"] });
    for client in [&broken.admin, &t.admin] {
        let details = client.post("/v1/installations", body.clone()).await.details(409, "CONFLICT");
        assert_eq!(details, json!({ "field": "plugin_id", "state": "compiling", "error": null }));
    }
    let good = node_in(t, &folder, |_| {}).await;
    compile::retry_unfinished(&good.app, good.app.clock.now()).await;
    assert_eq!(plugin(&broken.admin, &uploaded.body).await["state"], "ready");
    broken.admin.post("/v1/installations", body).await.expect_status(201);
    broken.app.db.close().await;
    good.app.db.close().await;
}

async fn uploads_at_once_are_one_plugin_and_one_compilation(t: &TestApp) {
    let folder = folder();
    let log = folder.path().join("log");
    let compiler = counting_compiler(folder.path(), &log);
    let node = node_in(t, &folder, |config| config.compile.compiler = Some(compiler)).await;
    let gate = other_gate("for all at once");
    let replies = all_at_once((0..20).map(|_| node.admin.upload_bytes(&gate))).await;
    let new = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(new, 1, "{replies:#?}");
    let first = replies[0]["id"].clone();
    for reply in replies {
        let plugin = settled(&node.admin, reply).await;
        assert_eq!((&plugin["id"], &plugin["state"]), (&first, &json!("ready")), "{plugin:#}");
    }
    assert_eq!(t.get("/v1/plugins").await["pagination"]["total"], 1);
    assert_eq!(fs::read_to_string(&log).expect("the compiler's log"), "compiled\n");
    node.app.db.close().await;
}

async fn a_damaged_artifact_is_not_run_but_made_again(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "deny" })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let folder = folder();
    let node = node_in(t, &folder, |_| {}).await;
    node.admin.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
    // Known to all as ready, so that an upload alone would not make this node compile it.
    node.app
        .runtime
        .compile(&digest("qc-gate"), component("qc-gate").into())
        .await
        .expect("another artifact");
    node.app.db.close().await;

    let path = artifact(&folder, "guest-fickle").expect("the gate's artifact");
    let artifact_of_another = artifact(&folder, "qc-gate").expect("another's artifact");
    let sound = fs::read(&path).expect("the artifact");
    let mut changed = sound.clone();
    changed[sound.len() / 2] ^= 1;
    let truncated = sound[..sound.len() / 2].to_vec();
    // One that allows.
    let swapped = fs::read(artifact_of_another).expect("the other artifact");
    for (how, damaged) in [("changed", changed), ("truncated", truncated), ("swapped", swapped)] {
        fs::write(&path, &damaged).expect("the damage is done");
        let node = node_in(t, &folder, |_| {}).await;
        node.admin.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
        let repaired = fs::read(&path).expect("the artifact is there again");
        assert!(repaired != damaged, "the {how} artifact is still there");
        assert!(repaired.len() > sound.len() / 2, "{how}: not all of it is there");
        node.app.db.close().await;
    }
}

async fn a_cache_that_is_too_small_costs_only_time(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "warn" })).await;
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    let folder = folder();
    let mut to = ["TRIAGE", "DIAGNOSTICS"].into_iter().cycle();
    let mut bytes_kept_within = async |bytes_max| {
        let node = node_in(t, &folder, |config| config.compile.cache_max_bytes = bytes_max).await;
        let moved = node.admin.transition(&ticket, to.next().expect("a status")).await.ok();
        let outcomes = [0, 1].map(|index| &moved["plugins"][index]["outcome"]);
        assert_eq!(outcomes, ["warned", "allowed"], "within {bytes_max}: {moved:#}");
        node.app.db.close().await;
        ["guest-fickle", "qc-gate"].map(|package| {
            artifact(&folder, package).map_or(0, |path| path.metadata().expect("a size").len())
        })
    };
    let [one, other] = bytes_kept_within(1 << 30).await;
    assert!(one > 0 && other > 0, "there is room for both");
    let bytes_max = one.max(other);
    let [one, other] = bytes_kept_within(bytes_max).await;
    assert!((1..=bytes_max).contains(&(one + other)), "{one} + {other}");
    assert_eq!(bytes_kept_within(1).await, [0, 0]);
}

async fn metrics_tell_of_calls_compilations_and_requests(t: &TestApp) {
    t.install("qc-gate", json!({})).await;
    let open = json!({ "hooks": { "pre-transition": { "on_failure": "open" } } });
    t.install_with("guest-trap", open).await;
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    t.get("/no/such/path").await.not_found();
    let shown = t.authorized(None).get("/metrics").await.expect_status(200);
    let kind = shown.header("content-type").expect("a content type");
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = shown.body.as_str().expect("a text");
    for line in [
        r#"plugin_calls_total{plugin="qc-gate",hook="pre-transition",outcome="ok"} 1"#,
        r#"plugin_calls_total{plugin="guest-trap",hook="pre-transition",outcome="trap"} 1"#,
        r#"plugin_fuel_count{hook="pre-transition"} 2"#,
        r#"plugin_call_seconds_count{hook="pre-transition"} 2"#,
        r#"plugin_compile_seconds_count{outcome="ready"} 2"#,
        "guest_queue_waiting 0",
        r#"http_requests_total{method="POST",route="/v1/tickets/{ticket_id}/transition",status="200"} 1"#,
        r#"http_requests_total{method="GET",route="none",status="404"} 1"#,
    ] {
        assert!(text.lines().any(|shown| shown == format!("repairops_{line}")), "{line}\n{text}");
    }
    assert!(text.contains("\nrepairops_guest_threads_busy "), "{text}");
    assert!(text.contains("\nrepairops_http_request_seconds_count "), "{text}");
    assert!(text.contains(r#"repairops_plugin_fuel_sum{hook="pre-transition"} "#), "{text}");
    assert!(!text.contains(&ticket), "ids are no labels:\n{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A node that shares nothing but the database with the others.
async fn node_in(t: &TestApp, folder: &TempDir, change: impl FnOnce(&mut Config)) -> Node {
    t.node(|config| {
        config.data = folder.path().to_owned();
        change(config);
    })
    .await
}

async fn assert_fails(node: &Node, module: &[u8], why: &str) {
    let bomb = hide_in(component("qc-gate"), module);
    let plugin = settled(&node.admin, node.admin.upload_bytes(&bomb).await).await;
    assert_eq!((&plugin["state"], &plugin["error"]), (&json!("failed"), &json!(why)));
}

async fn assert_compiles(node: &Node, component: &[u8]) {
    let plugin = settled(&node.admin, node.admin.upload_bytes(component).await).await;
    assert_eq!((&plugin["state"], &plugin["error"]), (&json!("ready"), &json!(null)));
}

/// The uploaded plugin when it is ready or failed: on a busy computer it may be `compiling` at first.
async fn settled(client: &Client, uploaded: Reply) -> Value {
    let mut found = uploaded.ok();
    for _ in 0..600 {
        if found["state"] != "compiling" {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        found = plugin(client, &found).await;
    }
    panic!("it compiles for more than a minute: {found:#}")
}

async fn plugin(client: &Client, known: &Value) -> Value {
    client.get(&format!("/v1/plugins/{}", known["id"].as_str().expect("an id"))).await.ok()
}

/// The gate with an empty custom section of that name at its end: another component, which does the same.
fn other_gate(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).ok().filter(|length| *length < 127).expect("short");
    [component("qc-gate"), &[0, length + 1, length], name.as_bytes()].concat()
}

fn digest(package: &str) -> String {
    hex::encode(Sha256::digest(component(package)))
}

/// Where the folder has what became of the package.
fn artifact(folder: &TempDir, package: &str) -> Option<PathBuf> {
    let digest = digest(package);
    let entries = fs::read_dir(folder.path().join("compiled")).expect("the node's folder");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    paths.find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&digest))
    })
}

/// A compiler that writes a line to the log each time it is started.
fn counting_compiler(folder: &Path, log: &Path) -> PathBuf {
    script(folder, &format!("echo compiled >> '{}'", log.display()))
}

/// The program that compiles, which does something else before it compiles.
fn script(folder: &Path, before: &str) -> PathBuf {
    let path = folder.join("compiler");
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = compile-component ]; then {before}; fi\nexec '{}' \"$@\"\n",
        program().display()
    );
    // By a process of its own: while a file is open for writing, here or in what another test has just forked, it
    // cannot be started.
    let written = std::process::Command::new("/bin/sh")
        .args(["-c", r#"printf '%s' "$1" > "$2" && chmod 700 "$2""#, "sh", &text])
        .arg(&path)
        .status()
        .expect("a shell");
    assert!(written.success(), "{written}");
    path
}
