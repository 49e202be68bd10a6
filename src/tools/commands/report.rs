//! `report`: who is done, from `received.jsonl`, the group table and the end of `requests.jsonl`.
//!
//! It takes no lock and reads up to the last LF, so it may run beside the server. A *run* begins
//! with a group's first record or with a start-over, and is complete once the last member is in.
//! Done stays done: what counts is the last complete run, and a later start-over, perhaps a
//! replayed 0, is shown beside it.

use super::exam::{self, Tone};
use super::{remarks, timeline::Timeline};
use crate::files::open_to_read;
use crate::fsm;
use crate::groups::{Group, Table};
use crate::record::{Progress, Record};
use crate::restart::{MOST_UNKNOWN, each_record};
use crate::time::{now, parse_rfc3339, rfc3339};
use crate::tools::faults::{groups_json, reason, record};
use crate::tools::lab::exam::sheet::{Line, Sheet};
use crate::tools::lab::log::{MOST_LOG_BYTES, not_read, read_tail};
use crate::tools::lab::trial::BEGAN;
use crate::tools::print::{COLUMNS, Colours, block, escaped, shown, wrapped};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

/// How much of the end of `requests.jsonl` is looked at.
const TAIL: u64 = 4 << 20;
/// Who tried so lately may still sit there.
const LATELY: Duration = Duration::from_secs(600);
/// How many damaged lines are named one by one.
const MOST_WARNINGS: u64 = 10;
/// Columns of a group's name, and of the indent below it.
const INDENT: usize = 12;
/// Most columns of a bar: beside the longest name there is room for a date.
const BAR: usize = 30;

/// What is known of a member in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The matricula that counts: the last one recorded.
    pub matricula: u64,
    /// When that was recorded.
    pub time: Duration,
}

/// A run: the members acknowledged since the group began, or began anew.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The members, by their number.
    pub members: BTreeMap<u8, Member>,
    /// When the last member's number was recorded for the first time.
    pub completed: Option<Duration>,
}

/// A request that was refused.
#[derive(Clone, Debug)]
struct Refused {
    time: Duration,
    reason: String,
    detail: String,
    is_signed: bool,
}

/// What a group has tried since it last got on, as the end of `requests.jsonl` tells it. To get on is to be
/// acknowledged with a higher number than before, or to have everyone in.
#[derive(Clone, Debug, Default)]
struct Tries {
    /// The highest number that was acknowledged.
    number: Option<u64>,
    /// How often that was.
    acknowledged: u32,
    first: Duration,
    last: Duration,
    count: u32,
    /// The last fault, and where it came from.
    fault: Option<(String, String)>,
}

impl Tries {
    /// Adds a request, `seq_number` and `next_number` if it was answered, and what was wrong with it.
    fn add(&mut self, time: Duration, answered: Option<(u64, u64)>, fault: Option<String>, peer: &str) {
        let number = answered.map(|(number, _)| number);
        if answered.is_some_and(|(_, next_number)| next_number == 0) {
            *self = Self::default();
            return;
        }
        let started_over = (number == Some(0) && self.number > number).then(|| "started over with 0".into());
        if number > self.number {
            *self = Self { number, ..Self::default() };
        }
        let first = if self.count == 0 { time } else { self.first };
        (self.first, self.last, self.count) = (first, time, self.count + 1);
        self.acknowledged += u32::from(number.is_some() && number == self.number);
        if let Some(fault) = fault.or(started_over) {
            self.fault = Some((fault, peer.into()));
        }
    }

    /// The last fault of somebody who tried lately and did not get on.
    fn fault(&self, now: Duration) -> Option<String> {
        let is_late = now.saturating_sub(self.last) <= LATELY;
        let not_taken = || {
            let number = self.number.filter(|_| self.acknowledged >= 4)?;
            Some(format!("{number} was acknowledged {} times, and nothing newer has come", self.acknowledged))
        };
        self.fault.as_ref().map(|(fault, _)| fault.clone()).or_else(not_taken).filter(|_| is_late)
    }
}

/// What the files say of one group.
#[derive(Clone, Debug, Default)]
pub struct History {
    current: Run,
    last_complete: Option<Run>,
    records: u32,
    state: u8,
    started_over: u32,
    complete_runs: u32,
    /// Every matricula that any record has for a number, in whatever run, with the last one's time.
    matriculas: BTreeMap<u8, BTreeMap<u64, Duration>>,
    /// What the client last said the number of members to be.
    seq_max: Option<u64>,
    /// The server's view, for the allowance.
    progress: Progress,
    last_seen: Option<Duration>,
    last_recorded: Option<Duration>,
    last_refused: Option<Refused>,
    tries: Tries,
    sheet: Sheet,
}

