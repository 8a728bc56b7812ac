//! The log of one call: lines of the import `log`, of standard output and of standard error, up to a limit in bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The severity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// One entry of a plugin's log. Line breaks in a message of the import `log` are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub level: Level,
    pub message: String,
}

/// A log shared with the streams of WASI.
pub(crate) type SharedLog = Arc<Mutex<Log>>;

/// The log of a running call.
pub(crate) struct Log {
    lines: Vec<LogLine>,
    /// Bytes left; each line costs its text and one byte.
    left: usize,
    dropped: u64,
    /// The incomplete last lines of standard output and standard error.
    unfinished: [Vec<u8>; 2],
}

/// The two streams of WASI and the level of their lines.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Output,
    Error,
}

impl Log {
    pub(crate) fn new(bytes_max: u32) -> Self {
        Log {
            lines: Vec::new(),
            left: bytes_max as usize,
            dropped: 0,
            unfinished: Default::default(),
        }
    }

    pub(crate) fn bytes_left(&self) -> u32 {
        u32::try_from(self.left).unwrap_or(u32::MAX)
    }

    /// Appends a line. What exceeds the limit is dropped and counted.
    pub(crate) fn line(&mut self, level: Level, message: &str) {
        let kept = message.floor_char_boundary(self.left.saturating_sub(1));
        self.dropped += (message.len() - kept) as u64;
        if self.left > 0 {
            self.left -= kept + 1;
            self.lines.push(LogLine { level, message: message[..kept].to_owned() });
        }
    }

    fn bytes(&mut self, stream: Stream, bytes: &[u8]) {
        let kept = bytes.len().min(self.left);
        self.left -= kept;
        self.dropped += (bytes.len() - kept) as u64;
        for part in bytes[..kept].split_inclusive(|byte| *byte == b'\n') {
            self.unfinished[stream as usize].extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.finish_line(stream);
            }
        }
    }

    fn finish_line(&mut self, stream: Stream) {
        let bytes = std::mem::take(&mut self.unfinished[stream as usize]);
        let level = match stream {
            Stream::Output => Level::Info,
            Stream::Error => Level::Warn,
        };
        let message = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
        if !message.is_empty() {
            self.lines.push(LogLine { level, message });
        }
    }

    /// Takes the lines and the number of dropped bytes.
    pub(crate) fn take(&mut self) -> (Vec<LogLine>, u64) {
        self.finish_line(Stream::Output);
        self.finish_line(Stream::Error);
        (std::mem::take(&mut self.lines), self.dropped)
    }
}

/// Ignores poisoning: no holder of the lock can leave the log half-written.
pub(crate) fn lock(log: &SharedLog) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Standard output or standard error of a guest.
#[derive(Clone)]
pub(crate) struct LogStream {
    pub(crate) log: SharedLog,
    pub(crate) stream: Stream,
}

/// Largest single write of a guest.
const WRITE_BYTES_MAX: usize = 4096;

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Used by WASI 0.3 only, which is not linked.
        Box::new(MemoryOutputPipe::new(0))
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        lock(&self.log).bytes(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_counted() {
        let mut log = Log::new(10);
        log.line(Level::Info, "äöü-xyz");
        log.line(Level::Warn, "gone");
        let (lines, dropped) = log.take();
        assert_eq!(lines, [LogLine { level: Level::Info, message: "äöü-xy".into() }]);
        assert_eq!(dropped, 1 + 4);
    }

    #[test]
    fn streams_become_lines() {
        let mut log = Log::new(100);
        log.bytes(Stream::Output, b"one\ntw");
        log.bytes(Stream::Error, b"oh\n");
        log.bytes(Stream::Output, b"o");
        let messages: Vec<_> =
            log.take().0.into_iter().map(|line| (line.level, line.message)).collect();
        let expected = [(Level::Info, "one"), (Level::Warn, "oh"), (Level::Info, "two")];
        assert_eq!(messages, expected.map(|(level, message)| (level, message.to_owned())));
    }
}
