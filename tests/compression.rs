//! `Accept-Encoding: gzip`: large bodies are sent compressed, and nothing else about a response changes.

use std::io::Write;
use std::process::Command;

use axum::body::Bytes;
use axum::http::Method;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::reply::Reply;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_large_body_is_compressed_when_the_client_asks,
    small_bodies_are_sent_as_they_are,
    what_needs_no_key_is_not_compressed_for_each_request,
    etags_and_head_requests_are_as_without,
    a_repeat_gets_the_same_answer_compressed_or_not,
    a_compressed_response_goes_over_a_socket,
];

async fn get(client: &Client, path: &str, accept: &str) -> Reply {
    ask(client, Method::GET, path, accept).await
}

async fn ask(client: &Client, method: Method, path: &str, accept: &str) -> Reply {
    client.send(client.request(method, path).header("accept-encoding", accept), Bytes::new()).await
}

#[track_caller]
fn is_compressed(reply: &Reply) -> bool {
    match reply.header("content-encoding") {
        Some(encoding) => assert_eq!(encoding, "gzip", "{}", reply.asked),
        None => return false,
    }
    assert_eq!(reply.header("vary"), Some("accept-encoding"), "{}", reply.asked);
    assert_eq!(reply.header("content-length"), None, "{}", reply.asked);
    true
}

/// Through a program of its own, which knows nothing of the library under test.
fn unzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("it is written");
    let input = file.reopen().expect("the file");
    let output = Command::new("gzip").arg("-dc").stdin(input).output().expect("gzip runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A list that is a few kilobytes long.
async fn make_tickets(t: &TestApp) {
    for _ in 0..5 {
        t.create_ticket(&t.shop).await;
    }
}

async fn a_large_body_is_compressed_when_the_client_asks(t: &TestApp) {
    make_tickets(t).await;
    for path in ["/v1/tickets", "/v1/tickets?sort=created_at"] {
        let plain = t.get(path).await.expect_status(200);
        assert!(!is_compressed(&plain), "a client that does not ask");
        let length = plain.raw.len().to_string();
        assert_eq!(plain.header("content-length"), Some(length.as_str()), "{path}");
        for accept in ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.5"] {
            let reply = get(t, path, accept).await.expect_status(200);
            assert!(is_compressed(&reply), "{path} {accept}");
            assert!(reply.raw.len() * 2 < plain.raw.len(), "{path}: {}", reply.raw.len());
            assert_eq!(unzip(&reply.raw), plain.raw, "{path}");
            assert_eq!(reply.header("content-type"), plain.header("content-type"), "{path}");
        }
        for accept in ["identity", "br", "gzip;q=0", ""] {
            let reply = get(t, path, accept).await.expect_status(200);
            assert!(!is_compressed(&reply), "{path} {accept}");
            assert_eq!(reply.raw, plain.raw, "{path} {accept}");
        }
    }
    // What an error quotes of the input is long, too.
    let long = format!("/v1/tickets?sort={}", "x".repeat(2_000));
    let error = get(t, &long, "gzip").await.expect_status(400);
    assert!(is_compressed(&error));
    let body: Value = serde_json::from_slice(&unzip(&error.raw)).expect("JSON");
    assert_eq!(body["error"]["request_id"].as_str(), error.header("x-request-id"));
}

async fn small_bodies_are_sent_as_they_are(t: &TestApp) {
    for path in ["/healthz", "/readyz", "/v1/shops", "/v1/nonsense"] {
        let reply = get(t, path, "gzip").await;
        assert!(reply.raw.len() < 1024 && !is_compressed(&reply), "{path}");
        let length = reply.raw.len().to_string();
        assert_eq!(reply.header("content-length"), Some(length.as_str()), "{path}");
    }
}

/// A client without a key could keep a processor busy with few bytes.
async fn what_needs_no_key_is_not_compressed_for_each_request(t: &TestApp) {
    let nobody = t.authorized(None);
    for path in ["/v1/openapi.json", "/docs", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"]
    {
        let reply = get(&nobody, path, "gzip").await.expect_status(200);
        assert!(reply.raw.len() > 1024 || path == "/docs", "{path}");
        assert!(!is_compressed(&reply), "{path}");
    }
}

async fn etags_and_head_requests_are_as_without(t: &TestApp) {
    let long = json!({ "issue_description": "x".repeat(2_000) });
    let ticket = t.create_ticket_with(&t.shop, long).await;
    let path = format!("/v1/tickets/{ticket}");
    let plain = t.get(&path).await.expect_status(200);
    let tag = plain.header("etag").expect("a tag").to_owned();
    let reply = get(t, &path, "gzip").await.expect_status(200);
    assert!(is_compressed(&reply));
    assert_eq!(reply.header("etag"), Some(tag.as_str()), "the tag is of the ticket");

    let request = t.request(Method::GET, &path).header("accept-encoding", "gzip");
    let same = t.send(request.header("if-none-match", &tag), Bytes::new()).await;
    let same = same.expect_status(304);
    assert!(same.raw.is_empty() && !is_compressed(&same));
    let request = t.request(Method::PATCH, &path).header("content-type", "application/json");
    let request = request.header("accept-encoding", "gzip").header("if-match", &tag);
    let changed = t.send(request, json!({ "labor_hours": 1 }).to_string().into()).await;
    assert_ne!(changed.expect_status(200).header("etag"), Some(tag.as_str()));

    let head = ask(t, Method::HEAD, &path, "identity").await.expect_status(200);
    let whole = t.get(&path).await;
    assert_eq!(head.header("content-length"), whole.header("content-length"));
    assert!(head.raw.is_empty());
    let head = ask(t, Method::HEAD, &path, "gzip").await.expect_status(200);
    assert!(head.raw.is_empty() && is_compressed(&head), "as the same GET");
}

/// What is stored is the answer itself: each repeat is compressed, or not, as it asks.
async fn a_repeat_gets_the_same_answer_compressed_or_not(t: &TestApp) {
    let path = format!("/v1/tickets/{}", t.create_ticket(&t.shop).await);
    let change = async |accept: &str| {
        let request = t.request(Method::PATCH, &path).header("idempotency-key", "one");
        let request = request.header("content-type", "application/json");
        let body = json!({ "labor_hours": "x".repeat(2_000) });
        let request = request.header("accept-encoding", accept);
        t.send(request, body.to_string().into()).await.expect_status(400)
    };
    let first = change("gzip").await;
    let plain = change("identity").await;
    let third = change("gzip").await;
    assert!(is_compressed(&first) && !is_compressed(&plain) && is_compressed(&third));
    assert_eq!(unzip(&first.raw), plain.raw);
    assert_eq!(unzip(&third.raw), plain.raw);
    let replayed = |reply: &Reply| reply.header("idempotency-replayed") == Some("true");
    assert!(!replayed(&first) && replayed(&plain) && replayed(&third));
    assert_eq!(first.header("content-type"), plain.header("content-type"));
    assert_eq!(plain.header("content-length"), Some(plain.raw.len().to_string().as_str()));
}

async fn a_compressed_response_goes_over_a_socket(t: &TestApp) {
    make_tickets(t).await;
    let served = t.serve().await;
    let plain = served.get("/v1/tickets").await.expect_status(200);
    // Twice over one connection: the end of the first response is seen.
    for _ in 0..2 {
        let reply = get(&served, "/v1/tickets", "gzip").await.expect_status(200);
        assert!(is_compressed(&reply));
        assert_eq!(unzip(&reply.raw), plain.raw);
    }
}
