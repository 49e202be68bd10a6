//! A datagram that is no token: what wraps or encodes one, or what was sent in its place.

use super::encodings::{
    find, from_base64, from_hexadecimal, from_numbers, is_address, is_text, percent_decoded, replaced, wide,
    wide_kind,
};
use super::reason::after_reason;
use super::{Diagnosis, Row, key_file};
use crate::jws::json_object;
use crate::keys::{BYTE_ORDER_MARK, without_newline};
use crate::tools::base64url;
use crate::tools::print::quote;
use serde_json::Value;

const ALONE: &str = "send the token and nothing else";
const QUOTES: &str = "send the token without its quotes";
const NAME: &str = "send the token alone, without a name before it";
const BYTES: &str = "send token.encode(), not str(token): no b'...'";
const LIST: &str = "take the token out of its list";
const HTTP: &str = "it is the value of HTTP's Authorization";

/// All that stands before and behind a token, white space apart: the first that fits is the cause. Of what
/// begins with a name or `Bearer` more of a name may stand before that. Where anything else stands there too,
/// no row fits, and it is shown.
const AROUND: [(&[u8], &[u8], Row); 34] = [
    (b"b'", b"'", (BYTES, "it is Python's print of a bytes object")),
    (b"b\"", b"\"", (BYTES, "it is a print of a bytes object")),
    (b"Bearer ", b"", ("send the token alone, without Bearer", HTTP)),
    (b"bearer ", b"", ("send the token alone, without bearer", HTTP)),
    (b"JWT ", b"", ("send the token alone, without JWT", "a word stands before it")),
    (
        b"Optional(\"",
        b"\")",
        ("unwrap it: send token!, not \"\\(token)\"", "it is Swift's print of an Optional"),
    ),
    (b"Some(\"", b"\")", ("send the text in Some(...), unwrapped", "it is a print of an Option")),
    (b"Ok(\"", b"\")", ("send the text in Ok(...), unwrapped", "it is a print of a Result")),
    (b"Optional[", b"]", ("send token.get(), not the Optional", "it is Java's print of an Optional")),
    (b"Just \"", b"\"", ("send the text in Just, unwrapped", "it is a print of a Maybe")),
    (b"SignedJWT(", b")", ("send token.serialize()", "it is a print of an object")),
    (
        b"\\\"",
        b"\\\"",
        (QUOTES, "quotes with backslashes stand around it: it is in JSON twice, or source text"),
    ),
    (b"\"\"\"", b"\"\"\"", (QUOTES, "three quotes stand around it")),
    (b"\"", b"\"", (QUOTES, "quotes stand around it, as JSON.stringify and source text have them")),
    (b"'", b"'", (QUOTES, "single quotes stand around it")),
    (b"`", b"`", (QUOTES, "backquotes stand around it")),
    (b"&quot;", b"&quot;", (QUOTES, "quotes of HTML stand around it")),
    ("\u{201c}".as_bytes(), "\u{201d}".as_bytes(), (QUOTES, "typographic quotes stand around it")),
    ("\u{ab}".as_bytes(), "\u{bb}".as_bytes(), (QUOTES, "typographic quotes stand around it")),
    (b"['", b"']", (LIST, "it is a print of a list")),
    (b"[\"", b"\"]", (LIST, "it is a print of a list, or a list in JSON")),
    (b"<<\"", b"\">>", ("send the binary, not its print", "it is Erlang's print of a binary")),
    (b"\"", b"", (QUOTES, "a quote stands before it")),
    (b"", b"\"", (QUOTES, "a quote stands behind it")),
    (b"", b"==", ("take the = off each part", "== stands behind it")),
    (b"", b"=", ("take the = off each part", "= stands behind it")),
    (b"<", b">", ("send the token alone, without < and >", "it stands between < and >")),
    (b"[", b"]", ("send the token alone, without brackets", "it stands in brackets")),
    (b"(", b")", ("send the token alone, without parentheses", "it stands in parentheses")),
    (b"{", b"}", ("send the token alone, without braces", "it stands in braces")),
    (b"=", b"", (NAME, "a name stands before it")),
    (b": ", b"", (NAME, "a name stands before it")),
    (b":", b"", (NAME, "a name stands before it")),
    (
        b"> ",
        b"",
        ("send the token alone, without > before it", "> stands before it, as in e-mail or at a prompt"),
    ),
];

