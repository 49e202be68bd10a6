//! The program as a professor starts it: what it prints, what it says to a mistake, which files it
//! makes, and what may fail around it without stopping the service.

use crate::common;
use crate::common::{
    Class, Client, Ended, PROGRAM, Running, Scratch, Server, Signer, ended, free_port, private_key, served,
    shell, wait_for_answer, wait_until,
};
#[cfg(unix)]
use crate::common::{bound_by_permissions, mode, set_mode};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use udpsocket_jwt_server::groups::GROUPS;
use udpsocket_jwt_server::keys::{FEWEST_BITS, PublicKey};
use udpsocket_jwt_server::tools::commands::key::fingerprint;

/// What a start in a directory that fails says, all of it on standard error.
#[track_caller]
fn failed(directory: &Path, arguments: &[&str], status: i32) -> String {
    common::failed(Command::new(PROGRAM).args(arguments).current_dir(directory), status)
}

fn javali() -> Signer {
    Signer::new("JAVALI", 2048)
}

// What is printed

#[test]
fn the_version_is_one_line() {
    for option in ["--version", "-V"] {
        let Ended { status, output, errors } = ended(Command::new(PROGRAM).arg(option), b"");
        assert!(output.starts_with(concat!("udpsocket-jwt-server ", env!("CARGO_PKG_VERSION"))), "{output}");
        assert_eq!((status, output.lines().count(), errors.as_str()), (Some(0), 1, ""));
    }
}

#[test]
fn the_start_shows_each_group_in_a_table_of_at_most_100_columns() {
    let class = Class::new();
    let fingerprint = fingerprint(&PublicKey::from_pem(&javali().public_pem, FEWEST_BITS).unwrap());
    for (group, _) in GROUPS {
        class.directory.write(&format!("keys_pub/{group}.pem"), javali().public_pem);
    }
    let server = Server::start(&class, &[]);
    let errors = server.errors();
    let table: Vec<_> = errors.lines().take(1 + GROUPS.len()).collect();
    let titles = ["GROUP", "MEMBERS", "STATE", "KEY", "FILE", "BITS", "FINGERPRINT"];
    assert_eq!(table[0].split_whitespace().collect::<Vec<_>>(), titles);
    for ((group, members), line) in GROUPS.iter().zip(&table[1..]) {
        let (members, file) = (members.to_string(), format!("{group}.pem"));
        let expected = [group, &*members, "0", &file, "2048", &fingerprint];
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), expected);
        assert_eq!(line.find(&fingerprint), table[0].find("FINGERPRINT"), "columns: {errors}");
    }
    assert!(table.iter().all(|line| line.chars().count() <= 100), "{errors}");
}

#[test]
fn the_start_shows_how_far_each_group_has_come() {
    let (class, server, client) = served(&[]);
    client.ask(&javali().message("JAVALI", 1, 7));
    drop(server);
    let server = Server::start(&class, &[]);
    let errors = server.errors();
    let of_group = |group: &str| {
        errors.lines().find(|line| line.starts_with(group)).unwrap().split_once(' ').unwrap().1.trim()
    };
    assert!(of_group("JAVALI").starts_with("3      1  JAVALI.pem"), "{errors}");
    for group in ["PINHAO", "BISSAU", "SOQUETINHO"] {
        assert!(of_group(group).ends_with("0  no usable key: not served"), "{errors}");
    }
}

#[test]
fn the_start_names_each_file_that_cannot_be_used() {
    let class = Class::new();
    let unusable = ["PINHAO.pub", "BISSAU.pem", "nobody.pem"];
    for name in unusable {
        class.directory.write(&format!("keys_pub/{name}"), "cut");
    }
    let server = Server::start(&class, &[]);
    for name in unusable {
        let named = format!("warning: {}: ", class.directory.file(&format!("keys_pub/{name}")).display());
        assert_eq!(server.errors().matches(&named).count(), 1, "{}", server.errors());
    }
}

#[test]
fn standard_output_has_exactly_the_one_line_that_says_where_it_listens() {
    let class = Class::new();
    let output = class.directory.file("stdout");
    let mut command = class.command(&["--verbose"]);
    command.stdin(Stdio::null()).stdout(File::create(&output).unwrap()).stderr(Stdio::null());
    let running = Running::spawn(&mut command);
    let shown = || fs::read_to_string(&output).unwrap();
    wait_until("a line on standard output", || shown().ends_with('\n'));
    let address = shown().trim_end().strip_prefix("listening on ").unwrap().parse::<SocketAddr>().unwrap();
    assert!(address.port() != 0 && address.ip().is_loopback(), "port 0 takes a free one");
    let client = Client::new(address);
    client.send("not a token");
    client.ask(&javali().message("JAVALI", 1, 7));
    drop(running);
    assert_eq!(shown(), format!("listening on {address}\n"));
}

