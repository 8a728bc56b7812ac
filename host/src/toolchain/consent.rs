//! Whether this program may install anything on the machine.
//!
//! Invariant: nothing outside of the checkout is installed while the variable is set.

use anyhow::{Result, ensure};

/// Any value but `0` forbids every installation: a compiler's target, and Debian packages for the tests.
pub const NO_INSTALL: &str = "REPAIROPS_NO_INSTALL";

/// Fails while `REPAIROPS_NO_INSTALL` is set. `what` is missing; `by_hand` is the command that installs it.
pub fn check_may_install(what: &str, by_hand: &str) -> Result<()> {
    let value = std::env::var_os(NO_INSTALL);
    check(value.is_some_and(|value| !value.is_empty() && value != "0"), what, by_hand)
}

fn check(is_forbidden: bool, what: &str, by_hand: &str) -> Result<()> {
    ensure!(
        !is_forbidden,
        "{what} is missing, and {NO_INSTALL} forbids installing it. Install it by hand with `{by_hand}`, \
         or unset {NO_INSTALL}."
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_refusal_says_what_to_install_by_hand() {
        assert!(check(false, "node", "apt-get install nodejs").is_ok());
        let error = check(true, "node", "apt-get install nodejs").expect_err("forbidden");
        let text = error.to_string();
        assert!(text.contains("node is missing"), "{text}");
        assert!(text.contains("`apt-get install nodejs`"), "{text}");
    }
}
