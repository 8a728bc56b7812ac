//! Creates a shop.

use crate::clock::Clock;
use crate::db::Db;
use crate::error::OperationError;
use crate::model::bound::Bound;
use crate::model::ids::OrgId;
use crate::model::invalid::{Invalid, check_optional, check_text};
use crate::model::people::Shop;
use crate::organizations;
use crate::shops::store;

pub struct NewShop {
    pub name: String,
    /// An IANA time zone; UTC by default.
    pub time_zone: Option<String>,
    pub address: Option<String>,
}

/// `maximum` is the bound on the organization's shops.
pub async fn create(
    db: &Db,
    clock: &Clock,
    org: OrgId,
    new: NewShop,
    maximum: i64,
) -> Result<Shop, OperationError> {
    let zone = check_zone(new.time_zone.as_deref().unwrap_or("UTC"))?;
    let shop = Shop {
        id: clock.new_id(),
        name: check_text("name", &new.name, 200)?,
        time_zone: zone,
        address: check_optional("address", new.address.as_deref(), 500)?,
        created_at: clock.now(),
    };
    let mut tx = db.begin().await?;
    organizations::store::lock(&mut tx, org).await?;
    Bound::Shops.check(store::count(&mut tx, org).await?, 1, maximum)?;
    store::insert(&mut tx, org, &shop).await?;
    tx.commit().await?;
    Ok(shop)
}

/// Validates an IANA time zone.
pub fn check_zone(text: &str) -> Result<String, Invalid> {
    let zone = text.trim();
    if zone.parse::<chrono_tz::Tz>().is_ok() {
        return Ok(zone.to_owned());
    }
    let message =
        format!("time_zone {zone:?} is unknown; use an IANA name, for example America/New_York");
    Err(Invalid::new("time_zone", zone, message))
}
