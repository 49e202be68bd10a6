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
//! reply, it is there, and the client sends once more and is answered as a repeat. So a crash costs a
//! client one retransmission, never the professor one student.
//!
//! The file is also the server's memory: a group's state is the `seq_number` of its last record, and a
//! restart reads it back.
//!
//! ```
//! use udpsocket_jwt_server::received::Record;
//!
//! let line = br#"{"time":"2023-11-14T22:13:20.000Z","peer":"192.0.2.7:50000","group":"JAVALI","seq_number":1,"seq_max":3,"matricula":20240001,"token":"eyJ.eyJ.c2ln"}"#;
//! let record = Record::parse(line).unwrap();
//! assert_eq!((record.group.as_str(), record.seq_number, record.matricula), ("JAVALI", 1, 20240001));
//! ```

use crate::claims::Request;
use crate::groups::Table;
use crate::refusal::NotRecorded;
use crate::time::{parse_rfc3339, rfc3339};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most records of a group: what bounds the file, whoever loops.
pub const MOST_RECORDS: u32 = 100_000;

const EVERY: Duration = Duration::from_millis(500); // the even pace of a group's records
const SPAN: Duration = Duration::from_secs(150); // how far they may be ahead of it

/// No record is longer, its LF included: a token of 4,096 bytes and the rest.
const LONGEST_LINE: u64 = 8_192;
/// So many groups that the table lacks are named.
pub const MOST_UNKNOWN: usize = 100;

/// What the file says of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The `seq_number` of the group's last record: the state of its state machine.
    pub state: u64,
    /// The `matricula` of the group's last record; none if there is no record.
    pub matricula: Option<u64>,
    /// Number of its records.
    pub records: u32,
    /// The greatest `seq_number` of any of them.
    pub greatest: u64,
    /// When the pace of its records will be even again: time since 1970-01-01 UTC.
    due: Duration,
}

impl Progress {
    /// Whether a message says what the group's last record already says.
    pub fn knows(&self, request: &Request) -> bool {
        self.state == request.seq_number && self.matricula == Some(request.matricula)
    }

    /// How far the group's records are ahead of an even pace; none if it may have no more now. Who has
    /// captured a 0 and a 1 of a group can send them in turn for ever, each of them news: so a group may
    /// have 300 records at once, and then two a second.
    pub fn ahead(&self, time: Duration) -> Option<Duration> {
        let ahead = self.due.saturating_sub(time);
        let ahead = if ahead > SPAN + EVERY { Duration::ZERO } else { ahead }; // the clock went back
        (ahead + EVERY <= SPAN).then_some(ahead)
    }

    /// One more record of the group.
    pub fn record(&mut self, seq_number: u64, matricula: u64, time: Duration) {
        if let Some(ahead) = self.ahead(time) {
            self.due = time + ahead + EVERY;
        }
        (self.state, self.matricula, self.greatest) =
            (seq_number, Some(matricula), self.greatest.max(seq_number));
        self.records = self.records.saturating_add(1);
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
    /// What the client believed the number of members to be.
    pub seq_max: Option<u64>,
    /// The member's student number.
    pub matricula: u64,
}

impl Record {
    /// Parses a line without its LF; none if it is not a whole record.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let record: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let integer = |name: &str| record.get(name).and_then(Value::as_u64);
        let seq_max = record.get("seq_max").filter(|seq_max| seq_max.is_null() || seq_max.is_u64())?;
        let is_whole = text("peer").is_some() && text("token").is_some();
        is_whole.then_some(Self {
            time: parse_rfc3339(text("time")?)?,
            group: text("group")?.into(),
            seq_number: u8::try_from(integer("seq_number")?).ok()?,
            seq_max: seq_max.as_u64(),
            matricula: integer("matricula")?,
        })
    }
}

/// The line of a record, its LF included. No datagram can end it or begin another: the numbers are
/// printed, the group is spelled as in the table, and a token that has verified is base64url and dots.
pub fn line(time: Duration, peer: SocketAddr, group: &str, request: &Request, token: &[u8]) -> Vec<u8> {
    let Request { seq_number, matricula, seq_max, .. } = request;
    let (time, seq_max) = (rfc3339(time), seq_max.map_or("null".into(), |seq_max| seq_max.to_string()));
    let before_the_token = format!(
        "{{\"time\":\"{time}\",\"peer\":\"{peer}\",\"group\":\"{group}\",\"seq_number\":{seq_number},\
         \"seq_max\":{seq_max},\"matricula\":{matricula},\"token\":\""
    );
    [before_the_token.as_bytes(), token, b"\"}\n"].concat()
}

