//! Makes `tests/vectors/datagrams.jsonl`: the cases, each a datagram and what a server does with it.
//!
//! A bad datagram is wrong in one way and right in every other: where the header is at fault, the
//! group's own key has signed it; where the signature is, everything else would be accepted. What
//! would be accepted is news (`JAVALI`, 2 after 1), so that a mistake would move the state.
//!
//! Everything is the same each time: the keys are those in `tests/vectors/class`, PKCS#1 v1.5 draws
//! nothing, and the salts of PSS are fixed.

use crate::common::catalogue::{self, Case, Does, Exact};
use crate::common::{
    RS256, SECRET, Signer, claims, der, ending_with, hexadecimal, openssl_pkeyutl, openssl_raise,
    signing_input, utf_16, with,
};
use base64::prelude::{BASE64_STANDARD, Engine};
use ring::{digest, hmac, signature};
use std::path::{Path, PathBuf};
use udpsocket_jwt_server::claims::{Otp, REPLY_HEADER, id_request, reply};
use udpsocket_jwt_server::keys::{PublicKey, without_newline};
use udpsocket_jwt_server::tools::{base64url, to_base64url};
use udpsocket_jwt_server::{fsm, jws};

/// What it is, the datagram, and why it is dropped.
type Bad = (String, Vec<u8>, &'static str);

/// Bytes of a 2,048-bit modulus, and of a signature made with it.
const LENGTH: usize = 256;
/// The moment of the cases that depend on the time.
const NOW: f64 = 1_700_000_000.5;
/// The groups with a key, and their members.
const GROUPS: [(&str, u64); 5] =
    [("JAVALI", 3), ("NONAME", 4), ("HEARTBEAT", 1), ("PINHAO", 3), ("SOQUETINHO", 3)];

/// The cases, in the order of the file: what leads to a state stands before what supposes it.
pub fn cases() -> Vec<Case> {
    let javali = signer("JAVALI");
    let bad = [
        structure(&javali),
        base64(&javali),
        headers(&javali),
        payloads(&javali),
        groups(&javali),
        signed_by_others(&javali),
        signed_text(&javali),
        signature_bytes(&javali),
        encoded_messages(),
        wrong_claims(&javali),
        times_and_audiences(&javali),
        too_large_numbers(&javali),
    ]
    .concat();
    let in_state_1 = |(name, datagram, reason): Bad| {
        case(&name, section(reason), ("JAVALI", 3, 1), &datagram, Does::Refuse(reason.into()))
    };
    [
        transitions(),
        others(&javali),
        odd_but_good(&javali),
        exchanges(),
        bad.into_iter().map(in_state_1).collect(),
        at_the_moment(&javali),
    ]
    .concat()
}

/// The section of the contract that says what is refused for this reason.
fn section(reason: &str) -> &'static str {
    match reason {
        "too_large" => "1",
        "out_of_order" => "3",
        _ => "2",
    }
}

/// The private key of a group, or of a stranger.
fn private_key(name: &str) -> PathBuf {
    Path::new("tests/vectors/class/keys_priv").join(format!("{name}.pem"))
}

fn signer(name: &str) -> Signer {
    Signer::of_file(&private_key(name))
}

/// A member's message, by whatever key: ring does not sign with an exponent of 3.
fn message(group: &str, seq_number: u64) -> String {
    let payload = claims(group, seq_number, 7);
    match group {
        "PINHAO" => Rsa::new(group).sign(&payload),
        _ => signer(group).sign(RS256, payload),
    }
}

/// A case in a state of its group, and the cases that lead there.
fn case(
    name: &str,
    section: &str,
    (group, members, state): (&str, u64, u64),
    datagram: &[u8],
    does: Does,
) -> Case {
    Case {
        name: plain(name),
        section: section.into(),
        group: group.into(),
        members,
        state,
        before: way_to(group, state),
        now: None,
        datagram: datagram.into(),
        does,
    }
}

/// A name without what JSON would escape.
fn plain(name: &str) -> String {
    let name = name.replace('"', "'").replace("\\u", "U+").replace("\\n", "<LF>");
    assert!(!name.contains('\\'), "{name}");
    let character = |letter: char| match letter {
        ' '..='~' => letter.to_string(),
        _ => format!("U+{:04x}", u32::from(letter)),
    };
    name.chars().map(character).collect()
}

/// A case that is answered: its payload says which `id_request` the reply has.
fn answered(name: &str, section: &str, at: (&str, u64, u64), datagram: &[u8], next_number: u64) -> Case {
    let token = std::str::from_utf8(without_newline(datagram)).unwrap();
    let payload = base64url(parts(token)[1].as_bytes()).unwrap();
    let does = Does::Answer { next_number, id_request: id_request(&payload), exact: None };
    case(name, section, at, datagram, does)
}

/// The name of the case that is a group's message in a state.
fn name_of(group: &str, number: u64, state: u64) -> String {
    format!("{group}: {number} in state {state}")
}

/// The cases that lead a group to a state, from whatever state it is in.
pub fn way_to(group: &str, state: u64) -> Vec<String> {
    (0..=state).map(|number| name_of(group, number, number.saturating_sub(1))).collect()
}

/// Every transition of the state machine: each group, in each state, each number and one more. What is
/// not answered stands first, since a player need not lead the group there again.
fn transitions() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, members) in GROUPS {
        let messages: Vec<_> = (0..=members + 1).map(|number| message(group, number)).collect();
        for state in 0..=members {
            let at = (group, members, state);
            let transition = |(number, message): (u64, &String)| {
                let (name, message) = (name_of(group, number, state), message.as_bytes());
                match fsm::next(members, state, number) {
                    Some(next_number) => answered(&name, "3", at, message, next_number),
                    None => case(&name, "3", at, message, Does::Refuse("out_of_order".into())),
                }
            };
            let (goes, stays): (Vec<_>, Vec<_>) =
                (0..).zip(&messages).map(transition).partition(Case::is_answered);
            cases.extend([stays, goes].concat());
        }
    }
    let others_in_between = ["NONAME: 0 in state 0", "HEARTBEAT: 0 in state 0"].map(String::from);
    let mut between = answered(
        "JAVALI: 2 in state 1, after others",
        "3",
        ("JAVALI", 3, 1),
        message("JAVALI", 2).as_bytes(),
        3,
    );
    between.before.extend(others_in_between);
    let mut again = answered(
        "JAVALI: 1 in state 0, after starting over",
        "3",
        ("JAVALI", 3, 0),
        message("JAVALI", 1).as_bytes(),
        2,
    );
    again.before = [way_to("JAVALI", 2), vec![name_of("JAVALI", 0, 2)]].concat();
    cases.extend([between, again]);
    cases
}

/// What supposes another group's state than most.
fn others(javali: &Signer) -> Vec<Case> {
    let refused = |name: &str, at, datagram: String, reason: &str| {
        case(name, section(reason), at, datagram.as_bytes(), Does::Refuse(reason.into()))
    };
    let for_another = |group| javali.sign(RS256, claims(group, 1, 666));
    let mut cases = vec![
        refused(
            "signed with its own key, for another group",
            ("NONAME", 4, 0),
            for_another("NONAME"),
            "bad_signature",
        ),
        refused(
            "signed with its own key, for another in lower case",
            ("NONAME", 4, 0),
            for_another("noname"),
            "bad_signature",
        ),
        // The same modulus, and another exponent.
        refused(
            "signed with a key of the same modulus",
            ("PINHAO", 3, 0),
            signer("HEARTBEAT").sign(RS256, claims("PINHAO", 1, 666)),
            "bad_signature",
        ),
    ];
    for (name, jti, signature) in FORGED {
        cases.push(refused(
            &format!("exponent 3, forged: {name}"),
            ("PINHAO", 3, 0),
            forged(jti, signature),
            "bad_signature",
        ));
    }
    for (group, members, state) in [("NONAME", 4, 0), ("HEARTBEAT", 1, 1)] {
        let signer = signer(group);
        for number in WRAPPED {
            let name = format!("{group}: {number} in state {state}");
            cases.push(refused(
                &name,
                (group, members, state),
                signer.message(group, number, 666),
                "out_of_order",
            ));
        }
    }
    cases
}

