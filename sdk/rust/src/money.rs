//! Converts money between hundredths and the decimal numbers that people use.

use crate::Money;

/// An amount in hundredths as people write it, without a currency: `25999` is `259.99`.
///
/// ```
/// use repairops_plugin::format_money;
///
/// assert_eq!(format_money(25_999), "259.99");
/// assert_eq!(format_money(-5), "-0.05");
/// ```
#[must_use]
pub fn format_money(cents: Money) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// An amount that people wrote as a number, for example in the settings: `259.99` is `25999`.
/// Half a hundredth is rounded up; NaN becomes 0.
///
/// ```
/// use repairops_plugin::money_from_number;
///
/// assert_eq!(money_from_number(259.99), 25_999);
/// ```
#[must_use]
pub fn money_from_number(amount: f64) -> Money {
    (amount * 100.0).round() as Money
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_are_written_out() {
        assert_eq!(format_money(0), "0.00");
        assert_eq!(format_money(100), "1.00");
        assert_eq!(format_money(i64::MIN), "-92233720368547758.08");
    }
}
