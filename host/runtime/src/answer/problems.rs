//! The rules of what a plugin finds wrong with its settings.

use super::{Checked, at_most, characters, maybe_empty};
use crate::event::SettingsProblem;
use crate::place::Place;

const PROBLEMS_MAX: usize = 50;
const POINTER_CHARS_MAX: usize = 200;
const MESSAGE_CHARS_MAX: usize = 500;

/// An empty list is no problem.
pub(crate) fn check_problems(problems: &mut [SettingsProblem]) -> Checked {
    at_most("problems", problems.len(), "problems", PROBLEMS_MAX)?;
    let list = Place::of("problems");
    for (index, SettingsProblem { pointer, message }) in problems.iter_mut().enumerate() {
        let here = list.at(index);
        maybe_empty(here.field("pointer"), pointer, POINTER_CHARS_MAX)?;
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!(
                "{here}.pointer is {pointer:?}; a JSON Pointer is empty or begins with /"
            ));
        }
        characters(here.field("message"), message, MESSAGE_CHARS_MAX)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_a_pointer_and_a_message() {
        let of = |pointer: &str, message: &str| {
            let problem = SettingsProblem { pointer: pointer.into(), message: message.into() };
            check_problems(&mut [problem])
        };
        assert_eq!(of("", "Why."), Ok(()));
        assert_eq!(of("/rules/0", "Why."), Ok(()));
        for (pointer, message, reason) in [
            ("rules", "Why.", "a JSON Pointer is empty or begins with /"),
            ("/a\0", "Why.", "must not contain a NUL character"),
            ("/a", " ", "problems[0].message is empty or blank"),
            (&"/".repeat(201), "Why.", "problems[0].pointer has 201 characters"),
        ] {
            let error = of(pointer, message).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
        let problem = SettingsProblem { pointer: String::new(), message: "Why.".into() };
        assert!(check_problems(&mut vec![problem; 51]).is_err());
    }
}
