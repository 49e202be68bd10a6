//! `received.jsonl`: what a message says is on the disk before the message is acknowledged (section 5
//! of [the protocol](crate::protocol)).
//!
//! An acknowledgment is a promise: "you need not send this again". The page remembers only in memory
//! what it has promised:
//!
//! ```text,page
//! states[group] = seq_number;
//! ```
//!
//! A restart then breaks the promise for every group at once. The book's server writes the record of a
//! message and syncs it *before* it sends the reply. The power may fail at any moment:
//!
//! ```text
//! power fails       is the record on the disk?      the client
//! after the write   all, a part, NULs, or nothing   has no reply, and sends again
//! after the sync    all of it                       has no reply, and sends a repeat
//! after the reply   all of it                       has a reply, and the reply is true
//! ```
//!
//! (A NUL is a byte of value 0. The disk can have the new length of the file, and NULs in place of the
//! bytes that were not written yet.) So a crash costs a client only time: it sends again, and perhaps
//! it starts over. A crash does not cost the teacher a student.
//!
//! # If the reply left before the sync
//!
//! 1. A client sends member 2. The server writes the record. So far only the kernel has it, in memory.
//! 2. The server sends the reply: member 2 is in, send member 3.
//! 3. The power fails. The record was not on the disk. Now it is lost.
//! 4. The server starts again and reads the file. The group's last record is of member 1: its state is 1.
//! 5. The client has believed the reply, and sends member 3. In state 1, member 3 is out of order:
//!    silence.
//! 6. After 8 tries the client starts over, and sends everyone again. It has lost time only.
//!
//! If member 2 was the last member, steps 5 and 6 never come. The client has said "everyone is in", and it
//! has ended. Nobody sends member 2 again, and the teacher never sees that student.
//!
//! # A commit
//!
//! A *batch* is the datagrams that the server handles together. The lines of a batch wait, and are
//! committed together. As long as the server runs, all of them count, or none. (If the server or the
//! machine goes down in the middle of a commit, some of the lines may be whole in the file. The next
//! start keeps these. No client has a reply to them, so each client sends again.)
//!
//! 1. If an earlier commit has failed, the bytes that it left are cut off, and the cut is synced.
//! 2. The name `received.jsonl` must still lead to this open file, and the file must have the length
//!    that the server left. If the file has been moved, the next start would not find what is written
//!    now.
//! 3. The lines are written.
//! 4. The lines are synced: `fdatasync` returns when they are on the disk.
//! 5. The same check again: the name, and the length that the file should have now.
//!
//! (`--no-sync` leaves out steps 4 and 5.) Suppose that the disk is full, and step 3 fails. Then the
//! whole commit fails. If a group has a line in this commit, none of its messages in this batch is
//! answered. The other groups are answered as usual. The bytes that were written are cut off. The next
//! commit tries the disk anew, so the server needs no restart when there is room again.
//!
//! # Why a failed sync is not tried again
//!
//! A write puts bytes into the kernel's memory. `fdatasync` asks the kernel to move them to the disk.
//! If the disk fails, `fdatasync` returns an error. After that error Linux may drop the bytes from its
//! memory, or mark them as written. They are not on the disk. A second `fdatasync` finds nothing to do,
//! and returns success. A server that believes this success acknowledges a record that does not exist.
//! So the server does not sync the same bytes a second time. It cuts them off, and writes the client's
//! next copy as new bytes. (If the sync after the cut fails, this sync is tried again. That is safe. At
//! worst a power failure undoes the cut. Then the file has a record that was promised to nobody, and no
//! promised record is missing.)
//!
//! One gap is left. Suppose that a sync fails. Suppose also that the bytes are not cut off, because the
//! server ends first, or because the cut fails too. Then somebody starts the server again, without a
//! reboot of the machine. The new server reads the bytes from the kernel's memory, and syncs them. This
//! sync returns success. So the new server believes that these records are on the disk. It acknowledges
//! the client's next copy as a repeat, and writes nothing. The bytes may be only in memory. If the
//! power then fails, an acknowledged record is lost. So if the disk has failed once, copy the file, and
//! reboot the machine or use another disk.

use crate::files::{Identity, at_end, identity};
use crate::refusal::NotRecorded;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;

