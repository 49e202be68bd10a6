//! The exam of one group: what becomes of each copy of a message, and what that shows of the client
//! (section 8 of [the protocol](crate::protocol)).
//!
//! The [table] has the boxes of the [sheet], the [dealer](deal) shuffles their tricks. Here is what a play
//! shows. It needs no socket, no file and no clock: [`Exam::take`] is told of each signed message,
//! [`Exam::handled`] of those that the state machine accepted, [`Exam::tick`] of the time.
//!
//! A *play* begins with a number 1 that is *fresh*, one whose payload was never verified by this server
//! before, and that is in order. Only fresh messages begin anything: what others replay is answered as ever.
//!
//! ```
//! use std::time::Duration;
//! use udpsocket_jwt_server::tools::lab::exam::{Exam, Fate, Message};
//!
//! let now = Duration::from_secs(1_700_000_000);
//! let mut exam = Exam::new(1); // of a group with one member
//! let message = Message {
//!     number: 1,
//!     id: 0x2c1b,
//!     jti: Some(7),
//!     exp: Some(1_700_000_300.0),
//!     matricula: 20240001,
//!     peer: "192.0.2.7:50000".parse().unwrap(),
//!     seed: 0,
//! };
//! let fate_of_copy = |second| {
//!     let now = now + Duration::from_secs(second);
//!     let fate = exam.take(&message, now);
//!     if fate != Fate::RequestLost {
//!         exam.handled(now, 17);
//!     }
//!     fate
//! };
//! let fates: Vec<_> = (0..6).map(fate_of_copy).collect();
//! assert_eq!(fates[5], Fate::Right, "the fifth copy, or one before it, and each one after that");
//! ```

pub mod deal;
pub mod sheet;
pub mod table;
pub mod wrong;

pub use deal::Fate;

use crate::fsm;
use deal::{Draws, Plan, Purpose, Times};
use sheet::{Line, Sheet, State, Verdict};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use table::{
    CLOCKS_DIFFER, DELIVERIES, LONGEST_DELAY, LONGEST_LIFE, SHORT_PAUSE, START_OVERS, TIMES, TIMES_IF_BROKEN,
    TRIES, Trick,
};

/// The beginning of the hash of a payload, or of a `jti`.
pub type Id = u128;

/// A fresh message that answers a right reply arrives within this time after that: the reply is delayed by 10 s
/// at most, eight tries 5 s apart follow, and the last of them is delayed too.
const STALE: Duration = Duration::from_secs(60);
/// A number 1 that comes again after so many seconds is not of this run.
const OLD: u128 = 120;
/// How many payloads of a group are remembered, and how many values of `jti`.
const MOST_SEEN: usize = 4_096;
/// How many copies of a message are looked at.
const MOST_COPIES: usize = 64;
/// The network lengthens pauses and loses wrong replies. But a client that keeps its second is in time more
/// often than once in three. A pause in time counts 2, a late one -1, down to this; with so much the box is
/// shown: two of three.
const ENOUGH_IN_TIME: i32 = 3;
const ENOUGH_LATE: i32 = 6;
/// How many pauses of a client are kept.
const MOST_PAUSES: usize = 32;
/// A client's pause, where only one copy has come.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(5);

/// A signed message, as the examiner tells one from another.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The member's number; 0 starts over.
    pub number: u64,
    /// Which payload it is.
    pub id: Id,
    /// Its `jti`, if it has one.
    pub jti: Option<Id>,
    /// When it expires.
    pub exp: Option<f64>,
    /// The member's.
    pub matricula: u64,
    /// Who sent this copy.
    pub peer: SocketAddr,
    /// What shuffles its tricks.
    pub seed: u64,
}

/// A bounded memory: what came first is forgotten first.
#[derive(Clone, Debug, Default)]
struct Seen {
    known: HashMap<Id, Id>,
    order: VecDeque<Id>,
}

impl Seen {
    /// Remembers a key with its value; the value that it had.
    fn insert(&mut self, key: Id, value: Id) -> Option<Id> {
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        if self.order.len() == MOST_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(key, value);
        self.order.push_back(key);
        None
    }
}

/// A copy of the message that is examined.
#[derive(Clone, Copy, Debug)]
struct Copied {
    time: Duration,
    peer: SocketAddr,
    fate: Fate,
}

/// The message that is examined.
#[derive(Clone, Debug)]
struct Current {
    number: u64,
    /// Its payloads: a client that breaks a rule sends several. With each its `exp`, when it came first, and
    /// how often from the socket that sent the first.
    payloads: Vec<(Id, Option<f64>, Duration, u32)>,
    plan: Plan,
    /// Who sent the first copy: fresh, so of the client.
    peer: SocketAddr,
    copies: Vec<Copied>,
    /// At which copy, and as which of all replies, the right one left first.
    right: Option<(u32, u32)>,
    /// How many right replies have left, and whether one waits for the next copy.
    rights: u32,
    holds: bool,
}

