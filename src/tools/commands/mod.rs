//! What a person runs beside the server.

pub mod check;
pub mod report;
