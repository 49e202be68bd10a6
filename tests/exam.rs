//! The exam of `--trial` on its own: clients of every habit, in no time and with any right copy.

use std::net::SocketAddr;
use std::time::Duration;
use udpsocket_jwt_server::fsm;
use udpsocket_jwt_server::tools::lab::exam::{Exam, Fate, Finding, Message};
use udpsocket_jwt_server::tools::lab::verdict::{Line, Standing, Verdict};

const RIGHT_COPIES: std::ops::RangeInclusive<u32> = 6..=8;
const TIMER: Duration = Duration::from_secs(1);

/// A group under examination, its state machine, and what has been shown of it.
struct Group {
    exam: Exam,
    members: u8,
    state: u8,
    now: Duration,
    right_copy: u32,
    shown: Vec<(Verdict, u8)>,
    standing: Standing,
}

impl Group {
    fn new(members: u8, state: u8, right_copy: u32) -> Self {
        let now = Duration::from_secs(1_700_000_000);
        let (exam, standing) = (Exam::new(members, state), Standing::default());
        Self { exam, members, state, now, right_copy, shown: Vec::new(), standing }
    }

    /// A group of three whose first member is in.
    fn with_1_in(right_copy: u32) -> Self {
        let mut group = Self::new(3, 0, right_copy);
        group.goes_through(1, "1", |_| 1);
        group
    }

    /// Sends a copy of a message, and says what became of it; nothing, where it is out of order.
    fn send(&mut self, number: u8, id_request: &str, port: u16) -> Option<Fate> {
        let peer = SocketAddr::from(([127, 0, 0, 1], port));
        let message = Message { number, id_request, exp: None, peer, right_copy: self.right_copy };
        let (fate, findings) = self.exam.take(&message, self.now);
        for finding in findings {
            self.note(finding);
        }
        if fate == Fate::RequestLost {
            return Some(fate);
        }
        fsm::next(self.members.into(), self.state.into(), number.into())?;
        self.state = number;
        if let Some(finding) = self.exam.handled(number, self.now) {
            self.note(finding);
        }
        Some(fate)
    }

    fn note(&mut self, Finding { verdict, number, copies }: Finding) {
        self.shown.push((verdict, number));
        self.standing.add(Line { time: self.now, number, copies, verdict, otp_number: None });
    }

    /// So many copies, a timer apart, from one socket.
    fn copies(&mut self, number: u8, id_request: &str, copies: u32) {
        for _ in 0..copies {
            self.send(number, id_request, 1);
            self.now += TIMER;
        }
    }

    /// Sends a message until the right reply comes, as a sound client does.
    fn goes_through(&mut self, number: u8, id_request: &str, mut port: impl FnMut(u32) -> u16) {
        for copy in 1..=8 {
            let fate = self.send(number, id_request, port(copy));
            if matches!(fate, Some(Fate::Right | Fate::AsEver)) {
                self.now += Duration::from_millis(3);
                return;
            }
            self.now += TIMER;
        }
        panic!("number {number} has got no right reply: {:?}", self.shown);
    }

    fn sound_run(&mut self, run: &str) {
        for number in 1..=self.members {
            self.goes_through(number, &format!("{run}{number}"), |_| 1);
        }
    }

    /// The faults and what counts like one, without how far the exam has come.
    fn faults(&self) -> Vec<(Verdict, u8)> {
        let mut faults = self.shown.clone();
        faults.retain(|(verdict, _)| verdict.is_fault() || *verdict == Verdict::DisbelievedOnce);
        faults
    }

    fn has_passed(&self) -> bool {
        self.standing.passed.is_some()
    }

    /// The verdict that is told of a client that has not passed.
    fn told(&self) -> (Verdict, u8) {
        let line = self.standing.under_way.or(self.standing.fault).expect("a verdict");
        (line.verdict, line.number)
    }
}

