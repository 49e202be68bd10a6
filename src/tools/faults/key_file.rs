//! A file that was handed in as a public key, and why it gives none. The rules are those of
//! [`crate::keys`]; what a file is instead is found out here, and told without a word of what is
//! in it: that is not fit for a terminal, or is a secret.
//!
//! ```
//! use udpsocket_jwt_server::keys::KeyFault;
//! use udpsocket_jwt_server::tools::faults::key_file;
//!
//! let file = b"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n";
//! let diagnosis = key_file::diagnose(&KeyFault::Form, "ALFA.pem", file);
//! assert_eq!(diagnosis.found(), "it is a certificate");
//! assert_eq!(diagnosis.change(), "openssl x509 -in FILE -noout -pubkey prints the key in it");
//! ```

use super::encodings::{contains, find, from_base64, from_hexadecimal, replaced, wide, without_mark};
use super::{Diagnosis, Form, Row};
use crate::keys::{
    self, INTEGER, KeyFault, MOST_BITS, OBJECT_IDENTIFIER, PublicKey, SEQUENCE, count, element,
    multiplications,
};
use crate::tools::print::{escaped, quote};
use pem::{Pem, PemError};
use std::io::ErrorKind;

const NEW_PAIR: &str = "make a new pair, and hand in its public key alone";
const AGAIN: &str = "export it again: openssl pkey -in my.pem -pubout";
const COPY: &str = "copy it again, whole";
const FILE: &str = "copy the text into a plain file, GROUP.pem";
const TYPED: &str = "copy it out of its file, not out of a chat or e-mail";
const RSA: &str = "make an RSA key: openssl genrsa -out my.pem 2048";

/// Texts that tell a file of another kind, what to change and what was found.
type Marked = (&'static [&'static [u8]], &'static str, &'static str);

/// What begins a file that is no text: the bytes by which each of these forms is known.
const BEGINNINGS: [Marked; 5] = [
    (&[b"PK\x03\x04", b"\xd0\xcf\x11\xe0"], FILE, "it is a ZIP, or a document of Word"),
    (&[b"%PDF-"], FILE, "it is a PDF"),
    (&[b"\x89PNG", b"\xff\xd8\xff"], "copy the text: a picture can't be read", "it is a picture"),
    (&[b"\x1f\x8b\x08"], "unpack it first", "it is gzip"),
    (
        &[b"\0\x05\x16\x07"],
        "copy the file itself, not the one that begins with ._",
        "it is what macOS keeps beside a file",
    ),
];

/// What stands anywhere in a text of another kind. A public key in PEM or OpenSSH's form has none of these: each
/// has a character that base64 lacks, or is longer than chance makes.
const MARKS: [Marked; 18] = [
    (
        &[b"BEGIN CERTIFICATE-----", b"BEGIN TRUSTED CERTIFICATE-----"],
        "openssl x509 -in FILE -noout -pubkey prints the key in it",
        "it is a certificate",
    ),
    (
        &[b"CERTIFICATE REQUEST-----"],
        "openssl req -in FILE -noout -pubkey prints the key in it",
        "it is a certificate request",
    ),
    (
        &[b"BEGIN PKCS7-----", b"BEGIN CMS-----"],
        "openssl pkcs7 -in FILE -print_certs | openssl x509 -noout -pubkey prints the key in it",
        "it is PKCS#7, which holds certificates",
    ),
    (
        &[b"-cert-v01@openssh.com"],
        "copy the line of the .pub file without -cert",
        "it is an OpenSSH certificate",
    ),
    (
        &[b"\"keys\":[", b"\"keys\": ["],
        "take one key out of the list, and export it as PEM",
        "it is a set of JSON Web Keys",
    ),
    (
        &[b"\"kty\""],
        "export it as PEM: node -p 'crypto.createPublicKey({key:JSON.parse(fs.readFileSync(0)),format:\"jwk\"})\
             .export({type:\"spki\",format:\"pem\"})' < FILE",
        "it is a JSON Web Key",
    ),
    (&[b"SSH2 PUBLIC KEY"], "ssh-keygen -i -f FILE > GROUP.ssh converts it", "it is PuTTY's form (RFC 4716)"),
    (
        &[b"<RSAKeyValue"],
        ".NET: ExportSubjectPublicKeyInfoPem(), not ToXmlString",
        "it is .NET's XML, RSAKeyValue",
    ),
    (&[b"{\\rtf"], FILE, "it is RTF, as a word processor saves"),
    (&[b"BEGIN PGP"], "hand in an RSA key, not PGP's", "it is a PGP key"),
    (&[b"+---[RSA"], "hand in the key, not randomart", "it is ssh-keygen's randomart"),
    (&[b"<!DOCTYPE", b"<html"], "hand in the file, not a page about it", "it is HTML"),
    (
        &[b"<br", b"&#10;", b"&#13;", b"&nbsp;", b"<p>"],
        "put plain text there: take the HTML out",
        "there is HTML in it",
    ),
    (
        &[b"-----\\n", b"-----\\r", b"\\n-----"],
        "write line breaks for \\n: printf '%b' \"$(cat FILE)\"",
        "its line breaks are \\n, as two characters",
    ),
    (&[b"> -----BEGIN", b"> ssh-rsa"], "take the > off each line", "it is quoted, as in e-mail"),
    (
        &[b"\"-----BEGIN", b"'-----BEGIN", b"\"ssh-rsa"],
        "take the quotes off each line",
        "it is the text of a program",
    ),
    (&[b"\xc2\xa0", b"\xe2\x80\x8b"], TYPED, "there are spaces in it that are not ASCII"),
    (&[b"ssh-rsaAAAA"], "put a space behind ssh-rsa", "no space stands behind ssh-rsa"),
];

