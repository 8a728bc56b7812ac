//! Applies a patch of `post-create` to the stored ticket; `event::Ticket` does the same for the copy that plugins
//! see.

use super::distinct;
use super::event::Patch;
use super::ids::UserId;
use super::money::Money;
use super::ticket::Ticket;

impl Ticket {
    pub fn apply(&mut self, patch: &Patch) {
        distinct::add_new(&mut self.tags, &patch.tags);
        if let Some(id) = patch.assigned_to.as_ref().and_then(|id| id.parse().ok()) {
            self.assigned_to = Some(UserId(id));
        }
        set(&mut self.issue_severity, &patch.severity);
        set(&mut self.issue_category, &patch.category);
        set(&mut self.estimated_cost, &patch.estimated_cost.map(Money));
        if let Some(parts) = &patch.recommended_parts {
            self.recommended_parts.clone_from(parts);
        }
        self.custom_fields.extend(
            patch.custom_fields.iter().map(|field| (field.key.clone(), field.value.clone())),
        );
    }
}

fn set<T: Clone>(field: &mut Option<T>, value: &Option<T>) {
    if value.is_some() {
        field.clone_from(value);
    }
}
