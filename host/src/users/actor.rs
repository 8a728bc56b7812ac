//! Finds the actor of a change: the user that the request names, or else its key.

use crate::auth::Caller;
use crate::db::Conn;
use crate::model::ids::UserId;
use crate::model::invalid::Invalid;
use crate::model::people::Actor;
use crate::users::store;

/// An unknown user is a client error, not a database error.
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
