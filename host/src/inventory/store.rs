//! All SQL of the tables `inventory_items` and `reservations`: this file has their reads and the changes by owners,
//! `moves` the changes by tickets, `movements` the SQL of `stock_movements`.

mod doctor;
mod movements;
mod moves;

use serde::Serialize;
use uuid::Uuid;

use crate::counters::store::Counted;
use crate::db::{Conn, Filter, Query, Value};
use crate::model::distinct::each_once;
use crate::model::ids::{ItemId, OrgId, ReservationId, ShopId, TicketId};
use crate::model::stock::{Item, Reservation};
use crate::model::time::Time;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{counters, execute, fetch_all, fetch_optional};

pub use doctor::*;
pub use movements::*;
pub use moves::*;

macro_rules! select_item {
    () => {
        "select i.id, i.version, i.shop_id, i.sku, i.name, i.category, i.on_hand, i.reserved, i.cost, i.selling_price,
                i.reorder_level, i.supplier, i.created_at, i.updated_at
         from inventory_items i"
    };
}

#[derive(Debug, Default, Serialize)]
pub struct ListFilter {
    pub shop_id: Option<ShopId>,
    pub category: Option<String>,
    pub sku: Option<String>,
    pub in_stock: Option<bool>,
}

pub static LISTING: Listing = Listing {
    name: "inventory",
    id: "i.id",
    default: "sku",
    sorts: &[
        Sort::by("sku", &[Column::Text("i.sku")]),
        Sort::by("name", &[Column::Text("i.name")]),
        Sort::by("category", &[Column::Text("i.category"), Column::Text("i.sku")]),
        Sort::by("quantity_on_hand", &[Column::Int("i.on_hand")]),
        Sort::by("quantity_available", &[Column::Int("i.on_hand - i.reserved")]),
        Sort::by("last_updated", &[Column::Time("i.updated_at")]),
    ],
};

impl Listed for Item {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, sort: &str) -> Vec<Value> {
        let text = |text: &str| Value::Text(text.to_owned());
        match sort {
            "name" => vec![text(&self.name)],
            "category" => vec![text(&self.category), text(&self.sku)],
            "quantity_on_hand" => vec![Value::Int(self.on_hand)],
            "quantity_available" => vec![Value::Int(self.available())],
            "last_updated" => vec![Value::Time(self.updated_at)],
            _ => vec![text(&self.sku)],
        }
    }
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    wanted: &ListFilter,
    window: &Window,
) -> Result<(Vec<Item>, i64), sqlx::Error> {
    let rows = page_query(org, wanted, window).fetch_all(conn).await?;
    let total = counters::store::add_up(conn, total_queries(org, wanted)).await?;
    Ok((rows, total))
}

pub fn page_query(org: OrgId, wanted: &ListFilter, window: &Window) -> Query {
    filter(org, wanted).select(select_item!(), &window.slice)
}

/// The queries whose counts add up to the total. Filters by sku, category and stock count rows: an organization has
/// tens of thousands of items, not millions, and counters by stock would be written with every reservation.
pub fn total_queries(org: OrgId, wanted: &ListFilter) -> Vec<Query> {
    let count = |_, _| filter(org, wanted).count("inventory_items i");
    if wanted.sku.is_some() || wanted.category.is_some() || wanted.in_stock.is_some() {
        return vec![count(None, None)];
    }
    let counted = Counted {
        list: "items",
        scope: wanted.shop_id.map_or(org.0, |shop| shop.0),
        status: None,
        created_after: None,
        created_before: None,
    };
    counters::store::total(org, &counted, count)
}

fn filter(org: OrgId, wanted: &ListFilter) -> Filter {
    let mut filter = Filter::for_org("i.org_id", org.0);
    filter.and_some("i.shop_id = ?", wanted.shop_id.map(|id| Value::Uuid(id.0)));
    filter.and_some("i.category = ?", wanted.category.clone().map(Value::Text));
    filter.and_some("i.sku = ?", wanted.sku.clone().map(Value::Text));
    match wanted.in_stock {
        Some(true) => filter.and_plain("i.on_hand - i.reserved > 0"),
        Some(false) => filter.and_plain("i.on_hand - i.reserved <= 0"),
        None => {}
    }
    filter
}

