//! The README says what is so: its examples run as they stand there, and its outputs are the
//! program's.

mod common;

use common::{Class, PROGRAM, RS256, Scratch, Server, Signer, claims};
use ring::hmac;

use std::path::Path;
use std::process::Command;
use udpsocket_jwt_server::{claims as reply_claims, jws, tools};

const README: &str = include_str!("../README.md");
/// The published key of the worked example, and its secret.
const PUBLISHED_KEY: &str = "tests/vectors/rfc7515_a2.pem";
const PUBLISHED_SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The fenced blocks in a language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    README
        .split("\n```")
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .map(str::trim_end)
        .collect()
}

/// A class in which HEARTBEAT has the published key.
fn published_class() -> Class {
    let class = Class::new();
    let public = common::run("openssl", &["pkey", "-in", PUBLISHED_KEY, "-pubout"]);
    class.directory.write("keys_pub/HEARTBEAT.pem", public);
    class
}

/// Runs an example of the README in a directory with `my.pem` and the secret, against a server.
fn example(interpreter: &str, text: &str) -> String {
    let class = published_class();
    let server = Server::start(&class, &[]);
    let text = text.replace("5555", &server.address.port().to_string());
    let directory = Scratch::new();
    directory.write("my.pem", std::fs::read(PUBLISHED_KEY).unwrap());
    directory.write("key_secret_for_hmac.txt", format!("{}\n", common::SECRET));
    let output = Command::new(interpreter)
        .args(["-c", &text])
        .current_dir(directory.path())
        .output()
        .unwrap_or_else(|error| panic!("{interpreter} is needed: {error}"));
    assert!(output.status.success(), "{interpreter}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_worked_example_is_exact() {
    let payload = blocks("json")[0];
    let [token, reply] = blocks("text")[..] else { panic!("the token and the reply") };
    let signed = common::run("bash", &["scripts/sign.sh", PUBLISHED_KEY, payload]);
    assert_eq!(String::from_utf8(signed).unwrap().trim_end(), token);

    let id_request = reply_claims::id_request(payload.as_bytes());
    let otp = reply_claims::Otp { number: 1_234, timestamp: 1_700_000_000 };
    let answer = reply_claims::reply(&id_request, 0, otp);
    assert!(README.contains(&format!("`{answer}`")), "{answer}");
    assert!(README.contains(PUBLISHED_SECRET));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, PUBLISHED_SECRET.as_bytes());
    assert_eq!(jws::sign(reply_claims::REPLY_HEADER, &answer, &secret), reply);

    let class = published_class();
    assert_eq!(Server::start(&class, &[]).client().next_number(token), 0);
}

#[test]
fn the_python_example_verifies_a_reply() {
    if common::has("python3") {
        let answer = example("python3", blocks("python")[0]);
        assert!(answer.contains("'next_number': 0, 'otp_number': "), "{answer}");
    }
}

/// What `check` says of a token.
fn check(class: &Class, token: &str) -> String {
    let mut command = Command::new(PROGRAM);
    common::ended(command.arg("check").arg(class.directory.path()), token.as_bytes()).output
}

#[test]
fn check_says_to_the_commonest_mistakes_what_the_readme_prints() {
    let class = published_class();
    let published = Path::new(PUBLISHED_KEY);
    let (_, signature) = blocks("text")[0].rsplit_once('.').unwrap();
    let signer = Signer::of_file(published);
    let signing_input = common::signing_input(RS256, blocks("json")[0]);
    let signed_as = |message: &str| {
        format!("{signing_input}.{}", tools::to_base64url(&signer.signature(message.as_bytes())))
    };
    let hash = ring::digest::digest(&ring::digest::SHA256, signing_input.as_bytes());
    let bare = common::openssl_pkeyutl(published, &["-sign"], hash.as_ref());
    let mistakes = [
        signed_as(signing_input.split('.').nth(1).unwrap()),
        signed_as(&format!("{signing_input}\n")),
        format!("{signing_input}.{}", tools::to_base64url(&bare)),
        Signer::new("attacker", 2048).sign(RS256, blocks("json")[0]),
        format!("{signing_input}.{}", signature.replace('-', "+").replace('_', "/") + "=="),
        format!("b'{}'", blocks("text")[0]),
        blocks("json")[0].into(),
        signer.sign(RS256, claims("HEARTBEAT", 1, 7).replace(":1,", ":\"1\",")),
        signer.sign(RS256, claims("HEARTBEAT", 20_240_001, 1)),
    ];
    let rows = README.lines().skip_while(|line| *line != "| mistake | `check` says |").skip(2);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), mistakes.len());
    for (row, token) in rows.iter().zip(mistakes) {
        let promised = row.split('`').nth_back(1).unwrap().trim_end_matches("...");
        assert!(promised.len() > 30, "{row}");
        let said = check(&class, &token);
        assert!(said.contains(promised), "{row}\n{said}");
    }
}

/// What `report` prints of a group, from the log of a real exchange.
fn report_of(exchange: &str, options: &[&str]) -> String {
    let directory = Scratch::new();
    directory.write("groups.json", r#"{"ALFA": 3, "BETA": 3}"#);
    let log = std::fs::read(format!("tests/vectors/{exchange}/requests.jsonl")).unwrap();
    directory.write("requests.jsonl", log);
    common::report_of(directory.path(), options)
}

#[test]
fn the_time_line_is_what_the_program_prints() {
    let printed = blocks("console").into_iter().find(|block| block.contains("--group ALFA")).unwrap();
    let (_, time_line) = printed.split_once("\n...\n").unwrap();
    let report = report_of("other_socket", &["--group", "alfa"]);
    assert!(report.ends_with(&format!("\n{time_line}\n")), "{report}");
}

#[test]
fn the_diagram_is_what_the_program_prints() {
    let diagram = report_of("lossy", &["--group", "BETA", "--mermaid"]);
    assert_eq!(blocks("mermaid").last(), Some(&diagram.trim_end()), "{diagram}");
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let links = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local: Vec<_> = links.filter(|link| !link.starts_with("http")).collect();
    assert!(local.len() > 5, "{local:?}");
    let named = README.split('`').filter(|text| text.starts_with("scripts/") || text.starts_with("tests/"));
    for path in local.into_iter().chain(named.filter_map(|text| text.split(' ').next())) {
        assert!(Path::new(path).exists(), "{path}");
    }
}
