//! Texts that guests return are checked as those of clients are: what cannot be stored or shown is the plugin's failure,
//! and costs nobody else anything.

use repairops::plugins::report_failures;
use repairops::tickets::enrich_due::run_due;
use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::{TestApp, both_databases, json};

both_databases![
    an_odd_text_of_a_patch_is_the_plugins_failure_alone,
    a_blank_text_of_a_patch_sets_nothing,
    an_odd_text_of_a_gate_is_the_plugins_failure_alone,
    the_text_of_an_error_is_stored_and_shown,
    the_largest_answers_fit_into_the_default_limits,
    a_result_that_is_refused_takes_no_other_with_it,
    an_event_that_is_refused_takes_no_other_with_it,
];

fn odd(at: &str, text: &str) -> Value {
    json!({ "odd": { "at": at, "text": text } })
}

/// A plugin that behaves, after the other one.
async fn install_good(t: &TestApp) {
    t.install_with(
        "guest-two-hooks",
        json!({ "hooks": { "post-create": { "order": 200 }, "pre-transition": { "order": 200, "mode": "off" } } }),
    )
    .await;
}

async fn an_odd_text_of_a_patch_is_the_plugins_failure_alone(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({})).await;
    install_good(t).await;
    let clean = t.create_ticket(&t.shop).await;
    let tags = t.ticket(&clean).await["tags"].clone();
    assert!(!tags.as_array().expect("tags").is_empty());
    let mut places = Vec::new();
    for at in ["tag", "category", "note", "part", "custom-field"] {
        places.extend([
            (at, "nul", "must not contain a NUL character"),
            (at, "long", "has 5000 characters"),
        ]);
    }
    for at in ["tag", "part"] {
        places.push((at, "blank", "is empty or blank"));
    }
    for (at, text, reason) in places {
        t.reconfigure(&installation, json!({ "settings": odd(at, text) })).await.ok();
        let created =
            t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
        let ran = created["plugins"].clone();
        assert_eq!(ran[0]["outcome"], "bad_output", "{at} {text}: {ran:#}");
        let error = ran[0]["error"]["message"].as_str().expect("a reason");
        assert!(error.contains(reason), "{at} {text}: {error}");
        assert_eq!(ran[1]["outcome"], "enriched", "{at} {text}");
        let id = created.id();
        let ticket = t.ticket(&id).await;
        assert_eq!(
            (&ticket["tags"], &ticket["enrichment"]),
            (&tags, &json!("pending")),
            "{at} {text}"
        );
        // The plugin is mended: the work is made up for.
        t.reconfigure(&installation, json!({ "settings": { "tag": "mended" } })).await.ok();
        t.app.clock.advance(std::time::Duration::from_secs(3_600));
        run_due(&t.app).await.expect("the work is done");
        assert_eq!(t.ticket(&id).await["enrichment"], "done", "{at} {text}");
    }
}

async fn a_blank_text_of_a_patch_sets_nothing(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({})).await;
    for at in ["category", "note"] {
        t.reconfigure(&installation, json!({ "settings": odd(at, "blank") })).await.ok();
        let created =
            t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
        assert_eq!(created["plugins"][0]["outcome"], "unchanged", "{at}");
        assert_eq!(t.ticket(&created.id()).await["issue"]["category"], Value::Null);
    }
}

async fn an_odd_text_of_a_gate_is_the_plugins_failure_alone(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({})).await;
    for (at, text, reason) in [
        ("message", "nul", "message must not contain a NUL character"),
        ("message", "blank", "message is empty or blank"),
        ("message", "long", "message has 5000 characters"),
        ("field", "nul", "field must not contain a NUL character"),
        ("field", "long", "field has 5000 characters"),
        ("code", "nul", "code must not contain a NUL character"),
    ] {
        for act in ["deny", "warn"] {
            let mut settings = odd(at, text);
            settings["do"] = json!(act);
            let closed = json!({ "settings": settings, "hooks": { "pre-transition": { "on_failure": "closed" } } });
            t.reconfigure(&installation, closed).await.ok();
            let ticket = t.create_ticket(&t.shop).await;
            let refused = t.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_FAILED");
            assert!(
                refused["message"].as_str().is_some_and(|said| said.contains(reason)),
                "{refused:#}"
            );
            let open = json!({ "hooks": { "pre-transition": { "on_failure": "open" } } });
            t.reconfigure(&installation, open).await.ok();
            let moved = t.transition(&ticket, "TRIAGE").await.ok();
            assert_eq!(moved["warnings"][0]["code"], "PLUGIN_FAILED_OPEN", "{at} {text}");
        }
    }
    // A blank field is none.
    let mut settings = odd("field", "blank");
    settings["do"] = json!("warn");
    let ticket = t.create_ticket(&t.shop).await;
    t.reconfigure(&installation, json!({ "settings": settings })).await.ok();
    let moved = t.transition(&ticket, "TRIAGE").await.ok();
    assert_eq!(
        (&moved["warnings"][0]["code"], &moved["warnings"][0]["field"]),
        (&json!("FICKLE"), &Value::Null)
    );
}

