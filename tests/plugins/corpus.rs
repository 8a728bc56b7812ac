//! All hostile guests: each is stopped or rejected as its `expect.json` says, and other calls are not affected.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::support::builders::merged;
use crate::support::client::Client;
use crate::support::corpus::{Expect, Guest, guests};
use crate::support::reply::Reply;
use crate::support::{TestApp, both_databases, json};

both_databases![
    every_guest_is_stopped_or_refused_and_the_next_request_is_served,
    five_hundred_loops_in_a_row_cost_nothing_that_lasts,
];

async fn every_guest_is_stopped_or_refused_and_the_next_request_is_served(t: &TestApp) {
    let mut neighbour = Neighbour::settle(t).await;
    let mut failures = Vec::new();
    for guest in guests() {
        let visited = visit(t, guest).await.and(neighbour.works_on().await);
        if let Err(error) = visited {
            failures.push(format!("{} ({}): {error:#}", guest.name, guest.expect.why()));
        }
    }
    assert!(failures.is_empty(), "{} guests:\n{}", failures.len(), failures.join("\n"));
}

/// Another organization of the same server, with a plugin that does what it should.
struct Neighbour {
    client: Client,
    ticket: String,
    statuses: Box<dyn Iterator<Item = &'static str>>,
}

impl Neighbour {
    async fn settle(t: &TestApp) -> Neighbour {
        let client = t.stranger().await;
        client.install("qc-gate", json!({})).await;
        let shop = client.create_shop("Other Avenue").await;
        let ticket = client.create_ticket(&shop).await;
        Neighbour {
            client,
            ticket,
            statuses: Box::new(["TRIAGE", "DIAGNOSTICS"].into_iter().cycle()),
        }
    }

    async fn works_on(&mut self) -> Result<()> {
        let to = self.statuses.next().context("a status")?;
        let reply = self.client.transition(&self.ticket, to).await;
        let outcome = &reply.body["plugins"][0]["outcome"];
        ensure!(reply.status == 200 && outcome == "allowed", "the next request: {reply:#?}");
        Ok(())
    }
}

async fn visit(t: &TestApp, guest: &Guest) -> Result<()> {
    let uploaded = t.upload_bytes(&guest.bytes).await;
    match &guest.expect {
        Expect::Refused { status, reason, message, .. } => {
            let error = &uploaded.body["error"];
            ensure!(uploaded.status == *status, "{uploaded:#?}");
            ensure!(error["details"]["reason"].as_str() == reason.as_deref(), "{error:#}");
            ensure!(contains(&error["message"], message), "{error:#}");
            Ok(())
        }
        Expect::Unusable { message, .. } => {
            let plugin = compiled(t, uploaded).await?;
            ensure!(
                plugin["state"] == "failed" && contains(&plugin["error"], message),
                "{plugin:#}"
            );
            let installed = t.post("/v1/installations", json!({ "plugin_id": plugin["id"] })).await;
            ensure!(installed.status == 409, "it can be installed: {installed:#?}");
            Ok(())
        }
        Expect::Accepted { settings, limits, .. } => {
            let plugin = compiled(t, uploaded).await?;
            ensure!(plugin["state"] == "ready", "{plugin:#}");
            ensure!(plugin["name"] == format!("guest-{}", guest.name), "{plugin:#}");
            let tickets = [t.create_ticket(&t.shop).await, t.create_ticket(&t.shop).await];
            let installation = json!({
                "plugin_id": plugin["id"],
                "settings": settings,
                "grants": plugin["permissions"],
                // Time to spare: two cores run all tests.
                "limits": merged(json!({ "deadline_ms": 1_000 }), Value::Object(limits.clone())),
                "hooks": { "pre-transition": { "on_failure": "closed" } },
            });
            let installed = t.post("/v1/installations", installation).await;
            ensure!(installed.status == 201, "{installed:#?}");
            // The second time is as the first: no call knows of another.
            let mut asked = Ok(());
            for ticket in &tickets {
                asked = asked.and(ask(t, guest, ticket).await);
            }
            t.delete(&format!("/v1/installations/{}", installed.id())).await.expect_status(200);
            asked
        }
    }
}

