//! The five documented attempts, with the test's clock, and what follows the fifth.

use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;

use super::{create, deliver, detail, log, path};
use repairops::webhooks::store::leases;

use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, both_databases, json};

both_databases![
    five_attempts_are_made_in_26_hours_and_35_minutes,
    a_retry_that_succeeds_ends_it,
    after_the_fifth_failure_the_webhook_is_off_and_says_why,
    disabled_enabled_again_and_replayed_nothing_is_lost,
    the_other_endpoints_are_told,
    a_receiver_may_lengthen_a_delay_and_never_shorten_it,
    one_event_that_a_receiver_cannot_take_disables_nothing_if_the_endpoint_says_so,
];

const DELAYS: [u64; 4] = [5 * 60, 30 * 60, 2 * 3600, 24 * 3600];

fn advance(t: &TestApp, seconds: u64) {
    t.app.clock.advance(Duration::from_secs(seconds));
}

async fn five_attempts_are_made_in_26_hours_and_35_minutes(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Text(500, "no room".to_owned()));
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    assert_eq!(deliver(&t.app).await, 1, "the first is immediate");
    for (index, delay) in DELAYS.into_iter().enumerate() {
        let row = log(t, &webhook).await.remove(0);
        assert_eq!((&row["state"], &row["attempt_count"]), (&json!("pending"), &json!(index + 1)));
        assert_eq!(row["last_error"], "the receiver answered HTTP 500 Internal Server Error");
        advance(t, delay - 30);
        assert_eq!(deliver(&t.app).await, 0, "not half a minute too early");
        advance(t, 30);
        assert_eq!(deliver(&t.app).await, 1, "attempt {} is due", index + 2);
    }
    advance(t, 7 * 24 * 3600);
    assert_eq!(deliver(&t.app).await, 0, "there is no sixth");

    let requests = receiver.received();
    assert_eq!(requests.len(), 5);
    let secret = webhook["secret"].as_str().expect("a secret");
    let mut times = vec![];
    for request in &requests {
        assert_eq!(request.id(), requests[0].id(), "the id stays");
        assert_eq!(request.body, requests[0].body, "and so does the body");
        assert_eq!(request.signatures_by(secret), 1, "each attempt is signed for its own time");
        times.push(request.header("webhook-timestamp").parse::<u64>().expect("a number"));
    }
    for (index, delay) in DELAYS.into_iter().enumerate() {
        let waited = times[index + 1] - times[index];
        assert!((delay..delay + 30).contains(&waited), "{times:?}");
    }
    let row = detail(t, &log(t, &webhook).await[0]).await;
    assert_eq!((&row["state"], &row["next_attempt_at"]), (&json!("failed"), &json!(null)));
    let attempts = row["attempts"].as_array().expect("attempts");
    let numbers: Vec<_> = attempts.iter().map(|attempt| attempt["number"].clone()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let time = |attempt: &Value| {
        DateTime::parse_from_rfc3339(attempt["started_at"].as_str().expect("a time"))
            .expect("a time")
    };
    let minutes = (time(&attempts[4]) - time(&attempts[0])).num_minutes();
    assert!((26 * 60 + 35..26 * 60 + 37).contains(&minutes), "{minutes}");
    for attempt in attempts {
        assert_eq!(attempt["response_body_excerpt"], "no room");
    }
}

async fn a_retry_that_succeeds_ends_it(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(503));
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let failing = t.get(&path(&webhook)).await.ok();
    assert!(failing["failing_since"].is_string(), "{failing:#}");
    assert_eq!((&failing["enabled"], &failing["last_delivery_at"]), (&json!(true), &json!(null)));
    receiver.answers(Answer::Status(202));
    // Another event is not held up by the one that waits.
    t.create_ticket(&t.shop).await;
    assert_eq!(deliver(&t.app).await, 1);
    assert_eq!(t.get(&path(&webhook)).await["failing_since"], Value::Null);
    advance(t, DELAYS[0]);
    assert_eq!(deliver(&t.app).await, 1);
    let states: Vec<_> = log(t, &webhook).await.iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["delivered", "delivered"]);
    advance(t, 48 * 3600);
    assert_eq!(deliver(&t.app).await, 0);
}

async fn fail_for_good(t: &TestApp) {
    deliver(&t.app).await;
    for delay in DELAYS {
        advance(t, delay);
        deliver(&t.app).await;
    }
}

async fn after_the_fifth_failure_the_webhook_is_off_and_says_why(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(500));
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    for delay in DELAYS {
        advance(t, delay);
        t.create_ticket(&t.shop).await;
        deliver(&t.app).await;
    }
    let off = t.get(&path(&webhook)).await.ok();
    assert_eq!(off["enabled"], false);
    assert_eq!(
        off["disabled_reason"],
        "5 attempts failed, the last because the receiver answered HTTP 500 Internal Server Error"
    );
    assert!(off["disabled_at"].is_string() && off["failing_since"].is_string(), "{off:#}");
    let mut conn = t.connection().await;
    let backlog = leases::backlog(&mut conn, t.app.clock.now()).await.expect("figures");
    assert_eq!((backlog.pending, backlog.disabled), (0, 1), "for /metrics");
    drop(conn);
    let mut states: Vec<String> = log(t, &webhook)
        .await
        .iter()
        .map(|row| row["state"].as_str().expect("a state").to_owned())
        .collect();
    states.sort_unstable();
    assert_eq!(states, ["cancelled", "cancelled", "cancelled", "cancelled", "failed"]);
    let seen = receiver.received().len();
    t.create_ticket(&t.shop).await;
    advance(t, 48 * 3600);
    assert_eq!(deliver(&t.app).await, 0);
    assert_eq!(receiver.received().len(), seen, "it is left alone");
}

