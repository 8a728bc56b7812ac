//! Methods of a ticket for plugins.

use crate::{CustomValue, Ticket};

impl Ticket {
    /// Whether the timeline has an entry with this status. The current status is the last entry.
    #[must_use]
    pub fn has_been(&self, status: &str) -> bool {
        self.timeline.iter().any(|entry| entry.status == status)
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
    }
}
