//! The texts that may have been signed or hashed in the place of what should have been: all that can be
//! computed from a token.

use super::encodings::{find, replaced, reprinted, to_hexadecimal};
use crate::jws::Parts;
use crate::tools::to_base64url;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, Engine};
use ring::digest::{self, digest};
use serde_json::Value;

/// A text that may have been signed or hashed.
pub(super) struct Text {
    pub bytes: Vec<u8>,
    /// What it is.
    pub what: String,
    /// What to change where it was signed.
    pub change: &'static str,
}

/// The algorithms that a hash can be computed with here.
pub(super) const HASHES: [(&str, &digest::Algorithm); 5] = [
    ("SHA-256", &digest::SHA256),
    ("SHA-1", &digest::SHA1_FOR_LEGACY_USE_ONLY),
    ("SHA-384", &digest::SHA384),
    ("SHA-512", &digest::SHA512),
    ("SHA-512/256", &digest::SHA512_256),
];

pub(super) const SIGN: &str = "sign header.payload in base64url, exactly as sent";
const PRINTED: &str = "sign the JSON that is sent, do not print it again";
const HASHED: &str = "sign the text itself: signing hashes it";

type Encoding = (&'static str, fn(&[u8]) -> Vec<u8>, &'static str);

/// What a part's bytes become. The first is right. A text is told only if its hash is the one that was signed,
/// so no row can be taken for another.
const ENCODINGS: [Encoding; 10] = [
    ("base64url", |part| to_base64url(part).into(), SIGN),
    (
        "base64url with its = left on",
        |part| BASE64_URL_SAFE.encode(part).into(),
        "take the = off before signing",
    ),
    ("base64 (with + and /)", |part| BASE64_STANDARD_NO_PAD.encode(part).into(), SIGN),
    ("base64 with its =", |part| BASE64_STANDARD.encode(part).into(), SIGN),
    ("base64 in lines of 60", |part| in_lines(part, 60), SIGN),
    ("base64 in lines of 64", |part| in_lines(part, 64), SIGN),
    ("base64 in lines of 76", |part| in_lines(part, 76), SIGN),
    ("base64url, twice", |part| to_base64url(to_base64url(part).as_bytes()).into(), SIGN),
    ("JSON, before base64url", <[u8]>::to_vec, SIGN),
    ("hexadecimal", |part| to_hexadecimal(part).into(), SIGN),
];

/// JSON, printed again. In order of its names, too: a library's map may sort them.
const PRINTS: [Encoding; 4] = [
    ("JSON without white space", |json| reprinted(json, "", ""), PRINTED),
    ("JSON with spaces", |json| reprinted(json, " ", " "), PRINTED),
    ("JSON with sorted names", |json| sorted(json, false), PRINTED),
    ("JSON in lines", |json| sorted(json, true), PRINTED),
];

/// What stands between the two parts in the dot's place, and behind all.
const WITHOUT_DOT: [(&str, &str); 4] =
    [("", "without the dot"), (",", "with a comma"), ("\n", "with a newline"), (":", "with a colon")];
const BEHIND: [(&str, &str, &str); 9] = [
    ("", "", ""),
    ("\n", " and a newline", "sign without the newline (printf '%s', not echo)"),
    ("\r\n", " and a newline (CR LF)", "sign without the newline (CR LF)"),
    ("\r", " and a CR", "sign without the CR at its end"),
    ("\0", " and a NUL", "sign strlen() bytes, without the NUL"),
    (" ", " and a space", "sign without the space at its end"),
    (" \r\n", " and a space and a newline", "sign without the newline (cmd.exe's echo)"),
    ("\n\n", " and two newlines", "sign without the newlines"),
    (".", " and a dot", "sign without the dot at its end"),
];

/// How long a buffer for a text is.
const BUFFERS: [usize; 9] = [128, 256, 500, 512, 1_000, 1_024, 2_000, 2_048, 4_096];

/// Headers that libraries put before a payload.
const HEADERS: [&str; 10] = [
    r#"{"alg":"RS256","typ":"JWT"}"#,
    r#"{"typ":"JWT","alg":"RS256"}"#,
    r#"{"alg": "RS256", "typ": "JWT"}"#,
    r#"{"typ": "JWT", "alg": "RS256"}"#,
    r#"{"alg":"RS256"}"#,
    r#"{"alg": "RS256"}"#,
    r#"{"alg":"HS256","typ":"JWT"}"#,
    r#"{"typ":"JWT","alg":"HS256"}"#,
    r#"{"alg":"none"}"#,
    "{}",
];

