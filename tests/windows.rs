//! What Windows does otherwise with a file that is open, with a socket and with a path: the promises hold
//! there too. Wine runs these tests on Linux (`tests/README.md`).
#![cfg(windows)]

use crate::common;
use crate::common::{
    Class, PROGRAM, Server, Signer, failed, lines, record, recorded, report_of, served, wait_until,
};
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::process::Command;

const RECEIVED: &str = "received.jsonl";
const ERROR_SHARING_VIOLATION: i32 = 32;

fn javali() -> Signer {
    Signer::new("JAVALI", 2048)
}

/// The numbers that are recorded.
fn numbers(class: &Class) -> Vec<u64> {
    recorded(&class.received()).iter().map(|(_, number, _)| *number).collect()
}

#[test]
fn nobody_can_write_to_an_open_record_move_it_or_remove_it_and_everyone_can_read_it() {
    let (class, server, client) = served(&["--quiet"]);
    let path = class.directory.file(RECEIVED);
    client.next_number(&javali().message("JAVALI", 1, 101));
    let refused = [
        OpenOptions::new().append(true).open(&path).map(drop),
        OpenOptions::new().write(true).truncate(true).open(&path).map(drop),
        fs::rename(&path, class.directory.file("away")),
        fs::remove_file(&path),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(ERROR_SHARING_VIOLATION));
    }
    assert_eq!(numbers(&class), [1]);
    assert!(report_of(class.directory.path(), &[]).contains("JAVALI      [#..]  1 of 3 in"));
    assert_eq!(client.next_number(&javali().message("JAVALI", 2, 102)), 3);
    assert_eq!(numbers(&class), [1, 2]);
    drop(server);
    fs::remove_file(path).unwrap();
}

#[test]
fn a_second_server_and_one_whose_record_is_open_elsewhere_end_with_a_sentence() {
    let in_use = "received.jsonl: another server is using it, or a program that lets nobody write to it; stop or \
                  close that program, or give this server its own --logs DIR";
    let (class, server, client) = served(&["--quiet"]);
    assert!(failed(&mut class.command(&[]), 1).contains(in_use));
    assert_eq!(client.next_number(&javali().message("JAVALI", 1, 101)), 2, "the first goes on");
    drop(server);
    let reader = OpenOptions::new().read(true).share_mode(1).open(class.directory.file(RECEIVED)).unwrap();
    assert!(failed(&mut class.command(&[]), 1).contains(in_use));
    drop(reader);
    assert_eq!(Server::start(&class, &[]).client().next_number(&javali().message("JAVALI", 2, 102)), 3);
}

#[test]
fn a_torn_end_is_cut_off_and_the_next_record_stands_where_it_began() {
    let whole = record("JAVALI", 1, 101);
    for torn in [&record("JAVALI", 2, 102)[..60], "{\"time\":\"\0\0\0\0", "\0\0\0\0\0\0\0\0\0\0"] {
        let class = Class::new();
        class.directory.write(RECEIVED, format!("{whole}{torn}"));
        let server = Server::start(&class, &[]);
        assert!(
            server.errors().contains(&format!("{} bytes after its last whole line are cut off", torn.len()))
        );
        assert_eq!(class.directory.read(RECEIVED), whole);
        assert_eq!(server.client().next_number(&javali().message("JAVALI", 2, 102)), 3);
        assert!(class.directory.read(RECEIVED).starts_with(&whole));
        assert_eq!(numbers(&class), [1, 2]);
    }
}

#[test]
fn a_last_record_without_its_newline_gets_it() {
    let class = Class::new();
    class.directory.write(RECEIVED, record("JAVALI", 1, 101).trim_end());
    let server = Server::start(&class, &[]);
    assert_eq!(class.directory.read(RECEIVED), record("JAVALI", 1, 101));
    assert_eq!(server.client().next_number(&javali().message("JAVALI", 2, 102)), 3);
    assert_eq!(numbers(&class), [1, 2]);
}

/// A log of almost 64 MiB, without the time that it takes to write one.
fn almost_full(class: &Class) -> u64 {
    let mut log = File::create(class.directory.file("requests.jsonl")).unwrap();
    log.seek(SeekFrom::Start((64 << 20) - 10)).unwrap();
    log.write_all(b"\n").unwrap();
    log.metadata().unwrap().len()
}

#[test]
fn a_full_log_is_turned_over_and_where_its_new_name_is_held_it_is_emptied() {
    for is_held in [false, true] {
        let class = Class::new();
        let older = class.directory.write("requests.1.jsonl", "older\n");
        let length = almost_full(&class);
        let server = Server::start(&class, &["--quiet"]);
        let holder = is_held.then(|| OpenOptions::new().read(true).share_mode(1).open(&older).unwrap());
        let (client, token) = (server.client(), javali().message("JAVALI", 1, 101));
        for sent in 1..4 {
            assert_eq!(client.next_number(&token), 2);
            wait_until("its line alone", || class.directory.read("requests.jsonl").lines().count() == sent);
        }
        assert_eq!(lines(&class.directory.read("requests.jsonl")).len(), 3);
        drop(holder);
        let older = fs::metadata(older).unwrap().len();
        assert_eq!(older, if is_held { 6 } else { length });
    }
}

#[test]
fn a_log_can_be_read_while_it_is_written() {
    let (class, _server, client) = served(&["--quiet"]);
    let (token, wrong) = (javali().message("JAVALI", 1, 101), javali().message("JAVALI", 3, 103));
    client.next_number(&token);
    client.send(wrong);
    assert_eq!(class.outcomes(2), ["answered", "out_of_order"]);
    assert!(report_of(class.directory.path(), &["--group", "JAVALI"]).contains("out_of_order"));
}

#[test]
fn paths_are_shown_as_windows_writes_them_and_a_command_says_which_shell_knows_it() {
    let class = Class::new();
    fs::remove_file(class.directory.file("keys_priv/key_secret_for_hmac.txt")).unwrap();
    class.directory.write("keys_pub/JAVALI.txt", "no key");
    let mut command = Command::new(PROGRAM);
    command.args(["--keys", "./", "127.0.0.1", "0", "."]).current_dir(class.directory.path());
    let said = failed(&mut command, 1);
    assert!(
        said.contains(
            r".\keys_priv\key_secret_for_hmac.txt: there is no such file; make one: in Git Bash: ("
        )
    );
    assert!(said.contains(
        r#"mkdir -p ".\keys_priv"; openssl rand -hex 32 > ".\keys_priv\key_secret_for_hmac.txt")"#
    ));
    class.directory.write("keys_priv/key_secret_for_hmac.txt", common::SECRET);
    let server = Server::start(&class, &[]);
    assert!(server.errors().contains(r"\keys_pub\JAVALI.txt: "), "{}", server.errors());
    // A fingerprint may have a slash.
    let errors = server.errors();
    let of_paths = errors.lines().filter(|line| !line.contains("SHA256:"));
    assert!(of_paths.clone().count() > 0 && of_paths.clone().all(|line| !line.contains('/')), "{errors}");
}
