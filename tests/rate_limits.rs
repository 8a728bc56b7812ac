//! Rate limits by key and by address.

use std::time::Duration;

use repairops::Config;
use repairops::model::people::Scope;
use repairops::rate_limits::flush::flush;
use repairops::rate_limits::rates::{Class, OrganizationRates, Rates, RatesOption};

use crate::crash::Server;
use crate::support::app::Node;
use crate::support::builders::ticket_body;
use crate::support::client::Client;
use crate::support::reply::Reply;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    exactly_the_limit_gets_through,
    two_nodes_share_a_window,
    an_organization_s_keys_share_a_budget,
    two_nodes_share_an_organization_s_budget,
    what_a_key_is_refused_costs_its_organization_nothing,
    an_organization_s_budget_outlives_a_restart,
    an_organization_s_budget_may_be_off,
    the_next_hour_has_a_new_window,
    classes_and_keys_have_windows_of_their_own,
    every_answer_to_a_good_key_says_what_is_left,
    a_refusal_names_when_it_is_over,
    a_window_outlives_a_restart,
    a_server_that_is_asked_to_end_forgets_nothing,
    without_limits_there_are_no_headers,
    a_client_without_a_good_key_is_slowed_down_by_its_address,
];

/// A node at the beginning of an hour, so that no window ends where a test does not expect it.
pub async fn limited(t: &TestApp, rates: Rates) -> Node {
    let set = |config: &mut Config| config.limits.rate_limits = RatesOption(Some(rates));
    let node = t.node(set).await;
    let into = node.app.clock.now().timestamp_millis().rem_euclid(3_600_000) as u64;
    node.app.clock.advance(Duration::from_millis(3_600_000 - into));
    node
}

async fn key(t: &TestApp, node: &Node, scope: Scope) -> Client {
    node.admin.with_key(&t.create_key(scope, "Limited").await.1)
}

fn number(reply: &Reply, name: &str) -> Option<i64> {
    reply.header(name)?.parse().ok()
}

fn remaining(reply: &Reply) -> Option<i64> {
    number(reply, "x-ratelimit-remaining")
}

/// Exactly these got through, each with another number left; the rest is refused.
fn expect_exactly(replies: &[Reply], limit: i64) {
    let mut left: Vec<i64> =
        replies.iter().filter(|reply| reply.status == 200).filter_map(remaining).collect();
    left.sort_unstable();
    assert_eq!(left, (0..limit).collect::<Vec<_>>());
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status != 200).collect();
    assert_eq!(refused.len(), replies.len() - left.len());
    for reply in refused {
        assert_eq!((reply.status, remaining(reply)), (429, Some(0)), "{:#}", reply.body);
    }
}

async fn exactly_the_limit_gets_through(t: &TestApp) {
    let node = limited(t, Rates::DEFAULT).await;
    let reader = key(t, &node, Scope::Read).await;
    let replies = all_at_once((0..1100).map(|_| reader.get("/v1/shops"))).await;
    expect_exactly(&replies, 1000);
    let small = limited(t, Rates { read: 100, ..Rates::DEFAULT }).await;
    // The organization has used up this node's budget of this hour: ten times 100.
    small.app.clock.advance(Duration::from_secs(3_600));
    let reader = key(t, &small, Scope::Read).await;
    expect_exactly(&all_at_once((0..1000).map(|_| reader.get("/v1/shops"))).await, 100);
    reader.get("/v1/shops").await.error(429, "RATE_LIMIT_EXCEEDED");
    close([node, small]).await;
}

async fn two_nodes_share_a_window(t: &TestApp) {
    if matches!(t.app.db, repairops::db::Db::Sqlite { .. }) {
        return; // one process by definition
    }
    let rates = Rates { read: 300, ..Rates::DEFAULT };
    let nodes = [limited(t, rates).await, limited(t, rates).await];
    let first = key(t, &nodes[0], Scope::Read).await;
    let second = nodes[1].admin.authorized(Some(first.authorization()));
    let requests = (0..400).map(|number| [&first, &second][number % 2].get("/v1/shops"));
    expect_exactly(&all_at_once(requests).await, 300);
    close(nodes).await;
}

