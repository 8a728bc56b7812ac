//! All SQL of the table `nodes`, and the release of leases, which belong to a node and not to an organization.
//!
//! Invariant: `LEASED` names every table that has the column `lease_node`.

use chrono::TimeDelta;

use crate::db::Conn;
use crate::model::ids::NodeId;
use crate::model::time::Time;
use crate::{execute, fetch_all};

/// The tables with leases.
pub const LEASED: [&str; 4] =
    ["components", "enrichments", "idempotency_keys", "webhook_endpoints"];

/// No claim of an Idempotency-Key is older, whatever the difference of two clocks: its lease has run out long since.
const CLAIM_AGE_MAX: TimeDelta = TimeDelta::minutes(10);

/// Counts a beat of this node. Returns the beats of all nodes as they were before.
pub async fn beat(
    conn: &mut Conn,
    node: NodeId,
    now: Time,
) -> Result<Vec<(NodeId, i64)>, sqlx::Error> {
    if conn.is_postgres() {
        return crate::fetch_all_postgres!(
            conn,
            (NodeId, i64),
            "with beat as (
                 insert into nodes (id, beat, started_at, seen_at) values ($1, 1, $2, $2)
                 on conflict (id) do update set beat = nodes.beat + 1, seen_at = excluded.seen_at)
             select id, beat from nodes",
            node,
            now
        );
    }
    let before = fetch_all!(conn, (NodeId, i64), "select id, beat from nodes")?;
    execute!(
        conn,
        "insert into nodes (id, beat, started_at, seen_at) values ($1, 1, $2, $2)
         on conflict (id) do update set beat = nodes.beat + 1, seen_at = excluded.seen_at",
        node,
        now
    )?;
    Ok(before)
}

/// Removes a node, if that was its last beat. Returns false if it has beaten since or is gone.
pub async fn remove(conn: &mut Conn, node: NodeId, beat: Option<i64>) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "delete from nodes where id = $1 and beat = coalesce($2, beat)",
        node,
        beat
    )?;
    Ok(rows == 1)
}

/// Releases all leases of a node.
pub async fn release(conn: &mut Conn, node: NodeId, now: Time) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update idempotency_keys set lease_until = created_at, lease_node = null
         where created_at >= $2 and lease_node = $1 and answered_at is null",
        node,
        now - CLAIM_AGE_MAX
    )?;
    execute!(
        conn,
        "update webhook_endpoints set lease_id = null, leased_until = null, lease_node = null where lease_node = $1",
        node
    )?;
    execute!(
        conn,
        "update enrichments set due_at = $2, lease_node = null where state = 'pending' and lease_node = $1",
        node,
        now
    )?;
    execute!(conn, "update components set lease_node = null where lease_node = $1", node)?;
    Ok(())
}

/// Releases the leases of all nodes, for a database that only this one serves.
pub async fn release_all(conn: &mut Conn, now: Time) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update idempotency_keys set lease_until = created_at, lease_node = null
         where created_at >= $1 and lease_until > created_at and answered_at is null",
        now - CLAIM_AGE_MAX
    )?;
    execute!(
        conn,
        "update webhook_endpoints set lease_id = null, leased_until = null, lease_node = null
         where leased_until is not null"
    )?;
    execute!(
        conn,
        "update enrichments set due_at = $1, lease_node = null where state = 'pending' and lease_node is not null",
        now
    )?;
    execute!(conn, "update components set lease_node = null where lease_node is not null")?;
    Ok(())
}
