//! What `doctor` finds wrong.

use serde::Serialize;
use uuid::Uuid;

use super::ids::OrgId;

/// Something that should not be.
#[derive(Debug, Serialize)]
pub struct Problem {
    pub organization_id: OrgId,
    /// What is wrong, in words with the figures.
    pub problem: String,
    /// The item, ticket, part line, customer, shop …
    pub id: Uuid,
}
