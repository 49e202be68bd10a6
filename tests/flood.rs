//! Under a flood of forged datagrams the class goes on working: the loop drops each for the price of
//! one verification, and a client that loses datagrams in the crowd sends again.
//!
//! The figure is `cargo test --release --test flood -- --nocapture`: an unoptimized build is asked
//! for less.

mod common;

use common::{Class, RS256, Server, Signer, claims};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Forged datagrams a second; and where some are explained, which takes far longer in an unoptimized build.
const PER_SECOND: [u64; 2] = if cfg!(debug_assertions) { [4_000, 400] } else { [20_000, 20_000] };
const TIMER: Duration = Duration::from_millis(300);
const MOST_TRIES: usize = 8;

/// Sends a forged datagram at this rate until told to stop; returns how many explanations came back.
fn flood(server: &Server, per_second: u64, datagram: &[u8], stop: &AtomicBool, sent: &AtomicU64) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let (start, mut explained) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        let due = (start.elapsed().as_secs_f64() * per_second as f64) as u64;
        while sent.load(Ordering::Relaxed) < due {
            _ = socket.send_to(datagram, server.address);
            sent.fetch_add(1, Ordering::Relaxed);
        }
        while socket.recv(&mut [0; 4_096]).is_ok() {
            explained += 1;
        }
        thread::sleep(Duration::from_micros(500));
    }
    explained
}

/// How many times each message of a group had to be sent until everyone was in.
fn tries(server: &Server, group: &str, members: u64) -> Vec<usize> {
    let signer = Signer::new(group, 2048);
    let client = server.client();
    let tries_of = |number| {
        let token = signer.message(group, number, 100 + number);
        let answered = |_: &usize| {
            client.send(&token);
            client.receive(TIMER).is_some()
        };
        (1..=MOST_TRIES)
            .find(answered)
            .unwrap_or_else(|| panic!("{group}: number {number} got no answer in {MOST_TRIES} tries"))
    };
    (1..=members).map(tries_of).collect()
}

#[test]
fn every_group_completes_its_exchange_under_a_flood_of_forged_datagrams() {
    completes_under_a_flood(PER_SECOND[0], &["--quiet"], 0);
    completes_under_a_flood(PER_SECOND[1], &["--quiet", "--explain"], 200);
}

fn completes_under_a_flood(per_second: u64, options: &[&str], most_explained: u64) {
    let class = Class::new();
    let server = Server::start(&class, options);
    // Another key's signature over a group's claims: as costly to refuse as it gets.
    let forged = Signer::new("NONAME", 2048).sign(RS256, claims("JAVALI", 1, 7));
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    let (all_tries, explained) = thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&server, per_second, forged.as_bytes(), &stop, &sent));
        thread::sleep(Duration::from_millis(500)); // the flood first
        let groups = [("JAVALI", 3), ("NONAME", 4), ("HEARTBEAT", 1)];
        let clients = groups.map(|(group, members)| {
            scope.spawn({
                let server = &server;
                move || tries(server, group, members)
            })
        });
        let all = clients.map(thread::ScopedJoinHandle::join);
        thread::sleep(Duration::from_millis(500)); // and still there afterwards
        stop.store(true, Ordering::Relaxed);
        (all.map(|tries| tries.unwrap()), flood.join().unwrap())
    });
    let rate = sent.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    println!(
        "{options:?}: {rate:.0} forged datagrams a second, {explained} explained in {:.1} s; tries of each \
         message: {all_tries:?}",
        start.elapsed().as_secs_f64()
    );
    assert!(rate > per_second as f64 * 0.8, "the flood was no flood: {rate:.0} a second");
    // A second of the clock may have begun before the flood.
    assert!(explained <= most_explained * (start.elapsed().as_secs() + 2), "{explained} explained");
    assert_eq!(explained > 0, most_explained > 0, "{explained} explained");
}
