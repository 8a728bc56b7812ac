//! `/v1/tickets`.

mod create;
mod etag;
mod list;
mod parts;
mod patch;
mod races;
mod show;
mod stock;
mod transition;
mod transitions;
mod workflow;
