//! The catalogue, `tests/vectors/datagrams.jsonl`: it is what `make.rs` makes, and the library does with
//! each case what it says, without a socket, a clock or a disk.

mod make;

use crate::common;
use crate::common::catalogue;
use crate::common::catalogue::{CLASS, Case, Does, Exact};
use crate::common::in_memory::{Handled, Lab};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::time::Duration;
use udpsocket_jwt_server::claims::Otp;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::keys::{FEWEST_BITS, PublicKey};
use udpsocket_jwt_server::server::Class;

/// A server of the class of the vectors, its disk in memory.
fn lab() -> Lab {
    let table = Table::compiled_in();
    let key = |name: &str| {
        let file = fs::read(format!("{CLASS}/keys_pub/{name}.pem")).ok()?;
        Some(PublicKey::from_pem(&file, FEWEST_BITS).unwrap())
    };
    let keys = table.iter().map(|group| key(&group.name)).collect();
    Lab::of_class(false, Class { table, keys, secret: catalogue::secret() })
}

/// What the library does with a datagram of a case, at its moment.
fn handle(lab: &mut Lab, case: &Case) -> Handled {
    lab.now = Duration::from_secs_f64(case.now.unwrap_or(1_600_000_000.0));
    lab.otp = Otp { number: 1, timestamp: lab.now.as_secs() };
    if let Does::Answer { exact: Some(Exact { otp_number, otp_timestamp, .. }), .. } = case.does {
        lab.otp = Otp { number: otp_number, timestamp: otp_timestamp };
    }
    lab.handle(&case.datagram)
}

/// The states of the groups, in the order of the table.
fn states(lab: &Lab) -> Vec<u64> {
    lab.progress().iter().map(|known| known.0).collect()
}

/// What is wrong with what the library does.
fn wrong(case: &Case, by_name: &HashMap<&str, &Case>) -> Result<(), String> {
    let mut lab = lab();
    for name in &case.before {
        let before = by_name.get(name.as_str()).ok_or(format!("no case {name}"))?;
        handle(&mut lab, before).outcome.map_err(|reason| format!("{name}: {reason}"))?;
    }
    let group = Table::compiled_in().find(&case.group).unwrap();
    let before = states(&lab);
    if before[group] != case.state {
        return Err(format!("state {}, and not {}", before[group], case.state));
    }
    let records = lab.disk.get().records().len();
    let Handled { reply, outcome, detail } = handle(&mut lab, case);
    match (&case.does, outcome) {
        (Does::Refuse(expected), Err(reason)) if expected == reason => {
            if states(&lab) != before || lab.disk.get().records().len() != records {
                return Err("something has changed".into());
            }
            assert!(reply.is_none() && detail.len() > 10, "{}: {detail}", case.name);
            Ok(())
        }
        (Does::Answer { next_number, exact, .. }, Ok(next)) if *next_number == next => match exact {
            Some(exact) if reply.as_ref() != Some(&exact.reply) => Err(format!("{reply:?}")),
            Some(_) => Ok(()),
            None => case.judge(reply.as_deref(), lab.now.as_secs()),
        },
        (_, outcome) => Err(format!("{outcome:?}: {detail}")),
    }
}

#[test]
fn the_library_does_what_each_case_says() {
    let cases = catalogue::cases();
    let by_name = catalogue::by_name(&cases);
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|case| wrong(case, &by_name).err().map(|wrong| format!("{}: {wrong}", case.name)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), cases.len());
}

/// `MAKE_VECTORS=1 cargo test catalogue::` writes the file anew.
#[test]
fn the_file_is_what_is_made() {
    let made: String = make::cases().iter().map(|case| case.to_json() + "\n").collect();
    if std::env::var_os("MAKE_VECTORS").is_some() {
        fs::write(catalogue::FILE, &made).unwrap();
    }
    let file = fs::read_to_string(catalogue::FILE).unwrap();
    for (found, made) in file.lines().zip(made.lines()) {
        assert_eq!(found, made);
    }
    assert_eq!(file.len(), made.len());
    for (read, made) in catalogue::cases().iter().zip(make::cases()) {
        assert_eq!(*read, made, "a line says as much as its case");
    }
}

