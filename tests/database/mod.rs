//! How nodes reach PostgreSQL: with TLS, and through a pooler of connections.

mod pooler;
mod tls;

use crate::support::builders::ticket_body;
use crate::support::client::Client;
use crate::support::{all_at_once, json};

/// A node works: requests at the same time, each with transactions and plugins.
async fn expect_work(client: &Client, shop: &str) {
    client.get("/readyz").await.expect_status(200);
    for round in 0..3 {
        let body = ticket_body(shop, json!({ "issue_description": format!("Round {round}") }));
        let created = all_at_once((0..20).map(|_| client.post("/v1/tickets", body.clone()))).await;
        let ids: Vec<String> =
            created.into_iter().map(|reply| reply.expect_status(201).id()).collect();
        let moved = ids.iter().map(|id| client.transition(id, "TRIAGE"));
        for reply in all_at_once(moved).await {
            assert_eq!(reply.ok()["to_status"], "TRIAGE");
        }
    }
}
