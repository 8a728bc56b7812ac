//! `@repairops/sdk` and the reference's JavaScript, run by node against a server on a real socket.

mod examples;
mod package;
mod server;
