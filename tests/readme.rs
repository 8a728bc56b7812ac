//! The README's curl session, pasted into a shell.

use tokio::process::Command;

use crate::support::client::Client;
use crate::support::{TestApp, both_databases};

both_databases![the_curl_session_of_the_readme_can_be_pasted];

async fn the_curl_session_of_the_readme_can_be_pasted(t: &TestApp) {
    let technician = t.create_technician("Alice Tech").await;
    t.create_item(&t.shop, "SCREEN-IP14-001", 5).await;
    let session = include_str!("../README.md")
        .split_once("## The API in a minute")
        .and_then(|(_, text)| text.split("```").nth(1)?.strip_prefix("sh\n"))
        .expect("a session");
    let node =
        t.node(|config| config.limits.rate_limits = "read=50".parse().expect("limits")).await;
    let base = node.serve().await;
    let key = |client: &Client| client.authorization().replacen("Bearer ", "", 1);
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", session])
        .env("RO", format!("{base}/v1"))
        .env("READ", key(&t.reader))
        .env("WRITE", key(&t.writer))
        .env("ADMIN", key(&t.admin))
        .env("SHOP", &t.shop)
        .env("TECHNICIAN", technician)
        .output()
        .await
        .expect("bash");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for expected in [
        r#""to_status":"DIAGNOSTICS""#,
        r#""balance_due":207.5"#,
        r#""secret":"whsec_"#,
        "x-ratelimit-remaining: 4",
    ] {
        assert!(said.contains(expected), "{expected} is missing in {said}");
    }
}
