//! `repairops admin key`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::{Common, no_such_org};
use crate::clock::Clock;
use crate::db::Db;
use crate::keys::create::{self, NewKey};
use crate::keys::revoke::{self, LastAdmin};
use crate::keys::store;
use crate::model::ids::{KeyId, OrgId, UserId};
use crate::model::key::{ApiKey, Rights};
use crate::model::people::Scope;
use crate::model::time::{self, Time};
use crate::organizations;
use crate::page::{Paging, Window};

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Create a key; its text is shown only once.
    Create {
        #[command(flatten)]
        common: Common,
        /// The organization's id.
        #[arg(long)]
        org: Uuid,
        #[arg(long)]
        scope: Scope,
        #[command(flatten)]
        rights: RightFlags,
        /// The name that the timeline shows for requests with this key.
        #[arg(long, default_value = "API key")]
        name: String,
        /// The id of the user whose name the timeline shows instead.
        #[arg(long)]
        user: Option<Uuid>,
        /// When the key expires, for example 2026-12-31 or 2026-12-31T18:00:00Z; never by default.
        #[arg(long, value_parser = time::parse)]
        expires_at: Option<Time>,
    },
    /// List an organization's keys, newest first.
    List {
        #[command(flatten)]
        common: Common,
        #[arg(long)]
        org: Uuid,
        /// How many keys to list.
        #[arg(long, default_value_t = 500)]
        limit: i64,
    },
    /// Revoke a key at once, even if it is the last one.
    Revoke {
        #[command(flatten)]
        common: Common,
        #[arg(long)]
        org: Uuid,
        /// The key's id.
        key: Uuid,
    },
}

#[derive(Args)]
pub struct RightFlags {
    /// Let the key read the journal of plugins, whatever its scope.
    #[arg(long)]
    may_read_runs: bool,
    /// Let the key override refusals of plugins, whatever its scope.
    #[arg(long)]
    may_override: bool,
    /// Let the key manage plugins and installations, whatever its scope.
    #[arg(long)]
    may_manage_plugins: bool,
}

impl From<RightFlags> for Rights {
    fn from(flags: RightFlags) -> Rights {
        let RightFlags { may_read_runs, may_override, may_manage_plugins } = flags;
        Rights { may_read_runs, may_override, may_manage_plugins }
    }
}

impl KeyCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            KeyCommand::Create { common, org, scope, rights, name, user, expires_at } => {
                let user_id = user.map(UserId);
                let new = NewKey { name, scope, rights: rights.into(), user_id, expires_at };
                create(&common, OrgId(org), new).await
            }
            KeyCommand::List { common, org, limit } => list(&common, OrgId(org), limit).await,
            KeyCommand::Revoke { common, org, key } => {
                revoke(&common, OrgId(org), KeyId(key)).await
            }
        }
    }
}

async fn open(common: &Common, org: OrgId) -> anyhow::Result<Db> {
    let db = common.open().await?;
    let mut conn = db.read().await?;
    if !organizations::store::exists(&mut conn, org).await? {
        bail!(no_such_org(org));
    }
    drop(conn);
    Ok(db)
}

async fn create(common: &Common, org: OrgId, new: NewKey) -> anyhow::Result<ExitCode> {
    let db = open(common, org).await?;
    let made = create::create(&db, &Clock::default(), org, new).await?;
    let rights = made.key.rights;
    let body = json!({ "id": made.key.id, "key": made.text, "scope": made.key.scope,
                       "may_read_runs": rights.may_read_runs, "may_override": rights.may_override,
                       "may_manage_plugins": rights.may_manage_plugins,
                       "name": made.key.name, "expires_at": made.key.expires_at });
    common.print(&body, &format!("{}\nThe key is shown only once; store it safely.", made.text));
    Ok(ExitCode::SUCCESS)
}

async fn list(common: &Common, org: OrgId, limit: i64) -> anyhow::Result<ExitCode> {
    let db = open(common, org).await?;
    let paging = Paging { limit: Some(limit), ..Paging::default() };
    let window = Window::new(&store::LISTING, paging, &())?;
    let (rows, _) = store::list(&mut db.read().await?, org, &window).await?;
    let keys = window.page((rows, 0), |key| key).data;
    let now = Clock::default().now();
    let body = |key: &ApiKey| {
        json!({ "id": key.id, "name": key.name, "scope": key.scope, "hint": key.hint,
                "may_read_runs": key.rights.may_read_runs, "may_override": key.rights.may_override,
                "may_manage_plugins": key.rights.may_manage_plugins,
                "user_id": key.user_id, "state": key.state(now), "created_at": key.created_at,
                "last_used_at": key.last_used_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at })
    };
    let line = |key: &ApiKey| {
        format!(
            "{}  …{}  {:5}  {:7}  last used {}  {}",
            key.id,
            key.hint.as_deref().unwrap_or("????"),
            key.scope.as_str(),
            key.state(now).as_str(),
            key.last_used_at.map_or_else(|| "never".to_owned(), |time| time.to_string()),
            key.name
        )
    };
    let lines: Vec<String> = keys.iter().map(line).collect();
    let bodies: Vec<_> = keys.iter().map(body).collect();
    common.print(&json!({ "keys": bodies }), &lines.join("\n"));
    Ok(ExitCode::SUCCESS)
}

async fn revoke(common: &Common, org: OrgId, key: KeyId) -> anyhow::Result<ExitCode> {
    let db = open(common, org).await?;
    let revoked = revoke::revoke(&db, &Clock::default(), org, key, LastAdmin::MayGo).await;
    revoked.with_context(|| format!("revoking the key {key}"))?;
    common.print(&json!({ "ok": true, "id": key }), &format!("The key {key} is revoked."));
    Ok(ExitCode::SUCCESS)
}
