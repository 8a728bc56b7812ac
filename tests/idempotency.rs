//! `Idempotency-Key`: a repeated request is executed once.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Method};
use repairops::db::Conn;
use repairops::idempotency::sweep::sweep;
use repairops::rate_limits::rates::{Rates, RatesOption};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::crash::Server;
use crate::support::builders::ticket_body;
use crate::support::client::{Asked, Client};
use crate::support::reply::Reply;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    a_repeat_is_answered_as_before,
    every_write_takes_the_header,
    a_plugin_s_decision_is_repeated_and_not_made_again,
    of_many_at_once_one_is_carried_out,
    another_request_with_the_same_key_is_a_422,
    keys_are_told_apart_by_path_and_caller,
    a_day_later_it_is_carried_out_anew,
    what_was_not_decided_may_be_tried_again,
    a_failure_before_the_commit_frees_the_key,
    a_request_over_the_rate_limit_frees_the_key,
    a_malformed_key_is_a_400_that_names_the_header,
    a_get_does_not_look_at_it,
    a_new_key_is_repeated_and_not_stored_in_the_clear,
    a_client_that_hangs_up_finds_its_answer,
    who_loses_the_claim_changes_nothing,
    an_answer_that_was_lost_is_told_as_it_was_noted,
    a_killed_server_carries_nothing_out_twice,
];

/// The same request with an Idempotency-Key.
fn keyed(
    client: &Client,
    method: Method,
    path: &str,
    key: &str,
    body: &Value,
) -> impl Asked + use<> {
    let request = client.request(method, path).header("content-type", "application/json");
    client.send(request.header("idempotency-key", key), body.to_string().into())
}

fn post(client: &Client, path: &str, key: &str, body: &Value) -> impl Asked + use<> {
    keyed(client, Method::POST, path, key, body)
}

fn create(t: &TestApp, key: &str) -> impl Asked + use<> {
    post(&t.writer, "/v1/tickets", key, &ticket_body(&t.shop, json!({})))
}

fn transition(client: &Client, ticket: &str, to: &str, key: &str) -> impl Asked + use<> {
    post(client, &format!("/v1/tickets/{ticket}/transition"), key, &json!({ "new_status": to }))
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotency-replayed") == Some("true")
}

#[track_caller]
fn expect_replay(first: &Reply, again: &Reply) {
    assert!(!is_replay(first), "{}: {:#}", first.asked, first.body);
    assert!(is_replay(again), "{}: {} {:#}", again.asked, again.status, again.body);
    assert_eq!((again.status, &again.raw), (first.status, &first.raw), "{}", first.asked);
    for name in ["location", "etag", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{}: {name}", first.asked);
    }
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
}

async fn tickets(t: &TestApp) -> i64 {
    t.get("/v1/tickets").await["pagination"]["total"].as_i64().expect("a number")
}

async fn transitions(t: &TestApp, ticket: &str) -> usize {
    let ticket = t.ticket(ticket).await;
    let timeline = ticket["timeline"].as_array().expect("a list");
    timeline.iter().filter(|entry| entry["kind"] == "transitioned").count()
}

async fn a_repeat_is_answered_as_before(t: &TestApp) {
    let first = create(t, "one").await.expect_status(201);
    let again = create(t, "one").await;
    expect_replay(&first, &again);
    assert!(
        again
            .header("location")
            .is_some_and(|path| path.ends_with(first["id"].as_str().expect("an id")))
    );
    let ticket = first.id();
    let first = transition(&t.writer, &ticket, "TRIAGE", "one").await.expect_status(200);
    expect_replay(&first, &transition(&t.writer, &ticket, "TRIAGE", "one").await);
    let path = format!("/v1/tickets/{ticket}");
    let change = || keyed(&t.writer, Method::PATCH, &path, "one", &json!({ "labor_hours": 2 }));
    let first = change().await.expect_status(200);
    expect_replay(&first, &change().await);
    // Refusals are answers too.
    let refused = transition(&t.writer, &ticket, "CLOSED", "two").await.expect_status(409);
    t.transition(&ticket, "VOIDED").await.ok();
    expect_replay(&refused, &transition(&t.writer, &ticket, "CLOSED", "two").await);

    assert_eq!(tickets(t).await, 1);
    let timeline = t.ticket(&ticket).await["timeline"].as_array().expect("a list").len();
    assert_eq!(timeline, 3, "INTAKE, TRIAGE, VOIDED");
    let events = t.event_names_after(0).await;
    for (event, times) in [("ticket.created", 1), ("ticket.transitioned", 2), ("ticket.updated", 1)]
    {
        assert_eq!(
            events.iter().filter(|name| *name == event).count(),
            times,
            "{event}: {events:?}"
        );
    }
}

