//! `check`: takes one token apart and says what the server would say, and why.
//!
//! The checks are the server's own ([`read`]), in its order. What is added here is the diagnosis: a
//! signature that does not verify is tried as if it were made with each of the usual mistakes.

use crate::claims::{self, Otp};
use crate::groups::Table;
use crate::jws::{self, Parts};
use crate::keys::{self, PublicKey, without_newline};
use crate::refusal::{NotAnObject, Refusal};
use crate::server::{Class, Event, read};
use crate::start::{content, key_files, public_keys, secret_file};
use crate::time::now;
use crate::tools::terminal::groups_json::is_name;
use crate::tools::terminal::refusals::{self, REASONS};
use crate::tools::terminal::{Colours, key_file, shown, startup};
use ring::{digest, hmac, rsa, signature};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The checks that need neither the server's state nor its disk: from `too_large` to `wrong_audience`.
const CHECKS: std::ops::Range<usize> = 1..15;

/// What `check` says of a token: the text for the terminal, and whether everything passed.
pub(crate) fn check(
    datagram: &[u8],
    directory: &Path,
    key: Option<&Path>,
    colours: Colours,
) -> Result<(String, bool), String> {
    let text = without_newline(datagram);
    let mut out = format!("{:11} {} bytes\n", "token", text.len());
    let token = jws::split(text).ok();
    if let Some(token) = &token {
        out += &parts(token);
        if is_reply(token) {
            let (verdict, passes) = check_reply(token, directory)?;
            _ = writeln!(out, "\n{}", mark(passes, &verdict, colours));
            return Ok((out, passes));
        }
        _ = writeln!(out, "{:11} {}", "id_request", claims::id_request(&token.payload));
    }
    let class = match key {
        Some(path) => class_of_one(token.as_ref(), path)?,
        None => class_of(directory)?,
    };
    let nobody = ([0; 4], 0).into();
    let mut event = Event::new(now(), nobody, datagram, Otp { number: 0, timestamp: 0 });
    let outcome = read(&class, &mut event);
    if let Some(group) = event.group {
        let key = class.keys[group].as_ref();
        let key = key.map_or("no usable key".into(), |key| {
            format!("{} bits, {}", key.bits(), key_file::fingerprint(key))
        });
        _ = writeln!(out, "{:11} {}, {key}", "group", class.table[group].name);
    }
    out.push('\n');
    let failed = outcome.as_ref().map_or_else(refusals::place, |_| CHECKS.end);
    for reason in &REASONS[CHECKS.start..failed] {
        let is_known = key.is_none() || !["unknown_group", "no_key"].contains(&reason.name);
        _ = match is_known {
            true => writeln!(out, "{}", mark(true, reason.condition, colours)),
            false => writeln!(out, "--  {}: not known here", reason.condition),
        };
    }
    match outcome {
        Ok((group, request)) => {
            let clock = token.as_ref().and_then(clock_hint);
            for note in notes(key.is_none().then_some(&class.table), group, &request).into_iter().chain(clock)
            {
                _ = writeln!(out, "note: {note}");
            }
            _ = match key {
                None => writeln!(out, "The server takes it if its seq_number is in order."),
                Some(_) => {
                    let group = &class.table[group].name;
                    writeln!(
                        out,
                        "The server takes it if it has this key for {group}, and seq_number is in order."
                    )
                }
            };
            Ok((out, true))
        }
        Err(refusal) => {
            _ = writeln!(out, "{}", mark(false, REASONS[failed].condition, colours));
            let detail = refusals::detail_of(&refusal, datagram);
            _ = writeln!(out, "\n{}: {detail}", refusals::name(&refusal));
            for hint in hints(&refusal, token.as_ref(), &class, event.group) {
                _ = writeln!(out, "{}", colours.yellow(&hint));
            }
            Ok((out, false))
        }
    }
}

fn mark(passes: bool, text: &str, colours: Colours) -> String {
    if passes { colours.green(&format!("ok  {text}")) } else { colours.red(&format!("NO  {text}")) }
}

/// The token's parts, a line each.
fn parts(token: &Parts) -> String {
    let mut out = String::new();
    let signing_input = printable(token.signing_input);
    _ = writeln!(out, "{:11} {}", "header", printable(&token.header));
    _ = writeln!(out, "{:11} {}", "payload", printable(&token.payload));
    _ = writeln!(out, "{:11} {} bytes", "signature", token.signature.len());
    _ = writeln!(out, "{:11} {} characters: {signing_input}", "signed is", signing_input.len());
    out
}

/// Text that can't drive a terminal: what doesn't show, or moves what does, is escaped.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|char| if r#""'\"#.contains(char) { char.into() } else { char.escape_debug().to_string() })
        .collect()
}

