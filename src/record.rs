//! A record: one line of `received.jsonl` (section 5, point 6, of [the protocol](crate::protocol)), and
//! what the lines of a group say together.
//!
//! A message is recorded if it says something new. The server compares the message with the group's last
//! record:
//!
//! - The number is another one, or the group has no record. Then the message is new, and it is recorded.
//! - Number and `matricula` are the same. Then the message says nothing new, and it is not recorded.
//! - The number is the same, and the `matricula` is another one. Then the message is a correction. It is
//!   recorded, and the later record counts.
//!
//! ```
//! use udpsocket_jwt_server::record::Record;
//!
//! // One line, broken here to fit the page.
//! let line = br#"{"time":"2023-11-14T22:13:20.000Z","peer":"192.0.2.7:50000",
//!     "group":"JAVALI","seq_number":1,"seq_max":3,"matricula":20240001,
//!     "token":"eyJ.eyJ.c2ln"}"#;
//! let record = Record::parse(line).unwrap();
//! let Record { group, seq_number, matricula, .. } = record;
//! assert_eq!((group.as_str(), seq_number, matricula), ("JAVALI", 1, 20240001));
//! ```

use crate::allowance::Allowance;
use crate::claims::Request;
use crate::refusal::NotRecorded;
use crate::time::{parse_rfc3339, rfc3339};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// A group can have at most this many records. So an attacker can't make the file grow without end.
pub const MOST_RECORDS: u32 = 100_000;
/// A record has at most this many bytes, its LF included. The server never writes a longer one: the
/// token has at most 4,096 bytes, and the rest of the line has far fewer.
pub const LONGEST_LINE: u64 = 8_192;

/// A line of the file, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When its datagram was received: time since 1970-01-01 UTC.
    pub time: Duration,
    /// The group, as the table spelled it.
    pub group: String,
    /// The member's number. 0 is a start-over.
    pub seq_number: u8,
    /// The number of members that the client had in its list. Only the tools read it.
    pub seq_max: Option<u64>,
    /// The member's student number.
    pub matricula: u64,
}

impl Record {
    /// Parses a line without its LF. `None` means that the line is not a whole record. `seq_max` may be
    /// `null` in a record, but it must be there.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let record: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let integer = |name: &str| record.get(name).and_then(Value::as_u64);
        let seq_max = record.get("seq_max").filter(|seq_max| seq_max.is_null() || seq_max.is_u64())?;
        let is_whole = text("peer").is_some() && text("token").is_some();
        is_whole.then_some(Self {
            time: parse_rfc3339(text("time")?)?,
            group: text("group")?.into(),
            seq_number: u8::try_from(integer("seq_number")?).ok()?,
            seq_max: seq_max.as_u64(),
            matricula: integer("matricula")?,
        })
    }
}

/// The line of a record, its LF included. No datagram can end this line or begin another. The server
/// prints the numbers and the address, and spells the group as in the table. A token that has verified
/// has only base64url and dots. (The tools write a log of all datagrams, `requests.jsonl`, and lines
/// for the terminal. These show bytes that nobody has verified. The tools escape each of these bytes
/// that is not printable ASCII. So no bytes of a datagram can end a line or begin another there
/// either.)
pub fn line(time: Duration, peer: SocketAddr, group: &str, request: &Request, token: &[u8]) -> Vec<u8> {
    let Request { seq_number, matricula, seq_max, .. } = request;
    let (time, seq_max) = (rfc3339(time), seq_max.map_or("null".into(), |seq_max| seq_max.to_string()));
    let who = format!(r#"{{"time":"{time}","peer":"{peer}","group":"{group}","#);
    let what = format!(r#""seq_number":{seq_number},"seq_max":{seq_max},"matricula":{matricula},"token":""#);
    [who.as_bytes(), what.as_bytes(), token, b"\"}\n"].concat()
}

/// What the records of a group say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The state of the group: the `seq_number` of its last record. It is 0 if there is no record.
    pub state: u64,
    /// The `matricula` of the group's last record. `None` means that there is no record.
    pub matricula: Option<u64>,
    /// The number of the group's records.
    pub records: u32,
    /// The greatest `seq_number` of the group's records. Only the tools read it.
    pub greatest: u64,
    /// How much of its allowance the group has used.
    pub allowance: Allowance,
}

impl Progress {
    /// Whether the group's last record has the number and the `matricula` of this message. No other claim
    /// is compared.
    pub fn knows(&self, request: &Request) -> bool {
        self.state == request.seq_number && self.matricula == Some(request.matricula)
    }

    /// Checks that the group may have one more record, at this time. If `has_limit` is false
    /// (`--no-limit`), the allowance is not checked.
    pub fn admits(&self, time: Duration, has_limit: bool) -> Result<(), NotRecorded> {
        if self.records >= MOST_RECORDS {
            return Err(NotRecorded::TooMany);
        }
        if has_limit && !self.allowance.permits(time) {
            return Err(NotRecorded::TooFast);
        }
        Ok(())
    }

    /// Counts one more record of the group.
    pub fn add(&mut self, seq_number: u64, matricula: u64, time: Duration) {
        self.state = seq_number;
        self.matricula = Some(matricula);
        self.records = self.records.saturating_add(1);
        self.greatest = self.greatest.max(seq_number);
        self.allowance.spend(time);
    }
}
