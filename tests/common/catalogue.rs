//! The cases of `tests/vectors/datagrams.jsonl`, whose page is `tests/vectors/README.md`: read, written,
//! and played to whatever can answer a datagram.

use crate::common::{Class, SECRET, Scratch};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use ring::hmac;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;

pub const FILE: &str = "tests/vectors/datagrams.jsonl";
/// The directory of the class that every case supposes.
pub const CLASS: &str = "tests/vectors/class";

/// A datagram, and what a server of the protocol does with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub name: String,
    /// The section of the protocol that says so.
    pub section: String,
    /// The group that it is about, its number of members, and its state before.
    pub group: String,
    pub members: u64,
    pub state: u64,
    /// The names of the cases that lead there, from any state.
    pub before: Vec<String>,
    /// The only moment at which it is so; none: it is so at any time.
    pub now: Option<f64>,
    pub datagram: Vec<u8>,
    pub does: Does,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    /// It is not answered, for this reason.
    Refuse(String),
    Answer {
        next_number: u64,
        id_request: String,
        exact: Option<Exact>,
    },
}

/// What the server drew and when, and the reply to the last byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Exact {
    pub otp_number: u16,
    pub otp_timestamp: u64,
    pub reply: String,
}

/// The cases, in the file's order.
pub fn cases() -> Vec<Case> {
    let file = fs::read_to_string(FILE).unwrap();
    file.lines().map(|line| Case::from_json(&serde_json::from_str(line).expect(line))).collect()
}

impl Case {
    fn from_json(line: &Value) -> Self {
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("{name}: {line}")).to_string();
        let number = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("{name}: {line}"));
        let exact = || Exact {
            otp_number: u16::try_from(number("otp_number")).unwrap(),
            otp_timestamp: number("otp_timestamp"),
            reply: text("reply"),
        };
        let does = match line.get("reason") {
            Some(_) => Does::Refuse(text("reason")),
            None => Does::Answer {
                next_number: number("next_number"),
                id_request: text("id_request"),
                exact: line.get("reply").map(|_| exact()),
            },
        };
        let before = line["before"].as_array().expect("before").iter();
        Self {
            name: text("name"),
            section: text("section"),
            group: text("group"),
            members: number("members"),
            state: number("state"),
            before: before.map(|name| name.as_str().unwrap().to_string()).collect(),
            now: line.get("now").map(|now| now.as_f64().unwrap()),
            datagram: BASE64_STANDARD.decode(text("datagram")).unwrap(),
            does,
        }
    }

    /// Its line, without the newline.
    pub fn to_json(&self) -> String {
        let Self { name, section, group, members, state, .. } = self;
        let before: Vec<_> = self.before.iter().map(|name| format!("{name:?}")).collect();
        let now = self.now.map_or(String::new(), |now| format!("\"now\":{now},"));
        let does = match &self.does {
            Does::Refuse(reason) => format!("\"reason\":\"{reason}\""),
            Does::Answer { next_number, id_request, exact } => {
                let exact = exact.as_ref().map_or(String::new(), |exact| {
                    let Exact { otp_number, otp_timestamp, reply } = exact;
                    format!(
                        ",\"otp_number\":{otp_number},\"otp_timestamp\":{otp_timestamp},\"reply\":\"{reply}\""
                    )
                });
                format!("\"next_number\":{next_number},\"id_request\":\"{id_request}\"{exact}")
            }
        };
        format!(
            "{{\"name\":\"{name}\",\"section\":\"{section}\",\"group\":\"{group}\",\"members\":{members},\
             \"state\":{state},\"before\":[{}],{now}\"datagram\":\"{}\",{does}}}",
            before.join(","),
            BASE64_STANDARD.encode(&self.datagram)
        )
    }

    /// Whether it is answered.
    pub fn is_answered(&self) -> bool {
        matches!(self.does, Does::Answer { .. })
    }

    /// What is wrong with what came back, if anything is; the server's clock being at `now`.
    pub fn judge(&self, reply: Option<&str>, now: u64) -> Result<(), String> {
        match (&self.does, reply) {
            (Does::Refuse(_), None) => Ok(()),
            (Does::Refuse(reason), Some(reply)) => {
                Err(format!("answered, and must not be ({reason}): {reply}"))
            }
            (Does::Answer { .. }, None) => Err("not answered".into()),
            (Does::Answer { next_number, id_request, .. }, Some(reply)) => {
                if reply.len() >= self.datagram.len() {
                    return Err(format!("the reply is not smaller than the request: {reply}"));
                }
                judge_reply(reply, *next_number, id_request, now).map_err(|wrong| format!("{wrong}: {reply}"))
            }
        }
    }
}

