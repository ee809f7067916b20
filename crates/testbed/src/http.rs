//! HTTP/1.1, written by hand: a bounded request reader, answers, and plans of bytes and pauses.
//!
//! A library would make it impossible to answer wrongly, and answering wrongly is half of what this server is for.

pub(crate) mod answer;
pub(crate) mod plan;
pub(crate) mod request;
pub(crate) mod serve;
