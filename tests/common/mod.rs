//! What the tests share: a class in a scratch directory, a server on it, and a client.
//!
//! Keys are made with `openssl` when a test first needs them and kept in cargo's scratch directory
//! for the next run; none is committed. What fails in here is shown at the line of the test.

pub mod catalogue;
pub mod in_memory;

use base64::prelude::{BASE64_STANDARD, Engine};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hmac, rsa, signature::RSA_PKCS1_SHA256};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write, read_to_string};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::start::{Settings, Started, start};
use udpsocket_jwt_server::time::rfc3339;
use udpsocket_jwt_server::tools::faults::reason::REASONS;
use udpsocket_jwt_server::tools::{base64url, to_base64url};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_udpsocket-jwt-server");
/// The header that most clients send.
pub const RS256: &str = r#"{"alg":"RS256","typ":"JWT"}"#;
/// The secret of every class here, that of the vectors.
pub const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A directory of its own, removed in the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let directory = env!("CARGO_TARGET_TMPDIR"); // with a `/` where another system has built this
        Self::new_in(&Path::new(directory).components().collect::<PathBuf>())
    }

    pub fn new_in(directory: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("scratch-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = directory.join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name).components().collect() // as the system writes it
    }

    #[track_caller]
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

/// How many of so many to look at: where `ALL` is set, all of them, and else as many as take a second.
pub fn many(all: usize, few: usize) -> usize {
    if std::env::var_os("ALL").is_some() { all } else { few }
}

/// The names of the reasons, in the order of the checks.
pub fn reasons() -> Vec<&'static str> {
    REASONS.iter().map(|reason| reason.name).collect()
}

/// The place of a reason in the order of the checks.
#[track_caller]
pub fn place(reason: &str) -> usize {
    reasons().iter().position(|name| *name == reason).unwrap_or_else(|| panic!("no reason {reason}"))
}

/// Whether what is refused for this reason is signed: `--explain` may answer it.
#[track_caller]
pub fn is_signed(reason: &str) -> bool {
    place(reason) > place("bad_signature")
}

/// The `next_number` of the state machine, if a message is in order; the new state is its number.
#[track_caller]
pub fn next(members: u8, state: u8, seq_number: u64) -> Option<u64> {
    udpsocket_jwt_server::fsm::next(members.into(), state.into(), seq_number)
}

/// Whether a program that gives a second opinion is here.
#[track_caller]
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_here = std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
    if !is_here {
        not_tested(&format!("there is no {program} here"));
    }
    is_here
}

/// Says that this machine can't show something. Where `CI` is set it has to: that is a failure.
#[track_caller]
pub fn not_tested(why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|set| set.is_empty()), "CI is set, but {why}");
    eprintln!("NOT TESTED: {why}");
}

/// A program that file permissions bind. Root's they don't, unless it gives up that privilege: then it
/// still is the owner of its files, and reaches them in a home that nobody else may enter.
#[cfg(unix)]
#[track_caller]
pub fn bound_by_permissions(program: &str) -> Option<Command> {
    if run("id", &["-u"]) != b"0\n" {
        return Some(Command::new(program));
    }
    let without_it = |program: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-dac_override,-dac_read_search", program]);
        command
    };
    if !has("setpriv") || ended(&mut without_it("true"), b"").status != Some(0) {
        not_tested("this is root, whom permissions bind only with setpriv (util-linux) and CAP_SETPCAP");
        return None;
    }
    Some(without_it(program))
}

/// The nine bits of a file's permissions.
#[cfg(unix)]
#[track_caller]
pub fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}

#[cfg(unix)]
#[track_caller]
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// A line of what Linux says of a process's memory, in KiB.
#[cfg(target_os = "linux")]
#[track_caller]
pub fn memory_of(process: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Runs a command that must succeed, and returns what it prints.
#[track_caller]
pub fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// None: it had to be killed.
    pub status: Option<i32>,
    pub output: String,
    pub errors: String,
}