#[test]
fn only_a_start_on_loopback_says_that_this_machine_alone_reaches_it() {
    let class = Class::new();
    let note = "reached from this machine alone";
    for (address, is_loopback) in [("127.0.0.1", true), ("::1", true), ("0.0.0.0", false), ("::", false)] {
        let server = Server::start_at(&class, address, "0", &[]);
        assert_eq!(server.address.ip().to_string(), address);
        assert_eq!(server.errors().contains(note), is_loopback, "{}", server.errors());
    }
}

// What fails, and what is said

#[test]
fn a_mistake_in_the_command_line_is_named() {
    let class = Class::new();
    let address = "is not an ADDRESS: an IPv4 or IPv6 address";
    let port = "is not a PORT: a number from 0 to 65535";
    let cases: [(&[&str], &str); 35] = [
        (&["localhost"], address),
        (&[""], address),
        (&["127.1"], address),
        (&["127.0.0.256"], address),
        (&["127.0.0.1:5555"], address),
        (&["[::1]"], address),
        (&["fe80::1%eth0"], address),
        (&["fe80::1%1"], address),
        (&["5555"], address),
        (&["\u{1b}[2J"], r#""\u{1b}[2J" is not an ADDRESS"#),
        (&["127.0.0.1", "65536"], r#""65536" is not a PORT"#),
        (&["127.0.0.1", ""], port),
        (&["127.0.0.1", "http"], port),
        (&["127.0.0.1", "5555 "], port),
        (&["127.0.0.1", "0x50"], port),
        (&["127.0.0.1", "-1"], r#"no option "-1""#),
        (&["--nope"], r#"no option "--nope""#),
        (&["--nope=3"], r#"no option "--nope=3""#),
        (&["-x"], r#"no option "-x""#),
        (&["-vq"], r#"no option "-vq""#),
        (&["--Verbose"], r#"no option "--Verbose""#),
        (&["--csv"], r#"no option "--csv""#),
        (&["--keys"], "--keys takes a value"),
        (&["127.0.0.1", "0", ".", "--logs"], "--logs takes a value"),
        (&["--keys", ".", "--keys", "."], "--keys stands there twice"),
        (&["--logs=.", "--logs", "."], "--logs stands there twice"),
        (&["-v", "--verbose"], "--verbose stands there twice"),
        (&["--no-sync", "--no-sync"], "--no-sync stands there twice"),
        (&["--no-sync=yes"], "--no-sync takes no value"),
        (&["-v", "-q"], "--verbose and --quiet: choose one"),
        (&["--lose", "101"], r#"an integer from 0 to 100, not "101""#),
        (&["--lose=2.5"], r#"an integer from 0 to 100, not "2.5""#),
        (&["--lose", "-1"], r#"an integer from 0 to 100, not "-1""#),
        (&["127.0.0.1", "0", ".", "more"], r#""more" is one argument too many"#),
        (&["--", "--nope"], r#""--nope" is not an ADDRESS"#),
    ];
    for (arguments, said) in cases {
        let errors = failed(class.directory.path(), arguments, 2);
        assert!(errors.contains(said), "{arguments:?}: {errors}");
        assert!(errors.ends_with("\nudpsocket-jwt-server --help shows what there is\n"), "{errors}");
        assert_eq!(errors.lines().count(), 2, "{errors}");
    }
    assert_eq!(class.directory.read("received.jsonl"), "", "nothing was begun");
}

#[test]
fn a_directory_that_is_not_set_up_is_named_with_the_way_out() {
    let each_key = "put each group's public key in it as GROUP.pem or GROUP.ssh";
    let make_one = "openssl rand -hex 32";
    let private = "/keys_pub/HEARTBEAT.pem: it has a PRIVATE key in it";
    let secret = "keys_priv/key_secret_for_hmac.txt: ";
    let not_a_file = "keys_priv/key_secret_for_hmac.txt: cannot be read: it is not a file";
    // How it is brought about; of what something is said, and the way out.
    for (spoil, named, way_out) in [
        ("rm -r keys_pub", "/keys_pub: cannot be read: ", each_key),
        (
            "rm -r keys_pub; touch keys_pub",
            "/keys_pub: cannot be read: ",
            "put each group's public key in it",
        ),
        ("rm keys_pub/*", "/keys_pub: there is no usable key in it", each_key),
        ("for key in keys_pub/*; do cp private.pem $key; done", private, "make a new pair"),
        ("rm keys_priv/*", secret, make_one),
        ("rm -r keys_priv", secret, make_one),
        ("echo short > keys_priv/key_secret_for_hmac.txt", "it has 5 bytes, fewer than 32", make_one),
        (
            "rm keys_priv/*; mkdir keys_priv/key_secret_for_hmac.txt",
            not_a_file,
            "move it elsewhere, and make one",
        ),
        (r#"echo '{"JAVALI": 0}' > groups.json"#, "/groups.json: group JAVALI: ", "a member or more"),
        ("mkdir groups.json", "/groups.json: cannot be read: ", "mend or remove it"),
        ("mkdir received.jsonl", "/received.jsonl: cannot be opened", "; "),
    ] {
        let class = Class::new();
        class.directory.write("private.pem", fs::read(private_key("HEARTBEAT", 2048)).unwrap());
        shell(class.directory.path(), spoil);
        let directory = class.directory.path().to_str().unwrap();
        let errors = failed(Path::new("."), &["127.0.0.1", "0", directory], 1);
        assert!(errors.contains(directory) && errors.contains(named) && errors.contains(way_out), "{errors}");
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_read_is_named() {
    let Some(mut command) = bound_by_permissions(PROGRAM) else { return };
    let class = Class::new();
    let keys = class.directory.file("keys_pub");
    set_mode(&keys, 0o000);
    command.args(["127.0.0.1", "0"]).current_dir(class.directory.path());
    let errors = common::failed(&mut command, 1);
    set_mode(&keys, 0o700); // so that it can be removed
    assert!(errors.contains("./keys_pub: cannot be read: ") && errors.contains("GROUP.pem"), "{errors}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let class = Class::new();
    let received = Path::new("nowhere").join("received.jsonl").display().to_string();
    for (arguments, named, way_out) in [
        (&["127.0.0.1", "0", "nowhere"][..], "nowhere: cannot be read: ", "name the directory"),
        (&["--keys", "nowhere", "127.0.0.1", "0"], "nowhere: cannot be read: ", "name the directory"),
        (&["--logs", "nowhere", "127.0.0.1", "0"], &format!("{received}: "), "; "),
    ] {
        let errors = failed(class.directory.path(), arguments, 1);
        assert!(errors.contains(named) && errors.contains(way_out), "{errors}");
    }
}

#[test]
fn an_address_that_cannot_be_bound_is_named_with_the_way_out() {
    let (class, other) = (Class::new(), Class::new());
    let server = Server::start(&class, &[]);
    let port = server.address.port().to_string();
    let errors = failed(other.directory.path(), &["127.0.0.1", &port], 1);
    assert!(errors.contains(&format!("127.0.0.1:{port}: cannot be bound: ")), "{errors}");
    assert!(errors.contains("stop it, or choose another PORT"), "{errors}");

    // An address for documentation (RFC 5737): no machine's.
    let errors = failed(other.directory.path(), &["192.0.2.1", "0"], 1);
    assert!(errors.contains("192.0.2.1:0: cannot be bound: ") && errors.contains("0.0.0.0"), "{errors}");
    server.client().ask(&javali().message("JAVALI", 1, 7));
}

#[test]
fn keys_and_logs_may_be_in_directories_of_their_own() {
    let (class, logs) = (Class::new(), Scratch::new());
    let (keys, logs_in) = (class.directory.path().to_str().unwrap(), logs.path().to_str().unwrap());
    for options in [
        ["--keys", keys, "--logs", logs_in].to_vec(),
        [&*format!("--keys={keys}"), &*format!("--logs={logs_in}")].to_vec(),
    ] {
        let mut command = Command::new(PROGRAM);
        command.current_dir(logs.path()).args(["127.0.0.1", "0", "nowhere"]).args(options);
        let server = Server::spawn(command).unwrap();
        server.client().ask(&javali().message("JAVALI", 1, 7));
        wait_until("the request's line", || !logs.read("requests.jsonl").is_empty());
    }
    assert_eq!(logs.read("received.jsonl").lines().count(), 1, "the second is a repeat");
    let not_there = ["received.jsonl", "requests.jsonl"].map(|name| class.directory.file(name).exists());
    assert_eq!(not_there, [false; 2]);
}

// The files it makes, and what may fail without stopping it

#[cfg(unix)]
#[test]
fn the_files_are_readable_by_their_owner_alone_whatever_the_umask() {
    let class = Class::new();
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\"", PROGRAM, "127.0.0.1", "0"]);
    command.arg(class.directory.path());
    let server = Server::spawn(command).unwrap();
    server.client().ask(&javali().message("JAVALI", 1, 7));
    class.requests(1);
    for name in ["received.jsonl", "requests.jsonl"] {
        assert_eq!(mode(&class.directory.file(name)), 0o600, "{name}");
    }
}

#[cfg(target_os = "linux")] // for /dev/full
#[test]
fn standard_output_and_error_that_are_closed_or_full_do_not_stop_the_service() {
    let javali = javali();
    let redirections = [">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full", ">&-", "2>&-", "<&- >&- 2>&-"];
    for redirection in redirections {
        let class = Class::new();
        let address = free_port();
        let _running = Running::spawn(&mut class.redirected(address.port(), redirection));
        wait_for_answer(address, &javali.message("JAVALI", 1, 7));
        let client = Client::new(address);
        client.send("not a token");
        for (seq_number, next_number) in [(1, 2), (2, 3), (3, 0)] {
            assert_eq!(client.next_number(&javali.message("JAVALI", seq_number, 7)), next_number);
        }
        assert_eq!(class.received().len(), 3, "{redirection}");
        wait_until("the refused one's line", || class.directory.read("requests.jsonl").contains("not_a_jws"));
    }
}

#[test]
fn readers_of_standard_output_and_error_that_have_left_do_not_stop_the_service() {
    let class = Class::new();
    let address = free_port();
    let mut command = class.command_at(address.port(), &["--verbose"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::spawn(&mut command);
    (running.0.stdout, running.0.stderr) = (None, None);
    wait_for_answer(address, &javali().message("JAVALI", 1, 7));
    let client = Client::new(address);
    for seq_number in [1, 2, 3] {
        client.ask(&javali().message("JAVALI", seq_number, 7));
    }
    assert_eq!(running.0.try_wait().unwrap(), None, "it is running");
}

#[test]
fn a_requests_jsonl_that_cannot_be_opened_is_only_a_warning() {
    let class = Class::new();
    class.directory.write("requests.jsonl/file", "");
    let server = Server::start(&class, &[]);
    let path = class.directory.file("requests.jsonl");
    assert!(server.errors().contains(&format!("warning: {}: ", path.display())), "{}", server.errors());
    let client = server.client();
    assert_eq!(client.next_number(&javali().message("JAVALI", 1, 7)), 2);
    client.send("not a token");
    assert_eq!(client.next_number(&javali().message("JAVALI", 2, 8)), 3);
    assert_eq!(class.received().len(), 2);
    // Once it can be, the lines are there again.
    fs::remove_dir_all(path).unwrap();
    client.next_number(&javali().message("JAVALI", 2, 8));
    assert_eq!(class.requests(1).last().unwrap()["seq_number"], 2);
}

#[test]
fn requests_jsonl_is_turned_over_at_64_mib_and_replaces_the_one_before() {
    const BOUND: u64 = 64 << 20;
    let class = Class::new();
    let [current, before] = ["requests.jsonl", "requests.1.jsonl"].map(|name| class.directory.file(name));
    fs::write(&before, "the one before\n").unwrap();
    let mut file = File::create(&current).unwrap();
    file.set_len(BOUND - 1_000).unwrap(); // holes, which take no room on the disk
    file.seek(SeekFrom::Start(BOUND - 1_001)).unwrap();
    file.write_all(b"\n").unwrap();
    drop(file);

    let server = Server::start(&class, &[]);
    let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len()); // none while it is renamed
    let client = server.client();
    client.send("first");
    wait_until("the first line", || length(&current) > BOUND - 1_000);
    let of_a_line = length(&current) - (BOUND - 1_000);
    assert_eq!(length(&before), 15, "the file is not yet full");
    let fit = 1_000 / of_a_line;
    assert!(fit >= 2, "a line has {of_a_line} bytes");
    for _ in 1..fit {
        client.send("first");
    }
    wait_until("a full file", || length(&current) == BOUND - 1_000 + fit * of_a_line);
    assert_eq!(length(&before), 15, "the file is just not full");

    client.send("after");
    let has_begun = |file: fs::Metadata| (1..BOUND / 2).contains(&file.len());
    wait_until("a new file", || fs::metadata(&current).is_ok_and(has_begun));
    assert_eq!(length(&before), BOUND - 1_000 + fit * of_a_line, "not a line was lost");
    client.ask(&javali().message("JAVALI", 1, 7));
    let requests = class.requests(2);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0]["datagram"], "after");
    assert_eq!(requests[1]["outcome"], "answered");
    #[cfg(unix)]
    assert_eq!(mode(&current), 0o600);
}

#[test]
fn a_requests_jsonl_cut_in_the_middle_of_a_line_is_continued_on_a_new_one() {
    let class = Class::new();
    class.directory.write("requests.jsonl", "{\"time\":\"2026-");
    let server = Server::start(&class, &[]);
    server.client().ask(&javali().message("JAVALI", 1, 7));
    wait_until("its line", || class.directory.read("requests.jsonl").lines().count() == 2);
    let text = class.directory.read("requests.jsonl");
    assert!(text.starts_with("{\"time\":\"2026-\n{\"time\":\""), "{text}");
}
