//! Addresses that are not public are rejected at the connection, however they are written.

use super::{create, deliver, log};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, both_databases, json};

both_databases![private_addresses_are_refused_when_connecting, what_is_allowed_is_delivered];

async fn private_addresses_are_refused_when_connecting(t: &TestApp) {
    let receiver = Receiver::start().await;
    let port = receiver.port();
    let node = t.node(|config| config.webhooks.webhook_allow.clear()).await;
    let urls = [
        (format!("http://127.0.0.1:{port}/"), "127.0.0.1 is a loopback address"),
        (format!("http://127.1:{port}/"), "127.0.0.1 is a loopback address"),
        (format!("http://2130706433:{port}/"), "127.0.0.1 is a loopback address"),
        (format!("http://0x7f.0.0.1:{port}/"), "127.0.0.1 is a loopback address"),
        (format!("http://localhost:{port}/"), "is a loopback address"),
        (format!("http://[::1]:{port}/"), "::1 is a loopback address"),
        (format!("http://[::ffff:127.0.0.1]:{port}/"), "::ffff:127.0.0.1 is a loopback address"),
        (format!("http://0.0.0.0:{port}/"), "0.0.0.0 is an unspecified address"),
        (format!("http://[::]:{port}/"), ":: is an unspecified address"),
        ("http://10.0.0.1/".to_owned(), "10.0.0.1 is a private address"),
        ("http://169.254.169.254/latest/".to_owned(), "169.254.169.254 is a link-local address"),
        ("http://[64:ff9b::7f00:1]/".to_owned(), "64:ff9b::7f00:1 is a NAT64 address"),
        ("http://[fd00::1]/".to_owned(), "fd00::1 is a unique local address"),
    ];
    for (url, words) in &urls {
        let webhook = create(t, url, json!({ "events": ["ticket.created"] })).await;
        t.create_ticket(&t.shop).await;
        deliver(&node.app).await;
        let row = log(t, &webhook).await.remove(0);
        let error = row["last_error"].as_str().expect("an error");
        assert!(error.contains(words), "{url}: {error}");
        assert!(error.ends_with("webhooks are not delivered to such addresses"), "{url}: {error}");
        assert_eq!((&row["state"], &row["attempt_count"]), (&json!("pending"), &json!(1)));
        t.delete(&super::path(&webhook)).await.expect_status(204);
    }
    let test = create(t, &receiver.url, json!({})).await;
    let result = node.admin.post(&format!("{}/test", super::path(&test)), json!({})).await.ok();
    assert_eq!(result["state"], "failed");
    assert_eq!(receiver.received().len(), 0, "none came through");
    node.app.db.close().await;
}

async fn what_is_allowed_is_delivered(t: &TestApp) {
    let receiver = Receiver::start().await;
    let port = receiver.port();
    // The private receiver stands behind a name, and behind one that an allowed receiver redirects to.
    for url in [format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/")] {
        create(t, &url, json!({ "events": ["ticket.created"] })).await;
    }
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    assert_eq!(receiver.events(), ["ticket.created", "ticket.created"]);

    receiver.clear();
    receiver.answers(Answer::Redirect(307, "http://169.254.169.254/latest/".to_owned()));
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    assert_eq!(receiver.received().len(), 2, "and a redirect leads nowhere");
}