/// A class of one group, the one that the token claims, with the key in a file.
fn class_of_one(token: Option<&Parts>, path: &Path) -> Result<Class, String> {
    let claimed = token.and_then(|token| serde_json::from_slice::<Value>(&token.payload).ok());
    let name = claimed.as_ref().and_then(|claims| claims.get("group")?.as_str());
    let name = name.filter(|name| is_name(name)).unwrap_or("YOURS");
    let table = Table::from_json(format!(r#"{{"{name}":255}}"#).as_bytes())?;
    let key = load_key(path).map_err(|error| format!("{}: {error}", shown(path)))?;
    Ok(Class { table, keys: vec![Some(key)], secret: no_secret() })
}

/// The key in a file: public, in any form that the server takes, or the private one.
fn load_key(path: &Path) -> Result<PublicKey, String> {
    let file = fs::read(path).map_err(|error| format!("cannot be read: {error}; name your key's file"))?;
    if key_file::has_private_key(&file) {
        let pem = pem::parse(&file).map_err(
            |_| "it is no private key in PEM, or cut: name the public one, or copy it again, whole",
        )?;
        if pem.tag() == "OPENSSH PRIVATE KEY" {
            return Err("it is in OpenSSH's own form: ssh-keygen -p -m PEM -f FILE makes it PEM".into());
        }
        let pair =
            rsa::KeyPair::from_pkcs8(pem.contents()).or_else(|_| rsa::KeyPair::from_der(pem.contents()));
        let pair = pair.map_err(|error| {
            format!("it is no private key that can be read here ({error}): name the public one")
        })?;
        let rsa::PublicKeyComponents { n, e } = rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
        PublicKey::new(n, e, keys::FEWEST_BITS).map_err(|fault| key_file::why(&fault, "", &[]))
    } else if file.starts_with(b"ssh-") {
        key_file::from_openssh(&file, keys::FEWEST_BITS)
    } else {
        key_file::from_pem(&file, keys::FEWEST_BITS)
    }
}

/// The class of a directory, without its secret.
fn class_of(directory: &Path) -> Result<Class, String> {
    let table = startup::load_table(directory)?;
    let way_out = "\nor name your own key: --key FILE";
    let files = key_files(directory, &table, false)
        .map_err(|error| startup::cannot_read_keys(directory, &error) + way_out)?;
    let keys = public_keys(&files, &table);
    if keys.iter().all(Option::is_none) {
        return Err(startup::no_key(&files, &table, directory) + way_out);
    }
    Ok(Class { table, keys, secret: no_secret() })
}

/// Nothing is signed here.
fn no_secret() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[])
}

/// What the server does not look at, but its student should. `table` is the server's, if it is known.
fn notes(table: Option<&Table>, group: usize, request: &claims::Request) -> Vec<String> {
    const A_YEAR: f64 = 365.0 * 86_400.0;
    let claims::Request { seq_number, seq_max, exp, .. } = *request;
    let mut notes = Vec::new();
    if exp.is_some_and(|exp| exp - now().as_secs_f64() > A_YEAR) {
        notes.push("exp is more than a year ahead: is it in milliseconds? It counts seconds".into());
    }
    let members = if let Some(table) = table {
        let (name, members) = (&table[group].name, u64::from(table[group].members));
        if let Some(seq_max) = seq_max.filter(|seq_max| *seq_max != members) {
            notes.push(format!("seq_max is {seq_max}, but the table gives {name} {members} members"));
        }
        Some(members)
    } else {
        seq_max
    };
    if let Some(members) = members.filter(|members| seq_number > *members) {
        notes.push(format!("seq_number is {seq_number}, above the {members} members: it is never in order"));
    }
    notes
}

