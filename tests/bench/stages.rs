//! The budget of one request: each step of `server`'s way of a datagram, timed where it stands.

use crate::common::{Scratch, Signer, settings, started_here};
use crate::stranger;
use serde_json::Value;
use std::fs::File;
use std::hint::black_box;
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use udpsocket_jwt_server::claims::{self, Otp, Request};
use udpsocket_jwt_server::groups::{Group, Table};
use udpsocket_jwt_server::server::{Acknowledgment, Class, Datagram, Handled, Message, Server, read};
use udpsocket_jwt_server::start::{Started, start};
use udpsocket_jwt_server::tools::faults::groups_json;
use udpsocket_jwt_server::tools::lab::explain::Explainer;
use udpsocket_jwt_server::tools::lab::journal::{Journal, Known};
use udpsocket_jwt_server::{fsm, jws, record, time};

const BITS: [usize; 3] = [2_048, 3_072, 4_096];
/// Requests of which each stage's time is the median.
const REQUESTS: usize = 4_000;
/// How often each of a stranger's datagrams is explained.
const EXPLAINED: usize = 60;
/// Requests that are synced, which takes the disk long.
const SYNCS: usize = 200;

/// Not parts of the sum: the processor is free while the disk works, and all of it once more.
const SYNC: &str = "sync (waiting)";
const ONE_CALL: &str = "all but it in one call";

/// The first of these holds the others, which are timed apart.
const PARSE: &str = "split and decode";
const HEADER: &str = "header JSON";
const PAYLOAD: &str = "payload JSON";

/// Times of each stage, in order.
struct Stopwatch {
    last: Instant,
    laps: Vec<(&'static str, Vec<Duration>)>,
}

impl Stopwatch {
    fn new() -> Self {
        Self { last: Instant::now(), laps: Vec::new() }
    }

    fn start(&mut self) {
        self.last = Instant::now();
    }

    /// The stage that ends here; the next begins.
    fn lap(&mut self, stage: &'static str) {
        let time = self.last.elapsed();
        match self.laps.iter_mut().find(|(name, _)| *name == stage) {
            Some((_, times)) => times.push(time),
            None => self.laps.push((stage, vec![time])),
        }
        self.last = Instant::now();
    }

