//! Published vectors: what others have computed and judged, against the library's own functions.
//! `tests/vectors/README.md` names the sources.

use ring::hmac;
use serde_json::Value;
use udpsocket_jwt_server::jws;
use udpsocket_jwt_server::keys::PublicKey;
use udpsocket_jwt_server::refusal::Refusal;
use udpsocket_jwt_server::tools::base64url;
use udpsocket_jwt_server::tools::faults::reason::place;

const RS256: &str = include_str!("vectors/jws_rs256.json");
const HS256: &str = include_str!("vectors/jws_hs256.json");

/// The place of `bad_signature` among the reasons.
const BAD_SIGNATURE: usize = 10;

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_else(|| panic!("{name} in {object}"))
}

fn bytes(object: &Value, name: &str) -> Vec<u8> {
    base64url(text(object, name).as_bytes()).unwrap()
}

fn array<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object[name].as_array().unwrap_or_else(|| panic!("{name} in {object}"))
}

/// The payload of a compact JWS that verifies, or why it does not.
fn verify(compact: &str, key: &PublicKey) -> Result<Vec<u8>, Refusal> {
    match jws::parse(compact.as_bytes()) {
        Ok(_) | Err(Refusal::BadPayload(_)) => {} // theirs need not be claims
        Err(refusal) => return Err(refusal),
    }
    let parts = jws::split(compact.as_bytes())?;
    match parts.verifies(key) {
        true => Ok(parts.payload),
        false => Err(Refusal::BadSignature(parts.signature.len(), key.bits())),
    }
}

#[test]
fn each_rs256_vector_gets_the_verdict_of_its_authors() {
    let vectors: Value = serde_json::from_str(RS256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in array(&vectors, "groups") {
        let key = PublicKey::new(bytes(group, "n"), bytes(group, "e"), 2_048).unwrap();
        for test in array(group, "tests") {
            let verdict = verify(text(test, "jws"), &key);
            let name = format!(
                "{} {} {}: {}",
                text(group, "source"),
                text(group, "comment"),
                test["tcId"],
                text(test, "comment")
            );
            match text(test, "result") {
                "valid" => {
                    let payload = text(test, "jws").split('.').nth(1).unwrap();
                    assert_eq!(verdict, Ok(base64url(payload.as_bytes()).unwrap()), "{name}");
                    valid += 1;
                }
                "invalid" => {
                    let refusal = verdict.expect_err(&name);
                    assert!(place(&refusal) <= BAD_SIGNATURE, "{name}: {refusal:?}");
                    invalid += 1;
                }
                other => panic!("{name}: verdict {other}"),
            }
        }
    }
    assert_eq!((valid, invalid), (8, 306), "none was skipped");
}

/// The valid ones verify because of their key, not because anything would.
#[test]
fn no_valid_rs256_vector_verifies_with_the_key_of_another_group() {
    let vectors: Value = serde_json::from_str(RS256).unwrap();
    let groups = array(&vectors, "groups");
    let mut pairs = 0;
    for (group, other) in groups.iter().flat_map(|group| groups.iter().map(move |other| (group, other))) {
        if group["n"] == other["n"] {
            continue; // some groups share a key
        }
        let key = PublicKey::new(bytes(other, "n"), bytes(other, "e"), 2_048).unwrap();
        for test in array(group, "tests").iter().filter(|test| test["result"] == "valid") {
            let refusal = verify(text(test, "jws"), &key).unwrap_err();
            assert_eq!(place(&refusal), BAD_SIGNATURE, "{}: {refusal:?}", test["tcId"]);
            pairs += 1;
        }
    }
    assert!(pairs >= 8 * 5, "{pairs} pairs");
}

#[test]
fn hs256_gives_the_known_answers_to_the_last_character() {
    let vectors: Value = serde_json::from_str(HS256).unwrap();
    let vectors = array(&vectors, "vectors");
    for vector in vectors {
        let expected = text(vector, "jws");
        let part = |index| {
            let part: &str = expected.split('.').nth(index).unwrap();
            String::from_utf8(base64url(part.as_bytes()).unwrap()).expect("all of them are UTF-8")
        };
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &bytes(vector, "k"));
        assert_eq!(jws::sign(&part(0), &part(1), &secret), expected, "{}", text(vector, "source"));
    }
    assert_eq!(vectors.len(), 3, "none was skipped");
}