/// What is told by more than a mark. Each is known by its content (a base64 that decodes to a key's DER, to a
/// PEM), or says only what was seen. The first that is found is told.
const FORMS: [Form; 16] = [
    (TYPED, "its dashes are typographic", |file| {
        let is_dash = |three: &[u8]| matches!(three, [0xe2, 0x80, 0x90..=0x95] | [0xe2, 0x88, 0x92]);
        contains(file, b"BEGIN ") && file.windows(3).any(is_dash)
    }),
    ("hand in the key, not its fingerprint", "it is a fingerprint", |file| {
        file.trim_ascii_start().starts_with(b"SHA256:") || contains(file, b" SHA256:") && file.len() < 200
    }),
    ("hand in the key, not what is printed of it", "it is what openssl -text prints", |file| {
        !contains(file, b"BEGIN ") && (contains(file, b"Public-Key: (") || contains(file, b"Modulus="))
    }),
    ("decode it: base64 -d FILE > GROUP.pem", "it is base64 of the whole PEM", |file| {
        from_base64(file).is_some_and(|inside| contains(&inside, b"-----BEGIN "))
    }),
    ("decode it: base64 -d FILE > GROUP.ssh", "it is base64 of the whole OpenSSH line", |file| {
        from_base64(file).is_some_and(|inside| inside.starts_with(b"ssh-rsa "))
    }),
    ("write ssh-rsa and a space before it", "it is the base64 of an OpenSSH line, without ssh-rsa", |file| {
        file.trim_ascii_start().starts_with(b"AAAAB3NzaC1yc2")
    }),
    (
        "put -----BEGIN and END PUBLIC KEY----- around it",
        "it is the base64 of a PEM, without its first and last line",
        |file| !contains(file, b"BEGIN") && from_base64(file).is_some_and(|inside| is_public_der(&inside)),
    ),
    (
        "put -----BEGIN and END RSA PUBLIC KEY----- around it",
        "it is the base64 of a PEM, without its first and last line",
        |file| {
            let is_pkcs_1 = |mut inside: &[u8]| {
                element(SEQUENCE, &mut inside).is_some_and(|key| key.starts_with(&[INTEGER, 0x82]))
            };
            !contains(file, b"BEGIN") && from_base64(file).is_some_and(|inside| is_pkcs_1(&inside))
        },
    ),
    (
        "base64 -d FILE | openssl x509 -inform DER -noout -pubkey prints the key in it",
        "it is a certificate's base64, without its first and last line",
        |file| !contains(file, b"BEGIN") && from_base64(file).is_some_and(|inside| is_certificate(&inside)),
    ),
    (
        "put it back into bytes: xxd -r -p FILE | openssl rsa -pubin -inform DER -out GROUP.pem",
        "it is hexadecimal of DER",
        |file| from_hexadecimal(file).is_some_and(|inside| is_public_der(&inside)),
    ),
    ("hand in your public key: this is what a client sends", "it is a token", |file| {
        crate::jws::split(file.trim_ascii()).is_ok_and(|token| crate::jws::json_object(&token.header).is_ok())
    }),
    ("copy the file itself: git lfs pull", "it is Git LFS's pointer to a file", |file| {
        file.starts_with(b"version https://git-lfs")
    }),
    (
        "write five dashes on each side: -----BEGIN",
        "a line in it has too few or too many dashes",
        has_other_dashes,
    ),
    (
        AGAIN,
        "it says RSA PUBLIC KEY, and holds what PUBLIC KEY holds, or the other way round",
        is_mislabelled,
    ),
    (
        "write its first and last line as openssl does: -----BEGIN PUBLIC KEY-----",
        "its dashes or its label are not PEM's",
        |file| {
            let lower = file.to_ascii_lowercase();
            !contains(file, b"-----BEGIN ") && contains(&lower, b"begin") && contains(&lower, b"public key-")
        },
    ),
    (TYPED, "there is a - or a _ in its base64: it is base64url", |file| {
        let is_base64 = |line: &&[u8]| !contains(line, b"-----") && line.len() > 40 && !contains(line, b" ");
        let inside = file.split(|&byte| byte == b'\n').filter(is_base64);
        contains(file, b"-----BEGIN ") && inside.flatten().any(|byte| b"-_".contains(byte))
    }),
];

