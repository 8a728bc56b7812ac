use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CODES, examples};
use crate::router;

fn document() -> Value {
    router::document()
}

/// (method, path, operation)
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let operations = item.as_object().expect("operations");
            operations
                .iter()
                .map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        })
        .collect()
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').expect("a reference into the document");
                    assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
                }
                fields.values().for_each(|value| check(value, document));
            }
            Value::Array(values) => values.iter().for_each(|value| check(value, document)),
            _ => {}
        }
    }
    let document = document();
    check(&document, &document);
}

#[test]
fn every_operation_says_what_it_is() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let asked = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty() && ids.insert(id), "{asked}: operation id {id:?}");
        assert!(
            operation["summary"].as_str().is_some_and(|text| text.len() > 5),
            "{asked} has no summary"
        );
        assert!(operation["tags"][0].is_string(), "{asked} has no tag");
        let scope = operation["security"][0]["api_key"][0].as_str().unwrap_or_default();
        assert!(["read", "write", "admin"].contains(&scope), "{asked}: scope {scope:?}");
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let response = match response["$ref"].as_str() {
                Some(target) => document.pointer(&target[1..]).expect("a response"),
                None => response,
            };
            assert!(response["description"].is_string(), "{asked}: {status} is not described");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{asked}: {status}");
            assert_eq!(
                response["headers"]["Location"].is_object(),
                status == "201",
                "{asked}: {status}"
            );
            let has_body = response["content"].is_object();
            assert_eq!(has_body, !["204", "304"].contains(&status.as_str()), "{asked}: {status}");
        }
    }
}

/// The examples, above all those of the reference, match the schemas.
#[test]
fn examples_fit_their_schemas() {
    let document = document();
    let mut count = 0;
    for (method, path, operation) in operations(&document) {
        let mut contents = vec![("request", &operation["requestBody"]["content"])];
        let responses = operation["responses"].as_object().expect("responses");
        contents.extend(
            responses.iter().map(|(status, response)| (status.as_str(), &response["content"])),
        );
        for (part, content) in contents {
            let content = &content["application/json"];
            if !content["example"].is_null() {
                expect_fit(&document, content, &format!("{method} {path} {part}"));
                count += 1;
            }
        }
    }
    for (name, response) in document["components"]["responses"].as_object().expect("responses") {
        expect_fit(&document, &response["content"]["application/json"], name);
    }
    let given: Value = serde_json::from_str(examples::EXAMPLES).expect("JSON");
    let given = given["operations"].as_object().expect("operations").values();
    let given: usize = given.map(|parts| parts.as_object().map_or(0, serde_json::Map::len)).sum();
    assert_eq!(count, given, "an example has no place in the document");
}

fn expect_fit(document: &Value, content: &Value, place: &str) {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [content["schema"]],
        "components": document["components"],
    });
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|error| panic!("{place}: {error}"));
    let errors: Vec<String> = validator
        .iter_errors(&content["example"])
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{place}: {errors:#?}");
}

#[test]
fn codes_are_unique_and_have_a_status_of_errors() {
    let codes: BTreeSet<&str> = CODES.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes.len(), CODES.len());
    assert!(CODES.iter().all(|(_, status, _)| (400..600).contains(status)));
}
