//! A secret's oddities, each of which makes the HMAC of whoever types the secret another one. What
//! is in the file is not repeated.

use super::Diagnosis;
use super::encodings::{find, wide};
use crate::keys::{BYTE_ORDER_MARK, without_newline};

/// What to change, what was found, and how it is told.
type Row = (&'static str, &'static str, fn(&[u8]) -> bool);

const MAKE: &str = "make one that can be typed: openssl rand -hex 32";

/// The first that is found says it for those below.
const ODDITIES: [Row; 18] = [
    ("save it as plain ASCII, not UTF-16", "it is UTF-16, as PowerShell's > writes it", |secret| {
        wide(secret).is_some()
    }),
    ("save it without byte order mark", "a byte order mark (EF BB BF) stands before it", |secret| {
        secret.starts_with(BYTE_ORDER_MARK)
    }),
    (MAKE, "there is a NUL in it", |secret| secret.contains(&0)),
    (MAKE, "it is a key in PEM: a secret is plain text", |secret| find(secret, b"-----BEGIN").is_some()),
    ("leave the characters in the key's k alone", "it is a JSON Web Key", |secret| {
        find(secret, b"\"kty\"").is_some()
    }),
    ("break its lines with LF, not CR", "there is a CR in it, as old Macs end lines", |secret| {
        secret.contains(&b'\r') && !secret.contains(&b'\n')
    }),
    (
        "put it on one line: openssl rand -hex 32",
        "it has more than one line, as openssl rand -base64 64 prints",
        |secret| secret.trim_ascii().contains(&b'\n'),
    ),
    ("leave one newline at its end, or none", "more than one newline stands at its end", |secret| {
        secret.ends_with(b"\n")
    }),
    ("break its lines with LF, not CR", "a CR stands at its end", |secret| secret.ends_with(b"\r")),
    ("take the space off its end", "a space or tab stands at its end", |secret| {
        secret.ends_with(b" ") || secret.ends_with(b"\t")
    }),
    ("take the space off its beginning", "white space stands before it", |secret| {
        secret.trim_ascii_start().len() < secret.len()
    }),
    (
        MAKE,
        "there are characters in it that are not ASCII: UTF-8 and Latin-1 write them differently",
        |secret| !secret.is_ascii(),
    ),
    (MAKE, "there are control characters in it", |secret| secret.iter().any(u8::is_ascii_control)),
    ("take the quotes off", "it stands in quotes, which count as part of it", |secret| {
        matches!(secret, [b'"', .., b'"'] | [b'\'', .., b'\''] | [b'`', .., b'`'])
    }),
    ("leave the value alone, without NAME=", "it reads NAME=value, all of which counts", |secret| {
        let name = secret.iter().take_while(|byte| byte.is_ascii_uppercase() || **byte == b'_').count();
        name >= 3 && secret.get(name) == Some(&b'=') && secret.len() > name + 4
    }),
    ("take the \\n out: it is two characters", "there is \\n in it, as two characters", |secret| {
        find(secret, b"\\n").is_some() || find(secret, b"\\r").is_some()
    }),
    ("take the 0x off, or tell everybody of it", "it begins 0x, which counts", |secret| {
        secret.starts_with(b"0x")
    }),
    (MAKE, "there is a space in it, which is easily lost or doubled", |secret| secret.contains(&b' ')),
];

/// What nobody who types the secret would type. `None`: it is plain text, perhaps with a newline.
pub fn oddity(file: &[u8]) -> Option<Diagnosis> {
    let secret = without_newline(file);
    let (change, found, _) = ODDITIES.iter().find(|(.., is_found)| is_found(secret))?;
    Some(Diagnosis::new(*change, *found))
}

/// What is said of a secret that has too few bytes.
pub fn too_short(bytes: usize, fewest: usize) -> Diagnosis {
    Diagnosis::new(
        "make a longer one (openssl rand -hex 32), or --allow-weak-keys",
        format!(
            "it has {bytes} bytes, fewer than {fewest}; a class that has always used it needs --allow-weak-keys"
        ),
    )
}
