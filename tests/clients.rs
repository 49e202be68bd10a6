//! Clients that keep the rules, and clients that break one, each over a real socket: what the server's lines and
//! `report --group` say of them. Of a sound one nothing is said, whatever the network does; of any other only
//! what is true of it.
//!
//! `cargo test clients::` takes ten of them without losses. `ALL=1 cargo test clients:: -- --nocapture`
//! takes all 60, without losses, under `--lose 30`, and where replies take 0.3 s, and the sound ones where the network
//! loses, delays, repeats and reorders; and prints what each is told.

use crate::common::{Class, RS256, Random, SECRET, Scratch, Server, Signer, many, report_of};
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use udpsocket_jwt_server::claims::id_request;
use udpsocket_jwt_server::jws::split;
use udpsocket_jwt_server::time::now;

const MEMBERS: u64 = 3;
/// A client's second.
const TIMER: Duration = Duration::from_secs(1);
const TRIES: u32 = 8;
/// No broken client is waited for longer, where all are played, and where some are.
const MOST: [Duration; 2] = [Duration::from_secs(25), Duration::from_secs(3)];

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("JAVALI", 2048));

/// Which sockets a client sends from, and where it listens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sockets {
    One,
    EachTry,
    EachMessage,
    /// It is closed as soon as it has sent.
    Closed,
    /// It listens on another.
    Other,
}

/// What a client takes for the right reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Right,
    Anything,
    Nothing,
    /// A reply whose `next_number` is 0 is none.
    AllButZero,
}

/// A client. Each differs from a sound one in what its row says.
#[derive(Clone, Copy)]
struct Client {
    name: &'static str,
    first: u64,
    last: u64,
    timer: Duration,
    tries: u32,
    start_overs: u32,
    sockets: Sockets,
    takes: Takes,
    /// It waits so long before it makes a message.
    pause: Duration,
    /// It goes on after so long, whatever has come.
    goes_on: Option<Duration>,
    signs_anew: bool,
    /// It sends the numbers in another order, or all at once.
    order: &'static [u64],
    at_once: bool,
    /// How often it runs, one run after the other.
    runs: u32,
    /// So many run at once.
    together: u32,
    payload: fn(String) -> String,
    token: fn(&str) -> Vec<Vec<u8>>,
    /// What it must be told where nothing is lost: a part of a line or of a remark. Empty: nothing.
    told: &'static str,
    /// How the remarks begin, or a part of them, that are true of it whatever the network does.
    may: &'static [&'static str],
}

const SOUND: Client = Client {
    name: "sound",
    first: 1,
    last: MEMBERS,
    timer: TIMER,
    tries: TRIES,
    start_overs: 3,
    sockets: Sockets::One,
    takes: Takes::Right,
    pause: Duration::ZERO,
    goes_on: None,
    signs_anew: false,
    order: &[],
    at_once: false,
    runs: 1,
    together: 1,
    payload: |payload| payload,
    token: |token| vec![token.into()],
    told: "",
    may: &[],
};

const NOT_TAKEN: &str = "has not come since";
const LEFT: &str = "went to a port that nobody held any more";
const WENT_ON: &str = "from the same socket";
const ANEW: &str = "Three different messages with number";
const ZERO: &str = "A 0 came first";
const ZEROS: &str = "different messages 0 came";
const REFUSED: &str = "the same bytes are refused each time";
const OFTEN: &str = "a client sends each message 8 times at most";
const SHORT: &str = "the client does not wait a second";
const TIMED: &str = "a timer runs out and no reply is read, or";
const CLOCK: &str = "No message was valid when it came";
const NEVER: &str = "No signature has verified so far";
/// Sentences that name the network among the causes.
const ANY: [&str; 4] = [NOT_TAKEN, END, ZERO, ONCE];
const TWO: &str = "two clients of the group run at once, one";
const ONCE: &str = "came once and got no reply";
const END: &str = "with next_number 0, which says that everyone is in";

fn with(members: &'static str) -> impl Fn(String) -> String {
    move |payload| payload.replacen('{', &format!("{{{members},"), 1)
}

