//! The stored secrets of all endpoints, for what seals and checks them.
//!
//! Invariant: the one place of this feature whose queries name no organization, since a key is of the whole node.

use crate::db::Conn;
use crate::fetch_all;
use crate::model::ids::{OrgId, WebhookId};
use crate::model::secret::{KEY_ID_CHARS, SEALED_PREFIX};

use super::endpoints::{OwnedWebhook, select_owned};

/// How many endpoints are read at a time.
const PAGE: i64 = 200;

/// The endpoints after the given one, in the order of their ids.
pub async fn page(
    conn: &mut Conn,
    after: Option<(OrgId, WebhookId)>,
) -> Result<Vec<OwnedWebhook>, sqlx::Error> {
    let Some((org, id)) = after else {
        return fetch_all!(
            conn,
            OwnedWebhook,
            concat!(select_owned!(), " order by org_id, id limit $1"),
            PAGE
        );
    };
    fetch_all!(
        conn,
        OwnedWebhook,
        concat!(select_owned!(), " where (org_id, id) > ($1, $2) order by org_id, id limit $3"),
        org,
        id,
        PAGE
    )
}

/// The ids of the keys that the newest secrets were sealed with, each with the number of endpoints.
pub async fn keys_in_use(conn: &mut Conn) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let (from, chars) = (SEALED_PREFIX.len() as i64 + 1, KEY_ID_CHARS as i64);
    fetch_all!(
        conn,
        (String, i64),
        "select substr(secret, cast($1 as integer), cast($2 as integer)) as key_id, count(*) from webhook_endpoints
         where secret like $3 || '%' group by 1 order by 1",
        from,
        chars,
        SEALED_PREFIX
    )
}