/// Why the file of this name gives no key. `file` is what is in it.
pub fn diagnose(fault: &KeyFault, name: &str, file: &[u8]) -> Diagnosis {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let said = |change: &str, found: String| Diagnosis::new(change.to_string(), found);
    if let Some(wrapping) = private(file) {
        let found = format!("it has a PRIVATE key in it{wrapping}, with which whoever has read it can sign");
        return said(NEW_PAIR, found);
    }
    match fault {
        KeyFault::Private => said(NEW_PAIR, "it has a PRIVATE key in it".into()),
        KeyFault::Read(error) if error.kind() == ErrorKind::Other => {
            said("move it elsewhere", error.to_string())
        }
        KeyFault::Read(error) => {
            said("let the user that runs the server read it", format!("cannot be read: {error}"))
        }
        KeyFault::Name => match extension.to_ascii_lowercase().as_str() {
            "pem" | "ssh" => said(
                "rename it, or put the group into groups.json",
                "its name is that of no group in the table".into(),
            ),
            "pub" => {
                let stem = escaped(stem);
                let change =
                    format!("rename it to {stem}.ssh if it is an OpenSSH line, to {stem}.pem if it is PEM");
                said(&change, "its name ends in .pub".into())
            }
            _ => said("rename it or move it elsewhere", "its name ends in neither .pem nor .ssh".into()),
        },
        KeyFault::Form => of_form(file, extension.eq_ignore_ascii_case("ssh")),
        KeyFault::Bits(bits) if *bits < keys::FEWEST_BITS => {
            let (bound, weak) = match *bits {
                ..keys::FEWEST_BITS_WEAK => (keys::FEWEST_BITS_WEAK, ""),
                _ => (keys::FEWEST_BITS, "; a class with such keys needs --allow-weak-keys"),
            };
            said(
                &format!("make a new pair: openssl genrsa -out my.pem 2048{weak}"),
                format!("its modulus has {bits} bits, fewer than {bound}"),
            )
        }
        KeyFault::Bits(bits) => {
            said("make a new pair of 2048", format!("its modulus has {bits} bits, more than {MOST_BITS}"))
        }
        KeyFault::EvenModulus => {
            let found =
                "its modulus is even: it was damaged on the way, or is no product of two large primes";
            said("copy it again, or make a new pair", found.into())
        }
        KeyFault::Exponent(exponent) => {
            let found = exponent.map_or("too large".into(), |exponent| exponent.to_string());
            let found = format!("its exponent is {found}, not an odd number from 3 to 65537");
            said("copy it again, or make a new pair", found)
        }
        KeyFault::SlowExponent(exponent) => {
            let [its, most] = [*exponent, 65_537].map(multiplications);
            let found =
                format!("its exponent {exponent} takes {its} multiplications, more than 65537's {most}");
            said("make a new pair", found)
        }
    }
}

