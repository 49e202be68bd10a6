//! What the start shows of the class: who is served, with which key, and how far they have come.

use super::key::fingerprint;
use crate::start::{KeyFile, Started};

/// The table that the start shows: a line for each group.
pub fn table(started: &Started) -> String {
    let class = &started.server.class;
    let width =
        |least: usize, lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0).max(least);
    let group_width = width(5, &mut class.table.iter().map(|group| group.name.len()));
    let files = started.key_files.iter().filter(|file| file.key.is_ok());
    let file_width = width(8, &mut files.map(|file| file.name.len()));
    let mut text =
        format!("{:group_width$}  MEMBERS  STATE  {:file_width$}  BITS  FINGERPRINT\n", "GROUP", "KEY FILE");
    for (index, group) in class.table.iter().enumerate() {
        let state = started.server.progress[index].state;
        text += &format!("{:group_width$}  {:>7}  {state:>5}  ", group.name, group.members);
        let file = started.key_files.iter().find(|file| file.group == Some(index));
        text += &match (&class.keys[index], file) {
            (Some(key), Some(KeyFile { name, .. })) => {
                format!("{name:file_width$}  {:>4}  {}\n", key.bits(), fingerprint(key))
            }
            _ => "no usable key: not served\n".into(),
        };
    }
    text
}
