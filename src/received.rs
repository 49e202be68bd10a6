//! `received.jsonl`: what was acknowledged is on the disk first (section 5 of
//! [the protocol](crate::protocol)).
//!
//! An acknowledgment is a promise: "you need not send this again". The page keeps it in memory,
//!
//! ```text,page
//! states[group] = seq_number;
//! ```
//!
//! and a restart breaks it, for every group at once. Here the record of a message is written and
//! synced *before* its reply is sent. Should the power fail between write and sync, the record may be
//! on the disk, whole, in part or not at all, and no client was told that it is; between sync and
//! reply, it is there, and the client sends once more and is answered as a repeat. In no case is
//! something lost that was acknowledged: a crash costs a client one retransmission, never the
//! professor one student.
//!
//! The file is also the server's memory: a group's state is the `seq_number` of its last record, and a
//! restart reads it back.
//!
//! ```
//! use std::time::Duration;
//! use udpsocket_jwt_server::claims::Request;
//! use udpsocket_jwt_server::received::{Record, line};
//!
//! let request = Request { seq_number: 1, matricula: 20240001, seq_max: Some(3), exp: None };
//! let peer = "192.0.2.7:50000".parse().unwrap();
//! let line = line(Duration::from_secs(1_700_000_000), peer, "JAVALI", &request, b"eyJ.eyJ.c2ln");
//! assert_eq!(
//!     String::from_utf8_lossy(&line),
//!     "{\"time\":\"2023-11-14T22:13:20.000Z\",\"peer\":\"192.0.2.7:50000\",\"group\":\"JAVALI\",\
//!       \"seq_number\":1,\"seq_max\":3,\"matricula\":20240001,\"token\":\"eyJ.eyJ.c2ln\"}\n",
//! );
//! let record = Record::parse(line.trim_ascii_end()).unwrap();
//! assert_eq!((record.group.as_str(), record.seq_number, record.matricula), ("JAVALI", 1, 20240001));
//! ```

use crate::claims::Request;
use crate::groups::Table;
use crate::time::{parse_rfc3339, rfc3339};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Most records of a group: what bounds the file, whoever loops.
pub const MOST_RECORDS: u32 = 100_000;

/// Longest line of a whole record, its LF included: a token of 4,096 bytes and the rest.
const LONGEST_LINE: u64 = 8_192;

/// What the file says of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The `seq_number` of the group's last record: the state of its state machine.
    pub state: u64,
    /// The `matricula` of the group's last record; none if there is no record.
    pub matricula: Option<u64>,
    /// Number of its records.
    pub records: u32,
}

impl Progress {
    /// Whether a message says what the group's last record already says.
    #[must_use]
    pub fn knows(&self, request: &Request) -> bool {
        self.state == request.seq_number && self.matricula == Some(request.matricula)
    }

    /// One more record of the group.
    pub fn record(&mut self, seq_number: u64, matricula: u64) {
        let records = self.records.saturating_add(1);
        *self = Self { state: seq_number, matricula: Some(matricula), records };
    }
}

/// A line of the file, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When its datagram was received: time since 1970-01-01 UTC.
    pub time: Duration,
    /// The group, as the table spelled it.
    pub group: String,
    /// The member's number, or 0 for a start-over.
    pub seq_number: u8,
    /// The member's student number.
    pub matricula: u64,
}

impl Record {
    /// Parses a line without its LF; none if it is not a whole record.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let record: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let integer = |name: &str| record.get(name).and_then(Value::as_u64);
        let is_whole = text("peer").is_some()
            && text("token").is_some()
            && record.get("seq_max").is_some_and(|seq_max| seq_max.is_null() || seq_max.is_u64());
        is_whole.then_some(Self {
            time: parse_rfc3339(text("time")?)?,
            group: text("group")?.into(),
            seq_number: u8::try_from(integer("seq_number")?).ok()?,
            matricula: integer("matricula")?,
        })
    }
}

/// The line of a record, its LF included. No datagram can end it or begin another: the numbers are
/// printed, the group is spelled as in the table, and a token that has verified is base64url and dots.
#[must_use]
pub fn line(time: Duration, peer: SocketAddr, group: &str, request: &Request, token: &[u8]) -> Vec<u8> {
    let Request { seq_number, matricula, seq_max, .. } = request;
    let (time, seq_max) = (rfc3339(time), seq_max.map_or("null".into(), |seq_max| seq_max.to_string()));
    let before_the_token = format!(
        "{{\"time\":\"{time}\",\"peer\":\"{peer}\",\"group\":\"{group}\",\"seq_number\":{seq_number},\
         \"seq_max\":{seq_max},\"matricula\":{matricula},\"token\":\""
    );
    [before_the_token.as_bytes(), token, b"\"}\n"].concat()
}

