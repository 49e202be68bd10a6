//! What somebody who teaches this would say of a time line: only what the records show.
//!
//! A remark names a fault only if no client that keeps the rules of the contract's section 8 can have made
//! those datagrams, whatever the network loses, delays by 10 s, repeats or reorders. Any other remark is what
//! was seen, with every cause that is known.

use super::timeline::{Came, Lost, MOST_SIGNED, Row};
use crate::tools::print::block;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// A client sends a message eight times, and the network delivers each at most twice.
const MOST_ARRIVALS: usize = 16;
/// A client has given up a message after so long, and the network has delivered all of it.
const OVER: Duration = Duration::from_secs(20);

/// A message, as its copies show it.
struct Message<'a> {
    number: u8,
    copies: Vec<&'a Row>,
}

impl Message<'_> {
    fn first(&self) -> Duration {
        self.copies[0].time
    }

    fn peer(&self) -> SocketAddr {
        self.copies[0].peer
    }

    /// How many copies were acknowledged.
    fn acknowledged(&self) -> usize {
        self.copies.iter().filter(|row| matches!(row.came, Came::Answered { .. })).count()
    }

    /// Whether a reply to it had been sent at that time, the right one or another.
    fn had_reply(&self, time: Duration) -> bool {
        self.copies.iter().any(|row| {
            row.time <= time && matches!(row.came, Came::Answered { .. } | Came::Lost(Lost::Replaced(_)))
        })
    }

    /// Why it was refused, if it was each time.
    fn refused(&self) -> Option<&'static str> {
        let reason = |row: &&Row| match row.came {
            Came::Refused { reason, .. } => Some(reason),
            _ => None,
        };
        let first = reason(&self.copies[0])?;
        self.copies.iter().all(|row| reason(row) == Some(first)).then_some(first)
    }

    /// Whether it asked for nobody more.
    fn was_last(&self) -> bool {
        self.copies.iter().any(|row| matches!(row.came, Came::Answered { next_number: 0, .. }))
    }
}

/// The remarks for the terminal, if there are any.
pub(crate) fn to_text(rows: &[Row], now: Duration) -> String {
    let remarks: String = remarks(rows, now).iter().map(|remark| block("- ", remark.split(' '))).collect();
    if remarks.is_empty() { remarks } else { format!("\nwhat this shows\n{remarks}") }
}