pub async fn get(conn: &mut Conn, org: OrgId, id: ItemId) -> Result<Option<Item>, sqlx::Error> {
    fetch_optional!(
        conn,
        Item,
        concat!(select_item!(), " where i.org_id = $1 and i.id = $2"),
        org,
        id
    )
}

/// The items with these ids that the organization has, in the order of the ids.
pub async fn get_many(
    conn: &mut Conn,
    org: OrgId,
    ids: &[ItemId],
) -> Result<Vec<Item>, sqlx::Error> {
    let mut filter = Filter::for_org("i.org_id", org.0);
    let Some(list) = filter.list(ids.iter().map(|id| Value::Uuid(id.0))) else {
        return Ok(Vec::new());
    };
    filter.and_plain(&format!("i.id in {list}"));
    let mut query = filter.figure(select_item!());
    query.sql.push_str(" order by i.id");
    query.fetch_all(conn).await
}

/// Finds items by sku, one for each sku that exists: the shop's own, or else another shop's.
pub async fn find_by_skus(
    conn: &mut Conn,
    org: OrgId,
    shop: ShopId,
    skus: &[&str],
) -> Result<Vec<Item>, sqlx::Error> {
    let mut filter = Filter::for_org("i.org_id", org.0);
    let Some(list) = filter.list(skus.iter().map(|sku| Value::Text((*sku).to_owned()))) else {
        return Ok(Vec::new());
    };
    filter.and_plain(&format!("i.sku in {list}"));
    let mut query = filter.figure(select_item!());
    query.values.push(Value::Uuid(shop.0));
    query.sql = format!(
        "select * from (
             select named.*, row_number() over (
                 partition by sku order by case when shop_id = ${} then 0 else 1 end, id) as choice
             from ({}) named) chosen
         where choice = 1",
        query.values.len(),
        query.sql
    );
    query.fetch_all(conn).await
}

/// The available items (or `released` ones) of all shops with the same sku or category as one of `items`: these items first, then a share
/// for each sku and for each category, so that no line of a ticket crowds out another; within it the ticket's own shop
/// first.
pub async fn candidates(
    conn: &mut Conn,
    org: OrgId,
    shop: ShopId,
    items: &[&Item],
    released: &[ItemId],
    limit: i64,
) -> Result<Vec<Item>, sqlx::Error> {
    let mut filter = Filter::for_org("i.org_id", org.0);
    let text = |text: &str| Value::Text(text.to_owned());
    let skus = each_once(items.iter().map(|item| item.sku.as_str()).collect());
    let categories = each_once(items.iter().map(|item| item.category.as_str()).collect());
    let share = |of: usize| (limit / 2 / i64::try_from(of).unwrap_or(i64::MAX).max(1)).max(1);
    let (sku_share, category_share) = (share(skus.len()), share(categories.len()));
    let (Some(ids), Some(skus), Some(categories)) = (
        filter.list(items.iter().map(|item| Value::Uuid(item.id.0))),
        filter.list(skus.into_iter().map(text)),
        filter.list(categories.into_iter().map(text)),
    ) else {
        return Ok(Vec::new());
    };
    match filter.list(released.iter().map(|item| Value::Uuid(item.0))) {
        Some(released) => {
            filter.and_plain(&format!("(i.on_hand - i.reserved > 0 or i.id in {released})"))
        }
        None => filter.and_plain("i.on_hand - i.reserved > 0"),
    }
    filter.and_plain(&format!("(i.sku in {skus} or i.category in {categories})"));
    let far = format!("case when shop_id = {} then 0 else 1 end", filter.bind(Value::Uuid(shop.0)));
    let mut query = filter.figure(select_item!());
    query.sql = format!(
        "select * from (
             select found.*,
                 case when id in {ids} then 0 when sku in {skus} then 1 else 2 end as nearness,
                 row_number() over (
                     partition by sku order by case when id in {ids} then 0 else 1 end, {far}, id) as of_sku,
                 row_number() over (
                     partition by category order by case when sku in {skus} then 1 else 0 end, {far}, id) as of_category
             from ({}) found) ranked
         where nearness = 0 or (nearness = 1 and of_sku <= {sku_share})
             or (nearness = 2 and of_category <= {category_share})
         order by nearness, case when nearness = 1 then of_sku else of_category end, {far}, id
         limit {limit}",
        query.sql
    );
    query.fetch_all(conn).await
}

