//! The diagnosis: what is right is told nothing, and what no case of `tests/vectors/mistakes.jsonl` can show.
//! There each mistake is told by its own sentence.

use crate::common::{
    RS256, Random, SECRET, Signer, claims, hexadecimal, openssl_dgst, openssl_pkeyutl, openssl_raise,
    payload_of, private_key, run, signing_input, with,
};
use ring::digest::{SHA256, digest};
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

fn pkeyutl(options: &[&str], text: &[u8]) -> Vec<u8> {
    openssl_pkeyutl(&private_key("JAVALI", 2048), &[&["-sign"], options].concat(), text)
}

fn raised(block: &[u8]) -> Vec<u8> {
    openssl_raise(&private_key("JAVALI", 2048), block)
}

fn sha256(text: impl AsRef<[u8]>) -> Vec<u8> {
    digest(&SHA256, text.as_ref()).as_ref().to_vec()
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
fn of_a_text_that_cannot_be_computed_the_hash_is_shown() {
    let strange = opened_by(&JAVALI, &[], &token(&JAVALI.signature(b"another message's"))).unwrap();
    assert!(strange.diagnosis.found().contains("a text that can't be computed"), "{}", strange.diagnosis);
    assert_eq!(strange.block.unwrap().content, sha256("another message's"), "the hash that check shows");
}

#[test]
fn a_signature_that_the_key_cannot_have_made_is_told_as_that() {
    let larger = Signer::new("attacker", 3072).signature(signed().as_bytes());
    let above_n = [&[0xff; 128][..], &JAVALI.signature(signed().as_bytes())[128..]].concat();
    for (signature, found) in [(larger, "a key of 3072 bits made it, where"), (above_n, "noise")] {
        let opened = opened_by(&JAVALI, &[("NONAME", &NONAME)], &token(&signature)).unwrap();
        is_told(found, Some(opened.diagnosis), "handed in", found);
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
fn a_token_or_a_reply_alone_is_told_nothing_and_with_two_newlines_that() {
    for right in [message(), format!("{}\n", message()), format!("{}\r\n", message()), a_reply(b"secret")] {
        assert_eq!(datagram::diagnose(right.as_bytes()), None, "{right}");
    }
    let said = datagram::diagnose(format!("{}\n\n", message()).as_bytes());
    is_told("two newlines", said, "white space off", "");
}

#[test]
fn json_is_told_nothing_and_its_hexadecimal_as_a_part_that() {
    let json = claims("JAVALI", 1, 7);
    let even = format!("{json}{}", " ".repeat((6 - json.len() % 6) % 6));
    let as_a_part = base64url(hexadecimal(even.as_bytes()).as_bytes()).unwrap();
    assert!(json::diagnose(&as_a_part).unwrap().change().contains("not their hexadecimal"));
    for right in [json.as_str(), RS256, "{}", " { \"x\" : [ -0.5e3 , \"\\u00e3\\\"\" , { } ] } "] {
        assert_eq!(json::diagnose(right.as_bytes()), None, "{right}");
    }
}

#[test]
fn values_in_each_others_place_are_named() {
    let exchanged = |seq_number, matricula| about_claims::exchanged(seq_number, matricula, 3);
    assert_eq!(exchanged(3, 20_150_466), None);
    for (said, change) in [
        (exchanged(20_150_466, 1), "exchange seq_number and matricula"),
        (exchanged(20_150_466, 20_150_466), "count the members"),
        (exchanged(4, 7), "send a seq_number from 0 to 3"),
    ] {
        is_told(change, said, change, "");
    }
}

#[test]
fn what_is_in_order_is_told_for_each_state() {
    for (state, change) in [
        (0, "send seq_number 1"),
        (1, "send seq_number 2, 1 again, or 0 to start over"),
        (2, "send seq_number 3, 2 again, or 0 to start over"),
        (3, "everyone is in: to send everyone again, start over with 0 after 8 tries"),
        (4, "send seq_number 0, to start over"), // the table had more members
    ] {
        assert_eq!(about_claims::in_order(3, state, 9).change(), change, "state {state}");
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
        ("less than a day off it", "exp", now - 978_307_200.0 - 86_399.0, None, "count exp from 1970"),
        ("a day off it", "exp", now - 978_307_200.0 - 86_400.0, None, "sign anew"),
        ("MicroPython", "exp", now - 946_684_800.0 + 300.0, None, "count exp from 1970"),
        ("a clock two days slow", "exp", now - 172_500.0, Some(now - 172_800.0), "set your clock"),
    ];
    for (name, claim, value, iat, change) in cases {
        is_told(name, about_claims::time(claim, value, iat, now), change, "");
    }
    assert_eq!(about_claims::time("exp", now + 60.0, Some(now), now), None);
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
fn a_reply_by_the_secret_is_told_nothing_and_the_hmac_of_the_json_alone_that() {
    let (whole, file) = (a_reply(SECRET.as_bytes()), format!("{SECRET}\n"));
    assert_eq!(replies::verify(whole.as_bytes(), file.as_bytes(), &[&JAVALI.public_pem]), None);
    let tag = hmac_of(SECRET.as_bytes(), payload_of(&whole).as_bytes());
    let of_json = format!("{}.{}", whole.rsplit_once('.').unwrap().0, to_base64url(&tag));
    let said = replies::verify(of_json.as_bytes(), file.as_bytes(), &[]);
    is_told("JSON", said, "", "the HMAC of the payload alone, in JSON");
}

#[test]
fn the_right_id_request_is_told_nothing() {
    assert_eq!(replies::id_request(&id_request(payload().as_bytes()), message().as_bytes()), None);
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
