//! What holds for any sequence of datagrams. Most of it runs on a server without socket and clock,
//! its disk in memory; what the logs hold and how much memory is used, over a real socket.
//!
//! Chance is a small generator with a fixed seed, which every failure names.

use crate::common;
use crate::common::in_memory::{Known, Lab};
use crate::common::{
    RS256, Random, Signer, claims, ending_with, is_signed, many, next, reasons, recorded, verified,
};
#[cfg(target_os = "linux")]
use crate::common::{served, signing_input};
use std::collections::HashMap;
use std::fs;
use udpsocket_jwt_server::claims::number_of;
use udpsocket_jwt_server::keys::without_newline;
use udpsocket_jwt_server::tools::to_base64url;

/// A spoilt copy of the first, with pieces of the second.
fn spoil(random: &mut Random, token: &[u8], other: &[u8]) -> Vec<u8> {
    let mut spoilt = token.to_vec();
    let at = random.below(token.len());
    match random.below(7) {
        0 => spoilt[at] ^= 1 << random.below(8),
        1 => spoilt[at] = random.bytes(1)[0],
        2 => _ = spoilt.remove(at),
        3 => spoilt.insert(at, *random.pick(b".=\nA\0\xff ")),
        4 => spoilt.truncate(at),
        5 => {
            spoilt.truncate(at);
            spoilt.extend_from_slice(&other[random.below(other.len())..]);
        }
        _ => {
            // Parts of both: a signature that is good, of something else.
            let both = [token, other].map(|token| token.split(|byte| *byte == b'.').collect::<Vec<_>>());
            let parts: Vec<_> = (0..3).filter_map(|part| random.pick(&both).get(part).copied()).collect();
            spoilt = parts.join(&b'.');
        }
    }
    spoilt
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// What is known of a group after a message that is in order, which is recorded if it is news.
fn after(before: Known, seq_number: u64, matricula: u64) -> Known {
    let is_news = (before.0, before.1) != (seq_number, Some(matricula));
    (seq_number, Some(matricula), before.2 + u32::from(is_news))
}

/// A table, as it has them: sorted.
const TABLE: [(&str, u8); 3] = [("HEARTBEAT", 1), ("JAVALI", 3), ("NONAME", 4)];

fn signers() -> [(&'static str, Signer); 3] {
    TABLE.map(|(group, _)| (group, Signer::new(group, 2048)))
}

fn lab_of(signers: &[(&'static str, Signer); 3]) -> Lab {
    let signers = signers.each_ref().map(|(group, signer)| (*group, signer));
    Lab::new(r#"{"HEARTBEAT":1,"JAVALI":3,"NONAME":4}"#, &signers)
}

/// Each of these numbers with either of two matriculas.
fn messages(members: u8) -> impl Iterator<Item = (u64, u64)> {
    (0..=u64::from(members) + 1).flat_map(|number| [(number, 7), (number, 8)])
}

#[test]
fn no_sequence_of_datagrams_moves_a_group_whose_key_did_not_sign() {
    let signers = signers();
    let attacker = Signer::new("attacker", 2048);
    let mut good = HashMap::new();
    let mut forged = Vec::new();
    for (index, (group, members)) in TABLE.into_iter().enumerate() {
        for (number, matricula) in messages(members) {
            let token = signers[index].1.message(group, number, matricula).into_bytes();
            good.insert(token, (index, number, matricula));
            let others = signers.iter().filter(|(other, _)| *other != group).map(|(_, signer)| signer);
            forged.extend(
                others.chain([&attacker]).map(|other| other.message(group, number, 666).into_bytes()),
            );
        }
    }
    let mut tokens: Vec<_> = good.keys().cloned().collect();
    tokens.sort(); // a map's order is not of the seed

    let [mut answered, mut dropped] = [0, 0];
    for seed in [1, 0x9e37_79b9_7f4a_7c15, 0xdead_beef].into_iter().take(common::many(3, 1)) {
        let mut random = Random(seed);
        let mut lab = lab_of(&signers);
        let mut expected = [(0, None, 0); 3];
        let mut records = Vec::new();
        for step in 0..3_000 {
            let mut datagram = match random.below(8) {
                0..=3 => random.pick(&tokens).clone(),
                4 => random.pick(&forged).clone(),
                kind => {
                    let one = random.pick(if kind == 5 { &forged } else { &tokens }).clone();
                    let other = random.pick(&tokens).clone();
                    spoil(&mut random, &one, &other)
                }
            };
            datagram.extend_from_slice(random.pick::<&[u8]>(&[b"", b"", b"\n", b"\r\n"]));

            let handled = lab.handle(&datagram);
            let at = format!("seed {seed:#x}, step {step}, {}", datagram.escape_ascii());
            let next_number = good.get(without_newline(&datagram)).and_then(|&(group, number, matricula)| {
                let known = &mut expected[group];
                let next_number = next(TABLE[group].1, u8::try_from(known.0).unwrap(), number)?;
                let before = *known;
                *known = after(before, number, matricula);
                if known.2 > before.2 {
                    records.push((TABLE[group].0.to_string(), number, matricula));
                }
                Some(next_number)
            });
            assert_eq!(handled.outcome.ok(), next_number, "{at}: {handled:?}");
            let replied = handled.reply.map(|reply| verified(&reply)["next_number"].as_u64());
            assert_eq!(replied, next_number.map(Some), "{at}");
            assert_eq!(lab.progress(), expected, "{at}");
            if step % 100 == 99 {
                assert_eq!(lab.progress_after_a_restart(), expected, "{at}");
            }
            *if next_number.is_some() { &mut answered } else { &mut dropped } += 1;
        }
        assert_eq!(recorded(&lab.disk.get().records()), records, "seed {seed:#x}");
    }
    assert!(answered > 500 && dropped > 500, "{answered} answered and {dropped} dropped prove little");
}

#[test]
fn datagrams_handled_together_fare_as_one_by_one() {
    let signers = signers();
    let mut tokens = Vec::new();
    for (group, members) in TABLE {
        for (_, signer) in &signers {
            let message = |(number, matricula)| (group, signer.message(group, number, matricula));
            tokens.extend(messages(members).map(message));
        }
    }
    let (mut one_by_one, mut together) = (lab_of(&signers), lab_of(&signers));
    let mut random = Random(21);
    let [mut answered, mut not_recorded] = [0; 2];
    for step in 0..600 {
        let is_full = random.below(4) == 0;
        one_by_one.disk.set().is_full = is_full;
        together.disk.set().is_full = is_full;
        let datagrams: Vec<_> = (0..=random.below(16)).map(|_| random.pick(&tokens)).collect();
        let alone: Vec<_> = datagrams.iter().map(|(_, token)| one_by_one.handle(token)).collect();
        // Where the disk takes nothing, what was decided of a group with something new is not true.
        let has_new = |group: &str| {
            alone
                .iter()
                .zip(&datagrams)
                .any(|(handled, (of, _))| *of == group && handled.outcome == Err("not_recorded"))
        };
        let expected: Vec<_> = alone
            .iter()
            .zip(&datagrams)
            .map(|(handled, (group, _))| match handled.outcome {
                Ok(_) | Err("out_of_order") if has_new(group) => Err("not_recorded"),
                outcome => outcome,
            })
            .collect();
        let tokens: Vec<_> = datagrams.iter().map(|(_, token)| token).collect();
        let handled = together.handle_together(&tokens);
        let outcomes: Vec<_> = handled.iter().map(|handled| handled.outcome).collect();
        assert_eq!(outcomes, expected, "seed 21, step {step}");
        for (handled, alone) in handled.iter().zip(&alone).filter(|(handled, _)| handled.outcome.is_ok()) {
            assert_eq!(handled, alone, "seed 21, step {step}");
        }
        assert_eq!(together.progress(), one_by_one.progress(), "seed 21, step {step}");
        answered += expected.iter().filter(|outcome| outcome.is_ok()).count();
        not_recorded += expected.iter().filter(|outcome| **outcome == Err("not_recorded")).count();
    }
    assert_eq!(together.disk.get().bytes, one_by_one.disk.get().bytes);
    assert!(answered > 500 && not_recorded > 100, "{answered} and {not_recorded} prove little");
}

#[test]
fn any_sequence_of_numbers_is_answered_as_the_state_machine_says() {
    let table = [("DOIS", 2), ("DOZE", 12), ("TODOS", 255), ("UM", 1)];
    let signer = Signer::new("JAVALI", 2048);
    let keys = table.map(|(group, _)| (group, &signer));
    for (index, (group, members)) in table.into_iter().enumerate() {
        let seed = 11 + index as u64;
        let mut random = Random(seed);
        let mut lab = Lab::new(r#"{"DOIS":2,"DOZE":12,"TODOS":255,"UM":1}"#, &keys);
        let mut tokens = HashMap::new();
        let mut known: Known = (0, None, 0);
        let mut highest = 0;
        for step in 0..2_000 {
            let state = known.0;
            // Mostly what follows; sometimes a repeat, a correction, a start-over or anything.
            let number = match random.below(40) {
                0..=29 => (state + 1) % (u64::from(members) + 1),
                30..=34 => state,
                35 => random.below(usize::from(members) + 3) as u64,
                36 => state + 2,
                37 => state.saturating_sub(1),
                38 => state + 257,
                _ => u64::MAX - random.below(2) as u64,
            };
            let matricula = 1_000 + random.below(2) as u64;
            let token =
                tokens.entry((number, matricula)).or_insert_with(|| signer.message(group, number, matricula));
            let outcome = lab.handle(token).outcome;
            let at = format!("{group}, seed {seed}, step {step}, sn {number}");
            let expected = next(members, u8::try_from(state).unwrap(), number);
            assert_eq!(outcome, expected.ok_or("out_of_order"), "{at}");
            if expected.is_some() {
                known = after(known, number, matricula);
            }
            assert_eq!(lab.progress()[index], known, "{at}");
            highest = highest.max(known.0);
        }
        assert_eq!(lab.progress_after_a_restart(), lab.progress(), "{group}, seed {seed}");
        assert_eq!(highest, u64::from(members), "{group}: everyone was in at some time");
    }
}

#[test]
fn a_good_token_with_any_byte_changed_left_out_or_put_in_is_dropped() {
    let javali = Signer::new("JAVALI", 2048);
    let token = javali.message("JAVALI", 1, 7).into_bytes();
    let mut lab = Lab::of_javali(&javali);
    let others = *b".=-_+/A9\n\r\0 \"\x7f\xff";
    let mut tried = 0;
    let mut drops = |datagram: Vec<u8>, what: &dyn Fn() -> String| {
        if without_newline(&datagram) != token {
            let handled = lab.handle(&datagram);
            assert!(handled.reply.is_none() && handled.outcome.is_err(), "{}: {handled:?}", what());
            tried += 1;
        }
    };
    for at in 0..token.len() {
        let bits = (0..8).map(|bit| token[at] ^ (1 << bit));
        for byte in bits.chain(others) {
            let mut changed = token.clone();
            changed[at] = byte;
            drops(changed, &|| format!("byte {at} changed to {byte:#x}"));
        }
        let mut without = token.clone();
        without.remove(at);
        drops(without, &|| format!("byte {at} left out"));
        drops(token[..at].to_vec(), &|| format!("cut to {at} bytes"));
        drops(token[at + 1..].to_vec(), &|| format!("the first {} bytes left out", at + 1));
        if at > 0 {
            let mut swapped = token.clone();
            swapped.swap(at - 1, at);
            if swapped != token {
                drops(swapped, &|| format!("bytes {} and {at} swapped", at - 1));
            }
        }
    }
    for at in 0..=token.len() {
        for byte in others {
            let mut with = token.clone();
            with.insert(at, byte);
            drops(with, &|| format!("{byte:#x} put in at {at}"));
        }
    }
    assert!(tried > 38 * token.len(), "{tried} for {} bytes", token.len());
    assert_eq!(lab.progress(), [(0, None, 0)]);
    assert_eq!(lab.handle(&token).outcome, Ok(2), "the token itself is good");
}

/// A reply that is larger than its request would make the server of use to whoever wants to flood
/// somebody else. The smallest requests that a key of 2,048 bits can sign, and every reason.
#[test]
fn a_reply_is_smaller_than_its_request_whatever_it_says() {
    let signer = Signer::new("JAVALI", 2048);
    let start_over = r#""seq_number":0,"matricula":0"#;
    let mut cases = vec![
        (r#""seq_number":1,"matricula":0"#.to_string(), Ok(2)), // in this order: it leads to state 1
        (start_over.to_string(), Ok(1)),
        (r#""seq_number":2,"matricula":0"#.into(), Err("out_of_order")),
        (r#""seq_number":18446744073709551615,"matricula":0"#.into(), Err("out_of_order")),
        (r#""seq_number":0"#.into(), Err("bad_claim")),
        (format!(r#"{start_over},"exp":0"#), Err("expired")),
        (format!(r#"{start_over},"exp":-9e99"#), Err("expired")),
        (format!(r#"{start_over},"nbf":9e9"#), Err("not_yet_valid")),
        (format!(r#"{start_over},"nbf":9e99"#), Err("not_yet_valid")),
        (format!(r#"{start_over},"aud":0"#), Err("wrong_audience")),
    ];
    // What a detail quotes is escaped, and then escaped again in the reply's JSON.
    let quoted = [r#"\""#, r"\\", r"\u0000", r"\u001b", "é", "x"];
    cases.extend(quoted.iter().flat_map(|character| {
        (0..70).step_by(3).map(|times| {
            let text = character.repeat(times);
            (format!(r#""seq_number":"{text}""#), Err("bad_claim"))
        })
    }));
    cases.push((String::new(), Err("bad_claim")));

    let mut seen = Vec::new();
    for explains in [false, true] {
        let mut lab = Lab::new(r#"{"A":255}"#, &[("A", &signer)]);
        if explains {
            lab.explain();
        }
        let mut check = |lab: &mut Lab, claims: &str, expected: Result<u64, &'static str>| {
            let comma = if claims.is_empty() { "" } else { "," };
            let token = signer.sign(r#"{"alg":"RS256"}"#, format!(r#"{{"group":"A"{comma}{claims}}}"#));
            let handled = lab.handle(&token);
            assert_eq!(handled.outcome, expected, "{claims}");
            assert_eq!(handled.reply.is_some(), expected.is_ok() || explains, "{claims}");
            if let Some(reply) = handled.reply {
                let said = verified(&reply);
                let (length, least) = (reply.len(), token.len());
                assert!(length < least, "{length} for {least}: {said} for {claims}");
                match expected {
                    Ok(next_number) => assert_eq!(said["next_number"], next_number, "{claims}"),
                    Err(reason) => assert_eq!(said["error"], reason, "{claims}"),
                }
            }
            seen.extend(expected.err());
        };
        for (claims, expected) in &cases {
            check(&mut lab, claims, *expected);
        }
        for number in 1..=255_u64 {
            check(&mut lab, &format!(r#""seq_number":{number},"matricula":9"#), Ok((number + 1) % 256));
        }
        lab.disk.set().is_full = true;
        check(&mut lab, r#""seq_number":0,"matricula":9"#, Err("not_recorded"));
    }
    for reason in reasons().into_iter().filter(|reason| is_signed(reason) && *reason != "not_sent") {
        assert!(seen.contains(&reason), "{reason} was not tried");
    }
}

#[test]
fn dates_count_to_the_fraction_with_no_leeway() {
    let javali = Signer::new("JAVALI", 2048);
    let table = [
        ("exp", "1700000000.25", Err("expired"), "exp passed 0.2 s ago"),
        ("exp", "1600000000.5", Err("expired"), "exp passed 1157 days ago"),
        ("exp", "1700000000", Err("expired"), "exp passed 0.5 s ago"),
        ("exp", "1700000000.5", Err("expired"), "exp passed 0.0 s ago"), // now: it must be before exp
        ("exp", "17000000005e-1", Err("expired"), "exp passed 0.0 s ago"),
        ("exp", "1700000000.501", Ok(2), ""),
        ("exp", "1700000001", Ok(2), ""),
        ("nbf", "1700000001", Err("not_yet_valid"), "nbf is 0.5 s ahead"),
        ("nbf", "1700086400.5", Err("not_yet_valid"), "nbf is 86400.0 s ahead"),
        ("nbf", "1700000000.501", Err("not_yet_valid"), "nbf is 0.0 s ahead"),
        ("nbf", "1700000000.5", Ok(2), ""), // now: it may be at nbf
        ("nbf", "1700000000", Ok(2), ""),
        ("nbf", "0", Ok(2), ""),
        ("nbf", "-1.5", Ok(2), ""),
    ];
    for (claim, value, expected, detail) in table {
        let payload = ending_with(&claims("JAVALI", 1, 7), &format!(r#""{claim}":{value}"#));
        let handled = Lab::of_javali(&javali).handle(javali.sign(RS256, payload));
        assert_eq!(handled.outcome, expected, "{claim} {value}");
        assert!(handled.detail.starts_with(detail), "{claim} {value}: {}", handled.detail);
    }
}

#[test]
fn each_otp_number_is_as_likely_as_any_other() {
    let mut draws = [0; 20_001];
    for number in (0..=u16::MAX).filter_map(number_of) {
        draws[usize::from(number)] += 1;
    }
    assert_eq!(draws, [3; 20_001]);
}

/// Text that would do something to a log, a terminal or its reader, if it got there as it stands.
const INJECTIONS: [&str; 12] = [
    "\n{\"time\":\"2023-11-14T22:13:20.000Z\",\"outcome\":\"answered\"}\n",
    "\r\n\r\n",
    "\x1b[2J\x1b[H\x1b]0;gone\x07",
    "\x7f\x08\x08\x08",
    "\u{85}\u{9b}31m\u{9d}",
    "\u{202e}\u{2066}\u{200f}dlrow",
    "\u{2028}\u{2029}\u{feff}",
    "\"}\\\",\"outcome\":\"answered\"",
    "\0\x01\x02",
    "{}%s%n$(id)`id`",
    "é\u{301}🎓ＪＡＶＡＬＩ",
    "\\\\u000a\\n",
];

/// JSON with an injection in it, as it stands or as escapes: `?` is where.
fn injected(json: &str, injection: &str, is_escaped: bool) -> Vec<u8> {
    let text = serde_json::Value::from(injection).to_string();
    let text = if is_escaped {
        injection.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
    } else {
        text[1..text.len() - 1].to_string()
    };
    json.replace('?', &text).into_bytes()
}

/// Datagrams that try to get something into a log: bare, as parts of a token, and signed.
fn injections(javali: &Signer) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    for injection in INJECTIONS {
        datagrams.push(injection.as_bytes().to_vec());
        datagrams.push(format!("{injection}.{injection}.{injection}").into_bytes());
        for is_escaped in [false, true] {
            let header = r#"{"alg":"RS256","x":"?"}"#;
            let mut sign = |header: &str, payload: &str| {
                let header = injected(header, injection, is_escaped);
                let payload = injected(payload, injection, is_escaped);
                datagrams.push(javali.sign(header, payload).into_bytes());
            };
            sign(r#"{"alg":"?"}"#, "{}");
            sign(r#"{"alg":"RS256?"}"#, "{}");
            sign("?", "?");
            sign(header, "?");
            sign(header, r#""?""#);
            sign(header, r#"{"group":"?"}"#);
            sign(header, r#"{"group":"JAVALI?"}"#);
            for claim in ["seq_number", "matricula", "seq_max", "exp", "nbf", "aud"] {
                let claims = claims("JAVALI", 1, 7);
                sign(header, &ending_with(&claims, &format!(r#""{claim}":"?""#)));
                sign(header, &ending_with(&claims, &format!(r#""{claim}":["?"]"#)));
            }
        }
    }
    datagrams
}

#[test]
fn no_bytes_make_the_handler_panic_or_acknowledge() {
    let javali = Signer::new("JAVALI", 2048);
    let good = javali.message("JAVALI", 1, 7).into_bytes();
    let other = javali.message("JAVALI", 2, 8).into_bytes();
    let seed = 0xfeed;
    let mut random = Random(seed);
    let mut lab = Lab::of_javali(&javali);
    lab.explain();
    for step in 0..common::many(20_000, 4_000) {
        let datagram = match random.below(4) {
            0 => {
                let length = random.below(600);
                random.bytes(length)
            }
            1 => {
                // Well-formed as far as the dots, so that it gets to the JSON and beyond.
                let json = |random: &mut Random| {
                    let pieces = [
                        "{", "}", "[", "]", "\"", ":", ",", "alg", "RS256", "group", "1e9", "\\u00", "null",
                        "é",
                    ];
                    let length = random.below(12);
                    (0..length).map(|_| *random.pick(&pieces)).collect::<String>()
                };
                let parts = [json(&mut random), json(&mut random), json(&mut random)];
                parts.map(|part| to_base64url(part.as_bytes())).join(".").into_bytes()
            }
            2 => {
                let spoilt = spoil(&mut random, &good, &other);
                if spoilt.is_empty() { spoilt } else { spoil(&mut random, &spoilt, &good) }
            }
            _ => {
                let cut = random.below(good.len());
                let length = random.below(5_000);
                [&good[..cut], &random.bytes(length)].concat()
            }
        };
        if [&good, &other].iter().all(|token| without_newline(&datagram) != **token) {
            let handled = lab.handle(&datagram);
            let at = || format!("seed {seed:#x}, step {step}: {}", datagram.escape_ascii());
            assert!(handled.outcome.is_err(), "{}", at());
            let is_plain = |reply: &String| {
                let said = reply.trim_end();
                said.contains(": ") && said.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            };
            let reply = handled.reply.as_ref();
            assert!(reply.is_none_or(|reply| is_plain(reply) && reply.len() < datagram.len()), "{}", at());
        }
    }
    for datagram in injections(&javali) {
        assert!(lab.handle(&datagram).outcome.is_err(), "{}", datagram.escape_ascii());
    }
    assert_eq!(lab.progress(), [(0, None, 0)]);
}

#[test]
fn each_datagram_is_one_printable_line_of_the_log_and_of_the_terminal() {
    let class = common::Class::new();
    let server = common::Server::start(&class, &["--verbose"]);
    let said_at_the_start = server.errors().len();
    let javali = Signer::new("JAVALI", 2048);
    let good = javali.message("JAVALI", 1, 7);
    let client = server.client();
    let seed = 0x1063;
    let mut random = Random(seed);
    let mut datagrams = injections(&javali);
    datagrams.extend((0..2_000).map(|_| {
        let length = random.below(800);
        random.bytes(length)
    }));
    let mut sent = Vec::new();
    for batch in datagrams.chunks(16) {
        for datagram in batch {
            client.send(datagram);
            sent.push(datagram.as_slice());
        }
        // No more on the way than the receive buffer holds.
        assert_eq!(client.next_number(&good), 2);
        sent.push(good.as_bytes());
    }

    let path = class.directory.file("requests.jsonl");
    let read = || fs::read(&path).unwrap();
    common::wait_until("the last line", || {
        read().iter().filter(|byte| **byte == b'\n').count() >= sent.len()
    });
    let log = read();
    let lines: Vec<_> = log.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), sent.len(), "seed {seed:#x}: a line for each datagram");
    for (line, datagram) in lines.iter().zip(&sent) {
        let shown = line.escape_ascii();
        assert!(is_printable(line), "seed {seed:#x}: {shown}");
        let line: serde_json::Value =
            serde_json::from_slice(line).unwrap_or_else(|error| panic!("seed {seed:#x}: {error}: {shown}"));
        if line["outcome"] == "answered" {
            assert_eq!(*datagram, good.as_bytes(), "seed {seed:#x}: {shown}");
        } else {
            assert_eq!(line["datagram"], datagram.escape_ascii().to_string(), "seed {seed:#x}: {shown}");
        }
    }
    let errors = server.errors().split_off(said_at_the_start);
    assert!(errors.lines().count() > sent.len() / 2, "{}", errors.lines().count());
    for line in errors.split('\n') {
        assert!(is_printable(line.as_bytes()), "seed {seed:#x}: {}", line.escape_debug());
    }
}

/// Who has no key can make the server work, but not grow.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_forged_datagrams() {
    let (_class, server, client) = served(&["--quiet"]);
    let good = Signer::new("JAVALI", 2048).message("JAVALI", 1, 7);
    let seed = 0x3333;
    let mut random = Random(seed);
    let mut flood = |datagrams: u64| {
        for number in 0..datagrams {
            let payload = match random.below(4) {
                0 => claims("JAVALI", number, random.next()),
                1 => claims("NONAME", 1, number),
                2 => claims(&format!("FULANOS{number}"), 1, 7),
                _ => ending_with(&claims("JAVALI", 1, 7), &format!("\"x{number}\":\"{}\"", "x".repeat(900))),
            };
            client.send(signing_input(RS256, payload) + "." + &to_base64url(&random.bytes(256)));
            if number % 32 == 31 {
                assert_eq!(client.next_number(&good), 2); // it has kept pace
            }
        }
    };
    let resident = || common::memory_of(server.id(), "VmRSS");
    flood(2_048);
    let before = resident();
    flood(many(30_016, 8_000) as u64);
    let after = resident();
    assert!(after <= before + 512, "seed {seed:#x}: {before} KiB before, {after} KiB after");
}
