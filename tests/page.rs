//! The page: the whole server on one page is a server, and what the chapters quote of it stands there.

#[allow(dead_code)] // its own main
#[path = "../src/page.rs"]
mod the_page;

use crate::common::catalogue;
use crate::common::catalogue::{CLASS, Case, by_name, cases, play};
use crate::common::{Class, Client, wait_until};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ADDRESS: &str = "PAGE_ADDRESS";

/// The page, serving a class in a process of its own: this program again, with this test alone.
#[test]
#[ignore = "run by the others, as a process"]
fn serve() {
    the_page::serve(&std::env::var(ADDRESS).unwrap());
}

struct Page(Child, SocketAddr);

impl Page {
    fn start(class: &Class) -> Self {
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["page::serve", "--exact", "--ignored"])
            .current_dir(class.directory.path())
            .env(ADDRESS, address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let page = Self(child, address);
        let cases = cases();
        wait_until("the page answers", || {
            let client = Client::new(page.1);
            // Refused as long as nobody listens.
            _ = client.socket.send(&by_name(&cases)["NONAME: 0 in state 0"].datagram);
            client.receive(Duration::from_millis(100)).is_some()
        });
        page
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn a_students_client_gets_everyone_in() {
    let class = catalogue::class();
    let page = Page::start(&class);
    for (group, members) in [("JAVALI", "3"), ("HEARTBEAT", "1")] {
        let output = Command::new("bash")
            .args(["scripts/client.sh", "127.0.0.1", &page.1.port().to_string(), group, members])
            .arg(format!("{CLASS}/keys_priv/{group}.pem"))
            .arg(class.directory.file("keys_priv/key_secret_for_hmac.txt"))
            .output()
            .expect("bash is needed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(&format!("{group}: everyone is in")), "{said}");
    }
}

/// What the page does otherwise than the protocol says, by how the names of the cases begin; the chapter
/// that tells why, and a word of it.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("crit", "jws", "`crit`"),
    ("expired", "claims", "`exp`"),
    ("claim: exp", "claims", "`exp`"),
    ("too early", "claims", "`nbf`"),
    ("claim: nbf", "claims", "`nbf`"),
    ("audience", "claims", "`aud`"),
    ("claim: matricula", "claims", "`matricula`"),
    ("claim absent: matricula", "claims", "`matricula`"),
    ("claim: seq_max", "claims", "seq_max"),
    ("good: payload with the group in lower case", "groups", "lower case do not matter"),
    ("good: payload with the group in mixed case", "groups", "lower case do not matter"),
    ("too large: 4,096 and a newline", "server", "cuts a longer datagram"),
    ("too large: 4,095 and CR LF", "server", "cuts a longer datagram"),
    ("a token: with two newlines", "server", "One newline"),
    ("a token: with a CR", "server", "One newline"),
    ("base64url: signature with a space at its end", "server", "One newline"),
];

/// What the page sends back. A message that is always answered is sent behind, so silence takes no time.
fn answer(client: &Client, datagram: &[u8], behind: &Case) -> Option<String> {
    client.send(datagram);
    client.send(&behind.datagram);
    let next = || client.receive(Duration::from_secs(5)).expect("the page answers what is good");
    let reply = next();
    let now = udpsocket_jwt_server::time::now().as_secs();
    match behind.judge(Some(&reply), now) {
        Ok(()) => None,
        Err(_) => {
            next();
            Some(reply)
        }
    }
}

#[test]
fn it_does_what_each_case_says_but_for_what_the_chapters_tell() {
    let (class, cases) = (catalogue::class(), cases());
    let page = Page::start(&class);
    let client = Client::new(page.1);
    let by_name = by_name(&cases);
    let mut different = Vec::new();
    for case in cases.iter().filter(|case| case.now.is_none()) {
        let behind =
            if case.group == "SOQUETINHO" { "HEARTBEAT: 0 in state 0" } else { "SOQUETINHO: 0 in state 0" };
        let mut answer = |case: &Case| answer(&client, &case.datagram, by_name[behind]);
        if let Err(wrong) = play(case, &by_name, udpsocket_jwt_server::time::now().as_secs(), &mut answer) {
            different.push((case.name.as_str(), wrong));
        }
    }
    let is_known = |name: &str| DIFFERENCES.iter().any(|(begin, ..)| name.starts_with(begin));
    let unknown: Vec<_> = different.iter().filter(|(name, _)| !is_known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    for (begin, chapter, word) in DIFFERENCES {
        let mut of_it = cases.iter().filter(|case| case.name.starts_with(begin)).peekable();
        assert!(of_it.peek().is_some(), "{begin}");
        let same = of_it.find(|case| different.iter().all(|(name, _)| *name != case.name));
        assert_eq!(same.map(|case| &case.name), None, "here the page does what the protocol says");
        let chapter = fs::read_to_string(format!("src/{chapter}.rs")).unwrap();
        assert!(chapter.contains(word), "{begin}: its chapter says nothing of {word}");
    }
    println!("{} of {} cases are known to differ", different.len(), cases.len());
}

/// Its reply comes back to the page's socket as an error.
#[test]
fn a_client_that_has_left_does_not_stop_it() {
    let (class, cases) = (catalogue::class(), cases());
    let page = Page::start(&class);
    let message = &by_name(&cases)["JAVALI: 0 in state 0"].datagram;
    drop({
        let gone = Client::new(page.1);
        gone.send(message);
        gone
    });
    let client = Client::new(page.1);
    client.send(message);
    assert!(client.receive(Duration::from_secs(5)).is_some());
}

#[test]
fn it_has_60_to_100_lines_of_at_most_88_columns() {
    let page = include_str!("../src/page.rs");
    assert!((60..=100).contains(&page.lines().count()), "{}", page.lines().count());
    for line in page.lines() {
        assert!(line.chars().count() <= 88, "a browser cuts this line: {line}");
    }
}

#[test]
fn each_line_that_a_chapter_quotes_stands_on_it() {
    let page: Vec<&str> = include_str!("../src/page.rs").lines().map(str::trim).collect();
    let mut chapters = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).fuse();
        let quotes = lines.by_ref().find(|line| *line == "```text,page").is_some();
        for line in lines.take_while(|line| *line != "```") {
            assert!(page.contains(&line), "{}: {line}", path.display());
        }
        chapters += usize::from(quotes);
    }
    assert_eq!(chapters, 9, "every chapter opens with a line of the page");
}

/// Each bound that stands as a constant: its file, its name and value there, and its row in the table.
const BOUNDS: &[(&str, &str, &str, &str)] = &[
    ("server", "MOST_BYTES: usize = 4_096", "a datagram that is read", "4,096 bytes"),
    ("server", "MOST_TOGETHER: usize = 16", "datagrams in memory at once", "16, so 1 MiB of bytes"),
    ("server", "MOST_FAILURES: u64 = 100", "errors of the socket in a row", "100"),
    ("keys", "MOST_BITS: usize = 4_096", "bits of a modulus", "4,096"),
    ("record", "MOST_RECORDS: u32 = 100_000", "records of a group", "100,000"),
    ("record", "LONGEST_LINE: u64 = 8_192", "bytes of a record", "8,192"),
    ("start", "MOST_FILE_BYTES: u64 = 1 << 16", "bytes of a key file, and of the secret", "65,536"),
    ("restart", "MOST_UNKNOWN: usize = 100", "unknown groups that the start names", "100"),
    (
        "tools/faults/groups_json",
        "MOST_TABLE_BYTES: u64 = 1 << 20",
        "bytes of `groups.json` (which bounds the groups)",
        "1 MiB",
    ),
    (
        "tools/lab/log",
        "MOST_LOG_BYTES: u64 = 64 << 20",
        "`requests.jsonl`, `trial.jsonl`, and the older one of each",
        "64 MiB each",
    ),
    (
        "tools/lab/journal",
        "MOST_BYTES_OF_A_DATAGRAM: usize = 2_048",
        "bytes of a datagram in its log line",
        "2,048",
    ),
    ("tools/print", "MOST_BYTES_ON_THEIR_WAY: usize = 1 << 20", "lines that wait for the terminal", "1 MiB"),
    (
        "tools/lab/exam/mod",
        "MOST_SEEN: usize = 4_096",
        "messages that the exam remembers of a group",
        "4,096",
    ),
    ("tools/lab/trial", "MOST_WAITING: usize = 1_024", "replies that the exam sends later", "1,024"),
];

#[test]
fn the_table_of_bounds_has_the_numbers_of_the_code() {
    let table = fs::read_to_string("src/server.rs").unwrap();
    for (file, constant, what, number) in BOUNDS {
        let code = fs::read_to_string(format!("src/{file}.rs")).unwrap();
        assert!(code.contains(&format!("const {constant};")), "src/{file}.rs: {constant}");
        assert!(table.contains(&format!("//! | {what} | {number} |")), "{what} | {number}");
    }
}
