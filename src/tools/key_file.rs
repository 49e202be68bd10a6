//! A key file as students hand it in: the public key in it, or what it is instead and how to mend it.
//!
//! ```
//! use udpsocket_jwt_server::tools::key_file;
//!
//! let error = key_file::from_pem(b"-----BEGIN PRIVATE KEY-----\nMIIE", 2_048).unwrap_err();
//! assert_eq!(error, key_file::PRIVATE);
//! ```

use crate::keys::{INTEGER, PublicKey, SEQUENCE, count};

/// The key in a PEM file: [`PublicKey::from_pem`], once the file is nothing else.
pub fn from_pem(file: &[u8], fewest_bits: usize) -> Result<PublicKey, String> {
    refuse(file)?;
    PublicKey::from_pem(file, fewest_bits)
}

/// The key in an OpenSSH file: [`PublicKey::from_openssh`], once the file is nothing else.
pub fn from_openssh(file: &[u8], fewest_bits: usize) -> Result<PublicKey, String> {
    refuse(file)?;
    PublicKey::from_openssh(file, fewest_bits)
}

/// What is said of a file with a private key in it.
pub const PRIVATE: &str = "it has a PRIVATE key in it, with which whoever has read it can sign: \
                           make a new pair, and hand in the public key alone";

/// Whether a private key is anywhere in a file, in the forms that it is usually kept in.
#[must_use]
pub fn has_private_key(file: &[u8]) -> bool {
    let text = without_nul(file);
    let has = |marker| count(&text, marker) > 0;
    // Whatever became of the dashes, or of one end of the line.
    let is_border = |line: &[u8]| {
        count(line, b"PRIVATE KEY") > 0 && (count(line, b"BEGIN ") > 0 || count(line, b"END ") > 0)
    };
    has(b"PRIVATE KEY-----")
        || text.split(|&byte| byte == b'\n').any(is_border)
        || has(b"PuTTY-User-Key-File-")
        || has(b"privateExponent:")
        || has(b"\"kty\"") && has(b"\"d\"")
        || is_private_der(file)
}

/// DER that begins with a version, as PKCS#1, PKCS#8, SEC 1 and PKCS#12 do and no public key does,
/// or that names an encryption of PKCS#5.
fn is_private_der(file: &[u8]) -> bool {
    const PKCS_5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5];
    match file {
        [SEQUENCE, 0x82, _, _, content @ ..]
        | [SEQUENCE, 0x81, _, content @ ..]
        | [SEQUENCE, ..=0x7f, content @ ..] => {
            content.starts_with(&[INTEGER, 1]) || count(content, PKCS_5) > 0
        }
        _ => false,
    }
}

/// What a key file often holds instead of a public key, and the way out.
fn refuse(file: &[u8]) -> Result<(), String> {
    const CERTIFICATE: &str =
        "it is a certificate: openssl x509 -in FILE -noout -pubkey prints the key in it";
    const OTHER_FORMS: [(&[u8], &str); 6] = [
        (
            b"BEGIN SSH2 PUBLIC KEY",
            "it is PuTTY's form (RFC 4716): ssh-keygen -i -f FILE > GROUP.ssh converts it",
        ),
        (b"BEGIN CERTIFICATE-----", CERTIFICATE),
        (b"BEGIN TRUSTED CERTIFICATE-----", CERTIFICATE),
        (
            b"CERTIFICATE REQUEST-----",
            "it is a certificate request: openssl req -in FILE -noout -pubkey prints the key in it",
        ),
        (
            b"-cert-v01@openssh.com",
            "it is an OpenSSH certificate: copy the line of the .pub file without -cert",
        ),
        (b"\"kty\"", "it is a JSON Web Key: export the key as PEM"),
    ];
    if has_private_key(file) {
        return Err(PRIVATE.into());
    }
    let text = without_nul(file);
    match OTHER_FORMS.iter().find(|(marker, _)| count(&text, marker) > 0) {
        _ if text.trim_ascii().is_empty() => Err("it is empty: copy the public key into it".into()),
        _ if matches!(file, [SEQUENCE, 0x81 | 0x82, ..]) => {
            Err("it is DER, not PEM: openssl rsa -pubin -inform DER -in FILE -out GROUP.pem".into())
        }
        Some((_, message)) => Err((*message).into()),
        None if is_utf_16(file, &text) => {
            Err("it is UTF-16, as PowerShell's > writes it: save it as UTF-8".into())
        }
        None => Ok(()),
    }
}

/// Whether a file is UTF-16, by its byte order mark or by a NUL in every pair.
fn is_utf_16(file: &[u8], text: &[u8]) -> bool {
    file.starts_with(&[0xff, 0xfe]) || file.starts_with(&[0xfe, 0xff]) || text.len() * 2 <= file.len()
}

/// UTF-16 as far as it is ASCII, which has a NUL in every pair, as ASCII.
fn without_nul(file: &[u8]) -> Vec<u8> {
    file.iter().copied().filter(|&byte| byte != 0).collect()
}
