//! Bare handlers that do little: queries and JSON. List and get run the very queries of the API and show the same
//! views, without a key; create and transition write the rows that anyone would write: ticket, timeline, outbox, in one
//! transaction.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use repairops::model::ids::{CustomerId, OrgId, ShopId, TicketId};
use repairops::model::workflow::{DEFAULT, Status};
use repairops::page::{Page, Paging, Window};
use repairops::tickets::detail;
use repairops::tickets::store::{self, ListFilter};
use repairops::tickets::views::{self, ListItem, TicketView};
use repairops::{App, execute, fetch_one};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Failed;

type Bare = State<(App, OrgId)>;

pub fn router(app: App, org: OrgId) -> Router {
    Router::new()
        .route("/v1/tickets", get(list).post(create))
        .route("/v1/tickets/{id}", get(show))
        .route("/v1/tickets/{id}/transition", post(transition))
        .with_state((app, org))
}

async fn list(State((app, org)): Bare) -> Result<Json<Page<ListItem>>, Failed> {
    let filter = ListFilter::default();
    let window = Window::new(&store::LISTING, Paging::default(), &filter)?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, org, &filter, &window).await?;
    Ok(Json(window.page(rows, views::list_item)))
}

async fn show(State((app, org)): Bare, Path(id): Path<Uuid>) -> Result<Json<TicketView>, Failed> {
    let mut conn = app.db.read().await?;
    let detail = detail::load(&mut conn, org, TicketId(id)).await?;
    Ok(Json(views::ticket(detail.ok_or("no such ticket")?)))
}

#[derive(Deserialize)]
struct NewTicket {
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
}

async fn create(
    State((app, org)): Bare,
    Json(new): Json<NewTicket>,
) -> Result<(StatusCode, Json<Value>), Failed> {
    let (id, now) = (app.clock.new_id::<TicketId>(), app.clock.now());
    let mut tx = app.db.begin().await?;
    let (shop,): (ShopId,) = fetch_one!(
        tx,
        (ShopId,),
        "select id from shops where org_id = $1 and id = $2",
        org,
        new.shop_id
    )?;
    let (customer, _): (CustomerId, String) = fetch_one!(
        tx,
        (CustomerId, String),
        "insert into customers (org_id, id, name, name_key, email, email_key, created_at)
         values ($1, $2, $3, $4, $5, $5, $6)
         on conflict (org_id, email_key) do update set org_id = excluded.org_id returning id, name",
        org,
        app.clock.new_id::<CustomerId>(),
        new.customer.name.as_str(),
        new.customer.name.to_lowercase(),
        new.customer.email.as_str(),
        now
    )?;
    let (number,): (i64,) = fetch_one!(
        tx,
        (i64,),
        "update organizations set last_ticket_number = last_ticket_number + 1 where id = $1
         returning last_ticket_number",
        org
    )?;
    execute!(
        tx,
        "insert into tickets (org_id, id, number, version, shop_id, customer_id, status, device_identifier,
             device_category, issue_description, labor_hours, labor_rate, recommended_parts, tags, custom_fields,
             created_at, updated_at)
         values ($1, $2, $3, 1, $4, $5, 'INTAKE', $6, $7, $8, 0, 0, '[]', '[]', '{}', $9, $9)",
        org,
        id,
        number,
        shop,
        customer,
        new.device_identifier.as_str(),
        new.device_category.as_deref(),
        new.issue_description.as_str(),
        now
    )?;
    record(&app, &mut tx, org, id, "created", "INTAKE", None).await?;
    tx.commit().await?;
    let number = format!("T{number:06}");
    let body = json!({ "id": id, "number": number, "status": "INTAKE", "created_at": now });
    Ok((StatusCode::CREATED, Json(body)))
}

#[derive(Deserialize)]
struct Wanted {
    new_status: Status,
}

async fn transition(
    State((app, org)): Bare,
    Path(id): Path<Uuid>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Failed> {
    let mut conn = app.db.read().await?;
    let (from, version): (Status, i64) = fetch_one!(
        conn,
        (Status, i64),
        "select status, version from tickets where org_id = $1 and id = $2",
        org,
        id
    )?;
    drop(conn);
    DEFAULT.check(&from, &wanted.new_status)?;
    let mut tx = app.db.begin().await?;
    let changed = execute!(
        tx,
        "update tickets set status = $3, version = version + 1, updated_at = $4
         where org_id = $1 and id = $2 and version = $5",
        org,
        id,
        wanted.new_status.as_str(),
        app.clock.now(),
        version
    )?;
    if changed != 1 {
        return Err("changed meanwhile".into());
    }
    let to = wanted.new_status.as_str();
    record(&app, &mut tx, org, TicketId(id), "transitioned", to, Some(from.as_str())).await?;
    tx.commit().await?;
    Ok(Json(json!({ "ok": true, "from_status": from, "to_status": wanted.new_status })))
}

/// The timeline's entry and the outbox row.
async fn record(
    app: &App,
    tx: &mut repairops::db::Conn,
    org: OrgId,
    id: TicketId,
    kind: &str,
    status: &str,
    from: Option<&str>,
) -> Result<(), sqlx::Error> {
    let now = app.clock.now();
    execute!(
        tx,
        "insert into ticket_events (org_id, id, ticket_id, kind, status, from_status, actor, created_at)
         values ($1, $2, $3, $4, $5, $6, 'bench', $7)",
        org,
        app.clock.new_id::<TicketId>(),
        id,
        kind,
        status,
        from,
        now
    )?;
    execute!(
        tx,
        "insert into events (org_id, id, event, data, created_at) values ($1, $2, $3, $4, $5)",
        org,
        app.clock.new_id::<TicketId>(),
        format!("ticket.{kind}"),
        sqlx::types::Json(json!({ "ticket_id": id, "from_status": from, "to_status": status })),
        now
    )?;
    Ok(())
}
