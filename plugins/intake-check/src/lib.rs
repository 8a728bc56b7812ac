//! Denies new tickets that lack what the repair needs to know.

use std::collections::HashSet;

use repairops_plugin::prelude::*;
use serde::Deserialize;

/// The settings of an installation.
#[derive(Deserialize)]
#[serde(default)]
pub struct Settings {
    rules: Vec<Rule>,
    category_required: bool,
}

#[derive(Deserialize)]
struct Rule {
    categories: Vec<String>,
    fields: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
        let rule = Rule {
            categories: texts(&["smartphone", "tablet", "laptop"]),
            fields: texts(&["serial", "condition"]),
        };
        Self { rules: vec![rule], category_required: false }
    }
}

/// Any category that no other rule names, and none.
const ANY: &str = "*";

impl Settings {
    fn rule(&self, category: Option<&str>) -> Option<&Rule> {
        let names = |rule: &&Rule, wanted: &str| {
            rule.categories.iter().any(|known| known.trim().to_lowercase() == wanted)
        };
        let category = category.map(|category| category.trim().to_lowercase());
        let named =
            category.and_then(|category| self.rules.iter().find(|rule| names(rule, &category)));
        named.or_else(|| self.rules.iter().find(|rule| names(rule, ANY)))
    }
}

pub struct IntakeCheck;

impl PreCreate for IntakeCheck {
    type Settings = Settings;

    fn check(event: DraftEvent, settings: Settings) -> Result<Verdict, PluginError> {
        let draft = &event.draft;
        let category = draft.device.category.as_deref();
        let mut violations = Vec::new();
        if category.is_none() && settings.category_required {
            let message = "The ticket has no category of device: say what kind of device it is.";
            violations
                .push(Violation::new("CATEGORY_MISSING", message).on_field("device_category"));
        }
        let fields = settings.rule(category).map(|rule| rule.fields.as_slice()).unwrap_or_default();
        let what = category.unwrap_or("device");
        violations.extend(fields.iter().filter(|field| is_missing(draft, field)).map(|field| {
            let message =
                format!("A {what} needs {field}: ask the customer, and send it in custom_fields.");
            Violation::new("FIELD_MISSING", message).on_field(format!("custom_fields.{field}"))
        }));
        Ok(Verdict::from_violations(violations))
    }
}

fn is_missing(draft: &Draft, field: &str) -> bool {
    match draft.custom_field(field) {
        None => true,
        Some(CustomValue::Text(text)) => text.trim().is_empty(),
        Some(CustomValue::Number(_) | CustomValue::Flag(_)) => false,
    }
}

impl SettingsCheck for IntakeCheck {
    type Settings = Settings;

    fn check(settings: Settings) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut known = HashSet::new();
        for (index, rule) in settings.rules.iter().enumerate() {
            if rule.categories.is_empty() {
                let message = "the rule has no category: name at least one, or *";
                problems.push(Problem::at(format!("/rules/{index}/categories"), message));
            }
            for (place, category) in rule.categories.iter().enumerate() {
                if !known.insert(category.trim().to_lowercase()) {
                    let message =
                        format!("{category} is in two rules, of which only the first would count");
                    problems
                        .push(Problem::at(format!("/rules/{index}/categories/{place}"), message));
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

repairops_plugin::metadata! {
    settings_schema: include_str!("../settings.schema.json"),
}
repairops_plugin::export_pre_create!(IntakeCheck);
repairops_plugin::export_settings_check!(IntakeCheck);

#[cfg(test)]
mod tests {
    use super::*;
    use repairops_plugin::{sample, settings};

    fn check(category: Option<&str>, fields: &[(&str, &str)], json: &str) -> Vec<String> {
        let mut event = sample::draft_event("iPhone 14", "Cracked screen");
        event.draft.device.category = category.map(Into::into);
        event.draft.custom_fields =
            fields.iter().map(|(key, value)| CustomField::new(*key, *value)).collect();
        let settings = settings::parse(json).expect("valid settings");
        match <IntakeCheck as PreCreate>::check(event, settings).expect("an answer") {
            Verdict::Allow => Vec::new(),
            Verdict::Deny(violations) => violations
                .into_iter()
                .map(|violation| violation.field.unwrap_or_default())
                .collect(),
            Verdict::AllowWithWarnings(_) => panic!("this check does not warn"),
        }
    }

    #[test]
    fn all_that_is_missing_is_said_at_once() {
        let both = ["custom_fields.serial", "custom_fields.condition"];
        assert_eq!(check(Some("Smartphone"), &[], "{}"), both);
        assert_eq!(
            check(Some("laptop"), &[("serial", "C39"), ("condition", " ")], "{}"),
            both[1..]
        );
        let complete = [("serial", "C39"), ("condition", "scratched")];
        assert_eq!(check(Some("tablet"), &complete, "{}"), [""; 0]);
        assert_eq!(check(Some("watch"), &[], "{}"), [""; 0]);
        assert_eq!(check(None, &[], "{}"), [""; 0]);
    }

    #[test]
    fn the_first_rule_of_the_category_counts() {
        let json = r#"{"category_required": true, "rules": [
            {"categories": ["*"], "fields": ["condition"]},
            {"categories": ["watch"], "fields": []}]}"#;
        assert_eq!(check(Some("watch"), &[], json), [""; 0]);
        assert_eq!(check(Some("drone"), &[], json), ["custom_fields.condition"]);
        assert_eq!(check(None, &[], json), ["device_category", "custom_fields.condition"]);
    }

    #[test]
    fn rules_that_cannot_be_meant_are_refused() {
        let problems = |json: &str| {
            let settings = settings::parse(json).expect("settings");
            let problems =
                <IntakeCheck as SettingsCheck>::check(settings).err().unwrap_or_default();
            problems.into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
        };
        assert_eq!(problems("{}"), [""; 0]);
        let json = r#"{"rules": [{"categories": ["tv", "TV"], "fields": []}, {"categories": [], "fields": []}]}"#;
        assert_eq!(problems(json), ["/rules/0/categories/1", "/rules/1/categories"]);
    }
}
