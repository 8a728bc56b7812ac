//! The scenario that `--check` runs over real HTTP. It stops at the first failed step with the expected and the
//! actual result.

use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::built::{Built, Keys, LOOPING};
use super::history::World;
use crate::db::Db;
use crate::doctor;
use crate::secrets::Secrets;

pub async fn play(
    base: &str,
    (db, secrets): (&Db, &Secrets),
    world: &World,
    keys: &Keys,
    components: &[Built],
) -> anyhow::Result<ExitCode> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let teller = Teller { client, base, keys, world };
    println!("\nThe story of a ticket, over HTTP on {base}\n");
    let ticket = teller.it_comes_in().await?;
    teller.it_goes_to_repair(&ticket).await?;
    teller.qc_is_refused(&ticket).await?;
    teller.parts_come_from_the_other_shop(&ticket).await?;
    teller.qc_passes(&ticket).await?;
    teller.a_looping_plugin_is_stopped(&ticket, components).await?;
    let problems = doctor::examine(db, secrets).await?;
    ensure!(problems.is_empty(), "the doctor found {problems:?}");
    println!("   The doctor finds nothing: every piece of stock is accounted for.\n");
    println!("All as it should be.");
    Ok(ExitCode::SUCCESS)
}

struct Teller<'a> {
    client: reqwest::Client,
    base: &'a str,
    keys: &'a Keys,
    world: &'a World,
}

