//! The conformance kit under `cargo test`. Our server keeps its promises, and so does a second one,
//! written here in one piece from the protocol's page alone. Then that one gets one fault at a time,
//! mistakes that servers do have, and the kit must tell each: a test that can't fail tests nothing.

mod common;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet, prelude::BASE64_URL_SAFE};
use common::{Class, SECRET, Server, private_key};
use ring::{digest, hmac, rsa::PublicKeyComponents, signature};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use std::{fs, thread};
use udpsocket_jwt_server::{jws, keys::PublicKey, tools};

/// What is wrong with the small server, in words: those of [`FAULTS`].
type Fault = &'static str;

/// Each fault, and parts of the sentences of promises that it breaks.
const FAULTS: &[(Fault, &[&str])] = &[
    ("pads its reply", &["is a compact JWS"]),
    ("signs with the newline", &["HMAC verifies"]),
    ("signs with the secret decoded", &["HMAC verifies"]),
    ("leaves out typ", &["header has alg HS256"]),
    ("says rs256", &["header has alg HS256"]),
    ("puts otp first", &["object of four claims"]),
    ("adds a claim", &["object of four claims"]),
    ("hashes in upper case", &["64 lower-case"]),
    ("hashes the base64url", &["with their white space", "characters as sent"]),
    ("hashes what it prints", &["with their white space", "characters as sent"]),
    ("hashes what it unescapes", &["characters as sent"]),
    ("cannot unescape", &["characters as sent"]),
    ("says next as text", &["next_number is an integer"]),
    ("says otp as text", &["integer from 0 to 20000"]),
    ("draws otp too large", &["integer from 0 to 20000"]),
    ("draws otp once", &["to the same bytes differ"]),
    ("tells local time", &["the Unix time"]),
    ("tells milliseconds", &["the Unix time"]),
    ("tells fractions", &["the Unix time"]),
    ("says a lot", &["smaller than the request"]),
    ("replies twice", &["gets one reply"]),
    ("replies to everyone", &["to the port that asked"]),
    ("starts over only at the end", &["starts over from any state"]),
    ("starts over in words alone", &["starts over from any state"]),
    ("counts always three", &["a group of 1", "a group of 4"]),
    ("counts four as three", &["a group of 4"]),
    ("never says zero", &["a group of 1", "a group of 3", "a group of 4"]),
    ("ignores repeats", &["repeat is answered"]),
    ("ignores the lasts repeat", &["repeat is answered"]),
    ("ignores corrections", &["another matricula"]),
    ("skips ahead", &["ahead of the next"]),
    ("skips ahead in silence", &["ahead of the next"]),
    ("goes back", &["before the last"]),
    ("goes back in silence", &["before the last"]),
    ("goes beyond the members", &["above the members"]),
    ("counts in 8 bits", &["too large for"]),
    ("counts in 16 bits", &["too large for"]),
    ("counts in 32 bits", &["too large for"]),
    ("counts in 64 bits", &["too large for"]),
    ("keeps one state for all", &["each other's state"]),
    ("complains: empty", &["an empty message"]),
    ("complains: no dots", &["text without dots"]),
    ("takes plain json", &["text without dots"]),
    ("complains: rubbish", &["rubbish with two dots"]),
    ("takes three parts of four", &["two parts or four"]),
    ("needs no signature", &["two parts or four"]),
    ("trims white space", &["white space other"]),
    ("takes padding", &["with padding is"]),
    ("takes the standard alphabet", &["base64's + and /"]),
    ("takes unused bits", &["bits set"]),
    ("searches the header", &["header that is no JSON"]),
    ("takes the first json", &["payload that is no JSON"]),
    ("takes what is not utf8", &["payload that is no JSON"]),
    ("takes none", &["alg none"]),
    ("takes hs256 with the public key", &["alg HS256 is not"]),
    ("takes hs256 with the secret", &["alg HS256 is not"]),
    ("takes alg in any case", &["not exactly RS256"]),
    ("takes any alg", &["not exactly RS256"]),
    ("ignores crit", &["crit in the header"]),
    ("ignores empty crit", &["crit in the header"]),
    ("trusts jwk", &["stranger's signature"]),
    ("takes any groups key", &["another group's key"]),
    ("verifies the payload alone", &["over the payload alone"]),
    ("remembers signatures", &["changed after signing"]),
    ("takes an empty signature", &["cut or missing signature"]),
    (
        "checks no signature",
        &["stranger's signature", "another group's key", "changed after signing", "cut or missing signature"],
    ),
    ("takes pss", &["PSS padding"]),
    ("takes sha512", &["hash other than"]),
    ("takes any group", &["an unknown group"]),
    ("trims the group", &["an unknown group"]),
    ("takes a missing seq_number for 0", &["without seq_number"]),
    ("takes a missing matricula for 0", &["without matricula"]),
    ("reads numbers in text", &["a seq_number that", "a matricula that", "a seq_max that"]),
    ("reads fractions", &["a seq_number that", "a matricula that", "a seq_max that"]),
    ("reads negatives", &["a seq_number that", "a matricula that", "a seq_max that"]),
    ("reads true as one", &["a seq_number that", "a matricula that", "a seq_max that"]),
    ("reads null as zero", &["a seq_number that", "a matricula that", "a seq_max that"]),
    ("ignores odd seq max", &["a seq_max that"]),
    ("ignores exp", &["an expired token"]),
    ("ignores nbf", &["nbf is in the future"]),
    ("allows a minute", &["an expired token", "nbf is in the future"]),
    ("ignores odd dates", &["exp or nbf that is no number"]),
    ("ignores aud", &["token with aud"]),
    ("takes large datagrams", &["more than 4,096"]),
    ("cuts at2048", &["a datagram of 4,096"]),
    ("takes no newline", &["newline at the end does"]),
    ("takes no crlf", &["newline at the end does"]),
    ("minds the case", &["name in lower case"]),
    ("refuses other claims", &["does not know are ignored"]),
    ("needs seq max", &["seq_max may say anything"]),
    ("believes seq max", &["seq_max may say anything"]),
    ("reads matricula in32 bits", &["any integer of 64 bits"]),
    ("reads exp in milliseconds", &["between nbf and exp"]),
    ("refuses fractions of exp", &["may have fractions"]),
    ("needs typ", &["header members other than"]),
    ("refuses kid", &["header members other than"]),
    ("refuses twice", &["the last counts"]),
    ("stops at rubbish", &["a flood of 50"]),
];