/// What the record keeps needs of a file: the seam at which the tests make a disk fail.
pub trait Disk: Read {
    /// Writes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Returns once everything is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl Disk for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The file, open for appending.
pub struct Records {
    disk: Box<dyn Disk>,
    /// How long the file is when every line of it is whole.
    length: u64,
    /// Whether there may be something after `length`.
    is_torn: bool,
    syncs: bool,
    /// Lines that the next commit writes.
    waiting: Vec<u8>,
}

impl Records {
    /// Takes a line that the next [`commit`](Self::commit) is to write.
    pub fn add(&mut self, line: &[u8]) {
        self.waiting.extend(line);
    }

    /// Writes and syncs the lines that wait, if there are any. After an error none of them is kept: the
    /// file is as it was before, or nothing is written until it is.
    pub fn commit(&mut self) -> io::Result<()> {
        let lines = std::mem::take(&mut self.waiting);
        if lines.is_empty() {
            return Ok(());
        }
        self.mend()?;
        self.is_torn = true;
        match self.disk.append(&lines).and_then(|()| self.sync()) {
            Ok(()) => {
                self.is_torn = false;
                self.length += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                _ = self.mend(); // if that fails too, the next call tries again
                Err(error)
            }
        }
    }

    /// Cuts off what a failed write or sync may have left.
    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.disk.cut(self.length)?;
            self.sync()?;
            self.is_torn = false;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.syncs { self.disk.sync() } else { Ok(()) }
    }
}

/// What the start found in the file.
pub struct Replayed {
    /// The file, ready for more.
    pub records: Records,
    /// What it says of each group of the table.
    pub progress: Vec<Progress>,
    /// Bytes that were cut off after its last LF: a record that was never acknowledged.
    pub cut: u64,
    /// Groups that have records and are not in the table.
    pub unknown: BTreeSet<String>,
}

/// Why the file can't be used.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be opened for writing.
    Open(io::Error),
    /// Another server is using it.
    InUse,
    /// It cannot be locked.
    Lock(io::Error),
    /// It cannot be read.
    Read(io::Error),
    /// The line of this number is not a whole record.
    Line(u64, Vec<u8>),
    /// It cannot be cut to its whole lines.
    Cut(io::Error),
    /// It or its directory cannot be synced.
    Sync(io::Error),
}

/// Opens or creates the file, locks it, reads it back, and makes sure that all of it is on the
/// disk: what a group's state is taken from must not vanish later.
pub fn open(path: &Path, table: &Table, syncs: bool) -> Result<Replayed, Fault> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    readable_by_owner_alone(&mut options);
    let file = options.open(path).map_err(Fault::Open)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Fault::InUse),
        Err(TryLockError::Error(error)) => return Err(Fault::Lock(error)),
    }
    let is_new = file.metadata().is_ok_and(|metadata| metadata.len() == 0);
    let replayed = replay(Box::new(file), table, syncs)?;
    if is_new {
        sync_directory(path).map_err(Fault::Sync)?;
    }
    Ok(replayed)
}

/// Reads the file from its beginning, cuts off whatever follows its last LF, and syncs it.
pub fn replay(mut disk: Box<dyn Disk>, table: &Table, syncs: bool) -> Result<Replayed, Fault> {
    let mut progress = vec![Progress::default(); table.len()];
    let mut unknown = BTreeSet::new();
    let (length, cut) = whole_lines(&mut BufReader::with_capacity(1 << 16, &mut disk), |number, line| {
        let record = Record::parse(line).ok_or_else(|| Fault::Line(number, line.into()))?;
        match table.find(&record.group) {
            Some(group) => progress[group].record(record.seq_number.into(), record.matricula),
            None => _ = unknown.insert(record.group),
        }
        Ok(())
    })?;
    if cut > 0 {
        disk.cut(length).map_err(Fault::Cut)?;
    }
    disk.sync().map_err(Fault::Sync)?;
    let records = Records { disk, length, is_torn: false, syncs, waiting: Vec::new() };
    Ok(Replayed { records, progress, cut, unknown })
}

/// Hands each whole line, without its LF, to `each`, with its number from 1. Returns the length of
/// them all, and of what follows the last LF. Memory does not grow with the file: of a line longer
/// than any record nothing is handed over.
pub fn whole_lines(
    reader: &mut impl BufRead,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), Fault>,
) -> Result<(u64, u64), Fault> {
    let mut piece = Vec::new();
    let (mut length, mut rest, mut number) = (0, 0, 1);
    loop {
        piece.clear();
        let read =
            reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut piece).map_err(Fault::Read)? as u64;
        rest += read;
        if read == 0 {
            return Ok((length, rest));
        }
        if let Some(line) = piece.strip_suffix(b"\n") {
            let is_whole = rest == read;
            each(number, if is_whole { line } else { b"" })?;
            number += 1;
            length += rest;
            rest = 0;
        }
    }
}

/// The server's files hold matriculas: nobody else's business.
pub fn readable_by_owner_alone(#[cfg_attr(not(unix), expect(unused))] options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

/// A new file's name is on the disk only once its directory is.
fn sync_directory(#[cfg_attr(not(unix), expect(unused))] file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
        .sync_all()?;
    Ok(())
}
