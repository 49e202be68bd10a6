//! The protocol as a client sees it, over a real socket; and its rules as plain functions.

use crate::common;
#[cfg(unix)]
use crate::common::in_memory;
use crate::common::{
    Class, Client, Running, Server, Signer, claims, next, payload_of, served, wait_until, with,
};
use std::net::UdpSocket;
#[cfg(target_os = "linux")]
use std::process::Command;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn the_state_machine_is_the_protocols_table() {
    for members in (1..=7).chain([255]) {
        for state in 0..=255 {
            let (sn, last) = (u64::from(state), u64::from(members));
            // Each message that is in order, and its next_number.
            let expected = match state {
                0 if last == 1 => vec![(0, 1), (1, 0)],
                0 => vec![(0, 1), (1, 2)],
                _ if sn > last => vec![(0, 1)],
                _ if sn == last => vec![(0, 1), (sn, 0)],
                _ if sn + 1 == last => vec![(0, 1), (sn, sn + 1), (last, 0)],
                _ => vec![(0, 1), (sn, sn + 1), (sn + 1, sn + 2)],
            };
            let numbers = (0..=300).chain([u64::from(u32::MAX), u64::MAX]);
            let in_order = numbers.filter_map(|number| Some((number, next(members, state, number)?)));
            assert_eq!(in_order.collect::<Vec<_>>(), expected, "members {members}, state {state}");
        }
    }
}

#[test]
fn the_state_machine_answers_the_protocols_own_example() {
    let steps = |state| (0..=4).map(|sn| next(3, state, sn)).collect::<Vec<_>>();
    assert_eq!(steps(0), [Some(1), Some(2), None, None, None]);
    assert_eq!(steps(1), [Some(1), Some(2), Some(3), None, None]);
    assert_eq!(steps(2), [Some(1), None, Some(3), Some(0), None]);
    assert_eq!(steps(3), [Some(1), None, None, Some(0), None]);
}

#[test]
fn groups_of_each_size_get_everyone_in() {
    let (_class, _server, client) = served(&[]);
    for (group, members) in [("HEARTBEAT", 1), ("JAVALI", 3), ("NONAME", 4)] {
        let signer = Signer::new(group, 2048);
        let answers: Vec<_> =
            (1..=members).map(|sn| client.next_number(&signer.message(group, sn, 100 + sn))).collect();
        let expected: Vec<_> = (2..=members).chain([0]).collect();
        assert_eq!(answers, expected, "{group}");
    }
}

#[test]
fn a_repeat_is_answered_as_before_but_for_its_otp() {
    let (_class, _server, client) = served(&[]);
    let token = Signer::new("JAVALI", 2048).message("JAVALI", 1, 7);
    let replies: Vec<_> = (0..20).map(|_| client.ask(&token)).collect();
    for reply in &replies {
        assert_eq!(reply["next_number"], 2);
        assert!(reply["otp_number"].as_u64().unwrap() <= 20_000);
        assert_eq!(reply.as_object().unwrap().len(), 4);
    }
    let is_other = |reply: &serde_json::Value| reply["otp_number"] != replies[0]["otp_number"];
    assert!(replies.iter().any(is_other), "otp_number never changes");
}

#[test]
fn the_replys_claims_stand_in_the_protocols_order() {
    let (_class, _server, client) = served(&[]);
    client.send(Signer::new("JAVALI", 2048).message("JAVALI", 1, 7));
    let reply = client.receive(Duration::from_secs(5)).unwrap();
    let payload = payload_of(&reply);
    let at = |name: &str| payload.find(&format!("\"{name}\":")).unwrap();
    assert!(payload.starts_with("{\"id_request\":\""), "{payload}");
    assert!(at("next_number") < at("otp_number") && at("otp_number") < at("otp_timestamp"), "{payload}");
}

#[test]
fn a_datagram_is_too_large_from_4097_bytes_on() {
    let class = Class::new();
    let server = Server::start(&class, &[]);
    let signer = Signer::new("JAVALI", 2048);
    // The header 36, the signature 342, two dots: 3,715 characters are left, and 4 n + 3 of them are 3 n + 2 bytes.
    let bare = claims("JAVALI", 1, 7).len();
    let padded =
        |bytes: usize| claims("JAVALI", 1, 7).replacen('{', &format!("{{{}", " ".repeat(bytes - bare)), 1);
    let token = signer.sign(common::RS256, padded(2_786));
    assert_eq!(token.len(), 4_095);
    let client = server.client();
    client.send(format!("{token}\n"));
    assert!(client.receive(Duration::from_secs(5)).is_some(), "4,096 bytes with its newline");
    client.send(format!("{token}\r\n"));
    client.send(vec![b'a'; 60_000]);
    assert_eq!(client.next_number(&token), 2);
    let requests = class.requests(4);
    assert_eq!(requests[1]["outcome"], "too_large");
    assert_eq!(requests[2]["outcome"], "too_large");
    assert!(requests[2]["detail"].as_str().unwrap().contains("60000 bytes"));
}