/// A request and its reply, to the last byte.
fn exchanges() -> Vec<Case> {
    let secret = catalogue::secret();
    let example = |name: &str, at, token: &str, next_number, otp_number, otp_timestamp| {
        let mut case = answered(name, "4", at, token.as_bytes(), next_number);
        let Does::Answer { id_request, exact, .. } = &mut case.does else { unreachable!() };
        let otp = Otp { number: otp_number, timestamp: otp_timestamp };
        let reply = jws::sign(REPLY_HEADER, &reply(id_request, next_number, otp), &secret);
        *exact = Some(Exact { otp_number, otp_timestamp, reply });
        case
    };
    let worked = include_str!("../vectors/worked_example.json");
    let worked: serde_json::Value = serde_json::from_str(worked).unwrap();
    let token = worked["token"].as_str().unwrap();
    let cases = vec![
        example("the worked example", ("HEARTBEAT", 1, 0), token, 0, 1_234, 1_700_000_000),
        example("the smallest otp_number", ("JAVALI", 3, 0), &message("JAVALI", 1), 2, 0, 1_700_000_000),
        example("the largest otp_number", ("JAVALI", 3, 1), &message("JAVALI", 2), 3, 20_000, 1_700_000_000),
        example("the last member's reply", ("JAVALI", 3, 2), &message("JAVALI", 3), 0, 19_999, 4_102_444_800),
        example("the reply to a 0", ("JAVALI", 3, 3), &message("JAVALI", 0), 1, 7, 1_700_000_000),
        example("the reply to a repeat", ("NONAME", 4, 2), &message("NONAME", 2), 3, 7, 1_700_000_000),
    ];
    let Does::Answer { exact: Some(exact), .. } = &cases[0].does else { unreachable!() };
    assert_eq!(exact.reply, worked["reply"].as_str().unwrap(), "the README's exchange");
    cases
}

