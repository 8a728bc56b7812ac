//! The process that evaluates a schema: it builds the validator and validates settings if there are any.

use jsonschema::PatternOptions;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::child::{Answer, JobLimits, inside};

/// Names the format of input and answer: 16 characters.
pub(super) const KEY: &str = "settings-check-1";

/// Limit of one compiled pattern; `patterns` rejects larger ones earlier.
const PATTERN_BYTES_MAX: usize = 10 << 20;

/// The input.
#[derive(Serialize, Deserialize)]
pub(super) struct Input<S, V> {
    pub schema: S,
    /// Without settings, only the schema is checked.
    pub settings: Option<V>,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Valid,
    /// The schema is invalid.
    Schema {
        place: String,
        reason: String,
    },
    /// The settings do not match; `place` is in the settings.
    Settings {
        place: String,
        reason: String,
    },
}

/// Reads the input from standard input and writes the verdict.
pub fn run(limits: JobLimits) -> anyhow::Result<()> {
    inside::lower_priority();
    inside::set_limits(limits)?;
    let input: Input<Value, Value> = serde_json::from_slice(&inside::read_input()?)?;
    let verdict = evaluate(&input.schema, input.settings.as_ref());
    inside::answer(KEY, &Answer::Done(serde_json::to_vec(&verdict)?))
}

/// Takes unbounded time and memory; the process limits both.
pub(super) fn evaluate(schema: &Value, settings: Option<&Value>) -> Verdict {
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX);
    let built = jsonschema::options()
        .with_pattern_options(patterns)
        .should_validate_formats(true)
        .offline()
        .build(schema);
    let validator = match built {
        Ok(validator) => validator,
        Err(error) => {
            let place = error.instance_path().to_string();
            return Verdict::Schema { place, reason: error.to_string() };
        }
    };
    match settings.map(|settings| validator.validate(settings)) {
        None | Some(Ok(())) => Verdict::Valid,
        Some(Err(error)) => {
            let place = error.instance_path().to_string();
            Verdict::Settings { place, reason: error.to_string() }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(schema: &Value, settings: &Value) -> String {
        match evaluate(schema, Some(settings)) {
            Verdict::Settings { place, .. } => place,
            verdict => panic!("{verdict:?}"),
        }
    }

    #[test]
    fn the_first_value_that_does_not_fit_is_named() {
        let schema = json!({
            "properties": { "prices": { "items": { "type": "number" } }, "mail": { "format": "email" } },
            "additionalProperties": false,
        });
        assert_eq!(evaluate(&schema, Some(&json!({ "prices": [1] }))), Verdict::Valid);
        assert_eq!(place(&schema, &json!({ "prices": [1, "x"] })), "/prices/1");
        assert_eq!(place(&schema, &json!({ "colour": 1 })), "");
        assert_eq!(place(&schema, &json!({ "mail": "nobody" })), "/mail", "formats count");
    }

    #[test]
    fn what_is_no_schema_is_named() {
        for schema in [
            json!({ "properties": { "a": { "minimum": "1" } } }),
            json!({ "required": "a" }),
            json!({ "items": { "multipleOf": 0 } }),
        ] {
            assert!(matches!(evaluate(&schema, None), Verdict::Schema { .. }), "{schema}");
        }
        assert_eq!(
            evaluate(
                &json!({ "$id": "https://example.com/s.json", "$ref": "#/$defs/a",
            "$defs": { "a": { "type": "object" } } }),
                Some(&json!({}))
            ),
            Verdict::Valid
        );
    }

    #[test]
    fn nothing_outside_is_read() {
        let schema = json!({ "$ref": "http://127.0.0.1:1/schema.json" });
        assert!(matches!(evaluate(&schema, None), Verdict::Schema { .. }));
    }
}
