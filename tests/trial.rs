//! `--trial` over a real socket: what tests/exam shows in virtual time is carried out and written down.

use crate::common;
use crate::common::{
    Class, Client, RS256, SECRET, Server, Signer, private_key, recorded, report_of, wait_until,
};
use ring::hmac;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use udpsocket_jwt_server::claims::id_request;
use udpsocket_jwt_server::time::now;
use udpsocket_jwt_server::tools::base64url;
use udpsocket_jwt_server::tools::lab::exam::table::{TABLE, Trick};

/// A client's second here.
const TIMER: Duration = Duration::from_millis(120);
const TRIES: u32 = 8;

/// Each group's signer: a message is signed many times here.
static SIGNERS: LazyLock<[(&str, Signer); 3]> =
    LazyLock::new(|| Class::GROUPS.map(|group| (group, Signer::new(group, 2048))));

/// A server that examines.
struct Trial {
    class: Class,
    server: Server,
}

impl Trial {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(options: &[&str]) -> Self {
        LazyLock::force(&SIGNERS);
        let class = Class::new();
        let server = Server::start(&class, &[&["--trial", "--no-sync", "--quiet"], options].concat());
        Self { class, server }
    }

    /// The server is killed and started again.
    fn restart(&mut self) {
        self.server.kill();
        self.server = Server::start(&self.class, &["--trial", "--no-sync", "--quiet"]);
    }

    /// The lines of `trial.jsonl` about a group: what each shows, and of which trick.
    fn shown(&self, group: &str) -> Vec<(String, String)> {
        let lines = common::lines(&self.class.directory.read("trial.jsonl"));
        let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_string();
        let of_group = lines.iter().filter(|line| line["group"] == group);
        of_group.map(|line| (text(line, "verdict"), text(line, "trick"))).collect()
    }

