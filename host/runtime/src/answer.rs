//! The rules that the WIT states for answers, beyond what their types say. Plans are checked against stock elsewhere.

use std::fmt::Display;

use crate::distinct::first_repeated;
use crate::event::{CustomField, CustomValue, Decision, Patch, Verdict, Violation};
use crate::place::Place;

const VIOLATIONS_MAX: usize = 50;
const CODE_CHARS_MAX: usize = 64;
const MESSAGE_CHARS_MAX: usize = 500;
const TAGS_MAX: usize = 20;
const LABEL_CHARS_MAX: usize = 64;
const PARTS_MAX: usize = 20;
const FIELDS_MAX: usize = 20;
const TEXT_CHARS_MAX: usize = 1_000;
const NOTE_CHARS_MAX: usize = 2_000;
/// Each may become a row and an update, all in one transaction. An event has up to 200 lines and 500 stock items.
const ALLOCATIONS_MAX: usize = 1_000;
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// A reason names the part of the answer, what it is, and what it should be.
type Checked = Result<(), String>;

pub(super) fn check_verdict(verdict: &Verdict) -> Checked {
    match verdict {
        Verdict::Allow => Ok(()),
        Verdict::AllowWithWarnings(warnings) => check_violations("allow-with-warnings", warnings),
        Verdict::Deny(reasons) if reasons.is_empty() => {
            Err("deny has no violations; it needs 1 to 50".into())
        }
        Verdict::Deny(reasons) => check_violations("deny", reasons),
    }
}

fn check_violations(case: &str, violations: &[Violation]) -> Checked {
    at_most(case, violations.len(), "violations", VIOLATIONS_MAX)?;
    let list = Place::of(case);
    for (index, Violation { code, message, .. }) in violations.iter().enumerate() {
        let here = list.at(index);
        characters(here.field("code"), code, CODE_CHARS_MAX)?;
        let starts_right = code.starts_with(|first: char| first.is_ascii_uppercase());
        if !starts_right
            || !code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            return Err(format!("{here}.code is {code:?}; it has to be UPPER_SNAKE_CASE"));
        }
        characters(here.field("message"), message, MESSAGE_CHARS_MAX)?;
    }
    Ok(())
}

pub(super) fn check_patch(patch: &Patch) -> Checked {
    at_most("tags", patch.tags.len(), "tags", TAGS_MAX)?;
    for (index, tag) in patch.tags.iter().enumerate() {
        characters(Place::of("tags").at(index), tag, LABEL_CHARS_MAX)?;
    }
    if let Some(severity) = &patch.severity
        && !SEVERITIES.contains(&severity.as_str())
    {
        return Err(format!(
            "severity is {:?}; it has to be low, medium, high or critical",
            shortened(severity)
        ));
    }
    if let Some(category) = &patch.category {
        characters("category", category, LABEL_CHARS_MAX)?;
    }
    if let Some(cost) = patch.estimated_cost
        && cost < 0
    {
        return Err(format!("estimated-cost is {cost}; it has to be 0 or more"));
    }
    if let Some(parts) = &patch.recommended_parts {
        at_most("recommended-parts", parts.len(), "names", PARTS_MAX)?;
    }
    check_fields(&patch.custom_fields)?;
    if let Some(note) = &patch.internal_note {
        characters("internal-note", note, NOTE_CHARS_MAX)?;
    }
    Ok(())
}

fn check_fields(fields: &[CustomField]) -> Checked {
    at_most("custom-fields", fields.len(), "fields", FIELDS_MAX)?;
    let list = Place::of("custom-fields");
    for (index, CustomField { key, value }) in fields.iter().enumerate() {
        characters(list.at(index).field("key"), key, LABEL_CHARS_MAX)?;
        if !key
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
        {
            return Err(format!(
                "custom-fields[{index}].key is {key:?}; it may have a-z 0-9 _ - only"
            ));
        }
        match value {
            CustomValue::Text(text) if text.chars().count() > TEXT_CHARS_MAX => {
                let found = text.chars().count();
                return Err(format!(
                    "custom field {key:?} has {found} characters; at most {TEXT_CHARS_MAX} are allowed"
                ));
            }
            CustomValue::Number(number) if !number.is_finite() => {
                return Err(format!(
                    "custom field {key:?} is {number}; it has to be a finite number"
                ));
            }
            CustomValue::Text(_) | CustomValue::Number(_) | CustomValue::Flag(_) => {}
        }
    }
    match first_repeated(fields.iter().map(|field| field.key.as_str())) {
        Some(key) => Err(format!("custom-fields has the key {key:?} twice")),
        None => Ok(()),
    }
}

pub(super) fn check_decision(decision: &Decision) -> Checked {
    let Decision::Plan(plan) = decision else { return Ok(()) };
    at_most("plan", plan.len(), "allocations", ALLOCATIONS_MAX)?;
    match plan.iter().position(|allocation| allocation.quantity == 0) {
        Some(index) => Err(format!("plan[{index}].quantity is 0; it has to be 1 or more")),
        None => Ok(()),
    }
}

