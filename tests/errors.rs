//! Errors that every route returns in the same way, always in the envelope, which `Reply::error` checks.

use axum::body::Bytes;
use axum::http::Method;

use crate::support::builders::ticket_body;
use crate::support::reply::Reply;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_body_that_is_no_json_object_is_a_400,
    a_byte_order_mark_is_skipped_and_a_compressed_body_refused,
    a_wrong_field_is_named_with_its_value,
    an_error_is_short_whatever_was_sent,
    a_malformed_id_in_the_path_names_itself,
    routes_and_methods_that_are_not_there,
    the_content_type_must_be_json,
    a_body_that_is_too_large_is_a_413,
    every_request_has_an_id_of_its_own,
];

async fn a_body_that_is_no_json_object_is_a_400(t: &TestApp) {
    for text in ["", "{", "{\"shop_id\": }", "nonsense", "[]", "null", "\"text\"", "1"] {
        let error = t.json(Method::POST, "/v1/tickets", text).await.error(400, "INVALID_REQUEST");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains("JSON"), "{text:?}: {message}");
    }
}

async fn a_byte_order_mark_is_skipped_and_a_compressed_body_refused(t: &TestApp) {
    let body = ticket_body(&t.shop, json!({})).to_string();
    t.json(Method::POST, "/v1/tickets", &format!("\u{feff}{body}")).await.expect_status(201);
    let error = t.json(Method::POST, "/v1/tickets", "\u{feff}{\"shop_id\": 7}").await;
    assert_eq!(error.invalid("shop_id"), 7);
    for (path, kind) in [("/v1/tickets", "application/json"), ("/v1/plugins", "application/wasm")] {
        for coding in ["gzip", "br", "gzip, gzip"] {
            let request = t.request(Method::POST, path).header("content-type", kind);
            let request = request.header("content-encoding", coding);
            let error = t.send(request, Bytes::from_static(b"\x1f\x8b")).await;
            let error = error.error(415, "UNSUPPORTED_MEDIA_TYPE");
            assert_eq!(error["details"]["value"], coding);
            assert!(
                error["message"].as_str().is_some_and(|said| said.contains("without the header"))
            );
        }
    }
    let request = t.request(Method::POST, "/v1/tickets").header("content-type", "application/json");
    let request = request.header("content-encoding", "identity");
    t.send(request, Bytes::from(body)).await.expect_status(201);
}

async fn a_wrong_field_is_named_with_its_value(t: &TestApp) {
    let create = async |more| t.post("/v1/tickets", ticket_body(&t.shop, more)).await;
    assert_eq!(create(json!({ "color": "blue" })).await.invalid("color"), "blue");
    assert_eq!(create(json!({ "device_identifier": 7 })).await.invalid("device_identifier"), 7);
    assert_eq!(create(json!({ "shop_id": "shop-uuid" })).await.invalid("shop_id"), "shop-uuid");
    assert_eq!(
        create(json!({ "issue_description": null })).await.invalid("issue_description"),
        json!(null)
    );
    assert_eq!(
        create(json!({ "issue_description": "  " })).await.invalid("issue_description"),
        "  "
    );
    let customer = async |customer| create(json!({ "customer": customer })).await;
    assert_eq!(
        customer(json!({ "name": "A", "email": true })).await.invalid("customer.email"),
        true
    );
    assert_eq!(
        customer(json!({ "name": "A", "email": "a@b.c", "fax": 1 })).await.invalid("customer.fax"),
        1
    );
    assert_eq!(
        customer(json!({ "name": "A", "email": "a b@c" })).await.invalid("customer.email"),
        "a b@c"
    );
    customer(json!({ "name": "A" })).await.invalid("customer.email");
    t.post("/v1/tickets", json!({})).await.invalid("shop_id");

    let ticket = t.create_ticket(&t.shop).await;
    let part = async |part| {
        t.change(
            &ticket,
            json!({ "parts": [{ "name": "A", "quantity": 1, "unit_cost": 1 }, part] }),
        )
        .await
    };
    assert_eq!(
        part(json!({ "name": "B", "quantity": "2" })).await.invalid("parts[1].quantity"),
        "2"
    );
    part(json!({ "name": "B" })).await.invalid("parts[1].quantity");
    assert_eq!(
        part(json!({ "name": "B", "quantity": 1, "size": 3 })).await.invalid("parts[1].size"),
        3
    );
    t.post(&format!("/v1/tickets/{ticket}/transition"), json!({ "notes": "hello" }))
        .await
        .invalid("new_status");
    assert_eq!(t.get("/v1/tickets?colour=blue").await.invalid("colour"), "blue");
    let message = async |reply: Reply| reply.error(400, "INVALID_REQUEST")["message"].clone();
    assert_eq!(message(t.post("/v1/tickets", json!({})).await).await, "shop_id is required");
    let wrong = create(json!({ "device_identifier": 7 })).await;
    let text = message(wrong).await;
    assert_eq!(text, "device_identifier: invalid type: integer `7`, expected a string");
    let unknown = message(create(json!({ "color": "blue" })).await).await;
    let unknown = unknown.as_str().expect("a message");
    assert!(
        unknown.starts_with("color is not a known field; expected one of shop_id"),
        "{unknown}"
    );
    assert_eq!(t.get("/v1/tickets?limit=ten").await.invalid("limit"), "ten");
    assert_eq!(t.get("/v1/tickets?limit=1&limit=2").await.invalid("limit"), "2");
}

