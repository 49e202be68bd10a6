//! `--trial`: clients with one fault each are examined, and each is told its fault.
//!
//! The clients take no time: a datagram's line in `requests.jsonl` is written after its reply is
//! sent, so once the line is there, whatever was sent has arrived.

mod common;

use common::{
    Class, Client, RS256, SECRET, Scratch, Server, Signer, claims, private_key, recorded, report_of,
};
use ring::hmac;
use serde_json::Value;
use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use udpsocket_jwt_server::claims::id_request;
use udpsocket_jwt_server::time::{now, rfc3339};
use udpsocket_jwt_server::tools::base64url;
use udpsocket_jwt_server::tools::lab::verdict::Verdict;

/// Copies of a message until its right reply has come for certain.
const COPIES: usize = 8;

/// Each group's signer: a message is signed many times here.
static SIGNERS: LazyLock<[(&str, Signer); 3]> =
    LazyLock::new(|| Class::GROUPS.map(|group| (group, Signer::new(group, 2048))));

/// A server that examines, and how much was sent to it.
struct Trial {
    class: Class,
    server: Server,
    sent: Cell<usize>,
}

impl Trial {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(options: &[&str]) -> Self {
        let class = Class::new();
        let server = Server::start(&class, &[&["--trial", "--no-sync", "--quiet"], options].concat());
        Self { class, server, sent: Cell::new(0) }
    }

    /// Sends a datagram; what came back, once the server is done with it.
    fn answer(&self, client: &Client, datagram: &str) -> Option<String> {
        client.send(datagram);
        self.sent.set(self.sent.get() + 1);
        let start = Instant::now();
        while self.class.directory.read("requests.jsonl").lines().count() < self.sent.get() {
            assert!(start.elapsed() < Duration::from_secs(30), "waited in vain for a line");
            std::thread::sleep(Duration::from_micros(200)); // a message is sent a thousand times here
        }
        client.receive(Duration::from_micros(1))
    }

    /// Sends a copy of a message; the reply, if it is the right one.
    fn right_answer(&self, client: &Client, message: &Message) -> Option<String> {
        self.answer(client, &message.token).filter(|reply| message.is_answered_by(reply))
    }

    /// Sends so many copies of a message; what came back for each.
    fn answers(&self, client: &Client, message: &Message, copies: usize) -> Vec<Option<String>> {
        (0..copies).map(|_| self.answer(client, &message.token)).collect()
    }

    /// Sends the messages of these numbers as a sound client would; what they were.
    #[track_caller]
    fn goes_through(
        &self,
        client: &Client,
        group: &str,
        numbers: impl IntoIterator<Item = u64>,
    ) -> Vec<Message> {
        let messages: Vec<_> = numbers.into_iter().map(|number| Message::new(group, number, "")).collect();
        for message in &messages {
            assert!(self.until_right(client, message).is_some(), "{group}: {}", message.token);
        }
        messages
    }

    /// Sends copies of a message until the right reply comes, at most eight: that reply.
    fn until_right(&self, client: &Client, message: &Message) -> Option<String> {
        (0..COPIES).find_map(|_| self.right_answer(client, message))
    }

    /// The lines of `trial.jsonl`.
    fn lines(&self) -> Vec<Value> {
        common::lines(&self.class.directory.read("trial.jsonl"))
    }

    /// The lines about a group: verdict and number.
    fn verdicts(&self, group: &str) -> Vec<(String, u64)> {
        let of_group = self.lines().into_iter().filter(|line| line["group"] == group);
        of_group
            .map(|line| standing(line["verdict"].as_str().unwrap(), line["seq_number"].as_u64().unwrap()))
            .collect()
    }

    /// Faults and passes, without how far an exam has come.
    fn final_verdicts(&self, group: &str) -> Vec<(String, u64)> {
        let is_final = |verdict: &Verdict| verdict.is_fault() || *verdict == Verdict::Passed;
        let finals: Vec<_> = Verdict::ALL.into_iter().filter(is_final).map(Verdict::name).collect();
        self.verdicts(group).into_iter().filter(|(name, _)| finals.contains(&&**name)).collect()
    }

    /// It has passed the trial, and nothing else is said of it.
    #[track_caller]
    fn has_passed(&self, group: &str, members: u64) {
        assert_eq!(self.final_verdicts(group), [standing("passed", members)]);
    }

