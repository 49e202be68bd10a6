//! `groups.json`: a class of one's own, and no compiler needed.
//!
//! An object of name to number of members, or to the list of their matriculas (the roster, which
//! refuses nobody: the report marks who is missing).
//!
//! ```
//! use udpsocket_jwt_server::groups::Table;
//!
//! let table = Table::from_json(br#"{"ALFA": 2, "BETA": [20240001, 20240002, 20240003]}"#).unwrap();
//! let beta = table.find("beta").unwrap();
//! assert_eq!((table[beta].name.as_str(), table[beta].members), ("BETA", 3));
//!
//! let error = Table::from_json(br#"{"ALFA": 2, "alfa": 3}"#).unwrap_err();
//! assert_eq!(error, "group ALFA is there twice (case does not count): keep one");
//! ```

use super::{describe, quote};
use crate::groups::{Group, Table};
use crate::tools::diagnosis;
use serde_json::Value;
use std::collections::HashMap;

impl Table {
    /// The table of a `groups.json`. An error names the group, what was found and what to do.
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        let meant = |error| match diagnosis::groups_json::diagnose(text) {
            Some(diagnosis) => format!("{error}. {diagnosis}"),
            None => error,
        };
        Self::parse(text).map_err(meant)
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let text = diagnosis::without_mark(text);
        let wanted = r#"an object of name to number of members, like {"ALFA": 3, "BETA": 4}"#;
        let entries = match serde_json::from_slice(text) {
            Ok(Value::Object(entries)) if !entries.is_empty() => entries,
            Ok(Value::Object(_)) => return Err(format!("has no group: it must be {wanted}")),
            Ok(other) => return Err(format!("is {}: it must be {wanted}", describe(Some(&other)))),
            Err(error) => return Err(format!("is not JSON ({error}): it must be {wanted}")),
        };
        let groups =
            entries.iter().map(|(name, members)| group(name, members)).collect::<Result<Vec<_>, _>>()?;
        let table = Self::new(groups);
        for (index, group) in table.iter().enumerate() {
            if table.find(&group.name) != Some(index) {
                return Err(format!("group {} is there twice (case does not count): keep one", group.name));
            }
        }
        // Of two members with one name the parser keeps the last. Names alone are quoted here.
        if text.iter().filter(|&&byte| byte == b'"').count() != 2 * table.len() {
            return Err("a group is there twice: keep one".into());
        }
        let mut seen = HashMap::new();
        for group in table.iter() {
            for matricula in &group.roster {
                if let Some(other) = seen.insert(matricula, &group.name) {
                    return Err(format!(
                        "matricula {matricula} is there twice ({other}, {}): keep one",
                        group.name
                    ));
                }
            }
        }
        Ok(table)
    }
}

fn group(name: &str, members: &Value) -> Result<Group, String> {
    if !is_name(name) {
        return Err(format!(
            "{} is no name for a group: 1 to 32 of A-Z a-z 0-9 _ -, and the first is no - (a spreadsheet would \
             take it for a formula)",
            quote(name.as_bytes())
        ));
    }
    let roster = match members {
        Value::Array(matriculas) => matriculas
            .iter()
            .map(|matricula| matricula.as_u64().ok_or_else(|| describe(Some(matricula))))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|found| {
                format!("group {name}: a matricula is {found}; it must be an integer, 0 or more")
            })?,
        _ => Vec::new(),
    };
    let number = members.as_array().map_or(members.as_u64(), |roster| Some(roster.len() as u64));
    match number.and_then(|number| u8::try_from(number).ok()) {
        Some(members @ 1..) => Ok(Group { name: name.into(), members, roster }),
        _ => {
            let found = number.map_or_else(|| describe(Some(members)), |number| number.to_string());
            Err(format!(
                "group {name}: the number of members is {found}; it must be 1 to 255, or a list of matriculas"
            ))
        }
    }
}

/// Whether this may be a group's name.
pub fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}
