//! Commands and files that say the truth, whatever they are given: full disks, files without an end, names
//! that are not UTF-8, readers that don't read.
#![cfg(target_os = "linux")]

use crate::common;
use crate::common::{
    Class, Client, Ended, PROGRAM, RS256, Running, Scratch, Server, Signer, bound_by_permissions, ended,
    failed, record, report_of, run, set_mode, shell, wait_until,
};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use udpsocket_jwt_server::tools::to_base64url;

/// A name that is not UTF-8.
const NOT_UTF_8: &[u8] = b"n\xe3o";
/// Any command, whatever it is given, needs at most so much memory (in KiB) and time.
const MOST_MEMORY: &str = "65536";
const MOST_TIME: Duration = Duration::from_secs(2);

fn javali() -> Signer {
    Signer::new("JAVALI", 2048)
}

/// The program in a shell that bounds its memory; then how it ended, within the time that it may take.
#[track_caller]
fn bounded(directory: &Path, arguments: &str, input: &[u8]) -> Ended {
    let script = format!("ulimit -d {MOST_MEMORY}; exec '{PROGRAM}' {arguments}");
    let start = Instant::now();
    let ended = ended(Command::new("sh").args(["-c", &script]).current_dir(directory), input);
    let (time, slower) = (start.elapsed(), if cfg!(debug_assertions) { 5 } else { 1 });
    assert!(time < slower * MOST_TIME, "{arguments}: {time:?}");
    assert!(ended.status.is_some_and(|status| status <= 2), "{arguments}: {ended:?}");
    ended
}

// What can't be written.

#[test]
fn a_command_whose_output_cannot_be_written_ends_with_1_and_says_so() {
    let class = Class::new();
    class.directory.write("received.jsonl", record("JAVALI", 1, 7));
    let token = javali().message("JAVALI", 1, 7);
    for arguments in [
        "report",
        "report --csv",
        "report --group JAVALI",
        "report --group JAVALI --mermaid",
        "check",
        "check --key keys_pub/JAVALI.pem",
        "--help",
        "--version",
    ] {
        let script = format!("'{PROGRAM}' {arguments} > /dev/full");
        let mut command = Command::new("sh");
        let ended =
            ended(command.args(["-c", &script]).current_dir(class.directory.path()), token.as_bytes());
        assert_eq!(ended.status, Some(1), "{arguments}: {ended:?}");
        let sentence = "udpsocket-jwt-server: standard output: cannot be written: No space left on device";
        assert!(ended.errors.starts_with(sentence), "{arguments}: {}", ended.errors);
        let script = format!("{{ '{PROGRAM}' {arguments}; echo $? >&2; }} | true");
        let mut command = Command::new("sh");
        let read = common::ended(
            command.args(["-c", &script]).current_dir(class.directory.path()),
            token.as_bytes(),
        );
        assert_eq!(read.errors.trim(), "0", "{arguments}: a reader that has left has read enough");
    }
}

// Where no class is.

#[test]
fn a_report_of_a_directory_without_a_class_is_refused() {
    let class = Class::new();
    class.directory.write("received.jsonl", record("JAVALI", 1, 7));
    class.directory.write("empty/received.jsonl", record("JAVALI", 1, 7));
    let directory = class.directory.path().display();
    for options in [&[][..], &["--csv"], &["--group", "JAVALI"], &["--group", "JAVALI", "--mermaid"]] {
        for (arguments, sentence) in [
            (
                &["missing"][..],
                format!(
                    "{directory}/missing: cannot be read: No such file or directory (os error 2); name the"
                ),
            ),
            (
                &["--keys", "missing"],
                format!("{directory}/missing: cannot be read: No such file or directory (os error 2); name"),
            ),
            (
                &["empty"],
                format!("{directory}/empty: it has neither groups.json nor keys_pub; name the class's"),
            ),
        ] {
            let mut command = Command::new(PROGRAM);
            command.current_dir(class.directory.path()).arg("report").args(options);
            for argument in arguments {
                match *argument {
                    "--keys" => command.arg("--keys"),
                    name => command.arg(class.directory.file(name)),
                };
            }
            let error = failed(&mut command, 1);
            assert!(error.contains(&sentence), "{options:?} {arguments:?}: {error}");
        }
    }
    report_of(class.directory.path(), &[]);
}

// Files that never end.

/// A regular file that says that it has no bytes, and has some 2^37.
const ENDLESS: &str = "/proc/self/pagemap";

