//! Records a customer's score of a repair.
//!
//! Invariant: a ticket has at most one score, given after pickup.

use crate::app::App;
use crate::auth::Caller;
use crate::feedback::store;
use crate::kpis::figures::local_day;
use crate::model::ids::TicketId;
use crate::model::invalid::{Invalid, check_optional};
use crate::model::outbox::TicketUpdated;
use crate::model::ticket::{Feedback, Visibility};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::tickets::store::NewEvent;
use crate::{kpis, shops, tickets, webhooks};

pub const COMMENT_MAX: usize = 2_000;

#[derive(Debug, thiserror::Error)]
pub enum GiveFeedbackError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("ticket not found")]
    NotFound,
    #[error("Feedback can be given only after pickup; the ticket has the status {status}")]
    TooEarly { status: Status },
    #[error("The ticket already has feedback; it can be given only once")]
    GivenAlready { score: i64, created_at: Time },
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn give(
    app: &App,
    caller: &Caller,
    id: TicketId,
    score: i64,
    comment: Option<&str>,
) -> Result<Feedback, GiveFeedbackError> {
    if !(1..=5).contains(&score) {
        return Err(Invalid::new("score", score, "score must be from 1 to 5").into());
    }
    let comment = check_optional("comment", comment, COMMENT_MAX)?;
    let (org, now) = (caller.org, app.clock.now());
    let mut tx = app.db.begin().await?;
    // First, so that other writers of the ticket wait until this commits.
    tickets::store::touch(&mut tx, org, id, Some(now)).await?;
    let ticket = tickets::store::get(&mut tx, org, id).await?.ok_or(GiveFeedbackError::NotFound)?;
    if ticket.picked_up_at.is_none() {
        return Err(GiveFeedbackError::TooEarly { status: ticket.status });
    }
    let feedback = Feedback { score, comment, created_at: now };
    if !store::insert(&mut tx, org, id, &feedback).await? {
        let there = store::get(&mut tx, org, id).await?.ok_or(sqlx::Error::RowNotFound)?;
        let Feedback { score, created_at, .. } = there;
        return Err(GiveFeedbackError::GivenAlready { score, created_at });
    }
    let colon = feedback.comment.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    let entry = NewEvent {
        id: app.clock.new_id(),
        kind: "feedback",
        status: &ticket.status,
        from_status: None,
        actor: &caller.actor.name,
        notes: Some(&format!("{score} of 5{colon}")),
        visibility: Visibility::Customer,
        created_at: now,
    };
    tickets::store::add_event(&mut tx, org, id, &entry).await?;
    let event = TicketUpdated::of(&ticket, vec!["feedback".to_owned()], ticket.version);
    webhooks::store::enqueue(&mut tx, org, app.clock.new_id(), &event, now).await?;
    let shop = shops::store::get(&mut tx, org, ticket.shop_id).await?;
    let day = local_day(shop.as_ref().map_or("UTC", |shop| shop.time_zone.as_str()), now);
    kpis::store::add_score(&mut tx, org, ticket.shop_id, day, score).await?;
    tx.commit().await?;
    Ok(feedback)
}
