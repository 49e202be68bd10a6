//! What `report` says of a group's exam: its sheet, in sentences.

use crate::tools::lab::exam::sheet::{Line, Sheet, State};
use crate::tools::lab::exam::table::{Entry, TABLE};

/// What a sentence is about, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Shown, or passed.
    Good,
    /// Broken.
    Bad,
    /// Still to come.
    Open,
}

/// The exam in a word, for a table: `passed`, or how much of it is shown. Empty: there was none.
pub fn word(sheet: &Sheet) -> String {
    match (sheet.proofs().is_empty(), sheet.is_begun()) {
        (false, _) => "passed".into(),
        (true, true) => format!("{}/{}", sheet.shown(), TABLE.len()),
        (true, false) => String::new(),
    }
}

/// The exam in a line, and a line for each box that is broken. `clock` shows the time of a line.
pub fn summary(sheet: &Sheet, clock: impl Fn(&Line) -> String) -> Vec<(Tone, String)> {
    if let Some(first) = sheet.proofs().first() {
        let passed = format!("passed at {} UTC; the otp_number of the last reply proves it", clock(first));
        return vec![(Tone::Good, passed)];
    }
    if !sheet.is_begun() {
        return Vec::new();
    }
    let (shown, all) = (sheet.shown(), TABLE.len());
    let count =
        |is_it: fn(State) -> bool| TABLE.iter().filter(|entry| is_it(sheet.state(entry.trick))).count();
    let broken = count(|state| matches!(state, State::Broken(_)));
    let not_yet = count(|state| matches!(state, State::Question(_)));
    let counts = [(broken, "broken"), (not_yet, "not yet"), (all - shown - broken - not_yet, "to come")];
    let counts = counts.iter().filter(|(number, _)| *number > 0);
    let counts = counts.map(|(number, word)| format!("{number} {word}")).collect::<Vec<_>>().join(", ");
    let left = match (shown == all, broken) {
        (true, _) => {
            "every box is shown; run it once more: then the otp_number of the last reply proves it".into()
        }
        (false, 0) => format!("{counts}: run it again"),
        (false, _) => format!("{counts}: mend the client, and run it again"),
    };
    let mut lines = vec![(Tone::Open, format!("{shown} of {all}; {left}"))];
    for entry in &TABLE {
        if let State::Broken(line) = sheet.state(entry.trick) {
            lines.push((Tone::Bad, text(entry, "broken", Some((&line, clock(&line))))));
        }
    }
    lines
}

/// Each box, in a line. The teacher asks for the number that proves a pass.
pub fn boxes(sheet: &Sheet, clock: impl Fn(&Line) -> String) -> Vec<(Tone, String)> {
    if !sheet.is_begun() && sheet.proofs().is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for line in sheet.proofs() {
        let number = line.otp_number.map(|number| number.to_string()).unwrap_or_default();
        lines.push((Tone::Good, format!("a last reply, at {} UTC: otp_number {number}", clock(line))));
    }
    for entry in &TABLE {
        lines.push(match sheet.state(entry.trick) {
            State::Open => (Tone::Open, text(entry, "to come", None)),
            State::Question(line) => (Tone::Open, text(entry, "not yet", Some((&line, clock(&line))))),
            State::Shown(line) => (Tone::Good, text(entry, "shown", Some((&line, clock(&line))))),
            State::Broken(line) => (Tone::Bad, text(entry, "broken", Some((&line, clock(&line))))),
        });
    }
    lines
}

fn text(entry: &Entry, state: &str, line: Option<(&Line, String)>) -> String {
    let Entry { rule, name, done, .. } = entry;
    match line {
        None => format!("rule {rule} {name}: {state}: {done}"),
        Some((line, clock)) => {
            let Line { number, copies, .. } = line;
            let copies = if *copies == 1 { "1 copy".into() } else { format!("{copies} copies") };
            format!("rule {rule} {name}: {state}, {clock} UTC, number {number}, {copies}: {}", line.detail())
        }
    }
}
