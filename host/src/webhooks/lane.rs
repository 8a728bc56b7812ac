//! Delivers to one endpoint while deliveries are due: one request at a time, in order. If the operator allows several
//! at a time, they start in order, and only one runs while the endpoint fails, so that a receiver that hangs uses few
//! of the shared slots.
//!
//! Invariant: at most one node sends to an endpoint. A lease is longer than an attempt, and an attempt starts only
//! while enough of the lease is left. After a crash the lease expires, and attempts that were not recorded are sent
//! again with the same id.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::App;
use crate::db::Fault;
use crate::model::ids::{DeliveryId, LeaseId, OrgId, WebhookId};
use crate::model::webhook::Webhook;
use crate::webhooks::attempt;
use crate::webhooks::slots::{SLOW_AFTER, Slot};
use crate::webhooks::store::endpoints;
use crate::webhooks::store::leases::{self, Due, DueEndpoint};

/// Before an endpoint is tried again whose attempt could not be recorded.
const PAUSE: Duration = Duration::from_secs(10);

/// The maximum difference between the clocks of two nodes.
const SKEW: Duration = Duration::from_secs(10);

type Ended = (DeliveryId, Slot, Result<bool, sqlx::Error>);

pub struct Lane {
    app: App,
    org: OrgId,
    webhook_id: WebhookId,
    lease: Uuid,
    /// When the lease expires, by this machine's own clock.
    leased_until: Instant,
    endpoint: Option<Arc<Webhook>>,
    queue: VecDeque<Due>,
    in_flight: HashSet<DeliveryId>,
    /// The slot of the next attempt.
    slot: Option<Slot>,
    running: JoinSet<Ended>,
    attempts: usize,
}

fn lease_time(app: &App) -> Duration {
    app.config.webhooks.timeout() * 3 + SKEW + SKEW / 2
}

impl Lane {
    /// Acquires endpoints, each with the slot of its first attempt. Those that another node has are left out.
    pub async fn acquire(
        app: &App,
        endpoints: Vec<(DueEndpoint, Slot)>,
    ) -> Result<Vec<Lane>, sqlx::Error> {
        let lease: LeaseId = app.clock.new_id();
        let leased_until = Instant::now() + lease_time(app);
        let now = app.clock.now();
        let until = now + lease_time(app);
        let keys: Vec<_> = endpoints.iter().map(|(due, _)| (due.org_id, due.id)).collect();
        let mut tx = app.db.begin().await?;
        let acquired = leases::acquire(&mut tx, &keys, (lease.0, app.node.id), now, until).await?;
        tx.commit().await?;
        let acquired: HashSet<_> = acquired.into_iter().collect();
        let endpoints = endpoints.into_iter();
        let lanes = endpoints.filter(|(due, _)| acquired.contains(&(due.org_id, due.id)));
        let lane = |(due, slot): (DueEndpoint, Slot)| Lane {
            app: app.clone(),
            org: due.org_id,
            webhook_id: due.id,
            lease: lease.0,
            leased_until,
            endpoint: None,
            queue: VecDeque::new(),
            in_flight: HashSet::new(),
            slot: Some(slot),
            running: JoinSet::new(),
            attempts: 0,
        };
        Ok(lanes.map(lane).collect())
    }

    /// Runs until nothing is due or `stop` is cancelled. Returns how many attempts were made.
    pub async fn run(mut self, stop: CancellationToken) -> usize {
        let result = self.deliver(&stop).await;
        while self.running.join_next().await.is_some() {}
        if let Err(error) = result {
            tracing::error!(webhook_id = %self.webhook_id, ?error, "deliveries to a webhook are postponed");
            // After any other error the lease expires by itself, and until then no node retries.
            if Fault::of(&error) != Fault::Internal {
                self.release_later().await;
            }
        }
        self.attempts
    }

    /// After an error of the database, which may be over soon. Not at once: an attempt that could not be recorded is made
    /// again, and a receiver must not be flooded while a disk is full. If this fails too, the lease expires.
    async fn release_later(&self) {
        let until = self.app.clock.now() + PAUSE;
        let released = async {
            let mut tx = self.app.db.begin().await?;
            leases::release_at(&mut tx, self.key(), self.lease, until).await?;
            tx.commit().await
        };
        if let Err(error) = released.await {
            tracing::warn!(webhook_id = %self.webhook_id, ?error, "a webhook could not be released");
        }
    }

    async fn deliver(&mut self, stop: &CancellationToken) -> Result<(), sqlx::Error> {
        loop {
            while !stop.is_cancelled() && self.running.len() < self.concurrency() {
                if !self.running.is_empty() && !self.has_another_slot() {
                    break;
                }
                let Some((endpoint, due)) = self.next().await? else { break };
                self.start(endpoint, due, stop).await?;
            }
            match self.running.join_next().await {
                Some(Ok((delivery, slot, result))) => {
                    self.in_flight.remove(&delivery);
                    self.slot.get_or_insert(slot);
                    if !result? {
                        self.queue.clear();
                    }
                }
                Some(Err(error)) => {
                    // As after an error: the lease expires by itself.
                    tracing::error!(webhook_id = %self.webhook_id, ?error, "a delivery attempt was aborted");
                    return Ok(());
                }
                None if stop.is_cancelled() => {
                    let mut tx = self.app.db.begin().await?;
                    leases::release(&mut tx, self.key(), self.lease).await?;
                    return tx.commit().await;
                }
                None if self.endpoint.is_none() => return Ok(()), // released, or lost
                None => {}
            }
        }
    }

