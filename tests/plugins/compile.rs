//! Compilation of uploads: its limits, which node does it, its retries, and its cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use repairops::Config;
use repairops::plugins::{compile, warm_up};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::crash::Server;
use crate::support::app::Node;
use crate::support::client::Client;
use crate::support::compiler_bombs::{data_segment, hide_in, many_functions, nested_loops};
use crate::support::components::{component, program};
use crate::support::reply::Reply;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    what_a_node_cannot_compile_another_one_does,
    a_killed_compiler_is_no_fault_of_the_component,
    too_long_a_time_is_no_fault_of_the_component,
    a_node_that_may_not_map_executable_memory_says_so_and_fails_no_component,
    a_live_request_does_not_wait_for_the_uploads_before_it,
    installed_plugins_are_ready_before_the_node_is,
    the_wait_for_installed_plugins_is_bounded,
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
    many_functions_are_no_fault_and_too_many_bytes_are_not_read,
    a_damaged_artifact_is_not_run_but_made_again,
    a_cache_that_is_too_small_costs_only_time,
    a_folder_that_cannot_be_written_shows_and_costs_only_time,
    a_node_that_cannot_compile_is_not_ready_until_it_can,
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

/// The node was busy, since the limit of processor time would have come first.
async fn too_long_a_time_is_no_fault_of_the_component(t: &TestApp) {
    let folder = folder();
    // Enough for what is good, however busy the test's computer is.
    let node = node_in(t, &folder, |config| config.compile.compile_timeout_s = 2).await;
    let slow = hide_in(component("qc-gate"), &nested_loops(1, 30_000, 20));
    let uploaded = node.admin.upload_bytes(&slow).await.expect_status(201);
    assert_left_to_others(&node, &uploaded.body).await;
    assert_compiles(&node, &other_gate("after too long a time")).await;
    node.app.db.close().await;
}

async fn a_killed_compiler_is_no_fault_of_the_component(t: &TestApp) {
    let folder = folder();
    // As the kernel does when memory is short.
    let compiler = script(folder.path(), "kill -9 $$");
    let node = node_in(t, &folder, |config| config.compile.compiler = Some(compiler)).await;
    let uploaded = node.admin.upload_bytes(&other_gate("of a killed compiler")).await;
    let uploaded = uploaded.expect_status(201).body;
    assert_left_to_others(&node, &uploaded).await;
    compile::retry_unfinished(&t.app, t.app.clock.now()).await;
    assert_eq!(plugin(t, &uploaded).await["state"], "ready");
    node.app.db.close().await;
}

/// The component is not `failed`, and the node is ready, but says that it did not compile it.
async fn assert_left_to_others(node: &Node, uploaded: &Value) {
    let plugin = plugin(&node.admin, uploaded).await;
    assert_eq!((&plugin["state"], &plugin["error"]), (&json!("compiling"), &json!(null)));
    let ready = node.admin.get("/readyz").await.ok();
    assert_eq!(ready["checks"]["plugins"], "1 plugin could not be compiled on this node yet");
}

async fn a_node_that_may_not_map_executable_memory_says_so_and_fails_no_component(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "deny" })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let server = Server::start_by(without_executable_memory(), t, "off");
    let there = t.admin.over_socket(server.base.clone());
    let mut ready = there.get("/readyz").await.expect_status(503);
    for _ in 0..600 {
        if ready["checks"]["plugins"] != "it is trying whether it can run plugins" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        ready = there.get("/readyz").await.expect_status(503);
    }
    let why = "it cannot load compiled plugins; it may not be allowed to map executable memory";
    assert_eq!(ready["checks"]["plugins"], why);
    let uploaded = there.upload_bytes(&other_gate("without executable memory")).await;
    let uploaded = uploaded.expect_status(201).body;
    assert_eq!((&uploaded["state"], &uploaded["error"]), (&json!("compiling"), &json!(null)));
    there.transition(&ticket, "TRIAGE").await.details(503, "PLUGIN_UNAVAILABLE");
    server.end().await;

    compile::retry_unfinished(&t.app, t.app.clock.now()).await;
    assert_eq!(plugin(t, &uploaded).await["state"], "ready");
    t.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
}

/// Starts the program like a service with systemd's `MemoryDenyWriteExecute`: what was writable cannot be made
/// executable. No program that Debian always has can set this, but Python can.
fn without_executable_memory() -> Command {
    const PR_SET_MDWE: &str = "65";
    const SCRIPT: &str = "import ctypes, os, sys\n\
        failed = ctypes.CDLL(None).prctl(int(sys.argv[1]), 1, 0, 0, 0)\n\
        sys.exit('this kernel has no PR_SET_MDWE') if failed else os.execv(sys.argv[2], sys.argv[2:])";
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, PR_SET_MDWE]).arg(program());
    command
}

async fn a_live_request_does_not_wait_for_the_uploads_before_it(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "deny" })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let folder = folder();
    let (compiler, go) = waiting_compiler(folder.path());
    let node = node_in(t, &folder, |config| {
        config.compile.compiler = Some(compiler);
        config.compile.compile_slots = 1;
        config.compile.compile_queue = 2;
    })
    .await;
    let uploads = ["first", "second", "third"].map(|name| {
        let (client, gate) = (node.admin.clone(), other_gate(name));
        tokio::spawn(async move { client.upload_bytes(&gate).await })
    });
    let mut there = 0;
    while there < uploads.len() as u64 + 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let total = t.get("/v1/plugins").await.ok()["pagination"]["total"].clone();
        there = total.as_u64().expect("a number");
    }
    let mut reply = tokio::join!(node.admin.transition(&ticket, "TRIAGE"), async {
        tokio::task::yield_now().await;
        fs::write(go, "").expect("the compiler may go on");
    })
    .0;
    for _ in 0..10 {
        if reply.status != 503 {
            break;
        }
        // On a busy computer; but it has its place.
        let details = reply.details(503, "PLUGIN_UNAVAILABLE");
        let why = "the plugin is still being compiled on this node";
        assert_eq!(details["error"]["message"], why);
        reply = node.admin.transition(&ticket, "TRIAGE").await;
    }
    reply.error(422, "PLUGIN_REJECTED");
    for upload in uploads {
        upload.await.expect("no panic").ok();
    }
    node.app.db.close().await;
}

