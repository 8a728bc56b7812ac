//! What the sides of the bench serve from, and the requests that they get.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use repairops::model::ids::OrgId;
use repairops::model::people::Scope;
use repairops::{App, keys, organizations};
use serde_json::{Value, json};

use super::{Side, fair, lean};
use crate::wire::{self, Wire};

const TICKETS: usize = 2_000;
const CUSTOMERS: usize = 100;

/// The servers, and what there is to ask for.
pub struct Bench {
    pub app: App,
    pub org: OrgId,
    pub key: String,
    pub tickets: Vec<String>,
    shop: String,
    api: String,
    fair: String,
    lean: String,
    /// Counts the tickets that were made, over all sides.
    made: AtomicUsize,
    /// Of each client, so that all tickets are used alike.
    steps: Vec<AtomicUsize>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
pub enum Operation {
    List,
    Get,
    Create,
    Transition,
}

impl Operation {
    pub const ALL: [Operation; 4] =
        [Operation::List, Operation::Get, Operation::Create, Operation::Transition];

    pub fn name(self) -> &'static str {
        match self {
            Operation::List => "list",
            Operation::Get => "get",
            Operation::Create => "create",
            Operation::Transition => "transition",
        }
    }
}

/// Method, path and body.
pub type Asked = (&'static str, String, Option<Value>);

impl Bench {
    pub fn address(&self, side: Side) -> &str {
        match side {
            Side::Api => &self.api,
            Side::Fair => &self.fair,
            Side::Lean => &self.lean,
        }
    }

    /// What one step of a client sends. A transition is followed by its way back, so that every turn finds every ticket
    /// in the same status.
    pub fn requests(&self, operation: Operation, id: &str) -> Vec<Asked> {
        match operation {
            Operation::List => vec![("GET", "/v1/tickets?limit=50".to_owned(), None)],
            Operation::Get => vec![("GET", format!("/v1/tickets/{id}"), None)],
            Operation::Create => {
                let number = self.made.fetch_add(1, Ordering::Relaxed);
                vec![("POST", "/v1/tickets".to_owned(), Some(ticket(&self.shop, number)))]
            }
            Operation::Transition => {
                ["DIAGNOSTICS", "TRIAGE"].map(|status| transition(id, status)).into()
            }
        }
    }
}

pub async fn prepare(app: App, connections: usize) -> anyhow::Result<Bench> {
    let org: OrgId = app.clock.new_id();
    let mut tx = app.db.begin().await?;
    organizations::store::insert(&mut tx, org, "Bench", "enterprise", app.clock.now()).await?;
    tx.commit().await?;
    let new = keys::create::NewKey::new("bench", Scope::Admin);
    let key = keys::create::create(&app.db, &app.clock, org, new).await?.text;
    let api = wire::serve(&app).await?;
    let fair = super::serve(fair::router(app.clone())).await?;
    let lean = super::serve(lean::router(app.clone(), org)).await?;
    let mut wire = Wire::connect(&api).await?;
    let made = wire.send("POST", "/v1/shops", &key, Some(&json!({ "name": "Bench" }))).await?;
    let shop = text(&made, "id")?;
    let mut tickets = Vec::new();
    for number in 0..TICKETS {
        let made = wire.send("POST", "/v1/tickets", &key, Some(&ticket(&shop, number))).await?;
        let id = text(&made, "id")?;
        let (method, path, body) = transition(&id, "TRIAGE");
        wire.send(method, &path, &key, body.as_ref()).await?;
        tickets.push(id);
    }
    let made = AtomicUsize::new(0);
    let steps = (0..connections).map(|_| AtomicUsize::new(0)).collect();
    Ok(Bench { app, org, key, tickets, shop, api, fair, lean, made, steps })
}

pub fn text(body: &Value, field: &str) -> anyhow::Result<String> {
    Ok(body[field].as_str().with_context(|| format!("no {field} in {body}"))?.to_owned())
}

/// One of a hundred customers brings a device.
fn ticket(shop: &str, number: usize) -> Value {
    let email = format!("jane{}@example.com", number % CUSTOMERS);
    json!({
        "shop_id": shop,
        "customer": { "name": "Jane Smith", "email": email },
        "device_identifier": "MacBook Pro 16\"",
        "issue_description": "Won't turn on, possible liquid damage",
        "device_category": "laptop",
    })
}

fn transition(id: &str, status: &str) -> Asked {
    ("POST", format!("/v1/tickets/{id}/transition"), Some(json!({ "new_status": status })))
}

/// All clients ask one side for so long; returns how long each request took.
pub async fn turn(
    bench: &Arc<Bench>,
    operation: Operation,
    side: Side,
    length: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + length;
    let clients: Vec<_> = (0..bench.steps.len())
        .map(|client| tokio::spawn(send(bench.clone(), operation, side, client, end)))
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await??);
    }
    Ok(times)
}

async fn send(
    bench: Arc<Bench>,
    operation: Operation,
    side: Side,
    client: usize,
    end: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut wire = Wire::connect(bench.address(side)).await?;
    let mut times = Vec::new();
    // Each client has tickets of its own, so that transitions do not meet.
    let mine: Vec<&String> = bench.tickets.iter().skip(client).step_by(bench.steps.len()).collect();
    while Instant::now() < end {
        let step = bench.steps[client].fetch_add(1, Ordering::Relaxed);
        for (method, path, body) in bench.requests(operation, mine[step % mine.len()]) {
            let started = Instant::now();
            wire.send(method, &path, &bench.key, body.as_ref()).await?;
            times.push(started.elapsed());
        }
    }
    Ok(times)
}