impl Run {
    /// How many members have this matricula.
    fn times(&self, matricula: u64) -> usize {
        self.members.values().filter(|member| member.matricula == matricula).count()
    }
}

impl Run {
    /// Who is in the group's roster and not in the run.
    fn missing<'a>(&self, group: &'a Group) -> impl Iterator<Item = &'a u64> {
        group.roster.iter().filter(|matricula| self.times(**matricula) == 0)
    }
}

impl History {
    fn record(&mut self, members: u8, record: &Record) {
        self.saw(record.time);
        self.last_recorded = Some(record.time);
        self.records += 1;
        self.state = record.seq_number;
        self.seq_max = record.seq_max.or(self.seq_max);
        self.progress.add(record.seq_number.into(), record.matricula, record.time);
        if record.seq_number == 0 {
            self.started_over += u32::from(!self.current.members.is_empty());
            self.current = Run::default();
            return;
        }
        let Record { seq_number, matricula, time, .. } = *record;
        self.current.members.insert(seq_number, Member { matricula, time });
        self.matriculas.entry(seq_number).or_default().insert(matricula, time);
        if seq_number >= members {
            self.complete_runs += u32::from(self.current.completed.is_none());
            self.current.completed.get_or_insert(time);
            self.last_complete = Some(self.current.clone());
        }
    }

    /// The last other matricula that any record has for this member, its time, and how many others there are.
    fn other(&self, number: u8, matricula: u64) -> Option<(u64, Duration, usize)> {
        let all = self.matriculas.get(&number)?;
        let others = all.iter().filter(|(other, _)| **other != matricula);
        let (other, time) = others.max_by_key(|(_, time)| **time)?;
        Some((*other, *time, all.len() - 1))
    }

    /// What the group says of itself, if the table says something else.
    fn contradiction(&self, group: &Group) -> Option<String> {
        let seq_max = self.seq_max.filter(|seq_max| *seq_max != u64::from(group.members))?;
        Some(format!("says {seq_max} members, the table {}", group.members))
    }

    /// Whether hardly a new message of the group is taken now, so many have come.
    fn is_at_its_limit(&self, now: Duration) -> bool {
        self.progress.allowance.early(now) > Duration::from_secs(145)
    }

    fn saw(&mut self, time: Duration) {
        self.last_seen = self.last_seen.max(Some(time));
    }

    /// The run that counts: the last complete one, else the current one.
    fn counting(&self) -> &Run {
        self.last_complete.as_ref().unwrap_or(&self.current)
    }
}

/// Everything the report shows.
#[derive(Debug)]
pub struct Report {
    table: Table,
    groups: Vec<History>,
    records: u64,
    /// How many of the last requests were refused before a group was made out, and the last of them.
    strangers: Option<(u64, Refused)>,
    /// What was tried before a group was made out.
    unnamed: Tries,
    /// Records of groups that the table does not have.
    others: BTreeMap<String, u64>,
    /// Records of further ones, not named.
    further: u64,
    /// When a server with `--trial` was started last.
    examined_since: Option<Duration>,
    /// What the professor should mend, a sentence each.
    pub warnings: Vec<String>,
    /// What could not be read of the logs, which only add to the records.
    pub notes: Vec<String>,
}

