//! The allowance: how many records a group may have, and how soon (section 5, point 8, of
//! [the protocol](crate::protocol)).
//!
//! An attacker who has captured two tokens of a group, its 0 and its 1 say, could send them alternately
//! for ever. Each one changes the state, so each one is a new record, and the file would grow without
//! end. So each group may have 300 records at once, and then two a second.
//!
//! The rule is the generic cell rate algorithm (GCRA, ITU-T I.371). It needs no timer and no counter. For
//! each group it keeps one time, `due`. At an even pace, the next record comes at `due`. A record may come
//! earlier than `due`, by at most a tolerance. Each record moves `due` one interval on.
//!
//! ```text
//!                       a record comes
//!                             |<--- TOLERANCE: 149.5 s --->|
//!  ---------------------------+----------------------------+-------------> time
//!    if `due` is anywhere here, the record is permitted    |  if here, it is not
//! ```
//!
//! All times are counted in whole milliseconds, since a record's line has its time in milliseconds. So a
//! restart reads back from the file exactly what the server had counted, and a restart changes no
//! decision.
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
/// How early a record may come: GCRA's burst tolerance. So 1 + 299 records may come at once.
const TOLERANCE: Duration = Duration::from_millis(299 * 500);

/// How much of a group's allowance its records have left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// When the next record comes at the even pace: GCRA's theoretical arrival time, in whole
    /// milliseconds since 1970-01-01 UTC.
    due: Duration,
}

impl Allowance {
    /// Whether the group may have a record at this time.
    pub fn permits(&self, time: Duration) -> bool {
        self.early(time) <= TOLERANCE
    }

    /// Counts a record of this time. A record that is not permitted is not counted. A server with
    /// `--no-limit` has written it.
    pub fn spend(&mut self, time: Duration) {
        if self.permits(time) {
            self.due = milliseconds(time) + self.early(time) + INTERVAL;
        }
    }

    /// How much earlier than `due` a record of this time comes. Records can bring `due` ahead by the
    /// tolerance and one interval, and no further. If `due` is more than one interval beyond that, the
    /// clock has gone back. Then what the wrong clock has counted no longer counts.
    pub fn early(&self, time: Duration) -> Duration {
        let early = self.due.saturating_sub(milliseconds(time));
        if early > TOLERANCE + INTERVAL * 2 { Duration::ZERO } else { early }
    }
}

/// A time as a record has it: in whole milliseconds.
fn milliseconds(time: Duration) -> Duration {
    Duration::new(time.as_secs(), time.subsec_millis() * 1_000_000)
}
