//! The state machine: which number is accepted, and which comes next (section 3 of
//! [the protocol](crate::protocol)).
//!
//! A group's state is the sequence number of its last recorded message; 0 at the start. With 3
//! members, each arrow marked `seq_number/next_number`:
//!
//! ```text
//!        1/2        2/3        3/0
//!    0 -------> 1 -------> 2 -------> 3      1, 2, 3 repeat onto themselves, with the same
//!    ^                                |      answer; 0/1 leads from any state to 0
//!    +---------- 0/1 -----------------+
//! ```
//!
//! A repeat is answered like the first time: it means that the acknowledgment was lost.
//!
//! ```
//! use udpsocket_jwt_server::fsm::{Step, next};
//!
//! assert_eq!(next(3, 0, 1), Some(Step { state: 1, next_number: 2 }));
//! assert_eq!(next(3, 1, 1), Some(Step { state: 1, next_number: 2 }), "a repeat");
//! assert_eq!(next(3, 2, 3), Some(Step { state: 3, next_number: 0 }), "everyone is in");
//! assert_eq!(next(3, 2, 0), Some(Step { state: 0, next_number: 1 }), "start over");
//! assert_eq!(next(3, 1, 3), None, "out of order");
//! ```

/// A transition: the state it leads to, and the number that the acknowledgment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The group's new state, 0 to `members`.
    pub state: u8,
    /// The next member's number; 0 when everyone is in.
    pub next_number: u8,
}

/// The transition for a message with `seq_number` from a group in `state`, or none: out of order.
#[must_use]
pub fn next(members: u8, state: u8, seq_number: u64) -> Option<Step> {
    let sn = u8::try_from(seq_number).ok()?;
    let is_repeat = sn == state;
    let is_next = sn.checked_sub(1) == Some(state);
    match sn {
        0 => Some(Step { state: 0, next_number: 1 }),
        _ if sn > members => None,
        _ if !(is_repeat || is_next) => None,
        _ if sn == members => Some(Step { state: sn, next_number: 0 }),
        _ => Some(Step { state: sn, next_number: sn + 1 }),
    }
}
