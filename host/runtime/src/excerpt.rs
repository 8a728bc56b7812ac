//! Excerpts of client input for error messages.
//!
//! Invariant: an excerpt never copies the whole input. An error about a body of a megabyte stays small, and a value
//! is serialized no further than its excerpt.

use std::borrow::Cow;
use std::io;

use serde::Serialize;
use serde_json::Value;

/// Longest excerpt of a field name. The API's own names are much shorter.
pub const NAME_BYTES_MAX: usize = 100;
/// Longest excerpt of a value, as JSON.
pub const VALUE_BYTES_MAX: usize = 1_000;
/// Longest excerpt of a message, which may quote a value.
pub const MESSAGE_BYTES_MAX: usize = 2_000;

/// The beginning of a text, with `…` appended if it was cut.
pub fn text(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(bytes_max)]))
}

/// Cuts a text to an excerpt, in place.
pub fn shorten(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push('…');
        text.shrink_to_fit();
    }
}

/// Makes a text of somebody else fit to be stored and shown: no NUL characters, which PostgreSQL cannot store, and no
/// more than so many bytes.
pub fn storable(text: impl Into<String>, bytes_max: usize) -> String {
    let mut text = text.into();
    if text.contains('\0') {
        text = text.replace('\0', "\u{fffd}");
    }
    shorten(&mut text, bytes_max);
    text
}

/// Returns a value with short JSON unchanged, and otherwise the beginning of its text or of its JSON as a text.
pub fn value(value: impl Serialize) -> Value {
    let mut head = Head { bytes: Vec::new() };
    if serde_json::to_writer(&mut head, &value).is_ok() {
        return serde_json::to_value(value).unwrap_or(Value::Null);
    }
    // Values that are not JSON, such as a map with keys that are not texts, also end early.
    if head.bytes.len() < VALUE_BYTES_MAX {
        return Value::Null;
    }
    let shown = match head.bytes.first() {
        Some(b'"') => unescaped(head.bytes),
        _ => whole_characters(&head.bytes).to_owned(),
    };
    Value::String(format!("{shown}…"))
}

/// The same for a value that is JSON already.
pub fn json(json: &str) -> Value {
    if json.len() <= VALUE_BYTES_MAX {
        return serde_json::from_str(json).unwrap_or(Value::Null);
    }
    let start = &json[..json.floor_char_boundary(VALUE_BYTES_MAX)];
    let shown = if start.starts_with('"') { unescaped(start.into()) } else { start.to_owned() };
    Value::String(format!("{shown}…"))
}

/// Accepts the first bytes and fails the next write, which ends the serialization.
struct Head {
    bytes: Vec<u8>,
}

impl io::Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = VALUE_BYTES_MAX - self.bytes.len();
        if room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = &bytes[..bytes.len().min(room)];
        self.bytes.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decodes the beginning of a JSON string. It may end in the middle of an escape.
fn unescaped(mut json: Vec<u8>) -> String {
    const ESCAPE_BYTES_MAX: usize = r"\ud83d\ude00".len();
    for _ in 0..=ESCAPE_BYTES_MAX {
        json.push(b'"');
        if let Ok(text) = serde_json::from_slice(&json) {
            return text;
        }
        json.truncate(json.len().saturating_sub(2));
    }
    String::new()
}

fn whole_characters(bytes: &[u8]) -> &str {
    let valid = bytes.utf8_chunks().next();
    valid.map_or("", |chunk| chunk.valid())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde::Serializer;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_short_stays() {
        for short in
            [json!(null), json!(0.1), json!("ü"), json!({ "a": [1, "x"] }), json!("x".repeat(900))]
        {
            assert_eq!(value(&short), short);
        }
        assert_eq!(text("abc", 3), "abc");
    }

    #[test]
    fn what_is_long_is_cut_at_a_character() {
        for letter in ["x", "ü", "😀", "\"", "\u{1}", "\\"] {
            for pad in 0..12 {
                let long = format!("{}{}", "a".repeat(pad), letter.repeat(2_000));
                let Value::String(shown) = value(&long) else { panic!("a text") };
                let start = shown.strip_suffix('…').expect("the end is marked");
                assert!(long.starts_with(start) && start.len() > 100, "{letter:?} {pad}: {shown}");
                assert!(shown.len() <= VALUE_BYTES_MAX + '…'.len_utf8());
                let text = serde_json::to_string(&long).expect("JSON");
                assert_eq!(json(&text), Value::String(shown));
            }
        }
        let list = value(vec![7; 1_000]);
        assert!(list.as_str().is_some_and(|text| text.starts_with("[7,7,") && text.ends_with('…')));
        assert_eq!(text("üü", 3), "ü…");
        let mut long = "ü".repeat(9);
        shorten(&mut long, 3);
        assert_eq!(long, "ü…");
    }

    struct Counted<'a>(&'a Cell<usize>);

    impl Serialize for Counted<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.set(self.0.get() + 1);
            serializer.serialize_u8(0)
        }
    }

    #[test]
    fn of_a_long_list_only_the_beginning_is_looked_at() {
        let seen = Cell::new(0);
        let list: Vec<_> = (0..500_000).map(|_| Counted(&seen)).collect();
        let _ = value(&list);
        assert!(seen.get() <= VALUE_BYTES_MAX, "{}", seen.get());
    }
}
