//! An acknowledgment is a promise (section 5): what is acknowledged is in `received.jsonl`, whoever
//! kills the server, fills the disk or damages the file.

mod common;

use common::{Class, Client, PROGRAM, RS256, SECRET, Server, Signer, claims, run, verified};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use udpsocket_jwt_server::claims::{Otp, id_request};
use udpsocket_jwt_server::fsm;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::jws::base64url;
use udpsocket_jwt_server::keys::{FEWEST_BITS, PublicKey};
use udpsocket_jwt_server::received::{Disk, MOST_RECORDS, Progress, replay};
use udpsocket_jwt_server::refusal::Reason;
use udpsocket_jwt_server::server::{self, Event};
use udpsocket_jwt_server::time::{now, parse_rfc3339};

const RECEIVED: &str = "received.jsonl";

/// The command line of a server on a class.
fn command(class: &Class, options: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(options).args(["127.0.0.1", "0"]).arg(class.directory.path());
    command
}

/// What a start that must end with status 1 says on standard error.
fn refused(mut command: Command) -> String {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    if !first.is_empty() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?} printed {first:?} and said: {errors}");
    errors
}

/// A port of 127.0.0.1 that is free, and stays so while no server has it: the system gives ports of
/// this range to nobody who does not ask for them.
fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| u16::try_from(20_000 + random(12_000)).unwrap());
    ports.find(|port| UdpSocket::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// A record's line as the server writes it, with a token that nobody signed.
fn record(group: &str, seq_number: u64, matricula: u64) -> String {
    format!(
        "{{\"time\":\"2023-11-14T22:13:20.000Z\",\"peer\":\"192.0.2.7:50000\",\"group\":\"{group}\",\
         \"seq_number\":{seq_number},\"seq_max\":3,\"matricula\":{matricula},\"token\":\"eyJ.eyJ.c2ln\"}}\n"
    )
}

/// Each record's group, number and matricula, in the file's order.
fn recorded(records: &[Value]) -> Vec<(String, u64, u64)> {
    records
        .iter()
        .map(|record| {
            let integer = |name: &str| record[name].as_u64().unwrap();
            (record["group"].as_str().unwrap().into(), integer("seq_number"), integer("matricula"))
        })
        .collect()
}

/// The `next_number` of the right reply to a token, which is sent as section 8 says: the same bytes
/// again after each `timer`, any other reply ignored.
fn persist(client: &Client, token: &str, timer: Duration, tries: u32) -> Option<u64> {
    let payload = base64url(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let id_request = id_request(&payload);
    for _ in 0..tries {
        _ = client.socket.send(token.as_bytes()); // refused while no server has the port
        let sent = Instant::now();
        while let Some(left) = timer.checked_sub(sent.elapsed()).filter(|left| !left.is_zero()) {
            match client.receive(left).map(|reply| verified(&reply)) {
                Some(reply) if reply["id_request"] == id_request => return reply["next_number"].as_u64(),
                Some(_) => {}
                None => thread::sleep(left.min(Duration::from_millis(1))),
            }
        }
    }
    None
}

/// A number below `bound`, of no importance.
fn random(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).unwrap();
    u64::from_ne_bytes(bytes) % bound
}

// Killed at any moment.

/// A client that is alone in its group: so it knows the group's state exactly.
struct Alone {
    group: &'static str,
    members: u8,
    signer: Signer,
    client: Client,
    state: u8,
    /// Number and matricula of each message that said something new, as it was acknowledged.
    acknowledged: Vec<(u64, u64)>,
    /// What the report should show: each member's matricula and whether it was corrected.
    run: BTreeMap<u64, (u64, bool)>,
    complete: Option<BTreeMap<u64, (u64, bool)>>,
}

impl Alone {
    fn new(group: &'static str, members: u8, server: SocketAddr) -> Self {
        Self {
            group,
            members,
            signer: Signer::new(group, 2048),
            client: Client::new(server),
            state: 0,
            acknowledged: Vec::new(),
            run: BTreeMap::new(),
            complete: None,
        }
    }

    /// Sends a message until it is answered, and holds the answer against the state machine.
    fn tell(&mut self, seq_number: u64, matricula: u64) -> u64 {
        let Self { group, members, state, .. } = *self;
        let jti = self.acknowledged.len();
        let payload = claims(group, seq_number, matricula).replacen('{', &format!("{{\"jti\":{jti},"), 1);
        let token = self.signer.sign(RS256, payload);
        let step = fsm::next(members, state, seq_number).expect("the client follows the protocol");
        let answer = persist(&self.client, &token, Duration::from_millis(10), 1_500);
        assert_eq!(answer, Some(step.next_number.into()), "{group}: {seq_number} in state {state}");
        self.state = step.state;
        self.acknowledged.push((seq_number, matricula));
        match self.run.get(&seq_number) {
            _ if seq_number == 0 => self.run.clear(),
            before => {
                let is_corrected = before.is_some();
                self.run.insert(seq_number, (matricula, is_corrected));
            }
        }
        if seq_number == u64::from(members) {
            self.complete = Some(self.run.clone());
        }
        step.next_number.into()
    }

    /// Rounds without end: everyone in turn, now and then a matricula corrected, then over again.
    fn play(mut self, stop: &AtomicBool) -> Self {
        let mut seq_number = 1;
        while !stop.load(Ordering::Relaxed) {
            let matricula = self.acknowledged.len() as u64;
            let next_number = self.tell(seq_number, matricula);
            if random(8) == 0 {
                self.tell(seq_number, matricula + 1);
            }
            seq_number = next_number;
        }
        self
    }

    /// The rows that `report --csv` should have for this group, without their times.
    fn csv(&self) -> Vec<String> {
        let (run, kind) = match &self.complete {
            Some(run) => (run, "complete"),
            None => (&self.run, "current"),
        };
        let row = |number| match run.get(&number) {
            Some((matricula, is_corrected)) => {
                let note = if *is_corrected { "corrected" } else { "" };
                format!("{},{number},{matricula},{kind},{note}", self.group)
            }
            None => format!("{},{number},,{kind},", self.group),
        };
        (1..=self.members.into()).map(row).collect()
    }
}

#[test]
fn no_client_notices_more_than_a_lost_datagram_when_the_server_is_killed_200_times() {
    const KILLS: u32 = 220;
    let class = Class::new();
    let port = free_port().to_string();
    let spawn = || {
        Command::new(PROGRAM)
            .args(["--quiet", "127.0.0.1", &port])
            .arg(class.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let length = || fs::metadata(class.directory.file(RECEIVED)).map_or(0, |metadata| metadata.len());
    let stop = AtomicBool::new(false);
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let start = Instant::now();
    let mut lives_with_records = 0;
    let clients = thread::scope(|scope| {
        let clients = [("JAVALI", 3), ("NONAME", 4), ("HEARTBEAT", 1)].map(|(group, members)| {
            let client = Alone::new(group, members, address);
            scope.spawn(|| client.play(&stop))
        });
        for _ in 0..KILLS {
            let before = length();
            let mut child = spawn();
            if random(4) > 0 {
                let mut listening = String::new();
                BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut listening).unwrap();
                assert_eq!(listening, format!("listening on 127.0.0.1:{port}\n"));
            }
            thread::sleep(Duration::from_micros(random(25_000)));
            child.kill().unwrap();
            child.wait().unwrap();
            lives_with_records += u32::from(length() > before);
        }
        let mut child = spawn();
        stop.store(true, Ordering::Relaxed);
        let clients = clients.map(thread::ScopedJoinHandle::join);
        child.kill().unwrap();
        child.wait().unwrap();
        clients.map(|client| client.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let acknowledged: usize = clients.iter().map(|client| client.acknowledged.len()).sum();
    println!(
        "{KILLS} kills, {lives_with_records} under traffic, {acknowledged} messages acknowledged, {:?}",
        start.elapsed()
    );
    assert!(lives_with_records > KILLS / 5, "only {lives_with_records} of {KILLS} kills met any traffic");

    let records = recorded(&class.received());
    let report = run(PROGRAM, &["report", "--csv", class.directory.path().to_str().unwrap()]);
    let report = String::from_utf8(report).unwrap();
    for client in &clients {
        let of_group: Vec<_> = records
            .iter()
            .filter(|(group, ..)| group == client.group)
            .map(|(_, seq_number, matricula)| (*seq_number, *matricula))
            .collect();
        assert_eq!(of_group, client.acknowledged, "{}", client.group);
        let rows: Vec<_> = report
            .lines()
            .map(|row| row.split(',').collect::<Vec<_>>())
            .filter(|row| row[0] == client.group)
            .map(|row| [&row[..3], &row[4..]].concat().join(","))
            .collect();
        assert_eq!(rows, client.csv());
    }
}

// A full disk.

/// Fills the disk under a server with messages, finds that it keeps point 5, makes room, and finds
/// that the exchange goes on. `logs` is the server's, as this process sees it.
#[cfg(unix)]
fn a_full_disk_costs_nobody_a_message(server: &Server, logs: &std::path::Path, make_room: impl FnOnce()) {
    const TIMER: Duration = Duration::from_millis(150);
    let client = server.client();
    let signer = Signer::new("NONAME", 2048);
    let mut acknowledged = Vec::new();
    let mut tokens = (0..).map(|count| signer.message("NONAME", [1, 2, 3, 4, 0][count % 5], count as u64));
    let message = |count: usize| ("NONAME".to_string(), [1, 2, 3, 4, 0][count % 5], count as u64);
    let next_number = |count: usize| Some([2, 3, 4, 0, 1][count % 5]);
    let whole = |name: &str| {
        let text = fs::read_to_string(logs.join(name)).unwrap();
        let lines: Option<Vec<Value>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
        lines.filter(|_| text.ends_with('\n'))
    };
    let mut last = String::new();
    let unrecorded = loop {
        let token = tokens.next().unwrap();
        let count = acknowledged.len();
        match persist(&client, &token, TIMER, 3) {
            Some(answer) => assert_eq!(Some(answer), next_number(count)),
            None => break token,
        }
        acknowledged.push(message(count));
        last = token;
        assert!(count < 200, "the disk does not fill");
    };
    let count = acknowledged.len();
    assert!(count > 5, "the disk was full from the start: {count}");
    for _ in 0..3 {
        assert_eq!(persist(&client, &unrecorded, TIMER, 1), None, "acknowledged on a full disk");
        assert_eq!(persist(&client, &last, TIMER, 3), next_number(count - 1), "a repeat needs no disk");
        common::wait_until("no half line", || whole("requests.jsonl").is_some());
        assert_eq!(recorded(&whole(RECEIVED).unwrap()), acknowledged);
    }
    make_room();
    for token in [unrecorded].into_iter().chain(tokens).take(12) {
        let count = acknowledged.len();
        assert_eq!(persist(&client, &token, TIMER, 10), next_number(count), "there is room again");
        acknowledged.push(message(count));
    }
    assert_eq!(recorded(&whole(RECEIVED).unwrap()), acknowledged);
    common::wait_until("requests are logged again", || {
        whole("requests.jsonl").is_some_and(|lines| lines.last().unwrap()["outcome"] == "answered")
    });
}

/// A shell that runs the server after some words of its own, with standard error at the end of
/// `errors`.
#[cfg(unix)]
fn shell(shell: &[&str], before: &str, errors: &std::path::Path, server: &Command) -> Command {
    let script = format!("{before} && exec \"$0\" \"$@\" 2>> '{}'", errors.display());
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["sh", "-c", &script]).arg(server.get_program()).args(server.get_args());
    command
}

/// Whether a command succeeds.
#[cfg(unix)]
fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
#[cfg(unix)]
fn a_file_at_its_size_limit_costs_nobody_a_message() {
    let class = Class::new();
    let logs = class.directory.path();
    let errors = class.directory.write("errors", [b'.'; 65_536]); // beyond the limit already
    let limited = "trap '' XFSZ; ulimit -S -f 24"; // blocks of 512 bytes, or of 1,024
    let server = Server::spawn(shell(&["env"], limited, &errors, &command(&class, &["--verbose"]))).unwrap();
    let process = format!("--pid={}", server.id());
    if !succeeds("prlimit", &[&process]) {
        eprintln!("NOT TESTED: a full file and room again: there is no prlimit (util-linux) here");
        return;
    }
    a_full_disk_costs_nobody_a_message(&server, logs, || {
        assert_eq!(fs::metadata(&errors).unwrap().len(), 65_536, "standard error was full all along");
        run("prlimit", &[&process, "--fsize=unlimited"]);
    });
}

/// A shell in which tmpfs can be mounted, seen by nobody else and gone with the server.
#[cfg(target_os = "linux")]
const MOUNTING: [&str; 4] = ["unshare", "--user", "--map-root-user", "--mount"];

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_with_standard_error_on_it_costs_nobody_a_message() {
    let class = Class::new();
    let logs = class.directory.write("logs/below", "").with_file_name("");
    let path = logs.to_str().unwrap();
    let mount =
        format!("mount -t tmpfs -o size=96k none '{path}' && head -c 40960 /dev/zero > '{path}/filler'");
    if !succeeds(MOUNTING[0], &[&MOUNTING[1..], &["sh", "-c", &mount]].concat()) {
        eprintln!("NOT TESTED: a full tmpfs: this user can't mount one (unshare --user --mount)");
        return;
    }
    let server = command(&class, &["--verbose", "--logs", path]);
    let server = Server::spawn(shell(&MOUNTING, &mount, &logs.join("errors"), &server)).unwrap();
    // Its own mounts are seen through its root directory.
    let inside = std::path::Path::new("/proc").join(server.id().to_string()).join("root").join(&path[1..]);
    a_full_disk_costs_nobody_a_message(&server, &inside, || {
        fs::remove_file(inside.join("filler")).unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn standard_output_and_error_that_take_nothing_change_nothing() {
    for streams in ["2> /dev/full", "> /dev/full 2>&1", ">&- 2>&-"] {
        let class = Class::new();
        let port = free_port().to_string();
        let mut server = Command::new("sh")
            .args(["-c", &format!("exec \"$0\" \"$@\" {streams}"), PROGRAM, "-v", "127.0.0.1", &port])
            .arg(class.directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client::new(format!("127.0.0.1:{port}").parse().unwrap());
        let signer = Signer::new("JAVALI", 2048);
        for (seq_number, next_number) in [(1, 2), (1, 2), (2, 3), (3, 0)] {
            let token = signer.message("JAVALI", seq_number, 100 + seq_number);
            let answer = persist(&client, &token, Duration::from_millis(50), 100);
            assert_eq!(answer, Some(next_number), "{streams}");
        }
        server.kill().unwrap();
        server.wait().unwrap();
        assert_eq!(class.received().len(), 3);
    }
}

// A disk that fails, at the seam.

/// What is asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Read,
    Append,
    Cut(usize),
    Sync,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Succeeds,
    /// It fails and has done nothing.
    Fails,
    /// It fails and has done its work, or, an append, half of it.
    FailsHalfway,
}

/// A disk in memory, that fails by plan and holds the server to point 5.
#[derive(Debug, Default)]
struct Memory {
    bytes: Vec<u8>,
    read: usize,
    /// How many of the bytes a sync has put on the disk.
    synced: usize,
    /// What is owed after a failure before anything may be appended: a cut, then a sync.
    owes_cut: bool,
    owes_sync: bool,
    calls: Vec<Call>,
    /// The outcomes of the calls to come; then all succeed.
    plan: Vec<Outcome>,
}

#[derive(Clone, Debug, Default)]
struct Shared(Rc<RefCell<Memory>>);

impl Memory {
    /// Notes a call; whether it does its work, and what it returns.
    fn call(&mut self, call: Call) -> (Outcome, io::Result<()>) {
        self.calls.push(call);
        let outcome = if self.plan.is_empty() { Outcome::Succeeds } else { self.plan.remove(0) };
        let is_done = outcome == Outcome::Succeeds;
        (outcome, is_done.then_some(()).ok_or_else(|| io::Error::other("the disk fails")))
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let memory = &mut *self.0.borrow_mut();
        memory.calls.push(Call::Read);
        let read = (&memory.bytes[memory.read..]).read(buffer)?;
        memory.read += read;
        Ok(read)
    }
}

impl Disk for Shared {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let memory = &mut *self.0.borrow_mut();
        assert!(!memory.owes_cut && !memory.owes_sync, "appended to a torn file: {:?}", memory.calls);
        let (outcome, result) = memory.call(Call::Append);
        memory.owes_cut = result.is_err();
        memory.bytes.extend_from_slice(match outcome {
            Outcome::Succeeds => bytes,
            Outcome::Fails => b"",
            Outcome::FailsHalfway => &bytes[..bytes.len() / 2],
        });
        result
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let memory = &mut *self.0.borrow_mut();
        let length = usize::try_from(length).unwrap();
        let (outcome, result) = memory.call(Call::Cut(length));
        if outcome != Outcome::Fails {
            memory.bytes.truncate(length);
        }
        if result.is_ok() {
            (memory.owes_cut, memory.owes_sync) = (false, true);
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let memory = &mut *self.0.borrow_mut();
        let (_, result) = memory.call(Call::Sync);
        match result {
            Ok(()) if !memory.owes_cut => (memory.owes_sync, memory.synced) = (false, memory.bytes.len()),
            Ok(()) => {}
            Err(_) if memory.owes_sync => {}
            Err(_) => memory.owes_cut = true,
        }
        result
    }
}

/// A class and its first messages, signed once for all the runs below.
struct Signed {
    table: Table,
    keys: Vec<Option<PublicKey>>,
    /// Each group's messages, in the order in which a client sends them.
    messages: [(&'static str, Vec<(u64, String)>); 2],
}

impl Signed {
    fn new() -> Self {
        let table = Table::compiled_in();
        let mut keys = vec![None; table.len()];
        let messages = [("JAVALI", vec![1, 2]), ("HEARTBEAT", vec![1, 0])].map(|(group, seq_numbers)| {
            let signer = Signer::new(group, 2048);
            let key = PublicKey::from_pem(&signer.public_pem, FEWEST_BITS).unwrap();
            keys[table.find(group).unwrap()] = Some(key);
            let sign = |seq_number| (seq_number, signer.message(group, seq_number, 100 + seq_number));
            (group, seq_numbers.into_iter().map(sign).collect())
        });
        Self { table, keys, messages }
    }

    fn server(&self, disk: Shared, syncs: bool) -> server::Server<Shared, ()> {
        let replayed = replay(disk, &self.table, syncs).unwrap();
        server::Server {
            class: server::Class {
                table: self.table.clone(),
                keys: self.keys.clone(),
                secret: hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()),
            },
            progress: replayed.progress,
            received: replayed.received,
            explains: false,
            lab: (),
        }
    }
}

/// Hands a token to a server: the `next_number` or the reason, and whether there was a reply.
fn hand(server: &mut server::Server<Shared, ()>, token: &str) -> (Result<u8, Reason>, bool) {
    hand_together(server, &[token]).remove(0)
}

/// The same with tokens that have waited together.
fn hand_together(
    server: &mut server::Server<Shared, ()>,
    tokens: &[&str],
) -> Vec<(Result<u8, Reason>, bool)> {
    let peer = SocketAddr::from(([192, 0, 2, 7], 50_000));
    let otp = Otp { number: 0, timestamp: 0 };
    let event = |token: &&str| Event::new(now(), peer, token.as_bytes(), otp);
    let mut events: Vec<_> = tokens.iter().map(event).collect();
    let replies = server.handle(&mut events.iter_mut().collect::<Vec<_>>());
    let outcomes = events.into_iter().map(|event| event.outcome.map_err(|refusal| refusal.reason));
    outcomes.zip(replies.iter().map(Option::is_some)).collect()
}

/// Plays both groups' messages to a server whose disk fails by `plan`, each until it is answered.
fn play(signed: &Signed, plan: &[Outcome]) {
    let disk = Shared::default();
    let mut server = signed.server(disk.clone(), true);
    disk.0.borrow_mut().plan = plan.to_vec();
    let mut acknowledged: Vec<(String, u64, u64)> = Vec::new();
    let mut left = signed.messages.each_ref().map(|(_, messages)| messages.iter());
    let mut last: [Option<&str>; 2] = [None; 2];
    let records = |bytes: &[u8]| recorded(&common::lines(std::str::from_utf8(bytes).unwrap()));
    let mut written = None;
    let mut turn = 0;
    while left.iter().any(|messages| messages.len() > 0) {
        turn += 1;
        let (group, _) = signed.messages[turn % 2];
        let Some((seq_number, token)) = left[turn % 2].as_slice().first() else { continue };
        let before = server.progress.clone();
        let calls = disk.0.borrow().calls.len();
        let owed = disk.0.borrow().owes_cut || disk.0.borrow().owes_sync;
        let (outcome, replies) = hand(&mut server, token);
        {
            let memory = disk.0.borrow();
            let called = &memory.calls[calls..];
            if called.contains(&Call::Append) {
                written = Some((group, *seq_number));
            }
            assert_eq!(outcome.is_ok(), replies, "{plan:?}");
            assert_eq!(!owed, called[0] == Call::Append, "the cut is tried first if it is owed: {called:?}");
            if outcome.is_ok() {
                acknowledged.push((group.into(), *seq_number, 100 + seq_number));
                assert_eq!(memory.synced, memory.bytes.len(), "acknowledged before the sync: {plan:?}");
                assert_eq!(records(&memory.bytes), acknowledged, "{plan:?}");
            } else {
                assert_eq!(outcome, Err(Reason::NotRecorded), "{plan:?}");
                assert_eq!(server.progress, before, "the state stays: {plan:?}");
                let good = &memory.bytes[..memory.synced.min(memory.bytes.len())];
                assert_eq!(records(good), acknowledged, "{plan:?}");
            }
        }
        if outcome.is_ok() {
            left[turn % 2].next();
            last[turn % 2] = Some(token);
            written = None;
        }
        // A repeat says nothing new: it is answered without the disk, whatever that is like.
        let calls = disk.0.borrow().calls.len();
        for repeat in last.into_iter().flatten() {
            assert!(matches!(hand(&mut server, repeat), (Ok(_), true)), "{plan:?}");
        }
        assert_eq!(disk.0.borrow().calls.len(), calls, "{plan:?}");
        // Should the machine stop here, what is acknowledged is found again, and of what is not
        // no more than the one message that was being written.
        let left_behind = Shared::default();
        left_behind.0.borrow_mut().bytes = disk.0.borrow().bytes.clone();
        let found = replay(left_behind, &signed.table, true).unwrap().progress;
        let mut with_that_one = server.progress.clone();
        if let Some((group, seq_number)) = written {
            let progress = &mut with_that_one[signed.table.find(group).unwrap()];
            *progress = progress.after(u8::try_from(seq_number).unwrap(), 100 + seq_number);
        }
        assert!(found == server.progress || found == with_that_one, "{plan:?}: {found:?}");
    }
}

#[test]
fn nothing_is_acknowledged_unless_it_is_on_the_disk_whichever_calls_fail() {
    const CALLS: u32 = 6;
    let signed = Signed::new();
    let outcomes = [Outcome::Succeeds, Outcome::Fails, Outcome::FailsHalfway];
    for number in 0..3_usize.pow(CALLS) {
        let plan: Vec<_> = (0..CALLS).map(|call| outcomes[number / 3_usize.pow(call) % 3]).collect();
        play(&signed, &plan);
    }
}

/// The outcomes of the calls to come, what a message comes to then, and the calls it makes.
type Attempt<'a> = (&'a [Outcome], Result<u8, Reason>, &'a [Call]);

#[test]
fn a_failed_record_is_cut_off_at_once_and_tried_again_at_each_message() {
    use Outcome::{Fails, FailsHalfway, Succeeds};
    let signed = Signed::new();
    let disk = Shared::default();
    let mut server = signed.server(disk.clone(), true);
    let tokens: Vec<_> = signed.messages[0].1.iter().map(|(_, token)| token.as_str()).collect();
    assert_eq!(hand(&mut server, tokens[0]), (Ok(2), true));
    let good = disk.0.borrow().bytes.len();
    let table: [Attempt; 4] = [
        (&[FailsHalfway, Fails], Err(Reason::NotRecorded), &[Call::Append, Call::Cut(good)]),
        (&[Succeeds, Fails], Err(Reason::NotRecorded), &[Call::Cut(good), Call::Sync]),
        (&[Fails], Err(Reason::NotRecorded), &[Call::Cut(good)]),
        (&[], Ok(3), &[Call::Cut(good), Call::Sync, Call::Append, Call::Sync]),
    ];
    for (plan, outcome, calls) in table {
        disk.0.borrow_mut().calls.clear();
        disk.0.borrow_mut().plan = plan.to_vec();
        assert_eq!(hand(&mut server, tokens[1]).0, outcome);
        assert_eq!(disk.0.borrow().calls, calls);
    }
}

#[test]
fn of_messages_handled_together_those_on_the_disk_are_acknowledged_whichever_calls_fail() {
    const CALLS: u32 = 4;
    let signed = Signed::new();
    let [javali, heartbeat] = signed.messages.each_ref().map(|(_, messages)| messages);
    let [one, two, one_of_another] = [&javali[0].1, &javali[1].1, &heartbeat[0].1].map(String::as_str);
    let together = [one, two, two, one_of_another];
    let outcomes = [Outcome::Succeeds, Outcome::Fails, Outcome::FailsHalfway];
    for number in 0..3_usize.pow(CALLS) {
        let plan: Vec<_> = (0..CALLS).map(|call| outcomes[number / 3_usize.pow(call) % 3]).collect();
        let disk = Shared::default();
        let mut server = signed.server(disk.clone(), true);
        assert_eq!(hand(&mut server, one), (Ok(2), true));
        let before = server.progress.clone();
        let records = || recorded(&common::lines(std::str::from_utf8(&disk.0.borrow().bytes).unwrap()));

        disk.0.borrow_mut().plan = plan.clone();
        let answers = hand_together(&mut server, &together);
        let is_recorded = plan[..2] == [Outcome::Succeeds; 2]; // the write and the sync
        assert_eq!(answers[0], (Ok(2), true), "a repeat needs no record: {plan:?}");
        for (answer, next_number) in answers[1..].iter().zip([3, 3, 0]) {
            let expected =
                if is_recorded { (Ok(next_number), true) } else { (Err(Reason::NotRecorded), false) };
            assert_eq!(*answer, expected, "{plan:?}");
        }
        assert!(is_recorded || server.progress == before, "the state stays: {plan:?}");

        // Sent again once the disk is well, they are all in, and each but once.
        disk.0.borrow_mut().plan.clear();
        let answers = hand_together(&mut server, &together[1..]);
        assert_eq!(answers, [(Ok(3), true), (Ok(3), true), (Ok(0), true)], "{plan:?}");
        let all = [("JAVALI", 1, 101), ("JAVALI", 2, 102), ("HEARTBEAT", 1, 101)];
        assert_eq!(records(), all.map(|(group, number, matricula)| (group.into(), number, matricula)));
        assert_eq!(disk.0.borrow().synced, disk.0.borrow().bytes.len(), "{plan:?}");
    }
}

/// As many at a time as the server takes, and the rest with the next.
#[test]
fn messages_that_wait_together_share_one_write_and_one_sync() {
    const MESSAGES: usize = server::MOST_TOGETHER + 3;
    let signed = Signed::new();
    let disk = Shared::default();
    let mut server = signed.server(disk.clone(), true);
    disk.0.borrow_mut().calls.clear();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = Client::new(socket.local_addr().unwrap());
    let signer = Signer::new("JAVALI", 2048);
    for number in 0..MESSAGES as u64 {
        client.send(signer.message("JAVALI", number % 4, 100 + number));
    }
    let mut buffer = vec![0; 1 << 16];
    for expected in [server::MOST_TOGETHER, 3] {
        server.serve(&socket, &mut buffer).unwrap();
        assert_eq!(disk.0.borrow_mut().calls.split_off(0), [Call::Append, Call::Sync]);
        for _ in 0..expected {
            assert!(client.receive(Duration::from_secs(5)).is_some(), "of {expected} replies");
        }
        assert_eq!(client.receive(Duration::from_millis(1)), None, "more than {expected} replies");
    }
    let records = common::lines(std::str::from_utf8(&disk.0.borrow().bytes).unwrap());
    let matriculas: Vec<_> = records.iter().map(|record| record["matricula"].as_u64().unwrap()).collect();
    assert_eq!(matriculas, (100..100 + MESSAGES as u64).collect::<Vec<_>>(), "in the order of arrival");
}

/// A disk with these bytes on it, the reads left out of its calls but for the first.
fn replayed(
    bytes: &[u8],
    syncs: bool,
    plan: &[Outcome],
) -> (Result<Vec<String>, String>, Vec<Call>, Vec<u8>) {
    let disk = Shared::default();
    disk.0.borrow_mut().bytes = bytes.to_vec();
    disk.0.borrow_mut().plan = plan.to_vec();
    let result = replay(disk.clone(), &Table::compiled_in(), syncs).map(|replayed| replayed.warnings);
    let memory = disk.0.borrow();
    let mut calls = memory.calls.clone();
    calls.dedup();
    (result, calls, memory.bytes.clone())
}

#[test]
fn the_start_reads_cuts_and_syncs_before_it_returns() {
    let whole = record("JAVALI", 1, 7);
    let torn = format!("{whole}{}", &record("JAVALI", 2, 8)[..50]);
    let cut = Call::Cut(whole.len());
    for syncs in [true, false] {
        let (result, calls, _) = replayed(whole.as_bytes(), syncs, &[]);
        assert_eq!((result, calls), (Ok(vec![]), vec![Call::Read, Call::Sync]));
        let (result, calls, bytes) = replayed(torn.as_bytes(), syncs, &[]);
        assert!(result.unwrap()[0].starts_with("50 bytes after its last whole line are cut off"));
        assert_eq!(calls, [Call::Read, cut, Call::Sync]);
        assert_eq!(bytes, whole.as_bytes());
    }
    for (plan, said) in [
        (&[Outcome::Fails][..], "cannot be cut to its whole lines: the disk fails; mend the disk"),
        (&[Outcome::Succeeds, Outcome::Fails], "cannot be synced: the disk fails; mend the disk"),
    ] {
        let error = replayed(torn.as_bytes(), true, plan).0.unwrap_err();
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn without_sync_a_record_is_written_before_its_reply_and_nothing_synced() {
    let signed = Signed::new();
    let disk = Shared::default();
    let mut server = signed.server(disk.clone(), false);
    disk.0.borrow_mut().calls.clear();
    for (_, token) in &signed.messages[0].1 {
        assert!(hand(&mut server, token).1);
    }
    assert_eq!(disk.0.borrow().calls, [Call::Append, Call::Append]);
}

// The start.

#[test]
fn a_second_server_on_a_directory_says_so_and_changes_nothing_in_it() {
    let class = Class::new();
    let mut first = Server::start(&class, &[]);
    let token = Signer::new("JAVALI", 2048).message("JAVALI", 1, 7);
    first.client().ask(&token);
    class.requests(1);
    let all = || {
        let mut files: Vec<_> = fs::read_dir(class.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_file())
            .map(|entry| {
                let modified = entry.metadata().unwrap().modified().unwrap();
                (entry.path(), modified, fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    };
    let before = all();
    for options in [&[][..], &["--no-sync"], &["--verbose"]] {
        let errors = refused(command(&class, options));
        assert!(errors.contains("received.jsonl: another server is using it; stop that one"), "{errors}");
    }
    assert_eq!(all(), before);
    assert_eq!(first.client().next_number(&token), 2, "the first goes on");
    first.kill();
    let started = Instant::now();
    let next = Server::start(&class, &[]);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(next.client().next_number(&token), 2);
}

/// Lines that are no whole record, each with its name.
fn damaged_lines() -> Vec<(&'static str, Vec<u8>)> {
    let good: Value = serde_json::from_str(&record("JAVALI", 2, 8)).unwrap();
    let with = |member: &str, value: Value| {
        let mut record = good.clone();
        record[member] = value;
        record.to_string().into_bytes()
    };
    let mut lines = vec![
        ("not JSON", b"hello".to_vec()),
        ("JSON, but no object", b"[1,2]".to_vec()),
        ("cut", good.to_string().as_bytes()[..80].to_vec()),
        ("glued behind garbage", format!("{{\"time\":\"2023{good}").into_bytes()),
        // What is left of such a line after the longest piece that is read at once is a whole record.
        ("glued behind a piece of the longest size", [&[b'x'; 8_192], good.to_string().as_bytes()].concat()),
        ("two in one line", format!("{good}{good}").into_bytes()),
        ("binary", [0, 0xff, 0x1b, b'[', b'2', b'J', 0x80].repeat(9)),
        ("zeros", vec![0; 4_096]),
        ("longer than any record", with("token", "a".repeat(9_000).into())),
        ("a number that is none", with("seq_number", json!("2"))),
        ("seq_number 256", with("seq_number", json!(256))),
        ("seq_number -1", with("seq_number", json!(-1))),
        ("seq_number 2.0", with("seq_number", json!(2.0))),
        ("a negative matricula", with("matricula", json!(-8))),
        ("a seq_max of the wrong type", with("seq_max", json!("3"))),
        ("a group of the wrong type", with("group", json!(["JAVALI"]))),
        ("a time of another form", with("time", json!("2023-11-14 22:13:20"))),
        ("a time that never was", with("time", json!("2023-02-30T22:13:20.000Z"))),
        ("a token of the wrong type", with("token", Value::Null)),
        ("no peer", with("peer", Value::Null)),
    ];
    for member in ["time", "peer", "group", "seq_number", "seq_max", "matricula", "token"] {
        let mut record = good.clone();
        record.as_object_mut().unwrap().remove(member);
        lines.push((member, record.to_string().into_bytes()));
    }
    lines
}

#[test]
fn a_damaged_line_in_the_middle_stops_the_start_and_is_left_as_it_is() {
    let mut lines = damaged_lines();
    lines.push(("empty", Vec::new()));
    for (kind, line) in lines {
        let class = Class::new();
        let [first, last] = [record("JAVALI", 1, 7), record("NONAME", 1, 9)];
        // What follows the last LF must not be cut off either: nothing is, by a start that fails.
        let file = [first.as_bytes(), &line, b"\n", last.as_bytes(), b"{\"time\":"].concat();
        class.directory.write(RECEIVED, &file);
        let errors = refused(command(&class, &[]));
        let named = format!("{}: line 2 is not a whole record", class.directory.file(RECEIVED).display());
        assert!(errors.contains(&named), "{kind}: {errors}");
        assert!(errors.contains("mend it or move it to another file, and start again"), "{kind}: {errors}");
        assert!(errors.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{errors:?}");
        assert_eq!(fs::read(class.directory.file(RECEIVED)).unwrap(), file, "{kind}");
    }
}

#[test]
fn whatever_follows_the_last_lf_is_cut_off_with_a_warning() {
    let mut lines = damaged_lines();
    lines.push(("a whole record but for its LF", record("JAVALI", 2, 8).trim_end().into()));
    let class = Class::new();
    let signer = Signer::new("JAVALI", 2048);
    for (kind, line) in lines {
        let whole = record("JAVALI", 1, 7);
        class.directory.write(RECEIVED, [whole.as_bytes(), &line].concat());
        let server = Server::start(&class, &["--quiet"]);
        let warning = format!("{} bytes after its last whole line are cut off", line.len());
        assert!(server.errors().contains(&warning), "{kind}: {}", server.errors());
        assert_eq!(class.directory.read(RECEIVED), whole, "{kind}");
        let token = signer.message("JAVALI", 1, 7);
        assert_eq!(server.client().next_number(&token), 2, "{kind}: the state is that of the whole lines");
        assert_eq!(class.directory.read(RECEIVED), whole, "{kind}: and a repeat says nothing new");
    }
}

#[test]
fn records_of_a_group_that_the_table_lacks_are_passed_over_with_one_warning() {
    let class = Class::new();
    let file: String = (0..50)
        .map(|count| record(["GONE", "JAVALI", "AWAY", "\u{1b}[2J"][count % 4], 1, count as u64))
        .collect();
    class.directory.write(RECEIVED, file.replace('\u{1b}', "\\u001b"));
    let before = class.directory.read(RECEIVED);
    let server = Server::start(&class, &[]);
    let errors = server.errors();
    let warnings: Vec<_> = errors.lines().filter(|line| line.contains("not in the table")).collect();
    assert_eq!(warnings.len(), 3, "{errors}");
    assert!(warnings.iter().any(|line| line.contains("records of GONE, which is not in the table")));
    assert!(!errors.contains('\u{1b}'), "{errors:?}");
    assert_eq!(class.directory.read(RECEIVED), before);
    let token = Signer::new("JAVALI", 2048).message("JAVALI", 2, 8);
    assert_eq!(server.client().next_number(&token), 3);
}

#[test]
fn a_state_above_the_members_is_kept_and_shown_and_only_0_leaves_it() {
    let class = Class::new();
    let signer = Signer::new("NONAME", 2048);
    let file: String = (1..=4).map(|sn| record("NONAME", sn, 100 + sn)).collect();
    class.directory.write(RECEIVED, &file);
    class.directory.write("groups.json", r#"{"NONAME": 2}"#);
    for start in 1..=2 {
        let server = Server::start(&class, &[]);
        let errors = server.errors();
        let row = errors.lines().find(|line| line.starts_with("NONAME")).unwrap();
        assert_eq!(row.split_whitespace().take(3).collect::<Vec<_>>(), ["NONAME", "2", "4"]);
        assert!(errors.contains("NONAME is in state 4, above its 2 members: only seq_number 0"), "{errors}");
        for seq_number in 1..=5 {
            server.client().send(signer.message("NONAME", seq_number, 100 + seq_number));
        }
        assert!(class.requests(5 * start).iter().all(|line| line["outcome"] == "out_of_order"));
    }
    assert_eq!(class.directory.read(RECEIVED), file);
    let server = Server::start(&class, &[]);
    for (seq_number, next_number) in [(0, 1), (1, 2), (2, 0)] {
        let token = signer.message("NONAME", seq_number, 100 + seq_number);
        assert_eq!(server.client().next_number(&token), next_number);
    }
}

#[test]
fn a_group_has_100_000_records_at_most_and_the_start_reads_them_in_little_memory() {
    let class = Class::new();
    let signer = Signer::new("NONAME", 2048);
    let token = "a".repeat(560);
    let realistic = |group: &str, sn, matricula| record(group, sn, matricula).replace("eyJ.eyJ.c2ln", &token);
    let mut file = realistic("JAVALI", 1, 7);
    let round = [1, 2, 3, 4, 0].map(|sn| realistic("NONAME", sn, 7)).concat();
    file += &round.repeat(MOST_RECORDS as usize / 5 - 1);
    file += &[1, 2, 3, 4].map(|sn| realistic("NONAME", sn, 7)).concat();
    class.directory.write(RECEIVED, &file);

    let started = Instant::now();
    let server = Server::start(&class, &[]);
    let took = started.elapsed();
    // Optimised, a third of that on an idle machine, which this one may not be.
    let bound = Duration::from_millis(if cfg!(debug_assertions) { 15_000 } else { 1_000 });
    println!("{} bytes read in {took:?}", file.len());
    assert!(took < bound, "{took:?}");
    #[cfg(target_os = "linux")]
    {
        let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        println!("peak memory {}", peak.trim());
        let kibibytes: u32 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kibibytes < 8 * 1_024, "{peak}");
    }

    let client = server.client();
    let token = |seq_number, matricula| signer.message("NONAME", seq_number, matricula);
    assert_eq!(client.next_number(&token(0, 7)), 1, "the last that is kept");
    client.send(token(1, 7));
    client.send(token(0, 8));
    assert_eq!(client.next_number(&token(0, 7)), 1, "a repeat is answered as ever");
    for refused in &class.requests(4)[1..3] {
        assert_eq!(refused["outcome"], "not_recorded");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("stop the server, set received.jsonl aside, and start again"), "{detail}");
    }
    let other = Signer::new("JAVALI", 2048).message("JAVALI", 2, 8);
    assert_eq!(client.next_number(&other), 3, "the other groups go on");
    assert_eq!(class.directory.read(RECEIVED).lines().count(), MOST_RECORDS as usize + 2);
}

#[test]
fn a_correction_is_recorded_once_and_each_start_finds_every_group_where_it_was() {
    let class = Class::new();
    let javali = Signer::new("JAVALI", 2048);
    let noname = Signer::new("NONAME", 2048);
    // Each message, what it is answered, and whether it says anything new.
    let exchange = [
        ("JAVALI", 1, 7, 2, true),
        ("JAVALI", 1, 7, 2, false),
        ("NONAME", 0, 0, 1, true), // nothing was recorded of the group: a first 0 is news
        ("NONAME", 0, 0, 1, false),
        ("JAVALI", 1, 8, 2, true),
        ("JAVALI", 1, 8, 2, false),
        ("JAVALI", 1, 7, 2, true),
        ("NONAME", 1, 20, 2, true),
        ("JAVALI", 2, 7, 3, true),
        ("JAVALI", 3, 9, 0, true),
        ("NONAME", 1, 20, 2, false),
        ("JAVALI", 3, 9, 0, false),
        ("JAVALI", 3, 10, 0, true),
        ("JAVALI", 0, 10, 1, true),
    ];
    let mut expected = Vec::new();
    let mut progress: BTreeMap<&str, Progress> = BTreeMap::new();
    for (group, seq_number, matricula, next_number, is_new) in exchange {
        let signer = if group == "JAVALI" { &javali } else { &noname };
        let server = Server::start(&class, &[]);
        for (group, progress) in &progress {
            let errors = server.errors();
            let row = errors.lines().find(|line| line.starts_with(group)).unwrap();
            assert_eq!(row.split_whitespace().nth(2).unwrap(), progress.state.to_string());
        }
        let token = signer.message(group, seq_number, matricula);
        assert_eq!(server.client().next_number(&token), next_number, "{group} {seq_number} {matricula}");
        if is_new {
            let state = u8::try_from(seq_number).unwrap();
            let known = progress.entry(group).or_default();
            *known = known.after(state, matricula);
            expected.push((group.to_string(), seq_number, matricula));
        }
        assert_eq!(recorded(&class.received()), expected);
    }
}

#[test]
fn a_record_is_the_signed_evidence_and_openssl_finds_it_good() {
    let class = Class::new();
    let server = Server::start(&class, &[]);
    let client = server.client();
    let signer = Signer::new("JAVALI", 2048);
    let before = now();
    let messages = [
        r#"{"group":"javali","seq_number":1,"seq_max":3,"matricula":18446744073709551615}"#,
        r#"{"matricula":0,"seq_number":2,"group":"JAVALI","jti":"\u00e9\n"}"#,
    ]
    .map(|payload| signer.sign(RS256, payload));
    client.ask(&messages[0]);
    client.ask(&format!("{}\r\n", messages[1]));
    let peer = client.socket.local_addr().unwrap();
    let file = class.directory.read(RECEIVED);
    let public = class.directory.file("keys_pub/JAVALI.pem");
    let said = [("1", "3", "18446744073709551615"), ("2", "null", "0")];
    assert_eq!(file.lines().count(), 2);
    for ((line, token), (seq_number, seq_max, matricula)) in file.lines().zip(&messages).zip(said) {
        let record: Value = serde_json::from_str(line).unwrap();
        let time = record["time"].as_str().unwrap();
        assert_eq!(
            line,
            format!(
                "{{\"time\":\"{time}\",\"peer\":\"{peer}\",\"group\":\"JAVALI\",\
                 \"seq_number\":{seq_number},\"seq_max\":{seq_max},\"matricula\":{matricula},\
                 \"token\":\"{token}\"}}"
            )
        );
        let time = parse_rfc3339(time).expect("RFC 3339, UTC, milliseconds");
        let millisecond = Duration::from_millis(1);
        assert!(before < time + millisecond && time <= now(), "{time:?}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signed = class.directory.write("signed", signed);
        let signature = class.directory.write("signature", base64url(signature.as_bytes()).unwrap());
        let [public, signed, signature] = [&public, &signed, &signature].map(|path| path.to_str().unwrap());
        run("openssl", &["dgst", "-sha256", "-verify", public, "-signature", signature, signed]);
    }
}

/// A user that permissions bind, to run a server as: the words before its command line.
#[cfg(unix)]
fn ordinary_user() -> Option<Vec<&'static str>> {
    const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if run("id", &["-u"]) != b"0\n" {
        return Some(vec!["env"]);
    }
    succeeds(NOBODY[0], &[&NOBODY[1..], &[PROGRAM, "--version"]].concat()).then(|| NOBODY.into())
}

#[test]
#[cfg(unix)]
fn a_place_for_the_records_that_cannot_be_used_is_named_with_the_way_out() {
    let class = Class::new();
    let directory = &class.directory;
    directory.write("directory/received.jsonl/below", "");
    directory.write("file", "");
    #[cfg_attr(not(target_os = "linux"), expect(unused_mut))] // where nothing is pushed
    let mut table = vec![
        ("directory", "directory/received.jsonl: cannot be opened for writing", "move it elsewhere"),
        ("missing", "missing/received.jsonl: cannot be opened for writing", "make the directory"),
        ("file", "file/received.jsonl: cannot be opened for writing", "--logs DIR"),
    ];
    #[cfg(target_os = "linux")]
    {
        directory.write("unsyncable/below", "");
        std::os::unix::fs::symlink("/dev/null", directory.file("unsyncable/received.jsonl")).unwrap();
        table.push(("unsyncable", "unsyncable/received.jsonl: cannot be synced", "mend the disk"));
    }
    for (logs, named, way_out) in table {
        let errors = refused(command(&class, &["--logs", directory.file(logs).to_str().unwrap()]));
        assert!(errors.contains(named) && errors.contains(way_out), "{errors}");
    }
    assert!(!directory.file("missing").exists());
}

#[test]
#[cfg(unix)]
fn a_file_that_this_user_must_not_write_is_named_with_the_way_out() {
    use std::os::unix::fs::PermissionsExt;
    let Some(user) = ordinary_user() else {
        eprintln!(
            "NOT TESTED: files that can't be written: this is root, and no other user can run {PROGRAM}"
        );
        return;
    };
    let class = Class::new();
    let directory = &class.directory;
    for (path, mode) in [("file/received.jsonl", 0o400), ("none/received.jsonl", 0o500)] {
        let path = directory.write(path, "");
        let path = if mode == 0o400 {
            path
        } else {
            fs::remove_file(&path).unwrap();
            path.parent().unwrap().into()
        };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    for logs in ["file", "none"] {
        let server = command(&class, &["--logs", directory.file(logs).to_str().unwrap()]);
        let mut as_user = Command::new(user[0]);
        as_user.args(&user[1..]).arg(server.get_program()).args(server.get_args());
        let errors = refused(as_user);
        assert!(
            errors.contains("received.jsonl: cannot be opened for writing: Permission denied"),
            "{errors}"
        );
        assert!(errors.contains("must belong to the user that runs the server"), "{errors}");
        assert!(errors.contains("--logs DIR"), "{errors}");
    }
}

#[test]
#[cfg(unix)]
fn the_records_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let class = Class::new();
    let server = Server::start(&class, &[]);
    server.client().send("hello");
    class.requests(1);
    for name in [RECEIVED, "requests.jsonl"] {
        let mode = fs::metadata(class.directory.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
