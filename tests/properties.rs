//! What holds for any sequence of datagrams. Most of it runs on a [`Server`] without socket and
//! clock, its disk in memory; what the logs hold and how much memory is used, over a real socket.
//!
//! Chance is a small generator with a fixed seed, which every failure names.

mod common;

use common::{RS256, SECRET, Signer, claims, verified};
use ring::hmac;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::Duration;
use udpsocket_jwt_server::claims::Otp;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::jws::to_base64url;
use udpsocket_jwt_server::keys::{PublicKey, without_newline};
use udpsocket_jwt_server::received::{Disk, Record, replay};
use udpsocket_jwt_server::refusal::{Reason, Refusal};
use udpsocket_jwt_server::server::{Class, Event, Server};

/// The moment of every event here.
const NOW: Duration = Duration::from_millis(1_700_000_000_500);

/// xorshift64* (Vigna, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[0]).collect()
    }

    /// A spoilt copy of the first, with pieces of the second.
    fn spoil(&mut self, token: &[u8], other: &[u8]) -> Vec<u8> {
        let mut spoilt = token.to_vec();
        let at = self.below(token.len());
        match self.below(7) {
            0 => spoilt[at] ^= 1 << self.below(8),
            1 => spoilt[at] = self.bytes(1)[0],
            2 => _ = spoilt.remove(at),
            3 => spoilt.insert(at, *self.pick(b".=\nA\0\xff ")),
            4 => spoilt.truncate(at),
            5 => {
                spoilt.truncate(at);
                spoilt.extend_from_slice(&other[self.below(other.len())..]);
            }
            _ => {
                // Parts of both: a signature that is good, of something else.
                let both = [token, other].map(|token| token.split(|byte| *byte == b'.').collect::<Vec<_>>());
                let parts: Vec<_> = (0..3).filter_map(|part| self.pick(&both).get(part).copied()).collect();
                spoilt = parts.join(&b'.');
            }
        }
        spoilt
    }
}

/// A disk in memory. Its clones are handles of the same disk.
#[derive(Clone, Default)]
struct Memory {
    bytes: Rc<RefCell<Vec<u8>>>,
    read: usize,
    is_full: Rc<Cell<bool>>,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.bytes.borrow()[self.read..]).read(buffer)?;
        self.read += read;
        Ok(read)
    }
}

impl Disk for Memory {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_full.get() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.bytes.borrow_mut().truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server in memory and its disk.
struct Lab {
    server: Server<Memory, ()>,
    disk: Memory,
}

impl Lab {
    /// A class of this `groups.json`, with the signers' keys.
    fn new(groups: &str, signers: &[(&str, &Signer)]) -> Self {
        let table = Table::from_json(groups.as_bytes()).unwrap();
        let mut keys = vec![None; table.len()];
        for (group, signer) in signers {
            keys[table.find(group).unwrap()] = Some(PublicKey::from_pem(&signer.public_pem, 2_048).unwrap());
        }
        let disk = Memory::default();
        let replayed = replay(disk.clone(), &table, true).unwrap();
        let secret = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let server = Server {
            class: Class { table, keys, secret },
            progress: replayed.progress,
            received: replayed.received,
            explains: false,
            lab: (),
        };
        Self { server, disk }
    }

