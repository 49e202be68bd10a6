//! The diagnosis: each mistake is told by its own sentence, and what is right is told none.

use crate::common;
use crate::common::{
    RS256, Random, SECRET, Signer, claims, from_hexadecimal, hexadecimal, openssl_dgst, openssl_pkeyutl,
    openssl_raise, payload_of, private_key, run, signing_input, utf_16, with,
};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, Engine};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};
use ring::hmac;
use ring::rsa::PublicKeyComponents;
use std::sync::LazyLock;
use udpsocket_jwt_server::claims::{Otp, REPLY_HEADER, id_request, reply};
use udpsocket_jwt_server::jws::sign;
use udpsocket_jwt_server::keys::{KeyFault, PublicKey};
use udpsocket_jwt_server::tools::faults::signature::{Effort, Key, Opened, open, power};
use udpsocket_jwt_server::tools::faults::{
    Diagnosis, claims as about_claims, datagram, groups_json, json, key_file, reply as replies, secret,
};
use udpsocket_jwt_server::tools::{base64url, to_base64url};

static JAVALI: LazyLock<Signer> = LazyLock::new(|| Signer::new("JAVALI", 2048));
static NONAME: LazyLock<Signer> = LazyLock::new(|| Signer::new("NONAME", 2048));

/// What is said, what it tells to change and what was found; and it is printable, and short enough to fit
/// behind a reason.
#[track_caller]
fn is_told(name: &str, said: Option<Diagnosis>, change: &str, found: &str) {
    let said = said.unwrap_or_else(|| panic!("{name}: nothing is said"));
    let text = said.to_string();
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name}: {text}");
    assert!((8..=60).contains(&said.change().len()), "{name}: {} bytes: {text}", said.change().len());
    assert!(text.starts_with(said.change()) && text.len() <= 400, "{name}: {text}");
    assert!(said.change().contains(change) && said.found().contains(found), "{name}: {text}");
}

/// Each case has its sentence.
#[track_caller]
fn are_told<T: AsRef<[u8]>>(cases: &[(&str, T, &str, &str)], diagnose: impl Fn(&[u8]) -> Option<Diagnosis>) {
    for (name, input, change, found) in cases {
        is_told(name, diagnose(input.as_ref()), change, found);
    }
}

