//! What a lab may do at the seam between the server and the network: each thing that an exam needs, by
//! itself.

use crate::common;
use crate::common::in_memory::Lab as Server;
use crate::common::{Client, Signer, verified};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use udpsocket_jwt_server::refusal::Refusal;
use udpsocket_jwt_server::server::{Class, Datagram, Handled, Instead, Lab, MOST_TOGETHER, Reading};
use udpsocket_jwt_server::tools::lab::{self, explain::Explainer, journal::Journal};

/// A server, its socket and a client.
struct Set {
    javali: Signer,
    server: Server,
    socket: UdpSocket,
    client: Client,
}

impl Set {
    fn new() -> Self {
        let javali = Signer::new("JAVALI", 2048);
        let server = Server::of_javali(&javali);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = Client::new(socket.local_addr().unwrap());
        Self { javali, server, socket, client }
    }

    /// Serves once what these datagrams make wait; everything that comes back, in order.
    fn answers(&mut self, lab: &mut dyn Lab, datagrams: &[impl AsRef<[u8]>]) -> Vec<String> {
        for datagram in datagrams {
            self.client.send(datagram);
        }
        self.server.serve_with(&self.socket, lab).unwrap();
        std::iter::from_fn(|| self.client.receive(Duration::from_millis(20))).collect()
    }
}

fn loss(how: &str) -> Refusal {
    Refusal::LostOnPurpose("test", how.into())
}

/// Notes what it sees, in order; and loses it, if it is told to.
#[derive(Default)]
struct Watches {
    saw: Vec<String>,
    loses: bool,
}

impl Lab for Watches {
    fn waits(&mut self, _: &UdpSocket) {
        self.saw.push("waits".into());
    }

    fn arrives(&mut self, class: &Class, datagram: &Datagram, reading: &Reading) -> Option<Refusal> {
        assert!(datagram.peer().ip().is_loopback());
        self.saw.push(match reading {
            Ok(message) => {
                let request = message.request.as_ref().unwrap();
                format!("{} {} arrives", class.table[message.group].name, request.seq_number)
            }
            Err(unverified) => {
                let group = unverified.claimed_group.map(|group| &class.table[group].name[..]);
                format!("something of {} arrives", group.unwrap_or("nobody"))
            }
        });
        self.loses.then(|| loss("test"))
    }

    fn leaves(&mut self, _: &Class, handled: &Handled, reply: &str) -> Option<Instead> {
        let next_number = handled.outcome.as_ref().unwrap().next_number;
        assert_eq!(verified(reply)["next_number"], next_number);
        self.saw.push(format!("{next_number} leaves"));
        None
    }

    fn sent(&mut self, _: &Class, all: &[Handled], _: &UdpSocket) {
        let refused = all.iter().filter(|handled| handled.outcome.is_err()).count();
        self.saw.push(format!("{} handled, {refused} refused", all.len()));
    }
}

#[test]
fn a_lab_sees_each_stage_of_a_datagram_as_it_was_read_and_may_lose_it() {
    let mut set = Set::new();
    let mut watches = Watches::default();
    let good = [set.javali.message("JAVALI", 1, 7), set.javali.message("JAVALI", 2, 8)];
    let forged = good[0].replace(&good[0][300..], &good[1][300..]);
    let datagrams = [&*good[0], "no token", &*forged, &*good[1]];
    assert_eq!(set.answers(&mut watches, &datagrams).len(), 2);
    let arrive = ["JAVALI 1", "something of nobody", "something of JAVALI", "JAVALI 2"];
    let arrive: Vec<_> = arrive.map(|what| format!("{what} arrives")).into();
    let leave = ["2 leaves", "3 leaves", "4 handled, 2 refused"].map(String::from);
    assert_eq!(watches.saw, [&["waits".into()][..], &arrive[..], &leave[..]].concat());

    let before = set.server.progress();
    let mut loses = Watches { loses: true, ..Watches::default() };
    assert_eq!(set.answers(&mut loses, &[set.javali.message("JAVALI", 3, 9)]), [""; 0]);
    assert_eq!(loses.saw, ["waits", "JAVALI 3 arrives", "1 handled, 1 refused"]);
    assert_eq!(set.server.progress(), before, "what is lost is not decided");
}

