//! `check --key FILE`: the key in a file of any form, and what of that file to hand in.

use crate::keys::{self, KeyFault, PublicKey, count};
use crate::start::{MOST_FILE_BYTES, content};
use crate::tools::diagnosis::{key_file as diagnosis, without_mark};
use crate::tools::terminal::{for_shell, key_file};
use ring::rsa;
use std::path::Path;

/// A key out of its file.
pub(crate) struct OwnKey {
    pub key: PublicKey,
    /// What the file is.
    form: &'static str,
    /// What of it to hand in.
    hand_in: String,
}

/// The key in a file: public, in any form that the server takes, or the private one.
pub(crate) fn load(path: &Path, fewest_bits: usize) -> Result<OwnKey, String> {
    let file = content(path, MOST_FILE_BYTES)
        .map_err(|error| format!("cannot be read: {error}; name your key's file"))?;
    if diagnosis::is_encrypted(&file) {
        return Err(diagnosis::passphrase().to_string());
    }
    let is_line = without_mark(&file).starts_with(b"ssh-");
    let key = match () {
        () if key_file::has_private_key(&file) => return of_private(path, &file, fewest_bits),
        () if is_line => PublicKey::from_openssh(&file, fewest_bits),
        () => PublicKey::from_pem(&file, fewest_bits),
    };
    let (form, extension) = match is_line {
        true => ("a public key, an OpenSSH line", "ssh"),
        false if count(&file, b"BEGIN RSA PUBLIC KEY") > 0 => {
            ("a public key, PKCS#1 in PEM (BEGIN RSA PUBLIC KEY)", "pem")
        }
        false => ("a public key, SubjectPublicKeyInfo in PEM (BEGIN PUBLIC KEY)", "pem"),
    };
    let key = key.map_err(|fault| why_not(&fault, extension, &file))?;
    Ok(OwnKey { key, form, hand_in: format!("this file, as GROUP.{extension}") })
}

/// The public half of a private key.
fn of_private(path: &Path, file: &[u8], fewest_bits: usize) -> Result<OwnKey, String> {
    let blocks = pem::parse_many(file).unwrap_or_default();
    let Some(block) = blocks.iter().find(|block| block.tag().ends_with("PRIVATE KEY")) else {
        return Err(
            "it is no private key in PEM, or cut: name the public one, or copy it again, whole".into()
        );
    };
    if block.tag() == "OPENSSH PRIVATE KEY" {
        return Err("it is in OpenSSH's own form: ssh-keygen -p -m PEM -f FILE makes it PEM".into());
    }
    let pair =
        rsa::KeyPair::from_pkcs8(block.contents()).or_else(|_| rsa::KeyPair::from_der(block.contents()));
    let named = for_shell(path);
    let (n, e) = match pair {
        Ok(pair) => {
            let rsa::PublicKeyComponents { n, e } = rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
            (n, e)
        }
        Err(error) => {
            return Err(format!(
                "it is no private key that can be read here ({error}): name the public one \
                 (openssl pkey -in {named} -pubout)"
            ));
        }
    };
    let key = PublicKey::new(n, e, fewest_bits).map_err(|fault| why_not(&fault, "pem", &[]))?;
    let (form, which) = match (blocks.len(), block.tag()) {
        (2.., _) => ("a private key with a public one beside it", "the public key alone"),
        (_, "RSA PRIVATE KEY") => ("a private key, PKCS#1 in PEM (BEGIN RSA PRIVATE KEY)", "its public key"),
        _ => ("a private key, PKCS#8 in PEM (BEGIN PRIVATE KEY)", "its public key"),
    };
    let hand_in = format!("{which}, never this file: openssl pkey -in {named} -pubout -out GROUP.pem");
    Ok(OwnKey { key, form, hand_in })
}

/// Why a file gives no key. It is the student's own, so a private key in it is no harm.
fn why_not(fault: &KeyFault, extension: &str, file: &[u8]) -> String {
    match fault {
        KeyFault::Bits(bits, bound) if bits < bound => match *bound {
            keys::FEWEST_BITS => diagnosis::too_short(*bits, *bound).to_string(),
            _ => key_file::why(fault, "key.pem", file),
        },
        KeyFault::Form => match (diagnosis::private(file), diagnosis::diagnose(file)) {
            (Some(private), _) => {
                let found = private.found().split(':').next().unwrap_or_default();
                format!("{found}, in a form that can't be read here: name the public one")
            }
            (None, Some(diagnosis)) => diagnosis.to_string(),
            (None, None) if extension == "ssh" && without_mark(file).len() < file.len() => {
                "a byte order mark (EF BB BF) stands before ssh-rsa: save it without".into()
            }
            (None, None) => key_file::why(fault, &format!("key.{extension}"), file),
        },
        _ => key_file::why(fault, &format!("key.{extension}"), file),
    }
}

/// What a key file is, a line each.
pub(crate) fn described(path: &Path, fewest_bits: usize) -> Result<String, String> {
    let OwnKey { key, form, hand_in } = load(path, fewest_bits)?;
    let shown = path.display().to_string();
    Ok(format!(
        "{:11} {}: {form}\n{:11} {}\n{:11} {}\n{:11} {hand_in}\n",
        "key",
        shown.escape_debug(),
        "bits",
        key.bits(),
        "fingerprint",
        key_file::fingerprint(&key),
        "hand in",
    ))
}