    /// The report says of a group that it has passed so far, and no more.
    #[track_caller]
    fn reports_a_pass(&self, group: &str) {
        let report = self.report(group);
        assert!(report.len() == 1 && report[0].starts_with("trial: so far: "), "{report:?}");
    }

    /// What `report` says of a group's trial, line by line.
    fn report(&self, group: &str) -> Vec<String> {
        let output = report_of(self.class.directory.path(), &[]);
        let of_group = output.split("\n\n").find(|text| text.starts_with(&format!("{group} "))).unwrap();
        let joined = of_group.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let lines = joined.split(" trial: ").skip(1).map(|text| format!("trial: {text}"));
        lines.filter(|line| !line.contains("short_timer")).collect() // clients here wait for no time
    }

    fn matriculas(&self, group: &str) -> Vec<(u64, u64)> {
        let records = recorded(&self.class.received()).into_iter().filter(|(of, ..)| of == group);
        records.map(|(_, number, matricula)| (number, matricula)).collect()
    }

    /// The server is killed and started again.
    fn restart(&mut self) {
        self.server.kill();
        self.server = Server::start(&self.class, &["--trial", "--no-sync", "--quiet"]);
    }
}

/// A signed message.
struct Message {
    token: String,
    id_request: String,
}

impl Message {
    /// A message unlike any other; `members` are more of its claims, with a comma behind each.
    fn new(group: &str, number: u64, members: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let jti = NEXT.fetch_add(1, Ordering::Relaxed);
        let payload =
            claims(group, number, 100 + number).replacen('{', &format!(r#"{{{members}"jti":{jti},"#), 1);
        let (_, signer) = SIGNERS.iter().find(|(name, _)| *name == group).unwrap();
        let token = signer.sign(RS256, &payload);
        Self { token, id_request: id_request(payload.as_bytes()) }
    }

    /// Whether this is the right reply, as section 8 has it.
    fn is_answered_by(&self, reply: &str) -> bool {
        hmac_verifies(reply) && claims_of(reply)["id_request"] == self.id_request.as_str()
    }
}

fn hmac_verifies(reply: &str) -> bool {
    let (signing_input, tag) = reply.rsplit_once('.').unwrap();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&secret, signing_input.as_bytes(), &base64url(tag.as_bytes()).unwrap()).is_ok()
}

fn claims_of(reply: &str) -> Value {
    serde_json::from_slice(&base64url(reply.split('.').nth(1).unwrap().as_bytes()).unwrap()).unwrap()
}

/// How a client behaves.
#[derive(Clone, Copy)]
struct Manners {
    checks_hmac: bool,
    id_request: Id,
    sends_the_same_bytes: bool,
    /// How often it sends a message that is not answered, and what it does then.
    tries: usize,
    then: Then,
}

/// Which `id_request` a client takes for its own.
#[derive(Clone, Copy)]
enum Id {
    OfThisMessage,
    OfAnyOfItsMessages,
    Any,
    None,
}

#[derive(Clone, Copy)]
enum Then {
    StartsOver,
    GoesOn,
    Ends,
}

/// The client of section 8.
const SOUND: Manners = Manners {
    checks_hmac: true,
    id_request: Id::OfThisMessage,
    sends_the_same_bytes: true,
    tries: 8,
    then: Then::StartsOver,
};

const fn ends_after(tries: usize) -> Manners {
    Manners { tries, then: Then::Ends, ..SOUND }
}

/// Clients with one fault, the verdict on each and the number that shows it.
const FAULTY: [(&str, Manners, &str, u64); 13] = [
    ("never retransmits", ends_after(1), "sent_once", 1),
    ("retransmits only once", ends_after(2), "unfinished", 1),
    ("ends after three tries", ends_after(3), "stopped_at_damaged_hmac", 1),
    ("ends after five tries", ends_after(5), "stopped_at_other_id_request", 1),
    ("goes on at once", Manners { tries: 1, then: Then::GoesOn, ..SOUND }, "no_reply", 1),
    ("goes on after two tries", Manners { tries: 2, then: Then::GoesOn, ..SOUND }, "no_reply", 1),
    ("ignores the HMAC", Manners { checks_hmac: false, ..SOUND }, "damaged_hmac", 1),
    ("ignores id_request", Manners { id_request: Id::Any, ..SOUND }, "other_id_request", 1),
    ("takes an old reply", Manners { id_request: Id::OfAnyOfItsMessages, ..SOUND }, "previous_reply", 2),
    ("takes anything", Manners { checks_hmac: false, id_request: Id::Any, ..SOUND }, "damaged_hmac", 1),
    ("signs anew each time", Manners { sends_the_same_bytes: false, ..SOUND }, "changed_message", 1),
    ("takes no reply for right", Manners { id_request: Id::None, ..ends_after(60) }, "disbelieved", 1),
    ("starts over after three tries", Manners { tries: 3, ..SOUND }, "gave_up", 1),
];

impl Manners {
    /// The `next_number` of a reply that the client believes. `ids` are those of its messages.
    fn believes(self, reply: &str, ids: &[String]) -> Option<u64> {
        let claims = claims_of(reply);
        let is_of = |ids: &[String]| ids.iter().any(|id| claims["id_request"] == id.as_str());
        let is_its_own = match self.id_request {
            Id::OfThisMessage => is_of(&ids[ids.len() - 1..]),
            Id::OfAnyOfItsMessages => is_of(ids),
            Id::Any => true,
            Id::None => false,
        };
        let is_believed = is_its_own && (!self.checks_hmac || hmac_verifies(reply));
        is_believed.then(|| claims["next_number"].as_u64().unwrap())
    }

