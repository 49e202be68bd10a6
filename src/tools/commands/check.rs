//! `check`: takes one token apart and says what the server would say, and why.
//!
//! The checks are the server's own ([`read`]), in its order. What is added here is the
//! [diagnosis](crate::tools::faults): the mistake behind a refusal, and what to change.

use super::key::{self, fingerprint};
use crate::claims;
use crate::files::content;
use crate::groups::{Group, Table};
use crate::jws::{self, Parts, json_object};
use crate::keys::{self, without_newline};
use crate::refusal::Refusal;
use crate::server::{self, Class, read};
use crate::start::{MOST_FILE_BYTES, key_files, public_keys, secret_file};
use crate::time::now;
use crate::tools::faults::encodings::to_hexadecimal;
use crate::tools::faults::groups_json::{self, is_name};
use crate::tools::faults::json::twice;
use crate::tools::faults::reason::{self, REASONS, after_reason};
use crate::tools::faults::reply::{self, is_reply, member};
use crate::tools::faults::signature::{self, Effort, Layout, Opened};
use crate::tools::faults::{Diagnosis, claims as about_claims, refusal, secret, start};
use crate::tools::lab::group_of;
use crate::tools::print::{Colours, escaped, quote, shortened, shown};
use ring::hmac;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The checks that need neither the server's state nor its disk: from `too_large` to `wrong_audience`.
const CHECKS: std::ops::Range<usize> = 1..15;

/// Most bytes in a datagram of UDP: beyond them nothing is worth a diagnosis.
const MOST_DATAGRAM_BYTES: usize = 65_535;

/// Most bytes of public keys that are tried as a reply's secret.
const MOST_PUBLIC_BYTES: u64 = 4 << 20;

/// What `check` is told.
pub(crate) struct Check<'a> {
    /// The class's directory.
    pub directory: &'a Path,
    /// The one key that matters, in place of the class's.
    pub key: Option<&'a Path>,
    /// Whether keys and secrets may be weaker than RFC 7518 allows.
    pub allows_weak_keys: bool,
    pub colours: Colours,
}

