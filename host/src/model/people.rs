//! Organizations, shops, users, customers and the scopes of keys.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::ids::{CustomerId, ShopId, UserId};
use super::money::Money;
use super::time::Time;

/// What a key may do; each includes those before it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
    clap::ValueEnum,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Scope {
    Read,
    Write,
    Admin,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }
}

/// The actor of a change, as the timeline and the plugins see it.
#[derive(Clone, Debug)]
pub struct Actor {
    pub name: String,
    pub user_id: Option<UserId>,
}

#[derive(Clone, Debug, FromRow)]
pub struct Shop {
    pub id: ShopId,
    pub name: String,
    pub time_zone: String,
    pub address: Option<String>,
    pub created_at: Time,
}

#[derive(Clone, Debug, FromRow)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub email: String,
    pub role: String,
    pub hourly_cost: Option<Money>,
    pub created_at: Time,
}

#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Customer {
    pub id: CustomerId,
    /// Grows with each change.
    pub version: i64,
    pub name: String,
    pub email: CustomerEmail,
    pub phone: Option<String>,
    pub address: Option<String>,
    pub created_at: Time,
}

/// What stands in the place of a customer's name, email, phone and address once they were erased. It is no email
/// address, so nobody is found by it.
pub const ERASED: &str = "erased";

impl Customer {
    pub fn is_erased(&self) -> bool {
        self.email.as_stored() == ERASED
    }
}

/// A customer's email address, if there is one. The column is empty if not, since it was made when all had one.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct CustomerEmail(String);

impl CustomerEmail {
    pub fn text(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }

    pub fn as_stored(&self) -> &str {
        &self.0
    }

    /// What is unique in an organization: the address, or the customer's id, which is no address. So customers without
    /// one are never found by it, nor taken for each other.
    pub fn key(&self, id: CustomerId) -> String {
        let address = self.text().filter(|text| *text != ERASED);
        address.map_or_else(|| id.to_string(), comparison_key)
    }
}

/// A checked address; an empty text is none.
impl From<String> for CustomerEmail {
    fn from(text: String) -> Self {
        CustomerEmail(text)
    }
}

/// Normalizes an email address or a name for comparison. In Rust, because SQLite's `lower()` is ASCII only.
pub fn comparison_key(text: &str) -> String {
    text.trim().to_lowercase()
}
