//! The pages say what is so: their commands and examples run as they stand there, their outputs are the
//! program's, and what two pages must both say is the same in both.

use crate::common;
use crate::common::{Class, PROGRAM, RS256, Scratch, Server, Signer, claims};
use ring::hmac;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use udpsocket_jwt_server::{claims as reply_claims, jws, tools};

const README: &str = include_str!("../README.md");
const SHEET: &str = include_str!("../src/client.md");
const SHEET_PT: &str = include_str!("../src/client.pt.md");
const COURSE: &str = include_str!("../src/course.md");
const CONTRACT: &str = include_str!("../src/protocol.md");
const OPERATING: &str = include_str!("../scripts/README.md");
const TESTED: &str = include_str!("README.md");
/// Each page, and the directory that its links begin at.
const PAGES: [(&str, &str); 8] = [
    ("", README),
    ("src", SHEET),
    ("src", SHEET_PT),
    ("src", COURSE),
    ("src", CONTRACT),
    ("src", include_str!("../src/rules.md")),
    ("scripts", OPERATING),
    ("tests", TESTED),
];

/// The published key of the worked example, and its secret.
const PUBLISHED_KEY: &str = "tests/vectors/rfc7515_a2.pem";
const PUBLISHED_SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The fenced blocks of a page in a language, in order.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    page.split("\n```")
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .map(str::trim_end)
        .collect()
}

/// The block of a page that has this text in it.
#[track_caller]
fn block<'a>(page: &'a str, language: &str, text: &str) -> &'a str {
    let found = blocks(page, language).into_iter().find(|block| block.contains(text));
    found.unwrap_or_else(|| panic!("no {language} block with {text}"))
}

/// A page without its fenced blocks.
fn without_blocks(page: &str) -> String {
    page.split("\n```").step_by(2).collect()
}

/// What stands between backticks in the text of a page.
fn code(page: &str) -> Vec<String> {
    let text = without_blocks(page);
    let spans = text.split('`').skip(1).step_by(2);
    spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The rows of the table with this head, each a list of its cells.
#[track_caller]
fn table<'a>(page: &'a str, head: &str) -> Vec<Vec<&'a str>> {
    let rows = page.lines().skip_while(|line| *line != head).skip(2);
    let rows: Vec<Vec<_>> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(!rows.is_empty(), "no table {head}");
    rows
}

/// A class in which HEARTBEAT has the published key.
fn published_class() -> Class {
    let class = Class::new();
    let public = common::run("openssl", &["pkey", "-in", PUBLISHED_KEY, "-pubout"]);
    class.directory.write("keys_pub/HEARTBEAT.pem", public);
    class
}

/// What a command prints, in a directory, with the program in its path.
#[track_caller]
fn bash(directory: &Scratch, script: &str) -> common::Ended {
    let path = std::env::var("PATH").unwrap();
    let program = Path::new(PROGRAM).parent().unwrap().display();
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).current_dir(directory.path());
    common::ended(command.env("PATH", format!("{program}:{path}")), b"")
}

#[track_caller]
fn bash_well(directory: &Scratch, script: &str) -> String {
    let ended = bash(directory, script);
    assert_eq!(ended.status, Some(0), "{script}\n{}{}", ended.output, ended.errors);
    ended.output
}

/// A server, started by a command of a page: on a free port of this machine.
#[track_caller]
fn served_by(directory: &Scratch, command: &str) -> Server {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("udpsocket-jwt-server"), "{command}");
    let words = words.map(|word| match word {
        "0.0.0.0" => "127.0.0.1",
        "5555" => "0",
        word => word,
    });
    let mut server = Command::new(PROGRAM);
    if !command.contains(" -v ") {
        server.arg("--verbose");
    }
    server.args(words).current_dir(directory.path());
    Server::spawn(server).unwrap_or_else(|errors| panic!("{command}: {errors}"))
}

/// The text with each number 0, each fingerprint the same, and each run of spaces one.
fn alike(text: &str) -> String {
    let mut alike = String::new();
    for word in text.split_whitespace() {
        let word = if word.starts_with("SHA256:") { "SHA256:" } else { word };
        let mut is_number = false;
        for character in word.chars() {
            if !character.is_ascii_digit() {
                alike.push(character);
            } else if !is_number {
                alike.push('0');
            }
            is_number = character.is_ascii_digit();
        }
        alike.push(' ');
    }
    alike
}