impl Check<'_> {
    fn fewest_bits(&self) -> usize {
        if self.allows_weak_keys { keys::FEWEST_BITS_WEAK } else { keys::FEWEST_BITS }
    }

    /// What a key file is, and what of it to hand in.
    pub(crate) fn key_file(&self, path: &Path) -> Result<String, String> {
        key::described(path, self.fewest_bits())
            .map_err(|fault| format!("{}: {}", shown(path), fault.sentence()))
    }

    /// What is said of what came on standard input: the text for the terminal, and whether everything
    /// passed.
    pub(crate) fn check(&self, input: &[u8]) -> Result<(String, bool), String> {
        let lines: Vec<_> = input.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
        let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        match lines[..] {
            // No datagram of UDP: nothing of it is worth a look.
            _ if lines.iter().any(|line| line.len() > MOST_DATAGRAM_BYTES) => self.request(input),
            [request, reply] | [reply, request] if is_request(request) && is_reply(reply) => {
                match request.len() > server::MOST_BYTES {
                    true => self.request(request), // which was never answered
                    false => self.exchange(request, reply),
                }
            }
            [request, line] | [line, request] if is_request(request) && is_explanation(line) => {
                self.request(request)
            }
            [reply] if is_reply(reply) => self.reply(reply),
            _ => match lines.iter().find_map(|line| reply::within(line)) {
                Some((before, found)) => self.printed(&lines, before.trim_ascii(), found),
                None => self.request(input),
            },
        }
    }

    /// A reply in a line with more, as it was printed: what stands around it is no part of it.
    fn printed(&self, lines: &[&[u8]], before: &[u8], found: &[u8]) -> Result<(String, bool), String> {
        let request = lines.iter().copied().chain([before]).find(|line| is_request(line));
        let (said, passes) = match request {
            Some(request) => self.exchange(request, found)?,
            None => self.reply(found)?,
        };
        let note = "note: the reply is taken out of what stands around it: write it alone on its line\n";
        Ok((said + note, passes))
    }

    /// A reply alone.
    fn reply(&self, text: &[u8]) -> Result<(String, bool), String> {
        let mut out = format!("{:11} {} bytes\n", "token", text.len());
        if let Ok(token) = jws::split(text) {
            out += &parts(&token);
        }
        out.push('\n');
        let (said, passes) = self.verified(text)?;
        Ok((out + &said, passes))
    }

    /// A request, and the reply that came: is it its reply?
    fn exchange(&self, request: &[u8], text: &[u8]) -> Result<(String, bool), String> {
        let mut out = format!("{:11} {} bytes\n", "request", request.len());
        if let Ok(token) = jws::split(request) {
            out += &parts(&token);
            _ = writeln!(out, "{:11} {}", "id_request", claims::id_request(&token.payload));
        }
        _ = writeln!(out, "\n{:11} {} bytes", "reply", text.len());
        let (said, passes) = match jws::split(text) {
            Ok(token) => {
                out += &parts(&token);
                let (said, passes) = self.verified(text)?;
                let members = json_object(&token.payload).unwrap_or_default();
                let found = members.get("id_request").and_then(Value::as_str).unwrap_or_default();
                let diagnosis = reply::id_request(found, request);
                let condition = "id_request is the SHA-256 of this request's payload";
                let said = said + &self.marked(condition, diagnosis.as_ref());
                (said, passes && diagnosis.is_none())
            }
            Err(_) => {
                out += &reply::whole(text)
                    .and_then(|(reply, _)| jws::split(reply).ok())
                    .map_or_else(String::new, |token| parts(&token));
                self.verified(text)?
            }
        };
        Ok((out + "\n" + &said, passes))
    }

    /// A request, or whatever else was sent in its place.
    fn request(&self, datagram: &[u8]) -> Result<(String, bool), String> {
        let text = without_newline(datagram);
        let mut out = format!("{:11} {} bytes\n", "token", text.len());
        let token = jws::split(text).ok();
        if let Some(token) = &token {
            out += &parts(token);
            _ = writeln!(out, "{:11} {}", "id_request", claims::id_request(&token.payload));
        }
        let class = match self.key {
            Some(path) => self.class_of_one(token.as_ref(), path)?,
            None => self.class()?,
        };
        let reading = read(&class, datagram, now());
        let group = group_of(&reading);
        if let Some(group) = group {
            let key = class.keys[group].as_ref();
            let key = key
                .map_or("no usable key".into(), |key| format!("{} bits, {}", key.bits(), fingerprint(key)));
            _ = writeln!(out, "{:11} {}, {key}", "group", class.table[group].name);
        }
        for (part, json) in
            token.iter().flat_map(|token| [("header", &token.header), ("payload", &token.payload)])
        {
            if let Some(name) = json_object(json).ok().and_then(|_| twice(json)) {
                _ = writeln!(out, "note: the {part} has {} twice: the last counts", quote(name.as_bytes()));
            }
        }
        out.push('\n');
        let outcome = match reading {
            Ok(message) => message.request.map(|request| (message.group, request)),
            Err(unverified) => Err(unverified.refusal),
        };
        let failed = outcome.as_ref().map_or_else(reason::place, |_| CHECKS.end);
        for reason in &REASONS[CHECKS.start..failed] {
            let is_known = self.key.is_none() || !["unknown_group", "no_key"].contains(&reason.name);
            _ = match is_known {
                true => writeln!(out, "{}", mark(true, reason.condition, self.colours)),
                false => writeln!(out, "--  {}: not known here", reason.condition),
            };
        }
        match outcome {
            Ok((group, request)) => {
                let known = self.key.is_none().then(|| &class.table[group]);
                let claims = token.and_then(|token| json_object(&token.payload).ok()).unwrap_or_default();
                for note in about_claims::notes(known, &request, &claims, now().as_secs_f64()) {
                    _ = writeln!(out, "note: {note}");
                }
                // No state of a group has more: 255 members are the most.
                let most = known.map_or(u8::MAX, |group| group.members);
                if request.seq_number > most.into() {
                    _ = writeln!(out, "The server never takes it: its seq_number is in order in no state.");
                    return Ok((out, false));
                }
                _ = match self.key {
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
                _ = writeln!(out, "{}", mark(false, REASONS[failed].condition, self.colours));
                let plain = refusal::plain(&refusal, datagram);
                let told = match self.cause(&refusal, text, token.as_ref(), &class, group) {
                    Some(cause) => format!("{}\n{cause}", plain.found()),
                    None => plain.sentence() + "\n",
                };
                _ = write!(out, "\n{}: {told}", reason::name(&refusal));
                Ok((out, false))
            }
        }
    }

    /// The mistake behind a refusal, where it can be told: below what was found, which it does not repeat.
    fn cause(
        &self,
        refusal: &Refusal,
        text: &[u8],
        token: Option<&Parts>,
        class: &Class,
        group: Option<usize>,
    ) -> Option<String> {
        let now = now().as_secs_f64();
        // What was pasted may be old, which the server's own diagnosis need not think of.
        let time = |claim| {
            let claims = json_object(&token?.payload).ok()?;
            let time = |claim: &str| claims.get(claim).and_then(Value::as_f64);
            about_claims::time(claim, time(claim)?, time("iat"), now)
        };
        let mistake = match refusal {
            Refusal::TooLarge(bytes) if *bytes > MOST_DATAGRAM_BYTES => None,
            Refusal::UnknownGroup(Some(Value::String(name))) if self.key.is_some() => {
                about_claims::group(name, Some(name.trim()).filter(|name| is_name(name)).into_iter())
            }
            Refusal::NoKey => {
                let name = &class.table[group?].name;
                let why = start::no_key_of(name, &class.table, self.directory, self.allows_weak_keys);
                return Some(self.colours.yellow(&why) + "\n");
            }
            Refusal::BadSignature(..) => {
                return Some(self.signature(&refusal::opened(text, class, group?, Effort::FULL)?, token));
            }
            Refusal::Expired(_) => time("exp"),
            Refusal::NotYetValid(_) => time("nbf"),
            _ => refusal::mistake(refusal, text, class, group, now, Effort::FULL),
        }?;
        Some(match mistake.found() == refusal::plain(refusal, text).found() {
            true => self.colours.yellow(mistake.change()) + "\n",
            false => self.told(&mistake),
        })
    }

    fn told(&self, diagnosis: &Diagnosis) -> String {
        self.colours.yellow(&diagnosis.to_string()) + "\n"
    }

    /// A condition of a reply: met, or with the cause.
    fn marked(&self, condition: &str, cause: Option<&Diagnosis>) -> String {
        let cause_told = cause.map(|cause| self.told(cause)).unwrap_or_default();
        format!("{}\n{cause_told}", mark(cause.is_none(), condition, self.colours))
    }

    /// A signature that was opened, part by part: what RSASSA-PKCS1-v1_5 makes, beside what is there. With the
    /// private key it is made anew.
    fn signature(&self, Opened { by, diagnosis, block }: &Opened, token: Option<&Parts>) -> String {
        let mut out = self.told(diagnosis);
        let own = self.key.and_then(|path| key::load(path, self.fewest_bits()).ok());
        if let (Some(token), Some(own)) = (token, &own)
            && let Some(d) = &own.private
        {
            let right = signature::sign(token.signing_input, &own.key.components().n, d);
            _ = writeln!(out, "\nSigned anew with this private key, RS256:");
            for (name, bytes) in [("right", &right), ("found", &token.signature)] {
                let begin = spaced(&bytes[..bytes.len().min(16)]);
                _ = writeln!(out, "{name:11} {} bytes: {begin} ...", bytes.len());
            }
            _ = writeln!(out, "{:11} {}", "", signature::parting(&token.signature, &right, *by));
        }
        if let (Some(block), Some(token)) = (block, token) {
            _ = writeln!(out, "\nWhat the signature holds, opened with the public key (s^e mod n):");
            out += &layout(block);
            _ = writeln!(
                out,
                "What RS256 (RSASSA-PKCS1-v1_5 with SHA-256) makes of this header and payload:"
            );
            out += &layout(&Layout::right(token.signing_input, block.length));
        }
        out
    }

    /// A class of one group, the one that the token claims, with the key in a file.
    fn class_of_one(&self, token: Option<&Parts>, path: &Path) -> Result<Class, String> {
        let claimed = token.and_then(|token| serde_json::from_slice::<Value>(&token.payload).ok());
        let name = claimed.as_ref().and_then(|claims| claims.get("group")?.as_str());
        let name = name.filter(|name| is_name(name)).unwrap_or("YOURS");
        let table = Table::new(vec![Group { name: name.into(), members: 255, roster: Vec::new() }]);
        let own = key::load(path, self.fewest_bits());
        let own = own.map_err(|fault| format!("{}: {}", shown(path), fault.sentence()))?;
        Ok(Class { table, keys: vec![Some(own.key)], secret: no_secret() })
    }

    /// The class of a directory, without its secret.
    fn class(&self) -> Result<Class, String> {
        let table = groups_json::load(self.directory)?;
        let way_out = "\nor name your own key: --key FILE";
        let files = key_files(self.directory, &table, self.allows_weak_keys)
            .map_err(|error| start::cannot_read_keys(self.directory, &error) + way_out)?;
        let keys = public_keys(&files, &table);
        if keys.iter().all(Option::is_none) {
            return Err(start::no_key(&files, &table, self.directory) + way_out);
        }
        Ok(Class { table, keys, secret: no_secret() })
    }

    /// Whether a reply is whole and its HMAC verifies with the secret, or what the secret was taken for.
    fn verified(&self, text: &[u8]) -> Result<(String, bool), String> {
        const VERIFIES: &str = "the reply's HMAC verifies with the secret";
        if let Some(cut) = reply::cut(text) {
            return Ok((self.marked("the reply is whole", Some(&cut)), false));
        }
        let path = secret_file(self.directory);
        let shown = shown(&path);
        let file = content(&path, MOST_FILE_BYTES)
            .map_err(|error| format!("{shown}: {}", secret::missing(&error).sentence()))?;
        let keys_pub = fs::read_dir(self.directory.join("keys_pub")).into_iter().flatten().flatten();
        let (mut public, mut room) = (Vec::new(), MOST_PUBLIC_BYTES);
        for entry in keys_pub {
            if let Ok(file) = content(&entry.path(), room.min(MOST_FILE_BYTES)) {
                room -= file.len() as u64;
                public.push(file);
            }
        }
        let public: Vec<_> = public.iter().map(Vec::as_slice).collect();
        let cause = reply::verify(text, &file, &public);
        let mut said = self.marked(VERIFIES, cause.as_ref());
        if jws::split(text).is_ok_and(|token| member(&token.payload, "error").is_some()) {
            said += "note: it acknowledges nothing: --explain says in it why the request is refused\n";
        }
        if cause.is_none() && jws::split(text).is_ok_and(|token| !reply::is_printed(&token.payload)) {
            said += "note: the server prints no such payload: somebody else made it, with the right secret\n";
        }
        let bytes = without_newline(&file).len();
        let short = bytes < keys::FEWEST_SECRET_BYTES && !self.allows_weak_keys;
        let short = short.then(|| secret::too_short(bytes, keys::FEWEST_SECRET_BYTES, self.directory));
        for odd in secret::oddity(&file).into_iter().chain(short) {
            _ = writeln!(said, "note: {shown}: {}", odd.sentence());
        }
        Ok((said, cause.is_none()))
    }
}

