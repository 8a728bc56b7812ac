//! All SQL of customers, except the SQL of merges, which is in `merges`.

mod merges;

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use crate::counters::store::Counted;
use crate::db::{Conn, Filter, Query, Value};
use crate::model::ids::{CustomerId, OrgId, ShopId, TicketId};
use crate::model::money::Money;
use crate::model::people::{Customer, ERASED, comparison_key};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::search::fold::fold;
use crate::search::query::Phone;
use crate::search::store::{self as search, Conditions};
use crate::{counters, execute, fetch_all, fetch_optional};

pub use merges::*;

/// A customer with the figures derived from their tickets.
#[derive(Debug, FromRow)]
pub struct CustomerRow {
    #[sqlx(flatten)]
    pub customer: Customer,
    pub total_tickets: i64,
    pub last_pickup: Option<Time>,
    pub lifetime_spend: Money,
}

#[derive(Debug, FromRow)]
pub struct RepairRow {
    pub id: TicketId,
    pub device_identifier: String,
    pub status: Status,
    pub cost: Money,
    pub picked_up_at: Option<Time>,
    pub created_at: Time,
}

#[derive(Debug, Default, Serialize)]
pub struct ListFilter {
    pub shop_id: Option<ShopId>,
    pub name: Option<String>,
    pub phone: Option<Phone>,
    pub created_after: Option<Time>,
    pub created_before: Option<Time>,
}

impl ListFilter {
    /// Whether the rows are counted one by one.
    fn is_narrow(&self) -> bool {
        self.name.is_some() || self.phone.is_some()
    }
}

pub static LISTING: Listing = Listing {
    name: "customers",
    id: "c.id",
    default: "-created_at",
    sorts: &[
        Sort::fixed("created_at", &[Column::Time("c.created_at")]),
        Sort::by("name", &[Column::Text("c.name_key")]),
    ],
};

/// The list of one shop's customers, which have an index of their own.
static LISTING_OF_SHOP: Listing = Listing {
    name: "customers",
    id: "s.customer_id",
    default: "-created_at",
    sorts: &[
        Sort::fixed("created_at", &[Column::Time("s.customer_created_at")]),
        Sort::by("name", &[Column::Text("c.name_key")]),
    ],
};

/// The listing that serves a filter.
pub fn listing(filter: &ListFilter) -> &'static Listing {
    if filter.shop_id.is_some() { &LISTING_OF_SHOP } else { &LISTING }
}

impl Listed for CustomerRow {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.customer.id.0
    }

    fn keys(&self, sort: &str) -> Vec<Value> {
        match sort {
            "name" => vec![Value::Text(comparison_key(&self.customer.name))],
            _ => vec![Value::Time(self.customer.created_at)],
        }
    }
}

/// A ticket's total in SQL, equal to `Detail::total`; `t` is the ticket.
macro_rules! ticket_total {
    () => {
        "(t.labor_hours * t.labor_rate + 50) / 100
         + (select cast(coalesce(sum(p.quantity * p.unit_cost), 0) as bigint) from ticket_parts p
            where p.org_id = t.org_id and p.ticket_id = t.id)"
    };
}

