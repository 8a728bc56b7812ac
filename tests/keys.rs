//! `/v1/keys`: API keys as a resource.

use std::time::Duration;

use repairops::model::people::Scope;
use repairops::rate_limits::flush::flush;

use crate::support::client::Client;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_key_that_is_made_opens_what_its_scope_says,
    a_key_is_shown_once,
    single_rights_are_shown_and_stay,
    a_key_of_a_user_acts_in_their_name,
    a_new_key_is_checked,
    an_expired_key_is_a_401_that_says_so,
    a_revoked_key_stays_in_the_list,
    a_rotated_key_works_until_the_overlap_is_over,
    what_cannot_be_rotated,
    the_last_admin_key_is_kept,
    rotating_the_only_admin_key_is_fine,
    two_admins_cannot_revoke_each_other,
    only_an_admin_sees_keys,
    the_last_use_is_seen,
];

const HOUR: Duration = Duration::from_secs(3600);

async fn make(t: &Client, scope: &str) -> (String, String) {
    let made = t.post("/v1/keys", json!({ "name": "Made", "scope": scope })).await.ok();
    let text = |field: &str| made[field].as_str().expect("a text").to_owned();
    (text("id"), text("key"))
}

async fn a_key_that_is_made_opens_what_its_scope_says(t: &TestApp) {
    for (scope, statuses) in
        [("read", [200, 403, 403]), ("write", [200, 201, 403]), ("admin", [200, 201, 201])]
    {
        let key = t.with_key(&make(t, scope).await.1);
        let body = crate::support::builders::ticket_body(&t.shop, json!({}));
        key.get("/v1/tickets").await.expect_status(statuses[0]);
        key.post("/v1/tickets", body).await.expect_status(statuses[1]);
        key.post("/v1/shops", json!({ "name": "Kiosk" })).await.expect_status(statuses[2]);
    }
}

async fn a_key_is_shown_once(t: &TestApp) {
    let end = "2200-01-01T00:00:00Z";
    let body = json!({ "name": " Front desk ", "scope": "write", "expires_at": end });
    let reply = t.post("/v1/keys", body).await.expect_status(201);
    let location = reply.header("location").expect("a location").to_owned();
    let made = reply.ok();
    let mut shape = json!({
        "id": "uuid", "name": "=Front desk", "scope": "=write", "user_id": "null",
        "may_read_runs": "bool", "may_override": "bool", "may_manage_plugins": "bool", "hint": "text", "state": "=active",
        "created_at": "time", "last_used_at": "null", "expires_at": format!("={end}"), "revoked_at": "null", "key": "text",
    });
    assert_shape(&made, &shape);
    let key = made["key"].as_str().expect("a key");
    assert_eq!(made["hint"], key[key.len() - 4..]);
    assert_eq!(location, format!("/v1/keys/{}", made["id"].as_str().expect("an id")));

    shape.as_object_mut().expect("an object").remove("key");
    assert_shape(&t.get(&location).await.ok(), &shape);
    let list = t.get("/v1/keys?limit=1").await.ok();
    assert_shape(&list["data"][0], &shape);
    assert_eq!(list["data"][0]["id"], made["id"], "newest first");
    assert_eq!(list["pagination"]["total"], 4);
    let second = t.get("/v1/keys?limit=2&offset=2").await.ok();
    let names: Vec<_> =
        second["data"].as_array().expect("a list").iter().map(|key| &key["name"]).collect();
    assert_eq!(names, ["Front desk", "Office"]);
}

