//! Maps the errors of stock to HTTP responses.

use serde_json::json;

use crate::error::ApiError;
use crate::inventory::create::CreateItemError;
use crate::inventory::update::UpdateItemError;

impl From<CreateItemError> for ApiError {
    fn from(error: CreateItemError) -> Self {
        match error {
            CreateItemError::Invalid(invalid) => invalid.into(),
            CreateItemError::Duplicate { ref sku, shop_id } => {
                let details = json!({ "field": "sku", "value": sku, "shop_id": shop_id });
                ApiError::conflict(error.to_string(), details)
            }
            CreateItemError::Database(error) => error.into(),
        }
    }
}

impl From<UpdateItemError> for ApiError {
    fn from(error: UpdateItemError) -> Self {
        let message = error.to_string();
        match error {
            UpdateItemError::Invalid(invalid) => invalid.into(),
            UpdateItemError::NotFound => ApiError::not_found("Inventory item"),
            UpdateItemError::OtherVersion { current } => ApiError::other_version(message, current),
            UpdateItemError::Stale { attempts } => {
                ApiError::conflict(message, json!({ "attempts": attempts })).retry_after(1)
            }
            UpdateItemError::BelowReserved { quantity, reserved } => {
                let details =
                    json!({ "field": "quantity", "value": quantity, "reserved": reserved });
                ApiError::conflict(message, details)
            }
            UpdateItemError::AdjustedTooFar { adjust, before, .. } => {
                let details =
                    json!({ "field": "adjust", "value": adjust, "quantity_on_hand": before });
                ApiError::conflict(message, details)
            }
            UpdateItemError::Database(error) => error.into(),
        }
    }
}