/// Returns false if the shop already has an item of that sku.
pub async fn insert(conn: &mut Conn, org: OrgId, item: &Item) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "insert into inventory_items (org_id, id, shop_id, sku, name, category, on_hand, reserved, cost,
             selling_price, reorder_level, supplier, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $12, $12)
         on conflict (org_id, shop_id, sku) do nothing",
        org,
        item.id,
        item.shop_id,
        item.sku.as_str(),
        item.name.as_str(),
        item.category.as_str(),
        item.on_hand,
        item.cost,
        item.selling_price,
        item.reorder_level,
        item.supplier.as_deref(),
        item.created_at
    )?;
    Ok(rows == 1)
}

/// Reads an item and locks it until the transaction ends. SQLite has one writer anyway.
pub async fn lock(conn: &mut Conn, org: OrgId, id: ItemId) -> Result<Option<Item>, sqlx::Error> {
    if !conn.is_postgres() {
        return get(conn, org, id).await;
    }
    fetch_optional!(
        conn,
        Item,
        concat!(select_item!(), " where i.org_id = $1 and i.id = $2 for update of i"),
        org,
        id
    )
}

/// Writes all columns that an owner can change. The item must be locked.
pub async fn update(conn: &mut Conn, org: OrgId, item: &Item) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update inventory_items
         set version = version + 1, on_hand = $3, name = $4, category = $5, cost = $6, selling_price = $7, reorder_level = $8,
             supplier = $9, updated_at = $10, reserved = $11
         where org_id = $1 and id = $2",
        org,
        item.id,
        item.on_hand,
        item.name.as_str(),
        item.category.as_str(),
        item.cost,
        item.selling_price,
        item.reorder_level,
        item.supplier.as_deref(),
        item.updated_at,
        item.reserved
    )?;
    Ok(())
}

pub async fn reservations(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Vec<Reservation>, sqlx::Error> {
    fetch_all!(
        conn,
        Reservation,
        "select id, part_id, item_id, quantity, state, plugin from reservations
         where org_id = $1 and ticket_id = $2 order by id",
        org,
        ticket
    )
}

/// Held pieces of an item.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Hold {
    pub id: ReservationId,
    pub ticket_id: TicketId,
    pub quantity: i64,
}

/// The newest first.
pub async fn holds_of_item(
    conn: &mut Conn,
    org: OrgId,
    item: ItemId,
) -> Result<Vec<Hold>, sqlx::Error> {
    fetch_all!(
        conn,
        Hold,
        "select id, ticket_id, quantity from reservations
         where org_id = $1 and item_id = $2 and state = 'held' order by id desc",
        org,
        item
    )
}

/// Releases whole reservations. The item's `reserved` is the caller's to write.
pub async fn end_holds(
    conn: &mut Conn,
    org: OrgId,
    ids: &[ReservationId],
    now: Time,
) -> Result<(), sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    let now = filter.bind(Value::Time(now));
    let Some(list) = filter.list(ids.iter().map(|id| Value::Uuid(id.0))) else { return Ok(()) };
    filter.and_plain(&format!("id in {list} and state = 'held'"));
    let update =
        filter.figure(&format!("update reservations set state = 'released', ended_at = {now}"));
    let _: Vec<(ReservationId,)> = update.returning("id").fetch_all(conn).await?;
    Ok(())
}
