//! Claims that are almost right: a name, a type, a value in another claim's place, a group one
//! letter off.

use super::Diagnosis;
use super::encodings::nearest;
use crate::claims::Request;
use crate::groups::Group;
use crate::tools::print::{describe, quote};
use serde_json::{Map, Value};

/// What each claim is called where it is called otherwise. A word that may be another claim's, such as `name`,
/// `id` or `number`, is none.
const NAMES: [(&str, &str); 6] = [
    ("group", "grupo group_name groupname group_id equipa equipe turma"),
    ("seq_number", "seq sn seq_num seq_no seqno seqnum sequence sequence_number seqnumber"),
    ("matricula", "matr\u{ed}cula matriculas registration student_id student_number enrollment mat"),
    ("seq_max", "seqmax seq_maximum max_seq"),
    ("exp", "expires expiresIn expires_in expiration expiry"),
    ("nbf", "not_before notBefore"),
];

/// What is wrong with a claim that is absent or not of its type.
pub fn claim(members: &Map<String, Value>, claim: &str) -> Option<Diagnosis> {
    let Some(found) = members.get(claim) else { return Some(absent(members, claim)) };
    let described = format!("claim {claim} is {}", describe(Some(found)));
    let is_time = ["exp", "nbf"].contains(&claim);
    let change = match found {
        Value::String(text)
            if text.trim().parse::<u64>().is_ok() || is_time && text.trim().parse::<f64>().is_ok() =>
        {
            format!("take the quotes off {claim}: a number")
        }
        Value::String(_) if claim == "group" => return None,
        Value::String(text) if is_time && text.contains(['-', '/']) => {
            format!("write {claim} in seconds since 1970, not a date")
        }
        Value::String(text) if is_time && text.starts_with(|char: char| char.is_ascii_digit()) => {
            format!("write {claim} as now in seconds plus a span")
        }
        Value::String(text) if text.is_empty() => format!("set {claim}: it is an empty text"),
        Value::String(_) => format!("write {claim} as a number"),
        Value::Number(_) if claim == "group" => "write group as the group's name, a string".into(),
        Value::Number(number) if number.as_f64().is_some_and(|number| number < 0.0) => {
            format!("write {claim} as 0 or more")
        }
        Value::Number(number)
            if number.as_f64().is_some_and(|number| number.fract() == 0.0 && number < 1e15) =>
        {
            format!("write {claim} as an integer, without point or e")
        }
        Value::Number(_) => format!("write {claim} as an integer of 64 bits"),
        Value::Null => format!("set {claim}: it is null"),
        Value::Bool(_) => format!("write {claim} as a number, not true or false"),
        Value::Array(values) if values.len() == 1 => format!("take {claim} out of its list"),
        Value::Array(_) => format!("send one message for each: {claim} is one value"),
        Value::Object(_) => format!("write {claim} as a plain value, not an object"),
    };
    Some(Diagnosis::new(change, described))
}

/// A claim that is not there, and the one that is almost it.
fn absent(members: &Map<String, Value>, claim: &str) -> Diagnosis {
    let known = |name: &str| NAMES.iter().any(|(known, _)| *known == name);
    let others = NAMES.iter().find(|(known, _)| *known == claim).map_or("", |(_, others)| *others);
    let names = || members.keys().map(String::as_str).filter(|name| !known(name));
    let plain = |name: &str| name.to_lowercase().replace(['-', '_', ' ', '"'], "");
    let alike: Vec<_> = others.split(' ').chain([claim]).map(plain).collect();
    let is_alike = |name: &&str| alike.contains(&plain(name));
    if let Some(name) = names().find(is_alike).or_else(|| Some(nearest(claim, names())?.0)) {
        let found = format!("there is a claim {}, and no {claim}", quote(name.as_bytes()));
        let change = match name.is_ascii() && name.len() <= 24 && name.chars().all(|char| !char.is_control())
        {
            true => format!("rename claim {name} to {claim}"),
            false => format!("rename a claim to {claim}"),
        };
        return Diagnosis::new(change, found);
    }
    let inside =
        members.iter().find(|(_, value)| value.as_object().is_some_and(|inner| inner.contains_key(claim)));
    if let Some((name, _)) = inside {
        let found = format!("{claim} is inside {}", quote(name.as_bytes()));
        return Diagnosis::new(format!("move {claim} up: it is a level too deep"), found);
    }
    let inside = members.iter().find(|(_, value)| value.as_str().is_some_and(|text| text.contains(claim)));
    if let Some((name, _)) = inside {
        let found = format!("claim {} is a string with {claim} in it", quote(name.as_bytes()));
        return Diagnosis::new(format!("write {claim} as a claim, not in a string"), found);
    }
    let there = members.keys().take(8).map(|name| quote(name.as_bytes())).collect::<Vec<_>>().join(", ");
    Diagnosis::new(
        format!("add claim {claim}"),
        format!("the claims are {}", if there.is_empty() { "none" } else { &there }),
    )
}

