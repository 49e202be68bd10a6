//! A restart: `received.jsonl` is read back (section 5, points 3 and 4, of [the
//! protocol](crate::protocol)).
//!
//! The file is the server's memory. A group's state is the `seq_number` of its last record. Its
//! allowance follows from the times of its records. So a start reads the file from the beginning. After
//! that, each group has the state that the file says. With every record synced, this is the state that
//! the earlier server had. (If a commit was not finished, the file may have a record whose client got
//! no reply. Then the state is the number of this record.) The start does not verify the signatures
//! again, since it trusts its own file.
//!
//! What follows the last LF is the *tail*. If the machine goes down in the middle of a write, the tail
//! is mostly the beginning of one record, perhaps with NULs in it or behind it. No acknowledged record
//! is in such a tail, since the LF of an acknowledged record is on the disk. (With `--no-sync` it is
//! perhaps not on the disk.) So such a tail is cut off. If the tail is a whole record without its LF,
//! it is kept: an editor may have removed the LF. Any other tail stops the start.
//!
//! If a line before the tail is not a whole record, a record that was acknowledged may be damaged. The
//! start does not guess. It ends, and says what it found and where. (It looks at each line by itself.
//! So it does not notice a line that is missing, or a record that somebody has changed.) (One write can
//! have several lines. So a power failure in a write can also leave NULs in the middle of these lines.
//! The start can't tell this from damage to records that were committed. So in this case it ends too.)

use crate::files::{lock, open_log};
use crate::groups::Table;
use crate::received::{Disk, NamedFile, Records};
use crate::record::{LONGEST_LINE, Progress, Record};
use crate::refusal::NotRecorded;
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

/// At most this many unknown groups are named. An unknown group has records and is not in the table.
pub const MOST_UNKNOWN: usize = 100;

/// What the start found in the file.
pub struct Found {
    /// The file, ready for more.
    pub records: Records,
    /// What it says of each group of the table.
    pub progress: Vec<Progress>,
    /// What followed its last LF.
    pub tail: Tail,
    /// Groups that have records and are not in the table. If there are more than 100, the first 100.
    pub unknown: BTreeSet<String>,
}

/// What follows the last LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Nothing,
    /// A whole record without its LF, and after it this many NULs. The record is kept. The NULs are cut
    /// off.
    Record(u64),
    /// The beginning of one record, perhaps with NULs in it or behind it, or NULs alone. It has this
    /// many bytes. It is cut off, since no acknowledged record is in it.
    Torn(u64),
}

/// Why the file can't be used.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be opened for writing, or its path cannot be followed.
    Open(io::Error),
    /// Another program has locked it: mostly another server. On Windows it may be a program that has it
    /// open for writing, or lets no other program write to it.
    InUse,
    /// It cannot be locked.
    Lock(io::Error),
    /// It cannot be read.
    Read(io::Error),
    /// A line is not a whole record. The fields: the line's number from 1, and the line, or its beginning
    /// if it is longer than any record.
    Line(u64, Vec<u8>),
    /// The tail is not a record, and not the beginning of one. An editor may have joined whole records in
    /// it. The fields: the tail's length, and its beginning.
    Tail(u64, Vec<u8>),
    /// The LF cannot be added to its tail, the tail cannot be cut off, or the file cannot be synced. Or
    /// the file was moved or changed while it was read.
    Mend(NotRecorded),
    /// Its directory cannot be synced.
    Sync(io::Error),
}

/// Opens or creates the file, locks it, reads it back, and syncs it ([`Records::of`] says why) and its
/// directory.
pub fn open(path: &Path, table: &Table, syncs: bool) -> Result<Found, Fault> {
    let path = std::path::absolute(path).map_err(Fault::Open)?;
    let file = open_log(&path).map_err(|error| match error.kind() {
        ErrorKind::ResourceBusy => Fault::InUse,
        _ => Fault::Open(error),
    })?;
    lock(&file).map_err(|error| match error {
        TryLockError::WouldBlock => Fault::InUse,
        TryLockError::Error(error) => Fault::Lock(error),
    })?;
    let real = path.canonicalize().map_err(Fault::Open)?; // the name may be a link
    let disk = NamedFile::new(file, path).map_err(Fault::Open)?;
    let found = read_back(Box::new(disk), table, syncs)?;
    if let Some(directory) = real.parent().filter(|_| cfg!(unix)) {
        // The file may be new, or was moved here. Its name is on the disk only after its directory is
        // synced. (Windows has no call for that.)
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(Fault::Sync)?;
    }
    Ok(found)
}

