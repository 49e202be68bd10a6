//! A `groups.json` that is no table: the group meant, what was found and what to change.

use super::{Diagnosis, json, without_mark};
use crate::tools::faults::groups_json::is_name;
use crate::tools::print::{describe, quote};
use serde_json::Value;

const WANTED: &str = "write {\"ALFA\": 3, \"BETA\": 4}";

/// What is wrong with the first entry that is wrong. `None`: nothing that is known here.
pub fn diagnose(text: &[u8]) -> Option<Diagnosis> {
    let text = without_mark(text);
    let said = |change: String, found: String| Some(Diagnosis::new(change, found));
    let entries = match serde_json::from_slice(text) {
        Ok(Value::Object(entries)) => entries,
        Ok(Value::Array(groups)) => return Some(of_list(&groups)),
        _ => return json::diagnose(text),
    };
    if entries.is_empty() {
        return said(WANTED.into(), "there is no group in it".into());
    }
    let is_wrapper = |(name, value): (&String, &Value)| {
        let inner = value
            .as_object()
            .is_some_and(|inner| inner.values().all(|value| value.is_u64() || value.is_array()));
        (inner || value.as_array().is_some_and(|groups| groups.iter().any(Value::is_object)))
            && ["groups", "grupos", "table", "class", "turma"].contains(&name.to_lowercase().as_str())
    };
    if entries.len() == 1 && entries.iter().any(is_wrapper) {
        return said(
            "take the groups out of the outer object".into(),
            "the groups are a level too deep".into(),
        );
    }
    for (name, members) in &entries {
        let shown = quote(name.as_bytes());
        if !is_name(name) {
            let plain: String =
                name.trim().chars().map(|char| if char == ' ' { '_' } else { char }).collect();
            let change = match is_name(&plain) {
                true => format!("rename the group {plain}"),
                false => "rename the group: 1 to 32 of A-Z a-z 0-9 _ -".into(),
            };
            return said(change, format!("{shown} is no name for a group"));
        }
        if let Some((change, found)) = of_members(members) {
            return said(format!("{change} ({})", short(name)), format!("group {shown}: {found}"));
        }
    }
    None
}

fn short(name: &str) -> &str {
    name.get(..16).unwrap_or(name)
}

/// What is wrong with a group's members.
fn of_members(members: &Value) -> Option<(&'static str, String)> {
    let described = || format!("the members are {}", describe(Some(members)));
    let is_number = |text: &str| text.trim().parse::<u64>().is_ok();
    Some(match members {
        Value::Number(number) => match number.as_u64() {
            Some(1..=255) => return None,
            Some(0) => ("give it a member or more, or leave it out", described()),
            Some(1_000..) => {
                ("write [..] around a matricula", format!("{}: is it a matricula?", described()))
            }
            Some(_) => ("write 1 to 255 members", described()),
            None => ("write a plain number", described()),
        },
        Value::String(text) if is_number(text) => ("take the quotes off the number", described()),
        Value::String(text) if text.contains([',', ' ', ';']) => ("write a list, [1, 2, 3]", described()),
        Value::Array(list) if list.is_empty() => {
            ("give it a member or more, or leave it out", "its list is empty".into())
        }
        Value::Array(list) if list.len() > 255 => {
            ("write 255 matriculas or fewer", format!("it lists {}", list.len()))
        }
        Value::Array(list) => match list.iter().find(|matricula| !matricula.is_u64())? {
            found @ Value::String(text) if is_number(text) => {
                ("take the quotes off its matriculas", format!("a matricula is {}", describe(Some(found))))
            }
            found @ Value::String(_) => (
                "list matriculas, which are numbers, not names",
                format!("a matricula is {}", describe(Some(found))),
            ),
            found @ Value::Object(_) => {
                ("list plain matriculas, [1, 2, 3]", format!("a matricula is {}", describe(Some(found))))
            }
            Value::Array(_) => ("list plain matriculas, [1, 2, 3]", "a list stands within its list".into()),
            found => (
                "write matriculas as integers, 0 or more",
                format!("a matricula is {}", describe(Some(found))),
            ),
        },
        Value::Object(inner) if inner.values().all(Value::is_u64) && !inner.is_empty() => {
            ("write a list of matriculas, [1, 2, 3]", described())
        }
        _ => ("write a number, or a list of matriculas", described()),
    })
}

/// A list where an object should be.
fn of_list(groups: &[Value]) -> Diagnosis {
    let name = |group: &Value| {
        let texts = |value: &Value| value.as_str().filter(|name| is_name(name)).map(String::from);
        let of_object =
            |object: &Value| object.as_object().and_then(|object| object.values().find_map(texts));
        texts(group).or_else(|| of_object(group)).or_else(|| group.get(0).and_then(texts))
    };
    let found = match groups.iter().find_map(name) {
        Some(name) => format!("it is a list, and not an object of groups; write {{\"{name}\": 3, ...}}"),
        None => "it is a list, and not an object of groups".into(),
    };
    Diagnosis::new(WANTED, found)
}
