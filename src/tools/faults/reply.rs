//! A reply that is not taken: cut short, sent back, verified with what is not the secret, or with
//! an `id_request` that is the hash of something else.

use super::encodings::{find, from_base64, from_hexadecimal, to_hexadecimal, without_mark};
use super::signable::{self, HASHES};
use super::{Diagnosis, encodings};
use crate::claims::{Otp, REPLY_HEADER, id_request as hash_of, reply};
use crate::jws::{Parts, json_object, split};
use crate::keys::{BYTE_ORDER_MARK, without_newline};
use crate::server::MOST_BYTES;
use crate::tools::print::quote;
use crate::tools::to_base64url;
use ring::digest::digest;
use ring::hmac;
use serde_json::Value;
use std::borrow::Cow;

/// Characters of an HMAC-SHA-256 in base64url.
const TAG: usize = 43;

/// A reply that ends before its end, and how much is missing.
pub fn cut(text: &[u8]) -> Option<Diagnosis> {
    let text = without_newline(text);
    let header = to_base64url(REPLY_HEADER.as_bytes());
    let parts: Vec<_> = text.split(|&byte| byte == b'.').collect();
    let shown = if text.is_empty() { return None } else { text.len() };
    let missing = match parts[..] {
        [ours, _, tag] if ours == header.as_bytes() && tag.len() < TAG => {
            format!("{} bytes", TAG - tag.len())
        }
        [ours] | [ours, _] if header.as_bytes().starts_with(ours) || ours == header.as_bytes() => {
            let otp = Otp { number: 0, timestamp: 1_000_000_000 };
            let least =
                to_base64url(reply(&"0".repeat(64), 0, otp).as_bytes()).len() + header.len() + 2 + TAG;
            format!("{} bytes or more", least.saturating_sub(shown))
        }
        _ => return None,
    };
    let change = "receive with a buffer of 65,535 bytes, and copy it whole";
    Some(Diagnosis::new(change, format!("the reply is cut after {shown} bytes: {missing} are missing")))
}

/// What has the form of a reply and came to the server. Who made it is not known: the class has the secret.
pub fn sent_back(datagram: &[u8]) -> Option<Diagnosis> {
    is_whole(whole(datagram).map_or(without_newline(datagram), |(reply, _)| reply)).then(|| {
        let found = "alg is HS256 and there is an id_request, as in the server's replies";
        Diagnosis::new("send a request signed with RS256: this has a reply's form", found)
    })
}

/// The same, with something behind it.
pub fn with_more(datagram: &[u8]) -> Option<Diagnosis> {
    let (_, behind) = whole(datagram)?;
    // Another token behind it is another mistake.
    sent_back(datagram).filter(|_| !behind.contains(&b'.'))
}

/// A reply, up to the last character of its tag, and what stands behind it.
pub fn whole(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = to_base64url(REPLY_HEADER.as_bytes());
    let payload = text.strip_prefix(header.as_bytes())?.strip_prefix(b".")?;
    let tag = header.len() + payload.iter().position(|&byte| byte == b'.')? + 2;
    let (reply, behind) = text.split_at_checked(tag + TAG)?;
    is_whole(reply).then_some((reply, behind))
}

/// A reply in a text where more stands before or behind it, as a print or a label does: what stands before it,
/// and the reply.
pub fn within(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let begin = to_base64url(REPLY_HEADER.as_bytes()) + ".";
    let at = find(text, begin.as_bytes()).filter(|&at| at > 0)?;
    let is_own = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let length = text[at..].iter().take_while(is_own).count();
    let reply = &text[at..at + length];
    is_reply(reply).then_some((&text[..at], reply))
}

/// What stands behind a reply whose HMAC verifies without it: so it is no part of it.
fn behind(text: &[u8], secret: &[u8]) -> Option<Diagnosis> {
    let (reply, behind) = whole(text).filter(|(_, behind)| !without_newline(behind).is_empty())?;
    let parts = split(reply).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::verify(&key, parts.signing_input, &parts.signature).ok()?;
    let what = if behind.iter().all(|&byte| byte == 0) { "NULs" } else { "bytes" };
    Some(Diagnosis::new(
        "take as many bytes as recvfrom() returned",
        format!(
            "the reply is whole, and {} {what} stand behind it: what the buffer held before, or a second reply",
            behind.len()
        ),
    ))
}

/// A reply is signed with HS256 and carries `id_request`.
fn is_whole(text: &[u8]) -> bool {
    split(text).is_ok_and(|token| {
        member(&token.header, "alg") == Some("HS256".into()) && member(&token.payload, "id_request").is_some()
    })
}

/// Whether this is a reply, perhaps one that is cut: that is known by its header, which a request does not
/// share beyond `{"alg":"`.
pub fn is_reply(text: &[u8]) -> bool {
    is_whole(text) || whole(text).is_some() || text.len() >= 16 && split(text).is_err() && cut(text).is_some()
}

