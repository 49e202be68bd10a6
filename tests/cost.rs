//! What a stranger's datagram may cost: work that is bounded, whatever is in it. It is counted in the bytes
//! that are allocated, which are the same in each run. Time is not.

#[allow(dead_code)] // a part of it is used
mod common;

use common::in_memory::Lab;
use common::{RS256, Signer, claims};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};
use udpsocket_jwt_server::server::{Class, Datagram, Handled, read};
use udpsocket_jwt_server::tools::faults::{claims as about_claims, datagram, groups_json, json};
use udpsocket_jwt_server::tools::lab::explain::Explainer;
use udpsocket_jwt_server::tools::to_base64url;

thread_local! {
    /// Bytes that this thread has allocated.
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        _ = ALLOCATED.try_with(|allocated| allocated.set(allocated.get() + layout.size()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How many bytes a call allocates.
fn work<T>(call: impl FnOnce() -> T) -> usize {
    let before = ALLOCATED.get();
    call();
    ALLOCATED.get() - before
}

/// Datagrams of so many bytes that make what looks at them look long.
fn dear(bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let of = |text: &str| text.as_bytes().iter().copied().cycle().take(bytes).collect::<Vec<_>>();
    let with_end = |text: &str, end: &str| [&of(text)[..bytes - end.len()], end.as_bytes()].concat();
    vec![
        ("byte order marks", of("\u{feff}")),
        ("byte order marks and a token", with_end("\u{feff}", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln")),
        ("a letter and a dot", of("a.")),
        ("dots", of(".")),
        ("the beginning of a header", of("eyJ")),
        ("headers", of("eyJhbGciOiJSUzI1NiJ9.")),
        ("0x", of("0x")),
        ("\\n as two characters", of("\\n")),
        ("percent-encoding", of("%7B")),
        ("open objects", of("{\"a\":")),
        ("a list of numbers", with_end("[1,", "]")),
        ("base64", of("QUFB")),
        ("base64 of another alphabet", with_end("QUFB", "+/==")),
        ("words", of("a ")),
        ("quotes", of("\"")),
        ("bytes that are no text", of("\u{e9}")),
    ]
}

#[test]
fn a_datagram_is_explained_with_work_in_proportion_to_its_length() {
    for bytes in [256, 1_024, 4_096] {
        for (what, datagram) in dear(bytes) {
            let work = work(|| datagram::diagnose(&datagram));
            assert!(work <= 160 * bytes, "{what}, {bytes} bytes: {work} bytes allocated");
        }
    }
}

/// Texts of so many bytes that are nearly JSON.
fn nearly_json(bytes: usize) -> Vec<(&'static str, String)> {
    let between =
        |start: &str, fill: &str, end: &str| format!("{start}{}{end}", fill.repeat(bytes / fill.len()));
    vec![
        ("spaces behind the object", between("{\"a\":1}", " ", "x")),
        ("spaces before it", between("", " ", "{\"a\":1,2}")),
        ("spaces in it", between("{\"a\":", " ", "x}")),
        ("commas and spaces", between("{", "1 , ", "}")),
        ("numbers", between("[", "1,", "]x")),
        ("names", between("{", "\"a\":1,", "}")),
        ("words", between("{", "a ", "}")),
        ("quotes", between("{\"a\":\"", "\\\"", "}")),
        ("lists", between("{\"a\":", "[", "}")),
        ("a text", between("{\"a\":\"", "x", "")),
    ]
}

/// The least time of some tries: a busy machine makes others longer.
fn least(work: impl Fn()) -> Duration {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..15).map(time).min().unwrap()
}

#[test]
fn four_times_the_bytes_do_not_take_the_square_of_that() {
    let small_and_large = |small: &dyn Fn(), large: &dyn Fn(), what: &str| {
        let (small, large) = (least(small), least(large));
        let is_linear = large <= 10 * small || large < Duration::from_millis(20);
        assert!(is_linear, "{what}: {small:?}, and {large:?} for four times as much");
    };
    for ((what, small), (_, large)) in nearly_json(2_000).into_iter().zip(nearly_json(8_000)) {
        let diagnose = |text: &str| _ = std::hint::black_box(json::diagnose(text.as_bytes()));
        small_and_large(&|| diagnose(&small), &|| diagnose(&large), what);
    }
    for ((what, small), (_, large)) in dear(2_000).into_iter().zip(dear(8_000)) {
        let diagnose = |bytes: &[u8]| _ = std::hint::black_box(datagram::diagnose(bytes));
        small_and_large(&|| diagnose(&small), &|| diagnose(&large), what);
    }
}

#[test]
fn nuls_behind_a_datagram_are_counted_and_looked_at_no_more() {
    for (what, mut datagram) in dear(4_096) {
        datagram.resize(65_507, 0);
        let work = work(|| datagram::diagnose(&datagram));
        assert!(work <= 160 * 4_096 + 3 * 65_507, "{what}: {work} bytes allocated");
    }
}

#[test]
fn a_group_is_looked_for_with_work_in_proportion_to_the_table() {
    for groups in [10, 100, 1_000] {
        let names: Vec<_> =
            (0..groups).map(|number| format!("A_RATHER_LONG_NAME_OF_GROUP_{number:04}")).collect();
        for name in
            ["x".repeat(60), "B_RATHER_LONG_NAME_OF_GROUP_000X".into(), "A_RATHER_LONG_NAME_OF_GROUP".into()]
        {
            let work = work(|| about_claims::group(&name, names.iter().map(String::as_str)));
            assert!(work <= 10_000 + groups * 1_600, "{name}, {groups} groups: {work} bytes allocated");
        }
        let name = "\u{e9}".repeat(1_250);
        let work = work(|| about_claims::group(&name, names.iter().map(String::as_str)));
        assert!(work <= 20_000, "{groups} groups: {work} bytes allocated for a name that is no group's");
    }
}

#[test]
fn a_claim_is_looked_for_with_work_in_proportion_to_the_claims() {
    for number in [7, 330] {
        let members = (0..number).map(|number| (format!("sequenz{number}"), 1.into())).collect();
        let work = work(|| about_claims::claim(&members, "seq_number"));
        assert!(work <= 5_000 + number * 1_000, "{number} claims: {work} bytes allocated");
    }
}

/// A class of one group and its key.
fn class(signer: &Signer) -> Class {
    let key = udpsocket_jwt_server::keys::PublicKey::from_pem(&signer.public_pem, 2_048).unwrap();
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"secret");
    Class { table: groups_json::table(br#"{"JAVALI":3}"#).unwrap(), keys: vec![Some(key)], secret }
}

fn refused<'a>(class: &Class, datagram: &'a Datagram) -> Handled<'a> {
    let reading = read(class, &datagram.bytes, datagram.time);
    let outcome = Err(reading.as_ref().expect_err("it is refused").refusal.clone());
    Handled { datagram, reading, outcome }
}

fn received(bytes: &[u8]) -> Datagram {
    let sender = ([192, 0, 2, 7], 50_000).into();
    Datagram { time: Duration::from_secs(1_700_000_000), sender, bytes: bytes.into() }
}

#[test]
fn explanations_take_a_tenth_of_the_time_and_a_short_burst() {
    let javali = Signer::new("JAVALI", 2_048);
    let class = class(&javali);
    let forged = Signer::new("NONAME", 2_048).sign(RS256, claims("JAVALI", 1, 7));
    let datagram = received(forged.as_bytes());
    let handled = refused(&class, &datagram);
    let mut explainer = Explainer::default();
    let (start, mut spent, mut explained, mut silent) = (Instant::now(), Duration::ZERO, 0, 0);
    while start.elapsed() < Duration::from_millis(700) {
        let before = Instant::now();
        match explainer.explain(&class, &handled) {
            Some(explanation) => {
                assert!(explanation.reply.is_some());
                (spent, explained) = (spent + before.elapsed(), explained + 1);
            }
            None => silent += 1,
        }
    }
    let allowed = (start.elapsed() + Duration::from_millis(500)) / 10;
    assert!(spent <= 2 * allowed, "{spent:?} spent on {explained}, where {allowed:?} may be");
    assert!(explained > 0 && silent > 0, "{explained} explained, {silent} not");
}

#[test]
fn a_datagram_that_is_too_short_to_be_explained_uses_nothing_up() {
    let javali = Signer::new("JAVALI", 2_048);
    let class = class(&javali);
    let mut explainer = Explainer::default();
    for bytes in 0..12 {
        let short = received(&vec![b'x'; bytes]);
        let work = work(|| assert!(explainer.explain(&class, &refused(&class, &short)).is_none()));
        assert!(work <= 1_000, "{bytes} bytes: {work} bytes allocated");
    }
    let datagram = received(&[b'x'; 200]);
    assert!(explainer.explain(&class, &refused(&class, &datagram)).unwrap().reply.is_some());
}

#[test]
fn no_line_of_the_log_is_longer_than_a_bounded_escape_of_the_datagram() {
    let javali = Signer::new("JAVALI", 2_048);
    let class = class(&javali);
    let token = |payload: &str| javali.sign(RS256, payload).into_bytes();
    let long = "\u{e9}".repeat(1_000);
    let mut datagrams: Vec<_> = dear(4_096).into_iter().map(|(_, datagram)| datagram).collect();
    datagrams.extend([
        token(&format!("{{\"group\":\"{long}\"}}")),
        token(&format!("{{\"group\":\"JAVALI\",\"{long}\":1}}")),
        token(&format!("{{\"group\":\"JAVALI\",\"seq_number\":\"{long}\"}}")),
        token(&format!("{{\"group\":\"JAVALI\",\"seq_number\":1,\"matricula\":1,\"aud\":\"{long}\"}}")),
        token(&format!("\"{long}\"")),
        format!(
            "{}.{}.AAAA",
            to_base64url(format!("{{\"alg\":\"{long}\"}}").as_bytes()),
            to_base64url(b"{}")
        )
        .into(),
    ]);
    let mut lab = Lab::of_javali(&javali);
    for bytes in datagrams {
        let datagram = received(&bytes);
        let reading = read(&class, &bytes, datagram.time);
        let outcome = match &reading {
            Ok(message) => Err(message.request.clone().expect_err("it is refused")),
            Err(unverified) => Err(unverified.refusal.clone()),
        };
        let handled = Handled { datagram: &datagram, reading, outcome };
        let found = Explainer::default()
            .explain(&class, &handled)
            .and_then(|said| said.found)
            .map(|found| found.to_string());
        let plain = lab.handle(&bytes).detail;
        for said in [found.unwrap_or_default(), plain] {
            assert!(said.len() <= 1_000, "{} bytes: {said}", said.len());
        }
    }
}
