//! The rest of the lab kit: the lossy network, the explanations, a class of one's own, and the help
//! as the whole truth. The examiner has a file of its own.

use crate::common;
use crate::common::{
    Class, Client, PROGRAM, RS256, Server, Signer, claims, ended, ending_with, payload_of, private_key,
    recorded, report_of, run, served, verified,
};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use udpsocket_jwt_server::claims::id_request;
use udpsocket_jwt_server::tools::cli::HELP;
use udpsocket_jwt_server::tools::to_base64url;

static JAVALI: LazyLock<Signer> = LazyLock::new(|| Signer::new("JAVALI", 2048));

/// What a command line with a mistake is told.
#[track_caller]
fn usage_error(arguments: &[&str]) -> String {
    common::failed(Command::new(PROGRAM).args(arguments), 2)
}

/// The matriculas that are recorded.
fn matriculas(class: &Class) -> Vec<u64> {
    recorded(&class.received()).iter().map(|(.., matricula)| *matricula).collect()
}

/// What the network did to a number of requests.
#[derive(Debug, Default, PartialEq)]
struct Losses {
    requests: usize,
    replies: usize,
    answered: usize,
}

/// Sends the same good message many times under `--lose`; what became of it, and the replies.
fn losses(percent: &str, requests: usize) -> (Losses, usize) {
    let (class, _server, client) = served(&["--quiet", "--no-sync", "--lose", percent]);
    let token = JAVALI.message("JAVALI", 1, 7);
    let mut replies = 0;
    let mut sent = 0;
    while sent < requests {
        let burst = 50.min(requests - sent); // as many as any socket's buffer holds
        (0..burst).for_each(|_| client.send(&token));
        sent += burst;
        class.requests(sent); // a reply is sent before its line is written
        replies += (0..).take_while(|_| client.receive(Duration::from_millis(1)).is_some()).count();
    }
    let mut losses = Losses::default();
    for line in class.requests(requests) {
        match (line["outcome"].as_str().unwrap(), line["detail"].as_str().unwrap_or_default()) {
            ("answered", _) => losses.answered += 1,
            ("lost_on_purpose", "the request was discarded: send it again") => losses.requests += 1,
            ("lost_on_purpose", "its reply was discarded: send it again") => losses.replies += 1,
            other => panic!("{other:?}"),
        }
    }
    (losses, replies)
}

/// Where a binomial variable is found, but for one time in a million: within 5 sigma.
fn five_sigma(trials: usize, probability: f64) -> RangeInclusive<f64> {
    let mean = trials as f64 * probability;
    let five_sigma = 5.0 * (mean * (1.0 - probability)).sqrt();
    mean - five_sigma..=mean + five_sigma
}

#[test]
fn lose_0_loses_nothing() {
    assert_eq!(losses("0", 100), (Losses { answered: 100, ..Losses::default() }, 100));
}

#[test]
fn lose_100_loses_everything() {
    assert_eq!(losses("100", 100), (Losses { requests: 100, ..Losses::default() }, 0));
}

#[test]
fn lose_30_loses_that_share_either_way() {
    let (losses, replies) = losses("30", 1_000);
    assert_eq!(losses.requests + losses.replies + losses.answered, 1_000);
    assert_eq!(losses.answered, replies, "what is logged as answered has come");
    assert!(five_sigma(1_000, 0.3).contains(&(losses.requests as f64)), "{losses:?}");
    let handled = 1_000 - losses.requests;
    assert!(five_sigma(handled, 0.3).contains(&(losses.replies as f64)), "{losses:?}");
}

/// Sends a message from a socket that is closed before the server can look at it.
fn send_and_leave(server: &Server, socket: std::net::UdpSocket, to: std::net::SocketAddr, token: &str) {
    server.signal("-STOP");
    socket.send_to(token.as_bytes(), to).unwrap();
    drop(socket);
    server.signal("-CONT");
}

