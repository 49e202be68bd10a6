//! The start: read the class, read `received.jsonl` back, bind. Its result is a server that is ready to
//! run, or a [`Fault`]. The tools turn a [`Fault`] into text. The page has these lines:
//!
//! ```text,page
//! let secret = fs::read(path).expect("the secret of the class");
//! let keys = GROUPS.map(|(group, _)| public_key(group));
//! ```
//!
//! They end the server if the secret is missing, and say nothing if a group's key is damaged. Here each
//! key file that can't be used is named. A group without a usable key is not served, and the other
//! groups are. If no group has a key, the start fails.

use crate::claims::Otp;
use crate::files::content;
use crate::groups::Table;
use crate::keys::{self, KeyFault, PublicKey};
use crate::restart::{self, Found};
use crate::server::{Class, Server};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

/// A key file has at most this many bytes, and the secret's file too.
pub const MOST_FILE_BYTES: u64 = 1 << 16;

/// What the command line tells the start.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen.
    pub address: SocketAddr,
    /// The directory with `keys_pub` and `keys_priv`.
    pub keys: PathBuf,
    /// The directory with `received.jsonl`.
    pub logs: PathBuf,
    /// Whether keys and secrets may be weaker than RFC 7518 allows.
    pub allows_weak_keys: bool,
    /// Whether records are synced before they are acknowledged.
    pub syncs: bool,
    /// Whether each group has an allowance of records.
    pub has_limit: bool,
}

/// A server that is ready to run, and what the start has found.
pub struct Started {
    /// The server.
    pub server: Server,
    /// Its socket.
    pub socket: UdpSocket,
    /// The files in `keys_pub`.
    pub key_files: Vec<KeyFile>,
    /// What followed the last LF of `received.jsonl`.
    pub tail: restart::Tail,
    /// Groups that have records and are not in the table.
    pub unknown: BTreeSet<String>,
}

/// Why the server can't start.
#[derive(Debug)]
pub enum Fault {
    /// The secret cannot be read.
    Secret(io::Error),
    /// The secret is too short: it has this number of bytes.
    ShortSecret(usize),
    /// `keys_pub` cannot be read.
    Keys(io::Error),
    /// `keys_pub` has these files, and no group has a key from them.
    NoKey(Vec<KeyFile>),
    /// `received.jsonl` can't be used.
    Received(restart::Fault),
    /// The address cannot be bound.
    Bind(io::Error),
}

/// Starts a server for the groups of a table.
pub fn start(settings: &Settings, table: Table) -> Result<Started, Fault> {
    let secret = content(&secret_file(&settings.keys), MOST_FILE_BYTES).map_err(Fault::Secret)?;
    let fewest_bytes = if settings.allows_weak_keys { 1 } else { keys::FEWEST_SECRET_BYTES };
    let secret = keys::secret(&secret, fewest_bytes).map_err(Fault::ShortSecret)?;
    let key_files = key_files(&settings.keys, &table, settings.allows_weak_keys).map_err(Fault::Keys)?;
    let keys = public_keys(&key_files, &table);
    if keys.iter().all(Option::is_none) {
        return Err(Fault::NoKey(key_files));
    }
    let path = settings.logs.join("received.jsonl");
    let found = restart::open(&path, &table, settings.syncs).map_err(Fault::Received)?;
    let Found { records, progress, tail, unknown } = found;
    let socket = UdpSocket::bind(settings.address).map_err(Fault::Bind)?;
    let class = Class { table, keys, secret };
    let server = Server { class, progress, records, has_limit: settings.has_limit, otp: Otp::draw };
    Ok(Started { server, socket, key_files, tail, unknown })
}

/// Where a class's secret is.
pub fn secret_file(directory: &Path) -> PathBuf {
    directory.join("keys_priv").join("key_secret_for_hmac.txt")
}

/// A file in `keys_pub`.
#[derive(Debug)]
pub struct KeyFile {
    /// Its name, for people.
    pub name: String,
    /// Its path. The name in the path need not be UTF-8.
    pub path: PathBuf,
    /// The group that the file is for, by its place in the table.
    pub group: Option<usize>,
    /// The key in the file, or why there is none.
    pub key: Result<PublicKey, KeyFault>,
}

/// The files in a class's `keys_pub`, sorted by name. A file whose name begins with a dot is left out.
pub fn key_files(directory: &Path, table: &Table, allows_weak_keys: bool) -> io::Result<Vec<KeyFile>> {
    let directory = directory.join("keys_pub");
    let entries = fs::read_dir(&directory)?.map(|entry| Ok(entry?.file_name()));
    let mut names = entries.collect::<io::Result<Vec<OsString>>>()?;
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort();
    let fewest_bits = if allows_weak_keys { keys::FEWEST_BITS_WEAK } else { keys::FEWEST_BITS };
    Ok(names.iter().map(|name| key_file(directory.join(name), table, fewest_bits)).collect())
}

fn key_file(path: PathBuf, table: &Table, fewest_bits: usize) -> KeyFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let extension = extension.to_ascii_lowercase();
    let group = table.find(stem).filter(|_| extension == "pem" || extension == "ssh");
    let file = content(&path, MOST_FILE_BYTES).map_err(KeyFault::Read);
    let key = file.and_then(|file| {
        if keys::has_private_key(&file) {
            Err(KeyFault::Private)
        } else if group.is_none() {
            Err(KeyFault::Name)
        } else if extension == "pem" {
            PublicKey::from_pem(&file, fewest_bits)
        } else {
            PublicKey::from_openssh(&file, fewest_bits)
        }
    });
    KeyFile { name, path, group, key }
}

/// The groups' keys, in the table's order. If a group has two files, neither is used.
pub fn public_keys(files: &[KeyFile], table: &Table) -> Vec<Option<PublicKey>> {
    let key = |group| {
        let mut own = files.iter().filter(|file| file.group == Some(group));
        let (Some(file), None) = (own.next(), own.next()) else { return None }; // exactly one file
        file.key.as_ref().ok().cloned()
    };
    (0..table.len()).map(key).collect()
}