/// Whatever it answers to nonsense, it answers again without looking.
async fn every_write_takes_the_header(t: &TestApp) {
    let document = t.get("/v1/openapi.json").await.ok();
    let mut writes = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let url: Vec<&str> =
            path.split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        "00000000-0000-7000-8000-000000000000"
                    } else {
                        part
                    }
                })
                .collect();
        for method in item.as_object().expect("methods").keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            if method == Method::GET || !path.starts_with("/v1/") {
                continue;
            }
            let ask = || {
                keyed(&t.admin, method.clone(), &url.join("/"), "walk", &json!({ "nonsense": 1 }))
            };
            let first = ask().await;
            expect_replay(&first, &ask().await);
            writes += 1;
        }
    }
    assert!(writes >= 14, "{writes}");

    let shop = || post(&t.admin, "/v1/shops", "made", &json!({ "name": "Kiosk" }));
    let first = shop().await.expect_status(201);
    expect_replay(&first, &shop().await);
    let (id, _) = t.create_key(repairops::model::people::Scope::Read, "Old").await;
    let path = format!("/v1/keys/{id}");
    let revoke = || keyed(&t.admin, Method::DELETE, &path, "gone", &json!({}));
    let first = revoke().await.expect_status(204);
    expect_replay(&first, &revoke().await);
}

async fn calls_of_plugins(t: &TestApp) -> String {
    let text = t.get("/metrics").await.body.as_str().expect("a text").to_owned();
    text.lines()
        .filter(|line| line.starts_with("repairops_plugin_calls"))
        .collect::<Vec<_>>()
        .join("\n")
}

async fn a_plugin_s_decision_is_repeated_and_not_made_again(t: &TestApp) {
    let settings = |act: &str, tag: &str| json!({ "do": act, "tag": tag, "message": act });
    let plugin = t.install("guest-fickle", settings("deny", "first")).await;
    let made = create(t, "one").await.expect_status(201);
    let ticket = made["id"].as_str().expect("an id").to_owned();
    transition(&t.writer, &ticket, "TRIAGE", "one").await.error(422, "PLUGIN_REJECTED");
    t.reconfigure(&plugin, json!({ "settings": settings("allow", "second") })).await.ok();
    let calls = calls_of_plugins(t).await;
    assert!(!calls.is_empty());
    expect_replay(&made, &create(t, "one").await);
    assert_eq!(calls_of_plugins(t).await, calls, "no plugin ran");
    assert_eq!(t.ticket(&ticket).await["tags"], json!(["first"]));
    // What a plugin refused may be tried again with the same key: the plugin may be mended meanwhile.
    let moved = transition(&t.writer, &ticket, "TRIAGE", "one").await.expect_status(200);
    assert!(!is_replay(&moved));
    assert_ne!(calls_of_plugins(t).await, calls);
    let calls = calls_of_plugins(t).await;
    expect_replay(&moved, &transition(&t.writer, &ticket, "TRIAGE", "one").await);
    assert_eq!(calls_of_plugins(t).await, calls, "a success covers what the plugins decided");
}

async fn of_many_at_once_one_is_carried_out(t: &TestApp) {
    let node = t.node(|_| {}).await;
    let other = node.admin.authorized(Some(t.writer.authorization()));
    for round in 0..5 {
        let body = ticket_body(
            &t.shop,
            json!({ "customer": { "name": "A", "email": format!("{round}@b.c") } }),
        );
        let key = format!("round {round}");
        let requests = (0..20).map(|number| {
            let client = if number % 2 == 0 { &t.writer } else { &other };
            post(client, "/v1/tickets", &key, &body)
        });
        let replies = all_at_once(requests).await;
        let made: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 201).collect();
        let first: Vec<&&Reply> = made.iter().filter(|reply| !is_replay(reply)).collect();
        assert_eq!(first.len(), 1, "{replies:#?}");
        assert!(made.iter().all(|reply| reply.raw == first[0].raw));
        for reply in replies.iter().filter(|reply| reply.status != 201) {
            assert_eq!(
                (reply.status, reply["error"]["code"].as_str(), reply.header("retry-after")),
                (409, Some("IDEMPOTENCY_IN_FLIGHT"), Some("1"))
            );
        }
        expect_replay(first[0], &post(&other, "/v1/tickets", &key, &body).await);
    }
    assert_eq!(tickets(t).await, 5);
    let events = t.event_names_after(0).await;
    for event in ["ticket.created", "customer.created"] {
        assert_eq!(events.iter().filter(|name| *name == event).count(), 5, "{event}");
    }
    node.app.rate_limits.close().await;
    node.app.db.close().await;
}

