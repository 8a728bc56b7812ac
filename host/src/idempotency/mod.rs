//! `Idempotency-Key`: a write that is repeated with the same key within a day is carried out once, and
//! answered as it was the first time.
//!
//! A request with the header passes three points. The extractor that authenticates claims the key ([`claim`]).
//! The first transaction that commits on the request's behalf marks the claim in the same transaction
//! ([`commit`], called by `Conn::commit`), so from then on nobody else can carry it out. What was answered
//! is stored before it is sent ([`http`]).
//!
//! Invariants: what a request changed and the mark commit together or not at all; a claim that was taken
//! over cannot commit; nothing that is kept can be read without the API key's text.

mod claim;
mod commit;
pub mod http;
mod note;
mod seal;
mod settle;
mod slot;
pub mod store;
pub mod sweep;

use chrono::TimeDelta;

pub use claim::{ClaimError, claim};
pub use commit::{ClaimLost, before_commit};
pub use note::{Noted, note};
pub use slot::take_body;

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// How long a request has its claim to itself. A request may take longer; it then cannot commit once
/// another one has taken its place.
const LEASE: TimeDelta = TimeDelta::seconds(30);
