//! The command line: what the professor types, and what is said to a mistake in it.

use super::notify;
use crate::server::Server;
use crate::start::{Settings, Started, start};
use crate::tools::commands::{self, check::Check};
use crate::tools::commands::{mermaid, report, timeline};
use crate::tools::faults::{groups_json, start as startup};
use crate::tools::lab::{Tools, explain::Explainer, journal::Journal, ports::Ports, trial::Trial};
use crate::tools::print::{Colours, escaped, say, say_soon, shown, wait_until_said};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::SystemTime;

/// The whole help: one screen of 80 by 24.
pub const HELP: &str = "\
udpsocket-jwt-server [OPTIONS] [ADDRESS [PORT [DIR]]]    (127.0.0.1 5555 .)
udpsocket-jwt-server report [--csv | --group NAME [--mermaid]] [DIR]
udpsocket-jwt-server check [--key FILE] [--keys DIR] [DIR] < TOKEN

Takes the members of each group in order, over UDP: a request is a JWT signed
with the group's RSA key (RS256), the reply a JWT signed with the class's secret
(HS256). Nothing acknowledged is lost. report shows who is done, or a group's
last datagrams, as a time line or a diagram; check takes a token apart and says
what is wrong with it, with a request and its reply, or with a key FILE.

  --keys DIR         where keys_pub/, keys_priv/ and groups.json are    (DIR)
  --logs DIR         where the .jsonl files are                         (DIR)
  --lose PERCENT     lose that share of requests and of replies: a bad network
  --trial            examine the clients: what do they believe? (see report)
  --explain          answer what is refused with the reason: for the first hour
  --no-sync          do not sync to the disk before each reply: for benchmarks
  --no-limit         take any number of new messages a second: for benchmarks
  --allow-weak-keys  RSA keys from 1,024 bits, secrets from 1 byte (check too)
  -v, --verbose      a line for each datagram, as on a terminal; -q, --quiet
  -h, --help         this; -V, --version

ADDRESS: 0.0.0.0 serves every IPv4 address of this machine, :: IPv6 too (on
Windows IPv6 alone). PORT: 0 takes a free one. Exit status: 2 for a mistake in
the command line, 1 for any other failure (of check: a token that is refused).
";

/// Most bytes that `check` reads.
const MOST_INPUT: u64 = 1 << 20;

/// A mistake in the command line (exit status 2), or anything else (1).
enum Failure {
    Usage(String),
    Start(String),
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self::Start(error)
    }
}

