//! The state machine: which number is accepted, and which comes next (section 3 of
//! [the protocol](crate::protocol)).
//!
//! A group's state is the sequence number of its last recorded message. If there is none, the state is
//! 0. This is the machine for 3 members. On each arrow stands `seq_number/next_number`:
//!
//! ```text
//!        1/2        2/3        3/0
//!    0 -------> 1 -------> 2 -------> 3      In state 1, 2 or 3, the same number again changes
//!    ^                                |      nothing, and gets the same next_number.
//!    +---------- 0/1 -----------------+      From any state, 0/1 leads to 0.
//! ```
//!
//! # A repeat
//!
//! A repeat is a message with the number of the group's last recorded message. Mostly it means that the
//! acknowledgment was lost, and that the client has sent the same bytes again. The repeat gets the same
//! `next_number` as the first time, and the state does not change. So a repeat may arrive any number of
//! times. If the `exp` of a repeat has passed, the repeat is refused. If a repeat has another
//! `matricula`, it is a correction. It must be [recorded](crate::record), and then it is answered in
//! the same way.
//!
//! # A replayed 0
//!
//! Message 0 starts over: the state is 0 again. An attacker who has captured a group's 0 can replay it
//! until its `exp` has passed. Without an `exp`, this works for ever.
//!
//! The replay sets back the group's state. If the client was about to send 3, its 3 is out of order
//! now. The client tries 8 times (rule 4 of [its part](crate::protocol)). Then it starts over itself,
//! and sends everyone again. Each further replay can cost the client 8 more tries and another
//! start-over. After three start-overs that failed, the client gives up (rule 5). Each replay also adds
//! a record, unless the group's last record is already this 0. Each record uses some of the group's
//! [allowance](crate::allowance). If the allowance is used up, the replay is refused, and for some time
//! the client's new messages too.
//!
//! A replayed 0 can't undo what is recorded. No record is removed from the file, and no `matricula`
//! changes. A group that was complete stays complete. (A *run* begins with a record of number 1, and
//! ends before the next such record. The report counts the last run that has every member.) The
//! signature of the 0 covers the name of its group, so the 0 touches no other group.
//!
//! # The rule as a function
//!
//! The page has the whole machine in its middle. This line of it says which number is out of order:
//!
//! ```text,page
//! sn if sn > members || (sn != state && sn != state + 1) => return None,
//! ```
//!
//! To try the machine there, a test needs keys and signatures. Here the machine is a function of three
//! numbers, and the tests try every case of small groups.
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
        sn if sn != state && sn - 1 != state => None, // `state + 1` could overflow. `sn` is not 0 here.
        sn if sn == members => Some(0),
        sn => Some(sn + 1),
    }
}
