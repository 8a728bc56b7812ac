//! `/v1/plugins`, `/v1/installations`, and what installed plugins do to tickets.

mod compile;
mod corpus;
mod enrichment;
mod gate;
mod hostile;
mod installations;
mod limits;
mod nodes;
mod reserve;
mod settings;
mod upload;
