//! What the program says and how it ends, seen from outside: through its command line, a socket, its files.

use crate::common;
#[cfg(target_os = "linux")]
use crate::common::has;
use crate::common::{
    Class, Ended, PROGRAM, RS256, SECRET, Scratch, Signer, claims, ended, private_key, record_at, run,
    served, with,
};
use ring::hmac;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use udpsocket_jwt_server::claims::{REPLY_HEADER, id_request};
use udpsocket_jwt_server::jws;
use udpsocket_jwt_server::time::{now, rfc3339};

/// The program with these arguments, in a directory.
#[track_caller]
fn program(directory: &Path, arguments: &[&str], input: &str) -> Ended {
    ended(Command::new(PROGRAM).args(arguments).current_dir(directory), input.as_bytes())
}

/// A text without its numbers, so that sentences with times in them can be compared whole.
fn without_numbers(text: &str) -> String {
    let mut short = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if short.ends_with('#') => {}
            '0'..='9' => short.push('#'),
            letter => short.push(letter),
        }
    }
    short
}

// --- check --------------------------------------------------------------------------------------------

/// A request of JAVALI's, and the reply to it with this secret.
fn exchange(secret: &str) -> String {
    let payload = claims("JAVALI", 1, 7);
    let request = Signer::new("JAVALI", 2048).sign(RS256, &payload);
    let claims = format!(
        r#"{{"id_request":"{}","next_number":2,"otp_number":7,"otp_timestamp":1700000000}}"#,
        id_request(payload.as_bytes())
    );
    let reply = jws::sign(REPLY_HEADER, &claims, &hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
    format!("{request}\n{reply}\n")
}

#[test]
fn a_request_with_a_forged_reply_ends_check_with_1() {
    let class = Class::new();
    let directory = class.directory.path();
    for (secret, status) in [(SECRET, 0), ("another secret of the right length", 1)] {
        let Ended { status: found, output, errors } = program(directory, &["check"], &exchange(secret));
        assert_eq!((found, errors.as_str()), (Some(status), ""), "{secret}: {output}");
        let mark = if status == 0 { "ok  " } else { "NO  " };
        assert!(output.contains(&format!("{mark}the reply's HMAC verifies with the secret\n")), "{output}");
    }
}

#[test]
fn a_secret_and_a_key_that_are_too_short_are_told_with_both_numbers_in_their_place() {
    let class = Class::new();
    class.directory.write("keys_priv/key_secret_for_hmac.txt", &SECRET[..27]);
    let Ended { output, .. } = program(class.directory.path(), &["check"], &exchange(&SECRET[..27]));
    assert!(output.contains("27 bytes, fewer than 32"), "{output}");

    let weak = public_of(&private_key("weak", 1_024));
    let directory = Scratch::new();
    directory.write("keys_pub/JAVALI.pem", weak);
    directory.write("keys_priv/key_secret_for_hmac.txt", SECRET);
    let errors = common::failed(Command::new(PROGRAM).args(["127.0.0.1", "0"]).arg(directory.path()), 1);
    assert!(errors.contains("1024 bits, fewer than 2048"), "{errors}");
}

fn public_of(private: &Path) -> Vec<u8> {
    run("openssl", &["pkey", "-in", private.to_str().unwrap(), "-pubout"])
}

#[test]
fn a_key_of_1024_bits_private_or_public_ends_check_with_1() {
    let nowhere = Scratch::new();
    let private = private_key("weak", 1_024);
    let public = nowhere.write("public.pem", public_of(&private));
    for file in [private.to_str().unwrap(), public.to_str().unwrap()] {
        let Ended { status, output, errors } = program(nowhere.path(), &["check", "--key", file], "");
        assert_eq!((status, output.as_str()), (Some(1), ""), "{file}: {errors}");
        assert!(errors.contains(file), "{errors}");
        let is_public = file.ends_with("public.pem");
        assert!(!is_public || errors.contains("1024 bits, fewer than 2048"), "{errors}");
    }
    let weak = ["check", "--allow-weak-keys", "--key", public.to_str().unwrap()];
    assert_eq!(program(nowhere.path(), &weak, "").status, Some(0));
    let strong = private_key("JAVALI", 2_048);
    let strong = ["check", "--key", strong.to_str().unwrap()];
    assert_eq!(program(nowhere.path(), &strong, "").status, Some(0), "a private key is read");
}

// --- report -------------------------------------------------------------------------------------------

/// A class with a record of JAVALI's so many seconds ago.
fn recorded(seconds: u64) -> Scratch {
    let directory = Scratch::new();
    directory.write("groups.json", r#"{"JAVALI":3}"#);
    directory.write(
        "received.jsonl",
        record_at(now().saturating_sub(Duration::from_secs(seconds)), "JAVALI", 1, 7),
    );
    directory
}

/// A line of `requests.jsonl` of so many seconds ago.
fn request(seconds: u64, members: &str) -> String {
    let time = rfc3339(now().saturating_sub(Duration::from_secs(seconds)));
    format!("{{\"time\":\"{time}\",\"peer\":\"192.0.2.7:50000\",\"group\":\"JAVALI\",{members}}}\n")
}

const ANSWERED: &str =
    r#""outcome":"answered","seq_number":1,"next_number":2,"id_request":"00","otp_number":7"#;

#[test]
fn the_report_says_how_long_ago_in_seconds_minutes_hours_or_days() {
    for (seconds, expected) in
        [(50, "5# s ago"), (600, "10 min ago"), (3 * 3_600 + 60, "3 h ago"), (5 * 86_400 + 60, "5 days ago")]
    {
        let report = common::report_of(recorded(seconds).path(), &[]);
        let is_said = (0..10).any(|digit| {
            report.contains(&format!("last seen {}", expected.replace('#', &digit.to_string())))
        });
        assert!(is_said, "{seconds} s: {report}");
    }
}

#[test]
fn what_was_seen_earlier_is_not_what_was_seen_last() {
    let directory = recorded(600);
    directory.write("requests.jsonl", [request(300, ANSWERED), request(900, ANSWERED)].concat());
    let report = common::report_of(directory.path(), &[]);
    assert!(report.contains("last seen 5 min ago"), "{report}");
}

#[test]
fn a_time_line_begins_in_the_log_before_the_last() {
    let directory = recorded(600);
    directory.write("requests.1.jsonl", request(500, ANSWERED));
    directory.write("requests.jsonl", request(400, ANSWERED));
    let report = common::report_of(directory.path(), &["--group", "JAVALI"]);
    assert!(report.contains("its last datagrams, 2 of 2"), "{report}");
    assert!(report.contains("copy 2    +1 min"), "the second follows the first: {report}");
}

#[test]
fn a_row_of_four_digits_in_a_time_line_is_hidden_and_one_of_three_is_not() {
    let directory = recorded(600);
    let refused = r#""outcome":"bad_claim","detail":"claim matricula is \"4321\" or 321 or 12345678"#;
    directory.write("requests.jsonl", request(500, &format!("{refused}\"")));
    for options in [&["--group", "JAVALI"][..], &["--group", "JAVALI", "--mermaid"]] {
        let report = common::report_of(directory.path(), options);
        assert!(!report.contains("4321") && !report.contains("12345678"), "{report}");
        assert!(report.contains("321"), "{report}");
    }
}

// --- the server ---------------------------------------------------------------------------------------

#[test]
fn it_serves_this_machine_alone_unless_it_is_told_otherwise() {
    let class = Class::new();
    // The port is taken, by this or by another: what the start names is its default.
    let _taken = UdpSocket::bind("127.0.0.1:5555");
    let errors = common::failed(Command::new(PROGRAM).current_dir(class.directory.path()), 1);
    assert!(errors.contains("127.0.0.1:5555") && !errors.contains("0.0.0.0:5555"), "{errors}");
}

#[test]
fn an_explanation_of_exp_or_nbf_is_about_that_claim() {
    let (class, _server, client) = served(&["--quiet", "--explain"]);
    let javali = Signer::new("JAVALI", 2048);
    let now = now().as_secs();
    let cases = [
        (
            format!(r#""exp":{}"#, now - 60),
            "sign anew; if it was just signed, set your clock (exp passed #.# s ago)",
        ),
        (format!(r#""nbf":{}"#, now + 60), "set your clock, or leave nbf out (nbf is #.# s ahead)"),
        (
            format!(r#""exp":{}"#, 300),
            "write exp as now in seconds plus a span (exp is #: a span, or never set? It counts seconds from #)",
        ),
        (
            format!(r#""nbf":{}"#, now * 1_000),
            "write nbf in seconds, not milliseconds (nbf is #, of the year # or later)",
        ),
    ];
    for (number, (members, expected)) in (1..).zip(cases) {
        let payload = with(&claims("JAVALI", 1, 7), &format!(r#"{members},"x":"{:400}""#, ""));
        client.send(javali.sign(RS256, payload));
        let reply = client.receive(Duration::from_secs(5)).unwrap_or_else(|| panic!("{members}: silence"));
        let detail = common::verified(&reply)["detail"].as_str().unwrap().to_string();
        assert_eq!(without_numbers(&detail), expected, "{members}");
        let logged = &class.requests(number)[number - 1]["detail"];
        assert_eq!(without_numbers(logged.as_str().unwrap()), expected, "{members}");
    }
}

/// The reply to what is refused is no acknowledgment: its loss is not the reason.
#[test]
fn what_is_refused_is_logged_with_its_reason_though_its_explanation_is_lost() {
    let (class, _server, client) = served(&["--quiet", "--lose", "50", "--explain"]);
    let refused =
        Signer::new("JAVALI", 2048).sign(RS256, r#"{"group":"JAVALI","seq_number":1,"matricula":"7"}"#);
    for _ in 0..60 {
        client.send(&refused);
    }
    let lines = class.requests(60);
    let count = |outcome: &str, lost: Option<&str>| {
        lines
            .iter()
            .filter(|line| {
                line["outcome"] == outcome && line.get("lost").and_then(|lost| lost.as_str()) == lost
            })
            .count()
    };
    let (lost, told) = (count("lost_on_purpose", Some("request")), count("bad_claim", None));
    assert_eq!(lost + told, 60, "{lines:#?}");
    assert!(lost > 0 && told > 0, "{lost} lost, {told} told");
}

/// Then systemd starts it again.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_fails_for_good_ends_the_server_with_1_and_each_failure_is_a_line_of_the_log() {
    if !has("strace") {
        return;
    }
    let class = Class::new();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=recvfrom", "-e", "inject=recvfrom:error=EIO"]);
    command.args([PROGRAM, "--quiet", "127.0.0.1", "0"]).arg(class.directory.path());
    let Ended { status, output, errors } = ended(&mut command, b"");
    assert_eq!(status, Some(1), "{output}{errors}");
    assert!(output.starts_with("listening on 127.0.0.1:"), "{output}");
    assert!(errors.contains("Input/output error"), "{errors}");
    let lines = class.requests(2);
    assert!(lines.iter().all(|line| line["outcome"] == "socket_error"), "{lines:#?}");
    assert!(lines.len() >= 10, "{} lines", lines.len());
}

#[test]
fn what_is_wrong_with_base64url_is_told_by_its_own_hint() {
    let (class, _server, client) = served(&["--quiet"]);
    let token = Signer::new("JAVALI", 2048).message("JAVALI", 1, 7);
    let at_4 = |letter: &str| format!("{}{letter}{}", &token[..4], &token[4..]);
    let cases = [
        (
            format!("{token}="),
            "signature (343 characters): = stands at its end; take the = off: base64url in a JWS has no padding",
        ),
        (
            at_4("="),
            "header (37 characters): byte 4 is \"=\"; take the = off: base64url in a JWS has no padding",
        ),
        (
            at_4("+"),
            "header (37 characters): byte 4 is \"+\"; that is base64; base64url has - for + and _ for /",
        ),
        (
            at_4("/"),
            "header (37 characters): byte 4 is \"/\"; that is base64; base64url has - for + and _ for /",
        ),
        (at_4(" "), "header (37 characters): byte 4 is \" \"; white space has no place in a token"),
        (
            at_4("!"),
            "header (37 characters): byte 4 is \"!\"; write base64url, which has A-Z a-z 0-9 - _ alone",
        ),
    ];
    for (number, (datagram, expected)) in (1..).zip(cases) {
        client.send(datagram);
        let line = class.requests(number).pop().unwrap();
        assert_eq!(line["outcome"], "bad_base64", "{line}");
        assert_eq!(line["detail"], expected);
    }
}