#[test]
fn a_client_that_closed_its_socket_is_told_that_nobody_holds_its_port() {
    let class = Class::new();
    let mut server = Server::start(&class, &["-v", "--no-sync"]);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let left = socket.local_addr().unwrap().port();
    send_and_leave(&server, socket, server.address, &JAVALI.message("JAVALI", 1, 7));
    let holds =
        format!("nobody holds port {left} any more: receive on the socket that sent, and keep it open");
    let line = &class.requests(1)[0];
    assert_eq!((&line["outcome"], &line["detail"]), (&"answered".into(), &holds.clone().into()), "{line}");
    // Whoever is still there is told nothing: on its own address, on all of them, or IPv6 that takes IPv4.
    server.client().ask(&JAVALI.message("JAVALI", 2, 7));
    let port = server.address.port();
    for (own, to) in
        [("0.0.0.0:0", format!("127.0.0.1:{port}")), ("[::]:0", format!("[::ffff:127.0.0.1]:{port}"))]
    {
        let Ok(socket) = std::net::UdpSocket::bind(own) else { continue };
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.send_to(JAVALI.message("JAVALI", 3, 7).as_bytes(), to).unwrap();
        socket.recv(&mut [0; 1_000]).unwrap();
    }
    let lines = class.requests(3);
    assert!(lines[1..].iter().all(|line| line["left_port"].is_null()), "{lines:?}");
    let report = report_of(class.directory.path(), &["--group", "JAVALI"]);
    let words: Vec<_> = report.split_whitespace().collect();
    assert_eq!(words.join(" ").matches(&holds).count(), 1, "{report}");
    server.kill();
    let shown = format!("1 acknowledged, next 2; but {holds}");
    assert_eq!(server.errors().matches(&shown).count(), 1, "{}", server.errors());
}

#[test]
fn a_number_that_came_before_the_reply_to_the_one_before_is_told_so() {
    let class = Class::new();
    let server = Server::start(&class, &["-v", "--no-sync"]);
    let (one, other) = (server.client(), server.client());
    let message = |number| JAVALI.message("JAVALI", number, 7);
    server.signal("-STOP");
    one.send(message(1));
    one.send(message(1));
    one.send(message(2));
    other.send(message(3)); // which got no reply either, but from here nobody sent a 2
    server.signal("-CONT");
    let lines = class.requests(4);
    let before: Vec<_> = lines.iter().map(|line| line["before_reply_to"].as_u64()).collect();
    assert_eq!(before, [None, None, Some(1), None], "{lines:?}");
    let told = "it came before the reply to 1 had left: wait for each";
    assert_eq!(lines[2]["detail"], told);
    common::wait_until("the line", || {
        server.errors().contains(&format!("2 acknowledged, next 3; but {told}"))
    });
    let report = report_of(class.directory.path(), &["--group", "JAVALI"]);
    let words = report.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("2 came before the reply to 1 had left, from the same socket"), "{report}");
    // What was answered before, and comes once more with the next, proves nothing.
    let again = server.client();
    again.ask(&message(0));
    again.ask(&message(1));
    server.signal("-STOP");
    again.send(message(1));
    again.send(message(2));
    server.signal("-CONT");
    assert!(class.requests(8)[7]["before_reply_to"].is_null());
}

#[test]
fn what_was_refused_is_told_as_refused_and_whether_its_client_was_told() {
    for options in [&["--quiet", "--explain"][..], &["--quiet"]] {
        let (class, _server, client) = served(options);
        client.send(JAVALI.message("JAVALI", 2, 7));
        let is_told = options.len() == 2;
        let line = &class.requests(1)[0];
        assert_eq!(
            line["explained"],
            if is_told { serde_json::Value::Bool(true) } else { serde_json::Value::Null }
        );
        let report = report_of(class.directory.path(), &["--group", "JAVALI"]);
        let arrows =
            if is_told { "--> <--  refused: out_of_order:" } else { "-->      refused: out_of_order:" };
        assert!(report.contains(arrows), "{report}");
    }
}

#[test]
fn without_v_or_explain_nobody_looks_for_a_port() {
    let class = Class::new();
    let server = Server::start(&class, &["--quiet", "--no-sync"]);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    send_and_leave(&server, socket, server.address, &JAVALI.message("JAVALI", 1, 7));
    assert!(class.requests(1)[0]["detail"].is_null());
}

