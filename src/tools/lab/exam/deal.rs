//! Which tricks a play has, and which copy of a message gets which: dealt anew for each message, in an order
//! that nobody can foretell.
//!
//! A message has up to two silences and up to three wrong replies, four tricks at most, so that the right
//! reply goes to the fifth copy at the latest. With four of eight copies spent, a network that loses 40 % each
//! way fails 17 % of the messages, and no more.

use super::sheet::{Sheet, State};
use super::table::{TABLE, Trick};

/// What becomes of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It is no part of an exam: as without one.
    #[default]
    AsEver,
    /// It is lost.
    RequestLost,
    /// It is handled, and its reply lost.
    ReplyLost,
    /// It gets this wrong reply.
    Wrong(Trick),
    /// It gets this wrong reply half a pause later.
    HalfAPauseLater(Trick),
    /// Its right reply waits for the next copy; the one that waited for this copy leaves.
    WaitsForNext,
    /// Its right reply asks for another number than the next.
    OtherNumber,
    /// It gets the right reply.
    Right,
}

/// What becomes of the copies of a message.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first copies, one after the other.
    pub tricks: Vec<Fate>,
    /// All the others.
    pub then: Fate,
}

impl Plan {
    /// The same for every copy.
    pub fn always(then: Fate) -> Self {
        Self { tricks: Vec::new(), then }
    }

    /// What becomes of the copy behind so many others.
    pub fn fate(&self, copies_before: usize) -> Fate {
        self.tricks.get(copies_before).copied().unwrap_or(self.then)
    }
}

/// What a play is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Each message has its tricks.
    Tricks,
    /// No tricks: the client has started over because of some.
    Rest,
    /// None either: its number 1 is out of order, since an earlier run got further.
    OutOfOrder,
    /// At this number nothing is answered, nor the first 0.
    StartOver(u64),
    /// From this number on nothing is answered.
    GiveUp(u64),
    /// The reply to this number asks for another number than the next.
    OtherNumber(u64),
}

/// A generator of numbers (`SplitMix64`, Steele, Lea and Flood, 2014). Its seed is a keyed hash of the message.
#[derive(Debug)]
pub struct Draws(pub u64);

impl Draws {
    /// A number below this.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or(0) % bound.max(1)
    }

    /// The same things in another order (Fisher and Yates).
    fn shuffled<T>(&mut self, mut things: Vec<T>) -> Vec<T> {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
        things
    }
}

/// What is asked of the dealer.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// The group's sheet.
    pub sheet: &'a Sheet,
    /// How often the client has come through each trick since the sheet was empty.
    pub times: &'a Times,
    /// How many members it has.
    pub members: u64,
    /// Whether there is an earlier reply that can be sent once more.
    pub has_earlier_reply: bool,
}

/// How often a client has come through each trick.
pub type Times = [u8; TABLE.len()];

/// The tricks of the plays that are for one alone.
const ALONE: [Trick; 3] = [Trick::StartOver, Trick::GiveUp, Trick::NextNumber];

