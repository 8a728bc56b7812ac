//! Webhooks: endpoints of an organization, to which its events are delivered. Events are written to the outbox in the
//! transaction of what they tell (`store::enqueue`), handed to the endpoints that want them (`fan_out`), and sent with
//! the documented attempts (`dispatch`, `lane`, `send`, `record`).

pub mod address;
pub mod create;
pub mod delete;
mod disable;
pub mod dispatch;
mod enqueued;
mod errors;
pub mod fan_out;
pub mod http;
mod lane;
pub mod prune;
mod record;
pub mod replay;
pub mod rotate;
mod send;
pub mod send_test;
mod sign;
pub mod store;
pub mod update;
mod url;
mod views;
pub mod wake;

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use crate::config::WebhookConfig;
use send::Sender;

/// What this node needs to deliver.
pub struct Webhooks {
    sender: Sender,
    /// Requests that may be under way at the same time.
    slots: Arc<Semaphore>,
    new_events: Notify,
}

impl Webhooks {
    pub fn new(config: &WebhookConfig) -> Webhooks {
        Webhooks {
            sender: Sender::new(config),
            slots: Arc::new(Semaphore::new(config.webhook_concurrency.max(1))),
            new_events: Notify::new(),
        }
    }

    /// Says that there may be something to deliver.
    pub fn wake(&self) {
        self.new_events.notify_one();
    }
}
