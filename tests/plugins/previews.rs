//! What a preview says is what the transition then does, for random tickets, parts, stock and plugins.
//!
//! 60 tickets on each database; `REPAIROPS_TEST_PREVIEWS=2000` takes more.

use serde_json::{Value, json};

use crate::support::{TestApp, both_databases};

both_databases![previews_come_true];

/// A linear congruential generator: the same tickets in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

async fn previews_come_true(t: &TestApp) {
    let count = std::env::var("REPAIROPS_TEST_PREVIEWS").ok().and_then(|text| text.parse().ok());
    let mut random = Random(14);
    let elm = t.create_shop("Elm Street").await;
    for package in ["qc-gate", "pay-before-pickup", "deposit-required"] {
        t.install(package, json!({})).await;
    }
    t.install("nearest-stock", json!({ "shop_order": [elm] })).await;
    let flaky = t.install("guest-judge", json!({})).await;
    let alice = t.create_technician("Alice").await;
    let mut items = Vec::new();
    for number in 0..6 {
        let shop = if number % 3 == 2 { &elm } else { &t.shop };
        items.push(t.create_item(shop, &format!("SKU-{number}"), 8).await);
    }
    items.push(t.create_item(&elm, "SKU-0", 8).await);
    let (mut allowed, mut refused, mut short) = (0, 0, 0);
    for number in 0..count.unwrap_or(60) {
        let does = ["allow", "allow", "allow", "warn", "deny", "approved", "trap", "error"];
        let does = does[random.below(does.len())];
        t.reconfigure(&flaky, json!({ "settings": { "pre_transition": does } })).await.ok();
        if number % 10 == 0 {
            for item in &items {
                let shown = t.get(&format!("/v1/inventory/{item}")).await.ok();
                let reserved = shown["quantity_reserved"].as_i64().expect("a number");
                let quantity = reserved + i64::try_from(random.below(9)).expect("small");
                t.patch(&format!("/v1/inventory/{item}"), json!({ "quantity": quantity }))
                    .await
                    .ok();
            }
        }
        let ticket = t.create_ticket(&t.shop).await;
        let mut change = json!({});
        if random.chance(2) {
            let item = &items[random.below(items.len())];
            change["parts"] = json!([{ "inventory_id": item, "quantity": 1 + random.below(4) }]);
        }
        if random.chance(2) {
            change["assigned_to"] = json!(alice);
            change["labor_hours"] = json!(1 + random.below(3));
            change["labor_rate"] = json!(50);
            change["diagnostics"] = json!({ "findings": "Glass." });
        }
        t.change(&ticket, change).await.ok();
        for _ in 0..8 {
            let found = t.get(&format!("/v1/tickets/{ticket}/transitions")).await.ok();
            let edges = found["transitions"].as_array().expect("edges");
            if edges.is_empty() {
                break;
            }
            // Mostly ahead: the first edge; the last one voids the ticket.
            let index = if random.chance(4) { random.below(edges.len()) } else { 0 };
            let edge = &edges[index];
            let to = edge["to_status"].as_str().expect("a status");
            let done = t.transition(&ticket, to).await;
            compare(edge, done.status, &done.body);
            match (done.status, edge["reasons"][0]["code"].as_str()) {
                (200, _) => allowed += 1,
                (_, Some("INSUFFICIENT_STOCK")) => short += 1,
                _ => refused += 1,
            }
            if done.status != 200 {
                if random.chance(2) {
                    let paid = json!({ "amount": 1 + random.below(200), "method": "card" });
                    t.post(&format!("/v1/tickets/{ticket}/payments"), paid).await;
                } else {
                    break;
                }
            }
        }
    }
    assert!(allowed > 30 && refused > 10 && short > 0, "{allowed} {refused} {short}");
}

/// The runs without what differs from call to call.
fn runs(of: &Value) -> Vec<Value> {
    let fields = ["plugin", "hook", "outcome", "fuel", "violations"];
    let run = |run: &Value| fields.iter().map(|field| run[field].clone()).collect();
    of.as_array().expect("runs").iter().map(run).collect()
}

fn compare(edge: &Value, status: u16, body: &Value) {
    assert_eq!(edge["allowed"] == true, status == 200, "{edge} and {body}");
    if status == 200 {
        assert_eq!(runs(&edge["runs"]), runs(&body["plugins"]));
        return;
    }
    let (reason, error) = (&edge["reasons"][0], &body["error"]);
    assert_eq!(reason["code"], error["code"], "{edge} and {body}");
    assert_eq!(runs(&edge["runs"]), runs(&error["details"]["plugins"]));
    if reason["code"] == "INSUFFICIENT_STOCK" {
        assert_eq!(reason["lines"], error["details"]["lines"]);
    }
}
