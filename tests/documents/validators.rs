//! The server's own answers under two independent validators, and the document, in both versions, under one for OpenAPI.

use repairops::openapi::v3_0;
use serde_json::{Value, json};

use crate::support::builders::{item_body, ticket_body};
use crate::support::{TestApp, node, on_one_database};

on_one_database!(sqlite Sqlite: answers_and_documents_are_valid_under_independent_validators);

/// A method, a path of the document, a status, and a response.
struct Answer {
    pointer: String,
    body: Value,
}

fn answer(method: &str, path: &str, status: u16, body: &Value) -> Answer {
    let path = path.replace('~', "~0").replace('/', "~1");
    let pointer =
        format!("/paths/{path}/{method}/responses/{status}/content/application~1json/schema");
    Answer { pointer, body: body.clone() }
}

/// A fragment of a URI has no braces.
fn reference(pointer: &str) -> String {
    format!("#{}", pointer.replace('{', "%7B").replace('}', "%7D"))
}

/// A shop with amounts that no multiple of a double is exactly: 0.07, 19.99, 1.1 hours.
async fn answers(t: &TestApp) -> Vec<Answer> {
    let mut all = Vec::new();
    let item = item_body(
        &t.shop,
        "SCREEN",
        json!({ "cost": 0.07, "selling_price": 19.99, "quantity": 5 }),
    );
    let item = t.post("/v1/inventory", item).await.expect_status(201);
    all.push(answer("post", "/v1/inventory", 201, &item.body));
    let item = item.id();
    t.install("qc-gate", json!({})).await;
    t.install("guest-fickle", json!({ "do": "warn", "post_create": "trap" })).await;
    let created = t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
    all.push(answer("post", "/v1/tickets", 201, &created.body));
    let id = created.id();
    let change = json!({
        "labor_hours": 1.1, "labor_rate": 64.35, "parts": [{ "inventory_id": item, "quantity": 3 }],
        "diagnostics": { "findings": "Broken.", "estimated_cost": 0.29, "recommended_parts": ["Screen"] },
    });
    let changed = t.change(&id, change).await.expect_status(200);
    all.push(answer("patch", "/v1/tickets/{ticket_id}", 200, &changed.body));
    let moved = t.transition(&id, "TRIAGE").await.expect_status(200);
    all.push(answer("post", "/v1/tickets/{ticket_id}/transition", 200, &moved.body));
    let paid = json!({ "amount": 0.07, "method": "card" });
    let paid = t.post(&format!("/v1/tickets/{id}/payments"), paid).await.expect_status(201);
    all.push(answer("post", "/v1/tickets/{ticket_id}/payments", 201, &paid.body));
    let webhook = t.post("/v1/webhooks", json!({ "url": "https://shop.example/" })).await;
    all.push(answer("post", "/v1/webhooks", 201, &webhook.expect_status(201).body));
    let customer = t.ticket(&id).await["customer"]["id"].as_str().expect("an id").to_owned();
    for (template, path) in [
        ("/v1/tickets", "/v1/tickets".to_owned()),
        ("/v1/tickets/{ticket_id}", format!("/v1/tickets/{id}")),
        ("/v1/tickets/{ticket_id}/timeline", format!("/v1/tickets/{id}/timeline")),
        ("/v1/tickets/{ticket_id}/transitions", format!("/v1/tickets/{id}/transitions")),
        ("/v1/tickets/{ticket_id}/payments", format!("/v1/tickets/{id}/payments")),
        ("/v1/customers", "/v1/customers".to_owned()),
        ("/v1/customers/{customer_id}", format!("/v1/customers/{customer}")),
        ("/v1/inventory", "/v1/inventory".to_owned()),
        ("/v1/inventory/{inventory_id}", format!("/v1/inventory/{item}")),
        ("/v1/inventory/{inventory_id}/movements", format!("/v1/inventory/{item}/movements")),
        ("/v1/kpis", format!("/v1/kpis?shop_id={}", t.shop)),
        ("/v1/shops", "/v1/shops".to_owned()),
        ("/v1/users", "/v1/users".to_owned()),
        ("/v1/keys", "/v1/keys".to_owned()),
        ("/v1/plugins", "/v1/plugins".to_owned()),
        ("/v1/installations", "/v1/installations".to_owned()),
        ("/v1/webhooks", "/v1/webhooks".to_owned()),
    ] {
        let body = t.get(&path).await.ok();
        all.push(answer("get", template, 200, &body));
    }
    all
}

fn patterns(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("pattern").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| patterns(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| patterns(value, found)),
        _ => {}
    }
}

async fn answers_and_documents_are_valid_under_independent_validators(t: &TestApp) {
    let document = repairops::router::document();
    let answers = answers(t).await;
    for Answer { pointer, body } in &answers {
        assert!(document.pointer(pointer).is_some(), "{pointer} is not in the document");
        let mut schema = document.clone();
        schema["$ref"] = json!(reference(pointer));
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{pointer}");
    }
    let mut found = Vec::new();
    patterns(&document, &mut found);
    assert!(found.len() > 20);
    for pattern in &found {
        // The syntax of RE2, as Go has it; PCRE and ECMAScript know no less.
        regex::Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        assert!(!pattern.contains("\\u"), "{pattern}: Go and PHP do not know \\u");
    }
    let list: Vec<Value> = answers
        .iter()
        .map(|Answer { pointer, body }| json!({ "reference": reference(pointer), "body": body }))
        .collect();
    let v3_0 = v3_0::convert(document.clone());
    let input = json!({ "document": document, "v3_0": v3_0, "answers": list, "patterns": found });
    let script = include_str!("validators.js");
    // Imports come first in a module.
    let (imports, rest) = script.split_once("\n\n").expect("the imports");
    let said =
        node::run(&format!("{imports}\nconst input = {input}\n{rest}"), &[], &[]).await.json();
    assert_eq!(said["problems"], json!([]), "{:#}", said["problems"]);
    assert_eq!(said["versions"], json!(["3.1", "3.0"]));
    assert_eq!(said["answers"], answers.len());
}
