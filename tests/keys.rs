//! What a professor puts into a class directory: every form of key, secret and table that the
//! protocol's section 6 takes, every one that it refuses, and what is said then.

#[cfg(unix)]
use crate::common::set_mode;
use crate::common::{
    RS256, SECRET, Scratch, Signer, claims, der, has, hexadecimal, openssl_dgst, private_key,
    private_key_of_exponent, run, settings, signing_input, ssh_blob, ssh_line, ssh_strings,
};
use base64::prelude::{BASE64_STANDARD, Engine};
use ring::hmac;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use udpsocket_jwt_server::groups::GROUPS;
use udpsocket_jwt_server::jws;
use udpsocket_jwt_server::keys::{self, FEWEST_BITS, FEWEST_BITS_WEAK, FEWEST_SECRET_BYTES, PublicKey};
use udpsocket_jwt_server::server::Class;
use udpsocket_jwt_server::start::{Settings, start};
use udpsocket_jwt_server::tools::commands::key::fingerprint as fingerprint_of;
use udpsocket_jwt_server::tools::faults::groups_json;
use udpsocket_jwt_server::tools::faults::key_file;
use udpsocket_jwt_server::tools::faults::reason;
use udpsocket_jwt_server::tools::faults::start::{failure, warnings};
use udpsocket_jwt_server::tools::to_base64url;

/// A class as the start reads it, and what it says.
#[derive(Debug)]
struct Setup {
    class: Class,
    key_files: Vec<Option<String>>,
    warnings: Vec<String>,
}

/// Starts a server on a class, without more; what the start says if that fails.
fn load(directory: &Path, allows_weak_keys: bool) -> Result<Setup, String> {
    let logs = Scratch::new();
    let settings = Settings { allows_weak_keys, ..settings(directory, logs.path()) };
    let table = groups_json::load(directory)?;
    let started = start(&settings, table.clone()).map_err(|fault| failure(&fault, &settings, &table))?;
    let warnings = warnings(&started, &settings);
    let file = |group| {
        let file = started.key_files.iter().find(|file| file.group == Some(group) && file.key.is_ok());
        file.map(|file| file.name.clone())
    };
    let key_files = (0..table.len()).map(file).collect();
    Ok(Setup { class: started.server.class, key_files, warnings })
}

/// A public key in the three forms that are accepted.
struct Forms {
    spki: Vec<u8>,
    pkcs1: Vec<u8>,
    ssh: Vec<u8>,
}

impl Forms {
    fn of(private: &Path) -> Self {
        let spki = openssl(&["pkey", "-pubout", "-in"], private);
        let pkcs1 = openssl(&["rsa", "-RSAPublicKey_out", "-in"], private);
        let blob = ssh_blob(&openssl(&["rsa", "-RSAPublicKey_out", "-outform", "DER", "-in"], private));
        Self { spki, pkcs1, ssh: ssh_line("ssh-rsa", &blob) }
    }

    fn all(&self) -> [(&'static str, &[u8]); 3] {
        [("pem", &self.spki), ("pem", &self.pkcs1), ("ssh", &self.ssh)]
    }
}

/// The key that most tests use.
static KEY: LazyLock<Forms> = LazyLock::new(|| Forms::of(&private_key("JAVALI", 2048)));

/// HEARTBEAT's public key, of its own.
static HEARTBEAT: LazyLock<Vec<u8>> = LazyLock::new(|| Signer::new("HEARTBEAT", 2048).public_pem);

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What openssl prints, given a file as its last argument.
#[track_caller]
fn openssl(arguments: &[&str], file: &Path) -> Vec<u8> {
    run("openssl", &[arguments, &[text(file)]].concat())
}

/// The private key that `openssl genpkey` makes for these options.
#[track_caller]
fn generated(options: &str) -> Vec<u8> {
    run("openssl", &["genpkey"].into_iter().chain(options.split(' ')).collect::<Vec<_>>())
}

/// Keys of every accepted sort: the private key's file, its bits, its exponent.
fn accepted_keys() -> impl Iterator<Item = (PathBuf, usize, Vec<u8>)> {
    let usual = [2048, 3072, 4096].map(|bits| (private_key("JAVALI", bits), bits, vec![1, 0, 1]));
    let odd = [(3, 2048), (17, 2049), (3, 2055)]
        .map(|(exponent, bits)| (private_key_of_exponent(exponent.into(), bits), bits, vec![exponent]));
    usual.into_iter().chain(odd)
}

/// A class's directory: a secret, a key of HEARTBEAT, and these files in `keys_pub`.
fn directory_with(files: &[(&str, &[u8])]) -> Scratch {
    let directory = Scratch::new();
    directory.write("keys_pub/HEARTBEAT.pem", &*HEARTBEAT);
    for (name, content) in files {
        directory.write(&format!("keys_pub/{name}"), content);
    }
    write_secret(&directory, format!("{SECRET}\n"));
    directory
}

fn write_secret(directory: &Scratch, secret: impl AsRef<[u8]>) {
    let path = directory.write("keys_priv/key_secret_for_hmac.txt", secret);
    #[cfg(unix)]
    set_mode(&path, 0o600);
    _ = path;
}

/// The names of the groups that have a key.
fn served(setup: &Setup) -> Vec<&str> {
    let class = &setup.class;
    let keys = class.table.iter().zip(&class.keys);
    keys.filter(|(_, key)| key.is_some()).map(|(group, _)| group.name.as_str()).collect()
}

/// JAVALI's key of a directory with this one file more, and no word about it.
#[track_caller]
fn accepted(name: &str, content: &[u8]) -> PublicKey {
    let directory = directory_with(&[(name, content)]);
    let mut setup = load(directory.path(), false).unwrap();
    assert_eq!(setup.warnings, [""; 0], "{name}");
    assert_eq!(served(&setup), ["JAVALI", "HEARTBEAT"], "{name}");
    assert_eq!(setup.key_files[0].as_deref(), Some(name));
    setup.class.keys.swap_remove(0).unwrap()
}

#[test]
fn two_groups_with_one_key_are_warned_of() {
    let directory = directory_with(&[("JAVALI.pem", &HEARTBEAT), ("NONAME.pem", &KEY.spki)]);
    let setup = load(directory.path(), false).unwrap();
    let warning = "JAVALI and HEARTBEAT have the same key, so each can sign for the other: ask for new ones";
    assert_eq!(setup.warnings, [warning]);
    assert_eq!(served(&setup), ["JAVALI", "NONAME", "HEARTBEAT"], "both are served all the same");
}

/// What is said of a file that can't be used: once, of that file. The other group is served.
#[track_caller]
fn said_of(name: &str, content: &[u8]) -> String {
    said_in(&directory_with(&[(name, content)]), name)
}

#[track_caller]
fn said_in(directory: &Scratch, name: &str) -> String {
    let setup = load(directory.path(), false).unwrap();
    assert_eq!(served(&setup), ["HEARTBEAT"], "{name}: {:?}", setup.warnings);
    let [warning] = &setup.warnings[..] else { panic!("{name}: {:?}", setup.warnings) };
    let file = format!("{}/keys_pub/{name}: ", directory.path().display());
    let said = warning.strip_prefix(&file).unwrap_or_else(|| panic!("{name}: {warning}")).to_string();
    assert_is_plain(&said);
    said
}

/// Whatever was in a file, what is said of it can't drive a terminal or fill it.
#[track_caller]
fn assert_is_plain(said: &str) {
    assert!(said.bytes().all(|byte| matches!(byte, b' '..=b'~')) && said.len() <= 400, "{said:?}");
}

/// A file that can't be used, the reason that is given and the way out.
type Refused<'a> = (&'a str, Vec<u8>, &'a str, &'a str);

