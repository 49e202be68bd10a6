//! The sheet of a group: what each box shows, and the lines of `trial.jsonl` that say so.

use super::table::{TABLE, Trick};
use crate::time::{parse_rfc3339, rfc3339};
use serde_json::Value;
use std::time::Duration;

/// Most replies to the last message whose `otp_number` is kept: the one that passed, and the latest.
const MOST_PROOFS: usize = 8;

/// A box that is broken again and again is said to be so this long after the last time.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// What a line says of a box, or of the whole sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The client has done what a client that keeps the rule does.
    Shown,
    /// What it did, the network may have done too.
    Question,
    /// The client has done what no client that keeps the rules can do.
    Broken,
    /// Every box is shown, and everyone is in.
    Passed,
}

impl Verdict {
    /// Every verdict, with its name in `trial.jsonl`.
    const NAMES: [(Self, &str); 4] = [
        (Self::Shown, "shown"),
        (Self::Question, "question"),
        (Self::Broken, "broken"),
        (Self::Passed, "passed"),
    ];

    /// The name in `trial.jsonl`.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }
}

/// Something that an exam has shown: a line of `trial.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was shown.
    pub time: Duration,
    /// What it says.
    pub verdict: Verdict,
    /// The box; of a passed exam, none.
    pub trick: Option<Trick>,
    /// The number of the message that shows it.
    pub number: u64,
    /// How many copies of that message had come.
    pub copies: u32,
    /// Of a passed exam: the number in the last right reply. A student who has read that reply can name it.
    pub otp_number: Option<u16>,
}

impl Line {
    /// What was seen, and what to change.
    pub fn detail(&self) -> &'static str {
        match (self.verdict, self.trick.map(Trick::entry)) {
            (Verdict::Shown, Some(entry)) => entry.keeps,
            (Verdict::Question, Some(entry)) => entry.question,
            (Verdict::Broken, Some(entry)) => entry.breaks,
            _ => "every box is shown, and everyone is in; the otp_number of the last reply proves it",
        }
    }

    /// The line, its LF included.
    pub fn to_json(&self, group: &str) -> String {
        let Self { number, copies, .. } = self;
        let of_box = self.trick.map(Trick::entry);
        let of_box = of_box.map(|entry| format!(",\"rule\":{},\"trick\":\"{}\"", entry.rule, entry.name));
        let otp_number = self.otp_number.map(|number| format!(",\"otp_number\":{number}"));
        format!(
            "{{\"time\":\"{}\",\"group\":\"{group}\"{},\"verdict\":\"{}\",\"seq_number\":{number},\
             \"copies\":{copies}{},\"detail\":\"{}\"}}\n",
            rfc3339(self.time),
            of_box.unwrap_or_default(),
            self.verdict.name(),
            otp_number.unwrap_or_default(),
            self.detail() // plain ASCII without quotes
        )
    }

    /// Reads a line back: the group's name, and the rest.
    pub fn parse(line: &Value) -> Option<(&str, Self)> {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let integer = |name: &str| line.get(name).and_then(Value::as_u64);
        let name = text("verdict")?;
        let (verdict, _) = Verdict::NAMES.into_iter().find(|(_, known)| *known == name)?;
        let trick = text("trick").and_then(Trick::of_name);
        if trick.is_none() != (verdict == Verdict::Passed) {
            return None;
        }
        let otp_number = integer("otp_number").and_then(|number| number.try_into().ok());
        let copies = integer("copies")?.try_into().ok()?;
        let (time, number) = (parse_rfc3339(text("time")?)?, integer("seq_number")?);
        Some((text("group")?, Self { time, verdict, trick, number, copies, otp_number }))
    }
}

/// What a box shows so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Still to come.
    #[default]
    Open,
    /// Still to come, with a question.
    Question(Line),
    /// Shown.
    Shown(Line),
    /// Broken, and not mended so far.
    Broken(Line),
}

/// A group's sheet.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    boxes: [State; TABLE.len()],
    /// The reply with which the exam was passed, and the latest right replies to the last message. Each has its
    /// `otp_number`.
    proofs: Vec<Line>,
    /// Whether anything has ever stood in it.
    is_begun: bool,
}

impl Sheet {
    /// What a box shows.
    pub fn state(&self, trick: Trick) -> State {
        self.boxes[trick as usize]
    }

    /// Whether a box is shown.
    pub fn is_shown(&self, trick: Trick) -> bool {
        matches!(self.state(trick), State::Shown(_))
    }

    /// How many boxes are shown, of [`TABLE`]'s.
    pub fn shown(&self) -> usize {
        self.boxes.iter().filter(|state| matches!(state, State::Shown(_))).count()
    }

    /// Whether the group has been examined at all.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// The right replies to the last message of a passed exam. The student has read one of them.
    pub fn proofs(&self) -> &[Line] {
        &self.proofs
    }

    /// Adds a line, if it says something new; whether it did. A broken box empties the sheet: a mended client
    /// shows everything again. A group that has passed has passed, whatever it tries later.
    pub fn add(&mut self, line: Line) -> bool {
        let Some(trick) = line.trick else {
            if self.proofs.len() == MOST_PROOFS {
                self.proofs.remove(1);
            }
            self.proofs.push(line);
            return true;
        };
        if !self.proofs.is_empty() {
            return false;
        }
        let state = self.state(trick);
        let is_new = match line.verdict {
            Verdict::Shown => !matches!(state, State::Shown(_)),
            Verdict::Question => matches!(state, State::Open) || self.reopens(trick),
            _ => !matches!(state, State::Broken(known) if line.time < known.time + SAID_AGAIN),
        };
        if !is_new {
            return false;
        }
        self.is_begun = true;
        if line.verdict == Verdict::Broken {
            for state in &mut self.boxes {
                if !matches!(state, State::Broken(_)) {
                    *state = State::Open;
                }
            }
        }
        self.boxes[trick as usize] = match line.verdict {
            Verdict::Shown => State::Shown(line),
            Verdict::Question => State::Question(line),
            _ => State::Broken(line),
        };
        true
    }

    /// What a client does rightly once it may do wrongly the next time: two clients, and a 0 that comes first.
    fn reopens(&self, trick: Trick) -> bool {
        matches!(trick, Trick::OneClient | Trick::First) && self.is_shown(trick)
    }

    /// The lines that, added in this order, make it again.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self
            .boxes
            .iter()
            .filter_map(|state| match state {
                State::Open => None,
                State::Question(line) | State::Shown(line) | State::Broken(line) => Some(*line),
            })
            .collect();
        lines.sort_by_key(|line| line.verdict != Verdict::Broken); // the first empty the sheet
        lines.extend(&self.proofs);
        lines
    }
}