/// What [`Records`] need of a file: the seam at which the tests make a disk fail.
pub trait Disk: Read {
    /// How long the file is; none if it no longer has its name.
    fn length(&mut self) -> io::Result<Option<u64>>;
    /// Writes at the end, perhaps not all; how many bytes.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts the file to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Returns once everything is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// An open file, and the name under which the next start will look for it.
struct NamedFile {
    file: File,
    path: PathBuf,
    identity: (u64, u64),
}

impl Read for NamedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Disk for NamedFile {
    fn length(&mut self) -> io::Result<Option<u64>> {
        match fs::metadata(&self.path) {
            Ok(named) => Ok((identity(&named) == self.identity).then_some(named.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// What tells a file from any other, whatever its name: device and inode.
pub fn identity(#[cfg_attr(not(unix), expect(unused))] metadata: &Metadata) -> (u64, u64) {
    #[cfg(unix)]
    return (MetadataExt::dev(metadata), MetadataExt::ino(metadata));
    #[cfg(not(unix))]
    (0, 0)
}

/// The file, open for appending.
pub struct Records {
    disk: Box<dyn Disk>,
    /// How long the file is when every line of it is whole and on the disk.
    length: u64,
    /// How many bytes a failed write has left behind that: to be cut off. None: and no sync is due.
    torn: Option<u64>,
    /// Whether it waits for the disk; not in benchmarks.
    syncs: bool,
    /// Lines that the next commit writes.
    pub waiting: Vec<u8>,
}

impl Records {
    /// Writes and syncs the lines that wait, if there are any. After an error none of them is kept: the
    /// file is as it was before, or nothing is written until it is. Whether it is still the file that
    /// the next start will read is looked at before the write, and after the sync.
    pub fn commit(&mut self) -> Result<(), NotRecorded> {
        let lines = std::mem::take(&mut self.waiting);
        if lines.is_empty() {
            return Ok(());
        }
        self.mend()?;
        self.must_have(self.length)?;
        let written = self.write(&lines);
        if written.is_err() {
            _ = self.mend(); // if that fails too, the next call tries again
        }
        written
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), NotRecorded> {
        let mut rest = lines;
        while !rest.is_empty() {
            match self.disk.append(rest)? {
                0 => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                written => rest = &rest[written..],
            }
            self.torn = Some((lines.len() - rest.len()) as u64);
        }
        let length = self.length + lines.len() as u64;
        if self.syncs {
            self.disk.sync()?;
            self.must_have(length)?;
        }
        (self.length, self.torn) = (length, None);
        Ok(())
    }

    /// Cuts off what a failed write has left: only where nothing else has come behind it.
    fn mend(&mut self) -> Result<(), NotRecorded> {
        let Some(torn) = self.torn else { return Ok(()) };
        if self.must_have(self.length).is_err() {
            self.must_have(self.length + torn)?;
            self.disk.cut(self.length)?;
        }
        if self.syncs {
            self.disk.sync()?;
        }
        self.torn = None;
        Ok(())
    }

    /// Whether the file has its name, and the length that the server has left it.
    fn must_have(&mut self, length: u64) -> Result<(), NotRecorded> {
        match self.disk.length().map_err(|error| NotRecorded::Unseen(error.to_string()))? {
            None => Err(NotRecorded::Moved),
            Some(found) if found != length => Err(NotRecorded::Changed(found, length)),
            Some(_) => Ok(()),
        }
    }
}

/// What the start found in the file.
pub struct Found {
    /// The file, ready for more.
    pub records: Records,
    /// What it says of each group of the table.
    pub progress: Vec<Progress>,
    /// What followed its last LF.
    pub tail: Tail,
    /// Groups that have records and are not in the table, of many the first 100.
    pub unknown: BTreeSet<String>,
}

/// What follows the last LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Nothing,
    /// A whole record without its LF, which is kept. Behind it may be so many NULs, which are cut off.
    Record(u64),
    /// So many bytes that are the beginning of one record, which are cut off: it was never acknowledged.
    Torn(u64),
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
    /// The line of this number is not a whole record. Of a line that is too long for one, its beginning.
    Line(u64, Vec<u8>),
    /// After the last LF are so many bytes, which begin like this: neither a record nor the beginning of
    /// one. Whole records may be in them, joined by an editor.
    Tail(u64, Vec<u8>),
    /// Its last line cannot be ended or cut off, or it cannot be synced.
    Mend(NotRecorded),
    /// Its directory cannot be synced.
    Sync(io::Error),
}

/// Opens or creates the file, locks it, reads it back, and makes sure that all of it is on the
/// disk: what a group's state is taken from must not vanish later.
pub fn open(path: &Path, table: &Table, syncs: bool) -> Result<Found, Fault> {
    let path = std::path::absolute(path).map_err(Fault::Open)?;
    let file = open_log(&path).map_err(Fault::Open)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Fault::InUse,
        TryLockError::Error(error) => Fault::Lock(error),
    })?;
    let metadata = file.metadata().map_err(Fault::Open)?;
    let real = path.canonicalize().map_err(Fault::Open)?; // the name may be a link
    let disk = NamedFile { file, path, identity: identity(&metadata) };
    let found = read_back(Box::new(disk), table, syncs)?;
    if let Some(directory) = real.parent().filter(|_| cfg!(unix) && metadata.len() == 0) {
        // A new file's name is on the disk only once its directory is.
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(Fault::Sync)?;
    }
    Ok(found)
}

/// Reads the file from its beginning, ends or cuts off its last line, and syncs it.
pub fn read_back(mut disk: Box<dyn Disk>, table: &Table, syncs: bool) -> Result<Found, Fault> {
    let mut progress = vec![Progress::default(); table.len()];
    let mut unknown = BTreeSet::new();
    let length = disk.length().map_err(Fault::Read)?.unwrap_or_default();
    let mut reader = BufReader::with_capacity(1 << 16, (&mut disk).take(length));
    let (length, tail) = each_record(&mut reader, |number, record| {
        let record = record.map_err(|line| Fault::Line(number, line.into()))?;
        match table.find(&record.group) {
            Some(group) => progress[group].record(record.seq_number.into(), record.matricula, record.time),
            None if unknown.len() < MOST_UNKNOWN => _ = unknown.insert(record.group),
            None => {}
        }
        Ok(())
    })?;
    let (torn, waiting) = match tail {
        Tail::Torn(bytes) => (bytes, Vec::new()),
        Tail::Record(nuls) => (nuls, b"\n".into()),
        Tail::Nothing => (0, Vec::new()),
    };
    let mut records = Records { disk, length, torn: Some(torn), syncs: true, waiting };
    records.mend().and_then(|()| records.commit()).map_err(Fault::Mend)?;
    records.must_have(records.length).map_err(Fault::Mend)?;
    records.syncs = syncs;
    Ok(Found { records, progress, tail, unknown })
}

/// Hands each record to `each`, with the number of its line from 1, or the line, if it is not a whole
/// record. Returns the length of the lines, and what follows the last LF. Memory does not grow with the
/// file: of a line that is longer than any record, the beginning is handed over.
pub fn each_record(
    reader: &mut impl BufRead,
    mut each: impl FnMut(u64, Result<Record, &[u8]>) -> Result<(), Fault>,
) -> Result<(u64, Tail), Fault> {
    let (mut line, mut rest, mut length, mut number) = (Vec::new(), Vec::new(), 0, 1);
    let mut read = |piece: &mut Vec<u8>| {
        piece.clear();
        reader.by_ref().take(LONGEST_LINE).read_until(b'\n', piece).map_err(Fault::Read)?;
        Ok(piece.ends_with(b"\n"))
    };
    loop {
        let mut is_ended = read(&mut line)?;
        let mut bytes = line.len() as u64;
        while !is_ended {
            is_ended = read(&mut rest)?;
            bytes += rest.len() as u64;
            if rest.is_empty() {
                break; // the file ends here
            }
        }
        let record = |line: &[u8]| Record::parse(line).filter(|_| bytes <= LONGEST_LINE);
        if is_ended {
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            each(number, record(line).ok_or(line))?;
            (number, length) = (number + 1, length + bytes);
            continue;
        }
        let nuls = line.iter().rev().take_while(|&&byte| byte == 0).count();
        let whole = &line[..line.len() - nuls];
        let may_be_kept = whole.ends_with(b"}") && (whole.len() as u64) < LONGEST_LINE; // with its LF
        return match record(whole).filter(|_| may_be_kept) {
            Some(record) => {
                each(number, Ok(record))?;
                Ok((length + whole.len() as u64, Tail::Record(nuls as u64)))
            }
            None if bytes == 0 => Ok((length, Tail::Nothing)),
            None if bytes <= LONGEST_LINE && is_torn(&line) => Ok((length, Tail::Torn(bytes))),
            None => Err(Fault::Tail(bytes, line)),
        };
    }
}

/// Whether bytes can be the beginning of one record, of which a power failure may have left some as NUL.
/// A `}` ends a record and stands nowhere else in it: so no whole record is in these bytes.
fn is_torn(bytes: &[u8]) -> bool {
    let mut start = bytes.iter().zip(br#"{"time":""#);
    start.all(|(&byte, &wanted)| byte == wanted || byte == 0) && !bytes.contains(&b'}')
}

/// Opens a file of lines, or creates one that its owner alone can read: it holds matriculas. A FIFO or
/// a device of that name would hold the server up.
pub fn open_log(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Err(io::Error::other("it is not a file"));
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    #[cfg(windows)] // nobody else may move it
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 1);
    options.open(path)
}
