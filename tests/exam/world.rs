//! A group, its clients, the network and the examiner, in virtual time.
//!
//! The server here is [`fsm::next`] and the exam; a message is its `id_request`, and a reply what a client
//! can find out about it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::Duration;
use udpsocket_jwt_server::fsm;
use udpsocket_jwt_server::tools::lab::exam::sheet::Line;
use udpsocket_jwt_server::tools::lab::exam::table::Trick;
use udpsocket_jwt_server::tools::lab::exam::{Exam, Fate, Id, Message};

/// xorshift64* (Vigna, 2014).
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..4).for_each(|_| _ = random.next());
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Uniform in 0..1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn is(&mut self, share: f64) -> bool {
        self.share() < share
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    pub fn pick<T: Clone>(&mut self, things: &[T]) -> T {
        things[(self.next() >> 33) as usize % things.len()].clone()
    }
}

/// What the network does, each way.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    pub loss_to: f64,
    pub loss_back: f64,
    pub repeats: f64,
    /// Each datagram takes between these.
    pub shortest: f64,
    pub longest: f64,
}

pub const CLEAN: Network =
    Network { loss_to: 0.0, loss_back: 0.0, repeats: 0.0, shortest: 0.002, longest: 0.004 };

/// Which sockets a client uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sockets {
    One,
    ForEachMessage,
    ForEachTry,
}

/// What a client does with its jti.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jti {
    New,
    None,
    OfRun,
    OfNumber,
}

/// What a client does after its last try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    StartsOver,
    GoesOn,
    GoesOnSending,
    Stops,
    BeginsWith1,
}

/// How a client reads `next_number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Checked,
    /// It sends whatever it is asked for.
    Obeyed,
    /// It counts by itself.
    Ignored,
}

/// How a client behaves.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a mistake by itself
pub struct Manners {
    pub timer: f64,
    /// Its timer is up to this share longer.
    pub jitter: f64,
    pub sockets: Sockets,
    /// The wrong replies that it believes.
    pub believes: Vec<Trick>,
    /// It reads no reply at all, and goes on after so many copies.
    pub goes_on_after: Option<u32>,
    /// It goes on after so many replies, whatever is in them.
    pub goes_on_after_replies: Option<u32>,
    pub takes_none: bool,
    pub begins_with: u64,
    pub jti: Jti,
    pub lifetime: Option<f64>,
    pub signs_each_try: bool,
    /// Each run sends what the first has sent.
    pub saves_its_messages: bool,
    pub tries: u32,
    pub then: Then,
    pub start_overs: u32,
    pub wrong_reply_begins_timer: bool,
    pub ends_at_wrong_reply: bool,
    /// A pause that is shorter while it tries.
    pub first_pauses: Option<f64>,
    pub next: Next,
    pub changes_matricula: bool,
    /// How many clients run at once.
    pub clients: u32,
}

pub fn sound() -> Manners {
    Manners {
        timer: 1.0,
        jitter: 0.0,
        sockets: Sockets::One,
        believes: Vec::new(),
        goes_on_after: None,
        goes_on_after_replies: None,
        takes_none: false,
        begins_with: 1,
        jti: Jti::New,
        lifetime: Some(300.0),
        signs_each_try: false,
        saves_its_messages: false,
        tries: 8,
        then: Then::StartsOver,
        start_overs: 3,
        wrong_reply_begins_timer: false,
        ends_at_wrong_reply: false,
        first_pauses: None,
        next: Next::Checked,
        changes_matricula: false,
        clients: 1,
    }
}

/// What a client sends.
#[derive(Clone, Copy, Debug)]
pub struct Payload {
    number: u64,
    id: Id,
    jti: Option<Id>,
    exp: Option<f64>,
    matricula: u64,
}

/// What a reply is.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// What is wrong with it, beside its `id_request` and its `next_number`.
    wrong: Option<Trick>,
    id: Id,
    next_number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    EveryoneIsIn,
    GaveUp,
    Stopped,
}

/// A client's run.
pub struct Client {
    pub manners: Manners,
    run: u64,
    port: u16,
    number: u64,
    payload: Option<Payload>,
    sent: Vec<Id>,
    saved: BTreeMap<u64, Payload>,
    tries: u32,
    replies: u32,
    /// Which of its timers counts.
    timer: u64,
    start_overs: u32,
    matricula: u64,
    pub end: Option<End>,
}

impl Client {
    pub fn port(&self) -> u16 {
        self.port
    }
}

enum Event {
    ToServer(Payload, u16),
    ToClient(Reply, u16),
    Sends(Reply, u16),
    Timer(usize, u64),
    Replays,
    Restarts,
    Killed(usize, bool),
}

