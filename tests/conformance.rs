//! The catalogue and the kit tell a server with a fault from the same without. The server is a small one,
//! written here in one piece from the protocol's page alone; it gets one fault at a time, mistakes that
//! servers do have, and a case must tell each: a test that can't fail tests nothing.

use crate::common;
use crate::common::catalogue;
use crate::common::catalogue::{CLASS, by_name, cases, play};
use crate::common::{SECRET, Server};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet, prelude::BASE64_URL_SAFE};
use ring::{digest, hmac, rsa::PublicKeyComponents, signature};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use std::{fs, thread};
use udpsocket_jwt_server::{jws, keys::PublicKey, tools};

/// What is wrong with the small server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    PadsItsReply,
    SignsWithTheNewline,
    SignsWithTheSecretDecoded,
    LeavesOutTyp,
    SaysRs256,
    PutsOtpFirst,
    AddsAClaim,
    HashesInUpperCase,
    HashesTheBase64url,
    HashesWhatItPrints,
    HashesWhatItUnescapes,
    CannotUnescape,
    SaysNextAsText,
    SaysOtpAsText,
    DrawsOtpTooLarge,
    DrawsOtpOnce,
    TellsLocalTime,
    TellsMilliseconds,
    TellsFractions,
    SaysALot,
    RepliesTwice,
    RepliesToEveryone,
    StartsOverOnlyAtTheEnd,
    StartsOverInWordsAlone,
    AlwaysCountsThree,
    CountsFourAsThree,
    NeverSaysZero,
    IgnoresRepeats,
    IgnoresTheRepeatOfTheLast,
    IgnoresCorrections,
    SkipsAhead,
    SkipsAheadInSilence,
    GoesBack,
    GoesBackInSilence,
    GoesBeyondTheMembers,
    CountsIn8Bits,
    CountsIn16Bits,
    CountsIn32Bits,
    CountsIn64Bits,
    KeepsOneStateForAll,
    ComplainsOfNothing,
    ComplainsOfNoDots,
    TakesPlainJson,
    ComplainsOfRubbish,
    TakesThreePartsOfFour,
    NeedsNoSignature,
    TrimsWhiteSpace,
    TakesPadding,
    TakesTheStandardAlphabet,
    TakesUnusedBits,
    SearchesTheHeader,
    TakesTheFirstJson,
    TakesWhatIsNotUtf8,
    TakesNone,
    TakesHs256WithThePublicKey,
    TakesHs256WithTheSecret,
    TakesAlgInAnyCase,
    TakesAnyAlg,
    IgnoresCrit,
    IgnoresEmptyCrit,
    TrustsJwk,
    TakesTheKeyOfAnyGroup,
    VerifiesThePayloadAlone,
    RemembersSignatures,
    TakesAnEmptySignature,
    ChecksNoSignature,
    TakesPss,
    TakesSha512,
    TakesAnyGroup,
    TrimsTheGroup,
    TakesAMissingSeqNumberFor0,
    TakesAMissingMatriculaFor0,
    ReadsNumbersInText,
    ReadsFractions,
    ReadsNegatives,
    ReadsTrueAsOne,
    ReadsNullAsZero,
    IgnoresOddSeqMax,
    IgnoresExp,
    IgnoresNbf,
    AllowsAMinute,
    IgnoresOddDates,
    IgnoresAud,
    TakesLargeDatagrams,
    CutsAt2048,
    TakesNoNewline,
    TakesNoCrlf,
    MindsTheCase,
    RefusesOtherClaims,
    NeedsSeqMax,
    BelievesSeqMax,
    ReadsMatriculaIn32Bits,
    ReadsExpInMilliseconds,
    RefusesFractionsOfExp,
    NeedsTyp,
    RefusesKid,
    RefusesTwice,
    StopsAtRubbish,
}

