//! Datagrams of somebody who has no key, each dear in its own way.

use crate::common::{Class, RS256, Signer, claims, signing_input};
use udpsocket_jwt_server::tools::to_base64url;

/// One of them.
pub struct Sent {
    pub what: &'static str,
    /// Whether it is dear where there are many groups and long keys.
    pub to_large_class: bool,
    pub datagram: Vec<u8>,
}

/// A class of a thousand groups, of which three have clients. The others share a key of 4,096 bits.
pub fn large_class() -> Class {
    let class = Class::new();
    let others: Vec<_> = (0..997).map(|number| format!("A_RATHER_LONG_NAME_OF_GROUP_{number:04}")).collect();
    let key = Signer::new("NONAME", 4096).public_pem;
    for group in &others {
        class.directory.write(&format!("keys_pub/{group}.pem"), &key);
    }
    let table: Vec<_> = others.iter().map(|group| format!("\"{group}\":1")).collect();
    let table = format!("{{\"JAVALI\":3,\"NONAME\":4,\"HEARTBEAT\":1,{}}}", table.join(","));
    class.directory.write("groups.json", table);
    class
}

/// All of them.
pub fn datagrams() -> Vec<Sent> {
    let forged = |claims: String, signature: usize| {
        let noise = (0..127).cycle().take(signature).collect::<Vec<u8>>();
        format!("{}.{}", signing_input(RS256, claims), to_base64url(&noise)).into_bytes()
    };
    let of = |group: &str| format!("{{\"group\":\"{group}\",\"seq_number\":1,\"matricula\":7}}");
    let marks = "\u{feff}".repeat(1_365).into_bytes();
    let mut long = marks.clone();
    long.resize(65_507, 0);
    let odd = "{\"group\":\"HEARTBEAT\",\"seq\":1,\"nummer\":1,\"sequenz\":1,\"zahl\":2,\"folge\":3,\"mat\":4,\"x\":5}";
    let sent = |what, to_large_class, datagram| Sent { what, to_large_class, datagram };
    vec![
        sent(
            "a forged signature",
            false,
            Signer::new("NONAME", 2048).sign(RS256, claims("JAVALI", 1, 7)).into(),
        ),
        sent("a forged signature of 4,096 bits", true, forged(of("A_RATHER_LONG_NAME_OF_GROUP_0001"), 512)),
        sent("1,365 byte order marks", false, marks),
        sent("the same, and NULs to 65,507 bytes", false, long),
        sent(
            "2,400 spaces behind the claims",
            false,
            forged(format!("{}{}x", claims("JAVALI", 1, 7), " ".repeat(2_400)), 256),
        ),
        sent("a group of 1,250 two-byte letters", true, forged(of(&"\u{e9}".repeat(1_250)), 256)),
        sent("a group of 60 letters", true, forged(of(&"X".repeat(60)), 256)),
        sent(
            "a group much like a thousand others",
            true,
            forged(of("B_RATHER_LONG_NAME_OF_GROUP_000X"), 256),
        ),
        sent(
            "a captured message with seven odd names",
            false,
            Signer::new("HEARTBEAT", 2048).sign(RS256, odd).into(),
        ),
    ]
}
