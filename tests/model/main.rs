//! The client's rules, held against everything that can happen.
//!
//! A search goes through every world of a small group: its server, its clients, and a network that
//! loses, copies, delays and reorders. With all rules each property holds in each world. With one rule
//! left out a named property breaks, and `cargo test --test model -- --nocapture` tells how, step by step.

mod chance;
mod search;
mod world;

use search::{Found, circles, everywhere};
use std::time::Instant;
use world::{Fault, Network, Rule, Setting};

/// What holds, whatever the network does. `src/rules.md` says it in the same words.
const PROPERTIES: [(&str, &str); 5] = [
    ("S1", "a client that says \"everyone is in\" is right: the run that counts has exactly its matriculas"),
    ("S2", "what a client takes as acknowledged is in the file"),
    ("S3", "the server's state is the number of the file's last record, whenever it is killed"),
    ("L1", "once the network behaves, a client completes, with 8 + 1 + members messages at most"),
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

fn search(setting: &Setting) -> Found {
    if setting.network == Network::Any { everywhere(setting) } else { circles(setting) }
}

/// Searches, prints what was found, and compares the properties that break with those that must.
#[track_caller]
fn breaks(name: &str, expected: &str, setting: &Setting) -> Found {
    let start = Instant::now();
    let found = search(setting);
    println!("{} worlds in {} ms: {name}", found.worlds, start.elapsed().as_millis());
    let told =
        |(property, steps): &(&str, Vec<String>)| format!("{name}: {property} breaks\n{}", numbered(steps));
    let text = found.broken.iter().map(told).collect::<Vec<_>>().join("\n");
    println!("{text}");
    let broken: Vec<_> = found.broken.iter().map(|(property, _)| *property).collect();
    assert_eq!(broken.join(" "), expected, "{name}\n{text}");
    assert!(TRACES.contains(&text), "traces.txt tells it in another way");
    found
}

fn numbered(steps: &[String]) -> String {
    (1..).zip(steps).map(|(number, step)| format!("{number:>4}. {step}\n")).collect()
}

/// As `breaks`, of a setting in which rules are left out.
#[track_caller]
fn without(left_out: &'static [Rule], place: &str, expected: &str, setting: Setting) -> Found {
    breaks(&format!("without {left_out:?}, {place}"), expected, &Setting { left_out, ..setting })
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
fn the_page_of_the_rules_names_each_property_and_shows_a_trace_as_it_is_found() {
    for (name, sentence) in PROPERTIES {
        assert!(PAGE.contains(&format!("| {name} | {sentence} |")), "{name}: {sentence}");
    }
    let found = without(&[Rule::WaitForExp], "corrected", "S1", of(1, CORRECTED));
    assert!(PAGE.contains(&format!("```text\n{}```", numbered(&found.broken[0].1))));
}

// Each rule left out. In a group of one, where that is enough: its traces are the shortest.

#[test]
fn rule_1_a_client_that_begins_with_0_can_start_over_for_ever() {
    without(&[Rule::GiveUp], "a new group", "", LATE);
    without(&[Rule::BeginWith1, Rule::GiveUp], "a new group", "L2", LATE);
}

#[test]
fn rule_1_a_payload_that_is_used_again_takes_an_old_reply() {
    without(&[Rule::EachPayloadIsNew], "corrected and corrected back", "S1", of(1, CORRECTED));
}

#[test]
fn rule_2_a_client_that_signs_each_try_anew_never_hears_a_slow_server() {
    without(&[Rule::GiveUp], "a slow network", "", SLOW);
    without(&[Rule::SendTheSameBytes, Rule::GiveUp], "a slow network", "L2", SLOW);
}

#[test]
fn rule_2_a_client_that_does_not_verify_the_hmac_takes_what_anyone_sends() {
    without(&[Rule::VerifyTheHmac], "a new group", "S1 S2", of(1, ONE));
}

#[test]
fn rule_2_a_client_that_does_not_check_id_request_takes_an_old_reply() {
    without(&[Rule::CheckIdRequest], "corrected", "S1 S2", of(1, CORRECTED));
}

#[test]
fn rule_2_a_client_that_restarts_its_timer_for_any_reply_waits_for_ever() {
    without(&[Rule::LeaveTheTimer], "a finished group, and a noisy network", "L2", NOISY);
}

#[test]
fn rule_3_a_client_that_does_not_check_next_number_leaves_members_out() {
    without(&[Rule::CheckNextNumber], "a member too many", "S1", Setting { believed: 2, ..of(1, ONE) });
    without(&[Rule::CheckNextNumber], "a member too few", "S1", Setting { believed: 1, ..of(2, ONE) });
}

#[test]
fn rule_4_a_client_that_does_not_start_over_never_completes_where_another_run_got_further() {
    without(&[Rule::StartOver], "started again", "L1", ONE);
}

#[test]
fn rule_5_a_client_that_does_not_give_up_goes_on_for_ever_with_a_mistake_in_a_number() {
    without(&[Rule::GiveUp], "a mistake in 2", "L2", Setting { mistake: Some(2), ..of(2, PROMPT) });
}

#[test]
fn rule_5_a_client_that_does_not_give_up_can_start_over_for_ever_in_a_finished_group() {
    without(&[Rule::GiveUp], "a finished group", "L2", FINISHED);
}

#[test]
fn rule_6_two_clients_at_once_can_make_each_other_start_over_for_ever() {
    without(&[Rule::GiveUp], "two clients at once", "L2", Setting { clients: &[0, 0], ..PROMPT });
}

#[test]
fn rule_6_two_lists_at_once_leave_the_other_ones_matriculas() {
    breaks("two lists at once", "S1", &of(1, Setting { clients: &[0, 1], lists: 0, ..ONE }));
}

#[test]
fn rule_7_a_matricula_corrected_before_exp_has_passed_is_overwritten_by_a_late_copy() {
    without(&[Rule::WaitForExp], "corrected", "S1", of(1, CORRECTED));
}

#[test]
fn a_server_that_does_not_keep_the_contract_is_found_out() {
    let with = |fault| Setting { fault, killed: true, ..of(1, ONE) };
    breaks("the reply goes before the record", "S1 S2", &with(Fault::RepliesBeforeItRecords));
    breaks("a restart forgets", "S3", &with(Fault::ForgetsAtARestart));
}

#[test]
fn at_30_percent_loss_eight_tries_seldom_start_over_and_four_do_in_every_fifth_play() {
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
