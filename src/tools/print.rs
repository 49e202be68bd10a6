//! How text goes to a terminal: what came from outside is escaped, and nobody waits for a reader.

use serde_json::Value;
use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

/// Says something to the professor, on standard error. That nobody reads it changes nothing.
pub(crate) fn say(text: &str) {
    _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Lines on their way to standard error.
struct Lines {
    waiting: VecDeque<String>,
    /// Bytes of them, and of the one that is being said.
    bytes: usize,
}

static LINES: Mutex<Lines> = Mutex::new(Lines { waiting: VecDeque::new(), bytes: 0 });
static LINES_CHANGED: Condvar = Condvar::new();

/// Most bytes of the lines on their way.
const MOST_BYTES_ON_THEIR_WAY: usize = 1 << 20;

fn lock_lines() -> MutexGuard<'static, Lines> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says something without waiting: a terminal that is stopped must not stop the loop. Where nobody
/// reads fast enough, a line is lost and not a datagram.
pub(crate) fn say_soon(line: String) {
    let mut lines = lock_lines();
    if lines.bytes + line.len() <= MOST_BYTES_ON_THEIR_WAY {
        lines.bytes += line.len();
        lines.waiting.push_back(line);
        wake_the_sayer();
    }
}

/// Says something without waiting, before all that waits; there is always room for it.
pub(crate) fn say_first(line: String) {
    let mut lines = lock_lines();
    lines.bytes += line.len();
    lines.waiting.push_front(line);
    wake_the_sayer();
}

/// A thread says what waits. Without it every line is lost, and nothing else.
fn wake_the_sayer() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| _ = thread::Builder::new().spawn(say_what_waits));
    LINES_CHANGED.notify_all();
}

fn say_what_waits() {
    let mut lines = lock_lines();
    loop {
        let Some(line) = lines.waiting.pop_front() else {
            lines = LINES_CHANGED.wait(lines).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        drop(lines);
        say(&line);
        lines = lock_lines();
        lines.bytes -= line.len();
        LINES_CHANGED.notify_all();
    }
}

/// Waits until what was to be said is said, but not for a reader who takes longer than a second.
pub(crate) fn wait_until_said() {
    _ = LINES_CHANGED.wait_timeout_while(lock_lines(), Duration::from_secs(1), |lines| lines.bytes > 0);
}

/// Columns of a line at most: `watch` loses the line end behind one as wide as a terminal of 100.
pub(crate) const COLUMNS: usize = 99;

/// Text from outside as it may appear on a terminal, which it can't drive: what does not show, or moves
/// what does, is escaped. Quotes and backslashes stand as they are.
pub fn escaped(text: &str) -> String {
    let escaped = |character: char| match character {
        '\'' | '"' | '\\' => character.to_string(),
        _ => character.escape_debug().to_string(),
    };
    text.chars().map(escaped).collect()
}

/// A path as it may appear on a terminal: whoever named a file can't drive it. Windows takes `/` and `\\` in
/// one path; it is shown with one of them.
///
/// ```
/// use udpsocket_jwt_server::tools::print::shown;
///
/// assert_eq!(shown("class/\x1b[2J\nwarning: gone".as_ref()), r"class/\u{1b}[2J\nwarning: gone");
/// ```
pub fn shown(path: &Path) -> String {
    let text = escaped(&path.display().to_string());
    if cfg!(windows) { text.replace('/', "\\") } else { text }
}

/// A command that is advised, of which the paths are [`for_shell`]. Windows has no shell that knows it but
/// the one that comes with Git.
pub(crate) fn in_bash(command: impl Display) -> String {
    if cfg!(windows) { format!("in Git Bash: {command}") } else { command.to_string() }
}

/// A path as a word of a command that is advised: a shell takes it as it is, whatever is in it. Control
/// characters are escaped, as in [`shown`].
///
/// ```
/// use udpsocket_jwt_server::tools::print::for_shell;
///
/// assert_eq!(for_shell("class/keys_priv".as_ref()), "class/keys_priv");
/// assert_eq!(for_shell("a $(rm -rf ~) class".as_ref()), "'a $(rm -rf ~) class'");
/// assert_eq!(for_shell("Ann's".as_ref()), r"'Ann'\''s'");
/// assert_eq!(for_shell("line\nend".as_ref()), r"$'line\x0aend'");
/// ```
pub fn for_shell(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&byte);
    match str::from_utf8(bytes) {
        Ok(text) if cfg!(windows) => format!("\"{}\"", shown(Path::new(text))),
        Ok(text) if !text.is_empty() && text.bytes().all(is_plain) => text.into(),
        Ok(text) if shown(path) == text => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let escaped = |&byte: &u8| match byte {
                b' '..=b'~' if !b"'\\".contains(&byte) => char::from(byte).to_string(),
                _ => format!(r"\x{byte:02x}"),
            };
            format!("$'{}'", bytes.iter().map(escaped).collect::<String>())
        }
    }
}

/// Colours for a stream: only on a terminal, or where `CLICOLOR_FORCE` says so (for `watch -c`), and
/// not under `NO_COLOR` (<https://no-color.org>). A console of Windows may print their codes instead. Git
/// Bash shows them, and sets `TERM`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colours(bool);

impl Colours {
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let shows_them = stream.is_terminal() && (!cfg!(windows) || is_set("TERM"));
        Self(!is_set("NO_COLOR") && (shows_them || is_set("CLICOLOR_FORCE")))
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}

/// Text cut to so many columns.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.into();
    }
    text.chars().take(columns.saturating_sub(3)).chain("...".chars()).collect()
}

/// Words in lines of so many columns; a longer word is cut.
pub(crate) fn wrapped(words: impl IntoIterator<Item: ToString>, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        let word = shortened(&word.to_string(), columns);
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                *line += " ";
                *line += &word;
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Words behind a start, broken into lines: the next ones begin below the first word. Nothing where
/// there is no word.
pub(crate) fn block(start: &str, words: impl IntoIterator<Item: ToString>) -> String {
    let lines = wrapped(words, COLUMNS - start.len());
    let indent = " ".repeat(start.len());
    let starts = std::iter::once(start).chain(std::iter::repeat(&*indent));
    starts.zip(lines).map(|(start, line)| format!("{start}{line}\n")).collect()
}

/// Text as a JSON string, in its quotes.
pub(crate) fn json_string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default() // a str can't fail
}

/// Bytes from outside as they may appear in a log or on a terminal: between quotes, as
/// [`<[u8]>::escape_ascii`](slice::escape_ascii) writes them, at most 64 of them.
///
/// ```
/// use udpsocket_jwt_server::tools::print::quote;
///
/// assert_eq!(quote(b"\x1b[2Jgone"), r#""\x1b[2Jgone""#, "a datagram can't drive a terminal");
/// ```
pub fn quote(bytes: &[u8]) -> String {
    const MOST: usize = 64;
    let shown = bytes[..bytes.len().min(MOST)].escape_ascii();
    if bytes.len() > MOST { format!("\"{shown}\"...") } else { format!("\"{shown}\"") }
}

/// A JSON value from outside, with its type.
pub fn describe(value: Option<&Value>) -> String {
    match value {
        None => "absent".into(),
        Some(Value::String(text)) => format!("the string {}", quote(text.as_bytes())),
        Some(Value::Number(number)) => format!("the number {number}"),
        Some(Value::Array(_)) => "an array".into(),
        Some(Value::Object(_)) => "an object".into(),
        Some(other) => other.to_string(),
    }
}
