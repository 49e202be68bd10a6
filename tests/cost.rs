//! What a stranger's datagram may cost: work that is bounded, whatever is in it. Counted are the bytes that
//! are allocated, which are the same in each run, where time is not.

mod common;

use common::{Signer, signing_input};
use std::time::Instant;
use udpsocket_jwt_server::keys::PublicKey;
use udpsocket_jwt_server::tools::faults::signature::{Effort, Key, open};
use udpsocket_jwt_server::tools::faults::{claims, datagram};
use udpsocket_jwt_server::tools::to_base64url;

#[test]
fn measure() {
    let bom = "\u{feff}";
    let nuls = |text: String, length: usize| {
        let mut b = text.into_bytes();
        b.resize(length, 0);
        b
    };
    let time = |name: &str, f: &dyn Fn() -> Option<String>| {
        let mut best = u128::MAX;
        let mut said = None;
        for _ in 0..20 {
            let s = Instant::now();
            said = f();
            best = best.min(s.elapsed().as_nanos());
        }
        println!(
            "{name:40} {:8.1} us  {}",
            best as f64 / 1000.0,
            said.unwrap_or_default().chars().take(100).collect::<String>()
        );
    };
    let d = |b: Vec<u8>| move || datagram::diagnose(&b).map(|d| d.to_string());
    for (name, bytes) in [
        ("1365 boms", bom.repeat(1365).into_bytes()),
        ("1365 boms + NULs", nuls(bom.repeat(1365), 65_507)),
        ("boms and token", (bom.repeat(1000) + "eyJhbGciOiJSUzI1NiJ9.e30.c2ln").into_bytes()),
        ("random-like NULs", nuls("x".into(), 65_507)),
        ("a.a.a", "a.".repeat(2048).into_bytes()),
        ("eyJ eyJ", "eyJ ".repeat(1024).into_bytes()),
        ("eyJeyJ", "eyJ".repeat(1365).into_bytes()),
        ("eyJA.eyJA", "eyJhbGciOiJSUzI1NiJ9.".repeat(195).into_bytes()),
        ("0x0x", "0x".repeat(2048).into_bytes()),
        ("\\n\\n", "\\n".repeat(2048).into_bytes()),
        ("%", "%7B".repeat(1365).into_bytes()),
        ("json", ("{\"a\":".repeat(800)).into_bytes()),
        (
            "json big",
            format!("{{{}}}", (0..400).map(|i| format!("\"a{i}\":0")).collect::<Vec<_>>().join(","))
                .into_bytes(),
        ),
        ("numbers", format!("[{}]", "1,".repeat(2000)).into_bytes()),
        ("base64", "QUFB".repeat(1024).into_bytes()),
        ("base64 + pad", ("QUFB".repeat(1000) + "+/==").into_bytes()),
        ("dots", ".".repeat(4096).into_bytes()),
        ("spaces", "a ".repeat(2048).into_bytes()),
        ("high", vec![0xe9; 4096]),
    ] {
        time(name, &d(bytes));
    }
    let names: Vec<String> = (0..1000).map(|i| format!("A_RATHER_LONG_NAME_OF_GROUP_{i:04}")).collect();
    let short: Vec<String> = (0..1000).map(|i| format!("G{i}")).collect();
    for (table, names) in [("long", &names), ("short", &short)] {
        for (name, group) in [
            ("1250 é", "é".repeat(1250)),
            ("60 x", "x".repeat(60)),
            ("60 long", "A_RATHER_LONG_NAME_OF_GROUP_".repeat(2)),
            ("32", "A_RATHER_LONG_NAME_OF_GROUP_WXYZ".into()),
            ("32 alike", "B_RATHER_LONG_NAME_OF_GROUP_000X".into()),
            ("3", "G9".into()),
        ] {
            time(&format!("{table} {name}"), &|| {
                claims::group(&group, names.iter().map(String::as_str)).map(|d| d.to_string())
            });
        }
    }
    let odd = |n: usize| (0..n).map(|i| (format!("sequenz{i}"), 1.into())).collect();
    for n in [7, 330] {
        let m: serde_json::Map<String, serde_json::Value> = odd(n);
        time(&format!("{n} odd names"), &|| claims::claim(&m, "seq_number").map(|d| d.to_string()));
    }
    let (a, b) = (Signer::new("JAVALI", 2048), Signer::new("JAVALI", 4096));
    for (name, signer, length) in [("2048", &a, 256), ("4096", &b, 512)] {
        let public = PublicKey::from_pem(&signer.public_pem, 2048).unwrap();
        let n = public.components();
        let key = Key { name: "JAVALI", n: &n.n, e: &n.e };
        let others: Vec<_> = (0..999).map(|_| key).collect();
        for payload in [
            r#"{"group":"JAVALI","seq_number":1,"matricula":20240001}"#.to_string(),
            format!("{{\"a\":\"{}\"}}", "x".repeat(500)),
            format!("{{\"a\":\"{}\"}}", "x".repeat(2500)),
        ] {
            let input = signing_input(common::RS256, &payload);
            for (what, sig) in [
                ("noise", vec![7u8; length]),
                ("s=1", {
                    let mut s = vec![0; length];
                    s[length - 1] = 1;
                    s
                }),
                ("zeros", vec![0; length]),
            ] {
                let token = format!("{}.{}", String::from_utf8_lossy(input.as_bytes()), to_base64url(&sig));
                time(&format!("open {name} {} bytes {what}", token.len()), &|| {
                    open(token.as_bytes(), key, &others, Effort::BOUNDED).map(|o| o.diagnosis.to_string())
                });
            }
        }
    }
}