/// How something else than a token begins. What is no text is known by the bytes that its form begins with.
/// A text is known by so much of it that no other text is known to begin so.
const BEGINNINGS: [(&[&[u8]], Row); 19] = [
    (&[b"\x16\x03"], ("send plain UDP, without TLS", "it is a TLS handshake")),
    (&[b"\x16\xfe"], ("send plain UDP, without DTLS", "it is a DTLS handshake")),
    (
        &[b"\x1f\x8b", b"\x78\x9c", b"\x78\xda"],
        ("send the token itself, not compressed", "it is gzip or zlib"),
    ),
    (&[b"PK\x03\x04"], ("send the token itself, not a file with it", "it is a ZIP, or a document of Word")),
    (&[b"\xac\xed\x00\x05"], ("send token.getBytes(), without ObjectOutputStream", "it is a Java object")),
    (&[b"\x80\x03", b"\x80\x04\x95"], ("send token.encode(), without pickle", "it is a Python pickle")),
    (&[b"SSH-2.0-", b"SSH-1."], ("send a token", "it is SSH's greeting")),
    (
        &[b"GET ", b"POST ", b"PUT ", b"OPTIONS ", b"HTTP/"],
        ("send the token in a datagram, without HTTP", "it is HTTP"),
    ),
    (&[b"<!DOCTYPE", b"<html"], ("send a token", "it is a page of HTML")),
    (
        &[b"-----BEGIN PUBLIC", b"-----BEGIN RSA PUBLIC", b"ssh-rsa "],
        ("send a token; the public key goes to the professor", "it is a public key"),
    ),
    (&[b"-----BEGIN "], ("send a token", "it is a block of PEM")),
    (&[b"[B@"], ("send token.getBytes(): this is the array's address", "it is Java's print of a byte[]")),
    (&[b"System.Byte[]"], ("send the bytes, not bytes.ToString()", "it is .NET's print of a byte[]")),
    (&[b"<Buffer "], ("send the Buffer, not its print", "it is Node's print of a Buffer")),
    (
        &[
            b"Promise {",
            b"[object Promise]",
            b"<coroutine ",
            b"System.Threading.Tasks.Task",
            b"java.util.concurrent.CompletableFuture",
            b"java.util.concurrent.FutureTask",
            b"Instance of 'Future",
        ],
        ("await the token, then send it", "it is a promise, printed"),
    ),
    (&[b"<bound method", b"<function"], ("call the function: ()", "it is Python's print of a function")),
    (&[b"[object "], ("send the token, not the object", "it is JavaScript's print of an object")),
    (&[b"<", b"#<"], ("send the token, not the object", "it is a print of an object, or XML")),
    (
        &[b"%s", b"%d", b"%v", b"%@", b"${", b"$(", b"$t", b"$T", b"#{", b"{{"],
        ("put the token into the format", "a format or a variable's name was sent, and nothing in it"),
    ),
];

/// What languages print of a variable that has no value: the whole text, or all of it before the first dot. A
/// sentence may begin so.
const NOTHING: [&[u8]; 7] = [b"null", b"NULL", b"nil", b"<nil>", b"(null)", b"None", b"undefined"];

/// How the print of a value begins that was meant to be bytes.
const PRINTS: [&[u8]; 8] =
    [b"[object ", b"System.Byte[]", b"[B@", b"<Buffer ", b"Promise {", b"<memory", b"<_io.", b"<bytes"];

/// Undoes an encoding of the whole text.
type Decode = fn(&[u8]) -> Option<Vec<u8>>;

