//! Updates a user. Recorded names stay, and figures keep the hourly cost that they were computed with.

use crate::app::App;
use crate::auth::Caller;
use crate::error::OperationError;
use crate::model::ids::UserId;
use crate::model::invalid::{check_name, check_text};
use crate::model::people::User;
use crate::users::store::{self, UserChange};

pub async fn update(
    app: &App,
    caller: &Caller,
    id: UserId,
    change: UserChange,
) -> Result<User, OperationError> {
    let change = UserChange {
        name: change.name.map(|name| check_name("name", &name, 200)).transpose()?,
        role: change.role.map(|role| check_text("role", &role, 64)).transpose()?,
        ..change
    };
    let mut tx = app.db.begin().await?;
    let user = store::update(&mut tx, caller.org, id, &change).await?;
    let user = user.ok_or(OperationError::NotFound("User"))?;
    tx.commit().await?;
    Ok(user)
}