/// The remarks, a sentence or two each.
pub fn remarks(rows: &[Row], now: Duration) -> Vec<String> {
    let mut messages: Vec<Message> = Vec::new();
    for row in rows.iter().filter(|row| row.is_signed) {
        let Some(number) = row.number else { continue };
        match messages.iter_mut().find(|message| message.copies[0].id == row.id) {
            Some(message) => message.copies.push(row),
            None => messages.push(Message { number, copies: vec![row] }),
        }
    }
    [
        went_on(&messages),
        came_too_often(&messages),
        signed_anew(&messages),
        two_sockets(&messages),
        zero_first(&messages),
        zeros(&messages),
        refused_again(&messages),
        not_taken(&messages),
        on_a_timer(&messages),
        short_timer(&messages),
        not_again(&messages, now),
        clock(rows),
        never_verified(rows),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A sound client sends the next number when the right reply has come: from the socket that got it, or from a
/// new one. So from the socket that sent a number none follows before a reply to that number has left.
fn went_on(messages: &[Message]) -> Option<String> {
    let early = messages.iter().rev().find_map(|message| match message.copies[0].came {
        Came::Answered { before_reply_to: Some(before), .. } => Some((message.number, before)),
        _ => None,
    });
    if let Some((number, before)) = early {
        return Some(format!(
            "{number} came before the reply to {before} had left, from the same socket: wait for each reply \
             before the next number."
        ));
    }
    let goes_on = |at: usize| {
        let second = &messages[at];
        let own = |message: &&Message| message.peer() == second.peer();
        let first = messages[..at].iter().rev().find(own)?;
        let had_reply = |message: &Message| {
            message.number == first.number
                && message.peer() == first.peer()
                && message.had_reply(second.first())
        };
        // What came before the oldest row is not known.
        let is_whole = first.copies[0].copy == 1 && second.copies[0].copy == 1;
        let is_next = first.number > 0 && second.number > first.number;
        (is_whole && is_next && !messages.iter().any(had_reply)).then_some((first, second))
    };
    let (first, second) = (0..messages.len()).rev().find_map(goes_on)?;
    let (one, other) = (first.number, second.number);
    let pause = second.first().saturating_sub(first.first()).as_secs_f64();
    Some(match first.refused() {
        Some(reason) => format!(
            "{other} came {pause:.3} s after {one} from the same socket, though {one} had been refused \
             ({reason}): mend what the refusal says, and go on only after the right reply."
        ),
        None => format!(
            "{other} came {pause:.3} s after {one} from the same socket, though {one} had got no reply: wait for \
             the right one, and send the same bytes again until it comes."
        ),
    })
}

fn came_too_often(messages: &[Message]) -> Option<String> {
    let message = messages.iter().rev().find(|message| message.copies.len() > MOST_ARRIVALS)?;
    Some(format!(
        "{} came {} times: a client sends each message 8 times at most, and then starts over with 0.",
        message.number,
        message.copies.len()
    ))
}

/// A new message of the same number is sound once its `exp` has passed, after a start-over, and after everyone
/// was in. So three of them in a row take longer than this, however late the first came.
fn signed_anew(messages: &[Message]) -> Option<String> {
    const SOON: Duration = Duration::from_secs(5);
    let peers: BTreeSet<_> = messages.iter().map(Message::peer).collect();
    let in_a_row = |peer: &SocketAddr| {
        let own: Vec<_> = messages.iter().filter(|message| message.peer() == *peer).collect();
        own.windows(3).rev().find_map(|three| {
            let [one, two, last] = [three[0], three[1], three[2]];
            let is_same = last.number > 0 && one.number == last.number && two.number == last.number;
            let is_sound = [one, two].iter().any(|one| one.was_last() || one.refused() == Some("expired"));
            (is_same && !is_sound && last.first().saturating_sub(one.first()) <= SOON).then_some(last.number)
        })
    };
    let number = peers.iter().find_map(in_a_row)?;
    Some(format!(
        "Three different messages with number {number} came from one socket within 5 s: sign once, and send the \
         same bytes again, so that a reply to any copy fits."
    ))
}

/// A client may take a new socket, and then never again the one before. (A port may be given anew, but hardly
/// twice.)
fn two_sockets(messages: &[Message]) -> Option<String> {
    let returns = |at: usize| {
        let third = &messages[at];
        let before = messages[..at].iter().rposition(|message| message.peer() == third.peer())?;
        let is_soon = third.first().saturating_sub(messages[before].first()) <= Duration::from_secs(60);
        let other = messages[before + 1..at].first().filter(|_| is_soon)?;
        Some((third.peer(), other.peer()))
    };
    let mut found = (0..messages.len()).rev().filter_map(returns);
    let ((one, other), _) = (found.next()?, found.next()?);
    Some(format!(
        "New messages came from {one}, then from {other}, then from the first again: two clients of the group \
         run at once, one client has two sockets, or the first was stopped and its last message came late. Run \
         one at a time."
    ))
}

/// A 0 begins a run only where all eight copies of a 1 were lost before.
fn zero_first(messages: &[Message]) -> Option<String> {
    let rows: usize = messages.iter().map(|message| message.copies.len()).sum();
    let is_first = |at: usize| {
        let zero = &messages[at];
        let mut before = messages[..at].iter().flat_map(|message| &message.copies);
        let is_alone =
            before.all(|row| row.time > zero.first() || zero.first().saturating_sub(row.time) > OVER);
        // Older rows than these may have been dropped.
        zero.number == 0 && zero.copies[0].copy == 1 && is_alone && (at > 0 || rows < MOST_SIGNED)
    };
    (0..messages.len()).rev().find(|&at| is_first(at))?;
    Some(
        "A 0 came first: a client begins with 1, and 0 is nobody's number. Or no copy of the message before it \
         arrived whole."
            .into(),
    )
}

fn zeros(messages: &[Message]) -> Option<String> {
    let last = messages.iter().rev().find(|message| message.number == 0)?;
    let begin = messages.iter().rposition(Message::was_last).map_or(0, |at| at + 1);
    let zeros =
        messages[begin..].iter().filter(|message| message.number == 0 && message.peer() == last.peer());
    let zeros = zeros.count();
    (zeros >= 4).then(|| {
        format!(
            "{zeros} different messages 0 came from one socket, and everyone was in after none of them: after 3 \
             start-overs a client gives up and says so, until somebody starts it again."
        )
    })
}

/// The same bytes are refused for the same reason each time. (Only what is out of order, or could not be
/// recorded, may be taken later.)
fn refused_again(messages: &[Message]) -> Option<String> {
    let may_pass = ["out_of_order", "not_recorded"];
    let at = messages.iter().rposition(|message| {
        message.copies.len() >= 3 && message.refused().is_some_and(|reason| !may_pass.contains(&reason))
    })?;
    let (number, times, reason) =
        (messages[at].number, messages[at].copies.len(), messages[at].refused().unwrap_or_default());
    let is_mended =
        messages[at..].iter().any(|message| message.number == number && message.acknowledged() > 0);
    (!is_mended).then(|| {
        format!(
            "{number} was refused {times} times ({reason}): the same bytes are refused each time. Mend what the \
             refusal says, and sign anew."
        )
    })
}

/// Acknowledged again and again, and the next number has not come.
fn not_taken(messages: &[Message]) -> Option<String> {
    let left = |message: &Message| {
        let nobody = |row: &&&Row| matches!(row.came, Came::Answered { left_port: Some(_), .. });
        message.copies.iter().filter(nobody).count()
    };
    let is_stuck = |at: &usize| {
        let message = &messages[*at];
        let acknowledged = message.acknowledged();
        // Whoever took the last 0 is done, or begins again with 1.
        let goes_on = match message.was_last() {
            true => messages.get(at + 1).is_none_or(|next| next.number > 0),
            false => messages[*at..].iter().any(|next| next.number == message.number + 1),
        };
        (acknowledged >= 4 || acknowledged >= 2 && left(message) == acknowledged) && !goes_on
    };
    let message = &messages[(0..messages.len()).rev().find(is_stuck)?];
    let (number, acknowledged) = (message.number, message.acknowledged());
    Some(if left(message) == acknowledged {
        format!(
            "Each of the {acknowledged} replies to {number} went to a port that nobody held any more: receive on \
             the socket that sent, and keep it open. Or was the client stopped?"
        )
    } else if message.was_last() {
        format!(
            "{number} was acknowledged {acknowledged} times with next_number 0, which says that everyone is in, and \
             then a 0 came: those replies were lost or late on the way, or the client does not take next_number 0 \
             for the end."
        )
    } else {
        format!(
            "{number} was acknowledged {acknowledged} times, and {} has not come since: its replies were lost or \
             late on the way, or the client does not take them. Print what comes, and put it into check.",
            number + 1
        )
    })
}

/// Whoever reads a reply goes on at once, unless the way or the signing takes so long.
fn on_a_timer(messages: &[Message]) -> Option<String> {
    let pauses = messages.windows(2).filter_map(|pair| {
        let acknowledged =
            pair[0].copies.iter().rev().find(|row| matches!(row.came, Came::Answered { .. }))?;
        let goes_on =
            pair[1].number.checked_sub(1) == Some(pair[0].number) && pair[0].peer() == pair[1].peer();
        goes_on.then(|| pair[1].first().saturating_sub(acknowledged.time))
    });
    let pauses: Vec<_> = pauses.collect();
    let (least, most) = (*pauses.iter().min()?, *pauses.iter().max()?);
    let is_a_timer = pauses.len() >= 2
        && least >= Duration::from_millis(900)
        && most.saturating_sub(least) <= Duration::from_millis(100);
    is_a_timer.then(|| {
        format!(
            "Each number came {:.1} s after the acknowledgment before it: a timer runs out and no reply is read, \
             or the way, the signing or a person takes so long. With --lose 30 the first would show.",
            least.as_secs_f64()
        )
    })
}

fn short_timer(messages: &[Message]) -> Option<String> {
    let message = messages.iter().rev().find(|message| {
        let pauses = message.copies.iter().filter(|row| row.copy > 1).map(|row| row.since);
        pauses.clone().count() >= 2 && pauses.max() < Some(Duration::from_millis(50))
    })?;
    let span = message.copies.last()?.time.saturating_sub(message.first());
    Some(format!(
        "{} copies of {} came within {} ms: the client does not wait a second for a reply, or the network held \
         them up and brought them together.",
        message.copies.len(),
        message.number,
        span.as_millis()
    ))
}

fn not_again(messages: &[Message], now: Duration) -> Option<String> {
    let last = messages.last()?;
    let is_lost = matches!(last.copies[0].came, Came::Lost(Lost::Request | Lost::Reply));
    let is_over = now.saturating_sub(last.first()) > OVER;
    (is_lost && is_over && last.copies.len() == 1 && last.copies[0].copy == 1).then(|| {
        format!(
            "{} came once and got no reply, and nothing has come since: the client does not send it again, it was \
             stopped, or its copies were lost before they came here.",
            last.number
        )
    })
}

fn clock(rows: &[Row]) -> Option<String> {
    let signed: Vec<_> = rows.iter().filter(|row| row.is_signed).collect();
    let messages: BTreeSet<_> = signed.iter().map(|row| row.id).collect();
    let is_refused_for = |reason: &str| {
        signed.iter().all(|row| matches!(&row.came, Came::Refused { reason: found, .. } if *found == reason))
    };
    let is_off = messages.len() >= 2 && (is_refused_for("expired") || is_refused_for("not_yet_valid"));
    is_off.then(|| {
        "No message was valid when it came, whenever it was signed: exp or nbf is not made as it should be, or \
         the client's clock or the server's is off (UTC)."
            .into()
    })
}

fn never_verified(rows: &[Row]) -> Option<String> {
    let is_bad = |row: &Row| matches!(row.came, Came::Refused { reason: "bad_signature", .. });
    (rows.iter().all(is_bad) && rows.len() >= 2).then(|| {
        "No signature has verified so far: above stands what was found in each. check --key with the private key \
         says where it parts from the right one. Or somebody else claims the group's name."
            .into()
    })
}
