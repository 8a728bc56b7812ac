//! All SQL of the table `stock_movements`.

use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::execute;
use crate::model::ids::{ItemId, MovementId, OrgId, TicketId};
use crate::model::time::Time;
use crate::page::{Column, Listed, Listing, Sort, Window};

/// A new row.
pub struct Movement<'a> {
    pub id: MovementId,
    pub item_id: ItemId,
    pub delta: i64,
    pub reason: &'a str,
    pub actor: &'a str,
    pub ticket_id: Option<TicketId>,
    /// The quantity on hand after it.
    pub quantity_after: i64,
    pub created_at: Time,
}

/// A row as it is read.
#[derive(Debug, FromRow)]
pub struct MovementRow {
    pub id: MovementId,
    pub delta: i64,
    pub reason: String,
    pub actor: String,
    pub ticket_id: Option<TicketId>,
    pub quantity_after: i64,
    pub created_at: Time,
}

pub static MOVEMENTS: Listing = Listing {
    name: "movements",
    id: "id",
    default: "-created_at",
    sorts: &[Sort::fixed("created_at", &[Column::Time("created_at")])],
};

impl Listed for MovementRow {
    fn listing() -> &'static Listing {
        &MOVEMENTS
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, _: &str) -> Vec<Value> {
        vec![Value::Time(self.created_at)]
    }
}

pub async fn movements(
    conn: &mut Conn,
    org: OrgId,
    item: ItemId,
    window: &Window,
) -> Result<(Vec<MovementRow>, i64), sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    filter.and("item_id = ?", Value::Uuid(item.0));
    let select = "select id, delta, reason, actor, ticket_id, quantity_after, created_at from stock_movements";
    let rows = filter.select(select, &window.slice).fetch_all(conn).await?;
    Ok((rows, filter.count("stock_movements").fetch_figure(conn).await?))
}

pub async fn insert_movement(
    conn: &mut Conn,
    org: OrgId,
    movement: &Movement<'_>,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into stock_movements (org_id, id, item_id, delta, reason, actor, ticket_id, quantity_after, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        org,
        movement.id,
        movement.item_id,
        movement.delta,
        movement.reason,
        movement.actor,
        movement.ticket_id,
        movement.quantity_after,
        movement.created_at
    )?;
    Ok(())
}
