//! `report --group NAME --mermaid`: the time line as a sequence diagram in Mermaid's language.
//!
//! What stands in a diagram is the program's own text but for the detail of a refusal, and of that
//! only what can't end a line, open an entity or begin markup.

use super::timeline::{Came, Lost, Row, Timeline, shown_number};
use crate::time::rfc3339;
use crate::tools::print::wrapped;

/// Most messages of a diagram, requests and replies.
const MOST_MESSAGES: usize = 60;
/// Columns of a note's line, and most lines of one.
const NOTE_COLUMNS: usize = 48;
const MOST_LINES: usize = 4;

/// The diagram of a group's last datagrams.
pub fn to_mermaid(group: &str, timeline: &Timeline) -> String {
    let rows = timeline.rows();
    let mut room = MOST_MESSAGES;
    let shown = rows.iter().rev().take_while(|row| {
        let messages = messages(row);
        let fits = messages <= room;
        room = room.saturating_sub(messages);
        fits
    });
    let shown = &rows[rows.len() - shown.count()..];
    let mut text =
        format!("sequenceDiagram\n    participant C as client of {group}\n    participant S as server\n");
    let earlier = timeline.count - shown.len() as u64;
    if earlier > 0 {
        let plural = if earlier == 1 { "" } else { "s" };
        text += &format!("    Note over C,S: {earlier} earlier datagram{plural}, not shown\n");
    }
    let mut before: Option<&Row> = None;
    for row in shown {
        text += &row_text(row, before);
        before = Some(row);
    }
    text
}

/// How many messages a datagram is in the diagram.
fn messages(row: &Row) -> usize {
    match row.came {
        Came::Lost(Lost::Request) | Came::Refused { .. } => 1,
        Came::Lost(_) | Came::Answered { .. } => 2,
    }
}

fn row_text(row: &Row, before: Option<&Row>) -> String {
    let is_same_peer = before.is_some_and(|before| before.peer == row.peer);
    let from = if is_same_peer { String::new() } else { format!(" from {}", row.peer) };
    let (time, number) = (rfc3339(row.time), shown_number(row.number));
    let copy =
        if row.copy == 1 { String::new() } else { format!(" {} {}", row.shown_copy(), row.shown_since()) };
    let arrow = if row.came == Came::Lost(Lost::Request) { "-x" } else { "->>" };
    let request = format!("    C{arrow}S: {} seq_number {number}{copy}{from}\n", &time[11..23]);
    let reply = match &row.came {
        Came::Lost(Lost::Request) => String::new(),
        Came::Lost(Lost::Reply) => "    S--xC: lost on purpose\n".into(),
        Came::Lost(Lost::Replaced(_)) | Came::Answered { .. } => {
            format!("    S-->>C: {}\n", harmless(&row.came.to_string()))
        }
        Came::Refused { .. } if before.is_some_and(|before| before.came == row.came) => {
            format!("    Note over C,S: {}, as before\n", harmless(&row.came.refused()))
        }
        Came::Refused { .. } => {
            format!("    Note over C,S: {}\n", note(&harmless(&row.came.to_string())))
        }
    };
    request + &reply
}

/// Letters, digits and a few signs that mean nothing in a diagram; quotes become single ones, and a
/// semicolon, which would end the statement, a comma.
fn harmless(text: &str) -> String {
    let sign = |c: char| match c {
        ';' => ',',
        '"' => '\'',
        c if c.is_ascii_alphanumeric() || " .,:_()'+/=-?".contains(c) => c,
        _ => '?',
    };
    text.chars().map(sign).collect()
}

/// A note's text in lines: Mermaid does not break them.
fn note(text: &str) -> String {
    let mut lines = wrapped(text.split(' '), NOTE_COLUMNS);
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        lines.push("...".into());
    }
    lines.join("<br/>")
}
