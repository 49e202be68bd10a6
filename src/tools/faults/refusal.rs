//! A datagram that was refused: what the refusal itself says, and which mistake is behind it. Printable
//! ASCII, whatever the datagram held.

use super::signature::{Effort, Key, Opened, open};
use super::{Diagnosis, claims, datagram, json, record, reply};
use crate::jws::{json_object, split};
use crate::keys::without_newline;
use crate::refusal::{NotAnObject, Refusal};
use crate::server::{Class, MOST_BYTES};
use crate::tools::print::{describe, quote};
use base64::DecodeError;
use serde_json::{Map, Value};

/// What a refusal itself says: it costs nothing, and the log says it of each datagram that is refused.
pub fn plain(refusal: &Refusal, datagram: &[u8]) -> Diagnosis {
    let said = |change: &'static str, found: String| Diagnosis::new(change, found);
    match refusal {
        Refusal::LostOnPurpose(_, how) => said("", how.clone()),
        Refusal::TooLarge(bytes) => {
            said("shorten the claims", format!("the datagram has {bytes} bytes, more than {MOST_BYTES}"))
        }
        Refusal::NotAJws(parts) => {
            let found = match (without_newline(datagram), parts) {
                (b"", _) => "an empty datagram".into(),
                ([b'{', ..], _) => "JSON (perhaps a JWS in JSON serialization)".into(),
                (text, 1) => format!("{} without a dot", quote(text)),
                (_, parts) => format!("{parts} parts"),
            };
            said("a compact JWS is header.payload.signature", format!("found {found}"))
        }
        Refusal::BadBase64(part, characters, error) => {
            let (change, found) = of_base64url(error);
            said(change, format!("{part} ({characters} characters): {found}"))
        }
        Refusal::BadHeader(found) => said("write a JSON object", format!("the header {}", of_object(found))),
        Refusal::WrongAlg(alg) => {
            said("this server takes \"RS256\" alone", format!("alg is {}", describe(alg.as_ref())))
        }
        Refusal::UnsupportedCrit => said(
            "leave crit out of the header",
            "crit lists extensions that must be understood, and this server has none".into(),
        ),
        Refusal::BadPayload(found) => {
            said("write a JSON object", format!("the payload {}", of_object(found)))
        }
        Refusal::UnknownGroup(Some(Value::String(name))) => {
            said("write your group's name as the table has it", claims::in_no_table(name))
        }
        Refusal::UnknownGroup(group) => said(
            "it must be the group's name, a string",
            format!("claim group is {}", describe(group.as_ref())),
        ),
        Refusal::NoKey => said(
            "tell the professor: the server's start names the reason",
            "the server has no usable public key of this group".into(),
        ),
        Refusal::BadSignature(bytes, bits) => match bits.div_ceil(8) {
            wanted if wanted != *bytes => said(
                "sign with the group's key, and encode the signature's bytes once",
                format!(
                    "the signature has {bytes} bytes, and one by the group's {bits}-bit key has {wanted}"
                ),
            ),
            _ => said(
                "sign the first two parts and their dot, RSASSA-PKCS1-v1_5 with SHA-256, the group's private key",
                "does not verify with the group's key".into(),
            ),
        },
        Refusal::BadClaim(claim, found) => {
            let change = match *claim {
                "exp" | "nbf" => "it must be a number of seconds since 1970",
                _ => "it must be an integer, 0 or more, like 1",
            };
            said(change, format!("claim {claim} is {}", describe(found.as_ref())))
        }
        Refusal::Expired(seconds) => said("sign anew, with an exp to come", claims::passed("exp", *seconds)),
        Refusal::NotYetValid(seconds) => said("wait, or set your clock", claims::ahead("nbf", *seconds)),
        Refusal::WrongAudience(aud) => said(
            "leave claim aud out: this server is nobody's audience",
            format!("claim aud is {}", describe(Some(aud))),
        ),
        Refusal::OutOfOrder(members, state, seq_number) => claims::in_order(*members, *state, *seq_number),
        Refusal::NotRecorded(why) => record::not_recorded(why, "received.jsonl"),
        Refusal::NotSent(error) => said("", format!("the reply could not be sent: {error}")),
    }
}

