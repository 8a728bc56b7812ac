//! The calendar and clock of time zones, as plugins see them through the import `time`: the host answers by it, and the
//! SDK in unit tests that run natively.

use std::str::FromStr;

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike,
    Utc, Weekday,
};
use chrono_tz::Tz;

/// What a calendar and a clock on the wall show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    pub year: i32,
    pub month: u8,
    pub day: u8,
    pub weekday: Weekday,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    /// East of UTC.
    pub utc_offset_minutes: i32,
}

/// Why there is no answer; the text says which zone, time or moment is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeError {
    UnknownZone(String),
    OutOfRange(String),
}

/// How many characters of a wrong name are quoted.
const QUOTED_MAX: usize = 64;

/// How many days after `after` a time is looked for: a zone may skip a day.
const DAYS_MAX: u64 = 3;

/// What the clocks of a zone show at a moment, in milliseconds since 1970.
///
/// # Errors
///
/// If there is no such zone, or the moment is out of range.
pub fn local(zone: &str, at: i64) -> Result<LocalTime, TimeError> {
    let zone = find(zone)?;
    let local = moment(at)?.with_timezone(&zone);
    let offset = local.offset().fix().local_minus_utc();
    let small = |figure: u32| u8::try_from(figure).unwrap_or(u8::MAX);
    Ok(LocalTime {
        year: local.year(),
        month: small(local.month()),
        day: small(local.day()),
        weekday: local.weekday(),
        hour: small(local.hour()),
        minute: small(local.minute()),
        second: small(local.second()),
        utc_offset_minutes: offset.div_euclid(60),
    })
}

/// The first moment after `after` at which the clocks of a zone show a time of the day.
///
/// # Errors
///
/// If there is no such zone or time, or the moment is out of range.
pub fn next(zone: &str, hour: u8, minute: u8, after: i64) -> Result<i64, TimeError> {
    let zone = find(zone)?;
    let after = moment(after)?;
    let Some(time) = chrono::NaiveTime::from_hms_opt(hour.into(), minute.into(), 0) else {
        let text = format!("{hour}:{minute:02} is no time of a day; it must be from 0:00 to 23:59");
        return Err(TimeError::OutOfRange(text));
    };
    let today = after.with_timezone(&zone).date_naive();
    (0..=DAYS_MAX)
        .filter_map(|days| today.checked_add_days(Days::new(days)))
        .filter_map(|date| first_at(zone, date.and_time(time)))
        .find(|found| *found > after)
        .map(|found| found.timestamp_millis())
        .ok_or_else(|| out_of_range(after.timestamp_millis()))
}

/// The first moment at which the clocks show this, or the end of the gap that skips it.
fn first_at(zone: Tz, shown: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&shown) {
        LocalResult::Single(found) | LocalResult::Ambiguous(found, _) => Some(found.to_utc()),
        LocalResult::None => end_of_gap(zone, shown),
    }
}

/// The moment at which the clocks are set forward past `shown`.
fn end_of_gap(zone: Tz, shown: NaiveDateTime) -> Option<DateTime<Utc>> {
    // Longer than any gap, and shorter than the time between two.
    let day = TimeDelta::hours(26);
    let offset = |at: DateTime<Utc>| at.with_timezone(&zone).offset().fix().local_minus_utc();
    let (mut before, mut behind) =
        (shown.and_utc().checked_sub_signed(day * 2)?, shown.and_utc().checked_add_signed(day)?);
    let first = offset(before);
    while behind - before > TimeDelta::seconds(1) {
        let middle = before + (behind - before) / 2;
        if offset(middle) == first {
            before = middle;
        } else {
            behind = middle;
        }
    }
    behind.with_nanosecond(0)
}

fn find(zone: &str) -> Result<Tz, TimeError> {
    Tz::from_str(zone).map_err(|_| {
        let quoted: String = zone.chars().take(QUOTED_MAX).collect();
        TimeError::UnknownZone(format!(
            "{quoted:?} is not the name of an IANA time zone, such as America/New_York"
        ))
    })
}

