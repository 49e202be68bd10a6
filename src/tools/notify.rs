//! Readiness, told to systemd (`Type=notify`): a start that fails is then seen to fail.

use crate::tools::print::{say_soon, shown};

/// Says that the server is up, where `NOTIFY_SOCKET` names a socket to say it to.
pub fn ready() {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(&socket, b"READY=1")
    {
        let socket = shown(socket.as_ref());
        say_soon(format!("warning: NOTIFY_SOCKET {socket}: cannot be told that the server is up: {error}"));
    }
}

/// Sends a message to a socket: a path, or behind an `@` an abstract name. A socket that takes nothing more
/// holds up the start for a second at most.
#[cfg(target_os = "linux")]
fn send(socket: &std::ffi::OsStr, message: &[u8]) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::{ffi::OsStrExt, net};
    use std::time::Duration;
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => net::SocketAddr::from_abstract_name(name)?,
        None => net::SocketAddr::from_pathname(socket)?,
    };
    let sender = net::UnixDatagram::unbound()?;
    sender.set_write_timeout(Some(Duration::from_secs(1)))?;
    sender.send_to_addr(message, &address).map(|_| ())
}

/// Elsewhere there is no systemd.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps)] // as on Linux
fn send(_: &std::ffi::OsStr, _: &[u8]) -> std::io::Result<()> {
    Ok(())
}
