//! Deletes an endpoint with its log. A request that is already being sent may still arrive.

use crate::app::App;
use crate::auth::Caller;
use crate::error::OperationError;
use crate::model::ids::WebhookId;
use crate::webhooks::store::{deliveries, endpoints};

pub async fn delete(app: &App, caller: &Caller, id: WebhookId) -> Result<(), OperationError> {
    let mut tx = app.db.begin().await?;
    if endpoints::lock(&mut tx, caller.org, id).await?.is_none() {
        return Err(OperationError::NotFound("Webhook"));
    }
    deliveries::delete_of_webhook(&mut tx, caller.org, id).await?;
    endpoints::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(())
}
