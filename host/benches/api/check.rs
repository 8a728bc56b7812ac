//! Before anything is measured: the fair side answers what the API answers, and writes what it writes.

use anyhow::ensure;
use repairops::fetch_all;
use serde_json::Value;

use super::Side;
use super::load::{Asked, Bench, Operation, text};
use crate::wire::Wire;

/// What differs between two of the same kind: ids, numbers, times, customers, and what a cursor is made of.
const OWN: [&str; 11] = [
    "id",
    "ticket_id",
    "event_id",
    "number",
    "ticket_number",
    "created_at",
    "updated_at",
    "timestamp",
    "next_cursor",
    "customer_id",
    "email",
];

pub async fn all_answer_alike(bench: &Bench) -> anyhow::Result<()> {
    for operation in [Operation::List, Operation::Get] {
        for request in bench.requests(operation, &bench.tickets[0]) {
            let api = exchange(bench, Side::Api, &request).await?;
            let fair = exchange(bench, Side::Fair, &request).await?;
            compare(operation, "the body", (&api.1, &fair.1))?;
            compare_sizes(operation, (api.0, fair.0))?;
        }
    }
    let mut seen = Vec::new();
    for (side, ticket) in [(Side::Api, &bench.tickets[1]), (Side::Fair, &bench.tickets[2])] {
        let before = rows(bench).await?;
        let mut answers = Vec::new();
        for operation in [Operation::Create, Operation::Transition] {
            for request in bench.requests(operation, ticket) {
                let answer = exchange(bench, side, &request).await?;
                let written = match operation {
                    Operation::Create => text(&answer.1, "id")?,
                    _ => ticket.clone(),
                };
                let show = ("GET", format!("/v1/tickets/{written}"), None);
                let (_, shown) = exchange(bench, Side::Api, &show).await?;
                answers.push((operation, answer, shown, last_event(bench).await?));
            }
        }
        let added =
            rows(bench).await?.into_iter().zip(before).map(|(after, before)| after - before);
        seen.push((answers, added.collect::<Vec<_>>()));
    }
    let [api, fair] = &seen[..] else { return Ok(()) };
    for (api, fair) in api.0.iter().zip(&fair.0) {
        let operation = api.0;
        compare(operation, "the body", (&api.1.1, &fair.1.1))?;
        compare_sizes(operation, (api.1.0, fair.1.0))?;
        compare(operation, "the ticket", (&api.2, &fair.2))?;
        compare(operation, "the outbox row", (&api.3, &fair.3))?;
    }
    ensure!(api.1 == fair.1, "rows of {COUNTED:?} added: {:?} by the API, {:?}", api.1, fair.1);
    Ok(())
}

/// The size of the body, and the body without what is its own.
async fn exchange(
    bench: &Bench,
    side: Side,
    (method, path, body): &Asked,
) -> anyhow::Result<(usize, Value)> {
    let mut wire = Wire::connect(bench.address(side)).await?;
    let body = body.as_ref().map(Value::to_string).unwrap_or_default();
    let bytes =
        wire.exchange(method, path, &bench.key, "application/json", body.as_bytes()).await?;
    Ok((bytes.len(), serde_json::from_slice(&bytes)?))
}

fn compare(operation: Operation, what: &str, (api, fair): (&Value, &Value)) -> anyhow::Result<()> {
    let (api, fair) = (without_own(api), without_own(fair));
    ensure!(
        api == fair,
        "{}: {what} is {api} of the API, {fair} of the fair side",
        operation.name()
    );
    Ok(())
}

/// Times may have fewer digits.
fn compare_sizes(operation: Operation, (api, fair): (usize, usize)) -> anyhow::Result<()> {
    let is_alike = api.abs_diff(fair) <= 8 + api / 1_000;
    ensure!(is_alike, "{}: {api} bytes from the API, {fair} fair", operation.name());
    Ok(())
}

fn without_own(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let shown = |(name, value): (&String, &Value)| {
                let is_own = OWN.contains(&name.as_str()) && !value.is_null();
                (name.clone(), if is_own { Value::from("…") } else { without_own(value) })
            };
            Value::Object(fields.iter().map(shown).collect())
        }
        Value::Array(values) => values.iter().map(without_own).collect(),
        other => other.clone(),
    }
}

const COUNTED: [&str; 6] =
    ["customers", "tickets", "ticket_events", "events", "customer_shops", "counters (sum)"];

async fn rows(bench: &Bench) -> anyhow::Result<Vec<i64>> {
    let mut conn = bench.app.db.read().await?;
    let counts: Vec<(i64, i64)> = fetch_all!(
        conn,
        (i64, i64),
        "select cast(0 as bigint) as place, count(*) as n from customers where org_id = $1
         union all select 1, count(*) from tickets where org_id = $1
         union all select 2, count(*) from ticket_events where org_id = $1
         union all select 3, count(*) from events where org_id = $1
         union all select 4, count(*) from customer_shops where org_id = $1
         union all select 5, cast(coalesce(sum(n), 0) as bigint) from counters where org_id = $1
         order by place",
        bench.org
    )?;
    Ok(counts.into_iter().map(|(_, count)| count).collect())
}

/// Name and data of the last outbox row.
async fn last_event(bench: &Bench) -> anyhow::Result<Value> {
    let mut conn = bench.app.db.read().await?;
    let rows: Vec<(String, sqlx::types::Json<Value>)> = fetch_all!(
        conn,
        (String, sqlx::types::Json<Value>),
        "select event, data from events where org_id = $1 order by id desc limit 1",
        bench.org
    )?;
    let (event, data) = rows.into_iter().next().ok_or_else(|| anyhow::anyhow!("no event"))?;
    Ok(serde_json::json!({ "event": event, "data": data.0 }))
}
