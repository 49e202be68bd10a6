//! What became of each datagram: a line of `requests.jsonl`, and one on the terminal.
//!
//! The journal is for finding mistakes; the evidence is in [`received`](crate::received). So its
//! errors change nothing: a full disk or a closed terminal stops neither the server nor a client.

use super::log::Log;
use crate::server::{Class, Event, Lab};
use crate::time::rfc3339;
use crate::tools::terminal::{Colours, json_string, refusals, say_soon, shortened};
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::Path;

/// How much of a dropped datagram is kept.
const MOST_BYTES_OF_A_DATAGRAM: usize = 2_048;
/// Columns of a line on a terminal.
const COLUMNS: usize = 100;

/// Writes down what became of each datagram.
#[derive(Debug)]
pub struct Journal {
    requests: Log,
    /// Room for lines on their way to the log, empty between the calls.
    lines: String,
    is_verbose: bool,
    columns: usize,
    colours: Colours,
}

impl Journal {
    /// A journal in `directory`, and on standard error if it `is_verbose`.
    #[must_use]
    pub fn new(directory: &Path, is_verbose: bool) -> Self {
        let columns = if io::stderr().is_terminal() { COLUMNS } else { usize::MAX };
        Self {
            requests: Log::open(directory, "requests.jsonl"),
            lines: String::new(),
            is_verbose,
            columns,
            colours: Colours::of(&io::stderr()),
        }
    }
}

/// It only looks on.
impl Lab for Journal {
    fn saw(&mut self, class: &Class, events: &[Event]) {
        for event in events {
            push_json_line(&mut self.lines, class, event);
            if self.is_verbose {
                say_soon(terminal_line(class, event, self.columns, self.colours));
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
fn push_json_line(lines: &mut String, class: &Class, event: &Event) {
    _ = write!(lines, "{{\"time\":\"{}\",\"peer\":\"{}\",\"outcome\":\"", rfc3339(event.time), event.peer());
    match &event.outcome {
        Some(Err(refusal)) => {
            let detail = refusals::detail_of(refusal, &event.datagram);
            _ = write!(lines, "{}\",\"detail\":{}", refusals::name(refusal), json_string(&detail));
        }
        _ => lines.push_str("answered\""),
    }
    if let Some(group) = event.group {
        _ = write!(lines, ",\"group\":\"{}\"", class.table[group].name);
    }
    if let Some(seq_number) = event.seq_number {
        _ = write!(lines, ",\"seq_number\":{seq_number}");
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
            _ = write!(lines, ",\"datagram\":{}", json_string(&kept.escape_ascii().to_string()));
        }
    }
    lines.push_str("}\n");
}

/// The line for the professor: time, peer, group, what happened, why.
fn terminal_line(class: &Class, event: &Event, columns: usize, colours: Colours) -> String {
    let time = rfc3339(event.time);
    let group = event.group.map_or("?", |group| &class.table[group].name);
    let seq_number = event.seq_number.map_or("?".into(), |seq_number| seq_number.to_string());
    let mut line = format!("{} {:<21} {group:<10} ", &time[11..19], event.peer().to_string());
    let room = columns.saturating_sub(line.len());
    match &event.outcome {
        None => {}
        Some(Ok(0)) => line += &colours.green(&format!("{seq_number} acknowledged, everyone is in")),
        Some(Ok(next_number)) => {
            line += &colours.green(&format!("{seq_number} acknowledged, next {next_number}"));
        }
        Some(Err(refusal)) => {
            let (name, detail) = (refusals::name(refusal), refusals::detail_of(refusal, &event.datagram));
            line += &colours.red(&name[..name.len().min(room)]);
            line += &shortened(&format!(": {detail}"), room.saturating_sub(name.len()));
        }
    }
    line
}
