//! The catalogue over a real socket: what must not be answered is dropped for its reason, without a word,
//! and changes nothing for anyone; what must be is answered. The cases are in `tests/vectors`.

use crate::common::catalogue;
use crate::common::catalogue::{Case, Does, by_name, cases};
use crate::common::{Client, Server, is_signed};
use std::time::Duration;

/// Sends a message that must be answered, and judges the reply.
#[track_caller]
fn answered(client: &Client, case: &Case, when: &str) {
    client.send(&case.datagram);
    let reply = client.receive(Duration::from_secs(5));
    let now = udpsocket_jwt_server::time::now().as_secs();
    case.judge(reply.as_deref(), now).unwrap_or_else(|wrong| panic!("{}, {when}: {wrong}", case.name));
}

#[test]
fn each_case_goes_as_it_says_over_a_real_socket_and_the_log_says_why() {
    let (class, cases) = (catalogue::class(), cases());
    let by_name = by_name(&cases);
    let server = Server::start(&class, &["--quiet", "--no-sync", "--no-limit"]);
    let client = server.client();
    let mut sent: Vec<&Case> = Vec::new();
    let mut before: &[String] = &[];
    for case in cases.iter().filter(|case| case.now.is_none()) {
        if case.before != before {
            for name in &case.before {
                answered(&client, by_name[name.as_str()], &case.name);
                sent.push(by_name[name.as_str()]);
            }
        }
        if case.is_answered() {
            answered(&client, case, "the case");
            sent.push(case);
            before = &[];
            continue;
        }
        let received = class.directory.read("received.jsonl").len();
        client.send(&case.datagram);
        // The next reply is to this one, so nothing was answered; and the state is where it was.
        let last = by_name[case.before.last().unwrap().as_str()];
        answered(&client, last, &case.name);
        assert_eq!(class.directory.read("received.jsonl").len(), received, "{}", case.name);
        sent.extend([case, last]);
        before = &case.before;
    }
    assert_eq!(client.receive(Duration::from_millis(50)), None, "a bad one was answered");

    let requests = class.requests(sent.len());
    assert_eq!(requests.len(), sent.len(), "a line for each datagram");
    let peer = client.socket.local_addr().unwrap().to_string();
    let mut wrong = Vec::new();
    for (Case { name, datagram, does, .. }, line) in sent.iter().zip(&requests) {
        assert_eq!(line["peer"], peer, "{name}");
        let reason = match does {
            Does::Refuse(reason) => reason,
            Does::Answer { next_number, id_request, .. } => {
                assert_eq!(line["outcome"], "answered", "{name}");
                assert_eq!(
                    (&line["next_number"], &line["id_request"]),
                    (&(*next_number).into(), &id_request.as_str().into())
                );
                continue;
            }
        };
        if line["outcome"] != **reason {
            wrong.push(format!("{name}: {} and not {reason}: {}", line["outcome"], line["detail"]));
        }
        assert!(line["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{name}: {line}");
        let kept = &datagram[..datagram.len().min(2_048)];
        assert_eq!(line["datagram"], kept.escape_ascii().to_string(), "{name}");
        let has_its_number = line.get("seq_number").is_some();
        assert!(reason == "bad_claim" || has_its_number == is_signed(reason), "{name}: {line}");
        assert!(!has_its_number || is_signed(reason), "{name}: {line}");
        for of_an_answer in ["next_number", "id_request", "otp_number", "otp_timestamp"] {
            assert_eq!(line.get(of_an_answer), None, "{name}: {line}");
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), sent.len());
}
