//! `check`: the reasons that the server gives, the causes that it can tell apart, and an output
//! that is fit for a terminal whatever was pasted.

#[path = "common/bad.rs"]
mod bad;
mod common;

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, Engine};
use common::{
    Class, PROGRAM, RS256, SECRET, Scratch, Server, Signer, claims, from_hexadecimal, hexadecimal,
    payload_of, place, private_key, reasons, run, signing_input, ssh_blob, ssh_line, with,
};
use ring::digest::{SHA256, digest};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use udpsocket_jwt_server::claims::id_request;
use udpsocket_jwt_server::jws::{base64url, to_base64url};
use udpsocket_jwt_server::keys::PublicKey;
use udpsocket_jwt_server::time::now;
use udpsocket_jwt_server::tools::terminal::key_file::fingerprint;
use udpsocket_jwt_server::tools::terminal::refusals::REASONS;

static JAVALI: LazyLock<Signer> = LazyLock::new(|| Signer::new("JAVALI", 2048));

/// What `check` said.
#[derive(Debug)]
struct Checked {
    status: i32,
    output: String,
    errors: String,
}

/// `check` with these arguments, the input on its standard input.
#[track_caller]
fn checked<A: AsRef<OsStr>>(arguments: &[A], input: impl AsRef<[u8]>) -> Checked {
    let nowhere = Scratch::new();
    let mut command = Command::new(PROGRAM);
    command.arg("check").args(arguments).current_dir(nowhere.path());
    let common::Ended { status, output, errors } = common::ended(&mut command, input.as_ref());
    for text in [&output, &errors] {
        let unfit = text.chars().find(|&char| char != '\n' && !is_fit_for_a_terminal(char));
        assert_eq!(unfit, None, "{text:?}");
    }
    Checked { status: status.expect("it ends by itself"), output, errors }
}

/// Neither a control character nor one that hides or moves what is around it.
fn is_fit_for_a_terminal(char: char) -> bool {
    let hides_or_moves = [
        '\u{ad}'..='\u{ad}',
        '\u{61c}'..='\u{61c}',
        '\u{180e}'..='\u{180e}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{feff}'..='\u{feff}',
        '\u{fff9}'..='\u{fffb}',
        '\u{e0000}'..='\u{e007f}',
    ];
    !char.is_control() && !hides_or_moves.iter().any(|range| range.contains(&char))
}

impl Checked {
    /// The marks: `ok` or `NO`, and the condition.
    fn marks(&self) -> Vec<(&str, &str)> {
        let mark = |line| ["ok  ", "NO  "].into_iter().find(|mark| str::starts_with(line, mark));
        self.output.lines().filter_map(|line| Some((mark(line)?.trim_end(), &line[4..]))).collect()
    }

    /// What follows the marks: the reason, and the causes found.
    fn verdict(&self) -> Vec<&str> {
        let after = self.output.split_once("\nNO  ").map_or("", |(_, after)| after);
        after.lines().skip(2).collect()
    }
}

#[track_caller]
fn in_class(class: &Class, input: impl AsRef<[u8]>) -> Checked {
    checked(&[class.directory.path()], input)
}

/// A token whose signature is made otherwise.
fn signed_by(sign: impl Fn(&str) -> Vec<u8>) -> String {
    let input = signing_input(RS256, payload(""));
    let signature = sign(&input);
    format!("{input}.{}", to_base64url(&signature))
}

/// A good payload with more members.
fn payload(members: &str) -> String {
    claims("JAVALI", 1, 7).replacen('{', &format!("{{{members}"), 1)
}

/// `openssl dgst` with JAVALI's key.
fn dgst(options: &[&str], text: &str) -> Vec<u8> {
    let scratch = Scratch::new();
    let (file, key) = (scratch.write("text", text), private_key("JAVALI", 2048));
    let of_key = ["-sign", key.to_str().unwrap(), file.to_str().unwrap()];
    run("openssl", &[&["dgst"], options, &of_key].concat())
}

/// The conditions of the checks before this one, in order: those of section 7 that need no state.
fn conditions(before: &str) -> Vec<(&'static str, &'static str)> {
    let reasons = &reasons()[place("too_large")..place(before)];
    reasons.iter().map(|reason| ("ok", condition(reason))).collect()
}

/// What is marked as right or wrong.
fn condition(reason: &str) -> &'static str {
    REASONS[place(reason)].condition
}