/// What a file is that is not, whole, in the form that its name promises.
fn of_form(file: &[u8], is_openssh: bool) -> Diagnosis {
    let wide = wide(file);
    let text = without_mark(wide.as_deref().unwrap_or(file));
    let holds = |all: &[&[u8]]| all.iter().any(|mark| contains(text, mark));
    let row = |row: Row| Diagnosis::from(row);
    if text.trim_ascii().is_empty() {
        return row(("copy the public key into it", "it is empty"));
    }
    let begins = |all: &[&[u8]]| all.iter().any(|beginning| file.starts_with(beginning));
    if let Some((_, change, found)) = BEGINNINGS.iter().find(|(all, ..)| begins(all)) {
        return row((change, found));
    }
    if matches!(file, [SEQUENCE, 0x81 | 0x82, ..]) || other_kind(file).is_some() {
        return of_der(file);
    }
    if wide.is_some() {
        return row(("save it as UTF-8", "it is UTF-16, as PowerShell's > and Notepad's Unicode write it"));
    }
    if let Some((_, change, found)) = MARKS.iter().find(|(all, ..)| holds(all)) {
        return row((change, found));
    }
    if let Some((change, found, _)) = FORMS.iter().find(|(.., is_found)| is_found(text)) {
        return row((change, found));
    }
    let line = text.trim_ascii();
    let is_pem = count(text, b"-----BEGIN ") > 0;
    let is_a_key = |key: Result<PublicKey, KeyFault>| !matches!(key, Err(KeyFault::Form));
    match is_openssh {
        true if is_pem && is_a_key(PublicKey::from_pem(text, keys::FEWEST_BITS)) => {
            row(("name the file GROUP.pem", "it is PEM"))
        }
        false if !is_pem && is_a_key(PublicKey::from_openssh(text, keys::FEWEST_BITS)) => {
            row(("name the file GROUP.ssh", "it is an OpenSSH line"))
        }
        _ if is_pem => of_pem(text),
        _ if is_openssh || is_openssh_kind(line) => of_openssh(line),
        _ if contains(line, b" ssh-rsa AAAA") || contains(line, b"\nssh-rsa AAAA") => of_openssh(line),
        _ => row(("export the key as PEM", "there is no line -----BEGIN PUBLIC KEY----- in it")),
    }
}

/// A text with the beginning of a PEM block.
fn of_pem(file: &[u8]) -> Diagnosis {
    let said = |change: &'static str, found: String| Diagnosis::new(change, found);
    match count(file, b"-----BEGIN ") {
        1 => {}
        blocks => return said("leave only the public key's", format!("it has {blocks} PEM blocks")),
    }
    if count(file, b"-----END ") == 0 {
        return said(COPY, "it is cut: the line -----END ...----- is missing".into());
    }
    let why = match pem::parse(file) {
        Ok(block) if is_certificate(block.contents()) => {
            return said(
                "openssl x509 -in FILE -noout -pubkey prints the key in it, once its lines say CERTIFICATE",
                "it is a certificate, and its lines do not say so".into(),
            );
        }
        Ok(block) if ["PUBLIC KEY", "RSA PUBLIC KEY"].contains(&block.tag()) => {
            return match other_kind(block.contents()).filter(|_| block.tag() == "PUBLIC KEY") {
                Some(kind) => said(RSA, format!("it is {kind} key, not RSA (rsaEncryption)")),
                None => {
                    said("copy the file again, whole, or export it again", "its DER is cut or damaged".into())
                }
            };
        }
        Ok(block) => {
            let tag = quote(block.tag().as_bytes());
            return said("export the public key", format!("it is a PEM block {tag}, not PUBLIC KEY"));
        }
        Err(PemError::MismatchedTags(..)) => "its BEGIN and END lines differ".into(),
        Err(PemError::InvalidHeader(_)) => "there is an empty line in it".into(),
        Err(error) => error.to_string(),
    };
    said(COPY, format!("its PEM is damaged ({why})"))
}

