//! `time`: the calendar and clock of a time zone.

use repairops_zones::{LocalTime, TimeError};
use wasmtime::component::HasSelf;

use super::{Import, Permission};
use crate::guest::Guest;
use crate::v0_2::bindings::time as v0_2;

pub(super) const IMPORTS: &[Import] = &[Import {
    name: "repairops:plugin/time",
    version: "0.2.",
    permission: Permission::Granted,
    link: |linker| v0_2::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
}];

impl v0_2::Host for Guest {
    fn local(&mut self, zone: String, at: i64) -> Result<v0_2::LocalTime, v0_2::TimeError> {
        repairops_zones::local(&zone, at).map(local_time).map_err(error)
    }

    fn next(
        &mut self,
        zone: String,
        hour: u8,
        minute: u8,
        after: i64,
    ) -> Result<i64, v0_2::TimeError> {
        repairops_zones::next(&zone, hour, minute, after).map_err(error)
    }
}

fn local_time(from: LocalTime) -> v0_2::LocalTime {
    let LocalTime { year, month, day, weekday, hour, minute, second, utc_offset_minutes } = from;
    let weekday = match weekday {
        chrono::Weekday::Mon => v0_2::Weekday::Monday,
        chrono::Weekday::Tue => v0_2::Weekday::Tuesday,
        chrono::Weekday::Wed => v0_2::Weekday::Wednesday,
        chrono::Weekday::Thu => v0_2::Weekday::Thursday,
        chrono::Weekday::Fri => v0_2::Weekday::Friday,
        chrono::Weekday::Sat => v0_2::Weekday::Saturday,
        chrono::Weekday::Sun => v0_2::Weekday::Sunday,
    };
    v0_2::LocalTime { year, month, day, weekday, hour, minute, second, utc_offset_minutes }
}

fn error(from: TimeError) -> v0_2::TimeError {
    match from {
        TimeError::UnknownZone(text) => v0_2::TimeError::UnknownZone(text),
        TimeError::OutOfRange(text) => v0_2::TimeError::OutOfRange(text),
    }
}
