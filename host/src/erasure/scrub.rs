//! Replaces the pieces of a customer in texts and in JSON.
//!
//! Invariant: a piece is replaced only where it stands as whole words, in time linear in the text.

use aho_corasick::{AhoCorasick, BuildError};
use serde_json::{Map, Value};

use super::pieces::Pieces;
use crate::model::people::ERASED;

/// The fields of a customer, wherever one is written as an object.
const FIELDS: [&str; 4] = ["name", "email", "phone", "address"];

/// Where a number may be somebody's phone number.
const CUSTOM_FIELDS: &str = "custom_fields";

pub struct Scrubber {
    exact: AhoCorasick,
    any_case: AhoCorasick,
    pieces: Pieces,
}

impl Scrubber {
    pub fn new(pieces: Pieces) -> Result<Scrubber, BuildError> {
        // The search ignores the case of ASCII letters only: other letters are looked for as written, small and large.
        let written = pieces
            .any_case
            .iter()
            .flat_map(|piece| [piece.clone(), piece.to_lowercase(), piece.to_uppercase()]);
        let any_case = AhoCorasick::builder().ascii_case_insensitive(true).build(written)?;
        Ok(Scrubber { exact: AhoCorasick::new(&pieces.exact)?, any_case, pieces })
    }

    pub fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// `None` if nothing is in it.
    pub fn text(&self, text: &str) -> Option<String> {
        let found = self.exact.find_overlapping_iter(text);
        let found = found.chain(self.any_case.find_overlapping_iter(text));
        let found = found.map(|found| found.range());
        let mut found: Vec<_> =
            found.filter(|range| is_whole(text, range.start, range.end)).collect();
        if found.is_empty() {
            return None;
        }
        found.sort_by_key(|range| range.start);
        let (mut scrubbed, mut end) = (String::with_capacity(text.len()), 0);
        for range in found {
            if range.start >= end {
                scrubbed.push_str(text.get(end..range.start).unwrap_or_default());
                scrubbed.push_str(ERASED);
            }
            end = end.max(range.end);
        }
        scrubbed.push_str(text.get(end..).unwrap_or_default());
        Some(scrubbed)
    }

    /// The strings and the names of a JSON value, and the numbers of custom fields. Returns whether it changed.
    pub fn custom(&self, value: &mut Value) -> bool {
        self.walk(value, true)
    }

    /// The same for an event: an object `customer` in it is erased as a whole.
    pub fn event(&self, value: &mut Value) -> bool {
        self.walk(value, false)
    }

    /// The recursion is bounded: the JSON parser rejects values that are nested deeper than 128 levels.
    fn walk(&self, value: &mut Value, has_numbers: bool) -> bool {
        match value {
            Value::String(text) => {
                let scrubbed = self.text(text);
                let is_changed = scrubbed.is_some();
                *text = scrubbed.unwrap_or_else(|| std::mem::take(text));
                is_changed
            }
            Value::Number(number) if has_numbers => {
                let text = number.to_string();
                let is_phone = self.pieces.exact.contains(text.trim_end_matches(".0"));
                if is_phone {
                    *value = Value::from(ERASED);
                }
                is_phone
            }
            Value::Array(values) => {
                let walked = values.iter_mut().map(|value| self.walk(value, has_numbers));
                walked.fold(false, |changed, is_changed| changed | is_changed)
            }
            Value::Object(fields) => self.walk_fields(fields, has_numbers),
            _ => false,
        }
    }

    fn walk_fields(&self, fields: &mut Map<String, Value>, has_numbers: bool) -> bool {
        let mut changed = false;
        for (name, value) in &mut *fields {
            changed |= match value {
                Value::Object(customer) if name == "customer" => erase_fields(customer),
                Value::String(_) if name == "contact_name" => erase(value),
                _ => false,
            };
            changed |= self.walk(value, has_numbers || name == CUSTOM_FIELDS);
        }
        let renamed = fields.keys().any(|name| self.text(name).is_some());
        if renamed {
            let old = std::mem::take(fields);
            fields.extend(
                old.into_iter().map(|(name, value)| (self.text(&name).unwrap_or(name), value)),
            );
        }
        changed || renamed
    }
}

/// Erases the fields of a customer. Returns whether one was other before.
pub fn erase_fields(customer: &mut Map<String, Value>) -> bool {
    let fields = FIELDS.iter().map(|name| customer.get_mut(*name).is_some_and(erase));
    fields.collect::<Vec<_>>().contains(&true)
}

fn erase(value: &mut Value) -> bool {
    let has_text = value.as_str().is_some_and(|text| text != ERASED);
    if has_text {
        *value = Value::from(ERASED);
    }
    has_text
}

