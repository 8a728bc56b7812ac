//! Pages of lists: by offset, as in the API reference, and by cursor, which is stable while rows are added and
//! deleted.
//!
//! A store declares the sorts of its list ([`Listing`]), a handler builds a [`Window`] from the four parameters
//! shared by all lists, the store reads `window.slice`, and [`Window::page`] builds the response.
//!
//! Invariant: pages by cursor neither repeat nor skip a row that exists all the time, if the sort is fixed; the others
//! say so in the document.

mod cursor;
mod listing;

use serde::Serialize;

use crate::db::Slice;
use crate::model::invalid::Invalid;

pub use listing::{Column, Listed, Listing, Sort};

pub const LIMIT_DEFAULT: i64 = 50;
pub const LIMIT_MAX: i64 = 500;
pub const OFFSET_MAX: i64 = 1_000_000_000;

/// The parameters of every list.
#[derive(Debug, Default)]
pub struct Paging {
    pub limit: Option<i64>,
    pub offset: Option<i64>,
    pub cursor: Option<String>,
    pub sort: Option<String>,
}

/// The requested page.
#[derive(Debug)]
pub struct Window {
    /// The rows to read: one more than the page has, to know whether there is another page.
    pub slice: Slice,
    limit: i64,
    by_cursor: bool,
    sort: &'static Sort,
    /// Identifies the list and its filters; a cursor is valid for these only.
    fingerprint: String,
}

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub pagination: Pagination,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Pagination {
    /// The requested offset; 0 in a page by `cursor`, because its position is not counted.
    #[schema(minimum = 0)]
    pub offset: i64,
    #[schema(minimum = 1, maximum = 500)]
    pub limit: i64,
    /// The number of entries on all pages together.
    #[schema(minimum = 0)]
    pub total: i64,
    /// The offset of the next page; `null` on the last page and in a page by `cursor`.
    pub next_offset: Option<i64>,
    /// The `cursor` of the next page, which starts after the last entry of this page even if entries were added or
    /// deleted before it; `null` on the last page.
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

impl Window {
    /// A cursor is valid for the same `filter` and sort only.
    pub fn new(
        listing: &'static Listing,
        paging: Paging,
        filter: &impl Serialize,
    ) -> Result<Window, Invalid> {
        let limit = paging.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            let message = format!("limit must be from 1 to {LIMIT_MAX}");
            return Err(Invalid::new("limit", limit, message));
        }
        let offset = paging.offset.unwrap_or(0);
        if !(0..=OFFSET_MAX).contains(&offset) {
            let message = format!("offset must be from 0 to {OFFSET_MAX}");
            return Err(Invalid::new("offset", offset, message));
        }
        let (sort, descending) = listing.sort(paging.sort.as_deref())?;
        let fingerprint = cursor::fingerprint(listing.name, filter);
        let mut window = Window {
            slice: Slice {
                order: listing.order(sort),
                descending,
                after: None,
                offset,
                limit: limit + 1,
            },
            limit,
            by_cursor: false,
            sort,
            fingerprint,
        };
        if let Some(text) = paging.cursor {
            if offset > 0 {
                let message = "send either cursor or offset, not both";
                return Err(Invalid::new("offset", offset, message));
            }
            window.slice.after = Some(cursor::read(&text, &window)?);
            window.by_cursor = true;
        }
        Ok(window)
    }

    pub fn page<R: Listed, T>(
        self,
        (mut rows, total): (Vec<R>, i64),
        view: impl FnMut(R) -> T,
    ) -> Page<T> {
        let length = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > length;
        rows.truncate(length);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|row| cursor::write(row, &self));
        let next_offset =
            (has_more && !self.by_cursor).then_some(self.slice.offset + rows.len() as i64);
        Page {
            data: rows.into_iter().map(view).collect(),
            pagination: Pagination {
                offset: self.slice.offset,
                limit: self.limit,
                total,
                next_offset,
                next_cursor,
                has_more,
            },
        }
    }

    /// The sort as a client writes it.
    fn sort_text(&self) -> String {
        format!("{}{}", if self.slice.descending { "-" } else { "" }, self.sort.name)
    }
}
