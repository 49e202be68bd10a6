//! The sheet of the exam: a table of boxes. Each box is for one of the client's seven rules (section 8 of
//! [the protocol](crate::protocol)), and has its trick.
//!
//! A box is *shown* when the client has done what a client that keeps the rule does. It is *broken* when
//! the client has done what no client that keeps the rules can do, on a network that loses any datagram,
//! delivers each at most twice, and delays each by at most [`LONGEST_DELAY`]. A *question* is what such a
//! network can explain too: it breaks nothing, and the box stays open.

use std::time::Duration;

/// The longest that the network delays a datagram.
pub const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// How often a client sends a message before it starts over.
pub const TRIES: u32 = 8;
/// How often the network delivers a datagram.
pub const DELIVERIES: u32 = 2;
/// How often a client starts over before it gives up.
pub const START_OVERS: u32 = 3;
/// The longest time for which a payload may be good.
pub const LONGEST_LIFE: Duration = Duration::from_secs(3_600);
/// How far the clock of a client may be from that of the server.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(120);
/// How often a client comes through a wrong reply before its box is shown, and how often if it was broken: the
/// network may lose one, and then nobody knows what the client would have done.
pub const TIMES: u8 = 2;
/// See [`TIMES`].
pub const TIMES_IF_BROKEN: u8 = 3;
/// A pause below this is too short for a reply to come.
pub const SHORT_PAUSE: Duration = Duration::from_millis(100);

/// A box of the sheet, and its trick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the table says what each of them is
pub enum Trick {
    Payload,
    First,
    Silence,
    DamagedHmac,
    CutHmac,
    EmptyHmac,
    AlgNone,
    PublicKey,
    OtherIdRequest,
    PreviousReply,
    ErrorReply,
    PlainText,
    Late,
    Timer,
    Pace,
    GoesOn,
    NextNumber,
    StartOver,
    GiveUp,
    OneClient,
    OneList,
}

/// A line of the table.
#[derive(Debug)]
pub struct Entry {
    /// Which box it is.
    pub trick: Trick,
    /// The rule of the client that it is for, 1 to 7.
    pub rule: u8,
    /// Its name in `trial.jsonl`.
    pub name: &'static str,
    /// What the examiner does, and to which copy.
    pub done: &'static str,
    /// What a client that keeps the rule does then.
    pub keeps: &'static str,
    /// What a client that breaks the rule does, and what to change in it. It is said only where the client
    /// has done what no client that keeps the rules can do. Empty: there is no such act.
    pub breaks: &'static str,
    /// What is said where the network may have done it, or the client.
    pub question: &'static str,
}

