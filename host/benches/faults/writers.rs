//! Clients that create tickets, reserve a part, move them and take a payment, one write after the other.
//!
//! Invariant: every write has an Idempotency-Key of its own, and is repeated with it on the other node until there is
//! a final response.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::ledger::{Ledger, What, Write};
use crate::live::client::Client;
use crate::live::organization::{Organization, text};
use crate::wire::Request;

/// How long one try may take, and all tries of a write together.
const TRY_MAX: Duration = Duration::from_secs(5);
const REPEAT_FOR: Duration = Duration::from_secs(30);

const BETWEEN_TRIES: Duration = Duration::from_millis(100);
const BETWEEN_WRITES: Duration = Duration::from_millis(20);

const STOCK: i64 = 1_000_000;

pub struct Load {
    ended: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Ledger>>,
}

impl Load {
    pub async fn start(
        addresses: &[String; 2],
        organization: &Organization,
        clients: usize,
    ) -> anyhow::Result<Load> {
        let ended = Arc::new(AtomicBool::new(false));
        let mut load = Load { ended: ended.clone(), clients: Vec::new() };
        for number in 0..clients {
            let nodes = addresses.each_ref().map(|address| Client::new(address));
            // Of its own, so that writers do not wait for each other.
            let item = json!({
                "shop_id": organization.shop, "sku": format!("PART-{number}"), "name": "A part", "category": "parts",
                "quantity": STOCK, "cost": 80, "selling_price": 160,
            });
            let item = text(&organization.post(&nodes[0], "/v1/inventory", &item).await?, "id")?;
            let (organization, ended, node) = (organization.clone(), ended.clone(), number % 2);
            let ledger = Ledger::default();
            let writer =
                Writer { number, organization, item, nodes, node, ended, writes: 0, ledger };
            load.clients.push(tokio::spawn(writer.write_until_ended()));
        }
        Ok(load)
    }

    /// Waits for the writes under way.
    pub async fn end(self) -> Ledger {
        self.ended.store(true, Ordering::Relaxed);
        let mut all = Ledger::default();
        for client in self.clients {
            match client.await {
                Ok(ledger) => all.append(ledger),
                Err(error) => all.refused.push(format!("a client broke: {error}")),
            }
        }
        all
    }
}

struct Writer {
    number: usize,
    organization: Organization,
    item: String,
    nodes: [Client; 2],
    /// The index of the next one.
    node: usize,
    ended: Arc<AtomicBool>,
    writes: usize,
    ledger: Ledger,
}

impl Writer {
    async fn write_until_ended(mut self) -> Ledger {
        while !self.ended.load(Ordering::Relaxed) {
            // Its failure is in the ledger.
            let _ = self.one_ticket().await;
        }
        self.ledger
    }

    /// `None` when a write was not acknowledged: what the ticket is like is unknown then.
    async fn one_ticket(&mut self) -> Option<()> {
        let token = format!("device {} {}", self.number, self.writes);
        let body = self.organization.ticket(&token);
        let made = self.write("POST", "/v1/tickets", &body, "", &token, What::Created).await?;
        let id = text(&made, "id").ok()?;
        let path = format!("/v1/tickets/{id}");
        let parts = json!({ "parts": [{ "inventory_id": self.item, "quantity": 1 }] });
        self.write("PATCH", &path, &parts, &id, &token, What::Parts).await?;
        for status in ["TRIAGE", "DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED"] {
            let path = format!("{path}/transition");
            let body = json!({ "new_status": status });
            self.write("POST", &path, &body, &id, &token, What::Moved(status)).await?;
        }
        let body = json!({ "amount": 10, "method": "card" });
        self.write("POST", &format!("{path}/payments"), &body, &id, &token, What::Paid).await?;
        Some(())
    }

    async fn write(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
        ticket: &str,
        token: &str,
        what: What,
    ) -> Option<Value> {
        tokio::time::sleep(BETWEEN_WRITES).await;
        self.writes += 1;
        let key = format!("bench-{}-{}", self.number, self.writes);
        let started = Instant::now();
        let about = format!("{what:?} of {token:?}");
        match self.repeat(method, path, body, &key, started).await {
            Ok(answer) => {
                let id = if ticket.is_empty() { &answer["id"] } else { &json!(ticket) };
                self.ledger.acknowledged.push(Write {
                    ticket: id.as_str().unwrap_or_default().to_owned(),
                    token: token.to_owned(),
                    what,
                    version: answer["version"].as_i64().unwrap_or_default(),
                    started,
                    acknowledged: Instant::now(),
                });
                Some(answer)
            }
            Err(Unacknowledged::GaveUp(last)) => {
                self.ledger.given_up.push(format!("{about}: {last}"));
                None
            }
            Err(Unacknowledged::Refused(answer)) => {
                self.ledger.refused.push(format!("{about}: {answer}"));
                None
            }
        }
    }

    async fn repeat(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
        key: &str,
        started: Instant,
    ) -> Result<Value, Unacknowledged> {
        let body = body.to_string();
        let request = Request {
            method,
            path,
            key: &self.organization.key,
            idempotency_key: Some(key),
            kind: "application/json",
            body: body.as_bytes(),
        };
        loop {
            let last = match self.nodes[self.node].send(&request, TRY_MAX).await {
                Ok(reply) => {
                    let text =
                        || format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body));
                    match reply.status {
                        200..300 => {
                            return serde_json::from_slice(&reply.body)
                                .map_err(|error| Unacknowledged::Refused(error.to_string()));
                        }
                        408 | 429 | 500.. => text(),
                        _ if reply.is_temporary => text(),
                        _ => return Err(Unacknowledged::Refused(text())),
                    }
                }
                Err(error) => format!("{error:#}"),
            };
            if started.elapsed() > REPEAT_FOR {
                return Err(Unacknowledged::GaveUp(last));
            }
            self.node = 1 - self.node;
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }
}

enum Unacknowledged {
    /// With the last response or error.
    GaveUp(String),
    Refused(String),
}