/// The whole text in an encoding. What is inside must be a token, whose header is JSON: no text decodes to that
/// by chance. Where several ways lead there, the row says only what was seen.
const ENCODINGS: [(Decode, Row); 15] = [
    (
        |text| Some(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()),
        ("take the line breaks and spaces out of the token", "white space is in it: was it wrapped?"),
    ),
    (
        |text| Some(replaced(&replaced(text, b"\\r", b""), b"\\n", b"")),
        ("take the \\n out of the token", "there is \\n in it, as two characters"),
    ),
    (
        |text| Some(replaced(&replaced(text, b"=\r\n", b""), b"=\n", b"")),
        ("take the = and line breaks out of the token", "it is quoted-printable, out of an e-mail"),
    ),
    (percent_decoded, ("send the token itself, without percent-encoding", "it is encoded as for a URL")),
    (
        from_hexadecimal,
        ("send the token itself, not its hexadecimal", "it is hexadecimal, and the token inside"),
    ),
    (from_base64, ("send the token itself, not base64 of it", "it is base64, and the token inside")),
    (
        from_numbers,
        ("send the bytes, not a print of their numbers", "it is a list of numbers, the token's bytes"),
    ),
    (
        |text| from_hexadecimal(&replaced(text, b"\\x", b"")),
        ("send the bytes, not a print of them", "it is the token's bytes in \\x.."),
    ),
    (
        |text| Some(text.iter().copied().filter(|&byte| byte != 0).collect()),
        ("send the token without NULs", "there are NULs within it"),
    ),
    (
        |text| {
            Some(text.iter().map(|&byte| if b":;,| /\t\n".contains(&byte) { b'.' } else { byte }).collect())
        },
        ("put dots between the three parts", "something else stands between its parts"),
    ),
    (
        |text| {
            let parts = text.split(|&byte| byte == b'.').map(|part| part.split_last());
            let without =
                parts.map(|part| part.filter(|(last, _)| b"012".contains(last)).map(|(_, rest)| rest));
            Some(without.collect::<Option<Vec<_>>>()?.join(&b'.'))
        },
        ("take the digit off each part", "a digit stands for each part's =, as .NET's UrlTokenEncode writes"),
    ),
    (|text| Some(replaced(text, b"..", b".")), ("put one dot between the parts", "a dot is doubled")),
    (
        |text| Some(text.strip_suffix(b".").or(text.strip_prefix(b"."))?.into()),
        ("put dots between the three parts alone", "a dot stands before or behind it"),
    ),
    (
        |text| Some(text.iter().copied().filter(u8::is_ascii).collect()),
        (
            "copy the token anew, as plain text",
            "characters are in it that are not ASCII: such as do not show, or an editor's for - or fi",
        ),
    ),
    (
        |text| Some(text.iter().rev().copied().collect()),
        ("send the token forwards", "it is written backwards"),
    ),
];

/// What stands before a token, if it is of a token's own characters: so its header decodes to no JSON.
pub fn before_token(text: &[u8]) -> Option<Diagnosis> {
    let (before, after) = around_token(text).filter(|(before, _)| !before.is_empty())?;
    let token = &text[before.len()..text.len() - after.len()];
    let header = base64url(token.split(|&byte| byte == b'.').next()?).ok()?;
    json_object(&header).is_ok().then(|| of_surroundings(before, token.len(), after))
}

