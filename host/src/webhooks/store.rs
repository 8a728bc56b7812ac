//! All SQL of webhooks: this file reads the outbox; the modules below have its writes, the endpoints, the deliveries
//! and the leases.
//!
//! Invariant: every query filters by organization, except those marked "across organizations by design".

pub mod deliveries;
pub mod endpoints;
pub mod leases;
mod outbox;
pub mod sealed;

use std::collections::BTreeSet;

use sqlx::types::Json;
use uuid::Uuid;

pub use self::outbox::{enqueue, enqueue_all};
use crate::db::{Conn, Filter, Slice, Value};
use crate::model::ids::{EventId, OrgId, WebhookId};
use crate::model::time::Time;
use crate::model::webhook::{Event, EventName};
use crate::{execute, fetch_all, fetch_one, fetch_optional};

/// The advisory lock that serializes the fan-out of all nodes on PostgreSQL. Any number that nothing else uses.
const FAN_OUT_LOCK: i64 = 0x7265_7061_6972_0001;

/// Writes an event that is sent to one endpoint only.
pub async fn insert_unshared(
    conn: &mut Conn,
    org: OrgId,
    event: &Event,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into events (org_id, id, event, data, created_at, pending)
         values ($1, $2, $3, $4, $5, $6)",
        org,
        event.id,
        event.event.as_str(),
        Json(&event.data),
        event.created_at,
        false
    )?;
    Ok(())
}

pub async fn get_event(
    conn: &mut Conn,
    org: OrgId,
    id: EventId,
) -> Result<Option<Event>, sqlx::Error> {
    fetch_optional!(
        conn,
        Event,
        "select id, event, data, created_at from events where org_id = $1 and id = $2",
        org,
        id
    )
}

/// Returns true if this transaction is the only one that fans out, on any node, which keeps deliveries in the order
/// of events.
pub async fn lock_fan_out(conn: &mut Conn) -> Result<bool, sqlx::Error> {
    if !conn.is_postgres() {
        return Ok(true); // SQLite has one writer at a time
    }
    let (locked,): (bool,) =
        fetch_one!(conn, (bool,), "select pg_try_advisory_xact_lock($1)", FAN_OUT_LOCK)?;
    Ok(locked)
}

/// Across organizations by design.
pub async fn has_pending_events(conn: &mut Conn) -> Result<bool, sqlx::Error> {
    let first: Option<(EventId,)> = fetch_optional!(
        conn,
        (EventId,),
        "select id from events where pending order by id limit 1"
    )?;
    Ok(first.is_some())
}

/// Across organizations by design. Returns events that have no deliveries yet, those of an organization in order:
/// organizations take turns, and each time the one whose event is the oldest comes first. Reads at most `limit` events
/// of at most `limit` organizations, whatever waits behind them.
pub async fn pending_events(
    conn: &mut Conn,
    limit: i64,
) -> Result<Vec<(OrgId, EventId, String)>, sqlx::Error> {
    fetch_all!(
        conn,
        (OrgId, EventId, String),
        "with recursive orgs (org_id) as (
             select * from (select org_id from events where pending order by org_id limit 1) a
             union all
             select (select e.org_id from events e where e.pending and e.org_id > o.org_id
                     order by e.org_id limit 1)
             from orgs o where o.org_id is not null),
         firsts as (
             select o.org_id,
                 (select e.id from events e where e.pending and e.org_id = o.org_id order by e.id limit 1) as id
             from orgs o where o.org_id is not null order by 2 limit $1),
         shares as (
             select f.org_id, coalesce(
                 (select e.id from events e where e.pending and e.org_id = f.org_id order by e.id limit 1 offset $1),
                 $2) as until
             from firsts f),
         turns as (
             select e.org_id, e.id, e.event, row_number() over (partition by e.org_id order by e.id) as turn
             from shares s join events e on e.pending and e.org_id = s.org_id and e.id < s.until)
         select org_id, id, event from turns order by turn, id limit $1",
        limit,
        Uuid::max()
    )
}

/// Across organizations by design. Marks events as fanned out, in one statement.
pub async fn mark_fanned_out(
    conn: &mut Conn,
    events: &[(OrgId, EventId, String)],
) -> Result<(), sqlx::Error> {
    let mut filter = Filter::default();
    filter.and_plain("pending");
    let orgs: BTreeSet<OrgId> = events.iter().map(|(org, ..)| *org).collect();
    let Some(orgs) = filter.list(orgs.into_iter().map(|org| Value::Uuid(org.0))) else {
        return Ok(());
    };
    filter.and_plain(&format!("org_id in {orgs}"));
    let Some(ids) = filter.list(events.iter().map(|(_, id, _)| Value::Uuid(id.0))) else {
        return Ok(());
    };
    filter.and_plain(&format!("id in {ids}"));
    let update = filter.figure("update events set pending = false");
    let _: Vec<(EventId,)> = update.returning("id").fetch_all(conn).await?;
    Ok(())
}