#[track_caller]
fn assert_refused<'a>(files: impl IntoIterator<Item = Refused<'a>>) {
    for (name, content, reason, way_out) in files {
        let said = said_of(name, &content);
        let found = (said.find(reason), said.rfind(way_out));
        assert!(matches!(found, (Some(reason), Some(way_out)) if reason < way_out), "{name}: {said}");
    }
}

/// The token of a message, signed by openssl: ring signs with no key that is short or has exponent 3.
fn signed(private: &Path) -> String {
    let input = signing_input(RS256, claims("JAVALI", 1, 7));
    let signature = openssl_dgst(private, &["-sha256"], input.as_bytes());
    input + "." + &to_base64url(&signature)
}

// The forms that are accepted

#[test]
fn the_three_forms_of_a_key_give_the_same_numbers() {
    for (private, bits, exponent) in accepted_keys() {
        let modulus = openssl(&["rsa", "-noout", "-modulus", "-in"], &private);
        for (extension, file) in Forms::of(&private).all() {
            let key = accepted(&format!("JAVALI.{extension}"), file);
            assert_eq!(key.bits(), bits);
            let n = hexadecimal(&key.components().n).to_uppercase();
            assert_eq!(format!("Modulus={}\n", n.trim_start_matches('0')).as_bytes(), modulus);
            assert_eq!(key.components().e, exponent);
        }
    }
}

#[test]
fn a_keys_fingerprint_is_the_one_of_its_openssh_line() {
    let is_asked = has("ssh-keygen");
    for (private, ..) in accepted_keys() {
        let forms = Forms::of(&private);
        let hash = ring::digest::digest(&ring::digest::SHA256, &inner(&forms.ssh));
        let fingerprint = format!("SHA256:{}", BASE64_STANDARD.encode(hash).trim_end_matches('='));
        for (extension, file) in forms.all() {
            assert_eq!(fingerprint_of(&accepted(&format!("JAVALI.{extension}"), file)), fingerprint);
        }
        if is_asked {
            let scratch = Scratch::new();
            let [spki, ssh] = [scratch.write("key.pem", &forms.spki), scratch.write("key.ssh", &forms.ssh)];
            let line = run("ssh-keygen", &["-i", "-m", "PKCS8", "-f", text(&spki)]);
            assert!(forms.ssh.starts_with(line.trim_ascii()), "the line that ssh-keygen makes of it");
            let listed = String::from_utf8(run("ssh-keygen", &["-lf", text(&ssh)])).unwrap();
            assert_eq!(listed.split(' ').nth(1), Some(&*fingerprint), "{listed}");
        }
    }
}

#[test]
fn what_stands_around_a_key_changes_nothing() {
    let fingerprint = fingerprint_of(&accepted("JAVALI.pem", &KEY.spki));
    let changes: [Wrap; 5] = [
        <[u8]>::to_vec,
        |file| String::from_utf8_lossy(file).replace('\n', "\r\n").into_bytes(),
        |file| file.trim_ascii_end().to_vec(),
        |file| [file, b"\n\r\n \t\n"].concat(),
        |file| [b"\n\r\n", file].concat(),
    ];
    for (extension, file) in KEY.all() {
        for (number, change) in changes.iter().enumerate() {
            let key = accepted(&format!("JAVALI.{extension}"), &change(file));
            assert_eq!(fingerprint_of(&key), fingerprint, "change {number} of {extension}");
        }
    }
    // As `openssl pkey -text` and mail programs put text around; some of it in no particular encoding.
    let around =
        |file: &[u8]| [b"\xef\xbb\xbfChave p\xfablica: 2048\n---\n", file, b"-- \nAna --- \xe7\n"].concat();
    for file in [&KEY.spki, &KEY.pkcs1] {
        assert_eq!(fingerprint_of(&accepted("JAVALI.pem", &around(file))), fingerprint);
    }
    let longest = [&KEY.spki[..], &vec![b'#'; (1 << 16) - KEY.spki.len()]].concat();
    assert_eq!(fingerprint_of(&accepted("JAVALI.pem", &longest)), fingerprint);
    let with_text = openssl(&["pkey", "-pubout", "-text_pub", "-in"], &private_key("JAVALI", 2048));
    assert_eq!(fingerprint_of(&accepted("JAVALI.pem", &with_text)), fingerprint);
    let line = KEY.ssh.trim_ascii();
    for comment in ["", " key@lab", "  key of a group ", "\tana", " # ssh-rsa"] {
        let key = accepted("JAVALI.ssh", &[line, comment.as_bytes()].concat());
        assert_eq!(fingerprint_of(&key), fingerprint, "{comment:?}");
    }
}

#[test]
fn a_file_serves_its_group_whatever_the_case_of_its_name() {
    for name in ["javali.pem", "jaVali.pem", "JAVALI.PEM", "javali.ssh", "Javali.ssh"] {
        accepted(name, if name.ends_with("ssh") { &KEY.ssh } else { &KEY.spki });
    }
}

#[test]
fn files_whose_name_begins_with_a_dot_are_passed_over_without_a_word() {
    let directory = directory_with(&[
        (".gitkeep", b""),
        (".DS_Store", b"\0\0\0\x01Bud1"),
        (".JAVALI.pem", &KEY.spki),
        (".JAVALI.pem.swp", b"b0VIM 9.0"),
    ]);
    let setup = load(directory.path(), false).unwrap();
    assert_eq!(setup.warnings, [""; 0]);
    assert_eq!(served(&setup), ["HEARTBEAT"]);
}

#[test]
fn a_signature_by_any_accepted_key_verifies() {
    // Odd sizes and small exponents are where ring's own bounds would show, as "does not verify".
    for (private, ..) in accepted_keys() {
        let token = signed(&private);
        let token = jws::parse(token.as_bytes()).unwrap();
        for (extension, file) in Forms::of(&private).all() {
            let verified = token.verify(&accepted(&format!("JAVALI.{extension}"), file));
            assert!(verified.is_ok(), "{}: {verified:?}", private.display());
        }
        let error = token.verify(&accepted("JAVALI.pem", &Forms::of(&private_key("NONAME", 2048)).spki));
        assert_eq!(reason::name(&error.unwrap_err()), "bad_signature");
    }
}

// Private keys

