//! An acknowledgment is a promise (section 5): what is acknowledged is in `received.jsonl`, whoever
//! kills the server, fills the disk or damages the file.

use crate::common;
use crate::common::in_memory::{Call, Disk, Lab, Outcome, plans, started};
use crate::common::{
    Class, Client, PROGRAM, RS256, Running, Server, Signer, claims, failed, free_port, next, payload_of,
    random, record, recorded, report_of, run, served, verified, with,
};
#[cfg(unix)]
use crate::common::{bound_by_permissions, ended, has, not_tested, set_mode, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};
use udpsocket_jwt_server::claims::id_request;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::record::{MOST_RECORDS, Record};
use udpsocket_jwt_server::restart::{Fault, Tail, each_record, read_back};
use udpsocket_jwt_server::server::MOST_TOGETHER;
use udpsocket_jwt_server::time::{parse_rfc3339, rfc3339};
use udpsocket_jwt_server::tools::base64url;

const RECEIVED: &str = "received.jsonl";
/// Most bytes after the last LF that are cut off.
const LONGEST_TAIL: usize = 8_192;

/// The `next_number` of the right reply to a token, which is sent as section 8 says: the same bytes
/// again after each `timer`, any other reply ignored.
fn persist(client: &Client, token: &str, timer: Duration, tries: u32) -> Option<u64> {
    let id_request = id_request(payload_of(token).as_bytes());
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
    /// What the report should show: each member's matricula.
    run: BTreeMap<u64, u64>,
    complete: Option<BTreeMap<u64, u64>>,
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
        let payload = with(&claims(group, seq_number, matricula), &format!("\"jti\":{jti}"));
        let token = self.signer.sign(RS256, payload);
        let next_number = next(members, state, seq_number).expect("the client follows the protocol");
        let answer = persist(&self.client, &token, Duration::from_millis(10), 1_500);
        assert_eq!(answer, Some(next_number), "{group}: {seq_number} in state {state}");
        self.state = u8::try_from(seq_number).unwrap();
        self.acknowledged.push((seq_number, matricula));
        match seq_number {
            0 => self.run.clear(),
            _ => _ = self.run.insert(seq_number, matricula),
        }
        if seq_number == u64::from(members) {
            self.complete = Some(self.run.clone());
        }
        next_number
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

    /// The rows that `report --csv` should have for this group, without times and notes.
    fn csv(&self) -> Vec<String> {
        let (run, kind) = match &self.complete {
            Some(run) => (run, "complete"),
            None => (&self.run, "current"),
        };
        let row = |number| match run.get(&number) {
            Some(matricula) => format!("{},{number},{matricula},{kind}", self.group),
            None => format!("{},{number},,{kind}", self.group),
        };
        (1..=self.members.into()).map(row).collect()
    }
}

#[test]
fn no_client_notices_more_than_a_lost_datagram_when_the_server_is_killed_200_times() {
    const KILLS: u32 = 220;
    let class = Class::new();
    let address = free_port();
    let spawn = || {
        let mut command = class.command_at(address.port(), &["--quiet", "--no-limit"]);
        Running::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()))
    };
    let length = || fs::metadata(class.directory.file(RECEIVED)).map_or(0, |metadata| metadata.len());
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let mut lives_with_records = 0;
    let clients = thread::scope(|scope| {
        let clients = [("JAVALI", 3), ("NONAME", 4), ("HEARTBEAT", 1)].map(|(group, members)| {
            let client = Alone::new(group, members, address);
            scope.spawn(|| client.play(&stop))
        });
        for _ in 0..KILLS {
            let before = length();
            let mut server = spawn();
            if random(4) > 0 {
                assert_eq!(server.first_line(), format!("listening on {address}\n"));
            }
            thread::sleep(Duration::from_micros(random(25_000)));
            server.kill();
            lives_with_records += u32::from(length() > before);
        }
        let _server = spawn();
        stop.store(true, Ordering::Relaxed);
        let clients = clients.map(thread::ScopedJoinHandle::join);
        clients.map(|client| client.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let acknowledged: usize = clients.iter().map(|client| client.acknowledged.len()).sum();
    println!(
        "{KILLS} kills, {lives_with_records} under traffic, {acknowledged} messages acknowledged, {:?}",
        start.elapsed()
    );
    assert!(lives_with_records > KILLS / 5, "only {lives_with_records} of {KILLS} kills met any traffic");

    let mut records = recorded(&class.received());
    let report = report_of(class.directory.path(), &["--csv"]);
    for client in &clients {
        let of_group = records.extract_if(.., |(group, ..)| group == client.group);
        let of_group: Vec<_> = of_group.map(|(_, number, matricula)| (number, matricula)).collect();
        assert_eq!(of_group, client.acknowledged, "{}", client.group);
        let rows: Vec<_> = report
            .lines()
            .map(|row| row.split(',').collect::<Vec<_>>())
            .filter(|row| row[0] == client.group)
            .map(|row| [&row[..3], &row[4..5]].concat().join(","))
            .collect();
        assert_eq!(rows, client.csv());
    }
}

// A full disk.

/// Fills the disk under a server with messages, finds that it keeps point 5, makes room, and finds
/// that the exchange goes on. `logs` is the server's, as this process sees it.
#[cfg(unix)]
fn a_full_disk_costs_nobody_a_message(server: &Server, logs: &Path, make_room: impl FnOnce()) {
    const TIMER: Duration = Duration::from_millis(150);
    let client = server.client();
    let signer = Signer::new("NONAME", 2048);
    let mut acknowledged = Vec::new();
    let message = |count: usize| ("NONAME".to_string(), [1, 2, 3, 4, 0][count % 5], count as u64);
    let mut tokens =
        (0..).map(message).map(|(group, number, matricula)| signer.message(&group, number, matricula));
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
        wait_until("no half line", || whole("requests.jsonl").is_some());
        assert_eq!(recorded(&whole(RECEIVED).unwrap()), acknowledged);
    }
    make_room();
    for token in [unrecorded].into_iter().chain(tokens).take(12) {
        let count = acknowledged.len();
        assert_eq!(persist(&client, &token, TIMER, 10), next_number(count), "there is room again");
        acknowledged.push(message(count));
    }
    assert_eq!(recorded(&whole(RECEIVED).unwrap()), acknowledged);
    wait_until("requests are logged again", || {
        whole("requests.jsonl").is_some_and(|lines| lines.last().unwrap()["outcome"] == "answered")
    });
}

/// A shell that runs the server after some words of its own, with standard error at the end of
/// `errors`.
#[cfg(unix)]
fn shell(shell: &[&str], before: &str, errors: &Path, server: &Command) -> Command {
    let script = format!("{before} && exec \"$0\" \"$@\" 2>> '{}'", errors.display());
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["sh", "-c", &script]).arg(server.get_program()).args(server.get_args());
    command
}