/// Letters with the accents of western Europe, as ASCII.
fn plain(name: &str) -> String {
    const LETTERS: [(&str, char); 7] = [
        ("\u{e0}\u{e1}\u{e2}\u{e3}\u{e4}\u{c0}\u{c1}\u{c2}\u{c3}\u{c4}", 'a'),
        ("\u{e7}\u{c7}", 'c'),
        ("\u{e8}\u{e9}\u{ea}\u{eb}\u{c8}\u{c9}\u{ca}\u{cb}", 'e'),
        ("\u{ec}\u{ed}\u{ee}\u{ef}\u{cc}\u{cd}\u{ce}\u{cf}", 'i'),
        ("\u{f1}\u{d1}", 'n'),
        ("\u{f2}\u{f3}\u{f4}\u{f5}\u{f6}\u{d2}\u{d3}\u{d4}\u{d5}\u{d6}", 'o'),
        ("\u{f9}\u{fa}\u{fb}\u{fc}\u{d9}\u{da}\u{db}\u{dc}", 'u'),
    ];
    let ascii =
        |char| LETTERS.iter().find(|(letters, _)| letters.contains(char)).map_or(char, |(_, letter)| *letter);
    let shows = |char: &char| char.is_ascii_graphic();
    name.chars().map(ascii).filter(shows).map(|char| char.to_ascii_uppercase()).collect()
}

/// That the table has no group of this name.
pub fn in_no_table(name: &str) -> String {
    format!("claim group is {}, which is not in the server's table", quote(name.as_bytes()))
}

/// A longer name is not looked for in the table.
const MOST_LETTERS: usize = 64;

/// The group of the table that a name almost is.
pub fn group<'a>(name: &str, groups: impl Iterator<Item = &'a str> + Clone) -> Option<Diagnosis> {
    let found = in_no_table(name);
    let same = |wanted: &str| groups.clone().find(|group| group.eq_ignore_ascii_case(wanted));
    let said = |change: String| Some(Diagnosis::new(change, found.clone()));
    if let Some(group) = same(name.trim_matches(|char: char| char.is_whitespace() || char.is_control())) {
        return said(format!("take the space or newline off group {group}"));
    }
    if let Some(group) = same(name.trim_matches(['"', '\'', '`', '[', ']'])) {
        return said(format!("take the quotes off group {group}"));
    }
    let plain = plain(name);
    if let Some(group) = same(&plain) {
        return said(format!("write group {group} in plain ASCII letters"));
    }
    let stem = |end: &&str| name.to_ascii_lowercase().strip_suffix(*end).and_then(same);
    if let Some(group) = [".pem", ".ssh", ".pub"].iter().find_map(stem) {
        return said(format!("write group {group}, not its key's file"));
    }
    // If another is as near, either may be meant.
    if let Some((group, letters, true)) = nearest(&plain, groups.clone()) {
        let letters = if letters == 1 { "a letter".into() } else { format!("{letters} letters") };
        return Some(Diagnosis::new(
            format!("write group {group}"),
            format!("{found}, and {letters} off {group}"),
        ));
    }
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Diagnosis::new(
            "write the group's name; a student's number is matricula",
            format!("group is {}, a number", quote(name.as_bytes())),
        ));
    }
    let contained = |group: &&str| {
        plain.len() <= MOST_LETTERS && group.len() >= 4 && plain.contains(&group.to_ascii_uppercase())
    };
    let mut all = groups.clone().filter(contained);
    match (all.next(), all.next()) {
        (Some(group), None) => return said(format!("write group {group} alone")),
        (Some(group), Some(other)) => return said(format!("write one group alone, {group} or {other}")),
        (None, _) => {}
    }
    let names = groups.take(8).collect::<Vec<_>>().join(", ");
    Some(Diagnosis::new("write your group's name as the table has it", format!("{found}; it has {names}")))
}

/// `seq_number` and `matricula` in each other's place: a number of members is at most 255.
pub fn exchanged(seq_number: u64, matricula: u64, members: u8) -> Option<Diagnosis> {
    exchanged_of(seq_number, matricula, members, &format!("the group has {}", of_members(members)))
}

/// A number of members as people write it.
fn of_members(members: u8) -> String {
    if members == 1 { "1 member".into() } else { format!("{members} members") }
}

