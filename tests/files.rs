//! Whatever else touches the files: nothing acknowledged is lost, and no file holds up a start.
#![cfg(unix)]

use crate::common;
use crate::common::in_memory::{Call, Disk, Lab, NOW, Outcome};
use crate::common::{
    Class, Client, PROGRAM, Running, Server, Signer, ended, failed, has, lines, record, recorded, run,
    set_mode, shell, wait_until,
};
use ring::hmac;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};
use udpsocket_jwt_server::allowance::Allowance;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::jws::sign;
use udpsocket_jwt_server::received::{self, Records};
use udpsocket_jwt_server::refusal::NotRecorded;
use udpsocket_jwt_server::restart::{Fault, read_back};
use udpsocket_jwt_server::tools::faults::start::check_clock;

const RECEIVED: &str = "received.jsonl";
const WARNING: &str = "WARNING: NOTHING NEW IS ACKNOWLEDGED: ";
/// How long nothing must come for a message to be unanswered.
const SILENCE: Duration = Duration::from_millis(150);

fn javali() -> Signer {
    Signer::new("JAVALI", 2048)
}

/// A class whose records are in `logs/`, and a server on it that says nothing of datagrams.
fn started() -> (Class, Server) {
    let class = Class::new();
    class.directory.write("logs/.keep", "");
    let server = server_on(&class);
    (class, server)
}

fn server_on(class: &Class) -> Server {
    let mut command = Command::new(PROGRAM);
    let directory = class.directory.path();
    command.args(["--quiet", "--logs", "logs", "127.0.0.1", "0", "."]).current_dir(directory);
    Server::spawn(command).unwrap_or_else(|errors| panic!("{errors}"))
}

#[track_caller]
fn is_unanswered(client: &Client, token: &str) {
    client.send(token);
    assert_eq!(client.receive(SILENCE), None, "answered");
}

/// What the terminal was told, which must be one warning.
#[track_caller]
fn the_one_warning(server: &Server) -> String {
    wait_until("a warning", || server.errors().contains(WARNING));
    let errors = server.errors();
    let mut warnings = errors.lines().filter_map(|line| line.strip_prefix(WARNING));
    let warning = warnings.next().unwrap().to_string();
    assert_eq!(warnings.next(), None, "{errors}");
    warning
}

// Moved, removed, replaced.

