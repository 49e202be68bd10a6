//! What a person runs beside the server.

pub mod check;
pub mod exam;
pub mod mermaid;
pub(crate) mod own_key;
pub mod remarks;
pub mod report;
pub mod timeline;
