//! The page: the whole server in 80 lines is a server, and what the chapters quote of it stands there.

#[allow(dead_code)] // its own main
#[path = "../src/page.rs"]
mod page;

mod common;

use common::{Class, Client, Signer, private_key, wait_until};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const ADDRESS: &str = "PAGE_ADDRESS";

/// The page, serving a class in a process of its own: this program again, with this test alone.
#[test]
#[ignore = "run by the others, as a process"]
fn serve() {
    page::serve(&std::env::var(ADDRESS).unwrap());
}

struct Page(Child, SocketAddr);

impl Page {
    fn start(class: &Class) -> Self {
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", "--exact", "--ignored"])
            .current_dir(class.directory.path())
            .env(ADDRESS, address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let page = Self(child, address);
        let token = Signer::new("NONAME", 2048).message("NONAME", 0, 0);
        wait_until("the page answers", || {
            let client = Client::new(page.1);
            _ = client.socket.send(token.as_bytes()); // refused as long as nobody listens
            client.receive(std::time::Duration::from_millis(100)).is_some()
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
    let class = Class::new();
    let page = Page::start(&class);
    for (group, members) in [("JAVALI", "3"), ("HEARTBEAT", "1")] {
        let output = Command::new("bash")
            .args(["tests/client.sh", "127.0.0.1", &page.1.port().to_string(), group, members])
            .arg(private_key(group, 2048))
            .arg(class.directory.file("keys_priv/key_secret_for_hmac.txt"))
            .output()
            .expect("bash is needed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(&format!("{group}: everyone is in")), "{said}");
    }
}

#[test]
fn what_it_cannot_accept_it_passes_over_in_silence() {
    let class = Class::new();
    let page = Page::start(&class);
    let client = Client::new(page.1);
    let javali = Signer::new("JAVALI", 2048);
    let unsigned = javali.message("NONAME", 1, 7);
    let of_none = javali.sign(r#"{"alg":"none"}"#, common::claims("JAVALI", 1, 7));
    for bad in [&b""[..], b"..", &[0xff; 5_000], unsigned.as_bytes(), of_none.as_bytes()] {
        client.send(bad);
    }
    client.send(javali.message("JAVALI", 2, 7)); // out of order
    // A client that has left, so that its reply comes back to the page's socket as an error.
    drop({
        let gone = Client::new(page.1);
        gone.send(javali.message("JAVALI", 0, 0));
        gone
    });
    assert_eq!(client.next_number(&javali.message("JAVALI", 1, 7)), 2);
    assert_eq!(client.receive(std::time::Duration::from_millis(50)), None, "one answer, to the good one");
}

#[test]
fn it_has_60_to_80_lines_of_at_most_110_columns() {
    let page = include_str!("../src/page.rs");
    assert!((60..=80).contains(&page.lines().count()), "{}", page.lines().count());
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
