//! A server without socket and clock, its disk in memory: it can fail as no real one does on demand.
//!
//! All that these tests know of the library's server is here.

use crate::common::{SECRET, Signer, lines};
use ring::hmac;
use serde_json::Value;
use std::cell::{Ref, RefCell, RefMut};
use std::io::{self, Read};
use std::net::UdpSocket;
use std::rc::Rc;
use std::time::Duration;
use udpsocket_jwt_server::claims::Otp;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::keys::{FEWEST_BITS, PublicKey};
use udpsocket_jwt_server::received;
use udpsocket_jwt_server::record::Progress;
use udpsocket_jwt_server::restart::read_back;
use udpsocket_jwt_server::server::{self, Class, Datagram, Server};
use udpsocket_jwt_server::tools::faults::groups_json;
use udpsocket_jwt_server::tools::faults::reason::name;
use udpsocket_jwt_server::tools::faults::record::{beside, unusable};
use udpsocket_jwt_server::tools::faults::refusal::plain;
use udpsocket_jwt_server::tools::lab::explain::Explainer;

/// The moment of every event here, unless a test moves its clock.
pub const NOW: Duration = Duration::from_millis(1_700_000_000_500);

/// What is asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    Append,
    Cut(usize),
    Sync,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Succeeds,
    /// It fails and has done nothing.
    Fails,
    /// It fails and has done its work, or, an append, half of it.
    FailsHalfway,
}

/// Every sequence of so many outcomes.
pub fn plans(calls: u32) -> impl Iterator<Item = Vec<Outcome>> {
    let outcomes = [Outcome::Succeeds, Outcome::Fails, Outcome::FailsHalfway];
    (0..3_usize.pow(calls))
        .map(move |number| (0..calls).map(|call| outcomes[number / 3_usize.pow(call) % 3]).collect())
}

/// What there is of a disk. It holds the server to point 5 of the protocol's section 5: after a
/// failure nothing may be appended before a cut, and a sync of it, have succeeded.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Memory {
    pub bytes: Vec<u8>,
    read: usize,
    /// How many of the bytes a sync has put on the disk.
    pub synced: usize,
    owes_cut: bool,
    owes_sync: bool,
    pub calls: Vec<Call>,
    /// The outcomes of the calls to come; then all succeed.
    pub plan: Vec<Outcome>,
    /// It takes nothing more.
    pub is_full: bool,
    /// The file no longer has its name.
    pub is_moved: bool,
    /// It loses its name at the next sync.
    pub moves_at_sync: bool,
    fails_next: bool,
}

impl Memory {
    /// Whether something has to be put in order before anything may be appended.
    pub fn is_torn(&self) -> bool {
        self.owes_cut || self.owes_sync
    }

    /// The records, each of them whole.
    #[track_caller]
    pub fn records(&self) -> Vec<Value> {
        assert!(self.bytes.last().is_none_or(|last| *last == b'\n'), "a record ends with its LF");
        lines(std::str::from_utf8(&self.bytes).unwrap())
    }

    /// Notes a call; whether it does its work, and what it returns.
    fn call(&mut self, call: Call) -> (Outcome, io::Result<()>) {
        self.calls.push(call);
        let outcome = if self.plan.is_empty() { Outcome::Succeeds } else { self.plan.remove(0) };
        let outcome = if self.is_full && call == Call::Append { Outcome::Fails } else { outcome };
        let succeeds = outcome == Outcome::Succeeds;
        (outcome, succeeds.then_some(()).ok_or_else(|| io::Error::other("the disk fails")))
    }
}

/// A disk. Its clones are handles of the same one.
#[derive(Clone, Debug, Default)]
pub struct Disk(Rc<RefCell<Memory>>);

impl Disk {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Rc::new(RefCell::new(Memory { bytes: bytes.to_vec(), ..Memory::default() })))
    }

    pub fn get(&self) -> Ref<'_, Memory> {
        self.0.borrow()
    }

    pub fn set(&self) -> RefMut<'_, Memory> {
        self.0.borrow_mut()
    }
}

impl Read for Disk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let memory = &mut *self.set();
        memory.calls.push(Call::Read);
        let read = (&memory.bytes[memory.read..]).read(buffer)?;
        memory.read += read;
        Ok(read)
    }
}

