//! What free texts are searched for: the names, email addresses, phone numbers and addresses of one customer.
//!
//! Invariant: the number of pieces is bounded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::people::{Customer, ERASED};

/// More than a customer has, also after many merges.
const PIECES_MAX: usize = 500;

/// A piece of one character would be found everywhere.
const CHARS_MIN: usize = 2;

/// The digits of a phone number that is found without its marks.
const DIGITS_MIN: usize = 5;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pieces {
    /// Found as they are written: phone numbers, and names of one word, which are words of the language too ("May").
    pub exact: BTreeSet<String>,
    /// Found in any case: email addresses, addresses, and names of several words.
    pub any_case: BTreeSet<String>,
}

impl Pieces {
    pub fn of(customer: &Customer) -> Pieces {
        let mut pieces = Pieces::default();
        pieces.add_name(&customer.name);
        pieces.add_email(customer.email.text());
        pieces.add_phone(customer.phone.as_deref());
        pieces.add_address(customer.address.as_deref());
        pieces
    }

    pub fn add_name(&mut self, name: &str) {
        let has_words = name.split_whitespace().count() > 1;
        self.add(name, has_words);
    }

    pub fn add_email(&mut self, email: Option<&str>) {
        self.add(email.unwrap_or_default(), true);
    }

    pub fn add_phone(&mut self, phone: Option<&str>) {
        let phone = phone.unwrap_or_default();
        self.add(phone, false);
        let digits = digits(phone);
        if digits.len() >= DIGITS_MIN {
            self.add(&digits, false);
        }
    }

    pub fn add_address(&mut self, address: Option<&str>) {
        self.add(address.unwrap_or_default(), true);
    }

    pub fn extend(&mut self, more: Pieces) {
        for piece in more.exact {
            self.add(&piece, false);
        }
        for piece in more.any_case {
            self.add(&piece, true);
        }
    }

    /// Whether a request that named no known customer was about this one: email addresses and phone numbers are one
    /// person's, names are not.
    pub fn is_contact(&self, email: Option<&str>, phone: Option<&str>) -> bool {
        let has_email = email.is_some_and(|email| {
            let email = email.trim().to_lowercase();
            self.any_case.iter().any(|piece| piece.to_lowercase() == email)
        });
        let is_phone = |phone: &str| {
            let digits = digits(phone);
            self.exact.contains(phone.trim()) || self.exact.contains(&digits)
        };
        has_email || phone.is_some_and(is_phone)
    }

    fn add(&mut self, piece: &str, in_any_case: bool) {
        let piece = piece.trim();
        let is_full = self.exact.len() + self.any_case.len() >= PIECES_MAX;
        if is_full || piece == ERASED || piece.chars().count() < CHARS_MIN {
            return;
        }
        let set = if in_any_case { &mut self.any_case } else { &mut self.exact };
        set.insert(piece.to_owned());
    }
}

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}
