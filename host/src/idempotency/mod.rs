//! `Idempotency-Key`: a write that is repeated with the same key within a day is carried out once, and the repeat
//! gets the first response.
//!
//! A request with the header passes three points. The extractor that authenticates claims the key ([`claim`]). The
//! first transaction that commits for the request marks the claim in the same transaction ([`commit`], a hook of
//! `Conn::commit`), so that no other request can carry it out. The response is stored before it is sent ([`http`]).
//!
//! Invariants: the changes of a request and the mark commit together or not at all; a request that lost its claim
//! cannot commit; a stored body is readable only with the API key's text.

mod claim;
mod claimed;
mod commit;
mod errors;
pub mod http;
mod note;
mod refusal;
mod seal;
mod seal_v1;
mod settle;
mod slot;
pub mod store;
mod stored;
pub mod sweep;

pub use claim::{ClaimError, KEY_HEADER, claim};
pub use commit::MarkClaims;
pub use note::{Noted, note};
pub use refusal::{REPLAYED_HEADER, Refusal};
pub use slot::{aside, take_body};
