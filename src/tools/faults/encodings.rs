//! What the diagnoses share: text in the encodings that it is mistaken for, and how near two words
//! are.

use crate::keys::BYTE_ORDER_MARK;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};

/// A text without UTF-8's byte order mark.
pub(super) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Text that could be typed on any keyboard, and line breaks.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n'))
}

/// Where some bytes begin in others.
pub(super) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// Whether some bytes stand in others.
pub(super) fn contains(text: &[u8], wanted: &[u8]) -> bool {
    find(text, wanted).is_some()
}

/// Text with some of it replaced.
pub(super) fn replaced(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(at) = find(rest, old) {
        out.extend([&rest[..at], new].concat());
        rest = &rest[at + old.len()..];
    }
    [out, rest.into()].concat()
}

/// The ASCII in UTF-16 or UTF-32 text, which has as many NULs as characters, or more.
pub(super) fn wide(bytes: &[u8]) -> Option<Vec<u8>> {
    let marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let rest = if marked { &bytes[2..] } else { bytes };
    let text: Vec<u8> = rest.iter().copied().filter(|&byte| byte != 0).collect();
    let alternates = |at: usize| rest.len() > 3 && rest.iter().skip(at).step_by(2).all(|&byte| byte == 0);
    (!text.is_empty() && (marked || alternates(0) || alternates(1))).then_some(text)
}

/// What [wide](fn@wide) text is, and how that shows.
pub(super) fn wide_kind(bytes: &[u8]) -> (&'static str, &'static str) {
    let nuls = bytes.iter().filter(|&&byte| byte == 0).count();
    match nuls * 3 > bytes.len() * 2 {
        true => ("UTF-32", "three of four bytes are NULs: it is UTF-32"),
        false => ("UTF-16", "every other byte is a NUL: it is UTF-16"),
    }
}

/// The bytes of hexadecimal text, in any case, perhaps with white space, colons or 0x.
pub(super) fn from_hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let text = replaced(text, b"0x", b"");
    let digits: Vec<u8> =
        text.into_iter().filter(|byte| !byte.is_ascii_whitespace() && !b":,".contains(byte)).collect();
    if digits.is_empty() || digits.len() % 2 == 1 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

pub(crate) fn to_hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of base64 of any kind: either alphabet, padded or not, in lines or not.
pub(super) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    const ANY: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let standard = |byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let text: Vec<u8> =
        text.iter().filter(|byte| !byte.is_ascii_whitespace()).map(|&byte| standard(byte)).collect();
    ANY.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

/// What languages print in place of an object: `Message@1b6d3586`, `HASH(0x55e0b7c3a2d8)`,
/// `table: 0x55e0b7c3a2d8`, `Instance of 'Message'`.
pub(super) fn is_address(text: &[u8]) -> bool {
    let hash = text.rsplit(|&byte| byte == b'@').next().filter(|hash| hash.len() < text.len());
    let is_hash = |hash: &[u8]| {
        hash.len() >= 5 && hash.iter().all(u8::is_ascii_hexdigit) && hash.iter().any(u8::is_ascii_digit)
    };
    // An address has more digits than a status or an error's number.
    let address = find(text, b"0x").map(|at| &text[at + 2..]).unwrap_or_default();
    let digits = address.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let is_address = text.starts_with(b"Instance of '") || hash.is_some_and(is_hash);
    text.len() < 128 && is_text(text) && (is_address || digits >= 9)
}

/// The bytes of text that is encoded as for a URL.
pub(super) fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        out.extend(&rest[..at]);
        out.extend(from_hexadecimal(rest.get(at + 1..at + 3)?)?);
        rest = &rest[at + 3..];
    }
    Some([&out, rest].concat())
}

/// The numbers of a list, as a language prints an array of bytes: `[101, 121, -3]`, `[101 121]`.
pub(super) fn from_numbers(text: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(text).ok()?.trim();
    let list = text.strip_prefix('[')?.strip_suffix(']')?;
    let byte = |number: &str| number.parse::<i16>().ok().and_then(|number| u8::try_from(number & 255).ok());
    list.split([',', ' ']).filter(|number| !number.is_empty()).map(byte).collect()
}

/// Text of JSON with other white space: `after` what stands behind a comma and a colon.
pub(super) fn reprinted(json: &[u8], after_comma: &str, after_colon: &str) -> Vec<u8> {
    let (mut out, mut in_string, mut escaped) = (Vec::new(), false, false);
    for &byte in json {
        match byte {
            b'"' if !escaped => in_string = !in_string,
            _ if !in_string && byte.is_ascii_whitespace() => continue,
            _ => {}
        }
        escaped = in_string && byte == b'\\' && !escaped;
        out.push(byte);
        match byte {
            b',' if !in_string => out.extend(after_comma.bytes()),
            b':' if !in_string => out.extend(after_colon.bytes()),
            _ => {}
        }
    }
    out
}

/// How many letters must be put in, left out, changed, or swapped with their neighbour to make one
/// word of another; none if more than `most`.
#[expect(clippy::cast_possible_truncation, reason = "a word has at most 64 letters")]
pub(super) fn distance(one: &[char], other: &[char], most: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    // What both begin or end with needs no look: names of one table are often alike.
    let begin = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[begin..], &other[begin..]);
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[..one.len() - end], &other[..other.len() - end]);
    // Far from the diagonal more would be put in or left out than `most`.
    let (width, far) = (other.len() + 1, most + 1);
    let mut cells = vec![far as u8; (one.len() + 1) * width];
    for i in 0..=one.len() {
        for j in i.saturating_sub(most)..=other.len().min(i + most) {
            let before = |up: usize, left: usize| cells[(i - up) * width + j - left];
            let is_swap = i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
            cells[i * width + j] = match (i, j) {
                (0, _) | (_, 0) => (i + j) as u8,
                _ if one[i - 1] == other[j - 1] => before(1, 1),
                _ if is_swap => before(2, 2).min(before(1, 1)).min(before(1, 0)).min(before(0, 1)) + 1,
                _ => before(1, 1).min(before(1, 0)).min(before(0, 1)) + 1,
            };
        }
    }
    cells.last().map(|&distance| distance.into()).filter(|distance| *distance <= most)
}

/// The word that another is almost, and how many letters differ: a third of them at most, and four; case
/// apart. A long word is almost none. Whether no other word is as near is said too.
pub(super) fn nearest<'a>(
    word: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<(&'a str, usize, bool)> {
    const MOST_DIFFERENT: usize = 4;
    const LONGEST_WORD: usize = 64;
    if word.len() > LONGEST_WORD {
        return None;
    }
    let word: Vec<char> = word.trim().to_lowercase().chars().collect();
    let mut nearest = None;
    for other in words.into_iter().filter(|other| other.len() <= LONGEST_WORD) {
        let letters: Vec<char> = other.to_lowercase().chars().collect();
        let most = (other.len() / 3).clamp(1, MOST_DIFFERENT);
        let least = nearest.map_or(usize::MAX, |(_, least, _)| least);
        match distance(&word, &letters, most.min(least)) {
            Some(distance) if distance == least => nearest = nearest.map(|(first, ..)| (first, least, false)),
            Some(distance) => nearest = Some((other, distance, true)),
            None => {}
        }
    }
    nearest
}