    /// A client's whole run, of at most 20 messages: whether it believes that everyone is in.
    fn gets_through(self, trial: &Trial, group: &str, members: u64) -> bool {
        let client = trial.server.client();
        let mut ids = Vec::new();
        let mut number = 1;
        for _ in 0..20 {
            let mut message = Message::new(group, number, "");
            let next_number = (0..self.tries).find_map(|r#try| {
                if r#try > 0 && !self.sends_the_same_bytes {
                    message = Message::new(group, number, "");
                }
                ids.push(message.id_request.clone());
                self.believes(&trial.answer(&client, &message.token)?, &ids)
            });
            number = match (next_number, self.then) {
                (Some(0), _) => return true,
                (Some(next_number), _) => next_number,
                (None, Then::StartsOver) => 0,
                (None, Then::GoesOn) if number < members => number + 1,
                (None, _) => return false,
            };
        }
        false
    }
}

/// What a reply is, of those that the exam has.
fn kind(reply: Option<&str>, message: &Message, previous: Option<&str>, next_number: u64) -> &'static str {
    let Some(reply) = reply else { return "nothing" };
    if Some(reply) == previous {
        return "the previous reply";
    }
    let claims = claims_of(reply);
    assert_eq!(claims["next_number"], next_number, "nothing else is wrong with it");
    assert_eq!(claims.as_object().unwrap().len(), 4);
    let tag = base64url(reply.rsplit('.').next().unwrap().as_bytes()).unwrap();
    assert_eq!(tag.len(), 32, "a damaged HMAC is as long as any");
    match (hmac_verifies(reply), claims["id_request"] == message.id_request.as_str()) {
        (true, true) => "the right reply",
        (true, false) => "another id_request",
        (false, true) => "a damaged HMAC",
        (false, false) => "two faults at once",
    }
}

/// Takes a group's exam with eight copies of each message; what came back for each copy.
fn eight_copies_of_each(trial: &Trial, group: &str, members: u64) -> Vec<Vec<&'static str>> {
    let client = trial.server.client();
    let mut previous: Option<String> = None;
    (1..=members)
        .map(|number| {
            let message = Message::new(group, number, "");
            let next_number = (number + 1) % (members + 1);
            let answers = trial.answers(&client, &message, COPIES);
            let kinds = answers
                .iter()
                .map(|reply| kind(reply.as_deref(), &message, previous.as_deref(), next_number))
                .collect();
            previous = answers.into_iter().last().unwrap();
            kinds
        })
        .collect()
}

/// Whether that is the exam: the right reply comes at the sixth, seventh or eighth copy.
fn is_sequence(kinds: &[&str], fifth: &str) -> bool {
    let traps = ["nothing", "nothing", "a damaged HMAC", "another id_request", fifth];
    let rest = &kinds[traps.len()..];
    let right = rest.iter().skip_while(|kind| **kind == "nothing");
    kinds.starts_with(&traps)
        && right.clone().count() > 0
        && right.into_iter().all(|kind| *kind == "the right reply")
}

fn standing(name: &str, number: u64) -> (String, u64) {
    (name.into(), number)
}