/// One line or more of another kind than PEM.
fn of_openssh(line: &[u8]) -> Diagnosis {
    let row = |row: Row| Diagnosis::from(row);
    let is_broken = line.starts_with(b"ssh-rsa ") && find(&line[8..], b"ssh-").is_none();
    if line.contains(&b'\n') {
        return match is_broken {
            true => row(("copy the line whole, on one line", "the OpenSSH line is broken into lines")),
            false => row(("leave only ssh-rsa AAAA... comment", "it has more than one line")),
        };
    }
    match line.split(u8::is_ascii_whitespace).next().unwrap_or_default() {
        b"ssh-rsa" => row(("copy the line again, whole", "its base64 is cut or damaged")),
        kind if is_openssh_kind(kind) => {
            let kind = kind[..kind.len().min(64)].escape_ascii();
            Diagnosis::new("make an RSA key: ssh-keygen -t rsa -b 2048", format!("it is an {kind} key"))
        }
        other => {
            let comes_later = contains(line, b" ssh-rsa AAAA");
            let found = if comes_later { ": ssh-rsa stands behind it, as in known_hosts" } else { "" };
            let found = format!("it begins with {}, not with ssh-rsa{found}", quote(other));
            Diagnosis::new("copy the line of the .pub file, which begins with ssh-rsa", found)
        }
    }
}

/// DER, by what its first elements are: a key's algorithm, a number, or a certificate's fields.
fn of_der(der: &[u8]) -> Diagnosis {
    let first = |mut der: &'_ [u8]| -> Option<(u8, Vec<u8>)> {
        let tag = *der.first()?;
        Some((tag, element(tag, &mut der)?.to_vec()))
    };
    let (change, found) = match first(der).and_then(|(_, content)| first(&content)) {
        _ if let Some(kind) = other_kind(der).filter(|kind| *kind != OTHER_KIND) => {
            return Diagnosis::new(RSA, format!("it is {kind} key, in DER"));
        }
        _ if is_certificate(der) => (
            "openssl x509 -inform DER -in FILE -noout -pubkey prints the key in it",
            "it is a certificate, in DER",
        ),
        Some((SEQUENCE, inner)) if inner.starts_with(&[0x02, 1, 0]) => (
            "openssl req -inform DER -in FILE -noout -pubkey prints the key in it",
            "it is a certificate request, in DER",
        ),
        Some((OBJECT_IDENTIFIER, _)) => (
            "openssl pkcs7 -inform DER -in FILE -print_certs | openssl x509 -noout -pubkey prints the key in it",
            "it is PKCS#7 in DER, which holds certificates",
        ),
        _ => ("openssl rsa -pubin -inform DER -in FILE -out GROUP.pem", "it is DER, not PEM"),
    };
    Diagnosis::new(change, found)
}

/// A certificate's first element is a SEQUENCE that begins with its version: a public key's begins with an
/// algorithm.
fn is_certificate(mut der: &[u8]) -> bool {
    let inner = element(SEQUENCE, &mut der).and_then(|mut fields| element(SEQUENCE, &mut fields));
    inner.is_some_and(|inner| inner.starts_with(&[0xa0, 3, INTEGER, 1]))
}

/// A `SubjectPublicKeyInfo` of RSA.
fn is_public_der(mut der: &[u8]) -> bool {
    let algorithm = element(SEQUENCE, &mut der).and_then(|mut info| element(SEQUENCE, &mut info));
    algorithm.is_some_and(|mut oid| element(OBJECT_IDENTIFIER, &mut oid) == Some(RSA_ENCRYPTION))
}

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const OTHER_KIND: &str = "another kind of";
const OTHER_KINDS: [(&[u8], &str); 5] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "an RSASSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], "an elliptic-curve"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "a DSA"),
    (&[0x2b, 0x65, 0x70], "an Ed25519"),
    (&[0x2b, 0x65, 0x6e], "an X25519"),
];

