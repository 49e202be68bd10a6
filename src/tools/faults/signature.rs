//! A signature that does not verify, opened: s^e mod n is the block that was signed, and what it
//! holds tells every mistake from the others.
//!
//! RSASSA-PKCS1-v1_5 (RFC 8017 section 9.2) signs this block, as long as the modulus:
//!
//! ```text
//! 00 01 ff ff ... ff 00 | 30 31 30 0d 06 09 60 86 48 01 65 03 04 02 01 05 00 04 20 | 32 bytes
//!      the padding        the DigestInfo: "what follows is a SHA-256 hash"           the hash
//! ```
//!
//! Another hash: another text was signed. Another `DigestInfo`: another algorithm. Another padding:
//! another scheme. And noise: another key.

use super::Diagnosis;
use super::datagram::{is_print, not_bytes, printed_signature};
use super::encodings::{from_base64, from_hexadecimal, from_numbers, is_text, to_hexadecimal};
use super::signable::{self, HASHES, SIGN, Text};
use crate::jws::split;
use crate::tools::print::quote;
use crate::tools::{base64url, to_base64url};
use ring::digest::{self, digest};
use ring::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RsaPublicKeyComponents};
use std::borrow::Cow;
use std::cell::LazyCell;
use std::iter::repeat;

/// A group's public key: its modulus and exponent, big-endian.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The group's name.
    pub name: &'a str,
    /// The modulus, without leading zeros.
    pub n: &'a [u8],
    /// The exponent.
    pub e: &'a [u8],
}

/// How many keys of other groups are tried on a signature.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Whether it verifies with them: some 0.02 ms each.
    pub verified: usize,
    /// What they open it to: some 0.1 ms each, or 0.5 ms with 4,096 bits.
    pub opened: usize,
    /// Most bytes of a token whose signature is opened: a thousand texts are made of them.
    pub bytes: usize,
}

impl Effort {
    /// All of them.
    pub const FULL: Self = Self { verified: usize::MAX, opened: usize::MAX, bytes: usize::MAX };
    /// What a stranger's datagram may cost: a millisecond or two.
    pub const BOUNDED: Self = Self { verified: 16, opened: 2, bytes: 1_536 };
}

/// What the group's own key has to do with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// It made the right signature, which was then written otherwise.
    Right,
    /// It signed something else, or in another way.
    Key,
    /// Nothing that can be told.
    Unknown,
}

/// What a signature was found to be.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Whether the group's key made it.
    pub by: By,
    /// What was found, and what to change.
    pub diagnosis: Diagnosis,
    /// The block itself, s^e mod n, if one was opened.
    pub block: Option<Layout>,
}

/// The parts of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many bytes the block has.
    pub length: usize,
    /// How many ff stand between its 00 01 and its 00, if it is padded so.
    pub padding: Option<usize>,
    /// The `DigestInfo` up to its hash, if there is one.
    pub digest_info: Vec<u8>,
    /// The hash, or whatever stands there.
    pub content: Vec<u8>,
}

impl Layout {
    /// The parts of a block of any content.
    fn of(block: &[u8]) -> Self {
        let (padding, content) = match padded(block) {
            Some((padding, content)) => (Some(padding), content),
            None => (None, block),
        };
        let info = if padding.is_some() { digest_info(content) } else { None };
        let (digest_info, content) = content.split_at(info.map_or(0, |info| content.len() - info.hash.len()));
        Self { length: block.len(), padding, digest_info: digest_info.into(), content: content.into() }
    }

    /// The block itself, of what RS256 makes.
    fn bytes(&self) -> Vec<u8> {
        let padding = vec![0xff; self.padding.unwrap_or_default()];
        [&[0, 1], &padding[..], &[0], &self.digest_info, &self.content].concat()
    }

    /// What RS256 makes of a signing input, in so many bytes.
    pub fn right(signing_input: &[u8], length: usize) -> Self {
        const SHA_256: &[u8] =
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
        let content = digest(&digest::SHA256, signing_input).as_ref().to_vec();
        let padding = Some(length.saturating_sub(3 + SHA_256.len() + content.len()));
        Self { length, padding, digest_info: SHA_256.into(), content }
    }
}

/// s^e mod n, all big-endian, for s < n and an odd n: squared for each bit of e, and multiplied where it is
/// set. The numbers are public, so the time it takes may tell them.
pub fn power(s: &[u8], e: &[u8], n: &[u8]) -> Vec<u8> {
    let limbs = |number: &[u8]| -> Vec<u64> {
        let limb = |bytes: &[u8]| bytes.iter().fold(0, |limb, &byte| limb << 8 | u64::from(byte));
        number.rchunks(8).map(limb).chain(repeat(0)).take(n.len().div_ceil(8)).collect()
    };
    let (s, modulus, one) = (limbs(s), limbs(n), limbs(&[1]));
    let s = product(&s, &square_of_radix(&modulus), &modulus);
    let mut power = s.clone();
    let bits = e.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    for bit in bits.skip_while(|bit| !bit).skip(1) {
        power = product(&power, &power, &modulus);
        if bit {
            power = product(&power, &s, &modulus);
        }
    }
    let bytes = product(&power, &one, &modulus);
    let bytes = bytes.iter().rev().flat_map(|limb| limb.to_be_bytes());
    bytes.skip(modulus.len() * 8 - n.len()).collect()
}

