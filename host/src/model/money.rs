//! Amounts of money and hours: integer hundredths inside, JSON numbers outside.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

use super::invalid::Invalid;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

/// Hundredths of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Money(pub i64);

/// Hundredths of an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Hours(pub i64);

/// Hundredths of the currency, signed: negative if the customer has a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance(pub i64);

/// The product of two stays far from an overflow of `i128`.
pub use super::event::AMOUNT_MAX;

impl Money {
    /// The limit per piece, so that a ticket's largest total stays far from an overflow of 64 bits.
    pub const UNIT_COST_MAX: Money = Money(1_000_000_000);
    /// The limit per hour of labor.
    pub const LABOR_RATE_MAX: Money = Money(100_000_000);

    pub fn at_most(self, max: Money, field: impl fmt::Display) -> Result<Money, Invalid> {
        if self <= max {
            return Ok(self);
        }
        let message = format!("{field} must be at most {max}");
        Err(Invalid::new(field, self, message))
    }

    /// Multiplies without overflow.
    pub fn times(self, quantity: i64) -> Money {
        Money(self.0.saturating_mul(quantity))
    }
}

impl Hours {
    /// The cost of these hours at `rate` an hour, rounded half up.
    pub fn at(self, rate: Money) -> Money {
        let exact = i128::from(self.0) * i128::from(rate.0);
        Money(i64::try_from((exact + 50).div_euclid(100)).unwrap_or(i64::MAX))
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Balance;
    fn sub(self, other: Money) -> Balance {
        Balance(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money(0), Add::add)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", amount / 100, amount % 100)
    }
}

/// Parses a JSON number with at most two decimals as hundredths.
fn parse_hundredths(number: &serde_json::Number) -> Result<i64, String> {
    let value = number.as_f64().unwrap_or(f64::NAN);
    let hundredths = (value * 100.0).round();
    if !(0.0..=AMOUNT_MAX as f64).contains(&hundredths) {
        return Err(format!(
            "{number} is out of range: give a number from 0 to {}",
            AMOUNT_MAX / 100
        ));
    }
    // The precision of a double limits large amounts.
    let tolerance = (hundredths * 4.0 * f64::EPSILON).max(1e-4);
    if (value * 100.0 - hundredths).abs() > tolerance {
        return Err(format!("{number} has more than two decimals"));
    }
    Ok(hundredths as i64)
}

macro_rules! json_number {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_f64(self.0 as f64 / 100.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = serde_json::Number::deserialize(deserializer)?;
                parse_hundredths(&number).map($name).map_err(de::Error::custom)
            }
        }
    )*};
}
json_number!(Money, Hours);

impl Serialize for Balance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 100.0)
    }
}

impl utoipa::PartialSchema for Balance {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .description(Some("An amount of money that may be owed either way."))
            .into()
    }
}

impl utoipa::ToSchema for Balance {}

macro_rules! schema {
    ($($name:ident = $description:literal),*) => {$(
        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::Number)
                    .description(Some($description))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
}
schema!(
    Money = "An amount of money, with at most two decimals.",
    Hours = "Hours, with at most two decimals."
);

#[cfg(test)]
mod tests {
    use super::*;

    fn money(json: &str) -> Result<Money, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn amounts_have_at_most_two_decimals() {
        assert_eq!(money("259.99"), Ok(Money(25_999)));
        assert_eq!(money("80"), Ok(Money(8_000)));
        assert_eq!(money("9999999999.99"), Ok(Money(999_999_999_999)));
        assert_eq!(money("9595124291.13"), Ok(Money(959_512_429_113)));
        assert!(money("9595124291.135").is_err_and(|error| error.contains("two decimals")));
        assert!(money("0.001").is_err_and(|error| error.contains("two decimals")));
        assert!(money("1.005").is_err_and(|error| error.contains("two decimals")));
        assert!(money("-1").is_err_and(|error| error.contains("out of range")));
        assert!(money("1e300").is_err());
        assert!(money("\"80\"").is_err());
    }

    #[test]
    fn labor_rounds_half_up() {
        assert_eq!(Hours(150).at(Money(6_500)), Money(9_750));
        assert_eq!(Hours(33).at(Money(50)), Money(17)); // 16.5 cents
        assert_eq!(Hours(1).at(Money(49)), Money(0));
    }

    #[test]
    fn money_is_written_as_people_write_it() {
        assert_eq!(Money(25_999).to_string(), "259.99");
        assert_eq!(Money(-5).to_string(), "-0.05");
    }
}