#[test]
fn a_link_to_a_file_without_an_end_is_read_no_further_than_it_says() {
    let token = javali().message("JAVALI", 1, 7);
    for (name, start, sentence) in [
        ("keys_pub/JAVALI.pem", None, "keys_pub/JAVALI.pem: it is empty"),
        ("keys_priv/key_secret_for_hmac.txt", Some(1), "it has 0 bytes, fewer than 32"),
        ("groups.json", Some(1), "groups.json: it is not JSON: nothing stands there"),
        ("received.jsonl", Some(1), "received.jsonl: cannot be opened for writing: Permission denied"),
    ] {
        let class = Class::new();
        let path = class.directory.file(name);
        _ = fs::remove_file(&path);
        symlink(ENDLESS, &path).unwrap();
        match start {
            Some(status) => {
                let ended = bounded(class.directory.path(), "-q 127.0.0.1 0", b"");
                // Root may open it, and the system then refuses to lock or to sync it.
                let sentence = if run("id", &["-u"]) == b"0\n" && name == "received.jsonl" {
                    "received.jsonl: cannot be"
                } else {
                    sentence
                };
                assert_eq!(ended.status, Some(status), "{name}: {ended:?}");
                assert!(ended.errors.contains(sentence), "{name}: {}", ended.errors);
            }
            None => assert!(Server::start(&class, &[]).errors().contains(sentence)),
        }
        for arguments in ["report", "report --csv", "report --group JAVALI", "check"] {
            bounded(class.directory.path(), arguments, token.as_bytes());
        }
    }
    let class = Class::new();
    let ended = bounded(class.directory.path(), &format!("check --key {ENDLESS}"), b"");
    assert_eq!((ended.status, ended.errors.contains("it is empty")), (Some(1), true), "{ended:?}");
}

#[test]
fn a_groups_json_of_more_than_a_mebibyte_is_refused() {
    let class = Class::new();
    class.directory.write("groups.json", format!("{{{}\"JAVALI\": 3}}", " ".repeat(1 << 20)));
    let error = failed(&mut class.command(&[]), 1);
    assert!(error.contains("groups.json: cannot be read: it has 1048589 bytes, far too many"), "{error}");
}

#[test]
fn a_line_of_40_mb_in_a_log_is_passed_over_and_counted() {
    let class = Class::new();
    let directory = class.directory.path();
    class.directory.write("received.jsonl", record("JAVALI", 1, 7));
    let refused = r#"{"time":"2023-11-14T22:13:20.000Z","peer":"192.0.2.7:50000","outcome":"out_of_order","detail":"found it","group":"JAVALI","seq_number":2,"datagram":"eyJ.eyJ.c2ln"}"#;
    let long = format!("{{\"datagram\":\"{}\"}}", "x".repeat(40_000_000));
    for (log, options) in [
        ("requests.jsonl", ""),
        ("requests.jsonl", "--csv"),
        ("requests.jsonl", "--group JAVALI"),
        ("requests.jsonl", "--group JAVALI --mermaid"),
        ("trial.jsonl", ""),
    ] {
        class.directory.write(log, format!("{long}\n{refused}\n{long}\n{refused}\n"));
        let ended = bounded(directory, &format!("report {options}"), b"");
        assert_eq!(ended.status, Some(0), "{ended:?}");
        let is_tail = log == "requests.jsonl" && !options.starts_with("--group");
        let passed_over = if is_tail { 1 } else { 2 };
        let note = format!("{log}: passed over {passed_over} line");
        assert!(ended.errors.contains(&note), "{log} {options}: {}", ended.errors);
        assert!(options != "--group JAVALI" || ended.output.contains("found it"), "{}", ended.output);
        fs::remove_file(class.directory.file(log)).unwrap();
    }
    class.directory.write("received.jsonl", record("JAVALI", 1, 7) + &long + "\n" + &record("JAVALI", 2, 7));
    let ended = bounded(directory, "report", b"");
    assert!(ended.errors.contains("line 2 is not a whole record"), "{ended:?}");
    let ended = bounded(directory, "-q 127.0.0.1 0", b"");
    assert!(ended.errors.contains("line 2 is not a whole record"), "{ended:?}");
}