    /// JAVALI with 3 members, who have the only key.
    fn of_javali(javali: &Signer) -> Self {
        Self::new(r#"{"JAVALI":3}"#, &[("JAVALI", javali)])
    }

    /// What becomes of a datagram: the reply, and the outcome.
    fn handle(&mut self, datagram: &[u8]) -> (Option<String>, Result<u8, Refusal>) {
        self.handle_together(&[datagram]).remove(0)
    }

    /// What becomes of datagrams that have waited together.
    fn handle_together(&mut self, datagrams: &[&[u8]]) -> Vec<(Option<String>, Result<u8, Refusal>)> {
        let otp = Otp { number: 20_000, timestamp: 99_999_999_999 }; // the longest, until the year 5138
        let event = |datagram: &&[u8]| Event::new(NOW, ([192, 0, 2, 7], 50_000).into(), datagram, otp);
        let mut events: Vec<_> = datagrams.iter().map(event).collect();
        let replies = self.server.handle(&mut events.iter_mut().collect::<Vec<_>>());
        for refusal in events.iter().filter_map(|event| event.outcome.as_ref().err()) {
            assert!(is_printable(refusal.detail.as_bytes()), "{refusal:?}");
        }
        replies.into_iter().zip(events.into_iter().map(|event| event.outcome)).collect()
    }

    /// State, last matricula and number of records of each group.
    fn progress(&self) -> Vec<(u64, Option<u64>, u32)> {
        let of = |group: &udpsocket_jwt_server::received::Progress| {
            (group.state.into(), group.matricula, group.records)
        };
        self.server.progress.iter().map(of).collect()
    }

    /// What a server started on the disk as it is now would know.
    fn progress_after_a_restart(&self) -> Vec<(u64, Option<u64>, u32)> {
        let disk = Memory { bytes: self.disk.bytes.clone(), ..Memory::default() };
        let replayed = replay(disk, &self.server.class.table, true).unwrap();
        assert_eq!(replayed.warnings, Vec::<String>::new());
        replayed.progress.iter().map(|group| (group.state.into(), group.matricula, group.records)).collect()
    }

    /// The records from this byte of the disk on.
    fn records_from(&self, start: usize) -> Vec<Record> {
        let bytes = self.disk.bytes.borrow();
        assert!(bytes.len() == start || bytes.last() == Some(&b'\n'), "a record ends with its LF");
        let lines = bytes[start..].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| Record::parse(line).expect("a whole record")).collect()
    }
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// A group as the protocol's sections 3 and 5 have it, in a few lines.
#[derive(Clone)]
struct Model {
    members: u64,
    state: u64,
    last: Option<(u64, u64)>,
    records: u32,
}

impl Model {
    fn new(members: u64) -> Self {
        Self { members, state: 0, last: None, records: 0 }
    }

    /// The `next_number` that a message is answered with, if it is.
    fn answer(&mut self, seq_number: u64, matricula: u64) -> Option<u64> {
        let is_repeat_or_next = seq_number == self.state || seq_number == self.state + 1;
        if seq_number != 0 && !(is_repeat_or_next && seq_number <= self.members) {
            return None;
        }
        self.records += u32::from(self.last != Some((seq_number, matricula)));
        self.last = Some((seq_number, matricula));
        self.state = seq_number;
        Some((seq_number + 1) % (self.members + 1))
    }