/// The kind of key that a `SubjectPublicKeyInfo` is for, if it is not RSA.
fn other_kind(mut der: &[u8]) -> Option<&'static str> {
    let mut info = element(SEQUENCE, &mut der)?;
    let mut algorithm = element(SEQUENCE, &mut info)?;
    let oid = element(OBJECT_IDENTIFIER, &mut algorithm).filter(|oid| *oid != RSA_ENCRYPTION)?;
    Some(OTHER_KINDS.iter().find(|(other, _)| oid == *other).map_or(OTHER_KIND, |(_, kind)| kind))
}

/// Whether a file begins as an OpenSSH line does.
pub fn is_openssh(file: &[u8]) -> bool {
    is_openssh_kind(without_mark(file))
}

fn is_openssh_kind(word: &[u8]) -> bool {
    [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"].iter().any(|prefix| word.starts_with(prefix))
}

/// Whether a whole line with BEGIN or END in it has not five dashes on each side. A line that ends the file
/// may be cut instead.
fn has_other_dashes(file: &[u8]) -> bool {
    let is_dash = |byte: &&u8| **byte == b'-';
    let lines: Vec<&[u8]> = file.trim_ascii().split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
    lines.iter().enumerate().any(|(number, line)| {
        let (before, behind) =
            (line.iter().take_while(is_dash).count(), line.iter().rev().take_while(is_dash).count());
        let text = line.get(before..line.len().saturating_sub(behind)).unwrap_or_default();
        let is_border =
            [&b"BEGIN "[..], b"END "].iter().any(|word| text.starts_with(word)) && text.ends_with(b"KEY");
        let is_cut = number + 1 == lines.len() && before == 5 && behind < 5;
        is_border && (before != 5 || behind != 5) && !is_cut
    })
}

/// `PUBLIC KEY` around PKCS#1, or `RSA PUBLIC KEY` around `SubjectPublicKeyInfo`: the first element
/// inside is an INTEGER in the one, a SEQUENCE in the other.
fn is_mislabelled(file: &[u8]) -> bool {
    let Ok(block) = pem::parse(file) else { return false };
    let ([0x30, 0x82, _, _, first, ..] | [0x30, 0x81, _, first, ..]) = *block.contents() else {
        return false;
    };
    matches!((block.tag(), first), ("PUBLIC KEY", 0x02) | ("RSA PUBLIC KEY", 0x30))
}

/// Whether a private key is in a file, in any wrapping, and which that is: beside a public key, in UTF-16,
/// in DER, in base64, behind a variable's name, with its line breaks written out.
pub fn private(file: &[u8]) -> Option<&'static str> {
    let wide = wide(file);
    let text = wide.as_deref().unwrap_or(file);
    let block = pem::parse(text).map(Pem::into_contents).unwrap_or_default();
    let is_xml = contains(text, b"<RSAKeyValue") && (contains(text, b"<D>") || contains(text, b"<P>"));
    let in_base64 = |word: &[u8]| {
        from_base64(word).filter(|inside| keys::has_private_key(inside) || is_private_der(inside))
    };
    // A word long enough for a key, behind NAME= or in quotes.
    let mut words = text.split(|byte| b"='\", \t".contains(byte)).filter(|word| word.len() > 64);
    match in_base64(text).or_else(|| words.find_map(in_base64)) {
        _ if is_encrypted(text) => Some(" (with a passphrase)"),
        _ if is_xml => Some(" (in .NET's XML)"),
        _ if keys::has_private_key(text) => Some(""),
        _ if keys::has_private_key(&replaced(text, b"\\n", b"\n")) || is_private_der(file) => Some(""),
        _ if is_private_der(&block) => Some(" (it says PUBLIC KEY)"),
        Some(inside) if is_encrypted(&inside) => Some(" (in base64, with a passphrase)"),
        Some(_) => Some(" (in base64)"),
        None => None,
    }
}

/// Whether a private key has a passphrase: PKCS#8's label, OpenSSL's old header, `PuTTY`'s, or the cipher
/// that OpenSSH's own form names.
fn is_encrypted(file: &[u8]) -> bool {
    let openssh = || {
        let contents = pem::parse(file).ok()?.into_contents();
        let cipher = contents.strip_prefix(b"openssh-key-v1\0")?;
        Some(!cipher.get(4..)?.starts_with(b"none"))
    };
    contains(file, b"BEGIN ENCRYPTED PRIVATE KEY")
        || contains(file, b"Proc-Type: 4,ENCRYPTED")
        || contains(file, b"Encryption: aes256-cbc")
        || openssh() == Some(true)
}