/// Every way to draw the right copies, for a group of one and of three.
fn groups() -> impl Iterator<Item = (u8, u32)> {
    [1, 3].into_iter().flat_map(|members| RIGHT_COPIES.map(move |right_copy| (members, right_copy)))
}

#[test]
fn a_sound_client_passes_whatever_sockets_it_uses() {
    type Port = fn(number: u16, copy: u16) -> u16;
    let habits: [(&str, Port); 5] = [
        ("one socket", |_, _| 1),
        ("a socket for each message", |number, _| number),
        ("a socket for each try", |number, copy| number * 100 + copy),
        ("two sockets in turn", |_, copy| copy % 2),
        ("another socket from the fourth try on", |number, copy| number * 10 + u16::from(copy > 3)),
    ];
    for (members, right_copy) in groups() {
        for (habit, port) in habits {
            let mut group = Group::new(members, 0, right_copy);
            for number in 1..=members {
                let port = |copy: u32| port(number.into(), copy as u16);
                group.goes_through(number, &format!("message {number}"), port);
            }
            assert!(group.has_passed(), "{habit}: {:?}", group.shown);
            assert_eq!(group.faults(), [], "{habit}");
        }
    }
}

#[test]
fn a_blind_client_passes_only_if_it_sends_just_as_many_copies_as_it_takes_each_time() {
    for copies in [6, 7, 8, 9, 12] {
        for (members, right_copy) in groups() {
            let mut group = Group::new(members, 0, right_copy);
            for number in 1..=members {
                group.copies(number, &format!("message {number}"), copies);
            }
            let what = format!("{copies} of {right_copy}: {:?}", group.shown);
            assert_eq!(group.has_passed(), copies == right_copy, "{what}");
            if !group.has_passed() {
                let expected = match copies {
                    _ if copies < right_copy && members == 1 => Verdict::Unfinished,
                    _ if copies < right_copy => Verdict::NoReply,
                    _ if copies == right_copy + 1 => Verdict::DisbelievedOnce,
                    _ => Verdict::Disbelieved,
                };
                assert_eq!(group.told(), (expected, 1), "{what}");
            }
        }
    }
}

#[test]
fn only_a_copy_that_was_not_on_its_way_shows_that_the_right_reply_was_not_taken() {
    for (after, expected) in [(300, None), (499, None), (501, Some(Verdict::DisbelievedOnce))] {
        let mut group = Group::new(1, 0, 6);
        group.copies(1, "message", 5);
        group.send(1, "message", 1);
        group.now += Duration::from_millis(after);
        group.send(1, "message", 1);
        assert_eq!(group.faults(), expected.map(|verdict| (verdict, 1)).into_iter().collect::<Vec<_>>());
        assert_eq!(group.has_passed(), expected.is_none());
    }
}

#[test]
fn another_copy_takes_the_pass_back_only_within_ten_seconds() {
    for (after, has_passed) in [(2, false), (9, false), (10, true)] {
        let mut group = Group::new(3, 0, 7);
        group.sound_run("");
        assert!(group.has_passed());
        group.now += TIMER * after; // and the 3 ms of the last exchange
        group.send(3, "3", 1);
        assert_eq!(group.has_passed(), has_passed, "after {after} s");
    }
}

#[test]
fn who_starts_over_when_its_timer_runs_out_after_its_right_reply_has_not_taken_it() {
    let mut group = Group::new(1, 0, 8);
    group.copies(1, "message", 8);
    assert!(group.has_passed(), "so far");
    group.send(0, "zero", 1);
    assert_eq!((group.faults(), group.has_passed()), (vec![(Verdict::DisbelievedOnce, 1)], false));
    group.goes_through(1, "again", |_| 1);
    assert!(group.has_passed(), "beginning again is enough");

    let mut group = Group::new(1, 0, 8);
    group.sound_run("");
    group.send(0, "zero", 2);
    assert!(group.has_passed(), "a run that follows at once is another");
}