/// Runs a command that ends by itself, with this on its standard input.
#[track_caller]
pub fn ended(command: &mut Command, input: &[u8]) -> Ended {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // It need not read everything, nor before it writes, nor wait with what it writes.
    let writer = std::thread::spawn(move || _ = stdin.write_all(&input));
    let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let output = std::thread::spawn(|| read_to_string(output).expect("it prints UTF-8"));
    let errors = std::thread::spawn(|| read_to_string(errors).expect("it prints UTF-8"));
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(10) {
            _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    writer.join().unwrap();
    let status = child.wait().unwrap().code();
    Ended { status, output: output.join().unwrap(), errors: errors.join().unwrap() }
}

/// Runs a line of shell in a directory.
#[track_caller]
pub fn shell(directory: &Path, script: &str) {
    let ended = ended(Command::new("sh").args(["-ec", script]).current_dir(directory), b"");
    assert_eq!(ended.status, Some(0), "{script}: {}", ended.errors);
}

/// What the program says on standard error when it fails, which is all it says.
#[track_caller]
pub fn failed(command: &mut Command, status: i32) -> String {
    let Ended { status: found, output, errors } = ended(command, b"");
    assert_eq!((found, output.as_str()), (Some(status), ""), "{command:?}: {errors}");
    assert!(errors.starts_with("udpsocket-jwt-server: "), "{command:?}: {errors}");
    errors
}

/// A number below `bound`, of no importance.
pub fn random(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).unwrap();
    u64::from_ne_bytes(bytes) % bound
}

/// The same numbers from the same seed, for what must be seen again when it fails: xorshift64* (Vigna, 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}

/// A free port of 127.0.0.1. It stays free while no server has it: the system gives ports of this
/// range to nobody who does not ask for them.
#[track_caller]
pub fn free_port() -> SocketAddr {
    let ports = std::iter::repeat_with(|| u16::try_from(20_000 + random(12_000)).unwrap());
    let mut addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    addresses.find(|address| UdpSocket::bind(address).is_ok()).unwrap()
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// ASCII in UTF-16, little-endian, without a mark.
pub fn utf_16(text: &str) -> Vec<u8> {
    text.bytes().flat_map(|byte| [byte, 0]).collect()
}

/// The bytes of what [`hexadecimal`] gives.
#[track_caller]
pub fn from_hexadecimal(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// An element of DER (ITU-T X.690): its tag, its length and its content.
pub fn der(tag: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length: &[u8] = match length {
        [0, length @ ..=0x7f] => &[length],
        [0, length] => &[0x81, length],
        [high, low] => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}

/// The contents of the elements of DER, one behind the other.
#[track_caller]
pub fn elements(mut der: &[u8]) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    while let [_, rest @ ..] = der {
        let (length, rest) = match rest {
            [0x82, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
            [0x81, length, rest @ ..] | [length, rest @ ..] => (usize::from(*length), rest),
            [] => panic!("DER without a length"),
        };
        contents.push(rest[..length].to_vec());
        der = &rest[length..];
    }
    contents
}

/// Strings of SSH (RFC 4251 section 5), one behind the other: each with its length before it.
pub fn ssh_strings(strings: &[&[u8]]) -> Vec<u8> {
    let string = |bytes: &&[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), *bytes].concat();
    strings.iter().flat_map(string).collect()
}

/// A line of OpenSSH: the kind of key, its blob, a comment.
pub fn ssh_line(kind: &str, blob: &[u8]) -> Vec<u8> {
    format!("{kind} {} key@lab\n", BASE64_STANDARD.encode(blob)).into_bytes()
}

/// The blob of an RSA key in OpenSSH's line, made of the DER of the same key in PKCS#1: e and n
/// stand in it the other way round, and an integer of one is the other's to the byte.
pub fn ssh_blob(pkcs1: &[u8]) -> Vec<u8> {
    let numbers = elements(&elements(pkcs1)[0]);
    let [n, e] = &numbers[..] else { panic!("n and e") };
    ssh_strings(&[b"ssh-rsa", e, n])
}

/// The file of the private key (PKCS#8 PEM) called `name`, of `bits`, made if there is none yet.
#[track_caller]
pub fn private_key(name: &str, bits: usize) -> PathBuf {
    made_key(&format!("{name}-{bits}"), bits, 65_537)
}

/// A key with another exponent. (With 65,537, openssl makes only even sizes from 2,048 bits.)
#[track_caller]
pub fn private_key_of_exponent(exponent: u32, bits: usize) -> PathBuf {
    made_key(&format!("exponent-{exponent}-{bits}"), bits, exponent)
}

#[track_caller]
fn made_key(name: &str, bits: usize, exponent: u32) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
    if !path.exists() {
        let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
        let (bits, exponent) = (format!("rsa_keygen_bits:{bits}"), format!("rsa_keygen_pubexp:{exponent}"));
        let options = ["-pkeyopt", &bits, "-pkeyopt", &exponent, "-out", unfinished.to_str().unwrap()];
        run("openssl", &[&["genpkey", "-algorithm", "RSA"], &options[..]].concat());
        fs::rename(unfinished, &path).unwrap();
    }
    path
}

/// What `openssl dgst` signs a text with, its options being the hash and the padding.
#[track_caller]
pub fn openssl_dgst(private: &Path, options: &[&str], text: &[u8]) -> Vec<u8> {
    let scratch = Scratch::new();
    let file = scratch.write("text", text);
    let of_key = ["-sign", private.to_str().unwrap(), file.to_str().unwrap()];
    run("openssl", &[&["dgst"], options, &of_key].concat())
}

/// What `openssl pkeyutl` makes of the bytes with a private key, its options being what it shall do.
#[track_caller]
pub fn openssl_pkeyutl(private: &Path, options: &[&str], bytes: &[u8]) -> Vec<u8> {
    let scratch = Scratch::new();
    let file = scratch.write("bytes", bytes);
    let of_key = ["pkeyutl", "-inkey", private.to_str().unwrap(), "-in", file.to_str().unwrap()];
    run("openssl", &[&of_key, options].concat())
}

/// The private exponent alone: a block as it stands, raised modulo n. To decrypt is just that; to sign,
/// `openssl` takes nothing longer than a hash.
#[track_caller]
pub fn openssl_raise(private: &Path, block: &[u8]) -> Vec<u8> {
    openssl_pkeyutl(private, &["-decrypt", "-pkeyopt", "rsa_padding_mode:none"], block)
}

/// A private key to sign with: the client's half of RS256.
#[derive(Clone)]
pub struct Signer {
    key: Arc<rsa::KeyPair>,
    /// `SubjectPublicKeyInfo` in PEM.
    pub public_pem: Vec<u8>,
}

impl Signer {
    /// The signer with this key. Each is read once, since `openssl` takes a while to start.
    #[track_caller]
    pub fn new(name: &str, bits: usize) -> Self {
        static READ: Mutex<BTreeMap<PathBuf, Signer>> = Mutex::new(BTreeMap::new());
        let path = private_key(name, bits);
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        read.entry(path).or_insert_with_key(|path| Self::of_file(path)).clone()
    }

    /// The signer with the private key in a file.
    #[track_caller]
    pub fn of_file(path: &Path) -> Self {
        let file = pem::parse(fs::read(path).unwrap()).unwrap();
        let key = match file.tag() {
            "PRIVATE KEY" => rsa::KeyPair::from_pkcs8(file.contents()),
            _ => rsa::KeyPair::from_der(file.contents()),
        };
        let key = key.unwrap();
        let algorithm = from_hexadecimal("300d06092a864886f70d0101010500"); // rsaEncryption, and NULL
        let public = der(0x03, [&[0], key.public().as_ref()].concat());
        let public = pem::Pem::new("PUBLIC KEY", der(0x30, [algorithm, public].concat()));
        let unix = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        Self { public_pem: pem::encode_config(&public, unix).into_bytes(), key: Arc::new(key) }
    }

    /// The compact JWS of a header and a payload as they stand.
    pub fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let signing_input = signing_input(header, payload);
        let signature = self.signature(signing_input.as_bytes());
        signing_input + "." + &to_base64url(&signature)
    }

    /// The signature of any bytes.
    pub fn signature(&self, signing_input: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signing_input, &mut signature).unwrap();
        signature
    }

    /// The token of a member's message.
    pub fn message(&self, group: &str, seq_number: u64, matricula: u64) -> String {
        self.sign(RS256, claims(group, seq_number, matricula))
    }
}

