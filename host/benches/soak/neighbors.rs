//! The hostile organizations, and one request of each kind that they send.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::component;
use crate::live::client::Client;
use crate::live::node::Program;
use crate::live::organization::{Organization, text};
use crate::live::receiver;

/// What an organization may have.
const ENDPOINTS: usize = 20;

/// How many endpoints there are, and how large the large uploads.
#[derive(Clone)]
pub struct Sizes {
    pub hanging: usize,
    pub failing: usize,
    pub upload_bytes: usize,
}

pub struct Neighbors {
    /// Each with endpoints that hang or fail.
    receiving: Vec<Organization>,
    /// Each with a plugin that fails, and a ticket that cannot move past it.
    failing: Vec<(Organization, String)>,
    pub uploading: Organization,
    pub poisoned: Organization,
    component: Vec<u8>,
    padding: usize,
    turn: AtomicUsize,
}

impl Neighbors {
    pub async fn prepare(
        program: &Program,
        client: &Client,
        sizes: &Sizes,
    ) -> anyhow::Result<Neighbors> {
        let mut receiving = Vec::new();
        let receivers = [
            (receiver::hanging().await?, sizes.hanging),
            (receiver::failing().await?, sizes.failing),
        ];
        for (url, endpoints) in receivers {
            for first in (0..endpoints).step_by(ENDPOINTS) {
                let organization = Organization::create(program, client, "Receiving").await?;
                for number in first..endpoints.min(first + ENDPOINTS) {
                    let url = format!("{url}/{number}");
                    organization.subscribe(client, &url, &["ticket.created"]).await?;
                }
                receiving.push(organization);
            }
        }
        let mut failing = Vec::new();
        // Until the deadline, and until the fuel is used up; the others end sooner.
        let until_deadline = json!({ "limits": { "fuel": 1_000_000_000 } });
        for (guest, more) in [
            ("guest-loop-forever", until_deadline),
            ("guest-loop-forever", json!({})),
            ("guest-trap", json!({})),
            ("guest-memory-bomb", json!({})),
            ("guest-recursion", json!({})),
        ] {
            let organization = Organization::create(program, client, guest).await?;
            organization.install(client, &component::build(guest)?, &more).await?;
            let ticket = organization.ticket("iPhone 14 Pro");
            let ticket = organization.post(client, "/v1/tickets", &ticket).await?;
            failing.push((organization, text(&ticket, "id")?));
        }
        let uploading = Organization::create(program, client, "Uploading").await?;
        let poisoned = Organization::create(program, client, "Poisoned").await?;
        let prices = json!({ "settings": { "prices": [{ "price": 89 }] } });
        poisoned.install(client, &component::build("intake-triage")?, &prices).await?;
        let (component, padding) = (component::build("qc-gate")?, sizes.upload_bytes);
        let turn = AtomicUsize::new(0);
        Ok(Neighbors { receiving, failing, uploading, poisoned, component, padding, turn })
    }

    /// An event for twenty endpoints.
    pub async fn create_for_receivers(&self, client: &Client) -> anyhow::Result<()> {
        if self.receiving.is_empty() {
            return Ok(());
        }
        let organization = &self.receiving[self.next() % self.receiving.len()];
        let ticket = organization.ticket("iPhone 14 Pro");
        organization.post(client, "/v1/tickets", &ticket).await.map(drop)
    }

    /// Never moves its ticket.
    pub async fn call_failing_plugin(&self, client: &Client) -> anyhow::Result<()> {
        let (organization, ticket) = &self.failing[self.next() % self.failing.len()];
        let path = format!("/v1/tickets/{ticket}/transition");
        let body = json!({ "new_status": "TRIAGE" });
        organization.post(client, &path, &body).await.map(drop)
    }

    pub async fn create_poisoned(&self, client: &Client) -> anyhow::Result<()> {
        let ticket = self.poisoned.ticket("iPhone 14 Pro");
        self.poisoned.post(client, "/v1/tickets", &ticket).await.map(drop)
    }

    /// A big component that nobody has compiled before.
    pub async fn upload_big(&self, client: &Client) -> anyhow::Result<()> {
        let mut padding = vec![0; self.padding];
        padding[..8].copy_from_slice(&(self.next() as u64).to_le_bytes());
        let bytes = component::with_section(&self.component, "bench", &padding);
        self.upload(client, &bytes).await.map(drop)
    }

    /// An invalid component: a part of one, or something else.
    pub async fn upload_invalid(&self, client: &Client) -> anyhow::Result<()> {
        let number = self.next();
        let bytes = if number.is_multiple_of(2) {
            self.component[..self.component.len() / 2].to_vec()
        } else {
            [&self.component[..8], &vec![number as u8; 256 * 1024]].concat()
        };
        self.upload(client, &bytes).await.map(drop)
    }

    async fn upload(&self, client: &Client, bytes: &[u8]) -> anyhow::Result<Value> {
        self.uploading.send(client, "POST", "/v1/plugins", "application/wasm", bytes).await
    }

    fn next(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }
}
