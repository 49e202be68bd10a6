//! The client's rules, held against everything that can happen.
//!
//! A search goes through every world of a small group: its server, its clients, and a network that
//! loses, copies, delays and reorders. With all rules each property holds in each world. With one rule
//! left out a named property breaks, and `cargo test --test model -- --nocapture` tells how, step by step.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "figures and seeds, of which each is small or of which a part will do"
)]

mod chance;
mod search;
mod world;

use search::{Found, search};
use std::time::Instant;
use world::Rule::*;
use world::{Fault, Network, Rule, Setting};

/// What holds, whatever the network does. `src/rules.md` says it in the same words.
const PROPERTIES: [(&str, &str); 5] = [
    (
        "S1",
        "if a client says \"everyone is in\", that is true: in the file, the last complete run of its group has exactly the client's matriculas",
    ),
    (
        "S2",
        "if a client takes a message as acknowledged, the number and the matricula of the message are in the file",
    ),
    (
        "S3",
        "at whatever moment the server is killed, after the next start each group's state is the number of its last record in the file",
    ),
    (
        "L1",
        "suppose that at some moment the network stops doing harm; if a client has a start-over left then, it completes (unless its group has reached the limit of records); from that moment on it sends at most 8 + 1 + members datagrams (8 tries of a number that is out of order, one 0, one for each member)",
    ),
    ("L2", "no client starts over for ever, or waits for ever"),
];
/// The page that students read.
const PAGE: &str = include_str!("../../src/rules.md");
/// What each rule left out leads to, as this test prints it.
const TRACES: &str = include_str!("traces.txt");

/// One client of a group of 3, with one list, on the widest network.
const ONE: Setting = Setting {
    network: Network::Any,
    members: 3,
    believed: 3,
    clients: &[0],
    lists: 1,
    finished: false,
    killed: false,
    mistake: None,
    left_out: &[],
    fault: Fault::None,
};
/// Its matriculas may be corrected, and corrected back.
const CORRECTED: Setting = Setting { lists: 2, ..ONE };
/// Each message is answered at once, if it is in order: who starts over for ever, here?
const PROMPT: Setting = Setting { network: Network::Prompt, lists: 0, ..ONE };
const LATE: Setting = Setting { network: Network::Late, ..PROMPT };
const FINISHED: Setting = Setting { finished: true, ..LATE };
const NOISY: Setting = Setting { network: Network::Noisy, finished: true, ..PROMPT };
const SLOW: Setting = Setting { network: Network::Slow, ..PROMPT };

fn of(members: u8, setting: Setting) -> Setting {
    Setting { members, believed: members, ..setting }
}

/// Searches, prints what was found, and compares the properties that break with those that must.
#[track_caller]
fn breaks(name: &str, expected: &str, setting: &Setting) -> Found {
    let start = Instant::now();
    let found = search(setting);
    println!("{} worlds in {} ms: {name}", found.worlds, start.elapsed().as_millis());
    let (broken, told): (Vec<_>, Vec<_>) = found
        .broken
        .iter()
        .map(|(property, steps)| (*property, format!("{name}: {property} breaks\n{}", numbered(steps))))
        .unzip();
    let text = told.join("\n");
    println!("{text}");
    assert_eq!(broken.join(" "), expected, "{name}\n{text}");
    assert!(TRACES.contains(&text), "traces.txt tells it in another way");
    found
}

fn numbered(steps: &[String]) -> String {
    (1..).zip(steps).map(|(number, step)| format!("{number:>4}. {step}\n")).collect()
}

#[test]
fn with_all_rules_every_property_holds_in_every_world() {
    let mut worlds = 0;
    let mut hold = |name: &str, setting: Setting| {
        let found = breaks(&format!("{} of {}, {name}", setting.believed, setting.members), "", &setting);
        worlds += found.worlds;
        found
    };
    for members in 1..=3 {
        let one = hold("one list", of(members, ONE));
        // Eight that are not answered, a 0, and everyone; a group of one is never out of order.
        assert_eq!(one.most_sends, if members == 1 { 2 } else { 8 + 1 + members });
        hold("corrected", of(members, CORRECTED));
        hold("killed", of(members, Setting { killed: true, ..ONE }));
        hold("two clients, one list", of(members, Setting { clients: &[0, 0], ..ONE }));
        hold("a member too many", Setting { believed: members + 1, ..of(members, ONE) });
        hold("a member too few", Setting { believed: members, ..of(3, ONE) });
        // L2
        hold("late copies", of(members, LATE));
        hold("late copies, finished", of(members, FINISHED));
        hold("prompt, two clients", of(members, Setting { clients: &[0, 0], ..PROMPT }));
        hold("late copies, a mistake in the last", of(members, Setting { mistake: Some(members), ..LATE }));
        hold("slow", of(members, SLOW));
        hold("noisy, finished", of(members, NOISY));
    }
    hold("corrected and killed", of(1, Setting { killed: true, ..CORRECTED }));
    hold("corrected and killed", of(2, Setting { killed: true, ..CORRECTED }));
    hold("killed, two clients", of(2, Setting { killed: true, clients: &[0, 0], ..ONE }));
    hold("two clients, corrected", of(1, Setting { clients: &[0, 0], ..CORRECTED }));
    hold("two clients, corrected", of(2, Setting { clients: &[0, 0], ..CORRECTED }));
    println!("{worlds} worlds");
    assert!(worlds > 100_000, "the page says so");
}