/// Every text that can be computed from a token. The first is the signing input itself.
pub(super) fn all(parts: &Parts) -> Vec<Text> {
    let mut bases = of_both(parts);
    for (name, part) in [("payload", &parts.payload), ("header", &parts.header)] {
        bases.extend(ENCODINGS.iter().map(|(encoding, encode, _)| Text {
            bytes: encode(part),
            what: format!("the {name} alone, in {encoding}"),
            change: SIGN,
        }));
    }
    bases.extend(altered(parts));
    let mut texts: Vec<Text> = bases.iter().flat_map(with_ends).collect();
    let inner = [
        (parts.signing_input.to_vec(), "the signing input"),
        (to_base64url(&parts.payload).into(), "the payload's base64url"),
        (parts.payload.clone(), "the payload's JSON"),
    ];
    texts.extend(inner.iter().flat_map(|(bytes, what)| in_other_forms(bytes, what)));
    let token = [parts.signing_input, b".", to_base64url(&parts.signature).as_bytes()].concat();
    texts.push(Text { bytes: token, what: "the whole token".into(), change: SIGN });
    for length in BUFFERS.into_iter().filter(|length| *length > parts.signing_input.len() + 1) {
        let rest = vec![0; length - parts.signing_input.len()];
        texts.push(Text {
            bytes: [parts.signing_input, &rest[..]].concat(),
            what: format!("the signing input and the rest of a buffer of {length}"),
            change: "sign strlen() bytes, not sizeof the buffer",
        });
    }
    let change = "hand the text to the signing: nothing was signed";
    texts.push(Text { bytes: Vec::new(), what: "nothing, an empty text".into(), change });
    for word in ["undefined", "null", "None", "[object Object]", "[object Promise]"] {
        texts.push(Text { bytes: word.into(), what: format!("nothing, the text {word}"), change });
    }
    texts
}

/// Header and payload, in each encoding, order and way to join them.
fn of_both(Parts { header, payload, .. }: &Parts) -> Vec<Text> {
    let mut texts = Vec::new();
    let right = &ENCODINGS[0];
    for encoding in &ENCODINGS {
        let (name, encode, change) = *encoding;
        let (ours, theirs) = (encode(header), encode(payload));
        let both = format!("header and payload in {name}");
        let mut push = |parts: [&[u8]; 3], what: String, change| {
            texts.push(Text { bytes: parts.concat(), what, change });
        };
        let signing_input = if name == right.0 { "the signing input".into() } else { both.clone() };
        push([&ours, b".", &theirs], signing_input, change);
        push(
            [&right.1(header), b".", &theirs],
            format!("the header in base64url, the payload in {name}"),
            change,
        );
        push(
            [&ours, b".", &right.1(payload)],
            format!("the header in {name}, the payload in base64url"),
            change,
        );
        push([&theirs, b".", &ours], format!("{both}, the payload first"), SIGN);
        for (dot, with) in WITHOUT_DOT {
            push([&ours, dot.as_bytes(), &theirs], format!("{both} {with}"), SIGN);
        }
    }
    texts
}