async fn another_request_with_the_same_key_is_a_422(t: &TestApp) {
    let first = create(t, "one").await.expect_status(201);
    let other = ticket_body(&t.shop, json!({ "device_identifier": "iPhone 14" }));
    post(&t.writer, "/v1/tickets", "one", &other).await.error(422, "IDEMPOTENCY_KEY_REUSED");
    let body = ticket_body(&t.shop, json!({}));
    let reused = post(&t.writer, "/v1/tickets?dry=1", "one", &body).await;
    reused.error(422, "IDEMPOTENCY_KEY_REUSED");
    post(&t.writer, "/v1/tickets?dry=1", "two", &body).await.invalid("dry");
    let typed = t.writer.request(Method::POST, "/v1/tickets").header("content-type", "text/plain");
    let typed = typed.header("idempotency-key", "one");
    t.writer.send(typed, body.to_string().into()).await.error(422, "IDEMPOTENCY_KEY_REUSED");
    expect_replay(&first, &create(t, "one").await);
    assert_eq!(tickets(t).await, 1);
}

async fn keys_are_told_apart_by_path_and_caller(t: &TestApp) {
    let first = create(t, "one").await.expect_status(201);
    let second = create(t, "two").await.expect_status(201);
    let body = ticket_body(&t.shop, json!({}));
    let third = post(&t.admin, "/v1/tickets", "one", &body).await.expect_status(201);
    let stranger = t.stranger().await;
    let shop = stranger.create_shop("Other Avenue").await;
    let fourth = post(&stranger, "/v1/tickets", "one", &ticket_body(&shop, json!({})))
        .await
        .expect_status(201);
    let ids = [first.id(), second.id(), third.id()];
    assert!(!is_replay(&fourth));
    assert_eq!(tickets(t).await, 3);
    for id in &ids {
        let moved = transition(&t.writer, id, "TRIAGE", "one").await.expect_status(200);
        assert!(!is_replay(&moved));
    }
}

async fn a_day_later_it_is_carried_out_anew(t: &TestApp) {
    let first = create(t, "one").await.expect_status(201);
    t.app.clock.advance(Duration::from_secs(86_400 - 60));
    expect_replay(&first, &create(t, "one").await);
    t.app.clock.advance(Duration::from_secs(60));
    let second = create(t, "one").await.expect_status(201);
    assert!(!is_replay(&second) && second["id"] != first["id"]);
    expect_replay(&second, &create(t, "one").await);
    // Even with another body: it is another request.
    t.app.clock.advance(Duration::from_secs(86_400));
    let other = ticket_body(&t.shop, json!({ "device_identifier": "iPhone 14" }));
    post(&t.writer, "/v1/tickets", "one", &other).await.expect_status(201);
    create(t, "two").await.expect_status(201);

    assert_eq!(rows(t).await, 2);
    assert_eq!(sweep(&t.app, &CancellationToken::new()).await.expect("swept"), 0);
    t.app.clock.advance(Duration::from_secs(86_400));
    assert_eq!(sweep(&t.app, &CancellationToken::new()).await.expect("swept"), 2);
    assert_eq!(rows(t).await, 0);
}

async fn rows(t: &TestApp) -> i64 {
    let mut conn = t.connection().await;
    let row: (i64,) = repairops::fetch_one!(
        conn,
        (i64,),
        "select count(*) from idempotency_keys where org_id = $1",
        t.org
    )
    .expect("a count");
    row.0
}

async fn set_tier(t: &TestApp, tier: &str) {
    let mut tx: Conn = t.app.db.begin().await.expect("a transaction");
    repairops::organizations::store::set_tier(&mut tx, t.org, tier).await.expect("a tier");
    tx.commit().await.expect("a commit");
}