/// The calls of a file that [`Records`] and a restart use. This is a trait, so that the tests can use a
/// disk that fails.
pub trait Disk: Read {
    /// How many bytes the file has. `None` means that the file no longer has its name.
    fn length(&mut self) -> io::Result<Option<u64>>;
    /// Writes at the end of the file. Returns how many of the bytes were written: perhaps not all.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts the file to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Returns when everything that was written is on the disk, or with an error.
    fn sync(&mut self) -> io::Result<()>;
}

/// An open file, and its name. The next start opens a file by this name. By then it may be another file.
pub struct NamedFile {
    file: File,
    path: PathBuf,
    identity: Identity,
}

impl NamedFile {
    /// A file that was opened under this name.
    pub fn new(file: File, path: PathBuf) -> io::Result<Self> {
        let identity = identity(&path, &file.metadata()?)?;
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
            Ok(named) => Ok((identity(&self.path, &named)? == self.identity).then_some(named.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        at_end(&mut self.file)?.write(bytes)
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
    /// The length of the committed part of the file, in bytes.
    length: u64,
    /// What the file has after this part.
    behind: Behind,
    /// Whether a commit waits for the disk. With `--no-sync` (for benchmarks) it does not. The start
    /// and a cut always wait for the disk.
    syncs: bool,
    /// Lines that the next commit writes.
    waiting: Vec<u8>,
}

/// What the file has after its committed part.
enum Behind {
    /// Nothing.
    Nothing,
    /// This many bytes that do not count. A commit that failed has left them, or a start has found
    /// them. `Unsure(0)` means that there is nothing to cut off, but the file still has to be synced.
    /// Before the next line is written, [`Records::mend`] cuts and syncs.
    Unsure(u64),
}

impl Records {
    /// A file that a start has read. It has records up to `length`, and `more` bytes after them. These
    /// bytes are cut off. The records are synced, even with `--no-sync`. The groups' states come from
    /// the records, so the records must be on the disk.
    pub fn of(disk: Box<dyn Disk>, length: u64, more: u64, syncs: bool) -> Result<Self, NotRecorded> {
        let mut records = Self { disk, length, behind: Behind::Unsure(more), syncs, waiting: Vec::new() };
        records.mend()?; // syncs, even if `more` is 0
        records.must_have(length)?;
        Ok(records)
    }

    /// Adds a line. The next commit writes it.
    pub fn add(&mut self, line: &[u8]) {
        self.waiting.extend(line);
    }

    /// Writes the waiting lines to the file, and syncs them. If it fails, none of them counts.
    pub fn commit(&mut self) -> Result<(), NotRecorded> {
        let lines = std::mem::take(&mut self.waiting);
        if lines.is_empty() {
            return Ok(());
        }
        self.mend()?;
        self.must_have(self.length)?;
        let written = self.write(&lines);
        if written.is_err() {
            _ = self.mend(); // if the cut fails too, the next commit tries it again
        }
        written
    }

    /// Writes lines and syncs them. Then it checks that the next start will find them.
    fn write(&mut self, lines: &[u8]) -> Result<(), NotRecorded> {
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

    /// Cuts off the bytes of a commit that did not succeed, and syncs the cut. It cuts only if the file
    /// has exactly the committed length plus the bytes that the failed commit has written. So it does
    /// not cut off what somebody else has appended before this check. If the machine goes down before
    /// the cut is on the disk, no promise is broken. The next start may find a record whose client got
    /// no reply. That client sends again.
    fn mend(&mut self) -> Result<(), NotRecorded> {
        let Behind::Unsure(bytes) = self.behind else { return Ok(()) };
        if self.must_have(self.length).is_err() {
            // The bytes are not cut off yet, or somebody else has changed the file.
            self.must_have(self.length + bytes)?;
            self.disk.cut(self.length)?;
            self.behind = Behind::Unsure(0);
        }
        self.disk.sync()?;
        self.behind = Behind::Nothing;
        Ok(())
    }

    /// Checks that the file still has its name, and this length.
    fn must_have(&mut self, length: u64) -> Result<(), NotRecorded> {
        match self.disk.length().map_err(|error| NotRecorded::Unseen(error.to_string()))? {
            None => Err(NotRecorded::Moved),
            Some(found) if found != length => Err(NotRecorded::Changed(found, length)),
            Some(_) => Ok(()),
        }
    }
}
