//! One fault, one sentence: each table here holds faults of one thing with the sentence that is right, and
//! is run through everything that says a word about them.

use crate::common::{
    Class, PROGRAM, RS256, SECRET, Scratch, Server, Signer, claims, der, ended, ending_with, hexadecimal,
    is_signed, private_key, run, settings, ssh_blob, ssh_line, ssh_strings, utf_16, verified,
};
use base64::prelude::{BASE64_STANDARD, Engine};
use ring::hmac;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use udpsocket_jwt_server::claims::REPLY_HEADER;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::jws::sign;
use udpsocket_jwt_server::keys::without_newline;
use udpsocket_jwt_server::start::Fault;
use udpsocket_jwt_server::tools::faults::start::failure;
use udpsocket_jwt_server::tools::to_base64url;

/// What the start says of each file in `keys_pub`, in a class with a group for each of them.
fn said_at_the_start(class: &Class, names: &[String]) -> Vec<String> {
    let groups: Vec<_> = names.iter().map(|name| format!("\"{}\": 3", stem(name))).collect();
    class.directory.write("groups.json", format!("{{\"HEARTBEAT\": 1, {}}}", groups.join(", ")));
    let errors = Server::start(class, &["--quiet"]).errors();
    let keys_pub = class.directory.file("keys_pub");
    let said = |name: &String| {
        let start = format!("warning: {}/{name}: ", keys_pub.display());
        errors.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_string()
    };
    names.iter().map(said).collect()
}

fn stem(name: &str) -> &str {
    name.split_once('.').unwrap().0
}

/// What `check --key FILE` says: the file's fault, or what it is.
fn said_by_check(file: &Path) -> Result<String, String> {
    let command = &mut Command::new(PROGRAM);
    let ended = ended(command.args(["check", "--key"]).arg(file), b"");
    let start = format!("udpsocket-jwt-server: {}: ", file.display());
    match ended.errors.strip_prefix(&start) {
        Some(said) => Err(said.trim_end().into()),
        None => Ok(ended.output),
    }
}

fn openssl(arguments: &[&str]) -> Vec<u8> {
    run("openssl", arguments)
}

fn encode(tag: &str, der: impl Into<Vec<u8>>) -> Vec<u8> {
    pem::encode(&pem::Pem::new(tag, der)).into_bytes()
}

