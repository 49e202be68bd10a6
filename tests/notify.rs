//! systemd learns that the server is up when it is, and not before.
#![cfg(target_os = "linux")]

mod common;

use common::{Class, PROGRAM, Scratch};
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Starts a server with this `NOTIFY_SOCKET`, receives what it says there, and ends it.
fn told(class: &Class, name: &str, socket: &UnixDatagram) -> Vec<u8> {
    let mut server = Command::new(PROGRAM)
        .args(["--quiet", "127.0.0.1", "0"])
        .arg(class.directory.path())
        .env("NOTIFY_SOCKET", name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut message = [0; 100];
    let received = socket.recv(&mut message);
    server.kill().unwrap();
    server.wait().unwrap();
    message[..received.unwrap()].to_vec()
}

#[test]
fn a_server_that_is_up_tells_systemd_so_by_a_path_and_by_an_abstract_name() {
    let class = Class::new();
    let directory = Scratch::new();
    let path = directory.file("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    assert_eq!(told(&class, path.to_str().unwrap(), &socket), b"READY=1");

    let name = format!("udpsocket-jwt-server-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    assert_eq!(told(&class, &format!("@{name}"), &socket), b"READY=1");
}

#[test]
fn a_start_that_fails_tells_systemd_nothing() {
    let directory = Scratch::new(); // no class in it
    let path = directory.file("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let output = Command::new(PROGRAM)
        .args(["127.0.0.1", "0"])
        .arg(directory.path())
        .env("NOTIFY_SOCKET", &path)
        .output();
    assert_eq!(output.unwrap().status.code(), Some(1));
    socket.set_nonblocking(true).unwrap();
    assert_eq!(socket.recv(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_notify_socket_that_is_not_there_is_a_warning_and_the_server_goes_on() {
    let class = Class::new();
    let errors = class.directory.file("errors");
    let mut server = Command::new(PROGRAM)
        .args(["--quiet", "127.0.0.1", "0"])
        .arg(class.directory.path())
        .env("NOTIFY_SOCKET", "/nowhere/notify")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let said = || std::fs::read_to_string(&errors).unwrap();
    for _ in 0..400 {
        if said().contains("NOTIFY_SOCKET /nowhere/notify: cannot be told") {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let is_running = server.try_wait().unwrap().is_none();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(is_running && said().contains("NOTIFY_SOCKET /nowhere/notify: cannot be told"), "{}", said());
}