#[test]
fn a_client_that_stops_is_told_the_last_trap_for_one_member_as_for_three() {
    let traps = [
        (1, Verdict::SentOnce),
        (2, Verdict::Unfinished),
        (3, Verdict::AtDamagedHmac),
        (4, Verdict::AtOtherIdRequest),
        (5, Verdict::AtOtherIdRequest), // there is no message before
        (6, Verdict::Unfinished),
    ];
    for (copies, verdict) in traps {
        for members in [1, 3] {
            let mut group = Group::new(members, 0, 7);
            group.copies(1, "message", copies);
            assert_eq!(group.told(), (verdict, 1));
        }
    }
    let mut group = Group::with_1_in(6);
    assert_eq!(group.told(), (Verdict::AtRightReply, 1));
    group.copies(2, "2", 5);
    assert_eq!(group.told(), (Verdict::AtPreviousReply, 2));
}

#[test]
fn who_goes_on_too_soon_is_told_what_it_believed() {
    use Verdict::{DamagedHmac, NoReply, OtherIdRequest, PreviousReply};
    let faults = [NoReply, NoReply, DamagedHmac, OtherIdRequest, PreviousReply, NoReply, NoReply];
    for (copies, verdict) in (1..).zip(faults) {
        let mut group = Group::with_1_in(8);
        group.copies(2, "2", copies);
        group.copies(3, "3", 8);
        assert_eq!((group.told(), group.has_passed()), ((verdict, 2), false), "after {copies} copies");
    }
}

#[test]
fn who_signs_anew_is_told_so() {
    for copies in 1..=7 {
        let mut group = Group::with_1_in(8);
        group.copies(2, "2", copies);
        group.send(2, "another 2", 1);
        let verdict = if copies == 5 { Verdict::PreviousReply } else { Verdict::ChangedMessage };
        assert_eq!(group.told(), (verdict, 2));
    }
}

#[test]
fn who_starts_over_before_seven_copies_is_told_so() {
    for copies in 1..=7 {
        let mut group = Group::with_1_in(8);
        group.copies(2, "2", copies);
        group.send(0, "0", 1);
        let expected = if copies < 7 { vec![(Verdict::GaveUp, 2)] } else { vec![] };
        assert_eq!(group.faults(), expected, "the network may have lost one of eight");
    }
}

#[test]
fn a_client_that_was_started_again_has_shown_no_fault() {
    for first in [0, 1] {
        let mut group = Group::with_1_in(8);
        group.copies(2, "2", 4);
        group.now += TIMER * 5;
        (0..8).for_each(|_| _ = group.send(first, "first", 2));
        group.now += TIMER * 8;
        group.send(0, "0", 2);
        group.sound_run("again");
        assert_eq!((group.faults(), group.has_passed()), (vec![], true), "which began with {first}");
    }
}

#[test]
fn old_messages_show_nothing_whoever_sends_them() {
    let mut group = Group::new(3, 0, 7);
    group.send(0, "0", 1);
    let mut old: Vec<(u8, String)> = Vec::new();
    for number in 1..=3 {
        let id_request = number.to_string();
        for _ in 1..=7 {
            for (number, id_request) in &old {
                group.send(*number, id_request, 9);
            }
            group.send(number, &id_request, 1);
            group.now += TIMER;
        }
        if number > 1 {
            old.clear(); // older ones are out of order
        }
        old.push((number, id_request));
    }
    assert_eq!((group.faults(), group.has_passed()), (vec![], true));
}