/// Each fault, and a case that shows it.
const FAULTS: &[(Fault, &str)] = &[
    (Fault::PadsItsReply, "JAVALI: 1 in state 0"),
    (Fault::SignsWithTheNewline, "JAVALI: 1 in state 0"),
    (Fault::SignsWithTheSecretDecoded, "JAVALI: 1 in state 0"),
    (Fault::LeavesOutTyp, "JAVALI: 1 in state 0"),
    (Fault::SaysRs256, "JAVALI: 1 in state 0"),
    (Fault::PutsOtpFirst, "JAVALI: 1 in state 0"),
    (Fault::AddsAClaim, "JAVALI: 1 in state 0"),
    (Fault::HashesInUpperCase, "JAVALI: 1 in state 0"),
    (Fault::HashesTheBase64url, "JAVALI: 1 in state 0"),
    (Fault::HashesWhatItPrints, "good: payload with white space"),
    (Fault::HashesWhatItUnescapes, "good: payload with an escape for a letter"),
    (Fault::CannotUnescape, "good: payload with the group in escapes"),
    (Fault::SaysNextAsText, "JAVALI: 1 in state 0"),
    (Fault::SaysOtpAsText, "JAVALI: 1 in state 0"),
    (Fault::DrawsOtpTooLarge, "JAVALI: 1 in state 0"),
    (Fault::TellsLocalTime, "JAVALI: 1 in state 0"),
    (Fault::TellsMilliseconds, "JAVALI: 1 in state 0"),
    (Fault::TellsFractions, "JAVALI: 1 in state 0"),
    (Fault::SaysALot, "JAVALI: 1 in state 0"),
    (Fault::StartsOverOnlyAtTheEnd, "JAVALI: 0 in state 1"),
    (Fault::StartsOverInWordsAlone, "JAVALI: 1 in state 0, after starting over"),
    (Fault::AlwaysCountsThree, "HEARTBEAT: 1 in state 0"),
    (Fault::CountsFourAsThree, "NONAME: 3 in state 2"),
    (Fault::NeverSaysZero, "HEARTBEAT: 1 in state 0"),
    (Fault::IgnoresRepeats, "JAVALI: 1 in state 1"),
    (Fault::IgnoresTheRepeatOfTheLast, "HEARTBEAT: 1 in state 1"),
    (Fault::IgnoresCorrections, "good: payload with matricula 0"),
    (Fault::SkipsAhead, "JAVALI: 3 in state 1"),
    (Fault::SkipsAheadInSilence, "JAVALI: 3 in state 1"),
    (Fault::GoesBack, "JAVALI: 1 in state 2"),
    (Fault::GoesBackInSilence, "JAVALI: 1 in state 2"),
    (Fault::GoesBeyondTheMembers, "JAVALI: 4 in state 3"),
    (Fault::CountsIn8Bits, "JAVALI: 257 in state 1"),
    (Fault::CountsIn16Bits, "JAVALI: 65537 in state 1"),
    (Fault::CountsIn32Bits, "JAVALI: 4294967297 in state 1"),
    (Fault::CountsIn64Bits, "claim: seq_number is 18446744073709551616"),
    (Fault::KeepsOneStateForAll, "JAVALI: 2 in state 1, after others"),
    (Fault::ComplainsOfNothing, "structure: nothing"),
    (Fault::ComplainsOfNoDots, "structure: a word"),
    (Fault::TakesPlainJson, "structure: the claims, unsigned"),
    (Fault::ComplainsOfRubbish, "structure: two dots"),
    (Fault::TakesThreePartsOfFour, "structure: a fourth part"),
    (Fault::NeedsNoSignature, "structure: no signature and no dot for it"),
    (Fault::TrimsWhiteSpace, "a token: with two newlines"),
    (Fault::TakesPadding, "base64url: payload with padding, and signed so"),
    (Fault::TakesTheStandardAlphabet, "base64url: payload in base64, and signed so"),
    (Fault::TakesUnusedBits, "base64url: payload with an unused bit set, and signed so"),
    (Fault::SearchesTheHeader, "header: is cut"),
    (Fault::TakesTheFirstJson, "payload: is two objects"),
    (Fault::TakesWhatIsNotUtf8, "payload: has byte FF in a string"),
    (Fault::TakesNone, "alg: 'none'"),
    (Fault::TakesHs256WithThePublicKey, "alg HS256 with: the public key's PEM"),
    (Fault::TakesHs256WithTheSecret, "alg HS256 with: the class's secret"),
    (Fault::TakesAlgInAnyCase, "alg: 'rs256'"),
    (Fault::TakesAnyAlg, "alg: 'RS512'"),
    (Fault::IgnoresCrit, "crit: []"),
    (Fault::IgnoresEmptyCrit, "crit: []"),
    (Fault::TrustsJwk, "signed with a stranger's key, and: jwk"),
    (Fault::TakesTheKeyOfAnyGroup, "signed with: another group's key"),
    (Fault::VerifiesThePayloadAlone, "signature over: the payload, decoded"),
    (Fault::RemembersSignatures, "a signature: another message's"),
    (Fault::TakesAnEmptySignature, "signature: empty"),
    (Fault::ChecksNoSignature, "signed with: a stranger's key"),
    (Fault::TakesPss, "PSS with a salt: of 32 bytes"),
    (Fault::TakesSha512, "encoded message: SHA-512"),
    (Fault::TakesAnyGroup, "group: null"),
    (Fault::TrimsTheGroup, "group: 'JAVALI '"),
    (Fault::TakesAMissingSeqNumberFor0, "claim absent: seq_number"),
    (Fault::TakesAMissingMatriculaFor0, "claim absent: matricula"),
    (Fault::ReadsNumbersInText, "claim: seq_number is '1'"),
    (Fault::ReadsFractions, "claim: matricula is 1.0"),
    (Fault::ReadsNegatives, "claim: seq_number is -1"),
    (Fault::ReadsTrueAsOne, "claim: seq_number is true"),
    (Fault::ReadsNullAsZero, "claim: seq_number is null"),
    (Fault::IgnoresOddSeqMax, "claim: seq_max is '1'"),
    (Fault::IgnoresExp, "expired: 'exp':0"),
    (Fault::IgnoresNbf, "too early: 'nbf':1e11"),
    (Fault::AllowsAMinute, "now 1700000000.5: 'exp':1699999970"),
    (Fault::IgnoresOddDates, "claim: exp is '9000000000'"),
    (Fault::IgnoresAud, "audience: 'aud':'udpsocket-jwt-server'"),
    (Fault::TakesLargeDatagrams, "too large: 4,097 bytes of a token"),
    (Fault::CutsAt2048, "good: header with 2,000 characters"),
    (Fault::TakesNoNewline, "good: with LF after it"),
    (Fault::TakesNoCrlf, "good: with CR LF after it"),
    (Fault::MindsTheCase, "good: payload with the group in lower case"),
    (Fault::RefusesOtherClaims, "good: payload with claims of no concern"),
    (Fault::NeedsSeqMax, "good: payload with no seq_max"),
    (Fault::BelievesSeqMax, "good: payload with seq_max of another table"),
    (Fault::ReadsMatriculaIn32Bits, "good: payload with a matricula past 53 bits"),
    (Fault::ReadsExpInMilliseconds, "good: payload with an exp with fraction"),
    (Fault::RefusesFractionsOfExp, "good: payload with an exp with fraction"),
    (Fault::NeedsTyp, "good: header with alg alone"),
    (Fault::RefusesKid, "good: header with another group's kid"),
    (Fault::RefusesTwice, "good: payload with group twice"),
];