async fn single_rights_are_shown_and_stay(t: &TestApp) {
    let all = ["may_read_runs", "may_override", "may_manage_plugins"];
    let only = |key: &serde_json::Value, right: &str| {
        for name in all {
            assert_eq!(key[name], name == right, "{name}");
        }
    };
    for right in all {
        let body = json!({ "name": "Made", "scope": "read", right: true });
        let made = t.post("/v1/keys", body).await.ok();
        only(&made, right);
        let path = format!("/v1/keys/{}", made["id"].as_str().expect("an id"));
        only(&t.get(&path).await.ok(), right);
        only(&t.get("/v1/keys?limit=1").await.ok()["data"][0], right);
        only(&t.post(&format!("{path}/rotate"), json!({})).await.ok(), right);
    }
    only(&t.post("/v1/keys", json!({ "name": "Made", "scope": "read" })).await.ok(), "none");
    let wrong = json!({ "name": "Made", "scope": "read", "may_override": "yes" });
    t.post("/v1/keys", wrong).await.invalid("may_override");
}

async fn a_key_of_a_user_acts_in_their_name(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    let made = t
        .post("/v1/keys", json!({ "name": "Tablet", "scope": "write", "user_id": alice }))
        .await
        .ok();
    assert_eq!(made["user_id"], alice);
    let client = t.with_key(made["key"].as_str().expect("a key"));
    let ticket = client.create_ticket(&t.shop).await;
    assert_eq!(t.ticket(&ticket).await["timeline"][0]["actor"], "Alice Tech");
}

async fn a_new_key_is_checked(t: &TestApp) {
    let create = |body| t.post("/v1/keys", body);
    create(json!({ "scope": "read" })).await.invalid("name");
    create(json!({ "name": "  ", "scope": "read" })).await.invalid("name");
    create(json!({ "name": "x".repeat(201), "scope": "read" })).await.invalid("name");
    create(json!({ "name": "A" })).await.invalid("scope");
    assert_eq!(create(json!({ "name": "A", "scope": "root" })).await.invalid("scope"), "root");
    create(json!({ "name": "A", "scope": "read", "key": "ro_live_1" })).await.invalid("key");
    for end in ["2020-01-01T00:00:00Z", "2200-01-01", "tomorrow"] {
        let reply = create(json!({ "name": "A", "scope": "read", "expires_at": end })).await;
        assert_eq!(reply.invalid("expires_at"), end);
    }
    let stranger = t.stranger().await.create_technician("Bob").await;
    let reply = create(json!({ "name": "A", "scope": "read", "user_id": stranger })).await;
    assert_eq!(reply.invalid("user_id"), stranger.as_str());
    assert_eq!(t.get("/v1/keys").await["pagination"]["total"], 3, "nothing was made");
}

async fn an_expired_key_is_a_401_that_says_so(t: &TestApp) {
    let end = (t.app.clock.now() + HOUR).to_string();
    let made =
        t.post("/v1/keys", json!({ "name": "A", "scope": "read", "expires_at": end })).await.ok();
    let key = t.with_key(made["key"].as_str().expect("a key"));
    key.get("/v1/tickets").await.ok();
    t.app.clock.advance(HOUR);
    let error = key.get("/v1/tickets").await.error(401, "UNAUTHORIZED");
    assert_eq!(error["message"], format!("This API key expired at {end}"));
    let path = format!("/v1/keys/{}", made["id"].as_str().expect("an id"));
    assert_eq!(t.get(&path).await["state"], "expired");
}

async fn a_revoked_key_stays_in_the_list(t: &TestApp) {
    let (id, key) = make(t, "read").await;
    let path = format!("/v1/keys/{id}");
    t.with_key(&key).get("/v1/tickets").await.ok();
    let reply = t.delete(&path).await.expect_status(204);
    assert!(reply.body.is_null());
    let error = t.with_key(&key).get("/v1/tickets").await.error(401, "UNAUTHORIZED");
    assert_eq!(error["message"], "This API key was revoked");
    let shown = t.get(&path).await.ok();
    assert_eq!(shown["state"], "revoked");
    t.app.clock.advance(HOUR);
    t.delete(&path).await.expect_status(204);
    assert_eq!(t.get(&path).await.ok(), shown, "a second time changes nothing");
    t.delete("/v1/keys/00000000-0000-7000-8000-000000000000").await.not_found();
    t.stranger().await.delete(&path).await.not_found();
    t.stranger().await.get(&path).await.not_found();
}