/// Reads a class's files. An error names the file.
pub fn read(keys: &Path, logs: &Path) -> Result<Report, String> {
    let has = |name: &str| fs::symlink_metadata(keys.join(name)).is_ok();
    if !has("groups.json") && !has("keys_pub") {
        let found =
            fs::read_dir(keys).err().map_or("it has neither groups.json nor keys_pub".into(), |error| {
                format!("cannot be read: {error}")
            });
        return Err(format!("{}: {found}; name the class's directory with --keys DIR", shown(keys)));
    }
    let table = groups_json::load(keys)?;
    let groups = vec![History::default(); table.len()];
    let mut report = Report {
        table,
        groups,
        records: 0,
        strangers: None,
        unnamed: Tries::default(),
        examined_since: None,
        others: BTreeMap::new(),
        further: 0,
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    fs::read_dir(logs).map_err(|error| {
        format!("{}: cannot be read: {error}; name the directory with received.jsonl in it", shown(logs))
    })?;
    report.read_received(&logs.join("received.jsonl"))?;
    // These only add to what the evidence says, so an error of theirs changes nothing.
    for name in ["requests.1.jsonl", "requests.jsonl"] {
        let path = logs.join(name);
        let read = read_tail(&path, TAIL, |request| report.add_request(request));
        report.notes.extend(not_read(&path, &read));
    }
    for name in ["trial.1.jsonl", "trial.jsonl"] {
        let path = logs.join(name);
        let read = read_tail(&path, MOST_LOG_BYTES, |verdict| report.add_line_of_exam(verdict));
        report.notes.extend(not_read(&path, &read));
    }
    Ok(report)
}

impl Report {
    fn read_received(&mut self, path: &Path) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: cannot be read: {error}", shown(path));
        let file = match open_to_read(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(&error)),
        };
        let mut damaged = 0;
        let length = file.metadata().map_err(|error| failed(&error))?.len();
        each_record(&mut BufReader::with_capacity(1 << 16, file.take(length)), |number, record| {
            self.records += 1;
            match record {
                Ok(record) => self.add(&record),
                Err(_) => {
                    damaged += 1;
                    if damaged <= MOST_WARNINGS {
                        let path = shown(path);
                        let what = "is not a whole record: look at it; the server will not start on it";
                        self.warnings.push(format!("{path}: line {number} {what}"));
                    }
                }
            }
            Ok(())
        })
        .map_err(|fault| format!("{}: {}", shown(path), record::unusable(&fault, path).sentence()))?;
        if damaged > MOST_WARNINGS {
            self.warnings.push(format!("{}: {damaged} lines are no whole records", shown(path)));
        }
        for (group, history) in self.table.iter().zip(&self.groups) {
            self.warnings.extend(record::many(&group.name, history.records).map(|many| many.sentence()));
        }
        Ok(())
    }

    fn add(&mut self, record: &Record) {
        match self.table.find(&record.group) {
            Some(index) => self.groups[index].record(self.table[index].members, record),
            None if self.others.len() < MOST_UNKNOWN || self.others.contains_key(&record.group) => {
                *self.others.entry(record.group.clone()).or_default() += 1;
            }
            None => self.further += 1,
        }
    }

    /// A line of `requests.jsonl`: when a group was last seen, and last refused.
    fn add_request(&mut self, request: &Value) -> Option<()> {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let (time, outcome) = (parse_rfc3339(text("time")?)?, text("outcome")?);
        let is_refused = reason::REASONS.iter().any(|reason| reason.name == outcome);
        // Where something was lost on purpose, its group is named only if its signature has verified.
        let is_signed = !is_refused || outcome == "lost_on_purpose" || reason::is_signed(outcome);
        let group = text("group").and_then(|group| self.table.find(group));
        if let Some(group) = group.filter(|_| is_signed) {
            self.groups[group].saw(time);
        }
        if outcome != "lost_on_purpose" && outcome != "socket_error" {
            let number = |name: &str| request.get(name).and_then(Value::as_u64);
            let answered = number("seq_number").zip(number("next_number")).filter(|_| outcome == "answered");
            let detail = escaped(text("detail").unwrap_or_default());
            let port = request.get("left_port").and_then(Value::as_u64);
            let left =
                port.map(|port| format!("nobody holds port {port}, which sent it: keep the socket open"));
            // What to change is short. What was found stands in the group's own report.
            let change = text("change").map_or_else(|| detail.clone(), escaped);
            let fault = if is_refused { Some(change) } else { left };
            let tries = group.map_or(&mut self.unnamed, |group| &mut self.groups[group].tries);
            tries.add(time, answered, fault, &escaped(text("peer").unwrap_or_default()));
        }
        if is_refused && outcome != "lost_on_purpose" {
            let detail = escaped(text("detail").unwrap_or_default());
            let refused = Refused { time, reason: outcome.into(), detail, is_signed };
            match group {
                Some(group) => self.groups[group].last_refused = Some(refused),
                None => {
                    let before = self.strangers.take().map_or(0, |(count, _)| count);
                    self.strangers = Some((before + 1, refused));
                }
            }
        }
        Some(())
    }

    /// A line of `trial.jsonl`: what a box shows, or that a server with `--trial` was started.
    fn add_line_of_exam(&mut self, line: &Value) -> Option<()> {
        if line.get("verdict").and_then(Value::as_str) == Some(BEGAN) {
            self.examined_since = parse_rfc3339(line.get("time")?.as_str()?);
            return None;
        }
        let (group, line) = Line::parse(line)?;
        _ = self.groups[self.table.find(group)?].sheet.add(line);
        Some(())
    }

    /// The table for the terminal, at most 100 columns wide. Times are UTC.
    pub(crate) fn to_text(&self, colours: Colours) -> String {
        let now = now();
        let done = self.groups.iter().filter(|history| history.last_complete.is_some()).count();
        let started = self.groups.iter().filter(|history| history.records > 0).count();
        let plural = if self.groups.len() == 1 { "" } else { "s" };
        let mut text = self.help(now, colours);
        text += &format!(
            "{} UTC  {} group{plural}: {done} done, {} under way, {} not started; {} record{}\n",
            rfc3339(now)[..19].replace('T', " "),
            self.groups.len(),
            started - done,
            self.groups.len() - started,
            self.records,
            if self.records == 1 { "" } else { "s" },
        );
        for (group, history) in self.table.iter().zip(&self.groups) {
            text += &group_text(group, history, self.examined_since, now, colours);
        }
        if let Some((count, refused)) = &self.strangers {
            text += &format!("\nrefused before a group was made out: {count}\n");
            text += &refused_text("", refused, now);
        }
        if !self.others.is_empty() {
            let others = self.others.iter().map(|(group, records)| format!("{} {records}", escaped(group)));
            text += "\nnot in the table, with records\n";
            text += &list("", others);
        }
        text
    }

    /// Who tried lately and did not get on, a line each: who has been at it the longest comes first.
    fn help(&self, now: Duration, colours: Colours) -> String {
        let is_done = |group: &Group, history: &History| {
            history.last_complete.is_some() && history.state >= group.members
        };
        let groups = self.table.iter().zip(&self.groups);
        let tries = groups.filter(|(group, history)| !is_done(group, history));
        let tries = tries.map(|(group, history)| (group.name.as_str(), &history.tries));
        let mut stuck: Vec<_> = tries
            .chain([("?", &self.unnamed)])
            .filter_map(|(name, tries)| Some((name, tries, tries.fault(now)?)))
            .collect();
        stuck.sort_by_key(|(_, tries, _)| tries.first);
        if stuck.is_empty() {
            return String::new();
        }
        let line = |(name, tries, fault): &(&str, &Tries, String)| {
            let peer = tries.fault.as_ref().filter(|_| *name == "?").map(|(_, peer)| format!(" from {peer}"));
            let (peer, plural) = (peer.unwrap_or_default(), if tries.count == 1 { "y" } else { "ies" });
            let (name, since) = (indented(name), clock(tries.first, now));
            let start = format!("{name}{} tr{plural} since {since}{peer}: ", tries.count);
            // As many whole words as fit.
            let fault = wrapped(fault.split(' '), COLUMNS.saturating_sub(start.len())).into_iter().next();
            colours.yellow(&(start + &fault.unwrap_or_default())) + "\n"
        };
        let lines: String = stuck.iter().map(line).collect();
        format!("needs help now: who tried in the last ten minutes, and did not get on\n{lines}\n")
    }

    /// How many records are of groups that the table lacks. In the CSV they have no row.
    pub fn records_outside_the_table(&self) -> u64 {
        self.others.values().sum::<u64>() + self.further
    }

    /// The group of this name, in any case.
    pub fn group(&self, name: &str) -> Result<&Group, String> {
        let group = self.table.find(name).map(|group| &self.table[group]);
        group.ok_or_else(|| {
            let names: Vec<_> = self.table.iter().map(|group| group.name.as_str()).collect();
            format!("--group \"{}\": the table has no such group, but {}", escaped(name), names.join(", "))
        })
    }

    /// A group's facts and its last datagrams, without anybody's matricula. Times are UTC.
    pub(crate) fn to_group_text(&self, group: &Group, timeline: &Timeline, colours: Colours) -> String {
        let now = now();
        let Some(history) = self.table.find(&group.name).map(|group| &self.groups[group]) else {
            return String::new();
        };
        let mut text = head_text(group, history, now, colours);
        if history.records > 0 {
            text += &list("", facts(group, history, now));
        }
        text += &exam_text(history, self.examined_since, true, now, colours);
        text += &timeline.to_text(colours);
        text += &remarks::to_text(&timeline.rows(), now);
        if let Some((count, _)) = self.strangers {
            text +=
                &format!("\nnot shown: {count} refused before a group was made out; `report` has the last\n");
        }
        text
    }

    /// One row for each group and member (RFC 4180), for a spreadsheet.
    pub fn to_csv(&self) -> String {
        let mut text = String::from(
            "group,seq_number,matricula,acknowledged,run,note,complete_runs,start_overs,exam\r\n",
        );
        for (group, history) in self.table.iter().zip(&self.groups) {
            let run = history.counting();
            let kind = match &history.last_complete {
                Some(_) => "complete",
                None if history.records > 0 => "current",
                None => "not started",
            };
            let word = exam::word(&history.sheet);
            let counts = format!("{},{},{word}", history.complete_runs, history.started_over);
            let beyond = run.members.keys().copied().filter(|number| *number > group.members);
            for number in (1..=group.members).chain(beyond) {
                _ = write!(text, "{},{number},", group.name);
                _ = match run.members.get(&number) {
                    Some(member) => {
                        let note = notes(group, history, number, member).join("; ");
                        write!(
                            text,
                            "{},{},{kind},{note},{counts}\r\n",
                            member.matricula,
                            rfc3339(member.time)
                        )
                    }
                    None => write!(text, ",,{kind},,{counts}\r\n"),
                };
            }
            for matricula in run.missing(group) {
                _ = write!(text, "{},,{matricula},,{kind},missing,{counts}\r\n", group.name);
            }
        }
        text
    }
}

