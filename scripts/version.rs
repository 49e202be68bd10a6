//! The build script: puts the commit into `--version`, where this is a git checkout.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=scripts/version.rs");
    if !Path::new(".git").exists() {
        return;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("rev-parse").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    // Written at each commit and checkout. A worktree keeps it elsewhere.
    if let Some(log) = git(&["--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    if let Some(commit) = git(&["--short=10", "HEAD"]) {
        println!("cargo::rustc-env=COMMIT={commit}");
    }
}
