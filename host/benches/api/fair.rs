//! Bare handlers that answer what the API answers: the same bodies, from the same rows, with the same rows written.
//! The SQL is written by hand for these four requests and shared by both databases; what belongs to one (a ticket's
//! customer, shop, technician, feedback) is joined, each list is a statement:
//!
//! | request | statements |
//! |---|---|
//! | list | the key; the page with names and costs; the total from the counters |
//! | get | the key; the ticket with what belongs to it; timeline; parts; reservations; fields set by plugins |
//! | create | the key; BEGIN; the customer; the ticket's number and whether the shop is there; ticket; timeline; outbox; COMMIT |
//! | transition | the key; the ticket with what belongs to it; timeline; parts with what is held and used; BEGIN; ticket; timeline; outbox; COMMIT |
//!
//! A new customer costs three more (customer, alias, outbox). The lists' counters are kept by the triggers of the
//! migrations, as for the API.

mod reads;
mod views;
mod writes;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use repairops::db::Conn;
use repairops::keys::key_hash;
use repairops::model::ids::{KeyId, OrgId, UserId};
use repairops::model::people::Scope;
use repairops::{App, fetch_optional};
use sqlx::FromRow;

use super::Failed;

pub fn router(app: App) -> Router {
    Router::new()
        .route("/v1/tickets", get(reads::list).post(writes::create))
        .route("/v1/tickets/{id}", get(reads::show))
        .route("/v1/tickets/{id}/transition", post(writes::transition))
        .with_state(app)
}

/// Whose key it is.
struct Caller {
    org: OrgId,
    actor: String,
}

#[derive(FromRow)]
#[allow(dead_code)] // read as the API reads it
struct KeyRow {
    org_id: OrgId,
    key_id: KeyId,
    name: String,
    scope: Scope,
    user_id: Option<UserId>,
    user_name: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    tier: String,
    plugins_revision: i64,
}

async fn caller(
    app: &App,
    conn: &mut Conn,
    headers: &HeaderMap,
    needed: Scope,
) -> Result<Caller, Failed> {
    let header = headers.get(header::AUTHORIZATION).ok_or("no key")?.to_str()?;
    let hash = key_hash(header.strip_prefix("Bearer ").ok_or("no bearer key")?);
    let row: Option<KeyRow> = fetch_optional!(
        conn,
        KeyRow,
        "select k.org_id, k.id as key_id, k.name, k.scope, k.user_id, u.name as user_name, k.expires_at,
                k.revoked_at, o.tier, o.plugins_revision
         from api_keys k
         join organizations o on o.id = k.org_id
         left join users u on u.org_id = k.org_id and u.id = k.user_id
         where k.hash = $1",
        hash.as_slice()
    )?;
    let row = row.ok_or("unknown key")?;
    let works = row.revoked_at.is_none() && row.expires_at.is_none_or(|end| end > *app.clock.now());
    if !works || row.tier != "enterprise" || row.scope < needed {
        return Err("this key may not do that".into());
    }
    Ok(Caller { org: row.org_id, actor: row.user_name.unwrap_or(row.name) })
}