/// A server of the protocol in one piece: as short as can be, and it records nothing.
struct Small {
    fault: Fault,
    groups: Vec<(&'static str, u64, PublicKey, Vec<u8>)>,
    /// Of each group: state and the last matricula.
    states: HashMap<String, (u64, u64)>,
    signatures: HashSet<Vec<u8>>,
    drawn: u64,
}

impl Small {
    /// Starts one, with the class's keys, and returns where it listens. It ends with the process.
    fn start(class: &Class, fault: Fault) -> SocketAddr {
        let groups = [("JAVALI", 3), ("NONAME", 4), ("HEARTBEAT", 1)].map(|(name, members)| {
            let pem = fs::read(class.directory.file(&format!("keys_pub/{name}.pem"))).unwrap();
            (name, members, PublicKey::from_pem(&pem, 2_048).unwrap(), pem)
        });
        let mut small = Self {
            fault,
            groups: groups.into(),
            states: HashMap::new(),
            signatures: HashSet::new(),
            drawn: 12_345,
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let (mut buffer, mut senders, mut rubbish) = (vec![0; 1 << 16], Vec::new(), 0);
            while rubbish < 20 || small.fault != "stops at rubbish" {
                let (length, sender) = socket.recv_from(&mut buffer).unwrap();
                let limit = if small.fault == "cuts at2048" { 2_048 } else { length };
                let answer = small.answer(&buffer[..length.min(limit)]);
                if small.fault != "replies to everyone" {
                    senders.clear();
                }
                senders.push(sender);
                let complaint = format!("complains: {}", answer.as_ref().err().unwrap_or(&""));
                match answer {
                    Ok(reply) => {
                        for to in senders.iter().rev().take(2) {
                            let times = if small.fault == "replies twice" { 2 } else { 1 };
                            // A client that has left is no reason to stop.
                            (0..times).for_each(|_| _ = socket.send_to(reply.as_bytes(), to));
                        }
                    }
                    Err(_) if complaint == small.fault => _ = socket.send_to(b"error", sender),
                    Err(_) => rubbish += 1,
                }
            }
        });
        address
    }

    fn is(&self, fault: &str) -> bool {
        self.fault == fault
    }