#[test]
fn a_private_key_anywhere_in_a_file_is_named_with_the_way_out() {
    let scratch = Scratch::new();
    let private = private_key("JAVALI", 2048);
    let pkcs8 = fs::read(&private).unwrap();
    // As far as it can be read without its passphrase, and one more field.
    let openssh = |cipher: &str, kdf: &str| {
        let strings = ssh_strings(&[cipher.as_bytes(), kdf.as_bytes(), b""]);
        let [public, private] = [ssh_strings(&[&inner(&KEY.ssh)]), ssh_strings(&[&[0xa5; 1_024]])];
        let contents = [&b"openssh-key-v1\0"[..], &strings, &[0, 0, 0, 1], &public, &private];
        pem("OPENSSH PRIVATE KEY", contents.concat())
    };
    let encrypted = |options: &[&str]| {
        openssl(&[options, &["-aes256", "-passout", "pass:secret", "-in"]].concat(), &private)
    };
    let changed = |from: &str, to: &str| String::from_utf8_lossy(&pkcs8).replace(from, to).into_bytes();
    let der_of = |options: &[&str]| openssl(&[options, &["-outform", "DER", "-in"]].concat(), &private);
    let part = |name: &str| to_base64url(name.as_bytes());
    let jwk = format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB", "d" :"{}"}}"#, part("n"), part("d"));
    let ec = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    let body = |pem: &[u8]| pem[pem.iter().position(|&byte| byte == b'\n').unwrap()..].to_vec();
    let forms = [
        ("PKCS#8", pkcs8.clone()),
        ("PKCS#1", openssl(&["rsa", "-traditional", "-in"], &private)),
        ("PKCS#8, encrypted", encrypted(&["pkey"])),
        ("PKCS#1, encrypted", encrypted(&["rsa", "-traditional"])),
        ("OpenSSH", openssh("none", "none")),
        ("OpenSSH, encrypted", openssh("aes256-ctr", "bcrypt")),
        ("elliptic curve", generated(ec)),
        ("Ed25519", generated("-algorithm ED25519")),
        ("DER, PKCS#8", der_of(&["pkcs8", "-topk8", "-nocrypt"])),
        ("DER, PKCS#1", der_of(&["rsa", "-traditional"])),
        ("DER, PKCS#8, encrypted", der_of(&["pkcs8", "-topk8", "-passout", "pass:x"])),
        ("DER, elliptic curve", generated(&format!("{ec} -outform DER"))),
        ("DER, Ed25519", generated("-algorithm ED25519 -outform DER")),
        ("as CyberChef prints a pair", [&KEY.spki[..], b"\n", &pkcs8].concat()),
        ("before the public key", [&pkcs8[..], &KEY.spki].concat()),
        ("below the OpenSSH line", [&KEY.ssh[..], &pkcs8].concat()),
        ("with text around", [b"Minha chave:\n", &pkcs8[..], b"Ana\n"].concat()),
        ("its end missing", pkcs8[..pkcs8.len() - 40].to_vec()),
        ("its first line missing", body(&pkcs8)),
        ("in one line", changed("\n", "\\n")),
        ("dashes made typographic", changed("-----", "\u{2014}")),
        ("as -pubout -text prints it", openssl(&["rsa", "-pubout", "-text", "-in"], &private)),
        ("UTF-16LE", utf_16(&pkcs8, u16::to_le_bytes)),
        ("UTF-16BE", utf_16(&pkcs8, u16::to_be_bytes)),
        ("PuTTY", b"PuTTY-User-Key-File-3: ssh-rsa\r\nEncryption: none\r\n".into()),
        ("SSH2", b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAA\n".into()),
        ("JSON Web Key", jwk.into()),
    ];
    for (what, content) in &forms {
        assert_is_private(what, content);
    }
    if has("ssh-keygen") {
        let copy = scratch.file("copy");
        for passphrase in ["", "secret"] {
            fs::copy(&private, &copy).unwrap();
            run("ssh-keygen", &["-p", "-P", "", "-N", passphrase, "-f", text(&copy)]);
            assert_is_private("as ssh-keygen writes it", &fs::read(&copy).unwrap());
        }
    }
}

#[track_caller]
fn assert_is_private(what: &str, content: &[u8]) {
    for name in ["JAVALI.pem", "JAVALI.ssh", "JAVALI.pub", "javali_private.key"] {
        let said = said_of(name, content);
        assert!(said.contains("PRIVATE key in it") && said.contains("make a new pair"), "{what}: {said}");
    }
}

/// As PowerShell's `>` writes it: a byte order mark, and two bytes a character.
fn utf_16(file: &[u8], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = std::str::from_utf8(file).unwrap();
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
}

#[test]
fn a_public_key_that_only_speaks_of_private_keys_is_accepted() {
    accepted("JAVALI.pem", &[b"my PRIVATE KEY is elsewhere\n", &KEY.spki[..]].concat());
    accepted("JAVALI.pem", &[b"DO NOT SEND YOUR PRIVATE KEY\n", &KEY.spki[..]].concat());
    accepted("JAVALI.ssh", &[KEY.ssh.trim_ascii(), b" not my PRIVATE KEY"].concat());
}

// Other things than a public key

#[test]
fn a_key_of_another_kind_is_named_with_the_way_out() {
    let scratch = Scratch::new();
    let public =
        |private: Vec<u8>| openssl(&["pkey", "-pubout", "-in"], &scratch.write("private.pem", private));
    let ssh =
        |kind: &str, strings: &[&[u8]]| ssh_line(kind, &ssh_strings(&[&[kind.as_bytes()], strings].concat()));
    let [ed25519, ecdsa] =
        [ssh("ssh-ed25519", &[&[0x5a; 32]]), ssh("ecdsa-sha2-nistp256", &[b"nistp256", &[4; 65]])];
    let dsa = public(run("openssl", &["dsaparam", "-genkey", "-noout", "1024"]));
    let ec = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    let pss = "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048";
    let sk = "sk-ssh-ed25519@openssh.com AAAA key";
    let rsa = "make an RSA key";
    assert_refused([
        ("JAVALI.pem", public(generated(ec)), "an elliptic-curve key", rsa),
        ("JAVALI.pem", public(generated("-algorithm ED25519")), "an Ed25519 key", rsa),
        ("JAVALI.pem", public(generated("-algorithm X25519")), "an X25519 key", rsa),
        ("JAVALI.pem", public(generated("-algorithm ED448")), "another kind of key", rsa),
        ("JAVALI.pem", public(generated(pss)), "an RSASSA-PSS key", rsa),
        ("JAVALI.pem", dsa, "a DSA key", rsa),
        ("JAVALI.ssh", ed25519, "an ssh-ed25519 key", rsa),
        ("JAVALI.ssh", ecdsa, "an ecdsa-sha2-nistp256 key", rsa),
        ("JAVALI.ssh", sk.into(), "an sk-ssh-ed25519@openssh.com key", rsa),
        ("JAVALI.ssh", b"ssh-dss AAAAB3NzaC1kc3MAAACBAP key".into(), "an ssh-dss key", rsa),
    ]);
}

#[test]
fn what_is_often_handed_in_instead_of_a_key_is_named_with_the_way_out() {
    let private = private_key("JAVALI", 2048);
    let kind = "ssh-rsa-cert-v01@openssh.com";
    let openssh_certificate = ssh_line(kind, &ssh_strings(&[kind.as_bytes(), &[0xa5; 900]]));
    let putty = rfc_4716(&inner(&KEY.ssh));
    let der = openssl(&["pkey", "-pubout", "-outform", "DER", "-in"], &private);
    let jwk = format!(r#"{{"kty": "RSA", "n": "{}", "e": "AQAB"}}"#, to_base64url(&[0xff; 256]));
    let two_lines = [&KEY.ssh[..], &Forms::of(&private_key("NONAME", 2048)).ssh].concat();
    let with_options = [b"command=\"/bin/date\",no-pty ", &KEY.ssh[..]].concat();
    let parameters =
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n".to_vec();
    let rubbish: Vec<u8> = (1..=255).chain([0]).cycle().take(700).collect();
    let mut files = Vec::new();
    for name in ["JAVALI.pem", "JAVALI.ssh"] {
        files.extend([
            (name, putty.clone(), "PuTTY's form", "ssh-keygen -i"),
            (name, openssh_certificate.clone(), "an OpenSSH certificate", "without -cert"),
            (name, jwk.clone().into(), "a JSON Web Key", "as PEM"),
            (name, der.clone(), "it is DER", "openssl rsa"),
            (name, utf_16(&KEY.spki, u16::to_le_bytes), "it is UTF-16", "save it as UTF-8"),
            (name, utf_16(&KEY.ssh, u16::to_be_bytes), "it is UTF-16", "save it as UTF-8"),
            (name, b"".into(), "it is empty", "copy the public key into it"),
            (name, b" \r\n\n".into(), "it is empty", "copy the public key into it"),
            (name, vec![b'#'; (1 << 16) + 1], "it has 65537 bytes", "move it elsewhere"),
        ]);
    }
    assert_refused(files.into_iter().chain([
        ("JAVALI.pem", [&KEY.spki[..], &KEY.spki].concat(), "it has 2 PEM blocks", "leave only"),
        ("JAVALI.pem", KEY.ssh.clone(), "an OpenSSH line", "name the file GROUP.ssh"),
        ("JAVALI.ssh", KEY.spki.clone(), "it is PEM", "name the file GROUP.pem"),
        ("JAVALI.ssh", KEY.pkcs1.clone(), "it is PEM", "name the file GROUP.pem"),
        ("JAVALI.ssh", two_lines, "more than one line", "leave only"),
        ("JAVALI.ssh", with_options, r#"begins with "command=\"/bin/date\",no-pty""#, ".pub file"),
        ("JAVALI.pem", parameters, "a PEM block \"EC PARAMETERS\"", "export the public key"),
        ("JAVALI.pem", rubbish.clone(), "no line -----BEGIN PUBLIC KEY-----", "export the key as PEM"),
        ("JAVALI.ssh", rubbish, "more than one line", "leave only ssh-rsa"),
    ]));
}

/// A blob in the form of RFC 4716, as `PuTTY` and `ssh-keygen -e` write it.
fn rfc_4716(blob: &[u8]) -> Vec<u8> {
    let base64 = BASE64_STANDARD.encode(blob);
    let lines: Vec<_> = base64.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let [border, comment] = ["SSH2 PUBLIC KEY ----", "Comment: \"key@lab\""];
    format!("---- BEGIN {border}\n{comment}\n{}\n---- END {border}\n", lines.join("\n")).into_bytes()
}

#[test]
fn the_commands_that_are_named_turn_those_files_into_keys_that_work() {
    let scratch = Scratch::new();
    let private = private_key("JAVALI", 2048);
    let made = |options: &[&str]| openssl(&[options, &["-subj", "/CN=key", "-key"]].concat(), &private);
    let certificate = made(&["req", "-x509", "-days", "2"]);
    let trusted = openssl(&["x509", "-trustout", "-in"], &scratch.write("certificate.pem", &certificate));
    let fingerprint = fingerprint_of(&accepted("JAVALI.pem", &KEY.spki));
    let mut files = vec![
        certificate,
        trusted,
        made(&["req", "-new"]),
        openssl(&["pkey", "-pubout", "-outform", "DER", "-in"], &private),
        openssl(&["rsa", "-RSAPublicKey_out", "-outform", "DER", "-in"], &private),
    ];
    if has("ssh-keygen") {
        files.push(rfc_4716(&inner(&KEY.ssh)));
        files.push(run("ssh-keygen", &["-e", "-f", text(&scratch.write("user.pub", &KEY.ssh))]));
    }
    for content in files {
        scratch.write("FILE", &content);
        _ = fs::remove_file(scratch.file("GROUP.pem"));
        let said = said_of("JAVALI.pem", &content);
        let command = &said[said.find("; ").unwrap() + 2..];
        let command = command.split(" prints ").next().unwrap().split(" converts ").next().unwrap();
        let output = Command::new("sh").args(["-c", command]).current_dir(scratch.path()).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        let (name, key) = match (scratch.read("GROUP.pem"), scratch.read("GROUP.ssh")) {
            (pem, _) if !pem.is_empty() => ("JAVALI.pem", pem.into_bytes()),
            (_, ssh) if !ssh.is_empty() => ("JAVALI.ssh", ssh.into_bytes()),
            _ => ("JAVALI.pem", output.stdout),
        };
        _ = fs::remove_file(scratch.file("GROUP.ssh"));
        assert_eq!(fingerprint_of(&accepted(name, &key)), fingerprint, "{command}");
    }
}

#[test]
fn a_file_whose_name_does_not_fit_is_named_with_the_way_to_mend_it() {
    let pem = || KEY.spki.clone();
    let (no_ending, no_group) = ("ends in neither .pem nor .ssh", "that of no group in the table");
    assert_refused([
        ("JAVALI.pub", KEY.ssh.clone(), "rename it to JAVALI.ssh", "to JAVALI.pem if it is PEM"),
        ("JAVALI.txt", pem(), no_ending, "rename it"),
        ("JAVALI.pem.txt", pem(), no_ending, "rename it"),
        ("JAVALI", pem(), no_ending, "rename it"),
        ("JAVALI.pem~", pem(), no_ending, "rename it"),
        ("JAVALI2.pem", pem(), no_group, "groups.json"),
        ("JAVALI (1).pem", pem(), no_group, "rename it"),
        ("JAVALI.pub.pem", pem(), no_group, "rename it"),
        ("id_rsa.ssh", KEY.ssh.clone(), no_group, "groups.json"),
    ]);
}

#[cfg(unix)]
#[test]
fn a_name_that_could_drive_a_terminal_is_shown_escaped() {
    use std::os::unix::ffi::OsStrExt;
    let names =
        [(&b"\x1b[2Jgone.pem"[..], r"\u{1b}[2Jgone.pem: "), (b"JAVALI\xff.pem", "JAVALI\u{fffd}.pem: ")];
    let any_bytes = cfg!(target_os = "linux"); // may be a name
    for (name, shown) in names.into_iter().take(1 + usize::from(any_bytes)) {
        let directory = directory_with(&[]);
        fs::write(directory.file("keys_pub").join(std::ffi::OsStr::from_bytes(name)), &KEY.spki).unwrap();
        let setup = load(directory.path(), false).unwrap();
        assert_eq!(served(&setup), ["HEARTBEAT"]);
        assert!(setup.warnings.len() == 1 && setup.warnings[0].contains(shown), "{:?}", setup.warnings);
    }
}

#[test]
fn a_directory_with_the_name_of_a_key_file_is_named() {
    let directory = directory_with(&[("JAVALI.pem/inner.pem", &KEY.spki)]);
    let said = said_in(&directory, "JAVALI.pem");
    assert_eq!(said, "it is not a file; move it elsewhere");
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_named_with_the_way_out() {
    let directory = directory_with(&[]);
    std::os::unix::fs::symlink("nowhere", directory.file("keys_pub/JAVALI.pem")).unwrap();
    let said = said_in(&directory, "JAVALI.pem");
    assert!(said.starts_with("cannot be read: ") && said.contains("; "), "{said}");

    let directory = directory_with(&[("JAVALI.pem", &KEY.spki)]);
    let path = directory.file("keys_pub/JAVALI.pem");
    set_mode(&path, 0o000);
    if fs::read(path).is_err() {
        let said = said_in(&directory, "JAVALI.pem");
        assert!(said.starts_with("cannot be read: ") && said.contains("let the user"), "{said}");
    } // root reads it all the same: the dangling link has shown what is said
}

#[test]
fn of_two_files_for_one_group_neither_is_used() {
    let two: [[(&str, &[u8]); 2]; 3] = [
        [("JAVALI.pem", &KEY.spki), ("javali.ssh", &KEY.ssh)],
        [("JAVALI.pem", b"cut"), ("JAVALI.ssh", &KEY.ssh)],
        [("JAVALI.ssh", &KEY.ssh), ("javali.pem", &KEY.pkcs1)],
    ];
    for files in two {
        let directory = directory_with(&files);
        let setup = load(directory.path(), false).unwrap();
        assert_eq!(served(&setup), ["HEARTBEAT"]);
        let warning = &setup.warnings[0];
        assert!(warning.contains("are both for JAVALI, so neither is used: keep one"), "{warning}");
        assert!(files.iter().all(|(name, _)| warning.contains(name)), "{warning}");
    }
}

#[test]
fn a_private_key_is_named_even_where_two_files_are_for_one_group() {
    let private = fs::read(private_key("JAVALI", 2048)).unwrap();
    let directory = directory_with(&[("JAVALI.pem", &private), ("JAVALI.ssh", &KEY.ssh)]);
    let setup = load(directory.path(), false).unwrap();
    assert_eq!(served(&setup), ["HEARTBEAT"], "two files for one group: neither is used");
    let said = setup.warnings.join("\n");
    assert!(said.contains("keys_pub/JAVALI.pem: it has a PRIVATE key in it"), "{said}");
}

#[test]
fn a_start_without_any_usable_key_names_each_file() {
    let directory = directory_with(&[("JAVALI.pub", &KEY.ssh), ("NONAME.pem", b"")]);
    fs::remove_file(directory.file("keys_pub/HEARTBEAT.pem")).unwrap();
    let error = load(directory.path(), false).unwrap_err();
    let shown = directory.file("keys_pub").display().to_string();
    assert!(error.starts_with(&format!("{shown}: there is no usable key in it\n")), "{error}");
    for name in ["JAVALI.pub: its name ends in .pub; rename it", "NONAME.pem: it is empty"] {
        assert!(error.contains(&format!("\n  {shown}/{name}")), "{error}");
    }
}

// The numbers

/// A modulus of exactly this many bits, as far as anybody checks.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xff; bits.div_ceil(8)];
    n[0] >>= n.len() * 8 - bits;
    n
}

/// A key from its numbers, or what is said of them.
fn numbers(n: Vec<u8>, e: Vec<u8>, fewest_bits: usize) -> Result<PublicKey, String> {
    PublicKey::new(n, e, fewest_bits)
        .map_err(|fault| key_file::diagnose(&fault, "JAVALI.pem", b"").sentence())
}

#[test]
fn the_modulus_has_2048_to_4096_bits_counted_exactly() {
    let new = |bits, fewest| numbers(modulus(bits), vec![3], fewest).map(|key| key.bits());
    for bits in [2048, 2049, 2055, 2056, 2057, 3071, 4095, 4096] {
        assert_eq!(new(bits, FEWEST_BITS), Ok(bits));
    }
    for bits in [1024, 1025, 2047] {
        assert_eq!(new(bits, FEWEST_BITS_WEAK), Ok(bits));
    }
    for (bits, fewest, reason) in [
        (8, FEWEST_BITS, "8 bits, fewer than 1024"),
        (1024, FEWEST_BITS, "1024 bits, fewer than 2048"),
        (2047, FEWEST_BITS, "2047 bits, fewer than 2048"),
        (4097, FEWEST_BITS, "4097 bits, more than 4096"),
        (16_384, FEWEST_BITS, "16384 bits, more than 4096"),
        (1023, FEWEST_BITS_WEAK, "1023 bits, fewer than 1024"),
        (4097, FEWEST_BITS_WEAK, "4097 bits, more than 4096"),
    ] {
        let error = new(bits, fewest).unwrap_err();
        assert!(error.contains(reason) && error.contains("make a new pair"), "{error}");
    }
    assert!(numbers(vec![0; 300], vec![3], FEWEST_BITS).unwrap_err().contains("0 bits"));
    assert!(numbers(Vec::new(), vec![3], FEWEST_BITS).unwrap_err().contains("0 bits"));
    let padded = numbers([&[0, 0], &modulus(2048)[..]].concat(), vec![0, 3], FEWEST_BITS).unwrap();
    assert_eq!((padded.components().n.len(), &padded.components().e[..]), (256, &[3][..]));
}

#[test]
fn the_modulus_is_odd() {
    let mut even = modulus(2048);
    even[255] = 0xfe;
    let error = numbers(even, vec![3], FEWEST_BITS).unwrap_err();
    assert!(error.contains("its modulus is even") && error.contains("make a new pair"), "{error}");
}

#[test]
fn a_file_with_too_short_or_too_long_a_key_is_refused_with_its_bits() {
    let reasons = ["1024 bits, fewer than 2048", "2047 bits, fewer than 2048", "4104 bits, more than 4096"];
    for (bits, reason) in [1024, 2047, 4104].into_iter().zip(reasons) {
        for (extension, file) in Forms::of(&private_key("JAVALI", bits)).all() {
            let name = format!("JAVALI.{extension}");
            assert_refused([(&*name, file.to_vec(), reason, "make a new pair")]);
        }
    }
}

#[test]
fn the_exponent_is_an_odd_number_from_3_to_65537_and_no_dearer_than_that() {
    let new = |e: u64| numbers(modulus(2048), e.to_be_bytes().into(), FEWEST_BITS);
    for e in [3, 5, 17, 35, 37, 257, 511, 65_537] {
        assert!(new(e).is_ok(), "{e}");
    }
    for e in [0, 1, 2, 4, 65_536, 65_538, 65_539, u64::from(u32::MAX), (1 << 32) + 3, u64::MAX] {
        let error = new(e).unwrap_err();
        let found = if e > u64::from(u32::MAX) { "too large".into() } else { e.to_string() };
        assert!(error.contains(&format!("its exponent is {found}, ")), "{error}");
        assert!(error.contains("make a new pair"), "{error}");
    }
    for (e, multiplications) in [(65_535, 30), (1_023, 18), (4_095, 22), (61_441, 19)] {
        let error = new(e).unwrap_err();
        let found = format!("its exponent {e} takes {multiplications} multiplications, more than 65537's 17");
        assert!(error.contains(&found) && error.contains("make a new pair"), "{error}");
    }
    let error = numbers(modulus(2048), vec![0xff; 512], FEWEST_BITS).unwrap_err();
    assert!(error.contains("its exponent is too large"), "{error}");
}

// Cut and damaged files

fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    der(0x30, elements.concat())
}

fn integer(content: impl AsRef<[u8]>) -> Vec<u8> {
    der(0x02, content)
}

fn pem(tag: &str, der: impl Into<Vec<u8>>) -> Vec<u8> {
    pem::encode(&pem::Pem::new(tag, der)).into_bytes()
}

/// The DER within a PEM file, or the blob within an OpenSSH line.
fn inner(file: &[u8]) -> Vec<u8> {
    match pem::parse(file) {
        Ok(block) => block.contents().into(),
        Err(_) => BASE64_STANDARD.decode(file.split(|&byte| byte == b' ').nth(1).unwrap()).unwrap(),
    }
}

/// The key in a PEM file, or what is said.
fn from_pem(file: &[u8], fewest_bits: usize) -> Result<PublicKey, String> {
    let key = PublicKey::from_pem(file, fewest_bits);
    key.map_err(|fault| key_file::diagnose(&fault, "JAVALI.pem", file).sentence())
}

/// The key in an OpenSSH file, or what is said.
fn from_openssh(file: &[u8], fewest_bits: usize) -> Result<PublicKey, String> {
    let key = PublicKey::from_openssh(file, fewest_bits);
    key.map_err(|fault| key_file::diagnose(&fault, "JAVALI.ssh", file).sentence())
}

type Parse = fn(&[u8], usize) -> Result<PublicKey, String>;
type Wrap = fn(&[u8]) -> Vec<u8>;

/// Each accepted form: its file, how it is parsed, and how its inner bytes are wrapped.
fn forms() -> [(&'static [u8], Parse, Wrap); 3] {
    [
        (&KEY.spki, from_pem, |der| pem("PUBLIC KEY", der)),
        (&KEY.pkcs1, from_pem, |der| pem("RSA PUBLIC KEY", der)),
        (&KEY.ssh, from_openssh, |blob| ssh_line("ssh-rsa", blob)),
    ]
}

#[test]
fn a_file_is_no_key_until_the_last_byte_of_the_key_is_there() {
    for (file, parse, _) in forms() {
        let whole = fingerprint_of(&parse(file, FEWEST_BITS).unwrap());
        let comment = file.iter().rposition(|&byte| byte == b' ').filter(|_| file.starts_with(b"ssh-rsa"));
        let end_of_key = comment.unwrap_or(file.trim_ascii_end().len());
        for cut in [file.to_vec(), String::from_utf8_lossy(file).replace('\n', "\r\n").into_bytes()] {
            let end_of_key =
                end_of_key + cut[..cut.trim_ascii_end().len()].iter().filter(|&&byte| byte == b'\r').count();
            for length in 0..=cut.len() {
                match parse(&cut[..length], FEWEST_BITS) {
                    Ok(key) => {
                        assert!(length >= end_of_key, "the first {length} bytes of {} are a key", cut.len());
                        assert_eq!(fingerprint_of(&key), whole);
                    }
                    Err(error) => {
                        assert!(length < end_of_key, "{length} of {}: {error}", cut.len());
                        assert_is_plain(&error);
                        let ways_out = ["copy", "export", "make"];
                        assert!(ways_out.iter().any(|way_out| error.contains(way_out)), "{length}: {error}");
                    }
                }
                // In the other kind of file it is never a key, and never a panic.
                assert!(from_pem(&cut[..length], FEWEST_BITS).is_err() || comment.is_none());
                assert!(from_openssh(&cut[..length], FEWEST_BITS).is_err() || comment.is_some());
            }
        }
    }
}

#[test]
fn a_key_cut_within_its_wrapping_is_refused_as_cut() {
    for (file, parse, wrap) in forms() {
        let inner = inner(file);
        for length in 0..inner.len() {
            let error = parse(&wrap(&inner[..length]), FEWEST_BITS).unwrap_err();
            assert!(error.contains("cut or damaged") || length == 0, "{length}: {error}");
        }
    }
}

#[test]
fn no_changed_byte_of_a_key_goes_unnoticed_or_makes_a_panic() {
    for (file, parse, wrap) in forms() {
        let whole = fingerprint_of(&parse(file, FEWEST_BITS).unwrap());
        let inner = inner(file);
        for at in 0..inner.len() {
            for change in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
                let mut changed = inner.clone();
                changed[at] ^= change;
                match parse(&wrap(&changed), FEWEST_BITS) {
                    Ok(key) => assert_ne!(fingerprint_of(&key), whole, "byte {at} changed by {change:#04x}"),
                    Err(error) => assert_is_plain(&error),
                }
            }
        }
        // And in the file as it stands, where a line's end or the comment may change.
        for (at, change) in (0..file.len()).flat_map(|at| [(at, 0x01), (at, 0x20), (at, 0x80), (at, 0xff)]) {
            let mut changed = file.to_vec();
            changed[at] ^= change;
            if let Err(error) = parse(&changed, FEWEST_BITS) {
                assert_is_plain(&error);
            }
        }
    }
}

#[test]
fn der_that_is_not_in_its_one_form_is_refused() {
    let (n, e) = ([&[0], &modulus(2048)[..]].concat(), [1, 0, 1]);
    let pkcs1 = sequence(&[&integer(&n), &integer(e)]);
    let oid = der(0x06, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]);
    let null = der(0x05, []);
    let bits = |unused: u8, key: &[u8]| der(0x03, [&[unused], key].concat());
    let spki = |algorithm: &[&[u8]], bits: &[u8]| sequence(&[&sequence(algorithm), bits]);
    let good = spki(&[&oid, &null], &bits(0, &pkcs1));
    assert!(PublicKey::from_pem(&pem("PUBLIC KEY", &*good), FEWEST_BITS).is_ok());
    assert!(PublicKey::from_pem(&pem("RSA PUBLIC KEY", &*pkcs1), FEWEST_BITS).is_ok());

    // The element in place of a length octet: content of 3 bytes as 81 03, and as indefinite.
    let long = [&[0x02, 0x81, 0x03], &e[..]].concat();
    let longer = [&[0x02, 0x82, 0x00, 0x03], &e[..]].concat();
    let indefinite = [&[0x30, 0x80], &pkcs1[4..], &[0, 0]].concat();
    let four_bytes_long = [&[0x30, 0x84, 0, 0], &pkcs1[2..]].concat();
    let numbers = [
        ("n with a zero in front", sequence(&[&integer([&[0], &n[..]].concat()), &integer(e)])),
        ("n negative", sequence(&[&integer(&n[1..]), &integer(e)])),
        ("n as negative as can be", sequence(&[&integer([&[0x80], &n[2..]].concat()), &integer(e)])),
        ("n empty", sequence(&[&integer([]), &integer(e)])),
        ("e with a zero in front", sequence(&[&integer(&n), &integer([0, 1, 0, 1])])),
        ("e negative", sequence(&[&integer(&n), &integer([0xff])])),
        ("e empty", sequence(&[&integer(&n), &integer([])])),
        ("e missing", sequence(&[&integer(&n)])),
        ("a third number", sequence(&[&integer(&n), &integer(e), &integer([0])])),
        ("length with a byte too many", sequence(&[&integer(&n), &long])),
        ("length with two bytes too many", sequence(&[&integer(&n), &longer])),
        ("length indefinite", indefinite),
        ("length of four bytes", four_bytes_long),
        ("a SET", der(0x31, &pkcs1[4..])),
        ("e an ENUMERATED", sequence(&[&integer(&n), &der(0x0a, e)])),
        ("bytes behind the SEQUENCE", [&pkcs1[..], &[0]].concat()),
        ("nothing", Vec::new()),
    ];
    for (what, der) in &numbers {
        for file in [pem("RSA PUBLIC KEY", &**der), pem("PUBLIC KEY", spki(&[&oid, &null], &bits(0, der)))] {
            assert_damaged(what, from_pem, &file);
        }
    }
    for (what, der) in [
        ("bytes behind the SEQUENCE", [&good[..], &[0]].concat()),
        ("unused bits", spki(&[&oid, &null], &bits(1, &pkcs1))),
        ("no BIT STRING", spki(&[&oid, &null], &[])),
        ("an empty BIT STRING", spki(&[&oid, &null], &der(0x03, []))),
        ("an OCTET STRING", spki(&[&oid, &null], &der(0x04, [&[0], &pkcs1[..]].concat()))),
        ("two keys", sequence(&[&sequence(&[&oid, &null]), &bits(0, &pkcs1), &bits(0, &pkcs1)])),
        ("no NULL", spki(&[&oid], &bits(0, &pkcs1))),
        ("a NULL of one byte", spki(&[&oid, &der(0x05, [0])], &bits(0, &pkcs1))),
        ("two NULLs", spki(&[&oid, &null, &null], &bits(0, &pkcs1))),
        ("no algorithm", spki(&[], &bits(0, &pkcs1))),
    ] {
        assert_damaged(what, from_pem, &pem("PUBLIC KEY", der));
    }
    for mislabelled in [pem("PUBLIC KEY", pkcs1), pem("RSA PUBLIC KEY", good)] {
        let error = from_pem(&mislabelled, FEWEST_BITS).unwrap_err();
        assert!(error.contains("the other way round; export it again"), "{error}");
    }
}

#[track_caller]
fn assert_damaged(what: &str, parse: Parse, file: &[u8]) {
    let error = parse(file, FEWEST_BITS).expect_err(what);
    assert!(error.contains("damaged") && error.contains("copy"), "{what}: {error}");
}

#[test]
fn an_openssh_blob_that_is_not_in_its_one_form_is_refused() {
    let (kind, n) = (ssh_strings(&[b"ssh-rsa"]), [&[0], &modulus(2048)[..]].concat());
    let blob = |e: &[u8], n: &[u8]| ssh_strings(&[b"ssh-rsa", e, n]);
    let line = |blob: &[u8]| ssh_line("ssh-rsa", blob);
    let good = blob(&[1, 0, 1], &n);
    assert!(PublicKey::from_openssh(&line(&good), FEWEST_BITS).is_ok());
    for (what, blob) in [
        ("n negative", blob(&[1, 0, 1], &n[1..])),
        ("n with a zero in front", blob(&[1, 0, 1], &[&[0], &n[..]].concat())),
        ("e with a zero in front", blob(&[0, 1, 0, 1], &n)),
        ("e negative", blob(&[0x81], &n)),
        ("e empty", blob(&[], &n)),
        ("another kind within", [&ssh_strings(&[b"ssh-dss"]), &good[kind.len()..]].concat()),
        ("bytes behind n", [&good[..], &[0]].concat()),
        ("a third number", [&good[..], &ssh_strings(&[&[1]])].concat()),
        ("a length beyond the end", [&kind[..], &[0xff; 4], &[1, 0, 1]].concat()),
    ] {
        assert_damaged(what, from_openssh, &line(&blob));
    }
    for base64 in ["", "AAAA", "AAAAB3Nz=", "AAAA-_==", "\u{e7}"] {
        let error = from_openssh(format!("ssh-rsa {base64}").as_bytes(), FEWEST_BITS).unwrap_err();
        assert!(error.contains("base64 is cut or damaged"), "{base64}: {error}");
    }
}

#[test]
fn damaged_pem_is_refused_whatever_is_in_it() {
    let good = String::from_utf8(KEY.spki.clone()).unwrap();
    for (from, to) in [
        ("-----END PUBLIC KEY-----", "-----END RSA PUBLIC KEY-----"),
        ("-----END PUBLIC KEY-----", "-----END \x1b[2J-----"),
        ("-----BEGIN PUBLIC KEY-----\n", "-----BEGIN PUBLIC KEY-----\n\x1b[2Jheader\n\n"),
        ("-----BEGIN PUBLIC KEY-----", "-----BEGIN \x1b[2J-----"),
        ("-----BEGIN PUBLIC KEY-----\nM", "-----BEGIN PUBLIC KEY-----\n!"),
        ("AQAB\n", "AQA\n"),
        ("-----END", "\n-----BEGIN"),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good);
        said_of("JAVALI.pem", changed.as_bytes());
    }
    said_of("JAVALI.ssh", &[b"ssh-", &b"\x1b".repeat(60_000)[..], b" AAAA"].concat());
    said_of("JAVALI.ssh", &[b"\x1b[2J", &b"a".repeat(60_000)[..], b" AAAA"].concat());
}

