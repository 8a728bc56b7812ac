//! The wire format between the server and a job's process. The server sends the input's length and bytes and then
//! keeps the pipe open; end of file means that the server is gone. The process answers with one frame: magic, key,
//! kind, length, bytes.
//!
//! Invariant: a truncated answer is rejected.

use std::io::{self, Write};

const MAGIC: &[u8; 8] = b"ROjob-01";
pub(crate) const KEY_BYTES: usize = 16;
pub(super) const HEADER_BYTES: usize = MAGIC.len() + KEY_BYTES + 1 + 8;

/// The outcome of a job, as its process reports it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done(Vec<u8>),
    Refused(String),
    OutOfMemory,
}

impl Answer {
    fn kind(&self) -> u8 {
        match self {
            Answer::Done(_) => b'D',
            Answer::Refused(_) => b'R',
            Answer::OutOfMemory => b'M',
        }
    }

    pub(crate) fn write(&self, key: &str, output: &mut impl Write) -> io::Result<()> {
        let bytes: &[u8] = match self {
            Answer::Done(bytes) => bytes,
            Answer::Refused(reason) => reason.as_bytes(),
            Answer::OutOfMemory => &[],
        };
        output.write_all(MAGIC)?;
        output.write_all(key.as_bytes())?;
        output.write_all(&[self.kind()])?;
        output.write_all(&(bytes.len() as u64).to_le_bytes())?;
        output.write_all(bytes)?;
        output.flush()
    }

    /// Returns the build key and the answer, or `None` if the bytes are not one complete frame.
    pub(super) fn read(mut bytes: Vec<u8>) -> Option<(String, Answer)> {
        let header = bytes.get(..HEADER_BYTES)?;
        let (magic, rest) = header.split_at(MAGIC.len());
        let (key, rest) = rest.split_at(KEY_BYTES);
        let (kind, length) = rest.split_first()?;
        let length = u64::from_le_bytes(length.try_into().ok()?);
        if magic != MAGIC || length != (bytes.len() - HEADER_BYTES) as u64 {
            return None;
        }
        let (key, kind) = (str::from_utf8(key).ok()?.to_owned(), *kind);
        bytes.drain(..HEADER_BYTES);
        let answer = match kind {
            b'D' => Answer::Done(bytes),
            b'R' => Answer::Refused(String::from_utf8_lossy(&bytes).into_owned()),
            b'M' => Answer::OutOfMemory,
            _ => return None,
        };
        Some((key, answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef";

    #[test]
    fn what_is_written_is_read() {
        for answer in
            [Answer::Done(vec![0; 1000]), Answer::Refused("too wide".into()), Answer::OutOfMemory]
        {
            let mut bytes = Vec::new();
            answer.write(KEY, &mut bytes).unwrap();
            assert_eq!(Answer::read(bytes.clone()), Some((KEY.to_owned(), answer)));
            bytes.pop();
            assert_eq!(Answer::read(bytes.clone()), None);
            bytes.extend([0, 0]);
            assert_eq!(Answer::read(bytes), None);
        }
    }

    #[test]
    fn other_programs_say_nothing() {
        assert_eq!(Answer::read(Vec::new()), None);
        assert_eq!(
            Answer::read(b"\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed".to_vec()),
            None
        );
    }
}
