//! `post-create`: plugins add to a ticket, and no failure loses the ticket.

use std::time::Duration;

use repairops::db::{Backend, Conn};
use repairops::tickets::enrich_due::run_due;
use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_failure_leaves_the_ticket_and_is_made_up_for,
    after_five_tries_it_has_failed,
    every_kind_of_failure_leaves_the_ticket,
    one_failure_does_not_cost_the_others_work,
    what_was_removed_is_given_up,
    a_lease_is_not_taken_twice,
    a_client_may_change_what_a_plugin_set,
    a_result_that_cannot_be_written_is_counted_and_given_up,
    many_such_tickets_leave_other_organizations_alone,
];

const HOUR: Duration = Duration::from_secs(3_600);

async fn run_after_an_hour(t: &TestApp) -> usize {
    t.app.clock.advance(HOUR);
    run_due(&t.app).await.expect("the work is done")
}

async fn a_failure_leaves_the_ticket_and_is_made_up_for(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    let created = t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
    assert_eq!(created["plugins"][0]["outcome"], "trap");
    assert_eq!(created["warnings"][0]["code"], "PLUGIN_FAILED_OPEN");
    let id = created.id();
    assert_eq!(t.ticket(&id).await["enrichment"], "pending");
    assert_eq!(run_due(&t.app).await.expect("nothing to do"), 0, "it is not due yet");
    t.reconfigure(&installation, json!({ "settings": { "tag": "late", "severity": "low" } }))
        .await
        .ok();
    let known = t.events().await.len();
    assert_eq!(run_after_an_hour(t).await, 1);
    let ticket = t.ticket(&id).await;
    assert_eq!((&ticket["enrichment"], &ticket["tags"]), (&json!("done"), &json!(["late"])));
    let fields: Vec<_> = ticket["set_by_plugins"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|set| &set["field"])
        .collect();
    assert_eq!(fields, ["issue.severity", "tags"]);
    assert_eq!(t.event_names_after(known).await, ["ticket.updated"]);
    assert_eq!(run_after_an_hour(t).await, 0, "once");
}

async fn after_five_tries_it_has_failed(t: &TestApp) {
    t.install("guest-fickle", json!({ "post_create": "error", "message": "no price list" })).await;
    let id = t.create_ticket(&t.shop).await;
    for _ in 0..4 {
        assert_eq!(t.ticket(&id).await["enrichment"], "pending");
        assert_eq!(run_after_an_hour(t).await, 1);
    }
    assert_eq!(t.ticket(&id).await["enrichment"], "failed");
    assert_eq!(run_after_an_hour(t).await, 0);
    t.transition(&id, "TRIAGE").await.ok();
}

async fn every_kind_of_failure_leaves_the_ticket(t: &TestApp) {
    for (how, outcome) in
        [("trap", "trap"), ("loop", "fuel"), ("error", "error"), ("bad-patch", "bad_output")]
    {
        let installation = t.install("guest-fickle", json!({ "post_create": how })).await;
        let created =
            t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
        assert_eq!(
            (&created["plugins"][0]["outcome"], &created["plugins"][0]["set"]),
            (&json!(outcome), &json!([]))
        );
        let ticket = t.ticket(&created.id()).await;
        assert_eq!(
            (&ticket["enrichment"], &ticket["issue"]["severity"]),
            (&json!("pending"), &json!(null)),
            "{how}"
        );
        t.delete(&format!("/v1/installations/{installation}")).await.expect_status(200);
    }
}

async fn one_failure_does_not_cost_the_others_work(t: &TestApp) {
    let broken = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    t.install("guest-two-hooks", json!({})).await;
    let id = t.create_ticket(&t.shop).await;
    let ticket = t.ticket(&id).await;
    assert_eq!(
        (&ticket["enrichment"], &ticket["tags"]),
        (&json!("pending"), &json!(["two-hooks"]))
    );
    t.change(&id, json!({ "labor_hours": 1 })).await.ok();
    t.reconfigure(&broken, json!({ "settings": { "tag": "mended" } })).await.ok();
    run_after_an_hour(t).await;
    let ticket = t.ticket(&id).await;
    assert_eq!(
        (&ticket["enrichment"], &ticket["tags"]),
        (&json!("done"), &json!(["two-hooks", "mended"]))
    );
    assert_eq!(ticket["labor"]["hours"], 1.0, "what people did meanwhile stays");
}

async fn what_was_removed_is_given_up(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    let id = t.create_ticket(&t.shop).await;
    t.delete(&format!("/v1/installations/{installation}")).await.expect_status(200);
    run_after_an_hour(t).await;
    assert_eq!(t.ticket(&id).await["enrichment"], "done");
    assert_eq!(run_after_an_hour(t).await, 0);
}