/// Puts in the place of each reply what its function makes of it.
struct Replaces<F>(F);

impl<F: FnMut(&str, SocketAddr) -> Option<Vec<String>>> Lab for Replaces<F> {
    fn leaves(&mut self, _: &Class, handled: &Handled, reply: &str) -> Option<Instead> {
        let replies = (self.0)(reply, handled.datagram.sender)?;
        Some(Instead { replies, outcome: Err(loss("replaced")) })
    }
}

#[test]
fn a_lab_may_change_a_reply_take_it_back_or_add_others() {
    let mut set = Set::new();
    let token = set.javali.message("JAVALI", 1, 7);
    let mut right = String::new();
    let mut keeps = Replaces(|reply: &str, _| {
        right = reply.into();
        None
    });
    assert_eq!(set.answers(&mut keeps, &[&token]).len(), 1, "it leaves as it is");
    let changed = &mut Replaces(|_: &str, _| Some(vec!["changed".into()]));
    assert_eq!(set.answers(changed, &[&token]), ["changed"]);
    let nothing = &mut Replaces(|_: &str, _| Some(vec![]));
    assert_eq!(set.answers(nothing, &[&token]), [""; 0]);
    let more = &mut Replaces(|reply: &str, _| Some(vec!["one more".into(), reply.into()]));
    assert_eq!(set.answers(more, &[&token]), ["one more", &right], "in this order");
}

#[test]
fn a_right_reply_may_leave_only_with_the_next_copy() {
    let mut set = Set::new();
    let (mut held, mut made) = (None, Vec::new());
    let mut holds_back = Replaces(|reply: &str, _| {
        made.push(reply.to_string());
        Some(held.replace(reply.to_string()).into_iter().collect())
    });
    let token = set.javali.message("JAVALI", 1, 7);
    let came: Vec<_> = (0..3).map(|_| set.answers(&mut holds_back, &[&token])).collect();
    assert_eq!(came, [vec![], vec![made[0].clone()], vec![made[1].clone()]]);
}

/// Sends a wrong reply some time after each right one, whether a datagram comes or not.
struct Later {
    after: Duration,
    due: Vec<(Instant, SocketAddr)>,
}

impl Lab for Later {
    fn waits(&mut self, socket: &UdpSocket) {
        let now = Instant::now();
        for (_, client) in self.due.extract_if(.., |(due, _)| *due <= now) {
            socket.send_to(b"wrong", client).unwrap();
        }
        let next = self.due.iter().map(|(due, _)| *due - now).min();
        socket.set_read_timeout(next.or(Some(Duration::from_millis(1)))).unwrap();
    }

    fn leaves(&mut self, _: &Class, handled: &Handled, _: &str) -> Option<Instead> {
        self.due.push((Instant::now() + self.after, handled.datagram.sender));
        None
    }
}

#[test]
fn a_wrong_reply_may_come_in_the_middle_of_a_clients_wait() {
    let mut set = Set::new();
    let mut later = Later { after: Duration::from_millis(100), due: Vec::new() };
    let sent = Instant::now();
    set.client.send(set.javali.message("JAVALI", 1, 7));
    set.server.serve_with(&set.socket, &mut later).unwrap();
    let right = set.client.receive(Duration::from_secs(5)).expect("the right one at once");
    assert_eq!(verified(&right)["next_number"], 2);
    // The client waits, and no datagram comes.
    let wrong = (0..5_000).find_map(|_| {
        set.server.serve_with(&set.socket, &mut later).unwrap();
        set.client.receive(Duration::from_micros(1))
    });
    assert_eq!(wrong.as_deref(), Some("wrong"));
    assert!(sent.elapsed() >= later.after);
}

#[test]
fn a_reply_that_leaves_after_a_timeout_does_not_wait_for_room() {
    let mut set = Set::new();
    set.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    set.server.serve_with(&set.socket, &mut ()).unwrap();
    set.socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let start = Instant::now();
    let error = set.socket.recv(&mut [0]).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10), "the socket waits: {error}");
}

