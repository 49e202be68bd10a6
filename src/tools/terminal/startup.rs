//! What the start says: the table of the class, what the professor should know, why it fails.

use super::refusals::SET_ASIDE;
use super::{for_shell, key_file, quote, shown};
use crate::groups::{Group, Table};
use crate::keys::{FEWEST_SECRET_BYTES, PublicKey};
use crate::received::{self, MOST_RECORDS, Record, Tail};
use crate::refusal::NotRecorded;
use crate::start::{Fault, KeyFile, MOST_FILE_BYTES, Settings, Started, content, public_keys, secret_file};
use crate::time::{parse_rfc3339, rfc3339};
use crate::tools::diagnosis;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Most bytes of `groups.json`: 100,000 matriculas.
const MOST_TABLE_BYTES: u64 = 1 << 20;
/// So many records of a group are worth a warning.
const MANY_RECORDS: u32 = 10_000;

/// Refuses a clock whose time a record could not hold, or not so that it can be read back.
pub fn check_clock(clock: SystemTime) -> Result<(), String> {
    let time = clock.duration_since(UNIX_EPOCH);
    match time.map(|time| parse_rfc3339(&rfc3339(time))) {
        Ok(Some(_)) => Ok(()),
        _ => {
            Err("the clock of this machine is before 1970 or after 9999: set it, since each record has its \
                  time, and exp is compared with it"
                .into())
        }
    }
}

/// The table of `groups.json`, or the one compiled in where there is no such file.
pub fn load_table(directory: &Path) -> Result<Table, String> {
    let path = directory.join("groups.json");
    if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(Table::compiled_in());
    }
    match content(&path, MOST_TABLE_BYTES) {
        Ok(text) => Table::from_json(&text).map_err(|error| format!("{}: {error}", shown(&path))),
        Err(error) => {
            let is_forbidden = error.kind() == ErrorKind::PermissionDenied;
            let way_out = if is_forbidden { "run this as a user that may" } else { "mend or remove it" };
            Err(format!("{}: cannot be read: {error}; {way_out}", shown(&path)))
        }
    }
}

/// The table that the start shows: a line for each group.
pub fn table(started: &Started) -> String {
    let class = &started.server.class;
    let width =
        |least: usize, lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0).max(least);
    let group_width = width(5, &mut class.table.iter().map(|group| group.name.len()));
    let files = started.key_files.iter().filter(|file| file.key.is_ok());
    let file_width = width(8, &mut files.map(|file| file.name.len()));
    let mut text =
        format!("{:group_width$}  MEMBERS  STATE  {:file_width$}  BITS  FINGERPRINT\n", "GROUP", "KEY FILE");
    for (index, group) in class.table.iter().enumerate() {
        let state = started.server.progress[index].state;
        text += &format!("{:group_width$}  {:>7}  {state:>5}  ", group.name, group.members);
        let file = started.key_files.iter().find(|file| file.group == Some(index));
        text += &match (&class.keys[index], file) {
            (Some(key), Some(KeyFile { name, .. })) => {
                format!("{name:file_width$}  {:>4}  {}\n", key.bits(), key_file::fingerprint(key))
            }
            _ => "no usable key: not served\n".into(),
        };
    }
    text
}

/// What the professor should know of a start that has succeeded, a sentence each.
pub fn warnings(started: &Started, settings: &Settings) -> Vec<String> {
    let table = &started.server.class.table;
    let mut warnings = Vec::new();
    let received = settings.logs.join("received.jsonl");
    for file in [&secret_file(&settings.keys), &received] {
        if is_readable_by_others(file) {
            let shown = shown(file);
            let chmod = format!("chmod 600 {}", for_shell(file));
            warnings.push(format!("{shown}: others on this machine can read it; {chmod}"));
        }
    }
    if let Some(oddity) = content(&secret_file(&settings.keys), MOST_FILE_BYTES)
        .ok()
        .and_then(|file| diagnosis::secret::oddity(&file))
    {
        let what = "what a student types gives another HMAC";
        warnings.push(format!("{}: {oddity}: {what}", shown(&secret_file(&settings.keys))));
    }
    warnings.extend(about_keys(&started.key_files, table, &settings.keys));
    let received = shown(&received);
    let found = about_records(started.tail, &started.unknown);
    warnings.extend(found.into_iter().map(|found| format!("{received}: {found}")));
    for (group, progress) in table.iter().zip(&started.server.progress) {
        let (Group { name, members, .. }, state, greatest) = (group, progress.state, progress.greatest);
        if state > (*members).into() {
            let what = "only seq_number 0 leaves it";
            warnings.push(format!("{name} is in state {state}, above its {members} members: {what}"));
        } else if greatest > (*members).into() {
            let what = "the table was larger; report shows them as beyond the table";
            warnings.push(format!("{name} has records up to member {greatest}, above its {members}: {what}"));
        }
        warnings.extend(about_number_of_records(name, progress.records));
    }
    warnings
}

