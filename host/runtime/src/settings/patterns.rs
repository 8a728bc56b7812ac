//! Limits the cost of a schema's patterns. They run without backtracking, in linear time, but compiling one takes
//! time and memory by its size with all repetitions expanded: `\pL{100}` is a hundred times `\pL`, which has some 700
//! ranges of characters.

use regex_syntax::ast::{self, ErrorKind};
use regex_syntax::hir::{Class, Hir, HirKind};

const CHARS_MAX: usize = 1_000;

/// Limit for all patterns of a schema together, in characters and ranges of characters.
const WEIGHT_MAX: u64 = 50_000;

/// The weight of a schema's patterns so far.
#[derive(Default)]
pub(super) struct Budget {
    weight: u64,
}

impl Budget {
    /// Adds a pattern, or returns why it is rejected.
    pub(super) fn spend(&mut self, pattern: &str) -> Result<(), String> {
        let length = pattern.chars().count();
        if length > CHARS_MAX {
            return Err(format!(
                "a pattern has {length} characters; at most {CHARS_MAX} are allowed"
            ));
        }
        let parsed = parse(pattern)?;
        self.weight = self.weight.saturating_add(weight(&parsed));
        if self.weight > WEIGHT_MAX {
            return Err(format!(
                "with its repetitions written out, the schema's patterns come to more than {WEIGHT_MAX} \
                 characters and ranges of characters; bound a text's length with maxLength instead of {{1,100}}"
            ));
        }
        Ok(())
    }
}

/// Parses as the validator does: an ECMAScript pattern translated for the regex crate.
fn parse(pattern: &str) -> Result<Hir, String> {
    let shown = format!("{pattern:?}");
    let translated = jsonschema_regex::to_rust_regex(pattern)
        .map_err(|()| format!("{shown} is not a regular expression"))?;
    regex_syntax::parse(&translated).map_err(|error| match &error {
        regex_syntax::Error::Parse(error) => explain(&shown, error),
        error => format!("{shown} is not a regular expression: {}", last_line(&error.to_string())),
    })
}

fn explain(shown: &str, error: &ast::Error) -> String {
    match error.kind() {
        ErrorKind::UnsupportedLookAround => format!(
            "{shown} uses look-ahead or look-behind, which is not supported: it cannot be matched in linear time"
        ),
        ErrorKind::UnsupportedBackreference => format!(
            "{shown} uses a backreference, which is not supported: it cannot be matched in linear time"
        ),
        kind => format!("{shown} is not a regular expression: {kind}"),
    }
}

/// The reason follows a drawing of the pattern.
fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ")
}

/// Recursive, limited by the parser's nesting limit.
fn weight(pattern: &Hir) -> u64 {
    match pattern.kind() {
        HirKind::Empty => 0,
        HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => class.ranges().len() as u64,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() as u64,
        HirKind::Capture(capture) => weight(&capture.sub).saturating_add(1),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            weight(&repetition.sub).saturating_add(1).saturating_mul(times.into())
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(0, |sum: u64, part| sum.saturating_add(weight(part)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pattern: &str) -> String {
        Budget::default().spend(pattern).expect_err(pattern)
    }

    #[test]
    fn ordinary_patterns_are_taken() {
        let mut budget = Budget::default();
        for pattern in [
            "^[A-Z]{2}-[0-9]{4,10}$",
            r"^\d{3}-\d{4}$",
            r"^[\p{L} .'-]+$",
            r"^\w{1,64}$",
            r"^[a-z0-9]+(-[a-z0-9]+)*$",
            r"^(?:[01]\d|2[0-3]):[0-5]\d$",
            r"^https://[^/]+/.*$",
        ] {
            budget.spend(pattern).expect(pattern);
        }
    }

    #[test]
    fn repetitions_count_as_often_as_they_repeat() {
        assert!(refused(r"\pL{100}a").contains("maxLength"));
        assert!(refused("((a{100}){100}){100}").contains("50000"));
        let mut budget = Budget::default();
        let taken = (0..100).take_while(|_| budget.spend(r"\pL{10}").is_ok()).count();
        assert!((1..20).contains(&taken), "the budget is one for all: {taken}");
    }

    #[test]
    fn what_cannot_run_in_linear_time_is_named() {
        assert!(refused("a(?=b)").contains("look-ahead"));
        assert!(refused("(?<!a)b").contains("look-behind"));
        assert!(refused(r"(a)\1").contains("backreference"));
        assert!(refused("(a").contains("not a regular expression"));
        assert!(refused(&"a".repeat(1_001)).contains("1001 characters"));
        assert!(refused(&"(".repeat(900)).contains("not a regular expression"));
    }
}
