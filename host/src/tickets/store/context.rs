//! The reads of one ticket, each with one statement.

use sqlx::FromRow;

use crate::db::Conn;
use crate::model::ids::{OrgId, ShopId, TicketId};
use crate::model::money::Money;
use crate::model::people::{Customer, CustomerEmail, Shop, User};
use crate::model::stock::Item;
use crate::model::ticket::{FieldSource, Part, Ticket};
use crate::model::time::Time;
use crate::{fetch_all, fetch_optional};

macro_rules! ticket_columns {
    () => {
        "t.id, t.number, t.version, t.shop_id, t.customer_id, t.status, t.device_identifier, t.device_category,
         t.device_description, t.issue_description, t.issue_category, t.issue_severity, t.assigned_to, t.labor_hours,
         t.labor_rate, t.findings, t.estimated_cost, t.recommended_parts, t.tags, t.custom_fields, t.picked_up_at,
         t.amount_paid, t.contact_name, t.created_at, t.updated_at"
    };
}

pub async fn get(conn: &mut Conn, org: OrgId, id: TicketId) -> Result<Option<Ticket>, sqlx::Error> {
    fetch_optional!(
        conn,
        Ticket,
        concat!("select ", ticket_columns!(), " from tickets t where t.org_id = $1 and t.id = $2"),
        org,
        id
    )
}

/// A ticket with the rows that it refers to.
pub struct Head {
    pub ticket: Ticket,
    pub customer: Customer,
    pub shop: Shop,
    pub technician: Option<User>,
}

/// `c_`: the customer's columns, `s_`: the shop's, `u_`: the technician's.
#[derive(FromRow)]
struct HeadRow {
    #[sqlx(flatten)]
    ticket: Ticket,
    c_version: i64,
    c_name: String,
    c_email: CustomerEmail,
    c_phone: Option<String>,
    c_address: Option<String>,
    c_created_at: Time,
    s_name: String,
    s_time_zone: String,
    s_address: Option<String>,
    s_created_at: Time,
    u_name: Option<String>,
    u_email: Option<String>,
    u_role: Option<String>,
    u_hourly_cost: Option<Money>,
    u_created_at: Option<Time>,
}

pub async fn head(conn: &mut Conn, org: OrgId, id: TicketId) -> Result<Option<Head>, sqlx::Error> {
    let row: Option<HeadRow> = fetch_optional!(
        conn,
        HeadRow,
        concat!(
            "select ",
            ticket_columns!(),
            ", c.version as c_version, c.name as c_name, c.email as c_email, c.phone as c_phone, c.address as c_address,
             c.created_at as c_created_at,
             s.name as s_name, s.time_zone as s_time_zone, s.address as s_address, s.created_at as s_created_at,
             u.name as u_name, u.email as u_email, u.role as u_role, u.hourly_cost as u_hourly_cost,
             u.created_at as u_created_at
             from tickets t
             join customers c on c.org_id = t.org_id and c.id = t.customer_id
             join shops s on s.org_id = t.org_id and s.id = t.shop_id
             left join users u on u.org_id = t.org_id and u.id = t.assigned_to
             where t.org_id = $1 and t.id = $2"
        ),
        org,
        id
    )?;
    Ok(row.map(Head::from))
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Head {
        Head {
            customer: Customer {
                id: row.ticket.customer_id,
                version: row.c_version,
                name: row.c_name,
                email: row.c_email,
                phone: row.c_phone,
                address: row.c_address,
                created_at: row.c_created_at,
            },
            shop: Shop {
                id: row.ticket.shop_id,
                name: row.s_name,
                time_zone: row.s_time_zone,
                address: row.s_address,
                created_at: row.s_created_at,
            },
            technician: row
                .ticket
                .assigned_to
                .zip(row.u_name)
                .zip(row.u_email)
                .zip(row.u_role)
                .zip(row.u_created_at)
                .map(|((((id, name), email), role), created_at)| User {
                    id,
                    name,
                    email,
                    role,
                    hourly_cost: row.u_hourly_cost,
                    created_at,
                }),
            ticket: row.ticket,
        }
    }
}

pub async fn parts(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Vec<Part>, sqlx::Error> {
    fetch_all!(
        conn,
        Part,
        "select id, inventory_id, sku, name, quantity, unit_cost, cost_basis from ticket_parts
         where org_id = $1 and ticket_id = $2 order by position",
        org,
        ticket
    )
}

/// A line, and the columns of its item if it names one.
#[derive(FromRow)]
struct PartRow {
    #[sqlx(flatten)]
    part: Part,
    i_version: Option<i64>,
    i_shop_id: Option<ShopId>,
    i_sku: Option<String>,
    i_name: Option<String>,
    i_category: Option<String>,
    i_on_hand: Option<i64>,
    i_reserved: Option<i64>,
    i_cost: Option<Money>,
    i_selling_price: Option<Money>,
    i_reorder_level: Option<i64>,
    i_supplier: Option<String>,
    i_created_at: Option<Time>,
    i_updated_at: Option<Time>,
}

impl PartRow {
    fn split(self) -> (Part, Option<Item>) {
        let item = self.part.inventory_id.zip(self.i_shop_id).and_then(|(id, shop_id)| {
            Some(Item {
                id,
                version: self.i_version?,
                shop_id,
                sku: self.i_sku?,
                name: self.i_name?,
                category: self.i_category?,
                on_hand: self.i_on_hand?,
                reserved: self.i_reserved?,
                cost: self.i_cost?,
                selling_price: self.i_selling_price?,
                reorder_level: self.i_reorder_level?,
                supplier: self.i_supplier,
                created_at: self.i_created_at?,
                updated_at: self.i_updated_at?,
            })
        });
        (self.part, item)
    }
}

/// The lines, and the items that they name: each once, in the order of their ids.
pub async fn parts_with_items(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<(Vec<Part>, Vec<Item>), sqlx::Error> {
    let rows: Vec<PartRow> = fetch_all!(
        conn,
        PartRow,
        "select p.id, p.inventory_id, p.sku, p.name, p.quantity, p.unit_cost, p.cost_basis,
                i.version as i_version, i.shop_id as i_shop_id, i.sku as i_sku, i.name as i_name, i.category as i_category,
                i.on_hand as i_on_hand, i.reserved as i_reserved, i.cost as i_cost,
                i.selling_price as i_selling_price, i.reorder_level as i_reorder_level, i.supplier as i_supplier,
                i.created_at as i_created_at, i.updated_at as i_updated_at
         from ticket_parts p
         left join inventory_items i on i.org_id = p.org_id and i.id = p.inventory_id
         where p.org_id = $1 and p.ticket_id = $2 order by p.position",
        org,
        ticket
    )?;
    let (parts, items): (Vec<_>, Vec<_>) = rows.into_iter().map(PartRow::split).unzip();
    let mut items: Vec<Item> = items.into_iter().flatten().collect();
    items.sort_by_key(|item| item.id);
    items.dedup_by_key(|item| item.id);
    Ok((parts, items))
}

pub async fn field_sources(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Vec<FieldSource>, sqlx::Error> {
    fetch_all!(
        conn,
        FieldSource,
        "select field, plugin, plugin_version, installation_id, created_at from ticket_field_sources
         where org_id = $1 and ticket_id = $2 order by field",
        org,
        ticket
    )
}
