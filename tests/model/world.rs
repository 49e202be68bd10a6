//! One group's world: its server, its clients, and a network that does what it likes.
//!
//! A world is small and can be compared, so that a search can go through all of them. The state machine
//! is the server's own; what is modelled is what stands around it.

use udpsocket_jwt_server::fsm;

/// The client's rules that can be left out, one by one, with their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    BeginWith1,       // 1: not with 0
    EachPayloadIsNew, // 1: by a `jti`, so that no other message has the same `id_request`
    SendTheSameBytes, // 2: not a message signed again
    VerifyTheHmac,    // 2
    CheckIdRequest,   // 2
    LeaveTheTimer,    // 2: a reply that is ignored does not make the client wait from the beginning
    CheckNextNumber,  // 3
    StartOver,        // 4
    GiveUp,           // 5
    WaitForExp,       // 7
}

/// What a server could do wrong. The real one has none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    RepliesBeforeItRecords,
    ForgetsAtARestart,
}

/// In the first, whatever was ever sent may arrive at any time, any number of times, or never: every
/// network, and everyone who replays what he has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Any,
    Prompt, // each message is answered at once
    Late,   // prompt, but copies of each message may come at any time, any number of times
    Slow,   // nothing is lost or copied, but a reply takes longer than the client's timer
    Noisy,  // prompt, and someone sends the client a wrong reply before each second is over
}

/// Which worlds there are.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub network: Network,
    pub members: u8,            // in the server's table
    pub believed: u8,           // as the clients have it
    pub clients: &'static [u8], // the list of matriculas with which each begins; two break rule 6
    pub lists: u8,              // a client can be started again, with any of so many (0: it is not)
    pub finished: bool,         // an earlier run has brought everyone in
    pub killed: bool,           // the server's steps one by one, and it can be killed between any two
    pub mistake: Option<u8>,    // a number whose message the server never accepts
    pub left_out: &'static [Rule],
    pub fault: Fault,
}

impl Setting {
    fn keeps(&self, rule: Rule) -> bool {
        !self.left_out.contains(&rule)
    }

    /// The server's rules: the real ones.
    pub fn next_number(&self, state: u8, seq_number: u8) -> Option<u8> {
        let next_number = fsm::next(self.members.into(), state.into(), seq_number.into());
        next_number.filter(|_| self.mistake != Some(seq_number)).map(|number| number as u8)
    }

    /// The numbers of the clients.
    fn everyone(&self) -> impl Iterator<Item = u8> {
        (0..).take(self.clients.len())
    }

    fn name(&self, who: u8) -> &'static str {
        match (self.clients, who) {
            ([_], _) => "the client",
            (_, 0) => "client A",
            _ => "client B",
        }
    }
}

/// Tries before a client starts over. Eight would show the same, in longer traces.
const TRIES: u8 = 2;

/// A message that some client does not wait for any more: only copies of it are left.
const OLD: u8 = 2;

/// A request, or the reply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Message {
    by: u8, // the client that waits for its reply, or `OLD`
    seq_number: u8,
    list: u8, // that its matricula is from
}

impl Message {
    fn words(self) -> String {
        match self.seq_number {
            0 => "0".to_string(),
            number => format!("{number} (matricula {}{number})", self.list + 1),
        }
    }

    /// It, or a copy of it.
    fn or_copy(self) -> String {
        let copy = if self.by == OLD { "an old copy of " } else { "" };
        format!("{copy}{}", self.words())
    }
}

/// A set of messages, a bit for each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Messages(u32);

impl Messages {
    fn bit(message: Message) -> u32 {
        1 << ((message.by * 5 + message.seq_number) * 2 + message.list)
    }

    fn insert(&mut self, message: Message) {
        self.0 |= Self::bit(message);
    }

    fn iter(self) -> impl Iterator<Item = Message> {
        let message = |bit: u8| Message { by: bit / 10, seq_number: bit / 2 % 5, list: bit % 2 };
        (0..30).map(message).filter(move |message| self.0 & Self::bit(*message) != 0)
    }

