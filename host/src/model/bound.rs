//! The bounds on what one organization may have, and the error of one that is reached.
//!
//! Invariant: a bound is checked in the transaction that creates, after `organizations::store::lock`, so that
//! concurrent requests never exceed it.

use std::fmt;

/// What an organization may have only so many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Installations,
    ApiKeys,
    Shops,
    Users,
    Webhooks,
    Plugins,
    /// The sizes of all plugins of the organization, in bytes.
    ComponentBytes,
}

/// A creation would exceed a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LimitReached {
    pub bound: Bound,
    pub maximum: i64,
    /// How many there are, without the one that was to be created.
    pub current: i64,
}

impl Bound {
    pub fn as_str(self) -> &'static str {
        match self {
            Bound::Installations => "installations",
            Bound::ApiKeys => "api_keys",
            Bound::Shops => "shops",
            Bound::Users => "users",
            Bound::Webhooks => "webhooks",
            Bound::Plugins => "plugins",
            Bound::ComponentBytes => "component_bytes",
        }
    }

    /// Checks whether `more` may be added to the `current` ones.
    pub fn check(self, current: i64, more: i64, maximum: i64) -> Result<(), LimitReached> {
        if current.checked_add(more).is_some_and(|sum| sum <= maximum) {
            return Ok(());
        }
        Err(LimitReached { bound: self, maximum, current })
    }

    /// The unit of the figures, and what to do.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Bound::Installations => ("installations", "remove one that is not needed"),
            Bound::ApiKeys => ("valid API keys", "revoke one that is not needed"),
            Bound::Shops => ("shops", "rename one that is not needed"),
            Bound::Users => ("users", "change one that is not needed"),
            Bound::Webhooks => ("webhooks", "delete one that is not needed"),
            Bound::Plugins => ("plugins", "delete one that is not installed"),
            Bound::ComponentBytes => ("bytes of plugins", "delete a plugin that is not installed"),
        }
    }
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LimitReached { bound, maximum, current } = self;
        let (what, remedy) = bound.words();
        let beyond = match bound {
            Bound::ComponentBytes => ", and this component would exceed that",
            _ => "",
        };
        write!(
            f,
            "An organization may have at most {maximum} {what}; this one has {current}{beyond}. Either {remedy}, or \
             ask the operator of this server to raise the limit"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_itself_is_allowed() {
        assert_eq!(Bound::Shops.check(9, 1, 10), Ok(()));
        let reached = LimitReached { bound: Bound::Shops, maximum: 10, current: 10 };
        assert_eq!(Bound::Shops.check(10, 1, 10), Err(reached));
        assert!(Bound::ComponentBytes.check(i64::MAX, 1, i64::MAX).is_err());
        assert_eq!(
            reached.to_string(),
            "An organization may have at most 10 shops; this one has 10. Either rename one that is not needed, or ask \
             the operator of this server to raise the limit"
        );
    }
}
