//! `groups.json`: a class of one's own, and no compiler needed; and what is wrong with one that is no
//! table.
//!
//! An object of name to number of members, or to the list of their matriculas (the roster, which
//! refuses nobody: the report marks who is missing).
//!
//! ```
//! use udpsocket_jwt_server::tools::faults::groups_json;
//!
//! let table = groups_json::table(br#"{"ALFA": 2, "BETA": [20240001, 20240002, 20240003]}"#).unwrap();
//! let beta = table.find("beta").unwrap();
//! assert_eq!((table[beta].name.as_str(), table[beta].members), ("BETA", 3));
//!
//! let fault = groups_json::table(br#"{"ALFA": 2, "alfa": 3}"#).unwrap_err();
//! assert_eq!(fault.sentence(), "group ALFA is there twice (case does not count); keep one");
//! ```

use super::encodings::without_mark;
use super::{Diagnosis, json};
use crate::files::content;
use crate::groups::{Group, Table};
use crate::tools::print::{describe, quote, shown};
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Most bytes of it: 100,000 matriculas.
const MOST_TABLE_BYTES: u64 = 1 << 20;

const WANTED: &str = "write {\"ALFA\": 3, \"BETA\": 4}";

/// The table of a directory's `groups.json`, or the one compiled in where there is no such file. An error
/// names the file.
pub fn load(directory: &Path) -> Result<Table, String> {
    let path = directory.join("groups.json");
    if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(Table::compiled_in());
    }
    let unreadable = |error: std::io::Error| {
        let is_forbidden = error.kind() == ErrorKind::PermissionDenied;
        let change = if is_forbidden { "run this as a user that may" } else { "mend or remove it" };
        Diagnosis::new(change, format!("cannot be read: {error}"))
    };
    let read = content(&path, MOST_TABLE_BYTES).map_err(unreadable).and_then(|text| table(&text));
    read.map_err(|fault| format!("{}: {}", shown(&path), fault.sentence()))
}

/// The table of a `groups.json`, or what is wrong with it: the first thing, with its group.
pub fn table(text: &[u8]) -> Result<Table, Diagnosis> {
    let text = without_mark(text);
    let entries = match serde_json::from_slice(text) {
        Ok(Value::Object(entries)) => entries,
        Ok(Value::Array(groups)) => return Err(of_list(&groups)),
        Ok(other) => return Err(Diagnosis::new(WANTED, format!("it is {}", describe(Some(&other))))),
        Err(error) => return Err(of_text(text, &error)),
    };
    if entries.is_empty() {
        return Err(Diagnosis::new(WANTED, "there is no group in it"));
    }
    if entries.len() == 1 && entries.iter().any(is_wrapper) {
        return Err(Diagnosis::new(
            "take the groups out of the outer object",
            "the groups are a level too deep",
        ));
    }
    let groups = entries.iter().map(|(name, members)| group(name, members)).collect::<Result<Vec<_>, _>>()?;
    let table = Table::new(groups);
    let twice = |what: String| Err(Diagnosis::new("keep one", format!("{what} is there twice")));
    for (index, group) in table.iter().enumerate() {
        if table.find(&group.name) != Some(index) {
            let found = format!("group {} is there twice (case does not count)", group.name);
            return Err(Diagnosis::new("keep one", found));
        }
    }
    // Of two members with one name the parser keeps the last. Names alone are quoted here.
    if text.iter().filter(|&&byte| byte == b'"').count() != 2 * table.len() {
        return twice("a group".into());
    }
    let mut seen = HashMap::new();
    for group in table.iter() {
        for matricula in &group.roster {
            if let Some(other) = seen.insert(matricula, &group.name) {
                let found = format!("matricula {matricula} is there twice ({other}, {})", group.name);
                return Err(Diagnosis::new("keep one", found));
            }
        }
    }
    Ok(table)
}

/// Text that is not JSON.
fn of_text(text: &[u8], error: &serde_json::Error) -> Diagnosis {
    match json::diagnose(text) {
        Some(fault) => {
            Diagnosis::new(fault.change().to_string(), format!("it is not JSON: {}", fault.found()))
        }
        None => Diagnosis::new(WANTED, format!("it is not JSON: {error}")),
    }
}

