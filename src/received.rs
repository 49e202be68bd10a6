//! `received.jsonl`: what is acknowledged is on the disk first (section 5 of
//! [the protocol](crate::protocol)).
//!
//! An acknowledgment is a promise: "you need not send this again". The page keeps it in memory,
//!
//! ```text,page
//! states[group] = seq_number;
//! ```
//!
//! and a restart breaks it, for every group at once. Here the record of a message is written and synced
//! *before* its reply is sent. So if the power fails,
//!
//! ```text
//! after                  the file has of the record      the client
//! the write              all of it, a part, or nothing   was told nothing, and sends again
//! the sync               all of it                       was told nothing, and sends again: a repeat
//! the reply              all of it                       was told the truth
//! ```
//!
//! Suppose that the reply left before the sync. The client is told that member 1 is in; the power fails;
//! the next start finds no record; and nobody sends member 1 again. As it is, a crash costs a client one
//! retransmission, and never costs the teacher one student.
//!
//! # A commit
//!
//! The lines that wait are committed together: all of them become a part of the file, or none.
//!
//! 1. If an earlier commit has failed, what it left is cut off, and the cut is synced.
//! 2. The file must still have its name and its length. If it has been moved, the next start would not
//!    find what is written.
//! 3. The lines are written.
//! 4. They are synced: `fdatasync` returns when they are on the disk.
//! 5. The file must still have its name, and the length that it should have now.
//!
//! If a step fails, say on a full disk, none of the lines is kept, and nothing of them is acknowledged.
//! The bytes are cut off, and later messages are written anew. In particular, after a failed `fdatasync`
//! the same bytes are never synced again: Linux may have dropped them from memory, and would call the
//! next sync of them a success.

use crate::files::identity;
use crate::refusal::NotRecorded;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;

/// What [`Records`] need of a file: the seam at which the tests make a disk fail.
pub trait Disk: Read {
    /// How long the file is. None if it no longer has its name.
    fn length(&mut self) -> io::Result<Option<u64>>;
    /// Writes at the end, perhaps only a part: how many bytes.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts the file to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Returns once everything is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// An open file, and the name under which the next start will look for it.
pub struct NamedFile {
    file: File,
    path: PathBuf,
    identity: (u64, u64),
}

impl NamedFile {
    /// A file that was opened under this name.
    pub fn new(file: File, path: PathBuf) -> io::Result<Self> {
        let identity = identity(&file.metadata()?);
        Ok(Self { file, path, identity })
    }
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

/// The file, open for appending.
pub struct Records {
    disk: Box<dyn Disk>,
    /// How long the file is up to the end of the last record that was committed.
    length: u64,
    /// What stands behind that.
    behind: Behind,
    /// Whether a commit waits for the disk. In benchmarks it does not.
    syncs: bool,
    /// Lines that the next commit writes.
    waiting: Vec<u8>,
}

/// What stands in the file behind the last record that was committed.
enum Behind {
    /// Nothing.
    Nothing,
    /// At most so many bytes, of a commit that has not succeeded. Nothing is appended until they are cut
    /// off, and the cut is synced.
    Unsure(u64),
}

impl Records {
    /// A file that a start has read: lines up to `length`, and behind them `more` bytes. Those are cut off,
    /// and the lines are synced, even if later commits are not: what a group's state is taken from must
    /// not vanish later.
    pub fn of(disk: Box<dyn Disk>, length: u64, more: u64, syncs: bool) -> Result<Self, NotRecorded> {
        let mut records = Self { disk, length, behind: Behind::Unsure(more), syncs, waiting: Vec::new() };
        records.mend()?;
        records.must_have(length)?;
        Ok(records)
    }

    /// Adds a line to those that the next commit writes.
    pub fn add(&mut self, line: &[u8]) {
        self.waiting.extend(line);
    }

    /// Makes the lines that wait, if there are any, a part of the file: all of them, or none.
    pub fn commit(&mut self) -> Result<(), NotRecorded> {
        let lines = std::mem::take(&mut self.waiting);
        if lines.is_empty() {
            return Ok(());
        }
        self.mend()?;
        self.must_have(self.length)?;
        let appended = self.append(&lines);
        if appended.is_err() {
            _ = self.mend(); // if that fails too, the next commit tries again
        }
        appended
    }

    /// Writes lines, syncs them, and looks whether they are where the next start will read them.
    fn append(&mut self, lines: &[u8]) -> Result<(), NotRecorded> {
        let mut written = 0;
        while written < lines.len() {
            match self.disk.append(&lines[written..])? {
                0 => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                bytes => written += bytes,
            }
            self.behind = Behind::Unsure(written as u64);
        }
        let length = self.length + written as u64;
        if self.syncs {
            self.disk.sync()?;
            self.must_have(length)?;
        }
        (self.length, self.behind) = (length, Behind::Nothing);
        Ok(())
    }

    /// Cuts off what a commit has left that did not succeed, and syncs the cut. It cuts only where the
    /// file has the length that the server itself has given it: what others have appended stays.
    fn mend(&mut self) -> Result<(), NotRecorded> {
        let Behind::Unsure(bytes) = self.behind else { return Ok(()) };
        if self.must_have(self.length).is_err() {
            self.must_have(self.length + bytes)?;
            self.disk.cut(self.length)?;
        }
        self.disk.sync()?;
        self.behind = Behind::Nothing;
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
