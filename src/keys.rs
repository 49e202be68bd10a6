//! The keys: a group's RSA public key, from its file down to modulus and exponent, and the class's HMAC
//! secret (section 6 of [the protocol](crate::protocol)). The page has this line:
//!
//! ```text,page
//! let key = file.contents().get(24..)?;
//! ```
//!
//! The page assumes that a key follows after 24 bytes. If ring can't use that key, the page notices
//! nothing. Later each signature of the group fails to verify. So the server checks each key once, at the
//! start, and a [`KeyFault`] says what was found. The page also takes all white space off the end of the
//! secret. The server takes off one newline.
//!
//! ```
//! use udpsocket_jwt_server::keys::PublicKey;
//!
//! let key = PublicKey::new(vec![0xff; 256], vec![1, 0, 1], 2_048).unwrap(); // e = 65,537
//! assert_eq!(key.bits(), 2_048);
//! ```
//!
//! # What an RSA key is
//!
//! A public key is two numbers: *n*, the product of two large primes, and a small *e*. The private key
//! is a number *d*. It fits to *e*: for any *m* below *n*, (*m*^*d*)^*e* mod *n* is *m* again. To sign,
//! put fixed bytes before the hash of the message: so many that the bytes and the hash together are as
//! long as *n*. This is called *padding*. The padded hash is the number *m*. The signature is *s* =
//! *m*^*d* mod *n*. To verify, compute *s*^*e* mod *n*. This gives the padded hash back. Compare it
//! with the padded hash of what was received. An attacker knows *n* and *e*, and wants *d*. There is a
//! fast way to compute the two primes from *n*, *e* and *d*. There is no known fast way to compute the
//! primes of an *n* of 2,048 bits without *d*. So no fast way to *d* is known either: it would be a
//! fast way to the primes.
//!
//! # Why 65,537, and at most 4,096 bits
//!
//! Almost every *e* is 65,537, which is 2^16 + 1. To raise a number to this power takes 17
//! multiplications. To raise it to *d* takes thousands. With *e* = 3, some programs that checked the
//! padding carelessly have accepted forged signatures. ring compares every byte of the padding, so the
//! server accepts 3 too.
//!
//! With some keys it takes long to verify a signature, and all other groups wait. An *e* that is not
//! 65,537 can need more than 17 multiplications in the usual way ([`multiplications`]). For example,
//! 65,535 is smaller than 65,537, but needs 30. Such an *e* is refused. An *n* can be long, and the
//! work of each multiplication grows with the square of its length. So an *n* of more than 4,096 bits
//! is refused too. (4,096 is twice the usual length, and four times the work.)
//!
//! # Three kinds of file
//!
//! - PKCS#1 (`BEGIN RSA PUBLIC KEY`, RFC 8017 A.1.1) is the two numbers *n* and *e*.
//! - `SubjectPublicKeyInfo` (`BEGIN PUBLIC KEY`, RFC 5280 section 4.1) first says what kind of key it is.
//!   Then comes PKCS#1.
//! - OpenSSH's file is one line of words: `ssh-rsa AAAA... comment` (RFC 4253 section 6.6). The second
//!   word is base64. It holds three items: the text `ssh-rsa`, *e* and *n*. Each item is its length in
//!   four bytes, and then its content.
//!
//! The first two are PEM files (RFC 7468). PEM is text: the base64 of some bytes, between a line
//! `-----BEGIN ...-----` and a line `-----END ...-----`. The words in these two lines say what the bytes
//! are. Here the bytes are DER. In DER each element is a tag, a length and its content. A SEQUENCE is an
//! element whose content is other elements. This is the key of RFC 7515's example, 294 bytes:
//!
//! ```text
//! 30 82 01 22                        SEQUENCE of 0x0122 = 290 bytes
//!   30 0d                              SEQUENCE of 13 bytes: the kind of key
//!     06 09 2a 86 48 86 f7 0d 01 01 01   OBJECT IDENTIFIER, 9 bytes: rsaEncryption
//!     05 00                              NULL
//!   03 82 01 0f 00                     BIT STRING of 271 bytes, no unused bits
//!     30 82 01 0a                        SEQUENCE of 266 bytes: PKCS#1 begins here
//!       02 82 01 01 00 a1 f8 16 0a ...     INTEGER of 257 bytes: 00 (not negative), then n
//!       02 03 01 00 01                     INTEGER of 3 bytes: e = 65,537
//! ```

use base64::prelude::{BASE64_STANDARD, Engine};
use ring::{hmac, rsa::PublicKeyComponents};
use ssh_encoding::{Decode, Mpint};
use std::io;