/// What the kit must tell over the network, and its line that does: faults that no single datagram shows,
/// and of the others one for each thing that the kit looks at.
const BY_THE_KIT: &[(Fault, &str)] = &[
    (Fault::DrawsOtpOnce, "otp_number makes replies"),
    (Fault::RepliesTwice, "a request gets one reply"),
    (Fault::RepliesToEveryone, "to the port that asked"),
    (Fault::IgnoresExp, "held against the clock"),
    (Fault::IgnoresNbf, "held against the clock"),
    (Fault::ReadsExpInMilliseconds, "held against the clock"),
    (Fault::RefusesFractionsOfExp, "held against the clock"),
    (Fault::StopsAtRubbish, "encoded message: the"),
    (Fault::PadsItsReply, "is a compact JWS"),
    (Fault::SignsWithTheNewline, "HMAC verifies"),
    (Fault::SignsWithTheSecretDecoded, "HMAC verifies"),
    (Fault::LeavesOutTyp, "header has alg HS256"),
    (Fault::SaysRs256, "header has alg HS256"),
    (Fault::PutsOtpFirst, "object of four claims"),
    (Fault::AddsAClaim, "object of four claims"),
    (Fault::SaysNextAsText, "next_number is an integer"),
    (Fault::HashesTheBase64url, "id_request is the SHA-256"),
    (Fault::HashesInUpperCase, "id_request is the SHA-256"),
    (Fault::SaysOtpAsText, "otp_number is an integer"),
    (Fault::DrawsOtpTooLarge, "otp_number is an integer"),
    (Fault::TellsLocalTime, "otp_timestamp is an integer"),
    (Fault::TellsFractions, "otp_timestamp is an integer"),
    (Fault::SaysALot, "smaller than its request"),
    (Fault::CountsFourAsThree, "NONAME: 3 in state 2"),
    (Fault::IgnoresRepeats, "JAVALI: 1 in state 1"),
    (Fault::TakesNone, "alg with an empty signature: none"),
    (Fault::SkipsAheadInSilence, "JAVALI: 3 in state 1"),
    (Fault::TakesLargeDatagrams, "too large: 4,096 and a newline"),
];

