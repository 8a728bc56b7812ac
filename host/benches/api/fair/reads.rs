//! List and get, and what a transition reads.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use repairops::db::Conn;
use repairops::model::event::CustomValue;
use repairops::model::ids::{CustomerId, OrgId, ShopId, TicketId, UserId};
use repairops::model::money::{Hours, Money};
use repairops::model::people::Scope;
use repairops::model::workflow::Status;
use repairops::{App, fetch_all, fetch_one, fetch_optional};
use serde_json::json;
use sqlx::FromRow;
use uuid::Uuid;

use super::views::{self, Entry, Item, Page, Pagination, Part, PartView, Reservation, Source};
use super::{Failed, caller};

#[derive(FromRow)]
struct ListRow {
    id: TicketId,
    number: i64,
    status: Status,
    customer_id: CustomerId,
    customer_name: String,
    device_identifier: String,
    issue_description: String,
    labor_hours: Hours,
    labor_rate: Money,
    parts_cost: Money,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    assigned_to: Option<UserId>,
    assigned_to_name: Option<String>,
    shop_id: ShopId,
}

pub async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Page>, Failed> {
    let limit = uri.query().and_then(|query| query.strip_prefix("limit="));
    let limit: i64 = limit.map_or(Ok(50), str::parse)?;
    let mut conn = app.db.read().await?;
    let org = caller(&app, &mut conn, &headers, Scope::Read).await?.org;
    let mut rows: Vec<ListRow> = fetch_all!(
        conn,
        ListRow,
        "select t.id, t.number, t.status, t.customer_id,
                (select c.name from customers c where c.org_id = t.org_id and c.id = t.customer_id) as customer_name,
                t.device_identifier, t.issue_description, t.labor_hours, t.labor_rate,
                (select cast(coalesce(sum(p.quantity * p.unit_cost), 0) as bigint) from ticket_parts p
                 where p.org_id = t.org_id and p.ticket_id = t.id) as parts_cost,
                t.created_at, t.updated_at, t.assigned_to,
                (select u.name from users u where u.org_id = t.org_id and u.id = t.assigned_to) as assigned_to_name,
                t.shop_id
         from tickets t where t.org_id = $1 order by t.created_at desc, t.id desc limit $2",
        org,
        limit + 1
    )?;
    let (total,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "select cast(coalesce(sum(n), 0) as bigint) from counters
         where org_id = $1 and list = 'tickets' and scope = $1 and status = '' and day = -1000000",
        org
    )?;
    drop(conn);
    let has_more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit)?);
    let pagination = Pagination {
        offset: 0,
        limit,
        total,
        next_offset: has_more.then_some(limit),
        next_cursor: rows.last().filter(|_| has_more).map(cursor),
        has_more,
    };
    Ok(Json(Page { data: rows.into_iter().map(item).collect(), pagination }))
}

/// As long as the API's.
fn cursor(last: &ListRow) -> String {
    let keys = [last.created_at.timestamp_micros()];
    let content =
        json!({ "filter": "0123456789abcdef", "sort": "-created_at", "keys": keys, "id": last.id });
    URL_SAFE_NO_PAD.encode(content.to_string())
}

fn item(row: ListRow) -> Item {
    let labor_cost = row.labor_hours.at(row.labor_rate);
    Item {
        id: row.id,
        number: format!("T{:06}", row.number),
        status: row.status,
        customer_id: row.customer_id,
        customer_name: row.customer_name,
        device_identifier: row.device_identifier,
        issue_description: row.issue_description,
        total_cost: labor_cost + row.parts_cost,
        labor_cost,
        parts_cost: row.parts_cost,
        created_at: row.created_at,
        updated_at: row.updated_at,
        assigned_to: row.assigned_to,
        assigned_to_name: row.assigned_to_name,
        shop_id: row.shop_id,
    }
}

