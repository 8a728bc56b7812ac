//! Receivers that fail in every possible way: each is a failed attempt with its reason, within the limits on time and
//! memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{create, deliver, detail, log, path};
use crate::support::app::Node;
use crate::support::receiver::{Answer, Receiver, endless, odd};
use crate::support::{TestApp, both_databases, json};

both_databases![
    every_failure_is_told_in_words,
    a_redirect_is_not_followed,
    gone_disables_at_once,
    a_receiver_that_hangs_costs_the_timeout_and_holds_up_nobody,
    an_endless_answer_is_cut,
    an_answer_that_trickles_is_not_waited_for,
    one_that_breaks_off_is_a_failure,
];

/// A node that waits for a receiver for a third of a second.
async fn impatient(t: &TestApp) -> Node {
    t.node(|config| config.webhooks.webhook_timeout_ms = 300).await
}

/// Delivers one event there; the answer is the delivery with its one attempt.
async fn attempt(t: &TestApp, node: &Node, url: &str) -> Value {
    let webhook = create(t, url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    deliver(&node.app).await;
    let shown = detail(t, &log(t, &webhook).await[0]).await;
    assert_eq!(shown["attempts"].as_array().map(Vec::len), Some(1), "{shown:#}");
    t.delete(&path(&webhook)).await.expect_status(204);
    shown
}

async fn every_failure_is_told_in_words(t: &TestApp) {
    let node = impatient(t).await;
    let receiver = Receiver::start().await;
    for (status, words) in [
        (400, "the receiver answered HTTP 400 Bad Request"),
        (404, "the receiver answered HTTP 404 Not Found"),
        (429, "the receiver answered HTTP 429 Too Many Requests"),
        (500, "the receiver answered HTTP 500 Internal Server Error"),
    ] {
        receiver.answers(Answer::Status(status));
        let delivery = attempt(t, &node, &receiver.url).await;
        assert_eq!(delivery["attempts"][0]["error"], words);
        assert_eq!(delivery["attempts"][0]["response_status"], status);
        assert_eq!(delivery["state"], "pending");
    }
    // Nobody listens, nobody has that name, TLS where there is none.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let tls = receiver.url.replace("http://", "https://");
    for (url, words) in [
        (format!("http://127.0.0.1:{port}/"), "connecting failed: Connection refused"),
        ("http://nowhere.invalid/".to_owned(), "connecting failed: "),
        (tls, "connecting failed: received corrupt message"),
    ] {
        let delivery = attempt(t, &node, &url).await;
        let error = delivery["last_error"].as_str().expect("an error");
        assert!(error.starts_with(words), "{url}: {error}");
        assert_eq!(delivery["last_response_status"], Value::Null);
        assert_eq!(delivery["attempts"][0]["response_body_excerpt"], Value::Null);
    }
    node.app.db.close().await;
}

async fn a_redirect_is_not_followed(t: &TestApp) {
    let node = impatient(t).await;
    let (receiver, target) = (Receiver::start().await, Receiver::start().await);
    for status in [301, 302, 303, 307, 308] {
        receiver.answers(Answer::Redirect(status, target.url.clone()));
        let delivery = attempt(t, &node, &receiver.url).await;
        let error = delivery["last_error"].as_str().expect("an error");
        assert!(error.contains(&format!("HTTP {status}")), "{error}");
        assert!(error.contains("redirects are not followed"), "{error}");
        assert!(error.contains(&target.url), "{error}");
    }
    assert_eq!(target.received().len(), 0);
    node.app.db.close().await;
}

async fn gone_disables_at_once(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(410));
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let off = t.get(&path(&webhook)).await.ok();
    assert_eq!(off["enabled"], false);
    assert_eq!(off["disabled_reason"], "the receiver answered 410 Gone");
    let row = log(t, &webhook).await.remove(0);
    assert_eq!((&row["state"], &row["attempt_count"]), (&json!("failed"), &json!(1)));
}

async fn a_receiver_that_hangs_costs_the_timeout_and_holds_up_nobody(t: &TestApp) {
    let node = t
        .node(|config| {
            config.webhooks.webhook_timeout_ms = 300;
            config.webhooks.webhook_per_endpoint = 4;
        })
        .await;
    let (hanging, good) = (Receiver::start().await, Receiver::start().await);
    hanging.answers(Answer::Hang);
    let bad = create(t, &hanging.url, json!({ "events": ["ticket.created"] })).await;
    create(t, &good.url, json!({})).await;
    for _ in 0..8 {
        t.create_ticket(&t.shop).await;
    }
    let (started, app) = (Instant::now(), node.app.clone());
    let delivering = tokio::spawn(async move { deliver(&app).await });
    good.has_received(9).await;
    assert_eq!(log(t, &bad).await.iter().filter(|row| row["state"] == "delivered").count(), 0);
    assert_eq!(delivering.await.expect("no panic"), 17);
    // Four at first, then one at a time: it takes less of what all share while it fails.
    assert!(started.elapsed() >= Duration::from_millis(300 * 5), "{:?}", started.elapsed());
    assert!(hanging.most_at_once() >= 2, "{}", hanging.most_at_once());
    let row = log(t, &bad).await.remove(0);
    assert_eq!(row["last_error"], "the receiver did not answer within 300ms");
    assert_eq!(row["state"], "pending");
    node.app.db.close().await;
}

async fn an_endless_answer_is_cut(t: &TestApp) {
    let node = impatient(t).await;
    let (url, written) = endless("200 OK").await;
    let started = Instant::now();
    let delivery = attempt(t, &node, &url).await;
    assert_eq!(delivery["state"], "delivered", "the status says that it was taken");
    let excerpt = delivery["attempts"][0]["response_body_excerpt"].as_str().expect("text");
    assert_eq!(excerpt.len(), 4096);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    // What was written went into the buffers of the sockets.
    let bytes = written.load(Ordering::SeqCst);
    assert!(bytes < 16 << 20, "{bytes}");
    let (url, _) = endless("500 Broken").await;
    assert_eq!(attempt(t, &node, &url).await["last_response_status"], 500);
    node.app.db.close().await;
}

async fn an_answer_that_trickles_is_not_waited_for(t: &TestApp) {
    let node = impatient(t).await;
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let trickle = move |mut socket: tokio::net::TcpStream| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
            while socket.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let delivery = attempt(t, &node, &odd(trickle).await).await;
    assert_eq!(delivery["state"], "delivered");
    let waited = delivery["attempts"][0]["duration_ms"].as_i64().expect("a number");
    assert!(waited < 3_000, "{waited}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    node.app.db.close().await;
}

async fn one_that_breaks_off_is_a_failure(t: &TestApp) {
    let node = impatient(t).await;
    let closing = odd(|socket| async move { drop(socket) }).await;
    let babbling = odd(|mut socket| async move {
        let _ = socket.write_all(b"220 mail.example ESMTP\r\n").await;
    });
    for url in [closing, babbling.await] {
        let delivery = attempt(t, &node, &url).await;
        let error = delivery["last_error"].as_str().expect("an error");
        assert!(error.starts_with("the request failed: "), "{error}");
        assert_eq!(delivery["state"], "pending");
    }
    node.app.db.close().await;
}