/// What a datagram that is not answered lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Empty,
    NoDots,
    Rubbish,
    Missing,
    Other,
}

/// A server of the protocol in one piece: as short as can be, and it records nothing.
struct Small {
    fault: Fault,
    groups: Vec<(&'static str, u64, PublicKey, Vec<u8>)>,
    /// Of each group: state and the last matricula.
    states: HashMap<String, (u64, u64)>,
    signatures: HashSet<Vec<u8>>,
    drawn: u64,
    /// Its clock; none: the system's.
    clock: Option<f64>,
}

impl Small {
    fn new(fault: Fault) -> Self {
        let groups = [("JAVALI", 3), ("NONAME", 4), ("HEARTBEAT", 1), ("PINHAO", 3), ("SOQUETINHO", 3)];
        let groups = groups.map(|(name, members)| {
            let pem = fs::read(format!("{CLASS}/keys_pub/{name}.pem")).unwrap();
            (name, members, PublicKey::from_pem(&pem, 2_048).unwrap(), pem)
        });
        let (states, signatures) = (HashMap::new(), HashSet::new());
        Self { fault, groups: groups.into(), states, signatures, drawn: 12_345, clock: None }
    }

    /// Starts one, and returns where it listens. It ends with the process.
    fn start(fault: Fault) -> SocketAddr {
        let mut small = Self::new(fault);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let (mut buffer, mut senders, mut unanswered) = (vec![0; 1 << 16], Vec::new(), 0);
            while unanswered < 20 || fault != Fault::StopsAtRubbish {
                let (length, sender) = socket.recv_from(&mut buffer).unwrap();
                if fault != Fault::RepliesToEveryone {
                    senders.clear();
                }
                senders.push(sender);
                let Some(reply) = small.reply_to(&buffer[..length]) else {
                    unanswered += 1;
                    continue;
                };
                for to in senders.iter().rev().take(2) {
                    let times = if fault == Fault::RepliesTwice { 2 } else { 1 };
                    // A client that has left is no reason to stop.
                    (0..times).for_each(|_| _ = socket.send_to(reply.as_bytes(), to));
                }
            }
        });
        address
    }

    fn reply_to(&mut self, datagram: &[u8]) -> Option<String> {
        let limit = if self.is(Fault::CutsAt2048) { 2_048 } else { datagram.len() };
        let wrong = match self.answer(&datagram[..limit.min(datagram.len())]) {
            Ok(reply) => return Some(reply),
            Err(wrong) => wrong,
        };
        let complaint = match wrong {
            Wrong::Empty => Fault::ComplainsOfNothing,
            Wrong::NoDots => Fault::ComplainsOfNoDots,
            Wrong::Rubbish => Fault::ComplainsOfRubbish,
            Wrong::Missing | Wrong::Other => return None,
        };
        self.is(complaint).then(|| "error".into())
    }

    fn now(&self) -> f64 {
        self.clock.unwrap_or_else(|| SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64())
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// The reply, or what is wrong.
    fn answer(&mut self, datagram: &[u8]) -> Result<String, Wrong> {
        if datagram.len() > 4_096 && !self.is(Fault::TakesLargeDatagrams) {
            return Err(Wrong::Other);
        }
        let text = match datagram {
            [text @ .., b'\r', b'\n'] if !self.is(Fault::TakesNoNewline) && !self.is(Fault::TakesNoCrlf) => {
                text
            }
            [text @ .., b'\n'] if !self.is(Fault::TakesNoNewline) => text,
            text if self.is(Fault::TrimsWhiteSpace) => text.trim_ascii(),
            text => text,
        };
        if text.is_empty() {
            return Err(Wrong::Empty);
        }
        let mut parts: Vec<_> = text.split(|&byte| byte == b'.').collect();
        if parts.len() == 1 {
            let claims: Option<Value> =
                serde_json::from_slice(text).ok().filter(|_| self.is(Fault::TakesPlainJson));
            let claims = claims.as_ref().and_then(Value::as_object).ok_or(Wrong::NoDots)?;
            return self.step(text, text, claims, 0);
        }
        if self.is(Fault::TakesThreePartsOfFour) {
            parts.truncate(3);
        }
        if self.is(Fault::NeedsNoSignature) && parts.len() == 2 {
            parts.push(b"");
        }
        let [header, payload, signature] = parts[..] else { return Err(Wrong::Other) };
        let input = [header, b".", payload].concat();
        let encoded = payload;
        let decode = |part: &[u8]| self.decode(part).ok_or(Wrong::Rubbish);
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let header = self.header(&header).ok_or(Wrong::Rubbish)?;
        let claims = self.object(&payload).ok_or(Wrong::Rubbish)?;
        let group = self.group(&claims).ok_or(Wrong::Other)?;
        self.verify(&header, &input, &payload, &signature, group).ok_or(Wrong::Other)?;
        self.signatures.insert(signature);
        self.step(encoded, &payload, &claims, group)
    }

    fn decode(&self, part: &[u8]) -> Option<Vec<u8>> {
        let config = GeneralPurposeConfig::new();
        match self.fault {
            Fault::TakesPadding => {
                let config = config.with_decode_padding_mode(DecodePaddingMode::Indifferent);
                GeneralPurpose::new(&alphabet::URL_SAFE, config).decode(part).ok()
            }
            Fault::TakesUnusedBits => {
                let config = config.with_decode_padding_mode(DecodePaddingMode::RequireNone);
                let config = config.with_decode_allow_trailing_bits(true);
                GeneralPurpose::new(&alphabet::URL_SAFE, config).decode(part).ok()
            }
            Fault::TakesTheStandardAlphabet => {
                let urlsafe = |byte: &u8| match byte {
                    b'+' => b'-',
                    b'/' => b'_',
                    byte => *byte,
                };
                tools::base64url(&part.iter().map(urlsafe).collect::<Vec<_>>()).ok()
            }
            Fault::TrimsWhiteSpace => tools::base64url(part.trim_ascii()).ok(),
            _ => tools::base64url(part).ok(),
        }
    }

    fn header(&self, text: &[u8]) -> Option<Map<String, Value>> {
        if self.is(Fault::SearchesTheHeader) && String::from_utf8_lossy(text).contains("RS256") {
            return json!({"alg": "RS256"}).as_object().cloned();
        }
        let header: Map<_, _> = serde_json::from_slice(text).ok()?;
        let refused = header.contains_key("crit")
            && !self.is(Fault::IgnoresCrit)
            && !(self.is(Fault::IgnoresEmptyCrit) && header["crit"] == json!([]))
            || self.is(Fault::NeedsTyp) && !header.contains_key("typ")
            || self.is(Fault::RefusesKid) && header.contains_key("kid");
        (!refused).then_some(header)
    }

    fn object(&self, text: &[u8]) -> Option<Map<String, Value>> {
        let lossy = String::from_utf8_lossy(text);
        match self.fault {
            Fault::TakesTheFirstJson => serde_json::Deserializer::from_slice(text).into_iter().next()?.ok(),
            Fault::TakesWhatIsNotUtf8 => serde_json::from_str(&lossy).ok(),
            Fault::CannotUnescape if lossy.contains('\\') => None,
            Fault::RefusesTwice if lossy.matches("\"group\"").count() > 1 => None,
            _ => serde_json::from_slice(text).ok(),
        }
    }

    fn group(&self, claims: &Map<String, Value>) -> Option<usize> {
        let name = claims.get("group").and_then(Value::as_str);
        let name = if self.is(Fault::TrimsTheGroup) { name.map(str::trim) } else { name };
        let found = self.groups.iter().position(|group| match self.fault {
            Fault::MindsTheCase => name == Some(group.0),
            _ => name.is_some_and(|name| name.eq_ignore_ascii_case(group.0)),
        });
        found.or(self.is(Fault::TakesAnyGroup).then_some(0))
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
            Fault::TakesNone => alg.eq_ignore_ascii_case("none"),
            Fault::TakesHs256WithThePublicKey => alg == "HS256" && hs256(&self.groups[group].3),
            Fault::TakesHs256WithTheSecret => alg == "HS256" && hs256(SECRET.as_bytes()),
            Fault::TakesAlgInAnyCase => {
                alg.eq_ignore_ascii_case("RS256") && key.verify(rs256, input, tag).is_ok()
            }
            Fault::TakesAnyAlg => key.verify(rs256, input, tag).is_ok(),
            Fault::TrustsJwk => header.get("jwk").is_some_and(|jwk| {
                let part = |name: &str| tools::base64url(jwk[name].as_str().unwrap().as_bytes()).unwrap();
                PublicKeyComponents { n: part("n"), e: part("e") }.verify(rs256, input, tag).is_ok()
            }),
            Fault::TakesTheKeyOfAnyGroup => {
                self.groups.iter().any(|group| group.2.components().verify(rs256, input, tag).is_ok())
            }
            Fault::VerifiesThePayloadAlone => key.verify(rs256, payload, tag).is_ok(),
            Fault::RemembersSignatures => self.signatures.contains(tag),
            Fault::TakesAnEmptySignature | Fault::TakesPlainJson | Fault::NeedsNoSignature => {
                tag.is_empty() && alg == "RS256"
            }
            Fault::ChecksNoSignature => alg == "RS256",
            Fault::TakesPss => key.verify(&signature::RSA_PSS_2048_8192_SHA256, input, tag).is_ok(),
            Fault::TakesSha512 => key.verify(&signature::RSA_PKCS1_2048_8192_SHA512, input, tag).is_ok(),
            _ => false,
        };
        (by_fault || alg == "RS256" && key.verify(rs256, input, tag).is_ok()).then_some(())
    }

    /// A claim that must be an integer.
    fn integer(&self, claims: &Map<String, Value>, name: &'static str) -> Result<u64, Wrong> {
        let by_name = match name {
            "seq_number" => Fault::TakesAMissingSeqNumberFor0,
            _ => Fault::TakesAMissingMatriculaFor0,
        };
        let Some(value) = claims.get(name) else {
            return if self.is(by_name) { Ok(0) } else { Err(Wrong::Missing) };
        };
        let otherwise = match self.fault {
            Fault::ReadsNumbersInText => value.as_str().and_then(|text| text.parse().ok()),
            Fault::ReadsFractions => value.as_f64().map(|number| number as u64),
            Fault::ReadsNegatives => value.as_i64().map(i64::unsigned_abs),
            Fault::ReadsTrueAsOne => value.as_bool().map(u64::from),
            Fault::ReadsNullAsZero => value.is_null().then_some(0),
            Fault::CountsIn64Bits if name == "seq_number" => {
                value.as_f64().map(|number| number as u128 as u64)
            }
            _ => None,
        };
        match value.as_u64().or(otherwise).ok_or(Wrong::Other)? {
            number if self.is(Fault::ReadsMatriculaIn32Bits) && number > u32::MAX.into() => Err(Wrong::Other),
            number => Ok(number),
        }
    }

    /// Whether the dates and the other claims let the message pass.
    fn is_in_time(&self, claims: &Map<String, Value>) -> bool {
        let date = |name| match claims.get(name) {
            Some(value)
                if self.is(Fault::RefusesFractionsOfExp)
                    && value.as_f64().is_some_and(|n| n.fract() != 0.0) =>
            {
                None
            }
            Some(value) => value.as_f64().map(Some).or(self.is(Fault::IgnoresOddDates).then_some(None)),
            None => Some(None),
        };
        let (Some(exp), Some(nbf)) = (date("exp"), date("nbf")) else { return false };
        let now = self.now();
        let leeway = if self.is(Fault::AllowsAMinute) { 60.0 } else { 0.0 };
        let unit = if self.is(Fault::ReadsExpInMilliseconds) { 1_000.0 } else { 1.0 };
        let known = ["group", "seq_number", "seq_max", "matricula", "exp", "nbf", "jti"];
        (exp.is_none_or(|exp| now < exp / unit + leeway) || self.is(Fault::IgnoresExp))
            && (nbf.is_none_or(|nbf| nbf - leeway <= now) || self.is(Fault::IgnoresNbf))
            && (!claims.contains_key("aud") || self.is(Fault::IgnoresAud))
            && (!self.is(Fault::RefusesOtherClaims)
                || claims.keys().all(|name| known.contains(&name.as_str())))
    }

    /// The signed message's step.
    fn step(
        &mut self,
        encoded: &[u8],
        payload: &[u8],
        claims: &Map<String, Value>,
        group: usize,
    ) -> Result<String, Wrong> {
        let (seq_number, matricula) =
            (self.integer(claims, "seq_number")?, self.integer(claims, "matricula")?);
        let seq_max = match self.integer(claims, "seq_max") {
            Ok(seq_max) => Some(seq_max),
            Err(Wrong::Missing) if !self.is(Fault::NeedsSeqMax) => None,
            Err(_) if self.is(Fault::IgnoresOddSeqMax) => None,
            Err(error) => return Err(error),
        };
        if !self.is_in_time(claims) {
            return Err(Wrong::Other);
        }
        let members = match self.fault {
            Fault::AlwaysCountsThree => 3,
            Fault::CountsFourAsThree => self.groups[group].1.min(3),
            Fault::BelievesSeqMax => seq_max.unwrap_or(self.groups[group].1),
            _ => self.groups[group].1,
        };
        let name = if self.is(Fault::KeepsOneStateForAll) { "" } else { self.groups[group].0 };
        let (state, last_matricula) = self.states.entry(name.into()).or_default();
        let seq_number = match self.fault {
            Fault::CountsIn8Bits => seq_number % (1 << 8),
            Fault::CountsIn16Bits => seq_number % (1 << 16),
            Fault::CountsIn32Bits => seq_number % (1 << 32),
            _ => seq_number,
        };
        let in_order = match (seq_number, self.fault) {
            (0, Fault::StartsOverOnlyAtTheEnd) => *state == 0 || *state == members,
            (0, _) => true,
            (sn, Fault::GoesBeyondTheMembers) if sn > members => sn == *state + 1,
            (sn, _) if sn > members => false,
            (sn, Fault::IgnoresRepeats) if sn == *state => false,
            (sn, Fault::IgnoresTheRepeatOfTheLast) if sn == *state && sn == members => false,
            (sn, Fault::IgnoresCorrections) if sn == *state => matricula == *last_matricula,
            (sn, Fault::SkipsAhead) if sn > *state => true,
            (sn, Fault::GoesBack) if sn < *state => true,
            (sn, _) => sn == *state || sn == *state + 1,
        };
        let moves_anyway = match self.fault {
            Fault::SkipsAheadInSilence => seq_number > *state && seq_number <= members,
            Fault::GoesBackInSilence => seq_number < *state,
            _ => false,
        };
        if (in_order || moves_anyway) && !(self.fault == Fault::StartsOverInWordsAlone && seq_number == 0) {
            (*state, *last_matricula) = (seq_number, matricula);
        }
        if !in_order {
            return Err(Wrong::Other);
        }
        let is_last = seq_number == members && self.fault != Fault::NeverSaysZero;
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
            Fault::HashesTheBase64url => encoded.to_vec(),
            Fault::HashesWhatItPrints => serde_json::to_vec(claims).unwrap(),
            Fault::HashesWhatItUnescapes => String::from_utf8_lossy(payload).replace("\\u00e9", "é").into(),
            _ => payload.to_vec(),
        };
        let hash = digest::digest(&digest::SHA256, &hashed);
        let mut id_request = common::hexadecimal(hash.as_ref());
        if self.is(Fault::HashesInUpperCase) {
            id_request = id_request.to_uppercase();
        }
        self.drawn = match self.fault {
            Fault::DrawsOtpOnce => self.drawn,
            Fault::DrawsOtpTooLarge => 20_001,
            _ => (self.drawn * 7_919 + 1) % 20_001, // not secure, but different
        };
        let quoted =
            |number: u64, fault| if self.is(fault) { json!(number.to_string()) } else { json!(number) };
        let otp_number = quoted(self.drawn, Fault::SaysOtpAsText);
        let next_number = quoted(next_number, Fault::SaysNextAsText);
        let now = self.now();
        let otp_timestamp = match self.fault {
            Fault::TellsLocalTime => json!(now as u64 - 3 * 3_600),
            Fault::TellsMilliseconds => json!((now * 1_000.0) as u64),
            Fault::TellsFractions => json!(now.floor() + 0.5),
            _ => json!(now as u64),
        };
        let more = if self.is(Fault::AddsAClaim) { r#","iss":"server""# } else { "" };
        let payload = if self.is(Fault::PutsOtpFirst) {
            format!(
                r#"{{"otp_number":{otp_number},"id_request":"{id_request}","next_number":{next_number},"otp_timestamp":{otp_timestamp}}}"#
            )
        } else {
            format!(
                r#"{{"id_request":"{id_request}","next_number":{next_number},"otp_number":{otp_number},"otp_timestamp":{otp_timestamp}{more}}}"#
            )
        };
        let header = match self.fault {
            Fault::LeavesOutTyp => r#"{"alg":"HS256"}"#.into(),
            Fault::SaysRs256 => r#"{"alg":"RS256","typ":"JWT"}"#.into(),
            Fault::SaysALot => format!(r#"{{"alg":"HS256",{:300}"typ":"JWT"}}"#, ""),
            _ => r#"{"alg":"HS256","typ":"JWT"}"#.to_string(),
        };
        let secret = match self.fault {
            Fault::SignsWithTheNewline => format!("{SECRET}\n").into(),
            Fault::SignsWithTheSecretDecoded => common::from_hexadecimal(SECRET),
            _ => SECRET.as_bytes().to_vec(),
        };
        let reply = jws::sign(&header, &payload, &hmac::Key::new(hmac::HMAC_SHA256, &secret));
        if self.is(Fault::PadsItsReply) {
            let tag = tools::base64url(reply.rsplit('.').next().unwrap().as_bytes()).unwrap();
            return format!("{}.{}", reply.rsplit_once('.').unwrap().0, BASE64_URL_SAFE.encode(tag));
        }
        reply
    }
}

