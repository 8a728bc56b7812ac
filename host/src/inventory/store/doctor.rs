//! The queries of `doctor` for stock.

use crate::db::Conn;
use crate::fetch_all;
use crate::model::ids::OrgId;

/// One row that violates an invariant of stock.
pub type Finding = (OrgId, uuid::Uuid, i64, i64);

/// Across organizations by design. Items whose `reserved` is not the sum of their held reservations.
pub async fn find_wrong_reserved(conn: &mut Conn) -> Result<Vec<Finding>, sqlx::Error> {
    fetch_all!(
        conn,
        Finding,
        "select i.org_id, i.id, i.reserved, cast(coalesce(sum(r.quantity), 0) as bigint)
         from inventory_items i
         left join reservations r on r.org_id = i.org_id and r.item_id = i.id and r.state = 'held'
         group by i.org_id, i.id, i.reserved
         having i.reserved <> cast(coalesce(sum(r.quantity), 0) as bigint)"
    )
}

/// Across organizations by design. Items whose `on_hand` is not the sum of their movements.
pub async fn find_wrong_on_hand(conn: &mut Conn) -> Result<Vec<Finding>, sqlx::Error> {
    fetch_all!(
        conn,
        Finding,
        "select i.org_id, i.id, i.on_hand, cast(coalesce(sum(m.delta), 0) as bigint)
         from inventory_items i
         left join stock_movements m on m.org_id = i.org_id and m.item_id = i.id
         group by i.org_id, i.id, i.on_hand
         having i.on_hand <> cast(coalesce(sum(m.delta), 0) as bigint)"
    )
}

/// Across organizations by design. Tickets in one of two end statuses that still have held reservations.
pub async fn find_held_by_ended(
    conn: &mut Conn,
    closed: &str,
    voided: &str,
) -> Result<Vec<Finding>, sqlx::Error> {
    fetch_all!(
        conn,
        Finding,
        "select t.org_id, t.id, cast(sum(r.quantity) as bigint), cast(0 as bigint)
         from tickets t
         join reservations r on r.org_id = t.org_id and r.ticket_id = t.id and r.state = 'held'
         where t.status in ($1, $2)
         group by t.org_id, t.id",
        closed,
        voided
    )
}

/// Across organizations by design. Part lines with more held and consumed pieces than their quantity, and
/// reservations of deleted lines.
pub async fn find_overreserved_parts(conn: &mut Conn) -> Result<Vec<Finding>, sqlx::Error> {
    fetch_all!(
        conn,
        Finding,
        "select r.org_id, r.part_id, cast(sum(r.quantity) as bigint), coalesce(max(p.quantity), 0)
         from reservations r
         left join ticket_parts p on p.org_id = r.org_id and p.id = r.part_id
         where r.state in ('held', 'consumed')
         group by r.org_id, r.part_id
         having sum(r.quantity) > coalesce(max(p.quantity), 0)"
    )
}
