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

const PER_SECOND: u64 = if cfg!(debug_assertions) { 4_000 } else { 20_000 };
const TIMER: Duration = Duration::from_millis(300);
const MOST_TRIES: usize = 8;

/// Sends forged datagrams at an even rate until told to stop; returns how many.
fn flood(server: std::net::SocketAddr, datagram: &[u8], stop: &AtomicBool, sent: &AtomicU64) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let start = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let due = (start.elapsed().as_secs_f64() * PER_SECOND as f64) as u64;
        while sent.load(Ordering::Relaxed) < due {
            _ = socket.send_to(datagram, server);
            sent.fetch_add(1, Ordering::Relaxed);
        }
        thread::sleep(Duration::from_micros(500));
    }
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
    let class = Class::new();
    let server = Server::start(&class, &["--quiet"]);
    // Another key's signature over a group's claims: as costly to refuse as it gets.
    let forged = Signer::new("NONAME", 2048).sign(RS256, claims("JAVALI", 1, 7));
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    let all_tries = thread::scope(|scope| {
        scope.spawn(|| flood(server.address, forged.as_bytes(), &stop, &sent));
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
        all.map(|tries| tries.unwrap())
    });
    let rate = sent.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    println!("{rate:.0} forged datagrams a second; tries of each message: {all_tries:?}");
    assert!(rate > PER_SECOND as f64 * 0.8, "the flood was no flood: {rate:.0} a second");
}