async fn installed_plugins_are_ready_before_the_node_is(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "deny" })).await;
    let off = json!({ "hooks": { "pre-transition": { "mode": "off" } } });
    t.install_with("qc-gate", off).await;
    let ticket = t.create_ticket(&t.shop).await;
    let folder = folder();
    let (compiler, go) = waiting_compiler(folder.path());
    let node = node_in(t, &folder, |config| config.compile.compiler = Some(compiler)).await;
    warm_up::begin(&node.app);
    let ready = node.admin.get("/readyz").await.expect_status(503);
    assert_eq!(ready["checks"]["plugins"], "it is trying whether it can run plugins");
    let app = node.app.clone();
    let warming = tokio::spawn(async move { warm_up::prepare_installed(&app).await });
    let not_ready = json!("0 of 1 installed plugins are ready");
    until_ready_is(&node, 503, &not_ready).await;
    fs::write(go, "").expect("the compiler may go on");
    warming.await.expect("no panic");
    until_ready_is(&node, 200, &json!("ok")).await;
    assert!(artifact(&folder, "guest-fickle").is_some(), "it is compiled before any request");
    assert!(artifact(&folder, "qc-gate").is_none(), "it is not enabled");
    node.admin.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
    node.app.db.close().await;
}

async fn the_wait_for_installed_plugins_is_bounded(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "deny" })).await;
    let folder = folder();
    let (compiler, go) = waiting_compiler(folder.path());
    let node = node_in(t, &folder, |config| {
        config.compile.compiler = Some(compiler);
        config.compile.warm_up_s = 1;
    })
    .await;
    warm_up::begin(&node.app);
    let app = node.app.clone();
    let warming = tokio::spawn(async move { warm_up::prepare_installed(&app).await });
    until_ready_is(&node, 200, &json!("ok")).await;
    assert!(!warming.is_finished() && artifact(&folder, "guest-fickle").is_none());
    fs::write(go, "").expect("the compiler may go on");
    warming.await.expect("no panic");
    assert!(artifact(&folder, "guest-fickle").is_some(), "the rest is compiled all the same");
    node.app.db.close().await;
}

async fn until_ready_is(node: &Node, status: u16, plugins: &Value) {
    let mut ready = node.admin.get("/readyz").await;
    for _ in 0..600 {
        if ready.status == status && ready["checks"]["plugins"] == *plugins {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        ready = node.admin.get("/readyz").await;
    }
    panic!("it is not {status} with {plugins}: {ready:#?}");
}

async fn a_node_that_cannot_compile_is_not_ready_until_it_can(t: &TestApp) {
    let folder = folder();
    let compiler = script(folder.path(), "exit 1");
    let node = node_in(t, &folder, |config| config.compile.compiler = Some(compiler)).await;
    warm_up::begin(&node.app);
    assert!(!warm_up::probe(&node.app).await, "the compiler does not work");
    let uploaded = node.admin.upload_bytes(&other_gate("without a compiler")).await;
    let uploaded = uploaded.expect_status(201).body;
    assert_eq!((&uploaded["state"], &uploaded["error"]), (&json!("compiling"), &json!(null)));
    let ready = node.admin.get("/readyz").await.expect_status(503);
    assert_eq!(ready["checks"]["plugins"], "it cannot compile plugins");
    script(folder.path(), "true");
    assert!(warm_up::probe(&node.app).await, "now it does");
    warm_up::prepare_installed(&node.app).await;
    assert_eq!(node.admin.get("/readyz").await.ok()["checks"]["plugins"], "ok");
    // What failed before is not held back any longer.
    compile::retry_unfinished(&node.app, node.app.clock.now()).await;
    assert_eq!(plugin(&node.admin, &uploaded).await["state"], "ready");
    node.app.db.close().await;
}

async fn a_folder_that_cannot_be_written_shows_and_costs_only_time(t: &TestApp) {
    let folder = folder();
    let node = node_in(t, &folder, |_| {}).await;
    fs::remove_dir_all(folder.path().join("compiled")).expect("the folder is gone");
    assert_compiles(&node, &other_gate("without a folder")).await;
    let ready = node.admin.get("/readyz").await.ok();
    let why = "compiled plugins cannot be written to the data folder";
    assert_eq!((&ready["status"], &ready["checks"]["plugins"]), (&json!("ready"), &json!(why)));
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
        r#"plugin_calls_total{plugin="qc-gate",hook="pre-transition",mode="enforce",outcome="ok"} 1"#,
        r#"plugin_calls_total{plugin="guest-trap",hook="pre-transition",mode="enforce",outcome="trap"} 1"#,
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

/// A compiler that waits until there is a file, whose path is the second value.
fn waiting_compiler(folder: &Path) -> (PathBuf, PathBuf) {
    let go = folder.join("go");
    let wait = format!("until [ -e '{}' ]; do sleep 0.05; done", go.display());
    (script(folder, &wait), go)
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
