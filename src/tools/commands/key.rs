//! `check --key FILE`: the key in a file of any form, its fingerprint, and what of that file to hand in.

use crate::files::content;
use crate::keys::{FEWEST_BITS, INTEGER, PublicKey, SEQUENCE, count, element};
use crate::start::MOST_FILE_BYTES;
use crate::tools::faults::{Diagnosis, key_file};
use crate::tools::print::{for_shell, shown};
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use ring::rand::SystemRandom;
use ring::signature::RSA_PKCS1_SHA256;
use ring::{digest, rsa};
use ssh_encoding::{Encode, Mpint};
use std::path::Path;

/// A key out of its file.
pub(crate) struct OwnKey {
    pub key: PublicKey,
    /// What the file is.
    form: &'static str,
    /// What of it to hand in.
    hand_in: String,
    /// The exponent that signs, big-endian, of a private key.
    pub private: Option<Vec<u8>>,
}

/// The key in a file: public, in any form that the server takes, or the private one.
pub(crate) fn load(path: &Path, fewest_bits: usize) -> Result<OwnKey, Diagnosis> {
    let file = content(path, MOST_FILE_BYTES)
        .map_err(|error| Diagnosis::new("name your key's file", format!("cannot be read: {error}")))?;
    if key_file::private(&file).is_some() {
        return of_private(path, &file, fewest_bits);
    }
    let is_pem = count(&file, b"-----BEGIN ") > 0;
    let is_openssh =
        key_file::is_openssh(&file) || !is_pem && path.extension().is_some_and(|end| end == "ssh");
    let (name, key) = match is_openssh {
        true => ("key.ssh", PublicKey::from_openssh(&file, fewest_bits)),
        false => ("key.pem", PublicKey::from_pem(&file, fewest_bits)),
    };
    let key = key.map_err(|fault| key_file::diagnose(&fault, name, &file))?;
    let (form, hand_in) = match is_openssh {
        true => ("a public key, an OpenSSH line", "this file, as GROUP.ssh"),
        false if count(&file, b"BEGIN RSA PUBLIC KEY") > 0 => {
            ("a public key, PKCS#1 in PEM (BEGIN RSA PUBLIC KEY)", "this file, as GROUP.pem")
        }
        false => ("a public key, SubjectPublicKeyInfo in PEM (BEGIN PUBLIC KEY)", "this file, as GROUP.pem"),
    };
    Ok(OwnKey { key, form, hand_in: hand_in.into(), private: None })
}

/// The public half of a private key.
fn of_private(path: &Path, file: &[u8], fewest_bits: usize) -> Result<OwnKey, Diagnosis> {
    let named = for_shell(path);
    let blocks = pem::parse_many(file).unwrap_or_default();
    let block = blocks.iter().find(|block| ["PRIVATE KEY", "RSA PRIVATE KEY"].contains(&block.tag()));
    let Some((block, [n, e, d])) = block.and_then(|block| Some((block, numbers(block.contents())?))) else {
        return Err(key_file::of_own_private(file, &named));
    };
    let key = PublicKey::new(n, e, fewest_bits);
    let key = key.map_err(|fault| key_file::diagnose(&fault, "key.pem", b""))?;
    // ring reads no private key of fewer bits, or of another exponent.
    let is_read = key.bits() >= FEWEST_BITS && key.bits() % 512 == 0 && key.components().e == [1, 0, 1];
    // Either form, whichever the label says.
    let pkcs_8 = rsa::KeyPair::from_pkcs8(block.contents());
    let is_pkcs_8 = pkcs_8.is_ok();
    let pair = pkcs_8.or_else(|_| rsa::KeyPair::from_der(block.contents()));
    // Reading does not compare all of its numbers. Signing does: ring opens what it has signed.
    let signs = |pair: rsa::KeyPair| {
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"", &mut signature).is_ok()
    };
    if is_read && !pair.is_ok_and(signs) {
        return Err(key_file::of_own_private(file, &named));
    }
    let which = if blocks.len() > 1 { "the public key alone" } else { "its public key" };
    let form = match block.tag() {
        _ if blocks.len() > 1 => "a private key with a public one beside it",
        "RSA PRIVATE KEY" if is_pkcs_8 => {
            "a private key, PKCS#8 under BEGIN RSA PRIVATE KEY: some libraries refuse it so"
        }
        "RSA PRIVATE KEY" => "a private key, PKCS#1 in PEM (BEGIN RSA PRIVATE KEY)",
        _ if is_read && !is_pkcs_8 => {
            "a private key, PKCS#1 under BEGIN PRIVATE KEY: some libraries refuse it so"
        }
        _ => "a private key, PKCS#8 in PEM (BEGIN PRIVATE KEY)",
    };
    // openssl wants each of PEM's lines on a line of its own, from the first column on.
    let begin = format!("-----BEGIN {}-----", block.tag());
    let is_plain = file.split(|&byte| byte == b'\n').any(|line| line.trim_ascii_end() == begin.as_bytes());
    let first =
        if is_plain { "" } else { "; first put its lines as openssl writes them, without spaces before" };
    let hand_in = format!("{which}, never this file: openssl pkey -in {named} -pubout -out GROUP.pem{first}");
    Ok(OwnKey { key, form, hand_in, private: Some(d) })
}

/// Modulus, public and private exponent of an `RSAPrivateKey` (RFC 8017 appendix A.1.2), perhaps within PKCS#8.
fn numbers(mut der: &[u8]) -> Option<[Vec<u8>; 3]> {
    const OCTET_STRING: u8 = 0x04;
    let mut key = element(SEQUENCE, &mut der)?;
    element(INTEGER, &mut key)?; // the version
    if element(SEQUENCE, &mut key).is_some() {
        return numbers(element(OCTET_STRING, &mut key)?);
    }
    let mut number = || element(INTEGER, &mut key).map(Vec::from);
    Some([number()?, number()?, number()?])
}

/// The fingerprint that `ssh-keygen -lf` prints for the same key: `SHA256:` and the base64 of the hash
/// of its OpenSSH form.
pub fn fingerprint(key: &PublicKey) -> String {
    let rsa::PublicKeyComponents { n, e } = key.components();
    let mut blob = Vec::new();
    let encoded = "ssh-rsa"
        .encode(&mut blob)
        .and_then(|()| Mpint::from_positive_bytes(e).encode(&mut blob))
        .and_then(|()| Mpint::from_positive_bytes(n).encode(&mut blob));
    debug_assert_eq!(encoded, Ok(()), "a Vec takes any number of bytes");
    format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest::digest(&digest::SHA256, &blob)))
}

/// What a key file is, a line each.
pub(crate) fn described(path: &Path, fewest_bits: usize) -> Result<String, Diagnosis> {
    let OwnKey { key, form, hand_in, .. } = load(path, fewest_bits)?;
    Ok(format!(
        "{:11} {}: {form}\n{:11} {}\n{:11} {}\n{:11} {hand_in}\n",
        "key",
        shown(path),
        "bits",
        key.bits(),
        "fingerprint",
        fingerprint(&key),
        "hand in",
    ))
}
