//! Turns wasmtime's error of a failed call into the one reason that people should read.

use std::time::Duration;

use wasmtime::{Error, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::error::CallError;
use super::guest::clock::SleptTooLong;
use super::guest::{Guest, TooManyHostCalls, UsedUp};
use crate::limits::Limits;

const DETAIL_BYTES_MAX: usize = 8 << 10;

/// wasmtime's message when a guest hands over more than its hostcall fuel; the error type is private.
const HOSTCALL_FUEL_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

/// Explains `error`: limits first, then rejected operations, then the crash itself.
pub(super) fn explain(
    error: &Error,
    limits: &Limits,
    guest: &Guest,
    elapsed: Duration,
) -> CallError {
    let detail = String::new();
    let trap = error.downcast_ref::<Trap>().copied();
    let reason = match trap {
        Some(Trap::OutOfFuel) => CallError::Fuel { limit: limits.fuel, detail },
        Some(Trap::Interrupt) => {
            let (elapsed_ms, used_ms) = (millis(elapsed), millis(guest.time.processor()));
            match guest.time.used_up() {
                UsedUp::Processor => {
                    CallError::Deadline { limit_ms: limits.deadline_ms, used_ms, detail }
                }
                UsedUp::Wall => {
                    CallError::Wall { limit_ms: limits.wall_ms, elapsed_ms, used_ms, detail }
                }
            }
        }
        _ if error.is::<TooManyHostCalls>() => {
            CallError::HostCalls { limit: limits.host_calls, detail }
        }
        _ => {
            if let Some(SleptTooLong { asked_ms }) = error.downcast_ref() {
                CallError::Sleep { limit_ms: limits.wall_ms, asked_ms: *asked_ms, detail }
            } else if let Some(refusal) = guest.limits.refusal() {
                refusal
            } else if trap.is_some() || error.is::<WasmBacktrace>() || !guest.called {
                CallError::trap(crash(error, trap))
            } else {
                return lifting(error, limits);
            }
        }
    };
    reason.with_detail(detail_of(error))
}

/// Rounded up.
fn millis(time: Duration) -> u64 {
    time.as_micros().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
}

/// The guest returned a value that does not match its type.
fn lifting(error: &Error, limits: &Limits) -> CallError {
    let reason = error.root_cause().to_string();
    if reason.contains(HOSTCALL_FUEL_EXHAUSTED) {
        return CallError::Output { limit: limits.output_bytes };
    }
    CallError::BadOutput { reason }
}

fn crash(error: &Error, trap: Option<Trap>) -> String {
    match trap {
        Some(Trap::UnreachableCodeReached) => {
            "it stopped with a panic or an abort; its log may say why".into()
        }
        Some(Trap::StackOverflow) => {
            "its call stack overflowed, possibly because of a recursion that is too deep".into()
        }
        Some(Trap::MemoryOutOfBounds) => {
            "it accessed memory out of bounds, possibly because of a recursion that is too deep"
                .into()
        }
        Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        None => match error.downcast_ref() {
            Some(I32Exit(code)) => format!("it exited with status {code}"),
            None => error.root_cause().to_string(),
        },
    }
}

/// The whole error chain with the guest's backtrace.
fn detail_of(error: &Error) -> String {
    let mut detail = format!("{error:?}");
    detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
    detail
}
