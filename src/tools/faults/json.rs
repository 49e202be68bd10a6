//! Text that is not the JSON object that was meant: the first character that JSON does not have
//! tells which language printed it.

use super::encodings::{find, from_base64, from_hexadecimal, is_address, percent_decoded, wide, wide_kind};
use super::{Diagnosis, Row};
use crate::jws::json_object;
use crate::keys::BYTE_ORDER_MARK;
use crate::tools::print::{describe, quote};
use crate::tools::to_base64url;
use serde_json::Value;
use std::collections::BTreeSet;

/// Behind its `a:` stands how many pairs it has, and then `:{`.
const SERIALIZED: Row = ("print it with json_encode, not serialize", "it is PHP's serialize");

/// How something else than an object begins: what no text of another kind is known to begin with.
const BEGINNINGS: [(&[u8], Row); 16] = [
    (b"\x1f\x8b", ("leave out the compression", "it is gzip")),
    (b"\x78\x9c", ("leave out the compression", "it is zlib")),
    (b"map[", ("print it with json.Marshal, not with fmt", "it is Go's print of a map")),
    (b"&{", ("print it with json.Marshal, not with fmt", "it is Go's print of a struct")),
    (b"&map[", ("print it with json.Marshal, not with fmt", "it is Go's print of a map")),
    (b"[object ", ("print it with JSON.stringify", "it is JavaScript's print of an object")),
    (b"Array\n(", ("print it with json_encode", "it is PHP's print of an array")),
    (b"array (", ("print it with json_encode", "it is PHP's print of an array")),
    (b"a:", SERIALIZED),
    (b"OrderedDict(", ("print it with json.dumps", "it is Python's print of a dict")),
    (b"undefined", ("set the variable before it is printed", "it is JavaScript's undefined")),
    (b"None", ("set the variable before it is printed", "it is None, as Python and Rust print it")),
    (b"%{", ("print it with Jason.encode!", "it is Elixir's print of a map")),
    (b"<", ("print JSON, not XML or an object", "it is XML, or a print of an object")),
    (b"---\n", ("print JSON, not YAML", "it is YAML")),
    (b"\xac\xed\x00\x05", ("print JSON, not a serialized object", "it is a serialized Java object")),
];

/// Words that other languages have for JSON's, where a value should stand. If several have one, none is named,
/// or each.
const WORDS: [(&str, Row); 12] = [
    ("True", ("write true; json.dumps does", "True, as Python and C# have it")),
    ("False", ("write false; json.dumps does", "False, as Python and C# have it")),
    ("None", ("write null; json.dumps does", "None, as Python and Rust have it")),
    ("TRUE", ("write true, in small letters", "TRUE")),
    ("FALSE", ("write false, in small letters", "FALSE")),
    ("NULL", ("write null, in small letters", "NULL")),
    ("nil", ("write null for nil", "nil")),
    ("NaN", ("write a number: JSON has no NaN", "NaN")),
    ("Infinity", ("write a number: JSON has no Infinity", "Infinity")),
    ("undefined", ("set the value: JSON has no undefined", "JavaScript's undefined")),
    ("Decimal", ("write a plain number", "Python's print of a Decimal")),
    ("datetime", ("write seconds since 1970", "Python's print of a date")),
];

const COMMENT: Row = ("take the comment out: JSON has none", "a comment");
const MAP: Row = ("print it as JSON, with : for =", "=, as a print of a map or an object has it");

/// Characters that JSON does not have outside its strings.
const CHARACTERS: [(&str, Row); 8] = [
    (
        "'",
        (
            "write double quotes, as JSON has (json.dumps does)",
            "a single quote, as Python and JavaScript have",
        ),
    ),
    ("`", ("write double quotes", "a backquote")),
    (
        "\u{2018}\u{2019}\u{201a}\u{201b}\u{201c}\u{201d}\u{201e}\u{201f}\u{ab}\u{bb}",
        ("type plain quotes (\") in an editor for code", "a typographic quote"),
    ),
    ("\u{a0}\u{feff}\u{200b}\u{3000}", ("type plain spaces", "a space that is not ASCII")),
    (";", ("write a comma, not a semicolon", "a semicolon")),
    ("=", MAP),
    ("(", ("write [...] for (...)", "a parenthesis")),
    ("#", COMMENT),
];

/// So many values within values are read.
const DEEPEST: usize = 127;

