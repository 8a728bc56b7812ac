//! An organization with an admin's key and a shop.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::node::Program;
use crate::wire::Request;

const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Organization {
    pub id: String,
    pub key: String,
    pub shop: String,
}

impl Organization {
    /// By `repairops admin`, as an operator does, and over the API.
    pub async fn create(
        program: &Program,
        client: &Client,
        name: &str,
    ) -> anyhow::Result<Organization> {
        let org = admin(program, &["org", "create", "--json", "--name", name])?;
        let id = text(&org, "id")?;
        let key = ["key", "create", "--json", "--scope", "admin", "--name", name, "--org", &id];
        let key = text(&admin(program, &key)?, "key")?;
        let mut organization = Organization { id, key, shop: String::new() };
        let shop = organization.post(client, "/v1/shops", &json!({ "name": name })).await?;
        organization.shop = text(&shop, "id")?;
        Ok(organization)
    }

    /// The body of a new ticket. `device` may be any text.
    pub fn ticket(&self, device: &str) -> Value {
        json!({
            "shop_id": self.shop,
            "customer": { "name": "Jane Smith", "email": "jane@example.com" },
            "device_identifier": device,
            "issue_description": "Won't turn on, possible liquid damage",
            "device_category": "laptop",
        })
    }

    pub async fn post(&self, client: &Client, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(client, "POST", path, "application/json", body.to_string().as_bytes()).await
    }

    /// Returns the body of a success; anything else is an error.
    pub async fn send(
        &self,
        client: &Client,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> anyhow::Result<Value> {
        let request = Request { method, path, key: &self.key, idempotency_key: None, kind, body };
        let reply = client.send(&request, LIMIT).await.with_context(|| path.to_owned())?;
        ensure!(
            (200..300).contains(&reply.status),
            "{method} {path}: {} {}",
            reply.status,
            String::from_utf8_lossy(&reply.body)
        );
        Ok(serde_json::from_slice(&reply.body)?)
    }

    /// Uploads a component, waits until it can be used, and installs it. `more` has fields of the installation.
    pub async fn install(
        &self,
        client: &Client,
        component: &[u8],
        more: &Value,
    ) -> anyhow::Result<()> {
        let plugin = loop {
            let made = self.send(client, "POST", "/v1/plugins", "application/wasm", component);
            let made = made.await?;
            if made["state"] == "ready" {
                break made["id"].clone();
            }
            ensure!(made["state"] == "compiling", "the component is not usable: {made}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let mut body = more.clone();
        body["plugin_id"] = plugin;
        self.post(client, "/v1/installations", &body).await?;
        Ok(())
    }

    /// An endpoint of this machine that gets these events.
    pub async fn subscribe(
        &self,
        client: &Client,
        url: &str,
        events: &[&str],
    ) -> anyhow::Result<()> {
        self.post(client, "/v1/webhooks", &json!({ "url": url, "events": events })).await?;
        Ok(())
    }
}

/// The JSON that a command prints.
fn admin(program: &Program, arguments: &[&str]) -> anyhow::Result<Value> {
    let output = program.admin(arguments)?;
    ensure!(
        output.status.success(),
        "repairops admin {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

pub fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    value[field].as_str().map(str::to_owned).with_context(|| format!("no {field} in {value}"))
}