    fn progress(&self) -> (u64, Option<u64>, u32) {
        (self.state, self.last.map(|(_, matricula)| matricula), self.records)
    }
}

#[test]
fn no_sequence_of_datagrams_moves_a_group_whose_key_did_not_sign() {
    let groups = [("HEARTBEAT", 1), ("JAVALI", 3), ("NONAME", 4)]; // as a table has them: sorted
    let signers = groups.map(|(group, _)| (group, Signer::new(group, 2048)));
    let attacker = Signer::new("attacker", 2048);
    let mut good = HashMap::new();
    let mut forged = Vec::new();
    for (index, (group, members)) in groups.into_iter().enumerate() {
        for seq_number in 0..=members + 1 {
            for matricula in [7, 8] {
                let token = signers[index].1.message(group, seq_number, matricula).into_bytes();
                good.insert(token, (index, seq_number, matricula));
            }
            let others = signers.iter().filter(|(other, _)| *other != group).map(|(_, signer)| signer);
            forged.extend(
                others.chain([&attacker]).map(|other| other.message(group, seq_number, 666).into_bytes()),
            );
        }
    }
    let mut tokens: Vec<_> = good.keys().cloned().collect();
    tokens.sort(); // a map's order is not of the seed

    let [mut answered, mut dropped] = [0, 0];
    for seed in [1, 0x9e37_79b9_7f4a_7c15, 0xdead_beef] {
        let mut random = Random(seed);
        let signers = signers.each_ref().map(|(group, signer)| (*group, signer));
        let mut lab = Lab::new(r#"{"HEARTBEAT":1,"JAVALI":3,"NONAME":4}"#, &signers);
        let mut models = groups.map(|(_, members)| Model::new(members));
        let mut last_recorded = [0; 3];
        for step in 0..3_000 {
            let mut datagram = match random.below(8) {
                0..=3 => random.pick(&tokens).clone(),
                4 => random.pick(&forged).clone(),
                5 => {
                    let (one, other) = (random.pick(&forged).clone(), random.pick(&tokens).clone());
                    random.spoil(&one, &other)
                }
                _ => {
                    let (one, other) = (random.pick(&tokens).clone(), random.pick(&tokens).clone());
                    random.spoil(&one, &other)
                }
            };
            datagram.extend_from_slice(random.pick::<&[u8]>(&[b"", b"", b"\n", b"\r\n"]));

            let length = lab.disk.bytes.borrow().len();
            let (reply, outcome) = lab.handle(&datagram);
            let at = format!("seed {seed:#x}, step {step}, {}", datagram.escape_ascii());
            let expected = good
                .get(without_newline(&datagram))
                .and_then(|&(group, seq_number, matricula)| models[group].answer(seq_number, matricula));
            assert_eq!(outcome.clone().ok().map(u64::from), expected, "{at}: {outcome:?}");
            assert_eq!(
                reply.map(|reply| verified(&reply)["next_number"].as_u64()),
                expected.map(Some),
                "{at}"
            );

            for record in lab.records_from(length) {
                let group = groups.iter().position(|(group, _)| *group == record.group).unwrap();
                last_recorded[group] = record.seq_number.into();
            }
            let progress = lab.progress();
            assert_eq!(progress, models.each_ref().map(Model::progress), "{at}");
            let states: Vec<_> = progress.iter().map(|group| group.0).collect();
            assert_eq!(states, last_recorded, "the state is the last recorded number: {at}");
            if step % 100 == 99 {
                assert_eq!(lab.progress_after_a_restart(), progress, "{at}");
            }
            *if expected.is_some() { &mut answered } else { &mut dropped } += 1;
        }
    }
    assert!(answered > 500 && dropped > 500, "{answered} answered and {dropped} dropped prove little");
}

#[test]
fn datagrams_handled_together_are_answered_and_recorded_as_one_by_one() {
    let groups = [("HEARTBEAT", 1), ("JAVALI", 3), ("NONAME", 4)];
    let signers = groups.map(|(group, _)| (group, Signer::new(group, 2048)));
    let mut tokens = Vec::new();
    for (group, members) in groups {
        for signer in signers.iter().map(|(_, signer)| signer) {
            for (number, matricula) in (0..=members + 1).flat_map(|number| [(number, 7), (number, 8)]) {
                tokens.push(signer.message(group, number, matricula).into_bytes());
            }
        }
    }
    let signers = signers.each_ref().map(|(group, signer)| (*group, signer));
    let new_lab = || Lab::new(r#"{"HEARTBEAT":1,"JAVALI":3,"NONAME":4}"#, &signers);
    let (mut one_by_one, mut together) = (new_lab(), new_lab());
    let mut random = Random(21);
    let [mut answered, mut not_recorded] = [0; 2];
    for step in 0..600 {
        let is_full = random.below(4) == 0;
        one_by_one.disk.is_full.set(is_full);
        together.disk.is_full.set(is_full);
        let datagrams: Vec<&[u8]> = (0..=random.below(16)).map(|_| random.pick(&tokens).as_slice()).collect();
        let expected: Vec<_> = datagrams.iter().map(|datagram| one_by_one.handle(datagram)).collect();
        assert_eq!(together.handle_together(&datagrams), expected, "seed 21, step {step}");
        assert_eq!(together.progress(), one_by_one.progress(), "seed 21, step {step}");
        answered += expected.iter().filter(|(reply, _)| reply.is_some()).count();
        let is_not_recorded = |outcome: &Result<u8, Refusal>| {
            outcome.as_ref().is_err_and(|refusal| refusal.reason == Reason::NotRecorded)
        };
        not_recorded += expected.iter().filter(|(_, outcome)| is_not_recorded(outcome)).count();
    }
    assert_eq!(*together.disk.bytes.borrow(), *one_by_one.disk.bytes.borrow());
    assert!(answered > 500 && not_recorded > 100, "{answered} and {not_recorded} prove little");
}

#[test]
fn any_sequence_of_numbers_is_answered_as_the_model_says() {
    let table = [("DOZE", 12), ("DOIS", 2), ("TODOS", 255), ("UM", 1)];
    let signer = Signer::new("JAVALI", 2048);
    let keys = table.map(|(group, _)| (group, &signer));
    for (seed, (group, members)) in (11..).zip(table) {
        let mut random = Random(seed);
        let mut lab = Lab::new(r#"{"DOZE":12,"DOIS":2,"TODOS":255,"UM":1}"#, &keys);
        let index = lab.server.class.table.find(group).unwrap();
        let mut tokens = HashMap::new();
        let mut model = Model::new(members);
        let mut highest = 0;
        for step in 0..2_000 {
            // Mostly what follows; sometimes a repeat, a correction, a start-over or anything.
            let seq_number = match random.below(40) {
                0..=29 => (model.state + 1) % (members + 1),
                30..=34 => model.state,
                35 => random.below(members as usize + 3) as u64,
                36 => model.state + 2,
                37 => model.state.saturating_sub(1),
                38 => model.state + 257,
                _ => u64::MAX - random.below(2) as u64,
            };
            let matricula = 1_000 + random.below(2) as u64;
            let token = tokens
                .entry((seq_number, matricula))
                .or_insert_with(|| signer.message(group, seq_number, matricula));
            let (_, outcome) = lab.handle(token.as_bytes());
            let expected = model.answer(seq_number, matricula);
            let at = format!("{group}, seed {seed}, step {step}, sn {seq_number}");
            match outcome {
                Ok(next_number) => assert_eq!(Some(next_number.into()), expected, "{at}"),
                Err(refusal) => assert_eq!((refusal.reason, expected), (Reason::OutOfOrder, None), "{at}"),
            }
            assert_eq!(lab.progress()[index], model.progress(), "{at}");
            highest = highest.max(model.state);
        }
        assert_eq!(lab.progress_after_a_restart(), lab.progress(), "{group}, seed {seed}");
        assert_eq!(highest, members, "{group}: everyone was in at some time");
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
            let (reply, outcome) = lab.handle(&datagram);
            assert!(reply.is_none() && outcome.is_err(), "{}: {outcome:?}", what());
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
    assert_eq!(lab.handle(&token).1, Ok(2), "the token itself is good");
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
        (r#""seq_number":2,"matricula":0"#.into(), Err(Reason::OutOfOrder)),
        (r#""seq_number":18446744073709551615,"matricula":0"#.into(), Err(Reason::OutOfOrder)),
        (r#""seq_number":0"#.into(), Err(Reason::BadClaim)),
        (format!(r#"{start_over},"exp":0"#), Err(Reason::Expired)),
        (format!(r#"{start_over},"exp":-9e99"#), Err(Reason::Expired)),
        (format!(r#"{start_over},"nbf":9e9"#), Err(Reason::NotYetValid)),
        (format!(r#"{start_over},"nbf":9e99"#), Err(Reason::NotYetValid)),
        (format!(r#"{start_over},"aud":0"#), Err(Reason::WrongAudience)),
    ];
    // What a detail quotes is escaped, and then escaped again in the reply's JSON.
    let quoted = [r#"\""#, r"\\", r"\u0000", r"\u001b", "é", "x"];
    cases.extend(quoted.iter().flat_map(|character| {
        (0..70).step_by(3).map(|times| {
            let text = character.repeat(times);
            (format!(r#""seq_number":"{text}""#), Err(Reason::BadClaim))
        })
    }));
    cases.push((String::new(), Err(Reason::BadClaim)));

    let mut seen = Vec::new();
    for explains in [false, true] {
        let mut lab = Lab::new(r#"{"A":255}"#, &[("A", &signer)]);
        lab.server.explains = explains;
        let mut check = |lab: &mut Lab, claims: &str, expected: &Result<u8, Reason>| {
            let comma = if claims.is_empty() { "" } else { "," };
            let token = signer.sign(r#"{"alg":"RS256"}"#, format!(r#"{{"group":"A"{comma}{claims}}}"#));
            let (reply, outcome) = lab.handle(token.as_bytes());
            assert_eq!(outcome.map_err(|refusal| refusal.reason), *expected, "{claims}");
            assert_eq!(reply.is_some(), expected.is_ok() || explains, "{claims}");
            if let Some(reply) = reply {
                let said = verified(&reply);
                assert!(
                    reply.len() < token.len(),
                    "{} for {}: {said} for {claims}",
                    reply.len(),
                    token.len()
                );
                match expected {
                    Ok(next_number) => assert_eq!(said["next_number"], *next_number, "{claims}"),
                    Err(reason) => assert_eq!(said["error"], reason.name(), "{claims}"),
                }
            }
            seen.extend(expected.as_ref().err().copied());
        };
        for (claims, expected) in &cases {
            check(&mut lab, claims, expected);
        }
        lab.server.progress[0].state = 254;
        check(&mut lab, r#""seq_number":254,"matricula":9"#, &Ok(255));
        check(&mut lab, r#""seq_number":255,"matricula":9"#, &Ok(0));
        lab.disk.is_full.set(true);
        check(&mut lab, r#""seq_number":0,"matricula":9"#, &Err(Reason::NotRecorded));
    }
    let signed = Reason::ALL.into_iter().filter(|reason| reason.is_signed() && *reason != Reason::NotSent);
    for reason in signed {
        assert!(seen.contains(&reason), "{} was not tried", reason.name());
    }
}

#[test]
fn exp_and_nbf_count_to_the_fraction_with_no_leeway() {
    let javali = Signer::new("JAVALI", 2048);
    let table = [
        ("exp", "1700000000.25", Err(Reason::Expired)),
        ("exp", "1700000000", Err(Reason::Expired)),
        ("exp", "1700000000.5", Err(Reason::Expired)), // now: it must be before exp
        ("exp", "17000000005e-1", Err(Reason::Expired)),
        ("exp", "1700000000.501", Ok(2)),
        ("exp", "1700000001", Ok(2)),
        ("nbf", "1700000001", Err(Reason::NotYetValid)),
        ("nbf", "1700000000.501", Err(Reason::NotYetValid)),
        ("nbf", "1700000000.5", Ok(2)), // now: it may be at nbf
        ("nbf", "1700000000", Ok(2)),
        ("nbf", "0", Ok(2)),
        ("nbf", "-1.5", Ok(2)),
    ];
    for (claim, value, expected) in table {
        let payload = claims("JAVALI", 1, 7).replace('}', &format!(r#","{claim}":{value}}}"#));
        let (_, outcome) = Lab::of_javali(&javali).handle(javali.sign(RS256, payload).as_bytes());
        assert_eq!(outcome.map_err(|refusal| refusal.reason), expected, "{claim} {value}");
    }
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
                sign(header, &claims.replace('}', &format!(r#","{claim}":"?"}}"#)));
                sign(header, &claims.replace('}', &format!(r#","{claim}":["?"]}}"#)));
            }
        }
    }
    datagrams
}

#[test]
fn no_bytes_make_the_handler_panic_or_answer() {
    let javali = Signer::new("JAVALI", 2048);
    let good = javali.message("JAVALI", 1, 7).into_bytes();
    let other = javali.message("JAVALI", 2, 8).into_bytes();
    let seed = 0xfeed;
    let mut random = Random(seed);
    let mut lab = Lab::of_javali(&javali);
    lab.server.explains = true;
    for step in 0..20_000 {
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
                let spoilt = random.spoil(&good, &other);
                if spoilt.is_empty() { spoilt } else { random.spoil(&spoilt, &good) }
            }
            _ => {
                let cut = random.below(good.len());
                let length = random.below(5_000);
                [&good[..cut], &random.bytes(length)].concat()
            }
        };
        if [&good, &other].iter().all(|token| without_newline(&datagram) != **token) {
            let (reply, outcome) = lab.handle(&datagram);
            let at = || format!("seed {seed:#x}, step {step}: {}", datagram.escape_ascii());
            assert!(reply.is_none() && outcome.is_err(), "{}", at());
        }
    }
    for datagram in injections(&javali) {
        assert!(lab.handle(&datagram).1.is_err(), "{}", datagram.escape_ascii());
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
    let class = common::Class::new();
    let server = common::Server::start(&class, &["--quiet"]);
    let client = server.client();
    let good = Signer::new("JAVALI", 2048).message("JAVALI", 1, 7);
    let seed = 0x3333;
    let mut random = Random(seed);
    let mut flood = |datagrams: u64| {
        for number in 0..datagrams {
            let payload = match random.below(4) {
                0 => claims("JAVALI", number, random.next()),
                1 => claims("NONAME", 1, number),
                2 => claims(&format!("FULANOS{number}"), 1, 7),
                _ => {
                    claims("JAVALI", 1, 7).replace('}', &format!(",\"x{number}\":\"{}\"}}", "x".repeat(900)))
                }
            };
            let payload = to_base64url(payload.as_bytes());
            let signature = to_base64url(&random.bytes(256));
            client.send(format!("{}.{payload}.{signature}", to_base64url(RS256.as_bytes())));
            if number % 32 == 31 {
                assert_eq!(client.next_number(&good), 2); // it has kept pace
            }
        }
    };
    let resident = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap()
    };
    flood(2_048);
    let before = resident();
    flood(30_016);
    let after = resident();
    assert!(after <= before + 512, "seed {seed:#x}: {before} KiB before, {after} KiB after");
}