/// Holds each line of a shown output to what was printed; `...` stands for the rest of a line.
#[track_caller]
fn shows(shown: &[&str], printed: &str) {
    for line in shown {
        let expected = alike(line.trim_end().trim_end_matches("..."));
        let is_there = printed.lines().any(|printed| match line.ends_with("...") {
            true => alike(printed).starts_with(expected.trim_end()),
            false => alike(printed) == expected,
        });
        assert!(is_there, "{line}\nis not in\n{printed}");
    }
}

/// The commands of a console block, each with the lines that it prints.
fn typed(console: &str) -> Vec<(&str, Vec<&str>)> {
    let mut typed = Vec::new();
    for line in console.lines().filter(|line| !line.trim().is_empty()) {
        match line.strip_prefix("$ ") {
            Some(command) => typed.push((command, Vec::new())),
            None => typed.last_mut().unwrap().1.push(line),
        }
    }
    typed
}

/// A directory `class` with two groups, which have the keys of JAVALI and of NONAME.
fn class_of_two() -> Scratch {
    let directory = Scratch::new();
    directory.write("class/groups.json", r#"{"ALFA": 3, "BETA": 4}"#);
    directory.write("class/keys_pub/ALFA.pem", Signer::new("JAVALI", 2048).public_pem);
    directory.write("class/keys_pub/BETA.pem", Signer::new("NONAME", 2048).public_pem);
    directory.write("class/keys_priv/key_secret_for_hmac.txt", format!("{}\n", common::SECRET));
    directory
}

#[test]
fn the_readmes_first_screen_is_what_the_program_prints() {
    let typed = typed(block(README, "console", "check class"));
    let [(serve, served), (report, reported), (check, checked)] = &typed[..] else { panic!("{typed:?}") };
    let directory = class_of_two();
    let mut server = served_by(&directory, serve);
    let (signer, client) = (Signer::new("JAVALI", 2048), server.client());
    assert_eq!(client.next_number(&signer.message("ALFA", 1, 7)), 2);
    let wrong = signer.sign(RS256, claims("ALFA", 2, 7).replace(":2,", ":\"2\","));
    client.send(&wrong);
    common::wait_until("two lines", || server.errors().contains("bad_claim"));
    server.kill();
    let said = format!("{}listening on {}", server.errors(), server.address);
    shows(served, &said);
    shows(reported, &bash_well(&directory, report));
    directory.write("token", wrong);
    shows(checked, &bash(&directory, check).output);
}

#[test]
fn the_worked_example_is_exact() {
    let [payload, answer] = blocks(CONTRACT, "json")[..] else { panic!("a payload and an answer") };
    let texts = blocks(CONTRACT, "text");
    let exchange: Vec<_> = texts.into_iter().filter(|text| text.starts_with("eyJ")).collect();
    let [token, reply] = exchange[..] else { panic!("the token and the reply") };
    let signed = common::run("bash", &["scripts/sign.sh", PUBLISHED_KEY, payload]);
    assert_eq!(String::from_utf8(signed).unwrap().trim_end(), token);

    let id_request = reply_claims::id_request(payload.as_bytes());
    let otp = reply_claims::Otp { number: 1_234, timestamp: 1_700_000_000 };
    assert_eq!(reply_claims::reply(&id_request, 0, otp), answer);
    assert!(CONTRACT.contains(PUBLISHED_SECRET));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, PUBLISHED_SECRET.as_bytes());
    assert_eq!(jws::sign(reply_claims::REPLY_HEADER, answer, &secret), reply);

    let class = published_class();
    assert_eq!(Server::start(&class, &[]).client().next_number(token), 0);
}

/// The first client, which sends to this server, in a directory with `my.pem` and the secret.
fn first_client(directory: &Scratch, server: &Server) -> String {
    let program = std::fs::read_to_string("scripts/client.py").unwrap();
    assert!(program.contains("5555"));
    directory.write("client.py", program.replace("5555", &server.address.port().to_string()));
    bash_well(directory, block(SHEET, "sh", "client.py"))
}