/// Reads the file from its beginning, mends the tail, and syncs the file. A record without its LF gets one.
/// The beginning of a record is cut off.
pub fn read_back(mut disk: Box<dyn Disk>, table: &Table, syncs: bool) -> Result<Found, Fault> {
    let mut progress = vec![Progress::default(); table.len()];
    let mut unknown = BTreeSet::new();
    let length = disk.length().map_err(Fault::Read)?.unwrap_or_default();
    let mut reader = BufReader::with_capacity(1 << 16, (&mut disk).take(length));
    let (length, tail) = each_record(&mut reader, |number, record| {
        let record = record.map_err(|line| Fault::Line(number, line.into()))?;
        match table.find(&record.group) {
            Some(group) => progress[group].add(record.seq_number.into(), record.matricula, record.time),
            None if unknown.len() < MOST_UNKNOWN => _ = unknown.insert(record.group),
            None => {}
        }
        Ok(())
    })?;
    let more = match tail {
        Tail::Nothing => 0,
        Tail::Record(bytes) | Tail::Torn(bytes) => bytes,
    };
    let mut records = Records::of(disk, length, more, syncs).map_err(Fault::Mend)?;
    if let Tail::Record(_) = tail {
        records.add(b"\n");
        records.commit().map_err(Fault::Mend)?;
    }
    Ok(Found { records, progress, tail, unknown })
}

/// Reads the file line by line. For each line it calls `each` with the number of the line, from 1, and with
/// one of these:
///
/// - the record of the line, if the line is a whole record;
/// - the line itself, if it is not;
/// - the beginning of the line, if the line is longer than any record. So memory does not grow with the
///   file.
///
/// A tail that is a whole record counts as a line. Returns how many bytes the lines have together, and
/// what the tail is. If the tail is a whole record, its bytes count too.
pub fn each_record(
    reader: &mut impl BufRead,
    mut each: impl FnMut(u64, Result<Record, &[u8]>) -> Result<(), Fault>,
) -> Result<(u64, Tail), Fault> {
    let (mut length, mut number) = (0, 1);
    loop {
        let Line { beginning, bytes, text, has_lf } = next_line(reader).map_err(Fault::Read)?;
        if has_lf {
            let line = beginning.strip_suffix(b"\n").unwrap_or(&beginning);
            let record = Record::parse(line).filter(|_| bytes <= LONGEST_LINE);
            each(number, record.ok_or(line))?;
            (number, length) = (number + 1, length + bytes);
            continue;
        }
        // This is the tail. `whole` is the tail without the NULs at its end. It may be longer than a record.
        let whole = usize::try_from(text).ok().and_then(|text| beginning.get(..text));
        let Some(whole) = whole else { return Err(Fault::Tail(bytes, beginning)) };
        return match Record::parse(whole) {
            _ if bytes == 0 => Ok((length, Tail::Nothing)),
            // The record gets an LF. With the LF it must have at most `LONGEST_LINE` bytes.
            Some(record) if whole.ends_with(b"}") && text < LONGEST_LINE => {
                each(number, Ok(record))?;
                Ok((length + text, Tail::Record(bytes - text)))
            }
            _ if is_torn(whole) => Ok((length, Tail::Torn(bytes))),
            _ => Err(Fault::Tail(bytes, beginning)),
        };
    }
}

/// A line of the file, or its tail.
struct Line {
    /// Its first bytes, [`LONGEST_LINE`] of them at most.
    beginning: Vec<u8>,
    /// How many bytes it has, its LF included.
    bytes: u64,
    /// How many of these come before the NULs at its end.
    text: u64,
    /// Whether it ends with an LF. The tail does not.
    has_lf: bool,
}

/// Reads on to the next LF, or to the end of the file.
fn next_line(reader: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Line { beginning: Vec::new(), bytes: 0, text: 0, has_lf: false };
    loop {
        let mut piece = Vec::new();
        reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut piece)?;
        if let Some(last) = piece.iter().rposition(|&byte| byte != 0) {
            line.text = line.bytes + last as u64 + 1;
        }
        line.bytes += piece.len() as u64;
        line.has_lf = piece.ends_with(b"\n");
        let is_over = line.has_lf || piece.is_empty();
        if line.beginning.is_empty() {
            line.beginning = piece;
        }
        if is_over {
            return Ok(line);
        }
    }
}

/// Whether bytes look like the beginning of one record. A power failure may have left some bytes as
/// NUL. A `}` ends a record, and stands nowhere else in it. So if there is no `}`, no whole record is
/// in these bytes.
fn is_torn(bytes: &[u8]) -> bool {
    let mut start = bytes.iter().zip(br#"{"time":""#);
    start.all(|(&byte, &wanted)| byte == wanted || byte == 0) && !bytes.contains(&b'}')
}