#[test]
fn the_page_of_the_rules_names_each_property() {
    for (name, sentence) in PROPERTIES {
        assert!(PAGE.contains(&format!("| {name} | {sentence} |")), "{name}: {sentence}");
    }
}

#[test]
fn the_page_of_the_rules_shows_a_trace_as_it_is_found() {
    let found = search(&Setting { left_out: &[WaitForExp], ..of(1, CORRECTED) });
    assert!(PAGE.contains(&format!("```text\n{}```", numbered(&found.broken[0].1))));
}

/// In a group of one, where that is enough: its traces are the shortest.
#[test]
fn each_rule_left_out_breaks_a_named_property() {
    let mistake = Setting { mistake: Some(2), ..of(2, PROMPT) };
    let two = Setting { clients: &[0, 0], ..PROMPT };
    let two_lists = Setting { clients: &[0, 1], lists: 0, ..of(1, ONE) };
    let too_many = Setting { believed: 2, ..of(1, ONE) };
    let too_few = Setting { believed: 1, ..of(2, ONE) };
    let table: [(&[Rule], &str, &str, Setting); 16] = [
        // 1: a client that begins with 0 can start over for ever.
        (&[GiveUp], "a new group", "", LATE),
        (&[BeginWith1, GiveUp], "a new group", "L2", LATE),
        // 1: a payload that is used again takes an old reply.
        (&[EachPayloadIsNew], "corrected and corrected back", "S1", of(1, CORRECTED)),
        // 2: a client that signs each try anew never hears a slow server.
        (&[GiveUp], "a slow network", "", SLOW),
        (&[SendTheSameBytes, GiveUp], "a slow network", "L2", SLOW),
        // 2: a client that does not verify the HMAC takes what anyone sends.
        (&[VerifyTheHmac], "a new group", "S1 S2", of(1, ONE)),
        // 2: a client that does not check `id_request` takes an old reply.
        (&[CheckIdRequest], "corrected", "S1 S2", of(1, CORRECTED)),
        // 2: a client that restarts its timer for any reply waits for ever.
        (&[LeaveTheTimer], "a finished group, and a noisy network", "L2", NOISY),
        // 3: a client that does not check `next_number` leaves members out.
        (&[CheckNextNumber], "a member too many", "S1", too_many),
        (&[CheckNextNumber], "a member too few", "S1", too_few),
        // 4: a client that does not start over never completes where another run got further.
        (&[StartOver], "started again", "L1", ONE),
        // 5: a client that does not give up goes on for ever: with a mistake in a number, and it can start
        // over for ever in a finished group.
        (&[GiveUp], "a mistake in 2", "L2", mistake),
        (&[GiveUp], "a finished group", "L2", FINISHED),
        // 6: two clients at once can make each other start over for ever.
        (&[GiveUp], "two clients at once", "L2", two),
        // 6: two lists at once leave the other one's matriculas.
        (&[], "two lists at once", "S1", two_lists),
        // 7: a matricula corrected before `exp` has passed is overwritten by a late copy.
        (&[WaitForExp], "corrected", "S1", of(1, CORRECTED)),
    ];
    for (left_out, place, expected, setting) in table {
        let name = if left_out.is_empty() { place.into() } else { format!("without {left_out:?}, {place}") };
        breaks(&name, expected, &Setting { left_out, ..setting });
    }
}

#[test]
fn a_server_that_does_not_keep_the_contract_is_found_out() {
    let with = |fault| Setting { fault, killed: true, ..of(1, ONE) };
    breaks("the reply goes before the record", "S1 S2", &with(Fault::RepliesBeforeItRecords));
    breaks("a restart forgets", "S3", &with(Fault::ForgetsAtARestart));
}

#[test]
fn at_30_percent_loss_four_tries_start_over_in_every_fifth_play_eight_in_few() {
    println!("loss  tries    mean  99 of 100   messages  start over  give up     (3 members, 5,000 plays)");
    let mut starts = Vec::new();
    for percent in [10, 30, 50] {
        for tries in [4, 8, 16] {
            let of = chance::figures(&ONE, tries, percent, 5_000);
            println!(
                "{percent:>3} %  {tries:>5}  {:>4.1} s  {:>7} s  {:>9.1}  {:>8.2} %  {:>5.2} %",
                of.mean_seconds, of.seconds_of_99, of.mean_sends, of.start_over, of.give_up
            );
            starts.push((percent, tries, of));
        }
    }
    let (four, eight) = (&starts[3].2, &starts[4].2);
    // A try succeeds with 0.7 x 0.7, so three messages take 3 / 0.49 tries, and one of them fails in all
    // of its tries with 3 x 0.51^8 or 3 x 0.51^4, nearly.
    assert!((6.1..6.5).contains(&eight.mean_sends), "{}", eight.mean_sends);
    assert!((3.1..3.6).contains(&eight.mean_seconds), "{}", eight.mean_seconds);
    assert!((0.8..2.2).contains(&eight.start_over), "{}", eight.start_over);
    assert!((16.0..22.0).contains(&four.start_over), "{}", four.start_over);
    assert!(eight.give_up == 0.0, "{}", eight.give_up);
}