/// bash reads the lines with one regular expression.
#[test]
fn each_case_is_different_and_needs_no_json_parser() {
    let cases = catalogue::cases();
    let (mut names, mut datagrams) = (HashSet::new(), HashSet::new());
    for case in &cases {
        assert!(names.insert(&case.name), "{} is there twice", case.name);
        let is_plain = |byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        assert!(case.name.bytes().all(is_plain), "{}", case.name);
        assert!(case.before.iter().all(|name| !name.contains([']', ','])), "{:?}", case.before);
        let at = (&case.group, case.state, &case.before, case.now.map(f64::to_bits));
        let has_reply = matches!(case.does, Does::Answer { exact: Some(_), .. });
        assert!(datagrams.insert((&case.datagram, at, has_reply)), "{} says nothing new", case.name);
    }
}

/// How many cases there are for each reason and transition: `--nocapture` prints it.
#[test]
fn there_is_a_case_for_each_reason_that_a_client_can_bring_about_and_each_transition() {
    let mut count = BTreeMap::<String, usize>::new();
    let cases = catalogue::cases();
    for case in &cases {
        let what = match &case.does {
            Does::Refuse(reason) => reason.clone(),
            Does::Answer { next_number, .. } => format!("next_number {next_number}"),
        };
        *count.entry(what).or_default() += 1;
    }
    println!("{} cases: {count:#?}", cases.len());
    for reason in common::reasons() {
        let is_a_clients_doing = !["lost_on_purpose", "not_recorded", "not_sent"].contains(&reason);
        assert_eq!(count.contains_key(reason), is_a_clients_doing, "{reason}");
    }
    for (group, members) in [("JAVALI", 3), ("NONAME", 4), ("HEARTBEAT", 1)] {
        for (state, number) in
            (0..=members).flat_map(|state| (0..=members + 1).map(move |number| (state, number)))
        {
            let name = format!("{group}: {number} in state {state}");
            let case = cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("{name}"));
            // Section 3 of the protocol, told a second time.
            let is_in_order = number == 0 || number <= members && (number == state || number == state + 1);
            assert_eq!(case.is_answered(), is_in_order, "{name}");
            let expected = if number == members { 0 } else { number + 1 };
            assert!(
                !is_in_order
                    || matches!(case.does, Does::Answer { next_number, .. } if next_number == expected),
                "{name}"
            );
        }
    }
    assert!(cases.len() >= 700, "{}", cases.len());
}

/// A signed explanation goes to whoever holds a valid token; to anybody else a line of plain text. Each is
/// smaller than what was sent.
#[test]
fn with_explain_each_is_told_its_reason_signed_only_where_it_is_signed() {
    let cases = catalogue::cases();
    let by_name = catalogue::by_name(&cases);
    let (mut plain, mut silent) = (0, 0);
    for case in &cases {
        let (Case { name, datagram, .. }, Does::Refuse(reason)) = (case, &case.does) else { continue };
        let mut lab = lab();
        lab.explain();
        for before in &case.before {
            handle(&mut lab, by_name[before.as_str()]);
        }
        let Some(reply) = handle(&mut lab, case).reply else {
            assert!(!common::is_signed(reason.as_str()), "{name} is not told");
            silent += 1;
            continue;
        };
        assert!(reply.len() < datagram.len(), "{name}: {} for {}", reply.len(), datagram.len());
        if common::is_signed(reason.as_str()) {
            let said = verified(&reply);
            assert_eq!(said["error"], *reason.as_str(), "{name}");
            assert_eq!(said.get("next_number"), None, "{name}");
        } else {
            let said = reply.strip_suffix('\n').expect("plain text");
            assert!(said.starts_with(&format!("{reason}: ")), "{name}: {said}");
            assert!(said.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name}: {said}");
            plain += 1;
        }
    }
    println!("{plain} told in plain text, {silent} left in silence");
    assert!(plain >= 100, "{plain} told in plain text, {silent} left in silence");
}

/// The payload of a reply that is signed with the secret of the vectors.
fn verified(reply: &str) -> serde_json::Value {
    let (signing_input, tag) = reply.rsplit_once('.').unwrap();
    let tag = udpsocket_jwt_server::tools::base64url(tag.as_bytes()).unwrap();
    ring::hmac::verify(&catalogue::secret(), signing_input.as_bytes(), &tag).expect("it is signed");
    serde_json::from_str(&common::payload_of(reply)).unwrap()
}
