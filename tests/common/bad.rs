//! Bad datagrams, each with the reason that it must be given; and odd ones that are good.
//!
//! A bad datagram is wrong in one way and right in every other: where the header is at fault, the
//! group's own key has signed it; where the signature is, everything else would be accepted. What
//! would be accepted is news (`JAVALI`, 2 after 1), so that a mistake would move the state.
//!
//! A test program brings it in with `#[path = "common/bad.rs"] mod bad;` beside `mod common;`.
#![allow(dead_code)] // each test program uses a part

use crate::common::{
    Class, RS256, SECRET, Signer, claims, der, ending_with, hexadecimal, openssl_dgst, openssl_raise,
    private_key, private_key_of_exponent, run, signing_input, utf_16, with,
};
use base64::prelude::{BASE64_STANDARD, Engine};
use ring::{digest, hmac};
use std::path::PathBuf;
use udpsocket_jwt_server::keys::PublicKey;
use udpsocket_jwt_server::tools::to_base64url;

/// What it is, the datagram, and why it is dropped.
pub type Bad = (String, Vec<u8>, &'static str);

/// Bytes of a 2,048-bit modulus, and of a signature made with it.
const LENGTH: usize = 256;

/// The class that [`datagrams`] are bad for: that of [`Class::new`], and `PINHAO`, whose key's
/// exponent is 3. `BISSAU` and `SOQUETINHO` have no key.
pub fn class() -> Class {
    let class = Class::new();
    class.directory.write("keys_pub/PINHAO.pem", Rsa::pinhao().public_pem);
    class
}

/// A message of each group that has a key, with its `next_number`: they lead to the states that
/// [`datagrams`] suppose (JAVALI 1, NONAME 0, HEARTBEAT 1 of 1, PINHAO 1), and each may be repeated.
pub fn good() -> Vec<(String, u64)> {
    let message = |group, seq_number| Signer::new(group, 2048).message(group, seq_number, 7);
    vec![
        (message("JAVALI", 1), 2),
        (message("NONAME", 0), 1),
        (message("HEARTBEAT", 1), 0),
        (Rsa::pinhao().sign(&claims("PINHAO", 1, 7)), 2),
    ]
}

/// The bad ones. Those with an `exp` or `nbf` near the present are of the moment of this call.
pub fn datagrams() -> Vec<Bad> {
    let javali = Signer::new("JAVALI", 2048);
    [
        structure(&javali),
        base64(&javali),
        headers(&javali),
        payloads(&javali),
        groups(&javali),
        signed_by_others(&javali),
        signed_text(&javali),
        signature_bytes(&javali),
        encoded_messages(),
        forged_without_the_key(),
        wrong_claims(&javali),
        times_and_audiences(&javali),
        out_of_order(),
    ]
    .concat()
}

/// Odd ones that are as good as JAVALI's in [`good`]: each is answered with 2.
pub fn odd_but_good() -> Vec<(String, String)> {
    let javali = Signer::new("JAVALI", 2048);
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
        ("no seq_max", payload.replace(r#""seq_max":3,"#, "")),
        ("seq_max of another table", payload.replace(r#""seq_max":3"#, r#""seq_max":0"#)),
        ("the largest seq_max", payload.replace(r#""seq_max":3"#, r#""seq_max":18446744073709551615"#)),
        ("matricula 0", claims("JAVALI", 1, 0)),
        ("the largest matricula", claims("JAVALI", 1, u64::MAX)),
        ("Unicode", with(&payload, r#""nome":"João \ud83c\udf93 🎓\u0000\u202e""#)),
    ];
    let ignored = keys_in_the_header(&Signer::new("attacker", 2048));
    let by_hand = Rsa::new("JAVALI").sign(&payload);
    headers
        .iter()
        .map(odd_header)
        .chain(ignored.iter().map(odd_header))
        .chain(payloads.iter().map(odd_payload))
        .chain([("a signature made by hand".into(), by_hand)])
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
    // Of 4,097 bytes, and nothing else is wrong: the payload's white space makes up the length.
    let padded = |header: &str, length: usize| {
        let room = length - 2 - to_base64url(header.as_bytes()).len() - signature.len();
        let spaces = " ".repeat(room * 3 / 4 - news().len());
        let token = javali.sign(header, news() + &spaces);
        assert_eq!(token.len(), length);
        token
    };
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
        all("bad_header", "structure", [("two dots", "..")]),
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
    all("bad_base64", "base64url", spoilt)
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
    let no_key = ["BISSAU", "SOQUETINHO", "bissau", "sOqUeTiNhO", r"\u0042ISSAU"];
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
    let attacker = Signer::new("attacker", 2048);
    let noname = Signer::new("NONAME", 2048);
    let larger = Signer::new("attacker", 3072);
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
        ("its own key, for another group", javali.sign(RS256, claims("NONAME", 1, 666))),
        ("its own key, for another in lower case", javali.sign(RS256, claims("noname", 1, 666))),
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
    let pss = [("0", "0"), ("32", "32"), ("-2", "as long as can be")]
        .map(|(salt, name)| (name, token(&input, &rsa.pss(input.as_bytes(), salt))));
    let ps256 = signing_input(r#"{"alg":"PS256"}"#, news());
    let declared = [("PS256", token(&ps256, &rsa.pss(ps256.as_bytes(), "32")))];
    [
        all("bad_signature", "encoded message", signed),
        all("bad_signature", "PSS with a salt", pss),
        all("wrong_alg", "PSS that says so", declared),
    ]
    .concat()
}

/// With exponent 3 a signature is a cube root, and whoever looks at a part of the encoded message
/// alone takes one that nobody needs a key for (Bleichenbacher, 2006; CVE-2006-4339, CVE-2014-1568).
fn forged_without_the_key() -> Vec<Bad> {
    let payload = |jti: u32| with(&claims("PINHAO", 2, 666), &format!(r#""jti":{jti}"#));
    let hash = |input: &str| digest::digest(&digest::SHA256, input.as_bytes()).as_ref().to_vec();

    // Eight bytes of padding and the hash in front: the rest is whatever a cube ends with.
    let input = signing_input(RS256, payload(0));
    let front = encoded(0xff, 8, &digest_info(&hash(&input)));
    let limit = [front.clone(), vec![0xff; LENGTH - front.len()]].concat();
    let root = natural::cube_root(&limit);
    assert!(natural::right_aligned(&natural::cube(&root), LENGTH).starts_with(&front));
    let garbage_at_the_end = format!("{input}.{}", to_base64url(&natural::right_aligned(&root, LENGTH)));

    // The hash where it belongs, at the end, and 00 01 FF FF ... in front: the middle is whatever.
    let (input, back) = (0..)
        .map(|jti| signing_input(RS256, payload(jti)))
        .map(|input| (input.clone(), [vec![0], digest_info(&hash(&input))].concat()))
        .find(|(_, back)| back.last().unwrap() % 2 == 1)
        .expect("an odd number has a cube root modulo any power of two");
    let low = natural::cube_root_modulo(&back);
    let mut root = natural::cube_root(&[vec![0, 1], vec![0xff; LENGTH - 2]].concat());
    let high = root.len() - low.len();
    root[high - 1] -= 1; // not above the limit, whatever the low part is
    root[high..].copy_from_slice(&low);
    let cube = natural::right_aligned(&natural::cube(&root), LENGTH);
    assert!(cube.starts_with(&[&[0, 1][..], &[0xff; 24]].concat()) && cube.ends_with(&back));
    let garbage_within = format!("{input}.{}", to_base64url(&natural::right_aligned(&root, LENGTH)));

    all(
        "bad_signature",
        "exponent 3, forged",
        [("with garbage at the end", garbage_at_the_end), ("with garbage within", garbage_within)],
    )
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
    let now = udpsocket_jwt_server::time::now().as_secs_f64();
    let having = |members: String| {
        let token = javali.sign(RS256, with(&news(), &members));
        (members, token)
    };
    let also = |members: &str| having(members.into());
    let [just_now, before] = [format!("{}", now.floor()), format!("{:.3}", now - 0.25)];
    let an_hour_ago = (now - 3_600.0).to_string();
    let expired = ["0", "-1", "0.0", "1e9", "-1e300", "-0", &just_now, &before, &an_hour_ago]
        .map(|exp| having(format!(r#""exp":{exp}"#)));
    let [soon, in_an_hour] = [format!("{:.3}", now + 600.5), format!("{}", now.floor() + 3_600.0)];
    let not_yet_valid =
        values("1e11 | 1e300 | 18446744073709551615 | 18446744073709551616 | 9999999999999999999999999999");
    let not_yet_valid = [&*soon, &in_an_hour].into_iter().chain(not_yet_valid);
    let not_yet_valid = not_yet_valid.map(|nbf| having(format!(r#""nbf":{nbf}"#)));
    let audience = ["\"udpsocket-jwt-server\"", "\"\"", "null", "0", "false", "[]", "[\"me\",\"you\"]", "{}"]
        .map(|aud| having(format!(r#""aud":{aud}"#)));
    [
        all("expired", "expired", expired),
        all("expired", "expired", [r#""exp":1,"nbf":9e9"#, r#""aud":"me","exp":1"#].map(also)),
        all("not_yet_valid", "too early", not_yet_valid),
        all("not_yet_valid", "too early", [r#""aud":"me","nbf":9e9"#].map(also)),
        all("wrong_audience", "audience", audience),
        all("wrong_audience", "audience", [r#""exp":9e9,"nbf":0,"aud":"me""#].map(also)),
    ]
    .concat()
}

/// Numbers that the states of [`good`] don't lead to. 257 and 258 are 1 and 2 in a byte, and so on.
fn out_of_order() -> Vec<Bad> {
    let wrap = [255, 256, 257, 258, 65_536, 65_537, 65_538, (1 << 32) + 1, (1 << 32) + 2, 1 << 63, u64::MAX];
    let table: [(&str, Vec<u64>); 3] = [
        ("JAVALI", [&[3, 4, 5][..], &wrap].concat()),
        ("NONAME", [&[2, 3, 4, 5][..], &wrap].concat()),
        ("HEARTBEAT", [&[2, 3][..], &wrap].concat()),
    ];
    let cases = table.into_iter().flat_map(|(group, numbers)| {
        let signer = Signer::new(group, 2048);
        numbers
            .into_iter()
            .map(move |number| (format!("{group} {number}"), signer.message(group, number, 666)))
    });
    all("out_of_order", "out of order", cases)
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
    /// The key that `Signer::new(name, 2048)` signs with.
    fn new(name: &str) -> Self {
        Self::of(private_key(name, 2048))
    }

    /// A key with exponent 3.
    fn pinhao() -> Self {
        Self::of(private_key_of_exponent(3, 2048))
    }

    fn of(private: PathBuf) -> Self {
        let public_pem = run("openssl", &["pkey", "-in", private.to_str().unwrap(), "-pubout"]);
        let n = PublicKey::from_pem(&public_pem, 2_048).unwrap().components().n.clone();
        assert_eq!(n.len(), LENGTH);
        Self { private, public_pem, n }
    }

    /// RSASSA-PSS with SHA-256.
    fn pss(&self, text: &[u8], salt: &str) -> Vec<u8> {
        let salt = format!("rsa_pss_saltlen:{salt}");
        let options = ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", &salt];
        openssl_dgst(&self.private, &options, text)
    }

    /// A good token, its signature made step by step.
    fn sign(&self, payload: &str) -> String {
        let input = signing_input(RS256, payload);
        let info = digest_info(digest::digest(&digest::SHA256, input.as_bytes()).as_ref());
        let signature = openssl_raise(&self.private, &encoded(0xff, LENGTH - 3 - info.len(), &info));
        format!("{input}.{}", to_base64url(&signature))
    }
}

/// Natural numbers, big-endian, a digit each byte: slow, short, and enough for a cube root.
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

    fn product(a: &[u8], b: &[u8]) -> Vec<u8> {
        let mut digits = vec![0; a.len() + b.len()];
        for (i, x) in a.iter().enumerate().rev() {
            let mut carry = 0;
            for (j, y) in b.iter().enumerate().rev() {
                carry += u32::from(digits[i + j + 1]) + u32::from(*x) * u32::from(*y);
                digits[i + j + 1] = carry as u8;
                carry >>= 8;
            }
            digits[i] = carry as u8;
        }
        digits
    }

    pub fn cube(a: &[u8]) -> Vec<u8> {
        product(&product(a, a), a)
    }

    /// The same number in this many digits.
    pub fn right_aligned(a: &[u8], length: usize) -> Vec<u8> {
        let zeros = a.iter().take_while(|digit| **digit == 0).count();
        let digits = &a[zeros..];
        [&vec![0; length - digits.len()], digits].concat()
    }

    /// The largest number whose cube is not above `limit`.
    pub fn cube_root(limit: &[u8]) -> Vec<u8> {
        let length = limit.len().div_ceil(3);
        let limit = right_aligned(limit, 3 * length);
        let mut root = vec![0; length];
        for bit in (0..8 * length).rev() {
            let (at, mask) = (length - 1 - bit / 8, 1 << (bit % 8));
            root[at] |= mask;
            if cube(&root) > limit {
                root[at] ^= mask;
            }
        }
        root
    }

    /// The number of as many digits whose cube ends with `end`, which is odd: one bit after the
    /// other, since a root's bit decides its cube's.
    pub fn cube_root_modulo(end: &[u8]) -> Vec<u8> {
        let length = end.len();
        let mut root = vec![0; length];
        for bit in 0..8 * length {
            let (at, mask) = (length - 1 - bit / 8, 1 << (bit % 8));
            if (cube(&root)[2 * length + at] ^ end[at]) & mask != 0 {
                root[at] |= mask;
            }
        }
        root
    }
}