pub struct World {
    pub exam: Exam,
    pub members: u64,
    state: u64,
    pub now: Duration,
    network: Network,
    random: Random,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    events: BTreeMap<u64, Event>,
    counter: u64,
    pub clients: Vec<Client>,
    held: Option<Reply>,
    replied: Option<Reply>,
    earlier: Option<Reply>,
    captured: Vec<Payload>,
    pub lines: Vec<Line>,
    pub replays: bool,
    pub restarts: bool,
    pub kills: bool,
    down_until: Duration,
}

fn seconds(time: f64) -> Duration {
    Duration::from_secs_f64(time)
}

impl World {
    pub fn new(members: u8, network: Network, seed: u64) -> Self {
        Self {
            exam: Exam::new(members),
            members: members.into(),
            state: 0,
            now: Duration::from_secs(1_700_000_000),
            network,
            random: Random::new(seed),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            counter: 0,
            clients: Vec::new(),
            held: None,
            replied: None,
            earlier: None,
            captured: Vec::new(),
            lines: Vec::new(),
            replays: false,
            restarts: false,
            kills: false,
            down_until: Duration::ZERO,
        }
    }

    fn at(&mut self, time: Duration, event: Event) {
        self.counter += 1;
        self.queue.push(Reverse((time, self.counter)));
        self.events.insert(self.counter, event);
    }

    fn id(&mut self) -> Id {
        (Id::from(self.random.next()) << 64) | Id::from(self.random.next())
    }

    /// A client is started, from a port of its own or this one.
    pub fn begins(&mut self, manners: &Manners, port: Option<u16>, matricula: u64) {
        let saved = self.clients.last().map(|client| client.saved.clone()).unwrap_or_default();
        let run = self.clients.len() as u64;
        let port = port.unwrap_or(1_024 + (self.random.next() >> 40) as u16 % 50_000);
        self.clients.push(Client {
            manners: manners.clone(),
            run,
            port,
            number: manners.begins_with,
            payload: None,
            sent: Vec::new(),
            saved,
            tries: 0,
            replies: 0,
            timer: 0,
            start_overs: 0,
            matricula: if manners.changes_matricula { matricula + run } else { matricula },
            end: None,
        });
        self.message(self.clients.len() - 1);
    }

    /// A client begins with the message of its number.
    fn message(&mut self, client: usize) {
        let this = &mut self.clients[client];
        (this.tries, this.replies, this.payload) = (0, 0, None);
        if this.manners.sockets == Sockets::ForEachMessage {
            this.port = this.port % 60_000 + 1_025;
        }
        self.tries(client);
    }

    fn sign(&mut self, client: usize) {
        let id = self.id();
        let now = self.now.as_secs_f64();
        let this = &mut self.clients[client];
        let Manners { jti, lifetime, saves_its_messages, .. } = this.manners;
        let number = this.number;
        let jti = match jti {
            Jti::New => Some(id.rotate_left(7)),
            Jti::None => None,
            Jti::OfRun => Some(Id::from(this.run) + 1),
            Jti::OfNumber => Some(Id::from(number) + 1),
        };
        let exp = lifetime.map(|lifetime| now + lifetime);
        let mut payload = Payload { number, id, jti, exp, matricula: this.matricula + number };
        if saves_its_messages {
            payload = *this.saved.entry(number).or_insert(payload);
        }
        this.payload = Some(payload);
        this.sent.push(payload.id);
    }

    fn tries(&mut self, client: usize) {
        let now = self.now.as_secs_f64();
        let this = &self.clients[client];
        let has_expired =
            this.payload.is_none_or(|payload| payload.exp.is_some_and(|exp| exp.floor() <= now.floor()));
        let is_over = match this.manners.goes_on_after {
            Some(copies) => this.tries == copies,
            None => this.tries == this.manners.tries,
        };
        if is_over {
            return self.after_the_last_try(client);
        }
        if has_expired || this.manners.signs_each_try {
            self.sign(client);
        }
        let this = &mut self.clients[client];
        this.tries += 1;
        this.timer += 1;
        if this.manners.sockets == Sockets::ForEachTry {
            this.port = this.port % 60_000 + 1_025;
        }
        let (payload, port, timer) = (this.payload.unwrap(), this.port, this.timer);
        let is_first = this.manners.goes_on_after.is_some_and(|copies| this.tries < copies);
        let pause = this.manners.first_pauses.filter(|_| is_first || this.manners.goes_on_after.is_none());
        let pause = pause.unwrap_or(this.manners.timer) * (1.0 + this.manners.jitter * self.random.share());
        self.over_the_network(|payload| Event::ToServer(payload, port), payload, self.network.loss_to);
        self.at(self.now + seconds(pause), Event::Timer(client, timer));
    }