#[test]
fn a_file_without_its_name_takes_no_message_until_it_is_moved_back() {
    for (move_away, move_back) in [
        ("mv received.jsonl away", "mv away received.jsonl"),
        ("mv received.jsonl ..", "mv ../received.jsonl ."),
        ("mv ../logs ../away", "mv ../away ../logs"),
        ("mkdir b; mv received.jsonl b; mv b received.jsonl", "mv received.jsonl b; mv b/received.jsonl ."),
        ("cp received.jsonl b; mv received.jsonl a; mv b received.jsonl", "mv a received.jsonl"),
    ] {
        let (class, server) = started();
        let (client, signer) = (server.client(), javali());
        let tokens = [1, 2, 3].map(|number| signer.message("JAVALI", number, 100 + number));
        assert_eq!(client.next_number(&tokens[0]), 2);
        shell(&class.directory.file("logs"), move_away);
        for _ in 0..2 {
            is_unanswered(&client, &tokens[1]);
            assert_eq!(client.next_number(&tokens[0]), 2, "{move_away}: a repeat needs no file");
        }
        let warning = the_one_warning(&server);
        let is_found = warning.contains("it is now /") && warning.contains("and the server goes on: mv ");
        assert!(is_found || cfg!(not(target_os = "linux")), "{warning}");
        assert!(warning.contains("Move it back"), "{warning}");
        let directory = if move_away.contains("../away") { "away" } else { "logs" };
        shell(&class.directory.file(directory), move_back);
        assert_eq!(client.next_number(&tokens[1]), 3, "{move_away}");
        assert_eq!(client.next_number(&tokens[2]), 0);
        drop(server);
        let records = recorded(&lines(&class.directory.read("logs/received.jsonl")));
        assert_eq!(records, [1, 2, 3].map(|number| ("JAVALI".into(), number, 100 + number)), "{move_away}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_removed_or_replaced_file_held_is_saved_by_what_the_warning_says() {
    for replace in [
        "rm received.jsonl",
        "sed -i s/7/7/ received.jsonl",
        "cp received.jsonl b; mv b received.jsonl",
        "cp received.jsonl .b; echo >> .b; mv -f .b received.jsonl",
    ] {
        let (class, server) = started();
        let (client, signer) = (server.client(), javali());
        let tokens = [1, 2].map(|number| signer.message("JAVALI", number, 100 + number));
        assert_eq!(client.next_number(&tokens[0]), 2);
        shell(&class.directory.file("logs"), replace);
        is_unanswered(&client, &tokens[1]);
        let warning = the_one_warning(&server);
        let way_out = warning.split_once(": cp ").unwrap().1.split_once(". Then").unwrap().0;
        assert!(way_out.starts_with(&format!("/proc/{}/fd/", server.id())), "{way_out}");
        shell(Path::new("/"), &format!("cp {way_out}"));
        is_unanswered(&client, &tokens[1]);
        the_one_warning(&server);
        drop(server);
        let server = server_on(&class);
        assert_eq!(server.client().next_number(&tokens[1]), 3, "{replace}: the 1 is there");
    }
}

#[test]
fn of_two_servers_on_one_name_only_that_with_the_file_of_that_name_acknowledges() {
    let (class, first) = started();
    let (client, signer) = (first.client(), javali());
    let [one, two] = [1, 2].map(|number| signer.message("JAVALI", number, 7));
    client.next_number(&one);
    shell(&class.directory.file("logs"), "mv received.jsonl old");
    let second = server_on(&class);
    is_unanswered(&client, &two);
    assert_eq!(second.client().next_number(&one), 2);
    assert_eq!(second.client().next_number(&two), 3);
    assert_eq!(class.directory.read("logs/old").lines().count(), 1);
    assert_eq!(class.directory.read("logs/received.jsonl").lines().count(), 2);
}

#[test]
fn a_warning_comes_again_only_after_a_message_was_recorded_meanwhile() {
    let (class, server) = started();
    let (client, signer) = (server.client(), javali());
    let logs = class.directory.file("logs");
    for (count, number) in [1, 2, 3].into_iter().enumerate() {
        shell(&logs, "mv received.jsonl away");
        let token = signer.message("JAVALI", number, 7);
        is_unanswered(&client, &token);
        wait_until("a warning each time", || server.errors().matches(WARNING).count() == count + 1);
        shell(&logs, "mv away received.jsonl");
        client.next_number(&token);
    }
}

// Changed.

#[test]
fn a_file_that_another_program_has_changed_is_left_as_it_is_until_the_restart() {
    let append = format!("printf '%s' '{}' >> received.jsonl", record("JAVALI", 2, 102));
    for (change, next_number) in [(&*append, 3), (": > received.jsonl", 2)] {
        let (class, server) = started();
        let (client, signer) = (server.client(), javali());
        client.next_number(&signer.message("JAVALI", 1, 101));
        shell(&class.directory.file("logs"), change);
        let changed = class.directory.read("logs/received.jsonl");
        for _ in 0..2 {
            is_unanswered(&client, &signer.message("JAVALI", 2, 103));
        }
        assert!(the_one_warning(&server).contains("restart the server, which reads it anew"));
        assert_eq!(class.directory.read("logs/received.jsonl"), changed, "{change}");
        drop(server);
        let server = server_on(&class);
        let last = signer.message("JAVALI", next_number - 1, 104);
        assert_eq!(server.client().next_number(&last), next_number, "{change}");
    }
}

#[test]
fn a_full_disk_undoes_nothing_that_others_did_to_the_file() {
    if !has("prlimit") {
        return;
    }
    for change in ["printf '%s' \"$1\" >> received.jsonl", ": > received.jsonl"] {
        let class = Class::new();
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -S -f 8; exec \"$0\" \"$@\"", PROGRAM, "--quiet"]);
        command.args(["127.0.0.1", "0"]).arg(class.directory.path());
        let server = Server::spawn(command).unwrap_or_else(|errors| panic!("{errors}"));
        let (client, signer) = (server.client(), javali());
        let is_answered = |matricula: &u64| {
            let token = signer.message("JAVALI", 1, *matricula);
            // A busy disk may take longer than one silence.
            (0..5).any(|_| {
                client.send(&token);
                client.receive(SILENCE).is_some()
            })
        };
        let count = (0..100).take_while(is_answered).count();
        assert!((3..100).contains(&count), "{count}");
        let script = format!("set -- '{}'; {change}", record("NONAME", 1, 7));
        shell(class.directory.path(), &script);
        let changed = class.directory.read(RECEIVED);
        for matricula in 0..3 {
            is_unanswered(&client, &signer.message("JAVALI", 1, 1_000 + matricula));
        }
        assert_eq!(class.directory.read(RECEIVED), changed, "{change}");
        let process = format!("--pid={}", server.id());
        run("prlimit", &[&process, "--fsize=unlimited"]);
        is_unanswered(&client, &signer.message("JAVALI", 1, 2_000));
        assert_eq!(class.directory.read(RECEIVED), changed, "{change}");
        drop(server);
        Server::start(&class, &[]);
        assert_eq!(class.directory.read(RECEIVED), changed, "and every line of it is whole: {change}");
    }
}

