//! What became of each datagram: a line of `requests.jsonl`, and one on the terminal.
//!
//! The journal is for finding mistakes; the evidence is in [`received`](crate::received). So its
//! errors change nothing: a full disk or a closed terminal stops neither the server nor a client.

use super::group_of;
use super::log::Log;
use crate::refusal::Refusal;
use crate::server::{Acknowledgment, Class, Handled, Lab};
use crate::time::rfc3339;
use crate::tools::faults::{Diagnosis, claims, reason, record::Whereabouts, refusal};
use crate::tools::print::{COLUMNS, Colours, json_string, say_first, say_soon, shortened};
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal};
use std::net::UdpSocket;
use std::path::Path;

/// How much of a dropped datagram is kept.
const MOST_BYTES_OF_A_DATAGRAM: usize = 2_048;

/// What Windows reports of a reply, at some later receive. It does not say of which.
const TURNED_BACK: &str = "a reply was turned back: nobody holds its port any more, or a firewall refuses it; \
                           receive on the socket that sent, and keep it open";

/// Writes down what became of each datagram.
#[derive(Debug)]
pub struct Journal {
    requests: Log,
    /// Lines on their way to the log.
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
}

impl Copies {
    /// What an acknowledged copy shows, from the second on. A copy from another socket shows no more: a client
    /// may take a new one for each try.
    fn detail(&self) -> Option<String> {
        let what = "its reply did not arrive in time, or was not taken";
        (self.count > 1).then(|| format!("copy {}: {what}", self.count))
    }
}

/// What the lab knows of a datagram beside its outcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The mistake behind a refusal, in place of the refusal's own detail.
    pub found: Option<&'a Diagnosis>,
    /// Whether the client was told of the refusal.
    pub is_explained: bool,
    /// Whether nobody holds the port any more that the reply was sent to.
    pub is_left: bool,
    /// The number before it, if it came before the reply to that had left.
    pub early: Option<u64>,
}

/// Of each datagram of a batch the number before it, if its sender sent that too and has had no reply to it:
/// the replies leave after the batch. A number that was acknowledged before is not new, and its reply may
/// have come.
pub fn early(batch: &[Handled]) -> Vec<Option<u64>> {
    let message = |handled: &Handled| {
        let message = handled.reading.as_ref().ok()?;
        Some((message.group, handled.datagram.sender, message.seq_number?))
    };
    let number_before = |at: usize| {
        let (group, sender, number) = message(&batch[at])?;
        let before = number.checked_sub(1).filter(|before| *before > 0)?;
        let is_it = |other: &&Handled| message(other) == Some((group, sender, before));
        let first = batch[..at].iter().find(is_it)?;
        first.outcome.as_ref().is_ok_and(|outcome| outcome.is_new).then_some(before)
    };
    (0..batch.len()).map(number_before).collect()
}

/// What is said of a datagram beside its outcome.
#[derive(Debug)]
struct Said<'a> {
    /// Why it was refused; or which copy it is.
    found: Option<String>,
    /// What is wrong though it is acknowledged.
    but: Option<String>,
    known: Known<'a>,
}

/// What is wrong with a message, or with its client, though it is acknowledged.
fn but(handled: &Handled, known: Known) -> Option<String> {
    let Handled { reading: Ok(message), outcome: Ok(_), datagram } = handled else { return None };
    let port = datagram.sender.port();
    let left = known.is_left.then(|| {
        format!("nobody holds port {port} any more: receive on the socket that sent, and keep it open")
    });
    let early =
        known.early.map(|before| format!("it came before the reply to {before} had left: wait for each"));
    let exp = message.request.as_ref().ok().and_then(|request| request.exp);
    let far = exp.and_then(|exp| claims::far_ahead(exp, datagram.time.as_secs_f64()));
    let all: Vec<_> = left.into_iter().chain(early).chain(far.map(|far| far.sentence())).collect();
    (!all.is_empty()).then(|| all.join("; and "))
}