#[test]
fn check_of_what_is_no_datagram_needs_little_time_and_memory() {
    let class = Class::new();
    let long = |header: &str, length: usize| {
        let payload = format!("{{\"id_request\":\"{}\",\"group\":\"JAVALI\"}}", "0".repeat(length));
        format!("{}.{}.AAAA", to_base64url(header.as_bytes()), to_base64url(payload.as_bytes()))
    };
    let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
    let deep = |length: usize| to_base64url("[[],".repeat(length / 5).as_bytes());
    for (input, what) in [
        (long(RS256, 400_000) + "\n" + &long(hs256, 400_000), "exchange of 540 kB each"),
        (long(RS256, 47_000) + "\n" + &long(hs256, 47_000), "exchange of 65 kB each"),
        (long(hs256, 400_000), "reply"),
        (long(RS256, 400_000), "request"),
        (format!("{}.{}.AAAA", deep(60_000), deep(20_000)), "deep JSON"),
        ("\u{feff}".repeat(20_000), "byte order marks"),
        (".".repeat(1_000_000), "dots"),
        ("\0".repeat(1_000_000), "NULs"),
        ("a\n".repeat(500_000), "lines"),
        ("{\"a\":".repeat(200_000), "open braces"),
        ("\\u0022".repeat(100_000), "escapes"),
    ] {
        let ended = bounded(class.directory.path(), "check", input.as_bytes());
        assert_eq!(ended.status, Some(1), "{what}: {}", ended.errors);
    }
    let ended = bounded(class.directory.path(), "check", &[b'a'; 20_000_000]);
    assert!(ended.errors.contains("standard input: it has more than 1048576 bytes"), "{ended:?}");
}

// Names that are not UTF-8, and names that a shell would run.

#[test]
fn a_key_file_whose_name_is_not_utf_8_is_named_with_its_fault() {
    let class = Class::new();
    let name = [NOT_UTF_8, b".pem"].concat();
    fs::write(class.directory.file("keys_pub").join(OsStr::from_bytes(&name)), javali().public_pem).unwrap();
    let errors = Server::start(&class, &[]).errors();
    let warning = errors.lines().find(|line| line.contains("keys_pub/n")).unwrap_or_default();
    assert!(warning.contains("its name is that of no group in the table"), "{errors}");
}

#[test]
fn a_directory_whose_name_is_not_utf_8_is_found_behind_an_equals_sign_too() {
    let class = Class::new();
    let logs = class.directory.path().join(OsStr::from_bytes(NOT_UTF_8));
    fs::create_dir(&logs).unwrap();
    let attached = [b"--logs=", logs.as_os_str().as_bytes()].concat();
    let mut command = class.command(&[]);
    command.arg(OsStr::from_bytes(&attached));
    let server = Server::spawn(command).unwrap();
    assert_eq!(server.client().next_number(&javali().message("JAVALI", 1, 7)), 2);
    assert_eq!(fs::read_to_string(logs.join("received.jsonl")).unwrap().lines().count(), 1);
}

#[test]
fn a_command_that_is_advised_runs_nothing_that_stands_in_a_path() {
    let class = Class::new();
    for name in ["$(touch pwned)", "`touch pwned`", "a'b\"c; touch pwned", "back\\slash", "line\nend"] {
        let directory = class.directory.file(name);
        fs::create_dir(&directory).unwrap();
        shell(class.directory.path(), &format!("cp -r keys_pub {}", quoted(&directory)));
        fs::create_dir(directory.join("keys_priv")).unwrap();
        let mut command = Command::new(PROGRAM);
        let error = failed(command.args(["-q", "127.0.0.1", "0"]).arg(&directory), 1);
        let (_, advice) = error.trim_end().split_once("make one: ").unwrap();
        let ended = ended(Command::new("bash").args(["-c", advice]).current_dir(class.directory.path()), b"");
        assert_eq!(ended.status, Some(0), "{advice}: {ended:?}");
        let secret = fs::read_to_string(directory.join("keys_priv/key_secret_for_hmac.txt")).unwrap();
        assert_eq!(secret.len(), 65, "{advice}");
        assert!(!class.directory.file("pwned").exists(), "{advice}");
        set_mode(&directory.join("keys_priv/key_secret_for_hmac.txt"), 0o644);
        let mut command = Command::new(PROGRAM);
        command.args(["-q", "127.0.0.1", "0"]).arg(&directory);
        let errors = Server::spawn(command).unwrap().errors();
        let (_, advice) = errors.split_once("others on this machine can read it; ").unwrap();
        let advice = advice.lines().next().unwrap();
        run("bash", &["-c", advice]);
        assert_eq!(common::mode(&directory.join("keys_priv/key_secret_for_hmac.txt")), 0o600, "{advice}");
    }
}

/// A path for the shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_str().unwrap().replace('\'', r"'\''"))
}

