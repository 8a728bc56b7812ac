//! `POST /v1/plugins`: what is accepted, and what is rejected with a reason. No code of an upload runs.

use axum::body::Bytes;
use axum::http::Method;
use sha2::{Digest, Sha256};

use crate::support::components::{component, from_text};
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_plugin_says_what_it_is,
    the_same_digest_again_is_the_same_plugin,
    what_is_no_plugin_is_refused_with_the_reason,
    a_hook_of_the_wrong_type_fails_to_compile_and_cannot_be_installed,
    an_upload_has_its_own_size_limit,
    the_content_type_must_be_wasm,
];

const HOOK: &str = r#"(instance $i) (export "repairops:plugin/post-create@0.1.0" (instance $i))"#;
const META: &str = r#"(core module (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0"))"#;

async fn a_plugin_says_what_it_is(t: &TestApp) {
    let gate = t.upload("qc-gate").await.expect_status(201);
    assert_eq!(gate["digest"], hex::encode(Sha256::digest(component("qc-gate"))));
    assert_eq!(gate["size_bytes"], component("qc-gate").len());
    assert_eq!(gate["permissions"], json!(["repairops:plugin/settings"]));
    assert_eq!(gate["settings_schema"]["properties"]["approval_threshold"]["type"], "number");
    assert_eq!(
        gate.header("location"),
        Some(&*format!("/v1/plugins/{}", gate["id"].as_str().expect("an id")))
    );

    let two = t.upload("guest-two-hooks").await.expect_status(201);
    assert_shape(
        &two.body,
        &json!({ "id": "uuid", "name": "=guest-two-hooks", "version": "=0.1.0", "description": "text", "digest": "text",
                 "size_bytes": "integer", "state": "=ready", "error": "null", "hooks": ["text"], "wit": "=0.2.0", "permissions": [],
                 "settings_schema": "null", "created_at": "time" }),
    );
    assert_eq!(two["hooks"], json!(["pre-transition", "post-create"]));
    let list = t.get("/v1/plugins").await.ok();
    assert_eq!(list["data"], json!([two.body, gate.body]), "newest first");
    assert_eq!(
        t.get(&format!("/v1/plugins/{}", two["id"].as_str().expect("an id"))).await.body,
        two.body
    );
}

async fn the_same_digest_again_is_the_same_plugin(t: &TestApp) {
    let first = t.upload("guest-trap").await.expect_status(201);
    let again = t.upload("guest-trap").await.expect_status(200);
    assert_eq!(again.body, first.body);
    assert_eq!(t.get("/v1/plugins").await["pagination"]["total"], 1);
}

async fn what_is_no_plugin_is_refused_with_the_reason(t: &TestApp) {
    let gate = component("qc-gate");
    let import = |name: &str| from_text(&format!(r#"(import "{name}" (instance)) {HOOK} {META}"#));
    let export =
        |name: &str| from_text(&format!(r#"(instance $i) (export "{name}" (instance $i)) {META}"#));
    let elf = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 64]].concat();
    let core = wat::parse_str("(module)").expect("a module");
    for (bytes, reason, words) in [
        (Vec::new(), "empty", "must be a WebAssembly component"),
        (b"garbage".to_vec(), "not_wasm", "not WebAssembly"),
        (b"(component)".to_vec(), "not_wasm", "text form"),
        (elf, "not_wasm", "native Linux program"),
        (gate[..gate.len() / 2].to_vec(), "truncated", "the component is incomplete"),
        (core, "core_module", "build it for wasm32-wasip2"),
        (from_text(META), "no_hooks", "repairops:plugin/pre-transition@0.2.0"),
        (export("wasi:cli/run@0.2.0"), "no_hooks", "must export at least one"),
        (import("acme:x/y@1.0.0"), "unknown_import", "imports acme:x/y@1.0.0"),
        (
            import("wasi:http/outgoing-handler@0.2.0"),
            "unknown_import",
            "wasi:http/outgoing-handler",
        ),
        (import("repairops:plugin/log@9.9.9"), "unknown_import", "repairops:plugin/log@9.9.9"),
        (
            export("repairops:plugin/post-create@0.3.0"),
            "unknown_version",
            "it knows 0.1.0 and 0.2.0",
        ),
        (
            export("repairops:plugin/pre-lunch@0.1.0"),
            "unknown_hook",
            "it supports repairops:plugin/pre-transition@0.1.0",
        ),
        (from_text(HOOK), "metadata", "no custom section repairops:name"),
    ] {
        let error = t.upload_bytes(&bytes).await.error(400, "INVALID_REQUEST");
        assert_eq!(error["details"], json!({ "field": "body", "reason": reason }), "{error:#}");
        assert!(
            error["message"].as_str().is_some_and(|message| message.contains(words)),
            "{words}: {error:#}"
        );
    }
    assert_eq!(t.get("/v1/plugins").await["pagination"]["total"], 0, "nothing of it is kept");
}

async fn a_hook_of_the_wrong_type_fails_to_compile_and_cannot_be_installed(t: &TestApp) {
    let uploaded = t.upload_bytes(&from_text(&format!("{HOOK} {META}"))).await.expect_status(201);
    assert_eq!((&uploaded["name"], &uploaded["state"]), (&json!("made-by-hand"), &json!("failed")));
    let why = uploaded["error"].as_str().expect("a reason").to_owned();
    assert!(why.contains("its export post-create does not match"), "{why}");
    let reply = t.post("/v1/installations", json!({ "plugin_id": uploaded["id"] })).await;
    let details = reply.details(409, "CONFLICT");
    assert_eq!(details, json!({ "field": "plugin_id", "state": "failed", "error": why }));
}

async fn an_upload_has_its_own_size_limit(t: &TestApp) {
    let more_than_json = vec![b'x'; 2 * repairops::extract::BODY_MAX_BYTES];
    assert_eq!(
        t.upload_bytes(&more_than_json).await.details(400, "INVALID_REQUEST")["reason"],
        "not_wasm"
    );
    let small = t.node(|config| config.component_max_bytes = 1_000).await;
    let details = small.admin.upload_bytes(&[0; 1_001]).await.details(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(details, json!({ "limit_bytes": 1_000 }));
    small.admin.upload_bytes(&[0; 1_000]).await.details(400, "INVALID_REQUEST");
}

async fn the_content_type_must_be_wasm(t: &TestApp) {
    for kind in ["application/octet-stream", "application/json"] {
        let request = t.request(Method::POST, "/v1/plugins").header("content-type", kind);
        let reply = t.send(request, Bytes::from_static(component("qc-gate"))).await;
        let details = reply.details(415, "UNSUPPORTED_MEDIA_TYPE");
        assert_eq!(details, json!({ "expected": "application/wasm", "found": kind }));
    }
    t.send(t.request(Method::POST, "/v1/plugins"), Bytes::new())
        .await
        .error(415, "UNSUPPORTED_MEDIA_TYPE");
}
