//! Under a flood of a stranger's datagrams the class goes on working: the loop drops each for the price of
//! one verification, explains as many as it has time for, and a client that loses datagrams in the crowd
//! sends again.
//!
//! An unoptimized build floods with forged signatures alone. All of the table, and the figures:
//! `cargo test --release --test flood -- --nocapture`.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures and seeds, of which each is small or of which a part will do"
)]

#[allow(dead_code)] // a part of it is used
mod common;
#[path = "common/stranger.rs"]
mod stranger;

use common::{Class, Server, Signer};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use stranger::Sent;

/// As many datagrams a second as loopback carries, or an unoptimized build can refuse.
const AT_MOST: u64 = if cfg!(debug_assertions) { 2_000 } else { 20_000 };
/// And where each is verified with a key of 4,096 bits, which takes four times as long as one of 2,048.
const AT_MOST_4096: u64 = AT_MOST / 5;
const TIMER: Duration = Duration::from_millis(300);
const MOST_TRIES: usize = 8;
/// Most memory of the server, in KiB: with three groups, and with a thousand.
const MOST_MEMORY: [u64; 2] = if cfg!(debug_assertions) { [8_192, 12_288] } else { [4_096, 6_144] };

/// Sends datagrams at this rate until told to stop; returns how many explanations came back.
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
fn every_group_completes_its_exchange_under_a_flood_of_any_datagram() {
    let mut all = stranger::datagrams();
    if cfg!(debug_assertions) {
        all.truncate(1);
    }
    for sent in all {
        let at_most = if sent.what.contains("4,096 bits") { AT_MOST_4096 } else { AT_MOST };
        for per_second in [200, at_most] {
            for options in [&["--quiet"][..], &["--quiet", "--explain"]] {
                completes_under_a_flood(&sent, per_second, options);
            }
        }
    }
}

fn completes_under_a_flood(sent: &Sent, per_second: u64, options: &[&str]) {
    let Sent { what, to_large_class, datagram } = sent;
    let class = if *to_large_class { stranger::large_class() } else { Class::new() };
    let server = Server::start(&class, options);
    let (stop, number) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    let (all_tries, explained) = thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&server, per_second, datagram, &stop, &number));
        thread::sleep(Duration::from_millis(300)); // the flood first
        let groups = [("JAVALI", 3), ("NONAME", 4), ("HEARTBEAT", 1)];
        let clients = groups.map(|(group, members)| {
            scope.spawn({
                let server = &server;
                move || tries(server, group, members)
            })
        });
        let all = clients.map(thread::ScopedJoinHandle::join);
        thread::sleep(Duration::from_millis(300)); // and still there afterwards
        stop.store(true, Ordering::Relaxed);
        (all.map(|tries| tries.unwrap()), flood.join().unwrap())
    });
    let rate = number.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    let memory = memory(&server);
    println!(
        "{what}, {rate:.0} a second, {options:?}: {explained} explained in {:.1} s; tries of each message: \
         {all_tries:?}; {memory} KiB",
        start.elapsed().as_secs_f64()
    );
    assert!(rate > per_second as f64 * 0.6, "the flood was no flood: {rate:.0} a second");
    let explains = options.contains(&"--explain");
    assert_eq!(explained > 0, explains, "{explained} explained");
    assert!(memory <= MOST_MEMORY[usize::from(*to_large_class)], "{memory} KiB");
}

/// The most that the server has had, in KiB.
#[cfg(target_os = "linux")]
fn memory(server: &Server) -> u64 {
    common::memory_of(server.id(), "VmHWM")
}

#[cfg(not(target_os = "linux"))]
fn memory(_: &Server) -> u64 {
    0
}
