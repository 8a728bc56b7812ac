//! All SQL of tickets, ticket_parts, ticket_events and ticket_field_sources; `enrichments` has its own.

mod enrichments;

use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::counters::store::Counted;
use crate::db::{Conn, Filter, Query, Value};
use crate::model::ids::{CustomerId, OrgId, ShopId, TicketId, TimelineId, UserId};
use crate::model::money::{Hours, Money};
use crate::model::ticket::{FieldSource, Part, Ticket, TimelineEntry};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{counters, execute, fetch_all, fetch_optional, insert_all};

pub use enrichments::*;

/// A ticket as a list shows it.
#[derive(Debug, FromRow)]
pub struct ListRow {
    pub id: TicketId,
    pub number: i64,
    pub status: Status,
    pub customer_id: CustomerId,
    pub customer_name: String,
    pub device_identifier: String,
    pub issue_description: String,
    pub labor_hours: Hours,
    pub labor_rate: Money,
    pub parts_cost: Money,
    pub created_at: Time,
    pub updated_at: Time,
    pub assigned_to: Option<UserId>,
    pub assigned_to_name: Option<String>,
    pub shop_id: ShopId,
}

#[derive(Debug, Default, Serialize)]
pub struct ListFilter {
    pub shop_id: Option<ShopId>,
    pub status: Option<Status>,
    pub customer_id: Option<CustomerId>,
    pub assigned_to: Option<UserId>,
    pub created_after: Option<Time>,
    pub created_before: Option<Time>,
}

pub static LISTING: Listing = Listing {
    name: "tickets",
    id: "t.id",
    default: "-created_at",
    sorts: &[
        Sort::by("created_at", &[Column::Time("t.created_at")]),
        Sort::by("updated_at", &[Column::Time("t.updated_at")]),
        Sort::unique("number", &[Column::Int("t.number")]),
        // By age within a status, as the index of the filter by status has them.
        Sort::by("status", &[Column::Text("t.status"), Column::Time("t.created_at")]),
    ],
};

impl Listed for ListRow {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, sort: &str) -> Vec<Value> {
        match sort {
            "updated_at" => vec![Value::Time(self.updated_at)],
            "number" => vec![Value::Int(self.number)],
            "status" => vec![Value::Text(self.status.0.clone()), Value::Time(self.created_at)],
            _ => vec![Value::Time(self.created_at)],
        }
    }
}

/// Names and costs are subqueries, not joins: no planner may begin with another table and sort.
const SELECT_LIST: &str = "select t.id, t.number, t.status, t.customer_id,
        (select c.name from customers c where c.org_id = t.org_id and c.id = t.customer_id) as customer_name,
        t.device_identifier, t.issue_description, t.labor_hours, t.labor_rate,
        (select cast(coalesce(sum(p.quantity * p.unit_cost), 0) as bigint) from ticket_parts p
         where p.org_id = t.org_id and p.ticket_id = t.id) as parts_cost,
        t.created_at, t.updated_at, t.assigned_to,
        (select u.name from users u where u.org_id = t.org_id and u.id = t.assigned_to) as assigned_to_name,
        t.shop_id
     from tickets t";

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    wanted: &ListFilter,
    window: &Window,
) -> Result<(Vec<ListRow>, i64), sqlx::Error> {
    let rows = page_query(org, wanted, window).fetch_all(conn).await?;
    let total = counters::store::add_up(conn, total_queries(org, wanted)).await?;
    Ok((rows, total))
}

pub fn page_query(org: OrgId, wanted: &ListFilter, window: &Window) -> Query {
    let (after, before) = (wanted.created_after, wanted.created_before);
    filter(org, wanted, after, before).select(SELECT_LIST, &window.slice)
}

/// The queries whose figures add up to the total. A customer has few tickets, a technician as many as one
/// person can repair: those are counted through their index; all others have counters.
pub fn total_queries(org: OrgId, wanted: &ListFilter) -> Vec<Query> {
    let (after, before) = (wanted.created_after, wanted.created_before);
    let count = |after, before| filter(org, wanted, after, before).count("tickets t");
    let dated = after.is_some() || before.is_some();
    let scope = match (wanted.customer_id, wanted.assigned_to, wanted.shop_id) {
        (None, None, None) => org.0,
        (None, None, Some(shop)) => shop.0,
        (None, Some(user), None) if !dated => user.0,
        _ => return vec![count(after, before)],
    };
    let counted = Counted {
        list: "tickets",
        scope,
        status: wanted.status.as_ref().map(Status::as_str),
        created_after: after,
        created_before: before,
    };
    counters::store::total(org, &counted, count)
}

