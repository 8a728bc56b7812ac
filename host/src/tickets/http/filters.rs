//! Reads the filters of the list of tickets whose texts have a form of their own.

use serde_json::json;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};

use crate::model::distinct::each_once;
use crate::model::ids::UserId;
use crate::model::invalid::Invalid;
use crate::model::workflow::{self, Status};
use crate::tickets::store::Assignee;

/// Statuses between commas, each once.
pub fn statuses(text: &str) -> Result<Vec<Status>, Invalid> {
    let read = |name: &str| match workflow::DEFAULT.find(name) {
        Some(_) => Ok(Status(name.to_owned())),
        None => {
            let known = workflow::DEFAULT.names().join(", ");
            let message = format!(
                "{name} is not a status; expected one or several of {known}, with commas in between"
            );
            Err(Invalid::new("status", text, message))
        }
    };
    Ok(each_once(text.split(',').map(read).collect::<Result<Vec<_>, _>>()?))
}

pub fn assignee(text: &str) -> Result<Assignee, Invalid> {
    if text == "none" {
        return Ok(Assignee::Nobody);
    }
    let id = if text.len() == 36 { text.parse().ok() } else { None };
    id.map(|id| Assignee::User(UserId(id))).ok_or_else(|| {
        Invalid::new(
            "assigned_to",
            text,
            "assigned_to must be the id of a user, or none for tickets without one",
        )
    })
}

/// `T000123`, `t123` or `123`.
pub fn number(text: &str) -> Result<i64, Invalid> {
    let digits = text.strip_prefix(['T', 't']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_number { digits.parse().ok() } else { None };
    number.ok_or_else(|| {
        Invalid::new(
            "number",
            text,
            "number must be the number of a ticket, such as T000123 or 123",
        )
    })
}

/// Statuses of the workflow between commas.
pub fn status_schema() -> RefOr<Schema> {
    let names = workflow::DEFAULT.names().join("|");
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^({names})(,({names}))*$")))
        .examples([json!("IN_REPAIR")])
        .into()
}

pub fn assignee_schema() -> RefOr<Schema> {
    let id = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    let none = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["none"]));
    AnyOfBuilder::new().item(id).item(none).into()
}
