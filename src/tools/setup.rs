//! The start: the class as the professor set it up in a directory, and the table that shows it.

use super::key_file;
use crate::groups::{Table, is_name};
use crate::keys::{self, PublicKey};
use crate::received::Progress;
use crate::server::Class;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Most bytes of a key file.
const MOST_BYTES: u64 = 1 << 16;

/// A class as read from its directory.
#[derive(Debug)]
pub struct Setup {
    /// Groups, keys and secret.
    pub class: Class,
    /// The name of each group's key file, in the table's order.
    pub key_files: Vec<Option<String>>,
    /// What the professor should know, a sentence each.
    pub warnings: Vec<String>,
}

/// Reads a class's `groups.json`, `keys_pub/` and `keys_priv/`. An error names the file.
pub fn load(directory: &Path, allows_weak_keys: bool) -> Result<Setup, String> {
    fs::read_dir(directory).map_err(|error| {
        let shown = directory.display();
        format!("{shown}: cannot be read: {error}; name the directory with keys_pub/ and keys_priv/ in it")
    })?;
    let table = load_table(directory)?;
    let mut warnings = Vec::new();
    let secret = load_secret(directory, allows_weak_keys, &mut warnings)?;
    let (keys, key_files) = load_keys(&directory.join("keys_pub"), &table, allows_weak_keys, &mut warnings)?;
    Ok(Setup { class: Class { table, keys, secret }, key_files, warnings })
}

/// The table of `groups.json`, or the one compiled in where there is no such file.
pub fn load_table(directory: &Path) -> Result<Table, String> {
    let path = directory.join("groups.json");
    match fs::read(&path) {
        Ok(text) => Table::from_json(&text).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Table::compiled_in()),
        Err(error) => {
            let is_forbidden = error.kind() == ErrorKind::PermissionDenied;
            let way_out = if is_forbidden { "run this as a user that may" } else { "mend or remove it" };
            Err(format!("{}: cannot be read: {error}; {way_out}", path.display()))
        }
    }
}

/// Where the class's secret is.
pub(crate) fn secret_file(directory: &Path) -> PathBuf {
    directory.join("keys_priv").join("key_secret_for_hmac.txt")
}

fn load_secret(
    directory: &Path,
    allows_weak_keys: bool,
    warnings: &mut Vec<String>,
) -> Result<ring::hmac::Key, String> {
    let path = secret_file(directory);
    let shown = path.display();
    let keys_priv = directory.join("keys_priv");
    let way_out = format!(
        "make one: (umask 077; mkdir -p \"{}\"; openssl rand -hex 32 > \"{shown}\")",
        keys_priv.display()
    );
    let file = fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("{shown}: there is no such file; {way_out}"),
        _ => format!("{shown}: cannot be read: {error}; let the user that runs the server read it"),
    })?;
    let fewest_bytes = if allows_weak_keys { 1 } else { keys::FEWEST_SECRET_BYTES };
    let secret = keys::secret(&file, fewest_bytes).map_err(|error| format!("{shown}: {error}; {way_out}"))?;
    #[cfg(unix)]
    if fs::metadata(&path)
        .is_ok_and(|metadata| std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0)
    {
        warnings.push(format!("{shown}: others on this machine can read it; chmod 600 \"{shown}\""));
    }
    Ok(secret)
}

/// Each group's key, and the name of its file.
pub(crate) type Keys = (Vec<Option<PublicKey>>, Vec<Option<String>>);

