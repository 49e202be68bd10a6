//! `groups.json`: whatever is in it, the table is one that the server can work with, or an error
//! that a terminal can show.
#![no_main]

mod common;

use common::assert_printable;
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use udpsocket_jwt_server::tools::faults::groups_json;

fuzz_target!(|text: &[u8]| {
    let table = match groups_json::table(text) {
        Ok(table) => table,
        Err(error) => return assert_printable(&error.sentence()),
    };
    assert!(!table.is_empty());
    let mut matriculas = HashSet::new();
    for (index, group) in table.iter().enumerate() {
        let name = group.name.as_str();
        assert!((1..=32).contains(&name.len()), "{name:?}");
        assert!(
            name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter)),
            "{name:?}"
        );
        for spelling in [name.to_owned(), name.to_ascii_uppercase(), name.to_ascii_lowercase()] {
            assert_eq!(table.find(&spelling), Some(index), "{spelling:?}");
        }
        assert!(group.members >= 1);
        assert!(group.roster.is_empty() || group.roster.len() == usize::from(group.members));
        assert!(group.roster.iter().all(|matricula| matriculas.insert(*matricula)), "a matricula twice");
    }
    // serde_json's own map forgets a name that comes twice; this one does not.
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let Names(names) = serde_json::from_slice(text).unwrap();
    assert_eq!(names.len(), table.len(), "a name twice: {names:?}");
});

/// The names of a JSON object's members, as often as they are there.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some((name, IgnoredAny)) = members.next_entry()? {
            names.push(name);
        }
        Ok(Names(names))
    }
}
