//! The allowance: how fast a group may add records (section 5, point 8, of [the
//! protocol](crate::protocol)).
//!
//! An attacker who has captured two tokens of a group (for example its 0 and its 1) could send them
//! alternately for ever. Each one changes the state, so each one is a new record. A group may have
//! [100,000 records](crate::record::MOST_RECORDS), and the attacker could use them up as fast as the
//! server can write. After that, no new message of the group is recorded. So each group may add 300
//! records at once, and then two a second. At this pace, 100,000 records take 14 hours.
//!
//! The rule is the generic cell rate algorithm (GCRA, ITU-T I.371). It needs no timer and no counter.
//! For each group it keeps one time, `due`. Each record moves `due` ahead by half a second, the
//! *interval*. If `due` was in the past, the record first sets `due` to the record's own time. So if
//! one record comes every half second, each comes exactly at `due`. A record may come earlier than
//! `due`, but at most by a *tolerance* of 149.5 s.
//!
//! | when a record comes, `due` is | the record is |
//! | --- | --- |
//! | in the past, or at most 149.5 s ahead | permitted |
//! | more than 149.5 s ahead, and at most 150.5 s | not permitted |
//! | more than 150.5 s ahead | permitted, since the clock has gone back |
//!
//! All times are counted in whole milliseconds, since a record's line has its time in milliseconds. So
//! a restart reads back from the file exactly what the server had counted for these records, and
//! decides the same.
//!
//! ```
//! use std::time::Duration;
//! use udpsocket_jwt_server::allowance::Allowance;
//!
//! let mut allowance = Allowance::default();
//! let now = Duration::from_secs(1_700_000_000);
//! for _ in 0..300 {
//!     assert!(allowance.permits(now));
//!     allowance.spend(now);
//! }
//! assert!(!allowance.permits(now), "300 at once are used up");
//! assert!(allowance.permits(now + Duration::from_millis(500)), "then two a second");
//! ```

use std::time::Duration;

/// The even pace: GCRA's emission interval.
const INTERVAL: Duration = Duration::from_millis(500);
/// This many records may come at once.
const AT_ONCE: u32 = 300;
/// How early a record may come: GCRA's burst tolerance. If 300 records come at once, the first is not
/// early. When the 300th comes, the 299 before it have moved `due` ahead by 299 intervals. So the 300th
/// is 299 intervals early.
const TOLERANCE: Duration = INTERVAL.saturating_mul(AT_ONCE - 1);

/// How much of its allowance a group has used. The later `due` is, the less is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// When the next record would come if records came evenly: GCRA's theoretical arrival time, in whole
    /// milliseconds since 1970-01-01 UTC.
    due: Duration,
}

impl Allowance {
    /// Whether the group may have a record at this time.
    pub fn permits(&self, time: Duration) -> bool {
        self.early(time) <= TOLERANCE
    }

    /// Counts a record of this time. The file can have a record that is not permitted, if a server with
    /// `--no-limit` wrote it. Such a record is not counted.
    pub fn spend(&mut self, time: Duration) {
        if self.permits(time) {
            self.due = milliseconds(time) + self.early(time) + INTERVAL;
        }
    }

    /// How much earlier than `due` a record of this time comes. It is 0 if `due` is in the past. Just
    /// after a record, `due` is at most 150 s ahead: the tolerance and one interval. If the clock then
    /// goes back by half a second, `due` is at most 150.5 s ahead. That is still counted. If `due` is
    /// further ahead, the clock has gone back by more. Then `due` is ignored, and the record counts as
    /// not early.
    pub fn early(&self, time: Duration) -> Duration {
        let early = self.due.saturating_sub(milliseconds(time));
        if early > TOLERANCE + INTERVAL * 2 { Duration::ZERO } else { early }
    }
}

/// A time as a record has it, in whole milliseconds.
fn milliseconds(time: Duration) -> Duration {
    Duration::new(time.as_secs(), time.subsec_millis() * 1_000_000)
}
