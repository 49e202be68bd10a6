//! `check`: takes one token apart and says what the server would say, and why.
//!
//! The checks are the server's own ([`read`]), in its order. What is added here is the
//! [diagnosis](crate::tools::diagnosis): the mistake behind a refusal, and what to change.

use super::own_key;
use crate::claims::{self, Otp};
use crate::groups::Table;
use crate::jws::{self, Parts, json_object};
use crate::keys::{self, KeyFault, without_newline};
use crate::refusal::Refusal;
use crate::server::{self, Class, Event, read};
use crate::start::{KeyFile, MOST_FILE_BYTES, content, key_files, public_keys, secret_file};
use crate::time::now;
use crate::tools::diagnosis::opened::Opened;
use crate::tools::diagnosis::text::to_hexadecimal;
use crate::tools::diagnosis::{Diagnosis, nearly, refused, reply, secret};
use crate::tools::terminal::groups_json::is_name;
use crate::tools::terminal::refusals::{self, REASONS};
use crate::tools::terminal::{Colours, key_file, shortened, shown as escaped, startup};
use ring::{digest, hmac};
use serde_json::{Map, Value};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The checks that need neither the server's state nor its disk: from `too_large` to `wrong_audience`.
const CHECKS: std::ops::Range<usize> = 1..15;

/// Most bytes in a datagram of UDP: beyond them nothing is worth a diagnosis.
const MOST_BYTES: usize = 65_535;

/// Most bytes of public keys that are tried as a reply's secret.
const MOST_PUBLIC_BYTES: u64 = 4 << 20;