impl received::Disk for Disk {
    fn length(&mut self) -> io::Result<Option<u64>> {
        let memory = self.get();
        Ok((!memory.is_moved).then_some(memory.bytes.len() as u64))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let memory = &mut *self.set();
        if std::mem::take(&mut memory.fails_next) {
            return Err(io::Error::other("the disk fails"));
        }
        assert!(!memory.is_torn(), "appended to a torn file: {:?}", memory.calls);
        let (outcome, result) = memory.call(Call::Append);
        let written = match outcome {
            Outcome::Succeeds => bytes.len(),
            Outcome::Fails => 0,
            Outcome::FailsHalfway => bytes.len() / 2,
        };
        memory.bytes.extend_from_slice(&bytes[..written]);
        // A write that comes halfway says so; the next one says why.
        (memory.owes_cut, memory.fails_next) =
            (written > 0 && result.is_err(), written > 0 && result.is_err());
        if written > 0 { Ok(written) } else { result.map(|()| 0) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let memory = &mut *self.set();
        let length = usize::try_from(length).unwrap();
        let (outcome, result) = memory.call(Call::Cut(length));
        if outcome != Outcome::Fails {
            memory.bytes.truncate(length);
            (memory.owes_cut, memory.owes_sync) = (false, true);
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let memory = &mut *self.set();
        let (_, result) = memory.call(Call::Sync);
        memory.is_moved |= std::mem::take(&mut memory.moves_at_sync);
        match result {
            Ok(()) if !memory.owes_cut => (memory.owes_sync, memory.synced) = (false, memory.bytes.len()),
            Ok(()) => {}
            Err(_) if memory.owes_sync => {}
            Err(_) => memory.owes_cut = true,
        }
        result
    }
}

/// What becomes of a datagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Handled {
    pub reply: Option<String>,
    /// The `next_number`, or the reason.
    pub outcome: Result<u64, &'static str>,
    /// What is said of a refusal.
    pub detail: String,
}

/// A group's state, the last matricula and the number of records.
pub type Known = (u64, Option<u64>, u32);

fn known(progress: &[Progress]) -> Vec<Known> {
    progress.iter().map(|group| (group.state, group.matricula, group.records)).collect()
}

/// A server and its disk.
pub struct Lab {
    server: Server,
    explains: bool,
    pub disk: Disk,
    /// The clock.
    pub now: Duration,
    /// What makes each reply different.
    pub otp: Otp,
}

impl Lab {
    /// A class of this `groups.json`, with the signers' keys.
    #[track_caller]
    pub fn new(groups: &str, signers: &[(&str, &Signer)]) -> Self {
        Self::that_syncs(true, groups, signers)
    }

    #[track_caller]
    pub fn that_syncs(syncs: bool, groups: &str, signers: &[(&str, &Signer)]) -> Self {
        let table = groups_json::table(groups.as_bytes()).unwrap();
        let mut keys = vec![None; table.len()];
        for (group, signer) in signers {
            let key = PublicKey::from_pem(&signer.public_pem, FEWEST_BITS).unwrap();
            keys[table.find(group).unwrap()] = Some(key);
        }
        let secret = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        Self::of_class(syncs, Class { table, keys, secret })
    }

    #[track_caller]
    pub fn of_class(syncs: bool, class: Class) -> Self {
        let disk = Disk::default();
        let replayed = read_back(Box::new(disk.clone()), &class.table, syncs).unwrap();
        // The longest, until the year 5138.
        let otp = Otp { number: 20_000, timestamp: 99_999_999_999 };
        let server = Server {
            class,
            progress: replayed.progress,
            records: replayed.records,
            has_limit: false,
            otp: |_| Ok(Otp { number: 0, timestamp: 0 }),
        };
        disk.set().calls.clear();
        Self { server, explains: false, disk, now: NOW, otp }
    }

