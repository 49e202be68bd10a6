//! `report --group NAME`: a group's last datagrams, one by one, as the logs tell them.

use crate::claims;
use crate::time::{parse_rfc3339, rfc3339};
use crate::tools::base64url;
use crate::tools::faults::reason;
use crate::tools::lab::exam::table::Trick;
use crate::tools::lab::log::{MOST_LOG_BYTES, not_read, read_tail};
use crate::tools::print::{COLUMNS, Colours, block, escaped};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Most datagrams whose signature verified that are kept, and most of any other: whoever floods a
/// group's name must not drive out its own.
pub const MOST_SIGNED: usize = 60;
const MOST_UNSIGNED: usize = 12;
/// Most datagrams that a time line shows.
const MOST_SHOWN: usize = 40;
/// The indent of a detail.
const INDENT: &str = "              ";

/// What became of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// The acknowledgment went.
    Answered {
        /// What it asks for.
        next_number: u8,
        /// What made it different.
        otp_number: u16,
        /// The port that the reply went to, if nobody held it any more.
        left_port: Option<u16>,
        /// The number before it, if it came before the reply to that had left.
        before_reply_to: Option<u8>,
    },
    /// It was lost on purpose, or its reply was, or that was replaced.
    Lost(Lost),
    /// It was dropped.
    Refused {
        /// Why.
        reason: &'static str,
        /// What was found and what to do, as it may be shown.
        detail: String,
        /// Whether the client was told.
        is_explained: bool,
    },
}

/// What was lost on purpose, and which way: the member `lost` of `requests.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// On the way to the server.
    Request,
    /// On the way back.
    Reply,
    /// The trial sent another reply, which a client should not believe.
    Replaced(&'static str),
}

impl Lost {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "request" => Self::Request,
            "reply" => Self::Reply,
            trick => Self::Replaced(Trick::of_name(trick)?.entry().name),
        })
    }
}

/// A datagram. Nothing of it is text from outside but the detail of a refusal, which is escaped
/// here and shows no long number: it might be a matricula.
#[derive(Clone, Debug)]
pub struct Row {
    /// When it came.
    pub time: Duration,
    /// From where.
    pub peer: SocketAddr,
    /// The member's number, once the signature has verified, if it can be one.
    pub number: Option<u8>,
    /// Tells whether two are copies of one.
    pub id: u64,
    /// Which copy it is, from 1, and how long after the one before.
    pub copy: u32,
    /// See `copy`.
    pub since: Duration,
    /// Whether its signature verified, or it was lost before that was asked.
    pub is_signed: bool,
    /// What became of it.
    pub came: Came,
}

/// A group's last datagrams.
#[derive(Debug, Default)]
pub struct Timeline {
    signed: VecDeque<(u64, Row)>,
    unsigned: VecDeque<(u64, Row)>,
    /// How many datagrams there were.
    pub count: u64,
    copies: HashMap<u64, (u32, Duration)>,
    /// What could not be read of the logs.
    pub notes: Vec<String>,
}

/// Reads a group's datagrams from the logs, as far back as those go.
pub fn read(logs: &Path, group: &str) -> Timeline {
    let mut timeline = Timeline::default();
    for name in ["requests.1.jsonl", "requests.jsonl"] {
        let path = logs.join(name);
        let read = read_tail(&path, MOST_LOG_BYTES, |request| timeline.add(request, group));
        timeline.notes.extend(not_read(&path, &read));
    }
    timeline
}

impl Timeline {
    fn add(&mut self, request: &Value, group: &str) -> Option<()> {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let integer = |name: &str| request.get(name).and_then(Value::as_u64);
        if text("group") != Some(group) {
            return None;
        }
        let outcome = text("outcome")?;
        let came = match reason::REASONS.into_iter().map(|reason| reason.name).find(|name| *name == outcome) {
            None if outcome == "answered" => Came::Answered {
                next_number: integer("next_number")?.try_into().ok()?,
                otp_number: integer("otp_number")?.try_into().ok()?,
                left_port: integer("left_port").and_then(|port| port.try_into().ok()),
                before_reply_to: integer("before_reply_to").and_then(|number| number.try_into().ok()),
            },
            Some("lost_on_purpose") => Came::Lost(text("lost").and_then(Lost::parse)?),
            Some(reason) => Came::Refused {
                reason,
                detail: shown_detail(reason, text("detail")?),
                is_explained: request.get("explained").and_then(Value::as_bool) == Some(true),
            },
            None => return None,
        };
        let is_signed = !matches!(&came, Came::Refused { reason, .. } if !reason::is_signed(reason));
        // A message is known by its payload, but only its group can have signed that.
        let datagram = text("datagram").unwrap_or_default();
        let of_payload = is_signed.then(|| id_request(datagram)).flatten();
        let mut hasher = DefaultHasher::new();
        text("id_request").or(of_payload.as_deref()).unwrap_or(datagram).hash(&mut hasher);
        let (time, id) = (parse_rfc3339(text("time")?)?, hasher.finish());
        let (copies, last) = self.copies.entry(id).or_insert((0, time));
        *copies += 1;
        let row = Row {
            time,
            peer: text("peer")?.parse().ok()?,
            number: integer("seq_number").and_then(|number| number.try_into().ok()),
            id,
            copy: *copies,
            since: time.saturating_sub(*last),
            is_signed,
            came,
        };
        *last = time;
        let (rows, most) = match is_signed {
            true => (&mut self.signed, MOST_SIGNED),
            false => (&mut self.unsigned, MOST_UNSIGNED),
        };
        if rows.len() == most {
            rows.pop_front();
        }
        rows.push_back((self.count, row));
        self.count += 1;
        Some(())
    }

