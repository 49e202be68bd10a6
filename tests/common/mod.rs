//! What the tests share: a class in a scratch directory, a server on it, and a client.
//!
//! Keys are made with `openssl` when a test first needs them and kept in cargo's scratch directory
//! for the next run; none is committed.
#![allow(dead_code)] // each test program uses a part

use ring::{hmac, rand::SystemRandom, rsa, signature::RSA_PKCS1_SHA256};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use udpsocket_jwt_server::jws::{base64url, to_base64url};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_udpsocket-jwt-server");
/// The header that most clients send.
pub const RS256: &str = r#"{"alg":"RS256","typ":"JWT"}"#;
/// The secret file of every class here; its newline is not part of the key.
pub const SECRET: &str = "7d6e1f0a4c3b2a19087f6e5d4c3b2a19087f6e5d4c3b2a19087f6e5d4c3b2a19";

/// A directory of its own, removed in the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        Self::new_in(Path::new(env!("CARGO_TARGET_TMPDIR")))
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
        self.0.join(name)
    }

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

/// Runs a command that must succeed, and returns what it prints.
pub fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The file of the private key (PKCS#8 PEM) called `name`, of `bits`, made if there is none yet.
pub fn private_key(name: &str, bits: usize) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{bits}.pem"));
    if !path.exists() {
        let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
        let bits = format!("rsa_keygen_bits:{bits}");
        run(
            "openssl",
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits, "-out", unfinished.to_str().unwrap()],
        );
        fs::rename(unfinished, &path).unwrap();
    }
    path
}

/// A private key to sign with: the client's half of RS256.
pub struct Signer {
    key: rsa::KeyPair,
    /// `SubjectPublicKeyInfo` in PEM.
    pub public_pem: Vec<u8>,
}

impl Signer {
    pub fn new(name: &str, bits: usize) -> Self {
        Self::of_file(&private_key(name, bits))
    }

    /// The signer with the private key in a file.
    pub fn of_file(path: &Path) -> Self {
        let path = path.to_str().unwrap();
        let der = run("openssl", &["rsa", "-in", path, "-traditional", "-outform", "DER"]);
        let public_pem = run("openssl", &["pkey", "-in", path, "-pubout"]);
        Self { key: rsa::KeyPair::from_der(&der).unwrap(), public_pem }
    }

    /// The compact JWS of a header and a payload as they stand.
    pub fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let signing_input = to_base64url(header.as_ref()) + "." + &to_base64url(payload.as_ref());
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

    /// The lines of `requests.jsonl`, once there are as many as the datagrams that were sent.
    pub fn requests(&self, datagrams: usize) -> Vec<Value> {
        let text = || self.directory.read("requests.jsonl");
        wait_until("a line for each datagram", || text().lines().count() >= datagrams);
        lines(&text())
    }

    /// The records of `received.jsonl`.
    pub fn received(&self) -> Vec<Value> {
        lines(&self.directory.read("received.jsonl"))
    }
}

/// JSON Lines, parsed.
pub fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// A server, killed in the end.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    errors: PathBuf,
    _errors_in: Scratch,
}

impl Server {
    /// A server on a class, on a free port of 127.0.0.1.
    pub fn start(class: &Class, options: &[&str]) -> Self {
        Self::start_at(class, "127.0.0.1", "0", options)
    }

    pub fn start_at(class: &Class, address: &str, port: &str, options: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(options).args([address, port]).arg(class.directory.path());
        Self::spawn(command).unwrap_or_else(|errors| panic!("the server did not start: {errors}"))
    }

    /// Starts a command line, waits for `listening on`; or what it said on standard error.
    pub fn spawn(mut command: Command) -> Result<Self, String> {
        let errors_in = Scratch::new();
        let errors = errors_in.file("stderr");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        match first.trim_end().strip_prefix("listening on ") {
            Some(address) => {
                Ok(Self { child, address: address.parse().unwrap(), errors, _errors_in: errors_in })
            }
            None => {
                _ = child.wait();
                Err(fs::read_to_string(&errors).unwrap_or_default())
            }
        }
    }

    /// What it has said on standard error.
    pub fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }

    pub fn client(&self) -> Client {
        Client::new(self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A client's socket.
pub struct Client {
    pub socket: UdpSocket,
}

impl Client {
    pub fn new(server: SocketAddr) -> Self {
        let any = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(server).unwrap();
        Self { socket }
    }

    pub fn send(&self, datagram: impl AsRef<[u8]>) {
        self.socket.send(datagram.as_ref()).unwrap();
    }

    /// The next reply within `wait`.
    pub fn receive(&self, wait: Duration) -> Option<String> {
        let mut buffer = [0; 65_536];
        self.socket.set_read_timeout(Some(wait)).unwrap();
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// Sends a token that must be answered; returns the reply's claims, its HMAC and its
    /// `id_request` verified.
    pub fn ask(&self, token: &str) -> Value {
        self.send(token);
        let reply = self.receive(Duration::from_secs(5)).unwrap_or_else(|| panic!("unanswered: {token}"));
        let claims = verified(&reply);
        let payload = base64url(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
        assert_eq!(claims["id_request"], udpsocket_jwt_server::claims::id_request(&payload));
        claims
    }

    /// The `next_number` that a token is answered with.
    pub fn next_number(&self, token: &str) -> u64 {
        self.ask(token)["next_number"].as_u64().unwrap()
    }
}

/// The claims of a reply, its HMAC verified: the client's half of HS256.
pub fn verified(reply: &str) -> Value {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let (signing_input, tag) = reply.rsplit_once('.').unwrap();
    let tag = base64url(tag.as_bytes()).unwrap();
    hmac::verify(&secret, signing_input.as_bytes(), &tag).expect("a reply's HMAC verifies");
    let (header, payload) = signing_input.split_once('.').unwrap();
    assert_eq!(base64url(header.as_bytes()).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
    serde_json::from_slice(&base64url(payload.as_bytes()).unwrap()).unwrap()
}

/// Waits until `condition` holds, for at most five seconds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(5), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