/// Without `--allow-weak-keys`, a modulus has at least this many bits (RFC 7518 section 3.3).
pub const FEWEST_BITS: usize = 2_048;
/// A modulus has at least this many bits with `--allow-weak-keys`. ring verifies with no shorter one.
pub const FEWEST_BITS_WEAK: usize = 1_024;
/// A modulus has at most this many bits.
pub const MOST_BITS: usize = 4_096;
/// Without `--allow-weak-keys`, the secret has at least this many bytes (RFC 7518 section 3.2).
pub const FEWEST_SECRET_BYTES: usize = 32;

/// An RSA public key that the server can use.
#[derive(Clone, Debug)]
pub struct PublicKey {
    components: PublicKeyComponents<Vec<u8>>,
    bits: usize,
}

/// Why a file gives no key that the server can use.
#[derive(Debug)]
pub enum KeyFault {
    /// It cannot be read.
    Read(io::Error),
    /// A private key is in it. Anyone who has read the file can sign for the group.
    Private,
    /// Its name is not `GROUP.pem` or `GROUP.ssh` with a group of the table.
    Name,
    /// A `.pem` file must have exactly one whole key in PEM, and a `.ssh` file one OpenSSH line. This
    /// file does not. The tools find out what the file is.
    Form,
    /// Its modulus has this number of bits: too few, or more than 4,096.
    Bits(usize),
    /// Its modulus is even, so it is no product of two large primes.
    EvenModulus,
    /// Its exponent is even, or not from 3 to 65,537. `None` means that it has more than 32 bits.
    Exponent(Option<u32>),
    /// To raise a number to this exponent takes more than 17 multiplications.
    SlowExponent(u32),
}

impl PublicKey {
    /// A key from its modulus and exponent, big-endian. The modulus must be odd and have from
    /// `fewest_bits` to 4,096 bits. The exponent must be odd and from 3 to 65,537, and it must take at
    /// most as many [`multiplications`] as 65,537.
    pub fn new(n: Vec<u8>, e: Vec<u8>, fewest_bits: usize) -> Result<Self, KeyFault> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !(fewest_bits..=MOST_BITS).contains(&bits) {
            return Err(KeyFault::Bits(bits));
        }
        if n.last().is_some_and(|byte| byte % 2 == 0) {
            return Err(KeyFault::EvenModulus);
        }
        // The number that these big-endian bytes are. `None` means that it does not fit in 32 bits.
        let exponent = e.iter().try_fold(0_u32, |sum, &byte| sum.checked_mul(256)?.checked_add(byte.into()));
        let exponent = match exponent {
            Some(exponent @ 3..=65_537) if exponent % 2 == 1 => exponent,
            other => return Err(KeyFault::Exponent(other)),
        };
        if multiplications(exponent) > multiplications(65_537) {
            return Err(KeyFault::SlowExponent(exponent));
        }
        Ok(Self { components: PublicKeyComponents { n, e }, bits })
    }

    /// A key from a file with exactly one PEM block (RFC 7468). There may be text around the block.
    pub fn from_pem(file: &[u8], fewest_bits: usize) -> Result<Self, KeyFault> {
        if count(file, b"-----BEGIN ") != 1 {
            return Err(KeyFault::Form);
        }
        let block = pem::parse(file).map_err(|_| KeyFault::Form)?;
        let (n, e) = match block.tag() {
            "PUBLIC KEY" => subject_public_key_info(block.contents()),
            "RSA PUBLIC KEY" => rsa_public_key(block.contents()),
            _ => None,
        }
        .ok_or(KeyFault::Form)?;
        Self::new(n, e, fewest_bits)
    }

    /// A key from a file with one OpenSSH line, `ssh-rsa AAAA... comment` (RFC 4253 section 6.6).
    pub fn from_openssh(file: &[u8], fewest_bits: usize) -> Result<Self, KeyFault> {
        let line = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file).trim_ascii();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        if words.next() != Some(b"ssh-rsa") || line.contains(&b'\n') {
            return Err(KeyFault::Form);
        }
        let blob = BASE64_STANDARD.decode(words.next().unwrap_or_default()).map_err(|_| KeyFault::Form)?;
        let (n, e) = ssh_rsa(&blob).ok_or(KeyFault::Form)?;
        Self::new(n, e, fewest_bits)
    }

    /// Modulus and exponent, as ring takes them.
    pub fn components(&self) -> &PublicKeyComponents<Vec<u8>> {
        &self.components
    }

    /// Bits of the modulus, counted exactly.
    pub fn bits(&self) -> usize {
        self.bits
    }
}

/// The HMAC key from the bytes of a secret file, without one final newline. `Err` holds the number of bytes
/// if they are too few.
pub fn secret(file: &[u8], fewest_bytes: usize) -> Result<hmac::Key, usize> {
    match without_newline(file) {
        secret if secret.len() < fewest_bytes => Err(secret.len()),
        secret => Ok(hmac::Key::new(hmac::HMAC_SHA256, secret)),
    }
}

