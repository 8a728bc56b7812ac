//! Methods of a ticket for plugins.

use crate::{CustomValue, Draft, Ticket, UpdateEvent};

impl Ticket {
    /// Whether the timeline has an entry with this status. The current status is the last entry.
    #[must_use]
    pub fn has_been(&self, status: &str) -> bool {
        self.timeline.iter().any(|entry| entry.status == status)
    }

    /// Whether the customer has nothing left to pay.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.balance_due <= 0
    }

    /// Whether the ticket has exactly this tag.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|present| present == tag)
    }

    /// The value of a custom field, if the ticket has it.
    #[must_use]
    pub fn custom_field(&self, key: &str) -> Option<&CustomValue> {
        self.custom_fields.iter().find(|field| field.key == key).map(|field| &field.value)
    }
}

impl Draft {
    /// The value of a custom field, if the ticket would have it.
    #[must_use]
    pub fn custom_field(&self, key: &str) -> Option<&CustomValue> {
        self.custom_fields.iter().find(|field| field.key == key).map(|field| &field.value)
    }
}

impl UpdateEvent {
    /// Whether this field is other than before, or one inside of it: `custom_fields` for `custom_fields.rush`.
    #[must_use]
    pub fn changes(&self, field: &str) -> bool {
        let is_inside = |changed: &str| {
            changed.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.changed.iter().any(|changed| is_inside(changed))
    }
}

#[cfg(test)]
mod tests {
    use crate::{CustomField, CustomValue, sample};

    #[test]
    fn a_ticket_answers() {
        let mut ticket = sample::ticket();
        ticket.tags = vec!["vip".into()];
        ticket.custom_fields = vec![CustomField::new("rush", true)];

        assert!(ticket.has_been("APPROVED") && !ticket.has_been("APPROVE"));
        assert!(ticket.has_tag("vip") && !ticket.has_tag("v"));
        assert_eq!(ticket.custom_field("rush"), Some(&CustomValue::Flag(true)));
        assert_eq!(ticket.custom_field("colour"), None);
        assert!(!ticket.is_paid());
        ticket.balance_due = 0;
        assert!(ticket.is_paid());
    }

    #[test]
    fn a_change_names_its_fields() {
        let event = sample::update_event(&["custom_fields.rush", "parts"]);
        assert!(event.changes("custom_fields") && event.changes("custom_fields.rush"));
        assert!(event.changes("parts") && !event.changes("part") && !event.changes("labor_hours"));
    }
}