    /// JAVALI with 3 members, who have the only key.
    #[track_caller]
    pub fn of_javali(javali: &Signer) -> Self {
        Self::new(r#"{"JAVALI":3}"#, &[("JAVALI", javali)])
    }

    /// The server with `--explain`.
    pub fn explain(&mut self) {
        self.explains = true;
    }

    /// Each group has its allowance.
    pub fn limit(&mut self) {
        self.server.has_limit = true;
    }

    /// The server is started anew on the disk as it is.
    #[track_caller]
    pub fn restart(&mut self) {
        let bytes = self.disk.get().bytes.clone();
        self.disk = Disk::of(&bytes);
        let replayed = read_back(Box::new(self.disk.clone()), &self.server.class.table, true).unwrap();
        (self.server.progress, self.server.records) = (replayed.progress, replayed.records);
    }

    /// Receives what waits at a socket, and answers it.
    #[track_caller]
    pub fn serve(&mut self, socket: &UdpSocket) {
        self.server.serve(socket, &mut vec![0; 1 << 16], &mut ()).unwrap();
    }

    /// The same, with a lab between them.
    pub fn serve_with(&mut self, socket: &UdpSocket, lab: &mut dyn server::Lab) -> io::Result<()> {
        self.server.serve(socket, &mut vec![0; 1 << 16], lab)
    }

    /// Replies are made different by this; what it was before.
    pub fn draws(&mut self, otp: fn(Duration) -> io::Result<Otp>) -> fn(Duration) -> io::Result<Otp> {
        std::mem::replace(&mut self.server.otp, otp)
    }

    /// Serves until the socket fails for good.
    pub fn run(&mut self, socket: &UdpSocket, lab: &mut dyn server::Lab) -> io::Error {
        self.server.run(socket, lab)
    }

    /// What becomes of a datagram.
    #[track_caller]
    pub fn handle(&mut self, datagram: impl AsRef<[u8]>) -> Handled {
        self.handle_together(&[datagram]).remove(0)
    }

    /// What becomes of datagrams that have waited together.
    #[track_caller]
    pub fn handle_together(&mut self, datagrams: &[impl AsRef<[u8]>]) -> Vec<Handled> {
        let sender = ([192, 0, 2, 7], 50_000).into();
        let received =
            |bytes| Datagram { time: self.now, sender, bytes: AsRef::<[u8]>::as_ref(bytes).into() };
        let datagrams: Vec<_> = datagrams.iter().map(received).collect();
        let Self { server, explains, otp, .. } = self;
        let mut all = server.handle(&datagrams, &mut ());
        for acknowledgment in all.iter_mut().filter_map(|handled| handled.outcome.as_mut().ok()) {
            acknowledgment.otp = *otp;
        }
        // Each with an explainer of its own, which has all of its time yet.
        let explainer = || explains.then(Explainer::default);
        let explain = |handled: &server::Handled| explainer()?.explain(&server.class, handled)?.reply;
        let handled = |handled: &server::Handled| {
            let (outcome, detail) = match &handled.outcome {
                Ok(acknowledgment) => (Ok(acknowledgment.next_number), String::new()),
                Err(refusal) => (Err(name(refusal)), plain(refusal, &handled.datagram.bytes).sentence()),
            };
            assert!(detail.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{detail:?}");
            Handled { reply: server.reply(handled).or_else(|| explain(handled)), outcome, detail }
        };
        all.iter().map(handled).collect()
    }

    /// What it knows of each group, in the order of the table: sorted.
    pub fn progress(&self) -> Vec<Known> {
        known(&self.server.progress)
    }

    /// What a server started on the disk as it is now would know.
    #[track_caller]
    pub fn progress_after_a_restart(&self) -> Vec<Known> {
        let disk = Disk::of(&self.disk.get().bytes);
        known(&read_back(Box::new(disk), &self.server.class.table, true).unwrap().progress)
    }
}

/// What a start on these bytes says, its calls (any number of reads being one), and what it leaves.
pub fn started(
    bytes: &[u8],
    syncs: bool,
    plan: &[Outcome],
) -> (Result<Vec<String>, String>, Vec<Call>, Vec<u8>) {
    let disk = Disk::of(bytes);
    disk.set().plan = plan.to_vec();
    let warnings = read_back(Box::new(disk.clone()), &Table::compiled_in(), syncs)
        .map(|replayed| beside(replayed.tail, &replayed.unknown))
        .map_err(|fault| unusable(&fault, "received.jsonl".as_ref()).sentence());
    let mut calls = disk.get().calls.clone();
    calls.dedup();
    (warnings, calls, disk.get().bytes.clone())
}
