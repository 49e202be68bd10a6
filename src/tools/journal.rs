//! What became of each datagram: a line of `requests.jsonl`, and one on the terminal.
//!
//! The journal is for finding mistakes; the evidence is in [`received`](crate::received). So its
//! errors change nothing: a full disk or a closed terminal stops neither the server nor a client.

use super::{Colours, say};
use crate::received::readable_by_owner_alone;
use crate::refusal::Refusal;
use crate::server::{Class, Event};
use crate::time::rfc3339;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Most bytes of `requests.jsonl`; then it becomes `requests.1.jsonl`.
pub const MOST_BYTES: u64 = 64 << 20;
/// How much of a dropped datagram is kept.
const MOST_BYTES_OF_A_DATAGRAM: usize = 2_048;
/// Columns of a line on the terminal.
const COLUMNS: usize = 100;

/// Writes down what became of each datagram.
#[derive(Debug)]
pub struct Journal {
    requests: Requests,
    terminal: Option<SyncSender<String>>,
    colours: Colours,
}

impl Journal {
    /// A journal in `directory`, and on standard error if it is `verbose`.
    #[must_use]
    pub fn new(directory: &Path, verbose: bool) -> Self {
        let terminal = verbose.then(printer);
        Self { requests: Requests::open(directory), terminal, colours: Colours::of(&io::stderr()) }
    }

    /// Writes down one event.
    pub fn write(&mut self, class: &Class, event: &Event) {
        self.requests.append(&json_line(class, event));
        if let Some(terminal) = &self.terminal {
            // Where nobody reads fast enough, a line is lost and not a datagram.
            _ = terminal.try_send(terminal_line(class, event, self.colours));
        }
    }

    /// Writes down an error of the socket that concerns no datagram.
    pub fn write_error(&mut self, error: &io::Error) {
        let time = rfc3339(crate::time::now());
        let error = Value::from(error.to_string());
        self.requests
            .append(&format!("{{\"time\":\"{time}\",\"outcome\":\"socket_error\",\"detail\":{error}}}\n"));
        if let Some(terminal) = &self.terminal {
            _ = terminal.try_send(format!("{} the socket: {error}\n", &time[11..19]));
        }
    }
}

/// A thread that prints lines on standard error: a terminal that is stopped must not stop the loop.
fn printer() -> SyncSender<String> {
    let (sender, lines) = sync_channel::<String>(1_024);
    thread::spawn(move || {
        for line in lines {
            _ = io::stderr().write_all(line.as_bytes());
        }
    });
    sender
}

/// The line of `requests.jsonl`, its LF included. Bytes of a datagram stand in it only as
/// `escape_ascii` writes them, within a JSON string: none can end the line or begin another.
fn json_line(class: &Class, event: &Event) -> String {
    let Event { time, peer, datagram, seen, outcome, otp } = event;
    let time = rfc3339(*time);
    let mut line = String::with_capacity(512);
    _ = write!(line, "{{\"time\":\"{time}\",\"peer\":\"{peer}\",\"outcome\":\"");
    match outcome {
        Ok(_) => line.push_str("answered\""),
        Err(Refusal { reason, detail }) => {
            _ = write!(line, "{}\",\"detail\":{}", reason.name(), Value::from(detail.as_str()));
        }
    }
    if let Some(group) = seen.group {
        _ = write!(line, ",\"group\":\"{}\"", class.table[group].name);
    }
    if let Some(seq_number) = seen.seq_number {
        _ = write!(line, ",\"seq_number\":{seq_number}");
    }
    match (outcome, &seen.id_request) {
        (Ok(next_number), Some(id_request)) => {
            _ = write!(
                line,
                ",\"next_number\":{next_number},\"id_request\":\"{id_request}\",\"otp_number\":{},\"otp_timestamp\":{}",
                otp.number, otp.timestamp
            );
        }
        _ => {
            let kept = &datagram[..datagram.len().min(MOST_BYTES_OF_A_DATAGRAM)];
            _ = write!(line, ",\"datagram\":{}", Value::from(kept.escape_ascii().to_string()));
        }
    }
    line.push_str("}\n");
    line
}

/// The line on the terminal: time, peer, group, what happened, why.
fn terminal_line(class: &Class, event: &Event, colours: Colours) -> String {
    let time = rfc3339(event.time);
    let group = event.seen.group.map_or("?", |group| &class.table[group].name);
    let seq_number = event.seen.seq_number.map_or("?".into(), |seq_number| seq_number.to_string());
    let mut line = format!("{} {:<21} {group:<10} ", &time[11..19], event.peer.to_string());
    let room = COLUMNS.saturating_sub(line.len());
    match &event.outcome {
        Ok(0) => line += &colours.green(&format!("{seq_number} acknowledged, everyone is in")),
        Ok(next_number) => line += &colours.green(&format!("{seq_number} acknowledged, next {next_number}")),
        Err(Refusal { reason, detail }) => {
            let name = reason.name();
            line += &colours.red(&name[..name.len().min(room)]);
            line += &shortened(&format!(": {detail}"), room.saturating_sub(name.len()));
        }
    }
    line + "\n"
}

/// ASCII text cut to `columns`.
fn shortened(text: &str, columns: usize) -> String {
    if text.len() <= columns { text.into() } else { text[..columns.saturating_sub(3)].to_string() + "..." }
}

/// `requests.jsonl`, with its bound.
#[derive(Debug)]
struct Requests {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Requests {
    fn open(directory: &Path) -> Self {
        let path = directory.join("requests.jsonl");
        let mut requests = Self { path, file: None, length: 0 };
        if let Err(error) = requests.reopen() {
            say(&format!("warning: {}: {error}; requests are not logged", requests.path.display()));
        }
        requests
    }

    fn reopen(&mut self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        readable_by_owner_alone(&mut options);
        let mut file = options.open(&self.path)?;
        self.length = file.metadata()?.len();
        let mut last = [b'\n'];
        if self.length > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n")?; // the machine stopped in the middle of a line
            self.length += 1;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Appends a line, or leaves the file as it was.
    fn append(&mut self, line: &str) {
        if self.length + line.len() as u64 > MOST_BYTES {
            self.turn_over();
        }
        if self.file.is_none() && self.reopen().is_err() {
            return;
        }
        let Some(file) = &mut self.file else { return };
        match file.write_all(line.as_bytes()) {
            Ok(()) => self.length += line.len() as u64,
            Err(_) => _ = file.set_len(self.length),
        }
    }

    fn turn_over(&mut self) {
        let full = self.file.take();
        if fs::rename(&self.path, self.path.with_extension("1.jsonl")).is_err() {
            _ = full.map(|file| file.set_len(0)); // the bound holds all the same
        }
        self.length = 0;
    }
}
