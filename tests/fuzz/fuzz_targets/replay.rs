//! `received.jsonl` as the start finds it: whatever is in it, either the start stops and leaves the
//! file alone, or what is kept is whole lines and says the same the next time.
//!
//! An input is the most bytes of one read (0: any number), how the disk fails, and the file.
#![no_main]

mod common;

use common::{Failures, Memory, assert_printable};
use libfuzzer_sys::fuzz_target;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::received::{self, Progress, Record, Replayed};

fuzz_target!(|input: &[u8]| {
    let [most_read, failing, file @ ..] = input else { return };
    let table = Table::compiled_in();
    let expected = expected(&table, file);
    let whole = file.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let is_cut = whole < file.len();

    let disk = Memory::of(file);
    disk.0.borrow_mut().most_read = (*most_read).into();
    disk.0.borrow_mut().failures =
        Failures { cut: failing & 1 > 0, syncs: failing >> 1 & 1, ..Failures::default() };
    let is_failing = is_cut && failing & 1 > 0 || failing & 2 > 0;

    match received::replay(disk.clone(), &table, true) {
        Err(error) => {
            assert_printable(&error);
            match expected {
                None => assert_eq!(disk.file(), file, "a start that stops leaves the file alone"),
                Some(_) => assert!(is_failing, "{error}"),
            }
            assert!(disk.file() == file || disk.file() == file[..whole]);
        }
        Ok(replayed) => {
            assert!(!is_failing, "a disk that fails stops the start");
            assert_eq!(Some(&replayed.progress), expected.as_ref());
            assert_eq!(disk.file(), file[..whole]);
            assert_eq!(disk.0.borrow().durable, file[..whole], "what a state is taken from is on the disk");
            let warnings = replayed.warnings;
            warnings.iter().for_each(|warning| assert_printable(warning));
            assert_eq!(
                warnings.iter().filter(|warning| warning.contains("are cut off")).count(),
                usize::from(is_cut)
            );
            again(&disk, &table, &replayed.progress, &warnings[usize::from(is_cut)..]);
        }
    }
});

/// The next start says the same, and one more record is one more record.
fn again(disk: &Memory, table: &Table, progress: &[Progress], warnings: &[String]) {
    let file = disk.file();
    disk.restart(&file);
    let Replayed { mut received, progress: now, warnings: said } =
        received::replay(disk.clone(), table, true).expect("the second start");
    assert_eq!((&now[..], &said[..]), (progress, warnings));
    assert_eq!(disk.file(), file);

    let line = concat!(
        r#"{"time":"2023-11-14T22:13:20.000Z","peer":"[2001:db8::7]:50000","group":"JAVALI","#,
        r#""seq_number":1,"seq_max":null,"matricula":7,"token":"e.e.c"}"#,
        "\n"
    );
    received.append(line.as_bytes()).expect("a disk that is well");
    disk.restart(&disk.file());
    let replayed = received::replay(disk.clone(), table, true).expect("the third start");
    assert_eq!(replayed.progress[0], progress[0].after(1, 7));
    assert_eq!(replayed.progress[1..], progress[1..]);
}

/// What a file says, written down once more and another way; none: it stops the start.
fn expected(table: &Table, file: &[u8]) -> Option<Vec<Progress>> {
    let mut progress = vec![Progress::default(); table.len()];
    let mut lines: Vec<_> = file.split(|&byte| byte == b'\n').collect();
    lines.pop(); // what follows the last LF, if only nothing
    for line in lines {
        let record = Record::parse(line).filter(|_| line.len() < 8_192)?;
        let group = table.iter().position(|group| group.name.eq_ignore_ascii_case(&record.group));
        if let Some(Progress { state, matricula, records }) = group.map(|group| &mut progress[group]) {
            (*state, *matricula, *records) = (record.seq_number, Some(record.matricula), *records + 1);
        }
    }
    Some(progress)
}
