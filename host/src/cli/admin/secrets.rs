//! `repairops admin seal-secrets`, and the keys that commands without a server take.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Common;
use crate::secrets::{SecretConfig, Secrets, of_folder};
use crate::webhooks::reseal::reseal;

/// Keys that were given, or that are in a node's data folder. Without one, sealed secrets are not examined.
#[derive(Args)]
pub struct Keys {
    #[command(flatten)]
    config: SecretConfig,
    /// The data folder of the node, which has the key of a SQLite database.
    #[arg(long, env = "REPAIROPS_DATA", default_value = "repairops-data")]
    data: PathBuf,
}

impl Keys {
    pub fn read(&self) -> anyhow::Result<Secrets> {
        let given = self.config.given()?;
        if given.has_key() { Ok(given) } else { of_folder(&self.data) }
    }
}

pub async fn seal(common: &Common, keys: &Keys, clear: bool) -> anyhow::Result<ExitCode> {
    let secrets = keys.read()?;
    ensure!(
        secrets.has_key(),
        "no key: set REPAIROPS_SECRET_KEY, or name with --data the folder of the node that has one"
    );
    let db = common.open().await?;
    let to = if clear { Secrets::default() } else { secrets.clone() };
    let done = reseal(&db, &secrets, &to, &CancellationToken::new()).await?;
    let words = if clear { "written in clear" } else { "sealed with the newest key" };
    let text = format!(
        "The secrets of {} webhooks were {words}; those of {} open with no key given.",
        done.changed, done.not_opened
    );
    common.print(&json!({ "changed": done.changed, "not_opened": done.not_opened }), &text);
    Ok(if done.not_opened == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
