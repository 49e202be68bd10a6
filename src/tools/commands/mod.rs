//! What a person runs beside the server.

pub mod check;
pub mod exam;
pub mod key;
pub mod mermaid;
pub mod remarks;
pub mod report;
pub mod start;
pub mod timeline;
