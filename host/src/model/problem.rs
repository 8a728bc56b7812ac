//! The findings of `doctor`.

use serde::Serialize;
use uuid::Uuid;

use super::ids::OrgId;

/// A violated invariant of the data.
#[derive(Debug, Serialize)]
pub struct Problem {
    pub organization_id: OrgId,
    /// What is wrong, with the figures.
    pub problem: String,
    /// The id of the item, ticket, part line, customer, shop …
    pub id: Uuid,
}
