//! All SQL of the tables `customer_aliases` and `merged_customers`.

use crate::db::Conn;
use crate::model::ids::{CustomerId, OrgId};
use crate::model::people::{Customer, comparison_key};
use crate::model::time::Time;
use crate::{execute, fetch_all, fetch_optional};

macro_rules! select_by_alias {
    () => {
        "select c.id, c.version, c.name, c.email, c.phone, c.address, c.created_at
         from customer_aliases a join customers c on c.org_id = a.org_id and c.id = a.customer_id
         where a.org_id = $1 and a.email_key = $2"
    };
}

/// Returns the customer who has the address as an alias, locked until the transaction ends.
pub async fn hold_by_alias(
    conn: &mut Conn,
    org: OrgId,
    email: &str,
) -> Result<Option<Customer>, sqlx::Error> {
    let key = comparison_key(email);
    if conn.is_postgres() {
        let sql = concat!(select_by_alias!(), " for key share of c");
        return fetch_optional!(conn, Customer, sql, org, key);
    }
    fetch_optional!(conn, Customer, select_by_alias!(), org, key)
}

/// The customer who has the address as an alias.
pub async fn find_by_alias(
    conn: &mut Conn,
    org: OrgId,
    email: &str,
) -> Result<Option<Customer>, sqlx::Error> {
    fetch_optional!(conn, Customer, select_by_alias!(), org, comparison_key(email))
}

/// The aliases of a customer.
pub async fn aliases(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String,)> = fetch_all!(
        conn,
        (String,),
        "select email from customer_aliases where org_id = $1 and customer_id = $2 order by email_key",
        org,
        id
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

pub async fn insert_alias(
    conn: &mut Conn,
    org: OrgId,
    email: &str,
    id: CustomerId,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into customer_aliases (org_id, email_key, email, customer_id) values ($1, $2, $3, $4)",
        org,
        comparison_key(email),
        email,
        id
    )?;
    Ok(())
}

pub async fn delete_alias(conn: &mut Conn, org: OrgId, email: &str) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "delete from customer_aliases where org_id = $1 and email_key = $2",
        org,
        comparison_key(email)
    )?;
    Ok(())
}

pub(super) async fn delete_aliases(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
) -> Result<(), sqlx::Error> {
    execute!(conn, "delete from customer_aliases where org_id = $1 and customer_id = $2", org, id)?;
    Ok(())
}

/// Moves the aliases of one customer to another.
pub async fn move_aliases(
    conn: &mut Conn,
    org: OrgId,
    from: CustomerId,
    to: CustomerId,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update customer_aliases set customer_id = $3 where org_id = $1 and customer_id = $2",
        org,
        from,
        to
    )?;
    Ok(())
}

/// The surviving customer of a merged one.
pub async fn merged_into(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
) -> Result<Option<CustomerId>, sqlx::Error> {
    let row: Option<(CustomerId,)> = fetch_optional!(
        conn,
        (CustomerId,),
        "select merged_into from merged_customers where org_id = $1 and id = $2",
        org,
        id
    )?;
    Ok(row.map(|row| row.0))
}

/// Records a merge. Customers who were merged into `from` before now lead directly to `to`.
pub async fn remember_merge(
    conn: &mut Conn,
    org: OrgId,
    from: CustomerId,
    to: CustomerId,
    actor: &str,
    now: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update merged_customers set merged_into = $3 where org_id = $1 and merged_into = $2",
        org,
        from,
        to
    )?;
    execute!(
        conn,
        "insert into merged_customers (org_id, id, merged_into, actor, merged_at) values ($1, $2, $3, $4, $5)",
        org,
        from,
        to,
        actor,
        now
    )?;
    Ok(())
}
