//! A server on one page. To run it, in a class's directory:
//! `cargo run --example page -- 127.0.0.1:5555`
#![cfg_attr(rustfmt, rustfmt_skip)] // no line is longer than a browser shows

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, signature};
use serde_json::Value;
use std::{env, fs, net::UdpSocket, time::SystemTime};

/// The groups that may speak: a name, and how many members the group has.
static GROUPS: [(&str, u64); 6] =
    [("JAVALI", 3), ("PINHAO", 3), ("BISSAU", 3), ("NONAME", 4), ("SOQUETINHO", 3),
     ("HEARTBEAT", 1)];

type PublicKey = signature::UnparsedPublicKey<Vec<u8>>;
type Keys = [Option<PublicKey>; 6];

fn main() {
    serve(&env::args().nth(1).unwrap_or("127.0.0.1:5555".into()));
}

/// Answers the datagrams that are sent to an address.
pub(crate) fn serve(address: &str) {
    let path = "keys_priv/key_secret_for_hmac.txt";
    let secret = fs::read(path).expect("the secret of the class");
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.trim_ascii_end());
    let keys = GROUPS.map(|(group, _)| public_key(group));
    let mut states = [0; 6];
    let socket = UdpSocket::bind(address).expect("a free address of this machine");
    let mut buffer = [0; 4096];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(reply) = answer(&buffer[..length], &keys, &mut states, &secret) {
            _ = socket.send_to(reply.as_bytes(), client);
        }
    }
}

/// A group's public key. The decoded file begins with bytes that say the kind of key
/// and some lengths. For a key of 2,048 to 4,096 bits these are 24 bytes.
fn public_key(group: &str) -> Option<PublicKey> {
    let file = pem::parse(fs::read(format!("keys_pub/{group}.pem")).ok()?).ok()?;
    let key = file.contents().get(24..)?;
    Some(PublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, key.into()))
}

/// The reply to a datagram, or silence.
fn answer(
    datagram: &[u8], keys: &Keys, states: &mut [u64; 6], secret: &hmac::Key,
) -> Option<String> {
    let token = str::from_utf8(datagram).ok()?.trim_end();
    let (signing_input, signature) = token.rsplit_once('.')?;
    let (header, payload) = signing_input.split_once('.')?;
    let header = BASE64URL.decode(header).ok()?;
    let payload = BASE64URL.decode(payload).ok()?;
    let header: Value = serde_json::from_slice(&header).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    if header["alg"] != "RS256" {
        return None;
    }
    let group = GROUPS.iter().position(|(name, _)| claims["group"] == *name)?;
    let signature = BASE64URL.decode(signature).ok()?;
    keys[group].as_ref()?.verify(signing_input.as_bytes(), &signature).ok()?;

    let (_, members) = GROUPS[group];
    let seq_number = claims["seq_number"].as_u64()?;
    let state = states[group];
    let next_number = match seq_number {
        0 => 1,
        sn if sn > members || (sn != state && sn != state + 1) => return None,
        sn if sn == members => 0,
        sn => sn + 1,
    };
    states[group] = seq_number;

    let hash = digest::digest(&digest::SHA256, &payload);
    let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    let id_request: String = digits.collect();
    let mut random = [0; 2];
    SystemRandom::new().fill(&mut random).ok()?;
    let otp_number = u16::from_ne_bytes(random) % 20_001;
    let otp_timestamp = SystemTime::UNIX_EPOCH.elapsed().ok()?.as_secs();
    // In two halves, for the width of the page. `{{` stands for one brace.
    let reply = format!(
        r#"{{"id_request":"{id_request}","next_number":{next_number},"#
    ) + &format!(r#""otp_number":{otp_number},"otp_timestamp":{otp_timestamp}}}"#);
    let header = BASE64URL.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signing_input = header + "." + &BASE64URL.encode(reply);
    let tag = hmac::sign(secret, signing_input.as_bytes());
    Some(signing_input + "." + &BASE64URL.encode(tag))
}