async fn the_next_hour_has_a_new_window(t: &TestApp) {
    let node = limited(t, Rates { read: 2, ..Rates::DEFAULT }).await;
    let reader = key(t, &node, Scope::Read).await;
    let hour = Duration::from_secs(3600);
    for _ in 0..3 {
        for left in [1, 0] {
            let reply = reader.get("/v1/shops").await.expect_status(200);
            assert_eq!(remaining(&reply), Some(left));
        }
        let reply = reader.get("/v1/shops").await;
        let reset = number(&reply, "x-ratelimit-reset").expect("a number");
        let now = node.app.clock.now();
        assert!(reset % 3600 == 0 && (1..=3600).contains(&(reset - now.timestamp())), "{reset}");
        reply.error(429, "RATE_LIMIT_EXCEEDED");
        // Not before the hour is over.
        let rest = (reset * 1000 - now.timestamp_millis()) as u64;
        if rest > 30_000 {
            node.app.clock.advance(Duration::from_millis(rest - 30_000));
            reader.get("/v1/shops").await.error(429, "RATE_LIMIT_EXCEEDED");
        }
        node.app.clock.advance(hour - Duration::from_secs(1));
        flush(&node.app).await.expect("written");
    }
    close([node]).await;
}

async fn classes_and_keys_have_windows_of_their_own(t: &TestApp) {
    let node = limited(t, Rates { read: 3, write: 2, admin: 1, plugins: 3, stock: 1 }).await;
    let admin = key(t, &node, Scope::Admin).await;
    let ticket = || admin.post("/v1/tickets", ticket_body(&t.shop, json!({})));
    for _ in 0..3 {
        admin.get("/v1/tickets").await.expect_status(200);
    }
    ticket().await.expect_status(201);
    ticket().await.expect_status(201);
    admin.post("/v1/shops", json!({ "name": "Kiosk" })).await.expect_status(201);
    let stock = || {
        admin.post(
            "/v1/inventory",
            json!({ "shop_id": t.shop, "sku": "ASM", "name": "Screen", "quantity": 1 }),
        )
    };
    stock().await;
    // All that an author of plugins does counts as one class.
    let nobody = "/v1/installations/00000000-0000-7000-8000-000000000000";
    let upload = || admin.upload_bytes(b"wasm");
    upload().await.expect_status(400);
    admin.post("/v1/installations", json!({})).await.expect_status(400);
    admin.delete(nobody).await.expect_status(404);
    for (reply, class, limit) in [
        (upload().await, "plugins", 3),
        (admin.post("/v1/installations", json!({})).await, "plugins", 3),
        (admin.patch(nobody, json!({ "enabled": false })).await, "plugins", 3),
        (admin.delete(nobody).await, "plugins", 3),
        (stock().await, "stock", 1),
        (admin.get("/v1/tickets").await, "read", 3),
        (ticket().await, "write", 2),
        (admin.post("/v1/shops", json!({ "name": "Kiosk" })).await, "admin", 1),
    ] {
        let details = reply.details(429, "RATE_LIMIT_EXCEEDED");
        assert_eq!((&details["class"], &details["limit"]), (&json!(class), &json!(limit)));
    }
    key(t, &node, Scope::Admin).await.get("/v1/tickets").await.expect_status(200);
    assert_eq!(
        t.get("/v1/tickets").await["pagination"]["total"],
        2,
        "what was refused did nothing"
    );
    close([node]).await;
}

