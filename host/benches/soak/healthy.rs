//! The organization that is measured: it creates tickets, moves, reads and lists them, at a fixed rate, and has a
//! receiver of webhooks that answers at once.
//!
//! Invariant: a request is sent when it is due, whatever became of those before it, and its time counts from then.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::component;
use crate::live::client::Client;
use crate::live::organization::{Organization, text};
use crate::live::receiver::{self, Inbox};
use crate::samples::Samples;
use crate::wire::Request;

pub const KINDS: [&str; 4] = ["create", "transition", "get", "list"];

/// What ten requests in a row are.
const MIX: [usize; 10] = [0, 2, 1, 3, 1, 0, 2, 1, 3, 2];

const WAY: [&str; 4] = ["TRIAGE", "DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED"];

const LIMIT: Duration = Duration::from_secs(10);

/// Enough for each kind to find a ticket that no other request is using.
const TICKETS: usize = 100;

pub struct Healthy {
    organization: Organization,
    client: Arc<Client>,
    inbox: Inbox,
    /// Tickets with how far they are on their way.
    tickets: Mutex<VecDeque<(String, usize)>>,
    sent: AtomicUsize,
}

/// Times by kind.
#[derive(Default)]
pub struct Phase {
    pub kinds: [Samples; KINDS.len()],
}

impl Phase {
    pub fn all(&self) -> Samples {
        let mut all = Samples::default();
        self.kinds.iter().for_each(|samples| all.append(samples));
        all
    }
}

impl Healthy {
    /// With the sample plugins installed.
    pub async fn prepare(
        organization: Organization,
        client: Arc<Client>,
    ) -> anyhow::Result<Healthy> {
        let plugins = [
            ("intake-triage", json!({ "prices": [{ "price": 89 }] })),
            ("nearest-stock", json!({ "safety_stock": 1 })),
            ("qc-gate", json!({ "approval_threshold": 200.00 })),
        ];
        for (name, settings) in plugins {
            let component = component::build(name)?;
            let more = json!({ "settings": settings });
            organization.install(&client, &component, &more).await?;
        }
        let inbox = Inbox::default();
        let url = receiver::answering(inbox.clone()).await?;
        let events = ["ticket.created", "ticket.transitioned"];
        organization.subscribe(&client, &url, &events).await?;
        let (tickets, sent) = (Mutex::default(), AtomicUsize::new(0));
        let healthy = Healthy { organization, client, inbox, tickets, sent };
        for _ in 0..TICKETS {
            healthy.create().await?;
        }
        Ok(healthy)
    }

    /// Sends so many requests a second for so long.
    pub async fn send(self: Arc<Self>, rate: f64, length: Duration) -> Phase {
        let started = Instant::now();
        let mut under_way = JoinSet::new();
        let mut phase = Phase::default();
        for number in 0..(rate * length.as_secs_f64()) as usize {
            let due = started + Duration::from_secs_f64(number as f64 / rate);
            tokio::time::sleep_until(due.into()).await;
            under_way.spawn(self.clone().send_one(due));
            while let Some(Ok((kind, sample))) = under_way.try_join_next() {
                phase.kinds[kind].append(&sample);
            }
        }
        while let Some(Ok((kind, sample))) = under_way.join_next().await {
            phase.kinds[kind].append(&sample);
        }
        phase
    }

    /// The times of the webhooks since the last call.
    pub async fn settle(&self, limit: Duration) -> Samples {
        self.inbox.settle(limit).await
    }

    async fn send_one(self: Arc<Self>, due: Instant) -> (usize, Samples) {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let kind = MIX[number % MIX.len()];
        let done = match kind {
            0 => self.create().await,
            1 => self.transition().await,
            2 => self.get().await,
            _ => self.request("GET", "/v1/tickets?limit=50", None).await.map(drop),
        };
        let mut sample = Samples::default();
        sample.add(due, &done);
        (kind, sample)
    }

    async fn create(&self) -> anyhow::Result<()> {
        let body = self.organization.ticket("MacBook Pro 16\"");
        let made = self.request("POST", "/v1/tickets", Some(&body)).await?;
        let id = text(&made, "id")?;
        self.inbox.expect(&id, "");
        self.tickets().push_back((id, 0));
        Ok(())
    }

    async fn transition(&self) -> anyhow::Result<()> {
        // At the end of its way a ticket is only read.
        let next = loop {
            let Some((id, step)) = self.tickets().pop_front() else { break None };
            if step < WAY.len() {
                break Some((id, step));
            }
        };
        let Some((id, step)) = next else { return self.create().await };
        let path = format!("/v1/tickets/{id}/transition");
        self.request("POST", &path, Some(&json!({ "new_status": WAY[step] }))).await?;
        self.inbox.expect(&id, WAY[step]);
        self.tickets().push_back((id, step + 1));
        Ok(())
    }

    async fn get(&self) -> anyhow::Result<()> {
        let id = self.tickets().back().map(|(id, _)| id.clone());
        let Some(id) = id else { return self.create().await };
        self.request("GET", &format!("/v1/tickets/{id}"), None).await.map(drop)
    }

    async fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request {
            method,
            path,
            key: &self.organization.key,
            idempotency_key: None,
            kind: "application/json",
            body: body.as_bytes(),
        };
        let reply = self.client.send(&request, LIMIT).await?;
        let text = String::from_utf8_lossy(&reply.body);
        ensure!((200..300).contains(&reply.status), "{method} {path}: {} {text}", reply.status);
        // What is read is not parsed: this thread measures.
        if method == "GET" { Ok(Value::Null) } else { Ok(serde_json::from_slice(&reply.body)?) }
    }

    fn tickets(&self) -> MutexGuard<'_, VecDeque<(String, usize)>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
