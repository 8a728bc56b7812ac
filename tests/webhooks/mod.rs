//! `/v1/webhooks`, and the requests that real receivers get.

mod addresses;
mod bodies;
mod deliveries;
mod endpoints;
mod failures;
mod fan_out;
mod killed;
mod nodes;
mod payloads;
mod plugin_events;
mod replay;
mod retries;
mod rotation;
mod secrets;
mod shares;
mod standard;

use repairops::App;
use repairops::webhooks::dispatch;
use serde_json::{Value, json};

use crate::support::builders::merged;
use crate::support::client::Client;

/// Makes a webhook for everything; the answer is what the API says of it, the secret included.
pub async fn create(client: &Client, url: &str, more: Value) -> Value {
    client.post("/v1/webhooks", merged(json!({ "url": url }), more)).await.expect_status(201).body
}

fn path(webhook: &Value) -> String {
    format!("/v1/webhooks/{}", webhook["id"].as_str().expect("an id"))
}

/// Delivers what is due; answers how many attempts were made.
pub async fn deliver(app: &App) -> usize {
    dispatch::run_due(app).await.expect("deliveries")
}

/// The log of a webhook, newest first.
async fn log(client: &Client, webhook: &Value) -> Vec<Value> {
    let list = client.get(&format!("{}/deliveries?limit=500", path(webhook))).await.ok();
    list["data"].as_array().expect("a list").clone()
}

async fn detail(client: &Client, delivery: &Value) -> Value {
    let (webhook, id) = (&delivery["webhook_id"], &delivery["id"]);
    let text = |id: &Value| id.as_str().expect("an id").to_owned();
    client.get(&format!("/v1/webhooks/{}/deliveries/{}", text(webhook), text(id))).await.ok()
}