/// Odd ones that are good: most are as good as JAVALI's 1 in state 1, and answered with 2.
fn odd_but_good(javali: &Signer) -> Vec<Case> {
    let payload = claims("JAVALI", 1, 7);
    let odd_header = |(name, header): &(&str, String)| {
        (format!("header with {name}"), javali.sign(header, payload.as_str()))
    };
    let odd_payload = |(name, payload): &(&str, String)| {
        (format!("payload with {name}"), javali.sign(RS256, payload.as_str()))
    };
    let headers = [
        ("alg alone", r#"{"alg":"RS256"}"#.into()),
        ("another typ", r#"{"alg":"RS256","typ":"jose+json"}"#.into()),
        ("a typ of another type", r#"{"alg":"RS256","typ":[null]}"#.into()),
        ("white space", " \t\r\n{ \"alg\" :\n\t\"RS256\" } \n".into()),
        ("alg twice, RS256 last", r#"{"alg":"none","alg":"RS256"}"#.into()),
        ("alg in escapes", r#"{"\u0061lg":"\u0052S256"}"#.into()),
        ("Crit, which is not crit", r#"{"alg":"RS256","Crit":["exp"]}"#.into()),
        ("b64 without crit", r#"{"alg":"RS256","b64":true}"#.into()),
        ("a member in Unicode", r#"{"alg":"RS256","olá":"joão 🎓"}"#.into()),
        ("127 levels", nested(r#"{"alg":"RS256"}"#, 127)),
        ("a number of many digits", r#"{"alg":"RS256","x":123456789012345678901234567890e-9}"#.into()),
        ("2,000 characters", format!(r#"{{"alg":"RS256","x":"{}"}}"#, "x".repeat(2_000))),
    ];
    let payloads = [
        ("the group in lower case", claims("javali", 1, 7)),
        ("the group in mixed case", claims("JaVaLi", 1, 7)),
        ("the group in escapes", claims(r"\u004aAVAL\u0049", 1, 7)),
        ("white space", format!("\n {}\r\n\t", payload.replace(':', " : ").replace(',', "\n,"))),
        ("seq_number twice", with(&payload, r#""seq_number":3"#)),
        ("matricula twice", with(&payload, r#""matricula":"text""#)),
        ("group twice", with(&payload, r#""group":null"#)),
        ("exp twice", with(&with(&payload, r#""exp":9000000000"#), r#""exp":0"#)),
        ("a name in escapes", payload.replace("seq_number", r"seq\u005fnumber")),
        ("an exp with fraction", with(&payload, r#""exp":9000000000.5,"nbf":1.25"#)),
        ("an exp with exponent", with(&payload, r#""exp":9e9,"nbf":-1e3"#)),
        ("an exp past 64 bits", with(&payload, r#""exp":1e300,"nbf":-1e300"#)),
        ("claims of no concern", with(&payload, r#""iat":"soon","iss":null,"sub":[],"jti":{"a":1}"#)),
        ("claims of other case", with(&payload, r#""AUD":"me","Exp":0,"NBF":"text""#)),
        ("a huge claim of no concern", with(&payload, &format!(r#""x":"{}""#, "x".repeat(2_500)))),
        ("a huge number of no concern", with(&payload, &format!(r#""x":{}"#, "9".repeat(300)))),
        ("127 levels", nested(&payload, 127)),
        ("another group first", with(&payload, r#""group":"NONAME""#)),
        ("no seq_max", payload.replace(r#""seq_max":3,"#, "")),
        ("seq_max of another table", payload.replace(r#""seq_max":3"#, r#""seq_max":0"#)),
        ("the largest seq_max", payload.replace(r#""seq_max":3"#, r#""seq_max":18446744073709551615"#)),
        ("matricula 0", claims("JAVALI", 1, 0)),
        ("a matricula past 31 bits", claims("JAVALI", 1, 1 << 31)),
        ("a matricula past 53 bits", claims("JAVALI", 1, (1 << 53) + 1)),
        ("a matricula past 63 bits", claims("JAVALI", 1, 1 << 63)),
        ("the largest matricula", claims("JAVALI", 1, u64::MAX)),
        ("an escape for a letter", with(&payload, r#""nome":"Jos\u00e9 \/ S\u00C3o""#)),
        ("Unicode", with(&payload, r#""nome":"João \ud83c\udf93 🎓\u0000\u202e""#)),
    ];
    let ignored = keys_in_the_header(&signer("STRANGER"));
    let token = message("JAVALI", 1);
    assert_eq!(Rsa::new("JAVALI").sign(&payload), token, "this is how a signature is made");
    let framed = [
        ("with LF after it".into(), format!("{token}\n")),
        ("with CR LF after it".into(), format!("{token}\r\n")),
        ("of 4,096 bytes".into(), padded(javali, r#"{"alg":"RS256" }"#, &payload, 4_096)),
        ("of 4,096 bytes with LF".into(), padded(javali, RS256, &payload, 4_095) + "\n"),
        ("of the fewest bytes".into(), javali.sign(r#"{"alg":"RS256"}"#, FEWEST)),
    ];
    headers
        .iter()
        .map(odd_header)
        .chain(ignored.iter().map(odd_header))
        .chain(payloads.iter().map(odd_payload))
        .chain(framed)
        .map(|(name, token)| answered(&format!("good: {name}"), "2", ("JAVALI", 3, 1), token.as_bytes(), 2))
        .collect()
}

/// A payload that would be accepted, recorded, and move JAVALI's state.
fn news() -> String {
    claims("JAVALI", 2, 666)
}

/// A JSON object with a member more that nests it this many levels deep.
fn nested(object: &str, levels: usize) -> String {
    with(object, &format!(r#""x":{}{}"#, "[".repeat(levels - 1), "]".repeat(levels - 1)))
}

/// The shortest payload of JAVALI's 1.
const FEWEST: &str = r#"{"group":"JAVALI","seq_number":1,"matricula":0}"#;

/// A token of so many bytes: its payload's white space makes up the length.
fn padded(javali: &Signer, header: &str, payload: &str, length: usize) -> String {
    let signature = to_base64url(&[0; LENGTH]).len();
    let room = length - 2 - to_base64url(header.as_bytes()).len() - signature;
    let spaces = " ".repeat(room * 3 / 4 - payload.len());
    let token = javali.sign(header, payload.to_string() + &spaces);
    assert_eq!(token.len(), length);
    token
}

fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// JSON values as they stand, with | between them.
fn values(text: &str) -> Vec<&str> {
    text.split('|').map(str::trim).collect()
}

/// A table of bad datagrams of one reason.
fn all<D: Into<Vec<u8>>>(
    reason: &'static str,
    what: &str,
    cases: impl IntoIterator<Item = (impl std::fmt::Display, D)>,
) -> Vec<Bad> {
    cases.into_iter().map(|(name, datagram)| (format!("{what}: {name}"), datagram.into(), reason)).collect()
}

fn structure(javali: &Signer) -> Vec<Bad> {
    let token = javali.sign(RS256, news());
    let [header, payload, signature] = parts(&token);
    let serialized = format!(r#""protected":"{header}","signature":"{signature}""#);
    let not_a_jws = [
        ("nothing", String::new()),
        ("a newline", "\n".into()),
        ("CR LF", "\r\n".into()),
        ("one dot", ".".into()),
        ("three dots", "...".into()),
        ("four dots", "....".into()),
        ("4,096 dots", ".".repeat(4_096)),
        ("a word", "hello".into()),
        ("a part", payload.into()),
        ("no signature and no dot for it", format!("{header}.{payload}")),
        ("a fourth part", format!("{token}.{signature}")),
        ("a dot after it", format!("{token}.")),
        ("a dot before it", format!(".{token}")),
        ("a dot doubled", token.replacen('.', "..", 1)),
        ("five parts, as a JWE has", format!("{token}.{payload}.{signature}")),
        ("two tokens on two lines", format!("{token}\n{token}")),
        ("dots of a URL", token.replace('.', "%2E")),
        ("flattened JSON serialization", format!(r#"{{"payload":"{payload}",{serialized}}}"#)),
        (
            "general JSON serialization",
            format!(r#"{{"payload":"{payload}","signatures":[{{{serialized}}}]}}"#),
        ),
        ("the claims, unsigned", news()),
        ("an HTTP request", "GET / HTTP/1\r\n\r\n".into()),
        ("an escape sequence", "\x1b[2J\x1b]0;gone\x07".into()),
    ];
    let bytes = [("one NUL", vec![0]), ("one byte FF", vec![0xff]), ("gzip", vec![0x1f, 0x8b, 8, 0, 0, 0])];
    let decorated = [
        ("in quotes", format!("\"{token}\"")),
        ("after Bearer", format!("Bearer {token}")),
        ("in JSON with its dots", format!(r#"{{"token":"{token}"}}"#)),
        ("with two newlines", format!("{token}\n\n")),
        ("with a CR", format!("{token}\r")),
        ("with a NUL", format!("{token}\0")),
        ("after a BOM", format!("\u{feff}{token}")),
    ];
    let padded = |header: &str, length: usize| padded(javali, header, &news(), length);
    let too_large = [
        ("4,097 bytes of a token", padded(r#"{"alg":"RS256" }"#, 4_097)),
        ("4,096 and a newline", padded(r#"{"alg":"RS256" }"#, 4_096) + "\n"),
        ("4,095 and CR LF", padded(RS256, 4_095) + "\r\n"),
        ("4,097 dots", ".".repeat(4_097)),
        ("the largest of IPv4", "a".repeat(65_507)),
    ];
    [
        all("not_a_jws", "structure", not_a_jws),
        all("not_a_jws", "structure", bytes),
        all("bad_base64", "a token", decorated),
        all("bad_base64", "a token", [("in UTF-16", utf_16(&token))]),
        all("bad_header", "structure", [("two dots", ".."), ("zeros in base64url", "AAAA.AAAA.AAAA")]),
        all("bad_base64", "structure", [("letters", "a.b.c"), ("signs", "!!!!.????.****")]),
        all("too_large", "too large", too_large),
    ]
    .concat()
}

/// Each of the three parts, spoilt in each way.
fn base64(javali: &Signer) -> Vec<Bad> {
    // Header and payload leave unused bits in their last character, as the signature does.
    let payload = news() + &" ".repeat((4 - news().len() % 3) % 3);
    let token = javali.sign(r#"{"alg":"RS256" }"#, &payload);
    let parts = parts(&token);
    assert!(parts.iter().all(|part| part.len() % 4 == 2), "{token}");
    let insert = |at: usize, text: &'static [u8]| {
        move |part: &str| [&part.as_bytes()[..at], text, &part.as_bytes()[at..]].concat()
    };
    let replace_first = |byte: u8| move |part: &str| [&[byte][..], &part.as_bytes()[1..]].concat();
    let end = |text: &'static [u8]| move |part: &str| [part.as_bytes(), text].concat();
    let unused_bits = |more: u8| {
        move |part: &str| {
            // The last character stands for two bits and four unused ones: A, Q, g or w.
            let (last, rest) = part.as_bytes().split_last().unwrap();
            [rest, &[last + more]].concat()
        }
    };
    type Spoil = Box<dyn Fn(&str) -> Vec<u8>>;
    let ways: Vec<(&str, Spoil)> = vec![
        ("padding", Box::new(end(b"=="))),
        ("half its padding", Box::new(end(b"="))),
        ("padding within", Box::new(insert(4, b"="))),
        ("padding of a URL", Box::new(end(b"%3D%3D"))),
        ("+ of base64", Box::new(replace_first(b'+'))),
        ("/ of base64", Box::new(replace_first(b'/'))),
        ("an unused bit set", Box::new(unused_bits(1))),
        ("another unused bit set", Box::new(unused_bits(2))),
        ("a space before", Box::new(insert(0, b" "))),
        ("a space within", Box::new(insert(9, b" "))),
        ("a space at its end", Box::new(end(b" "))),
        ("a tab within", Box::new(insert(8, b"\t"))),
        ("LF within", Box::new(insert(8, b"\n"))),
        ("CR LF within", Box::new(insert(8, b"\r\n"))),
        ("NUL within", Box::new(insert(8, b"\0"))),
        ("NUL at its end", Box::new(end(b"\0"))),
        ("DEL within", Box::new(insert(8, b"\x7f"))),
        ("a letter with accent", Box::new(insert(8, "é".as_bytes()))),
        ("a full-width letter", Box::new(replace_first(0xff))),
        ("byte 80", Box::new(insert(8, b"\x80"))),
        ("a comma", Box::new(insert(8, b","))),
        ("a character too few", Box::new(|part: &str| part.as_bytes()[..part.len() - 1].to_vec())),
    ];
    let spoilt = ["header", "payload", "signature"].iter().enumerate().flat_map(|(index, part)| {
        let ways = &ways;
        ways.iter().map(move |(way, spoil)| {
            let mut spoilt = parts.map(|part| part.as_bytes().to_vec());
            spoilt[index] = spoil(parts[index]);
            (format!("{part} with {way}"), spoilt.join(&b'.'))
        })
    });
    // The spoilt text itself is what was signed: whoever is lenient finds a signature that verifies.
    let signed_so = |header: String, payload: String| {
        let input = format!("{header}.{payload}");
        let signature = to_base64url(&javali.signature(input.as_bytes()));
        format!("{input}.{signature}")
    };
    let [header, payload, _] = parts.map(String::from);
    let unlike = news().replace("666", r#"666,"x":"?>?>?>""#) + " ";
    let standard = BASE64_STANDARD.encode(&unlike);
    assert!(standard.contains(['+', '/']) && !standard.contains('='), "{standard}");
    let with_both = (0..)
        .map(|jti| javali.sign(RS256, with(&news(), &format!(r#""jti":{jti}"#))))
        .find(|token| token[token.len() - 342..].contains('-') && token[token.len() - 342..].contains('_'));
    let with_both = with_both.expect("nearly every signature has both");
    let (input, signature) = with_both.rsplit_once('.').unwrap();
    let in_base64 = signature.replace('-', "+").replace('_', "/");
    let with_bit = String::from_utf8(unused_bits(1)(&payload)).unwrap();
    let lenient = [
        ("header with padding, and signed so", signed_so(format!("{header}=="), payload.clone())),
        ("payload with padding, and signed so", signed_so(header.clone(), format!("{payload}=="))),
        ("payload in base64, and signed so", signed_so(header.clone(), standard)),
        ("payload with an unused bit set, and signed so", signed_so(header, with_bit)),
        ("signature in base64", format!("{input}.{in_base64}")),
    ];
    [all("bad_base64", "base64url", spoilt), all("bad_base64", "base64url", lenient)].concat()
}

/// What is no JSON object, though `object` nearly is.
fn not_objects(object: &str) -> Vec<(&'static str, Vec<u8>)> {
    let member = |member: &str| with(object, member).into_bytes();
    let cut = object.strip_suffix('}').unwrap();
    let in_string = |bytes: &[u8]| {
        let marked = with(object, r#""x":"?""#);
        let (before, after) = marked.split_once('?').unwrap();
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    vec![
        ("is empty", Vec::new()),
        ("is white space", b" \n".to_vec()),
        ("is an array", format!("[{object}]").into()),
        ("is a string", serde_json::Value::from(object).to_string().into()),
        ("is a number", b"1".to_vec()),
        ("is null", b"null".to_vec()),
        ("is true", b"true".to_vec()),
        ("is base64url once more", to_base64url(object.as_bytes()).into()),
        ("is two objects", object.repeat(2).into()),
        ("is cut", cut.into()),
        ("has a brace too many", format!("{object}}}").into()),
        ("has a trailing comma", format!("{cut},}}").into()),
        ("has a NUL after it", format!("{object}\0").into()),
        ("has a no-break space before it", format!("\u{a0}{object}").into()),
        ("has a form feed before it", format!("\x0c{object}").into()),
        ("has a BOM", format!("\u{feff}{object}").into()),
        ("is UTF-16", utf_16(object)),
        ("has single quotes", object.replace('"', "'").into()),
        ("has a comment", format!("/**/{object}").into()),
        ("has a name without quotes", member("x:1")),
        ("has a name that is a number", member("1:1")),
        ("has a member without value", member(r#""x""#)),
        ("has NaN", member(r#""x":NaN"#)),
        ("has Infinity", member(r#""x":-Infinity"#)),
        ("has a number with leading zero", member(r#""x":01"#)),
        ("has a number with plus", member(r#""x":+1"#)),
        ("has a number in hexadecimal", member(r#""x":0x10"#)),
        ("has a number that ends in a point", member(r#""x":1."#)),
        ("has 1e400", member(r#""x":1e400"#)),
        ("has -1e400", member(r#""x":-1e400"#)),
        ("has an integer of 400 digits", member(&format!(r#""x":{}"#, "9".repeat(400)))),
        ("nests 128 levels", nested(object, 128).into()),
        ("nests 1,000 levels", nested(object, 1_000).into()),
        ("nests 1,300 levels and is cut", format!("{cut},\"x\":{}", "[".repeat(1_299)).into()),
        ("has a lone surrogate", member(r#""x":"\ud800""#)),
        ("has an escape that is none", member(r#""x":"\x41""#)),
        ("has LF in a string", in_string(b"\n")),
        ("has NUL in a string", in_string(b"\0")),
        ("has byte FF in a string", in_string(b"\xff")),
        ("has Latin-1 in a string", in_string(b"Jo\xe3o")),
        ("has an overlong NUL", in_string(b"\xc0\x80")),
        ("has a surrogate in UTF-8", in_string(b"\xed\xa0\x80")),
        ("has a cut character", in_string(b"\xf0\x9f\x8e")),
    ]
}

fn headers(javali: &Signer) -> Vec<Bad> {
    let signed = |header: &str| javali.sign(header, news());
    let not_objects = not_objects(r#"{"alg":"RS256"}"#);
    let bad_header = not_objects.iter().map(|(name, header)| (name, javali.sign(header, news())));

    // Every one of these carries a signature that would verify, were alg not looked at.
    let algs = values(
        r#""none" | "None" | "NONE" | "nOnE" | "none " | "RS384" | "RS512" | "RS1" | "PS256" |
        "PS384" | "PS512" | "ES256" | "ES384" | "ES512" | "ES256K" | "HS256" | "HS384" |
        "HS512" | "EdDSA" | "Ed25519" | "RSA-OAEP" | "dir" | "rs256" | "Rs256" | "RS256 " |
        " RS256" | "RS256\u0000" | "RS256\n" | "RS2560" | "RS25" | "RS-256" | "ＲＳ256" |
        "R\u017f256" | "SHA256withRSA" | "RSASSA-PKCS1-v1_5" | "1.2.840.113549.1.1.11" | "" |
        256 | 0 | 1.5 | null | true | false | [] | ["RS256"] | {} | {"RS256":1}"#,
    );
    let wrong_alg =
        algs.into_iter().map(|value| (value, signed(&format!(r#"{{"alg":{value},"typ":"JWT"}}"#))));
    let misplaced = [
        ("absent", "{}"),
        ("absent, with typ", r#"{"typ":"JWT"}"#),
        ("called Alg", r#"{"Alg":"RS256"}"#),
        ("called ALG", r#"{"ALG":"RS256"}"#),
        ("called algorithm", r#"{"algorithm":"RS256"}"#),
        ("a level too deep", r#"{"header":{"alg":"RS256"}}"#),
        ("twice, none last", r#"{"alg":"RS256","alg":"none"}"#),
        ("twice, null last", r#"{"alg":"RS256","alg":null}"#),
        ("twice, the last in escapes", r#"{"alg":"RS256","\u0061lg":"HS256"}"#),
        ("none, and crit", r#"{"alg":"none","crit":["exp"]}"#),
    ]
    .map(|(name, header)| (name, signed(header)));

    let unsigned = ["none", "None", "NONE", "nOnE", "NoNe"]
        .map(|none| (none, signing_input(format!(r#"{{"alg":"{none}"}}"#), news()) + "."));

    let rsa = Rsa::new("JAVALI");
    let der = pem::parse(&rsa.public_pem).unwrap().into_contents();
    let pem_text = String::from_utf8(rsa.public_pem.clone()).unwrap();
    let secrets: [(&str, &[u8]); 8] = [
        ("the public key's PEM", pem_text.as_bytes()),
        ("the public key's PEM without its newline", pem_text.trim_end().as_bytes()),
        ("the public key's PEM with CR LF", &pem_text.replace('\n', "\r\n").into_bytes()),
        ("the public key's DER", &der),
        ("the public key's PKCS#1", &der[24..]),
        ("the modulus", &rsa.n),
        ("the class's secret", SECRET.as_bytes()),
        ("an empty secret", b""),
    ];
    let hmac_of = |alg: &str, secret: &[u8]| {
        let input = signing_input(format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#), news());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        format!("{input}.{}", to_base64url(tag.as_ref()))
    };
    let confused = secrets.map(|(name, secret)| (name, hmac_of("HS256", secret)));
    let in_disguise = secrets.map(|(name, secret)| (name, hmac_of("RS256", secret)));

    let crit = values(
        r#"[] | ["exp"] | ["b64"] | ["alg"] | ["crit"] | ["exp","exp"] | [""] | [1] | [null] |
        null | "exp" | "" | 0 | 1 | 1.5 | true | false | {} | {"exp":true}"#,
    )
    .into_iter()
    .map(|value| (value, signed(&format!(r#"{{"alg":"RS256","exp":1,"b64":true,"crit":{value}}}"#))));
    let crit_elsewhere = [
        ("before alg", r#"{"crit":["exp"],"alg":"RS256"}"#),
        ("in escapes", r#"{"alg":"RS256","\u0063rit":["exp"]}"#),
        ("twice, null last", r#"{"alg":"RS256","crit":["exp"],"crit":null}"#),
        ("with the payload not encoded", r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#),
    ]
    .map(|(name, header)| (name, signed(header)));

    [
        all("bad_header", "header", bad_header),
        all("wrong_alg", "alg", wrong_alg),
        all("wrong_alg", "alg", misplaced),
        all("wrong_alg", "alg with an empty signature", unsigned),
        all("wrong_alg", "alg HS256 with", confused),
        all("bad_signature", "alg RS256 and an HMAC with", in_disguise),
        all("unsupported_crit", "crit", crit),
        all("unsupported_crit", "crit", crit_elsewhere),
    ]
    .concat()
}

fn payloads(javali: &Signer) -> Vec<Bad> {
    let signed = not_objects(&news()).into_iter().map(|(name, payload)| (name, javali.sign(RS256, payload)));
    all("bad_payload", "payload", signed)
}

fn groups(javali: &Signer) -> Vec<Bad> {
    let group = |value: &str| {
        let payload = news().replace("\"JAVALI\"", value);
        javali.sign(RS256, payload)
    };
    let plain = values(
        r#"null | 0 | 1.5 | true | [] | ["JAVALI"] | {} | {"JAVALI":3} | "" | "FULANOS" |
        "JAVAL" | "JAVALII" | "JAVALI " | " JAVALI" | "JAVALI\n" | "JAVALI\u0000" |
        "\u0000JAVALI" | "JAVALI,NONAME" | "JAVALI.pem" | "../keys_pub/JAVALI" | "*" | "%" |
        "' OR '1'='1""#,
    );
    // Letters that upper-case, lower-case or normalize to ASCII elsewhere, or look like it.
    let exotic = values(
        "\"\u{17f}OQUETINHO\" | \"JAVAL\u{131}\" | \"JAVAL\u{130}\" | \"ＪＡＶＡＬＩ\" | \"JАVALI\" |
        \"JAVALI\u{301}\" | \"J\u{200b}AVALI\" | \"\u{202e}ILAVAJ\" | \"\u{feff}JAVALI\" |
        \"JAVALI\u{85}\" | \"\\u001b[31mJAVALI\"",
    );
    let absent = news().replace(r#""group":"JAVALI","#, "");
    let members = [
        ("absent", absent.clone()),
        ("absent, and nothing else there", "{}".into()),
        ("called Group", with(&absent, r#""Group":"JAVALI""#)),
        ("a level too deep", with(&absent, r#""claims":{"group":"JAVALI"}"#)),
        ("twice, an unknown one last", ending_with(&news(), r#""group":"FULANOS""#)),
        ("twice, null last", ending_with(&news(), r#""group":null"#)),
        ("of 2,500 letters", news().replace("JAVALI", &"J".repeat(2_500))),
    ];
    let no_key = ["BISSAU", "bissau", "bIsSaU", r"\u0042ISSAU"];
    [
        all("unknown_group", "group", plain.iter().chain(&exotic).map(|value| (value, group(value)))),
        all("unknown_group", "group", members.map(|(name, payload)| (name, javali.sign(RS256, payload)))),
        all("no_key", "a group without key", no_key.map(|name| (name, group(&format!("\"{name}\""))))),
    ]
    .concat()
}

/// Headers that bring a key along, or point at one.
fn keys_in_the_header(signer: &Signer) -> Vec<(&'static str, String)> {
    let key = PublicKey::from_pem(&signer.public_pem, 2_048).unwrap();
    let (n, e) = (to_base64url(&key.components().n), to_base64url(&key.components().e));
    let der = BASE64_STANDARD.encode(pem::parse(&signer.public_pem).unwrap().contents());
    [
        ("jwk", format!(r#""jwk":{{"kty":"RSA","n":"{n}","e":"{e}"}}"#)),
        ("x5c", format!(r#""x5c":["{der}"]"#)),
        ("jku", r#""jku":"http://127.0.0.1:1/jwks.json""#.into()),
        ("x5u", r#""x5u":"file:///etc/passwd","x5t":"AAAA""#.into()),
        ("a kid that climbs", r#""kid":"../../../../dev/null""#.into()),
        ("a kid with a NUL", r#""kid":"JAVALI.pem\u0000""#.into()),
        ("a kid for a database", r#""kid":"' UNION SELECT 'key';--""#.into()),
        ("a kid for a shell", r#""kid":"$(touch /tmp/gone)|id""#.into()),
        ("a kid that is an array", r#""kid":["NONAME"]"#.into()),
        ("another group's kid", r#""kid":"NONAME""#.into()),
    ]
    .map(|(name, members)| (name, with(r#"{"alg":"RS256"}"#, &members)))
    .into()
}

fn signed_by_others(javali: &Signer) -> Vec<Bad> {
    let attacker = signer("STRANGER");
    let noname = signer("NONAME");
    let larger = signer("SOQUETINHO");
    let brought = keys_in_the_header(&attacker);
    let brought = brought.iter().map(|(name, header)| (name, attacker.sign(header, news())));
    // Whatever the claims are, they are not looked at: the signature comes first.
    let unseen = [
        ("no claim but group", r#"{"group":"JAVALI"}"#.into()),
        ("an exp that has passed", with(&news(), r#""exp":0"#)),
        ("out of order", claims("JAVALI", 3, 666)),
    ]
    .map(|(name, payload): (_, String)| (name, attacker.sign(RS256, payload)));
    let of_two_groups = ending_with(&news(), r#""group":"NONAME""#);
    let others = [
        ("a stranger's key", attacker.sign(RS256, news())),
        ("a stranger's larger key", larger.sign(RS256, news())),
        ("another group's key", noname.sign(RS256, news())),
        ("the key of the first of two groups", javali.sign(RS256, of_two_groups)),
    ];
    [
        all("bad_signature", "signed with", others),
        all("bad_signature", "signed with a stranger's key, and", brought),
        all("bad_signature", "signed with a stranger's key, and", unseen),
    ]
    .concat()
}

/// The group's own signature, of something else than the signing input.
fn signed_text(javali: &Signer) -> Vec<Bad> {
    let token = javali.sign(RS256, news());
    let [header, payload, signature] = parts(&token);
    let input = format!("{header}.{payload}");
    let hash = digest::digest(&digest::SHA256, input.as_bytes());
    let in_hexadecimal = hexadecimal(hash.as_ref());
    let texts: [(&str, Vec<u8>); 16] = [
        ("nothing", Vec::new()),
        ("the header alone", header.into()),
        ("the payload alone", payload.into()),
        ("the payload, decoded", news().into()),
        ("header and payload, decoded", format!("{RS256}.{}", news()).into()),
        ("header and payload, decoded, without dot", format!("{RS256}{}", news()).into()),
        ("header and decoded payload", format!("{header}.{}", news()).into()),
        ("header and payload without dot", format!("{header}{payload}").into()),
        ("payload and header", format!("{payload}.{header}").into()),
        ("the signing input and a newline", format!("{input}\n").into()),
        ("the signing input and a dot", format!("{input}.").into()),
        ("the signing input and a NUL", format!("{input}\0").into()),
        ("the signing input in UTF-16", utf_16(&input)),
        ("the signing input with padding", format!("{header}.{payload}==").into()),
        ("the signing input's hash", hash.as_ref().to_vec()),
        ("the signing input's hash in hexadecimal", in_hexadecimal.into()),
    ];
    let resigned =
        texts.map(|(name, text)| (name, format!("{input}.{}", to_base64url(&javali.signature(&text)))));
    let old = javali.message("JAVALI", 1, 7);
    let [_, _, old_signature] = parts(&old);
    let corrected = claims("JAVALI", 2, 667);
    let swapped = [
        ("another message's", format!("{input}.{old_signature}")),
        ("of another header", format!("{}.{payload}.{signature}", to_base64url(br#"{"alg":"RS256"}"#))),
        ("of other white space", format!("{header}.{}.{signature}", to_base64url((news() + " ").as_bytes()))),
        ("of another matricula", format!("{header}.{}.{signature}", to_base64url(corrected.as_bytes()))),
    ];
    [all("bad_signature", "signature over", resigned), all("bad_signature", "a signature", swapped)].concat()
}

/// Signatures that are no signature, and the good one spoilt.
fn signature_bytes(javali: &Signer) -> Vec<Bad> {
    let rsa = Rsa::new("JAVALI");
    let input = signing_input(RS256, news());
    let good = javali.signature(input.as_bytes());
    let one = [vec![0; LENGTH - 1], vec![1]].concat();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut signature = good.clone();
        change(&mut signature);
        signature
    };
    let bytes: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("one byte", vec![0]),
        ("32 bytes", vec![0; 32]),
        ("0", vec![0; LENGTH]),
        ("1", one.clone()),
        ("n - 1", natural::difference(&rsa.n, &one)),
        ("n", rsa.n.clone()),
        ("n + 1", natural::sum(&rsa.n, &one)[1..].to_vec()),
        ("all FF", vec![0xff; LENGTH]),
        ("n - s", natural::difference(&rsa.n, &good)),
        ("s + n, in 257 bytes", natural::sum(&good, &rsa.n)),
        ("its first byte missing", good[1..].to_vec()),
        ("its last byte missing", good[..LENGTH - 1].to_vec()),
        ("half of it", good[..LENGTH / 2].to_vec()),
        ("a zero before it", [&[0], &good[..]].concat()),
        ("256 zeros before it", [vec![0; LENGTH], good.clone()].concat()),
        ("a zero after it", [&good[..], &[0]].concat()),
        ("twice", good.repeat(2)),
        ("the other way round", good.iter().rev().copied().collect()),
        ("its first bit changed", changed(&|signature| signature[0] ^= 0x80)),
        ("its last bit changed", changed(&|signature| signature[LENGTH - 1] ^= 1)),
        ("a bit in its middle changed", changed(&|signature| signature[LENGTH / 2] ^= 0x10)),
        ("two of its bytes swapped", changed(&|signature| signature.swap(3, 200))),
        ("in hexadecimal", hexadecimal(&good).into()),
        ("in base64url once more", to_base64url(&good).into()),
        ("in a DER OCTET STRING", [&[4, 0x82, 1, 0], &good[..]].concat()),
    ];
    let bad = bytes.into_iter().map(|(name, bytes)| (name, format!("{input}.{}", to_base64url(&bytes))));
    // s + n is s to whoever forgets to check that s < n; it fits in as many bytes if s is small.
    let (input, too_large) = (0..10_000)
        .map(|jti| signing_input(RS256, with(&news(), &format!(r#""jti":{jti}"#))))
        .find_map(|input| {
            let sum = natural::sum(&javali.signature(input.as_bytes()), &rsa.n);
            (sum[0] == 0).then(|| (input, sum[1..].to_vec()))
        })
        .expect("some signature is small");
    let fits = [("s + n, in 256 bytes", format!("{input}.{}", to_base64url(&too_large)))];
    [all("bad_signature", "signature", bad), all("bad_signature", "signature", fits)].concat()
}

/// What the group's own key was raised over is not what RFC 8017 section 9.2 says.
fn encoded_messages() -> Vec<Bad> {
    let rsa = Rsa::new("JAVALI");
    let input = signing_input(RS256, news());
    let hash = |algorithm| digest::digest(algorithm, input.as_bytes()).as_ref().to_vec();
    let sha256 = hash(&digest::SHA256);
    let info = |algorithm: &[u8], parameters: &[u8], hash: &[u8]| {
        let algorithm = der(0x30, [&der(6, algorithm)[..], parameters].concat());
        der(0x30, [algorithm, der(4, hash)].concat())
    };
    let right = digest_info(&sha256);
    assert_eq!(right, info(SHA256, NULL, &sha256));
    let padded = |infos: &[u8]| encoded(0xff, LENGTH - 3 - infos.len(), infos);
    let change = |at: usize, byte: u8| {
        let mut block = padded(&right);
        block[at] = byte;
        block
    };
    let garbage = |bytes: usize| (0..bytes).map(|byte| (byte % 251) as u8 + 1).collect::<Vec<_>>();
    let separator = LENGTH - right.len() - 1;
    let and_garbage = [NULL, &der(4, garbage(60))].concat();
    let eight = |behind: &[u8]| encoded(0xff, 8, &[&right[..], behind].concat());
    let rest = LENGTH - 11 - right.len();
    let blocks: Vec<(&str, Vec<u8>)> = vec![
        ("the NULL is missing", padded(&info(SHA256, &[], &sha256))),
        ("the NULL has a byte", padded(&info(SHA256, &[5, 1, 0], &sha256))),
        ("the NULL is another type", padded(&info(SHA256, &[2, 0], &sha256))),
        ("garbage stands for the NULL", padded(&info(SHA256, &der(4, garbage(60)), &sha256))),
        ("garbage stands after the NULL", padded(&info(SHA256, &and_garbage, &sha256))),
        ("the block type is 00", change(1, 0)),
        ("the block type is 02", change(1, 2)),
        ("the block type is FF", change(1, 0xff)),
        ("the first byte is 01", change(0, 1)),
        ("a padding byte is FE", change(100, 0xfe)),
        ("the first padding byte is 00", change(2, 0)),
        ("a padding byte is 00", change(100, 0)),
        ("the last padding byte is 00", change(separator - 1, 0)),
        ("the padding is random", [&[0, 1], &garbage(separator - 2)[..], &[0], &right].concat()),
        ("the padding is zeros", encoded(0, LENGTH - 3 - right.len(), &right)),
        ("there is no separator", change(separator, 0xff)),
        ("the separator is 01", change(separator, 1)),
        ("there is no padding", encoded(0xff, 0, &[&right[..], &garbage(LENGTH - 3 - right.len())].concat())),
        ("eight bytes of padding, garbage at the end", eight(&garbage(rest))),
        ("eight bytes of padding, zeros at the end", eight(&vec![0; rest])),
        ("a byte at the end", padded(&[&right[..], &[0]].concat())),
        ("an element at the end", padded(&[&right[..], NULL].concat())),
        ("an element at the end, inside", padded(&der(0x30, [&right[2..], NULL].concat()))),
        ("the hash alone", padded(&sha256)),
        ("the hash in an OCTET STRING", padded(&der(4, &sha256))),
        ("the hash in hexadecimal", padded(&info(SHA256, NULL, hexadecimal(&sha256).as_bytes()))),
        ("the hash cut", padded(&info(SHA256, NULL, &sha256[..31]))),
        ("no hash", padded(&info(SHA256, NULL, &[]))),
        ("nothing but padding", encoded(0xff, LENGTH - 3, &[])),
        ("a length in its long form", padded(&[&right[..1], &[0x81], &right[1..]].concat())),
        ("a length without end", padded(&[&right[..1], &[0x80], &right[2..], &[0, 0]].concat())),
        ("the OID cut", padded(&info(&SHA256[..8], NULL, &sha256))),
        ("the OID of SHA-512/256", padded(&info(SHA512_256, NULL, &sha256))),
        ("the OID of SHA-1, the hash of SHA-256", padded(&info(SHA1, NULL, &sha256))),
        ("SHA-1", padded(&info(SHA1, NULL, &hash(&digest::SHA1_FOR_LEGACY_USE_ONLY)))),
        ("SHA-384", padded(&info(SHA384, NULL, &hash(&digest::SHA384)))),
        ("SHA-512", padded(&info(SHA512, NULL, &hash(&digest::SHA512)))),
    ];
    let token = |input: &str, signature: &[u8]| format!("{input}.{}", to_base64url(signature));
    let signed = blocks.into_iter().map(|(name, block)| {
        assert_eq!(block.len(), LENGTH, "{name}");
        (name, token(&input, &openssl_raise(&rsa.private, &block)))
    });
    let pss = [("of no bytes", 0), ("of 32 bytes", 32), ("as long as can be", LENGTH - 34)]
        .map(|(name, salt)| (name, token(&input, &rsa.pss(input.as_bytes(), salt))));
    let ps256 = signing_input(r#"{"alg":"PS256"}"#, news());
    let declared = [("PS256", token(&ps256, &rsa.pss(ps256.as_bytes(), 32)))];
    [
        all("bad_signature", "encoded message", signed),
        all("bad_signature", "PSS with a salt", pss),
        all("wrong_alg", "PSS that says so", declared),
    ]
    .concat()
}

/// With exponent 3 a signature is a cube root, and whoever looks at a part of the encoded message
/// alone takes one that nobody needs a key for (Bleichenbacher, 2006; CVE-2006-4339, CVE-2014-1568).
/// The `jti` of its payload, and its last characters: zeros stand before them.
const FORGED: [(&str, u32, &str); 2] = [
    (
        "garbage at the end",
        0,
        "Msv9SnrceQVYPXZ1IPUWQHWRdtN4JvLvY649x6k-CnOMQzLrf8HQB_vpkMtM6jFm_foAYmlBm8e9IP8ixgQIVsmTwoAwOM-gEoZH\
         Ag-1B6lhF07H4Q",
    ),
    (
        "garbage within",
        2,
        "Msv9SnrceQVgszNWh7ib3jMA7EKxQVAr5FI1gZ8mCDyv-YadRkmJ7_tUfCssn8YyiXnMp9oMAhZoQwEnHOdUP3IomRANXeBuPbBK\
         eA8mPf2YLsuWpw",
    ),
];

/// A forged token; what looks at the front of its encoded message alone, or at both its ends, takes it.
fn forged(jti: u32, signature: &str) -> String {
    let payload = with(&claims("PINHAO", 1, 666), &format!(r#""jti":{jti}"#));
    let input = signing_input(RS256, payload);
    let signature = format!("{signature:A>342}");
    let raised = openssl_pkeyutl(
        Path::new("tests/vectors/class/keys_pub/PINHAO.pem"),
        &["-verifyrecover", "-pubin", "-pkeyopt", "rsa_padding_mode:none"],
        &base64url(signature.as_bytes()).unwrap(),
    );
    let info = digest_info(digest::digest(&digest::SHA256, input.as_bytes()).as_ref());
    assert!(raised.starts_with(&[&[0, 1], &[0xff; 8][..]].concat()));
    assert!(raised[10..].starts_with(&[&[0], &info[..]].concat()) || raised.ends_with(&info));
    format!("{input}.{signature}")
}

fn wrong_claims(javali: &Signer) -> Vec<Bad> {
    let bad = |claim: &str, value: &str| {
        let payload = ending_with(&news(), &format!(r#""{claim}":{value}"#));
        (format!("{claim} is {value}"), javali.sign(RS256, payload))
    };
    let not_integers = values(
        r#""1" | "" | 1.0 | 1e0 | 1E0 | 0.0 | 1.5 | -1 | -1.0 | true | false | null | [] | [1] |
        {} | 18446744073709551616 | 1e19 | -9223372036854775808 |
        100000000000000000000000000"#,
    );
    let not_dates =
        ["\"9000000000\"", "\"\"", "\"2099-01-01T00:00:00Z\"", "null", "true", "false", "[]", "[9e9]", "{}"];
    let absent = [("seq_number", r#""seq_number":2,"#), ("matricula", r#","matricula":666"#)]
        .map(|(name, member)| (name, javali.sign(RS256, news().replace(member, ""))));
    let misnamed = [("seq_number", "Seq_Number"), ("seq_number", "seqNumber"), ("matricula", "matrícula")]
        .map(|(name, other)| {
            (format!("{name} is called {other}"), javali.sign(RS256, news().replace(name, other)))
        });
    let before_what_follows = [
        ("seq_max, and exp has passed", r#""seq_max":"3","exp":0"#),
        ("exp, and aud is there", r#""exp":"soon","aud":"me""#),
        ("nbf, and exp has passed", r#""nbf":"soon","exp":0"#),
    ]
    .map(|(name, members)| (name, javali.sign(RS256, ending_with(&news(), members))));
    let integers = ["seq_number", "matricula", "seq_max"]
        .iter()
        .flat_map(|claim| not_integers.iter().map(move |value| bad(claim, value)));
    let dates = ["exp", "nbf"].iter().flat_map(|claim| not_dates.iter().map(move |value| bad(claim, value)));
    [
        all("bad_claim", "claim", integers),
        all("bad_claim", "claim", dates),
        all("bad_claim", "claim absent", absent),
        all("bad_claim", "claim", misnamed),
        all("bad_claim", "claim", before_what_follows),
    ]
    .concat()
}

fn times_and_audiences(javali: &Signer) -> Vec<Bad> {
    let having = |members: &str| (members.to_string(), javali.sign(RS256, with(&news(), members)));
    let values = |claim: &str, values: &[&str]| -> Vec<_> {
        values.iter().map(|value| having(&format!(r#""{claim}":{value}"#))).collect()
    };
    let past = ["0", "-1", "0.0", "1e9", "-1e300", "-0", "946684800", "1000000000.5"];
    let far =
        ["1e11", "1e300", "18446744073709551615", "18446744073709551616", "9999999999999999999999999999"];
    let audiences =
        [r#""udpsocket-jwt-server""#, r#""""#, "null", "0", "false", "[]", r#"["me","you"]"#, "{}"];
    [
        all("expired", "expired", values("exp", &past)),
        all("expired", "expired", [r#""exp":1,"nbf":9e9"#, r#""aud":"me","exp":1"#].map(having)),
        all("not_yet_valid", "too early", values("nbf", &far)),
        all("not_yet_valid", "too early", [r#""aud":"me","nbf":9e9"#].map(having)),
        all("wrong_audience", "audience", values("aud", &audiences)),
        all("wrong_audience", "audience", [r#""exp":9e9,"nbf":0,"aud":"me""#].map(having)),
    ]
    .concat()
}

/// What depends on the time: `nbf <= now < exp`, with now's fraction and no leeway.
fn at_the_moment(javali: &Signer) -> Vec<Case> {
    let timed = |members: &str, reason: Option<&str>| {
        let (name, at) = (format!("now {NOW}: {members}"), ("JAVALI", 3, 1));
        let token = |object: &str| javali.sign(RS256, with(object, members));
        let case = match reason {
            Some(reason) => {
                let does = Does::Refuse(reason.into());
                case(&name, "2", at, token(&news()).as_bytes(), does)
            }
            None => answered(&name, "2", at, token(&claims("JAVALI", 1, 7)).as_bytes(), 2),
        };
        Case { now: Some(NOW), ..case }
    };
    let mut cases = Vec::new();
    for exp in ["1700000000.5", "1700000000.499", "1700000000", "1699999999", "1699999970", "1699996400"] {
        cases.push(timed(&format!(r#""exp":{exp}"#), Some("expired")));
    }
    for nbf in ["1700000000.501", "1700000001", "1700000030", "1700003600", "1.700000001e9"] {
        cases.push(timed(&format!(r#""nbf":{nbf}"#), Some("not_yet_valid")));
    }
    for members in [
        r#""exp":1700000000.501"#,
        r#""exp":1700000001"#,
        r#""exp":1700003600"#,
        r#""nbf":1700000000.5"#,
        r#""nbf":1700000000"#,
        r#""nbf":1700000000.25,"exp":1700000000.75"#,
        r#""iat":1800000000"#,
    ] {
        cases.push(timed(members, None));
    }
    cases
}

/// Numbers that are 1 and 2, or 0, to whoever counts in a narrower integer.
const WRAPPED: [u64; 11] =
    [255, 256, 257, 258, 65_536, 65_537, 65_538, (1 << 32) + 1, (1 << 32) + 2, 1 << 63, u64::MAX];

fn too_large_numbers(javali: &Signer) -> Vec<Bad> {
    let numbers = [5].into_iter().chain(WRAPPED);
    all(
        "out_of_order",
        "JAVALI",
        numbers.map(|number| (format!("{number} in state 1"), javali.message("JAVALI", number, 666))),
    )
}

/// Object identifiers of hash functions, in DER without tag and length.
const SHA1: &[u8] = &[0x2b, 0x0e, 3, 2, 0x1a];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];
const SHA512_256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 6];
const NULL: &[u8] = &[5, 0];

/// The `DigestInfo` of a SHA-256 hash (RFC 8017 section 9.2, note 1).
fn digest_info(hash: &[u8]) -> Vec<u8> {
    [&[0x30, 0x31, 0x30, 0x0d, 6, 9], SHA256, NULL, &[4, 0x20], hash].concat()
}

/// 00 01, the padding, 00, and what follows (RFC 8017 section 9.2).
fn encoded(padding: u8, times: usize, rest: &[u8]) -> Vec<u8> {
    [&[0, 1][..], &vec![padding; times], &[0], rest].concat()
}

/// A key for what [`Signer`] can't do: signatures that no library would make.
struct Rsa {
    private: PathBuf,
    public_pem: Vec<u8>,
    n: Vec<u8>,
}

impl Rsa {
    /// The key that `signer(name)` signs with.
    fn new(name: &str) -> Self {
        let public_pem = std::fs::read(format!("tests/vectors/class/keys_pub/{name}.pem")).unwrap();
        let n = PublicKey::from_pem(&public_pem, 2_048).unwrap().components().n.clone();
        assert_eq!(n.len(), LENGTH);
        Self { private: private_key(name), public_pem, n }
    }

    /// RSASSA-PSS with SHA-256, MGF1 and a salt of so many bytes 5A (RFC 8017 section 9.1.1).
    fn pss(&self, text: &[u8], salt: usize) -> Vec<u8> {
        let sha256 = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes).as_ref().to_vec();
        let salt = vec![0x5a; salt];
        let hash = sha256(&[&[0; 8], &sha256(text)[..], &salt].concat());
        let mut block = vec![0; LENGTH - hash.len() - 2 - salt.len()];
        block.push(1);
        block.extend(&salt);
        let mask = (0_u32..).flat_map(|counter| sha256(&[&hash[..], &counter.to_be_bytes()].concat()));
        block.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        block[0] &= 0x7f;
        let signature = openssl_raise(&self.private, &[&block[..], &hash, &[0xbc]].concat());
        if salt.len() == hash.len() {
            let key = PublicKey::from_pem(&self.public_pem, 2_048).unwrap();
            let is_pss = key.components().verify(&signature::RSA_PSS_2048_8192_SHA256, text, &signature);
            assert!(is_pss.is_ok(), "this is how PSS is made");
        }
        signature
    }

    /// A good token, its signature made step by step.
    fn sign(&self, payload: &str) -> String {
        let input = signing_input(RS256, payload);
        let info = digest_info(digest::digest(&digest::SHA256, input.as_bytes()).as_ref());
        let signature = openssl_raise(&self.private, &encoded(0xff, LENGTH - 3 - info.len(), &info));
        format!("{input}.{}", to_base64url(&signature))
    }
}

/// Natural numbers, big-endian, a digit each byte.
mod natural {
    /// The sum of two of the same length, a digit longer.
    pub fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
        assert_eq!(a.len(), b.len());
        let mut digits = vec![0; a.len() + 1];
        let mut carry = 0;
        for at in (0..a.len()).rev() {
            carry += u32::from(a[at]) + u32::from(b[at]);
            digits[at + 1] = carry as u8;
            carry >>= 8;
        }
        digits[0] = carry as u8;
        digits
    }

    /// The difference of two of the same length, the first being the larger.
    pub fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
        assert!(a.len() == b.len() && a >= b);
        let complement = b.iter().map(|digit| !digit).collect::<Vec<_>>();
        let one = [vec![0; a.len() - 1], vec![1]].concat();
        sum(&sum(a, &complement)[1..], &one)[1..].to_vec()
    }
}