/// A member of a JSON object in bytes.
pub fn member(json: &[u8], name: &str) -> Option<Value> {
    json_object(json).ok()?.get(name).cloned()
}

/// Whether the server prints a payload so, byte for byte: whoever has the secret can sign another.
pub fn is_printed(payload: &[u8]) -> bool {
    let Ok(members) = json_object(payload) else { return false };
    let number = |name: &str| members.get(name).and_then(Value::as_u64);
    let acknowledgment = || {
        let number_drawn = number("otp_number").filter(|number| *number <= 20_000)?;
        let otp = Otp { number: number_drawn.try_into().ok()?, timestamp: number("otp_timestamp")? };
        Some(reply(members.get("id_request")?.as_str()?, number("next_number")?, otp))
    };
    members.contains_key("error") || acknowledgment().is_some_and(|printed| printed.as_bytes() == payload)
}

/// A key that may have been taken for the secret. It is told only if the HMAC verifies with it.
type Secret<'a> = (Option<Cow<'a, [u8]>>, &'static str, &'static str);

/// The key that a reply's HMAC was made with, in the place of the secret: a file's content, and the
/// files of public keys that may have been taken for it.
pub fn verify(token: &[u8], secret_file: &[u8], public_files: &[&[u8]]) -> Option<Diagnosis> {
    const AS_IT_STANDS: &str = "use the secret's characters as they stand";
    const PUBLIC: &str = "verify with the HMAC secret, not with a public key";
    const NEWLINE: &str = "take the newline off the secret";
    const QUOTES: &str = "take the quotes off the secret";
    const ASCII: &str = "take the secret as ASCII, not UTF-16";
    const FILE: &str = "read the secret file, not its name";
    const DECODED: &str = "the secret decoded from base64";
    let secret = without_newline(secret_file);
    if let Some(found) = behind(token, secret) {
        return Some(found);
    }
    // Where nothing verifies, what stands behind the tag is taken off, and the HMAC is told.
    let token = whole(token).map_or(without_newline(token), |(reply, _)| reply);
    let parts = split(token).ok()?;
    let with = |end: &[u8]| Some(Cow::from([secret, end].concat()));
    let bytes = |bytes| Some(Cow::Borrowed(bytes));
    let wide = |mark: &[u8], order: fn(u16) -> [u8; 2]| {
        Some([mark, &secret.iter().flat_map(|&byte| order(byte.into())).collect::<Vec<_>>()].concat().into())
    };
    let text = |text: String| Some(Cow::from(text.into_bytes()));
    let words: Vec<_> = secret.split(u8::is_ascii_whitespace).collect();
    let mut keys: Vec<Secret> = vec![
        (with(b"\n"), NEWLINE, "the secret's newline left on"),
        (with(b"\r\n"), NEWLINE, "the secret's newline (CR LF) left on"),
        (with(b"\r"), "take the CR off the secret", "a CR behind the secret"),
        (with(b"\0"), "take strlen() bytes of the secret", "a NUL behind the secret"),
        (with(b" "), "take the space off the secret", "a space behind the secret"),
        (with(b"\\n"), "take the \\n off the secret", "\\n behind the secret, as two characters"),
        (bytes(secret.trim_ascii()), AS_IT_STANDS, "the secret without its white space"),
        (from_hexadecimal(secret).map(Cow::from), AS_IT_STANDS, "the secret decoded from hexadecimal"),
        (from_base64(secret).map(Cow::from), AS_IT_STANDS, DECODED),
        (from_base64(&secret[..secret.len() / 4 * 4]).map(Cow::from), AS_IT_STANDS, DECODED),
        (text(signable::base64(secret)), AS_IT_STANDS, "base64 of the secret"),
        (text(to_base64url(secret)), AS_IT_STANDS, "base64url of the secret"),
        (text(to_hexadecimal(secret)), AS_IT_STANDS, "hexadecimal of the secret"),
        (
            Some([BYTE_ORDER_MARK, secret].concat().into()),
            "take the byte order mark off the secret",
            "a byte order mark",
        ),
        (bytes(without_mark(secret)), AS_IT_STANDS, "the secret without its byte order mark"),
        (wide(b"", u16::to_le_bytes), ASCII, "the secret in UTF-16"),
        (wide(b"", u16::to_be_bytes), ASCII, "the secret in UTF-16"),
        (wide(b"\xff\xfe", u16::to_le_bytes), ASCII, "the secret in UTF-16, with its mark"),
        (encodings::wide(secret).map(Cow::from), AS_IT_STANDS, "the secret's UTF-16 as ASCII"),
        (Some(secret.to_ascii_uppercase().into()), AS_IT_STANDS, "the secret in upper case"),
        (Some(secret.to_ascii_lowercase().into()), AS_IT_STANDS, "the secret in lower case"),
        (words.first().copied().map(Cow::from), AS_IT_STANDS, "the first word of the secret"),
        (Some(words.concat().into()), AS_IT_STANDS, "the secret without its white space"),
        (text(format!("\"{}\"", secret.escape_ascii())), QUOTES, "the secret in quotes"),
        (bytes(b""), "read the secret: the key is empty", "an empty key"),
        (bytes(b"key_secret_for_hmac.txt"), FILE, "the file's name"),
        (bytes(b"keys_priv/key_secret_for_hmac.txt"), FILE, "the file's name"),
    ];
    for (_, algorithm) in HASHES {
        let hash = digest(algorithm, secret).as_ref().to_vec();
        let hexadecimal = to_hexadecimal(&hash).into_bytes();
        keys.extend([hash, hexadecimal].map(|key| (Some(key.into()), AS_IT_STANDS, "a hash of the secret")));
    }
    for file in public_files {
        let der = pem::parse(file).map(pem::Pem::into_contents).ok();
        let files = [bytes(file), bytes(file.trim_ascii_end()), der.map(Cow::from)];
        keys.extend(files.map(|key| (key, PUBLIC, "the file of an RSA public key as secret")));
    }
    let verifies = |key: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::verify(&key, parts.signing_input, &parts.signature).is_ok()
    };
    if verifies(secret) {
        return None;
    }
    let made_with = keys.iter().find(|(key, ..)| key.as_ref().is_some_and(|key| verifies(key)));
    let (change, found) = match made_with {
        Some((_, change, with)) => (*change, Cow::from(format!("it verifies with {with}"))),
        None => of_tag(&parts, secret),
    };
    Some(Diagnosis::new(change, found))
}