#[test]
fn every_bad_datagram_gets_the_servers_reason_unless_it_is_only_out_of_order() {
    let class = bad::class();
    let bad = bad::datagrams();
    let check = |(name, datagram, reason): &bad::Bad| {
        let checked = in_class(&class, datagram);
        assert_eq!(checked.errors, "", "{name}");
        let mut marks = conditions(reason);
        if *reason == "out_of_order" {
            assert_eq!((checked.status, checked.marks()), (0, marks), "{name}: {checked:#?}");
        } else {
            marks.push(("NO", condition(reason)));
            assert_eq!((checked.status, checked.marks()), (1, marks), "{name}: {checked:#?}");
            let detail = checked.verdict()[0].strip_prefix(&format!("{reason}: "));
            assert!(detail.is_some_and(|detail| detail.len() > 10), "{name}: {checked:#?}");
        }
    };
    thread::scope(|scope| {
        for half in bad.chunks(bad.len().div_ceil(2)) {
            scope.spawn(move || half.iter().for_each(check));
        }
    });
}

#[test]
fn whatever_the_server_would_answer_passes_with_0() {
    let class = bad::class();
    let good = bad::good().into_iter().map(|(token, _)| ("good".to_string(), token));
    for (name, token) in good.chain(bad::odd_but_good()) {
        let checked = in_class(&class, &token);
        assert_eq!(
            (checked.status, checked.marks()),
            (0, conditions("out_of_order")),
            "{name}: {checked:#?}"
        );
        assert!(checked.output.ends_with("\nThe server takes it if its seq_number is in order.\n"));
    }
}

