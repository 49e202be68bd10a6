//! Every world that can follow from the first, breadth first: so the first way that is found to one in
//! which a property does not hold is a shortest one.

use crate::world::{Doing, Network, Setting, World};
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

/// Each world that was reached, with the world before it and what happened between them.
type Reached = HashMap<World, Option<(World, String)>>;

/// Looks for a world in which S1, S2, S3 or L1 does not hold, then for a circle against L2.
pub fn search(setting: &Setting) -> Found {
    let first = World::first(setting);
    let mut reached = Reached::from([(first, None)]);
    let mut worlds = vec![first];
    let mut found = Found::default();
    let mut at = 0;
    while at < worlds.len() {
        let world = worlds[at];
        let sends = match setting.clients {
            [_] if setting.network == Network::Any && world.is_idle() => world.sends_until_the_end(setting),
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
                found.broken.push((property, trace(&reached, world)));
            }
        }
        for step in world.steps(setting) {
            reached.entry(step.after).or_insert_with(|| {
                worlds.push(step.after);
                Some((world, step.words))
            });
        }
        at += 1;
    }
    found.worlds = worlds.len();
    // In the widest network the client has all the patience there is: no circle says anything there.
    if setting.network != Network::Any
        && let Some(steps) = worlds.iter().find_map(|world| circle(setting, &reached, *world))
    {
        found.broken.push(("L2", steps));
    }
    found.broken.sort();
    found
}

/// The way to a world.
fn trace(reached: &Reached, mut world: World) -> Vec<String> {
    let mut steps = Vec::new();
    while let Some((before, words)) = &reached[&world] {
        steps.push(words.clone());
        world = *before;
    }
    steps.reverse();
    steps
}

/// The way to a world, and a circle from there in which clients start over, or wait, for ever.
fn circle(setting: &Setting, reached: &Reached, world: World) -> Option<Vec<String>> {
    let in_vain = world.steps(setting).into_iter().filter(|step| step.is_in_vain);
    let circle = in_vain.map(|step| Some((step.words, way_back(setting, step.after, &world)?)));
    let (first, back) = circle.flatten().next()?;
    let circle = [first].into_iter().chain(back).map(|words| format!("| {words}"));
    Some(trace(reached, world).into_iter().chain(circle).collect())
}

/// A shortest way from a world to an earlier one, but for copies, on which every client goes on running.
fn way_back(setting: &Setting, from: World, to: &World) -> Option<Vec<String>> {
    let mut ways = HashMap::from([(from, Vec::new())]);
    let mut queue = VecDeque::from([from]);
    while let Some(world) = queue.pop_front() {
        if world.is_again(to) {
            return ways.remove(&world);
        }
        for step in world.steps(setting) {
            let all_run = step.after.clients(setting).iter().all(|client| client.doing == Doing::Running);
            if all_run && !ways.contains_key(&step.after) {
                ways.insert(step.after, [&ways[&world][..], &[step.words]].concat());
                queue.push_back(step.after);
            }
        }
    }
    None
}