/// What is wrong with the text of a header or a payload. `None`: it is a JSON object.
pub fn diagnose(json: &[u8]) -> Option<Diagnosis> {
    let row = |row: Row| Some(Diagnosis::from(row));
    if json.trim_ascii().is_empty() {
        return row(("write the JSON into it: it is empty", "nothing stands there"));
    }
    if let Some(rest) = json.strip_prefix(BYTE_ORDER_MARK) {
        let also = diagnose(rest).map(|also| format!("; then {also}")).unwrap_or_default();
        let found = format!("a byte order mark (EF BB BF) stands before the JSON{also}");
        return Some(Diagnosis::new("write it as UTF-8 without byte order mark", found));
    }
    match serde_json::from_slice(json) {
        Ok(Value::Object(_)) => return None,
        Ok(other) => return Some(of_another_type(&other)),
        Err(_) => {}
    }
    if wide(json).is_some() {
        let (kind, found) = wide_kind(json);
        return Some(Diagnosis::new(format!("encode it as UTF-8, not {kind}"), found));
    }
    let is_object = |inside: Option<Vec<u8>>| inside.is_some_and(|inside| json_object(&inside).is_ok());
    let text = to_base64url(json);
    if is_object(from_hexadecimal(json)) || is_object(from_hexadecimal(text.as_bytes())) {
        return row((
            "encode the JSON's bytes, not their hexadecimal",
            "it is hexadecimal, and the JSON inside",
        ));
    }
    if is_object(percent_decoded(json)) {
        return row((
            "encode the JSON itself, not as for a URL",
            "it is percent-encoded, and the JSON inside",
        ));
    }
    if is_object(from_base64(json)) {
        return row((
            "encode it in base64url once, not twice",
            "it is base64 once more, and the JSON inside",
        ));
    }
    let trimmed = json.trim_ascii();
    let is_begun = |(beginning, row): &&(&[u8], Row)| {
        trimmed.starts_with(beginning) && (*row != SERIALIZED || find(trimmed, b":{").is_some())
    };
    if let Some((_, found)) = BEGINNINGS.iter().find(is_begun) {
        return row(*found);
    }
    let Ok(text) = str::from_utf8(json) else {
        let at = str::from_utf8(json).map_or_else(|error| error.valid_up_to(), |_| 0);
        let has_controls = json.iter().any(|byte| *byte < b'\t');
        if has_controls || json.iter().filter(|byte| !byte.is_ascii()).count() * 4 > json.len() {
            return row(("encode the JSON's text: these bytes are none", "it is bytes that are no text"));
        }
        let shown = quote(&json[at..=at]);
        // Latin-1's letters stand in text: with them taken out, an object is left, and no byte is a control.
        let plain: Vec<u8> = json.iter().map(|byte| if byte.is_ascii() { *byte } else { b'x' }).collect();
        if json_object(&plain).is_ok() {
            let found = format!("byte {at} is {shown}, not UTF-8: is it Latin-1?");
            return Some(Diagnosis::new("encode it as UTF-8, not Latin-1", found));
        }
        let found = format!("byte {at} is {shown}: it is not UTF-8, nor JSON in Latin-1");
        return Some(Diagnosis::new("encode JSON's text in UTF-8, and send it whole", found));
    };
    if text.ends_with('\0') {
        return row(("leave the NUL off the JSON's end", "a NUL stands behind it, the end of a C string"));
    }
    if !trimmed.starts_with(b"{") {
        let is_form = find(trimmed, b"=").is_some() && !trimmed.iter().any(u8::is_ascii_whitespace);
        // A name, a colon and a value on each line.
        let is_word =
            |name: &str| name.trim().chars().all(|char| char.is_alphanumeric() || "_-".contains(char));
        let is_yaml = |line: &str| line.split_once(": ").is_some_and(|(name, _)| is_word(name));
        let is_setting = |line: &str| {
            let line = line.trim();
            line.starts_with('[') && line.ends_with(']')
                || line.split_once('=').is_some_and(|(name, _)| is_word(name))
        };
        return match trimmed {
            [b'(', ..] => row(("write {...}: an object", "it is a tuple")),
            _ if text.lines().count() > 1 && text.lines().all(is_setting) => {
                row(("print JSON, not name = value", "it is lines of name = value"))
            }
            _ if is_form => row(("write a JSON object, not name=value", "it is a form's name=value")),
            [b'\'' | b'"', b'{', ..] => {
                row(("encode the object once, without quotes", "quotes stand around the object"))
            }
            [b'b', b'\'' | b'"', ..] => {
                row(("encode the text, not str(bytes)", "it is Python's print of a bytes object"))
            }
            [b'"', ..] => row(("write { before the first name", "the object has no {")),
            [b'[', b'"', ..] if find(trimmed, b"\":").is_some() => {
                row(("write {...} for [...]: an object", "it is Swift's print of a dictionary"))
            }
            [b'[', ..] => Some(oddity(text)),
            [b'A'..=b'Z', .., b')' | b']' | b'}'] => row(("print it as JSON", "it is a print of an object")),
            _ if is_address(trimmed) => row(("print it as JSON", "it is a print of an object")),
            _ if text.lines().all(is_yaml) => row(("print JSON, not YAML", "it is YAML")),
            _ => Some(Diagnosis::new(
                "write a JSON object, {...}",
                format!("it is {}", quote(&json[..json.len().min(24)])),
            )),
        };
    }
    Some(oddity(text))
}

