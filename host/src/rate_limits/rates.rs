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

/// The option of a server for the budget of an organization, all its keys together: `off`, a multiple of the key's
/// figures such as `10x`, or figures of its own such as `read=20000,write=2000`, where the others are ten times those
/// of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationRates {
    Off,
    Times(u32),
    Figures { read: Option<u32>, write: Option<u32>, admin: Option<u32> },
}

impl OrganizationRates {
    pub const DEFAULT: OrganizationRates = OrganizationRates::Times(10);

    /// The organization's figures for these of a key; `None` means unlimited.
    pub fn of(self, key: Rates) -> Option<Rates> {
        let times = |factor: u32| Rates {
            read: key.read.saturating_mul(factor),
            write: key.write.saturating_mul(factor),
            admin: key.admin.saturating_mul(factor),
        };
        match self {
            OrganizationRates::Off => None,
            OrganizationRates::Times(factor) => Some(times(factor)),
            OrganizationRates::Figures { read, write, admin } => {
                let default = times(10);
                Some(Rates {
                    read: read.unwrap_or(default.read),
                    write: write.unwrap_or(default.write),
                    admin: admin.unwrap_or(default.admin),
                })
            }
        }
    }
}

impl FromStr for OrganizationRates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(OrganizationRates::Off);
        }
        if let Some(factor) = text.strip_suffix('x') {
            return match factor.parse() {
                Ok(factor) if factor > 0 => Ok(OrganizationRates::Times(factor)),
                _ => Err(format!("{text:?} is not a multiple; expected for example 10x")),
            };
        }
        let (mut read, mut write, mut admin) = (None, None, None);
        for (class, number) in figures(text, "off, 10x, or read=10000,write=1000,admin=100")? {
            match class {
                Scope::Read => read = Some(number),
                Scope::Write => write = Some(number),
                Scope::Admin => admin = Some(number),
            }
        }
        Ok(OrganizationRates::Figures { read, write, admin })
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
        let mut rates = Rates::DEFAULT;
        for (class, number) in figures(text, "off, or read=1000,write=100,admin=10")? {
            match class {
                Scope::Read => rates.read = number,
                Scope::Write => rates.write = number,
                Scope::Admin => rates.admin = number,
            }
        }
        Ok(RatesOption(Some(rates)))
    }
}

/// The figures of `read=1000,write=100,admin=10`, or any of them.
fn figures(text: &str, expected: &str) -> Result<Vec<(Scope, u32)>, String> {
    let wrong = |part: &str| format!("{part:?} is not a limit; expected {expected} (any of them)");
    let mut figures = Vec::new();
    for part in text.split(',') {
        let (class, number) = part.split_once('=').ok_or_else(|| wrong(part))?;
        let number: u32 = number.trim().parse().map_err(|_| wrong(part))?;
        if number == 0 {
            return Err(format!("{part:?} must allow at least 1 request"));
        }
        let class = match class.trim() {
            "read" => Scope::Read,
            "write" => Scope::Write,
            "admin" => Scope::Admin,
            _ => return Err(wrong(part)),
        };
        figures.push((class, number));
    }
    Ok(figures)
}

/// Whose requests a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    Key,
    /// All keys of the organization together.
    Organization,
}

impl Budget {
    pub fn as_str(self) -> &'static str {
        match self {
            Budget::Key => "key",
            Budget::Organization => "organization",
        }
    }
}

/// The state of a window after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    pub budget: Budget,
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

    /// What a client must know of the two windows of a request: the one that refuses it, or the one with fewer requests
    /// left; the key's, if they are equal.
    pub fn narrower(key: Spent, organization: Option<Spent>) -> Spent {
        match organization {
            Some(organization)
                if key.is_allowed()
                    && (!organization.is_allowed()
                        || organization.remaining() < key.remaining()) =>
            {
                organization
            }
            _ => key,
        }
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
    fn an_organization_has_a_multiple_or_figures_of_its_own() {
        let of =
            |text: &str| text.parse().map(|option: OrganizationRates| option.of(Rates::DEFAULT));
        let ten = Rates { read: 10_000, write: 1_000, admin: 100 };
        assert_eq!(of("off"), Ok(None));
        assert_eq!(of("10x"), Ok(Some(ten)));
        assert_eq!(of("3x"), Ok(Some(Rates { read: 3_000, write: 300, admin: 30 })));
        assert_eq!(of("4294967295x").unwrap().unwrap().read, u32::MAX);
        assert_eq!(of("write=7"), Ok(Some(Rates { write: 7, ..ten })));
        for wrong in ["", "x", "0x", "-1x", "1.5x", "10", "read=0", "all=1"] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_narrower_window_is_shown() {
        let spent = |budget, limit, used| Spent {
            budget,
            class: Scope::Read,
            limit,
            used,
            window_start: Time::UNIX_EPOCH,
        };
        let shown = |key: (u32, i64), organization: (u32, i64)| {
            let organization = spent(Budget::Organization, organization.0, organization.1);
            Spent::narrower(spent(Budget::Key, key.0, key.1), Some(organization)).budget
        };
        assert_eq!(shown((5, 1), (50, 1)), Budget::Key);
        assert_eq!(shown((5, 1), (6, 2)), Budget::Key, "as few");
        assert_eq!(shown((5, 1), (6, 3)), Budget::Organization);
        assert_eq!(shown((5, 5), (6, 7)), Budget::Organization, "only this one refuses");
        assert_eq!(shown((5, 6), (6, 7)), Budget::Key, "both refuse");
    }

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
