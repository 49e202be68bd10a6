//! The server keeps nothing of a datagram that it is done with: counted at the allocator, to the
//! byte, with the server in this process.

#[allow(dead_code)] // a part of it is used
mod common;

use common::{Client, RS256, Signer, claims};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use udpsocket_jwt_server::server::MOST_TOGETHER;
use udpsocket_jwt_server::start::Started;
use udpsocket_jwt_server::tools::lab::{Tools, explain::Explainer, journal::Journal};

/// Bytes that are allocated and not freed.
static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn nothing_of_a_datagram_is_kept_in_memory_once_it_is_answered_or_dropped() {
    let signer = Signer::new("JAVALI", 2048);
    let (directory, Started { mut server, socket, .. }) = common::started_here(&signer);
    let journal = Journal::new(directory.path(), false);
    let mut lab = Tools { journal, lose: 0, trial: None, explainer: Some(Explainer::default()), ports: None };

    let many_claims: String = (0..300).map(|number| format!(r#","{number}":[{{}}]"#)).collect();
    let mut datagrams = vec![vec![0xff; 4_096], vec![b'.'; 4_096], vec![b'{'; 5_000], Vec::new()];
    for text in [
        signer.message("JAVALI", 0, 1),
        signer.message("JAVALI", 1, 2),
        signer.message("JAVALI", 2, 3), // each of these in its turn is recorded, repeated, out of order
        signer.message("JAVALI", 1, 4),
        signer.sign(RS256, claims("PINHAO", 1, 5)),
        signer.sign(RS256, claims("JAVALI", 1, 6).replace('}', &format!("{many_claims}}}"))),
        signer.sign(r#"{"alg":"none"}"#, claims("JAVALI", 1, 7)),
        signer.message("JAVALI", 1, 8).replace("ey", "eyJ"),
    ] {
        datagrams.push(text.into());
    }

    let client = Client::new(socket.local_addr().unwrap());
    client.socket.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut serve_together = |datagrams: &mut dyn Iterator<Item = &Vec<u8>>| {
        datagrams.for_each(|datagram| client.send(datagram));
        server.serve(&socket, &mut buffer, &mut lab).unwrap();
        while client.socket.recv(&mut [0; 4_096]).is_ok() {}
        LIVE.load(Ordering::Relaxed)
    };

    // The longest lines that may ever wait for the log, so that there is room for any.
    serve_together(&mut datagrams.iter().take(1).cycle().take(MOST_TOGETHER));
    let before = serve_together(&mut datagrams.iter());
    for turn in 0..400 {
        let number = 1 + turn * 7 % MOST_TOGETHER;
        let after = serve_together(&mut datagrams.iter().cycle().skip(turn % 12).take(number));
        assert_eq!(after, before, "bytes in use after {number} more datagrams, turn {turn}");
    }
}