    fn over_the_network<T: Copy>(&mut self, event: impl Fn(T) -> Event, what: T, loss: f64) {
        let copies = if self.random.is(self.network.repeats) { 2 } else { 1 };
        for _ in 0..copies {
            if !self.random.is(loss) {
                let delay = self.random.between(self.network.shortest, self.network.longest);
                self.at(self.now + seconds(delay), event(what));
            }
        }
    }

    fn after_the_last_try(&mut self, client: usize) {
        let members = self.members;
        let this = &mut self.clients[client];
        let then = if this.manners.goes_on_after.is_some() { Then::GoesOn } else { this.manners.then };
        match then {
            Then::StartsOver if this.start_overs == this.manners.start_overs => this.end = Some(End::GaveUp),
            Then::StartsOver => {
                this.start_overs += 1;
                this.number = 0;
                self.message(client);
            }
            Then::GoesOn if this.number == members => this.end = Some(End::EveryoneIsIn),
            Then::GoesOn => {
                this.number += 1;
                self.message(client);
            }
            Then::GoesOnSending => {
                this.tries = 0;
                self.tries(client);
            }
            Then::Stops => this.end = Some(End::Stopped),
            Then::BeginsWith1 => {
                this.start_overs += 1;
                this.number = 1;
                self.message(client);
            }
        }
    }

    fn hears(&mut self, client: usize, reply: Reply) {
        let this = &mut self.clients[client];
        let Some(payload) = this.payload else { return };
        if this.end.is_some() || this.manners.goes_on_after.is_some() || this.manners.takes_none {
            return;
        }
        this.replies += 1;
        let believes = |trick: Trick| this.manners.believes.contains(&trick);
        let is_of = reply.id == payload.id || this.sent.contains(&reply.id) && believes(Trick::PreviousReply);
        let is_right = match reply.wrong {
            None => is_of,
            Some(trick) => believes(trick),
        };
        let is_taken = match this.manners.goes_on_after_replies {
            Some(replies) => this.replies == replies,
            None => is_right,
        };
        if !is_taken {
            let pause = this.manners.timer;
            if this.manners.ends_at_wrong_reply {
                this.end = Some(End::Stopped);
            } else if this.manners.wrong_reply_begins_timer {
                this.timer += 1;
                let timer = this.timer;
                self.at(self.now + seconds(pause), Event::Timer(client, timer));
            }
            return;
        }
        let expected = if this.number == self.members { 0 } else { this.number + 1 };
        let is_read =
            is_right && this.manners.next != Next::Ignored && reply.wrong != Some(Trick::ErrorReply);
        let next_number =
            if is_read && reply.wrong != Some(Trick::PlainText) { reply.next_number } else { expected };
        if this.manners.next == Next::Checked && next_number != expected && reply.id == payload.id {
            this.end = Some(End::Stopped);
            return;
        }
        // Who takes an earlier reply for this one's goes by its own count.
        let next_number = if reply.id == payload.id { next_number } else { expected };
        if next_number == 0 {
            this.end = Some(End::EveryoneIsIn);
        } else {
            this.number = next_number;
            self.message(client);
        }
    }

    /// A datagram reaches the server.
    fn arrives(&mut self, payload: Payload, port: u16) {
        if self.now < self.down_until {
            return;
        }
        let now = self.now;
        let Payload { number, id, jti, exp, matricula } = payload;
        if !self.captured.iter().any(|known| known.id == id) {
            self.captured.push(payload);
        }
        if exp.is_some_and(|exp| exp <= now.as_secs_f64()) {
            self.exam.remember(id, jti);
            return;
        }
        let peer = SocketAddr::from(([127, 0, 0, 1], port));
        let message = Message { number, id, jti, exp, matricula, peer, seed: (id >> 64) as u64 };
        let fate = self.exam.take(&message, now);
        let next_number = (fate != Fate::RequestLost).then(|| fsm::next(self.members, self.state, number));
        if let Some(Some(next_number)) = next_number {
            self.state = number;
            self.exam.handled(now, 17);
            let right = Reply { wrong: None, id, next_number };
            if self.replied.is_some_and(|replied| replied.id != id) {
                self.earlier = self.replied;
            }
            self.replied = Some(right);
            let wrong = |trick| match trick {
                Trick::PreviousReply => {
                    self.earlier.filter(|earlier| earlier.id != id).expect("an earlier reply")
                }
                trick => Reply { wrong: Some(trick), ..right },
            };
            let sent = match fate {
                Fate::AsEver | Fate::Right => Some(right),
                Fate::Wrong(trick) => Some(wrong(trick)),
                Fate::HalfAPauseLater(trick) => {
                    let later = now + self.exam.pause() / 2;
                    let wrong = wrong(trick);
                    self.at(later, Event::Sends(wrong, port));
                    None
                }
                Fate::WaitsForNext if self.exam.copies() > 0 => self.held.replace(right),
                Fate::RequestLost | Fate::ReplyLost | Fate::WaitsForNext => None,
                Fate::OtherNumber if number == self.members => {
                    Some(Reply { next_number: number + 1, ..right })
                }
                Fate::OtherNumber => Some(Reply { next_number: number + 2, ..right }),
            };
            if !matches!(fate, Fate::WaitsForNext | Fate::AsEver) {
                self.held = None;
            }
            if let Some(reply) = sent {
                self.sends(reply, port);
            }
        }
        self.lines.extend(self.exam.lines());
    }

