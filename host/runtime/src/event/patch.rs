//! Which fields a patch of `post-create` sets, and how it changes the copy of the ticket that the next plugin sees.

use std::collections::BTreeMap;

use super::answers::Patch;
use super::ticket::{CustomField, Ticket, User};
use crate::distinct;

impl Patch {
    /// The names of the fields that it sets, as in the API's ticket.
    pub fn fields(&self) -> Vec<String> {
        let plain = [
            ("tags", !self.tags.is_empty()),
            ("issue.severity", self.severity.is_some()),
            ("issue.category", self.category.is_some()),
            ("diagnostics.estimated_cost", self.estimated_cost.is_some()),
            ("diagnostics.recommended_parts", self.recommended_parts.is_some()),
            ("assigned_to", self.assigned_to.is_some()),
            ("internal_note", self.internal_note.is_some()),
        ];
        let mut fields: Vec<String> =
            plain.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_owned()).collect();
        fields
            .extend(self.custom_fields.iter().map(|field| format!("custom_fields.{}", field.key)));
        fields
    }
}

impl Ticket {
    pub fn apply(&mut self, patch: &Patch) {
        distinct::add_new(&mut self.tags, &patch.tags);
        // Its name and role are not known here.
        if let Some(id) = &patch.assigned_to {
            self.assigned_to =
                Some(User { id: id.clone(), name: String::new(), role: String::new() });
        }
        set(&mut self.issue.severity, &patch.severity);
        set(&mut self.issue.category, &patch.category);
        set(&mut self.diagnostics.estimated_cost, &patch.estimated_cost);
        if let Some(parts) = &patch.recommended_parts {
            self.diagnostics.recommended_parts.clone_from(parts);
        }
        // Of two fields with the same key, the later one wins.
        let fields = std::mem::take(&mut self.custom_fields);
        let fields = fields.into_iter().chain(patch.custom_fields.iter().cloned());
        let fields: BTreeMap<_, _> = fields.map(|field| (field.key, field.value)).collect();
        self.custom_fields =
            fields.into_iter().map(|(key, value)| CustomField { key, value }).collect();
    }
}

fn set<T: Clone>(field: &mut Option<T>, value: &Option<T>) {
    if value.is_some() {
        field.clone_from(value);
    }
}
