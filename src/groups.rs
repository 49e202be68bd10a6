//! The group table: who may speak, and how many members each group has.
//!
//! The number of members is the table's, never the client's (`seq_max`). The page's is compiled in,
//!
//! ```text,page
//! static GROUPS: [(&str, u64); 6] =
//! ```
//!
//! and so is this one; but `groups.json` replaces it ([`groups_json`](crate::tools::faults::groups_json), in the tools), and no
//! compiler is needed.
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

/// The class that the original was written for. HEARTBEAT is the test group.
pub static GROUPS: [(&str, u8); 6] =
    [("JAVALI", 3), ("PINHAO", 3), ("BISSAU", 3), ("NONAME", 4), ("SOQUETINHO", 3), ("HEARTBEAT", 1)];

/// A group of students.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `[A-Za-z0-9_-]`, 1 to 32 characters.
    pub name: String,
    /// Number of members, 1 to 255.
    pub members: u8,
    /// The members' matriculas. It is empty if nobody has listed them. Only the tools read it.
    pub roster: Vec<u64>,
}

/// The groups, in the order of the table; a group is known by its place in it.
#[derive(Clone, Debug)]
pub struct Table {
    groups: Vec<Group>,
    by_name: HashMap<String, usize>,
}

impl Table {
    /// The table compiled in.
    pub fn compiled_in() -> Self {
        let group = |(name, members): (&str, u8)| Group { name: name.into(), members, roster: Vec::new() };
        Self::new(GROUPS.map(group).into())
    }

    /// A table of groups whose names are distinct in any case.
    pub(crate) fn new(groups: Vec<Group>) -> Self {
        let names = groups.iter().map(|group| group.name.to_ascii_uppercase());
        let by_name = names.zip(0..).collect();
        Self { groups, by_name }
    }

    /// The group of this name, in any case.
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
