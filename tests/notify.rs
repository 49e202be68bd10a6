//! systemd learns that the server is up when it is, and not before.
#![cfg(target_os = "linux")]

use crate::common::{Class, PROGRAM, Running, Scratch, failed, wait_until};
use std::fs::File;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A server on a class with this `NOTIFY_SOCKET`.
fn server(class: &Class, name: &str, errors: impl Into<Stdio>) -> Running {
    let mut command = class.command(&["--quiet"]);
    Running::spawn(command.env("NOTIFY_SOCKET", name).stdout(Stdio::null()).stderr(errors))
}

/// What it says there.
fn told(class: &Class, name: &str, socket: &UnixDatagram) -> Vec<u8> {
    let _server = server(class, name, Stdio::null());
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut message = [0; 100];
    let length = socket.recv(&mut message).unwrap();
    message[..length].to_vec()
}

#[test]
fn a_server_that_is_up_tells_systemd_so_by_a_path() {
    let directory = Scratch::new();
    let path = directory.file("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    assert_eq!(told(&Class::new(), path.to_str().unwrap(), &socket), b"READY=1");
}

#[test]
fn a_server_that_is_up_tells_systemd_so_by_an_abstract_name() {
    let name = format!("udpsocket-jwt-server-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    assert_eq!(told(&Class::new(), &format!("@{name}"), &socket), b"READY=1");
}

#[test]
fn a_start_that_fails_tells_systemd_nothing() {
    let directory = Scratch::new(); // no class in it
    let path = directory.file("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = Command::new(PROGRAM);
    failed(command.args(["127.0.0.1", "0"]).arg(directory.path()).env("NOTIFY_SOCKET", &path), 1);
    socket.set_nonblocking(true).unwrap();
    assert_eq!(socket.recv(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_notify_socket_that_is_not_there_is_only_a_warning() {
    let class = Class::new();
    let errors = class.directory.file("errors");
    let mut server = server(&class, "/nowhere/notify", File::create(&errors).unwrap());
    let warning = "NOTIFY_SOCKET /nowhere/notify: cannot be told";
    wait_until("the warning", || std::fs::read_to_string(&errors).unwrap().contains(warning));
    assert_eq!(server.0.try_wait().unwrap(), None, "it goes on");
}
