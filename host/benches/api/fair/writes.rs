//! Create and transition.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use repairops::db::Conn;
use repairops::model::ids::{CustomerId, EventId, OrgId, TicketId, TimelineId};
use repairops::model::people::Scope;
use repairops::model::workflow::{DEFAULT, Status};
use repairops::search::fold::fold;
use repairops::search::store::{self as search, TicketText};
use repairops::{App, execute, fetch_one, fetch_optional};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::reads::before_transition;
use super::views::{Created, Transitioned};
use super::{Failed, caller};

#[derive(Deserialize)]
pub struct NewTicket {
    shop_id: Uuid,
    customer: NewCustomer,
    device_identifier: String,
    issue_description: String,
    device_category: Option<String>,
}

#[derive(Deserialize)]
struct NewCustomer {
    name: String,
    email: String,
    phone: Option<String>,
}

pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    Json(new): Json<NewTicket>,
) -> Result<(StatusCode, Json<Created>), Failed> {
    let mut conn = app.db.read().await?;
    let caller = caller(&app, &mut conn, &headers, Scope::Write).await?;
    drop(conn);
    let (org, id, now) = (caller.org, app.clock.new_id::<TicketId>(), *app.clock.now());
    let mut tx = app.db.begin().await?;
    let customer = match find_customer(&mut tx, org, &new.customer.email).await? {
        Some(customer) => customer,
        None => add_customer(&app, &mut tx, org, &new, now).await?,
    };
    let number: Option<(i64,)> = fetch_optional!(
        tx,
        (i64,),
        "update organizations set last_ticket_number = last_ticket_number + 1
         where id = $1 and exists (select 1 from shops s where s.org_id = $1 and s.id = $2)
         returning last_ticket_number",
        org,
        new.shop_id
    )?;
    let (number,) = number.ok_or("no such shop")?;
    execute!(
        tx,
        "insert into tickets (org_id, id, number, version, shop_id, customer_id, status, device_identifier,
             device_category, issue_description, labor_hours, labor_rate, recommended_parts, tags, custom_fields,
             created_at, updated_at, has_terms)
         values ($1, $2, $3, 1, $4, $5, 'INTAKE', $6, $7, $8, 0, 0, '[]', '[]', '{}', $9, $9, true)",
        org,
        id,
        number,
        new.shop_id,
        customer,
        new.device_identifier.as_str(),
        new.device_category.as_deref(),
        new.issue_description.as_str(),
        now
    )?;
    let text = TicketText {
        device_identifier: &new.device_identifier,
        device_category: new.device_category.as_deref(),
        contact_name: None,
        tags: &[],
    };
    search::insert_ticket(&mut tx, org, id, &text).await?;
    let entry = (app.clock.new_id(), "created", "INTAKE", None);
    add_entry(&mut tx, org, id, entry, &caller.actor, now).await?;
    let number = format!("T{number:06}");
    let data = json!({
        "ticket_id": id,
        "ticket_number": number,
        "status": "INTAKE",
        "shop_id": new.shop_id,
        "customer_id": customer,
    });
    enqueue(&app, &mut tx, org, "ticket.created", data, now).await?;
    tx.commit().await?;
    let created = Created {
        id,
        number,
        status: "INTAKE",
        created_at: now,
        version: 1,
        plugins: [],
        warnings: [],
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Held until the transaction ends, against a merge.
async fn find_customer(
    tx: &mut Conn,
    org: OrgId,
    email: &str,
) -> Result<Option<CustomerId>, sqlx::Error> {
    let key = email.trim().to_lowercase();
    let row: Option<(CustomerId,)> = if tx.is_postgres() {
        fetch_optional!(
            tx,
            (CustomerId,),
            "select id from customers where org_id = $1 and email_key = $2 for key share",
            org,
            key
        )
    } else {
        fetch_optional!(
            tx,
            (CustomerId,),
            "select id from customers where org_id = $1 and email_key = $2",
            org,
            key
        )
    }?;
    Ok(row.map(|row| row.0))
}

/// One who was merged away has an alias; else a new one.
async fn add_customer(
    app: &App,
    tx: &mut Conn,
    org: OrgId,
    new: &NewTicket,
    now: DateTime<Utc>,
) -> Result<CustomerId, Failed> {
    let (customer, key) = (&new.customer, new.customer.email.trim().to_lowercase());
    let alias: Option<(CustomerId,)> = fetch_optional!(
        tx,
        (CustomerId,),
        "select customer_id from customer_aliases where org_id = $1 and email_key = $2",
        org,
        key.as_str()
    )?;
    if let Some((survivor,)) = alias {
        return Ok(survivor);
    }
    let (id,): (CustomerId,) = fetch_one!(
        tx,
        (CustomerId,),
        "insert into customers (org_id, id, name, name_key, email, email_key, phone, created_at, has_terms)
         values ($1, $2, $3, $4, $5, $6, $7, $8, true)
         on conflict (org_id, email_key) do update set org_id = excluded.org_id returning id",
        org,
        app.clock.new_id::<CustomerId>(),
        customer.name.as_str(),
        fold(&customer.name),
        customer.email.as_str(),
        key.as_str(),
        customer.phone.as_deref(),
        now
    )?;
    search::replace_customer(tx, org, id, &customer.name, customer.phone.as_deref()).await?;
    let data = json!({
        "customer_id": id,
        "name": customer.name,
        "email": customer.email,
        "shop_id": new.shop_id,
    });
    enqueue(app, tx, org, "customer.created", data, now).await?;
    Ok(id)
}

#[derive(Deserialize)]
pub struct Wanted {
    new_status: Status,
}

pub async fn transition(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Transitioned>, Failed> {
    let (id, to) = (TicketId(id), wanted.new_status);
    let mut conn = app.db.read().await?;
    let caller = caller(&app, &mut conn, &headers, Scope::Write).await?;
    let org = caller.org;
    let (before, _timeline, _parts) = before_transition(&mut conn, org, id).await?;
    drop(conn);
    let before = before.ticket;
    DEFAULT.check(&before.status, &to)?;
    let now = *app.clock.now();
    let mut tx = app.db.begin().await?;
    let changed = execute!(
        tx,
        "update tickets set status = $4, version = version + 1, updated_at = $5
         where org_id = $1 and id = $2 and version = $3",
        org,
        id,
        before.version,
        to.as_str(),
        now
    )?;
    if changed != 1 {
        return Err("changed meanwhile".into());
    }
    let event_id = app.clock.new_id();
    let entry = (event_id, "transitioned", to.as_str(), Some(before.status.as_str()));
    add_entry(&mut tx, org, id, entry, &caller.actor, now).await?;
    let data = json!({
        "ticket_id": id,
        "ticket_number": format!("T{:06}", before.number),
        "shop_id": before.shop_id,
        "from_status": before.status,
        "to_status": to,
    });
    enqueue(&app, &mut tx, org, "ticket.transitioned", data, now).await?;
    tx.commit().await?;
    Ok(Json(Transitioned {
        ok: true,
        event_id,
        from_status: before.status,
        to_status: to,
        timestamp: now,
        version: before.version + 1,
        plugins: [],
        warnings: [],
    }))
}

/// An entry of the timeline: its id, kind, status and the status before.
async fn add_entry(
    tx: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    (id, kind, status, from): (TimelineId, &str, &str, Option<&str>),
    actor: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    execute!(
        tx,
        "insert into ticket_events (org_id, id, ticket_id, kind, status, from_status, actor, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        org,
        id,
        ticket,
        kind,
        status,
        from,
        actor,
        now
    )?;
    Ok(())
}

/// The outbox row, pending while there is an endpoint to receive it.
async fn enqueue(
    app: &App,
    tx: &mut Conn,
    org: OrgId,
    event: &str,
    data: Value,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    execute!(
        tx,
        "insert into events (org_id, id, event, data, created_at, pending)
         values ($1, $2, $3, $4, $5,
                 exists (select 1 from webhook_endpoints w where w.org_id = $1 and w.enabled))",
        org,
        app.clock.new_id::<EventId>(),
        event,
        sqlx::types::Json(&data),
        now
    )?;
    Ok(())
}