    /// What `report` says of a group's exam, line by line.
    fn report(&self, group: &str, options: &[&str]) -> String {
        let output = report_of(self.class.directory.path(), options);
        let of_group = output.split("\n\n").find(|text| text.contains(&format!("{group} "))).unwrap();
        of_group.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The column `exam` of a group.
    fn word(&self, group: &str) -> String {
        let csv = report_of(self.class.directory.path(), &["--csv"]);
        let row = csv.lines().find(|row| row.starts_with(&format!("{group},"))).unwrap();
        row.rsplit(',').next().unwrap().into()
    }

    /// Runs a client until its group has passed, or is broken; how often.
    fn runs_until(&self, member: &Member, is_done: impl Fn(&Self) -> bool, most: u32) -> Vec<Run> {
        let mut runs = Vec::new();
        while !is_done(self) {
            assert!(
                runs.len() < most as usize,
                "{most} runs: {}",
                self.report(member.group, &["--group", member.group])
            );
            runs.push(member.run(&self.server));
        }
        runs
    }
}

/// A signed message.
struct Message {
    token: String,
    id_request: String,
}

impl Message {
    /// A message unlike any other.
    fn new(group: &str, number: u64) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let jti = format!("{:?} {}", now(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (exp, matricula) = (now().as_secs() + 300, 100 + number);
        let payload = format!(
            r#"{{"group":"{group}","seq_number":{number},"matricula":{matricula},"exp":{exp},"jti":"{jti}"}}"#
        );
        let (_, signer) = SIGNERS.iter().find(|(name, _)| *name == group).unwrap();
        let token = signer.sign(RS256, &payload);
        Self { token, id_request: id_request(payload.as_bytes()) }
    }
}

fn claims_of(reply: &str) -> Option<Value> {
    serde_json::from_slice(&base64url(reply.split('.').nth(1)?.as_bytes()).ok()?).ok()
}

/// The bytes of a reply's HMAC, and those that it should have.
fn tags(reply: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (signing_input, tag) = reply.rsplit_once('.')?;
    let secret = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let right = hmac::sign(&secret, signing_input.as_bytes()).as_ref().to_vec();
    Some((base64url(tag.as_bytes()).ok()?, right))
}

/// What is wrong with a reply to a message, by what is in it. None: nothing.
fn mistake(reply: &str, id_request: &str) -> Option<Trick> {
    let (Some(claims), Some((tag, right))) = (claims_of(reply), tags(reply)) else {
        return Some(Trick::PlainText);
    };
    let header = base64url(reply.split('.').next().unwrap().as_bytes()).unwrap();
    let id = claims["id_request"].as_str().unwrap();
    if header != br#"{"alg":"HS256","typ":"JWT"}"# {
        assert_eq!(header, br#"{"alg":"none","typ":"JWT"}"#);
        assert!(tag.is_empty() && id == id_request);
        return Some(Trick::AlgNone);
    }
    if tag == right {
        return match (id == id_request, claims["next_number"].is_u64()) {
            (true, true) => None,
            (true, false) => Some(Trick::ErrorReply),
            (false, _) if id[..8] == id_request[..8] && id[56..] == id_request[56..] => {
                Some(Trick::OtherIdRequest)
            }
            (false, _) => Some(Trick::PreviousReply),
        };
    }
    let differing = tag.iter().zip(&right).filter(|(one, other)| one != other).count();
    Some(match tag.len() {
        0 => Trick::EmptyHmac,
        8 if differing == 0 => Trick::CutHmac,
        32 if differing == 1 && tag[..8] == right[..8] => Trick::DamagedHmac,
        32 => Trick::PublicKey,
        length => panic!("an HMAC of {length} bytes"),
    })
}

/// A client of section 8, which may believe one wrong reply.
struct Member {
    group: &'static str,
    members: u64,
    believes: Option<Trick>,
}

/// What a run of it came to.
#[derive(Default, Debug)]
struct Run {
    /// The `otp_number` of the last reply, if everyone is in.
    otp_number: Option<u64>,
    /// The mistakes of the replies that came.
    mistakes: Vec<Trick>,
}

impl Member {
    fn run(&self, server: &Server) -> Run {
        let client = server.client();
        let (mut number, mut start_overs, mut run) = (1, 0, Run::default());
        loop {
            match self.acknowledged(&client, number, &mut run) {
                Some(reply) => {
                    let expected = if number == self.members { 0 } else { number + 1 };
                    let next_number = reply["next_number"].as_u64();
                    match next_number.unwrap_or(expected) {
                        0 if expected == 0 => {
                            run.otp_number = reply["otp_number"].as_u64();
                            return run;
                        }
                        next_number if next_number == expected => number = expected,
                        _ => return run, // another number: stop and ask
                    }
                }
                None if start_overs == 3 => return run,
                None => (number, start_overs) = (0, start_overs + 1),
            }
        }
    }