/// The groups' keys, and the names of their files. A file that can't be used is a warning.
pub(crate) fn load_keys(
    directory: &Path,
    table: &Table,
    allows_weak_keys: bool,
    warnings: &mut Vec<String>,
) -> Result<Keys, String> {
    let of_other_things = warnings.len();
    let shown = directory.display();
    let unreadable = |error| {
        format!(
            "{shown}: cannot be read: {error}; put each group's public key in it as GROUP.pem or GROUP.ssh"
        )
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();

    let mut files: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for name in names {
        match load_key(directory, &name, table, allows_weak_keys) {
            Ok((group, key)) => files.entry(group).or_default().push((name, key)),
            Err(error) => warnings.push(format!("{shown}/{}: {error}", name.escape_debug())),
        }
    }
    let (mut keys, mut key_files) = (vec![None; table.len()], vec![None; table.len()]);
    for (group, mut files) in files {
        match files.pop() {
            Some((name, Ok(key))) if files.is_empty() => {
                keys[group] = Some(key);
                key_files[group] = Some(name);
            }
            Some((name, Err(error))) if files.is_empty() => warnings.push(format!("{shown}/{name}: {error}")),
            last => {
                files.extend(last);
                let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
                let (names, group) = (names.join(" and "), &table[group].name);
                warnings.push(format!("{shown}: {names} are both for {group}, so neither is used: keep one"));
                let errors = files.iter().filter_map(|(name, key)| Some((name, key.as_ref().err()?)));
                warnings.extend(errors.map(|(name, error)| format!("{shown}/{name}: {error}")));
            }
        }
    }
    warnings.extend(shared_keys(table, &keys));
    if keys.iter().all(Option::is_none) {
        let warnings = &warnings[of_other_things..];
        let mut reasons = warnings.iter().map(|warning| format!("\n  {warning}")).collect::<String>();
        if reasons.is_empty() {
            reasons = "\n  put each group's public key in it as GROUP.pem or GROUP.ssh (scripts/keygen.sh makes a pair)".into();
        }
        return Err(format!("{shown}: there is no usable key in it{reasons}"));
    }
    Ok((keys, key_files))
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

/// The group that a file in `keys_pub` is for, and the key in it. The outer error: it is for none.
fn load_key(
    directory: &Path,
    name: &str,
    table: &Table,
    allows_weak_keys: bool,
) -> Result<(usize, Result<PublicKey, String>), String> {
    let path = directory.join(name);
    let metadata =
        fs::metadata(&path).map_err(|error| format!("cannot be read: {error}; mend or remove it"))?;
    if !metadata.is_file() {
        return Err("it is not a file: move it elsewhere".into());
    }
    if metadata.len() > MOST_BYTES {
        return Err(format!("it has {} bytes, far more than a key: move it elsewhere", metadata.len()));
    }
    let file = fs::read(&path);
    let is_private = file.as_deref().is_ok_and(key_file::has_private_key);
    let for_none = |error: String| Err(if is_private { key_file::PRIVATE.into() } else { error });
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let parse = match extension.to_ascii_lowercase().as_str() {
        "pem" => key_file::from_pem,
        "ssh" => key_file::from_openssh,
        "pub" => {
            return for_none(format!(
                "rename it to {stem}.ssh if it is an OpenSSH line, to {stem}.pem if it is PEM"
            ));
        }
        _ => {
            return for_none("its name ends in neither .pem nor .ssh: rename it or move it elsewhere".into());
        }
    };
    let Some(group) = table.find(stem).filter(|_| is_name(stem)) else {
        return for_none(
            "its name is that of no group in the table: rename it, or put the group into groups.json".into(),
        );
    };
    let fewest_bits = if allows_weak_keys { keys::FEWEST_BITS_WEAK } else { keys::FEWEST_BITS };
    let key = file
        .map_err(|error| format!("cannot be read: {error}; let the user that runs the server read it"))
        .and_then(|file| parse(&file, fewest_bits));
    Ok((group, key))
}

/// The table that the start shows: a line for each group.
#[must_use]
pub fn table(setup: &Setup, progress: &[Progress]) -> String {
    let Setup { class, key_files, .. } = setup;
    let width =
        |least: usize, lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0).max(least);
    let group_width = width(5, &mut class.table.iter().map(|group| group.name.len()));
    let file_width = width(8, &mut key_files.iter().flatten().map(String::len));
    let mut text =
        format!("{:group_width$}  MEMBERS  STATE  {:file_width$}  BITS  FINGERPRINT\n", "GROUP", "KEY FILE");
    for (index, group) in class.table.iter().enumerate() {
        let state = progress[index].state;
        text += &format!("{:group_width$}  {:>7}  {state:>5}  ", group.name, group.members);
        text += &match (&class.keys[index], &key_files[index]) {
            (Some(key), Some(file)) => {
                format!("{file:file_width$}  {:>4}  {}\n", key.bits(), key.fingerprint())
            }
            _ => "no usable key: not served\n".into(),
        };
    }
    text
}
