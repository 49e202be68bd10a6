//! What became of each datagram: a line of `requests.jsonl`, and one on the terminal.
//!
//! The journal is for finding mistakes; the evidence is in [`received`](crate::received). So its
//! errors change nothing: a full disk or a closed terminal stops neither the server nor a client.

use super::log::Log;
use crate::refusal::Refusal;
use crate::server::{Class, Event, Lab};
use crate::time::rfc3339;
use crate::tools::terminal::{
    Colours, json_string, moved::Whereabouts, refusals, say_first, say_soon, shortened,
};
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::Path;

/// How much of a dropped datagram is kept.
const MOST_BYTES_OF_A_DATAGRAM: usize = 2_048;
/// Columns of a line on a terminal.
const COLUMNS: usize = 100;

/// Writes down what became of each datagram.
#[derive(Debug)]
pub struct Journal {
    /// What else is known of the events to come, in their order: said in place of the refusal's detail.
    pub(crate) details: Vec<Option<String>>,
    requests: Log,
    /// Room for lines on their way to the log, empty between the calls.
    lines: String,
    /// The last message of each group.
    last: Vec<Copies>,
    is_verbose: bool,
    columns: usize,
    colours: Colours,
    received: Whereabouts,
    /// Whether the terminal has been told that the records are no longer in place.
    has_alarmed: bool,
}

/// The copies of a message.
#[derive(Clone, Debug, Default)]
struct Copies {
    id_request: String,
    count: u32,
    peer: Option<SocketAddr>,
    /// Whether each came from another port than the one before.
    from_other_ports: bool,
}

impl Copies {
    /// What an acknowledged copy shows, from the second on.
    fn detail(&self) -> Option<String> {
        let what = match (self.count, self.from_other_ports) {
            (0..=1, _) => return None,
            (3.., true) => {
                "receive on one socket: each is from another port, and a reply goes to the port that sent"
            }
            _ => "did its reply not arrive, or was it not taken?",
        };
        Some(format!("copy {}: {what}", self.count))
    }
}

impl Journal {
    /// A journal in `directory`, and on standard error if it `is_verbose`.
    pub fn new(directory: &Path, is_verbose: bool) -> Self {
        let columns = if io::stderr().is_terminal() { COLUMNS } else { usize::MAX };
        Self {
            details: Vec::new(),
            requests: Log::open(directory, "requests.jsonl"),
            lines: String::new(),
            last: Vec::new(),
            is_verbose,
            columns,
            colours: Colours::of(&io::stderr()),
            received: Whereabouts::of(&directory.join("received.jsonl")),
            has_alarmed: false,
        }
    }

    /// Says once, even where no other line is wanted, that the records are no longer in place; and once
    /// more only after a message has been recorded again.
    fn alarm(&mut self, event: &Event) {
        match &event.outcome {
            Some(Ok(_)) if event.is_new => self.has_alarmed = false,
            Some(Err(Refusal::NotRecorded(why))) if !self.has_alarmed => {
                if let Some(alarm) = self.received.alarm(why) {
                    say_first(self.colours.red(&alarm));
                    self.has_alarmed = true;
                }
            }
            _ => {}
        }
    }

    /// Counts an acknowledged copy of a group's message; what it shows, if it is not the first.
    fn copy(&mut self, class: &Class, event: &Event) -> Option<String> {
        let (Some(Ok(_)), Some(group), Some(id_request)) = (&event.outcome, event.group, &event.id_request)
        else {
            return None;
        };
        self.last.resize(class.table.len(), Copies::default());
        let copies = &mut self.last[group];
        if copies.id_request != *id_request {
            *copies = Copies { id_request: id_request.clone(), from_other_ports: true, ..Copies::default() };
        }
        copies.count += 1;
        copies.from_other_ports &= copies.peer != Some(event.peer());
        copies.peer = Some(event.peer());
        copies.detail()
    }
}

/// It only looks on.
impl Lab for Journal {
    fn saw(&mut self, class: &Class, events: &[Event]) {
        let mut details = std::mem::take(&mut self.details).into_iter();
        for event in events {
            self.alarm(event);
            let again = self.copy(class, event);
            let detail = details.next().flatten().or(again);
            push_json_line(&mut self.lines, class, event, detail.as_deref());
            if self.is_verbose {
                say_soon(terminal_line(class, event, detail.as_deref(), self.columns, self.colours));
            }
        }
        self.requests.append(&self.lines);
        self.lines.clear();
    }

