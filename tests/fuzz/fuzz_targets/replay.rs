//! `received.jsonl` as the start finds it: whatever is in it, either the start stops and leaves the
//! file alone, or what is kept is whole lines and says the same the next time.
//!
//! An input is the most bytes of one read (0: any number), how the disk fails, and the file.
#![no_main]

mod common;

use common::{Failures, Memory, assert_printable};
use libfuzzer_sys::fuzz_target;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::record::{Progress, Record};
use udpsocket_jwt_server::restart::{Found, Tail, read_back};
use udpsocket_jwt_server::tools::faults::record::{beside, unusable};

/// The longest line of a record, its LF included, and most bytes of a tail before the NULs at its end.
const LONGEST: usize = 8_192;

fuzz_target!(|input: &[u8]| {
    let [most_read, failing, file @ ..] = input else { return };
    let table = Table::compiled_in();
    let whole = file.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let rest = &file[whole..];
    let nuls = rest.iter().rev().take_while(|&&byte| byte == 0).count();
    let record = &rest[..rest.len() - nuls];
    let is_kept = record.len() < LONGEST
        && record.ends_with(b"}")
        && Record::parse(record).is_some();
    let start = rest.iter().zip(b"{\"time\":\"").all(|(&byte, &wanted)| byte == wanted || byte == 0);
    let is_cut = !rest.is_empty() && start && !rest.contains(&b'}') && record.len() <= LONGEST;
    let left = match (is_kept, is_cut) {
        (true, _) => [&file[..whole], record, b"\n"].concat(),
        (_, true) => file[..whole].to_vec(),
        _ => file.to_vec(),
    };
    let expected = expected(&table, &left).filter(|_| is_kept || is_cut || rest.is_empty());

    let disk = Memory::of(file);
    disk.0.borrow_mut().most_read = (*most_read).into();
    disk.0.borrow_mut().failures = Failures {
        cut: failing & 1 > 0,
        syncs: failing >> 1 & 1,
        append: (failing & 4 > 0).then_some(0),
        moved: failing & 8 > 0,
        moves: failing & 16 > 0,
        ..Failures::default()
    };
    let is_failing =
        (is_cut || is_kept && nuls > 0) && failing & 1 > 0 || failing & 2 > 0 || is_kept && failing & 4 > 0 || failing & 24 > 0;

    match read_back(Box::new(disk.clone()), &table, true) {
        Err(fault) => {
            let error = unusable(&fault, "received.jsonl".as_ref()).sentence();
            assert_printable(&error);
            match expected {
                None => assert_eq!(disk.file(), file, "a start that stops leaves the file alone"),
                Some(_) => assert!(is_failing, "{error}"),
            }
            assert!(disk.file() == file || disk.file() == left);
        }
        Ok(replayed) => {
            assert!(!is_failing, "a disk that fails stops the start");
            assert_eq!(Some(&replayed.progress), expected.as_ref());
            assert_eq!(disk.file(), left);
            assert_eq!(disk.0.borrow().durable, left, "what a state is taken from is on the disk");
            match replayed.tail {
                Tail::Nothing => assert!(rest.is_empty()),
                Tail::Record(found) => assert!(is_kept && found == nuls as u64),
                Tail::Torn(bytes) => assert!(is_cut && bytes == rest.len() as u64),
            }
            let warnings = beside(replayed.tail, &replayed.unknown);
            warnings.iter().for_each(|warning| assert_printable(warning));
            again(&disk, &table, &replayed.progress, &beside(Tail::Nothing, &replayed.unknown));
        }
    }
});

/// The next start says the same, and one more record is one more record.
fn again(disk: &Memory, table: &Table, progress: &[Progress], warnings: &[String]) {
    let file = disk.file();
    disk.restart(&file);
    let started = || {
        read_back(Box::new(disk.clone()), table, true)
            .map_err(|fault| unusable(&fault, "received.jsonl".as_ref()).sentence())
    };
    let Found { mut records, progress: now, tail, unknown } = started().expect("the second start");
    assert_eq!((&now[..], &beside(tail, &unknown)[..]), (progress, warnings));
    assert_eq!(disk.file(), file);

    let line = concat!(
        r#"{"time":"2023-11-14T22:13:20.000Z","peer":"[2001:db8::7]:50000","group":"JAVALI","#,
        r#""seq_number":1,"seq_max":null,"matricula":7,"token":"e.e.c"}"#,
        "\n"
    );
    records.add(line.as_bytes());
    records.commit().expect("a disk that is well");
    disk.restart(&disk.file());
    let mut expected = progress.to_vec();
    let Record { time, .. } = Record::parse(line.trim_end().as_bytes()).unwrap();
    expected[0].add(1, 7, time);
    assert_eq!(started().expect("the third start").progress, expected);
}

/// What a file says, written down once more and another way; none: it stops the start.
fn expected(table: &Table, file: &[u8]) -> Option<Vec<Progress>> {
    let mut progress = vec![Progress::default(); table.len()];
    let mut lines: Vec<_> = file.split(|&byte| byte == b'\n').collect();
    lines.pop(); // what follows the last LF: nothing
    let mut last = vec![(0, None, 0, 0); table.len()];
    for line in lines {
        let record = Record::parse(line).filter(|_| line.len() < LONGEST)?;
        let group = table.iter().position(|group| group.name.eq_ignore_ascii_case(&record.group));
        if let Some(group) = group {
            let Record { seq_number, matricula, time, .. } = record;
            progress[group].add(seq_number.into(), matricula, time);
            let (state, of_whom, records, greatest) = &mut last[group];
            (*state, *of_whom, *records) = (seq_number.into(), Some(matricula), *records + 1);
            *greatest = seq_number.max(*greatest);
        }
    }
    for (progress, (state, matricula, records, greatest)) in progress.iter().zip(last) {
        let Progress { state: now, matricula: of_whom, records: number, greatest: most, .. } = *progress;
        assert_eq!((now, of_whom, number, most), (state, matricula, records, greatest.into()));
    }
    Some(progress)
}
