//! Delivers to one endpoint for as long as something is due there, under a lease that no other node has: one request
//! after the other, in order. Where the operator allows a few at a time they are begun in order, and there is one alone
//! while the endpoint fails, so that a receiver that hangs takes little of what all share.
//!
//! A lease is longer than an attempt can take, and an attempt is begun only while enough of it is left: whatever this
//! node does, it has ended before another one may begin. A crash leaves the lease to run out; what was not written down
//! by then is sent again, with the same id.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::App;
use crate::model::ids::{DeliveryId, LeaseId, OrgId, WebhookId};
use crate::model::webhook::Webhook;
use crate::webhooks::attempt;
use crate::webhooks::store::endpoints;
use crate::webhooks::store::leases::{self, Due};

/// How far the clocks of two nodes may differ.
const SKEW: Duration = Duration::from_secs(10);

type Ended = (DeliveryId, Result<bool, sqlx::Error>);

pub struct Lane {
    app: App,
    org: OrgId,
    webhook_id: WebhookId,
    lease: Uuid,
    /// When the lease ends, by this machine's own clock.
    leased_until: Instant,
    endpoint: Option<Arc<Webhook>>,
    queue: VecDeque<Due>,
    under_way: HashSet<DeliveryId>,
    running: JoinSet<Ended>,
    attempts: usize,
}

fn lease_time(app: &App) -> Duration {
    app.config.webhooks.timeout() * 3 + SKEW + SKEW / 2
}

impl Lane {
    /// Takes the endpoint, unless somebody has it.
    pub async fn take(
        app: &App,
        org: OrgId,
        webhook_id: WebhookId,
    ) -> Result<Option<Lane>, sqlx::Error> {
        let lease: LeaseId = app.clock.new_id();
        let leased_until = Instant::now() + lease_time(app);
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let until = now + lease_time(app);
        if !leases::lease(&mut tx, (org, webhook_id), lease.0, now, until).await? {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(Lane {
            app: app.clone(),
            org,
            webhook_id,
            lease: lease.0,
            leased_until,
            endpoint: None,
            queue: VecDeque::new(),
            under_way: HashSet::new(),
            running: JoinSet::new(),
            attempts: 0,
        }))
    }

    /// Runs until nothing is due or `stop` is cancelled. Returns how many attempts were made.
    pub async fn run(mut self, stop: CancellationToken) -> usize {
        if let Err(error) = self.deliver(&stop).await {
            // The lease runs out by itself; until then nobody tries.
            tracing::error!(webhook_id = %self.webhook_id, ?error, "deliveries to a webhook are postponed");
        }
        while self.running.join_next().await.is_some() {}
        self.attempts
    }

    async fn deliver(&mut self, stop: &CancellationToken) -> Result<(), sqlx::Error> {
        loop {
            while !stop.is_cancelled() && self.running.len() < self.width() {
                let Some((endpoint, due)) = self.next().await? else { break };
                self.begin(endpoint, due).await?;
            }
            match self.running.join_next().await {
                Some(Ok((delivery, result))) => {
                    self.under_way.remove(&delivery);
                    if !result? {
                        self.queue.clear();
                    }
                }
                Some(Err(error)) => {
                    // As after an error: the lease runs out by itself.
                    tracing::error!(webhook_id = %self.webhook_id, ?error, "a delivery attempt was aborted");
                    return Ok(());
                }
                None if stop.is_cancelled() => {
                    let mut tx = self.app.db.begin().await?;
                    leases::release(&mut tx, self.key(), self.lease).await?;
                    return tx.commit().await;
                }
                None if self.endpoint.is_none() => return Ok(()), // given back, or lost
                None => {}
            }
        }
    }

    /// Requests that may be under way.
    fn width(&self) -> usize {
        let failing = self.endpoint.as_ref().is_some_and(|webhook| webhook.failing_since.is_some());
        if failing { 1 } else { self.app.config.webhooks.webhook_per_endpoint.max(1) }
    }