#[test]
fn the_sheets_first_commands_find_the_program_in_the_directory_of_the_archive() {
    let directory = Scratch::new();
    std::fs::copy(PROGRAM, directory.file("udpsocket-jwt-server")).unwrap();
    let commands = format!("{}; command -v udpsocket-jwt-server", block(SHEET, "sh", "--version"));
    let mut bash = Command::new("bash");
    let ended = common::ended(bash.args(["-euc", &commands]).current_dir(directory.path()), b"");
    assert!(ended.output.starts_with("udpsocket-jwt-server "), "{}{}", ended.output, ended.errors);
    let found = directory.file("udpsocket-jwt-server").display().to_string();
    assert_eq!(ended.output.lines().last(), Some(&*found), "{}", ended.errors);
}

/// The line of a block that starts a server.
#[track_caller]
fn server_line(block: &str) -> &str {
    block.lines().find(|line| line.starts_with("udpsocket-jwt-server")).expect("a server is started")
}

#[test]
fn the_sheets_commands_make_a_class_that_serves_the_first_client_and_explain_a_mistake() {
    if !common::has("python3") {
        return;
    }
    let directory = Scratch::new();
    bash_well(&directory, block(SHEET, "sh", "openssl genrsa"));
    let start = block(SHEET, "sh", "--explain");
    bash_well(&directory, start.lines().next().unwrap());
    let server = served_by(&directory, server_line(start));

    let signer = Signer::of_file(&directory.file("my.pem"));
    let wrong = signer.sign(RS256, claims("HEARTBEAT", 1, 7).replace(":1,", ":\"1\","));
    let client = server.client();
    for _ in 0..2 {
        client.send(&wrong);
        let explained = client.receive(std::time::Duration::from_secs(5)).expect("it explains");
        assert!(common::payload_of(&explained).contains(r#""error":"bad_claim","detail":"#), "{explained}");
    }
    let answer = first_client(&directory, &server);
    assert!(answer.contains("'next_number': 0, 'otp_number': "), "{answer}");

    let console = typed(block(SHEET, "console", "report"));
    let [(command, shown)] = &console[..] else { panic!("{console:?}") };
    shows(shown, &bash_well(&directory, command));

    directory.write("token", &wrong);
    let check = block(SHEET, "sh", "check mine").replace("FILE", "token");
    assert!(bash(&directory, &check).output.contains("take the quotes off seq_number"), "{check}");
    let right = signer.message("HEARTBEAT", 1, 7);
    client.send(&right);
    let reply = client.receive(std::time::Duration::from_secs(5)).expect("a reply");
    directory.write("two", format!("{right}\n{reply}\n"));
    let said = bash_well(&directory, &block(SHEET, "sh", "check mine").replace("FILE", "two"));
    let id_request = reply_claims::id_request(common::payload_of(&right).as_bytes());
    assert!(said.contains(&id_request), "check prints the right one: {said}");

    let of_a_key = "udpsocket-jwt-server check --key FILE < /dev/null";
    assert!(code(SHEET).iter().any(|span| span == of_a_key));
    let said = bash_well(&directory, &of_a_key.replace("FILE", "my.pem"));
    assert!(said.contains("\nhand in     its public key, never this file"), "{said}");
    let pkcs8 = "openssl pkcs8 -topk8 -nocrypt -in my.pem";
    assert!(code(SHEET).iter().any(|span| span == pkcs8));
    assert!(bash_well(&directory, pkcs8).starts_with("-----BEGIN PRIVATE KEY-----"));
}

/// What `check` says of a token.
fn check(class: &Class, token: &str) -> String {
    let mut command = Command::new(PROGRAM);
    common::ended(command.arg("check").arg(class.directory.path()), token.as_bytes()).output
}

#[test]
fn check_says_to_the_sheets_mistakes_what_the_sheet_prints() {
    let class = published_class();
    let signer = Signer::of_file(Path::new(PUBLISHED_KEY));
    let payload = claims("HEARTBEAT", 1, 7);
    let signing_input = common::signing_input(RS256, &payload);
    let with_newline = signer.signature(format!("{signing_input}\n").as_bytes());
    let mistakes = [
        format!("{signing_input}.{}", tools::to_base64url(&with_newline)),
        Signer::new("attacker", 2048).sign(RS256, &payload),
        signer.sign(RS256, payload.replace(":1,", ":\"1\",")),
    ];
    let rows = table(SHEET, "| mistake | `check` says |");
    assert_eq!(rows.len(), mistakes.len());
    for (row, token) in rows.iter().zip(mistakes) {
        let promised = row[1].trim_matches('`');
        assert!(promised.len() > 30, "{row:?}");
        let said = check(&class, &token);
        assert!(said.contains(promised), "{row:?}\n{said}");
    }
}

/// The names in the first column of a table.
#[track_caller]
fn names<'a>(page: &'a str, head: &str) -> BTreeSet<&'a str> {
    table(page, head).iter().flat_map(|row| row[0].split(", ")).map(|name| name.trim_matches('`')).collect()
}

