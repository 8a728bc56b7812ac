//! Updates a shop. A new time zone does not move figures that were already recorded.

use crate::app::App;
use crate::auth::Caller;
use crate::error::OperationError;
use crate::model::ids::ShopId;
use crate::model::invalid::{check_optional, check_text};
use crate::model::people::Shop;
use crate::shops::create::check_zone;
use crate::shops::store::{self, ShopChange};

pub async fn update(
    app: &App,
    caller: &Caller,
    id: ShopId,
    change: ShopChange,
) -> Result<Shop, OperationError> {
    let address = change.address.map(|text| check_optional("address", text.as_deref(), 500));
    let change = ShopChange {
        name: change.name.map(|name| check_text("name", &name, 200)).transpose()?,
        time_zone: change.time_zone.map(|zone| check_zone(&zone)).transpose()?,
        address: address.transpose()?,
    };
    let mut tx = app.db.begin().await?;
    let shop = store::update(&mut tx, caller.org, id, &change).await?;
    let shop = shop.ok_or(OperationError::NotFound("Shop"))?;
    tx.commit().await?;
    Ok(shop)
}
