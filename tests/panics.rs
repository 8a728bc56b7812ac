//! A handler that panics: the client gets a 500 in the envelope, and the server continues.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Method;
use axum::routing::post;
use repairops::App;
use repairops::auth::Writer;
use repairops::rate_limits::rates::RatesOption;
use repairops::router::layers;
use tracing::instrument::WithSubscriber;

use crate::support::client::{Asked, Client};
use crate::support::{TestApp, both_databases};

both_databases![
    a_panic_is_a_500_in_the_envelope,
    a_panic_frees_the_idempotency_key,
    a_panic_is_logged_and_counted,
    a_panic_in_a_transaction_commits_nothing,
];

const SECRET: &str = "a value that no client may see";

/// The layers of the server around routes that panic.
fn panicking(app: &App) -> Router {
    let routes = Router::new()
        .route("/v1/panics", post(panic_with_a_key))
        .route("/v1/panics/open", post(panic_without_a_key))
        .route("/v1/panics/in-a-transaction", post(panic_in_a_transaction));
    layers(routes, app.clone())
}

async fn panic_with_a_key(_: Writer) {
    panic!("{SECRET}");
}

async fn panic_without_a_key() {
    panic!("{SECRET}");
}

async fn panic_in_a_transaction(State(app): State<App>) {
    let mut tx = app.db.begin().await.expect("a transaction");
    repairops::execute!(tx, "update organizations set name = 'Panic'").expect("an update");
    panic!("{SECRET}");
}

fn send(client: &Client, path: &str, key: Option<&str>) -> impl Asked + use<> {
    let request = client.request(Method::POST, path);
    let request =
        key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
    client.send(request, Bytes::new())
}

async fn a_panic_is_a_500_in_the_envelope(t: &TestApp) {
    let node = t.node(|config| config.limits.rate_limits = RatesOption::DEFAULT).await;
    let client = node.admin.at(panicking(&node.app));
    for path in ["/v1/panics", "/v1/panics/open"] {
        for key in [None, Some("one")] {
            let reply = send(&client, path, key).await;
            assert!(!String::from_utf8_lossy(&reply.raw).contains(SECRET), "{:#}", reply.body);
            let is_limited = reply.header("x-ratelimit-remaining").is_some();
            assert_eq!(is_limited, path == "/v1/panics", "the first one looks at its API key");
            reply.error(500, "SERVER_ERROR");
        }
    }
    node.admin.get("/v1/tickets").await.ok();
    node.app.rate_limits.close().await;
    node.app.db.close().await;
}

async fn a_panic_frees_the_idempotency_key(t: &TestApp) {
    let client = t.writer.at(panicking(&t.app));
    for _ in 0..3 {
        let reply = send(&client, "/v1/panics", Some("one")).await;
        assert_eq!(reply.header("idempotency-replayed"), None);
        reply.error(500, "SERVER_ERROR");
    }
}

async fn a_panic_is_logged_and_counted(t: &TestApp) {
    let client = t.writer.at(panicking(&t.app));
    for key in [None, Some("one")] {
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let reply = send(&client, "/v1/panics", key).with_subscriber(subscriber).await;
        let id = reply.header("x-request-id").expect("an id").to_owned();
        let lines = log.lines();
        let line = lines.iter().find(|line| line["fields"]["message"] == "request");
        let line = &line.unwrap_or_else(|| panic!("no access log line: {lines:#?}"))["fields"];
        assert_eq!(
            (&line["route"], &line["status"], &line["request_id"]),
            (&"/v1/panics".into(), &500.into(), &id.into()),
            "{line:#}"
        );
        assert!(line["key"].is_string(), "{line:#}");
    }
    let shown = t.get("/metrics").await.body;
    let metrics = shown.as_str().expect("a text");
    let line = r#"repairops_http_requests_total{method="POST",route="/v1/panics",status="500"} 2"#;
    assert!(metrics.lines().any(|shown| shown == line), "{metrics}");
}

async fn a_panic_in_a_transaction_commits_nothing(t: &TestApp) {
    let client = t.writer.at(panicking(&t.app));
    send(&client, "/v1/panics/in-a-transaction", None).await.error(500, "SERVER_ERROR");
    let mut conn = t.connection().await;
    let (changed,): (i64,) = repairops::fetch_one!(
        conn,
        (i64,),
        "select count(*) from organizations where name = 'Panic'"
    )
    .expect("a count");
    assert_eq!(changed, 0);
    drop(conn);
    t.create_ticket(&t.shop).await;
}

/// What was logged in the scope of a subscriber, as JSON.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<serde_json::Value> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