// --allow-weak-keys

#[test]
fn with_weak_keys_allowed_one_of_1024_bits_verifies() {
    for bits in [1024, 1025, 2047] {
        let private = private_key("JAVALI", bits);
        let directory = directory_with(&[("JAVALI.pem", &Forms::of(&private).spki)]);
        let setup = load(directory.path(), true).unwrap();
        assert_eq!(served(&setup), ["JAVALI", "HEARTBEAT"]);
        let token = signed(&private);
        let token = jws::parse(token.as_bytes()).unwrap();
        let keys = &setup.class.keys;
        assert!(token.verify(keys[0].as_ref().unwrap()).is_ok(), "{bits} bits");
        assert!(token.verify(keys[5].as_ref().unwrap()).is_err(), "another key");
        assert_eq!(served(&load(directory.path(), false).unwrap()), ["HEARTBEAT"]);
    }
}

#[test]
fn with_weak_keys_allowed_one_of_1023_bits_is_refused_all_the_same() {
    let directory = directory_with(&[("JAVALI.pem", &Forms::of(&private_key("JAVALI", 1023)).spki)]);
    let setup = load(directory.path(), true).unwrap();
    assert_eq!(served(&setup), ["HEARTBEAT"]);
    let [warning] = &setup.warnings[..] else { panic!("{:?}", setup.warnings) };
    assert!(warning.contains("1023 bits, fewer than 1024; make a new pair"), "{warning}");
}

