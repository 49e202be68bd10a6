//! `scripts/vm.sh` against a VM that is a directory: ssh, systemd and what needs root stand in for
//! themselves, the rest is real. `tests/vm/run.sh` plays it on whole machines.
#![cfg(target_os = "linux")]

use crate::common;
use crate::common::{Class, Ended, PROGRAM, Scratch, Signer, record};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What stands in, each a program of this name.
const STAND_INS: &[(&str, &str)] = &[
    // ssh [OPTIONS] HOST COMMAND: here, after what a login shell may print.
    (
        "ssh",
        r#"while [[ $1 == -* ]]; do [[ $1 != -O ]] || exit 0; shift 2; done; echo hello from .bashrc; exec sh -c "$2""#,
    ),
    ("id", "echo 0"),
    ("ls", r"[[ $* != *systemd* ]] || echo /run/systemd/system"),
    ("chown", ""),
    ("ss", ""),
    ("sync", ""),
    ("systemd-sysusers", ""),
    ("setpriv", r#"while [[ $1 == -* ]]; do shift; done; exec "$@""#),
    // The n-th rename is where the act is cut off, if CUT says so.
    (
        "mv",
        r#"echo >>"$VM_ROOT/renames"
        (($(wc -l <"$VM_ROOT/renames") != ${CUT:-0})) || { kill -KILL $PPID; exit 1; }
        exec /bin/mv "$@""#,
    ),
    (
        "journalctl",
        r#"cursor=${*: -1} cursor=${cursor#--cursor-file=}
        case $* in
            *--sync*) ;;
            *'-n 1 '*) wc -c <"$VM_ROOT/journal" >"$cursor" ;;
            *--cursor-file*) tail -c "+$(($(<"$cursor") + 1))" "$VM_ROOT/journal" ;;
            *) tail "$VM_ROOT/journal" ;;
        esac"#,
    ),
    (
        "systemctl",
        r#"cd "$VM_ROOT"
        pid=$(cat pid 2>/dev/null) && kill -0 "$pid" 2>/dev/null || pid=0
        case $* in
            *MainPID*) echo "$pid" ;;
            *NeedDaemonReload*) echo no ;;
            *ExecStart*) echo "{ path=$VM_ROOT/opt/udpsocket-jwt-server/current/start ; }" ;;
            is-active*) if ((pid)); then echo active; else echo inactive; exit 3; fi ;;
            is-enabled*) if [[ -e enabled ]]; then echo enabled; else echo disabled; exit 1; fi ;;
            *disable*) rm -f enabled; ((pid == 0)) || { kill -KILL "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done; } ;;
            *enable*) touch enabled ;;
            *restart*)
                ((pid == 0)) || { kill -KILL "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done; }
                before=$(wc -c <journal)
                setsid opt/udpsocket-jwt-server/current/start >>journal 2>&1 </dev/null 9>&- &
                echo $! >pid
                until tail -c "+$((before + 1))" journal | grep -q '^listening on'; do kill -0 $! 2>/dev/null || exit 1; sleep 0.02; done ;;
        esac"#,
    ),
];

/// Runs an act to its end, however slow the machine is.
fn ended(command: &mut Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

/// A VM, and the directory that its acts are typed in.
struct Vm {
    root: Scratch,
    stand_ins: Scratch,
}

impl Vm {
    fn new() -> Self {
        let (root, stand_ins) = (Scratch::new(), Scratch::new());
        for (name, script) in STAND_INS {
            let path = stand_ins.write(name, format!("#!/bin/bash\n{script}\n"));
            common::set_mode(&path, 0o755);
        }
        root.write("journal", "");
        fs::create_dir(root.file("run")).unwrap();
        Self { root, stand_ins }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        // LOCAL_BASH: another bash for what runs here, such as the 3.2 that macOS has.
        let bash = std::env::var("LOCAL_BASH").unwrap_or("bash".into());
        let mut command = Command::new(bash);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/vm.sh"));
        let path = std::env::var("PATH").unwrap();
        command.arg("vm").args(arguments).current_dir(self.root.path());
        command.env("PATH", format!("{}:{path}", self.stand_ins.path().display()));
        command.env("VM_ROOT", self.root.path()).env("PROGRAM", PROGRAM).env("PORT", "0");
        command.env_remove("SSH").env_remove("LOGS");
        command
    }

    fn act(&self, arguments: &[&str]) -> Ended {
        ended(&mut self.command(arguments))
    }

    /// An act that succeeds: what it prints.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let Ended { status, output, errors } = self.act(arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {output}{errors}");
        output
    }

    /// An act that fails: what it says.
    #[track_caller]
    fn refused(&self, status: i32, arguments: &[&str]) -> String {
        let ended = self.act(arguments);
        assert_eq!(ended.status, Some(status), "{arguments:?}: {}{}", ended.output, ended.errors);
        ended.errors
    }

    fn current(&self) -> PathBuf {
        fs::canonicalize(self.root.file("opt/udpsocket-jwt-server/current")).unwrap()
    }

    fn records(&self, run: &str) -> PathBuf {
        self.root.file(&format!("var/lib/udpsocket-jwt-server/{run}"))
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        _ = Command::new("sh").args(["-c", &format!("kill -KILL {}", self.root.read("pid").trim())]).output();
    }
}