    /// The reply, or what is wrong.
    fn answer(&mut self, datagram: &[u8]) -> Result<String, &'static str> {
        if datagram.len() > 4_096 && !self.is("takes large datagrams") {
            return Err("too large");
        }
        let text = match datagram {
            [text @ .., b'\r', b'\n'] if !self.is("takes no newline") && !self.is("takes no crlf") => text,
            [text @ .., b'\n'] if !self.is("takes no newline") => text,
            text if self.is("trims white space") => text.trim_ascii(),
            text => text,
        };
        if text.is_empty() {
            return Err("empty");
        }
        let mut parts: Vec<_> = text.split(|&byte| byte == b'.').collect();
        if parts.len() == 1 {
            let claims: Option<Value> =
                serde_json::from_slice(text).ok().filter(|_| self.is("takes plain json"));
            let claims = claims.as_ref().and_then(Value::as_object).ok_or("no dots")?;
            return self.step(text, text, claims, 0);
        }
        if self.is("takes three parts of four") {
            parts.truncate(3);
        }
        if self.is("needs no signature") && parts.len() == 2 {
            parts.push(b"");
        }
        let [header, payload, signature] = parts[..] else { return Err("parts") };
        let input = [header, b".", payload].concat();
        let encoded = payload;
        let decode = |part: &[u8]| self.decode(part).ok_or("rubbish");
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let header = self.header(&header).ok_or("rubbish")?;
        let claims = self.object(&payload).ok_or("rubbish")?;
        let group = self.group(&claims).ok_or("group")?;
        self.verify(&header, &input, &payload, &signature, group).ok_or("signature")?;
        self.signatures.insert(signature);
        self.step(encoded, &payload, &claims, group)
    }

    fn decode(&self, part: &[u8]) -> Option<Vec<u8>> {
        let config = GeneralPurposeConfig::new();
        match self.fault {
            "takes padding" => {
                let config = config.with_decode_padding_mode(DecodePaddingMode::Indifferent);
                GeneralPurpose::new(&alphabet::URL_SAFE, config).decode(part).ok()
            }
            "takes unused bits" => {
                let config = config.with_decode_padding_mode(DecodePaddingMode::RequireNone);
                let config = config.with_decode_allow_trailing_bits(true);
                GeneralPurpose::new(&alphabet::URL_SAFE, config).decode(part).ok()
            }
            "takes the standard alphabet" => {
                let urlsafe = |byte: &u8| match byte {
                    b'+' => b'-',
                    b'/' => b'_',
                    byte => *byte,
                };
                tools::base64url(&part.iter().map(urlsafe).collect::<Vec<_>>()).ok()
            }
            "trims white space" => tools::base64url(part.trim_ascii()).ok(),
            _ => tools::base64url(part).ok(),
        }
    }

    fn header(&self, text: &[u8]) -> Option<Map<String, Value>> {
        if self.is("searches the header") && String::from_utf8_lossy(text).contains("RS256") {
            return json!({"alg": "RS256"}).as_object().cloned();
        }
        let header: Map<_, _> = serde_json::from_slice(text).ok()?;
        let refused = header.contains_key("crit")
            && !self.is("ignores crit")
            && !(self.is("ignores empty crit") && header["crit"] == json!([]))
            || self.is("needs typ") && !header.contains_key("typ")
            || self.is("refuses kid") && header.contains_key("kid");
        (!refused).then_some(header)
    }

    fn object(&self, text: &[u8]) -> Option<Map<String, Value>> {
        let lossy = String::from_utf8_lossy(text);
        match self.fault {
            "takes the first json" => serde_json::Deserializer::from_slice(text).into_iter().next()?.ok(),
            "takes what is not utf8" => serde_json::from_str(&lossy).ok(),
            "cannot unescape" if lossy.contains('\\') => None,
            "refuses twice" if lossy.matches("\"group\"").count() > 1 => None,
            _ => serde_json::from_slice(text).ok(),
        }
    }

    fn group(&self, claims: &Map<String, Value>) -> Option<usize> {
        let name = claims.get("group").and_then(Value::as_str);
        let name = if self.is("trims the group") { name.map(str::trim) } else { name };
        let found = self.groups.iter().position(|group| match self.fault {
            "minds the case" => name == Some(group.0),
            _ => name.is_some_and(|name| name.eq_ignore_ascii_case(group.0)),
        });
        found.or(self.is("takes any group").then_some(0))
    }

    fn verify(
        &self,
        header: &Map<String, Value>,
        input: &[u8],
        payload: &[u8],
        tag: &[u8],
        group: usize,
    ) -> Option<()> {
        let alg = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let key = self.groups[group].2.components();
        let rs256 = &signature::RSA_PKCS1_2048_8192_SHA256;
        let hs256 = |key: &[u8]| hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), input, tag).is_ok();
        let by_fault = match self.fault {
            "takes none" => alg.eq_ignore_ascii_case("none"),
            "takes hs256 with the public key" => alg == "HS256" && hs256(&self.groups[group].3),
            "takes hs256 with the secret" => alg == "HS256" && hs256(SECRET.as_bytes()),
            "takes alg in any case" => {
                alg.eq_ignore_ascii_case("RS256") && key.verify(rs256, input, tag).is_ok()
            }
            "takes any alg" => key.verify(rs256, input, tag).is_ok(),
            "trusts jwk" => header.get("jwk").is_some_and(|jwk| {
                let part = |name: &str| tools::base64url(jwk[name].as_str().unwrap().as_bytes()).unwrap();
                PublicKeyComponents { n: part("n"), e: part("e") }.verify(rs256, input, tag).is_ok()
            }),
            "takes any groups key" => {
                self.groups.iter().any(|group| group.2.components().verify(rs256, input, tag).is_ok())
            }
            "verifies the payload alone" => key.verify(rs256, payload, tag).is_ok(),
            "remembers signatures" => self.signatures.contains(tag),
            "takes an empty signature" | "takes plain json" | "needs no signature" => {
                tag.is_empty() && alg == "RS256"
            }
            "checks no signature" => alg == "RS256",
            "takes pss" => key.verify(&signature::RSA_PSS_2048_8192_SHA256, input, tag).is_ok(),
            "takes sha512" => key.verify(&signature::RSA_PKCS1_2048_8192_SHA512, input, tag).is_ok(),
            _ => false,
        };
        (by_fault || alg == "RS256" && key.verify(rs256, input, tag).is_ok()).then_some(())
    }

    /// A claim that must be an integer.
    fn integer(&self, claims: &Map<String, Value>, name: &'static str) -> Result<u64, &'static str> {
        let Some(value) = claims.get(name) else {
            return if self.is(&format!("takes a missing {name} for 0")) { Ok(0) } else { Err("missing") };
        };
        let otherwise = match self.fault {
            "reads numbers in text" => value.as_str().and_then(|text| text.parse().ok()),
            "reads fractions" => value.as_f64().map(|number| number as u64),
            "reads negatives" => value.as_i64().map(i64::unsigned_abs),
            "reads true as one" => value.as_bool().map(u64::from),
            "reads null as zero" => value.is_null().then_some(0),
            "counts in 64 bits" if name == "seq_number" => value.as_f64().map(|number| number as u128 as u64),
            _ => None,
        };
        match value.as_u64().or(otherwise).ok_or("no integer")? {
            number if self.is("reads matricula in32 bits") && number > u32::MAX.into() => Err("too large"),
            number => Ok(number),
        }
    }

    /// Whether the dates and the other claims let the message pass.
    fn is_in_time(&self, claims: &Map<String, Value>) -> bool {
        let date = |name| match claims.get(name) {
            Some(value)
                if self.is("refuses fractions of exp")
                    && value.as_f64().is_some_and(|n| n.fract() != 0.0) =>
            {
                None
            }
            Some(value) => value.as_f64().map(Some).or(self.is("ignores odd dates").then_some(None)),
            None => Some(None),
        };
        let (Some(exp), Some(nbf)) = (date("exp"), date("nbf")) else { return false };
        let now = now();
        let leeway = if self.is("allows a minute") { 60.0 } else { 0.0 };
        let unit = if self.is("reads exp in milliseconds") { 1_000.0 } else { 1.0 };
        let known = ["group", "seq_number", "seq_max", "matricula", "exp", "nbf", "jti"];
        (exp.is_none_or(|exp| now < exp / unit + leeway) || self.is("ignores exp"))
            && (nbf.is_none_or(|nbf| nbf - leeway <= now) || self.is("ignores nbf"))
            && (!claims.contains_key("aud") || self.is("ignores aud"))
            && (!self.is("refuses other claims") || claims.keys().all(|name| known.contains(&name.as_str())))
    }

    /// The signed message's step.
    fn step(
        &mut self,
        encoded: &[u8],
        payload: &[u8],
        claims: &Map<String, Value>,
        group: usize,
    ) -> Result<String, &'static str> {
        let (seq_number, matricula) =
            (self.integer(claims, "seq_number")?, self.integer(claims, "matricula")?);
        let seq_max = match self.integer(claims, "seq_max") {
            Ok(seq_max) => Some(seq_max),
            Err("missing") if !self.is("needs seq max") => None,
            Err(_) if self.is("ignores odd seq max") => None,
            Err(error) => return Err(error),
        };
        if !self.is_in_time(claims) {
            return Err("dates");
        }
        let members = match self.fault {
            "counts always three" => 3,
            "counts four as three" => self.groups[group].1.min(3),
            "believes seq max" => seq_max.unwrap_or(self.groups[group].1),
            _ => self.groups[group].1,
        };
        let name = if self.is("keeps one state for all") { "" } else { self.groups[group].0 };
        let (state, last_matricula) = self.states.entry(name.into()).or_default();
        let seq_number = match self.fault {
            "counts in 8 bits" => seq_number % (1 << 8),
            "counts in 16 bits" => seq_number % (1 << 16),
            "counts in 32 bits" => seq_number % (1 << 32),
            _ => seq_number,
        };
        let in_order = match (seq_number, self.fault) {
            (0, "starts over only at the end") => *state == 0 || *state == members,
            (0, _) => true,
            (sn, "goes beyond the members") if sn > members => sn == *state + 1,
            (sn, _) if sn > members => false,
            (sn, "ignores repeats") if sn == *state => false,
            (sn, "ignores the lasts repeat") if sn == *state && sn == members => false,
            (sn, "ignores corrections") if sn == *state => matricula == *last_matricula,
            (sn, "skips ahead") if sn > *state => true,
            (sn, "goes back") if sn < *state => true,
            (sn, _) => sn == *state || sn == *state + 1,
        };
        let moves_anyway = match self.fault {
            "skips ahead in silence" => seq_number > *state && seq_number <= members,
            "goes back in silence" => seq_number < *state,
            _ => false,
        };
        if (in_order || moves_anyway) && !(self.fault == "starts over in words alone" && seq_number == 0) {
            (*state, *last_matricula) = (seq_number, matricula);
        }
        if !in_order {
            return Err("out of order");
        }
        let is_last = seq_number == members && self.fault != "never says zero";
        let next_number = if is_last { 0 } else { seq_number + 1 };
        Ok(self.reply(encoded, payload, claims, next_number))
    }

    fn reply(
        &mut self,
        encoded: &[u8],
        payload: &[u8],
        claims: &Map<String, Value>,
        next_number: u64,
    ) -> String {
        let hashed = match self.fault {
            "hashes the base64url" => encoded.to_vec(),
            "hashes what it prints" => serde_json::to_vec(claims).unwrap(),
            "hashes what it unescapes" => String::from_utf8_lossy(payload).replace("\\u00e9", "é").into(),
            _ => payload.to_vec(),
        };
        let hash = digest::digest(&digest::SHA256, &hashed);
        let mut id_request = common::hexadecimal(hash.as_ref());
        if self.is("hashes in upper case") {
            id_request = id_request.to_uppercase();
        }
        self.drawn = match self.fault {
            "draws otp once" => self.drawn,
            "draws otp too large" => 20_001,
            _ => (self.drawn * 7_919 + 1) % 20_001, // not secure, but different
        };
        let quoted =
            |number: u64, fault| if self.is(fault) { json!(number.to_string()) } else { json!(number) };
        let otp_number = quoted(self.drawn, "says otp as text");
        let next_number = quoted(next_number, "says next as text");
        let now = now();
        let otp_timestamp = match self.fault {
            "tells local time" => json!(now as u64 - 3 * 3_600),
            "tells milliseconds" => json!((now * 1_000.0) as u64),
            "tells fractions" => json!(now.floor() + 0.5),
            _ => json!(now as u64),
        };
        let more = if self.is("adds a claim") { r#","iss":"server""# } else { "" };
        let payload = if self.is("puts otp first") {
            format!(
                r#"{{"otp_number":{otp_number},"id_request":"{id_request}","next_number":{next_number},"otp_timestamp":{otp_timestamp}}}"#
            )
        } else {
            format!(
                r#"{{"id_request":"{id_request}","next_number":{next_number},"otp_number":{otp_number},"otp_timestamp":{otp_timestamp}{more}}}"#
            )
        };
        let header = match self.fault {
            "leaves out typ" => r#"{"alg":"HS256"}"#.into(),
            "says rs256" => r#"{"alg":"RS256","typ":"JWT"}"#.into(),
            "says a lot" => format!(r#"{{"alg":"HS256",{:300}"typ":"JWT"}}"#, ""),
            _ => r#"{"alg":"HS256","typ":"JWT"}"#.to_string(),
        };
        let secret = match self.fault {
            "signs with the newline" => format!("{SECRET}\n").into(),
            "signs with the secret decoded" => common::from_hexadecimal(SECRET),
            _ => SECRET.as_bytes().to_vec(),
        };
        let reply = jws::sign(&header, &payload, &hmac::Key::new(hmac::HMAC_SHA256, &secret));
        if self.is("pads its reply") {
            let tag = tools::base64url(reply.rsplit('.').next().unwrap().as_bytes()).unwrap();
            return format!("{}.{}", reply.rsplit_once('.').unwrap().0, BASE64_URL_SAFE.encode(tag));
        }
        reply
    }
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

/// A class with its private keys in it, as the kit wants it.
fn class() -> Class {
    let class = Class::new();
    for group in Class::GROUPS {
        let key = fs::read(private_key(group, 2_048)).unwrap();
        class.directory.write(&format!("keys_priv/{group}.pem"), key);
    }
    class
}

/// A run of the kit.
struct Run {
    /// What it printed.
    text: String,
    /// The sentences of the tests that ran, in their order, and whether each passed.
    tests: Vec<(String, bool)>,
    success: bool,
}

fn run(class: &Class, server: SocketAddr, only: &str) -> Run {
    let output = Command::new("bash")
        .args(["tests/conformance.sh", &server.ip().to_string(), &server.port().to_string()])
        .arg(class.directory.path())
        .envs([("WAIT", "0.1"), ("TRIES", "3"), ("SKEW", "2"), ("ONLY", only)])
        .stdin(Stdio::null())
        .output()
        .expect("bash is needed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let test = |line: &str| {
        let passed = !line.starts_with("not ");
        let (_, sentence) = line.trim_start_matches("not ").strip_prefix("ok ")?.split_once(" - ")?;
        (!sentence.contains(" # SKIP ")).then(|| (sentence.to_string(), passed))
    };
    let tests = text.lines().filter_map(test).collect();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    Run { text, tests, success: output.status.success() }
}

/// Runs the whole kit; returns the promises, all kept.
fn keeps_every_promise(class: &Class, server: SocketAddr) -> BTreeSet<String> {
    let Run { text, tests, success } = run(class, server, "");
    assert!(success && tests.iter().all(|(_, passed)| *passed), "{text}");
    let promises: BTreeSet<_> = tests.into_iter().map(|(sentence, _)| sentence).collect();
    assert!(text.contains(&format!("1..{}\n", promises.len())), "the plan is not what ran:\n{text}");
    promises
}

#[test]
fn our_server_keeps_every_promise_of_the_kit() {
    let class = class();
    let server = Server::start(&class, &["--quiet"]);
    assert!(keeps_every_promise(&class, server.address).len() > 60);
}

#[test]
fn each_test_of_the_kit_tells_a_server_with_a_fault_from_the_same_without() {
    let class = class();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        while let Some((fault, promises)) = FAULTS.get(next.fetch_add(1, Ordering::Relaxed)) {
            results.push(breaks(&class, fault, promises));
        }
        results
    };
    let (promises, results) = thread::scope(|scope| {
        // More than there are processors: what they do is mostly wait.
        let workers: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        let promises = keeps_every_promise(&class, Small::start(&class, "nothing"));
        let results: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        (promises, results)
    });
    let unnoticed: Vec<_> = results.iter().filter_map(|result| result.as_ref().err().cloned()).collect();
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
    let broken: BTreeSet<_> = results.into_iter().flatten().flatten().collect();
    let never: Vec<_> = promises.difference(&broken).collect();
    assert!(never.is_empty(), "no fault shows that these can fail: {never:#?}");
}

/// Runs the kit's tests of these promises on a server with a fault: all of them must fail. (That the
/// server is otherwise in order the kit sees itself: it stops where a good message is not answered.)
/// Returns their sentences, or what came otherwise.
fn breaks(class: &Class, fault: Fault, promises: &[&str]) -> Result<Vec<String>, String> {
    let Run { text, tests, success } = run(class, Small::start(class, fault), &promises.join(";"));
    if success || tests.len() != promises.len() || tests.iter().any(|(_, passed)| *passed) {
        let text: Vec<_> = text.lines().filter(|line| !line.contains(" # SKIP ")).collect();
        let text = text.join("\n");
        return Err(format!("{fault}: one test for each of {promises:?} must fail, but:\n{text}"));
    }
    Ok(tests.into_iter().map(|(sentence, _)| sentence).collect())
}
