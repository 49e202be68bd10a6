//! The shell harness under `cargo test`: openssl as a second opinion that shares no code with us.

use crate::common;
use std::process::Command;

#[test]
fn a_tester_with_bash_and_openssl_agrees_with_the_server() {
    let output =
        Command::new("bash").args(["tests/harness.sh", common::PROGRAM]).output().expect("bash is needed");
    let (checks, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{checks}\n{errors}");
    assert!(checks.ends_with("\n1..21\n"), "each check has run: {checks}");
}
