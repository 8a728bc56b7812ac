//! The rules of a verdict, whichever hook and version it comes from.

use super::{Checked, at_most, characters, optional};
use crate::event::{Verdict, Violation};
use crate::place::Place;

const VIOLATIONS_MAX: usize = 50;
const CODE_CHARS_MAX: usize = 64;
const MESSAGE_CHARS_MAX: usize = 500;
const FIELD_CHARS_MAX: usize = 200;

pub(crate) fn check_verdict(verdict: &mut Verdict) -> Checked {
    match verdict {
        Verdict::Allow => Ok(()),
        Verdict::AllowWithWarnings(warnings) => check_violations("allow-with-warnings", warnings),
        Verdict::Deny(reasons) if reasons.is_empty() => {
            Err("deny has no violations; it needs 1 to 50".into())
        }
        Verdict::Deny(reasons) => check_violations("deny", reasons),
    }
}

fn check_violations(case: &str, violations: &mut [Violation]) -> Checked {
    at_most(case, violations.len(), "violations", VIOLATIONS_MAX)?;
    let list = Place::of(case);
    for (index, Violation { code, message, field }) in violations.iter_mut().enumerate() {
        let here = list.at(index);
        characters(here.field("code"), code, CODE_CHARS_MAX)?;
        let starts_right = code.starts_with(|first: char| first.is_ascii_uppercase());
        if !starts_right
            || !code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            return Err(format!("{here}.code is {code:?}; it must be UPPER_SNAKE_CASE"));
        }
        characters(here.field("message"), message, MESSAGE_CHARS_MAX)?;
        optional(here.field("field"), field, FIELD_CHARS_MAX)?;
    }
    Ok(())
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
            |count| check_verdict(&mut Verdict::Deny(vec![violation("CODE_1", "Why."); count]));
        assert_eq!(reason(denied(0)), "deny has no violations; it needs 1 to 50");
        assert_eq!(denied(1), Ok(()));
        assert_eq!(denied(50), Ok(()));
        assert_eq!(reason(denied(51)), "deny has 51 violations; at most 50 are allowed");
        assert_eq!(check_verdict(&mut Verdict::AllowWithWarnings(Vec::new())), Ok(()));
    }

    #[test]
    fn codes_are_upper_snake_case_and_messages_bounded() {
        let denied = |code: &str, message: &str| {
            check_verdict(&mut Verdict::Deny(vec![violation(code, message)]))
        };
        for code in ["lower", "1_FIRST", "_FIRST", "WITH SPACE", "ÄRGER"] {
            assert!(reason(denied(code, "Why.")).contains("UPPER_SNAKE_CASE"), "{code}");
        }
        assert!(reason(denied("", "Why.")).contains("code is empty or blank"));
        assert!(reason(denied(&"X".repeat(65), "Why.")).contains("code has 65 characters"));
        assert!(reason(denied("X", "")).contains("message is empty or blank"));
        assert_eq!(denied("X", &"ü".repeat(500)), Ok(()));
        assert!(reason(denied("X", &"ü".repeat(501))).contains("message has 501 characters"));
        assert!(reason(denied("X", " \u{a0}")).contains("message is empty or blank"));
        assert!(reason(denied("X", "a\0b")).contains("message must not contain a NUL character"));
    }

    #[test]
    fn a_field_is_a_short_text_or_none() {
        let with = |field: &str| {
            let field = Some(field.to_owned());
            let mut verdict = Verdict::Deny(vec![Violation { field, ..violation("X", "Why.") }]);
            check_verdict(&mut verdict).map(|()| verdict)
        };
        let field = |verdict: Verdict| match verdict {
            Verdict::Deny(mut violations) => violations.remove(0).field,
            _ => None,
        };
        assert_eq!(with(" parts ").map(field), Ok(Some("parts".to_owned())));
        assert_eq!(with(" ").map(field), Ok(None));
        let nul = with("a\0b").expect_err("a NUL");
        assert_eq!(nul, "deny[0].field must not contain a NUL character");
        assert!(with(&"f".repeat(201)).is_err());
    }
}
