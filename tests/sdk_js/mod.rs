//! `@repairops/sdk` and the reference's JavaScript, run by node against a server on a real socket.

mod examples;
mod limits;
mod package;
mod server;