impl Table<'_> {
    /// Boxes that are not shown, those without a question first; but the late reply if it has one.
    fn open(&self, tricks: impl IntoIterator<Item = Trick>, draws: &mut Draws) -> Vec<Trick> {
        let open =
            tricks.into_iter().filter(|trick| !self.sheet.is_shown(*trick) && self.can_be_dealt(*trick));
        let mut open = draws.shuffled(open.collect());
        // Another payload was seen: a late reply is what proves that.
        let is_later = |trick: Trick| self.is_questioned(trick) != (trick == Trick::Late);
        open.sort_by_key(|trick| (is_later(*trick), self.times[*trick as usize]));
        open
    }

    fn is_questioned(&self, trick: Trick) -> bool {
        matches!(self.sheet.state(trick), State::Question(_))
    }

    fn can_be_dealt(&self, trick: Trick) -> bool {
        trick != Trick::PreviousReply || self.has_earlier_reply
    }

    /// What the play is for that now begins. The tricks that are alone in their play come late, one after the
    /// other: then a client that breaks a rule was found out by the others.
    pub fn purpose(&self, draws: &mut Draws) -> Purpose {
        let in_messages = Trick::WRONG_REPLIES.into_iter().chain([Trick::Silence, Trick::Late, Trick::Timer]);
        let in_messages = self.open(in_messages, draws);
        let mut alone = ALONE.to_vec();
        alone.retain(|trick| !self.sheet.is_shown(*trick));
        alone.sort_by_key(|trick| self.is_questioned(*trick));
        let is_new = |open: &[Trick]| open.first().is_some_and(|trick| !self.is_questioned(*trick));
        let is_alone = match (is_new(&in_messages), is_new(&alone)) {
            (true, _) => false,
            (false, true) => true,
            // Only boxes with a question are left, or none.
            _ => !alone.is_empty() && (in_messages.is_empty() || draws.below(2) == 0),
        };
        if !is_alone {
            return Purpose::Tricks;
        }
        let trick = if is_new(&alone) { alone[0] } else { alone[draws.below(alone.len())] };
        let mut number = |most: u64| 1 + draws.below(usize::try_from(most).unwrap_or(1)) as u64;
        match trick {
            Trick::StartOver => Purpose::StartOver(number(self.members.max(2) - 1)),
            Trick::GiveUp => Purpose::GiveUp(number(self.members)),
            _ => Purpose::OtherNumber(number(self.members.max(3) - 2)),
        }
    }

    /// What becomes of the copies of a message. After the last member no other can come, so what a client
    /// believes there is not known for certain: each wrong reply comes before that for the first time.
    pub fn tricks(&self, number: u64, draws: &mut Draws) -> Plan {
        let is_last = number == self.members && self.members > 1;
        let is_known = |trick: &Trick| self.times[*trick as usize] > 0;
        let dealt = Trick::WRONG_REPLIES.into_iter().chain([Trick::Timer]);
        let dealt = dealt.filter(|trick| !is_last || is_known(trick));
        // Another payload proves nothing for number 1: its client may have been started again.
        let late = (number == self.members.min(2) || number > 1 && !is_last).then_some(Trick::Late);
        let open = self.open(dealt.chain(late), draws);
        let shown = Trick::WRONG_REPLIES.into_iter();
        let shown = shown.filter(|trick| self.sheet.is_shown(*trick) && self.can_be_dealt(*trick));
        let shown = draws.shuffled(shown.collect());
        if open.first() == Some(&Trick::Timer) {
            let wrong = shown.first().copied().unwrap_or(Trick::DamagedHmac);
            let wrong = Fate::HalfAPauseLater(wrong);
            return Plan { tricks: vec![Fate::ReplyLost, wrong, wrong, wrong], then: Fate::Right };
        }
        let is_late = open.first() == Some(&Trick::Late);
        let mut wrong: Vec<_> =
            open.into_iter().filter(|trick| Trick::WRONG_REPLIES.contains(trick)).collect();
        if wrong.is_empty() {
            wrong = shown;
            wrong.truncate([0, 1, 2, 3, 3, 3][draws.below(6)]); // the network may have lost one the first time
        }
        wrong.truncate(if is_late { 2 } else { 3 });
        let most_silences = if is_late || wrong.len() == 3 { 1 } else { 2 };
        let silences = draws.below(most_silences + 1);
        let silence = |draws: &mut Draws| [Fate::RequestLost, Fate::ReplyLost][draws.below(2)];
        let silences: Vec<_> = (0..silences).map(|_| silence(draws)).collect();
        let tricks = wrong.into_iter().map(Fate::Wrong).chain(silences).collect();
        let then = if is_late { Fate::WaitsForNext } else { Fate::Right };
        Plan { tricks: draws.shuffled(tricks), then }
    }
}