#[test]
fn the_sound_client_passes_for_groups_of_one_three_and_four() {
    let trial = Trial::new();
    for (group, members) in [("HEARTBEAT", 1), ("JAVALI", 3), ("NONAME", 4)] {
        assert!(SOUND.gets_through(&trial, group, members), "{group}");
        trial.has_passed(group, members);
        trial.reports_a_pass(group);
        let expected: Vec<_> = (1..=members).map(|number| (number, 100 + number)).collect();
        assert_eq!(trial.matriculas(group), expected, "{group}");
    }
}

#[test]
fn each_faulty_client_is_told_its_fault_until_it_is_mended() {
    for (fault, manners, verdict, number) in FAULTY {
        let trial = Trial::new();
        manners.gets_through(&trial, "JAVALI", 3);
        let verdicts = trial.verdicts("JAVALI");
        let shown = standing(verdict, number);
        assert!(verdicts.contains(&shown), "{fault}: {verdicts:?}");
        let is_alone = trial.final_verdicts("JAVALI").iter().all(|verdict| *verdict == shown);
        assert!(is_alone, "{fault} is told another fault: {verdicts:?}");
        let report = trial.report("JAVALI");
        assert!(!report.iter().any(|line| line.starts_with("trial: so far")), "{fault}: {report:?}");
        let line = format!("trial: {verdict} at number {number}, ");
        assert!(report.iter().any(|text| text.starts_with(&line)), "{fault}: {report:?}");

        assert!(SOUND.gets_through(&trial, "JAVALI", 3), "{fault}");
        assert_eq!(trial.final_verdicts("JAVALI").last(), Some(&standing("passed", 3)), "{fault}");
        trial.reports_a_pass("JAVALI");
    }
}

#[test]
fn each_copy_is_treated_as_the_exam_says() {
    let trial = Trial::new();
    let kinds = eight_copies_of_each(&trial, "JAVALI", 3);
    let [first, second, third] = &kinds[..] else { panic!("three members") };
    assert!(is_sequence(first, "another id_request"), "{first:?}");
    assert!(is_sequence(second, "the previous reply"), "{second:?}");
    assert!(is_sequence(third, "the previous reply"), "{third:?}");

    // requests.jsonl tells each from what did come back, in a member of its own.
    for (line, kind) in trial.class.requests(3 * COPIES).iter().zip(kinds.concat()) {
        let lost = match kind {
            "nothing" if line["detail"] == "trial, copy 1: the request was discarded" => "request",
            "nothing" => "reply",
            "a damaged HMAC" => "reply_damaged",
            "another id_request" => "reply_other_id_request",
            "the previous reply" => "reply_previous",
            _ => {
                assert_eq!((&line["outcome"], &line["lost"]), (&"answered".into(), &Value::Null));
                continue;
            }
        };
        assert_eq!((&line["outcome"], &line["lost"]), (&"lost_on_purpose".into(), &lost.into()));
    }
}

#[test]
fn only_the_first_copy_is_not_recorded() {
    let trial = Trial::new();
    let client = trial.server.client();
    let message = Message::new("NONAME", 1, "");
    for (copies, records) in [(1, 0), (1, 1), (5, 1)] {
        trial.answers(&client, &message, copies);
        assert_eq!(trial.matriculas("NONAME").len(), records, "after {copies} more");
    }
}

#[test]
fn copies_that_wait_together_are_examined_one_after_the_other() {
    let trial = Trial::new();
    for round in 0..20 {
        let client = trial.server.client(); // another client each time, whose 1 begins another exam
        let message = Message::new("HEARTBEAT", 1, "");
        for _ in 0..COPIES {
            client.send(&message.token);
        }
        let replies = || client.receive(Duration::from_secs(5)).expect("a reply");
        let kinds: Vec<_> = (0..4).map(|_| kind(Some(&replies()), &message, None, 0)).collect();
        let right = "the right reply";
        assert_eq!(kinds, ["a damaged HMAC", "another id_request", "another id_request", right], "{round}");
    }
}

#[test]
fn a_client_is_told_the_copy_of_each_datagram_in_requests_jsonl() {
    let trial = Trial::new();
    let client = trial.server.client();
    trial.answers(&client, &Message::new("HEARTBEAT", 1, ""), 5);
    for (copy, line) in trial.class.requests(5).iter().enumerate() {
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("trial, copy {}: ", copy + 1)), "{detail}");
        assert_eq!((&line["group"], &line["seq_number"]), (&"HEARTBEAT".into(), &1.into()));
    }
}

