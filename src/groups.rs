//! The group table: which groups may speak, and how many members each group has.
//!
//! The number of members comes from the table, never from the client. A client's `seq_max` is only
//! recorded. The page's table is compiled in:
//!
//! ```text,page
//! static GROUPS: [(&str, u64); 6] =
//! ```
//!
//! The table here is compiled in too. If the class has a `groups.json`, that file replaces it, and nobody
//! needs a compiler. (The tools read the file: [`groups_json`](crate::tools::faults::groups_json).)
//!
//! When a group is looked up, upper and lower case do not matter (of ASCII letters). The page finds a name
//! only as the table spells it.
//!
//! ```
//! use udpsocket_jwt_server::groups::Table;
//!
//! let table = Table::compiled_in();
//! let noname = table.find("NoName").unwrap();
//! assert_eq!((table[noname].name.as_str(), table[noname].members), ("NONAME", 4));
//! assert_eq!(table.find("NOBODY"), None);
//! ```

use std::collections::HashMap;
use std::ops::Deref;

/// The class that first did this exercise. HEARTBEAT is the test group.
pub static GROUPS: [(&str, u8); 6] =
    [("JAVALI", 3), ("PINHAO", 3), ("BISSAU", 3), ("NONAME", 4), ("SOQUETINHO", 3), ("HEARTBEAT", 1)];

/// A group of students.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `[A-Za-z0-9_-]`, 1 to 32 characters. The first character is not `-`.
    pub name: String,
    /// The number of members, 1 to 255.
    pub members: u8,
    /// The members' matriculas. It is empty if `groups.json` does not list them. Only the tools read it.
    pub roster: Vec<u64>,
}

/// The groups, in the order of the table. In the code a group is mostly its place in the table, a
/// `usize` from 0.
#[derive(Clone, Debug)]
pub struct Table {
    groups: Vec<Group>,
    by_name: HashMap<String, usize>,
}

impl Table {
    /// The table that is compiled in.
    pub fn compiled_in() -> Self {
        let group = |(name, members): (&str, u8)| Group { name: name.into(), members, roster: Vec::new() };
        Self::new(GROUPS.map(group).into())
    }

    /// A table of these groups. No two names may be equal when case is ignored.
    pub(crate) fn new(groups: Vec<Group>) -> Self {
        let names = groups.iter().map(|group| group.name.to_ascii_uppercase());
        let by_name = names.zip(0..).collect(); // from each name to its place
        Self { groups, by_name }
    }

    /// The place of the group with this name. The case of ASCII letters does not matter.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_uppercase()).copied()
    }
}

impl Deref for Table {
    type Target = [Group];

    fn deref(&self) -> &[Group] {
        &self.groups
    }
}
