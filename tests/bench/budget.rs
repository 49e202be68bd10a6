//! Where the time of a request goes, and how close the server is to the limit: `cargo bench`.
//!
//! The limit is a program that only receives, verifies, makes an HMAC and sends (`bare`). No
//! machine is quiet, so programs that are compared run by turns, in short slices: a ratio is the
//! median of the rounds' ratios, beside the range in which the median of endless rounds would lie,
//! 19 times in 20, if the machine stayed as it was. A bound within that range is neither reached nor
//! missed: the machine was too noisy to tell. Another run may meet another machine, and a disk most
//! of all.
#![expect(clippy::cast_precision_loss, reason = "figures that a person reads")]

mod bare;
#[allow(dead_code)] // a part of it is used
#[path = "../common/mod.rs"]
mod common;
mod load;
mod stages;
#[path = "../common/stranger.rs"]
mod stranger;

use common::{RS256, SECRET, Scratch, Server, Signer, claims};
use load::{Cores, Cost, Load, Messages, measure, memory};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use udpsocket_jwt_server::groups::GROUPS;

/// Rounds of which a ratio is the median.
const ROUNDS: usize = 90;
/// How long each program is measured in a round.
const SLICE: Duration = Duration::from_millis(50);
/// How often a start is timed.
const STARTS: usize = 25;
/// Refused datagrams to each answered message.
const REFUSED: usize = 8;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, key, file @ ..] = &arguments[..]
        && mode == "bare"
    {
        bare::serve(Path::new(key), file.first().map(Path::new));
    }
    let start = Instant::now();
    stages::print();
    let bench = Bench::new();
    bench.print_load();
    print_explained();
    bench.print_start_and_memory();
    println!("\n{:.0} seconds", start.elapsed().as_secs_f64());
}

struct Bench {
    cores: Cores,
    signer: Signer,
    /// The class of six groups, and their messages, a client for each.
    class: Scratch,
    messages: Vec<Messages>,
    /// The same with a thousand groups, whose messages six clients share.
    large_class: Scratch,
    large_messages: Vec<Messages>,
}

impl Bench {
    fn new() -> Self {
        let signer = Signer::new("bench", 2_048);
        let names: Vec<String> = (0..1_000).map(|number| format!("GROUP{number:03}")).collect();
        let large: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let messages = |groups: &[(&str, u8)], turns| {
            let clients = groups.chunks(groups.len().div_ceil(6));
            clients.map(|groups| Messages::new(groups, turns, &signer)).collect::<Vec<_>>()
        };
        Self {
            cores: Cores::take(),
            class: class(&GROUPS, &signer),
            messages: messages(&GROUPS, 80), // about as many tokens as the large class's
            large_class: class(&large, &signer),
            large_messages: messages(&large, 1),
            signer,
        }
    }

    /// Everything that is measured under load, in turns.
    fn print_load(&self) {
        println!("\nUnder load over loopback: six groups, one request outstanding each, keys of 2,048 bits,");
        println!(
            "every message changes the state; {ROUNDS} rounds, {} ms of each in turn",
            SLICE.as_millis()
        );
        match self.cores.are_apart() {
            true => println!("the server on one core, the load on another"),
            false => println!("NOT on cores of their own (taskset is not there): no ratio means much"),
        }

        let mut bare = self.bare(false);
        let mut server = self.serve(&["--no-sync"], Vec::new());
        let mut in_memory = self.serve_in_memory();
        let mut bare_synced = self.bare(true);
        let mut synced = self.serve(&[], Vec::new());
        let mut large = self.serve_large();
        let with = |kind: Refused| {
            let contender = self.serve(&["--no-sync"], vec![kind.datagram.clone(); REFUSED]);
            (kind, contender)
        };
        let mut refused: Vec<_> = self.refused().into_iter().map(with).collect();
        for _ in 0..ROUNDS {
            [&mut bare, &mut server, &mut large, &mut in_memory, &mut bare_synced, &mut synced]
                .into_iter()
                .chain(refused.iter_mut().map(|(_, contender)| contender))
                .for_each(Contender::take_turn);
        }
        let [bare, server, in_memory] = [bare, server, in_memory].map(|contender| contender.costs);
        let [bare_synced, synced, large] = [bare_synced, synced, large].map(|contender| contender.costs);

        print_costs("bare program", &bare);
        print_costs("server, --no-sync", &server);
        print_costs("bare program, with append and sync", &bare_synced);
        print_costs("server", &synced);

        let round = |ratio: &dyn Fn(usize) -> f64| (0..ROUNDS).map(ratio).collect::<Vec<_>>();
        print_heading("Ratios");
        let ratio = round(&|i| server[i].processor / bare[i].processor);
        print_row("--no-sync: processor, to the bare program", &ratio, 2, 1.10);
        let ratio = round(&|i| in_memory[i].processor / bare[i].processor);
        print_row("syncing, where that is free (/dev/shm): the same", &ratio, 2, 1.10);
        let ratio = round(&|i| synced[i].processor / bare_synced[i].processor);
        print_row("syncing: processor, to the bare program with append and sync", &ratio, 2, 1.10);
        let ratio = round(&|i| synced[i].time / bare_synced[i].time);
        print_row("syncing: time, to the bare program with append and sync", &ratio, 2, 1.20);
        for (kind, Contender { costs, .. }) in &refused {
            let ratio = round(&|i| (costs[i].processor / server[i].processor - 1.0) / REFUSED as f64);
            print_row(
                &format!("refused ({}): processor, to an answered one", kind.name),
                &ratio,
                2,
                kind.bound,
            );
        }
        let ratio = round(&|i| large[i].processor / server[i].processor);
        print_row("1,000 groups: processor, to six", &ratio, 2, 1.05);
    }

