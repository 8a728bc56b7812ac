//! The JavaScript and Python packages of the tests: they are installed as pinned, and the pins name no registry.

use crate::support::{json, node, python};

#[tokio::test]
async fn node_runs_a_module_with_pinned_packages() {
    let said = node::run(
        r#"
        import { Webhook } from 'standardwebhooks'
        const webhook = new Webhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
        const at = new Date(1674087231000)
        const signature = webhook.sign('msg_1', at, '{"a": 1}')
        console.log(JSON.stringify({ signature, argument: process.argv[2], variable: process.env.WORD }))
        "#,
        &["one"],
        &[("WORD", "two")],
    )
    .await
    .json();
    assert_eq!((&said["argument"], &said["variable"]), (&json!("one"), &json!("two")));
    assert!(said["signature"].as_str().is_some_and(|text| text.starts_with("v1,")), "{said}");
}

#[tokio::test]
async fn python_runs_a_script_with_pinned_packages() {
    let script = r#"
import datetime, json, os, sys
import requests
from standardwebhooks import Webhook
webhook = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
at = datetime.datetime.fromtimestamp(1674087231, tz=datetime.timezone.utc)
signature = webhook.sign("msg_1", at, '{"a": 1}')
print(json.dumps({"signature": signature, "argument": sys.argv[1], "variable": os.environ["WORD"],
                  "requests": requests.__version__}))
"#;
    let said = python::run(script, &["one"], &[("WORD", "two")]).await.json();
    assert_eq!((&said["argument"], &said["variable"]), (&json!("one"), &json!("two")));
    assert!(said["signature"].as_str().is_some_and(|text| text.starts_with("v1,")), "{said}");
    assert!(said["requests"].is_string(), "{said}");
}

#[tokio::test]
async fn a_script_that_fails_says_why() {
    let javascript = node::run("throw new Error('no such ticket')", &[], &[]).await;
    assert!(!javascript.success);
    assert!(javascript.stderr.contains("no such ticket"), "{javascript:?}");
    let script = python::run("raise SystemExit('no such ticket')", &[], &[]).await;
    assert!(!script.success);
    assert!(script.stderr.contains("no such ticket"), "{script:?}");
}

#[test]
fn pins_name_no_host() {
    let pins = [
        include_str!("js/package.json"),
        include_str!("js/package-lock.json"),
        include_str!("python/requirements.txt"),
    ];
    for text in pins {
        assert!(!text.contains("://"), "{text}");
    }
}
