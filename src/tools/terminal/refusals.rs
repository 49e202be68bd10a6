//! What is said of a datagram that was refused: a name, and a sentence that tells a student what was
//! found and what to do. Printable ASCII, whatever the datagram held.

use super::{describe, quote};
use crate::received::MOST_RECORDS;
use crate::refusal::{NotAnObject, NotRecorded, Refusal};
use crate::server::MOST_BYTES;
use base64::DecodeError;

/// A reason as the logs name it, and what a datagram must be to pass its check.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    /// In `requests.jsonl`, on the terminal, in the report.
    pub name: &'static str,
    /// In `check`.
    pub condition: &'static str,
}

/// The way out where a group has too many records: every other group keeps its own.
pub(super) const SET_ASIDE: &str = "Ask the group for a new key; then stop the server, move this group's lines of \
                                    received.jsonl to another file, and start again";

/// The reasons in the order of the checks; [`Refusal`] has the same.
pub const REASONS: [Reason; 18] = [
    reason("lost_on_purpose", "not discarded by --lose or --trial"),
    reason("too_large", "the datagram has at most 4,096 bytes"),
    reason("not_a_jws", "three parts with dots between them"),
    reason("bad_base64", "each part is canonical base64url, without padding"),
    reason("bad_header", "the header is a JSON object"),
    reason("wrong_alg", "alg is RS256"),
    reason("unsupported_crit", "there is no crit"),
    reason("bad_payload", "the payload is a JSON object"),
    reason("unknown_group", "claim group is a group of the table"),
    reason("no_key", "the group has a usable key"),
    reason("bad_signature", "the signature verifies with the group's key"),
    reason("bad_claim", "seq_number, matricula, seq_max, exp and nbf are of their types"),
    reason("expired", "exp is still to come"),
    reason("not_yet_valid", "nbf has passed"),
    reason("wrong_audience", "there is no aud"),
    reason("out_of_order", "seq_number is the next one, the last one again, or 0"),
    reason("not_recorded", "the message is recorded"),
    reason("not_sent", "the reply is sent"),
];

const fn reason(name: &'static str, condition: &'static str) -> Reason {
    Reason { name, condition }
}

/// What follows the name of a reason at the beginning of a text.
pub fn after_reason(text: &[u8]) -> Option<&[u8]> {
    REASONS.iter().find_map(|reason| text.strip_prefix(reason.name.as_bytes()))
}

/// A refusal's place in [`REASONS`].
pub fn place(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::LostOnPurpose(..) => 0,
        Refusal::TooLarge(_) => 1,
        Refusal::NotAJws(_) => 2,
        Refusal::BadBase64(..) => 3,
        Refusal::BadHeader(_) => 4,
        Refusal::WrongAlg(_) => 5,
        Refusal::UnsupportedCrit => 6,
        Refusal::BadPayload(_) => 7,
        Refusal::UnknownGroup(_) => 8,
        Refusal::NoKey(_) => 9,
        Refusal::BadSignature(..) => 10,
        Refusal::BadClaim(..) => 11,
        Refusal::Expired(_) => 12,
        Refusal::NotYetValid(_) => 13,
        Refusal::WrongAudience(_) => 14,
        Refusal::OutOfOrder(..) => 15,
        Refusal::NotRecorded(_) => 16,
        Refusal::NotSent(_) => 17,
    }
}

/// The name of a refusal's reason.
pub fn name(refusal: &Refusal) -> &'static str {
    REASONS[place(refusal)].name
}

/// Whether a message refused for the reason of this name had a signature that verified.
pub fn is_signed(name: &str) -> bool {
    REASONS
        .iter()
        .skip_while(|reason| reason.name != "bad_signature")
        .skip(1)
        .any(|reason| reason.name == name)
}