// The secret

/// A fixed message's HMAC: two keys are the same if it is.
fn tag(key: &hmac::Key) -> Vec<u8> {
    hmac::sign(key, b"message").as_ref().to_vec()
}

#[test]
fn nothing_but_one_newline_is_taken_off_the_secret() {
    let binary: Vec<u8> = [0, b'\n', b'\r', 0xff, b' '].into_iter().cycle().take(40).collect();
    let ends = [("", ""), ("\n", ""), ("\r\n", ""), ("\n\n", "\n"), ("\r\n\r\n", "\r\n"), ("\r", "\r")];
    for base in [SECRET.as_bytes(), &binary, b"  with spaces around it, 42 characters  \t\t"] {
        for (end, left) in ends {
            let directory = directory_with(&[]);
            write_secret(&directory, [base, end.as_bytes()].concat());
            let secret = load(directory.path(), false).unwrap().class.secret;
            let expected = hmac::Key::new(hmac::HMAC_SHA256, &[base, left.as_bytes()].concat());
            assert_eq!(tag(&secret), tag(&expected), "{end:?}");
        }
    }
}

#[test]
fn the_secret_has_32_bytes_or_more_once_its_newline_is_off() {
    let load_one = |bytes, end| {
        let directory = directory_with(&[]);
        write_secret(&directory, "s".repeat(bytes) + end);
        assert_eq!(load(directory.path(), true).is_ok(), bytes > 0, "weak keys from 1 byte");
        load(directory.path(), false)
    };
    for (bytes, end) in [(32, ""), (32, "\n"), (31, "\n\n")] {
        load_one(bytes, end).unwrap();
    }
    for (bytes, end) in [(31, ""), (31, "\n"), (31, "\r\n"), (0, "\n"), (0, "")] {
        let error = load_one(bytes, end).unwrap_err();
        let expected = format!("key_secret_for_hmac.txt: it has {bytes} bytes, fewer than 32; make one: ");
        assert!(error.contains(&format!("keys_priv/{expected}")), "{error}");
    }
    assert!(keys::secret(&[0; 1 << 16], FEWEST_SECRET_BYTES).is_ok());
}

