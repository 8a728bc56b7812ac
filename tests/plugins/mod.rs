//! `/v1/plugins`, `/v1/installations`, and the effects of installed plugins on tickets.

mod compile;
mod corpus;
mod delete;
mod enrichment;
mod gate;
mod hostile;
mod installations;
mod limits;
mod log;
mod nodes;
mod reserve;
mod settings;
mod texts;
mod upload;