    fn key(&self) -> (OrgId, WebhookId) {
        (self.org, self.webhook_id)
    }

    /// The next delivery. None when there is none now; when nothing is under way either, the lease is given back.
    async fn next(&mut self) -> Result<Option<(Arc<Webhook>, Due)>, sqlx::Error> {
        if !self.keep_lease().await? {
            return Ok(None);
        }
        if self.queue.is_empty() {
            self.look().await?;
            if self.queue.is_empty() && self.under_way.is_empty() {
                self.look_again_or_release().await?;
            }
        }
        let endpoint = self.endpoint.clone();
        Ok(endpoint.and_then(|endpoint| Some((endpoint, self.queue.pop_front()?))))
    }

    /// Few at a time, since what is in the queue does not see changes of the endpoint.
    async fn look(&mut self) -> Result<(), sqlx::Error> {
        let mut conn = self.app.db.read().await?;
        let webhook = endpoints::get(&mut conn, self.org, self.webhook_id).await?;
        self.endpoint = webhook.filter(|webhook| webhook.enabled).map(Arc::new);
        if self.endpoint.is_none() {
            return Ok(());
        }
        let limit = self.width() + self.under_way.len();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let due = leases::due(&mut conn, self.key(), self.app.clock.now(), limit).await?;
        let under_way = &self.under_way;
        self.queue.extend(due.into_iter().filter(|due| !under_way.contains(&due.delivery_id)));
        Ok(())
    }

    /// Gives the lease back, unless something has become due since the last look: whoever hands on events waits for this
    /// transaction or is seen by it, so nothing is left lying.
    async fn look_again_or_release(&mut self) -> Result<(), sqlx::Error> {
        let mut tx = self.app.db.begin().await?;
        if !leases::release(&mut tx, self.key(), self.lease).await? {
            self.endpoint = None;
            return Ok(());
        }
        if self.endpoint.is_some() {
            let due = leases::due(&mut tx, self.key(), self.app.clock.now(), 1).await?;
            if !due.is_empty() {
                tx.rollback().await?;
                return self.look().await;
            }
        }
        tx.commit().await?;
        self.endpoint = None;
        Ok(())
    }

    /// Sees to it that the lease is longer than one more attempt; false when it is lost.
    async fn keep_lease(&mut self) -> Result<bool, sqlx::Error> {
        let left = self.leased_until.saturating_duration_since(Instant::now());
        if left >= self.app.config.webhooks.timeout() + SKEW {
            return Ok(true);
        }
        let leased_until = Instant::now() + lease_time(&self.app);
        let until = self.app.clock.now() + lease_time(&self.app);
        let mut tx = self.app.db.begin().await?;
        let renewed = leases::renew(&mut tx, self.key(), self.lease, until).await?;
        tx.commit().await?;
        if renewed {
            self.leased_until = leased_until;
        } else {
            self.queue.clear();
            self.endpoint = None;
        }
        Ok(renewed)
    }

    async fn begin(&mut self, endpoint: Arc<Webhook>, due: Due) -> Result<(), sqlx::Error> {
        let slots = self.app.webhooks.slots.clone();
        let Ok(slot) = slots.acquire_owned().await else { return Ok(()) }; // never closed
        // It may have taken a while.
        if !self.keep_lease().await? {
            return Ok(());
        }
        self.attempts += 1;
        self.under_way.insert(due.delivery_id);
        self.running.spawn(attempt(self.app.clone(), self.org, endpoint, due, slot));
        Ok(())
    }
}

async fn attempt(
    app: App,
    org: OrgId,
    endpoint: Arc<Webhook>,
    due: Due,
    slot: OwnedSemaphorePermit,
) -> Ended {
    let (attempt, failure) = attempt::send(&app, &endpoint, &due.event, due.attempts + 1).await;
    drop(slot);
    let written = attempt::record(&app, org, &endpoint, due.delivery_id, &attempt, failure).await;
    (due.delivery_id, written)
}