/// What the record held beside whole records of the table's groups: bytes that were cut off, and groups.
pub fn about_records(tail: Tail, unknown: &BTreeSet<String>) -> Vec<String> {
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
        let group = group.escape_default();
        format!("has records of {group}, which is not in the table: passed over")
    };
    tail.into_iter().chain(unknown.iter().map(passed_over)).collect()
}

/// What is said of a group that has far more records than any class makes.
pub fn about_number_of_records(group: &str, records: u32) -> Option<String> {
    (records >= MANY_RECORDS).then(|| {
        format!(
            "{group} has {records} records, and {MOST_RECORDS} are the most that are kept: does somebody send \
             captured tokens? {SET_ASIDE}"
        )
    })
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &Path) -> bool {
    false
}

/// What is wrong in `keys_pub`: files that can't be used, two for one group, one key for two.
fn about_keys(files: &[KeyFile], table: &Table, directory: &Path) -> Vec<String> {
    let directory = directory.join("keys_pub");
    let shown = shown(&directory);
    let (mut warnings, mut several) = (Vec::new(), Vec::new());
    for KeyFile { name, path, group, key } in files {
        let own: Vec<&str> = files
            .iter()
            .filter(|other| group.is_some() && other.group == *group)
            .map(|other| other.name.as_str())
            .collect();
        if let (Some(group), [first, _, ..]) = (group, &own[..])
            && first == name
        {
            let (names, group) = (own.join(" and "), &table[*group].name);
            several.push(format!("{shown}: {names} are both for {group}, so neither is used: keep one"));
        }
        if let Err(fault) = key {
            let file = content(path, MOST_FILE_BYTES).unwrap_or_default();
            let why = key_file::why(fault, name, &file);
            warnings.push(format!("{shown}/{}: {why}", name.escape_debug()));
        }
    }
    several.extend(warnings);
    several.extend(shared_keys(table, &public_keys(files, table)));
    several
}

/// Groups with one key, a copying mistake: each could sign for the other.
fn shared_keys(table: &Table, keys: &[Option<PublicKey>]) -> Vec<String> {
    let mut groups: BTreeMap<&[u8], Vec<&str>> = BTreeMap::new();
    for (group, key) in table.iter().zip(keys) {
        if let Some(key) = key {
            groups.entry(&key.components().n).or_default().push(&group.name);
        }
    }
    let shared = groups.into_values().filter(|names| names.len() > 1);
    shared
        .map(|names| {
            format!(
                "{} have the same key, so each can sign for the other: ask for new ones",
                names.join(" and ")
            )
        })
        .collect()
}

/// Why the server can't start, and what to do.
pub fn failure(fault: &Fault, settings: &Settings, table: &Table) -> String {
    match fault {
        Fault::Secret(_) | Fault::ShortSecret(_) => about_secret(fault, settings),
        Fault::Keys(error) => cannot_read_keys(&settings.keys, error),
        Fault::NoKey(files) => no_key(files, table, &settings.keys),
        Fault::Received(fault) => {
            let path = settings.logs.join("received.jsonl");
            format!("{}: {}", shown(&path), about_received(fault, &path))
        }
        Fault::Bind(error) => {
            let way_out = match error.kind() {
                ErrorKind::AddrInUse => {
                    "another program has that port: stop it, or choose another PORT (0 takes a free one)"
                }
                ErrorKind::AddrNotAvailable => {
                    "no interface of this machine has that address: 0.0.0.0 serves them all"
                }
                ErrorKind::PermissionDenied => "choose a PORT from 1024",
                _ => "choose another ADDRESS or PORT",
            };
            format!("{}: cannot be bound: {error}; {way_out}", settings.address)
        }
    }
}