/// How long keys of other groups are opened.
const PATIENCE: Duration = Duration::from_secs(1);

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
        own_key::described(path, self.fewest_bits()).map_err(|error| format!("{}: {error}", escaped(path)))
    }

    /// What is said of what came on standard input: the text for the terminal, and whether everything
    /// passed.
    pub(crate) fn check(&self, input: &[u8]) -> Result<(String, bool), String> {
        let lines: Vec<_> = input.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
        let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        match lines[..] {
            // No datagram of UDP: nothing of it is worth a look.
            _ if lines.iter().any(|line| line.len() > MOST_BYTES) => self.request(input),
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
            _ => self.request(input),
        }
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
            Err(_) => self.verified(text)?,
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
            let is_known = self.key.is_none() || !["unknown_group", "no_key"].contains(&reason.name);
            _ = match is_known {
                true => writeln!(out, "{}", mark(true, reason.condition, self.colours)),
                false => writeln!(out, "--  {}: not known here", reason.condition),
            };
        }
        match outcome {
            Ok((group, request)) => {
                let table = self.key.is_none().then_some(&class.table);
                let claims = token.and_then(|token| json_object(&token.payload).ok()).unwrap_or_default();
                for note in notes(table, group, &request, &claims) {
                    _ = writeln!(out, "note: {note}");
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
                let cause = self.cause(&refusal, text, token.as_ref(), &class, event.group);
                let detail = refusals::detail_of(&refusal, datagram);
                let detail = if cause.is_empty() { &detail } else { found(&refusal, &detail) };
                _ = writeln!(out, "\n{}: {detail}", refusals::name(&refusal));
                out += &cause;
                Ok((out, false))
            }
        }
    }

    /// The mistake behind a refusal, where it can be told.
    fn cause(
        &self,
        refusal: &Refusal,
        text: &[u8],
        token: Option<&Parts>,
        class: &Class,
        group: Option<usize>,
    ) -> String {
        let object = |part: fn(&Parts) -> Vec<u8>| json_object(&part(token?)).ok();
        let claims = || object(|token| token.payload.clone()).unwrap_or_default();
        let time = |claim| {
            let (claims, now) = (claims(), now().as_secs_f64());
            let time = |claim: &str| claims.get(claim).and_then(Value::as_f64);
            let diagnosis = nearly::time(claim, time(claim)?, time("iat"), now)?;
            // What was pasted may be old, which the server's own diagnosis need not think of.
            let is_zone = diagnosis.short().contains("UTC") && time("iat")? < now;
            let or = if is_zone { "; or it was signed so long ago: sign anew" } else { "" };
            let found = diagnosis.found().replace("the server's clock", "this machine's clock");
            Some(Diagnosis::new(diagnosis.short().to_string(), found + or))
        };
        let diagnosis = match refusal {
            Refusal::TooLarge(bytes) if *bytes > MOST_BYTES => None,
            Refusal::UnknownGroup(Some(Value::String(name))) if self.key.is_some() => {
                nearly::group(name, Some(name.trim()).filter(|name| is_name(name)).into_iter())
            }
            Refusal::NoKey(name) => return self.why_no_key(name, &class.table),
            Refusal::BadSignature(..) => {
                let start = Instant::now();
                let goes_on = || start.elapsed() < PATIENCE;
                let opened = group.and_then(|group| refused::opened(text, class, group, goes_on));
                return opened.map(|opened| self.shown(&opened, token)).unwrap_or_default();
            }
            Refusal::Expired(_) => time("exp"),
            Refusal::NotYetValid(_) => time("nbf"),
            _ => refused::diagnose(refusal, text, class, group, now().as_secs_f64(), || false),
        };
        diagnosis.map(|diagnosis| self.told(&diagnosis)).unwrap_or_default()
    }

    fn told(&self, diagnosis: &Diagnosis) -> String {
        self.colours.yellow(&diagnosis.to_string()) + "\n"
    }

    /// A condition of a reply: met, or with the cause.
    fn marked(&self, condition: &str, cause: Option<&Diagnosis>) -> String {
        let cause_told = cause.map(|cause| self.told(cause)).unwrap_or_default();
        format!("{}\n{cause_told}", mark(cause.is_none(), condition, self.colours))
    }

    /// A signature that was opened, block by block: what RSASSA-PKCS1-v1_5 makes, beside what is there.
    fn shown(&self, Opened { diagnosis, block, .. }: &Opened, token: Option<&Parts>) -> String {
        let mut out = self.told(diagnosis);
        let Some(token) = token.filter(|_| !block.is_empty()) else { return out };
        let padding = block.iter().skip(2).take_while(|&&byte| byte == 0xff).count();
        let is_padded = block.starts_with(&[0, 1]) && padding >= 8 && block.get(padding + 2) == Some(&0);
        let (content, hash) = if is_padded { content_of(&block[padding + 3..]) } else { (None, None) };
        let line = |padding: usize, info: &str, hash: &str| {
            let padding = format!("00 01, {padding} times ff, 00");
            format!("{:11} {padding}\n{:11} {info}\n{:11} {hash}\n", "padding", "DigestInfo", "hash")
        };
        _ = writeln!(out, "\nWhat the signature holds, opened with the public key (s^e mod n):");
        out += &match (is_padded, content, hash) {
            (true, Some(info), Some(hash)) => line(padding, &spaced(info), &to_hexadecimal(hash)),
            (true, _, _) => line(padding, "none", &shortened(&to_hexadecimal(&block[padding + 3..]), 64)),
            (false, ..) => format!("{:11} none: it begins {} ...\n", "padding", spaced(&block[..16])),
        };
        let hash = digest::digest(&digest::SHA256, token.signing_input);
        let padding = block.len().saturating_sub(3 + DIGEST_INFO.len() + 32);
        _ = writeln!(out, "What RS256 (RSASSA-PKCS1-v1_5 with SHA-256) makes of this header and payload:");
        out + &line(padding, &spaced(&DIGEST_INFO), &to_hexadecimal(hash.as_ref()))
    }

    /// Why a group has no key here.
    fn why_no_key(&self, group: &str, table: &Table) -> String {
        let files = key_files(self.directory, table, self.allows_weak_keys).unwrap_or_default();
        let own: Vec<_> =
            files.iter().filter(|file| file.group.is_some_and(|index| table[index].name == group)).collect();
        let way_out = match own[..] {
            [] => format!(
                "keys_pub has no file for it: put its public key there, as {group}.pem or {group}.ssh"
            ),
            [KeyFile { name, key: Err(fault), .. }] => {
                let file =
                    content(&self.directory.join("keys_pub").join(name), MOST_FILE_BYTES).unwrap_or_default();
                format!("keys_pub/{}: {}", name.escape_debug(), key_file::why(fault, name, &file))
                    + self.weak(fault)
            }
            _ => "keys_pub has more than one file for it: keep one".into(),
        };
        self.colours.yellow(&way_out) + "\n"
    }

    /// The way out of a key that is too short only for a class without weak keys.
    fn weak(&self, fault: &KeyFault) -> &'static str {
        match fault {
            KeyFault::Bits(bits, bound) if bits < bound && !self.allows_weak_keys => {
                "; a class with such keys needs --allow-weak-keys"
            }
            _ => "",
        }
    }

    /// A class of one group, the one that the token claims, with the key in a file.
    fn class_of_one(&self, token: Option<&Parts>, path: &Path) -> Result<Class, String> {
        let claimed = token.and_then(|token| serde_json::from_slice::<Value>(&token.payload).ok());
        let name = claimed.as_ref().and_then(|claims| claims.get("group")?.as_str());
        let name = name.filter(|name| is_name(name)).unwrap_or("YOURS");
        let table = Table::from_json(format!(r#"{{"{name}":255}}"#).as_bytes())?;
        let own = own_key::load(path, self.fewest_bits());
        let own = own.map_err(|error| format!("{}: {error}", escaped(path)))?;
        Ok(Class { table, keys: vec![Some(own.key)], secret: no_secret() })
    }

    /// The class of a directory, without its secret.
    fn class(&self) -> Result<Class, String> {
        let table = startup::load_table(self.directory)?;
        let way_out = "\nor name your own key: --key FILE";
        let files = key_files(self.directory, &table, self.allows_weak_keys)
            .map_err(|error| startup::cannot_read_keys(self.directory, &error) + way_out)?;
        let keys = public_keys(&files, &table);
        if keys.iter().all(Option::is_none) {
            let weak = files.iter().filter_map(|file| file.key.as_ref().err()).map(|fault| self.weak(fault));
            let weak = weak.max().unwrap_or_default();
            return Err(startup::no_key(&files, &table, self.directory) + weak + way_out);
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
        let shown = escaped(&path);
        let file = content(&path, MOST_FILE_BYTES).map_err(|error| {
            format!("{shown}: cannot be read: {error}; the reply's HMAC needs the class's secret there")
        })?;
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
        let bytes = without_newline(&file).len();
        let short = bytes < keys::FEWEST_SECRET_BYTES && !self.allows_weak_keys;
        let short = short.then(|| secret::too_short(bytes, keys::FEWEST_SECRET_BYTES));
        for odd in secret::oddity(&file).into_iter().chain(short) {
            _ = writeln!(said, "note: {shown}: {odd}");
        }
        Ok((said, cause.is_none()))
    }
}

/// What was found, without the advice that a cause contradicts.
fn found<'a>(refusal: &Refusal, detail: &'a str) -> &'a str {
    match refusal {
        Refusal::TooLarge(_)
        | Refusal::NotAJws(5)
        | Refusal::BadSignature(..)
        | Refusal::WrongAudience(_)
        | Refusal::Expired(_)
        | Refusal::NotYetValid(_) => detail.split_once(": ").map_or(detail, |(found, _)| found),
        _ => detail,
    }
}

