//! What people send, sign, hand in and receive wrongly, `tests/vectors/mistakes.jsonl`: each is told by its
//! own sentence, which stands there whole. So two sentences that are exchanged are noticed.
//!
//! `MAKE_VECTORS=1 cargo test mistakes::` writes the sentences anew: read what has changed.

use crate::common;
use crate::common::catalogue;
use crate::common::{Class, Ended, PROGRAM, Scratch, ended};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

const FILE: &str = "tests/vectors/mistakes.jsonl";

fn mistakes() -> Vec<Value> {
    common::lines(&fs::read_to_string(FILE).unwrap())
}

fn texts(line: &Value, name: &str) -> Vec<String> {
    line[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().into()).collect()
}

/// What the program says of a mistake, from where the trouble begins; paths without the directory.
fn said(class: &Class, kind: &str, bytes: &[u8]) -> String {
    let directory = Scratch::new();
    let mut command = Command::new(PROGRAM);
    let (command, input): (&mut Command, &[u8]) = match kind {
        "token" | "reply" => (command.arg("check").arg(class.directory.path()), bytes),
        "secret" => {
            for group in fs::read_dir(class.directory.file("keys_pub")).unwrap() {
                let path = group.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                directory.write(&format!("keys_pub/{name}"), fs::read(&path).unwrap());
            }
            directory.write("keys_priv/key_secret_for_hmac.txt", bytes);
            let reply = catalogue::cases().into_iter().find_map(|case| match case.does {
                catalogue::Does::Answer { exact: Some(exact), .. } => Some(exact.reply),
                _ => None,
            });
            let ended = ended(command.arg("check").arg(directory.path()), reply.unwrap().as_bytes());
            let notes = ended.output.lines().filter(|line| line.starts_with("note: "));
            return named(&notes.collect::<Vec<_>>().join("\n"), &directory, class);
        }
        "key file" => {
            let file = directory.write("FILE", bytes);
            (command.args(["check", "--key"]).arg(file), b"")
        }
        "keys_pub" => {
            directory.write("keys_pub/JAVALI.pem", bytes);
            directory.write("keys_priv/key_secret_for_hmac.txt", common::SECRET);
            (command.args(["127.0.0.1", "0"]).arg(directory.path()), b"")
        }
        "groups.json" => {
            directory.write("groups.json", bytes);
            (command.arg("report").arg(directory.path()), b"")
        }
        other => panic!("no kind {other}"),
    };
    let Ended { status, output, errors } = ended(command, input);
    assert!(status.is_some_and(|status| status <= 1), "{output}{errors}");
    let trouble = output.find("NO  ").map(|at| output[at..].to_string());
    // Where all passes, what is said of it.
    let of_note = |line: &&str| ["note: ", "key ", "hand in "].iter().any(|begin| line.starts_with(begin));
    let notes = || output.lines().filter(of_note).collect::<Vec<_>>().join("\n");
    named(&format!("{}{errors}", trouble.unwrap_or_else(notes)), &directory, class)
}

fn named(text: &str, directory: &Scratch, class: &Class) -> String {
    let path = |directory: &Scratch| directory.path().to_str().unwrap().to_string() + "/";
    text.replace(&path(directory), "").replace(&path(&class.directory), "").trim_end().to_string()
}

/// How many are told their cause, how many more than one with *or*, and of how many only what was seen is said
/// (`--nocapture` prints it). None may be told what it must never be.
fn counted(mistakes: &[Value]) {
    let of = |told: &str| mistakes.iter().filter(|line| line["told"] == told).count();
    let [cause, or, seen] = ["cause", "or", "seen"].map(of);
    assert_eq!(cause + or + seen, mistakes.len(), "each is told in one of three ways");
    let is_false = |line: &&Value| {
        texts(line, "never").iter().any(|words| line["says"].as_str().unwrap().contains(words.as_str()))
    };
    let wrong = mistakes.iter().filter(is_false).count();
    println!("{} cases: {cause} named, {or} said with or, {seen} only shown, {wrong} false", mistakes.len());
}

#[test]
fn each_mistake_is_told_by_its_own_sentence() {
    let (class, mistakes) = (catalogue::class(), mistakes());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(line) = mistakes.get(number) else { return done };
            let bytes = BASE64_STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
            done.push((number, said(&class, line["kind"].as_str().unwrap(), &bytes)));
        }
    };
    let mut all = thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    all.sort_by_key(|(number, _)| *number);
    if std::env::var_os("MAKE_VECTORS").is_some() {
        let line = |(number, said): &(usize, String)| {
            let line = &mistakes[*number];
            let members = ["name", "kind", "bytes", "must", "never", "told"]
                .map(|name| format!("\"{name}\":{}", line[name]));
            format!("{{{},\"says\":{}}}\n", members.join(","), json!(said))
        };
        fs::write(FILE, all.iter().map(line).collect::<String>()).unwrap();
        return;
    }
    counted(&mistakes);
    let mut wrong = Vec::new();
    for (number, mut said) in all {
        let line = &mistakes[number];
        if line["says"] != *said {
            // `check` opens a signature only for so long: a busy machine may have had no time.
            let bytes = BASE64_STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
            said = self::said(&class, line["kind"].as_str().unwrap(), &bytes);
        }
        let lacks: Vec<_> = texts(line, "must").into_iter().filter(|words| !said.contains(words)).collect();
        let has: Vec<_> = texts(line, "never").into_iter().filter(|words| said.contains(words)).collect();
        if line["says"] != *said || !lacks.is_empty() || !has.is_empty() {
            wrong.push(format!(
                "{}: says\n{said}\nand not\n{}\nlacks {lacks:?}, has {has:?}",
                line["name"], line["says"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), mistakes.len(), wrong.join("\n\n"));
}

#[test]
fn each_mistake_has_a_name_of_its_own_and_another_sentence_than_most() {
    let mistakes = mistakes();
    let names: HashSet<_> = mistakes.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), mistakes.len());
    let sentences: HashSet<_> = mistakes.iter().map(|line| line["says"].as_str().unwrap()).collect();
    assert!(sentences.len() > mistakes.len() / 2, "{} sentences", sentences.len());
    assert!(sentences.iter().all(|sentence| sentence.len() > 20));
}
