//! What the fuzz targets (`scripts/fuzz.sh`) have found, each with the input that showed it.

use std::io::Cursor;
use udpsocket_jwt_server::groups::Table;
use udpsocket_jwt_server::received::{Replayed, replay};

/// A group that the table no longer has was named in the warning as it stood in the file.
#[test]
fn a_warning_of_a_group_that_is_not_in_the_table_is_printable_ascii() {
    let file = include_bytes!("regressions/replay_group_not_ascii");
    let Replayed { warnings, .. } = replay(Cursor::new(file.to_vec()), &Table::compiled_in(), true).unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].bytes().all(|byte| matches!(byte, b' '..=b'~')), "{}", warnings[0]);
}
