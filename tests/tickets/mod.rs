//! `/v1/tickets`.

mod create;
mod etag;
mod feedback;
mod find;
mod list;
mod parts;
mod patch;
mod payments;
mod races;
mod show;
mod statements;
mod stock;
mod timeline;
mod transition;
mod transitions;
mod workflow;
