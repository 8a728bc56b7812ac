//! All SQL of the table `webhook_endpoints`, except the lease.
//!
//! Invariant: every query filters by organization; the fan-out names several.

use std::collections::BTreeSet;

use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{OrgId, WebhookId};
use crate::model::time::Time;
use crate::model::webhook::Webhook;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_one, fetch_optional};

/// An organization has few endpoints, so no sort needs an index.
pub static LISTING: Listing = Listing {
    name: "webhooks",
    id: "id",
    default: "-created_at",
    sorts: &[
        Sort::fixed("created_at", &[Column::Time("created_at")]),
        Sort::by("url", &[Column::Text("url")]),
    ],
};

impl Listed for Webhook {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, sort: &str) -> Vec<Value> {
        match sort {
            "url" => vec![Value::Text(self.url.clone())],
            _ => vec![Value::Time(self.created_at)],
        }
    }
}

macro_rules! webhook_columns {
    () => {
        "id, url, description, events, secret, previous_secrets, enabled, disabled_reason, disabled_at,
            disable_on, failing_since, last_delivery_at, created_at, updated_at
         from webhook_endpoints"
    };
}

macro_rules! select_owned {
    () => {
        concat!("select org_id, ", $crate::webhooks::store::endpoints::webhook_columns!())
    };
}
pub(super) use {select_owned, webhook_columns};

macro_rules! select_webhook {
    () => {
        concat!("select ", webhook_columns!())
    };
}

pub async fn insert(conn: &mut Conn, org: OrgId, webhook: &Webhook) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into webhook_endpoints (org_id, id, url, description, events, secret, previous_secrets, enabled,
             created_at, updated_at, disable_on)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)",
        org,
        webhook.id,
        webhook.url.as_str(),
        webhook.description.as_deref(),
        Json(&webhook.events),
        webhook.secret.as_stored(),
        Json(&webhook.previous_secrets),
        webhook.enabled,
        webhook.created_at,
        webhook.disable_on
    )?;
    Ok(())
}

pub async fn count(conn: &mut Conn, org: OrgId) -> Result<i64, sqlx::Error> {
    let (count,): (i64,) =
        fetch_one!(conn, (i64,), "select count(*) from webhook_endpoints where org_id = $1", org)?;
    Ok(count)
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    window: &Window,
) -> Result<(Vec<Webhook>, i64), sqlx::Error> {
    let filter = Filter::for_org("org_id", org.0);
    let rows = filter.select(select_webhook!(), &window.slice).fetch_all(conn).await?;
    Ok((rows, filter.count("webhook_endpoints").fetch_figure(conn).await?))
}

pub async fn get(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
) -> Result<Option<Webhook>, sqlx::Error> {
    fetch_optional!(
        conn,
        Webhook,
        concat!(select_webhook!(), " where org_id = $1 and id = $2"),
        org,
        id
    )
}

/// Reads an endpoint and locks it until the transaction ends. A transaction that also changes deliveries locks the
/// endpoint first, so that two of them cannot deadlock.
pub async fn lock(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
) -> Result<Option<Webhook>, sqlx::Error> {
    if !conn.is_postgres() {
        return get(conn, org, id).await; // SQLite has one writer at a time
    }
    fetch_optional!(
        conn,
        Webhook,
        concat!(select_webhook!(), " where org_id = $1 and id = $2 for no key update"),
        org,
        id
    )
}

/// An endpoint with its organization.
#[derive(FromRow)]
pub struct OwnedWebhook {
    pub org_id: OrgId,
    #[sqlx(flatten)]
    pub webhook: Webhook,
}

/// Reads the enabled endpoints of some organizations with one statement, and locks them until the transaction ends.
pub async fn lock_enabled(
    conn: &mut Conn,
    orgs: &BTreeSet<OrgId>,
) -> Result<Vec<OwnedWebhook>, sqlx::Error> {
    let mut filter = Filter::default();
    let Some(list) = filter.list(orgs.iter().map(|org| Value::Uuid(org.0))) else {
        return Ok(Vec::new());
    };
    filter.and_plain("enabled");
    filter.and_plain(&format!("org_id in {list}"));
    let mut query = filter.figure(select_owned!());
    query.sql.push_str(" order by org_id, id");
    if conn.is_postgres() {
        query.sql.push_str(" for share");
    }
    query.fetch_all(conn).await
}

/// Writes all columns that can change.
pub async fn update(conn: &mut Conn, org: OrgId, webhook: &Webhook) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update webhook_endpoints set url = $3, description = $4, events = $5, secret = $6, previous_secrets = $7,
             enabled = $8, disabled_reason = $9, disabled_at = $10, failing_since = $11, updated_at = $12, disable_on = $13
         where org_id = $1 and id = $2",
        org,
        webhook.id,
        webhook.url.as_str(),
        webhook.description.as_deref(),
        Json(&webhook.events),
        webhook.secret.as_stored(),
        Json(&webhook.previous_secrets),
        webhook.enabled,
        webhook.disabled_reason.as_deref(),
        webhook.disabled_at,
        webhook.failing_since,
        webhook.updated_at,
        webhook.disable_on
    )?;
    Ok(())
}

/// Records a successful delivery.
pub async fn note_success(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
    at: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update webhook_endpoints set last_delivery_at = $3, failing_since = null where org_id = $1 and id = $2",
        org,
        id,
        at
    )?;
    Ok(())
}

pub async fn delete(conn: &mut Conn, org: OrgId, id: WebhookId) -> Result<(), sqlx::Error> {
    execute!(conn, "delete from webhook_endpoints where org_id = $1 and id = $2", org, id)?;
    Ok(())
}