/// A signature's bytes behind the second dot, never encoded. A part of base64url with something else in it
/// has that in few of its bytes, and random bytes have it in three of four. Text has it in few as well.
fn unencoded(text: &[u8]) -> Option<Diagnosis> {
    let mut parts = text.splitn(3, |&byte| byte == b'.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let is_object = |part| base64url(part).is_ok_and(|json| json_object(&json).is_ok());
    let foreign = signature.iter().filter(|byte| !is_base64url(**byte)).count();
    let begins_encoded = signature.iter().take_while(|byte| is_base64url(**byte)).count() >= 40;
    if !is_object(header)
        || !is_object(payload)
        || begins_encoded
        || foreign * 2 < signature.len()
        || signature.len() < 16
    {
        return None;
    }
    let lost = signature.windows(3).filter(|window| window == b"\xef\xbf\xbd").count();
    let length = signature.len();
    let found = match str::from_utf8(signature) {
        _ if is_text(signature) => return None,
        Ok(_) if lost > 8 => {
            format!("{lost} bytes of the signature were lost where it was read as text (U+FFFD)")
        }
        Ok(text) if !text.is_ascii() => {
            format!("{} characters stand behind the second dot: bytes, turned to UTF-8", text.chars().count())
        }
        _ => format!("{length} bytes that are no text stand behind the second dot"),
    };
    Some(Diagnosis::new("write the signature's bytes in base64url", found))
}

/// What is wrong with a datagram that is no token in three parts of base64url.
pub fn diagnose(datagram: &[u8]) -> Option<Diagnosis> {
    let text = without_newline(datagram);
    let row = |row: Row| Some(Diagnosis::from(row));
    if let Some(found) = printed_signature(text) {
        return Some(found);
    }
    if is_token(text) {
        return None;
    }
    if text.trim_ascii().is_empty() {
        return row(("send the token: the variable or file was empty", "it holds nothing"));
    }
    if text.iter().all(|&byte| byte == 0) {
        return row(("fill the buffer before sending it", "a datagram of nothing but NULs"));
    }
    if wide(text).is_some() {
        let (kind, found) = wide_kind(text);
        return Some(Diagnosis::new(format!("send ASCII bytes, not {kind} (wide) characters"), found));
    }
    // What a buffer holds behind the text is counted, and looked at no more.
    let nuls = text.iter().rev().take_while(|&&byte| byte == 0).count();
    let (text, nuls) = text.split_at(text.len() - nuls);
    if is_token(text) {
        return Some(of_surroundings(b"", text.len(), nuls));
    }
    if let Some(found) = unencoded(text) {
        return Some(found);
    }
    let mut rest = text;
    while let Some(unmarked) = rest.strip_prefix(BYTE_ORDER_MARK) {
        rest = unmarked;
    }
    if rest.len() < text.len() {
        let marks = (text.len() - rest.len()) / BYTE_ORDER_MARK.len();
        let found = match marks {
            1 => "a byte order mark (EF BB BF) stands before the text".into(),
            _ => format!("{marks} byte order marks (EF BB BF) stand before the text"),
        };
        let also = Some(rest).filter(|rest| !rest.is_empty()).and_then(of_text);
        let also = also.map(|also| format!("; then {also}")).unwrap_or_default();
        return Some(Diagnosis::new("send it without the byte order mark", format!("{found}{also}")));
    }
    of_text(text)
}

/// The print of a value in the signature's place: behind two parts that are as they should be.
pub fn printed_signature(text: &[u8]) -> Option<Diagnosis> {
    let signature = text.splitn(3, |&byte| byte == b'.').nth(2)?;
    let begins_a_token = is_token(&text[..text.len() - signature.len()]);
    (begins_a_token && is_print(signature)).then(|| not_bytes(signature))
}

/// Whether a text is what a language prints of nothing, of an object, of a promise.
pub fn is_print(text: &[u8]) -> bool {
    NOTHING.contains(&text) || is_text(text) && PRINTS.iter().any(|print| text.starts_with(print))
}

/// That a signature is a text, and no bytes.
pub fn not_bytes(text: &[u8]) -> Diagnosis {
    let found = format!("the signature is the text {}", quote(&text[..text.len().min(32)]));
    Diagnosis::new("put the signature's bytes there, in base64url", found)
}

/// What is wrong with a text that has nothing before it and behind it but what a language puts there.
fn of_text(text: &[u8]) -> Option<Diagnosis> {
    let row = |row: Row| Some(Diagnosis::from(row));
    if is_token(text) {
        return None;
    }
    if has_several(text) && !text.starts_with(b"{") {
        return row(("send one token in a datagram: clear the buffer", "more than one token is in it"));
    }
    if text.starts_with(b"-----BEGIN ") && key_file::private(text).is_some() {
        return row(("make a new pair, and send a token", "it is a PRIVATE key, sent for all to read"));
    }
    if NOTHING.iter().any(|word| text == *word || text.starts_with(&[word, &b"."[..]].concat())) {
        return row((
            "set the variable before it is sent",
            "it is the print of a variable that has no value",
        ));
    }
    let is_begun = |beginning: &&[u8]| {
        text.starts_with(beginning) && (text.len() < 64 || !b"%$#{".contains(&beginning[0]))
    };
    let beginning = BEGINNINGS.iter().find(|(all, _)| all.iter().any(is_begun)).map(|(_, row)| *row);
    let object = json_object(text).ok();
    // What begins like an object may be a print of the token, between < and >.
    if (beginning.is_none() || text.starts_with(b"<")) && object.is_none() {
        // Base64's own characters, within a part, are no end of it.
        let is_base64 = |byte: &u8| is_base64url(*byte) || b"+/=.".contains(byte);
        if text.iter().all(is_base64)
            && text.iter().any(|byte| b"+/".contains(byte))
            && let Some(found) = of_parts(text)
        {
            return Some(found);
        }
        if let Some((before, after)) = around_token(text) {
            return Some(of_surroundings(before, text.len() - before.len() - after.len(), after));
        }
        if let Some((_, found)) =
            ENCODINGS.iter().find(|(decode, _)| decode(text).is_some_and(|inside| is_token(&inside)))
        {
            return row(*found);
        }
    }
    beginning
        .and_then(row)
        .or_else(|| object.and_then(|members| of_json(&members)))
        .or_else(|| of_parts(text))
        .or_else(|| {
            let is_name = |name: &[u8]| name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let (change, found) = match text {
                [b'{', name @ .., b'}'] if is_name(name) => {
                    ("put the token there", "it is a variable's name")
                }
                [b'{' | b'[', ..] => {
                    ("send a token: header.payload.signature", "it begins as JSON does, and is none")
                }
                _ if !is_text(text) => ("send a token, ASCII text", "it is bytes that are no text"),
                _ if is_address(text) => {
                    ("send the token, not the object", "it is the print of an object or an address")
                }
                _ if after_reason(text).is_some_and(|rest| rest.starts_with(b": ")) => {
                    ("send your own request: this is the server's answer", "it is what --explain says")
                }
                [b'e', b'y', b'J', ..] if [4, 8].contains(&text.len()) => (
                    "send all of the token: strlen(), not sizeof a pointer",
                    "it is cut, to a pointer's size",
                ),
                [b'e', b'y', b'J', ..] if !text.contains(&b'.') => {
                    ("send all of the token in one datagram", "it is cut, or a piece of a token")
                }
                _ if text.len() >= 32 && text.iter().all(|&byte| is_base64url(byte) || byte == b'.') => {
                    ("send all of the token in one datagram", "it is a piece of a token, or another text")
                }
                _ if [".txt", ".jwt", ".jws"].iter().any(|end| text.ends_with(end.as_bytes())) => {
                    ("send what is in the file, not its name", "it is a file's name")
                }
                _ => ("send a token: header.payload.signature", "it is some other text"),
            };
            row((change, found))
        })
}

/// Three parts of base64url, the first of which is the JSON of a header.
fn is_token(text: &[u8]) -> bool {
    let parts: Vec<_> = text.splitn(4, |&byte| byte == b'.').collect();
    parts.len() == 3
        && parts.iter().all(|part| part.iter().all(|byte| is_base64url(*byte)))
        && base64url(parts[0]).is_ok_and(|header| header.trim_ascii_start().starts_with(b"{"))
        && !parts[1].is_empty()
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
}

/// What stands before and behind the first token in a text, or the first in a run of its characters.
fn around_token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_outside = |byte: &u8| *byte != b'.' && !is_base64url(*byte);
    let mut start = 0;
    for run in text.split(is_outside) {
        let header = if is_token(run) { Some(0) } else { find(run, b"eyJ") };
        if let Some(at) = header.filter(|&at| is_token(&run[at..])) {
            return Some((&text[..start + at], &text[start + run.len()..]));
        }
        start += run.len() + 1;
    }
    None
}