/// What stands before a hash of SHA-256 in the block that is signed (RFC 8017 section 9.2, note 1).
const DIGEST_INFO: [u8; 19] =
    *b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// A well padded content, split where the hash in a `DigestInfo` begins: behind its tag and length.
fn content_of(content: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
    let is_hash = |length: &usize| {
        let start = content.len().checked_sub(*length);
        start.is_some_and(|at| content[..at].ends_with(&[4, *length as u8]))
    };
    let length = [16, 20, 28, 32, 48, 64].into_iter().find(is_hash).filter(|_| content.starts_with(&[0x30]));
    length.map(|length| content.split_at(content.len() - length)).unzip()
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

/// Nothing is signed here.
fn no_secret() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[])
}

/// What the server does not look at, but its student should. `table` is the server's, if it is known.
fn notes(
    table: Option<&Table>,
    group: usize,
    request: &claims::Request,
    claims: &Map<String, Value>,
) -> Vec<String> {
    const A_YEAR: f64 = 365.0 * 86_400.0;
    let claims::Request { seq_number, seq_max, exp, matricula, .. } = *request;
    let now = now().as_secs_f64();
    let mut notes = Vec::new();
    if let Some(exp) = exp.filter(|exp| exp - now > A_YEAR) {
        let diagnosis = nearly::time("exp", exp, None, now);
        let found = diagnosis.map(|diagnosis| diagnosis.to_string());
        notes.push(found.unwrap_or_else(|| "exp is more than a year ahead: it counts seconds".into()));
    }
    let members = if let Some(table) = table {
        let (name, members) = (&table[group].name, table[group].members);
        if let Some(seq_max) = seq_max.filter(|seq_max| *seq_max != u64::from(members)) {
            notes.push(format!("seq_max is {seq_max}, but the table gives {name} {members} members"));
        }
        Some(members)
    } else {
        seq_max.and_then(|seq_max| u8::try_from(seq_max).ok())
    };
    let exchanged = members.and_then(|members| nearly::exchanged(seq_number, matricula, members));
    notes.extend(exchanged.map(|exchanged| exchanged.to_string()));
    let iat = claims.get("iat").and_then(Value::as_f64).filter(|iat| iat - now > 1.0);
    let clock = iat.and_then(|iat| nearly::time("iat", iat, Some(iat), now));
    notes.extend(clock.map(|clock| clock.to_string().replace("the server's clock", "this machine's clock")));
    notes
}

/// A member of a JSON object in bytes.
fn member(json: &[u8], name: &str) -> Option<Value> {
    json_object(json).ok()?.get(name).cloned()
}

/// A token that is none of the server's.
fn is_request(text: &[u8]) -> bool {
    jws::split(text).is_ok_and(|token| member(&token.header, "alg").is_some() && !is_reply(text))
}

/// A reply is signed with HS256 and carries `id_request`. One that is cut is known by its header, which
/// a request does not share beyond `{"alg":"`.
fn is_reply(text: &[u8]) -> bool {
    let is_whole = jws::split(text).is_ok_and(|token| {
        member(&token.header, "alg") == Some("HS256".into()) && member(&token.payload, "id_request").is_some()
    });
    is_whole || text.len() >= 16 && jws::split(text).is_err() && reply::cut(text).is_some()
}

/// What `--explain` says of what is not signed: a reason, and what to change.
fn is_explanation(line: &[u8]) -> bool {
    REASONS
        .iter()
        .any(|reason| line.strip_prefix(reason.name.as_bytes()).is_some_and(|rest| rest.starts_with(b": ")))
}

fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