/// Runs the program.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let failure = match dispatch(arguments.collect()) {
        Ok(status) => return status,
        Err(failure) => failure,
    };
    match failure {
        Failure::Usage(error) => {
            say(&format!("udpsocket-jwt-server: {error}\nudpsocket-jwt-server --help shows what there is"));
            ExitCode::from(2)
        }
        Failure::Start(error) => {
            say(&format!("udpsocket-jwt-server: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    match arguments.first().and_then(|first| first.to_str()) {
        Some("report") => {
            let flags = &["--csv", "--mermaid", "--help"];
            report(Arguments::parse(arguments.split_off(1), flags, &["--group", "--keys", "--logs"])?)
        }
        Some("check") => {
            let flags = &["--allow-weak-keys", "--help"];
            check(Arguments::parse(arguments.split_off(1), flags, &["--key", "--keys"])?)
        }
        _ => serve(Arguments::parse(
            arguments,
            &[
                "--no-sync",
                "--no-limit",
                "--trial",
                "--explain",
                "--allow-weak-keys",
                "--verbose",
                "--quiet",
                "--help",
                "--version",
            ],
            &["--keys", "--logs", "--lose"],
        )?),
    }
}

/// What stands behind the first bytes of an argument, which are ASCII: the rest may not be UTF-8.
#[cfg(unix)]
fn behind(argument: &OsStr, bytes: usize) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(&argument.as_bytes()[bytes..]).into()
}

#[cfg(not(unix))]
fn behind(argument: &OsStr, bytes: usize) -> OsString {
    argument.to_string_lossy()[bytes..].into()
}

/// A command line, taken apart.
struct Arguments {
    options: BTreeMap<&'static str, OsString>,
    operands: std::vec::IntoIter<OsString>,
}

impl Arguments {
    /// `flags` stand alone; `values` take a value, as the next argument or behind a `=`.
    fn parse(
        arguments: Vec<OsString>,
        flags: &[&'static str],
        values: &[&'static str],
    ) -> Result<Self, Failure> {
        let mut options = BTreeMap::new();
        let mut operands = Vec::new();
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let text = argument.to_string_lossy().into_owned();
            if text == "--" {
                operands.extend(rest.by_ref());
            } else if !text.starts_with('-') || text == "-" {
                operands.push(argument);
            } else {
                let (name, attached) = match text.split_once('=') {
                    Some((name, _)) => (name, Some(behind(&argument, name.len() + 1))),
                    None => (&*text, None),
                };
                let name = match name {
                    "-v" => "--verbose",
                    "-q" => "--quiet",
                    "-h" => "--help",
                    "-V" => "--version",
                    name => name,
                };
                let known = |names: &[&'static str]| names.iter().copied().find(|known| *known == name);
                let (name, value) = match (known(flags), known(values), attached) {
                    (Some(flag), _, None) => (flag, OsString::new()),
                    (_, Some(option), Some(value)) => (option, value),
                    (_, Some(option), None) => (
                        option,
                        rest.next().ok_or_else(|| Failure::Usage(format!("{option} takes a value")))?,
                    ),
                    (Some(flag), ..) => return Err(Failure::Usage(format!("{flag} takes no value"))),
                    _ => {
                        return Err(Failure::Usage(format!(
                            "there is no option \"{}\" here",
                            escaped(&text)
                        )));
                    }
                };
                if options.insert(name, value).is_some() {
                    return Err(Failure::Usage(format!("{name} stands there twice")));
                }
            }
        }
        Ok(Self { options, operands: operands.into_iter() })
    }

    fn has(&self, flag: &str) -> bool {
        self.options.contains_key(flag)
    }

    fn directory(&self, option: &str, default: &OsString) -> PathBuf {
        self.options.get(option).unwrap_or(default).into()
    }

    /// The next operand, read by `parse`; `what` it must be is said if it can't.
    fn operand<T>(
        &mut self,
        default: T,
        parse: impl Fn(&str) -> Option<T>,
        what: &str,
    ) -> Result<T, Failure> {
        let Some(operand) = self.operands.next() else { return Ok(default) };
        let text = operand.to_string_lossy();
        parse(&text).ok_or_else(|| {
            let is_directory = Path::new(&operand).is_dir();
            let hint = if is_directory { "; DIR comes third: 127.0.0.1 5555 DIR" } else { "" };
            Failure::Usage(format!("\"{}\" is not {what}{hint}", escaped(&text)))
        })
    }

    /// The last operand, a directory: by default this one.
    fn last_directory(&mut self) -> Result<OsString, Failure> {
        let directory = self.operands.next().unwrap_or_else(|| ".".into());
        match self.operands.next() {
            None => Ok(directory),
            Some(extra) => Err(Failure::Usage(format!(
                "\"{}\" is one argument too many",
                escaped(&extra.to_string_lossy())
            ))),
        }
    }
}

fn report(mut arguments: Arguments) -> Result<ExitCode, Failure> {
    if arguments.has("--help") {
        return print(HELP);
    }
    let directory = arguments.last_directory()?;
    let logs = arguments.directory("--logs", &directory);
    let report = report::read(&arguments.directory("--keys", &directory), &logs)?;
    let is_csv = arguments.has("--csv");
    let mut notes: BTreeSet<_> = report.notes.iter().cloned().collect();
    let colours = Colours::of(&io::stdout());
    let text = match (arguments.options.get("--group"), is_csv, arguments.has("--mermaid")) {
        (None, true, false) => report.to_csv(),
        (None, false, false) => report.to_text(colours),
        (Some(name), false, is_mermaid) => {
            let group = report.group(&name.to_string_lossy())?;
            let timeline = timeline::read(&logs, &group.name);
            notes.extend(timeline.notes.iter().cloned());
            if is_mermaid {
                mermaid::to_mermaid(&group.name, &timeline)
            } else {
                report.to_group_text(group, &timeline, colours)
            }
        }
        (Some(_), true, _) => return Err(Failure::Usage("--csv and --group: choose one".into())),
        (None, _, true) => return Err(Failure::Usage("--mermaid draws one group: add --group NAME".into())),
    };
    print(&text)?;
    for note in notes {
        say(&format!("note: {note}"));
    }
    for warning in &report.warnings {
        say(&format!("warning: {warning}"));
    }
    let received = logs.join("received.jsonl");
    let is_missing = !received.exists();
    if is_missing {
        let way_out = "--logs DIR names the directory where the server writes";
        say(&format!("warning: {}: there is no such file, so no records; {way_out}", shown(&received)));
    }
    let in_no_row = report.records_outside_the_table();
    if is_csv && in_no_row > 0 {
        let way_out = "is this the class that they are of?";
        say(&format!(
            "warning: {}: {in_no_row} records of groups not in the table; {way_out}",
            shown(&received)
        ));
    }
    // Grades are not made of records that are elsewhere, nor of another class's table.
    let is_wrong = !report.warnings.is_empty() || is_csv && (is_missing || in_no_row > 0);
    Ok(if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn check(mut arguments: Arguments) -> Result<ExitCode, Failure> {
    if arguments.has("--help") {
        return print(HELP);
    }
    let directory = arguments.last_directory()?;
    let key = arguments.options.get("--key").map(Path::new);
    let directory = arguments.directory("--keys", &directory);
    let check = Check {
        directory: &directory,
        key,
        allows_weak_keys: arguments.has("--allow-weak-keys"),
        colours: Colours::of(&io::stdout()),
    };
    let mut datagram = Vec::new();
    let is_typed = io::stdin().is_terminal();
    if is_typed {
        if let Some(path) = key {
            print(&check.key_file(path)?)?;
        }
        let end = if cfg!(windows) { "Ctrl-Z and Enter (in Git Bash Ctrl-D)" } else { "Ctrl-D" };
        say(&format!("paste the token, or a request and its reply, then Enter and {end}"));
    }
    let input = io::stdin().take(MOST_INPUT + 1).read_to_end(&mut datagram);
    input.map_err(|error| format!("standard input: cannot be read: {error}"))?;
    if datagram.len() as u64 > MOST_INPUT {
        let what = "no datagram has so many; give it one token, or a request and its reply";
        return Err(format!("standard input: it has more than {MOST_INPUT} bytes: {what}").into());
    }
    let (text, passes) = match key {
        Some(_) if is_typed && datagram.trim_ascii().is_empty() => (String::new(), true),
        Some(path) if datagram.trim_ascii().is_empty() => (check.key_file(path)?, true),
        _ => check.check(&datagram)?,
    };
    print(&text)?;
    Ok(if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn serve(arguments: Arguments) -> Result<ExitCode, Failure> {
    if arguments.has("--help") {
        return print(HELP);
    }
    if arguments.has("--version") {
        let commit = option_env!("COMMIT").map(|commit| format!(" ({commit})")).unwrap_or_default();
        return print(&format!("udpsocket-jwt-server {}{commit}\n", env!("CARGO_PKG_VERSION")));
    }
    let options = Options::parse(arguments)?;
    let settings = &options.settings;
    fs::read_dir(&settings.keys).map_err(|error| {
        let shown = shown(&settings.keys);
        format!("{shown}: cannot be read: {error}; name the directory with keys_pub/ and keys_priv/ in it")
    })?;
    startup::check_clock(SystemTime::now())?;
    let table = groups_json::load(&settings.keys)?;
    let mut started =
        start(settings, table.clone()).map_err(|fault| startup::failure(&fault, settings, &table))?;
    let local = started.socket.local_addr();
    let local = local.map_err(|error| format!("the socket has no address: {error}"))?;
    announce(&started, &options, local);
    let mut lab = options.lab(&started.server)?;
    wait_until_said();
    let listening = move || _ = print(&format!("listening on {local}\n"));
    // A terminal may be stopped: a thread waits for it, if there is memory for one.
    if thread::Builder::new().spawn(listening).is_err() {
        listening();
    }
    notify::ready();
    let error = started.server.run(&started.socket, &mut lab);
    say_soon(format!("udpsocket-jwt-server: {local}: the socket fails: {error}; start the server again"));
    wait_until_said();
    Ok(ExitCode::FAILURE)
}

/// What the command line says of the server, each part of it well-formed.
struct Options {
    settings: Settings,
    is_verbose: bool,
    lose: u8,
    arguments: Arguments,
}

impl Options {
    fn parse(mut arguments: Arguments) -> Result<Self, Failure> {
        let ip = arguments.operand(
            IpAddr::from([127, 0, 0, 1]),
            |text| text.parse().ok(),
            "an ADDRESS: an IPv4 or IPv6 address without a zone, such as 127.0.0.1, 0.0.0.0 or ::",
        )?;
        let port = arguments.operand(5555, |text| text.parse().ok(), "a PORT: a number from 0 to 65535")?;
        let directory = arguments.last_directory()?;
        let is_verbose = match (arguments.has("--verbose"), arguments.has("--quiet")) {
            (true, true) => return Err(Failure::Usage("--verbose and --quiet: choose one".into())),
            (false, false) => io::stderr().is_terminal(),
            (is_verbose, _) => is_verbose,
        };
        let lose = match arguments.options.get("--lose").map(|percent| percent.to_string_lossy()) {
            None => 0,
            Some(percent) => percent.parse().ok().filter(|percent| *percent <= 100).ok_or_else(|| {
                let percent = escaped(&percent);
                Failure::Usage(format!("--lose takes a PERCENT, an integer from 0 to 100, not \"{percent}\""))
            })?,
        };
        let settings = Settings {
            address: SocketAddr::new(ip, port),
            keys: arguments.directory("--keys", &directory),
            logs: arguments.directory("--logs", &directory),
            allows_weak_keys: arguments.has("--allow-weak-keys"),
            syncs: !arguments.has("--no-sync"),
            has_limit: !arguments.has("--no-limit"),
        };
        Ok(Self { settings, is_verbose, lose, arguments })
    }

    /// The lab that the options ask for.
    fn lab(&self, server: &Server) -> Result<Tools, String> {
        let logs = &self.settings.logs;
        let trial = || Trial::new(logs, &server.class.table, &server.progress);
        Ok(Tools {
            journal: Journal::new(logs, self.is_verbose),
            lose: self.lose,
            trial: self.arguments.has("--trial").then(trial).transpose()?,
            explainer: self.arguments.has("--explain").then(Explainer::default),
            ports: if self.is_verbose || self.arguments.has("--explain") { Ports::new() } else { None },
        })
    }
}

/// Says what the professor should know of a start.
fn announce(started: &Started, options: &Options, local: SocketAddr) {
    let mut text = commands::start::table(started);
    for warning in startup::warnings(started, &options.settings) {
        text += &format!("warning: {warning}\n");
    }
    for (option, note) in [
        ("--lose", "requests and replies are lost on purpose"),
        ("--trial", "clients are examined: requests and replies are lost, wrong and late replies go"),
        ("--explain", "what is refused is answered with the reason, at whatever address it names"),
        ("--no-sync", "records are not synced: a crash of the machine may lose some"),
        ("--no-limit", "who has captured two tokens of a group can use up its records"),
        ("--allow-weak-keys", "keys and secrets may be weaker than RFC 7518 allows"),
    ] {
        if options.arguments.has(option) {
            text += &format!("note: {option}: {note}\n");
        }
    }
    if local.ip().is_loopback() {
        let way_out = "ADDRESS 0.0.0.0 opens it to the network";
        text += &format!("note: {local} is reached from this machine alone; {way_out}\n");
    }
    say_soon(text.trim_end().into());
}

/// Prints on standard output, at once. A reader who has left, as `head` does, has read enough; whatever else
/// keeps the text from being written is a failure.
fn print(text: &str) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Start(format!(
            "standard output: cannot be written: {error}; what was written is not whole"
        ))),
        _ => Ok(ExitCode::SUCCESS),
    }
}
