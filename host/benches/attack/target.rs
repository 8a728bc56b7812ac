//! The server that is attacked, a process of its own, and the two organizations that use it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use repairops::clock::Clock;
use repairops::db::{Db, Schema};
use repairops::keys::create::{NewKey, create};
use repairops::model::ids::OrgId;
use repairops::model::people::Scope;
use repairops::organizations;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::inputs::Inputs;
use crate::wire::Wire;

/// What many systems allow a process by default; the server cannot raise it here.
const OPEN_FILES_MAX: usize = 1024;

pub struct Target {
    pub address: String,
    pub attacker: Party,
    pub victim: Party,
    pub inputs: Inputs,
    server: Child,
    _folder: TempDir,
}

/// An organization with an admin's key and a shop.
pub struct Party {
    pub key: String,
    pub shop: String,
}

impl Target {
    /// On SQLite, or on the PostgreSQL database that is given.
    pub async fn start(program: &Path, postgres: Option<&str>) -> anyhow::Result<Target> {
        let folder = tempfile::tempdir()?;
        let fresh = format!("sqlite:{}", folder.path().join("a.db").display());
        let database = postgres.unwrap_or(&fresh);
        let keys = make_keys(database).await?;
        let mut server = Command::new("sh")
            .args(["-c", &format!("ulimit -n {OPEN_FILES_MAX}; exec \"$0\" \"$@\"")])
            .arg(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--rate-limits", "off"])
            .args(["--database", database, "--data"])
            .arg(folder.path().join("data"))
            .env("RUST_LOG", "repairops::cli=info")
            .stderr(Stdio::piped())
            .spawn()
            .context("starting the server")?;
        let log = BufReader::new(server.stderr.take().context("no log")?);
        let mut lines = log.lines().map_while(Result::ok);
        let address = lines
            .find_map(|line| Some(line.split_once("address=")?.1.trim().to_owned()))
            .context("the server does not say where it listens")?;
        // Its log has to be read, or it would wait for room in the pipe.
        std::thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
        let [attacker, victim] = keys;
        let attacker = Party::make(&address, attacker).await?;
        let victim = Party::make(&address, victim).await?;
        let inputs = Inputs::make(&address, &attacker).await?;
        Ok(Target { address, attacker, victim, inputs, server, _folder: folder })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Party {
    async fn make(address: &str, key: String) -> anyhow::Result<Party> {
        let mut wire = Wire::connect(address).await?;
        let made = wire.send("POST", "/v1/shops", &key, Some(&json!({ "name": "Bench" }))).await?;
        let shop = made["id"].as_str().context("no id")?.to_owned();
        ensure!(!shop.is_empty());
        Ok(Party { key, shop })
    }

    /// The body of a new ticket.
    pub fn ticket(&self) -> Value {
        json!({
            "shop_id": self.shop,
            "customer": { "name": "John Doe", "email": "john@example.com" },
            "device_identifier": "iPhone 14 Pro",
            "issue_description": "Cracked screen",
        })
    }
}

/// Of two organizations, one each.
async fn make_keys(database: &str) -> anyhow::Result<[String; 2]> {
    let (db, clock) = (Db::open(database).await?, Clock::default());
    db.prepare(Schema::Migrate).await?;
    let mut keys = [String::new(), String::new()];
    for key in &mut keys {
        let org: OrgId = clock.new_id();
        let mut tx = db.begin().await?;
        organizations::store::insert(&mut tx, org, "Bench", "enterprise", clock.now()).await?;
        tx.commit().await?;
        *key = create(&db, &clock, org, NewKey::new("bench", Scope::Admin)).await?.text;
    }
    db.close().await;
    Ok(keys)
}