/// The first mistake in a part that is not base64url.
fn of_base64url(error: &DecodeError) -> (&'static str, String) {
    match error {
        DecodeError::InvalidByte(at, byte) => {
            let change = match byte {
                b'=' => "take the = off: base64url in a JWS has no padding",
                b'+' | b'/' => "that is base64; base64url has - for + and _ for /",
                byte if byte.is_ascii_whitespace() => "white space has no place in a token",
                _ => "write base64url, which has A-Z a-z 0-9 - _ alone",
            };
            (change, format!("byte {at} is {}", quote(&[*byte])))
        }
        DecodeError::InvalidLength(length) => {
            let found =
                format!("{length} characters can't be whole bytes: it is cut, or a character is lost");
            ("send the token whole, as it was made", found)
        }
        DecodeError::InvalidLastSymbol { .. } => (
            "send the token whole, as it was made",
            "its last character has bits set that no byte needs: it is cut or changed".into(),
        ),
        DecodeError::InvalidPadding => {
            ("take the = off: base64url in a JWS has no padding", "= stands at its end".into())
        }
    }
}

fn of_object(found: &NotAnObject) -> String {
    match found {
        NotAnObject::Json(value) => format!("is {}, not a JSON object", describe(Some(value))),
        NotAnObject::Text(text, error) => format!("{} is not JSON: {error}", quote(text)),
    }
}

/// The mistake behind a refusal, if it is known. `group` is the one that the datagram claims. A signature
/// is opened with as many keys as `effort` says.
pub fn mistake(
    refusal: &Refusal,
    datagram: &[u8],
    class: &Class,
    group: Option<usize>,
    now: f64,
    effort: Effort,
) -> Option<Diagnosis> {
    let text = without_newline(datagram);
    let parts = split(text).ok();
    let object = |json: &[u8]| json_object(json).ok();
    let header = || object(&parts.as_ref()?.header);
    let payload = || object(&parts.as_ref()?.payload);
    match refusal {
        Refusal::TooLarge(_) if is_a_buffer(datagram) => datagram::diagnose(datagram),
        Refusal::NotAJws(_) | Refusal::BadBase64(..) => {
            reply::with_more(datagram).or_else(|| datagram::diagnose(datagram))
        }
        Refusal::BadHeader(NotAnObject::Text(json, _)) => {
            datagram::before_token(text).or_else(|| json::diagnose(json))
        }
        Refusal::BadPayload(NotAnObject::Text(json, _)) => json::diagnose(json),
        Refusal::BadHeader(_) => json::diagnose(&parts?.header),
        Refusal::BadPayload(_) => json::diagnose(&parts?.payload),
        Refusal::WrongAlg(_) => reply::sent_back(datagram).or_else(|| claims::alg(&header()?)),
        Refusal::UnknownGroup(Some(Value::String(name))) => {
            claims::group(name, class.table.iter().map(|group| group.name.as_str()))
        }
        Refusal::UnknownGroup(_) => claims::claim(&payload()?, "group"),
        Refusal::BadSignature(..) => Some(opened(text, class, group?, effort)?.diagnosis),
        Refusal::BadClaim(claim, _) => claims::claim(&payload()?, claim),
        Refusal::Expired(_) => time(&payload()?, "exp", now),
        Refusal::NotYetValid(_) => time(&payload()?, "nbf", now),
        Refusal::OutOfOrder(members, _, seq_number) => {
            claims::exchanged(*seq_number, payload()?.get("matricula")?.as_u64()?, *members)
        }
        Refusal::LostOnPurpose(..)
        | Refusal::TooLarge(_)
        | Refusal::UnsupportedCrit
        | Refusal::WrongAudience(_)
        | Refusal::NoKey
        | Refusal::NotRecorded(_)
        | Refusal::NotSent(_) => None,
    }
}

/// What a signature that does not verify with the key of its group holds.
pub fn opened(token: &[u8], class: &Class, group: usize, effort: Effort) -> Option<Opened> {
    let key = |group: usize| {
        let components = class.keys[group].as_ref()?.components();
        Some(Key { name: &class.table[group].name, n: &components.n, e: &components.e })
    };
    // In the table's order, from the one behind it.
    let others: Vec<_> = (group + 1..class.table.len()).chain(0..group).filter_map(key).collect();
    open(token, key(group)?, &others, effort)
}

/// Whether all that is too large of a datagram is NULs.
fn is_a_buffer(datagram: &[u8]) -> bool {
    datagram.iter().skip(MOST_BYTES).all(|&byte| byte == 0)
}

fn time(claims: &Map<String, Value>, claim: &str, now: f64) -> Option<Diagnosis> {
    let number = |claim: &str| claims.get(claim).and_then(Value::as_f64);
    claims::time(claim, number(claim)?, number("iat"), now)
}
