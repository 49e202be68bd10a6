//! The load: clients that send, await the answer and send on; and what that costs the program that
//! answers them.

use crate::common::{RS256, Server, Signer, claims};
use std::fs;
use std::hint::spin_loop;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What warms a program up before its time counts: so many requests, if they take no longer.
const WARM_UP: (Duration, u64) = (Duration::from_millis(10), 200);

/// The cores of this process and of the one that it measures, if they have one each.
pub struct Cores(Option<(String, String)>);

impl Cores {
    /// Keeps this process to the last of the cores that it may use; programs get the first.
    pub fn take() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let mut numbers = allowed.unwrap_or_default().trim().split([',', '-']);
        let (Some(first), Some(last)) = (numbers.next(), numbers.next_back()) else { return Self(None) };
        let is_pinned = Command::new("taskset")
            .args(["-cp", last, &std::process::id().to_string()])
            .output()
            .is_ok_and(|output| output.status.success());
        Self(is_pinned.then(|| (first.into(), last.into())))
    }

    pub fn are_apart(&self) -> bool {
        self.0.is_some()
    }

    /// A command that runs on the first core.
    pub fn command(&self, program: &str) -> Command {
        match &self.0 {
            Some((first, _)) => {
                let mut command = Command::new("taskset");
                command.args(["-c", first, program]);
                command
            }
            None => Command::new(program),
        }
    }
}

/// The messages of groups: number 0 of each, number 1 of each, to the last member, and again. Each
/// changes its group's state, so the tokens can be signed beforehand.
#[derive(Clone)]
pub struct Messages {
    tokens: Vec<String>,
    next: usize,
}

impl Messages {
    /// Groups with their numbers of members, all with one key. Their messages differ for so many
    /// `turns`: a processor learns by heart what it sees all the time.
    pub fn new(groups: &[(&str, u8)], turns: u64, signer: &Signer) -> Self {
        let most = groups.iter().map(|(_, members)| *members).max().unwrap_or(0);
        let mut tokens = Vec::new();
        for (turn, number) in (0..turns).flat_map(|turn| (0..=most).map(move |number| (turn, number))) {
            for (name, _) in groups.iter().filter(|(_, members)| number <= *members) {
                let matricula = 20_240_000 + 100 * turn + u64::from(number);
                tokens.push(signer.sign(RS256, claims(name, number.into(), matricula)));
            }
        }
        Self { tokens, next: 0 }
    }

    fn next(&mut self) -> &[u8] {
        let token = self.next;
        self.next = (token + 1) % self.tokens.len();
        self.tokens[token].as_bytes()
    }
}

/// Clients with one request outstanding each.
pub struct Load {
    clients: Vec<(UdpSocket, Messages)>,
    /// What each client sends before every message. None of it is answered, and none of it is
    /// lost: more is sent only once the message behind it is answered.
    refused: Vec<Vec<u8>>,
}

impl Load {
    /// A client for each of these. On a core of its own, the load looks out for its answers without
    /// ever sleeping: to wake it would cost the server some microseconds, and the more the longer
    /// it slept, and no client on another machine costs that.
    pub fn new(server: SocketAddr, messages: &[Messages], refused: Vec<Vec<u8>>, cores: &Cores) -> Self {
        let client = |messages: &Messages| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(server).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            socket.set_nonblocking(cores.are_apart()).unwrap();
            (socket, messages.clone())
        };
        Self { clients: messages.iter().map(client).collect(), refused }
    }

    /// Sends for `time`, or until there are about `most` answers. Returns how many there were.
    pub fn run(&mut self, time: Duration, most: u64) -> u64 {
        let start = Instant::now();
        let mut answers = 0;
        for (socket, messages) in &mut self.clients {
            send(socket, messages, &self.refused);
        }
        while start.elapsed() < time && answers < most {
            for (socket, messages) in &mut self.clients {
                await_answer(socket);
                answers += 1;
                send(socket, messages, &self.refused);
            }
        }
        for (socket, _) in &self.clients {
            await_answer(socket);
            answers += 1;
        }
        answers
    }
}

fn send(socket: &UdpSocket, messages: &mut Messages, refused: &[Vec<u8>]) {
    for datagram in refused {
        socket.send(datagram).unwrap();
    }
    socket.send(messages.next()).unwrap();
}

fn await_answer(socket: &UdpSocket) {
    let start = Instant::now();
    while let Err(error) = socket.recv(&mut [0; 2_048]) {
        let is_waiting = error.kind() == ErrorKind::WouldBlock && start.elapsed() < Duration::from_secs(5);
        assert!(is_waiting, "a message is not answered: {error}");
        spin_loop();
    }
}

/// What an answer cost, in microseconds.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Processor time of the program.
    pub processor: f64,
    /// Time from one answer to the next.
    pub time: f64,
}

/// Puts a program under load.
pub fn measure(server: &Server, load: &mut Load, time: Duration) -> Cost {
    load.run(WARM_UP.0, WARM_UP.1);
    let before = processor_time(server.id());
    let start = Instant::now();
    let answers = load.run(time, u64::MAX);
    let time = start.elapsed();
    let processor = processor_time(server.id()).saturating_sub(before);
    assert_eq!(drops(server.address), "0", "datagrams were lost: these figures would be too low");
    let each = |time: Duration| time.as_secs_f64() * 1e6 / answers as f64;
    Cost { processor: each(processor), time: each(time) }
}

/// Processor time of a program with one thread, once it has come to rest: only then is it counted.
fn processor_time(process: u32) -> Duration {
    sleep(Duration::from_millis(1));
    let schedstat = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap_or_default();
    let nanoseconds = schedstat.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.expect("Linux counts processor time in /proc/PID/schedstat"))
}

/// How many datagrams a socket had no room for: the last column of its line.
fn drops(server: SocketAddr) -> String {
    let port = format!(":{:04X}", server.port());
    let sockets = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let mut lines = sockets.lines().map(str::split_whitespace);
    lines
        .find(|words| words.clone().nth(1).is_some_and(|address| address.ends_with(&port)))
        .and_then(Iterator::last)
        .unwrap_or_default()
        .into()
}

/// A line of `/proc/PID/status`, in KiB.
pub fn memory(process: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a line of /proc/PID/status")
}