#[test]
fn the_sheet_has_the_contracts_claims() {
    let mut contract = names(CONTRACT, "| claim | JSON type | meaning |");
    contract.extend(["jti"]); // of rule 1: no server looks at it
    let mut sheet = names(SHEET, "| claim | value |");
    sheet.extend(["nbf", "aud"]); // which it tells to leave out
    assert!(SHEET.contains("Leave out `nbf` and `aud`."));
    assert_eq!(sheet, contract);

    let replies = CONTRACT.split("## 4. Reply").nth(1).unwrap();
    let contract = names(replies, "| claim | JSON type | meaning |");
    let received = SHEET.split("## 4. ").nth(1).unwrap();
    assert_eq!(names(received, "| claim | value |"), contract);
}

/// The numbered list that follows a line, its white space evened out.
#[track_caller]
fn rules(page: &str, head: &str) -> Vec<String> {
    let list = page.split(head).nth(1).unwrap_or_else(|| panic!("no {head}")).trim_start();
    let list = list.split("\n\n").next().unwrap();
    let mut rules = Vec::<String>::new();
    for line in list.lines() {
        match line.starts_with(|first: char| first.is_ascii_digit()) {
            true => rules.push(line.into()),
            false => *rules.last_mut().unwrap() += &format!(" {}", line.trim_start()),
        }
    }
    rules
}

#[test]
fn the_sheet_quotes_the_contracts_rules() {
    let contract = rules(CONTRACT, "## 8. The client's part\n");
    assert_eq!(contract.len(), 7);
    assert_eq!(rules(SHEET, "## 6. The seven rules\n"), contract);
}

/// Each option in a text.
fn options(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
    words
        .filter(|word| word.len() > 1 && word.starts_with('-') && !word.trim_matches('-').is_empty())
        .collect()
}

#[test]
fn the_contract_has_the_options_of_the_help() {
    let files = CONTRACT.split("## 6. Files and command line").nth(1).unwrap();
    let usage = blocks(files, "text")[0];
    let rows: Vec<_> = table(files, "| option | meaning |").iter().map(|row| row[0]).collect();
    let mut contract = options(usage);
    let rows = rows.join(" ");
    contract.extend(options(&rows));
    let help = String::from_utf8(common::run(PROGRAM, &["--help"])).unwrap();
    assert!(contract.len() > 15, "{contract:?}");
    assert_eq!(contract, options(&help));
}

#[test]
fn no_page_names_an_option_that_the_help_does_not_have() {
    let help = String::from_utf8(common::run(PROGRAM, &["--help"])).unwrap();
    for (_, page) in PAGES {
        for span in code(page).iter().filter(|span| span.starts_with("--") && !span.starts_with("---")) {
            assert!(options(span).is_subset(&options(&help)), "{span}");
        }
    }
}

/// A directory in which the teacher's commands can be typed.
fn a_teachers_directory() -> Scratch {
    let directory = Scratch::new();
    bash_well(&directory, block(COURSE, "sh", "CLASS/groups.json"));
    for group in ["ALFA", "BETA", "GAMA"] {
        let key = Signer::new("JAVALI", 2048).public_pem;
        directory.write(&format!("CLASS/keys_pub/{group}.pem"), key);
    }
    directory
}

