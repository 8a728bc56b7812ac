//! Webhooks: endpoints of an organization, to which its events are delivered.
//!
//! Invariant: an event exists exactly if its change does. `store::enqueue` writes it in the transaction of the
//! change, `fan_out` creates its deliveries; `dispatch`, `lane`, `attempt` and `send` send them with the documented
//! retries.

pub mod address;
mod attempt;
pub mod create;
pub mod delete;
mod disable;
pub mod dispatch;
pub mod doctor;
mod enqueued;
mod errors;
pub mod fan_out;
pub mod http;
mod lane;
pub mod measure;
pub mod prune;
pub mod replay;
pub mod reseal;
pub mod rotate;
mod secret;
mod send;
pub mod send_test;
mod sign;
mod slots;
pub mod store;
pub mod update;
mod url;
mod views;
pub mod wake;

use tokio::sync::Notify;

use crate::config::WebhookConfig;
use send::Sender;
use slots::Slots;

/// The state of this node's deliveries.
pub struct Webhooks {
    sender: Sender,
    /// Limit concurrent requests.
    slots: Slots,
    new_events: Notify,
}

impl Webhooks {
    pub fn new(config: &WebhookConfig) -> Webhooks {
        Webhooks {
            sender: Sender::new(config),
            slots: Slots::new(config.webhook_concurrency),
            new_events: Notify::new(),
        }
    }

    /// Reads the system's certificates, which takes long, and says in the log if there are none.
    pub fn prepare(&self) {
        self.sender.prepare();
    }

    /// Starts the dispatcher's next round now.
    pub fn wake(&self) {
        self.new_events.notify_one();
    }
}