/// JSON, but no object.
fn of_another_type(value: &Value) -> Diagnosis {
    let (change, found) = match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(_)) => (
                "encode the object once: hand the object over, not its JSON",
                "it is a string that holds the JSON: encoded twice",
            ),
            _ if text.contains("': ") => {
                ("hand the dict over, not str(dict)", "it is a string that holds Python's print of a dict")
            }
            _ => ("write an object, {\"group\": ...}", "it is a string"),
        },
        Value::Array(values) if values.len() == 1 && values[0].is_object() => {
            ("take the object out of its list", "it is a list with the object in it")
        }
        Value::Array(values)
            if values.iter().all(|pair| pair.as_array().is_some_and(|pair| pair.len() == 2)) =>
        {
            ("make an object of the pairs, {...}", "it is a list of pairs")
        }
        Value::Array(_) => ("write an object of names and values, {...}", "it is a list"),
        Value::Null => ("set the variable before it is printed", "it is null"),
        other => {
            return Diagnosis::new(
                "write an object, {\"group\": ...}",
                format!("it is {}", describe(Some(other))),
            );
        }
    };
    Diagnosis::new(change, found)
}

/// The first thing in a text that JSON does not have, with its place.
fn oddity(text: &str) -> Diagnosis {
    let (mut at, mut depth, mut ends_value, mut is_name) = (0, 0_usize, false, false);
    let mut deepest = 0;
    let bytes = text.as_bytes();
    let next = |at: usize| text[at..].trim_start().chars().next();
    let is_object = text.trim_start().starts_with('{');
    // The last character that is no space: to look for it anew each time would take the square of the spaces.
    let mut before = None;
    while let Some(char) = text[at..].chars().next() {
        let rest = &text[at..];
        let begins_value = !",:}] \t\r\n".contains(char);
        let mut length = char.len_utf8();
        let was_value = ends_value;
        let found: Option<Row> = match char {
            ' ' | '\t' | '\r' | '\n' => None,
            '/' if rest.starts_with("//") || rest.starts_with("/*") => Some(COMMENT),
            _ if depth == 0 && at > 0 && was_value && "{[".contains(char) => {
                Some(("send one object: take what follows it off", "something follows the object"))
            }
            _ if depth == 0 && was_value => {
                Some(("take off what follows the object", "something follows the object"))
            }
            _ if begins_value && was_value && !"'=;".contains(char) => {
                Some(("put a comma (or a colon) before it", "two values with nothing between them"))
            }
            '"' => match string(&bytes[at..]) {
                Ok(end) => {
                    length = end;
                    None
                }
                Err(row) => Some(row),
            },
            ',' if next(at + 1).is_some_and(|next| "}],".contains(next)) => {
                Some(("take the last comma off", "a comma with nothing behind it"))
            }
            '=' if rest.starts_with("=>") => {
                Some(("use to_json (json_encode): JSON has : for =>", "=>, as Ruby and PHP print a hash"))
            }
            // A name should stand there.
            '0'..='9' if depth == 1 && is_object && before == Some(',') => Some((
                "write the number without a comma in it",
                "a number with a comma, or one without its name",
            )),
            '0'..='9' | '-' | '+' | '.' => {
                length = rest
                    .find(|char: char| !(char.is_alphanumeric() || "+-._".contains(char)))
                    .unwrap_or(rest.len());
                number(&rest[..length])
            }
            '{' | '[' => {
                depth += 1;
                deepest = deepest.max(depth);
                None
            }
            '}' | ']' if depth == 0 => Some(("take the closing brace off", "a brace too many")),
            '}' | ']' => {
                depth -= 1;
                None
            }
            ',' | ':' => None,
            _ if char.is_alphabetic() || char == '_' || char == '$' => {
                length = rest
                    .find(|char: char| !(char.is_alphanumeric() || "_$-".contains(char)))
                    .unwrap_or(rest.len());
                let known = WORDS.iter().find(|(word, _)| *word == &rest[..length]).map(|(_, row)| *row);
                match &rest[..length] {
                    "true" | "false" | "null" => None,
                    _ if next(at + length) == Some(':') && !is_name => {
                        Some(("write each name in double quotes", "a name without quotes"))
                    }
                    _ if next(at + length) == Some('=') => Some(MAP),
                    _ => known.or(Some(("write text in double quotes", "text without quotes"))),
                }
            }
            _ => {
                let known = CHARACTERS.iter().find(|(all, _)| all.contains(char)).map(|(_, row)| *row);
                known.or(Some(("print it as JSON", "a character that JSON does not have")))
            }
        };
        if let Some((change, found)) = found {
            let near = &bytes[at.saturating_sub(4)..bytes.len().min(at + 12)];
            return Diagnosis::new(change, format!("{found}, at byte {at}: {}", quote(near)));
        }
        if !char.is_whitespace() {
            before = text[at..at + length].chars().next_back();
            ends_value = !",:{[".contains(char);
            is_name = char == ':';
        }
        at += length;
    }
    // Nothing is odd about a character: what is left is what the parser says.
    let error = serde_json::from_str::<Value>(text).err().map(|error| format!("it is not JSON: {error}"));
    let (change, found) = match error {
        _ if depth > 0 => ("send the JSON whole: it is cut", "it ends before its closing brace".into()),
        _ if deepest > DEEPEST => (
            "nest the claims less deeply",
            format!("its values are nested {deepest} deep, more than {DEEPEST}"),
        ),
        error => ("print it with a library for JSON", error.unwrap_or_default()),
    };
    Diagnosis::new(change, found)
}