    fn saw_error(&mut self, error: &io::Error) {
        let time = rfc3339(crate::time::now());
        let error = json_string(&error.to_string());
        self.requests
            .append(&format!("{{\"time\":\"{time}\",\"outcome\":\"socket_error\",\"detail\":{error}}}\n"));
        if self.is_verbose {
            say_soon(format!("{} the socket: {error}", &time[11..19]));
        }
    }
}

/// Adds the line of `requests.jsonl`, its LF included. Bytes of a datagram stand in it only as
/// `escape_ascii` writes them, within a JSON string: none can end the line or begin another.
fn push_json_line(lines: &mut String, class: &Class, event: &Event, more: Option<&str>) {
    _ = write!(lines, "{{\"time\":\"{}\",\"peer\":\"{}\",\"outcome\":\"", rfc3339(event.time), event.peer());
    let mut lost = None;
    match &event.outcome {
        Some(Err(refusal)) => {
            let detail = more.map_or_else(|| refusals::detail_of(refusal, &event.datagram), Into::into);
            _ = write!(lines, "{}\",\"detail\":{}", refusals::name(refusal), json_string(&detail));
            if let Refusal::LostOnPurpose(what, _) = refusal {
                lost = Some(what);
            }
        }
        _ => {
            lines.push_str("answered\"");
            if let Some(again) = more {
                _ = write!(lines, ",\"detail\":{}", json_string(again));
            }
        }
    }
    if let Some(group) = event.group {
        _ = write!(lines, ",\"group\":\"{}\"", class.table[group].name);
    }
    if let Some(seq_number) = event.seq_number {
        _ = write!(lines, ",\"seq_number\":{seq_number}");
    }
    if let Some(lost) = lost {
        _ = write!(lines, ",\"lost\":\"{lost}\"");
    }
    match (&event.outcome, &event.id_request) {
        (Some(Ok(next_number)), Some(id_request)) => {
            _ = write!(
                lines,
                ",\"next_number\":{next_number},\"id_request\":\"{id_request}\",\"otp_number\":{},\"otp_timestamp\":{}",
                event.otp.number, event.otp.timestamp
            );
        }
        _ => {
            let kept = &event.datagram[..event.datagram.len().min(MOST_BYTES_OF_A_DATAGRAM)];
            lines.push_str(",\"datagram\":\"");
            let is_plain = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
            let (plain, rest) = kept.split_at(kept.iter().take_while(is_plain).count());
            lines.push_str(&String::from_utf8_lossy(plain));
            for byte in rest.escape_ascii() {
                if matches!(byte, b'\\' | b'"') {
                    lines.push('\\');
                }
                lines.push(char::from(byte));
            }
            lines.push('"');
        }
    }
    lines.push_str("}\n");
}

/// The line for the professor: time, peer, group, what happened, why.
fn terminal_line(
    class: &Class,
    event: &Event,
    more: Option<&str>,
    columns: usize,
    colours: Colours,
) -> String {
    let time = rfc3339(event.time);
    let group = event.group.map_or("?", |group| &class.table[group].name);
    let seq_number = event.seq_number.map_or("?".into(), |seq_number| seq_number.to_string());
    let mut line = format!("{} {:<21} {group:<10} ", &time[11..19], event.peer().to_string());
    let room = columns.saturating_sub(line.len());
    match (&event.outcome, more) {
        (None, _) => {}
        (Some(Ok(_)), Some(again)) => {
            let acknowledged = format!("{seq_number} acknowledged again, {again}");
            line += &colours.yellow(&shortened(&acknowledged, room));
        }
        (Some(Ok(0)), None) => line += &colours.green(&format!("{seq_number} acknowledged, everyone is in")),
        (Some(Ok(next_number)), None) => {
            line += &colours.green(&format!("{seq_number} acknowledged, next {next_number}"));
        }
        (Some(Err(refusal)), _) => {
            let name = refusals::name(refusal);
            let detail = more.map_or_else(|| refusals::detail_of(refusal, &event.datagram), Into::into);
            line += &colours.red(&name[..name.len().min(room)]);
            line += &shortened(&format!(": {detail}"), room.saturating_sub(name.len()));
        }
    }
    line
}