#[test]
fn the_teachers_ways_to_a_pair_of_keys_make_keys_that_are_served() {
    let ways = block(COURSE, "sh", "ssh-keygen");
    for way in ways.lines() {
        if way.starts_with("ssh-keygen") && !common::has("ssh-keygen") {
            continue;
        }
        let directory = Scratch::new();
        bash_well(&directory, way);
        let file = if way.contains("GROUP.ssh") { "GROUP.ssh" } else { "GROUP.pem" };
        let said = bash_well(&directory, &format!("udpsocket-jwt-server check --key {file} </dev/null"));
        assert!(said.contains("\nhand in     this file"), "{way}\n{said}");
    }
}

#[test]
fn the_teachers_commands_on_her_own_machine_do_what_they_say() {
    let directory = a_teachers_directory();
    let records = COURSE_RECORDS.iter().map(|(time, group, number, matricula)| {
        let time = std::time::Duration::from_millis(1_795_824_000_000 + time);
        common::record_at(time, group, *number, *matricula)
    });
    directory.write("CLASS/received.jsonl", records.collect::<String>());
    let rows = table(COURSE, "| when | on your machine | on a VM |");
    let commands = rows.iter().flat_map(|row| row[1].split('`').skip(1).step_by(2));
    let commands: Vec<_> = commands.filter(|command| command.contains(' ')).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        match command.split(' ').nth(1) {
            Some("report" | "first" | "level3") => _ = bash_well(&directory, command),
            Some("udpsocket-jwt-server") => {
                bash_well(&directory, command.strip_prefix("watch ").unwrap()); // it has no end
            }
            _ => drop(served_by(&directory, command)),
        }
    }
    assert!(directory.read("grades.csv").starts_with("group,seq_number,"));
    let csv = bash_well(&directory, "udpsocket-jwt-server report --csv CLASS");
    assert_eq!(csv.replace('\r', "").trim_end(), blocks(COURSE, "csv")[0]);
}

/// What the sample of `grades.csv` is made from: the time in ms since the day began, and what was said.
const COURSE_RECORDS: [(u64, &str, u64, u64); 8] = [
    (36_131_204, "ALFA", 1, 20_240_017),
    (36_132_311, "ALFA", 2, 20_240_023),
    (36_134_025, "ALFA", 3, 20_240_013),
    (36_220_118, "BETA", 1, 20_240_008),
    (36_308_011, "ALFA", 0, 20_240_017),
    (36_309_017, "ALFA", 1, 20_240_017),
    (36_310_020, "ALFA", 2, 20_240_023),
    (36_311_025, "ALFA", 3, 20_240_031),
];

#[test]
fn a_token_can_be_taken_out_of_the_records_and_looked_at() {
    let directory = a_teachers_directory();
    let server = served_by(&directory, "udpsocket-jwt-server 127.0.0.1 0 CLASS");
    let token = Signer::new("JAVALI", 2048).message("ALFA", 1, 7);
    server.client().send(&token);
    common::wait_until("a record", || directory.read("CLASS/received.jsonl").ends_with('\n'));
    let said = bash(&directory, block(COURSE, "sh", "grep"));
    assert_eq!(directory.read("token").trim_end(), token);
    assert!(said.output.contains("\nok  the signature verifies"), "{}{}", said.output, said.errors);
    for command in code(COURSE).iter().filter(|span| span.starts_with("udpsocket-jwt-server check")) {
        let file = if command.contains("--key") { "CLASS/keys_pub/ALFA.pem" } else { "token" };
        assert_eq!(bash(&directory, &command.replace("FILE", file)).status, Some(0), "{command}");
    }
    bash_well(&directory, "udpsocket-jwt-server report --group ALFA CLASS");
    assert!(COURSE.contains("`udpsocket-jwt-server report --group NAME CLASS`"));
}

