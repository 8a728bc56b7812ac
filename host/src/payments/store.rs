//! All SQL of the table `payments`.

use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{OrgId, PaymentId, TicketId};
use crate::model::payment::Payment;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_all, fetch_optional};

macro_rules! select_payment {
    () => {
        "select id, ticket_id, kind, amount, method, reference, actor, paid_at, created_at from payments"
    };
}

pub static LISTING: Listing = Listing {
    name: "payments",
    id: "id",
    default: "-created_at",
    sorts: &[Sort::fixed("created_at", &[Column::Time("created_at")])],
};

impl Listed for Payment {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, _: &str) -> Vec<Value> {
        vec![Value::Time(self.created_at)]
    }
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    window: &Window,
) -> Result<(Vec<Payment>, i64), sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    filter.and("ticket_id = ?", Value::Uuid(ticket.0));
    let payments = filter.select(select_payment!(), &window.slice).fetch_all(conn).await?;
    Ok((payments, filter.count("payments").fetch_figure(conn).await?))
}

/// The latest hundred of a ticket, oldest first.
pub async fn latest(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Vec<Payment>, sqlx::Error> {
    let mut payments = fetch_all!(
        conn,
        Payment,
        concat!(
            select_payment!(),
            " where org_id = $1 and ticket_id = $2 order by created_at desc, id desc limit 100"
        ),
        org,
        ticket
    )?;
    payments.reverse();
    Ok(payments)
}

pub async fn get(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    id: PaymentId,
) -> Result<Option<Payment>, sqlx::Error> {
    fetch_optional!(
        conn,
        Payment,
        concat!(select_payment!(), " where org_id = $1 and ticket_id = $2 and id = $3"),
        org,
        ticket,
        id
    )
}

pub async fn insert(conn: &mut Conn, org: OrgId, payment: &Payment) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into payments (org_id, id, ticket_id, kind, amount, method, reference, actor, paid_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        org,
        payment.id,
        payment.ticket_id,
        payment.kind,
        payment.amount,
        payment.method,
        payment.reference.as_deref(),
        payment.actor.as_str(),
        payment.paid_at,
        payment.created_at
    )?;
    Ok(())
}

/// Across organizations by design, for `doctor`. Tickets whose `amount_paid` is not the sum of their payments.
pub async fn find_wrong_paid(
    conn: &mut Conn,
) -> Result<Vec<crate::inventory::store::Finding>, sqlx::Error> {
    fetch_all!(
        conn,
        crate::inventory::store::Finding,
        "select t.org_id, t.id, coalesce(t.amount_paid, -1), coalesce(p.paid, -1)
         from tickets t
         left join (select org_id, ticket_id,
                           cast(sum(case kind when 'payment' then amount else -amount end) as bigint) as paid
                    from payments group by org_id, ticket_id) p on p.org_id = t.org_id and p.ticket_id = t.id
         where coalesce(t.amount_paid, -1) <> coalesce(p.paid, -1)"
    )
}
