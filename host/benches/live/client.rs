//! Connections to one server that are kept for the next request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::wire::{Reply, Request, Wire};

/// Well below the server's own limit, so that no request meets a connection that is being closed.
const IDLE_MAX: Duration = Duration::from_secs(20);

pub struct Client {
    address: String,
    idle: Mutex<Vec<(Instant, Wire)>>,
}

impl Client {
    pub fn new(address: &str) -> Client {
        Client { address: address.to_owned(), idle: Mutex::default() }
    }

    /// Sends a request over an idle connection or a new one.
    pub async fn send(&self, request: &Request<'_>, limit: Duration) -> anyhow::Result<Reply> {
        let exchange = async {
            let mut wire = match self.take() {
                Some(wire) => wire,
                None => Wire::connect(&self.address).await?,
            };
            let reply = wire.request(request).await?;
            if !reply.closes {
                self.idle().push((Instant::now(), wire));
            }
            anyhow::Ok(reply)
        };
        tokio::time::timeout(limit, exchange)
            .await
            .with_context(|| format!("no response within {} s", limit.as_secs_f64()))?
    }

    /// Over a connection of its own, as a balancer does. Returns the status.
    pub async fn probe(&self, path: &str, limit: Duration) -> anyhow::Result<u16> {
        let exchange = async {
            let mut wire = Wire::connect(&self.address).await?;
            let request = get(path);
            anyhow::Ok(wire.request(&request).await?.status)
        };
        tokio::time::timeout(limit, exchange).await?
    }

    fn take(&self) -> Option<Wire> {
        let mut idle = self.idle();
        idle.retain(|(since, _)| since.elapsed() < IDLE_MAX);
        idle.pop().map(|(_, wire)| wire)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Wire)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without a key.
fn get(path: &str) -> Request<'_> {
    Request { method: "GET", path, key: "", idempotency_key: None, kind: "text/plain", body: b"" }
}
