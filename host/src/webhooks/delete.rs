//! Deletes an endpoint with its log. What is under way may still arrive.

use crate::app::App;
use crate::auth::Caller;
use crate::model::ids::WebhookId;
use crate::webhooks::store::{deliveries, endpoints};

#[derive(Debug, thiserror::Error)]
pub enum DeleteWebhookError {
    #[error("there is no such webhook")]
    NotFound,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn delete(app: &App, caller: &Caller, id: WebhookId) -> Result<(), DeleteWebhookError> {
    let mut tx = app.db.begin().await?;
    if endpoints::lock(&mut tx, caller.org, id).await?.is_none() {
        return Err(DeleteWebhookError::NotFound);
    }
    deliveries::delete_of_webhook(&mut tx, caller.org, id).await?;
    endpoints::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(())
}
