//! `report`: who is done, from the files alone, beside a running server or without one.

use crate::common;
use crate::common::{
    Class, Ended, PROGRAM, Scratch, Server, Signer, ended, failed, record_at, served, wait_until,
};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
#[cfg(target_os = "linux")]
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use udpsocket_jwt_server::claims::id_request;
use udpsocket_jwt_server::time::{now, rfc3339};
use udpsocket_jwt_server::tools::to_base64url;

const RECEIVED: &str = "received.jsonl";
const REQUESTS: &str = "requests.jsonl";
/// Columns of a line at most: `watch` loses the line end behind one as wide as a terminal of 100.
const COLUMNS: usize = 99;

/// Runs `report` on a directory.
#[track_caller]
fn report(directory: &Path, options: &[&str]) -> Ended {
    ended(Command::new(PROGRAM).arg("report").args(options).arg(directory), b"")
}

/// What a report says that finds nothing wrong.
#[track_caller]
fn well(directory: &Path, options: &[&str]) -> String {
    let Ended { output, errors, status } = report(directory, options);
    assert_eq!((errors.as_str(), status), ("", Some(0)), "{options:?}");
    output
}

/// Its text. Whatever it shows, it fits the terminal and can't drive it.
#[track_caller]
fn text(directory: &Path) -> String {
    let text = well(directory, &[]);
    assert_fits(&text);
    text
}

/// The rows of its CSV, without the names.
#[track_caller]
fn csv(directory: &Scratch) -> Vec<String> {
    report(directory.path(), &["--csv"]).output.lines().skip(1).map(String::from).collect()
}

/// A field of each row.
fn fields(csv: &[String], number: usize) -> Vec<&str> {
    csv.iter().map(|row| row.split(',').nth(number).unwrap()).collect()
}

#[track_caller]
fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
        assert!(!line.contains(char::is_control), "{line:?}");
        assert_eq!(line, line.trim_end(), "nothing stands at a line's end");
    }
}

/// The part of a report about one group.
#[track_caller]
fn part<'a>(text: &'a str, group: &str) -> &'a str {
    let found = text.split("\n\n").find(|part| part.split_whitespace().next() == Some(group));
    found.unwrap_or_else(|| panic!("{group} is not in {text}"))
}

/// Asserts that a group's part shows each of these.
#[track_caller]
fn shows(text: &str, group: &str, what: &[&str]) {
    let part = part(text, group);
    for what in what {
        assert!(part.contains(what), "{what:?} is not in\n{part}");
    }
}

/// A record's line: of a group, a member's number and matricula, so many minutes after 22:00.
fn record(group: &str, seq_number: u64, matricula: u64, minute: u64) -> String {
    let time = Duration::from_millis(1_699_999_220_123 + 60_000 * minute);
    record_at(time, group, seq_number, matricula).replace("\"seq_max\":3", "\"seq_max\":null")
}

/// The records of one group, a minute apart.
fn records(group: &str, messages: &[(u64, u64)]) -> String {
    (0..).zip(messages).map(|(minute, (sn, matricula))| record(group, *sn, *matricula, minute)).collect()
}

/// A class's files: its table and its records.
fn class(table: &str, received: &str) -> Scratch {
    let directory = Scratch::new();
    directory.write("groups.json", table);
    directory.write(RECEIVED, received);
    directory
}

#[test]
fn without_a_file_or_with_an_empty_one_every_group_is_shown_as_not_started() {
    let directory = Scratch::new();
    directory.write("keys_pub/.keep", "");
    for is_empty in [false, true] {
        if is_empty {
            directory.write(RECEIVED, "");
        }
        let shown = report(directory.path(), &[]).output;
        assert!(shown.contains("6 groups: 0 done, 0 under way, 6 not started; 0 records"), "{shown}");
        for group in ["JAVALI", "PINHAO", "BISSAU", "NONAME", "SOQUETINHO", "HEARTBEAT"] {
            shows(&shown, group, &["not started"]);
        }
        let csv = csv(&directory);
        assert_eq!(csv.len(), 3 * 4 + 4 + 1);
        assert!(csv.iter().all(|row| row.ends_with(",,,not started,,0,0,")), "{csv:#?}");
    }
    assert!(!directory.file(REQUESTS).exists(), "a report writes nothing");
}

#[test]
fn without_a_received_jsonl_a_report_names_it_where_a_csv_fails() {
    let directory = Scratch::new();
    directory.write("keys_pub/.keep", "");
    for (options, expected) in [(&[][..], 0), (&["--csv"], 1)] {
        let Ended { errors, status, .. } = report(directory.path(), options);
        assert_eq!(status, Some(expected), "{options:?}");
        let named = format!("{}: there is no such file", directory.file(RECEIVED).display());
        assert!(errors.contains(&named) && errors.contains("--logs DIR"), "{errors}");
    }
    directory.write(RECEIVED, ""); // an empty one is a class that has not begun
    well(directory.path(), &[]);
    well(directory.path(), &["--csv"]);
}

#[test]
fn a_directory_that_is_none_is_named() {
    let directory = Scratch::new();
    let missing = directory.file("missing");
    let errors = failed(Command::new(PROGRAM).arg("report").arg(&missing), 1);
    assert!(errors.contains(&format!("{}: cannot be read: ", missing.display())), "{errors}");
}

#[test]
fn beside_a_running_server_it_shows_how_each_group_stands() {
    let (class, _server, client) = served(&[]);
    let [javali, noname] = ["JAVALI", "NONAME"].map(|group| Signer::new(group, 2048));
    for sn in 1..=3 {
        client.ask(&javali.message("JAVALI", sn, 20_240_000 + sn));
    }
    client.ask(&noname.message("NONAME", 1, 20_249_001));
    client.send(noname.message("NONAME", 3, 20_249_003));
    client.send(noname.message("HEARTBEAT", 1, 20_249_003)); // another group's key
    client.send("hello");
    class.requests(7);

    let shown = text(class.directory.path());
    assert!(shown.contains("6 groups: 1 done, 1 under way, 4 not started; 4 records"), "{shown}");
    shows(&shown, "JAVALI", &["[###]  done at ", "state 3, next_number 0", "last seen 0 s ago", "20240003"]);
    shows(&shown, "NONAME", &["[#...]  1 of 4 in", "state 1, next_number 2", "1 20249001"]);
    shows(&shown, "NONAME", &[" UTC: out_of_order: seq_number is 3 in state 1 of 4; send"]);
    shows(&shown, "HEARTBEAT", &["[.]  not started", " UTC, unverified: bad_signature"]);
    assert!(!part(&shown, "NONAME").contains("unverified"));
    assert!(!part(&shown, "HEARTBEAT").contains("last seen"), "nobody has shown that it was they");

    // A line that is just being written is none yet.
    let mut file = OpenOptions::new().append(true).open(class.directory.file(RECEIVED)).unwrap();
    file.write_all(&record("NONAME", 2, 20_249_002, 0).as_bytes()[..150]).unwrap();
    assert!(text(class.directory.path()).contains("; 4 records"));
}