/// Whether letters and digits end where the piece does.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let (Some(before), Some(piece), Some(after)) =
        (text.get(..start), text.get(start..end), text.get(end..))
    else {
        return false;
    };
    let goes_on = |one: Option<char>, other: Option<char>| {
        one.is_some_and(char::is_alphanumeric) && other.is_some_and(char::is_alphanumeric)
    };
    !goes_on(before.chars().next_back(), piece.chars().next())
        && !goes_on(piece.chars().next_back(), after.chars().next())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scrubber(name: &str, email: &str, phone: &str, address: &str) -> Scrubber {
        let mut pieces = Pieces::default();
        pieces.add_name(name);
        pieces.add_email(Some(email));
        pieces.add_phone(Some(phone));
        pieces.add_address(Some(address));
        Scrubber::new(pieces).expect("a scrubber")
    }

    fn text(scrubber: &Scrubber, text: &str) -> String {
        scrubber.text(text).unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn whole_words_are_replaced() {
        let jane = scrubber("Jane Doe", "Jane@Example.com", "(555) 123-4567", "1 Main St, Anytown");
        for (before, after) in [
            ("Jane Doe called", "erased called"),
            ("call JANE DOE, jane@example.com!", "call erased, erased!"),
            ("Jane Doering", "Jane Doering"),
            ("xjane@example.com", "xjane@example.com"),
            ("tel:5551234567", "tel:erased"),
            ("(555) 123-4567", "erased"),
            ("15551234567", "15551234567"),
            ("lives at 1 main st, anytown.", "lives at erased."),
            ("Jane", "Jane"),
            ("", ""),
        ] {
            assert_eq!(text(&jane, before), after, "{before}");
        }
        assert_eq!(jane.text("nothing"), None);
        let al = scrubber("Al", "al@x.io", "", "");
        assert_eq!(
            text(&al, "Al and al said: also Alan, Al's"),
            "erased and al said: also Alan, erased's"
        );
        let one = scrubber("X", "", "1", "");
        assert_eq!(text(&one, "X 1"), "X 1");
        let jurgen = scrubber("Jürgen Größe", "jürgen@größe.de", "", "");
        assert_eq!(
            text(&jurgen, "JÜRGEN GRÖSSE jürgen@größe.de JÜRGEN@GRÖSSE.DE"),
            "erased erased erased"
        );
    }

    #[test]
    fn overlapping_pieces_leave_nothing() {
        let mut pieces = Pieces::default();
        for name in ["Jane Doe", "Doe Smith", "Doe"] {
            pieces.add_name(name);
        }
        let scrubber = Scrubber::new(pieces).expect("a scrubber");
        assert_eq!(text(&scrubber, "Jane Doe Smith, Jane Does, Doe"), "erased, Jane Does, erased");
    }

    #[test]
    fn a_long_text_takes_linear_time() {
        let al = scrubber("Al", "aaaaaaaaaaaaaaaaaaaaaaaa@a.a", "11111", "");
        let long = "a".repeat(4 << 20) + &"1".repeat(4 << 20) + &"Al ".repeat(1 << 20);
        let started = std::time::Instant::now();
        assert!(al.text(&long).is_some());
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn json_is_scrubbed_in_depth() {
        let jane = scrubber("Jane Doe", "jane@example.com", "555-1234567", "");
        let mut value = json!({
            "customer": { "id": "x", "name": "Somebody", "email": null, "phone": "1" },
            "ticket": { "contact_name": "Joe", "timeline": [{ "notes": "for Jane Doe" }], "number": 5551234567_u64 },
            "custom_fields": [{ "name": "Jane Doe", "value": 5551234567.0 }], "Jane Doe": true,
        });
        assert!(jane.event(&mut value));
        assert_eq!(
            value,
            json!({
                "customer": { "id": "x", "name": "erased", "email": null, "phone": "erased" },
                "ticket": { "contact_name": "erased", "timeline": [{ "notes": "for erased" }], "number": 5551234567_u64 },
                "custom_fields": [{ "name": "erased", "value": "erased" }], "erased": true,
            })
        );
        assert!(!jane.event(&mut value), "a second time changes nothing");
    }

    #[test]
    fn contacts_are_recognized() {
        let jane = scrubber("Jane Doe", "jane@example.com", "555-1234567", "");
        assert!(jane.pieces().is_contact(Some(" JANE@example.com"), None));
        assert!(jane.pieces().is_contact(None, Some("(555) 123 4567")));
        assert!(!jane.pieces().is_contact(Some("joe@example.com"), Some("1")));
        assert!(!jane.pieces().is_contact(None, None));
    }
}