#[test]
fn an_old_message_that_moves_the_state_disturbs_the_exam_without_a_fault() {
    for old in ["0", "record"] {
        let mut group = Group::new(3, 0, 7);
        group.exam.remember("record"); // of a 0 before this start
        group.send(0, "0", 1);
        group.goes_through(1, "1", |_| 1);
        group.copies(2, "2", 3);
        group.send(0, old, 9);
        assert_eq!((group.faults(), group.told()), (vec![], (Verdict::Disturbed, 0)));
        group.copies(2, "2", 5);
        assert_eq!(group.told(), (Verdict::Disturbed, 0), "the rest is no exam");
        group.send(0, "another 0", 1);
        group.sound_run("again");
        assert!(group.has_passed());
    }
}

#[test]
fn a_late_0_during_number_1_disturbs_nothing_though_it_moves_the_state() {
    let mut group = Group::new(3, 0, 7);
    group.send(0, "0", 1);
    group.copies(1, "1", 3);
    group.send(0, "0", 9);
    group.copies(1, "1", 3);
    group.send(1, "1", 1);
    for number in 2..=3 {
        group.goes_through(number, &number.to_string(), |_| 1);
    }
    assert_eq!((group.faults(), group.has_passed()), (vec![], true));
}

#[test]
fn only_the_last_1000_messages_are_remembered() {
    let mut group = Group::new(1, 0, 6);
    (0..=1_000).for_each(|id| group.exam.remember(&id.to_string()));
    assert_eq!(group.send(1, "1", 1), Some(Fate::AsEver), "remembered");
    assert_eq!(group.send(1, "0", 1), Some(Fate::RequestLost), "forgotten");
}

#[test]
fn a_group_that_does_not_start_at_0_is_examined_once_it_has_started_over() {
    let mut group = Group::new(3, 3, 7);
    group.copies(1, "1", 8);
    assert_eq!(group.shown, [], "a client that was never answered has disbelieved nothing");
    assert_eq!(group.send(3, "old", 1), Some(Fate::AsEver));
    group.send(0, "0", 1);
    group.sound_run("");
    assert!(group.has_passed());
}

#[test]
fn who_sends_a_captured_message_along_with_the_client_makes_it_no_fault() {
    for (members, right_copy) in groups() {
        let mut group = Group::new(members, 0, right_copy);
        'messages: for number in 1..=members {
            let id_request = format!("message {number}");
            for _ in 0..8 {
                let fate = group.send(number, &id_request, 1);
                group.now += Duration::from_millis(2);
                group.send(number, &id_request, 9);
                group.now += TIMER;
                if fate == Some(Fate::Right) {
                    continue 'messages;
                }
            }
        }
        assert_eq!((group.faults(), group.has_passed()), (vec![], true), "{members} {right_copy}");
    }
}

#[test]
fn only_a_timer_below_50_ms_is_advice() {
    for (timer, is_short) in [(20, true), (49, true), (50, false), (1_000, false)] {
        let mut group = Group::new(1, 0, 6);
        for _ in 0..6 {
            group.send(1, "message", 1);
            group.now += Duration::from_millis(timer);
        }
        assert_eq!(group.standing.advice.is_some(), is_short, "{timer} ms");
        assert!(group.has_passed(), "it is advice, no fault");
    }
}

#[test]
fn the_standing_verdicts_written_again_stand_as_before() {
    use Verdict::{AtDamagedHmac, DamagedHmac, DisbelievedOnce, NoReply, Passed, SentOnce, ShortTimer};
    let faults = [SentOnce, ShortTimer, DamagedHmac, SentOnce, AtDamagedHmac, ShortTimer];
    let given = faults.into_iter().chain([Passed, NoReply, Passed, DisbelievedOnce]);
    let mut standing = Standing::default();
    for (second, verdict) in (0..).zip(given) {
        let time = Duration::from_secs(second * 20);
        standing.add(Line { time, number: 1, copies: 6, verdict, otp_number: None });
        let mut again = Standing::default();
        standing.lines().for_each(|line| again.add(*line));
        assert!(again.lines().eq(standing.lines()), "{standing:?}, {again:?}");
    }
    assert_eq!(standing.lines().count(), 3, "passed, passed again, and advice: {standing:?}");
}