#[test]
fn while_records_are_appended_no_report_is_torn_or_falls_behind_the_one_before() {
    let class = Class::new();
    let server = Server::start(&class, &["--no-limit", "--no-sync"]);
    let stop = AtomicBool::new(false);
    let counts: Vec<u64> = thread::scope(|scope| {
        scope.spawn(|| {
            let signer = Signer::new("HEARTBEAT", 2048);
            let client = server.client();
            // Not for ever, should a report fail.
            for seq_number in [1, 0].into_iter().cycle().take(20_000) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                client.ask(&signer.message("HEARTBEAT", seq_number, 7));
            }
        });
        let count = || {
            let shown = text(class.directory.path());
            let (_, count) = shown.lines().next().unwrap().split_once("started; ").unwrap();
            count.split_once(" record").unwrap().0.parse().unwrap()
        };
        let mut counts = vec![count()];
        wait_until("records between the reports", || {
            counts.push(count());
            counts.len() >= 30 && counts.first() < counts.last()
        });
        stop.store(true, Ordering::Relaxed);
        counts
    });
    assert!(counts.is_sorted(), "{counts:?}");
}

#[test]
fn any_table_fits_100_columns() {
    // Names of every length, as many members as there may be, the longest matriculas, corrected.
    let longest = "G".repeat(32);
    let short = |group: u64| format!("GROUP-{group:03}");
    let long = |group: u64| format!("{group:032}");
    for name in [short, long] {
        let table: Vec<_> = (0..200).map(|group| format!("\"{}\": 30", name(group))).collect();
        let of_group = |group| {
            let messages: Vec<_> = (1..=group % 31).map(|sn| (sn, 20_240_000 + 100 * group + sn)).collect();
            records(&name(group), &messages)
        };
        let directory =
            class(&format!("{{{}}}", table.join(",")), &(0..200).map(of_group).collect::<String>());
        let shown = text(directory.path());
        assert!(shown.contains("200 groups: 6 done, 187 under way, 7 not started"), "{shown}");
        assert_eq!(csv(&directory).len(), 200 * 30);
    }
    let messages: Vec<_> = (1..=255).flat_map(|sn| [(sn, u64::MAX - sn), (sn, u64::MAX)]).collect();
    let started_over: Vec<_> = (0..300).map(|count| (count % 2, u64::MAX)).collect();
    for (members, messages) in [(255, &messages[..]), (255, &messages[..200]), (1, &started_over), (60, &[])]
    {
        text(class(&format!("{{\"{longest}\": {members}}}"), &records(&longest, messages)).path());
    }
    let roster: Vec<_> = (1..=255).map(|sn| (u64::MAX - 1_000 * sn).to_string()).collect();
    let table = format!("{{\"{longest}\": [{}]}}", roster.join(","));
    let directory = class(&table, &records(&longest, &messages));
    let detail = "é and much more of that ".repeat(9) + &"x".repeat(300);
    directory.write(REQUESTS, refused(&rfc3339(now()), "bad_signature", &detail, &longest));
    shows(&text(directory.path()), &longest, &["missing:", "unknown:", "sent under two numbers:", "..."]);
}

/// What came later, what is shown of it, and the matriculas that count.
type Later<'a> = (&'a [(u64, u64)], &'a [&'a str], [u64; 3]);