async fn what_was_not_decided_may_be_tried_again(t: &TestApp) {
    let body = ticket_body(&t.shop, json!({}));
    post(&t.authorized(None), "/v1/tickets", "one", &body).await.error(401, "UNAUTHORIZED");
    post(&t.reader, "/v1/tickets", "one", &body).await.error(403, "FORBIDDEN");
    set_tier(t, "starter").await;
    create(t, "one").await.error(403, "FORBIDDEN");
    set_tier(t, "enterprise").await;
    let large = ticket_body(&t.shop, json!({ "issue_description": "x".repeat(1 << 20) }));
    post(&t.writer, "/v1/tickets", "one", &large).await.error(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(rows(t).await, 0);
    let made = create(t, "one").await.expect_status(201);
    assert!(!is_replay(&made));
}

async fn a_failure_before_the_commit_frees_the_key(t: &TestApp) {
    let plugin = t.install("guest-fickle", json!({ "do": "trap" })).await;
    let ticket = t.create_ticket(&t.shop).await;
    for _ in 0..2 {
        let failed = transition(&t.writer, &ticket, "TRIAGE", "one").await;
        assert!(!is_replay(&failed));
        failed.error(422, "PLUGIN_FAILED");
    }
    t.reconfigure(&plugin, json!({ "settings": { "do": "allow" } })).await.ok();
    let moved = transition(&t.writer, &ticket, "TRIAGE", "one").await.expect_status(200);
    assert!(!is_replay(&moved));
}

async fn a_request_over_the_rate_limit_frees_the_key(t: &TestApp) {
    let rates = Rates { write: 2, ..Rates::DEFAULT };
    let node = t.node(|config| config.limits.rate_limits = RatesOption(Some(rates))).await;
    let into = node.app.clock.now().timestamp_millis().rem_euclid(3_600_000) as u64;
    node.app.clock.advance(Duration::from_millis(3_600_000 - into));
    let writer = node.admin.authorized(Some(t.writer.authorization()));
    let body = ticket_body(&t.shop, json!({}));
    let first = post(&writer, "/v1/tickets", "one", &body).await.expect_status(201);
    let again = post(&writer, "/v1/tickets", "one", &body).await;
    expect_replay(&first, &again);
    assert_eq!(again.header("x-ratelimit-remaining"), Some("0"), "a repeat is a request");
    post(&writer, "/v1/tickets", "two", &body).await.error(429, "RATE_LIMIT_EXCEEDED");
    node.app.clock.advance(Duration::from_secs(3600));
    let second = post(&writer, "/v1/tickets", "two", &body).await.expect_status(201);
    assert!(!is_replay(&second));
    node.app.rate_limits.close().await;
    node.app.db.close().await;
}

async fn a_malformed_key_is_a_400_that_names_the_header(t: &TestApp) {
    let body = Bytes::from(ticket_body(&t.shop, json!({})).to_string());
    let long = "x".repeat(256);
    for value in ["", "tab\there", long.as_str(), "Schlüssel"] {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
        let request =
            t.request(Method::POST, "/v1/tickets").header("content-type", "application/json");
        t.send(request.header("idempotency-key", value), body.clone())
            .await
            .invalid("Idempotency-Key");
    }
    let request = t.request(Method::POST, "/v1/tickets").header("content-type", "application/json");
    let twice = request.header("idempotency-key", "one").header("idempotency-key", "two");
    t.send(twice, body).await.invalid("Idempotency-Key");
    assert_eq!(tickets(t).await, 0);
    for good in ["x".repeat(255).as_str(), "{\"a\": ~1}", "0"] {
        create(t, good).await.expect_status(201);
    }
}

async fn a_get_does_not_look_at_it(t: &TestApp) {
    let ask = || {
        t.send(t.request(Method::GET, "/v1/tickets").header("idempotency-key", "one"), Bytes::new())
    };
    assert_eq!(ask().await.expect_status(200)["pagination"]["total"], 0);
    t.create_ticket(&t.shop).await;
    let again = ask().await;
    assert_eq!((is_replay(&again), &again["pagination"]["total"]), (false, &json!(1)));
}

async fn a_new_key_is_repeated_and_not_stored_in_the_clear(t: &TestApp) {
    let make =
        || post(&t.admin, "/v1/keys", "one", &json!({ "name": "Dashboard", "scope": "read" }));
    let first = make().await.expect_status(201);
    expect_replay(&first, &make().await);
    let text = first["key"].as_str().expect("a key");
    t.with_key(text).get("/v1/tickets").await.ok();
    let mut conn = t.connection().await;
    let row: (Vec<u8>,) = repairops::fetch_one!(
        conn,
        (Vec<u8>,),
        "select body from idempotency_keys where org_id = $1",
        t.org
    )
    .expect("a row");
    let stored = String::from_utf8_lossy(&row.0).into_owned();
    assert!(
        stored.len() > 32 && !stored.contains("ro_live_") && !stored.contains("Dashboard"),
        "{stored}"
    );
    let total = t.get("/v1/keys").await["pagination"]["total"].clone();
    assert_eq!(total, 4, "one key was made");
}

/// A post-create plugin that takes its time, between the commit and the answer.
async fn dawdle(t: &TestApp) {
    let limits = json!({ "deadline_ms": 300, "fuel": 1_000_000_000 });
    let more = json!({ "settings": { "post_create": "loop" }, "limits": limits });
    for _ in 0..3 {
        t.install_with("guest-fickle", more.clone()).await;
    }
}

async fn a_client_that_hangs_up_finds_its_answer(t: &TestApp) {
    dawdle(t).await;
    let hung_up = tokio::spawn(create(t, "one"));
    while tickets(t).await == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    hung_up.abort();
    assert!(hung_up.await.is_err(), "it had no answer yet");
    let reply = loop {
        let reply = create(t, "one").await;
        if reply.status != 409 {
            break reply;
        }
        reply.error(409, "IDEMPOTENCY_IN_FLIGHT");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let reply = reply.expect_status(201);
    assert!(is_replay(&reply));
    assert_eq!(
        reply["plugins"][0]["plugin"], "guest-fickle",
        "it was carried out to its end: {:#}",
        reply.body
    );
    assert_eq!(tickets(t).await, 1);
}

async fn who_loses_the_claim_changes_nothing(t: &TestApp) {
    let more = json!({ "settings": { "do": "spin", "rounds": 120_000_000u64 },
                       "limits": { "deadline_ms": 1000, "fuel": 1_000_000_000 } });
    for _ in 0..6 {
        t.install_with("guest-fickle", more.clone()).await;
    }
    let ticket = t.create_ticket(&t.shop).await;
    let slow = tokio::spawn(transition(&t.writer, &ticket, "TRIAGE", "one"));
    while rows(t).await == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    transition(&t.writer, &ticket, "TRIAGE", "one").await.error(409, "IDEMPOTENCY_IN_FLIGHT");
    // As if the first one had been asked on a server that is gone.
    t.app.clock.advance(Duration::from_secs(31));
    let second = transition(&t.writer, &ticket, "TRIAGE", "one").await;
    let first = slow.await.expect("no panic");
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{:#} {:#}", first.body, second.body);
    assert_eq!(transitions(t, &ticket).await, 1);
    let done = if first.status == 200 { first } else { second };
    expect_replay(&done, &transition(&t.writer, &ticket, "TRIAGE", "one").await);
}

/// From now on no answer can be stored, as on a server that stops right after its commit.
async fn lose_answers(t: &TestApp) {
    const SQLITE: &[&str] =
        &["create trigger lose_answers before update of answered_at on idempotency_keys
         when new.answered_at is not null begin select raise(fail, 'lost'); end"];
    const POSTGRES: &[&str] = &[
        "create function lose_answer() returns trigger language plpgsql
         as $$ begin raise exception 'lost'; end $$",
        "create trigger lose_answers before update of answered_at on idempotency_keys for each row
         when (new.answered_at is not null) execute function lose_answer()",
    ];
    let is_sqlite = matches!(t.app.db, repairops::db::Db::Sqlite { .. });
    run(t, if is_sqlite { SQLITE } else { POSTGRES }).await;
}

async fn keep_answers(t: &TestApp) {
    match t.app.db {
        repairops::db::Db::Sqlite { .. } => run(t, &["drop trigger lose_answers"]).await,
        repairops::db::Db::Postgres { .. } => {
            run(
                t,
                &["drop trigger lose_answers on idempotency_keys", "drop function lose_answer()"],
            )
            .await;
        }
    }
}

async fn run(t: &TestApp, statements: &[&'static str]) {
    let mut tx = t.app.db.begin().await.expect("a transaction");
    for statement in statements {
        repairops::execute!(tx, *statement).expect("a statement");
    }
    tx.commit().await.expect("a commit");
}

async fn an_answer_that_was_lost_is_told_as_it_was_noted(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let path = format!("/v1/tickets/{ticket}");
    let key = t.post("/v1/keys", json!({ "name": "Old", "scope": "read" })).await.id();
    let requests = || {
        let requests: [Pin<Box<dyn Asked>>; 6] = [
            Box::pin(create(t, "one")),
            Box::pin(transition(&t.writer, &ticket, "TRIAGE", "one")),
            Box::pin(keyed(&t.writer, Method::PATCH, &path, "one", &json!({ "labor_hours": 2 }))),
            Box::pin(post(
                &t.writer,
                &format!("{path}/payments"),
                "one",
                &json!({ "amount": 10, "method": "cash" }),
            )),
            Box::pin(post(&t.admin, "/v1/keys", "one", &json!({ "name": "New", "scope": "read" }))),
            Box::pin(post(&t.admin, &format!("/v1/keys/{key}/rotate"), "one", &json!({}))),
        ];
        requests
    };
    let shop = || post(&t.admin, "/v1/shops", "one", &json!({ "name": "Kiosk" }));
    lose_answers(t).await;
    let mut first = Vec::new();
    for request in requests() {
        let reply = request.await;
        assert!(matches!(reply.status, 200 | 201) && !is_replay(&reply), "{:#}", reply.body);
        first.push(reply);
    }
    shop().await.expect_status(201);
    for request in requests() {
        request.await.error(409, "IDEMPOTENCY_IN_FLIGHT");
    }
    keep_answers(t).await;
    t.app.clock.advance(Duration::from_secs(31));
    for (request, first) in requests().into_iter().zip(&first) {
        expect_replay(first, &request.await);
    }
    // Where nothing was noted, it is said that it was done.
    shop().await.error(409, "IDEMPOTENCY_ANSWER_LOST");
    let shops = t.get("/v1/shops").await["pagination"]["total"].clone();
    assert_eq!((tickets(t).await, transitions(t, &ticket).await, shops), (2, 1, json!(2)));
}

/// Kills a server at some moment of a load, most often between a commit and its answer, and repeats all
/// that was asked, with its keys, on another one.
async fn a_killed_server_carries_nothing_out_twice(t: &TestApp) {
    dawdle(t).await;
    let rounds = std::env::var("REPAIROPS_CRASH_ROUNDS").map_or(Ok(3), |text| text.parse());
    let rounds: u64 = rounds.expect("REPAIROPS_CRASH_ROUNDS is a number");
    let body = Arc::new(ticket_body(&t.shop, json!({})));
    let mut rebuilt = 0;
    for round in 0..rounds {
        let mut server = Server::start(t);
        let client = Arc::new(t.writer.over_socket(server.base.clone()));
        let load = |number: u64| {
            let (client, body) = (client.clone(), body.clone());
            tokio::spawn(async move {
                let key = format!("round {round} number {number}");
                let made = tokio::spawn(post(&client, "/v1/tickets", &key, &body)).await.ok()?;
                let id = made.id();
                tokio::spawn(transition(&client, &id, "TRIAGE", &key)).await.ok()?.ok();
                Some(())
            })
        };
        let clients: Vec<_> = (0..12).map(load).collect();
        let before = tickets(t).await;
        while tickets(t).await < before + 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(round * 67 % 400)).await;
        server.child.kill().expect("the server is killed"); // SIGKILL
        server.child.wait().expect("the server is gone");
        for client in clients {
            let _ = client.await;
        }
        rebuilt += unanswered(t).await;
        // The leases of the dead run out.
        t.app.clock.advance(Duration::from_secs(31));
        for number in 0..12 {
            let key = format!("round {round} number {number}");
            let made = post(&t.writer, "/v1/tickets", &key, &body).await.expect_status(201);
            let location = made.header("location").expect("a location").to_owned();
            assert_eq!(location, format!("/v1/tickets/{}", made["id"].as_str().expect("an id")));
            let id = made.id();
            let moved = transition(&t.writer, &id, "TRIAGE", &key).await.ok();
            assert_eq!(
                (&moved["from_status"], &moved["to_status"]),
                (&json!("INTAKE"), &json!("TRIAGE"))
            );
            assert_eq!(transitions(t, &id).await, 1);
        }
        assert_eq!(tickets(t).await, 12 * (round as i64 + 1), "one for each key");
    }
    assert!(rebuilt > 0, "no answer was lost in any round");
    let events = t.event_names_after(0).await;
    for event in ["ticket.created", "ticket.transitioned"] {
        assert_eq!(
            events.iter().filter(|name| *name == event).count() as u64,
            12 * rounds,
            "{event}"
        );
    }
}

/// Requests that were carried out, without an answer.
async fn unanswered(t: &TestApp) -> i64 {
    let mut conn = t.connection().await;
    let row: (i64,) = repairops::fetch_one!(
        conn,
        (i64,),
        "select count(*) from idempotency_keys
         where org_id = $1 and committed_at is not null and answered_at is null",
        t.org
    )
    .expect("a count");
    row.0
}
