//! Changes a user. What was recorded under the name stays; figures keep the cost of an hour that they were counted with.

use crate::app::App;
use crate::auth::Caller;
use crate::model::ids::UserId;
use crate::model::invalid::{Invalid, check_text};
use crate::model::people::User;
use crate::users::store::{self, Change};

#[derive(Debug, thiserror::Error)]
pub enum UpdateUserError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("there is no such user")]
    NotFound,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn update(
    app: &App,
    caller: &Caller,
    id: UserId,
    change: Change,
) -> Result<User, UpdateUserError> {
    let change = Change {
        name: change.name.map(|name| check_text("name", &name, 200)).transpose()?,
        role: change.role.map(|role| check_text("role", &role, 64)).transpose()?,
        ..change
    };
    let mut tx = app.db.begin().await?;
    let user = store::update(&mut tx, caller.org, id, &change).await?;
    let user = user.ok_or(UpdateUserError::NotFound)?;
    tx.commit().await?;
    Ok(user)
}