async fn every_answer_to_a_good_key_says_what_is_left(t: &TestApp) {
    let node = limited(t, Rates { read: 50, write: 50, admin: 50, ..Rates::DEFAULT }).await;
    let (reader, writer) = (key(t, &node, Scope::Read).await, key(t, &node, Scope::Write).await);
    let nobody = "/v1/tickets/00000000-0000-7000-8000-000000000000";
    let ticket = writer.create_ticket(&t.shop).await;
    let small = t.organization("Kiosk", "starter").await;
    let small = node.admin.authorized(Some(small.authorization()));
    for (reply, status, left) in [
        (reader.get("/v1/tickets").await, 200, 49),
        (reader.get(nobody).await, 404, 48),
        (reader.get("/v1/tickets?limit=0").await, 400, 47),
        (reader.get("/v1/tickets/12").await, 400, 46),
        (reader.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await, 403, 49),
        (reader.delete(&format!("/v1/keys/{ticket}")).await, 403, 49),
        (writer.transition(&ticket, "CLOSED").await, 409, 48),
        (writer.json(axum::http::Method::POST, "/v1/tickets", "{").await, 400, 47),
        (small.get("/v1/tickets").await, 403, 49),
    ] {
        assert_eq!((reply.status, remaining(&reply)), (status, Some(left)), "{}", reply.asked);
        assert_eq!(number(&reply, "x-ratelimit-limit"), Some(50), "{}", reply.asked);
        assert!(number(&reply, "x-ratelimit-reset").is_some(), "{}", reply.asked);
    }
    for reply in [
        node.admin.authorized(None).get("/v1/tickets").await,
        node.admin.get("/v1/nonsense").await,
        node.admin.get("/healthz").await,
    ] {
        assert_eq!(remaining(&reply), None, "{}", reply.asked);
    }
    close([node]).await;
}

async fn a_refusal_names_when_it_is_over(t: &TestApp) {
    let node = limited(t, Rates { read: 1, ..Rates::DEFAULT }).await;
    let reader = key(t, &node, Scope::Read).await;
    reader.get("/v1/tickets").await.expect_status(200);
    for _ in 0..2 {
        let reply = reader.get("/v1/tickets").await;
        let (reset, wait) = (number(&reply, "x-ratelimit-reset"), number(&reply, "retry-after"));
        let (reset, wait) = (reset.expect("a number"), wait.expect("a number"));
        let over = node.app.clock.now().timestamp() + wait;
        assert!(
            (reset..=reset + 2).contains(&over),
            "{wait} seconds are enough, and no more than that"
        );
        let error = reply.error(429, "RATE_LIMIT_EXCEEDED");
        let reset_at = error["details"]["reset_at"].as_str().expect("a time");
        let at = chrono::DateTime::parse_from_rfc3339(reset_at).expect("a time");
        assert_eq!(at.timestamp(), reset);
        assert_eq!(
            error["details"],
            json!({ "limit": 1, "window_seconds": 3600, "class": "read", "reset_at": reset_at, "budget": "key" })
        );
        assert!(error["message"].as_str().is_some_and(|text| text.contains(reset_at)));
    }
    close([node]).await;
}

async fn a_window_outlives_a_restart(t: &TestApp) {
    let rates = Rates { read: 5, ..Rates::DEFAULT };
    let node = limited(t, rates).await;
    let first = key(t, &node, Scope::Read).await;
    for _ in 0..3 {
        first.get("/v1/tickets").await.expect_status(200);
    }
    // What the end of `repairops serve` does.
    flush(&node.app).await.expect("written");
    close([node]).await;
    let node = limited(t, rates).await;
    let again = node.admin.authorized(Some(first.authorization()));
    for left in [1, 0] {
        assert_eq!(remaining(&again.get("/v1/tickets").await.expect_status(200)), Some(left));
    }
    again.get("/v1/tickets").await.error(429, "RATE_LIMIT_EXCEEDED");
    close([node]).await;
}

