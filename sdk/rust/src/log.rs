//! The plugin's log, which the shop's people and the plugin's developer can read.
//!
//! ```
//! use repairops_plugin::log;
//!
//! let minutes = 90;
//! log::info!("the repair took {minutes} minutes");
//! ```
//!
//! A call may write 8 KiB in total unless the installation has another limit; the rest is
//! dropped, and the log says how much. Writing never fails. Natively, in unit tests, it goes to stderr.

pub use crate::bindings::shared::repairops::plugin::log::Level;
#[doc(inline)]
pub use crate::{
    __log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace,
    __log_warn as warn,
};

/// Adds one line; the macros are shorter. A line break in `message` is kept.
pub fn write(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::shared::repairops::plugin::log::write(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}

/// Logs one line at level `trace`: every step. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace {
    ($($message:tt)+) => {
        $crate::log::write($crate::log::Level::Trace, &::std::format!($($message)+))
    };
}

/// Logs one line at level `debug`: for the developer. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($message:tt)+) => {
        $crate::log::write($crate::log::Level::Debug, &::std::format!($($message)+))
    };
}

/// Logs one line at level `info`: what was done. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($message:tt)+) => {
        $crate::log::write($crate::log::Level::Info, &::std::format!($($message)+))
    };
}

/// Logs one line at level `warn`: something is odd, but the call goes on. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($message:tt)+) => {
        $crate::log::write($crate::log::Level::Warn, &::std::format!($($message)+))
    };
}

/// Logs one line at level `error`: something went wrong. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($message:tt)+) => {
        $crate::log::write($crate::log::Level::Error, &::std::format!($($message)+))
    };
}
