//! Payments and refunds of a ticket.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::ids::{PaymentId, TicketId};
use super::money::{Balance, Money};
use super::time::Time;

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = PaymentKind)]
pub enum Kind {
    /// Money received from the customer.
    #[default]
    Payment,
    /// Money paid back to the customer.
    Refund,
}

/// How the money moved.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = PaymentMethod)]
pub enum Method {
    Cash,
    Card,
    BankTransfer,
    Check,
    GiftCard,
    Other,
}

impl Method {
    /// As in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Cash => "cash",
            Method::Card => "card",
            Method::BankTransfer => "bank_transfer",
            Method::Check => "check",
            Method::GiftCard => "gift_card",
            Method::Other => "other",
        }
    }

    /// The words used in the timeline.
    pub fn words(self) -> &'static str {
        match self {
            Method::Cash => "cash",
            Method::Card => "card",
            Method::BankTransfer => "bank transfer",
            Method::Check => "check",
            Method::GiftCard => "gift card",
            Method::Other => "another method",
        }
    }
}

#[derive(Clone, Debug, FromRow)]
pub struct Payment {
    pub id: PaymentId,
    pub ticket_id: TicketId,
    pub kind: Kind,
    /// Always positive, whatever the kind.
    pub amount: Money,
    pub method: Method,
    pub reference: Option<String>,
    pub actor: String,
    pub paid_at: Time,
    pub created_at: Time,
}

/// The payment and the ticket's balance after it.
#[derive(Clone)]
pub struct Recorded {
    pub payment: Payment,
    pub amount_paid: Money,
    pub balance_due: Balance,
}