/// The same, and where the number of members is from.
fn exchanged_of(seq_number: u64, matricula: u64, members: u8, from: &str) -> Option<Diagnosis> {
    let is_exchanged = seq_number > 255 && matricula <= members.into();
    let found = format!("seq_number is {seq_number} and matricula {matricula}, and {from}");
    match seq_number {
        _ if is_exchanged => Some(Diagnosis::new("exchange seq_number and matricula", found)),
        256.. => Some(Diagnosis::new("count the members in seq_number: 1, 2, ...", found)),
        _ if seq_number > members.into() => {
            Some(Diagnosis::new(format!("send a seq_number from 0 to {members}"), found))
        }
        _ => None,
    }
}

/// What is in order in a state.
pub fn in_order(members: u8, state: u64, seq_number: u64) -> Diagnosis {
    let (next, last) = (state + 1, u64::from(members));
    let change = match state {
        0 => "send seq_number 1".into(),
        _ if state < last => format!("send seq_number {next}, {state} again, or 0 to start over"),
        _ if state == last => {
            "everyone is in: to send everyone again, start over with 0 after 8 tries".into()
        }
        _ => "send seq_number 0, to start over".into(),
    };
    Diagnosis::new(change, format!("seq_number is {seq_number} in state {state} of {members}"))
}

/// A span of time as a student reads it.
fn span(seconds: f64) -> String {
    match seconds {
        ..172_800.0 => format!("{seconds:.1} s"),
        ..1e9 => format!("{:.0} days", seconds / 86_400.0),
        _ => "many years".into(),
    }
}

/// That a time has passed.
pub fn passed(claim: &str, seconds: f64) -> String {
    format!("{claim} passed {} ago", span(seconds))
}

/// That a time is still to come.
pub fn ahead(claim: &str, seconds: f64) -> String {
    format!("{claim} is {} ahead", span(seconds))
}

/// Where others begin to count seconds, and how much later than 1970 that is. A time is told by it only if it is
/// off by that, to a day.
const EPOCHS: [(f64, &str); 2] =
    [(978_307_200.0, "2001, as Swift's reference date"), (946_684_800.0, "2000, as MicroPython does")];

/// What is wrong with a time that has passed or is still to come. All in seconds since 1970. A message may have
/// been signed long before it came: a time that has passed is no proof of a wrong clock.
pub fn time(claim: &str, value: f64, iat: Option<f64>, now: f64) -> Option<Diagnosis> {
    let said = |change: String, found: String| Some(Diagnosis::new(change, found));
    let off = value - now;
    let hours = |span: f64| (span / 1_800.0).round() / 2.0;
    let is_zone = |span: f64| {
        hours(span) != 0.0 && hours(span).abs() <= 14.0 && (span - hours(span) * 3_600.0).abs() < 60.0
    };
    let epoch = EPOCHS.iter().find(|(seconds, _)| (off + seconds).abs() < 86_400.0);
    if let Some((_, year)) = epoch {
        return said(format!("count {claim} from 1970"), format!("{claim} is {value}, counted from {year}"));
    }
    match value {
        5e10.. => {
            // In its unit it is of these decades: a row of nines is of none.
            let is_in = |unit: f64| (value / unit - now).abs() < 3.2e8;
            let unit = match value {
                _ if is_in(1e3) => "in seconds, not milliseconds",
                _ if is_in(1e6) || is_in(1e9) => "in seconds, not micro- or nanoseconds",
                _ => "as now in seconds plus a span",
            };
            said(format!("write {claim} {unit}"), format!("{claim} is {value:.0}, of the year 3500 or later"))
        }
        ..1e8 => said(
            format!("write {claim} as now in seconds plus a span"),
            format!("{claim} is {value}: a span, or never set? It counts seconds from 1970"),
        ),
        _ => {
            let iat_off = iat.map(|iat| iat - now);
            match iat_off {
                // Both are the client's: no clock that is off, and no delay, moves one against the other.
                Some(_) if claim == "exp" && iat == Some(value) => {
                    said("add a span to exp: now + 600, say".into(), "exp is iat: no span was added".into())
                }
                Some(_) if claim == "exp" && iat.is_some_and(|iat| value < iat) => {
                    let before = iat.unwrap_or_default() - value;
                    said("write exp as iat plus a span".into(), format!("exp is {} before iat", span(before)))
                }
                Some(iat_off) if is_zone(iat_off) => {
                    let old = if iat_off < 0.0 { ", or it was signed so long ago" } else { "" };
                    let hours = hours(iat_off);
                    said(
                        format!("make {claim} from UTC: time.time(), not utcnow().timestamp()"),
                        format!(
                            "iat is {hours:+} hours off, which is a time zone, or a clock that is off{old}"
                        ),
                    )
                }
                Some(iat_off) if iat_off > 1.0 => {
                    said("set your clock, or write iat as it is now".into(), ahead("iat", iat_off))
                }
                _ if claim == "exp" && (-2.0..=0.0).contains(&off) => {
                    let found = passed(claim, -off) + ": it is now without a span, or it came late";
                    said("write exp as now + 600, say, or sign anew".into(), found)
                }
                _ if claim == "exp" && off <= 0.0 => {
                    said("sign anew; if it was just signed, set your clock".into(), passed(claim, -off))
                }
                _ if claim == "nbf" && off > 0.0 => {
                    said("set your clock, or leave nbf out".into(), ahead(claim, off))
                }
                _ => None,
            }
        }
    }
}

