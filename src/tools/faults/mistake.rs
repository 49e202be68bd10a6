//! Which mistake a refused datagram holds: each reason asks the module of its kind.

use super::signature::{Effort, Key, Opened, open};
use super::{Diagnosis, claims, datagram, json, reply};
use crate::jws::{json_object, split};
use crate::keys::without_newline;
use crate::refusal::{NotAnObject, Refusal};
use crate::server::{Class, MOST_BYTES};
use crate::tools::print::describe;
use serde_json::{Map, Value};

/// The diagnosis of a datagram that was refused, if its mistake is known. `group` is the one that it
/// claims. A signature is opened with as many keys as `effort` says.
pub fn diagnose(
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
        Refusal::NotAJws(_) | Refusal::BadBase64(..) => datagram::diagnose(datagram),
        Refusal::BadHeader(NotAnObject::Text(text, _)) | Refusal::BadPayload(NotAnObject::Text(text, _)) => {
            json::diagnose(text)
        }
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
        Refusal::UnsupportedCrit => {
            Some(Diagnosis::new("leave crit out of the header", "this server has no extension"))
        }
        Refusal::WrongAudience(aud) => {
            let found = format!("claim aud is {}", describe(Some(aud)));
            Some(Diagnosis::new("leave claim aud out: this server is nobody's audience", found))
        }
        Refusal::OutOfOrder(members, state, seq_number) => {
            claims::exchanged(*seq_number, payload()?.get("matricula")?.as_u64()?, *members)
                .or_else(|| Some(claims::in_order((*members).into(), *state, *seq_number)))
        }
        Refusal::LostOnPurpose(..)
        | Refusal::TooLarge(_)
        | Refusal::NoKey
        | Refusal::NotRecorded(_)
        | Refusal::NotSent(_) => None,
    }
}

/// What a signature that does not verify with the key of its group holds. The other groups come in the
/// table's order, from the one behind it.
pub fn opened(token: &[u8], class: &Class, group: usize, effort: Effort) -> Option<Opened> {
    let key = |group: usize| {
        let components = class.keys[group].as_ref()?.components();
        Some(Key { name: &class.table[group].name, n: &components.n, e: &components.e })
    };
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
