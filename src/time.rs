//! Times as the logs write them: RFC 3339, UTC, milliseconds.
//!
//! ```
//! use std::time::Duration;
//! use udpsocket_jwt_server::time::{parse_rfc3339, rfc3339};
//!
//! let time = Duration::from_millis(1_700_000_000_123);
//! assert_eq!(rfc3339(time), "2023-11-14T22:13:20.123Z");
//! assert_eq!(parse_rfc3339("2023-11-14T22:13:20.123Z"), Some(time));
//! ```
//!
//! # A clock that jumps
//!
//! The server reads the system clock once for each datagram. Somebody may set this clock forward or
//! back. The state machine uses no clock, and a restart reads the records in the order of the file, not
//! of their times. So a jump changes no group's state. While the year is between 1970 and 9999, it
//! loses no record either. These things change:
//!
//! - `exp` and `nbf` are compared with the wrong time. With a clock that is ahead, the server refuses
//!   good tokens as `expired`, and accepts others before their `nbf`. With a clock that is behind, it
//!   refuses good tokens as `not_yet_valid`, and accepts captured tokens that have expired.
//! - `otp_timestamp`, and the time in each record and log line, are wrong. After a jump back, a later line
//!   has an earlier time.
//! - The [allowance](crate::allowance): a jump forward gives a group two records more for each second
//!   of the jump, up to 300. After a jump back, it can have two fewer for each second. If `due` is then
//!   more than 150.5 s ahead, only a jump can have caused that
//!   ([`early`](crate::allowance::Allowance::early)). So the count begins anew, and the group may have
//!   300 records at once.
//! - `--trial` measures its pauses with the same clock. So a jump can spoil one play of the exam.
//! - If the clock is before 1970 or after 9999, the command line refuses to start. If the clock of a
//!   running server is set so, the times of its lines are wrong. Before 1970 the server writes
//!   1970-01-01. After 9999 it writes only the last four digits of the year. The next start may then
//!   say that such a line is no record.
//!
//! The time that `--explain` may take is measured with a clock that does not jump. The system measures the
//! timeouts of the socket and of a pause with such a clock too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The system clock: the time since 1970-01-01 UTC. If the clock is before 1970, the time is 0.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A time since 1970-01-01 UTC as `YYYY-MM-DDThh:mm:ss.sssZ`, for the years up to 9999.
pub fn rfc3339(time: Duration) -> String {
    let seconds = time.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let milli = time.subsec_millis().into();
    let numbers = [(4, year), (7, month), (10, day), (13, hour), (16, minute), (19, second), (23, milli)];
    let mut text = *b"0000-00-00T00:00:00.000Z";
    for (end, mut number) in numbers {
        // The digits of the number end at `end`. The last digit is written first. The loop stops at the
        // `-`, `T`, `:` or `.` to their left, or at the beginning of the text.
        for digit in text[..end].iter_mut().rev().take_while(|byte| byte.is_ascii_digit()) {
            (*digit, number) = (b'0' + (number % 10) as u8, number / 10);
        }
    }
    text.map(char::from).iter().collect()
}

/// The inverse of [`rfc3339`]. `None` means that the text is not what `rfc3339` writes.
pub fn parse_rfc3339(text: &str) -> Option<Duration> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let time = Duration::from_secs(days(year, month, day)? * 86_400 + hour * 3_600 + minute * 60 + second)
        + Duration::from_millis(number(20, 23)?);
    (rfc3339(time) == text).then_some(time)
}

/// How many days of a year without a leap day come before each month.
const DAYS_BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// The date of a day: year, month and day in the Gregorian calendar. The days are counted from 1970-01-01,
/// which is day 0.
fn date(day: u64) -> (u64, u64, u64) {
    let has_begun = |year, month| days(year, month, 1).is_some_and(|first| first <= day);
    // `day / 366` counts every year as a long one. So it is the right number of years or fewer, never
    // more.
    let mut year = 1970 + day / 366;
    while has_begun(year + 1, 1) {
        year += 1;
    }
    let month = (1..=12).rev().find(|&month| has_begun(year, month)).unwrap_or(1);
    (year, month, day - days(year, month, 1).unwrap_or(0) + 1)
}

/// The number of days from 1970-01-01 to a date.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let years = year.checked_sub(1970)?;
    let leap_days_before = |year: u64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let is_leap = leap_days_before(year + 1) > leap_days_before(year);
    let month_before = DAYS_BEFORE.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let leap_days = leap_days_before(year) - leap_days_before(1970) + u64::from(is_leap && month > 2);
    (years * 365 + leap_days + month_before + day).checked_sub(1)
}