    /// A client has a new message: what it sent before is old.
    fn age(&mut self, who: u8) {
        for message in self.iter().filter(|message| message.by == who) {
            self.0 &= !Self::bit(message);
            self.insert(Message { by: OLD, ..message });
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Doing {
    #[default]
    Running,
    Done,   // it says that everyone is in
    Asking, // `next_number` is not what it must be: the table has another number of members
    GivenUp,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
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
    pub last: u8,              // the number of its last record
    run: [u8; 3],              // for each number of this run, the list that its matricula is from
    complete: Option<[u8; 3]>, // the last run that was complete
    all: Messages,             // whatever was ever recorded
}

impl File {
    fn record(&mut self, setting: &Setting, message: Message) {
        self.all.insert(Message { by: OLD, ..message });
        self.last = message.seq_number;
        match message.seq_number {
            0 => self.run = [0; 3],
            number => self.run[usize::from(number) - 1] = message.list,
        }
        if message.seq_number == setting.members {
            self.complete = Some(self.run);
        }
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct World {
    clients: [Client; 2],
    pub state: u8,
    pub file: File,
    /// What the server handles together: read and decided, then synced, then answered one by one.
    batch: [Option<Message>; 2],
    is_synced: bool,
    requests: Messages,    // every one that was sent
    replies: Messages,     // the same
    pub is_deceived: bool, // a client took as acknowledged what is not in the file
}

/// What can happen, in words, and the world after it.
pub struct Step {
    pub words: String,
    pub after: World,
    /// A client starts over, or waits from the beginning.
    pub is_in_vain: bool,
}

fn step(words: String, after: World) -> Step {
    Step { words, after, is_in_vain: false }
}

impl World {
    pub fn first(setting: &Setting) -> World {
        let seq_number = u8::from(setting.keeps(Rule::BeginWith1));
        let lists = [setting.clients[0], *setting.clients.last().unwrap()];
        let clients = lists.map(|list| Client { list, seq_number, ..Client::default() });
        let mut world = World { clients, ..World::default() };
        for seq_number in (1..=setting.members).filter(|_| setting.finished) {
            _ = world.arrives(setting, Message { by: OLD, seq_number, list: 0 });
        }
        world
    }

    pub fn clients<'a>(&'a self, setting: &Setting) -> &'a [Client] {
        &self.clients[..setting.clients.len()]
    }

    fn client(&mut self, who: u8) -> &mut Client {
        &mut self.clients[usize::from(who)]
    }

    /// Everything that can happen next.
    pub fn steps(&self, setting: &Setting) -> Vec<Step> {
        let mut steps = Vec::new();
        for who in setting.everyone() {
            let mut its_steps = match (self.clients[usize::from(who)].doing, setting.network) {
                (Doing::Running, Network::Any) => self.runs(setting, who),
                (Doing::Running, _) => vec![self.tries(setting, who)],
                _ => vec![],
            };
            its_steps.extend((0..setting.lists).filter_map(|list| self.is_started_again(setting, who, list)));
            for step in &mut its_steps {
                step.words.insert_str(0, setting.name(who));
            }
            steps.extend(its_steps);
        }
        if setting.killed {
            self.server_steps(setting, &mut steps);
        } else if let Network::Any | Network::Late = setting.network {
            for request in self.requests.iter() {
                let mut after = *self;
                let Some(next) = after.arrives(setting, request) else { continue };
                if setting.network == Network::Any {
                    after.replies.insert(request);
                }
                let words = request.or_copy() + " arrives: recorded, state ";
                steps.push(step(format!("{words}{}, next_number {next}", after.state), after));
            }
        }
        if setting.lists == 2 && self.is_idle() {
            // The exp of all that was sent has passed, and no server takes so long with a message. Who still
            // waits has a new message to sign.
            let mut after = Self { requests: Messages::default(), ..*self };
            setting.everyone().for_each(|who| after.has_a_new_message(setting, who));
            steps.push(step("the exp of all that was sent passes".into(), after));
        }
        if setting.keeps(Rule::CheckIdRequest) {
            // A reply that nobody takes any more is as good as lost: fewer worlds, and the same traces.
            for step in &mut steps {
                step.after.replies.0 &= (1 << (OLD * 10)) - 1;
            }
        }
        steps.retain(|step| step.after != *self || step.is_in_vain);
        steps
    }

    // --- the client ---------------------------------------------------------------------------------

    fn message(&self, who: u8) -> Message {
        let Client { seq_number, list, .. } = self.clients[usize::from(who)];
        Message { by: who, seq_number, list: if seq_number == 0 { 0 } else { list } }
    }

    fn has_a_new_message(&mut self, setting: &Setting, who: u8) {
        self.client(who).tries = 0;
        if setting.keeps(Rule::EachPayloadIsNew) {
            self.requests.age(who);
            self.replies.age(who);
            for message in self.batch.iter_mut().flatten().filter(|message| message.by == who) {
                message.by = OLD;
            }
        }
    }

    fn sends(&mut self, setting: &Setting, who: u8) -> Message {
        let tries = self.client(who).tries;
        if !setting.keeps(Rule::SendTheSameBytes) {
            self.has_a_new_message(setting, who);
        }
        self.client(who).tries = tries + 1;
        self.requests.insert(self.message(who));
        self.message(who)
    }

    /// A reply comes: to which request, and what it says. None: the client ignores it.
    fn takes(&mut self, setting: &Setting, who: u8, reply: Message, next_number: u8) -> Option<&'static str> {
        let request = self.message(who);
        if setting.keeps(Rule::CheckIdRequest) && reply != request {
            return None;
        }
        let is_last = request.seq_number == setting.believed;
        let expected = if is_last { 0 } else { request.seq_number + 1 };
        let (doing, words) = if setting.keeps(Rule::CheckNextNumber) && next_number != expected {
            (Doing::Asking, ": it asks")
        } else if next_number == 0 || is_last {
            (Doing::Done, ": everyone is in")
        } else {
            self.client(who).seq_number = next_number;
            (Doing::Running, "")
        };
        self.client(who).doing = doing;
        let is_recorded = self.file.all.iter().any(|record| record == Message { by: OLD, ..request });
        self.is_deceived |= doing != Doing::Asking && !is_recorded;
        self.has_a_new_message(setting, who);
        Some(words)
    }

    /// All tries and their waits are over.
    fn waited(mut self, setting: &Setting, who: u8) -> Step {
        // In the widest network its patience has no end: that is more than the rules allow.
        let counts = setting.keeps(Rule::GiveUp) && setting.network != Network::Any;
        if counts && self.client(who).start_overs == 3 {
            self.client(who).doing = Doing::GivenUp;
            return step(" gives up".into(), self);
        }
        self.client(who).start_overs += u8::from(counts);
        let mut then = "goes on";
        if setting.keeps(Rule::StartOver) {
            then = "starts over";
            self.client(who).seq_number = 0;
        }
        self.has_a_new_message(setting, who);
        Step { words: format!(" has made all its tries, and {then}"), after: self, is_in_vain: true }
    }

    /// A client in the widest network. One try is as good as eight, where copies come at any time.
    fn runs(&self, setting: &Setting, who: u8) -> Vec<Step> {
        let mut after = *self;
        let request = self.message(who);
        if self.clients[usize::from(who)].tries == 0 {
            after.sends(setting, who);
            return vec![step(format!(" sends {}", request.words()), after)];
        }
        let mut steps = vec![self.waited(setting, who)];
        for reply in self.replies.iter().filter(|reply| [who, OLD].contains(&reply.by)) {
            let mut after = *self;
            let next = setting.next_number(reply.seq_number, reply.seq_number).unwrap();
            let Some(then) = after.takes(setting, who, reply, next) else { continue };
            let old = if reply.by == OLD { "an old reply" } else { "the reply" };
            let words = format!(" takes {old} to {}, next_number {next}{then}", reply.words());
            steps.push(step(words, after));
        }
        if !setting.keeps(Rule::VerifyTheHmac) {
            let next = (request.seq_number + 1) % (setting.believed + 1);
            after.takes(setting, who, request, next);
            let words = format!(" takes a forged reply to {}, next_number {next}", request.words());
            steps.push(step(words, after));
        }
        steps
    }

    /// A client in the other networks: a try and what comes of it, all at once.
    fn tries(&self, setting: &Setting, who: u8) -> Step {
        let mut after = *self;
        let tries = self.clients[usize::from(who)].tries;
        if setting.network == Network::Noisy && tries > 0 && !setting.keeps(Rule::LeaveTheTimer) {
            let words = " ignores a wrong reply, and waits from the beginning".into();
            return Step { words, after, is_in_vain: true };
        }
        if tries == TRIES {
            return self.waited(setting, who);
        }
        let request = after.sends(setting, who);
        let next_number = after.arrives(setting, request);
        // Where the network is slow, the reply to the try before comes, if that was the same message.
        let is_slow = setting.network == Network::Slow && after.replies.iter().all(|reply| reply != request);
        after.replies = Messages::default();
        let what = match next_number {
            Some(next) if !is_slow => {
                after.takes(setting, who, request, next);
                format!("next_number {next}")
            }
            _ => {
                if next_number.is_some() {
                    after.replies.insert(request);
                }
                format!("no reply in time, in state {}", self.state)
            }
        };
        step(format!(" sends {}: {what}", request.words()), after)
    }

    /// The student stops the client and starts it again, perhaps with corrected matriculas. For that, all
    /// stop, and (rule 7) wait for the exp of all that they sent.
    fn is_started_again(&self, setting: &Setting, who: u8, list: u8) -> Option<Step> {
        let is_corrected = list != self.clients[usize::from(who)].list;
        if is_corrected && setting.keeps(Rule::WaitForExp) && self.requests != Messages::default() {
            return None;
        }
        let mut after = *self;
        for other in setting.everyone().filter(|other| is_corrected || *other == who) {
            *after.client(other) = Client { list, ..World::first(setting).clients[0] };
            after.has_a_new_message(setting, other);
        }
        Some(step(format!(" is stopped, and started again with matricula {}1", list + 1), after))
    }

    // --- the server ---------------------------------------------------------------------------------

    /// A request arrives and is handled whole.
    fn arrives(&mut self, setting: &Setting, request: Message) -> Option<u8> {
        let next_number = setting.next_number(self.state, request.seq_number)?;
        self.file.record(setting, request);
        self.state = request.seq_number;
        Some(next_number)
    }

    /// The server's steps: reads and decides, records and syncs, replies. It can be killed before each.
    fn server_steps(&self, setting: &Setting, steps: &mut Vec<Step>) {
        let waiting = self.batch.iter().flatten().count();
        let copy_of_state = self.batch.iter().flatten().last().map_or(self.state, |last| last.seq_number);
        let reads = |request: &Message| setting.next_number(copy_of_state, request.seq_number).is_some();
        for request in self.requests.iter().filter(reads).filter(|_| !self.is_synced && waiting < 2) {
            let mut after = *self;
            after.batch[waiting] = Some(request);
            steps.push(step(format!("the server decides {}", request.or_copy()), after));
        }
        let Some(request) = self.batch[0] else { return };
        let with = |records: usize| {
            let mut file = self.file;
            self.batch.iter().flatten().take(records).for_each(|message| file.record(setting, *message));
            file
        };
        if !self.is_synced {
            let after = Self { file: with(waiting), state: copy_of_state, is_synced: true, ..*self };
            steps.push(step("the server records and syncs".into(), after));
        }
        if self.is_synced || setting.fault == Fault::RepliesBeforeItRecords {
            let mut after = *self;
            after.replies.insert(request);
            if self.is_synced {
                after.batch = [self.batch[1], None];
                after.is_synced = waiting > 1;
            }
            steps.push(step(format!("the server replies to {}", request.or_copy()), after));
        }
        for records in 0..=if self.is_synced { 0 } else { waiting } {
            let file = with(records); // a write may be there in part
            let (state, why) = match setting.fault {
                Fault::ForgetsAtARestart => (0, ", whatever the file says"),
                _ => (file.last, ""),
            };
            let after = Self { file, state, batch: [None; 2], is_synced: false, ..*self };
            steps.push(step(format!("the server is killed, and starts with state {state}{why}"), after));
        }
    }

    // --- the properties -----------------------------------------------------------------------------

    /// S1: who says that everyone is in is right.
    pub fn keeps_s1(&self, setting: &Setting) -> bool {
        self.clients(setting).iter().filter(|client| client.doing == Doing::Done).all(|client| {
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
                    self = self.waited(setting, 0).after;
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
