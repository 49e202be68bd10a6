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
//! A repeat mostly means that the acknowledgment was lost: it is answered like the first time, and moves
//! nothing, so a message may arrive any number of times. (One with another `matricula` corrects the
//! record.) A 0 starts over, whoever sends it: who has captured one can take its group back to the
//! beginning, until its `exp`, if it has one, has passed. No record is lost by that, and the group
//! starts over too.
//!
//! The page has the same rule in its middle,
//!
//! ```text,page
//! sn if sn > members || sn != states[group] && sn != states[group] + 1 => return None,
//! ```
//!
//! where trying it takes keys and signatures. Of a function of three numbers the tests try every case.
//!
//! ```
//! use udpsocket_jwt_server::fsm::next;
//!
//! assert_eq!(next(3, 0, 1), Some(2));
//! assert_eq!(next(3, 1, 1), Some(2), "a repeat");
//! assert_eq!(next(3, 2, 3), Some(0), "everyone is in");
//! assert_eq!(next(3, 2, 0), Some(1), "start over");
//! assert_eq!(next(3, 1, 3), None, "out of order");
//! ```

/// The `next_number` that answers `seq_number` from a group in `state`; its new state is then that
/// `seq_number`. None: it is out of order.
pub fn next(members: u64, state: u64, seq_number: u64) -> Option<u64> {
    match seq_number {
        0 => Some(1),
        sn if sn > members => None,
        sn if sn != state && sn - 1 != state => None,
        sn if sn == members => Some(0),
        sn => Some(sn + 1),
    }
}
