//! On whose behalf something is done: the user that a request names, else its key.

use crate::auth::Caller;
use crate::db::Conn;
use crate::model::ids::UserId;
use crate::model::invalid::Invalid;
use crate::model::people::Actor;
use crate::users::store;

/// A user who is not there is the client's mistake, not the database's.
pub async fn find(
    conn: &mut Conn,
    caller: &Caller,
    actor_id: Option<UserId>,
) -> Result<Result<Actor, Invalid>, sqlx::Error> {
    let Some(id) = actor_id else { return Ok(Ok(caller.actor.clone())) };
    Ok(match store::get(conn, caller.org, id).await? {
        Some(user) => Ok(Actor { name: user.name, user_id: Some(id) }),
        None => Err(Invalid::new("actor_id", id, "actor_id is not a user of this organization")),
    })
}
