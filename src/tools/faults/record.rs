//! `received.jsonl`, when it can't be used or written, and what its groups should know of it.
//!
//! When it is no longer the file that the next start will read, nothing new is acknowledged: that is said
//! once and loudly, since there is a way out while the server still runs.

use super::Diagnosis;
use crate::record::{MOST_RECORDS, Record};
use crate::refusal::NotRecorded;
use crate::restart::{Fault, Tail};
use crate::tools::print::{for_shell, in_bash, quote, shown};
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// So many records of a group are worth a warning.
const MANY_RECORDS: u32 = 10_000;

/// The way out where a group has too many records: every other group keeps its own.
const SET_ASIDE: &str = "does somebody send captured tokens? Ask the group for a new key; then stop the server, \
                         move this group's lines of received.jsonl to another file, and start again";

/// What is said of a group that has far more records than any class makes.
pub fn many(group: &str, records: u32) -> Option<Diagnosis> {
    let found = || format!("{group} has {records} records, and {MOST_RECORDS} are the most that are kept");
    (records >= MANY_RECORDS).then(|| Diagnosis::new(SET_ASIDE, found()))
}

/// Why a message is not recorded. `it` is what the file is called where this is said.
pub fn not_recorded(why: &NotRecorded, it: &str) -> Diagnosis {
    let (change, found) = match why {
        NotRecorded::TooMany => {
            (SET_ASIDE, format!("this group has {MOST_RECORDS} records, the most that are kept"))
        }
        NotRecorded::TooFast => (
            "send again (does somebody send captured tokens?)",
            "this group has had 300 new messages at once, and now may have two a second".into(),
        ),
        NotRecorded::Disk(error) => ("make room or mend the disk", format!("{it} can't be written: {error}")),
        NotRecorded::Unseen(error) => {
            ("let the server's user reach it by its name", format!("{it} can't be looked at: {error}"))
        }
        NotRecorded::Moved => (
            "move it back",
            format!("{it} was moved, removed or replaced, and a restart would not find what is written"),
        ),
        NotRecorded::Changed(found, left) => (
            "restart the server, which reads it anew",
            format!(
                "{it} has {found} bytes and not the {left} that the server has left: another program has changed \
                 it"
            ),
        ),
    };
    Diagnosis::new(change, found)
}

/// What the record held beside whole records of the table's groups: bytes that were cut off, and groups.
pub fn beside(tail: Tail, unknown: &BTreeSet<String>) -> Vec<String> {
    let tail = match tail {
        Tail::Nothing => None,
        Tail::Record(0) => Some("its last record had no newline: it is kept, and ended".into()),
        Tail::Record(nuls) => Some(format!(
            "its last record had no newline: it is kept, and ended; the {nuls} NULs behind it are cut off"
        )),
        Tail::Torn(bytes) => Some(format!(
            "{bytes} bytes after its last whole line are cut off: the beginning of a record, which was never \
             acknowledged"
        )),
    };
    let passed_over = |group: &String| {
        let group = quote(group.as_bytes());
        format!("has records of {group}, which is not in the table: passed over")
    };
    tail.into_iter().chain(unknown.iter().map(passed_over)).collect()
}

