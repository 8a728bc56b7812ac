//! All SQL of webhook_endpoints, but for the lease.

use sqlx::types::Json;

use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{OrgId, WebhookId};
use crate::model::time::Time;
use crate::model::webhook::Webhook;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_all, fetch_one, fetch_optional};

/// There are few, so none needs an index.
pub static LISTING: Listing = Listing {
    name: "webhooks",
    id: "id",
    default: "-created_at",
    sorts: &[
        Sort::by("created_at", &[Column::Time("created_at")]),
        Sort::by("url", &[Column::Text("url")]),
    ],
};

impl Listed for Webhook {
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

macro_rules! select_webhook {
    () => {
        "select id, url, description, events, secret, previous_secrets, enabled, disabled_reason, disabled_at,
            failing_since, last_delivery_at, created_at, updated_at
         from webhook_endpoints"
    };
}

pub async fn insert(conn: &mut Conn, org: OrgId, webhook: &Webhook) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into webhook_endpoints (org_id, id, url, description, events, secret, previous_secrets, enabled,
             created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        org,
        webhook.id,
        webhook.url.as_str(),
        webhook.description.as_deref(),
        Json(&webhook.events),
        webhook.secret.as_str(),
        Json(&webhook.previous_secrets),
        webhook.enabled,
        webhook.created_at
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

/// Reads an endpoint and keeps others from changing it until the end of the transaction. Whoever changes deliveries as
/// well comes here first, so that no two wait for each other.
pub async fn lock(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
) -> Result<Option<Webhook>, sqlx::Error> {
    if !conn.is_postgres() {
        return get(conn, org, id).await; // there is one writer at a time
    }
    fetch_optional!(
        conn,
        Webhook,
        concat!(select_webhook!(), " where org_id = $1 and id = $2 for no key update"),
        org,
        id
    )
}

/// The endpoints that are on; they stay as they are until the end of the transaction.
pub async fn lock_enabled(conn: &mut Conn, org: OrgId) -> Result<Vec<Webhook>, sqlx::Error> {
    if conn.is_postgres() {
        return fetch_all!(
            conn,
            Webhook,
            concat!(select_webhook!(), " where org_id = $1 and enabled order by id for share"),
            org
        );
    }
    fetch_all!(
        conn,
        Webhook,
        concat!(select_webhook!(), " where org_id = $1 and enabled order by id"),
        org
    )
}

/// Writes what can be changed, whoever changed it.
pub async fn update(conn: &mut Conn, org: OrgId, webhook: &Webhook) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update webhook_endpoints set url = $3, description = $4, events = $5, secret = $6, previous_secrets = $7,
             enabled = $8, disabled_reason = $9, disabled_at = $10, failing_since = $11, updated_at = $12
         where org_id = $1 and id = $2",
        org,
        webhook.id,
        webhook.url.as_str(),
        webhook.description.as_deref(),
        Json(&webhook.events),
        webhook.secret.as_str(),
        Json(&webhook.previous_secrets),
        webhook.enabled,
        webhook.disabled_reason.as_deref(),
        webhook.disabled_at,
        webhook.failing_since,
        webhook.updated_at
    )?;
    Ok(())
}

/// Notes that the receiver took something.
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