    /// The maximum number of concurrent requests.
    fn concurrency(&self) -> usize {
        let failing = self.endpoint.as_ref().is_some_and(|webhook| webhook.failing_since.is_some());
        if failing { 1 } else { self.app.config.webhooks.webhook_per_endpoint.max(1) }
    }

    fn key(&self) -> (OrgId, WebhookId) {
        (self.org, self.webhook_id)
    }

    /// The next delivery, or `None` if none can start now. Releases the lease if none is in flight either.
    async fn next(&mut self) -> Result<Option<(Arc<Webhook>, Due)>, sqlx::Error> {
        if !self.ensure_lease().await? {
            return Ok(None);
        }
        if self.queue.is_empty() {
            self.fill_queue().await?;
            if self.queue.is_empty() && self.in_flight.is_empty() {
                self.refill_or_release().await?;
            }
        }
        let endpoint = self.endpoint.clone();
        Ok(endpoint.and_then(|endpoint| Some((endpoint, self.queue.pop_front()?))))
    }

    /// Reads few deliveries at a time, because the queue does not see changes of the endpoint.
    async fn fill_queue(&mut self) -> Result<(), sqlx::Error> {
        let mut conn = self.app.db.read().await?;
        let webhook = endpoints::get(&mut conn, self.org, self.webhook_id).await?;
        self.endpoint = webhook.filter(|webhook| webhook.enabled).map(Arc::new);
        if self.endpoint.is_none() {
            return Ok(());
        }
        let limit = self.concurrency() + self.in_flight.len();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let due = leases::due(&mut conn, self.key(), self.app.clock.now(), limit).await?;
        let in_flight = &self.in_flight;
        self.queue.extend(due.into_iter().filter(|due| !in_flight.contains(&due.delivery_id)));
        Ok(())
    }

    /// Releases the lease, unless a delivery has become due since the last read. The fan-out locks the endpoint too,
    /// so it either waits for this transaction or its deliveries are seen here: none is left behind.
    async fn refill_or_release(&mut self) -> Result<(), sqlx::Error> {
        let mut tx = self.app.db.begin().await?;
        if !leases::release(&mut tx, self.key(), self.lease).await? {
            self.endpoint = None;
            return Ok(());
        }
        if self.endpoint.is_some() {
            let due = leases::due(&mut tx, self.key(), self.app.clock.now(), 1).await?;
            if !due.is_empty() {
                tx.rollback().await?;
                return self.fill_queue().await;
            }
        }
        tx.commit().await?;
        self.endpoint = None;
        Ok(())
    }

    /// Renews the lease if it is too short for one more attempt. Returns false if the lease is lost.
    async fn ensure_lease(&mut self) -> Result<bool, sqlx::Error> {
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

    /// For an attempt beside others: it does not wait for a slot.
    fn has_another_slot(&mut self) -> bool {
        let Some(endpoint) = &self.endpoint else { return true };
        if self.slot.is_none() {
            self.slot = self.app.webhooks.slots.try_acquire(endpoint.standing());
        }
        self.slot.is_some()
    }

    async fn start(
        &mut self,
        endpoint: Arc<Webhook>,
        due: Due,
        stop: &CancellationToken,
    ) -> Result<(), sqlx::Error> {
        let standing = endpoint.standing();
        let slot = match self.slot.take().filter(|slot| slot.is_of(standing)) {
            Some(slot) => slot,
            None => {
                let waiting = self.app.webhooks.slots.acquire(standing);
                let Some(Some(slot)) = stop.run_until_cancelled(waiting).await else {
                    return Ok(());
                };
                slot
            }
        };
        // Waiting for a slot may have used up the lease.
        if !self.ensure_lease().await? {
            return Ok(());
        }
        self.attempts += 1;
        self.in_flight.insert(due.delivery_id);
        self.running.spawn(attempt(self.app.clone(), self.org, endpoint, due, slot));
        Ok(())
    }
}

async fn attempt(app: App, org: OrgId, endpoint: Arc<Webhook>, due: Due, mut slot: Slot) -> Ended {
    let sending = attempt::send(&app, org, &endpoint, &due.event, due.attempts + 1);
    let mut sending = std::pin::pin!(sending);
    let sent = match tokio::time::timeout(SLOW_AFTER, &mut sending).await {
        Ok(sent) => sent,
        Err(_) => {
            if slot.give_way(&app.webhooks.slots) {
                app.webhooks.wake();
            }
            sending.await
        }
    };
    let recorded = match sent {
        Ok((made, failure)) => {
            attempt::record(&app, org, &endpoint, due.delivery_id, &made, failure).await
        }
        Err(error) => Err(error),
    };
    (due.delivery_id, slot, recorded)
}