/// Whether a header stands in a text more than once.
fn has_several(text: &[u8]) -> bool {
    let header = find(text, b"eyJ").map(|start| &text[start..]).unwrap_or_default();
    let header = header.split(|&byte| byte == b'.').next().unwrap_or_default();
    header.len() >= 16 && find(&text[find(text, header).unwrap_or(0) + header.len()..], header).is_some()
}

/// What stands before and behind a token of so many bytes.
fn of_surroundings(before: &[u8], token: usize, after: &[u8]) -> Diagnosis {
    let nuls = after.iter().filter(|&&byte| byte == 0).count();
    // A number with a colon behind it is no name, nor is a line of a log.
    let is_name = |name: &[u8]| {
        let name = name.trim_ascii();
        name.first().is_some_and(|byte| !byte.is_ascii_digit())
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-: ".contains(byte))
    };
    let fits = |(first, last, (change, found)): &&(&[u8], &[u8], Row)| {
        let rest = before.strip_suffix(*first).zip(after.strip_prefix(*last));
        rest.is_some_and(|(before, after)| match *change {
            NAME => is_name(before) && after.trim_ascii().is_empty(),
            _ if *found == HTTP => is_name(before) || before.is_empty(),
            _ => before.trim_ascii().is_empty() && after.trim_ascii().is_empty(),
        })
    };
    let (change, found) = match AROUND.iter().find(fits) {
        _ if before.is_empty() && after.first() == Some(&0) => {
            ("send strlen() bytes, not the whole buffer", format!("{nuls} NULs stand behind the token"))
        }
        _ if before.starts_with(b"\x1b[") => {
            ("send the token without its colours", "a terminal's codes for colours stand around it".into())
        }
        _ if (before.trim_ascii(), after.trim_ascii()) == (b"", b"") => {
            ("take the white space off the token's ends", "white space stands around the token".into())
        }
        _ if is_length(before, token) => (
            "send the token's bytes, with no length before them",
            match before.len() {
                2 if usize::from(before[0]) << 8 | usize::from(before[1]) == token => {
                    "its length stands before the token, as writeUTF puts it".into()
                }
                bytes => format!("its length stands before the token, in {bytes} bytes"),
            },
        ),
        _ if before.len() <= 8 && before.iter().any(|byte| *byte < b' ' && !byte.is_ascii_whitespace()) => {
            (ALONE, format!("{} bytes that are no text stand before the token", before.len()))
        }
        Some((.., (change, found))) => (*change, (*found).into()),
        None => {
            let shown = |text: &[u8], place| match text.len() {
                0 => None,
                1..=16 => Some(format!("{} stands {place}", quote(text))),
                length => Some(format!("{}... ({length} bytes) stands {place}", quote(&text[..16]))),
            };
            let both = [shown(before, "before the token"), shown(after, "behind it")];
            (ALONE, both.into_iter().flatten().collect::<Vec<_>>().join(", and "))
        }
    };
    Diagnosis::new(change, found)
}

