//! `docs/openapi.json` is the document that the server generates.

use serde_json::Value;

use super::page;

#[test]
fn the_committed_document_is_the_present_one() {
    let committed: Value = serde_json::from_str(&page("docs/openapi.json")).expect("JSON");
    let present = repairops::router::document();
    let difference = difference(&committed, &present, String::new());
    assert_eq!(
        difference, None,
        "docs/openapi.json is out of date. Renew it: cargo run -- openapi > docs/openapi.json"
    );
}

/// Where the two differ first.
fn difference(old: &Value, new: &Value, at: String) -> Option<String> {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let names = before.keys().chain(after.keys());
            names.into_iter().find_map(|name| {
                let at = format!("{at}/{}", name.replace('/', "~1"));
                match (before.get(name), after.get(name)) {
                    (Some(old), Some(new)) => difference(old, new, at),
                    (Some(_), None) => Some(format!("{at} is gone")),
                    _ => Some(format!("{at} is new")),
                }
            })
        }
        _ => (old != new).then(|| format!("{at}: {old} became {new}")),
    }
}

#[test]
fn a_difference_is_named() {
    let old = serde_json::json!({ "a": { "b/c": 1 }, "d": [1] });
    let is = |new: Value, expected: Option<&str>| {
        assert_eq!(difference(&old, &new, String::new()).as_deref(), expected);
    };
    is(old.clone(), None);
    is(serde_json::json!({ "a": { "b/c": 2 }, "d": [1] }), Some("/a/b~1c: 1 became 2"));
    is(serde_json::json!({ "a": { "b/c": 1 } }), Some("/d is gone"));
    is(serde_json::json!({ "a": { "b/c": 1 }, "d": [1], "e": 0 }), Some("/e is new"));
}