fn at_most(what: &str, found: usize, unit: &str, max: usize) -> Checked {
    if found <= max {
        Ok(())
    } else {
        Err(format!("{what} has {found} {unit}; at most {max} are allowed"))
    }
}

fn characters(what: impl Display, text: &str, max: usize) -> Checked {
    let found = text.chars().count();
    if (1..=max).contains(&found) {
        Ok(())
    } else {
        Err(format!("{what} has {found} characters; it has to have 1 to {max}"))
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(LABEL_CHARS_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(code: &str, message: &str) -> Violation {
        Violation { code: code.into(), message: message.into(), field: None }
    }

    fn reason(checked: Checked) -> String {
        checked.expect_err("the answer breaks a rule")
    }

    #[test]
    fn a_denial_needs_one_to_fifty_violations() {
        let denied =
            |count| check_verdict(&Verdict::Deny(vec![violation("CODE_1", "Why."); count]));
        assert_eq!(reason(denied(0)), "deny has no violations; it needs 1 to 50");
        assert_eq!(denied(1), Ok(()));
        assert_eq!(denied(50), Ok(()));
        assert_eq!(reason(denied(51)), "deny has 51 violations; at most 50 are allowed");
        assert_eq!(check_verdict(&Verdict::AllowWithWarnings(Vec::new())), Ok(()));
    }

    #[test]
    fn codes_are_upper_snake_case_and_messages_bounded() {
        let denied = |code: &str, message: &str| {
            check_verdict(&Verdict::Deny(vec![violation(code, message)]))
        };
        for code in ["lower", "1_FIRST", "_FIRST", "WITH SPACE", "ÄRGER"] {
            assert!(reason(denied(code, "Why.")).contains("UPPER_SNAKE_CASE"), "{code}");
        }
        assert!(reason(denied("", "Why.")).contains("code has 0 characters"));
        assert!(reason(denied(&"X".repeat(65), "Why.")).contains("code has 65 characters"));
        assert!(reason(denied("X", "")).contains("message has 0 characters"));
        assert_eq!(denied("X", &"ü".repeat(500)), Ok(()));
        assert!(reason(denied("X", &"ü".repeat(501))).contains("message has 501 characters"));
    }

    #[test]
    fn a_patch_keeps_its_bounds() {
        let field = |key: &str, value| CustomField { key: key.into(), value };
        let with = |change: fn(&mut Patch)| {
            let mut patch = Patch::default();
            change(&mut patch);
            check_patch(&patch)
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert!(reason(with(|p| p.tags = vec!["t".into(); 21])).contains("tags has 21"));
        assert!(reason(with(|p| p.tags = vec![String::new()])).contains("tags[0] has 0"));
        assert!(reason(with(|p| p.severity = Some("urgent".into()))).contains("\"urgent\""));
        assert!(reason(with(|p| p.category = Some("c".repeat(65)))).contains("category has 65"));
        assert!(reason(with(|p| p.estimated_cost = Some(-1))).contains("estimated-cost is -1"));
        assert!(
            reason(with(|p| p.recommended_parts = Some(vec!["p".into(); 21])))
                .contains("has 21 names")
        );
        assert!(
            reason(with(|p| p.internal_note = Some("n".repeat(2_001))))
                .contains("internal-note has 2001")
        );
        let fields = |fields| check_patch(&Patch { custom_fields: fields, ..Patch::default() });
        assert_eq!(fields(vec![field("a-b_1", CustomValue::Number(1.5))]), Ok(()));
        assert!(
            reason(fields(vec![field("Key", CustomValue::Flag(true))])).contains("a-z 0-9 _ -")
        );
        assert!(reason(fields(vec![field("k", CustomValue::Flag(true)); 2])).contains("twice"));
        assert!(reason(fields(vec![field("k", CustomValue::Number(f64::NAN))])).contains("finite"));
        assert!(
            reason(fields(vec![field("k", CustomValue::Text("t".repeat(1_001)))]))
                .contains("1001 characters")
        );
    }

    #[test]
    fn a_plan_moves_something() {
        use crate::event::{Allocation, Source};
        let plan = |quantity| {
            let allocation =
                Allocation { part_id: "p".into(), source: Source::Backorder, quantity };
            check_decision(&Decision::Plan(vec![allocation]))
        };
        assert_eq!(plan(1), Ok(()));
        assert_eq!(reason(plan(0)), "plan[0].quantity is 0; it has to be 1 or more");
        assert_eq!(check_decision(&Decision::Pass), Ok(()));
    }

    #[test]
    fn a_plan_has_a_bound() {
        use crate::event::{Allocation, Source};
        let allocation =
            Allocation { part_id: "p".into(), source: Source::Item("i".into()), quantity: 1 };
        let plan = |count| check_decision(&Decision::Plan(vec![allocation.clone(); count]));
        assert_eq!(plan(ALLOCATIONS_MAX), Ok(()));
        assert_eq!(reason(plan(1_001)), "plan has 1001 allocations; at most 1000 are allowed");
    }
}
