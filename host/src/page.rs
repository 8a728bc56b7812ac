//! Pages of lists: the limits of `limit` and `offset`, the words of `sort`, and the reference's `pagination`.

use serde::Serialize;

use crate::model::invalid::Invalid;

pub const LIMIT_DEFAULT: i64 = 50;
pub const LIMIT_MAX: i64 = 500;

/// Which page is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub limit: i64,
    pub offset: i64,
}

/// One page, as the API answers it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub pagination: Pagination,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Pagination {
    pub offset: i64,
    pub limit: i64,
    pub total: i64,
    /// Where the next page begins; `null` at the end.
    pub next_offset: Option<i64>,
    pub has_more: bool,
}

impl Window {
    pub fn new(limit: Option<i64>, offset: Option<i64>) -> Result<Window, Invalid> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            let message = format!("limit must be from 1 to {LIMIT_MAX}");
            return Err(Invalid::new("limit", limit, message));
        }
        let offset = offset.unwrap_or(0);
        if offset < 0 {
            return Err(Invalid::new("offset", offset, "offset must be 0 or more"));
        }
        Ok(Window { limit, offset })
    }

    pub fn page<R, T>(self, (rows, total): (Vec<R>, i64), view: impl FnMut(R) -> T) -> Page<T> {
        let data: Vec<T> = rows.into_iter().map(view).collect();
        let end = self.offset.saturating_add(data.len() as i64);
        let has_more = end < total && !data.is_empty();
        Page {
            data,
            pagination: Pagination {
                offset: self.offset,
                limit: self.limit,
                total,
                next_offset: has_more.then_some(end),
                has_more,
            },
        }
    }
}

/// Turns `-created_at` into the text after `order by`. `fields` are the words and their columns, the
/// first the default; `id` is the id's column, always the last key.
pub fn order_by(
    sort: Option<&str>,
    default: &str,
    fields: &[(&str, &str)],
    id: &str,
) -> Result<String, Invalid> {
    let sort = sort.unwrap_or(default);
    let (name, direction) = match sort.strip_prefix('-') {
        Some(name) => (name, "desc"),
        None => (sort, "asc"),
    };
    match fields.iter().find(|(field, _)| *field == name) {
        Some((_, column)) => Ok(format!("{column} {direction}, {id} {direction}")),
        None => {
            let known: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
            let message = format!(
                "sort must be one of {}, or one of them after a minus sign",
                known.join(", ")
            );
            Err(Invalid::new("sort", sort, message))
        }
    }
}