/// The cause of a refusal, where it can be told apart.
fn hints(refusal: &Refusal, token: Option<&Parts>, class: &Class, group: Option<usize>) -> Vec<String> {
    match (refusal, token, group) {
        (Refusal::BadSignature(..), Some(token), Some(group)) => why_unverified(token, class, group),
        (Refusal::BadHeader(found) | Refusal::BadPayload(found), ..) => match found {
            NotAnObject::Text(_, error) if error.contains("trailing comma") => {
                vec!["JSON has no comma behind the last member: take it off".into()]
            }
            _ => Vec::new(),
        },
        (Refusal::Expired(_) | Refusal::NotYetValid(_), Some(token), _) => {
            clock_hint(token).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Where `iat` is later than now, the clocks differ.
fn clock_hint(token: &Parts) -> Option<String> {
    let payload: Value = serde_json::from_slice(&token.payload).ok()?;
    let ahead = payload.get("iat")?.as_f64()? - now().as_secs_f64();
    (ahead > 1.0)
        .then(|| format!("iat is {ahead:.0} s ahead of this machine's clock: one of the two clocks is off"))
}

/// Tries the signature as if it were made with each of the usual mistakes.
fn why_unverified(token: &Parts, class: &Class, group: usize) -> Vec<String> {
    let verifies = |key: &PublicKey, parameters, message: &[u8], signature: &[u8]| {
        key.components().verify(parameters, message, signature).is_ok()
    };
    let rs256 = &signature::RSA_PKCS1_2048_8192_SHA256;
    let (signing_input, signature) = (token.signing_input, &token.signature);
    let mut hints = Vec::new();

    for (other, key) in class.table.iter().zip(&class.keys) {
        if key.as_ref().is_some_and(|key| verifies(key, rs256, signing_input, signature)) {
            hints.push(format!(
                "It verifies with the key of {}: another private key, or another claim group.",
                other.name
            ));
        }
    }
    let Some(key) = &class.keys[group] else { return hints };

    let algorithms: [(&signature::RsaParameters, &str); 4] = [
        (
            &signature::RSA_PSS_2048_8192_SHA256,
            "It is signed with RSASSA-PSS (PS256): RS256 is RSASSA-PKCS1-v1_5.",
        ),
        (&signature::RSA_PKCS1_2048_8192_SHA384, "It is signed with SHA-384: RS256 takes SHA-256."),
        (&signature::RSA_PKCS1_2048_8192_SHA512, "It is signed with SHA-512: RS256 takes SHA-256."),
        (
            &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "It is signed with SHA-1: RS256 takes SHA-256.",
        ),
    ];
    hints.extend(
        algorithms
            .into_iter()
            .filter(|(parameters, _)| verifies(key, parameters, signing_input, signature))
            .map(|(_, hint)| hint.into()),
    );

    let payload_part = signing_input.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    let header_part = &signing_input[..signing_input.len() - payload_part.len()];
    let hash = digest::digest(&digest::SHA256, signing_input);
    let messages: [(Vec<u8>, &str); 7] = [
        (payload_part.into(), "The payload's base64url alone is signed"),
        (token.payload.clone(), "The payload's JSON alone is signed"),
        ([signing_input, b"\n"].concat(), "A newline is signed too (use printf '%s', not echo): without it"),
        ([header_part, payload_part, b"."].concat(), "A dot at the end is signed too: without it"),
        ([&token.header[..], b".", &token.payload].concat(), "The JSON is signed, before base64url"),
        (hash.as_ref().into(), "The hash is signed, and so hashed twice"),
        (
            claims::id_request(signing_input).into(),
            "The hash's hexadecimal text is signed, and so hashed twice",
        ),
    ];
    hints.extend(
        messages.iter().filter(|(message, _)| verifies(key, rs256, message, signature)).map(
            |(_, mistake)| format!("{mistake}: sign header.payload, both in base64url, as they are sent."),
        ),
    );

    let text = jws::to_base64url(signature);
    let signatures = [
        (
            Some(signature.iter().rev().copied().collect()),
            "The signature's bytes are in reverse order (little-endian): reverse them.",
        ),
        (
            hexadecimal(signature).or_else(|| hexadecimal(text.as_bytes())),
            "The signature is hexadecimal text: encode its bytes as base64url, not their hexadecimal.",
        ),
        (jws::base64url(signature).ok(), "The signature is in base64url twice: once is enough."),
    ];
    hints.extend(signatures.into_iter().filter_map(|(signature, hint)| {
        verifies(key, rs256, signing_input, &signature?).then(|| hint.into())
    }));
    hints
}

/// A reply is signed with HS256 and carries `id_request`.
fn is_reply(token: &Parts) -> bool {
    let member = |json: &[u8], name: &str| serde_json::from_slice::<Value>(json).ok()?.get(name).cloned();
    member(&token.header, "alg") == Some("HS256".into()) && member(&token.payload, "id_request").is_some()
}

/// Whether a reply's HMAC verifies with the secret, or what the secret would have to be.
fn check_reply(token: &Parts, directory: &Path) -> Result<(String, bool), String> {
    let path = secret_file(directory);
    let file = content(&path, 1 << 16).map_err(|error| {
        format!("{}: cannot be read: {error}; the reply's HMAC needs the class's secret there", shown(&path))
    })?;
    let verifies = |secret: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        hmac::verify(&key, token.signing_input, &token.signature).is_ok()
    };
    let secret = without_newline(&file);
    let with_newlines = [[secret, b"\n"].concat(), [secret, b"\r\n"].concat()];
    let verdict = if verifies(secret) {
        return Ok(("the reply's HMAC verifies with the secret".into(), true));
    } else if with_newlines.iter().any(|secret| verifies(secret)) {
        "the HMAC verifies only with the secret's newline left on: take it off before signing"
    } else if hexadecimal(secret).is_some_and(|secret| verifies(&secret)) {
        "the HMAC verifies only with the secret decoded from hexadecimal: use its characters as they stand"
    } else {
        "the HMAC does not verify with the secret: another secret, or the reply was changed"
    };
    Ok((verdict.into(), false))
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() % 2 == 1 || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let digits = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    text.chunks(2).map(digits).collect()
}