// Readers that don't read.

#[test]
fn the_alarm_about_a_moved_record_is_said_as_soon_as_standard_error_takes_it() {
    let class = Class::new();
    let mut command = class.command(&["--verbose"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::spawn(&mut command);
    let mut errors = BufReader::new(running.0.stderr.take().unwrap());
    let client = Client::new(running.listens_on());
    let (one, two) = (javali().message("JAVALI", 1, 7), javali().message("JAVALI", 2, 8));
    client.next_number(&one);
    // Lines that nobody reads, until the pipe is full and the queue behind it, and some more.
    let long = "x".repeat(4_000);
    for _ in 0..30_000 {
        client.send(&long);
    }
    client.next_number(&one);
    let moved = class.directory.file("moved.jsonl");
    fs::rename(class.directory.file("received.jsonl"), &moved).unwrap();
    client.send(&two);
    assert_eq!(client.receive(Duration::from_millis(200)), None);
    client.next_number(&one); // by now the alarm has been given
    let mut line = String::new();
    while !line.contains("WARNING: NOTHING NEW IS ACKNOWLEDGED") {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0, "it is said");
    }
    fs::rename(&moved, class.directory.file("received.jsonl")).unwrap();
    assert_eq!(client.next_number(&two), 3);
}

#[test]
fn a_notify_socket_that_takes_nothing_holds_up_the_start_for_a_second_at_most() {
    let directory = Scratch::new();
    let path = directory.file("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender.send_to(b"full", &path).is_ok() {}
    let class = Class::new();
    let mut command = class.command(&["--quiet"]);
    command.env("NOTIFY_SOCKET", &path);
    let server = Server::spawn(command).unwrap();
    assert_eq!(server.client().next_number(&javali().message("JAVALI", 1, 7)), 2);
    wait_until("a warning", || server.errors().contains("cannot be told that the server is up"));
    drop(socket);
}

#[test]
fn a_notify_socket_with_control_characters_drives_no_terminal() {
    let class = Class::new();
    let mut command = class.command(&["--quiet"]);
    command.env("NOTIFY_SOCKET", "/no\x1b[2Jwhere");
    let server = Server::spawn(command).unwrap();
    wait_until("a warning", || server.errors().contains(r"NOTIFY_SOCKET /no\u{1b}[2Jwhere: cannot"));
}

#[test]
fn without_memory_for_a_thread_it_still_says_where_it_listens() {
    let class = Class::new();
    let mut command = class.command(&["--verbose"]);
    command.env("RUST_MIN_STACK", (1_u64 << 46).to_string()); // more than any machine has
    let server = Server::spawn(command).unwrap();
    assert_eq!(server.client().next_number(&javali().message("JAVALI", 1, 7)), 2);
}

// A name that can't be looked at.

#[test]
fn a_record_whose_name_cannot_be_looked_at_is_called_that_and_not_moved() {
    let class = Class::new();
    let Some(mut command) = bound_by_permissions(PROGRAM) else { return };
    class.directory.write("logs/.keep", "");
    let logs = class.directory.file("logs");
    command.args(["-q", "--logs", "logs", "127.0.0.1", "0", "."]).current_dir(class.directory.path());
    let server = Server::spawn(command).unwrap();
    let (client, signer) = (server.client(), javali());
    client.next_number(&signer.message("JAVALI", 1, 7));
    set_mode(&logs, 0);
    client.send(signer.message("JAVALI", 2, 8));
    assert_eq!(client.receive(Duration::from_millis(150)), None);
    wait_until("an alarm", || server.errors().contains("NOTHING NEW IS ACKNOWLEDGED"));
    let errors = server.errors();
    assert!(errors.contains("received.jsonl: it can't be looked at: Permission denied"), "{errors}");
    assert!(!errors.contains("oved"), "{errors}");
    set_mode(&logs, 0o700);
    assert_eq!(client.next_number(&signer.message("JAVALI", 2, 8)), 3);
}

#[test]
fn what_a_failing_reader_gets_of_a_report_is_whole_or_the_status_says_so() {
    let class = Class::new();
    class.directory.write("received.jsonl", record("JAVALI", 1, 7));
    let file = class.directory.file("grades.csv");
    let script = format!("ulimit -f 0; trap '' XFSZ; exec '{PROGRAM}' report --csv . > grades.csv");
    let mut command = Command::new("sh");
    let ended = ended(command.args(["-c", &script]).current_dir(class.directory.path()), b"");
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let mut text = String::new();
    File::open(file).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
}