#[test]
#[cfg(unix)]
fn a_file_at_its_size_limit_costs_nobody_a_message() {
    let class = Class::new();
    let logs = class.directory.path();
    let errors = class.directory.write("errors", [b'.'; 65_536]); // beyond the limit already
    let limited = "trap '' XFSZ; ulimit -S -f 24"; // blocks of 512 bytes, or of 1,024
    let server = Server::spawn(shell(&["env"], limited, &errors, &class.command(&["--verbose"]))).unwrap();
    let process = format!("--pid={}", server.id());
    if !has("prlimit") {
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
    let mut trial = Command::new(MOUNTING[0]);
    if !has(MOUNTING[0])
        || ended(trial.args(&MOUNTING[1..]).args(["sh", "-c", &mount]), b"").status != Some(0)
    {
        return not_tested("this user can't mount a tmpfs (unshare --user --mount)");
    }
    let server = class.command(&["--verbose", "--logs", path]);
    let server = Server::spawn(shell(&MOUNTING, &mount, &logs.join("errors"), &server)).unwrap();
    // Its own mounts are seen through its root directory.
    let inside = Path::new("/proc").join(server.id().to_string()).join("root").join(&path[1..]);
    a_full_disk_costs_nobody_a_message(&server, &inside, || {
        fs::remove_file(inside.join("filler")).unwrap();
    });
}

// A disk that fails, at the seam.

/// Two groups and their first messages, signed once for all the runs below.
struct Signed {
    signers: [(&'static str, Signer); 2],
    /// Each group's messages, in the order in which a client sends them.
    messages: [Vec<(u64, String)>; 2],
}

impl Signed {
    fn new() -> Self {
        let signers = ["HEARTBEAT", "JAVALI"].map(|group| (group, Signer::new(group, 2048)));
        let sign = |index: usize, number: u64| {
            let (group, signer) = &signers[index];
            (number, signer.message(group, number, 100 + number))
        };
        let messages = [vec![sign(0, 1), sign(0, 0)], vec![sign(1, 1), sign(1, 2)]];
        Self { signers, messages }
    }

    fn lab(&self, syncs: bool) -> Lab {
        let signers = self.signers.each_ref().map(|(group, signer)| (*group, signer));
        Lab::that_syncs(syncs, r#"{"HEARTBEAT":1,"JAVALI":3}"#, &signers)
    }
}

/// Plays both groups' messages to a server whose disk fails by `plan`, each until it is answered.
fn play(signed: &Signed, plan: &[Outcome]) {
    let mut lab = signed.lab(true);
    lab.disk.set().plan = plan.to_vec();
    let mut acknowledged: Vec<(String, u64, u64)> = Vec::new();
    let mut left = signed.messages.each_ref().map(|messages| messages.iter());
    let mut last: [Option<&str>; 2] = [None; 2];
    let mut written = None;
    for group in [1, 0].into_iter().cycle() {
        if left.iter().all(|messages| messages.len() == 0) {
            break;
        }
        let Some((seq_number, token)) = left[group].as_slice().first() else { continue };
        let before = lab.progress();
        let (calls, is_torn) = (lab.disk.get().calls.len(), lab.disk.get().is_torn());
        let handled = lab.handle(token);
        let called = lab.disk.get().calls[calls..].to_vec();
        if called.contains(&Call::Append) {
            written = Some((group, *seq_number));
        }
        assert_eq!(handled.outcome.is_ok(), handled.reply.is_some(), "{plan:?}");
        assert_eq!(!is_torn, called[0] == Call::Append, "the cut is tried first if it is owed: {called:?}");
        let (bytes, synced) = (lab.disk.get().bytes.clone(), lab.disk.get().synced);
        if handled.outcome.is_ok() {
            acknowledged.push((signed.signers[group].0.into(), *seq_number, 100 + seq_number));
            assert_eq!(synced, bytes.len(), "acknowledged before the sync: {plan:?}");
            left[group].next();
            last[group] = Some(token);
            written = None;
        } else {
            assert_eq!(handled.outcome, Err("not_recorded"), "{plan:?}");
            assert_eq!(lab.progress(), before, "the state stays: {plan:?}");
        }
        let on_the_disk = std::str::from_utf8(&bytes[..synced.min(bytes.len())]).unwrap();
        assert_eq!(recorded(&common::lines(on_the_disk)), acknowledged, "{plan:?}");
        // A repeat says nothing new: it is answered without the disk, whatever that is like.
        let calls = lab.disk.get().calls.len();
        for repeat in last.into_iter().flatten() {
            let handled = lab.handle(repeat);
            assert!(handled.outcome.is_ok() && handled.reply.is_some(), "{plan:?}");
        }
        assert_eq!(lab.disk.get().calls.len(), calls, "{plan:?}");
        // Should the machine stop here, what is acknowledged is found again, and of what is not
        // no more than the one message that was being written.
        let (found, mut with_that_one) = (lab.progress_after_a_restart(), lab.progress());
        if let Some((group, seq_number)) = written {
            with_that_one[group] = (seq_number, Some(100 + seq_number), with_that_one[group].2 + 1);
        }
        assert!(found == lab.progress() || found == with_that_one, "{plan:?}: {found:?}");
    }
}

#[test]
fn nothing_is_acknowledged_unless_it_is_on_the_disk_whichever_calls_fail() {
    let signed = Signed::new();
    plans(6).for_each(|plan| play(&signed, &plan));
}

/// The outcomes of the calls to come, what a message comes to then, and the calls it makes.
type Attempt<'a> = (&'a [Outcome], Result<u64, &'static str>, &'a [Call]);

#[test]
fn a_failed_record_is_cut_off_before_anything_else_is_written() {
    use Outcome::{Fails, FailsHalfway, Succeeds};
    let signed = Signed::new();
    let mut lab = signed.lab(true);
    let [(_, one), (_, two)] = &signed.messages[1][..] else { panic!("JAVALI's") };
    assert_eq!(lab.handle(one).outcome, Ok(2));
    let cut = Call::Cut(lab.disk.get().bytes.len());
    let table: [Attempt; 4] = [
        (&[FailsHalfway, Fails], Err("not_recorded"), &[Call::Append, cut]),
        (&[Succeeds, Fails], Err("not_recorded"), &[cut, Call::Sync]),
        (&[Fails], Err("not_recorded"), &[Call::Sync]),
        (&[], Ok(3), &[Call::Sync, Call::Append, Call::Sync]),
    ];
    for (plan, outcome, calls) in table {
        lab.disk.set().calls.clear();
        lab.disk.set().plan = plan.to_vec();
        assert_eq!(lab.handle(two).outcome, outcome);
        assert_eq!(lab.disk.get().calls, calls);
    }
}

#[test]
fn of_messages_handled_together_those_on_the_disk_are_acknowledged_whichever_calls_fail() {
    let signed = Signed::new();
    let [heartbeat, javali] = &signed.messages;
    let together = [&javali[0].1, &javali[1].1, &javali[1].1, &heartbeat[0].1];
    for plan in plans(4) {
        let mut lab = signed.lab(true);
        let mut handled = |plan: &[Outcome], tokens: &[&String], expected: &[Result<u64, &str>]| {
            lab.disk.set().plan = plan.to_vec();
            let before = lab.progress();
            let handled = lab.handle_together(tokens);
            let outcomes: Vec<_> = handled.iter().map(|handled| handled.outcome).collect();
            assert_eq!(outcomes, expected, "{plan:?}");
            let replies = handled.iter().map(|handled| handled.reply.is_some());
            assert!(replies.eq(outcomes.iter().map(Result::is_ok)), "{plan:?}");
            let stays = outcomes.iter().any(Result::is_err);
            assert!(!stays || lab.progress() == before, "the state stays: {plan:?}");
        };
        handled(&[], &together[..1], &[Ok(2)]);
        // The first is a repeat; but what its group says that is new needs the write and the sync.
        let is_recorded = plan[..2] == [Outcome::Succeeds; 2];
        let of_new = |next_number| if is_recorded { Ok(next_number) } else { Err("not_recorded") };
        handled(&plan, &together, &[of_new(2), of_new(3), of_new(3), of_new(0)]);
        // Sent again once the disk is well, they are all in, and each but once.
        handled(&[], &together[1..], &[Ok(3), Ok(3), Ok(0)]);
        let all = [("JAVALI", 1, 101), ("JAVALI", 2, 102), ("HEARTBEAT", 1, 101)];
        let all = all.map(|(group, number, matricula)| (group.to_string(), number, matricula));
        let memory = lab.disk.get();
        assert_eq!(recorded(&memory.records()), all, "{plan:?}");
        assert_eq!(memory.synced, memory.bytes.len(), "{plan:?}");
    }
}

#[test]
fn a_disk_that_takes_nothing_costs_a_group_that_says_nothing_new_no_answer() {
    let signed = Signed::new();
    let [heartbeat, javali] = &signed.messages;
    let mut lab = signed.lab(true);
    let mut outcomes = |tokens: &[&String]| {
        lab.handle_together(tokens).iter().map(|handled| handled.outcome).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&[&javali[0].1, &heartbeat[0].1]), [Ok(2), Ok(0)]);
    let before = lab.progress();
    lab.disk.set().is_full = true;
    let forged = heartbeat[0].1.replace(&heartbeat[0].1[200..], &javali[0].1[200..]);
    let out_of_order = signed.signers[1].1.message("JAVALI", 4, 0);
    let tokens = [&javali[0].1, &heartbeat[0].1, &javali[1].1, &forged, &out_of_order];
    let handled = lab.handle_together(&tokens);
    let outcomes: Vec<_> = handled.iter().map(|handled| handled.outcome).collect();
    let gone = Err("not_recorded");
    assert_eq!(outcomes, [gone, Ok(0), gone, Err("bad_signature"), gone], "decided on states put back");
    assert_eq!(lab.progress(), before);
}

/// As many at a time as the server takes, and the rest with the next.
#[test]
fn messages_that_wait_together_share_one_sync() {
    const MESSAGES: usize = MOST_TOGETHER + 3;
    let signed = Signed::new();
    let mut lab = signed.lab(true);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = Client::new(socket.local_addr().unwrap());
    for number in 0..MESSAGES as u64 {
        client.send(signed.signers[1].1.message("JAVALI", number % 4, 100 + number));
    }
    for expected in [MOST_TOGETHER, 3] {
        lab.serve(&socket);
        assert_eq!(lab.disk.set().calls.split_off(0), [Call::Append, Call::Sync]);
        for _ in 0..expected {
            assert!(client.receive(Duration::from_secs(5)).is_some(), "of {expected} replies");
        }
        assert_eq!(client.receive(Duration::from_millis(1)), None, "more than {expected} replies");
    }
    let records = recorded(&lab.disk.get().records());
    let matriculas: Vec<_> = records.iter().map(|(.., matricula)| *matricula).collect();
    assert_eq!(matriculas, (100..100 + MESSAGES as u64).collect::<Vec<_>>(), "in the order of arrival");
}

#[test]
fn the_start_puts_the_file_in_order_before_it_returns() {
    let whole = record("JAVALI", 1, 7);
    let torn = format!("{whole}{}", &record("JAVALI", 2, 8)[..50]);
    for syncs in [true, false] {
        let (warnings, calls, _) = started(whole.as_bytes(), syncs, &[]);
        assert_eq!((warnings, calls), (Ok(vec![]), vec![Call::Read, Call::Sync]));
        let (warnings, calls, left) = started(torn.as_bytes(), syncs, &[]);
        assert!(warnings.unwrap()[0].starts_with("50 bytes after its last whole line are cut off"));
        assert_eq!(calls, [Call::Read, Call::Cut(whole.len()), Call::Sync]);
        assert_eq!(left, whole.as_bytes());
    }
    let unended = whole.trim_end().as_bytes();
    for (file, plan) in [
        (torn.as_bytes(), &[Outcome::Fails][..]),
        (torn.as_bytes(), &[Outcome::Succeeds, Outcome::Fails]),
        (unended, &[Outcome::Succeeds, Outcome::Fails]),
        (unended, &[Outcome::Succeeds, Outcome::Succeeds, Outcome::Fails]),
    ] {
        let error = started(file, true, plan).0.unwrap_err();
        assert!(error.starts_with("cannot be put in order and synced: the disk fails; mend"), "{error}");
    }
}

#[test]
fn without_sync_a_record_is_written_before_its_reply_all_the_same() {
    let signed = Signed::new();
    let mut lab = signed.lab(false);
    for (_, token) in &signed.messages[1] {
        assert!(lab.handle(token).reply.is_some());
    }
    assert_eq!(lab.disk.get().calls, [Call::Append, Call::Append]);
}

// The start.

#[test]
fn a_second_server_on_a_directory_changes_nothing_in_it() {
    let class = Class::new();
    let mut first = Server::start(&class, &[]);
    let token = Signer::new("JAVALI", 2048).message("JAVALI", 1, 7);
    first.client().ask(&token);
    class.requests(1);
    let all = || {
        let paths = fs::read_dir(class.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.filter(|path| path.is_file()).collect();
        paths.sort();
        let modified = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
        paths.iter().map(|path| (path.clone(), modified(path), fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let before = all();
    for options in [&[][..], &["--no-sync"], &["--verbose"]] {
        let errors = failed(&mut class.command(options), 1);
        let or = if cfg!(windows) { ", or a program that lets nobody write to it" } else { "" };
        let in_use = format!("received.jsonl: another server is using it{or}; stop ");
        assert!(errors.contains(&in_use), "{errors}");
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
fn a_damaged_line_in_the_middle_stops_the_start_before_it_changes_anything() {
    let mut lines = damaged_lines();
    lines.push(("empty", Vec::new()));
    for (kind, line) in lines {
        let class = Class::new();
        let [first, last] = [record("JAVALI", 1, 7), record("NONAME", 1, 9)];
        // What follows the last LF must not be cut off either: nothing is, by a start that fails.
        let file = [first.as_bytes(), &line, b"\n", last.as_bytes(), b"{\"time\":"].concat();
        class.directory.write(RECEIVED, &file);
        let errors = failed(&mut class.command(&[]), 1);
        let named = format!("{}: line 2 is not a whole record", class.directory.file(RECEIVED).display());
        if kind != "two in one line" {
            assert!(errors.contains(&named), "{kind}: {errors}");
            assert!(
                errors.contains("mend it or move it to another file, and start again"),
                "{kind}: {errors}"
            );
        }
        assert!(errors.lines().all(|line| !line.contains(|char| !matches!(char, ' '..='~'))), "{errors:?}");
        assert_eq!(fs::read(class.directory.file(RECEIVED)).unwrap(), file, "{kind}");
    }
}

#[test]
fn the_beginning_of_one_record_after_the_last_lf_is_cut_off_with_a_warning() {
    let whole = record("JAVALI", 1, 7);
    let torn = record("JAVALI", 2, 8);
    let beginning = |bytes: usize| torn.as_bytes()[..bytes].to_vec();
    let with_nuls = |mut line: Vec<u8>, nuls: std::ops::Range<usize>| {
        line[nuls].fill(0);
        line
    };
    let class = Class::new();
    let signer = Signer::new("JAVALI", 2048);
    for (kind, line) in [
        ("one byte", beginning(1)),
        ("half of a name", beginning(5)),
        ("all but the brace and the LF", beginning(torn.len() - 2)),
        ("NULs alone", vec![0; 4_096]),
        ("NULs behind it", [beginning(70), vec![0; 900]].concat()),
        ("NULs before it", with_nuls(beginning(100), 0..60)),
        ("NULs in it", with_nuls(beginning(100), 5..30)),
        ("as long as a record may be", [beginning(130), vec![b'a'; LONGEST_TAIL - 130]].concat()),
    ] {
        class.directory.write(RECEIVED, [whole.as_bytes(), &line].concat());
        let report = report_of(class.directory.path(), &[]);
        assert!(report.contains("1 of 3 in"), "{kind}: the server may be writing it: {report}");
        let server = Server::start(&class, &["--quiet"]);
        let warning = format!("{} bytes after its last whole line are cut off: the beginning of", line.len());
        assert!(server.errors().contains(&warning), "{kind}: {}", server.errors());
        assert_eq!(class.directory.read(RECEIVED), whole, "{kind}");
        let token = signer.message("JAVALI", 1, 7);
        assert_eq!(server.client().next_number(&token), 2, "{kind}: the state is that of the whole lines");
        assert_eq!(class.directory.read(RECEIVED), whole, "{kind}: and a repeat says nothing new");
    }
}

#[test]
fn whatever_else_follows_the_last_lf_stops_the_start_and_the_report_and_is_left_as_it_is() {
    let mut lines = damaged_lines();
    lines.retain(|(kind, _)| *kind != "zeros");
    lines.push(("more than a record", vec![b'x'; LONGEST_TAIL + 1]));
    let long = [br#"{"time":""#, vec![b'x'; LONGEST_TAIL].as_slice(), &[0; 9]].concat();
    lines.push(("a beginning, longer than a record", long));
    lines.push((
        "a record and the beginning of one",
        (record("JAVALI", 2, 8).trim_end().to_string() + "{\"ti").into(),
    ));
    let class = Class::new();
    for (kind, line) in lines {
        let file = [record("JAVALI", 1, 7).as_bytes(), &line].concat();
        class.directory.write(RECEIVED, &file);
        let directory = class.directory.path().to_str().unwrap();
        let start = failed(&mut class.command(&[]), 1);
        assert!(
            start.contains(&format!("{} bytes after its last newline are no", line.len())),
            "{kind}: {start}"
        );
        let report = failed(Command::new(PROGRAM).args(["report", "--csv", directory]), 1);
        assert_eq!(report, start, "{kind}");
        assert_eq!(fs::read(class.directory.file(RECEIVED)).unwrap(), file, "{kind}");
    }
}

/// Records whose newlines an editor has taken or replaced, and how many start and report find in it.
#[test]
fn whole_records_that_were_joined_are_parted_again_by_what_the_error_says() {
    let class = Class::new();
    let directory = class.directory.path().to_str().unwrap();
    let records: Vec<_> = (1..=17).map(|number| record("JAVALI", 1, number)).collect();
    let whole = records.concat();
    let without_newlines = |count: usize, between: &str| {
        let joined: Vec<_> = records[..count].iter().map(|record| record.trim_end()).collect();
        joined.join(between)
    };
    for (file, count, found) in [
        (without_newlines(17, ""), 17, "17 whole records are in it, with nothing in place"),
        (without_newlines(4, ""), 4, "4 whole records are in it, with nothing in place"),
        (without_newlines(17, "\r") + "\r", 17, "17 whole records are in it, with carriage returns (CR)"),
        (without_newlines(1, "") + "\r", 1, "a whole record is in it, with carriage returns (CR)"),
        (records[0].clone() + &records[1..4].concat().replace('\n', ""), 4, "3 whole records are in it"),
        (
            without_newlines(3, "") + "\n" + &records[3],
            4,
            "line 1 is not one record: 3 whole records are in it",
        ),
    ] {
        class.directory.write(RECEIVED, &file);
        let start = failed(&mut class.command(&[]), 1);
        assert!(start.contains(found), "{start}");
        assert_eq!(class.directory.read(RECEIVED), file);
        if !found.starts_with("line") {
            let report = failed(Command::new(PROGRAM).args(["report", "--csv", directory]), 1);
            assert_eq!(report, start);
        }
        let (_, mend) = start.trim_end().split_once("and start again: ").unwrap();
        common::shell(Path::new("/"), mend);
        let server = Server::start(&class, &["--quiet"]);
        assert!(!server.errors().contains("cut off"), "{}", server.errors());
        assert_eq!(class.directory.read(RECEIVED), records[..count].concat(), "of {}", whole.len());
        fs::remove_file(class.directory.file("received.jsonl.before")).unwrap();
    }
}

#[test]
fn nuls_behind_a_whole_record_are_cut_off_and_the_record_is_kept() {
    for nuls in [1, 700, LONGEST_TAIL, 70_000] {
        let class = Class::new();
        let whole = record("JAVALI", 1, 7);
        class.directory.write(RECEIVED, [whole.trim_end().as_bytes(), &vec![0; nuls]].concat());
        let server = Server::start(&class, &["--quiet"]);
        let said = format!("it is kept, and ended; the {nuls} NULs behind it are cut off");
        assert!(server.errors().contains(&said), "{}", server.errors());
        assert_eq!(class.directory.read(RECEIVED), whole);
    }
}

/// A batch is written with one write. If the power fails, the file may have the new length, and NULs in
/// place of any number of its records.
#[test]
fn the_nuls_of_a_whole_batch_are_cut_off_like_those_of_one_record() {
    let whole = record("JAVALI", 1, 7);
    for begun in ["", "{\"time\":\"2023-11-14T22:1"] {
        for nuls in [1, LONGEST_TAIL - begun.len(), LONGEST_TAIL + 1, 2 * LONGEST_TAIL, 70_000] {
            let disk = Disk::of(&[whole.as_bytes(), begun.as_bytes(), &vec![0; nuls]].concat());
            let found = read_back(Box::new(disk.clone()), &Table::compiled_in(), true);
            let found = found.unwrap_or_else(|fault| panic!("{begun}, {nuls} NULs: {fault:?}"));
            assert_eq!(found.tail, Tail::Torn((begun.len() + nuls) as u64));
            assert_eq!(disk.get().bytes, whole.as_bytes());
        }
    }
}

#[test]
fn what_somebody_appends_after_a_cut_stays_though_its_sync_had_failed() {
    let javali = Signer::new("JAVALI", 2048);
    let mut lab = Lab::of_javali(&javali);
    let message = javali.message("JAVALI", 1, 7);
    // Half of the record is written, the cut succeeds, and its sync fails.
    lab.disk.set().plan = vec![Outcome::FailsHalfway, Outcome::Succeeds, Outcome::Fails];
    assert_eq!(lab.handle(&message).outcome, Err("not_recorded"));
    let cut_off = lab.disk.get().calls.contains(&Call::Cut(0)) && lab.disk.get().bytes.is_empty();
    assert!(cut_off && lab.disk.get().plan.is_empty(), "{:?}", lab.disk.get().calls);
    // Somebody appends as many bytes as were cut off.
    let mut other = Lab::of_javali(&javali);
    assert_eq!(other.handle(&message).outcome, Ok(2));
    let length = other.disk.get().bytes.len() / 2;
    lab.disk.set().bytes = vec![b'x'; length];
    for _ in 0..2 {
        assert_eq!(lab.handle(&message).outcome, Err("not_recorded"));
        assert_eq!(lab.disk.get().bytes, vec![b'x'; length], "nothing of it is cut off");
    }
}

#[test]
fn a_whole_record_at_the_end_is_kept_though_an_editor_took_its_lf_off() {
    let class = Class::new();
    let whole = record("JAVALI", 1, 7) + &record("JAVALI", 2, 8);
    class.directory.write(RECEIVED, whole.trim_end());
    let report = report_of(class.directory.path(), &[]);
    assert!(report.contains("2 of 3 in"), "{report}");
    let server = Server::start(&class, &["--quiet"]);
    assert!(server.errors().contains("its last record had no newline: it is kept, and ended"));
    assert_eq!(class.directory.read(RECEIVED), whole);
    let next = Signer::new("JAVALI", 2048).message("JAVALI", 3, 9);
    assert_eq!(server.client().next_number(&next), 0, "state 2 is the last record's");
}

#[test]
fn a_record_without_its_lf_is_kept_if_there_is_room_for_the_lf_in_a_line() {
    let of_length = |length: usize| {
        let record = record("JAVALI", 1, 7);
        let token = "x".repeat(length - record.trim_end().len());
        record.trim_end().replace("c2ln", &format!("c2ln{token}"))
    };
    for (length, is_kept) in [(LONGEST_TAIL - 1, true), (LONGEST_TAIL, false)] {
        let class = Class::new();
        class.directory.write(RECEIVED, of_length(length));
        let server = Server::spawn(class.command(&["--quiet"]));
        assert_eq!(server.is_ok(), is_kept, "{length} bytes: {:?}", server.err());
        let left = if is_kept { of_length(length) + "\n" } else { of_length(length) };
        assert_eq!(class.directory.read(RECEIVED), left);
    }
}

#[test]
fn each_line_is_counted_and_none_is_kept_that_is_longer_than_any_record() {
    let file = [8_191, 8_192, 3, 20_000, 0].map(|length| vec![b'x'; length]).join(&b'\n');
    let mut lines = Vec::new();
    let read = each_record(&mut &file[..], |number, record| {
        lines.push((number, record.expect_err("no record").len()));
        Ok(())
    });
    assert_eq!(read.unwrap(), (file.len() as u64, Tail::Nothing));
    assert_eq!(lines, [(1, 8_191), (2, 8_192), (3, 3), (4, 8_192)], "number and length");
    // Nor is the longest piece of one taken for a record, though it is one but for the rest.
    for end in ["x", "\n", "x\n"] {
        let file = format!("{:8192}{end}", record("JAVALI", 1, 7).trim_end());
        let each =
            |_, record: Result<Record, &[u8]>| record.map(|_| ()).map_err(|_| Fault::Line(1, Vec::new()));
        let read = each_record(&mut file.as_bytes(), each);
        assert!(matches!(read, Err(Fault::Tail(8_193, _) | Fault::Line(..))), "{read:?}");
    }
}

#[test]
fn records_of_a_group_that_the_table_lacks_are_passed_over_with_one_warning() {
    let class = Class::new();
    let groups = ["GONE", "JAVALI", "AWAY", "\u{1b}[2J"].into_iter().cycle();
    let file: String = (0..50).zip(groups).map(|(count, group)| record(group, 1, count)).collect();
    class.directory.write(RECEIVED, file.replace('\u{1b}', "\\u001b"));
    let before = class.directory.read(RECEIVED);
    let server = Server::start(&class, &[]);
    let errors = server.errors();
    let warnings: Vec<_> = errors.lines().filter(|line| line.contains("not in the table")).collect();
    assert_eq!(warnings.len(), 3, "{errors}");
    assert!(warnings.iter().any(|line| line.contains("records of \"GONE\", which is not in the table")));
    assert!(!errors.contains('\u{1b}'), "{errors:?}");
    assert_eq!(class.directory.read(RECEIVED), before);
    let token = Signer::new("JAVALI", 2048).message("JAVALI", 2, 8);
    assert_eq!(server.client().next_number(&token), 3);
}

#[test]
fn a_hundred_groups_that_the_table_lacks_are_named_and_no_more() {
    let class = Class::new();
    let file: String = (0..250).map(|number| record(&format!("GONE{number:03}"), 1, number)).collect();
    class.directory.write(RECEIVED, &file);
    let errors = Server::start(&class, &[]).errors();
    assert_eq!(errors.matches("which is not in the table").count(), 100, "{errors}");
}

#[test]
fn a_state_above_the_members_is_left_by_0_alone() {
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
        let kibibytes = common::memory_of(server.id(), "VmHWM");
        println!("peak memory {kibibytes} KiB");
        assert!(kibibytes < 8 * 1_024, "{kibibytes} KiB");
    }

    let client = server.client();
    let token = |seq_number, matricula| signer.message("NONAME", seq_number, matricula);
    assert_eq!(client.next_number(&token(0, 7)), 1, "the last that is kept");
    client.send(token(1, 7));
    client.send(token(0, 8));
    assert_eq!(client.next_number(&token(0, 7)), 1, "a repeat is answered as ever");
    let way_out = "stop the server, move this group's lines of received.jsonl to another file";
    for refused in &class.requests(4)[1..3] {
        assert_eq!(refused["outcome"], "not_recorded");
        assert!(refused["detail"].as_str().unwrap().contains(way_out), "{refused}");
    }
    let other = Signer::new("JAVALI", 2048).message("JAVALI", 2, 8);
    assert_eq!(client.next_number(&other), 3, "the other groups go on");
    assert_eq!(class.directory.read(RECEIVED).lines().count(), MOST_RECORDS as usize + 2);
}

#[test]
fn what_is_new_is_recorded_once_however_often_the_server_starts() {
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
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for (group, seq_number, matricula, next_number, is_new) in exchange {
        let signer = if group == "JAVALI" { &javali } else { &noname };
        let server = Server::start(&class, &[]);
        let table = server.errors();
        for (group, state) in &states {
            let row = table.lines().find(|line| line.starts_with(group)).unwrap();
            assert_eq!(row.split_whitespace().nth(2).unwrap(), state.to_string());
        }
        let token = signer.message(group, seq_number, matricula);
        assert_eq!(server.client().next_number(&token), next_number, "{group} {seq_number} {matricula}");
        if is_new {
            states.insert(group, seq_number);
            expected.push((group.to_string(), seq_number, matricula));
        }
        assert_eq!(recorded(&class.received()), expected);
    }
}

#[test]
fn a_time_is_written_and_read_back_as_the_calendar_has_it() {
    let (mut days, mut time_of_day) = (0, 0);
    // More than the 400 years after which the calendar repeats; of each month the days around its ends.
    for year in 1970..=2401_u64 {
        let is_leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
        let february = if is_leap { 29 } else { 28 };
        for (month, last) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
            for day in [1, 2, 28, last] {
                time_of_day = (time_of_day + 12_345_678) % 86_400_000;
                let [hour, minute] = [time_of_day / 3_600_000, time_of_day / 60_000 % 60];
                let [second, milli] = [time_of_day / 1_000 % 60, time_of_day % 1_000];
                let text =
                    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z");
                let time = Duration::from_millis((days + day - 1) * 86_400_000 + time_of_day);
                assert_eq!((&rfc3339(time), parse_rfc3339(&text)), (&text, Some(time)));
            }
            days += last;
        }
    }
}

#[test]
fn a_record_is_signed_evidence_to_openssl_too() {
    let (class, _server, client) = served(&[]);
    let signer = Signer::new("JAVALI", 2048);
    let before = UNIX_EPOCH.elapsed().unwrap();
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
        let expected = format!(
            "{{\"time\":\"{time}\",\"peer\":\"{peer}\",\"group\":\"JAVALI\",\"seq_number\":{seq_number},\
             \"seq_max\":{seq_max},\"matricula\":{matricula},\"token\":\"{token}\"}}"
        );
        assert_eq!(line, expected);
        let time = parse_rfc3339(time).expect("RFC 3339, UTC, milliseconds");
        let millisecond = Duration::from_millis(1);
        assert!(before < time + millisecond && time <= UNIX_EPOCH.elapsed().unwrap(), "{time:?}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signed = class.directory.write("signed", signed);
        let signature = class.directory.write("signature", base64url(signature.as_bytes()).unwrap());
        let [public, signed, signature] = [&public, &signed, &signature].map(|path| path.to_str().unwrap());
        run("openssl", &["dgst", "-sha256", "-verify", public, "-signature", signature, signed]);
    }
}

#[test]
#[cfg(unix)]
fn a_place_for_the_records_that_cannot_be_used_is_named_with_the_way_out() {
    let class = Class::new();
    let directory = &class.directory;
    directory.write("directory/received.jsonl/below", "");
    directory.write("file", "");
    directory.write("device/below", "");
    std::os::unix::fs::symlink("/dev/null", directory.file("device/received.jsonl")).unwrap();
    let table = [
        ("directory", "directory/received.jsonl: cannot be opened for writing", "move it elsewhere"),
        ("missing", "missing/received.jsonl: cannot be opened for writing", "make the directory"),
        ("file", "file/received.jsonl: cannot be opened for writing", "--logs DIR"),
        ("device", "device/received.jsonl: cannot be opened for writing: it is not a file", "--logs DIR"),
    ];
    for (logs, named, way_out) in table {
        let errors = failed(&mut class.command(&["--logs", directory.file(logs).to_str().unwrap()]), 1);
        assert!(errors.contains(named) && errors.contains(way_out), "{errors}");
    }
    assert!(!directory.file("missing").exists());
}

#[test]
#[cfg(unix)]
fn a_file_that_this_user_must_not_write_is_named_with_the_way_out() {
    let Some(bound) = bound_by_permissions(PROGRAM) else { return };
    let class = Class::new();
    let directory = &class.directory;
    directory.write("file/received.jsonl", "");
    fs::create_dir(directory.file("none")).unwrap();
    set_mode(&directory.file("file/received.jsonl"), 0o400);
    set_mode(&directory.file("none"), 0o500);
    let (program, words): (_, Vec<_>) = (bound.get_program(), bound.get_args().collect());
    for logs in ["file", "none"] {
        let server = class.command(&["--logs", directory.file(logs).to_str().unwrap()]);
        let errors = failed(Command::new(program).args(&words).args(server.get_args()), 1);
        for said in [
            "received.jsonl: cannot be opened for writing: Permission denied",
            "must belong to the user that runs the server",
            "--logs DIR",
        ] {
            assert!(errors.contains(said), "{said}: {errors}");
        }
    }
}

#[test]
#[cfg(unix)]
fn the_name_of_the_file_is_on_the_disk_before_the_start_ends() {
    let Some(bound) = bound_by_permissions(PROGRAM) else { return };
    let class = Class::new();
    let logs = class.directory.file("logs");
    fs::create_dir(&logs).unwrap();
    let server = class.command(&["--logs", logs.to_str().unwrap()]);
    let start = || {
        let mut command = Command::new(bound.get_program());
        command.args(bound.get_args()).args(server.get_args());
        Server::spawn(command).map(drop)
    };
    set_mode(&logs, 0o300); // a file can be made in it, but it can't be opened to be synced
    // It is new, then empty, then has a record: somebody may have moved it there just now.
    for file in ["", "", &record("JAVALI", 1, 7)] {
        if !file.is_empty() {
            fs::write(logs.join(RECEIVED), file).unwrap();
        }
        let errors = start().unwrap_err();
        assert!(errors.contains("its directory cannot be synced: Permission denied"), "{errors}");
    }
    set_mode(&logs, 0o700); // so that it can be removed
    start().unwrap();
}
