//! `repairops admin`: commands that need no running server.

mod keys;
mod secrets;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::log::{self, LogFormat};
use crate::clock::Clock;
use crate::config::DatabaseConfig;
use crate::db::{Db, Schema};
use crate::doctor;
use crate::model::ids::OrgId;
use crate::organizations;

#[derive(Args)]
pub struct Admin {
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Args)]
struct Common {
    #[command(flatten)]
    database: DatabaseConfig,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Bring the schema up to date.
    Migrate {
        #[command(flatten)]
        common: Common,
    },
    /// Organizations.
    Org {
        #[command(subcommand)]
        command: OrgCommand,
    },
    /// API keys.
    Key {
        #[command(subcommand)]
        command: keys::KeyCommand,
    },
    /// Check the invariants of the data; exits with 1 if one is violated.
    Doctor {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        keys: secrets::Keys,
    },
    /// Seal the stored secrets of webhooks with the newest key; `serve` does it at its start.
    SealSecrets {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        keys: secrets::Keys,
        /// Write them in clear instead, for example before a return to a version that knows no keys.
        #[arg(long)]
        clear: bool,
    },
}

#[derive(Subcommand)]
enum OrgCommand {
    /// Create an organization.
    Create {
        #[command(flatten)]
        common: Common,
        #[arg(long)]
        name: String,
        /// The API is available on the enterprise tier.
        #[arg(long, default_value = "enterprise")]
        tier: String,
    },
    /// Give an organization another tier.
    SetTier {
        #[command(flatten)]
        common: Common,
        /// The organization's id.
        org: Uuid,
        /// The API is available on the enterprise tier.
        tier: String,
    },
    /// Say whether a new ticket's customer needs an email address, by which the customer is found again.
    SetCustomerEmail {
        #[command(flatten)]
        common: Common,
        /// The organization's id.
        org: Uuid,
        /// `required` at first. With `optional`, a ticket without one gets a customer of its own.
        rule: EmailRule,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EmailRule {
    Required,
    Optional,
}

impl Admin {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        log::start("warn", LogFormat::Text);
        match self.command {
            AdminCommand::Migrate { common } => migrate(&common).await,
            AdminCommand::Org { command: OrgCommand::Create { common, name, tier } } => {
                create_org(&common, &name, &tier).await
            }
            AdminCommand::Org { command: OrgCommand::SetTier { common, org, tier } } => {
                set_tier(&common, OrgId(org), &tier).await
            }
            AdminCommand::Org { command: OrgCommand::SetCustomerEmail { common, org, rule } } => {
                set_customer_email(&common, OrgId(org), rule).await
            }
            AdminCommand::Key { command } => command.run().await,
            AdminCommand::Doctor { common, keys } => examine(&common, &keys).await,
            AdminCommand::SealSecrets { common, keys, clear } => {
                secrets::seal(&common, &keys, clear).await
            }
        }
    }
}

impl Common {
    async fn open(&self) -> anyhow::Result<Db> {
        self.open_with(Schema::Expect).await
    }

    async fn open_with(&self, schema: Schema) -> anyhow::Result<Db> {
        let mut database = self.database.clone();
        database.read_file()?;
        let db = Db::open_with(&database.url, database.connections).await?;
        db.prepare(schema).await?;
        Ok(db)
    }

    fn print(&self, json: &Value, text: &str) {
        if self.json { println!("{json}") } else { println!("{text}") }
    }
}

async fn migrate(common: &Common) -> anyhow::Result<ExitCode> {
    common.open_with(Schema::Migrate).await?;
    common.print(&json!({ "ok": true }), "The schema is up to date.");
    Ok(ExitCode::SUCCESS)
}

async fn create_org(common: &Common, name: &str, tier: &str) -> anyhow::Result<ExitCode> {
    let db = common.open().await?;
    let clock = Clock::default();
    let id: OrgId = clock.new_id();
    let mut tx = db.begin().await?;
    organizations::store::insert(&mut tx, id, name, tier, clock.now()).await?;
    tx.commit().await?;
    let body = json!({ "id": id, "name": name, "tier": tier });
    common.print(&body, &format!("Organization {name}: {id}"));
    Ok(ExitCode::SUCCESS)
}

async fn set_tier(common: &Common, org: OrgId, tier: &str) -> anyhow::Result<ExitCode> {
    let db = common.open().await?;
    let mut tx = db.begin().await?;
    if !organizations::store::set_tier(&mut tx, org, tier).await? {
        bail!(no_such_org(org));
    }
    tx.commit().await?;
    common.print(&json!({ "id": org, "tier": tier }), &format!("{org} has the tier {tier} now."));
    Ok(ExitCode::SUCCESS)
}

async fn set_customer_email(
    common: &Common,
    org: OrgId,
    rule: EmailRule,
) -> anyhow::Result<ExitCode> {
    let db = common.open().await?;
    let mut tx = db.begin().await?;
    let is_optional = rule == EmailRule::Optional;
    if !organizations::store::set_customers_without_email(&mut tx, org, is_optional).await? {
        bail!(no_such_org(org));
    }
    tx.commit().await?;
    let word = if is_optional { "optional" } else { "required" };
    let text = format!("The email address of a customer of {org} is {word} now.");
    common.print(&json!({ "id": org, "customer_email": word }), &text);
    Ok(ExitCode::SUCCESS)
}

fn no_such_org(org: OrgId) -> String {
    format!(
        "organization {org} not found; create one with `repairops admin org create --name NAME`"
    )
}

async fn examine(common: &Common, keys: &secrets::Keys) -> anyhow::Result<ExitCode> {
    let db = common.open().await?;
    let problems = doctor::examine(&db, &keys.read()?).await.context("examining the database")?;
    let words: Vec<String> = problems
        .iter()
        .map(|problem| {
            format!("organization {}: {} {}", problem.organization_id, problem.id, problem.problem)
        })
        .collect();
    let text = if words.is_empty() { "All is well.".to_owned() } else { words.join("\n") };
    common.print(&json!({ "ok": problems.is_empty(), "problems": problems }), &text);
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