    fn print_start_and_memory(&self) {
        print_heading("Start and memory");
        print_row("milliseconds until it listens, 6 keys", &self.starts(&self.class), 1, 20.0);
        print_row("milliseconds until it listens, 1,000 keys", &self.starts(&self.large_class), 1, 300.0);
        let (peak, growth) = self.memory();
        print_row("KiB of memory at its peak, 6 groups", &[peak], 0, 4_096.0);
        print_row("bytes more a request, from 1,000 to 100,000 requests", &[growth], 1, 1.0);
    }

    /// Datagrams that are not answered.
    fn refused(&self) -> Vec<Refused> {
        let good = self.signer.message("JAVALI", 1, 20_240_001);
        let another = self.signer.message("JAVALI", 2, 20_240_001);
        let forged = good[..=good.rfind('.').unwrap()].to_string() + another.rsplit('.').next().unwrap();
        let wrong_alg = self.signer.sign(r#"{"alg":"HS256"}"#, claims("JAVALI", 1, 20_240_001));
        let unknown_group = self.signer.message("NOBODY", 1, 20_240_001);
        let many_claims: Vec<String> = (100..430).map(|number| format!("\"{number}\":1")).collect();
        let many_claims = self.signer.sign(RS256, format!("{{{}}}", many_claims.join(",")));
        let kind = |name, bound, datagram: Vec<u8>| Refused { name, bound, datagram };
        vec![
            kind("forged", 1.0, forged.into()),
            kind("wrong_alg", 0.25, wrong_alg.into()),
            kind("unknown_group", 0.25, unknown_group.into()),
            kind("4 kB of claims", 0.25, many_claims.into()),
            kind("4 kB of text", 0.25, vec![b'A'; 4_096]),
            kind("4 kB of bytes", 0.25, vec![0xff; 4_096]),
        ]
    }

    /// A server with six groups.
    fn serve(&self, options: &[&str], refused: Vec<Vec<u8>>) -> Contender {
        self.serve_with(Scratch::new(), options, refused)
    }

    /// The same with its files in memory, where there is nothing to sync to: what is left is what
    /// the server does itself.
    fn serve_in_memory(&self) -> Contender {
        self.serve_with(Scratch::new_in(Path::new("/dev/shm")), &[], Vec::new())
    }

    fn serve_with(&self, logs: Scratch, options: &[&str], refused: Vec<Vec<u8>>) -> Contender {
        let server = self.start(&self.class, &logs, options);
        // Two clients send as much as the socket's buffer holds of refused datagrams.
        let clients = if refused.is_empty() { 6 } else { 2 };
        let load = Load::new(server.address, &self.messages[..clients], refused, &self.cores);
        Contender::new(server, load, logs)
    }

    fn serve_large(&self) -> Contender {
        let logs = Scratch::new();
        let server = self.start(&self.large_class, &logs, &["--no-sync"]);
        let load = Load::new(server.address, &self.large_messages, Vec::new(), &self.cores);
        Contender::new(server, load, logs)
    }

    /// The bare program, which is this one.
    fn bare(&self, syncs: bool) -> Contender {
        let logs = Scratch::new();
        let mut command = self.cores.command(std::env::current_exe().unwrap().to_str().unwrap());
        command.arg("bare").arg(self.class.file("keys_pub/JAVALI.pem"));
        if syncs {
            command.arg(logs.file("tokens"));
        }
        let server = Server::spawn(command).unwrap();
        let load = Load::new(server.address, &self.messages, Vec::new(), &self.cores);
        Contender::new(server, load, logs)
    }

    fn start(&self, class: &Scratch, logs: &Scratch, options: &[&str]) -> Server {
        let mut command = self.cores.command(common::PROGRAM);
        command.args(options).args(["--quiet", "--no-limit", "--logs"]).arg(logs.path());
        Server::spawn(with_operands(command, class)).unwrap()
    }

    /// Milliseconds from starting the program to its `listening on`.
    #[expect(clippy::unused_self, reason = "the other measurements are methods too")]
    fn starts(&self, class: &Scratch) -> Vec<f64> {
        let start = |_| {
            let logs = Scratch::new();
            let mut command = Command::new(common::PROGRAM);
            command.args(["--quiet", "--logs"]).arg(logs.path());
            let start = Instant::now();
            let _server = Server::spawn(with_operands(command, class)).unwrap();
            start.elapsed().as_secs_f64() * 1e3
        };
        (0..STARTS).map(start).collect()
    }

    /// Peak memory in KiB, and how many bytes each of 99,000 requests adds to that in use. (That not
    /// one is kept is shown at the allocator, in tests/memory.rs; the rest is how the heap is laid out.)
    fn memory(&self) -> (f64, f64) {
        let logs = Scratch::new();
        let server = self.start(&self.class, &logs, &["--no-sync"]);
        // Each kind of refused datagram once for each answered one.
        let refused = self.refused().into_iter().map(|kind| kind.datagram).collect();
        let mut load = Load::new(server.address, &self.messages[..2], refused, &self.cores);
        load.run(Duration::MAX, 150);
        let early = memory(server.id(), "VmRSS");
        load.run(Duration::MAX, 14_000);
        let late = memory(server.id(), "VmRSS");
        (memory(server.id(), "VmHWM"), (late - early) * 1_024.0 / 99_000.0)
    }
}

/// A program that is measured by turns with others. Between its turns it waits.
struct Contender {
    server: Server,
    load: Load,
    costs: Vec<Cost>,
    _logs: Scratch,
}

impl Contender {
    fn new(server: Server, load: Load, logs: Scratch) -> Self {
        Self { server, load, costs: Vec::new(), _logs: logs }
    }