impl Journal {
    /// A journal in `directory`, and on standard error if it `is_verbose`.
    pub fn new(directory: &Path, is_verbose: bool) -> Self {
        let columns = if io::stderr().is_terminal() { COLUMNS } else { usize::MAX };
        Self {
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

    /// Writes down what became of a datagram. The lines reach the log at the [end](Self::end) of those that
    /// were handled together.
    pub fn write(&mut self, class: &Class, handled: &Handled, known: Known) {
        self.alarm(handled);
        let found = known.found.map(ToString::to_string).or_else(|| self.copy(class, handled));
        let said = Said { found, but: but(handled, known), known };
        push_json_line(&mut self.lines, class, handled, &said);
        if self.is_verbose {
            say_soon(terminal_line(class, handled, &said, self.columns, self.colours));
        }
    }

    /// The lines that were written reach the log.
    pub fn end(&mut self) {
        self.requests.append(&self.lines);
        self.lines.clear();
    }

    /// Says once, even where no other line is wanted, that the records are no longer in place; and once
    /// more only after a message has been recorded again.
    fn alarm(&mut self, handled: &Handled) {
        match &handled.outcome {
            Ok(acknowledgment) if acknowledgment.is_new => self.has_alarmed = false,
            Err(Refusal::NotRecorded(why)) if !self.has_alarmed => {
                if let Some(alarm) = self.received.alarm(why) {
                    say_first(self.colours.red(&alarm));
                    self.has_alarmed = true;
                }
            }
            _ => {}
        }
    }

    /// Counts an acknowledged copy of a group's message; what it shows, if it is not the first.
    fn copy(&mut self, class: &Class, handled: &Handled) -> Option<String> {
        let Handled { reading: Ok(message), outcome: Ok(_), .. } = handled else { return None };
        self.last.resize(class.table.len(), Copies::default());
        let copies = &mut self.last[message.group];
        if copies.id_request != message.id_request {
            let id_request = message.id_request.clone();
            *copies = Copies { id_request, count: 0 };
        }
        copies.count += 1;
        copies.detail()
    }
}

/// It only looks on.
impl Lab for Journal {
    fn sent(&mut self, class: &Class, batch: &[Handled], _: &UdpSocket) {
        for (handled, early) in batch.iter().zip(early(batch)) {
            self.write(class, handled, Known { early, ..Known::default() });
        }
        self.end();
    }

    fn saw_error(&mut self, error: &io::Error) {
        let time = rfc3339(crate::time::now());
        let what = if error.kind() == ErrorKind::ConnectionReset {
            TURNED_BACK.into() // as many as replies: they do not fill the log
        } else {
            let error = json_string(&error.to_string());
            self.requests.append(&format!(
                "{{\"time\":\"{time}\",\"outcome\":\"socket_error\",\"detail\":{error}}}\n"
            ));
            format!("the socket: {error}")
        };
        if self.is_verbose {
            say_soon(format!("{} {what}", &time[11..19]));
        }
    }
}

/// Adds the line of `requests.jsonl`, its LF included. Bytes of a datagram stand in it only as
/// `escape_ascii` writes them, within a JSON string: none can end the line or begin another.
fn push_json_line(lines: &mut String, class: &Class, handled: &Handled, said: &Said) {
    let Handled { datagram, reading, outcome } = handled;
    let more = said.found.as_deref();
    _ = write!(
        lines,
        "{{\"time\":\"{}\",\"peer\":\"{}\",\"outcome\":\"",
        rfc3339(datagram.time),
        datagram.peer()
    );
    let mut lost = None;
    match outcome {
        Err(refusal) => {
            let plain;
            let (detail, change) = match (more, said.known.found) {
                (Some(more), Some(found)) => (more.into(), found.change()),
                _ => {
                    plain = refusal::plain(refusal, &datagram.bytes);
                    (plain.sentence(), plain.change())
                }
            };
            _ = write!(lines, "{}\",\"detail\":{}", reason::name(refusal), json_string(&detail));
            if !change.is_empty() {
                _ = write!(lines, ",\"change\":{}", json_string(change));
            }
            if said.known.is_explained {
                lines.push_str(",\"explained\":true");
            }
            if let Refusal::LostOnPurpose(what, _) = refusal {
                lost = Some(what);
            }
        }
        Ok(_) => {
            lines.push_str("answered\"");
            let details: Vec<_> = [more, said.but.as_deref()].into_iter().flatten().collect();
            if !details.is_empty() {
                _ = write!(lines, ",\"detail\":{}", json_string(&details.join("; but ")));
            }
            if said.known.is_left {
                _ = write!(lines, ",\"left_port\":{}", datagram.sender.port());
            }
            if let Some(before) = said.known.early {
                _ = write!(lines, ",\"before_reply_to\":{before}");
            }
        }
    }
    if let Some(group) = shown_group(handled) {
        _ = write!(lines, ",\"group\":\"{}\"", class.table[group].name);
    }
    if let Some(seq_number) = reading.as_ref().ok().and_then(|message| message.seq_number) {
        _ = write!(lines, ",\"seq_number\":{seq_number}");
    }
    if let Some(lost) = lost {
        _ = write!(lines, ",\"lost\":\"{lost}\"");
    }
    if let (Ok(message), Ok(Acknowledgment { next_number, otp, .. })) = (reading, outcome) {
        _ = write!(
            lines,
            ",\"next_number\":{next_number},\"id_request\":\"{}\",\"otp_number\":{},\"otp_timestamp\":{}",
            message.id_request, otp.number, otp.timestamp
        );
    } else {
        let kept = &datagram.bytes[..datagram.bytes.len().min(MOST_BYTES_OF_A_DATAGRAM)];
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
    lines.push_str("}\n");
}

/// The group to name. What was lost without a signature is nobody's: it stands in no group's time line.
fn shown_group(handled: &Handled) -> Option<usize> {
    let is_nobodys = handled.reading.is_err() && matches!(handled.outcome, Err(Refusal::LostOnPurpose(..)));
    group_of(&handled.reading).filter(|_| !is_nobodys)
}

/// The line for the professor: time, peer, group, what happened, why.
fn terminal_line(class: &Class, handled: &Handled, said: &Said, columns: usize, colours: Colours) -> String {
    let Handled { datagram, reading, outcome } = handled;
    let more = said.found.as_deref();
    let but = said.but.as_ref().map(|but| format!("; but {but}"));
    let time = rfc3339(datagram.time);
    let group = shown_group(handled).map_or("?", |group| &class.table[group].name);
    let seq_number = reading.as_ref().ok().and_then(|message| message.seq_number);
    let seq_number = seq_number.map_or("?".into(), |seq_number| seq_number.to_string());
    let mut line = format!("{} {:<21} {group:<10} ", &time[11..19], datagram.peer().to_string());
    let room = columns.saturating_sub(line.len());
    match (outcome, more) {
        (Ok(_), Some(again)) => {
            let acknowledged = format!("{seq_number} acknowledged again, {again}{}", but.unwrap_or_default());
            line += &colours.yellow(&shortened(&acknowledged, room));
        }
        (Ok(Acknowledgment { next_number, .. }), None) => {
            let next =
                if *next_number == 0 { "everyone is in".into() } else { format!("next {next_number}") };
            let acknowledged = format!("{seq_number} acknowledged, {next}");
            line += &match but {
                None => colours.green(&acknowledged),
                Some(but) => colours.yellow(&shortened(&(acknowledged + &but), room)),
            };
        }
        (Err(refusal), _) => {
            let name = reason::name(refusal);
            let detail = more.map_or_else(|| refusal::plain(refusal, &datagram.bytes).sentence(), Into::into);
            line += &colours.red(&name[..name.len().min(room)]);
            line += &shortened(&format!(": {detail}"), room.saturating_sub(name.len()));
        }
    }
    line
}