/// What is wrong with a header's `alg`.
pub fn alg(header: &Map<String, Value>) -> Option<Diagnosis> {
    const DEFAULT: &str = "sign with RS256 and the private key, not HS256";
    let found = format!("alg is {}", describe(header.get("alg")));
    let change = match header.get("alg") {
        None => {
            let name = header
                .keys()
                .find(|name| nearest(name, ["alg"]).is_some() || name.to_lowercase() == "algorithm");
            match name {
                Some(name) if name.chars().all(|char| char.is_ascii_graphic()) => {
                    format!("rename header member {name} to alg")
                }
                _ if header.values().any(|value| value.get("alg").is_some()) => {
                    "move alg up: it is a level too deep".into()
                }
                _ if header.contains_key("group") => "put the header first: this is the payload".into(),
                _ => "add \"alg\":\"RS256\" to the header".into(),
            }
        }
        Some(Value::String(alg)) => match alg.trim().to_ascii_uppercase().as_str() {
            "RS256" => "write alg exactly: RS256".into(),
            "HS256" => DEFAULT.into(),
            "HS384" | "HS512" => "sign with RS256 and the private key, not HMAC".into(),
            "NONE" => "sign it: alg none is not taken".into(),
            "PS256" | "PS384" | "PS512" => "sign with RS256, not PSS".into(),
            "ES256" | "ES384" | "ES512" | "ES256K" | "EDDSA" | "ED25519" => {
                "sign with RS256 and an RSA key".into()
            }
            "RS384" | "RS512" => "sign with RS256: SHA-256".into(),
            "RSA-OAEP" | "RSA-OAEP-256" | "RSA1_5" | "DIR" => {
                "sign (JWS, RS256), do not encrypt (JWE)".into()
            }
            _ => "write \"alg\":\"RS256\"".into(),
        },
        Some(_) => "write \"alg\":\"RS256\", a string".into(),
    };
    Some(Diagnosis::new(change, found))
}

/// What is said of a message that is taken, though its `exp` lies so far ahead that it bounds nothing.
pub fn far_ahead(exp: f64, now: f64) -> Option<Diagnosis> {
    const A_YEAR: f64 = 365.0 * 86_400.0;
    (exp - now > A_YEAR).then(|| {
        time("exp", exp, None, now).unwrap_or_else(|| {
            Diagnosis::new("write exp as now in seconds plus a span", "exp is more than a year ahead")
        })
    })
}

/// What the server does not look at, but its student should. `group` is the table's, if that is known.
pub fn notes(group: Option<&Group>, request: &Request, claims: &Map<String, Value>, now: f64) -> Vec<String> {
    let Request { seq_number, seq_max, exp, matricula, .. } = *request;
    let mut notes = Vec::new();
    notes.extend(exp.and_then(|exp| far_ahead(exp, now)).map(|diagnosis| diagnosis.to_string()));
    if let (Some(Group { name, members, .. }), Some(seq_max)) = (group, seq_max)
        && seq_max != u64::from(*members)
    {
        notes.push(format!("seq_max is {seq_max}, but the table gives {name} {}", of_members(*members)));
    }
    let claimed = || seq_max.and_then(|seq_max| u8::try_from(seq_max).ok());
    let exchanged = match group {
        Some(group) => exchanged(seq_number, matricula, group.members),
        None => claimed().and_then(|members| {
            exchanged_of(seq_number, matricula, members, &format!("seq_max is {members}"))
        }),
    };
    let iat = claims.get("iat").and_then(Value::as_f64).filter(|iat| iat - now > 1.0);
    let clock = iat.and_then(|iat| time("iat", iat, Some(iat), now));
    notes.extend(exchanged.into_iter().chain(clock).map(|diagnosis| diagnosis.to_string()));
    notes
}