/// The plugin when it is ready, or failed.
async fn compiled(t: &TestApp, uploaded: Reply) -> Result<Value> {
    ensure!(uploaded.status == 201, "it is not taken: {uploaded:#?}");
    let path = format!("/v1/plugins/{}", uploaded.body["id"].as_str().context("an id")?);
    for _ in 0..600 {
        let plugin = t.get(&path).await.ok();
        if plugin["state"] != "compiling" {
            return Ok(plugin);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("it compiles for more than a minute")
}

async fn ask(t: &TestApp, guest: &Guest, ticket: &str) -> Result<()> {
    let Expect::Accepted { outcome, violations, .. } = &guest.expect else { return Ok(()) };
    let reply = t.transition(ticket, "TRIAGE").await;
    let (body, details) = (&reply.body, &reply.body["error"]["details"]);
    let status = match outcome.as_str() {
        "allowed" => {
            ensure!(
                reply.status == 200 && body["plugins"][0]["outcome"] == "allowed",
                "{reply:#?}"
            );
            "TRIAGE"
        }
        "denied" => {
            ensure!(
                reply.status == 422 && body["error"]["code"] == "PLUGIN_REJECTED",
                "{reply:#?}"
            );
            let said: Vec<(&str, &str)> = details["violations"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|said| Some((said["code"].as_str()?, said["message"].as_str()?)))
                .collect();
            let expected = violations.iter().map(|(code, message)| (&**code, &**message));
            let mut sorted = said.clone();
            sorted.sort_unstable();
            ensure!(sorted.iter().copied().eq(expected), "it learned {said:#?}");
            "INTAKE"
        }
        _ => {
            ensure!(reply.status == 422, "{reply:#?}");
            check_failure(guest, details)?;
            "INTAKE"
        }
    };
    let now = t.ticket(ticket).await;
    ensure!(now["status"] == status, "the ticket is in {}", now["status"]);
    Ok(())
}

/// Plugin, outcome, figure and limit are named, and nothing of the inside is.
fn check_failure(guest: &Guest, details: &Value) -> Result<()> {
    let Expect::Accepted { outcome, limit, used_at_least, message, .. } = &guest.expect else {
        return Ok(());
    };
    let error = &details["error"];
    ensure!(details["plugin"] == format!("guest-{}", guest.name), "{details:#}");
    ensure!(details["hook"] == "pre-transition" && details["outcome"] == *outcome, "{details:#}");
    ensure!(error["limit"].as_u64() == *limit, "{details:#}");
    ensure!(error["used"].as_u64() >= *used_at_least, "{details:#}");
    ensure!(
        limit.is_none_or(|limit| contains(&error["message"], &limit.to_string())),
        "{details:#}"
    );
    ensure!(contains(&error["message"], message.as_deref().unwrap_or_default()), "{details:#}");
    ensure!(!details.to_string().contains("backtrace"), "{details:#}");
    Ok(())
}

fn contains(text: &Value, part: &str) -> bool {
    text.as_str().is_some_and(|text| text.contains(part))
}

const ROUNDS: usize = 5;
const CALLS_PER_ROUND: usize = 100;
const GROWTH_BYTES_MAX: u64 = 12 << 20;

async fn five_hundred_loops_in_a_row_cost_nothing_that_lasts(t: &TestApp) {
    let guest = guests().iter().find(|guest| guest.name == "loop-forever").expect("the guest");
    let plugin = compiled(t, t.upload_bytes(&guest.bytes).await).await.expect("a plugin");
    let limits = json!({ "deadline_ms": 1_000 });
    let body = json!({ "plugin_id": plugin["id"], "limits": limits });
    t.post("/v1/installations", body).await.id();
    let ticket = t.create_ticket(&t.shop).await;
    let mut growths = Vec::new();
    for _ in 0..ROUNDS {
        let before = resident_bytes();
        for _ in 0..CALLS_PER_ROUND {
            let details = t.transition(&ticket, "TRIAGE").await.details(422, "PLUGIN_FAILED");
            assert_eq!(
                (&details["outcome"], &details["error"]["limit"]),
                (&json!("fuel"), &json!(10_000_000))
            );
        }
        growths.push(resident_bytes().saturating_sub(before));
    }
    // A leak shows in every round; other tests of this process, and what is made once, in some.
    let least = growths.iter().min().expect("a round");
    assert!(*least < GROWTH_BYTES_MAX, "bytes that stayed after each round: {growths:?}");
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux's statm");
    let pages: u64 =
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4096
}