/// What a number is multiplied by before Montgomery's products divide it: 2^(64 limbs), squared, mod n.
fn square_of_radix(n: &[u64]) -> Vec<u64> {
    let (mut power, top) = (vec![0; n.len()], n.len() - 1);
    let zeros = n[top].leading_zeros();
    power[top] = 1 << (63 - zeros);
    for _ in 0..=zeros as usize + n.len() {
        double(&mut power, n);
    }
    // It is 2^limbs times the radix; each product doubles the exponent of the first.
    (0..6).fold(power, |power, _| product(&power, &power, n))
}

/// Montgomery's product: a b / 2^(64 limbs) mod n. After each limb of b a multiple of n is added that makes
/// the lowest limb 0, and that limb is taken off: no division.
fn product(a: &[u64], b: &[u64], n: &[u64]) -> Vec<u64> {
    // -1/n mod 2^64: each step doubles how many bits of it are right, 3 at first.
    let inverse = (0..5).fold(n[0], |x, _| x.wrapping_mul(2_u64.wrapping_sub(n[0].wrapping_mul(x))));
    let mut sum = vec![0; n.len() + 2];
    for &limb in b {
        add_product(&mut sum, a, limb);
        let multiple = sum[0].wrapping_mul(inverse.wrapping_neg());
        add_product(&mut sum, n, multiple);
        sum.rotate_left(1);
    }
    reduce(&mut sum, n);
    sum.truncate(n.len());
    sum
}

/// Adds a number times a limb.
#[expect(clippy::cast_possible_truncation, reason = "the low limb is what stays")]
fn add_product(sum: &mut [u64], number: &[u64], by: u64) {
    let mut carry = 0;
    for (limb, other) in sum.iter_mut().zip(number.iter().chain(&[0, 0])) {
        let wide = u128::from(*limb) + u128::from(*other) * u128::from(by) + carry;
        (*limb, carry) = (wide as u64, wide >> 64);
    }
}

/// Doubles modulo n.
fn double(number: &mut [u64], n: &[u64]) {
    let mut sum: Vec<u64> = number.iter().copied().chain([0]).collect();
    let mut carry = 0;
    for limb in &mut sum {
        (*limb, carry) = (*limb << 1 | carry, *limb >> 63);
    }
    reduce(&mut sum, n);
    number.copy_from_slice(&sum[..n.len()]);
}

/// Takes n off a sum that is less than 2n, unless it is less than n.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low limb, modulo 2^64")]
fn reduce(sum: &mut [u64], n: &[u64]) {
    let (mut less, mut borrow) = (sum.to_vec(), 0);
    for (limb, n) in less.iter_mut().zip(n.iter().chain(repeat(&0))) {
        let wide = i128::from(*limb) - i128::from(*n) + borrow;
        (*limb, borrow) = (wide as u64, wide >> 64);
    }
    if borrow == 0 {
        sum.copy_from_slice(&less);
    }
}