impl Current {
    fn new(message: &Message, now: Duration, plan: Plan) -> Self {
        Self {
            number: message.number,
            payloads: vec![(message.id, message.exp, now, 0)],
            plan,
            peer: message.peer,
            copies: Vec::new(),
            right: None,
            rights: 0,
            holds: false,
        }
    }

    fn has(&self, id: Id) -> bool {
        self.payloads.iter().any(|(known, ..)| *known == id)
    }

    /// Whether the client sends from one socket: the first one has sent again. Then copies from any other are
    /// somebody else's.
    fn has_one_socket(&self) -> bool {
        self.copies.iter().filter(|copy| copy.peer == self.peer).count() > 1
    }

    /// The client's copies.
    fn own(&self) -> impl Iterator<Item = &Copied> {
        let has_one_socket = self.has_one_socket();
        self.copies.iter().filter(move |copy| !has_one_socket || copy.peer == self.peer)
    }

    /// How many copies of the client have come.
    #[expect(clippy::cast_possible_truncation, reason = "nobody sends a message four billion times")]
    fn count(&self) -> u32 {
        self.own().count() as u32
    }

    /// The pauses between the client's copies.
    fn pauses(&self) -> Vec<Duration> {
        let times: Vec<_> = self.own().map(|copy| copy.time).collect();
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
    }

    /// The pause that the client makes: the middle one of all.
    fn pause(&self) -> Duration {
        let mut pauses = self.pauses();
        pauses.sort_unstable();
        pauses.get(pauses.len() / 2).copied().unwrap_or(UNKNOWN_PAUSE)
    }

    /// How many replies the client has got, right and wrong ones.
    #[expect(clippy::cast_possible_truncation, reason = "nobody sends a message four billion times")]
    fn replies(&self) -> u32 {
        let wrong = |copy: &&Copied| matches!(copy.fate, Fate::Wrong(_) | Fate::HalfAPauseLater(_));
        self.own().filter(wrong).count() as u32 + self.rights
    }

    /// The box of what the client was sent last: if it goes on or ends now, it may have believed that. A client
    /// that believes a reply goes on before its pause is over. Where two kinds came in that time, since the
    /// network repeated a copy, it is known only that neither was right.
    fn believed(&self, now: Duration) -> Trick {
        let wrong = |copy: &Copied| match copy.fate {
            Fate::Wrong(trick) | Fate::HalfAPauseLater(trick) => Some(trick),
            _ => None,
        };
        let lately = self.pause().mul_f64(0.9);
        let recent = self.own().filter(|copy| now.saturating_sub(copy.time) < lately);
        let mut recent: Vec<_> = recent.filter_map(wrong).collect();
        recent.dedup();
        match recent[..] {
            [] => self.own().last().and_then(wrong).unwrap_or(Trick::Silence),
            [one] => one,
            _ => Trick::Silence,
        }
    }
}

/// A client's run from its number 1 on.
#[derive(Clone, Debug)]
struct Play {
    purpose: Purpose,
    began: Duration,
    /// Numbers of which a message of an earlier run may still arrive.
    stale: Vec<u64>,
    message: Current,
    /// While nothing is answered: the payloads of number 0 so far, and when the last copy came.
    zeros: u32,
    last_zero: Duration,
    /// The pause of the client before it started over.
    pause: Duration,
}

/// What was learned of when a client goes on.
#[derive(Clone, Copy, Debug)]
struct GoingOn {
    fewest_copies: u32,
    fewest_replies: u32,
    most_copies: u32,
    most_replies: u32,
}

impl Default for GoingOn {
    fn default() -> Self {
        Self { fewest_copies: u32::MAX, fewest_replies: u32::MAX, most_copies: 0, most_replies: 0 }
    }
}

/// The copy that is being handled.
#[derive(Clone, Copy, Debug)]
struct Handling {
    number: u64,
    id: Id,
    fate: Fate,
    is_old: bool,
}

/// The last fresh message of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// It was about a member.
    Member,
    /// It was a 0, so far without a right reply.
    Zero,
    /// It was a 0, and a right reply to it has left.
    AnsweredZero,
}