fn directory(class: &Class) -> &str {
    class.directory.path().to_str().unwrap()
}

/// A class with one other group.
fn next_class() -> Class {
    let class = Class::new();
    class.directory.write("groups.json", r#"{"DELTA": 2}"#);
    class.directory.write("keys_pub/DELTA.pem", Signer::new("DELTA", 2048).public_pem);
    class
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn has(text: &str, wanted: &str) {
    assert!(text.contains(wanted), "{wanted:?} is not in: {text}");
}

#[test]
fn a_term_from_the_first_day_to_the_grades() {
    let (vm, class, next) = (Vm::new(), Class::new(), next_class());
    has(&vm.refused(1, &["status"]), "there is no class on this machine yet: up CLASS");
    has(&vm.done(&["up", directory(&class)]), "JAVALI");
    has(&vm.done(&["up", directory(&class)]), "nothing has changed");
    has(&vm.done(&["status"]), "active, enabled, release 1");
    fs::write(vm.records("first").join("received.jsonl"), record("JAVALI", 1, 1001)).unwrap();

    has(&vm.done(&["run", "level3", "--lose", "30"]), "note: --lose");
    has(&vm.done(&["report", "--csv"]), "JAVALI,1,,,not started");
    has(&vm.done(&["back"]), "JAVALI            3      1  JAVALI.pem");
    let said = vm.refused(1, &["up", directory(&next)]);
    has(&said, "run first has records of groups that this class does not have: JAVALI");
    has(&said, &format!("vm.sh vm up {} NAME", directory(&next)));
    has(&vm.done(&["up", directory(&next), "2027-1"]), "DELTA");
    has(&vm.refused(1, &["run", "first"]), "bring its class: up CLASS first");
    let grades = vm.done(&["report", "--csv", "first"]);
    assert!(grades.starts_with("group,"), "{grades}");
    has(&grades, "JAVALI,1,1001,");
    has(&vm.refused(1, &["report", "level9"]), "there are: 2027-1 first level3");

    has(&vm.refused(1, &["remove", "first"]), "there is no such directory here");
    has(&vm.done(&["fetch", "first"]), "first: here, with the class");
    let fetched = vm.root.file("first");
    let report = common::report_of(&fetched, &["--csv", "--keys", fetched.join("class").to_str().unwrap()]);
    assert_eq!(report, grades);
    has(&vm.refused(1, &["fetch", "first"]), "it is here already");
    fs::write(vm.records("first").join("requests.jsonl"), "{}\n").unwrap();
    has(&vm.refused(1, &["remove", "first"]), "it stays");
    fs::write(fetched.join("requests.jsonl"), "{}\n").unwrap();
    has(&vm.done(&["remove", "first"]), "removed there");
    assert_eq!(names(vm.records("first").parent().unwrap()), ["2027-1", "level3"]);
}

#[test]
fn only_public_keys_and_the_secret_are_copied() {
    let (vm, class) = (Vm::new(), Class::new());
    let private = fs::read(common::private_key("JAVALI", 2048)).unwrap();
    let text = String::from_utf8(private.clone()).unwrap();
    let public = Signer::new("NONAME", 2048).public_pem;
    let keys = [
        ("keys_pub/JAVALI.pem", private.clone()),
        ("keys_pub/a.ppk", b"PuTTY-User-Key-File-3: ssh-rsa".to_vec()),
        (
            "keys_pub/b.pem",
            common::run(
                "openssl",
                &["rsa", "-in", common::private_key("JAVALI", 2048).to_str().unwrap(), "-outform", "DER"],
            ),
        ),
        ("keys_pub/c.pem", common::utf_16(&text)),
        ("keys_pub/d.pem", [private, public].concat()),
    ];
    for (name, key) in &keys {
        class.directory.write(name, key);
    }
    class.directory.write("keys_priv/JAVALI.pem", &keys[0].1);
    let Ended { status, output, errors } = vm.act(&["up", directory(&class)]);
    assert_eq!(status, Some(0), "{output}{errors}");
    for (name, _) in &keys {
        has(&errors, &format!("{name}: not copied"));
    }
    let class_there = vm.current().join("class");
    assert_eq!(names(&class_there.join("keys_pub")), ["HEARTBEAT.pem", "NONAME.pem"]);
    assert_eq!(names(&class_there.join("keys_priv")), ["key_secret_for_hmac.txt"]);
    assert_eq!(names(&vm.records("first").join("class")), ["keys_pub"]);
    for name in ["keys_priv/JAVALI.pem", "keys_pub/b.pem", "keys_pub/c.pem", "keys_pub/d.pem"] {
        has(&vm.refused(1, &["key", class.directory.file(name).to_str().unwrap()]), "not copied");
    }
}

#[test]
fn what_would_not_start_changes_nothing() {
    let (vm, class) = (Vm::new(), Class::new());
    vm.done(&["up", directory(&class)]);
    let pid = vm.root.read("pid");
    let unknown = class.directory.write("NOBODY.pem", Signer::new("NOBODY", 2048).public_pem);
    has(&vm.refused(1, &["key", unknown.to_str().unwrap()]), "its name is that of no group in the table");
    has(&vm.refused(1, &["run", "level3", "--loose"]), "there is no option \"--loose\" here");
    has(&vm.refused(2, &["run", "level3", "--no-sync"]), "--no-sync is for benchmarks");
    has(&vm.refused(2, &["run", "../level3"]), "a run's name is");
    fs::write(vm.records("first").join("received.jsonl"), record("JAVALI", 1, 1001)).unwrap();
    class.directory.write("groups.json", "{");
    let said = vm.refused(1, &["up", directory(&class)]);
    has(&said, "groups.json: ");
    has(&said, "Nothing has changed");
    let useless = class.directory.write("useless", "#!/bin/sh\n[ \"$1\" = --version ]\n");
    common::set_mode(&useless, 0o755);
    has(&vm.refused(1, &["binary", useless.to_str().unwrap()]), "Nothing has changed");
    assert_eq!(names(vm.current().parent().unwrap()), ["1", "current", "lock"]);
    assert_eq!(vm.root.read("pid"), pid);
    has(&vm.done(&["status"]), "release 1");
}

#[test]
fn cut_at_any_rename_an_act_leaves_a_whole_release_and_the_next_goes_on() {
    let (class, mut cuts) = (Class::new(), 0);
    for cut in 1.. {
        let vm = Vm::new();
        vm.done(&["up", directory(&class)]);
        vm.root.write("renames", "");
        let ended = ended(vm.command(&["run", "level3"]).env("CUT", cut.to_string()));
        let settings = fs::read_to_string(vm.current().join("settings")).unwrap();
        let is_new = settings.contains("RUN='level3'");
        assert!(is_new || settings.contains("RUN='first'"), "{settings}");
        assert_eq!(names(&vm.current().join("class/keys_pub")).len(), 3);
        has(&vm.done(&["run", "level3"]), ": run level3");
        has(&vm.done(&["status"]), "/level3 ");
        if ended.status == Some(0) {
            break;
        }
        cuts += 1;
    }
    assert!(cuts >= 2, "the release and current were renamed");
}

#[test]
fn what_an_earlier_vm_sh_has_brought_is_carried_on_as_a_release() {
    let (vm, class) = (Vm::new(), Class::new());
    let unit = "[Service]\nExecStart=/usr/local/bin/udpsocket-jwt-server 0.0.0.0\n";
    vm.root.write("etc/systemd/system/udpsocket-jwt-server.service", unit);
    vm.root.write("etc/default/udpsocket-jwt-server", "RUN=level2 OPTIONS= ADDRESS=127.0.0.1\n");
    vm.root.write("var/lib/udpsocket-jwt-server/level2/received.jsonl", record("JAVALI", 1, 1001));
    let brought = format!(
        "mkdir -p usr/local/bin && cp {PROGRAM} usr/local/bin/ && cp -R {} etc/udpsocket-jwt-server",
        directory(&class)
    );
    common::shell(vm.root.path(), &brought);
    has(
        &vm.refused(1, &["status"]),
        "an earlier vm.sh has served this machine: up, run or key carries that on",
    );
    let said = vm.done(&["run", "level3"]);
    has(&said, "release 1: the class, the run level2 and the program that an earlier vm.sh has brought");
    has(&said, "note: no longer read, remove them when you like: ");
    assert_eq!(names(vm.current().parent().unwrap()), ["1", "2", "current", "lock"]);
    let first = vm.current().parent().unwrap().join("1");
    assert_eq!(names(&first), ["class", "settings", "start", "udpsocket-jwt-server"]);
    has(&fs::read_to_string(first.join("settings")).unwrap(), "RUN='level2'");
    has(&vm.done(&["status"]), "release 2");
    has(&vm.done(&["report", "--csv", "level2"]), "JAVALI,1,1001,");
    assert_eq!(names(&vm.records("level2").join("class")), ["keys_pub"]);
}
