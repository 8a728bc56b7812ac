//! Constructors for the answers of the hooks.

use crate::{
    Allocation, CustomField, CustomValue, Decision, Id, Patch, PluginError, Problem, Source,
    Verdict, Violation,
};

impl Violation {
    /// A reason: a stable `UPPER_SNAKE_CASE` code, and one sentence that says what is wrong and what to do.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), field: None }
    }

    /// Sets the field of the API's ticket that the reason is about, for example `diagnostics.findings`.
    #[must_use]
    pub fn on_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

impl Verdict {
    /// Denies for one reason. For a reason with a field, and for several, see [`Verdict::from_violations`].
    #[must_use]
    pub fn deny(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Deny(vec![Violation::new(code, message)])
    }

    /// Allows, with a warning for the client.
    #[must_use]
    pub fn warn(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::AllowWithWarnings(vec![Violation::new(code, message)])
    }

    /// Allows, with these warnings for the client (at most 50 are valid); without any when there is none.
    #[must_use]
    pub fn from_warnings(warnings: Vec<Violation>) -> Self {
        if warnings.is_empty() { Self::Allow } else { Self::AllowWithWarnings(warnings) }
    }

    /// Allows when there is no violation, else denies with all of them (at most 50 are valid).
    ///
    /// ```
    /// use repairops_plugin::{Verdict, Violation};
    ///
    /// assert_eq!(Verdict::from_violations(vec![]), Verdict::Allow);
    ///
    /// let missing = Violation::new("FINDINGS_MISSING", "Write down what you found.").on_field("diagnostics.findings");
    /// assert_eq!(Verdict::from_violations(vec![missing.clone()]), Verdict::Deny(vec![missing]));
    /// ```
    #[must_use]
    pub fn from_violations(violations: Vec<Violation>) -> Self {
        if violations.is_empty() { Self::Allow } else { Self::Deny(violations) }
    }
}

impl Problem {
    /// A problem at a place of the settings, a JSON Pointer: `Problem::at("/rules/0/status", "…")`.
    #[must_use]
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }

    /// A problem of the settings as a whole.
    #[must_use]
    pub fn of_all(message: impl Into<String>) -> Self {
        Self::at("", message)
    }
}

/// The patch that changes nothing: `Patch { tags: vec!["vip".into()], ..Patch::default() }`.
impl Default for Patch {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            severity: None,
            category: None,
            estimated_cost: None,
            recommended_parts: None,
            assigned_to: None,
            custom_fields: Vec::new(),
            internal_note: None,
        }
    }
}

impl CustomField {
    /// A custom field; the value may be a text, a number or a flag: `CustomField::new("rush", true)`.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<CustomValue>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

impl From<&str> for CustomValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for CustomValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for CustomValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for CustomValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl Decision {
    /// A plan with these allocations. An empty plan is a plan too: everything is ordered.
    #[must_use]
    pub fn plan(allocations: impl IntoIterator<Item = Allocation>) -> Self {
        Self::Plan(allocations.into_iter().collect())
    }
}

impl Allocation {
    /// Allocates `quantity` of the stock item `item_id` to the line `part_id`.
    #[must_use]
    pub fn from_item(part_id: impl Into<Id>, item_id: impl Into<Id>, quantity: u32) -> Self {
        Self { part_id: part_id.into(), source: Source::Item(item_id.into()), quantity }
    }

    /// Orders `quantity` for the line `part_id`.
    #[must_use]
    pub fn backorder(part_id: impl Into<Id>, quantity: u32) -> Self {
        Self { part_id: part_id.into(), source: Source::Backorder, quantity }
    }
}

impl PluginError {
    /// The plugin cannot use its settings; `message` says which one, and why.
    #[must_use]
    pub fn invalid_settings(message: impl Into<String>) -> Self {
        Self::InvalidSettings(message.into())
    }

    /// The event contains something that the plugin cannot handle; `message` says what.
    #[must_use]
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }

    /// Any other error; `message` says what happened.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }
}
