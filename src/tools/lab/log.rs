//! A log that is kept as far as that is possible: its errors stop nobody, and its size is bounded.

use crate::files::{at_end, identity, open_log, open_to_read};
use crate::tools::print::{say_soon, shown};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Most bytes of `NAME.jsonl`; then it becomes `NAME.1.jsonl`, replacing the one before.
pub const MOST_LOG_BYTES: u64 = 64 << 20;
/// The server writes no longer line: a datagram's first 2,048 bytes, escaped, and the rest.
pub const LONGEST_LINE: u64 = 1 << 16;

/// A file of lines with a bound.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Log {
    /// Opens or creates the file `name` in `directory`. If it can't be, a warning says so, and each
    /// call tries again.
    pub fn open(directory: &Path, name: &str) -> Self {
        let mut log = Self { path: directory.join(name), file: None, length: 0 };
        if let Err(error) = log.reopen() {
            let path = shown(&log.path);
            say_soon(format!("warning: {path}: cannot be written: {error}; the server goes on without it"));
        }
        log
    }

    fn reopen(&mut self) -> io::Result<()> {
        let mut file = open_log(&self.path)?;
        self.length = file.metadata()?.len();
        let mut last = [b'\n'];
        if self.length > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            at_end(&mut file)?.write_all(b"\n")?; // the machine stopped in the middle of a line
            self.length += 1;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Whether these lines would begin another file.
    pub fn turns_over(&self, lines: &str) -> bool {
        self.length + lines.len() as u64 > MOST_LOG_BYTES
    }

    /// Appends lines, or leaves the file as it was.
    pub fn append(&mut self, lines: &str) {
        if self.turns_over(lines) {
            self.turn_over();
        }
        if self.file.is_none() && self.reopen().is_err() {
            return;
        }
        let Some(file) = &mut self.file else { return };
        match at_end(file).and_then(|file| file.write_all(lines.as_bytes())) {
            Ok(()) => self.length += lines.len() as u64,
            Err(_) => _ = self.undo(),
        }
    }

    /// Cuts off what a failed write left: a log that somebody emptied meanwhile is not made longer.
    fn undo(&mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            self.length = self.length.min(file.metadata()?.len());
            file.set_len(self.length)?;
        }
        Ok(())
    }

    fn turn_over(&mut self) {
        // Windows renames no open file: it is closed first.
        let is_ours = self.file.take().is_some_and(|file| self.has_its_name(&file).unwrap_or(false));
        // Where it can't be renamed the bound holds all the same; where it was moved, it is not ours.
        let is_renamed = fs::rename(&self.path, self.path.with_extension("1.jsonl")).is_ok();
        if is_ours
            && !is_renamed
            && let Ok(file) = open_log(&self.path)
        {
            _ = file.set_len(0);
        }
        self.length = 0;
    }

    fn has_its_name(&self, file: &File) -> io::Result<bool> {
        let named = identity(&self.path, &fs::metadata(&self.path)?)?;
        Ok(named == identity(&self.path, &file.metadata()?)?)
    }
}

/// What was not read of a log, if anything: its errors stop nobody.
pub fn not_read(path: &Path, read: &io::Result<u64>) -> Option<String> {
    let path = shown(path);
    match read {
        Ok(0) => None,
        Ok(lines) => {
            let plural = if *lines == 1 { "" } else { "s" };
            Some(format!("{path}: passed over {lines} line{plural} longer than {LONGEST_LINE} bytes"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(format!("{path}: cannot be read: {error}; passed over")),
    }
}

/// Hands each whole JSON value of the last `most` bytes of a log to `each`. How many lines were passed over
/// because they are longer than the server writes any.
pub fn read_tail(path: &Path, most: u64, mut each: impl FnMut(&Value) -> Option<()>) -> io::Result<u64> {
    let mut file = open_to_read(path)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(most);
    file.seek(SeekFrom::Start(start))?;
    let mut lines = BufReader::new(file.take(length - start)); // it may say that it has none, and not end
    let (mut line, mut passed_over) = (Vec::new(), 0);
    if start > 0 {
        passed_over += u64::from(lines.skip_until(b'\n')? as u64 > LONGEST_LINE);
    }
    while lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
        if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            lines.skip_until(b'\n')?;
            passed_over += 1;
        } else if let Ok(value) = serde_json::from_slice(&line) {
            each(&value);
        }
        line.clear();
    }
    Ok(passed_over)
}