/// What was found, and what to do.
pub fn detail(refusal: &Refusal) -> String {
    match refusal {
        Refusal::LostOnPurpose(_, how) => how.clone(),
        Refusal::TooLarge(bytes) => {
            format!("the datagram has {bytes} bytes; at most {MOST_BYTES}: shorten the claims")
        }
        Refusal::NotAJws(parts) => match parts {
            5 => "found 5 parts: that is a JWE, encrypted; a compact JWS is header.payload.signature".into(),
            _ => format!("found {parts} parts; a compact JWS is header.payload.signature"),
        },
        Refusal::BadBase64(part, characters, error) => {
            format!("{part} ({characters} characters): {}", why_not_base64url(error))
        }
        Refusal::BadHeader(found) => format!("the header {}", why_no_object(found)),
        Refusal::WrongAlg(alg) => {
            let found = describe(alg.as_ref());
            format!("header: alg is {found}; this server takes \"RS256\" alone")
        }
        Refusal::UnsupportedCrit => "header: crit lists extensions that must be understood, and this server \
                                     has none; leave crit out"
            .into(),
        Refusal::BadPayload(found) => format!("the payload {}", why_no_object(found)),
        Refusal::UnknownGroup(Some(serde_json::Value::String(name))) => {
            format!("claim group is {}, which is not in the server's table", quote(name.as_bytes()))
        }
        Refusal::UnknownGroup(group) => {
            format!("claim group is {}; it must be the group's name, a string", describe(group.as_ref()))
        }
        Refusal::NoKey(group) => {
            format!("the server has no usable public key of {group}: its start names the reason")
        }
        Refusal::BadSignature(bytes, bits) => match bits.div_ceil(8) {
            wanted if wanted != *bytes => {
                format!("the signature has {bytes} bytes; one by the group's {bits}-bit key has {wanted}")
            }
            _ => "does not verify with the group's key: sign the first two parts and their dot, \
                  RSASSA-PKCS1-v1_5 with SHA-256, the group's private key"
                .into(),
        },
        Refusal::BadClaim(claim @ ("exp" | "nbf"), found) => {
            format!(
                "claim {claim} is {}; it must be a number of seconds since 1970",
                describe(found.as_ref())
            )
        }
        Refusal::BadClaim(claim, found) => {
            format!("claim {claim} is {}; it must be an integer, 0 or more, like 1", describe(found.as_ref()))
        }
        Refusal::Expired(seconds) => {
            format!("exp passed {} ago: sign anew, with an exp to come", span(*seconds))
        }
        Refusal::NotYetValid(seconds) => {
            format!("nbf is {} ahead of this machine's clock: wait, or set yours", span(*seconds))
        }
        Refusal::WrongAudience(aud) => {
            let found = describe(Some(aud));
            format!("claim aud is {found}; this server is nobody's audience: leave aud out")
        }
        Refusal::OutOfOrder(members, state, seq_number) => {
            format!("seq_number is {seq_number} in state {state}; {}", way_out((*members).into(), *state))
        }
        Refusal::NotRecorded(why) => why_not_recorded(why),
        Refusal::NotSent(error) => format!("the system refused to send the reply: {error}"),
    }
}

/// [`detail`], for those who have the datagram before them: what it is, if it is no token at all.
pub fn detail_of(refusal: &Refusal, datagram: &[u8]) -> String {
    let found = match refusal {
        Refusal::NotAJws(_) if crate::keys::without_newline(datagram).is_empty() => {
            "an empty datagram".into()
        }
        Refusal::NotAJws(_) if datagram.starts_with(b"{") => {
            "JSON (perhaps a JWS in JSON serialization)".into()
        }
        Refusal::NotAJws(1) => format!("{} without a dot", quote(crate::keys::without_newline(datagram))),
        _ => return detail(refusal),
    };
    format!("found {found}; a compact JWS is header.payload.signature")
}

fn why_not_base64url(error: &DecodeError) -> String {
    match error {
        DecodeError::InvalidByte(at, byte) => {
            let hint = match byte {
                b'=' => "base64url in a JWS has no padding: take the = off",
                b'+' | b'/' => "that is base64; base64url has - for + and _ for /",
                byte if byte.is_ascii_whitespace() => "white space has no place in a token",
                _ => "not of the base64url alphabet",
            };
            format!("byte {at} is {}: {hint}", quote(&[*byte]))
        }
        DecodeError::InvalidLength(length) => format!("{length} characters can't be whole bytes: it is cut"),
        DecodeError::InvalidLastSymbol { .. } => {
            "the last character has bits set that no byte needs: it is cut or changed".into()
        }
        DecodeError::InvalidPadding => "base64url in a JWS has no padding: take the = off".into(),
    }
}

fn why_no_object(found: &NotAnObject) -> String {
    match found {
        NotAnObject::Json(value) => format!("is {}, not a JSON object", describe(Some(value))),
        NotAnObject::Text(text, error) => format!("{} is not JSON: {error}", quote(text)),
    }
}

fn why_not_recorded(why: &NotRecorded) -> String {
    match why {
        NotRecorded::TooMany(group) => {
            format!("{group} has {MOST_RECORDS} records, the most that are kept. {SET_ASIDE}")
        }
        NotRecorded::TooFast(group) => format!(
            "{group} has had 300 new messages at once, and now may have two a second: send again (does \
             somebody send captured tokens?)"
        ),
        NotRecorded::Disk(error) => {
            format!("received.jsonl can't be written: {error}; make room or mend the disk")
        }
        NotRecorded::Unseen(error) => {
            format!("received.jsonl can't be looked at: {error}; let the server's user reach it by its name")
        }
        NotRecorded::Moved => "received.jsonl was moved, removed or replaced: a restart would not find what \
                               is written; move it back"
            .into(),
        NotRecorded::Changed(found, left) => format!(
            "received.jsonl has {found} bytes and not the {left} that the server has left: another program \
             has changed it; restart the server, which reads it anew"
        ),
    }
}

/// What a group may send in a state.
fn way_out(members: u64, state: u64) -> String {
    if state > members {
        format!("the table has only {members} members: start over with 0")
    } else if state == members {
        format!("everyone is in: send {state} again, or 0 to start over")
    } else if state == 0 {
        "next_number would have been 1: send that".into()
    } else {
        format!("next_number would have been {}: send that, {state} again, or 0 to start over", state + 1)
    }
}

/// A span of time as a student reads it.
fn span(seconds: f64) -> String {
    match seconds {
        ..172_800.0 => format!("{seconds:.1} s"),
        ..1e9 => format!("{:.0} days", seconds / 86_400.0),
        _ => "many years".into(),
    }
}