/// The class of the vectors, in a scratch directory: five public keys, and the secret.
pub fn class() -> Class {
    let directory = Scratch::new();
    for file in fs::read_dir(format!("{CLASS}/keys_pub")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        directory.write(&format!("keys_pub/{name}"), fs::read(&path).unwrap());
    }
    directory.write("keys_priv/key_secret_for_hmac.txt", format!("{SECRET}\n"));
    Class { directory }
}

/// The HMAC key of the class's secret.
pub fn secret() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes())
}

/// Section 4 of the protocol, member for member.
fn judge_reply(reply: &str, next_number: u64, id_request: &str, now: u64) -> Result<(), &'static str> {
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    let (signed, tag) = reply.rsplit_once('.').ok_or("no compact JWS")?;
    let (header, payload) = signed.split_once('.').ok_or("no compact JWS")?;
    let tag = decode(tag).ok_or("the HMAC is not base64url")?;
    hmac::verify(&secret(), signed.as_bytes(), &tag).map_err(|_| "the HMAC does not verify")?;
    let header = decode(header).ok_or("the header is not base64url")?;
    let header: Value = serde_json::from_slice(&header).map_err(|_| "the header is not JSON")?;
    if header != serde_json::json!({"alg": "HS256", "typ": "JWT"}) {
        return Err("the header is not alg HS256, typ JWT");
    }
    let payload = decode(payload).and_then(|payload| String::from_utf8(payload).ok());
    let payload = payload.ok_or("the payload is not text")?;
    let begin = format!(r#"{{"id_request":"{id_request}","next_number":{next_number},"otp_number":"#);
    let otp = payload.strip_prefix(&begin).ok_or("another id_request or next_number, or order")?;
    let otp = otp.strip_suffix('}').and_then(|otp| otp.split_once(r#","otp_timestamp":"#));
    let (number, timestamp) = otp.ok_or("not four claims in their order")?;
    match (number.parse(), timestamp.parse::<u64>()) {
        (Ok(0..=20_000_u16), Ok(timestamp)) if timestamp.abs_diff(now) <= 2 => Ok(()),
        (Ok(0..=20_000), _) => Err("otp_timestamp is not the time"),
        _ => Err("otp_number is not an integer from 0 to 20000"),
    }
}

/// Plays a case to a server, in whatever state: what leads to its state, its datagram twice, and if that
/// must not be answered, the message that led to the state once more, which shows that no state has
/// moved. `answer` is given a datagram, and returns what came back; `now` is the server's clock.
pub fn play(
    case: &Case,
    by_name: &HashMap<&str, &Case>,
    now: u64,
    answer: &mut dyn FnMut(&Case) -> Option<String>,
) -> Result<(), String> {
    let mut one = |of: &Case, when: &str| {
        let reply = answer(of);
        of.judge(reply.as_deref(), now).map_err(|wrong| format!("{}: {when}{}: {wrong}", case.name, of.name))
    };
    for name in &case.before {
        one(by_name[name.as_str()], "on the way, ")?;
    }
    one(case, "")?;
    one(case, "the second time, ")?;
    if let (false, Some(last)) = (case.is_answered(), case.before.last()) {
        one(by_name[last.as_str()], "after it, ")?;
    }
    Ok(())
}

/// The cases by their names.
pub fn by_name(cases: &[Case]) -> HashMap<&str, &Case> {
    cases.iter().map(|case| (case.name.as_str(), case)).collect()
}
