//! One group's world: its server, its clients, and a network that does what it likes.
//!
//! A world is small and can be compared, so that a search can go through all of them. The state machine
//! is the server's own; what is modelled is what stands around it.

use udpsocket_jwt_server::fsm;

/// The client's rules that can be left out, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// 1: not with 0.
    BeginWith1,
    /// 1: by a `jti`, so that no other message has the same `id_request`.
    EachPayloadIsNew,
    /// 2: not a message signed again.
    SendTheSameBytes,
    /// 2
    VerifyTheHmac,
    /// 2
    CheckIdRequest,
    /// 2: a reply that is ignored does not make the client wait from the beginning.
    LeaveTheTimer,
    /// 3
    CheckNextNumber,
    /// 4
    StartOver,
    /// 5
    GiveUp,
    /// 7
    WaitForExp,
}

/// What a server could do wrong. The real one has none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    RepliesBeforeItRecords,
    ForgetsAtARestart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Whatever was ever sent may arrive at any time, any number of times, or never: every network, and
    /// everyone who replays what he has seen.
    Any,
    /// Each message is answered at once.
    Prompt,
    /// Prompt, but copies of each message may come at any time, any number of times.
    Late,
    /// Nothing is lost or copied, but a reply takes longer than the client's timer.
    Slow,
    /// Prompt, and someone sends the client a reply that is not its own before each second is over.
    Noisy,
}

/// Which worlds there are.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub network: Network,
    /// The group's members: in the server's table, and as its clients believe.
    pub members: u8,
    pub believed: u8,
    /// The list of matriculas with which each client begins. Two entries break rule 6.
    pub clients: &'static [u8],
    /// A client can be stopped and started again, with any of so many lists (0: it is not).
    pub lists: u8,
    /// An earlier run has brought everyone in.
    pub finished: bool,
    /// The server's steps one by one, two messages to a sync, and it can be killed between any two.
    pub killed: bool,
    /// A number whose message the server never accepts: a mistake is in it.
    pub mistake: Option<u8>,
    pub left_out: &'static [Rule],
    pub fault: Fault,
}

impl Setting {
    fn keeps(&self, rule: Rule) -> bool {
        !self.left_out.contains(&rule)
    }

    /// The server's rules: the real ones.
    pub fn next_number(&self, state: u8, seq_number: u8) -> Option<u8> {
        let next_number = fsm::next(self.members.into(), state.into(), seq_number.into())?;
        u8::try_from(next_number).ok()
    }

    fn answer(&self, state: u8, seq_number: u8) -> Option<u8> {
        if self.mistake == Some(seq_number) { None } else { self.next_number(state, seq_number) }
    }
}

/// Tries before a client starts over. Eight would show the same, in longer traces.
const TRIES: u8 = 2;

/// A message that some client does not wait for any more: only copies of it are left.
pub const OLD: u8 = 2;

/// A request, or the reply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// The client that waits for its reply, or `OLD`.
    pub by: u8,
    pub seq_number: u8,
    /// The list that its matricula is from.
    pub list: u8,
}

/// A set of messages, a bit for each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Messages(u32);

impl Messages {
    fn bit(message: Message) -> u32 {
        1 << ((message.by * 5 + message.seq_number) * 2 + message.list)
    }

    pub fn insert(&mut self, message: Message) {
        self.0 |= Self::bit(message);
    }

    pub fn contains(self, message: Message) -> bool {
        self.0 & Self::bit(message) != 0
    }

    fn iter(self) -> impl Iterator<Item = Message> {
        let message = |bit: u8| Message { by: bit / 10, seq_number: bit / 2 % 5, list: bit % 2 };
        (0..30).filter(move |bit| self.0 >> bit & 1 == 1).map(message)
    }

    fn forget_old(&mut self) {
        self.0 &= (1 << (OLD * 10)) - 1;
    }