#[test]
fn the_diagram_is_what_the_program_prints() {
    let directory = Scratch::new();
    directory.write("groups.json", r#"{"BETA": 3}"#);
    let log = std::fs::read("tests/vectors/lossy/requests.jsonl").unwrap();
    directory.write("requests.jsonl", log);
    let diagram = common::report_of(directory.path(), &["--group", "BETA", "--mermaid"]);
    assert_eq!(blocks(COURSE, "mermaid"), [diagram.trim_end()], "{diagram}");
}

/// The acts of `scripts/vm.sh` that the pages name.
fn acts() -> BTreeSet<String> {
    let mut acts = BTreeSet::new();
    for (_, page) in PAGES {
        let blocks = blocks(page, "sh").join("\n");
        for command in code(page).into_iter().chain(blocks.lines().map(String::from)) {
            if let Some((_, act)) = command.split_once("scripts/vm.sh HOST ") {
                acts.extend(act.split(' ').next().map(String::from));
            }
        }
    }
    acts
}

#[test]
fn the_pages_name_the_acts_of_the_usage_of_vm_sh() {
    let usage = String::from_utf8(common::run("bash", &["scripts/vm.sh", "-h"])).unwrap();
    let of_usage =
        usage.lines().filter_map(|line| line.split("scripts/vm.sh HOST ").nth(1)?.split(' ').next());
    assert_eq!(acts(), of_usage.map(String::from).collect::<BTreeSet<_>>());
}

#[test]
fn the_operators_test_from_outside_completes() {
    let directory = Scratch::new();
    let here = std::env::current_dir().unwrap();
    let here_typed = |command: &str| {
        bash_well(&directory, &command.replace("scripts/", &format!("{}/scripts/", here.display())))
    };
    let first = block(OPERATING, "sh", "scripts/keygen.sh");
    here_typed(first.lines().find(|line| line.starts_with("scripts/keygen.sh")).unwrap());
    let server = served_by(&directory, "udpsocket-jwt-server 127.0.0.1 0 CLASS");
    let outside = block(OPERATING, "sh", "scripts/client.sh").replace("VM-ADDRESS", "127.0.0.1");
    let said = here_typed(&outside.replace("5555", &server.address.port().to_string()));
    assert!(said.contains("\nHEARTBEAT: everyone is in"), "{said}");
}

#[test]
fn what_is_typed_on_the_vm_by_hand_is_an_act_of_vm_there_sh() {
    let there = std::fs::read_to_string("scripts/vm-there.sh").unwrap();
    let by_hand = block(OPERATING, "sh", "bash vm-there.sh");
    for line in by_hand.lines() {
        let act = line.strip_prefix("bash vm-there.sh ").unwrap();
        assert!(there.contains(&format!("\nact_{act}() {{")), "{act}");
    }
    for file in ["vm-there.sh", "vm-start.sh", "udpsocket-jwt-server.service"] {
        assert!(
            Path::new("scripts").join(file).exists() && code(OPERATING).iter().any(|span| span == file),
            "{file}"
        );
    }
}

#[test]
fn each_script_on_a_page_is_there_and_says_its_usage() {
    let usage = |script: &str| String::from_utf8(common::run("bash", &[script, "-h"])).unwrap();
    for row in table(OPERATING, "| script | what it does |") {
        let script = row[0].trim_matches('`');
        if Path::new(script).extension().is_some_and(|extension| extension == "sh") {
            assert!(usage(script).contains(script), "{script}");
        }
    }
}

#[test]
fn each_test_that_a_page_names_is_there() {
    let mut tests = String::new();
    let mut directories = vec![Path::new("tests").to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                tests += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    let is_name = |span: &&String| span.matches('_').count() > 4 && !span.contains(['/', ' ']);
    let named = code(TESTED);
    let named: Vec<_> = named.iter().filter(is_name).collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(tests.contains(&format!("fn {name}()")), "{name}");
    }
}

#[test]
fn the_cases_are_as_many_as_the_page_says() {
    let cases = include_str!("vectors/datagrams.jsonl").lines().count();
    assert!(TESTED.contains(&format!("says of {cases} datagrams")), "{cases}");
}

#[test]
fn a_limit_on_a_page_is_the_contracts() {
    let mut limits = 0;
    for page in [README, SHEET, COURSE, OPERATING, TESTED] {
        let text = without_blocks(page.split("## Performance").next().unwrap());
        let words: Vec<_> = text.split_whitespace().collect();
        for pair in words.windows(2) {
            let unit = pair[1].trim_end_matches(|character: char| !character.is_alphanumeric());
            let is_limit = ["bytes", "bits", "MiB", "records"].contains(&unit);
            if is_limit && pair[0].starts_with(|first: char| first.is_ascii_digit()) && pair[0] != "270" {
                assert!(CONTRACT.contains(pair[0]), "{} {unit}", pair[0]);
                limits += 1;
            }
        }
    }
    assert!(limits > 5, "{limits}");
    let reply = blocks(CONTRACT, "text").into_iter().rfind(|text| text.starts_with("eyJ")).unwrap();
    assert!(SHEET.contains("of some 270 bytes") && reply.len().abs_diff(270) < 10, "{}", reply.len());

    let manifest = include_str!("../Cargo.toml");
    let rust = manifest.split("rust-version = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(
        SHEET.contains(&format!("Rust {rust}\n")) && README.contains(&format!("rustup.rs) {rust},")),
        "{rust}"
    );
}

#[test]
fn every_file_that_a_page_names_is_there() {
    let mut found = 0;
    for (directory, page) in PAGES {
        let links = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let file = Path::new(directory).join(link.split('#').next().unwrap());
            assert!(file.exists(), "{directory}: {link}");
            found += 1;
        }
        let spans = code(page);
        let blocks = blocks(page, "sh").join("\n");
        for text in spans.iter().map(String::as_str).chain(blocks.lines()) {
            let is_ours = ["scripts/", "tests/", "src/"].iter().any(|ours| text.starts_with(ours));
            let path = text.split(' ').next().unwrap();
            assert!(!is_ours || path.contains('*') || Path::new(path).exists(), "{directory}: {path}");
            found += usize::from(is_ours);
        }
    }
    assert!(found > 60, "{found}");
}