fn moment(at: i64) -> Result<DateTime<Utc>, TimeError> {
    let found = DateTime::from_timestamp_millis(at).filter(|at| (1..=9999).contains(&at.year()));
    found.ok_or_else(|| out_of_range(at))
}

fn out_of_range(at: i64) -> TimeError {
    TimeError::OutOfRange(format!(
        "{at} ms is not between the years 1 and 9999; times are milliseconds since 1970"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<DateTime<Utc>>().expect("a time").timestamp_millis()
    }

    #[test]
    fn a_zone_shows_its_time() {
        let shown = |zone, at| {
            let t = local(zone, ms(at)).expect("a time");
            let date = format!(
                "{}-{}-{} {}:{:02}:{:02}",
                t.year, t.month, t.day, t.hour, t.minute, t.second
            );
            (date, t.weekday, t.utc_offset_minutes)
        };
        let at = "2026-02-20T23:15:07Z";
        let friday = Weekday::Fri;
        assert_eq!(shown("America/New_York", at), ("2026-2-20 18:15:07".to_owned(), friday, -300));
        let (date, day, offset) = shown("Asia/Kolkata", at);
        assert_eq!((date.as_str(), day, offset), ("2026-2-21 4:45:07", Weekday::Sat, 330));
        assert_eq!(shown("Europe/Berlin", "2026-07-01T12:00:00Z").2, 120);
        assert!(matches!(local("America/New_Yorck", 0), Err(TimeError::UnknownZone(_))));
        for at in [i64::MAX, i64::MIN, ms("9999-12-31T23:59:59Z") + 1_000] {
            assert!(matches!(local("UTC", at), Err(TimeError::OutOfRange(_))), "{at}");
        }
    }

    #[test]
    fn the_next_time_is_later_and_skips_no_day() {
        let next = |zone, hour, minute, after| {
            let at = next(zone, hour, minute, ms(after)).expect("a time");
            DateTime::from_timestamp_millis(at).expect("a time").to_rfc3339()
        };
        let new_york = "America/New_York";
        for (zone, hour, minute, after, expected) in [
            (new_york, 9, 0, "2026-02-20T13:59:59.999Z", "2026-02-20T14:00:00+00:00"),
            (new_york, 9, 0, "2026-02-20T14:00:00Z", "2026-02-21T14:00:00+00:00"),
            // The clocks skip 2:30 on 8 March: the first moment after the gap.
            (new_york, 2, 30, "2026-03-08T06:00:00Z", "2026-03-08T07:00:00+00:00"),
            (new_york, 2, 30, "2026-03-08T07:00:00Z", "2026-03-09T06:30:00+00:00"),
            // They show 1:30 twice on 1 November: the first.
            (new_york, 1, 30, "2026-11-01T04:00:00Z", "2026-11-01T05:30:00+00:00"),
            (new_york, 1, 30, "2026-11-01T05:30:00Z", "2026-11-02T06:30:00+00:00"),
            // Half an hour, and a whole day that Samoa skipped.
            ("Australia/Lord_Howe", 2, 15, "2026-10-03T12:00:00Z", "2026-10-03T15:30:00+00:00"),
            ("Pacific/Apia", 12, 0, "2011-12-30T09:00:00Z", "2011-12-30T10:00:00+00:00"),
            ("UTC", 0, 0, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00+00:00"),
        ] {
            assert_eq!(
                next(zone, hour, minute, after),
                expected,
                "{zone} {hour}:{minute} after {after}"
            );
        }
        for (hour, minute) in [(24, 0), (0, 60)] {
            assert!(matches!(super::next("UTC", hour, minute, 0), Err(TimeError::OutOfRange(_))));
        }
        assert!(super::next("UTC", 0, 0, ms("9999-12-31T12:00:00Z")).is_ok());
    }
}
