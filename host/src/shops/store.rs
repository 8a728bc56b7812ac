//! All SQL of shops.

use std::collections::HashSet;

use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{OrgId, ShopId};
use crate::model::people::Shop;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_all, fetch_optional};

/// The changed fields; `None` leaves a field unchanged, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct ShopChange {
    pub name: Option<String>,
    pub time_zone: Option<String>,
    pub address: Option<Option<String>>,
}

pub static LISTING: Listing = Listing {
    name: "shops",
    id: "id",
    default: "name",
    sorts: &[
        Sort::by("name", &[Column::Text("name")]),
        Sort::fixed("created_at", &[Column::Time("created_at")]),
    ],
};

impl Listed for Shop {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, sort: &str) -> Vec<Value> {
        match sort {
            "created_at" => vec![Value::Time(self.created_at)],
            _ => vec![Value::Text(self.name.clone())],
        }
    }
}

pub async fn insert(conn: &mut Conn, org: OrgId, shop: &Shop) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into shops (org_id, id, name, time_zone, address, created_at) values ($1, $2, $3, $4, $5, $6)",
        org,
        shop.id,
        shop.name.as_str(),
        shop.time_zone.as_str(),
        shop.address.as_deref(),
        shop.created_at
    )?;
    Ok(())
}

pub async fn get(conn: &mut Conn, org: OrgId, id: ShopId) -> Result<Option<Shop>, sqlx::Error> {
    fetch_optional!(
        conn,
        Shop,
        "select id, name, time_zone, address, created_at from shops where org_id = $1 and id = $2",
        org,
        id
    )
}

/// The ids that belong to shops of the organization.
pub async fn known(
    conn: &mut Conn,
    org: OrgId,
    ids: &[ShopId],
) -> Result<HashSet<ShopId>, sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    let Some(list) = filter.list(ids.iter().map(|id| Value::Uuid(id.0))) else {
        return Ok(HashSet::new());
    };
    filter.and_plain(&format!("id in {list}"));
    let rows: Vec<(ShopId,)> = filter.figure("select id from shops").fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    window: &Window,
) -> Result<(Vec<Shop>, i64), sqlx::Error> {
    let filter = Filter::for_org("org_id", org.0);
    let select = "select id, name, time_zone, address, created_at from shops";
    let shops = filter.select(select, &window.slice).fetch_all(conn).await?;
    Ok((shops, filter.count("shops").fetch_figure(conn).await?))
}

pub async fn count(conn: &mut Conn, org: OrgId) -> Result<i64, sqlx::Error> {
    Filter::for_org("org_id", org.0).count("shops").fetch_figure(conn).await
}

/// Returns the changed shop, or `None` if it does not exist.
pub async fn update(
    conn: &mut Conn,
    org: OrgId,
    id: ShopId,
    change: &ShopChange,
) -> Result<Option<Shop>, sqlx::Error> {
    fetch_optional!(
        conn,
        Shop,
        "update shops set name = coalesce($3, name), time_zone = coalesce($4, time_zone),
                address = case when $5 then $6 else address end
         where org_id = $1 and id = $2 returning id, name, time_zone, address, created_at",
        org,
        id,
        change.name.as_deref(),
        change.time_zone.as_deref(),
        change.address.is_some(),
        change.address.as_ref().and_then(|text| text.as_deref())
    )
}

/// The distinct time zones of the organization's shops.
pub async fn time_zones(conn: &mut Conn, org: OrgId) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String,)> =
        fetch_all!(conn, (String,), "select distinct time_zone from shops where org_id = $1", org)?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}