#[test]
fn a_key_file_is_told_the_same_at_the_start_and_by_check() {
    let private = private_key("JAVALI", 2048);
    let private = private.to_str().unwrap();
    let signer = Signer::new("JAVALI", 2048);
    let pem = String::from_utf8(signer.public_pem.clone()).unwrap();
    let spki = pem::parse(&pem).unwrap().into_contents();
    let lines: Vec<_> = pem.lines().filter(|line| !line.contains("-----")).collect();
    let blob = ssh_blob(&openssl(&["rsa", "-in", private, "-RSAPublicKey_out", "-outform", "DER"]));
    let ssh = String::from_utf8(ssh_line("ssh-rsa", &blob)).unwrap();
    let made = |options: &[&str]| openssl(&[options, &["-subj", "/CN=key", "-key", private]].concat());
    let scratch = Scratch::new();
    let certificate = scratch.write("certificate.pem", made(&["req", "-x509", "-days", "2"]));
    let path = certificate.to_str().unwrap();
    let certificate_der = openssl(&["x509", "-in", path, "-outform", "DER"]);
    let trusted = openssl(&["x509", "-in", path, "-trustout"]);
    let pkcs7 = openssl(&["crl2pkcs7", "-nocrl", "-certfile", path]);
    let pkcs7_der = openssl(&["crl2pkcs7", "-nocrl", "-certfile", path, "-outform", "DER"]);
    let elliptic = scratch.write(
        "elliptic.pem",
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    );
    let elliptic = |options: &[&str]| {
        openssl(&[&["pkey", "-pubout", "-in", elliptic.to_str().unwrap()], options].concat())
    };
    let ed25519 = ssh_line("ssh-ed25519", &ssh_strings(&[b"ssh-ed25519", &[0x5a; 32]]));
    let openssh_certificate = ssh_line("ssh-rsa-cert-v01@openssh.com", &[0xa5; 90]);
    let each_line =
        |before: &str| pem.lines().map(|line| format!("{before}{line}\n")).collect::<String>().into_bytes();
    let weak = private_key("JAVALI", 1024);
    let weak = openssl(&["pkey", "-pubout", "-in", weak.to_str().unwrap()]);
    let even = encode(
        "RSA PUBLIC KEY",
        der(0x30, [der(0x02, [&[0], &[0xfe; 256][..]].concat()), der(0x02, [3])].concat()),
    );
    let rsa = "make an RSA key: openssl genrsa -out my.pem 2048";
    let jwk = "export it as PEM: node -p 'crypto.createPublicKey({key:JSON.parse(fs.readFileSync(0)),\
               format:\"jwk\"}).export({type:\"spki\",format:\"pem\"})' < FILE";
    let of_certificate = "openssl x509 -in FILE -noout -pubkey prints the key in it";
    let chat = "copy it out of its file, not out of a chat or e-mail";
    let again = "export it again: openssl pkey -in my.pem -pubout";
    let other_way = "it says RSA PUBLIC KEY, and holds what PUBLIC KEY holds, or the other way round";
    let dashes = "a line in it has too few or too many dashes; write five dashes on each side: -----BEGIN";
    let no_word = "it is DER, not PEM; openssl rsa -pubin -inform DER -in FILE -out GROUP.pem";
    let plain_file = "copy the text into a plain file, GROUP.pem";
    let cases: Vec<(&str, Vec<u8>, String)> = vec![
        ("pem", vec![], "it is empty; copy the public key into it".into()),
        ("pem", b" \r\n\n".into(), "it is empty; copy the public key into it".into()),
        ("pem", std::fs::read(&certificate).unwrap(), format!("it is a certificate; {of_certificate}")),
        ("pem", trusted, format!("it is a certificate; {of_certificate}")),
        ("ssh", std::fs::read(&certificate).unwrap(), format!("it is a certificate; {of_certificate}")),
        (
            "pem",
            certificate_der,
            "it is a certificate, in DER; openssl x509 -inform DER -in FILE -noout -pubkey prints the key in it".into(),
        ),
        (
            "pem",
            made(&["req", "-new"]),
            "it is a certificate request; openssl req -in FILE -noout -pubkey prints the key in it".into(),
        ),
        (
            "pem",
            made(&["req", "-new", "-outform", "DER"]),
            "it is a certificate request, in DER; openssl req -inform DER -in FILE -noout -pubkey prints the key \
             in it".into(),
        ),
        (
            "pem",
            pkcs7,
            "it is PKCS#7, which holds certificates; openssl pkcs7 -in FILE -print_certs | openssl x509 -noout \
             -pubkey prints the key in it".into(),
        ),
        (
            "pem",
            pkcs7_der,
            "it is PKCS#7 in DER, which holds certificates; openssl pkcs7 -inform DER -in FILE -print_certs | \
             openssl x509 -noout -pubkey prints the key in it".into(),
        ),
        ("pem", spki.clone(), no_word.into()),
        ("pem", spki[24..].into(), no_word.into()),
        ("pem", elliptic(&[]), format!("it is an elliptic-curve key, not RSA (rsaEncryption); {rsa}")),
        ("pem", elliptic(&["-outform", "DER"]), format!("it is an elliptic-curve key, in DER; {rsa}")),
        ("pem", ed25519.clone(), "it is an ssh-ed25519 key; make an RSA key: ssh-keygen -t rsa -b 2048".into()),
        ("ssh", ed25519, "it is an ssh-ed25519 key; make an RSA key: ssh-keygen -t rsa -b 2048".into()),
        (
            "ssh",
            openssh_certificate,
            "it is an OpenSSH certificate; copy the line of the .pub file without -cert".into(),
        ),
        ("pem", br#"{"kty":"RSA","n":"sXc","e":"AQAB"}"#.into(), format!("it is a JSON Web Key; {jwk}")),
        (
            "pem",
            b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n".into(),
            "it is PuTTY's form (RFC 4716); ssh-keygen -i -f FILE > GROUP.ssh converts it".into(),
        ),
        (
            "pem",
            b"<RSAKeyValue><Modulus>sXc</Modulus></RSAKeyValue>".into(),
            "it is .NET's XML, RSAKeyValue; .NET: ExportSubjectPublicKeyInfoPem(), not ToXmlString".into(),
        ),
        ("pem", format!("{{\\rtf1 {}}}", pem.replace('\n', "\\par\n")).into(), format!("it is RTF, as a word processor saves; {plain_file}")),
        ("pem", b"PK\x03\x04\x14\0".into(), format!("it is a ZIP, or a document of Word; {plain_file}")),
        ("pem", b"\x89PNG\r\n".into(), "it is a picture; copy the text: a picture can't be read".into()),
        (
            "pem",
            [&b"\0\x05\x16\x07\0\x02\0\0Mac OS X        "[..], &[0; 200]].concat(),
            "it is what macOS keeps beside a file; copy the file itself, not the one that begins with ._".into(),
        ),
        ("pem", utf_16(&pem), "it is UTF-16, as PowerShell's > and Notepad's Unicode write it; save it as UTF-8".into()),
        ("ssh", [&b"\xff\xfe"[..], &utf_16(&ssh)].concat(), "it is UTF-16, as PowerShell's > and Notepad's Unicode write it; save it as UTF-8".into()),
        (
            "pem",
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n".into(),
            "it is a PGP key; hand in an RSA key, not PGP's".into(),
        ),
        (
            "pem",
            b"Public-Key: (2048 bit)\nModulus:\n    00:b1".into(),
            "it is what openssl -text prints; hand in the key, not what is printed of it".into(),
        ),
        (
            "pem",
            pem.replace('\n', "\\n").into(),
            "its line breaks are \\n, as two characters; write line breaks for \\n: printf '%b' \"$(cat FILE)\"".into(),
        ),
        ("pem", pem.replace('\n', "<br>\n").into(), "there is HTML in it; put plain text there: take the HTML out".into()),
        ("pem", each_line("> "), "it is quoted, as in e-mail; take the > off each line".into()),
        ("pem", each_line("\""), "it is the text of a program; take the quotes off each line".into()),
        ("pem", pem.replace("PUBLIC KEY", "PUBLIC\u{a0}KEY").into(), format!("there are spaces in it that are not ASCII; {chat}")),
        ("pem", pem.replace("-----", "\u{2014}\u{2014}-").into(), format!("its dashes are typographic; {chat}")),
        ("pem", pem.replace("--", "\u{2013}").into(), format!("its dashes are typographic; {chat}")),
        ("pem", pem.replace("-----", "----").into(), dashes.into()),
        ("pem", pem.replace("-----\n", "----\n").into(), dashes.into()),
        (
            "pem",
            "2048 SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU me (RSA)".into(),
            "it is a fingerprint; hand in the key, not its fingerprint".into(),
        ),
        (
            "pem",
            BASE64_STANDARD.encode(&pem).into(),
            "it is base64 of the whole PEM; decode it: base64 -d FILE > GROUP.pem".into(),
        ),
        (
            "pem",
            BASE64_STANDARD.encode(&ssh).into(),
            "it is base64 of the whole OpenSSH line; decode it: base64 -d FILE > GROUP.ssh".into(),
        ),
        (
            "pem",
            ssh[8..].into(),
            "it is the base64 of an OpenSSH line, without ssh-rsa; write ssh-rsa and a space before it".into(),
        ),
        (
            "pem",
            lines.join("\n").into(),
            "it is the base64 of a PEM, without its first and last line; put -----BEGIN and END PUBLIC KEY----- \
             around it".into(),
        ),
        ("pem", pem.replace("PUBLIC KEY", "RSA PUBLIC KEY").into(), format!("{other_way}; {again}")),
        ("pem", encode("PUBLIC KEY", &spki[24..]), format!("{other_way}; {again}")),
        ("pem", pem.replacen('A', "_", 1).into(), format!("there is a - or a _ in its base64: it is base64url; {chat}")),
        ("ssh", ssh.replacen(' ', "", 1).into(), "no space stands behind ssh-rsa; put a space behind ssh-rsa".into()),
        (
            "ssh",
            format!("{}\n{}", &ssh[..70], &ssh[70..]).into(),
            "the OpenSSH line is broken into lines; copy the line whole, on one line".into(),
        ),
        ("ssh", ssh.repeat(2).into(), "it has more than one line; leave only ssh-rsa AAAA... comment".into()),
        (
            "ssh",
            format!("example.org {ssh}").into(),
            "it begins with \"example.org\", not with ssh-rsa: ssh-rsa stands behind it, as in known_hosts; copy \
             the line of the .pub file, which begins with ssh-rsa".into(),
        ),
        ("ssh", ssh[..200].into(), "its base64 is cut or damaged; copy the line again, whole".into()),
        ("pem", pem.repeat(2).into(), "it has 2 PEM blocks; leave only the public key's".into()),
        ("pem", pem[..200].into(), "it is cut: the line -----END ...----- is missing; copy it again, whole".into()),
        (
            "pem",
            encode("PUBLIC KEY", &spki[..200]),
            "its DER is cut or damaged; copy the file again, whole, or export it again".into(),
        ),
        (
            "pem",
            encode("EC PARAMETERS", *b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
            "it is a PEM block \"EC PARAMETERS\", not PUBLIC KEY; export the public key".into(),
        ),
        (
            "pem",
            pem.replace("END PUBLIC", "END RSA PUBLIC").into(),
            "its PEM is damaged (its BEGIN and END lines differ); copy it again, whole".into(),
        ),
        ("pem", b"my key".into(), "there is no line -----BEGIN PUBLIC KEY----- in it; export the key as PEM".into()),
        (
            "pem",
            weak,
            "its modulus has 1024 bits, fewer than 2048; make a new pair: openssl genrsa -out my.pem 2048; a class \
             with such keys needs --allow-weak-keys".into(),
        ),
        (
            "pem",
            even,
            "its modulus is even: it was damaged on the way, or is no product of two large primes; copy it again, or \
             make a new pair".into(),
        ),
    ];
    let class = Class::new();
    let name =
        |(number, (extension, ..)): (usize, &(&str, Vec<u8>, String))| format!("K{number}.{extension}");
    let names: Vec<_> = cases.iter().enumerate().map(name).collect();
    for (name, (_, file, _)) in names.iter().zip(&cases) {
        class.directory.write(&format!("keys_pub/{name}"), file);
    }
    let at_the_start = said_at_the_start(&class, &names);
    for ((name, (_, file, right)), said) in names.iter().zip(&cases).zip(at_the_start) {
        assert_eq!(said, *right, "at the start: {}", file[..file.len().min(80)].escape_ascii());
        let said = said_by_check(&class.directory.file(&format!("keys_pub/{name}")));
        assert_eq!(said, Err(right.clone()), "by check: {}", file[..file.len().min(80)].escape_ascii());
    }
}

#[test]
fn a_private_key_is_a_fault_at_the_start_and_ones_own_for_check() {
    let path = private_key("JAVALI", 2048);
    let private = std::fs::read_to_string(&path).unwrap();
    let path = path.to_str().unwrap();
    let der = pem::parse(&private).unwrap().into_contents();
    let with_passphrase = ["-aes256", "-passout", "pass:secret"];
    let pkcs8 = openssl(&[&["pkey", "-in", path], &with_passphrase[..]].concat());
    let pkcs1 = openssl(&[&["rsa", "-in", path, "-traditional"], &with_passphrase[..]].concat());
    let openssh = |cipher: &str| {
        let contents = [b"openssh-key-v1\0", &ssh_strings(&[cipher.as_bytes()])[..], &[0; 64]].concat();
        encode("OPENSSH PRIVATE KEY", contents)
    };
    let weak = std::fs::read(private_key("JAVALI", 1024)).unwrap();
    let weak_too = std::fs::read(private_key("another", 2048)).unwrap();
    let elliptic = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let mut changed = der.clone();
    changed[700] ^= 1;
    let xml = "<RSAKeyValue><Modulus>sXc</Modulus><D>AQ</D></RSAKeyValue>";
    let cut = "it is a private key, cut or damaged: no whole block of PEM is in it; copy it again, whole";
    let damaged = "it is a private key, and its base64 or DER is cut or damaged; copy it again, whole";
    let form = |wrapping: &str| {
        format!(
            "it is a private key{wrapping}, in a form that can't be read here; name the public key, or the private \
             one as PEM"
        )
    };
    let passphrase = "it is a private key with a passphrase, which can't be read here; name the public key: \
                      openssl pkey -in FILE -pubout";
    let other =
        "it is a private key of another kind than RSA; make an RSA key: openssl genrsa -out my.pem 2048";
    let own = "it is a private key in OpenSSH's own form; make it PEM: ssh-keygen -p -m PEM -f FILE";
    let bits = "its modulus has 1024 bits, fewer than 2048; make a new pair: openssl genrsa -out my.pem 2048; a \
                class with such keys needs --allow-weak-keys";
    let half = &private[..private.len() / 2];
    let name_before = format!("PRIVATE_KEY={}\n", BASE64_STANDARD.encode(&der));
    let cases: Vec<(Vec<u8>, &str, Option<String>)> = vec![
        (private.clone().into(), "", None),
        (weak, "", Some(bits.into())),
        (weak_too, "", None),
        (half.into(), "", Some(cut.into())),
        (encode("PRIVATE KEY", changed), "", Some(damaged.into())),
        (encode("PRIVATE KEY", &der[..600]), "", Some(damaged.into())),
        (elliptic, "", Some(other.into())),
        (private.replace('\n', "\\n").into(), "", Some(form(""))),
        (format!("KEY=\"{}\"", private.replace('\n', "\\n")).into(), "", Some(form(""))),
        (BASE64_STANDARD.encode(&private).into(), " (in base64)", Some(form(" (in base64)"))),
        (name_before.into(), " (in base64)", Some(form(" (in base64)"))),
        (der.clone(), "", Some(form(""))),
        (encode("PUBLIC KEY", der), " (it says PUBLIC KEY)", Some(form(" (it says PUBLIC KEY)"))),
        (xml.into(), " (in .NET's XML)", Some(form(" (in .NET's XML)"))),
        (utf_16(&private), "", Some(form(""))),
        (pkcs8, " (with a passphrase)", Some(passphrase.into())),
        (pkcs1, " (with a passphrase)", Some(passphrase.into())),
        (openssh("aes256-ctr"), " (with a passphrase)", Some(passphrase.into())),
        (openssh("none"), "", Some(own.into())),
        (b"PuTTY-User-Key-File-3: ssh-rsa\r\nEncryption: none\r\n".into(), "", Some(form(""))),
    ];
    let class = Class::new();
    let names: Vec<_> = (0..cases.len()).map(|number| format!("K{number}.pem")).collect();
    for (name, (file, ..)) in names.iter().zip(&cases) {
        class.directory.write(&format!("keys_pub/{name}"), file);
    }
    let at_the_start = said_at_the_start(&class, &names);
    for ((name, (file, wrapping, right)), said) in names.iter().zip(&cases).zip(at_the_start) {
        let what = file[..file.len().min(80)].escape_ascii();
        let of_start = format!(
            "it has a PRIVATE key in it{wrapping}, with which whoever has read it can sign; make a new pair, and \
             hand in its public key alone"
        );
        assert_eq!(said, of_start, "at the start: {what}");
        let path = class.directory.file(&format!("keys_pub/{name}"));
        let said = said_by_check(&path).map_err(|said| said.replace(path.to_str().unwrap(), "FILE"));
        match right {
            Some(right) => assert_eq!(said.as_ref(), Err(right), "by check: {what}"),
            None => assert!(said.is_ok_and(|said| said.contains("never this file")), "by check: {what}"),
        }
    }
}

#[test]
fn a_groups_json_is_told_the_same_at_the_start_by_the_report_and_by_check() {
    let long = "A".repeat(33);
    let all = (1..=256).map(|matricula| matricula.to_string()).collect::<Vec<_>>().join(",");
    let wanted = r#"write {"ALFA": 3, "BETA": 4}"#;
    let name = "rename the group: 1 to 32 of A-Z a-z 0-9 _ -";
    let number = "write a number from 1 to 255, or a list of matriculas";
    let plain = "write a plain number, 1 to 255";
    let members =
        |found: &str, change: &str| format!("group ALFA: the number of members is {found}; {change}");
    let value = |found: &str, change: &str| format!("group ALFA: its value is {found}; {change}");
    let matricula = |found: &str, change: &str| format!("group ALFA: a matricula is {found}; {change}");
    let list =
        |group: &str| format!(r#"it is a list, and not an object of groups; write {{"{group}": 3, ...}}"#);
    let cases: Vec<(Vec<u8>, String)> = vec![
        (vec![], "it is not JSON: nothing stands there; write the JSON into it: it is empty".into()),
        (b"ALFA 3".into(), "it is not JSON: it is \"ALFA 3\"; write a JSON object, {...}".into()),
        (
            br#"{"ALFA": 3,}"#.into(),
            r#"it is not JSON: a comma with nothing behind it, at byte 10: "\": 3,}"; take the last comma off"#.into(),
        ),
        (
            br#"{"ALFA": 3} {"BETA": 3}"#.into(),
            r#"it is not JSON: something follows the object, at byte 12: " 3} {\"BETA\": 3}"; send one object: take what follows it off"#.into(),
        ),
        (
            br#"{"ALFA": 1e999}"#.into(),
            r#"it is not JSON: a number too large, at byte 9: "A\": 1e999}"; write a smaller number"#.into(),
        ),
        (
            b"{'ALFA': 3}".into(),
            r#"it is not JSON: a single quote, as Python and JavaScript have, at byte 1: "{\'ALFA\': 3}"; write double quotes, as JSON has (json.dumps does)"#.into(),
        ),
        (
            b"{ALFA: 3}".into(),
            r#"it is not JSON: a name without quotes, at byte 1: "{ALFA: 3}"; write each name in double quotes"#.into(),
        ),
        (
            b"{\"ALFA\": 3 // mine\n}".into(),
            r#"it is not JSON: a comment, at byte 11: ": 3 // mine\n}"; take the comment out: JSON has none"#.into(),
        ),
        (
            utf_16(r#"{"ALFA": 3}"#),
            "it is not JSON: every other byte is a NUL: it is UTF-16; encode it as UTF-8, not UTF-16".into(),
        ),
        (b"[]".into(), format!("it is a list, and not an object of groups; {wanted}")),
        (br#"["GAMA", "BETA"]"#.into(), list("GAMA")),
        (br#"[{"name": "GAMA", "members": 3}]"#.into(), list("GAMA")),
        (br#"[["GAMA", 3]]"#.into(), list("GAMA")),
        (b"3".into(), format!("it is the number 3; {wanted}")),
        (b"null".into(), format!("it is null; {wanted}")),
        (br#""ALFA""#.into(), format!("it is the string \"ALFA\"; {wanted}")),
        (b"{}".into(), format!("there is no group in it; {wanted}")),
        (
            br#"{"groups": {"ALFA": 3}}"#.into(),
            "the groups are a level too deep; take the groups out of the outer object".into(),
        ),
        (
            br#"{"turma": [{"ALFA": 3}]}"#.into(),
            "the groups are a level too deep; take the groups out of the outer object".into(),
        ),
        (br#"{"ALFA": 0}"#.into(), members("0", "give it a member or more, or leave it out")),
        (
            br#"{"ALFA": []}"#.into(),
            "group ALFA: its list of matriculas is empty; give it a member or more, or leave it out".into(),
        ),
        (br#"{"ALFA": 256}"#.into(), members("256", "write 1 to 255 members")),
        (
            br#"{"ALFA": 20240001}"#.into(),
            members("20240001", "write 1 to 255 members, or a list: [..] around a matricula"),
        ),
        (format!(r#"{{"ALFA": [{all}]}}"#).into(), "group ALFA: its list has 256 matriculas; list 255 matriculas or fewer".into()),
        (br#"{"ALFA": -1}"#.into(), members("-1", plain)),
        (br#"{"ALFA": 3.0}"#.into(), members("3.0", plain)),
        (br#"{"ALFA": "3"}"#.into(), value("the string \"3\"", "take the quotes off the number")),
        (br#"{"ALFA": "1, 2"}"#.into(), value("the string \"1, 2\"", "write a list of matriculas, [1, 2, 3]")),
        (br#"{"ALFA": null}"#.into(), value("null", number)),
        (br#"{"ALFA": true}"#.into(), value("true", number)),
        (br#"{"ALFA": {"members": 3}}"#.into(), value("an object", "write the number in the object's place")),
        (br#"{"ALFA": {"a": 1, "b": 2}}"#.into(), value("an object", "write a list of matriculas, [1, 2, 3]")),
        (br#"{"ALFA": [1, "2"]}"#.into(), matricula("the string \"2\"", "take the quotes off its matriculas")),
        (
            br#"{"ALFA": ["Ana"]}"#.into(),
            matricula("the string \"Ana\"", "list matriculas, which are numbers, not names"),
        ),
        (br#"{"ALFA": [1, -2]}"#.into(), matricula("the number -2", "write matriculas as integers, 0 or more")),
        (br#"{"ALFA": [[1]]}"#.into(), matricula("an array", "list plain matriculas, [1, 2, 3]")),
        (br#"{"ALFA": [{"n": 1}]}"#.into(), matricula("an object", "list plain matriculas, [1, 2, 3]")),
        (br#"{"ALFA": [7, 8, 7]}"#.into(), "matricula 7 is there twice (ALFA, ALFA); keep one".into()),
        (br#"{"ALFA": [7], "BETA": [8, 7]}"#.into(), "matricula 7 is there twice (ALFA, BETA); keep one".into()),
        (br#"{"ALFA": 1, "alfa": 1}"#.into(), "group ALFA is there twice (case does not count); keep one".into()),
        (br#"{"ALFA": 1, "ALFA": 1}"#.into(), "a group is there twice; keep one".into()),
        (br#"{"ALFA": 1, "BETA": 2, "\u0041LFA": 3}"#.into(), "a group is there twice; keep one".into()),
        (br#"{"": 1}"#.into(), format!("\"\" is no name for a group; {name}")),
        (br#"{"AL FA": 1}"#.into(), "\"AL FA\" is no name for a group; rename the group AL_FA".into()),
        (br#"{"ALFA ": 1}"#.into(), "\"ALFA \" is no name for a group; rename the group ALFA".into()),
        ("{\"A\u{c7}\u{c3}O\": 1}".into(), format!(r#""A\xc3\x87\xc3\x83O" is no name for a group; {name}"#)),
        (br#"{"../A": 1}"#.into(), format!("\"../A\" is no name for a group; {name}")),
        (br#"{"A\u001b[2J": 1}"#.into(), format!(r#""A\x1b[2J" is no name for a group; {name}"#)),
        (format!(r#"{{"{long}": 1}}"#).into(), format!("\"{long}\" is no name for a group; {name}")),
    ];
    let class = Class::new();
    let directory = class.directory.path().to_str().unwrap();
    for (json, right) in cases {
        let path = class.directory.write("groups.json", &json);
        let right = format!("udpsocket-jwt-server: {}: {right}\n", path.display());
        for command in [&["127.0.0.1", "0", directory][..], &["report", directory], &["check", directory]] {
            let said = ended(Command::new(PROGRAM).args(command), b"a token");
            let what = json.escape_ascii();
            assert_eq!((said.status, &said.errors), (Some(1), &right), "{what}: {command:?}");
        }
    }
}

#[test]
fn a_secret_that_a_student_could_not_type_is_told_the_same_at_the_start_and_by_check_without_a_word_of_it() {
    let made = "make one that can be typed: openssl rand -hex 32";
    let end = "a space, tab or CR stands at its end";
    let ascii = "there are characters in it that are not ASCII: UTF-8 and Latin-1 write them differently";
    let lines = "it has more than one line, as openssl rand -base64 64 prints";
    let one_line = "put it on one line: openssl rand -hex 32";
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (
            format!("\u{feff}{SECRET}\n").into(),
            "a byte order mark (EF BB BF) stands before it",
            "save it without byte order mark",
        ),
        (
            [&b"\xff\xfe"[..], &utf_16(SECRET)].concat(),
            "it is UTF-16, as PowerShell's > and Notepad's Unicode write it",
            "save it as plain ASCII, not UTF-16",
        ),
        (
            utf_16(SECRET),
            "it is UTF-16, as PowerShell's > and Notepad's Unicode write it",
            "save it as plain ASCII, not UTF-16",
        ),
        (format!("{SECRET} \n").into(), end, "take the space off its end"),
        (format!("{SECRET}\t").into(), end, "take the space off its end"),
        (format!("{SECRET}\r").into(), end, "take the space off its end"),
        (format!(" {SECRET}\n").into(), "white space stands before it", "take the space off its beginning"),
        (format!("{SECRET}\n{SECRET}\n").into(), lines, one_line),
        (
            format!("{SECRET}\n\n").into(),
            "more than one newline stands at its end",
            "leave one newline at its end, or none",
        ),
        (format!("{SECRET}\0").into(), "there is a NUL or another control character in it", made),
        (
            b"0123456789\x1b0123456789012345678901234567".into(),
            "there is a NUL or another control character in it",
            made,
        ),
        ((100..140).collect(), ascii, made),
        ("pal\u{e1}cio-da-pena-em-sintra-portugal".into(), ascii, made),
        (
            format!("\"{SECRET}\"\n").into(),
            "it stands in quotes, which count as part of it",
            "take the quotes off",
        ),
        (
            format!("SECRET={SECRET}\n").into(),
            "it reads NAME=value, all of which counts",
            "leave the value alone, without NAME=",
        ),
        (
            b"correct horse battery staple and more\n".into(),
            "there is a space in it, which is easily lost or doubled",
            made,
        ),
        (Signer::new("JAVALI", 2048).public_pem, "it is a key in PEM, and no plain text", made),
    ];
    let class = Class::new();
    let path = class.directory.file("keys_priv/key_secret_for_hmac.txt");
    let directory = class.directory.path().to_str().unwrap();
    let said = |secret: &[u8]| {
        class.directory.write("keys_priv/key_secret_for_hmac.txt", secret);
        let key = hmac::Key::new(hmac::HMAC_SHA256, without_newline(secret));
        let reply =
            sign(REPLY_HEADER, &format!(r#"{{"id_request":"{}","next_number":2}}"#, "0".repeat(64)), &key);
        let errors = Server::start(&class, &["--quiet"]).errors();
        let checked = ended(Command::new(PROGRAM).args(["check", directory]), reply.as_bytes());
        assert_eq!(checked.status, Some(0), "{checked:?}");
        let start = |word: &str| format!("{word}: {}: ", path.display());
        let of = |text: &str, word: &str| -> Vec<String> {
            let said = text.lines().filter_map(|line| line.strip_prefix(&start(word)));
            said.filter(|said| !said.starts_with("others on this machine")).map(String::from).collect()
        };
        [of(&errors, "warning"), of(&checked.output, "note")]
    };
    for (secret, found, change) in cases {
        let right = vec![format!("{found}, so what a student types gives another HMAC; {change}")];
        let what = secret.escape_ascii();
        assert_eq!(said(&secret), [right.clone(), right], "{what}");
    }
    for right in [SECRET.to_string(), format!("{SECRET}\n"), format!("{SECRET}\r\n"), format!("0x{SECRET}")] {
        assert_eq!(said(right.as_bytes()), [[""; 0]; 2], "{right}");
    }
}

#[test]
fn a_secret_with_too_few_bytes_is_told_the_same_at_the_start_and_by_check() {
    let class = Class::new();
    let directory = class.directory.path().display().to_string();
    let file = format!("{directory}/keys_priv/key_secret_for_hmac.txt");
    class
        .directory
        .write("keys_priv/key_secret_for_hmac.txt", "27 characters as it always was"[..27].replace(' ', "_"));
    let right = format!(
        "{file}: it has 27 bytes, fewer than 32; make one: (umask 077; mkdir -p {directory}/keys_priv; openssl rand \
         -hex 32 > {file}) # or keep it: --allow-weak-keys"
    );
    let start = ended(Command::new(PROGRAM).args(["127.0.0.1", "0", &directory]), b"");
    assert_eq!((start.status, start.errors), (Some(1), format!("udpsocket-jwt-server: {right}\n")));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"another");
    let reply = sign(REPLY_HEADER, r#"{"id_request":"","next_number":2}"#, &key);
    let checked = ended(Command::new(PROGRAM).args(["check", &directory]), reply.as_bytes());
    assert!(checked.output.contains(&format!("\nnote: {right}\n")), "{checked:?}");
}

/// A token that is refused: the reason, what the refusal itself says, and the mistake behind it, each as what
/// was found and what to change.
type Token = (Vec<u8>, &'static str, [String; 2], Option<[String; 2]>);

fn tokens() -> Vec<Token> {
    let javali = Signer::new("JAVALI", 2048);
    let token = javali.message("JAVALI", 2, 7);
    let (signed, _) = token.rsplit_once('.').unwrap();
    let signature = javali.signature(signed.as_bytes());
    let payload = claims("JAVALI", 2, 7);
    let said = |found: &str, change: &str| [found.to_string(), change.to_string()];
    let of = |payload: &str| javali.sign(RS256, payload).into_bytes();
    let with = |members: &str| of(&ending_with(&payload, members));
    let by = |signature: &[u8]| format!("{signed}.{}", to_base64url(signature)).into_bytes();
    let compact = "a compact JWS is header.payload.signature";
    let base64url = "write base64url, which has A-Z a-z 0-9 - _ alone";
    let verify = "does not verify with the group's key";
    let sign =
        "sign the first two parts and their dot, RSASSA-PKCS1-v1_5 with SHA-256, the group's private key";
    let integer = "it must be an integer, 0 or more, like 1";
    let in_no_table = |name: &str| format!("claim group is \"{name}\", which is not in the server's table");
    let table = "write your group's name as the table has it";
    let header = token.split('.').next().unwrap().len();
    vec![
        (
            vec![],
            "not_a_jws",
            said("found an empty datagram", compact),
            Some(said("it holds nothing", "send the token: the variable or file was empty")),
        ),
        (
            b"hello, I am a token".into(),
            "not_a_jws",
            said("found \"hello, I am a token\" without a dot", compact),
            Some(said("it is some other text", "send a token: header.payload.signature")),
        ),
        (
            payload.clone().into(),
            "not_a_jws",
            said("found JSON (perhaps a JWS in JSON serialization)", compact),
            Some(said("it is JSON, sent without a signature", "sign it: send header.payload.signature")),
        ),
        (
            format!("{token}.{}.c2ln", to_base64url(b"{}")).into(),
            "not_a_jws",
            said("found 5 parts", compact),
            Some(said("found 5 parts", "send three parts: header.payload.signature")),
        ),
        (
            format!("b'{token}'").into(),
            "bad_base64",
            said(&format!("header ({} characters): byte 1 is \"\\'\"", header + 2), base64url),
            Some(said(
                "it is Python's print of a bytes object",
                "send token.encode(), not str(token): no b'...'",
            )),
        ),
        (
            format!("Bearer {token}").into(),
            "bad_base64",
            said(
                &format!("header ({} characters): byte 6 is \" \"", header + 7),
                "white space has no place in a token",
            ),
            Some(said("it is the value of HTTP's Authorization", "send the token alone, without Bearer")),
        ),
        (
            utf_16(&token),
            "bad_base64",
            said(&format!("header ({} characters): byte 1 is \"\\x00\"", 2 * header), base64url),
            Some(said(
                "every other byte is a NUL: it is UTF-16",
                "send ASCII bytes, not UTF-16 (wide) characters",
            )),
        ),
        (
            [token.as_bytes(), &[0; 8_000]].concat(),
            "too_large",
            said(
                &format!("the datagram has {} bytes, more than 4096", token.len() + 8_000),
                "shorten the claims",
            ),
            Some(said("8000 NULs stand behind the token", "send strlen() bytes, not the whole buffer")),
        ),
        (
            javali.sign(r#"{"alg":"HS256"}"#, &payload).into(),
            "wrong_alg",
            said("alg is the string \"HS256\"", "this server takes \"RS256\" alone"),
            Some(said("alg is the string \"HS256\"", "sign with RS256 and the private key, not HS256")),
        ),
        (
            javali.sign(r#"{"alg":"RS256","crit":["exp"]}"#, &payload).into(),
            "unsupported_crit",
            said(
                "crit lists extensions that must be understood, and this server has none",
                "leave crit out of the header",
            ),
            None,
        ),
        (
            of(&claims("JAVALY", 2, 7)),
            "unknown_group",
            said(&in_no_table("JAVALY"), table),
            Some([in_no_table("JAVALY") + ", and a letter off JAVALI", "write group JAVALI".into()]),
        ),
        (
            by(&javali.signature(format!("{signed}\n").as_bytes())),
            "bad_signature",
            said(verify, sign),
            Some(said(
                "well padded, the signature holds the SHA-256 of the signing input and a newline",
                "sign without the newline (printf '%s', not echo)",
            )),
        ),
        (
            by(hexadecimal(&signature).as_bytes()),
            "bad_signature",
            said(
                "the signature has 512 bytes, and one by the group's 2048-bit key has 256",
                "sign with the group's key, and encode the signature's bytes once",
            ),
            Some(said("it is hexadecimal text in base64url", "encode the signature's bytes, not their text")),
        ),
        (
            with(r#""seq_number":"2""#),
            "bad_claim",
            said("claim seq_number is the string \"2\"", integer),
            Some(said("claim seq_number is the string \"2\"", "take the quotes off seq_number: a number")),
        ),
        (
            of(&payload.replace("seq_number", "seq_num")),
            "bad_claim",
            said("claim seq_number is absent", integer),
            Some(said(
                "there is a claim \"seq_num\", and no seq_number",
                "rename claim seq_num to seq_number",
            )),
        ),
        (
            with(r#""exp":1"#),
            "expired",
            said("exp passed many years ago", "sign anew, with an exp to come"),
            Some(said(
                "exp is 1: a span, or never set? It counts seconds from 1970",
                "write exp as now in seconds plus a span",
            )),
        ),
        (
            with(r#""nbf":1900000000000"#),
            "not_yet_valid",
            said("nbf is many years ahead", "wait, or set your clock"),
            Some(said(
                "nbf is 1900000000000, of the year 3500 or later",
                "write nbf in seconds, not milliseconds",
            )),
        ),
        (
            with(r#""aud":"me""#),
            "wrong_audience",
            said("claim aud is the string \"me\"", "leave claim aud out: this server is nobody's audience"),
            None,
        ),
    ]
}

#[test]
fn a_token_is_told_the_same_by_check_the_log_and_an_explanation() {
    let tokens = tokens();
    let (plain, explained) = (Class::new(), Class::new());
    let plain_server = Server::start(&plain, &["--quiet", "--no-sync"]);
    let explaining = Server::start(&explained, &["--quiet", "--no-sync", "--explain"]);
    for (number, (token, reason, [found, change], mistake)) in tokens.iter().enumerate() {
        let what = token[..token.len().min(60)].escape_ascii();
        let sentence = format!("{found}; {change}");
        let client = plain_server.client();
        client.send(token);
        let logged = &plain.requests(number + 1)[number];
        assert_eq!(
            (logged["outcome"].as_str(), logged["detail"].as_str()),
            (Some(*reason), Some(&*sentence)),
            "{what}"
        );

        let directory = plain.directory.path().to_str().unwrap();
        let checked = ended(Command::new(PROGRAM).args(["check", directory]), token).output;
        let said = match mistake {
            None => format!("\n{reason}: {sentence}\n"),
            Some([same, change]) if same == found => format!("\n{reason}: {found}\n{change}\n"),
            Some([found_too, change]) => format!("\n{reason}: {found}\n{change} ({found_too})\n"),
        };
        assert!(checked.contains(&said), "{what}: {said:?} is not in {checked:?}");

        let [found, change] = mistake.as_ref().unwrap_or(&[found.clone(), change.clone()]).clone();
        let told = format!("{change} ({found})");
        // Explanations get a tenth of the time, and to open a signature takes long in an unoptimized build.
        let rest = if *reason == "bad_signature" { 800 } else { 60 };
        std::thread::sleep(std::time::Duration::from_millis(rest));
        let client = explaining.client();
        client.send(token);
        let logged = &explained.requests(number + 1)[number];
        // What is too short for any explanation is not looked at twice.
        let is_too_short = format!("{reason}: \n").len() >= token.len();
        let logged_as = if is_too_short { &sentence } else { &told };
        assert_eq!(logged["detail"].as_str(), Some(&**logged_as), "{what}");
        let reply =
            client.receive(std::time::Duration::from_millis(if token.len() < 40 { 50 } else { 5_000 }));
        let reply = reply.unwrap_or_default();
        match (is_signed(reason), mistake) {
            _ if reply.is_empty() => assert!(format!("{reason}: {change}\n").len() >= token.len(), "{what}"),
            (true, _) => {
                let detail = verified(&reply)["detail"].as_str().unwrap().to_string();
                assert!(
                    told.starts_with(&detail) && detail.len() >= change.len().min(20),
                    "{what}: {detail}"
                );
            }
            (false, Some(_)) => assert_eq!(reply, format!("{reason}: {change}\n"), "{what}"),
            (false, None) => assert_eq!(reply, format!("{reason}: {told}\n"), "{what}"),
        }
    }
}

#[test]
fn an_address_that_cannot_be_bound_is_told_with_the_way_out() {
    let settings = settings("class".as_ref(), "class".as_ref());
    for (kind, way_out) in [
        (ErrorKind::AddrInUse, "stop it, or choose another PORT (0 takes a free one)"),
        (ErrorKind::AddrNotAvailable, "0.0.0.0 serves them all"),
        (ErrorKind::PermissionDenied, "; choose a PORT from 1024"),
        (ErrorKind::Other, "; choose another ADDRESS or PORT"),
    ] {
        let said = failure(&Fault::Bind(kind.into()), &settings, &Table::compiled_in());
        assert!(said.starts_with("127.0.0.1:0: cannot be bound: ") && said.ends_with(way_out), "{said}");
    }
}
