//! `/v1/plugins`, `/v1/installations`, and what installed plugins do to tickets.

mod corpus;
mod enrichment;
mod gate;
mod hostile;
mod installations;
mod nodes;
mod reserve;
mod upload;
