//! `/v1/plugins`, `/v1/installations`, and the effects of installed plugins on tickets.

mod compile;
mod corpus;
mod delete;
mod enrichment;
mod gate;
mod hostile;
mod installations;
mod journal_crash;
mod judges;
mod limits;
mod log;
mod nodes;
mod previews;
mod prune;
mod reserve;
mod runs;
mod settings;
mod settings_check;
mod shown;
mod texts;
mod try_out;
mod upgrades;
mod upload;
mod versions;
mod watched;