#[test]
fn only_the_bytes_that_the_server_itself_has_left_are_cut_off() {
    let signer = javali();
    let message = |number| signer.message("JAVALI", number, 100 + number);
    // Half a record is left, the cut fails, and then somebody changes the file.
    for change in [
        |bytes: &mut Vec<u8>| bytes.extend(record("JAVALI", 2, 8).bytes()),
        |bytes: &mut Vec<u8>| bytes.clear(),
        |bytes: &mut Vec<u8>| bytes.truncate(20),
    ] {
        let mut lab = Lab::of_javali(&signer);
        lab.handle(message(1));
        lab.disk.set().plan = vec![Outcome::FailsHalfway, Outcome::Fails];
        assert_eq!(lab.handle(message(2)).outcome, Err("not_recorded"));
        assert!(lab.disk.get().is_torn());
        change(&mut lab.disk.set().bytes);
        let changed = lab.disk.get().bytes.clone();
        assert_eq!(lab.handle(message(2)).outcome, Err("not_recorded"));
        assert_eq!(lab.handle(message(1)).outcome, Ok(2), "a repeat");
        assert_eq!(lab.disk.get().bytes, changed);
    }
}

#[test]
fn a_record_in_a_file_that_has_lost_its_name_before_the_sync_is_taken_back() {
    let signer = javali();
    let message = |number| signer.message("JAVALI", number, 100 + number);
    let mut lab = Lab::of_javali(&signer);
    lab.handle(message(1));
    let before = lab.disk.get().bytes.clone();
    lab.disk.set().moves_at_sync = true;
    let refused = lab.handle(message(2));
    assert_eq!((refused.outcome, refused.reply), (Err("not_recorded"), None));
    assert!(lab.disk.get().bytes.len() > before.len(), "nothing is cut from a file without its name");
    lab.disk.set().is_moved = false;
    assert_eq!(lab.handle(message(2)).outcome, Ok(3));
    let records = recorded(&lab.disk.get().records());
    assert_eq!(records, [1, 2].map(|number| ("JAVALI".into(), number, 100 + number)), "once");
}

