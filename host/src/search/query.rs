//! What a client looks for, read from the query string.

use serde::Serialize;

use super::fold;
use crate::model::invalid::Invalid;

const WORDS_MAX: usize = 8;

/// All of these words have to be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Search {
    pub words: Vec<Word>,
}

/// One of these has to be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Word {
    /// The beginning of a word.
    pub text: String,
    /// The number of a ticket.
    pub number: Option<i64>,
    /// The end of a phone number.
    pub phone: Option<Phone>,
}

/// The digits of a phone number from the last to the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Phone(pub String);

impl Search {
    pub fn parse(field: &str, text: &str) -> Result<Search, Invalid> {
        let wrong = |message: String| Err(Invalid::new(field, text, message));
        let words: Vec<Word> = match fold::only_digits(text) {
            Some(digits) => vec![Word {
                number: digits.parse().ok(),
                text: digits,
                phone: fold::phone(text).map(Phone),
            }],
            None => fold::words_wanted(text).into_iter().map(Word::of).collect(),
        };
        match words.len() {
            0 => wrong(format!("{field} needs a letter or a digit")),
            1..=WORDS_MAX => Ok(Search { words }),
            count => wrong(format!("{field} has {count} words; at most {WORDS_MAX} are allowed")),
        }
    }
}

impl Word {
    fn of(text: String) -> Word {
        let digits = text.strip_prefix('t').unwrap_or(&text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = if is_number { digits.parse().ok() } else { None };
        Word { text, number, phone: None }
    }
}

impl Phone {
    /// How many digits a stored number needs to be taken for the end of a longer one.
    const WHOLE_MIN: usize = 7;

    pub fn parse(field: &str, text: &str) -> Result<Phone, Invalid> {
        fold::phone(text).map(Phone).ok_or_else(|| {
            let message = format!(
                "{field} must be a phone number or its last digits, at least three, such as 555-0123"
            );
            Invalid::new(field, text, message)
        })
    }

    /// Stored numbers that this one is longer than: those without the code of the country or the town.
    pub fn shorter(&self) -> impl Iterator<Item = &str> {
        (Self::WHOLE_MIN..self.0.len()).map(|length| &self.0[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_many_things() {
        let of = |text| Search::parse("q", text).expect("a search").words;
        assert_eq!(
            of("555-0123"),
            [Word {
                text: "5550123".to_owned(),
                number: Some(5_550_123),
                phone: Some(Phone("3210555".to_owned()))
            }]
        );
        assert_eq!(of("T000017")[0].number, Some(17));
        assert_eq!(of("iphone 14").len(), 2);
        for wrong in ["", " - ", "a b c d e f g h i"] {
            Search::parse("q", wrong).expect_err(wrong);
        }
        let phone = Phone("321055594".to_owned());
        assert_eq!(phone.shorter().collect::<Vec<_>>(), ["3210555", "32105559"]);
    }
}
