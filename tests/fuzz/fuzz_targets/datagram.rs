//! Datagrams, one after the other or some together, to a server whose disk fails and which is killed
//! and started again: it answers as the protocol says, and nothing that it acknowledged is ever lost.
//! Whatever is in a datagram, little time is taken to read and to explain it.
//!
//! Behind the signature check nothing can be found by chance. So an input is not only datagrams: it
//! is also headers and payloads that are signed here before the server sees them.
//!
//! ```text
//! input  options  step  FF 0A  step  FF 0A  step ...
//! step   signing  disk  datagram                  signing says: as it is
//! step   signing  disk  header  FF 2E  payload    signing says: who signs; no FF 2E: the usual header
//! ```
//!
//! The options say how many steps are handled together; the disk is as the first of them says.
//!
//! The class is that of the vectors, `tests/vectors/class`, whose keys are published.
#![no_main]

mod common;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use common::{Failures, Memory, assert_printable};
use libfuzzer_sys::fuzz_target;
use ring::rand::SystemRandom;
use ring::{digest, hmac, rsa::KeyPair, signature};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;
use udpsocket_jwt_server::claims::Otp;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::keys::{self, PublicKey};
use udpsocket_jwt_server::record::{MOST_RECORDS, Progress, Record};
use udpsocket_jwt_server::restart::{Found, read_back};
use udpsocket_jwt_server::server::{self, Acknowledgment, Class, Datagram, Handled, Server};
use udpsocket_jwt_server::tools::lab::explain::{Explainer, Explanation};
use udpsocket_jwt_server::tools::faults::reason::name;
use udpsocket_jwt_server::tools::faults::refusal::plain;

/// The server's clock stands still, so that `exp` and `nbf` can be found.
const NOW: Duration = Duration::from_millis(1_700_000_000_250);
/// Most processor time in which a datagram is read, or explained. With the sanitizer all takes some ten times
/// as long as it does in the program.
const MOST_TIME: Duration = Duration::from_millis(20);
const OTP: Otp = Otp { number: 20_000, timestamp: 1_700_000_000 };

fuzz_target!(|input: &[u8]| {
    let Some((options, steps)) = input.split_first() else { return };
    let mut run = Run::new(*options);
    let steps: Vec<_> = split(steps, b"\xff\n").filter_map(Step::parse).collect();
    for steps in steps.chunks(1 + usize::from(options >> 4 & 3)) {
        run.disk(steps[0].disk);
        run.take(steps);
    }
});

// --- the class ---------------------------------------------------------------------------------------

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/class")
}

fn read(name: &str) -> Vec<u8> {
    let path = directory().join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All that an input needs and none changes.
struct Fixture {
    table: Table,
    keys: Vec<Option<PublicKey>>,
    secret: hmac::Key,
    /// Who signs, with the group whose key it is; the last one is a stranger.
    signers: Vec<(Option<&'static str>, KeyPair)>,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let table = Table::compiled_in();
    // PINHAO's exponent is 3, SOQUETINHO has 4,096 bits, BISSAU has no key.
    let key = |name: &str| match name {
        "BISSAU" => None,
        _ => Some(PublicKey::from_pem(&read(&format!("keys_pub/{name}.pem")), 2_048).unwrap()),
    };
    let signers = ["JAVALI", "NONAME", "SOQUETINHO", "STRANGER"].map(|name| {
        let pem = pem::parse(read(&format!("keys_priv/{name}.pem"))).unwrap();
        let group = table.iter().any(|group| group.name == name).then_some(name);
        (group, KeyPair::from_pkcs8(pem.contents()).unwrap())
    });
    Fixture {
        keys: table.iter().map(|group| key(&group.name)).collect(),
        table,
        secret: keys::secret(&read("keys_priv/key_secret_for_hmac.txt"), 32).unwrap(),
        signers: signers.into(),
    }
});

fn class() -> Class {
    let Fixture { table, keys, secret, .. } = &*FIXTURE;
    Class { table: table.clone(), keys: keys.clone(), secret: secret.clone() }
}

/// A signature takes a millisecond, and a mutated input has most of its texts from its parent.
fn sign(signer: usize, signing_input: &[u8]) -> Vec<u8> {
    type Signatures = HashMap<(usize, Vec<u8>), Vec<u8>>;
    thread_local! {
        static MADE: RefCell<Signatures> = RefCell::default();
    }
    MADE.with_borrow_mut(|made| {
        if made.len() > 20_000 {
            made.clear();
        }
        let key = &FIXTURE.signers[signer].1;
        let sign = || {
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), signing_input, &mut signature)
                .unwrap();
            signature
        };
        made.entry((signer, signing_input.to_vec())).or_insert_with(sign).clone()
    })
}

