//! `check`: the reasons that the server gives, the causes that it can tell apart, and an output
//! that is fit for a terminal whatever was pasted.

use crate::common;
use crate::common::catalogue;
use crate::common::catalogue::Does;
use crate::common::{
    Class, PROGRAM, RS256, SECRET, Scratch, Server, Signer, claims, from_hexadecimal, hexadecimal,
    openssl_dgst, openssl_pkeyutl, payload_of, place, private_key, reasons, run, signing_input, ssh_blob,
    ssh_line, with,
};
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, Engine};
use ring::digest::{SHA256, digest};
use ring::hmac;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use udpsocket_jwt_server::claims::{REPLY_HEADER, id_request};
use udpsocket_jwt_server::keys::PublicKey;
use udpsocket_jwt_server::time::now;
use udpsocket_jwt_server::tools::commands::key::fingerprint;
use udpsocket_jwt_server::tools::faults::reason::REASONS;
use udpsocket_jwt_server::tools::{base64url, to_base64url};

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

/// `check --key` with a file.
#[track_caller]
fn checked_with_key(file: &Path, input: impl AsRef<[u8]>) -> Checked {
    checked(&[OsStr::new("--key"), file.as_os_str()], input)
}

/// Neither a control character nor one that hides or moves what is around it.
fn is_fit_for_a_terminal(char: char) -> bool {
    let hides_or_moves = matches!(
        char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !char.is_control() && !hides_or_moves
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

    fn notes(&self) -> Vec<&str> {
        self.output.lines().filter(|line| line.starts_with("note: ")).collect()
    }

    fn last_line(&self) -> &str {
        self.output.lines().last().unwrap()
    }
}

#[track_caller]
fn in_class(class: &Class, input: impl AsRef<[u8]>) -> Checked {
    checked(&[class.directory.path()], input)
}

/// A good signing input.
fn input() -> String {
    signing_input(RS256, payload(""))
}

/// It with a signature.
fn token(signature: &[u8]) -> String {
    format!("{}.{}", input(), to_base64url(signature))
}

/// A good payload with more members.
fn payload(members: &str) -> String {
    claims("JAVALI", 1, 7).replacen('{', &format!("{{{members}"), 1)
}

/// What `openssl dgst` signs the good signing input with.
fn dgst(options: &[&str]) -> Vec<u8> {
    openssl_dgst(&private_key("JAVALI", 2048), options, input().as_bytes())
}

/// PSS with a salt of so many bytes.
fn pss(salt: &str) -> Vec<u8> {
    let salt = format!("rsa_pss_saltlen:{salt}");
    dgst(&["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", &salt])
}

fn sha256(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

/// The HMAC of a text, in base64url.
fn hmac_of(secret: &[u8], text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    to_base64url(hmac::sign(&key, text.as_bytes()).as_ref())
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

/// A process for each case: every eighth of a reason, unless ALL is set.
#[test]
fn each_case_gets_the_servers_reason_unless_it_is_only_out_of_order() {
    let class = catalogue::class();
    let mut count = HashMap::new();
    let step = common::many(1, 8);
    let cases = catalogue::cases().into_iter().filter(|case| case.now.is_none());
    let cases: Vec<_> = cases
        .map(|case| match case.does {
            Does::Refuse(reason) => (case.name, case.datagram, reason),
            Does::Answer { .. } => (case.name, case.datagram, "out_of_order".into()),
        })
        .filter(|(.., reason)| {
            let count = count.entry(reason.clone()).or_insert(0);
            *count += 1;
            *count % step == 1 % step
        })
        .collect();
    let check = |(name, datagram, reason): &(String, Vec<u8>, String)| {
        let checked = in_class(&class, datagram);
        assert_eq!(checked.errors, "", "{name}");
        let mut marks = conditions(reason);
        if reason == "out_of_order" {
            let last = checked.last_line();
            let is_ever = !last.starts_with("The server never takes it: ");
            let status = i32::from(!is_ever);
            assert_eq!((checked.status, checked.marks()), (status, marks), "{name}: {checked:#?}");
            assert_eq!(
                is_ever,
                !checked.output.contains("\nnote: count the")
                    && !checked.output.contains("\nnote: send a seq_number from 0 to")
            );
            assert!(
                !is_ever || last == "The server takes it if its seq_number is in order.",
                "{name}: {last}"
            );
        } else {
            marks.push(("NO", condition(reason)));
            assert_eq!((checked.status, checked.marks()), (1, marks), "{name}: {checked:#?}");
            let detail = checked.verdict()[0].strip_prefix(&format!("{reason}: "));
            assert!(detail.is_some_and(|detail| detail.len() > 10), "{name}: {checked:#?}");
        }
    };
    thread::scope(|scope| {
        for half in cases.chunks(cases.len().div_ceil(2)) {
            scope.spawn(move || half.iter().for_each(check));
        }
    });
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
fn a_signature_of_which_nothing_more_can_be_told_falls_into_its_class_all_the_same() {
    let class = Class::new();
    let by_attacker = Signer::new("attacker", 2048).sign(RS256, payload(""));
    let of_another = token(&JAVALI.signature(b"another message"));
    let causes = [
        ("a stranger's key", by_attacker, "the signature is noise"),
        ("another's", of_another, "names SHA-256: its 32 bytes are the hash of a text that can't"),
        ("PSS with the longest salt", token(&pss("max")), "a salt of 222 bytes"),
        ("hexadecimal of nothing known", token("0a".repeat(256).as_bytes()), "text of 512 characters"),
    ];
    for (name, token, cause) in causes {
        let checked = in_class(&class, &token);
        let verdict = checked.verdict();
        assert!(checked.status == 1 && verdict[1].contains(cause), "{name}: {checked:#?}");
    }
}

#[test]
fn a_signature_is_shown_opened_beside_what_it_should_hold() {
    const DIGEST_INFO: &str = "DigestInfo  30 31 30 0d 06 09 60 86 48 01 65 03 04 02 01 05 00 04 20";
    let class = Class::new();
    let hash = |text: &str| format!("hash        {}", hexadecimal(&sha256(text)));
    let opened = |signature: Vec<u8>| {
        let checked = in_class(&class, token(&signature));
        let (_, opened) = checked.output.split_once("\nWhat the signature holds").unwrap();
        opened.lines().skip(1).map(String::from).collect::<Vec<_>>()
    };
    let right_hash = hash(&input());
    let should_hold = [
        "What RS256 (RSASSA-PKCS1-v1_5 with SHA-256) makes of this header and payload:".into(),
        "padding     00 01, 202 times ff, 00".into(),
        DIGEST_INFO.into(),
        right_hash.clone(),
    ];
    let of_another_text = opened(JAVALI.signature(b"another message"));
    assert_eq!(of_another_text[..2], ["padding     00 01, 202 times ff, 00", DIGEST_INFO]);
    assert_eq!(of_another_text[2], hash("another message"));
    assert_eq!(of_another_text[3..], should_hold);

    let of_sha1 = opened(dgst(&["-sha1"]));
    let sha1_info = "DigestInfo  30 21 30 09 06 05 2b 0e 03 02 1a 05 00 04 14";
    assert_eq!(of_sha1[..2], ["padding     00 01, 218 times ff, 00", sha1_info]);
    assert_eq!(of_sha1[3..], should_hold);

    let bare = opened(openssl_pkeyutl(&private_key("JAVALI", 2048), &["-sign"], &sha256(&input())));
    assert_eq!(bare[..3], ["padding     00 01, 221 times ff, 00", "DigestInfo  none", &right_hash]);

    let of_pss = opened(pss("auto"));
    assert!(of_pss[0].starts_with("padding     none: it begins "), "{of_pss:#?}");
    assert_eq!(of_pss[1..], should_hold);
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
    let parts: Vec<_> = token.split('.').map(|part| base64url(part.as_bytes()).unwrap()).collect();
    let encoded = |encode: &dyn Fn(&[u8]) -> String| {
        parts.iter().map(|part| encode(part)).collect::<Vec<_>>().join(".")
    };
    let base64 = encoded(&|part| BASE64_STANDARD_NO_PAD.encode(part));
    let comma = |json: &str| json.replace('}', ",}");
    let of_header = JAVALI.sign(comma(RS256), payload(""));
    let of_payload = JAVALI.sign(RS256, comma(&payload("")));
    let comma_off = "take the last comma off (a comma with nothing behind it, at byte ";
    let cases = [
        ("padding", encoded(&|part| BASE64_URL_SAFE.encode(part)), "bad_base64: ", "take the = off"),
        ("base64", base64, "bad_base64: ", "write - for + and _ for / : base64url"),
        ("base64 with padding", encoded(&|part| BASE64_STANDARD.encode(part)), "bad_base64: ", "="),
        ("a comma in the header", of_header, "bad_header: ", comma_off),
        ("a comma in the payload", of_payload, "bad_payload: ", comma_off),
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
    const EXPIRED: &str = "expired: exp passed 36";
    const EARLY: &str = "not_yet_valid: nbf is 3";
    let class = Class::new();
    let now = now().as_secs();
    let (behind, ahead) = (now - 3_600, now + 3_600);
    let zone = "make nbf from UTC: time.time(), not utcnow().timestamp() (iat is +1 hours off, which is a time zone, or a clock that is off)";
    let cases = [
        (format!(r#""exp":{behind},"#), 1, vec![EXPIRED, "sign anew; if it was just signed, set your clock"]),
        (format!(r#""nbf":{ahead},"#), 1, vec![EARLY, "set your clock, or leave nbf out"]),
        (format!(r#""nbf":{ahead},"iat":{ahead},"#), 1, vec![EARLY, zone]),
        (format!(r#""exp":{behind},"iat":{},"#, behind - 300), 1, vec![EXPIRED, "sign anew"]),
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
        assert!(status != 0 || !checked.notes().is_empty(), "{members}: {checked:#?}");
    }
}

#[test]
fn what_the_table_contradicts_is_a_note() {
    let class = Class::new();
    let message = |seq_number, seq_max| {
        claims("JAVALI", seq_number, 7).replace(r#""seq_max":3"#, &format!(r#""seq_max":{seq_max}"#))
    };
    let seq_max = "note: seq_max is 4, but the table gives JAVALI 3 members";
    let seq_number =
        "note: send a seq_number from 0 to 3 (seq_number is 4 and matricula 7, and the group has 3 members)";
    for (payload, expected) in [
        (message(1, 3), (0, vec![])),
        (message(3, 4), (0, vec![seq_max])),
        (message(4, 3), (1, vec![seq_number])),
        (message(4, 4), (1, vec![seq_max, seq_number])),
    ] {
        let checked = in_class(&class, JAVALI.sign(RS256, &payload));
        assert_eq!((checked.status, checked.notes()), expected, "{payload}");
    }
}

#[test]
fn a_name_that_comes_twice_is_a_note_and_so_is_a_number_that_is_never_in_order() {
    let class = Class::new();
    let twice = claims("JAVALI", 1, 7).replace('}', r#","seq_number":2}"#);
    let checked = in_class(&class, JAVALI.sign(RS256, twice));
    let note = "\nnote: the payload has \"seq_number\" twice: the last counts\n";
    assert!(checked.status == 0 && checked.output.contains(note), "{checked:#?}");
    let exchanged = in_class(&class, JAVALI.message("JAVALI", 20_150_466, 1));
    assert_eq!(exchanged.last_line(), "The server never takes it: its seq_number is in order in no state.");
}

#[test]
fn a_reply_that_the_server_does_not_print_is_somebody_elses() {
    let class = Class::new();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, common::SECRET.as_bytes());
    let payload = |space: &str, number| {
        let id_request = "0".repeat(64);
        format!(
            r#"{{"id_request":{space}"{id_request}","next_number":2,"otp_number":{number},"otp_timestamp":1700000000}}"#
        )
    };
    for (payload, is_ours) in
        [(payload("", 20_000), true), (payload(" ", 20_000), false), (payload("", 20_001), false)]
    {
        let reply =
            udpsocket_jwt_server::jws::sign(udpsocket_jwt_server::claims::REPLY_HEADER, &payload, &key);
        let checked = in_class(&class, &reply);
        assert_eq!(
            (checked.status, checked.output.contains("somebody else made it")),
            (0, !is_ours),
            "{checked:#?}"
        );
    }
}

/// JAVALI's key in each form that is read: its file, what it is called, and what of it to hand in.
fn forms() -> [(&'static str, Vec<u8>, &'static str, &'static str); 6] {
    let private = private_key("JAVALI", 2048);
    let rsa =
        |options: &[&str]| run("openssl", &[&["rsa", "-in", private.to_str().unwrap()], options].concat());
    let public = JAVALI.public_pem.clone();
    let pkcs1 = rsa(&["-RSAPublicKey_out"]);
    let ssh = ssh_line("ssh-rsa", &ssh_blob(&rsa(&["-RSAPublicKey_out", "-outform", "DER"])));
    let pkcs8 = std::fs::read(&private).unwrap();
    let private_pkcs1 = rsa(&["-traditional"]);
    let both = [&public[..], b"\n", &pkcs8].concat();
    let never = "its public key, never this file: openssl pkey -in";
    [
        ("public.pem", public, "a public key, SubjectPublicKeyInfo", "this file, as GROUP.pem"),
        ("pkcs1.pem", pkcs1, "a public key, PKCS#1", "this file, as GROUP.pem"),
        ("id_rsa.pub", ssh, "a public key, an OpenSSH line", "this file, as GROUP.ssh"),
        ("private.pem", pkcs8, "a private key, PKCS#8", never),
        ("private-pkcs1.pem", private_pkcs1, "a private key, PKCS#1", never),
        ("2.pem", both, "a private key with a public one beside it", "the public key alone, never this file"),
    ]
}

#[test]
fn with_a_key_file_of_any_form_it_needs_no_class() {
    let files = Scratch::new();
    let key = PublicKey::from_pem(&JAVALI.public_pem, 2_048).unwrap();
    let tokens = [
        (JAVALI.message("JAVALI", 1, 7), 0),
        (JAVALI.message("A-group-of-my-own", 200, 7), 0),
        (Signer::new("NONAME", 2048).message("JAVALI", 1, 7), 1),
    ];
    for (name, content, ..) in forms() {
        let file = files.write(name, content);
        for (token, status) in &tokens {
            let checked = checked_with_key(&file, token);
            assert_eq!(checked.status, *status, "{name}: {checked:#?}");
            assert!(checked.output.contains(&fingerprint(&key)), "{name}: {checked:#?}");
        }
    }
}

#[test]
fn with_the_private_key_a_signature_is_made_anew_and_it_is_said_where_the_two_part() {
    let path = private_key("JAVALI", 2048);
    let good = dgst(&["-sha256"]);
    let other = Signer::new("NONAME", 2048).message("JAVALI", 1, 7);
    let other = base64url(other.rsplit('.').next().unwrap().as_bytes()).unwrap();
    let changed = |at: &[usize]| {
        let mut bytes = good.clone();
        for at in at {
            bytes[*at] ^= 1;
        }
        bytes
    };
    let echo = openssl_dgst(&path, &["-sha256"], format!("{}\n", input()).as_bytes());
    let over = [&good[..100], &[!good[100]; 156]].concat(); // byte 100 differs, whatever it was
    let this_key = "nothing agrees: this key signed, but other bytes than these, or in another way";
    let cases = [
        ("a newline signed", echo, this_key),
        ("SHA-1", dgst(&["-sha1"]), this_key),
        ("PSS", pss("32"), this_key),
        ("another key", other, "nothing agrees: another key made it, or it was changed past telling"),
        ("cut", good[..200].to_vec(), "all 200 bytes agree, and 56 are missing behind them"),
        ("more", [&good[..], b"more"].concat(), "the key and what was signed are right"),
        ("hexadecimal", hexadecimal(&good).into(), "the key and what was signed are right"),
        ("written over", over, "the first 100 bytes agree, and behind them none but by chance"),
        ("two bytes changed", changed(&[7, 90]), "254 of 256 bytes agree, and byte 7 is the first"),
        ("its first byte changed", changed(&[0]), "255 of 256 bytes agree, and byte 0 is the first"),
    ];
    for (name, signature, parting) in cases {
        let checked = checked_with_key(&path, token(&signature));
        let right = format!("right       256 bytes: {}", spaced(&good[..16]));
        assert_eq!(checked.status, 1, "{name}: {checked:#?}");
        assert!(checked.output.contains(&right), "{name}: openssl makes the same: {checked:#?}");
        assert!(checked.output.contains(&format!("\n            {parting}")), "{name}: {checked:#?}");
    }
    let public = Scratch::new().write("public.pem", &JAVALI.public_pem);
    let public = checked_with_key(&public, token(&good[..200]));
    assert!(!public.output.contains("Signed anew"), "only a private key signs: {public:#?}");
}

/// Bytes as `check` shows them.
fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_private_key_under_the_other_label_is_whole_and_one_that_openssl_cannot_read_is_said_to_be() {
    let files = Scratch::new();
    let pkcs_8 = std::fs::read_to_string(private_key("JAVALI", 2048)).unwrap();
    let pkcs_1 =
        run("openssl", &["rsa", "-traditional", "-in", private_key("JAVALI", 2048).to_str().unwrap()]);
    let pkcs_1 = String::from_utf8(pkcs_1).unwrap();
    let indented = pkcs_8.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let cases = [
        (pkcs_8.replace("PRIVATE KEY", "RSA PRIVATE KEY"), "PKCS#8 under BEGIN RSA PRIVATE KEY", ""),
        (pkcs_1.replace("RSA PRIVATE KEY", "PRIVATE KEY"), "PKCS#1 under BEGIN PRIVATE KEY", ""),
        (indented, "PKCS#8 in PEM", "; first put its lines as openssl writes them"),
    ];
    for (file, form, first) in cases {
        let path = files.write("my.pem", file);
        let shown = checked_with_key(&path, "");
        assert_eq!(shown.status, 0, "{shown:#?}");
        assert!(shown.output.contains(form) && shown.output.contains(first), "{shown:#?}");
        let openssl = Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&path).output().unwrap();
        assert_eq!(openssl.status.success(), first.is_empty(), "what is advised works: {shown:#?}");
    }
}

#[test]
fn a_reply_is_taken_out_of_the_print_that_it_stands_in() {
    let class = catalogue::class();
    let case = catalogue::cases().into_iter().find_map(|case| match case.does {
        Does::Answer { exact: Some(exact), .. } => Some((case.datagram, exact.reply)),
        _ => None,
    });
    let (request, reply) = case.unwrap();
    let request = String::from_utf8(request).unwrap();
    let printed = [
        format!("{request}\nb'{reply}'\n"),
        format!("{request}\n(b'{reply}', ('127.0.0.1', 5555))\n"),
        format!("{request} {reply}\n"),
        format!("{request}\nreply: {reply}\n"),
        format!("\"{reply}\"\n"),
    ];
    for input in printed {
        let checked = in_class(&class, &input);
        let note = "note: the reply is taken out of what stands around it: write it alone on its line\n";
        assert!(checked.status == 0 && checked.output.ends_with(note), "{input}: {checked:#?}");
        assert_eq!(input.contains(&request), checked.output.contains("ok  id_request is"), "{checked:#?}");
    }
}

#[test]
fn a_key_file_that_cannot_be_used_is_named_with_the_reason() {
    let files = Scratch::new();
    let pem = String::from_utf8(JAVALI.public_pem.clone()).unwrap();
    let elliptic = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let weak = private_key("JAVALI", 1024);
    let weak = run("openssl", &["pkey", "-in", weak.to_str().unwrap(), "-pubout"]);
    let private = std::fs::read_to_string(private_key("JAVALI", 2048)).unwrap();
    let path = private_key("JAVALI", 2048);
    let locked = |options: &[&str]| {
        let key = ["-in", path.to_str().unwrap(), "-aes256", "-passout", "pass:secret"];
        run("openssl", &[options, &key].concat())
    };
    let xml = "<RSAKeyValue><Modulus>AQAB</Modulus><D>AQAB</D></RSAKeyValue>";
    let marked = "\u{feff}ssh-rsa AAAAB3 key";
    let escape = private.replace("END PRIVATE KEY", "END \x1b[2J PRIVATE KEY");
    let cases: [(&str, Vec<u8>, &str); 15] = [
        ("locked", locked(&["pkey"]), "it is a private key with a passphrase, which can't be read here"),
        ("locked-pkcs1", locked(&["rsa", "-traditional"]), "it is a private key with a passphrase"),
        ("one-line", pem.replace('\n', "\\n").into(), "its line breaks are \\n, as two characters"),
        ("in-base64", BASE64_STANDARD.encode(&pem).into(), "it is base64 of the whole PEM"),
        ("xml", xml.into(), "it is a private key (in .NET's XML), in a form that can't be read here"),
        ("marked.pub", marked.into(), "its base64 is cut or damaged"),
        ("empty", vec![], "it is empty"),
        ("text", b"my key".to_vec(), "-----BEGIN PUBLIC KEY-----"),
        ("binary", (0..=255).collect(), "-----BEGIN PUBLIC KEY-----"),
        ("cut", pem[..pem.len() / 2].into(), "it is cut"),
        ("weak", weak, "its modulus has 1024 bits"),
        ("elliptic", run("openssl", &elliptic), "it is a private key of another kind than RSA"),
        ("private-cut", private[..private.len() / 2].into(), "copy it again, whole"),
        ("private-with-an-escape", escape.into(), "copy it again, whole"),
        ("ed25519", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 key".to_vec(), "it is an ssh-ed25519 key"),
    ];
    let token = JAVALI.message("JAVALI", 1, 7);
    let fails = |path: &Path, reason: &str| {
        let checked = checked_with_key(path, &token);
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
    let signed_with = |secret: &[u8]| format!("{signing_input}.{}", hmac_of(secret, signing_input));
    let by_public_key = signed_with(&JAVALI.public_pem);
    let payload = payload_of(&reply);
    let other = payload.replace(r#""next_number":2"#, r#""next_number":0"#);
    let changed = reply.replace(&to_base64url(payload.as_bytes()), &to_base64url(other.as_bytes()));
    let cases = [
        ("as it came", reply.clone(), 0, "ok  the reply's HMAC verifies with the secret"),
        ("with a newline behind it", format!("{reply}\n"), 0, "ok  the reply's HMAC verifies"),
        ("newline left on", signed_with(format!("{SECRET}\n").as_bytes()), 1, "newline left on"),
        ("CR LF left on", signed_with(format!("{SECRET}\r\n").as_bytes()), 1, "newline (CR LF) left on"),
        ("decoded", signed_with(&from_hexadecimal(SECRET)), 1, "decoded from hexadecimal"),
        ("another secret", signed_with(b"another secret"), 1, "another secret, or the reply was changed"),
        ("no secret", signed_with(b""), 1, "it verifies with an empty key"),
        ("the public key", by_public_key, 1, "it verifies with the file of an RSA public key as secret"),
        ("another next_number", changed, 1, "another secret, or the reply was changed"),
    ];
    for (name, token, status, verdict) in cases {
        let checked = in_class(&class, &token);
        assert_eq!(checked.status, status, "{name}: {checked:#?}");
        assert!(checked.last_line().contains(verdict), "{name}: {checked:#?}");
        let marks = [(if status == 0 { "ok" } else { "NO" }, "the reply's HMAC verifies with the secret")];
        assert_eq!(checked.marks(), marks, "{name}");
        assert!(!checked.output.contains("\nid_request"), "a reply's own hash is nobody's concern: {name}");
    }
}

#[test]
fn a_reply_that_is_cut_says_how_much_is_missing_without_a_secret() {
    let class = Class::new();
    let reply = reply(&class);
    std::fs::remove_dir_all(class.directory.file("keys_priv")).unwrap();
    for (bytes, missing) in [
        (reply.len() - 1, ": 1 bytes are missing)"),
        (reply.len() - 40, ": 40 bytes are missing)"),
        (128, "bytes or more are missing)"),
        (32, "bytes or more are missing)"),
    ] {
        let checked = in_class(&class, &reply[..bytes]);
        assert_eq!((checked.status, checked.marks()), (1, vec![("NO", "the reply is whole")]), "{bytes}");
        let last = checked.last_line();
        let cut = format!(
            "receive with a buffer of 65,535 bytes, and copy it whole (the reply is cut after {bytes} bytes: "
        );
        assert!(last.starts_with(&cut) && last.ends_with(missing), "{last}");
    }
}

#[test]
fn a_request_and_its_reply_belong_together_or_it_is_said_what_id_request_is_the_hash_of() {
    const VERIFIES: &str = "the reply's HMAC verifies with the secret";
    const BELONGS: &str = "id_request is the SHA-256 of this request's payload";
    let class = Class::new();
    let (request, right) = (JAVALI.message("JAVALI", 1, 7), reply(&class));
    let id = id_request(payload_of(&request).as_bytes());
    let signed = |id: &str| {
        let payload = payload_of(&right).replace(&id_request(payload_of(&request).as_bytes()), id);
        let input = signing_input(REPLY_HEADER, &payload);
        format!("{input}.{}", hmac_of(SECRET.as_bytes(), &input))
    };
    for input in [format!("{request}\n{right}\n"), format!("{right}\r\n\r\n{request}")] {
        let checked = in_class(&class, input);
        let marks = vec![("ok", VERIFIES), ("ok", BELONGS)];
        assert_eq!((checked.status, checked.marks()), (0, marks), "{checked:#?}");
        assert!(checked.output.contains(&format!("\nid_request  {id}\n")), "{checked:#?}");
    }
    let whole_token = id_request(request.as_bytes());
    let part = id_request(request.split('.').nth(1).unwrap().as_bytes());
    for (name, id, cause) in [
        ("the whole token", whole_token, "it is the SHA-256 of the whole token)"),
        ("base64url", part, "it is the SHA-256 of the payload alone, in base64url)"),
        ("upper case", id.to_uppercase(), "it is the payload's hash in upper case)"),
        (
            "another request's",
            id_request(b"another"),
            "ignore this reply; or check the request that was sent",
        ),
    ] {
        let checked = in_class(&class, format!("{request}\n{}\n", signed(&id)));
        let marks = vec![("ok", VERIFIES), ("NO", BELONGS)];
        assert_eq!((checked.status, checked.marks()), (1, marks), "{name}: {checked:#?}");
        assert!(checked.last_line().contains(cause), "{name}: {checked:#?}");
    }
    let cut = in_class(&class, format!("{request}\n{}\n", &right[..100]));
    assert_eq!((cut.status, cut.marks()), (1, vec![("NO", "the reply is whole")]), "{cut:#?}");
}

#[test]
fn a_secret_that_nobody_would_type_is_warned_of_beside_the_reply() {
    let class = Class::new();
    let reply = reply(&class);
    let (signing_input, _) = reply.rsplit_once('.').unwrap();
    let with_secret = |options: &[&str], secret: &str| {
        class.directory.write("keys_priv/key_secret_for_hmac.txt", secret);
        let tag = hmac_of(secret.trim_end_matches('\n').as_bytes(), signing_input);
        let directory = class.directory.path().to_str().unwrap();
        checked(&[options, &[directory]].concat(), format!("{signing_input}.{tag}"))
    };
    for (name, options, secret, note) in [
        ("a space", &[][..], format!("{SECRET} \n"), Some("take the space off its end")),
        ("a mark", &[], format!("\u{feff}{SECRET}\n"), Some("save it without byte order mark")),
        ("short", &[], "27 characters as it always was"[..27].into(), Some("keep it: --allow-weak-keys")),
        ("short and allowed", &["--allow-weak-keys"], "abc".into(), None),
        ("plain", &[], format!("{SECRET}\n"), None),
    ] {
        let checked = with_secret(options, &secret);
        assert_eq!(checked.status, 0, "{name}: {checked:#?}");
        match note {
            Some(note) => assert!(checked.notes().iter().any(|found| found.contains(note)), "{checked:#?}"),
            None => assert_eq!(checked.notes(), [""; 0], "{name}"),
        }
        assert!(!checked.output.contains(secret.trim_end()), "{name}: the secret is not repeated");
    }
}

#[test]
fn a_key_file_alone_is_described_in_four_lines() {
    let files = Scratch::new();
    let key = PublicKey::from_pem(&JAVALI.public_pem, 2_048).unwrap();
    for (name, content, form, hand_in) in forms() {
        let file = files.write(name, content);
        for input in ["", "\n"] {
            let checked = checked_with_key(&file, input);
            let lines: Vec<_> = checked.output.lines().collect();
            assert_eq!((checked.status, lines.len()), (0, 4), "{name}: {checked:#?}");
            assert!(lines[0].starts_with(&format!("key         {}: {form}", file.display())), "{checked:#?}");
            assert_eq!(lines[1], "bits        2048", "{name}");
            assert_eq!(lines[2], format!("fingerprint {}", fingerprint(&key)), "{name}");
            assert!(lines[3].starts_with(&format!("hand in     {hand_in}")), "{name}: {checked:#?}");
            assert!(!checked.output.contains("MII"), "nothing of the key itself");
        }
    }
}

#[test]
fn weak_keys_are_refused_with_the_way_out_unless_the_class_allows_them() {
    let class = Class::new();
    let weak = private_key("weak", 1024);
    let token = token(&openssl_dgst(&weak, &["-sha256"], input().as_bytes()));
    let public_pem = run("openssl", &["pkey", "-in", weak.to_str().unwrap(), "-pubout"]);
    class.directory.write("keys_pub/JAVALI.pem", &public_pem);
    let way_out = "needs --allow-weak-keys";
    let refused = in_class(&class, &token);
    let [reason, file] = refused.verdict()[..] else { panic!("{refused:#?}") };
    assert!(refused.status == 1 && reason.starts_with("no_key: "), "{refused:#?}");
    assert!(file.starts_with("keys_pub/JAVALI.pem: its modulus has 1024 bits"), "{refused:#?}");
    assert!(file.contains(way_out), "{refused:#?}");

    let directory = class.directory.path().to_str().unwrap();
    assert_eq!(checked(&["--allow-weak-keys", directory], &token).status, 0);
    let file = class.directory.file("keys_pub/JAVALI.pem");
    let key = ["--key", file.to_str().unwrap()];
    for input in [&token[..], ""] {
        let refused = checked(&key, input);
        assert!(refused.status == 1 && refused.errors.contains(way_out), "{refused:#?}");
        let allowed = checked(&[&key[..], &["--allow-weak-keys"]].concat(), input);
        assert!(allowed.status == 0 && allowed.output.contains("1024"), "{allowed:#?}");
    }
    for group in Class::GROUPS {
        class.directory.write(&format!("keys_pub/{group}.pem"), &public_pem);
    }
    let refused = in_class(&class, &token);
    assert!(refused.status == 1 && refused.errors.contains(way_out), "{refused:#?}");
}

#[test]
fn a_group_without_a_usable_key_is_told_of_its_file() {
    let class = Class::new();
    let token = JAVALI.message("JAVALI", 1, 7);
    let file = class.directory.file("keys_pub/JAVALI.pem");
    std::fs::remove_file(&file).unwrap();
    assert!(in_class(&class, &token).verdict()[1].starts_with("keys_pub has no file for it: "));
    std::fs::write(&file, "my key").unwrap();
    assert!(in_class(&class, &token).verdict()[1].starts_with("keys_pub/JAVALI.pem: "));
    std::fs::write(&file, &JAVALI.public_pem).unwrap();
    std::fs::write(class.directory.file("keys_pub/javali.ssh"), "ssh-rsa").unwrap();
    assert!(in_class(&class, &token).verdict()[1].starts_with("keys_pub has more than one file for it"));
}

#[test]
fn the_mistake_behind_a_refusal_is_named_beside_it() {
    let class = Class::new();
    let whole_buffer = [JAVALI.message("JAVALI", 1, 7).as_bytes(), &[0; 8_000]].concat();
    let of_buffer = in_class(&class, whole_buffer);
    let [refusal, change] = of_buffer.verdict()[..] else { panic!("{of_buffer:#?}") };
    assert!(refusal.starts_with("too_large: ") && !refusal.contains("shorten"), "{refusal}");
    assert!(change.starts_with("send strlen() bytes"), "{change}");
    let exchanged = in_class(&class, JAVALI.message("JAVALI", 20_150_466, 1));
    assert!(exchanged.output.contains("\nnote: exchange seq_number and matricula ("), "{exchanged:#?}");
    let file = class.directory.write("my.pem", &JAVALI.public_pem);
    let with_a_space = JAVALI.sign(RS256, payload("").replace("JAVALI", "JAVALI "));
    let of_key = checked_with_key(&file, with_a_space);
    assert!(of_key.verdict()[1].starts_with("take the space or newline off group JAVALI"), "{of_key:#?}");
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
                checked_with_key(&class.directory.write("my.pem", &JAVALI.public_pem), &token);
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
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("nothing", vec![], "not_a_jws: found an empty datagram"),
        ("a newline", b"\n".to_vec(), "not_a_jws: found an empty datagram"),
        ("binary", every_byte.repeat(4), "not_a_jws: "),
        ("binary in three parts", [&every_byte[47..]; 3].join(&b'.'), "bad_base64: "),
        ("two tokens", format!("{token}\n{token}\n").into(), "not_a_jws: "),
    ];
    for endless in [vec![b'a'; 2_000_000], [token.as_bytes(), &vec![b'A'; 2_000_000]].concat()] {
        let checked = in_class(&class, &endless);
        assert!(checked.status == 1 && checked.errors.contains("more than 1048576 bytes"), "{checked:?}");
    }
    for (name, input, reason) in cases {
        let checked = in_class(&class, &input);
        assert_eq!((checked.status, checked.errors.as_str()), (1, ""), "{name}");
        assert!(checked.verdict()[0].starts_with(reason), "{name}: {:#?}", checked.verdict());
    }
}
