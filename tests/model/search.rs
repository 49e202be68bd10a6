//! Every world that can follow from the first, breadth first: so the first way that is found to one in
//! which a property does not hold is a shortest one.

use crate::world::{Doing, Event, Fault, Message, OLD, Rule, Setting, World};
use std::collections::{HashMap, VecDeque};

/// What was found in a setting.
#[derive(Default)]
pub struct Found {
    pub worlds: usize,
    /// The properties that do not hold, each with a shortest way there, in words.
    pub broken: Vec<(&'static str, Vec<String>)>,
    /// L1: the most messages that a client sends from any world until it ends.
    pub most_sends: u8,
}

/// The worlds that were reached, each with the world before it and what happened between them.
struct Worlds {
    all: Vec<World>,
    numbers: HashMap<World, usize>,
    came_from: Vec<Option<(usize, Event)>>,
}

impl Worlds {
    fn new(first: World) -> Self {
        Self { all: vec![first], numbers: HashMap::from([(first, 0)]), came_from: vec![None] }
    }

    /// The number of a world, and whether it is a new one.
    fn reach(&mut self, world: World, before: usize, event: Event) -> (usize, bool) {
        let next = self.all.len();
        let number = *self.numbers.entry(world).or_insert(next);
        if number == next {
            self.all.push(world);
            self.came_from.push(Some((before, event)));
        }
        (number, number == next)
    }

    fn trace(&self, setting: &Setting, mut number: usize) -> Vec<String> {
        let mut steps = Vec::new();
        while let Some((before, event)) = self.came_from[number] {
            steps.push(words(setting, event));
            number = before;
        }
        steps.reverse();
        steps
    }
}

/// Looks for a world in which S1, S2, S3 or L1 does not hold.
pub fn everywhere(setting: &Setting) -> Found {
    let mut worlds = Worlds::new(World::first(setting));
    let mut found = Found::default();
    let mut at = 0;
    while at < worlds.all.len() {
        let world = worlds.all[at];
        let sends = match setting.clients {
            [_] if world.is_idle() => world.sends_until_the_end(setting),
            _ => Some(0), // another client could be in the way: rule 6
        };
        found.most_sends = found.most_sends.max(sends.unwrap_or_default());
        for (property, holds) in [
            ("S1", world.keeps_s1(setting)),
            ("S2", !world.is_deceived),
            ("S3", world.state == world.file.last),
            ("L1", sends.is_some()),
        ] {
            if !holds && !found.broken.iter().any(|(broken, _)| *broken == property) {
                found.broken.push((property, worlds.trace(setting, at)));
            }
        }
        for (event, after) in world.events(setting) {
            worlds.reach(after, at, event);
        }
        at += 1;
    }
    found.worlds = worlds.all.len();
    found.broken.sort();
    found
}

/// Looks for a circle in which clients start over for ever, or wait for ever: L2.
pub fn circles(setting: &Setting) -> Found {
    let mut worlds = Worlds::new(World::first(setting));
    let mut follow: Vec<Vec<(Event, usize)>> = Vec::new();
    while follow.len() < worlds.all.len() {
        let at = follow.len();
        let events = worlds.all[at].events(setting);
        follow.push(
            events.into_iter().map(|(event, after)| (event, worlds.reach(after, at, event).0)).collect(),
        );
    }
    let mut found = Found { worlds: worlds.all.len(), ..Found::default() };
    for (at, events) in follow.iter().enumerate() {
        for (event, after) in events {
            if matches!(event, Event::StartsOver(_) | Event::Ignores(_))
                && let Some(way) = way_back(setting, &worlds, &follow, *after, at)
            {
                let mut steps = worlds.trace(setting, at);
                steps.extend([words(setting, *event)].into_iter().chain(way).map(|step| format!("| {step}")));
                found.broken.push(("L2", steps));
                return found;
            }
        }
    }
    found
}

/// A shortest way from a world to an earlier one, but for copies, on which every client goes on running.
fn way_back(
    setting: &Setting,
    worlds: &Worlds,
    follow: &[Vec<(Event, usize)>],
    from: usize,
    to: usize,
) -> Option<Vec<String>> {
    let runs = |at: usize| worlds.all[at].clients(setting).all(|client| client.doing == Doing::Running);
    let mut ways = HashMap::from([(from, Vec::new())]);
    let mut queue = VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        if worlds.all[at].is_again(&worlds.all[to]) {
            return ways.remove(&at);
        }
        for (event, after) in follow[at].iter().filter(|(_, after)| runs(*after)) {
            if !ways.contains_key(after) {
                let mut way = ways[&at].clone();
                way.push(words(setting, *event));
                ways.insert(*after, way);
                queue.push_back(*after);
            }
        }
    }
    None
}

/// An event, as one says it.
fn words(setting: &Setting, event: Event) -> String {
    let client = |who: u8| match (setting.clients, who) {
        ([_], _) => "the client",
        (_, 0) => "client A",
        _ => "client B",
    };
    let about = |message: Message| match message {
        Message { seq_number: 0, .. } => "0".to_string(),
        Message { seq_number, list, .. } => format!("{seq_number} (matricula {}{seq_number})", list + 1),
    };
    let copy = |message: Message| if message.by == OLD { "an old copy of " } else { "" };
    match event {
        Event::Sends(who, message) => format!("{} sends {}", client(who), about(message)),
        Event::Tries(who, message, state, None) => {
            format!("{} sends {}: no reply in time, in state {state}", client(who), about(message))
        }
        Event::Tries(who, message, _, Some(next)) => {
            format!("{} sends {}: next_number {next}", client(who), about(message))
        }
        Event::Takes(who, message, next, doing) => {
            let after = match doing {
                Doing::Running => "",
                Doing::Done => ": everyone is in",
                Doing::Asking => ": it asks",
                Doing::GivenUp => unreachable!(),
            };
            let old = if message.by == OLD { "an old reply" } else { "the reply" };
            format!("{} takes {old} to {}, next_number {next}{after}", client(who), about(message))
        }
        Event::IsForged(who, message, next) => {
            format!("{} takes a forged reply to {}, next_number {next}", client(who), about(message))
        }
        Event::Ignores(who) => format!("{} ignores a wrong reply, and waits from the beginning", client(who)),
        Event::StartsOver(who) if setting.left_out.contains(&Rule::StartOver) => {
            format!("{} has made all its tries, and goes on", client(who))
        }
        Event::StartsOver(who) => format!("{} has made all its tries, and starts over", client(who)),
        Event::GivesUp(who) => format!("{} gives up", client(who)),
        Event::IsStartedAgain(who, list) => {
            format!("{} is stopped, and started again with matricula {}1", client(who), list + 1)
        }
        Event::Expires => "the exp of all that was sent passes".to_string(),
        Event::Arrives(message, state, next) => {
            let copy = copy(message);
            format!("{copy}{} arrives: recorded, state {state}, next_number {next}", about(message))
        }
        Event::IsDecided(message) => format!("the server decides {}{}", copy(message), about(message)),
        Event::Syncs => "the server records and syncs".to_string(),
        Event::IsAnswered(message) => format!("the server replies to {}{}", copy(message), about(message)),
        Event::IsKilled(state) => {
            let why = if setting.fault == Fault::ForgetsAtARestart { ", whatever the file says" } else { "" };
            format!("the server is killed, and starts with state {state}{why}")
        }
    }
}
