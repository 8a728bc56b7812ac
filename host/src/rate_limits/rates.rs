//! The hourly limits of each class, and the state of a window.

use std::str::FromStr;

use chrono::{DurationRound, TimeDelta};

use crate::model::people::Scope;
use crate::model::time::Time;

const WINDOW: TimeDelta = TimeDelta::hours(1);
pub const WINDOW_SECONDS: i64 = WINDOW.num_seconds();

/// Requests per hour, by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub read: u32,
    pub write: u32,
    pub admin: u32,
}

impl Rates {
    pub const DEFAULT: Rates = Rates { read: 1000, write: 100, admin: 10 };

    pub fn of(&self, class: Scope) -> u32 {
        match class {
            Scope::Read => self.read,
            Scope::Write => self.write,
            Scope::Admin => self.admin,
        }
    }
}

/// The option of a server: `off`, or any of `read=1000,write=100,admin=10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatesOption(pub Option<Rates>);

impl RatesOption {
    pub const OFF: RatesOption = RatesOption(None);
    pub const DEFAULT: RatesOption = RatesOption(Some(Rates::DEFAULT));
}

impl FromStr for RatesOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(RatesOption::OFF);
        }
        let wrong = |part: &str| {
            format!(
                "{part:?} is not a limit; expected off, or read=1000,write=100,admin=10 (any of them)"
            )
        };
        let mut rates = Rates::DEFAULT;
        for part in text.split(',') {
            let (class, number) = part.split_once('=').ok_or_else(|| wrong(part))?;
            let number: u32 = number.trim().parse().map_err(|_| wrong(part))?;
            if number == 0 {
                return Err(format!("{part:?} must allow at least 1 request"));
            }
            match class.trim() {
                "read" => rates.read = number,
                "write" => rates.write = number,
                "admin" => rates.admin = number,
                _ => return Err(wrong(part)),
            }
        }
        Ok(RatesOption(Some(rates)))
    }
}

/// The state of a window after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    pub class: Scope,
    pub limit: u32,
    /// Including this request.
    pub used: i64,
    pub window_start: Time,
}

impl Spent {
    pub fn is_allowed(&self) -> bool {
        self.used <= i64::from(self.limit)
    }

    pub fn remaining(&self) -> i64 {
        (i64::from(self.limit) - self.used).max(0)
    }

    /// When the next window begins.
    pub fn reset_at(&self) -> Time {
        self.window_start + WINDOW
    }
}

/// The beginning of the hour.
pub fn window_start(now: Time) -> Time {
    now.duration_trunc(WINDOW).map_or(now, Time::from)
}

pub fn has_ended(window_start: Time, now: Time) -> bool {
    window_start + WINDOW <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_the_numbers_may_be_given() {
        let parse = |text: &str| text.parse::<RatesOption>().map(|option| option.0);
        assert_eq!(parse("off"), Ok(None));
        assert_eq!(parse("write=7"), Ok(Some(Rates { write: 7, ..Rates::DEFAULT })));
        assert_eq!(
            parse("read=1, admin=3,write=2"),
            Ok(Some(Rates { read: 1, write: 2, admin: 3 }))
        );
        for wrong in ["", "on", "read", "read=x", "read=-1", "reed=1", "read=0"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