/// A hash algorithm as a `DigestInfo` names it, and how many bytes its hash has: those that a client has
/// been seen to sign with, or may.
const OIDS: [(&str, &[u8], usize); 9] = [
    ("SHA-256", b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", 32),
    ("SHA-384", b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", 48),
    ("SHA-512", b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", 64),
    ("SHA-224", b"\x60\x86\x48\x01\x65\x03\x04\x02\x04", 28),
    ("SHA-512/256", b"\x60\x86\x48\x01\x65\x03\x04\x02\x06", 32),
    ("SHA3-256", b"\x60\x86\x48\x01\x65\x03\x04\x02\x08", 32),
    ("SHA-1", b"\x2b\x0e\x03\x02\x1a", 20),
    ("RIPEMD-160", b"\x2b\x24\x03\x02\x01", 20),
    ("MD5", b"\x2a\x86\x48\x86\xf7\x0d\x02\x05", 16),
];

/// What may have been signed: a thousand texts, only made where a block holds something.
type Texts<'a> = LazyCell<Vec<Text>, Box<dyn Fn() -> Vec<Text> + 'a>>;

/// What a signature holds, once opened.
enum Block {
    /// A hash in its `DigestInfo`, and whether that has the NULL that it should have.
    Hash {
        algorithm: String,
        hash: Vec<u8>,
        has_null: bool,
    },
    /// Something else, well padded.
    Padded(Vec<u8>),
    /// Something with nothing but zeros around it.
    Unpadded(Vec<u8>),
    /// PSS with this hash and that of MGF1, the salt, and H.
    Pss {
        algorithm: usize,
        mgf: usize,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    /// Another padding.
    Other(&'static str, &'static str),
    Noise,
}

const PAD: &str = "pad as RFC 8017 section 9.2 says: let a library sign";

/// Reads a block of a modulus of `bits`.
fn read(block: &[u8], bits: usize, texts: &Texts) -> Block {
    let zeros = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|&&byte| byte == 0).count();
    let (before, behind) = (zeros(&mut block.iter()), zeros(&mut block.iter().rev()));
    if let Some((_, content)) = padded(block) {
        return digest_info(content).map_or_else(|| Block::Padded(content.into()), Block::of);
    }
    // What a block begins with is evidence if it has four bytes or more: noise begins so once in 2^32.
    match block {
        [0, 1, 0xff, 0xff, ..] => {
            Block::Other(PAD, "it begins 00 01, but no 8 or more of ff and a 00 follow")
        }
        [0, 2, rest @ ..] if rest.iter().position(|&byte| byte == 0).is_some_and(|at| at >= 8) => {
            Block::Other(
                "sign (padding type 1), do not encrypt (type 2)",
                "its padding is that of encryption, 00 02",
            )
        }
        _ if before >= 8 => {
            // A hash may begin with zeros of its own.
            let rest = block.len() - before;
            let hash = [20, 32, 48, 64].into_iter().find(|length| (rest..=rest + 2).contains(length));
            Block::Unpadded(block[block.len() - hash.unwrap_or(rest)..].into())
        }
        _ if behind >= 8 => Block::Unpadded(block[..block.len() - behind].into()),
        [0x6b, 0xbb, 0xbb, 0xbb, .., 0xcc] => {
            Block::Other("sign with RS256's padding, PKCS#1 v1.5", "its padding is X9.31's")
        }
        _ if is_text(block) => Block::Unpadded(block.into()),
        _ => pss(block, bits, texts).unwrap_or(Block::Noise),
    }
}

/// How many ff pad a block of RSASSA-PKCS1-v1_5, and what stands behind them.
fn padded(block: &[u8]) -> Option<(usize, &[u8])> {
    let rest = block.strip_prefix(&[0, 1])?;
    let padding = rest.iter().take_while(|&&byte| byte == 0xff).count();
    let content = rest[padding..].strip_prefix(&[0])?;
    (padding >= 8).then_some((padding, content))
}

/// A hash, and the algorithm that is said to have made it (RFC 8017 section 9.2, note 1).
#[derive(Clone, Copy)]
struct DigestInfo<'a> {
    oid: &'a [u8],
    has_null: bool,
    hash: &'a [u8],
}

fn digest_info(content: &[u8]) -> Option<DigestInfo<'_>> {
    let [0x30, length, 0x30, inner, 6, oid_length, rest @ ..] = content else { return None };
    let (oid, rest) = rest.split_at_checked((*oid_length).into())?;
    let (has_null, rest) = match rest {
        [5, 0, rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let [4, hash_length, hash @ ..] = rest else { return None };
    let is_whole = usize::from(*length) + 2 == content.len()
        && usize::from(*inner) == 2 + oid.len() + 2 * usize::from(has_null)
        && usize::from(*hash_length) == hash.len();
    is_whole.then_some(DigestInfo { oid, has_null, hash })
}

/// PSS (RFC 8017 section 9.1.2), unmasked: zeros, a 01, the salt. The mask is made with the same hash, or
/// with another: SHA-1 is Java's default. Eight zeros are proof. With fewer the text must be known too:
/// noise, and what another mask hash makes, begins with a 01 once in 128 times.
fn pss(block: &[u8], bits: usize, texts: &Texts) -> Option<Block> {
    let length = (bits - 1).div_ceil(8);
    let (above, encoded) = block.split_at(block.len() - length);
    let [masked @ .., 0xbc] = encoded else { return None };
    if above.iter().any(|&byte| byte != 0) {
        return None;
    }
    let pairs = (0..HASHES.len()).flat_map(|algorithm| (0..HASHES.len()).map(move |mgf| (algorithm, mgf)));
    for (algorithm, mgf) in pairs {
        let name = HASHES[algorithm].1;
        let Some((masked, hash)) = masked.len().checked_sub(name.output_len()).map(|at| masked.split_at(at))
        else {
            continue;
        };
        let mask = (0_u32..).flat_map(|counter| {
            let seed = [hash, &counter.to_be_bytes()].concat();
            digest(HASHES[mgf].1, &seed).as_ref().to_vec()
        });
        let mut unmasked: Vec<u8> = masked.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
        if let Some(first) = unmasked.first_mut() {
            *first &= 0xff >> (length * 8 - (bits - 1));
        }
        let zeros = unmasked.iter().take_while(|&&byte| byte == 0).count();
        if unmasked.get(zeros) == Some(&1) {
            let (salt, hash) = (unmasked[zeros + 1..].to_vec(), hash.to_vec());
            let block = Block::Pss { algorithm, mgf, salt, hash };
            if zeros >= 8 || held(&block, texts).is_some() {
                return Some(block);
            }
        }
    }
    None
}

/// The text whose hash a block holds, or that it holds itself.
fn held<'a>(block: &Block, texts: &'a Texts) -> Option<(&'a Text, &'static str)> {
    let by_name = |wanted: &str| HASHES.into_iter().find(|(name, _)| *name == wanted);
    let hashed = |(name, algorithm): (&'static str, &'static digest::Algorithm), hash: &[u8]| {
        let is_hash = |text: &&Text| digest(algorithm, &text.bytes).as_ref() == hash;
        texts.iter().find(is_hash).map(|text| (text, name))
    };
    match block {
        Block::Hash { algorithm, hash, .. } => {
            // What is named need not be what was taken: the other hashes of its length are tried, and those of
            // which it may be the beginning.
            let named = by_name(algorithm);
            let others = HASHES.into_iter().filter(|(name, _)| name != algorithm);
            let as_long = others.clone().filter(|(_, other)| other.output_len() == hash.len());
            let is_cut = |other: &'static digest::Algorithm| {
                let whole = digest(other, &texts[0].bytes);
                hash.len() >= 16 && hash.len() < whole.as_ref().len() && whole.as_ref().starts_with(hash)
            };
            let cut = || others.clone().find(|(_, other)| is_cut(other)).map(|(name, _)| (&texts[0], name));
            named.into_iter().chain(as_long).find_map(|algorithm| hashed(algorithm, hash)).or_else(cut)
        }
        // So little is no text, and a stranger can make such a block: s = 1.
        Block::Padded(content) | Block::Unpadded(content) if content.len() < 16 => None,
        Block::Padded(content) | Block::Unpadded(content) => {
            let of_its_length = HASHES.into_iter().filter(|(_, hash)| hash.output_len() == content.len());
            let itself = || texts.iter().find(|text| text.bytes == *content).map(|text| (text, "text"));
            of_its_length.map(|algorithm| hashed(algorithm, content)).find_map(|found| found).or_else(itself)
        }
        Block::Pss { algorithm, salt, hash, .. } => {
            let (name, algorithm) = HASHES[*algorithm];
            let is_signed = |text: &&Text| {
                let hashed = digest(algorithm, &text.bytes);
                digest(algorithm, &[&[0; 8], hashed.as_ref(), salt].concat()).as_ref() == hash
            };
            texts.iter().find(is_signed).map(|text| (text, name))
        }
        Block::Other(..) | Block::Noise => None,
    }
}

/// Says what a signature that does not verify with the key of its group is. `None`: the token is
/// not in three parts or too long, or the signature does verify. Of the other groups' keys so many are
/// tried, and nothing is said of the rest.
pub fn open(token: &[u8], key: Key, others: &[Key], effort: Effort) -> Option<Opened> {
    let parts = split(token).ok().filter(|_| token.len() <= effort.bytes)?;
    let signature = &parts.signature[..];
    let is_by = |key: &Key, signature: &[u8]| {
        RsaPublicKeyComponents { n: key.n, e: key.e }
            .verify(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, parts.signing_input, signature)
            .is_ok()
    };
    if is_by(&key, signature) {
        return None;
    }
    if let Some(diagnosis) = printed_signature(token) {
        return Some(Opened { by: By::Unknown, diagnosis, block: None });
    }
    let other = others.iter().take(effort.verified).find(|other| is_by(other, signature));
    if let Some(other) = other {
        let found = format!("it verifies with the key of {}", other.name);
        return Some(Opened::new(ANOTHER_KEY, found));
    }
    if let [first, rest @ ..] = signature
        && (rest.len() >= 127 || rest.len() >= 16 && *first == 0)
        && rest.iter().all(|byte| byte == first)
    {
        let found =
            format!("all of its {} bytes are {first:02x}: no signature was written there", signature.len());
        return Some(Opened::new("encode the bytes that the signing returned", found));
    }
    let forms = forms(signature, key.n);
    if let Some((_, change, found)) = forms.iter().find(|(form, ..)| is_by(&key, form)) {
        return Some(Opened { by: By::Right, ..Opened::new(change, *found) });
    }
    let texts = Texts::new(Box::new(|| signable::all(&parts)));
    let opened = |key: &Key, signature: &[u8]| {
        let bits = key.n.len() * 8 - key.n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let fits = signature.len() == key.n.len() && signature < key.n;
        let block = fits.then(|| power(signature, key.e, key.n));
        let read = block.as_ref().map_or(Block::Noise, |block| read(block, bits, &texts));
        let layout = block.map(|block| Layout::of(&block));
        let opened = |diagnosis| Opened { by: By::Key, diagnosis, block: layout.clone() };
        read.diagnosis(&texts).map(opened).ok_or_else(|| layout.clone())
    };
    let noise = match opened(&key, signature) {
        Ok(found) => return Some(found),
        Err(block) => block,
    };
    for (form, change, found) in &forms {
        if let Ok(opened) = opened(&key, form) {
            return Some(opened.behind(change, found));
        }
    }
    for other in others.iter().take(effort.opened) {
        if let Ok(opened) = opened(other, signature) {
            let opened = opened.behind(ANOTHER_KEY, &format!("it opens with the key of {}", other.name));
            return Some(Opened { by: By::Unknown, ..opened });
        }
    }
    if let Some(opened) = of_bytes(signature) {
        return Some(Opened { block: noise, ..opened });
    }
    if signature.len() != key.n.len() {
        return Some(of_length(signature, key.n.len()));
    }
    // One block of noise in 256 ends so, and each of PSS.
    let may_be_pss = noise.as_ref().is_some_and(|block| block.content.ends_with(&[0xbc]));
    Some(match may_be_pss {
        true => Opened {
            block: noise,
            ..Opened::new(
                PSS_OR_NOISE,
                format!("{}; or it is PSS, which ends in bc, of another text or hash", NOISE.1),
            )
        },
        false => Opened { block: noise, ..Opened::new(NOISE.0, NOISE.1) },
    })
}

/// The signature that a private exponent makes of a signing input: RSASSA-PKCS1-v1_5 draws nothing, so it is
/// the same each time. Its owner asks for it, on a machine of their own: the time it takes may tell.
pub fn sign(signing_input: &[u8], n: &[u8], d: &[u8]) -> Vec<u8> {
    power(&Layout::right(signing_input, n.len()).bytes(), d, n)
}

/// Where a signature and the right one part.
pub fn parting(found: &[u8], right: &[u8], by: By) -> String {
    let begin = found.iter().zip(right).take_while(|(one, other)| one == other).count();
    let equal = found.iter().zip(right).filter(|(one, other)| one == other).count();
    let [length, wanted] = [found.len(), right.len()];
    match (begin, equal) {
        _ if by == By::Right => "the key and what was signed are right: only the writing is not".into(),
        _ if begin == length => {
            format!("all {length} bytes agree, and {} are missing behind them", wanted - begin)
        }
        _ if begin == wanted => {
            format!("the first {wanted} bytes agree, and {} more stand behind them", length - begin)
        }
        // Of 512 bytes of noise 2 agree by chance, 8 or more once in 1,000 times, and 32 never.
        (8.., _) if equal < begin + 8 => {
            format!(
                "the first {begin} bytes agree, and behind them none but by chance: it was cut or written over"
            )
        }
        _ if equal >= 32 => {
            format!(
                "{equal} of {wanted} bytes agree, and byte {begin} is the first that does not: bytes were changed"
            )
        }
        _ if by == By::Key => {
            "nothing agrees: this key signed, but other bytes than these, or in another way".into()
        }
        _ => "nothing agrees: another key made it, or it was changed past telling".into(),
    }
}

const ANOTHER_KEY: &str = "sign with your own private key, or mend claim group";
const NOISE: (&str, &str) = (
    "sign with the private key of the public one handed in",
    "opened with the group's public key the signature is noise: another private key made it, or it was \
     encrypted with the public key, which is no signature, or bytes were changed on the way",
);

const PSS_OR_NOISE: &str = "sign with RS256, not PSS, and with the group's private key";

type Form = (Vec<u8>, &'static str, &'static str);

/// The signature as it may have been before it was written wrongly, as long as the modulus. One is told only if
/// it verifies or opens: no noise does.
fn forms(signature: &[u8], n: &[u8]) -> Vec<Form> {
    const BYTES: &str = "encode the signature's bytes, not their text";
    let latin_1 = || -> Option<Vec<u8>> {
        str::from_utf8(signature).ok()?.chars().map(|char| u8::try_from(char).ok()).collect()
    };
    let length = n.len();
    // Little-endian or big-endian: one half is zeros, the other the bytes.
    let every_other = |at: usize| signature.iter().skip(at).step_by(2).copied();
    let halves = [(0, 1), (1, 0)].into_iter().filter(|_| signature.len() == 2 * length);
    let in_utf_16 = || {
        halves
            .clone()
            .find(|(_, zeros)| every_other(*zeros).all(|byte| byte == 0))
            .map(|(at, _)| every_other(at).collect())
    };
    let short = length.saturating_sub(signature.len());
    let filled = (1..=2).contains(&short).then(|| [vec![0; short], signature.into()].concat());
    let shortened = signature.len().checked_sub(length).and_then(|more| {
        let (zeros, rest) = signature.split_at(more);
        zeros.iter().all(|&byte| byte == 0).then(|| rest.to_vec())
    });
    // Where the signature itself verifies or opens, that tells what stands behind or before it.
    let (first, last) =
        (signature.get(..length), signature.len().checked_sub(length).map(|at| &signature[at..]));
    let is_buffer = signature.iter().skip(length).all(|&byte| byte == 0);
    let text = signature.trim_ascii();
    let unquoted = text.strip_prefix(b"b").unwrap_or(text).trim_ascii_start();
    let unquoted = unquoted.get(1..unquoted.len().saturating_sub(1)).unwrap_or_default();
    let in_der = || signature.strip_prefix(b"\x04\x82").or(signature.strip_prefix(b"\x03\x82"));
    let printed =
        || signature.rsplit(|&byte| byte == b' ').next().filter(|rest| rest.len() < signature.len());
    [
        (
            Some(signature.iter().rev().copied().collect()),
            "reverse the signature's bytes: most significant first",
            "its bytes are in reverse order, little-endian",
        ),
        (from_hexadecimal(signature), BYTES, "it is hexadecimal text in base64url"),
        (from_hexadecimal(to_base64url(signature).as_bytes()), BYTES, "it is hexadecimal text"),
        (
            printed().and_then(from_hexadecimal),
            "use -binary: sign to bytes, not to text",
            "it is what openssl dgst -hex prints",
        ),
        (from_numbers(text), BYTES, "it is a print of its bytes' numbers"),
        (from_numbers(&[b"[", text, b"]"].concat()), BYTES, "it is a print of its bytes' numbers"),
        (
            pem::parse(text).map(pem::Pem::into_contents).ok(),
            "encode the signature alone, without PEM",
            "PEM is around it",
        ),
        (base64url(text).ok(), "encode the signature once", "it is in base64url twice"),
        (from_base64(text), "encode the signature once", "it is base64 in base64url"),
        (
            from_base64(unquoted),
            "encode the signature once, and not in quotes",
            "it is text in quotes in base64url",
        ),
        (latin_1(), "encode the signature's bytes, not a string of them", "its bytes were turned to UTF-8"),
        (
            from_windows_1252(signature),
            "encode the signature's bytes, not a string of them",
            "its bytes were read as Windows-1252, and turned to UTF-8",
        ),
        (
            in_utf_16(),
            "encode the signature's bytes, not a string of them",
            "its bytes were turned to UTF-16",
        ),
        (filled, "write all bytes of the signature, leading zeros too", "a zero before it was left out"),
        (
            shortened,
            "take the zero before the signature off",
            "zeros stand before it, as Java's BigInteger puts one",
        ),
        (
            in_der().map(|rest| rest[rest.len().min(2)..].to_vec()),
            "encode the signature alone, without DER",
            "DER is around it",
        ),
        (
            (signature.len() == length && signature < n).then(|| difference(n, signature)),
            "sign with RS256's padding, PKCS#1 v1.5",
            "it is n minus another, as X9.31 takes the smaller of the two",
        ),
        (
            signature.strip_suffix(b"\n").map(<[u8]>::to_vec),
            "encode the signature without a newline",
            "a newline stands behind it",
        ),
        (
            first.filter(|_| is_buffer).map(<[u8]>::to_vec),
            "encode the signature's bytes, not the whole buffer",
            "zeros stand behind it, the rest of a longer buffer",
        ),
        (
            first.filter(|_| !is_buffer).map(<[u8]>::to_vec),
            "encode as many bytes as the signing returned",
            "more bytes stand behind it",
        ),
        (
            last.filter(|_| !is_buffer).map(<[u8]>::to_vec),
            "encode the signature alone",
            "more bytes stand before it",
        ),
    ]
    .into_iter()
    .filter_map(|(form, change, found)| {
        Some((form.filter(|form: &Vec<u8>| form.len() == length && form != signature)?, change, found))
    })
    .collect()
}

/// n - s, both big-endian and of one length, s < n.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low byte, modulo 2^8")]
fn difference(n: &[u8], s: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let less = |(n, s): (&u8, &u8)| {
        let wide = i16::from(*n) - i16::from(*s) + borrow;
        borrow = wide >> 8;
        wide as u8
    };
    let bytes: Vec<u8> = n.iter().zip(s).rev().map(less).collect();
    bytes.into_iter().rev().collect()
}

/// The bytes that were read as Windows-1252 and then written as UTF-8. Some read the five bytes that it
/// lacks as Latin-1 does.
fn from_windows_1252(signature: &[u8]) -> Option<Vec<u8>> {
    const FROM_80: &str = "\u{20ac}\u{81}\u{201a}\u{192}\u{201e}\u{2026}\u{2020}\u{2021}\u{2c6}\u{2030}\u{160}\u{2039}\u{152}\u{8d}\u{17d}\u{8f}\
        \u{90}\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{2dc}\u{2122}\u{161}\u{203a}\u{153}\u{9d}\u{17e}\u{178}";
    let byte = |char: char| match FROM_80.chars().position(|other| other == char) {
        Some(at) => u8::try_from(0x80 + at).ok(),
        None => u8::try_from(char).ok(),
    };
    str::from_utf8(signature).ok()?.chars().map(byte).collect()
}

/// Bytes that a character set lacks, and what is said of a signature that has none of them.
type Lacks = (fn(u8) -> bool, &'static str);

/// A signature that has `?` for them. Random bytes without any of the first are out of the question, and of
/// the second, since a signature has 128 bytes or more. Without any of the third, and with four `?`, they come
/// once in 9,000 times: so another key is named beside it.
const LACKING: [Lacks; 3] = [
    (|byte| byte >= 0x80, "none is above 7f: it was made text in ASCII"),
    (|byte| (0x80..0xa0).contains(&byte), "none is from 80 to 9f: it was made text"),
    (
        |byte| [0x81, 0x8d, 0x8f, 0x90, 0x9d].contains(&byte),
        "none is one that Windows-1252 lacks: it was made text in that, or another private key made it",
    ),
];

/// What a signature's bytes show that the public key does not open: zeros where no signature has any, and
/// text. No signature has so many zeros at its end, or no byte above 7f.
fn of_bytes(signature: &[u8]) -> Option<Opened> {
    const FEWEST: usize = 128;
    const TEXT: &str = "encode the signature's bytes, do not make text of them";
    let length = signature.len();
    let count = |wanted: u8| signature.iter().filter(|&&byte| byte == wanted).count();
    let zeros = signature.iter().rev().take_while(|&&byte| byte == 0).count();
    if zeros >= 8 {
        let found = format!(
            "the last {zeros} of its {length} bytes are zeros: it was copied in part, or its buffer is longer"
        );
        return Some(Opened::new("encode the bytes that the signing returned", found));
    }
    if length < FEWEST && !is_text(signature) || length < 64 || signature.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let lost = count(b'?');
    let lacking = LACKING.iter().find(|(lacks, _)| lost >= 4 && !signature.iter().any(|&byte| lacks(byte)));
    if let Some((_, why)) = lacking.filter(|_| !is_text(signature)) {
        return Some(Opened::new(TEXT, format!("{lost} of its {length} bytes are ?, and {why}")));
    }
    if !signature.is_ascii() {
        return None;
    }
    Some(match is_text(signature) {
        true => Opened::new(
            "encode the signature's bytes, not their text",
            format!("it is text of {length} characters, which opens to nothing: {}", quote(&signature[..24])),
        ),
        false => Opened::new(TEXT, format!("none of its {length} bytes is above 7f, as in no signature")),
    })
}

/// What a signature of another length is. A length alone is no proof: where it is all there is, another way
/// to it is said as well.
fn of_length(signature: &[u8], wanted: usize) -> Opened {
    const RSA: &str = "sign with the group's RSA key, RS256";
    let length = signature.len();
    let lost = signature.windows(3).filter(|window| window == b"\xef\xbf\xbd").count();
    // Characters that were hexadecimal before they were taken for base64url.
    let text = to_base64url(signature);
    let digits = if text.bytes().all(|byte| byte.is_ascii_hexdigit()) { text.len() } else { 0 };
    if is_print(signature) {
        return Opened { by: By::Unknown, diagnosis: not_bytes(signature), block: None };
    }
    let (change, found) = match length {
        0 => (RSA, "it is empty: nobody signed".into()),
        _ if [40, 64, 96, 128].contains(&digits) => {
            (RSA, format!("it is hexadecimal of {} bytes, as many as a hash or an HMAC has", digits / 2))
        }
        _ if lost > 8 => (
            "encode the signature's bytes, do not read them as text",
            format!("{lost} of its bytes were lost where it was read as text (U+FFFD)"),
        ),
        _ if signature.iter().all(u8::is_ascii_digit) => {
            ("encode the signature's bytes: to_bytes(), not str()", "it is a number in decimal".into())
        }
        20 | 32 | 48 => (
            "sign with RSA (RS256), not with HMAC",
            format!("its {length} bytes are as many as an HMAC or a bare hash has; or it is cut"),
        ),
        64 => (RSA, "its 64 bytes are as many as ES256, Ed25519 and HS512 make; or it is cut".into()),
        68..=72 | 100..=104 if signature[0] == 0x30 && usize::from(signature[1]) + 2 == length => {
            (RSA, format!("its {length} bytes are ECDSA's, in DER"))
        }
        136..=139 if signature.starts_with(&[0x30, 0x81]) => {
            (RSA, format!("its {length} bytes are ECDSA's, in DER"))
        }
        96 | 132 => (RSA, format!("its {length} bytes are as many as ES384 or ES512 makes; or it is cut")),
        128 | 256 | 384 | 512 => {
            let or = if length < wanted { "it is cut" } else { "more than the signature is there" };
            (
                "sign with the private key of the public one handed in",
                format!(
                    "a key of {} bits made it, where the group's has {}; or {or}",
                    length * 8,
                    wanted * 8
                ),
            )
        }
        _ if length < wanted => (
            "send the signature whole",
            format!("it is cut, or not made with the group's key: {length} bytes of {wanted}"),
        ),
        _ => ("send the signature alone", format!("it has {length} bytes, and should have {wanted}")),
    };
    Opened::new(change, found)
}

impl Opened {
    fn new(change: &'static str, found: impl Into<Cow<'static, str>>) -> Self {
        Self { by: By::Unknown, diagnosis: Diagnosis::new(change, found), block: None }
    }

    /// What was found first, and then this.
    fn behind(self, change: &'static str, found: &str) -> Self {
        let found = format!("{found}; then {}: {}", self.diagnosis.change(), self.diagnosis.found());
        Self { diagnosis: Diagnosis::new(change, found), ..self }
    }
}

impl Block {
    fn of(DigestInfo { oid, has_null, hash }: DigestInfo) -> Self {
        let known = OIDS.iter().find(|(_, known, _)| *known == oid).map(|(name, ..)| (*name).into());
        let algorithm = known.unwrap_or_else(|| format!("the algorithm {}", to_hexadecimal(oid)));
        Self::Hash { algorithm, hash: hash.into(), has_null }
    }

    /// The sentences: what a block holds, and what to change. `None` of noise.
    fn diagnosis(&self, texts: &Texts) -> Option<Diagnosis> {
        if matches!(self, Self::Noise) {
            return None;
        }
        let held = held(self, texts);
        let of = held.map_or("a text that can't be computed from this token", |(text, _)| text.what.as_str());
        let change = held.map_or(SIGN, |(text, _)| text.change);
        let is_right = held.is_some_and(|(text, _)| std::ptr::eq(text, &raw const texts[0]));
        let (change, found) = match self {
            Self::Hash { algorithm, hash, has_null } => {
                let length = hash.len();
                let fits = OIDS.iter().all(|(name, _, bytes)| name != algorithm || *bytes == length);
                let found = match held {
                    Some(_) => format!("well padded, the signature holds the {algorithm} of {of}"),
                    None => format!(
                        "well padded, the signature names {algorithm}: its {length} bytes are the hash of {of}, or \
                         another algorithm's"
                    ),
                };
                match algorithm.as_str() {
                    named if let Some((_, taken)) = held.filter(|(_, taken)| taken != &named) => {
                        let whole =
                            HASHES.iter().any(|(name, hash)| *name == taken && hash.output_len() == length);
                        let part = if whole { "" } else { "the beginning of " };
                        let also = if is_right { String::new() } else { format!("; and {change}") };
                        (
                            "hash with SHA-256 and name it so: let a library sign".into(),
                            format!(
                                "well padded, the signature names {named}, and holds {part}the {taken} of {of}{also}"
                            ),
                        )
                    }
                    named if !fits => (
                        "hash with SHA-256 and name it so: let a library sign".into(),
                        format!(
                            "well padded, the signature names {named}, and holds {length} bytes: another hash, or a \
                             part of one"
                        ),
                    ),
                    "SHA-256" if is_right && !has_null => (
                        "put the NULL into the DigestInfo: let a library sign".into(),
                        "its DigestInfo has no NULL behind the algorithm (RFC 8017 section 9.2)".into(),
                    ),
                    "SHA-256" if is_right => (PAD.into(), found),
                    "SHA-256" => (change.into(), found),
                    name => {
                        let unknown = "well padded, the signature holds a hash, of";
                        let is_known = HASHES.iter().any(|(known, _)| known == &name);
                        let found = if is_known { found } else { format!("{unknown} {name}") };
                        let also =
                            if is_known && !is_right { format!("; and {change}") } else { String::new() };
                        let name = if name.len() < 16 { name } else { "another hash" };
                        (format!("sign with SHA-256, not {name}"), found + &also)
                    }
                }
            }
            Self::Padded(content) | Self::Unpadded(content) => {
                let is_padded = matches!(self, Self::Padded(_));
                let is_hash = held.is_some_and(|(_, name)| name != "text")
                    || held.is_none()
                        && [16, 20, 28, 32, 36, 48, 64].contains(&content.len())
                        && !is_text(content);
                let content = match held {
                    Some((_, "text")) => format!("{of}, as it is, not its hash"),
                    Some((_, name)) => format!("the {name} of {of}, without its DigestInfo"),
                    None if is_text(content) => format!("the text {}, which nobody hashed", quote(content)),
                    None if is_hash => {
                        format!("{} bytes, a hash of something without its DigestInfo", content.len())
                    }
                    None => format!("{} bytes that are no DigestInfo", content.len()),
                };
                match (is_padded, is_hash) {
                    (false, _) => (PAD.into(), format!("not padded, the signature holds {content}")),
                    (true, true) => (
                        "wrap the hash in a DigestInfo: openssl dgst -sha256 -sign".into(),
                        format!(
                            "well padded, the signature holds {content}, as openssl pkeyutl -sign alone makes it"
                        ),
                    ),
                    (true, false) => (
                        "hash, then sign: openssl dgst -sha256 -sign KEY".into(),
                        format!("well padded, the signature holds {content}"),
                    ),
                }
            }
            Self::Pss { algorithm, mgf, salt, .. } => {
                let [name, mask] = [algorithm, mgf].map(|&place| HASHES[place].0);
                (
                    "sign with RSASSA-PKCS1-v1_5 (RS256), not PSS (PS256)".into(),
                    format!(
                        "it is RSASSA-PSS with {name}, MGF1 with {mask}, a salt of {} bytes, of {of}",
                        salt.len()
                    ),
                )
            }
            Self::Other(change, found) => ((*change).into(), format!("opened with the public key, {found}")),
            Self::Noise => return None,
        };
        Some(Diagnosis::new(change, found))
    }
}