fn filter(org: OrgId, wanted: &ListFilter, after: Option<Time>, before: Option<Time>) -> Filter {
    let mut filter = Filter::for_org("t.org_id", org.0);
    filter.and_some("t.shop_id = ?", wanted.shop_id.map(|id| Value::Uuid(id.0)));
    filter.and_some("t.status = ?", wanted.status.clone().map(|status| Value::Text(status.0)));
    filter.and_some("t.customer_id = ?", wanted.customer_id.map(|id| Value::Uuid(id.0)));
    filter.and_some("t.assigned_to = ?", wanted.assigned_to.map(|id| Value::Uuid(id.0)));
    filter.and_some("t.created_at >= ?", after.map(Value::Time));
    filter.and_some("t.created_at < ?", before.map(Value::Time));
    filter
}

pub async fn get(conn: &mut Conn, org: OrgId, id: TicketId) -> Result<Option<Ticket>, sqlx::Error> {
    fetch_optional!(
        conn,
        Ticket,
        "select id, number, version, shop_id, customer_id, status, device_identifier, device_category,
                device_description, issue_description, issue_category, issue_severity, assigned_to, labor_hours,
                labor_rate, findings, estimated_cost, recommended_parts, tags, custom_fields, picked_up_at,
                amount_paid, created_at, updated_at
         from tickets where org_id = $1 and id = $2",
        org,
        id
    )
}

pub async fn parts(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Vec<Part>, sqlx::Error> {
    fetch_all!(
        conn,
        Part,
        "select id, inventory_id, sku, name, quantity, unit_cost, cost_basis from ticket_parts
         where org_id = $1 and ticket_id = $2 order by position",
        org,
        ticket
    )
}

pub async fn timeline(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Vec<TimelineEntry>, sqlx::Error> {
    fetch_all!(
        conn,
        TimelineEntry,
        "select id, kind, status, actor, notes, created_at from ticket_events
         where org_id = $1 and ticket_id = $2 order by created_at, id",
        org,
        ticket
    )
}

pub async fn field_sources(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Vec<FieldSource>, sqlx::Error> {
    fetch_all!(
        conn,
        FieldSource,
        "select field, plugin, plugin_version, installation_id, created_at from ticket_field_sources
         where org_id = $1 and ticket_id = $2 order by field",
        org,
        ticket
    )
}

pub async fn insert(conn: &mut Conn, org: OrgId, ticket: &Ticket) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into tickets (org_id, id, number, version, shop_id, customer_id, status, device_identifier,
             device_category, device_description, issue_description, labor_hours, labor_rate, recommended_parts,
             tags, custom_fields, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)",
        org,
        ticket.id,
        ticket.number,
        ticket.version,
        ticket.shop_id,
        ticket.customer_id,
        ticket.status.as_str(),
        ticket.device_identifier.as_str(),
        ticket.device_category.as_deref(),
        ticket.device_description.as_deref(),
        ticket.issue_description.as_str(),
        ticket.labor_hours,
        ticket.labor_rate,
        Json(&ticket.recommended_parts),
        Json(&ticket.tags),
        Json(&ticket.custom_fields),
        ticket.created_at
    )?;
    Ok(())
}

/// Writes all that can change, and makes the version one more; false when the ticket is not at
/// `ticket.version` any more.
pub async fn update(conn: &mut Conn, org: OrgId, ticket: &Ticket) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update tickets
         set version = version + 1, status = $4, device_description = $5, issue_category = $6, issue_severity = $7,
             assigned_to = $8, labor_hours = $9, labor_rate = $10, findings = $11, estimated_cost = $12,
             recommended_parts = $13, tags = $14, custom_fields = $15, picked_up_at = $16, updated_at = $17
         where org_id = $1 and id = $2 and version = $3",
        org,
        ticket.id,
        ticket.version,
        ticket.status.as_str(),
        ticket.device_description.as_deref(),
        ticket.issue_category.as_deref(),
        ticket.issue_severity.as_deref(),
        ticket.assigned_to,
        ticket.labor_hours,
        ticket.labor_rate,
        ticket.findings.as_deref(),
        ticket.estimated_cost,
        Json(&ticket.recommended_parts),
        Json(&ticket.tags),
        Json(&ticket.custom_fields),
        ticket.picked_up_at,
        ticket.updated_at
    )?;
    Ok(rows == 1)
}