/// An `EncryptedPrivateKeyInfo`: an algorithm of PKCS#5 comes first.
fn is_encrypted_der(mut der: &[u8]) -> bool {
    let algorithm = element(SEQUENCE, &mut der).and_then(|mut info| element(SEQUENCE, &mut info));
    algorithm.is_some_and(|algorithm| contains(algorithm, PKCS_5))
}

/// PKCS#12 has version 3, and then a content of PKCS#7.
fn is_pkcs_12(mut der: &[u8]) -> bool {
    element(SEQUENCE, &mut der).is_some_and(|inside| inside.starts_with(&[INTEGER, 1, 3, SEQUENCE]))
}

const PKCS_5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5];

/// DER that begins with a version, as PKCS#1, PKCS#8, SEC 1 and PKCS#12 do and no public key does,
/// or that names an encryption of PKCS#5.
fn is_private_der(file: &[u8]) -> bool {
    let header = match file {
        [0x30, 0x82, ..] => 4,
        [0x30, 0x81, ..] => 3,
        [0x30, ..] => 2,
        _ => return false,
    };
    let content = file.get(header..).unwrap_or_default();
    content.starts_with(&[0x02, 1]) || contains(content, PKCS_5)
}

/// Why one's own private key can't be read where a key is only asked for, so that having it there is no
/// fault. `named` is the file as a word of a command.
pub fn of_own_private(file: &[u8], named: &str) -> Diagnosis {
    let public = format!("name the public key: openssl pkey -in {named} -pubout");
    let said = |change: String, found: &'static str| Diagnosis::new(change, found);
    let blocks = pem::parse_many(file).unwrap_or_default();
    let block = blocks.iter().find(|block| block.tag().ends_with("PRIVATE KEY"));
    match block {
        _ if is_encrypted(file) => {
            said(public, "it is a private key with a passphrase, which can't be read here")
        }
        Some(block) if block.tag() == "OPENSSH PRIVATE KEY" => said(
            format!("make it PEM: ssh-keygen -p -m PEM -f {named}"),
            "it is a private key in OpenSSH's own form",
        ),
        Some(block) if !["PRIVATE KEY", "RSA PRIVATE KEY"].contains(&block.tag()) => {
            said(RSA.into(), "it is a private key of another kind than RSA")
        }
        Some(block) if is_of_another_kind(block.contents()) => {
            said(RSA.into(), "it is a private key of another kind than RSA")
        }
        Some(block) if is_encrypted_der(block.contents()) => {
            said(public, "it is a private key with a passphrase, and its lines do not say ENCRYPTED")
        }
        Some(_) => said(COPY.into(), "it is a private key, and its base64 or DER is cut or damaged"),
        None if count(file, b"PRIVATE KEY-----") > 0 && find(file, b"\\n").is_none() => {
            said(COPY.into(), "it is a private key, cut or damaged: no whole block of PEM is in it")
        }
        None if is_pkcs_12(file) => said(
            format!(
                "openssl pkcs12 -in {named} -nokeys -clcerts | openssl x509 -noout -pubkey prints its public key"
            ),
            "it is PKCS#12 (.p12, .pfx), which holds a private key",
        ),
        None => {
            let wrapping = private(file).unwrap_or_default();
            Diagnosis::new(
                "name the public key, or the private one as PEM",
                format!("it is a private key{wrapping}, in a form that can't be read here"),
            )
        }
    }
}

/// Whether a PKCS#8 names another algorithm than RSA.
fn is_of_another_kind(der: &[u8]) -> bool {
    let oid = |mut der| {
        let mut info = element(SEQUENCE, &mut der)?;
        element(INTEGER, &mut info)?;
        element(OBJECT_IDENTIFIER, &mut element(SEQUENCE, &mut info)?)
    };
    oid(der).is_some_and(|oid| oid != RSA_ENCRYPTION)
}