/// A header and a payload as they are signed: both in base64url, with a dot between them.
pub fn signing_input(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    to_base64url(header.as_ref()) + "." + &to_base64url(payload.as_ref())
}

/// The payload's text of a token.
#[track_caller]
pub fn payload_of(token: &str) -> String {
    String::from_utf8(base64url(token.split('.').nth(1).unwrap().as_bytes()).unwrap()).unwrap()
}

/// A JSON object with more members in front. Of those with one name the last counts: the object's.
#[track_caller]
pub fn with(object: &str, members: &str) -> String {
    format!("{{{members},{}", object.trim_start().strip_prefix('{').unwrap())
}

/// A JSON object with more members at its end, which count.
#[track_caller]
pub fn ending_with(object: &str, members: &str) -> String {
    format!("{},{members}}}", object.trim_end().strip_suffix('}').unwrap())
}

/// The payload of a member's message.
pub fn claims(group: &str, seq_number: u64, matricula: u64) -> String {
    format!(r#"{{"group":"{group}","seq_number":{seq_number},"seq_max":3,"matricula":{matricula}}}"#)
}

/// A class directory: `JAVALI` (3 members), `NONAME` (4) and `HEARTBEAT` (1) have keys.
pub struct Class {
    pub directory: Scratch,
}

impl Class {
    pub const GROUPS: [&str; 3] = ["JAVALI", "NONAME", "HEARTBEAT"];

    pub fn new() -> Self {
        let directory = Scratch::new();
        for group in Self::GROUPS {
            directory.write(&format!("keys_pub/{group}.pem"), Signer::new(group, 2048).public_pem);
        }
        directory.write("keys_priv/key_secret_for_hmac.txt", format!("{SECRET}\n"));
        Self { directory }
    }

    /// The command line of a server on this class, on a free port of 127.0.0.1.
    pub fn command(&self, options: &[&str]) -> Command {
        self.command_at(0, options)
    }

    /// The same on this port.
    pub fn command_at(&self, port: u16, options: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(options).args(["127.0.0.1", &port.to_string()]).arg(self.directory.path());
        command
    }

    /// The same on this port, from a shell that redirects its output like this.
    #[cfg(unix)]
    pub fn redirected(&self, port: u16, redirection: &str) -> Command {
        let mut command = Command::new("sh");
        let script = format!("exec \"$0\" \"$@\" {redirection}");
        command.args(["-c", &script, PROGRAM, "--verbose", "127.0.0.1", &port.to_string()]);
        command.arg(self.directory.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The lines of `requests.jsonl`, once there are as many as the datagrams that were sent.
    #[track_caller]
    pub fn requests(&self, datagrams: usize) -> Vec<Value> {
        let text = || self.directory.read("requests.jsonl");
        wait_until("a line for each datagram", || text().matches('\n').count() >= datagrams);
        lines(&text())
    }

    /// The outcome of each datagram, once there are as many.
    #[track_caller]
    pub fn outcomes(&self, datagrams: usize) -> Vec<String> {
        self.requests(datagrams).iter().map(|line| line["outcome"].as_str().unwrap().into()).collect()
    }

    /// The records of `received.jsonl`.
    #[track_caller]
    pub fn received(&self) -> Vec<Value> {
        lines(&self.directory.read("received.jsonl"))
    }
}

/// JSON Lines, parsed.
#[track_caller]
pub fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// A record's line as the server writes it, with a token that nobody signed.
pub fn record(group: &str, seq_number: u64, matricula: u64) -> String {
    record_at(Duration::from_secs(1_700_000_000), group, seq_number, matricula)
}

pub fn record_at(time: Duration, group: &str, seq_number: u64, matricula: u64) -> String {
    format!(
        "{{\"time\":\"{}\",\"peer\":\"192.0.2.7:50000\",\"group\":\"{group}\",\"seq_number\":{seq_number},\
         \"seq_max\":3,\"matricula\":{matricula},\"token\":\"eyJ.eyJ.c2ln\"}}\n",
        rfc3339(time)
    )
}

/// What `report` shows of a directory.
#[track_caller]
pub fn report_of(directory: &Path, options: &[&str]) -> String {
    let arguments = [&["report"], options, &[directory.to_str().unwrap()]].concat();
    String::from_utf8(run(PROGRAM, &arguments)).unwrap()
}

/// Each record's group, number and matricula, in the file's order.
#[track_caller]
pub fn recorded(records: &[Value]) -> Vec<(String, u64, u64)> {
    let integer = |record: &Value, name: &str| record[name].as_u64().unwrap();
    let of_record = |record: &Value| {
        let group = record["group"].as_str().unwrap().to_string();
        (group, integer(record, "seq_number"), integer(record, "matricula"))
    };
    records.iter().map(of_record).collect()
}

/// A process, killed in the end as hard as by `kill -9`.
pub struct Running(pub Child);

impl Running {
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// The first line on standard output.
    #[track_caller]
    pub fn first_line(&mut self) -> String {
        let mut first = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        first
    }

    /// Where a server listens, which it says in its first line.
    #[track_caller]
    pub fn listens_on(&mut self) -> SocketAddr {
        self.first_line().trim_end().strip_prefix("listening on ").unwrap().parse().unwrap()
    }

    pub fn kill(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server, killed in the end.
pub struct Server {
    process: Running,
    pub address: SocketAddr,
    errors: PathBuf,
    _errors_in: Scratch,
}

impl Server {
    /// A server on a class, on a free port of 127.0.0.1.
    #[track_caller]
    pub fn start(class: &Class, options: &[&str]) -> Self {
        Self::start_at(class, "127.0.0.1", "0", options)
    }

    #[track_caller]
    pub fn start_at(class: &Class, address: &str, port: &str, options: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(options).args([address, port]).arg(class.directory.path());
        Self::spawn(command).unwrap_or_else(|errors| panic!("the server did not start: {errors}"))
    }

    /// Starts a command line, waits for `listening on`; or what it said on standard error.
    #[track_caller]
    pub fn spawn(mut command: Command) -> Result<Self, String> {
        let errors_in = Scratch::new();
        let errors = errors_in.file("stderr");
        let errors_to = fs::File::create(&errors).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors_to);
        let mut process = Running::spawn(&mut command);
        match process.first_line().trim_end().strip_prefix("listening on ") {
            Some(address) => {
                Ok(Self { process, address: address.parse().unwrap(), errors, _errors_in: errors_in })
            }
            None => {
                _ = process.0.wait();
                Err(fs::read_to_string(&errors).unwrap_or_default())
            }
        }
    }

    /// What it has said on standard error.
    #[track_caller]
    pub fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// `kill -STOP`, `kill -CONT`.
    pub fn signal(&self, name: &str) {
        run("sh", &["-c", &format!("kill {name} {}", self.id())]);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    pub fn client(&self) -> Client {
        Client::new(self.address)
    }
}

/// How a server is started in this process: on a free port, without sync and without limit.
pub fn settings(keys: &Path, logs: &Path) -> Settings {
    let (address, keys, logs) = (([127, 0, 0, 1], 0).into(), keys.into(), logs.into());
    Settings { address, keys, logs, allows_weak_keys: false, syncs: false, has_limit: false }
}

/// A server in this process, on a class in which JAVALI alone has a key.
#[allow(dead_code)] // for what counts and measures
#[track_caller]
pub fn started_here(javali: &Signer) -> (Scratch, Started) {
    let directory = Scratch::new();
    directory.write("keys_pub/JAVALI.pem", &javali.public_pem);
    directory.write("keys_priv/key_secret_for_hmac.txt", SECRET);
    let settings = settings(directory.path(), directory.path());
    let started = start(&settings, Table::compiled_in()).unwrap();
    (directory, started)
}

/// A class, a server on it with these options, and a client.
#[track_caller]
pub fn served(options: &[&str]) -> (Class, Server, Client) {
    let class = Class::new();
    let server = Server::start(&class, options);
    let client = server.client();
    (class, server, client)
}

/// Waits until a server answers there: the way to find one that can't say where it listens.
#[track_caller]
pub fn wait_for_answer(address: SocketAddr, token: &str) {
    let client = Client::new(address);
    wait_until("an answer", || {
        _ = client.socket.send(token.as_bytes()); // refused as long as nobody listens
        client.receive(Duration::from_millis(200)).is_some()
    });
}

/// A client's socket.
pub struct Client {
    pub socket: UdpSocket,
}

impl Client {
    #[track_caller]
    pub fn new(server: SocketAddr) -> Self {
        let any = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(server).unwrap();
        Self { socket }
    }

    #[track_caller]
    pub fn send(&self, datagram: impl AsRef<[u8]>) {
        self.socket.send(datagram.as_ref()).unwrap();
    }

    /// The next reply within `wait`.
    #[track_caller]
    pub fn receive(&self, wait: Duration) -> Option<String> {
        let mut buffer = [0; 65_536];
        self.socket.set_read_timeout(Some(wait)).unwrap();
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => return Some(String::from_utf8(buffer[..length].to_vec()).unwrap()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {} // a machine that was stopped
                Err(_) => return None,
            }
        }
    }

    /// Sends a token that must be answered; returns the reply's claims, its HMAC and its
    /// `id_request` verified.
    #[track_caller]
    pub fn ask(&self, token: &str) -> Value {
        self.send(token);
        let reply = self.receive(Duration::from_secs(5)).unwrap_or_else(|| panic!("unanswered: {token}"));
        let claims = verified(&reply);
        let id_request = udpsocket_jwt_server::claims::id_request(payload_of(token).as_bytes());
        assert_eq!(claims["id_request"], id_request);
        claims
    }

    /// The `next_number` that a token is answered with.
    #[track_caller]
    pub fn next_number(&self, token: &str) -> u64 {
        self.ask(token)["next_number"].as_u64().unwrap()
    }
}

/// The claims of a reply, its HMAC verified: the client's half of HS256.
#[track_caller]
pub fn verified(reply: &str) -> Value {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let (signing_input, tag) = reply.rsplit_once('.').unwrap();
    let tag = base64url(tag.as_bytes()).unwrap();
    hmac::verify(&secret, signing_input.as_bytes(), &tag).expect("a reply's HMAC verifies");
    let (header, payload) = signing_input.split_once('.').unwrap();
    assert_eq!(base64url(header.as_bytes()).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
    serde_json::from_slice(&base64url(payload.as_bytes()).unwrap()).unwrap()
}

/// Waits until `condition` holds, for at most half a minute: a machine may be busy.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