/// Whether this is a token's length, in digits or in 2, 4 or 8 bytes of either order. A token has more than
/// 16 bytes: a 1 before it is none.
fn is_length(before: &[u8], token: usize) -> bool {
    let digits = before.trim_ascii().strip_suffix(b":").unwrap_or(before.trim_ascii());
    let in_digits = str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok());
    // Seven bits in a byte, the low ones first: .NET's BinaryWriter, and protobuf's behind its tag.
    let in_sevens = match before {
        [.., low, high] if *low >= 0x80 => (usize::from(*high) << 7 | usize::from(low & 0x7f)) == token,
        _ => false,
    };
    let value =
        |bytes: &mut dyn Iterator<Item = &u8>| bytes.fold(0, |value, &byte| value << 8 | usize::from(byte));
    let in_bytes = [2, 4, 8].contains(&before.len())
        && [value(&mut before.iter()), value(&mut before.iter().rev())].contains(&token);
    in_bytes || in_digits == Some(token) || before.len() <= 3 && in_sevens
}

/// JSON that was sent as it is.
fn of_json(members: &serde_json::Map<String, Value>) -> Option<Diagnosis> {
    let has = |name: &str| members.contains_key(name);
    let token = members.iter().find(|(_, value)| {
        let text = value.as_str().map(str::trim).unwrap_or_default();
        is_token(text.strip_prefix("Bearer ").unwrap_or(text).as_bytes())
    });
    let row = |row: Row| Some(Diagnosis::from(row));
    match token {
        Some((name, _)) => {
            let found = format!("it is JSON, and the token is its member {}", quote(name.as_bytes()));
            Some(Diagnosis::new("send the token itself, not in JSON", found))
        }
        None if has("ciphertext") => {
            row(("sign (JWS), do not encrypt (JWE)", "it is a JWE in JSON serialization"))
        }
        None if has("signatures") || has("signature") || has("protected") => {
            row(("send it compact: header.payload.signature", "it is a JWS in JSON serialization"))
        }
        None if members.get("type").is_some_and(|name| name == "Buffer") => {
            row(("send the Buffer itself, not its JSON", "it is Node's JSON of a Buffer"))
        }
        None if has("kty") => row(("send a token; the key goes to the professor", "it is a JSON Web Key")),
        None if has("header") || has("alg") => {
            row(("sign it: header.payload.signature, in base64url", "it is a header in JSON, unsigned"))
        }
        None => row(("sign it: send header.payload.signature", "it is JSON, sent without a signature")),
    }
}