async fn a_lease_is_not_taken_twice(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    let id = t.create_ticket(&t.shop).await;
    t.reconfigure(&installation, json!({ "settings": { "tag": "once" } })).await.ok();
    t.app.clock.advance(HOUR);
    let (a, b) = tokio::join!(run_due(&t.app), run_due(&t.app));
    assert_eq!(a.expect("done") + b.expect("done"), 1);
    let known: Vec<Value> = t
        .events()
        .await
        .into_iter()
        .filter(|(name, _)| name == "ticket.updated")
        .map(|(_, d)| d)
        .collect();
    assert_eq!(known.len(), 1);
    assert_eq!(t.ticket(&id).await["tags"], json!(["once"]));
}

async fn a_client_may_change_what_a_plugin_set(t: &TestApp) {
    t.install("intake-triage", json!({})).await;
    let id = t.create_ticket_with(&t.shop, json!({ "issue_description": "Cracked screen" })).await;
    assert_eq!(t.ticket(&id).await["issue"]["severity"], "medium");
    t.change(&id, json!({ "issue": { "severity": "critical" } })).await.ok();
    assert_eq!(run_after_an_hour(t).await, 0);
    assert_eq!(t.ticket(&id).await["issue"]["severity"], "critical");
}

/// Makes every write of a patch to a ticket of this organization fail, as a bad row or a broken index would.
async fn poison(t: &TestApp, org: &str) {
    t.spoil_schema();
    let mut conn = t.app.db.begin().await.expect("a transaction");
    let org = org.replace('-', "");
    let statements: Vec<String> = if conn.is_postgres() {
        vec![
            format!(
                "create function poison() returns trigger language plpgsql as $$ begin
                 if replace(new.org_id::text, '-', '') = '{org}' then raise exception 'poisoned'; end if;
                 return new; end $$"
            ),
            "create trigger poison before insert on ticket_field_sources for each row execute function poison()"
                .to_owned(),
        ]
    } else {
        vec![format!(
            "create trigger poison before insert on ticket_field_sources
             when lower(hex(new.org_id)) = '{org}' begin select raise(abort, 'poisoned'); end"
        )]
    };
    for sql in statements {
        execute_text(&mut conn, sql).await;
    }
    conn.commit().await.expect("a commit");
}

async fn execute_text(conn: &mut Conn, sql: String) {
    let sql = sqlx::AssertSqlSafe(sql);
    match conn.backend().expect("a connection") {
        Backend::Sqlite(conn) => drop(sqlx::query(sql).execute(conn).await.expect("a statement")),
        Backend::Postgres(conn) => drop(sqlx::query(sql).execute(conn).await.expect("a statement")),
    }
}

async fn a_result_that_cannot_be_written_is_counted_and_given_up(t: &TestApp) {
    poison(t, &t.org.to_string()).await;
    t.install("guest-two-hooks", json!({})).await;
    let id = t.create_ticket(&t.shop).await;
    for _ in 0..4 {
        assert_eq!(t.ticket(&id).await["enrichment"], "pending");
        assert_eq!(run_after_an_hour(t).await, 1);
    }
    assert_eq!(t.ticket(&id).await["enrichment"], "failed");
    assert_eq!(run_after_an_hour(t).await, 0);
    assert_eq!(t.ticket(&id).await["tags"], json!([]));
}

/// More tickets than a round takes, all due longer than those of another organization.
async fn many_such_tickets_leave_other_organizations_alone(t: &TestApp) {
    // Ids grow with time: whichever of the two sorts first, the other has its turn.
    let (first, second) = (t.stranger().await, t.stranger().await);
    let mut tickets = Vec::new();
    for (client, count) in [(&first, 40), (&t.admin, 1), (&second, 40)] {
        let installation = client.install("guest-fickle", json!({ "post_create": "trap" })).await;
        let shop = client.create_shop("Some Street").await;
        for _ in 0..count {
            tickets.push(client.create_ticket(&shop).await);
        }
        client.reconfigure(&installation, json!({ "settings": { "tag": "late" } })).await.ok();
    }
    t.app.clock.advance(HOUR);
    run_due(&t.app).await.expect("one round");
    assert_eq!(
        t.ticket(&tickets[40]).await["enrichment"],
        "done",
        "its turn is in the first round"
    );
    while run_due(&t.app).await.expect("another round") > 0 {}
    for client in [&first, &second] {
        let list = client.get("/v1/tickets?limit=500").await.ok();
        for row in list["data"].as_array().expect("tickets") {
            let ticket = client.ticket(row["id"].as_str().expect("an id")).await;
            assert_eq!(ticket["enrichment"], "done", "{ticket:#}");
        }
    }
}