/// Makes the version one more for something that the ticket shows and that is written beside it; none when there is
/// no such ticket. From here on nobody else writes it before the transaction ends.
pub async fn touch(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
    updated_at: Option<Time>,
) -> Result<Option<i64>, sqlx::Error> {
    let row: Option<(i64,)> = fetch_optional!(
        conn,
        (i64,),
        "update tickets set version = version + 1, updated_at = coalesce($3, updated_at)
         where org_id = $1 and id = $2 returning version",
        org,
        id,
        updated_at
    )?;
    Ok(row.map(|row| row.0))
}

/// A ticket that went to another customer.
#[derive(Debug, FromRow)]
pub struct MovedTicket {
    pub id: TicketId,
    pub number: i64,
    pub shop_id: ShopId,
    pub version: i64,
}

/// Gives all tickets of one customer to another.
pub async fn move_customer(
    conn: &mut Conn,
    org: OrgId,
    from: CustomerId,
    to: CustomerId,
    now: Time,
) -> Result<Vec<MovedTicket>, sqlx::Error> {
    fetch_all!(
        conn,
        MovedTicket,
        "update tickets set customer_id = $3, version = version + 1, updated_at = $4
         where org_id = $1 and customer_id = $2 returning id, number, shop_id, version",
        org,
        from,
        to,
        now
    )
}

/// Makes the versions of a customer's tickets one more: they show the customer.
pub async fn touch_of_customer(
    conn: &mut Conn,
    org: OrgId,
    customer: CustomerId,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update tickets set version = version + 1 where org_id = $1 and customer_id = $2",
        org,
        customer
    )?;
    Ok(())
}

/// Adds to what was paid (less than zero: takes from it), and makes the version one more. False when that would leave
/// less than nothing, when a payment comes in a status that takes none, or when there is no such ticket.
pub async fn add_paid(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
    amount: Money,
    closed_to_payments: &str,
    now: Time,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update tickets set amount_paid = coalesce(amount_paid, 0) + $3, version = version + 1, updated_at = $4
         where org_id = $1 and id = $2 and coalesce(amount_paid, 0) + $3 >= 0 and ($3 < 0 or status <> $5)",
        org,
        id,
        amount,
        now,
        closed_to_payments
    )?;
    Ok(rows == 1)
}

/// Makes the stored lines those of `parts`; lines keep their ids.
pub async fn replace_parts(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    parts: &[Part],
) -> Result<(), sqlx::Error> {
    execute!(conn, "delete from ticket_parts where org_id = $1 and ticket_id = $2", org, ticket)?;
    let lines: Vec<(i64, &Part)> = (0..).zip(parts).collect();
    insert_all!(
        conn,
        "insert into ticket_parts (org_id, id, ticket_id, position, inventory_id, sku, name, quantity, unit_cost,
             cost_basis) ",
        &lines,
        |line| org,
        line.1.id,
        ticket,
        line.0,
        line.1.inventory_id,
        line.1.sku.as_deref(),
        line.1.name.as_str(),
        line.1.quantity,
        line.1.unit_cost,
        line.1.cost_basis
    )?;
    Ok(())
}

/// A new entry of the timeline.
pub struct NewEvent<'a> {
    pub id: TimelineId,
    pub kind: &'static str,
    pub status: &'a Status,
    pub from_status: Option<&'a Status>,
    pub actor: &'a str,
    pub notes: Option<&'a str>,
    pub created_at: Time,
}

pub async fn add_event(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    event: &NewEvent<'_>,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into ticket_events (org_id, id, ticket_id, kind, status, from_status, actor, notes, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        org,
        event.id,
        ticket,
        event.kind,
        event.status.as_str(),
        event.from_status.map(Status::as_str),
        event.actor,
        event.notes,
        event.created_at
    )?;
    Ok(())
}

pub async fn set_field_source(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    source: &FieldSource,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into ticket_field_sources (org_id, ticket_id, field, plugin, plugin_version, installation_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (org_id, ticket_id, field) do update
         set plugin = excluded.plugin, plugin_version = excluded.plugin_version,
             installation_id = excluded.installation_id, created_at = excluded.created_at",
        org,
        ticket,
        source.field.as_str(),
        source.plugin.as_str(),
        source.plugin_version.as_str(),
        source.installation_id,
        source.created_at
    )?;
    Ok(())
}