/// Text in parts, none of which make a token.
fn of_parts(text: &[u8]) -> Option<Diagnosis> {
    let parts: Vec<_> = text.split(|&byte| byte == b'.').collect();
    let object = |part: &[u8]| json_object(&from_base64(part)?).ok();
    let (header, is_object) = (object(parts[0]), |part: &[u8]| object(part).is_some());
    let is_json = |part: &[u8]| part.trim_ascii().starts_with(b"{");
    let is_standard = parts.iter().any(|part| part.iter().any(|byte| b"+/".contains(byte)));
    let is_padded = parts.iter().any(|part| part.ends_with(b"="));
    let all_hexadecimal = parts.len() > 1 && parts.iter().all(|part| from_hexadecimal(part).is_some());
    let (change, found) = match (parts.len(), &header) {
        (5, Some(header)) if header.contains_key("enc") => {
            ("sign (JWS), do not encrypt (JWE)", "5 parts and a header with enc: it is a JWE".into())
        }
        (3, None) if all_hexadecimal => {
            ("encode the parts in base64url, not hexadecimal", "its parts are hexadecimal".into())
        }
        (_, _) if is_json(text) && find(text, b"}.").is_some() => (
            "encode header and payload in base64url",
            "its parts are JSON, not encoded (in .NET: WriteToken, not ToString)".into(),
        ),
        (3, Some(_)) if is_json(parts[1]) => {
            ("encode the payload in base64url", "its payload is JSON, not encoded".into())
        }
        (3, Some(_)) if is_padded && !is_standard => {
            ("take the = off each part", "its parts end in =".into())
        }
        (3, Some(_)) if is_standard => {
            const CHANGE: &str = "write - for + and _ for / : base64url";
            let and = if is_padded { ", which has no =" } else { "" };
            (CHANGE, format!("its parts are base64, not base64url{and}"))
        }
        (3, Some(_)) if find(text, b"\xe2\x80\xa6").is_some() => {
            ("copy the token whole: part of it is ...", "an ellipsis stands in it".into())
        }
        (1, Some(_)) => ("send header.payload.signature in one datagram", "it is a header alone".into()),
        (2, Some(_)) if parts[1].starts_with(b"eyJ") && !is_object(parts[1]) => {
            let found =
                format!("it is cut after {} bytes, in its payload, or a piece of a token", text.len());
            ("send all of the token in one datagram", found)
        }
        (2, Some(_)) => {
            ("add the signature: header.payload.signature", "two parts: the signature is missing".into())
        }
        (parts @ 4.., Some(_)) if find(text, b"...").is_none() => {
            ("send three parts: header.payload.signature", format!("found {parts} parts"))
        }
        (_, Some(_)) if find(text, b"...").is_some() => (
            "copy the token whole: part of it is ...",
            "three dots stand for a part that was left out".into(),
        ),
        _ => return None,
    };
    Some(Diagnosis::new(change, found))
}