/// A list where an object should be.
fn of_list(groups: &[Value]) -> Diagnosis {
    let name = |group: &Value| {
        let texts = |value: &Value| value.as_str().filter(|name| is_name(name)).map(String::from);
        let of_object =
            |object: &Value| object.as_object().and_then(|object| object.values().find_map(texts));
        texts(group).or_else(|| of_object(group)).or_else(|| group.get(0).and_then(texts))
    };
    let change = groups.iter().find_map(name).map(|name| format!("write {{\"{name}\": 3, ...}}"));
    Diagnosis::new(change.unwrap_or(WANTED.into()), "it is a list, and not an object of groups")
}

/// Whether the one entry holds all the groups.
fn is_wrapper((name, value): (&String, &Value)) -> bool {
    let is_table = |inner: &serde_json::Map<String, Value>| {
        inner.values().all(|value| value.is_u64() || value.is_array())
    };
    (value.as_object().is_some_and(is_table)
        || value.as_array().is_some_and(|groups| groups.iter().any(Value::is_object)))
        && ["groups", "grupos", "table", "class", "turma"].contains(&name.to_lowercase().as_str())
}

fn group(name: &str, members: &Value) -> Result<Group, Diagnosis> {
    if !is_name(name) {
        let plain: String = name.trim().chars().map(|char| if char == ' ' { '_' } else { char }).collect();
        let change = match is_name(&plain) {
            true => format!("rename the group {plain}"),
            false if name.starts_with('-') => {
                "begin its name with no -, which a spreadsheet would take for a formula".into()
            }
            false => "rename the group: 1 to 32 of A-Z a-z 0-9 _ -".into(),
        };
        return Err(Diagnosis::new(change, format!("{} is no name for a group", quote(name.as_bytes()))));
    }
    let matricula = |value: &Value| value.as_u64().ok_or_else(|| of_matricula(name, value));
    let roster = match members {
        Value::Array(list) => list.iter().map(matricula).collect::<Result<Vec<_>, _>>()?,
        _ => Vec::new(),
    };
    let number = members.as_array().map_or(members.as_u64(), |list| Some(list.len() as u64));
    match number.and_then(|number| u8::try_from(number).ok()) {
        Some(members @ 1..) => Ok(Group { name: name.into(), members, roster }),
        _ => Err(of_members(name, members, number)),
    }
}

/// What is wrong with the number of a group's members, or with what stands in its place.
fn of_members(name: &str, members: &Value, number: Option<u64>) -> Diagnosis {
    let is_number = |text: &str| text.trim().parse::<u64>().is_ok();
    let change = match members {
        Value::Number(_) if number.is_some_and(|number| number >= 1_000) => {
            "write 1 to 255 members, or a list: [..] around a matricula"
        }
        Value::Number(_) | Value::Array(_) if number == Some(0) => {
            "give it a member or more, or leave it out"
        }
        Value::Number(_) if number.is_some() => "write 1 to 255 members",
        Value::Array(_) => "list 255 matriculas or fewer",
        Value::Number(_) => "write a plain number, 1 to 255",
        Value::String(text) if is_number(text) => "take the quotes off the number",
        Value::String(text)
            if text.split([',', ' ', ';', '[', ']']).all(|part| part.is_empty() || is_number(part)) =>
        {
            "write a list of matriculas, [1, 2, 3]"
        }
        Value::Object(inner) if inner.values().all(Value::is_u64) && inner.len() > 1 => {
            "write a list of matriculas, [1, 2, 3]"
        }
        Value::Object(inner) if inner.len() == 1 && inner.values().all(Value::is_u64) => {
            "write the number in the object's place"
        }
        _ => "write a number from 1 to 255, or a list of matriculas",
    };
    let found = match (members, number) {
        (Value::Array(_), Some(0)) => "its list of matriculas is empty".into(),
        (Value::Array(_), Some(number)) => format!("its list has {number} matriculas"),
        (_, Some(number)) => format!("the number of members is {number}"),
        (Value::Number(number), None) => format!("the number of members is {number}"),
        _ => format!("its value is {}", describe(Some(members))),
    };
    Diagnosis::new(change, format!("group {name}: {found}"))
}

/// What is wrong with a member of a roster.
fn of_matricula(name: &str, found: &Value) -> Diagnosis {
    let change = match found {
        Value::String(text) if text.trim().parse::<u64>().is_ok() => "take the quotes off its matriculas",
        Value::String(_) => "list matriculas, which are numbers, not names",
        Value::Object(_) | Value::Array(_) => "list plain matriculas, [1, 2, 3]",
        _ => "write matriculas as integers, 0 or more",
    };
    Diagnosis::new(change, format!("group {name}: a matricula is {}", describe(Some(found))))
}

/// Whether this may be a group's name.
pub fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}
