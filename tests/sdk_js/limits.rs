//! The rate limit of a key as the SDK reports it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use repairops::rate_limits::rates::{Rates, RatesOption};

use super::package::sdk;
use super::server::Server;
use crate::support::{TestApp, both_databases, json};

both_databases!(a_refusal_is_not_waited_for_and_says_when_it_is_over);

async fn a_refusal_is_not_waited_for_and_says_when_it_is_over(t: &TestApp) {
    let rates = Rates { read: 3, ..Rates::DEFAULT };
    let node = t.node(|config| config.limits.rate_limits = RatesOption(Some(rates))).await;
    // At the beginning of an hour, so that no window ends in the middle.
    let into = node.app.clock.now().timestamp_millis().rem_euclid(3_600_000) as u64;
    node.app.clock.advance(Duration::from_millis(3_600_000 - into));
    let server = Server::of(&node.app, &node.admin).await;
    let script = include_str!("limits.mjs");
    let said = server.run(&sdk().await.consumer, script).await.json();
    node.app.rate_limits.close().await;
    node.app.db.close().await;

    assert_eq!(said["remaining"], json!([2, 1, 0]));
    assert_eq!(said["code"], "RATE_LIMIT_EXCEEDED");
    assert_eq!((&said["limit"]["limit"], &said["limit"]["remaining"]), (&json!(3), &json!(0)));
    let reset: DateTime<Utc> = said["resetAt"].as_str().expect("a time").parse().expect("a time");
    assert_eq!(said["limit"]["resetAt"], said["resetAt"]);
    let wait_s = said["retryAfter"].as_i64().expect("seconds");
    let until_s = (reset - *node.app.clock.now()).num_seconds();
    assert!((0..=3600).contains(&until_s) && (wait_s - until_s).abs() < 60, "{said}");
}