/// The time that this thread has had a processor: a busy machine makes it no longer. Only Linux says it.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap_or(0))
}

/// The system counts in steps of some milliseconds: one of ten tries is quick enough.
fn assert_quick(what: &str, datagram: &[u8], work: impl Fn()) {
    let time = |_| {
        let start = processor_time();
        work();
        processor_time() - start
    };
    let least = (0..10).map(time).min().unwrap();
    assert!(least <= MOST_TIME, "{what} takes {least:?}: {}", datagram.escape_ascii());
}

// --- a run -------------------------------------------------------------------------------------------

struct Step<'a> {
    signing: u8,
    disk: u8,
    text: &'a [u8],
}

impl<'a> Step<'a> {
    fn parse(step: &'a [u8]) -> Option<Self> {
        let [signing, disk, text @ ..] = step else { return None };
        Some(Self { signing: *signing, disk: *disk, text })
    }
}

/// The group's progress once that is recorded, the group, and the `next_number` of its reply; or the
/// reason, with the group whose signature the message bears.
type Verdict = Result<(Progress, usize, u64), (&'static str, Option<usize>)>;

struct Run {
    server: Server,
    /// Whether what is refused is explained.
    explains: bool,
    disk: Memory,
    /// How the disk fails during a step.
    failures: Failures,
    /// The records that the disk must have, and no others but perhaps those that failed last.
    recorded: Vec<u8>,
    /// Records that the first group is taken to have besides.
    others: u32,
    syncs: bool,
    /// A file that can't be written has lost its name: before the write, or at the sync.
    is_moved: [bool; 2],
}

impl Run {
    fn new(options: u8) -> Self {
        let syncs = options & 2 == 0;
        let mut before = String::new();
        if options & 4 > 0 {
            // The table had more members when this was recorded; and a group that it no longer has.
            for (group, seq_number) in [("JAVALI", 9), ("BRANCO", 1)] {
                before += &format!(
                    r#"{{"time":"2023-11-14T22:13:20.000Z","peer":"[::1]:1","group":"{group}","seq_number":{seq_number},"seq_max":null,"matricula":7,"token":"e.e.c"}}"#
                );
                before.push('\n');
            }
        }
        let disk = Memory::of(before.as_bytes());
        let Found { records, mut progress, .. } =
            read_back(Box::new(disk.clone()), &FIXTURE.table, syncs).unwrap();
        let others = if options & 8 > 0 { MOST_RECORDS - 2 } else { 0 };
        progress[0].records += others;
        let server = Server { class: class(), progress, records, has_limit: false, otp: |_| Ok(OTP) };
        Self {
            server,
            explains: options & 1 > 0,
            disk,
            failures: Failures::default(),
            recorded: before.into(),
            others,
            syncs,
            is_moved: [options & 64 > 0, options & 128 > 0],
        }
    }

    /// What befalls the disk before a step, and how it fails during it.
    fn disk(&mut self, disk: u8) {
        let left = {
            let platter = self.disk.0.borrow();
            match disk >> 6 {
                0 => None,
                1 => Some(platter.file.clone()), // the server was killed
                _ if !self.syncs => None,        // without syncs nothing is promised for the machine
                _ => {
                    // The machine went down: of what was not synced, all or half is lost.
                    let later = platter.file.strip_prefix(&platter.durable[..]).unwrap_or_default();
                    Some([&platter.durable, &later[..later.len() * usize::from(disk >> 6 & 1) / 2]].concat())
                }
            }
        };
        if let Some(left) = left {
            self.restart(&left);
        }
        let fails = disk & 3;
        let [before, later] = self.is_moved.map(|is_moved| is_moved && fails > 0);
        self.failures = Failures {
            append: [None, Some(0), Some(1), Some(2)][usize::from(fails)].filter(|_| !before && !later),
            moved: before && !later,
            moves: later,
            syncs: disk >> 2 & 3,
            cut: disk >> 4 & 1 > 0,
            sync_works: disk >> 5 & 1 > 0,
        };
        self.disk.0.borrow_mut().failures = self.failures;
    }

    /// A start finds what was acknowledged, and at most the records that failed last.
    fn restart(&mut self, left: &[u8]) {
        let attempted = self.disk.0.borrow().attempted.clone();
        self.disk.restart(left);
        let table = &self.server.class.table;
        let replayed = read_back(Box::new(self.disk.clone()), table, self.syncs);
        let Found { records, mut progress, .. } =
            replayed.unwrap_or_else(|fault| panic!("what the server alone has written: {fault:?}"));
        let file = self.disk.file();
        let others = file.strip_prefix(&self.recorded[..]).expect("what was acknowledged is found again");
        assert!(attempted.starts_with(others), "made up");
        let mut expected = self.server.progress.clone();
        for line in others.split_inclusive(|&byte| byte == b'\n') {
            let Record { group, seq_number, matricula, time, .. } = Record::parse(line.trim_ascii()).unwrap();
            expected[table.find(&group).unwrap()].add(seq_number.into(), matricula, time);
        }
        progress[0].records += self.others;
        assert_eq!(progress, expected);
        (self.server.progress, self.server.records, self.recorded) = (progress, records, file);
    }

    /// Has these steps handled together.
    fn take(&mut self, steps: &[Step]) {
        let before = self.server.progress.clone();
        let mut after = before.clone(); // if the disk takes the records
        let (mut datagrams, mut records) = (Vec::new(), Vec::new());
        let mut verdicts = Vec::new(); // if the disk takes the records
        for step in steps {
            let (mut datagram, signer) = token(step.signing, step.text);
            datagram.extend([&b""[..], b"\n", b"\r\n", b"\r"][usize::from(step.signing >> 3 & 3)]);
            let verdict = self.verdict(&datagram, &after);
            if let Some(signer) = signer
                && let Ok((_, group, _)) | Err((_, Some(group))) = &verdict
            {
                assert_eq!(Some(&self.server.class.table[*group].name[..]), signer, "signed by another");
            }
            if let Ok((progress, group, _)) = verdict
                && progress != after[group]
            {
                records.push((progress, group, datagrams.len()));
                after[group] = progress;
            }
            verdicts.push(verdict);
            datagrams.push(datagram);
        }

        let sender = ([192, 0, 2, 7], 50_000).into();
        let received = |bytes: &Vec<u8>| Datagram { time: NOW, sender, bytes: bytes.clone() };
        let received: Vec<_> = datagrams.iter().map(received).collect();
        let start = processor_time();
        let all = self.server.handle(&received, &mut ());
        let class = &self.server.class;
        if processor_time() - start > MOST_TIME {
            for Datagram { bytes, .. } in &received {
                assert_quick("reading", bytes, || _ = server::read(class, bytes, NOW));
            }
        }
        // Each time with all of the time that explanations may take: a busy machine would use it up.
        let explained = |handled: &Handled| Explainer::default().explain(class, handled);
        let explain = |handled: &Handled| {
            let start = processor_time();
            let explanation = self.explains.then(|| explained(handled))?;
            if processor_time() - start > MOST_TIME {
                assert_quick("explaining", &handled.datagram.bytes, || _ = explained(handled));
            }
            explanation
        };
        let explanations: Vec<_> = all.iter().map(explain).map(Option::unwrap_or_default).collect();

        let is_recorded = records.iter().all(|(.., index)| all[*index].outcome.is_ok());
        assert!(is_recorded || self.failures != Failures::default(), "the disk is well");
        assert_eq!(self.server.progress, *if is_recorded { &after } else { &before });
        if is_recorded {
            self.check_records(&records, &datagrams);
        }
        self.check_disk(all.iter().any(|handled| handled.outcome.is_ok()));
        // If it doesn't, what was decided of a group that had something new is not true.
        let is_undone = |group: &usize| !is_recorded && records.iter().any(|(_, other, _)| other == group);
        let undone = |verdict| match verdict {
            Ok((_, group, _)) | Err(("out_of_order", Some(group))) if is_undone(&group) => {
                Err(("not_recorded", Some(group)))
            }
            verdict => verdict,
        };
        let verdicts = verdicts.into_iter().map(undone).collect::<Vec<Verdict>>();
        for ((handled, verdict), explanation) in all.iter().zip(&verdicts).zip(explanations) {
            match (verdict, &handled.outcome) {
                (Ok((.., next_number)), Ok(answered)) => assert_eq!(answered.next_number, *next_number),
                (Err((reason, _)), Err(refusal)) => assert_eq!(name(refusal), *reason, "{refusal:?}"),
                (verdict, outcome) => panic!("{outcome:?} in place of {verdict:?}"),
            }
            self.check_reply(verdict, handled, explanation);
        }
    }

    // --- what must hold ------------------------------------------------------------------------------

    /// Sections 1, 2, 3 and 7 of the protocol, written down once more and another way.
    fn verdict(&self, datagram: &[u8], progress: &[Progress]) -> Verdict {
        let class = &self.server.class;
        let unsigned = |reason| move || (reason, None);
        if datagram.len() > 4_096 {
            return Err(("too_large", None));
        }
        let text =
            datagram.strip_suffix(b"\n").map_or(datagram, |text| text.strip_suffix(b"\r").unwrap_or(text));
        let parts: Vec<_> = text.split(|&byte| byte == b'.').collect();
        let [header, payload, _] = parts[..] else { return Err(("not_a_jws", None)) };
        let decoded: Option<Vec<_>> = parts.iter().copied().map(base64url).collect();
        let [header_json, payload_json, signature_bytes] =
            decoded.ok_or_else(unsigned("bad_base64"))?.try_into().unwrap();
        let object = |json: &[u8]| serde_json::from_slice::<Value>(json).ok().filter(Value::is_object);
        let header_object = object(&header_json).ok_or_else(unsigned("bad_header"))?;
        if header_object["alg"] != "RS256" {
            return Err(("wrong_alg", None));
        }
        if header_object.get("crit").is_some() {
            return Err(("unsupported_crit", None));
        }
        let claims = object(&payload_json).ok_or_else(unsigned("bad_payload"))?;
        let name = claims["group"].as_str().ok_or_else(unsigned("unknown_group"))?;
        let group = class
            .table
            .iter()
            .position(|group| group.name.eq_ignore_ascii_case(name))
            .ok_or_else(unsigned("unknown_group"))?;
        let key = class.keys[group].as_ref().ok_or_else(unsigned("no_key"))?;
        key.components()
            .verify(
                &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                &[header, b".", payload].concat(),
                &signature_bytes,
            )
            .map_err(|_| ("bad_signature", None))?;

        let refused = |reason| (reason, Some(group));
        let integer = |claim: &str| claims[claim].as_u64().ok_or(refused("bad_claim"));
        let date = |claim: &str| match claims.get(claim) {
            None => Ok(None),
            Some(Value::Number(seconds)) => Ok(seconds.as_f64()),
            Some(_) => Err(refused("bad_claim")),
        };
        let (seq_number, matricula) = (integer("seq_number")?, integer("matricula")?);
        if claims.get("seq_max").is_some() {
            integer("seq_max")?;
        }
        let (exp, nbf, now) = (date("exp")?, date("nbf")?, 1_700_000_000.25);
        if exp.is_some_and(|exp| exp <= now) {
            return Err(refused("expired"));
        }
        if nbf.is_some_and(|nbf| nbf > now) {
            return Err(refused("not_yet_valid"));
        }
        if claims.get("aud").is_some() {
            return Err(refused("wrong_audience"));
        }
        let Progress { state, matricula: last, records, .. } = progress[group];
        let (is_repeat, members) = (seq_number == state, u64::from(class.table[group].members));
        let next_number = match seq_number {
            0 => 1,
            n if n <= members && (is_repeat || n == state + 1) => (n + 1) % (members + 1),
            _ => return Err(refused("out_of_order")),
        };
        if is_repeat && last == Some(matricula) {
            return Ok((progress[group], group, next_number));
        }
        if records >= MOST_RECORDS {
            return Err(refused("not_recorded"));
        }
        let mut after = progress[group];
        after.add(seq_number, matricula, NOW);
        assert_eq!((after.state, after.matricula, after.records), (seq_number, Some(matricula), records + 1));
        Ok((after, group, next_number))
    }

    /// The records that were due are on the disk, in order, and no others.
    fn check_records(&mut self, records: &[(Progress, usize, usize)], datagrams: &[Vec<u8>]) {
        let mut platter = self.disk.0.borrow_mut();
        if records.is_empty() {
            return;
        }
        let lines = platter.file.strip_prefix(&self.recorded[..]).expect("records are only added");
        assert_eq!(lines, platter.attempted);
        assert_eq!(lines.split_inclusive(|&byte| byte == b'\n').count(), records.len());
        for (line, (due, group, index)) in lines.split_inclusive(|&byte| byte == b'\n').zip(records) {
            self.check_record(line, *due, *group, &datagrams[*index]);
        }
        self.recorded.extend(lines);
        platter.attempted.clear();
    }

    /// An acknowledgment is a promise: what it says is on the disk.
    fn check_disk(&self, is_acknowledged: bool) {
        let platter = self.disk.0.borrow();
        let kept = if self.syncs { &platter.durable } else { &platter.file };
        assert!(!is_acknowledged || kept.starts_with(&self.recorded), "acknowledged, and not on the disk");
        assert!(platter.file.starts_with(&self.recorded), "what is recorded stays");
    }

    fn check_record(&self, line: &[u8], due: Progress, group: usize, datagram: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap();
        let Record { time, group: name, seq_number, matricula, .. } =
            Record::parse(line).expect("a whole record");
        assert_eq!(name, self.server.class.table[group].name);
        assert_eq!((u64::from(seq_number), Some(matricula), time), (due.state, due.matricula, NOW));
        let record: Value = serde_json::from_slice(line).unwrap();
        let token = record["token"].as_str().unwrap();
        let newline = datagram.strip_prefix(token.as_bytes()).expect("the evidence is the token");
        assert!([&b""[..], b"\n", b"\r\n"].contains(&newline));
    }

    fn check_reply(&self, expected: &Verdict, handled: &Handled, explanation: Explanation) {
        let (outcome, datagram) = (&handled.outcome, &handled.datagram.bytes);
        let reply = self.server.reply(handled).or(explanation.reply);
        if let Err(refusal) = outcome {
            assert_printable(&plain(refusal, datagram).sentence());
        }
        let group = match expected {
            Ok((_, group, _)) | Err((_, Some(group))) => Some(*group),
            Err((_, None)) => None,
        };
        assert_eq!(handled.reading.is_ok(), group.is_some(), "signed, or not");
        let Some(group) = group.filter(|_| outcome.is_ok() || self.explains) else {
            if let (Some(text), Err(refusal)) = (&reply, outcome) {
                assert!(self.explains, "only what is signed is answered");
                assert!(text.starts_with(&format!("{}: ", name(refusal))), "{text}");
                assert!(text.len() < datagram.len(), "{} bytes for {}", text.len(), datagram.len());
                assert_printable(text.trim_end_matches('\n'));
            }
            return;
        };
        let is_weak = self.server.class.keys[group].as_ref().unwrap().bits() < 2_048;
        let Some(reply) = &reply else {
            assert!(is_weak && outcome.is_err(), "only where a request is so short is none smaller");
            return;
        };
        assert!(is_weak || reply.len() < datagram.len(), "{} bytes for {}", reply.len(), datagram.len());

        let (signing_input, tag) = reply.rsplit_once('.').unwrap();
        let tag = base64url(tag.as_bytes()).unwrap();
        hmac::verify(&self.server.class.secret, signing_input.as_bytes(), &tag).expect("its HMAC");
        let (header, payload) = signing_input.split_once('.').unwrap();
        assert_eq!(base64url(header.as_bytes()).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
        let payload = String::from_utf8(base64url(payload.as_bytes()).unwrap()).unwrap();
        let sent = base64url(datagram.split(|&byte| byte == b'.').nth(1).unwrap()).unwrap();
        let hash = digest::digest(&digest::SHA256, &sent);
        let id_request: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        match outcome {
            Ok(Acknowledgment { next_number, .. }) => assert_eq!(
                payload,
                format!(
                    r#"{{"id_request":"{id_request}","next_number":{next_number},"otp_number":20000,"otp_timestamp":1700000000}}"#
                )
            ),
            Err(refusal) => {
                let claims: Value = serde_json::from_str(&payload).unwrap();
                assert_eq!(claims["id_request"], id_request);
                assert_eq!(claims["error"], name(refusal));
                let whole = explanation.found.expect("what is signed is explained").to_string();
                // In little room the clauses are left out from the end, and then the members for the otp.
                let detail = claims.get("detail").map_or("", |detail| detail.as_str().unwrap());
                assert!(whole.starts_with(detail), "{whole}: {claims}");
                let otp = claims.get("otp_number").map(|number| number.as_u64().unwrap());
                assert!(otp.is_none_or(|number| number <= 20_000));
                assert_eq!(claims.get("otp_timestamp").is_some(), otp.is_some());
                let members = 2 + usize::from(!detail.is_empty()) + 2 * usize::from(otp.is_some());
                assert_eq!(claims.as_object().unwrap().len(), members);
            }
        }
    }
}

// --- datagrams ---------------------------------------------------------------------------------------

/// A step's token; and, if it was signed here as it should be, whose key signed it.
fn token(signing: u8, text: &[u8]) -> (Vec<u8>, Option<Option<&'static str>>) {
    let Some(signer) = usize::from(signing & 7).checked_sub(1) else { return (text.to_vec(), None) };
    let signer = signer % FIXTURE.signers.len();
    let usual = &br#"{"alg":"RS256"}"#[..];
    let mut parts = split(text, b"\xff.");
    let first = parts.next().unwrap_or_default();
    let (header, payload) = parts.next().map_or((usual, first), |second| (first, second));
    let base64url = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signing_input = [base64url(header), base64url(payload)].join(".");
    let mut signature = sign(signer, signing_input.as_bytes());
    let is_tampered = signing & 32 > 0;
    if is_tampered {
        signature[usize::from(signing >> 6)] ^= 1;
    }
    let owner = if is_tampered { None } else { FIXTURE.signers[signer].0 };
    (format!("{signing_input}.{}", base64url(&signature)).into(), Some(owner))
}

/// The pieces of a text between separators of two bytes.
fn split<'a>(text: &'a [u8], separator: &'a [u8; 2]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let at = text.windows(2).position(|window| window == separator);
        rest = at.map(|at| &text[at + 2..]);
        Some(&text[..at.unwrap_or(text.len())])
    })
}

/// Canonical base64url without padding, one character after the other.
fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for character in text {
        held = held << 6 | ALPHABET.iter().position(|letter| letter == character)? as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    (bits < 6 && held == 0).then_some(bytes)
}
