//! The command line: what the professor types, and what is said to a mistake in it.

use super::journal::Journal;
use super::trial::Trial;
use super::{Colours, check, report, say, setup};
use crate::claims::random_number;
use crate::received;
use crate::refusal::Reason;
use crate::server::{Class, Event, Lab, MOST_TOGETHER, Server};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The whole help: one screen of 80 by 24.
pub const HELP: &str = "\
udpsocket-jwt-server [OPTIONS] [ADDRESS [PORT [DIR]]]    (127.0.0.1 5555 .)
udpsocket-jwt-server report [--csv] [--keys DIR] [--logs DIR] [DIR]
udpsocket-jwt-server check [--key FILE] [--keys DIR] [DIR] < TOKEN

Takes the members of each group in order, over UDP: a request is a JWT signed
with the group's RSA key (RS256), the reply a JWT signed with the class's secret
(HS256). Nothing acknowledged is lost. report shows who is done; check takes a
token apart and says what is wrong with it.

  --keys DIR         where keys_pub/, keys_priv/ and groups.json are    (DIR)
  --logs DIR         where the .jsonl files are written                 (DIR)
  --lose PERCENT     lose that share of requests and of replies: a bad network
  --trial            examine the clients: what do they believe? (see report)
  --explain          answer a signed request that is refused with the reason
  --no-sync          do not sync to the disk before each reply: for benchmarks
  --allow-weak-keys  RSA keys from 1,024 bits, secrets from 1 byte
  -v, --verbose      a line for each datagram, as on a terminal; -q, --quiet
  -h, --help         this; -V, --version

