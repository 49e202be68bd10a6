//! What a person runs beside the server.

pub mod check;
pub mod mermaid;
pub mod remarks;
pub mod report;
pub mod timeline;
