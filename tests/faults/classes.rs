//! Errors that PostgreSQL raises, by SQLSTATE: temporary ones are a 503.

use repairops::execute;

use crate::faults::{expect_unavailable, run};
use crate::support::builders::ticket_body;
use crate::support::{TestApp, json, on_one_database};

on_one_database!(postgres Postgres: every_transient_class_is_a_503_and_the_rest_a_500);

const UNAVAILABLE: [&str; 23] = [
    "08000", "08003", "08006", "25006", "25P03", "25P04", "40001", "40002", "40003", "40P01",
    "53000", "53200", "53300", "53400", "55P03", "57000", "57014", "57P01", "57P02", "57P03",
    "57P05", "58000", "58030",
];

const OURS: [&str; 9] =
    ["22012", "23502", "23505", "23514", "25P02", "42601", "42P01", "P0001", "XX000"];

async fn every_transient_class_is_a_503_and_the_rest_a_500(t: &TestApp) {
    run(t, "create table raised (code text not null)").await;
    run(
        t,
        "create function raise_it() returns trigger language plpgsql as $$
         begin raise exception 'on purpose' using errcode = (select code from raised); end $$",
    )
    .await;
    run(
        t,
        "create trigger raise_it before insert on tickets for each row execute function raise_it()",
    )
    .await;
    run(t, "insert into raised (code) values ('00000')").await;
    let mut codes: Vec<(&str, &str)> =
        UNAVAILABLE.iter().map(|code| (*code, "DATABASE_UNAVAILABLE")).collect();
    codes.push(("53100", "STORAGE_FULL"));
    codes.extend(OURS.iter().map(|code| (*code, "SERVER_ERROR")));
    for (sqlstate, code) in codes {
        let mut tx = t.app.db.begin().await.expect("a transaction");
        execute!(tx, "update raised set code = $1", sqlstate).expect("the next code");
        tx.commit().await.expect("a commit");
        let reply = t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await;
        assert_eq!(reply["error"]["code"], code, "{sqlstate}: {:#}", reply.body);
        if code == "SERVER_ERROR" {
            assert_eq!(reply.header("retry-after"), None, "{sqlstate}");
            reply.error(500, code);
        } else {
            expect_unavailable(reply, code);
        }
    }
    run(t, "drop trigger raise_it on tickets").await;
    run(t, "drop function raise_it()").await;
    run(t, "drop table raised").await;
    t.create_ticket(&t.shop).await;
}
