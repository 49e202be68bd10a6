//! What somebody who teaches this would say of a time line: only what the records show.

use super::timeline::{Came, Lost, Row};
use crate::tools::print::block;
use std::collections::BTreeSet;
use std::time::Duration;

/// A message, as its copies show it.
struct Message<'a> {
    number: u8,
    copies: Vec<&'a Row>,
}

impl Message<'_> {
    fn first(&self) -> Duration {
        self.copies[0].time
    }

    /// How many copies were acknowledged.
    fn acknowledged(&self) -> usize {
        self.copies.iter().filter(|row| matches!(row.came, Came::Answered { .. })).count()
    }

    /// Whether none of its copies was refused.
    fn is_good(&self) -> bool {
        self.copies.iter().all(|row| !matches!(row.came, Came::Refused { .. }))
    }
}

/// The remarks for the terminal, if there are any.
pub(crate) fn to_text(rows: &[Row]) -> String {
    let remarks: String = remarks(rows).iter().map(|remark| block("- ", remark.split(' '))).collect();
    if remarks.is_empty() { remarks } else { format!("\nwhat this shows\n{remarks}") }
}

/// The remarks, a sentence or two each.
pub fn remarks(rows: &[Row]) -> Vec<String> {
    let mut messages: Vec<Message> = Vec::new();
    for row in rows.iter().filter(|row| row.is_signed) {
        let Some(number) = row.number else { continue };
        match messages.iter_mut().find(|message| message.copies[0].id == row.id) {
            Some(message) => message.copies.push(row),
            None => messages.push(Message { number, copies: vec![row] }),
        }
    }
    [
        another_port(&messages),
        none_taken(&messages),
        after_a_timer(&messages),
        does_not_wait(&messages),
        short_timer(&messages),
        signed_anew(&messages),
        not_again(&messages),
        start_over(&messages),
        clock(rows),
        never_verified(rows),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn another_port(messages: &[Message]) -> Option<String> {
    let message = messages.iter().rev().find(|message| {
        let ports: BTreeSet<_> = message.copies.iter().map(|row| row.peer).collect();
        message.copies.len() >= 3 && ports.len() == message.copies.len()
    })?;
    Some(format!(
        "Each copy of {} comes from another port. A reply goes to the port that sent: receive it on the \
         same socket.",
        message.number
    ))
}

/// Some replies may get lost on the way; four of one message hardly do. A client that goes on at once
/// has taken one in the end.
fn none_taken(messages: &[Message]) -> Option<String> {
    let is_not_taken = |at: usize| {
        let (first, last) = (messages[at].copies.first()?, messages[at].copies.last()?);
        let had_time = last.time.saturating_sub(first.time) >= Duration::from_millis(300);
        let goes_on = messages
            .get(at + 1)
            .is_some_and(|next| next.first().saturating_sub(last.time) < Duration::from_millis(150));
        (messages[at].acknowledged() >= 4 && had_time && !goes_on).then_some(&messages[at])
    };
    let message = (0..messages.len()).rev().find_map(is_not_taken)?;
    Some(format!(
        "{} copies of {} were acknowledged, and none of the replies was taken. Did they not arrive: the \
         socket that sent, still open, a buffer for all of it? Or were they not believed: print one, and \
         put it into check.",
        message.acknowledged(),
        message.number
    ))
}

/// Whoever reads a reply goes on at once, not when a timer has run out.
fn after_a_timer(messages: &[Message]) -> Option<String> {
    let pauses = messages.windows(2).filter_map(|pair| {
        let acknowledged =
            pair[0].copies.iter().rev().find(|row| matches!(row.came, Came::Answered { .. }))?;
        let goes_on = pair[1].number.checked_sub(1) == Some(pair[0].number);
        goes_on.then(|| pair[1].first().saturating_sub(acknowledged.time))
    });
    let pauses: Vec<_> = pauses.collect();
    let (least, most) = (*pauses.iter().min()?, *pauses.iter().max()?);
    let is_a_timer = pauses.len() >= 2 && least >= Duration::from_millis(150) && most <= least + least / 4;
    is_a_timer.then(|| {
        format!(
            "The next number always comes {:.1} s after the acknowledgment, as if a timer had run out. \
             Perhaps no reply is read.",
            least.as_secs_f64()
        )
    })
}

fn does_not_wait(messages: &[Message]) -> Option<String> {
    let had_no_reply = |pair: &&[Message]| {
        let had_reply = pair[0].copies.iter().any(|row| {
            let is_reply = matches!(row.came, Came::Answered { .. } | Came::Lost(Lost::Replaced(_)));
            row.time <= pair[1].first() && is_reply
        });
        pair[0].number > 0 && pair[1].number > pair[0].number && !had_reply
    };
    if let Some(pair) = messages.windows(2).rev().find(had_no_reply) {
        let (first, second) = (pair[0].number, pair[1].number);
        let pause = pair[1].first().saturating_sub(pair[0].first()).as_secs_f64();
        return Some(format!(
            "{second} came {pause:.3} s after {first}, though {first} had got no reply: wait for the right \
             one, and send the same bytes again until it comes."
        ));
    }
    let all = messages.windows(3).rev().find(|all| {
        let is_ascending = all[0].number < all[1].number && all[1].number < all[2].number;
        is_ascending && all[2].first().saturating_sub(all[0].first()) <= Duration::from_millis(1)
    })?;
    Some(format!(
        "{}, {} and {} came within a millisecond: does it wait for each reply before it goes on?",
        all[0].number, all[1].number, all[2].number
    ))
}

fn short_timer(messages: &[Message]) -> Option<String> {
    let message = messages.iter().rev().find(|message| {
        let pauses = message.copies.iter().filter(|row| row.copy > 1).map(|row| row.since);
        pauses.clone().count() >= 2 && pauses.max() < Some(Duration::from_millis(50))
    })?;
    let pauses: Duration = message.copies.iter().map(|row| row.since).sum();
    let copies = u32::try_from(message.copies.len() - 1).ok()?.max(1);
    Some(format!(
        "A copy of {} comes every {} ms: a reply needs time to come, so wait a second.",
        message.number,
        (pauses / copies).as_millis()
    ))
}

fn signed_anew(messages: &[Message]) -> Option<String> {
    let anew = messages.chunk_by(|one, next| {
        one.number == next.number && one.number > 0 && one.copies.len() == 1 && next.copies.len() == 1
    });
    let anew = anew.rev().find(|anew| anew.len() >= 3 && anew.iter().all(Message::is_good))?;
    Some(format!(
        "{} different messages with number {} came, none of them twice: send the same bytes again, so that \
         a reply to any copy fits.",
        anew.len(),
        anew[0].number
    ))
}

fn not_again(messages: &[Message]) -> Option<String> {
    let last = messages.last()?;
    let is_lost = matches!(last.copies[0].came, Came::Lost(Lost::Request | Lost::Reply));
    (is_lost && last.copies.len() == 1 && last.copies[0].copy == 1)
        .then(|| format!("{} was sent once, got no reply, and has not been sent again so far.", last.number))
}

fn start_over(messages: &[Message]) -> Option<String> {
    let last = messages.last()?;
    let is_out_of_order = |row: &&Row| matches!(row.came, Came::Refused { reason: "out_of_order", .. });
    (last.copies.len() >= 8 && last.copies.iter().all(is_out_of_order))
        .then(|| format!("{} was out of order {} times: start over with 0.", last.number, last.copies.len()))
}

fn clock(rows: &[Row]) -> Option<String> {
    let signed: Vec<_> = rows.iter().filter(|row| row.is_signed).collect();
    let messages: BTreeSet<_> = signed.iter().map(|row| row.id).collect();
    let is_refused_for = |reason: &str| {
        signed.iter().all(|row| matches!(&row.came, Came::Refused { reason: found, .. } if *found == reason))
    };
    let is_off = messages.len() >= 2 && (is_refused_for("expired") || is_refused_for("not_yet_valid"));
    is_off.then(|| {
        "No message was valid when it came, whenever it was signed: does its machine's clock agree with \
         this one's (UTC)? Signing anew can't help then."
            .into()
    })
}

fn never_verified(rows: &[Row]) -> Option<String> {
    let is_bad = |row: &Row| matches!(row.came, Came::Refused { reason: "bad_signature", .. });
    (rows.iter().all(is_bad) && rows.len() >= 2).then(|| {
        "No signature has verified so far: is it made with the other half of the group's key? \
         check --key FILE tells."
            .into()
    })
}
