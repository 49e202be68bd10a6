//! A secret that can't be used, or that makes the HMAC of whoever types it another one. What is in the
//! file is not repeated.

use super::encodings::{contains, wide};
use super::{Diagnosis, Form};
use crate::keys::{BYTE_ORDER_MARK, without_newline};
use crate::start::secret_file;
use crate::tools::print::{for_shell, in_bash};
use std::io::{self, ErrorKind};
use std::path::Path;

const MAKE: &str = "make one that can be typed: openssl rand -hex 32";

/// The first that is found says it for those below. Each says what was seen.
const ODDITIES: [Form; 13] = [
    (
        "save it as plain ASCII, not UTF-16",
        "it is UTF-16, as PowerShell's > and Notepad's Unicode write it",
        |secret| wide(secret).is_some(),
    ),
    ("save it without byte order mark", "a byte order mark (EF BB BF) stands before it", |secret| {
        secret.starts_with(BYTE_ORDER_MARK)
    }),
    (MAKE, "it is a key in PEM, and no plain text", |secret| contains(secret, b"-----BEGIN")),
    (
        "put it on one line: openssl rand -hex 32",
        "it has more than one line, as openssl rand -base64 64 prints",
        |secret| secret.trim_ascii().contains(&b'\n'),
    ),
    ("leave one newline at its end, or none", "more than one newline stands at its end", |secret| {
        secret.ends_with(b"\n")
    }),
    ("take the space off its end", "a space, tab or CR stands at its end", |secret| {
        secret.trim_ascii_end().len() < secret.len()
    }),
    ("take the space off its beginning", "white space stands before it", |secret| {
        secret.trim_ascii_start().len() < secret.len()
    }),
    (
        MAKE,
        "there are characters in it that are not ASCII: UTF-8 and Latin-1 write them differently",
        |secret| !secret.is_ascii(),
    ),
    (MAKE, "there is a NUL or another control character in it", |secret| {
        secret.iter().any(u8::is_ascii_control)
    }),
    ("take the quotes off", "it stands in quotes, which count as part of it", |secret| {
        matches!(secret, [b'"', .., b'"'] | [b'\'', .., b'\''])
    }),
    ("leave the value alone, without NAME=", "it reads NAME=value, all of which counts", |secret| {
        let name = secret.iter().take_while(|byte| byte.is_ascii_uppercase() || **byte == b'_').count();
        name >= 3 && secret.get(name) == Some(&b'=') && secret.len() > name + 4
    }),
    ("take the \\n out: it is two characters", "there is \\n in it, as two characters", |secret| {
        contains(secret, b"\\n") || contains(secret, b"\\r")
    }),
    (MAKE, "there is a space in it, which is easily lost or doubled", |secret| secret.contains(&b' ')),
];

/// What nobody who types the secret would type. `None`: it is plain text, perhaps with a newline.
pub fn oddity(file: &[u8]) -> Option<Diagnosis> {
    let secret = without_newline(file);
    let (change, found, _) = ODDITIES.iter().find(|(.., is_found)| is_found(secret))?;
    Some(Diagnosis::new(*change, format!("{found}, so what a student types gives another HMAC")))
}

/// A secret of so few bytes, in the class of this directory.
pub fn too_short(bytes: usize, fewest: usize, keys: &Path) -> Diagnosis {
    let keep = if fewest > 1 { " # or keep it: --allow-weak-keys" } else { "" };
    Diagnosis::new(make(keys) + keep, format!("it has {bytes} bytes, fewer than {fewest}"))
}

/// A secret that the start can't read.
pub fn unreadable(error: &io::Error, keys: &Path) -> Diagnosis {
    let found = format!("cannot be read: {error}");
    match error.kind() {
        ErrorKind::NotFound => Diagnosis::new(make(keys), "there is no such file"),
        ErrorKind::Other => Diagnosis::new(format!("move it elsewhere, and {}", make(keys)), found),
        _ => Diagnosis::new("let the user that runs the server read it", found),
    }
}

/// A secret that is not there to verify a reply with: it has been made already.
pub fn missing(error: &io::Error) -> Diagnosis {
    Diagnosis::new("the reply's HMAC needs the class's secret there", format!("cannot be read: {error}"))
}

/// The command that makes one.
fn make(keys: &Path) -> String {
    let (directory, file) = (for_shell(&keys.join("keys_priv")), for_shell(&secret_file(keys)));
    let command = format!("(umask 077; mkdir -p {directory}; openssl rand -hex 32 > {file})");
    format!("make one: {}", in_bash(command))
}