/// A whole process, since the end of it is what writes the counts back. Seldom an hour ends in between, and all is counted anew.
async fn a_server_that_is_asked_to_end_forgets_nothing(t: &TestApp) {
    let (_, key) = t.create_key(Scope::Read, "Limited").await;
    let mut left = Vec::new();
    for _ in 0..2 {
        let server = Server::start_with(t, "read=100");
        let reader = t.with_key(&key).over_socket(server.base.clone());
        for _ in 0..3 {
            let reply = reader.get("/v1/tickets").await.expect_status(200);
            left.push(remaining(&reply).expect("a number"));
        }
        server.end().await;
    }
    assert_eq!(left[..3], [99, 98, 97]);
    assert!(left[3..] == [96, 95, 94] || left[3..] == [99, 98, 97], "{left:?}");
    let started = t.app.clock.now().timestamp() % 3600;
    assert!(left[3] == 96 || started < 60, "no hour ended: {left:?}");
}

async fn without_limits_there_are_no_headers(t: &TestApp) {
    let reply = t.get("/v1/tickets").await.expect_status(200);
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert_eq!(reply.header(name), None, "{name}");
    }
}

async fn a_client_without_a_good_key_is_slowed_down_by_its_address(t: &TestApp) {
    let node = t
        .node(|config| {
            config.limits.auth_failures_per_minute = 5;
            config.limits.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        })
        .await;
    let good = node.admin.over_socket(node.serve().await);
    good.get("/v1/tickets").await.expect_status(200);
    // From the beginning of a minute, so that all of it is in one.
    let into = node.app.clock.now().timestamp_millis().rem_euclid(60_000) as u64;
    node.app.clock.advance(Duration::from_millis(60_000 - into));

    let bad = good.with_key(&format!("ro_live_{}", "0".repeat(64)));
    let nobody = good.authorized(None);
    for _ in 0..2 {
        bad.get("/v1/tickets").await.error(401, "UNAUTHORIZED");
        nobody.get("/v1/tickets").await.error(401, "UNAUTHORIZED");
    }
    bad.post("/v1/tickets", json!({})).await.error(401, "UNAUTHORIZED");
    for client in [&bad, &nobody] {
        let reply = client.get("/v1/tickets").await;
        assert!(number(&reply, "retry-after").is_some_and(|seconds| (1..=60).contains(&seconds)));
        let details = reply.details(429, "RATE_LIMIT_EXCEEDED");
        assert_eq!(
            (&details["class"], &details["limit"], &details["window_seconds"]),
            (&json!("unauthorized"), &json!(5), &json!(60))
        );
    }
    good.get("/v1/tickets").await.expect_status(200);
    // Behind a proxy that is trusted it is the client's own address that counts.
    let elsewhere = |client: &Client| {
        let request = client.request(axum::http::Method::GET, "/v1/tickets");
        client.send(request.header("x-forwarded-for", "192.0.2.7"), Default::default())
    };
    elsewhere(&bad).await.error(401, "UNAUTHORIZED");
    node.app.clock.advance(Duration::from_secs(60));
    bad.get("/v1/tickets").await.error(401, "UNAUTHORIZED");
    close([node]).await;
}

/// A node whose organizations have so many reads an hour, all keys together, and its keys as many as `key`.
async fn with_budget(t: &TestApp, key: u32, organization: u32) -> Node {
    let node = t
        .node(|config| {
            config.limits.rate_limits = RatesOption(Some(Rates { read: key, ..Rates::DEFAULT }));
            config.limits.organization_rate_limits =
                OrganizationRates::Figures(vec![(Class::Read, organization)]);
        })
        .await;
    let into = node.app.clock.now().timestamp_millis().rem_euclid(3_600_000) as u64;
    node.app.clock.advance(Duration::from_millis(3_600_000 - into));
    node
}

async fn read_status(client: &Client) -> u16 {
    client.get("/v1/shops").await.status
}