#[test]
fn the_exam_is_the_same_for_every_group() {
    let trial = Trial::new();
    for (group, members) in [("JAVALI", 3), ("NONAME", 4), ("HEARTBEAT", 1)] {
        for (number, kinds) in (1..).zip(eight_copies_of_each(&trial, group, members)) {
            let fifth = if number == 1 { "another id_request" } else { "the previous reply" };
            assert!(is_sequence(&kinds, fifth), "{group} {number}: {kinds:?}");
        }
    }
}

#[test]
fn which_copy_gets_the_right_reply_differs_from_message_to_message() {
    let trial = Trial::new();
    let client = trial.server.client();
    let sent = Cell::new(0);
    let right_copy = |message: &Message| {
        trial.until_right(&client, message).unwrap();
        let copies = trial.sent.get() - sent.get();
        sent.set(trial.sent.get());
        copies
    };
    let copies: Vec<_> = (0..40).map(|_| right_copy(&Message::new("HEARTBEAT", 1, ""))).collect();
    assert!((6..=8).all(|copy| copies.contains(&copy)), "one in 4 million runs ends here: {copies:?}");
}

#[test]
fn a_line_of_trial_jsonl_says_who_when_and_what_to_mend() {
    let trial = Trial::new();
    Manners { checks_hmac: false, ..SOUND }.gets_through(&trial, "JAVALI", 3);
    let text = trial.class.directory.read("trial.jsonl");
    let line = text.lines().find(|line| line.contains(r#""damaged_hmac""#)).unwrap();
    let (time, rest) = line.split_at(r#"{"time":"2024-01-01T00:00:00.000Z""#.len());
    assert!(time.starts_with(r#"{"time":"20"#) && time.ends_with(r#"Z""#), "{line}");
    let who = r#","group":"JAVALI","seq_number":1,"copies":3,"verdict":"damaged_hmac","#;
    assert!(rest.starts_with(&format!(r#"{who}"detail":"believed a "#)), "{line}");
}

#[test]
fn groups_are_examined_independently() {
    let trial = Trial::new();
    let clients = [("JAVALI", trial.server.client()), ("NONAME", trial.server.client())];
    for number in 1..=3 {
        let messages = clients.each_ref().map(|(group, _)| Message::new(group, number, ""));
        let mut is_done = [false; 2];
        for copy in 1..=COPIES {
            for (((group, client), message), is_done) in clients.iter().zip(&messages).zip(&mut is_done) {
                if !*is_done {
                    *is_done = trial.right_answer(client, message).is_some();
                    assert!(!*is_done || copy >= 6, "{group} {number}, copy {copy}");
                }
            }
        }
        assert_eq!(is_done, [true; 2]);
    }
    trial.has_passed("JAVALI", 3);
    assert_eq!(trial.final_verdicts("NONAME"), []);
    trial.goes_through(&clients[1].1, "NONAME", [4]);
    trial.has_passed("NONAME", 4);
}

#[test]
fn nobody_without_the_key_can_do_anything_to_an_exam() {
    let trial = Trial::new();
    let (client, outsider) = (trial.server.client(), trial.server.client());
    let attacker = Signer::new("attacker", 2048);
    let another_group = Signer::new("NONAME", 2048);
    for number in 1..=3 {
        let message = Message::new("JAVALI", number, "");
        let is_right = |_| {
            for forged in (0..=3).map(|number| claims("JAVALI", number, 666)) {
                for signer in [&attacker, &another_group] {
                    assert_eq!(trial.answer(&outsider, &signer.sign(RS256, &forged)), None);
                }
            }
            assert_eq!(trial.answer(&outsider, "JAVALI"), None);
            trial.right_answer(&client, &message).is_some()
        };
        assert!((1..=COPIES).position(is_right).is_some_and(|copies_before| copies_before >= 5));
    }
    trial.has_passed("JAVALI", 3);
}

/// As in the protocol itself, a captured token is of use until it expires.
#[test]
fn who_replays_an_old_message_can_spoil_a_run_without_a_fault_but_not_the_next() {
    let trial = Trial::new();
    let (client, outsider) = (trial.server.client(), trial.server.client());
    let old = trial.goes_through(&client, "JAVALI", [0, 1]);
    for replayed in &old {
        trial.goes_through(&client, "JAVALI", [0, 1]);
        let message = Message::new("JAVALI", 2, "");
        trial.answers(&client, &message, 3);
        trial.answers(&outsider, replayed, 2);
        trial.until_right(&client, &message);
        assert_eq!(trial.final_verdicts("JAVALI"), []);
    }
    assert!(trial.verdicts("JAVALI").contains(&standing("disturbed", 0)));
    trial.goes_through(&client, "JAVALI", 0..=3);
    trial.has_passed("JAVALI", 3);
}

#[test]
fn what_was_recorded_before_the_start_is_old_too() {
    let mut trial = Trial::new();
    let client = trial.server.client();
    let [one, zero] = [1, 0].map(|number| Message::new("JAVALI", number, ""));
    trial.until_right(&client, &one).unwrap();
    trial.answer(&client, &zero.token);
    trial.restart();

    let (client, outsider) = (trial.server.client(), trial.server.client());
    let message = Message::new("JAVALI", 1, "");
    trial.answers(&client, &message, 2);
    assert!(trial.right_answer(&outsider, &one).is_some(), "an old message is no part of the exam");
    let kinds = trial.answers(&client, &message, 3);
    assert_eq!(kind(kinds[0].as_deref(), &message, None, 2), "a damaged HMAC", "nor has it changed it");
    trial.answer(&outsider, &zero.token);
    assert_eq!(trial.final_verdicts("JAVALI"), []);
}

#[test]
fn late_copies_of_earlier_messages_of_the_run_show_nothing_whoever_sends_them() {
    let trial = Trial::new();
    let (client, outsider) = (trial.server.client(), trial.server.client());
    let mut sent = trial.goes_through(&client, "JAVALI", [0]);
    // A late 0 takes the group back, but number 1 is in order all the same.
    let first = Message::new("JAVALI", 1, "");
    trial.answers(&client, &first, 2);
    trial.answers(&outsider, &sent[0], 2);
    assert!(trial.until_right(&client, &first).is_some());
    sent = vec![first];
    for number in 2..=3 {
        let message = Message::new("JAVALI", number, "");
        let is_right = |copy: &usize| {
            for old in &sent {
                trial.answers(if copy.is_multiple_of(2) { &client } else { &outsider }, old, 2);
            }
            trial.right_answer(&client, &message).is_some()
        };
        assert!((1..=COPIES).find(is_right).is_some_and(|copies| copies >= 6), "number {number}");
        sent.push(message);
    }
    trial.has_passed("JAVALI", 3);
}

#[test]
fn starting_over_with_0_begins_a_new_exam() {
    let trial = Trial::new();
    let client = trial.server.client();
    trial.goes_through(&client, "JAVALI", [1, 2, 0]);
    let kinds = eight_copies_of_each(&trial, "JAVALI", 3);
    assert!(is_sequence(&kinds[0], "another id_request"), "no reply to an earlier run is used: {kinds:?}");
    let names: Vec<_> = trial.final_verdicts("JAVALI").into_iter().map(|(name, _)| name).collect();
    assert!(!names.contains(&"gave_up".into()), "nothing was given up: {names:?}");
}

#[test]
fn a_client_whose_messages_are_the_same_in_each_run_is_told_that_they_are_old() {
    let trial = Trial::new();
    let client = trial.server.client();
    let [zero, one] = [0, 1].map(|number| Message::new("JAVALI", number, ""));
    trial.answers(&client, &one, 3);
    for _ in 0..2 {
        trial.answer(&client, &zero.token);
        trial.answers(&client, &one, 3);
    }
    let report = trial.report("JAVALI");
    let told = "trial: disturbed at number 1, ";
    assert!(report.iter().any(|line| line.starts_with(told) && line.contains("a fresh jti")), "{report:?}");
}

#[test]
fn a_fault_is_not_made_good_by_the_rest_of_the_run_but_by_the_next() {
    let trial = Trial::new();
    let client = trial.server.client();
    trial.answers(&client, &Message::new("JAVALI", 1, ""), 3);
    trial.answers(&client, &Message::new("JAVALI", 2, ""), COPIES);
    trial.goes_through(&client, "JAVALI", [3]);
    assert_eq!(trial.final_verdicts("JAVALI"), [standing("damaged_hmac", 1)]);
    trial.goes_through(&client, "JAVALI", [0, 1, 2, 3]);
    assert_eq!(trial.final_verdicts("JAVALI"), [standing("damaged_hmac", 1), standing("passed", 3)]);
}

#[test]
fn who_has_passed_has_passed_whatever_is_tried_later() {
    let trial = Trial::new();
    assert!(SOUND.gets_through(&trial, "HEARTBEAT", 1));
    let report = trial.report("HEARTBEAT");
    std::thread::sleep(Duration::from_millis(100)); // longer than the client's timer: it has ended
    let client = trial.server.client();
    trial.goes_through(&client, "HEARTBEAT", [0]);
    for (_, manners, ..) in &FAULTY[9..11] {
        manners.gets_through(&trial, "HEARTBEAT", 1);
    }
    assert!(trial.verdicts("HEARTBEAT").len() > 10);
    assert_eq!(trial.report("HEARTBEAT"), report);
}

#[test]
fn the_report_shows_how_far_the_exam_after_the_last_fault_has_come() {
    let trial = Trial::new();
    let client = trial.server.client();
    let shows = |expected: &[&str]| {
        let report = trial.report("JAVALI");
        assert_eq!(report.len(), expected.len(), "{report:?}");
        for (text, expected) in report.iter().zip(expected) {
            assert!(text.starts_with(&format!("trial: {expected}, ")), "{report:?}");
        }
    };
    let sends = |number, copies| {
        trial.answers(&client, &Message::new("JAVALI", number, ""), copies);
    };
    sends(1, 1);
    shows(&["sent_once at number 1"]);
    sends(2, 2);
    shows(&["no_reply at number 1"]);
    sends(0, 1);
    trial.goes_through(&client, "JAVALI", [1]);
    shows(&["no_reply at number 1", "stopped_at_right_reply at number 1"]);
    sends(2, 4);
    shows(&["no_reply at number 1", "stopped_at_other_id_request at number 2"]);
}

#[test]
fn a_message_that_has_expired_may_be_signed_anew() {
    let trial = Trial::new();
    let client = trial.server.client();
    LazyLock::force(&SIGNERS); // making keys takes longer than the message lives
    let exp = now() + Duration::from_millis(500);
    let expiring = Message::new("JAVALI", 1, &format!(r#""exp":{},"#, exp.as_secs_f64()));
    trial.answers(&client, &expiring, 3);
    std::thread::sleep(exp.saturating_sub(now()) + Duration::from_millis(1));
    assert_eq!(trial.answer(&client, &expiring.token), None, "a late copy of it shows nothing");
    let anew = Message::new("JAVALI", 1, "");
    let kinds: Vec<_> =
        trial.answers(&client, &anew, 2).iter().map(|reply| kind(reply.as_deref(), &anew, None, 2)).collect();
    assert_eq!(kinds, ["another id_request"; 2], "the exam goes on where it was");
    trial.until_right(&client, &anew).unwrap();
    trial.goes_through(&client, "JAVALI", [2, 3]);
    trial.has_passed("JAVALI", 3);
}

#[test]
fn an_exam_that_a_restart_cuts_is_taken_again_without_fault_or_loss() {
    let mut trial = Trial::new();
    let client = trial.server.client();
    trial.goes_through(&client, "JAVALI", [1]);
    let second = Message::new("JAVALI", 2, "");
    trial.answers(&client, &second, 3);
    trial.restart();
    let note = "note: --trial: not in state 0, so examined only once they start over with 0: JAVALI\n";
    assert!(trial.server.errors().contains(note), "{}", trial.server.errors());

    // What follows is no exam: it would begin with a 0.
    let client = trial.server.client();
    for message in [second, Message::new("JAVALI", 3, "")] {
        assert!(trial.right_answer(&client, &message).is_some());
    }
    assert_eq!(trial.final_verdicts("JAVALI"), []);
    assert!(trial.report("JAVALI")[0].starts_with("trial: stopped_at_damaged_hmac at number 2, "));
    assert_eq!(trial.matriculas("JAVALI"), [(1, 101), (2, 102), (3, 103)]);

    assert!(SOUND.gets_through(&trial, "JAVALI", 3), "it begins with 1, and starts over in the end");
    trial.has_passed("JAVALI", 3);
}

#[test]
fn what_is_out_of_order_or_refused_is_no_part_of_an_exam() {
    let trial = Trial::with(&["--explain"]);
    let client = trial.server.client();
    let message = Message::new("JAVALI", 1, "");
    let is_right = |_| {
        for (number, members) in [(3, ""), (4, ""), (256, ""), (257, ""), (2, r#""exp":0,"#)] {
            let refused = Message::new("JAVALI", number, members);
            let reply = trial.answer(&client, &refused.token).expect("it is explained as ever");
            assert!(refused.is_answered_by(&reply) && claims_of(&reply)["error"].is_string(), "{reply}");
        }
        trial.right_answer(&client, &message).is_some()
    };
    assert!((1..=COPIES).position(is_right).is_some_and(|copies_before| copies_before >= 5));
    trial.goes_through(&client, "JAVALI", [2, 3]);
    trial.has_passed("JAVALI", 3);
}

#[test]
fn the_client_in_bash_passes() {
    let trial = Trial::new();
    let root = env!("CARGO_MANIFEST_DIR");
    let address = trial.server.address;
    let output = Command::new(format!("{root}/scripts/client.sh"))
        .args([&address.ip().to_string(), &address.port().to_string(), "JAVALI", "3"])
        .arg(private_key("JAVALI", 2048))
        .arg(trial.class.directory.file("keys_priv/key_secret_for_hmac.txt"))
        .args(["20240001", "20240002", "20240003"])
        .env("TIMEOUT", "0.1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    trial.has_passed("JAVALI", 3);
    assert_eq!(trial.matriculas("JAVALI"), [(1, 20_240_001), (2, 20_240_002), (3, 20_240_003)]);
}

#[test]
fn the_otp_number_of_the_last_reply_proves_a_pass_without_being_shown_to_the_class() {
    let trial = Trial::new();
    let client = trial.server.client();
    trial.goes_through(&client, "JAVALI", [1, 2]);
    let message = Message::new("JAVALI", 3, "");
    let read = claims_of(&trial.until_right(&client, &message).unwrap())["otp_number"].clone();
    let passed = trial.lines().pop().unwrap();
    assert_eq!((&passed["verdict"], &passed["otp_number"]), (&"passed".into(), &read));
    assert!((6..=8).contains(&passed["copies"].as_u64().unwrap()));
    let report = trial.report("JAVALI");
    assert!(report.len() == 1 && report[0].ends_with("the otp_number of the last reply"), "{report:?}");
}

#[test]
fn so_far_becomes_passed_once_ten_seconds_are_over() {
    let directory = Scratch::new();
    directory.write("keys_pub/.keep", "");
    let at = |ago: u64| {
        let time = rfc3339(now().saturating_sub(Duration::from_secs(ago)));
        format!(
            "{{\"time\":\"{time}\",\"group\":\"JAVALI\",\"seq_number\":3,\"copies\":7,\
             \"verdict\":\"passed\",\"otp_number\":17,\"detail\":\"\"}}\n"
        )
    };
    for (ago, expected) in [(5, "trial: so far: "), (11, "trial: passed at ")] {
        directory.write("trial.jsonl", at(ago));
        let output = report_of(directory.path(), &[]);
        assert!(output.contains(expected), "{ago}: {output}");
    }
}

#[test]
fn the_verdicts_of_all_groups_outlive_a_log_that_turns_over_again_and_again() {
    let mut trial = Trial::new();
    let client = trial.server.client();
    trial.goes_through(&client, "NONAME", 1..=4);
    Manners { checks_hmac: false, then: Then::Ends, ..SOUND }.gets_through(&trial, "JAVALI", 3);
    let fault = trial.report("JAVALI");
    let stands = |trial: &Trial| {
        let passed = trial.report("NONAME");
        let is_passed =
            ["so far: ", "passed at "].map(|pass| passed[0].starts_with(&format!("trial: {pass}")));
        assert!(passed.len() == 1 && is_passed.contains(&true), "{passed:?}");
        assert_eq!(trial.report("JAVALI"), fault);
    };
    stands(&trial);
    trial.server.kill();
    for _ in 0..2 {
        // A log that is almost full; what is in it, a report passes over.
        let path = trial.class.directory.file("trial.jsonl");
        let mut log = OpenOptions::new().append(true).open(&path).unwrap();
        log.set_len((64 << 20) - 100).unwrap();
        log.write_all(b"\n").unwrap();
        let server = Server::start(&trial.class, &["--trial", "--no-sync", "--quiet"]);
        server.client().send(&Message::new("HEARTBEAT", 1, "").token);
        common::wait_until("a log that begins anew", || path.metadata().is_ok_and(|log| log.len() < 10_000));
        drop(server);
        stands(&trial);
    }
    std::fs::remove_file(trial.class.directory.file("trial.1.jsonl")).unwrap();
    stands(&trial);
}
