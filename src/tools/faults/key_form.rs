//! A file that was handed in as a public key: what it is instead, beside what
//! [`key_file`](crate::tools::faults::key_file) knows. What is in the file is not repeated.

use super::encodings::{find, from_base64, replaced};
use super::{Diagnosis, without_mark};
use crate::tools::faults::key_file::has_private_key;

/// What to change, what was found, and how it is told.
type Row = (&'static str, &'static str, fn(&[u8]) -> bool);

const AGAIN: &str = "export it again: openssl pkey -in my.pem -pubout";
const FILE: &str = "copy the text into a plain file, GROUP.pem";
const TYPED: &str = "copy it out of its file, not out of a chat or e-mail";

/// What begins a file of another kind, or stands anywhere in it.
const MARKS: [(&[&[u8]], &str, &str); 18] = [
    (&[b"PK\x03\x04", b"\xd0\xcf\x11\xe0"], FILE, "it is a ZIP, or a document of Word"),
    (&[b"{\\rtf"], FILE, "it is RTF, as a word processor saves"),
    (&[b"%PDF-"], FILE, "it is a PDF"),
    (&[b"\x89PNG", b"\xff\xd8\xff"], "copy the text: a picture can't be read", "it is a picture"),
    (&[b"\x1f\x8b\x08"], "unpack it first", "it is gzip"),
    (
        &[b"<RSAKeyValue"],
        ".NET: ExportSubjectPublicKeyInfoPem(), not ToXmlString",
        "it is .NET's XML, RSAKeyValue",
    ),
    (
        &[b"\"kty\""],
        "node: createPublicKey({key,format:\"jwk\"}).export (pem)",
        "it is a JSON Web Key: node -p 'crypto.createPublicKey({key:JSON.parse(fs.readFileSync(0)),format:\"jwk\"})\
         .export({type:\"spki\",format:\"pem\"})' < FILE prints it as PEM",
    ),
    (&[b"SSH2 PUBLIC KEY"], "ssh-keygen -i -f FILE > GROUP.ssh converts it", "it is PuTTY's form (RFC 4716)"),
    (&[b"BEGIN PGP"], "hand in an RSA key, not PGP's", "it is a PGP key"),
    (
        &[b"Public-Key: (", b"Modulus="],
        "hand in the key, not what is printed of it",
        "it is what openssl -text prints",
    ),
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

/// The first that is found is the cause.
const FORMS: [Row; 12] = [
    ("hand in the key, not its fingerprint", "it is a fingerprint", |file| {
        file.trim_ascii_start().starts_with(b"SHA256:") || has(file, b" SHA256:") && file.len() < 200
    }),
    ("decode it: base64 -d FILE > GROUP.pem", "it is base64 of the whole PEM", |file| {
        from_base64(file).is_some_and(|inside| has(&inside, b"-----BEGIN "))
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
        |file| {
            !has(file, b"BEGIN")
                && from_base64(file).is_some_and(|inside| matches!(inside[..], [0x30, 0x81 | 0x82, ..]))
        },
    ),
    (TYPED, "its dashes are typographic", |file| {
        file.windows(3).any(|three| {
            three.starts_with(b"\xe2\x80") && (0x90..=0x95).contains(&three[2]) || three == b"\xe2\x88\x92"
        }) && has(file, b"BEGIN ")
    }),
    ("write five dashes on each side: -----BEGIN", "it has too few or too many dashes", |file| {
        has(file, b"BEGIN ")
            && (!has(file, b"-----BEGIN ") || has(file, b"------") || !has(file, b"KEY-----"))
    }),
    ("break its lines: BEGIN, base64 and END on their own", "all of it is on one line", |file| {
        has(file, b"-----BEGIN ") && !file.trim_ascii().contains(&b'\n')
    }),
    (
        AGAIN,
        "it says RSA PUBLIC KEY, and holds what PUBLIC KEY holds, or the other way round",
        is_mislabelled,
    ),
    (TYPED, "there is a - or a _ in its base64: it is base64url", |file| {
        let inside = file
            .split(|&byte| byte == b'\n')
            .filter(|line| !has(line, b"-----") && line.len() > 40 && !has(line, b" "));
        has(file, b"-----BEGIN ") && inside.flatten().any(|byte| b"-_".contains(byte))
    }),
    ("copy the line whole, on one line", "the OpenSSH line is broken into lines", |file| {
        file.starts_with(b"ssh-rsa ")
            && file.trim_ascii().contains(&b'\n')
            && find(&file[8..], b"ssh-").is_none()
    }),
    ("begin the line with ssh-rsa", "other words stand before ssh-rsa, as in known_hosts", |file| {
        has(file, b" ssh-rsa AAAA") && !file.starts_with(b"ssh-rsa")
    }),
];

/// What a file is that is no public key in PEM or OpenSSH's form.
pub fn diagnose(file: &[u8]) -> Option<Diagnosis> {
    if let Some(private) = private(file) {
        return Some(private);
    }
    let file = without_mark(file);
    let is_marked = |marks: &[&[u8]]| marks.iter().any(|mark| has(file, mark));
    if let Some((_, change, found)) = MARKS.iter().find(|(marks, ..)| is_marked(marks)) {
        return Some(Diagnosis::new(*change, *found));
    }
    let (change, found, _) = FORMS.iter().find(|(.., is_found)| is_found(file))?;
    Some(Diagnosis::new(*change, *found))
}

/// What is said of a private key, in any wrapping that [`diagnose`] knows: whoever has read it can sign.
pub fn private(file: &[u8]) -> Option<Diagnosis> {
    const CHANGE: &str = "make a new pair, hand in its public key alone";
    let inside = from_base64(file).unwrap_or_default();
    let lines = replaced(&replaced(file, b"\\r", b""), b"\\n", b"\n");
    let block = pem::parse(file).map(pem::Pem::into_contents).unwrap_or_default();
    let is_xml = has(file, b"<RSAKeyValue") && (has(file, b"<D>") || has(file, b"<P>"));
    let found = match file {
        _ if is_encrypted(file) || is_encrypted(&inside) => "it is a private key with a passphrase",
        _ if is_xml => "it is a private key, in .NET's XML",
        _ if has_private_key(&inside) => "it is a private key, in base64",
        _ if has_private_key(file) || has_private_key(&lines) => "it is a private key",
        _ if has_private_key(&block) => "it says PUBLIC KEY, and holds a private key",
        _ => return None,
    };
    Some(Diagnosis::new(CHANGE, format!("{found}: whoever has read it can sign")))
}

/// Whether a private key has a passphrase: PKCS#8's label, OpenSSL's old header, or the cipher that
/// OpenSSH's own form names.
pub fn is_encrypted(file: &[u8]) -> bool {
    let openssh = || {
        let contents = pem::parse(file).ok()?.into_contents();
        let cipher = contents.strip_prefix(b"openssh-key-v1\0")?;
        Some(!cipher.get(4..)?.starts_with(b"none"))
    };
    has(file, b"BEGIN ENCRYPTED PRIVATE KEY")
        || has(file, b"Proc-Type: 4,ENCRYPTED")
        || has(file, b"Encryption: aes256-cbc")
        || openssh() == Some(true)
}

/// What to do with one's own private key that has a passphrase, where a key is only asked for.
pub fn passphrase() -> Diagnosis {
    Diagnosis::new(
        "name the public key: openssl pkey -in FILE -pubout",
        "it is a private key with a passphrase, which can't be read here",
    )
}

/// What is said of a modulus that has too few bits.
pub fn too_short(bits: usize, fewest: usize) -> Diagnosis {
    Diagnosis::new(
        "make a new pair: openssl genrsa -out my.pem 2048",
        format!(
            "its modulus has {bits} bits, fewer than {fewest}; a class with such keys needs --allow-weak-keys"
        ),
    )
}

fn has(file: &[u8], marker: &[u8]) -> bool {
    find(file, marker).is_some()
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