impl Teller<'_> {
    async fn it_comes_in(&self) -> anyhow::Result<String> {
        println!("1. A ticket comes in, and intake-triage reads it in the same request.");
        let body = json!({
            "shop_id": self.world.downtown,
            "customer": { "name": "Jane Smith", "email": "jane@example.com" },
            "device_identifier": "MacBook Pro 16\"",
            "issue_description": "Spilled coffee on it, does not turn on. All my photos are on it, no backup!",
            "device_category": "laptop",
        });
        let created = self.write(Method::POST, "/v1/tickets", body, 201).await?;
        let id = text(&created, "/id")?;
        expect(&created, "/plugins/0/outcome", "enriched")?;
        let ticket = self.read(&format!("/v1/tickets/{id}")).await?;
        expect(&ticket, "/issue/category", "liquid_damage")?;
        ensure!(
            ticket["tags"].as_array().is_some_and(|tags| tags.contains(&json!("data-at-risk"))),
            "tags: {ticket}"
        );
        ensure!(ticket["diagnostics"]["estimated_cost"] == json!(389.0), "no estimate: {ticket}");
        println!(
            "   {} is {} ({}), tagged {}, estimated at {}.",
            text(&ticket, "/number")?,
            text(&ticket, "/issue/category")?,
            text(&ticket, "/issue/severity")?,
            ticket["tags"],
            ticket["diagnostics"]["estimated_cost"],
        );
        println!("   {}\n", cost(&created["plugins"][0]));
        Ok(id)
    }

    async fn it_goes_to_repair(&self, ticket: &str) -> anyhow::Result<()> {
        println!("2. The customer approves, the repair begins.");
        for status in ["DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED", "IN_REPAIR"] {
            self.transition(ticket, status, 200).await?;
        }
        println!("   INTAKE -> DIAGNOSTICS -> WAITING_APPROVAL -> APPROVED -> IN_REPAIR\n");
        Ok(())
    }

    async fn qc_is_refused(&self, ticket: &str) -> anyhow::Result<()> {
        println!("3. Too early for the quality check, says qc-gate, and why.");
        let refused = self.transition(ticket, "QC_REVIEW", 422).await?;
        expect(&refused, "/error/code", "PLUGIN_REJECTED")?;
        let violations =
            refused["error"]["details"]["violations"].as_array().context("no violations")?;
        ensure!(violations.len() == 3, "three reasons expected: {refused}");
        for violation in violations {
            println!("   - {} ({})", text(violation, "/message")?, text(violation, "/field")?);
        }
        println!();
        Ok(())
    }

    async fn parts_come_from_the_other_shop(&self, ticket: &str) -> anyhow::Result<()> {
        println!(
            "4. The technician writes down the work. Downtown does not have the battery; nearest-stock finds one."
        );
        let body = json!({
            "assigned_to": self.world.technicians[0].0,
            "diagnostics": { "findings": "Coffee in the battery connector, board is dry." },
            "labor_hours": 2,
            "labor_rate": 65,
            "parts": [{ "sku": "BATTERY-MBP16", "quantity": 1 }],
        });
        let patched =
            self.write(Method::PATCH, &format!("/v1/tickets/{ticket}"), body, 200).await?;
        expect(&patched, "/plugins/0/outcome", "planned")?;
        let detail = self.read(&format!("/v1/tickets/{ticket}")).await?;
        expect(&detail, "/reservations/0/state", "held")?;
        expect(&detail, "/reservations/0/plugin", "nearest-stock")?;
        let item = self
            .read(&format!("/v1/inventory/{}", text(&detail, "/reservations/0/inventory_id")?))
            .await?;
        expect(&item, "/shop_id", &self.world.riverside.to_string())?;
        println!(
            "   Held in Riverside: {} of {} ({} on hand, {} reserved).",
            detail["reservations"][0]["quantity"],
            text(&item, "/name")?,
            item["quantity_on_hand"],
            item["quantity_reserved"],
        );
        println!("   {}\n", cost(&patched["plugins"][0]));
        Ok(())
    }

    async fn qc_passes(&self, ticket: &str) -> anyhow::Result<()> {
        println!("5. Now the quality check accepts it, and the battery leaves the shelf.");
        let passed = self.transition(ticket, "QC_REVIEW", 200).await?;
        expect(&passed, "/plugins/0/outcome", "allowed")?;
        let detail = self.read(&format!("/v1/tickets/{ticket}")).await?;
        expect(&detail, "/reservations/0/state", "consumed")?;
        ensure!(
            detail["total_cost"] == json!(259.0),
            "a total of 259.00 expected: {}",
            detail["total_cost"]
        );
        println!(
            "   Total {:.2}: labor {:.2}, parts {:.2}.",
            number(&detail, "total_cost"),
            number(&detail, "labor_cost"),
            number(&detail, "parts_cost")
        );
        println!("   {}\n", cost(&passed["plugins"][0]));
        Ok(())
    }

    async fn a_looping_plugin_is_stopped(
        &self,
        ticket: &str,
        components: &[Built],
    ) -> anyhow::Result<()> {
        println!("6. Someone installs a plugin that loops for ever.");
        let looping =
            components.iter().find(|built| built.name == LOOPING).context("it was not built")?;
        let plugin = self.upload(&looping.bytes).await?;
        let body = json!({ "plugin_id": plugin["id"] });
        let installation = self.admin(Method::POST, "/v1/installations", body, 201).await?;
        let stopped = self.transition(ticket, "READY_FOR_PICKUP", 422).await?;
        expect(&stopped, "/error/code", "PLUGIN_FAILED")?;
        expect(&stopped, "/error/details/outcome", "fuel")?;
        let error = &stopped["error"]["details"]["error"];
        ensure!(error["limit"] == json!(10_000_000), "the limit of fuel expected: {stopped}");
        println!("   {}.", text(&stopped, "/error/message")?);
        println!("   It was stopped at {} units of fuel, limit {}.", error["used"], error["limit"]);
        let list = self.read("/v1/tickets?status=QC_REVIEW").await?;
        ensure!(
            list["data"]
                .as_array()
                .is_some_and(|rows| rows.iter().any(|row| row["id"] == json!(ticket)))
        );
        println!(
            "   The API keeps working, and the ticket keeps its status: nothing is skipped silently."
        );
        let off = json!({ "hooks": { "pre-transition": { "mode": "off" } } });
        let path = format!("/v1/installations/{}", text(&installation, "/id")?);
        self.admin(Method::PATCH, &path, off, 200).await?;
        for status in ["READY_FOR_PICKUP", "PICKED_UP", "CLOSED"] {
            self.transition(ticket, status, 200).await?;
        }
        println!("   The owner disables it, and the ticket moves on to CLOSED.\n");
        Ok(())
    }

    async fn transition(&self, ticket: &str, status: &str, expected: u16) -> anyhow::Result<Value> {
        let path = format!("/v1/tickets/{ticket}/transition");
        self.write(Method::POST, &path, json!({ "new_status": status }), expected).await
    }

    async fn read(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.keys.read);
        answer(request, path, 200).await
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        body: Value,
        expected: u16,
    ) -> anyhow::Result<Value> {
        let request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.keys.write);
        answer(request.json(&body), path, expected).await
    }

    async fn admin(
        &self,
        method: Method,
        path: &str,
        body: Value,
        expected: u16,
    ) -> anyhow::Result<Value> {
        let request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.keys.admin);
        answer(request.json(&body), path, expected).await
    }

    async fn upload(&self, component: &[u8]) -> anyhow::Result<Value> {
        let request = self
            .client
            .post(format!("{}/v1/plugins", self.base))
            .bearer_auth(&self.keys.admin)
            .header("content-type", "application/wasm")
            .body(component.to_vec());
        answer(request, "/v1/plugins", 201).await
    }
}

async fn answer(
    request: reqwest::RequestBuilder,
    path: &str,
    expected: u16,
) -> anyhow::Result<Value> {
    let response = request.send().await.with_context(|| format!("asking {path}"))?;
    let status = response.status().as_u16();
    let body: Value =
        response.json().await.with_context(|| format!("reading the answer of {path}"))?;
    if status != expected {
        bail!("{path} answered {status}, not {expected}: {body:#}");
    }
    Ok(body)
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("{pointer} is not a string in {value:#}"))
}

fn expect(value: &Value, pointer: &str, expected: &str) -> anyhow::Result<()> {
    let found = text(value, pointer)?;
    ensure!(found == expected, "{pointer} is {found}, not {expected}, in {value:#}");
    Ok(())
}

fn number(value: &Value, field: &str) -> f64 {
    value[field].as_f64().unwrap_or(f64::NAN)
}

/// The resources that a plugin used.
fn cost(ran: &Value) -> String {
    format!(
        "[{} {}: {}, {} units of fuel, {} µs]",
        ran["plugin"].as_str().unwrap_or("?"),
        ran["version"].as_str().unwrap_or("?"),
        ran["outcome"].as_str().unwrap_or("?"),
        ran["fuel"],
        ran["duration_us"],
    )
}