async fn a_rotated_key_works_until_the_overlap_is_over(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    let old = t
        .post("/v1/keys", json!({ "name": "Tablet", "scope": "write", "user_id": alice }))
        .await
        .ok();
    let rotate = format!("/v1/keys/{}/rotate", old["id"].as_str().expect("an id"));
    let reply = t.post(&rotate, json!({ "overlap_hours": 2 })).await.expect_status(201);
    let location = reply.header("location").expect("a location").to_owned();
    let new = reply.ok();
    for field in ["name", "scope", "user_id"] {
        assert_eq!(new[field], old[field], "{field}");
    }
    assert!(new["id"] != old["id"] && new["key"] != old["key"] && new["expires_at"].is_null());
    assert_eq!(t.get(&location).await["hint"], new["hint"]);
    let client = |made: &serde_json::Value| t.with_key(made["key"].as_str().expect("a key"));
    t.app.clock.advance(HOUR);
    client(&old).get("/v1/tickets").await.ok();
    client(&new).get("/v1/tickets").await.ok();
    t.app.clock.advance(HOUR);
    client(&old).get("/v1/tickets").await.error(401, "UNAUTHORIZED");
    client(&new).get("/v1/tickets").await.ok();

    // Without a word it is a day, and without any overlap the old one ends now.
    let rotate = format!("/v1/keys/{}/rotate", new["id"].as_str().expect("an id"));
    let third = t.post(&rotate, json!({})).await.ok();
    t.app.clock.advance(23 * HOUR);
    client(&new).get("/v1/tickets").await.ok();
    t.app.clock.advance(HOUR);
    client(&new).get("/v1/tickets").await.error(401, "UNAUTHORIZED");
    let rotate = format!("/v1/keys/{}/rotate", third["id"].as_str().expect("an id"));
    let fourth = t.post(&rotate, json!({ "overlap_hours": 0 })).await.ok();
    client(&third).get("/v1/tickets").await.error(401, "UNAUTHORIZED");

    // An end that is near already stays.
    let end = (t.app.clock.now() + HOUR).to_string();
    let made =
        t.post("/v1/keys", json!({ "name": "A", "scope": "read", "expires_at": end })).await.ok();
    let path = format!("/v1/keys/{}", made["id"].as_str().expect("an id"));
    t.post(&format!("{path}/rotate"), json!({})).await.ok();
    assert_eq!(t.get(&path).await["expires_at"], end.as_str());
    client(&fourth).get("/v1/tickets").await.ok();
}

async fn what_cannot_be_rotated(t: &TestApp) {
    let (id, _) = make(t, "read").await;
    let path = format!("/v1/keys/{id}/rotate");
    for hours in [-1, 169] {
        assert_eq!(
            t.post(&path, json!({ "overlap_hours": hours })).await.invalid("overlap_hours"),
            hours
        );
    }
    t.post(&path, json!({ "expires_at": "2020-01-01T00:00:00Z" })).await.invalid("expires_at");
    t.stranger().await.post(&path, json!({})).await.not_found();
    t.delete(&format!("/v1/keys/{id}")).await.expect_status(204);
    assert_eq!(
        t.post(&path, json!({})).await.details(409, "CONFLICT"),
        json!({ "state": "revoked" })
    );
    assert_eq!(t.get("/v1/keys").await["pagination"]["total"], 4, "nothing was made");
}

