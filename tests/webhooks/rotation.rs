//! A rotated secret: until the overlap ends, requests are signed with both.

use std::time::Duration;

use super::{create, deliver, path};
use crate::support::receiver::Receiver;
use crate::support::{TestApp, both_databases, json};

both_databases![
    both_secrets_sign_until_the_overlap_ends,
    without_an_overlap_the_old_one_ends_at_once,
    the_number_of_secrets_is_bounded,
];

async fn both_secrets_sign_until_the_overlap_ends(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    let old = webhook["secret"].as_str().expect("a secret");
    let rotate = format!("{}/rotate-secret", path(&webhook));
    let rotated = t.post(&rotate, json!({})).await;
    let new = rotated.expect_status(200)["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(old, new);
    let shown = t.get(&format!("{}/secret", path(&webhook))).await.ok();
    assert_eq!(shown["secret"], json!(new));
    assert_eq!(shown["previous"][0]["secret"], json!(old));

    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let request = receiver.one();
    assert_eq!(request.header("webhook-signature").split(' ').count(), 2);
    assert_eq!((request.signatures_by(old), request.signatures_by(&new)), (1, 1));

    receiver.clear();
    t.app.clock.advance(Duration::from_secs(24 * 3600 - 60));
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    assert_eq!(receiver.one().signatures_by(old), 1, "24 hours, if nothing is said");

    receiver.clear();
    t.app.clock.advance(Duration::from_secs(60));
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let request = receiver.one();
    assert_eq!(request.header("webhook-signature").split(' ').count(), 1);
    assert_eq!((request.signatures_by(old), request.signatures_by(&new)), (0, 1));
    let shown = t.get(&format!("{}/secret", path(&webhook))).await.ok();
    assert_eq!(shown, json!({ "secret": new, "previous": [] }));
}

async fn without_an_overlap_the_old_one_ends_at_once(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    let first = webhook["secret"].as_str().expect("a secret");
    let rotate = format!("{}/rotate-secret", path(&webhook));
    t.post(&rotate, json!({ "overlap_hours": 168 })).await.ok();
    let new = t.post(&rotate, json!({ "overlap_hours": 0 })).await.ok();
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let request = receiver.one();
    assert_eq!(request.header("webhook-signature").split(' ').count(), 1);
    assert_eq!(request.signatures_by(first), 0);
    assert_eq!(request.signatures_by(new["secret"].as_str().expect("a secret")), 1);
    for wrong in [-1, 169] {
        let reply = t.post(&rotate, json!({ "overlap_hours": wrong })).await;
        assert_eq!(reply.invalid("overlap_hours"), wrong);
    }
}

async fn the_number_of_secrets_is_bounded(t: &TestApp) {
    let webhook = create(t, "https://shop.example/", json!({})).await;
    let rotate = format!("{}/rotate-secret", path(&webhook));
    for _ in 0..4 {
        t.post(&rotate, json!({})).await.ok();
    }
    t.post(&rotate, json!({})).await.error(409, "CONFLICT");
    t.post(&rotate, json!({ "overlap_hours": 0 })).await.ok();
    t.post(&rotate, json!({})).await.ok();
}
