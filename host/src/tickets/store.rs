//! All SQL of tickets and of the tables that belong to them: this file has the lists and the writes of other
//! features; `context` reads one ticket, `write` writes it, `enrichments` has the post-create work.
//!
//! Invariant: every write of a ticket increments its version.

mod context;
mod enrichments;
mod refusals;
mod timeline;
mod write;

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use crate::counters::store::Counted;
use crate::db::{Conn, Filter, Query, Value};
use crate::model::ids::{CustomerId, OrgId, ShopId, TicketId, UserId};
use crate::model::money::{Hours, Money};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::search::query::{Phone, Search};
use crate::search::store::Conditions;
use crate::{counters, execute, fetch_all, fetch_optional};

pub use context::*;
pub use enrichments::*;
pub use refusals::*;
pub use timeline::*;
pub use write::*;

/// A ticket in a list.
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

#[derive(Clone, Debug, Default, Serialize)]
pub struct ListFilter {
    pub shop_id: Option<ShopId>,
    /// Any of these; empty for all.
    pub statuses: Vec<Status>,
    pub customer_id: Option<CustomerId>,
    pub assigned_to: Option<Assignee>,
    pub number: Option<i64>,
    pub created_after: Option<Time>,
    pub created_before: Option<Time>,
    pub updated_after: Option<Time>,
    pub tag: Option<String>,
    /// Of the customer.
    pub phone: Option<Phone>,
    pub search: Option<Search>,
}

impl ListFilter {
    /// Whether the rows are so few that they are counted one by one.
    fn is_narrow(&self) -> bool {
        let by_words = self.tag.is_some() || self.phone.is_some() || self.search.is_some();
        by_words || self.number.is_some() || self.updated_after.is_some()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Assignee {
    Nobody,
    User(UserId),
}

pub static LISTING: Listing = Listing {
    name: "tickets",
    id: "t.id",
    default: "-created_at",
    sorts: &[
        Sort::fixed("created_at", &[Column::Time("t.created_at")]),
        Sort::by("updated_at", &[Column::Time("t.updated_at")]),
        Sort::unique("number", &[Column::Int("t.number")]),
        // By age within a status, like the index of the filter by status.
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

/// Names and costs are subqueries, not joins, so that no planner starts with another table and sorts.
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

/// The queries whose counts add up to the total. Tickets of a customer or a technician are counted through their
/// index, because they are few; all others have counters.
pub fn total_queries(org: OrgId, wanted: &ListFilter) -> Vec<Query> {
    let (after, before) = (wanted.created_after, wanted.created_before);
    let count = |after, before| filter(org, wanted, after, before).count("tickets t");
    let dated = after.is_some() || before.is_some();
    let scope = match (wanted.customer_id, wanted.assigned_to, wanted.shop_id) {
        _ if wanted.is_narrow() => return vec![count(after, before)],
        (None, None, None) => org.0,
        (None, None, Some(shop)) => shop.0,
        (None, Some(Assignee::User(user)), None) if !dated => user.0,
        _ => return vec![count(after, before)],
    };
    let total = |status: Option<&Status>| {
        let one = ListFilter { statuses: status.cloned().into_iter().collect(), ..wanted.clone() };
        let count = |after, before| filter(org, &one, after, before).count("tickets t");
        let counted = Counted {
            list: "tickets",
            scope,
            status: status.map(Status::as_str),
            created_after: after,
            created_before: before,
        };
        counters::store::total(org, &counted, count)
    };
    match &wanted.statuses[..] {
        [] => total(None),
        statuses => statuses.iter().flat_map(|status| total(Some(status))).collect(),
    }
}

fn filter(org: OrgId, wanted: &ListFilter, after: Option<Time>, before: Option<Time>) -> Filter {
    let mut filter = Filter::for_org("t.org_id", org.0);
    filter.and_some("t.shop_id = ?", wanted.shop_id.map(|id| Value::Uuid(id.0)));
    let status = |status: &Status| Value::Text(status.0.clone());
    match &wanted.statuses[..] {
        [] => {}
        [one] => filter.and("t.status = ?", status(one)),
        several => {
            if let Some(list) = filter.list(several.iter().map(status)) {
                filter.and_plain(&format!("t.status in {list}"));
            }
        }
    }
    filter.and_some("t.customer_id = ?", wanted.customer_id.map(|id| Value::Uuid(id.0)));
    match wanted.assigned_to {
        Some(Assignee::User(id)) => filter.and("t.assigned_to = ?", Value::Uuid(id.0)),
        Some(Assignee::Nobody) => filter.and_plain("t.assigned_to is null"),
        None => {}
    }
    filter.and_some("t.number = ?", wanted.number.map(Value::Int));
    filter.and_some("t.updated_at >= ?", wanted.updated_after.map(Value::Time));
    let mut conditions = Conditions { filter: &mut filter, org };
    if let Some(tag) = &wanted.tag {
        conditions.tag("t.id", tag);
    }
    if let Some(phone) = &wanted.phone {
        conditions.ticket_phone("t.id", phone);
    }
    if let Some(search) = &wanted.search {
        conditions.search("t.id", search);
    }
    filter.and_some("t.created_at >= ?", after.map(Value::Time));
    filter.and_some("t.created_at < ?", before.map(Value::Time));
    filter
}

/// Increments the version after a write to another table that the ticket shows. Returns the new version, or `None` if
/// the ticket does not exist. Locks the ticket until the transaction ends.
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

/// A ticket that was moved to another customer.
#[derive(Debug, FromRow)]
pub struct MovedTicket {
    pub id: TicketId,
    pub number: i64,
    pub shop_id: ShopId,
    pub version: i64,
}

/// Moves all tickets of one customer to another.
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

/// Increments the versions of a customer's tickets, because they show the customer.
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

/// Adds to the paid amount (negative for a refund) and increments the version. Returns false if the sum would be
/// negative, if the status accepts no payments, or if the ticket does not exist.
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

/// A ticket whose version was incremented.
#[derive(Clone, Debug, FromRow)]
pub struct TouchedTicket {
    pub id: TicketId,
    pub number: i64,
    pub shop_id: ShopId,
    pub status: Status,
    pub version: i64,
}

/// [`touch`] for many tickets, which are locked in the order of their ids.
pub async fn touch_many(
    conn: &mut Conn,
    org: OrgId,
    ids: &[TicketId],
    updated_at: Time,
) -> Result<Vec<TouchedTicket>, sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    let Some(list) = filter.list(ids.iter().map(|id| Value::Uuid(id.0))) else {
        return Ok(Vec::new());
    };
    filter.and_plain(&format!("id in {list}"));
    if conn.is_postgres() {
        let mut lock = filter.figure("select id from tickets");
        lock.sql.push_str(" order by id for no key update");
        let _: Vec<(TicketId,)> = lock.fetch_all(conn).await?;
    }
    let now = filter.bind(Value::Time(updated_at));
    let update =
        filter.figure(&format!("update tickets set version = version + 1, updated_at = {now}"));
    update.returning("id, number, shop_id, status, version").fetch_all(conn).await
}