/// The numbers in a text, sorted, without what separates thousands.
fn numbers(text: &str) -> Vec<String> {
    let is_of_it = |character: char| character.is_ascii_digit() || character == '.' || character == ',';
    let words = text.split(|character| !is_of_it(character));
    let digits = words.map(|word| word.chars().filter(char::is_ascii_digit).collect::<String>());
    let mut numbers: Vec<_> = digits.filter(|digits| !digits.is_empty()).collect();
    numbers.sort();
    numbers
}

/// What a page is without its prose: its blocks, and of each paragraph the lists, the tables, the code and
/// the numbers.
fn skeleton(page: &str) -> Vec<String> {
    let mut skeleton = Vec::new();
    for (number, part) in page.split("\n```").enumerate() {
        if number % 2 == 1 {
            skeleton.push(part.into());
            continue;
        }
        for paragraph in part.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            let mut of_it = String::new();
            let mut code = BTreeSet::new();
            for (number, text) in paragraph.split('`').enumerate() {
                if number % 2 == 1 {
                    code.insert(text.split_whitespace().collect::<Vec<_>>().join(" "));
                }
            }
            for line in paragraph.lines() {
                let kind = line.trim_start().split(' ').next().unwrap_or_default();
                let is_list = kind == "-" || kind.trim_end_matches('.').parse::<u8>().is_ok();
                if is_list || kind.starts_with('#') || kind == "|" {
                    of_it += &format!("{kind} {} cells\n", line.split(" | ").count());
                }
            }
            let bold = paragraph.matches("**").count();
            let numbers = numbers(&paragraph.split('`').step_by(2).collect::<String>());
            skeleton.push(format!("{of_it}{bold} bold, {code:?}, {numbers:?}"));
        }
    }
    skeleton
}

#[test]
fn the_portuguese_sheet_differs_from_the_english_one_in_its_prose_alone() {
    let (english, portuguese) = (skeleton(SHEET), skeleton(SHEET_PT));
    for (english, portuguese) in english.iter().zip(&portuguese) {
        assert_eq!(english, portuguese);
    }
    assert_eq!(english.len(), portuguese.len());
}

#[test]
fn the_pages_are_as_long_as_their_readers_have_time() {
    assert!(README.lines().count() <= 150);
    for (_, page) in PAGES {
        let text = without_blocks(page.split("## 8. The client").next().unwrap());
        for line in text.lines().filter(|line| !line.starts_with('|')) {
            assert!(line.chars().count() <= 105, "{line}");
        }
    }
}
