//! The bare program: what no server of this protocol can do without, and nothing else. One fixed
//! key; receive, verify, HMAC, send; no JSON, no state, no log. It answers whatever verifies.
//!
//! It is this bench, run again with arguments, so that no second program has to be built.

use ring::{hmac, signature};
use std::fs::File;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::path::Path;
use udpsocket_jwt_server::keys::PublicKey;
use udpsocket_jwt_server::tools::{base64url, to_base64url};

/// As long as the server's replies are.
const REPLY: &str = r#"{"id_request":"2c1bf3eb9e900546a52748ea83ac4fbd0fdc2669381dd0af70455abea55a2fc9","next_number":1,"otp_number":12345,"otp_timestamp":1700000000}"#;

/// Serves on a free port until it is killed. If it is given a file, each token is appended to it
/// and synced before it is answered.
pub fn serve(key: &Path, file: Option<&Path>) -> ! {
    let key = PublicKey::from_pem(&std::fs::read(key).unwrap(), 2_048).unwrap();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of thirty-two bytes or so");
    let header = to_base64url(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signing_input = format!("{header}.{}", to_base64url(REPLY.as_bytes()));
    let mut file = file.map(|file| File::options().append(true).create(true).open(file).unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    println!("listening on {}", socket.local_addr().unwrap());
    io::stdout().flush().unwrap();

    let mut buffer = vec![0; 1 << 16];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).unwrap();
        let token = &buffer[..length];
        let dot = token.iter().rposition(|&byte| byte == b'.').unwrap();
        let signature = base64url(&token[dot + 1..]).unwrap();
        key.components()
            .verify(&signature::RSA_PKCS1_2048_8192_SHA256, &token[..dot], &signature)
            .expect("the load is well signed");
        if let Some(file) = &mut file {
            file.write_all(token).unwrap();
            file.sync_data().unwrap();
        }
        let tag = hmac::sign(&secret, signing_input.as_bytes());
        let reply = format!("{signing_input}.{}", to_base64url(tag.as_ref()));
        socket.send_to(reply.as_bytes(), peer).unwrap();
    }
}