/// What is wrong with a server's answer to a case, if anything is.
fn judged(
    fault: Fault,
    case: &catalogue::Case,
    by_name: &HashMap<&str, &catalogue::Case>,
) -> Result<(), String> {
    let mut small = Small::new(fault);
    small.clock = case.now;
    let now = small.now() as u64;
    play(case, by_name, now, &mut |case| small.reply_to(&case.datagram))
}

#[test]
fn a_server_written_from_the_protocols_page_does_what_each_case_says() {
    let cases = cases();
    let by_name = by_name(&cases);
    let wrong: Vec<_> =
        cases.iter().filter_map(|case| judged(Fault::Nothing, case, &by_name).err()).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), cases.len());
}

#[test]
fn each_fault_is_told_by_a_case() {
    let cases = cases();
    let by_name = by_name(&cases);
    let unnoticed: Vec<_> = FAULTS
        .iter()
        .filter(|(fault, name)| judged(*fault, by_name.get(name).expect(name), &by_name).is_ok())
        .collect();
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// A run of the kit.
struct Run {
    /// What it printed.
    text: String,
    /// Whether each line of its tests passed.
    passed: Vec<bool>,
    success: bool,
}

fn run(server: SocketAddr, only: &str) -> Run {
    let output = Command::new("bash")
        .args(["tests/conformance.sh", &server.ip().to_string(), &server.port().to_string()])
        .envs([("WAIT", "0.1"), ("TRIES", "3"), ("SKEW", "2"), ("ONLY", only)])
        .stdin(Stdio::null())
        .output()
        .expect("bash is needed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let tests = text.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok "));
    let passed = tests.map(|line| line.starts_with("ok ")).collect();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    Run { text, passed, success: output.status.success() }
}