    /// Sends a message until its reply comes.
    fn acknowledged(&self, client: &Client, number: u64, run: &mut Run) -> Option<Value> {
        let message = Message::new(self.group, number);
        for _ in 0..TRIES {
            let sent = Instant::now();
            client.send(&message.token);
            while let Some(left) = TIMER.checked_sub(sent.elapsed()).filter(|left| !left.is_zero()) {
                let Some(reply) = client.receive(left) else { continue };
                let mistake = mistake(&reply, &message.id_request);
                run.mistakes.extend(mistake);
                if mistake.is_none() || mistake == self.believes {
                    return Some(claims_of(&reply).unwrap_or_default());
                }
            }
        }
        None
    }
}

fn sound(group: &'static str, members: u64) -> Member {
    Member { group, members, believes: None }
}

#[test]
fn a_client_that_keeps_the_rules_passes_and_its_otp_number_is_the_proof() {
    let trial = Trial::new();
    let member = sound("JAVALI", 3);
    let mut runs = vec![member.run(&trial.server)];
    let so_far = trial.report("JAVALI", &[]);
    assert!(so_far.contains(" of 21; ") && so_far.contains(" to come: run it again"), "{so_far}");
    assert!(trial.word("JAVALI").ends_with("/21"));
    assert_eq!(trial.word("NONAME"), "", "nobody has begun");

    runs.extend(trial.runs_until(&member, |trial| trial.word("JAVALI") == "passed", 25));
    assert!(trial.shown("JAVALI").iter().all(|(verdict, _)| verdict != "broken"));
    // Each wrong reply was what the table says.
    for trick in Trick::WRONG_REPLIES {
        assert!(runs.iter().any(|run| run.mistakes.contains(&trick)), "{trick:?}");
    }
    // And more of them came than left at once: those of half a pause later.
    let lost_as = |tricks: &[Trick]| {
        let names: Vec<_> = tricks.iter().map(|trick| trick.entry().name).collect();
        let requests = common::lines(&trial.class.directory.read("requests.jsonl"));
        requests.iter().filter(|line| line["lost"].as_str().is_some_and(|lost| names.contains(&lost))).count()
    };
    let (at_once, later) = (lost_as(&Trick::WRONG_REPLIES), lost_as(&[Trick::Timer]));
    let came: usize = runs.iter().map(|run| run.mistakes.len()).sum();
    assert!(later > 0 && came > at_once, "{came} wrong replies came, {at_once} at once, {later} later");
    let passed = common::lines(&trial.class.directory.read("trial.jsonl")).pop().unwrap();
    let read = runs.last().unwrap().otp_number.unwrap();
    assert_eq!((&passed["verdict"], passed["otp_number"].as_u64()), (&"passed".into(), Some(read)));
    assert!(passed["trick"].is_null() && passed["rule"].is_null());

    let report = trial.report("JAVALI", &[]);
    assert!(
        report.contains("exam: passed at ") && report.contains("the otp_number of the last reply proves it"),
        "{report}"
    );
    assert!(!report.contains(&format!("otp_number {read}")), "the class sees that screen: {report}");
    let sheet = report_of(trial.class.directory.path(), &["--group", "JAVALI"]);
    assert!(sheet.contains(&format!("otp_number {read}")), "{sheet}");
    for entry in &TABLE {
        assert!(sheet.contains(&format!("rule {} {}: shown, ", entry.rule, entry.name)), "{sheet}");
    }
    let last: Vec<_> = recorded(&trial.class.received()).into_iter().rev().take(3).collect();
    assert_eq!(last.iter().map(|(.., matricula)| *matricula).collect::<Vec<_>>(), [103, 102, 101]);

    // Who has passed has passed, whatever is tried later.
    Member { believes: Some(Trick::CutHmac), ..sound("JAVALI", 3) }.run(&trial.server);
    assert_eq!(trial.word("JAVALI"), "passed");
}

#[test]
fn a_client_that_believes_a_wrong_reply_is_told_which_rule_it_breaks_until_it_is_mended() {
    for believes in [Trick::CutHmac, Trick::ErrorReply] {
        let mut trial = Trial::new();
        let member = Member { believes: Some(believes), ..sound("NONAME", 4) };
        let is_broken =
            |trial: &Trial| trial.shown("NONAME").contains(&("broken".into(), believes.entry().name.into()));
        trial.runs_until(&member, is_broken, 6);
        let told = format!("rule 2 {}: broken, ", believes.entry().name);
        let change = believes.entry().breaks.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let report = trial.report("NONAME", &[]);
        assert!(report.contains(&told) && report.contains(&change), "{report}");
        let log = trial.class.directory.read("trial.jsonl");
        let (_, since) = log.rsplit_once(r#""verdict":"broken""#).unwrap();
        let shown = since.matches(r#""verdict":"shown""#).count(); // the client may have gone on
        assert!(
            report.contains(&format!("exam: {shown} of 21; ")),
            "a broken box empties the sheet: {report}"
        );
        let line = log.lines().rfind(|line| line.contains(r#""verdict":"broken""#)).unwrap();
        let box_of = format!(
            r#","group":"NONAME","rule":2,"trick":"{}","verdict":"broken","seq_number":"#,
            believes.entry().name
        );
        assert!(line.starts_with(r#"{"time":"20"#) && line.contains(&box_of), "{line}");
        trial.restart();
        let again = trial.report("NONAME", &[]);
        assert!(again.contains(&told), "a restart keeps the sheet: {again}");
        // The mended client's sheet replaces what was said before.
        let is_mended = |trial: &Trial| !trial.report("NONAME", &[]).contains("broken, ");
        trial.runs_until(&sound("NONAME", 4), is_mended, 8);
    }
}

#[test]
fn what_others_replay_shows_nothing_and_spoils_nothing() {
    let mut trial = Trial::new();
    let client = trial.server.client();
    let member = sound("JAVALI", 3);
    let mut run = Run::default();
    let seen = ["JAVALI"; 3].map(|group| Message::new(group, 1));
    for message in &seen {
        client.send(&message.token);
    }
    while client.receive(Duration::from_millis(300)).is_some() {} // whatever comes for those is no reply to what follows
    member.acknowledged(&client, 1, &mut run).expect("a reply");
    trial.restart();
    let before = trial.shown("JAVALI");
    let outsider = trial.server.client();
    for message in seen.iter().cycle().take(30) {
        outsider.send(&message.token);
        let reply = outsider.receive(Duration::from_secs(5)).expect("it is answered as ever");
        assert_eq!(mistake(&reply, &message.id_request), None);
    }
    let after: Vec<_> = trial.shown("JAVALI").split_off(before.len());
    assert!(after.iter().all(|(verdict, trick)| verdict == "question" && trick == "payload"), "{after:?}");

    // Nobody without the key can do even that.
    let forged = Signer::new("attacker", 2048).sign(RS256, common::claims("JAVALI", 1, 666));
    outsider.send(forged);
    trial.runs_until(&member, |trial| trial.word("JAVALI") == "passed", 25);
}

#[test]
fn a_wrong_reply_comes_in_the_middle_of_a_clients_wait() {
    let trial = Trial::new();
    let member = sound("HEARTBEAT", 1);
    let is_timer = |trial: &Trial| trial.shown("HEARTBEAT").contains(&("shown".into(), "timer".into()));
    trial.runs_until(&member, is_timer, 20);
    let requests = common::lines(&trial.class.directory.read("requests.jsonl"));
    let half = requests.iter().filter(|line| line["lost"] == "timer").count();
    assert!(half >= 3, "{half}");
}

/// While the exam has a reply to send later, the socket has a timeout. Linux then ends the wait with an error
/// when a stopped program goes on.
#[test]
#[cfg(target_os = "linux")]
fn a_server_that_is_stopped_and_goes_on_has_seen_no_failure_of_its_socket() {
    let trial = Trial::new();
    let run = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..60 {
                trial.server.signal("-STOP");
                trial.server.signal("-CONT");
                thread::sleep(Duration::from_millis(20));
            }
        });
        sound("HEARTBEAT", 1).run(&trial.server)
    });
    assert!(run.otp_number.is_some());
    let requests = trial.class.directory.read("requests.jsonl");
    assert!(!requests.contains("socket_error"), "{requests}");
}

#[test]
fn a_trial_may_be_lossy_too() {
    let trial = Trial::with(&["--lose", "30"]);
    let member = sound("HEARTBEAT", 1);
    for _ in 0..4 {
        member.run(&trial.server);
    }
    let shown = trial.shown("HEARTBEAT");
    assert!(shown.iter().all(|(verdict, _)| verdict != "broken"), "{shown:?}");
    assert!(shown.iter().any(|(verdict, _)| verdict == "shown"), "{shown:?}");
    let requests = common::lines(&trial.class.directory.read("requests.jsonl"));
    let by_chance =
        |line: &&Value| line["detail"].as_str().is_some_and(|detail| detail.contains("was discarded: send"));
    assert!(requests.iter().any(|line| by_chance(&line)), "it loses by itself, too");
}

#[test]
fn a_restart_keeps_the_sheet_and_drops_the_open_play() {
    let mut trial = Trial::new();
    let member = sound("JAVALI", 3);
    member.run(&trial.server);
    let client = trial.server.client();
    let mut run = Run::default();
    member.acknowledged(&client, 0, &mut run).expect("a reply");
    member.acknowledged(&client, 1, &mut run).expect("a reply");
    trial.server.kill();
    let shown = trial.word("JAVALI");
    assert!(shown != "0/21" && shown.ends_with("/21"), "{shown}");
    trial.restart();
    assert_eq!(trial.word("JAVALI"), shown);
    let client = trial.server.client();
    let (number, mut run) = (2, Run::default());
    member.acknowledged(&client, number, &mut run).expect("a reply");
    assert_eq!(run.mistakes, [], "no trick until the next number 1");
}

#[test]
fn a_group_of_which_nothing_has_come_is_told_since_when() {
    let mut trial = Trial::new();
    let report = trial.report("JAVALI", &[]);
    assert!(report.contains("exam: nothing has come since ") && report.contains(" UTC"), "{report}");
    trial.server.client().send(&Message::new("JAVALI", 1).token);
    wait_until("a datagram", || !trial.report("JAVALI", &[]).contains("nothing has come"));
    assert!(trial.report("NONAME", &[]).contains("nothing has come"));
    std::thread::sleep(Duration::from_millis(5));
    trial.restart();
    assert!(trial.report("JAVALI", &[]).contains("nothing has come since "));
}

#[test]
fn a_client_may_be_started_before_the_server() {
    let trial = Trial::new();
    let (address, class) = (trial.server.address, trial.class);
    drop(trial.server);
    let member = sound("HEARTBEAT", 1);
    let client = std::thread::spawn(move || {
        let client = Client::new(address);
        let message = Message::new("HEARTBEAT", 1);
        for _ in 0..100 {
            let sent = Instant::now();
            _ = client.socket.send(message.token.as_bytes()); // refused as long as nobody listens
            let reply = client.receive(TIMER);
            std::thread::sleep(TIMER.saturating_sub(sent.elapsed()));
            if reply.is_some_and(|reply| mistake(&reply, &message.id_request).is_none()) {
                return;
            }
        }
        panic!("no reply");
    });
    std::thread::sleep(TIMER * 5);
    let server = Server::start_at(&class, "127.0.0.1", &address.port().to_string(), &["--trial", "--quiet"]);
    client.join().unwrap();
    let trial = Trial { class, server };
    assert!(trial.shown("HEARTBEAT").iter().all(|(verdict, _)| verdict != "broken"));
    member.run(&trial.server);
}

#[test]
fn the_sheets_outlive_a_log_that_turns_over_again_and_again() {
    let mut trial = Trial::new();
    sound("HEARTBEAT", 1).run(&trial.server);
    // The reply leaves before the line of the box is written.
    wait_until("a box", || !["", "0/21"].contains(&trial.word("HEARTBEAT").as_str()));
    trial.server.kill();
    let word = trial.word("HEARTBEAT");
    for _ in 0..2 {
        trial.server.kill();
        let path = trial.class.directory.file("trial.jsonl");
        let mut log = OpenOptions::new().append(true).open(&path).unwrap();
        log.set_len((64 << 20) - 10).unwrap();
        log.write_all(b"\n").unwrap();
        drop(log);
        trial.server = Server::start(&trial.class, &["--trial", "--no-sync", "--quiet"]);
        wait_until("a log that begins anew", || path.metadata().is_ok_and(|log| log.len() < 100_000));
        assert_eq!(trial.word("HEARTBEAT"), word);
    }
    std::fs::remove_file(trial.class.directory.file("trial.1.jsonl")).unwrap();
    assert_eq!(trial.word("HEARTBEAT"), word);
}

#[test]
fn the_client_in_bash_prints_the_otp_number_that_is_asked_for() {
    let trial = Trial::new();
    let root = env!("CARGO_MANIFEST_DIR");
    let address = trial.server.address;
    let output = Command::new(format!("{root}/scripts/client.sh"))
        .args([&address.ip().to_string(), &address.port().to_string(), "JAVALI", "3"])
        .arg(private_key("JAVALI", 2048))
        .arg(trial.class.directory.file("keys_priv/key_secret_for_hmac.txt"))
        .args(["20240001", "20240002", "20240003"])
        .env("TIMEOUT", "0.2")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let requests = common::lines(&trial.class.directory.read("requests.jsonl"));
    let answered =
        requests.iter().rfind(|line| line["outcome"] == "answered" && line["next_number"] == 0).unwrap();
    let told = format!("otp_number {}", answered["otp_number"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains(&told), "{output:?}");
    assert!(trial.shown("JAVALI").iter().all(|(verdict, _)| verdict != "broken"));
}
