//! The start: what the professor should know of it, and why it fails. Of each file the module of its kind
//! says what is wrong.

use super::{Diagnosis, key_file, record, secret};
use crate::files::content;
use crate::groups::{Group, Table};
use crate::keys::{FEWEST_SECRET_BYTES, PublicKey};
use crate::start::{Fault, KeyFile, MOST_FILE_BYTES, Settings, Started, key_files, public_keys, secret_file};
use crate::time::{parse_rfc3339, rfc3339};
use crate::tools::print::{escaped, for_shell, shown};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

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
    let secret_file = secret_file(&settings.keys);
    let oddity = content(&secret_file, MOST_FILE_BYTES).ok().and_then(|file| secret::oddity(&file));
    warnings.extend(oddity.map(|oddity| format!("{}: {}", shown(&secret_file), oddity.sentence())));
    warnings.extend(about_keys(&started.key_files, table, &settings.keys));
    let received = shown(&received);
    let found = record::beside(started.tail, &started.unknown);
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
        warnings.extend(record::many(name, progress.records).map(|many| many.sentence()));
    }
    warnings
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &Path) -> bool {
    false
}

/// What is wrong in `keys_pub`: files that can't be used, two for one group, one key for two.
fn about_keys(files: &[KeyFile], table: &Table, directory: &Path) -> Vec<String> {
    let directory = directory.join("keys_pub");
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
            let directory = shown(&directory);
            several.push(format!("{directory}: {names} are both for {group}, so neither is used: keep one"));
        }
        if let Err(fault) = key {
            let file = content(path, MOST_FILE_BYTES).unwrap_or_default();
            let why = key_file::diagnose(fault, name, &file);
            warnings.push(format!("{}: {}", shown(path), why.sentence()));
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
    let of_secret =
        |fault: &Diagnosis| format!("{}: {}", shown(&secret_file(&settings.keys)), fault.sentence());
    match fault {
        Fault::Secret(error) => of_secret(&secret::unreadable(error, &settings.keys)),
        Fault::ShortSecret(bytes) => {
            let fewest = if settings.allows_weak_keys { 1 } else { FEWEST_SECRET_BYTES };
            of_secret(&secret::too_short(*bytes, fewest, &settings.keys))
        }
        Fault::Keys(error) => cannot_read_keys(&settings.keys, error),
        Fault::NoKey(files) => no_key(files, table, &settings.keys),
        Fault::Received(fault) => {
            let path = settings.logs.join("received.jsonl");
            format!("{}: {}", shown(&path), record::unusable(fault, &path).sentence())
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

/// Why a group of the table has no key.
pub fn no_key_of(group: &str, table: &Table, directory: &Path, allows_weak_keys: bool) -> String {
    let files = key_files(directory, table, allows_weak_keys).unwrap_or_default();
    let is_own = |file: &&KeyFile| file.group.is_some_and(|index| table[index].name == group);
    match files.iter().filter(is_own).collect::<Vec<_>>()[..] {
        [] => format!("keys_pub has no file for it: put its public key there, as {group}.pem or {group}.ssh"),
        [KeyFile { name, path, key: Err(fault), .. }] => {
            let file = content(path, MOST_FILE_BYTES).unwrap_or_default();
            format!("keys_pub/{}: {}", escaped(name), key_file::diagnose(fault, name, &file).sentence())
        }
        _ => "keys_pub has more than one file for it: keep one".into(),
    }
}