/// One group's examination.
#[derive(Clone, Debug)]
pub struct Exam {
    members: u64,
    /// The state of the group's state machine.
    state: u64,
    /// Until then nothing is broken by going on: before a restart, replies may have left.
    settles: Duration,
    payloads: Seen,
    jtis: Seen,
    /// How many plays have begun.
    plays: u32,
    /// Of each number the last matricula, and until when its message was good.
    list: BTreeMap<u64, (u64, f64)>,
    /// The payloads of each number to which a right reply has left, and when last. A fresh message of the
    /// next number takes one away: as many of those may still arrive as are left here.
    left: BTreeMap<u64, Vec<(Id, Duration)>>,
    sheet: Sheet,
    play: Option<Play>,
    /// Start-overs since the client began, and whether it does so now.
    start_overs: u32,
    last: Last,
    /// Whether the client began with 1, and whether it is spared since it started over because of a trick.
    began_with_1: bool,
    is_spared: bool,
    /// Who sent the last fresh messages.
    peers: VecDeque<SocketAddr>,
    going_on: GoingOn,
    /// How often it has come through each trick since the sheet was empty.
    times: Times,
    /// What the pauses count in which a wrong reply came.
    in_time: i32,
    /// The last pauses that the client made between two copies.
    pauses: VecDeque<Duration>,
    /// Whether a message of this run was answered: its reply can be sent once more to another.
    has_earlier_reply: bool,
    /// The client whose play another one has ended: its payloads, and its socket. If it goes on sending, two
    /// clients run at once; then there is no play for a while.
    ended: Option<(Vec<Id>, SocketAddr)>,
    rests_until: Duration,
    handling: Option<Handling>,
    lines: Vec<Line>,
}

impl Exam {
    /// The exam of a group with so many members, of which nothing is known.
    pub fn new(members: u8) -> Self {
        Self {
            members: members.into(),
            state: 0,
            settles: Duration::ZERO,
            payloads: Seen::default(),
            jtis: Seen::default(),
            plays: 0,
            list: BTreeMap::new(),
            left: BTreeMap::new(),
            sheet: Sheet::default(),
            play: None,
            start_overs: 0,
            last: Last::Member,
            began_with_1: false,
            is_spared: false,
            peers: VecDeque::new(),
            going_on: GoingOn::default(),
            times: Times::default(),
            in_time: 0,
            pauses: VecDeque::new(),
            has_earlier_reply: false,
            ended: None,
            rests_until: Duration::ZERO,
            handling: None,
            lines: Vec::new(),
        }
    }

    /// Goes on after a restart: in this state, with this sheet. A play that was under way is dropped.
    pub fn restore(&mut self, state: u64, sheet: Sheet, has_records: bool, now: Duration) {
        self.state = state;
        self.sheet = sheet;
        self.settles = if has_records { now + STALE } else { Duration::ZERO };
    }

    /// Remembers a payload that was verified before this start.
    pub fn remember(&mut self, id: Id, jti: Option<Id>) {
        self.payloads.insert(id, 0);
        if let Some(jti) = jti {
            self.jtis.insert(jti, id);
        }
    }