#[cfg(unix)]
#[test]
fn the_command_that_a_missing_secret_is_answered_with_makes_a_start_succeed() {
    let scratch = Scratch::new();
    let class = directory_with(&[]);
    let directory = scratch.file("a class's own");
    fs::rename(class.path(), &directory).unwrap();
    let secret = directory.join("keys_priv/key_secret_for_hmac.txt");
    let spoil: [fn(&Path); 3] = [
        |secret| fs::remove_file(secret).unwrap(),
        |secret| fs::remove_dir_all(secret.parent().unwrap()).unwrap(),
        |secret| fs::write(secret, "short\n").unwrap(),
    ];
    for spoil in spoil {
        spoil(&secret);
        let error = load(&directory, false).unwrap_err();
        assert!(error.starts_with(&format!("{}: ", secret.display())), "{error}");
        let (_, command) = error.split_once("make one: ").unwrap();
        assert!(command.contains("openssl rand -hex 32"), "{command}");
        run("sh", &["-c", command]);
        assert_eq!(load(&directory, false).unwrap().warnings, [""; 0]);
    }
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_can_read_is_warned_of_with_the_command_that_mends_it() {
    let directory = directory_with(&[]);
    let secret = directory.file("keys_priv/key_secret_for_hmac.txt");
    for mode in [0o644, 0o640, 0o604, 0o660] {
        set_mode(&secret, mode);
        let [warning] = &load(directory.path(), false).unwrap().warnings[..] else { panic!("one warning") };
        assert!(warning.starts_with(&format!("{}: others on this machine", secret.display())), "{warning}");
        run("sh", &["-c", &warning[warning.find("chmod").unwrap()..]]);
        assert_eq!(load(directory.path(), false).unwrap().warnings, [""; 0]);
    }
}

// groups.json

#[test]
fn a_group_is_its_number_of_members_or_their_matriculas() {
    let longest = "A-z_".repeat(8);
    let all = (1..=255).map(|matricula| matricula.to_string()).collect::<Vec<_>>().join(", ");
    let lists = format!(r#""0": [20240001], "a-": [0, {}], "_": [{all}]"#, u64::MAX);
    let json = format!(r#" {{"ALFA": 1, "beta": 255, "{longest}": 2, {lists}}}"#);
    let table = groups_json::table(json.as_bytes()).unwrap();
    assert_eq!(table.len(), 6);
    for (name, members, roster) in [
        ("ALFA", 1, vec![]),
        ("beta", 255, vec![]),
        (&*longest, 2, vec![]),
        ("0", 1, vec![20_240_001]),
        ("a-", 2, vec![0, u64::MAX]),
        ("_", 255, (1..=255).collect()),
    ] {
        let group = &table[table.find(&name.to_uppercase()).unwrap()];
        assert_eq!((group.name.as_str(), group.members, &group.roster), (name, members, &roster));
        assert_eq!(table.find(&name.to_lowercase()), table.find(name));
    }
    assert_eq!(table.find("GAMA"), None);
    assert_eq!(table.find(""), None);
}

/// The groups of a class and their members.
fn found(directory: &Scratch) -> Vec<(String, u8)> {
    let table = load(directory.path(), false).unwrap().class.table;
    table.iter().map(|group| (group.name.clone(), group.members)).collect()
}

#[test]
fn without_a_groups_json_the_table_is_the_one_compiled_in() {
    let directory = directory_with(&[]);
    let compiled_in =
        [("JAVALI", 3), ("PINHAO", 3), ("BISSAU", 3), ("NONAME", 4), ("SOQUETINHO", 3), ("HEARTBEAT", 1)];
    assert_eq!(GROUPS, compiled_in);
    assert_eq!(found(&directory), compiled_in.map(|(name, members)| (name.to_string(), members)));
}

#[test]
fn a_groups_json_replaces_the_table() {
    let directory = directory_with(&[]);
    directory.write("groups.json", "{\"heartbeat\": 2}\r\n");
    assert_eq!(found(&directory), [("heartbeat".to_string(), 2)], "HEARTBEAT.pem serves it");
}

#[test]
fn a_groups_json_cut_anywhere_or_not_in_utf_8_is_refused() {
    let json = "{\"ALFA\": 3, \"BETA\": [20240001, 20240002]}\n";
    assert!(groups_json::table(json.as_bytes()).is_ok());
    for length in 0..json.len() - 1 {
        assert!(groups_json::table(&json.as_bytes()[..length]).is_err(), "{}", &json[..length]);
    }
    for bytes in [utf_16(json.as_bytes(), u16::to_le_bytes), b"{\"ALFA\xe7\": 3}".into()] {
        assert!(groups_json::table(&bytes).unwrap_err().found().starts_with("it is not JSON"));
    }
}
