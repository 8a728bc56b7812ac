//! The compressed JSON of the journal's rows.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde_json::Value;

/// More than an event or a decision can have.
const BODY_BYTES_MAX: u64 = 64 << 20;

pub fn compress(value: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&serde_json::to_vec(value)?)?;
    encoder.finish()
}

pub fn decompress(body: &[u8]) -> std::io::Result<Value> {
    let mut text = Vec::new();
    ZlibDecoder::new(body).take(BODY_BYTES_MAX).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