/// A megabyte of input is not a megabyte of error, wherever it stands.
async fn an_error_is_short_whatever_was_sent(t: &TestApp) {
    let long = "k".repeat(500_000);
    let ticket = t.create_ticket(&t.shop).await;
    let path = format!("/v1/tickets/{ticket}");
    let zeros = vec!["0"; 250_000].join(",");
    for body in [
        format!(r#"{{"{long}":[{zeros}]}}"#),
        format!(r#"{{"{long}":["\u0000"]}}"#),
        format!(r#"{{"notes":"{long}\u0000"}}"#),
        format!(r#"{{"notes":"{long}"}}"#),
        format!(r#"{{"status":"{long}"}}"#),
        format!(r#"{{"labor_hours":"{long}"}}"#),
        format!(r#"{{"assigned_to":"{long}"}}"#),
        format!(r#"{{"parts":[{zeros}]}}"#),
        format!(r#"{{"parts":[{{"quantity":[{zeros}]}}]}}"#),
        format!(r#"{{"diagnostics":{{"recommended_parts":[{zeros}]}}}}"#),
    ] {
        let error = t.json(Method::PATCH, &path, &body).await.error(400, "INVALID_REQUEST");
        let bytes = error.to_string().len();
        assert!(bytes < 8_000, "{}… ends in {bytes} bytes", &body[..40]);
    }
    let long = &long[..60_000];
    for path in [
        format!("/v1/tickets?{long}=1"),
        format!("/v1/tickets?status={long}"),
        format!("/v1/tickets?{0}&{0}", &long[..30_000]),
        format!("/v1/kpis?metrics={long}"),
        format!("/v1/customers?name={long}"),
        format!("/v1/tickets/{long}"),
    ] {
        let bytes = t.get(&path).await.error(400, "INVALID_REQUEST").to_string().len();
        assert!(bytes < 8_000, "{}… ends in {bytes} bytes", &path[..30]);
    }
    let value = t.patch(&path, json!({ "labor_hours": "x".repeat(2_000) })).await;
    let value = value.invalid("labor_hours");
    assert_eq!(value, format!("{}…", "x".repeat(999)), "the beginning of the JSON, unquoted");
}

async fn a_malformed_id_in_the_path_names_itself(t: &TestApp) {
    let error = t.get("/v1/tickets/invalid-uuid").await.error(400, "INVALID_REQUEST");
    assert_eq!(error["message"], "Invalid ticket ID format");
    assert_eq!(error["details"], json!({ "field": "ticket_id", "value": "invalid-uuid" }));
    for (path, field) in [
        ("customers", "customer_id"),
        ("inventory", "inventory_id"),
        ("shops", "shop_id"),
        ("users", "user_id"),
        ("plugins", "plugin_id"),
        ("installations", "installation_id"),
    ] {
        assert_eq!(t.get(&format!("/v1/{path}/12")).await.invalid(field), "12");
    }
    // One resource, one URL.
    let id = t.create_ticket(&t.shop).await.replace('-', "");
    assert_eq!(t.get(&format!("/v1/tickets/{id}")).await.invalid("ticket_id"), id);
    assert_eq!(t.transition("T000001", "TRIAGE").await.invalid("ticket_id"), "T000001");
}

async fn routes_and_methods_that_are_not_there(t: &TestApp) {
    for path in ["/", "/v1", "/v1/nonsense", "/v2/tickets", "/v1/tickets/", "/v1/tickets/1/2/3"] {
        t.get(path).await.not_found();
    }
    let nobody = t.authorized(None);
    nobody.get("/v1/nonsense").await.not_found();
    for (method, path, allowed) in [
        (Method::DELETE, "/v1/tickets", ["GET", "POST"]),
        (Method::PUT, "/v1/plugins", ["GET", "POST"]),
        (Method::DELETE, "/v1/inventory/1", ["GET", "PATCH"]),
    ] {
        let reply = t.send(t.request(method, path), Bytes::new()).await;
        let allow = reply.header("allow").unwrap_or_default().to_owned();
        assert!(allowed.iter().all(|method| allow.contains(method)), "{path}: Allow: {allow}");
        reply.error(405, "METHOD_NOT_ALLOWED");
    }
}

async fn the_content_type_must_be_json(t: &TestApp) {
    let body = Bytes::from(ticket_body(&t.shop, json!({})).to_string());
    let post = |kind: Option<&str>| {
        let request = t.request(Method::POST, "/v1/tickets");
        let request =
            kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
        t.send(request, body.clone())
    };
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonl"),
    ] {
        let details = post(kind).await.details(415, "UNSUPPORTED_MEDIA_TYPE");
        assert_eq!(details, json!({ "expected": "application/json", "found": kind }));
    }
    post(Some("application/json; charset=utf-8")).await.expect_status(201);
    post(Some("Application/JSON")).await.expect_status(201);
}

async fn a_body_that_is_too_large_is_a_413(t: &TestApp) {
    let text = "x".repeat(repairops::extract::BODY_MAX_BYTES);
    let reply =
        t.post("/v1/tickets", ticket_body(&t.shop, json!({ "issue_description": text }))).await;
    assert_eq!(reply.details(413, "PAYLOAD_TOO_LARGE"), json!({ "limit_bytes": 1024 * 1024 }));
}

async fn every_request_has_an_id_of_its_own(t: &TestApp) {
    let first = t.get("/v1/tickets").await.expect_status(200);
    let second = t.get("/v1/tickets").await.expect_status(200);
    assert!(first.header("x-request-id").is_some_and(|id| id.starts_with("req_")));
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}