/// Claims with letters that base64 and base64url write differently.
fn payload() -> String {
    claims("JAVALI", 1, 7).replace('}', r#","nome":"~~~~~~?????"}"#)
}

fn message() -> String {
    JAVALI.sign(RS256, payload())
}

fn signed() -> String {
    signing_input(RS256, payload())
}

fn token(signature: &[u8]) -> String {
    format!("{}.{}", signed(), to_base64url(signature))
}

fn key_of(signer: &Signer) -> PublicKey {
    PublicKey::from_pem(&signer.public_pem, 1_024).unwrap()
}

fn opened_by(signer: &Signer, others: &[(&str, &Signer)], token: &str) -> Option<Opened> {
    let key = key_of(signer);
    let key = key.components();
    let keys: Vec<_> = others.iter().map(|(name, signer)| (*name, key_of(signer))).collect();
    let others: Vec<_> =
        keys.iter().map(|(name, key)| Key { name, n: &key.components().n, e: &key.components().e }).collect();
    open(token.as_bytes(), Key { name: "JAVALI", n: &key.n, e: &key.e }, &others, Effort::FULL)
}

fn dgst(options: &[&str], text: &[u8]) -> Vec<u8> {
    openssl_dgst(&private_key("JAVALI", 2048), options, text)
}

fn pkeyutl(options: &[&str], text: &[u8]) -> Vec<u8> {
    openssl_pkeyutl(&private_key("JAVALI", 2048), &[&["-sign"], options].concat(), text)
}

fn raised(block: &[u8]) -> Vec<u8> {
    openssl_raise(&private_key("JAVALI", 2048), block)
}

/// A content behind RSASSA-PKCS1-v1_5's padding.
fn padded(content: &[u8]) -> Vec<u8> {
    [&[0, 1], vec![0xff; 253 - content.len()].as_slice(), &[0], content].concat()
}

fn hash_of(algorithm: &'static Algorithm, text: impl AsRef<[u8]>) -> Vec<u8> {
    digest(algorithm, text.as_ref()).as_ref().to_vec()
}

fn sha256(text: impl AsRef<[u8]>) -> Vec<u8> {
    hash_of(&SHA256, text)
}

fn sha1(text: &[u8]) -> Vec<u8> {
    hash_of(&SHA1_FOR_LEGACY_USE_ONLY, text)
}

fn standard_of(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// JSON printed again, as many libraries print it.
fn spaced(json: &str) -> String {
    json.replace(':', ": ").replace(',', ", ")
}

fn hmac_of(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

#[test]
fn a_signature_that_verifies_opens_to_the_padded_hash_of_its_signing_input() {
    for bits in [1_024, 2_048, 2_052, 4_096] {
        let path = private_key("JAVALI", bits);
        let public = run("openssl", &["pkey", "-in", path.to_str().unwrap(), "-pubout"]);
        let key = PublicKey::from_pem(&public, 1_024).unwrap();
        let input = signed();
        let sign =
            |options: &[&str]| openssl_dgst(&path, &[&["-sha256"], options].concat(), input.as_bytes());
        let signature = sign(&[]);
        let (n, e) = (&key.components().n, &key.components().e);
        let block = power(&signature, e, n);
        assert_eq!((key.bits(), block.len()), (bits, bits.div_ceil(8)));
        assert_eq!((&block[..2], &block[block.len() - 32..]), (&[0, 1][..], sha256(&input).as_slice()));
        let key = Key { name: "JAVALI", n, e };
        assert!(
            open(token(&signature).as_bytes(), key, &[], Effort::FULL).is_none(),
            "nothing is wrong with it"
        );
        let pss = sign(&["-sigopt", "rsa_padding_mode:pss"]);
        let opened = open(token(&pss).as_bytes(), key, &[], Effort::FULL).unwrap();
        is_told(
            "PSS",
            Some(opened.diagnosis),
            "not PSS (PS256)",
            "it is RSASSA-PSS with SHA-256, MGF1 with SHA-256, a salt of",
        );
    }
    assert_eq!(power(&[2], &[10], &[0xff]), [4], "2^10 = 4 x 255 + 4");
    assert_eq!(power(&[0, 3], &[3], &[1, 5]), [0, 27], "27 < 261");
    let n = [&[0x80][..], &[0; 8], &[1]].concat(); // 2^79 + 1, two limbs
    let two_to_the_78 = [&[0x40][..], &[0; 9]].concat();
    // 2^78 = (n - 1) / 2, so its square is (n - 1)^2 / 4 = 1/4 mod n: 4 times that is 1.
    let square = power(&two_to_the_78, &[2], &n);
    assert_eq!(square, [&[0x60][..], &[0; 8], &[1]].concat(), "(3 n + 1) / 4");
}

#[test]
fn a_signature_over_another_text_says_which() {
    let input = signed();
    let (header, payload) = input.split_once('.').unwrap();
    let json = self::payload();
    let newline = format!("{input}\n");
    let padded = format!("{}.{}", BASE64_URL_SAFE.encode(RS256), BASE64_URL_SAFE.encode(&json));
    let base64 = format!("{}.{}", standard_of(RS256), standard_of(&json));
    let encode64 = [RS256, &json].map(|text| in_lines(&standard_of(text), 60, "\n").into_bytes());
    let spaced = signing_input(RS256, spaced(&json));
    let other_header = signing_input(r#"{"typ":"JWT","alg":"RS256"}"#, &json);
    let other_headers_json = r#"another header than the one sent, {"typ":"JWT","alg":"RS256"}"#;
    let of_3 = signing_input(RS256, json.replace("number\":1", "number\":3"));
    let hash = hexadecimal(&sha256(&input));
    let in_words = format!("SHA2-256(stdin)= {hash}\n");
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("the payload", payload.into(), "exactly as sent", "of the payload alone, in base64url"),
        ("the claims", json.clone().into(), "exactly as sent", "of the payload alone, in JSON"),
        ("the header", header.into(), "exactly as sent", "of the header alone, in base64url"),
        ("a newline", newline.into(), "without the newline (printf", "signing input and a newline"),
        ("CR LF", format!("{input}\r\n").into(), "without the newline (CR LF)", "and a newline (CR LF)"),
        ("a NUL", format!("{input}\0").into(), "strlen() bytes", "and a NUL"),
        ("cmd.exe's echo", format!("{input} \r\n").into(), "cmd.exe's echo", "and a space and a newline"),
        ("a dot", format!("{input}.").into(), "without the dot", "and a dot"),
        ("no dot", format!("{header}{payload}").into(), "exactly as sent", "in base64url without the dot"),
        ("JavaScript's array", format!("{header},{payload}").into(), "exactly as sent", "with a comma"),
        ("the payload first", format!("{payload}.{header}").into(), "exactly as sent", "the payload first"),
        ("padding", padded.into(), "take the = off before signing", "with its = left on"),
        ("base64", base64.into(), "exactly as sent", "base64 with its ="),
        ("Ruby's encode64", encode64.join(&b'.'), "exactly as sent", "base64 in lines of 60"),
        ("JSON", format!("{RS256}.{json}").into(), "exactly as sent", "JSON, before base64url"),
        ("JSON after a header", format!("{header}.{json}").into(), "exactly as sent", "the payload in JSON"),
        ("printed again with spaces", spaced.into(), "do not print it again", "JSON with spaces"),
        ("another header", other_header.into(), "the very header", other_headers_json),
        ("signed once for all", of_3.into(), "anew for each seq_number", "the same claims with seq_number 3"),
        (".NET's Encoding.Unicode", utf_16(&input), "ASCII bytes", "the signing input in UTF-16"),
        ("Python's str(bytes)", format!("b'{input}'").into(), "text.encode()", "as Python prints bytes"),
        ("quotes", format!("\"{input}\"").into(), "without its quotes", "in quotes"),
        ("the hash", sha256(&input), "signing hashes it", "the signing input hashed (SHA-256)"),
        ("the hash, twice", sha256(sha256(&input)), "signing hashes it", "hashed twice (SHA-256)"),
        ("the hash in text", hash.clone().into(), "signing hashes it", "hashed, in hexadecimal (SHA-256)"),
        ("sha256sum's hash", format!("{hash}  -\n").into(), "signing hashes it", "as sha256sum prints it"),
        ("openssl's hash", in_words.into(), "signing hashes it", "as openssl prints it"),
        ("the hash in base64", standard_of(sha256(&input)).into(), "signing hashes it", "hashed, in base64"),
        ("the payload's hash", sha256(&json), "signing hashes it", "the payload's JSON hashed (SHA-256)"),
        ("its SHA-512", hash_of(&SHA512, &input), "signing hashes it", "hashed (SHA-512)"),
        ("nothing", Vec::new(), "nothing was signed", "nothing, an empty text"),
        (
            "a promise that nobody awaited",
            b"[object Promise]".into(),
            "nothing was signed",
            "[object Promise]",
        ),
        (
            "the hash as a string of JavaScript",
            sha256(&input).iter().map(|&byte| char::from(byte)).collect::<String>().into(),
            "signing hashes it",
            "turned to UTF-8",
        ),
    ];
    let open =
        |text: &[u8]| opened_by(&JAVALI, &[], &token(&JAVALI.signature(text))).map(|opened| opened.diagnosis);
    are_told(&cases, open);
    let strange = opened_by(&JAVALI, &[], &token(&JAVALI.signature(b"another message's"))).unwrap();
    assert!(strange.diagnosis.found().contains("a text that can't be computed"), "{}", strange.diagnosis);
    assert_eq!(strange.block.unwrap().content, sha256("another message's"), "the hash that check shows");
}

/// A text in lines of so many columns, each with this at its end.
fn in_lines(text: &str, columns: usize, end: &str) -> String {
    text.as_bytes().chunks(columns).map(|line| str::from_utf8(line).unwrap().to_string() + end).collect()
}

#[test]
fn every_way_to_sign_falls_into_its_class() {
    let input = signed();
    let (text, newline) = (input.as_bytes(), &*[input.as_bytes(), b"\n"].concat());
    let of = token;
    // What openssl signs with another hash, without hashing, of any block, and in PSS.
    let hashed = |option| of(&dgst(&[option], text));
    let bare = |content: &[u8]| of(&pkeyutl(&[], content));
    let of_block = |block: &[u8]| of(&raised(block));
    let by_noname = |text: &[u8]| of(&NONAME.signature(text));
    let pss = |mgf1, salt, text: &[u8]| {
        let salt = format!("rsa_pss_saltlen:{salt}");
        of(&dgst(&["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", mgf1, "-sigopt", &salt], text))
    };
    let (same, sha1_too) = ("rsa_mgf1_md:sha256", "rsa_mgf1_md:sha1");
    let hash = sha256(text);
    let in_hexadecimal = hexadecimal(&hash);
    let in_hexadecimal = in_hexadecimal.as_bytes();
    let info = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let no_null = b"\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20";
    let no_null = &[no_null, &hash[..]].concat();
    let textbook = [&[0; 224][..], &hash].concat();
    let not_padded = "not padded, the signature holds the SHA-256";
    let little_padding = [&[0, 1, 0xff, 0xff, 0][..], info, &hash, &[0; 200]].concat();
    let encryption = [&[0, 2], &[7; 200][..], &[0], &[1; 53]].concat();
    let good = JAVALI.signature(text);
    let reversed: Vec<_> = good.iter().rev().copied().collect();
    let hex = hexadecimal(&good);
    let dgst_hex = format!("RSA-SHA2-256(t)= {hex}\n");
    let sha1_hex = hexadecimal(&dgst(&["-sha1"], text));
    let python = format!("b'{}'", standard_of(&good));
    let latin_1: String = good.iter().map(|&byte| char::from(byte)).collect();
    let utf_8 = String::from_utf8_lossy(&good);
    let changed = [&good[..100], &[!good[100]], &good[101..]].concat();
    let es256_in_der = [&[0x30, 0x45][..], &[7; 69]].concat();
    let attacker = Signer::new("attacker", 2048);
    let (small_input, small) = (0..)
        .map(|jti| signing_input(RS256, format!(r#"{{"group":"JAVALI","jti":{jti}}}"#)))
        .map(|input| (input.clone(), JAVALI.signature(input.as_bytes())))
        .find(|(_, signature)| signature[0] == 0)
        .unwrap();
    let with_zero = format!("{small_input}.{}", to_base64url(&[&[0], &small[..]].concat()));
    let without_zero = format!("{small_input}.{}", to_base64url(&small[1..]));
    let larger = Signer::new("attacker", 3072);
    let cases: Vec<(&str, String, &str, &str)> = vec![
        ("MD5", hashed("-md5"), "not MD5", "of MD5"),
        ("SHA-1", hashed("-sha1"), "not SHA-1", "the SHA-1 of the signing input"),
        ("SHA-224", hashed("-sha224"), "not SHA-224", "of SHA-224"),
        ("SHA-384", hashed("-sha384"), "not SHA-384", "the SHA-384 of the signing"),
        ("SHA-512", hashed("-sha512"), "not SHA-512", "the SHA-512 of the signing"),
        ("SHA-512/256", hashed("-sha512-256"), "not SHA-512/256", "the SHA-512/256 of"),
        ("SHA3-256", hashed("-sha3-256"), "not SHA3-256", "of SHA3-256"),
        ("RIPEMD-160", hashed("-ripemd160"), "not RIPEMD-160", "of RIPEMD-160"),
        ("SHA-1 of echo", of(&dgst(&["-sha1"], newline)), "not SHA-1", "and a newline; and"),
        ("a bare hash", bare(&hash), "DigestInfo", "the SHA-256 of the signing input, without"),
        ("bare SHA-1", bare(&sha1(text)), "DigestInfo", "the SHA-1 of the signing input, without"),
        ("a bare hash of something", bare(&sha256("?")), "DigestInfo", "a hash of something"),
        ("the hash's text", bare(in_hexadecimal), "hash, then sign", "in hexadecimal"),
        ("the header", bare(RS256.as_bytes()), "hash, then sign", "the header alone, in JSON"),
        ("a text", bare(b"hello \x1b"), "hash, then sign", "7 bytes that are no DigestInfo"),
        ("another text", bare(b"hello"), "hash, then sign", r#"the text "hello""#),
        ("PSS, 32", pss(same, "32", text), "not PSS", "salt of 32 bytes, of the signing input"),
        ("PSS, none", pss(same, "0", text), "not PSS", "a salt of 0 bytes, of the signing input"),
        ("PSS, as much as fits", pss(same, "max", text), "not PSS", "salt of 222 bytes, of the"),
        ("PSS, SHA-1 in MGF1", pss(sha1_too, "max", text), "not PSS", "MGF1 with SHA-1, a salt of 222"),
        ("another's PSS", pss(same, "auto", b"another"), "not PSS", "or it is PSS"),
        ("textbook RSA", of_block(&textbook), "let a library sign", not_padded),
        ("no DigestInfo's NULL", of_block(&padded(no_null)), "NULL", "has no NULL"),
        ("little padding", of_block(&little_padding), "let a library", ""),
        ("encryption's padding", of_block(&encryption), "do not encrypt", "00 02"),
        ("X9.31", of(&pkeyutl(&X9_31, &hash)), "PKCS#1", "X9.31"),
        ("little-endian", of(&reversed), "reverse", "little-endian"),
        ("hexadecimal", of(hex.as_bytes()), "not their text", "hexadecimal text in base64url"),
        ("not encoded", format!("{input}.{hex}"), "not their text", "it is hexadecimal text"),
        ("a number in decimal", of(&"1234567890".repeat(62).as_bytes()[..617]), "to_bytes()", "in decimal"),
        ("openssl dgst -hex", of(dgst_hex.as_bytes()), "-binary", "-hex prints"),
        ("base64url twice", of(to_base64url(&good).as_bytes()), "once", "base64url twice"),
        ("base64 in base64url", of(standard_of(&good).as_bytes()), "once", "base64 in base64url"),
        ("Python's print", of(python.as_bytes()), "not in quotes", "quotes"),
        ("Node's binary string", of(latin_1.as_bytes()), "not a string", "turned to UTF-8"),
        ("jsencrypt's number", without_zero, "leading zeros too", "left out"),
        ("Java's BigInteger", with_zero, "take the zero", "BigInteger"),
        ("a newline", of(&[&good[..], b"\n"].concat()), "without a newline", "behind it"),
        ("SHA-1 in hexadecimal", of(sha1_hex.as_bytes()), "not their text", "not SHA-1"),
        ("NONAME's", by_noname(text), "your own private key", "verifies with the key of NONAME"),
        ("NONAME's, and echo", by_noname(newline), "your own", "opens with the key of NONAME"),
        ("a stranger's key", of(&attacker.signature(text)), "of the public one handed in", "noise"),
        ("bytes changed", of(&changed), "handed in", "changed on the way"),
        ("larger than the modulus", of(&[&[0xff; 128][..], &good[128..]].concat()), "handed in", "noise"),
        ("a larger key", of(&larger.signature(text)), "handed in", "a key of 3072 bits made it, where"),
        ("an HMAC", of(&hash), "not with HMAC", "32 bytes"),
        ("ES256", of(&good[..64]), "RSA key", "ES256"),
        ("java-jwt's ES256", of(&es256_in_der), "RSA key", "ECDSA's, in DER"),
        ("nobody's", format!("{input}."), "RSA key", "nobody signed"),
        ("cut", of(&good[..200]), "whole", "200 bytes of 256"),
        ("read as UTF-8", of(utf_8.as_bytes()), "do not read them as text", "U+FFFD"),
    ];
    for (name, token, change, found) in cases {
        let opened = opened_by(&JAVALI, &[("NONAME", &NONAME)], &token).unwrap_or_else(|| panic!("{name}"));
        is_told(name, Some(opened.diagnosis), change, found);
    }
}

const X9_31: [&str; 4] = ["-pkeyopt", "digest:sha256", "-pkeyopt", "rsa_padding_mode:x931"];

#[test]
fn x9_31_is_told_whichever_of_the_two_signatures_is_the_smaller() {
    for number in 0..8_u8 {
        let opened = opened_by(&JAVALI, &[], &token(&pkeyutl(&X9_31, &sha256([number])))).unwrap();
        assert_eq!(opened.diagnosis.change(), "sign with RS256's padding, PKCS#1 v1.5");
        is_told("X9.31", Some(opened.diagnosis), "", "X9.31");
    }
}

#[test]
fn noise_is_never_taken_for_anything_else() {
    let mut random = Random(24);
    let mut noise = || [&[0x55], &random.bytes(254)[..], &[0x55]].concat();
    let put = |mut block: Vec<u8>, at: usize, bytes: &[u8]| {
        block[at..at + bytes.len()].copy_from_slice(bytes);
        block
    };
    // What opens to noise, and to what has one byte or one zero too few for a padding.
    let (begins, ends) = (noise(), noise());
    let mut blocks = vec![
        ("noise", noise()),
        ("00 01 and one ff", put(noise(), 0, &[0, 1, 0xff, 0x55])),
        ("00 02 and a 00 too early", put(noise(), 0, &[0, 2, 7, 7, 7, 7, 7, 7, 7, 0])),
        ("seven zeros before it", put(put(begins, 7, &[0x55]), 0, &[0; 7])),
        ("seven zeros behind it", put(put(ends, 248, &[0x55]), 249, &[0; 7])),
        ("X9.31 but for a byte", put(put(noise(), 0, &[0x6b, 0xbb, 0xbb, 0x55]), 255, &[0xcc])),
        ("the end of PSS", put(noise(), 255, &[0xbc])),
    ];
    // PSS that unmasks to a 01, as one block in 128 of those that end in bc does, or behind up to seven zeros.
    for zeros in 0..8 {
        let hash = sha256([zeros]);
        let mask = (0..7_u32).flat_map(|counter| sha256([&hash[..], &counter.to_be_bytes()].concat()));
        let unmasked = put(noise(), 0, &[&vec![0; zeros.into()][..], &[1]].concat());
        let masked: Vec<u8> = unmasked.iter().zip(mask).map(|(byte, mask)| byte ^ mask).take(223).collect();
        let first = [masked[0] & 0x7f];
        blocks.push(("PSS of another text", put([&masked[..], &hash, &[0xbc]].concat(), 0, &first)));
    }
    for (name, block) in blocks {
        let may_be_pss = block.ends_with(&[0xbc]);
        let opened = opened_by(&JAVALI, &[], &token(&raised(&block))).unwrap();
        let found = opened.diagnosis.found();
        assert!(found.contains("the signature is noise"), "{name}: {}", opened.diagnosis);
        assert_eq!(found.contains("or it is PSS"), may_be_pss, "{name}: {found}");
    }
}

#[test]
fn of_the_keys_of_other_groups_so_many_are_tried_and_nothing_is_said_of_the_rest() {
    let of = |signer: &Signer| key_of(signer).components().clone();
    let (noname, javali) = (of(&NONAME), of(&JAVALI));
    fn key(PublicKeyComponents { n, e }: &PublicKeyComponents<Vec<u8>>) -> Key<'_> {
        Key { name: "JAVALI", n, e }
    }
    let others = [key(&javali), key(&javali), Key { name: "NONAME", ..key(&noname) }];
    let said = |text: &[u8], verified, opened| {
        let effort = Effort { verified, opened, ..Effort::BOUNDED };
        Some(open(token(&NONAME.signature(text)).as_bytes(), key(&javali), &others, effort)?.diagnosis)
    };
    is_told("opened", said(b"another text", 0, 3), "", "it opens with the key of NONAME");
    is_told("not opened", said(b"another text", 3, 2), "", "the signature is noise");
    is_told("verified", said(signed().as_bytes(), 3, 0), "", "it verifies with the key of NONAME");
    is_told("not verified", said(signed().as_bytes(), 2, 2), "", "the signature is noise");
    let long = NONAME.sign(RS256, with(&payload(), &format!("\"note\":\"{}\",", "x".repeat(1_000))));
    assert!(open(long.as_bytes(), key(&javali), &others, Effort::BOUNDED).is_none(), "too long a token");
    assert!(open(long.as_bytes(), key(&javali), &others, Effort::FULL).is_some());
}

#[test]
fn what_wraps_or_encodes_a_token_is_named() {
    let token = message();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let reply = sign(REPLY_HEADER, "{}", &hmac::Key::new(hmac::HMAC_SHA256, b"secret"));
    let json = self::payload();
    let bytes = |text: &str| text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>();
    let pairs: Vec<_> = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    let wrapped = |columns, end: &str| in_lines(&token, columns, end).strip_suffix(end).unwrap().into();
    let length = u16::try_from(token.len()).unwrap().to_be_bytes();
    let with_bearer = format!(r#"{{"a":1,"jwt":"Bearer {token}"}}"#);
    let big_endian = [&[0], &utf_16(&token)[..]].concat();
    let marked = format!("\u{feff}\"{token}\"");
    let object_stream = [b"\xac\xed\x00\x05t", &length[..], token.as_bytes()].concat();
    let http = format!("POST / HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n");
    let serialization =
        format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#);
    let jwe = format!("{}.a.b.c.d", to_base64url(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#));
    let hexadecimal_parts = [header, payload, signature].map(|part| hexadecimal(part.as_bytes()));
    let padded_parts = [RS256.as_bytes(), json.as_bytes(), b"x"].map(|part| BASE64_URL_SAFE.encode(part));
    let base64_parts = [RS256.as_bytes(), json.as_bytes(), &[0xff; 4]].map(standard_of);
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("Python's bytes", format!("b'{token}'").into(), "token.encode()", "Python's print"),
        ("quotes", format!("\"{token}\"").into(), "without its quotes", "JSON.stringify"),
        ("single quotes", format!("'{token}'").into(), "without its quotes", "single"),
        ("curly quotes", format!("\u{201c}{token}\u{201d}").into(), "without its quotes", "typographic"),
        ("Bearer", format!("Bearer {token}").into(), "without Bearer", "Authorization"),
        ("Authorization", format!("Authorization: Bearer {token}").into(), "without Bearer", "Authorization"),
        ("a name", format!("token={token}").into(), "without a name", ""),
        ("a name and a colon", format!("token: {token}").into(), "without a name", ""),
        ("Swift's Optional", format!("Optional(\"{token}\")").into(), "unwrap", "Swift"),
        ("Rust's Some", format!("Some(\"{token}\")").into(), "Some(...)", "Option"),
        ("brackets", format!("['{token}']").into(), "out of its list", "a print of a list"),
        ("words", format!("my token {token} ok").into(), "nothing else", r#""my token " stands before"#),
        ("JSON", format!(r#"{{"token":"{token}"}}"#).into(), "not in JSON", r#"its member "token""#),
        ("JSON with Bearer", with_bearer.into(), "not in JSON", r#"its member "jwt""#),
        ("the size of a pointer", token[..8].into(), "sizeof a pointer", "cut"),
        (
            "a buffer of 100",
            token[..100].into(),
            "one datagram",
            "cut after 100 bytes, in its payload, or a piece",
        ),
        ("a pointer", b"0x55d0c0ffee10".into(), "not the object", "address"),
        ("Java's object", b"com.nimbusds.jose.JWSObject@1b6d3586".into(), "not the object", ""),
        ("Perl's reference", b"HASH(0x55e0b7c3a2d8)".into(), "not the object", ""),
        ("Ruby's object", b"#<JWT::EncodedToken>".into(), "not the object", ""),
        ("Dart's Future", b"Instance of 'Future<String>'".into(), "await", ""),
        (".NET's Task", b"System.Threading.Tasks.Task`1[System.String]".into(), "await", ""),
        (
            "Java's future",
            b"java.util.concurrent.CompletableFuture@4f3f5b24[Not completed]".into(),
            "await",
            "",
        ),
        (".NET's ToString", format!("{RS256}.{json}").into(), "encode header and payload", "WriteToken"),
        (
            ".NET's UrlTokenEncode",
            [header, payload, signature].map(with_a_digit).join(".").into(),
            "digit off",
            "UrlTokenEncode",
        ),
        (
            "Node's JSON of a Buffer",
            format!(r#"{{"type":"Buffer","data":{:?}}}"#, token.as_bytes()).into(),
            "the Buffer itself",
            "JSON of a Buffer",
        ),
        ("Erlang's binary", format!("<<\"{token}\">>").into(), "send the binary", ""),
        ("undefined", b"undefined".into(), "set the variable", "no value"),
        ("a variable of a shell", b"$TOKEN".into(), "into the format", "variable's name"),
        ("a variable of Python", b"{token}".into(), "put the token there", "variable's name"),
        ("a file's name", b"token.txt".into(), "not its name", "file's name"),
        ("colours", format!("\x1b[32m{token}\x1b[0m").into(), "without its colours", "codes"),
        ("an explanation", b"bad_claim: add claim seq_number".into(), "your own request", "--explain"),
        ("a C string", format!("{token}\0").into(), "strlen()", "1 NULs stand behind"),
        ("a C buffer", [token.as_bytes(), &[0; 600]].concat(), "strlen()", "600 NULs stand behind"),
        ("two tokens", format!("{token}{token}").into(), "one token", "one"),
        ("two tokens on two lines", format!("{token}\n{token}\n").into(), "one token", "more than one"),
        ("the end of a longer one", format!("{token}\n{}", &token[50..]).into(), "nothing else", ""),
        ("three tokens", [token.as_str(); 3].concat().into(), "one token", ""),
        ("a reply twice", format!("{reply}{reply}").into(), "one token", ""),
        ("UTF-16", utf_16(&token), "not UTF-16", ""),
        ("UTF-16, marked", [&b"\xff\xfe"[..], &utf_16(&token)].concat(), "not UTF-16", ""),
        ("UTF-16, big-endian", big_endian[..token.len() * 2].into(), "not UTF-16", ""),
        ("UTF-32", token.bytes().flat_map(|byte| [byte, 0, 0, 0]).collect(), "not UTF-32", ""),
        ("a byte order mark", format!("\u{feff}{token}").into(), "byte order mark", ""),
        ("a mark and quotes", marked.into(), "byte order mark", "then send the token without"),
        ("percent", token.replace('.', "%2E").into(), "percent-encoding", "URL"),
        ("lines of 64", wrapped(64, "\n"), "line breaks and spaces out", "wrapped"),
        ("lines of 76, CR LF", wrapped(76, "\r\n"), "line breaks and spaces out", "wrapped"),
        ("\\n in it", wrapped(76, "\\n"), "take the \\n out", "two characters"),
        ("quoted-printable", wrapped(75, "=\r\n"), "the = and line breaks", "e-mail"),
        ("a space before it", format!(" {token}").into(), "white space off", ""),
        ("a tab behind it", format!("{token}\t").into(), "white space off", ""),
        ("two newlines", format!("{token}\n\n").into(), "white space off", ""),
        ("hexadecimal", hexadecimal(token.as_bytes()).into(), "not its hexadecimal", ""),
        ("Python's bytes.hex(' ')", pairs.join(" ").into(), "not its hexadecimal", ""),
        ("base64", standard_of(&token).into(), "not base64 of it", ""),
        ("base64url", to_base64url(token.as_bytes()).into(), "not base64 of it", ""),
        ("Go's %v", format!("[{}]", bytes(&token).join(" ")).into(), "not a print of their numbers", "list"),
        ("Java's toString", format!("[{}]", bytes(&token).join(", ")).into(), "not a print of their", "list"),
        ("writeUTF", [&length[..], token.as_bytes()].concat(), "no length before", "writeUTF"),
        ("ObjectOutputStream", object_stream, "ObjectOutputStream", "Java"),
        ("pickle", [b"\x80\x04\x95\x0a\0\0\0\0\0\0\0\x8c", token.as_bytes()].concat(), "without pickle", ""),
        ("Java's byte[]", b"[B@1b6d3586".into(), "getBytes()", "Java"),
        (".NET's byte[]", b"System.Byte[]".into(), "not bytes.ToString()", ".NET"),
        ("Node's Buffer", b"<Buffer 65 79 4a 68>".into(), "the Buffer", "Node"),
        ("JavaScript's object", b"[object Object]".into(), "not the object", "JavaScript"),
        ("a Promise", b"[object Promise]".into(), "await", "promise"),
        ("jose without await", b"Promise { <pending> }".into(), "await", "promise"),
        ("asyncio without await", b"<coroutine object make at 0x7f0>".into(), "await", "promise"),
        ("a function", b"<function make at 0x7f0>".into(), "call", "function"),
        ("a format", b"%s".into(), "into the format", ""),
        ("HTTP", http.into(), "without HTTP", ""),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00".into(), "without TLS", ""),
        ("gzip", b"\x1f\x8b\x08\0\0".into(), "not compressed", "gzip"),
        ("a public key", JAVALI.public_pem.clone(), "the public key goes to the professor", "key"),
        ("unsigned", json.clone().into(), "send header.payload.signature", "without a signature"),
        ("unsigned Python", json.replace('"', "'").into(), "send a token", "begins as JSON does"),
        ("JSON serialization", serialization.into(), "compact", "serialization"),
        ("two parts", format!("{header}.{payload}").into(), "add the signature", "two parts"),
        ("a header", header.into(), "in one datagram", "a header alone"),
        ("a payload and a signature", format!("{payload}.{signature}").into(), "signature", "two parts"),
        ("JWE", jwe.into(), "do not encrypt", "enc"),
        ("five parts", format!("{token}.{payload}.{signature}").into(), "three parts", "5 parts"),
        ("colons", token.replace('.', ":").into(), "dots between", "something else"),
        ("spaces", token.replace('.', " ").into(), "dots between", "something else"),
        ("a dot doubled", token.replacen('.', "..", 1).into(), "one dot", "doubled"),
        ("a dot behind", format!("{token}.").into(), "alone", "dot"),
        ("JSON", format!("{RS256}.{json}.{signature}").into(), "encode header and payload", "not encoded"),
        ("a JSON payload", format!("{header}.{json}.{signature}").into(), "encode", "not encoded"),
        ("hexadecimal parts", hexadecimal_parts.join(".").into(), "not hexadecimal", ""),
        ("padding", padded_parts.join(".").into(), "take the = off", "="),
        ("base64 parts", base64_parts.join(".").into(), "- for + and _ for /", "no ="),
        ("from a terminal", format!("{}...{}", &token[..40], &token[60..]).into(), "whole", "left out"),
        ("no width", format!("{}\u{200b}{}", &token[..50], &token[50..]).into(), "anew", "not ASCII"),
        ("NULs", vec![0; 64], "fill the buffer", "NULs"),
        ("nothing", Vec::new(), "empty", ""),
        ("a newline", b"\n".into(), "empty", ""),
        ("hello", b"hello".into(), "send a token", "some other text"),
        ("escapes", b"\x1b[2J".into(), "send a token", "no text"),
    ];
    are_told(&cases, datagram::diagnose);
    for right in [token.clone(), format!("{token}\n"), format!("{token}\r\n"), reply] {
        assert_eq!(datagram::diagnose(right.as_bytes()), None, "{right}");
    }
}

/// What .NET's `UrlTokenEncode` makes of a part: a digit counts the = that it leaves off.
fn with_a_digit(part: &str) -> String {
    format!("{part}{}", (4 - part.len() % 4) % 4)
}

#[test]
fn json_that_is_not_the_json_meant_is_told_by_its_first_odd_character() {
    let json = claims("JAVALI", 1, 7);
    let with = |member: &str| common::with(&json, member).into_bytes();
    let dict = spaced(&json).replace(", ", ",").replace('"', "'");
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("encoded twice", serde_json::to_vec(&json).unwrap(), "once", "encoded twice"),
        ("Python's dict", json.replace('"', "'").into(), "json.dumps", "single quote"),
        ("Python's dict, as a string", serde_json::to_vec(&dict).unwrap(), "not str(dict)", "dict"),
        ("bare names", json.replace("\"group\"", "group").into(), "each name in double quotes", "at byte 1"),
        ("values without quotes", json.replace("\"JAVALI\"", "JAVALI").into(), "text in double quotes", ""),
        ("leading zeros", with(r#""x":007"#), "without leading zeros", "007"),
        ("a hexadecimal number", with(r#""x":0x10"#), "decimal", ""),
        ("a trailing comma", json.replace('}', ",}").into(), "last comma off", "behind it"),
        ("True", with(r#""x":True"#), "write true", "Python's True"),
        ("None", with(r#""x": None"#), "write null", "None"),
        ("Ruby's nil", with(r#""x": nil"#), "write null", "nil"),
        ("NaN", with(r#""x":NaN"#), "no NaN", ""),
        ("-Infinity", with(r#""x":-Infinity"#), "no Infinity", ""),
        ("undefined", with(r#""x":undefined"#), "no undefined", ""),
        ("Decimal", with(r#""x":Decimal(1)"#), "plain number", ""),
        ("a comment", format!("{json} // mine").into(), "comment out", ""),
        ("a comment of C", format!("/* */{json}").into(), "object", ""),
        ("a comment of Python", json.replacen('{', "{ # mine\n", 1).into(), "comment out", ""),
        ("a byte order mark", format!("\u{feff}{json}").into(), "without byte order mark", ""),
        ("UTF-16", utf_16(&json), "not UTF-16", ""),
        ("Latin-1", [br#"{"group":"PINH"#, &b"\xc3O\"}"[..]].concat(), "not Latin-1", r#"byte 14 is "\xc3""#),
        ("two objects", json.repeat(2).into(), "one object", "follows"),
        ("a brace too many", format!("{json}}}").into(), "take off what follows", ""),
        ("cut", json[..json.len() - 1].into(), "whole", "closing brace"),
        ("cut in a string", json[..12].into(), "whole", "string"),
        ("a list", format!("[{json}]").into(), "out of its list", ""),
        ("pairs", br#"[["group","JAVALI"],["seq_number",1]]"#.into(), "object of the pairs", ""),
        ("null", b"null".into(), "set the variable", ""),
        ("a number", b"17".into(), "write an object", "the number 17"),
        ("nothing", b" ".into(), "empty", ""),
        ("a NUL behind", format!("{json}\0").into(), "leave the NUL off", ""),
        ("Ruby's hash", json.replace("\":", "\"=>").into(), "to_json", "Ruby"),
        ("Java's Map", b"{group=JAVALI, seq_number=1}".into(), ": for =", "a map"),
        ("Go's map", b"map[group:JAVALI seq_number:1]".into(), "json.Marshal", "Go"),
        ("PHP's print_r", b"Array\n(\n [group] => JAVALI\n)".into(), "json_encode", "PHP"),
        ("PHP's serialize", br#"a:1:{s:5:"group";s:6:"JAVALI";}"#.into(), "json_encode", "serialize"),
        ("JavaScript's object", b"[object Object]".into(), "JSON.stringify", ""),
        ("a form", b"group=JAVALI&seq_number=1".into(), "not name=value", ""),
        ("YAML", b"group: JAVALI\nseq_number: 1".into(), "not YAML", ""),
        ("XML", b"<claims/>".into(), "not XML", ""),
        ("base64 once more", standard_of(json.as_bytes()).into(), "once, not twice", ""),
        ("hexadecimal", hexadecimal(json.as_bytes()).into(), "not their hexadecimal", ""),
        ("typographic quotes", json.replace('"', "\u{201d}").into(), "plain quotes", "typographic"),
        ("no-break space", json.replacen(',', ",\u{a0}", 1).into(), "plain spaces", ""),
        ("no comma", json.replacen(',', " ", 1).into(), "put a comma", "nothing between"),
        ("semicolons", json.replace(',', ";").into(), "not a semicolon", ""),
        ("a line break in a string", with("\"x\":\"a\nb\""), "\\n for a line break", ""),
        ("a backslash", with(r#""x":"C:\users""#), "backslash", ""),
        ("a BigInt", with(r#""x":1n"#), "without a letter", ""),
        ("a Kotlin long", with(r#""x":1L"#), "without a letter", ""),
        ("1_000", with(r#""x":1_000"#), "without _", ""),
        ("+1", with(r#""x":+1"#), "without +", ""),
        (".5", with(r#""x":.5"#), "both sides", ""),
        ("no brace", json[1..].into(), "{ before", ""),
        ("Swift's dictionary", br#"["group": "JAVALI"]"#.into(), "{...} for [...]", "Swift"),
        ("Elixir's map", br#"%{group: "JAVALI"}"#.into(), "Jason.encode!", "Elixir"),
        ("Lua's table", b"table: 0x55e0b7c3a2d8".into(), "as JSON", "print of an object"),
        ("a dataclass", b"Message(group='JAVALI', seq_number=1)".into(), "as JSON", "print of an object"),
        ("a form's JSON", b"%7B%22group%22%3A%22JAVALI%22%7D".into(), "not as for a URL", ""),
        ("CBOR", b"\xa1\x65group\x66JAVALI\x01".into(), "are none", "no text"),
        ("MessagePack", b"\x84\xa5\xff\xfe\xb0\xc1".into(), "are none", ""),
    ];
    are_told(&cases, json::diagnose);
    let even = format!("{json}{}", " ".repeat((6 - json.len() % 6) % 6));
    let as_a_part = base64url(hexadecimal(even.as_bytes()).as_bytes()).unwrap();
    assert!(json::diagnose(&as_a_part).unwrap().change().contains("not their hexadecimal"));
    for right in [json.as_str(), RS256, "{}", " { \"x\" : [ -0.5e3 , \"\\u00e3\\\"\" , { } ] } "] {
        assert_eq!(json::diagnose(right.as_bytes()), None, "{right}");
    }
}

#[test]
fn a_claim_that_is_almost_right_is_told_how_it_should_stand() {
    let cases = [
        ("seq_num", "seq_number", r#"{"seq_num":1}"#, "rename claim seq_num to seq_number"),
        ("Group", "group", r#"{"Group":"JAVALI"}"#, "rename claim Group to group"),
        ("grupo", "group", r#"{"grupo":"JAVALI"}"#, "rename claim grupo to group"),
        ("sequence", "seq_number", r#"{"sequence":1}"#, "rename claim sequence to seq_number"),
        ("seqNumber", "seq_number", r#"{"seqNumber":1}"#, "rename claim seqNumber to seq_number"),
        ("seq-number", "seq_number", r#"{"seq-number":1}"#, "rename claim seq-number to seq_number"),
        ("matricola", "matricula", r#"{"matricola":1}"#, "rename claim matricola to matricula"),
        ("an accent", "matricula", "{\"matr\u{ed}cula\":1}", "rename a claim to matricula"),
        ("a space", "matricula", r#"{"matricula ":1}"#, "rename claim matricula  to matricula"),
        ("too deep", "seq_number", r#"{"claims":{"seq_number":1}}"#, "move seq_number up"),
        ("in a string", "seq_number", r#"{"data":"{\"seq_number\":1}"}"#, "not in a string"),
        ("absent", "matricula", r#"{"group":"JAVALI","seq_number":1}"#, "add claim matricula"),
        ("absent, with the others", "matricula", r#"{"group":1,"seq_max":3}"#, "add claim matricula"),
        ("text", "seq_number", r#"{"seq_number":"1"}"#, "take the quotes off seq_number"),
        ("a float", "seq_number", r#"{"seq_number":1.0}"#, "without point or e"),
        ("negative", "seq_number", r#"{"seq_number":-1}"#, "0 or more"),
        ("null", "matricula", r#"{"matricula":null}"#, "set matricula"),
        ("true", "seq_number", r#"{"seq_number":true}"#, "not true or false"),
        ("a list", "matricula", r#"{"matricula":[7]}"#, "out of its list"),
        ("all members", "matricula", r#"{"matricula":[7,8]}"#, "one message for each"),
        ("a word", "matricula", r#"{"matricula":"A-7"}"#, "as a number"),
        ("jsonwebtoken's 1h", "exp", r#"{"exp":"1h"}"#, "now in seconds plus"),
        ("a date", "exp", r#"{"exp":"2026-01-01T00:00:00Z"}"#, "not a date"),
        ("a number for the group", "group", r#"{"group":3}"#, "a string"),
        ("too large", "matricula", r#"{"matricula":99999999999999999999}"#, "64 bits"),
    ];
    for (name, claim, members, change) in cases {
        let members = serde_json::from_str(members).unwrap();
        is_told(name, about_claims::claim(&members, claim), change, "");
    }
}

#[test]
fn a_group_that_is_almost_right_is_told_the_one_that_is_meant() {
    let groups = ["JAVALI", "PINHAO", "BISSAU", "NONAME", "SOQUETINHO", "HEARTBEAT"];
    let cases = [
        ("JAVALI ", "take the space or newline off group JAVALI"),
        ("javali\n", "take the space or newline off group JAVALI"),
        ("'JAVALI'", "take the quotes off group JAVALI"),
        ("JAVAL", "write group JAVALI"),
        ("Javalis", "write group JAVALI"),
        ("JVAALI", "write group JAVALI"),
        ("PINH\u{c3}O", "write group PINHAO in plain ASCII"),
        ("pinh\u{e3}o", "write group PINHAO in plain ASCII"),
        ("No Name", "write group NONAME in plain ASCII"),
        ("J\u{200b}AVALI", "write group JAVALI in plain ASCII"),
        ("JAVALI.pem", "not its key's file"),
        ("grupo JAVALI", "write group JAVALI"),
        ("JAVALI,NONAME", "alone"),
        ("20240001", "a student's number is matricula"),
        ("FULANOS", "as the table has it"),
        ("", "as the table has it"),
    ];
    for (name, change) in cases {
        is_told(name, about_claims::group(name, groups.iter().copied()), change, "");
    }
    is_told("FULANOS", about_claims::group("FULANOS", groups.iter().copied()), "", "JAVALI, PINHAO");
}

#[test]
fn values_in_each_others_place_are_named() {
    let exchanged = |seq_number, matricula| about_claims::exchanged(seq_number, matricula, 3);
    assert_eq!(exchanged(3, 20_150_466), None);
    for (said, change) in [
        (exchanged(20_150_466, 1), "exchange seq_number and matricula"),
        (exchanged(20_150_466, 20_150_466), "count the members"),
        (exchanged(4, 7), "send seq_number 0 to 3"),
    ] {
        is_told(change, said, change, "");
    }
}

#[test]
fn a_name_that_an_object_has_twice_is_found_however_it_is_written() {
    for (object, name) in [
        (r#"{"a":1,"a":2}"#, Some("a")),
        (r#"{"a":1,"\u0061":2}"#, Some("a")),
        (r#"{ "b" : {"a":1} , "a" : "b" , "b" : [] }"#, Some("b")),
        (r#"{"a":{"b":1,"b":2},"c":["d","d"],"e":"e"}"#, None),
        (r#"{"a":"a,\"a\":","b":"{\"b\""}"#, None),
        ("{}", None),
    ] {
        assert_eq!(json::twice(object.as_bytes()).as_deref(), name, "{object}");
    }
}

#[test]
fn a_time_that_is_off_is_named_with_the_unit_or_the_clock_that_made_it() {
    let now = 1_800_000_000.0;
    let cases = [
        ("milliseconds", "exp", now * 1e3, None, "not milliseconds"),
        ("nanoseconds", "nbf", now * 1e9, None, "nanoseconds"),
        ("a span", "exp", 3_600.0, None, "now in seconds plus"),
        ("a time zone behind", "exp", now - 10_500.0, Some(now - 10_800.0), "from UTC"),
        ("a time zone ahead", "nbf", now + 3_600.0, Some(now + 3_600.0), "from UTC"),
        ("a clock ahead", "nbf", now + 90.0, Some(now + 90.0), "set your clock"),
        ("no span, and no iat", "exp", now - 0.4, None, "or sign anew"),
        ("no span", "exp", now - 0.4, Some(now - 0.4), "add a span to exp"),
        ("before iat", "exp", now - 7_200.0, Some(now), "write exp as iat plus a span"),
        ("just expired", "exp", now - 5.0, None, "sign anew; if it was just signed, set your clock"),
        ("still to come", "nbf", now + 5.0, None, "leave nbf out"),
        ("Swift's reference date", "exp", now - 978_307_200.0 + 300.0, None, "count exp from 1970"),
        ("MicroPython", "exp", now - 946_684_800.0 + 300.0, None, "count exp from 1970"),
        ("a clock two days slow", "exp", now - 172_500.0, Some(now - 172_800.0), "set your clock"),
    ];
    for (name, claim, value, iat, change) in cases {
        is_told(name, about_claims::time(claim, value, iat, now), change, "");
    }
    assert_eq!(about_claims::time("exp", now + 60.0, Some(now), now), None);
}

#[test]
fn another_alg_is_told_what_to_sign_with() {
    let cases = [
        ("PyJWT's default", r#"{"alg":"HS256","typ":"JWT"}"#, "not HS256"),
        ("none", r#"{"alg":"none"}"#, "alg none is not taken"),
        ("small letters", r#"{"alg":"rs256"}"#, "exactly"),
        ("a space", r#"{"alg":"RS256 "}"#, "exactly"),
        ("PS256", r#"{"alg":"PS256"}"#, "not PSS"),
        ("ES256", r#"{"alg":"ES256"}"#, "an RSA key"),
        ("RS512", r#"{"alg":"RS512"}"#, "SHA-256"),
        ("Java's name", r#"{"alg":"SHA256withRSA"}"#, "RS256"),
        ("Alg", r#"{"Alg":"RS256"}"#, "rename header member Alg"),
        ("algorithm", r#"{"algorithm":"RS256"}"#, "rename header member algorithm"),
        ("absent", r#"{"typ":"JWT"}"#, "add \"alg\""),
        ("the payload first", r#"{"group":"JAVALI"}"#, "header first"),
        ("a number", r#"{"alg":256}"#, "a string"),
        ("too deep", r#"{"header":{"alg":"RS256"}}"#, "move alg up"),
    ];
    for (name, header, change) in cases {
        is_told(name, about_claims::alg(&serde_json::from_str(header).unwrap()), change, "");
    }
}

fn a_reply(secret: &[u8]) -> String {
    let payload =
        reply(&id_request(claims("JAVALI", 1, 7).as_bytes()), 2, Otp { number: 7, timestamp: 1_800_000_000 });
    sign(REPLY_HEADER, &payload, &hmac::Key::new(hmac::HMAC_SHA256, secret))
}

#[test]
fn a_reply_that_is_cut_says_how_much_is_missing() {
    let whole = a_reply(SECRET.as_bytes());
    for (kept, missing) in [
        (whole.len() - 1, "1 bytes are missing"),
        (whole.len() - 43, "43 bytes are missing"),
        (128, "bytes or more are missing"),
        (20, "or more"),
    ] {
        for found in [missing, &format!("after {kept} bytes")] {
            is_told("cut", replies::cut(&whole.as_bytes()[..kept]), "", found);
        }
    }
    for other in [whole.as_str(), &message(), &message()[..100], "", "hello"] {
        assert_eq!(replies::cut(other.as_bytes()), None, "{other}");
    }
    assert!(replies::sent_back(whole.as_bytes()).unwrap().change().contains("a reply's form"));
    assert_eq!(replies::sent_back(message().as_bytes()), None);
}

#[test]
fn a_reply_says_which_key_it_was_verified_with_in_the_place_of_the_secret() {
    let file = format!("{SECRET}\n");
    let pem = &JAVALI.public_pem;
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("newline", file.clone().into(), "newline off", "newline left on"),
        ("CR LF", format!("{SECRET}\r\n").into(), "newline off", "CR LF"),
        ("a space", format!("{SECRET} ").into(), "space off", ""),
        ("a NUL", format!("{SECRET}\0").into(), "strlen()", ""),
        ("hexadecimal", from_hexadecimal(SECRET), "as they stand", "decoded from hexadecimal"),
        ("jjwt's base64", BASE64_STANDARD.decode(SECRET).unwrap(), "as they stand", "decoded from base64"),
        ("base64 of it", standard_of(SECRET).into(), "as they stand", "base64 of the secret"),
        ("a byte order mark", format!("\u{feff}{SECRET}").into(), "byte order mark", ""),
        ("UTF-16", utf_16(SECRET), "not UTF-16", ""),
        ("upper case", SECRET.to_uppercase().into(), "as they stand", "upper case"),
        ("quotes", format!("\"{SECRET}\"").into(), "quotes off", ""),
        ("a hash", sha256(SECRET), "as they stand", "a hash of the secret"),
        ("nothing", Vec::new(), "the key is empty", ""),
        ("its name", b"key_secret_for_hmac.txt".into(), "not its name", ""),
        ("a public key", pem.clone(), "not with a public key", ""),
        ("a public key, trimmed", pem.trim_ascii_end().into(), "not with a public key", ""),
        ("a public key's DER", pem::parse(pem).unwrap().into_contents(), "not with a public key", ""),
        ("another", b"another".into(), "the class's secret", "another secret, or the reply was changed"),
    ];
    are_told(&cases, |key| replies::verify(a_reply(key).as_bytes(), file.as_bytes(), &[pem]));
    assert_eq!(replies::verify(a_reply(SECRET.as_bytes()).as_bytes(), file.as_bytes(), &[pem]), None);
    let whole = a_reply(SECRET.as_bytes());
    let tag = hmac_of(SECRET.as_bytes(), payload_of(&whole).as_bytes());
    let of_json = format!("{}.{}", whole.rsplit_once('.').unwrap().0, to_base64url(&tag));
    let said = replies::verify(of_json.as_bytes(), file.as_bytes(), &[]);
    is_told("JSON", said, "", "the HMAC of the payload alone, in JSON");
}

#[test]
fn an_id_request_says_what_it_is_the_hash_of() {
    let request = message();
    let [_, payload, signature] = request.split('.').collect::<Vec<_>>().try_into().unwrap();
    let json = self::payload();
    let hash = |text: &str| id_request(text.as_bytes());
    let right = hash(&json);
    let cases: Vec<(&str, String, &str, &str)> = vec![
        ("the token", hash(&request), "payload's JSON as sent", "the whole token"),
        ("the token and a newline", hash(&format!("{request}\n")), "payload's JSON", "and a newline"),
        ("the base64url", hash(payload), "payload's JSON", "the payload alone, in base64url"),
        ("echo", hash(&format!("{json}\n")), "payload's JSON", "in JSON, before base64url and a newline"),
        ("printed again", hash(&spaced(&json)), "payload's JSON", "JSON with spaces"),
        ("the header", hash(RS256), "payload's JSON", "the header alone"),
        ("the signature", hash(signature), "payload's JSON", "the signature's base64url"),
        ("the signing input", hash(&signed()), "payload's JSON", "the signing input"),
        ("upper case", right.to_uppercase(), "lower-case", "upper case"),
        ("base64", standard_of(sha256(&json)), "hexadecimal", "but not in hexadecimal"),
        ("SHA-1", hexadecimal(&sha1(json.as_bytes())), "SHA-256", "the SHA-1 of"),
        ("cut", right[..32].into(), "all 64", "cut"),
        ("0x", format!("0x{right}"), "64 hexadecimal", "and more"),
        (
            "another request's",
            hash("another"),
            "ignore this reply",
            "another request than this, or one changed since",
        ),
    ];
    are_told(&cases, |found| replies::id_request(str::from_utf8(found).unwrap(), request.as_bytes()));
    assert_eq!(replies::id_request(&right, request.as_bytes()), None);
}

#[test]
fn whatever_bytes_come_nothing_is_said_that_is_not_printable() {
    let mut random = Random(1);
    let inputs = [
        message(),
        claims("JAVALI", 1, 7),
        String::from_utf8(JAVALI.public_pem.clone()).unwrap(),
        a_reply(b"x"),
    ];
    for _ in 0..2_000 {
        let mut input = random.pick(&inputs).clone().into_bytes();
        for _ in 0..=random.below(4) {
            let at = random.below(input.len());
            match random.below(4) {
                0 => input[at] = random.bytes(1)[0],
                1 => input.truncate(at.max(1)),
                2 => input.insert(at, *random.pick(b"\"'.{}[]\\\0= \n")),
                _ => input.extend_from_within(at..),
            }
        }
        let text = String::from_utf8_lossy(&input);
        let said = [
            datagram::diagnose(&input),
            json::diagnose(&input),
            secret::oddity(&input),
            replies::cut(&input),
            replies::sent_back(&input),
            about_claims::group(&text, ["JAVALI"].into_iter()),
        ];
        let of_table = groups_json::table(&input).err().map(|fault| fault.sentence());
        assert!(
            of_table.iter().all(|said| said.bytes().all(|byte| matches!(byte, b' '..=b'~'))),
            "{of_table:?}"
        );
        let of_key =
            ["A.pem", "A.ssh"].map(|name| key_file::diagnose(&KeyFault::Form, name, &input).sentence());
        assert!(of_key.iter().all(|said| said.bytes().all(|byte| matches!(byte, b' '..=b'~'))), "{of_key:?}");
        for said in said.into_iter().flatten() {
            is_told(&input.escape_ascii().to_string(), Some(said), "", "");
        }
    }
}
