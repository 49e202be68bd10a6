//! The program. Everything is in the library: `cargo doc --open` is its table of contents.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    udpsocket_jwt_server::tools::cli::run(std::env::args_os().skip(1))
}