fn mark(passes: bool, text: &str, colours: Colours) -> String {
    if passes { colours.green(&format!("ok  {text}")) } else { colours.red(&format!("NO  {text}")) }
}

/// The token's parts, a line each.
fn parts(token: &Parts) -> String {
    let mut out = String::new();
    let signing_input = escaped(&String::from_utf8_lossy(token.signing_input));
    _ = writeln!(out, "{:11} {}", "header", escaped(&String::from_utf8_lossy(&token.header)));
    _ = writeln!(out, "{:11} {}", "payload", escaped(&String::from_utf8_lossy(&token.payload)));
    _ = writeln!(out, "{:11} {} bytes", "signature", token.signature.len());
    _ = writeln!(out, "{:11} {} characters: {signing_input}", "signed is", signing_input.len());
    out
}

/// Nothing is signed here.
fn no_secret() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[])
}

/// A token that is none of the server's.
fn is_request(text: &[u8]) -> bool {
    jws::split(text).is_ok_and(|token| member(&token.header, "alg").is_some() && !is_reply(text))
}

/// What `--explain` says of what is not signed: a reason, and what to change.
fn is_explanation(line: &[u8]) -> bool {
    after_reason(line).is_some_and(|rest| rest.starts_with(b": "))
}

/// The parts of an opened block, a line each.
fn layout(Layout { padding, digest_info, content, .. }: &Layout) -> String {
    let Some(padding) = padding else {
        return format!("{:11} none: it begins {} ...\n", "padding", spaced(&content[..16]));
    };
    let (info, hash) = match digest_info[..] {
        [] => ("none".into(), shortened(&to_hexadecimal(content), 64)),
        _ => (spaced(digest_info), to_hexadecimal(content)),
    };
    let padding = format!("00 01, {padding} times ff, 00");
    format!("{:11} {padding}\n{:11} {info}\n{:11} {hash}\n", "padding", "DigestInfo", "hash")
}

fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