async fn the_last_admin_key_is_kept(t: &TestApp) {
    let office = t.get("/v1/keys?limit=1&offset=2").await.ok()["data"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let revoke = || t.delete(&format!("/v1/keys/{office}"));
    let refused = json!({ "reason": "last_admin_key" });
    assert_eq!(revoke().await.details(409, "CONFLICT"), refused);
    make(t, "write").await;
    assert_eq!(revoke().await.details(409, "CONFLICT"), refused, "a writer is no admin");
    let end = (t.app.clock.now() + HOUR).to_string();
    let expiring = json!({ "name": "For a day", "scope": "admin", "expires_at": end });
    t.post("/v1/keys", expiring.clone()).await.ok();
    assert_eq!(revoke().await.details(409, "CONFLICT"), refused, "it would end in an hour");
    let rotate = format!("/v1/keys/{office}/rotate");
    assert_eq!(
        t.post(&rotate, json!({ "expires_at": end })).await.details(409, "CONFLICT"),
        refused
    );
    assert_eq!(
        t.get(&format!("/v1/keys/{office}")).await["expires_at"],
        json!(null),
        "and nothing changed"
    );
    let (gone, _) = make(t, "admin").await;
    t.delete(&format!("/v1/keys/{gone}")).await.expect_status(204);
    assert_eq!(revoke().await.details(409, "CONFLICT"), refused, "a revoked one does not count");
    let (_, other) = make(t, "admin").await;
    revoke().await.expect_status(204);
    t.get("/v1/keys").await.error(401, "UNAUTHORIZED");
    t.with_key(&other).get("/v1/keys").await.ok();
}

async fn rotating_the_only_admin_key_is_fine(t: &TestApp) {
    let office = t.get("/v1/keys?limit=1&offset=2").await.ok()["data"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let made =
        t.post(&format!("/v1/keys/{office}/rotate"), json!({ "overlap_hours": 0 })).await.ok();
    t.get("/v1/keys").await.error(401, "UNAUTHORIZED");
    t.with_key(made["key"].as_str().expect("a key")).get("/v1/keys").await.ok();
}

async fn two_admins_cannot_revoke_each_other(t: &TestApp) {
    for _ in 0..5 {
        let stranger = t.stranger().await;
        let first = stranger.get("/v1/keys").await.ok()["data"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let (second, key) = make(&stranger, "admin").await;
        let other = stranger.with_key(&key);
        let replies = crate::support::all_at_once([
            stranger.delete(&format!("/v1/keys/{second}")),
            other.delete(&format!("/v1/keys/{first}")),
        ])
        .await;
        let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        // The slower one finds itself revoked, or is told that it is about to revoke the last key.
        assert!(statuses == [204, 401] || statuses == [204, 409], "{statuses:?}");
    }
}

async fn only_an_admin_sees_keys(t: &TestApp) {
    let (id, _) = make(t, "read").await;
    for client in [&t.reader, &t.writer] {
        client.get("/v1/keys").await.error(403, "FORBIDDEN");
        client.get(&format!("/v1/keys/{id}")).await.error(403, "FORBIDDEN");
        client
            .post("/v1/keys", json!({ "name": "A", "scope": "admin" }))
            .await
            .error(403, "FORBIDDEN");
        client.post(&format!("/v1/keys/{id}/rotate"), json!({})).await.error(403, "FORBIDDEN");
        client.delete(&format!("/v1/keys/{id}")).await.error(403, "FORBIDDEN");
    }
    assert_eq!(t.get("/v1/keys/12").await.invalid("key_id"), "12");
}

async fn the_last_use_is_seen(t: &TestApp) {
    let (id, key) = t.create_key(Scope::Write, "Front desk").await;
    let shown = async || t.get(&format!("/v1/keys/{id}")).await["last_used_at"].clone();
    assert_eq!(shown().await, json!(null));
    t.with_key(&key).get("/v1/tickets").await.ok();
    flush(&t.app).await.expect("written");
    let first = shown().await;
    assert!(first.is_string(), "{first}");
    t.app.clock.advance(HOUR);
    t.with_key(&key).create_ticket(&t.shop).await;
    flush(&t.app).await.expect("written");
    assert!(shown().await.as_str() > first.as_str(), "the latest of all classes");
}