    /// The last datagrams, in their order.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<_> = self.signed.iter().chain(&self.unsigned).collect();
        rows.sort_by_key(|(place, _)| *place);
        rows.into_iter().map(|(_, row)| row.clone()).collect()
    }

    /// The time line for the terminal, and what it shows.
    pub(crate) fn to_text(&self, colours: Colours) -> String {
        let rows = self.rows();
        if rows.is_empty() {
            return "\nno datagram in the logs names it: what is no token names nobody, and stands in the \
                    report of all\n"
                .into();
        }
        let shown = &rows[rows.len().saturating_sub(MOST_SHOWN)..];
        let mut text = format!("\nits last datagrams, {} of {} (UTC)\n", shown.len(), self.count);
        let width = shown.iter().map(|row| row.peer.to_string().len()).max().unwrap_or(0);
        let mut date = String::new();
        let mut before: Option<&Row> = None;
        for row in shown {
            let time = rfc3339(row.time);
            if date != time[..10] {
                date = time[..10].into();
                text += &format!("{date}\n");
            }
            text += &row_text(row, before, width, colours);
            before = Some(row);
        }
        text
    }
}

/// The line of a datagram: when, from where, what was sent, and what came back. The arrows are the
/// request's and the reply's; one with a cross was lost.
fn row_text(row: &Row, before: Option<&Row>, width: usize, colours: Colours) -> String {
    let time = rfc3339(row.time);
    let is_same_peer = before.is_some_and(|before| before.peer == row.peer);
    let peer = if is_same_peer { String::new() } else { row.peer.to_string() };
    let sent = format!("{:<3} {:<7} {:>8}", shown_number(row.number), row.shown_copy(), row.shown_since());
    let start = format!("{}  {peer:<width$}  {sent}  {}  ", &time[11..23], row.came.arrows());
    // What does not fit behind that stands below it.
    let line = |came: &str| match start.len() + came.len() {
        ..=COLUMNS => format!("{start}{came}\n"),
        _ => format!("{}\n{}", start.trim_end(), block(INDENT, came.split(' '))),
    };
    match &row.came {
        Came::Answered { left_port: None, before_reply_to: None, .. } => {
            colours.green(&line(&row.came.to_string()))
        }
        Came::Answered { .. } | Came::Lost(_) => colours.yellow(&line(&row.came.to_string())),
        Came::Refused { detail, .. } => {
            let name = row.came.refused();
            colours.red(&match before {
                Some(before) if before.came == row.came => line(&format!("{name}, as before")),
                _ => line(&format!("{name}:")) + &block(INDENT, detail.split(' ')),
            })
        }
    }
}

impl Row {
    /// Which copy it is, if it is not the first.
    pub fn shown_copy(&self) -> String {
        if self.copy == 1 { String::new() } else { format!("copy {}", self.copy) }
    }

    /// How long after the copy before.
    pub fn shown_since(&self) -> String {
        match self.since.as_secs() {
            _ if self.copy == 1 => String::new(),
            ..100 => format!("+{:.3} s", self.since.as_secs_f64()),
            seconds @ ..7_200 => format!("+{} min", seconds / 60),
            seconds => format!("+{} h", seconds / 3_600),
        }
    }
}

/// A member's number, or that there is none.
pub fn shown_number(number: Option<u8>) -> String {
    number.map_or("?".into(), |number| number.to_string())
}

impl Came {
    fn arrows(&self) -> &'static str {
        match self {
            Self::Lost(Lost::Request) => "--x    ",
            Self::Lost(Lost::Reply) => "--> x--",
            Self::Answered { .. }
            | Self::Lost(Lost::Replaced(_))
            | Self::Refused { is_explained: true, .. } => "--> <--",
            Self::Refused { .. } => "-->    ",
        }
    }

    /// That it was refused, and why.
    pub fn refused(&self) -> String {
        let Self::Refused { reason, .. } = self else { return String::new() };
        let unverified = if reason::is_signed(reason) { "" } else { " (unverified)" };
        format!("refused: {reason}{unverified}")
    }
}

impl std::fmt::Display for Came {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered { next_number, otp_number, left_port, before_reply_to } => {
                write!(f, "next_number {next_number}, otp_number {otp_number}")?;
                if let Some(number) = before_reply_to {
                    write!(f, "; but it came before the reply to {number} had left")?;
                }
                match left_port {
                    None => Ok(()),
                    Some(port) => write!(
                        f,
                        "; but nobody holds port {port} any more: receive on the socket that sent, and keep it open"
                    ),
                }
            }
            Self::Lost(Lost::Request) => write!(f, "lost on purpose"),
            Self::Lost(Lost::Reply) => write!(f, "its reply lost on purpose"),
            Self::Lost(Lost::Replaced(what)) => write!(f, "trial: {what}"),
            Self::Refused { detail, is_explained, .. } => {
                let explained = if *is_explained { "explained and " } else { "" };
                write!(f, "{explained}{}: {detail}", self.refused())
            }
        }
    }
}

/// The `id_request` of a token.
fn id_request(token: &str) -> Option<String> {
    let payload = base64url(token.split('.').nth(1)?.as_bytes()).ok()?;
    Some(claims::id_request(&payload))
}

/// A detail as a group's own screen may show it: a matricula may stand in what was found.
fn shown_detail(reason: &str, detail: &str) -> String {
    let detail = escaped(detail);
    if ["expired", "not_yet_valid"].contains(&reason) {
        return detail; // times, and nothing else
    }
    let mut shown = String::new();
    for part in detail.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        shown += if digits.len() < 4 { digits } else { "..." };
        shown += &part[digits.len()..];
    }
    shown
}