/// Whether a group has a roster and this matricula is not in it.
fn is_unknown(group: &Group, matricula: u64) -> bool {
    !group.roster.is_empty() && !group.roster.contains(&matricula)
}

/// What the professor should know of a member.
fn notes(group: &Group, history: &History, number: u8, member: &Member) -> Vec<String> {
    let also_sent = history.other(number, member.matricula).map(|(other, time, others)| match others {
        1 => format!("also sent: {other} at {}", rfc3339(time)),
        _ => format!("also sent: {other} at {} and {} more", rfc3339(time), others - 1),
    });
    let contradicted = history.contradiction(group).map(|contradiction| contradiction.replace(',', ";"));
    let note = |applies: bool, note: &str| applies.then(|| note.to_string());
    [
        also_sent,
        note(is_unknown(group, member.matricula), "unknown"),
        note(history.counting().times(member.matricula) > 1, "sent under two numbers"),
        note(number > group.members, "beyond the table"),
        contradicted,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A name at the beginning of a line, as wide as the indent of the lines below it, or a space longer than it is.
fn indented(name: &str) -> String {
    let width = INDENT.max(name.len() + 1);
    format!("{name:<width$}")
}

/// A group's name, and how far it has come.
fn head_text(group: &Group, history: &History, now: Duration, colours: Colours) -> String {
    let run = history.counting();
    let bar = bar(run.members.len(), group.members.into());
    let name = indented(&group.name);
    let head = match run.completed {
        _ if history.records == 0 => format!("{name}{bar}  not started"),
        Some(completed) => colours.green(&format!("{name}{bar}  done at {} UTC", clock(completed, now))),
        None => format!("{name}{bar}  {} of {} in", run.members.len(), group.members),
    };
    head + "\n"
}

fn group_text(
    group: &Group,
    history: &History,
    examined_since: Option<Duration>,
    now: Duration,
    colours: Colours,
) -> String {
    let run = history.counting();
    let mut text = format!("\n{}", head_text(group, history, now, colours));
    if history.records > 0 {
        text += &list("", facts(group, history, now));
        let digits = group.members.to_string().len();
        text += &grid(run.members.iter().map(|(number, member)| {
            let mark = if history.other(*number, member.matricula).is_some() { "*" } else { "" };
            format!("{number:>digits$} {}{mark} {}", member.matricula, clock(member.time, now))
        }));
        let also_sent = run.members.iter().filter_map(|(number, member)| {
            let (other, time, _) = history.other(*number, member.matricula)?;
            Some(format!("{number} {other} {}", clock(time, now)))
        });
        text += &list("* also sent, in another record:", also_sent);
        text += &list("beyond the table:", run.members.keys().filter(|number| **number > group.members));
        let sent: BTreeSet<u64> = run.members.values().map(|member| member.matricula).collect();
        text += &list("missing:", run.missing(group));
        text += &list("unknown:", sent.iter().filter(|matricula| is_unknown(group, **matricula)));
        text += &list("sent under two numbers:", sent.iter().filter(|matricula| run.times(**matricula) > 1));
    }
    text += &exam_text(history, examined_since, false, now, colours);
    if let Some(refused) = &history.last_refused {
        let unverified = if refused.is_signed { "" } else { ", unverified" };
        let line = refused_text(unverified, refused, now);
        let is_news = history.last_recorded < Some(refused.time);
        text += &if is_news { colours.yellow(&line) } else { line };
    }
    text
}

/// The exam of a group: in a line, or with each box.
fn exam_text(
    history: &History,
    examined_since: Option<Duration>,
    with_boxes: bool,
    now: Duration,
    colours: Colours,
) -> String {
    let at = |line: &Line| clock(line.time, now);
    let mut lines = exam::summary(&history.sheet, at);
    if let Some(since) = examined_since.filter(|since| history.last_seen < Some(*since)) {
        lines.push((Tone::Open, format!("nothing has come since {} UTC", clock(since, now))));
    }
    let lines_of = |label: &str, lines: Vec<(Tone, String)>| -> String {
        let paint = |(tone, sentence): (Tone, String)| {
            let text = list(label, sentence.split(' '));
            match tone {
                Tone::Good => colours.green(&text),
                Tone::Bad => colours.red(&text),
                Tone::Open => colours.yellow(&text),
            }
        };
        lines.into_iter().map(paint).collect()
    };
    let boxes = if with_boxes { exam::boxes(&history.sheet, at) } else { Vec::new() };
    lines_of("exam:", lines) + &lines_of(" ", boxes)
}

fn refused_text(unverified: &str, refused: &Refused, now: Duration) -> String {
    let Refused { time, reason, detail, .. } = refused;
    let line = format!("last refused at {} UTC{unverified}: {reason}: {detail}", clock(*time, now));
    list("", line.split_ascii_whitespace())
}

/// Where a group stands now.
fn facts(group: &Group, history: &History, now: Duration) -> Vec<String> {
    let state = history.state;
    let next = match fsm::next(group.members.into(), state.into(), state.into()) {
        Some(next_number) => format!("next_number {next_number}"),
        None => "only 0 leaves it".into(),
    };
    let mut facts = vec![format!("state {state}, {next};")];
    if history.last_complete.is_some() && history.state < group.members {
        facts.push(format!("a new run has {} of {} in;", history.current.members.len(), group.members));
    }
    match history.started_over {
        0 => {}
        1 => facts.push("started over once;".into()),
        times => facts.push(format!("started over {times} times;")),
    }
    if history.complete_runs > 1 {
        facts.push(format!("{} complete runs;", history.complete_runs));
    }
    facts.extend(history.contradiction(group).map(|contradiction| contradiction + ";"));
    if history.is_at_its_limit(now) {
        facts.push("takes two new messages a second, after 300 at once: are captured tokens sent?;".into());
    }
    facts.extend(
        history.last_seen.map(|time| format!("last seen {} ({} UTC)", ago(time, now), clock(time, now))),
    );
    facts
}

/// `[##..]`: members come in order, so those who are in stand first.
fn bar(present: usize, members: usize) -> String {
    let width = members.min(BAR);
    let full = present.min(members) * width / members;
    format!("[{}{}]", "#".repeat(full), ".".repeat(width - full))
}

/// A time of day, with its date unless that is today's.
fn clock(time: Duration, now: Duration) -> String {
    let (time, now) = (rfc3339(time), rfc3339(now));
    if time[..10] == now[..10] { time[11..19].into() } else { time[..19].replace('T', " ") }
}

fn ago(time: Duration, now: Duration) -> String {
    match now.saturating_sub(time).as_secs() {
        seconds @ ..120 => format!("{seconds} s ago"),
        seconds @ ..7_200 => format!("{} min ago", seconds / 60),
        seconds @ ..172_800 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

/// Words behind an indent and a label; nothing where there is none.
fn list(label: &str, words: impl IntoIterator<Item: ToString>) -> String {
    let space = if label.is_empty() { "" } else { " " };
    block(&format!("{:INDENT$}{label}{space}", ""), words)
}

/// Cells of one width behind an indent, as many in a line as fit.
fn grid(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    let width = cells.iter().map(String::len).max().unwrap_or(0) + 2;
    let in_a_line = ((COLUMNS - INDENT + 2) / width).max(1);
    let line = |cells: &[String]| {
        let cells = cells.iter().map(|cell| format!("{cell:<width$}")).collect::<String>();
        format!("{:INDENT$}{}\n", "", cells.trim_end())
    };
    cells.chunks(in_a_line).map(line).collect()
}