/// Text without one newline (LF or CRLF) at its end.
pub fn without_newline(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r\n").or(text.strip_suffix(b"\n")).unwrap_or(text)
}

/// How many multiplications it takes to raise a number to this power, bit by bit. Each bit after the
/// first costs one squaring. If the bit is 1, it costs one multiplication more.
pub fn multiplications(exponent: u32) -> u32 {
    exponent.ilog2() + exponent.count_ones() - 1
}

/// Modulus and exponent, big-endian.
type Numbers = (Vec<u8>, Vec<u8>);

/// `SubjectPublicKeyInfo` (RFC 5280 section 4.1) with the algorithm `rsaEncryption`.
fn subject_public_key_info(der: &[u8]) -> Option<Numbers> {
    let bit_string = only_element(SEQUENCE, der)?.strip_prefix(RSA_ENCRYPTION)?;
    rsa_public_key(only_element(BIT_STRING, bit_string)?.strip_prefix(&[0])?) // no unused bits
}

/// `RSAPublicKey` (RFC 8017 appendix A.1.1).
fn rsa_public_key(der: &[u8]) -> Option<Numbers> {
    let mut numbers = only_element(SEQUENCE, der)?;
    let n = element(INTEGER, &mut numbers)?;
    let e = only_element(INTEGER, numbers)?;
    Some((not_negative(n)?, not_negative(e)?))
}

/// The key blob of an OpenSSH line.
fn ssh_rsa(mut blob: &[u8]) -> Option<Numbers> {
    let kind = String::decode(&mut blob).ok()?;
    let e = Mpint::decode(&mut blob).ok()?;
    let n = Mpint::decode(&mut blob).ok()?;
    let is_whole = kind == "ssh-rsa" && blob.is_empty();
    is_whole.then_some((n.as_positive_bytes()?.into(), e.as_positive_bytes()?.into()))
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const RSA_ENCRYPTION: &[u8] =
    &[SEQUENCE, 13, OBJECT_IDENTIFIER, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 0x05, 0];

/// Takes the next DER element (X.690 section 8.1) off `der`, and returns its content. `None` means that
/// the tag is not `tag`, that the element is not whole, that it is not DER, or that it has 65,536 bytes
/// or more.
pub(crate) fn element<'a>(tag: u8, der: &mut &'a [u8]) -> Option<&'a [u8]> {
    // A length up to 0x7f is one byte. A length up to 0xff is 0x81 and one more byte. A length up to 0xffff
    // is 0x82 and two more bytes. DER allows only the shortest form that fits. (DER has longer lengths, but
    // no file here is so long.)
    let (length, rest) = match der.strip_prefix(&[tag])? {
        [length @ (..=0x7f), rest @ ..] | [0x81, length @ (0x80..), rest @ ..] => {
            (usize::from(*length), rest)
        }
        [0x82, high @ (1..), low, rest @ ..] => (usize::from(*high) * 256 + usize::from(*low), rest),
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *der = rest;
    Some(content)
}

/// The content of the only element in `der`.
fn only_element(tag: u8, mut der: &[u8]) -> Option<&[u8]> {
    let content = element(tag, &mut der)?;
    der.is_empty().then_some(content)
}

/// A DER INTEGER that is not negative and has its shortest form. Its first bit is the sign.
fn not_negative(integer: &[u8]) -> Option<Vec<u8>> {
    let is_shortest = !matches!(integer, [0, second, ..] if *second < 0x80);
    (*integer.first()? < 0x80 && is_shortest).then(|| integer.into())
}

fn without_leading_zeros(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|&byte| byte == 0).collect()
}

/// Whether a file has a private key in it, in one of the text formats that students use: PEM, `PuTTY`,
/// openssl's `-text`, JSON Web Key. The answer is the same if a public key stands beside it. A BEGIN or
/// END line of PEM is recognized even if its dashes are damaged or missing.
pub fn has_private_key(file: &[u8]) -> bool {
    let has = |text: &[u8], marker: &[u8]| count(text, marker) > 0;
    let is_word = |word: &[u8]| word == b"BEGIN" || word == b"END";
    let has_border = |line: &[u8]| line.split(|byte| !byte.is_ascii_alphanumeric()).any(is_word);
    has(file, b"PRIVATE KEY-----")
        || file.split(|&byte| byte == b'\n').any(|line| has(line, b"PRIVATE KEY") && has_border(line))
        || has(file, b"PuTTY-User-Key-File-")
        || has(file, b"privateExponent:")
        || has(file, b"\"kty\"") && has(file, b"\"d\"")
}

/// How often `wanted` stands in `text`.
pub(crate) fn count(text: &[u8], wanted: &[u8]) -> usize {
    text.windows(wanted.len()).filter(|window| *window == wanted).count()
}
