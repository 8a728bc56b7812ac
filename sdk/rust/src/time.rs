//! The calendar and clock of a time zone, such as a shop's. A plugin's own clocks stand still at the event's `now`.
//!
//! ```
//! use repairops_plugin::{sample, time};
//!
//! let shop = sample::shop(); // in New York
//! let local = time::local(&shop.time_zone, sample::NOW)?;
//! assert_eq!((local.hour, local.minute, local.weekday), (9, 15, time::Weekday::Friday));
//!
//! let tomorrow_at_nine = time::next(&shop.time_zone, 9, 0, sample::NOW)?;
//! assert!(tomorrow_at_nine > sample::NOW);
//! # Ok::<(), time::TimeError>(())
//! ```

pub use crate::bindings::shared::repairops::plugin::time::{LocalTime, TimeError, Weekday};
use crate::{PluginError, Timestamp};

/// What the clocks of `zone` show at the moment `at`.
///
/// # Errors
///
/// If there is no such zone, or the moment is before the year 1 or after 9999.
pub fn local(zone: &str, at: Timestamp) -> Result<LocalTime, TimeError> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::shared::repairops::plugin::time::local(zone, at);
    #[cfg(not(target_arch = "wasm32"))]
    repairops_zones::local(zone, at).map(native::local_time).map_err(native::error)
}

/// The first moment after `after` at which the clocks of `zone` show `hour` and `minute`: the first moment after the gap
/// where the clocks skip it, the first of two where they show it twice.
///
/// # Errors
///
/// If there is no such zone or time of the day, or the moment is before the year 1 or after 9999.
pub fn next(zone: &str, hour: u8, minute: u8, after: Timestamp) -> Result<Timestamp, TimeError> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::shared::repairops::plugin::time::next(zone, hour, minute, after);
    #[cfg(not(target_arch = "wasm32"))]
    repairops_zones::next(zone, hour, minute, after).map_err(native::error)
}

impl From<TimeError> for PluginError {
    fn from(error: TimeError) -> Self {
        let (TimeError::UnknownZone(text) | TimeError::OutOfRange(text)) = error;
        PluginError::Unsupported(text)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{LocalTime, TimeError, Weekday};

    pub fn local_time(from: repairops_zones::LocalTime) -> LocalTime {
        let repairops_zones::LocalTime {
            year,
            month,
            day,
            weekday,
            hour,
            minute,
            second,
            utc_offset_minutes,
        } = from;
        let weekday = match weekday {
            chrono::Weekday::Mon => Weekday::Monday,
            chrono::Weekday::Tue => Weekday::Tuesday,
            chrono::Weekday::Wed => Weekday::Wednesday,
            chrono::Weekday::Thu => Weekday::Thursday,
            chrono::Weekday::Fri => Weekday::Friday,
            chrono::Weekday::Sat => Weekday::Saturday,
            chrono::Weekday::Sun => Weekday::Sunday,
        };
        LocalTime { year, month, day, weekday, hour, minute, second, utc_offset_minutes }
    }

    pub fn error(from: repairops_zones::TimeError) -> TimeError {
        match from {
            repairops_zones::TimeError::UnknownZone(text) => TimeError::UnknownZone(text),
            repairops_zones::TimeError::OutOfRange(text) => TimeError::OutOfRange(text),
        }
    }
}