async fn the_text_of_an_error_is_stored_and_shown(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({})).await;
    for (text, shown) in [("nul", "a\u{fffd}b"), ("blank", "it gave no reason"), ("long", "xxx")] {
        let mut settings = odd("error", text);
        settings["do"] = json!("error");
        settings["post_create"] = json!("error");
        let change = json!({ "settings": settings, "hooks": { "pre-transition": { "on_failure": "open" } } });
        t.reconfigure(&installation, change).await.ok();
        let created =
            t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
        let error =
            created["plugins"][0]["error"]["message"].as_str().expect("a reason").to_owned();
        assert!(error.contains(shown) && error.len() < 2_100, "{error}");
        let id = created.id();
        let moved = t.transition(&id, "TRIAGE").await.ok();
        assert!(moved["warnings"][0]["message"].as_str().is_some_and(|said| said.contains(shown)));
        let ticket = t.ticket(&id).await;
        let noted = ticket["timeline"]
            .as_array()
            .expect("a timeline")
            .iter()
            .filter(|entry| entry["notes"].as_str().is_some_and(|notes| notes.contains(shown)));
        assert_eq!(noted.count(), 2, "{text}: of the patch and of the gate: {ticket:#}");
    }
    report_failures::write(&t.app).await;
    assert!(t.events().await.iter().any(|(name, _)| name == "plugin.failed"));
}

async fn the_largest_answers_fit_into_the_default_limits(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "largest", "post_create": "largest" })).await;
    let created = t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
    assert_eq!(
        created["plugins"][0]["outcome"], "enriched",
        "{:#}",
        created["plugins"][0]["error"]
    );
    let id = created.id();
    let ticket = t.ticket(&id).await;
    assert_eq!(ticket["tags"].as_array().map(Vec::len), Some(20));
    assert_eq!(ticket["custom_fields"].as_object().map(serde_json::Map::len), Some(20));
    let refused = t.transition(&id, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
    let violations = refused["details"]["violations"].as_array().expect("a list");
    assert_eq!(violations.len(), 50);
    assert!(violations.iter().all(|one| one["message"] == "😀".repeat(500)));
}

/// Makes the write of one tag fail, as a bad row would.
async fn refuse_tag(t: &TestApp, tag: &str) {
    t.spoil_schema();
    let mut conn = t.app.db.begin().await.expect("a transaction");
    if conn.is_postgres() {
        let sql = format!(
            "create function refuse() returns trigger language plpgsql as $$ begin
             if new.tags::text like '%{tag}%' then raise exception 'refused'; end if; return new; end $$"
        );
        repairops::execute!(conn, sqlx::AssertSqlSafe(sql)).expect("a function");
        let sql =
            "create trigger refuse before update on tickets for each row execute function refuse()";
        repairops::execute!(conn, sql).expect("a trigger");
    } else {
        let sql = format!(
            "create trigger refuse before update on tickets when new.tags like '%{tag}%'
             begin select raise(abort, 'refused'); end"
        );
        repairops::execute!(conn, sqlx::AssertSqlSafe(sql)).expect("a trigger");
    }
    conn.commit().await.expect("a commit");
}

async fn a_result_that_is_refused_takes_no_other_with_it(t: &TestApp) {
    refuse_tag(t, "poison").await;
    t.install("guest-fickle", json!({ "tag": "poison" })).await;
    install_good(t).await;
    let created = t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
    let outcomes: Vec<&Value> =
        created["plugins"].as_array().expect("runs").iter().map(|run| &run["set"]).collect();
    assert_eq!(outcomes, [&json!([]), &json!(["tags"])], "{created:?}");
    assert_eq!(created["warnings"][0]["code"], "PLUGIN_RESULT_NOT_STORED");
    let id = created.id();
    let ticket = t.ticket(&id).await;
    assert!(!ticket["tags"].as_array().expect("tags").is_empty());
    assert_eq!(ticket["enrichment"], "pending");
    // The refused one is counted, and given up in the end.
    for _ in 0..4 {
        t.app.clock.advance(std::time::Duration::from_secs(3_600));
        assert_eq!(run_due(&t.app).await.expect("a retry"), 1);
    }
    assert_eq!(t.ticket(&id).await["enrichment"], "failed");
}

async fn an_event_that_is_refused_takes_no_other_with_it(t: &TestApp) {
    let other = t.stranger().await;
    let mut tickets = Vec::new();
    for client in [&t.admin, &other] {
        client.install("guest-trap", json!({})).await;
        let shop = client.create_shop("Elm Street").await;
        tickets.push(client.create_ticket(&shop).await);
    }
    t.spoil_schema();
    let mut conn = t.app.db.begin().await.expect("a transaction");
    let org = t.org.to_string().replace('-', "");
    if conn.is_postgres() {
        let sql = format!(
            "create function refuse() returns trigger language plpgsql as $$ begin
             if replace(new.org_id::text, '-', '') = '{org}' then raise exception 'refused'; end if;
             return new; end $$"
        );
        repairops::execute!(conn, sqlx::AssertSqlSafe(sql)).expect("a function");
        let sql =
            "create trigger refuse before insert on events for each row execute function refuse()";
        repairops::execute!(conn, sql).expect("a trigger");
    } else {
        let sql = format!(
            "create trigger refuse before insert on events when lower(hex(new.org_id)) = '{org}'
             begin select raise(abort, 'refused'); end"
        );
        repairops::execute!(conn, sqlx::AssertSqlSafe(sql)).expect("a trigger");
    }
    conn.commit().await.expect("a commit");
    t.transition(&tickets[0], "TRIAGE").await.error(422, "PLUGIN_FAILED");
    other.transition(&tickets[1], "TRIAGE").await.error(422, "PLUGIN_FAILED");
    report_failures::write(&t.app).await;
    let mut conn = t.connection().await;
    let (written,): (i64,) = repairops::fetch_one!(
        conn,
        (i64,),
        "select count(*) from events where event = 'plugin.failed'"
    )
    .expect("a count");
    assert_eq!(written, 1, "the other organization's");
}