#[test]
fn a_lab_may_look_whether_the_clients_port_is_still_held_before_the_reply_is_sent() {
    let mut set = Set::new();
    let token = set.javali.message("JAVALI", 1, 7);
    let mut is_held = Vec::new();
    let mut looks = Replaces(|_: &str, client| {
        is_held.push(UdpSocket::bind(client).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse));
        None
    });
    set.answers(&mut looks, &[&token]);
    for _ in 0..20 {
        set.client.send(&token);
        set.client = Client::new(set.socket.local_addr().unwrap()); // the one before is closed
        set.server.serve_with(&set.socket, &mut looks).unwrap();
    }
    assert!(is_held[0]);
    let free = is_held.iter().filter(|is_held| !**is_held).count();
    assert!(free > 10, "{free} of 20: another program may have taken the port at once");
}

#[test]
fn an_acknowledgment_waits_behind_no_explanation_log_or_line() {
    let mut set = Set::new();
    let logs = common::Scratch::new();
    let journal = Journal::new(logs.path(), false);
    let explainer = Some(Explainer::default());
    let mut lab = lab::Tools { journal, lose: 0, trial: None, explainer, ports: None };
    let good = set.javali.message("JAVALI", 1, 7);
    let refused = set.javali.message("JAVALI", 3, 7);
    let mut datagrams = vec![&refused; MOST_TOGETHER - 1];
    datagrams.push(&good);
    let came = set.answers(&mut lab, &datagrams);
    assert_eq!(came.len(), MOST_TOGETHER);
    assert_eq!(verified(&came[0])["next_number"], 2, "the one good datagram was the last of all");
    assert!(came[1..].iter().all(|reply| verified(reply)["error"] == "out_of_order"));
    assert_eq!(logs.read("requests.jsonl").lines().count(), MOST_TOGETHER);
}

#[test]
fn where_the_system_gives_no_random_number_a_message_is_recorded_and_not_answered() {
    let mut set = Set::new();
    let (one, two) = (set.javali.message("JAVALI", 1, 7), set.javali.message("JAVALI", 2, 8));
    let good = set.server.draws(|_| Err(io::Error::other("no random number")));
    let handled = set.server.handle(&one);
    assert_eq!((handled.outcome, handled.reply), (Err("not_sent"), None));
    assert_eq!(handled.detail, "the reply could not be sent: no random number");
    assert_eq!(set.server.progress(), [(1, Some(7), 1)]);
    assert_eq!(set.answers(&mut (), &[&one]), [""; 0], "and the socket has no error");

    // On a full disk nothing of it is true.
    set.server.disk.set().is_full = true;
    assert_eq!(set.server.handle(&two).outcome, Err("not_recorded"));
    set.server.disk.set().is_full = false;
    set.server.draws(good);
    assert_eq!(set.server.progress(), [(1, Some(7), 1)]);
    assert_eq!(set.server.handle(&one).outcome, Ok(2), "a repeat");
    assert_eq!(set.server.handle(&two).outcome, Ok(3));
    assert_eq!(set.server.disk.get().records().len(), 2);
}

/// Makes the server's next send fail, and notes what became of the datagram.
#[cfg(target_os = "linux")]
struct Fails {
    socket: UdpSocket,
    outcomes: Vec<String>,
}

#[cfg(target_os = "linux")]
impl Lab for Fails {
    fn leaves(&mut self, _: &Class, _: &Handled, _: &str) -> Option<Instead> {
        // Nobody is there any more: that is told to whoever sends next on this socket.
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        self.socket.connect(gone).unwrap();
        self.socket.send(b"is anybody there?").unwrap();
        None
    }

    fn sent(&mut self, _: &Class, batch: &[Handled], _: &UdpSocket) {
        self.outcomes.extend(batch.iter().map(|handled| format!("{:?}", handled.outcome)));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_reply_that_the_system_refuses_to_send_is_said_to_be_not_sent() {
    let mut set = Set::new();
    let mut fails = Fails { socket: set.socket.try_clone().unwrap(), outcomes: Vec::new() };
    assert_eq!(set.answers(&mut fails, &[set.javali.message("JAVALI", 1, 7)]), [""; 0]);
    assert!(fails.outcomes[0].starts_with("Err(NotSent(\"Connection refused"), "{:?}", fails.outcomes);
    assert_eq!(set.server.progress(), [(1, Some(7), 1)], "it is recorded all the same");
}
