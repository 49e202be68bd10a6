//! The state machine: which number is accepted, and which comes next (section 3 of
//! [the protocol](crate::protocol)).
//!
//! A group's state is the sequence number of its last recorded message. At the start it is 0. With 3
//! members, each arrow marked `seq_number/next_number`:
//!
//! ```text
//!        1/2        2/3        3/0
//!    0 -------> 1 -------> 2 -------> 3      1, 2, 3 repeat onto themselves, with the same
//!    ^                                |      answer; 0/1 leads from any state to 0
//!    +---------- 0/1 -----------------+
//! ```
//!
//! # A repeat
//!
//! A repeat is a message with the number of the group's last message. Mostly it means that the
//! acknowledgment was lost and the client has sent the same bytes again. The repeat gets the same
//! `next_number` as the first time, and the state does not change. So a message may arrive any number of
//! times. There are two exceptions. If `exp` has passed, the repeat is refused. If the repeat has another
//! `matricula`, it corrects the record.
//!
//! # A replayed 0
//!
//! Message 0 starts over: the state is 0 again. An attacker who has captured a group's 0 can replay it
//! until its `exp` has passed. Without an `exp`, this works for ever.
//!
//! What this undoes is the group's position. If the client was about to send 3, its 3 is out of order
//! now. The client tries 8 times, starts over itself, and sends everyone again. Each replay can cost the
//! client this time again. Each also adds a record, unless the group's last record is already this 0.
//! That takes from the group's [allowance](crate::allowance).
//!
//! This can't undo what is recorded. No record is removed from the file, and no `matricula` changes. A
//! group that was complete stays complete, since the report counts its last complete run. The 0 names its
//! group under the signature, so it touches no other group.
//!
//! The page has this rule in its middle:
//!
//! ```text,page
//! sn if sn > members || sn != state && sn != state + 1 => return None,
//! ```
//!
//! To try the rule there, one needs keys and signatures. Here it is a function of three numbers, and the
//! tests try every case.
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

/// The `next_number` of the reply to `seq_number`, for a group of `members` members in `state`. The group's
/// new state is then `seq_number`. `None` means that the message is out of order.
pub fn next(members: u64, state: u64, seq_number: u64) -> Option<u64> {
    match seq_number {
        0 => Some(1),
        sn if sn > members => None,
        sn if sn != state && sn - 1 != state => None,
        sn if sn == members => Some(0),
        sn => Some(sn + 1),
    }
}