#[test]
fn an_exp_in_milliseconds_is_noted_though_it_is_taken() {
    let (class, _server, client) = served(&["--quiet", "--no-sync"]);
    let payload = ending_with(&claims("JAVALI", 1, 7), r#""exp":1900000000000"#);
    client.ask(&JAVALI.sign(RS256, payload));
    let detail = class.requests(1)[0]["detail"].as_str().unwrap().to_string();
    assert!(detail.contains("write exp in seconds, not milliseconds"), "{detail}");
}

#[test]
fn what_is_recorded_is_what_arrived_whatever_became_of_its_reply() {
    let (class, _server, client) = served(&["--quiet", "--no-sync", "--lose", "50"]);
    for matricula in 0..40 {
        client.send(JAVALI.message("JAVALI", 1, matricula));
    }
    let handled: Vec<_> = class
        .requests(40)
        .iter()
        .zip(0_u64..)
        .filter(|(line, _)| line["detail"] != "the request was discarded: send it again")
        .map(|(_, matricula)| matricula)
        .collect();
    assert_eq!(matriculas(&class), handled);
    assert!((1..40).contains(&handled.len()), "one in 2^40 runs ends here");
}

#[test]
fn a_client_that_sends_again_gets_everyone_in_however_bad_the_network_is() {
    let (class, _server, client) = served(&["--quiet", "--no-sync", "--lose", "50"]);
    for number in 1..=3 {
        let token = JAVALI.message("JAVALI", number, 100 + number);
        let reply = (0..1_000)
            .find_map(|_| {
                client.send(&token);
                client.receive(Duration::from_millis(20))
            })
            .expect("three of four tries fail");
        assert_eq!(verified(&reply)["next_number"], (number + 1) % 4);
        while client.receive(Duration::from_millis(20)).is_some() {} // a late one is not the next one's
    }
    assert_eq!(matriculas(&class), [101, 102, 103]);
}

#[test]
fn the_client_in_bash_survives_lose_30() {
    let class = Class::new();
    let server = Server::start(&class, &["--quiet", "--no-sync", "--lose", "30"]);
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/client.sh"))
        .args([&server.address.ip().to_string(), &server.address.port().to_string(), "HEARTBEAT", "1"])
        .arg(private_key("HEARTBEAT", 2048))
        .arg(class.directory.file("keys_priv/key_secret_for_hmac.txt"))
        .envs([("TIMEOUT", "0.1"), ("STARTS", "10")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(class.received().last().unwrap()["seq_number"], 1);
}

#[test]
fn percent_is_an_integer_from_0_to_100() {
    let class = Class::new();
    let directory = class.directory.path().to_str().unwrap();
    for percent in ["101", "256", "-1", "x", "", "1.5", "30%", " 30", "0x10", "1e1"] {
        let error = usage_error(&[&format!("--lose={percent}"), "127.0.0.1", "0", directory]);
        let not = format!("an integer from 0 to 100, not \"{}\"", percent.escape_debug());
        assert!(error.contains(&format!("--lose takes a PERCENT, {not}")), "{error}");
    }
    assert!(usage_error(&["--lose"]).contains("--lose takes a value"));
}

/// Signed requests that are refused, and why.
fn refused() -> Vec<(String, &'static str)> {
    let with = |members: &str| JAVALI.sign(RS256, ending_with(&claims("JAVALI", 1, 7), members));
    vec![
        (with(r#""seq_number":"1""#), "bad_claim"),
        (with(r#""matricula":1.5"#), "bad_claim"),
        (with(&format!(r#""seq_max":"{}\u0000\\""#, "\\\"".repeat(200))), "bad_claim"),
        (with(r#""exp":1"#), "expired"),
        (with(r#""nbf":9e9"#), "not_yet_valid"),
        (with(r#""aud":"me""#), "wrong_audience"),
        (with(&format!(r#""aud":"{}""#, "\u{1f393}".repeat(100))), "wrong_audience"),
        (JAVALI.message("JAVALI", 2, 7), "out_of_order"),
        (JAVALI.message("JAVALI", 3, 7), "out_of_order"),
        (JAVALI.sign(r#"{"alg":"RS256"}"#, r#"{"group":"JAVALI"}"#), "bad_claim"),
    ]
}

#[test]
fn explain_answers_a_signed_refusal_with_its_reason() {
    let (class, _server, client) = served(&["--quiet", "--no-sync", "--explain"]);
    for (number, (token, error)) in refused().into_iter().enumerate() {
        client.send(&token);
        let reply = client.receive(Duration::from_secs(5)).unwrap_or_else(|| panic!("{error}"));
        let claims = verified(&reply);
        let line = &class.requests(number + 1)[number];
        assert_eq!((&claims["error"], &line["outcome"]), (&error.into(), &error.into()));
        assert_eq!(claims["id_request"], id_request(payload_of(&token).as_bytes()).as_str());
        let (told, logged) = (claims["detail"].as_str().unwrap(), line["detail"].as_str().unwrap());
        assert!(logged.starts_with(told) && told.len() > 10, "{told} / {logged}");
        assert!(claims["otp_number"].as_u64().unwrap() <= 20_000 && claims["otp_timestamp"].is_u64());
        assert!(error != "out_of_order" || told.starts_with("send seq_number 1"), "{told}");
        assert!(error != "wrong_audience" || told.starts_with("leave claim aud out"), "{told}");
        assert!(reply.len() < token.len(), "{error}: {} bytes for {}", reply.len(), token.len());

        let text = payload_of(&reply);
        let names = ["id_request", "error", "detail", "otp_number", "otp_timestamp"];
        let places: Vec<_> =
            names.iter().map(|name| text.find(&format!("\"{name}\":")).expect(name)).collect();
        assert!(places.is_sorted() && places[0] == 1, "{text}");
        assert_eq!(claims.as_object().unwrap().len(), names.len(), "{text}");
        assert!(!text.contains("next_number"), "nothing that a search in the text could take: {text}");
    }
    assert_eq!(class.received().len(), 0);
    assert_eq!(client.next_number(&JAVALI.message("JAVALI", 1, 7)), 2, "what is right is answered as ever");
}

#[cfg(target_os = "linux")]
#[test]
fn explain_says_that_a_message_could_not_be_recorded() {
    let class = Class::new();
    // A limit to the size of its files is a disk that is full; the shell makes it an error, no signal.
    let mut command = Command::new("bash");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "bash", PROGRAM])
        .args(["--quiet", "--no-sync", "--explain", "127.0.0.1", "0"])
        .arg(class.directory.path());
    let server = Server::spawn(command).unwrap();
    let token = JAVALI.message("JAVALI", 1, 7);
    let client = server.client();
    client.send(&token);
    let reply = client.receive(Duration::from_secs(5)).expect("an explanation");
    assert_eq!(verified(&reply)["error"], "not_recorded");
    assert!(reply.len() < token.len());
    assert_eq!(class.received().len(), 0);
}

/// Datagrams that are not signed, and how what is said to each begins; nothing, if that would be longer.
fn unsigned() -> Vec<(String, &'static str)> {
    let attacker = Signer::new("attacker", 2048);
    let none = JAVALI.sign(r#"{"alg":"none"}"#, claims("JAVALI", 1, 7));
    let crit = JAVALI.sign(r#"{"alg":"RS256","crit":["exp"]}"#, claims("JAVALI", 1, 7));
    let json = r#"{"group":"JAVALI","seq_number":1,"seq_max":3,"matricula":20240001,"nome":"Ana Souza"}"#;
    vec![
        ("hello".to_string(), ""),
        ("..".into(), ""),
        (String::new(), ""),
        ("a".repeat(5_000), "too_large: shorten the claims (the datagram has 5000 bytes"),
        (json.into(), "not_a_jws: "),
        (format!("b'{}'", JAVALI.message("JAVALI", 1, 7)), "bad_base64: send token.encode(), not str(token)"),
        (none, "wrong_alg: "),
        (crit, "unsupported_crit: leave crit out"),
        (JAVALI.message("JAVALI", 1, 7) + &"\0".repeat(8_000), "too_large: send strlen() bytes"),
        (JAVALI.sign(RS256, "[]"), "bad_payload: "),
        (JAVALI.message("JAVALY", 1, 7), "unknown_group: "),
        (
            JAVALI.message("PINHAO", 1, 7),
            "no_key: tell the professor: the server's start names the reason (the server has",
        ),
        (attacker.message("JAVALI", 2, 7), "bad_signature: "),
    ]
}

#[test]
fn explain_answers_what_is_not_signed_in_plain_text_smaller_than_it() {
    let (_class, _server, client) = served(&["--quiet", "--no-sync", "--explain"]);
    for (datagram, said) in unsigned() {
        client.send(&datagram);
        let wait = Duration::from_millis(if said.is_empty() { 50 } else { 5_000 });
        let reply = client.receive(wait).unwrap_or_default();
        assert_eq!(reply.is_empty(), said.is_empty(), "{datagram}: {reply}");
        assert!(reply.starts_with(said), "{datagram}: {reply}");
        assert!(reply.is_empty() || reply.len() < datagram.len() && reply.ends_with('\n'), "{reply}");
        let plain = reply.trim_end();
        assert!(plain.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{reply}");
        assert!(plain.is_empty() || plain.contains(' '), "no JWS, signed or not: {reply}");
    }
}

/// A short key makes a request that is shorter than any signed reply.
#[test]
fn explain_is_silent_where_a_signed_reply_would_be_no_smaller() {
    let class = Class::new();
    let key = private_key("weak", 1024);
    let key = key.to_str().unwrap();
    class.directory.write("groups.json", r#"{"A":1}"#);
    class.directory.write("keys_pub/A.pem", run("openssl", &["pkey", "-in", key, "-pubout"]));
    let parts = [r#"{"alg":"RS256"}"#, r#"{"group":"A"}"#].map(|part| to_base64url(part.as_bytes()));
    let signing_input = parts.join(".");
    let file = class.directory.write("signing_input", &signing_input);
    let signature = run("openssl", &["dgst", "-sha256", "-sign", key, file.to_str().unwrap()]);
    let server = Server::start(&class, &["--quiet", "--no-sync", "--explain", "--allow-weak-keys"]);
    let client = server.client();
    client.send(format!("{signing_input}.{}", to_base64url(&signature)));
    assert_eq!(class.requests(1)[0]["outcome"], "bad_claim", "the shortest reason");
    assert_eq!(client.receive(Duration::from_millis(20)), None);
}

#[test]
fn without_explain_nothing_is_explained() {
    let class = Class::new();
    let server = Server::start(&class, &["--quiet", "--no-sync"]);
    silent(&server.client(), &class, refused().into_iter().map(|(token, _)| token));
    let (class, _server, client) = served(&["--quiet", "--no-sync"]);
    silent(&client, &class, unsigned().into_iter().map(|(datagram, _)| datagram));
}

/// Sends what must not be answered.
fn silent(client: &Client, class: &Class, tokens: impl ExactSizeIterator<Item = String>) {
    let sent = tokens.len();
    tokens.for_each(|token| client.send(token));
    assert_eq!(class.requests(sent).len(), sent);
    assert_eq!(client.receive(Duration::from_millis(20)), None);
}

#[test]
fn groups_json_is_the_class_from_the_first_datagram_to_the_report() {
    let class = Class::new();
    let table = r#"{"JAVALI": [20240001, 20240002, 20240003], "My_own-1": 2, "EMPTY": [7]}"#;
    class.directory.write("groups.json", table);
    class.directory.write("keys_pub/my_OWN-1.pem", Signer::new("NONAME", 2048).public_pem);
    let server = Server::start(&class, &["--no-sync", "--quiet"]);
    assert!(server.errors().contains("HEARTBEAT.pem: its name is that of no group"), "{}", server.errors());
    let client = server.client();

    // A roster refuses nobody: not who is unknown, nor who comes twice.
    for (number, matricula, next_number) in [(1, 20_240_002, 2), (2, 666, 3), (3, 20_240_002, 0)] {
        assert_eq!(client.next_number(&JAVALI.message("javali", number, matricula)), next_number);
    }
    let own = Signer::new("NONAME", 2048);
    for (number, next_number) in [(1, 2), (2, 0)] {
        assert_eq!(client.next_number(&own.message("MY_OWN-1", number, number)), next_number);
    }
    let outcomes = [
        (own.message("My_own-1", 3, 7), "out_of_order"),
        (JAVALI.message("HEARTBEAT", 1, 7), "unknown_group"),
        (JAVALI.message("EMPTY", 1, 7), "no_key"),
    ];
    for (token, _) in &outcomes {
        client.send(token);
    }
    assert_eq!(class.outcomes(8)[5..], outcomes.map(|(_, outcome)| outcome));
    let groups: BTreeSet<_> = recorded(&class.received()).into_iter().map(|(group, ..)| group).collect();
    assert_eq!(groups, BTreeSet::from(["JAVALI".into(), "My_own-1".into()]), "as the table spells them");

    let text = report_of(class.directory.path(), &[]);
    let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let csv = report_of(class.directory.path(), &["--csv"]);
    for expected in [
        "3 groups: 2 done, 0 under way, 1 not started; 5 records",
        "missing: 20240001 20240003",
        "unknown: 666",
        "sent under two numbers: 20240002",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let notes: Vec<_> = csv.lines().map(|row| row.split(',').nth(5).unwrap()).collect();
    let (three, twice) = ("says 3 members; the table 2", "sent under two numbers");
    let expected = ["note", "", "missing", twice, "unknown", twice, "missing", "missing", three, three];
    assert_eq!(notes, expected, "of EMPTY, JAVALI and My_own-1");
}

/// Each option that the help names, and whether it takes a value.
fn options_of_the_help() -> Vec<(String, bool)> {
    let words: Vec<&str> = HELP
        .split([' ', '\n', '[', ']', ',', ';', ':', '(', ')', '.', '?'])
        .filter(|word| !word.is_empty())
        .collect();
    let is_value =
        |word: Option<&&str>| word.is_some_and(|word| ["DIR", "FILE", "NAME", "PERCENT"].contains(word));
    let options = words.iter().enumerate().filter(|(_, word)| word.starts_with('-'));
    let options = options.map(|(at, word)| (word.to_string(), is_value(words.get(at + 1))));
    options.collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn the_help_is_one_screen() {
    assert!(HELP.lines().count() <= 24 && HELP.lines().all(|line| line.len() <= 80), "{HELP}");
    assert!(HELP.is_ascii() && ["ADDRESS", "PORT", "DIR"].iter().all(|word| HELP.contains(word)));
    for arguments in [&["--help"][..], &["-h"], &["report", "--help"], &["check", "--help"]] {
        let help = ended(Command::new(PROGRAM).args(arguments), b"");
        assert_eq!((help.status, &*help.output, &*help.errors), (Some(0), HELP, ""), "{arguments:?}");
    }
}

#[test]
fn the_help_names_no_option_that_there_is_not() {
    // What it names, the parser knows: what follows it is the first mistake.
    for (option, takes_a_value) in &options_of_the_help() {
        let value: &[&str] = if *takes_a_value { &["1"] } else { &[] };
        let is_known = |command: &&[&str]| {
            let error = usage_error(&[*command, &[option], value, &["--nonsense"]].concat());
            error.contains("there is no option \"--nonsense\" here")
        };
        assert!([&[][..], &["report"], &["check"]].iter().any(is_known), "{option} is in the help alone");
    }
}

#[test]
fn the_help_names_every_option() {
    let named = options_of_the_help();
    let source = include_str!("../src/tools/cli.rs").rsplit_once("fn dispatch").unwrap().1;
    let known: BTreeSet<_> = source.split('"').filter(|text| is_option(text)).collect();
    let named: BTreeSet<_> = named.iter().map(|(option, _)| option.as_str()).collect();
    assert_eq!(named, known);
}

/// `-x` or `--word`, the whole of it.
fn is_option(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    let is_word = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    match text.len() - name.len() {
        1 => name.len() == 1,
        2 => name.len() > 1 && is_word,
        _ => false,
    }
}