    fn take_turn(&mut self) {
        self.costs.push(measure(&self.server, &mut self.load, SLICE));
    }
}

/// What `--explain` costs: each datagram of a stranger's, read and explained, to an answered message.
/// (How many are explained is another matter: together they have a tenth of the time.)
fn print_explained() {
    print_heading("Explained: time in this process, to an answered one");
    let mut all = stages::explained();
    all.sort_by(|(_, one), (_, other)| median(other.clone())[1].total_cmp(&median(one.clone())[1]));
    for (place, (what, ratios)) in all.iter().enumerate() {
        let name = if place == 0 { format!("the dearest: {what}") } else { (*what).into() };
        print_row(&name, ratios, 1, 150.0);
    }
}

/// A kind of datagram that is not answered.
struct Refused {
    name: &'static str,
    /// Most that it may cost, to an answered one.
    bound: f64,
    datagram: Vec<u8>,
}

/// A class directory in which all groups have the same key.
fn class(groups: &[(&str, u8)], signer: &Signer) -> Scratch {
    let class = Scratch::new();
    for (name, _) in groups {
        class.write(&format!("keys_pub/{name}.pem"), &signer.public_pem);
    }
    let table: Vec<String> = groups.iter().map(|(name, members)| format!("\"{name}\":{members}")).collect();
    class.write("groups.json", format!("{{{}}}", table.join(",")));
    class.write("keys_priv/key_secret_for_hmac.txt", SECRET);
    class
}

fn with_operands(mut command: Command, class: &Scratch) -> Command {
    command.args(["127.0.0.1", "0"]).arg(class.path());
    command
}

/// The median of the values, between the bounds of the range where that of many more would lie.
fn median(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let middle = (values.len() - 1) / 2;
    let spread = values.len().isqrt().min(middle); // two deviations of a count of heads and tails
    [values[middle - spread], values[middle], values[middle + spread]]
}

fn print_costs(name: &str, costs: &[Cost]) {
    let [_, processor, _] = median(costs.iter().map(|cost| cost.processor).collect());
    let [_, time, _] = median(costs.iter().map(|cost| cost.time).collect());
    println!("{name:<36} {processor:>7.2} us of processor an answer, {:>6.0} answers a second", 1e6 / time);
}

fn print_heading(heading: &str) {
    println!("\n{heading:<60}  median           range   at most");
}

fn print_row(name: &str, values: &[f64], places: usize, bound: f64) {
    let [low, median, high] = median(values.to_vec());
    let verdict = if high <= bound {
        "reached"
    } else if low > bound {
        "MISSED"
    } else {
        "too noisy to tell"
    };
    let range = format!("{low:.places$} to {high:.places$}");
    println!("{name:<60} {median:>7.places$} {range:>15} {bound:>9.places$}  {verdict}");
}
