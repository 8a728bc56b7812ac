//! The `standardwebhooks` packages of npm and PyPI verify requests that the server sent.

use serde_json::{Value, json};

use super::{create, deliver, path};
use crate::support::receiver::{Received, Receiver};
use crate::support::{TestApp, both_databases, node, python};

both_databases![the_packages_of_others_verify_what_we_sign];

const JAVASCRIPT: &str = r#"
import { Webhook } from 'standardwebhooks'
const cases = JSON.parse(process.env.CASES)
const verdict = ({ secret, headers, body }) => {
  try { new Webhook(secret).verify(body, headers); return true } catch { return false }
}
console.log(JSON.stringify(cases.map(verdict)))
"#;

const PYTHON: &str = r#"
import json, os
from standardwebhooks.webhooks import Webhook

def verdict(case):
    try:
        Webhook(case["secret"]).verify(case["body"], case["headers"])
        return True
    except Exception:
        return False

print(json.dumps([verdict(case) for case in json.loads(os.environ["CASES"])]))
"#;

fn case(request: &Received, secret: &Value, body: &str) -> Value {
    let header = |name: &str| (name.to_owned(), json!(request.header(name)));
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> = names.into_iter().map(header).collect();
    json!({ "secret": secret, "headers": headers, "body": body })
}

async fn the_packages_of_others_verify_what_we_sign(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({})).await;
    // Text that is not ASCII is signed as it is sent.
    let body = json!({ "customer": { "name": "Zoë Ångström 修", "email": "zoe@example.com" } });
    t.create_ticket_with(&t.shop, body).await;
    deliver(&t.app).await;
    let before = receiver.received();
    assert_eq!(before.len(), 2);
    let rotated = t.post(&format!("{}/rotate-secret", path(&webhook)), json!({})).await.ok();
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let after = receiver.received().pop().expect("a request");
    let (old, new) = (&webhook["secret"], &rotated["secret"]);
    let customer = before.iter().find(|one| one.body.contains("Zoë")).expect("the customer");
    let mut moved = case(&after, new, &after.body);
    moved["headers"]["webhook-timestamp"] = json!("1600000000");
    let cases = json!([
        case(customer, old, &customer.body),
        case(&before[1], old, &before[1].body),
        case(&after, old, &after.body),
        case(&after, new, &after.body),
        // What must not pass: another secret, another body, another time.
        case(customer, new, &customer.body),
        case(customer, old, &customer.body.replace("Zoë", "Zoe")),
        moved,
    ])
    .to_string();
    let expected = json!([true, true, true, true, false, false, false]);
    let environment = [("CASES", cases.as_str())];
    assert_eq!(node::run(JAVASCRIPT, &[], &environment).await.json(), expected);
    assert_eq!(python::run(PYTHON, &[], &environment).await.json(), expected);
}