ADDRESS: 0.0.0.0 serves every IPv4 address of this machine, :: IPv6 too.
PORT: 0 takes a free one. Exit status: 2 for a mistake in the command line, 1
for any other failure (for check: a token that the server would refuse).
";

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
            report(Arguments::parse(arguments.split_off(1), &["--csv", "--help"], &["--keys", "--logs"])?)
        }
        Some("check") => check(Arguments::parse(arguments.split_off(1), &["--help"], &["--key", "--keys"])?),
        _ => serve(Arguments::parse(
            arguments,
            &[
                "--no-sync",
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
                let (name, attached) =
                    text.split_once('=').map_or((&*text, None), |(name, value)| (name, Some(value)));
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
                    (_, Some(option), Some(value)) => (option, value.into()),
                    (_, Some(option), None) => (
                        option,
                        rest.next().ok_or_else(|| Failure::Usage(format!("{option} takes a value")))?,
                    ),
                    (Some(flag), ..) => return Err(Failure::Usage(format!("{flag} takes no value"))),
                    _ => {
                        return Err(Failure::Usage(format!(
                            "there is no option \"{}\" here",
                            text.escape_debug()
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
            Failure::Usage(format!("\"{}\" is not {what}{hint}", text.escape_debug()))
        })
    }

    /// The last operand, a directory: by default this one.
    fn last_directory(&mut self) -> Result<OsString, Failure> {
        let directory = self.operands.next().unwrap_or_else(|| ".".into());
        match self.operands.next() {
            None => Ok(directory),
            Some(extra) => Err(Failure::Usage(format!(
                "\"{}\" is one argument too many",
                extra.to_string_lossy().escape_debug()
            ))),
        }
    }
}

fn report(mut arguments: Arguments) -> Result<ExitCode, Failure> {
    if arguments.has("--help") {
        return Ok(print(HELP));
    }
    let directory = arguments.last_directory()?;
    let report =
        report::read(&arguments.directory("--keys", &directory), &arguments.directory("--logs", &directory))?;
    let text =
        if arguments.has("--csv") { report.to_csv() } else { report.to_text(Colours::of(&io::stdout())) };
    print(&text);
    for warning in &report.warnings {
        say(&format!("warning: {warning}"));
    }
    Ok(if report.warnings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check(mut arguments: Arguments) -> Result<ExitCode, Failure> {
    if arguments.has("--help") {
        return Ok(print(HELP));
    }
    let directory = arguments.last_directory()?;
    let key = arguments.options.get("--key").map(Path::new);
    let mut datagram = Vec::new();
    if io::stdin().is_terminal() {
        say("paste the token, then Enter and Ctrl-D");
    }
    let input = io::stdin().take(1 << 20).read_to_end(&mut datagram);
    input.map_err(|error| format!("standard input: cannot be read: {error}"))?;
    let directory = arguments.directory("--keys", &directory);
    let (text, passes) = check::check(&datagram, &directory, key, Colours::of(&io::stdout()))?;
    print(&text);
    Ok(if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn serve(arguments: Arguments) -> Result<ExitCode, Failure> {
    if arguments.has("--help") {
        return Ok(print(HELP));
    }
    if arguments.has("--version") {
        let commit = option_env!("COMMIT").map(|commit| format!(" ({commit})")).unwrap_or_default();
        return Ok(print(&format!("udpsocket-jwt-server {}{commit}\n", env!("CARGO_PKG_VERSION"))));
    }
    let options = Options::parse(arguments)?;
    let (mut server, socket, local) = start(&options)?;
    print(&format!("listening on {local}\n"));
    let error = server.run(&socket);
    Err(Failure::Start(format!("{local}: the socket fails: {error}; start the server again")))
}

/// What the command line says of the server, each part of it well-formed.
struct Options {
    address: SocketAddr,
    keys: PathBuf,
    logs: PathBuf,
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
                let percent = percent.escape_debug();
                Failure::Usage(format!("--lose takes a PERCENT, an integer from 0 to 100, not \"{percent}\""))
            })?,
        };
        if lose > 0 && arguments.has("--trial") {
            let error = "--lose and --trial: choose one; a trial loses the same for everyone";
            return Err(Failure::Usage(error.into()));
        }
        let address = SocketAddr::new(ip, port);
        let keys = arguments.directory("--keys", &directory);
        let logs = arguments.directory("--logs", &directory);
        Ok(Self { address, keys, logs, is_verbose, lose, arguments })
    }
}

/// The start, in its order: the class, the records, the socket; then what the professor should know.
fn start(options: &Options) -> Result<(Server<File, Tools>, UdpSocket, SocketAddr), String> {
    let has = |option: &str| options.arguments.has(option);
    let setup = setup::load(&options.keys, has("--allow-weak-keys"))?;
    let path = options.logs.join("received.jsonl");
    let replayed = received::open(&path, &setup.class.table, !has("--no-sync"))?;
    let socket = bind(options.address)?;
    let local = socket.local_addr().map_err(|error| format!("the socket has no address: {error}"))?;

    _ = io::stderr().write_all(setup::table(&setup, &replayed.progress).as_bytes());
    for warning in &setup.warnings {
        say(&format!("warning: {warning}"));
    }
    for warning in &replayed.warnings {
        say(&format!("warning: {}: {warning}", path.display()));
    }
    for (group, progress) in setup.class.table.iter().zip(&replayed.progress) {
        if progress.state > group.members {
            let (name, state, members) = (&group.name, progress.state, group.members);
            let what = "only seq_number 0 leaves it";
            say(&format!("warning: {name} is in state {state}, above its {members} members: {what}"));
        }
    }
    for (option, note) in [
        ("--lose", "requests and replies are lost on purpose"),
        ("--trial", "clients are examined, and get no right reply before the sixth copy of a message"),
        ("--explain", "signed requests that are refused are answered with the reason"),
        ("--no-sync", "records are not synced: a crash of the machine may lose some"),
        ("--allow-weak-keys", "keys and secrets may be weaker than RFC 7518 allows"),
    ] {
        if has(option) {
            say(&format!("note: {option}: {note}"));
        }
    }
    if local.ip().is_loopback() {
        let way_out = "ADDRESS 0.0.0.0 opens it to the network";
        say(&format!("note: {local} is reached from this machine alone; {way_out}"));
    }
    let lab = Tools {
        journal: Journal::new(&options.logs, options.is_verbose),
        lossy: Lossy(options.lose),
        trial: has("--trial").then(|| Trial::new(&options.logs, setup.class.table.len())),
    };
    let (progress, received) = (replayed.progress, replayed.received);
    Ok((Server { class: setup.class, progress, received, explains: has("--explain"), lab }, socket, local))
}

/// The tools at their seam.
struct Tools {
    journal: Journal,
    lossy: Lossy,
    trial: Option<Trial>,
}

impl Lab for Tools {
    fn most_together(&self) -> usize {
        match self.trial {
            Some(_) => 1, // it examines copy by copy
            None => MOST_TOGETHER,
        }
    }

    fn loses(&mut self, class: &Class, event: &mut Event) -> bool {
        if self.lossy.loses() {
            event.outcome = Err(Reason::LostOnPurpose.because("the request was discarded: send it again"));
            return true;
        }
        self.trial.as_mut().is_some_and(|trial| trial.loses(class, event))
    }

    fn carries(&mut self, class: &Class, event: &mut Event, reply: String) -> Option<String> {
        if self.lossy.loses() {
            if event.outcome.is_ok() {
                event.outcome = Err(Reason::LostOnPurpose.because("its reply was discarded: send it again"));
            }
            return None;
        }
        match &mut self.trial {
            Some(trial) => trial.carries(class, event, reply),
            None => Some(reply),
        }
    }

    fn saw(&mut self, class: &Class, events: &[Event]) {
        self.journal.saw(class, events);
    }

    fn saw_error(&mut self, error: &io::Error) {
        self.journal.saw_error(error);
    }
}

/// `--lose`: a network that loses this share of the requests, in percent, and of the replies.
struct Lossy(u8);

impl Lossy {
    fn loses(&self) -> bool {
        self.0 > 0 && random_number().is_ok_and(|number| u32::from(number) * 100 < u32::from(self.0) * 20_001)
    }
}

fn bind(address: SocketAddr) -> Result<UdpSocket, String> {
    UdpSocket::bind(address).map_err(|error| {
        let way_out = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has that port: stop it, or choose another PORT (0 takes a free one)"
            }
            io::ErrorKind::AddrNotAvailable => {
                "no interface of this machine has that address: 0.0.0.0 serves them all"
            }
            io::ErrorKind::PermissionDenied => "choose a PORT from 1024",
            _ => "choose another ADDRESS or PORT",
        };
        format!("{address}: cannot be bound: {error}; {way_out}")
    })
}

/// Prints on standard output, at once.
fn print(text: &str) -> ExitCode {
    let mut output = io::stdout().lock();
    _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    ExitCode::SUCCESS
}