    /// The median of each stage in microseconds, less what looking at the clock takes.
    fn medians(self) -> Vec<(&'static str, f64)> {
        let median = |mut times: Vec<Duration>| {
            times.sort();
            times[times.len() / 2].as_secs_f64() * 1e6
        };
        let mut medians: Vec<_> = self.laps.into_iter().map(|(name, times)| (name, median(times))).collect();
        let clock = medians.iter().find(|(name, _)| *name == "clock").map_or(0.0, |(_, time)| *time);
        medians.retain(|(name, _)| *name != "clock");
        for (_, time) in &mut medians {
            *time -= clock;
        }
        medians
    }
}

/// Prints the table.
pub fn print() {
    println!("One request, stage by stage: microseconds, and share of what the processor does");
    println!("{:<24}{:>18}{:>18}{:>18}", "", "2,048 bits", "3,072 bits", "4,096 bits");
    let budgets = BITS.map(budget);
    let sums = budgets
        .each_ref()
        .map(|budget| budget.iter().filter(|(name, _)| is_part(name)).map(|(_, time)| time).sum::<f64>());
    for (stage, (name, _)) in budgets[0].iter().enumerate() {
        if *name == SYNC {
            print!("{:<24}", "sum");
            for sum in &sums {
                print!("{sum:>10.2} {:>5.1} %", 100.0);
            }
            println!();
        }
        print!("{name:<24}");
        for (budget, sum) in budgets.iter().zip(sums) {
            let time = budget[stage].1;
            match is_part(name) {
                true => print!("{time:>10.2} {:>5.1} %", 100.0 * time / sum),
                false => print!("{time:>10.2}        "),
            }
        }
        println!();
    }
}

/// Whether a line of the table is a part of the sum.
fn is_part(stage: &str) -> bool {
    ![SYNC, ONE_CALL].contains(&stage)
}

/// The stages of a request signed with a key of `bits`.
fn budget(bits: usize) -> Vec<(&'static str, f64)> {
    let signer = Signer::new("bench", bits);
    let (directory, Started { mut server, socket, .. }) = started_here(&signer);
    let disk = File::open(directory.file("received.jsonl")).unwrap();
    let mut journal = Journal::new(directory.path(), false);
    let tokens: Vec<String> =
        (0..4).map(|number| signer.message("JAVALI", number, 20_240_000 + number)).collect();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(socket.local_addr().unwrap()).unwrap();
    let mut buffer = vec![0; 1 << 16];

    let mut watch = Stopwatch::new();
    for i in 0..REQUESTS {
        let Server { class, progress, records, .. } = &mut server;
        let parts = jws::split(tokens[i % 4].as_bytes()).unwrap();
        watch.start();
        watch.lap("clock");
        black_box(serde_json::from_slice::<Value>(&parts.header).unwrap());
        watch.lap(HEADER);
        black_box(serde_json::from_slice::<Value>(&parts.payload).unwrap());
        watch.lap(PAYLOAD);
        client.send(tokens[i % 4].as_bytes()).unwrap();
        watch.start();
        let (length, sender) = socket.recv_from(&mut buffer).unwrap();
        watch.lap("receive");
        let now = time::now();
        let datagram = Datagram { time: now, sender, bytes: buffer[..length].into() };
        watch.lap("clock, copy");
        let token = black_box(jws::parse(&datagram.bytes).unwrap());
        watch.lap(PARSE);
        let group = black_box(class.table.find(token.claimed_group().unwrap()).unwrap());
        let key = class.keys[group].as_ref().unwrap();
        watch.lap("key look-up");
        let verified = token.verify(key).unwrap();
        watch.lap("verify");
        let id_request = claims::id_request(verified.payload());
        watch.lap("id_request");
        let request = black_box(Request::of(&verified, now).unwrap());
        watch.lap("claims");
        let Group { name, members, .. } = &class.table[group];
        let next_number = fsm::next((*members).into(), progress[group].state, request.seq_number).unwrap();
        let next_number = black_box(next_number);
        watch.lap("state machine");
        let line = record::line(now, datagram.peer(), name, &request, &datagram.bytes);
        watch.lap("record: its line");
        records.add(&line);
        records.commit().unwrap();
        progress[group].add(request.seq_number, request.matricula, now);
        watch.lap("record: the write");
        let otp = Otp::draw(now).unwrap();
        watch.lap("random number");
        let payload = black_box(claims::reply(&id_request, next_number, otp));
        watch.lap("reply JSON");
        let reply = black_box(jws::sign(claims::REPLY_HEADER, &payload, &class.secret));
        watch.lap("HMAC");
        socket.send_to(reply.as_bytes(), sender).unwrap();
        watch.lap("send");
        drop(token);
        let (token, seq_number) = (&datagram.bytes[..], Some(request.seq_number));
        let message = Message { group, token, id_request, seq_number, request: Ok(request) };
        let acknowledgment = Acknowledgment { next_number, otp, is_new: true };
        let handled = Handled { datagram: &datagram, reading: Ok(message), outcome: Ok(acknowledgment) };
        journal.write(class, &handled, Known::default());
        journal.end();
        watch.lap("log");
        drop((handled, line, payload, reply));
        drop(datagram);
        watch.lap("freeing memory");
        client.recv(&mut [0; 2_048]).unwrap();
    }
    for i in 0..SYNCS {
        server.records.add(format!("{i:600}\n").as_bytes());
        server.records.commit().unwrap();
        watch.start();
        disk.sync_data().unwrap();
        watch.lap(SYNC);
    }
    for i in 0..REQUESTS {
        client.send(tokens[i % 4].as_bytes()).unwrap();
        watch.start();
        server.serve(&socket, &mut buffer, &mut journal).unwrap();
        watch.lap(ONE_CALL);
        client.recv(&mut [0; 2_048]).unwrap();
    }

    // Header and payload are parsed within `jws::parse`; what that takes was timed apart.
    let mut medians = watch.medians();
    let json: Vec<_> = medians.extract_if(.., |(name, _)| [HEADER, PAYLOAD].contains(name)).collect();
    let parse = medians.iter().position(|(name, _)| *name == PARSE).unwrap();
    medians[parse].1 -= json.iter().map(|(_, time)| time).sum::<f64>();
    medians.splice((parse + 1)..=parse, json);
    medians
}

/// The class of a directory.
fn class(directory: &Scratch) -> Class {
    let table = match directory.file("groups.json").exists() {
        true => groups_json::table(directory.read("groups.json").as_bytes()).unwrap(),
        false => Table::compiled_in(),
    };
    start(&settings(directory.path(), directory.path()), table).unwrap().server.class
}

/// What each datagram of a stranger's takes to be read and explained, to what a message takes that is
/// answered and recorded, each time anew.
pub fn explained() -> Vec<(&'static str, Vec<f64>)> {
    let signer = Signer::new("bench", 2_048);
    let (_directory, Started { mut server, socket, .. }) = started_here(&signer);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(socket.local_addr().unwrap()).unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut number = 0;
    let mut answered = || {
        number = (number + 1) % 4;
        client.send(signer.message("JAVALI", number, 20_240_000 + number).as_bytes()).unwrap();
        let start = Instant::now();
        server.serve(&socket, &mut buffer, &mut ()).unwrap();
        let time = start.elapsed();
        client.recv(&mut [0; 2_048]).unwrap();
        time
    };

    let [few, large] = [crate::common::Class::new(), stranger::large_class()].map(|class| class.directory);
    let (few, large) = (class(&few), class(&large));
    let explained = |to_large_class: bool, bytes: &[u8]| {
        let class = if to_large_class { &large } else { &few };
        let datagram =
            Datagram { time: time::now(), sender: ([192, 0, 2, 7], 50_000).into(), bytes: bytes.into() };
        let start = Instant::now();
        let reading = read(class, &datagram.bytes, datagram.time);
        let refusal = match &reading {
            Ok(message) => message.request.clone().err(),
            Err(unverified) => Some(unverified.refusal.clone()),
        };
        let handled = Handled { datagram: &datagram, reading, outcome: Err(refusal.unwrap()) };
        black_box(Explainer::default().explain(class, &handled));
        start.elapsed()
    };
    let ratio = |sent: &stranger::Sent, answered: Duration| {
        explained(sent.to_large_class, &sent.datagram).as_secs_f64() / answered.as_secs_f64()
    };
    let ratios =
        |sent: stranger::Sent| (sent.what, (0..EXPLAINED).map(|_| ratio(&sent, answered())).collect());
    stranger::datagrams().into_iter().map(ratios).collect()
}