fn about_secret(fault: &Fault, settings: &Settings) -> String {
    let path = secret_file(&settings.keys);
    let (shown, keys_priv) = (shown(&path), for_shell(&settings.keys.join("keys_priv")));
    let secret = for_shell(&path);
    let way_out = format!("make one: (umask 077; mkdir -p {keys_priv}; openssl rand -hex 32 > {secret})");
    match fault {
        Fault::Secret(error) if error.kind() == ErrorKind::NotFound => {
            format!("{shown}: there is no such file; {way_out}")
        }
        Fault::ShortSecret(bytes) => {
            let fewest = if settings.allows_weak_keys { 1 } else { FEWEST_SECRET_BYTES };
            let keep = if settings.allows_weak_keys { "" } else { " # or keep it: --allow-weak-keys" };
            format!("{shown}: it has {bytes} bytes, fewer than {fewest}; {way_out}{keep}")
        }
        Fault::Secret(error) if error.kind() == ErrorKind::Other => {
            format!("{shown}: cannot be read: {error}; move it elsewhere, and {way_out}")
        }
        Fault::Secret(error) => {
            format!("{shown}: cannot be read: {error}; let the user that runs the server read it")
        }
        _ => way_out,
    }
}

/// What is said of a `keys_pub` that cannot be read.
pub fn cannot_read_keys(directory: &Path, error: &dyn Display) -> String {
    let shown = shown(&directory.join("keys_pub"));
    format!("{shown}: cannot be read: {error}; put each group's public key in it as GROUP.pem or GROUP.ssh")
}

/// What is said of a `keys_pub` without a usable key.
pub fn no_key(files: &[KeyFile], table: &Table, directory: &Path) -> String {
    let mut reasons: String =
        about_keys(files, table, directory).iter().map(|reason| format!("\n  {reason}")).collect();
    if reasons.is_empty() {
        reasons = "\n  put each group's public key in it as GROUP.pem or GROUP.ssh (scripts/keygen.sh makes a pair)"
            .into();
    }
    format!("{}: there is no usable key in it{reasons}", shown(&directory.join("keys_pub")))
}

/// Whether whole records stand in a line, joined by an editor; then how to part them again.
fn joined(line: &[u8], path: &Path) -> Option<String> {
    let records = line.split_inclusive(|&byte| byte == b'}').filter(|part| Record::parse(part).is_some());
    let (records, path) = (records.count(), for_shell(path));
    let (between, mend) = match line.contains(&b'\r') {
        true => ("carriage returns (CR)", r"tr '\r' '\n'"),
        false => ("nothing", r"sed 's/}{/}\n{/g'"),
    };
    (records > 0).then(|| {
        let count =
            if records == 1 { "a whole record is".into() } else { format!("{records} whole records are") };
        format!(
            "{count} in it, with {between} in place of newlines. Put each on a line of its own, and start \
             again: cp -p {path} {path}.before; {mend} < {path}.before > {path}"
        )
    })
}

/// Why `received.jsonl` can't be used. `report` says the same of what it can't read.
pub fn about_received(fault: &received::Fault, path: &Path) -> String {
    use received::Fault::{InUse, Line, Lock, Mend, Open, Read, Sync, Tail};
    match fault {
        Open(error) => {
            let way_out = match error.kind() {
                ErrorKind::NotFound => "make the directory, or name another with --logs DIR",
                ErrorKind::IsADirectory => "move it elsewhere",
                ErrorKind::PermissionDenied => {
                    "it must belong to the user that runs the server, in a directory where that user may \
                     write: see to that, or put the logs elsewhere with --logs DIR"
                }
                _ => "put the logs elsewhere with --logs DIR",
            };
            format!("cannot be opened for writing: {error}; {way_out}")
        }
        InUse => "another server is using it; stop that one, or give this one its own --logs DIR".into(),
        Lock(error) => {
            format!("cannot be locked: {error}; put the logs on a local file system with --logs DIR")
        }
        Read(error) => format!("cannot be read: {error}; mend the disk"),
        Line(number, line) => match joined(line, path) {
            Some(mend) => format!("line {number} is not one record: {mend}"),
            None => format!(
                "line {number} is not a whole record ({}). It may be a student's, so it is not skipped: \
                 look at it, mend it or move it to another file, and start again",
                quote(line)
            ),
        },
        Tail(bytes, begin) => match joined(begin, path) {
            Some(mend) => format!("the {bytes} bytes after its last newline are not one record: {mend}"),
            None => format!(
                "{bytes} bytes after its last newline are no record, nor the beginning of one ({}): \
                 look at them, mend them or move them to another file, and start again",
                quote(begin)
            ),
        },
        Mend(NotRecorded::Disk(error)) => format!(
            "cannot be put in order and synced: {error}; mend the disk, or put the logs elsewhere with --logs DIR"
        ),
        Mend(_) => "another program has moved or changed it meanwhile; start again".into(),
        Sync(error) => format!(
            "its directory cannot be synced: {error}; mend the disk, or put the logs elsewhere with --logs DIR"
        ),
    }
}