    /// A client has a new message: what it sent before is old.
    fn age(&mut self, who: u8) {
        for message in self.iter().filter(|message| message.by == who) {
            self.0 &= !Self::bit(message);
            self.insert(Message { by: OLD, ..message });
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doing {
    Running,
    /// It says that everyone is in.
    Done,
    /// `next_number` is not what it must be: the table has another number of members.
    Asking,
    GivenUp,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client {
    pub doing: Doing,
    list: u8,
    seq_number: u8,
    tries: u8,
    start_overs: u8,
}

/// `received.jsonl`, as `report` reads it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct File {
    /// The number of its last record.
    pub last: u8,
    /// For each number of this run, the list that its matricula is from.
    run: [u8; 3],
    /// The last run that was complete.
    pub complete: Option<[u8; 3]>,
    /// Whatever was ever recorded.
    pub all: Messages,
}

impl File {
    fn record(&mut self, setting: &Setting, message: Message) {
        let Message { seq_number, list, .. } = message;
        self.all.insert(Message { by: OLD, ..message });
        self.last = seq_number;
        if seq_number == 0 {
            self.run = [0; 3];
            return;
        }
        self.run[usize::from(seq_number) - 1] = list;
        if seq_number == setting.members {
            self.complete = Some(self.run);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct World {
    pub clients: [Client; 2],
    pub state: u8,
    pub file: File,
    /// What the server handles together: read and decided, then synced, then answered one by one.
    batch: [Option<Message>; 2],
    is_synced: bool,
    /// Every request that was sent, and every reply.
    requests: Messages,
    replies: Messages,
    /// A client took as acknowledged what is not in the file.
    pub is_deceived: bool,
}

/// What happens between a world and the next.
#[derive(Clone, Copy)]
pub enum Event {
    Sends(u8, Message),
    /// Sends, and the reply is there at once, or never.
    Tries(u8, Message, u8, Option<u8>),
    Takes(u8, Message, u8, Doing),
    IsForged(u8, Message, u8),
    Ignores(u8),
    StartsOver(u8),
    GivesUp(u8),
    IsStartedAgain(u8, u8),
    Arrives(Message, u8, u8),
    Expires,
    IsDecided(Message),
    Syncs,
    IsAnswered(Message),
    IsKilled(u8),
}

impl World {
    pub fn first(setting: &Setting) -> World {
        let client = |list| Client {
            doing: Doing::Running,
            list,
            seq_number: u8::from(setting.keeps(Rule::BeginWith1)),
            tries: 0,
            start_overs: 0,
        };
        let second = *setting.clients.last().unwrap();
        let mut world = World {
            clients: [client(setting.clients[0]), client(second)],
            state: 0,
            file: File::default(),
            batch: [None; 2],
            is_synced: false,
            requests: Messages::default(),
            replies: Messages::default(),
            is_deceived: false,
        };
        if setting.finished {
            for seq_number in 1..=setting.members {
                world.file.record(setting, Message { by: OLD, seq_number, list: 0 });
            }
            world.state = setting.members;
        }
        world
    }

    pub fn clients<'a>(&'a self, setting: &'a Setting) -> impl Iterator<Item = &'a Client> {
        self.clients.iter().take(setting.clients.len())
    }

    /// Everything that can happen next.
    pub fn events(&self, setting: &Setting) -> Vec<(Event, World)> {
        let mut events = Vec::new();
        for who in (0..).take(setting.clients.len()) {
            if self.clients[usize::from(who)].doing == Doing::Running {
                match setting.network {
                    Network::Any => self.runs(setting, who, &mut events),
                    _ => self.tries(setting, who, &mut events),
                }
            }
            self.is_started_again(setting, who, &mut events);
        }
        if setting.killed {
            self.server_steps(setting, &mut events);
        } else if let Network::Any | Network::Late = setting.network {
            for request in self.requests.iter() {
                let mut after = *self;
                if let Some(next_number) = after.arrives(setting, request) {
                    if setting.network == Network::Any {
                        after.is_replied(setting, request);
                    }
                    events.push((Event::Arrives(request, after.state, next_number), after));
                }
            }
        }
        if setting.lists == 2 && self.is_idle() {
            // The exp of all that was sent has passed, and no server takes so long with a message. Who still
            // waits has a new message to sign.
            let mut after = Self { requests: Messages::default(), ..*self };
            (0..).take(setting.clients.len()).for_each(|who| after.has_a_new_message(setting, who));
            events.push((Event::Expires, after));
        }
        events.retain(|(event, after)| after != self || matches!(event, Event::Ignores(_)));
        events
    }

    // --- the client ---------------------------------------------------------------------------------

    fn message(&self, who: u8) -> Message {
        let Client { seq_number, list, .. } = self.clients[usize::from(who)];
        Message { by: who, seq_number, list: if seq_number == 0 { 0 } else { list } }
    }

    fn has_a_new_message(&mut self, setting: &Setting, who: u8) {
        self.clients[usize::from(who)].tries = 0;
        if setting.keeps(Rule::EachPayloadIsNew) {
            self.requests.age(who);
            self.replies.age(who);
            for message in self.batch.iter_mut().flatten().filter(|message| message.by == who) {
                message.by = OLD;
            }
        }
        self.forget_useless_replies(setting);
    }

    fn is_replied(&mut self, setting: &Setting, request: Message) {
        self.replies.insert(request);
        self.forget_useless_replies(setting);
    }

    /// A reply that nobody takes any more is as good as lost: fewer worlds, and the same traces.
    fn forget_useless_replies(&mut self, setting: &Setting) {
        if setting.keeps(Rule::CheckIdRequest) {
            self.replies.forget_old();
        }
    }

    fn sends(&mut self, setting: &Setting, who: u8) -> Message {
        let tries = self.clients[usize::from(who)].tries;
        if !setting.keeps(Rule::SendTheSameBytes) {
            self.has_a_new_message(setting, who);
        }
        self.clients[usize::from(who)].tries = tries + 1;
        self.requests.insert(self.message(who));
        self.message(who)
    }

    /// A reply comes: to which request, and what it says. None: the client ignores it.
    fn takes(&mut self, setting: &Setting, who: u8, reply: Message, next_number: u8) -> Option<Event> {
        if setting.keeps(Rule::CheckIdRequest) && reply != self.message(who) {
            return None;
        }
        let Message { seq_number, list, .. } = self.message(who);
        let is_last = seq_number == setting.believed;
        let expected = if is_last { 0 } else { seq_number + 1 };
        let doing = if setting.keeps(Rule::CheckNextNumber) && next_number != expected {
            Doing::Asking
        } else if next_number == 0 || is_last {
            Doing::Done
        } else {
            Doing::Running
        };
        let client = &mut self.clients[usize::from(who)];
        client.doing = doing;
        if doing == Doing::Running {
            client.seq_number = next_number;
        }
        let is_recorded = self.file.all.contains(Message { by: OLD, seq_number, list });
        self.is_deceived |= doing != Doing::Asking && !is_recorded;
        self.has_a_new_message(setting, who);
        Some(Event::Takes(who, reply, next_number, doing))
    }

    /// All tries and their waits are over.
    fn waited(&mut self, setting: &Setting, who: u8) -> Event {
        let client = &mut self.clients[usize::from(who)];
        // In the widest network its patience has no end: that is more than the rules allow.
        let counts = setting.keeps(Rule::GiveUp) && setting.network != Network::Any;
        if counts && client.start_overs == 3 {
            client.doing = Doing::GivenUp;
            return Event::GivesUp(who);
        }
        client.start_overs += u8::from(counts);
        if setting.keeps(Rule::StartOver) {
            client.seq_number = 0;
        }
        self.has_a_new_message(setting, who);
        Event::StartsOver(who)
    }

    /// A client in the widest network. One try is as good as eight, where copies come at any time.
    fn runs(&self, setting: &Setting, who: u8, events: &mut Vec<(Event, World)>) {
        if self.clients[usize::from(who)].tries == 0 {
            let mut after = *self;
            events.push((Event::Sends(who, after.sends(setting, who)), after));
            return;
        }
        let mut after = *self;
        events.push((after.waited(setting, who), after));
        for reply in self.replies.iter().filter(|reply| [who, OLD].contains(&reply.by)) {
            let mut after = *self;
            let next_number = setting.next_number(reply.seq_number, reply.seq_number).unwrap();
            events.extend(after.takes(setting, who, reply, next_number).map(|event| (event, after)));
        }
        if !setting.keeps(Rule::VerifyTheHmac) {
            let (mut after, request) = (*self, self.message(who));
            let next_number = (request.seq_number + 1) % (setting.believed + 1);
            after.takes(setting, who, request, next_number);
            events.push((Event::IsForged(who, request, next_number), after));
        }
    }

    /// A client in the other networks: a try and what comes of it, all at once.
    fn tries(&self, setting: &Setting, who: u8, events: &mut Vec<(Event, World)>) {
        let mut after = *self;
        let tries = self.clients[usize::from(who)].tries;
        if setting.network == Network::Noisy && tries > 0 && !setting.keeps(Rule::LeaveTheTimer) {
            events.push((Event::Ignores(who), after));
            return;
        }
        if tries == TRIES {
            events.push((after.waited(setting, who), after));
            return;
        }
        let (request, state) = (after.sends(setting, who), self.state);
        let next_number = after.arrives(setting, request);
        let comes = if setting.network == Network::Slow {
            // The reply to the try before, if that was the same message.
            after.replies.iter().next().and_then(|reply| setting.next_number(state, reply.seq_number))
        } else {
            next_number
        };
        after.replies = Messages::default();
        if let Some(next_number) = comes {
            after.takes(setting, who, request, next_number);
        } else if next_number.is_some() {
            after.replies.insert(request);
        }
        events.push((Event::Tries(who, request, state, comes), after));
    }

    /// The student stops the client and starts it again, perhaps with corrected matriculas. For that, all
    /// stop, and (rule 7) wait for the exp of all that they sent.
    fn is_started_again(&self, setting: &Setting, who: u8, events: &mut Vec<(Event, World)>) {
        let first = World::first(setting).clients[0];
        for list in 0..setting.lists {
            let is_corrected = list != self.clients[usize::from(who)].list;
            if is_corrected && setting.keeps(Rule::WaitForExp) && self.requests != Messages::default() {
                continue;
            }
            let mut after = *self;
            for other in (0..).take(setting.clients.len()).filter(|other| is_corrected || *other == who) {
                after.clients[usize::from(other)] = Client { list, ..first };
                after.has_a_new_message(setting, other);
            }
            events.push((Event::IsStartedAgain(who, list), after));
        }
    }

    // --- the server ---------------------------------------------------------------------------------

    /// A request arrives and is handled whole.
    fn arrives(&mut self, setting: &Setting, request: Message) -> Option<u8> {
        let next_number = setting.answer(self.state, request.seq_number)?;
        self.file.record(setting, request);
        self.state = request.seq_number;
        Some(next_number)
    }

    /// The server's steps: reads and decides, records and syncs, replies. It can be killed before each.
    fn server_steps(&self, setting: &Setting, events: &mut Vec<(Event, World)>) {
        let waiting = self.batch.iter().flatten().count();
        let copy_of_state = self.batch.iter().flatten().last().map_or(self.state, |last| last.seq_number);
        if !self.is_synced && waiting < 2 {
            for request in self.requests.iter() {
                if setting.answer(copy_of_state, request.seq_number).is_some() {
                    let mut after = *self;
                    after.batch[waiting] = Some(request);
                    events.push((Event::IsDecided(request), after));
                }
            }
        }
        if waiting == 0 {
            return;
        }
        let with = |records: usize| {
            let mut file = self.file;
            self.batch.iter().flatten().take(records).for_each(|message| file.record(setting, *message));
            file
        };
        if !self.is_synced {
            let after = Self { file: with(waiting), state: copy_of_state, is_synced: true, ..*self };
            events.push((Event::Syncs, after));
        }
        if self.is_synced || setting.fault == Fault::RepliesBeforeItRecords {
            let request = self.batch[0].unwrap();
            let mut after = *self;
            after.is_replied(setting, request);
            if self.is_synced {
                after.batch = [self.batch[1], None];
                after.is_synced = waiting > 1;
            }
            events.push((Event::IsAnswered(request), after));
        }
        for records in 0..=if self.is_synced { 0 } else { waiting } {
            let file = with(records); // a write may be there in part
            let state = if setting.fault == Fault::ForgetsAtARestart { 0 } else { file.last };
            let after = Self { file, state, batch: [None; 2], is_synced: false, ..*self };
            events.push((Event::IsKilled(state), after));
        }
    }

    // --- the properties -----------------------------------------------------------------------------

    /// S1: who says that everyone is in is right.
    pub fn keeps_s1(&self, setting: &Setting) -> bool {
        self.clients(setting).filter(|client| client.doing == Doing::Done).all(|client| {
            let counts = self.file.complete.map(|run| run[..usize::from(setting.members)].to_vec());
            counts == Some(vec![client.list; usize::from(setting.believed)])
        })
    }

    /// L1: from here on nothing is lost, late or copied, and the server is not killed. The messages that
    /// one client sends then until it ends; none if it never does.
    pub fn sends_until_the_end(mut self, setting: &Setting) -> Option<u8> {
        let mut sends = 0;
        while self.clients[0].doing == Doing::Running {
            let request = self.message(0);
            sends += 1;
            match self.arrives(setting, request) {
                Some(next_number) => _ = self.takes(setting, 0, request, next_number),
                None => {
                    sends += 7; // eight tries
                    self.waited(setting, 0);
                }
            }
            if sends > 100 {
                return None;
            }
        }
        Some(sends)
    }

    pub fn is_idle(&self) -> bool {
        self.batch == [None; 2]
    }

    /// L2: the same again, but for copies of what was sent. Whatever could follow then can follow now.
    pub fn is_again(&self, earlier: &World) -> bool {
        World { requests: earlier.requests, ..*self } == *earlier
    }
}