async fn disabled_enabled_again_and_replayed_nothing_is_lost(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    let path = path(&webhook);
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    advance(t, 60);
    receiver.answers(Answer::Status(500));
    t.create_ticket(&t.shop).await;
    fail_for_good(t).await;
    t.create_ticket(&t.shop).await; // while it is off
    let since = t.get(&path).await["failing_since"].clone();
    let replay = json!({ "since": since });
    let refused = t.post(&format!("{path}/replay"), replay.clone()).await;
    assert!(refused.details(409, "CONFLICT")["disabled_reason"].is_string());

    receiver.answers(Answer::Status(200));
    receiver.clear();
    let on = t.patch(&path, json!({ "enabled": true })).await.ok();
    assert_eq!((&on["disabled_reason"], &on["failing_since"]), (&json!(null), &json!(null)));
    let since = t.events().await; // the second ticket is the first that was missed
    assert_eq!(since.iter().filter(|(name, _)| name == "ticket.created").count(), 3);
    let body = json!({ "since": "2020-01-01T00:00:00Z", "missed_only": true });
    let replayed = t.post(&format!("{path}/replay"), body).await.expect_status(202).body;
    assert_eq!(replayed, json!({ "events": 2, "next_after": null, "next_since": null }));
    assert_eq!(deliver(&t.app).await, 2);
    let numbers: Vec<_> = receiver
        .received()
        .iter()
        .map(|request| request.json()["data"]["ticket_number"].clone())
        .collect();
    assert_eq!(numbers, ["T000002", "T000003"]);
}

async fn the_other_endpoints_are_told(t: &TestApp) {
    let (bad, good) = (Receiver::start().await, Receiver::start().await);
    bad.answers(Answer::Status(410));
    let webhook = create(t, &bad.url, json!({})).await;
    create(t, &good.url, json!({ "events": ["webhook.disabled"] })).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let told = good.one().json();
    assert_eq!(told["event"], "webhook.disabled");
    assert_eq!(told["data"]["webhook_id"], webhook["id"]);
    assert_eq!(told["data"]["reason"], "the receiver answered 410 Gone");
}

async fn a_receiver_may_lengthen_a_delay_and_never_shorten_it(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    // The schedule says 5 minutes, 30 minutes, 2 hours.
    for (wait, seconds) in [("1", 300), ("5400", 5_400), ("99999999", 24 * 3_600)] {
        receiver.answers(Answer::RetryAfter(503, wait.to_owned()));
        assert_eq!(deliver(&t.app).await, 1, "{wait}");
        advance(t, seconds - 30);
        assert_eq!(deliver(&t.app).await, 0, "{wait}: too early");
        advance(t, 30);
    }
    // The waits were no attempts of their own.
    receiver.answers(Answer::Status(204));
    assert_eq!(deliver(&t.app).await, 1);
    let row = log(t, &webhook).await.remove(0);
    assert_eq!((&row["state"], &row["attempt_count"]), (&json!("delivered"), &json!(4)));
}

async fn one_event_that_a_receiver_cannot_take_disables_nothing_if_the_endpoint_says_so(
    t: &TestApp,
) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    assert_eq!(webhook["disable_on"], "failed_delivery", "the reference's rule");
    let change = json!({ "disable_on": "sustained_failure" });
    assert_eq!(t.patch(&path(&webhook), change).await.ok()["disable_on"], "sustained_failure");
    t.patch(&path(&webhook), json!({ "disable_on": "never" })).await.invalid("disable_on");
    receiver.answers(Answer::Status(500));
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    for delay in DELAYS {
        // Another event is taken in between.
        receiver.answers(Answer::Status(204));
        t.create_ticket(&t.shop).await;
        deliver(&t.app).await;
        receiver.answers(Answer::Status(500));
        advance(t, delay);
        deliver(&t.app).await;
    }
    let states = async || {
        let mut states: Vec<String> = Vec::new();
        for row in log(t, &webhook).await {
            states.push(row["state"].as_str().expect("a state").to_owned());
        }
        states.sort_unstable();
        states
    };
    assert_eq!(states().await, ["delivered", "delivered", "delivered", "delivered", "failed"]);
    assert_eq!(t.get(&path(&webhook)).await.ok()["enabled"], true);
    // Without any success in between it is disabled.
    t.create_ticket(&t.shop).await;
    fail_for_good(t).await;
    assert_eq!(t.get(&path(&webhook)).await.ok()["enabled"], false);
}