/// All of the kit.
#[test]
fn our_server_keeps_every_promise_of_the_kit() {
    let class = catalogue::class();
    let server = Server::start(&class, &["--quiet", "--no-sync"]);
    let Run { text, passed, success } = run(server.address, "");
    assert!(success && passed.iter().all(|passed| *passed), "{text}");
    let timeless = cases().iter().filter(|case| case.now.is_none()).count();
    assert_eq!(passed.len(), timeless + 13, "no case is passed over:\n{text}");
    assert!(text.contains(&format!("\n1..{}\n", passed.len())), "{text}");
}

#[test]
fn the_kit_tells_a_server_with_a_fault_from_the_same_without() {
    let names: HashSet<_> = BY_THE_KIT.iter().map(|(_, name)| *name).collect();
    let all = names.into_iter().collect::<Vec<_>>().join(";");
    let runs: Vec<_> = [(Fault::Nothing, &*all)].into_iter().chain(BY_THE_KIT.iter().copied()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((fault, only)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Run { text, passed, success } = run(Small::start(*fault), only);
            let is_well = *fault == Fault::Nothing;
            assert!(!passed.is_empty(), "{fault:?}: {text}");
            assert_eq!(success, is_well, "{fault:?}: {text}");
            // Where it stops at rubbish, what came before that is in order.
            let as_expected = |passed: &bool| *passed == is_well || *fault == Fault::StopsAtRubbish;
            assert!(passed.iter().all(as_expected), "{fault:?}: {text}");
        }
    };
    // More than there are processors: what they do is mostly wait.
    thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(work)));
}