/// A ticket with its customer and technician.
#[derive(FromRow)]
pub struct TicketRow {
    pub id: TicketId,
    pub number: i64,
    pub version: i64,
    pub status: Status,
    pub shop_id: ShopId,
    customer_id: CustomerId,
    customer_name: String,
    customer_email: String,
    customer_phone: Option<String>,
    device_identifier: String,
    device_category: Option<String>,
    device_description: Option<String>,
    issue_description: String,
    issue_category: Option<String>,
    issue_severity: Option<String>,
    assigned_to: Option<UserId>,
    assigned_to_name: Option<String>,
    labor_hours: Hours,
    labor_rate: Money,
    findings: Option<String>,
    estimated_cost: Option<Money>,
    #[sqlx(json)]
    recommended_parts: Vec<String>,
    #[sqlx(json)]
    tags: Vec<String>,
    #[sqlx(json)]
    custom_fields: BTreeMap<String, CustomValue>,
    amount_paid: Option<Money>,
    contact_name: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// What only a get shows.
#[derive(FromRow)]
struct ShownRow {
    #[sqlx(flatten)]
    ticket: TicketRow,
    score: Option<i64>,
    comment: Option<String>,
    rated_at: Option<DateTime<Utc>>,
    /// The worst state of the post-create work: 0 is pending, 1 failed, 2 done.
    enrichment: Option<i64>,
}

/// What only a transition reads, for plugins and figures.
#[derive(FromRow)]
pub struct MovedRow {
    #[sqlx(flatten)]
    pub ticket: TicketRow,
    #[allow(dead_code)] // read as the API reads it
    customer_address: Option<String>,
    #[allow(dead_code)]
    customer_created_at: DateTime<Utc>,
    #[allow(dead_code)]
    shop_name: String,
    #[allow(dead_code)]
    shop_time_zone: String,
    #[allow(dead_code)]
    shop_address: Option<String>,
    #[allow(dead_code)]
    hourly_cost: Option<Money>,
    #[allow(dead_code)]
    picked_up_at: Option<DateTime<Utc>>,
}

macro_rules! select_ticket {
    ($columns:literal, $joins:literal) => {
        concat!(
            "select t.id, t.number, t.version, t.status, t.shop_id, t.customer_id, c.name as customer_name,
                    c.email as customer_email, c.phone as customer_phone, t.device_identifier, t.device_category,
                    t.device_description, t.issue_description, t.issue_category, t.issue_severity, t.assigned_to,
                    u.name as assigned_to_name, t.labor_hours, t.labor_rate, t.findings, t.estimated_cost,
                    t.recommended_parts, t.tags, t.custom_fields, t.amount_paid, t.contact_name, t.created_at, t.updated_at, ",
            $columns,
            " from tickets t
              join customers c on c.org_id = t.org_id and c.id = t.customer_id
              left join users u on u.org_id = t.org_id and u.id = t.assigned_to ",
            $joins,
            " where t.org_id = $1 and t.id = $2"
        )
    };
}

pub async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Json<views::Ticket>, Failed> {
    let id = TicketId(id);
    let mut conn = app.db.read().await?;
    let org = caller(&app, &mut conn, &headers, Scope::Read).await?.org;
    let row: Option<ShownRow> = fetch_optional!(
        conn,
        ShownRow,
        select_ticket!(
            "f.score, f.comment, f.created_at as rated_at,
             (select cast(min(case e.state when 'pending' then 0 when 'failed' then 1 else 2 end) as bigint)
              from enrichments e where e.org_id = t.org_id and e.ticket_id = t.id) as enrichment",
            "left join feedback f on f.org_id = t.org_id and f.ticket_id = t.id"
        ),
        org,
        id
    )?;
    let row = row.ok_or("no such ticket")?;
    let timeline = timeline(&mut conn, org, id).await?;
    let parts = parts(&mut conn, org, id).await?;
    let reservations: Vec<Reservation> = fetch_all!(
        conn,
        Reservation,
        "select id, part_id, item_id, quantity, state, plugin from reservations
         where org_id = $1 and ticket_id = $2 order by id",
        org,
        id
    )?;
    let sources: Vec<Source> = fetch_all!(
        conn,
        Source,
        "select field, plugin, plugin_version, installation_id, created_at from ticket_field_sources
         where org_id = $1 and ticket_id = $2 order by field",
        org,
        id
    )?;
    drop(conn);
    Ok(Json(ticket(row, timeline, parts, reservations, sources)))
}

/// The ticket before a transition, with all that a plugin would be shown.
pub async fn before_transition(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
) -> Result<(MovedRow, Vec<Entry>, Vec<Part>), Failed> {
    let row: Option<MovedRow> = fetch_optional!(
        conn,
        MovedRow,
        select_ticket!(
            "c.address as customer_address, c.created_at as customer_created_at, s.name as shop_name,
             s.time_zone as shop_time_zone, s.address as shop_address, u.hourly_cost, t.picked_up_at",
            "join shops s on s.org_id = t.org_id and s.id = t.shop_id"
        ),
        org,
        id
    )?;
    let row = row.ok_or("no such ticket")?;
    Ok((row, timeline(conn, org, id).await?, parts(conn, org, id).await?))
}

async fn timeline(conn: &mut Conn, org: OrgId, id: TicketId) -> Result<Vec<Entry>, sqlx::Error> {
    fetch_all!(
        conn,
        Entry,
        "select kind, status, actor, notes, visibility, created_at as timestamp from ticket_events
         where org_id = $1 and ticket_id = $2 order by created_at, id",
        org,
        id
    )
}

async fn parts(conn: &mut Conn, org: OrgId, id: TicketId) -> Result<Vec<Part>, sqlx::Error> {
    fetch_all!(
        conn,
        Part,
        "select p.id, p.inventory_id, p.sku, p.name, p.quantity, p.unit_cost,
                (select cast(coalesce(sum(r.quantity), 0) as bigint) from reservations r where r.org_id = p.org_id
                 and r.ticket_id = p.ticket_id and r.part_id = p.id and r.state = 'held') as held,
                (select cast(coalesce(sum(r.quantity), 0) as bigint) from reservations r where r.org_id = p.org_id
                 and r.ticket_id = p.ticket_id and r.part_id = p.id and r.state = 'consumed') as consumed
         from ticket_parts p where p.org_id = $1 and p.ticket_id = $2 order by p.position",
        org,
        id
    )
}

fn ticket(
    shown: ShownRow,
    timeline: Vec<Entry>,
    parts: Vec<Part>,
    reservations: Vec<Reservation>,
    set_by_plugins: Vec<Source>,
) -> views::Ticket {
    let row = shown.ticket;
    let labor_cost = row.labor_hours.at(row.labor_rate);
    let part = |part: Part| PartView { total: part.unit_cost.times(part.quantity), part };
    let parts: Vec<PartView> = parts.into_iter().map(part).collect();
    let parts_cost: Money = parts.iter().map(|part| part.total).sum();
    let amount_paid = row.amount_paid.unwrap_or_default();
    let feedback = shown.score.zip(shown.rated_at);
    views::Ticket {
        id: row.id,
        number: format!("T{:06}", row.number),
        status: row.status,
        shop_id: row.shop_id,
        customer: views::Customer {
            id: row.customer_id,
            name: row.customer_name,
            email: row.customer_email,
            phone: row.customer_phone,
        },
        contact_name: row.contact_name,
        device: views::Device {
            identifier: row.device_identifier,
            category: row.device_category,
            description: row.device_description,
        },
        issue: views::Issue {
            description: row.issue_description,
            category: row.issue_category,
            severity: row.issue_severity,
        },
        assigned_to: row.assigned_to,
        assigned_to_name: row.assigned_to_name,
        timeline_total: timeline.len(),
        timeline,
        diagnostics: views::Diagnostics {
            findings: row.findings,
            estimated_cost: row.estimated_cost,
            recommended_parts: row.recommended_parts,
        },
        labor: views::Labor { hours: row.labor_hours, rate: row.labor_rate, total: labor_cost },
        parts,
        labor_cost,
        parts_cost,
        total_cost: labor_cost + parts_cost,
        amount_paid,
        balance_due: labor_cost + parts_cost - amount_paid,
        feedback: feedback.map(|(score, created_at)| views::Feedback {
            score,
            comment: shown.comment,
            created_at,
        }),
        tags: row.tags,
        custom_fields: row.custom_fields,
        reservations,
        set_by_plugins,
        enrichment: match shown.enrichment {
            None => "none",
            Some(0) => "pending",
            Some(1) => "failed",
            Some(_) => "done",
        },
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
