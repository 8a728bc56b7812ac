//! Adds the examples: those of the API reference, with realistic ids and our additional fields. A test checks each
//! against its schema.

use serde_json::Value;

pub(super) const EXAMPLES: &str = include_str!("examples.json");

pub fn add(document: &mut Value) {
    // A test checks that it is JSON.
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_default();
    for (name, example) in examples["errors"].as_object().into_iter().flatten() {
        if let Some(content) =
            document.pointer_mut(&format!("/components/responses/{name}/content"))
        {
            set_example(content, example);
        }
    }
    for (_, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            for (part, example) in examples["operations"][id].as_object().into_iter().flatten() {
                let place = match part.as_str() {
                    "request" => "/requestBody/content".to_owned(),
                    status => format!("/responses/{status}/content"),
                };
                if let Some(content) = operation.pointer_mut(&place) {
                    set_example(content, example);
                }
            }
        }
    }
}

fn set_example(content: &mut Value, example: &Value) {
    if let Some(json) = content.get_mut("application/json") {
        json["example"] = example.clone();
    }
}