/// Other headers and other claims than those sent.
fn altered(parts: &Parts) -> Vec<Text> {
    let payload = to_base64url(&parts.payload);
    let mut texts = Vec::new();
    for header in HEADERS {
        texts.push(Text {
            bytes: format!("{}.{payload}", to_base64url(header.as_bytes())).into(),
            what: format!("another header than the one sent, {header}"),
            change: "sign the very header that is sent",
        });
    }
    let header = to_base64url(&parts.header);
    for (name, print, change) in PRINTS {
        let json = print(&parts.payload);
        let payload = to_base64url(&json);
        let both = format!("{}.{payload}", to_base64url(&print(&parts.header)));
        let printed = |bytes: Vec<u8>, what: String| Text { bytes, what, change };
        texts.push(printed(
            format!("{header}.{payload}").into(),
            format!("the payload's {name}, in base64url"),
        ));
        texts.push(printed(both.into(), format!("the {name} of header and payload, in base64url")));
        texts.push(printed(json, format!("the payload's {name}, alone")));
    }
    let detached = "a detached payload is not taken: sign header.payload";
    texts.push(Text {
        bytes: format!("{header}.").into(),
        what: "the header and no payload".into(),
        change: detached,
    });
    let (json, name) = (&parts.payload, br#""seq_number""#);
    if let Some(at) = find(json, name) {
        let behind_name = &json[at + name.len()..];
        let number = behind_name.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start();
        let before = &json[..json.len() - number.len()];
        let after = &number[number.iter().take_while(|byte| byte.is_ascii_digit()).count()..];
        for number in 0..16 {
            let json = [before, number.to_string().as_bytes(), after].concat();
            texts.push(Text {
                bytes: format!("{header}.{}", to_base64url(&json)).into(),
                what: format!("the same claims with seq_number {number}"),
                change: "sign anew for each seq_number",
            });
        }
    }
    texts
}

fn with_ends(base: &Text) -> impl Iterator<Item = Text> {
    BEHIND.iter().map(|(end, and, change)| Text {
        bytes: [&base.bytes, end.as_bytes()].concat(),
        what: format!("{}{and}", base.what),
        change: if change.is_empty() || base.change != SIGN { base.change } else { change },
    })
}

/// A text's hash in every form, its wide characters, and its print in quotes.
fn in_other_forms(bytes: &[u8], what: &str) -> Vec<Text> {
    const WIDE: &str = "sign ASCII bytes, not UTF-16 characters";
    const QUOTED: &str = "sign the text without its quotes";
    let around = |before: &str, after: &str| [before.as_bytes(), bytes, after.as_bytes()].concat();
    let wide =
        |order: fn(u16) -> [u8; 2]| bytes.iter().flat_map(|&byte| order(byte.into())).collect::<Vec<_>>();
    let mut forms = vec![
        (wide(u16::to_le_bytes), "in UTF-16".into(), WIDE),
        ([&b"\xff\xfe"[..], &wide(u16::to_le_bytes)].concat(), "in UTF-16, with its mark".into(), WIDE),
        (wide(u16::to_be_bytes), "in UTF-16, big-endian".into(), WIDE),
        (around("\u{feff}", ""), "with a byte order mark".into(), "sign without the byte order mark"),
        (around("\"", "\""), "in quotes".into(), QUOTED),
        (around("\"", "\"\n"), "in quotes, and a newline".into(), QUOTED),
        (around("'", "'"), "in single quotes".into(), QUOTED),
        (base64(bytes).into(), "in base64".into(), SIGN),
        (replaced(bytes, b".", b"%2E"), "percent-encoded".into(), SIGN),
        (around("b'", "'"), "as Python prints bytes, b'...'".into(), "sign text.encode(), not str(text)"),
        (around("Bearer ", ""), "with Bearer before it".into(), SIGN),
    ];
    for (name, algorithm) in HASHES {
        let hash = digest(algorithm, bytes);
        let text = to_hexadecimal(hash.as_ref());
        let pairs: Vec<_> = text.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair)).collect();
        let as_utf8: String = hash.as_ref().iter().map(|&byte| char::from(byte)).collect();
        let prints = [
            (hash.as_ref().to_vec(), "hashed"),
            (digest(algorithm, hash.as_ref()).as_ref().to_vec(), "hashed twice"),
            (as_utf8.into(), "hashed, its bytes turned to UTF-8"),
            (text.clone().into(), "hashed, in hexadecimal"),
            (text.to_uppercase().into(), "hashed, in upper-case hexadecimal"),
            (pairs.join(":").into(), "hashed, in hexadecimal with colons"),
            (pairs.join("-").to_uppercase().into(), "hashed, in hexadecimal with dashes"),
            (format!("{text}\n").into(), "hashed, in hexadecimal with a newline"),
            (format!("{text}  -\n").into(), "hashed, as sha256sum prints it"),
            (format!("SHA2-256(stdin)= {text}\n").into(), "hashed, as openssl prints it"),
            (format!("(stdin)= {text}\n").into(), "hashed, as openssl printed it"),
            (BASE64_STANDARD.encode(hash.as_ref()).into(), "hashed, in base64"),
            ((base64(hash.as_ref()) + "\n").into(), "hashed, in base64 with a newline"),
            (base64(text.as_bytes()).into(), "hashed, in base64 of hexadecimal"),
            (to_base64url(hash.as_ref()).into(), "hashed, in base64url"),
        ];
        forms.extend(prints.map(|(bytes, how)| (bytes, format!("{how} ({name})"), HASHED)));
    }
    forms
        .into_iter()
        .map(|(bytes, how, change)| Text { bytes, what: format!("{what} {how}"), change })
        .collect()
}

fn in_lines(bytes: &[u8], columns: usize) -> Vec<u8> {
    let text = BASE64_STANDARD.encode(bytes);
    text.as_bytes().chunks(columns).flat_map(|line| [line, b"\n"].concat()).collect()
}

fn sorted(json: &[u8], in_lines: bool) -> Vec<u8> {
    let print = if in_lines { serde_json::to_vec_pretty } else { serde_json::to_vec };
    serde_json::from_slice::<Value>(json).and_then(|value| print(&value)).unwrap_or_default()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}
