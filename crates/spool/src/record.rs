//! What is stored, and its number.

use bytes::Bytes;

/// A message as the queue sees it: two runs of bytes that mean nothing to it and come back as they were given.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Record {
    /// What the driver needs beside the payload: topic, times, properties, in an encoding and version of its own.
    pub header: Bytes,
    /// The payload.
    pub payload: Bytes,
}

/// The number of a record: later records have greater ones, also across processes. Never used twice for records that
/// were reported as stored.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordId(pub(crate) u64);

impl RecordId {
    /// As a number, for logs and tests.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}