#[test]
fn where_the_disk_takes_nothing_a_message_is_still_refused_for_its_own_mistake() {
    let signer = javali();
    let mut lab = Lab::of_javali(&signer);
    lab.disk.set().is_full = true;
    let no_number = signer.sign(common::RS256, r#"{"group":"JAVALI","matricula":7}"#);
    let handled = lab.handle_together(&[signer.message("JAVALI", 1, 7), no_number]);
    let outcomes: Vec<_> = handled.iter().map(|handled| handled.outcome).collect();
    assert_eq!(outcomes, [Err("not_recorded"), Err("bad_claim")]);
}

#[test]
fn a_start_ends_on_a_file_that_has_lost_its_name_by_its_sync() {
    let disk = Disk::of(common::record("JAVALI", 1, 7).as_bytes());
    disk.set().moves_at_sync = true;
    let fault = read_back(Box::new(disk), &Table::compiled_in(), true).err();
    assert!(matches!(fault, Some(Fault::Mend(NotRecorded::Moved))), "{fault:?}");
}

/// A disk that takes 100 bytes at a time.
struct Slow(Disk);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl received::Disk for Slow {
    fn length(&mut self) -> io::Result<Option<u64>> {
        self.0.length()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(&bytes[..bytes.len().min(100)])
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

#[test]
fn what_several_writes_have_left_of_a_record_is_cut_off() {
    let disk = Disk::default();
    let mut records = Records::of(Box::new(Slow(disk.clone())), 0, 0, true).unwrap();
    let line = common::record("JAVALI", 1, 7);
    records.add(line.as_bytes());
    disk.set().plan = vec![Outcome::Succeeds, Outcome::Succeeds, Outcome::Fails];
    assert_eq!(records.commit(), Err(NotRecorded::Disk("the disk fails".into())));
    assert!(disk.get().bytes.is_empty() && disk.get().calls.contains(&Call::Cut(0)));
    records.add(line.as_bytes());
    assert_eq!(records.commit(), Ok(()));
    assert_eq!(disk.get().bytes, line.as_bytes());
}

// The allowance.

/// The moments, in ms, at which a group may have a record, of those at which one is asked for.
fn allowed(allowance: &mut Allowance, times: impl Iterator<Item = u64>) -> Vec<u64> {
    let allowed = |time: &u64| {
        let time = Duration::from_millis(*time);
        let is_allowed = allowance.permits(time);
        if is_allowed {
            allowance.spend(time);
        }
        is_allowed
    };
    times.filter(allowed).collect()
}

#[test]
fn a_group_may_have_300_records_at_once_and_then_two_a_second() {
    const START: u64 = 1_700_000_000_000;
    let mut group = Allowance::default();
    assert_eq!(allowed(&mut group, std::iter::repeat_n(START, 1_000)).len(), 300);
    // What a server with --no-limit records beyond that is not held against the group.
    (0..1_000).for_each(|_| group.spend(Duration::from_millis(START)));
    let minute = allowed(&mut group, (START + 1..=START + 60_000).step_by(10));
    assert_eq!(minute.len(), 119, "one at each half second");
    // Nothing is saved up beyond that, however long the group is idle.
    let idle = START + 1_000_000_000;
    assert_eq!(allowed(&mut group, std::iter::repeat_n(idle, 1_000)).len(), 300);
    // A clock that goes far back locks nobody out; half a second is not far.
    assert_eq!(allowed(&mut group, std::iter::repeat_n(START, 1_000)).len(), 300);
    assert_eq!(allowed(&mut group, [START - 500, START - 501].into_iter()), [START - 501]);
}

/// A record has its time in whole milliseconds, and a datagram comes between them.
#[test]
fn a_restart_changes_no_decision_of_the_allowance() {
    let signer = javali();
    let tokens = [0, 1].map(|number| signer.message("JAVALI", number, 7));
    let mut labs = [Lab::of_javali(&signer), Lab::of_javali(&signer)];
    labs.iter_mut().for_each(Lab::limit);
    let (mut now, mut next, mut refused) = (NOW + Duration::from_micros(900), 1, 0);
    for count in 0..600 {
        // First 300 at once; then, mostly, as soon as the next may be permitted, give or take a millisecond.
        let is_soon = count < 300 || common::random(2) == 0;
        let span = Duration::from_nanos(common::random(2_000_000));
        now += if is_soon { span / 1_000 } else { Duration::from_millis(499) + span };
        let outcomes = labs.each_mut().map(|lab| {
            lab.now = now;
            lab.handle(&tokens[next]).outcome
        });
        assert_eq!(outcomes[0], outcomes[1], "message {count} at {now:?}");
        match outcomes[0] {
            Ok(_) => next = 1 - next,
            Err(reason) => (assert_eq!(reason, "not_recorded"), refused += 1).1,
        }
        labs[1].restart();
    }
    assert!((100..300).contains(&refused), "{refused} refused");
}

#[test]
fn after_an_attack_a_group_of_8_completes_within_5_seconds_and_so_it_does_after_a_restart() {
    let signer = javali();
    for restarts in [false, true] {
        let mut lab = Lab::new(r#"{"JAVALI":8,"NONAME":4}"#, &[("JAVALI", &signer), ("NONAME", &signer)]);
        lab.limit();
        // Who has captured a 0 and a 1 sends them in turn for a minute, 50 times a second.
        let captured = [0, 1].map(|number| signer.message("JAVALI", number, 7));
        for count in 0..3_000 {
            lab.now = NOW + Duration::from_millis(20 * count);
            lab.handle(&captured[usize::from(count % 2 == 1)]);
        }
        let records = lab.progress()[0].2;
        assert!((418..=421).contains(&records), "{records}");
        let other = signer.message("NONAME", 1, 7);
        assert_eq!(lab.handle(other).outcome, Ok(2), "another group notices nothing");
        if restarts {
            lab.restart();
        }
        let (end, mut seq_number) = (lab.now, 1);
        while seq_number != 0 {
            let message = signer.message("JAVALI", seq_number, 20 + seq_number);
            match lab.handle(message).outcome {
                Ok(next_number) => seq_number = next_number,
                Err(reason) => {
                    assert_eq!(reason, "not_recorded");
                    lab.now += Duration::from_secs(1); // the client's timer
                    assert!(lab.now <= end + Duration::from_secs(5), "number {seq_number} is not in yet");
                }
            }
        }
    }
}

#[test]
fn a_server_without_the_limit_records_more_than_the_allowance() {
    let signer = javali();
    let tokens = [0, 1].map(|number| signer.message("JAVALI", number, 7));
    let mut lab = Lab::of_javali(&signer);
    for count in 0..302 {
        assert!(lab.handle(&tokens[count % 2]).outcome.is_ok(), "message {count}");
    }
    lab.limit();
    assert_eq!(lab.handle(&tokens[0]).outcome, Err("not_recorded"), "302 were more than the allowance");
}

#[test]
fn no_limit_lifts_the_allowance_alone() {
    for (options, expected) in [(&["--quiet"][..], 300), (&["--quiet", "--no-limit"], 330)] {
        let class = Class::new();
        let server = Server::start(&class, options);
        let (client, signer) = (server.client(), javali());
        let start = Instant::now();
        for matricula in 0..330 {
            client.send(signer.message("JAVALI", 1, matricula));
            client.receive(SILENCE / 10);
        }
        server.client().ask(&Signer::new("HEARTBEAT", 2048).message("HEARTBEAT", 1, 7)); // all are handled
        let two_a_second = usize::try_from(start.elapsed().as_millis() / 500 + 1).unwrap();
        let records = class.directory.read(RECEIVED).matches("JAVALI").count();
        assert!((expected..=330.min(expected + two_a_second)).contains(&records), "{options:?}: {records}");
        if expected == 300 {
            let requests = class.directory.read("requests.jsonl");
            assert!(
                requests
                    .contains("this group has had 300 new messages at once, and now may have two a second")
            );
        }
    }
}

// Starts that would hang.

#[test]
fn no_fifo_or_device_holds_up_a_start_a_report_or_the_loop() {
    for make in ["mkfifo", "ln -s /dev/zero", "ln -s /dev/tty"] {
        for (name, needs) in [
            (RECEIVED, true),
            ("keys_priv/key_secret_for_hmac.txt", true),
            ("groups.json", true),
            ("requests.jsonl", false),
            ("trial.jsonl", false),
            ("keys_pub/JAVALI.pem", false),
        ] {
            let class = Class::new();
            shell(class.directory.path(), &format!("rm -f {name}; {make} {name}"));
            let path = class.directory.file(name).display().to_string();
            let report = ended(Command::new(PROGRAM).arg("report").arg(class.directory.path()), b"");
            if needs {
                let error = failed(&mut class.command(&[]), 1);
                assert!(error.contains(&path) && error.contains("it is not a file"), "{make}: {error}");
                let is_read = !name.starts_with("keys");
                assert_eq!(report.status, Some(i32::from(is_read)), "{make} {name}: {}", report.errors);
                assert!(!is_read || report.errors.contains("it is not a file"), "{make}: {}", report.errors);
                continue;
            }
            assert_eq!(report.status, Some(0), "{make} {name}: {}", report.errors);
            let server = Server::start(&class, &["--trial"]);
            let errors = server.errors();
            assert!(errors.contains(&path) && errors.contains("it is not a file"), "{make}: {errors}");
            let (client, noname) = (server.client(), Signer::new("NONAME", 2048));
            for matricula in 0..60 {
                client.ask(&noname.message("NONAME", 0, matricula));
            }
        }
    }
}

#[test]
fn a_groups_json_that_leads_nowhere_does_not_mean_the_table_compiled_in() {
    let class = Class::new();
    shell(class.directory.path(), "ln -s nowhere.json groups.json");
    let error = failed(&mut class.command(&[]), 1);
    assert!(error.contains("groups.json: cannot be read: "), "{error}");
    let report = failed(Command::new(PROGRAM).arg("report").arg(class.directory.path()), 1);
    assert!(report.contains("groups.json: cannot be read: "), "{report}");
}

#[test]
fn a_clock_whose_time_no_record_can_hold_is_refused() {
    const YEAR_10_000: u64 = 253_402_300_800;
    for (clock, is_good) in [
        (UNIX_EPOCH - Duration::from_secs(1), false),
        (UNIX_EPOCH, true),
        (UNIX_EPOCH + Duration::from_secs(YEAR_10_000 - 1), true),
        (UNIX_EPOCH + Duration::from_secs(YEAR_10_000), false),
    ] {
        assert_eq!(check_clock(clock).is_ok(), is_good, "{clock:?}");
    }
}

/// A class of so many groups that the start's table fills a pipe.
fn large_class() -> Class {
    let class = Class::new();
    let groups: Vec<_> = (0..3_000).map(|group| format!("\"GROUP-{group:04}-OF-A-LARGE-CLASS\":3")).collect();
    class.directory.write("groups.json", format!("{{\"JAVALI\":3,{}}}", groups.join(",")));
    class
}

#[test]
fn what_the_start_says_holds_it_up_for_a_second_at_most_where_nobody_reads() {
    let class = large_class();
    let mut command = class.command(&["--verbose"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut running = Running::spawn(&mut command);
    let client = Client::new(running.listens_on());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(client.next_number(&javali().message("JAVALI", 1, 7)), 2);
}

#[test]
fn what_a_failing_start_says_is_not_lost_on_a_reader_who_comes_late() {
    let class = large_class();
    for file in 0..1_500 {
        class.directory.write(&format!("keys_pub/{file}.pub"), "");
    }
    fs::remove_file(class.directory.file("keys_pub/JAVALI.pem")).unwrap();
    let mut command = class.command(&[]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::spawn(&mut command);
    std::thread::sleep(Duration::from_millis(1_500));
    let mut errors = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(errors.len() > 1 << 16, "{}", errors.len());
    assert_eq!(errors.matches("rename it to").count(), 1_500);
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
}

// What is said.

#[test]
fn no_name_of_a_file_drives_the_terminal() {
    let class = Class::new();
    let forged = "\nwarning: forged\u{1b}[2J";
    for name in [&format!("a{forged}.pub"), "b\rwarning: forged\u{1b}[2J.pem", "\u{9b}2J\u{202e}.ssh"] {
        class.directory.write(&format!("keys_pub/{name}"), "");
    }
    let evil = class.directory.file(&format!("c{forged}"));
    fs::create_dir(&evil).unwrap();
    let assert_tame = |errors: &str| {
        assert!(errors.chars().all(|character| character == '\n' || !character.is_control()), "{errors:?}");
        assert!(!errors.contains('\u{202e}') && !errors.contains("\nwarning: forged"), "{errors:?}");
    };
    let mut command = Command::new(PROGRAM);
    command.arg("--logs").arg(&evil).args(["127.0.0.1", "0"]).arg(class.directory.path());
    shell(&evil, "mkfifo requests.jsonl");
    let server = Server::spawn(command).unwrap_or_else(|errors| panic!("{errors}"));
    assert_tame(&server.errors());
    assert_eq!(server.errors().matches("forged").count(), 5, "each name: {}", server.errors());
    fs::rename(evil.join(RECEIVED), evil.join("away")).unwrap();
    server.client().send(javali().message("JAVALI", 1, 7));
    wait_until("the warning", || server.errors().contains(WARNING));
    assert_tame(&server.errors());
    for arguments in [&["report"][..], &["check"], &["127.0.0.1", "0"]] {
        let failed = ended(Command::new(PROGRAM).args(arguments).arg(&evil), b"e30.e30.e30");
        assert_tame(&failed.errors);
        assert_tame(&failed.output);
    }
}

#[test]
fn no_reply_drives_the_terminal_or_looks_like_a_line_of_the_script_that_prints_it() {
    let class = Class::new();
    let secret = class.directory.file("keys_priv/key_secret_for_hmac.txt");
    let key = hmac::Key::new(hmac::HMAC_SHA256, common::SECRET.as_bytes());
    let reply =
        sign(r#"{"alg":"HS256"}"#, "{\"next_number\":1,\u{1b}[2J\n\"JAVALI: everyone is in\"\r\u{9b}}", &key);
    let output = run("bash", &["scripts/verify.sh", secret.to_str().unwrap(), &reply]);
    let (last, line) = output.split_last().unwrap();
    assert_eq!(*last, b'\n');
    assert!(line.iter().all(|byte| (b' '..=b'~').contains(byte)), "{}", output.escape_ascii());
    assert!(line.ends_with(br#""JAVALI: everyone is in" ??}"#), "{}", output.escape_ascii());
}

#[test]
fn the_start_warns_of_records_that_others_can_read_that_are_many_or_beyond_the_table() {
    let class = Class::new();
    let mut file = [1, 2, 3, 0].map(|number| record("JAVALI", number, 7)).concat();
    file += &record("NONAME", 1, 7).repeat(10_000);
    let path = class.directory.write(RECEIVED, &file);
    set_mode(&path, 0o600);
    let errors = Server::start(&class, &[]).errors();
    assert!(!errors.contains("received.jsonl: others"), "{errors}");
    assert!(errors.contains("warning: NONAME has 10000 records, and 100000 are the most"), "{errors}");
    assert!(!errors.contains("JAVALI has records"), "{errors}");
    set_mode(&path, 0o640);
    class.directory.write("groups.json", r#"{"JAVALI":2,"NONAME":4}"#);
    let errors = Server::start(&class, &[]).errors();
    assert!(errors.contains("received.jsonl: others on this machine can read it; chmod 600"), "{errors}");
    assert!(errors.contains("warning: JAVALI has records up to member 3, above its 2"), "{errors}");
}

#[test]
fn a_full_log_that_was_moved_away_keeps_what_is_in_it() {
    let class = Class::new();
    let log = fs::File::create(class.directory.file("requests.jsonl")).unwrap();
    log.set_len((64 << 20) - 100).unwrap();
    let server = Server::start(&class, &[]);
    let client = server.client();
    shell(class.directory.path(), "mkdir old requests.1.jsonl; mv requests.jsonl old");
    client.send("not a token");
    client.next_number(&javali().message("JAVALI", 1, 7));
    class.requests(1);
    let kept = fs::metadata(class.directory.file("old/requests.jsonl")).unwrap().len();
    assert!(kept >= (64 << 20) - 100, "{kept}");
}