#[test]
fn a_token_is_taken_apart_before_it_is_judged() {
    let class = Class::new();
    let payload = claims("javali", 1, 7);
    let token = JAVALI.sign(RS256, &payload);
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    let key = PublicKey::from_pem(&JAVALI.public_pem, 2_048).unwrap();
    let expected = [
        format!("token       {} bytes", token.len()),
        format!("header      {RS256}"),
        format!("payload     {payload}"),
        "signature   256 bytes".into(),
        format!("signed is   {} characters: {signing_input}", signing_input.len()),
        format!("id_request  {}", id_request(payload.as_bytes())),
        format!("group       JAVALI, 2048 bits, {}", fingerprint(&key)),
    ];
    for input in [token.clone(), format!("{token}\n"), format!("{token}\r\n")] {
        let checked = in_class(&class, input);
        assert_eq!(checked.output.lines().take(7).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn each_cause_that_can_be_told_apart_is_named_alone() {
    let class = Class::new();
    let signature = |text: &[u8]| JAVALI.signature(text);
    let [header, payload] = [RS256.into(), payload("")].map(|json: String| to_base64url(json.as_bytes()));
    let hash = |input: &str| digest(&SHA256, input.as_bytes());
    let pss = ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
    let causes: Vec<(&str, String, &str)> = vec![
        ("PSS", signed_by(|input| dgst(&pss, input)), "It is signed with RSASSA-PSS"),
        ("SHA-1", signed_by(|input| dgst(&["-sha1"], input)), "It is signed with SHA-1:"),
        ("SHA-384", signed_by(|input| dgst(&["-sha384"], input)), "It is signed with SHA-384:"),
        ("SHA-512", signed_by(|input| dgst(&["-sha512"], input)), "It is signed with SHA-512:"),
        (
            "the payload alone",
            signed_by(|_| signature(payload.as_bytes())),
            "The payload's base64url alone is signed:",
        ),
        (
            "the claims alone",
            signed_by(|_| signature(self::payload("").as_bytes())),
            "The payload's JSON alone is signed:",
        ),
        (
            "JSON",
            signed_by(|_| signature(format!("{RS256}.{}", self::payload("")).as_bytes())),
            "The JSON is signed, before base64url:",
        ),
        (
            "a newline",
            signed_by(|input| signature(format!("{input}\n").as_bytes())),
            "A newline is signed too",
        ),
        (
            "a dot",
            signed_by(|input| signature(format!("{input}.").as_bytes())),
            "A dot at the end is signed too",
        ),
        ("the hash", signed_by(|input| signature(hash(input).as_ref())), "The hash is signed, and so hashed"),
        (
            "the hash in hexadecimal",
            signed_by(|input| signature(hexadecimal(hash(input).as_ref()).as_bytes())),
            "The hash's hexadecimal text is signed, and so hashed",
        ),
        (
            "another group's key",
            Signer::new("NONAME", 2048).sign(RS256, self::payload("")),
            "It verifies with the key of NONAME:",
        ),
        (
            "little-endian",
            signed_by(|input| signature(input.as_bytes()).into_iter().rev().collect()),
            "The signature's bytes are in reverse order (little-endian):",
        ),
        (
            "hexadecimal in base64url",
            signed_by(|input| hexadecimal(&signature(input.as_bytes())).into()),
            "The signature is hexadecimal text:",
        ),
        (
            "hexadecimal as the third part",
            format!(
                "{header}.{payload}.{}",
                hexadecimal(&signature(format!("{header}.{payload}").as_bytes()))
            ),
            "The signature is hexadecimal text:",
        ),
        (
            "base64url twice",
            signed_by(|input| to_base64url(&signature(input.as_bytes())).into()),
            "The signature is in base64url twice:",
        ),
    ];
    for (name, token, cause) in causes {
        let checked = in_class(&class, &token);
        assert_eq!(checked.status, 1, "{name}");
        let verdict = checked.verdict();
        assert!(verdict[0].starts_with("bad_signature: "), "{name}: {verdict:#?}");
        assert_eq!(verdict.len(), 2, "{name}: {verdict:#?}");
        assert!(verdict[1].starts_with(cause), "{name}: {verdict:#?}");
    }
}

#[test]
fn a_signature_without_a_known_cause_is_given_none() {
    let class = Class::new();
    let pss = ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max"];
    let causes = [
        ("a stranger's key", Signer::new("attacker", 2048).sign(RS256, payload(""))),
        ("another message's", signed_by(|_| JAVALI.signature(b"another message"))),
        ("PSS with a salt that can't be tried", signed_by(|input| dgst(&pss, input))),
        ("hexadecimal of nothing known", signed_by(|_| "0a".repeat(256).into())),
    ];
    for (name, token) in causes {
        let checked = in_class(&class, &token);
        assert_eq!((checked.status, checked.verdict().len()), (1, 1), "{name}: {checked:#?}");
    }
}

#[test]
fn a_mistake_in_base64url_or_json_is_named_with_the_way_out() {
    let class = Class::new();
    // The header's last character stands for less than its bits, and the signature has a + or a /.
    let header = r#"{"alg":"RS256" }"#;
    let token = (0..)
        .map(|jti| JAVALI.sign(header, payload(&format!(r#""jti":{jti},"#))))
        .find(|token| token.rsplit('.').next().unwrap().contains(['-', '_']))
        .unwrap();
    let parts: Vec<_> = token.split('.').map(|part| base64url(part.as_bytes()).unwrap()).collect::<Vec<_>>();
    let encoded = |encode: &dyn Fn(&[u8]) -> String| {
        parts.iter().map(|part| encode(part)).collect::<Vec<_>>().join(".")
    };
    let comma = |json: &str| json.replace('}', ",}");
    let cases = [
        ("padding", encoded(&|part| BASE64_URL_SAFE.encode(part)), "bad_base64: ", "take the = off"),
        (
            "base64",
            encoded(&|part| BASE64_STANDARD_NO_PAD.encode(part)),
            "bad_base64: ",
            "base64url has - for + and _ for /",
        ),
        ("base64 with padding", encoded(&|part| BASE64_STANDARD.encode(part)), "bad_base64: ", "="),
        (
            "a comma in the header",
            JAVALI.sign(comma(RS256), payload("")),
            "bad_header: ",
            "JSON has no comma behind the last member: take it off",
        ),
        (
            "a comma in the payload",
            JAVALI.sign(RS256, comma(&payload(""))),
            "bad_payload: ",
            "JSON has no comma behind the last member: take it off",
        ),
    ];
    for (name, token, reason, way_out) in cases {
        let checked = in_class(&class, &token);
        let verdict = checked.verdict();
        assert_eq!(checked.status, 1, "{name}");
        assert!(verdict[0].starts_with(reason), "{name}: {verdict:#?}");
        assert!(verdict.last().unwrap().contains(way_out), "{name}: {verdict:#?}");
    }
}

#[test]
fn a_clock_that_is_off_is_named_with_the_seconds() {
    let class = Class::new();
    let now = now().as_secs();
    let (behind, ahead) = (now - 3_600, now + 3_600);
    let hint = "iat is 3";
    let cases = [
        (format!(r#""exp":{behind},"#), 1, vec!["expired: exp passed 36"]),
        (format!(r#""nbf":{ahead},"#), 1, vec!["not_yet_valid: nbf is 3"]),
        (format!(r#""nbf":{ahead},"iat":{ahead},"#), 1, vec!["not_yet_valid: nbf is 3", hint]),
        (format!(r#""exp":{behind},"iat":{},"#, behind - 300), 1, vec!["expired: exp passed 36"]),
        (format!(r#""iat":{ahead},"#), 0, vec![]),
        (r#""iat":1e300,"#.into(), 0, vec![]),
    ];
    for (members, status, expected) in cases {
        let checked = in_class(&class, JAVALI.sign(RS256, payload(&members)));
        let verdict = checked.verdict();
        assert_eq!((checked.status, verdict.len()), (status, expected.len()), "{members}: {checked:#?}");
        for (line, expected) in verdict.iter().zip(expected) {
            assert!(line.starts_with(expected), "{members}: {line}");
        }
        if status == 0 {
            assert!(checked.output.contains("\nnote: iat is "), "{members}: {checked:#?}");
        }
    }
}

#[test]
fn what_the_table_contradicts_is_a_note() {
    let class = Class::new();
    let message = |seq_number, seq_max| {
        claims("JAVALI", seq_number, 7).replace(r#""seq_max":3"#, &format!(r#""seq_max":{seq_max}"#))
    };
    let seq_max = "note: seq_max is 4, but the table gives JAVALI 3 members";
    let seq_number = "note: seq_number is 4, above the 3 members: it is never in order";
    for (payload, expected) in [
        (message(1, 3), vec![]),
        (message(3, 4), vec![seq_max]),
        (message(4, 3), vec![seq_number]),
        (message(4, 4), vec![seq_max, seq_number]),
    ] {
        let checked = in_class(&class, JAVALI.sign(RS256, &payload));
        let notes: Vec<_> = checked.output.lines().filter(|line| line.starts_with("note: ")).collect();
        assert_eq!((checked.status, notes), (0, expected), "{payload}");
    }
}

#[test]
fn with_a_key_file_of_any_form_it_needs_no_class() {
    let files = Scratch::new();
    let private = private_key("JAVALI", 2048);
    let private = private.to_str().unwrap();
    let key = PublicKey::from_pem(&JAVALI.public_pem, 2_048).unwrap();
    let pkcs1 = run("openssl", &["rsa", "-in", private, "-RSAPublicKey_out", "-outform", "DER"]);
    let forms: [(&str, Vec<u8>); 5] = [
        ("public.pem", JAVALI.public_pem.clone()),
        ("pkcs1.pem", run("openssl", &["rsa", "-in", private, "-RSAPublicKey_out"])),
        ("id_rsa.pub", ssh_line("ssh-rsa", &ssh_blob(&pkcs1))),
        ("private.pem", run("openssl", &["pkey", "-in", private])),
        ("private-pkcs1.pem", run("openssl", &["rsa", "-in", private, "-traditional"])),
    ];
    let tokens = [
        (JAVALI.message("JAVALI", 1, 7), 0),
        (JAVALI.message("A-group-of-my-own", 200, 7), 0),
        (Signer::new("NONAME", 2048).message("JAVALI", 1, 7), 1),
    ];
    for (name, content) in forms {
        let file = files.write(name, content);
        for (token, status) in &tokens {
            let checked = checked(&[OsStr::new("--key"), file.as_os_str()], token);
            assert_eq!(checked.status, *status, "{name}: {checked:#?}");
            assert!(checked.output.contains(&fingerprint(&key)), "{name}: {checked:#?}");
        }
    }
}

#[test]
fn a_key_file_that_cannot_be_used_is_named_with_the_reason() {
    let files = Scratch::new();
    let pem = String::from_utf8(JAVALI.public_pem.clone()).unwrap();
    let elliptic = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let weak = private_key("JAVALI", 1024);
    let private = std::fs::read_to_string(private_key("JAVALI", 2048)).unwrap();
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("empty", vec![], "it is empty"),
        ("text", b"my key".to_vec(), "-----BEGIN PUBLIC KEY-----"),
        ("binary", (0..=255).collect(), "-----BEGIN PUBLIC KEY-----"),
        ("cut", pem[..pem.len() / 2].into(), "it is cut"),
        (
            "weak",
            run("openssl", &["pkey", "-in", weak.to_str().unwrap(), "-pubout"]),
            "its modulus has 1024 bits",
        ),
        ("elliptic", run("openssl", &elliptic), "it is no private key that can be read here"),
        ("private-cut", private[..private.len() / 2].into(), "copy it again, whole"),
        (
            "private-with-an-escape",
            private.replace("END PRIVATE KEY", "END \x1b[2J PRIVATE KEY").into(),
            "copy it again, whole",
        ),
        ("ed25519", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 key".to_vec(), "it is an ssh-ed25519 key"),
    ];
    let token = JAVALI.message("JAVALI", 1, 7);
    let fails = |path: &Path, reason: &str| {
        let checked = checked(&[OsStr::new("--key"), path.as_os_str()], &token);
        assert_eq!((checked.status, checked.output.as_str()), (1, ""), "{checked:#?}");
        let start = format!("udpsocket-jwt-server: {}: ", path.display());
        assert!(checked.errors.starts_with(&start) && checked.errors.contains(reason), "{checked:#?}");
    };
    for (name, content, reason) in cases {
        fails(&files.write(name, content), reason);
    }
    fails(&files.file("absent"), "name your key's file");
    fails(files.path(), "name your key's file");
}

/// A reply of a server on this class.
fn reply(class: &Class) -> String {
    let server = Server::start(class, &["--no-sync", "--quiet"]);
    let client = server.client();
    client.send(JAVALI.message("JAVALI", 1, 7));
    client.receive(std::time::Duration::from_secs(5)).unwrap()
}

#[test]
fn a_reply_is_verified_with_the_secret_or_told_which_secret_it_was_made_with() {
    let class = Class::new();
    let reply = reply(&class);
    let (signing_input, _) = reply.rsplit_once('.').unwrap();
    let signed_with = |secret: &[u8]| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        let tag = ring::hmac::sign(&key, signing_input.as_bytes());
        format!("{signing_input}.{}", to_base64url(tag.as_ref()))
    };
    let cases = [
        ("as it came", reply.clone(), 0, "ok  the reply's HMAC verifies with the secret"),
        ("with a newline behind it", format!("{reply}\n"), 0, "ok  the reply's HMAC verifies"),
        ("newline left on", signed_with(format!("{SECRET}\n").as_bytes()), 1, "newline left on"),
        ("CR LF left on", signed_with(format!("{SECRET}\r\n").as_bytes()), 1, "newline left on"),
        ("decoded", signed_with(&from_hexadecimal(SECRET)), 1, "decoded from hexadecimal"),
        ("another secret", signed_with(b"another secret"), 1, "another secret, or the reply was changed"),
        ("no secret", signed_with(b""), 1, "another secret, or the reply was changed"),
        (
            "another next_number",
            {
                let payload = payload_of(&reply);
                let other = payload.replace(r#""next_number":2"#, r#""next_number":0"#);
                reply.replace(&to_base64url(payload.as_bytes()), &to_base64url(other.as_bytes()))
            },
            1,
            "another secret, or the reply was changed",
        ),
    ];
    for (name, token, status, verdict) in cases {
        let checked = in_class(&class, &token);
        assert_eq!(checked.status, status, "{name}: {checked:#?}");
        let last = checked.output.lines().last().unwrap();
        assert!(last.contains(verdict), "{name}: {last}");
        assert_eq!(last.starts_with("ok  "), status == 0, "{name}: {last}");
        assert!(!checked.output.contains("\nid_request"), "a reply's own hash is nobody's concern: {name}");
    }
}

#[test]
fn a_reply_without_a_secret_to_verify_it_names_the_file() {
    let class = Class::new();
    let reply = reply(&class);
    std::fs::remove_file(class.directory.file("keys_priv/key_secret_for_hmac.txt")).unwrap();
    let checked = in_class(&class, &reply);
    assert_eq!((checked.status, checked.output.as_str()), (1, ""));
    assert!(checked.errors.contains("keys_priv/key_secret_for_hmac.txt: cannot be read: "), "{checked:#?}");
}

#[test]
fn a_request_needs_no_secret() {
    let class = Class::new();
    std::fs::remove_dir_all(class.directory.file("keys_priv")).unwrap();
    assert_eq!(in_class(&class, JAVALI.message("JAVALI", 1, 7)).status, 0);
}

#[test]
fn a_mistake_in_the_command_line_ends_with_2() {
    let token = JAVALI.message("JAVALI", 1, 7);
    let mistakes: [&[&str]; 6] =
        [&["--nonsense"], &["--key"], &["--key", "a", "--key", "b"], &["--csv"], &["a", "b"], &["--help=1"]];
    for arguments in mistakes {
        let checked = checked(arguments, &token);
        assert_eq!((checked.status, checked.output.as_str()), (2, ""), "{arguments:?}");
        assert!(checked.errors.starts_with("udpsocket-jwt-server: "), "{arguments:?}: {checked:#?}");
    }
}

#[test]
fn a_class_that_is_not_there_ends_with_1() {
    let token = JAVALI.message("JAVALI", 1, 7);
    let absent: [&[&str]; 3] = [&[], &["absent"], &["--keys", "absent"]];
    for arguments in absent {
        let checked = checked(arguments, &token);
        assert_eq!((checked.status, checked.output.as_str()), (1, ""), "{arguments:?}");
        assert!(checked.errors.contains("keys_pub: cannot be read: "), "{arguments:?}: {checked:#?}");
    }
    let class = Class::new();
    let arguments = [OsStr::new("--keys"), class.directory.path().as_os_str()];
    assert_eq!(checked(&arguments, &token).status, 0);
    assert_eq!(checked(&["--help"], "").status, 0);
}

#[test]
fn nothing_in_a_token_reaches_the_terminal_but_printable_text() {
    let class = Class::new();
    let nasty = [
        "\x1b[2J\x1b]0;gone\x07",
        "\u{9b}31m\u{9d}0;gone\u{9c}",
        "\u{202e}\u{2066}\u{200f}\u{61c}\u{feff}\u{200b}\u{2028}\u{ad}\u{e0041}",
        "\r\x08\x7f\0\t\n",
    ];
    for text in nasty {
        let escaped = serde_json::Value::from(text).to_string();
        for written in [format!("\"{text}\""), escaped] {
            let with = |json: &str| with(json, &format!("\"x\":{written}"));
            let group = payload("").replace("\"JAVALI\"", &written);
            for token in [
                JAVALI.sign(with(RS256), payload("")),
                JAVALI.sign(RS256, with(&payload(""))),
                JAVALI.sign(RS256, &group),
                JAVALI.sign(format!(r#"{{"alg":{written}}}"#), payload("")),
                format!("{text}.{text}.{text}"),
                text.into(),
            ] {
                in_class(&class, &token); // which looks at each character
                let file = class.directory.write("my.pem", &JAVALI.public_pem);
                checked(&[OsStr::new("--key"), file.as_os_str()], &token);
            }
        }
    }
    let every_byte: Vec<u8> = (0..=255).collect();
    in_class(&class, JAVALI.sign(&every_byte, &every_byte));
    let plain = r#""nome":"João Conceição 🎓 \"quoted\"","#;
    let checked = in_class(&class, JAVALI.sign(RS256, payload(plain)));
    assert!(checked.output.contains(plain), "what is printable stands as it is: {checked:#?}");
}

#[test]
fn input_that_is_empty_binary_or_endless_is_merely_refused() {
    let class = Class::new();
    let every_byte: Vec<u8> = (0..=255).collect();
    let token = JAVALI.message("JAVALI", 1, 7);
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("nothing", vec![], "not_a_jws: found an empty datagram"),
        ("a newline", b"\n".to_vec(), "not_a_jws: found an empty datagram"),
        ("binary", every_byte.repeat(4), "not_a_jws: "),
        ("binary in three parts", [&every_byte[47..]; 3].join(&b'.'), "bad_base64: "),
        ("two tokens", format!("{token}\n{token}\n").into(), "not_a_jws: "),
        ("2 MB of a letter", vec![b'a'; 2_000_000], "too_large: "),
        ("2 MB of a token", [token.as_bytes(), &vec![b'A'; 2_000_000]].concat(), "too_large: "),
    ];
    for (name, input, reason) in cases {
        let checked = in_class(&class, &input);
        assert_eq!((checked.status, checked.errors.as_str()), (1, ""), "{name}");
        assert!(checked.verdict()[0].starts_with(reason), "{name}: {:#?}", checked.verdict());
    }
}
