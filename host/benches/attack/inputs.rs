//! Whole requests that cost a server as much as the bounds allow: schemas, settings, bodies and URLs.

use anyhow::Context;
use serde_json::{Value, json};

use super::target::Party;
use crate::component;
use crate::wire::Wire;

const BODY_BYTES: usize = 1_000_000;
const URL_BYTES: usize = 60_000;

/// What the attacker sends, made once. Each asks the server to hang up after the response.
pub struct Inputs {
    pub exponential_schema: Vec<u8>,
    pub patterns: Vec<u8>,
    pub deep_settings: Vec<u8>,
    pub worst_body: Vec<u8>,
    pub worst_url: Vec<u8>,
}

impl Inputs {
    pub async fn make(address: &str, party: &Party) -> anyhow::Result<Inputs> {
        let plugin = component::build("guest-two-hooks")?;
        let upload = |schema: &Value| {
            let bytes = component::with_section(
                &plugin,
                "repairops:settings-schema",
                schema.to_string().as_bytes(),
            );
            request("POST", "/v1/plugins", party, "application/wasm", &bytes)
        };
        let installable = component::with_section(
            &plugin,
            "repairops:settings-schema",
            lists().to_string().as_bytes(),
        );
        let id = install_plugin(address, party, &installable).await?;
        let settings = json!({ "plugin_id": id, "settings": { "x": nested(60) } }).to_string();
        let mut wire = Wire::connect(address).await?;
        let ticket = wire.send("POST", "/v1/tickets", &party.key, Some(&party.ticket())).await?;
        let ticket = format!("/v1/tickets/{}", ticket["id"].as_str().context("no id")?);
        let zeros = "0,".repeat(BODY_BYTES / 4);
        let body = format!("{{\"{}\":[{zeros}0]}}", "k".repeat(BODY_BYTES / 2));
        let url = format!("/v1/tickets?{}", "a&".repeat(URL_BYTES / 2));
        let json = |method, path: &str, text: &str| {
            request(method, path, party, "application/json", text.as_bytes())
        };
        Ok(Inputs {
            exponential_schema: upload(&exponential()),
            patterns: upload(&json!({ "anyOf": vec![json!({ "pattern": r"\pL{100}a" }); 40] })),
            deep_settings: json("POST", "/v1/installations", &settings),
            worst_body: json("PATCH", &ticket, &body),
            worst_url: json("GET", &url, ""),
        })
    }
}

/// Waits until it can be installed.
async fn install_plugin(address: &str, party: &Party, bytes: &[u8]) -> anyhow::Result<String> {
    loop {
        let mut wire = Wire::connect(address).await?;
        let made = wire.send_bytes("POST", "/v1/plugins", &party.key, "application/wasm", bytes);
        let made = made.await?;
        if made["state"] == "ready" {
            return Ok(made["id"].as_str().context("no id")?.to_owned());
        }
        anyhow::ensure!(made["state"] == "compiling", "{made}");
    }
}

fn request(method: &str, path: &str, party: &Party, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
         content-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        party.key,
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// 26 definitions, each of which applies the next one twice.
fn exponential() -> Value {
    let names: Vec<String> = ('a'..='z').map(String::from).collect();
    let mut defs = json!({ "z": { "type": "object" } });
    for pair in names.windows(2) {
        let next = json!({ "$ref": format!("#/$defs/{}", pair[1]) });
        defs[&pair[0]] = json!({ "allOf": [next, next] });
    }
    json!({ "$ref": "#/$defs/a", "$defs": defs })
}

/// Within the bounds, and yet there are two ways into each list: two to the power of its depth.
fn lists() -> Value {
    let list = json!({ "items": { "$ref": "#/$defs/list" } });
    json!({
        "properties": { "x": { "$ref": "#/$defs/list" } },
        "$defs": { "list": { "anyOf": [list, { "allOf": [list] }], "not": list } },
    })
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!("x"), |inner, _| json!([inner]))
}
