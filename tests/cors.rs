//! `--cors-origins`: web pages of allowed origins may call the API.

use std::process::Command;

use axum::body::Bytes;
use axum::http::Method;
use repairops::rate_limits::rates::Rates;

use crate::rate_limits::limited;
use crate::support::app::Node;
use crate::support::client::Client;
use crate::support::components::program;
use crate::support::reply::Reply;
use crate::support::{TestApp, both_databases, json};

both_databases![
    without_the_flag_no_page_may_call,
    only_the_named_origins_may_call,
    every_origin_may_call_if_all_are_allowed,
    a_preflight_needs_no_key_and_costs_nothing,
    errors_and_repeats_can_be_read_too,
];

const PAGE: &str = "https://app.example.com";

async fn node(t: &TestApp, origins: &str) -> Node {
    t.node(|config| config.cors_origins = origins.parse().expect("origins")).await
}

async fn close(node: Node) {
    node.app.rate_limits.close().await;
    node.app.db.close().await;
}

/// What a browser sends before the request itself, without a key.
async fn preflight(client: &Client, path: &str, origin: &str, method: &str) -> Reply {
    let request = client
        .authorized(None)
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,content-type,idempotency-key");
    client.send(request, Bytes::new()).await
}

async fn get(client: &Client, path: &str, origin: &str) -> Reply {
    client.send(client.request(Method::GET, path).header("origin", origin), Bytes::new()).await
}

/// The names of a header that is a list, in lower case and in order.
fn names(reply: &Reply, header: &str) -> Vec<String> {
    let list = reply.header(header).unwrap_or_default().to_ascii_lowercase();
    let mut names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
    names.sort();
    names
}

async fn without_the_flag_no_page_may_call(t: &TestApp) {
    preflight(t, "/v1/tickets", PAGE, "GET").await.error(405, "METHOD_NOT_ALLOWED");
    let reply = get(t, "/v1/tickets", PAGE).await.expect_status(200);
    let is_cors = |name: &str| name.starts_with("access-control-");
    assert!(!reply.headers.keys().any(|name| is_cors(name.as_str())), "{:?}", reply.headers);
    assert_eq!(reply.header("vary"), None);
}

async fn only_the_named_origins_may_call(t: &TestApp) {
    let node = node(t, "https://app.example.com, http://localhost:5173").await;
    for origin in [PAGE, "http://localhost:5173"] {
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            let reply = preflight(&node.admin, "/v1/tickets", origin, method).await;
            let reply = reply.expect_status(200);
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
            assert!(names(&reply, "access-control-allow-methods").contains(&method.to_lowercase()));
            assert_eq!(
                names(&reply, "access-control-allow-headers"),
                [
                    "authorization",
                    "content-type",
                    "idempotency-key",
                    "if-match",
                    "if-none-match",
                    "x-request-id"
                ]
            );
            assert_eq!(reply.header("access-control-max-age"), Some("7200"));
            assert!(reply.header("x-request-id").is_some());
        }
        let reply = get(&node.admin, "/v1/tickets", origin).await.expect_status(200);
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        assert!(names(&reply, "vary").contains(&"origin".to_owned()), "for caches on the way");
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        assert_eq!(
            names(&reply, "access-control-expose-headers"),
            [
                "etag",
                "idempotency-replayed",
                "location",
                "retry-after",
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
                "x-request-id"
            ]
        );
    }
    for origin in ["https://evil.example", "https://app.example.com.evil.example", "null"] {
        let reply = preflight(&node.admin, "/v1/tickets", origin, "GET").await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
        let reply = get(&node.admin, "/v1/tickets", origin).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
    }
    close(node).await;
}

async fn every_origin_may_call_if_all_are_allowed(t: &TestApp) {
    let node = node(t, "*").await;
    for origin in [PAGE, "https://elsewhere.example", "null"] {
        let reply = preflight(&node.admin, "/v1/tickets", origin, "POST").await.expect_status(200);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        let allowed = names(&reply, "access-control-allow-headers");
        assert!(allowed.contains(&"authorization".to_owned()), "* would not allow it");
        let reply = get(&node.admin, "/v1/tickets", origin).await.expect_status(200);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    }
    close(node).await;
}

async fn a_preflight_needs_no_key_and_costs_nothing(t: &TestApp) {
    let mut node = limited(t, Rates { read: 2, ..Rates::DEFAULT }).await;
    let mut config = (*node.app.config).clone();
    config.cors_origins = PAGE.parse().expect("an origin");
    node.app.config = config.into();
    let client = node.admin.at(repairops::router(node.app.clone()));
    for _ in 0..20 {
        let reply = preflight(&client, "/v1/tickets", PAGE, "GET").await.expect_status(200);
        assert_eq!(reply.header("x-ratelimit-remaining"), None);
    }
    for left in ["1", "0"] {
        let reply = get(&client, "/v1/tickets", PAGE).await.expect_status(200);
        assert_eq!(reply.header("x-ratelimit-remaining"), Some(left));
    }
    let reply = get(&client, "/v1/tickets", PAGE).await;
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE), "a page can see why");
    reply.error(429, "RATE_LIMIT_EXCEEDED");
    preflight(&client, "/v1/tickets", PAGE, "GET").await.expect_status(200);
    close(node).await;
}

async fn errors_and_repeats_can_be_read_too(t: &TestApp) {
    let node = node(t, PAGE).await;
    let post = |client: Client, body: &str| {
        let request = client.request(Method::POST, "/v1/shops").header("origin", PAGE);
        let request = request.header("content-type", "application/json");
        client.send(request.header("idempotency-key", "one"), body.to_owned().into())
    };
    let body = json!({ "name": "Kiosk" }).to_string();
    post(node.admin.clone(), &body).await.expect_status(201);
    let again = post(node.admin.clone(), &body).await.expect_status(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let unknown = post(node.admin.authorized(None), &body).await.expect_status(401);
    let missing = get(&node.admin, "/v1/nonsense", PAGE).await.expect_status(404);
    for reply in [&again, &unknown, &missing] {
        assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE), "{}", reply.asked);
    }
    close(node).await;
}

#[test]
fn a_bad_origin_is_an_error_at_the_start() {
    for origins in ["app.example.com", "https://app.example.com/", "https://a.example,*"] {
        let output = Command::new(program())
            .args(["serve", "--cors-origins", origins])
            .output()
            .expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{origins}: {said}");
        assert!(said.contains("--cors-origins") && said.contains("is not an origin"), "{said}");
    }
}
