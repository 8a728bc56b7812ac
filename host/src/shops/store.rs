//! All SQL of shops.

use crate::db::{Conn, Filter};
use crate::model::ids::{OrgId, ShopId};
use crate::model::people::Shop;
use crate::page::Window;
use crate::{execute, fetch_optional};

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

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    window: Window,
) -> Result<(Vec<Shop>, i64), sqlx::Error> {
    let filter = Filter::for_org("org_id", org.0);
    let select = "select id, name, time_zone, address, created_at from shops";
    let shops = filter.fetch_page(conn, select, "name, id", window.limit, window.offset).await?;
    Ok((shops, filter.count(conn, "shops").await?))
}
