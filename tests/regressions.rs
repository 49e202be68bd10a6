//! What the fuzz targets (`scripts/fuzz.sh`) have found, each with the input that showed it.

/// A group that the table no longer has was named in the warning as it stood in the file.
use crate::common::in_memory;
#[test]
fn a_warning_of_a_group_that_is_not_in_the_table_is_printable_ascii() {
    let file = include_bytes!("regressions/replay_group_not_ascii");
    let (warnings, ..) = in_memory::started(file, true, &[]);
    let warnings = warnings.unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].bytes().all(|byte| matches!(byte, b' '..=b'~')), "{}", warnings[0]);
}
