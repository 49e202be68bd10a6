//! What is said, once and loudly, when `received.jsonl` is no longer the file that the next start will
//! read: nothing new is acknowledged then, and there is a way out while the server still runs.

use super::{for_shell, shown};
use crate::refusal::NotRecorded;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the open file is.
#[derive(Debug)]
pub struct Whereabouts {
    path: PathBuf,
    /// What Linux calls the open file, whatever has become of its name.
    open: Option<PathBuf>,
}

impl Whereabouts {
    /// Finds it out while the file still has its name.
    pub fn of(path: &Path) -> Self {
        Self { path: std::path::absolute(path).unwrap_or_else(|_| path.into()), open: open_file(path) }
    }

    /// What happened to the file, and the way out; none if its name and length are right.
    pub fn alarm(&self, why: &NotRecorded) -> Option<String> {
        let path = shown(&self.path);
        let what = match why {
            NotRecorded::Moved => self.moved(),
            NotRecorded::Unseen(error) => format!(
                "it can't be looked at: {error}. Let the server's user reach it by this name, and the server \
                 goes on"
            ),
            NotRecorded::Changed(found, left) => format!(
                "another program has changed it: it has {found} bytes, and the server left {left}. Restart the \
                 server, which reads it anew"
            ),
            _ => return None,
        };
        Some(format!("WARNING: NOTHING NEW IS ACKNOWLEDGED: {path}: {what}"))
    }

    fn moved(&self) -> String {
        let first =
            if self.path.exists() { " (first see what the file is that has its name now)" } else { "" };
        let Some(open) = &self.open else {
            return format!("it was moved, removed or replaced. Move it back{first}");
        };
        let there = for_shell(&self.path);
        match fs::read_link(open) {
            Ok(to) if !to.as_os_str().as_encoded_bytes().ends_with(b" (deleted)") => format!(
                "it is now {}. Move it back{first}, and the server goes on: mv {} {there}",
                shown(&to),
                for_shell(&to)
            ),
            _ => format!(
                "it was removed or replaced. While the server still runs{first}: cp {} {there}. Then restart it",
                open.display()
            ),
        }
    }
}

#[cfg(target_os = "linux")]
fn open_file(path: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let file = |path: &Path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let wanted = file(path)?;
    let mut entries = fs::read_dir("/proc/self/fd").ok()?.flatten();
    let entry = entries.find(|entry| file(&entry.path()) == Some(wanted))?;
    Some(Path::new("/proc").join(std::process::id().to_string()).join("fd").join(entry.file_name()))
}

#[cfg(not(target_os = "linux"))]
fn open_file(_: &Path) -> Option<PathBuf> {
    None
}
