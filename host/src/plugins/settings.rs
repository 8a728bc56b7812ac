//! Checks an installation's settings against the JSON Schema that its plugin carries.

use serde_json::Value;

use crate::model::invalid::Invalid;

/// The first thing that is wrong, with the field named: `settings.approval_threshold`.
pub fn check(schema: Option<&Value>, settings: &Value) -> Result<(), Invalid> {
    if !settings.is_object() {
        return Err(Invalid::new("settings", settings, "settings must be a JSON object"));
    }
    let Some(schema) = schema else { return Ok(()) };
    // Patterns come from strangers: the engine without backtracking, which takes linear time.
    let validator = jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(schema)
        .map_err(|error| {
            let message = format!(
                "the plugin's settings schema is unusable: {error}; its developer has to mend it"
            );
            Invalid::new("plugin_id", Value::Null, message)
        })?;
    match validator.iter_errors(settings).next() {
        None => Ok(()),
        Some(error) => {
            let path = error.instance_path().to_string().replace('/', ".");
            let field = format!("settings{path}");
            Err(Invalid::new(&field, error.instance(), format!("{field}: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_field_is_named() {
        let schema = json!({
            "type": "object",
            "properties": { "prices": { "type": "array", "items": { "type": "number" } } },
            "additionalProperties": false,
        });
        assert_eq!(check(Some(&schema), &json!({ "prices": [1] })), Ok(()));
        let wrong =
            check(Some(&schema), &json!({ "prices": [1, "x"] })).expect_err("a string is no price");
        assert_eq!((wrong.field.as_str(), wrong.value), ("settings.prices.1", json!("x")));
        let unknown =
            check(Some(&schema), &json!({ "colour": 1 })).expect_err("an unknown setting");
        assert!(unknown.message.contains("colour"), "{}", unknown.message);
    }

    #[test]
    fn a_schema_cannot_reach_outside() {
        let schema = json!({ "$ref": "http://127.0.0.1:1/schema.json" });
        let error = check(Some(&schema), &json!({})).expect_err("no outside reference");
        assert_eq!(error.field, "plugin_id");
    }
}