    fn sends(&mut self, reply: Reply, port: u16) {
        self.over_the_network(|reply| Event::ToClient(reply, port), reply, self.network.loss_back);
    }

    /// Runs until every client has ended, or so long.
    pub fn runs(&mut self, longest: f64) {
        let until = self.now + seconds(longest);
        if self.replays {
            let next = self.random.between(0.0, 5.0);
            self.at(self.now + seconds(next), Event::Replays);
        }
        if self.restarts && self.random.is(0.1) {
            let next = self.random.between(0.0, 20.0);
            self.at(self.now + seconds(next), Event::Restarts);
        }
        if self.kills && self.random.is(0.1) {
            let next = self.random.between(0.0, 20.0);
            let is_same_port = self.random.is(0.5);
            self.at(self.now + seconds(next), Event::Killed(self.clients.len() - 1, is_same_port));
        }
        while let Some(Reverse((time, event))) = self.queue.pop() {
            if time > until || self.clients.iter().rev().take(4).all(|client| client.end.is_some()) {
                self.queue.push(Reverse((time, event)));
                break;
            }
            self.now = time;
            self.happens(event);
        }
        for client in self.clients.iter_mut().rev().take(4) {
            client.end.get_or_insert(End::Stopped);
        }
    }

    /// What is under way arrives, and time passes.
    pub fn rests(&mut self, time: f64) {
        let until = self.now + seconds(time);
        while let Some(Reverse((next, event))) = self.queue.pop() {
            if next > until {
                self.queue.push(Reverse((next, event)));
                break;
            }
            self.now = next;
            self.happens(event);
        }
        self.now = until;
        self.exam.tick(self.now);
        self.lines.extend(self.exam.lines());
    }

    fn happens(&mut self, event: u64) {
        let Some(event) = self.events.remove(&event) else { return };
        match event {
            Event::ToServer(payload, port) => self.arrives(payload, port),
            Event::ToClient(reply, port) => {
                let listens = |client: &Client| client.port == port && client.end.is_none();
                if let Some(client) = self.clients.iter().rposition(listens) {
                    self.hears(client, reply);
                }
            }
            Event::Sends(reply, port) => self.sends(reply, port),
            Event::Timer(client, timer) => {
                if self.clients[client].timer == timer && self.clients[client].end.is_none() {
                    self.tries(client);
                }
            }
            Event::Replays => {
                if self.captured.is_empty() {
                    return;
                }
                let recent = self.captured[self.captured.len().saturating_sub(6)..].to_vec();
                let port =
                    if self.random.is(0.5) { 60_999 } else { 61_000 + (self.random.next() >> 52) as u16 };
                for _ in 0..=self.random.next() >> 62 {
                    let payload = self.random.pick(&recent);
                    self.arrives(payload, port);
                }
                let next = self.random.between(0.0, 20.0);
                if self.clients.iter().any(|client| client.end.is_none()) {
                    self.at(self.now + seconds(next), Event::Replays);
                }
            }
            Event::Restarts => {
                self.restart();
                self.down_until = self.now + seconds(self.random.between(0.0, 3.0));
            }
            Event::Killed(client, is_same_port) => {
                if self.clients[client].end.is_none() {
                    self.clients[client].end = Some(End::Stopped);
                    let port = is_same_port.then(|| self.clients[client].port);
                    let (manners, matricula) =
                        (self.clients[client].manners.clone(), self.clients[client].matricula);
                    self.begins(&manners, port, matricula);
                }
            }
        }
    }

    /// The server is killed and started again: it reads back the sheet and the payloads.
    pub fn restart(&mut self) {
        let sheet = self.exam.sheet().clone();
        self.exam = Exam::new(self.members as u8);
        self.exam.restore(self.state, sheet, true, self.now);
        for Payload { id, jti, .. } in &self.captured {
            self.exam.remember(*id, *jti);
        }
        (self.held, self.replied, self.earlier) = (None, None, None);
    }
}