/// Where to begin.
pub enum Start {
    /// At the first event written at or after this time.
    Since(Time),
    /// After this event.
    After(EventId),
}

/// Returns up to `limit` events from there on, in the order of their ids, of the given names (all if `*` is among
/// them). With `not_delivered_to`, skips those that this endpoint has received or has pending. Ids grow with the time of
/// writing and are unique, unlike the times in the events: no event is left out.
pub async fn events_from(
    conn: &mut Conn,
    org: OrgId,
    start: &Start,
    names: &[EventName],
    not_delivered_to: Option<WebhookId>,
    limit: i64,
) -> Result<Vec<(EventId, String)>, sqlx::Error> {
    let mut filter = Filter::for_org("e.org_id", org.0);
    match start {
        Start::Since(time) => filter.and("e.id >= ?", Value::Uuid(first_id_of(*time))),
        Start::After(id) => filter.and("e.id > ?", Value::Uuid(id.0)),
    }
    filter.and("e.event <> ?", Value::Text("webhook.test".to_owned()));
    if !names.contains(&EventName::All) {
        // The names are constants of this program, so they need no escaping.
        let list: Vec<String> = names.iter().map(|name| format!("'{}'", name.as_str())).collect();
        filter.and_plain(&format!("e.event in ({})", list.join(", ")));
    }
    if let Some(webhook) = not_delivered_to {
        filter.and(
            "not exists (select 1 from webhook_deliveries d where d.org_id = e.org_id and d.event_id = e.id
                and d.webhook_id = ? and d.state in ('delivered', 'pending'))",
            Value::Uuid(webhook.0),
        );
    }
    let select = "select e.id, e.event from events e";
    let slice = Slice { order: vec!["e.id"], descending: false, after: None, offset: 0, limit };
    filter.select(select, &slice).fetch_all(conn).await
}

pub async fn has_events_before(
    conn: &mut Conn,
    org: OrgId,
    before: Time,
) -> Result<bool, sqlx::Error> {
    let first: Option<(EventId,)> = fetch_optional!(
        conn,
        (EventId,),
        "select id from events where org_id = $1 and id < $2 order by id limit 1",
        org,
        first_id_of(before)
    )?;
    Ok(first.is_some())
}

/// Deletes old events of an organization whose deliveries have all ended, with those deliveries. Returns their
/// number.
pub async fn prune_events(
    conn: &mut Conn,
    org: OrgId,
    before: Time,
    limit: i64,
) -> Result<usize, sqlx::Error> {
    let done: Vec<(EventId,)> = fetch_all!(
        conn,
        (EventId,),
        "select e.id from events e
         where e.org_id = $1 and e.id < $2 and not e.pending
           and not exists (select 1 from webhook_deliveries d
                           where d.org_id = e.org_id and d.event_id = e.id and d.state = 'pending')
         order by e.id limit $3",
        org,
        first_id_of(before),
        limit
    )?;
    let mut filter = Filter::for_org("org_id", org.0);
    let Some(ids) = filter.list(done.iter().map(|(event,)| Value::Uuid(event.0))) else {
        return Ok(0);
    };
    deliveries::delete_of_events(conn, &filter, &ids).await?;
    filter.and_plain(&format!("id in {ids}"));
    let deleted = filter.figure("delete from events");
    let _: Vec<(EventId,)> = deleted.returning("id").fetch_all(conn).await?;
    Ok(done.len())
}

/// The smallest UUIDv7 of that millisecond.
fn first_id_of(time: Time) -> Uuid {
    let millis = u128::try_from(time.timestamp_millis().clamp(0, (1 << 48) - 1)).unwrap_or(0);
    Uuid::from_u128((millis << 80) | (0x7 << 76) | (0x8 << 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_moment_and_later_are_not_smaller() {
        let clock = crate::clock::Clock::default();
        let before = clock.now();
        let id: EventId = clock.new_id();
        assert!(first_id_of(before) <= id.0);
        assert!(first_id_of(before + chrono::TimeDelta::seconds(1)) > id.0);
        assert_eq!(first_id_of(before).get_version_num(), 7);
    }
}
