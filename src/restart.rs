//! A restart: `received.jsonl` is read back (section 5, points 3 and 4, of [the
//! protocol](crate::protocol)).
//!
//! The file is the server's memory. A group's state is the `seq_number` of its last record. Its allowance
//! follows from the times of its records. So a start reads the file from the beginning. After that it has
//! the same state for each group as the earlier server had. It does not verify the signatures again, since
//! it trusts its own file.
//!
//! What follows the last LF is the *tail*. If the machine goes down in the middle of a write, the tail is
//! mostly the beginning of one record, perhaps with NULs in it. This record was never acknowledged, so it
//! is cut off. If the tail is a whole record without its LF, it is kept.
//!
//! Any other damage may be in the record of a student. The start does not guess. It ends, and says what it
//! found and where. (A power failure in a write can also leave NULs in a line before the tail, or in place
//! of its LF. The start can't tell this from later damage, so it ends too.)

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
    /// The beginning of one record, of this many bytes. It is cut off, since this record was never
    /// acknowledged.
    Torn(u64),
}

/// Why the file can't be used.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be opened for writing, or its path cannot be followed.
    Open(io::Error),
    /// Another server is using it. On Windows it may be any program.
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
    /// The LF cannot be added to its tail, or the tail cannot be cut off, or the file cannot be synced.
    Mend(NotRecorded),
    /// Its directory cannot be synced.
    Sync(io::Error),
}

/// Opens or creates the file, locks it, reads it back, and syncs it ([`Records::of`] says why).
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
    let metadata = file.metadata().map_err(Fault::Open)?;
    let real = path.canonicalize().map_err(Fault::Open)?; // the name may be a link
    let disk = NamedFile::new(file, path).map_err(Fault::Open)?;
    let found = read_back(Box::new(disk), table, syncs)?;
    if let Some(directory) = real.parent().filter(|_| cfg!(unix) && metadata.len() == 0) {
        // The file is new. Its name is on the disk only after its directory is synced. (Windows has no call
        // for that.)
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

/// Reads the file line by line, and calls `each` with the number of each line, from 1, and with
///
/// - its record, if the line is a whole record;
/// - the line itself, if it is not;
/// - the beginning of the line, if it is longer than any record. So memory does not grow with the file.
///
/// A tail that is a whole record counts as a line. Returns the length of the file up to the end of the
/// last record or line, and what the tail is.
pub fn each_record(
    reader: &mut impl BufRead,
    mut each: impl FnMut(u64, Result<Record, &[u8]>) -> Result<(), Fault>,
) -> Result<(u64, Tail), Fault> {
    let (mut line, mut rest, mut length, mut number) = (Vec::new(), Vec::new(), 0, 1);
    let mut read_piece = |piece: &mut Vec<u8>| {
        piece.clear();
        reader.by_ref().take(LONGEST_LINE).read_until(b'\n', piece).map_err(Fault::Read)?;
        Ok(piece.ends_with(b"\n"))
    };
    loop {
        // A line or the tail. `line` has its beginning, and `bytes` counts all of it.
        let mut is_ended = read_piece(&mut line)?;
        let mut bytes = line.len() as u64;
        while !is_ended {
            is_ended = read_piece(&mut rest)?;
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
        // No LF ended it, so it is the tail.
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

/// Whether bytes can be the beginning of one record. A power failure may have left some bytes as NUL. A `}`
/// ends a record, and stands nowhere else in it. So if there is no `}`, no whole record is in these bytes.
fn is_torn(bytes: &[u8]) -> bool {
    let mut start = bytes.iter().zip(br#"{"time":""#);
    start.all(|(&byte, &wanted)| byte == wanted || byte == 0) && !bytes.contains(&b'}')
}
