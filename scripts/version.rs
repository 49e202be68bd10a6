//! The build script: puts the commit into `--version`, where this is a git checkout.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=scripts/version.rs");
    if !Path::new(".git").exists() {
        return;
    }
    println!("cargo::rerun-if-changed=.git/logs/HEAD"); // written at each commit and checkout
    let git = Command::new("git").args(["rev-parse", "--short=10", "HEAD"]).output();
    if let Some(output) = git.ok().filter(|output| output.status.success()) {
        println!("cargo::rustc-env=COMMIT={}", String::from_utf8_lossy(&output.stdout).trim());
    }
}