async fn an_organization_s_keys_share_a_budget(t: &TestApp) {
    let node = with_budget(t, 30, 50).await;
    let mut keys = Vec::new();
    for _ in 0..4 {
        keys.push(key(t, &node, Scope::Read).await);
    }
    let requests = (0..100).map(|number| keys[number % 4].get("/v1/shops"));
    let replies = all_at_once(requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 50);
    // A new key is no new budget, and the answers show the budget that is used up.
    let late = key(t, &node, Scope::Read).await;
    for _ in 0..2 {
        let reply = late.get("/v1/shops").await;
        assert_eq!((number(&reply, "x-ratelimit-limit"), remaining(&reply)), (Some(50), Some(0)));
        assert!(number(&reply, "retry-after").is_some());
        let error = reply.error(429, "RATE_LIMIT_EXCEEDED");
        assert_eq!(
            (&error["details"]["budget"], &error["details"]["limit"], &error["details"]["class"]),
            (&json!("organization"), &json!(50), &json!("read"))
        );
        assert!(error["message"].as_str().is_some_and(|text| text.contains("organization")));
    }
    // Other classes and other organizations have budgets of their own.
    let body = ticket_body(&t.shop, json!({}));
    key(t, &node, Scope::Write).await.post("/v1/tickets", body).await.expect_status(201);
    let other = node.admin.authorized(Some(t.stranger().await.authorization()));
    assert_eq!(read_status(&other).await, 200);
    node.app.clock.advance(Duration::from_secs(3_600));
    let reply = late.get("/v1/shops").await.expect_status(200);
    assert_eq!((number(&reply, "x-ratelimit-limit"), remaining(&reply)), (Some(30), Some(29)));
    close([node]).await;
}

async fn two_nodes_share_an_organization_s_budget(t: &TestApp) {
    if matches!(t.app.db, repairops::db::Db::Sqlite { .. }) {
        return; // one process by definition
    }
    let nodes = [with_budget(t, 200, 100).await, with_budget(t, 200, 100).await];
    let keys = [key(t, &nodes[0], Scope::Read).await, key(t, &nodes[1], Scope::Read).await];
    let replies = all_at_once((0..200).map(|number| keys[number % 2].get("/v1/shops"))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 100);
    close(nodes).await;
}

async fn what_a_key_is_refused_costs_its_organization_nothing(t: &TestApp) {
    let node = with_budget(t, 5, 12).await;
    let (greedy, modest) = (key(t, &node, Scope::Read).await, key(t, &node, Scope::Read).await);
    let replies = all_at_once((0..40).map(|_| greedy.get("/v1/shops"))).await;
    expect_exactly(&replies, 5);
    let details = greedy.get("/v1/shops").await.details(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(details["budget"], "key");
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(remaining(&modest.get("/v1/shops").await.expect_status(200)), Some(left));
    }
    // Two are left for all: fewer than the key has.
    let third = key(t, &node, Scope::Read).await;
    let reply = third.get("/v1/shops").await.expect_status(200);
    assert_eq!((number(&reply, "x-ratelimit-limit"), remaining(&reply)), (Some(12), Some(1)));
    close([node]).await;
}

async fn an_organization_s_budget_outlives_a_restart(t: &TestApp) {
    let node = with_budget(t, 50, 4).await;
    let first = key(t, &node, Scope::Read).await;
    for _ in 0..3 {
        first.get("/v1/shops").await.expect_status(200);
    }
    flush(&node.app).await.expect("written");
    close([node]).await;
    let node = with_budget(t, 50, 4).await;
    let other = key(t, &node, Scope::Read).await;
    assert_eq!([read_status(&other).await, read_status(&other).await], [200, 429]);
    close([node]).await;
}

async fn an_organization_s_budget_may_be_off(t: &TestApp) {
    let set = |config: &mut Config| {
        config.limits.rate_limits = RatesOption(Some(Rates { read: 3, ..Rates::DEFAULT }));
        config.limits.organization_rate_limits = OrganizationRates::Off;
    };
    let node = t.node(set).await;
    for _ in 0..12 {
        let reader = key(t, &node, Scope::Read).await;
        for _ in 0..3 {
            reader.get("/v1/shops").await.expect_status(200);
        }
    }
    close([node]).await;
}

async fn close(nodes: impl IntoIterator<Item = Node>) {
    for node in nodes {
        node.app.rate_limits.close().await;
        node.app.db.close().await;
    }
}
