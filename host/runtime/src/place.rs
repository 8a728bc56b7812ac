//! The path of a value in a body: `parts[0].quantity`.
//!
//! Invariant: a path costs nothing until it is shown. It borrows its parent and its name, so a loop can name each
//! value; `Display` writes the text only for an error and cuts long names. Functions that check a value take the path
//! itself (`impl Display`), never its text.

use std::fmt;

use super::excerpt;

/// One step from a value to one inside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Field(&'a str),
    Index(usize),
}

/// The path of a value: its parent's path and one step; without a step, the body itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    inner: Option<(&'a Place<'a>, Step<'a>)>,
}

impl<'a> Place<'a> {
    pub const BODY: Place<'static> = Place { inner: None };

    /// The path of a field of the body.
    pub fn of(name: &'a str) -> Place<'a> {
        Place { inner: Some((&Place::BODY, Step::Field(name))) }
    }

    pub fn field(&'a self, name: &'a str) -> Place<'a> {
        Place { inner: Some((self, Step::Field(name))) }
    }

    pub fn at(&'a self, index: usize) -> Place<'a> {
        Place { inner: Some((self, Step::Index(index))) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((parent, step)) = self.inner else { return Ok(()) };
        parent.fmt(f)?;
        write_step(f, step, parent.inner.is_none())
    }
}

/// Writes the steps from the body inwards.
pub fn text<'a>(steps: impl IntoIterator<Item = Step<'a>>) -> String {
    let mut text = String::new();
    for step in steps {
        let is_first = text.is_empty();
        // Writing into a String does not fail.
        let _ = write_step(&mut text, step, is_first);
    }
    text
}

fn write_step(to: &mut impl fmt::Write, step: Step<'_>, is_first: bool) -> fmt::Result {
    match step {
        Step::Index(index) => write!(to, "[{index}]"),
        Step::Field(name) => {
            to.write_str(if is_first { "" } else { "." })?;
            to.write_str(&excerpt::text(name, excerpt::NAME_BYTES_MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_from_the_body_inwards() {
        let (body, parts) = (Place::BODY, Place::of("parts"));
        let line = parts.at(0);
        assert_eq!(line.field("quantity").to_string(), "parts[0].quantity");
        assert_eq!(body.to_string(), "");
        assert_eq!(body.at(3).to_string(), "[3]");
        let steps = [Step::Field("parts"), Step::Index(0), Step::Field("quantity")];
        assert_eq!(text(steps), "parts[0].quantity");
    }

    #[test]
    fn a_long_name_is_cut() {
        let name = "k".repeat(1 << 20);
        let place = Place::of(&name);
        assert!(place.at(7).to_string().len() < 120, "{}", place.at(7).to_string().len());
        assert!(place.at(7).to_string().ends_with("…[7]"));
    }
}
