//! Bad datagrams over a real socket: each is dropped for its reason, without a word, and changes
//! nothing for anyone. The table is in `common/bad.rs`.

#[path = "common/bad.rs"]
mod bad;
mod common;

use common::{Class, Client, Server, is_signed};
use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

static GOOD: LazyLock<Vec<(String, u64)>> = LazyLock::new(bad::good);
static BAD: LazyLock<Vec<bad::Bad>> = LazyLock::new(bad::datagrams);

/// A server whose groups are in the states that the table supposes, and its client.
fn prepared(class: &Class, options: &[&str]) -> (Server, Client) {
    let server = Server::start(class, &[&["--quiet"], options].concat());
    let client = server.client();
    answers_the_good(&client, "at the start");
    (server, client)
}

/// A repeat from each group is answered as before: no state has moved.
fn answers_the_good(client: &Client, when: &str) {
    for (token, next_number) in GOOD.iter() {
        client.send(token);
        let reply = client.receive(Duration::from_secs(5)).unwrap_or_else(|| panic!("{when}: no answer"));
        let said = common::verified(&reply);
        assert_eq!(said["next_number"], *next_number, "{when}: {said}");
    }
}

#[test]
fn each_bad_datagram_is_dropped_for_its_reason_and_the_next_good_one_is_answered() {
    let class = bad::class();
    let (_server, client) = prepared(&class, &[]);
    let goods = GOOD.len();
    let received = class.directory.read("received.jsonl");
    assert_eq!(received.lines().count(), goods);
    for (name, datagram, _) in BAD.iter() {
        client.send(datagram);
        answers_the_good(&client, &format!("after {name}"));
        assert_eq!(class.directory.read("received.jsonl"), received, "{name}");
    }
    assert_eq!(client.receive(Duration::from_millis(50)), None, "a bad one was answered");

    let requests = class.requests(goods + BAD.len() * (1 + goods));
    assert_eq!(requests.len(), goods + BAD.len() * (1 + goods), "a line for each datagram");
    let peer = client.socket.local_addr().unwrap().to_string();
    let mut wrong = Vec::new();
    for ((name, datagram, reason), line) in BAD.iter().zip(requests[goods..].iter().step_by(1 + goods)) {
        if line["outcome"] != *reason {
            wrong.push(format!("{name}: {} and not {reason}: {}", line["outcome"], line["detail"]));
        }
        assert!(line["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{name}: {line}");
        assert_eq!(line["peer"], peer, "{name}");
        let kept = &datagram[..datagram.len().min(2_048)];
        assert_eq!(line["datagram"], kept.escape_ascii().to_string(), "{name}");
        let has_its_number = line.get("seq_number").is_some();
        assert!(*reason == "bad_claim" || has_its_number == is_signed(reason), "{name}: {line}");
        assert!(!has_its_number || is_signed(reason), "{name}: {line}");
        for of_an_answer in ["next_number", "id_request", "otp_number", "otp_timestamp"] {
            assert_eq!(line.get(of_an_answer), None, "{name}: {line}");
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), BAD.len());
}

/// A signed explanation goes to whoever holds a valid token; to anybody else a line of plain text, if it
/// is smaller than what was sent, and at most 200 times a second.
#[test]
fn with_explain_each_is_told_its_reason_signed_only_where_it_is_signed() {
    let class = bad::class();
    let (_server, client) = prepared(&class, &["--explain"]);
    let (good, _) = bad::good().swap_remove(0);
    let (mut plain, mut silent) = (0, 0);
    for (name, datagram, reason) in BAD.iter() {
        client.send(datagram);
        // What waits together is acknowledged before it is explained; the second good one comes after both.
        let mut told = None;
        for _ in 0..2 {
            client.send(&good);
            loop {
                let reply = client.receive(Duration::from_secs(5));
                let reply = reply.unwrap_or_else(|| panic!("{name}: no answer"));
                if !reply.ends_with('\n') && common::verified(&reply)["next_number"] == 2 {
                    break;
                }
                assert_eq!(told.replace(reply), None, "{name} is told more than once");
            }
        }
        let Some(reply) = told else {
            assert!(!is_signed(reason), "{name} is not told");
            silent += 1;
            continue;
        };
        assert!(reply.len() < datagram.len(), "{name}: {} for {}", reply.len(), datagram.len());
        if is_signed(reason) {
            let said = common::verified(&reply);
            assert_eq!(said["error"], *reason, "{name}");
            assert_eq!(said.get("next_number"), None, "{name}");
        } else {
            let said = reply.strip_suffix('\n').expect("plain text");
            assert!(said.starts_with(&format!("{reason}: ")), "{name}: {said}");
            assert!(said.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name}: {said}");
            plain += 1;
        }
    }
    println!("{plain} told in plain text, {silent} left in silence");
    assert!(plain >= 100, "{plain} told in plain text, {silent} left in silence");
}

#[test]
fn the_bad_datagrams_are_all_different() {
    let mut seen = HashSet::new();
    for (name, datagram, _) in BAD.iter() {
        assert!(seen.insert(datagram), "{name} is there twice");
    }
    let names: HashSet<_> = BAD.iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), BAD.len(), "each has a name of its own");
    assert!(BAD.len() >= 400, "only {}", BAD.len());
}

#[test]
fn the_bad_datagrams_bring_about_every_reason_that_a_client_can() {
    let reasons: HashSet<_> = BAD.iter().map(|(.., reason)| *reason).collect();
    let not_a_clients_doing = ["lost_on_purpose", "not_recorded", "not_sent"];
    for reason in common::reasons() {
        assert_ne!(reasons.contains(&reason), not_a_clients_doing.contains(&reason), "{reason}");
    }
}

#[test]
fn what_is_odd_but_good_is_answered() {
    let class = bad::class();
    let (_server, client) = prepared(&class, &[]);
    for (name, token) in bad::odd_but_good() {
        client.send(&token);
        let reply = client.receive(Duration::from_secs(1));
        let reply = reply.unwrap_or_else(|| panic!("{name}: {:?}", class.requests(1).last()));
        assert_eq!(common::verified(&reply)["next_number"], 2, "{name}");
    }
    answers_the_good(&client, "in the end");
}