    /// The group's sheet.
    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// What was shown since the last call.
    pub fn lines(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines)
    }

    /// Which copy of its message is being handled.
    pub fn copies(&self) -> u32 {
        self.play.as_ref().map_or(0, |play| play.message.count())
    }

    /// The pause that the client makes, for a wrong reply in the middle of it.
    pub fn pause(&self) -> Duration {
        let of_message = || self.play.as_ref().map_or(UNKNOWN_PAUSE, |play| play.message.pause());
        self.usual_pause().unwrap_or_else(of_message)
    }

    /// The client's pause, as many messages tell it: the network lengthens one or the other.
    fn usual_pause(&self) -> Option<Duration> {
        let mut pauses: Vec<_> = self.pauses.iter().copied().collect();
        pauses.sort_unstable();
        pauses.get(pauses.len() / 2).copied().filter(|_| pauses.len() >= 3)
    }

    /// Keeps the pauses of a message in which no wrong reply came in the middle of one.
    fn learn_pauses(&mut self, message: &Current) {
        if message.copies.iter().any(|copy| matches!(copy.fate, Fate::HalfAPauseLater(_))) {
            return;
        }
        self.pauses.extend(message.pauses());
        let too_many = self.pauses.len().saturating_sub(MOST_PAUSES);
        self.pauses.drain(..too_many);
    }

    /// When the client has been silent for so long that its play is over.
    pub fn over(&self) -> Option<Duration> {
        let play = self.play.as_ref()?;
        let last = play.message.copies.last().map_or(play.began, |copy| copy.time).max(play.last_zero);
        let pause = if play.zeros > 0 { play.pause } else { play.message.pause() };
        Some(last + LONGEST_DELAY + pause * 4)
    }

    /// Closes a play that is over.
    pub fn tick(&mut self, now: Duration) {
        if self.over().is_some_and(|over| over < now)
            && let Some(play) = self.play.take()
        {
            self.close(&play, now);
        }
    }

    /// Takes a message before it is handled: what becomes of it.
    pub fn take(&mut self, message: &Message, now: Duration) -> Fate {
        self.tick(now);
        let first = self.payloads.insert(message.id, now.as_secs().into());
        let is_fresh = first.is_none();
        if is_fresh {
            self.examine_payload(message, now);
            self.examine_list(message, now);
            self.examine_sockets(message, now);
        }
        let is_ended =
            |(ids, peer): &(Vec<Id>, SocketAddr)| ids.contains(&message.id) && *peer == message.peer;
        if self.ended.as_ref().is_some_and(is_ended) {
            self.saw_two_clients(message, now);
        }
        let play = self.play.take();
        let fate = match play {
            Some(play) if play.message.has(message.id) => self.copy(play, message, now),
            play if is_fresh => self.fresh(play, message, now),
            play => {
                // Of this run it may be a late copy.
                let is_of_earlier_run = first.is_some_and(|first| first + OLD < now.as_secs().into());
                if message.number == 1 && play.is_none() && is_of_earlier_run {
                    self.note(Verdict::Question, Trick::Payload, 1, 1, now);
                }
                self.play = play;
                Fate::AsEver
            }
        };
        if is_fresh {
            self.last = if message.number == 0 { Last::Zero } else { Last::Member };
        }
        self.handling = Some(Handling { number: message.number, id: message.id, fate, is_old: !is_fresh });
        let is_current = self.play.as_ref().is_some_and(|play| play.message.has(message.id));
        if let (Some(handling), true) = (&mut self.handling, is_current) {
            handling.is_old = false;
        }
        if fate != Fate::RequestLost && self.is_in_order(message.number) {
            self.has_earlier_reply = true;
        }
        fate
    }

    fn is_in_order(&self, number: u64) -> bool {
        fsm::next(self.members, self.state, number).is_some()
    }

    /// Notes what a message shows.
    fn note(&mut self, verdict: Verdict, trick: Trick, number: u64, copies: u32, now: Duration) {
        self.add(Line { time: now, verdict, trick: Some(trick), number, copies, otp_number: None });
    }

    fn add(&mut self, line: Line) {
        if self.sheet.add(line) {
            if line.verdict == Verdict::Broken {
                self.going_on = GoingOn::default();
                self.times = Times::default();
            }
            self.lines.push(line);
        }
    }

    /// Rule 1.
    fn examine_payload(&mut self, message: &Message, now: Duration) {
        let latest = (now + LONGEST_LIFE).as_secs_f64();
        let mut is_of_another =
            |jti| self.jtis.insert(jti, message.id).is_some_and(|known| known != message.id);
        let has_new_jti = message.jti.is_some_and(|jti| !is_of_another(jti));
        if !has_new_jti || message.exp.is_none_or(|exp| exp > latest) {
            self.note(Verdict::Broken, Trick::Payload, message.number, 1, now);
        }
    }

    /// Rule 7.
    fn examine_list(&mut self, message: &Message, now: Duration) {
        let Message { number, matricula, exp: Some(exp), .. } = *message else { return };
        if number == 0 {
            return;
        }
        if let Some((known, until)) = self.list.get(&number)
            && *known != matricula
            && (now + CLOCKS_DIFFER).as_secs_f64() < *until
        {
            self.note(Verdict::Broken, Trick::OneList, number, 1, now);
        }
        if number <= self.members {
            let until = self.list.get(&number).filter(|(known, _)| *known == matricula);
            let until = until.map_or(exp, |(_, until)| until.max(exp));
            self.list.insert(number, (matricula, until));
        }
    }

    /// Rule 6: a socket, another one, and the first again.
    fn examine_sockets(&mut self, message: &Message, now: Duration) {
        self.peers.push_back(message.peer);
        if self.peers.len() > 3 {
            self.peers.pop_front();
        }
        if self.peers.len() == 3 && self.peers[0] == self.peers[2] && self.peers[0] != self.peers[1] {
            self.saw_two_clients(message, now);
        }
    }

    /// Two clients at once: what they show, neither of them shows.
    fn saw_two_clients(&mut self, message: &Message, now: Duration) {
        self.note(Verdict::Question, Trick::OneClient, message.number, 1, now);
        (self.play, self.ended) = (None, None);
        self.rests_until = now + STALE;
    }

    /// A copy of the message that is examined.
    fn copy(&mut self, mut play: Play, message: &Message, now: Duration) -> Fate {
        let current = &mut play.message;
        let Message { peer, .. } = *message;
        if current.has_one_socket() && peer != current.peer {
            self.play = Some(play);
            return Fate::AsEver; // somebody else's
        }
        let fate = current.plan.fate(current.count() as usize);
        if current.copies.len() < MOST_COPIES {
            current.copies.push(Copied { time: now, peer, fate });
        }
        let mut arrivals = 0;
        for (id, _, _, count) in &mut current.payloads {
            if *id == message.id && peer == current.peer {
                *count += 1;
                arrivals = *count;
            }
        }
        let (number, copies, is_zero) = (current.number, current.count(), current.number == 0);
        if is_zero {
            play.last_zero = now;
        }
        if arrivals > TRIES * DELIVERIES {
            self.note(Verdict::Broken, Trick::Pace, number, copies, now);
        }
        if play.message.rights >= 2 && copies > 1 {
            self.note(Verdict::Question, Trick::GoesOn, number, copies, now);
        }
        self.play = Some(play);
        fate
    }

    /// A message that was never seen before.
    fn fresh(&mut self, play: Option<Play>, message: &Message, now: Duration) -> Fate {
        match (message.number, play) {
            (0, play) => self.zero(play, message, now),
            (1, Some(play)) if Self::is_signed_anew(&play, message) => self.signed_anew(play, message, now),
            (1, play) => self.one(play, message, now),
            (number, Some(play)) if number == play.message.number => self.signed_anew(play, message, now),
            (number, Some(play)) if number == play.message.number + 1 => self.next(play, message, now),
            (number, play) => {
                let is_asked_for = |play: &Play| play.purpose == Purpose::OtherNumber(play.message.number);
                if let Some(play) =
                    play.as_ref().filter(|play| number > play.message.number && is_asked_for(play))
                {
                    let is_proof = self.is_proof(play, message, number - 1, now);
                    self.accuse(is_proof, Trick::NextNumber, play, now);
                } else {
                    self.play = play;
                }
                self.has_come(number);
                Fate::AsEver
            }
        }
    }

    /// Another 1 in place of the first, from the same socket.
    fn is_signed_anew(play: &Play, message: &Message) -> bool {
        let Current { number, right, peer, .. } = &play.message;
        *number == 1 && right.is_none() && *peer == message.peer
    }

    /// Whether going on to this message from the number before is a proof: it comes from the socket that sent
    /// that one, and no right reply to it has left that could have led here.
    fn is_proof(&self, play: &Play, message: &Message, before: u64, now: Duration) -> bool {
        let may_arrive = before < self.members && self.may_arrive(message.number, now);
        message.peer == play.message.peer && now >= self.settles && !may_arrive
    }

    /// A right reply to a payload of this number has left.
    fn has_left(&mut self, number: u64, id: Id, now: Duration) {
        let left = self.left.entry(number).or_default();
        left.retain(|(known, time)| *known != id && now < *time + STALE);
        left.push((id, now));
        if left.len() > MOST_COPIES {
            left.remove(0);
        }
    }

    /// A fresh message of this number has come.
    fn has_come(&mut self, number: u64) {
        let left = number.checked_sub(1).and_then(|before| self.left.get_mut(&before));
        if let Some(left) = left.filter(|left| !left.is_empty()) {
            left.remove(0);
        }
    }

    /// Whether a fresh message of this number may arrive, since a right reply has left to the one before.
    fn may_arrive(&self, number: u64, now: Duration) -> bool {
        let left = number.checked_sub(1).and_then(|before| self.left.get(&before));
        left.is_some_and(|left| left.iter().any(|(_, time)| now < *time + STALE))
    }

    fn accuse(&mut self, is_proof: bool, trick: Trick, play: &Play, now: Duration) {
        let verdict = if is_proof { Verdict::Broken } else { Verdict::Question };
        self.note(verdict, trick, play.message.number, play.message.count(), now);
    }

    /// Number 0: the client starts over.
    fn zero(&mut self, play: Option<Play>, message: &Message, now: Duration) -> Fate {
        self.start_overs += 1;
        let is_over = |play: &Play| play.message.number == self.members && play.message.right.is_some();
        // A client whose right reply was lost each time starts over.
        self.began_with_1 |= play.as_ref().is_some_and(|play| play.message.count() >= TRIES - 1);
        let Some(mut play) = play.filter(|play| !is_over(play)) else {
            // A client that is run again begins with 1, and that is out of order.
            if !self.began_with_1 {
                self.note(Verdict::Question, Trick::First, 0, 1, now);
            }
            return Fate::AsEver;
        };
        let Current { number, .. } = play.message;
        let (copies, pause) = (play.message.count(), play.message.pause());
        let is_alone = match play.purpose {
            Purpose::StartOver(silent) => silent == number,
            Purpose::GiveUp(silent) => silent == number || play.zeros > 0,
            _ => false,
        };
        if play.zeros == 0 {
            self.learn_pauses(&play.message);
            play.pause = pause;
            let first = play.message.copies.first().map_or(now, |copy| copy.time);
            let is_soon = copies < 2 || now.saturating_sub(first) < pause.mul_f64(7.5);
            match (is_soon, play.purpose) {
                (true, _) if play.message.right.is_none() => {
                    self.note(Verdict::Question, Trick::StartOver, number, copies, now);
                    if play.purpose != Purpose::OutOfOrder {
                        self.doubt(play.message.believed(now), number, copies, now);
                    }
                }
                (false, Purpose::StartOver(_)) if is_alone => {
                    self.note(Verdict::Shown, Trick::StartOver, number, copies, now);
                }
                (_, Purpose::OtherNumber(asked)) if asked == number => {
                    self.note(Verdict::Question, Trick::NextNumber, number, copies, now);
                }
                _ => {}
            }
        }
        self.is_spared |= play.purpose != Purpose::OutOfOrder;
        if !is_alone {
            return Fate::AsEver;
        }
        play.zeros += 1;
        let plan = match play.purpose {
            Purpose::GiveUp(_) => Plan::always(Fate::ReplyLost),
            _ => Plan { tricks: vec![Fate::ReplyLost], then: Fate::Right },
        };
        let is_same_client = message.peer == play.message.peer;
        // A client that was started again sends its 1 eight times first, even if all of them are lost.
        let usual = self.usual_pause().unwrap_or(pause).min(pause);
        let is_at_once = now.saturating_sub(play.last_zero) < usual * 2;
        if play.zeros > START_OVERS && is_same_client && is_at_once && copies > 1 {
            self.note(Verdict::Broken, Trick::GiveUp, 0, play.zeros, now);
        }
        play.message = Current::new(message, now, plan);
        if matches!(play.purpose, Purpose::StartOver(_)) {
            play.purpose = Purpose::Rest;
        }
        self.copy(play, message, now)
    }

    /// Number 1: a client begins, or it has started over.
    fn one(&mut self, play: Option<Play>, message: &Message, now: Duration) -> Fate {
        if let Some(play) = play {
            self.close(&play, now);
            let payloads = play.message.payloads.iter().map(|(id, ..)| *id).collect();
            self.ended = Some((payloads, play.message.peer)).filter(|(_, peer)| *peer != message.peer);
        }
        if self.last != Last::AnsweredZero {
            self.start_overs = 0;
            self.is_spared = false;
            self.began_with_1 = true;
            self.has_earlier_reply &= self.members == 1; // a client of one has no other message
        }
        if now < self.rests_until {
            return Fate::AsEver;
        }
        let mut draws = Draws(message.seed);
        let purpose = match self.is_in_order(1) {
            false => Purpose::OutOfOrder,
            true if self.is_spared => Purpose::Rest,
            true => self.table().purpose(&mut draws),
        };
        self.plays += u32::from(purpose != Purpose::OutOfOrder);
        let plan = self.plan(purpose, 1, &mut draws);
        let message_of_play = Current::new(message, now, plan);
        let (zeros, last_zero, pause) = (0, Duration::ZERO, UNKNOWN_PAUSE);
        let stale = (2..=self.members).filter(|number| self.may_arrive(*number, now)).collect();
        let play = Play { purpose, began: now, stale, message: message_of_play, zeros, last_zero, pause };
        self.copy(play, message, now)
    }

    fn table(&self) -> deal::Table<'_> {
        let Self { members, has_earlier_reply, .. } = *self;
        deal::Table { sheet: &self.sheet, times: &self.times, members, has_earlier_reply }
    }

    fn plan(&self, purpose: Purpose, number: u64, draws: &mut Draws) -> Plan {
        match purpose {
            Purpose::Tricks => self.table().tricks(number, draws),
            Purpose::StartOver(silent) | Purpose::GiveUp(silent) if silent == number => {
                Plan::always(Fate::ReplyLost)
            }
            Purpose::OtherNumber(asked) if asked == number => Plan::always(Fate::OtherNumber),
            _ => Plan::always(Fate::Right),
        }
    }

    /// Another payload for the number that is examined.
    fn signed_anew(&mut self, mut play: Play, message: &Message, now: Duration) -> Fate {
        let Current { number, payloads, .. } = &play.message;
        let is_never_stale = !play.stale.contains(number);
        let is_of_play = |time: Duration| is_never_stale || time > play.began + LONGEST_DELAY;
        let lived = |exp: &Option<f64>| exp.is_none_or(|exp| exp > (now + LONGEST_DELAY).as_secs_f64());
        let is_changed = payloads.iter().any(|(_, exp, ..)| lived(exp));
        let is_proof = payloads.iter().any(|(_, exp, time, _)| lived(exp) && is_of_play(*time));
        let is_same_client = message.peer == play.message.peer;
        let is_proof = is_proof && is_same_client && is_of_play(now) && *number > 1 && now >= self.settles;
        if is_changed {
            self.accuse(is_proof, Trick::Late, &play, now);
        }
        if play.message.payloads.len() < MOST_COPIES {
            play.message.payloads.push((message.id, message.exp, now, 0));
        }
        self.copy(play, message, now)
    }

    /// The next number: right after the right reply, else a proof or a question.
    fn next(&mut self, mut play: Play, message: &Message, now: Duration) -> Fate {
        let before = play.message.number;
        let is_asked_otherwise = play.purpose == Purpose::OtherNumber(before);
        if play.message.right.is_some() && !is_asked_otherwise {
            self.has_come(message.number);
            self.examine_going_on(&play, now, true);
            let mut draws = Draws(message.seed);
            let plan = self.plan(play.purpose, message.number, &mut draws);
            play.message = Current::new(message, now, plan);
            return self.copy(play, message, now);
        }
        let is_proof = self.is_proof(&play, message, before, now);
        self.has_come(message.number);
        let is_tried = play.message.count() >= TRIES - 1;
        let trick = match play.purpose {
            Purpose::OtherNumber(asked) if asked == before => Trick::NextNumber,
            Purpose::StartOver(_) | Purpose::GiveUp(_) | Purpose::OutOfOrder if is_tried => Trick::StartOver,
            _ => play.message.believed(now),
        };
        self.accuse(is_proof, trick, &play, now);
        Fate::AsEver
    }

    /// A message is over, and its right reply has left: whether the client goes on for its sake.
    fn examine_going_on(&mut self, play: &Play, now: Duration, has_taken_it: bool) {
        let message = &play.message;
        let Some((copies, replies)) = message.right else { return };
        let (number, count) = (message.number, message.count());
        let going_on = &mut self.going_on;
        going_on.most_copies = going_on.most_copies.max(copies);
        going_on.most_replies = going_on.most_replies.max(replies);
        if has_taken_it {
            going_on.fewest_copies = going_on.fewest_copies.min(count);
            going_on.fewest_replies = going_on.fewest_replies.min(message.replies());
        }
        let adapts = going_on.fewest_copies < going_on.most_copies;
        if adapts && going_on.fewest_replies < going_on.most_replies {
            self.note(Verdict::Shown, Trick::GoesOn, number, count, now);
        }
        let is_late = message.plan.then == Fate::WaitsForNext && message.payloads.len() == 1;
        if is_late && has_taken_it {
            self.note(Verdict::Shown, Trick::Late, number, count, now);
        }
        self.examine_pace(play, now);
    }

    #[expect(clippy::cast_possible_truncation, reason = "as above")]
    fn examine_pace(&mut self, play: &Play, now: Duration) {
        let pauses = play.message.pauses();
        if pauses.len() < 2 {
            return;
        }
        let mean = pauses.iter().sum::<Duration>() / pauses.len() as u32;
        let verdict = if mean < SHORT_PAUSE { Verdict::Question } else { Verdict::Shown };
        self.note(verdict, Trick::Pace, play.message.number, play.message.count(), now);
    }

    /// A play is over: the client has stopped, or was started again.
    fn close(&mut self, play: &Play, now: Duration) {
        let message = &play.message;
        let (number, copies) = (message.number, message.count());
        let has_stopped = copies < TRIES;
        match play.purpose {
            Purpose::OtherNumber(asked) if asked == number => {
                let verdict =
                    if has_stopped && message.rights == 0 { Verdict::Shown } else { Verdict::Question };
                return self.note(verdict, Trick::NextNumber, number, copies, now);
            }
            Purpose::GiveUp(silent) if silent == number || number == 0 => {
                let verdict = match play.zeros > 0 && self.start_overs == START_OVERS {
                    true => Verdict::Shown,
                    false => Verdict::Question,
                };
                return self.note(verdict, Trick::GiveUp, number, copies, now);
            }
            Purpose::StartOver(silent) if silent != number => {}
            Purpose::StartOver(_) | Purpose::OutOfOrder => {
                return self.note(Verdict::Question, Trick::StartOver, number, copies, now);
            }
            _ if number == 0 => return,
            _ => {}
        }
        match message.right {
            Some(_) if number == self.members => {
                self.examine_going_on(play, now, has_stopped && message.payloads.len() == 1);
            }
            Some(_) => self.note(Verdict::Question, Trick::GoesOn, number, copies, now),
            None => {
                self.doubt(message.believed(now), number, copies, now);
                self.examine_pace(play, now);
            }
        }
    }

    /// Told, before that is handled, that nothing will reach the client in answer to the copy that was taken
    /// last: then a wrong reply is none.
    pub fn loses_reply(&mut self) {
        let copies = self.play.as_mut().map(|play| &mut play.message.copies);
        if let Some(last) = copies.and_then(|copies| copies.last_mut())
            && matches!(last.fate, Fate::Wrong(_) | Fate::HalfAPauseLater(_))
        {
            last.fate = Fate::ReplyLost;
        }
    }

    /// Told that the state machine has accepted the message that was taken last; its reply has this
    /// `otp_number`.
    pub fn handled(&mut self, now: Duration, otp_number: u16) {
        let Some(Handling { number, id, fate, is_old }) = self.handling.take() else { return };
        let has_moved = self.state != number;
        self.state = number;
        if is_old && has_moved {
            self.disturbed();
        }
        let is_right = match fate {
            Fate::AsEver | Fate::Right => true,
            Fate::WaitsForNext => {
                self.play.as_mut().is_some_and(|play| std::mem::replace(&mut play.message.holds, true))
            }
            _ => false,
        };
        if !is_right {
            return;
        }
        self.has_left(number, id, now);
        if number == 0 && self.last == Last::Zero {
            self.last = Last::AnsweredZero;
        }
        if fate == Fate::AsEver {
            return;
        }
        let Some(mut play) = self.play.take() else { return };
        let message = &mut play.message;
        message.rights += 1;
        if message.right.is_none() {
            message.right = Some((message.count(), message.replies()));
            self.examine_tricks(&play, now);
        }
        if number == self.members && number > 0 {
            self.complete(&play, now, otp_number);
        }
        self.play = Some(play);
    }

    /// A replayed message has moved the state: that is nobody's fault. A play whose message is now out of
    /// order is dropped.
    fn disturbed(&mut self) {
        let Some(play) = &self.play else { return };
        let Current { number, right, .. } = play.message;
        let awaited = if right.is_some() { number + 1 } else { number };
        let is_over = right.is_some() && number == self.members;
        if !is_over && !self.is_in_order(awaited) {
            self.play = None;
        }
    }

    /// The right reply has left: every trick before it was followed by the same bytes.
    fn examine_tricks(&mut self, play: &Play, now: Duration) {
        let message = &play.message;
        let (number, copies) = (message.number, message.count());
        let own: Vec<_> = message.own().copied().collect();
        self.learn_pauses(message);
        if number == 0 || message.payloads.len() > 1 {
            return;
        }
        for copy in own.iter().take(own.len().saturating_sub(1)) {
            match copy.fate {
                Fate::RequestLost | Fate::ReplyLost => {
                    self.note(Verdict::Shown, Trick::Silence, number, copies, now);
                }
                Fate::Wrong(trick) => self.came_through(trick, number, copies, now),
                _ => {}
            }
        }
        if own.iter().any(|copy| matches!(copy.fate, Fate::HalfAPauseLater(_))) {
            let pauses = message.pauses();
            let in_time = self.usual_pause().unwrap_or(pauses[0]).mul_f64(1.25);
            for pause in pauses.iter().skip(1) {
                self.in_time += if *pause <= in_time { 2 } else { -1 };
            }
            self.in_time = self.in_time.clamp(-ENOUGH_LATE, ENOUGH_IN_TIME);
            let is_in_time = self.in_time == ENOUGH_IN_TIME;
            let verdict = if is_in_time { Verdict::Shown } else { Verdict::Question };
            self.note(verdict, Trick::Timer, number, copies, now);
        }
    }

    /// The client may have believed this, or the network may have lost all of its copies since.
    fn doubt(&mut self, believed: Trick, number: u64, copies: u32, now: Duration) {
        self.times[believed as usize] = 0;
        self.note(Verdict::Question, believed, number, copies, now);
    }

    /// The client has sent the same bytes again after a wrong reply.
    fn came_through(&mut self, trick: Trick, number: u64, copies: u32, now: Duration) {
        let is_broken = matches!(self.sheet.state(trick), State::Broken(_));
        let times = &mut self.times[trick as usize];
        *times = times.saturating_add(1);
        let enough = match is_broken {
            true => TIMES_IF_BROKEN,
            false if self.members == 1 => 1, // whose client is not found out by going on, but by ending
            false => TIMES,
        };
        if *times >= enough {
            self.note(Verdict::Shown, trick, number, copies, now);
        }
    }

    /// The right reply to the last member's message has left: everyone is in.
    fn complete(&mut self, play: &Play, now: Duration, otp_number: u16) {
        let (number, copies) = (play.message.number, play.message.count());
        if play.message.rights == 1 {
            if self.plays > 1 {
                self.note(Verdict::Shown, Trick::Payload, number, copies, now);
            }
            if std::mem::take(&mut self.began_with_1) {
                self.note(Verdict::Shown, Trick::First, number, copies, now);
            }
            self.note(Verdict::Shown, Trick::OneClient, number, copies, now);
            self.note(Verdict::Shown, Trick::OneList, number, copies, now);
        }
        if self.sheet.shown() == table::TABLE.len() {
            let (verdict, otp_number) = (Verdict::Passed, Some(otp_number));
            self.add(Line { time: now, verdict, trick: None, number, copies, otp_number });
        }
    }
}
