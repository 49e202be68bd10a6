//! Whether a socket still holds the port that a reply goes to.
//!
//! A client that closes its socket as soon as it has sent, or receives on another, never sees a reply. On the
//! same machine Linux tells: `/proc/net/udp` and `udp6` list every UDP socket with its port. They are no
//! snapshot, since sockets come and go while they are read. So a port counts as nobody's if it is in neither
//! file, twice: before the replies are sent, and after. A socket of any address with that port counts as
//! holding it.

use super::budget::Budget;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;

/// The files that list the sockets.
const FILES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];

/// Looks for the sockets that replies go to: once for a batch, and once more before anything is said.
#[derive(Debug)]
pub struct Ports {
    /// Where nothing else is explained, the time is counted here.
    own: Budget,
    /// The ports that are held while this batch is answered. None: nobody has looked yet.
    held: Option<BTreeSet<u16>>,
    /// The ports of this batch that nobody holds.
    left: BTreeSet<u16>,
}

impl Ports {
    /// None: this system does not tell. WSL shares its network with Windows, whose sockets are not listed.
    pub fn new() -> Option<Self> {
        let version = fs::read_to_string("/proc/version").ok()?.to_lowercase();
        let tells = cfg!(target_os = "linux") && !version.contains("microsoft");
        tells.then(|| Self { own: Budget::default(), held: None, left: BTreeSet::new() })
    }

    /// A reply is about to leave. The first of a batch to this machine looks.
    pub fn leaves(&mut self, to: SocketAddr, budget: Option<&mut Budget>) {
        if !to.ip().to_canonical().is_loopback() {
            return;
        }
        if self.held.is_none() {
            self.held = budget.unwrap_or(&mut self.own).spend(held).flatten();
        }
        if self.held.as_ref().is_some_and(|held| !held.contains(&to.port())) {
            self.left.insert(to.port());
        }
    }

    /// All replies are sent: the ports that nobody held before, and nobody holds now.
    pub fn left(&mut self, budget: Option<&mut Budget>) -> BTreeSet<u16> {
        self.held = None;
        let left = std::mem::take(&mut self.left);
        if left.is_empty() {
            return left;
        }
        let held = budget.unwrap_or(&mut self.own).spend(held).flatten();
        held.map_or_else(BTreeSet::new, |held| left.difference(&held).copied().collect())
    }
}

/// The ports that a UDP socket holds. None: the system does not say.
fn held() -> Option<BTreeSet<u16>> {
    let mut ports = BTreeSet::new();
    for file in FILES {
        let lines = match File::open(file) {
            Ok(file) => BufReader::new(file).lines(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file == FILES[1] => continue,
            Err(_) => return None,
        };
        for line in lines.skip(1) {
            ports.insert(port(&line.ok()?)?);
        }
    }
    Some(ports)
}

/// The port of a line: `  7: 0100007F:9E5D 00000000:0000 07 ...` has 0x9E5D.
fn port(line: &str) -> Option<u16> {
    let (_, port) = line.split_ascii_whitespace().nth(1)?.rsplit_once(':')?;
    u16::from_str_radix(port, 16).ok()
}
