//! The tests, in one program: it is linked once, and its tests share the processors. What counts
//! allocations or measures a flood is a program of its own, and so is what searches or simulates.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures and seeds, of which each is small or of which a part will do"
)]

mod common;

#[path = "catalogue/main.rs"]
mod catalogue;
mod check;
mod clients;
mod conformance;
mod datagrams;
mod diagnosis;
mod faults;
mod files;
mod harness;
mod keys;
mod lab;
mod mistakes;
mod notify;
mod outside;
mod page;
mod pages;
mod properties;
mod protocol;
mod received;
mod regressions;
mod report;
mod seam;
mod start;
mod trial;
mod unlucky;
mod vectors;
mod vm;
mod windows;
