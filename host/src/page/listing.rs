//! The sorts of a list.
//!
//! Invariant: every order is total, so that a cursor names one position.

use utoipa::openapi::{ObjectBuilder, Schema, Type};
use uuid::Uuid;

use crate::db::Value;
use crate::model::invalid::Invalid;

/// A list: its name, its sorts, and the id column, which is the last key of every order.
#[derive(Debug)]
pub struct Listing {
    pub name: &'static str,
    pub id: &'static str,
    /// As a client writes it, for example `-created_at`.
    pub default: &'static str,
    pub sorts: &'static [Sort],
}

/// A value of the parameter `sort` and its columns.
#[derive(Debug)]
pub struct Sort {
    pub name: &'static str,
    pub columns: &'static [Column],
    /// Whether `columns` is unique within an organization, so that the order needs no id.
    pub is_unique: bool,
    /// Whether a row keeps its place for ever, so that pages by cursor neither skip nor repeat it.
    pub is_fixed: bool,
}

/// A column that is not nullable, and its type in a cursor.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    Time(&'static str),
    Text(&'static str),
    Int(&'static str),
}

/// A row of a list.
pub trait Listed {
    /// The list of these rows.
    fn listing() -> &'static Listing;

    fn id(&self) -> Uuid;

    /// The values of a sort's columns.
    fn keys(&self, sort: &str) -> Vec<Value>;
}

impl Sort {
    pub const fn by(name: &'static str, columns: &'static [Column]) -> Sort {
        Sort { name, columns, is_unique: false, is_fixed: false }
    }

    /// Of columns that never change.
    pub const fn fixed(name: &'static str, columns: &'static [Column]) -> Sort {
        Sort { name, columns, is_unique: false, is_fixed: true }
    }

    /// Of columns that never change and are unique.
    pub const fn unique(name: &'static str, columns: &'static [Column]) -> Sort {
        Sort { name, columns, is_unique: true, is_fixed: true }
    }
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Column::Time(name) | Column::Text(name) | Column::Int(name) => name,
        }
    }
}

impl Listing {
    /// Parses a text such as `-created_at` into a sort and whether it is descending.
    pub fn sort(&self, asked: Option<&str>) -> Result<(&'static Sort, bool), Invalid> {
        let text = asked.unwrap_or(self.default);
        let (name, descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let found = self.sorts.iter().find(|sort| sort.name == name);
        found.map(|sort| (sort, descending)).ok_or_else(|| {
            let known: Vec<&str> = self.sorts.iter().map(|sort| sort.name).collect();
            let message = format!(
                "sort must be one of {}, with a minus sign before it for descending order",
                known.join(", ")
            );
            Invalid::new("sort", text, message)
        })
    }

    /// The columns to sort by.
    pub fn order(&self, sort: &Sort) -> Vec<&'static str> {
        let columns = sort.columns.iter().map(|column| column.name());
        columns.chain((!sort.is_unique).then_some(self.id)).collect()
    }

    /// The description of the parameter `sort`.
    pub fn sort_description(&self) -> String {
        let names = |is_fixed: bool| {
            let sorts = self.sorts.iter().filter(|sort| sort.is_fixed == is_fixed);
            sorts.map(|sort| format!("`{}`", sort.name)).collect::<Vec<_>>().join(", ")
        };
        let (fixed, moving) = (names(true), names(false));
        let mut text =
            "One of the listed fields, with a minus sign before it for descending order."
                .to_owned();
        if !fixed.is_empty() {
            text.push_str(&format!(
                " Pages by `cursor` neither skip nor repeat an entry with {fixed}."
            ));
        }
        if !moving.is_empty() {
            text.push_str(&format!(
                " With {moving} an entry that changes between two pages moves, and may be missed or come twice."
            ));
        }
        text
    }

    /// The schema of the parameter `sort`.
    pub fn sort_schema(&self) -> Schema {
        let words =
            self.sorts.iter().flat_map(|sort| [sort.name.to_owned(), format!("-{}", sort.name)]);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words.collect::<Vec<_>>()))
            .default(Some(self.default.into()))
            .into()
    }
}
