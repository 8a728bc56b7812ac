//! `/v1/tickets/{ticket_id}/feedback`.

use crate::support::shape::assert_shape;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    feedback_is_on_the_ticket_and_in_an_event,
    it_is_given_after_the_pickup,
    it_is_given_once,
    what_is_not_right_is_refused,
];

async fn feedback_is_on_the_ticket_and_in_an_event(t: &TestApp) {
    let ticket = t.create_ticket_in(&t.shop, "PICKED_UP").await;
    let (before, known) = (t.ticket(&ticket).await, t.events().await.len());
    assert_eq!(before["feedback"], json!(null));
    let path = format!("/v1/tickets/{ticket}/feedback");
    t.get(&path).await.not_found();
    let body = json!({ "score": 4, "comment": " Quick and friendly. " });
    let given = t.writer.post(&path, body).await.expect_status(201);
    let shape =
        json!({ "score": "integer", "comment": "=Quick and friendly.", "created_at": "time" });
    assert_shape(&given.body, &shape);
    assert_eq!(given.header("location"), Some(&*path));
    assert_eq!(t.reader.get(&path).await.ok(), given.body);
    let after = t.ticket(&ticket).await;
    assert_eq!(after["feedback"], given.body);
    assert_eq!(after["version"].as_i64(), before["version"].as_i64().map(|version| version + 1));
    let entry =
        after["timeline"].as_array().and_then(|list| list.last()).expect("an entry").clone();
    assert_eq!(
        (&entry["kind"], &entry["notes"]),
        (&json!("feedback"), &json!("4 of 5: Quick and friendly."))
    );
    let events = t.events().await.split_off(known);
    assert_eq!(events.len(), 1);
    let expected = json!({ "ticket_id": ticket, "ticket_number": after["number"], "shop_id": t.shop,
                           "changed": ["feedback"], "version": after["version"] });
    assert_eq!(events[0], ("ticket.updated".to_owned(), expected));
    // It stays when the ticket goes on.
    t.transition(&ticket, "CLOSED").await.ok();
    assert_eq!(t.ticket(&ticket).await["feedback"]["score"], 4);
}

async fn it_is_given_after_the_pickup(t: &TestApp) {
    for status in ["INTAKE", "READY_FOR_PICKUP", "VOIDED"] {
        let ticket = t.create_ticket_in(&t.shop, status).await;
        let before = t.ticket(&ticket).await;
        let path = format!("/v1/tickets/{ticket}/feedback");
        let details = t.post(&path, json!({ "score": 5 })).await.details(409, "CONFLICT");
        assert_eq!(details, json!({ "status": status, "allowed": ["PICKED_UP", "CLOSED"] }));
        assert_eq!(t.ticket(&ticket).await, before);
    }
    let ticket = t.create_ticket_in(&t.shop, "CLOSED").await;
    let given = t.post(&format!("/v1/tickets/{ticket}/feedback"), json!({ "score": 1 })).await;
    assert_eq!(given.expect_status(201)["comment"], json!(null));
}

async fn it_is_given_once(t: &TestApp) {
    let ticket = t.create_ticket_in(&t.shop, "PICKED_UP").await;
    let path = format!("/v1/tickets/{ticket}/feedback");
    let replies = all_at_once((0..8).map(|_| t.post(&path, json!({ "score": 3 })))).await;
    let (given, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((given.len(), refused.len()), (1, 7));
    for reply in refused {
        let details = reply.details(409, "CONFLICT");
        assert_eq!(details, json!({ "score": 3, "created_at": given[0]["created_at"] }));
    }
    t.post(&path, json!({ "score": 5 })).await.error(409, "CONFLICT");
    assert_eq!(t.get(&path).await["score"], 3);
}

async fn what_is_not_right_is_refused(t: &TestApp) {
    let ticket = t.create_ticket_in(&t.shop, "PICKED_UP").await;
    let path = format!("/v1/tickets/{ticket}/feedback");
    for score in [json!(0), json!(6), json!(-1), json!(4.5), json!("5"), json!(null)] {
        assert_eq!(t.post(&path, json!({ "score": score })).await.invalid("score"), score);
    }
    t.post(&path, json!({ "comment": "?" })).await.invalid("score");
    t.post(&path, json!({ "score": 5, "comment": "x".repeat(2_001) })).await.invalid("comment");
    t.reader.post(&path, json!({ "score": 5 })).await.error(403, "FORBIDDEN");
    t.stranger().await.post(&path, json!({ "score": 5 })).await.not_found();
    t.stranger().await.get(&path).await.not_found();
    assert_eq!(t.ticket(&ticket).await["feedback"], json!(null));
}