/// The first name that an object's text has twice, of those outside its inner objects. The object parses.
pub fn twice(json: &[u8]) -> Option<String> {
    let (mut at, mut depth, mut is_name, mut names) = (0, 0_usize, false, BTreeSet::new());
    while let Some(&byte) = json.get(at) {
        let mut length = 1;
        match byte {
            b'"' => {
                length = string(&json[at..]).ok()?;
                let name = serde_json::from_slice::<String>(&json[at..at + length]).ok()?;
                if depth == 1 && is_name && !names.insert(name.clone()) {
                    return Some(name);
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_name = matches!(byte, b'{' | b',') || is_name && byte.is_ascii_whitespace();
        at += length;
    }
    None
}

/// The length of a JSON string, or what is wrong with it.
fn string(text: &[u8]) -> Result<usize, Row> {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return Ok(at + 1),
            b'\\' if let Some(length) = surrogate(&text[at..]) => match length {
                12 => at += 11,
                _ => return Err(HALF),
            },
            b'\\' if !is_escape(&text[at + 1..]) => {
                return Err(("write \\\\ for a backslash", "an escape that JSON does not have"));
            }
            b'\\' => at += 1,
            ..0x20 => {
                return Err((
                    "write \\n for a line break in a string",
                    "a line break or control character in a string",
                ));
            }
            _ => {}
        }
        at += 1;
    }
    Err(("send the JSON whole: it is cut", "a string that does not end"))
}

const HALF: Row = (
    "write both halves of the character, \\ud83d\\ude00, or none",
    "half of a character in an escape: a lone surrogate",
);

/// How many bytes of escapes are a surrogate, which makes a character with another: 12 with that, 6 alone.
fn surrogate(text: &[u8]) -> Option<usize> {
    let unit = |text: &[u8]| {
        let digits = str::from_utf8(text.strip_prefix(b"\\u")?.get(..4)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let is_low = || text.get(6..).and_then(unit).is_some_and(|low| (0xdc00..0xe000).contains(&low));
    match unit(text)? {
        0xd800..0xdc00 if is_low() => Some(12),
        0xd800..0xe000 => Some(6),
        _ => None,
    }
}

/// Whether what stands behind a backslash makes an escape.
fn is_escape(rest: &[u8]) -> bool {
    match rest {
        [b'u', digits @ ..] => digits.iter().take(4).filter(|digit| digit.is_ascii_hexdigit()).count() == 4,
        [escape, ..] => b"\"\\/bfnrt".contains(escape),
        [] => true,
    }
}

/// What is wrong with a number.
fn number(word: &str) -> Option<Row> {
    let digits = word.trim_start_matches(['-', '+']);
    let is_json = serde_json::from_str::<Value>(word).is_ok();
    match digits.as_bytes() {
        _ if is_json => None,
        _ if word.starts_with('+') => Some(("write the number without +", "a number with +")),
        [b'0', b'x' | b'X' | b'b' | b'o', ..] => {
            Some(("write the number in decimal", "a number in another base"))
        }
        [b'0', b'0'..=b'9', ..] => {
            Some(("write the number without leading zeros", "a number with leading zeros"))
        }
        [b'.', ..] | [.., b'.'] => {
            Some(("write digits on both sides of the point", "a number that begins or ends in a point"))
        }
        _ if digits.contains('_') => Some(("write the number without _", "a number with _")),
        [.., b'L' | b'l' | b'n' | b'f' | b'u'] => {
            Some(("write the number without a letter", "a number with a letter"))
        }
        _ if digits == "Infinity" => Some(("write a number: JSON has no Infinity", "Infinity")),
        _ if digits.contains(['e', 'E']) => Some(("write a smaller number", "a number too large")),
        _ => Some(("write the text in double quotes, or a number", "neither a number nor text")),
    }
}