// The payments of a ticket count. Without any recorded payment, its total counts once it is picked up.
macro_rules! select_from {
    ($from:literal) => {
        concat!(
            "select c.id, c.version, c.name, c.email, c.phone, c.address, c.created_at,
        (select count(*) from tickets t where t.org_id = c.org_id and t.customer_id = c.id) as total_tickets,
        (select max(t.picked_up_at) from tickets t
         where t.org_id = c.org_id and t.customer_id = c.id) as last_pickup,
        (select cast(coalesce(sum(coalesce(t.amount_paid, case when t.picked_up_at is not null then ",
            ticket_total!(),
            " else 0 end)), 0) as bigint) from tickets t
         where t.org_id = c.org_id and t.customer_id = c.id) as lifetime_spend
 from ",
            $from
        )
    };
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    wanted: &ListFilter,
    window: &Window,
) -> Result<(Vec<CustomerRow>, i64), sqlx::Error> {
    let rows = page_query(org, wanted, window).fetch_all(conn).await?;
    let total = counters::store::add_up(conn, total_queries(org, wanted)).await?;
    Ok((rows, total))
}

pub fn page_query(org: OrgId, wanted: &ListFilter, window: &Window) -> Query {
    let select = match wanted.shop_id {
        Some(_) => select_from!(
            "customer_shops s join customers c on c.org_id = s.org_id and c.id = s.customer_id"
        ),
        None => select_from!("customers c"),
    };
    let (after, before) = (wanted.created_after, wanted.created_before);
    filter(org, wanted, after, before).select(select, &window.slice)
}

/// The queries whose counts add up to the total. Only a search by name reads all rows.
pub fn total_queries(org: OrgId, wanted: &ListFilter) -> Vec<Query> {
    let (after, before) = (wanted.created_after, wanted.created_before);
    let from = match wanted.shop_id {
        Some(_) if wanted.is_narrow() => {
            "customer_shops s join customers c on c.org_id = s.org_id and c.id = s.customer_id"
        }
        Some(_) => "customer_shops s",
        None => "customers c",
    };
    let count = |after, before| filter(org, wanted, after, before).count(from);
    if wanted.is_narrow() {
        return vec![count(after, before)];
    }
    let counted = Counted {
        list: "customers",
        scope: wanted.shop_id.map_or(org.0, |shop| shop.0),
        status: None,
        created_after: after,
        created_before: before,
    };
    counters::store::total(org, &counted, count)
}

fn filter(org: OrgId, wanted: &ListFilter, after: Option<Time>, before: Option<Time>) -> Filter {
    let (mut filter, created_at) = match wanted.shop_id {
        Some(shop) => {
            let mut filter = Filter::for_org("s.org_id", org.0);
            filter.and("s.shop_id = ?", Value::Uuid(shop.0));
            (filter, "s.customer_created_at")
        }
        None => (Filter::for_org("c.org_id", org.0), "c.created_at"),
    };
    filter.and_some("c.name_key like ? escape '!'", wanted.name.as_deref().map(pattern));
    if let Some(phone) = &wanted.phone {
        Conditions { filter: &mut filter, org }.customer_phone("c.id", phone);
    }
    filter.and_some(&format!("{created_at} >= ?"), after.map(Value::Time));
    filter.and_some(&format!("{created_at} < ?"), before.map(Value::Time));
    filter
}

/// Matches any part of a name; case and accents do not matter.
fn pattern(part: &str) -> Value {
    let mut text = fold(part);
    for special in ['!', '%', '_'] {
        text = text.replace(special, &format!("!{special}"));
    }
    Value::Text(format!("%{text}%"))
}

pub async fn get(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
) -> Result<Option<CustomerRow>, sqlx::Error> {
    let mut filter = Filter::for_org("c.org_id", org.0);
    filter.and("c.id = ?", Value::Uuid(id.0));
    Ok(filter.figure(select_from!("customers c")).fetch_all(conn).await?.pop())
}

macro_rules! select_customer {
    () => {
        "select c.id, c.version, c.name, c.email, c.phone, c.address, c.created_at from customers c"
    };
}

/// A customer without figures.
pub async fn get_plain(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
) -> Result<Option<Customer>, sqlx::Error> {
    fetch_optional!(
        conn,
        Customer,
        concat!(select_customer!(), " where c.org_id = $1 and c.id = $2"),
        org,
        id
    )
}

/// A customer without figures, locked until the transaction ends. SQLite has one writer anyway.
pub async fn lock(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
) -> Result<Option<Customer>, sqlx::Error> {
    if !conn.is_postgres() {
        return get_plain(conn, org, id).await;
    }
    fetch_optional!(
        conn,
        Customer,
        concat!(select_customer!(), " where c.org_id = $1 and c.id = $2 for update of c"),
        org,
        id
    )
}

/// The latest 500, newest first.
pub async fn repairs(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
) -> Result<Vec<RepairRow>, sqlx::Error> {
    fetch_all!(
        conn,
        RepairRow,
        concat!(
            "select t.id, t.device_identifier, t.status, t.picked_up_at, t.created_at, ",
            ticket_total!(),
            " as cost from tickets t where t.org_id = $1 and t.customer_id = $2
              order by t.created_at desc, t.id desc limit 500"
        ),
        org,
        id
    )
}

pub async fn find_by_email(
    conn: &mut Conn,
    org: OrgId,
    email: &str,
) -> Result<Option<Customer>, sqlx::Error> {
    fetch_optional!(
        conn,
        Customer,
        concat!(select_customer!(), " where c.org_id = $1 and c.email_key = $2"),
        org,
        comparison_key(email)
    )
}

/// A customer without figures, locked against deletion until the transaction ends. Waits for a merge that is deleting
/// it.
pub async fn hold_by_email(
    conn: &mut Conn,
    org: OrgId,
    email: &str,
) -> Result<Option<Customer>, sqlx::Error> {
    if !conn.is_postgres() {
        return find_by_email(conn, org, email).await;
    }
    fetch_optional!(
        conn,
        Customer,
        concat!(select_customer!(), " where c.org_id = $1 and c.email_key = $2 for key share of c"),
        org,
        comparison_key(email)
    )
}

/// Returns false if another transaction created a customer with that email address.
pub async fn insert(conn: &mut Conn, org: OrgId, customer: &Customer) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "insert into customers (org_id, id, name, name_key, email, email_key, phone, address, created_at, has_terms)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, true)
         on conflict (org_id, email_key) do nothing",
        org,
        customer.id,
        customer.name.as_str(),
        fold(&customer.name),
        customer.email.as_stored(),
        customer.email.key(customer.id),
        customer.phone.as_deref(),
        customer.address.as_deref(),
        customer.created_at
    )?;
    if rows == 0 {
        return Ok(false);
    }
    search::insert_customer(conn, org, customer.id, &customer.name, customer.phone.as_deref())
        .await?;
    Ok(true)
}

/// Fills the phone number only if it is empty.
pub async fn fill_phone(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
    phone: &str,
) -> Result<(), sqlx::Error> {
    let rows: Vec<(String,)> = fetch_all!(
        conn,
        (String,),
        "update customers set phone = $3, version = version + 1
         where org_id = $1 and id = $2 and phone is null returning name",
        org,
        id,
        phone
    )?;
    for (name,) in rows {
        search::replace_customer(conn, org, id, &name, Some(phone)).await?;
    }
    Ok(())
}

/// Writes all columns that can change.
pub async fn update(conn: &mut Conn, org: OrgId, customer: &Customer) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update customers set version = version + 1, name = $3, name_key = $4, email = $5, email_key = $6, phone = $7, address = $8
         where org_id = $1 and id = $2",
        org,
        customer.id,
        customer.name.as_str(),
        fold(&customer.name),
        customer.email.as_stored(),
        customer.email.key(customer.id),
        customer.phone.as_deref(),
        customer.address.as_deref()
    )?;
    search::replace_customer(conn, org, customer.id, &customer.name, customer.phone.as_deref())
        .await
}

/// Erases the customer's own data, with the aliases and what the customer is found by. The key of the email address is
/// the customer's id, as without an address, so that the address is free.
pub async fn erase(conn: &mut Conn, org: OrgId, id: CustomerId) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update customers set version = version + 1, name = $3, name_key = $3, email = $3, email_key = $4,
                phone = case when phone is null then null else $3 end,
                address = case when address is null then null else $3 end
         where org_id = $1 and id = $2",
        org,
        id,
        ERASED,
        id.to_string()
    )?;
    delete_aliases(conn, org, id).await?;
    search::delete_customer(conn, org, id).await
}

/// Deletes a customer without tickets and aliases.
pub async fn delete(conn: &mut Conn, org: OrgId, id: CustomerId) -> Result<(), sqlx::Error> {
    search::delete_customer(conn, org, id).await?;
    execute!(conn, "delete from customers where org_id = $1 and id = $2", org, id)?;
    Ok(())
}