#[test]
fn of_what_has_not_three_parts_it_is_said_how_many_it_has() {
    use udpsocket_jwt_server::{jws, refusal::Refusal};
    for (text, parts) in [("", 1), ("eyJ", 1), (".", 2), ("eyJ.eyJ", 2), ("a.b.c.d", 4), ("....", 5)] {
        assert_eq!(jws::split(text.as_bytes()).unwrap_err(), Refusal::NotAJws(parts), "{text}");
    }
}

#[test]
fn a_captured_0_starts_its_group_over_until_it_expires() {
    let class = Class::new();
    let server = Server::start(&class, &[]);
    let signer = Signer::new("JAVALI", 2048);
    let exp = udpsocket_jwt_server::time::now().as_secs_f64() + 1.0;
    let zero = signer.sign(common::RS256, with(&claims("JAVALI", 0, 0), &format!(r#""exp":{exp}"#)));
    let client = server.client();
    assert_eq!(client.next_number(&zero), 1);
    for sn in 1..=3 {
        client.ask(&signer.message("JAVALI", sn, 100 + sn));
    }
    let stranger = server.client();
    assert_eq!(stranger.next_number(&zero), 1, "whoever captured it can start the group over");
    client.send(signer.message("JAVALI", 3, 103));
    assert_eq!(class.outcomes(6)[5], "out_of_order");

    std::thread::sleep(Duration::from_millis(1_100));
    stranger.send(&zero);
    assert_eq!(class.outcomes(7)[6], "expired");
    let report = common::report_of(class.directory.path(), &[]);
    assert!(report.contains("JAVALI      [###]  done at"), "done stays done: {report}");
}

#[test]
fn ipv6_is_served() {
    let class = Class::new();
    let token = Signer::new("HEARTBEAT", 2048).message("HEARTBEAT", 1, 7);
    let server = Server::start_at(&class, "::1", "0", &[]);
    assert_eq!(server.client().next_number(&token), 0);
    assert!(class.requests(1)[0]["peer"].as_str().unwrap().starts_with("[::1]:"));
}

#[test]
#[cfg(not(windows))] // there `::` serves IPv6 alone
fn an_ipv4_client_of_an_ipv6_server_is_logged_as_one() {
    let class = Class::new();
    let token = Signer::new("HEARTBEAT", 2048).message("HEARTBEAT", 1, 7);
    let server = Server::start_at(&class, "::", "0", &[]);
    let client = Client::new(([127, 0, 0, 1], server.address.port()).into());
    assert_eq!(client.next_number(&token), 0);
    assert!(class.requests(1)[0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn a_client_that_left_before_its_reply_changes_nothing_for_the_others() {
    let class = Class::new();
    let server = Server::start(&class, &[]);
    let signer = Signer::new("JAVALI", 2048);
    for _ in 0..50 {
        server.client().send(signer.message("JAVALI", 1, 7)); // the socket is closed at once
    }
    assert_eq!(server.client().next_number(&signer.message("JAVALI", 1, 7)), 2);
}

/// Makes each call of a socket fail but one, and notes when the errors came.
#[cfg(unix)]
#[derive(Default)]
struct Fails {
    calls: usize,
    errors: Vec<Instant>,
}

#[cfg(unix)]
impl Fails {
    /// The call that does not fail.
    const GOOD: usize = 50;
}

#[cfg(unix)]
impl udpsocket_jwt_server::server::Lab for Fails {
    fn waits(&mut self, socket: &UdpSocket) {
        self.calls += 1;
        if self.calls != Self::GOOD {
            socket.send(b"nobody listens there").unwrap(); // which the next call is told
        }
    }

    fn saw_error(&mut self, _: &std::io::Error) {
        self.errors.push(Instant::now());
    }
}

#[test]
#[cfg(unix)]
fn a_socket_that_fails_is_tried_again_after_ever_longer_waits_until_100_in_a_row_end_the_service() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(common::free_port()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let mut fails = Fails::default();
    let error = in_memory::Lab::of_javali(&Signer::new("JAVALI", 2048)).run(&socket, &mut fails);
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(fails.errors.len(), Fails::GOOD - 1 + 100, "in a row: a call without an error begins anew");
    let in_a_row = &fails.errors[Fails::GOOD - 1..];
    for (times, wait) in in_a_row.windows(2).zip(1..) {
        assert!(times[1] - times[0] >= Duration::from_millis(wait), "the wait after error {wait}");
    }
    let all = in_a_row[99] - in_a_row[0];
    assert!(all < Duration::from_secs(20), "five seconds in all, and not {all:?}");
}

/// What a journal writes down of the errors of a socket, and their kinds.
#[cfg(unix)]
struct Kinds(udpsocket_jwt_server::tools::lab::journal::Journal, Vec<std::io::ErrorKind>);

#[cfg(unix)]
impl udpsocket_jwt_server::server::Lab for Kinds {
    fn saw_error(&mut self, error: &std::io::Error) {
        self.0.saw_error(error);
        self.1.push(error.kind());
    }
}

/// Windows alone says it of a UDP socket. Here a TCP connection says it once, and then fails for good.
#[test]
#[cfg(unix)]
fn a_reply_that_was_turned_back_is_not_logged_and_brings_the_end_no_nearer() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut here = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let there = listener.accept().unwrap().0;
    std::io::Write::write_all(&mut here, b"unread").unwrap();
    there.peek(&mut [0]).unwrap();
    drop(there);
    let socket = std::net::UdpSocket::from(std::os::fd::OwnedFd::from(here));
    let scratch = common::Scratch::new();
    let journal = udpsocket_jwt_server::tools::lab::journal::Journal::new(scratch.path(), false);
    let mut kinds = Kinds(journal, Vec::new());
    in_memory::Lab::of_javali(&Signer::new("JAVALI", 2048)).run(&socket, &mut kinds);
    assert_eq!(kinds.1[0], std::io::ErrorKind::ConnectionReset);
    assert_eq!(kinds.1.len(), 101);
    assert_eq!(scratch.read("requests.jsonl").lines().count(), 100);
}

/// Sends four datagrams, one of each kind that reads differently.
fn send_one_of_each(client: &Client) {
    let signer = Signer::new("JAVALI", 2048);
    client.send("no dots in it, and far too long for a line of the terminal".repeat(3));
    client.send(signer.message("JAVALI", 3, 7));
    client.ask(&signer.message("JAVALI", 1, 7));
    client.ask(&Signer::new("HEARTBEAT", 2048).message("HEARTBEAT", 1, 7));
}

/// The lines about datagrams in what a server has said, once there are four.
fn four_lines(said: impl Fn() -> String) -> Vec<String> {
    let of_a_datagram = |line: &&str| line.contains(" 127.0.0.1:") && line.as_bytes()[2] == b':';
    let lines = || said().lines().filter(of_a_datagram).map(String::from).collect::<Vec<_>>();
    wait_until("four lines", || lines().len() == 4);
    lines()
}

#[test]
fn a_line_for_each_datagram_says_what_became_of_it() {
    let (_class, server, client) = served(&["--verbose"]);
    send_one_of_each(&client);
    let shown = four_lines(|| server.errors());
    assert!(shown[0].contains(" not_a_jws: found "), "{shown:#?}");
    assert!(shown[0].ends_with("; a compact JWS is header.payload.signature"), "whole in a file: {shown:#?}");
    assert!(shown[1].contains(" JAVALI     out_of_order: seq_number is 3 in state 0"), "{shown:#?}");
    assert!(shown[2].ends_with(" JAVALI     1 acknowledged, next 2"), "{shown:#?}");
    assert!(shown[3].ends_with(" HEARTBEAT  1 acknowledged, everyone is in"), "{shown:#?}");
}

/// `script`, of util-linux, gives the server a terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_line_on_a_terminal_fits_100_columns() {
    if !common::has("script") {
        return;
    }
    let class = Class::new();
    let free = common::free_port();
    let directory = class.directory.path().display();
    let command = format!("{} 127.0.0.1 {} {directory}", common::PROGRAM, free.port());
    let screen = class.directory.file("screen");
    let mut command_of_script = Command::new("script");
    command_of_script.args(["-qefc", &command, "/dev/null"]).env("NO_COLOR", "1").stdin(Stdio::null());
    let terminal = Running::spawn(command_of_script.stdout(std::fs::File::create(&screen).unwrap()));
    let said = || std::fs::read_to_string(&screen).unwrap().replace('\r', "");
    wait_until("listening", || said().contains("listening on"));
    send_one_of_each(&Client::new(free));
    let shown = four_lines(said);
    drop(terminal);
    assert!(shown.iter().all(|line| line.len() <= 99), "{shown:#?}");
    assert!(shown[0].len() == 99 && shown[0].ends_with("..."), "{shown:#?}");
}

#[test]
fn a_terminal_that_nobody_reads_stops_nobody() {
    let class = Class::new();
    let mut command = class.command(&["--verbose", "--no-sync"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()); // a pipe is full after some 700 lines
    let mut server = Running::spawn(&mut command);
    let client = Client::new(server.listens_on());
    let token = Signer::new("JAVALI", 2048).message("JAVALI", 1, 7);
    for _ in 0..3_000 {
        client.ask(&token);
    }
}

#[test]
fn quiet_says_nothing_of_a_datagram() {
    let (_class, server, client) = served(&["--quiet"]);
    let before = server.errors();
    client.ask(&Signer::new("JAVALI", 2048).message("JAVALI", 1, 7));
    assert_eq!(server.errors(), before);
}