/// Every box.
pub const TABLE: [Entry; 21] = [
    Entry {
        trick: Trick::Payload,
        rule: 1,
        name: "payload",
        done: "each payload is looked at",
        keeps: "each payload has a new jti, and an exp at most an hour ahead",
        breaks: "a payload has no jti, or that of another payload, or no exp, or one more than an hour ahead: \
                 put a new random jti and an exp some minutes ahead into each",
        question: "a number 1 came that had come before: sign new payloads in each run, each with a new jti",
    },
    Entry {
        trick: Trick::First,
        rule: 1,
        name: "first",
        done: "the first message of each play is looked at",
        keeps: "begins with 1",
        breaks: "",
        question: "0 came first, and no 1 before it: begin with 1",
    },
    Entry {
        trick: Trick::Silence,
        rule: 2,
        name: "silence",
        done: "a request is lost, or a reply, at any copy but the last",
        keeps: "sends the same bytes again",
        breaks: "went on though no right reply had come: wait for it, and send the same bytes again each second",
        question: "a message got no reply, and did not come again: send the same bytes again each second",
    },
    Entry {
        trick: Trick::DamagedHmac,
        rule: 2,
        name: "hmac_damaged",
        done: "a byte in the middle of the reply's HMAC is another; the first eight bytes are right",
        keeps: "sends the same bytes again",
        breaks: "went on after a reply with a wrong byte in its HMAC, and no right one had come: compare all 32 bytes",
        question: "the last reply that it got had a wrong byte in its HMAC: compare all 32 bytes; if it is wrong, \
                   send the same bytes again",
    },
    Entry {
        trick: Trick::CutHmac,
        rule: 2,
        name: "hmac_cut",
        done: "of the reply's HMAC only the first eight bytes are there",
        keeps: "sends the same bytes again",
        breaks: "went on after a reply with 8 bytes of HMAC, and no right one had come: an HMAC has 32",
        question: "the last reply that it got had 8 bytes of HMAC: if the length is wrong, send the same bytes again",
    },
    Entry {
        trick: Trick::EmptyHmac,
        rule: 2,
        name: "hmac_empty",
        done: "the reply has no HMAC: nothing is behind its second dot",
        keeps: "sends the same bytes again",
        breaks: "went on after a reply without an HMAC, and no right one had come: an empty one never verifies",
        question: "the last reply that it got had an empty HMAC: if it does not verify, send the same bytes again",
    },
    Entry {
        trick: Trick::AlgNone,
        rule: 2,
        name: "alg_none",
        done: "the reply's header says alg none, and it has no HMAC",
        keeps: "sends the same bytes again",
        breaks: "went on after a reply whose header says alg none, and no right one had come: verify with HS256, \
                 whatever the header says",
        question: "the last reply that it got said alg none: verify with HS256, and send the same bytes again",
    },
    Entry {
        trick: Trick::PublicKey,
        rule: 2,
        name: "hmac_of_public_key",
        done: "the reply's HMAC is made with the text of the group's public key in PEM",
        keeps: "sends the same bytes again",
        breaks: "went on after a reply whose HMAC is made with the public key, and no right one had come: only the \
                 class's secret counts",
        question: "the last reply that it got had an HMAC made with the public key: verify with the class's \
                   secret alone, and send the same bytes again",
    },
    Entry {
        trick: Trick::OtherIdRequest,
        rule: 2,
        name: "id_request_of_another",
        done: "the reply has another id_request; the first and the last eight digits are right",
        keeps: "sends the same bytes again",
        breaks: "went on after a reply with another id_request, and no right one had come: compare all 64 digits with \
                 the hash of your payload",
        question: "the last reply that it got had another id_request: compare all 64 digits, and send the same \
                   bytes again",
    },
    Entry {
        trick: Trick::PreviousReply,
        rule: 2,
        name: "previous_reply",
        done: "it gets the right reply to an earlier message once more",
        keeps: "sends the same bytes again",
        breaks: "went on after the reply to an earlier message, and no right one had come: compare id_request with \
                 the hash of the payload that you wait for",
        question: "the last reply that it got was to an earlier message: compare id_request, and send the same \
                   bytes again",
    },
    Entry {
        trick: Trick::ErrorReply,
        rule: 2,
        name: "error_reply",
        done: "the reply is well signed and has the right id_request, but an error in place of next_number",
        keeps: "sends the same bytes again",
        breaks: "went on after a reply with an error, and no right one had come: only a reply with next_number is an \
                 acknowledgment",
        question: "the last reply that it got had an error and no next_number: it is no acknowledgment; send the \
                   same bytes again",
    },
    Entry {
        trick: Trick::PlainText,
        rule: 2,
        name: "plain_text",
        done: "it gets a line of plain text",
        keeps: "sends the same bytes again",
        breaks: "went on after plain text, and no right reply had come: only a signed reply is an acknowledgment",
        question: "the last that it got was plain text: ignore it, and send the same bytes again",
    },
    Entry {
        trick: Trick::Late,
        rule: 2,
        name: "late_reply",
        done: "the right reply to a copy leaves only when the next copy comes",
        keeps: "goes on: the copies are the same bytes, so the reply to any of them fits",
        breaks: "sent another payload for the same number, though the first one's exp had not passed: send the \
                 same bytes again",
        question: "another payload came for the same number, or the late reply was not taken: send the same bytes \
                   again, and take the reply to any copy",
    },
    Entry {
        trick: Trick::Timer,
        rule: 2,
        name: "timer",
        done: "half a pause after copies 2, 3 and 4 a wrong reply comes",
        keeps: "sends the next copy when its second is over: within 1.25 pauses, two times of three",
        breaks: "",
        question: "after a wrong reply the next copy came late: a wrong reply must not begin the second anew",
    },
    Entry {
        trick: Trick::Pace,
        rule: 2,
        name: "pace",
        done: "the time between two copies is measured",
        keeps: "waits between two copies: 0.1 s and more",
        breaks: "sent one message more than 8 times: start over after 8 tries",
        question: "its copies come within less than 0.1 s: wait a second, a reply needs time to come",
    },
    Entry {
        trick: Trick::GoesOn,
        rule: 2,
        name: "goes_on",
        done: "the right reply, to a copy that nobody can foretell and behind any number of wrong replies",
        keeps: "goes on when it comes: once after fewer copies, and fewer replies, than another message needed",
        breaks: "",
        question: "the right reply went, and the client did not go on: is it read on the socket that sent, and \
                   how are its HMAC and its id_request computed?",
    },
    Entry {
        trick: Trick::NextNumber,
        rule: 3,
        name: "next_number",
        done: "alone in its play: a right reply asks for n + 2",
        keeps: "stops, and sends nothing more",
        breaks: "went on after a next_number that was not n + 1 (0 after the last): stop and ask",
        question: "after a next_number that was not n + 1 (0 after the last) it still sent: stop and ask",
    },
    Entry {
        trick: Trick::StartOver,
        rule: 4,
        name: "start_over",
        done: "alone in its play: from one number on nothing is answered, nor the first 0; the second one is",
        keeps: "sends 0 after 8 tries and their waits",
        breaks: "went on with the next number after tries without a right reply: start over with 0",
        question: "0 did not come, or came before 8 tries and their waits were over: send the same bytes 8 times, \
                   a second apart, then 0",
    },
    Entry {
        trick: Trick::GiveUp,
        rule: 5,
        name: "give_up",
        done: "alone in its play: from one number on nothing is answered, 0 included",
        keeps: "starts over 3 times, then sends nothing more",
        breaks: "started over a fourth time: give up after 3 start-overs, and say so",
        question: "it did not start over 3 times: a 0 without a right reply is a start-over too",
    },
    Entry {
        trick: Trick::OneClient,
        rule: 6,
        name: "one_client",
        done: "the sockets are compared from which new messages come",
        keeps: "the messages of a play come from one client",
        breaks: "",
        question: "new messages came from two sockets in turn: run one client at a time",
    },
    Entry {
        trick: Trick::OneList,
        rule: 7,
        name: "one_list",
        done: "the matriculas of each number are compared",
        keeps: "each number keeps its matricula",
        breaks: "sent another matricula for the same number while the first one's exp was ahead: stop every client \
                 and wait until it has passed",
        question: "",
    },
];

impl Trick {
    /// The wrong replies, each a trick of its own.
    pub const WRONG_REPLIES: [Self; 9] = [
        Self::DamagedHmac,
        Self::CutHmac,
        Self::EmptyHmac,
        Self::AlgNone,
        Self::PublicKey,
        Self::OtherIdRequest,
        Self::PreviousReply,
        Self::ErrorReply,
        Self::PlainText,
    ];

    /// Its line of the table.
    pub fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// The trick of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.trick)
    }
}