#[test]
fn done_stays_done_with_what_came_later_beside_it() {
    let complete = [(1, 11), (2, 12), (3, 13)];
    let once = "started over once";
    let two_more = [(0, 0), (1, 21), (2, 22)];
    let twice = [(0, 0), (0, 1), (1, 21), (0, 0), (1, 31)];
    let table: [Later; 6] = [
        (&[], &["state 3, next_number 0"], [11, 12, 13]),
        (&[(0, 0)], &["state 0, next_number 1", "a new run has 0 of 3 in", once], [11, 12, 13]),
        (&two_more, &["state 2, next_number 3", "a new run has 2 of 3 in", once], [11, 12, 13]),
        (&twice, &["a new run has 1 of 3 in", "started over 2 times"], [11, 12, 13]),
        (&[(0, 0), (1, 21), (2, 22), (3, 23)], &["state 3, next_number 0", once], [21, 22, 23]),
        (&[(3, 14), (3, 13)], &["3 13*", "also sent"], [11, 12, 13]),
    ];
    for (later, shown, matriculas) in table {
        let directory = class(r#"{"ALFA": 3}"#, &records("ALFA", &[&complete, later].concat()));
        let text = text(directory.path());
        shows(&text, "ALFA", &["[###]  done at "]);
        shows(&text, "ALFA", shown);
        let csv = csv(&directory);
        assert_eq!(fields(&csv, 2), matriculas.map(|matricula: u64| matricula.to_string()));
        assert_eq!(fields(&csv, 4), ["complete"; 3]);
    }
    // The time is when the last number was first in, not when it was corrected.
    let corrected = records("ALFA", &[(1, 11), (2, 12), (3, 13), (3, 14)]);
    shows(&text(class(r#"{"ALFA": 3}"#, &corrected).path()), "ALFA", &["done at 2023-11-14 22:02:20 UTC"]);
}

#[test]
fn the_later_of_two_matriculas_counts_marked_as_corrected() {
    let directory =
        class(r#"{"ALFA": 3, "BETA": 3}"#, &records("ALFA", &[(1, 77), (1, 19), (2, 12), (2, 12)]));
    let shown = text(directory.path());
    let other = "* also sent, in another record: 1 77 2023-11-14 22:00:20";
    shows(&shown, "ALFA", &["1 19* ", "2 12 ", other]);
    assert!(!part(&shown, "BETA").contains("corrected"), "{shown}");
}

#[test]
fn a_member_is_marked_corrected_whichever_record_of_whichever_run_says_something_else() {
    // A captured earlier message corrects a later one; and an older run, replayed, is the last complete one.
    let captured = &[(1, 111), (1, 222), (1, 111), (2, 5)][..];
    let replayed = &[(1, 111), (2, 5), (0, 0), (1, 222), (2, 5), (0, 0), (1, 111), (2, 5)];
    let runs = &[(1, 1), (0, 0), (1, 2), (0, 0), (1, 3), (2, 5)];
    for (messages, row) in [
        (captured, "111,2023-11-14T22:02:20.123Z,complete,also sent: 222 at 2023-11-14T22:01:20.123Z,1,0,"),
        (replayed, "111,2023-11-14T22:06:20.123Z,complete,also sent: 222 at 2023-11-14T22:03:20.123Z,3,2,"),
        (
            runs,
            "3,2023-11-14T22:04:20.123Z,complete,also sent: 2 at 2023-11-14T22:02:20.123Z and 1 more,1,2,",
        ),
    ] {
        let directory = class(r#"{"ALFA": 2}"#, &records("ALFA", messages));
        assert!(csv(&directory).contains(&format!("ALFA,1,{row}")), "{:#?}", csv(&directory));
        shows(&text(directory.path()), "ALFA", &["* also sent, in another record: 1 "]);
    }
}

#[test]
fn members_beyond_the_table_are_shown_with_the_seq_max_that_it_contradicts() {
    let received =
        records("ALFA", &[(1, 11), (2, 12), (3, 13), (4, 14)]).replace("\"seq_max\":null", "\"seq_max\":4");
    let directory = class(r#"{"ALFA": 3, "BETA": 3}"#, &(received + &records("BETA", &[(1, 7)])));
    let shown = text(directory.path());
    shows(&shown, "ALFA", &["says 4 members, the table 3;", "4 14 ", "beyond the table: 4"]);
    assert!(!part(&shown, "BETA").contains("says ") && !part(&shown, "BETA").contains("beyond"), "{shown}");
    let row =
        "ALFA,4,14,2023-11-14T22:03:20.123Z,complete,beyond the table; says 4 members; the table 3,1,0,";
    assert_eq!(csv(&directory)[3], row);
}

#[test]
fn a_group_with_10_000_records_is_warned_of() {
    let received = record("ALFA", 1, 7, 0).repeat(10_000) + &record("BETA", 1, 7, 0).repeat(9_999);
    let directory = class(r#"{"ALFA": 3, "BETA": 3}"#, &received);
    let Ended { errors, status, .. } = report(directory.path(), &[]);
    assert_eq!((errors.lines().count(), status), (1, Some(1)), "{errors}");
    assert!(errors.contains("ALFA has 10000 records, and 100000 are the most"), "{errors}");
}

#[test]
fn a_group_that_has_used_up_its_allowance_is_named() {
    let received = record_at(now(), "ALFA", 1, 7).repeat(300) + &record("BETA", 1, 7, 0).repeat(9_999);
    let shown = text(class(r#"{"ALFA": 3, "BETA": 3}"#, &received).path());
    shows(&shown, "ALFA", &["takes two new messages a second"]);
    assert!(!part(&shown, "BETA").contains("takes two"), "{shown}");
}

#[test]
fn with_a_roster_it_says_who_is_missing_unknown_or_sent_under_two_numbers() {
    let table = r#"{"ALFA": [101, 102, 103, 104], "BETA": [201, 202], "GAMA": 2}"#;
    let received = records("ALFA", &[(1, 101), (2, 999), (3, 101)])
        + &records("BETA", &[(1, 202), (2, 201)])
        + &records("GAMA", &[(1, 7), (2, 7)]);
    let directory = class(table, &received);
    let shown = text(directory.path());
    shows(&shown, "ALFA", &["missing: 102 103 104", "unknown: 999", "sent under two numbers: 101"]);
    for label in ["missing", "unknown", "two numbers"] {
        assert!(!part(&shown, "BETA").contains(label), "{shown}");
    }
    shows(&shown, "GAMA", &["sent under two numbers: 7"]);
    assert!(!part(&shown, "GAMA").contains("unknown"), "{shown}");
    let twice = "sent under two numbers";
    let csv = csv(&directory);
    assert_eq!(
        fields(&csv, 5),
        [twice, "unknown", twice, "", "missing", "missing", "missing", "", "", twice, twice]
    );
}

/// A line of `requests.jsonl` about a request that was refused.
fn refused(time: &str, outcome: &str, detail: &str, group: &str) -> String {
    format!(
        "{{\"time\":\"{time}\",\"peer\":\"[2001:db8::1]:5\",\"outcome\":\"{outcome}\",\"detail\":\"{detail}\",\
         \"group\":\"{group}\"}}\n"
    )
}

#[test]
fn the_last_refused_request_is_shown_with_its_reason_or_as_unverified() {
    let directory = class(r#"{"ALFA": 3, "BETA": 3, "GAMA": 3}"#, &record("ALFA", 1, 11, 0));
    let request = |hour: u64, outcome: &str, group: &str| {
        refused(&format!("2023-11-15T{hour:02}:00:00.000Z"), outcome, "for a reason", group)
    };
    directory.write("requests.1.jsonl", request(1, "expired", "ALFA") + &request(2, "expired", "BETA"));
    let requests = [
        "half a line\n",
        &request(3, "out_of_order", "ALFA"),
        &request(4, "bad_signature", "GAMA"),
        &request(5, "answered", "ALFA"),
        &request(6, "lost_on_purpose", "ALFA"),
        &request(7, "bad_signature", "NOBODY"),
        &request(9, "expired", "ALFA")[..90],
    ];
    directory.write(REQUESTS, requests.concat());
    let shown = text(directory.path());
    let refused = |time: &str, what: &str| format!("last refused at 2023-11-15 {time}:00:00 UTC{what}");
    shows(&shown, "ALFA", &[&refused("03", ": out_of_order: for a reason"), "(2023-11-15 06:00:00 UTC)"]);
    shows(&shown, "BETA", &["not started", &refused("02", ": expired: for a reason")]);
    shows(&shown, "GAMA", &["not started", &refused("04", ", unverified: bad_signature: for a reason")]);
    assert!(!shown.contains("NOBODY"), "a name that a stranger made up: {shown}");
}

#[test]
fn the_csv_tells_how_much_of_the_exam_is_shown() {
    let line = |group: &str, verdict: &str, trick: &str| {
        format!(
            "{{\"time\":\"2023-11-14T22:13:20.000Z\",\"group\":\"{group}\",\"rule\":2,\"trick\":\"{trick}\",\
             \"verdict\":\"{verdict}\",\"seq_number\":1,\"copies\":2,\"detail\":\"\"}}\n"
        )
    };
    let directory = class(r#"{"ALFA": 1, "BETA": 1, "GAMA": 1, "DELTA": 1}"#, "");
    let lines = [
        line("ALFA", "shown", "silence") + &line("ALFA", "shown", "timer") + &line("ALFA", "shown", "timer"),
        line("BETA", "shown", "silence") + &line("BETA", "broken", "hmac_cut"),
        line("GAMA", "question", "pace") + &line("GAMA", "shown", "nonsense") + "{\"verdict\":\"shown\"}\n",
    ];
    directory.write("trial.jsonl", lines.concat());
    let words: Vec<_> =
        csv(&directory).iter().map(|row| row.rsplit(',').next().unwrap().to_string()).collect();
    assert_eq!(words, ["2/21", "0/21", "", "0/21"], "ALFA, BETA, DELTA, GAMA");
    let board = text(directory.path());
    shows(&board, "ALFA", &["exam: 2 of 21; 19 to come: run it again"]);
    shows(&board, "BETA", &["exam: 0 of 21; 1 broken, 20 to come: mend the client, and run it again"]);
    shows(&board, "GAMA", &["exam: 0 of 21; 1 not yet, 20 to come: run it again"]);
    shows(&board, "BETA", &["exam: 0 of 21; ", "exam: rule 2 hmac_cut: broken, "]);
    assert!(!part(&board, "DELTA").contains("exam:"), "{board}");
    let sheet = well(directory.path(), &["--group", "GAMA"]);
    let sheet = sheet.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        sheet.contains("rule 2 pace: not yet, 2023-11-14 22:13:20 UTC, number 1, 2 copies: its copies"),
        "{sheet}"
    );
    assert!(sheet.contains("rule 4 start_over: to come: alone in its play"), "{sheet}");
}

#[test]
fn the_csv_is_exact_to_the_byte() {
    let table = r#"{"ALFA": 3, "BETA": [201, 202], "GAMA": 1}"#;
    let received = records("ALFA", &[(1, 11), (2, 12), (2, 19), (3, 13), (0, 0), (1, 21)])
        + &record("BETA", 1, 999, 59)
        + &record("BETA", 1, 201, 60);
    assert_eq!(
        well(class(table, &received).path(), &["--csv"]),
        "group,seq_number,matricula,acknowledged,run,note,complete_runs,start_overs,exam\r\n\
         ALFA,1,11,2023-11-14T22:00:20.123Z,complete,also sent: 21 at 2023-11-14T22:05:20.123Z,1,1,\r\n\
         ALFA,2,19,2023-11-14T22:02:20.123Z,complete,also sent: 12 at 2023-11-14T22:01:20.123Z,1,1,\r\n\
         ALFA,3,13,2023-11-14T22:03:20.123Z,complete,,1,1,\r\n\
         BETA,1,201,2023-11-14T23:00:20.123Z,current,also sent: 999 at 2023-11-14T22:59:20.123Z,0,0,\r\n\
         BETA,2,,,current,,0,0,\r\n\
         BETA,,202,,current,missing,0,0,\r\n\
         GAMA,1,,,not started,,0,0,\r\n"
    );
}

#[test]
fn the_keys_and_the_logs_may_be_elsewhere() {
    let keys = class(r#"{"ALFA": 1}"#, "");
    let logs = class(r#"{"OTHER": 9}"#, &record("ALFA", 1, 11, 0));
    let [keys, logs] = [&keys, &logs].map(|directory| directory.path().to_str().unwrap());
    let elsewhere = Scratch::new();
    let shown = report(elsewhere.path(), &["--keys", keys, "--logs", logs]);
    shows(&shown.output, "ALFA", &["done at"]);
    assert!(!shown.output.contains("OTHER"));
}

#[test]
fn records_of_groups_that_the_table_lacks_are_counted_without_driving_the_terminal() {
    let received = record("ALFA", 1, 11, 0)
        + &records("GONE", &[(1, 11), (2, 12)])
        + &record("\\u001b[2J\\r\\n\\u009b7m\\u202e", 1, 5, 0)
        + &record(&"long".repeat(60), 1, 5, 0);
    let directory = class(r#"{"ALFA": 1}"#, &received);
    let detail = "\\u001b[2J\\r\\nmade up\\u009b";
    let hostile = |group: &str| refused("2023-11-15T01:00:00.000Z", "bad_claim", detail, group);
    directory.write(REQUESTS, hostile("ALFA") + &hostile("\\u001b[2J"));
    let shown = text(directory.path());
    let others = shown.split("\n\n").last().unwrap();
    assert!(others.contains("not in the table") && others.contains("GONE 2"), "{others}");
    let ended = report(directory.path(), &["--csv"]);
    assert_eq!(
        (ended.output.lines().count(), ended.status),
        (2, Some(1)),
        "another class's table makes no grades"
    );
    assert!(ended.errors.contains("4 records of groups not in the table"), "{ended:?}");
}

#[test]
fn a_damaged_line_is_named_with_status_1_beside_the_rest() {
    let directory = class(r#"{"ALFA": 2}"#, "");
    let [one, two] = [record("ALFA", 1, 11, 0), record("ALFA", 2, 12, 1)];
    let lines = [one.as_bytes(), b"\x1b[2J\xff\n", two.as_bytes(), &[b'a'; 20_000], b"\n\n"];
    let path = directory.write(RECEIVED, lines.concat());
    for options in [&[][..], &["--csv"]] {
        let Ended { output: text, errors, status } = report(directory.path(), options);
        assert_eq!(status, Some(1));
        for line in [2, 4, 5] {
            let named = format!("{}: line {line} is not a whole record", path.display());
            assert!(errors.contains(&named), "{errors}");
        }
        assert_eq!(errors.lines().count(), 3, "{errors}");
        assert_fits(&errors.replace(&path.display().to_string(), RECEIVED));
        assert!(text.contains("11") && text.contains("12"), "{text}");
    }
    shows(&report(directory.path(), &[]).output, "ALFA", &["done at"]);
}

#[test]
fn a_state_above_the_members_says_that_only_0_leaves_it() {
    let directory = class(r#"{"ALFA": 2}"#, &records("ALFA", &[(1, 11), (2, 12), (3, 13)]));
    shows(&text(directory.path()), "ALFA", &["done at", "state 3, only 0 leaves it"]);
}

#[test]
#[cfg(target_os = "linux")]
fn colour_is_for_terminals_without_no_color() {
    let directory = class(r#"{"ALFA": 1}"#, &record("ALFA", 1, 11, 0));
    assert!(!report(directory.path(), &[]).output.contains('\x1b'), "a pipe");
    // util-linux's `script` gives a command a terminal of its own.
    let on_a_terminal = |no_color: Option<&str>| {
        let report = format!("'{PROGRAM}' report '{}'", directory.path().display());
        let mut command = Command::new("script");
        command.args(["-qec", &report, "/dev/null"]).env_remove("NO_COLOR").stdin(Stdio::null());
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        command.output().ok().map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let Some(coloured) = on_a_terminal(None) else {
        eprintln!("NOT TESTED: colour on a terminal: there is no script (util-linux) here");
        return;
    };
    assert!(coloured.contains("\x1b[32mALFA"), "{coloured:?}");
    assert!(on_a_terminal(Some("")).unwrap().contains("\x1b[32m"), "an empty NO_COLOR counts as none");
    assert!(!on_a_terminal(Some("1")).unwrap().contains('\x1b'));
}

/// A line of `requests.jsonl` about ALFA, so many milliseconds after 22:00.
fn request(millisecond: u64, outcome: &str, members: &str) -> String {
    let time = rfc3339(Duration::from_millis(1_699_999_200_000 + millisecond));
    format!(
        "{{\"time\":\"{time}\",\"peer\":\"192.0.2.7:50000\",\"outcome\":\"{outcome}\",\"group\":\"ALFA\"{members}}}\n"
    )
}

/// What is logged of an acknowledged message.
fn answered(number: u64, id: &str) -> String {
    format!(
        ",\"seq_number\":{number},\"id_request\":\"{}\",\"next_number\":{},\"otp_number\":17,\"otp_timestamp\":1",
        id_request(id.as_bytes()),
        (number + 1) % 4
    )
}

/// A token, as far as its payload tells it from others.
fn token(id: &str) -> String {
    format!("eyJ.{}.c2ln", to_base64url(id.as_bytes()))
}

/// What is logged of a message that was lost on purpose, or its reply.
fn lost(number: u64, id: &str, lost: &str) -> String {
    format!(",\"detail\":\"\",\"seq_number\":{number},\"lost\":\"{lost}\",\"datagram\":\"{}\"", token(id))
}

/// The report on ALFA, which has 3 members, and its diagram.
fn pictures(requests: &str) -> [String; 2] {
    let directory = class(r#"{"ALFA": 3, "BETA": 1}"#, "");
    directory.write(REQUESTS, requests);
    let pictures = [&["--group", "alfa"][..], &["--group", "ALFA", "--mermaid"]];
    let [text, diagram] = pictures.map(|options| well(directory.path(), options));
    assert_fits(&text);
    // A diagram is as wide as it is; neither can drive a terminal.
    let is_tame = |text: &str| text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte));
    assert!(is_tame(&text) && is_tame(&diagram), "{text:?}\n{diagram:?}");
    [text, diagram]
}

/// The sentences under a time line, each on one line.
fn remarks(requests: &str) -> Vec<String> {
    let [text, _] = pictures(requests);
    let Some((_, remarks)) = text.split_once("\nwhat this shows\n- ") else { return Vec::new() };
    remarks.split("\n- ").map(|remark| remark.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_time_line_tells_of_each_datagram_when_from_where_what_was_sent_and_what_came_back() {
    let requests = request(0, "lost_on_purpose", &lost(1, "a", "request"))
        + &request(1_001, "lost_on_purpose", &lost(1, "a", "reply"))
        + &request(2_002, "lost_on_purpose", &lost(1, "a", "hmac_damaged"))
        + &request(3_003, "lost_on_purpose", &lost(1, "a", "id_request_of_another"))
        + &request(4_004, "lost_on_purpose", &lost(1, "a", "previous_reply"))
        + &request(5_005, "answered", &answered(1, "a")).replace(":50000", ":50001")
        + &request(5_010, "bad_signature", r#","detail":"for a reason","datagram":"eyJ""#)
        + &request(900_000, "bad_claim", r#","explained":true,"detail":"what it is","datagram":"eyK""#)
        + "{\"time\":\"2023-11-14T22:00:00.000Z\",\"group\":\"BETA\"}\nhalf a line";
    let [text, diagram] = pictures(&requests);
    let (_, rows) = text.split_once("\n\nits last datagrams, 8 of 8 (UTC)\n").unwrap();
    assert_eq!(
        rows,
        "2023-11-14
22:00:00.000  192.0.2.7:50000  1                     --x      lost on purpose
22:00:01.001                   1   copy 2  +1.001 s  --> x--  its reply lost on purpose
22:00:02.002                   1   copy 3  +1.001 s  --> <--  trial: hmac_damaged
22:00:03.003                   1   copy 4  +1.001 s  --> <--  trial: id_request_of_another
22:00:04.004                   1   copy 5  +1.001 s  --> <--  trial: previous_reply
22:00:05.005  192.0.2.7:50001  1   copy 6  +1.001 s  --> <--  next_number 2, otp_number 17
22:00:05.010  192.0.2.7:50000  ?                     -->      refused: bad_signature (unverified):
              for a reason
22:15:00.000                   ?                     --> <--  refused: bad_claim:
              what it is
"
    );
    assert_eq!(
        diagram,
        "sequenceDiagram
    participant C as client of ALFA
    participant S as server
    C-xS: 22:00:00.000 seq_number 1 from 192.0.2.7:50000
    C->>S: 22:00:01.001 seq_number 1 copy 2 +1.001 s
    S--xC: lost on purpose
    C->>S: 22:00:02.002 seq_number 1 copy 3 +1.001 s
    S-->>C: trial: hmac_damaged
    C->>S: 22:00:03.003 seq_number 1 copy 4 +1.001 s
    S-->>C: trial: id_request_of_another
    C->>S: 22:00:04.004 seq_number 1 copy 5 +1.001 s
    S-->>C: trial: previous_reply
    C->>S: 22:00:05.005 seq_number 1 copy 6 +1.001 s from 192.0.2.7:50001
    S-->>C: next_number 2, otp_number 17
    C->>S: 22:00:05.010 seq_number ? from 192.0.2.7:50000
    Note over C,S: refused: bad_signature (unverified): for a<br/>reason
    C->>S: 22:15:00.000 seq_number ?
    Note over C,S: explained and refused: bad_claim: what it is
"
    );
}

#[test]
fn a_remark_names_a_fault_that_no_sound_client_has_or_every_cause_that_is_known() {
    let many = |count: u64, pause: u64, outcome: &str, members: &dyn Fn(u64) -> String| -> String {
        (0..count).map(|at| request(at * pause, outcome, &members(at))).collect()
    };
    let from = |port: u16, line: String| line.replace(":50000", &format!(":{port}"));
    let one = |_: u64| answered(1, "a");
    let sockets: String =
        (0..4).map(|at| from(at as u16 + 1, request(at * 1_000, "answered", &one(at)))).collect();
    let next = |at: u64| answered(at + 1, &at.to_string());
    let anew = |at: u64| answered(1, &at.to_string());
    let zero = |at: u64| answered(0, &at.to_string());
    let refused =
        |_: u64| r#","detail":"seq_number is 2 in state 0","seq_number":2,"datagram":"eyJ""#.to_string();
    let expired = |at: u64| format!(r#","detail":"exp","seq_number":1,"datagram":"{at}""#);
    let forged = |at: u64| format!(r#","detail":"does not verify","datagram":"{at}""#);
    let left = |at: u64| one(at) + ",\"left_port\":50000";
    let lost_1 = request(0, "lost_on_purpose", &lost(1, "a", "reply"));
    let lost_2 = request(2, "lost_on_purpose", &lost(2, "b", "request"));
    let claim = |number: u64, id: &str| {
        format!(r#","detail":"take the quotes off","seq_number":{number},"datagram":"{}""#, token(id))
    };
    let early = request(0, "answered", &answered(1, "a"))
        + &request(0, "answered", &(answered(2, "b") + ",\"before_reply_to\":1"));
    let two = request(0, "answered", &answered(1, "a"))
        + &from(1, request(500, "answered", &answered(1, "b")))
        + &request(900, "answered", &answered(2, "c"))
        + &from(1, request(950, "answered", &answered(2, "d")));
    let last = |_: u64| answered(3, "z");
    // A sound client, on a bad network; with a new socket for each try; started again and again.
    let sound = request(0, "lost_on_purpose", &lost(1, "a", "request"))
        + &request(1_000, "lost_on_purpose", &lost(1, "a", "reply"))
        + &request(2_000, "answered", &answered(1, "a"))
        + &request(2_004, "answered", &answered(2, "b"))
        + &request(3_004, "answered", &answered(2, "b"))
        + &request(3_010, "answered", &answered(3, "c"));
    let new_sockets = lost_1.clone()
        + &from(1, request(1_000, "answered", &answered(1, "a")))
        + &from(1, request(1_004, "lost_on_purpose", &lost(2, "b", "request")))
        + &from(2, request(2_004, "answered", &answered(2, "b")))
        + &from(2, request(2_009, "answered", &answered(3, "c")));
    let again: String =
        (0..9).map(|at| request(at * 4, "answered", &answered(at % 3 + 1, &at.to_string()))).collect();
    let late = many(3, 300, "answered", &next);
    let started_over = many(8, 1_000, "lost_on_purpose", &|_| lost(1, "a", "request"))
        + &request(8_000, "answered", &answered(0, "0"))
        + &request(8_004, "answered", &answered(1, "b"));
    let cases = [
        (many(8, 1_000, "answered", &one), vec!["1 was acknowledged 8 times, and 2 has not come since"]),
        (many(17, 1_000, "answered", &one), vec!["1 came 17 times", "1 was acknowledged 17 times"]),
        (sockets, vec!["1 was acknowledged 4 times"]),
        (many(8, 1_000, "answered", &last), vec![]),
        (
            many(8, 1_000, "answered", &last) + &request(8_000, "answered", &answered(0, "0")),
            vec![
                "3 was acknowledged 8 times with next_number 0, which says that everyone is in, and then a 0 came",
            ],
        ),
        (
            many(2, 1_000, "answered", &left),
            vec!["Each of the 2 replies to 1 went to a port that nobody held"],
        ),
        (
            many(3, 1_000, "answered", &next),
            vec!["Each number came 1.0 s after the acknowledgment before it"],
        ),
        (early, vec!["2 came before the reply to 1 had left, from the same socket"]),
        (
            lost_1.clone() + &lost_2,
            vec!["2 came 0.002 s after 1 from the same socket", "2 came once and got no"],
        ),
        (
            request(0, "bad_claim", &claim(1, "a")) + &request(161, "bad_claim", &claim(2, "b")),
            vec!["2 came 0.161 s after 1 from the same socket, though 1 had been refused (bad_claim): mend"],
        ),
        (
            many(3, 1_000, "bad_claim", &|_| claim(1, "a")),
            vec!["1 was refused 3 times (bad_claim): the same bytes"],
        ),
        (
            many(8, 20, "answered", &one),
            vec!["1 was acknowledged 8 times", "8 copies of 1 came within 140 ms"],
        ),
        (
            many(3, 1_000, "answered", &anew),
            vec!["Three different messages with number 1 came from one socket"],
        ),
        (
            two,
            vec!["New messages came from 192.0.2.7:1, then from 192.0.2.7:50000, then from the first again"],
        ),
        (request(0, "answered", &zero(0)), vec!["A 0 came first: a client begins with 1"]),
        (
            many(4, 9_000, "answered", &zero),
            vec!["A 0 came first", "4 different messages 0 came from one socket"],
        ),
        (many(8, 1_000, "out_of_order", &refused), vec![]),
        (many(2, 1_000, "expired", &expired), vec!["No message was valid when it came"]),
        (many(2, 1_000, "bad_signature", &forged), vec!["No signature has verified so far: above stands"]),
        (lost_1, vec!["1 came once and got no reply"]),
        // Nothing is said of a sound client, whatever the network does.
        (many(3, 4, "answered", &next), vec![]),
        (many(3, 0, "answered", &next), vec![]),
        (late, vec![]),
        (sound, vec![]),
        (new_sockets, vec![]),
        (again, vec![]),
        (started_over, vec![]),
    ];
    for (requests, expected) in cases {
        let said = remarks(&requests);
        assert_eq!(said.len(), expected.len(), "{requests}{said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{said}");
        }
    }
}

#[test]
fn the_report_begins_with_who_needs_help_now() {
    let table = r#"{"ALFA": 3, "BETA": 3, "GAMA": 3, "DELTA": 3, "EPSILON": 1, "A_NAME_OF_THIRTY_TWO_CHARACTERS_": 2}"#;
    let directory = class(table, &record("EPSILON", 1, 7, 0));
    let now = udpsocket_jwt_server::time::now();
    let at = |ago: u64, group: &str, outcome: &str, members: &str| {
        let time = rfc3339(now.saturating_sub(Duration::from_secs(ago)));
        let named = if group.is_empty() { String::new() } else { format!(",\"group\":\"{group}\"") };
        format!(
            "{{\"time\":\"{time}\",\"peer\":\"192.0.2.7:50000\",\"outcome\":\"{outcome}\"{named}{members}}}\n"
        )
    };
    let bad = r#","detail":"sign without the newline (well padded, it holds another)","change":"sign without the newline""#;
    let lines = [
        at(900, "ALFA", "bad_signature", bad),
        at(60, "ALFA", "bad_signature", bad),
        at(900, "GAMA", "bad_claim", r#","detail":"long ago""#),
        at(50, "", "not_a_jws", r#","detail":"send a token""#),
        // It was refused, and got on.
        at(40, "DELTA", "bad_claim", r#","detail":"take the quotes off","seq_number":1"#),
        at(30, "DELTA", "answered", &answered(1, "a")),
        at(20, "BETA", "answered", &answered(1, "b")),
        at(19, "BETA", "answered", &answered(1, "b")),
        at(18, "BETA", "answered", &answered(1, "b")),
        at(17, "BETA", "answered", &answered(1, "b")),
        at(16, "EPSILON", "bad_claim", r#","detail":"it is done""#),
        at(9, "A_NAME_OF_THIRTY_TWO_CHARACTERS_", "answered", &answered(1, "c")),
        at(8, "A_NAME_OF_THIRTY_TWO_CHARACTERS_", "answered", &answered(0, "d")),
    ];
    directory.write(REQUESTS, lines.concat());
    let report = text(directory.path());
    let (help, rest) = report.split_once("\n\n").unwrap();
    let lines: Vec<_> = help.lines().collect();
    assert_eq!(lines[0], "needs help now: who tried in the last ten minutes, and did not get on");
    let begin = [
        ("ALFA        2 tries since ", ": sign without the newline"),
        ("?           1 try since ", " from 192.0.2.7:50000: send a token"),
        ("BETA        4 tries since ", ": 1 was acknowledged 4 times"),
        ("A_NAME_OF_THIRTY_TWO_CHARACTERS_ 2 tries since ", ": started over with 0"),
    ];
    assert_eq!(lines.len(), 1 + begin.len(), "{help}");
    for (line, (begin, holds)) in lines[1..].iter().zip(begin) {
        // After midnight the time has a date, and the line ends earlier.
        assert!(line.starts_with(begin) && line.contains(holds), "{line}");
    }
    assert!(rest.contains(" UTC  6 groups: 1 done"), "{report}");
    assert!(!well(directory.path(), &["--csv"]).contains("needs help"));
    assert!(!text(class(r#"{"ALFA": 3}"#, "").path()).contains("needs help"), "nobody needs any");
}

/// What clients sent who would like to show a matricula, or to draw in the diagram.
fn hostile_requests() -> String {
    let hostile = r#"claim seq_number is the string \"20240001\" 20150466;end\u001b[2J\r\n    S->>C: x #35; <img src=x> %%{init}%% ``` \u202e"#;
    let too_large = r#","detail":"seq_number is 20150466","seq_number":20150466,"datagram":"eyK""#;
    request(0, "bad_claim", &format!(r#","detail":"{hostile}","datagram":"eyJ""#))
        + &request(1, "out_of_order", too_large)
        + &request(2, "answered", &answered(1, "a")).replace("192.0.2.7:50000", "\\nS->>C: x")
        + &request(3, "lost_on_purpose", &lost(1, "a", "\\nS->>C: x"))
}

#[test]
fn neither_picture_shows_a_matricula() {
    for picture in pictures(&hostile_requests()) {
        let shows = ["2024", "2015", "..."].map(|text| picture.contains(text));
        assert_eq!(shows, [false, false, true], "{picture}");
    }
}

#[test]
fn nothing_that_was_sent_can_break_out_of_the_diagram() {
    let [text, diagram] = pictures(&hostile_requests());
    assert!(text.contains("2 of 2"), "what the server never writes is no row: {text}");
    for line in diagram.lines() {
        let is_own = ["sequenceDiagram", "    participant ", "    C->>S: ", "    Note over C,S: "];
        assert!(is_own.iter().any(|start| line.starts_with(start)), "{line}");
        let text = line.split_once(": ").map_or("", |(_, text)| text).replace("<br/>", " ");
        assert!(!text.contains(['<', '>', '#', ';', '%', '`', '{']), "{line}");
    }
}

#[test]
fn what_is_beyond_60_messages_of_a_diagram_or_40_lines_of_a_time_line_is_counted() {
    let requests: String = (0..100)
        .map(|at| request(at * 1_000, "answered", &answered(1, &at.to_string())))
        .chain((0..500).map(|at| request(at, "bad_signature", r#","detail":"no","datagram":"eyJ""#)))
        .collect();
    let [text, diagram] = pictures(&requests);
    assert!(text.contains("its last datagrams, 40 of 600 (UTC)"), "{text}");
    assert_eq!(text.matches("bad_signature").count(), 12, "a stranger drives out nobody: {text}");
    // An address and a number of copies may be as long as they can.
    let long = requests.replace("192.0.2.7:50000", "[2001:db8:1111:2222:3333:4444:5555:6666]:50000");
    assert!(pictures(&long)[0].contains("[2001:db8:1111:2222:3333:4444:5555:6666]:50000  1 "));
    let messages = diagram.lines().filter(|line| line.contains(">>") || line.contains('x')).count();
    assert_eq!(messages, 60, "{diagram}");
    assert!(diagram.contains("Note over C,S: 564 earlier datagrams, not shown"), "{diagram}");
}

#[test]
fn a_mistake_in_the_options_is_named() {
    let directory = class(r#"{"ALFA": 3, "BETA": 1}"#, "");
    let cases = [
        (&["--group", "GAMA"][..], 1, "--group \"GAMA\": the table has no such group, but ALFA, BETA"),
        (&["--csv", "--group", "ALFA"], 2, "--csv and --group: choose one"),
        (&["--mermaid"], 2, "--mermaid draws one group: add --group NAME"),
    ];
    for (options, expected, error) in cases {
        let errors =
            failed(Command::new(PROGRAM).arg("report").args(options).arg(directory.path()), expected);
        assert!(errors.contains(error), "{errors}");
    }
}

#[test]
fn a_group_of_which_nothing_is_logged_has_empty_pictures() {
    let [text, diagram] = pictures("");
    assert!(text.ends_with("\nno datagram in the logs names it: what is no token names nobody, and stands in the report of all\n"), "{text}");
    assert_eq!(diagram.lines().count(), 3, "{diagram}");
}

#[test]
fn only_a_group_s_own_report_shows_the_number_that_proves_its_pass() {
    let directory = class(r#"{"ALFA": 3}"#, &records("ALFA", &[(1, 20_240_001), (2, 20_240_002)]));
    directory.write(
        "trial.jsonl",
        "{\"time\":\"2023-11-14T22:13:20.000Z\",\"group\":\"ALFA\",\"verdict\":\"passed\",\
         \"seq_number\":3,\"copies\":7,\"otp_number\":12345,\"detail\":\"\"}\n",
    );
    let board = text(directory.path());
    shows(&board, "ALFA", &["exam: passed at 2023-11-14 22:13:20 UTC; the otp_number of the last reply"]);
    assert!(!board.contains("12345") && board.contains("20240001"), "{board}");
    let text = well(directory.path(), &["--group", "ALFA"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("a last reply, at 2023-11-14 22:13:20 UTC: otp_number 12345"), "{text}");
    assert!(words.contains("2 of 3 in state 2") && !text.contains("2024"), "{text}");
}

#[test]
fn a_group_s_report_says_how_many_datagrams_named_no_group() {
    let directory = class(r#"{"ALFA": 3}"#, "");
    let line = "{\"time\":\"2023-11-14T22:13:20.000Z\",\"peer\":\"192.0.2.7:5\",\"outcome\":\"not_a_jws\",\
                \"detail\":\"d\",\"datagram\":\"x\"}\n";
    assert!(!well(directory.path(), &["--group", "ALFA"]).contains("not shown"));
    directory.write("requests.jsonl", line.repeat(3));
    let text = well(directory.path(), &["--group", "ALFA"]);
    assert!(
        text.ends_with("\nnot shown: 3 refused before a group was made out; `report` has the last\n"),
        "{text}"
    );
}

#[test]
fn the_number_of_a_later_reply_proves_a_pass_too() {
    let directory = class(r#"{"ALFA": 3}"#, "");
    let passed = |number: u32| {
        format!(
            "{{\"time\":\"2023-11-14T22:13:{:02}.000Z\",\"group\":\"ALFA\",\"verdict\":\"passed\",\
             \"seq_number\":3,\"copies\":1,\"otp_number\":{number},\"detail\":\"\"}}\n",
            number % 100
        )
    };
    directory.write("trial.jsonl", (100..130).map(passed).collect::<String>());
    let text = well(directory.path(), &["--group", "ALFA"]);
    let numbers: Vec<_> =
        (100..130).filter(|number| text.contains(&format!("otp_number {number}"))).collect();
    assert_eq!(numbers, [100, 123, 124, 125, 126, 127, 128, 129], "{text}");
    assert!(text.contains("exam: passed at 2023-11-14 22:13:00 UTC"), "{text}");
}

#[test]
fn a_copy_of_what_was_acknowledged_is_told_from_the_first_in_the_log_and_on_the_terminal() {
    let class = Class::new();
    let server = Server::start(&class, &["--verbose", "--no-sync"]);
    let signer = Signer::new("JAVALI", 2048);
    let (client, message) = (server.client(), signer.message("JAVALI", 1, 7));
    for _ in 0..3 {
        client.ask(&message);
    }
    client.ask(&signer.message("JAVALI", 2, 8));
    let message = signer.message("JAVALI", 3, 9);
    for _ in 0..3 {
        server.client().ask(&message);
    }
    let details: Vec<_> = class.requests(7).iter().map(|line| line["detail"].clone()).collect();
    let told = |copy: u32| {
        serde_json::Value::from(format!("copy {copy}: its reply did not arrive in time, or was not taken"))
    };
    let nothing = serde_json::Value::Null;
    assert_eq!(details[..6], [nothing.clone(), told(2), told(3), nothing.clone(), nothing, told(2)]);
    let third = "copy 3: its reply did not arrive in time, or was not taken";
    assert_eq!(details[6], third, "a client may take a new socket for each try");
    common::wait_until("the terminal's line", || server.errors().matches(third).count() == 2);
    let again = "JAVALI     1 acknowledged again, copy 2: its reply did not arrive in time, or was not taken";
    assert!(server.errors().contains(again), "{}", server.errors());
}

#[test]
fn what_lose_has_lost_is_in_the_time_line_of_the_group_that_signed_it() {
    let (class, _server, client) = served(&["--quiet", "--no-sync", "--lose", "100"]);
    client.send(Signer::new("JAVALI", 2048).message("JAVALI", 1, 7));
    client.send(Signer::new("NONAME", 2048).message("JAVALI", 1, 7));
    let lines = class.requests(2);
    assert!(lines.iter().all(|line| line["lost"] == "request" && line["outcome"] == "lost_on_purpose"));
    assert_eq!([&lines[0]["group"], &lines[1]["group"]], [&"JAVALI".into(), &serde_json::Value::Null]);
    let text = well(class.directory.path(), &["--group", "JAVALI"]);
    assert!(text.contains("1 of 1 (UTC)") && text.contains("--x      lost on purpose"), "{text}");
}

#[test]
fn each_member_stands_with_the_time_of_its_record_and_the_day_if_it_was_another() {
    let class = Class::new();
    let today = now();
    let records = record("JAVALI", 1, 1001, 0) + &record_at(today, "JAVALI", 2, 1002);
    class.directory.write("received.jsonl", records);
    let text = common::report_of(class.directory.path(), &[]);
    // If midnight has passed since, today is another day.
    let is_today = rfc3339(now())[..10] == rfc3339(today)[..10];
    let members = format!("\n            1 1001 2023-11-14 22:00:20  2 1002 {}\n", &rfc3339(today)[11..19]);
    assert!(!is_today || text.contains(&members), "{text}");
}