/// Twenty that keep the rules.
fn sound() -> Vec<Client> {
    let pause = Duration::from_millis;
    vec![
        SOUND,
        Client { name: "slow to sign, 0.2 s", pause: pause(200), ..SOUND },
        Client { name: "slow to sign, 0.7 s", pause: pause(730), runs: 1, last: 2, ..SOUND },
        Client { name: "a person between", pause: pause(350), ..SOUND },
        Client { name: "a socket for each try", sockets: Sockets::EachTry, ..SOUND },
        Client { name: "a socket for each message", sockets: Sockets::EachMessage, ..SOUND },
        Client { name: "a socket for each try, slow", sockets: Sockets::EachTry, pause: pause(200), ..SOUND },
        Client { name: "twice", runs: 2, ..SOUND },
        Client { name: "three times", runs: 3, ..SOUND },
        Client { name: "twice, a socket for each message", runs: 2, sockets: Sockets::EachMessage, ..SOUND },
        Client { name: "three times, a socket for each try", runs: 3, sockets: Sockets::EachTry, ..SOUND },
        Client { name: "one member of three", last: 1, ..SOUND },
        Client { name: "a longer timer", timer: pause(1_400), ..SOUND },
        Client { name: "more claims", payload: |it| with(r#""iat":1,"nome":"Ana""#)(it), ..SOUND },
        Client { name: "no seq_max", payload: |it| it.replace(r#""seq_max":3,"#, ""), ..SOUND },
        Client {
            name: "spaces in its JSON",
            payload: |it| it.replace(':', ": ").replace(',', ", "),
            ..SOUND
        },
        Client { name: "a newline behind the token", token: |it| vec![format!("{it}\n").into()], ..SOUND },
        Client { name: "CR LF behind the token", token: |it| vec![format!("{it}\r\n").into()], ..SOUND },
        Client { name: "small letters", payload: |it| it.to_lowercase(), ..SOUND },
        Client { name: "slow, twice", runs: 2, pause: pause(40), ..SOUND },
    ]
}

/// Forty that break one.
fn broken() -> Vec<Client> {
    let ms = Duration::from_millis;
    let never = Client { takes: Takes::Nothing, told: NOT_TAKEN, may: &[NOT_TAKEN, ZEROS], ..SOUND };
    vec![
        Client {
            name: "closes its socket at once",
            sockets: Sockets::Closed,
            told: "nobody holds port",
            may: &[LEFT, NOT_TAKEN, TIMED],
            ..never
        },
        Client {
            name: "closes it, and goes on after 1 s",
            sockets: Sockets::Closed,
            goes_on: Some(ms(1_000)),
            told: "nobody holds port",
            may: &[ONCE, LEFT, WENT_ON, TIMED],
            ..never
        },
        Client { name: "listens on another socket", sockets: Sockets::Other, ..never },
        Client { name: "verifies with its public key", ..never },
        Client { name: "a buffer of 100 bytes", ..never },
        Client { name: "a secret with its newline", ..never },
        Client { name: "hashes the base64url", ..never },
        Client {
            name: "takes next_number 0 for no reply",
            takes: Takes::AllButZero,
            told: END,
            may: &[END, NOT_TAKEN, ZEROS],
            ..SOUND
        },
        Client { name: "gives up after 3 tries", tries: 3, start_overs: 0, ..never }.silent(),
        Client { name: "never starts over", tries: 30, start_overs: 0, may: &[NOT_TAKEN, OFTEN], ..never },
        Client {
            name: "starts over without end",
            tries: 1,
            start_overs: 99,
            told: ZEROS,
            may: &[TIMED, ZEROS, NOT_TAKEN],
            ..never
        },
        Client {
            name: "a timer of 10 ms",
            timer: ms(10),
            told: SHORT,
            may: &[SHORT, NOT_TAKEN, ZEROS, ANEW],
            ..never
        },
        Client {
            name: "a timer of 10 ms, 40 tries",
            timer: ms(10),
            tries: 40,
            start_overs: 0,
            told: OFTEN,
            may: &[SHORT, NOT_TAKEN, OFTEN],
            ..never
        },
        Client {
            name: "signs each try anew",
            signs_anew: true,
            told: ANEW,
            may: &[ANEW, NOT_TAKEN, ZEROS],
            ..never
        },
        Client {
            name: "signs anew, a socket each",
            signs_anew: true,
            sockets: Sockets::EachTry,
            may: &[NOT_TAKEN, ZEROS],
            ..never
        }
        .silent(),
        Client { name: "begins with 0", first: 0, told: ZERO, may: &[ZERO, WENT_ON], ..SOUND },
        Client { name: "counts from 0", first: 0, last: MEMBERS - 1, told: ZERO, may: &[ZERO], ..SOUND },
        Client {
            name: "sends all at once",
            at_once: true,
            goes_on: Some(ms(0)),
            may: &[WENT_ON, ONCE],
            ..SOUND
        },
        Client { name: "goes on after 20 ms", goes_on: Some(ms(20)), may: &[WENT_ON, ONCE], ..SOUND },
        Client {
            name: "goes on after 1 s",
            goes_on: Some(ms(1_000)),
            told: TIMED,
            may: &[WENT_ON, TIMED, ONCE],
            ..SOUND
        },
        Client { name: "goes on after 0.6 s", goes_on: Some(ms(600)), may: &[WENT_ON, TIMED, ONCE], ..SOUND },
        Client { name: "takes anything for a reply", takes: Takes::Anything, may: &[WENT_ON, ONCE], ..SOUND },
        Client {
            name: "skips a number",
            order: &[1, 3],
            goes_on: Some(ms(50)),
            told: "seq_number is 3 in state 1",
            may: &[WENT_ON, ONCE],
            ..SOUND
        },
        Client {
            name: "backwards",
            order: &[3, 2, 1],
            goes_on: Some(ms(50)),
            told: "seq_number is 3 in state 0",
            may: &[WENT_ON, ONCE],
            ..SOUND
        },
        Client {
            name: "only the last",
            order: &[3],
            told: "seq_number is 3 in state 0",
            may: &[ZEROS, ONCE],
            ..SOUND
        },
        Client {
            name: "two at once",
            together: 2,
            told: TWO,
            may: &[TWO, WENT_ON, ANEW],
            pause: ms(30),
            ..SOUND
        },
        Client {
            name: "three at once",
            together: 3,
            told: TWO,
            may: &[TWO, WENT_ON, ANEW],
            pause: ms(30),
            ..SOUND
        },
        Client {
            name: "numbers in quotes",
            payload: |it| it.replace(r#""matricula":7"#, r#""matricula":"7""#),
            told: "take the quotes off matricula",
            may: &[REFUSED, ONCE],
            ..SOUND
        },
        Client {
            name: "numbers in quotes, and goes on",
            goes_on: Some(ms(160)),
            payload: |it| it.replace(r#""matricula":7"#, r#""matricula":"7""#),
            told: "had been refused",
            may: &[WENT_ON, REFUSED, ONCE],
            ..SOUND
        },
        Client {
            name: "no matricula",
            payload: |it| it.replace(r#","matricula":7"#, ""),
            told: "add claim matricula",
            may: &[REFUSED, ONCE],
            ..SOUND
        },
        Client {
            name: "exp long ago",
            payload: |it| with(r#""exp":1000000000"#)(it.replace("\"exp\"", "\"x\"")),
            told: "exp passed",
            may: &[CLOCK, REFUSED, ONCE],
            ..SOUND
        },
        Client {
            name: "exp in milliseconds",
            payload: |it| with(r#""exp":1900000000000"#)(it.replace("\"exp\"", "\"x\"")),
            told: "not milliseconds",
            may: &[],
            ..SOUND
        },
        Client {
            name: "nbf ahead",
            payload: |it| with(r#""nbf":9000000000"#)(it),
            told: "nbf",
            may: &[CLOCK, REFUSED, ONCE],
            ..SOUND
        },
        Client {
            name: "an aud",
            payload: |it| with(r#""aud":"me""#)(it),
            told: "leave claim aud out",
            may: &[REFUSED, ONCE],
            ..SOUND
        },
        Client { name: "a newline is signed", token: newline_signed, told: NEVER, may: &[NEVER], ..SOUND },
        Client { name: "a stranger's key", token: strangers, told: NEVER, may: &[NEVER], ..SOUND },
        Client {
            name: "in quotes",
            token: |it| vec![format!("\"{it}\"").into()],
            told: "without its quotes",
            may: &[],
            ..SOUND
        },
        Client {
            name: "in pieces of 100 bytes",
            token: |it| it.as_bytes().chunks(100).map(Vec::from).collect(),
            told: "in one datagram",
            may: &[],
            ..SOUND
        },
        Client {
            name: "its parts one by one",
            token: |it| it.split('.').map(Vec::from).collect(),
            told: "in one datagram",
            may: &[],
            ..SOUND
        },
        Client { name: "another matricula each run", runs: 3, may: &[], ..SOUND },
    ]
}

impl Client {
    /// Nothing must be said of it.
    const fn silent(self) -> Self {
        Self { told: "", ..self }
    }
}

fn newline_signed(token: &str) -> Vec<Vec<u8>> {
    let (input, _) = token.rsplit_once('.').unwrap();
    let signature = SIGNER.signature(format!("{input}\n").as_bytes());
    vec![format!("{input}.{}", udpsocket_jwt_server::tools::to_base64url(&signature)).into_bytes()]
}

fn strangers(token: &str) -> Vec<Vec<u8>> {
    static STRANGER: LazyLock<Signer> = LazyLock::new(|| Signer::new("NONAME", 2048));
    let (input, _) = token.rsplit_once('.').unwrap();
    let signature = STRANGER.signature(input.as_bytes());
    vec![format!("{input}.{}", udpsocket_jwt_server::tools::to_base64url(&signature)).into_bytes()]
}

/// A socket that sends to a server, on every address.
fn socket(server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket
}

impl Client {
    fn run(&self, group: &str, server: SocketAddr) {
        let most = MOST[many(0, 1)];
        let until = Instant::now() + if self.may.is_empty() { 10 * most } else { most };
        let mut own = socket(server);
        for _ in 0..self.runs {
            let numbers: Vec<u64> = match self.order {
                [] => (self.first..=self.last).collect(),
                order => order.into(),
            };
            let (mut at, mut start_overs) = (0, 0);
            while at < numbers.len() && Instant::now() < until {
                if self.acknowledged(group, numbers[at], server, &mut own, until) {
                    at += 1;
                    continue;
                }
                loop {
                    if start_overs == self.start_overs || Instant::now() >= until {
                        return;
                    }
                    start_overs += 1;
                    if self.acknowledged(group, 0, server, &mut own, until) || self.takes == Takes::Nothing {
                        break;
                    }
                }
                at = 0;
            }
        }
    }

    fn message(&self, group: &str, number: u64) -> (Vec<Vec<u8>>, String) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (exp, jti) = (now().as_secs() + 300, NEXT.fetch_add(1, Ordering::Relaxed));
        let payload = format!(
            r#"{{"group":"{group}","seq_number":{number},"seq_max":3,"matricula":7,"exp":{exp},"jti":"{jti}"}}"#
        );
        let payload = (self.payload)(payload);
        ((self.token)(&SIGNER.sign(RS256, &payload)), id_request(payload.as_bytes()))
    }

    /// Sends a message until a reply is taken.
    fn acknowledged(
        &self,
        group: &str,
        number: u64,
        server: SocketAddr,
        own: &mut UdpSocket,
        until: Instant,
    ) -> bool {
        thread::sleep(self.pause);
        let (mut token, mut id) = self.message(group, number);
        if self.sockets == Sockets::EachMessage {
            *own = socket(server);
        }
        for copy in 0..self.tries {
            if self.signs_anew && copy > 0 {
                (token, id) = self.message(group, number);
            }
            if self.sockets == Sockets::EachTry && copy > 0 || self.sockets == Sockets::Closed {
                *own = socket(server);
            }
            let sent = Instant::now();
            for datagram in &token {
                _ = own.send(datagram);
            }
            if self.sockets == Sockets::Closed {
                *own = socket(server);
            }
            if let Some(goes_on) = self.goes_on {
                if !self.at_once {
                    thread::sleep(goes_on);
                }
                return true;
            }
            while let Some(left) = self.timer.checked_sub(sent.elapsed()).filter(|left| !left.is_zero()) {
                if Instant::now() >= until {
                    return false;
                }
                own.set_read_timeout(Some(left)).unwrap();
                let mut buffer = [0; 65_536];
                let Ok(length) = own.recv(&mut buffer) else { continue };
                if self.takes_reply(&buffer[..length], &id) {
                    return true;
                }
            }
        }
        false
    }

    fn takes_reply(&self, reply: &[u8], id: &str) -> bool {
        let next_number = || {
            let token = split(reply).ok()?;
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
            ring::hmac::verify(&key, token.signing_input, &token.signature).ok()?;
            let claims: serde_json::Value = serde_json::from_slice(&token.payload).ok()?;
            (claims["id_request"] == id).then_some(())?;
            claims["next_number"].as_u64()
        };
        match self.takes {
            Takes::Anything => true,
            Takes::Nothing => false,
            Takes::Right => next_number().is_some(),
            Takes::AllButZero => next_number().is_some_and(|next_number| next_number > 0),
        }
    }
}

/// What a network does to datagrams, each way.
#[derive(Clone, Copy, Debug)]
struct Network {
    /// How long a request takes, and a reply: so long, and up to so much more.
    takes: [Duration; 2],
    more: Duration,
    /// Of a hundred, so many are lost, and so many come twice.
    lost: usize,
    twice: usize,
}

/// A proxy that is such a network. Each client has a socket of its own behind it.
fn behind(server: SocketAddr, network: Network, is_over: &'static AtomicBool) -> SocketAddr {
    let front = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = front.local_addr().unwrap();
    front.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let mut sockets: BTreeMap<SocketAddr, UdpSocket> = BTreeMap::new();
        // When, whose, whether it is a reply, and what.
        let mut under_way: Vec<(Instant, SocketAddr, bool, Vec<u8>)> = Vec::new();
        let (mut buffer, mut random) = ([0; 65_536], Random(0x5eed));
        while !is_over.load(Ordering::Relaxed) {
            let mut came = Vec::new();
            while let Ok((length, from)) = front.recv_from(&mut buffer) {
                sockets.entry(from).or_insert_with(|| {
                    let own = socket(server);
                    own.set_nonblocking(true).unwrap();
                    own
                });
                came.push((from, false, buffer[..length].to_vec()));
            }
            for (client, own) in &sockets {
                while let Ok(length) = own.recv(&mut buffer) {
                    came.push((*client, true, buffer[..length].to_vec()));
                }
            }
            for (client, is_reply, datagram) in came {
                let copies = match random.below(100) {
                    draw if draw < network.lost => 0,
                    draw if draw < network.lost + network.twice => 2,
                    _ => 1,
                };
                for _ in 0..copies {
                    let more = network.more * random.below(1_000) as u32 / 1_000;
                    let due = Instant::now() + network.takes[usize::from(is_reply)] + more;
                    under_way.push((due, client, is_reply, datagram.clone()));
                }
            }
            under_way.retain(|(due, client, is_reply, datagram)| {
                if *due > Instant::now() {
                    return true;
                }
                _ = if *is_reply { front.send_to(datagram, client) } else { sockets[client].send(datagram) };
                false
            });
            thread::sleep(Duration::from_millis(2));
        }
    });
    address
}

/// The remarks under a time line, each on one line.
fn remarks(report: &str) -> Vec<String> {
    let Some((_, remarks)) = report.split_once("\nwhat this shows\n- ") else { return Vec::new() };
    remarks.split("\n- ").map(|remark| remark.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Runs the clients at once, and says what is wrong with what they are told.
fn played(clients: &[Client], options: &[&str], network: Option<Network>, is_printed: bool) -> Vec<String> {
    static IS_OVER: AtomicBool = AtomicBool::new(false);
    let directory = Scratch::new();
    let group = |at: usize| format!("GROUP{at:02}");
    let entries: Vec<_> = (0..clients.len()).map(|at| format!("\"{}\":{MEMBERS}", group(at))).collect();
    directory.write("groups.json", format!("{{{}}}", entries.join(",")));
    directory.write("keys_priv/key_secret_for_hmac.txt", SECRET);
    for at in 0..clients.len() {
        directory.write(&format!("keys_pub/{}.pem", group(at)), &SIGNER.public_pem);
    }
    let class = Class { directory };
    let server = Server::start(&class, &[&["-v", "--explain", "--no-sync"], options].concat());
    IS_OVER.store(false, Ordering::Relaxed);
    let address = network.map_or(server.address, |network| behind(server.address, network, &IS_OVER));
    thread::scope(|scope| {
        for (at, client) in clients.iter().enumerate() {
            for _ in 0..client.together {
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(20) * at as u32); // not all of them sign at once
                    client.run(&group(at), address);
                });
            }
        }
    });
    thread::sleep(Duration::from_millis(200));
    IS_OVER.store(true, Ordering::Relaxed);
    let lines = server.errors();
    let whole = report_of(class.directory.path(), &[]);
    let mut wrong = Vec::new();
    for (at, client) in clients.iter().enumerate() {
        let report = report_of(class.directory.path(), &["--group", &group(at)]);
        let own: String = lines
            .lines()
            .filter(|line| line.contains(&group(at)) && !line.contains(" have the same key"))
            .map(|line| format!("{line}\n"))
            .collect();
        let said = remarks(&report);
        // Where the network loses and delays, a sentence with each cause may be said of any client.
        let any = if network.is_some_and(|network| network.lost > 0) { &ANY[..] } else { &[] };
        let may = |remark: &&String| client.may.iter().chain(any).any(|may| remark.contains(may));
        let false_ones: Vec<_> = said.iter().filter(|remark| !may(remark)).collect();
        for remark in false_ones {
            wrong.push(format!("{} {options:?} {network:?}: {remark}\n{report}", client.name));
        }
        let accuses = ["nobody holds port", "had left: wait", "receive on one socket"];
        if client.may.is_empty() && accuses.iter().any(|words| own.contains(words)) {
            wrong.push(format!("{}: {own}", client.name));
        }
        let is_told = report.split_whitespace().collect::<Vec<_>>().join(" ").contains(client.told)
            || own.contains(client.told)
            || whole.split_whitespace().collect::<Vec<_>>().join(" ").contains(client.told)
            || lines.contains(client.told);
        if options.is_empty() && network.is_none() && !is_told {
            wrong.push(format!("{}: is not told {:?}\n{own}\n{report}", client.name, client.told));
        }
        if is_printed {
            let last = own.lines().last().unwrap_or_default();
            println!(
                "{:32} {}\n{}",
                client.name,
                last.get(42..).unwrap_or_default(),
                said.iter().map(|said| format!("    - {said}\n")).collect::<String>()
            );
        }
    }
    wrong
}

#[test]
fn of_a_client_is_said_what_is_true_of_it_whatever_the_network_does() {
    let [sound, broken] = [sound(), broken()];
    assert_eq!([sound.len(), broken.len()], [20, 40]);
    let is_all = many(1, 0) == 1;
    let some = |clients: Vec<Client>, step: usize| -> Vec<Client> {
        if is_all { clients } else { clients.into_iter().step_by(step).collect() }
    };
    let quick = |client: &Client| is_all || client.runs == 1 && client.takes == Takes::Right;
    let clients: Vec<_> = some(sound, 4).into_iter().chain(some(broken, 5)).filter(quick).collect();
    let mut wrong = played(&clients, &[], None, is_all);
    if is_all {
        println!("\n--lose 30\n");
        wrong.extend(played(&clients, &["--lose", "30"], None, true));
        let ms = Duration::from_millis;
        let slow = Network { takes: [ms(0), ms(300)], more: ms(0), lost: 0, twice: 0 };
        println!("\nreplies take 0.3 s\n");
        wrong.extend(played(&clients, &[], Some(slow), true));
        // They are reordered too.
        let bad = Network { takes: [ms(5), ms(5)], more: ms(1_800), lost: 20, twice: 15 };
        println!("\nthe sound ones on a bad network\n");
        wrong.extend(played(&clients[..20], &[], Some(bad), true));
    }
    assert!(wrong.is_empty(), "{} false:\n{}", wrong.len(), wrong.join("\n\n"));
}