/// What a tag is that no key explains.
fn of_tag(parts: &Parts, secret: &[u8]) -> (&'static str, Cow<'static, str>) {
    let tag = &parts.signature[..];
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    // No reply is longer than a request may be: of a longer one hundreds of texts would be made in vain.
    let texts = if parts.signing_input.len() > MOST_BYTES { Vec::new() } else { signable::all(parts) };
    let text = texts.into_iter().find(|text| hmac::verify(&key, &text.bytes, tag).is_ok());
    match (text, tag.len()) {
        (Some(text), _) => (
            "take the HMAC of header.payload, as received",
            format!("it is the HMAC of {}", text.what).into(),
        ),
        (None, 32) => (
            "use the class's secret; do not change the reply",
            "the HMAC is made with another secret, or the reply was changed".into(),
        ),
        (None, 0..32) => (
            "receive with a buffer of 65,535 bytes, and copy it whole",
            format!("the HMAC has {} bytes of 32", tag.len()).into(),
        ),
        (None, 128..) => {
            ("verify a reply of the server: this is RSA's", "the signature is as long as RSA's".into())
        }
        (None, length) => {
            ("verify with HMAC-SHA-256", format!("the HMAC has {length} bytes, and HS256's has 32").into())
        }
    }
}

/// What an `id_request` that is not a request's is the hash of. `None`: it is the request's.
pub fn id_request(found: &str, request: &[u8]) -> Option<Diagnosis> {
    const CHANGE: &str = "hash the payload's JSON as sent: decode part 2, SHA-256";
    let request = without_newline(request);
    let parts = split(request).ok()?;
    let wanted = hash_of(&parts.payload);
    let said = |change: &'static str, found: String| Some(Diagnosis::new(change, found));
    if found == wanted {
        return None;
    }
    if found.eq_ignore_ascii_case(&wanted) {
        return said("compare with lower-case hexadecimal", "it is the payload's hash in upper case".into());
    }
    if found.trim().trim_start_matches("0x") == wanted {
        return said("compare 64 hexadecimal characters alone", "it is the payload's hash, and more".into());
    }
    if found.len() >= 8 && wanted.starts_with(found) {
        return said("compare all 64 characters", "it is the payload's hash, cut".into());
    }
    let hash = from_hexadecimal(found.as_bytes()).or_else(|| from_base64(found.as_bytes()))?;
    let bytes = |text: &signable::Text| {
        HASHES.into_iter().find(|(_, algorithm)| digest(algorithm, &text.bytes).as_ref() == hash)
    };
    let mut all = signable::all(&parts);
    let more =
        |bytes: &[u8], what: &str| signable::Text { bytes: bytes.into(), what: what.into(), change: CHANGE };
    all.push(more(to_base64url(&parts.signature).as_bytes(), "the signature's base64url"));
    all.push(more(&parts.signature, "the signature"));
    all.push(more(&[request, b"\n"].concat(), "the whole token and a newline"));
    if let Some((text, (name, _))) = all.iter().find_map(|text| Some((text, bytes(text)?))) {
        let is_payload = text.bytes == parts.payload;
        let form = if is_payload && name == "SHA-256" { ", but not in hexadecimal" } else { "" };
        let change = if is_payload { "hash with SHA-256, in lower-case hexadecimal" } else { CHANGE };
        return said(change, format!("it is the {name} of {}{form}", text.what));
    }
    said(
        "ignore this reply; or check the request that was sent",
        format!(
            "id_request is {}: the reply answers another request than this, or one changed since",
            quote(found.as_bytes())
        ),
    )
}