/// Why the file at this path can't be used. `report` says the same of what it can't read.
pub fn unusable(fault: &Fault, path: &Path) -> Diagnosis {
    const ELSEWHERE: &str = "put the logs elsewhere with --logs DIR";
    const DISK: &str = "mend the disk, or put the logs elsewhere with --logs DIR";
    let said = |change: &'static str, found: String| Diagnosis::new(change, found);
    match fault {
        Fault::Open(error) => {
            let change = match error.kind() {
                ErrorKind::NotFound => "make the directory, or name another with --logs DIR",
                ErrorKind::IsADirectory => "move it elsewhere",
                ErrorKind::PermissionDenied => {
                    "it must belong to the user that runs the server, in a directory where that user may \
                     write: see to that, or put the logs elsewhere with --logs DIR"
                }
                _ => ELSEWHERE,
            };
            said(change, format!("cannot be opened for writing: {error}"))
        }
        Fault::InUse if cfg!(windows) => said(
            "stop or close that program, or give this server its own --logs DIR",
            "another server is using it, or a program that lets nobody write to it".into(),
        ),
        Fault::InUse => {
            said("stop that one, or give this one its own --logs DIR", "another server is using it".into())
        }
        Fault::Lock(error) => {
            said("put the logs on a local file system with --logs DIR", format!("cannot be locked: {error}"))
        }
        Fault::Read(error) => said("mend the disk", format!("cannot be read: {error}")),
        Fault::Line(number, line) => joined(line, path, &format!("line {number} is")).unwrap_or_else(|| {
            said(
                "look at it, mend it or move it to another file, and start again",
                format!(
                    "line {number} is not a whole record ({}), and may be a student's, so it is not skipped",
                    quote(line)
                ),
            )
        }),
        Fault::Tail(bytes, begin) => joined(
            begin,
            path,
            &format!("the {bytes} bytes after its last newline are"),
        )
        .unwrap_or_else(|| {
            said(
                "look at them, mend them or move them to another file, and start again",
                format!(
                    "{bytes} bytes after its last newline are no record, nor the beginning of one ({})",
                    quote(begin)
                ),
            )
        }),
        Fault::Mend(NotRecorded::Disk(error)) => {
            said(DISK, format!("cannot be put in order and synced: {error}"))
        }
        Fault::Mend(_) => said("start again", "another program has moved or changed it meanwhile".into()),
        Fault::Sync(error) => said(DISK, format!("its directory cannot be synced: {error}")),
    }
}

/// Bytes in which whole records stand, joined by an editor, and how to part them again.
fn joined(bytes: &[u8], path: &Path, are: &str) -> Option<Diagnosis> {
    let records = bytes.split_inclusive(|&byte| byte == b'}').filter(|part| Record::parse(part).is_some());
    let records = match records.count() {
        0 => return None,
        1 => "a whole record is".into(),
        records => format!("{records} whole records are"),
    };
    let (between, mend) = match bytes.contains(&b'\r') {
        true => ("carriage returns (CR)", r"tr '\r' '\n'"),
        false => ("nothing", r"sed 's/}{/}\n{/g'"),
    };
    let path = for_shell(path);
    Some(Diagnosis::new(
        format!(
            "put each on a line of its own, and start again: {}",
            in_bash(format!("cp -p {path} {path}.before; {mend} < {path}.before > {path}"))
        ),
        format!("{are} not one record: {records} in it, with {between} in place of newlines"),
    ))
}

/// Where the open file is.
#[derive(Debug)]
pub struct Whereabouts {
    path: PathBuf,
    /// What Linux calls the open file, whatever has become of its name.
    open: Option<PathBuf>,
}

impl Whereabouts {
    /// Finds it out while the file still has its name.
    pub fn of(path: &Path) -> Self {
        Self { path: std::path::absolute(path).unwrap_or_else(|_| path.into()), open: open_file(path) }
    }

    /// What happened to the file, and the way out; none if its name and length are right.
    pub fn alarm(&self, why: &NotRecorded) -> Option<String> {
        let what = match why {
            NotRecorded::Moved => self.moved(),
            NotRecorded::Unseen(_) | NotRecorded::Changed(..) => not_recorded(why, "it").sentence(),
            _ => return None,
        };
        let path = shown(&self.path);
        Some(format!("WARNING: NOTHING NEW IS ACKNOWLEDGED: {path}: {what}"))
    }

    fn moved(&self) -> String {
        let first =
            if self.path.exists() { " (first see what the file is that has its name now)" } else { "" };
        let Some(open) = &self.open else {
            return format!("it was moved, removed or replaced. Move it back{first}");
        };
        let there = for_shell(&self.path);
        match fs::read_link(open) {
            Ok(to) if !to.as_os_str().as_encoded_bytes().ends_with(b" (deleted)") => format!(
                "it is now {}. Move it back{first}, and the server goes on: mv {} {there}",
                shown(&to),
                for_shell(&to)
            ),
            _ => format!(
                "it was removed or replaced. While the server still runs{first}: cp {} {there}. Then restart it",
                open.display()
            ),
        }
    }
}

#[cfg(target_os = "linux")]
fn open_file(path: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let file = |path: &Path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let wanted = file(path)?;
    let mut entries = fs::read_dir("/proc/self/fd").ok()?.flatten();
    let entry = entries.find(|entry| file(&entry.path()) == Some(wanted))?;
    Some(Path::new("/proc").join(std::process::id().to_string()).join("fd").join(entry.file_name()))
}

#[cfg(not(target_os = "linux"))]
fn open_file(_: &Path) -> Option<PathBuf> {
    None
}
