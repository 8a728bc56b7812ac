//! The hourly limits of each class, and the state of a window.

use std::str::FromStr;

use chrono::{DurationRound, TimeDelta};

use crate::model::time::Time;

const WINDOW: TimeDelta = TimeDelta::hours(1);
pub const WINDOW_SECONDS: i64 = WINDOW.num_seconds();

/// What a request counts as. Its route decides it: the scope that it needs, unless the route has a class of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Read,
    Write,
    Admin,
    /// Uploads and installations: an author who tries out a plugin needs many.
    Plugins,
    /// New parts of the inventory: a shop that moves in brings thousands.
    Stock,
}

impl Class {
    pub const ALL: [Class; 5] =
        [Class::Read, Class::Write, Class::Admin, Class::Plugins, Class::Stock];

    pub fn as_str(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Write => "write",
            Class::Admin => "admin",
            Class::Plugins => "plugins",
            Class::Stock => "stock",
        }
    }
}

/// Requests per hour, by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub read: u32,
    pub write: u32,
    pub admin: u32,
    pub plugins: u32,
    pub stock: u32,
}

impl Rates {
    pub const DEFAULT: Rates =
        Rates { read: 1000, write: 100, admin: 10, plugins: 600, stock: 600 };

    pub fn of(&self, class: Class) -> u32 {
        match class {
            Class::Read => self.read,
            Class::Write => self.write,
            Class::Admin => self.admin,
            Class::Plugins => self.plugins,
            Class::Stock => self.stock,
        }
    }

    pub fn times(self, factor: u32) -> Rates {
        let mut rates = self;
        for class in Class::ALL {
            rates.set(class, self.of(class).saturating_mul(factor));
        }
        rates
    }

    fn set(&mut self, class: Class, number: u32) {
        *match class {
            Class::Read => &mut self.read,
            Class::Write => &mut self.write,
            Class::Admin => &mut self.admin,
            Class::Plugins => &mut self.plugins,
            Class::Stock => &mut self.stock,
        } = number;
    }

    fn with(mut self, figures: &[(Class, u32)]) -> Rates {
        for (class, number) in figures {
            self.set(*class, *number);
        }
        self
    }
}

/// The option of a server for the budget of an organization, all its keys together: `off`, a multiple of the key's
/// figures such as `10x`, or figures of its own such as `read=20000,write=2000`, where the others are ten times those
/// of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganizationRates {
    Off,
    Times(u32),
    Figures(Vec<(Class, u32)>),
}

impl OrganizationRates {
    pub const DEFAULT: OrganizationRates = OrganizationRates::Times(10);

    /// The organization's figures for these of a key; `None` means unlimited.
    pub fn of(&self, key: Rates) -> Option<Rates> {
        match self {
            OrganizationRates::Off => None,
            OrganizationRates::Times(factor) => Some(key.times(*factor)),
            OrganizationRates::Figures(figures) => Some(key.times(10).with(figures)),
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
        figures(text, "off, 10x, or read=10000,write=1000,admin=100,plugins=6000,stock=6000")
            .map(OrganizationRates::Figures)
    }
}

/// The option of a server: `off`, or any of `read=1000,write=100,admin=10,plugins=600,stock=600`.
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
        let figures = figures(text, "off, or read=1000,write=100,admin=10,plugins=600,stock=600")?;
        Ok(RatesOption(Some(Rates::DEFAULT.with(&figures))))
    }
}

/// The figures of `read=1000,write=100`, each class at most once.
fn figures(text: &str, expected: &str) -> Result<Vec<(Class, u32)>, String> {
    let wrong = |part: &str| format!("{part:?} is not a limit; expected {expected} (any of them)");
    let mut figures: Vec<(Class, u32)> = Vec::new();
    for part in text.split(',') {
        let (class, number) = part.split_once('=').ok_or_else(|| wrong(part))?;
        let number: u32 = number.trim().parse().map_err(|_| wrong(part))?;
        if number == 0 {
            return Err(format!("{part:?} must allow at least 1 request"));
        }
        let class = class.trim();
        let class = Class::ALL
            .into_iter()
            .find(|known| known.as_str() == class)
            .ok_or_else(|| wrong(part))?;
        if figures.iter().any(|(known, _)| *known == class) {
            return Err(format!("{part:?} is there twice"));
        }
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
    pub class: Class,
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
        let ten = Rates { read: 10_000, write: 1_000, admin: 100, plugins: 6_000, stock: 6_000 };
        assert_eq!(of("off"), Ok(None));
        assert_eq!(of("10x"), Ok(Some(ten)));
        let three = Rates { read: 3_000, write: 300, admin: 30, plugins: 1_800, stock: 1_800 };
        assert_eq!(of("3x"), Ok(Some(three)));
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
            class: Class::Read,
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
            Ok(Some(Rates { read: 1, write: 2, admin: 3, ..Rates::DEFAULT }))
        );
        for wrong in ["", "on", "read", "read=x", "read=-1", "reed=1", "read=0", "read=1,read=2"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
